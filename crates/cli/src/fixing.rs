//! From the verdicts on objects to the new text of files.

use crate::counting;
use crate::inputs::Inputs;
use crate::server::Connected;
use crate::session::{Proving, Session};
use detector::{Corpus, Filters, Fingerprint, Found, Hidden, HiddenBy, Input, Sieve, Sifted};
use record::{Applicability, Effect, Gate, GateOutcome, GateResult};
use review::diagnostics::InputError;
use std::collections::{BTreeMap, BTreeSet};
use verifier::ObjectVerdict;

/// Rounds of fixing. A fix can make another one possible; in practice the second round finds
/// nothing to do.
const MAX_ROUNDS: usize = 5;

/// What fixing did.
#[derive(Debug, Default)]
pub(crate) struct Fixed {
    /// New texts, by the index of the file.
    pub(crate) texts: BTreeMap<usize, String>,
    /// What the changed files held before, by the index of the file.
    pub(crate) originals: BTreeMap<usize, Input>,
    /// Findings that were cured.
    pub(crate) cured: usize,
    /// Edits that could not be brought together, as `(path, reason)`.
    pub(crate) refused: Vec<(String, String)>,
    /// Objects that were changed, by what that changes of what runs, as an API server says.
    pub(crate) effects: BTreeMap<Effect, usize>,
    /// Fixes that were left out because of the API server, by the reason.
    pub(crate) not_taken: BTreeMap<String, usize>,
    /// What is to be said of ignores and baseline, before anything was fixed.
    pub(crate) notices: Vec<InputError>,
}

/// Applies the accepted fixes to the inputs, round by round until nothing changes; of findings with
/// certain fingerprints only, where `only` names them. The inputs then hold the new texts.
pub(crate) fn fix(
    session: &Session,
    filters: &Filters,
    inputs: &mut Inputs,
    max: Applicability,
    server: Option<&Connected>,
    only: Option<&BTreeSet<Fingerprint>>,
) -> anyhow::Result<Fixed> {
    let mut fixed = Fixed::default();
    let mut dirty: Option<BTreeSet<usize>> = None;
    for _ in 0..MAX_ROUNDS {
        let round = fix_once(session, filters, inputs, max, dirty.as_ref(), server, only)?;
        if dirty.is_none() {
            fixed.notices = round.notices;
        }
        fixed.refused.extend(round.refused);
        if fixed.not_taken.is_empty() {
            fixed.not_taken = round.not_taken;
        }
        for (effect, count) in round.effects {
            *fixed.effects.entry(effect).or_default() += count;
        }
        if round.texts.is_empty() {
            break;
        }
        fixed.cured += round.cured;
        dirty = Some(round.texts.keys().copied().collect());
        for (file, text) in &round.texts {
            let old = &inputs.files[*file];
            let (path, identity) = (old.path.clone(), old.identity.clone());
            let bytes = text.clone().into_bytes();
            let new = Input::parse(path, identity, bytes, &session.limits);
            let old = std::mem::replace(&mut inputs.files[*file], new);
            fixed.originals.entry(*file).or_insert(old);
        }
        fixed.texts.extend(round.texts);
    }
    Ok(fixed)
}

fn fix_once(
    session: &Session,
    filters: &Filters,
    inputs: &Inputs,
    max: Applicability,
    dirty: Option<&BTreeSet<usize>>,
    server: Option<&Connected>,
    only: Option<&BTreeSet<Fingerprint>>,
) -> anyhow::Result<Fixed> {
    let files = &inputs.files;
    let corpus = session.corpus(files);
    let sieve = Sieve::new(&corpus, filters);
    let proving = Proving::new(session, &corpus, Connected::gates(server), false, server)?;
    let judge = proving.judge(session, &corpus);
    let wanted =
        |position: usize| dirty.is_none_or(|files| files.contains(&corpus.file_of(position)));
    let (mut sifted, tally) = session.detect(&corpus, &sieve, wanted);
    if let Some(only) = only {
        sifted.iter_mut().for_each(|sifted| hold_back(sifted, only));
    }
    let verdicts = session.judge(&judge, &sifted, max);
    let notices = match dirty {
        None => counting::notices(session, inputs, &sieve, &tally),
        Some(_) => Vec::new(),
    };
    let mut fixed = texts(&corpus, files, &verdicts);
    fixed.notices = notices;
    hear_the_server(&mut fixed, &verdicts);
    Ok(fixed)
}

/// Leaves only the findings with these fingerprints. The others stay, and are not new.
fn hold_back(sifted: &mut Sifted, only: &BTreeSet<Fingerprint>) {
    let (found, others): (Vec<Found>, Vec<Found>) = std::mem::take(&mut sifted.found)
        .into_iter()
        .partition(|found| only.contains(&found.fingerprint));
    sifted.found = found;
    let hidden = others.into_iter().map(|found| Hidden { found, by: HiddenBy::Baseline });
    sifted.hidden.extend(hidden);
}

/// Notes what the API server said.
fn hear_the_server(fixed: &mut Fixed, verdicts: &[ObjectVerdict]) {
    for effect in verdicts.iter().filter_map(|verdict| verdict.accepted.as_ref()?.effect) {
        *fixed.effects.entry(effect).or_default() += 1;
    }
    for verdict in verdicts.iter().flat_map(|verdict| &verdict.findings) {
        let stopped = |gate: &&GateResult| {
            gate.gate == Gate::Server
                && matches!(gate.outcome, GateOutcome::Failed | GateOutcome::Unavailable)
        };
        if let Some(gate) = verdict.gates.iter().find(stopped) {
            let reason = gate.reason.clone().unwrap_or_default();
            *fixed.not_taken.entry(reason).or_default() += 1;
        }
    }
}

/// The new text of every file that accepted patches change.
fn texts(corpus: &Corpus<'_>, files: &[Input], verdicts: &[ObjectVerdict]) -> Fixed {
    let accepted =
        verdicts.iter().enumerate().filter_map(|(at, v)| Some((at, v.accepted.as_ref()?)));
    let edits = verifier::file_edits(corpus, accepted);
    let refused = edits.refused.into_iter();
    let mut fixed = Fixed {
        cured: edits.cured,
        refused: refused.map(|((file, _), reason)| (files[file].path.clone(), reason)).collect(),
        ..Fixed::default()
    };
    for (file, edits) in edits.edits {
        if let Ok(source) = &files[file].source {
            fixed.texts.insert(file, manifest::apply_edits(source.text(), &edits));
        }
    }
    fixed
}
