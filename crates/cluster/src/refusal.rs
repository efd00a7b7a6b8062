//! What a server's answer means.

use crate::client::{Reply, Silence};
use kube::core::Status;
use serde_json::Value;
use verifier::{Refusal, Refused};

/// Characters of an answer that is not the JSON it should be.
const MAX_EXCERPT: usize = 300;

/// How the built-in admission plugins begin what they say.
const PLUGINS: [(&str, &str); 11] = [
    ("violates PodSecurity", "PodSecurity"),
    ("error looking up service account", "ServiceAccount"),
    ("exceeded quota", "ResourceQuota"),
    ("failed quota", "ResourceQuota"),
    ("status unknown for quota", "ResourceQuota"),
    ("usage per", "LimitRanger"),
    ("limit to request ratio", "LimitRanger"),
    ("no PriorityClass with name", "Priority"),
    ("integer value of priority", "Priority"),
    ("pod rejected: RuntimeClass", "RuntimeClass"),
    ("because it is being terminated", "NamespaceLifecycle"),
];

/// The object of an answer, or why there is none.
pub(crate) fn object(reply: &Reply) -> Result<Value, Refusal> {
    if !reply.status.is_success() {
        return Err(refusal(reply.status.as_u16(), &status(reply)));
    }
    serde_json::from_slice(&reply.body).map_err(|error| {
        plain(Refused::NoAnswer, format!("the server's answer is not JSON: {error}"))
    })
}

/// The message of an answer that is not a success.
pub(crate) fn message(reply: &Reply) -> String {
    status(reply).message
}

/// A refusal that a server said nothing about.
pub(crate) fn silent(silence: &Silence) -> Refusal {
    let kind = match silence {
        Silence::NoCredentials(_) => Refused::Unauthorized,
        _ => Refused::NoAnswer,
    };
    plain(kind, silence.to_string())
}

/// A refusal without details.
pub(crate) fn plain(kind: Refused, message: String) -> Refusal {
    Refusal { kind, message, complaints: Vec::new(), policy: None }
}

/// Proxies and broken servers do not always send a `Status`.
fn status(reply: &Reply) -> Status {
    let parsed: Option<Status> = serde_json::from_slice(&reply.body).ok();
    let mut status = parsed.unwrap_or_default();
    if status.message.is_empty() {
        let text = reply.text();
        let excerpt: String = text.trim().chars().take(MAX_EXCERPT).collect();
        status.message = if excerpt.is_empty() { reply.status.to_string() } else { excerpt };
    }
    status
}

fn refusal(code: u16, status: &Status) -> Refusal {
    let message = status.message.clone();
    if let Some((kind, policy)) = admission(&message) {
        return Refusal { kind, complaints: complaints(status), policy: Some(policy), message };
    }
    let kind = match code {
        _ if message.contains("failed to create typed patch object") => Refused::Invalid,
        400 | 413 | 422 => Refused::Invalid,
        401 => Refused::Unauthorized,
        // Who calls finds out whether it is admission's.
        403 => Refused::Forbidden,
        404 if missing_namespace(status) => Refused::MissingNamespace,
        404 | 405 => Refused::UnknownKind,
        409 => Refused::Conflict,
        _ => Refused::NoAnswer,
    };
    let policy = (kind == Refused::Forbidden).then(|| plugin(&message)).flatten();
    let message = if kind == Refused::NoAnswer { format!("{code}: {message}") } else { message };
    Refusal { kind, complaints: complaints(status), policy, message }
}

/// What webhooks and policies say; they choose the code of their answer.
fn admission(message: &str) -> Option<(Refused, String)> {
    if let Some(name) = between(message, "failed calling webhook \"", "\"") {
        return Some((Refused::Webhook, name.to_owned()));
    }
    if let Some(name) = between(message, "admission webhook \"", "\"") {
        if message.contains("does not support dry run") {
            return Some((Refused::Webhook, name.to_owned()));
        }
        if message.contains("denied the request") {
            return Some((Refused::Denied, name.to_owned()));
        }
    }
    let name = between(message, "AdmissionPolicy '", "'")?;
    message.contains("denied request").then(|| (Refused::Denied, name.to_owned()))
}

fn plugin(message: &str) -> Option<String> {
    let (_, name) = PLUGINS.iter().find(|(words, _)| message.contains(words))?;
    Some((*name).to_owned())
}

fn missing_namespace(status: &Status) -> bool {
    status.details.as_ref().is_some_and(|details| details.kind == "namespaces")
}

/// The single complaints, of the details where there are any, else of the message.
fn complaints(status: &Status) -> Vec<String> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let causes: Vec<_> = causes
        .map(|cause| match cause.field.as_str() {
            "" => cause.message.clone(),
            field => format!("{field}: {}", cause.message),
        })
        .collect();
    if !causes.is_empty() {
        return causes;
    }
    let message = &status.message;
    if let Some((_, violations)) = message.split_once("violates PodSecurity ") {
        let violations = violations.split_once("\": ").map_or(violations, |(_, list)| list);
        return split(violations);
    }
    if let Some((_, errors)) = message.split_once("strict decoding error: ") {
        return split(errors);
    }
    typed(message).unwrap_or_default()
}

/// Apply names one fault, or several on lines of their own.
fn typed(message: &str) -> Option<Vec<String>> {
    let (_, faults) = message.split_once("failed to create typed patch object (")?;
    let (_, faults) = faults.split_once("): ")?;
    let lines = faults.trim_start_matches("errors:").lines().map(str::trim);
    Some(lines.filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// Splits at the commas that are in no quotes and no parentheses.
fn split(list: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for c in list.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    Some(text.split_once(before)?.1.split_once(after)?.0)
}

#[cfg(test)]
mod tests {
    use super::{refusal, split};
    use kube::core::Status;
    use verifier::Refused;

    fn status(message: &str) -> Status {
        Status { message: message.to_owned(), ..Status::default() }
    }

    #[test]
    fn violations_are_split_outside_of_quotes_and_parentheses() {
        let list = r#"a (c "x, y" must set b=["ALL", "B"], or not), "d, \" ,e" f,g"#;
        let parts = [r#"a (c "x, y" must set b=["ALL", "B"], or not)"#, r#""d, \" ,e" f"#, "g"];
        assert_eq!(split(list), parts);
    }

    #[test]
    fn webhooks_and_policies_choose_their_code() {
        let denied = status(r#"admission webhook "a.example.com" denied the request: no"#);
        for code in [400, 403, 409, 422, 500] {
            let refusal = refusal(code, &denied);
            assert_eq!(refusal.kind, Refused::Denied, "{code}");
            assert_eq!(refusal.policy.as_deref(), Some("a.example.com"));
        }
        let text = "deployments.apps \"x\" is forbidden: ValidatingAdmissionPolicy 'p' with \
                    binding 'b' denied request: failed expression: false";
        let refusal = refusal(422, &status(text));
        assert_eq!((refusal.kind, refusal.policy.as_deref()), (Refused::Denied, Some("p")));
    }

    #[test]
    fn faults_of_apply_are_complaints_one_by_one() {
        let text = "failed to create typed patch object (default/x; apps/v1, Kind=Deployment): \
                    errors:\n  .spec.a: field not declared in schema\n  .spec.b: expected string";
        let refusal = refusal(500, &status(text));
        assert_eq!(refusal.kind, Refused::Invalid);
        let faults = [".spec.a: field not declared in schema", ".spec.b: expected string"];
        assert_eq!(refusal.complaints, faults);
    }

    #[test]
    fn what_is_not_understood_judges_nothing() {
        for code in [302, 402, 406, 418, 501, 508] {
            assert_eq!(refusal(code, &status("?")).kind, Refused::NoAnswer, "{code}");
        }
    }
}
