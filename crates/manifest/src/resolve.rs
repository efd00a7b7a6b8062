//! What a scalar means to Kubernetes.
//!
//! The API server's clients read YAML 1.1 with go-yaml v2; these are its rules, followed by the
//! narrower question of which strings may be written without quotes.

use crate::tree::Kind;

/// The value of a resolved scalar that is not a string.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    /// Only values above `i64::MAX`.
    Uint(u64),
    Float(f64),
    Str,
}

impl Scalar {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Scalar::Null => Kind::Null,
            Scalar::Bool(_) => Kind::Bool,
            Scalar::Int(_) | Scalar::Uint(_) => Kind::Int,
            Scalar::Float(_) => Kind::Float,
            Scalar::Str => Kind::Str,
        }
    }
}

/// Resolves a plain, untagged scalar.
pub(crate) fn plain(text: &str) -> Scalar {
    let Some(&first) = text.as_bytes().first() else { return Scalar::Null };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => word(text),
        b'0'..=b'9' | b'-' | b'+' => number(text),
        b'.' => dotted(text),
        _ => Scalar::Str,
    }
}

fn word(text: &str) -> Scalar {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Scalar::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Scalar::Bool(false)
        }
        "~" | "null" | "Null" | "NULL" => Scalar::Null,
        _ => Scalar::Str,
    }
}

fn dotted(text: &str) -> Scalar {
    match text {
        ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" => Scalar::Float(f64::INFINITY),
        _ => float(text),
    }
}

fn number(text: &str) -> Scalar {
    match text {
        "+.inf" | "+.Inf" | "+.INF" => return Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        _ => {}
    }
    // Nothing longer can be a number that matters, and most strings end here.
    if text.len() > 1 && !text.as_bytes()[1..].iter().all(|&b| number_byte(b)) {
        return Scalar::Str;
    }
    if text.contains('_') {
        let stripped = text.replace('_', "");
        return number_without_underscores(&stripped);
    }
    number_without_underscores(text)
}

fn number_byte(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
        || matches!(byte, b'_' | b'.' | b'-' | b'+' | b'x' | b'X' | b'o' | b'O')
}

fn number_without_underscores(text: &str) -> Scalar {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    match integer(digits) {
        Some(value) if !negative && value <= i64::MAX as u64 => Scalar::Int(value.cast_signed()),
        // A sign in front of a number that only fits unsigned is no integer to Go.
        Some(value) if !negative && !text.starts_with('+') => Scalar::Uint(value),
        Some(value) if negative && value <= i64::MIN.unsigned_abs() => {
            Scalar::Int(value.wrapping_neg().cast_signed())
        }
        _ => float(text),
    }
}

fn integer(digits: &str) -> Option<u64> {
    let bytes = digits.as_bytes();
    let (radix, body) = match bytes {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if body.starts_with(['+', '-']) {
        return None;
    }
    u64::from_str_radix(body, radix).ok()
}

fn float(text: &str) -> Scalar {
    if !float_syntax(text) {
        return Scalar::Str;
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Scalar::Float(value),
        _ => Scalar::Str,
    }
}

/// `[-+]? ( .d+ | d+ (. d*)? ) ([eE] [-+]? d+)?`
fn float_syntax(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    };
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let whole = digits(sign);
    let mut at = whole;
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1);
        if whole == sign && at == whole + 1 {
            return false;
        }
    } else if whole == sign {
        return false;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let start = at + 1 + sign;
        at = digits(start);
        if at == start {
            return false;
        }
    }
    at == bytes.len()
}

/// A scalar with an explicit tag of the YAML core; `None` when the text does not fit the tag.
pub(crate) fn tagged(suffix: &str, text: &str) -> Option<Scalar> {
    let value = plain(text);
    match (suffix, value) {
        ("bool", Scalar::Bool(_))
        | ("int", Scalar::Int(_) | Scalar::Uint(_))
        | ("float", Scalar::Float(_))
        | ("null", Scalar::Null) => Some(value),
        ("float", Scalar::Int(int)) => Some(Scalar::Float(int as f64)),
        ("bool" | "int" | "float" | "null", _) => None,
        _ => Some(Scalar::Str),
    }
}

/// How a key that is not a string is spelled once it is a JSON key; `None` when it cannot be one.
pub(crate) fn key_text(value: Scalar) -> Option<String> {
    match value {
        Scalar::Null | Scalar::Str => None,
        Scalar::Bool(value) => Some(value.to_string()),
        Scalar::Int(value) => Some(value.to_string()),
        // Go has no conversion for a key of this type.
        Scalar::Uint(_) => None,
        Scalar::Float(value) => Some(go_float32(value)),
    }
}

/// `strconv.FormatFloat(value, 'g', -1, 32)`.
fn go_float32(value: f64) -> String {
    if value.is_nan() {
        return ".nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let shortest = format!("{:e}", value as f32);
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    // Go switches to an exponent below -4 and from 21 digits on.
    if (-4..21).contains(&exponent) {
        return format!("{}", value as f32);
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// Whether a string may be written without quotes: every reader, YAML 1.1 or 1.2, must give the
/// same string back.
pub(crate) fn plain_is_safe(text: &str, flow: bool) -> bool {
    syntax_is_safe(text, flow) && plain(text) == Scalar::Str && !other_reading(text)
}

fn syntax_is_safe(text: &str, flow: bool) -> bool {
    let Some(first) = text.chars().next() else { return false };
    if text.starts_with("---") || text.starts_with("...") || text.ends_with(':') {
        return false;
    }
    let second_is_text = text[first.len_utf8()..].starts_with(|c: char| c.is_ascii_graphic());
    let first_is_safe = match first {
        '-' | '?' | ':' => second_is_text && !flow,
        _ => !"#,[]{}&*!|>'\"%@`=".contains(first),
    };
    first_is_safe
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with(' ')
        && first != ' '
        && text.chars().all(printable)
        && !(flow && text.contains([',', '[', ']', '{', '}', ':', '#']) && !flow_text_is_safe(text))
}

fn flow_text_is_safe(text: &str) -> bool {
    !text.contains([',', '[', ']', '{', '}', '"', '\''])
}

/// A character that needs no escape, in any style, for any reader.
pub(crate) fn printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
        && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// Readings of other YAML versions and of readers that go-yaml v2 does not share.
fn other_reading(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    if matches!(&*lower, "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null" | "<<")
    {
        return true;
    }
    let body = lower.trim_start_matches(['-', '+']);
    if !body.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return false;
    }
    // Octal, hexadecimal, base 60 and dates: digits and separators only.
    let base60_or_date = body.bytes().all(|b| b.is_ascii_digit() || b":.-_tz+ ".contains(&b))
        && (body.contains(':') || looks_like_date(body));
    base60_or_date
        || float_syntax(&body.replace('_', ""))
        || body.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
        || body.strip_prefix("0o").is_some_and(|oct| oct.bytes().all(|b| b.is_ascii_digit()))
        || body.strip_prefix("0b").is_some_and(|bin| bin.bytes().all(|b| matches!(b, b'0' | b'1')))
        || matches!(body, ".inf" | ".nan")
}

fn looks_like_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 8 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_words_and_numbers_as_kubernetes_does() {
        assert_eq!(plain("y"), Scalar::Bool(true));
        assert_eq!(plain("Off"), Scalar::Bool(false));
        assert_eq!(plain(""), Scalar::Null);
        assert_eq!(plain("0755"), Scalar::Int(493));
        assert_eq!(plain("0o755"), Scalar::Int(493));
        assert_eq!(plain("08"), Scalar::Float(8.0));
        assert_eq!(plain("1_000"), Scalar::Int(1000));
        assert_eq!(plain("-0b11"), Scalar::Int(-3));
        assert_eq!(plain("-9223372036854775808"), Scalar::Int(i64::MIN));
        assert_eq!(plain("18446744073709551615"), Scalar::Uint(u64::MAX));
        assert_eq!(plain("1e400"), Scalar::Str);
        assert_eq!(plain("2001-01-01"), Scalar::Str);
        assert_eq!(plain("1:30"), Scalar::Str);
        assert_eq!(plain("-"), Scalar::Str);
        assert_eq!(plain("1.2.3"), Scalar::Str);
        assert_eq!(plain("+.5"), Scalar::Float(0.5));
    }

    #[test]
    fn writes_plain_only_what_every_reader_agrees_on() {
        for text in ["nginx:1.27", "128Mi", "10m", "--v=2", "127.0.0.1", "a b", "żółć", "/x", "nul"]
        {
            assert!(plain_is_safe(text, false), "{text}");
        }
        let quoted = [
            "y",
            "0644",
            "1.27",
            "a: b",
            "a #b",
            "",
            " a",
            "a ",
            "-",
            "- a",
            "1:30",
            "2001-01-01",
            "=",
            "yES",
            "0x1F",
            "1_000",
            "*a",
            "---",
            "a:",
            "a\tb",
            "a\u{85}b",
            "1e3",
            "~",
            "nULL",
            "#a",
        ];
        for text in quoted {
            assert!(!plain_is_safe(text, false), "{text}");
        }
        assert!(plain_is_safe("nginx:1.27", true));
        assert!(!plain_is_safe("a,b", true));
    }

    #[test]
    fn spells_float_keys_as_go_does() {
        assert_eq!(go_float32(1.5), "1.5");
        assert_eq!(go_float32(1e21), "1e+21");
        assert_eq!(go_float32(0.00001), "1e-05");
        assert_eq!(go_float32(3.0), "3");
    }
}
