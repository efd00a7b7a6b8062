//! Images of containers, and what `values` gives in their place.

use crate::image::Reference;
use crate::{Container, Context, Fix, Pod, Remedy};
use manifest::Node;

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

/// The image that `values` gives for this container's, if `is_cured` likes it; else what is needed.
pub(crate) fn replacement(
    pod: &Pod<'_>,
    container: &Container<'_>,
    cx: &Context<'_, '_>,
    needs: &str,
    is_cured: impl Fn(&str) -> bool,
) -> Remedy {
    let image = image_of(container);
    let Some(wanted) = cx.settings.values.image(cx.object, container, image) else {
        return needs.into();
    };
    let text = wanted.value.as_str().unwrap_or("");
    if !is_cured(text) {
        return format!("the image {text} in `values` does not cure it: {needs}").into();
    }
    let (old, new) = (Reference::parse(image), Reference::parse(text));
    let only_pins = (old.name, old.tag) == (new.name, new.tag) && new.digest.is_some();
    let fix = match only_pins && old.digest.is_none() {
        true => Fix::safe(),
        false => Fix::unsafe_because("another image may behave differently or not exist"),
    };
    fix.set(container.path(pod, &["image"]), wanted).into()
}
