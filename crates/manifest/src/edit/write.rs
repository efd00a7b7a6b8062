//! Writing new values the way the file is written.

use serde_json::Value;

use crate::build::column;
use crate::resolve::{plain_is_safe, printable};
use crate::source::Source;
use crate::tree::{Kind, Style, Tree};

/// How a file is laid out.
#[derive(Clone, Debug)]
pub(crate) struct Habits {
    /// Columns from a key to the keys below it.
    pub(crate) step: usize,
    /// Columns from a key to the dashes below it.
    pub(crate) list: usize,
    /// Columns from a dash to its item.
    pub(crate) dash: usize,
    pub(crate) eol: &'static str,
    /// Written as JSON: everything quoted, no block style.
    pub(crate) json: bool,
    /// One level of indentation of multi-line JSON.
    pub(crate) unit: String,
    /// Behind colons and commas of JSON.
    pub(crate) colon: &'static str,
    pub(crate) comma: &'static str,
    /// Whether strings of several lines become block scalars.
    pub(crate) literals: bool,
}

/// Most frequent values seen; small ones only.
#[derive(Default)]
struct Counts {
    step: [usize; 10],
    list: [usize; 10],
    dash: [usize; 10],
}

fn most(counts: &[usize; 10]) -> Option<usize> {
    let best = counts.iter().copied().max()?;
    (best > 0).then(|| counts.iter().position(|&count| count == best))?
}

fn count(slot: &mut [usize; 10], from: usize, to: usize) {
    if let Some(count) = to.checked_sub(from).and_then(|delta| slot.get_mut(delta)) {
        *count += 1;
    }
}

fn survey(text: &str, tree: &Tree, counts: &mut Counts) {
    for (id, data) in tree.nodes.iter().enumerate() {
        if data.style != Style::Block {
            continue;
        }
        let own = column(text, data.start as usize);
        for entry in tree.map_entries(id as u32) {
            let value = tree.data(entry.value);
            if value.style != Style::Block || text[data.start as usize..].starts_with('?') {
                continue;
            }
            let at = column(text, value.start as usize);
            match value.kind {
                Kind::Map if at > own => count(&mut counts.step, own, at),
                Kind::Seq => count(&mut counts.list, own, at),
                _ => {}
            }
        }
        if let Some(&item) = tree.seq_items(id as u32).first() {
            let item = tree.data(item);
            if item.style != Style::Empty
                && text[data.start as usize..item.outer as usize].len() < 9
            {
                count(&mut counts.dash, own, column(text, item.outer as usize));
            }
        }
    }
}

impl Habits {
    /// Habits of a document; where it shows none, of the rest of its file.
    pub(crate) fn of(source: &Source, document: usize) -> Habits {
        let text = source.text();
        let mut here = Counts::default();
        let mut file = Counts::default();
        for (at, other) in source.documents().iter().enumerate() {
            if let Ok(tree) = &other.parsed {
                if at == document {
                    survey(text, tree, &mut here);
                } else if at < 100 {
                    survey(text, tree, &mut file);
                }
            }
        }
        let either = |a: &[usize; 10], b: &[usize; 10]| most(a).or(most(b));
        let list = either(&here.list, &file.list);
        let span = source.documents().get(document).map_or(0..0, crate::source::Document::span);
        let part = &text[span];
        let tree = source.documents().get(document).and_then(|found| found.parsed.as_ref().ok());
        let json = tree.is_some_and(|tree| tree.json);
        Habits {
            step: either(&here.step, &file.step).or(list.filter(|&list| list > 2)).unwrap_or(2),
            list: list.unwrap_or(0),
            dash: either(&here.dash, &file.dash).filter(|&width| width > 1).unwrap_or(2),
            eol: line_break(if part.contains('\n') { part } else { text }),
            json,
            unit: json_unit(part),
            colon: if json && !part.contains("\": ") && part.contains("\":") { ":" } else { ": " },
            comma: if json && !part.contains(", ") && !part.contains(",\n") && part.contains(',') {
                ","
            } else {
                ", "
            },
            literals: true,
        }
    }
}

/// The line break that most lines have.
fn line_break(text: &str) -> &'static str {
    if text.matches("\r\n").count() * 2 > text.matches('\n').count() { "\r\n" } else { "\n" }
}

fn json_unit(part: &str) -> String {
    let mut lines = part.lines().filter(|line| !line.trim().is_empty()).skip(1);
    let first = lines.next().unwrap_or("  ");
    let indent: String = first.chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
    if indent.is_empty() { "  ".to_owned() } else { indent }
}

/// Which quotes a string had before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quotes {
    AsNeeded,
    Single,
    Double,
}

impl Quotes {
    pub(crate) fn of(style: Style) -> Quotes {
        match style {
            Style::Single => Quotes::Single,
            Style::Double => Quotes::Double,
            _ => Quotes::AsNeeded,
        }
    }
}

/// A string on one line.
pub(crate) fn string(text: &str, quotes: Quotes, flow: bool) -> String {
    match quotes {
        Quotes::AsNeeded if plain_is_safe(text, flow) => text.to_owned(),
        Quotes::Single if text.chars().all(printable) => format!("'{}'", text.replace('\'', "''")),
        _ => double_quoted(text),
    }
}

fn double_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if printable(c) => out.push(c),
            c => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out.push('"');
    out
}

/// A scalar or an empty collection on one line.
pub(crate) fn scalar(value: &Value, quotes: Quotes, flow: bool) -> String {
    match value {
        Value::String(text) => string(text, quotes, flow),
        Value::Array(_) => "[]".to_owned(),
        Value::Object(_) => "{}".to_owned(),
        other => other.to_string(),
    }
}

fn is_block(value: &Value) -> bool {
    match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
        _ => false,
    }
}

/// A value behind a key or a dash: the rest of its line, and the lines below.
pub(crate) struct Written {
    pub(crate) inline: String,
    pub(crate) lines: Vec<String>,
}

/// Where a block value is to be written.
#[derive(Clone, Copy)]
pub(crate) struct Columns {
    /// Column of keys, if the value is a map, and of the text of a block scalar.
    pub(crate) map: usize,
    /// Column of dashes, if the value is a list.
    pub(crate) list: usize,
    /// Whether the first line goes behind a dash.
    pub(crate) behind_dash: bool,
}

impl Habits {
    /// Columns below a key.
    pub(crate) fn below_key(&self, key: usize) -> Columns {
        Columns { map: key + self.step, list: key + self.list, behind_dash: false }
    }

    /// Columns behind a dash.
    pub(crate) fn behind_dash(&self, dash: usize, width: usize) -> Columns {
        Columns { map: dash + width, list: dash + width, behind_dash: true }
    }

    /// A value in block style.
    pub(crate) fn block(
        &self,
        value: &Value,
        columns: Columns,
        quotes: Quotes,
        literals: bool,
    ) -> Written {
        if let Value::String(text) = value
            && literals
            && self.literals
            && let Some(header) = literal_header(text)
        {
            let indent = " ".repeat(columns.map);
            let lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
            let line = |line: &str| {
                if line.is_empty() { String::new() } else { format!("{indent}{line}") }
            };
            return Written { inline: header.to_owned(), lines: lines.map(line).collect() };
        }
        if !is_block(value) {
            return Written { inline: scalar(value, quotes, false), lines: Vec::new() };
        }
        let mut lines = Vec::new();
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    self.entry(key, value, columns.map, Quotes::AsNeeded, &mut lines);
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.item(item, columns.list, self.dash, &mut lines);
                }
            }
            _ => {}
        }
        if columns.behind_dash && !lines.is_empty() {
            let inline = lines.remove(0).trim_start_matches(' ').to_owned();
            return Written { inline, lines };
        }
        Written { inline: String::new(), lines }
    }

    /// Lines of one entry of a block map.
    pub(crate) fn entry(
        &self,
        key: &str,
        value: &Value,
        at: usize,
        quotes: Quotes,
        lines: &mut Vec<String>,
    ) {
        let written = self.block(value, self.below_key(at), Quotes::AsNeeded, true);
        let space = if written.inline.is_empty() { "" } else { " " };
        let key = string(key, quotes, false);
        lines.push(format!("{}{key}:{space}{}", " ".repeat(at), written.inline));
        lines.extend(written.lines);
    }

    /// Lines of one item of a block list.
    pub(crate) fn item(&self, value: &Value, at: usize, width: usize, lines: &mut Vec<String>) {
        let written = self.block(value, self.behind_dash(at, width), Quotes::AsNeeded, true);
        let gap = " ".repeat(width - 1);
        lines.push(format!("{}-{gap}{}", " ".repeat(at), written.inline));
        lines.extend(written.lines);
    }
}

/// Header of a literal block scalar for a string, if one can hold it and reads well.
fn literal_header(text: &str) -> Option<&'static str> {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let plain_lines = body.contains('\n') || text.ends_with('\n');
    let fits = plain_lines
        && !body.trim().is_empty()
        && !body.ends_with('\n')
        && !body.starts_with([' ', '\t', '\n'])
        && body.split('\n').all(|line| !line.ends_with([' ', '\t']) && !line.starts_with('\t'))
        && body.chars().all(|c| c == '\n' || c == '\t' || printable(c));
    fits.then_some(if text.ends_with('\n') { "|" } else { "|-" })
}

/// How flow collections around a new value look.
#[derive(Clone)]
pub(crate) struct FlowStyle {
    /// Blanks inside braces, and inside brackets.
    pub(crate) pad_map: bool,
    pub(crate) pad_list: bool,
    /// Indentation of the line that holds the value, if its collections go over several lines.
    pub(crate) lines: Option<String>,
    pub(crate) key_quotes: Quotes,
    pub(crate) value_quotes: Quotes,
}

impl Habits {
    /// A value in flow style.
    pub(crate) fn flow(&self, value: &Value, style: &FlowStyle) -> String {
        if !is_block(value) {
            return scalar(value, style.value_quotes, true);
        }
        let inner = FlowStyle {
            lines: style.lines.as_ref().map(|indent| format!("{indent}{}", self.unit)),
            ..style.clone()
        };
        let (open, close, pad, parts): (_, _, _, Vec<String>) = match value {
            Value::Object(map) => {
                let parts = map.iter().map(|(key, value)| self.flow_entry(key, value, &inner));
                ('{', '}', style.pad_map, parts.collect())
            }
            Value::Array(items) => {
                let parts = items.iter().map(|item| self.flow(item, &inner));
                ('[', ']', style.pad_list, parts.collect())
            }
            _ => return scalar(value, style.value_quotes, true),
        };
        match (&style.lines, &inner.lines) {
            (Some(outer), Some(indent)) => {
                let eol = self.eol;
                let body = parts.join(&format!(",{eol}{indent}"));
                format!("{open}{eol}{indent}{body}{eol}{outer}{close}")
            }
            _ => {
                let pad = if pad { " " } else { "" };
                format!("{open}{pad}{}{pad}{close}", parts.join(self.comma))
            }
        }
    }

    /// A key and its value in flow style.
    pub(crate) fn flow_entry(&self, key: &str, value: &Value, style: &FlowStyle) -> String {
        let key = string(key, style.key_quotes, true);
        format!("{key}{}{}", self.colon, self.flow(value, style))
    }
}
