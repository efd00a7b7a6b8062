//! What the tool says about its rules.

use crate::tool::{Folder, root};

#[test]
fn every_rule_is_listed_explained_and_has_a_page() {
    let folder = Folder::new();
    let rules = folder.run(&["rules", "--output-format", "json"]).ended(0).json();
    let rules = rules.as_array().unwrap();
    assert!(rules.len() > 50, "{}", rules.len());
    let table = folder.run(&["rules"]).ended(0).out;
    assert_eq!(table.lines().count(), rules.len());
    for rule in rules {
        let id = rule["id"].as_str().unwrap();
        let page = folder.run(&["explain", id]).ended(0).out;
        assert!(page.contains(id) && page.contains("Why it matters"), "{id}: {page}");
        let file = root().join(format!("docs/rules/{id}.md"));
        let written = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{id}: {e}"));
        assert!(written.contains("Why it matters"), "{id}");
        for alias in rule["aliases"].as_array().unwrap() {
            folder.run(&["explain", alias.as_str().unwrap()]).ended(0).says(id);
        }
    }
}
