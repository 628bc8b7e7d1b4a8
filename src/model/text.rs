//! Text: types that callers write as text, and times as Python writes them.

use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;
use jiff::Timestamp;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

/// ISO 8601 in UTC with an offset, as Python's `isoformat()` writes boto3's times: with
/// microseconds only if there are any. Formatting fails for years above 9999 only, which AWS does
/// not send.
pub fn isoformat(time: OffsetDateTime) -> String {
    let seconds = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]+00:00");
    let micros = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]+00:00");
    let time = time.to_offset(UtcOffset::UTC);
    let formatted = if time.microsecond() == 0 { time.format(seconds) } else { time.format(micros) };
    formatted.unwrap_or_default()
}

/// RFC 3339 in UTC, to the millisecond: `2012-10-29T10:51:24.000Z`. Formatting fails for years
/// above 9999 only.
pub fn rfc3339_milliseconds(time: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    time.to_offset(UtcOffset::UTC).format(format).unwrap_or_default()
}

/// Parses a time by RFC 3339, which has an offset.
pub fn parse_rfc3339(text: &str) -> Option<OffsetDateTime> {
    let text = text.to_ascii_uppercase();
    let (time, rest) = (text.get(..19)?, text.get(19..)?);
    let (fraction, offset) = rest.split_at_checked(rest.find(['Z', '+', '-'])?)?;
    let is_fraction = |digits: &str| (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    // jiff takes other forms, too.
    let ok = has_form(time, "0000-00-00T00:00:00")
        && (fraction.is_empty() || fraction.strip_prefix('.').is_some_and(is_fraction))
        && ["Z", "+00:00", "-00:00"].into_iter().any(|form| has_form(offset, form));
    let timestamp: Timestamp = ok.then(|| text.parse().ok()).flatten()?;
    OffsetDateTime::from_unix_timestamp_nanos(timestamp.as_nanosecond()).ok()
}

/// Whether the text has this form, in which `0` is any digit.
pub(super) fn has_form(text: &str, form: &str) -> bool {
    let same = |(byte, form): (u8, u8)| if form == b'0' { byte.is_ascii_digit() } else { byte == form };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(same)
}

/// Whether nobody can see that the character is there: a control or format character (Unicode's
/// categories `Cc` and `Cf`), or a separator of lines or paragraphs. With one in it, a text is not
/// what it looks like.
pub fn is_invisible(c: char) -> bool {
    use GeneralCategory as Category;
    let categories = CodePointMapData::<Category>::new();
    let invisible = [Category::Control, Category::Format, Category::LineSeparator, Category::ParagraphSeparator];
    !matches!(c, ' '..='~') && invisible.contains(&categories.get(c))
}

/// A type that callers write as text. Its pattern, its expected form and its example are said here
/// and nowhere else: error messages and the OpenAPI document take them from the type.
pub trait FromText: Sized {
    /// The form as a regular expression, for documentation. The parser may be stricter.
    const PATTERN: &'static str;
    /// The form in words: completes the sentence "must be ...".
    const EXPECTED: &'static str;
    /// A value to show.
    const EXAMPLE: &'static str;
    /// The only values, if they are few; none: see the pattern.
    const VALUES: &'static [&'static str] = &[];
    /// The greatest length in characters.
    const MAX_LEN: usize = usize::MAX;

    /// Parses the text; `None` if it has another form.
    fn from_text(text: &str) -> Option<Self>;
}

/// Makes a text type that only its own module can construct.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The identifier as AWS writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

pub(super) use text_type;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_are_control_and_format_characters() {
        for c in
            "\0\t\n\u{7f}\u{85}\u{ad}\u{61c}\u{200b}\u{200d}\u{202e}\u{2028}\u{2060}\u{2066}\u{feff}\u{e0041}".chars()
        {
            assert!(is_invisible(c), "{c:?}");
        }
        for c in " ~a-é\u{a0}\u{2003}\u{301}漢🦀\u{fe0f}".chars() {
            assert!(!is_invisible(c), "{c:?}");
        }
    }

    #[test]
    fn time_is_that_of_pythons_isoformat() {
        let time = OffsetDateTime::from_unix_timestamp(1_455_645_849).unwrap();
        assert_eq!(isoformat(time), "2016-02-16T18:04:09+00:00");
        assert_eq!(isoformat(time.to_offset(UtcOffset::from_hms(2, 0, 0).unwrap())), "2016-02-16T18:04:09+00:00");
        assert_eq!(isoformat(time + time::Duration::milliseconds(120)), "2016-02-16T18:04:09.120000+00:00");
    }

    #[test]
    fn time_by_rfc_3339_has_an_offset() {
        for (text, time) in [
            ("2026-11-27T09:00:00Z", "2026-11-27T09:00:00+00:00"),
            ("2026-11-27t09:00:00.5z", "2026-11-27T09:00:00.500000+00:00"),
            ("2026-11-27T09:00:00+05:30", "2026-11-27T03:30:00+00:00"),
            ("2026-11-27T09:00:00-00:00", "2026-11-27T09:00:00+00:00"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59+00:00"),
        ] {
            assert_eq!(parse_rfc3339(text).map(isoformat).as_deref(), Some(time), "{text}");
        }
        for text in [
            "",
            "2026-11-27",
            "2026-11-27T09:00:00",
            "2026-11-27 09:00:00Z",
            "2026-11-27T09:00Z",
            "2026-11-27T09Z",
            "20261127T090000Z",
            "2026-11-27T09:00:00.Z",
            "2026-11-27T09:00:00.0000000001Z",
            "2026-11-27T09:00:00,5Z",
            "2026-11-27T09:00:00+0100",
            "2026-11-27T09:00:00+01",
            "2026-11-27T09:00:00+01:00[Europe/Berlin]",
            "2026-02-29T09:00:00Z",
            "2026-11-27T24:00:00Z",
            "+002026-11-27T09:00:00Z",
            "2026-11-27T09:00:0é",
            "2026-11-27T09:00:00Zé",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text:?}");
        }
    }
}
