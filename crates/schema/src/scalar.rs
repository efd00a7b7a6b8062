//! Strings that the API server parses while it decodes: quantities, times, base64.

/// Names of our formats in the converted schemas. A prefix keeps them apart from the formats of
/// JSON Schema, which are near to these but not the same.
pub(crate) const QUANTITY: &str = "k8s-quantity";
pub(crate) const TIME: &str = "k8s-time";
pub(crate) const BYTE: &str = "k8s-byte";

const SUFFIXES: [&str; 16] =
    ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// A resource quantity: sign, decimal number, then a decimal or binary suffix or an exponent.
pub(crate) fn is_quantity(text: &str) -> bool {
    let text = text.trim();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, rest) = split_digits(unsigned);
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => split_digits(rest),
        None => ("", rest),
    };
    let has_digit = !whole.is_empty() || !fraction.is_empty();
    has_digit && (SUFFIXES.contains(&suffix) || is_exponent(suffix))
}

fn is_exponent(suffix: &str) -> bool {
    let Some(rest) = suffix.strip_prefix(['e', 'E']) else { return false };
    let digits = rest.strip_prefix(['+', '-']).unwrap_or(rest);
    !digits.is_empty() && all_digits(digits)
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A time as Go's RFC 3339 layout reads it: upper-case `T` and `Z`, a zone is required.
pub fn is_time(text: &str) -> bool {
    let Some((date, time)) = text.split_once('T') else { return false };
    is_date(date) && is_clock_with_zone(time)
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    let (Some(year), Some(month)) = (number(year, 4), number(month, 2)) else { return false };
    let longest = match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    number(day, 2).is_some_and(|day| (1..=longest).contains(&day))
}

fn is_clock_with_zone(text: &str) -> bool {
    let Some(at) = text.find(['Z', '+', '-']) else { return false };
    let (clock, zone) = text.split_at(at);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let zone_is_valid = zone == "Z" || zone.get(1..).is_some_and(|zone| is_clock(zone, &[24, 60]));
    let fraction_is_valid = !fraction.is_empty() && all_digits(fraction);
    is_clock(clock, &[23, 59, 59]) && fraction_is_valid && zone_is_valid
}

fn is_clock(text: &str, limits: &[u32]) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let within = |(part, limit): (&&str, &u32)| number(part, 2).is_some_and(|n| n <= *limit);
    parts.len() == limits.len() && parts.iter().zip(limits).all(within)
}

fn number(text: &str, digits: usize) -> Option<u32> {
    if text.len() != digits || !all_digits(text) {
        return None;
    }
    text.parse().ok()
}

/// Standard base64 with padding; line breaks are skipped, as Go's decoder does.
pub fn is_base64(text: &str) -> bool {
    let bytes: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let padding = bytes.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = bytes.iter().take(bytes.len() - padding);
    let known = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    bytes.len().is_multiple_of(4) && padding <= 2 && body.clone().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities() {
        for good in
            ["0", "1", "-1", "+1.5", "1.", ".5", "500m", "1Gi", "1e3", "1E-3", "2E", " 1Ki "]
        {
            assert!(is_quantity(good), "{good}");
        }
        for bad in ["", "Mi", ".", "1 Gi", "1gb", "1GB", "1K", "1e", "1mi", "1.2.3", "one"] {
            assert!(!is_quantity(bad), "{bad}");
        }
    }

    #[test]
    fn times() {
        for good in ["2024-02-29T23:59:59Z", "2024-01-01T00:00:00.123456+02:00"] {
            assert!(is_time(good), "{good}");
        }
        for bad in [
            "",
            "2024-01-01",
            "2023-02-29T00:00:00Z",
            "2024-01-01T00:00:00",
            "2024-01-01t00:00:00z",
            "2024-01-01T24:00:00Z",
        ] {
            assert!(!is_time(bad), "{bad}");
        }
    }

    #[test]
    fn base64() {
        for good in ["", "Zm9v", "Zm8=", "Zg==", "Zm9v\nZg=="] {
            assert!(is_base64(good), "{good}");
        }
        for bad in ["Zm9", "Z===", "Zm=v", "pass word", "Zm9v_w=="] {
            assert!(!is_base64(bad), "{bad}");
        }
    }
}
