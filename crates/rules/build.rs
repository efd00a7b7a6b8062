//! Collects `src/catalogue/*.rs` into one list, so that adding a rule means adding a file. The
//! module documentation of each file becomes the rule's page.

#![allow(clippy::expect_used, reason = "a build script has nobody to hand an error to")]

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let folder = Path::new(&root).join("src/catalogue");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut names: Vec<String> = fs::read_dir(&folder)
        .expect("the catalogue is there")
        .filter_map(|entry| {
            let name = entry.expect("readable").file_name().into_string().expect("plain names");
            name.strip_suffix(".rs").map(str::to_owned)
        })
        .collect();
    names.sort();

    let mut modules = String::new();
    let mut list = String::new();
    for name in &names {
        let path = folder.join(format!("{name}.rs"));
        println!("cargo::rerun-if-changed={}", path.display());
        let source = fs::read_to_string(&path).expect("rule files are UTF-8");
        let page: String = source
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .map(|line| format!("{}\n", line.trim_start_matches("//!").trim_start_matches(' ')))
            .collect();
        writeln!(modules, "#[path = {path:?}]\nmod {name};").expect("strings take all");
        writeln!(list, "    Entry {{ rule: &{name}::RULE, page: {page:?} }},")
            .expect("strings take all");
    }
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("catalogue.rs");
    fs::write(out, format!("{modules}\nstatic ENTRIES: &[Entry] = &[\n{list}];\n"))
        .expect("the output folder is writable");
}
