//! Why a file is not what it should be, and how its text is got.

use std::io::Read as _;

/// Why a feed or a report cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", place(.line))]
pub struct Fault {
    /// The line, counted from 1, where it is about one.
    pub line: Option<u64>,
    /// What is wrong, and what was expected.
    pub message: String,
}

fn place(line: &Option<u64>) -> String {
    line.map_or_else(String::new, |line| format!("line {line}: "))
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { line: None, message: message.into() }
    }

    pub(crate) fn at(line: u64, message: impl Into<String>) -> Self {
        Self { line: Some(line), message: message.into() }
    }

    /// What JSON was wrong, without its place, which goes in front.
    pub(crate) fn json(error: &serde_json::Error, expected: &str) -> Self {
        let text = error.to_string();
        let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
        Self::at(error.line().try_into().unwrap_or(0), format!("{message}; expected {expected}"))
    }

    /// The whole sentence about a file, with its place as compilers write it.
    pub fn in_file(&self, path: &str) -> String {
        match self.line {
            Some(line) => format!("{path}:{line}: {}", self.message),
            None => format!("{path}: {}", self.message),
        }
    }
}

/// How gzip's files begin.
const GZIP: &[u8] = &[0x1f, 0x8b];

/// The text of a file, unpacked where it is packed by gzip.
///
/// # Errors
/// When it is broken or cut, has more than `limit` bytes, is no UTF-8, is empty, or is a web page,
/// as portals and proxies give in place of files.
pub(crate) fn text(bytes: &[u8], limit: usize, expected: &str) -> Result<String, Fault> {
    let mut plain = Vec::new();
    if bytes.starts_with(GZIP) {
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let unpacked = flate2::read::MultiGzDecoder::new(bytes).take(most).read_to_end(&mut plain);
        unpacked.map_err(|error| {
            Fault::new(format!("cannot be unpacked ({error}): is the file whole?"))
        })?;
    } else {
        plain.extend_from_slice(&bytes[..bytes.len().min(limit.saturating_add(1))]);
    }
    if plain.len() > limit {
        return Err(Fault::new(format!("has more than {limit} bytes; expected {expected}")));
    }
    let text = String::from_utf8(plain)
        .map_err(|_| Fault::new(format!("is no UTF-8 text; expected {expected}")))?;
    let text = match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    };
    let start = text.trim_start();
    if start.is_empty() {
        return Err(Fault::new(format!("is empty; expected {expected}")));
    }
    if start.starts_with('<') {
        return Err(Fault::new(format!("is a web page or XML; expected {expected}")));
    }
    Ok(text)
}

#[cfg(test)]
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[cfg(test)]
mod tests {
    use super::{gzip, text};

    #[test]
    fn packed_and_plain_texts_are_read_alike() {
        assert_eq!(text(b"a,b", 3, "x").unwrap(), "a,b");
        assert_eq!(text(&gzip(b"a,b"), 3, "x").unwrap(), "a,b");
        assert_eq!(text("\u{feff}a".as_bytes(), 9, "x").unwrap(), "a");
    }

    #[test]
    fn what_is_no_such_text_says_so() {
        let packed = gzip(&[b'a'; 4_000]);
        let message = |bytes: &[u8]| text(bytes, 1_000, "a list").unwrap_err().message;
        assert!(message(&packed).contains("has more than 1000 bytes; expected a list"));
        assert!(message(&[b'a'; 1_001]).contains("more than 1000"));
        let small = gzip(b"a,b");
        assert!(message(&small[..small.len() - 9]).contains("is the file whole?"));
        assert!(message(b" \n").contains("is empty"));
        assert!(message(b"<!DOCTYPE html>").contains("web page"));
        assert!(message(b"\xff\xfe").contains("UTF-8"));
    }
}
