//! `check --interactive`: each fix is shown by itself and asked for. What was chosen is then brought
//! together and proven like any other fix, so that no choice can leave something unproven.

use super::use_color;
use crate::inputs::Inputs;
use crate::server::Connected;
use crate::session::{Proving, Session};
use detector::{Corpus, Filters, Fingerprint, Found, Sieve};
use manifest::TextEdit;
use record::{Applicability, Status};
use review::{diff, escape};
use std::collections::BTreeSet;
use std::io::{BufRead, Write};
use verifier::ObjectVerdict;

const HELP: &str = "\
y  apply this fix
n  do not
a  apply this and the other fixes of this file
d  apply neither this nor the others of this file
q  apply neither this nor any that follows
?  show this\n";

/// One question: the change, and the findings that it cures.
struct Question<'a> {
    file: usize,
    edits: Vec<TextEdit>,
    is_safe: bool,
    cures: Vec<&'a Found>,
}

/// Shows every fix that passes the gates and returns what was chosen.
pub(super) fn choose(
    session: &Session,
    filters: &Filters,
    inputs: &Inputs,
    max: Applicability,
    server: Option<&Connected>,
) -> anyhow::Result<BTreeSet<Fingerprint>> {
    anyhow::ensure!(
        inputs.locations.iter().all(Option::is_some),
        "--interactive reads the answers from stdin, so no manifest can come from there"
    );
    let corpus = session.corpus(&inputs.files);
    let sieve = Sieve::new(&corpus, filters);
    let proving = Proving::new(session, &corpus, Connected::gates(server), false, server)?;
    let judge = proving.judge(session, &corpus);
    let (sifted, _) = session.detect(&corpus, &sieve, |_| true);
    let verdicts = session.judge(&judge, &sifted, max);
    let mut questions = Vec::new();
    for (position, (sifted, verdict)) in sifted.iter().zip(&verdicts).enumerate() {
        questions.extend(of_object(&corpus, position, &sifted.found, verdict));
    }
    let asker = Asker { inputs, total: questions.len() };
    Ok(asker.ask(&questions, &mut std::io::stdin().lock(), &mut std::io::stderr().lock())?)
}

/// The questions about one object. Findings with the same change are asked for together.
fn of_object<'a>(
    corpus: &Corpus<'_>,
    position: usize,
    found: &'a [Found],
    verdict: &ObjectVerdict,
) -> Vec<Question<'a>> {
    let mut questions: Vec<Question<'a>> = Vec::new();
    let Ok(source) = &corpus.input_of(position).source else { return questions };
    let document = corpus.object(position).document;
    for (found, verdict) in found.iter().zip(&verdict.findings) {
        let Some(proposal) = &verdict.proposal else { continue };
        if verdict.status != Status::Accepted {
            continue;
        }
        let Ok(edit) = manifest::edit(source, document, &proposal.operations) else { continue };
        let is_safe = proposal.applicability == Applicability::Safe;
        match questions.iter_mut().find(|question| question.edits == edit.edits) {
            Some(question) => {
                question.cures.push(found);
                question.is_safe &= is_safe;
            }
            None => questions.push(Question {
                file: corpus.file_of(position),
                edits: edit.edits,
                is_safe,
                cures: vec![found],
            }),
        }
    }
    questions
}

/// What was answered for a whole file, or for all that follows.
#[derive(Clone, Copy, PartialEq)]
enum Standing {
    Ask,
    File(usize, bool),
    Quit,
}

struct Asker<'a> {
    inputs: &'a Inputs,
    total: usize,
}

impl Asker<'_> {
    fn ask(
        &self,
        questions: &[Question<'_>],
        answers: &mut impl BufRead,
        out: &mut impl Write,
    ) -> std::io::Result<BTreeSet<Fingerprint>> {
        let mut chosen = BTreeSet::new();
        let mut standing = Standing::Ask;
        for (index, question) in questions.iter().enumerate() {
            let is_wanted = match standing {
                Standing::Quit => false,
                Standing::File(file, wanted) if file == question.file => wanted,
                _ => {
                    self.show(question, out)?;
                    let (wanted, next) = self.answer(question, index, answers, out)?;
                    standing = next;
                    wanted
                }
            };
            if is_wanted {
                chosen.extend(question.cures.iter().map(|found| found.fingerprint));
            }
        }
        Ok(chosen)
    }

    fn show(&self, question: &Question<'_>, out: &mut impl Write) -> std::io::Result<()> {
        let input = &self.inputs.files[question.file];
        let Ok(source) = &input.source else { return Ok(()) };
        for found in &question.cures {
            let line = source.position(found.finding.span.start).line;
            let class = if question.is_safe { "safe" } else { "unsafe: it may break what works" };
            let (path, message) = (escape(&input.path), escape(&found.finding.message));
            writeln!(out, "{path}:{line}: {} [{class}]\n  {message}", found.finding.rule.id)?;
        }
        let after = manifest::apply_edits(source.text(), &question.edits);
        let options = diff::Options { color: use_color(), ..diff::Options::default() };
        diff::write(out, &input.path, source.text(), &after, options)
    }

    fn answer(
        &self,
        question: &Question<'_>,
        index: usize,
        answers: &mut impl BufRead,
        out: &mut impl Write,
    ) -> std::io::Result<(bool, Standing)> {
        loop {
            write!(out, "({}/{}) Apply this fix [y,n,a,d,q,?]? ", index + 1, self.total)?;
            out.flush()?;
            let mut line = String::new();
            if answers.read_line(&mut line)? == 0 {
                writeln!(out)?;
                return Ok((false, Standing::Quit));
            }
            match line.trim() {
                "y" => return Ok((true, Standing::Ask)),
                "n" => return Ok((false, Standing::Ask)),
                "a" => return Ok((true, Standing::File(question.file, true))),
                "d" => return Ok((false, Standing::File(question.file, false))),
                "q" => return Ok((false, Standing::Quit)),
                _ => write!(out, "{HELP}")?,
            }
        }
    }
}
