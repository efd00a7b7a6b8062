//! What evidence makes of the remedies; and that it makes nothing of the findings.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use detector::{Corpus, Input, ObjectContext};
use manifest::Limits;
use record::{Applicability, Evidence, Fact, Subject, ValueSource};
use rules::{Edit, Finding, Observed, Remedy, Settings, Written};
use std::collections::BTreeMap;
use std::sync::Arc;

const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn fact(image: &str, fact: Fact) -> Evidence {
    Evidence {
        subject: Subject::Image { reference: rules::image::canonical(image).unwrap() },
        fact,
        source: "registry:example".to_owned(),
        digest: Some(DIGEST.to_owned()),
        time: "2026-01-01T00:00:00Z".to_owned(),
    }
}

/// An image of this user.
fn user(image: &str, user: &str) -> [Evidence; 2] {
    [fact(image, Fact::Digest(DIGEST.to_owned())), fact(image, Fact::User(user.to_owned()))]
}

fn settings(evidence: Vec<Evidence>) -> Settings {
    let unknown = BTreeMap::from([(
        "docker.io/library/gone:latest".to_owned(),
        "registry:docker.io: no such image".to_owned(),
    )]);
    Settings { evidence: vec![Arc::new(Observed::new(evidence, unknown))], ..Settings::default() }
}

/// The findings of a rule on a Pod with this spec.
fn findings(rule: &str, spec: &str, settings: &Settings) -> Vec<Finding> {
    let text = format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {spec}\n");
    let name = || "pod.yaml".to_owned();
    let inputs = vec![Input::parse(name(), name(), text.into_bytes(), &Limits::default())];
    let corpus = Corpus::new(&inputs, ObjectContext::All);
    let rule = rules::by_id(rule).expect("a rule").rule;
    let found = corpus.check(0, &[rule], settings);
    found.into_iter().map(|found| found.finding).collect()
}

/// How each finding may be cured, and what is written or needed.
fn remedies(rule: &str, spec: &str, evidence: Vec<Evidence>) -> Vec<(Applicability, String)> {
    let with = findings(rule, spec, &settings(evidence));
    let without = findings(rule, spec, &Settings::default());
    let same = |finding: &Finding| (finding.path.to_pointer(), finding.message.clone());
    assert_eq!(
        with.iter().map(same).collect::<Vec<_>>(),
        without.iter().map(same).collect::<Vec<_>>(),
        "evidence changed the findings"
    );
    with.iter().map(|finding| (finding.applicability(), what(&finding.remedy))).collect()
}

fn what(remedy: &Remedy) -> String {
    let fix = match remedy {
        Remedy::Advice(needs) => return needs.clone(),
        Remedy::Fix(fix) => fix,
    };
    let edit = |edit: &Edit| match edit {
        Edit::Set { path, value } | Edit::Append { path, value, .. } => {
            let Written { value, source, .. } = value;
            let by = if *source == ValueSource::Evidence { " by evidence" } else { "" };
            format!("{} = {value}{by}", path.to_pointer())
        }
        other => format!("{other:?}"),
    };
    fix.edits.iter().map(edit).collect::<Vec<_>>().join("; ")
}

const SAFE: Applicability = Applicability::Safe;
const UNSAFE: Applicability = Applicability::Unsafe;
const ADVICE: Applicability = Applicability::Advice;

#[test]
fn a_tag_with_a_known_digest_is_pinned_safely() {
    let spec = "{containers: [{name: a, image: nginx}]}";
    let digest = || fact("nginx", Fact::Digest(DIGEST.to_owned()));
    let pinned = format!("/spec/containers/0/image = \"nginx@{DIGEST}\" by evidence");
    let version = format!("/spec/containers/0/image = \"nginx:1.29.3@{DIGEST}\" by evidence");
    for rule in ["latest-tag", "image-not-pinned-digest"] {
        assert_eq!(remedies(rule, spec, vec![digest()]), [(SAFE, pinned.clone())], "{rule}");
        let tag = fact("nginx", Fact::VersionTag("1.29.3".to_owned()));
        assert_eq!(remedies(rule, spec, vec![digest(), tag]), [(SAFE, version.clone())], "{rule}");
        assert_eq!(remedies(rule, spec, Vec::new())[0].0, ADVICE, "{rule}");
        let other = fact("nginx:1", Fact::Digest(DIGEST.to_owned()));
        assert_eq!(remedies(rule, spec, vec![other])[0].0, ADVICE, "{rule}");
    }
    let gone = remedies("latest-tag", "{containers: [{name: a, image: gone}]}", Vec::new());
    assert!(gone[0].1.ends_with("; registry:docker.io: no such image"), "{gone:?}");
}

#[test]
fn the_operators_image_comes_first() {
    let spec = "{containers: [{name: a, image: nginx}]}";
    let mut settings = settings(vec![fact("nginx", Fact::Digest(DIGEST.to_owned()))]);
    let values = serde_json::json!([{ "images": { "nginx": "nginx:1.2" } }]);
    settings.values = serde_json::from_value(values).unwrap();
    let found = findings("latest-tag", spec, &settings);
    assert_eq!(found[0].applicability(), UNSAFE);
    assert_eq!(what(&found[0].remedy), "/spec/containers/0/image = \"nginx:1.2\"");
}

#[test]
fn run_as_non_root_is_safe_when_every_image_has_a_number() {
    const POD: &str = "/spec/securityContext/runAsNonRoot = true";
    let both = "{containers: [{name: a, image: a}, {name: b, image: b}]}";
    let of = |a: &str, b: &str| [user("a", a), user("b", b)].concat();
    for rule in ["run-as-non-root", "pss-run-as-non-root"] {
        let safe = (SAFE, format!("{POD} by evidence"));
        assert_eq!(remedies(rule, both, of("1000", "101:101")), [safe.clone(), safe], "{rule}");
        // One image is not known: the pod's field stays unsafe.
        let open = (UNSAFE, POD.to_owned());
        assert_eq!(remedies(rule, both, user("a", "1000").to_vec()), [open.clone(), open]);
        // One is refused: the others get the field for themselves.
        for refused in ["", "0:0", "root", "nginx", "nginx:1000"] {
            let found = remedies(rule, both, of("1000", refused));
            let own = "/spec/containers/0/securityContext/runAsNonRoot = true by evidence";
            assert_eq!(found[0], (SAFE, own.to_owned()), "{rule} {refused:?}");
            assert_eq!(found[1].0, ADVICE, "{rule} {refused:?}");
            assert!(found[1].1.contains("of b") || found[1].1.contains("b works"), "{found:?}");
        }
    }
}

#[test]
fn init_and_ephemeral_containers_are_covered_too() {
    let spec = "{initContainers: [{name: i, image: b}], containers: [{name: a, image: a}], \
        ephemeralContainers: [{name: e, image: c}]}";
    let known = [user("a", "1"), user("b", "2")].concat();
    let all = [known.clone(), user("c", "3").to_vec()].concat();
    let applicability = |evidence| -> Vec<Applicability> {
        remedies("pss-run-as-non-root", spec, evidence).into_iter().map(|(a, _)| a).collect()
    };
    assert_eq!(applicability(known), [UNSAFE; 3]);
    assert_eq!(applicability(all), [SAFE; 3]);
}

#[test]
fn the_manifests_own_number_stands_above_the_image() {
    let spec = "{securityContext: {runAsUser: 5}, containers: [{name: a, image: a}]}";
    let found = remedies("pss-run-as-non-root", spec, user("a", "root").to_vec());
    assert_eq!(found, [(SAFE, "/spec/securityContext/runAsNonRoot = true".to_owned())]);
    // Root by number, on purpose: unsafe, with the image's number in its place.
    let spec = "{containers: [{name: a, image: a, securityContext: {runAsUser: 0}}]}";
    for rule in ["run-as-non-root", "run-as-user-root"] {
        let found = remedies(rule, spec, user("a", "1000").to_vec());
        let written = "/spec/containers/0/securityContext/runAsUser = 1000 by evidence";
        assert_eq!(found[0].0, UNSAFE, "{rule}");
        assert!(found[0].1.ends_with(written), "{rule}: {found:?}");
    }
}

#[test]
fn a_number_is_written_for_a_pod_only_when_all_its_images_agree() {
    let spec = "{securityContext: {runAsUser: 0}, containers: [{name: a, image: a}, {name: b, \
        image: b}]}";
    let of = |a: &str, b: &str| {
        remedies("run-as-user-root", spec, [user("a", a), user("b", b)].concat())[0].1.clone()
    };
    assert_eq!(of("7", "7:8"), "/spec/securityContext/runAsUser = 7 by evidence");
    for (a, b) in [("7", "8"), ("7", ""), ("7", "name")] {
        assert!(of(a, b).starts_with("Remove"), "{a} {b}");
    }
}

#[test]
fn windows_has_no_user_ids() {
    let spec = "{os: {name: windows}, containers: [{name: a, image: a}]}";
    let found = remedies("pss-run-as-non-root", spec, user("a", "1000").to_vec());
    assert_eq!(found[0].0, UNSAFE);
}

#[test]
fn the_images_own_high_number_is_a_safe_user_id() {
    let spec = "{containers: [{name: a, image: a}]}";
    let written = "/spec/containers/0/securityContext/runAsUser = 65532 by evidence".to_owned();
    let found = remedies("run-as-high-uid", spec, user("a", "65532").to_vec());
    assert_eq!(found, [(SAFE, written.clone())]);
    assert_eq!(remedies("run-as-high-uid", spec, user("a", "101").to_vec())[0].0, ADVICE);
    let spec = "{containers: [{name: a, image: a, securityContext: {runAsUser: 5}}]}";
    let found = remedies("run-as-high-uid", spec, user("a", "65532").to_vec());
    assert_eq!(found, [(UNSAFE, written)]);
}

#[test]
fn an_unknown_port_name_may_stand_for_the_only_exposed_port() {
    let spec = |more: &str| {
        format!(
            "{{containers: [{{name: a, image: a, {more}livenessProbe: {{httpGet: {{port: http}}}}}}]}}"
        )
    };
    let exposes = |ports: &[&str]| {
        let ports = ports.iter().map(|port| (*port).to_owned()).collect();
        vec![fact("a", Fact::Digest(DIGEST.to_owned())), fact("a", Fact::ExposedPorts(ports))]
    };
    let found = remedies("liveness-port", &spec(""), exposes(&["8080/tcp", "53/udp"]));
    let entry = "/spec/containers/0/ports = {\"name\":\"http\",\"containerPort\":8080} by evidence";
    assert_eq!(found, [(UNSAFE, entry.to_owned())]);
    let declared = spec("ports: [{containerPort: 8080}], ");
    let found = remedies("liveness-port", &declared, exposes(&["8080/tcp"]));
    let number = "/spec/containers/0/livenessProbe/httpGet/port = 8080 by evidence";
    assert_eq!(found, [(UNSAFE, number.to_owned())]);
    for ports in [&["80/tcp", "443/tcp"][..], &[], &["53/udp"]] {
        assert_eq!(remedies("liveness-port", &spec(""), exposes(ports))[0].0, ADVICE, "{ports:?}");
    }
}
