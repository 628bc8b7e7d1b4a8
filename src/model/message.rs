//! Messages of AWS, as callers may see them.

use regex_lite::Regex;
use std::sync::{LazyLock, OnceLock};

/// Removes ARNs, account IDs, access keys and encoded messages from a message of AWS.
pub fn redact(message: &str) -> String {
    #[expect(clippy::expect_used, reason = "constant patterns; a test compiles them")]
    static PATTERNS: LazyLock<[(Regex, &str); 5]> = LazyLock::new(|| {
        let regex = |pattern| Regex::new(pattern).expect("a constant pattern");
        [
            (regex(r"(?s)\s*Encoded authorization failure message:.*"), ""),
            (regex(r#"arn:[^\s,;"'<>()]*[^\s,;"'<>().:]"#), "[ARN]"),
            (regex(r"\b(AKIA|ASIA|AROA|AIDA)[A-Z0-9]{8,}\b"), "[access key]"),
            (regex(r"\b(\d{12}|\d{4}-\d{4}-\d{4})\b"), "[account]"),
            // No ID of AWS is as long; URLs have other characters between.
            (regex(r"[A-Za-z0-9+_=-]{64,}"), "[encoded]"),
        ]
    });
    PATTERNS.iter().fold(message.to_owned(), |text, (pattern, with)| pattern.replace_all(&text, *with).into_owned())
}

/// A message of AWS about an instance. It is redacted when it is shown: of the many instances that
/// are described, few show theirs.
#[derive(Clone, Debug, Default)]
pub struct AwsMessage {
    original: String,
    redacted: OnceLock<String>,
}

impl AwsMessage {
    /// The message, redacted.
    pub fn as_str(&self) -> &str {
        self.redacted.get_or_init(|| redact(&self.original))
    }
}

impl From<String> for AwsMessage {
    fn from(original: String) -> Self {
        Self { original, redacted: OnceLock::new() }
    }
}

impl PartialEq for AwsMessage {
    fn eq(&self, other: &Self) -> bool {
        self.original == other.original
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_is_redacted_once_it_is_shown() {
        let message = AwsMessage::from("No capacity for arn:aws:ec2:us-east-1::x/y.".to_owned());
        assert_eq!(message.redacted.get(), None);
        assert_eq!(message.as_str(), "No capacity for [ARN].");
        assert!(message.redacted.get().is_some() && message == message.original.clone().into());
    }

    #[test]
    fn messages_lose_arns_accounts_and_keys_but_nothing_else() {
        let blob = "Zm9v-_".repeat(11);
        for (message, expected) in [
            (
                "You are not authorized. User: arn:aws:sts::123456789012:assumed-role/x/y is not authorized to perform: \
                 ec2:StartInstances. Encoded authorization failure message: abc DEF\nghi",
                "You are not authorized. User: [ARN] is not authorized to perform: ec2:StartInstances.",
            ),
            ("Account 123456789012 and 1234567890123.", "Account [account] and 1234567890123."),
            ("Account 1234-5678-9012.", "Account [account]."),
            ("Key AKIAIOSFODNN7EXAMPLE, group sg-0123456789abcdef0", "Key [access key], group sg-0123456789abcdef0"),
            ("On resource arn:aws-us-gov:ec2:us-gov-west-1:123456789012:instance/*.", "On resource [ARN]."),
            ("The instance ID 'i-abba916a' does not exist", "The instance ID 'i-abba916a' does not exist"),
            (&format!("Token {blob} is bad"), "Token [encoded] is bad"),
            (
                "Visit https://aws.amazon.com/marketplace/pp?sku=7c9adzdml57i4rodhs6yn0ae9",
                "Visit https://aws.amazon.com/marketplace/pp?sku=7c9adzdml57i4rodhs6yn0ae9",
            ),
        ] {
            assert_eq!(redact(message), expected);
        }
    }
}
