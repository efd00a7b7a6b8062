//! A baseline: the findings that were there when somebody decided to look at new ones only.

use crate::{Corpus, Fingerprint, Found, Notice};
use rules::Object;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU32;

/// The form of the file.
const VERSION: u32 = 1;

/// Entries that a notice names.
const SHOWN: usize = 5;

/// Findings that are known already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baseline {
    entries: BTreeMap<Fingerprint, Known>,
}

/// One of them. The fingerprint decides; the rest is for people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    /// As in fingerprints.
    file: String,
    /// Kind, name and namespace.
    object: String,
    /// The keyed path.
    path: String,
    rule: String,
    fingerprint: Fingerprint,
    /// Findings with this fingerprint; more than one where two inputs go by one name.
    count: NonZeroU32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    findings: Vec<Known>,
}

/// Why a text is no baseline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BaselineError {
    /// Not the form that `baseline write` writes.
    #[error(
        "line {line}, column {column}: {message}; this is no baseline, write one with \
         `k8s-auto-fix baseline write`"
    )]
    Form {
        /// One-based line.
        line: usize,
        /// One-based column.
        column: usize,
        /// What was expected.
        message: String,
    },
    /// Of another version of the tool.
    #[error(
        "version {0} of the file is not known, only {VERSION}; write it again with `k8s-auto-fix \
         baseline write`"
    )]
    Version(u32),
}

impl Baseline {
    /// Takes findings, each with its object.
    pub fn new<'a>(
        corpus: &Corpus<'_>,
        found: impl IntoIterator<Item = (usize, &'a Found)>,
    ) -> Self {
        let mut entries: BTreeMap<Fingerprint, Known> = BTreeMap::new();
        for (position, found) in found {
            let known = entries.entry(found.fingerprint).and_modify(|known| {
                known.count = known.count.saturating_add(1);
            });
            known.or_insert_with(|| Known {
                file: corpus.input_of(position).identity.clone(),
                object: title(corpus.object(position)),
                path: found.keyed_path.clone(),
                rule: found.finding.check_id().into_owned(),
                fingerprint: found.fingerprint,
                count: NonZeroU32::MIN,
            });
        }
        Self { entries }
    }

    /// Reads what [`Baseline::write`] wrote.
    ///
    /// # Errors
    /// When the text is something else, with the place.
    pub fn read(text: &str) -> Result<Self, BaselineError> {
        let file: File = serde_json::from_str(text).map_err(|error| {
            let full = error.to_string();
            let message = full.rsplit_once(" at line ").map_or(full.as_str(), |(text, _)| text);
            let (line, column) = (error.line(), error.column());
            BaselineError::Form { line, column, message: message.to_owned() }
        })?;
        if file.version != VERSION {
            return Err(BaselineError::Version(file.version));
        }
        let mut entries: BTreeMap<Fingerprint, Known> = BTreeMap::new();
        for known in file.findings {
            // A merge of two branches may leave an entry twice.
            let count = known.count;
            let entry = entries.entry(known.fingerprint).or_insert(known);
            entry.count = entry.count.max(count);
        }
        Ok(Self { entries })
    }

    /// Writes the entries, one a line, by file, object, path and rule.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn write(&self, out: &mut impl io::Write) -> io::Result<()> {
        let mut sorted: Vec<&Known> = self.entries.values().collect();
        sorted.sort_unstable();
        write!(out, "{{\n  \"version\": {VERSION},\n  \"findings\": [")?;
        for (index, known) in sorted.into_iter().enumerate() {
            out.write_all(if index == 0 { b"\n    " } else { b",\n    " })?;
            record::json::to_writer(&mut *out, known)?;
        }
        let end: &[u8] = if self.entries.is_empty() { b"]\n}\n" } else { b"\n  ]\n}\n" };
        out.write_all(end)
    }

    /// The number of findings.
    pub fn len(&self) -> usize {
        self.entries.values().map(|known| known.count.get() as usize).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How often each fingerprint may be found.
    pub(crate) fn counts(&self) -> BTreeMap<Fingerprint, u32> {
        self.entries.iter().map(|(print, known)| (*print, known.count.get())).collect()
    }

    /// A word on the entries that nothing was found for, if any. `judged` says for a file and a
    /// rule whether this run would have found it.
    pub(crate) fn stale(
        &self,
        path: &str,
        left: &BTreeMap<Fingerprint, u32>,
        judged: impl Fn(&str, &str) -> bool,
    ) -> Option<Notice> {
        let gone = |known: &&Known| left.get(&known.fingerprint).is_some_and(|count| *count > 0);
        let mut stale: Vec<&Known> = self
            .entries
            .values()
            .filter(gone)
            .filter(|known| judged(&known.file, &known.rule))
            .collect();
        stale.sort_unstable();
        if stale.is_empty() {
            return None;
        }
        let first = stale.iter().take(SHOWN);
        let named: Vec<String> = first
            .map(|known| format!("{} in {} ({})", known.rule, known.file, known.object))
            .collect();
        let more = if stale.len() > SHOWN { ", …" } else { "" };
        let (count, named) = (stale.len(), named.join(", "));
        let entries = if count == 1 { "entry is" } else { "entries are" };
        Some(Notice {
            path: path.to_owned(),
            line: None,
            column: None,
            message: format!(
                "{count} {entries} stale, the findings are gone: {named}{more}; `k8s-auto-fix \
                 baseline write` refreshes the file"
            ),
        })
    }
}

/// An object, for people.
fn title(object: &Object<'_>) -> String {
    let name = if object.name.is_empty() { "(no name)" } else { object.name };
    let namespace = object.namespace.map_or(String::new(), |name| format!(" in namespace {name}"));
    format!("{}/{name}{namespace}", object.kind)
}

#[cfg(test)]
mod tests {
    use super::Baseline;
    use crate::testing::{PODS, filters, inputs, rules, sift, sift_with};
    use crate::{Corpus, Filters, Input, ObjectContext};
    use proptest::prelude::*;
    use rules::Settings;

    fn baseline(inputs: &[Input]) -> Baseline {
        let corpus = Corpus::new(inputs, ObjectContext::All);
        let settings = Settings::default();
        let check = |at| corpus.check(at, &rules(), &settings).into_iter().map(move |f| (at, f));
        let found: Vec<_> = (0..corpus.len()).flat_map(check).collect();
        Baseline::new(&corpus, found.iter().map(|(at, found)| (*at, found)))
    }

    fn written(baseline: &Baseline) -> String {
        let mut out = Vec::new();
        baseline.write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn with(baseline: Baseline) -> Filters {
        Filters { baseline: Some(("baseline.json".to_owned(), baseline)), ..filters() }
    }

    #[test]
    fn entries_are_sorted_and_read_back() {
        let all = baseline(&inputs(&[("b.yaml", PODS), ("a.yaml", PODS)]));
        let text = written(&all);
        assert_eq!(Baseline::read(&text).unwrap(), all);
        assert_eq!((all.len(), text.lines().count()), (10, 15));
        let entries: Vec<&str> = text.lines().skip(3).take(10).collect();
        assert!(entries.is_sorted(), "{text}");
        assert!(
            entries[0].contains("\"file\":\"a.yaml\",\"object\":\"Pod/one in namespace shop\"")
        );
        let other_way = baseline(&inputs(&[("a.yaml", PODS), ("b.yaml", PODS)]));
        assert_eq!(written(&other_way), text);
        let none = written(&Baseline::default());
        assert_eq!(none, "{\n  \"version\": 1,\n  \"findings\": []\n}\n");
        assert_eq!(Baseline::read(&none).unwrap(), Baseline::default());
    }

    #[test]
    fn only_new_findings_are_left() {
        let known = with(baseline(&inputs(&[("a.yaml", PODS)])));
        let same = sift(&inputs(&[("a.yaml", PODS)]), &known);
        assert_eq!((same.found.len(), same.tally.in_baseline, same.notices.len()), (0, 5, 0));
        let more = PODS.replace("name: two\nspec:", "name: two\nspec:\n  hostNetwork: true");
        let more = sift(&inputs(&[("a.yaml", &more)]), &known);
        assert_eq!(more.found, ["two host-network spec.hostNetwork"]);
        // Another file's findings are others.
        assert_eq!(sift(&inputs(&[("b.yaml", PODS)]), &known).found.len(), 5);
    }

    #[test]
    fn one_finding_more_of_a_kind_is_new() {
        let known = with(baseline(&inputs(&[("a.yaml", PODS)])));
        // Two inputs by one name, as files of two folders outside the working directory have it.
        let twice = sift(&inputs(&[("a.yaml", PODS), ("a.yaml", PODS)]), &known);
        assert_eq!((twice.found.len(), twice.tally.in_baseline), (5, 5));
        let both = with(baseline(&inputs(&[("a.yaml", PODS), ("a.yaml", PODS)])));
        assert_eq!(sift(&inputs(&[("a.yaml", PODS), ("a.yaml", PODS)]), &both).found.len(), 0);
    }

    #[test]
    fn what_is_gone_is_stale_when_it_would_have_been_found() {
        let known = with(baseline(&inputs(&[("a/a.yaml", PODS), ("b.yaml", PODS)])));
        let fixed = PODS.replace("hostNetwork: true", "hostNetwork: false");
        let notices = sift(&inputs(&[("a/a.yaml", &fixed), ("b.yaml", PODS)]), &known).notices;
        let expected = "baseline.json: 1 entry is stale, the findings are gone: host-network in \
            a/a.yaml (Pod/one in namespace shop); `k8s-auto-fix baseline write` refreshes the file";
        assert_eq!(notices, [expected]);
        let notices = |files: &[(&str, &str)], folders: &[&str]| {
            let folders: Vec<String> = folders.iter().map(|&folder| folder.to_owned()).collect();
            sift_with(&inputs(files), &known, &rules(), &folders).notices
        };
        // A file that is gone from a folder that was read, and one that was not looked at.
        assert!(notices(&[("b.yaml", PODS)], &[""])[0].contains("5 entries are stale"));
        assert!(notices(&[("b.yaml", PODS)], &["a"])[0].contains("5 entries are stale"));
        assert_eq!(notices(&[("b.yaml", PODS)], &[]), [""; 0]);
        assert_eq!(notices(&[("b.yaml", PODS)], &["aa"]), [""; 0]);
        // A file that cannot be read, a rule that did not run, a finding that is ignored.
        let broken = format!("{PODS}---\na: [\n").replace("hostNetwork: true", "x: y");
        assert_eq!(notices(&[("a/a.yaml", &broken), ("b.yaml", PODS)], &[""]), [""; 0]);
        let few = &rules()[1..];
        let inputs = inputs(&[("a/a.yaml", &fixed), ("b.yaml", PODS)]);
        assert_eq!(sift_with(&inputs, &known, few, &[String::new()]).notices, [""; 0]);
        let ignored = PODS.replace("true\n", "true # k8s-auto-fix: ignore[*]\n");
        assert_eq!(notices(&[("a/a.yaml", &ignored), ("b.yaml", PODS)], &[""]), [""; 0]);
    }

    #[test]
    fn what_is_no_baseline_says_where_and_what_to_do() {
        let good = written(&baseline(&inputs(&[("a.yaml", PODS)])));
        for (text, place, why) in [
            ("", "line 1", "EOF"),
            ("[]", "line 1", "expected"),
            ("<<<<<<< HEAD\n", "line 1", "expected value"),
            (&good.replace("\"count\":1", "\"count\":0"), "line 4", "nonzero"),
            (
                &good.replace("\"fingerprint\":\"", "\"fingerprint\":\"x"),
                "line 4",
                "no fingerprint",
            ),
            (&good.replace("\"rule\"", "\"rul\""), "line 4", "unknown field `rul`"),
            (&good.replacen(": 1", ": 7", 1), "version 7", "baseline write"),
        ] {
            let error = Baseline::read(text).unwrap_err().to_string();
            assert!(error.contains(place) && error.contains(why), "{error}");
            assert!(error.contains("baseline write"), "{error}");
        }
        // As a merge of two branches may leave it.
        let entry = good.lines().nth(3).unwrap();
        let twice = good.replacen(entry, &format!("{entry}\n{entry}"), 1);
        assert_eq!(Baseline::read(&twice).unwrap(), Baseline::read(&good).unwrap());
    }

    proptest! {
        /// Documents and containers in another order, other lines, comments and styles: no finding
        /// is new, and no entry is stale.
        #[test]
        fn it_survives_what_changes_no_finding(
            order in Just((0_usize..4).collect::<Vec<_>>()).prop_shuffle(),
            containers in Just((0_usize..3).collect::<Vec<_>>()).prop_shuffle(),
            lines in prop::collection::vec(0_usize..3, 12),
            flow: bool,
            files in Just(vec!["a.yaml", "b/c.yaml"]).prop_shuffle(),
        ) {
            let document = |name: usize, containers: &[usize], flow: bool, lines: &[usize]| {
                let mut text = format!("kind: Pod\nmetadata: {{name: p{name}}}\nspec:\n");
                text += "  hostNetwork: true\n  containers:\n";
                for (at, container) in containers.iter().enumerate() {
                    text += &"  # a comment\n\n".repeat(lines.get(at).copied().unwrap_or(0));
                    text += &match flow {
                        true => format!("  - {{image: i, name: c{container}}}\n"),
                        false => format!("  - name: c{container}\n    image: i\n"),
                    };
                }
                text
            };
            let documents: Vec<String> = (0..4).map(|n| document(n, &[0, 1, 2], false, &[])).collect();
            let before = documents.join("---\n");
            let known = with(baseline(&inputs(&[("a.yaml", &before), ("b/c.yaml", &before)])));
            let moved: Vec<String> =
                order.iter().map(|n| document(*n, &containers, flow, &lines)).collect();
            let after = moved.join("\n---\n# other\n");
            let files: Vec<(&str, &str)> = files.iter().map(|f| (*f, after.as_str())).collect();
            let outcome = sift(&inputs(&files), &known);
            prop_assert_eq!(outcome.found, Vec::<String>::new());
            prop_assert_eq!(outcome.notices, Vec::<String>::new());
            prop_assert_eq!(outcome.tally.in_baseline, 32);
        }

        /// Any text is a baseline or an error.
        #[test]
        fn any_text_is_read_or_refused(text in "[\\[\\]{}\":,0-9a-z ]{0,60}") {
            let _ = Baseline::read(&text);
        }
    }
}
