//! What a kubeconfig may ask for besides a server and a token.

#![allow(clippy::unwrap_used)]

mod common;

use common::{
    accepted, apply, config_map, connect, kubeconfig, namespace, raw, restricted_pod, seed, shared,
};
use serde_json::json;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use verifier::ApiServer as _;

#[test]
fn objects_without_a_namespace_go_to_the_contexts() {
    let Some(server) = shared() else { return };
    seed(server, &[namespace("context")]);
    let mut config = kubeconfig(server);
    config["contexts"][0]["context"]["namespace"] = json!("context");
    let user = connect(&config).unwrap();
    let stored = accepted(apply(&user, &config_map("map", json!({}))));
    assert_eq!(stored["metadata"]["namespace"], "context");
    let stored = accepted(user.create_pod(&restricted_pod()));
    assert_eq!(stored["metadata"]["namespace"], "context");
    // What has no namespace is not put into one.
    accepted(apply(&user, &namespace("other")));
}

#[test]
fn credentials_of_a_program_are_used_and_their_lack_is_told() {
    let Some(server) = shared() else { return };
    let mut config = kubeconfig(server);
    let token = config["users"][0]["user"]["token"].clone();
    let credential = json!({ "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential", "status": { "token": token } });
    let exec = |script: String| {
        json!({ "exec": { "apiVersion": "client.authentication.k8s.io/v1", "command": "sh",
            "args": ["-c", script], "interactiveMode": "Never" } })
    };
    config["users"][0]["user"] = exec(format!("echo '{credential}'"));
    accepted(apply(&connect(&config).unwrap(), &config_map("map", json!({}))));
    config["users"][0]["user"] = exec("echo no luck >&2; exit 1".to_owned());
    let error = connect(&config).err().unwrap().to_string();
    assert!(error.contains("no luck"), "{error}");
}

#[test]
fn a_proxy_is_gone_through() {
    let Some(server) = shared() else { return };
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = kubeconfig(server);
    let url = format!("http://{}", proxy.local_addr().unwrap());
    config["clusters"][0]["cluster"]["proxy-url"] = json!(url);
    let tunnels = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tunnels);
    std::thread::spawn(move || {
        for stream in proxy.incoming() {
            counted.fetch_add(1, Ordering::Relaxed);
            std::thread::spawn(move || tunnel(stream.unwrap()));
        }
    });
    accepted(apply(&connect(&config).unwrap(), &config_map("map", json!({}))));
    assert!(tunnels.load(Ordering::Relaxed) > 0);
}

/// Answers CONNECT and passes on what comes.
fn tunnel(mut client: TcpStream) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        reader.read_line(&mut head).unwrap();
    }
    let target = head.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap();
    let server = TcpStream::connect(target).unwrap();
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    let mut towards = server.try_clone().unwrap();
    // A connection ends as its ends wish.
    std::thread::spawn(move || drop(std::io::copy(&mut reader, &mut towards)));
    drop(std::io::copy(&mut &server, &mut client));
}

#[test]
fn what_is_seeded_on_a_users_server_stays_there() {
    let Some(server) = shared() else { return };
    let user = connect(&kubeconfig(server)).unwrap();
    let mut map = config_map("map", json!({ "a": "b" }));
    map["metadata"]["namespace"] = json!("seeded");
    let nameless = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": {} });
    let twice = {
        let mut map = map.clone();
        map["data"]["a"] = json!("c");
        map
    };
    let seeded = user.seed(&[map, twice, nameless, namespace("seeded")]);
    assert_eq!(seeded.created, 2);
    assert_eq!(seeded.failed, [("ConfigMap ".to_owned(), "it has no name".to_owned())]);
    let raw = raw(server);
    assert_eq!(raw.get("/api/v1/namespaces/seeded/configmaps/map")["data"]["a"], "b");
    // Controllers make the accounts of a real cluster.
    assert_eq!(raw.get("/api/v1/namespaces/seeded/serviceaccounts")["items"], json!([]));
}
