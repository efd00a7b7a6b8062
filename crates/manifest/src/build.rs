//! From parser events to the tree.
//!
//! What the events leave out is found in the text between two nodes: colons and dashes of absent
//! values, the header and the end of block scalars, the end of block collections.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{Event, Options, Parser, ScalarStyle, Span as EventSpan, StructureStyle, Tag};

use crate::resolve::{self, Scalar};
use crate::source::{Limits, ReadPart, Span, located};
use crate::tree::{Anchor, EntryData, Kind, MERGE, NONE, NodeData, Style, Tree, signature};

/// Reads one part of a file as YAML: its tree, or `None` without content, and its comments.
pub(crate) fn read(text: &str, body: Span, limits: &Limits) -> ReadPart {
    let mut outcome = attempt(text, &text[body.clone()], body.start, limits);
    // Go takes tabs as indentation inside braces, the parser does not: show it blanks instead,
    // byte for byte, so that every span stays true.
    let mut detabbed: Option<String> = None;
    for _ in 0..MOST_TAB_LINES {
        let Err(Fault { offset, tabs_in_flow: true, .. }) = &outcome.0 else { break };
        let shown = detabbed.take().unwrap_or_else(|| text[body.clone()].to_owned());
        let Some(shown) = blank_tabs(&shown, offset - body.start) else { break };
        outcome = attempt(text, &shown, body.start, limits);
        detabbed = Some(shown);
    }
    let (parsed, comments) = outcome;
    (parsed.map_err(|fault| located(text, fault.offset, fault.message)), comments)
}

/// Lines indented by tabs inside braces before we give up; each costs a parse.
const MOST_TAB_LINES: usize = 200;

/// Turns the tabs that indent the line of `at` into blanks.
fn blank_tabs(shown: &str, at: usize) -> Option<String> {
    let start = shown[..at].rfind('\n').map_or(0, |line| line + 1);
    let (head, tail) = shown.split_at(start);
    let width = tail.len() - tail.trim_start_matches([' ', '\t']).len();
    let indent = &tail[..width];
    indent.contains('\t').then(|| format!("{head}{}{}", " ".repeat(width), &tail[width..]))
}

type Attempt = (Result<Option<Tree>, Fault>, Vec<Span>);

fn attempt(text: &str, shown: &str, base: usize, limits: &Limits) -> Attempt {
    let mut reader = Reader {
        text,
        base,
        limit: base + shown.len(),
        assembler: Assembler::new(text, limits, shown.len()),
        comments: Vec::new(),
        anchors: HashMap::new(),
        cursor: base,
    };
    let outcome = reader.run(shown);
    let Reader { assembler, mut comments, .. } = reader;
    if !comments.is_sorted_by_key(|span: &Span| span.start) {
        comments.sort_unstable_by_key(|span| span.start);
    }
    comments.dedup();
    (outcome.and_then(|()| assembler.finish()), comments)
}

/// A parse error before its line is known.
pub(crate) struct Fault {
    offset: usize,
    message: String,
    /// Tabs as indentation inside braces, which Go accepts.
    tabs_in_flow: bool,
}

pub(crate) fn fault<T>(offset: usize, message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { offset, message: message.into(), tabs_in_flow: false })
}

fn options(limits: &Limits) -> Options {
    let mut options = Options::default();
    options.emit_anchor_events = true;
    options.bom_inside_document_as_content = true;
    options.block_nesting_limit = limits.max_depth;
    options.flow_nesting_limit = limits.max_depth;
    // Long runs of comments are normal in hand-written files.
    options.max_buffered_comment_events = usize::MAX;
    options
}

struct Target {
    node: u32,
    size: u64,
    height: u32,
    open: bool,
}

struct Reader<'a> {
    text: &'a str,
    base: usize,
    /// End of the part.
    limit: usize,
    assembler: Assembler<'a>,
    comments: Vec<Span>,
    /// Anchor number of the parser to the node it names.
    anchors: HashMap<usize, Target>,
    /// End of the last token seen; what the events leave out lies behind it.
    cursor: usize,
}

impl<'a> Reader<'a> {
    fn run(&mut self, shown: &str) -> Result<(), Fault> {
        let mut parser = Parser::new_from_str_with_options(shown, options(self.assembler.limits));
        let mut done = false;
        while let Some(next) = parser.next_event() {
            let (event, span) = match next {
                Ok(next) => next,
                // Go stops reading at the end of the first document of a part.
                Err(_) if done => break,
                Err(error) => {
                    let offset = self.base + error.marker().byte_offset().unwrap_or(0);
                    let message = sentence(error.info());
                    let tabs_in_flow = message.contains("tabs") && self.assembler.in_flow();
                    return Err(Fault { offset, message, tabs_in_flow });
                }
            };
            match event {
                Event::Comment(..) => self.comments.push(self.span(&span)),
                Event::DocumentEnd => done = true,
                _ if done => {}
                event => self.event(event, &span)?,
            }
        }
        Ok(())
    }

    fn span(&self, span: &EventSpan) -> Span {
        let range = span.byte_range().unwrap_or(0..0);
        self.base + range.start..self.base + range.end
    }

    fn event(&mut self, event: Event<'_>, span: &EventSpan) -> Result<(), Fault> {
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                self.scalar(&value, style, tag.as_deref(), anchor, span)
            }
            Event::MappingStart(style, anchor, tag) => {
                self.open(Kind::Map, style, tag.is_some(), anchor, span)
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.open(Kind::Seq, style, tag.is_some(), anchor, span)
            }
            Event::MappingEnd | Event::SequenceEnd => self.close(span),
            Event::Alias(id) => self.alias(id, span),
            Event::Anchor(id, _) => self.anchor(id, span),
            _ => Ok(()),
        }
    }

    fn outer(&self, span: &EventSpan, start: usize) -> usize {
        span.tag_span().map_or(start, |tag| self.span(&tag).start.min(start))
    }

    fn open(
        &mut self,
        kind: Kind,
        style: StructureStyle,
        tagged: bool,
        anchor: usize,
        span: &EventSpan,
    ) -> Result<(), Fault> {
        let range = self.span(span);
        let style = match style {
            StructureStyle::Flow if range.is_empty() => Style::Pair,
            StructureStyle::Flow => Style::Flow,
            StructureStyle::Block => Style::Block,
        };
        let mut start = range.start;
        if kind == Kind::Seq && style == Style::Block {
            start = self.first_dash(start);
            self.cursor = start + 1;
        }
        self.cursor = self.cursor.max(range.end.min(start + 1));
        let outer = self.outer(span, start);
        let id = self.assembler.open(kind, style, start, outer, tagged)?;
        if anchor != 0 {
            self.anchors.insert(anchor, Target { node: id, size: 0, height: 0, open: true });
            self.assembler.anchor_of_frame(anchor);
        }
        Ok(())
    }

    fn close(&mut self, span: &EventSpan) -> Result<(), Fault> {
        let range = self.span(span);
        self.cursor = self.cursor.max(if range.is_empty() { self.cursor } else { range.end });
        let closed = self.assembler.close((!range.is_empty()).then_some(range.end))?;
        if let Some(target) = self.anchors.get_mut(&closed.anchor) {
            *target = Target { size: closed.size, height: closed.height, open: false, ..*target };
        }
        Ok(())
    }

    fn alias(&mut self, id: usize, span: &EventSpan) -> Result<(), Fault> {
        let range = self.span(span);
        self.cursor = range.end;
        match self.anchors.get(&id) {
            Some(target) if !target.open => {
                let (node, size, height) = (target.node, target.size, target.height);
                self.assembler.alias(range, node, size, height)
            }
            _ => {
                let name = &self.text[range.clone()];
                fault(range.start, format!("alias `{name}` stands inside the value it names"))
            }
        }
    }

    fn anchor(&mut self, id: usize, span: &EventSpan) -> Result<(), Fault> {
        let range = self.span(span);
        if let Some(target) = self.anchors.get(&id) {
            self.assembler.name_anchor(target.node, range);
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        value: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        anchor: usize,
        span: &EventSpan,
    ) -> Result<(), Fault> {
        let range = self.span(span);
        let (range, style) = self.written(range, style, tag.is_some() || anchor != 0);
        let outer = self.outer(span, range.start);
        self.cursor = self.cursor.max(range.end);
        // An absent value comes as `~`, or as nothing under a tag.
        let value: &str = if style == Style::Empty { "" } else { value };
        let (value, resolved) = resolve_scalar(value, style, tag, range.start)?;
        let scalar =
            ScalarEvent { range, outer, style, tagged: tag.is_some(), value: &value, resolved };
        let id = self.assembler.scalar(&scalar)?;
        if anchor != 0 {
            self.anchors.insert(anchor, Target { node: id, size: 1, height: 0, open: false });
        }
        Ok(())
    }

    /// Where a scalar really stands, and how it is written.
    fn written(&self, range: Span, style: ScalarStyle, props: bool) -> (Span, Style) {
        match style {
            ScalarStyle::Plain if range.is_empty() => {
                let at = if props { range.start } else { self.absent(range.start) };
                (at..at, Style::Empty)
            }
            ScalarStyle::Plain => (range, Style::Plain),
            ScalarStyle::SingleQuoted => (range, Style::Single),
            ScalarStyle::DoubleQuoted => (range, Style::Double),
            ScalarStyle::Literal => (self.block_scalar(range), Style::Literal),
            ScalarStyle::Folded => (self.block_scalar(range), Style::Folded),
        }
    }

    /// Place of an absent value: behind its colon or dash.
    fn absent(&self, reported: usize) -> usize {
        if self.assembler.first_in_block_seq() {
            return self.cursor;
        }
        let at = skip_blank(self.text, self.cursor);
        match self.text.as_bytes().get(at) {
            Some(b':' | b'-' | b'?') if at <= reported => at + 1,
            _ => self.cursor,
        }
    }

    /// The first dash of a block list. The parser reports the first item instead when the list is
    /// not indented.
    fn first_dash(&self, reported: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = self.cursor;
        if self.assembler.later_in_block_seq() {
            // The dash of the item that this list is.
            at = skip_blank(self.text, at) + 1;
        }
        loop {
            at = skip_blank(self.text, at);
            match bytes.get(at) {
                Some(b'-') => return at,
                Some(b'&' | b'!') => {
                    while bytes.get(at).is_some_and(|byte| !byte.is_ascii_whitespace()) {
                        at += 1;
                    }
                }
                Some(b':' | b'?') => at += 1,
                _ => return reported,
            }
        }
    }

    /// From the header of a block scalar to the end of its last line.
    fn block_scalar(&self, content: Span) -> Span {
        let bytes = self.text.as_bytes();
        let mut at = self.cursor;
        loop {
            at = skip_blank(self.text, at);
            match bytes.get(at) {
                Some(b'|' | b'>') | None => break,
                Some(b'&' | b'!') => {
                    while bytes.get(at).is_some_and(|byte| !byte.is_ascii_whitespace()) {
                        at += 1;
                    }
                }
                Some(_) => at += 1,
            }
        }
        if at > content.start || at >= self.limit {
            // No header where one must be: better a short span than a wrong one.
            return content;
        }
        let start = at;
        let header = line_end(self.text, start);
        let indicators: String = self.text[start + 1..header]
            .chars()
            .take_while(|&c| matches!(c, '+' | '-' | '0'..='9'))
            .collect();
        let body = (header + 1).min(self.limit);
        let explicit = indicators.chars().find_map(|c| c.to_digit(10));
        let indent = explicit.map(|extra| self.assembler.column_of_block() + extra as usize);
        let stop = content.end.max(body).min(self.limit);
        let at_end = stop == self.limit;
        let keep = indicators.contains('+');
        let end = block_scalar_end(&self.text[..stop], body, indent, keep, at_end);
        start..end.unwrap_or(header.min(start + 1 + indicators.len()))
    }
}

/// End of the content of a block scalar that starts at `body`, before its last line break. The
/// text stops at the next token, which may be within a line unless it is the end of the part.
fn block_scalar_end(
    text: &str,
    body: usize,
    indent: Option<usize>,
    keep: bool,
    at_end: bool,
) -> Option<usize> {
    let mut indent = indent;
    let mut end = None;
    let mut at = body;
    while at < text.len() {
        let stop = line_end(text, at);
        let line = text[at..stop].trim_end_matches('\r');
        let spaces = line.len() - line.trim_start_matches(' ').len();
        let blank = spaces == line.len();
        if blank && indent.is_none_or(|indent| spaces <= indent) {
            if keep && (stop < text.len() || at_end) {
                end = Some(at + line.len());
            }
        } else {
            if spaces < *indent.get_or_insert(spaces) {
                break;
            }
            end = Some(at + line.len());
        }
        at = stop + 1;
    }
    end
}

/// Offset of the line break that ends the line of `at`, or the end of the text.
pub(crate) fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |length| at + length)
}

/// Skips blanks, line breaks and comments.
pub(crate) fn skip_blank(text: &str, mut at: usize) -> usize {
    let bytes = text.as_bytes();
    loop {
        match bytes.get(at) {
            Some(b' ' | b'\t' | b'\r' | b'\n') => at += 1,
            // A lone carriage return ends a comment too.
            Some(b'#') => at += text[at..].find(['\n', '\r']).unwrap_or(text.len() - at),
            Some(0xef) if text[at..].starts_with('\u{feff}') => at += 3,
            _ => return at,
        }
    }
}

fn sentence(info: String) -> String {
    if info.contains("nesting") || info.contains("limit") {
        return format!("{info}; the document is nested too deep");
    }
    info
}

fn resolve_scalar<'v>(
    value: &'v str,
    style: Style,
    tag: Option<&Tag>,
    at: usize,
) -> Result<(Cow<'v, str>, Scalar), Fault> {
    let plain = matches!(style, Style::Plain | Style::Empty);
    let resolved = match tag {
        None if plain => resolve::plain(value),
        None => Scalar::Str,
        Some(tag) => match tag.suffix_in_namespace("tag:yaml.org,2002:").as_deref() {
            Some("binary") => return binary(value, at).map(|text| (Cow::Owned(text), Scalar::Str)),
            Some(suffix) => match resolve::tagged(suffix, value) {
                Some(resolved) => resolved,
                None => return fault(at, format!("`{value}` is no !!{suffix}")),
            },
            None => Scalar::Str,
        },
    };
    Ok((Cow::Borrowed(value), resolved))
}

fn binary(value: &str, at: usize) -> Result<String, Fault> {
    match decode_base64(value).map(String::from_utf8) {
        Some(Ok(text)) => Ok(text),
        Some(Err(error)) => Ok(String::from_utf8_lossy(error.as_bytes()).into_owned()),
        None => fault(at, "the !!binary value is not base64"),
    }
}

fn decode_base64(value: &str) -> Option<Vec<u8>> {
    let mut bits = 0u32;
    let mut held = 0;
    let mut out = Vec::new();
    let digits: Vec<u8> = value.bytes().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
    let body = digits.iter().take_while(|&&byte| byte != b'=').count();
    if !digits.len().is_multiple_of(4)
        || digits.len() - body > 2
        || digits[body..].iter().any(|&b| b != b'=')
    {
        return None;
    }
    for &digit in &digits[..body] {
        let six = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 0xff) as u8);
        }
    }
    Some(out)
}

/// One scalar on its way into the tree.
pub(crate) struct ScalarEvent<'e> {
    pub(crate) range: Span,
    pub(crate) outer: usize,
    pub(crate) style: Style,
    pub(crate) tagged: bool,
    /// Decoded.
    pub(crate) value: &'e str,
    pub(crate) resolved: Scalar,
}

struct Frame {
    node: u32,
    /// Where its children begin among the pending nodes.
    base: usize,
    anchor: usize,
    size: u64,
    height: u32,
}

/// What a closed collection amounts to once aliases are expanded.
pub(crate) struct Closed {
    anchor: usize,
    size: u64,
    height: u32,
}

/// Puts nodes together; shared by the YAML and the JSON reader.
pub(crate) struct Assembler<'a> {
    text: &'a str,
    limits: &'a Limits,
    tree: Tree,
    frames: Vec<Frame>,
    pending: Vec<u32>,
}

impl<'a> Assembler<'a> {
    pub(crate) fn new(text: &'a str, limits: &'a Limits, bytes: usize) -> Assembler<'a> {
        // A manifest has a node every two dozen bytes or so, and the trees of all files stay in
        // memory: better grow now and then than hold twice what is needed.
        let nodes = Vec::with_capacity(bytes / 24 + 8);
        let entries = Vec::with_capacity(bytes / 56 + 4);
        let tree = Tree { nodes, entries, ..Tree::default() };
        Assembler { text, limits, tree, frames: Vec::new(), pending: Vec::new() }
    }

    /// The finished tree; `None` when there was no content.
    pub(crate) fn finish(mut self) -> Result<Option<Tree>, Fault> {
        let Some(&root) = self.pending.first() else { return Ok(None) };
        let data = self.tree.data(root);
        if data.style == Style::Empty && data.outer == data.start {
            return Ok(None);
        }
        self.tree.root = root;
        Ok(Some(self.tree))
    }

    pub(crate) fn mark_json(&mut self) {
        self.tree.json = true;
    }

    fn push(&mut self, data: NodeData) -> Result<u32, Fault> {
        let id = self.tree.nodes.len() as u32;
        let offset = data.start as usize;
        self.tree.nodes.push(data);
        self.pending.push(id);
        self.grow(1, 0, offset)?;
        Ok(id)
    }

    /// Charges nodes, expanded ones included, to the collection that is open.
    fn grow(&mut self, size: u64, height: u32, offset: usize) -> Result<(), Fault> {
        let depth = self.frames.len() as u32 + height;
        if depth as usize > self.limits.max_depth {
            let limit = self.limits.max_depth;
            return fault(offset, format!("nested deeper than {limit} levels"));
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.size = frame.size.saturating_add(size);
            frame.height = frame.height.max(height);
            if frame.size > self.limits.max_expanded_nodes as u64 {
                let limit = self.limits.max_expanded_nodes;
                return fault(
                    offset,
                    format!("more than {limit} values once aliases are expanded"),
                );
            }
        }
        Ok(())
    }

    pub(crate) fn open(
        &mut self,
        kind: Kind,
        style: Style,
        start: usize,
        outer: usize,
        tagged: bool,
    ) -> Result<u32, Fault> {
        let (start, outer) = (start as u32, outer as u32);
        let id = self.tree.nodes.len() as u32;
        self.tree.nodes.push(NodeData {
            start,
            end: start,
            outer,
            first: 0,
            count: 0,
            decoded: NONE,
            kind,
            style,
            tagged,
            merges: false,
            anchor: 0,
        });
        self.pending.push(id);
        self.frames.push(Frame {
            node: id,
            base: self.pending.len(),
            anchor: 0,
            size: 1,
            height: 0,
        });
        self.grow(0, 0, start as usize)?;
        Ok(id)
    }

    fn anchor_of_frame(&mut self, anchor: usize) {
        if let Some(frame) = self.frames.last_mut() {
            frame.anchor = anchor;
        }
    }

    fn name_anchor(&mut self, node: u32, span: Span) {
        let data = &mut self.tree.nodes[node as usize];
        data.outer = data.outer.min(span.start as u32);
        self.tree.anchors.push(Anchor { node, span });
        data.anchor = self.tree.anchors.len().min(u16::MAX as usize) as u16;
    }

    pub(crate) fn scalar(&mut self, event: &ScalarEvent<'_>) -> Result<u32, Fault> {
        let decoded = self.store(event);
        self.push(NodeData {
            start: event.range.start as u32,
            end: event.range.end as u32,
            outer: event.outer as u32,
            first: 0,
            count: 0,
            decoded,
            kind: event.resolved.kind(),
            style: event.style,
            tagged: event.tagged,
            merges: false,
            anchor: 0,
        })
        .and_then(|id| match event.resolved {
            Scalar::Float(value) if !value.is_finite() && !self.next_is_key() => {
                let text = event.value;
                fault(event.range.start, format!("`{text}` has no JSON form; quote it"))
            }
            _ => Ok(id),
        })
    }

    /// Whether the node just pushed is a key.
    fn next_is_key(&self) -> bool {
        let Some(frame) = self.frames.last() else { return false };
        let is_map = self.tree.data(frame.node).kind == Kind::Map;
        is_map && (self.pending.len() - frame.base) % 2 == 1
    }

    /// Keeps a decoded text, if it is not simply a slice of the file.
    fn store(&mut self, event: &ScalarEvent<'_>) -> u32 {
        let Span { start, end } = event.range;
        let written = match event.style {
            Style::Single | Style::Double => self.text.get(start + 1..end - 1),
            Style::Plain | Style::Empty => self.text.get(start..end),
            _ => None,
        };
        if written == Some(event.value) { NONE } else { self.keep(event.value) }
    }

    fn keep(&mut self, text: &str) -> u32 {
        let start = self.tree.decoded.len() as u32;
        self.tree.decoded.push_str(text);
        self.tree.decoded_spans.push((start, self.tree.decoded.len() as u32));
        self.tree.decoded_spans.len() as u32 - 1
    }

    fn alias(&mut self, range: Span, target: u32, size: u64, height: u32) -> Result<(), Fault> {
        let start = range.start as u32;
        let (kind, end) = (self.tree.data(target).kind, range.end as u32);
        self.push(NodeData {
            start,
            end,
            outer: start,
            first: target,
            count: 0,
            decoded: NONE,
            kind,
            style: Style::Alias,
            tagged: false,
            merges: false,
            anchor: 0,
        })?;
        self.grow(size, height, range.start)
    }

    fn in_block_seq(&self, wanted: impl Fn(usize) -> bool) -> bool {
        let Some(frame) = self.frames.last() else { return false };
        let data = self.tree.data(frame.node);
        let is_list = data.kind == Kind::Seq && data.style == Style::Block;
        is_list && wanted(self.pending.len() - frame.base)
    }

    fn in_flow(&self) -> bool {
        self.frames.last().is_some_and(|frame| self.tree.data(frame.node).style != Style::Block)
    }

    /// Whether the next node is the first item of a block list.
    fn first_in_block_seq(&self) -> bool {
        self.in_block_seq(|items| items == 0)
    }

    /// Whether the next node is a later item of a block list.
    fn later_in_block_seq(&self) -> bool {
        self.in_block_seq(|items| items > 0)
    }

    /// Column of the innermost block collection.
    fn column_of_block(&self) -> usize {
        let block = self.frames.iter().rev().map(|frame| self.tree.data(frame.node));
        let start = block.filter(|data| data.style == Style::Block).map(|data| data.start).next();
        start.map_or(0, |start| column(self.text, start as usize))
    }

    /// Closes the innermost collection; block collections end with their last child.
    pub(crate) fn close(&mut self, end: Option<usize>) -> Result<Closed, Fault> {
        let Some(frame) = self.frames.pop() else { return fault(0, "unbalanced collection") };
        let children = self.pending.len() - frame.base;
        let last = self.pending.last().copied().filter(|_| children > 0);
        let start = self.tree.data(frame.node).start;
        let last_end = last.map_or(start, |id| self.tree.data(id).end);
        let kind = self.tree.data(frame.node).kind;
        let (first, count) = match kind {
            Kind::Map => (self.tree.entries.len(), children / 2),
            _ => (self.tree.items.len(), children),
        };
        let data = &mut self.tree.nodes[frame.node as usize];
        data.end = end.map_or(last_end, |end| end as u32);
        data.first = first as u32;
        data.count = count as u32;
        match kind {
            Kind::Map => self.close_map(&frame)?,
            _ => self.tree.items.extend(self.pending.drain(frame.base..)),
        }
        self.grow(frame.size, frame.height + 1, start as usize)?;
        Ok(Closed { anchor: frame.anchor, size: frame.size, height: frame.height + 1 })
    }

    fn close_map(&mut self, frame: &Frame) -> Result<(), Fault> {
        let first = self.tree.entries.len();
        let mut at = frame.base;
        while at + 1 < self.pending.len() {
            let (key, value) = (self.pending[at], self.pending[at + 1]);
            let signature = self.key(key)?;
            if signature == MERGE {
                self.check_merge(value)?;
                self.tree.nodes[frame.node as usize].merges = true;
            }
            self.tree.entries.push(EntryData { key, value, signature });
            at += 2;
        }
        self.pending.truncate(frame.base);
        self.find_duplicates(first);
        Ok(())
    }

    /// Settles what a key is called in JSON; gives its signature.
    fn key(&mut self, key: u32) -> Result<u32, Fault> {
        let data = *self.tree.data(key);
        let offset = data.start as usize;
        let target = self.tree.target(key);
        match data.kind {
            Kind::Map | Kind::Seq => return fault(offset, "a key must be a scalar"),
            Kind::Null => return fault(offset, "a key must not be null; quote it"),
            Kind::Str => {}
            _ => {
                let text = self.tree.scalar_text(self.text, target).to_owned();
                let Some(text) = resolve::key_text(resolve::plain(&text)) else {
                    return fault(offset, format!("`{text}` cannot be a key; quote it"));
                };
                self.tree.nodes[key as usize].decoded = self.keep(&text);
            }
        }
        if data.kind == Kind::Str && data.style == Style::Alias {
            let text = self.tree.scalar_text(self.text, target).to_owned();
            self.tree.nodes[key as usize].decoded = self.keep(&text);
        }
        let text = self.tree.scalar_text(self.text, key);
        if text == "<<" && data.style == Style::Plain && !data.tagged {
            return Ok(MERGE);
        }
        Ok(signature(text))
    }

    fn check_merge(&self, value: u32) -> Result<(), Fault> {
        let offset = self.tree.data(value).start as usize;
        let real = self.tree.target(value);
        let is_map = |id: &u32| self.tree.data(*id).kind == Kind::Map;
        let valid = is_map(&real)
            || (self.tree.data(value).kind == Kind::Seq
                && real == value
                && self.tree.seq_items(real).iter().all(is_map));
        if valid { Ok(()) } else { fault(offset, "`<<` takes a map or a list of maps") }
    }

    fn find_duplicates(&mut self, first: usize) {
        let entries = &self.tree.entries[first..];
        if entries.len() > 24 {
            let mut seen = std::collections::HashSet::with_capacity(entries.len());
            let keys = entries.iter().filter(|entry| entry.signature != MERGE);
            let again: Vec<u32> = keys
                .filter(|entry| !seen.insert(self.tree.scalar_text(self.text, entry.key)))
                .map(|entry| entry.key)
                .collect();
            again.into_iter().for_each(|key| self.duplicate(key));
            return;
        }
        for at in 1..entries.len() {
            let entry = self.tree.entries[first + at];
            let earlier = &self.tree.entries[first..first + at];
            let text = || self.tree.scalar_text(self.text, entry.key);
            let same = |other: &EntryData| {
                other.signature == entry.signature
                    && self.tree.scalar_text(self.text, other.key) == text()
            };
            if entry.signature != MERGE && earlier.iter().any(same) {
                self.duplicate(entry.key);
            }
        }
    }

    fn duplicate(&mut self, key: u32) {
        let data = self.tree.data(key);
        self.tree.duplicates.push(data.start as usize..data.end as usize);
    }
}

/// Column of an offset in bytes, from 0; a byte-order mark takes none.
pub(crate) fn column(text: &str, at: usize) -> usize {
    at - line_start(text, at)
}

/// Start of the line of `at`, behind a byte-order mark.
pub(crate) fn line_start(text: &str, at: usize) -> usize {
    let start = text[..at].rfind('\n').map_or(0, |line| line + 1);
    if text[start..at].starts_with('\u{feff}') { start + 3 } else { start }
}
