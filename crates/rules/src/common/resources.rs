//! Requests and limits that are missing.

use crate::quantity::Quantity;
use crate::{Container, Context, Fix, Pod, Question, Remedy, Role, Written};
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

/// Amounts that are too low: from a lower to an upper bound, both included.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// What the bounds count, in units of 10⁻⁹; amounts are rounded up to it.
    pub(crate) unit: i128,
    /// The lowest.
    pub(crate) lower: i128,
    /// The highest.
    pub(crate) upper: i128,
}

impl Bounds {
    const ZERO: Self = Self { unit: 1, lower: 0, upper: 0 };

    fn contain(&self, amount: Quantity) -> bool {
        (self.lower..=self.upper).contains(&amount.units(self.unit))
    }
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
    let bounds = amount.zero_counts.then_some(Bounds::ZERO);
    check_bounds(amount, bounds, pod, container, cx);
}

/// Reports a container without this amount, or with one within these bounds. With bounds, a
/// missing amount counts as nought.
pub(crate) fn check_bounds(
    amount: &Amount,
    bounds: Option<Bounds>,
    pod: &Pod<'_>,
    container: &Container<'_>,
    cx: &mut Context<'_, '_>,
) {
    let written = container.node.at(&amount.keys()).filter(|value| !value.is_null());
    let quantity = written.map_or(Some(Quantity::ZERO), Quantity::of);
    let is_bad = quantity.is_some_and(|quantity| is_within(bounds, quantity));
    if !is_bad && (written.is_some() || bounds.is_some()) {
        return;
    }
    let (label, noun) = (container.label(), amount.noun());
    let message = match (written, quantity) {
        (None, _) => format!("{label} has no {noun}"),
        (_, Some(quantity)) if quantity.is_zero() => {
            format!("{label} has {} of zero", amount.a_noun())
        }
        (Some(value), _) => {
            let text = value.scalar().unwrap_or("");
            format!(
                "{label} has {} of {text}, which is within the bounds that are set",
                amount.a_noun()
            )
        }
    };
    let remedy = remedy(amount, bounds, written.is_some(), pod, container, cx);
    cx.report(container.site(pod, &amount.keys()), message, remedy);
}

fn is_within(bounds: Option<Bounds>, amount: Quantity) -> bool {
    bounds.is_some_and(|bounds| bounds.contain(amount))
}

fn remedy(
    amount: &Amount,
    bounds: Option<Bounds>,
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
    if let Some(limit) = limit_as_request(amount, bounds, container).filter(|_| !written) {
        return Fix::safe().set(path, limit).into();
    }
    let question = Question::Resource { list: amount.list, resource: amount.resource };
    let Some(value) = cx.value(question, Some(container)) else {
        return format!("needs {} from measurements or from `values`", amount.a_noun()).into();
    };
    if quantity_of(&value.value).is_some_and(|own| !own.is_zero() && is_within(bounds, own)) {
        return format!("the {} in `values` is within the bounds too", amount.noun()).into();
    }
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
fn limit_as_request(
    amount: &Amount,
    bounds: Option<Bounds>,
    container: &Container<'_>,
) -> Option<Written> {
    if amount.list != "requests" {
        return None;
    }
    let limit = container.node.at(&["resources", "limits", amount.resource])?;
    let cures = !is_within(bounds, Quantity::of(limit)?);
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
        let question = Question::Resource { list: other_list, resource: amount.resource };
        cx.value(question, Some(container))
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
