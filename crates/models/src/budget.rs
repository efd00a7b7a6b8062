//! What a run may use, and what it used.

use record::Usage;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a run used.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Totals {
    /// Requests that were sent, repeated ones too.
    pub requests: u64,
    /// Answers from the cache.
    pub cached: u64,
    /// Answers that could not be written to the cache.
    pub unwritten: u64,
    /// Tokens of prompts, as the backend counts; estimated where it does not.
    pub prompt_tokens: u64,
    /// Tokens of answers, likewise.
    pub completion_tokens: u64,
    /// By the backend's prices; absent without them.
    pub cost: Option<f64>,
}

/// Prices of a million tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prices {
    pub(crate) prompt: f64,
    pub(crate) completion: f64,
}

/// A budget is spent. Says which.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the run's budget of {0} is spent")]
pub(crate) struct Spent(pub(crate) String);

/// Limits of a run; none by default.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    pub(crate) requests: Option<u64>,
    pub(crate) tokens: Option<u64>,
    pub(crate) cost: Option<f64>,
}

/// The account of a run.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: Limits,
    prices: Option<Prices>,
    account: Mutex<Account>,
}

#[derive(Debug, Default)]
struct Account {
    used: Totals,
    /// Expected of requests under way.
    reserved: Tokens,
}

/// Tokens of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tokens {
    pub(crate) prompt: u64,
    pub(crate) completion: u64,
}

impl Budget {
    pub(crate) fn new(limits: Limits, prices: Option<Prices>) -> Self {
        Self { limits, prices, account: Mutex::default() }
    }

    /// Sets aside what a request is expected to use, and counts it.
    pub(crate) fn reserve(&self, expected: Tokens) -> Result<(), Spent> {
        let mut account = self.account();
        let limit = self.limits.requests;
        if let Some(limit) = limit.filter(|limit| account.used.requests >= *limit) {
            return Err(Spent(format!("{limit} requests")));
        }
        let sum = Tokens {
            prompt: account.used.prompt_tokens + account.reserved.prompt + expected.prompt,
            completion: account.used.completion_tokens
                + account.reserved.completion
                + expected.completion,
        };
        let limit = self.limits.tokens;
        if let Some(limit) = limit.filter(|limit| sum.prompt + sum.completion > *limit) {
            return Err(Spent(format!("{limit} tokens")));
        }
        let cost = self.cost(sum).unwrap_or_default();
        if let Some(limit) = self.limits.cost.filter(|limit| cost > *limit) {
            return Err(Spent(format!("{limit} in cost")));
        }
        account.used.requests += 1;
        account.reserved.prompt += expected.prompt;
        account.reserved.completion += expected.completion;
        Ok(())
    }

    /// Replaces what was set aside by what was used; nothing is known of a request without answer.
    pub(crate) fn settle(&self, expected: Tokens, used: Tokens) {
        let mut account = self.account();
        account.reserved.prompt -= expected.prompt;
        account.reserved.completion -= expected.completion;
        account.used.prompt_tokens += used.prompt;
        account.used.completion_tokens += used.completion;
    }

    /// Counts an answer from the cache.
    pub(crate) fn cached(&self) {
        self.account().used.cached += 1;
    }

    /// Counts an answer that could not be kept.
    pub(crate) fn unwritten(&self) {
        self.account().used.unwritten += 1;
    }

    /// What was used so far.
    pub(crate) fn totals(&self) -> Totals {
        let used = self.account().used;
        let tokens = Tokens { prompt: used.prompt_tokens, completion: used.completion_tokens };
        Totals { cost: self.cost(tokens), ..used }
    }

    /// A record of tokens, with their cost.
    pub(crate) fn usage(&self, tokens: Tokens) -> Usage {
        Usage {
            prompt_tokens: tokens.prompt,
            completion_tokens: tokens.completion,
            cost: self.cost(tokens),
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "no run has 2^53 tokens")]
    fn cost(&self, tokens: Tokens) -> Option<f64> {
        let Prices { prompt, completion } = self.prices?;
        Some((tokens.prompt as f64 * prompt + tokens.completion as f64 * completion) / 1e6)
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, Limits, Prices, Spent, Tokens};

    const SOME: Tokens = Tokens { prompt: 60, completion: 10 };

    #[test]
    fn requests_under_way_count() {
        let limits = Limits { tokens: Some(150), ..Limits::default() };
        let budget = Budget::new(limits, None);
        assert_eq!(budget.reserve(SOME), Ok(()));
        assert_eq!(budget.reserve(SOME), Ok(()));
        assert_eq!(budget.reserve(SOME), Err(Spent("150 tokens".to_owned())));
        budget.settle(SOME, Tokens::default());
        assert_eq!(budget.reserve(SOME), Ok(()));
        assert_eq!(budget.totals().requests, 3);
    }

    #[test]
    fn requests_and_cost_have_limits() {
        let limits = Limits { requests: Some(1), ..Limits::default() };
        let budget = Budget::new(limits, None);
        assert_eq!(budget.reserve(SOME), Ok(()));
        assert_eq!(budget.reserve(SOME), Err(Spent("1 requests".to_owned())));
        let prices = Some(Prices { prompt: 1_000.0, completion: 10_000.0 });
        let budget = Budget::new(Limits { cost: Some(0.2), ..Limits::default() }, prices);
        assert_eq!(budget.reserve(SOME), Ok(()));
        budget.settle(SOME, SOME);
        assert_eq!(budget.totals().cost, Some(0.16));
        assert_eq!(budget.reserve(SOME), Err(Spent("0.2 in cost".to_owned())));
    }
}
