//! Pages that commands write, and the counts in their tables.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How often something was found.
pub(crate) type Counts<K> = BTreeMap<K, usize>;

/// Adds one.
pub(crate) fn count<K: Ord>(counts: &mut Counts<K>, key: K) {
    *counts.entry(key).or_default() += 1;
}

/// The page, and the lines of it that go to the terminal.
pub(crate) struct Page {
    pub(crate) text: String,
    pub(crate) summary: String,
}

impl Page {
    /// A page that begins so.
    pub(crate) fn new(head: &str) -> Self {
        Self { text: head.to_owned(), summary: String::new() }
    }

    pub(crate) fn section(&mut self, title: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "\n## {title}");
        let _ = write!(self.summary, "{title}: ");
    }

    pub(crate) fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "\n{line}");
        let _ = writeln!(self.summary, "{line}");
    }

    /// Rows are cells with ` | ` between them; no table without rows.
    pub(crate) fn table(&mut self, head: &str, rule: &str, rows: impl Iterator<Item = String>) {
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            return;
        }
        let _ = write!(self.text, "\n| {head} |\n| {rule} |\n");
        for row in rows {
            let _ = writeln!(self.text, "| {row} |");
        }
    }
}
