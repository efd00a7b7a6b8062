//! One small report for the tests of all formats.

use super::{Finding, Format, InputError, Options, Report, RuleInfo, write};
use manifest::TextEdit;
use record::{Applicability, Detection, ObjectRef, Region, Severity};

pub(crate) const TEXT: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: shop
spec:
  hostNetwork: true # needed?
  containers:
    - name: web
      image: nginx
      env:
        - {name: A, value: \"1\"}
        - {name: A, value: \"1\"}
";

pub(crate) fn region(text: &str, needle: &str) -> Region {
    let start = text.find(needle).unwrap();
    let end = start + needle.len();
    let position = |offset: usize| {
        let line_start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
        (text[..offset].matches('\n').count() + 1, text[line_start..offset].chars().count() + 1)
    };
    let ((line, column), (end_line, end_column)) = (position(start), position(end));
    Region { line, column, end_line, end_column, start, end }
}

fn detection(id: &str, rule: &str, needle: &str, message: &str) -> Detection {
    Detection {
        id: id.to_owned(),
        manifest_path: "deploy/my app/web.yaml".to_owned(),
        manifest_yaml: None,
        policy_id: rule.replace('-', "_"),
        violation_text: message.to_owned(),
        rule: Some(rule.to_owned()),
        reported_by: None,
        fingerprint: Some(format!("f{id}")),
        object: Some(ObjectRef {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: Some("shop".to_owned()),
            name: "web".to_owned(),
            generate_name: String::new(),
            document: 0,
            prefix: String::new(),
        }),
        pointer: Some("/spec".to_owned()),
        keyed_path: Some("spec".to_owned()),
        span: Some(region(TEXT, needle)),
        severity: Some(Severity::High),
        applicability: Some(Applicability::Unsafe),
        remedy: Some("agents lose the node's ports".to_owned()),
        aliases: vec![],
    }
}

/// An unsafe fix, a safe fix, advice, and a finding of another tool.
pub(crate) fn detections() -> Vec<Detection> {
    let network = "hostNetwork: true";
    let host = detection("001", "host-network", network, "pod shares the host's network namespace");
    let mut twice = detection("002", "duplicate-env", "A, value: \"1\"}\n", "A is set twice");
    twice.severity = Some(Severity::Medium);
    twice.applicability = Some(Applicability::Safe);
    twice.remedy = None;
    let mut tag = detection("003", "latest-tag", "image: nginx", "image has no tag");
    tag.severity = Some(Severity::Critical);
    tag.applicability = Some(Applicability::Advice);
    tag.remedy = Some("the tag to pin, for example from the registry".to_owned());
    let foreign = Detection {
        id: "004".to_owned(),
        manifest_path: "other.yaml".to_owned(),
        manifest_yaml: None,
        policy_id: "CKV_K8S_1".to_owned(),
        violation_text: "evil\u{1b}[31m\n::error::text".to_owned(),
        rule: None,
        reported_by: None,
        fingerprint: None,
        object: None,
        pointer: None,
        keyed_path: None,
        span: None,
        severity: None,
        applicability: None,
        remedy: None,
        aliases: vec![],
    };
    vec![host, twice, tag, foreign]
}

/// Removes the line; replaces the second entry by nothing; and none.
fn fixes() -> [Option<Vec<TextEdit>>; 4] {
    let line = region(TEXT, "  hostNetwork: true # needed?\n");
    let entry = "        - {name: A, value: \"1\"}\n";
    let last = TEXT.rfind(entry).unwrap();
    let edit = |range| TextEdit { range, text: String::new() };
    let image = region(TEXT, "nginx");
    [
        Some(vec![
            edit(line.start..line.end),
            TextEdit { range: image.end..image.end, text: "\n      ports: []".to_owned() },
        ]),
        Some(vec![edit(last..last + entry.len())]),
        None,
        None,
    ]
}

pub(crate) fn with_report<T>(run: impl FnOnce(&Report<'_>) -> T) -> T {
    let (detections, fixes) = (detections(), fixes());
    let findings: Vec<Finding<'_>> = detections
        .iter()
        .zip(&fixes)
        .map(|(detection, fix)| Finding {
            detection,
            text: if detection.span.is_some() { TEXT } else { "" },
            fix: fix.as_deref(),
        })
        .collect();
    let errors = [InputError {
        path: "broken.yaml".to_owned(),
        line: Some(3),
        column: Some(7),
        message: "expected a block end".to_owned(),
        help: Some("close the list".to_owned()),
    }];
    let rules = [RuleInfo {
        id: "host-network",
        title: "Pod shares the host's network namespace",
        severity: Severity::High,
        page: "# What it finds\n\nA pod with `hostNetwork: true`.\n",
    }];
    let warnings = [InputError {
        path: "k8s-auto-fix.yaml".to_owned(),
        line: Some(4),
        column: None,
        message: "this ignore hides nothing; remove it".to_owned(),
        help: None,
    }];
    run(&Report {
        findings: &findings,
        errors: &errors,
        warnings: &warnings,
        files: &["clean.yaml", "deploy/my app/web.yaml"],
        rules: &rules,
        version: "1.2.3",
        ..Report::default()
    })
}

pub(crate) fn render(format: Format, options: &Options) -> String {
    with_report(|report| {
        let mut out = Vec::new();
        write(&mut out, report, format, options).unwrap();
        String::from_utf8(out).unwrap()
    })
}

/// One finding without a fix in a file of its own, in full.
pub(crate) fn render_one(text: &str, needle: &str) -> String {
    let mut detection = detections().remove(0);
    detection.manifest_path = "file.yaml".to_owned();
    detection.span = Some(region(text, needle));
    render_detection(&detection, text, None)
}

pub(crate) fn render_detection(
    detection: &Detection,
    text: &str,
    fix: Option<&[TextEdit]>,
) -> String {
    let findings = [Finding { detection, text, fix }];
    let report = Report { findings: &findings, version: "1.2.3", ..Report::default() };
    let mut out = Vec::new();
    write(&mut out, &report, Format::Full, &Options::default()).unwrap();
    String::from_utf8(out).unwrap()
}
