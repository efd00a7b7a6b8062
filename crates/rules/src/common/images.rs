//! Images of containers, and what the operator or a registry gives in their place.

use crate::image::Reference;
use crate::{Container, Context, Fix, Pod, Question, Remedy, Written};
use manifest::Node;
use record::ValueSource;

/// The image of a container as written, or empty.
pub(crate) fn image_of<'a>(container: &Container<'a>) -> &'a str {
    container.node.get("image").and_then(Node::as_str).unwrap_or("")
}

/// Whether the API server takes the image for one that is pulled at every start: its tag is
/// `latest`, or there is neither tag nor digest.
pub(crate) fn is_pulled_always(image: &str) -> bool {
    let reference = Reference::parse(image);
    reference.tag == Some("latest") || reference.tag.is_none() && reference.digest.is_none()
}

/// The image that the operator or a registry gives for this container's, if `is_cured` likes it; else what is needed.
pub(crate) fn replacement(
    pod: &Pod<'_>,
    container: &Container<'_>,
    cx: &Context<'_, '_>,
    needs: &str,
    is_cured: impl Fn(&str) -> bool,
) -> Remedy {
    let image = image_of(container);
    let Some(wanted) = cx.value(Question::Image(image), Some(container)) else {
        return with_reason(needs, image, cx).into();
    };
    let text = wanted.value.as_str().unwrap_or("");
    if !is_cured(text) {
        return format!("the image {text} {} does not cure it: {needs}", whence(&wanted)).into();
    }
    let (old, new) = (Reference::parse(image), Reference::parse(text));
    let only_pins = (old.name, old.tag) == (new.name, new.tag) && new.digest.is_some();
    let fix = match only_pins && old.digest.is_none() || is_what_is_pulled(&wanted) {
        true => Fix::safe(),
        false => Fix::unsafe_because("another image may behave differently or not exist"),
    };
    fix.set(container.path(pod, &["image"]), wanted).into()
}

/// What is needed, and why it was not found out.
pub(crate) fn with_reason(needs: &str, image: &str, cx: &Context<'_, '_>) -> String {
    match cx.settings.why_unknown(image) {
        Some(reason) => format!("{needs}; {reason}"),
        None => needs.to_owned(),
    }
}

/// Whether the image stands for the bytes that the next pull gives anyway.
pub(crate) fn is_what_is_pulled(wanted: &Written) -> bool {
    wanted.source == ValueSource::Evidence
}

/// Where an image comes from, for a message.
pub(crate) fn whence(wanted: &Written) -> String {
    match wanted.source {
        ValueSource::Operator => "in `values`".to_owned(),
        _ => format!("from {}", wanted.detail),
    }
}
