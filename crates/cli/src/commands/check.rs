//! `check`: report findings, show or apply fixes.

mod interactive;

use crate::args::{Check, Common, OutputFormat};
use crate::counting::{self, Counting, report_notices};
use crate::fixing::{self, Fixed};
use crate::inputs::Inputs;
use crate::server::Connected;
use crate::session::{Session, input_errors, report_errors, report_warnings};
use crate::{End, write};
use anyhow::Context as _;
use detector::{Corpus, Input, Sieve, Sifted, Suppression};
use manifest::TextEdit;
use rayon::prelude::*;
use record::{Applicability, Detection, Effect};
use review::diagnostics::{self, Finding, Options, Report, RuleInfo, Suppressed, Totals};
use std::io::{IsTerminal as _, Write as _};
use std::ops::Range;

/// Runs the command.
pub(crate) fn run(common: &Common, args: &Check) -> anyhow::Result<End> {
    anyhow::ensure!(
        !args.unsafe_fixes
            || args.fix
            || args.diff
            || args.interactive
            || args.output_format == OutputFormat::Full,
        "--unsafe-fixes goes with --fix or --diff"
    );
    anyhow::ensure!(
        args.server.server == cluster::Choice::Off || args.fix || args.diff || args.interactive,
        "--server goes with --fix or --diff"
    );
    let mut session = Session::new(common, &args.selecting)?;
    let counting = Counting::new(&session.config, &args.counting)?;
    let mut inputs = session.read(&super::paths(&args.paths));
    session.gather(&args.evidence, &inputs.files)?;
    let max = match args.unsafe_fixes {
        true => Applicability::Unsafe,
        false => Applicability::Safe,
    };
    let server = Connected::new(&args.server, &session, &session.corpus(&inputs.files), common)?;
    if args.diff {
        return diff(&session, &counting, &mut inputs, max, server.as_ref(), common);
    }
    let mut failed = false;
    let only = match args.interactive {
        true => {
            Some(interactive::choose(&session, &counting.filters, &inputs, max, server.as_ref())?)
        }
        false => None,
    };
    if args.fix || args.interactive {
        let fixed = fixing::fix(
            &session,
            &counting.filters,
            &mut inputs,
            max,
            server.as_ref(),
            only.as_ref(),
        )?;
        failed = write_back(&mut inputs, fixed, server.as_ref(), common)?;
    }
    // What comes from stdin goes to stdout, so the report must not.
    let piped = args.fix && inputs.locations.iter().any(Option::is_none);
    let end = match piped {
        true => report(&session, &counting, &inputs, args, common, std::io::stderr().lock())?,
        false => report(&session, &counting, &inputs, args, common, std::io::stdout().lock())?,
    };
    report_warnings(&inputs, common)?;
    Ok(if failed { End::InputError } else { end })
}

/// Shows what `--fix` would change.
fn diff(
    session: &Session,
    counting: &Counting,
    inputs: &mut Inputs,
    max: Applicability,
    server: Option<&Connected>,
    common: &Common,
) -> anyhow::Result<End> {
    let fixed = fixing::fix(session, &counting.filters, inputs, max, server, None)?;
    let options = review::diff::Options { color: use_color(), ..Default::default() };
    let mut out = std::io::stdout().lock();
    for (file, text) in &fixed.texts {
        let Some(old) = fixed.originals.get(file) else { continue };
        let before = old.source.as_ref().map_or("", |source| source.text());
        review::diff::write(&mut out, &old.path, before, text, options)?;
    }
    let errors = input_errors(inputs);
    report_errors(&errors)?;
    report_warnings(inputs, common)?;
    report_notices(&fixed.notices, common.quiet)?;
    report_refused(&fixed, common);
    if !common.quiet {
        let (cured, files) = (fixed.cured, fixed.texts.len());
        writeln!(std::io::stderr(), "Would fix {cured} findings in {files} files.")?;
    }
    report_server(&fixed, server, common)?;
    let left = !fixed.texts.is_empty() || !fixed.not_taken.is_empty();
    Ok(match (errors.is_empty(), counting.may_fail() && left) {
        (false, _) => End::InputError,
        (true, true) => End::Findings,
        (true, false) => End::Clean,
    })
}

/// Writes the fixed files, and stdin to stdout, fixed or as it was. Returns whether a file could
/// not be written; its input then holds the old text again.
fn write_back(
    inputs: &mut Inputs,
    mut fixed: Fixed,
    server: Option<&Connected>,
    common: &Common,
) -> anyhow::Result<bool> {
    let mut failed = 0;
    for (file, text) in &fixed.texts {
        let Some(path) = &inputs.locations[*file] else { continue };
        let Some(old) = fixed.originals.remove(file) else { continue };
        let expected = old.source.as_ref().map_or("", |source| source.text());
        if let Err(error) = write::replace(path, &old.path, expected.as_bytes(), text.as_bytes()) {
            writeln!(std::io::stderr(), "error: {}", review::escape(&format!("{error:#}")))?;
            inputs.files[*file] = old;
            failed += 1;
        }
    }
    for (input, _) in inputs.files.iter().zip(&inputs.locations).filter(|(_, l)| l.is_none()) {
        let text = input.source.as_ref().map_or("", |source| source.text());
        std::io::stdout().lock().write_all(text.as_bytes())?;
    }
    report_refused(&fixed, common);
    let (cured, files) = (fixed.cured, fixed.texts.len());
    if failed > 0 {
        let written = files - failed;
        writeln!(std::io::stderr(), "Fixed {written} files; {failed} could not be written.")?;
    } else if !common.quiet && cured > 0 {
        writeln!(std::io::stderr(), "Fixed {cured} findings in {files} files.")?;
    }
    report_server(&fixed, server, common)?;
    Ok(failed > 0)
}

/// What the API server said of the fixes. That some were left out is said even to those who want
/// results only.
fn report_server(
    fixed: &Fixed,
    server: Option<&Connected>,
    common: &Common,
) -> std::io::Result<()> {
    /// Reasons that are shown; one broken server has as many as there are objects.
    const SHOWN: usize = 10;
    let Some(server) = server else { return Ok(()) };
    let mut stderr = std::io::stderr().lock();
    let mut reasons: Vec<(&String, &usize)> = fixed.not_taken.iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (reason, count) in reasons.iter().take(SHOWN) {
        writeln!(stderr, "warning: {count} fixes left out: {}", review::escape(reason))?;
    }
    if reasons.len() > SHOWN {
        let more: usize = reasons[SHOWN..].iter().map(|(_, count)| **count).sum();
        writeln!(
            stderr,
            "warning: {more} fixes left out for {} more reasons",
            reasons.len() - SHOWN
        )?;
    }
    if !common.quiet && !fixed.effects.is_empty() {
        let effects: Vec<String> = fixed
            .effects
            .iter()
            .map(|(effect, count)| format!("{count} {}", in_words(*effect)))
            .collect();
        let name = review::escape(&server.describe()).into_owned();
        writeln!(stderr, "{name} takes every fix. Objects: {}.", effects.join(", "))?;
    }
    Ok(())
}

fn in_words(effect: Effect) -> &'static str {
    match effect {
        Effect::Unchanged => "run as before (proven: the stored object is the same)",
        Effect::NoRestart => "change without a restart",
        Effect::NextPods => "change for pods made from now on",
        Effect::Restart => "restart their pods",
        Effect::Recreate => "have to be made anew",
    }
}

fn report_refused(fixed: &Fixed, common: &Common) {
    for (path, reason) in fixed.refused.iter().filter(|_| !common.quiet) {
        let _ = writeln!(std::io::stderr(), "warning: {path}: {}", review::escape(reason));
    }
}

fn use_color() -> bool {
    std::io::stdout().is_terminal()
        && anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never
}

fn report(
    session: &Session,
    counting: &Counting,
    inputs: &Inputs,
    args: &Check,
    common: &Common,
    out: impl std::io::Write,
) -> anyhow::Result<End> {
    let corpus = session.corpus(&inputs.files);
    let sieve = Sieve::new(&corpus, &counting.filters);
    let (sifted, tally) = session.detect(&corpus, &sieve, |_| true);
    let is_sarif = args.output_format == OutputFormat::Sarif;
    // The formats for people are shown part by part; the others need all findings at once.
    let for_people = matches!(args.output_format, OutputFormat::Full | OutputFormat::Concise);
    let shown = Shown { corpus: &corpus, sifted: &sifted, format: args.output_format };
    let mut items = if for_people { Vec::new() } else { shown.all() };
    // Only SARIF has a place for what is ignored.
    let mut hidden = if is_sarif { ignored_items(&corpus, &sieve, &sifted) } else { Vec::new() };
    let all = items.iter_mut().chain(hidden.iter_mut().map(|(item, _)| item));
    for (index, item) in all.enumerate() {
        item.detection.id = super::number(index);
    }
    let findings: Vec<Finding<'_>> = items.iter().map(Item::finding).collect();
    let suppressed: Vec<Suppressed<'_>> = hidden
        .iter()
        .map(|(item, by)| Suppressed {
            finding: item.finding(),
            in_source: by.in_source,
            reason: by.reason,
        })
        .collect();
    let input_errors = input_errors(inputs);
    let notices = counting::notices(session, inputs, &sieve, &tally);
    // Only SARIF describes the rules.
    let described = if is_sarif { rules::all() } else { &[] };
    let pages: Vec<(&rules::Entry, String)> =
        described.iter().map(|entry| (entry, rules::page(entry))).collect();
    let infos: Vec<RuleInfo<'_>> = pages
        .iter()
        .map(|(entry, page)| RuleInfo {
            id: entry.rule.id,
            title: entry.rule.title,
            severity: entry.rule.severity,
            page,
        })
        .collect();
    let report = Report {
        findings: &findings,
        suppressed: &suppressed,
        ignored: tally.ignored,
        in_baseline: tally.in_baseline,
        errors: &input_errors,
        warnings: if common.quiet { &[] } else { &notices },
        files: &files_with_objects(&corpus, inputs),
        rules: &infos,
        version: env!("CARGO_PKG_VERSION"),
    };
    let options = Options {
        color: use_color(),
        unsafe_fixes: args.unsafe_fixes,
        summary: !common.quiet,
        ..Options::default()
    };
    let mut out = std::io::BufWriter::new(out);
    let format = format(args.output_format);
    match for_people {
        true => shown.write(&mut out, &report, format, &options),
        false => diagnostics::write(&mut out, &report, format, &options),
    }
    .and_then(|()| out.flush())
    .context("cannot write the report")?;
    if !for_people {
        // The machine formats carry findings; people still see what could not be read.
        report_errors(&input_errors)?;
    }
    report_notices(&notices, common.quiet)?;
    let found = sifted.iter().flat_map(|sifted| &sifted.found);
    let fails = found.into_iter().any(|found| counting.fails(found.finding.severity()));
    // The process ends soon; to give every finding back on its own takes longer than to check it.
    std::mem::forget(sifted);
    Ok(match (input_errors.is_empty(), fails) {
        (false, _) => End::InputError,
        (true, true) => End::Findings,
        (true, false) => End::Clean,
    })
}

/// The files that have something to check.
fn files_with_objects<'a>(corpus: &Corpus<'_>, inputs: &'a Inputs) -> Vec<&'a str> {
    let files = inputs.files.iter().enumerate();
    let with_objects = files.filter(|(file, _)| !corpus.positions_of(*file).is_empty());
    with_objects.map(|(_, input)| input.path.as_str()).collect()
}

fn format(format: OutputFormat) -> diagnostics::Format {
    match format {
        OutputFormat::Full => diagnostics::Format::Full,
        OutputFormat::Concise => diagnostics::Format::Concise,
        OutputFormat::Json => diagnostics::Format::Json,
        OutputFormat::Sarif => diagnostics::Format::Sarif,
        OutputFormat::Github => diagnostics::Format::Github,
        OutputFormat::Junit => diagnostics::Format::Junit,
        OutputFormat::Gitlab => diagnostics::Format::Gitlab,
    }
}

/// A finding with what its renderer needs.
struct Item<'a> {
    detection: Detection,
    input: &'a Input,
    /// The text edits of its own fix; empty when only its existence matters.
    fix: Option<Vec<TextEdit>>,
}

impl Item<'_> {
    fn finding(&self) -> Finding<'_> {
        Finding {
            detection: &self.detection,
            text: self.input.source.as_ref().map_or("", |source| source.text()),
            fix: self.fix.as_deref(),
        }
    }
}

/// What is ignored, in the order of the text, each with the ignore.
fn ignored_items<'a, 's>(
    corpus: &Corpus<'a>,
    sieve: &'s Sieve<'_>,
    sifted: &[Sifted],
) -> Vec<(Item<'a>, Suppression<'s>)> {
    let mut items = Vec::new();
    for (position, hidden) in
        sifted.iter().enumerate().flat_map(|(at, s)| s.hidden.iter().map(move |h| (at, h)))
    {
        let Some(by) = sieve.suppression(hidden) else { continue };
        let input = corpus.input_of(position);
        let detection = hidden.found.record(String::new(), input, corpus.object(position));
        let place = (corpus.file_of(position), hidden.found.finding.span.start);
        items.push((place, (Item { detection, input, fix: None }, by)));
    }
    items.sort_by_key(|(place, _)| *place);
    items.into_iter().map(|(_, item)| item).collect()
}

/// The findings that a report shows.
struct Shown<'s, 'a> {
    corpus: &'s Corpus<'a>,
    sifted: &'s [Sifted],
    format: OutputFormat,
}

impl<'a> Shown<'_, 'a> {
    /// Objects of whole files, some at a time.
    fn parts(&self) -> Vec<Range<usize>> {
        /// Enough to be worth a thread's while, and few enough to stay in its cache.
        const OBJECTS: usize = 32;
        let mut parts: Vec<Range<usize>> = Vec::new();
        let mut start = 0;
        for end in 1..=self.sifted.len() {
            let is_last = end == self.sifted.len();
            let is_whole = is_last || self.corpus.file_of(end - 1) != self.corpus.file_of(end);
            if is_whole && (is_last || end - start >= OBJECTS) {
                parts.push(start..end);
                start = end;
            }
        }
        parts
    }

    /// All findings in the order of the text: by file, then by place.
    fn all(&self) -> Vec<Item<'a>> {
        let parts: Vec<Vec<Item<'a>>> =
            self.parts().into_par_iter().map(|part| self.items(part)).collect();
        parts.into_iter().flatten().collect()
    }

    /// The findings of some objects, in the order of the text.
    fn items(&self, positions: Range<usize>) -> Vec<Item<'a>> {
        let findings: Vec<Vec<&rules::Finding>> = self.sifted[positions.clone()]
            .iter()
            .map(|sifted| sifted.found.iter().map(|found| &found.finding).collect())
            .collect();
        // Places are sorted rather than items, which are large.
        let mut places = Vec::new();
        for (part, position) in positions.clone().enumerate() {
            let file = self.corpus.file_of(position);
            let starts = findings[part].iter().map(|finding| finding.span.start).enumerate();
            places.extend(starts.map(|(index, start)| (file, start, part, index)));
        }
        places.sort_unstable();
        let item = |(_, _, part, index): (usize, usize, usize, usize)| {
            self.item(positions.start + part, &findings[part], index)
        };
        places.into_iter().map(item).collect()
    }

    fn item(&self, position: usize, findings: &[&rules::Finding], index: usize) -> Item<'a> {
        let found = &self.sifted[position].found[index];
        let (input, object) = (self.corpus.input_of(position), self.corpus.object(position));
        let detection = match self.format {
            OutputFormat::Concise => found.line(input),
            OutputFormat::Full => found.shown(input, object),
            _ => found.record(String::new(), input, object),
        };
        let with_edits = matches!(self.format, OutputFormat::Full | OutputFormat::Sarif);
        let fix = fix_edits(object, findings, index, input, with_edits);
        Item { detection, input, fix }
    }

    /// Renders part after part, in parallel, and drops each when it is rendered.
    fn write(
        &self,
        out: &mut impl std::io::Write,
        report: &Report<'_>,
        format: diagnostics::Format,
        options: &Options,
    ) -> std::io::Result<()> {
        let piece = Options { summary: false, ..*options };
        let render = |part: Range<usize>| {
            let items = self.items(part);
            let findings: Vec<Finding<'_>> = items.iter().map(Item::finding).collect();
            let mut bytes = Vec::new();
            let part = Report { findings: &findings, ..Report::default() };
            diagnostics::write(&mut bytes, &part, format, &piece)?;
            Ok((bytes, Totals::of(&findings)))
        };
        let pieces: Vec<(Vec<u8>, Totals)> =
            self.parts().into_par_iter().map(render).collect::<std::io::Result<_>>()?;
        let mut totals = Totals::default();
        for (bytes, counted) in &pieces {
            out.write_all(bytes)?;
            totals = totals.plus(counted);
        }
        diagnostics::write(out, report, format, &piece)?;
        if options.summary {
            writeln!(out, "{}", diagnostics::summary_of(&totals, report, options))?;
        }
        Ok(())
    }
}

fn fix_edits(
    object: &rules::Object<'_>,
    findings: &[&rules::Finding],
    index: usize,
    input: &Input,
    with_edits: bool,
) -> Option<Vec<TextEdit>> {
    if findings[index].applicability() == Applicability::Advice {
        return None;
    }
    if !with_edits {
        return Some(Vec::new());
    }
    let proposal = proposer::propose(object, findings, index).ok()?;
    let source = input.source.as_ref().ok()?;
    let edit = manifest::edit(source, object.document, &proposal.operations).ok()?;
    Some(edit.edits)
}
