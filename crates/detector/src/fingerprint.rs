use crate::Found;
use rules::{Finding, Object};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::str::FromStr;

/// Identity of a finding across runs: a hash of rule, object and keyed path. Line numbers, the
/// order of files and other files have no part in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint([u8; 16]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: [char; 16] =
            ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
        for byte in self.0 {
            f.write_char(DIGITS[usize::from(byte >> 4)])?;
            f.write_char(DIGITS[usize::from(byte & 15)])?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no fingerprint of 32 hexadecimal digits")]
pub struct FingerprintError(String);

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_hex = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| is_hex);
        number
            .map(|number| Self(number.to_be_bytes()))
            .ok_or_else(|| FingerprintError(text.to_owned()))
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = FingerprintError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

/// What the fingerprints of one object share.
pub(crate) struct Identity(Sha256);

impl Identity {
    /// `ordinal` tells apart objects of the same identity in one file.
    pub(crate) fn new(file: &str, object: &Object<'_>, ordinal: usize) -> Self {
        let mut hash = Sha256::new();
        let namespace = object.namespace.unwrap_or("");
        for part in [file, object.group(), object.kind, namespace, object.name] {
            hash.update(part);
            hash.update([0]);
        }
        hash.update(ordinal.to_le_bytes());
        Self(hash)
    }

    /// Gives every finding its fingerprint. Findings of one rule at one place are numbered.
    pub(crate) fn identify(&self, object: &Object<'_>, findings: Vec<Finding>) -> Vec<Found> {
        let mut seen: HashMap<(Cow<'static, str>, String), u32> = HashMap::new();
        findings
            .into_iter()
            .map(|finding| {
                let keyed_path = finding.path.keyed(object.root);
                let check = finding.check_id();
                let number = seen.entry((check.clone(), keyed_path.clone())).or_default();
                let fingerprint = self.fingerprint(&check, &keyed_path, *number);
                *number += 1;
                Found { finding, keyed_path, fingerprint }
            })
            .collect()
    }

    fn fingerprint(&self, rule: &str, keyed_path: &str, number: u32) -> Fingerprint {
        let mut hash = self.0.clone();
        let mut text = String::with_capacity(rule.len() + keyed_path.len() + 4);
        // Writing to a string cannot fail.
        let _ = write!(text, "{rule}\0{keyed_path}\0{number}");
        hash.update(text);
        let digest = hash.finalize();
        let mut short = [0; 16];
        short.copy_from_slice(&digest[..16]);
        Fingerprint(short)
    }
}
