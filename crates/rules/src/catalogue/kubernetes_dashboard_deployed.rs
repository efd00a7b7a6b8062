//! # What it finds
//!
//! A container with an image of `kubernetesui/` or one whose name begins with
//! `kubernetes-dashboard`; and a pod whose label `app`, `k8s-app` or `app.kubernetes.io/name` is
//! `kubernetes-dashboard`, where no image tells.
//!
//! # Why it matters
//!
//! The dashboard acts on the cluster with the rights of its users, or with its own. Dashboards open
//! to the internet have been used to take over clusters.
//!
//! # What the fix changes
//!
//! Nothing by itself: whether it is used, and how it is guarded, is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kubescape also reports subjects that are bound through the dashboard's service account.

use crate::image::Reference;
use crate::{Check, Container, Context, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "kubernetes-dashboard-deployed",
    title: "Kubernetes dashboard is deployed",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0014", "checkov:CKV_K8S_33"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const NAME: &str = "kubernetes-dashboard";
const ADVICE: &str = "needs to know whether anybody uses it: remove it, or keep it behind a login \
                      and without rights of its own";

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let mut is_named = false;
    for container in pod.containers.iter().filter(|container| is_dashboard(container)) {
        is_named = true;
        let message = format!("{} runs the Kubernetes dashboard", container.label());
        cx.report(container.site(pod, &["image"]), message, ADVICE);
    }
    let label = ["app", "k8s-app", "app.kubernetes.io/name"].into_iter().find_map(|key| {
        let value = pod.labels()?.get(key).filter(|value| value.as_str() == Some(NAME))?;
        Some((key, value))
    });
    if let Some((key, value)) = label.filter(|_| !is_named) {
        let mut site = pod.site(&[]);
        site.path = pod.metadata_path(&["labels", key]);
        site.span = value.span();
        cx.report(site, "pod has the label of the Kubernetes dashboard", ADVICE);
    }
}

fn is_dashboard(container: &Container<'_>) -> bool {
    let image = container.node.get("image").and_then(Node::as_str).unwrap_or("");
    let mut parts = Reference::parse(image).name.rsplit('/');
    let name = parts.next().unwrap_or("");
    name.starts_with(NAME) || parts.next() == Some("kubernetesui")
}
