//! Exit codes, outputs, formats, configuration.

use crate::tool::{BINARY, CLEAN, Folder, POD, run};
use std::process::Command;

#[test]
fn exit_codes() {
    let folder = Folder::with(&[("good.yaml", CLEAN), ("bad.yaml", POD)]);
    folder.run(&["check", "good.yaml"]).ended(0).says("No findings.");
    folder.run(&["check", "bad.yaml"]).ended(1);
    folder.run(&["check", "--no-such-flag"]).ended(2).says("--no-such-flag");
    folder.run(&["no-such-command"]).ended(2);
    folder.run(&["check", "--jobs", "0"]).ended(2).says("--jobs");
    folder.run(&["check", "--unsafe-fixes", "--output-format", "json"]).ended(2);
    folder.run(&["run", "good.yaml", "--out", "out"]).ended(0);
    folder.run(&["run", "bad.yaml", "--out", "out"]).ended(1);
    folder.run(&["run", "good.yaml", "--out", "good.yaml/out"]).ended(2).says("good.yaml/out");
    folder.run(&["--version"]).ended(0).says("k8s-auto-fix ");
}

#[test]
fn quiet_leaves_the_results() {
    let folder = Folder::with(&[("bad.yaml", POD)]);
    let ran = folder.run(&["check", ".", "--quiet", "--output-format", "concise"]).ended(1);
    assert!(ran.out.lines().all(|line| line.starts_with("bad.yaml:")), "{}", ran.out);
    assert_eq!(ran.err, "");
    let ran = folder.run(&["run", ".", "--out", "out", "--quiet"]).ended(1);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
    let ran = folder.run(&["check", ".", "--fix", "--quiet", "--output-format", "concise"]);
    assert_eq!(ran.ended(1).err, "");
}

#[test]
fn no_colour_where_no_terminal_is() {
    let folder = Folder::with(&[("bad.yaml", POD)]);
    for args in [&["check", "."][..], &["check", ".", "--diff"], &["rules"], &["check", "--nope"]] {
        folder.run(args).hides("\u{1b}[");
    }
}

#[test]
fn colour_on_a_terminal_unless_the_user_minds() {
    let folder = Folder::with(&[("bad.yaml", POD)]);
    // `script` gives the tool a terminal.
    if folder.shell("command -v script").code != Some(0) {
        println!("SKIPPED: colour_on_a_terminal: there is no `script`");
        return;
    }
    let on_terminal = |before: &str| {
        let command = format!("{before} TERM=xterm script -qec \"$TOOL check bad.yaml\" /dev/null");
        folder.shell(&command)
    };
    on_terminal("").says("\u{1b}[");
    on_terminal("NO_COLOR=1").hides("\u{1b}[");
}

#[test]
fn every_format() {
    let folder = Folder::with(&[("bad.yaml", POD), ("half.yaml", "a: [")]);
    let check = |format: &str| folder.run(&["check", ".", "--output-format", format]).ended(2);

    let full = check("full").says("--> bad.yaml:16:19").says("^^^^");
    assert!(full.out.contains("privileged-container"), "{}", full.out);

    let concise = check("concise").out;
    assert!(concise.contains("bad.yaml:16:19: critical[privileged-container] "), "{concise}");
    assert!(concise.contains("half.yaml:1:4: error: "), "{concise}");

    let json = check("json").json();
    let found = json.as_array().unwrap();
    let one = found.iter().find(|d| d["rule"] == "privileged-container").unwrap();
    assert_eq!(one["manifest_path"], "bad.yaml");
    assert_eq!(one["policy_id"], "no_privileged");
    assert_eq!(one["pointer"], "/spec/containers/0/securityContext/privileged");
    assert_eq!(one["keyed_path"], "spec.containers[name=web].securityContext.privileged");

    let sarif = check("sarif").json();
    assert_eq!(sarif["version"], "2.1.0");
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), found.len());
    assert!(results.iter().any(|result| result["fixes"].is_array()), "{sarif:#}");
    assert_eq!(sarif["runs"][0]["invocations"][0]["executionSuccessful"], false);

    let github = check("github");
    assert_eq!(github.out.matches("::error file=half.yaml,line=1,").count(), 1, "{}", github.out);
    assert!(github.out.contains("::error file=bad.yaml,line=16,col=19"), "{}", github.out);

    let junit = check("junit").out;
    assert!(junit.contains("<testsuite name=\"bad.yaml\" "), "{junit}");
    assert!(junit.contains("name=\"privileged-container: Pod/web in namespace shop\""), "{junit}");
    assert!(junit.contains("<error message="), "{junit}");

    let gitlab = check("gitlab").json();
    let issues = gitlab.as_array().unwrap();
    assert_eq!(issues.len(), found.len() + 1);
    let one = issues.iter().find(|issue| issue["check_name"] == "privileged-container").unwrap();
    assert_eq!(one["location"]["lines"]["begin"], 16);

    for format in ["json", "sarif", "github", "junit", "gitlab"] {
        assert!(check(format).err.contains("error: half.yaml:1:4: "), "{format}");
    }
    folder.run(&["check", ".", "--output-format", "xml"]).ended(2).says("concise");
}

#[test]
fn stdin() {
    let folder = Folder::new();
    let ran = folder.pipe(&["check", "-", "--output-format", "concise"], POD.as_bytes()).ended(1);
    assert!(ran.out.contains("-:16:19: critical[privileged-container]"), "{}", ran.out);
    folder.pipe(&["check", "-"], CLEAN.as_bytes()).ended(0);
    folder.pipe(&["check", "-"], b"a: [").ended(2).says("-:1:4");
    folder.pipe(&["run", "-", "--out", "out"], POD.as_bytes()).ended(1);
    assert!(folder.records("out/detections.jsonl").len() > 4);
}

#[test]
fn a_fixed_stdin_is_all_that_stdout_gets() {
    let folder = Folder::with(&[("file.yaml", POD)]);
    folder.run(&["check", "file.yaml", "--fix"]).ended(1);
    let fixed = folder.read("file.yaml");
    for format in ["full", "json"] {
        let args = ["check", "-", "--fix", "--output-format", format];
        let ran = folder.pipe(&args, POD.as_bytes()).ended(1);
        assert_eq!(ran.out, fixed);
        assert!(ran.err.contains("privileged-container"), "{}", ran.err);
    }
    // What has nothing to fix passes through, and so does what cannot be read.
    let again = folder.pipe(&["check", "--fix", "-"], fixed.as_bytes()).ended(1);
    assert_eq!(again.out, fixed);
    assert_eq!(folder.pipe(&["check", "--fix", "-"], CLEAN.as_bytes()).ended(0).out, CLEAN);
    assert_eq!(folder.pipe(&["check", "--fix", "-"], b"a: [\n").ended(2).out, "a: [\n");
}

#[test]
fn a_reader_that_had_enough_is_no_error() {
    let folder = Folder::new();
    for n in 0..400 {
        folder.write(&format!("{n}.yaml"), POD);
    }
    for command in [
        "check .",
        "check . --output-format concise",
        "check . --output-format json",
        "check . --output-format sarif",
        "check . --diff",
        "detect --in .",
    ] {
        let script = format!("$TOOL {command} | head -1; exit ${{PIPESTATUS[0]}}");
        let ran = folder.shell(&script);
        assert!(matches!(ran.code, Some(0 | 1)), "{command}: {:?} {}", ran.code, ran.err);
        assert!(!ran.err.contains("error") && !ran.err.contains("panicked"), "{}", ran.err);
    }
    // Short outputs: the reader is gone before the first byte.
    for command in [
        "rules",
        "rules --output-format json",
        "explain ALL",
        "doctor",
        "doctor --output-format json",
        "completions bash",
    ] {
        let script = format!("(sleep 0.2; $TOOL {command}; echo \"code $?\" >&2) | exec true");
        folder.shell(&script).hides("error").hides("panicked").says("code 0");
    }
}

#[test]
fn unknown_names_come_with_a_suggestion() {
    let folder = Folder::with(&[("bad.yaml", POD)]);
    for flag in ["--select", "--ignore"] {
        let ran = folder.run(&["check", ".", flag, "privileged-contaner"]).ended(2);
        ran.says("privileged-contaner").says("privileged-container");
    }
    folder.run(&["explain", "host-netwrk"]).ended(2).says("host-network");
    folder.run(&["check", ".", "--profile", "al"]).ended(2).says("pod-security-restricted");
    folder.run(&["check", ".", "--context", "x"]).ended(2).says("directory");
    folder.run(&["check", ".", "--kubernetes-version", "1.2"]).ended(2).says("1.2");
    folder.run(&["check", ".", "--pod-security-version", "v9"]).ended(2).says("v9");
    let gate = ["run", ".", "--out", "out", "--disable-gate", "shema"];
    folder.run(&gate).ended(2).says("schema");
}

#[test]
fn rules_are_selected_and_ignored() {
    let folder = Folder::with(&[("bad.yaml", POD)]);
    let rules = |args: &[&str]| -> Vec<String> {
        let args = [&["check", ".", "--output-format", "json"], args].concat();
        let found = folder.run(&args).json();
        found.as_array().unwrap().iter().map(|d| d["rule"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(rules(&["--select", "privileged-container"]), ["privileged-container"]);
    assert_eq!(rules(&["--select", "kube-linter:privileged-container"]), ["privileged-container"]);
    assert!(!rules(&["--ignore", "privileged-container"]).contains(&"privileged-container".into()));
    assert!(rules(&["--profile", "all"]).len() > rules(&[]).len());
    let both = rules(&["--select", "ALL", "--ignore", "privileged-container"]);
    assert_eq!(both.len() + 1, rules(&["--profile", "all"]).len());
}

#[test]
fn a_wrong_configuration_names_file_and_line() {
    let folder = Folder::with(&[("bad.yaml", POD)]);
    for (text, place, reason) in [
        ("profile: all\nselct: [x]\n", "k8s-auto-fix.yaml:2", "selct"),
        ("values:\n- runAsUsr: 5\n", "k8s-auto-fix.yaml:2", "runAsUsr"),
        ("values:\n- runAsUser: much\n", "k8s-auto-fix.yaml:2", "invalid type"),
        ("a: [\n", "k8s-auto-fix.yaml", "bracket"),
        ("- a list\n", "k8s-auto-fix.yaml:1", "expected a map"),
    ] {
        folder.write("k8s-auto-fix.yaml", text);
        for command in [&["check", "bad.yaml"][..], &["run", "bad.yaml", "--out", "out"]] {
            folder.run(command).ended(2).says(place).says(reason);
        }
        folder.run(&["doctor"]).ended(2).says(place);
    }
    folder.run(&["check", "--config", "nowhere.yaml"]).ended(2).says("nowhere.yaml");
}

#[test]
fn values_turn_advice_into_fixes() {
    let folder = Folder::with(&[("bad.yaml", POD)]);
    let fix = [
        "check",
        "bad.yaml",
        "--diff",
        "--unsafe-fixes",
        "--select",
        "run-as-non-root,unset-cpu-requirements",
    ];
    folder.run(&fix).hides("cpu:");
    folder.write("k8s-auto-fix.yaml", "values:\n- resources: {requests: {cpu: 250m}}\n");
    folder.run(&fix).ended(1).says("250m");
    // Where a flag names a file, the one in the folder does not count.
    folder.write("other.yaml", "select: [host-network]\n");
    folder.run(&["check", "bad.yaml", "--config", "other.yaml"]).ended(0);
    // Flags win over the file.
    let over = ["check", "bad.yaml", "--config", "other.yaml", "--select", "privileged-container"];
    folder.run(&over).ended(1).says("privileged-container");
}

#[test]
fn hostile_names_and_texts_do_not_reach_the_terminal() {
    let text = POD.replace("name: web\n    image", "name: \"w\\e[31meb\"\n    image");
    let folder = Folder::with(&[("a\u{1b}[2Jb.yaml", &text), ("c\u{1b}[2Jd.yaml", "a: [")]);
    for format in ["full", "concise", "json", "sarif", "github", "junit", "gitlab"] {
        folder.run(&["check", ".", "--output-format", format]).ended(2).hides("\u{1b}");
    }
    folder.run(&["check", ".", "--diff", "--unsafe-fixes"]).hides("\u{1b}");
    folder.run(&["run", ".", "--out", "out"]).hides("\u{1b}");
    folder.run(&["detect", "--in", ".", "--out", "d.json"]).hides("\u{1b}");
}

#[test]
fn doctor_finds_nothing_wrong() {
    let folder = Folder::new();
    folder.run(&["doctor"]).ended(0).says("schemas");
    let report = folder.run(&["doctor", "--output-format", "json"]).ended(0).json();
    assert!(report.as_array().unwrap().iter().all(|finding| finding["ok"] == true));
}

#[test]
fn completions_load() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(!folder.run(&["completions", shell]).ended(0).out.is_empty());
    }
    let script = "eval \"$($TOOL completions bash)\" && complete -p k8s-auto-fix";
    folder.shell(script).ended(0).says("complete ");
    let script = "eval \"$($TOOL completions bash)\" && COMP_WORDS=(k8s-auto-fix ch) COMP_CWORD=1 \
        && _k8s__auto__fix k8s-auto-fix ch k8s-auto-fix && echo \"${COMPREPLY[@]}\"";
    folder.shell(script).ended(0).says("check");
}

#[test]
fn help_names_every_command() {
    let mut command = Command::new(BINARY);
    command.arg("--help");
    let help = run(command, b"").ended(0).out;
    for name in [
        "check",
        "rules",
        "explain",
        "run",
        "baseline",
        "detect",
        "propose",
        "verify",
        "risk",
        "feeds",
        "schedule",
        "queue",
        "doctor",
        "completions",
    ] {
        assert!(help.contains(&format!("  {name} ")), "{name}: {help}");
    }
}
