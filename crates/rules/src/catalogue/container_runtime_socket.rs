//! # What it finds
//!
//! A `hostPath` volume with the socket of Docker, containerd or CRI-O, under `/run` or `/var/run`,
//! mounted or not.
//!
//! # Why it matters
//!
//! Who can talk to the runtime can start privileged containers, and thereby owns the node.
//!
//! # What the fix changes
//!
//! Nothing by itself: what the socket is for is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kubescape also reports the directories that hold the sockets.

use crate::common::host_paths;
use crate::{Check, Context, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "container-runtime-socket",
    title: "Socket of the container runtime is shared",
    severity: Severity::Critical,
    default: true,
    taste: false,
    policy_id: Some("no_host_path"),
    aliases: &["kubescape:C-0074", "kyverno:disallow-container-sock-mounts"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const SOCKETS: [&str; 3] = ["docker.sock", "containerd/containerd.sock", "crio/crio.sock"];

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    for (index, volume, path) in host_paths(pod).filter(|(_, _, path)| is_socket(path)) {
        cx.report(
            pod.item_site(&["volumes"], index, &["hostPath", "path"]),
            format!("volume \"{volume}\" shares the runtime's socket {path}"),
            "needs to know what the socket is for: build images with buildkit or kaniko, and read \
             container data from the kubelet instead",
        );
    }
}

fn is_socket(path: &str) -> bool {
    let path = path.strip_prefix("/var").unwrap_or(path);
    path.strip_prefix("/run/").is_some_and(|socket| SOCKETS.contains(&socket))
}
