//! Ignores: what people decided not to hear about, why, and until when. They stand in comments,
//! in kube-linter's annotations and in the configuration.

mod comment;
mod configured;
mod name;

use crate::{Corpus, Found, Notice};
use comment::Directive;
use manifest::{Node, Source, Span};
use name::RuleName;
use record::Date;
use rules::{Object, Rule, Settings};
use std::collections::{BTreeMap, BTreeSet};

pub use configured::ConfiguredIgnore;

/// kube-linter's annotation for all checks.
const IGNORE_ALL: &str = "kube-linter.io/ignore-all";
/// What precedes the name of one check.
const IGNORE_CHECK: &str = "ignore-check.kube-linter.io/";
/// Both annotations have it.
const ANNOTATION_MARK: &str = "kube-linter.io/";

/// One ignore that is in force.
#[derive(Debug)]
struct Ignore<'a> {
    names: Vec<RuleName>,
    reason: Option<String>,
    covers: Covers<'a>,
    place: Place,
}

/// What an ignore is about.
#[derive(Debug)]
enum Covers<'a> {
    /// What begins within these bytes of a file.
    Begins { file: usize, range: Option<Span> },
    /// An object, by its position.
    Object(usize),
    /// What the configuration says.
    Configured(&'a ConfiguredIgnore),
}

#[derive(Debug, Clone)]
struct Place {
    path: String,
    line: usize,
    column: Option<usize>,
}

/// One name of one ignore.
pub(crate) type Hit = (usize, usize);

/// The ignores of a set of inputs.
#[derive(Debug)]
pub(crate) struct Ignores<'a> {
    corpus: &'a Corpus<'a>,
    all: Vec<Ignore<'a>>,
    /// Those in comments, by file.
    by_file: BTreeMap<usize, Vec<usize>>,
    /// Those in annotations, by the position of the object.
    by_object: BTreeMap<usize, Vec<usize>>,
    configured: Vec<usize>,
    /// What is expired or cannot be read.
    notices: Vec<Notice>,
    /// Whether the day makes a difference.
    expires: bool,
}

impl<'a> Ignores<'a> {
    /// Collects them. Files that do not mention us or kube-linter cost a search of their text.
    pub(crate) fn new(
        corpus: &'a Corpus<'a>,
        configured: &'a [ConfiguredIgnore],
        today: Date,
    ) -> Self {
        let mut ignores = Self::none(corpus);
        for entry in configured {
            let (path, line) = entry.place.clone();
            let place = Place { path, line, column: None };
            let names = entry.rules.0.clone();
            let covers = Covers::Configured(entry);
            ignores.add(names, entry.reason.clone(), entry.until, covers, place, today);
        }
        let mut annotated = BTreeSet::new();
        for (file, input) in corpus.inputs().iter().enumerate() {
            let Ok(source) = &input.source else { continue };
            if source.text().contains(comment::MARK) {
                ignores.add_comments(file, &input.path, source, today);
            }
            // kube-linter's checks look at its annotations themselves.
            if !corpus.is_linted() && source.text().contains(ANNOTATION_MARK) {
                annotated.insert(file);
            }
        }
        if !annotated.is_empty() {
            let positions = 0..corpus.len();
            for position in positions.filter(|at| annotated.contains(&corpus.file_of(*at))) {
                ignores.add_annotations(position, today);
            }
        }
        ignores
    }

    /// No ignores at all.
    pub(crate) fn none(corpus: &'a Corpus<'a>) -> Self {
        Self {
            corpus,
            all: Vec::new(),
            by_file: BTreeMap::new(),
            by_object: BTreeMap::new(),
            configured: Vec::new(),
            notices: Vec::new(),
            expires: false,
        }
    }

    fn add_comments(&mut self, file: usize, path: &str, source: &Source, today: Date) {
        for span in source.comments() {
            let Some(read) = comment::read(&source.text()[span.clone()]) else { continue };
            let at = source.position(span.start);
            let place = Place { path: path.to_owned(), line: at.line, column: Some(at.column) };
            let Directive { names, reason, until } = match read {
                Ok(directive) => directive,
                Err(why) => {
                    self.notices.push(place.notice(format!("this ignore is not read: {why}")));
                    continue;
                }
            };
            let names = names.into_iter().filter_map(|name| self.known(name, &place)).collect();
            let covers = Covers::Begins { file, range: comment::target(source.text(), &span) };
            self.add(names, reason, until, covers, place, today);
        }
    }

    fn known(&mut self, name: &str, place: &Place) -> Option<RuleName> {
        let known = RuleName::parse(name);
        known.map_err(|error| self.notices.push(place.notice(format!("ignore: {error}")))).ok()
    }

    fn add_annotations(&mut self, position: usize, today: Date) {
        let object = self.corpus.object(position);
        let annotations = object.at(&["metadata", "annotations"]).filter(|map| map.is_map());
        let Ok(source) = &self.corpus.input_of(position).source else { return };
        for (name, key, value) in annotations.into_iter().flat_map(Node::entries) {
            let check = name.strip_prefix(IGNORE_CHECK);
            if check.is_none() && name != IGNORE_ALL {
                continue;
            }
            let at = source.position(key.span().start);
            let path = self.corpus.input_of(position).path.clone();
            let place = Place { path, line: at.line, column: Some(at.column) };
            let parsed = check.map_or_else(|| RuleName::parse("*"), RuleName::of_kube_linter);
            let parsed = parsed.map_err(|error| format!("ignore: {error}"));
            let read = comment::annotation(value.as_str().unwrap_or_default())
                .map_err(|why| format!("this ignore is not read: {why}"));
            match (parsed, read) {
                (Ok(name), Ok((reason, until))) => {
                    self.add(vec![name], reason, until, Covers::Object(position), place, today);
                }
                (Err(why), _) | (_, Err(why)) => self.notices.push(place.notice(why)),
            }
        }
    }

    fn add(
        &mut self,
        names: Vec<RuleName>,
        reason: Option<String>,
        until: Option<Date>,
        covers: Covers<'a>,
        place: Place,
        today: Date,
    ) {
        self.expires |= until.is_some();
        if let Some(until) = until.filter(|until| *until < today) {
            self.notices.push(place.notice(format!(
                "this ignore expired on {until} and hides nothing any more; cure what it hid and \
                 remove it, or set a new date"
            )));
            return;
        }
        let index = self.all.len();
        match &covers {
            Covers::Begins { file, .. } => self.by_file.entry(*file).or_default().push(index),
            Covers::Object(at) => self.by_object.entry(*at).or_default().push(index),
            Covers::Configured(_) => self.configured.push(index),
        }
        self.all.push(Ignore { names, reason, covers, place });
    }

    /// Whether an ignore has an expiry.
    pub(crate) fn expires(&self) -> bool {
        self.expires
    }

    /// The reason of an ignore, and whether it stands in the manifest.
    pub(crate) fn reason(&self, (ignore, _): Hit) -> (bool, Option<&str>) {
        let ignore = &self.all[ignore];
        (!matches!(ignore.covers, Covers::Configured(_)), ignore.reason.as_deref())
    }

    /// Everything that hides this finding.
    pub(crate) fn hits(&self, position: usize, found: &Found) -> Vec<Hit> {
        let file = self.corpus.file_of(position);
        let mut hits = Vec::new();
        let by_place = [self.by_file.get(&file), self.by_object.get(&position)];
        let in_source = by_place.into_iter().flatten().flatten();
        for index in in_source.chain(&self.configured) {
            let ignore = &self.all[*index];
            let names = ignore.names.iter().enumerate();
            let named = names.filter(|(_, name)| name.covers(&found.finding));
            let mut hit = named.map(|(name, _)| (*index, name)).peekable();
            if hit.peek().is_some() && self.covers(&ignore.covers, position, found) {
                hits.extend(hit);
            }
        }
        hits
    }

    fn covers(&self, covers: &Covers<'_>, position: usize, found: &Found) -> bool {
        let object = self.corpus.object(position);
        match covers {
            Covers::Object(_) => true,
            Covers::Begins { range: None, .. } => false,
            Covers::Begins { range: Some(range), .. } => {
                let root = self.corpus.document(position);
                begins_within(range, root, object, found)
            }
            Covers::Configured(entry) => {
                entry.covers_object(&self.corpus.input_of(position).identity, object)
                    && entry.covers_place(object, found)
            }
        }
    }

    /// What is to be said about the ignores. `used` are the names that hid something, `tools` the
    /// other tools whose findings were there, and `whole` says whether the inputs are more than
    /// single files: of those, ignores in the configuration may hide nothing.
    pub(crate) fn notices(
        &self,
        used: &BTreeSet<Hit>,
        tools: &BTreeSet<String>,
        selected: &[&'static Rule],
        settings: &Settings,
        whole: bool,
    ) -> Vec<Notice> {
        let mut notices = self.notices.clone();
        for (index, ignore) in self.all.iter().enumerate() {
            if matches!(ignore.covers, Covers::Configured(_)) && !whole {
                continue;
            }
            let useless: Vec<&str> = ignore
                .names
                .iter()
                .enumerate()
                .filter(|(at, name)| {
                    let judged = name.foreign_tool().is_none_or(|tool| tools.contains(tool));
                    judged && !used.contains(&(index, *at))
                })
                .filter(|(_, name)| !self.would_hide(ignore, name, selected, settings))
                .map(|(_, name)| name.text.as_str())
                .collect();
            if useless.is_empty() {
                continue;
            }
            let message = match useless.len() == ignore.names.len() {
                true => "this ignore hides nothing; remove it".to_owned(),
                false => format!("`{}` hides nothing here; remove it", useless.join("`, `")),
            };
            notices.push(ignore.place.notice(message));
        }
        notices
    }

    /// Whether rules that were not selected find something that the name would hide. An ignore is
    /// not useless because of the profile of one run.
    fn would_hide(
        &self,
        ignore: &Ignore<'_>,
        name: &RuleName,
        selected: &[&'static Rule],
        settings: &Settings,
    ) -> bool {
        let rules: Vec<&'static Rule> =
            name.rules.iter().copied().filter(|rule| !selected.contains(rule)).collect();
        let positions = match ignore.covers {
            Covers::Object(position) => position..position + 1,
            Covers::Begins { file, .. } => self.corpus.positions_of(file),
            Covers::Configured(_) => 0..self.corpus.len(),
        };
        let is_broken = |input: &crate::Input| {
            input.source.as_ref().is_ok_and(|s| s.documents().iter().any(|d| d.error().is_some()))
        };
        match ignore.covers {
            // What the part that cannot be read would have, nobody knows.
            Covers::Begins { file, .. } if is_broken(&self.corpus.inputs()[file]) => return true,
            _ if rules.is_empty() => return false,
            _ => {}
        }
        let mut positions = positions.filter(|position| match ignore.covers {
            Covers::Configured(entry) => {
                let (object, input) =
                    (self.corpus.object(*position), self.corpus.input_of(*position));
                entry.covers_object(&input.identity, object)
            }
            _ => true,
        });
        positions.any(|position| {
            let found = self.corpus.check(position, &rules, settings);
            found.iter().any(|found| self.covers(&ignore.covers, position, found))
        })
    }
}

impl Place {
    fn notice(&self, message: String) -> Notice {
        Notice { path: self.path.clone(), line: Some(self.line), column: self.column, message }
    }
}

/// Whether the finding, or something that contains its place, begins within a range of the text.
fn begins_within(
    range: &Span,
    document: Option<Node<'_>>,
    object: &Object<'_>,
    found: &Found,
) -> bool {
    let within = |node: Node<'_>| range.contains(&node.span().start);
    if range.contains(&found.finding.span.start) || within(object.root) {
        return true;
    }
    // An object of a List is in its `items`, and they are in the List.
    if object.item.is_some()
        && let Some(list) = document
        && (within(list) || list.entry("items").is_some_and(|items| within(items.key)))
    {
        return true;
    }
    let mut node = object.root;
    for segment in found.finding.path.segments() {
        let (start, next) = match segment {
            manifest::Segment::Key(key) => match node.entry(key) {
                Some(entry) => (entry.key, entry.value),
                None => break,
            },
            manifest::Segment::Index(index) => match node.item(*index) {
                Some(item) => (item, item),
                None => break,
            },
        };
        if within(start) {
            return true;
        }
        node = next;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::ConfiguredIgnore;
    use crate::testing::{Outcome, PODS, filters, inputs, rules, sift, sift_with};
    use proptest::prelude::*;
    use serde_json::json;

    fn sifted(text: &str) -> Outcome {
        sift(&inputs(&[("a.yaml", text)]), &filters())
    }

    /// [`PODS`] with a comment in front of the first line that contains a needle.
    fn above(needle: &str, comment: &str) -> String {
        let at = PODS.find(needle).unwrap();
        let start = PODS[..at].rfind('\n').map_or(0, |at| at + 1);
        format!("{}{comment}\n{}", &PODS[..start], &PODS[start..])
    }

    /// [`PODS`] with a comment at the end of the first line that contains a needle.
    fn on(needle: &str, comment: &str) -> String {
        let at = PODS.find(needle).unwrap();
        let end = at + PODS[at..].find('\n').unwrap();
        format!("{} {comment}{}", &PODS[..end], &PODS[end..])
    }

    const ALL: [&str; 5] = [
        "one host-network spec.hostNetwork",
        "one latest-tag spec.containers[name=web].image",
        "one latest-tag spec.containers[name=sidecar].image",
        "one privileged-container spec.containers[name=web].securityContext.privileged",
        "two latest-tag spec.containers[name=web].image",
    ];

    #[track_caller]
    fn hides(text: &str, expected: &[usize]) {
        let outcome = sifted(text);
        let expected: Vec<&str> = expected.iter().map(|index| ALL[*index]).collect();
        assert_eq!(outcome.hidden, expected, "{text}\n{outcome:#?}");
        assert_eq!(outcome.found.len() + outcome.hidden.len(), ALL.len());
        assert_eq!(outcome.tally.ignored, expected.len());
        assert_eq!(outcome.notices, [""; 0]);
    }

    #[test]
    fn nothing_is_hidden_without_ignores() {
        assert_eq!(sifted(PODS).found, ALL);
        hides(PODS, &[]);
    }

    #[test]
    fn a_comment_is_about_what_begins_on_its_line() {
        hides(&on("hostNetwork", "# k8s-auto-fix: ignore[host-network]"), &[0]);
        hides(&on("image: nginx", "# k8s-auto-fix: ignore[no_latest_tag]"), &[1]);
        hides(&on("securityContext", "# k8s-auto-fix: ignore[*]"), &[3]);
        hides(&on("name: web", "# k8s-auto-fix: ignore[*]"), &[1, 3]);
        hides(&on("  containers:", "# k8s-auto-fix: ignore[latest-tag]"), &[1, 2]);
        hides(&on("apiVersion", "# k8s-auto-fix: ignore[latest-tag]"), &[1, 2]);
        hides(&on("---", "# k8s-auto-fix: ignore[latest-tag]"), &[4]);
    }

    #[test]
    fn a_comment_is_about_what_begins_on_the_line_below() {
        hides(&above("hostNetwork", "# k8s-auto-fix: ignore[host-network]"), &[0]);
        hides(&above("- name: web", "  # k8s-auto-fix: ignore[latest-tag] until=2026-06-15"), &[1]);
        hides(&above("- name: sidecar", "  # k8s-auto-fix: ignore[kube-linter:latest-tag]"), &[2]);
        hides(&above("apiVersion", "# k8s-auto-fix: ignore[*] reason=vendor's"), &[0, 1, 2, 3]);
        hides(&above("---", "# k8s-auto-fix: ignore[latest-tag]\n\n# more"), &[4]);
        let two = "# k8s-auto-fix: ignore[host-network]\n# k8s-auto-fix: ignore[latest-tag]";
        hides(&above("apiVersion", two), &[0, 1, 2]);
    }

    #[test]
    fn annotations_of_kube_linter_count_by_their_key() {
        let annotated = |annotation: &str| {
            PODS.replacen("  name: one", &format!("  name: one\n  annotations: {annotation}"), 1)
        };
        hides(&annotated("{kube-linter.io/ignore-all: 'false'}"), &[0, 1, 2, 3]);
        hides(&annotated("{ignore-check.kube-linter.io/latest-tag: vendor}"), &[1, 2]);
        hides(&annotated("{ignore-check.kube-linter.io/host-network: }"), &[0]);
        let unknown = sifted(&annotated("{ignore-check.kube-linter.io/no-such: x}"));
        assert_eq!(unknown.found, ALL);
        assert_eq!(unknown.notices.len(), 1);
        assert!(unknown.notices[0].starts_with("a.yaml:5: ignore: unknown rule"), "{unknown:?}");
        let expired = sifted(&annotated("{kube-linter.io/ignore-all: x until=2026-06-14}"));
        assert_eq!(expired.found, ALL);
        assert!(expired.notices[0].contains("expired on 2026-06-14"), "{expired:?}");
        // The annotations of a pod's template are not the object's.
        let template = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec:\n  \
            template:\n    metadata:\n      annotations: {kube-linter.io/ignore-all: x}\n    \
            spec: {containers: [{name: c, image: a}]}\n";
        assert_eq!(sifted(template).found.len(), 1);
    }

    #[test]
    fn objects_of_a_list_are_covered_one_by_one_and_together() {
        let list = "apiVersion: v1\nkind: List\nitems:\n- kind: Pod\n  spec: {hostNetwork: true}\n\
            - kind: Pod\n  spec: {hostNetwork: true}\n";
        let comment = "# k8s-auto-fix: ignore[host-network]\n";
        assert_eq!(sifted(list).found.len(), 2);
        assert_eq!(sifted(&list.replacen("- kind", &format!("{comment}- kind"), 1)).found.len(), 1);
        assert_eq!(sifted(&list.replacen("items", &format!("{comment}items"), 1)).found.len(), 0);
        assert_eq!(sifted(&format!("{comment}{list}")).found.len(), 0);
    }

    #[test]
    fn an_expired_ignore_hides_nothing_and_is_reported() {
        let text = on("hostNetwork", "# k8s-auto-fix: ignore[host-network] until=2026-06-14");
        let outcome = sifted(&text);
        assert_eq!(outcome.found, ALL);
        assert_eq!(outcome.notices.len(), 1);
        assert!(outcome.notices[0].starts_with("a.yaml:7: this ignore expired on 2026-06-14"));
    }

    #[test]
    fn a_useless_ignore_is_reported() {
        let text = on("hostNetwork", "# k8s-auto-fix: ignore[latest-tag]");
        assert_eq!(sifted(&text).notices, ["a.yaml:7: this ignore hides nothing; remove it"]);
        let text = on("hostNetwork", "# k8s-auto-fix: ignore[latest-tag, host-network]");
        assert_eq!(sifted(&text).notices, ["a.yaml:7: `latest-tag` hides nothing here; remove it"]);
        let text = format!("{PODS}# k8s-auto-fix: ignore[*]\n");
        assert_eq!(sifted(&text).notices, ["a.yaml:24: this ignore hides nothing; remove it"]);
    }

    #[test]
    fn an_ignore_of_rules_that_do_not_run_is_not_useless() {
        let text = on("hostNetwork", "# k8s-auto-fix: ignore[host-network]");
        let few = &rules()[1..];
        let inputs = inputs(&[("a.yaml", &text)]);
        assert_eq!(sift_with(&inputs, &filters(), few, &[]).notices, [""; 0]);
        // Nor is one of a tool that did not run.
        assert_eq!(
            sifted(&on("hostNetwork", "# k8s-auto-fix: ignore[trivy:XYZ]")).notices,
            [""; 0]
        );
        // What a part that cannot be read would have, nobody knows.
        let broken = format!("# k8s-auto-fix: ignore[*]\na: [\n---\n{PODS}");
        assert_eq!(sifted(&broken).notices, [""; 0]);
    }

    #[test]
    fn what_cannot_be_read_hides_nothing_and_is_reported() {
        for (ignore, why) in [
            ("ignore[host-network] until=soon", "`soon` is no date"),
            ("ignore[host-netwrk]", "did you mean `host-network`?"),
            ("ignore host-network", "expected `ignore[rule"),
        ] {
            let outcome = sifted(&on("hostNetwork", &format!("# k8s-auto-fix: {ignore}")));
            assert_eq!(outcome.found, ALL, "{ignore}");
            assert_eq!(outcome.notices.len(), 1, "{ignore}");
            assert!(outcome.notices[0].starts_with("a.yaml:7: "), "{outcome:?}");
            assert!(outcome.notices[0].contains(why), "{outcome:?}");
        }
        // The other names still count.
        let outcome = sifted(&on("hostNetwork", "# k8s-auto-fix: ignore[typo, host-network]"));
        assert_eq!((outcome.hidden.len(), outcome.notices.len()), (1, 1));
    }

    fn configured(entry: serde_json::Value) -> Outcome {
        let mut entry: ConfiguredIgnore = serde_json::from_value(entry).unwrap();
        entry.place = ("k8s-auto-fix.yaml".to_owned(), 4);
        let mut filters = filters();
        filters.ignores = Some(vec![entry]);
        sift(&inputs(&[("deploy/a.yaml", PODS)]), &filters)
    }

    #[test]
    fn the_configuration_ignores_by_path_namespace_object_and_container() {
        for (entry, hidden) in [
            (json!({"rules": ["*"]}), 5),
            (json!({"rules": ["latest-tag"], "reason": "r", "until": "2026-06-15"}), 3),
            (json!({"rules": ["latest-tag"], "paths": ["deploy"]}), 3),
            (json!({"rules": ["latest-tag"], "paths": ["./deploy/"]}), 3),
            (json!({"rules": ["latest-tag"], "paths": ["x", "**/*.yaml"]}), 3),
            (json!({"rules": ["latest-tag"], "paths": ["."]}), 3),
            (json!({"rules": ["latest-tag"], "namespaces": ["default"]}), 1),
            (json!({"rules": ["latest-tag"], "namespaces": ["sh*"], "kinds": ["Pod"]}), 2),
            (json!({"rules": ["latest-tag"], "names": ["t{wo,en}"]}), 1),
            (json!({"rules": ["*"], "containers": ["side*"]}), 1),
            (json!({"rules": ["*"], "containers": ["web"], "names": ["one"]}), 2),
        ] {
            let outcome = configured(entry.clone());
            assert_eq!(outcome.hidden.len(), hidden, "{entry}: {outcome:#?}");
            assert_eq!(outcome.notices, [""; 0], "{entry}");
        }
        for entry in [
            json!({"rules": ["latest-tag"], "paths": ["*.yaml"]}),
            json!({"rules": ["latest-tag"], "kinds": ["pod"]}),
            json!({"rules": ["privileged-container"], "containers": ["sidecar"]}),
        ] {
            let outcome = configured(entry.clone());
            assert_eq!(outcome.hidden.len(), 0, "{entry}");
            let useless = "k8s-auto-fix.yaml:4: this ignore hides nothing; remove it";
            assert_eq!(outcome.notices, [useless], "{entry}");
        }
        let expired = configured(json!({"rules": ["*"], "until": "2026-01-01"}));
        assert!(expired.notices[0].contains("k8s-auto-fix.yaml:4: this ignore expired"));
        for wrong in [
            json!({"rules": []}),
            json!({"rules": ["typo"]}),
            json!({"paths": ["x"]}),
            json!({"rules": ["*"], "until": "2026-1-1"}),
            json!({"rules": ["*"], "paths": ["["]}),
            json!({"rules": ["*"], "path": ["x"]}),
        ] {
            serde_json::from_value::<ConfiguredIgnore>(wrong.clone()).unwrap_err();
        }
    }

    /// Such as those that a commit changes: the entry may be for others.
    #[test]
    fn single_files_do_not_prove_an_entry_useless() {
        let entry = json!({"rules": ["latest-tag"], "names": ["three"]});
        let mut filters = filters();
        filters.ignores = Some(vec![serde_json::from_value(entry).unwrap()]);
        let inputs = inputs(&[("a.yaml", PODS)]);
        assert_eq!(sift_with(&inputs, &filters, &rules(), &[]).notices, [""; 0]);
    }

    #[test]
    fn ignores_can_be_switched_off() {
        let text = on("apiVersion", "# k8s-auto-fix: ignore[*, typo] until=soon");
        let mut filters = filters();
        filters.ignores = None;
        let outcome = sift(&inputs(&[("a.yaml", &text)]), &filters);
        assert_eq!((outcome.found.len(), outcome.notices.len()), (5, 0));
    }

    proptest! {
        /// Whatever a comment says, it is read or reported, and never hides what it does not name.
        #[test]
        fn any_comment_is_read_or_reported(text in "[ -~é]{0,40}", line in 0_usize..23) {
            let needle = PODS.lines().nth(line).unwrap();
            let text = text.replace("host-network", "").replace(['*'], "").replace("ALL", "");
            let comment = format!("# k8s-auto-fix: ignore[latest-tag] {text}");
            let outcome = sifted(&on(needle, &comment));
            prop_assert!(outcome.found.contains(&ALL[0].to_owned()), "{:?}", outcome);
        }
    }
}
