//! What the registry's images bear out, judged without the rules: from the written patches, the
//! configurations that were made, and the digests that the registry has.

use super::{Images, Records};
use crate::page::Page;
use anyhow::Context as _;
use evidence::testing::LocalRegistry;
use manifest::{Limits, Source};
use record::{Applicability, Detection, Patch, ValueSource};
use rules::image::{Reference, canonical};
use serde_json::Value;
use std::collections::HashMap;

/// Fixes that are not borne out, and a line for each thing that was looked at.
pub(super) fn all(
    images: &Images,
    records: &Records,
    registry: &LocalRegistry,
    page: &mut Page,
) -> anyhow::Result<Vec<String>> {
    let patches: HashMap<&str, &Patch> =
        records.patches.iter().map(|p| (p.id.as_str(), p)).collect();
    let mut seen = Seen::default();
    for detection in &records.detections {
        let patch = patches.get(detection.id.as_str()).copied();
        match (detection.rule.as_deref(), detection.applicability) {
            (Some("latest-tag" | "image-not-pinned-digest"), _) => {
                seen.tag(detection, patch, images, registry)?;
            }
            (Some("run-as-non-root" | "pss-run-as-non-root"), Some(Applicability::Safe)) => {
                seen.flag(detection, patch.context("a safe fix has a patch")?, images)?;
            }
            _ => {}
        }
    }
    let Seen { resolvable, pinned, flags, wrong } = seen;
    page.line(&format!(
        "{pinned} of {resolvable} findings with a tag that the registry has are pinned; every \
         written image has, under the\nwritten tag, the written digest in the registry. {flags} \
         fixes write `runAsNonRoot` safely by evidence;\nthe configurations confirm all of them."
    ));
    Ok(wrong)
}

#[derive(Default)]
struct Seen {
    /// Findings about a tag that the registry has.
    resolvable: usize,
    /// Those of them whose fix pins it.
    pinned: usize,
    /// Safe fixes by evidence that write `runAsNonRoot`.
    flags: usize,
    wrong: Vec<String>,
}

impl Seen {
    /// A finding about a tag: pinned when the registry has it, and only then.
    fn tag(
        &mut self,
        detection: &Detection,
        patch: Option<&Patch>,
        images: &Images,
        registry: &LocalRegistry,
    ) -> anyhow::Result<()> {
        let image = image_of(detection);
        let made = image.filter(|image| images.of(image).is_some());
        self.resolvable += usize::from(made.is_some());
        match (made, patch.and_then(|patch| written(patch, "image"))) {
            (Some(image), Some(written)) => {
                self.pinned += 1;
                self.wrong.extend(invented(&image, &written, registry)?);
            }
            (None, None) => {}
            (made, written) => self.wrong.push(format!(
                "{}: the registry has {made:?}, written is {written:?}",
                detection.id
            )),
        }
        Ok(())
    }

    /// A safe `runAsNonRoot`.
    fn flag(
        &mut self,
        detection: &Detection,
        patch: &Patch,
        images: &Images,
    ) -> anyhow::Result<()> {
        let by_evidence = |p: &record::Provenance| p.source == ValueSource::Evidence;
        self.flags += usize::from(patch.provenance.iter().any(by_evidence));
        self.wrong.extend(unconfirmed(detection, patch, images)?);
        Ok(())
    }
}

/// The image that a finding is about, from the manifest as it is.
fn image_of(detection: &Detection) -> Option<String> {
    let container = container(detection)?;
    Some(container.get("image")?.as_str()?.to_owned())
}

/// The last value that a patch writes under this key.
fn written(patch: &Patch, key: &str) -> Option<String> {
    let operations = serde_json::to_value(&patch.patch).ok()?;
    let suffix = format!("/{key}");
    let mut values = operations.as_array()?.iter().rev().filter(|operation| {
        operation["op"] != "test"
            && operation["path"].as_str().is_some_and(|p| p.ends_with(&suffix))
    });
    Some(values.next()?["value"].as_str()?.to_owned())
}

/// What is wrong with a pinned image: its name is another, or the registry has another digest.
fn invented(
    image: &str,
    written: &str,
    registry: &LocalRegistry,
) -> anyhow::Result<Option<String>> {
    let (old, new) = (Reference::parse(image), Reference::parse(written));
    let whole = canonical(old.name).context("a reference")?;
    let (_, repository) = Reference::parse(&whole).name.split_once('/').context("whole")?;
    let tag = new.tag.or(old.tag).unwrap_or("latest");
    let there = registry.digest(repository, tag)?;
    let right = new.name == old.name && new.digest.is_some() && new.digest == there.as_deref();
    Ok((!right).then(|| format!("{image} became {written}, the registry has {there:?}")))
}

/// The containers that a safe `runAsNonRoot` covers and that would not start.
fn unconfirmed(
    detection: &Detection,
    patch: &Patch,
    images: &Images,
) -> anyhow::Result<Vec<String>> {
    let pod = pod(detection).context("the object has a pod")?;
    let flag = patch.provenance.iter().find(|p| p.pointer.ends_with("/runAsNonRoot"));
    let of_container = flag.context("the flag has a source")?.pointer.contains("ontainers/");
    let own = container(detection);
    let lists = ["initContainers", "containers", "ephemeralContainers"];
    let every = lists.iter().filter_map(|list| pod[list].as_array()).flatten();
    let covered = every.filter(|container| match of_container {
        true => own.as_ref() == Some(*container),
        false => container["securityContext"]["runAsNonRoot"] != true,
    });
    let user = |container: &Value| {
        let of = |holder: &Value| holder["securityContext"]["runAsUser"].as_i64();
        let image = || images.of(container["image"].as_str()?)?["User"].as_str()?.parse().ok();
        of(container).or_else(|| of(&pod)).or_else(image)
    };
    let starts = |container: &&Value| user(container).is_some_and(|uid| uid > 0);
    let stopped = covered.filter(|container| !starts(container));
    Ok(stopped.map(|c| format!("{}: {} is not known to start", detection.id, c["name"])).collect())
}

/// The place of the container that a finding is about, in its document.
fn container_pointer(detection: &Detection) -> Option<&str> {
    let pointer = detection.pointer.as_deref()?;
    let list = pointer.find("ontainers/")? + "ontainers/".len();
    let end = pointer[list..].find('/').map_or(pointer.len(), |slash| list + slash);
    Some(&pointer[..end])
}

fn container(detection: &Detection) -> Option<Value> {
    document(detection)?.pointer(container_pointer(detection)?).cloned()
}

/// The pod's spec.
fn pod(detection: &Detection) -> Option<Value> {
    let pointer = match container_pointer(detection) {
        Some(pointer) => pointer.rsplitn(3, '/').nth(2)?,
        None => detection.pointer.as_deref()?.split_once("/securityContext")?.0,
    };
    document(detection)?.pointer(pointer).cloned()
}

fn document(detection: &Detection) -> Option<Value> {
    let bytes = std::fs::read(&detection.manifest_path).ok()?;
    let source = Source::parse(bytes, &Limits::default()).ok()?;
    Some(source.root(detection.object.as_ref()?.document)?.to_json())
}
