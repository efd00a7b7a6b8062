//! Objects that must be there before others can be judged.

use crate::api::Api;
use crate::discovery::group;
use crate::refusal;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;
use verifier::{Refusal, Refused};

/// How long a definition or a policy may take to take effect.
const EFFECT: Duration = Duration::from_secs(30);
/// Between two looks whether it has.
const LOOK: Duration = Duration::from_millis(50);

/// What became of the objects that were to be created.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seeded {
    /// How many there are now.
    pub created: usize,
    /// `Kind namespace/name` of the others, and why not.
    pub failed: Vec<(String, String)>,
}

impl Seeded {
    fn note(&mut self, object: &Value, outcome: Result<(), Refusal>) {
        match outcome {
            Ok(()) => self.created += 1,
            Err(refusal) => self.failed.push((label(object), refusal.message)),
        }
    }
}

/// In which order objects are created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Namespace,
    Definition,
    Other,
    /// Judged by what the others say: limits, priorities, accounts.
    Pod,
    /// Everything after would be judged by it.
    Policy,
    /// Makes a policy count.
    Binding,
}

fn phase(object: &Value) -> Phase {
    match (group(object), object["kind"].as_str().unwrap_or_default()) {
        ("", "Namespace") => Phase::Namespace,
        ("", "Pod") => Phase::Pod,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => Phase::Definition,
        ("admissionregistration.k8s.io", kind) if kind.ends_with("Binding") => Phase::Binding,
        ("admissionregistration.k8s.io", _) => Phase::Policy,
        _ => Phase::Other,
    }
}

/// Creates objects in an order in which they can be, the first of those with the same identity.
pub(crate) async fn seed(api: &Arc<Api>, objects: &[Value], force: bool) -> Seeded {
    let mut seen = HashSet::new();
    let mut objects: Vec<_> = objects.iter().filter(|object| seen.insert(label(object))).collect();
    objects.sort_by_key(|object| phase(object));
    let mut seeded = Seeded::default();
    for phase in objects.chunk_by(|a, b| phase(a) == phase(b)) {
        create_all(api, phase, force, &mut seeded).await;
    }
    if objects.iter().any(|object| phase(object) == Phase::Binding) && api.trial.is_some() {
        let mark = policies_in_effect(api).await;
        if let Err(refusal) = mark {
            seeded.failed.push(("policies are not in effect yet".to_owned(), refusal.message));
        }
    }
    seeded
}

/// Creates objects of one phase at the same time; the outcomes are in their order.
async fn create_all(api: &Arc<Api>, objects: &[&Value], force: bool, seeded: &mut Seeded) {
    let mut tasks = JoinSet::new();
    for (index, object) in objects.iter().enumerate() {
        let (api, object) = (Arc::clone(api), (*object).clone());
        tasks.spawn(async move { (index, create(&api, &object, force).await) });
    }
    let mut outcomes = tasks.join_all().await;
    outcomes.sort_by_key(|(index, _)| *index);
    for (object, (_, outcome)) in objects.iter().zip(outcomes) {
        seeded.note(object, outcome);
    }
}

async fn create(api: &Api, object: &Value, force: bool) -> Result<(), Refusal> {
    let ephemeral = api.trial.is_some();
    if ephemeral && (group(object), object["kind"].as_str()) == ("", Some("ResourceQuota")) {
        return Err(not_counted());
    }
    api.apply(object, force).await?;
    match phase(object) {
        Phase::Namespace if ephemeral => default_account(api, object).await,
        Phase::Definition => served(api, object).await,
        _ => Ok(()),
    }
}

/// Without the controller that counts what is used, a quota refuses every pod.
fn not_counted() -> Refusal {
    waiting("an ephemeral server cannot count what a quota limits".to_owned())
}

/// Pods need the account that a controller makes on a real cluster.
async fn default_account(api: &Api, namespace: &Value) -> Result<(), Refusal> {
    let account = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": { "name": "default", "namespace": namespace["metadata"]["name"] },
    });
    api.apply(&account, true).await.map(drop)
}

/// Waits until the kinds of a definition can be used.
async fn served(api: &Api, definition: &Value) -> Result<(), Refusal> {
    let spec = &definition["spec"];
    let group = spec["group"].as_str().unwrap_or_default();
    let versions = spec["versions"].as_array().into_iter().flatten();
    let served = versions.filter(|version| version["served"].as_bool() == Some(true));
    let until = Instant::now() + EFFECT;
    for version in served.filter_map(|version| version["name"].as_str()) {
        let example = json!({
            "apiVersion": format!("{group}/{version}"),
            "kind": spec["names"]["kind"],
            "metadata": { "name": "k8s-auto-fix" },
        });
        while let Err(refusal) = usable(api, definition, &example).await {
            patience(until, refusal).await?;
        }
    }
    Ok(())
}

/// A kind is served when a question for one object is answered, be it that it is not there.
async fn usable(api: &Api, definition: &Value, example: &Value) -> Result<(), Refusal> {
    api.discovery.clear();
    established(api, definition).await?;
    match api.get(example).await {
        Err(refusal) if refusal.message.contains("not found") => Ok(()),
        answer => answer.map(drop),
    }
}

async fn established(api: &Api, definition: &Value) -> Result<(), Refusal> {
    let live = api.get(definition).await?;
    let conditions = live["status"]["conditions"].as_array().into_iter().flatten();
    let mut named = conditions.filter(|condition| condition["status"] == "True");
    if named.any(|condition| condition["type"] == "Established") {
        return Ok(());
    }
    let conditions = &live["status"]["conditions"];
    Err(waiting(format!("the definition is not established: {conditions}")))
}

/// Waits until the server judges by all policies that were created before.
///
/// It learns of them in their order, so a last one shows that the others are known.
async fn policies_in_effect(api: &Api) -> Result<(), Refusal> {
    let (policy, binding, judged) = mark(api.trial.as_deref().unwrap_or_default());
    api.apply(&policy, true).await?;
    api.apply(&binding, true).await?;
    let until = Instant::now() + EFFECT;
    let outcome = loop {
        let refusal = match api.try_apply(&judged).await {
            Err(refusal) if refusal.kind == Refused::Denied => break Ok(()),
            Err(refusal) => refusal,
            Ok(_) => waiting("the server does not judge by them".to_owned()),
        };
        if let Err(refusal) = patience(until, refusal).await {
            break Err(refusal);
        }
    };
    api.delete(&binding).await?;
    api.delete(&policy).await?;
    outcome
}

/// A policy that refuses one object, its binding, and the object.
fn mark(namespace: &str) -> (Value, Value, Value) {
    let metadata = json!({ "name": "k8s-auto-fix-mark" });
    let rule = json!({ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
        "resources": ["configmaps"], "resourceNames": ["k8s-auto-fix-mark"] });
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": metadata,
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": { "resourceRules": [rule] },
            "validations": [{ "expression": "false" }],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": metadata,
        "spec": { "policyName": "k8s-auto-fix-mark", "validationActions": ["Deny"] },
    });
    let judged = json!({ "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "k8s-auto-fix-mark", "namespace": namespace } });
    (policy, binding, judged)
}

/// Waits a little before the next look; the refusal of the last one when the time is up.
async fn patience(until: Instant, refusal: Refusal) -> Result<(), Refusal> {
    if Instant::now() >= until {
        return Err(refusal);
    }
    tokio::time::sleep(LOOK).await;
    Ok(())
}

fn waiting(message: String) -> Refusal {
    refusal::plain(Refused::NoAnswer, message)
}

/// What people call an object; also its identity, which its version is no part of.
fn label(object: &Value) -> String {
    let metadata = &object["metadata"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (kind, name) = (text(&object["kind"]), text(&metadata["name"]));
    let kind = match group(object) {
        "" => kind,
        group => format!("{kind}.{group}"),
    };
    match metadata["namespace"].as_str() {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    }
}
