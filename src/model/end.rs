//! Ends: instances that are launched or started for a limited time.

use super::schedule::{ScheduleName, ScheduledAction};
use super::schedule_dates::Lifetime;
use super::text::FromText as _;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

/// What ends instances, and after how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// A stop or a termination.
    pub action: EndAction,
    /// The time until then.
    pub after: Lifetime,
}

/// How instances end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum EndAction {
    Stop,
    Terminate,
}

impl EndAction {
    /// The action of the schedule that ends the instances.
    pub fn scheduled(self) -> ScheduledAction {
        match self {
            Self::Stop => ScheduledAction::Stop,
            Self::Terminate => ScheduledAction::Terminate,
        }
    }

    /// The parameter that asks for it.
    pub fn parameter(self) -> &'static str {
        match self {
            Self::Stop => "stop_after",
            Self::Terminate => "terminate_after",
        }
    }
}

impl End {
    /// When instances end that run from `start` on, which counts whole seconds: the first minute in
    /// which the time is over. `None`: after the year 9999.
    pub fn time(self, start: Timestamp) -> Option<Timestamp> {
        // The fraction of a second that `start` leaves out.
        next_minute(start.checked_add(SignedDuration::from_secs(1)).ok()?.checked_add(self.after.duration()).ok()?)
    }
}

/// The first minute that does not begin before this time.
fn next_minute(time: Timestamp) -> Option<Timestamp> {
    let seconds = time.as_second() + i64::from(time.subsec_nanosecond() > 0);
    Timestamp::from_second((seconds + 59).div_euclid(60) * 60).ok()
}

/// Scheduler's expression for once at this time, to the second, in UTC.
pub fn at_expression(time: Timestamp) -> String {
    format!("at({})", time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S"))
}

/// The start of the names of ends, and the number of hexadecimal digits after it.
const PREFIX: &str = "end-";
const DIGITS: usize = 20;

impl ScheduleName {
    /// The name of the end of what is launched or started under this token. Nobody else's token
    /// leads to it, and no schedule that a caller makes has such a name.
    pub fn of_end(token: &str) -> Option<Self> {
        let digest = hex::encode(Sha256::digest(format!("end of {token}")));
        Self::from_text(&format!("{PREFIX}{}", digest.get(..DIGITS)?))
    }

    /// Whether this is a name as ends have it.
    pub fn is_of_end(&self) -> bool {
        let digits = self.as_str().strip_prefix(PREFIX);
        let is_digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        digits.is_some_and(|digits| digits.len() == DIGITS && digits.bytes().all(is_digit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_is_never_early_and_at_most_a_minute_late() {
        let end = |after: &str, start: &str| {
            let after = Lifetime::from_text(after).unwrap();
            End { action: EndAction::Stop, after }.time(start.parse().unwrap()).map(at_expression).unwrap()
        };
        assert_eq!(end("8h", "2026-11-26T10:00:00Z"), "at(2026-11-26T18:01:00)");
        assert_eq!(end("8h", "2026-11-26T10:00:58Z"), "at(2026-11-26T18:01:00)");
        assert_eq!(end("8h", "2026-11-26T10:00:59Z"), "at(2026-11-26T18:01:00)");
        assert_eq!(end("8h", "2026-11-26T10:01:00Z"), "at(2026-11-26T18:02:00)");
        assert_eq!(end("5m", "2026-12-31T23:57:30Z"), "at(2027-01-01T00:03:00)");
        assert_eq!(end("365d", "2026-11-26T10:00:00Z"), "at(2027-11-26T10:01:00)");
        let minute = |time: &str| next_minute(time.parse().unwrap()).unwrap().to_string();
        assert_eq!(minute("2026-11-26T10:00:00Z"), "2026-11-26T10:00:00Z");
        assert_eq!(minute("2026-11-26T10:00:00.1Z"), "2026-11-26T10:01:00Z");
    }

    #[test]
    fn name_of_an_end_comes_from_its_token() {
        let name = ScheduleName::of_end("token-1").unwrap();
        assert_eq!(name, ScheduleName::of_end("token-1").unwrap());
        assert_ne!(name, ScheduleName::of_end("token-2").unwrap());
        assert!(name.is_of_end(), "{name}");
        for other in ["end-", "end-of-month", "end-0123456789abcdef012", "end-0123456789ABCDEF0123", "office-hours"] {
            assert!(!ScheduleName::from_text(other).unwrap().is_of_end(), "{other}");
        }
    }
}
