//! # What it finds
//!
//! An element of a container's `command` or `args` in which `sudo` stands as a word of its own.
//! Regular, init and ephemeral containers.
//!
//! # Why it matters
//!
//! `sudo` needs an image in which an unprivileged user can become root. Whoever gets into the
//! container can do the same.
//!
//! # What the fix changes
//!
//! Nothing by itself: the image must be built so that the program needs no other user.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kubescape looks at `command` only, and takes any text that contains `sudo`, such as `pseudo`.

use crate::{Check, Container, Context, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "sudo-in-entrypoint",
    title: "Container starts with sudo",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0062"],
    references: &[],
    touches: &["{container}/command/*", "{container}/args/*"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    for list in ["command", "args"] {
        let words = container.node.get(list).filter(|list| list.is_seq());
        for (index, word) in words.into_iter().flat_map(Node::items).enumerate() {
            if !word.as_str().is_some_and(calls_sudo) {
                continue;
            }
            let mut site = container.item_site(pod, &[list], index, &[]);
            site.span = word.span();
            let message = format!("{} calls sudo in its {list}", container.label());
            cx.report(site, message, "needs an image whose program does without another user");
        }
    }
}

fn calls_sudo(text: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    text.contains("sudo") && text.split(|c| !in_word(c)).any(|word| word == "sudo")
}
