//! Findings of other scanners: imported, or from scanners that are run. The real ones run where
//! `K8S_AUTO_FIX_SCANNERS` names their folders; the ways in which scanners fail are played by
//! scripts.

use crate::tool::{BINARY, Folder, Ran, files, root, run};
use serde_json::Value;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

/// The manifests that the reports of the fixtures are about.
fn manifests() -> Folder {
    let folder = Folder::new();
    let fixtures = root().join("crates/scanners/fixtures");
    for (name, bytes) in files(&fixtures.join("manifests")) {
        folder.write(&format!("in/{name}"), bytes);
    }
    for (name, bytes) in files(&fixtures) {
        folder.write(&format!("reports/{name}"), bytes);
    }
    folder
}

/// Writes a program.
fn program(folder: &Folder, name: &str, script: &str) {
    folder.write(name, format!("#!/bin/sh\n{script}\n"));
    let permissions = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.at(name), permissions).unwrap();
}

/// A kube-linter that says what a report says.
fn linter(folder: &Folder, report: &str) -> String {
    let report = folder.at(report);
    program(
        folder,
        "fake/kube-linter",
        &format!("[ \"$1\" = version ] && echo 0.8.1 && exit\ncat '{}'; exit 1", report.display()),
    );
    "kube-linter=fake/kube-linter".to_owned()
}

/// The state and reason of a scanner in `--scanner-report status.json`.
fn status(folder: &Folder, tool: &str) -> (String, String) {
    let report: Value = serde_json::from_str(&folder.read("status.json")).unwrap();
    let all = report["scanners"].as_array().unwrap();
    let one = all.iter().find(|status| status["tool"] == tool).unwrap();
    let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"))
}

fn reported_by(records: &[Value], prefix: &str) -> Vec<String> {
    let names = records.iter().filter_map(|record| record["reported_by"].as_str());
    names.filter(|name| name.starts_with(prefix)).map(str::to_owned).collect()
}

/// Reports of every format go through the stages like findings of our own.
#[test]
fn reports_of_every_format_are_proposed_and_verified() {
    let reports = [
        ("kube-linter.json", "kube-linter", 3),
        ("kyverno-cli.txt", "kyverno", 2),
        ("policy-reports.yaml", "kyverno", 2),
        ("trivy.json", "trivy", 3),
        ("polaris.json", "polaris", 4),
        ("checkov.json", "checkov", 3),
        ("kubescape.json", "kubescape", 3),
        ("sarif.json", "sarif", 2),
    ];
    for (report, format, fixed) in reports {
        let folder = manifests();
        let file = format!("reports/{report}");
        let args = ["detect", "--in", "in", "--import", &file, "--out", "d.json"];
        folder.run(&[&args[..], &["--import-format", format]].concat()).ended(1);
        let detections = folder.records("d.json");
        folder.run(&args).ended(1);
        assert_eq!(detections, folder.records("d.json"), "{report}: the format is not seen");
        assert!(detections.iter().all(|record| record["reported_by"].is_string()), "{report}");
        let propose = ["propose", "--detections", "d.json", "--out", "p.json"];
        let ran = folder.run(&propose);
        assert!(matches!(ran.code, Some(0 | 1)), "{report}: {}", ran.err);
        let verify = ["verify", "--patches", "p.json", "--detections", "d.json", "--out", "v.json"];
        folder.run(&verify).ended(0);
        let verdicts = folder.records("v.json");
        let accepted = verdicts.iter().filter(|verdict| verdict["accepted"] == true).count();
        assert!(accepted >= fixed, "{report}: {accepted} of {fixed}");
    }
}

#[test]
fn nothing_that_a_report_says_goes_missing() {
    let folder = manifests();
    let ran = folder.run(&[
        "detect",
        "--in",
        "in",
        "--import",
        "reports/kube-linter.json",
        "--out",
        "d.json",
    ]);
    let ran = ran.ended(1).says("7 findings: 4 matched");
    ran.says("1 not seen by our rule").says("1 without a rule").says("1 not found");
    let detections = folder.records("d.json");
    assert_eq!(detections.len(), 7);
    let of = |id: &str| {
        let by = Value::from(format!("kube-linter:{id}"));
        detections.iter().find(|record| record["reported_by"] == by).unwrap()
    };
    let unknown = of("house-rule");
    assert_eq!((&unknown["rule"], &unknown["policy_id"]), (&Value::Null, &"house-rule".into()));
    assert!(unknown["remedy"].as_str().unwrap().contains("no rule here corresponds"));
    let unseen = of("host-network");
    assert_eq!(
        (&unseen["rule"], &unseen["applicability"]),
        (&"host-network".into(), &"advice".into())
    );
    assert!(unseen["remedy"].as_str().unwrap().contains("sees nothing here"));
    let lost = of("host-ipc");
    assert_eq!((&lost["object"], &lost["fingerprint"]), (&Value::Null, &Value::Null));
    assert_eq!(lost["manifest_path"], "/build/repo/gone.yaml");
    // They stay what they are in the next stage, with the reason.
    folder
        .run(&["propose", "--detections", "d.json", "--out", "p.json"])
        .ended(1)
        .says("no rule here corresponds")
        .says("sees nothing here")
        .says("in the manifests given");
}

/// Own rules run beside a report only when they are asked for, and say nothing twice.
#[test]
fn own_rules_run_when_they_are_selected() {
    let folder = manifests();
    let args = ["detect", "--in", "in", "--import", "reports/checkov.json", "--out", "d.json"];
    folder.run(&args).ended(1);
    let alone = folder.records("d.json");
    assert!(alone.iter().all(|record| record["reported_by"].is_string()));
    folder.run(&[&args[..], &["--select", "privileged-container,host-pid"]].concat()).ended(1);
    let both = folder.records("d.json");
    let own: Vec<&Value> = both.iter().filter(|record| record["reported_by"].is_null()).collect();
    assert!(!own.is_empty() && both.len() > alone.len());
    let mut fingerprints: Vec<&str> =
        both.iter().filter_map(|record| record["fingerprint"].as_str()).collect();
    let all = fingerprints.len();
    fingerprints.sort_unstable();
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), all, "a finding is there twice");
}

#[test]
fn a_report_that_cannot_be_read_stops_no_other() {
    let folder = manifests();
    folder.write("bad.json", "{\"runs\": [");
    folder.write("other.json", "{\"a\": 1}");
    folder
        .run(&[
            "detect",
            "--in",
            "in",
            "--import",
            "bad.json,other.json,no.json,reports/trivy.json",
            "--out",
            "d.json",
            "--scanner-report",
            "status.json",
        ])
        .ended(2)
        .says("bad.json: unknown: unreadable")
        .says("none of the known formats")
        .says("no.json");
    assert!(!reported_by(&folder.records("d.json"), "trivy:").is_empty());
    folder
        .run(&["detect", "--in", "in", "--import", "reports/trivy.json", "--import-format", "x"])
        .ended(2)
        .says("expected one of kube-linter");
    folder.run(&["detect", "--in", "in", "--with", "sarif"]).ended(2).says("unknown scanner");
    folder.run(&["detect", "--in", "in", "--with", "trivy", "--scanner", "x"]).ended(2);
}

/// Control characters in a report reach no terminal, and names of files lead nowhere.
#[test]
fn a_hostile_report_does_no_harm() {
    let folder = manifests();
    let report = r#"{"Checks": [], "Reports": [{"Check": "x\u001b[31m", "Diagnostic": {"Message":
        "\u001b]0;owned\u0007"}, "Object": {"Metadata": {"FilePath": "../../../etc/passwd"},
        "K8sObject": {"Name": "\u001b[2J", "GroupVersionKind": {"Kind": "Pod"}}}}]}"#;
    folder.write("hostile.json", report);
    folder
        .run(&["detect", "--in", "in", "--import", "hostile.json", "--out", "d.json"])
        .ended(1)
        .hides("\u{1b}");
    folder.run(&["propose", "--detections", "d.json"]).ended(1).hides("\u{1b}").hides("root:");
}

#[test]
fn a_scanner_that_fails_stops_no_other() {
    let folder = manifests();
    let linter = linter(&folder, "reports/kube-linter.json");
    program(&folder, "fake/trivy", "echo 'this is no report'");
    program(&folder, "fake/polaris", "echo broken >&2; kill -SEGV $$");
    program(&folder, "fake/checkov", "echo 'cannot do it' >&2; exit 7");
    program(&folder, "fake/kubescape", "(sleep 5; touch late) & sleep 60");
    let start = Instant::now();
    let ran = folder.run(&[
        "detect",
        "--in",
        "in",
        "--with",
        "trivy,polaris,checkov,kubescape,kube-linter",
        "--scanner",
        &linter,
        "--scanner",
        "trivy=fake/trivy",
        "--scanner",
        "polaris=fake/polaris",
        "--scanner",
        "checkov=fake/checkov",
        "--scanner",
        "kubescape=fake/kubescape",
        "--scanner-timeout",
        "2",
        "--out",
        "d.json",
        "--scanner-report",
        "status.json",
    ]);
    let ran = ran.ended(2).says("kube-linter 0.8.1: 7 findings");
    ran.says("error: kubescape: timed out").says("error: polaris: failed");
    assert!(start.elapsed() < Duration::from_secs(40), "{:?}", start.elapsed());
    assert_eq!(reported_by(&folder.records("d.json"), "kube-linter:").len(), 7);
    assert_eq!(status(&folder, "kube-linter").0, "ok");
    let (state, reason) = status(&folder, "trivy");
    assert!(state == "unreadable" && reason.contains("cannot be read"), "{state} {reason}");
    let (state, reason) = status(&folder, "polaris");
    assert!(state == "failed" && reason.contains("signal 11"), "{state} {reason}");
    let (state, reason) = status(&folder, "checkov");
    assert!(state == "failed" && reason.contains("cannot do it"), "{state} {reason}");
    let (state, reason) = status(&folder, "kubescape");
    assert!(state == "timed-out" && reason.contains("--scanner-timeout"), "{state} {reason}");
    std::thread::sleep(Duration::from_secs(5));
    assert!(!folder.at("late").exists(), "what the scanner started lives on");
}

#[test]
fn a_scanner_that_is_not_there_is_missing() {
    let folder = manifests();
    let mut command = Command::new(BINARY);
    command
        .args(["detect", "--in", "in", "--with", "polaris", "--out", "d.json"])
        .args(["--scanner-report", "status.json"])
        .env("PATH", folder.path())
        .current_dir(folder.path());
    run(command, b"").ended(2).says("error: polaris: missing");
    assert_eq!(status(&folder, "polaris").0, "missing");
    assert!(folder.records("d.json").is_empty());
}

/// The gate asks the scanner again: gone passes, still there fails, no answer is no pass.
#[test]
fn strict_asks_the_scanner_again() {
    let folder = manifests();
    // Reports what is privileged in the very file that it is given.
    program(
        &folder,
        "fake/kube-linter",
        r#"[ "$1" = version ] && echo 1.2.3 && exit
for last; do :; done
echo '{"Checks": [], "Summary": {}, "Reports": ['
comma=
grep -rl 'privileged: true' "$last" | grep web.yaml | while read -r file; do
  echo "$comma"'{"Check": "privileged-container", "Diagnostic": {"Message": "container \"web\" is privileged"}, "Object": {"Metadata": {"FilePath": "'"$file"'"}, "K8sObject": {"Namespace": "shop", "Name": "web", "GroupVersionKind": {"Group": "apps", "Version": "v1", "Kind": "Deployment"}}}}'
  comma=,
done
echo ']}'"#,
    );
    let scanner = ["--scanner", "kube-linter=fake/kube-linter"];
    let detect = ["detect", "--in", "in", "--with", "kube-linter", "--out", "d.json"];
    folder.run(&[&detect[..], &scanner].concat()).ended(1);
    folder.run(&["propose", "--detections", "d.json", "--out", "p.json"]).ended(0);
    let verify = [
        "verify",
        "--patches",
        "p.json",
        "--detections",
        "d.json",
        "--out",
        "v.json",
        "--gates-profile",
        "strict",
        "--disable-gate",
        "server",
    ];
    let rescan = |folder: &Folder| {
        let verdict = folder.records("v.json").remove(0);
        let gates = verdict["gates"].as_array().unwrap().clone();
        let gate = gates.into_iter().find(|gate| gate["gate"] == "rescan").unwrap();
        (verdict["accepted"] == true, gate["outcome"].as_str().unwrap().to_owned())
    };
    folder.run(&[&verify[..], &scanner].concat()).ended(0);
    assert_eq!(rescan(&folder), (true, "passed".to_owned()));
    assert_eq!(folder.records("v.json")[0]["ok_rescan"], true);

    // It says the same whatever it is given: the file in `in` is none that the rescan gave it.
    let always = linter(&folder, "always.json");
    folder.write(
        "always.json",
        r#"{"Checks": [], "Reports": [{"Check": "privileged-container", "Diagnostic": {"Message":
            "container \"web\" is privileged"}, "Object": {"Metadata": {"FilePath": "web.yaml"},
            "K8sObject": {"Namespace": "shop", "Name": "web", "GroupVersionKind": {"Group": "apps",
            "Kind": "Deployment"}}}}]}"#,
    );
    folder.run(&[&verify[..], &["--scanner", &always]].concat()).ended(1);
    assert_eq!(rescan(&folder), (false, "failed".to_owned()));

    for (script, state) in [("exit 9", "failed"), ("echo nothing", "unreadable")] {
        program(&folder, "fake/kube-linter", script);
        let ran =
            folder.run(&[&verify[..], &scanner, &["--scanner-report", "status.json"]].concat());
        ran.ended(1);
        assert_eq!(rescan(&folder), (false, "unavailable".to_owned()), "{script}");
        assert_eq!(status(&folder, "kube-linter").0, state);
    }
    folder.run(&[&verify[..], &["--scanner", "kube-linter=fake/gone"]].concat()).ended(1);
    assert_eq!(rescan(&folder), (false, "unavailable".to_owned()));

    // What no outside scanner reported needs none.
    folder.run(&["detect", "--in", "in", "--select", "host-pid", "--out", "d.json"]).ended(1);
    folder.run(&["propose", "--detections", "d.json", "--out", "p.json"]).ended(0);
    folder.run(&verify).ended(0);
    assert_eq!(rescan(&folder), (true, "skipped".to_owned()));
}

/// A Kyverno that crashes on two resources of one name, as the real one does.
#[test]
fn a_crash_is_answered_with_smaller_portions() {
    let folder = manifests();
    folder.write("policies/none.yaml", "");
    program(
        &folder,
        "fake/kyverno",
        r#"[ "$1" = version ] && echo Version: v1.0.0 && exit
count=0; for word; do [ "$word" = --resource ] && count=$((count + 1)); done
case "$*" in *" in "*) echo "panic: resources share a name" >&2; exit 2;; esac
echo '{"kind": "ClusterReport", "apiVersion": "openreports.io/v1alpha1", "results": [{"source": "kyverno", "policy": "disallow-privileged-containers", "rule": "autogen-x", "result": "fail", "message": "at path /spec/template/spec/containers/0/securityContext/privileged/", "resources": [{"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web"}]}]}'"#,
    );
    folder
        .run(&[
            "detect",
            "--in",
            "in",
            "--with",
            "kyverno",
            "--policies-dir",
            "policies",
            "--scanner",
            "kyverno=fake/kyverno",
            "--out",
            "d.json",
            "--scanner-report",
            "status.json",
        ])
        .ended(1)
        .says("resources share a name")
        .says("smaller portions");
    assert_eq!(status(&folder, "kyverno").0, "ok");
    assert_eq!(reported_by(&folder.records("d.json"), "kyverno:").len(), 1);
    folder
        .run(&["detect", "--in", "in", "--with", "kyverno", "--scanner", "kyverno=fake/kyverno"])
        .ended(2)
        .says("kyverno needs --policies-dir");
}

/// The `PATH` with the real scanners in front, or a loud word that the test does not run.
fn real_scanners(test: &str) -> Option<OsString> {
    let Some(folders) = std::env::var_os("K8S_AUTO_FIX_SCANNERS") else {
        println!("SKIPPED: {test}: set K8S_AUTO_FIX_SCANNERS to the folders of the scanners");
        return None;
    };
    let mut path = folders;
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    Some(path)
}

fn with_path(folder: &Folder, path: &OsString, args: &[&str]) -> Ran {
    let mut command = Command::new(BINARY);
    command.args(args).env("PATH", path).current_dir(folder.path());
    run(command, b"")
}

/// Two policies of our own, under names that rules here know, and one that none does.
fn policies(folder: &Folder) {
    let policy = |name: &str, kinds: &str, pattern: &str| {
        format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: {name}}}\nspec:\n  \
             validationFailureAction: Audit\n  background: true\n  rules:\n  - name: check\n    match:\n      \
             any:\n      - resources: {{kinds: [{kinds}]}}\n    validate:\n      message: not \
             allowed\n      pattern: {pattern}\n"
        )
    };
    let privileged =
        "{spec: {containers: [{\"=(securityContext)\": {\"=(privileged)\": \"false\"}}]}}";
    folder.write("policies/a.yaml", policy("disallow-privileged-containers", "Pod", privileged));
    let label = "{metadata: {labels: {team: \"?*\"}}}";
    folder.write("policies/b.yaml", policy("require-team-label", "Deployment", label));
}

/// The real tools on manifests of ours, through all stages and back to the tools.
#[test]
fn real_scanners_agree_that_the_fixes_cure() {
    let Some(path) = real_scanners("real_scanners_agree_that_the_fixes_cure") else { return };
    let folder = manifests();
    policies(&folder);
    let scanners = [
        "--policies-dir",
        "policies",
        "--scanner-report",
        "status.json",
        "--scanner-timeout",
        "600",
    ];
    let detect = ["detect", "--in", "in", "--with", "kyverno,checkov,trivy", "--out", "d.json"];
    with_path(&folder, &path, &[&detect[..], &scanners].concat()).ended(1);
    let detections = folder.records("d.json");
    for tool in ["kyverno", "checkov", "trivy"] {
        assert_eq!(status(&folder, tool).0, "ok");
        assert!(!reported_by(&detections, &format!("{tool}:")).is_empty(), "{tool}");
    }
    // Every finding is in an object of ours: the tools looked at the very same files.
    assert!(detections.iter().all(|record| record["object"].is_object()));
    let privileged: Vec<&Value> = detections
        .iter()
        .filter(|record| record["rule"] == "privileged-container")
        .filter(|record| record["manifest_path"] == "in/apps/web.yaml")
        .collect();
    assert_eq!(privileged.len(), 3, "each tool sees it: {privileged:#?}");
    assert!(privileged.iter().all(|record| record["fingerprint"] == privileged[0]["fingerprint"]));
    let label = reported_by(&detections, "kyverno:require-team-label/check");
    assert_eq!(label.len(), 1, "a policy that no rule knows is kept");

    let propose = ["propose", "--detections", "d.json", "--out", "p.json"];
    with_path(&folder, &path, &propose).ended(1);
    // Running the tools again takes seconds each time: one rule, which all of them have.
    let ids: Vec<&str> = privileged.iter().map(|record| record["id"].as_str().unwrap()).collect();
    let chosen: Vec<&str> = ids.iter().flat_map(|id| ["--id", *id]).collect();
    let verify = [
        "verify",
        "--patches",
        "p.json",
        "--detections",
        "d.json",
        "--out",
        "v.json",
        "--include-errors",
        "--gates-profile",
        "strict",
        "--disable-gate",
        "server",
    ];
    with_path(&folder, &path, &[&verify[..], &scanners, &chosen].concat()).ended(0);
    let verdicts = folder.records("v.json");
    assert_eq!(verdicts.len(), 3);
    assert!(verdicts.iter().all(|verdict| verdict["ok_rescan"] == true), "{verdicts:#?}");
    assert_eq!(status(&folder, "kyverno").0, "ok");

    // A patch that cures nothing for the scanner does not pass.
    let mut patches = folder.records("p.json");
    patches.retain(|patch| ids.contains(&patch["id"].as_str().unwrap()));
    for patch in &mut patches {
        let path = "/spec/template/spec/containers/1/imagePullPolicy";
        patch["patch"] = serde_json::json!([{"op": "add", "path": path, "value": "Always"}]);
    }
    folder.write("p.json", serde_json::to_vec(&patches).unwrap());
    let off = ["--disable-gate", "patch,policy,regression"];
    with_path(&folder, &path, &[&verify[..], &scanners, &off].concat()).ended(1);
    for verdict in folder.records("v.json") {
        let gates = verdict["gates"].as_array().unwrap();
        let rescan = gates.iter().find(|gate| gate["gate"] == "rescan").unwrap();
        assert_eq!(rescan["outcome"], "failed", "{verdict:#?}");
        assert_eq!(verdict["accepted"], false);
    }
}

/// Kyverno's client panics on two resources of one name, and on lists.
#[test]
fn real_kyverno_survives_resources_of_one_name() {
    let Some(path) = real_scanners("real_kyverno_survives_resources_of_one_name") else { return };
    let folder = manifests();
    policies(&folder);
    let web = folder.read("in/apps/web.yaml");
    folder.write("in/copy.yaml", &web);
    folder.write("in/twice.yaml", format!("{web}---\n{web}"));
    folder.write("in/broken.yaml", "a: [1\n");
    let ran = with_path(
        &folder,
        &path,
        &[
            "detect",
            "--in",
            "in",
            "--with",
            "kyverno",
            "--policies-dir",
            "policies",
            "--out",
            "d.json",
            "--scanner-report",
            "status.json",
        ],
    );
    let ran = ran.ended(2).says("smaller portions");
    ran.says("kyverno v").says("not scanned: ").says("broken.yaml");
    let detections = folder.records("d.json");
    // Four copies of the Deployment, two pods, one of them in a list.
    let by = "kyverno:disallow-privileged-containers/check";
    let found = reported_by(&detections, by).len();
    assert_eq!(found, 6, "{}", folder.read("status.json"));
    let report: Value = serde_json::from_str(&folder.read("status.json")).unwrap();
    let lost = report["scanners"][0]["not_scanned"].as_array().unwrap();
    assert_eq!(lost.len(), 1, "{lost:?}");
}
