//! Servers that do not answer, do not know us, or are not to be trusted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod common;

use cluster::{Choice, Error, Options, Server};
use common::{
    accepted, apply, config_map, connect, ephemeral, eventually, kubeconfig, kubeconfig_of,
    namespace, object, pid, refused, runs, seed, shared, signal,
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use rustix::process::Signal;
use serde_json::json;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use verifier::{Answer, ApiServer as _, Refused};

const KUBECONFIG: Choice = Choice::Kubeconfig { context: None };

fn failure(result: Result<Server, Error>) -> Error {
    result.err().expect("a server that should not do")
}

#[test]
fn a_wrong_token_and_none_are_no_credentials() {
    let Some(server) = shared() else { return };
    let mut config = kubeconfig(server);
    config["users"][0]["user"] = json!({ "token": "wrong" });
    let error = failure(connect(&config));
    assert!(matches!(error, Error::Unauthorized { .. }), "{error}");
    config["users"][0]["user"] = json!({});
    let error = failure(connect(&config)).to_string();
    assert!(error.contains("system:anonymous"), "{error}");
}

fn authority() -> (String, Issuer<'static, KeyPair>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "authority of a test");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    (certificate.pem(), Issuer::new(params, key))
}

#[test]
fn a_server_of_another_authority_is_not_trusted() {
    let Some(server) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.crt");
    std::fs::write(&file, authority().0).unwrap();
    let mut config = kubeconfig(server);
    config["clusters"][0]["cluster"]["certificate-authority"] = json!(file);
    let error = failure(connect(&config));
    assert!(matches!(error, Error::Untrusted { .. }), "{error}");
    assert!(error.to_string().contains("does not trust the server's certificate"), "{error}");
}

/// An API server that knows its users by their certificates, started by the test.
struct ByCertificate {
    folder: tempfile::TempDir,
    authority: Issuer<'static, KeyPair>,
    port: u16,
    processes: Vec<std::process::Child>,
}

impl Drop for ByCertificate {
    fn drop(&mut self) {
        for process in &mut self.processes {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}

impl ByCertificate {
    fn start() -> Option<Self> {
        let Some(assets) = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from) else {
            eprintln!("SKIPPED: no etcd and kube-apiserver; set KUBEBUILDER_ASSETS");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (certificate, authority) = authority();
        std::fs::write(path("ca.crt"), certificate).unwrap();
        let accounts = KeyPair::generate().unwrap();
        std::fs::write(path("accounts.key"), accounts.serialize_pem()).unwrap();
        std::fs::write(path("accounts.pub"), accounts.public_key_pem()).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let socket = format!("unix://{}", path("etcd.sock"));
        let spawn = |name: &str, args: &[(&str, &str)]| {
            let log = std::fs::File::create(path(&format!("{name}.log"))).unwrap();
            let mut command = Command::new(assets.join(name));
            command.args(args.iter().map(|(key, value)| format!("--{key}={value}")));
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
        };
        let etcd = spawn(
            "etcd",
            &[
                ("data-dir", &path("etcd")),
                ("unsafe-no-fsync", "true"),
                ("listen-client-urls", &socket),
                ("advertise-client-urls", "http://127.0.0.1:1"),
                ("listen-peer-urls", &format!("unix://{}", path("peer.sock"))),
            ],
        );
        let apiserver = spawn(
            "kube-apiserver",
            &[
                ("etcd-servers", &socket),
                ("bind-address", "127.0.0.1"),
                ("advertise-address", "127.0.0.1"),
                ("endpoint-reconciler-type", "none"),
                ("secure-port", &port.to_string()),
                ("cert-dir", &path("certs")),
                ("client-ca-file", &path("ca.crt")),
                ("authorization-mode", "RBAC"),
                ("service-account-issuer", "https://kubernetes.default.svc"),
                ("service-account-signing-key-file", &path("accounts.key")),
                ("service-account-key-file", &path("accounts.pub")),
            ],
        );
        Some(Self { folder, authority, port, processes: vec![etcd, apiserver] })
    }

    /// Connects with a certificate that ends at a time.
    fn connect(&self, until: SystemTime) -> Result<Server, Error> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::OrganizationName, "system:masters");
        params.distinguished_name.push(DnType::CommonName, "a user");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.not_after = until.into();
        let certificate = params.signed_by(&key, &self.authority).unwrap().pem();
        let path = |name: &str| self.folder.path().join(name);
        std::fs::write(path("user.crt"), certificate).unwrap();
        std::fs::write(path("user.key"), key.serialize_pem()).unwrap();
        let cluster = json!({ "insecure-skip-tls-verify": true });
        let user =
            json!({ "client-certificate": path("user.crt"), "client-key": path("user.key") });
        connect(&kubeconfig_of(&format!("https://127.0.0.1:{}", self.port), cluster, &user))
    }
}

#[test]
fn an_expired_certificate_is_no_credential() {
    let Some(server) = ByCertificate::start() else { return };
    let now = SystemTime::now;
    eventually("the server takes a valid certificate", || {
        server.connect(now() + Duration::from_secs(3600)).is_ok()
    });
    let error = failure(server.connect(now() - Duration::from_secs(3600)));
    assert!(matches!(error, Error::Unauthorized { .. }), "{error}");
    assert!(error.to_string().contains("expired"), "{error}");

    let expiring = server.connect(now() + Duration::from_secs(10)).unwrap();
    let tried = namespace("tried");
    eventually("a credential that expires during a run", || match apply(&expiring, &tried) {
        Answer::Refused(refusal) if refusal.kind == Refused::Unauthorized => true,
        answer => {
            std::thread::sleep(Duration::from_millis(200));
            drop(accepted(answer));
            false
        }
    });
}

#[test]
fn nobody_at_the_address_is_unreachable() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let error = failure(connect(&kubeconfig_of(&url, json!({}), &json!({}))));
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("Connection refused"), "{error}");
}

#[test]
fn a_context_that_is_not_there_is_named_with_those_that_are() {
    let config = kubeconfig_of("http://127.0.0.1:1", json!({}), &json!({}));
    let (_folder, options) = common::options_of(&config);
    let choice = Choice::Kubeconfig { context: Some("prod".to_owned()) };
    let error = Server::connect(&choice, options.clone()).err().unwrap();
    assert!(error.to_string().contains("no context \"prod\"; it has test"), "{error}");
    let nowhere = Options { kubeconfig: Some("/no/such/file".into()), ..options };
    let error = Server::connect(&KUBECONFIG, nowhere).err().unwrap();
    assert!(error.to_string().contains("no kubeconfig in /no/such/file"), "{error}");
    assert!(Server::connect(&Choice::Off, Options::default()).unwrap().is_none());
}

/// A webhook that judges config maps of one namespace.
fn webhook(name: &str, url: &str) -> serde_json::Value {
    let mut configuration =
        object("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", name);
    configuration["webhooks"] = json!([{
        "name": format!("{name}.example.com"),
        "admissionReviewVersions": ["v1"],
        "clientConfig": { "url": url },
        "failurePolicy": "Fail",
        "matchPolicy": "Equivalent",
        "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": name } },
        "objectSelector": {},
        "rules": [{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
            "resources": ["configmaps"], "scope": "*" }],
        "sideEffects": "None",
        "timeoutSeconds": 1,
    }]);
    configuration
}

/// Waits until the server asks a webhook, which it learns of a little later.
fn asked(server: &Server, namespace: &str) -> verifier::Refusal {
    let mut map = config_map("map", json!({}));
    map["metadata"]["namespace"] = json!(namespace);
    eventually("the webhook is asked", || matches!(apply(server, &map), Answer::Refused(_)));
    refused(apply(server, &map), Refused::Webhook)
}

#[test]
fn a_webhook_that_does_not_answer_is_named() {
    let Some(server) = shared() else { return };
    // Connections are taken by the system, and never answered.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    seed(server, &[namespace("silent"), webhook("silent", &url)]);
    let refusal = asked(server, "silent");
    assert_eq!(refusal.policy.as_deref(), Some("silent.example.com"));
}

/// Today's servers take no new webhook with side effects, but keep those they have.
#[test]
fn a_webhook_that_cannot_take_part_in_a_dry_run_is_named() {
    let Some(server) = shared() else { return };
    seed(server, &[namespace("effects")]);
    let mut configuration = webhook("effects", "https://127.0.0.1:1/");
    configuration["webhooks"][0]["sideEffects"] = json!("Some");
    configuration["metadata"]["uid"] = json!("8a8a7a0e-0000-4000-8000-000000000000");
    configuration["metadata"]["creationTimestamp"] = json!("2020-01-01T00:00:00Z");
    put_into_etcd(
        server.folder().unwrap(),
        "/registry/validatingwebhookconfigurations/effects",
        &configuration.to_string(),
    );
    let refusal = asked(server, "effects");
    assert_eq!(refusal.policy.as_deref(), Some("effects.example.com"));
    assert!(refusal.message.contains("does not support dry run"), "{refusal:?}");
}

fn put_into_etcd(folder: &Path, key: &str, value: &str) {
    let body = json!({ "key": base64(key.as_bytes()), "value": base64(value.as_bytes()) });
    let body = body.to_string();
    let mut stream = UnixStream::connect(folder.join("etcd.sock")).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /v3/kv/put HTTP/1.1\r\nHost: etcd\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |value: u32, place: u32| char::from(DIGITS[(value >> (6 * place)) as usize & 63]);
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |index| u32::from(chunk.get(index).copied().unwrap_or(0));
        let value = byte(0) << 16 | byte(1) << 8 | byte(2);
        text.push(digit(value, 3));
        text.push(digit(value, 2));
        text.push(if chunk.len() > 1 { digit(value, 1) } else { '=' });
        text.push(if chunk.len() > 2 { digit(value, 0) } else { '=' });
    }
    text
}

#[test]
fn a_server_that_stands_still_is_given_up_and_found_again() {
    let options = Options { timeout: Duration::from_secs(1), ..Options::default() };
    let Some(server) = ephemeral(options) else { return };
    let map = config_map("map", json!({}));
    accepted(apply(&server, &map));
    let apiserver = pid(server.folder().unwrap(), "kube-apiserver");
    signal(apiserver, Signal::STOP);
    let refusal = refused(apply(&server, &map), Refused::NoAnswer);
    assert!(refusal.message.contains("no answer within 1s"), "{refusal:?}");
    many_without_answer(&server, 1000);
    signal(apiserver, Signal::CONT);
    eventually("it answers again", || matches!(apply(&server, &map), Answer::Accepted(_)));
}

#[test]
fn a_server_that_dies_is_not_asked_for_every_object() {
    let Some(server) = ephemeral(Options::default()) else { return };
    let map = config_map("map", json!({}));
    accepted(apply(&server, &map));
    let folder = server.folder().unwrap().to_owned();
    signal(pid(&folder, "kube-apiserver"), Signal::KILL);
    many_without_answer(&server, 5000);
    drop(server);
    assert!(!folder.exists());
}

/// Asks from several threads; nearly all must end without a request.
fn many_without_answer(server: &Server, objects: usize) {
    let before = server.statistics();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < objects {
                    refused(apply(server, &config_map("map", json!({}))), Refused::NoAnswer);
                    refused(server.create_pod(&common::restricted_pod()), Refused::NoAnswer);
                }
            });
        }
    });
    let after = server.statistics();
    assert_eq!(after.unanswered - before.unanswered, 2 * objects as u64);
    let requests = after.requests - before.requests;
    assert!(requests < 60, "{requests} requests to a dead server");
}

/// A server of few words: what it says to each attempt, by its number. It hangs up instead of
/// saying nothing.
struct Listener {
    url: String,
    /// Attempts to create something.
    attempts: Arc<Mutex<usize>>,
}

/// Serves what a client asks first as a server does, and lets the test answer the rest.
fn listen(answer: impl Fn(usize) -> String + Send + Sync + 'static) -> Listener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let attempts = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&attempts);
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (counted, answer) = (Arc::clone(&counted), Arc::clone(&answer));
            std::thread::spawn(move || converse(stream.unwrap(), &counted, &*answer));
        }
    });
    Listener { url, attempts }
}

fn converse(stream: TcpStream, attempts: &Mutex<usize>, answer: &dyn Fn(usize) -> String) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let length = head.to_lowercase().lines().find_map(|line| {
            line.strip_prefix("content-length: ").and_then(|length| length.parse().ok())
        });
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).unwrap();
        let path = head.split(' ').nth(1).unwrap();
        let text = match path.split('?').next().unwrap() {
            "/version" => ok(&json!({ "major": "1", "minor": "36+", "gitVersion": "v1.36.0-x.1" })),
            "/api/v1" => ok(&json!({ "resources": [
                { "name": "configmaps", "kind": "ConfigMap", "namespaced": true },
            ] })),
            path if path.ends_with("reviews") => ok(&json!({})),
            _ => {
                let mut attempts = attempts.lock().unwrap();
                *attempts += 1;
                answer(*attempts)
            }
        };
        if text.is_empty() {
            return;
        }
        stream.write_all(text.as_bytes()).unwrap();
    }
}

fn ok(body: &serde_json::Value) -> String {
    response("201 Created", "", &body.to_string())
}

fn response(status: &str, header: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{header}Content-Length: {length}\r\n\r\n{body}")
}

fn listened(listener: &Listener) -> Server {
    connect(&kubeconfig_of(&listener.url, json!({}), &json!({}))).unwrap()
}

#[test]
fn an_overloaded_server_is_asked_again_as_it_wishes() {
    let listener = listen(|attempt| match attempt {
        1 => response("429 Too Many Requests", "Retry-After: 1\r\n", ""),
        2 => response("503 Service Unavailable", "Retry-After: 1\r\n", "busy"),
        3 => String::new(),
        _ => ok(&config_map("map", json!({}))),
    });
    let server = listened(&listener);
    assert_eq!((server.version(), server.minor()), ("v1.36.0-x.1", 36));
    accepted(apply(&server, &config_map("map", json!({}))));
    // The third time the server hung up.
    assert_eq!(*listener.attempts.lock().unwrap(), 4);
    assert_eq!(server.statistics().retried, 3);
}

#[test]
fn a_server_that_stays_overloaded_has_judged_nothing() {
    let listener = listen(|_| response("503 Service Unavailable", "", "busy"));
    let server = listened(&listener);
    let map = config_map("map", json!({}));
    let refusal = refused(apply(&server, &map), Refused::NoAnswer);
    assert!(refusal.message.contains("503") && refusal.message.contains("busy"), "{refusal:?}");
    assert_eq!(*listener.attempts.lock().unwrap(), 5);
    refused(apply(&server, &map), Refused::NoAnswer);
    refused(apply(&server, &map), Refused::NoAnswer);
    let refusal = refused(apply(&server, &map), Refused::NoAnswer);
    assert!(refusal.message.contains("3 times in a row"), "{refusal:?}");
    assert_eq!(*listener.attempts.lock().unwrap(), 15);
    assert_eq!(server.statistics().unanswered, 4);
}

#[test]
fn answers_that_are_none_judge_nothing() {
    let texts = [
        response("200 OK", "", "<html>"),
        response("302 Found", "Location: /login\r\n", ""),
        response("418 I'm a teapot", "", "{}"),
    ];
    let listener = listen(move |attempt| texts[(attempt - 1) % 3].clone());
    let server = listened(&listener);
    for said in ["not JSON", "302", "418"] {
        let answer = apply(&server, &config_map("map", json!({})));
        let refusal = refused(answer, Refused::NoAnswer);
        assert!(refusal.message.contains(said), "{said}: {refusal:?}");
    }
}

/// Runs a test of this binary alone in a process of its own.
fn rerun(test: &str, name: &str, value: &std::ffi::OsStr) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(name, value).env("RERUN", test);
    command
}

/// Whether this is the process of [`rerun`].
fn is_rerun(test: &str) -> bool {
    std::env::var("RERUN").is_ok_and(|rerun| rerun == test)
}

/// What a process says of a server that it cannot have.
fn complaint(test: &str, name: &str, value: &std::ffi::OsStr) -> String {
    let output = rerun(test, name, value).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_killed_process_leaves_nothing() {
    let test = "a_killed_process_leaves_nothing";
    if is_rerun(test) {
        let server = ephemeral(Options::default()).unwrap();
        println!("\nFOLDER={}", server.folder().unwrap().display());
        loop {
            std::thread::park();
        }
    }
    if shared().is_none() {
        return;
    }
    let mut process = rerun(test, "K", "".as_ref()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let folder =
        lines.map(Result::unwrap).find_map(|line| line.strip_prefix("FOLDER=").map(PathBuf::from));
    let folder = folder.expect("the process ended before its server was ready");
    let pids = [pid(&folder, "etcd"), pid(&folder, "kube-apiserver")];
    assert!(pids.into_iter().all(runs) && folder.is_dir());
    process.kill().unwrap();
    process.wait().unwrap();
    eventually("the servers are gone", || !pids.into_iter().any(runs));
    eventually("the folder is gone", || !folder.exists());
}

#[test]
fn a_server_that_is_dropped_leaves_nothing() {
    let Some(server) = ephemeral(Options::default()) else { return };
    let folder = server.folder().unwrap().to_owned();
    let pids = [pid(&folder, "etcd"), pid(&folder, "kube-apiserver")];
    drop(server);
    assert!(!pids.into_iter().any(runs) && !folder.exists());
}

#[test]
fn missing_programs_are_told_with_how_to_get_them() {
    let test = "missing_programs_are_told_with_how_to_get_them";
    if is_rerun(test) {
        let choice = Choice::Ephemeral { version: None };
        eprintln!("{}", Server::connect(&choice, Options::default()).err().unwrap());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let said = complaint(test, "KUBEBUILDER_ASSETS", folder.path().as_os_str());
    let place = format!("no etcd and kube-apiserver in {};", folder.path().display());
    assert!(said.contains(&place) && said.contains("setup-envtest"), "{said}");
}

#[test]
fn a_server_that_does_not_start_is_told_with_its_log() {
    let test = "a_server_that_does_not_start_is_told_with_its_log";
    if is_rerun(test) {
        let choice = Choice::Ephemeral { version: None };
        eprintln!("{}", Server::connect(&choice, Options::default()).err().unwrap());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, script) in [("etcd", "exec sleep 1000"), ("kube-apiserver", "echo no luck; exit 3")]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let file = folder.path().join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let said = complaint(test, "KUBEBUILDER_ASSETS", folder.path().as_os_str());
    assert!(said.contains("kube-apiserver has ended") && said.contains("no luck"), "{said}");
}

#[test]
fn several_kubeconfigs_are_one() {
    let test = "several_kubeconfigs_are_one";
    if is_rerun(test) {
        let server = Server::connect(&KUBECONFIG, Options::default()).unwrap().unwrap();
        eprintln!("{}", server.describe());
        return;
    }
    let Some(server) = shared() else { return };
    let (folder, _) = common::options_of(&kubeconfig(server));
    let empty = json!({ "apiVersion": "v1", "kind": "Config", "current-context": "ephemeral" });
    std::fs::write(folder.path().join("first"), empty.to_string()).unwrap();
    let files = ["missing", "first", "config"].map(|name| folder.path().join(name));
    let list = std::env::join_paths(files).unwrap();
    let said = complaint(test, "KUBECONFIG", &list);
    assert!(said.contains(&format!("context ephemeral, {}", server.version())), "{said}");
}
