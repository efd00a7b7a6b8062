//! Stops asking a server that does not answer, so that thousands of objects do not wait for it
//! one by one.

use std::time::{Duration, Instant};

/// Requests in a row without an answer before no more are sent.
const LIMIT: u32 = 3;
/// How long none are sent; then one is let through.
pub(crate) const PAUSE: Duration = Duration::from_secs(5);

/// What has been heard of the server lately.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    /// Requests in a row without an answer.
    unanswered: u32,
    /// Nothing is sent before; then one probe.
    open_until: Option<Instant>,
    /// Whether the probe is under way.
    probing: bool,
}

/// Whether a request may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Yes.
    Free,
    /// Yes, once: it shows whether the server is back.
    Probe,
    /// No: so many requests in a row were not answered.
    Refused(u32),
}

impl Breaker {
    /// Asks for a new request.
    pub(crate) fn admit(&mut self, now: Instant) -> Admission {
        match self.open_until {
            None => Admission::Free,
            Some(until) if now < until || self.probing => Admission::Refused(self.unanswered),
            Some(_) => {
                self.probing = true;
                Admission::Probe
            }
        }
    }

    /// Whether requests under way should give up instead of trying again.
    pub(crate) fn is_open(&self) -> bool {
        self.open_until.is_some()
    }

    /// Notes how a request ended, all its attempts together.
    pub(crate) fn note(&mut self, answered: bool, now: Instant) {
        self.probing = false;
        if answered {
            self.unanswered = 0;
            self.open_until = None;
            return;
        }
        self.unanswered = self.unanswered.saturating_add(1);
        if self.unanswered >= LIMIT {
            self.open_until = Some(now + PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Admission, Breaker, LIMIT, PAUSE};
    use std::time::{Duration, Instant};

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..LIMIT {
            assert_eq!(breaker.admit(now), Admission::Free);
            assert!(!breaker.is_open());
            breaker.note(false, now);
        }
        breaker
    }

    #[test]
    fn it_opens_after_a_few_in_a_row_and_not_before() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert!(breaker.is_open());
        assert_eq!(breaker.admit(now), Admission::Refused(LIMIT));
        assert_eq!(breaker.admit(now + PAUSE / 2), Admission::Refused(LIMIT));
    }

    #[test]
    fn an_answer_starts_the_count_again() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..3 * LIMIT {
            breaker.note(false, now);
            breaker.note(true, now);
        }
        assert_eq!(breaker.admit(now), Admission::Free);
    }

    #[test]
    fn one_probe_is_let_through_after_the_pause() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + PAUSE;
        assert_eq!(breaker.admit(later), Admission::Probe);
        assert_eq!(breaker.admit(later), Admission::Refused(LIMIT));
        breaker.note(true, later);
        assert_eq!(breaker.admit(later), Admission::Free);
    }

    #[test]
    fn a_probe_without_an_answer_starts_another_pause() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + PAUSE;
        assert_eq!(breaker.admit(later), Admission::Probe);
        breaker.note(false, later);
        let before = later + PAUSE - Duration::from_millis(1);
        assert_eq!(breaker.admit(before), Admission::Refused(LIMIT + 1));
        assert_eq!(breaker.admit(later + PAUSE), Admission::Probe);
    }
}
