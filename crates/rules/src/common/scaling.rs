//! Autoscalers and what they scale.

use crate::Object;
use manifest::Node;

/// What an autoscaler aims at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// Empty for the core group.
    pub(crate) group: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) name: &'a str,
}

/// The field of an autoscaler that names its target.
pub(crate) fn target_field(scaler: &Object<'_>) -> Option<&'static str> {
    match (scaler.kind, scaler.group()) {
        ("HorizontalPodAutoscaler", "autoscaling") => Some("scaleTargetRef"),
        ("VerticalPodAutoscaler", "autoscaling.k8s.io") => Some("targetRef"),
        _ => None,
    }
}

/// The target of an autoscaler that names one by kind and name.
pub(crate) fn scale_target<'a>(scaler: &Object<'a>) -> Option<Target<'a>> {
    let reference = scaler.at(&["spec", target_field(scaler)?])?;
    let text = |key: &str| reference.get(key).and_then(Node::as_str).unwrap_or("");
    let group = text("apiVersion").split_once('/').map_or("", |(group, _)| group);
    let target = Target { group, kind: text("kind"), name: text("name") };
    (!target.kind.is_empty() && !target.name.is_empty()).then_some(target)
}
