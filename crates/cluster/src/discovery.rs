//! Which kinds a server serves, and under which names.

use crate::client::{Ask, Client, Silence};
use crate::refusal;
use http::StatusCode;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use verifier::{Refusal, Refused};

/// Groups that Kubernetes itself has or had. What is missing of them is not a custom resource.
const BUILT_IN: [&str; 26] = [
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "auditregistration.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "extensions",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "settings.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];

/// How a kind is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    /// Its name in paths, such as `deployments`.
    pub(crate) plural: String,
    pub(crate) namespaced: bool,
}

/// The kinds of one group version; none when the server does not serve it.
type Kinds = Option<Arc<HashMap<String, Resource>>>;

/// What was learned so far. Only answers are kept, never failures.
#[derive(Default)]
pub(crate) struct Discovery {
    known: Mutex<HashMap<String, Kinds>>,
}

impl Discovery {
    /// How a kind is asked for.
    pub(crate) async fn resource(
        &self,
        client: &Client,
        api_version: &str,
        kind: &str,
    ) -> Result<Resource, Refusal> {
        let kinds = self.kinds(client, api_version).await?;
        match kinds.as_ref().and_then(|kinds| kinds.get(kind)) {
            Some(resource) => Ok(resource.clone()),
            None => Err(missing(client, api_version, kind, kinds.is_some()).await?),
        }
    }

    /// Forgets everything, because new kinds are served now.
    pub(crate) fn clear(&self) {
        self.known().clear();
    }

    async fn kinds(&self, client: &Client, api_version: &str) -> Result<Kinds, Refusal> {
        if let Some(kinds) = self.known().get(api_version) {
            return Ok(kinds.clone());
        }
        // Nothing else can be served, and nothing else may get into a path.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let parts: Vec<_> = api_version.split('/').collect();
        let kinds = match parts.as_slice() {
            parts if !parts.iter().all(|part| !part.is_empty() && part.chars().all(plain)) => None,
            [version] => kinds(client, format!("/api/{version}")).await?,
            [group, version] => kinds(client, format!("/apis/{group}/{version}")).await?,
            _ => None,
        };
        self.known().insert(api_version.to_owned(), kinds.clone());
        Ok(kinds)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Kinds>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn kinds(client: &Client, path: String) -> Result<Kinds, Refusal> {
    let reply = client.ask(&Ask::get(path)).await.map_err(|silence| refusal::silent(&silence))?;
    if reply.status == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    let list = refusal::object(&reply)?;
    let mut kinds = HashMap::new();
    for resource in list["resources"].as_array().into_iter().flatten() {
        let (Some(plural), Some(kind)) = (resource["name"].as_str(), resource["kind"].as_str())
        else {
            continue;
        };
        // A slash is a part of a resource, such as its status.
        if !plural.contains('/') {
            let namespaced = resource["namespaced"].as_bool().unwrap_or(false);
            let resource = Resource { plural: plural.to_owned(), namespaced };
            kinds.entry(kind.to_owned()).or_insert(resource);
        }
    }
    Ok(Some(Arc::new(kinds)))
}

/// Says what is not served, and what is instead.
async fn missing(
    client: &Client,
    api_version: &str,
    kind: &str,
    version_served: bool,
) -> Result<Refusal, Refusal> {
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let versions = if version_served { Vec::new() } else { versions(client, group).await? };
    let custom = !BUILT_IN.contains(&group)
        && (!group.ends_with(".k8s.io") || (!version_served && versions.is_empty()));
    let what = if version_served {
        format!("the server serves {api_version}, but no kind {kind} in it")
    } else if versions.is_empty() {
        format!("the server serves nothing of {api_version} and of no other version of its group")
    } else {
        format!("the server does not serve {api_version}; it serves {}", versions.join(", "))
    };
    let (kind, message) = if custom {
        (Refused::MissingCrd, format!("{what}; is a CustomResourceDefinition missing?"))
    } else {
        (Refused::UnknownKind, what)
    };
    Ok(Refusal { kind, message, complaints: Vec::new(), policy: None })
}

/// The group versions that are served of a group.
async fn versions(client: &Client, group: &str) -> Result<Vec<String>, Refusal> {
    let silent = |silence: Silence| refusal::silent(&silence);
    let groups = client.ask(&Ask::get("/apis")).await.map_err(silent)?;
    let groups = refusal::object(&groups)?;
    let groups = groups["groups"].as_array().into_iter().flatten();
    let served = groups.filter(|served| served["name"].as_str() == Some(group));
    let versions = served.flat_map(|served| served["versions"].as_array().into_iter().flatten());
    let names = versions.filter_map(|version| version["groupVersion"].as_str());
    let core = group.is_empty().then_some("v1");
    Ok(core.into_iter().chain(names).map(str::to_owned).collect())
}

/// The group of an object's `apiVersion`.
pub(crate) fn group(object: &Value) -> &str {
    object["apiVersion"].as_str().and_then(|version| version.split_once('/')).map_or("", |v| v.0)
}
