//! Random documents, random patches: what an edit promises, whatever the text looks like.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use common::{Outcome, Random};
use manifest::Node;
use proptest::prelude::*;

/// Writes a random document the way people do: mixed styles, comments, blank lines.
struct Writer {
    random: Random,
    out: String,
    step: usize,
    list: usize,
    anchors: usize,
}

const WORDS: [&str; 12] = [
    "web",
    "nginx:1.27",
    "1",
    "true",
    "~",
    "0755",
    "\"q\\\"x\"",
    "'it''s'",
    "\"\"",
    "1.5",
    "a b",
    "/x-y",
];
const KEYS: [&str; 14] = [
    "name",
    "image",
    "spec",
    "ports",
    "\"a.b/c\"",
    "'k'",
    "args",
    "env",
    "on",
    "1",
    "data",
    "metadata",
    "ż",
    "x y",
];

impl Writer {
    fn chance(&mut self, of: usize) -> bool {
        self.random.below(of) == 0
    }

    fn word(&mut self) -> String {
        (*self.random.pick(&WORDS)).to_owned()
    }

    fn end_line(&mut self) {
        if self.chance(8) {
            let number = self.random.below(1000);
            self.out.push_str(&format!(" # c{number}"));
        }
        self.out.push('\n');
        if self.chance(12) {
            let (number, indent) = (self.random.below(1000), self.random.below(5));
            self.out.push_str(&format!("{}# own {number}\n", " ".repeat(indent)));
        }
        if self.chance(15) {
            self.out.push('\n');
        }
    }

    fn flow(&mut self, depth: usize) -> String {
        let pad = if self.chance(2) { " " } else { "" };
        match self.random.below(if depth == 0 { 1 } else { 3 }) {
            0 => {
                let word = self.word();
                if word == "a b" { "ab".to_owned() } else { word }
            }
            1 => {
                let items: Vec<String> =
                    (0..self.random.below(4)).map(|_| self.flow(depth - 1)).collect();
                format!("[{pad}{}{pad}]", items.join(", "))
            }
            _ => {
                let entries: Vec<String> = (0..self.random.below(4))
                    .map(|at| format!("k{at}: {}", self.flow(depth - 1)))
                    .collect();
                format!("{{{pad}{}{pad}}}", entries.join(", "))
            }
        }
    }

    fn flow_lines(&mut self, indent: usize) {
        let (inner, outer) = (" ".repeat(indent + 2), " ".repeat(indent));
        let count = 1 + self.random.below(3);
        self.out.push_str(" {\n");
        for at in 0..count {
            let value = self.flow(1);
            let comma = if at + 1 < count || self.chance(4) { "," } else { "" };
            let comment = if self.chance(5) { " # in flow" } else { "" };
            self.out.push_str(&format!("{inner}k{at}: {value}{comma}{comment}\n"));
        }
        self.out.push_str(&format!("{outer}}}"));
        self.end_line();
    }

    fn block_scalar(&mut self, indent: usize) {
        let header = *self.random.pick(&["|", "|-", "|+", ">", ">-"]);
        self.out.push_str(&format!(" {header}"));
        let comment = if self.chance(6) { " # header\n" } else { "\n" };
        self.out.push_str(comment);
        for at in 0..1 + self.random.below(3) {
            let deeper = if at > 0 && self.chance(4) { "  " } else { "" };
            self.out.push_str(&format!("{}{deeper}line {at} # no comment\n", " ".repeat(indent)));
            if self.chance(6) {
                self.out.push('\n');
            }
        }
    }

    /// What stands behind a colon or a dash at this indentation.
    fn value(&mut self, indent: usize, depth: usize) {
        match self.random.below(if depth == 0 { 6 } else { 12 }) {
            0 => self.end_line(),
            1 => self.block_scalar(indent + self.step),
            2 => {
                let flow = self.flow(2);
                self.out.push_str(&format!(" {flow}"));
                self.end_line();
            }
            3 => {
                let anchor = if self.chance(4) {
                    self.anchors += 1;
                    format!("&s{} ", self.anchors)
                } else {
                    String::new()
                };
                let word = self.word();
                self.out.push_str(&format!(" {anchor}{word}"));
                self.end_line();
            }
            4 if self.chance(3) => self.flow_lines(indent),
            4 | 5 => {
                let word = self.word();
                self.out.push_str(&format!(" {word}"));
                self.end_line();
            }
            6..=8 => {
                self.end_line();
                self.map(indent + self.step, depth - 1, false);
            }
            _ => {
                self.end_line();
                self.list(indent + self.list, depth - 1, false);
            }
        }
    }

    fn map(&mut self, indent: usize, depth: usize, mut inline: bool) {
        let first = self.random.below(KEYS.len());
        for at in 0..1 + self.random.below(4) {
            if !std::mem::take(&mut inline) {
                self.out.push_str(&" ".repeat(indent));
            }
            let key = KEYS[(first + at) % KEYS.len()];
            self.out.push_str(&format!("{key}:"));
            if self.anchors > 0 && self.chance(12) {
                let anchor = 1 + self.random.below(self.anchors);
                self.out.push_str(&format!(" *s{anchor}"));
                self.end_line();
            } else {
                self.value(indent, depth);
            }
        }
    }

    fn list(&mut self, indent: usize, depth: usize, mut inline: bool) {
        for _ in 0..1 + self.random.below(3) {
            if !std::mem::take(&mut inline) {
                self.out.push_str(&" ".repeat(indent));
            }
            self.out.push('-');
            match self.random.below(if depth == 0 { 1 } else { 4 }) {
                0 => {
                    let flow = self.flow(1);
                    self.out.push_str(&format!(" {flow}"));
                    self.end_line();
                }
                1 if self.chance(3) => {
                    self.out.push(' ');
                    self.list(indent + 2, depth - 1, true);
                }
                _ => {
                    self.out.push(' ');
                    self.map(indent + 2, depth - 1, true);
                }
            }
        }
    }
}

fn document(seed: u64) -> String {
    let mut random = Random(seed);
    let step = *random.pick(&[2, 2, 4]);
    let list = *random.pick(&[0, 2]);
    let mut writer = Writer { random, out: String::new(), step, list, anchors: 0 };
    if writer.chance(4) {
        writer.out.push_str("# head\n");
    }
    writer.map(0, 4, false);
    writer.out
}

fn file(seed: u64) -> String {
    let mut random = Random(seed ^ 0xabcd);
    let documents: Vec<String> =
        (0..1 + random.below(3)).map(|at| document(seed + at as u64)).collect();
    let mut text = documents.join(if random.below(3) == 0 { "--- # next\n" } else { "---\n" });
    if random.below(4) == 0 {
        text = text.replace('\n', "\r\n");
    }
    if random.below(6) == 0 {
        text.insert(0, '\u{feff}');
    }
    if random.below(4) == 0 {
        text.truncate(text.trim_end().len());
    }
    text
}

fn check(seed: u64) -> Result<(bool, bool), String> {
    let text = file(seed);
    let source = common::parse(&text);
    let mut random = Random(seed ^ 0x5eed);
    let document = random.below(source.documents().len());
    let Some(root) = source.root(document) else { return Ok((false, false)) };
    let data = root.to_json();
    if !data.is_object() {
        return Ok((false, false));
    }
    let most = *random.pick(&[1, 1, 4]);
    let (patch, expected) = common::patch(&mut random, &data, most);
    match common::judge(&source, document, &patch, &expected) {
        Outcome::Right(edited) => {
            assert!(edited.root().eq_json(&expected));
            Ok((true, false))
        }
        Outcome::Refused(reason) => {
            if std::env::var_os("K8S_AUTO_FIX_REFUSED").is_some() {
                let line = serde_json::json!({"seed": seed, "reason": reason, "text": text, "patch": patch});
                println!("{line}");
            }
            Ok((true, true))
        }
        Outcome::Wrong(fault) => {
            let patch = serde_json::to_string(&patch).unwrap();
            Err(format!("seed {seed}\n--- text\n{text}\n--- patch {patch}\n{fault}"))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn edits_are_right_or_refused(seed: u64) {
        if let Err(fault) = check(seed) {
            panic!("{fault}");
        }
    }

    #[test]
    fn nothing_panics_on_any_text(text in "[-a:#|>&*!{}\\[\\],'\" \n\t\\\\?~%@0-9y<\u{feff}ż]{0,60}") {
        let source = common::parse(&text);
        for at in 0..source.documents().len() {
            let Some(root) = source.root(at) else { continue };
            let data = root.to_json();
            prop_assert!(root.eq_json(&data));
            let mut random = Random(text.len() as u64);
            let (patch, expected) = common::patch(&mut random, &data, 3);
            if let Outcome::Wrong(fault) = common::judge(&source, at, &patch, &expected) {
                panic!("{text:?} {patch:?}: {fault}");
            }
        }
    }
}

#[test]
fn generated_documents_parse_and_few_edits_are_refused() {
    let (mut parsed, mut edited, mut refused) = (0, 0, 0);
    // K8S_AUTO_FIX_SEEDS=200000 searches deeper.
    let seeds =
        std::env::var("K8S_AUTO_FIX_SEEDS").map_or(2000, |text| text.parse::<usize>().unwrap());
    for seed in 0..seeds as u64 {
        let source = common::parse(&file(seed));
        parsed += usize::from(source.documents().iter().all(|document| document.error().is_none()));
        assert!(source.root(0).is_none_or(Node::is_map));
        let (tried, no) = check(seed).unwrap_or_else(|fault| panic!("{fault}"));
        edited += usize::from(tried);
        refused += usize::from(no);
    }
    println!("{seeds} files, {parsed} parse; {edited} edited, {refused} refused");
    assert!(parsed * 10 > seeds * 8, "the generator writes too much that is no YAML: {parsed}");
    assert!(refused * 20 < edited, "{refused} of {edited} refused");
}
