//! # What it finds
//!
//! A container that mounts a `hostPath` volume whose path ends in `docker.sock` (`dirs`; any
//! character may stand for the dot). One finding per mount.
//!
//! # Why it matters
//!
//! Who can talk to the engine can start privileged containers, and thereby owns the node.
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
//! Kubescape, Trivy and Checkov look at the volume, mounted or not.

use crate::common::report_host_mounts;
use crate::{Check, Context, DefaultValue, Parameter, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "docker-sock",
    title: "Docker socket is mounted",
    severity: Severity::Critical,
    default: false,
    taste: false,
    policy_id: Some("no_host_path"),
    aliases: &[
        "kube-linter:docker-sock",
        "kubescape:C-0074",
        "trivy:KSV-0006",
        "checkov:CKV_K8S_27",
        "kyverno:docker-socket-check",
    ],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[DIRS],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const DIRS: Parameter = Parameter {
    name: "dirs",
    meaning: "regular expressions of the paths that count",
    default: DefaultValue::Patterns(&["docker.sock$"]),
};

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    report_host_mounts(
        pod,
        cx,
        &DIRS,
        |container, path| format!("{} mounts the Docker socket {path}", container.label()),
        "needs to know what the socket is for: build images with buildkit or kaniko, and read \
         container data from the kubelet instead",
    );
}
