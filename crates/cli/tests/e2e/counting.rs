//! Living with findings: ignores, the baseline, severities and the exit code.

use crate::tool::{CLEAN, Folder, POD, Ran, pod};

const CONCISE: [&str; 2] = ["--output-format", "concise"];

/// [`POD`] with a comment at the line of its worst finding.
fn ignoring(comment: &str) -> String {
    POD.replace("privileged: true", &format!("privileged: true # k8s-auto-fix: {comment}"))
}

fn check(folder: &Folder, args: &[&str]) -> Ran {
    folder.run(&[&["check", "."][..], &CONCISE, args].concat())
}

const ONLY: [&str; 2] = ["--select", "privileged-container,duplicate-env-var"];

#[test]
fn a_comment_hides_a_finding_until_it_expires() {
    let text = ignoring("ignore[privileged-container] reason=the agent needs it until=2026-06-15");
    let folder = Folder::with(&[("pod.yaml", &text)]);
    let on = |day: &str| check(&folder, &[&ONLY[..], &["--today", day]].concat()).ended(1);
    on("2026-06-15").hides("privileged-container").hides("warning").says("; 1 ignored.");
    let later = on("2026-06-16").says("critical[privileged-container]").hides("ignored");
    later.says("warning: pod.yaml:16:24: this ignore expired on 2026-06-15");
    check(&folder, &["--no-ignores", "--today", "2026-06-16"]).ended(1).hides("expired");
    // The system's date is the default, and long after this day.
    folder.write("pod.yaml", ignoring("ignore[*] until=2020-01-01"));
    check(&folder, &[]).ended(1).says("expired on 2020-01-01");
    folder.run(&["check", "--today", "tomorrow"]).ended(2).says("YYYY-MM-DD");
}

#[test]
fn annotations_of_kube_linter_hide_what_they_name() {
    let annotated = |annotation: &str| {
        POD.replacen("  namespace", &format!("  annotations:\n    {annotation}\n  namespace"), 1)
    };
    let folder = Folder::with(&[("pod.yaml", &annotated("kube-linter.io/ignore-all: why"))]);
    check(&folder, &[]).ended(0).says("No findings; ");
    let one = annotated("ignore-check.kube-linter.io/privileged-container: needs the host");
    folder.write("pod.yaml", one);
    check(&folder, &ONLY).ended(1).hides("[privileged-container]").says("; 1 ignored.");
    folder.write("pod.yaml", annotated("ignore-check.kube-linter.io/privilegd: x"));
    check(&folder, &ONLY).ended(1).says("[privileged-container]").says("pod.yaml:6:5: ignore: ");
}

#[test]
fn the_configuration_ignores() {
    let folder = Folder::with(&[("charts/web.yaml", POD), ("deploy/web.yaml", &pod("other"))]);
    let entry = "ignores:\n- rules: ['*']\n  paths: [charts]\n  reason: not ours\n";
    folder.write("k8s-auto-fix.yaml", entry);
    check(&folder, &[]).ended(1).hides("charts/web.yaml").says("deploy/web.yaml").says("ignored");
    check(&folder, &["--no-ignores"]).ended(1).says("charts/web.yaml");
    folder.write("k8s-auto-fix.yaml", entry.replace("charts", "nowhere"));
    check(&folder, &[]).says("warning: k8s-auto-fix.yaml:2: this ignore hides nothing");
    // A commit's files are not all files.
    folder.run(&["check", "charts/web.yaml"]).ended(1).hides("warning");
    for (wrong, place) in [
        ("ignores:\n- rules: [typo]\n", "k8s-auto-fix.yaml:2: unknown rule `typo`"),
        ("ignores:\n- rules: ['*']\n  until: 2026-02-30\n", "k8s-auto-fix.yaml:3: `2026-02-30`"),
        ("ignores:\n- paths: [x]\n", "k8s-auto-fix.yaml:2: missing field `rules`"),
        ("ignores:\n- rules: ['*']\n  pathes: [x]\n", "k8s-auto-fix.yaml:3: unknown key"),
    ] {
        folder.write("k8s-auto-fix.yaml", wrong);
        check(&folder, &[]).ended(2).says(place);
    }
}

/// What is ignored is not fixed, and does not stand in the way of other fixes.
#[test]
fn what_is_ignored_is_left_as_it_is() {
    let folder = Folder::with(&[("pod.yaml", &ignoring("ignore[privileged-container]"))]);
    check(&folder, &[&ONLY[..], &["--fix", "--unsafe-fixes"]].concat()).ended(0).says("1 ignored");
    let fixed = folder.read("pod.yaml");
    assert!(fixed.contains("privileged: true # k8s-auto-fix"), "{fixed}");
    assert_eq!(fixed.matches("LOG_LEVEL").count(), 1, "{fixed}");
    // With everything selected, no gate takes the ignored finding for a new one.
    folder.write("pod.yaml", ignoring("ignore[privileged-container]"));
    let args = ["run", "pod.yaml", "--out", "out", "--profile", "all"];
    folder.run(&args).ended(1).says("; 1 ignored.");
    for outcome in folder.records("out/outcomes.jsonl") {
        assert_ne!(outcome["status"], "rejected", "{outcome:#}");
        assert_ne!(outcome["rule"], "privileged-container", "{outcome:#}");
    }
    assert!(folder.read("out/review.md").contains("| Ignored besides | 1 |"));
    let detect = folder.run(&["detect", "--in", "pod.yaml"]).ended(1);
    assert!(!detect.out.contains("\"privileged-container\""), "{}", detect.out);
    let detect = folder.run(&["detect", "--in", "pod.yaml", "--no-ignores"]).ended(1);
    assert!(detect.out.contains("\"privileged-container\""), "{}", detect.out);
    let diff = ["check", "pod.yaml", "--diff", "--unsafe-fixes"];
    folder.run(&diff).ended(1).hides("-      privileged: true");
}

#[test]
fn sarif_carries_what_is_ignored() {
    let text = ignoring("ignore[privileged-container] reason=\"needs the host\"");
    let folder = Folder::with(&[("pod.yaml", &text)]);
    folder.write("k8s-auto-fix.yaml", "ignores: [{rules: [duplicate-env-var]}]\n");
    let args = ["check", ".", "--output-format", "sarif"];
    let log = folder.run(&args).ended(1).json();
    let suppressions = |rule: &str| {
        let results = log["runs"][0]["results"].as_array().unwrap();
        results.iter().find(|r| r["ruleId"] == rule).unwrap()["suppressions"].clone()
    };
    let in_source = serde_json::json!([{"kind": "inSource", "justification": "needs the host"}]);
    assert_eq!(suppressions("privileged-container"), in_source);
    assert_eq!(suppressions("duplicate-env-var"), serde_json::json!([{"kind": "external"}]));
    assert_eq!(suppressions("run-as-non-root"), serde_json::json!([]));
    let shown = folder.run(&[&args[..], &["--no-ignores"]].concat()).ended(1);
    assert!(!shown.out.contains("\"suppressions\""), "{}", shown.out);
}

#[test]
fn what_is_to_be_looked_at_is_said_where_it_is_heard() {
    let folder = Folder::with(&[("pod.yaml", &ignoring("ignore[host-network]"))]);
    let word = "this ignore hides nothing";
    for format in ["full", "concise", "json", "junit", "gitlab", "sarif", "github"] {
        let ran = folder.run(&["check", ".", "--output-format", format]).ended(1);
        assert!(ran.err.contains("warning: pod.yaml:16:24: "), "{format}: {}", ran.err);
        assert_eq!(ran.out.contains(word), ["sarif", "github"].contains(&format), "{format}");
    }
    for args in [
        &["detect", "--in", "."][..],
        &["run", ".", "--out", "out"],
        &["check", ".", "--fix"],
        &["check", ".", "--diff"],
        &["baseline", "write", "."],
    ] {
        folder.run(args).says("warning: pod.yaml:").says(word);
        folder.run(&[args, &["--quiet"]].concat()).hides(word);
    }
}

#[test]
fn a_baseline_leaves_what_is_new() {
    let folder = Folder::with(&[("deploy/pod.yaml", POD), ("clean.yaml", CLEAN)]);
    folder.run(&["baseline", "write"]).ended(0).says("to .k8s-auto-fix-baseline.json.");
    let first = folder.read(".k8s-auto-fix-baseline.json");
    folder.run(&["baseline", "write", "deploy", "clean.yaml"]).ended(0);
    assert_eq!(folder.read(".k8s-auto-fix-baseline.json"), first);
    let known = ["--baseline", ".k8s-auto-fix-baseline.json"];
    check(&folder, &known).ended(0).says("No findings; ").says(" in the baseline.");
    folder.run(&[&["detect", "--in", "."][..], &known].concat()).ended(0).hides("fingerprint");
    folder.run(&[&["run", ".", "--out", "out"][..], &known].concat()).ended(0).says("0 findings");
    assert!(folder.records("out/detections.jsonl").is_empty());
    std::fs::remove_dir_all(folder.at("out")).unwrap();
    // Other lines, other places in the file, and one finding more.
    let moved = format!("# moved\n{CLEAN}---\n\n{POD}");
    folder.write("deploy/pod.yaml", moved.replace("spec:", "spec:\n  hostNetwork: true"));
    let ran = check(&folder, &known).ended(1).says("[host-network]").hides("warning");
    assert_eq!(ran.out.lines().count(), 2, "{}", ran.out);
    // What is gone is said, until the file is written again.
    folder.write("deploy/pod.yaml", POD.replace("privileged: true", "privileged: false"));
    let stale = check(&folder, &known).ended(0);
    let word = "warning: .k8s-auto-fix-baseline.json: 1 entry is stale";
    stale.says(word).says("privileged-container in deploy/pod.yaml").says("baseline write");
    folder.run(&["baseline", "write"]).ended(0);
    check(&folder, &known).ended(0).hides("stale");
    // Known findings are not fixed.
    let before = folder.read("deploy/pod.yaml");
    check(&folder, &[&known[..], &["--fix", "--unsafe-fixes"]].concat()).ended(0);
    assert_eq!(folder.read("deploy/pod.yaml"), before);
}

#[test]
fn the_configuration_names_a_baseline() {
    let folder = Folder::with(&[("pod.yaml", POD)]);
    folder.write("k8s-auto-fix.yaml", "baseline: ci/known.json\n");
    check(&folder, &[]).ended(2).says("ci/known.json").says("baseline write");
    std::fs::create_dir(folder.at("ci")).unwrap();
    folder.run(&["baseline", "write"]).ended(0).says("ci/known.json");
    check(&folder, &[]).ended(0).says("in the baseline");
    check(&folder, &["--no-baseline"]).ended(1).hides("in the baseline");
    folder.run(&["baseline", "write", "--out", "other.json", "--quiet"]).ended(0).hides("Wrote");
    assert_eq!(folder.read("other.json"), folder.read("ci/known.json"));
    folder.write("ci/known.json", "{\"version\": 1,\n\"findings\": [{}]}");
    check(&folder, &[]).ended(2).says("ci/known.json: line 2").says("this is no baseline");
    folder.write("half.yaml", "a: [");
    folder.run(&["baseline", "write"]).ended(2).says("half.yaml:1:4");
}

#[test]
fn severities_decide_what_is_reported_and_what_fails() {
    let folder = Folder::with(&[("pod.yaml", POD)]);
    check(&folder, &["--fail-on", "never"]).ended(0).says("critical[privileged-container]");
    check(&folder, &["--fail-on", "critical"]).ended(1);
    let low = ["--select", "duplicate-env-var"];
    check(&folder, &low).ended(1);
    check(&folder, &[&low[..], &["--fail-on", "critical"]].concat()).ended(0).says("[duplicate");
    check(&folder, &["--min-severity", "critical"]).ended(1).says("Found 1 finding");
    let never = ["--fail-on", "never"];
    folder.run(&[&["detect", "--in", "."][..], &never].concat()).ended(0);
    folder.run(&[&["run", ".", "--out", "out"][..], &never].concat()).ended(0);
    check(&folder, &[&never[..], &["--diff"]].concat()).ended(0).says("LOG_LEVEL");
    folder.run(&["run", ".", "--out", "out", "--fail-on", "critical"]).ended(0);
    folder.write("k8s-auto-fix.yaml", "fail_on: never\nmin_severity: critical\n");
    check(&folder, &[]).ended(0).says("Found 1 finding");
    check(&folder, &["--fail-on", "high", "--min-severity", "low"]).ended(1).says("duplicate");
    folder.write("k8s-auto-fix.yaml", "fail_on: sometimes\n");
    check(&folder, &[]).ended(2).says("k8s-auto-fix.yaml:1").says("never");
    // What could not be read still counts.
    folder.write("k8s-auto-fix.yaml", "fail_on: never\n");
    folder.write("half.yaml", "a: [");
    check(&folder, &[]).ended(2);
}

#[test]
fn the_day_is_written_down_where_it_matters() {
    let folder = Folder::with(&[("pod.yaml", POD)]);
    let args = ["run", "pod.yaml", "--out", "out", "--today", "2026-06-15"];
    folder.run(&args);
    assert!(!folder.read("out/manifest.json").contains("2026-06-15"));
    folder.write("pod.yaml", ignoring("ignore[*] until=2027-01-01"));
    folder.run(&args);
    assert!(folder.read("out/manifest.json").contains("\"today\": \"2026-06-15\""));
}
