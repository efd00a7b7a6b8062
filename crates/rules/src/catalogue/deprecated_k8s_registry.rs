//! # What it finds
//!
//! An image that begins with `k8s.gcr.io/`. Regular, init and ephemeral containers.
//!
//! # Why it matters
//!
//! The registry has been frozen since April 2023. It gets no new versions, and it can be switched
//! off.
//!
//! # What the fix changes
//!
//! The host becomes `registry.k8s.io`, which has the same images; repository, tag and digest stay.
//!
//! # What it may break
//!
//! Nothing: the old host already sends every request to the new one. Firewalls and mirrors that
//! know only the old name must learn the new one.
//!
//! # Other tools
//!
//! Kubescape looks at the namespace `kube-system` only.

use crate::common::image_of;
use crate::{Check, Container, Context, Fix, Pod, Rule, Scope, Written};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "deprecated-k8s-registry",
    title: "Image from the frozen registry k8s.gcr.io",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0253", "kyverno:restrict-deprecated-registry"],
    references: &[],
    touches: &["{container}/image"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let image = image_of(container);
    let Some(rest) = image.strip_prefix("k8s.gcr.io/") else { return };
    let site = container.site(pod, &["image"]);
    let moved = Written::rule(format!("registry.k8s.io/{rest}"));
    let fix = Fix::safe().set(site.path.clone(), moved);
    let message = format!("{} uses {image} from a registry that is frozen", container.label());
    cx.report(site, message, fix);
}
