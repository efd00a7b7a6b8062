//! A server on loopback that answers with the bytes it is told to.

#![allow(dead_code, clippy::unwrap_used, reason = "shared by tests")]

use models::{Backend, Options};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

/// What the server does with a request.
pub(crate) enum Reply {
    /// Writes these bytes and closes.
    Bytes(Vec<u8>),
    /// Writes these bytes and nothing more until the server stops.
    Hang(Vec<u8>),
}

/// One request.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

type Handler = dyn Fn(usize, &Request) -> Reply + Send + Sync;

pub(crate) struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    requests: Arc<Mutex<Vec<Request>>>,
    acceptor: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server. The handler is given the request's number, from nought.
    pub(crate) fn start(
        handler: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let handler: Arc<Handler> = Arc::new(handler);
        let (stopped, seen) = (stop.clone(), requests.clone());
        let acceptor = spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (handler, seen, stopped) = (handler.clone(), seen.clone(), stopped.clone());
                spawn(move || serve(stream.unwrap(), &*handler, &seen, &stopped));
            }
        });
        Self { address, stop, requests, acceptor: Some(acceptor) }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Options for this server: one attempt, no retries.
    pub(crate) fn options(&self) -> Options {
        Options {
            name: "local".to_owned(),
            backend: Backend {
                endpoint: Some(self.endpoint()),
                model: Some("tiny".to_owned()),
                ..Backend::default()
            },
            seed: Some(1337),
            max_attempts: 1,
            retries: 0,
            timeout: Duration::from_secs(30),
            cache: None,
            replay_only: false,
            attempts_per_policy: BTreeMap::new(),
            max_requests: None,
            max_total_tokens: None,
            max_cost: None,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn serve(
    mut stream: TcpStream,
    handler: &Handler,
    seen: &Mutex<Vec<Request>>,
    stopped: &AtomicBool,
) {
    let Some(request) = read(&mut stream) else { return };
    let number = {
        let mut seen = seen.lock().unwrap();
        seen.push(request.clone());
        seen.len() - 1
    };
    match handler(number, &request) {
        Reply::Bytes(bytes) => {
            let _ = stream.write_all(&bytes);
        }
        Reply::Hang(bytes) => {
            let _ = stream.write_all(&bytes);
            while !stopped.load(Ordering::SeqCst) {
                sleep(Duration::from_millis(10));
            }
        }
    }
}

fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 64 << 10];
    loop {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        let text = std::str::from_utf8(&bytes).ok()?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
        });
        if body.len() >= length.unwrap_or(0) {
            return Some(Request { head: head.to_owned(), body: body.to_owned() });
        }
    }
}

/// A response with a status line such as `200 OK` and further header lines.
pub(crate) fn response(status: &str, headers: &str, body: &[u8]) -> Reply {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    Reply::Bytes([head.as_bytes(), body].concat())
}

/// A chat completion with this text.
pub(crate) fn completion(text: &str) -> Reply {
    let body = json!({
        "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10}
    });
    response("200 OK", "content-type: application/json\r\n", body.to_string().as_bytes())
}

/// The same in parts.
pub(crate) fn stream_of(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let part = json!({"choices": [{"delta": {"content": c}}]});
        out.push_str(&format!("data: {part}\n\n"));
    }
    out.push_str("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n");
    out.push_str(
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":10}}\n\n",
    );
    out
}
