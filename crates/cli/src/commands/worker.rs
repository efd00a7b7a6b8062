//! `worker`: judges claimed items against the source as it is now.

use crate::End;
use crate::args::Common;
use crate::args::worker::{Approving, Worker};
use crate::commands::queue::location;
use crate::commands::schedule;
use crate::server::Connected;
use crate::session::{Proving, Session};
use crate::write;
use anyhow::Context as _;
use queue::blocking::Queue as Store;
use queue::{Claim, Claimed, Completed, Failure, Retry, Stage, Which};
use record::{Applicability, QueueState};
use scheduler::simulate::Observation;
use serde::Serialize;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

mod judge;
mod probe;
mod stop;

use judge::{Attempt, Judged};
use probe::Pulse;
use stop::Stop;

/// Runs the command until there is nothing to do, with --drain, or until it is told to stop.
pub(crate) fn run(common: &Common, args: &Worker) -> anyhow::Result<End> {
    anyhow::ensure!(args.interval > 0.0, "--interval must be more than 0");
    anyhow::ensure!(args.root.is_dir(), "--root {}: there is no such folder", args.root.display());
    let session = Session::new(common, &args.selecting)?;
    let location = location(&args.place)?;
    let store = Store::open(&location)?;
    let pulse = Arc::new(Pulse::new(args.lease));
    if let Some(address) = args.listen {
        probe::serve(address, &location, Arc::clone(&pulse))?;
    }
    let corpus = session.corpus(&[]);
    let server = Connected::new(&args.server, &session, &corpus, common)?;
    let name = args.name.clone().unwrap_or_else(name);
    let worker = Working { args, session, store, server, name, stop: Stop::new()?, pulse };
    worker.work()
}

/// The host and the process: different for all that work at the same time.
fn name() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{host}/{}", std::process::id())
}

struct Working<'a> {
    args: &'a Worker,
    session: Session,
    store: Store,
    server: Option<Connected>,
    name: String,
    stop: Stop,
    pulse: Arc<Pulse>,
}

/// What an item is now, or why that could not be written down.
type Settled = Result<QueueState, queue::Error>;

/// Time between two attempts to reach the queue.
const AGAIN: Duration = Duration::from_millis(500);

/// What became of an item, as a line on stdout.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    state: QueueState,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl Working<'_> {
    fn work(&self) -> anyhow::Result<End> {
        let claim = Claim {
            worker: self.name.clone(),
            stage: Stage::Verify,
            lease_seconds: self.args.lease,
            limit: self.args.batch,
        };
        let mut all_verified = true;
        while !self.stop.is_asked() {
            self.pulse.beat();
            let claimed = self.ask(&async |store| store.claim(&claim).await)?;
            if claimed.is_empty() {
                if self.args.drain {
                    break;
                }
                self.stop.wait(Duration::from_secs_f64(self.args.interval));
                continue;
            }
            all_verified &= self.batch(&claimed)?;
            self.ask(&async |store| store.learn(schedule::weigh).await)?;
        }
        Ok(if all_verified { End::Clean } else { End::Findings })
    }

    /// Asks the queue; while it cannot be reached, again, for as long as a lease lasts.
    fn ask<T>(
        &self,
        work: &impl AsyncFn(&queue::Queue) -> Result<T, queue::Error>,
    ) -> Result<T, queue::Error> {
        let begin = Instant::now();
        let mut warned = false;
        loop {
            let error = match self.store.run(work) {
                Err(error) if error.is_transient() => error,
                done => return done,
            };
            if begin.elapsed().as_secs_f64() >= self.args.lease || self.stop.is_asked() {
                return Err(error);
            }
            if !std::mem::replace(&mut warned, true) {
                // Whoever reads it is gone: the work is not.
                let _ = writeln!(std::io::stderr(), "warning: {error}; trying again");
            }
            self.stop.wait(AGAIN);
        }
    }

    /// Judges some items; whether all are verified.
    fn batch(&self, claimed: &[Claimed]) -> anyhow::Result<bool> {
        let attempts = match self.while_held(claimed, || self.judge(claimed)) {
            Ok(attempts) => attempts,
            Err(error) => {
                self.give_back(claimed);
                return Err(error);
            }
        };
        // All is written down before any of it is told: nobody may listen.
        let settled = self.settle(claimed, &attempts)?;
        self.keep(claimed, &attempts)?;
        let mut all_verified = true;
        for ((one, attempt), settled) in claimed.iter().zip(&attempts).zip(settled) {
            all_verified &= matches!(settled, Ok(QueueState::Verified | QueueState::Approved));
            report(one, settled, attempt.seconds, attempt.judged.reason())?;
        }
        Ok(all_verified)
    }

    /// What cannot be judged here may be judged elsewhere, and not only when the lease is over.
    fn give_back(&self, held: &[Claimed]) {
        for one in held {
            let why = Some("the worker cannot judge");
            let release = async |store: &queue::Queue| {
                store.release(&one.item.id, one.token, None, why).await
            };
            if let Err(error) = self.store.run(release) {
                let _ = writeln!(std::io::stderr(), "warning: {error}");
            }
        }
    }

    /// Does something, and prolongs the leases of the items meanwhile.
    fn while_held<T: Send>(
        &self,
        held: &[Claimed],
        work: impl FnOnce() -> anyhow::Result<T> + Send,
    ) -> anyhow::Result<T> {
        let (done, is_done) = std::sync::mpsc::channel::<()>();
        let pause = Duration::from_secs_f64(self.args.lease / 3.0);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                while is_done.recv_timeout(pause) == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
                {
                    self.prolong(held);
                }
            });
            let result = work();
            drop(done);
            result
        })
    }

    /// An item that cannot be prolonged is refused when it is settled, which is said then.
    fn prolong(&self, held: &[Claimed]) {
        self.pulse.beat();
        for one in held {
            let _ = self
                .store
                .run(async |store| store.heartbeat(&one.item.id, one.token, self.args.lease).await);
        }
    }

    fn judge(&self, ready: &[Claimed]) -> anyhow::Result<Vec<Attempt>> {
        let items: Vec<_> = ready.iter().map(|one| &one.item).collect();
        let begin = Instant::now();
        let mut sources = judge::sources(&items, &self.args.root, &self.session);
        sources.add(self.session.read(&self.args.inputs));
        let corpus = self.session.corpus(&sources.inputs.files);
        let gates = self.args.server.gates();
        let proving = Proving::new(&self.session, &corpus, gates, false, self.server.as_ref())?;
        let judge = proving.judge(&self.session, &corpus);
        let share = begin.elapsed() / u32::try_from(items.len().max(1)).unwrap_or(u32::MAX);
        Ok(judge::all(&items, &sources, &judge, &self.session, share))
    }

    /// Writes down how the attempts ended, all successes at once.
    fn settle(&self, claimed: &[Claimed], attempts: &[Attempt]) -> anyhow::Result<Vec<Settled>> {
        let is_verified = |attempt: &Attempt| matches!(attempt.judged, Judged::Verified);
        let verified: Vec<_> = claimed
            .iter()
            .zip(attempts)
            .filter(|(_, attempt)| is_verified(attempt))
            .map(|(one, attempt)| {
                let seconds = Some(attempt.seconds);
                (one.item.id.as_str(), one.token, Completed { seconds, ..Completed::default() })
            })
            .collect();
        let mut became = self.ask(&async |store| store.complete_all(&verified).await)?.into_iter();
        let settle = |(one, attempt): (&Claimed, &Attempt)| {
            if !is_verified(attempt) {
                return self.settle_other(one, attempt);
            }
            match became.next()? {
                Ok(QueueState::Verified) if self.approves(one) => Some(self.approve(&one.item.id)),
                became => Some(became),
            }
        };
        Ok(claimed.iter().zip(attempts).filter_map(settle).collect())
    }

    fn settle_other(&self, one: &Claimed, attempt: &Attempt) -> Option<Settled> {
        let (id, token) = (one.item.id.as_str(), one.token);
        match &attempt.judged {
            Judged::Verified => None,
            Judged::Stale(reason) => {
                Some(self.ask(&async |store| store.stale(id, token, reason).await))
            }
            Judged::Failed { class, reason } => Some(self.ask(&async |store| {
                let (class, reason) = ((*class).to_owned(), reason.clone());
                let seconds = Some(attempt.seconds);
                store
                    .fail(id, token, &Failure { reason, class, seconds, retry: Retry::Later })
                    .await
            })),
        }
    }

    fn approves(&self, one: &Claimed) -> bool {
        self.args.approve == Approving::Safe && one.item.applicability == Some(Applicability::Safe)
    }

    fn approve(&self, id: &str) -> Settled {
        let ids = [id.to_owned()];
        self.ask(&async |store| store.approve(Which::Ids(&ids), &self.name).await)?;
        Ok(QueueState::Approved)
    }

    /// Adds the attempts to the file that they are drawn from in simulations.
    fn keep(&self, ready: &[Claimed], attempts: &[Attempt]) -> anyhow::Result<()> {
        let Some(path) = &self.args.attempts_out else { return Ok(()) };
        let mut lines = Vec::new();
        for (one, attempt) in ready.iter().zip(attempts) {
            let success = match attempt.judged {
                Judged::Verified => true,
                Judged::Failed { .. } => false,
                // Says nothing of the fix.
                Judged::Stale(_) => continue,
            };
            let (class, risk) = (one.item.class(), one.item.risk);
            record::json::to_writer(
                &mut lines,
                &Observation { class, risk, seconds: attempt.seconds, success },
            )?;
            lines.push(b'\n');
        }
        write::append(path, &lines).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// A lease that was lost costs nothing but the work: somebody else has the item.
fn report(
    one: &Claimed,
    settled: Settled,
    seconds: f64,
    reason: Option<&str>,
) -> anyhow::Result<()> {
    match settled {
        Ok(state) => {
            let line = record::json::to_string(&Line { id: &one.item.id, state, seconds, reason })?;
            writeln!(std::io::stdout(), "{line}")?;
        }
        Err(error @ queue::Error::Fenced { .. }) => {
            writeln!(std::io::stderr(), "warning: {error}")?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
