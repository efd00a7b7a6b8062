//! A number of pods, or a percentage of them.

use manifest::Node;

/// A number or a percentage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// So many.
    Count(i64),
    /// So many of a hundred.
    Percent(i64),
}

impl Share {
    /// Reads a field that may hold either. A text without a percent sign is neither.
    pub(crate) fn of(node: Node<'_>) -> Option<Self> {
        match node.as_str() {
            Some(text) => percent(text),
            None => node.as_i64().map(Self::Count),
        }
    }

    /// Reads a text that may hold either.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        percent(text).or_else(|| text.parse().ok().map(Self::Count))
    }

    /// How many of `total` it stands for; parts of one count as one.
    pub(crate) fn rounded_up(self, total: i64) -> i64 {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => {
                let hundredths = percent.saturating_mul(total);
                hundredths / 100 + i64::from(hundredths % 100 > 0)
            }
        }
    }

    /// Whether it stands for nothing, whatever the total.
    pub(crate) fn is_nothing(self) -> bool {
        self.digits() <= 0
    }

    /// Whether it is a percentage.
    pub(crate) fn is_percent(self) -> bool {
        matches!(self, Self::Percent(_))
    }

    /// The number as written, without the percent sign.
    pub(crate) fn digits(self) -> i64 {
        match self {
            Self::Count(number) | Self::Percent(number) => number,
        }
    }
}

fn percent(text: &str) -> Option<Share> {
    let digits = text.strip_suffix('%')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number).map(Share::Percent)
}

#[cfg(test)]
mod tests {
    use super::Share;

    #[test]
    fn parts_of_a_pod_count_as_one() {
        assert_eq!(Share::parse("50%").map(|share| share.rounded_up(3)), Some(2));
        assert_eq!(Share::parse("100%").map(|share| share.rounded_up(3)), Some(3));
        assert_eq!(Share::parse("2").map(|share| share.rounded_up(9)), Some(2));
    }

    #[test]
    fn other_texts_are_no_share() {
        for text in ["", "%", "-5%", "half", "5 %"] {
            assert_eq!(Share::parse(text), None, "{text}");
        }
    }
}
