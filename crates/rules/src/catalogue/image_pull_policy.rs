//! # What it finds
//!
//! A regular or init container whose `imagePullPolicy` is not written as `Always`, unless its image
//! has a digest. With `forbiddenPolicies` it is the other way round: a policy in that list is
//! found, and where none is written the API server's choice counts.
//!
//! # Why it matters
//!
//! With `IfNotPresent` a node goes on using what it has under the tag, and lets any pod use it that
//! knows the name, without asking the registry for permission.
//!
//! # What the fix changes
//!
//! `imagePullPolicy: Always`. The fix is safe where the API server chooses the same: no policy is
//! written, and the tag is `latest` or missing. There is no fix where you forbid `Always`.
//!
//! # What it may break
//!
//! Pods do not start while the registry is out of reach, nor with images that were loaded onto the
//! nodes by hand; starts take longer.
//!
//! # Other tools
//!
//! kube-score and Checkov accept a missing policy where the server chooses `Always`; Polaris looks
//! at digests like at tags.

use crate::common::{image_of, is_pulled_always};
use crate::image::Reference;
use crate::{
    Check, Container, Context, DefaultValue, Fix, Parameter, Pod, Remedy, Role, Rule, Scope,
    Written,
};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "image-pull-policy",
    title: "imagePullPolicy is not Always",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "polaris:pullPolicyNotAlways",
        "checkov:CKV_K8S_15",
        "kube-score:container-image-pull-policy",
        "kyverno:imagepullpolicy-always",
        "kyverno:always-pull-images",
    ],
    references: &[],
    touches: &["{container}/imagePullPolicy"],
    removes: &[],
    parameters: &[FORBIDDEN],
    scope: Scope::Object,
    check: Check::Container(check),
};

const FORBIDDEN: Parameter = Parameter {
    name: "forbiddenPolicies",
    meaning: "pull policies that are found; when empty, every policy but Always is",
    default: DefaultValue::List(&[]),
};

const KEYS: [&str; 1] = ["imagePullPolicy"];

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    if container.role == Role::Ephemeral {
        return;
    }
    let image = image_of(container);
    let written = container.node.at(&KEYS).and_then(Node::as_str).filter(|own| !own.is_empty());
    let chosen = if is_pulled_always(image) { "Always" } else { "IfNotPresent" };
    let forbidden = cx.list(&FORBIDDEN);
    let is_bad = match forbidden[..] {
        [] => written != Some("Always") && Reference::parse(image).digest.is_none(),
        _ => forbidden.contains(&written.unwrap_or(chosen)),
    };
    if !is_bad {
        return;
    }
    let label = container.label();
    let message = match written {
        Some(policy) => format!("{label} has the pull policy {policy}"),
        None => format!("{label} has no pull policy; the API server makes it {chosen}"),
    };
    let site = container.site(pod, &KEYS);
    let fix = match written.is_none() && chosen == "Always" {
        true => Fix::safe(),
        false => Fix::unsafe_because("pods need the registry at every start, and start slower"),
    };
    let remedy = match forbidden.contains(&"Always") {
        true => Remedy::from("needs to know which of the policies that are left is meant"),
        false => fix.set(site.path.clone(), Written::rule("Always")).into(),
    };
    cx.report(site, message, remedy);
}
