//! Reports of scanners about images: JSON of Trivy and of Grype.

use crate::fault::{Fault, text};
use record::Severity;
use rules::image::{canonical, is_digest};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Largest report that is read, in bytes, unpacked.
const LARGEST: usize = 256 << 20;
const EXPECTED: &str = "the report of one image, by `trivy image --format json` or `grype -o json`";

/// What a scanner found in one image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageReport {
    /// How the scanner was told to find the image.
    pub name: String,
    /// Digests that registries know it by.
    pub(crate) digests: BTreeSet<String>,
    /// Whole references, such as `docker.io/library/nginx:1.29`.
    pub(crate) references: BTreeSet<String>,
    /// Severities by identifier; several packages with one vulnerability count once.
    pub(crate) vulnerabilities: BTreeMap<String, Option<Severity>>,
}

/// Both formats: they have no field in common.
#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "ArtifactName")]
    artifact_name: Option<String>,
    #[serde(rename = "ArtifactType")]
    artifact_type: Option<String>,
    #[serde(rename = "Metadata")]
    metadata: Option<Metadata>,
    #[serde(rename = "Results")]
    results: Option<Vec<TrivyResult>>,
    matches: Option<Vec<Match>>,
    source: Option<Source>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    repo_tags: Option<Vec<String>>,
    repo_digests: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TrivyResult {
    class: Option<String>,
    vulnerabilities: Option<Vec<TrivyVulnerability>>,
}

#[derive(Deserialize)]
struct TrivyVulnerability {
    #[serde(rename = "VulnerabilityID")]
    id: String,
    #[serde(rename = "Severity")]
    severity: Option<String>,
}

#[derive(Deserialize)]
struct Source {
    #[serde(rename = "type")]
    kind: String,
    target: Value,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    user_input: String,
    manifest_digest: Option<String>,
    tags: Option<Vec<String>>,
    repo_digests: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Match {
    vulnerability: GrypeVulnerability,
    related_vulnerabilities: Option<Vec<GrypeVulnerability>>,
}

#[derive(Deserialize)]
struct GrypeVulnerability {
    id: String,
    severity: Option<String>,
}

impl ImageReport {
    /// Reads a report, plain or packed by gzip.
    ///
    /// # Errors
    /// When it is no report of Trivy or Grype, or not about the packages of an image.
    pub fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let text = text(bytes, LARGEST, EXPECTED)?;
        let raw: Raw = serde_json::from_str(&text).map_err(|e| Fault::json(&e, EXPECTED))?;
        match raw {
            Raw { artifact_name: Some(name), artifact_type, metadata, results, .. } => {
                trivy(&name, artifact_type, metadata.unwrap_or_default(), results)
            }
            Raw { matches: Some(matches), source: Some(source), .. } => grype(source, matches),
            _ => Err(Fault::new(format!("is no such report; expected {EXPECTED}"))),
        }
    }

    /// How many vulnerabilities the image has.
    pub fn len(&self) -> usize {
        self.vulnerabilities.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.vulnerabilities.is_empty()
    }

    fn named(name: &str) -> Self {
        let mut report = Self { name: name.to_owned(), ..Self::default() };
        match canonical(name) {
            Some(whole) => report.knows(&whole),
            // Grype takes a scheme before the reference, such as `registry:` or `docker:`.
            None => {
                let rest = name.split_once(':').and_then(|(_, rest)| canonical(rest));
                rest.iter().for_each(|whole| report.knows(whole));
            }
        }
        report
    }

    /// Adds a name of the image: by digest when it has one, else by reference.
    fn knows(&mut self, name: &str) {
        match name.rsplit_once('@').map(|(_, digest)| digest).or(Some(name)) {
            Some(digest) if is_digest(digest) => drop(self.digests.insert(digest.to_owned())),
            _ => self.references.extend(canonical(name)),
        }
    }

    fn has(&mut self, id: &str, severity: Option<&str>) {
        let severity = severity.and_then(severity_of);
        let known = self.vulnerabilities.entry(id.to_owned()).or_default();
        *known = severity.max(*known);
    }
}

fn severity_of(name: &str) -> Option<Severity> {
    match name.to_ascii_lowercase().as_str() {
        "critical" => Some(Severity::Critical),
        "high" => Some(Severity::High),
        "medium" => Some(Severity::Medium),
        "low" | "negligible" => Some(Severity::Low),
        _ => None,
    }
}

fn trivy(
    name: &str,
    kind: Option<String>,
    metadata: Metadata,
    results: Option<Vec<TrivyResult>>,
) -> Result<ImageReport, Fault> {
    if let Some(kind) = kind.filter(|kind| kind != "container_image") {
        let kind: String = kind.chars().take(40).collect();
        return Err(Fault::new(format!("is Trivy's report of a {kind}; expected {EXPECTED}")));
    }
    let results = results.unwrap_or_default();
    let of_packages = |result: &TrivyResult| {
        result.vulnerabilities.is_some()
            || !matches!(
                result.class.as_deref(),
                Some("config" | "secret" | "license" | "license-file" | "custom")
            )
    };
    if !results.is_empty() && !results.iter().any(of_packages) {
        return Err(Fault::new(format!(
            "says nothing of vulnerabilities: run Trivy with the scanner `vuln`; expected {EXPECTED}"
        )));
    }
    let mut report = ImageReport::named(name);
    let names = metadata.repo_digests.into_iter().chain(metadata.repo_tags).flatten();
    names.for_each(|name| report.knows(&name));
    for found in results.into_iter().filter_map(|result| result.vulnerabilities).flatten() {
        report.has(&found.id, found.severity.as_deref());
    }
    Ok(report)
}

fn grype(source: Source, matches: Vec<Match>) -> Result<ImageReport, Fault> {
    if source.kind != "image" {
        let kind: String = source.kind.chars().take(40).collect();
        return Err(Fault::new(format!("is Grype's report of a {kind}; expected {EXPECTED}")));
    }
    let target: Target = serde_json::from_value(source.target)
        .map_err(|error| Fault::new(format!("`source.target`: {error}; expected {EXPECTED}")))?;
    let mut report = ImageReport::named(&target.user_input);
    let names = target.repo_digests.into_iter().chain(target.tags).flatten();
    names.chain(target.manifest_digest).for_each(|name| report.knows(&name));
    for Match { vulnerability: found, related_vulnerabilities: related } in matches {
        let related = related.unwrap_or_default();
        let is_cve = |id: &str| id.parse::<crate::Cve>().is_ok();
        let mut cves = related.iter().filter(|other| is_cve(&other.id)).peekable();
        // An advisory of another kind stands for the vulnerabilities that it is about.
        if is_cve(&found.id) || cves.peek().is_none() {
            report.has(&found.id, found.severity.as_deref());
        } else {
            cves.for_each(|cve| report.has(&cve.id, found.severity.as_deref()));
        }
    }
    Ok(report)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::ImageReport;
    use record::Severity;
    use serde_json::{Value, json};

    pub(crate) const DIGEST: &str =
        "sha256:0d17b565c37bcbd895e9d92315a05c1c3c9a29f762b011a10c54a66cd53c9b31";

    /// A report as Trivy writes it, with vulnerabilities and their severities.
    pub(crate) fn trivy(name: &str, digest: Option<&str>, found: &[(&str, &str)]) -> Value {
        let found: Vec<Value> = found
            .iter()
            .map(|(id, severity)| {
                json!({"VulnerabilityID": id, "PkgName": "openssl", "InstalledVersion": "3.0.1",
                    "Severity": severity, "CVSS": {"nvd": {"V3Score": 9.8}}})
            })
            .collect();
        let repository = name.split(':').next().unwrap();
        json!({
            "SchemaVersion": 2, "CreatedAt": "2025-11-20T10:00:00Z", "ArtifactName": name,
            "ArtifactType": "container_image",
            "Metadata": {
                "OS": {"Family": "debian", "Name": "12.8"},
                "ImageID": "sha256:1111111111111111111111111111111111111111111111111111111111111111",
                "RepoTags": [name],
                "RepoDigests": digest.map(|digest| format!("{repository}@{digest}")).into_iter()
                    .collect::<Vec<_>>(),
            },
            "Results": [
                {"Target": "debian 12.8", "Class": "os-pkgs", "Type": "debian",
                 "Vulnerabilities": found},
                {"Target": "app", "Class": "lang-pkgs", "Type": "gobinary"},
            ],
        })
    }

    fn grype(id: &str, related: &[&str]) -> Value {
        let related: Vec<Value> =
            related.iter().map(|id| json!({"id": id, "severity": "Low"})).collect();
        json!({
            "matches": [{
                "vulnerability": {"id": id, "severity": "High", "namespace": "github:language:go"},
                "relatedVulnerabilities": related,
                "artifact": {"name": "golang.org/x/net", "version": "0.1.0"},
            }],
            "source": {"type": "image", "target": {
                "userInput": "registry:quay.io/team/web:1.2", "imageID": "sha256:22",
                "manifestDigest": DIGEST, "tags": ["quay.io/team/web:1.2"],
                "repoDigests": [format!("quay.io/team/web@{DIGEST}")], "os": "linux",
            }},
            "descriptor": {"name": "grype", "version": "0.104.0"},
        })
    }

    fn parse(report: &Value) -> Result<ImageReport, String> {
        ImageReport::parse(report.to_string().as_bytes()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn trivys_report_is_read() {
        let found =
            [("CVE-2024-0001", "HIGH"), ("CVE-2024-0001", "CRITICAL"), ("DLA-1", "UNKNOWN")];
        let report = parse(&trivy("nginx:1.29", Some(DIGEST), &found)).unwrap();
        assert_eq!(report.name, "nginx:1.29");
        assert!(report.digests.iter().eq([DIGEST]));
        assert!(report.references.iter().eq(["docker.io/library/nginx:1.29"]));
        let severities: Vec<_> = report.vulnerabilities.values().collect();
        assert_eq!(severities, [&Some(Severity::Critical), &None]);
    }

    #[test]
    fn an_image_without_packages_has_none() {
        for results in [json!(null), json!([])] {
            let mut report = trivy("scratch:1", None, &[]);
            report["Results"] = results;
            assert!(parse(&report).unwrap().is_empty());
        }
    }

    #[test]
    fn grypes_report_is_read_and_advisories_become_vulnerabilities() {
        let report = parse(&grype("GHSA-aaaa-bbbb-cccc", &["CVE-2024-0002"])).unwrap();
        assert!(report.references.iter().eq(["quay.io/team/web:1.2"]), "{report:?}");
        assert!(report.digests.iter().eq([DIGEST]));
        let ids = |report: &ImageReport| report.vulnerabilities.keys().cloned().collect::<Vec<_>>();
        assert_eq!(ids(&report), ["CVE-2024-0002"]);
        assert_eq!(report.vulnerabilities["CVE-2024-0002"], Some(Severity::High));
        let report = parse(&grype("GHSA-aaaa-bbbb-cccc", &[])).unwrap();
        assert_eq!(ids(&report), ["GHSA-aaaa-bbbb-cccc"]);
        let report = parse(&grype("CVE-2024-0003", &["CVE-2024-0002"])).unwrap();
        assert_eq!(ids(&report), ["CVE-2024-0003"]);
    }

    #[test]
    fn other_reports_are_refused() {
        let refused = |report: Value, message: &str| {
            let error = parse(&report).unwrap_err();
            assert!(error.contains(message) && error.contains("expected the report"), "{error}");
        };
        let mut of_files = trivy("web", None, &[]);
        of_files["ArtifactType"] = json!("filesystem");
        refused(of_files, "Trivy's report of a filesystem");
        let mut of_secrets = trivy("web", None, &[]);
        of_secrets["Results"] = json!([{"Class": "secret"}]);
        refused(of_secrets, "says nothing of vulnerabilities");
        let mut of_folder = grype("CVE-2024-0003", &[]);
        of_folder["source"] = json!({"type": "directory", "target": "/srv"});
        refused(of_folder, "Grype's report of a directory");
        refused(json!({"bomFormat": "CycloneDX", "vulnerabilities": []}), "is no such report");
        refused(json!([{"Target": "old", "Vulnerabilities": null}]), "invalid type");
        let mut wrong = trivy("web", None, &[]);
        wrong["Results"][0]["Vulnerabilities"] = json!({"VulnerabilityID": 1});
        refused(wrong, "invalid type");
        for (text, message) in [("", "is empty"), ("<html>", "web page"), ("{", "EOF")] {
            let error = ImageReport::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        let error = |text: String| ImageReport::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error(format!("{{\"a\": {deep}}}")).contains("is no such report"));
        let target = format!("{{\"source\": {{\"type\": \"image\", \"target\": {deep}}}}}");
        assert!(error(target).contains("recursion limit"));
    }
}
