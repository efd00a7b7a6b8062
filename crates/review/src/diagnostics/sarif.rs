mod model;

use super::{Finding, InputError, Report, RuleInfo, Suppressed};
use crate::escape;
use manifest::TextEdit;
use model::{
    ArtifactChange, ArtifactLocation, Component, Configuration, Content, Fix, Invocation, Level,
    Location, Log, LogicalLocation, Message, MultiformatMessage, Notification, PhysicalLocation,
    Region, Replacement, ReportingDescriptor, Result as SarifResult, ResultProperties,
    RuleProperties, Run, Suppression, Tool,
};
use record::{Applicability, Severity};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The algorithm behind our fingerprints, with its version.
const FINGERPRINT: &str = "k8sAutoFix/v1";

pub(super) fn write(out: &mut impl Write, report: &Report<'_>) -> io::Result<()> {
    Ok(record::json::to_writer_pretty(&mut *out, &log(report))?)
}

fn log<'a>(report: &Report<'a>) -> Log<'a> {
    let rules = used_rules(report);
    let mut lines = Lines::default();
    let errors = report.errors.iter().map(|error| notification(error, Level::Error));
    let warnings = report.warnings.iter().map(|warning| notification(warning, Level::Warning));
    let findings = report.findings.iter().map(|finding| (finding, None));
    let suppressed = report.suppressed.iter().map(|s| (&s.finding, Some(s)));
    // The standard wants to be told of all results or of none whether they are suppressed.
    let told = !report.suppressed.is_empty();
    let results = findings
        .chain(suppressed)
        .map(|(finding, suppressed)| SarifResult {
            suppressions: told.then(|| suppressed.map(suppression).into_iter().collect()),
            ..result(finding, &rules, &mut lines)
        })
        .collect();
    Log {
        schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Component {
                    name: "k8s-auto-fix",
                    semantic_version: report.version,
                    rules: rules.values().map(|rule| rule.1.clone()).collect(),
                },
            },
            invocations: [Invocation {
                execution_successful: report.errors.is_empty(),
                tool_execution_notifications: errors.chain(warnings).collect(),
            }],
            results,
            column_kind: "unicodeCodePoints",
        }],
    }
}

/// The rules that the findings name, by id, each with its index in that order.
type Rules<'a> = BTreeMap<&'a str, (usize, ReportingDescriptor<'a>)>;

fn used_rules<'a>(report: &Report<'a>) -> Rules<'a> {
    let infos: BTreeMap<&str, RuleInfo<'a>> =
        report.rules.iter().map(|rule| (rule.id, *rule)).collect();
    let mut rules: Rules<'a> = BTreeMap::new();
    let suppressed = report.suppressed.iter().map(|suppressed| &suppressed.finding);
    for finding in report.findings.iter().chain(suppressed) {
        rules.entry(finding.rule()).or_insert_with_key(|id| {
            (0, infos.get(id).map_or_else(|| unknown_rule(id), descriptor))
        });
    }
    for (index, rule) in rules.values_mut().enumerate() {
        rule.0 = index;
    }
    rules
}

fn unknown_rule(id: &str) -> ReportingDescriptor<'_> {
    ReportingDescriptor {
        id,
        short_description: None,
        help: None,
        default_configuration: None,
        properties: None,
    }
}

fn descriptor<'a>(rule: &RuleInfo<'a>) -> ReportingDescriptor<'a> {
    ReportingDescriptor {
        id: rule.id,
        short_description: Some(MultiformatMessage { text: rule.title, markdown: None }),
        help: Some(MultiformatMessage { text: rule.page, markdown: Some(rule.page) }),
        default_configuration: Some(Configuration { level: level(rule.severity) }),
        properties: Some(RuleProperties {
            security_severity: security_severity(rule.severity),
            tags: ["security", "kubernetes"],
        }),
    }
}

fn level(severity: Severity) -> Level {
    match severity {
        Severity::Critical | Severity::High => Level::Error,
        Severity::Medium => Level::Warning,
        Severity::Low => Level::Note,
    }
}

/// Code hosts sort by a number from 0 to 10; these lie in the middle of the bands that they map
/// to the same four words.
fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
    }
}

fn result<'a>(finding: &Finding<'a>, rules: &Rules<'a>, lines: &mut Lines<'a>) -> SarifResult<'a> {
    let detection = finding.detection;
    let fix = finding.fix.filter(|edits| !edits.is_empty() && fits(finding.text, edits));
    SarifResult {
        rule_id: finding.rule(),
        rule_index: rules.get(finding.rule()).map_or(0, |rule| rule.0),
        level: level(finding.severity()),
        message: Message::new(escape(&detection.violation_text).into_owned()),
        locations: [location(finding)],
        partial_fingerprints: detection
            .fingerprint
            .iter()
            .map(|fingerprint| (FINGERPRINT, fingerprint.as_str()))
            .collect(),
        suppressions: None,
        fixes: fix.map(|edits| sarif_fix(finding, edits, lines)).into_iter().collect(),
        properties: ResultProperties {
            severity: finding.severity(),
            applicability: detection.applicability,
            remedy: detection.remedy.as_deref(),
        },
    }
}

fn location<'a>(finding: &Finding<'a>) -> Location<'a> {
    let detection = finding.detection;
    let object = detection.object.as_ref().map(|object| LogicalLocation {
        fully_qualified_name: [
            object.namespace.as_deref(),
            Some(object.kind.as_str()),
            Some(object.title()),
            detection.keyed_path.as_deref(),
        ]
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("/"),
        name: object.title(),
        kind: "resource",
    });
    Location {
        physical_location: PhysicalLocation {
            artifact_location: artifact(&detection.manifest_path),
            region: detection.span.map(|at| Region {
                start_line: at.line,
                start_column: Some(at.column),
                end_line: Some(at.end_line),
                end_column: Some(at.end_column),
                byte_offset: Some(at.start),
                byte_length: Some(at.end.saturating_sub(at.start)),
            }),
        },
        logical_locations: object.into_iter().collect(),
    }
}

fn sarif_fix<'a>(finding: &Finding<'a>, edits: &'a [TextEdit], lines: &mut Lines<'a>) -> Fix<'a> {
    lines.read(finding.text);
    let replacements = edits
        .iter()
        .map(|edit| Replacement {
            deleted_region: lines.region(edit),
            inserted_content: Content { text: &edit.text },
        })
        .collect();
    let detection = finding.detection;
    let description = match (detection.applicability, detection.remedy.as_deref()) {
        (Some(Applicability::Safe), _) => "Safe fix".to_owned(),
        (_, Some(breaks)) => format!("Unsafe fix; it may break this workload: {}", escape(breaks)),
        (_, None) => "Unsafe fix".to_owned(),
    };
    Fix {
        description: Message::new(description),
        artifact_changes: [ArtifactChange {
            artifact_location: artifact(&detection.manifest_path),
            replacements,
        }],
    }
}

fn fits(text: &str, edits: &[TextEdit]) -> bool {
    edits.iter().all(|edit| text.get(edit.range.clone()).is_some())
}

fn suppression<'a>(suppressed: &Suppressed<'a>) -> Suppression<'a> {
    Suppression {
        kind: if suppressed.in_source { "inSource" } else { "external" },
        justification: suppressed.reason.map(escape),
    }
}

fn notification(error: &InputError, level: Level) -> Notification<'_> {
    let help = error.help.as_ref().map_or(String::new(), |help| format!("; {help}"));
    Notification {
        level,
        message: Message::new(escape(&format!("{}{help}", error.message)).into_owned()),
        locations: [Location {
            physical_location: PhysicalLocation {
                artifact_location: artifact(&error.path),
                region: error.line.map(|start_line| Region {
                    start_line,
                    start_column: error.column,
                    end_line: None,
                    end_column: None,
                    byte_offset: None,
                    byte_length: None,
                }),
            },
            logical_locations: Vec::new(),
        }],
    }
}

/// A relative reference, or a `file` URI for an absolute path.
fn artifact(path: &str) -> ArtifactLocation {
    let scheme = if path.starts_with('/') { "file://" } else { "" };
    let mut uri = scheme.to_owned();
    for &byte in path.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri += &format!("%{byte:02X}");
        }
    }
    ArtifactLocation { uri }
}

/// Where the lines of the file at hand start. Findings of one file stand together, so one file is
/// kept.
#[derive(Default)]
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn read(&mut self, text: &'a str) {
        if !std::ptr::eq(self.text, text) || self.starts.is_empty() {
            self.text = text;
            self.starts =
                std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        }
    }

    /// One-based line and column in characters.
    fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|&start| start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count());
        (line, column + 1)
    }

    fn region(&self, edit: &TextEdit) -> Region {
        let (start_line, start_column) = self.position(edit.range.start);
        let (end_line, end_column) = self.position(edit.range.end);
        Region {
            start_line,
            start_column: Some(start_column),
            end_line: Some(end_line),
            end_column: Some(end_column),
            byte_offset: Some(edit.range.start),
            byte_length: Some(edit.range.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::artifact;
    use crate::diagnostics::samples::{self, render};
    use crate::diagnostics::{Format, Options, Report, Suppressed, write};
    use serde_json::{Value, json};

    fn valid(text: &str) -> Value {
        let schema = include_str!("../../tests/sarif-schema-2.1.0.json");
        let mut schema: Value = serde_json::from_str(schema).unwrap();
        // The standard's pattern has a stray bracket that strict engines refuse.
        for holder in ["run", "toolComponent"] {
            let property = &mut schema["definitions"][holder]["properties"]["language"];
            property["pattern"] = "^[a-zA-Z]{2}(-[a-zA-Z]{2})?$".into();
        }
        let validator = jsonschema::validator_for(&schema).unwrap();
        let log: Value = serde_json::from_str(text).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&log).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        log
    }

    #[test]
    fn the_log_follows_the_schema_of_the_standard() {
        let text = render(Format::Sarif, &Options::default());
        valid(&text);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_run_without_findings_is_a_valid_success() {
        let report = Report { version: "1.2.3", ..Report::default() };
        let mut out = Vec::new();
        write(&mut out, &report, Format::Sarif, &Options::default()).unwrap();
        let log = valid(std::str::from_utf8(&out).unwrap());
        assert_eq!(log["runs"][0]["invocations"][0]["executionSuccessful"], true);
        assert_eq!(log["runs"][0]["results"], serde_json::json!([]));
    }

    #[test]
    fn ignored_findings_are_suppressed_results() {
        let text = samples::with_report(|report| {
            let reasons = [(true, Some("the vendor's\u{1b}")), (false, None)];
            let suppressed: Vec<Suppressed<'_>> = report
                .findings
                .iter()
                .zip(reasons)
                .map(|(&finding, (in_source, reason))| Suppressed { finding, in_source, reason })
                .collect();
            let (findings, ignored) = (&report.findings[2..], suppressed.len());
            let report = Report { findings, suppressed: &suppressed, ignored, ..*report };
            let mut out = Vec::new();
            write(&mut out, &report, Format::Sarif, &Options::default()).unwrap();
            String::from_utf8(out).unwrap()
        });
        let log = valid(&text);
        let results = log["runs"][0]["results"].as_array().unwrap();
        let said: Vec<&Value> = results.iter().map(|result| &result["suppressions"]).collect();
        let in_source = json!([{"kind": "inSource", "justification": "the vendor's\\u{1b}"}]);
        assert_eq!(said, [&json!([]), &json!([]), &in_source, &json!([{"kind": "external"}])]);
        let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
        assert_eq!(rules.len(), 4);
        for result in results {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(rules[index]["id"], result["ruleId"]);
        }
    }

    #[test]
    fn paths_become_uri_references() {
        assert_eq!(artifact("a b/ü:%.yaml").uri, "a%20b/%C3%BC%3A%25.yaml");
        assert_eq!(artifact("/tmp/a#?.yaml").uri, "file:///tmp/a%23%3F.yaml");
        assert_eq!(artifact("-").uri, "-");
    }

    #[test]
    fn replacements_say_the_same_in_bytes_and_in_lines() {
        let log: Value = serde_json::from_str(&render(Format::Sarif, &Options::default())).unwrap();
        let change = &log["runs"][0]["results"][0]["fixes"][0]["artifactChanges"][0];
        let region = &change["replacements"][0]["deletedRegion"];
        let found = ["startLine", "startColumn", "endLine", "endColumn", "byteLength"]
            .map(|key| region[key].as_u64().unwrap());
        assert_eq!(found, [7, 1, 8, 1, 30]);
    }
}
