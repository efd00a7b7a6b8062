//! Change windows: when a fix may be carried out.

use globset::{Glob, GlobSet, GlobSetBuilder};
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::Deserialize;

/// A window as the configuration writes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Namespaces that it is for, as globs; all when empty.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// Days on which it opens; every day when empty.
    #[serde(default)]
    pub days: Vec<Day>,
    /// When it opens, as `HH:MM`.
    pub from: String,
    /// When it closes, as `HH:MM`; on the next day when that is not later than `from`.
    pub to: String,
    /// Time zone, such as `Europe/Berlin`.
    #[serde(default = "utc")]
    pub zone: String,
    /// Whether items with a known exploited vulnerability need not wait for it.
    #[serde(default)]
    pub exploited_at_any_time: bool,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Day {
    fn weekday(self) -> Weekday {
        match self {
            Self::Mon => Weekday::Monday,
            Self::Tue => Weekday::Tuesday,
            Self::Wed => Weekday::Wednesday,
            Self::Thu => Weekday::Thursday,
            Self::Fri => Weekday::Friday,
            Self::Sat => Weekday::Saturday,
            Self::Sun => Weekday::Sunday,
        }
    }
}

/// A window that does not say when it opens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("change window {number}: `{value}` is not {expected}")]
pub struct WindowError {
    /// Which window, from 1.
    number: usize,
    value: String,
    expected: &'static str,
}

/// All windows of a configuration.
#[derive(Debug, Clone, Default)]
pub struct Windows(Vec<Known>);

#[derive(Debug, Clone)]
struct Known {
    /// `None` for all.
    namespaces: Option<GlobSet>,
    days: Vec<Weekday>,
    from: Time,
    to: Time,
    zone: TimeZone,
    exploited_at_any_time: bool,
}

impl Windows {
    /// Reads the times, zones and globs.
    ///
    /// # Errors
    /// The first that is none.
    pub fn new(windows: &[Window]) -> Result<Self, WindowError> {
        let known = windows.iter().enumerate().map(|(index, window)| Known::new(index + 1, window));
        known.collect::<Result<_, _>>().map(Self)
    }

    /// When an item may be worked on, at `at` or later, both Unix seconds. An item that no window
    /// is for may be worked on at any time; one that several are for, in any of them.
    pub fn opens(&self, namespace: &str, kev: bool, at: f64) -> f64 {
        let fitting = self.0.iter().filter(|window| window.is_for(namespace));
        let opens = fitting.map(|window| window.opens(kev, at)).min_by(f64::total_cmp);
        opens.unwrap_or(at)
    }
}

impl Known {
    fn new(number: usize, window: &Window) -> Result<Self, WindowError> {
        let wrong =
            |value: &str, expected| WindowError { number, value: value.to_owned(), expected };
        let time = |text: &str| {
            Time::strptime("%H:%M", text).map_err(|_| wrong(text, "a time of day; write HH:MM"))
        };
        let mut globs = GlobSetBuilder::new();
        for glob in &window.namespaces {
            globs.add(Glob::new(glob).map_err(|_| wrong(glob, "a glob of namespaces"))?);
        }
        let globs = globs.build().map_err(|_| wrong("namespaces", "a set of globs"))?;
        let zone = TimeZone::get(&window.zone)
            .map_err(|_| wrong(&window.zone, "a time zone; write one such as Europe/Berlin"))?;
        Ok(Self {
            namespaces: (!window.namespaces.is_empty()).then_some(globs),
            days: window.days.iter().map(|day| day.weekday()).collect(),
            from: time(&window.from)?,
            to: time(&window.to)?,
            zone,
            exploited_at_any_time: window.exploited_at_any_time,
        })
    }

    fn is_for(&self, namespace: &str) -> bool {
        self.namespaces.as_ref().is_none_or(|globs| globs.is_match(namespace))
    }

    fn opens(&self, kev: bool, at: f64) -> f64 {
        if kev && self.exploited_at_any_time {
            return at;
        }
        let Some(today) = self.day_of(at) else { return at };
        // From yesterday, whose window may last until today, to the same day of the next week.
        let spans = (-1..=8).filter_map(|days| self.span(today.checked_add(days.days()).ok()?));
        spans.filter(|(_, end)| *end > at).map(|(start, _)| start.max(at)).next().unwrap_or(at)
    }

    /// The day, in the window's zone.
    fn day_of(&self, at: f64) -> Option<Date> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole seconds; the library checks them"
        )]
        let seconds = at.floor() as i64;
        let now = Timestamp::from_second(seconds).ok()?;
        Some(now.to_zoned_datetime(self.zone.clone()).date())
    }

    /// Start and end of the window that opens on a day.
    fn span(&self, day: Date) -> Option<(f64, f64)> {
        if !self.days.is_empty() && !self.days.contains(&day.weekday()) {
            return None;
        }
        let last = if self.to > self.from { day } else { day.tomorrow().ok()? };
        let moment = |day: Date, time: Time| {
            let zoned = day.to_datetime(time).to_zoned_datetime(self.zone.clone()).ok()?;
            // Years of seconds are exact in 53 bits.
            #[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
            Some(zoned.timestamp().as_second() as f64)
        };
        Some((moment(day, self.from)?, moment(last, self.to)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(yaml: serde_json::Value) -> Windows {
        Windows::new(&serde_json::from_value::<Vec<Window>>(yaml).unwrap()).unwrap()
    }

    fn at(text: &str) -> f64 {
        text.parse::<Timestamp>().unwrap().as_second() as f64
    }

    #[test]
    fn a_window_opens_on_its_days_in_its_zone() {
        let windows = windows(serde_json::json!([
            { "days": ["mon", "thu"], "from": "09:00", "to": "16:30", "zone": "Europe/Berlin" }
        ]));
        let opens = |text: &str| windows.opens("shop", false, at(text));
        // Summer: two hours ahead; a Monday.
        assert_eq!(opens("2026-07-06T06:59:59Z"), at("2026-07-06T07:00:00Z"));
        assert_eq!(opens("2026-07-06T10:00:00Z"), at("2026-07-06T10:00:00Z"));
        assert_eq!(opens("2026-07-06T14:30:00Z"), at("2026-07-09T07:00:00Z"));
        // Winter: one hour ahead.
        assert_eq!(opens("2026-12-04T12:00:00Z"), at("2026-12-07T08:00:00Z"));
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_that_it_opens_on() {
        let windows =
            windows(serde_json::json!([{ "days": ["sat"], "from": "22:00", "to": "04:00" }]));
        let opens = |text: &str| windows.opens("", false, at(text));
        assert_eq!(opens("2026-07-05T03:59:00Z"), at("2026-07-05T03:59:00Z"));
        assert_eq!(opens("2026-07-05T04:00:00Z"), at("2026-07-11T22:00:00Z"));
    }

    #[test]
    fn the_night_on_which_clocks_change_has_its_window_too() {
        let night =
            serde_json::json!([{ "from": "02:30", "to": "03:30", "zone": "Europe/Berlin" }]);
        // 02:30 does not exist on this night.
        let opens = windows(night).opens("", false, at("2026-03-29T00:00:00Z"));
        assert_eq!(opens, at("2026-03-29T01:30:00Z"));
    }

    #[test]
    fn windows_are_for_their_namespaces_and_may_let_exploited_items_through() {
        let windows = windows(serde_json::json!([
            { "namespaces": ["prod-*"], "from": "01:00", "to": "02:00", "exploited_at_any_time": true },
            { "namespaces": ["prod-eu"], "from": "10:00", "to": "11:00" }
        ]));
        let noon = at("2026-07-06T09:00:00Z");
        assert_eq!(windows.opens("test", false, noon), noon);
        assert_eq!(windows.opens("prod-us", true, noon), noon);
        assert_eq!(windows.opens("prod-us", false, noon), at("2026-07-07T01:00:00Z"));
        assert_eq!(windows.opens("prod-eu", false, noon), at("2026-07-06T10:00:00Z"));
    }

    #[test]
    fn what_is_no_window_is_named() {
        for (window, text) in [
            (serde_json::json!({ "from": "9", "to": "10:00" }), "`9` is not a time of day"),
            (serde_json::json!({ "from": "09:00", "to": "25:00" }), "`25:00` is not"),
            (
                serde_json::json!({ "from": "09:00", "to": "10:00", "zone": "Mars" }),
                "`Mars` is not",
            ),
            (
                serde_json::json!({ "from": "09:00", "to": "10:00", "namespaces": ["["] }),
                "`[` is not",
            ),
        ] {
            let window: Window = serde_json::from_value(window).unwrap();
            let error = Windows::new(&[window]).unwrap_err().to_string();
            assert!(error.starts_with("change window 1: ") && error.contains(text), "{error}");
        }
    }
}
