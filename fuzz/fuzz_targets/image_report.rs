//! Reports of images are foreign: any bytes are a report that can be asked, or a fault.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(report) = risk::ImageReport::parse(bytes) else { return };
    let name = report.name.clone();
    let images = risk::Images::new(vec![report]);
    let _ = images.moved();
    let _ = images.unused(["nginx:1.29", &name].into_iter());
});
