//! Requests and limits that are missing.

use crate::quantity::Quantity;
use crate::{Container, Context, Fix, Pod, Remedy, Role, Written};
use manifest::Node;
use serde_json::Value;

/// A request or limit that a rule asks for.
pub(crate) struct Amount {
    /// `requests` or `limits`.
    pub(crate) list: &'static str,
    /// `cpu` or `memory`.
    pub(crate) resource: &'static str,
    /// Whether an amount of nought is as bad as none.
    pub(crate) zero_counts: bool,
}

impl Amount {
    fn keys(&self) -> [&'static str; 3] {
        ["resources", self.list, self.resource]
    }

    fn noun(&self) -> String {
        format!("{} {}", self.resource, self.list.trim_end_matches('s'))
    }

    fn a_noun(&self) -> String {
        let article = if self.resource.starts_with(['a', 'e']) { "an" } else { "a" };
        format!("{article} {}", self.noun())
    }
}

/// Reports a container without this amount.
pub(crate) fn check_amount(
    amount: &Amount,
    pod: &Pod<'_>,
    container: &Container<'_>,
    cx: &mut Context<'_, '_>,
) {
    let written = container.node.at(&amount.keys()).filter(|value| !value.is_null());
    let message = match written {
        None => format!("{} has no {}", container.label(), amount.noun()),
        Some(value) if amount.zero_counts && is_zero(value) => {
            format!("{} has {} of zero", container.label(), amount.a_noun())
        }
        Some(_) => return,
    };
    let remedy = remedy(amount, written.is_some(), pod, container, cx);
    cx.report(container.site(pod, &amount.keys()), message, remedy);
}

fn is_zero(value: Node<'_>) -> bool {
    Quantity::of(value).is_some_and(Quantity::is_zero)
}

fn remedy(
    amount: &Amount,
    written: bool,
    pod: &Pod<'_>,
    container: &Container<'_>,
    cx: &Context<'_, '_>,
) -> Remedy {
    if container.role == Role::Ephemeral {
        return "an ephemeral container cannot carry resources: it lives on what the pod has"
            .into();
    }
    let path = container.path(pod, &amount.keys());
    if let Some(limit) = limit_as_request(amount, container).filter(|_| !written) {
        return Fix::safe().set(path, limit).into();
    }
    let values = &cx.settings.values;
    let Some(value) = values.resource(cx.object, container, amount.list, amount.resource) else {
        return format!("needs {} from measurements or from `values`", amount.a_noun()).into();
    };
    if let Some(reason) = contradiction(amount, &value.value, container, cx) {
        return reason.into();
    }
    let may_break = match amount.list {
        "requests" => "a request too low starves the container, one too high leaves it unscheduled",
        _ if amount.resource == "memory" => "a limit too low gets the container killed",
        _ => "a limit too low slows the container down",
    };
    Fix::unsafe_because(may_break).set(path, value).into()
}

/// The limit, which the API server takes for a request that is missing.
fn limit_as_request(amount: &Amount, container: &Container<'_>) -> Option<Written> {
    if amount.list != "requests" {
        return None;
    }
    let limit = container.node.at(&["resources", "limits", amount.resource])?;
    let quantity = Quantity::of(limit)?;
    let cures = !(amount.zero_counts && quantity.is_zero());
    let detail = format!("a missing request equals resources.limits.{}", amount.resource);
    cures.then(|| Written::server_default(limit.to_json(), detail))
}

/// Why the operator's amount cannot be written: the API server refuses a request above its limit.
fn contradiction(
    amount: &Amount,
    value: &Value,
    container: &Container<'_>,
    cx: &Context<'_, '_>,
) -> Option<String> {
    let Some(own) = quantity_of(value).filter(|own| !own.is_zero()) else {
        return Some(format!("the {} in `values` is not an amount above zero", amount.noun()));
    };
    let is_request = amount.list == "requests";
    let other_list = if is_request { "limits" } else { "requests" };
    let other = container.node.at(&["resources", other_list, amount.resource]);
    let planned = || {
        let values = &cx.settings.values;
        values.resource(cx.object, container, other_list, amount.resource)
    };
    let other = match other.filter(|node| !node.is_null()) {
        Some(node) => Quantity::of(node),
        None => planned().and_then(|written| quantity_of(&written.value)),
    }?;
    let (request, limit) = if is_request { (own, other) } else { (other, own) };
    let noun = amount.noun();
    (request > limit).then(|| match is_request {
        true => format!("the {noun} in `values` exceeds the container's limit: adapt one of them"),
        false => format!("the {noun} in `values` is below the container's request: adapt one"),
    })
}

fn quantity_of(value: &Value) -> Option<Quantity> {
    match value {
        Value::String(text) => Quantity::parse(text),
        Value::Number(number) => Quantity::parse(&number.to_string()),
        _ => None,
    }
}
