//! Kubernetes quantities (`100m`, `1.5Gi`, `2e3`), exactly.
//!
//! Grammar: `k8s.io/apimachinery/pkg/api/resource`, `Quantity`.

use manifest::{Kind, Node};
use std::cmp::Ordering;

/// A quantity, compared exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantity {
    /// Value in units of 10⁻⁹, rounded up as the API server rounds up beyond nano.
    nanos: i128,
}

impl Quantity {
    /// Nought.
    pub const ZERO: Self = Self { nanos: 0 };

    /// Reads a quantity from its text; `None` when it is not one or too large to be held.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('+').unwrap_or(text);
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return None;
        }
        let (base, exponent) = suffix_of(suffix)?;
        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        let mantissa: i128 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
        let scale = i32::try_from(fraction.len()).ok()?;
        let nanos = match base {
            10 => scale_ten(mantissa, exponent - scale + 9)?,
            _ => scale_ten(
                mantissa.checked_mul(1_i128.checked_shl(exponent.cast_unsigned())?)?,
                9 - scale,
            )?,
        };
        Some(Self { nanos: if negative { -nanos } else { nanos } })
    }

    /// Reads a quantity as the API server decodes it: a string or a number.
    pub fn of(node: Node<'_>) -> Option<Self> {
        match node.kind() {
            Kind::Str => Self::parse(node.as_str()?),
            Kind::Int | Kind::Float => Self::parse(&node.to_json().to_string()),
            _ => None,
        }
    }

    /// How many units of so many 10⁻⁹ it takes, rounded up.
    pub fn units(self, nanos_in_unit: i128) -> i128 {
        let whole = self.nanos.div_euclid(nanos_in_unit);
        whole + i128::from(self.nanos.rem_euclid(nanos_in_unit) != 0)
    }

    /// Whether it is nought.
    pub fn is_zero(self) -> bool {
        self.nanos == 0
    }

    /// Whether it is more than so many times another.
    pub fn exceeds(self, other: Self, times: f64) -> bool {
        self.nanos as f64 > other.nanos as f64 * times
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

/// Base (2 or 10) and exponent of a suffix.
fn suffix_of(suffix: &str) -> Option<(u32, i32)> {
    Some(match suffix {
        "" => (10, 0),
        "n" => (10, -9),
        "u" => (10, -6),
        "m" => (10, -3),
        "k" => (10, 3),
        "M" => (10, 6),
        "G" => (10, 9),
        "T" => (10, 12),
        "P" => (10, 15),
        "E" => (10, 18),
        "Ki" => (2, 10),
        "Mi" => (2, 20),
        "Gi" => (2, 30),
        "Ti" => (2, 40),
        "Pi" => (2, 50),
        "Ei" => (2, 60),
        _ => {
            let digits = suffix.strip_prefix(['e', 'E'])?;
            (10, digits.parse().ok().filter(|e: &i32| e.abs() <= 18)?)
        }
    })
}

/// `mantissa × 10^exponent`, away from nought when digits are lost.
fn scale_ten(mantissa: i128, exponent: i32) -> Option<i128> {
    let factor = 10_i128.checked_pow(exponent.unsigned_abs())?;
    if exponent >= 0 {
        return mantissa.checked_mul(factor);
    }
    Some(mantissa / factor + i128::from(mantissa % factor != 0))
}

#[cfg(test)]
mod tests {
    use super::Quantity;

    fn q(text: &str) -> Quantity {
        Quantity::parse(text).unwrap_or_else(|| unreachable!("{text} is a quantity"))
    }

    #[test]
    fn equal_values_in_different_words_are_equal() {
        for (a, b) in
            [("1", "1000m"), ("1Gi", "1024Mi"), ("0.5", "500m"), ("1e3", "1k"), ("1.5Gi", "1536Mi")]
        {
            assert_eq!(q(a), q(b), "{a} and {b}");
        }
    }

    #[test]
    fn order_is_by_value_not_by_text() {
        assert!(q("900m") < q("1"));
        assert!(q("1G") < q("1Gi"));
        assert!(q("-1") < q("0"));
    }

    #[test]
    fn what_the_server_refuses_is_no_quantity() {
        for text in ["", "abc", "1.2.3", "1 Gi", "1gi", "Mi", "1e", "--1"] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }

    #[test]
    fn units_round_up() {
        assert_eq!(q("0.0001").units(1_000_000), 1);
        assert_eq!(q("250m").units(1_000_000), 250);
        assert_eq!(q("-1.5").units(1_000_000_000), -1);
    }

    #[test]
    fn less_than_a_nano_rounds_up() {
        assert!(!q("0.0000000001").is_zero());
        assert!(q("0.000").is_zero());
    }
}
