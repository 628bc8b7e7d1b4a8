//! Text: types that callers write as text, and times as Python writes them.

use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;
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
}
