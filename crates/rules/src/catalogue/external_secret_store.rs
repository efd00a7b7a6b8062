//! # What it finds
//!
//! A Secret with values in its manifest, as long as nothing among the manifests comes from a store
//! of secrets: no object of External Secrets, the Secrets Store CSI driver, Sealed Secrets or the
//! Vault operators. For information. Tokens of service accounts pass.
//!
//! # Why it matters
//!
//! Values in a manifest are only encoded. Everybody who can read the repository has them, and
//! nobody rotates them.
//!
//! # What the fix changes
//!
//! Nothing by itself: which store to use is for the organisation to decide.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kubescape looks at the cluster for such an operator. Kyverno refuses Secrets altogether.

use crate::{Check, Context, Object, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "external-secret-store",
    title: "Secret lives in the manifests",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0208", "kubescape:C-0234", "kyverno:no-secrets"],
    references: &["CIS 5.4.2"],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

/// Objects that bring secrets from a store.
const STORES: [(&str, &str); 8] = [
    ("external-secrets.io", "ExternalSecret"),
    ("external-secrets.io", "ClusterExternalSecret"),
    ("external-secrets.io", "SecretStore"),
    ("external-secrets.io", "ClusterSecretStore"),
    ("secrets-store.csi.x-k8s.io", "SecretProviderClass"),
    ("bitnami.com", "SealedSecret"),
    ("secrets.hashicorp.com", "VaultStaticSecret"),
    ("secrets.hashicorp.com", "VaultDynamicSecret"),
];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !object.is("", "Secret") {
        return;
    }
    let kind = object.at(&["type"]).and_then(Node::as_str);
    let holds =
        |field: &&str| object.at(&[*field]).is_some_and(|map| map.is_map() && !map.is_empty());
    let Some(field) = ["data", "stringData"].into_iter().find(holds) else { return };
    let is_store =
        |(group, kind): &(&str, &str)| !cx.set.of_kind_anywhere(object, group, kind).is_empty();
    if kind == Some("kubernetes.io/service-account-token") || STORES.iter().any(is_store) {
        return;
    }
    cx.report(
        object.site(&[field]),
        "secret holds its values in the manifest",
        "needs a store of secrets that your organisation runs: keep the values there, and only a \
         reference here",
    );
}
