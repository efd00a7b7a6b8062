use rules::{Finding, Rule, SelectionError};
use serde::Deserialize;

/// What an ignore says it is about: an id of ours, a policy id, another tool's id as `tool:id`, or
/// `*` for everything.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct RuleName {
    /// As written.
    pub(crate) text: String,
    all: bool,
    /// The rules that the name stands for; none for a check that no rule here corresponds to.
    pub(crate) rules: Vec<&'static Rule>,
}

impl RuleName {
    /// Reads a name.
    ///
    /// # Errors
    /// When it names nothing.
    pub(crate) fn parse(text: &str) -> Result<Self, SelectionError> {
        let all = text == "*" || text == "ALL";
        let rules = match rules::named(if all { "ALL" } else { text }) {
            Ok(rules) => rules,
            // Tools have checks that no rule here corresponds to, and their findings can be read.
            Err(_) if is_of_known_tool(text) => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { text: text.to_owned(), all, rules })
    }

    /// The name of a kube-linter check: its id there, else a rule id here.
    pub(crate) fn of_kube_linter(check: &str) -> Result<Self, SelectionError> {
        let named = |name: &str| rules::named(name).map(|rules| (name.to_owned(), rules));
        let (text, rules) = named(&format!("kube-linter:{check}")).or_else(|_| named(check))?;
        Ok(Self { text, all: false, rules })
    }

    pub(crate) fn covers(&self, finding: &Finding) -> bool {
        let is_reported_as = |text: &str| {
            finding.reported.as_ref().is_some_and(|by| {
                text.split_once(':').is_some_and(|(tool, id)| by.tool == tool && by.id == id)
            })
        };
        self.all || self.rules.contains(&finding.rule) || is_reported_as(&self.text)
    }

    /// The tool whose findings alone the name is about, when no rule here corresponds to it.
    pub(crate) fn foreign_tool(&self) -> Option<&str> {
        let tool = self.text.split_once(':').map(|(tool, _)| tool);
        tool.filter(|_| self.rules.is_empty())
    }
}

impl TryFrom<String> for RuleName {
    type Error = SelectionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

/// Whether the text is an id of a tool that rules here have aliases of.
fn is_of_known_tool(text: &str) -> bool {
    let Some((tool, _)) = text.split_once(':').filter(|(_, id)| !id.is_empty()) else {
        return false;
    };
    let of_tool = |alias: &str| alias.strip_prefix(tool).is_some_and(|rest| rest.starts_with(':'));
    rules::all().iter().flat_map(|entry| entry.rule.aliases).any(|alias| of_tool(alias))
}

#[cfg(test)]
mod tests {
    use super::RuleName;

    #[test]
    fn names_are_those_of_everywhere() {
        let ids = |name: &str| {
            let name = RuleName::parse(name).unwrap();
            name.rules.iter().map(|rule| rule.id).collect::<Vec<_>>()
        };
        assert_eq!(ids("host-network"), ["host-network"]);
        assert_eq!(ids("kube-linter:host-network"), ["host-network"]);
        assert_eq!(ids("no_latest_tag"), ["latest-tag"]);
        assert_eq!(ids("*").len(), rules::all().len());
        assert!(ids("trivy:KSV-9999").is_empty());
        for wrong in ["host-netwrk", "", "nobody:x", "trivy:"] {
            RuleName::parse(wrong).unwrap_err();
        }
    }

    #[test]
    fn checks_of_kube_linter_need_no_prefix() {
        let id = |check: &str| RuleName::of_kube_linter(check).unwrap().rules[0].id;
        assert_eq!(id("privileged-container"), "privileged-container");
        RuleName::of_kube_linter("no-such-check").unwrap_err();
    }
}
