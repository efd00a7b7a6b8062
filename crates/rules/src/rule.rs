use crate::{Container, Context, Object, Parameter, Pod};
use record::Severity;

/// Everything about a rule but its page.
#[derive(Debug)]
pub struct Rule {
    /// Kebab-case, names the bad pattern, reads well after "ignore".
    pub id: &'static str,
    /// What it finds, one line.
    pub title: &'static str,
    /// How much harm a finding can do.
    pub severity: Severity,
    /// Runs when nothing is selected. Rules that repeat another default rule more strictly or
    /// that are contested stay off.
    pub default: bool,
    /// A matter of taste: it asks for an order or for the opposite of another rule. Fixes of other
    /// rules may lead to its findings.
    pub taste: bool,
    /// The reference system's canonical policy id, if it has the policy.
    pub policy_id: Option<&'static str>,
    /// The same rule in other tools, as `tool:id`.
    pub aliases: &'static [&'static str],
    /// Benchmarks and guides that ask for it, as written there.
    pub references: &'static [&'static str],
    /// Paths that a fix for this rule may write or remove, also one that a model or a person
    /// proposes where the rule itself has none. `{pod}` stands for the pod spec,
    /// `{template}` for the pod's metadata holder (the template, or the Pod itself),
    /// `{container}` for any container in it, `*` for one segment, a final `**` for all below.
    pub touches: &'static [&'static str],
    /// List items and map entries of the protected kinds (containers, volumes, environment,
    /// mounts, ports, accounts, data) that a fix may take away, in the same notation.
    pub removes: &'static [&'static str],
    /// What the operator may set.
    pub parameters: &'static [Parameter],
    /// Whether it looks at other objects.
    pub scope: Scope,
    /// The check, at the level it needs.
    pub check: Check,
}

/// What a rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The object alone.
    Object,
    /// The object among all the others.
    Set,
}

/// The check of a rule, at the level it needs. It reports through the context.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// Once for every object.
    Object(fn(&Object<'_>, &mut Context<'_, '_>)),
    /// Once for every object that has a pod spec.
    Pod(fn(&Pod<'_>, &mut Context<'_, '_>)),
    /// Once for every container: regular, init and ephemeral.
    Container(fn(&Pod<'_>, &Container<'_>, &mut Context<'_, '_>)),
}

/// A rule with its page.
#[derive(Debug)]
pub struct Entry {
    /// The rule.
    pub rule: &'static Rule,
    /// Markdown, from the module documentation of the rule's file.
    pub page: &'static str,
}

mod catalogue {
    use super::Entry;

    include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

    pub(super) fn entries() -> &'static [Entry] {
        ENTRIES
    }
}

/// All rules, sorted by id.
pub fn all() -> &'static [Entry] {
    catalogue::entries()
}

/// The rule with this id.
pub fn by_id(id: &str) -> Option<&'static Entry> {
    all().iter().find(|entry| entry.rule.id == id)
}

impl Rule {
    /// The id that records carry as `policy_id`: the reference's where it has one.
    pub fn record_policy_id(&self) -> &'static str {
        self.policy_id.unwrap_or(self.id)
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}
