use crate::{Entry, Rule};
use std::fmt::Write as _;

/// The page of a rule in Markdown: its facts, the text of its file, and how to silence it.
pub fn page(entry: &Entry) -> String {
    let rule = entry.rule;
    let mut page = format!("# {}\n\n{}.\n\n", rule.id, rule.title);
    let by_default = if rule.default { "yes" } else { "no; select it or use a profile" };
    let mut fact = |name: &str, value: &str| {
        if !value.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(page, "| {name} | {value} |");
        }
    };
    fact("Fact", "Value");
    fact("---", "---");
    fact("severity", rule.severity.as_str());
    fact("on by default", by_default);
    if rule.taste {
        fact("a matter of taste", "fixes of other rules may lead to its findings");
    }
    fact("policy id in records", &format!("`{}`", rule.record_policy_id()));
    fact("asked for by", &rule.references.join(", "));
    fact("in other tools", &code_list(rule.aliases));
    fact("a fix may touch", &code_list(rule.touches));
    page.push('\n');
    for line in entry.page.lines() {
        // The file's own headings stand below the page's title.
        let heading = if line.starts_with('#') { "#" } else { "" };
        let _ = writeln!(page, "{heading}{line}");
    }
    if !rule.parameters.is_empty() {
        page.push_str("\n## What can be set\n\n| Parameter | Meaning | Default |\n|---|---|---|\n");
    }
    for parameter in rule.parameters {
        let default = parameter.default.to_json();
        let _ = writeln!(page, "| `{}` | {} | `{default}` |", parameter.name, parameter.meaning);
    }
    let _ = write!(
        page,
        "\n## How to silence it\n\nAt one place, with a comment on its line or on the line above; \
         above an object or a\ncontainer it covers all of it:\n\n\
         ```yaml\n# k8s-auto-fix: ignore[{id}] reason=why until=YYYY-MM-DD\n```\n\n\
         In one object, with an annotation, as for kube-linter:\n\n\
         ```yaml\nmetadata:\n  annotations:\n    ignore-check.kube-linter.io/{check}: why\n\
         ```\n\nBy path, namespace, kind, name or container, with an entry in the \
         configuration's `ignores`\n(`docs/ignores.md`). Everywhere, with `--ignore {id}`, or \
         with\n\n```yaml\nignore: [{id}]\n```\n\nin `k8s-auto-fix.yaml`.\n",
        id = rule.id,
        check = kube_linter_check(rule)
    );
    page
}

/// What kube-linter calls the rule, where it has it.
fn kube_linter_check(rule: &Rule) -> &'static str {
    let checks = rule.aliases.iter().filter_map(|alias| alias.strip_prefix("kube-linter:"));
    checks.into_iter().next().unwrap_or(rule.id)
}

fn code_list(items: &[&str]) -> String {
    items.iter().map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", ")
}
