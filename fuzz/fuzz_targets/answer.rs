#![no_main]

// The module alone: its room has an HTTP client in it, which fuzzing need not build.
#[path = "../../crates/models/src/answer.rs"]
mod answer;

// A model may answer anything; whatever is taken for a patch keeps the limits.
libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(patch) = answer::parse(text) {
        assert!(text.len() <= answer::MAX_TEXT);
        assert!(!patch.is_empty() && patch.len() <= 200);
    }
});
