//! What the operator chooses: which rules run, with which parameters and values.

use crate::{
    Container, Entry, Evidence, ImageFacts, Judgement, Object, Parameters, Question, Rule, Values,
    Written, pod_security, rule,
};
use std::str::FromStr;
use std::sync::Arc;

/// Parameters of the rules, the operator's values, and evidence.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Values that fixes may write, supplied by the operator.
    pub values: Values,
    /// Who is asked what the operator's values leave open, in this order.
    pub evidence: Vec<Arc<dyn Evidence>>,
    /// Parameters of the rules, where they differ from the defaults.
    pub parameters: Parameters,
    /// The edition of the Pod Security Standards that rules with a control follow.
    pub pod_security: pod_security::Edition,
    /// The judge of the rule `schema-validation`, which is silent without one.
    pub schemas: Option<Arc<dyn Judgement>>,
    /// The judge of the rule `cel-expression`, which is silent without one.
    pub expression: Option<Arc<dyn Judgement>>,
}

impl Settings {
    /// All sources. The operator is asked first, because `values` state what is wanted, not only
    /// what is so.
    fn sources(&self) -> impl Iterator<Item = &dyn Evidence> {
        let operator: &dyn Evidence = &self.values;
        std::iter::once(operator).chain(self.evidence.iter().map(AsRef::as_ref))
    }

    /// The first answer to a question about a container, or about the object as a whole.
    pub fn value(
        &self,
        question: Question<'_>,
        object: &Object<'_>,
        container: Option<&Container<'_>>,
    ) -> Option<Written> {
        self.sources().find_map(|source| source.value(question, object, container))
    }

    /// What is known of an image, by its name as a manifest writes it.
    pub fn image(&self, image: &str) -> Option<&ImageFacts> {
        self.sources().find_map(|source| source.image(image))
    }

    /// Why nothing is known of an image, when somebody looked in vain.
    pub fn why_unknown(&self, image: &str) -> Option<&str> {
        self.sources().find_map(|source| source.why_unknown(image))
    }
}

/// A named selection of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Rules with few false alarms that do not repeat each other.
    Default,
    /// Every rule of the catalogue.
    All,
    /// The controls of the Pod Security Standards' baseline level.
    PodSecurityBaseline,
    /// The controls of the Pod Security Standards' restricted level.
    PodSecurityRestricted,
    /// Rules that the NSA and CISA's hardening guide asks for.
    Nsa,
    /// Rules that the CIS Kubernetes Benchmark asks for.
    Cis,
}

impl FromStr for Profile {
    type Err = SelectionError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Ok(match name {
            "default" => Self::Default,
            "all" => Self::All,
            "pod-security-baseline" => Self::PodSecurityBaseline,
            "pod-security-restricted" => Self::PodSecurityRestricted,
            "nsa" => Self::Nsa,
            "cis" => Self::Cis,
            _ => return Err(SelectionError::Profile(name.to_owned())),
        })
    }
}

/// A name that selects nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// No such profile.
    #[error(
        "unknown profile `{0}`: expected default, all, pod-security-baseline, \
         pod-security-restricted, nsa, cis or kube-linter"
    )]
    Profile(String),
    /// No such rule, with the nearest name there is.
    #[error("unknown rule `{name}`{}", suggestion(.nearest))]
    Rule {
        /// What was asked for.
        name: String,
        /// The rule with the most similar id.
        nearest: Option<&'static str>,
    },
}

fn suggestion(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(
        || "; `k8s-auto-fix rules` lists them".to_owned(),
        |id| format!("; did you mean `{id}`?"),
    )
}

/// Which rules run.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The rules, sorted by id.
    pub rules: Vec<&'static Rule>,
}

impl Selection {
    /// The rules of a profile, or exactly those in `select` when it is not empty, without those
    /// in `ignore`. Names are rule ids, `ALL`, a reference policy id, or another tool's id as
    /// `tool:id`.
    ///
    /// # Errors
    /// When a name selects no rule.
    pub fn new(
        profile: Profile,
        edition: pod_security::Edition,
        select: &[String],
        ignore: &[String],
    ) -> Result<Self, SelectionError> {
        let mut chosen: Vec<&'static Rule> = Vec::new();
        if select.is_empty() {
            chosen = rules_of(profile, edition);
        }
        for name in select {
            chosen.extend(named(name)?);
        }
        for name in ignore {
            let ignored = named(name)?;
            chosen.retain(|rule| !ignored.contains(rule));
        }
        chosen.sort_by_key(|rule| rule.id);
        chosen.dedup();
        Ok(Self { rules: chosen })
    }
}

impl Profile {
    /// The level of the Pod Security Standards that the profile stands for; restricted where it
    /// stands for none.
    pub fn pod_security_level(self) -> pod_security::Level {
        match self {
            Self::PodSecurityBaseline => pod_security::Level::Baseline,
            _ => pod_security::Level::Restricted,
        }
    }
}

fn rules_of(profile: Profile, edition: pod_security::Edition) -> Vec<&'static Rule> {
    let every = rule::all().iter().map(|entry| entry.rule);
    match profile {
        Profile::Default => every.filter(|rule| rule.default).collect(),
        Profile::All => every.collect(),
        Profile::Nsa => every.filter(|rule| is_asked_for(rule, "NSA/CISA")).collect(),
        Profile::Cis => every.filter(|rule| is_asked_for(rule, "CIS ")).collect(),
        Profile::PodSecurityBaseline | Profile::PodSecurityRestricted => {
            let edition = pod_security::Edition { level: profile.pod_security_level(), ..edition };
            pod_security::rules(edition).collect()
        }
    }
}

/// Whether a reference of the rule begins with the name of this guide.
fn is_asked_for(rule: &Rule, guide: &str) -> bool {
    rule.references.iter().any(|reference| reference.starts_with(guide))
}

/// The rules that a name stands for: a rule id, `ALL`, a reference policy id, or another tool's id
/// as `tool:id`.
///
/// # Errors
/// When it stands for none.
pub fn named(name: &str) -> Result<Vec<&'static Rule>, SelectionError> {
    let matches = |entry: &&Entry| {
        let rule = entry.rule;
        name == "ALL"
            || rule.id == name
            || rule.policy_id == Some(name)
            || rule.aliases.contains(&name)
    };
    let found: Vec<_> = rule::all().iter().filter(matches).map(|entry| entry.rule).collect();
    if found.is_empty() {
        return Err(SelectionError::Rule { name: name.to_owned(), nearest: nearest(name) });
    }
    Ok(found)
}

/// The id that shares the most words with the name, if it shares any.
fn nearest(name: &str) -> Option<&'static str> {
    let words = |id: &str| id.split(['-', '_']).map(str::to_lowercase).collect::<Vec<_>>();
    let wanted = words(name);
    rule::all()
        .iter()
        .map(|entry| entry.rule.id)
        .map(|id| {
            let shared = words(id).iter().filter(|word| wanted.contains(word)).count();
            let same_start = id.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
            (shared, same_start, id)
        })
        .filter(|(shared, same_start, _)| *shared > 0 || *same_start > 3)
        .max_by_key(|(shared, same_start, id)| (*shared, *same_start, std::cmp::Reverse(id.len())))
        .map(|(_, _, id)| id)
}
