//! What a supervisor asks a worker: is it alive, can it reach its queue, how is the queue?

use crate::commands::queue::report::metrics;
use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use queue::{Location, Queue};
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// When the worker last showed that it is at it.
#[derive(Debug)]
pub(super) struct Pulse {
    last: Mutex<Instant>,
    longest: Duration,
}

impl Pulse {
    /// A worker that beats at least once in three leases.
    pub(super) fn new(lease: f64) -> Self {
        let longest = Duration::from_secs_f64(lease.max(10.0) * 3.0);
        Self { last: Mutex::new(Instant::now()), longest }
    }

    pub(super) fn beat(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn is_alive(&self) -> bool {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < self.longest
    }
}

struct Probed {
    pulse: Arc<Pulse>,
    location: Location,
}

/// Answers on a thread of its own, as long as the process lives.
pub(super) fn serve(
    address: SocketAddr,
    location: &Location,
    pulse: Arc<Pulse>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = runtime
        .block_on(TcpListener::bind(address))
        .with_context(|| format!("cannot listen on {address}"))?;
    writeln!(std::io::stderr(), "listening on http://{}", listener.local_addr()?)?;
    let probed = Arc::new(Probed { pulse, location: location.clone() });
    let app = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(report))
        .with_state(probed);
    std::thread::spawn(move || runtime.block_on(async { axum::serve(listener, app).await }));
    Ok(())
}

async fn livez(State(probed): State<Arc<Probed>>) -> Response {
    match probed.pulse.is_alive() {
        true => "ok\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "no sign of work\n").into_response(),
    }
}

async fn readyz(State(probed): State<Arc<Probed>>) -> Response {
    match reached(&probed.location).await {
        Ok(()) => "ok\n".into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

async fn reached(location: &Location) -> Result<(), queue::Error> {
    let queue = Queue::open(location).await?;
    let counted = queue.counts().await;
    queue.close().await;
    counted.map(|_| ())
}

async fn report(State(probed): State<Arc<Probed>>) -> Response {
    match metrics(&probed.location).await {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}
