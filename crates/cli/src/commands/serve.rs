//! `serve`: the reference's HTTP contract, `POST /propose`, by the same code as `propose`.

use crate::End;
use crate::args::{Common, Serve};
use crate::located::Sources;
use crate::proposing::{Candidate, Who};
use crate::session::{Proving, Session};
use anyhow::{Context as _, ensure};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use record::Detection;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use verifier::GateSet;

/// Characters of a token that is made up.
const TOKEN_LENGTH: usize = 43;

/// What every request needs.
struct Service {
    session: Session,
    who: Who,
    /// Hash of the token that callers must send: comparing hashes tells nothing of the token.
    token: [u8; 32],
}

/// What the reference's clients send.
#[derive(Debug, Deserialize)]
struct Request {
    violation: Violation,
    /// Text, or the object itself.
    #[serde(default)]
    manifest: Value,
    /// What callers want to keep beside it; not looked at.
    #[serde(default, rename = "metadata")]
    _metadata: Value,
}

/// A finding: its policy, or a record of it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Violation {
    Policy(String),
    Record(Value),
}

/// Runs the command; ends at the first interrupt.
pub(crate) fn run(common: &Common, args: &Serve) -> anyhow::Result<End> {
    ensure!(
        args.listen.ip().is_loopback(),
        "--listen {}: this serves on loopback only; put a proxy with TLS in front of it",
        args.listen
    );
    let session = Session::new(common, &args.selecting)?;
    let who = Who::new(&args.proposing, &session, common)?;
    ensure!(!matches!(who, Who::Recorded(_)), "recorded answers go with `propose`");
    let (token, made_up) = token(&args.token_env)?;
    let limit = session.limits.max_bytes;
    let service = Service { session, who, token: Sha256::digest(&token).into() };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(args.listen)
            .await
            .with_context(|| format!("cannot listen on {}", args.listen))?;
        let address = listener.local_addr()?;
        let mut stderr = std::io::stderr().lock();
        writeln!(stderr, "listening on http://{address}")?;
        if made_up {
            writeln!(stderr, "token: {token}")?;
        }
        drop(stderr);
        let app = Router::new()
            .route("/propose", post(propose))
            .layer(DefaultBodyLimit::max(limit))
            .with_state(Arc::new(service));
        axum::serve(listener, app)
            .with_graceful_shutdown(async {
                // Without signals there is no other end than the process's.
                let _ = tokio::signal::ctrl_c().await;
            })
            .await?;
        Ok(End::Clean)
    })
}

/// The token of the environment, or one that is made up.
fn token(variable: &str) -> anyhow::Result<(String, bool)> {
    match std::env::var(variable) {
        Ok(token) if !token.trim().is_empty() => Ok((token.trim().to_owned(), false)),
        _ => {
            let mut bytes = [0; TOKEN_LENGTH];
            getrandom::fill(&mut bytes).context("no random numbers to be had for a token")?;
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            let letter = |byte: u8| char::from(alphabet[usize::from(byte % 64)]);
            Ok((bytes.into_iter().map(letter).collect(), true))
        }
    }
}

async fn propose(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response {
    if !service.knows(&headers) {
        let header = [(header::WWW_AUTHENTICATE, "Bearer")];
        return (StatusCode::UNAUTHORIZED, header, detail("a bearer token is needed"))
            .into_response();
    }
    let request: Request = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => {
            let reason = format!("the request is not as it should be: {error}");
            return (StatusCode::UNPROCESSABLE_ENTITY, detail(&reason)).into_response();
        }
    };
    let answered = tokio::task::spawn_blocking(move || service.answer(request)).await;
    match answered {
        Ok(Ok(answer)) => Json(answer).into_response(),
        Ok(Err(reason)) => (StatusCode::UNPROCESSABLE_ENTITY, detail(&reason)).into_response(),
        Err(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, detail("a fault of k8s-auto-fix")).into_response()
        }
    }
}

/// An error as the reference's server words it.
fn detail(reason: &str) -> Json<Value> {
    Json(json!({ "detail": reason }))
}

impl Service {
    fn knows(&self, headers: &HeaderMap) -> bool {
        let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = sent.and_then(|text| text.strip_prefix("Bearer ")).unwrap_or_default();
        Sha256::digest(token.trim())[..] == self.token
    }

    /// The patch for a finding.
    ///
    /// # Errors
    /// Why there is none.
    fn answer(&self, request: Request) -> Result<Value, String> {
        let detections = [detection(request)?];
        let sources = Sources::read(&detections, Path::new(""), &self.session);
        let faults = crate::session::input_errors(&sources.inputs);
        if let Some(fault) = faults.first() {
            let line = fault.line.map_or(String::new(), |line| format!("line {line}: "));
            return Err(format!("the manifest cannot be read: {line}{}", fault.message));
        }
        let corpus = self.session.corpus(&sources.inputs.files);
        let proving = Proving::new(&self.session, &corpus, GateSet::default(), false, None)
            .map_err(|error| error.to_string())?;
        let judge = proving.judge(&self.session, &corpus);
        self.who.learn_secrets(&corpus);
        let Candidate { patch, attempts } =
            self.who.candidate(&detections[0], &sources, &judge, &self.session);
        let patch = patch?;
        Ok(json!({
            "patch": patch.patch,
            "source": patch.source,
            "applicability": patch.applicability,
            "may_break": patch.may_break,
            "provenance": patch.provenance,
            "attempts": attempts.map(|attempts| attempts.attempts),
        }))
    }
}

/// The record of the finding, with the manifest in it. Paths in a request name no file.
fn detection(request: Request) -> Result<Detection, String> {
    let text = match request.manifest {
        Value::String(text) => text,
        Value::Null => return Err("`manifest` is needed: the text, or the object".to_owned()),
        object => object.to_string(),
    };
    let mut record = match request.violation {
        Violation::Policy(policy) => json!({ "policy_id": policy }),
        Violation::Record(record @ Value::Object(_)) => record,
        Violation::Record(_) => {
            return Err("`violation` is neither a text nor an object".to_owned());
        }
    };
    let defaults = [("id", "001"), ("violation_text", ""), ("policy_id", "")];
    for (field, value) in defaults {
        if record[field].is_null() {
            record[field] = value.into();
        }
    }
    record["manifest_path"] = "-".into();
    record["manifest_yaml"] = text.into();
    serde_json::from_value(record).map_err(|error| format!("`violation`: {error}"))
}
