//! `check`: report findings, show or apply fixes.

use crate::args::{Check, Common, OutputFormat};
use crate::fixing::{self, Fixed};
use crate::inputs::Inputs;
use crate::session::{Session, input_errors, report_errors, report_warnings};
use crate::{End, write};
use anyhow::Context as _;
use detector::{Corpus, Found, Input};
use manifest::TextEdit;
use rayon::prelude::*;
use record::{Applicability, Detection};
use review::diagnostics::{self, Finding, Options, Report, RuleInfo};
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

/// Runs the command.
pub(crate) fn run(common: &Common, args: &Check) -> anyhow::Result<End> {
    anyhow::ensure!(
        !args.unsafe_fixes || args.fix || args.diff || args.output_format == OutputFormat::Full,
        "--unsafe-fixes goes with --fix or --diff"
    );
    let session = Session::new(common, &args.selecting)?;
    let paths = match args.paths.is_empty() {
        true => vec![PathBuf::from(".")],
        false => args.paths.clone(),
    };
    let mut inputs = session.read(&paths);
    let max = match args.unsafe_fixes {
        true => Applicability::Unsafe,
        false => Applicability::Safe,
    };
    if args.diff {
        return diff(&session, &mut inputs, max, common);
    }
    let mut failed = false;
    if args.fix {
        let fixed = fixing::fix(&session, &mut inputs, max);
        failed = write_back(&mut inputs, fixed, common)?;
    }
    // What comes from stdin goes to stdout, so the report must not.
    let piped = args.fix && inputs.locations.iter().any(Option::is_none);
    let end = match piped {
        true => report(&session, &inputs, args, common, std::io::stderr().lock())?,
        false => report(&session, &inputs, args, common, std::io::stdout().lock())?,
    };
    report_warnings(&inputs, common)?;
    Ok(if failed { End::InputError } else { end })
}

/// Shows what `--fix` would change.
fn diff(
    session: &Session,
    inputs: &mut Inputs,
    max: Applicability,
    common: &Common,
) -> anyhow::Result<End> {
    let fixed = fixing::fix(session, inputs, max);
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
    report_refused(&fixed, common);
    if !common.quiet {
        let (cured, files) = (fixed.cured, fixed.texts.len());
        writeln!(std::io::stderr(), "Would fix {cured} findings in {files} files.")?;
    }
    Ok(match (errors.is_empty(), fixed.texts.is_empty()) {
        (false, _) => End::InputError,
        (true, false) => End::Findings,
        (true, true) => End::Clean,
    })
}

/// Writes the fixed files, and stdin to stdout, fixed or as it was. Returns whether a file could
/// not be written; its input then holds the old text again.
fn write_back(inputs: &mut Inputs, mut fixed: Fixed, common: &Common) -> anyhow::Result<bool> {
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
    Ok(failed > 0)
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
    inputs: &Inputs,
    args: &Check,
    common: &Common,
    out: impl std::io::Write,
) -> anyhow::Result<End> {
    let corpus = session.corpus(&inputs.files);
    let found = session.detect(&corpus, |_| true);
    let with_edits = matches!(args.output_format, OutputFormat::Full | OutputFormat::Sarif);
    let mut items = items(&corpus, &found, with_edits);
    for (index, item) in items.iter_mut().enumerate() {
        item.detection.id = super::number(index);
    }
    let findings: Vec<Finding<'_>> = items
        .iter()
        .map(|item| Finding {
            detection: &item.detection,
            text: item.input.source.as_ref().map_or("", |source| source.text()),
            fix: item.fix.as_deref(),
        })
        .collect();
    let input_errors = input_errors(inputs);
    // Only SARIF describes the rules.
    let described = match args.output_format {
        OutputFormat::Sarif => rules::all(),
        _ => &[],
    };
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
        errors: &input_errors,
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
    write_report(&mut out, &report, format(args.output_format), &options)
        .and_then(|()| out.flush())
        .context("cannot write the report")?;
    if !matches!(args.output_format, OutputFormat::Full | OutputFormat::Concise) {
        // The machine formats carry findings; people still see what could not be read.
        report_errors(&input_errors)?;
    }
    Ok(match (input_errors.is_empty(), findings.is_empty()) {
        (false, _) => End::InputError,
        (true, false) => End::Findings,
        (true, true) => End::Clean,
    })
}

/// Writes the report. The formats for people are made of independent pieces, which are rendered in
/// parallel.
fn write_report(
    out: &mut impl std::io::Write,
    report: &Report<'_>,
    format: diagnostics::Format,
    options: &Options,
) -> std::io::Result<()> {
    if !matches!(format, diagnostics::Format::Full | diagnostics::Format::Concise) {
        return diagnostics::write(out, report, format, options);
    }
    let piece = Options { summary: false, ..*options };
    let pieces: Vec<Vec<u8>> = report
        .findings
        .par_chunks(128)
        .map(|findings| {
            let mut bytes = Vec::new();
            let part = Report { findings, errors: &[], ..*report };
            diagnostics::write(&mut bytes, &part, format, &piece).map(|()| bytes)
        })
        .collect::<Result<_, _>>()?;
    pieces.iter().try_for_each(|bytes| out.write_all(bytes))?;
    diagnostics::write(out, &Report { findings: &[], ..*report }, format, &piece)?;
    if options.summary {
        writeln!(out, "{}", diagnostics::summary_line(report, options))?;
    }
    Ok(())
}

fn format(format: OutputFormat) -> diagnostics::Format {
    match format {
        OutputFormat::Full => diagnostics::Format::Full,
        OutputFormat::Concise => diagnostics::Format::Concise,
        OutputFormat::Json => diagnostics::Format::Json,
        OutputFormat::Sarif => diagnostics::Format::Sarif,
        OutputFormat::Github => diagnostics::Format::Github,
    }
}

/// A finding with what its renderer needs.
struct Item<'a> {
    detection: Detection,
    input: &'a Input,
    /// The text edits of its own fix; empty when only its existence matters.
    fix: Option<Vec<TextEdit>>,
}

/// Findings in the order of the text: by file, then by place.
fn items<'a>(corpus: &Corpus<'a>, found: &[Vec<Found>], with_edits: bool) -> Vec<Item<'a>> {
    let mut items: Vec<(usize, usize, Item<'a>)> = found
        .par_iter()
        .enumerate()
        .flat_map_iter(|(position, found)| {
            let input = corpus.input_of(position);
            let file = corpus.file_of(position);
            let findings: Vec<&rules::Finding> = found.iter().map(|f| &f.finding).collect();
            let object = corpus.object(position);
            let fixes: Vec<_> = (0..found.len())
                .map(|index| fix_edits(object, &findings, index, input, with_edits))
                .collect();
            found.iter().zip(fixes).map(move |(found, fix)| {
                let detection = found.record(String::new(), input, object);
                (file, found.finding.span.start, Item { detection, input, fix })
            })
        })
        .collect();
    items.sort_by_key(|(file, start, _)| (*file, *start));
    items.into_iter().map(|(_, _, item)| item).collect()
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
