//! Instances that are kept: what stops and terminates them by itself leaves them out until a time.

use super::instance::Instance;
use super::schedule_dates::parse_duration;
use super::text::{FromText, parse_rfc3339};
use jiff::SignedDuration;
use time::{Duration, OffsetDateTime};

/// The tag with the time until which an instance is kept: RFC 3339.
pub const KEEP_TAG: &str = "ec2-control-api:keep-until";

/// How far ahead an instance can be kept.
const MAX_KEEP: Duration = Duration::days(30);

impl Instance {
    /// The time until which it is kept; `None` if it is not kept at the time `now`. A tag that is
    /// no time keeps nothing.
    pub fn kept_until(&self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        let tag = self.tags.iter().find(|tag| tag.key == KEEP_TAG)?;
        parse_rfc3339(&tag.value).filter(|until| *until > now)
    }
}

/// Until when a caller wants to keep an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepUntil {
    /// Until this time.
    Time(OffsetDateTime),
    /// For this long from now on.
    Duration(SignedDuration),
}

impl KeepUntil {
    /// The time, to the second above.
    ///
    /// # Errors
    /// The problem in words. It completes the sentence that begins with the parameter's name.
    pub fn time(self, now: OffsetDateTime) -> Result<OffsetDateTime, &'static str> {
        const TOO_FAR: &str = "must be at most 30 days ahead";
        let time = match self {
            Self::Time(time) => time,
            Self::Duration(duration) => now.checked_add(Duration::seconds(duration.as_secs())).ok_or(TOO_FAR)?,
        };
        match time - now {
            ahead if ahead <= Duration::ZERO => Err("must be in the future"),
            ahead if ahead > MAX_KEEP => Err(TOO_FAR),
            _ => Ok(match i64::from(time.nanosecond()) {
                0 => time,
                nanoseconds => time - Duration::nanoseconds(nanoseconds) + Duration::SECOND,
            }),
        }
    }
}

impl FromText for KeepUntil {
    const PATTERN: &'static str = "^(|[0-9]{1,6}[mhd]|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2}))$";
    const EXPECTED: &'static str =
        "a time by RFC 3339 such as 2026-12-24T18:00:00+01:00, a duration such as 90m, 8h or 7d, or empty";
    const EXAMPLE: &'static str = "8h";
    const MAX_LEN: usize = 40;

    fn from_text(text: &str) -> Option<Self> {
        let duration = parse_duration(text).map(Self::Duration);
        // A query turns the plus of an offset into a blank.
        duration.or_else(|| parse_rfc3339(&text.replacen(' ', "+", 1)).map(Self::Time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Tag, isoformat};

    fn time(text: &str) -> OffsetDateTime {
        parse_rfc3339(text).unwrap()
    }

    #[test]
    fn instance_is_kept_until_the_time_of_its_tag() {
        let kept = |value: &str, now: &str| {
            let tags = vec![Tag { key: KEEP_TAG.to_owned(), value: value.to_owned() }];
            Instance { tags, ..Instance::default() }.kept_until(time(now)).map(isoformat)
        };
        let until = Some("2026-11-27T08:00:00+00:00".to_owned());
        assert_eq!(kept("2026-11-27T09:00:00+01:00", "2026-11-27T07:59:59Z"), until);
        assert_eq!(kept("2026-11-27T08:00:00Z", "2026-11-27T08:00:00Z"), None);
        for malformed in ["", "8h", "2026-11-27", "2026-11-27T08:00:00", "tomorrow"] {
            assert_eq!(kept(malformed, "2026-11-01T00:00:00Z"), None, "{malformed:?}");
        }
        assert_eq!(Instance::default().kept_until(time("2026-11-01T00:00:00Z")), None);
    }

    #[test]
    fn time_to_keep_is_rounded_up_to_a_second_and_at_most_30_days_ahead() {
        let now = time("2026-11-26T16:00:00.25Z");
        let until = |text: &str| KeepUntil::from_text(text).unwrap().time(now).map(isoformat);
        let ok = |text: &str| Ok(text.to_owned());
        assert_eq!(until("90m"), ok("2026-11-26T17:30:01+00:00"));
        assert_eq!(until("30d"), ok("2026-12-26T16:00:01+00:00"));
        assert_eq!(until("2026-11-27T09:00:00+01:00"), ok("2026-11-27T08:00:00+00:00"));
        assert_eq!(until("2026-11-27T09:00:00 01:00"), ok("2026-11-27T08:00:00+00:00"));
        assert_eq!(until("2026-11-26T16:00:00.250000001Z"), ok("2026-11-26T16:00:01+00:00"));
        for past in ["0m", "2026-11-26T16:00:00Z", "2026-11-26T16:00:00.25Z", "1999-12-31T23:59:59Z"] {
            assert_eq!(until(past), Err("must be in the future"), "{past}");
        }
        for far in ["31d", "721h", "999999d", "2026-12-26T16:00:00.26Z", "9998-12-31T23:59:59Z"] {
            assert_eq!(until(far), Err("must be at most 30 days ahead"), "{far}");
        }
    }

    #[test]
    fn err_times_to_keep_of_another_form() {
        for text in ["", "8", "8 h", "-8h", "tomorrow", "2026-11-27", "2026-11-27T09:00:00", "2026-11-27 09:00:00Z"] {
            assert_eq!(KeepUntil::from_text(text), None, "{text:?}");
        }
    }
}
