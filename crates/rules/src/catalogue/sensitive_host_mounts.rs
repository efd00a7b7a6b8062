//! # What it finds
//!
//! A container that mounts a `hostPath` volume of one of `/`, `/boot`, `/dev`, `/etc`, `/lib`,
//! `/proc`, `/sys`, `/usr` (`dirs`). One finding per mount. The path is compared as written, so
//! `/etc/` passes; a volume that nobody mounts passes too.
//!
//! # Why it matters
//!
//! These directories hold the node's configuration, devices and programs. Who can write there owns
//! the node; who can read there learns its secrets.
//!
//! # What the fix changes
//!
//! Nothing by itself: what the mount is for is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Trivy reports volumes that are not mounted, and `/var/lib/docker`.

use crate::common::report_host_mounts;
use crate::{Check, Context, DefaultValue, Parameter, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "sensitive-host-mounts",
    title: "System directory of the node is mounted",
    severity: Severity::High,
    default: false,
    taste: false,
    policy_id: Some("no_host_path"),
    aliases: &["kube-linter:sensitive-host-mounts", "trivy:KSV-0121"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[DIRS],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const DIRS: Parameter = Parameter {
    name: "dirs",
    meaning: "regular expressions of the paths that count, as they are written",
    default: DefaultValue::Patterns(&[
        "^/$", "^/boot$", "^/dev$", "^/etc$", "^/lib$", "^/proc$", "^/sys$", "^/usr$",
    ]),
};

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    report_host_mounts(
        pod,
        cx,
        &DIRS,
        |container, path| format!("{} mounts {path} of the node", container.label()),
        "needs to know what the mount is for: remove it, or narrow it to the files in use and \
         make it readOnly",
    );
}
