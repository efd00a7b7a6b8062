use super::*;
use std::sync::Mutex;

/// Answers by a function, and remembers what it was asked to apply.
struct Scripted<F> {
    answer: F,
    asked: Mutex<Vec<Value>>,
}

impl<F: Fn(&Value) -> Answer + Sync> ApiServer for Scripted<F> {
    fn apply(&self, object: &Value) -> Answer {
        self.asked.lock().unwrap().push(object.clone());
        (self.answer)(object)
    }

    fn create_pod(&self, pod: &Value) -> Answer {
        (self.answer)(pod)
    }

    fn complete_pod(&self, pod: &Value) -> Answer {
        (self.answer)(pod)
    }
}

fn server<F: Fn(&Value) -> Answer + Sync>(answer: F) -> Scripted<F> {
    Scripted { answer, asked: Mutex::default() }
}

fn taken(object: &Value) -> Answer {
    let mut object = object.clone();
    let number = u64::from(object.to_string().len() as u32);
    object["metadata"]["uid"] = format!("uid-{number}").into();
    object["metadata"]["resourceVersion"] = number.into();
    object["spec"]["selector"]["uid"] = format!("uid-{number}").into();
    object["spec"]["defaulted"] = true.into();
    Answer::Accepted(Box::new(object))
}

fn refusal(kind: Refused, complaints: &[&str]) -> Answer {
    Answer::Refused(Refusal {
        kind,
        message: complaints.join("; "),
        complaints: complaints.iter().map(ToString::to_string).collect(),
        policy: None,
    })
}

fn subject<'a>(kind: &'a str, pod: Option<&'static [&'static str]>) -> Subject<'a> {
    Subject { position: 0, kind, pod }
}

fn config_map(value: &str) -> Value {
    json!({"kind": "ConfigMap", "metadata": {"name": "a"}, "spec": {"value": value}})
}

fn judged(answer: impl Fn(&Value) -> Answer + Sync) -> (GateOutcome, Option<Cause>, usize) {
    let server = server(answer);
    let result = Trials::new(&server, 1).judge(
        &subject("ConfigMap", None),
        &config_map("before"),
        &config_map("after"),
    );
    let asked = server.asked.lock().unwrap().len();
    (result.outcome, result.server.unwrap().cause, asked)
}

fn is_before(object: &Value) -> bool {
    object["spec"]["value"] == "before"
}

#[test]
fn a_refusal_is_the_patchs_only_when_the_object_was_taken_before() {
    let invalid = |object: &Value| match is_before(object) {
        true => taken(object),
        false => refusal(Refused::Invalid, &["spec.value: bad"]),
    };
    assert_eq!(judged(invalid), (GateOutcome::Failed, Some(Cause::PatchRejected), 2));
    let both = |_: &Value| refusal(Refused::Invalid, &["spec.other: bad"]);
    assert_eq!(judged(both), (GateOutcome::Unavailable, Some(Cause::RejectedBefore), 2));
    let more = |object: &Value| match is_before(object) {
        true => refusal(Refused::Invalid, &["spec.other: bad"]),
        false => refusal(Refused::Invalid, &["spec.other: bad", "spec.value: bad"]),
    };
    assert_eq!(judged(more), (GateOutcome::Failed, Some(Cause::PatchRejected), 2));
    let cured = |object: &Value| match is_before(object) {
        true => refusal(Refused::UnknownKind, &[]),
        false => taken(object),
    };
    assert_eq!(judged(cured), (GateOutcome::Passed, None, 2));
}

#[test]
fn what_is_not_there_is_unavailable_unless_the_patch_took_it_away() {
    for (refused, cause) in [
        (Refused::UnknownKind, Cause::UnknownKind),
        (Refused::MissingCrd, Cause::MissingCrd),
        (Refused::MissingNamespace, Cause::MissingNamespace),
    ] {
        let both = move |_: &Value| refusal(refused, &[]);
        assert_eq!(judged(both), (GateOutcome::Unavailable, Some(cause), 2));
        let patched = move |object: &Value| match is_before(object) {
            true => taken(object),
            false => refusal(refused, &[]),
        };
        assert_eq!(judged(patched), (GateOutcome::Failed, Some(cause), 2));
    }
}

#[test]
fn a_server_that_does_not_judge_is_never_a_pass_and_is_not_asked_twice() {
    for (refused, cause) in [
        (Refused::NoAnswer, Cause::NoAnswer),
        (Refused::Unauthorized, Cause::Unauthorized),
        (Refused::Forbidden, Cause::Forbidden),
        (Refused::Webhook, Cause::WebhookFailed),
        (Refused::Conflict, Cause::Conflict),
    ] {
        let answer = move |_: &Value| refusal(refused, &[]);
        assert_eq!(judged(answer), (GateOutcome::Unavailable, Some(cause), 1));
    }
    let gone = |object: &Value| match is_before(object) {
        true => refusal(Refused::NoAnswer, &[]),
        false => refusal(Refused::Invalid, &["spec.value: bad"]),
    };
    assert_eq!(judged(gone), (GateOutcome::Unavailable, Some(Cause::NoAnswer), 2));
}

#[test]
fn the_object_without_a_patch_is_tried_once() {
    let server = server(taken);
    let trials = Trials::new(&server, 1);
    for value in ["one", "two", "three"] {
        trials.judge(&subject("ConfigMap", None), &config_map("before"), &config_map(value));
    }
    assert_eq!(server.asked.lock().unwrap().len(), 4);
}

fn workload(kind: &str, replicas: u32, image: &str) -> Value {
    json!({
        "kind": kind,
        "metadata": {"name": "a"},
        "spec": {
            "replicas": replicas,
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"image": image}},
        },
    })
}

fn effect(kind: &str, after: &Value) -> Option<Effect> {
    let server = server(taken);
    let subject = subject(kind, Some(&["spec", "template", "spec"]));
    let result = Trials::new(&server, 1).judge(&subject, &workload(kind, 1, "a"), after);
    assert_eq!(result.outcome, GateOutcome::Passed);
    result.server.unwrap().effect
}

#[test]
fn what_changes_of_what_runs_is_seen_in_what_would_be_stored() {
    let same = |kind: &str| effect(kind, &workload(kind, 1, "a"));
    assert_eq!(same("Deployment"), Some(Effect::Unchanged));
    let defaulted = &mut workload("Deployment", 1, "a");
    defaulted["spec"]["defaulted"] = true.into();
    assert_eq!(effect("Deployment", defaulted), Some(Effect::Unchanged));
    let scaled = workload("Deployment", 2, "a");
    assert_eq!(effect("Deployment", &scaled), Some(Effect::NoRestart));
    for (kind, expected) in [
        ("Deployment", Effect::Restart),
        ("ReplicaSet", Effect::NextPods),
        ("Job", Effect::Recreate),
    ] {
        assert_eq!(effect(kind, &workload(kind, 1, "b")), Some(expected), "{kind}");
    }
    let on_delete = &mut workload("DaemonSet", 1, "b");
    on_delete["spec"]["updateStrategy"] = json!({"type": "OnDelete"});
    assert_eq!(effect("DaemonSet", on_delete), Some(Effect::NextPods));
}

#[test]
fn a_new_template_may_make_the_same_pods() {
    let server = server(|object: &Value| {
        let mut object = object.clone();
        if object["kind"] == "Pod" && object["spec"]["requests"].is_null() {
            object["spec"]["requests"] = object["spec"]["limits"].clone();
        }
        object["spec"]["node"] = "kube-api-access-xyz".into();
        Answer::Accepted(Box::new(object))
    });
    let subject = subject("Deployment", Some(&["spec", "template", "spec"]));
    let of = |spec: Value| json!({"kind": "Deployment", "spec": {"template": {"spec": spec}}});
    let before = of(json!({"limits": 1}));
    let trials = Trials::new(&server, 1);
    let change = |spec| trials.change(&subject, &before, &of(spec));
    let expected = |same| Change { effect: Some(Effect::Restart), same_pods: Some(same) };
    assert_eq!(change(json!({"limits": 1, "requests": 1})), expected(true));
    assert_eq!(change(json!({"limits": 1, "requests": 2})), expected(false));
}

#[test]
fn addresses_that_the_server_chose_do_not_count() {
    let chosen = Mutex::new(0);
    let server = server(|object: &Value| {
        let mut object = object.clone();
        *chosen.lock().unwrap() += 1;
        object["spec"]["clusterIP"] = format!("10.0.0.{}", chosen.lock().unwrap()).into();
        object["spec"]["ports"][0]["nodePort"] = (*chosen.lock().unwrap()).into();
        Answer::Accepted(Box::new(object))
    });
    let service =
        |port: u32| json!({"kind": "Service", "metadata": {}, "spec": {"ports": [{"port": port}]}});
    let trials = Trials::new(&server, 1);
    let effect =
        |port| trials.change(&subject("Service", None), &service(1), &service(port)).effect;
    assert_eq!(effect(1), Some(Effect::Unchanged));
    assert_eq!(effect(2), Some(Effect::NoRestart));
}

#[test]
fn pods_may_be_denied_for_what_was_there_before_and_for_nothing_new() {
    let subject = subject("Deployment", Some(&["spec", "template", "spec"]));
    let judge = |after: &str| {
        let server = server(|object: &Value| match &object["kind"] == "Pod" {
            true => match object["spec"]["image"].as_str() {
                Some("good") => taken(object),
                Some(text) => refusal(Refused::Denied, &text.split(',').collect::<Vec<_>>()),
                None => panic!("a pod has an image here"),
            },
            false => taken(object),
        });
        let before = workload("Deployment", 1, "a,b");
        let result =
            Trials::new(&server, 1).judge(&subject, &before, &workload("Deployment", 1, after));
        (result.outcome, *result.server.unwrap())
    };
    let (outcome, report) = judge("b");
    assert_eq!(outcome, GateOutcome::Passed);
    assert_eq!((report.pods_denied_before.len(), report.pods_denied_after), (2, vec!["b".into()]));
    let (outcome, report) = judge("good");
    assert_eq!((outcome, report.pods_denied_after.len()), (GateOutcome::Passed, 0));
    let (outcome, report) = judge("b,c");
    assert_eq!((outcome, report.cause), (GateOutcome::Failed, Some(Cause::AdmissionDenied)));
}

#[test]
fn a_complaint_is_known_by_its_control_or_field_and_not_by_its_words() {
    let before = [
        r#"privileged (containers "a", "b" must not set privileged=true)"#.to_owned(),
        r#"spec.labels: Invalid value: {"a":"b"}: does not match"#.to_owned(),
        "spec.image: Required value".to_owned(),
    ];
    for known in [
        r#"privileged (container "b" must not set privileged=true)"#,
        r#"spec.labels: Invalid value: {"a":"c"}: does not match"#,
        "spec.image: Required value",
    ] {
        assert!(is_known(&before, known), "{known}");
    }
    for new in [
        r#"privileged (containers "a", "c" must not set privileged=true)"#,
        r#"hostPort (container "a" uses hostPort 80)"#,
        r#"spec.image: Invalid value: "x": bad"#,
        "spec.name: Required value",
    ] {
        assert!(!is_known(&before, new), "{new}");
    }
}
