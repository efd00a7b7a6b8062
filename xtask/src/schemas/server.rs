//! What a real server serves of its schemas.

use crate::tools;
use anyhow::{Context as _, Result, ensure};
use cluster::{Choice, Options, Server};
use serde_json::Value;
use std::path::Path;

/// Everything that a release can serve: groups and versions that are off by default, and kinds
/// that are served only with their feature.
const FLAGS: [&str; 2] =
    ["--runtime-config=api/all=true", "--feature-gates=AllAlpha=true,AllBeta=true"];

/// The OpenAPI documents of the server of a minor, which is started for this.
pub(super) fn documents(root: &Path, minor: &str, release: &str) -> Result<Vec<Value>> {
    tools::servers(root, &[minor])?;
    let choice = Choice::Ephemeral { version: Some(minor.to_owned()) };
    let apiserver_flags = FLAGS.map(str::to_owned).to_vec();
    let options = Options { apiserver_flags, ..Options::default() };
    let server = Server::connect(&choice, options)?.context("no server was chosen")?;
    let version = server.version();
    ensure!(version == release, "the server is {version} and not {release}: `cargo xtask tools`");
    let documents = server.open_api()?.documents;
    println!("Kubernetes {version}: {} OpenAPI documents", documents.len());
    Ok(documents.into_iter().map(|(_, document)| document).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use manifest::{Limits, Source};
    use schema::{Outcome, Schemas, Version};
    use serde_json::json;
    use verifier::{Answer, ApiServer as _};

    /// Every object of the rules' fixtures, good and bad.
    fn objects() -> Vec<(String, Value)> {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/rules/fixtures");
        let mut objects = Vec::new();
        for rule in std::fs::read_dir(fixtures).unwrap() {
            for name in ["bad.yaml", "good.yaml", "fixed.yaml"] {
                let path = rule.as_ref().unwrap().path().join(name);
                let Ok(bytes) = std::fs::read(&path) else { continue };
                let source = Source::parse(bytes, &Limits::default()).unwrap();
                let roots = (0..source.documents().len()).filter_map(|at| source.root(at));
                let place = path.display().to_string();
                objects.extend(roots.map(|root| (place.clone(), root.to_json())));
            }
        }
        objects
    }

    /// A custom resource whose server keeps the status apart.
    fn definition() -> Value {
        let spec = json!({"type": "object", "required": ["size", "mode"], "properties": {
            "size": {"type": "integer", "minimum": 0, "exclusiveMinimum": true},
            "mode": {"type": "string", "enum": ["fast", "slow"], "default": "fast"},
            "port": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
            "maybe": {"type": "string", "nullable": true},
            "template": {"type": "object", "x-kubernetes-embedded-resource": true,
                "x-kubernetes-preserve-unknown-fields": true},
        }});
        let status = json!({"type": "object", "required": ["ready"], "properties": {"ready": {"type": "boolean"}}});
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "widgets.example.com"},
            "spec": {
                "group": "example.com",
                "scope": "Namespaced",
                "names": {"kind": "Widget", "plural": "widgets"},
                "versions": [{"name": "v1", "served": true, "storage": true,
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": status}}}}],
            },
        })
    }

    /// Good and bad widgets: a spec for each thing that the definition says.
    fn widgets() -> Vec<Value> {
        let template = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"nmae": "a"}});
        let specs = [
            json!({"size": 1}),
            json!({"size": 1, "mode": null, "port": "http", "maybe": null}),
            json!({"size": 0}),
            json!({"size": 1, "mode": "fsat"}),
            json!({"size": 1, "port": true}),
            json!({"size": 1, "sise": 1}),
            json!({"size": 1, "template": template}),
        ];
        let widget = |spec: Value| {
            json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"},
                "spec": spec, "status": {}})
        };
        specs.map(widget).to_vec()
    }

    /// The OpenAPI documents of the server once it serves those of the custom resource, too.
    fn documents_with_widgets(server: &Server) -> Vec<Value> {
        for _ in 0..600 {
            let documents = server.open_api().unwrap().documents;
            if documents.iter().any(|(path, _)| path == "apis/example.com/v1") {
                return documents.into_iter().map(|(_, document)| document).collect();
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("the server does not publish the schema of the custom resource")
    }

    /// Kinds that a server serves only when it is told to are known to the embedded schemas alone.
    fn is_off_by_default(object: &Value, live: &Outcome) -> bool {
        let version = object["apiVersion"].as_str().unwrap_or_default();
        let early = version.contains("alpha") || version.contains("beta");
        early && matches!(live, Outcome::Unknown { .. })
    }

    #[test]
    fn a_live_server_and_the_embedded_schemas_say_the_same() {
        if std::env::var_os("KUBEBUILDER_ASSETS").is_none() {
            eprintln!("SKIPPED: set KUBEBUILDER_ASSETS to compare with a real server");
            return;
        }
        let choice = Choice::Ephemeral { version: Some(tools::TESTED.to_owned()) };
        let server = Server::connect(&choice, Options::default()).unwrap().unwrap();
        let seeded = server.seed(&[definition()]);
        assert!(seeded.failed.is_empty(), "{seeded:?}");
        let documents = documents_with_widgets(&server);
        let live = Schemas::with_live(&[], server.minor(), &documents).unwrap();
        let version: Version = tools::TESTED.parse().unwrap();
        let mut embedded = Schemas::new(&[version]);
        embedded.add_crd(&definition()).unwrap();

        let widgets = widgets().into_iter().map(|object| ("widgets".to_owned(), object));
        let (mut valid, mut invalid, mut custom) = (0, 0, 0);
        for (place, object) in objects().into_iter().chain(widgets) {
            let (ours, theirs) =
                (embedded.validate_for(version, &object), live.validate_for(version, &object));
            if is_off_by_default(&object, &theirs) {
                continue;
            }
            assert_eq!(theirs, ours, "{place}: {object}");
            valid += usize::from(ours == Outcome::Valid);
            invalid += usize::from(matches!(ours, Outcome::Invalid(_)));
            if place == "widgets" {
                let accepted = matches!(server.apply(&object), Answer::Accepted(_));
                assert_eq!(accepted, ours == Outcome::Valid, "{object}");
                custom += 1;
            }
        }
        println!(
            "{valid} valid, {invalid} invalid, {custom} custom resources as the server itself"
        );
        assert!(valid > 500 && invalid > 5 && custom == 7);
    }
}
