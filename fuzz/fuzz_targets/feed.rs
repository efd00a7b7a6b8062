//! Feeds are foreign: any bytes are a feed that names something, or a fault; never a crash.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(epss) = risk::Epss::parse(bytes) {
        assert!(!epss.is_empty());
    }
    if let Ok(kev) = risk::Kev::parse(bytes) {
        assert!(!kev.is_empty());
    }
    if let Ok(metrics) = risk::PolicyMetrics::parse(bytes) {
        let known = metrics.get("no_privileged").unwrap_or((0.5, 1.0));
        assert!((0.0..=1.0).contains(&known.0) && known.1.is_finite());
    }
});
