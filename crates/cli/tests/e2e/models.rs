//! Models as proposers, asked over HTTP on loopback, and recorded answers.

use crate::tool::{BINARY, Folder, Ran, run};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// A workload whose missing probe no rule can fix, with a secret beside it.
const WORKLOAD: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx:1.29.3 # pinned
        ports: [{containerPort: 8080}]
        env: [{name: DB_PASSWORD, value: correct-horse-battery}]
---
apiVersion: v1
kind: Secret
metadata: {name: db, namespace: shop}
stringData: {password: staple-of-the-shop}
";

const SECRETS: [&str; 2] = ["correct-horse-battery", "staple-of-the-shop"];

/// An endpoint that speaks like OpenAI's, and remembers the bodies of the requests.
struct Endpoint {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Endpoint {
    /// Answers the requests in turn; the last answer again and again.
    fn new(answers: &[Value]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answers, heard) = (answers.to_vec(), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let body = body_of(&mut stream);
                let number = {
                    let mut heard = heard.lock().unwrap();
                    heard.push(body);
                    heard.len() - 1
                };
                let content = answers[number.min(answers.len() - 1)].to_string();
                let answer = json!({
                    "choices": [{"message": {"role": "assistant", "content": content},
                        "finish_reason": "stop"}],
                    "usage": {"prompt_tokens": 100, "completion_tokens": 20},
                });
                let text = answer.to_string();
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
                let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{text}", text.len());
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// The reference's `run.yaml`, as it ships but for the address.
    fn configuration(&self, mode: &str) -> String {
        format!(
            "seed: 1337\nmax_attempts: 3\nproposer:\n  mode: {mode}\n  retries: 0\n  \
             timeout_seconds: 60\nvllm:\n  endpoint: \"{}\"\n  model: \"local\"\n  \
             api_key_env: \"VLLM_KEY\"\nrules:\n  enabled: true\n",
            self.url
        )
    }
}

fn body_of(stream: &mut TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

fn probe(path: &str) -> Value {
    json!([{"op": "add", "path": path, "value": {"tcpSocket": {"port": 8080}}}])
}

const PROBE: &str = "/spec/template/spec/containers/0/livenessProbe";

fn folder(configuration: &str) -> Folder {
    Folder::with(&[("m/web.yaml", WORKLOAD), ("run.yaml", configuration)])
}

fn with_key(folder: &Folder, args: &[&str]) -> Ran {
    let mut command = Command::new(BINARY);
    command.args(args).current_dir(folder.path()).env("VLLM_KEY", "key-of-the-test");
    run(command, b"")
}

const RUN: [&str; 6] = ["run", "m", "--out", "o", "--select", "no-liveness-probe"];

#[test]
fn a_model_is_asked_for_what_rules_cannot_fix_and_hears_what_the_gates_say() {
    let endpoint =
        Endpoint::new(&[probe("/spec/template/spec/containers/0/readinessProbe"), probe(PROBE)]);
    let folder = folder(&endpoint.configuration("vllm"));
    with_key(&folder, &[&RUN[..], &["--config", "run.yaml"]].concat()).ended(0).says("2 requests");
    let asked = endpoint.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked[1].contains("no rule of this patch may touch"), "{}", asked[1]);
    for secret in SECRETS.iter().chain(&["key-of-the-test"]) {
        assert!(!asked.concat().contains(secret), "{secret} is in a request");
        for (name, bytes) in crate::tool::files(&folder.at("o")) {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is in {name}");
        }
    }
    let patch = &folder.records("o/patches.jsonl")[0];
    assert_eq!((&patch["source"], &patch["applicability"]), (&json!("vllm"), &json!("unsafe")));
    assert_eq!(patch["provenance"][0]["source"], "model");
    let attempts = &folder.records("o/attempts.jsonl")[0]["attempts"];
    assert_eq!(attempts[0]["outcome"], "rejected");
    assert_eq!(attempts[0]["gate"], "patch");
    assert_eq!(attempts[1]["outcome"], "accepted");
    let page = folder.read("o/review.md");
    assert!(page.contains("Written by the model vllm, unsafe all of them | 1 of 1"), "{page}");
    let manifest: Value = serde_json::from_str(&folder.read("o/manifest.json")).unwrap();
    assert_eq!(manifest["proposer"]["model"], "local");
}

#[test]
fn a_model_that_never_satisfies_the_gates_leaves_a_reason() {
    let endpoint = Endpoint::new(&[probe("/spec/template/spec/containers/0/readinessProbe")]);
    let folder = folder(&endpoint.configuration("vllm"));
    with_key(&folder, &[&RUN[..], &["--config", "run.yaml"]].concat()).ended(1);
    assert_eq!(endpoint.asked().len(), 3);
    let outcome = &folder.records("o/outcomes.jsonl")[0];
    assert_eq!(outcome["status"], "advice");
    let reason = outcome["reason"].as_str().unwrap();
    assert!(reason.contains("vllm: rejected: gate patch"), "{reason}");
    assert!(folder.read("o/patches.jsonl").is_empty());
}

#[test]
fn rules_come_first_unless_the_model_alone_is_asked_for() {
    let rule = ["propose", "--detections", "d.json", "--out", "p.json", "--config", "run.yaml"];
    let detect = ["detect", "--in", "m", "--out", "d.json", "--select", "privileged-container"];
    let privileged = WORKLOAD
        .replace("        ports", "        securityContext: {privileged: true}\n        ports");
    for (proposer, source, requests) in [
        (None, "rules", 0),
        (Some("rules"), "rules", 0),
        (Some("rules+vllm"), "rules", 0),
        (Some("vllm"), "vllm", 1),
    ] {
        let path = "/spec/template/spec/containers/0/securityContext/privileged";
        let endpoint = Endpoint::new(&[json!([{"op": "replace", "path": path, "value": false}])]);
        let folder = folder(&endpoint.configuration("vllm"));
        folder.write("m/web.yaml", &privileged);
        with_key(&folder, &detect).ended(1);
        let proposer: Vec<&str> = proposer.iter().flat_map(|name| ["--proposer", name]).collect();
        with_key(&folder, &[&rule[..], &proposer].concat()).ended(0);
        assert_eq!(folder.records("p.json")[0]["source"], source, "{proposer:?}");
        assert_eq!(endpoint.asked().len(), requests, "{proposer:?}");
    }
}

#[test]
fn a_configuration_that_lies_beside_the_manifests_sends_nothing() {
    let endpoint = Endpoint::new(&[probe(PROBE)]);
    let folder = folder("");
    folder.write("k8s-auto-fix.yaml", endpoint.configuration("vllm"));
    with_key(&folder, &RUN).ended(2).says("give it with --config");
    with_key(&folder, &[&RUN[..], &["--proposer", "rules"]].concat()).ended(1);
    with_key(&folder, &["check", "m"]).ended(1);
    assert!(endpoint.asked().is_empty());
}

#[test]
fn what_a_configuration_lacks_is_said() {
    let endpoint = Endpoint::new(&[probe(PROBE)]);
    let folder = folder(&endpoint.configuration("vllm"));
    let arguments = |more: &[&str]| {
        let args = [&RUN[..], &["--config", "run.yaml"], more].concat();
        folder.run(&args.iter().map(|arg| &**arg).collect::<Vec<_>>())
    };
    arguments(&[]).ended(2).says("VLLM_KEY");
    arguments(&["--proposer", "grok"]).ended(2).says("the configuration has vllm");
    arguments(&["--proposer", "recorded"]).ended(2).says("needs the file");
    assert!(endpoint.asked().is_empty());
}

#[test]
fn recorded_answers_are_taken_as_they_are_and_judged_like_any_other() {
    let answer = |id: &str, path: &str| {
        json!({"id": id, "manifest_path": "x.yaml", "manifest_yaml": WORKLOAD,
            "policy_id": "no-liveness-probe", "violation_text": "x", "patch": probe(path)})
    };
    let lines = [answer("1", PROBE), answer("2", "/metadata/labels/x")].map(|a| format!("{a}\n"));
    let folder = Folder::with(&[("r.jsonl", &lines.concat())]);
    folder.shell("gzip -k r.jsonl").ended(0);
    for file in ["r.jsonl", "r.jsonl.gz"] {
        folder.run(&["propose", "--proposer", "recorded", file, "--out", "p.jsonl"]).ended(0);
        let sources: Vec<Value> =
            folder.records("p.jsonl").iter().map(|p| p["source"].clone()).collect();
        assert_eq!(sources, ["recorded", "recorded"]);
        let verify = ["verify", "--patches", "p.jsonl", "--detections", file, "--out", "v.jsonl"];
        folder.run(&verify).ended(1).says("1 of 2 patches accepted");
        assert_eq!(folder.records("v.jsonl")[0]["accepted"], true);
    }
    folder.write("twice.jsonl", lines[0].repeat(2));
    folder.run(&["propose", "--proposer", "recorded", "twice.jsonl"]).ended(2).says("two answers");
    folder.write("broken.jsonl", format!("{}{{\"id\": 1}}\n", lines[0]));
    folder.run(&["propose", "--proposer", "recorded", "broken.jsonl"]).ended(2).says("line 2");
}

/// `serve`, until the test is over.
struct Service {
    process: Child,
    address: String,
}

impl Service {
    fn new(args: &[&str]) -> Self {
        let mut command = Command::new(BINARY);
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(args);
        command.env("K8S_AUTO_FIX_TOKEN", "open-sesame").stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit("//").next().unwrap().to_owned();
        Self { process, address }
    }

    /// The status and the body of the answer.
    fn post(&self, token: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "POST /propose HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer[9..12].parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_references_clients_are_served() {
    let service = Service::new(&[]);
    let privileged = crate::tool::POD;
    let request = |violation: Value, manifest: Value| {
        json!({"violation": violation, "manifest": manifest, "metadata": {"who": "x"}}).to_string()
    };
    let record = json!({"id": "7", "policy_id": "no_privileged",
        "violation_text": "container \"web\" is privileged"});
    for violation in [json!("no_privileged"), json!("privileged-container"), record] {
        let (status, answer) = service.post("open-sesame", &request(violation, privileged.into()));
        assert_eq!(status, 200, "{answer}");
        let changed = &answer["patch"].as_array().unwrap().last().unwrap()["path"];
        assert_eq!(changed, "/spec/containers/0/securityContext/privileged");
        assert_eq!(answer["source"], "rules");
    }
    let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
        "spec": {"hostNetwork": true, "containers": [{"name": "a", "image": "a:1"}]}});
    let (status, answer) = service.post("open-sesame", &request("host-network".into(), object));
    assert_eq!(status, 200, "{answer}");
}

#[test]
fn bad_requests_are_answered_with_what_is_wrong() {
    let service = Service::new(&["--max-file-size", "2000"]);
    let post = |body: &str| service.post("open-sesame", body);
    let (status, _) = service.post("open-says-me", "{}");
    assert_eq!(status, 401);
    let cases = [
        ("{", "is not as it should be"),
        (r#"{"violation": "no_privileged"}"#, "`manifest` is needed"),
        (r#"{"violation": 7, "manifest": ""}"#, "neither a text nor an object"),
        (r#"{"violation": "no_privileged", "manifest": "a: [b"}"#, "line 1"),
        (r#"{"violation": "no-such", "manifest": "a: b"}"#, "no rule for `no-such`"),
        (r#"{"violation": "no_privileged", "manifest": "/etc/passwd"}"#, "not found"),
    ];
    for (body, said) in cases {
        let (status, answer) = post(body);
        assert_eq!(status, 422, "{body}");
        let detail = answer["detail"].as_str().unwrap();
        assert!(detail.contains(said), "{body}: {detail}");
    }
    let large = json!({"violation": "x", "manifest": "a".repeat(3_000)}).to_string();
    assert_eq!(post(&large).0, 413);
    let folder = Folder::new();
    folder.run(&["serve", "--listen", "0.0.0.0:0"]).ended(2).says("on loopback only");
}
