//! The table of EC2's and S3's error codes: which kind of error each of them is.

use crate::error::{Error, Kind};
use regex_lite::Regex;
use std::sync::LazyLock;

/// Codes with a kind of their own. They come before the rules below.
///
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html> and
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>.
#[rustfmt::skip]
const CODES: &[(&str, Kind)] = &[
    ("AccessDenied",                        Kind::Upstream),
    ("AccessDeniedException",               Kind::Upstream),
    ("AllAccessDisabled",                   Kind::Upstream),
    ("AuthFailure",                         Kind::Upstream),
    ("Blocked",                             Kind::Upstream),
    ("BucketAlreadyExists",                 Kind::Conflict),
    ("BucketAlreadyOwnedByYou",             Kind::Conflict),
    ("BucketNotEmpty",                      Kind::Conflict),
    ("DependencyViolation",                 Kind::Conflict),
    ("EC2ThrottledException",               Kind::Throttled),
    ("EntityTooLarge",                      Kind::TooLarge),
    ("ExpiredToken",                        Kind::Upstream),
    ("ExpiredTokenException",               Kind::Upstream),
    ("IdempotentInstanceTerminated",        Kind::Conflict),
    ("IdempotentParameterMismatch",         Kind::IdempotencyMismatch),
    ("IncorrectInstanceState",              Kind::Conflict),
    ("IncorrectState",                      Kind::Conflict),
    ("InternalError",                       Kind::Upstream),
    ("InternalFailure",                     Kind::Upstream),
    ("InvalidAccessKeyId",                  Kind::Upstream),
    ("InvalidClientTokenId",                Kind::Upstream),
    ("InvalidObjectState",                  Kind::Conflict),
    ("InvalidSecurity",                     Kind::Upstream),
    ("InvalidState",                        Kind::Conflict),
    ("InvalidToken",                        Kind::Upstream),
    ("OperationAborted",                    Kind::Conflict),
    ("OperationNotPermitted",               Kind::Conflict),
    ("OptInRequired",                       Kind::Upstream),
    ("PendingVerification",                 Kind::Upstream),
    ("ReplayedRequest",                     Kind::Upstream),
    ("RequestExpired",                      Kind::Upstream),
    ("RequestLimitExceeded",                Kind::Throttled),
    ("RequestResourceCountExceeded",        Kind::Invalid),
    ("RequestThrottled",                    Kind::Throttled),
    ("RequestTimeout",                      Kind::Unreachable),
    ("RequestTimeTooSkewed",                Kind::Upstream),
    ("ServiceUnavailable",                  Kind::Capacity),
    ("SignatureDoesNotMatch",               Kind::Upstream),
    ("SlowDown",                            Kind::Throttled),
    ("Throttling",                          Kind::Throttled),
    ("ThrottlingException",                 Kind::Throttled),
    ("TooManyBuckets",                      Kind::Capacity),
    ("TooManyRequestsException",            Kind::Throttled),
    ("UnauthorizedOperation",               Kind::Upstream),
    ("Unavailable",                         Kind::Capacity),
    ("UnrecognizedClientException",         Kind::Upstream),
];

/// The kind of an error code of AWS. A code that is not in the table is classified by AWS's naming
/// rules, else by the HTTP status of the response.
pub fn kind(code: &str, http_status: u16) -> Kind {
    if let Some((_, kind)) = CODES.iter().find(|(known, _)| *known == code) {
        return *kind;
    }
    let any = |parts: &[&str]| parts.iter().any(|part| code.contains(part));
    if code.ends_with(".NotFound")
        || code.ends_with("NotFoundException")
        || code.starts_with("NoSuch")
        || code == "NotFound"
    {
        Kind::NotFound
    } else if code.starts_with("Insufficient") || code.contains("Exceeded") {
        Kind::Capacity
    } else if any(&["Duplicate", "InUse", "AlreadyExists", "IncorrectState", "Conflict"]) {
        Kind::Conflict
    } else if http_status >= 500 || matches!(http_status, 401 | 403) {
        Kind::Upstream
    } else if http_status == 409 {
        Kind::Conflict
    } else {
        Kind::Invalid
    }
}

/// Translates an error response of AWS. `action` is the IAM action of the call, such as
/// `ec2:StartInstances`.
pub fn service_error(action: &str, code: &str, message: &str, http_status: u16) -> Error {
    let kind = kind(code, http_status);
    let message = match kind {
        Kind::Upstream if http_status < 500 => {
            format!("AWS refused {action} to this function's execution role ({code})")
        }
        Kind::Upstream => format!("AWS failed to carry out {action} ({code})"),
        _ if message.is_empty() => format!("AWS answered {code} to {action}"),
        _ => redact(message),
    };
    Error::new(kind, code.to_owned(), message)
}

/// Removes ARNs, account IDs, access keys and encoded messages from a message of AWS.
pub fn redact(message: &str) -> String {
    #[expect(clippy::expect_used, reason = "constant patterns; a test compiles them")]
    static PATTERNS: LazyLock<[(Regex, &str); 4]> = LazyLock::new(|| {
        let regex = |pattern| Regex::new(pattern).expect("a constant pattern");
        [
            (regex(r"(?s)\s*Encoded authorization failure message:.*"), ""),
            (regex(r#"arn:[^\s,;"'<>()]*[^\s,;"'<>().:]"#), "[ARN]"),
            (regex(r"\b(AKIA|ASIA|AROA|AIDA)[A-Z0-9]{8,}\b"), "[access key]"),
            (regex(r"\b\d{12}\b"), "[account]"),
        ]
    });
    PATTERNS.iter().fold(message.to_owned(), |text, (pattern, with)| pattern.replace_all(&text, *with).into_owned())
}

/// The code in an error response of EC2 or S3.
pub(crate) fn error_code(body: &[u8]) -> Option<String> {
    let body = String::from_utf8_lossy(body);
    let (_, code) = body.split_once("<Code>")?;
    Some(code.split_once("</Code>")?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_code_is_in_the_table() {
        for (code, status, expected) in [
            ("InvalidInstanceID.Malformed", 400, Kind::Invalid),
            ("InvalidParameterValue", 400, Kind::Invalid),
            ("InvalidParameterCombination", 400, Kind::Invalid),
            ("MissingParameter", 400, Kind::Invalid),
            ("Unsupported", 400, Kind::Invalid),
            ("InvalidInstanceID.NotFound", 400, Kind::NotFound),
            ("InvalidKeyPair.NotFound", 400, Kind::NotFound),
            ("InvalidAMIID.NotFound", 400, Kind::NotFound),
            ("NoSuchBucket", 404, Kind::NotFound),
            ("IncorrectInstanceState", 400, Kind::Conflict),
            ("OperationNotPermitted", 400, Kind::Conflict),
            ("InvalidPlacementGroup.InUse", 400, Kind::Conflict),
            ("BucketNotEmpty", 409, Kind::Conflict),
            ("IdempotentParameterMismatch", 400, Kind::IdempotencyMismatch),
            ("RequestLimitExceeded", 503, Kind::Throttled),
            ("Throttling", 400, Kind::Throttled),
            ("SlowDown", 503, Kind::Throttled),
            ("InsufficientInstanceCapacity", 500, Kind::Capacity),
            ("InstanceLimitExceeded", 400, Kind::Capacity),
            ("VcpuLimitExceeded", 400, Kind::Capacity),
            ("MaxSpotInstanceCountExceeded", 400, Kind::Capacity),
            ("RequestResourceCountExceeded", 400, Kind::Invalid),
            ("UnauthorizedOperation", 403, Kind::Upstream),
            ("AuthFailure", 401, Kind::Upstream),
            ("InternalError", 500, Kind::Upstream),
            ("AccessDeniedException", 400, Kind::Upstream),
            ("InvalidObjectState", 403, Kind::Conflict),
            ("NeverHeardOf", 400, Kind::Invalid),
            ("NeverHeardOf", 401, Kind::Upstream),
            ("NeverHeardOf", 403, Kind::Upstream),
            ("NeverHeardOf", 409, Kind::Conflict),
            ("NeverHeardOf", 500, Kind::Upstream),
        ] {
            assert_eq!(kind(code, status), expected, "{code}");
        }
    }

    #[test]
    fn the_table_is_sorted_and_has_no_code_twice() {
        assert!(CODES.windows(2).all(|pair| pair[0].0.to_lowercase() < pair[1].0.to_lowercase()));
    }

    #[test]
    fn messages_lose_arns_accounts_and_keys_but_nothing_else() {
        for (message, expected) in [
            (
                "You are not authorized. User: arn:aws:sts::123456789012:assumed-role/x/y is not authorized to perform: \
                 ec2:StartInstances. Encoded authorization failure message: abc DEF\nghi",
                "You are not authorized. User: [ARN] is not authorized to perform: ec2:StartInstances.",
            ),
            ("Account 123456789012 and 1234567890123.", "Account [account] and 1234567890123."),
            ("Key AKIAIOSFODNN7EXAMPLE, group sg-0123456789abcdef0", "Key [access key], group sg-0123456789abcdef0"),
            ("On resource arn:aws-us-gov:ec2:us-gov-west-1:123456789012:instance/*.", "On resource [ARN]."),
            ("The instance ID 'i-abba916a' does not exist", "The instance ID 'i-abba916a' does not exist"),
        ] {
            assert_eq!(redact(message), expected);
        }
    }

    #[test]
    fn a_refusal_of_the_role_names_the_action_and_nothing_else() {
        let error =
            service_error("ec2:StartInstances", "UnauthorizedOperation", "User: arn:aws:iam::123456789012:role/x", 403);
        assert_eq!(error.kind, Kind::Upstream);
        assert_eq!(error.code, "UnauthorizedOperation");
        assert_eq!(
            error.message,
            "AWS refused ec2:StartInstances to this function's execution role (UnauthorizedOperation)"
        );
    }
}
