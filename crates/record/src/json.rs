//! JSON as all outputs have it: what could deceive who reads it in a terminal or an editor is
//! escaped, which means the same to every parser.

use serde::Serialize;
use serde_json::Result;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};
use std::io::{self, Write};

/// Whether a character could deceive a reader: C0 and C1 controls and DEL, marks that reorder text,
/// line separators, and characters that show nothing.
pub fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Writes a value on one line, without a line end.
///
/// # Errors
/// When `out` fails, or the value has no form in JSON.
pub fn to_writer(out: impl Write, value: &(impl Serialize + ?Sized)) -> Result<()> {
    value.serialize(&mut Serializer::with_formatter(out, Plain(CompactFormatter)))
}

/// Writes a value with indents of two spaces, and a line end.
///
/// # Errors
/// As [`to_writer`].
pub fn to_writer_pretty(mut out: impl Write, value: &(impl Serialize + ?Sized)) -> Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut out, Plain(PrettyFormatter::new())))?;
    out.write_all(b"\n").map_err(serde_json::Error::io)
}

/// The bytes that [`to_writer_pretty`] writes.
///
/// # Errors
/// When the value has no form in JSON.
pub fn to_vec_pretty(value: &(impl Serialize + ?Sized)) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    to_writer_pretty(&mut bytes, value).map(|()| bytes)
}

/// The text that [`to_writer`] writes.
///
/// # Errors
/// When the value has no form in JSON.
pub fn to_string(value: &(impl Serialize + ?Sized)) -> Result<String> {
    let mut bytes = Vec::new();
    to_writer(&mut bytes, value)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A formatter that escapes what [`deceives`].
struct Plain<F>(F);

/// Forwards methods that have nothing to do with text.
macro_rules! forward {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {
        $(fn $name<W: ?Sized + Write>(&mut self, out: &mut W, $($argument: $type),*) -> io::Result<()> {
            self.0.$name(out, $($argument),*)
        })*
    };
}

impl<F: Formatter> Formatter for Plain<F> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // Most texts are plain; C0 controls and quotes never come here.
        if fragment.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return out.write_all(fragment.as_bytes());
        }
        let mut start = 0;
        for (at, c) in fragment.char_indices().filter(|(_, c)| deceives(*c)) {
            out.write_all(&fragment.as_bytes()[start..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            start = at + c.len_utf8();
        }
        out.write_all(&fragment.as_bytes()[start..])
    }

    forward! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
    }
}

#[cfg(test)]
mod tests {
    use super::{to_vec_pretty, to_writer};
    use serde_json::{Value, json};

    #[test]
    fn what_deceives_is_escaped_and_means_the_same() {
        let value = json!({"a\u{202e}": ["naïve 日本 🚀", "\u{1b}[2J\u{9b}\u{7f}\u{e0041}\"\\\n"]});
        let text = String::from_utf8(to_vec_pretty(&value).unwrap()).unwrap();
        assert!(text.contains("\"a\\u202e\": [\n    \"naïve 日本 🚀\",\n"), "{text}");
        assert!(text.contains("\\u001b[2J\\u009b\\u007f\\udb40\\udc41\\\"\\\\\\n"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        let mut line = Vec::new();
        to_writer(&mut line, &value).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&line).unwrap(), value);
    }

    #[test]
    fn plain_values_look_as_serde_writes_them() {
        let value = json!({"a": [1, 2.5, null, {"b": {}}], "c": []});
        let expected = [&serde_json::to_vec_pretty(&value).unwrap()[..], b"\n"].concat();
        assert_eq!(to_vec_pretty(&value).unwrap(), expected);
        let mut line = Vec::new();
        to_writer(&mut line, &value).unwrap();
        assert_eq!(line, serde_json::to_vec(&value).unwrap());
    }
}
