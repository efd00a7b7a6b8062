//! # What it finds
//!
//! A container whose image has the tag `latest` or none, with an `imagePullPolicy` other than
//! `Always`. Images with a digest and containers without a policy pass.
//!
//! # Why it matters
//!
//! Each node keeps whatever was the latest when it first pulled the image, so replicas of one
//! workload run different versions.
//!
//! # What the fix changes
//!
//! `imagePullPolicy: Always`, which is also what the API server chooses for such tags.
//!
//! # What it may break
//!
//! Pods do not start while the registry is out of reach, nor with images that were loaded onto the
//! nodes by hand; replicas move to the newest version when they restart.

use crate::common::{image_of, is_pulled_always};
use crate::{Check, Container, Context, Fix, Pod, Rule, Scope, Written};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "image-pull-policy-latest",
    title: "Floating tag is not pulled anew",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0075", "kyverno:imagepullpolicy-always"],
    references: &[],
    touches: &["{container}/imagePullPolicy"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

const KEYS: [&str; 1] = ["imagePullPolicy"];

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let policy = container.node.at(&KEYS).and_then(Node::as_str);
    let Some(policy) = policy.filter(|policy| !matches!(*policy, "" | "Always")) else { return };
    let image = image_of(container);
    if image.is_empty() || image.contains('@') || !is_pulled_always(image) {
        return;
    }
    let site = container.site(pod, &KEYS);
    let fix =
        Fix::unsafe_because("pods need the registry at every start, and may get a new version")
            .set(site.path.clone(), Written::rule("Always"));
    let message = format!("{} uses {image} with the pull policy {policy}", container.label());
    cx.report(site, message, fix);
}
