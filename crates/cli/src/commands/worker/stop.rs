//! Ending in order: what has begun is finished, nothing new is begun.

use anyhow::Context as _;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Whether an interrupt or a request to end has come.
#[derive(Debug)]
pub(super) struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// Listens from now on.
    pub(super) fn new() -> anyhow::Result<Self> {
        let asked = Arc::new((Mutex::new(false), Condvar::new()));
        let shared = Arc::clone(&asked);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (mut interrupt, mut terminate) = runtime
            .block_on(async {
                let interrupt = signal(SignalKind::interrupt());
                interrupt.and_then(|interrupt| Ok((interrupt, signal(SignalKind::terminate())?)))
            })
            .context("cannot listen for signals")?;
        std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            });
            *shared.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
            shared.1.notify_all();
        });
        Ok(Self(asked))
    }

    pub(super) fn is_asked(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, unless it is to stop.
    pub(super) fn wait(&self, time: Duration) {
        let asked = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Woken or not, the caller asks again.
        drop(self.0.1.wait_timeout_while(asked, time, |asked| !*asked));
    }
}
