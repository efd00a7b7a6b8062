//! JUnit XML: a suite for each file, a failed case for each object and rule, and one that passed for
//! a file without findings, so that a test report shows that the file was checked.

use super::{Finding, InputError, Report, place};
use crate::escape;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// One file.
#[derive(Default)]
struct Suite<'a> {
    cases: Vec<Case<'a>>,
    errors: Vec<&'a InputError>,
}

/// The findings of one rule in one object.
struct Case<'a> {
    name: String,
    key: Key<'a>,
    findings: Vec<&'a Finding<'a>>,
}

/// Rule, and the place of the object in the file.
type Key<'a> = (&'a str, Option<(usize, &'a str)>);

pub(super) fn write(out: &mut impl Write, report: &Report<'_>) -> io::Result<()> {
    let suites = suites(report);
    let failures: usize = suites.values().map(|suite| suite.cases.len()).sum();
    let errors: usize = suites.values().map(|suite| suite.errors.len()).sum();
    let tests: usize = suites.values().map(Suite::tests).sum();
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        out,
        "<testsuites name=\"k8s-auto-fix\" tests=\"{tests}\" failures=\"{failures}\" \
         errors=\"{errors}\">"
    )?;
    for (path, suite) in &suites {
        suite.write(out, path)?;
    }
    writeln!(out, "</testsuites>")
}

fn suites<'a>(report: &Report<'a>) -> BTreeMap<&'a str, Suite<'a>> {
    let mut suites: BTreeMap<&str, Suite<'_>> =
        report.files.iter().map(|path| (*path, Suite::default())).collect();
    for finding in report.findings {
        suites.entry(&finding.detection.manifest_path).or_default().add(finding);
    }
    for error in report.errors {
        suites.entry(&error.path).or_default().errors.push(error);
    }
    suites
}

impl<'a> Suite<'a> {
    /// Findings of one object mostly stand together, so the search begins at the end.
    fn add(&mut self, finding: &'a Finding<'a>) {
        let object = finding.detection.object.as_ref();
        let key = (finding.rule(), object.map(|object| (object.document, object.prefix.as_str())));
        match self.cases.iter_mut().rev().find(|case| case.key == key) {
            Some(case) => case.findings.push(finding),
            None => {
                let object = finding.object().map_or(String::new(), |object| format!(": {object}"));
                let name = format!("{}{object}", finding.rule());
                self.cases.push(Case { name, key, findings: vec![finding] });
            }
        }
    }

    fn tests(&self) -> usize {
        (self.cases.len() + self.errors.len()).max(1)
    }

    fn write(&self, out: &mut impl Write, path: &str) -> io::Result<()> {
        let (path, tests) = (xml(path), self.tests());
        let (failures, errors) = (self.cases.len(), self.errors.len());
        writeln!(
            out,
            "  <testsuite name=\"{path}\" tests=\"{tests}\" failures=\"{failures}\" \
             errors=\"{errors}\" skipped=\"0\">"
        )?;
        if failures + errors == 0 {
            writeln!(out, "    <testcase name=\"no findings\" classname=\"{path}\"/>")?;
        }
        for case in &self.cases {
            case.write(out, &path)?;
        }
        for error in &self.errors {
            let place = place(error.line, error.column);
            let message = xml(&error.message);
            let help = error.help.as_ref().map_or(String::new(), |help| format!("; {}", xml(help)));
            writeln!(out, "    <testcase name=\"read{place}\" classname=\"{path}\">")?;
            writeln!(out, "      <error message=\"{message}\" type=\"input error\">")?;
            writeln!(out, "{path}{place}: {message}{help}</error>")?;
            writeln!(out, "    </testcase>")?;
        }
        writeln!(out, "  </testsuite>")
    }
}

impl Case<'_> {
    /// Readers of the format show the first failure of a case, so there is one, with all places.
    fn write(&self, out: &mut impl Write, path: &str) -> io::Result<()> {
        let Some(first) = self.findings.first() else { return Ok(()) };
        let message = xml(&first.detection.violation_text);
        let more = match self.findings.len() {
            1 => String::new(),
            findings => format!(" (and {} more)", findings - 1),
        };
        let severity = first.severity().as_str();
        writeln!(out, "    <testcase name=\"{}\" classname=\"{path}\">", xml(&self.name))?;
        writeln!(out, "      <failure message=\"{message}{more}\" type=\"{severity}\">")?;
        for (index, finding) in self.findings.iter().enumerate() {
            let span = finding.detection.span;
            let place = place(span.map(|at| at.line), span.map(|at| at.column));
            let end = if index + 1 == self.findings.len() { "</failure>" } else { "" };
            writeln!(out, "{path}{place}: {}{end}", xml(&finding.detection.violation_text))?;
        }
        writeln!(out, "    </testcase>")
    }
}

/// Text as the text or the attribute of an element. What XML has no way to say is shown as an
/// escape, as on a terminal.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in escape(text).chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&apos;",
            '\u{fffe}' | '\u{ffff}' => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::xml;
    use crate::diagnostics::samples::{self, render};
    use crate::diagnostics::{Format, Options, Report, write};
    use roxmltree::{Document, Node};

    fn report(report: &Report<'_>) -> String {
        let mut out = Vec::new();
        write(&mut out, report, Format::Junit, &Options::default()).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// Elements and attributes as the schema of Jenkins' xUnit plugin (`junit-10.xsd`) has them.
    fn valid(text: &str) {
        let document = Document::parse(text).unwrap();
        for node in document.descendants().filter(Node::is_element) {
            let (required, optional, children): (&[&str], &[&str], &[&str]) = match node
                .tag_name()
                .name()
            {
                "testsuites" => {
                    (&[], &["name", "time", "tests", "failures", "errors"], &["testsuite"])
                }
                "testsuite" => (
                    &["name"],
                    &["tests", "failures", "errors", "skipped", "time", "file"],
                    &["testcase"],
                ),
                "testcase" => (&["name"], &["classname", "time"], &["failure", "error", "skipped"]),
                "failure" | "error" => (&[], &["message", "type"], &[]),
                other => panic!("{other} is no element of the schema"),
            };
            for attribute in node.attributes() {
                let known = [required, optional].concat();
                assert!(known.contains(&attribute.name()), "{}", attribute.name());
            }
            assert!(required.iter().all(|name| node.has_attribute(*name)), "{node:?}");
            for child in node.children().filter(Node::is_element) {
                assert!(children.contains(&child.tag_name().name()), "{child:?}");
            }
        }
        let root = document.root_element();
        assert_eq!(root.tag_name().name(), "testsuites");
        let number = |node: &Node<'_, '_>, name: &str| {
            node.attribute(name).unwrap().parse::<usize>().unwrap()
        };
        let below = |node: &Node<'_, '_>, name: &str| {
            node.descendants().filter(|child| child.tag_name().name() == name).count()
        };
        let suites = root.children().filter(Node::is_element);
        for node in std::iter::once(root).chain(suites) {
            assert_eq!(number(&node, "tests"), below(&node, "testcase"));
            assert_eq!(number(&node, "failures"), below(&node, "failure"));
            assert_eq!(number(&node, "errors"), below(&node, "error"));
        }
    }

    #[test]
    fn a_suite_for_each_file_and_a_case_for_each_object_and_rule() {
        let text = render(Format::Junit, &Options::default());
        valid(&text);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn findings_of_one_rule_in_one_object_are_one_case() {
        let text = samples::with_report(|sample| {
            let findings = [&sample.findings[..1], &sample.findings[..1]].concat();
            report(&Report { findings: &findings, errors: &[], ..*sample })
        });
        valid(&text);
        let document = Document::parse(&text).unwrap();
        let failure = document.descendants().find(|node| node.has_tag_name("failure")).unwrap();
        assert!(failure.attribute("message").unwrap().ends_with(" (and 1 more)"));
        assert_eq!(failure.text().unwrap().trim().lines().count(), 2);
    }

    #[test]
    fn a_clean_file_has_a_case_that_passed_and_no_file_is_no_suite() {
        let clean = report(&Report { files: &["a&b.yaml"], ..Report::default() });
        valid(&clean);
        assert!(clean.contains("tests=\"1\" failures=\"0\""), "{clean}");
        valid(&report(&Report::default()));
    }

    #[test]
    fn every_text_can_be_written_and_read_back() {
        let hostile = "a<b>&\"'\u{1b}[31m\n]]>\u{0}\u{fffe}\u{ffff}é🚀</failure>";
        let document = format!("<a b=\"{0}\">{0}</a>", xml(hostile));
        let document = Document::parse(&document).unwrap();
        let shown = "a<b>&\"'\\u{1b}[31m\\n]]>\\u{0}\\u{fffe}\\u{ffff}é🚀</failure>";
        assert_eq!(document.root_element().text(), Some(shown));
        assert_eq!(document.root_element().attribute("b"), Some(shown));
    }
}
