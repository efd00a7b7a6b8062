//! The users that containers run with, and `runAsNonRoot`.

use super::image_of;
use crate::{Container, Context, Fix, ImageUser, Pod, Question, Remedy, Written};
use manifest::Node;
use record::ValueSource;

/// The user id that a container runs with, as far as the manifest says.
pub(crate) fn effective_user(pod: &Pod<'_>, container: &Container<'_>) -> Option<i64> {
    container.effective_security_field(pod, "runAsUser").and_then(Node::as_i64)
}

/// The user id to write where the one stands that counts for the container. A number that an image
/// tells is written for a whole pod only when it is right for all that it then counts for.
pub(crate) fn user_in_place(container: &Container<'_>, cx: &Context<'_, '_>) -> Option<Written> {
    let user = cx.value(Question::RunAsUser, Some(container))?;
    let for_pod = container.security_field("runAsUser").is_none();
    match user.source == ValueSource::Evidence && for_pod {
        true => cx.value(Question::RunAsUser, None),
        false => Some(user),
    }
}

/// The user id that the operator wants, for a container or a pod.
fn wanted_user(container: Option<&Container<'_>>, cx: &Context<'_, '_>) -> Option<Written> {
    let user = cx.value(Question::RunAsUser, container);
    user.filter(|written| written.source == ValueSource::Operator)
}

/// What is known of the user that a container starts with.
enum Start {
    /// A number above nought in the manifest.
    Number,
    /// A number above nought in the image, and who says so.
    OfImage(String),
    /// The kubelet refuses to start it as `runAsNonRoot`, and why.
    Refused(String),
    /// Nothing, or a number of the manifest that is nought.
    Open,
}

fn start(pod: &Pod<'_>, container: &Container<'_>, cx: &Context<'_, '_>) -> Start {
    match effective_user(pod, container) {
        Some(uid) if uid > 0 => return Start::Number,
        Some(_) => return Start::Open,
        None => {}
    }
    let image = image_of(container);
    // Windows has no user ids.
    let facts = cx.settings.image(image).filter(|_| !pod.is_windows());
    let Some((facts, user)) = facts.and_then(|facts| Some((facts, facts.user()?))) else {
        return Start::Open;
    };
    match user {
        ImageUser::Id(id) => Start::OfImage(format!("{} has the user {id}", facts.detail())),
        ImageUser::Root => Start::Refused(format!(
            "needs a user id above 0 that {image} works with: the image's own user is root"
        )),
        ImageUser::Name(name) => Start::Refused(format!(
            "needs the number of the user {name:?} of {image} as runAsUser: under runAsNonRoot the \
             kubelet starts no user that has only a name"
        )),
    }
}

/// Whether the pod's `runAsNonRoot` counts for the container or may be written there.
fn is_open(container: &Container<'_>) -> bool {
    container.security_field("runAsNonRoot").and_then(Node::as_bool) != Some(true)
}

/// `runAsNonRoot: true` for a container that leaves it open or denies it.
///
/// Written at pod level when no container says otherwise, and none has an image that the kubelet
/// would refuse. Safe when every container it then covers already has a user id above nought, by
/// the manifest or by its image: the flag changes nothing for them.
pub(crate) fn non_root(pod: &Pod<'_>, container: &Container<'_>, cx: &Context<'_, '_>) -> Remedy {
    let says_false =
        |c: &Container<'_>| c.security_field("runAsNonRoot").and_then(Node::as_bool) == Some(false);
    let is_refused =
        |c: &Container<'_>| is_open(c) && matches!(start(pod, c, cx), Start::Refused(_));
    let has_no_user = effective_user(pod, container).is_none();
    let pod_user = wanted_user(None, cx).filter(|_| has_no_user);
    let pod_level = !pod.containers.iter().any(says_false)
        && (pod_user.is_some() || !pod.containers.iter().any(is_refused));
    let user = match pod_level {
        true => pod_user,
        false => wanted_user(Some(container), cx).filter(|_| has_no_user),
    };
    let is_covered = |c: &&Container<'_>| {
        pod_level && is_open(c) || c.index == container.index && c.role == container.role
    };
    let covered: Vec<&Container<'_>> = pod.containers.iter().filter(is_covered).collect();
    let path = |key: &str| match pod_level {
        true => pod.path(&["securityContext", key]),
        false => container.path(pod, &["securityContext", key]),
    };
    let mut fix = match flag(pod, &covered, user.is_some(), cx) {
        Ok((fix, written)) => fix.set(path("runAsNonRoot"), written),
        Err(needs) => return needs.into(),
    };
    if let Some(user) = user {
        fix = fix.set(path("runAsUser"), user);
    }
    not_root_by_number(fix, pod, &covered).into()
}

/// `runAsNonRoot: true` at pod level, where it says `false`.
pub(crate) fn pod_non_root(pod: &Pod<'_>, cx: &Context<'_, '_>) -> Remedy {
    let inherits = |c: &&Container<'_>| c.security_field("runAsNonRoot").is_none();
    let covered: Vec<&Container<'_>> = pod.containers.iter().filter(inherits).collect();
    match flag(pod, &covered, false, cx) {
        Ok((fix, written)) => {
            fix.set(pod.path(&["securityContext", "runAsNonRoot"]), written).into()
        }
        Err(needs) => needs.into(),
    }
}

/// The fix that the flag goes into, and the flag with its source; or why it must not be written.
fn flag(
    pod: &Pod<'_>,
    covered: &[&Container<'_>],
    gets_user: bool,
    cx: &Context<'_, '_>,
) -> Result<(Fix, Written), String> {
    const MAY_BREAK: &str = "an image whose user is root or has only a name does not start; files \
         owned by root may become unreadable";
    let mut details: Vec<String> = Vec::new();
    let mut known = !gets_user && !covered.is_empty();
    for container in covered {
        match start(pod, container, cx) {
            Start::Number => {}
            Start::OfImage(detail) => details.push(detail),
            Start::Refused(needs) if !gets_user => return Err(needs),
            Start::Refused(_) | Start::Open => known = false,
        }
    }
    details.sort();
    details.dedup();
    Ok(match (known, details.is_empty()) {
        (false, _) => (Fix::unsafe_because(MAY_BREAK), Written::rule(true)),
        (true, true) => (Fix::safe(), Written::rule(true)),
        (true, false) => (Fix::safe(), Written::evidence(true, details.join(", "))),
    })
}

/// A pod that runs as root by number would not start; another rule may mend the number.
fn not_root_by_number(fix: Fix, pod: &Pod<'_>, covered: &[&Container<'_>]) -> Fix {
    covered.iter().fold(fix, |fix, container| {
        let user = match container.security_field("runAsUser").is_some() {
            true => container.path(pod, &["securityContext", "runAsUser"]),
            false => pod.path(&["securityContext", "runAsUser"]),
        };
        fix.requires_not(user, 0)
    })
}
