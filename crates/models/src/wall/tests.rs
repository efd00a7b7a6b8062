#![allow(clippy::unwrap_used, reason = "a test")]

use super::looks::Looks;
use super::{Refusal, Wall};
use json_patch::PatchOperation;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn wall(object: &Value) -> Wall {
    Wall::around(object, &Looks::new().unwrap(), &BTreeSet::new())
}

fn operations(patch: Value) -> Vec<PatchOperation> {
    serde_json::from_value(patch).unwrap()
}

/// An object of many secrets, and the texts that must not be seen of it.
fn planted() -> (Value, Vec<&'static str>) {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "p",
            "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "{\"password\":\"old-pass-1\"}",
                "note": "ask ghp_abcdefghijklmnopqrstuvwxyz012345 for entry; env is plain-env-7"
            }
        },
        "spec": {"containers": [{
            "name": "c", "image": "nginx:1.29.3",
            "env": [
                {"name": "DB_PASSWORD", "value": "plain-env-7"},
                {"name": "URL", "value": "amqp://user:hidden-8@mq:5672/"},
                {"name": "MODE", "value": "fast"}
            ],
            "args": ["--verbose", "--token", "arg-token-9", "--api-key=arg-key-10"],
            "livenessProbe": {"httpGet": {"port": 80, "httpHeaders": [
                {"name": "Authorization", "value": "Basic cHJvYmU6cHJvYmUtMTE="}
            ]}}
        }]}
    });
    let secrets = vec![
        "old-pass-1",
        "ghp_abc",
        "plain-env-7",
        "hidden-8",
        "arg-token-9",
        "arg-key-10",
        "cHJvYmU6",
    ];
    (pod, secrets)
}

#[test]
fn no_secret_is_in_what_goes_out() {
    let (object, secrets) = planted();
    let wall = wall(&object);
    let text = wall.redacted().to_string();
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} in {text}");
        let body = format!("{{\"content\":\"{secret}\"}}");
        let whole = body.contains("ghp_abc") || body.contains("cHJvYmU6");
        assert!(whole || wall.scan(&body).is_err(), "{secret} would pass the scan");
    }
    assert_eq!(wall.scan(&text), Ok(()));
    assert!(text.contains("fast") && text.contains("nginx:1.29.3"));
    assert!(text.contains("amqp://user:<<secret-"), "only the secret part: {text}");
}

#[test]
fn data_of_secrets_is_hidden_and_known_in_clear_text_too() {
    let object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
        "data": {"a": "aHVudGVyMi1odW50ZXI=", "n": 12345678, "e": ""},
        "stringData": {"conf": "user: app\npassword: in-conf-77\n"}});
    let wall = wall(&object);
    let redacted = wall.redacted();
    assert!(redacted["data"]["a"].as_str().unwrap().starts_with("<<secret-"));
    assert!(redacted["data"]["n"].as_str().unwrap().starts_with("<<secret-"));
    assert_eq!(redacted["data"]["e"], "");
    for text in ["x aHVudGVyMi1odW50ZXI= y", "hunter2-hunter", "in-conf-77", "hunter2%2Dhunter"] {
        assert!(wall.scan(text).is_err(), "{text}");
    }
    assert!(!wall.clean("12345678 is no text", &Looks::new().unwrap()).contains("12345678"));
}

#[test]
fn equal_secrets_have_one_token_and_come_back() {
    let object = json!({"kind": "Secret", "stringData": {"a": "same-1", "b": "same-1", "c": 7}});
    let wall = wall(&object);
    let redacted = wall.redacted().clone();
    assert_eq!(redacted["stringData"]["a"], redacted["stringData"]["b"]);
    let patch = operations(json!([
        {"op": "test", "path": "/stringData/a", "value": redacted["stringData"]["a"]},
        {"op": "replace", "path": "/stringData", "value": redacted["stringData"]},
        {"op": "add", "path": "/immutable", "value": true}
    ]));
    let restored = wall.restore(&patch).unwrap();
    let mut whole = object.clone();
    json_patch::patch(&mut whole, &restored).unwrap();
    assert_eq!(whole["stringData"], object["stringData"]);
    assert_eq!(whole["immutable"], true);
}

#[test]
fn a_secret_goes_nowhere_else() {
    let (object, _) = planted();
    let wall = wall(&object);
    let env = &wall.redacted()["spec"]["containers"][0]["env"];
    let (token, url) = (&env[0]["value"], env[1]["value"].as_str().unwrap());
    let evil = url.replace("mq:5672", "evil.example");
    for patch in [
        json!([{"op": "add", "path": "/metadata/labels", "value": {"x": token}}]),
        json!([{"op": "add", "path": "/spec/containers/0/env/2/value", "value": token}]),
        json!([{"op": "replace", "path": "/spec/containers/0/env/1/value", "value": evil}]),
        json!([{"op": "replace", "path": "/spec/containers/0/env/0/name", "value": "MODE2"}]),
        json!([{"op": "add", "path": "/metadata/labels", "value": {token.as_str().unwrap(): "x"}}]),
        json!([{"op": "add", "path": "/metadata/name", "value": "<<withheld>>"}]),
        json!([{"op": "add", "path": "/metadata/name", "value": "<<secret-99-00000000>>"}]),
        json!([{"op": "remove", "path": "/spec/containers/0/env/0"},
               {"op": "replace", "path": "/spec/containers/0/env/0/value", "value": token}]),
    ] {
        let refused = wall.restore(&operations(patch.clone()));
        assert!(matches!(refused, Err(Refusal::Place(_))), "{patch}: {refused:?}");
    }
    let copy = json!([{"op": "copy", "from": "/spec", "path": "/metadata/x"}]);
    assert_eq!(wall.restore(&operations(copy)), Err(Refusal::Moves));
    let path = json!([{"op": "add", "path": "/metadata/<<secret-1-aa>>", "value": 1}]);
    assert_eq!(wall.restore(&operations(path)), Err(Refusal::Path(1)));
}

#[test]
fn entries_with_secrets_may_be_removed_and_their_neighbours_too() {
    let (object, _) = planted();
    let wall = wall(&object);
    let patch = operations(json!([
        {"op": "remove", "path": "/spec/containers/0/env/2"},
        {"op": "remove", "path": "/spec/containers/0/env/0"},
        {"op": "remove", "path": "/spec/containers/0/args/0"}
    ]));
    assert_eq!(wall.restore(&patch).unwrap(), patch);
}

#[test]
fn text_that_only_looks_like_a_token_is_text() {
    let object = json!({"kind": "Pod", "metadata": {"labels": {"x": "<<secret-1-deadbeef>>"}},
        "spec": {"password": "real-one-1"}});
    let wall = wall(&object);
    assert_eq!(wall.redacted()["metadata"]["labels"]["x"], "<<secret-1-deadbeef>>");
    let same = json!([{"op": "add", "path": "/metadata/labels",
        "value": {"x": "<<secret-1-deadbeef>>", "y": "z"}}]);
    let restored = wall.restore(&operations(same.clone())).unwrap();
    assert_eq!(restored, operations(same));
}

#[test]
fn secrets_of_the_run_are_hidden_everywhere() {
    let object = json!({"kind": "ConfigMap", "data": {"note": "it is run-secret-5 as ever"}});
    let known = super::secrets_of(["run-secret-5".to_owned()]);
    let wall = Wall::around(&object, &Looks::new().unwrap(), &known);
    assert!(!wall.redacted().to_string().contains("run-secret-5"));
    assert!(wall.scan("run-secret-5").is_err());
}
