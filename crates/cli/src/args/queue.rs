//! The arguments of `queue`.

use clap::{ArgGroup, Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Queue {
    /// Create an empty queue
    Init(Init),
    /// Add accepted fixes; those that are there keep their state and age, and take new scores
    Enqueue(Enqueue),
    /// Show the item to be done next, without claiming it
    Next(Next),
    /// Take the next items for a worker, with a lease; ends with 1 when nothing is ready
    Claim(Claim),
    /// Prolong a lease
    Heartbeat(Heartbeat),
    /// Say that an attempt succeeded: the item is verified, or applied
    Complete(Complete),
    /// Say that an attempt failed: the item is tried again later, or is dead
    Fail(Fail),
    /// Say that the source has changed so that the patch no longer fits
    Stale(Stale),
    /// Give a lease back, without an attempt
    Release(Release),
    /// Let verified items be applied
    Approve(Approve),
    /// Give items up, for a reason
    Reject(Reject),
    /// Let failed, stale and dead items begin again
    Requeue(Requeue),
    /// Show the items
    List(List),
    /// Show an item and everything that happened to it
    Show(Show),
    /// Show the report again and again
    Watch(Watch),
    /// Show the queue in numbers
    Report(Report),
    /// Delete items that have not changed for long, and their journals
    Purge(Purge),
    /// Write a copy of an SQLite queue, while others use it
    Backup(Backup),
}

/// Where the queue is.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// SQLite file, or postgres://USER@HOST/DATABASE
    // Not parsed here: an error of the parser would show a password.
    #[arg(long, value_name = "FILE|URL", env = "K8S_AUTO_FIX_QUEUE", hide_env_values = true)]
    pub(crate) queue: Option<String>,
    /// File that holds the URL, such as a mounted secret
    #[arg(
        long,
        value_name = "FILE",
        env = "K8S_AUTO_FIX_QUEUE_FILE",
        conflicts_with_all = ["queue", "db"]
    )]
    pub(crate) queue_file: Option<PathBuf>,
    /// SQLite file; the same as --queue
    #[arg(long, value_name = "FILE", conflicts_with = "queue")]
    pub(crate) db: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Copy the items of a queue of the reference system
    #[arg(long, value_name = "FILE")]
    pub(crate) import: Option<PathBuf>,
    /// How long an item without a deadline may wait: seconds, or 7d, 12h, 30m; by default the
    /// configuration's, else 7d
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) max_wait: Option<f64>,
    /// How long before that end, or before its deadline, an item is due; by default the
    /// configuration's, else a seventh of the longest wait
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) lead: Option<f64>,
}

#[derive(Debug, Args)]
pub(crate) struct Enqueue {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Verdicts; only accepted ones are added
    #[arg(long, value_name = "FILE")]
    pub(crate) verified: PathBuf,
    /// The detections that they belong to
    #[arg(long, value_name = "FILE")]
    pub(crate) detections: PathBuf,
    /// The patches that were judged
    #[arg(long, value_name = "FILE")]
    pub(crate) patches: PathBuf,
    /// Risk scores; by default they are computed from the detections
    #[arg(long, value_name = "FILE")]
    pub(crate) risk: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Next {
    #[command(flatten)]
    pub(crate) place: Place,
    /// verify or apply
    #[arg(long, default_value = "verify", value_parser = ["verify", "apply"])]
    pub(crate) stage: String,
    /// Rank by the reference's sum instead, with this weight of an hour of waiting [default: 1]
    #[arg(long)]
    pub(crate) alpha: Option<f64>,
    /// Rank by the reference's sum, with this weight of a known exploited vulnerability [default: 1]
    #[arg(long)]
    pub(crate) kev_weight: Option<f64>,
}

#[derive(Debug, Args)]
pub(crate) struct Claim {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Name of the worker
    #[arg(long, value_name = "NAME")]
    pub(crate) worker: String,
    /// verify or apply
    #[arg(long, default_value = "verify", value_parser = ["verify", "apply"])]
    pub(crate) stage: String,
    /// How long the items are the worker's own: seconds, or 10m
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    pub(crate) lease: f64,
    /// Most items
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) limit: usize,
}

/// An item that a worker holds.
#[derive(Debug, Args)]
pub(crate) struct Held {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The item
    pub(crate) id: String,
    /// What `claim` printed
    #[arg(long)]
    pub(crate) token: i64,
}

#[derive(Debug, Args)]
pub(crate) struct Heartbeat {
    #[command(flatten)]
    pub(crate) held: Held,
    /// How long from now: seconds, or 10m
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    pub(crate) lease: f64,
}

#[derive(Debug, Args)]
pub(crate) struct Complete {
    #[command(flatten)]
    pub(crate) held: Held,
    /// How long the attempt took; the order learns from it
    #[arg(long)]
    pub(crate) seconds: Option<f64>,
    /// File with the RFC 6902 operations that take the applied patch back
    #[arg(long, value_name = "FILE")]
    pub(crate) inverse: Option<PathBuf>,
    /// Text for the journal
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Fail {
    #[command(flatten)]
    pub(crate) held: Held,
    /// What went wrong
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// A word by which failures are counted: timeout, conflict, gate
    #[arg(long, value_name = "WORD", default_value = "other")]
    pub(crate) class: String,
    /// How long the attempt took
    #[arg(long)]
    pub(crate) seconds: Option<f64>,
    /// Try again after this time instead of one that grows: seconds, or 10m
    #[arg(long, value_name = "TIME", conflicts_with = "give_up", value_parser = duration)]
    pub(crate) retry_after: Option<f64>,
    /// Do not try again
    #[arg(long)]
    pub(crate) give_up: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Stale {
    #[command(flatten)]
    pub(crate) held: Held,
    /// What has changed
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct Release {
    #[command(flatten)]
    pub(crate) held: Held,
    /// Not before this time, in Unix seconds
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<f64>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// Who decides.
#[derive(Debug, Args)]
pub(crate) struct By {
    /// Your name, for the journal
    #[arg(long = "by", value_name = "NAME", env = "USER")]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).args(["ids", "all"]))]
pub(crate) struct Approve {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The items; the beginning of an id is enough
    pub(crate) ids: Vec<String>,
    /// All verified items
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) by: By,
}

#[derive(Debug, Args)]
pub(crate) struct Reject {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The items; the beginning of an id is enough
    #[arg(required = true)]
    pub(crate) ids: Vec<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) by: By,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).args(["ids", "state"]))]
pub(crate) struct Requeue {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The items; the beginning of an id is enough
    pub(crate) ids: Vec<String>,
    /// All in this state: failed, stale or dead
    #[arg(long, value_parser = ["failed", "stale", "dead"])]
    pub(crate) state: Option<String>,
    #[command(flatten)]
    pub(crate) by: By,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Only those in this state
    #[arg(long, value_parser = STATES)]
    pub(crate) state: Option<String>,
    /// Only objects of this namespace
    #[arg(long)]
    pub(crate) namespace: Option<String>,
    /// Only those of this rule or policy
    #[arg(long)]
    pub(crate) rule: Option<String>,
    /// Most items
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// table or json, a line for each item
    #[arg(long, default_value = "table", value_parser = ["table", "json"])]
    pub(crate) output_format: String,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The item; the beginning of its id is enough
    pub(crate) id: String,
    /// table or json
    #[arg(long, default_value = "table", value_parser = ["table", "json"])]
    pub(crate) output_format: String,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Classes to show, those with most attempts first; by default 10 in tables, 50 for prometheus,
    /// all in json
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// table, json, or prometheus for OpenMetrics
    #[arg(long, default_value = "table", value_parser = ["table", "json", "prometheus"])]
    pub(crate) output_format: String,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Time between two looks: seconds, or 1m
    #[arg(long, value_name = "TIME", default_value = "2", value_parser = duration)]
    pub(crate) interval: f64,
    /// End after so many looks
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct Purge {
    #[command(flatten)]
    pub(crate) place: Place,
    /// States to delete: applied, dead and so on; items that a worker holds stay
    #[arg(long, value_name = "STATE", required = true, value_delimiter = ',', value_parser = STATES)]
    pub(crate) state: Vec<String>,
    /// Only items that have not changed for this long: seconds, or 30d
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) older_than: f64,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The file to write; it must not be there
    #[arg(value_name = "FILE")]
    pub(crate) target: PathBuf,
}

const STATES: [&str; 9] =
    ["queued", "leased", "verified", "approved", "applying", "applied", "failed", "stale", "dead"];

/// Seconds, or a number with s, m, h or d.
pub(super) fn duration(text: &str) -> Result<f64, String> {
    let (number, unit) = match text.char_indices().next_back() {
        Some((at, 's')) => (&text[..at], 1.0),
        Some((at, 'm')) => (&text[..at], 60.0),
        Some((at, 'h')) => (&text[..at], 3600.0),
        Some((at, 'd')) => (&text[..at], 86_400.0),
        _ => (text, 1.0),
    };
    match number.parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(number * unit),
        _ => Err("expected seconds, or a number with s, m, h or d".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn a_time_has_a_unit_or_is_in_seconds() {
        let good = [("90", 90.0), ("1.5m", 90.0), ("2h", 7200.0), ("7d", 604_800.0), ("3s", 3.0)];
        for (text, seconds) in good {
            assert_eq!(duration(text), Ok(seconds));
        }
        for bad in ["", "d", "-1", "1w", "nan", "inf", "1 h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
