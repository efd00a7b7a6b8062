//! The ids of checks, in one spelling for each tool.

use record::Severity;

/// A check's id in the spelling that the tool uses now. Trivy's ids have had three forms:
/// `KSV017`, `AVD-KSV-0017` and `KSV-0017`.
pub(crate) fn newest(tool: &str, raw: &str) -> String {
    let raw = raw.trim();
    if tool != "trivy" {
        return raw.to_owned();
    }
    let id = raw.strip_prefix("AVD-").unwrap_or(raw);
    // Checks of workloads, and of the control plane; other names are the user's own.
    let known =
        ["KSV", "KCV"].iter().find_map(|letters| Some((letters, id.strip_prefix(letters)?)));
    let Some((letters, rest)) = known else { return raw.to_owned() };
    let digits = rest.strip_prefix('-').unwrap_or(rest);
    match !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true => format!("{letters}-{digits:0>4}"),
        false => raw.to_owned(),
    }
}

/// The name of a tool, as the aliases of rules use it.
pub(crate) fn tool_name(driver: &str) -> String {
    let name: String = driver
        .trim()
        .chars()
        .map(|c| if c.is_whitespace() || c == '_' { '-' } else { c.to_ascii_lowercase() })
        .collect();
    match name.as_str() {
        "kubelinter" => "kube-linter".to_owned(),
        // Kyverno names the engine: `KyvernoValidatingPolicy`, …
        kyverno if kyverno.starts_with("kyverno") => "kyverno".to_owned(),
        _ => name,
    }
}

/// Whether two ids of a tool name the same check.
pub fn comparable(tool: &str, a: &str, b: &str) -> bool {
    newest(tool, a) == newest(tool, b)
}

/// What the words of tools mean on our scale.
pub(crate) fn severity(word: &str) -> Option<Severity> {
    Some(match word.trim().to_ascii_lowercase().as_str() {
        "critical" => Severity::Critical,
        "high" | "danger" | "error" => Severity::High,
        "medium" | "warning" | "moderate" => Severity::Medium,
        "low" | "info" | "note" | "none" | "negligible" => Severity::Low,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{newest, tool_name};

    #[test]
    fn the_three_forms_of_trivy_ids_are_one() {
        for raw in ["KSV017", "AVD-KSV-0017", "KSV-0017"] {
            assert_eq!(newest("trivy", raw), "KSV-0017");
        }
        assert_eq!(newest("trivy", "AVD-KSV-01010"), "KSV-01010");
        assert_eq!(newest("trivy", "my-own-check"), "my-own-check");
        assert_eq!(newest("trivy", "USER-1"), "USER-1");
        assert_eq!(newest("trivy", ""), "");
        assert_eq!(newest("checkov", "CKV_K8S_16"), "CKV_K8S_16");
    }

    #[test]
    fn drivers_are_called_as_aliases_call_the_tools() {
        assert_eq!(tool_name("Trivy"), "trivy");
        assert_eq!(tool_name("Kube Linter"), "kube-linter");
        assert_eq!(tool_name("KyvernoValidatingPolicy"), "kyverno");
    }
}
