//! # What it finds
//!
//! An image without a digest (`@sha256:…`). Regular, init and ephemeral containers; an image that
//! is missing altogether passes here.
//!
//! # Why it matters
//!
//! A tag can be moved to other content. With a digest every node runs exactly what was tested.
//!
//! # What the fix changes
//!
//! The image that `values` gives for this one, if it has a digest. The fix is safe when it only
//! adds the digest to the same name and tag. Else, with evidence from a registry, the digest that the
//! tag stands for, behind the tag of the version if the registry has one with this digest: safe,
//! as the next pull would give the same bytes. Digests are never invented.
//!
//! # What it may break
//!
//! Another version of the program may behave differently. The digest of a single platform's
//! manifest does not run on other platforms.

use crate::common::{image_of, replacement};
use crate::image::Reference;
use crate::{Check, Container, Context, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "image-not-pinned-digest",
    title: "Image is not pinned by a digest",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kubescape:C-0306",
        "checkov:CKV_K8S_43",
        "kyverno:require-image-checksum",
        "kyverno:resolve-image-to-digest",
    ],
    references: &[],
    touches: &["{container}/image"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let image = image_of(container);
    if image.is_empty() || is_pinned(image) {
        return;
    }
    let needs = "needs the digest that the registry has for it: append it and keep the tag";
    let remedy = replacement(pod, container, cx, needs, is_pinned);
    let message = format!("{} uses {image}, which has no digest", container.label());
    cx.report(container.site(pod, &["image"]), message, remedy);
}

fn is_pinned(image: &str) -> bool {
    Reference::parse(image).digest.is_some_and(|digest| digest.contains(':'))
}
