use super::*;
use crate::{Input, ObjectContext};
use manifest::Limits;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../scanners/fixtures/", $name))
    };
}

fn input(path: &str, text: &str) -> Input {
    let bytes = text.as_bytes().to_vec();
    Input::parse(path.to_owned(), path.to_owned(), bytes, &Limits::default())
}

fn inputs() -> Vec<Input> {
    vec![
        input("manifests/apps/batch.yaml", fixture!("manifests/apps/batch.yaml")),
        input("manifests/apps/web.yaml", fixture!("manifests/apps/web.yaml")),
        input("manifests/list.yaml", fixture!("manifests/list.yaml")),
    ]
}

fn places() -> Places {
    Places { cwd: "/home/me".to_owned(), folders: vec!["/home/me/manifests".to_owned()] }
}

fn imported(inputs: &[Input], report: &Report) -> Imported {
    let corpus = Corpus::new(inputs, ObjectContext::All);
    import(&corpus, report, &places(), &Settings::default())
}

/// What a report becomes, line by line.
fn lines(text: &str) -> Vec<String> {
    let inputs = inputs();
    let corpus = Corpus::new(&inputs, ObjectContext::All);
    let mut lines = Vec::new();
    for report in scanners::parse(text.as_bytes(), None).unwrap() {
        let imported = imported(&inputs, &report);
        for (position, found) in &imported.found {
            let record =
                found.record(String::new(), corpus.input_of(*position), corpus.object(*position));
            let file = record.manifest_path.trim_start_matches("manifests/").to_owned();
            let line = record.span.map_or(0, |span| span.line);
            lines.push(format!(
                "{} = {}: {file}:{line} {} {}",
                record.reported_by.unwrap(),
                record.rule.as_deref().unwrap_or("none"),
                record.object.unwrap().name,
                record.keyed_path.unwrap(),
            ));
        }
        for lost in &imported.lost {
            let (by, rule) = (lost.reported_by.as_deref().unwrap(), lost.rule.as_deref());
            lines.push(format!("{by} = {}: lost, {}", rule.unwrap_or("none"), lost.manifest_path));
            assert!(lost.remedy.is_some() && lost.fingerprint.is_none());
        }
        let Counts { reported, matched, repeated, unseen, unknown, lost } = imported.counts;
        assert_eq!(reported, matched + repeated + unseen + unknown + lost, "nothing is dropped");
    }
    lines
}

#[track_caller]
fn becomes(text: &str, expected: &str) {
    let lines: Vec<String> = lines(text).iter().map(|line| line.trim_end().to_owned()).collect();
    assert_eq!(lines.join("\n"), expected.trim());
}

#[test]
fn kube_linter() {
    becomes(fixture!("kube-linter.json"), "
kube-linter:privileged-container = privileged-container: apps/web.yaml:20 web spec.template.spec.containers[name=web].securityContext.privileged
kube-linter:host-pid = host-pid: apps/web.yaml:15 web spec.template.spec.hostPID
kube-linter:latest-tag = latest-tag: apps/web.yaml:22 web spec.template.spec.containers[name=sidecar].image
kube-linter:host-network = host-network: apps/web.yaml:5 web
kube-linter:house-rule = none: apps/web.yaml:30 web
kube-linter:privileged-container = privileged-container: list.yaml:12 one spec.containers[name=main].securityContext.privileged
kube-linter:host-ipc = host-ipc: lost, /build/repo/gone.yaml
");
}

#[test]
fn polaris() {
    becomes(fixture!("polaris.json"), "
polaris:hostNetworkSet = host-network: apps/batch.yaml:23 debug spec.hostNetwork
polaris:hostPIDSet = host-pid: apps/web.yaml:15 web spec.template.spec.hostPID
polaris:runAsPrivileged = privileged-container: apps/web.yaml:20 web spec.template.spec.containers[name=web].securityContext.privileged
polaris:hostPortSet = host-ports: apps/web.yaml:25 web spec.template.spec.containers[name=sidecar].ports[containerPort=9000].hostPort
polaris:houseRule = none: apps/web.yaml:21 web spec.template.spec.containers[name=sidecar]
");
}

#[test]
fn kubescape() {
    becomes(
        fixture!("kubescape.json"),
        r#"
kubescape:C-0041 = host-network: apps/batch.yaml:23 debug spec.hostNetwork
kubescape:C-0057 = privileged-container: apps/web.yaml:20 web spec.template.spec.containers[name=web].securityContext.privileged
kubescape:C-0038 = host-pid: apps/web.yaml:15 web spec.template.spec.hostPID
kubescape:C-0270 = unset-cpu-limits: apps/web.yaml:17 web spec.template.spec.containers[name=web].resources.limits.cpu
kubescape:C-0270 = unset-cpu-limits: apps/web.yaml:21 web spec.template.spec.containers[name=sidecar].resources.limits.cpu
kubescape:C-9999 = none: apps/web.yaml:4 web metadata.labels."example.com/team"
kubescape:C-0057 = privileged-container: lost,
"#,
    );
}

#[test]
fn trivy() {
    becomes(fixture!("trivy.json"), "
trivy:KSV-0017 = privileged-container: apps/web.yaml:20 web spec.template.spec.containers[name=web].securityContext.privileged
trivy:KSV-0010 = host-pid: apps/web.yaml:15 web spec.template.spec.hostPID
trivy:KSV-0024 = host-ports: apps/web.yaml:25 web spec.template.spec.containers[name=sidecar].ports[containerPort=9000].hostPort
trivy:USER-1 = none: apps/web.yaml:22 web spec.template.spec.containers[name=sidecar]
");
}

#[test]
fn checkov() {
    becomes(fixture!("checkov.json"), "
checkov:CKV_K8S_16 = privileged-container: apps/web.yaml:20 web spec.template.spec.containers[name=web].securityContext.privileged
checkov:CKV_K8S_26 = host-ports: apps/web.yaml:25 web spec.template.spec.containers[name=sidecar].ports[containerPort=9000].hostPort
checkov:CKV2_K8S_6 = non-isolated-pod: apps/web.yaml:13 web spec.template.metadata.labels
checkov:CKV_K8S_16 = privileged-container: list.yaml:12 one spec.containers[name=main].securityContext.privileged
");
}

#[test]
fn kyverno() {
    becomes(fixture!("kyverno-cli.txt"), "
kyverno:disallow-privileged-containers/privileged-containers = privileged-container: apps/web.yaml:20 web spec.template.spec.containers[name=web].securityContext.privileged
kyverno:disallow-host-namespaces/host-namespaces = host-pid: apps/web.yaml:15 web spec.template.spec.hostPID
kyverno:require-team-label/check-team = none: apps/web.yaml:4 web metadata.labels
kyverno:require-team-label/check-team = none: apps/web.yaml:29 web metadata.labels
");
}

#[test]
fn policy_reports() {
    becomes(fixture!("policy-reports.yaml"), "
kyverno:no-debug-pods = none: apps/batch.yaml:21 debug
kyverno:disallow-privileged-containers/privileged-containers = privileged-container: apps/web.yaml:20 web spec.template.spec.containers[name=web].securityContext.privileged
trivy:KSV-0010 = host-pid: apps/web.yaml:15 web spec.template.spec.hostPID
");
}

#[test]
fn sarif() {
    becomes(fixture!("sarif.json"), "
trivy:KSV-0017 = privileged-container: apps/web.yaml:20 web spec.template.spec.containers[name=web].securityContext.privileged
kube-linter:privileged-container = privileged-container: list.yaml:12 one spec.containers[name=main].securityContext.privileged
house-scanner:H1 = none: apps/web.yaml:15 web
house-scanner:H2 = none: lost,
");
}

fn foreign(id: &str) -> Foreign {
    Foreign { id: id.to_owned(), ..Foreign::default() }
}

fn report(tool: &str, findings: Vec<Foreign>) -> Report {
    Report { tool: tool.to_owned(), findings, ..Report::default() }
}

fn privileged(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  containers:\n  - name: a\n    \
         image: x:1\n    securityContext: {{privileged: true}}\n"
    )
}

/// Two files hold an object of the same identity, and the tool reports it twice without a file.
#[test]
fn objects_of_one_name_get_a_finding_each() {
    let inputs = [input("a.yaml", &privileged("web")), input("b.yaml", &privileged("web"))];
    let named = Named { kind: "Pod".to_owned(), name: "web".to_owned(), ..Named::default() };
    let finding = Foreign { object: Some(named), ..foreign("runAsPrivileged") };
    let imported = imported(&inputs, &report("polaris", vec![finding.clone(), finding.clone()]));
    let positions: Vec<usize> = imported.found.iter().map(|(position, _)| *position).collect();
    assert_eq!(positions, [0, 1]);
    assert_eq!(imported.counts.matched, 2);
}

#[test]
fn a_namespace_that_differs_is_another_object() {
    let inputs = [input("a.yaml", &privileged("web"))];
    let mut named = Named { kind: "Pod".to_owned(), name: "web".to_owned(), ..Named::default() };
    let mut ends = Vec::new();
    for namespace in [None, Some(""), Some("default"), Some("shop")] {
        named.namespace = namespace.map(str::to_owned);
        let finding = Foreign { object: Some(named.clone()), ..foreign("runAsPrivileged") };
        ends.push(imported(&inputs, &report("polaris", vec![finding])).counts.matched);
    }
    assert_eq!(ends, [1, 1, 1, 0]);
}

#[test]
fn names_of_files_count_from_several_places() {
    let inputs = inputs();
    let files = Files::new(&inputs, &places());
    let named = |name: &str| files.named(&[name.to_owned()]);
    for name in [
        "manifests/apps/web.yaml",
        "./manifests/apps/../apps/web.yaml",
        "/home/me/manifests/apps/web.yaml",
        "apps/web.yaml",
        "/apps/web.yaml",
        "/build/7/apps/web.yaml",
        "apps\\web.yaml",
        "web.yaml",
    ] {
        assert_eq!(named(name), [1], "{name}");
    }
    assert_eq!(named("other.yaml"), [0; 0]);
    assert_eq!(named(""), [0; 0]);
}

/// A file's name alone that several files have leads nowhere: any of them would be a guess.
#[test]
fn a_name_that_several_files_have_is_none() {
    let inputs = [input("a/web.yaml", ""), input("b/web.yaml", "")];
    let files = Files::new(&inputs, &places());
    assert_eq!(files.named(&["/elsewhere/web.yaml".to_owned()]), [0; 0]);
    assert_eq!(files.named(&["/elsewhere/b/web.yaml".to_owned()]), [1]);
}

#[test]
fn places_that_make_no_sense_are_survived() {
    let inputs = inputs();
    for pointer in ["", "/", "//", "no-slash", "/spec/containers/x", "/metadata/~2"] {
        let finding = Foreign {
            files: vec!["apps/web.yaml".to_owned()],
            lines: Some((99_999, 1)),
            pointers: vec![pointer.to_owned()],
            ..foreign("KSV-0017")
        };
        let counts = imported(&inputs, &report("trivy", vec![finding])).counts;
        assert_eq!(counts.reported, 1);
    }
    for lines in [(0, 0), (1, usize::MAX), (usize::MAX, usize::MAX), (18, 3)] {
        let files = vec!["apps/web.yaml".to_owned()];
        let finding = Foreign { files, lines: Some(lines), ..foreign("nobody's") };
        assert_eq!(imported(&inputs, &report("x", vec![finding])).counts.unknown, 1);
    }
}

#[test]
fn a_tally_counts_the_object_and_the_place() {
    let inputs = inputs();
    let corpus = Corpus::new(&inputs, ObjectContext::All);
    let report = scanners::parse(fixture!("trivy.json").as_bytes(), None).unwrap().remove(0);
    let rule = rules::by_id("host-ports").unwrap().rule;
    let web = (0..corpus.len()).find(|p| corpus.object(*p).kind == "Deployment").unwrap();
    let targets = corpus.check(web, &[rule], &Settings::default());
    let host_ports = still_reported(&corpus, &report, &places(), web, "KSV-0024", &targets);
    assert_eq!(host_ports, StillReported { total: 2, at: vec![2] });
    let other = still_reported(&corpus, &report, &places(), web, "AVD-KSV-0017", &targets);
    assert_eq!(other, StillReported { total: 1, at: vec![0] });
    let gone = still_reported(&corpus, &report, &places(), 0, "KSV-0024", &targets);
    assert_eq!(gone.total, 0);
}

/// Checkov names the first container that fails, and the lines of the whole object. Once that one
/// is cured it names the next.
#[test]
fn a_pointer_says_more_than_lines() {
    let inputs = inputs();
    let corpus = Corpus::new(&inputs, ObjectContext::All);
    let rule = rules::by_id("no-read-only-root-fs").unwrap().rule;
    let web = (0..corpus.len()).find(|p| corpus.object(*p).kind == "Deployment").unwrap();
    let targets = corpus.check(web, &[rule], &Settings::default());
    assert_eq!(targets.len(), 2);
    for (index, expected) in [vec![1, 0], vec![0, 1]].into_iter().enumerate() {
        let field = "securityContext/readOnlyRootFilesystem";
        let finding = Foreign {
            files: vec!["apps/web.yaml".to_owned()],
            lines: Some((2, 26)),
            pointers: vec![format!("/spec/template/spec/containers/{index}/{field}")],
            ..foreign("CKV_K8S_22")
        };
        let report = report("checkov", vec![finding]);
        let tally = still_reported(&corpus, &report, &places(), web, "CKV_K8S_22", &targets);
        assert_eq!(tally, StillReported { total: 1, at: expected });
    }
}
