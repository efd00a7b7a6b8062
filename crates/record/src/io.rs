use serde::{Serialize, de::DeserializeOwned};
use std::io::Write;

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One array, indented, as the reference system writes it.
    Array,
    /// One record a line.
    Lines,
}

/// A record file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ReadError {
    /// One-based line in the file.
    pub line: usize,
    /// One-based column.
    pub column: usize,
    /// What was expected.
    pub message: String,
}

/// Reads records from a JSON array or from JSON Lines; an empty text is no record.
///
/// # Errors
/// When the text is neither, or a record lacks a field, with the place.
pub fn read_records<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, ReadError> {
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(text).map_err(|e| read_error(&e, 0));
    }
    let mut records = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if !line.trim().is_empty() {
            records.push(serde_json::from_str(line).map_err(|e| read_error(&e, index))?);
        }
    }
    Ok(records)
}

fn read_error(error: &serde_json::Error, lines_before: usize) -> ReadError {
    let full = error.to_string();
    let message = full.rsplit_once(" at line ").map_or(full.as_str(), |(text, _)| text).to_owned();
    ReadError { line: lines_before + error.line(), column: error.column(), message }
}

/// Writes records in the given format, with a final newline.
///
/// # Errors
/// When the writer fails.
pub fn write_records<T: Serialize>(
    mut out: impl Write,
    records: &[T],
    format: Format,
) -> std::io::Result<()> {
    match format {
        Format::Array => Ok(crate::json::to_writer_pretty(&mut out, records)?),
        Format::Lines => {
            for record in records {
                crate::json::to_writer(&mut out, record)?;
                out.write_all(b"\n")?;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Detection;

    const REFERENCE: &str = r#"[{"id":"001","manifest_path":"a.yaml","manifest_yaml":null,
        "policy_id":"latest-tag","violation_text":"x"}]"#;

    #[test]
    fn the_reference_systems_array_and_our_lines_are_both_read() {
        let array: Vec<Detection> = read_records(REFERENCE).unwrap();
        let mut lines = Vec::new();
        write_records(&mut lines, &array, Format::Lines).unwrap();
        let again: Vec<Detection> = read_records(std::str::from_utf8(&lines).unwrap()).unwrap();
        assert_eq!(array, again);
    }

    #[test]
    fn a_missing_field_is_named_with_its_line() {
        let text = "{\"id\":\"1\"}\n";
        let error = read_records::<Detection>(&format!("\n{text}")).unwrap_err();
        assert_eq!(error.line, 2);
        assert!(error.message.contains("manifest_path"), "{error}");
    }
}
