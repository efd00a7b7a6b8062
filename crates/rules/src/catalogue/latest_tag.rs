//! # What it finds
//!
//! An image with the tag `latest`, without a tag, or missing altogether (`blockList`). A digest
//! passes, also behind `latest`. Where `allowList` is set, only that counts: every other image is
//! reported. Regular, init and ephemeral containers.
//!
//! # Why it matters
//!
//! What runs depends on when a node pulled the image, so two replicas can differ and a rollback
//! changes nothing.
//!
//! # What the fix changes
//!
//! The image that `values` gives for this one. It is a safe fix when it names the same repository
//! with a digest. Else, with evidence from a registry, the digest that the tag stands for, behind
//! the tag of the version if the registry has one with this digest. That is safe: the next pull
//! would give the same bytes. Tags are never invented.
//!
//! # What it may break
//!
//! Another version of the program may behave differently; an image that does not exist is not
//! pulled.
//!
//! # Other tools
//!
//! Polaris takes the port of a registry for a tag.

use crate::common::{is_what_is_pulled, whence, with_reason};
use crate::image::Reference;
use crate::{
    Check, Container, Context, DefaultValue, Fix, Parameter, Pod, Question, Remedy, Rule, Scope,
};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "latest-tag",
    title: "Image has no fixed tag",
    severity: Severity::High,
    default: true,
    taste: false,
    policy_id: Some("no_latest_tag"),
    aliases: &[
        "kube-linter:latest-tag",
        "polaris:tagNotSpecified",
        "trivy:KSV-0013",
        "checkov:CKV_K8S_14",
        "kube-score:container-image-tag",
        "kyverno:disallow-latest-tag",
    ],
    references: &[],
    touches: &["{container}/image"],
    removes: &[],
    parameters: &[BLOCK_LIST, ALLOW_LIST],
    scope: Scope::Object,
    check: Check::Container(check),
};

const BLOCK_LIST: Parameter = Parameter {
    name: "blockList",
    meaning: "regular expressions of the images that are reported",
    default: DefaultValue::Patterns(&[".*:(latest)$", "^[^:]*$", "(.*/[^:]+)$"]),
};

const ALLOW_LIST: Parameter = Parameter {
    name: "allowList",
    meaning: "regular expressions of the only images that pass, in place of `blockList`",
    default: DefaultValue::Patterns(&[]),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let image = container.node.get("image").and_then(Node::as_str).unwrap_or("");
    if !is_blocked(image, cx) {
        return;
    }
    let message = match image {
        "" => format!("{} names no image", container.label()),
        _ if cx.texts(&ALLOW_LIST).next().is_some() => {
            format!("{} uses the image {image}, which is not allowed", container.label())
        }
        _ => format!("{} uses the image {image}, which has no fixed tag", container.label()),
    };
    let remedy = remedy(pod, container, image, cx);
    cx.report(container.site(pod, &["image"]), message, remedy);
}

fn is_blocked(image: &str, cx: &Context<'_, '_>) -> bool {
    match cx.texts(&ALLOW_LIST).next() {
        Some(_) => !cx.matches_any(&ALLOW_LIST, image),
        None => cx.matches_any(&BLOCK_LIST, image),
    }
}

fn remedy(pod: &Pod<'_>, container: &Container<'_>, image: &str, cx: &Context<'_, '_>) -> Remedy {
    let Some(pin) = cx.value(Question::Image(image), Some(container)) else {
        let needs = "needs the version that is meant: its tag, or better its digest";
        return with_reason(needs, image, cx).into();
    };
    let wanted = pin.value.as_str().unwrap_or("");
    if is_blocked(wanted, cx) {
        return format!("the image {wanted} {} is reported too", whence(&pin)).into();
    }
    let reference = Reference::parse(wanted);
    let same_repository = reference.name == Reference::parse(image).name;
    let fix = match same_repository && reference.digest.is_some() || is_what_is_pulled(&pin) {
        true => Fix::safe(),
        false => Fix::unsafe_because("another version may behave differently or not exist"),
    };
    fix.set(container.path(pod, &["image"]), pin).into()
}
