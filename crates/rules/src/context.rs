use crate::{Finding, Object, Remedy, Rule, Set, Settings, Site};

/// What a check may know besides its subject, and where it reports.
pub struct Context<'s, 'a> {
    /// Parameters and the operator's values.
    pub settings: &'s Settings,
    /// All objects of the inputs.
    pub set: &'s Set<'a>,
    /// The object that is being checked.
    pub object: &'s Object<'a>,
    rule: &'static Rule,
    findings: &'s mut Vec<Finding>,
}

impl<'s, 'a> Context<'s, 'a> {
    pub(crate) fn new(
        settings: &'s Settings,
        set: &'s Set<'a>,
        object: &'s Object<'a>,
        rule: &'static Rule,
        findings: &'s mut Vec<Finding>,
    ) -> Self {
        Self { settings, set, object, rule, findings }
    }

    /// Reports a finding. A fix without edits would cure nothing: a rule that has none to offer
    /// gives advice.
    pub fn report(&mut self, site: Site, message: impl Into<String>, remedy: impl Into<Remedy>) {
        self.findings.push(Finding {
            rule: self.rule,
            path: site.path,
            span: site.span,
            message: message.into(),
            remedy: remedy.into(),
        });
    }
}
