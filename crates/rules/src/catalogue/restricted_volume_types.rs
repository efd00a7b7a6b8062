//! # What it finds
//!
//! A volume of another type than configMap, csi, downwardAPI, emptyDir, ephemeral, image,
//! persistentVolumeClaim, projected and secret. A volume without a source is an emptyDir after the API
//! server's defaulting and passes.
//!
//! # Why it matters
//!
//! Other types bind the pod to files of the node or to a storage system's credentials in the pod spec.
//!
//! # What the fix changes
//!
//! Nothing by itself: moving data to a persistent volume claim or a CSI volume needs to know the
//! storage classes and the data.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::{Check, Context, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "restricted-volume-types",
    title: "Volume type outside the restricted list",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["trivy:KSV-0028", "kyverno:restrict-volume-types", "pss:restrictedVolumes"],
    references: &["PSS restricted"],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const ALLOWED: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// The other sources of a volume in core/v1; unknown keys are the schema's business.
const OTHERS: [&str; 21] = [
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "gitRepo",
    "glusterfs",
    "hostPath",
    "iscsi",
    "nfs",
    "photonPersistentDisk",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
];

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    for (index, volume) in pod.volumes() {
        let has = |key: &&&str| volume.get(key).is_some_and(|source| !source.is_null());
        let Some(kind) = OTHERS.iter().find(has) else { continue };
        if ALLOWED.iter().any(|key| has(&key)) {
            continue;
        }
        let name = volume.get("name").and_then(Node::as_str).unwrap_or("");
        cx.report(
            pod.item_site(&["volumes"], index, &[*kind]),
            format!("volume \"{name}\" is of the type {kind}"),
            "needs a persistent volume claim or a CSI volume, and the data moved to it",
        );
    }
}
