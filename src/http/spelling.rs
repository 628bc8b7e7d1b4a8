//! How names and values may be spelled.

use crate::error::{Error, Kind};
use serde_json::Value;

/// The parameter for a dry run. Other spellings count, too.
pub const DRY_RUN: &str = "dry_run";

/// The longest name of a parameter, in bytes: `tag:` and a tag's key of 128 characters.
const MAX_NAME_LEN: usize = 4 + 4 * 128;

/// A name without case and separators: `Dry-Run[]` is `dryrun`.
pub fn fold(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A parameter as the readers know it; `None` if it is null, which is not given.
///
/// # Errors
/// The name is too long, one of the two is not UTF-8, or it holds a dry run in another place.
pub fn normalize(name: String, value: Value) -> Result<Option<(String, Value)>, Error> {
    if name.len() > MAX_NAME_LEN {
        return Err(Error::new(Kind::Invalid, "InvalidParameterName", "A parameter's name is too long"));
    }
    // A misspelled dry run must not be a real change. A dry run without a value is asked for.
    if is_dry_run(&name) {
        let value = if value.as_str() == Some("") { Value::Bool(true) } else { value };
        // Null is neither true nor false.
        return Ok(Some((DRY_RUN.to_owned(), value)));
    }
    // The key of a tag is the caller's choice.
    let in_name = !name.starts_with("tag:") && name.split(['[', ']', '.']).any(is_dry_run);
    if in_name || has_dry_run(&value) {
        let message = format!("{name} holds dry_run, which must be a parameter of its own");
        return Err(Error::new(Kind::Invalid, "UnknownParameter", message));
    }
    if value.is_null() {
        return Ok(None);
    }
    // Decoding has replaced bytes that are not UTF-8 by U+FFFD.
    let garbled = |text: &str| text.contains(char::REPLACEMENT_CHARACTER);
    if garbled(&name) || value.as_str().is_some_and(garbled) {
        return Err(Error::invalid(name, "is not UTF-8"));
    }
    Ok(Some((name, value)))
}

/// Whether a name means `dry_run`, whatever its case, separators and brackets are.
pub fn is_dry_run(name: &str) -> bool {
    fold(name) == "dryrun"
}

/// Whether a text mentions `dry_run`, in whatever spelling.
pub fn mentions_dry_run(text: &str) -> bool {
    fold(text).contains("dryrun")
}

/// Whether a JSON value has a member that means `dry_run`.
fn has_dry_run(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(name, value)| is_dry_run(name) || has_dry_run(value)),
        Value::Array(items) => items.iter().any(has_dry_run),
        _ => false,
    }
}

/// Parses a boolean, as JSON, shells, Python and HTML forms write it.
pub fn parse_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

macro_rules! invisible {
    () => {
        concat!(
            r"\u0000-\u001f\u007f-\u009f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f",
            r"\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\ufffd"
        )
    };
}

/// The form of text without control characters other than white space, for documentation.
pub const PRINTABLE: &str = r"^[^\u0000-\u0008\u000b\u000e-\u001f\u007f-\u009f\ufffd]*$";

/// The same without white space at its ends.
pub const PRINTABLE_TRIMMED: &str = r"^([^\s\u0000-\u0008\u000b\u000e-\u001f\u007f-\u009f\ufffd]([^\u0000-\u0008\u000b\u000e-\u001f\u007f-\u009f\ufffd]*[^\s\u0000-\u0008\u000b\u000e-\u001f\u007f-\u009f\ufffd])?)?$";

/// The same without format characters and separators of lines, those beyond U+FFFF excepted.
pub const VISIBLE_TRIMMED: &str =
    concat!(r"^([^\s", invisible!(), "]([^", invisible!(), r"]*[^\s", invisible!(), "])?)?$");

/// The form of an item of a list that can be written comma-separated.
pub const PRINTABLE_ITEM: &str = r"^[^,\s\u0000-\u0008\u000b\u000e-\u001f\u007f-\u009f\ufffd]+( [^,\s\u0000-\u0008\u000b\u000e-\u001f\u007f-\u009f\ufffd]+)*$";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::is_invisible;

    #[test]
    fn the_documented_pattern_of_a_tag_excludes_the_invisible_characters() {
        let pattern = regex_lite::Regex::new(VISIBLE_TRIMMED).unwrap();
        for c in ('\0'..='\u{ffff}').filter(|c| !c.is_whitespace() && *c != '\u{fffd}') {
            assert_eq!(pattern.is_match(&format!("a{c}b")), !is_invisible(c), "{c:?}");
        }
    }

    #[test]
    fn ok_a_tag_may_have_any_key() {
        let name = "tag:app.dry_run".to_owned();
        assert_eq!(normalize(name.clone(), "x".into()).unwrap(), Some((name, "x".into())));
    }

    #[test]
    fn a_name_that_means_dry_run_is_one_in_every_spelling() {
        for name in ["dry_run", "DryRun", "dry-run", "--dry-run", "_dry_run", "dry.run", "DRY RUN[]", "[dryRun]"] {
            assert!(is_dry_run(name), "{name}");
        }
        for name in ["", "dry", "run_dry", "dry_run_2", "is_dry_run"] {
            assert!(!is_dry_run(name), "{name}");
        }
    }
}
