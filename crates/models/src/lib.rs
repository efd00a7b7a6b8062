//! Language models as proposers, behind a wall.
//!
//! A model sees one object with tokens in place of its secrets, the page of one rule, and why its
//! earlier answers were refused. What it answers is a candidate like any other: the gates judge it,
//! and what they say goes into the next attempt.

mod answer;
mod backend;
mod budget;
mod cache;
mod client;
mod error;
mod prompt;
mod wall;

pub use backend::{Backend, Options, Structured};
pub use budget::Totals;
pub use error::Error;
pub use prompt::PROMPT_VERSION;

use budget::{Budget, Limits, Prices, Tokens};
use cache::Cache;
use client::{Answer, Client, Failure};
use json_patch::jsonptr::PointerBuf;
use prompt::{Earlier, Message, escape};
use record::{Attempt, AttemptOutcome, Gate, PatchOperation};
use rules::Rule;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};
use wall::Wall;
use wall::looks::Looks;

/// Bytes of an object that is shown to a model, as JSON.
const MAX_OBJECT: usize = 256 << 10;

/// What a model is asked to cure: one finding in one object.
#[derive(Debug, Clone, Copy)]
pub struct Task<'t> {
    /// Canonical policy id, for budgets.
    pub policy: &'t str,
    /// The rule that reported it.
    pub rule: &'t Rule,
    /// The rule's page, Markdown.
    pub page: &'t str,
    /// The object alone, never its neighbours.
    pub object: &'t Value,
    /// JSON Pointer of the object in its document: empty, or for example `/items/3`. The model
    /// speaks of the object; its operations are moved by this.
    pub prefix: &'t str,
    /// The finding.
    pub message: &'t str,
    /// JSON Pointer of the finding, from the object's root.
    pub pointer: &'t str,
    /// Patterns of the paths that a patch may touch, from the object's root. They are shown to the
    /// model; the gates enforce them.
    pub allowed: &'t [String],
}

/// What the gates say of a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// Every gate passed.
    Accepted,
    /// One did not.
    Rejected {
        /// The first that did not pass.
        gate: Gate,
        /// Why. Goes back to the model without what looks like a secret.
        reason: String,
    },
    /// One could not judge, and could not judge any other patch of the object either: another
    /// attempt would be in vain.
    Unavailable {
        /// Which.
        gate: Gate,
        /// Why.
        reason: String,
    },
}

/// What came of asking.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Proposed {
    /// The accepted patch from the document's root, with secrets where they were.
    pub patch: Option<Vec<PatchOperation>>,
    /// Every attempt, with tokens in place of secrets.
    pub attempts: Vec<Attempt>,
}

/// Asks one model. Its methods wait for answers and may be called from many threads at once, but not
/// from within an asynchronous runtime: it has its own.
pub struct Proposer {
    options: Options,
    client: Client,
    cache: Option<Cache>,
    budget: Budget,
    looks: Looks,
    /// Forms of secrets that must not be sent, whatever object they are in.
    known: RwLock<BTreeSet<String>>,
    runtime: tokio::runtime::Runtime,
}

impl Proposer {
    /// Reads the key from its environment variable and opens the cache. Sends nothing.
    ///
    /// # Errors
    /// When the configuration is not one with which a model can be asked; see [`Error`].
    pub fn new(options: Options) -> Result<Self, Error> {
        options.check()?;
        let client = Client::new(&options)?;
        let folder = options.cache.as_deref();
        let cache = folder.map(|folder| {
            let failed = |source| Error::Cache { path: folder.to_owned(), source };
            Cache::open(folder).map_err(failed)
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| Error::Client(error.to_string()))?;
        let known = wall::secrets_of(client.key().map(str::to_owned));
        Ok(Self {
            cache: cache.transpose()?,
            budget: budget(&options),
            looks: Looks::new().map_err(|error| Error::Client(error.to_string()))?,
            known: RwLock::new(known),
            client,
            options,
            runtime,
        })
    }

    /// The backend's name in the configuration.
    pub fn name(&self) -> &str {
        &self.options.name
    }

    /// The model's name.
    pub fn model(&self) -> &str {
        self.client.model()
    }

    /// Requests at the same time, at most.
    pub fn concurrency(&self) -> usize {
        self.options.concurrency()
    }

    /// Names secrets of other objects, as they are or in base64. From now on no request may hold
    /// one in any form, and objects that repeat one are shown with a token in its place. Words and
    /// short numbers are not looked for: they stand everywhere without disclosing anything.
    pub fn know(&self, secrets: impl IntoIterator<Item = String>) {
        let forms = wall::secrets_of(secrets);
        self.known.write().unwrap_or_else(PoisonError::into_inner).extend(forms);
    }

    /// As [`Proposer::know`], with every secret of an object.
    pub fn guard(&self, object: &Value) {
        let forms = Wall::around(object, &self.looks, &BTreeSet::new()).into_needles();
        self.known.write().unwrap_or_else(PoisonError::into_inner).extend(forms);
    }

    /// What the run used so far.
    pub fn totals(&self) -> Totals {
        self.budget.totals()
    }

    /// Asks for a patch until one is accepted or the attempts are used up. `judge` is given patches
    /// from the document's root.
    pub fn propose(
        &self,
        task: &Task<'_>,
        judge: &dyn Fn(&[PatchOperation]) -> Judgement,
    ) -> Proposed {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        let wall = Wall::around(task.object, &self.looks, &known);
        let mut attempts = Vec::new();
        if let Some(refused) = self.refused(task, &wall) {
            attempts.push(refused);
            return Proposed { patch: None, attempts };
        }
        let mut earlier: Vec<Earlier> = Vec::new();
        for number in 1..=self.options.attempts(task.policy) {
            let Tried { attempt, patch, again } = self.attempt(task, &wall, &earlier, judge);
            earlier.push(Earlier {
                patch: attempt.patch.clone(),
                gate: attempt.gate,
                reason: attempt.reason.clone().unwrap_or_default(),
            });
            attempts.push(Attempt { number, ..attempt });
            if patch.is_some() || !again {
                return Proposed { patch, attempts };
            }
        }
        Proposed { patch: None, attempts }
    }

    /// Why nothing is asked at all.
    fn refused(&self, task: &Task<'_>, wall: &Wall) -> Option<Attempt> {
        let size = wall.redacted().to_string().len();
        let reason = if self.options.attempts(task.policy) == 0 {
            format!("no attempt is allowed for policy {}", task.policy)
        } else if size > MAX_OBJECT {
            format!("the object has {size} bytes, the limit is {MAX_OBJECT}")
        } else {
            return None;
        };
        Some(Attempt { number: 1, ..ended(AttemptOutcome::OverBudget, reason) })
    }

    /// One question, and the patch when it is accepted.
    fn attempt(
        &self,
        task: &Task<'_>,
        wall: &Wall,
        earlier: &[Earlier],
        judge: &dyn Fn(&[PatchOperation]) -> Judgement,
    ) -> Tried {
        let messages = prompt::messages(task, wall, &self.looks, earlier);
        let (answer, cached) = match self.answer(task, wall, &messages) {
            Ok(answer) => answer,
            Err(failure) => return self.failed(&failure, wall),
        };
        let usage = answer.tokens.filter(|_| !cached);
        let usage = usage.map(|tokens: Tokens| self.budget.usage(tokens));
        let text = wall.mask(&answer.text);
        let tried = self.judged(task, wall, &text, judge);
        Tried { attempt: Attempt { cached, usage, ..tried.attempt }, ..tried }
    }

    /// The answer to these messages, and whether it is from the cache.
    fn answer(
        &self,
        task: &Task<'_>,
        wall: &Wall,
        messages: &[Message],
    ) -> Result<(Answer, bool), Failure> {
        let key = Cache::key(&json!({
            "prompt": PROMPT_VERSION, "rule": task.rule.id, "object": wall.redacted(),
            "request": self.client.identity(messages),
        }));
        if let Some(answer) = self.cache.as_ref().and_then(|cache| cache.get(&key)) {
            self.budget.cached();
            return Ok((answer, true));
        }
        if self.options.replay_only {
            let reason = "the cache holds no answer to this request, and replay asks no one";
            return Err(Failure::NoAnswer(reason.to_owned()));
        }
        let mut answer = self.runtime.block_on(self.client.ask(messages, wall, &self.budget))?;
        answer.text = wall.mask(&answer.text);
        if let Some(cache) = &self.cache
            && cache.put(&key, &answer).is_err()
        {
            self.budget.unwritten();
        }
        Ok((answer, false))
    }

    fn failed(&self, failure: &Failure, wall: &Wall) -> Tried {
        let outcome = match failure {
            Failure::NoAnswer(_) => AttemptOutcome::NoAnswer,
            Failure::Unreadable(_) => AttemptOutcome::Unreadable,
            Failure::Withheld(_) => AttemptOutcome::Withheld,
            Failure::OverBudget(_) => AttemptOutcome::OverBudget,
        };
        let again = outcome == AttemptOutcome::Unreadable;
        let attempt = ended(outcome, self.shown(&failure.to_string(), wall));
        Tried { attempt, patch: None, again }
    }

    /// Sends an answer through the wall and the gates.
    fn judged(
        &self,
        task: &Task<'_>,
        wall: &Wall,
        text: &str,
        judge: &dyn Fn(&[PatchOperation]) -> Judgement,
    ) -> Tried {
        let unreadable = |reason: &str| {
            Tried::again(ended(AttemptOutcome::Unreadable, self.shown(reason, wall)))
        };
        let answered = match answer::parse(text) {
            Ok(operations) => operations,
            Err(error) => return unreadable(&error.to_string()),
        };
        // Escapes in the answer can hide a secret that the endpoint knows from elsewhere.
        let is_guess = |operation: &PatchOperation| wall.scan(&operation.to_string()).is_err();
        if answered.iter().any(is_guess) {
            return unreadable("the patch holds a secret that the model was not shown");
        }
        let rejected = |gate, reason: &str| Attempt {
            gate,
            patch: answered.clone(),
            ..ended(AttemptOutcome::Rejected, self.shown(reason, wall))
        };
        let restored = wall.restore(&answered).map_err(|refusal| refusal.to_string());
        let patch = match restored.and_then(|patch| shifted(patch, task.prefix)) {
            Ok(patch) => patch,
            Err(reason) => return Tried::again(rejected(None, &reason)),
        };
        match judge(&patch) {
            Judgement::Accepted => {
                let attempt = Attempt {
                    outcome: AttemptOutcome::Accepted,
                    reason: None,
                    ..rejected(None, "")
                };
                Tried { attempt, patch: Some(patch), again: false }
            }
            Judgement::Rejected { gate, reason } => Tried::again(rejected(Some(gate), &reason)),
            Judgement::Unavailable { gate, reason } => {
                Tried { again: false, ..Tried::again(rejected(Some(gate), &reason)) }
            }
        }
    }

    /// A reason as records and models may see it.
    fn shown(&self, reason: &str, wall: &Wall) -> String {
        escape(&wall.clean(reason, &self.looks))
    }
}

/// An attempt, and what is to come of it.
struct Tried {
    attempt: Attempt,
    /// When it was accepted: with secrets, from the document's root.
    patch: Option<Vec<PatchOperation>>,
    /// Whether another attempt may do better.
    again: bool,
}

impl Tried {
    fn again(attempt: Attempt) -> Self {
        Self { attempt, patch: None, again: true }
    }
}

fn budget(options: &Options) -> Budget {
    let backend = &options.backend;
    let prices = backend.prompt_price.zip(backend.completion_price);
    let prices = prices.map(|(prompt, completion)| Prices { prompt, completion });
    let limits = Limits {
        requests: options.max_requests,
        tokens: options.max_total_tokens,
        cost: options.max_cost,
    };
    Budget::new(limits, prices)
}

fn ended(outcome: AttemptOutcome, reason: String) -> Attempt {
    Attempt {
        number: 0,
        outcome,
        reason: Some(reason),
        gate: None,
        patch: Vec::new(),
        cached: false,
        usage: None,
    }
}

/// Operations from the document's root instead of the object's.
fn shifted(operations: Vec<PatchOperation>, prefix: &str) -> Result<Vec<PatchOperation>, String> {
    let mut operations = operations;
    for operation in &mut operations {
        let path = match operation {
            PatchOperation::Add(add) => &mut add.path,
            PatchOperation::Remove(remove) => &mut remove.path,
            PatchOperation::Replace(replace) => &mut replace.path,
            PatchOperation::Test(test) => &mut test.path,
            PatchOperation::Move(_) | PatchOperation::Copy(_) => {
                return Err(wall::Refusal::Moves.to_string());
            }
        };
        let whole = format!("{prefix}{path}");
        *path = PointerBuf::parse(whole).map_err(|_| format!("no path: {path}"))?;
    }
    Ok(operations)
}
