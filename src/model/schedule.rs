//! Schedules: their names, their actions and when these happen.

use super::schedule_dates::{SkippedDates, TimeZoneName, parse_date};
use super::schedule_expression::{Days, Expression};
use super::text::{FromText, is_invisible, text_type};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

/// The greatest length of a description in characters.
pub const MAX_DESCRIPTION_LEN: usize = 256;

text_type! {
    /// The name of a schedule: 1 to 48 letters, digits, `-` and `_`. EventBridge Scheduler allows
    /// 64 characters, of which the name of an action and a dot take up to 10.
    ScheduleName
}

impl FromText for ScheduleName {
    const PATTERN: &'static str = "^[A-Za-z0-9_-]{1,48}$";
    const EXPECTED: &'static str = "1 to 48 letters, digits, hyphens and underscores";
    const EXAMPLE: &'static str = "office-hours";
    const MAX_LEN: usize = 48;

    fn from_text(text: &str) -> Option<Self> {
        let ok = (1..=Self::MAX_LEN).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        ok.then(|| Self(text.to_owned()))
    }
}

/// What a schedule does with its instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ScheduledAction {
    Start,
    Stop,
    Reboot,
    Terminate,
}

impl ScheduledAction {
    /// All actions.
    pub const ALL: [Self; 4] = [Self::Start, Self::Stop, Self::Reboot, Self::Terminate];

    /// The name of the action, which is also the field of its time.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Reboot => "reboot",
            Self::Terminate => "terminate",
        }
    }

    /// The name under which Scheduler keeps this action: each action is a schedule of its own.
    pub fn scheduled_name(self, schedule: &ScheduleName) -> String {
        format!("{schedule}.{}", self.as_str())
    }
}

impl FromText for ScheduledAction {
    const PATTERN: &'static str = "^(start|stop|reboot|terminate)$";
    const EXPECTED: &'static str = "start, stop, reboot or terminate";
    const EXAMPLE: &'static str = "stop";
    const VALUES: &'static [&'static str] = &["start", "stop", "reboot", "terminate"];

    fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }
}

/// The schedule and the action of a name in Scheduler's group; `None` if the function did not make
/// the name.
pub fn split_scheduled_name(text: &str) -> Option<(ScheduleName, ScheduledAction)> {
    let (name, action) = text.split_once('.')?;
    Some((ScheduleName::from_text(name)?, ScheduledAction::from_text(action)?))
}

/// Checks a text that is stored in a schedule. Scheduler replaces `<aws.scheduler.scheduled-time>`
/// and its other context attributes when it fires, so a text with one would not stay as it was
/// checked. The case does not count here, whatever Scheduler does.
///
/// # Errors
/// The problem in words. It completes the sentence that begins with the parameter's name.
pub fn check_stored_text(text: &str, max_len: usize) -> Result<(), String> {
    if text.chars().count() > max_len {
        return Err(format!("must have at most {max_len} characters"));
    }
    if text.chars().any(is_invisible) {
        return Err("must not have control and format characters".to_owned());
    }
    if text.to_ascii_lowercase().contains("<aws.scheduler.") {
        return Err("must not contain <aws.scheduler.".to_owned());
    }
    Ok(())
}

/// The fields of a schedule that say when it happens, as a caller gives them.
#[derive(Clone, Debug, Default)]
pub struct ScheduleFields<'a> {
    /// The actions with their times, each action once.
    pub actions: &'a [(ScheduledAction, &'a str)],
    /// The days of the week of the times `HH:MM`.
    pub days: Option<&'a str>,
    /// The zone of all times and dates; UTC if absent.
    pub timezone: Option<&'a str>,
    /// The first day.
    pub start_date: Option<&'a str>,
    /// The last day.
    pub end_date: Option<&'a str>,
    /// Dates and intervals on which nothing happens.
    pub skip: &'a [&'a str],
}

/// When an action happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionTime {
    /// The action.
    pub action: ScheduledAction,
    /// The time as the caller gave it: `08:00`, or an expression.
    pub given: String,
    /// The expression for Scheduler.
    pub expression: Expression,
}

/// When the actions of a schedule happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timetable {
    /// The times; at least one, each action once.
    pub actions: Vec<ActionTime>,
    /// The days as given.
    pub days: Option<Days>,
    /// The zone of all times and dates.
    pub timezone: TimeZoneName,
    /// The first day, from its beginning in the zone.
    pub start_date: Option<Date>,
    /// The last day, to its end in the zone.
    pub end_date: Option<Date>,
    /// The days on which nothing happens.
    pub skip: SkippedDates,
}

impl Timetable {
    /// Checks the fields of a new schedule, each alone and all together: they have a future.
    ///
    /// # Errors
    /// The name of the field at fault and the problem in words. The problem completes the sentence
    /// that begins with the name.
    pub fn parse(fields: &ScheduleFields<'_>, now: Timestamp) -> Result<Self, (&'static str, String)> {
        let timetable = Self::read(fields)?;
        let passed = |time: &&ActionTime| time.expression.has_passed(&timetable.timezone, now);
        if let Some(time) = timetable.actions.iter().find(passed) {
            return Err((time.action.as_str(), "must not be a time that has passed".to_owned()));
        }
        if timetable.end_date.is_some_and(|end| end < timetable.timezone.date(now)) {
            return Err(("end_date", "must not have passed".to_owned()));
        }
        Ok(timetable)
    }

    /// Reads the fields of a schedule, which may be in the past.
    ///
    /// # Errors
    /// As [`Timetable::parse`].
    pub fn read(fields: &ScheduleFields<'_>) -> Result<Self, (&'static str, String)> {
        let at_fault = |field| move |problem| (field, problem);
        let timezone = fields.timezone.unwrap_or("UTC");
        let timezone =
            TimeZoneName::parse(timezone).ok_or_else(|| ("timezone", format!("must be {}", TimeZoneName::EXPECTED)))?;
        let days = fields.days.map(Days::parse).transpose().map_err(at_fault("days"))?;

        let mut actions: Vec<ActionTime> = Vec::new();
        for (action, text) in fields.actions {
            let name = action.as_str();
            if actions.iter().any(|other| other.action == *action) {
                return Err((name, "must be given once".to_owned()));
            }
            let expression = Expression::parse(text, days.as_ref()).map_err(at_fault(name))?;
            actions.push(ActionTime { action: *action, given: (*text).to_owned(), expression });
        }
        if actions.is_empty() {
            return Err(("start", "or stop, reboot or terminate is required".to_owned()));
        }
        if days.is_some() && !fields.actions.iter().any(|(_, text)| Expression::is_time_of_day(text)) {
            return Err(("days", "applies to times such as 08:00 only, and the schedule has none".to_owned()));
        }

        let one_time = actions.iter().any(|time| time.expression.is_one_time());
        let date = |field, text: Option<&str>| match text {
            None => Ok(None),
            Some(_) if one_time => Err((field, "must not be given with at(...)".to_owned())),
            Some(text) => match parse_date(text) {
                Some(date) => Ok(Some(date)),
                None => Err((field, "must be a date such as 2026-12-24".to_owned())),
            },
        };
        let start_date = date("start_date", fields.start_date)?;
        let end_date = date("end_date", fields.end_date)?;
        if start_date.zip(end_date).is_some_and(|(start, end)| end < start) {
            return Err(("end_date", "must not be before start_date".to_owned()));
        }
        let skip = SkippedDates::parse(fields.skip.iter().copied()).map_err(at_fault("skip"))?;
        if let Some(never) = actions.iter().find(|time| time.expression.date().is_some_and(|day| skip.contains(day))) {
            return Err(("skip", format!("must not have the day of {}", never.given)));
        }
        Ok(Self { actions, days, timezone, start_date, end_date, skip })
    }

    /// The time of an action; `None`: the schedule does not have it.
    pub fn time(&self, action: ScheduledAction) -> Option<&ActionTime> {
        self.actions.iter().find(|time| time.action == action)
    }

    /// The time from which actions happen: the beginning of the first day in the zone.
    pub fn start(&self) -> Option<Timestamp> {
        let zoned = self.start_date?.to_zoned(self.timezone.zone().clone()).ok()?;
        Some(zoned.timestamp())
    }

    /// The time until which actions happen: the end of the last day in the zone, to the second.
    pub fn end(&self) -> Option<Timestamp> {
        let next = self.end_date?.tomorrow().ok()?.to_zoned(self.timezone.zone().clone()).ok()?;
        next.timestamp().checked_sub(SignedDuration::from_secs(1)).ok()
    }

    /// Whether nothing happens at this time, since its day in the zone is skipped.
    pub fn skips(&self, time: Timestamp) -> bool {
        self.skip.contains(self.timezone.date(time))
    }
}

#[cfg(test)]
mod tests {
    use super::ScheduledAction::{Reboot, Start, Stop};
    use super::*;

    fn now() -> Timestamp {
        "2026-11-26T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn one_time_action_on_a_skipped_day_is_refused() {
        let read = |skip| {
            let actions = &[(Stop, "at(2026-12-24T23:30:00)")];
            let timezone = Some("America/New_York");
            Timetable::read(&ScheduleFields { actions, timezone, skip: &[skip], ..ScheduleFields::default() })
                .map(|_| ())
        };
        let problem = "must not have the day of at(2026-12-24T23:30:00)".to_owned();
        assert_eq!(read("2026-12-24/2026-12-26"), Err(("skip", problem)));
        assert_eq!(read("2026-12-25"), Ok(()));
    }

    const OFFICE_HOURS: ScheduleFields<'_> = ScheduleFields {
        actions: &[(Start, "08:00"), (Stop, "19:05")],
        days: Some("MON-FRI"),
        timezone: Some("Europe/Berlin"),
        start_date: Some("2026-12-01"),
        end_date: Some("2027-01-31"),
        skip: &["2026-12-24/2026-12-26"],
    };

    #[test]
    fn ok_office_hours() {
        let timetable = Timetable::parse(&OFFICE_HOURS, now()).unwrap();
        let expressions: Vec<_> =
            (timetable.actions.iter()).map(|time| format!("{}: {}", time.action.as_str(), time.expression)).collect();
        assert_eq!(expressions, ["start: cron(0 8 ? * MON-FRI *)", "stop: cron(5 19 ? * MON-FRI *)"]);
        assert_eq!(timetable.days.as_ref().unwrap().as_str(), "MON-FRI");
        assert_eq!(timetable.timezone.as_str(), "Europe/Berlin");
        assert_eq!(timetable.start_date.unwrap().to_string(), "2026-12-01");
        assert_eq!(timetable.end_date.unwrap().to_string(), "2027-01-31");
        assert!(timetable.skips("2026-12-24T07:00:00Z".parse().unwrap()));
        assert!(!timetable.skips("2026-12-23T07:00:00Z".parse().unwrap()));
    }

    #[test]
    fn ok_zone_is_utc_and_every_day_counts_unless_given() {
        let fields = ScheduleFields { actions: &[(Stop, "19:05")], ..ScheduleFields::default() };
        let timetable = Timetable::parse(&fields, now()).unwrap();
        assert_eq!((timetable.timezone.as_str(), timetable.start_date, timetable.end_date), ("UTC", None, None));
        let time = timetable.time(Stop).unwrap();
        assert_eq!((time.given.as_str(), time.expression.to_string().as_str()), ("19:05", "cron(5 19 * * ? *)"));
        assert_eq!(timetable.time(Start), None);
        assert!(!timetable.skips(now()));
        // Today is not past, neither as the last day nor as the first.
        for (start_date, end_date) in [(None, Some("2026-11-26")), (Some("2020-01-01"), Some("2026-11-26"))] {
            assert!(Timetable::parse(&ScheduleFields { start_date, end_date, ..fields.clone() }, now()).is_ok());
        }
    }

    #[test]
    fn err_names_the_field_at_fault() {
        let fields = || OFFICE_HOURS;
        let at = ScheduleFields { start_date: None, end_date: None, days: None, ..fields() };
        for (fields, field, problem) in [
            (ScheduleFields { actions: &[], ..fields() }, "start", "is required"),
            (ScheduleFields { actions: &[(Stop, "25:00")], ..fields() }, "stop", "must be a time"),
            (ScheduleFields { actions: &[(Stop, "08:00"), (Stop, "09:00")], ..fields() }, "stop", "once"),
            (
                ScheduleFields { actions: &[(Start, "08:00"), (Reboot, "rate(0 minutes)")], ..fields() },
                "reboot",
                "rate(5",
            ),
            (ScheduleFields { days: Some("MON-XYZ"), ..fields() }, "days", "MON-FRI"),
            (ScheduleFields { actions: &[(Stop, "rate(1 day)")], ..fields() }, "days", "the schedule has none"),
            (ScheduleFields { timezone: Some("Europe/Atlantis"), ..fields() }, "timezone", "IANA"),
            (ScheduleFields { timezone: Some(""), ..fields() }, "timezone", "IANA"),
            (ScheduleFields { actions: &[(Stop, "at(2026-11-26T13:00:00)")], ..at.clone() }, "stop", "has passed"),
            (
                ScheduleFields {
                    actions: &[(Stop, "at(2026-12-26T13:00:00)")],
                    start_date: Some("2026-12-01"),
                    ..at.clone()
                },
                "start_date",
                "with at(...)",
            ),
            (
                ScheduleFields {
                    actions: &[(Stop, "at(2026-12-26T13:00:00)")],
                    end_date: Some("2026-12-31"),
                    ..at.clone()
                },
                "end_date",
                "with at(...)",
            ),
            (ScheduleFields { start_date: Some("1.12.2026"), ..fields() }, "start_date", "must be a date"),
            (ScheduleFields { end_date: Some("2026-11-31"), ..fields() }, "end_date", "must be a date"),
            (ScheduleFields { end_date: Some("2026-11-30"), ..fields() }, "end_date", "before start_date"),
            (ScheduleFields { start_date: None, end_date: Some("2026-11-25"), ..fields() }, "end_date", "passed"),
            (ScheduleFields { skip: &["2026-12-26/2026-12-24"], ..fields() }, "skip", "ends before it begins"),
        ] {
            let (at_fault, message) = Timetable::parse(&fields, now()).unwrap_err();
            assert!(at_fault == field && message.contains(problem), "{fields:?}: {at_fault} {message}");
        }
    }

    #[test]
    fn names() {
        let longest = "n".repeat(48);
        for text in ["a", "office-hours_2", longest.as_str()] {
            let name = ScheduleName::from_text(text).unwrap();
            for action in ScheduledAction::ALL {
                let scheduled = action.scheduled_name(&name);
                assert!(scheduled.len() <= 64);
                assert_eq!(split_scheduled_name(&scheduled), Some((name.clone(), action)));
            }
        }
        for text in ["", "a/b", "a.b", "a b", "ä", "..", "a\n", "n".repeat(49).as_str()] {
            assert_eq!(ScheduleName::from_text(text), None, "{text:?}");
        }
        for text in ["a", "a.", ".stop", "a.Stop", "a.stop.stop", "a.b.stop", "a/b.stop"] {
            assert_eq!(split_scheduled_name(text), None, "{text:?}");
        }
    }

    #[test]
    fn err_stored_text_with_a_context_attribute_of_scheduler() {
        for text in ["", "Office hours <of Berlin>", "aws.scheduler."] {
            assert_eq!(check_stored_text(text, MAX_DESCRIPTION_LEN), Ok(()));
        }
        for text in ["<aws.scheduler.execution-id>", "x <AWS.Scheduler.scheduled-time> y", "<aws.scheduler."] {
            assert!(check_stored_text(text, MAX_DESCRIPTION_LEN).unwrap_err().contains("<aws.scheduler."), "{text:?}");
        }
        for text in ["a\u{0}", "a\nb", "<aws.\u{200b}scheduler.x>"] {
            assert!(check_stored_text(text, MAX_DESCRIPTION_LEN).unwrap_err().contains("control"), "{text:?}");
        }
        assert!(check_stored_text(&"ä".repeat(MAX_DESCRIPTION_LEN), MAX_DESCRIPTION_LEN).is_ok());
        assert!(check_stored_text(&"ä".repeat(MAX_DESCRIPTION_LEN + 1), MAX_DESCRIPTION_LEN).is_err());
    }
}
