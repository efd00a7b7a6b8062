//! Who owns a file: CODEOWNERS as GitHub and GitLab read it.
//!
//! The two read the same lines differently. GitHub takes a pattern as `.gitignore` does, and a name
//! owns all below it; GitLab takes a pattern without a leading `/` at any depth, a name is a file,
//! and sections have owners of their own.

mod line;
mod pattern;

use crate::Kind;
use line::Heading;
use pattern::{Pattern, parts};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What GitLab calls the section before the first heading.
const BEFORE_HEADINGS: &str = "codeowners";

/// Faults that are kept; who has more reads the first ones.
const MAX_FAULTS: usize = 1_000;

/// A CODEOWNERS file that was read.
#[derive(Debug, Clone, Default)]
pub struct CodeOwners {
    /// In the order of their first headings; GitHub's file is one section.
    sections: Vec<Section>,
    faults: Vec<Fault>,
}

/// A line that has no effect, or not all that it seems to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it, on one line and without control characters.
    pub message: String,
}

/// Rules of which the last that matches decides.
#[derive(Debug, Clone, Default)]
struct Section {
    rules: Vec<Rule>,
    /// What no rule of the section applies to.
    exclusions: Vec<Pattern>,
}

#[derive(Debug, Clone)]
struct Rule {
    pattern: Pattern,
    /// Shared by all lines that have the owners of their section.
    owners: Arc<[String]>,
}

impl CodeOwners {
    /// Where the file may lie, as paths from the root of the repository; the first one that is
    /// there counts.
    pub const PLACES: [&str; 4] =
        [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"];

    /// The largest file that is read, in bytes, which is GitHub's limit.
    pub const LARGEST: usize = 3 << 20;

    /// Reads a file of which nobody says whose it is: with a heading of a section it is GitLab's,
    /// without one GitHub's.
    pub fn parse(text: &str) -> Self {
        let is_heading = |line: &str| line::heading(line).is_some_and(|heading| heading.is_clean);
        let is_gitlab = within(text) && text.lines().any(is_heading);
        Self::parse_as(if is_gitlab { Kind::Gitlab } else { Kind::Github }, text)
    }

    /// Reads a file as this forge does. Lines that the forge does not understand have no effect and
    /// are [`faults`](Self::faults); a file larger than [`LARGEST`](Self::LARGEST) is one fault.
    pub fn parse_as(kind: Kind, text: &str) -> Self {
        let mut reader = Reader::default();
        if !within(text) {
            reader.fault(1, "the file has more than 3 MiB, which forges do not read");
            return reader.read;
        }
        reader.enter(BEFORE_HEADINGS);
        let text = text.trim_start_matches('\u{feff}');
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match kind {
                Kind::Github => reader.github(index + 1, line),
                Kind::Gitlab => reader.gitlab(index + 1, line),
            }
        }
        reader.read
    }

    /// Who owns a file, by its path from the root of the repository with `/` between the parts: as
    /// the file writes them, none twice, in the order of the sections. Nobody is an empty list.
    ///
    /// Takes time in proportion to the number of lines.
    pub fn owners(&self, path: &str) -> Vec<&str> {
        let parts = parts(path);
        let mut seen = HashSet::new();
        let of_sections = self.sections.iter().filter_map(|section| {
            let rule = section.rules.iter().rev().find(|rule| rule.pattern.matches(&parts))?;
            let excluded = section.exclusions.iter().any(|pattern| pattern.matches(&parts));
            (!excluded).then_some(rule.owners.iter())
        });
        let owners = of_sections.flatten().map(String::as_str);
        owners.filter(|owner| seen.insert(*owner)).collect()
    }

    /// What is wrong with the file, in the order of its lines; the first thousand of it.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

fn within(text: &str) -> bool {
    text.len() <= CodeOwners::LARGEST
}

/// What is known while a file is read.
#[derive(Default)]
struct Reader {
    read: CodeOwners,
    /// Where the sections are, by their names in lower case.
    index: HashMap<String, usize>,
    /// The section that lines go into, and who owns its lines without owners.
    current: usize,
    defaults: Arc<[String]>,
}

impl Reader {
    fn fault(&mut self, line: usize, message: impl Into<String>) {
        if self.read.faults.len() < MAX_FAULTS {
            self.read.faults.push(Fault { line, message: message.into() });
        }
    }

    /// Goes on with a section, which may have been there before.
    fn enter(&mut self, name: &str) {
        let sections = &mut self.read.sections;
        self.current = *self.index.entry(name.to_lowercase()).or_insert_with(|| {
            sections.push(Section::default());
            sections.len() - 1
        });
    }

    fn section(&mut self) -> Option<&mut Section> {
        self.read.sections.get_mut(self.current)
    }

    fn add(&mut self, pattern: Pattern, owners: Arc<[String]>) {
        if let Some(section) = self.section() {
            section.rules.push(Rule { pattern, owners });
        }
    }

    /// GitHub passes over a line of which it does not understand everything.
    fn github(&mut self, number: usize, line: &str) {
        let (pattern, rest) = line::split(line);
        let words = rest.split_whitespace().take_while(|word| !word.starts_with('#'));
        let (owners, wrong): (Vec<&str>, Vec<&str>) = words.partition(|word| line::is_owner(word));
        match (Pattern::github(pattern), wrong.first()) {
            (Err(message), _) => self.fault(number, message),
            (_, Some(word)) => self.fault(number, line::no_owner(word)),
            (Ok(pattern), None) => {
                self.add(pattern, owners.into_iter().map(str::to_owned).collect());
            }
        }
    }

    /// GitLab passes over words, and knows sections and exclusions.
    fn gitlab(&mut self, number: usize, line: &str) {
        if let Some(heading) = line::heading(line) {
            return self.heading(number, &heading);
        }
        if line::opens_heading(line) {
            self.fault(number, "this heading of a section has no end, so it is taken as a pattern");
        }
        if let Some(excluded) = line.strip_prefix('!') {
            let pattern = Pattern::gitlab(line::split(excluded).0);
            if let Some(section) = self.section() {
                section.exclusions.push(pattern);
            }
            return;
        }
        let (pattern, rest) = line::split(line);
        let owners = self.words(number, rest);
        let owners = if owners.is_empty() { Arc::clone(&self.defaults) } else { owners };
        self.add(Pattern::gitlab(pattern), owners);
    }

    fn heading(&mut self, number: usize, heading: &Heading<'_>) {
        if heading.name.is_empty() {
            self.fault(number, "this section has no name");
        } else if !heading.is_clean {
            let form = "[Name], ^[Name], [Name][2] or [Name] @owner";
            self.fault(number, format!("this is no heading that GitLab takes; expected {form}"));
        }
        self.enter(heading.name);
        self.defaults = self.words(number, heading.owners);
    }

    /// The owners among words. GitLab knows no comments behind them, and finds owners there too.
    fn words(&mut self, number: usize, text: &str) -> Arc<[String]> {
        let mut is_comment = false;
        let mut owners = Vec::new();
        for word in text.split_whitespace() {
            is_comment |= word.starts_with('#');
            if line::is_owner(word) {
                owners.push(word.to_owned());
            } else if !is_comment {
                self.fault(number, line::no_owner(word));
            }
        }
        owners.into()
    }
}

#[cfg(test)]
mod tests;
