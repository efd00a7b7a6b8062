//! Times of loading, compiling and validating, over objects as JSON Lines on standard input:
//! `validate.py 1.37 < files | jq -c .object | cargo run --release --example measure`.

// Its output is its result.
#![allow(clippy::print_stdout)]

use schema::{Outcome, Schemas, Version};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Instant;

fn main() -> Result<(), serde_json::Error> {
    let text = std::io::read_to_string(std::io::stdin()).unwrap_or_default();
    let objects = text.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let schemas = Schemas::new(&[Version::LATEST]);
    let judge = |object: &Value| schemas.validate_for(Version::LATEST, object);

    let start = Instant::now();
    judge(&json!({}));
    println!("load one version: {:?}", start.elapsed());
    let kinds: BTreeSet<String> = objects.iter().map(kind_only).collect();
    let start = Instant::now();
    for kind in &kinds {
        let begin = Instant::now();
        judge(&serde_json::from_str(kind)?);
        if kind.contains("\"Deployment\"") {
            println!("compile {kind}: {:?}", begin.elapsed());
        }
    }
    println!("compile {} kinds: {:?}", kinds.len(), start.elapsed());
    let start = Instant::now();
    let valid = objects.iter().filter(|object| judge(object) == Outcome::Valid).count();
    println!("validate {} objects ({valid} valid): {:?}", objects.len(), start.elapsed());
    Ok(())
}

fn kind_only(object: &Value) -> String {
    json!({"apiVersion": object["apiVersion"], "kind": object["kind"]}).to_string()
}
