//! How long a failed item sleeps.

/// Seconds that the first sleep is at most.
pub const BACKOFF_BASE: f64 = 10.0;
/// Seconds that any sleep is at most.
pub const BACKOFF_CAP: f64 = 3600.0;

/// A number from 0 to 1 that differs between items and attempts and is always the same for one.
pub(crate) fn jitter(id: &str, token: i64) -> f64 {
    let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let seed = id.as_bytes().iter().chain(&token.to_le_bytes()).fold(0xcbf2_9ce4_8422_2325, fnv);
    // The high bits of FNV differ too little between texts that are nearly equal.
    let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let bits = u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap_or(u32::MAX);
    f64::from(bits) / f64::from(u32::MAX)
}

/// The longest sleep after an attempt, as an expression over a row of `items`.
pub(crate) fn longest() -> String {
    // 10 s * 2^9 is above the cap.
    format!(
        "CASE WHEN attempts > 9 THEN {BACKOFF_CAP:?} \
         ELSE {BACKOFF_BASE:?} * (1 << CAST(CASE WHEN attempts > 1 THEN attempts - 1 ELSE 0 END AS \
         INTEGER)) END"
    )
}

#[cfg(test)]
mod tests {
    use super::jitter;

    #[test]
    fn jitter_is_spread_evenly_and_always_the_same() {
        let values: Vec<f64> =
            (0..1000).map(|n| jitter(&format!("item-{}", n / 10), n % 10)).collect();
        assert_eq!(values[500], jitter("item-50", 0));
        for tenth in 0..10 {
            let from = f64::from(tenth) / 10.0;
            let within = values.iter().filter(|v| (from..from + 0.1).contains(*v)).count();
            assert!((60..=140).contains(&within), "{tenth}: {within}");
        }
    }
}
