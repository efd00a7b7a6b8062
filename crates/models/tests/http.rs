//! The way to a model over real HTTP, with servers that behave and servers that do not.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{Reply, Request, Server, completion, response, stream_of};
use json_patch::PatchOperation;
use models::{Backend, Error, Judgement, Options, Proposed, Proposer, Structured, Task};
use record::{AttemptOutcome, Gate};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const PATCH: &str = r#"{"patch":[{"op":"replace","path":"/spec/hostPID","value":false}]}"#;
/// A variable that cargo sets for every test, and what it holds.
const VARIABLE: &str = "CARGO_PKG_DESCRIPTION";
const KEY: &str = env!("CARGO_PKG_DESCRIPTION");

fn object() -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"hostPID": true}})
}

fn with_task<T>(prefix: &str, object: &Value, run: impl FnOnce(&Task<'_>) -> T) -> T {
    let entry = rules::by_id("host-pid").unwrap();
    run(&Task {
        policy: "no_host_pid",
        rule: entry.rule,
        page: entry.page,
        object,
        prefix,
        message: "the pod sees the host's processes",
        pointer: "/spec/hostPID",
        allowed: &["spec/hostPID".to_owned()],
    })
}

fn accept(_: &[PatchOperation]) -> Judgement {
    Judgement::Accepted
}

fn propose(options: Options) -> Proposed {
    let proposer = Proposer::new(options).unwrap();
    with_task("", &object(), |task| proposer.propose(task, &accept))
}

fn outcomes(proposed: &Proposed) -> Vec<AttemptOutcome> {
    proposed.attempts.iter().map(|attempt| attempt.outcome).collect()
}

/// The reason of the first attempt.
fn reason(proposed: &Proposed) -> &str {
    proposed.attempts[0].reason.as_deref().unwrap()
}

/// Answers with each reply in turn, then with a good one.
fn replies(count: usize, bad: impl Fn() -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |number, _| if number < count { bad() } else { completion(PATCH) })
}

#[test]
fn one_answer_is_enough() {
    let server = Server::start(|_, _| completion(PATCH));
    let mut options = server.options();
    options.backend.api_key_env = Some(VARIABLE.to_owned());
    options.backend.max_tokens = Some(77);
    options.backend.prompt_price = Some(1.0);
    options.backend.completion_price = Some(10.0);
    let proposer = Proposer::new(options).unwrap();
    let proposed = with_task("", &object(), |task| proposer.propose(task, &accept));
    assert_eq!(outcomes(&proposed), [AttemptOutcome::Accepted]);
    assert_eq!(proposed.patch.unwrap()[0].path().as_str(), "/spec/hostPID");
    let usage = proposed.attempts[0].usage.unwrap();
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (100, 10));
    assert_eq!(usage.cost, Some(0.0002));
    assert_eq!(proposer.totals().requests, 1);
    assert_eq!(proposer.totals().cost, Some(0.0002));
    let request = &server.requests()[0];
    assert!(request.head.starts_with("POST /v1/chat/completions HTTP/1.1"));
    assert!(request.head.contains(&format!("authorization: Bearer {KEY}")), "{}", request.head);
    let body = request.json();
    assert_eq!((&body["model"], &body["seed"]), (&json!("tiny"), &json!(1337)));
    assert_eq!((&body["temperature"], &body["max_tokens"]), (&json!(0.0), &json!(77)));
    assert_eq!(body["response_format"]["type"], "json_schema");
    assert!(body.get("tools").is_none() && body.get("functions").is_none());
}

#[test]
fn a_header_and_scheme_of_the_configuration_are_used() {
    let server = Server::start(|_, _| completion(PATCH));
    let mut options = server.options();
    options.backend = Backend {
        api_key_env: Some(VARIABLE.to_owned()),
        auth_header: Some("api-key".to_owned()),
        auth_scheme: Some(String::new()),
        ..options.backend
    };
    propose(options);
    assert!(server.requests()[0].head.contains(&format!("api-key: {KEY}\r\n")));
}

#[test]
fn streams_are_read_whether_asked_for_or_not() {
    for (asked, streamed) in [(true, true), (false, true), (true, false)] {
        let server = Server::start(move |_, _| match streamed {
            true => {
                let body = format!("{}data: [DONE]\n\n", stream_of(PATCH));
                response("200 OK", "content-type: text/event-stream\r\n", body.as_bytes())
            }
            false => completion(PATCH),
        });
        let mut options = server.options();
        options.backend.stream = asked;
        let proposed = propose(options);
        assert_eq!(outcomes(&proposed), [AttemptOutcome::Accepted], "{asked} {streamed}");
        assert_eq!(proposed.attempts[0].usage.unwrap().prompt_tokens, 100);
        assert_eq!(server.requests()[0].json()["stream"], asked);
    }
}

#[test]
fn a_wrong_key_is_not_tried_again_and_not_repeated() {
    let server = Server::start(|_, _| {
        let body = json!({"error": {"message": format!("bad key: {KEY}")}}).to_string();
        response("401 Unauthorized", "", body.as_bytes())
    });
    let mut options = server.options();
    options.retries = 3;
    options.backend.api_key_env = Some(VARIABLE.to_owned());
    let proposed = propose(options);
    assert_eq!(outcomes(&proposed), [AttemptOutcome::NoAnswer]);
    assert!(reason(&proposed).contains("401 Unauthorized: bad key"), "{}", reason(&proposed));
    assert!(!reason(&proposed).contains(KEY));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn busy_servers_are_asked_again() {
    for status in ["429 Too Many Requests", "500 Internal Server Error", "503 X", "408 Slow"] {
        let server = replies(2, move || response(status, "retry-after: 0\r\n", b"later"));
        let mut options = server.options();
        options.retries = 2;
        assert_eq!(outcomes(&propose(options)), [AttemptOutcome::Accepted], "{status}");
        assert_eq!(server.requests().len(), 3);
    }
}

#[test]
fn what_cannot_succeed_is_not_asked_again() {
    for status in ["400 Bad Request", "403 Forbidden", "404 Not Found", "302 Found"] {
        let server = replies(9, move || response(status, "location: http://127.0.0.1:1/\r\n", b""));
        let mut options = server.options();
        options.retries = 3;
        let proposed = propose(options);
        assert_eq!(outcomes(&proposed), [AttemptOutcome::NoAnswer], "{status}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn a_dead_server_is_left_alone_for_the_rest_of_the_run() {
    let server = replies(99, || response("500 Dead", "retry-after: 0\r\n", b"\x1b[2J"));
    let mut options = server.options();
    options.retries = 1;
    options.max_attempts = 3;
    let proposer = Proposer::new(options).unwrap();
    for _ in 0..6 {
        let proposed = with_task("", &object(), |task| proposer.propose(task, &accept));
        assert_eq!(outcomes(&proposed), [AttemptOutcome::NoAnswer]);
        assert!(!reason(&proposed).contains('\u{1b}'));
    }
    assert_eq!(server.requests().len(), 6, "three items, each asked twice");
}

#[test]
fn slow_servers_are_not_waited_for() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{";
    for bytes in ["", half] {
        let server = Server::start(move |_, _| Reply::Hang(bytes.as_bytes().to_vec()));
        let mut options = server.options();
        options.timeout = Duration::from_millis(200);
        let proposed = propose(options);
        assert_eq!(outcomes(&proposed), [AttemptOutcome::NoAnswer]);
        assert!(reason(&proposed).contains("no answer within 200ms"), "{}", reason(&proposed));
    }
}

#[test]
fn cut_connections_are_tried_again() {
    let whole = "HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{\"choices\":[";
    let part = stream_of(PATCH);
    let stream = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", &part[..part.len() / 3]);
    for bytes in ["", "HTTP/1.1 200", whole, stream.as_str()] {
        let bytes = bytes.as_bytes().to_vec();
        let server = replies(1, move || Reply::Bytes(bytes.clone()));
        let mut options = server.options();
        options.retries = 1;
        assert_eq!(outcomes(&propose(options)), [AttemptOutcome::Accepted]);
        assert_eq!(server.requests().len(), 2);
    }
}

#[test]
fn answers_that_are_none_are_told_to_the_model() {
    let large = [b"{\"x\":\"".to_vec(), vec![b'a'; 5 << 20]].concat();
    let called = json!({"choices": [{"message": {"content": PATCH, "tool_calls": [{"id": "x"}]}}]});
    let cut = json!({"choices": [{"finish_reason": "length", "message": {"content": PATCH}}]});
    for (body, part) in [
        (b"{\"choices\": nonsense".to_vec(), "not JSON"),
        (b"{\"choices\": []}".to_vec(), "no chat completion"),
        (b"{\"choices\": \"\xff\xfe\"}".to_vec(), "not UTF-8"),
        (large, "more than 4 MiB"),
        (called.to_string().into_bytes(), "calls a tool"),
        (cut.to_string().into_bytes(), "cut at the limit"),
        (
            json!({"choices": [{"message": {"content": "No."}}]}).to_string().into(),
            "no JSON object",
        ),
    ] {
        let server = replies(1, move || response("200 OK", "", &body));
        let mut options = server.options();
        options.max_attempts = 2;
        let proposed = propose(options);
        let expected = [AttemptOutcome::Unreadable, AttemptOutcome::Accepted];
        assert_eq!(outcomes(&proposed), expected, "{part}");
        assert!(reason(&proposed).contains(part), "{}", reason(&proposed));
        assert!(server.requests()[1].body.contains(part), "the second request says why");
    }
}

#[test]
fn the_gates_reason_goes_into_the_next_request() {
    let server = Server::start(|_, _| completion(PATCH));
    let mut options = server.options();
    options.max_attempts = 3;
    let proposer = Proposer::new(options).unwrap();
    let asked = AtomicUsize::new(0);
    let judge = |_: &[PatchOperation]| match asked.fetch_add(1, Ordering::SeqCst) {
        2 => Judgement::Accepted,
        n => Judgement::Rejected { gate: Gate::Schema, reason: format!("counterexample {n}") },
    };
    let proposed = with_task("", &object(), |task| proposer.propose(task, &judge));
    let rejected = AttemptOutcome::Rejected;
    assert_eq!(outcomes(&proposed), [rejected, rejected, AttemptOutcome::Accepted]);
    assert_eq!(proposed.attempts[0].gate, Some(Gate::Schema));
    assert_eq!(proposed.attempts.iter().map(|a| a.number).collect::<Vec<_>>(), [1, 2, 3]);
    let requests = server.requests();
    assert!(!requests[0].body.contains("counterexample"));
    assert!(requests[1].body.contains("counterexample 0"));
    assert!(requests[2].body.contains("gate schema: counterexample 1"));
    assert!(requests[2].body.contains("counterexample 0"));
}

#[test]
fn a_patch_stays_within_its_object() {
    let other = r#"[{"op":"replace","path":"/items/0/spec/hostPID","value":false}]"#;
    for (text, expected) in [(PATCH, Some("/items/1/spec/hostPID")), (other, None)] {
        let server = Server::start(move |_, _| completion(text));
        let proposer = Proposer::new(server.options()).unwrap();
        let proposed = with_task("/items/1", &object(), |task| proposer.propose(task, &accept));
        let path = proposed.patch.as_ref().map(|patch| patch[0].path().as_str());
        assert_eq!(path, expected);
        if expected.is_none() {
            assert!(reason(&proposed).contains("does not apply"), "{}", reason(&proposed));
        }
    }
}

#[test]
fn endpoints_without_structured_output_are_asked_without() {
    let unstructured = |_: usize, request: &Request| match request.json().get("response_format") {
        Some(_) => response("400 Bad Request", "", b"{\"error\":\"response_format is unknown\"}"),
        None => completion(PATCH),
    };
    let server = Server::start(unstructured);
    let proposer = Proposer::new(server.options()).unwrap();
    for requests in [2, 3] {
        let proposed = with_task("", &object(), |task| proposer.propose(task, &accept));
        assert_eq!(outcomes(&proposed), [AttemptOutcome::Accepted]);
        assert_eq!(server.requests().len(), requests, "refused once, then not asked for");
    }
    let server = Server::start(unstructured);
    let mut options = server.options();
    options.backend.structured = Structured::JsonSchema;
    assert_eq!(outcomes(&propose(options)), [AttemptOutcome::NoAnswer]);
}

#[test]
fn budgets_end_the_asking() {
    let server = Server::start(|_, _| completion("no patch"));
    let mut options = server.options();
    options.max_attempts = 5;
    options.max_requests = Some(2);
    let proposed = propose(options.clone());
    let unreadable = AttemptOutcome::Unreadable;
    assert_eq!(outcomes(&proposed), [unreadable, unreadable, AttemptOutcome::OverBudget]);
    assert_eq!(server.requests().len(), 2);
    options.max_requests = None;
    options.attempts_per_policy = [("no_host_pid".to_owned(), 1), ("default".to_owned(), 4)].into();
    assert_eq!(outcomes(&propose(options.clone())), [unreadable]);
    options.attempts_per_policy = [("no_host_pid".to_owned(), 0)].into();
    assert_eq!(outcomes(&propose(options.clone())), [AttemptOutcome::OverBudget]);
    options.attempts_per_policy.clear();
    options.max_total_tokens = Some(10);
    assert_eq!(outcomes(&propose(options)), [AttemptOutcome::OverBudget]);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn the_cache_replays_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = {
        let server = Server::start(|_, _| completion(PATCH));
        let mut options = server.options();
        options.cache = Some(folder.path().to_owned());
        let first = propose(options.clone());
        let again = propose(options.clone());
        assert_eq!(server.requests().len(), 1);
        assert!(!first.attempts[0].cached && again.attempts[0].cached);
        assert_eq!(first.patch, again.patch);
        options
    };
    options.replay_only = true;
    options.backend.api_key_env = Some("NO_SUCH_VARIABLE".to_owned());
    let proposer = Proposer::new(options.clone()).unwrap();
    let proposed = with_task("", &object(), |task| proposer.propose(task, &accept));
    assert_eq!(outcomes(&proposed), [AttemptOutcome::Accepted]);
    assert_eq!((proposer.totals().requests, proposer.totals().cached), (0, 1));
    options.seed = Some(1);
    let proposed = propose(options.clone());
    assert_eq!(outcomes(&proposed), [AttemptOutcome::NoAnswer], "another seed, another answer");
    options.cache = None;
    assert!(matches!(Proposer::new(options), Err(Error::NoCache)));
}

#[test]
fn what_cannot_be_hidden_is_withheld() {
    let server = Server::start(|_, _| completion(PATCH));
    let proposer = Proposer::new(server.options()).unwrap();
    proposer.know(["as-a-key-99".to_owned()]);
    let mut object = object();
    object["metadata"]["labels"] = json!({"as-a-key-99": "x"});
    let proposed = with_task("", &object, |task| proposer.propose(task, &accept));
    assert_eq!(outcomes(&proposed), [AttemptOutcome::Withheld]);
    assert!(!reason(&proposed).contains("as-a-key-99"));
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_secret_that_the_endpoint_knows_is_not_taken_from_it() {
    for guess in ["as-a-key-99", "as-a-ke\\u0079-99"] {
        let text =
            format!(r#"[{{"op":"add","path":"/metadata/labels","value":{{"x":"{guess}"}}}}]"#);
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(move |_, _| completion(&text));
        let mut options = server.options();
        options.cache = Some(folder.path().to_owned());
        let proposer = Proposer::new(options).unwrap();
        proposer.know(["as-a-key-99".to_owned()]);
        let proposed = with_task("", &object(), |task| proposer.propose(task, &accept));
        assert_eq!(proposed.patch, None);
        assert!(!serde_json::to_string(&proposed.attempts).unwrap().contains("as-a-key-99"));
    }
}

#[test]
fn the_key_must_be_there() {
    let server = Server::start(|_, _| completion(PATCH));
    let mut options = server.options();
    options.backend.api_key_env = Some("NO_SUCH_VARIABLE".to_owned());
    let error = Proposer::new(options).err().unwrap().to_string();
    assert!(error.contains("NO_SUCH_VARIABLE") && error.contains("local"), "{error}");
}

#[test]
fn no_more_requests_at_once_than_allowed() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (inside, peak) = (now.clone(), most.clone());
    let server = Server::start(move |_, _| {
        peak.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(20));
        inside.fetch_sub(1, Ordering::SeqCst);
        completion(PATCH)
    });
    let mut options = server.options();
    options.backend.concurrency = Some(2);
    options.backend.requests_per_minute = Some(6_000);
    let proposer = Proposer::new(options).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let proposed = with_task("", &object(), |task| proposer.propose(task, &accept));
                assert_eq!(outcomes(&proposed), [AttemptOutcome::Accepted]);
            });
        }
    });
    assert_eq!(server.requests().len(), 8);
    assert!(most.load(Ordering::SeqCst) <= 2);
}
