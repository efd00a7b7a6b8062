#![no_main]

//! Comments and annotations that ignore findings, and baselines: whatever they say, nothing
//! panics, no finding is lost, and what is written is read back.

use detector::{Baseline, Corpus, Filters, Input, Looked, ObjectContext, Sieve};
use manifest::Limits;
use rules::Settings;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let name = "a.yaml".to_owned();
    let inputs = [Input::parse(name.clone(), name, bytes.to_vec(), &Limits::default())];
    let corpus = Corpus::new(&inputs, ObjectContext::All);
    let (rules, settings) = (rules::named("ALL").unwrap(), Settings::default());
    let mut filters = Filters::new("2026-06-15".parse().unwrap());
    if let Ok(baseline) = Baseline::read(&String::from_utf8_lossy(bytes)) {
        let mut written = Vec::new();
        baseline.write(&mut written).unwrap();
        assert_eq!(Baseline::read(std::str::from_utf8(&written).unwrap()).unwrap(), baseline);
        filters.baseline = Some(("baseline".to_owned(), baseline));
    }
    let sieve = Sieve::new(&corpus, &filters);
    let mut tally = sieve.tally();
    for position in 0..corpus.len() {
        let found = corpus.check(position, &rules, &settings);
        let all = found.len();
        let mut sifted = sieve.sift(position, found);
        tally.add(&mut sifted);
        assert_eq!(sifted.found.len() + sifted.hidden.len(), all);
    }
    let looked = Looked { rules: &rules, settings: &settings, folders: &[String::new()] };
    let _ = sieve.notices(&tally, &looked);
});
