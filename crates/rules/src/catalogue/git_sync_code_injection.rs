//! # What it finds
//!
//! A variable named `GITSYNC_GIT` in a container. Regular, init and ephemeral containers.
//!
//! # Why it matters
//!
//! git-sync runs the program that this variable names. Whoever can change the variable can run
//! anything with the rights of git-sync.
//!
//! # What the fix changes
//!
//! The variable goes.
//!
//! # What it may break
//!
//! git-sync runs the `git` of its image.

use crate::{Check, Container, Context, Fix, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "git-sync-code-injection",
    title: "git-sync runs a program of its environment",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &["checkov:CKV_K8S_159"],
    references: &[],
    touches: &["{container}/env/**"],
    removes: &["{container}/env/*", "{container}/env"],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

const NAME: &str = "GITSYNC_GIT";

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let is_it = |entry: Node<'_>| entry.get("name").and_then(Node::as_str) == Some(NAME);
    for (index, _) in container.env().filter(|(_, entry)| is_it(*entry)) {
        let fix = Fix::unsafe_because("git-sync runs the git of its image")
            .remove_and_prune(container.item_path(pod, &["env"], index, &[]));
        let site = container.item_site(pod, &["env"], index, &["name"]);
        cx.report(site, format!("{} sets {NAME}", container.label()), fix);
    }
}
