//! Zones, dates and durations of schedules.

use super::text::{FromText, has_form};
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use time::OffsetDateTime;

/// The greatest number of dates and intervals that one schedule skips.
pub const MAX_SKIP_INTERVALS: usize = 100;

/// A time zone of the IANA database. The data is part of the package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeZoneName {
    name: String,
    zone: TimeZone,
}

impl TimeZoneName {
    /// Looks up a zone. Case does not count; the result has the database's spelling.
    pub fn parse(text: &str) -> Option<Self> {
        let zone = TimeZoneDatabase::bundled().get(text).ok()?;
        let name = zone.iana_name().filter(|_| !zone.is_unknown())?.to_owned();
        Some(Self { name, zone })
    }

    /// The name in the database's spelling.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The rules of the zone.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The date in the zone at this time.
    pub fn date(&self, time: Timestamp) -> Date {
        self.zone.to_datetime(time).date()
    }
}

impl FromText for TimeZoneName {
    const PATTERN: &'static str = "^[A-Za-z0-9_+/-]+$";
    const EXPECTED: &'static str = "a time zone of the IANA database, such as Europe/Berlin";
    const EXAMPLE: &'static str = "Europe/Berlin";
    const MAX_LEN: usize = 50;

    fn from_text(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

/// A date in the one form `YYYY-MM-DD`.
pub(super) fn parse_date(text: &str) -> Option<Date> {
    has_form(text, "0000-00-00").then(|| text.parse().ok()).flatten()
}

/// Whole days, from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateInterval {
    first: Date,
    last: Date,
}

impl DateInterval {
    /// Parses a date, or two with a slash between them.
    ///
    /// # Errors
    /// The problem in words. It completes the sentence that begins with the parameter's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once('/').unwrap_or((text, text));
        let (Some(first), Some(last)) = (parse_date(first), parse_date(last)) else {
            return Err("must be dates such as 2026-12-24, or intervals such as 2026-12-24/2026-12-26".to_owned());
        };
        if last < first {
            return Err("must not have an interval that ends before it begins".to_owned());
        }
        Ok(Self { first, last })
    }

    /// Whether the day is one of the interval.
    pub fn contains(&self, date: Date) -> bool {
        (self.first..=self.last).contains(&date)
    }
}

impl FromText for DateInterval {
    const PATTERN: &'static str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}(/[0-9]{4}-[0-9]{2}-[0-9]{2})?$";
    const EXPECTED: &'static str = "dates such as 2026-12-24, or intervals such as 2026-12-24/2026-12-26";
    const EXAMPLE: &'static str = "2026-12-24/2026-12-26";

    fn from_text(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl std::fmt::Display for DateInterval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.first == self.last { write!(f, "{}", self.first) } else { write!(f, "{}/{}", self.first, self.last) }
    }
}

/// The days on which nothing happens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SkippedDates(Vec<DateInterval>);

impl SkippedDates {
    /// Parses dates and intervals.
    ///
    /// # Errors
    /// The problem in words. It completes the sentence that begins with the parameter's name.
    pub fn parse<'a>(items: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut intervals = Vec::new();
        for item in items {
            if intervals.len() == MAX_SKIP_INTERVALS {
                return Err(format!("must have at most {MAX_SKIP_INTERVALS} dates and intervals"));
            }
            intervals.push(DateInterval::parse(item)?);
        }
        Ok(Self(intervals))
    }

    /// The intervals in the order in which they were given.
    pub fn intervals(&self) -> &[DateInterval] {
        &self.0
    }

    /// Whether the day is skipped.
    pub fn contains(&self, date: Date) -> bool {
        self.0.iter().any(|interval| interval.contains(date))
    }
}

/// The time as schedules count it, to the second.
pub fn timestamp(time: OffsetDateTime) -> Timestamp {
    Timestamp::from_second(time.unix_timestamp()).unwrap_or(Timestamp::MAX)
}

/// Parses a number of minutes, hours or days: `90m`, `8h`, `7d`.
pub fn parse_duration(text: &str) -> Option<SignedDuration> {
    let unit_at = text.len().checked_sub(1)?;
    let (number, unit) = (text.get(..unit_at)?, text.get(unit_at..)?);
    let ok = (1..=6).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    let number: i64 = ok.then(|| number.parse().ok()).flatten()?;
    let minutes = match unit {
        "m" => 1,
        "h" => 60,
        "d" => 24 * 60,
        _ => return None,
    };
    Some(SignedDuration::from_mins(number * minutes))
}

/// The time until an instance ends by itself: 5 minutes to 365 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime(SignedDuration);

impl Lifetime {
    /// The length of the time.
    pub fn duration(self) -> SignedDuration {
        self.0
    }
}

impl FromText for Lifetime {
    const PATTERN: &'static str = "^(([5-9]|[1-9][0-9]{1,4}|[1-4][0-9]{5}|5[01][0-9]{4}|52[0-4][0-9]{3}|525[0-5][0-9]{2}|525600)m|\
        ([1-9][0-9]{0,2}|[1-7][0-9]{3}|8[0-6][0-9]{2}|87[0-5][0-9]|8760)h|([1-9][0-9]?|[12][0-9]{2}|3[0-5][0-9]|36[0-5])d)$";
    const EXPECTED: &'static str = "a duration from 5 minutes to 365 days, such as 90m, 8h or 7d";
    const EXAMPLE: &'static str = "8h";

    fn from_text(text: &str) -> Option<Self> {
        let allowed = SignedDuration::from_mins(5)..=SignedDuration::from_hours(365 * 24);
        parse_duration(text).filter(|duration| allowed.contains(duration)).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_is_of_the_iana_database() {
        for (text, name) in [
            ("Europe/Berlin", "Europe/Berlin"),
            ("UTC", "UTC"),
            ("asia/kolkata", "Asia/Kolkata"),
            ("Etc/GMT+5", "Etc/GMT+5"),
        ] {
            assert_eq!(TimeZoneName::parse(text).unwrap().as_str(), name);
        }
        for text in ["", "Europe/Atlantis", "Berlin", "+01:00", "Europe/Berlin ", "../UTC", "Etc/Unknown", "CEST"] {
            assert_eq!(TimeZoneName::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn days_are_skipped_in_the_zone() {
        let skipped = SkippedDates::parse(["2026-12-24/2026-12-26", "2027-01-01"]).unwrap();
        let skips =
            |zone: &str, time: &str| skipped.contains(TimeZoneName::parse(zone).unwrap().date(time.parse().unwrap()));
        assert!(!skips("Europe/Berlin", "2026-12-23T22:59:59Z"));
        assert!(skips("Europe/Berlin", "2026-12-23T23:00:00Z"));
        assert!(!skips("UTC", "2026-12-23T23:00:00Z"));
        assert!(skips("Europe/Berlin", "2026-12-26T22:59:59Z"));
        assert!(!skips("Europe/Berlin", "2026-12-26T23:00:00Z"));
        assert!(skips("Pacific/Auckland", "2026-12-31T11:00:00Z"));
        let intervals: Vec<_> = skipped.intervals().iter().map(ToString::to_string).collect();
        assert_eq!(intervals, ["2026-12-24/2026-12-26", "2027-01-01"]);
    }

    #[test]
    fn err_skipped_dates() {
        for text in [
            "",
            "2026-02-29",
            "2026-1-1",
            "24.12.2026",
            "2026-12-24/",
            "/2026-12-24",
            "2026-12-24/2026-12-25/2026-12-26",
            "+002026-12-24",
        ] {
            assert!(DateInterval::parse(text).unwrap_err().starts_with("must be dates"), "{text:?}");
        }
        assert!(DateInterval::parse("2026-12-26/2026-12-24").unwrap_err().contains("ends before it begins"));
        assert!(SkippedDates::parse(["2026-12-24"; MAX_SKIP_INTERVALS]).is_ok());
        assert!(SkippedDates::parse(["2026-12-24"; MAX_SKIP_INTERVALS + 1]).is_err());
    }

    #[test]
    fn lifetime_is_5_minutes_to_365_days() {
        let pattern = regex_lite::Regex::new(Lifetime::PATTERN).unwrap();
        for (unit, count) in [("m", 525_700), ("h", 8_800), ("d", 400)] {
            for number in 0..count {
                let text = format!("{number}{unit}");
                assert_eq!(pattern.is_match(&text), Lifetime::from_text(&text).is_some(), "{text}");
            }
        }
        for (text, minutes) in
            [("5m", 5), ("90m", 90), ("8h", 480), ("7d", 10_080), ("365d", 525_600), ("525600m", 525_600)]
        {
            assert_eq!(Lifetime::from_text(text).unwrap().duration(), SignedDuration::from_mins(minutes));
        }
        for text in [
            "", "0", "0m", "4m", "366d", "525601m", "10y", "8H", "8 h", "-8h", "+8h", "1.5h", "h", "8", "9999999m",
            "8ü",
        ] {
            assert_eq!(Lifetime::from_text(text), None, "{text:?}");
        }
    }
}
