//! Keys that everybody knows. An attacker tries these first.

/// The key of this project's own examples: of `make run`, the sample events and the documentation.
const EXAMPLES: &[&str] = &["local-only-key"];

/// Words that stand where somebody forgot to put a key.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "0000", "1234", "12345", "123456", "1234567", "12345678", "123456789", "1234567890", "abc123", "access-key",
    "access_key", "accesskey", "admin", "admin123", "api-key", "api_key", "apikey", "bar", "change-me", "change_me",
    "changeit", "changeme", "default", "demo", "demo-key", "dev", "development", "digest", "dummy", "ec2",
    "ec2-control-api", "example", "fake", "foo", "foobar", "guest", "hello", "insecure", "key", "key1", "letmein",
    "local", "localhost", "my-api-key", "my-key", "my-secret", "my_api_key", "my_key", "myapikey", "mykey", "mysecret",
    "nil", "none", "null", "p@ssw0rd", "pass", "passw0rd", "password", "password1", "password123", "placeholder",
    "prod", "production", "public", "qwerty", "qwertyuiop", "replace-me", "replace_me", "replaceme", "root", "s3cr3t",
    "sample", "secret", "secret-key", "secret123", "secret_key", "secretkey", "staging", "super-secret",
    "supersecret", "tbd", "temp", "test", "test-key", "test123", "test_key", "testing", "testkey", "todo", "token",
    "undefined", "user", "welcome", "x-api-key", "xxx", "xxxx", "xxxxxxxx", "your-api-key", "your-key", "your-secret",
    "your_api_key", "your_key", "yourapikey", "<key>", "<api-key>", "$key", "$KEY", "${KEY}",
];

/// The longest white space that is looked for.
const MAX_BLANKS: usize = 3;

/// Keys that everybody knows: none at all, white space, the key of the examples, and the usual
/// placeholders. A word is known in lower, upper and title case, and with the end of a line: `echo
/// secret | sha256sum` is a usual mistake.
pub(super) fn well_known_keys() -> impl Iterator<Item = String> {
    let in_every_case = |word: &&str| {
        let upper = word.to_uppercase();
        let title = upper.chars().take(1).chain(word.chars().skip(1)).collect();
        [(*word).to_owned(), upper, title]
    };
    let words = EXAMPLES.iter().chain(WORDS).flat_map(in_every_case);
    blanks().into_iter().chain(words.flat_map(|word| [format!("{word}\n"), word]))
}

/// Every text of at most [`MAX_BLANKS`] characters of white space, the empty one included.
fn blanks() -> Vec<String> {
    let mut blanks = vec![String::new()];
    let mut of_one_length = blanks.clone();
    for _ in 0..MAX_BLANKS {
        let longer = |text: &String| [' ', '\t', '\r', '\n'].map(|blank| format!("{text}{blank}"));
        of_one_length = of_one_length.iter().flat_map(longer).collect();
        blanks.extend_from_slice(&of_one_length);
    }
    blanks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well_known(key: &str) -> bool {
        well_known_keys().any(|known| known == key)
    }

    #[test]
    fn ok_empty_keys_white_space_examples_and_placeholders_are_well_known() {
        for key in ["", "\n", " ", "   ", "\t", "\r\n", " \n", "\n\n", "local-only-key", "local-only-key\n"] {
            assert!(well_known(key), "{key:?}");
        }
        for key in ["secret", "SECRET", "Secret", "secret\n", "PASSWORD\n", "changeme", "CHANGE_ME", "test", "admin"] {
            assert!(well_known(key), "{key:?}");
        }
    }

    #[test]
    fn err_other_keys_are_not() {
        for key in ["correct horse battery staple", "local-only-kez", "2a9c3d1f0e", "secret of mine", "ops", "é"] {
            assert!(!well_known(key), "{key:?}");
        }
    }
}
