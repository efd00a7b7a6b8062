use crate::{Check, Context, Finding, Object, Rule, Set, Settings};

/// Runs the selected rules on one object. Findings come in the order of the rules, then in the
/// order of the object's text.
pub fn check_object<'a>(
    object: &Object<'a>,
    set: &Set<'a>,
    rules: &[&'static Rule],
    settings: &Settings,
) -> Vec<Finding> {
    // A workload has some; a list that grows is moved again and again.
    let mut findings = Vec::with_capacity(if object.pod.is_some() { rules.len() / 4 } else { 0 });
    for rule in rules {
        check_rule(rule, object, set, settings, &mut findings);
    }
    findings
}

fn check_rule<'a>(
    rule: &'static Rule,
    object: &Object<'a>,
    set: &Set<'a>,
    settings: &Settings,
    findings: &mut Vec<Finding>,
) {
    let mut context = Context::new(settings, set, object, rule, findings);
    match (rule.check, &object.pod) {
        (Check::Object(check), _) => check(object, &mut context),
        (Check::Pod(check), Some(pod)) => check(pod, &mut context),
        (Check::Container(check), Some(pod)) => {
            for container in &pod.containers {
                check(pod, container, &mut context);
            }
        }
        (_, None) => {}
    }
}
