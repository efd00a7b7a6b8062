#![no_main]

// The target lives beside the tests, which run it over known reports too.
#[path = "../../crates/detector/tests/common/mod.rs"]
mod common;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| common::fuzz_report(bytes));
