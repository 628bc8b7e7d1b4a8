//! When an action of a schedule happens: `HH:MM`, `cron(...)`, `rate(...)` or `at(...)`.

use super::schedule_cron::{self, WEEKDAYS};
use super::schedule_dates::TimeZoneName;
use super::text::has_form;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};

/// The greatest length of an expression. Scheduler allows 256 characters.
const MAX_EXPRESSION_LEN: usize = 256;

/// A schedule expression as EventBridge Scheduler takes it
/// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// Six fields.
    Cron(String),
    /// A number and a unit.
    Rate(String),
    /// Once, at a local time of the schedule's zone.
    At(DateTime),
}

/// The days of the week of the actions that are written as `HH:MM`: words of three letters and
/// ranges of them, such as `MON-FRI` or `MON,WED,SAT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Days(String);

impl Days {
    /// Parses the days. The result is the text as given: it becomes a field of a cron expression.
    ///
    /// # Errors
    /// The problem in words. It completes the sentence that begins with the parameter's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let ok = text.len() <= 64
            && text.split(',').all(|item| match item.split_once('-') {
                Some((first, last)) => WEEKDAYS.contains(&first) && WEEKDAYS.contains(&last),
                None => WEEKDAYS.contains(&item),
            });
        if ok { Ok(Self(text.to_owned())) } else { Err("must be days such as MON-FRI or MON,WED,SAT".to_owned()) }
    }

    /// The days as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Expression {
    /// Parses an expression. A time `HH:MM` becomes a cron expression on `days`, or on every day.
    ///
    /// # Errors
    /// The problem in words. It completes the sentence that begins with the parameter's name.
    pub fn parse(text: &str, days: Option<&Days>) -> Result<Self, String> {
        if text.len() > MAX_EXPRESSION_LEN {
            return Err(format!("must have at most {MAX_EXPRESSION_LEN} characters"));
        }
        let argument = |function: &str| text.strip_prefix(function)?.strip_prefix('(')?.strip_suffix(')');
        if let Some(fields) = argument("cron") {
            return schedule_cron::check(fields).map(Self::Cron);
        }
        if let Some(rate) = argument("rate") {
            return rate_of(rate).map(Self::Rate);
        }
        if let Some(time) = argument("at") {
            let time = local_time(time).ok_or("must be a time that exists, such as at(2026-12-24T18:00:00)")?;
            return Ok(Self::At(time));
        }
        let (hour, minute) = time_of_day(text)
            .ok_or("must be a time such as 08:00, or cron(...), rate(...) or at(...) of EventBridge Scheduler")?;
        Ok(Self::Cron(match days {
            Some(days) => format!("{minute} {hour} ? * {} *", days.as_str()),
            None => format!("{minute} {hour} * * ? *"),
        }))
    }

    /// Whether the text is a time of day, to which `days` apply.
    pub fn is_time_of_day(text: &str) -> bool {
        time_of_day(text).is_some()
    }

    /// Whether it happens once.
    pub fn is_one_time(&self) -> bool {
        matches!(self, Self::At(_))
    }

    /// The day in the zone of what happens once.
    pub fn date(&self) -> Option<Date> {
        match self {
            Self::At(time) => Some(time.date()),
            Self::Cron(_) | Self::Rate(_) => None,
        }
    }

    /// Whether the only time has passed. A local time that comes twice, when clocks are set back,
    /// has passed after the second.
    pub fn has_passed(&self, zone: &TimeZoneName, now: Timestamp) -> bool {
        let Self::At(time) = self else { return false };
        zone.zone().to_ambiguous_timestamp(*time).later().is_ok_and(|time| time <= now)
    }

    /// Whether it can be what was planned for this time: an expression that happens once has its
    /// own minute, as exact as Scheduler is. A local time that comes twice is both times.
    pub fn can_be_planned_for(&self, zone: &TimeZoneName, planned: Timestamp) -> bool {
        let Self::At(time) = self else { return true };
        let time = zone.zone().to_ambiguous_timestamp(*time);
        let minute = |time: Timestamp| time.as_second().div_euclid(60);
        [time.earlier(), time.later()].into_iter().any(|time| time.is_ok_and(|time| minute(time) == minute(planned)))
    }
}

impl std::fmt::Display for Expression {
    /// Writes the expression as Scheduler takes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cron(fields) => write!(f, "cron({fields})"),
            Self::Rate(rate) => write!(f, "rate({rate})"),
            Self::At(time) => write!(f, "at({})", time.strftime("%Y-%m-%dT%H:%M:%S")),
        }
    }
}

/// The hour and the minute of `HH:MM`.
fn time_of_day(text: &str) -> Option<(u8, u8)> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, max| {
        let ok = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        ok.then(|| text.parse::<u8>().ok()).flatten().filter(|number| *number <= max)
    };
    Some((number(hour, 23)?, number(minute, 59)?))
}

/// Checks the text between the parentheses of `rate(...)`.
fn rate_of(text: &str) -> Result<String, String> {
    let problem = || "must be a positive number and a unit, such as rate(5 minutes)".to_owned();
    let (value, unit) = text.split_once(' ').ok_or_else(problem)?;
    let digits = (1..=9).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
    let value: u32 = digits.then(|| value.parse().ok()).flatten().filter(|value| *value > 0).ok_or_else(problem)?;
    let units = ["minute", "minutes", "hour", "hours", "day", "days"];
    if units.contains(&unit) { Ok(format!("{value} {unit}")) } else { Err(problem()) }
}

/// A local time in the one form that Scheduler takes: `yyyy-mm-ddThh:mm:ss`.
fn local_time(text: &str) -> Option<DateTime> {
    // A leap second is not a time of Scheduler; the parser would make it the second before.
    let leap_second = text.ends_with(":60");
    (has_form(text, "0000-00-00T00:00:00") && !leap_second).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, days: Option<&str>) -> Result<String, String> {
        let days = days.map(|days| Days::parse(days).unwrap());
        Expression::parse(text, days.as_ref()).map(|expression| expression.to_string())
    }

    #[test]
    fn time_of_day_becomes_a_cron_expression() {
        for (text, days, expression) in [
            ("19:05", Some("MON-FRI"), "cron(5 19 ? * MON-FRI *)"),
            ("19:05", None, "cron(5 19 * * ? *)"),
            ("00:00", Some("MON,WED,SAT"), "cron(0 0 ? * MON,WED,SAT *)"),
            ("23:59", Some("SUN,TUE-THU"), "cron(59 23 ? * SUN,TUE-THU *)"),
        ] {
            assert_eq!(parsed(text, days).as_deref(), Ok(expression));
        }
    }

    #[test]
    fn ok_expressions_of_scheduler_are_kept() {
        for text in [
            "cron(15 10 ? * 6L 2022-2023)",
            "rate(1 minute)",
            "rate(5 minutes)",
            "rate(1 hour)",
            "rate(12 hours)",
            "rate(5 days)",
            "at(2022-11-20T13:00:00)",
            "at(2028-02-29T23:59:59)",
        ] {
            assert_eq!(parsed(text, Some("MON")).as_deref(), Ok(text));
            assert!(!Expression::is_time_of_day(text));
        }
    }

    #[test]
    fn err_expressions() {
        for text in [
            "",
            "8",
            "8:00",
            "08:0",
            "25:00",
            "24:00",
            "08:60",
            "08:00:00",
            " 08:00",
            "+8:00",
            "08.00",
            "０８:00",
            "cron",
            "cron()",
            "cron(0 8 ? * MON-FRI)",
            "cron(0 8 * * ? *",
            "cron 0 8 * * ? *",
            "CRON(0 8 * * ? *)",
            "rate()",
            "rate(5)",
            "rate(0 minutes)",
            "rate(-1 minutes)",
            "rate(+1 minutes)",
            "rate(1.5 hours)",
            "rate(5  minutes)",
            "rate(5 seconds)",
            "rate(5 weeks)",
            "rate(5 Minutes)",
            "rate(9999999999 days)",
            "at()",
            "at(2026-12-24)",
            "at(2026-02-29T08:00:00)",
            "at(2026-13-01T08:00:00)",
            "at(2026-12-24T24:00:00)",
            "at(2026-12-24T08:00:60)",
            "at(2026-12-24T08:00)",
            "at(2026-12-24T08:00:00Z)",
            "at(2026-12-24 08:00:00)",
            "at(2026-12-24T08:00:00+01:00)",
            "at(now)",
            "<aws.scheduler.scheduled-time>",
        ] {
            assert!(parsed(text, None).is_err(), "{text:?}");
        }
        assert!(parsed(&format!("cron({} 8 * * ? *)", "1,".repeat(200)), None).unwrap_err().contains("256"));
    }

    #[test]
    fn err_days() {
        for days in ["", "MON-XYZ", "mon", "2-6", "MON-", "-FRI", "MON,", "MON, TUE", "MON-WED-FRI", "?", "*", "L"] {
            assert!(Days::parse(days).is_err(), "{days:?}");
        }
        assert!(Days::parse(&["MON"; 20].join(",")).is_err());
    }

    #[test]
    fn one_time_that_comes_twice_has_passed_after_the_second() {
        let zone = TimeZoneName::parse("Europe/Berlin").unwrap();
        let passed = |text, now: &str| {
            let expression = Expression::parse(text, None).unwrap();
            assert_eq!(expression.is_one_time(), text.starts_with("at"));
            expression.has_passed(&zone, now.parse().unwrap())
        };
        assert!(!passed("at(2026-12-24T18:00:00)", "2026-12-24T16:59:59Z"));
        assert!(passed("at(2026-12-24T18:00:00)", "2026-12-24T17:00:00Z"));
        // The hour from 02:00 comes twice on this day: at 00:00 and at 01:00 UTC.
        assert!(!passed("at(2026-10-25T02:30:00)", "2026-10-25T00:45:00Z"));
        assert!(passed("at(2026-10-25T02:30:00)", "2026-10-25T01:30:00Z"));
        // The hour from 02:00 does not come on this day.
        assert!(passed("at(2026-03-29T02:30:00)", "2026-03-29T01:30:00Z"));
        assert!(!passed("rate(1 minute)", "2026-10-25T00:45:00Z"));
    }

    #[test]
    fn one_time_is_planned_for_its_own_minute_in_the_zone() {
        let planned = |zone: &str, text: &str, time: &str| {
            let zone = TimeZoneName::parse(zone).unwrap();
            Expression::parse(text, None).unwrap().can_be_planned_for(&zone, time.parse().unwrap())
        };
        for (zone, text, times) in [
            ("UTC", "at(2026-12-24T18:00:00)", &["2026-12-24T18:00:00Z"][..]),
            ("UTC", "at(2026-12-24T18:00:30)", &["2026-12-24T18:00:30Z", "2026-12-24T18:00:00Z"]),
            ("Europe/Berlin", "at(2026-12-24T18:00:00)", &["2026-12-24T17:00:00Z", "2026-12-24T18:00:00+01:00"]),
            ("Europe/Berlin", "at(2026-10-25T02:30:00)", &["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]),
            ("UTC", "rate(1 minute)", &["2026-12-24T18:00:00Z"]),
            ("UTC", "18:00", &["2026-12-24T18:00:00Z", "2026-12-24T19:00:00Z"]),
        ] {
            for time in times {
                assert!(planned(zone, text, time), "{zone} {text} {time}");
            }
        }
        for (zone, text, time) in [
            ("UTC", "at(2026-12-24T18:00:00)", "2026-12-24T18:01:00Z"),
            ("UTC", "at(2026-12-24T18:00:00)", "2026-12-24T17:59:59Z"),
            ("UTC", "at(2026-12-25T18:00:00)", "2026-12-24T18:00:00Z"),
            ("Europe/Berlin", "at(2026-12-24T18:00:00)", "2026-12-24T18:00:00Z"),
            ("Europe/Berlin", "at(2026-10-25T02:30:00)", "2026-10-25T02:30:00Z"),
        ] {
            assert!(!planned(zone, text, time), "{zone} {text} {time}");
        }
    }
}
