//! The questions that are asked of a server, and what is done besides with its answers.

use crate::FIELD_MANAGER;
use crate::client::{Ask, Client, Reply};
use crate::discovery::{Discovery, Resource, group};
use crate::refusal;
use http::StatusCode;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use verifier::{Refusal, Refused};

/// Nothing stays, and unknown fields are refused.
const DRY_RUN: &str = "dryRun=All&fieldValidation=Strict";
/// How often an object is tried that others keep changing meanwhile.
const RACES: u32 = 3;

/// A server and what is known of it.
pub(crate) struct Api {
    pub(crate) client: Client,
    pub(crate) discovery: Discovery,
    /// Of objects that name none.
    pub(crate) namespace: String,
    /// Whether fields of other managers are taken over.
    pub(crate) force: bool,
    /// The namespace of an ephemeral server in which pods are tried.
    pub(crate) trial: Option<String>,
    access: Mutex<HashMap<Access, bool>>,
}

/// Something that one may do or not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Access {
    verb: &'static str,
    group: String,
    resource: String,
    namespace: Option<String>,
    name: Option<String>,
}

/// Where an object is on a server.
#[derive(Debug)]
pub(crate) struct Target {
    group: String,
    resource: Resource,
    namespace: Option<String>,
    name: Option<String>,
    /// The path of its collection.
    collection: String,
}

impl Target {
    fn path(&self, name: &str, query: &str) -> String {
        format!("{}/{name}?fieldManager={FIELD_MANAGER}&{query}", self.collection)
    }
}

impl Api {
    pub(crate) fn new(
        client: Client,
        namespace: String,
        force: bool,
        trial: Option<String>,
    ) -> Self {
        let (discovery, access) = Default::default();
        Self { client, discovery, namespace, force, trial, access }
    }

    /// Tries an object, as it would be applied.
    pub(crate) async fn try_apply(&self, object: &Value) -> Result<Value, Refusal> {
        let object = portable(object);
        let target = self.target(&object).await?;
        let Some(name) = &target.name else {
            return self.try_create(&target, &object).await;
        };
        let mut races = 0;
        loop {
            let reply = self.ask(&Ask::apply(self.apply_path(&target, name), &object)).await?;
            let created = reply.status == StatusCode::CREATED;
            let live = self.explained(&reply, &target, &["patch", "create"]).await?;
            if created {
                return Ok(live);
            }
            // Apply leaves what other managers own. A file says the whole object, so what it
            // leaves out must be able to go.
            let reply = self.ask(&whole(&target, name, &object, &live)).await?;
            races += 1;
            if reply.status != StatusCode::CONFLICT || races == RACES {
                return self.explained(&reply, &target, &["update"]).await;
            }
        }
    }

    fn apply_path(&self, target: &Target, name: &str) -> String {
        target.path(name, &format!("force={}&{DRY_RUN}", self.force))
    }

    /// Tries a new pod, on an ephemeral server in the namespace for that.
    pub(crate) async fn try_pod(&self, pod: &Value) -> Result<Value, Refusal> {
        let mut pod = portable(pod);
        if let Some(trial) = &self.trial {
            set_metadata(&mut pod, "namespace", trial);
            use_default_account(&mut pod);
        }
        let target = self.target(&pod).await?;
        match self.try_create(&target, &pod).await {
            // Another name is as good: the pod is new.
            Err(refusal) if refusal.kind == Refused::Conflict && target.name.is_some() => {
                set_metadata(&mut pod, "name", "");
                self.try_create(&Target { name: None, ..target }, &pod).await
            }
            answer => answer,
        }
    }

    async fn try_create(&self, target: &Target, object: &Value) -> Result<Value, Refusal> {
        let mut object = object.clone();
        let metadata = &object["metadata"];
        if target.name.is_none() && metadata["generateName"].as_str().is_none_or(str::is_empty) {
            set_metadata(&mut object, "generateName", &format!("{FIELD_MANAGER}-"));
        }
        let path = format!("{}?fieldManager={FIELD_MANAGER}&{DRY_RUN}", target.collection);
        let reply = self.ask(&Ask::post(path, &object)).await?;
        self.explained(&reply, target, &["create"]).await
    }

    /// Applies an object for real.
    pub(crate) async fn apply(&self, object: &Value, force: bool) -> Result<Value, Refusal> {
        let object = portable(object);
        let target = self.target(&object).await?;
        let Some(name) = &target.name else {
            return Err(refusal::plain(Refused::Invalid, "it has no name".to_owned()));
        };
        let path = target.path(name, &format!("force={force}&fieldValidation=Ignore"));
        let reply = self.ask(&Ask::apply(path, &object)).await?;
        self.explained(&reply, &target, &["patch", "create"]).await
    }

    /// An object that may be there or not.
    pub(crate) async fn get(&self, object: &Value) -> Result<Value, Refusal> {
        let target = self.target(object).await?;
        let name = target.name.as_deref().unwrap_or_default();
        let reply = self.ask(&Ask::get(format!("{}/{name}", target.collection))).await?;
        refusal::object(&reply)
    }

    /// Removes an object.
    pub(crate) async fn delete(&self, object: &Value) -> Result<Value, Refusal> {
        let target = self.target(object).await?;
        let name = target.name.as_deref().unwrap_or_default();
        let reply = self.ask(&Ask::delete(format!("{}/{name}", target.collection))).await?;
        refusal::object(&reply)
    }

    async fn ask(&self, ask: &Ask) -> Result<Reply, Refusal> {
        self.client.ask(ask).await.map_err(|silence| refusal::silent(&silence))
    }

    /// Where an object is, by what the server serves.
    async fn target(&self, object: &Value) -> Result<Target, Refusal> {
        let text = |field: &str| object[field].as_str().unwrap_or_default();
        let api_version = text("apiVersion");
        let resource = self.discovery.resource(&self.client, api_version, text("kind")).await?;
        let namespace = segment(object, "namespace")?.unwrap_or_else(|| self.namespace.clone());
        let namespace = resource.namespaced.then_some(namespace);
        let root = if api_version.contains('/') { "apis" } else { "api" };
        let within = namespace.as_ref().map(|n| format!("/namespaces/{n}")).unwrap_or_default();
        Ok(Target {
            group: group(object).to_owned(),
            name: segment(object, "name")?,
            collection: format!("/{root}/{api_version}{within}/{}", resource.plural),
            resource,
            namespace,
        })
    }

    /// The object of an answer. What is forbidden to one who may do it was denied by admission.
    async fn explained(
        &self,
        reply: &Reply,
        target: &Target,
        verbs: &[&'static str],
    ) -> Result<Value, Refusal> {
        let mut refusal = match refusal::object(reply) {
            Ok(object) => return Ok(object),
            Err(refusal) => refusal,
        };
        if refusal.kind == Refused::Forbidden && self.may_all(verbs, target).await {
            refusal.kind = Refused::Denied;
        }
        Err(refusal)
    }

    async fn may_all(&self, verbs: &[&'static str], target: &Target) -> bool {
        for verb in verbs {
            // A right may be for single names only.
            if !self.may(verb, target, None).await
                && !self.may(verb, target, target.name.as_deref()).await
            {
                return false;
            }
        }
        true
    }

    /// Whether the server lets us do something; no when it does not say.
    async fn may(&self, verb: &'static str, target: &Target, name: Option<&str>) -> bool {
        let access = Access {
            verb,
            group: target.group.clone(),
            resource: target.resource.plural.clone(),
            namespace: target.namespace.clone(),
            name: name.map(str::to_owned),
        };
        if let Some(allowed) = self.access().get(&access) {
            return *allowed;
        }
        let Some(allowed) = self.review(&access).await else { return false };
        self.access().insert(access, allowed);
        allowed
    }

    async fn review(&self, access: &Access) -> Option<bool> {
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": { "resourceAttributes": {
                "verb": access.verb,
                "group": access.group,
                "resource": access.resource,
                "namespace": access.namespace,
                "name": access.name,
            } },
        });
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let reply = self.ask(&Ask::post(path, &review)).await.ok()?;
        refusal::object(&reply).ok()?["status"]["allowed"].as_bool()
    }

    fn access(&self) -> std::sync::MutexGuard<'_, HashMap<Access, bool>> {
        self.access.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The object without what only describes the copy of the server it was read from.
fn portable(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in ["managedFields", "resourceVersion", "uid"] {
            metadata.remove(field);
        }
    }
    object
}

/// The whole object in the place of the live one.
fn whole(target: &Target, name: &str, object: &Value, live: &Value) -> Ask {
    let mut object = object.clone();
    let version = live["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    set_metadata(&mut object, "resourceVersion", version);
    Ask::put(target.path(name, DRY_RUN), &object)
}

/// Leaves metadata that is no mapping to the server's judgement.
fn set_metadata(object: &mut Value, field: &str, text: &str) {
    let Some(object) = object.as_object_mut() else { return };
    let metadata = object.entry("metadata").or_insert(Value::Null);
    if metadata.is_null() {
        *metadata = json!({});
    }
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.insert(field.to_owned(), json!(text));
    }
}

/// The accounts that pods name are not in the namespace in which they are tried.
fn use_default_account(pod: &mut Value) {
    for field in ["serviceAccountName", "serviceAccount"] {
        if let Some(account) = pod.get_mut("spec").and_then(|spec| spec.get_mut(field)) {
            *account = json!("default");
        }
    }
}

/// A field of the metadata as a segment of a path; none when it is empty.
///
/// What Kubernetes takes for no name at all is refused here, because it would be another path.
fn segment(object: &Value, field: &str) -> Result<Option<String>, Refusal> {
    let text = object["metadata"][field].as_str().unwrap_or_default();
    if matches!(text, "." | "..") || text.contains(['/', '%']) {
        let message =
            format!("metadata.{field}: {text:?} may not be `.` or `..` or contain / or %");
        return Err(refusal::plain(Refused::Invalid, message));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
    let encoded = text.bytes().map(|byte| match byte {
        byte if plain(byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    Ok(Some(encoded.collect::<String>()).filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::{portable, segment};
    use serde_json::json;

    #[test]
    fn nothing_leads_out_of_a_path() {
        let name = |name: &str| segment(&json!({ "metadata": { "name": name } }), "name");
        for text in ["..", ".", "a/b", "a%2Fb"] {
            assert!(name(text).is_err(), "{text}");
        }
        assert_eq!(name("system:a b?c#d").unwrap().unwrap(), "system:a%20b%3Fc%23d");
        assert_eq!(name("").unwrap(), None);
    }

    #[test]
    fn what_describes_another_copy_is_dropped() {
        let metadata = json!({ "name": "a", "uid": "1", "resourceVersion": "2",
            "managedFields": [], "labels": { "uid": "kept" } });
        let left = json!({ "metadata": { "name": "a", "labels": { "uid": "kept" } } });
        assert_eq!(portable(&json!({ "metadata": metadata })), left);
    }
}
