//! How much risk a finding is, how likely its fix succeeds, and how long that takes.
//!
//! Nothing here is measured yet: the risk is a table over policies and severities, the other two
//! are priors by who may apply the fix. Feeds of exploited vulnerabilities will add to the risk.
//!
//! | policy | base risk |
//! | --- | --- |
//! | `no_privileged`, `drop_capabilities`, `drop_cap_sys_admin` | 85 |
//! | `no_host_path` | 80 |
//! | `enforce_seccomp` | 75 |
//! | `run_as_user` | 72 |
//! | `run_as_non_root` | 70 |
//! | `no_host_ports` | 65 |
//! | `no_latest_tag` | 60 |
//! | any other, severity critical, high, medium, low | 85, 70, 40, 20 |
//! | any other without a severity | 40 |
//!
//! The policies and their values, and the 40 for what is unknown, are the reference system's, so
//! that its files rank here as they do there. Probability and expected time:
//!
//! | who may apply the fix | probability | expected seconds |
//! | --- | --- | --- |
//! | safe | 0.99 | 10 |
//! | unsafe | 0.9 | 30 |
//! | advice | 0.5 | 600 |
//! | not said | 0.9 | 10 |

use record::{Applicability, Detection, RiskScore, Severity, canonical_policy_id};

/// Probability that a fix succeeds (0 to 1) and expected seconds until it is in place, by who may
/// apply it.
///
/// A safe fix that passed its gates fails only with the cluster, and nobody has to look at it. An
/// unsafe one waits for somebody to read it. Advice has no fix yet: somebody has to find one. What
/// no rule of ours classed gets the constants of the reference system, 0.9 and 10 s.
fn priors(applicability: Option<Applicability>) -> (f64, f64) {
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
    match canonical_policy_id(policy_id).as_str() {
        "no_privileged" | "drop_capabilities" | "drop_cap_sys_admin" => 85.0,
        "no_host_path" => 80.0,
        "enforce_seccomp" => 75.0,
        "run_as_user" => 72.0,
        "run_as_non_root" => 70.0,
        "no_host_ports" => 65.0,
        "no_latest_tag" => 60.0,
        _ => by_severity(severity),
    }
}

fn by_severity(severity: Option<Severity>) -> f64 {
    match severity {
        Some(Severity::Critical) => 85.0,
        Some(Severity::High) => 70.0,
        Some(Severity::Medium) | None => 40.0,
        Some(Severity::Low) => 20.0,
    }
}

/// What the scheduler needs to know about a finding. Waiting time, exploitation and exploration
/// are zero: the queue knows the first, feeds the second, and the scheduler the third.
pub fn score(detection: &Detection) -> RiskScore {
    let (probability, expected_time) = priors(detection.applicability);
    RiskScore {
        id: detection.id.clone(),
        risk: base_risk(&detection.policy_id, detection.severity),
        probability,
        expected_time,
        wait: 0.0,
        kev: false,
        explore: 0.0,
        remaining: None,
        terms: Vec::new(),
        decision: None,
        deadline: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detection(json: &str) -> Detection {
        record::read_records::<Detection>(json).unwrap().remove(0)
    }

    const RAW: &str = r#"{"id":"001","manifest_path":"a.yaml","manifest_yaml":null,
        "policy_id":"Latest-Tag","violation_text":"x"}"#;

    #[test]
    fn the_reference_systems_raw_detections_score_as_they_do_there() {
        let score = score(&detection(&RAW.replace('\n', "")));
        assert_eq!(score.id, "001");
        assert_eq!((score.risk, score.probability, score.expected_time), (60.0, 0.9, 10.0));
        assert_eq!((score.wait, score.explore, score.kev), (0.0, 0.0, false));
    }

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

    #[test]
    fn a_fix_that_people_have_to_find_is_slower_and_less_likely() {
        let mut advice = detection(&RAW.replace('\n', ""));
        advice.applicability = Some(Applicability::Advice);
        let mut safe = advice.clone();
        safe.applicability = Some(Applicability::Safe);
        assert!(score(&advice).probability < score(&safe).probability);
        assert!(score(&advice).expected_time > score(&safe).expected_time);
    }
}
