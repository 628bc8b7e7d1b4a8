//! Types that callers write as text.

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
