//! # What it finds
//!
//! A StorageClass of a known provisioner without the parameter that asks for encryption; and a
//! PersistentVolume that names such a StorageClass of the manifests. Known are Amazon EBS and
//! Portworx (`encrypted`, `secure`), Ceph RBD and Longhorn (`encrypted`), and Azure Disk and Google
//! Persistent Disk, which encrypt with keys of their own unless `diskEncryptionSetID` or
//! `disk-encryption-kms-key` names yours.
//!
//! # Why it matters
//!
//! Whoever gets at the disks or their snapshots reads the data.
//!
//! # What the fix changes
//!
//! Nothing by itself: the parameters of a StorageClass cannot be changed, and volumes that exist
//! stay as they are.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::{Check, Context, Object, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "pv-without-encryption",
    title: "Storage is not set to be encrypted",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0264", "kyverno:restrict-storageclass"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

const GROUP: &str = "storage.k8s.io";

/// Provisioners with the parameter that asks for encryption; whether it is a switch.
const PROVISIONERS: [(&str, &str, bool); 10] = [
    ("disk.csi.azure.com", "diskEncryptionSetID", false),
    ("driver.longhorn.io", "encrypted", true),
    ("ebs.csi.aws.com", "encrypted", true),
    ("kubernetes.io/aws-ebs", "encrypted", true),
    ("kubernetes.io/azure-disk", "diskEncryptionSetID", false),
    ("kubernetes.io/gce-pd", "disk-encryption-kms-key", false),
    ("kubernetes.io/portworx-volume", "secure", true),
    ("pd.csi.storage.gke.io", "disk-encryption-kms-key", false),
    ("pxd.portworx.com", "secure", true),
    ("rbd.csi.ceph.com", "encrypted", true),
];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if object.is(GROUP, "StorageClass") {
        if let Some(parameter) = missing_parameter(object) {
            cx.report(
                object.site(&["parameters", parameter]),
                format!("storage class does not ask for encryption with {parameter}"),
                format!("needs a new class with {parameter}, and volumes that move there"),
            );
        }
    } else if object.is("", "PersistentVolume") {
        check_volume(object, cx);
    }
}

fn check_volume(volume: &Object<'_>, cx: &mut Context<'_, '_>) {
    let keys = ["spec", "storageClassName"];
    let Some(name) = volume.at(&keys).and_then(Node::as_str) else { return };
    let classes = cx.set.named_in(volume, "", GROUP, "StorageClass", name);
    if classes.iter().any(|class| missing_parameter(class).is_some()) {
        cx.report(
            volume.site(&keys),
            format!("volume is of the storage class \"{name}\", which does not ask for encryption"),
            "needs to know whether the volume is encrypted all the same: move the data to a volume \
             of a class that asks for it",
        );
    }
}

/// The parameter that a class of a known provisioner lacks.
fn missing_parameter(class: &Object<'_>) -> Option<&'static str> {
    let provisioner = class.at(&["provisioner"])?.as_str()?;
    let (_, key, is_switch) = PROVISIONERS.iter().find(|(known, ..)| *known == provisioner)?;
    let value = class.at(&["parameters", key]).and_then(Node::as_str).unwrap_or("");
    let asks = if *is_switch { value.eq_ignore_ascii_case("true") } else { !value.is_empty() };
    (!asks).then_some(key)
}
