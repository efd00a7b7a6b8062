//! From a changed overlay to splices: block style, and what blocks and flows share.

use serde_json::{Map, Value};

use super::overlay::{Origin, Over, OverEntry, OverItem, Overlay};
use super::write::{Columns, Habits, Quotes};
use super::{EditError, Place};
use crate::build::{column, line_end, line_start, skip_blank};
use crate::source::Span;
use crate::text::TextEdit;
use crate::tree::{EntryData, Kind, MERGE, NodeData, Style, Tree};

/// The splices that turn the original document into the overlay.
pub(crate) fn plan(
    overlay: &Overlay<'_>,
    comments: &[Span],
    part: Span,
    habits: &Habits,
    place: Place<'_>,
) -> Result<Vec<TextEdit>, EditError> {
    let mut planner = Planner {
        text: overlay.text,
        tree: overlay.tree,
        overlay,
        comments,
        part,
        habits,
        place,
        edits: Vec::new(),
    };
    planner.root()?;
    Ok(planner.finish())
}

pub(crate) struct Planner<'a> {
    pub(crate) text: &'a str,
    pub(crate) tree: &'a Tree,
    pub(crate) overlay: &'a Overlay<'a>,
    comments: &'a [Span],
    part: Span,
    pub(crate) habits: &'a Habits,
    pub(crate) place: Place<'a>,
    edits: Vec<TextEdit>,
}

/// What a value hangs on, in block style.
#[derive(Clone, Copy)]
struct Slot {
    kind: SlotKind,
    /// Behind the colon or the dash; where the value starts for the root.
    intro: usize,
    /// Column of the key or the dash.
    column: usize,
    /// The old value.
    node: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SlotKind {
    Root,
    Key,
    Item,
}

/// An entry or item of a block collection.
#[derive(Clone, Copy)]
struct Child {
    /// Its key or dash.
    start: usize,
    end: usize,
    kept: bool,
}

impl<'a> Planner<'a> {
    fn root(&mut self) -> Result<(), EditError> {
        let node = self.tree.root;
        let data = self.tree.data(node);
        let intro = data.outer as usize;
        let overlay = self.overlay;
        if data.style == Style::Flow && (self.habits.json || !self.is_empty_flow(node)) {
            return self.flow_value(&overlay.root, node, None);
        }
        let slot = Slot { kind: SlotKind::Root, intro, column: column(self.text, intro), node };
        self.value(&overlay.root, slot)
    }

    pub(crate) fn splice(&mut self, range: Span, text: impl Into<String>) {
        let text = text.into();
        if self.text[range.clone()] != text {
            self.edits.push(TextEdit { range, text });
        }
    }

    pub(crate) fn refuse<T>(&self, at: usize, reason: impl Into<String>) -> Result<T, EditError> {
        Err(self.place.unsupported(at, reason))
    }

    /// Sorts, trims and joins the splices. At one place, those of inner values were made first.
    fn finish(mut self) -> Vec<TextEdit> {
        self.edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
        let mut out: Vec<TextEdit> = Vec::new();
        for edit in std::mem::take(&mut self.edits) {
            match out.last_mut() {
                Some(last) if last.range.end > edit.range.start => self.join_removal(last, &edit),
                Some(last) if last.range.end == edit.range.start => {
                    last.range.end = edit.range.end;
                    last.text.push_str(&edit.text);
                }
                _ => out.push(edit),
            }
        }
        self.fix_end(&mut out);
        let trim = |edit: TextEdit| trimmed(self.text, edit);
        let mut out: Vec<TextEdit> = out.into_iter().map(trim).collect();
        out.retain(|edit| !edit.range.is_empty() || !edit.text.is_empty());
        out
    }

    /// Leaves the end of the file as it was: no new blank lines there, and no final line break
    /// where there was none.
    fn fix_end(&self, edits: &mut Vec<TextEdit>) {
        let open_end = !self.text.ends_with('\n');
        while let Some(mut last) = edits.pop() {
            if last.range.end != self.text.len() || !last.text.is_empty() {
                let kept = last.text.trim_end_matches(['\r', '\n']).len();
                if open_end && last.range.end == self.text.len() {
                    last.text.truncate(kept);
                }
                edits.push(last);
                return;
            }
            let floor = edits.last().map_or(self.part.start, |edit| edit.range.end);
            let floor = floor.max(self.block_scalar_before(last.range.start));
            let before = &self.text[floor..last.range.start];
            let mut kept = before.trim_end().len();
            // All between two changes goes; the earlier one decides.
            if let Some(earlier) = edits.last_mut()
                && kept == 0
                && earlier.range.end == floor
                && (earlier.text.is_empty() || open_end)
            {
                earlier.range.end = last.range.end;
                continue;
            }
            let line_break = before[kept..].find('\n').map(|line_break| line_break + 1);
            match line_break {
                _ if open_end => {}
                Some(length) => kept += length,
                None => last.range.end -= self.last_line_break(),
            }
            last.range.start = floor + kept;
            edits.push(last);
            return;
        }
    }

    /// End of the last block scalar before an offset: its blank lines may be data.
    fn block_scalar_before(&self, offset: usize) -> usize {
        let block = |data: &&NodeData| matches!(data.style, Style::Literal | Style::Folded);
        let ends = self.tree.nodes.iter().filter(block).map(|data| data.end as usize);
        ends.filter(|&end| end <= offset).max().unwrap_or(0)
    }

    /// Length of the line break that ends the file.
    fn last_line_break(&self) -> usize {
        if self.text.ends_with("\r\n") { 2 } else { 1 }
    }

    /// New lines that go below a line which is itself removed take its place.
    fn join_removal(&self, removal: &mut TextEdit, insertion: &TextEdit) {
        let eol = self.habits.eol;
        if self.text[removal.range.clone()].ends_with('\n') {
            let lines = insertion.text.strip_prefix(eol).unwrap_or(&insertion.text);
            removal.text.push_str(lines);
            removal.text.push_str(eol);
        } else {
            removal.text.push_str(&insertion.text);
        }
    }

    pub(crate) fn data(&self, node: u32) -> &'a NodeData {
        self.tree.data(node)
    }

    pub(crate) fn end(&self, node: u32) -> usize {
        self.data(node).end as usize
    }

    pub(crate) fn outer(&self, node: u32) -> usize {
        self.data(node).outer as usize
    }

    /// Offset of the line break behind `at`, before a carriage return.
    pub(crate) fn line_end(&self, at: usize) -> usize {
        let end = line_end(self.text, at).min(self.part.end);
        end - usize::from(end > at && self.text.as_bytes()[end - 1] == b'\r')
    }

    /// Start of the line behind the one of `at`.
    pub(crate) fn next_line(&self, at: usize) -> usize {
        (line_end(self.text, at) + 1).min(self.part.end)
    }

    pub(crate) fn comments_in(&self, range: Span) -> &'a [Span] {
        let first = self.comments.partition_point(|span| span.start < range.start);
        let last = self.comments.partition_point(|span| span.start < range.end);
        &self.comments[first..last.max(first)]
    }

    /// Whether something other than blanks stands before `at` on its line.
    pub(crate) fn is_inline(&self, at: usize) -> bool {
        !self.text[line_start(self.text, at)..at].trim().is_empty()
    }

    fn is_empty_flow(&self, node: u32) -> bool {
        let data = self.data(node);
        let range = data.start as usize..data.end as usize;
        data.style == Style::Flow && data.count == 0 && self.comments_in(range).is_empty()
    }

    /// Whether nothing stays of a flow collection but its comments, which need block style then.
    fn empties_comments(&self, over: &Over, node: u32) -> bool {
        let own = |origin: Origin| matches!(origin, Origin::Own(_));
        let nothing_stays = match over {
            Over::Map(_, entries) => !entries.iter().any(|entry| own(entry.origin)),
            Over::Seq(_, items) => !items.iter().any(|item| own(item.origin)),
            _ => false,
        };
        let data = self.data(node);
        let range = data.start as usize..data.end as usize;
        nothing_stays && data.style == Style::Flow && !self.comments_in(range).is_empty()
    }

    /// Refuses to change a node that aliases elsewhere share.
    pub(crate) fn guard(&self, node: u32) -> Result<(), EditError> {
        if self.data(node).anchor == 0 {
            return Ok(());
        }
        self.guard_range(self.outer(node)..self.outer(node) + 1, Some(node))
    }

    /// Refuses to drop an anchor that is used outside of `range`; of one node, or of all within.
    pub(crate) fn guard_range(&self, range: Span, only: Option<u32>) -> Result<(), EditError> {
        for anchor in &self.tree.anchors {
            let named = only.map_or(range.contains(&anchor.span.start), |node| node == anchor.node);
            if !named {
                continue;
            }
            let uses = |data: &&NodeData| {
                data.style == Style::Alias
                    && data.first == anchor.node
                    && !range.contains(&(data.start as usize))
            };
            if let Some(alias) = self.tree.nodes.iter().find(uses) {
                let name = &self.text[anchor.span.clone()];
                let line = self.place.line(alias.start as usize);
                let reason = format!(
                    "the value has the anchor `{name}`, and line {line} uses it as an alias"
                );
                return self.refuse(anchor.span.start, reason);
            }
        }
        Ok(())
    }

    /// A value in block context.
    fn value(&mut self, over: &Over, slot: Slot) -> Result<(), EditError> {
        match over {
            Over::Orig(_) => Ok(()),
            Over::New(value) => self.replace(value, slot),
            Over::Map(node, _) | Over::Seq(node, _)
                if self.is_empty_flow(*node) && !self.habits.json =>
            {
                self.guard(*node)?;
                self.replace(&self.overlay.to_json(over), slot)
            }
            Over::Map(node, _) | Over::Seq(node, _) if self.empties_comments(over, *node) => {
                self.guard(*node)?;
                self.replace(&self.overlay.to_json(over), slot)
            }
            Over::Map(node, _) | Over::Seq(node, _) if self.data(*node).style != Style::Block => {
                self.flow_value(over, *node, None)
            }
            Over::Map(node, entries) => self.block_map(*node, entries, slot),
            Over::Seq(node, items) => self.block_seq(*node, items, slot),
        }
    }

    /// Behind the colon of an entry.
    fn colon(&self, entry: &EntryData) -> Result<usize, EditError> {
        let key_end = self.end(entry.key);
        let at = skip_blank(self.text, key_end);
        if self.text.as_bytes().get(at) == Some(&b':') {
            return Ok(at + 1);
        }
        self.refuse(key_end, "the key has no colon")
    }

    fn block_map(&mut self, node: u32, entries: &[OverEntry], slot: Slot) -> Result<(), EditError> {
        self.guard(node)?;
        let own = self.tree.map_entries(node);
        let children = self.map_children(own, entries)?;
        if !children.iter().any(|child| child.kept) {
            let fresh =
                entries.iter().map(|entry| (entry.key.clone(), self.overlay.to_json(&entry.value)));
            return self.replace(&Value::Object(fresh.collect::<Map<_, _>>()), slot);
        }
        let start = self.data(node).start as usize;
        let at = column(self.text, start);
        for entry in entries {
            if let Origin::Own(position) = entry.origin
                && !matches!(entry.value, Over::Orig(_))
            {
                let old = &own[position];
                let intro = self.colon(old)?;
                let slot = Slot { kind: SlotKind::Key, intro, column: at, node: old.value };
                self.value(&entry.value, slot)?;
            }
        }
        let mut lines = Vec::new();
        let quotes = self.key_quotes(own);
        for entry in entries.iter().filter(|entry| entry.origin == Origin::New) {
            let value = self.overlay.to_json(&entry.value);
            self.habits.entry(&entry.key, &value, at, quotes, &mut lines);
        }
        self.remove(&children, at, &[])?;
        self.insert_behind(&children, &lines);
        Ok(())
    }

    fn map_children(
        &self,
        own: &[EntryData],
        entries: &[OverEntry],
    ) -> Result<Vec<Child>, EditError> {
        let key = |entry: &EntryData| self.tree.scalar_text(self.text, entry.key);
        let by_key: std::collections::HashSet<&str> = entries
            .iter()
            .filter(|entry| matches!(entry.origin, Origin::Own(_)))
            .map(|entry| entry.key.as_str())
            .collect();
        let mut children = Vec::with_capacity(own.len());
        for entry in own {
            // A merge key stays; so does an earlier duplicate of a key that stays.
            let kept = entry.signature == MERGE || by_key.contains(key(entry));
            let start = self.outer(entry.key);
            let head = &self.text[line_start(self.text, start)..start];
            if !kept && head.trim_end().ends_with('?') {
                return self.refuse(start, "the key is written with `?`");
            }
            if !kept {
                self.guard_range(start..self.end(entry.value).max(self.end(entry.key)), None)?;
            }
            let end = self.end(entry.value).max(self.end(entry.key));
            children.push(Child { start, end, kept });
        }
        Ok(children)
    }

    /// Quotes that all keys of a map share.
    pub(crate) fn key_quotes(&self, own: &[EntryData]) -> Quotes {
        if self.habits.json {
            return Quotes::Double;
        }
        let mut styles = own.iter().map(|entry| Quotes::of(self.data(entry.key).style));
        let first = styles.next().unwrap_or(Quotes::AsNeeded);
        if styles.all(|style| style == first) { first } else { Quotes::AsNeeded }
    }

    /// Where the dashes of a block list are.
    fn dashes(&self, node: u32) -> Result<Vec<usize>, EditError> {
        let mut at = self.data(node).start as usize;
        let mut dashes = Vec::new();
        for &item in self.tree.seq_items(node) {
            at = skip_blank(self.text, at);
            if self.text.as_bytes().get(at) != Some(&b'-') {
                return self.refuse(at, "an item of the list has no dash");
            }
            dashes.push(at);
            at = self.end(item).max(at + 1);
        }
        Ok(dashes)
    }

    fn block_seq(&mut self, node: u32, items: &[OverItem], slot: Slot) -> Result<(), EditError> {
        self.guard(node)?;
        let own = self.tree.seq_items(node);
        let dashes = self.dashes(node)?;
        let mut children = Vec::with_capacity(own.len());
        for (at, (&dash, &item)) in dashes.iter().zip(own).enumerate() {
            let kept = items.iter().any(|item| item.origin == Origin::Own(at));
            let child = Child { start: dash, end: self.end(item).max(dash + 1), kept };
            if !kept {
                self.guard_range(child.start..child.end, None)?;
            }
            children.push(child);
        }
        if !children.iter().any(|child| child.kept) {
            let fresh = items.iter().map(|item| self.overlay.to_json(&item.value)).collect();
            return self.replace(&Value::Array(fresh), slot);
        }
        let at = column(self.text, dashes[0]);
        for item in items {
            if let Origin::Own(position) = item.origin
                && !matches!(item.value, Over::Orig(_))
            {
                let (intro, node) = (dashes[position] + 1, own[position]);
                self.value(&item.value, Slot { kind: SlotKind::Item, intro, column: at, node })?;
            }
        }
        self.new_items(items, &children, slot, at, self.dash_width(&dashes, own))
    }

    /// Columns from a dash to its item, as the list at hand has it.
    fn dash_width(&self, dashes: &[usize], own: &[u32]) -> usize {
        let pairs = dashes.iter().zip(own);
        let mut widths = pairs.filter_map(|(&dash, &item)| {
            let between = &self.text[dash + 1..self.outer(item).max(dash + 1)];
            let blank = !between.is_empty() && between.bytes().all(|byte| byte == b' ');
            (blank && self.data(item).style != Style::Empty).then_some(between.len() + 1)
        });
        widths.next().unwrap_or(self.habits.dash)
    }

    fn new_items(
        &mut self,
        items: &[OverItem],
        children: &[Child],
        slot: Slot,
        at: usize,
        width: usize,
    ) -> Result<(), EditError> {
        let mut head = Vec::new();
        let mut behind = None;
        let mut lines = Vec::new();
        for item in items {
            if let Origin::Own(position) = item.origin {
                self.flush(&mut lines, behind, children, &mut head);
                behind = Some(position);
            } else {
                let value = self.overlay.to_json(&item.value);
                self.habits.item(&value, at, width, &mut lines);
            }
        }
        self.flush(&mut lines, behind, children, &mut head);
        if !head.is_empty() && !self.is_inline(children[0].start) {
            self.insert_first(&head, children[0].start, slot);
            head.clear();
        }
        self.remove(children, at, &head)
    }

    /// Puts new lines behind an old item, or keeps them as the head of the list.
    fn flush(
        &mut self,
        lines: &mut Vec<String>,
        behind: Option<usize>,
        children: &[Child],
        head: &mut Vec<String>,
    ) {
        let lines = std::mem::take(lines);
        match behind {
            Some(at) => self.insert_lines(children[at].end, &lines),
            None => head.extend(lines),
        }
    }

    /// Puts lines above the first item of a list, and above the comments that belong to it.
    fn insert_first(&mut self, lines: &[String], first: usize, slot: Slot) {
        let eol = self.habits.eol;
        if slot.kind == SlotKind::Root {
            let at = line_start(self.text, first);
            self.splice(at..at, format!("{}{eol}", lines.join(eol)));
        } else {
            self.insert_lines(slot.intro, lines);
        }
    }

    /// Puts lines below the line of `at`.
    fn insert_lines(&mut self, at: usize, lines: &[String]) {
        if !lines.is_empty() {
            let eol = self.habits.eol;
            let at = self.line_end(at);
            self.splice(at..at, format!("{eol}{}", lines.join(eol)));
        }
    }

    fn insert_behind(&mut self, children: &[Child], lines: &[String]) {
        if let Some(last) = children.iter().rev().find(|child| child.kept) {
            self.insert_lines(last.end, lines);
        }
    }

    /// Takes children out of a block collection of which something stays. `head` comes before
    /// the first child, which stands behind a dash.
    fn remove(&mut self, children: &[Child], at: usize, head: &[String]) -> Result<(), EditError> {
        let eol = self.habits.eol;
        let first_kept = children.iter().position(|child| child.kept).unwrap_or(0);
        let inline = self.is_inline(children[0].start);
        let mut rest = children;
        if inline && (first_kept > 0 || !head.is_empty()) {
            let (start, stop) = (children[0].start, children[first_kept].start);
            let mut text = String::new();
            for line in head {
                text.push_str(line.trim_start_matches(if text.is_empty() { ' ' } else { '\n' }));
                text.push_str(eol);
            }
            if !head.is_empty() {
                text.push_str(&" ".repeat(at));
            }
            self.splice(start..stop, text);
            self.lift_comments(start..stop, start);
            rest = &children[first_kept..];
        }
        let mut regions: Vec<(Span, String)> = Vec::new();
        for child in rest.iter().filter(|child| !child.kept) {
            let range = line_start(self.text, child.start)..self.next_line(child.end);
            let kept = self.comment_lines(child.start..self.line_end(child.end), at);
            regions.push((range, kept.iter().map(|line| format!("{line}{eol}")).collect()));
        }
        for (range, text) in regions {
            self.splice(range, text);
        }
        Ok(())
    }

    /// Moves the comments of a removed range above the line it stands on.
    fn lift_comments(&mut self, range: Span, first: usize) {
        let line = line_start(self.text, first);
        let indent = self.text[line..].len() - self.text[line..].trim_start_matches(' ').len();
        let lines = self.comment_lines(range, indent);
        let eol = self.habits.eol;
        let text: String = lines.iter().map(|line| format!("{line}{eol}")).collect();
        self.splice(line..line, text);
    }

    /// Comments of a range as lines of their own at a column; commented-out blocks keep their shape.
    fn comment_lines(&self, range: Span, at: usize) -> Vec<String> {
        self.shaped(self.comments_in(range), at)
    }

    fn shaped(&self, comments: &[Span], at: usize) -> Vec<String> {
        let own = |span: &&Span| !self.is_inline(span.start);
        let least = comments.iter().filter(own).map(|span| column(self.text, span.start)).min();
        let least = least.unwrap_or(0);
        let line = |span: &Span| {
            let deeper =
                if self.is_inline(span.start) { 0 } else { column(self.text, span.start) - least };
            format!("{}{}", " ".repeat(at + deeper), self.text[span.clone()].trim_end())
        };
        comments.iter().map(line).collect()
    }

    /// Writes a new value in the place of an old one, in block context.
    fn replace(&mut self, value: &Value, slot: Slot) -> Result<(), EditError> {
        let old = self.data(slot.node);
        let (outer, end) = (old.outer as usize, (old.end as usize).max(slot.intro));
        let absent = old.style == Style::Empty && outer == old.start as usize;
        if old.style != Style::Alias {
            self.guard_range(outer.min(end)..end.max(outer + 1), None)?;
        }
        let stop = self.line_end(end);
        let first_line = self.line_end(slot.intro);
        let found = self.comments_in(slot.intro..stop);
        let (beside, below): (Vec<Span>, Vec<Span>) =
            found.iter().cloned().partition(|span| span.start < first_line);
        let columns = self.columns(slot);
        let quotes = if absent { Quotes::AsNeeded } else { Quotes::of(old.style) };
        let literals = below.is_empty();
        let written = self.habits.block(value, columns, quotes, literals);
        let inline = self.inline_text(&written.inline, slot, absent);
        let at = if written.lines.is_empty() {
            self.column_of_old(slot, columns)
        } else {
            columns.first(value)
        };
        let mut below_text = String::new();
        for line in self.shaped(&below, at).iter().chain(&written.lines) {
            below_text.push_str(self.habits.eol);
            below_text.push_str(line);
        }
        match beside.first() {
            // A comment on the line stays where it is.
            Some(comment) => {
                let gap = self.gap_before(comment.start).len();
                self.splice(slot.intro..comment.start - gap, inline);
                self.splice(comment.end..stop, below_text);
            }
            None => self.splice(slot.intro..stop, inline + &below_text),
        }
        Ok(())
    }

    /// The part of a new value that stands on the line of its key or dash.
    fn inline_text(&self, inline: &str, slot: Slot, absent: bool) -> String {
        if inline.is_empty() || slot.kind == SlotKind::Root {
            return inline.to_owned();
        }
        let old = self.data(slot.node);
        let scalar = matches!(old.style, Style::Plain | Style::Single | Style::Double);
        let from = if scalar && !old.tagged { old.start } else { old.outer } as usize;
        let gap = self.text.get(slot.intro..from).unwrap_or_default();
        let usable = !absent
            && !gap.is_empty()
            && !gap.contains(['\n', '#'])
            && gap.starts_with([' ', '\t']);
        let gap = if usable { gap } else { " " };
        format!("{gap}{inline}")
    }

    /// The blanks before a comment.
    fn gap_before(&self, comment: usize) -> &'a str {
        let line = &self.text[line_start(self.text, comment)..comment];
        &line[line.trim_end_matches([' ', '\t']).len()..]
    }

    /// Columns for a new value: those of the old one, if it was of that kind.
    fn columns(&self, slot: Slot) -> Columns {
        let old = self.data(slot.node);
        let at = column(self.text, old.start as usize);
        let own_line = old.style == Style::Block && !self.is_inline(old.start as usize);
        match slot.kind {
            SlotKind::Root => Columns { map: slot.column, list: slot.column, behind_dash: true },
            SlotKind::Item => {
                let inline = !own_line && at > slot.column && old.style != Style::Empty;
                let same_line =
                    line_start(self.text, slot.intro) == line_start(self.text, old.outer as usize);
                let width = if inline && same_line {
                    column(self.text, old.outer as usize) - slot.column
                } else {
                    self.habits.dash
                };
                self.habits.behind_dash(slot.column, width.max(2))
            }
            SlotKind::Key => {
                let mut columns = self.habits.below_key(slot.column);
                match old.kind {
                    Kind::Map if own_line => columns.map = at,
                    Kind::Seq if own_line => columns.list = at,
                    Kind::Str => columns.map = self.literal_column(old).unwrap_or(columns.map),
                    _ => {}
                }
                columns
            }
        }
    }

    /// Column of the text of an old block scalar.
    fn literal_column(&self, old: &NodeData) -> Option<usize> {
        if !matches!(old.style, Style::Literal | Style::Folded) {
            return None;
        }
        let body = &self.text[old.start as usize..old.end as usize];
        let mut lines = body.lines().skip(1).filter(|line| !line.trim().is_empty());
        lines.next().map(|line| line.len() - line.trim_start_matches(' ').len())
    }

    /// Column for comments that stay where an old value was.
    fn column_of_old(&self, slot: Slot, columns: Columns) -> usize {
        let old = self.data(slot.node);
        match old.style {
            Style::Block => column(self.text, old.start as usize),
            _ => columns.map,
        }
    }
}

impl Columns {
    fn first(self, value: &Value) -> usize {
        if value.is_array() { self.list } else { self.map }
    }
}

/// Drops what an edit does not change at its ends.
fn trimmed(text: &str, edit: TextEdit) -> TextEdit {
    let TextEdit { range, text: new } = edit;
    let old = &text[range.clone()];
    let same = |(a, b): &(char, char)| a == b;
    let head: usize =
        old.chars().zip(new.chars()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
    let (old, new) = (&old[head..], &new[head..]);
    let tail: usize =
        old.chars().rev().zip(new.chars().rev()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
    TextEdit {
        range: range.start + head..range.end - tail,
        text: new[..new.len() - tail].to_owned(),
    }
}
