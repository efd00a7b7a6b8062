//! # What it finds
//!
//! An object for which your own CEL expression, the parameter `check`, returns a text: the text is
//! the message. `object` is the object, `objects` are all objects of the inputs. An expression that
//! cannot be evaluated is a finding, too. Without an expression the rule is silent.
//!
//! # Why it matters
//!
//! It is your rule: say so in the text that it returns.
//!
//! # What the fix changes
//!
//! Nothing by itself: an expression says what is wrong, not what would be right.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! kube-linter has this as the template `cel-expression`; its custom checks run unchanged with
//! `--profile kube-linter`.

use crate::{Check, Context, DefaultValue, Object, Parameter, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "cel-expression",
    title: "Your own CEL expression objects",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kube-linter:cel-expression"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[CHECK, KINDS],
    scope: Scope::Set,
    check: Check::Object(check),
};

/// Read by whoever makes [`crate::Settings::expression`].
const CHECK: Parameter = Parameter {
    name: "check",
    meaning: "the CEL expression; what it returns is the message, empty for a good object",
    default: DefaultValue::Text(""),
};

const KINDS: Parameter = Parameter {
    name: "kinds",
    meaning: "kinds of objects that it judges; all of them when empty",
    default: DefaultValue::List(&[]),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let Some(expression) = &cx.settings.expression else { return };
    let kinds = cx.list(&KINDS);
    if !kinds.is_empty() && !kinds.contains(&object.kind) {
        return;
    }
    for (path, message) in expression.faults(object, cx.set) {
        cx.report(object.place(path), message, "needs what your own rule asks for");
    }
}
