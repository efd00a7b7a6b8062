//! An object, and the judge of patches to it.

use detector::{Corpus, Found, Input, ObjectContext};
use json_patch::Patch;
use manifest::Limits;
use record::{Gate, GateResult};
use rules::{Rule, Settings};
use schema::{Schemas, Version};
use serde_json::Value;
use verifier::{GateSet, Judge};

/// The gates' answers to a patch of the first object of a file. `rules` may be touched for, and
/// their findings must be cured; `others` are looked at for what is new.
pub(crate) fn judged(
    text: &str,
    rules: &[&'static Rule],
    others: &[&'static Rule],
    gates: &GateSet,
    operations: Value,
) -> Vec<GateResult> {
    let name = "web.yaml".to_owned();
    let input = Input::parse(name.clone(), name, text.as_bytes().to_vec(), &Limits::default());
    let inputs = [input];
    let corpus = Corpus::new(&inputs, ObjectContext::All);
    let settings = Settings::default();
    let judge = Judge {
        corpus: &corpus,
        schemas: &Schemas::new(&[Version::LATEST]),
        settings: &settings,
        rules: others,
        unselected: others,
        gates,
        timings: false,
        server: None,
        rescan: None,
    };
    let targets: Vec<Found> = corpus.check(0, rules, &settings);
    let patch: Patch = serde_json::from_value(operations).unwrap();
    judge.foreign(0, &patch.0, rules, &targets).gates
}

/// What one gate said.
pub(crate) fn of(gates: &[GateResult], gate: Gate) -> &GateResult {
    gates.iter().find(|result| result.gate == gate).unwrap()
}
