//! What a misconfiguration gives away by itself, and the priors of its fix.

use record::{Applicability, Detection, Severity, canonical_policy_id};

/// Probability that a fix succeeds (0 to 1) and expected seconds until it is in place, by who may
/// apply it.
///
/// A safe fix that passed its gates fails only with the cluster, and nobody has to look at it. An
/// unsafe one waits for somebody to read it. Advice has no fix yet: somebody has to find one. What
/// no rule of ours classed gets the constants of the reference system, 0.9 and 10 s.
pub(crate) fn priors(applicability: Option<Applicability>) -> (f64, f64) {
    match applicability {
        Some(Applicability::Safe) => (0.99, 10.0),
        Some(Applicability::Unsafe) => (0.9, 30.0),
        Some(Applicability::Advice) => (0.5, 600.0),
        None => (0.9, 10.0),
    }
}

/// The base risk of a finding, 0 to 100, from the table of this crate.
///
/// `policy_id` may be any scanner's raw id.
pub fn base_risk(policy_id: &str, severity: Option<Severity>) -> f64 {
    by_policy(&canonical_policy_id(policy_id)).unwrap_or_else(|| by_severity(severity))
}

/// The base risk, and what it is read from.
pub(crate) fn base(detection: &Detection) -> (f64, String) {
    let policy = canonical_policy_id(&detection.policy_id);
    match (by_policy(&policy), detection.severity) {
        (Some(risk), _) => (risk, format!("policy {policy}")),
        (None, Some(severity)) => {
            (by_severity(Some(severity)), format!("severity {}", severity.as_str()))
        }
        (None, None) => (by_severity(None), "its severity is not known".to_owned()),
    }
}

fn by_policy(canonical: &str) -> Option<f64> {
    Some(match canonical {
        "no_privileged" | "drop_capabilities" | "drop_cap_sys_admin" => 85.0,
        "no_host_path" => 80.0,
        "enforce_seccomp" => 75.0,
        "run_as_user" => 72.0,
        "run_as_non_root" => 70.0,
        "no_host_ports" => 65.0,
        "no_latest_tag" => 60.0,
        _ => return None,
    })
}

/// The base risk of a severity.
pub(crate) fn by_severity(severity: Option<Severity>) -> f64 {
    match severity {
        Some(Severity::Critical) => 85.0,
        Some(Severity::High) => 70.0,
        Some(Severity::Medium) | None => 40.0,
        Some(Severity::Low) => 20.0,
    }
}

#[cfg(test)]
mod tests {
    use super::base_risk;
    use record::Severity;

    #[test]
    fn a_policy_outside_the_table_scores_by_its_severity() {
        let by = |severity| base_risk("some-rule", severity);
        assert_eq!(by(None), 40.0);
        assert!(by(Some(Severity::Low)) < by(Some(Severity::Medium)));
        assert!(by(Some(Severity::Medium)) < by(Some(Severity::High)));
        assert!(by(Some(Severity::High)) < by(Some(Severity::Critical)));
    }

    #[test]
    fn every_policy_of_the_table_has_its_value() {
        for (policy, risk) in [
            ("privileged-container", 85.0),
            ("drop-net-raw-capability", 85.0),
            ("cap-sys-admin", 85.0),
            ("docker-sock", 80.0),
            ("enforce_seccomp", 75.0),
            ("run-as-user", 72.0),
            ("run-as-non-root", 70.0),
            ("host-ports", 65.0),
            ("latest-tag", 60.0),
        ] {
            assert_eq!(base_risk(policy, Some(Severity::Low)), risk, "{policy}");
        }
    }
}
