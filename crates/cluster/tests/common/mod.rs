//! Real servers for the tests.
#![allow(dead_code, reason = "each test binary uses some of it")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

use cluster::{Choice, Error, Options, Server};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::OnceLock;
use verifier::{Answer, ApiServer, Refusal, Refused};

/// An ephemeral server; none, loudly, when its programs are not there.
pub(crate) fn ephemeral(options: Options) -> Option<Server> {
    match Server::connect(&Choice::Ephemeral { version: None }, options) {
        Err(Error::NoBinaries { .. }) if std::env::var_os("KUBEBUILDER_ASSETS").is_none() => {
            eprintln!("SKIPPED: no etcd and kube-apiserver; set KUBEBUILDER_ASSETS");
            None
        }
        server => Some(server.unwrap().unwrap()),
    }
}

/// One server for all tests of a binary. It ends with the process.
pub(crate) fn shared() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(|| ephemeral(Options::default())).as_ref()
}

/// The kubeconfig of an ephemeral server.
pub(crate) fn kubeconfig(server: &Server) -> Value {
    let file = server.folder().unwrap().join("kubeconfig");
    let mut kubeconfig: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let authority = server.folder().unwrap().join("ca.crt");
    kubeconfig["clusters"][0]["cluster"]["certificate-authority"] = json!(authority);
    kubeconfig
}

/// A kubeconfig for a server of the test's own.
pub(crate) fn kubeconfig_of(url: &str, mut cluster: Value, user: &Value) -> Value {
    cluster["server"] = json!(url);
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test" } }],
        "clusters": [{ "name": "test", "cluster": cluster }],
        "users": [{ "name": "test", "user": user }],
    })
}

/// A kubeconfig as a file, and options that read it.
pub(crate) fn options_of(kubeconfig: &Value) -> (tempfile::TempDir, Options) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    std::fs::write(&file, kubeconfig.to_string()).unwrap();
    (folder, Options { kubeconfig: Some(file), ..Options::default() })
}

/// Connects with a kubeconfig.
pub(crate) fn connect(kubeconfig: &Value) -> Result<Server, Error> {
    let (_folder, options) = options_of(kubeconfig);
    let server = Server::connect(&Choice::Kubeconfig { context: None }, options)?;
    Ok(server.unwrap())
}

/// The ephemeral server as another user sees it.
pub(crate) fn impersonated(server: &Server, user: &str) -> Server {
    let mut config = kubeconfig(server);
    config["users"][0]["user"]["as"] = json!(user);
    connect(&config).unwrap()
}

pub(crate) fn accepted(answer: Answer) -> Value {
    match answer {
        Answer::Accepted(object) => *object,
        Answer::Refused(refusal) => panic!("{refusal:?}"),
    }
}

pub(crate) fn refused(answer: Answer, kind: Refused) -> Refusal {
    match answer {
        Answer::Refused(refusal) => {
            assert_eq!(refusal.kind, kind, "{refusal:?}");
            refusal
        }
        Answer::Accepted(object) => panic!("accepted: {object}"),
    }
}

pub(crate) fn object(api_version: &str, kind: &str, name: &str) -> Value {
    json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": name } })
}

pub(crate) fn namespace(name: &str) -> Value {
    object("v1", "Namespace", name)
}

pub(crate) fn config_map(name: &str, data: Value) -> Value {
    let mut map = object("v1", "ConfigMap", name);
    map["data"] = data;
    map
}

pub(crate) fn deployment(name: &str) -> Value {
    let mut deployment = object("apps/v1", "Deployment", name);
    deployment["spec"] = json!({
        "selector": { "matchLabels": { "app": name } },
        "template": {
            "metadata": { "labels": { "app": name } },
            "spec": { "containers": [{ "name": "web", "image": "nginx" }] },
        },
    });
    deployment
}

/// A pod that every Pod Security level takes.
pub(crate) fn restricted_pod() -> Value {
    let mut pod = object("v1", "Pod", "good");
    pod["spec"] = json!({
        "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
        "containers": [{ "name": "web", "image": "nginx", "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": { "drop": ["ALL"] },
        } }],
    });
    pod
}

pub(crate) fn seed(server: &Server, objects: &[Value]) {
    let seeded = server.seed(objects);
    assert_eq!(seeded.failed, []);
    assert_eq!(seeded.created, objects.len());
}

/// Whether a process is there, as far as it is not merely waiting to be noted as gone.
pub(crate) fn runs(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

/// The process of `etcd` or `kube-apiserver`.
pub(crate) fn pid(folder: &Path, name: &str) -> i32 {
    std::fs::read_to_string(folder.join(format!("{name}.pid"))).unwrap().trim().parse().unwrap()
}

pub(crate) fn signal(pid: i32, signal: rustix::process::Signal) {
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// Waits until something is so; a generous time, only against hanging.
pub(crate) fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !so() {
        assert!(start.elapsed().as_secs() < 60, "never: {what}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

pub(crate) fn apply(server: &Server, object: &Value) -> Answer {
    ApiServer::apply(server, object)
}

/// The ephemeral server as one who takes over the fields of others.
pub(crate) fn forcing(server: &Server) -> Server {
    let (_folder, options) = options_of(&kubeconfig(server));
    let options = Options { force_conflicts: true, ..options };
    Server::connect(&Choice::Kubeconfig { context: None }, options).unwrap().unwrap()
}

/// A server without what this room does for its users.
pub(crate) struct Raw {
    runtime: tokio::runtime::Runtime,
    client: kube::Client,
}

pub(crate) fn raw(server: &Server) -> Raw {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.unwrap();
    let kubeconfig = serde_json::from_value(kubeconfig(server)).unwrap();
    let options = kube::config::KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options);
    let mut config = runtime.block_on(config).unwrap();
    config.proxy_url = None;
    let client = runtime.block_on(async { kube::Client::try_from(config) }).unwrap();
    Raw { runtime, client }
}

impl Raw {
    pub(crate) fn get(&self, path: &str) -> Value {
        self.send(http::Request::get(path).body(Vec::new()).unwrap())
    }

    pub(crate) fn post(&self, path: &str, object: &Value) -> Value {
        let request = http::Request::post(path).header("content-type", "application/json");
        self.send(request.body(object.to_string().into_bytes()).unwrap())
    }

    fn send(&self, request: http::Request<Vec<u8>>) -> Value {
        self.runtime.block_on(self.client.request(request)).unwrap()
    }
}

/// Creates an object for real in its namespace, as another manager.
pub(crate) fn create_as(server: &Server, manager: &str, object: &Value) {
    let (namespace, kind) = (&object["metadata"]["namespace"], object["kind"].as_str().unwrap());
    let plural = format!("{}s", kind.to_lowercase());
    let namespace = namespace.as_str().unwrap();
    let path = format!("/api/v1/namespaces/{namespace}/{plural}?fieldManager={manager}");
    raw(server).post(&path, object);
}
