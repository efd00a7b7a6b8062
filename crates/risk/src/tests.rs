//! The formula as a whole.

use crate::report::tests::{DIGEST, trivy};
use crate::testing::with_set;
use crate::{Epss, ImageReport, Images, Kev, PolicyMetrics, Scorer, base_risk, score};
use proptest::prelude::*;
use record::{Applicability, Decision, Detection, RiskScore};
use serde_json::json;

const RAW: &str = r#"{"id":"001","manifest_path":"a.yaml","manifest_yaml":null,
    "policy_id":"Latest-Tag","violation_text":"x"}"#;

fn detection(json: &str) -> Detection {
    record::read_records::<Detection>(&json.replace('\n', "")).unwrap().remove(0)
}

/// A finding of a policy at a place.
fn finding(policy: &str, pointer: &str) -> Detection {
    let mut finding = detection(RAW);
    policy.clone_into(&mut finding.policy_id);
    finding.pointer = Some(pointer.to_owned());
    finding
}

/// The score of a finding in the first object of a text.
fn scored(scorer: &Scorer, text: &str, finding: &Detection) -> RiskScore {
    with_set(text, |set| {
        let circumstances = scorer.circumstances(set, set.object(0));
        scorer.score(finding, Ok(&circumstances))
    })
}

fn value(score: &RiskScore, name: &str) -> f64 {
    score.terms.iter().find(|term| term.name == name).unwrap().value
}

fn reason<'s>(score: &'s RiskScore, name: &str) -> &'s str {
    &score.terms.iter().find(|term| term.name == name).unwrap().reason
}

#[test]
fn the_reference_systems_raw_detections_score_as_they_do_there() {
    let score = score(&detection(RAW));
    assert_eq!(score.id, "001");
    assert_eq!((score.risk, score.probability, score.expected_time), (60.0, 0.9, 10.0));
    assert_eq!((score.wait, score.explore, score.kev), (0.0, 0.0, false));
    assert_eq!((score.remaining, score.decision, score.deadline), (None, None, None));
    assert!(score.terms[1..].iter().all(|term| term.reason.starts_with("unavailable: ")));
}

#[test]
fn a_fix_that_people_have_to_find_is_slower_and_less_likely() {
    let mut advice = detection(RAW);
    advice.applicability = Some(Applicability::Advice);
    let mut safe = advice.clone();
    safe.applicability = Some(Applicability::Safe);
    assert!(score(&advice).probability < score(&safe).probability);
    assert!(score(&advice).expected_time > score(&safe).expected_time);
}

#[test]
fn what_was_measured_of_a_policy_stands_in_place_of_the_priors() {
    let file = json!({"no_latest_tag": {"probability": 0.83, "expected_time": 12.5, "risk": 50}});
    let metrics = PolicyMetrics::parse(file.to_string().as_bytes()).unwrap();
    let scorer = Scorer { metrics, ..Scorer::default() };
    let score = scorer.score(&detection(RAW), Err("x"));
    assert_eq!((score.probability, score.expected_time, score.risk), (0.83, 12.5, 60.0));
}

const SHOP: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers:
      - {name: setup, image: busybox:1}
      containers:
      - {name: web, image: 'nginx:1.29', securityContext: {privileged: true}}
      - {name: again, image: 'nginx:1.29'}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: LoadBalancer, selector: {app: web}}
";

fn shop_scorer() -> Scorer {
    let found = [
        ("CVE-2024-0001", "CRITICAL"),
        ("CVE-2024-0001", "HIGH"),
        ("CVE-2024-0002", "HIGH"),
        ("CVE-2024-0003", "LOW"),
        ("DLA-0001", "UNKNOWN"),
    ];
    let report = trivy("nginx:1.29", Some(DIGEST), &found).to_string();
    let epss = "cve,epss\nCVE-2024-0001,0.5\nCVE-2024-0002,0.02\n";
    let kev = r#"[{"cveID": "CVE-2024-0002", "dueDate": "2025-12-01"},
        {"cveID": "CVE-2024-0001", "dueDate": "2026-01-15"}]"#;
    let settings = json!({"namespaces": [{"match": ["shop"], "criticality": "high"}]});
    Scorer {
        settings: serde_json::from_value(settings).unwrap(),
        epss: Some(Epss::parse(epss.as_bytes()).unwrap()),
        kev: Some(Kev::parse(kev.as_bytes()).unwrap()),
        images: Some(Images::new(vec![ImageReport::parse(report.as_bytes()).unwrap()])),
        metrics: PolicyMetrics::default(),
    }
}

#[test]
fn every_term_of_an_example_is_explained() {
    let pinned = finding("latest-tag", "/spec/template/spec/containers/0/image");
    let score = scored(&shop_scorer(), SHOP, &pinned);
    insta::assert_snapshot!(serde_json::to_string_pretty(&score).unwrap());
    // The same by hand: odds of 60 are 1.5.
    let around = 2.0 * 1.7 * 2.0;
    let odds = 1.5 * around * (1.0 + 2.0 * 0.99);
    assert!((score.risk - 100.0 * odds / (1.0 + odds)).abs() < 0.005, "{}", score.risk);
    let images = 1.0 - (1.0 - 0.99) * (1.0 - 9.0 / 100.0);
    let odds = images / (1.0 - images) * around;
    assert!((score.remaining.unwrap() - 100.0 * odds / (1.0 + odds)).abs() < 0.005);
}

#[test]
fn without_the_catalogue_the_threshold_tells_what_is_likely() {
    let scorer = Scorer { kev: None, ..shop_scorer() };
    let score = scored(&scorer, SHOP, &finding("latest-tag", ""));
    assert_eq!((score.kev, score.deadline), (false, None));
    assert!((value(&score, "exploitation") - (1.0 + 2.0 * 0.51)).abs() < 1e-9);
    assert!(reason(&score, "impact").contains("exploitation likely"));
    let mut calm = scorer.clone();
    calm.settings.likely = 0.6;
    let score = scored(&calm, SHOP, &finding("latest-tag", ""));
    assert!(reason(&score, "impact").contains("exploitation none"));
}

#[test]
fn what_is_not_known_is_said_and_changes_nothing() {
    let known = finding("latest-tag", "");
    let nothing = scored(&Scorer::default(), SHOP, &known);
    assert!(reason(&nothing, "exploitation").starts_with("unavailable: no image report"));
    assert_eq!((value(&nothing, "exploitation"), nothing.remaining), (1.0, None));
    let other = SHOP.replace("nginx:1.29", "nginx:1.30");
    let unknown = scored(&shop_scorer(), &other, &known);
    assert_eq!(reason(&unknown, "exploitation"), "unknown: no report of busybox:1, nginx:1.30");
    assert_eq!((value(&unknown, "exploitation"), unknown.remaining), (1.0, None));
    let no_feed = Scorer { epss: None, kev: None, ..shop_scorer() };
    let severities = scored(&no_feed, SHOP, &known);
    assert!(reason(&severities, "exploitation").starts_with("unavailable: neither"));
    assert_eq!((value(&severities, "exploitation"), value(&severities, "severities")), (1.0, 9.0));
    assert!(severities.remaining.unwrap() > 0.0);
}

#[test]
fn what_the_finding_is_about_counts_in_its_base_only() {
    let scorer = Scorer::default();
    let at = |pointer: &str| scored(&scorer, SHOP, &finding("no_privileged", pointer));
    let itself = at("/spec/template/spec/containers/0/securityContext/privileged");
    assert!((value(&itself, "privileges") - 1.2).abs() < 1e-9, "{itself:?}");
    assert!((value(&at("/spec/template"), "privileges") - 1.7).abs() < 1e-9);
    let service = SHOP.split("---\n").nth(1).unwrap();
    let typed = scored(&scorer, service, &finding("some-rule", "/spec/type"));
    assert_eq!(value(&typed, "exposure"), 1.25);
    assert_eq!(value(&scored(&scorer, service, &finding("some-rule", "/spec")), "exposure"), 2.0);
    // It is open all the same.
    assert!(reason(&typed, "impact").contains("exposure open"), "{typed:?}");
}

#[test]
fn an_object_that_runs_nothing_has_neither_privileges_nor_images() {
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n";
    let score = scored(&Scorer::default(), map, &finding("some-rule", "/data"));
    let names: Vec<&str> = score.terms.iter().map(|term| term.name.as_str()).collect();
    assert_eq!(names, ["base", "criticality", "impact"]);
    assert_eq!((score.risk, score.decision), (40.0, Some(Decision::Track)));
}

#[test]
fn every_kind_of_workload_and_every_container_counts() {
    let scorer = shop_scorer();
    let spec = "{initContainers: [{name: a, image: 'nginx:1.29', restartPolicy: Always}]}";
    let late = "{ephemeralContainers: [{name: a, image: 'nginx:1.29'}]}";
    for (kind, path) in [
        ("Pod", "{spec: SPEC}"),
        ("StatefulSet", "{spec: {template: {spec: SPEC}}}"),
        ("CronJob", "{spec: {jobTemplate: {spec: {template: {spec: SPEC}}}}}"),
    ] {
        for spec in [spec, late] {
            let body = path.replace("SPEC", spec).replacen('{', "", 1);
            let text = format!("{{apiVersion: v1, kind: {kind}, metadata: {{name: a}}, {body}\n");
            assert!(scored(&scorer, &text, &finding("a", "")).kev, "{text}");
            let list = format!("{{apiVersion: v1, kind: List, items: [{}]}}\n", text.trim());
            assert!(scored(&scorer, &list, &finding("a", "")).kev, "{list}");
        }
    }
}

/// A workload, what leads to it, and what is known of its image, each of them more or less bad.
#[derive(Debug, Clone)]
struct Case {
    exposure: usize,
    privileges: Vec<bool>,
    criticality: usize,
    scores: Vec<f64>,
    known: Vec<bool>,
    policy: usize,
}

const PRIVILEGES: [&str; 6] = [
    "hostPID: true",
    "hostIPC: true",
    "volumes: [{name: a, hostPath: {path: /}}]",
    "privileged: true",
    "capabilities: {add: [SYS_ADMIN]}",
    "runAsUser: 0",
];
const POLICIES: [&str; 4] = ["no_privileged", "run_as_non_root", "latest-tag", "some-rule"];

fn case() -> impl Strategy<Value = Case> {
    (
        0..4_usize,
        prop::collection::vec(any::<bool>(), PRIVILEGES.len()),
        0..3_usize,
        prop::collection::vec(0.0..=1.0_f64, 1..6),
        prop::collection::vec(any::<bool>(), 6),
        0..POLICIES.len(),
    )
        .prop_map(|(exposure, privileges, criticality, scores, known, policy)| Case {
            exposure,
            privileges,
            criticality,
            scores,
            known,
            policy,
        })
}

impl Case {
    fn manifests(&self) -> String {
        let held = |range: std::ops::Range<usize>| {
            range.filter(|at| self.privileges[*at]).map(|at| PRIVILEGES[at]).collect::<Vec<_>>()
        };
        let service = ["", "ClusterIP", "NodePort", "LoadBalancer"][self.exposure];
        let service = match service {
            "" => String::new(),
            kind => format!(
                "---\napiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec: {{type: {kind}, \
                 selector: {{app: a}}}}\n"
            ),
        };
        let pod: String = held(0..3).iter().map(|field| format!(", {field}")).collect();
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: a, labels: {{app: a}}}}\nspec: \
             {{containers: [{{name: a, image: nginx, securityContext: {{{}}}}}]{pod}}}\n{service}",
            held(3..6).join(", ")
        )
    }

    fn score(&self) -> RiskScore {
        let id = |at: usize| format!("CVE-2024-{:04}", at + 1);
        let ids: Vec<String> = (0..self.scores.len()).map(id).collect();
        let found: Vec<(&str, &str)> = ids.iter().map(|id| (id.as_str(), "HIGH")).collect();
        let report = trivy("nginx", None, &found).to_string();
        let rows: String =
            ids.iter().zip(&self.scores).map(|(id, score)| format!("{id},{score}\n")).collect();
        let mut known: Vec<&str> =
            ids.iter().zip(&self.known).filter(|(_, k)| **k).map(|(id, _)| id.as_str()).collect();
        known.push("CVE-1999-0001");
        let level = ["low", "normal", "high"][self.criticality];
        let settings = json!({"namespaces": [{"match": ["*"], "criticality": level}]});
        let scorer = Scorer {
            settings: serde_json::from_value(settings).unwrap(),
            epss: Some(Epss::parse(format!("cve,epss\n{rows}").as_bytes()).unwrap()),
            kev: Some(Kev::parse(json!(known).to_string().as_bytes()).unwrap()),
            images: Some(Images::new(vec![ImageReport::parse(report.as_bytes()).unwrap()])),
            metrics: PolicyMetrics::default(),
        };
        scored(&scorer, &self.manifests(), &finding(POLICIES[self.policy], "/metadata"))
    }

    /// The same with one thing worse.
    fn worse(&self, at: usize) -> Self {
        let mut worse = self.clone();
        let at_privilege = at % worse.privileges.len();
        let at_score = at % worse.scores.len();
        match at % 5 {
            0 => worse.exposure = (worse.exposure + 1).min(3),
            1 => worse.privileges[at_privilege] = true,
            2 => worse.criticality = (worse.criticality + 1).min(2),
            3 => worse.scores[at_score] = worse.scores[at_score].midpoint(1.0),
            _ => worse.known[at_score] = true,
        }
        worse
    }
}

proptest! {
    #[test]
    fn scores_stay_within_their_bounds(case in case()) {
        let score = case.score();
        for value in [score.risk, score.remaining.unwrap()] {
            prop_assert!(value.is_finite() && (0.0..=100.0).contains(&value), "{score:?}");
            prop_assert_eq!((value * 100.0).round() / 100.0, value);
        }
        prop_assert!(score.terms.iter().all(|term| term.value.is_finite()));
        if case.criticality > 0 {
            prop_assert!(score.risk >= base_risk(POLICIES[case.policy], None));
        }
    }

    #[test]
    fn nothing_that_gets_worse_lowers_the_risk(case in case(), at in 0..30_usize) {
        let (before, after) = (case.score(), case.worse(at).score());
        prop_assert!(after.risk >= before.risk, "{before:?}\n{after:?}");
        prop_assert!(after.remaining >= before.remaining, "{before:?}\n{after:?}");
        prop_assert!(after.decision >= before.decision, "{before:?}\n{after:?}");
        prop_assert!(after.kev >= before.kev);
    }

    #[test]
    fn any_bytes_are_a_feed_or_a_fault(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for bytes in [bytes.clone(), [&b"cve,epss\n"[..], &bytes].concat(),
            [&b"{\"vulnerabilities\": ["[..], &bytes].concat(), [&[0x1f, 0x8b][..], &bytes].concat()]
        {
            let feed = Epss::parse(&bytes).map_or(0, |feed| feed.len());
            let kev = Kev::parse(&bytes).map_or(0, |kev| kev.len());
            prop_assert!(feed < 400 && kev < 400);
            let _ = PolicyMetrics::parse(&bytes);
            let _ = ImageReport::parse(&bytes);
        }
    }
}
