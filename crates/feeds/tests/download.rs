//! Downloads from servers that answer as servers do.

#![allow(clippy::unwrap_used, reason = "tests")]

use axum::Router;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::get;
use feeds::{Downloads, Failure, Kind};
use std::net::SocketAddr;
use std::time::Duration;

/// A server on loopback, which ends with the test.
fn serve(router: Router) -> (SocketAddr, tokio::runtime::Runtime) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move { axum::serve(listener, router).await });
    (address, runtime)
}

fn downloads() -> Downloads {
    Downloads::new(Duration::from_secs(20)).unwrap()
}

#[test]
fn a_feed_comes_whole_and_by_way_of_redirects() {
    let router = Router::new()
        .route("/feed", get(|| async { "cve,epss\n" }))
        .route("/moved", get(|| async { Redirect::temporary("/feed") }))
        .route("/around", get(|| async { Redirect::temporary("/around") }));
    let (address, _server) = serve(router);
    let fetch = |path: &str| downloads().get(Kind::Epss, &format!("http://{address}{path}"));
    assert_eq!(fetch("/feed").unwrap(), b"cve,epss\n");
    assert_eq!(fetch("/moved").unwrap(), b"cve,epss\n");
    assert!(matches!(fetch("/around"), Err(Failure::Unreachable { reason, .. })
        if reason.contains("redirects too often")));
}

#[test]
fn answers_that_are_no_feed_are_told_apart() {
    let router = Router::new()
        .route("/busy", get(|| async { StatusCode::SERVICE_UNAVAILABLE }))
        .route("/huge", get(|| async { vec![b'x'; (32 << 20) + 1] }));
    let (address, _server) = serve(router);
    let fetch = |path: &str| downloads().get(Kind::Kev, &format!("http://{address}{path}"));
    assert!(matches!(fetch("/busy"), Err(Failure::Status { status: 503, .. })));
    assert!(matches!(fetch("/none"), Err(Failure::Status { status: 404, .. })));
    assert!(matches!(fetch("/huge"), Err(Failure::TooLarge { .. })));
    for url in ["", "feeds", "file:///etc/passwd", "ftp://a/b"] {
        assert!(matches!(downloads().get(Kind::Kev, url), Err(Failure::Url(_))), "{url}");
    }
}

#[test]
fn who_does_not_answer_is_not_waited_for() {
    // Connections are taken by the system and never answered.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let fetched = Downloads::new(Duration::from_millis(300)).unwrap().get(Kind::Kev, &url);
    let error = fetched.unwrap_err().to_string();
    assert!(error.contains("no whole answer within 0.3 s"), "{error}");
    drop(listener);
    let error = downloads().get(Kind::Kev, &url).unwrap_err().to_string();
    assert!(error.contains("cannot be reached"), "{error}");
}
