//! `config`: the configuration file, checked and described.

use crate::tool::{Folder, root};
use serde_json::{Value, json};

#[test]
fn unknown_keys_are_named_with_a_suggestion() {
    let folder = Folder::with(&[
        ("k8s-auto-fix.yaml", "profile: all\n"),
        ("bad.yaml", "profil: all\nselect: [host-netwrk]\nscheduling:\n  max_wait_hour: 3\n"),
    ]);
    folder.run(&["config", "check"]).ended(0).says("k8s-auto-fix.yaml: 0 faults");
    let told = folder.run(&["config", "check", "bad.yaml"]).ended(1);
    told.says("bad.yaml:1: unknown key `profil`; did you mean `profile`?")
        .says("bad.yaml:4: unknown key `max_wait_hour`; did you mean `max_wait_hours`?")
        .says("2 faults");
    let faults = folder.run(&["config", "check", "bad.yaml", "--output-format", "json"]).json();
    assert_eq!(faults[1]["line"], 4);
    // The same words where the file is used, and names are looked up.
    folder.run(&["check", "--config", "bad.yaml"]).ended(2).says("did you mean `profile`?");
    folder.write("bad.yaml", "select: [host-netwrk]\n");
    folder.run(&["config", "check", "bad.yaml"]).ended(1).says("did you mean `host-network`?");
    folder.write("bad.yaml", "scheduling: {windows: [{from: '25:00', to: '1:00'}]}\n");
    folder.run(&["config", "check", "bad.yaml"]).ended(1).says("25:00");
    folder.write("bad.yaml", "a: [\n");
    folder.run(&["config", "check", "bad.yaml"]).ended(1).says("bad.yaml: ");
    folder.run(&["config", "check", "none.yaml"]).ended(2).says("none.yaml");
    Folder::new().run(&["config", "check"]).ended(2).says("name a file");
}

/// As an editor sees it.
#[test]
fn the_schema_accepts_what_is_read() {
    let schema = Folder::new().run(&["config", "schema"]).ended(0).json();
    assert!(jsonschema::meta::is_valid(&schema));
    let validator = jsonschema::validator_for(&schema).unwrap();
    let example = std::fs::read(root().join("examples/k8s-auto-fix.yaml")).unwrap();
    let source = manifest::Source::parse(example, &manifest::Limits::default()).unwrap();
    let example = source.root(0).unwrap().to_json();
    let faults = |value: &Value| -> Vec<String> {
        validator.iter_errors(value).map(|error| error.to_string()).collect()
    };
    assert_eq!(faults(&example), Vec::<String>::new());
    let bad = json!({
        "profil": "all", "values": [{ "runAsUser": "x" }], "ignores": [{ "paths": ["a"] }],
        "parameters": { "latest-tag": { "no": 1 } }, "scheduling": { "windows": [{ "to": "1" }] },
    });
    assert_eq!(faults(&bad).len(), 5, "{:#?}", faults(&bad));
}
