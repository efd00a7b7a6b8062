//! # What it finds
//!
//! A `startupProbe` of a regular container whose `httpGet`, `tcpSocket` or `grpc` port is not among
//! the container's TCP ports. A number must be declared as a number, a name as a name; `"8080"` is
//! a name.
//!
//! # Why it matters
//!
//! A probe that cannot connect kills the container before it has started. An undeclared port is
//! often a mistyped one.
//!
//! # What the fix changes
//!
//! A number joins `ports`; that is information for people and tools and opens nothing. A name in
//! plain digits becomes the number, if that is declared. Unknown names, and pods with
//! `hostNetwork`, where a declared port is bound on the node, have no fix; with evidence from a
//! registry, an unknown name is declared for the port of the image, if it exposes only one.
//!
//! # What it may break
//!
//! Nothing: the fix is safe. One that the image's port gives is not: another port may be meant.

use crate::common::check_probe_port;
use crate::{Check, Container, Context, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "startup-port",
    title: "Startup probe aims at an undeclared port",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: Some("startup_port"),
    aliases: &["kube-linter:startup-port"],
    references: &[],
    touches: &["{container}/ports/**", "{container}/startupProbe/*/port"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    check_probe_port("startupProbe", pod, container, cx);
}
