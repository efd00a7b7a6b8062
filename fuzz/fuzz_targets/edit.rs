#![no_main]

// The targets live beside the tests, which run them over known files too.
#[path = "../../crates/manifest/tests/common/mod.rs"]
mod common;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| common::fuzz_edit(bytes));
