//! The fuzz targets over known files and small mutations of them, for machines without a fuzzer.

#![allow(clippy::unwrap_used)]

mod common;

use common::Random;

fn seeds() -> Vec<String> {
    let cases: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("data/edit_cases.json")).unwrap();
    cases.iter().map(|case| case["text"].as_str().unwrap().to_owned()).collect()
}

/// Swaps, drops, doubles and inserts the bytes that matter to YAML.
fn mutate(random: &mut Random, seed: &[u8]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..1 + random.below(4) {
        let at = random.below(bytes.len() + 1).min(bytes.len());
        match random.below(4) {
            0 if at < bytes.len() => {
                bytes.remove(at);
            }
            1 => bytes.insert(at, *random.pick(b"-:?[]{}#&*!|>'\",\n \t\r%@~<y0\\")),
            2 => {
                let stop = (at + random.below(12)).min(bytes.len());
                let piece = bytes[at..stop].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            _ => bytes.truncate(bytes.len() - random.below(bytes.len() / 4 + 1)),
        }
    }
    bytes
}

#[test]
fn mutated_files_neither_panic_nor_break_promises() {
    let rounds = std::env::var("K8S_AUTO_FIX_SEEDS").map_or(60, |text| text.parse().unwrap());
    let mut random = Random(1);
    for seed in seeds() {
        for _ in 0..rounds {
            let mutated = mutate(&mut random, seed.as_bytes());
            let show = String::from_utf8_lossy(&mutated).into_owned();
            let choice = (random.next() as u32).to_le_bytes();
            let input = [&choice[..], &mutated].concat();
            let outcome = std::panic::catch_unwind(|| {
                common::fuzz_parse(&mutated);
                common::fuzz_edit(&input);
            });
            assert!(outcome.is_ok(), "broken by {show:?} with {choice:?}");
        }
    }
}
