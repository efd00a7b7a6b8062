//! # What it finds
//!
//! A workload that at least one network policy selects, while no policy that selects it restricts
//! ingress, or none restricts egress. Without `policyTypes` a policy restricts ingress, and egress
//! if it has rules for it. Workloads without any policy are the matter of `non-isolated-pod`.
//! Namespaces are compared as written: none and `default` differ.
//!
//! # Why it matters
//!
//! With egress open, whoever gets into a pod can carry data out or attack others; with ingress
//! open, everybody can try to get in.
//!
//! # What the fix changes
//!
//! Nothing by itself: what the other direction must allow, DNS first of all, is not in the
//! manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kubescape and kube-score report workloads without any policy as well.

use crate::common::{Direction, isolation, selecting_policies};
use crate::{Check, Context, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "network-policy-both-directions",
    title: "Network policies leave a direction open",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0030", "kube-score:pod-networkpolicy"],
    references: &["NSA/CISA"],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Pod(check),
};

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let policies = selecting_policies(cx);
    let Some(first) = policies.first() else { return };
    let is_open = |direction: &Direction| !policies.iter().any(|p| isolation(p, *direction));
    let Some(open) = Direction::ALL.iter().find(|direction| is_open(direction)) else { return };
    let site = cx.object.place(pod.metadata_path(&["labels"]));
    let (name, direction) = (first.name, open.name());
    let message = format!("no network policy of the pods restricts {direction}");
    let advice = format!(
        "needs the traffic to allow: add {direction} to the policyTypes of \"{name}\" or of \
         another policy, with rules for what the workload uses, such as DNS"
    );
    cx.report(site, message, advice);
}
