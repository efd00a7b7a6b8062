//! Registries that make trouble: small servers on loopback that the tests write.

#![allow(clippy::unwrap_used, reason = "tests")]

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Response, StatusCode};
use evidence::testing::{IMAGE, sha256};
use evidence::{Gathered, Options, Registry};
use record::Fact;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Answers all requests until the tests end; returns host and port.
fn serve(
    answer: impl Fn(&str, &Request) -> Response<Body> + Clone + Send + Sync + 'static,
) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let own = host.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let handle = move |request: Request| {
                let answer = answer(&own, &request);
                async move { answer }
            };
            axum::serve(listener, Router::new().fallback(handle)).await.unwrap();
        });
    });
    host
}

fn status(status: u16) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap();
    Response::builder().status(status).body(Body::empty()).unwrap()
}

const CONFIG: &str = r#"{"os":"linux","config":{"User":"1000"}}"#;

fn manifest() -> String {
    let config = sha256(CONFIG.as_bytes());
    format!(
        "{{\"schemaVersion\":2,\"config\":{{\"mediaType\":\
         \"application/vnd.oci.image.config.v1+json\",\"digest\":\"{config}\",\"size\":1}}}}"
    )
}

/// What an honest registry answers that has one image.
fn honest(request: &Request) -> Response<Body> {
    let path = request.uri().path();
    let body = match path.rsplit('/').nth(1) {
        Some("manifests") => manifest(),
        Some("blobs") => CONFIG.to_owned(),
        _ => return status(404),
    };
    let digest = sha256(body.as_bytes());
    Response::builder()
        .header("content-type", IMAGE)
        .header("docker-content-digest", digest)
        .body(Body::from(body))
        .unwrap()
}

fn options(hosts: &[&str]) -> Options {
    Options {
        mirrors: BTreeMap::new(),
        plain_http: hosts.iter().map(|host| (*host).to_owned()).collect(),
        timeout: Duration::from_secs(20),
        concurrency: 4,
        docker_config: None,
        cache: None,
    }
}

fn gather(options: Options, host: &str) -> Gathered {
    let reference = format!("{host}/a:1.0");
    Registry::new(options).unwrap().gather([reference.as_str()].into_iter())
}

#[track_caller]
fn is_known(gathered: &Gathered) {
    assert_eq!(gathered.unresolved, BTreeMap::new());
    let user = Fact::User("1000".to_owned());
    assert!(gathered.evidence.iter().any(|record| record.fact == user));
}

fn reason(gathered: &Gathered) -> &str {
    gathered.unresolved.values().next().unwrap()
}

/// A Docker configuration with a login for a host.
fn login(host: &str, name_and_password: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (name, password) = name_and_password.split_once(':').unwrap();
    let auths =
        serde_json::json!({ "auths": { host: { "username": name, "password": password } } });
    std::fs::write(folder.path().join("config.json"), auths.to_string()).unwrap();
    folder
}

/// `Basic` with `me:secret`.
const GOOD: &str = "Basic bWU6c2VjcmV0";

/// A registry with a token service; it notes every `Authorization` that it sees.
fn guarded(seen: Arc<Mutex<BTreeSet<String>>>) -> String {
    serve(move |own, request| {
        let given = request.headers().get("authorization").map(|v| v.to_str().unwrap().to_owned());
        seen.lock().unwrap().extend(given.clone());
        if request.uri().path() == "/token" {
            let query = request.uri().query().unwrap_or_default();
            assert!(query.contains("scope=repository%3Aa%3Apull"), "{query}");
            return match given.as_deref() {
                Some(GOOD) => Response::new(Body::from("{\"token\":\"good\"}")),
                _ => status(401),
            };
        }
        if given.as_deref() == Some("Bearer good") {
            return honest(request);
        }
        let challenge = format!("Bearer realm=\"http://{own}/token\",service=\"s\"");
        let answer = Response::builder().status(401).header("www-authenticate", challenge);
        answer.body(Body::empty()).unwrap()
    })
}

#[test]
fn credentials_become_tokens_and_wrong_ones_are_named() {
    let seen = Arc::default();
    let host = guarded(Arc::clone(&seen));
    let with = |folder: Option<PathBuf>| Options { docker_config: folder, ..options(&[&host]) };
    let good = login(&host, "me:secret");
    is_known(&gather(with(Some(good.path().to_owned())), &host));
    let wrong = login(&host, "me:wrong");
    let gathered = gather(with(Some(wrong.path().to_owned())), &host);
    assert!(reason(&gathered).contains("credentials in the Docker configuration do not suffice"));
    assert!(!reason(&gathered).contains("wrong"));
    assert!(reason(&gather(with(None), &host)).contains(&format!("docker login {host}")));
}

#[test]
fn a_credential_goes_to_its_own_registry_only() {
    let seen: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let host = guarded(Arc::clone(&seen));
    let other = login("other.example", "me:secret");
    let gathered = gather(
        Options { docker_config: Some(other.path().to_owned()), ..options(&[&host]) },
        &host,
    );
    assert!(reason(&gathered).contains("needs a login"));
    assert_eq!(*seen.lock().unwrap(), BTreeSet::new());
}

#[test]
fn a_login_is_not_sent_without_tls_to_a_host_that_was_not_named() {
    let reached = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&reached);
    let stranger = serve(move |_, _| {
        counter.fetch_add(1, Ordering::SeqCst);
        status(200)
    });
    let realm = stranger.clone();
    let host = serve(move |_, _| {
        let challenge = format!("Bearer realm=\"http://{realm}/token\"");
        let answer = Response::builder().status(401).header("www-authenticate", challenge);
        answer.body(Body::empty()).unwrap()
    });
    let good = login(&host, "me:secret");
    let docker_config = Some(good.path().to_owned());
    let gathered = gather(Options { docker_config, ..options(&[&host]) }, &host);
    assert!(reason(&gathered).contains("without TLS"), "{}", reason(&gathered));
    assert_eq!(reached.load(Ordering::SeqCst), 0);
}

#[test]
fn a_busy_registry_is_asked_again_when_it_says() {
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    let host = serve(move |_, request| match counter.fetch_add(1, Ordering::SeqCst) {
        0 => {
            let answer = Response::builder().status(429).header("retry-after", "1");
            answer.body(Body::empty()).unwrap()
        }
        1 => status(503),
        _ => honest(request),
    });
    is_known(&gather(options(&[&host]), &host));

    let host = serve(|_, _| {
        let answer = Response::builder().status(429).header("retry-after", "3600");
        answer.body(Body::empty()).unwrap()
    });
    let gathered = gather(options(&[&host]), &host);
    assert_eq!(reason(&gathered), format!("{host} answers 429 and asks to wait 3600 s"));
}

#[test]
fn other_bytes_than_those_of_the_digest_do_not_count() {
    // Of the manifest: then not even the digest counts.
    let host = serve(|_, request| {
        let mut answer = honest(request);
        let digest = format!("sha256:{}", "0".repeat(64));
        answer.headers_mut().insert("docker-content-digest", digest.parse().unwrap());
        answer
    });
    let gathered = gather(options(&[&host]), &host);
    assert_eq!(gathered.evidence, []);
    assert!(reason(&gathered).contains("other bytes"), "{}", reason(&gathered));
    // Of the configuration.
    let host = serve(|_, request| match request.uri().path().contains("/blobs/") {
        true => Response::new(Body::from(CONFIG.replace("1000", "2000"))),
        false => honest(request),
    });
    let gathered = gather(options(&[&host]), &host);
    assert!(reason(&gathered).contains("other bytes"), "{}", reason(&gathered));
    let facts: Vec<_> = gathered.evidence.iter().map(|record| record.fact.clone()).collect();
    assert_eq!(facts, [Fact::Digest(sha256(manifest().as_bytes()))]);
}

#[test]
fn a_registry_that_names_no_digest_is_read() {
    let host = serve(|_, request| {
        let mut answer = honest(request);
        answer.headers_mut().remove("docker-content-digest");
        answer
    });
    is_known(&gather(options(&[&host]), &host));
}

#[test]
fn a_huge_answer_is_not_read_to_its_end() {
    let host = serve(|_, request| {
        let mut answer = honest(request);
        if request.method() == "GET" {
            *answer.body_mut() = Body::from(vec![b' '; 64 << 20]);
        }
        answer
    });
    let gathered = gather(options(&[&host]), &host);
    assert_eq!(reason(&gathered), format!("{host} answers with more than 4194304 bytes"));
}

#[test]
fn a_registry_that_never_answers_costs_its_time_once() {
    // Connections are taken by the system; nobody answers them.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = silent.local_addr().unwrap().to_string();
    let options = Options { timeout: Duration::from_secs(1), ..options(&[&host]) };
    let names: Vec<String> = (0..100).map(|number| format!("{host}/a{number}:1.0")).collect();
    let gathered = Registry::new(options).unwrap().gather(names.iter().map(String::as_str));
    assert_eq!(gathered.unresolved.len(), 100);
    let waited = format!("{host} gave no answer within 1 s");
    let waiting = gathered.unresolved.values().filter(|reason| **reason == waited).count();
    // Three failures, and those that were under way with the third.
    assert!((3..=8).contains(&waiting), "{waiting}");
}

#[test]
fn hosts_that_are_none_are_refused() {
    for host in ["http://mirror", "a/b", "", "a b", "-x.example", "a:port"] {
        let mut options = options(&[]);
        options.mirrors.insert("docker.io".to_owned(), host.to_owned());
        let error = Registry::new(options).err().unwrap().to_string();
        assert!(error.starts_with(&format!("`{host}` is no registry")), "{error}");
    }
}
