//! # What it finds
//!
//! A `hostPath` volume on or below a place where cloud tools keep credentials: `.aws` (EKS),
//! `.azure` and `/etc/kubernetes/azure.json` (AKS), `.config/gcloud` (GKE). Mounted or not.
//! `cloudProvider` narrows the list to one provider. Volumes of a directory further up are the
//! matter of `host-path-volume` and `sensitive-host-mounts`.
//!
//! # Why it matters
//!
//! With the node's own credentials a pod can reach the cloud account, far beyond the cluster.
//!
//! # What the fix changes
//!
//! Nothing by itself: the workload may need another way to the cloud's API.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kubescape also reports directories further up, such as `/etc`.

use crate::common::host_paths;
use crate::{Check, Context, DefaultValue, Parameter, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "cloud-credential-host-path",
    title: "hostPath holds cloud credentials",
    severity: Severity::High,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0020"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[CLOUD_PROVIDER],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const CLOUD_PROVIDER: Parameter = Parameter {
    name: "cloudProvider",
    meaning: "the provider whose places count: eks, aks or gke; all of them when empty",
    default: DefaultValue::Text(""),
};

/// Provider and place. A place without a slash at its front may be in any directory.
const PLACES: [(&str, &str); 4] = [
    ("eks", ".aws"),
    ("aks", ".azure"),
    ("aks", "/etc/kubernetes/azure.json"),
    ("gke", ".config/gcloud"),
];

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let provider = cx.text(&CLOUD_PROVIDER);
    for (index, volume, path) in host_paths(pod) {
        let holds = |(of, place): &&(&str, &str)| {
            (provider.is_empty() || provider == *of) && is_within(path, place)
        };
        let Some((of, _)) = PLACES.iter().find(holds) else { continue };
        cx.report(
            pod.item_site(&["volumes"], index, &["hostPath", "path"]),
            format!(
                "volume \"{volume}\" shares the node's {} credentials in {path}",
                of.to_uppercase()
            ),
            "needs the identity that the workload should have: give its service account a cloud \
             role (workload identity) and remove the volume",
        );
    }
}

fn is_within(path: &str, place: &str) -> bool {
    let is_absolute = place.starts_with('/');
    path.match_indices(place).any(|(at, _)| {
        let (before, after) = (&path[..at], &path[at + place.len()..]);
        let starts = before.is_empty() || !is_absolute && before.ends_with('/');
        starts && (after.is_empty() || after.starts_with('/'))
    })
}
