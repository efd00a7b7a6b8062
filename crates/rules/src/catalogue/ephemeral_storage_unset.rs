//! # What it finds
//!
//! A regular or init container whose request or limit for `ephemeral-storage` is missing or zero.
//! Each of the two is a finding.
//!
//! # Why it matters
//!
//! Logs, the container's own file system and `emptyDir` volumes use the node's disk. Without
//! amounts the scheduler does not count them, and one pod can fill the disk for all others.
//!
//! # What the fix changes
//!
//! A request becomes equal to the limit where that is written; the API server does the same.
//! Otherwise the amounts come from `values`; without them there is no fix.
//!
//! # What it may break
//!
//! A pod that exceeds its limit is evicted, and one that requests more than any node has is not
//! scheduled.
//!
//! # Other tools
//!
//! Kyverno looks at containers that mount an `emptyDir` only.

use crate::common::{Amount, check_amount};
use crate::{Check, Container, Context, Pod, Role, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "ephemeral-storage-unset",
    title: "Ephemeral storage request or limit is missing",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kube-score:container-ephemeral-storage-request-and-limit",
        "kyverno:require-emptydir-requests-and-limits",
    ],
    references: &[],
    touches: &[
        "{container}/resources/requests/ephemeral-storage",
        "{container}/resources/limits/ephemeral-storage",
    ],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

const RESOURCE: &str = "ephemeral-storage";
const REQUEST: Amount = Amount { list: "requests", resource: RESOURCE, zero_counts: true };
const LIMIT: Amount = Amount { list: "limits", resource: RESOURCE, zero_counts: true };

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    if container.role != Role::Ephemeral {
        check_amount(&REQUEST, pod, container, cx);
        check_amount(&LIMIT, pod, container, cx);
    }
}
