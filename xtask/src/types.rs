//! `cargo xtask types`: the Go types that kube-linter decodes manifests into, packed for
//! `crates/policies`.

use crate::schemas::write_or_check;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Runs `tools/go-types` and writes what it prints; with `--check` only compares.
pub(crate) fn run(root: &Path, arguments: &[String]) -> anyhow::Result<()> {
    let mut go = Command::new("go");
    let output = go.args(["run", "."]).current_dir(root.join("tools/go-types")).output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "tools/go-types failed:\n{errors}");
    // A type with a decoder of its own that nobody knows would be read wrongly in silence.
    anyhow::ensure!(errors.trim().is_empty(), "tools/go-types:\n{errors}");
    let types: BTreeMap<String, Value> = serde_json::from_slice(&output.stdout)?;
    let path = root.join("crates/policies/data/kube-linter-types.json.gz");
    write_or_check(&path, &serde_json::to_vec(&types)?, arguments == ["--check"])
}
