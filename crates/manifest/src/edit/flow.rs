//! From a changed overlay to splices: inside braces and brackets.

use serde_json::Value;

use super::EditError;
use super::overlay::{Origin, Over};
use super::plan::Planner;
use super::write::{FlowStyle, Quotes};
use crate::build::{column, line_start, skip_blank};
use crate::tree::{EntryData, Kind, Style};

/// An entry or item of a flow collection.
struct Child {
    start: usize,
    end: usize,
    kept: bool,
}

/// A flow collection at hand.
struct Flow {
    start: usize,
    end: usize,
    children: Vec<Child>,
    style: FlowStyle,
}

/// New text and the old child it goes behind.
type Fresh = (Option<usize>, String);

impl Planner<'_> {
    /// A value inside a flow collection, or a flow collection itself.
    pub(crate) fn flow_value(
        &mut self,
        over: &Over,
        node: u32,
        parent: Option<&FlowStyle>,
    ) -> Result<(), EditError> {
        match over {
            Over::Orig(_) => Ok(()),
            Over::New(value) => self.flow_replace(value, node, parent),
            Over::Map(..) | Over::Seq(..) => self.flow_collection(over, node),
        }
    }

    fn flow_replace(
        &mut self,
        value: &Value,
        node: u32,
        parent: Option<&FlowStyle>,
    ) -> Result<(), EditError> {
        let old = *self.data(node);
        let (outer, end) = (old.outer as usize, old.end as usize);
        if !self.comments_in(outer..end).is_empty() {
            return self.refuse(outer, "a comment stands inside the flow value to replace");
        }
        if old.style != Style::Alias {
            self.guard_range(outer..end.max(outer + 1), None)?;
        }
        let mut style = parent.cloned().unwrap_or_else(|| self.flow_style(node));
        if !self.habits.json {
            style.value_quotes = Quotes::of(old.style);
        }
        if matches!(value, Value::Array(_) | Value::Object(_)) && !self.habits.json {
            style.value_quotes = Quotes::AsNeeded;
        }
        let scalar = matches!(old.style, Style::Plain | Style::Single | Style::Double);
        let from = if scalar && !old.tagged { old.start as usize } else { outer };
        let text = self.habits.flow(value, &style);
        self.splice(from..end, text);
        Ok(())
    }

    /// Style of what is written into a flow collection.
    fn flow_style(&self, node: u32) -> FlowStyle {
        let data = self.data(node);
        let inner = &self.text[data.start as usize + 1..data.end as usize];
        let json = self.habits.json;
        let several = inner.contains('\n') || (json && self.text_is_pretty());
        let line = line_start(self.text, data.start as usize);
        let indent: String =
            self.text[line..].chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
        let quotes = if json { Quotes::Double } else { Quotes::AsNeeded };
        FlowStyle {
            pad_map: self.padded(node, Kind::Map),
            pad_list: self.padded(node, Kind::Seq),
            lines: (json && several).then_some(indent),
            key_quotes: if data.kind == Kind::Map {
                self.key_quotes(self.tree.map_entries(node))
            } else {
                quotes
            },
            value_quotes: quotes,
        }
    }

    /// Whether collections of a kind have blanks inside their brackets, here or one level below.
    fn padded(&self, node: u32, kind: Kind) -> bool {
        let values = self.tree.map_entries(node).iter().map(|entry| entry.value);
        let items = self.tree.seq_items(node).iter().copied();
        let mut near = std::iter::once(node).chain(values).chain(items);
        let filled = |id: &u32| {
            let data = self.data(*id);
            data.kind == kind && data.style == Style::Flow && data.count > 0
        };
        let shown = near.find(filled).map(|id| self.data(id).start as usize + 1);
        shown.is_some_and(|inner| self.text[inner..].starts_with(' '))
    }

    /// Whether a JSON document is written over several lines.
    fn text_is_pretty(&self) -> bool {
        let root = self.data(self.tree.root);
        self.text[root.start as usize..root.end as usize].contains('\n')
    }

    fn flow_collection(&mut self, over: &Over, node: u32) -> Result<(), EditError> {
        self.guard(node)?;
        let data = *self.data(node);
        if data.style != Style::Flow {
            return self
                .refuse(data.start as usize, "a pair inside `[ ]` has no braces of its own");
        }
        let mut style = self.flow_style(node);
        if let Some(indent) = &mut style.lines {
            // Children stand one level deeper than the line of their collection.
            indent.push_str(&self.habits.unit);
        }
        let (children, fresh) = match over {
            Over::Map(_, entries) => self.flow_map(node, entries, &style)?,
            Over::Seq(_, items) => self.flow_seq(node, items, &style)?,
            _ => return Ok(()),
        };
        let (start, end) = (data.start as usize, data.end as usize);
        let flow = Flow { start, end, children, style };
        if flow.children.iter().any(|child| child.kept) {
            self.flow_remove(&flow, &fresh)?;
            return self.flow_insert(&flow, &fresh);
        }
        self.flow_refill(&flow, &fresh)
    }

    fn flow_map(
        &mut self,
        node: u32,
        entries: &[super::overlay::OverEntry],
        style: &FlowStyle,
    ) -> Result<(Vec<Child>, Vec<Fresh>), EditError> {
        let own = self.tree.map_entries(node);
        let mut children: Vec<Child> = own
            .iter()
            .map(|entry| Child {
                start: self.outer(entry.key),
                end: self.end(entry.value).max(self.end(entry.key)),
                kept: entry.signature == crate::tree::MERGE,
            })
            .collect();
        for (child, entry) in children.iter_mut().zip(own) {
            let key = self.tree.scalar_text(self.text, entry.key);
            let owned = |other: &&super::overlay::OverEntry| matches!(other.origin, Origin::Own(_));
            child.kept |= entries.iter().filter(owned).any(|other| other.key == key);
        }
        let last = children.iter().rposition(|child| child.kept);
        let mut fresh = Vec::new();
        for entry in entries {
            match entry.origin {
                Origin::Own(at) if !matches!(entry.value, Over::Orig(_)) => {
                    self.flow_entry_value(&entry.value, &own[at], style)?;
                }
                Origin::New => {
                    let value = self.json_of(&entry.value);
                    fresh.push((last, self.habits.flow_entry(&entry.key, &value, style)));
                }
                _ => {}
            }
        }
        Ok((children, fresh))
    }

    /// The value of an entry, which may have neither text nor colon.
    fn flow_entry_value(
        &mut self,
        over: &Over,
        entry: &EntryData,
        style: &FlowStyle,
    ) -> Result<(), EditError> {
        let data = *self.data(entry.value);
        if data.style != Style::Empty || data.outer != data.start {
            return self.flow_value(over, entry.value, Some(style));
        }
        let text = self.habits.flow(&self.json_of(over), style);
        let (key_end, at) = (self.end(entry.key), data.start as usize);
        let colon = self.text[key_end..at.max(key_end)].contains(':');
        let text = if colon { format!(" {text}") } else { format!(": {text}") };
        self.splice(at..at, text);
        Ok(())
    }

    fn flow_seq(
        &mut self,
        node: u32,
        items: &[super::overlay::OverItem],
        style: &FlowStyle,
    ) -> Result<(Vec<Child>, Vec<Fresh>), EditError> {
        let own = self.tree.seq_items(node);
        let kept = |at| items.iter().any(|item| item.origin == Origin::Own(at));
        let child = |(at, &item): (usize, &u32)| Child {
            start: self.outer(item),
            end: self.end(item),
            kept: kept(at),
        };
        let children = own.iter().enumerate().map(child).collect();
        let mut behind = None;
        let mut fresh = Vec::new();
        for item in items {
            match item.origin {
                Origin::Own(at) => {
                    behind = Some(at);
                    self.flow_value(&item.value, own[at], Some(style))?;
                }
                _ => fresh.push((behind, self.habits.flow(&self.json_of(&item.value), style))),
            }
        }
        Ok((children, fresh))
    }

    /// Replaces everything between the brackets.
    fn flow_refill(&mut self, flow: &Flow, fresh: &[Fresh]) -> Result<(), EditError> {
        let inner = flow.start + 1..flow.end - 1;
        if !self.comments_in(inner.clone()).is_empty() {
            return self.refuse(flow.start, "a comment stands inside the brackets to empty");
        }
        self.guard_range(inner.clone(), None)?;
        if fresh.is_empty() {
            self.splice(inner, "");
            return Ok(());
        }
        let parts: Vec<&str> = fresh.iter().map(|(_, text)| text.as_str()).collect();
        let text = match &flow.style.lines {
            Some(indent) => {
                let eol = self.habits.eol;
                let outer = indent.strip_suffix(&self.habits.unit).unwrap_or(indent);
                format!("{eol}{indent}{}{eol}{outer}", parts.join(&format!(",{eol}{indent}")))
            }
            None => parts.join(self.habits.comma),
        };
        self.splice(inner, text);
        Ok(())
    }

    fn flow_remove(&mut self, flow: &Flow, fresh: &[Fresh]) -> Result<(), EditError> {
        let first = flow.children.iter().position(|child| child.kept).unwrap_or(0);
        for (at, child) in flow.children.iter().enumerate().filter(|(_, child)| !child.kept) {
            self.guard_range(child.start..child.end, None)?;
            let range = if at < first {
                child.start..flow.children[at + 1].start
            } else {
                flow.children[at - 1].end..child.end
            };
            if self.comments_in(range.clone()).is_empty() {
                self.splice(range, "");
            } else if fresh.is_empty() {
                self.flow_remove_line(flow, at)?;
            } else {
                return self
                    .refuse(child.start, "a comment stands beside the flow value to remove");
            }
        }
        Ok(())
    }

    /// Removes a child that has its line for itself, and keeps the comments around it.
    fn flow_remove_line(&mut self, flow: &Flow, at: usize) -> Result<(), EditError> {
        let child = &flow.children[at];
        let refused = "a comment stands beside the flow value to remove";
        let comma = skip_blank(self.text, child.end);
        let own_comma = self.text.as_bytes().get(comma) == Some(&b',');
        let end = if own_comma { comma + 1 } else { child.end };
        let stop = self.line_end(end);
        let tail = &self.text[end..stop];
        let alone = !self.is_inline(child.start)
            && (tail.trim().is_empty() || tail.trim_start().starts_with('#'))
            && self.comments_in(child.start..end).is_empty();
        if !alone {
            return self.refuse(child.start, refused);
        }
        if !own_comma && at > 0 {
            let before = &flow.children[at - 1];
            let comma = skip_blank(self.text, before.end);
            if !before.kept || self.text.as_bytes().get(comma) != Some(&b',') {
                return self.refuse(child.start, refused);
            }
            self.splice(comma..comma + 1, "");
        }
        let line = line_start(self.text, child.start);
        if tail.trim().is_empty() {
            self.splice(line..self.next_line(end), "");
        } else {
            let comment = stop - tail.trim_start().len();
            self.splice(child.start..comment, "");
        }
        Ok(())
    }

    fn flow_insert(&mut self, flow: &Flow, fresh: &[Fresh]) -> Result<(), EditError> {
        let mut at = 0;
        while at < fresh.len() {
            let behind = fresh[at].0;
            let stop = fresh[at..].iter().take_while(|next| next.0 == behind).count() + at;
            let texts: Vec<&str> = fresh[at..stop].iter().map(|(_, text)| text.as_str()).collect();
            match behind {
                Some(behind) => self.flow_insert_behind(flow, behind, &texts),
                None => self.flow_insert_first(flow, &texts),
            }
            at = stop;
        }
        Ok(())
    }

    /// What separates children that each have a line; `None` when they share lines.
    fn flow_line(&self, flow: &Flow, child: &Child) -> Option<String> {
        let several = self.text[flow.start..flow.end].contains('\n');
        let indent = || " ".repeat(column(self.text, child.start));
        if !several || self.is_inline(child.start) {
            return None;
        }
        let line = &self.text[line_start(self.text, child.start)..child.start];
        let indent = if line.contains('\t') { line.to_owned() } else { indent() };
        Some(format!("{}{indent}", self.habits.eol))
    }

    fn flow_insert_first(&mut self, flow: &Flow, texts: &[&str]) {
        let Some(first) = flow.children.iter().find(|child| child.kept) else { return };
        let text = match self.flow_line(flow, first) {
            Some(line) => texts.iter().map(|text| format!("{text},{line}")).collect(),
            None => {
                let comma = self.comma(flow);
                texts.iter().map(|text| format!("{text}{comma}")).collect::<String>()
            }
        };
        self.splice(first.start..first.start, text);
    }

    /// Comma and blank as the collection has them.
    fn comma(&self, flow: &Flow) -> &'static str {
        let [first, second, ..] = &flow.children[..] else { return self.habits.comma };
        if &self.text[first.end..second.start] == "," { "," } else { ", " }
    }

    fn flow_insert_behind(&mut self, flow: &Flow, behind: usize, texts: &[&str]) {
        let child = &flow.children[behind];
        let cut_off = flow.children.get(behind + 1).is_some_and(|next| !next.kept);
        let line = self.flow_line(flow, child);
        let Some(line) = line else {
            let comma = self.comma(flow);
            let text: String = texts.iter().map(|text| format!("{comma}{text}")).collect();
            self.splice(child.end..child.end, text);
            return;
        };
        let comma = skip_blank(self.text, child.end);
        let has_comma = self.text.as_bytes().get(comma) == Some(&b',');
        let anchor = if has_comma { comma + 1 } else { child.end };
        let stop = self.line_end(anchor);
        let tail = self.text[anchor..stop].trim();
        if cut_off || !(tail.is_empty() || tail.starts_with('#')) {
            let text: String = texts.iter().map(|text| format!(",{line}{text}")).collect();
            self.splice(child.end..child.end, text);
        } else if has_comma {
            let text: String = texts.iter().map(|text| format!("{line}{text},")).collect();
            self.splice(stop..stop, text);
        } else {
            self.splice(child.end..child.end, ",");
            self.splice(stop..stop, format!("{line}{}", texts.join(&format!(",{line}"))));
        }
    }

    fn json_of(&self, over: &Over) -> Value {
        self.overlay.to_json(over)
    }
}
