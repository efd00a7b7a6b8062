//! The gate `server`: would a real API server take the patched object? Asking is for the edge;
//! here is only what its answers mean.

use serde_json::Value;

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

/// Kinds of refusals. Only the first two judge the object; the others say that it was not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Not valid: unknown fields, wrong values, a change of an immutable field.
    Invalid,
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
