use serde::Deserialize;
use std::fmt;
use std::str::FromStr;

/// A day of the Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// A text that is no date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no date; write a day that exists as YYYY-MM-DD")]
pub struct DateError(String);

/// From the first day of the year 1 to the last one of 1969.
const DAYS_BEFORE_1970: i64 = 719_162;

impl Date {
    /// The day, in UTC, of a moment in seconds since the Unix epoch.
    pub fn from_unix_seconds(seconds: u64) -> Self {
        let mut days = seconds / 86_400;
        let mut year = 1970;
        while days >= days_of_year(year) {
            days -= days_of_year(year);
            year += 1;
        }
        let mut month = 1;
        while days >= u64::from(days_of_month(year, month)) {
            days -= u64::from(days_of_month(year, month));
            month += 1;
        }
        // What is left is less than a month.
        Self { year, month, day: u8::try_from(days + 1).unwrap_or(1) }
    }

    /// The last second of the day, in UTC, as seconds since the Unix epoch; negative before it.
    pub fn end_in_unix_seconds(self) -> i64 {
        let year = i64::from(self.year) - 1;
        let before = year * 365 + year / 4 - year / 100 + year / 400;
        let months = (1..self.month).map(|month| i64::from(days_of_month(self.year, month)));
        let days = before + months.sum::<i64>() + i64::from(self.day);
        (days - DAYS_BEFORE_1970) * 86_400 - 1
    }
}

fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of_year(year: u16) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_of_month(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

impl FromStr for Date {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let date = || {
            let [year, month, day] = text.split('-').collect::<Vec<_>>().try_into().ok()?;
            let number = |digits: &str, length: usize| {
                let plain = digits.len() == length && digits.bytes().all(|b| b.is_ascii_digit());
                plain.then(|| digits.parse::<u16>().ok())?
            };
            let year = number(year, 4)?;
            let month = u8::try_from(number(month, 2)?).ok()?;
            let day = u8::try_from(number(day, 2)?).ok()?;
            let exists =
                (1..=12).contains(&month) && (1..=days_of_month(year, month)).contains(&day);
            exists.then_some(Self { year, month, day })
        };
        date().ok_or_else(|| DateError(text.to_owned()))
    }
}

impl TryFrom<String> for Date {
    type Error = DateError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::Date;

    #[test]
    fn days_that_exist_are_read_and_written() {
        for text in ["2026-01-01", "2024-02-29", "2000-02-29", "0001-12-31"] {
            assert_eq!(text.parse::<Date>().unwrap().to_string(), text);
        }
        for text in ["", "2026-1-1", "2026-13-01", "2026-02-29", "1900-02-29", "2026-04-31"] {
            text.parse::<Date>().unwrap_err();
        }
        for text in ["2026-00-10", "2026-01-00", "+026-01-01", "2026-01-01Z", "20260101", "soon"] {
            text.parse::<Date>().unwrap_err();
        }
    }

    #[test]
    fn moments_become_days() {
        let day = |seconds| Date::from_unix_seconds(seconds).to_string();
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(86_399), "1970-01-01");
        assert_eq!(day(951_782_400), "2000-02-29");
        assert_eq!(day(951_868_800), "2000-03-01");
        assert_eq!(day(1_798_761_599), "2026-12-31");
        assert_eq!(day(1_798_761_600), "2027-01-01");
    }

    #[test]
    fn days_end_with_their_last_second() {
        let end = |text: &str| text.parse::<Date>().unwrap().end_in_unix_seconds();
        assert_eq!(end("1970-01-01"), 86_399);
        assert_eq!(end("1969-12-31"), -1);
        for seconds in (0..4_200_000_000).step_by(86_400 * 13) {
            let day = Date::from_unix_seconds(seconds);
            let end = u64::try_from(day.end_in_unix_seconds()).unwrap();
            assert!(seconds <= end && end < seconds + 86_400, "{day}");
            assert_eq!(Date::from_unix_seconds(end), day);
            assert!(Date::from_unix_seconds(end + 1) > day);
        }
    }

    #[test]
    fn later_is_greater() {
        let date = |text: &str| text.parse::<Date>().unwrap();
        assert!(date("2026-12-31") < date("2027-01-01"));
        assert!(date("2026-02-09") < date("2026-02-10"));
    }
}
