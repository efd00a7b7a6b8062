//! `check --interactive`: fixes that are asked for one by one.

use crate::tool::{Folder, POD, Ran, pod};

const ASK: [&str; 5] = ["check", "--interactive", "--unsafe-fixes", "--select", RULES];
const RULES: &str = "duplicate-env-var,privileged-container,drop-all-capabilities";

fn ask(folder: &Folder, answers: &str) -> Ran {
    folder.pipe(&[&ASK[..], &["in"]].concat(), answers.as_bytes())
}

#[test]
fn hunks_are_taken_one_by_one() {
    let folder = Folder::with(&[("in/bad.yaml", POD)]);
    let ran = ask(&folder, "?\nn\nn\nn\n").ended(1);
    let ran = ran.says("(1/3) Apply this fix [y,n,a,d,q,?]?").says("a  apply this and the other");
    assert_eq!(folder.read("in/bad.yaml"), POD);
    // What was declined is still reported.
    ran.says("privileged-container").says("drop-all-capabilities");
    // One of three, whichever it is, changes its own lines only.
    let ran = ask(&folder, "n\ny\nn\n").ended(1).says("Fixed 1 findings in 1 files.");
    let after = folder.read("in/bad.yaml");
    assert!(after != POD, "{}", ran.err);
    let left = folder.run(&["check", "in", "--select", RULES, "--output-format", "json"]).json();
    assert_eq!(left.as_array().unwrap().len(), 2);
    ask(&folder, "a\n").ended(0).says("Fixed 2 findings in 1 files.");
}

#[test]
fn the_end_of_the_answers_is_no_yes() {
    let folder = Folder::with(&[("in/a.yaml", POD), ("in/b.yaml", &pod("other"))]);
    ask(&folder, "").ended(1);
    assert_eq!(folder.read("in/a.yaml"), POD);
    // None of this file, all of the next.
    ask(&folder, "d\na\n").ended(1);
    assert_eq!(folder.read("in/a.yaml"), POD);
    assert!(folder.read("in/b.yaml") != pod("other"));
    ask(&folder, "y\nq\n").ended(1).says("Fixed 1 findings");
    folder.pipe(&["check", "-", "--interactive"], b"y\n").ended(2).says("answers from stdin");
    folder.run(&["check", "in", "--interactive", "--fix"]).ended(2);
}
