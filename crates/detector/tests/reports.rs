//! The fuzz target over known reports and small mutations of them, for machines without a fuzzer.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::path::Path;

/// A small generator, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end.max(1)
    }
}

/// Takes away, doubles and exchanges pieces, so that most of the text still reads.
fn mutate(random: &mut Random, seed: &[u8]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..1 + random.below(3) {
        let at = random.below(bytes.len());
        match random.below(4) {
            // A digit for a digit, a letter for a letter: numbers, paths and names change.
            0 => {
                let new = b"0123456789"[random.below(10)];
                let digit = bytes.iter().skip(at).position(u8::is_ascii_digit);
                if let Some(found) = digit {
                    bytes[at + found] = new;
                }
            }
            1 => {
                let words = [&b"null"[..], b"[]", b"{}", b"\"\"", b"-1", b"\"/~\"", b"1e99"];
                let colon = bytes.iter().skip(at).position(|byte| *byte == b':');
                if let Some(found) = colon {
                    let start = at + found + 1;
                    let value = bytes.iter().skip(start).position(|b| matches!(b, b',' | b'\n'));
                    let stop = start + value.unwrap_or(0);
                    bytes.splice(start..stop, words[random.below(words.len())].iter().copied());
                }
            }
            2 => {
                let stop = (at + random.below(40)).min(bytes.len());
                bytes.drain(at..stop);
            }
            _ => bytes.insert(at, b"/.~[]{}\"'0:-\n"[random.below(13)]),
        }
    }
    bytes
}

#[test]
fn mutated_reports_neither_panic_nor_lose_findings() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scanners/fixtures");
    let rounds = std::env::var("K8S_AUTO_FIX_SEEDS").map_or(60, |text| text.parse().unwrap());
    let mut random = Random(7);
    let mut seeds = 0;
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.is_file()) {
        let seed = std::fs::read(path).unwrap();
        common::fuzz_report(&[&[255], &seed[..]].concat());
        seeds += 1;
        for _ in 0..rounds {
            let mutated = mutate(&mut random, &seed);
            let first = u8::try_from(random.below(9)).unwrap();
            let input = [&[if first > 6 { 255 } else { first }], &mutated[..]].concat();
            let outcome = std::panic::catch_unwind(|| common::fuzz_report(&input));
            let show = String::from_utf8_lossy(&mutated);
            assert!(outcome.is_ok(), "broken by {show}");
        }
    }
    assert!(seeds >= 10, "the fixtures are gone");
}
