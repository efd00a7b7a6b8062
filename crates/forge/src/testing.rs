//! The forges of the tests: servers on loopback that speak as much of each API as [`Forge`] uses,
//! and remember what they were told.
//!
//! A test reads and changes what a server holds through [`Server::state`], as people would on the
//! forge's pages, and makes it answer badly with [`Fault`]s.
//!
//! [`Forge`]: crate::Forge

mod github;
mod gitlab;

use crate::{Kind, Settings, Token};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Shared;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use reqwest::Url;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// A running server; it ends when this is dropped.
pub struct Server {
    address: SocketAddr,
    kind: Kind,
    state: Arc<Mutex<State>>,
    _runtime: Runtime,
}

/// A server that speaks GitHub's API for the repository `acme/shop`.
pub struct Github(Server);

/// A server that speaks GitLab's API for the project `acme/web/shop`.
pub struct Gitlab(Server);

/// What a server holds.
#[derive(Debug)]
pub struct State {
    /// `owner/name` or `group/subgroup/name`.
    pub project: String,
    /// Who may come in.
    pub token: String,
    /// Whose token it is: the author of all that is made.
    pub author: String,
    /// Users who may review; on GitLab their ids are their places here, from 1.
    pub users: Vec<String>,
    /// Slugs of GitHub's teams that may review.
    pub teams: Vec<String>,
    /// Reviewers that GitLab takes for one request.
    pub most_reviewers: usize,
    /// Whether the token may label issues; if not, labels of new ones are dropped.
    pub may_label: bool,
    /// Entries of a page at most.
    pub page: usize,
    /// Requests, in the order of their numbers.
    pub pulls: Vec<Pull>,
    /// Issues, in the order of their numbers.
    pub issues: Vec<Issue>,
    /// What was asked, in order.
    pub seen: Vec<Seen>,
    /// What goes wrong next: each fault once, with the first request that it is for.
    pub faults: VecDeque<Fault>,
}

/// A pull request or merge request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// Its number.
    pub number: u64,
    /// The branch with the changes.
    pub branch: String,
    /// The branch that is to have them.
    pub base: String,
    /// Whether the branch is one of a fork.
    pub is_fork: bool,
    /// Its title.
    pub title: String,
    /// Its description.
    pub body: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// What became of it.
    pub stage: Stage,
    /// Who is asked to review: `@user` or `@org/team`.
    pub reviewers: Vec<String>,
    /// Who was ever asked.
    pub asked: Vec<String>,
    /// Names of who reviewed.
    pub reviewed: Vec<String>,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It waits for people.
    Open,
    /// A person closed it.
    Closed,
    /// It was merged.
    Merged,
    /// GitLab merges it at this moment.
    Locked,
}

/// An issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Its number.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its description.
    pub body: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// Whether nobody closed it.
    pub is_open: bool,
}

/// A request of HTTP that came in.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// `GET`, `POST`, `PATCH` or `PUT`.
    pub method: String,
    /// The path with its escapes, from the root of the server.
    pub path: String,
    /// The query, without escapes.
    pub query: Vec<(String, String)>,
    /// The body; null without one.
    pub body: Value,
}

/// An answer that goes wrong, for the first request with this method whose path ends so.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The method.
    pub method: &'static str,
    /// The end of the path.
    pub path: &'static str,
    /// What happens.
    pub what: Trouble,
}

/// What happens to a request.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// It is not done, and answered with this status, these headers and this body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// It is done, and the connection breaks before the answer.
    Lost,
    /// It is not done, and the connection breaks.
    Broken,
    /// It is done, and the answer waits that long.
    Slow(Duration),
    /// It is done, and the answer is followed by so many spaces.
    Huge(usize),
}

impl Seen {
    /// The first value of the query by that name, else nothing.
    fn parameter(&self, name: &str) -> &str {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    /// A text of the body, else nothing.
    fn text(&self, name: &str) -> String {
        self.body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The texts of a list of the body.
    fn texts(&self, name: &str) -> Vec<String> {
        let list = self.body.get(name).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(|text| Some(text.as_str()?.to_owned())).collect()
    }
}

impl State {
    fn new(project: &str) -> Self {
        Self {
            project: project.to_owned(),
            token: "test-token".to_owned(),
            author: "fixer".to_owned(),
            users: ["fixer", "alice", "bob"].map(str::to_owned).into(),
            teams: vec!["platform".to_owned()],
            most_reviewers: usize::MAX,
            may_label: true,
            page: 100,
            pulls: Vec::new(),
            issues: Vec::new(),
            seen: Vec::new(),
            faults: VecDeque::new(),
        }
    }

    /// What was asked that writes: everything but `GET`.
    pub fn writes(&self) -> Vec<&Seen> {
        self.seen.iter().filter(|seen| seen.method != "GET").collect()
    }

    /// Adds a request that was not made over HTTP, with the next number.
    pub fn push(&mut self, branch: &str, stage: Stage) -> &mut Pull {
        let number = self.next_number();
        self.pulls.push(Pull {
            number,
            branch: branch.to_owned(),
            base: "main".to_owned(),
            is_fork: false,
            title: format!("Request {number}"),
            body: String::new(),
            labels: Vec::new(),
            stage,
            reviewers: Vec::new(),
            asked: Vec::new(),
            reviewed: Vec::new(),
        });
        let last = self.pulls.len() - 1;
        &mut self.pulls[last]
    }

    /// GitHub counts both in one row.
    fn next_number(&self) -> u64 {
        let pulls = self.pulls.iter().map(|pull| pull.number);
        pulls.chain(self.issues.iter().map(|issue| issue.number)).max().unwrap_or(0) + 1
    }

    /// Adds an issue, as the body of a request names it.
    fn push_issue(&mut self, title: String, body: String, labels: Vec<String>) -> Issue {
        let labels = if self.may_label { labels } else { Vec::new() };
        let issue = Issue { number: self.next_number(), title, body, labels, is_open: true };
        self.issues.push(issue.clone());
        issue
    }

    fn fault(&mut self, seen: &Seen) -> Option<Trouble> {
        let is_meant =
            |fault: &Fault| fault.method == seen.method && seen.path.ends_with(fault.path);
        let at = self.faults.iter().position(is_meant)?;
        Some(self.faults.remove(at)?.what)
    }
}

/// An answer of an API.
struct Reply {
    status: u16,
    body: Value,
    headers: Vec<(&'static str, String)>,
}

impl Reply {
    fn new(status: u16, body: Value) -> Self {
        Self { status, body, headers: Vec::new() }
    }

    fn refusal(status: u16, message: &str) -> Self {
        Self::new(status, json!({ "message": message }))
    }

    /// The page of a list that was asked for, and whether there is one behind it.
    fn page(state: &State, seen: &Seen, list: &[Value]) -> (Vec<Value>, usize, bool) {
        let number = |name: &str, default: usize| seen.parameter(name).parse().unwrap_or(default);
        let per_page = number("per_page", 30).clamp(1, state.page);
        let page = number("page", 1).max(1);
        let entries = list.iter().skip((page - 1) * per_page).take(per_page).cloned();
        (entries.collect(), page, list.len() > page * per_page)
    }
}

impl Server {
    fn start(kind: Kind, project: &str) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State::new(project)));
        let shared = (kind, address, Arc::clone(&state));
        let router = Router::new().fallback(handle).with_state(shared);
        runtime.spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, kind, state, _runtime: runtime })
    }

    /// The root of its API.
    pub fn url(&self) -> String {
        root(self.kind, self.address)
    }

    /// What it holds. It answers nobody as long as this is held.
    pub fn state(&self) -> MutexGuard<'_, State> {
        guard(&self.state)
    }

    /// The settings that lead to it.
    pub fn settings(&self) -> Settings {
        let state = self.state();
        let token = Token::new(&state.token);
        Settings { url: self.url(), ..Settings::new(self.kind, &state.project, token) }
    }
}

impl Github {
    /// Starts it, without requests and issues.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start() -> io::Result<Self> {
        Server::start(Kind::Github, "acme/shop").map(Self)
    }
}

impl Deref for Github {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

impl Gitlab {
    /// Starts it, without requests and issues.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start() -> io::Result<Self> {
        Server::start(Kind::Gitlab, "acme/web/shop").map(Self)
    }
}

impl Deref for Gitlab {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

fn root(kind: Kind, address: SocketAddr) -> String {
    match kind {
        Kind::Github => format!("http://{address}"),
        Kind::Gitlab => format!("http://{address}/api/v4"),
    }
}

fn guard(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // A test that failed while it held the state left it whole.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

type Handled = (Kind, SocketAddr, Arc<Mutex<State>>);

async fn handle(
    Shared((kind, address, state)): Shared<Handled>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response<Body>, Infallible> {
    let seen = Seen {
        method: method.to_string(),
        path: uri.path().to_owned(),
        query: query(&uri),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    let (reply, trouble) = {
        let mut state = guard(&state);
        state.seen.push(seen.clone());
        let trouble = state.fault(&seen);
        let reply = match &trouble {
            Some(Trouble::Answer(..) | Trouble::Broken) => Reply::new(500, Value::Null),
            _ if kind == Kind::Github => github::answer(&mut state, address, &headers, &seen),
            _ => gitlab::answer(&mut state, &headers, &seen),
        };
        (reply, trouble)
    };
    let text = reply.body.to_string();
    Ok(match trouble {
        None => response(reply.status, &reply.headers, Body::from(text)),
        Some(Trouble::Answer(status, headers, text)) => {
            response(status, &headers, Body::from(text))
        }
        // What unwinds takes its connection along, and nobody is told of this as of a panic.
        Some(Trouble::Lost | Trouble::Broken) => resume_unwind(Box::new("a lost connection")),
        Some(Trouble::Slow(time)) => {
            tokio::time::sleep(time).await;
            response(reply.status, &reply.headers, Body::from(text))
        }
        Some(Trouble::Huge(spaces)) => {
            response(reply.status, &reply.headers, Body::from(text + &" ".repeat(spaces)))
        }
    })
}

fn query(uri: &Uri) -> Vec<(String, String)> {
    let url = Url::parse(&format!("http://localhost/?{}", uri.query().unwrap_or_default()));
    url.map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default()
}

fn response(status: u16, headers: &[(&'static str, String)], body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(*name, value);
        }
    }
    response
}
