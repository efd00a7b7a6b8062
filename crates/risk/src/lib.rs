//! How much risk a finding is, how likely its fix succeeds, and how long that takes.
//!
//! The odds of the base risk are multiplied by what the object is exposed to, what its pods may do,
//! how much its namespace matters, and how likely one of its images is exploited:
//!
//! ```text
//! odds(x)         = x / (100 − x)
//! odds(risk)      = odds(base)   × exposure × privileges × criticality × exploitation
//! odds(remaining) = odds(images) × exposure × privileges × criticality
//! images          = 100 × (1 − (1 − chance) × (1 − severities / 100))
//! ```
//!
//! `risk` is what the fix removes, `remaining` what stays: the vulnerabilities of the images, which
//! no fix of a manifest removes. Odds, because they never leave 0 to 100 however many factors come
//! together, because they keep the order of the bases, and because a factor of 1 changes nothing:
//! with nothing but a record the score is the base, as in the reference system.
//!
//! | term | value | why |
//! | --- | --- | --- |
//! | `base` | `no_privileged`, `drop_capabilities`, `drop_cap_sys_admin` 85; `no_host_path` 80; `enforce_seccomp` 75; `run_as_user` 72; `run_as_non_root` 70; `no_host_ports` 65; `no_latest_tag` 60 | the reference system's, so that its files rank here as they do there |
//! | | any other by severity: critical 85, high 70, medium 40, low 20, not known 40 | 85 and 40 are the reference's ends, the others lie between and below |
//! | `exposure` | ×1 nothing of the inputs leads to it | that the inputs show no way does not prove that there is none, so it lowers nothing |
//! | | ×1.25 a Service | every pod of the cluster may knock |
//! | | ×1.5 a node: `NodePort`, `externalIPs`, `hostPort`, `hostNetwork` | whoever reaches a node may knock, past the cluster's own doors |
//! | | ×2 outside: `LoadBalancer`, or an Ingress, a route or a VirtualService of a gateway, through a Service | anybody may knock |
//! | `privileges` | ×(1 + the sum of what follows, each once) | what an intruder finds in hand makes every other weakness worse |
//! | | 0.5 a privileged container | the node is his |
//! | | 0.3 `hostPath` | part of the node is his |
//! | | 0.2 `hostPID`, 0.2 `hostIPC`, 0.2 a capability but `NET_BIND_SERVICE` | a step to the node |
//! | | 0.1 root, or a user that is not known | needs one more flaw to count |
//! | | 0.1 the token of the account | counts as much as the account may do, which is not looked at |
//! | `criticality` | ×0.5 low, ×1 normal, ×2 high, by `risk.namespaces` | the operator knows; twice as bad or half as bad |
//! | `exploitation` | ×(1 + 2 × chance), chance = 1 − ∏(1 − p) over the vulnerabilities of the images, p = EPSS, at least 0.9 for known exploited ones | a misconfiguration has no EPSS of its own: it counts when somebody gets in, and the chance of that is the images'; 2, so that certainty weighs somewhat more than to be open to all |
//! | `severities` | 5 a critical, 3 a high, 1 a medium or unrated vulnerability, at most 40; only in `remaining` | the reference's points; severity says how bad, not how likely, so it alone weighs no more than a medium finding |
//!
//! What the finding is itself about (`privileged`, `hostNetwork`, …) counts in its base and not
//! again in `exposure` and `privileges`. What is not known has the factor 1, and its reason begins
//! with `unavailable` or `unknown`. A vulnerability counts once for each object.
//!
//! Probability and expected time are priors by who may apply the fix, unless
//! [`PolicyMetrics`] has measured ones:
//!
//! | who may apply the fix | probability | expected seconds |
//! | --- | --- | --- |
//! | safe | 0.99 | 10 |
//! | unsafe | 0.9 | 30 |
//! | advice | 0.5 | 600 |
//! | not said | 0.9 | 10 |
//!
//! Nothing here does I/O or knows the time: feeds and reports come in as bytes, manifests as
//! objects.

mod base;
mod cve;
mod decision;
mod epss;
mod exploit;
mod exposure;
mod fault;
mod images;
mod kev;
mod metrics;
mod privileges;
mod report;
mod score;
mod settings;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use base::base_risk;
pub use cve::{Cve, CveError};
pub use decision::{Exploitation, Impact, decide, reach};
pub use epss::Epss;
pub use exposure::Exposure;
pub use fault::Fault;
pub use images::Images;
pub use kev::{Kev, KevEntry};
pub use metrics::PolicyMetrics;
pub use report::ImageReport;
pub use score::{Circumstances, Scorer, score};
pub use settings::{Criticality, Globs, NamespaceCriticality, RiskSettings};
