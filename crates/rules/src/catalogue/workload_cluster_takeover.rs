//! # What it finds
//!
//! A workload whose service account is bound to a role of the manifests that leads to the whole
//! cluster: it may create pods or workloads, read Secrets, bind or escalate roles, act as others,
//! or do everything; or to `cluster-admin`. ClusterRoleBindings count, and RoleBindings of the
//! namespace `kube-system`. Groups of service accounts do not, and neither do workloads that mount
//! no token (`automountServiceAccountToken: false` on the pod, or else on the account).
//!
//! # Why it matters
//!
//! Whoever gets into one container of the workload, through a flaw or a poisoned image, takes over
//! the cluster with its token.
//!
//! # What the fix changes
//!
//! Nothing by itself: what the program asks of the API is not in the manifest. The audit log tells.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kubescape has one control for each of these rights, and one for every account with any right.

use crate::common::rbac::{GROUP, Right, WRITE, bound_role_with, grants_any, role_ref};
use crate::{Check, Context, Object, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "workload-cluster-takeover",
    title: "Workload can take over the cluster",
    severity: Severity::High,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0267", "kubescape:C-0272", "kubescape:C-0053"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Pod(check),
};

const READ: &[&str] = &["get", "list", "watch"];
const RIGHTS: [Right; 7] = [
    Right::new("", &["secrets"], READ),
    Right::new("", &["pods"], WRITE),
    Right::new("apps", &["daemonsets", "deployments", "replicasets", "statefulsets"], WRITE),
    Right::new("batch", &["cronjobs", "jobs"], WRITE),
    Right::new(GROUP, &["clusterroles", "roles"], &["bind", "escalate"]),
    Right::new("", &["serviceaccounts"], &["impersonate"]),
    Right::of_cluster("", &["users", "groups"], &["impersonate"]),
];

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let account = account(pod);
    let bindings = cx.set.bindings_of(cx.object, GROUP, account);
    if bindings.is_empty() || !mounts_token(pod, account, cx) {
        return;
    }
    let Some((binding, role)) =
        bindings.into_iter().find_map(|binding| Some((binding, takeover_role(binding, cx)?)))
    else {
        return;
    };
    let message = format!(
        "service account \"{account}\" can take over the cluster: {} \"{}\" grants it \"{role}\"",
        binding.kind, binding.name
    );
    let advice = "needs to know what the program asks of the API: bind a role that allows just \
                  that, in the namespaces in question";
    cx.report(pod.site(&["serviceAccountName"]), message, advice);
}

fn account<'a>(pod: &Pod<'a>) -> &'a str {
    let text = |key: &str| pod.spec.get(key).and_then(Node::as_str).filter(|n| !n.is_empty());
    text("serviceAccountName").or_else(|| text("serviceAccount")).unwrap_or("default")
}

fn mounts_token(pod: &Pod<'_>, account: &str, cx: &Context<'_, '_>) -> bool {
    const FIELD: &str = "automountServiceAccountToken";
    let of_account = || {
        let accounts = cx.set.named(cx.object, "", "ServiceAccount", account);
        accounts.first().and_then(|account| account.at(&[FIELD])?.as_bool())
    };
    pod.spec.get(FIELD).and_then(Node::as_bool).or_else(of_account).unwrap_or(true)
}

/// The role by which a binding gives the cluster away.
fn takeover_role<'s>(binding: &'s Object<'_>, cx: &Context<'s, '_>) -> Option<&'s str> {
    let in_cluster = binding.kind == "ClusterRoleBinding";
    if !in_cluster && binding.namespace != Some("kube-system") {
        return None;
    }
    match role_ref(binding) {
        Some(("ClusterRole", "cluster-admin")) => Some("cluster-admin"),
        _ => bound_role_with(binding, cx.set, |rule| grants_any(rule, &RIGHTS, binding))
            .map(|role| role.name),
    }
}
