//! `cargo xtask schemas`: packs the Kubernetes schemas that `crates/schema` embeds.
//!
//! The source is what the API server of each minor says of itself: its OpenAPI v3 documents. The
//! servers are built from Go modules, which the `go` client checks against the public checksum
//! database. Former releases cannot be built any more; theirs is the `swagger.json` that their
//! module holds.

mod server;

use crate::tools;
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The last releases that served kinds which are gone: `extensions/v1beta1` and `apps/v1beta*` up
/// to 1.15, `networking.k8s.io/v1beta1` and others up to 1.21, `batch/v1beta1` and
/// `policy/v1beta1` up to 1.24.
const FORMER_RELEASES: [&str; 3] = ["v1.15.12", "v1.21.14", "v1.24.17"];

/// All that validation and keyed paths need; the rest is documentation and client-side merging.
const KEPT: [&str; 12] = [
    "$ref",
    "type",
    "format",
    "properties",
    "required",
    "items",
    "additionalProperties",
    "enum",
    "x-kubernetes-group-version-kind",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-patch-merge-key",
    "x-kubernetes-preserve-unknown-fields",
];

/// Field name to the distinct sets of keys that identify an item of that list.
type ListKeys = BTreeMap<String, BTreeSet<Vec<String>>>;

/// Regenerates the data files, or with `--check` compares them with what is committed; all of
/// them, or those of the minors that are named.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let (flags, named): (Vec<&str>, Vec<&str>) =
        arguments.iter().map(String::as_str).partition(|argument| argument.starts_with('-'));
    let check = match flags.as_slice() {
        [] => false,
        ["--check"] => true,
        other => bail!("usage: cargo xtask schemas [--check [VERSION…]], got {other:?}"),
    };
    if named.is_empty() {
        return all(root, check);
    }
    // One file holds the keys of all minors, so it cannot be written from some of them.
    ensure!(check, "some versions can only be checked: leave out {}", named.join(", "));
    for minor in named {
        let packed = pack_server(root, minor)?;
        write_or_check(&file(minor), &serde_json::to_vec(&packed)?, check)?;
    }
    Ok(())
}

fn all(root: &Path, check: bool) -> Result<()> {
    let mut keys = ListKeys::new();
    for minor in tools::pinned(root)? {
        let packed = pack_server(root, &minor)?;
        collect_list_keys(&packed, &mut keys)?;
        write_or_check(&file(&minor), &serde_json::to_vec(&packed)?, check)?;
    }
    for (release, folder) in FORMER_RELEASES.iter().zip(download(&FORMER_RELEASES)?) {
        let packed = pack_former(release, &folder)?;
        let (minor, _) = release.rsplit_once('.').context("a release has three parts")?;
        let minor = minor.trim_start_matches('v');
        write_or_check(&file(minor), &serde_json::to_vec(&packed)?, check)?;
    }
    let mut text = serde_json::to_string_pretty(&keys)?;
    text.push('\n');
    write_or_check(&data_folder().join("list-map-keys.json"), text.as_bytes(), check)
}

fn data_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/schema/data")
}

/// The file of a minor such as `1.36`.
fn file(minor: &str) -> PathBuf {
    data_folder().join(format!("v{minor}.json.gz"))
}

/// Folders of the unpacked modules, in the order of the releases.
fn download(releases: &[&str]) -> Result<Vec<PathBuf>> {
    let modules = releases.iter().map(|release| format!("k8s.io/kubernetes@{release}"));
    // Away from any go.mod, whose replacements would apply to what is downloaded.
    let output = Command::new("go")
        .args(["mod", "download", "-json"])
        .args(modules)
        .current_dir(std::env::temp_dir())
        .output()
        .context("cannot run `go`: install Go 1.21 or newer")?;
    let mut folders = BTreeMap::new();
    for module in serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>() {
        let module = module?;
        let text = |key: &str| module.get(key).and_then(Value::as_str);
        if let Some(error) = text("Error") {
            bail!("go mod download: {error}");
        }
        let version = text("Version").context("go mod download names no version")?;
        let folder = text("Dir").context("go mod download names no folder")?;
        folders.insert(version.to_owned(), PathBuf::from(folder));
    }
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    releases
        .iter()
        .map(|release| folders.remove(*release).with_context(|| format!("{release} is missing")))
        .collect()
}

/// What a server of a minor serves.
fn pack_server(root: &Path, minor: &str) -> Result<Value> {
    let release = tools::release(root, minor)?;
    let documents = server::documents(root, minor, &release)?;
    let definitions = schema::live::definitions(&documents)?;
    let definitions = definitions.iter().map(|(name, schema)| (name.clone(), strip(schema)));
    Ok(packed(&release, definitions.collect()))
}

/// What a former release said of itself; its published document names no enums.
fn pack_former(release: &str, folder: &Path) -> Result<Value> {
    let swagger = std::fs::read(folder.join("api/openapi-spec/swagger.json"))?;
    let swagger: Value = serde_json::from_slice(&swagger)?;
    let definitions = swagger.get("definitions").and_then(Value::as_object);
    let definitions = definitions.context("swagger.json has no definitions")?;
    let mut stripped = Map::new();
    for (name, definition) in definitions {
        let mut schema = strip(definition);
        drop_shared_kinds(&mut schema);
        stripped.insert(name.clone(), schema);
    }
    Ok(packed(release, stripped))
}

/// `{"kubernetes": "v1.36.3", "definitions": {…}}`, in an order that no server chooses.
fn packed(release: &str, definitions: Map<String, Value>) -> Value {
    let mut definitions = Value::Object(definitions);
    definitions.sort_all_objects();
    json!({"kubernetes": release, "definitions": definitions})
}

/// A schema without the keywords that validation does not use.
fn strip(schema: &Value) -> Value {
    let Some(fields) = schema.as_object() else { return schema.clone() };
    let mut kept = Map::new();
    for (key, value) in fields {
        if !KEPT.contains(&key.as_str()) {
            continue;
        }
        let value = match key.as_str() {
            "properties" => strip_each(value),
            "items" | "additionalProperties" => strip(value),
            _ => value.clone(),
        };
        kept.insert(key.clone(), value);
    }
    Value::Object(kept)
}

fn strip_each(properties: &Value) -> Value {
    let fields = properties.as_object().into_iter().flatten();
    Value::Object(fields.map(|(name, schema)| (name.clone(), strip(schema))).collect())
}

/// `DeleteOptions` and `WatchEvent` belong to every group; nobody keeps them in a file.
fn drop_shared_kinds(schema: &mut Value) {
    const KINDS: &str = "x-kubernetes-group-version-kind";
    let shared = schema.get(KINDS).and_then(Value::as_array).is_some_and(|kinds| kinds.len() > 1);
    if let (true, Some(fields)) = (shared, schema.as_object_mut()) {
        fields.shift_remove(KINDS);
    }
}

fn collect_list_keys(packed: &Value, keys: &mut ListKeys) -> Result<()> {
    let definitions = packed["definitions"].as_object().context("no definitions")?;
    let properties = definitions.values().filter_map(|schema| schema["properties"].as_object());
    for (field, schema) in properties.flatten() {
        let set = match &schema["x-kubernetes-list-map-keys"] {
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            _ => schema["x-kubernetes-patch-merge-key"].as_str().into_iter().collect::<Vec<_>>(),
        };
        if schema["type"] == "array" && !set.is_empty() {
            let set = set.into_iter().map(str::to_owned).collect();
            keys.entry(field.clone()).or_default().insert(set);
        }
    }
    Ok(())
}

/// Writes a generated file, packed where its name says so, or only compares.
pub(crate) fn write_or_check(path: &Path, content: &[u8], check: bool) -> Result<()> {
    let packed = path.extension().is_some_and(|extension| extension == "gz");
    if check {
        // The content is what counts: another release of the compressor may write other bytes.
        let found = std::fs::read(path).with_context(|| path.display().to_string())?;
        let found = if packed { unpack(&found)? } else { found };
        ensure!(found == content, "{} is stale: run the command without --check", path.display());
        return Ok(());
    }
    let bytes = if packed { gzip(content)? } else { content.to_vec() };
    std::fs::write(path, &bytes).with_context(|| path.display().to_string())?;
    println!("{}: {} bytes", path.display(), bytes.len());
    Ok(())
}

/// Compressed without time or name, so that the same content gives the same bytes.
fn gzip(content: &[u8]) -> Result<Vec<u8>> {
    let builder = flate2::GzBuilder::new().mtime(0);
    let mut encoder = builder.write(Vec::new(), flate2::Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?)
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut content)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_called_description_survives_stripping() {
        let schema = json!({
            "description": "text",
            "properties": {"description": {"type": "string", "description": "text"}},
        });
        assert_eq!(strip(&schema), json!({"properties": {"description": {"type": "string"}}}));
    }

    #[test]
    fn lists_are_keyed_by_map_keys_before_merge_keys() {
        let ports = json!({
            "type": "array",
            "x-kubernetes-list-map-keys": ["port", "protocol"],
            "x-kubernetes-patch-merge-key": "port",
        });
        let env = json!({"type": "array", "x-kubernetes-patch-merge-key": "name"});
        let packed = json!({"definitions": {"a": {"properties": {"ports": ports, "env": env}}}});
        let mut keys = ListKeys::new();
        collect_list_keys(&packed, &mut keys).unwrap();
        assert_eq!(json!(keys), json!({"env": [["name"]], "ports": [["port", "protocol"]]}));
    }
}
