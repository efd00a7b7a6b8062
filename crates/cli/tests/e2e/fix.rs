//! `check --fix`: what it changes in files, and what it leaves alone.

use crate::tool::{CLEAN, Folder, POD, pod};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt, symlink};

/// The lines that a fix took away and those that it added.
fn changed(before: &str, after: &str) -> (Vec<String>, Vec<String>) {
    let minus = |a: &str, b: &str| {
        let mut rest: Vec<&str> = b.lines().collect();
        let mut only = Vec::new();
        for line in a.lines() {
            match rest.iter().position(|other| *other == line) {
                Some(index) => drop(rest.remove(index)),
                None => only.push(line.to_owned()),
            }
        }
        only
    };
    (minus(before, after), minus(after, before))
}

#[test]
fn safe_fixes_and_no_others() {
    let folder = Folder::with(&[("pod.yaml", POD)]);
    let ran = folder.run(&["check", ".", "--fix"]).ended(1);
    let fixed = folder.read("pod.yaml");
    let expected = POD.replace("    - name: LOG_LEVEL\n      value: info\n", "");
    assert_eq!(fixed, expected);
    ran.says("Fixed 1 finding");
    folder.run(&["check", ".", "--fix", "--unsafe-fixes"]).ended(1);
    let fixed = folder.read("pod.yaml");
    let (gone, new) = changed(&expected, &fixed);
    assert_eq!(gone, ["      privileged: true"], "{fixed}");
    assert!(new.contains(&"      privileged: false".to_owned()), "{new:?}");
    assert!(fixed.contains("image: nginx:1.29.3   # pinned"), "{fixed}");
}

#[test]
fn advice_alone_changes_nothing_and_everything_cured_ends_with_0() {
    let folder = Folder::with(&[("pod.yaml", POD)]);
    let select = ["--select", "duplicate-env-var"];
    let ran = folder.run(&[&["check", ".", "--fix"], &select[..]].concat()).ended(0);
    ran.says("Fixed 1 finding").says("No findings");
    folder.run(&[&["check", "."], &select[..]].concat()).ended(0);
    let before = folder.files();
    folder.run(&["check", ".", "--fix", "--select", "unset-cpu-requirements"]).ended(1);
    assert!(folder.files() == before);
}

#[test]
fn the_diff_is_what_the_fix_does() {
    let folder = Folder::with(&[("sub/pod.yaml", POD), ("clean.yaml", CLEAN)]);
    let diff = folder.run(&["check", ".", "--diff", "--unsafe-fixes"]).ended(1);
    assert_eq!(folder.read("sub/pod.yaml"), POD, "--diff writes nothing");
    let other = Folder::with(&[("sub/pod.yaml", POD)]);
    other.write("fix.diff", &diff.out);
    other.shell("git apply -p1 fix.diff || patch -p1 < fix.diff").ended(0);
    folder.run(&["check", ".", "--fix", "--unsafe-fixes"]).ended(1);
    assert_eq!(other.read("sub/pod.yaml"), folder.read("sub/pod.yaml"));
    folder.run(&["check", ".", "--diff", "--unsafe-fixes"]).ended(0);
    folder.run(&["check", ".", "--diff", "--fix"]).ended(2);
}

#[test]
fn permissions_stay_and_other_files_are_not_rewritten() {
    let folder = Folder::with(&[("pod.yaml", POD), ("clean.yaml", CLEAN)]);
    for (name, mode) in [("pod.yaml", 0o640), ("clean.yaml", 0o600)] {
        std::fs::set_permissions(folder.at(name), PermissionsExt::from_mode(mode)).unwrap();
    }
    let stat = |name: &str| std::fs::metadata(folder.at(name)).unwrap();
    let before = stat("clean.yaml");
    folder.run(&["check", ".", "--fix", "--unsafe-fixes"]).ended(1);
    assert_ne!(folder.read("pod.yaml"), POD);
    assert_eq!(stat("pod.yaml").mode() & 0o7777, 0o640);
    let after = stat("clean.yaml");
    assert_eq!(
        (before.ino(), before.mtime(), before.mtime_nsec()),
        (after.ino(), after.mtime(), after.mtime_nsec())
    );
    // A second run touches not even the file that was fixed.
    let before = stat("pod.yaml");
    let ran = folder.run(&["check", ".", "--fix", "--unsafe-fixes"]).ended(1);
    let after = stat("pod.yaml");
    assert_eq!((before.ino(), before.mtime_nsec()), (after.ino(), after.mtime_nsec()));
    ran.hides("Fixed ");
}

#[test]
fn a_link_stays_a_link() {
    let outside = Folder::with(&[("real.yaml", POD)]);
    let folder = Folder::with(&[("sub/target.yaml", POD)]);
    symlink("sub/target.yaml", folder.at("inside.yaml")).unwrap();
    symlink(outside.at("real.yaml"), folder.at("named.yaml")).unwrap();
    // Within the folder a link is one more name of its target.
    folder.run(&["check", ".", "--fix"]).ended(2).says("named.yaml");
    assert!(folder.at("inside.yaml").is_symlink());
    assert!(!folder.at("sub/target.yaml").is_symlink());
    assert_ne!(folder.read("sub/target.yaml"), POD);
    assert_eq!(outside.read("real.yaml"), POD);
    // A link out of the folder is followed when the user names it.
    folder.run(&["check", "named.yaml", "--fix"]).ended(1);
    assert!(folder.at("named.yaml").is_symlink());
    assert_eq!(folder.read("named.yaml"), folder.read("sub/target.yaml"));
    assert_eq!(outside.files().len(), 1);
}

#[test]
fn line_ends_and_marks_stay() {
    let dos = POD.replace('\n', "\r\n");
    let marked = format!("\u{feff}{POD}");
    let no_end = POD.trim_end();
    let folder = Folder::with(&[
        ("plain.yaml", POD),
        ("dos.yaml", &dos),
        ("marked.yaml", &marked),
        ("no-end.yaml", no_end),
    ]);
    folder.run(&["check", ".", "--fix", "--unsafe-fixes"]).ended(1);
    let plain = folder.read("plain.yaml");
    assert_ne!(plain, POD);
    assert_eq!(folder.read("dos.yaml"), plain.replace('\n', "\r\n"));
    assert_eq!(folder.read("marked.yaml"), format!("\u{feff}{plain}"));
    assert_eq!(folder.read("no-end.yaml").trim_end(), plain.trim_end());
}

#[test]
fn all_objects_of_a_list_are_fixed() {
    let indented = |name: &str| -> String {
        let mut text: String = pod(name).lines().map(|line| format!("    {line}\n")).collect();
        text.replace_range(..4, "  - ");
        text
    };
    let list = format!(
        "# two pods\napiVersion: v1\nkind: List\nitems:\n{}{}",
        indented("a"),
        indented("b")
    );
    let folder = Folder::with(&[("list.yaml", &list)]);
    folder.run(&["check", ".", "--fix", "--unsafe-fixes"]).ended(1);
    let fixed = folder.read("list.yaml");
    assert_eq!(fixed.matches("privileged: false").count(), 2, "{fixed}");
    assert_eq!(fixed.matches("LOG_LEVEL").count(), 2, "{fixed}");
    assert!(fixed.starts_with("# two pods\n") && fixed.matches("# pinned").count() == 2);
}

#[test]
fn only_the_documents_with_findings_change() {
    let text = format!(
        "# head\n---\n{CLEAN}\n# between\n---\n{}---\n{CLEAN}...\n---\n{}",
        pod("a"),
        pod("b")
    );
    let folder = Folder::with(&[("many.yaml", &text)]);
    folder.run(&["check", ".", "--fix"]).ended(1);
    let expected = text.replace("    - name: LOG_LEVEL\n      value: info\n", "");
    assert_eq!(folder.read("many.yaml"), expected);
}

#[test]
fn json_files_stay_json() {
    let json = r#"{
  "apiVersion": "v1",
  "kind": "Pod",
  "metadata": {"name": "web", "namespace": "shop"},
  "spec": {
    "containers": [
      {"name": "web", "image": "nginx:1.29.3", "securityContext": {"privileged": true}}
    ]
  }
}
"#;
    let folder = Folder::with(&[("pod.json", json), ("pod.yaml", json)]);
    folder.run(&["check", "pod.json", "pod.yaml", "--fix", "--unsafe-fixes"]).ended(1);
    let fixed = folder.read("pod.json");
    let parsed: serde_json::Value =
        serde_json::from_str(&fixed).unwrap_or_else(|e| panic!("{e}: {fixed}"));
    assert_eq!(parsed["spec"]["containers"][0]["securityContext"]["privileged"], false);
    assert_eq!(folder.read("pod.yaml"), fixed);
    let (gone, _) = changed(json, &fixed);
    assert!(gone.len() <= 2, "{fixed}");
}

#[test]
fn a_file_that_changes_meanwhile_is_left_alone() {
    // The tool reads the pod, then waits for its stdin; meanwhile the file changes. Paths are read
    // before anything is written, so the write has to notice.
    let folder = Folder::with(&[("pod.yaml", POD)]);
    let other = pod("changed");
    folder.write("other", &other);
    let script = "(sleep 1; cat other > pod.yaml; printf 'a: b\\n') | $TOOL check pod.yaml - --fix";
    let ran = folder.shell(script);
    // Whether the file is read before stdin or after it, the other one's text must survive.
    let now = folder.read("pod.yaml");
    let fixed = other.replace("    - name: LOG_LEVEL\n      value: info\n", "");
    match ran.code {
        Some(2) => assert_eq!(now, other),
        code => assert_eq!((code, now), (Some(1), fixed)),
    }
}

#[test]
fn an_ignored_rule_is_not_fixed() {
    let folder = Folder::with(&[("pod.yaml", POD)]);
    let args = ["check", ".", "--fix", "--unsafe-fixes", "--ignore", "privileged-container"];
    folder.run(&args);
    assert!(folder.read("pod.yaml").contains("privileged: true"));
}
