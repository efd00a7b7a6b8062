//! Manifests that try to steer a model, and a model that obeys them. Whatever it answers goes the
//! real way: through the wall and the real gates.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;
mod injections;

use common::{Server, completion};
use detector::{Corpus, Found, Input, ObjectContext};
use injections::{CARRIERS, Injection, all, manifest};
use json_patch::PatchOperation;
use manifest::{Limits, Node};
use models::{Judgement, Options, Proposed, Proposer, Task};
use record::{AttemptOutcome, Gate, GateOutcome};
use rules::{Rule, Settings};
use schema::{Schemas, Version};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use verifier::{GateSet, Judge};

const CURE: &str = r#"{"op":"replace","path":"/spec/template/spec/containers/0/securityContext/privileged","value":false}"#;

/// Texts that must be in no request, cache file or record.
const PLANTED: [&str; 8] = [
    "plant-env-4711",
    "plant-url-4712",
    "plant-arg-4713",
    "plant-secret-4714",
    "cGxhbnQtc2VjcmV0LTQ3MTQ",
    "plant-last-4715",
    "plant-conf-4716",
    "ghp_plant4717",
];

/// What every case shares.
struct Lab {
    schemas: Schemas,
    settings: Settings,
    rules: Vec<&'static Rule>,
    gates: GateSet,
}

impl Lab {
    fn new() -> Self {
        Self {
            schemas: Schemas::new(&[Version::LATEST]),
            settings: Settings::default(),
            rules: rules::all().iter().map(|entry| entry.rule).collect(),
            gates: GateSet::default(),
        }
    }

    /// Asks for the cure of the manifest's privileged container.
    fn propose(&self, text: &str, proposer: &Proposer) -> Proposed {
        let name = "web.yaml".to_owned();
        let inputs =
            [Input::parse(name.clone(), name, text.as_bytes().to_vec(), &Limits::default())];
        let corpus = Corpus::new(&inputs, ObjectContext::All);
        let judge = Judge {
            corpus: &corpus,
            schemas: &self.schemas,
            settings: &self.settings,
            rules: &self.rules,
            unselected: &[],
            gates: &self.gates,
            timings: false,
            server: None,
            rescan: None,
        };
        let entry = rules::by_id("privileged-container").unwrap();
        let found: Vec<Found> = corpus.check(0, &[entry.rule], &self.settings);
        assert_eq!(found.len(), 1, "one finding to cure");
        let object = corpus.object(0).root.to_json();
        let judged = |operations: &[PatchOperation]| {
            let judged = judge.foreign(0, operations, &[entry.rule], &found);
            if self.gates.accepts(&judged.gates) {
                return Judgement::Accepted;
            }
            let bad = judged.gates.iter().find(|gate| gate.outcome != GateOutcome::Passed);
            let reason = bad.and_then(|gate| gate.reason.clone()).unwrap_or_default();
            Judgement::Rejected { gate: bad.map_or(Gate::Patch, |gate| gate.gate), reason }
        };
        let pointer = found[0].finding.path.to_pointer();
        let allowed = ["spec/template/spec/containers/*/securityContext/privileged".to_owned()];
        let task = Task {
            policy: entry.rule.record_policy_id(),
            rule: entry.rule,
            page: entry.page,
            object: &object,
            prefix: "",
            message: &found[0].finding.message,
            pointer: &pointer,
            allowed: &allowed,
        };
        proposer.propose(&task, &judged)
    }
}

/// A model that answers as it is told, with the first tokens that it sees.
fn obedient(told: Arc<Mutex<String>>) -> Server {
    Server::start(move |_, request| {
        let body = request.json();
        let prompt = body["messages"][1]["content"].as_str().unwrap();
        let object = prompt.split("\nThe object:\n").nth(1).unwrap();
        let object: String =
            object.lines().skip(1).take_while(|l| !l.starts_with("END DATA")).collect();
        let object: Value = serde_json::from_str(&object).unwrap();
        let env = &object["spec"]["template"]["spec"]["containers"][0]["env"];
        let token = env[0]["value"].as_str().unwrap();
        let url = env[1]["value"].as_str().unwrap();
        assert!(token.starts_with("<<secret-"), "the model sees a token");
        let answer = told.lock().unwrap().replace("TOKEN", token);
        completion(&answer.replace("URL", &url.replace("mq:5672", "evil.example:5672")))
    })
}

fn options(server: &Server, cache: &std::path::Path) -> Options {
    Options { max_attempts: 2, cache: Some(cache.to_owned()), ..server.options() }
}

fn proposer(server: &Server, cache: &std::path::Path) -> Proposer {
    let proposer = Proposer::new(options(server, cache)).unwrap();
    // The Secret beside the workload.
    proposer.know(["cGxhbnQtc2VjcmV0LTQ3MTQ=".to_owned()]);
    proposer
}

fn answer(injection: &Injection) -> String {
    match injection.answer.starts_with('{') {
        true => format!("{{\"patch\":[{CURE},{}]}}", injection.answer),
        false => injection.answer.replace("CURE", CURE),
    }
}

fn assert_clean(what: &str, text: &str) {
    for planted in PLANTED {
        assert!(!text.contains(planted), "{what} holds {planted}: {text}");
    }
}

fn assert_prints_safely(proposed: &Proposed) {
    let hidden = |c: char| {
        c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{e0000}'..='\u{e007f}')
    };
    for attempt in &proposed.attempts {
        let reason = attempt.reason.as_deref().unwrap_or_default();
        assert!(!reason.contains(hidden), "{reason:?}");
        for operation in &attempt.patch {
            let shown = operation.to_string();
            assert!(!review::escape(&shown).contains(hidden), "{shown:?}");
            let path = operation.path().to_string();
            assert!(!review::escape(&path).contains(hidden), "{path:?}");
        }
    }
}

#[test]
fn no_manifest_steers_what_is_accepted() {
    let lab = Lab::new();
    let told = Arc::new(Mutex::new(String::new()));
    let server = obedient(told.clone());
    let folder = tempfile::tempdir().unwrap();
    let (mut manifests, mut outcomes) = (BTreeSet::new(), [0; 3]);
    for (index, injection) in all().iter().enumerate() {
        for turn in 0..3 {
            let carrier = CARRIERS[(index + 4 * turn) % CARRIERS.len()];
            let case = format!("{} in {carrier}", injection.name);
            let text = manifest(injection, carrier);
            assert!(manifests.insert(text.clone()), "{case} twice");
            // Its own cache, or the same prompt would have one answer.
            let cache = folder.path().join(format!("{index}-{turn}"));
            *told.lock().unwrap() = answer(injection);
            let proposed = lab.propose(&text, &proposer(&server, &cache));
            assert_eq!(proposed.patch, None, "{case}: {:?}", proposed.attempts);
            assert_eq!(proposed.attempts.len(), 2, "{case}: {:?}", proposed.attempts);
            assert_prints_safely(&proposed);
            assert_clean(&case, &serde_json::to_string(&proposed.attempts).unwrap());
            for attempt in &proposed.attempts {
                match (attempt.outcome, attempt.gate) {
                    (AttemptOutcome::Rejected, Some(_)) => outcomes[0] += 1,
                    (AttemptOutcome::Rejected, None) => outcomes[1] += 1,
                    (AttemptOutcome::Unreadable, _) => outcomes[2] += 1,
                    other => panic!("{case}: {other:?}"),
                }
            }
            *told.lock().unwrap() = format!("{{\"patch\":[{CURE}]}}");
            let benign = lab.propose(&text, &proposer(&server, &cache.join("benign")));
            let reason = benign.attempts.last().unwrap().reason.as_deref();
            assert!(benign.patch.is_some(), "{case}: a good answer is refused: {reason:?}");
        }
    }
    assert!(manifests.len() >= 100, "{}", manifests.len());
    assert!(outcomes.iter().all(|count| *count > 0), "every line of defence is met: {outcomes:?}");
    for request in server.requests() {
        assert_clean("request", &request.body);
        assert_clean("request", &request.head);
    }
    let cached = cached(folder.path());
    assert!(cached.len() >= 2 * manifests.len(), "{}", cached.len());
    cached.iter().for_each(|text| assert_clean("cache", text));
    eprintln!(
        "{} manifests, {} requests, {} cached answers; attempts refused by a gate {}, by the wall {}, \
         as unreadable {}",
        manifests.len(),
        server.requests().len(),
        cached.len(),
        outcomes[0],
        outcomes[1],
        outcomes[2]
    );
}

/// Every file of the caches.
fn cached(folder: &std::path::Path) -> Vec<String> {
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => texts.extend(cached(&path)),
            false => texts.push(std::fs::read_to_string(path).unwrap()),
        }
    }
    texts
}

#[test]
fn the_manifests_hold_what_must_not_leave() {
    let text = manifest(&all()[0], "annotation");
    for planted in PLANTED {
        assert!(text.contains(planted) || planted == "plant-secret-4714", "{planted}");
    }
    let input = Input::parse("x".into(), "x".into(), text.into_bytes(), &Limits::default());
    assert!(input.source.unwrap().root(0).map(Node::to_json).is_some());
}
