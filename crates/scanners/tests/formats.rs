//! What is read out of a report of each format. The fixtures have the shape that the tools write,
//! with content of our own.

#![allow(clippy::unwrap_used, reason = "tests")]

use scanners::{Foreign, Format, Report, ReportError, parse};
use std::path::Path;

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    std::fs::read(folder.join(name)).unwrap()
}

fn line(tool: &str, foreign: &Foreign) -> String {
    let mut parts = vec![format!("{tool}:{}", foreign.id)];
    parts.extend(foreign.severity.map(|severity| severity.as_str().to_owned()));
    parts.extend(foreign.files.first().cloned());
    parts.extend(foreign.object.as_ref().map(|object| {
        let namespace = object.namespace.as_deref().unwrap_or("-");
        format!("{}/{namespace}/{}", object.kind, object.name)
    }));
    parts.extend(foreign.lines.map(|(first, last)| format!("{first}-{last}")));
    parts.extend(foreign.container.as_ref().map(|name| format!("container={name}")));
    parts.extend(foreign.pointers.iter().cloned());
    parts.join(" ")
}

fn text(reports: &[Report]) -> String {
    let mut lines = Vec::new();
    for report in reports {
        lines.extend(report.findings.iter().map(|foreign| line(&report.tool, foreign)));
        lines.extend(report.notes.iter().map(|note| format!("{} note: {note}", report.tool)));
    }
    lines.join("\n")
}

#[track_caller]
fn reads(name: &str, format: Format, expected: &str) {
    let bytes = fixture(name);
    let guessed = parse(&bytes, None).unwrap();
    assert_eq!(guessed, parse(&bytes, Some(format)).unwrap(), "the format is not seen");
    assert_eq!(text(&guessed), expected.trim());
}

#[test]
fn kube_linter() {
    reads("kube-linter.json", Format::KubeLinter, KUBE_LINTER);
    reads("kube-linter-clean.json", Format::KubeLinter, "");
}

#[test]
fn polaris() {
    reads("polaris.json", Format::Polaris, POLARIS);
}

#[test]
fn kubescape() {
    reads("kubescape.json", Format::Kubescape, KUBESCAPE);
}

#[test]
fn trivy() {
    reads("trivy.json", Format::Trivy, TRIVY);
}

#[test]
fn checkov() {
    reads("checkov.json", Format::Checkov, CHECKOV);
    reads("checkov-clean.json", Format::Checkov, "");
}

#[test]
fn kyvernos_output_and_reports_of_a_cluster() {
    reads("kyverno-cli.txt", Format::Kyverno, KYVERNO);
    reads("policy-reports.yaml", Format::Kyverno, POLICY_REPORTS);
}

#[test]
fn sarif() {
    reads("sarif.json", Format::Sarif, SARIF);
}

#[test]
fn a_report_of_another_format_is_refused_by_name() {
    let error = parse(&fixture("trivy.json"), Some(Format::Polaris)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("polaris") && text.contains("trivy"), "{text}");
    assert_eq!(parse(b"{\"a\": 1}", None).unwrap_err(), ReportError::UnknownFormat);
    assert_eq!(parse(b" \n", None).unwrap_err(), ReportError::Empty);
    assert!(matches!(parse(b"{\"runs\": [", None), Err(ReportError::Unreadable(_))));
    assert!(matches!(parse(b"\xff\xfe{}", None), Err(ReportError::Unreadable(_))));
    assert!(matches!(parse(b"Segmentation fault", None), Err(ReportError::Unreadable(_))));
}

#[test]
fn a_report_that_is_too_large_or_too_deep_is_an_error() {
    let large = vec![b' '; scanners::MAX_BYTES + 1];
    assert!(matches!(parse(&large, None), Err(ReportError::TooLarge { .. })));
    let deep = "[".repeat(100_000);
    assert!(matches!(parse(deep.as_bytes(), None), Err(ReportError::Unreadable(_))));
}

#[test]
fn an_entry_of_another_shape_is_noted_and_stops_no_other() {
    let report = br#"{"Checks": [], "Reports": [7, {"Check": "latest-tag", "Object": {"K8sObject":
        []}}, {"Check": {}}]}"#;
    let reports = parse(report, None).unwrap();
    assert_eq!(reports[0].findings.len(), 1);
    assert_eq!(reports[0].notes.len(), 2);
}

#[test]
fn what_follows_a_report_is_noted() {
    let mut bytes = fixture("kube-linter-clean.json");
    bytes.extend_from_slice(b"panic: something\n");
    let reports = parse(&bytes, None).unwrap();
    assert!(reports[0].notes[0].contains("follows"), "{reports:?}");
}

const KUBE_LINTER: &str = "
kube-linter:privileged-container /build/repo/apps/web.yaml Deployment/shop/web container=web
kube-linter:host-pid /build/repo/apps/web.yaml Deployment/shop/web
kube-linter:latest-tag /build/repo/apps/web.yaml Deployment/shop/web container=sidecar
kube-linter:privileged-container /build/repo/list.yaml Pod//one container=main
kube-linter:house-rule /build/repo/apps/web.yaml Service/shop/web
kube-linter:host-network /build/repo/apps/web.yaml Deployment/shop/web
kube-linter:host-ipc /build/repo/gone.yaml Pod/shop/gone
";
const POLARIS: &str = "
polaris:hostPIDSet high Deployment/shop/web
polaris:runAsPrivileged high Deployment/shop/web container=web
polaris:hostPortSet medium Deployment/shop/web container=sidecar
polaris:houseRule medium Deployment/shop/web container=sidecar
polaris:hostNetworkSet high Pod//debug
";
const KUBESCAPE: &str = "
kubescape:C-0057 high /build/repo/apps/web.yaml Deployment/shop/web /spec/template/spec/containers/0/securityContext/privileged
kubescape:C-0038 high /build/repo/apps/web.yaml Deployment/shop/web /spec/template/spec/hostPID
kubescape:C-0270 high /build/repo/apps/web.yaml Deployment/shop/web /spec/template/spec/containers/0/resources/limits/cpu
kubescape:C-0270 high /build/repo/apps/web.yaml Deployment/shop/web /spec/template/spec/containers/1/resources/limits/cpu
kubescape:C-9999 low /build/repo/apps/web.yaml Deployment/shop/web /metadata/labels/example.com~1team
kubescape:C-0041 /build/repo/apps/batch.yaml Pod//debug /spec/hostNetwork
kubescape:C-0057 high Deployment/shop/gone /spec/template/spec/containers/0/securityContext/privileged
";
const TRIVY: &str = "
trivy:KSV-0017 high manifests/apps/web.yaml 17-20 container=web
trivy:KSV-0010 high manifests/apps/web.yaml 7-25
trivy:KSV-0024 high manifests/apps/web.yaml 21-25 container=sidecar
trivy:KSV-0024 high manifests/apps/web.yaml 17-20 container=sidecar
trivy:USER-1 low manifests/apps/web.yaml 22-22
trivy note: findings of type dockerfile are not read: 1
";
const CHECKOV: &str = "
checkov:CKV_K8S_16 /build/repo/apps/web.yaml Deployment/shop/web 2-26 /spec/template/spec/containers/0/securityContext/privileged
checkov:CKV_K8S_26 /build/repo/apps/web.yaml Deployment/shop/web 2-26 /spec/template/spec/containers/1/ports/0/hostPort
checkov:CKV_K8S_16 /build/repo/list.yaml Pod/default/one 4-13 /spec/containers/0/securityContext/privileged
checkov:CKV2_K8S_6 /build/repo/apps/web.yaml Pod/shop/web.app-web 2-26
checkov note: checkov cannot read /build/repo/broken.yaml
checkov note: findings of type dockerfile are not read: 1
";
const KYVERNO: &str = "
kyverno:disallow-privileged-containers/privileged-containers medium Deployment/shop/web /spec/template/spec/containers/0/securityContext/privileged
kyverno:disallow-host-namespaces/host-namespaces Deployment/shop/web /spec/template/spec/hostPID
kyverno:require-team-label/check-team Deployment/shop/web /metadata/labels
kyverno:require-team-label/check-team Service/shop/web /metadata/labels
kyverno note: needs-a-cluster ended with error: cannot reach the cluster
";
const POLICY_REPORTS: &str = "
kyverno:disallow-privileged-containers/privileged-containers high Deployment/shop/web /spec/template/spec/containers/0/securityContext/privileged
kyverno:no-debug-pods Pod/default/debug
trivy:KSV-0010 Deployment/shop/web
";
const SARIF: &str = "
trivy:KSV-0017 high /build/repo/apps/web.yaml 17-20 container=web
kube-linter:privileged-container high list.yaml container=main
kube-linter note: results[1] names no rule
house-scanner:H1 medium apps/web.yaml 15-15
house-scanner:H2 medium
";
