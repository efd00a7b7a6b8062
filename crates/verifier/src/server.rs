//! The gate `server`: would a real API server take the patched object? Asking is for the edge;
//! here is only what its answers mean.

use record::{Cause, Effect, Gate, GateOutcome, GateResult, ServerReport};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::sync::OnceLock;

/// An API server that is asked by dry-run: nothing that it is asked stays.
pub trait ApiServer: Sync {
    /// What it says to an object that is applied server-side, with strict field validation.
    ///
    /// The object is as in the manifest; without a namespace it belongs to the server's default
    /// one.
    fn apply(&self, object: &Value) -> Answer;

    /// What it says to a pod that is created. `pod` may name the namespace of its workload; the
    /// server may try it in another one that enforces a Pod Security level.
    fn create_pod(&self, pod: &Value) -> Answer;

    /// What it would store for such a pod where no Pod Security level is enforced.
    fn complete_pod(&self, pod: &Value) -> Answer;
}

/// What an API server says to an object.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It would take the object; this is what it would store, with its defaults.
    Accepted(Box<Value>),
    /// It would not, or was not heard.
    Refused(Refusal),
}

/// Why an object was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of refusal it is.
    pub kind: Refused,
    /// In the server's words, or in those of whoever could not reach it.
    pub message: String,
    /// The single complaints of which the message is made; empty when they are not known.
    pub complaints: Vec<String>,
    /// The policy, webhook or admission plugin that denied it or failed.
    pub policy: Option<String>,
}

/// Kinds of refusals. The first three judge the object; the others say that it was not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Not valid: unknown fields, wrong values.
    Invalid,
    /// The object lives already, and what it says otherwise cannot be changed in place.
    Immutable,
    /// Denied by admission.
    Denied,
    /// The server does not serve this version of the kind, or no such kind.
    UnknownKind,
    /// The server lacks the CustomResourceDefinition.
    MissingCrd,
    /// The namespace is not there.
    MissingNamespace,
    /// Another field manager owns what the object says otherwise.
    Conflict,
    /// The server does not know who asks: a wrong or expired credential.
    Unauthorized,
    /// Who asks may not do this.
    Forbidden,
    /// An admission webhook did not answer, or cannot take part in a dry-run.
    Webhook,
    /// No answer: unreachable, too slow, overloaded or broken, after every retry.
    NoAnswer,
}

impl Refused {
    /// Whether the server looked at the object and found it bad.
    fn is_a_judgement(self) -> bool {
        matches!(self, Self::Invalid | Self::Immutable | Self::Denied)
    }

    /// Whether another object of the same kind and place would be refused the same way, or could
    /// be: a patch has nothing to do with it unless it changes these.
    fn is_of_the_place(self) -> bool {
        matches!(self, Self::UnknownKind | Self::MissingCrd | Self::MissingNamespace)
    }

    /// The cause, where the control has no say in it.
    fn cause(self) -> Cause {
        match self {
            Self::Invalid => Cause::PatchRejected,
            Self::Immutable => Cause::Immutable,
            Self::Denied => Cause::AdmissionDenied,
            Self::UnknownKind => Cause::UnknownKind,
            Self::MissingCrd => Cause::MissingCrd,
            Self::MissingNamespace => Cause::MissingNamespace,
            Self::Conflict => Cause::Conflict,
            Self::Unauthorized => Cause::Unauthorized,
            Self::Forbidden => Cause::Forbidden,
            Self::Webhook => Cause::WebhookFailed,
            Self::NoAnswer => Cause::NoAnswer,
        }
    }
}

/// A server, and what it says to the objects before any patch: each is asked once, however many
/// patches it gets.
pub struct Trials<'s> {
    server: &'s dyn ApiServer,
    controls: Vec<OnceLock<Control>>,
}

/// What the server says to an object without the patch.
struct Control {
    object: Result<Stored, Refusal>,
    /// The same of its pods; absent when the kind has none, or the object was not taken.
    pods: Option<Result<(), Refusal>>,
    /// What its pods are like once they are made; asked only when a patch changes the template.
    made: OnceLock<Option<[u8; 32]>>,
}

/// What a server would store, in so far as it can be compared.
#[derive(PartialEq, Eq)]
struct Stored {
    whole: [u8; 32],
    /// What the pods are made from; absent when the kind has none.
    template: Option<[u8; 32]>,
}

/// What a patch changes of what runs, as far as the server told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) effect: Option<Effect>,
    /// Whether the pods of a changed template are the same all the same.
    pub(crate) same_pods: Option<bool>,
}

/// An object of the set: which, and where its pods are described.
pub(crate) struct Subject<'o> {
    pub(crate) position: usize,
    pub(crate) kind: &'o str,
    /// Keys to the pod spec.
    pub(crate) pod: Option<&'static [&'static str]>,
}

impl<'s> Trials<'s> {
    /// For so many objects.
    pub fn new(server: &'s dyn ApiServer, objects: usize) -> Self {
        Self { server, controls: (0..objects).map(|_| OnceLock::new()).collect() }
    }

    /// The gate `server` for one object before and after a patch.
    pub(crate) fn judge(&self, subject: &Subject<'_>, before: &Value, after: &Value) -> GateResult {
        let answer = match self.server.apply(after) {
            Answer::Accepted(object) => Ok(Stored::new(*object, after, subject)),
            Answer::Refused(refusal) => Err(refusal),
        };
        let after_pods = match &answer {
            Ok(_) => self.pods(subject, after),
            Err(_) => None,
        };
        // Whoever does not answer now need not be asked about the object as it was.
        if let Err(refusal) = &answer
            && !(refusal.kind.is_a_judgement() || refusal.kind.is_of_the_place())
        {
            return unavailable(refusal.kind.cause(), refusal);
        }
        let control = self.control(subject, before);
        match answer {
            Err(refusal) => refused(&refusal, control),
            Ok(stored) => accepted(control, after_pods.as_ref(), || {
                self.compare(subject, before, after, &stored)
            }),
        }
    }

    /// What a patch changes of what runs; nothing is known when the server does not take it.
    pub(crate) fn change(&self, subject: &Subject<'_>, before: &Value, after: &Value) -> Change {
        let Answer::Accepted(object) = self.server.apply(after) else { return Change::default() };
        let stored = Stored::new(*object, after, subject);
        self.compare(subject, before, after, &stored)
    }

    fn compare(
        &self,
        subject: &Subject<'_>,
        before: &Value,
        after: &Value,
        stored: &Stored,
    ) -> Change {
        let control = self.control(subject, before);
        let effect = control.effect(subject, after, stored);
        if !matches!(effect, Some(Effect::NextPods | Effect::Restart | Effect::Recreate)) {
            return Change { effect, same_pods: None };
        }
        let before = control.made.get_or_init(|| self.made(subject, before));
        let same_pods = match (before, self.made(subject, after)) {
            (Some(before), Some(after)) => Some(*before == after),
            _ => None,
        };
        Change { effect, same_pods }
    }

    /// What a pod of the object is like once it is made, with all defaults; nothing when the server
    /// does not take it.
    fn made(&self, subject: &Subject<'_>, object: &Value) -> Option<[u8; 32]> {
        let pod = pod_of(object, subject.pod?)?;
        let Answer::Accepted(made) = self.server.complete_pod(&pod) else { return None };
        let subject = Subject { kind: "Pod", pod: None, ..*subject };
        Some(Stored::new(*made, &pod, &subject).whole)
    }

    fn control(&self, subject: &Subject<'_>, before: &Value) -> &Control {
        self.controls[subject.position].get_or_init(|| match self.server.apply(before) {
            Answer::Refused(refusal) => {
                Control { object: Err(refusal), pods: None, made: OnceLock::new() }
            }
            Answer::Accepted(object) => Control {
                object: Ok(Stored::new(*object, before, subject)),
                pods: self.pods(subject, before),
                made: OnceLock::new(),
            },
        })
    }

    fn pods(&self, subject: &Subject<'_>, object: &Value) -> Option<Result<(), Refusal>> {
        let pod = pod_of(object, subject.pod?)?;
        Some(match self.server.create_pod(&pod) {
            Answer::Accepted(_) => Ok(()),
            Answer::Refused(refusal) => Err(refusal),
        })
    }
}

impl Control {
    fn effect(&self, subject: &Subject<'_>, after: &Value, stored: &Stored) -> Option<Effect> {
        let before = self.object.as_ref().ok()?;
        Some(if before == stored {
            Effect::Unchanged
        } else if before.template == stored.template {
            Effect::NoRestart
        } else {
            on_new_template(subject.kind, after)
        })
    }
}

/// What a new pod template does to the pods that run.
fn on_new_template(kind: &str, manifest: &Value) -> Effect {
    let strategy = manifest.pointer("/spec/updateStrategy/type");
    match kind {
        "Pod" | "Job" => Effect::Recreate,
        "ReplicaSet" | "ReplicationController" | "CronJob" | "PodTemplate" => Effect::NextPods,
        _ if strategy == Some(&json!("OnDelete")) => Effect::NextPods,
        _ => Effect::Restart,
    }
}

/// The server does not take the patched object.
fn refused(refusal: &Refusal, control: &Control) -> GateResult {
    match &control.object {
        Ok(_) => failed(refusal.kind.cause(), refusal),
        Err(before) if refusal.kind.is_of_the_place() && before.kind == refusal.kind => {
            unavailable(refusal.kind.cause(), refusal)
        }
        Err(before) if !before.kind.is_a_judgement() && before.kind != refusal.kind => {
            unavailable(before.kind.cause(), before)
        }
        Err(before) => match new_complaint(before, refusal) {
            Some(complaint) => {
                let only = vec![complaint.to_owned()];
                let message = complaint.to_owned();
                let refusal = Refusal { message, complaints: only, ..refusal.clone() };
                failed(refusal.kind.cause(), &refusal)
            }
            None => unavailable(Cause::RejectedBefore, before),
        },
    }
}

/// A complaint that was not there before; `None` also when they cannot be compared, because the
/// server stopped at another stage.
fn new_complaint<'r>(before: &Refusal, after: &'r Refusal) -> Option<&'r str> {
    let comparable = before.kind == after.kind && !before.complaints.is_empty();
    let mut complaints = after.complaints.iter().filter(|_| comparable);
    complaints.find(|complaint| !is_known(&before.complaints, complaint)).map(String::as_str)
}

/// Whether the same was complained of before. The words differ with the values that a patch
/// changes, and with the containers that it does not cure.
fn is_known(before: &[String], complaint: &str) -> bool {
    before.iter().any(|known| {
        let same_control = match (control_of(known), control_of(complaint)) {
            (Some((control, before)), Some((same, after))) => {
                control == same && quoted(after).all(|name| quoted(before).any(|b| b == name))
            }
            _ => false,
        };
        known == complaint
            || same_control
            || fault_of(known).is_some_and(|fault| Some(fault) == fault_of(complaint))
    })
}

/// Of `privileged (container "a" must not …)`, as Pod Security admission says it: the control, and
/// who violates it.
fn control_of(complaint: &str) -> Option<(&str, &str)> {
    complaint.split_once(" (").filter(|(control, _)| !control.contains(':'))
}

/// What is in double quotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}

/// Of `spec.a: Invalid value: "b": …`, as validation says it: the field and the kind of fault.
fn fault_of(complaint: &str) -> Option<(&str, &str)> {
    const UNKNOWN_FIELD: &str = "field not declared in schema";
    let (field, rest) = complaint.split_once(": ")?;
    // Of several the server names any one, another each time.
    let field = if rest == UNKNOWN_FIELD { "" } else { field };
    Some((field, rest.split(':').next().unwrap_or(rest)))
}

/// The server takes the patched object; its pods may be another matter.
fn accepted(
    control: &Control,
    pods: Option<&Result<(), Refusal>>,
    change: impl FnOnce() -> Change,
) -> GateResult {
    let both = [control.pods.as_ref(), pods];
    let refusals = both.into_iter().flatten().filter_map(|pods| pods.as_ref().err());
    if let Some(refusal) = refusals.into_iter().find(|refusal| !refusal.kind.is_a_judgement()) {
        return unavailable(refusal.kind.cause(), refusal);
    }
    let [pods_denied_before, pods_denied_after] = both.map(|pods| match pods {
        Some(Err(refusal)) => complaints(refusal),
        _ => Vec::new(),
    });
    if let (Some(_), Some(Err(refusal))) = (&control.pods, pods)
        && let Some(new) = pods_denied_after.iter().find(|now| !is_known(&pods_denied_before, now))
    {
        let message = format!("the pods are refused: {new}");
        let complaints = vec![new.clone()];
        return failed(refusal.kind.cause(), &Refusal { message, complaints, ..refusal.clone() });
    }
    let Change { effect, same_pods } = change();
    let said = ServerReport {
        effect,
        same_pods,
        pods_denied_before,
        pods_denied_after,
        ..ServerReport::default()
    };
    report(GateOutcome::Passed, None, said)
}

fn complaints(refusal: &Refusal) -> Vec<String> {
    match refusal.complaints.is_empty() {
        true => vec![refusal.message.clone()],
        false => refusal.complaints.clone(),
    }
}

fn failed(cause: Cause, refusal: &Refusal) -> GateResult {
    refusal_result(GateOutcome::Failed, cause, refusal)
}

/// The patch was not judged. Not a pass.
fn unavailable(cause: Cause, refusal: &Refusal) -> GateResult {
    refusal_result(GateOutcome::Unavailable, cause, refusal)
}

fn refusal_result(outcome: GateOutcome, cause: Cause, refusal: &Refusal) -> GateResult {
    let reason = format!("{}: {}", cause.as_str(), in_words(refusal));
    let policy = refusal.policy.clone();
    report(
        outcome,
        Some(reason),
        ServerReport { cause: Some(cause), policy, ..ServerReport::default() },
    )
}

/// The server names several faults in any order, another each time.
fn in_words(refusal: &Refusal) -> String {
    match (refusal.kind, refusal.complaints.len()) {
        (Refused::Invalid, 2..) => {
            let mut complaints = refusal.complaints.clone();
            complaints.sort();
            complaints.join("; ")
        }
        _ => refusal.message.clone(),
    }
}

fn report(outcome: GateOutcome, reason: Option<String>, report: ServerReport) -> GateResult {
    GateResult { server: Some(Box::new(report)), ..GateResult::new(Gate::Server, outcome, reason) }
}

/// The pod that a workload would make.
fn pod_of(object: &Value, keys: &[&str]) -> Option<Value> {
    let (_, holder) = keys.split_last()?;
    let holder = at(object, holder)?;
    let mut metadata = match &holder["metadata"] {
        Value::Object(map) => map.clone(),
        _ => serde_json::Map::new(),
    };
    if let Some(namespace) = object["metadata"]["namespace"].as_str() {
        metadata.insert("namespace".to_owned(), namespace.into());
    }
    Some(json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": holder["spec"],
    }))
}

fn at<'v>(value: &'v Value, keys: &[&str]) -> Option<&'v Value> {
    keys.iter().try_fold(value, |value, key| value.get(key))
}

impl Stored {
    /// Leaves out what the server makes up anew for every request.
    fn new(mut object: Value, manifest: &Value, subject: &Subject<'_>) -> Self {
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        if let Some(fields) = object.as_object_mut() {
            fields.remove("status");
        }
        let made_up = [
            "managedFields",
            "uid",
            "creationTimestamp",
            "resourceVersion",
            "generation",
            "selfLink",
        ];
        let unnamed = manifest["metadata"]["name"].is_null().then_some("name");
        if let Some(metadata) = object["metadata"].as_object_mut() {
            made_up.into_iter().chain(unnamed).for_each(|key| drop(metadata.remove(key)));
        }
        if subject.kind == "Service" {
            forget_allocated(&mut object, manifest);
        }
        forget_random(&mut object, &uid);
        object.sort_all_objects();
        let template = subject.pod.map(|keys| match keys {
            // A pod's labels can change in place.
            ["spec"] => digest(&object["spec"]),
            [holder @ .., _] => digest(at(&object, holder).unwrap_or(&Value::Null)),
            [] => digest(&object),
        });
        Self { whole: digest(&object), template }
    }
}

fn digest(value: &Value) -> [u8; 32] {
    Sha256::digest(value.to_string()).into()
}

/// Addresses and ports that the server chose because the manifest does not.
fn forget_allocated(service: &mut Value, manifest: &Value) {
    let Some(spec) = service["spec"].as_object_mut() else { return };
    for key in ["clusterIP", "clusterIPs", "healthCheckNodePort"] {
        if manifest["spec"][key].is_null() {
            spec.remove(key);
        }
    }
    let ports = spec.get_mut("ports").and_then(Value::as_array_mut);
    for (index, port) in ports.into_iter().flatten().enumerate() {
        if let Some(port) = port.as_object_mut()
            && manifest["spec"]["ports"][index]["nodePort"].is_null()
        {
            port.remove("nodePort");
        }
    }
}

/// A Job's labels and selector hold its new uid, and a pod's token volume has a random name.
fn forget_random(value: &mut Value, uid: &str) {
    const TOKEN: &str = "kube-api-access-";
    match value {
        Value::String(text) if !uid.is_empty() && text == uid => text.clear(),
        Value::String(text) if text.starts_with(TOKEN) => text.truncate(TOKEN.len()),
        Value::Array(items) => items.iter_mut().for_each(|item| forget_random(item, uid)),
        Value::Object(fields) => fields.values_mut().for_each(|field| forget_random(field, uid)),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
