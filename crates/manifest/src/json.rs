//! A JSON reader with spans, into the same tree as YAML.
//!
//! Kubernetes tries JSON before YAML, which matters where the two differ: tabs as indentation,
//! escaped slashes, numbers.

use std::borrow::Cow;

use crate::build::{Assembler, Fault, ScalarEvent, fault};
use crate::resolve::Scalar;
use crate::source::{Limits, Span};
use crate::tree::{Kind, Style, Tree};

/// Reads a part as strict JSON; `None` when it is not, and YAML has to judge it.
pub(crate) fn read(text: &str, body: Span, limits: &Limits) -> Option<Tree> {
    let mut reader = Reader {
        text,
        at: body.start,
        end: body.end,
        assembler: Assembler::new(text, limits, body.len()),
        open: Vec::new(),
    };
    reader.document().ok()?;
    let mut assembler = reader.assembler;
    assembler.mark_json();
    assembler.finish().ok()?
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    end: usize,
    assembler: Assembler<'a>,
    open: Vec<Kind>,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<(), Fault> {
        self.value()?;
        while let Some(&kind) = self.open.last() {
            self.blanks();
            match (kind, self.byte()) {
                (Kind::Map, Some(b'}')) | (Kind::Seq, Some(b']')) => self.close()?,
                (_, Some(b',')) => {
                    self.at += 1;
                    self.member(kind)?;
                }
                _ => return self.wrong(),
            }
        }
        self.blanks();
        if self.at == self.end { Ok(()) } else { self.wrong() }
    }

    fn wrong<T>(&self) -> Result<T, Fault> {
        fault(self.at, "not JSON")
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied().filter(|_| self.at < self.end)
    }

    fn blanks(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn close(&mut self) -> Result<(), Fault> {
        self.at += 1;
        self.open.pop();
        self.assembler.close(Some(self.at)).map(|_| ())
    }

    fn member(&mut self, kind: Kind) -> Result<(), Fault> {
        self.blanks();
        if kind == Kind::Map {
            self.string()?;
            self.blanks();
            if self.byte() != Some(b':') {
                return self.wrong();
            }
            self.at += 1;
        }
        self.value()
    }

    fn value(&mut self) -> Result<(), Fault> {
        self.blanks();
        match self.byte() {
            Some(b'{') => self.open(Kind::Map, b'}'),
            Some(b'[') => self.open(Kind::Seq, b']'),
            Some(b'"') => self.string(),
            Some(b't') => self.word("true", Scalar::Bool(true)),
            Some(b'f') => self.word("false", Scalar::Bool(false)),
            Some(b'n') => self.word("null", Scalar::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.wrong(),
        }
    }

    fn open(&mut self, kind: Kind, closer: u8) -> Result<(), Fault> {
        self.assembler.open(kind, Style::Flow, self.at, self.at, false)?;
        self.open.push(kind);
        self.at += 1;
        self.blanks();
        if self.byte() == Some(closer) { self.close() } else { self.member(kind) }
    }

    fn plain(&mut self, range: Span, resolved: Scalar) -> Result<(), Fault> {
        self.at = range.end;
        let value = &self.text[range.clone()];
        let outer = range.start;
        let style = Style::Plain;
        let event = ScalarEvent { range, outer, style, tagged: false, value, resolved };
        self.assembler.scalar(&event).map(|_| ())
    }

    fn word(&mut self, word: &str, resolved: Scalar) -> Result<(), Fault> {
        if !self.text[self.at..self.end].starts_with(word) {
            return self.wrong();
        }
        self.plain(self.at..self.at + word.len(), resolved)
    }

    fn number(&mut self) -> Result<(), Fault> {
        let tail = &self.text[self.at..self.end];
        let length = tail
            .find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'))
            .unwrap_or(tail.len());
        let resolved = match serde_json::from_str::<serde_json::Number>(&tail[..length]) {
            Ok(number) => json_number(&number),
            Err(_) => return self.wrong(),
        };
        self.plain(self.at..self.at + length, resolved)
    }

    fn string(&mut self) -> Result<(), Fault> {
        let start = self.at;
        if self.byte() != Some(b'"') {
            return self.wrong();
        }
        let mut escaped = false;
        self.at += 1;
        loop {
            match self.byte() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(0x20..) => self.at += 1,
                _ => return self.wrong(),
            }
        }
        self.at += 1;
        let range = start..self.at;
        let value: Cow<'_, str> = if escaped {
            match self.text.get(range.clone()).map(serde_json::from_str::<String>) {
                Some(Ok(text)) => Cow::Owned(text),
                _ => return self.wrong(),
            }
        } else {
            Cow::Borrowed(&self.text[start + 1..self.at - 1])
        };
        let (style, resolved) = (Style::Double, Scalar::Str);
        let event =
            ScalarEvent { range, outer: start, style, tagged: false, value: &value, resolved };
        self.assembler.scalar(&event).map(|_| ())
    }
}

fn json_number(number: &serde_json::Number) -> Scalar {
    if let Some(value) = number.as_i64() {
        Scalar::Int(value)
    } else if let Some(value) = number.as_u64() {
        Scalar::Uint(value)
    } else {
        Scalar::Float(number.as_f64().unwrap_or(0.0))
    }
}
