//! # What it finds
//!
//! An image that does not come from one of `trustedRegistries`. An entry is a registry, or a
//! registry with the beginning of a path (`ghcr.io/example`); `*.` at its front stands for any host
//! of a domain. Short names are read as the container runtime reads them: `nginx` is
//! `docker.io/library/nginx`. Without the parameter the rule is silent.
//!
//! # Why it matters
//!
//! Whoever can push to a registry decides what runs in the cluster. Registries of one's own can be
//! watched and kept.
//!
//! # What the fix changes
//!
//! The image that `values` gives for this one, if that comes from a trusted registry.
//!
//! # What it may break
//!
//! The image may not exist there, or be another version.
//!
//! # Other tools
//!
//! Kubescape and Trivy have lists of registries of their own. Kyverno can also rewrite the
//! registry, whether or not the image is there.

use crate::common::{image_of, replacement};
use crate::image::Reference;
use crate::{Check, Container, Context, DefaultValue, Parameter, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "untrusted-registry",
    title: "Image from a registry that is not trusted",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kubescape:C-0078",
        "kubescape:C-0001",
        "trivy:KSV-0125",
        "trivy:KSV-0034",
        "trivy:KSV-0032",
        "trivy:KSV-0033",
        "trivy:KSV-0035",
        "kyverno:restrict-image-registries",
        "kyverno:allowed-image-repos",
        "kyverno:replace-image-registry",
    ],
    references: &[],
    touches: &["{container}/image"],
    removes: &[],
    parameters: &[TRUSTED],
    scope: Scope::Object,
    check: Check::Container(check),
};

const TRUSTED: Parameter = Parameter {
    name: "trustedRegistries",
    meaning: "registries that images may come from, with or without the beginning of a \
              path; the rule is silent without them",
    default: DefaultValue::List(&[]),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let trusted = cx.list(&TRUSTED);
    let image = image_of(container);
    let is_trusted = |image: &str| {
        let name = full_name(image);
        trusted.iter().any(|entry| covers(entry, &name))
    };
    if trusted.is_empty() || image.is_empty() || is_trusted(image) {
        return;
    }
    let needs = "needs a copy of the image in a trusted registry, and `images` in `values` that \
                 leads there";
    let remedy = replacement(pod, container, cx, needs, is_trusted);
    let message = format!("{} uses {image}, which is from no trusted registry", container.label());
    cx.report(container.site(pod, &["image"]), message, remedy);
}

/// Registry and repository, with what a short name leaves out.
fn full_name(image: &str) -> String {
    let name = Reference::parse(image).name;
    match name.split_once('/') {
        None => format!("docker.io/library/{name}"),
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => name.to_owned(),
        Some(_) => format!("docker.io/{name}"),
    }
}

/// Whether an entry of the list is this name or a beginning of it, by whole parts.
fn covers(entry: &str, name: &str) -> bool {
    let host = name.split(['/', ':']).next().unwrap_or("");
    if let Some(domain) = entry.strip_prefix('*') {
        return host.ends_with(domain);
    }
    let entry = entry.trim_end_matches('/');
    let rest = name.strip_prefix(entry).filter(|_| !entry.is_empty());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':']))
}
