//! The Pod Security Standards: which control is judged by which rule, and since when.
//!
//! Source: `k8s.io/pod-security-admission` v0.36, `policy` package.

use crate::{Object, Rule, Set, Settings, check_object, rule};
use std::str::FromStr;

/// A level of the standards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Prevents known privilege escalations.
    Baseline,
    /// Current hardening practice; includes baseline.
    Restricted,
}

/// A level as of a Kubernetes version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edition {
    /// The level.
    pub level: Level,
    /// The minor version: 25 for v1.25.
    pub minor: u32,
}

/// The newest version in which a control changed; later versions judge alike.
pub const LATEST_MINOR: u32 = 35;

impl Default for Edition {
    fn default() -> Self {
        Self { level: Level::Restricted, minor: LATEST_MINOR }
    }
}

/// A text that names no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a Kubernetes version: expected `latest` or `v1.N`")]
pub struct VersionError(String);

impl Edition {
    /// Reads `latest`, `v1.25` or `1.25`.
    ///
    /// # Errors
    /// When the text is neither.
    pub fn minor_from(text: &str) -> Result<u32, VersionError> {
        if text == "latest" {
            return Ok(LATEST_MINOR);
        }
        text.trim_start_matches('v')
            .strip_prefix("1.")
            .and_then(|minor| u32::from_str(minor).ok())
            .ok_or_else(|| VersionError(text.to_owned()))
    }

    /// The values of the labels `pod-security.kubernetes.io/enforce` and `enforce-version` that make
    /// a namespace hold pods to this edition.
    pub fn labels(self) -> (&'static str, String) {
        let level = match self.level {
            Level::Baseline => "baseline",
            Level::Restricted => "restricted",
        };
        let latest = self.minor == LATEST_MINOR;
        (level, if latest { "latest".to_owned() } else { format!("v1.{}", self.minor) })
    }

    /// Whether the edition is of this minor version or a later one.
    pub fn since(self, minor: u32) -> bool {
        self.minor >= minor
    }
}

/// A control of the standards.
#[derive(Debug)]
pub struct Control {
    /// Upstream's id.
    pub name: &'static str,
    /// The level that has it.
    pub level: Level,
    /// The minor version that introduced it.
    pub from: u32,
    /// The minor version from which the restricted level replaces it by a stricter control.
    pub replaced_at_restricted: Option<u32>,
    /// The rules that judge it.
    pub rules: &'static [&'static str],
}

const fn baseline(name: &'static str, from: u32, rules: &'static [&'static str]) -> Control {
    Control { name, level: Level::Baseline, from, replaced_at_restricted: None, rules }
}

const fn replaced(name: &'static str, at: u32, rules: &'static [&'static str]) -> Control {
    Control { name, level: Level::Baseline, from: 0, replaced_at_restricted: Some(at), rules }
}

const fn restricted(name: &'static str, from: u32, rules: &'static [&'static str]) -> Control {
    Control { name, level: Level::Restricted, from, replaced_at_restricted: None, rules }
}

/// Every control.
pub const CONTROLS: &[Control] = &[
    baseline("windowsHostProcess", 0, &["windows-host-process"]),
    baseline("hostNamespaces", 0, &["host-network", "host-pid", "host-ipc"]),
    baseline("privileged", 0, &["privileged-container"]),
    replaced("capabilities_baseline", 22, &["disallowed-capabilities"]),
    replaced("hostPathVolumes", 0, &["host-path-volume"]),
    baseline("hostPorts", 0, &["host-ports"]),
    baseline("appArmorProfile", 0, &["apparmor-disabled"]),
    baseline("seLinuxOptions", 0, &["selinux-options"]),
    replaced("procMount", 35, &["unsafe-proc-mount"]),
    replaced("seccompProfile_baseline", 19, &["seccomp-unconfined"]),
    baseline("sysctls", 0, &["disallowed-sysctls"]),
    baseline("hostProbesAndHostLifecycle", 34, &["host-probe-lifecycle"]),
    restricted("restrictedVolumes", 0, &["restricted-volume-types"]),
    restricted("allowPrivilegeEscalation", 8, &["allow-privilege-escalation"]),
    restricted("runAsNonRoot", 0, &["pss-run-as-non-root"]),
    restricted("runAsUser", 23, &["run-as-user-root"]),
    restricted("seccompProfile_restricted", 19, &["seccomp-profile-missing"]),
    restricted("capabilities_restricted", 22, &["capabilities-restricted"]),
    restricted("procMount_restricted", 35, &["unsafe-proc-mount"]),
];

/// The controls that an edition judges.
pub fn controls(edition: Edition) -> impl Iterator<Item = &'static Control> {
    CONTROLS.iter().filter(move |control| {
        let replaced = control.replaced_at_restricted.is_some_and(|minor| edition.since(minor));
        control.level <= edition.level
            && edition.since(control.from)
            && !(edition.level == Level::Restricted && replaced)
    })
}

/// The rules that judge an edition.
pub fn rules(edition: Edition) -> impl Iterator<Item = &'static Rule> {
    controls(edition)
        .flat_map(|control| control.rules)
        .filter_map(|id| rule::by_id(id))
        .map(|entry| entry.rule)
}

/// The controls that an object's pod fails.
pub fn failing_controls(object: &Object<'_>, edition: Edition) -> Vec<&'static str> {
    let settings = Settings { pod_security: edition, ..Settings::default() };
    let set = Set::new(Vec::new());
    let fails = |control: &&Control| {
        control
            .rules
            .iter()
            .filter_map(|id| rule::by_id(id))
            .any(|entry| !check_object(object, &set, &[entry.rule], &settings).is_empty())
    };
    controls(edition).filter(fails).map(|control| control.name).collect()
}
