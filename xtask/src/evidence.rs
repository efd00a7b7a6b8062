//! `cargo xtask evidence`: what evidence of images makes of the fixes on real input, into
//! `docs/evidence-measurements.md`.
//!
//! A registry on loopback stands for all that occur. It holds an image for most references, made
//! from a hash of its name, so that every kind of user and port occurs and the same run gives
//! the same numbers.

mod check;
mod moves;

use crate::bench::unpack;
use crate::page::Page;
use anyhow::{Context as _, ensure};
use evidence::testing::LocalRegistry;
use record::{Detection, Patch};
use rules::image::{Reference, canonical};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const HEAD: &str = "# Measurements with evidence of images\n\nWritten by `cargo xtask evidence --full`: \
    `run --profile all` over the dev corpus and the hand-written\nfiles, without evidence and with \
    that of a registry on loopback that stands for all registries. It\nholds images that were made \
    for the test: nine references in ten have one, a quarter of these each\nwith the user root, \
    empty, a number and a name; two in three expose one port, and for half of the\ntags that are no \
    version a tag of a version has the same digest. Shares of the real world are not\nmeasured \
    here. See [evidence](evidence.md) for what the words mean.\n";

/// Measures; `--full` writes the page. Fails when a fix is not what the registry's images bear out.
pub(crate) fn run(root: &Path, arguments: &[String]) -> anyhow::Result<()> {
    let full = match arguments {
        [] => false,
        [flag] if flag == "--full" => true,
        _ => anyhow::bail!("usage: cargo xtask evidence [--full]"),
    };
    let data = std::env::var_os("K8S_AUTO_FIX_DATA")
        .context("set K8S_AUTO_FIX_DATA to the folder with the corpora")?;
    let registry = LocalRegistry::run(&crate::tools::registry(root)?)?;
    let binary = crate::server::built(root)?;
    let page = measure(&binary, Path::new(&data), &registry)?;
    println!("{}", page.text);
    if full {
        fs::write(root.join("docs/evidence-measurements.md"), &page.text)?;
    }
    Ok(())
}

/// Both corpora; an error when something was asserted that does not hold.
fn measure(binary: &Path, data: &Path, registry: &LocalRegistry) -> anyhow::Result<Page> {
    let scratch = tempfile::tempdir()?;
    let mut page = Page::new(HEAD);
    let mut wrong = Vec::new();
    for name in ["corpus-dev", "wild-dev"] {
        let files = scratch.path().join(name);
        unpack(&data.join(format!("{name}.tar.zst")), &files)?;
        let images = Images::make(&references(&files)?, registry)?;
        let out = |kind: &str| scratch.path().join(format!("{name}-{kind}"));
        let tool = Tool { binary, files: &files, cache: scratch.path() };
        let before = tool.run(&out("before"), &[])?;
        let after = tool.run(&out("after"), &images.flags(registry))?;
        page.section(name);
        page.line(&images.summary());
        moves::table(&before, &after, &mut page)?;
        wrong.extend(check::all(&images, &after, registry, &mut page)?);
    }
    ensure!(wrong.is_empty(), "{} fixes are not borne out:\n{}", wrong.len(), wrong.join("\n"));
    Ok(page)
}

/// Every image of a folder of manifests, as it is written.
fn references(files: &Path) -> anyhow::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for (path, bytes) in crate::bench::manifests(files)? {
        let input = detector::Input::parse(path.clone(), path, bytes, &manifest::Limits::default());
        let corpus_of = [input];
        let corpus = detector::Corpus::new(&corpus_of, detector::ObjectContext::All);
        let pods = (0..corpus.len()).filter_map(|at| corpus.object(at).pod.as_ref());
        for container in pods.flat_map(|pod| &pod.containers) {
            let image = container.node.get("image").and_then(manifest::Node::as_str);
            found.extend(image.filter(|image| !image.is_empty()).map(str::to_owned));
        }
    }
    Ok(found)
}

/// What was put into the registry.
struct Images {
    /// The configurations, by whole reference.
    made: BTreeMap<String, Value>,
    /// References without an image.
    left_out: usize,
    /// Texts that are no reference.
    invalid: usize,
    hosts: BTreeSet<String>,
}

impl Images {
    fn make(references: &BTreeSet<String>, registry: &LocalRegistry) -> anyhow::Result<Self> {
        let whole: BTreeSet<String> = references.iter().filter_map(|r| canonical(r)).collect();
        let invalid = references.iter().filter(|r| canonical(r).is_none()).count();
        let mut images =
            Self { made: BTreeMap::new(), left_out: 0, invalid, hosts: BTreeSet::new() };
        for reference in whole {
            let parsed = Reference::parse(&reference);
            let (host, repository) = parsed.name.split_once('/').context("a whole reference")?;
            images.hosts.insert(host.to_owned());
            // One registry stands for all, so what several have by one name is one image.
            let hash = Sha256::digest(format!("{repository}:{}", parsed.tag.unwrap_or_default()));
            // A digest that the manifest names cannot be made.
            let Some(tag) = parsed.tag.filter(|_| !hash[0].is_multiple_of(10)) else {
                images.left_out += 1;
                continue;
            };
            let config = config(&hash);
            let mut tags = vec![tag];
            let version = format!("{}.{}.{}", hash[3], hash[4], hash[5]);
            if !tag.contains('.') && hash[6].is_multiple_of(2) {
                tags.push(&version);
            }
            registry.image(repository, &tags, &config)?;
            images.made.insert(reference, config);
        }
        Ok(images)
    }

    /// All hosts that occur, and the cluster's own name for none.
    fn flags(&self, registry: &LocalRegistry) -> Vec<String> {
        let own = registry.host();
        let mut flags = vec!["--evidence".to_owned(), "registry".to_owned()];
        flags.extend(["--registry-plain-http".to_owned(), own.to_owned()]);
        for host in &self.hosts {
            flags.extend(["--registry-mirror".to_owned(), format!("{host}={own}")]);
        }
        flags
    }

    /// The configuration of an image, by its name in a manifest, when it was made.
    fn of(&self, image: &str) -> Option<&Value> {
        self.made.get(&canonical(image)?)
    }

    fn summary(&self) -> String {
        format!(
            "{} images of {} registries were made, {} references have none, {} texts are no \
             reference.",
            self.made.len(),
            self.hosts.len(),
            self.left_out,
            self.invalid
        )
    }
}

fn config(hash: &[u8]) -> Value {
    let user = match hash[1] % 4 {
        0 => "root".to_owned(),
        1 => String::new(),
        2 => "app".to_owned(),
        _ => format!("{}", 1 + u16::from(hash[7]) * 200),
    };
    let port = format!("{}/tcp", 1024 + u16::from(hash[8]));
    let ports = if hash[2].is_multiple_of(3) { json!({}) } else { json!({ port: {} }) };
    // Two images of one repository differ even where all of this is the same.
    let name: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({ "User": user, "ExposedPorts": ports, "Labels": { "made-for": name } })
}

/// The program that is measured.
struct Tool<'t> {
    binary: &'t Path,
    files: &'t Path,
    cache: &'t Path,
}

/// What a run found and proposes.
struct Records {
    detections: Vec<Detection>,
    patches: Vec<Patch>,
}

impl Tool<'_> {
    fn run(&self, out: &PathBuf, flags: &[String]) -> anyhow::Result<Records> {
        let mut run = Command::new(self.binary);
        run.args(["run", "--quiet", "--profile", "all", "--out"]).arg(out).arg(self.files);
        run.args(flags).stdin(Stdio::null());
        run.env("XDG_CACHE_HOME", self.cache.join("cache"));
        run.env("DOCKER_CONFIG", self.cache.join("docker"));
        let ended = run.output().with_context(|| format!("cannot start {run:?}"))?;
        let said = String::from_utf8_lossy(&ended.stderr);
        ensure!(matches!(ended.status.code(), Some(0..=2)), "{run:?}: {}: {said}", ended.status);
        let lines = |name: &str| fs::read_to_string(out.join(name)).context(name.to_owned());
        let (detections, patches) = (lines("detections.jsonl")?, lines("patches.jsonl")?);
        Ok(Records {
            detections: detections.lines().map(serde_json::from_str).collect::<Result<_, _>>()?,
            patches: patches.lines().map(serde_json::from_str).collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::measure;
    use evidence::testing::LocalRegistry;
    use std::path::Path;

    #[test]
    #[ignore = "a step of its own in `cargo xtask test`"]
    fn every_fix_by_evidence_is_borne_out() {
        let Some(data) = std::env::var_os("K8S_AUTO_FIX_DATA") else {
            println!("SKIPPED: set K8S_AUTO_FIX_DATA to the folder with the corpora");
            return;
        };
        let Some(registry) = LocalRegistry::start().unwrap() else {
            println!("SKIPPED: set K8S_AUTO_FIX_REGISTRY to the program of a registry");
            return;
        };
        let this = std::env::current_exe().unwrap();
        let binary = this.parent().unwrap().with_file_name("k8s-auto-fix");
        let page = measure(&binary, Path::new(&data), &registry).unwrap();
        println!("{}", page.text);
    }
}
