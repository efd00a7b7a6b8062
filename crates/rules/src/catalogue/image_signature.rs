//! # What it finds
//!
//! A container image, as long as nothing among the manifests verifies signatures: no Kyverno policy
//! with `verifyImages`, no Kyverno `ImageValidatingPolicy`, no `ClusterImagePolicy` of Sigstore.
//! For information: whether an image is signed is known to its registry only.
//!
//! # Why it matters
//!
//! Without signatures, whoever takes over the registry or the way to it decides what runs in the
//! cluster.
//!
//! # What the fix changes
//!
//! Nothing by itself: signing is done where images are built, verifying where pods are admitted.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kubescape asks the registry, with the keys that it is given. Kyverno verifies when a pod is
//! admitted.

use crate::common::image_of;
use crate::{Check, Context, Object, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "image-signature",
    title: "Image may be unsigned",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0236", "kubescape:C-0237", "kyverno:verify-image"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Pod(check),
};

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    if pod.containers.is_empty() || is_verified(cx) {
        return;
    }
    for container in &pod.containers {
        let image = image_of(container);
        if !image.is_empty() {
            cx.report(
                container.site(pod, &["image"]),
                format!("nothing among the manifests verifies the signature of {image}"),
                "needs a policy that admits signed images only, and the keys that sign them",
            );
        }
    }
}

fn is_verified(cx: &Context<'_, '_>) -> bool {
    let kinds = |group: &str, kind: &str| cx.set.of_kind_anywhere(cx.object, group, kind);
    let verifies = |policy: &&Object<'_>| {
        let rules = policy.at(&["spec", "rules"]).filter(|rules| rules.is_seq());
        rules.into_iter().flat_map(Node::items).any(|rule| {
            rule.get("verifyImages").is_some_and(|list| list.is_seq() && !list.is_empty())
        })
    };
    !kinds("policy.sigstore.dev", "ClusterImagePolicy").is_empty()
        || !kinds("policies.kyverno.io", "ImageValidatingPolicy").is_empty()
        || ["ClusterPolicy", "Policy"]
            .iter()
            .any(|kind| kinds("kyverno.io", kind).iter().any(verifies))
}
