//! What a server says of its schemas is foreign: any JSON is schemas or an error, never a crash.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(document) = serde_json::from_str::<serde_json::Value>(text) else { return };
    let _ = schema::live::definitions(std::slice::from_ref(&document));
    let _ = schema::Schemas::with_live(&[], 36, &[document]);
});
