//! Which change leads from which state to which. Statements are made from this table.

use record::QueueState::{
    self, Applied, Applying, Approved, Dead, Failed, Leased, Queued, Stale, Verified,
};

/// What happens to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Renew,
    Claim,
    Complete,
    Fail,
    Stale,
    Release,
    Expire,
    Wake,
    Approve,
    Reject,
    Requeue,
}

/// The change, the state before, the state after, and the state after when the item has no attempt
/// left. A new item begins as queued.
pub(crate) const TABLE: [(Event, QueueState, QueueState, QueueState); 24] = [
    (Event::Renew, Stale, Queued, Queued),
    (Event::Claim, Queued, Leased, Leased),
    (Event::Claim, Approved, Applying, Applying),
    (Event::Complete, Leased, Verified, Verified),
    (Event::Complete, Applying, Applied, Applied),
    (Event::Fail, Leased, Failed, Dead),
    (Event::Fail, Applying, Failed, Dead),
    (Event::Stale, Leased, Stale, Stale),
    (Event::Stale, Applying, Stale, Stale),
    (Event::Release, Leased, Queued, Queued),
    (Event::Release, Applying, Approved, Approved),
    (Event::Expire, Leased, Queued, Dead),
    (Event::Expire, Applying, Approved, Dead),
    // A failed item remembers which of the two it becomes: `wakes_as`.
    (Event::Wake, Failed, Queued, Queued),
    (Event::Wake, Failed, Approved, Approved),
    (Event::Approve, Verified, Approved, Approved),
    (Event::Reject, Queued, Dead, Dead),
    (Event::Reject, Failed, Dead, Dead),
    (Event::Reject, Verified, Dead, Dead),
    (Event::Reject, Approved, Dead, Dead),
    (Event::Reject, Stale, Dead, Dead),
    (Event::Requeue, Failed, Queued, Queued),
    (Event::Requeue, Stale, Queued, Queued),
    (Event::Requeue, Dead, Queued, Queued),
];

impl Event {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Renew => "renew",
            Self::Claim => "claim",
            Self::Complete => "complete",
            Self::Fail => "fail",
            Self::Stale => "stale",
            Self::Release => "release",
            Self::Expire => "expire",
            Self::Wake => "wake",
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Requeue => "requeue",
        }
    }

    fn rows(self) -> impl Iterator<Item = &'static (Self, QueueState, QueueState, QueueState)> {
        TABLE.iter().filter(move |row| row.0 == self)
    }

    /// The states before, for SQL and for people: `'queued', 'failed'`.
    pub(crate) fn before(self) -> String {
        let mut names: Vec<String> = self.rows().map(|row| quoted(row.1)).collect();
        names.dedup();
        names.join(", ")
    }

    /// The state after, as an expression over a row of `items`.
    pub(crate) fn after(self) -> String {
        let when = |row: &(Self, QueueState, QueueState, QueueState)| {
            let (before, after, used_up) = (quoted(row.1), quoted(row.2), quoted(row.3));
            if after == used_up {
                format!("WHEN {before} THEN {after}")
            } else {
                format!(
                    "WHEN {before} THEN CASE WHEN attempts < max_attempts THEN {after} \
                     ELSE {used_up} END"
                )
            }
        };
        let whens: Vec<String> = self.rows().map(when).collect();
        format!("CASE state {} END", whens.join(" "))
    }
}

fn quoted(state: QueueState) -> String {
    format!("'{}'", state.as_str())
}
