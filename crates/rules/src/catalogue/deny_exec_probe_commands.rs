//! # What it finds
//!
//! A liveness, readiness or startup probe whose `exec` command uses one of `commands`, as a program
//! or within the text that a shell is given. Directories in front of the name do not matter.
//!
//! # Why it matters
//!
//! A probe runs every few seconds. Tools such as `jcmd` stop the Java program to look at it; `ps`
//! and `ls` say little about whether the program works.
//!
//! # What the fix changes
//!
//! Nothing by itself: which request would tell more is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kyverno looks at liveness probes, for the letters of the command anywhere.

use crate::{Check, Container, Context, DefaultValue, Parameter, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "deny-exec-probe-commands",
    title: "Probe runs a forbidden command",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kyverno:deny-commands-in-exec-probe"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[COMMANDS],
    scope: Scope::Object,
    check: Check::Container(check),
};

const COMMANDS: Parameter = Parameter {
    name: "commands",
    meaning: "programs that a probe may not run",
    default: DefaultValue::List(&["jcmd", "ps", "ls"]),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let keys = [probe, "exec", "command"];
        let Some(command) = container.node.at(&keys).filter(|list| list.is_seq()) else { continue };
        let forbidden = cx.list(&COMMANDS);
        for (index, part) in command.items().enumerate() {
            let text = part.as_str().unwrap_or("");
            let Some(name) = programs(text).find(|name| forbidden.contains(name)) else { continue };
            let mut site = container.site(pod, &keys);
            site.path = site.path.index(index);
            site.span = part.span();
            let message = format!("{probe} of {} runs {name}", container.label());
            cx.report(
                site,
                message,
                "needs a cheap request or command that asks the program itself",
            );
        }
    }
}

/// The words that may name programs, without directories.
fn programs(text: &str) -> impl Iterator<Item = &str> {
    let is_end = |c: char| c.is_whitespace() || "|&;()`$\"'<>{}".contains(c);
    text.split(is_end).map(|word| word.rsplit('/').next().unwrap_or(word))
}
