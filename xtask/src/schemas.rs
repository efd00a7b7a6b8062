//! `cargo xtask schemas`: packs the Kubernetes schemas that `crates/schema` embeds.
//!
//! The source is the Go module `k8s.io/kubernetes`, fetched by the `go` client and so checked
//! against the public checksum database. Two files of it are read: `swagger.json` for the shapes,
//! and the generated OpenAPI source for the enums, which the published document leaves out.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Newest patch release of every minor that is embedded.
const RELEASES: [&str; 5] = ["v1.33.13", "v1.34.4", "v1.35.4", "v1.36.3", "v1.37.2"];

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

/// Enum values by definition suffix (`core.v1.Container`) and field.
type Enums = BTreeMap<(String, String), Vec<String>>;

/// Regenerates the data files, or with `--check` compares them with what is committed.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let check = match arguments {
        [] => false,
        [flag] if flag == "--check" => true,
        other => bail!("usage: cargo xtask schemas [--check], got {other:?}"),
    };
    let data = data_folder();
    let mut keys = ListKeys::new();
    for (release, folder) in RELEASES.iter().zip(download(&RELEASES)?) {
        let packed = pack(release, &folder, &read_enums_of(release, &folder)?)?;
        collect_list_keys(&packed, &mut keys)?;
        write_or_check(&data.join(file_name(release)?), &serde_json::to_vec(&packed)?, check)?;
    }
    for (release, folder) in FORMER_RELEASES.iter().zip(download(&FORMER_RELEASES)?) {
        // Their generated source is not published, so they come without enums.
        let packed = pack(release, &folder, &Enums::new())?;
        write_or_check(&data.join(file_name(release)?), &serde_json::to_vec(&packed)?, check)?;
    }
    let mut text = serde_json::to_string_pretty(&keys)?;
    text.push('\n');
    write_or_check(&data.join("list-map-keys.json"), text.as_bytes(), check)
}

fn data_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/schema/data")
}

/// `v1.36.3` to `v1.36.json.gz`.
fn file_name(release: &str) -> Result<String> {
    let (minor, _) = release.rsplit_once('.').context("a release has three parts")?;
    Ok(format!("{minor}.json.gz"))
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

/// The enums of a release, from its generated source.
fn read_enums_of(release: &str, folder: &Path) -> Result<Enums> {
    let source = folder.join("pkg/generated/openapi/zz_generated.openapi.go");
    let enums = read_enums(&std::fs::read_to_string(source)?);
    ensure!(
        enums.len() > 100,
        "{release}: the generated OpenAPI source is written differently now"
    );
    Ok(enums)
}

/// One release as `{"kubernetes": "v1.36.3", "definitions": {…}}`.
fn pack(release: &str, folder: &Path, enums: &Enums) -> Result<Value> {
    let swagger = std::fs::read(folder.join("api/openapi-spec/swagger.json"))?;
    let swagger: Value = serde_json::from_slice(&swagger)?;
    let definitions = swagger.get("definitions").and_then(Value::as_object);
    let definitions = definitions.context("swagger.json has no definitions")?;
    let mut packed = Map::new();
    for (name, definition) in definitions {
        let mut schema = strip(definition);
        drop_shared_kinds(&mut schema);
        add_enums(name, &mut schema, enums);
        packed.insert(name.clone(), schema);
    }
    Ok(json!({"kubernetes": release, "definitions": sorted(packed)}))
}

fn sorted(map: Map<String, Value>) -> BTreeMap<String, Value> {
    map.into_iter().collect()
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

/// Reads `Enum:` lines of the generated Go source: the function names the type, five tabs of
/// indentation mark a field of it.
fn read_enums(source: &str) -> Enums {
    let (mut definition, mut field) = (String::new(), String::new());
    let mut enums = Enums::new();
    for line in source.lines() {
        if let Some(rest) = line.strip_prefix("func schema_") {
            definition = definition_suffix(rest.split('(').next().unwrap_or_default());
        } else if let Some(rest) = line.strip_prefix("\t\t\t\t\t\"") {
            field = rest.split('"').next().unwrap_or_default().to_owned();
        } else if let Some(values) = enum_values(line) {
            enums.insert((definition.clone(), field.clone()), values);
        }
    }
    enums
}

/// `k8sio_api_core_v1_Container` to `.core.v1.Container`.
fn definition_suffix(function: &str) -> String {
    let parts: Vec<&str> = function.split('_').collect();
    let last_three = parts.len().saturating_sub(3);
    format!(".{}", parts.get(last_three..).unwrap_or_default().join("."))
}

fn enum_values(line: &str) -> Option<Vec<String>> {
    let list = line.trim_start().strip_prefix("Enum:")?.trim_start();
    let list = list.strip_prefix("[]interface{}{")?.strip_suffix("},")?;
    serde_json::from_str(&format!("[{list}]")).ok()
}

/// Puts the enum on the field, or on its items when the field is a list or a map.
fn add_enums(name: &str, schema: &mut Value, enums: &Enums) {
    let Some(fields) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for ((definition, field), values) in enums {
        let Some(target) = fields.get_mut(field).filter(|_| name.ends_with(definition)) else {
            continue;
        };
        let inner =
            ["items", "additionalProperties"].into_iter().find(|key| target[*key].is_object());
        let target = match inner {
            Some(key) => &mut target[key],
            None => target,
        };
        if target["type"] == "string" {
            target["enum"] = json!(values);
        }
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

    const SOURCE: &str = concat!(
        "func schema_k8sio_api_core_v1_Container(ref common.ReferenceCallback) x {\n",
        "\t\t\t\t\t\"imagePullPolicy\": {\n",
        "\t\t\t\t\t\t\tEnum:        []interface{}{\"Always\", \"Never\"},\n",
    );

    #[test]
    fn enums_come_from_the_generated_source() {
        let enums = read_enums(SOURCE);
        let key = (".core.v1.Container".to_owned(), "imagePullPolicy".to_owned());
        assert_eq!(enums[&key], ["Always", "Never"]);

        let mut schema = json!({"properties": {"imagePullPolicy": {"type": "string"}}});
        add_enums("io.k8s.api.core.v1.Container", &mut schema, &enums);
        assert_eq!(schema["properties"]["imagePullPolicy"]["enum"], json!(["Always", "Never"]));
    }

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
