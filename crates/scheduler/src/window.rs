//! Change windows and freezes: when a fix may be carried out.

use globset::{Glob, GlobSet, GlobSetBuilder};
use jiff::civil::{Date, DateTime, Time, Weekday};
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

/// A time in which nothing is changed, as the configuration writes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// Namespaces that it is for, as globs; all when empty.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// When it begins, as `YYYY-MM-DDTHH:MM`.
    pub from: String,
    /// When it ends, in the same form; not before `from`.
    pub to: String,
    /// Time zone, such as `Europe/Berlin`.
    #[serde(default = "utc")]
    pub zone: String,
    /// Why, for people.
    #[serde(default)]
    pub reason: String,
    /// Whether items with a known exploited vulnerability are changed all the same.
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

/// A window or freeze that does not say when it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {number}: `{value}` is not {expected}")]
pub struct WindowError {
    what: &'static str,
    /// Which one, from 1.
    number: usize,
    value: String,
    expected: &'static str,
}

/// Windows or freezes that follow each other before an item counts as never open.
const CHANGES: usize = 64;

/// All windows and freezes of a configuration.
#[derive(Debug, Clone, Default)]
pub struct Windows {
    windows: Vec<Known>,
    freezes: Vec<Frozen>,
}

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

#[derive(Debug, Clone)]
struct Frozen {
    namespaces: Option<GlobSet>,
    /// Unix seconds.
    from: f64,
    to: f64,
    reason: String,
    exploited_at_any_time: bool,
}

impl Windows {
    /// Reads the times, zones and globs.
    ///
    /// # Errors
    /// The first that is none.
    pub fn new(windows: &[Window], freezes: &[Freeze]) -> Result<Self, WindowError> {
        let windows =
            windows.iter().enumerate().map(|(index, window)| Known::new(index + 1, window));
        let freezes =
            freezes.iter().enumerate().map(|(index, freeze)| Frozen::new(index + 1, freeze));
        Ok(Self {
            windows: windows.collect::<Result<_, _>>()?,
            freezes: freezes.collect::<Result<_, _>>()?,
        })
    }

    /// When an item may be worked on, at `at` or later, both Unix seconds. An item that no window
    /// is for may be worked on at any time but in a freeze; one that several are for, in any of
    /// them. Infinite when freezes leave no time within reach.
    pub fn opens(&self, namespace: &str, kev: bool, at: f64) -> f64 {
        let mut at = at;
        for _ in 0..CHANGES {
            let fitting = self.windows.iter().filter(|window| holds(&window.namespaces, namespace));
            let opens = fitting.map(|window| window.opens(kev, at)).min_by(f64::total_cmp);
            let open = opens.unwrap_or(at);
            match self.frozen(namespace, kev, open) {
                None => return open,
                Some(freeze) => at = freeze.to,
            }
        }
        f64::INFINITY
    }

    /// Why an item is frozen at a time, as the configuration says it; `None` when it is not.
    pub fn freeze(&self, namespace: &str, kev: bool, at: f64) -> Option<&str> {
        self.frozen(namespace, kev, at).map(|freeze| freeze.reason.as_str())
    }

    fn frozen(&self, namespace: &str, kev: bool, at: f64) -> Option<&Frozen> {
        self.freezes.iter().find(|freeze| {
            holds(&freeze.namespaces, namespace)
                && !(kev && freeze.exploited_at_any_time)
                && (freeze.from..freeze.to).contains(&at)
        })
    }
}

fn holds(namespaces: &Option<GlobSet>, namespace: &str) -> bool {
    namespaces.as_ref().is_none_or(|globs| globs.is_match(namespace))
}

/// Says what is wrong with a value.
type Wrong<'a> = &'a dyn Fn(&str, &'static str) -> WindowError;

/// `None` when there are none, which means all.
fn globs(namespaces: &[String], wrong: Wrong<'_>) -> Result<Option<GlobSet>, WindowError> {
    let mut globs = GlobSetBuilder::new();
    for glob in namespaces {
        globs.add(Glob::new(glob).map_err(|_| wrong(glob, "a glob of namespaces"))?);
    }
    let globs = globs.build().map_err(|_| wrong("namespaces", "a set of globs"))?;
    Ok((!namespaces.is_empty()).then_some(globs))
}

fn zone(name: &str, wrong: Wrong<'_>) -> Result<TimeZone, WindowError> {
    TimeZone::get(name).map_err(|_| wrong(name, "a time zone; write one such as Europe/Berlin"))
}

impl Frozen {
    fn new(number: usize, freeze: &Freeze) -> Result<Self, WindowError> {
        let what = "freeze";
        let wrong =
            |value: &str, expected| WindowError { what, number, value: value.to_owned(), expected };
        let zone = zone(&freeze.zone, &wrong)?;
        let moment = |text: &str| {
            let time = DateTime::strptime("%Y-%m-%dT%H:%M", text).ok();
            let zoned = time.and_then(|time| time.to_zoned_datetime(zone.clone()).ok());
            // Years of seconds are exact in 53 bits.
            #[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
            let seconds = zoned.map(|zoned| zoned.timestamp().as_second() as f64);
            seconds.ok_or_else(|| wrong(text, "a day and time; write YYYY-MM-DDTHH:MM"))
        };
        let (from, to) = (moment(&freeze.from)?, moment(&freeze.to)?);
        if to < from {
            return Err(wrong(&freeze.to, "an end that comes after its begin"));
        }
        let reason = match freeze.reason.is_empty() {
            true => format!("from {} to {} ({})", freeze.from, freeze.to, freeze.zone),
            false => freeze.reason.clone(),
        };
        Ok(Self {
            namespaces: globs(&freeze.namespaces, &wrong)?,
            from,
            to,
            reason,
            exploited_at_any_time: freeze.exploited_at_any_time,
        })
    }
}

impl Known {
    fn new(number: usize, window: &Window) -> Result<Self, WindowError> {
        let what = "change window";
        let wrong =
            |value: &str, expected| WindowError { what, number, value: value.to_owned(), expected };
        let time = |text: &str| {
            Time::strptime("%H:%M", text).map_err(|_| wrong(text, "a time of day; write HH:MM"))
        };
        Ok(Self {
            namespaces: globs(&window.namespaces, &wrong)?,
            days: window.days.iter().map(|day| day.weekday()).collect(),
            from: time(&window.from)?,
            to: time(&window.to)?,
            zone: zone(&window.zone, &wrong)?,
            exploited_at_any_time: window.exploited_at_any_time,
        })
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
        Windows::new(&serde_json::from_value::<Vec<Window>>(yaml).unwrap(), &[]).unwrap()
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
    fn a_freeze_closes_windows_and_says_why() {
        let windows: Vec<Window> =
            serde_json::from_value(serde_json::json!([{ "from": "20:00", "to": "22:00" }]))
                .unwrap();
        let freezes: Vec<Freeze> = serde_json::from_value(serde_json::json!([
            { "namespaces": ["shop"], "from": "2026-12-18T12:00", "to": "2027-01-04T08:00",
              "zone": "Europe/Berlin", "reason": "the sale", "exploited_at_any_time": true }
        ]))
        .unwrap();
        let windows = Windows::new(&windows, &freezes).unwrap();
        let christmas = at("2026-12-24T12:00:00Z");
        assert_eq!(windows.opens("shop", false, christmas), at("2027-01-04T20:00:00Z"));
        assert_eq!(windows.opens("shop", true, christmas), at("2026-12-24T20:00:00Z"));
        assert_eq!(windows.opens("test", false, christmas), at("2026-12-24T20:00:00Z"));
        assert_eq!(windows.freeze("shop", false, christmas), Some("the sale"));
        // Noon in Berlin is eleven o'clock in UTC.
        assert_eq!(windows.freeze("shop", false, at("2026-12-18T10:59:00Z")), None);
        let backwards = Freeze { to: "2026-12-01T00:00".to_owned(), ..freezes[0].clone() };
        let error = Windows::new(&[], &[backwards]).unwrap_err().to_string();
        assert!(error.starts_with("freeze 1: `2026-12-01T00:00` is not an end"), "{error}");
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
            let error = Windows::new(&[window], &[]).unwrap_err().to_string();
            assert!(error.starts_with("change window 1: ") && error.contains(text), "{error}");
        }
    }
}
