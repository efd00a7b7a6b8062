//! `evidence.jsonl`: evidence that a run without a network decides by.

use record::{Evidence, Fact, Subject};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::mem::discriminant;
use std::path::{Path, PathBuf};

/// Largest file that is read, in bytes.
pub const MAX_FILE: u64 = 64 << 20;

/// Why a file of evidence cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file itself.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is larger than [`MAX_FILE`].
    #[error("{} has more than {MAX_FILE} bytes: give the evidence in several files", .0.display())]
    TooLarge(PathBuf),
    /// A line that is no record.
    #[error("{}:{line}: {message}; expected a record of evidence, as --evidence-out writes it", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
}

/// A file of evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The records, in the order of the file.
    pub evidence: Vec<Evidence>,
    /// What contradicts itself. The newest record counts.
    pub warnings: Vec<String>,
}

/// Reads a file of evidence: a JSON record a line; empty lines do not count.
///
/// # Errors
/// When the file cannot be read, is too large, or a line is no record; with file and line.
pub fn read(path: &Path) -> Result<Read, FileError> {
    let io = |source| FileError::Io { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(io)?;
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(io)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_FILE {
        return Err(FileError::TooLarge(path.to_owned()));
    }
    let mut evidence = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let wrong = |message| FileError::Line { path: path.to_owned(), line: index + 1, message };
        let record = record(line).map_err(wrong)?;
        evidence.push(record);
    }
    let warnings = contradictions(path, &evidence);
    Ok(Read { evidence, warnings })
}

fn record(line: &[u8]) -> Result<Evidence, String> {
    let record: Evidence = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let Subject::Image { reference } = &record.subject;
    if rules::image::canonical(reference).as_ref() != Some(reference) {
        return Err(format!("`{reference}` is no whole image reference"));
    }
    let digest = match &record.fact {
        Fact::Digest(digest) => Some(digest),
        _ => record.digest.as_ref(),
    };
    match digest.filter(|digest| !rules::image::is_digest(digest)) {
        Some(digest) => Err(format!("`{digest}` is no SHA-256 digest")),
        None => Ok(record),
    }
}

/// Facts of one kind about one subject that differ. What was so of another digest is no
/// contradiction, but another digest of the same reference is.
fn contradictions(path: &Path, evidence: &[Evidence]) -> Vec<String> {
    let mut seen: BTreeMap<&Subject, Vec<&Evidence>> = BTreeMap::new();
    let mut warnings: Vec<String> = Vec::new();
    for record in evidence {
        let others = seen.entry(&record.subject).or_default();
        let contradicts = |other: &&&Evidence| {
            let of_the_same =
                matches!(record.fact, Fact::Digest(_)) || other.digest == record.digest;
            discriminant(&other.fact) == discriminant(&record.fact)
                && other.fact != record.fact
                && of_the_same
        };
        if others.iter().find(contradicts).is_some() {
            let Subject::Image { reference } = &record.subject;
            warnings.push(format!(
                "{}: {reference} has evidence that contradicts itself; the newest counts",
                path.display()
            ));
        }
        others.push(record);
    }
    warnings.dedup();
    warnings
}

/// The lines of a file of evidence.
pub fn bytes(evidence: &[Evidence]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in evidence {
        // Records of texts: writing them to memory cannot fail.
        bytes.extend(serde_json::to_vec(record).unwrap_or_default());
        bytes.push(b'\n');
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{bytes, read};
    use record::{Evidence, Fact, Subject};

    fn record(fact: Fact, digest: &str, time: &str) -> Evidence {
        Evidence {
            subject: Subject::Image { reference: "quay.io/a/b:1".to_owned() },
            fact,
            source: "registry:quay.io".to_owned(),
            digest: Some(format!("sha256:{}", digest.repeat(64))),
            time: time.to_owned(),
        }
    }

    fn read_text(text: &[u8]) -> Result<super::Read, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path())
            .map_err(|error| error.to_string().replace(&file.path().display().to_string(), "FILE"))
    }

    #[test]
    fn what_is_written_is_read_again() {
        let user = |user: &str| Fact::User(user.to_owned());
        let records = vec![record(user("1"), "a", "2026-01-01T00:00:00Z")];
        let found = read_text(&[b"\n", &bytes(&records)[..], b"\n"].concat()).unwrap();
        assert_eq!((found.evidence, found.warnings), (records, Vec::new()));
    }

    #[test]
    fn what_contradicts_itself_is_said() {
        let user = |user: &str| Fact::User(user.to_owned());
        let first = record(user("1"), "a", "2026-01-01T00:00:00Z");
        let later = record(user("1"), "a", "2026-01-02T00:00:00Z");
        let of_others = record(user("2"), "b", "2026-01-02T00:00:00Z");
        let other = record(user("2"), "a", "2026-01-02T00:00:00Z");
        let text = bytes(&[first.clone(), later, of_others]);
        assert_eq!(read_text(&text).unwrap().warnings, Vec::<String>::new());
        let warnings = read_text(&bytes(&[first, other])).unwrap().warnings;
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("quay.io/a/b:1 has evidence that contradicts itself"));
    }

    #[test]
    fn what_is_no_record_is_named_with_its_line() {
        let good = bytes(&[record(Fact::User(String::new()), "a", "2026-01-01T00:00:00Z")]);
        let good = String::from_utf8(good).unwrap();
        for (bad, message) in [
            ("{".to_owned(), "EOF"),
            ("[]".to_owned(), "invalid"),
            (good.replace("quay.io/a/b:1", "b"), "`b` is no whole image reference"),
            (good.replace("aaaa", "a"), "is no SHA-256 digest"),
            (good.replace("user", "shoe-size"), "unknown variant"),
        ] {
            let error = read_text(format!("{good}{bad}\n").as_bytes()).unwrap_err();
            assert!(error.starts_with("FILE:2: ") && error.contains(message), "{error}");
        }
        assert!(read_text(b"\xff\xfe").unwrap_err().starts_with("FILE:1: "));
    }
}
