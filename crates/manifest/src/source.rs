//! One file: its text, and the documents that the Kubernetes reader cuts it into.

use std::ops::Range;
use std::sync::OnceLock;

use crate::tree::{Node, Tree};
use crate::{build, json};

/// A range of bytes in the text of a [`Source`].
pub type Span = Range<usize>;

/// What a file may cost. Beyond these, reading is an error and never a hang.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest file, in bytes.
    pub max_bytes: usize,
    /// Deepest nesting of maps and lists, aliases followed.
    pub max_depth: usize,
    /// Most documents in one file.
    pub max_documents: usize,
    /// Most nodes of one document once its aliases are expanded.
    pub max_expanded_nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_bytes: 64 << 20,
            max_depth: 200,
            max_documents: 100_000,
            max_expanded_nodes: 5_000_000,
        }
    }
}

/// A place in a file as people count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// A fault of a whole file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// More bytes than [`Limits::max_bytes`].
    #[error("file has {bytes} bytes, the limit is {limit}; split it or raise the limit")]
    TooLarge {
        /// Size of the file.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// UTF-16 or UTF-32, which Kubernetes tools write on some systems.
    #[error("file is {encoding}, not UTF-8; save it as UTF-8")]
    Utf16 {
        /// The encoding that the first bytes announce.
        encoding: &'static str,
    },
    /// Bytes that are not UTF-8.
    #[error("line {line} (byte {offset}): not UTF-8; save the file as UTF-8")]
    NotUtf8 {
        /// Offset of the first wrong byte.
        offset: usize,
        /// Its line, from 1.
        line: usize,
    },
    /// A NUL byte: not a text file.
    #[error("line {line} (byte {offset}): NUL byte; this is a binary file, not a manifest")]
    Binary {
        /// Offset of the first NUL.
        offset: usize,
        /// Its line, from 1.
        line: usize,
    },
    /// More documents than [`Limits::max_documents`].
    #[error("line {line}: more than {limit} documents; split the file or raise the limit")]
    TooManyDocuments {
        /// The limit.
        limit: usize,
        /// Line of the first document too many.
        line: usize,
    },
}

/// Why one document could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ParseError {
    /// What is wrong, and what to do where that is known.
    pub message: String,
    /// Offset in the file.
    pub offset: usize,
    /// Line in the file, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// One document of a [`Source`].
#[derive(Debug)]
pub struct Document {
    pub(crate) index: usize,
    pub(crate) span: Span,
    pub(crate) parsed: Result<Tree, ParseError>,
    pub(crate) comments: Vec<Span>,
}

impl Document {
    /// Position among the documents of the file, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The bytes between the separators around the document.
    pub fn span(&self) -> Span {
        self.span.clone()
    }

    /// Why the document has no root, if it has none.
    pub fn error(&self) -> Option<&ParseError> {
        self.parsed.as_ref().err()
    }

    /// Keys that an earlier entry of the same map already has. The last one counts; the API
    /// server refuses them under strict field validation.
    pub fn duplicate_keys(&self) -> &[Span] {
        self.parsed.as_ref().map_or(&[], |tree| &tree.duplicates)
    }

    /// Comments of the document, in order, without their line ends.
    pub fn comments(&self) -> &[Span] {
        &self.comments
    }
}

/// A file, or standard input, cut into documents and read.
#[derive(Debug)]
pub struct Source {
    pub(crate) text: String,
    pub(crate) limits: Limits,
    documents: Vec<Document>,
    /// Comments outside every document: on separators, and in parts that hold nothing else.
    stray_comments: Vec<Span>,
    line_starts: OnceLock<Vec<u32>>,
}

impl Source {
    /// Reads a file. A document that cannot be read is listed with its error and does not spoil
    /// the others.
    pub fn parse(bytes: Vec<u8>, limits: &Limits) -> Result<Source, SourceError> {
        let text = decode(bytes, limits)?;
        let mut source = Source {
            text: String::new(),
            limits: limits.clone(),
            documents: Vec::new(),
            stray_comments: Vec::new(),
            line_starts: OnceLock::new(),
        };
        let mut first_line = 1;
        for part in cut(&text) {
            source.add_part(&text, &part, first_line)?;
            first_line += count_lines(&text[part.start..part.end]);
        }
        source.text = text;
        Ok(source)
    }

    fn add_part(&mut self, text: &str, part: &Part, first_line: usize) -> Result<(), SourceError> {
        let body = part.body..part.end;
        if let Some(bad) = part.bad_separator {
            let error = located(text, bad, bad_separator_message(text, bad));
            self.push(body, Err(error), Vec::new());
        } else {
            if let Some(comment) = part.comment.clone() {
                self.stray_comments.push(comment);
            }
            if is_blank(&text[body.clone()]) {
                stray_comments(text, body, &mut self.stray_comments);
                return Ok(());
            }
            let (parsed, comments) = read_part(text, body.clone(), &self.limits);
            match parsed {
                Ok(None) => {
                    self.stray_comments.extend(comments);
                    return Ok(());
                }
                Ok(Some(tree)) => self.push(body, Ok(tree), comments),
                Err(error) => self.push(body, Err(error), comments),
            }
        }
        let limit = self.limits.max_documents;
        if self.documents.len() > limit {
            return Err(SourceError::TooManyDocuments { limit, line: first_line });
        }
        Ok(())
    }

    fn push(&mut self, span: Span, parsed: Result<Tree, ParseError>, comments: Vec<Span>) {
        let index = self.documents.len();
        self.documents.push(Document { index, span, parsed, comments });
    }

    /// The whole text, byte-order mark included; all spans point into it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The documents that have content. Parts that are blank or hold only comments are none.
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// The limits that the file was read under.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Root of a document; `None` when there is no such document or it could not be read.
    pub fn root(&self, document: usize) -> Option<Node<'_>> {
        let tree = self.documents.get(document)?.parsed.as_ref().ok()?;
        Some(tree.root(&self.text))
    }

    /// All comments of the file in order, from `#` to the end of the line.
    pub fn comments(&self) -> impl Iterator<Item = Span> {
        let documents =
            self.documents.iter().flat_map(|document| document.comments.iter().cloned());
        let mut all: Vec<Span> = documents.chain(self.stray_comments.iter().cloned()).collect();
        all.sort_unstable_by_key(|span| span.start);
        all.into_iter()
    }

    /// Line and column of an offset; offsets past the end count as the end.
    pub fn position(&self, offset: usize) -> Position {
        let starts = self.line_starts.get_or_init(|| line_starts(&self.text));
        let offset = floor_char(&self.text, offset);
        let line = starts.partition_point(|&start| start as usize <= offset);
        let start = starts.get(line.wrapping_sub(1)).map_or(0, |&start| start as usize);
        let column = self.text[start..offset].chars().filter(|&c| c != '\u{feff}').count() + 1;
        Position { line, column }
    }
}

fn line_starts(text: &str) -> Vec<u32> {
    let breaks = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
    std::iter::once(0).chain(breaks.map(|(at, _)| at as u32 + 1)).collect()
}

fn floor_char(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

fn decode(bytes: Vec<u8>, limits: &Limits) -> Result<String, SourceError> {
    let limit = limits.max_bytes.min(u32::MAX as usize / 2);
    if bytes.len() > limit {
        return Err(SourceError::TooLarge { bytes: bytes.len(), limit });
    }
    if let Some(encoding) = wide_encoding(&bytes) {
        return Err(SourceError::Utf16 { encoding });
    }
    if let Some(offset) = bytes.iter().position(|&byte| byte == 0) {
        return Err(SourceError::Binary { offset, line: line_of(&bytes, offset) });
    }
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        SourceError::NotUtf8 { offset, line: line_of(error.as_bytes(), offset) }
    })
}

fn wide_encoding(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] => Some("UTF-32LE"),
        [0xff, 0xfe, ..] => Some("UTF-16LE"),
        [0xfe, 0xff, ..] => Some("UTF-16BE"),
        // Without a mark, ASCII text of two-byte units alternates with NUL.
        [a, 0, b, 0, ..] if a.is_ascii_graphic() && b.is_ascii() => Some("UTF-16LE"),
        [0, a, 0, b, ..] if a.is_ascii_graphic() && b.is_ascii() => Some("UTF-16BE"),
        _ => None,
    }
}

fn line_of(bytes: &[u8], offset: usize) -> usize {
    bytes[..offset].iter().filter(|&&byte| byte == b'\n').count() + 1
}

fn count_lines(text: &str) -> usize {
    text.bytes().filter(|&byte| byte == b'\n').count()
}

/// A parse error at an offset of the text.
pub(crate) fn located(text: &str, offset: usize, message: String) -> ParseError {
    let offset = floor_char(text, offset);
    let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
    let line = line_of(text.as_bytes(), offset);
    let column = text[start..offset].chars().filter(|&c| c != '\u{feff}').count() + 1;
    ParseError { message, offset, line, column }
}

fn bad_separator_message(text: &str, offset: usize) -> String {
    let rest = text[offset..].lines().next().unwrap_or_default();
    let shown: String = rest.chars().take(40).collect();
    format!(
        "only a comment may follow the separator `---`, found `{shown}`; put it on its own line"
    )
}

/// One stretch between separators.
pub(crate) struct Part {
    /// Start of the separator line, or of the file.
    start: usize,
    /// First byte after the separator line.
    pub(crate) body: usize,
    pub(crate) end: usize,
    comment: Option<Span>,
    bad_separator: Option<usize>,
}

/// Cuts a text into parts by its lines, as the Kubernetes reader does before it parses anything.
pub(crate) fn cut(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut part = Part { start: 0, body: 0, end: 0, comment: None, bad_separator: None };
    let mut at = 0;
    while at < text.len() {
        let line_end = text[at..].find('\n').map_or(text.len(), |length| at + length + 1);
        if text[at..].starts_with("---") {
            part.end = at;
            let next = separator(text, at, line_end);
            parts.push(std::mem::replace(&mut part, next));
        }
        at = line_end;
    }
    part.end = text.len();
    parts.push(part);
    parts
}

fn separator(text: &str, at: usize, line_end: usize) -> Part {
    let tail = &text[at + 3..line_end];
    let trimmed = tail.trim();
    let offset = at + 3 + (tail.len() - tail.trim_start().len());
    let mut part =
        Part { start: at, body: line_end, end: line_end, comment: None, bad_separator: None };
    if trimmed.starts_with('#') {
        part.comment = Some(offset..offset + trimmed.len());
    } else if !trimmed.is_empty() {
        part.bad_separator = Some(offset);
        part.body = at;
    }
    part
}

/// Nothing but blanks and comment lines.
fn is_blank(text: &str) -> bool {
    text.split(['\n', '\r']).all(|line| {
        let line = line.trim_start_matches(['\u{feff}', ' ', '\t', '\r']);
        line.is_empty() || line.starts_with('#')
    })
}

fn stray_comments(text: &str, body: Span, found: &mut Vec<Span>) {
    let mut at = body.start;
    for line in text[body].split_inclusive('\n') {
        let trimmed = line.trim_start_matches(['\u{feff}', ' ', '\t']);
        if trimmed.starts_with('#') {
            let start = at + (line.len() - trimmed.len());
            found.push(start..start + trimmed.trim_end_matches(['\n', '\r']).len());
        }
        at += line.len();
    }
}

pub(crate) type ReadPart = (Result<Option<Tree>, ParseError>, Vec<Span>);

/// Reads one part: JSON first, as Kubernetes does, then YAML. `None` when it has no content.
pub(crate) fn read_part(text: &str, body: Span, limits: &Limits) -> ReadPart {
    // Within its lead, a byte-order mark of any part is dropped.
    let lead = text[body.clone()].trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    if lead.starts_with(['{', '['])
        && let Some(tree) = json::read(text, body.clone(), limits)
    {
        return (Ok(Some(tree)), Vec::new());
    }
    build::read(text, body, limits)
}
