//! The table of EC2's and S3's error codes: which kind of error each of them is, and whose fault.

use crate::error::{Error, Kind};
use crate::model::redact;
use regex_lite::Regex;
use std::sync::LazyLock;

/// What an error code of AWS means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// An error of this kind, in AWS's own words.
    Words(Kind),
    /// The execution role lacks a permission.
    Role,
    /// The credentials of the execution role, or the signature made with them, are not accepted.
    Credentials,
    /// AWS failed, or did not understand the SDK's request.
    Failed,
    /// A refusal under a code that nothing is known of.
    Refused,
}

use Meaning::{Credentials, Failed, Refused, Role, Words};

impl Meaning {
    fn kind(self) -> Kind {
        match self {
            Words(kind) => kind,
            Role | Credentials | Failed | Refused => Kind::Upstream,
        }
    }
}

const INVALID: Meaning = Words(Kind::Invalid);
const NOT_FOUND: Meaning = Words(Kind::NotFound);
const CONFLICT: Meaning = Words(Kind::Conflict);
const CAPACITY: Meaning = Words(Kind::Capacity);
const THROTTLED: Meaning = Words(Kind::Throttled);
/// The account is blocked, or a key of it is: nothing that the caller or the role could do.
const ACCOUNT: Meaning = Words(Kind::Upstream);

/// Codes that the rules of [`meaning`] would misplace.
///
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>,
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>, and the SDKs' lists of
/// codes of throttling. A test has each documented code of EC2.
#[rustfmt::skip]
const CODES: &[(&str, Meaning)] = &[
    ("AccessDenied",                                Role),
    ("AccessDeniedException",                       Role),
    ("AccountDisabled",                             ACCOUNT),
    ("AccountProblem",                              ACCOUNT),
    ("AllAccessDisabled",                           ACCOUNT),
    ("AttachmentLimitExceeded",                     INVALID),
    ("AuthFailure",                                 Credentials),
    ("AuthFailure.ServiceLinkedRoleCreationNotPermitted", Role),
    ("AuthorizationHeaderMalformed",                Credentials),
    ("BandwidthLimitExceeded",                      THROTTLED),
    ("Blocked",                                     ACCOUNT),
    ("BucketNotEmpty",                              CONFLICT),
    ("CannotDelete",                                CONFLICT),
    ("ClientVpnEndpointAssociationExists",          CONFLICT),
    ("ClientVpnTerminateConnectionsLimitExceeded",  INVALID),
    ("ConcurrentTagAccess",                         CONFLICT),
    ("CustomerKeyHasBeenRevoked",                   ACCOUNT),
    ("DeclarativePoliciesAccessDeniedException",    Role),
    ("DeleteConversionTaskError",                   CONFLICT),
    ("DependencyViolation",                         CONFLICT),
    ("DuplicateSubnetsInSameZone",                  INVALID),
    ("EC2ThrottledException",                       THROTTLED),
    ("EntityTooLarge",                              Words(Kind::TooLarge)),
    ("ExistingVpcEndpointConnections",              CONFLICT),
    ("ExpiredToken",                                Credentials),
    ("ExpiredTokenException",                       Credentials),
    ("FilterLimitExceeded",                         INVALID),
    ("Gateway.NotAttached",                         CONFLICT),
    ("IdempotentInstanceTerminated",                CONFLICT),
    ("IdempotentParameterMismatch",                 Words(Kind::IdempotencyMismatch)),
    ("IncompatibleHostRequirements",                CAPACITY),
    ("IncompleteBody",                              Failed),
    ("IncompleteSignature",                         Credentials),
    ("InternalError",                               Failed),
    ("InternalFailure",                             Failed),
    ("InvalidAccessKeyId",                          Credentials),
    ("InvalidAction",                               Failed),
    ("InvalidAddress.Locked",                       CONFLICT),
    ("InvalidAMIID.Unavailable",                    CONFLICT),
    ("InvalidClientTokenId",                        Credentials),
    ("InvalidClientVpnActiveAssociationNotFound",   CONFLICT),
    ("InvalidClientVpnSubnetId.OverlappingCidr",    CONFLICT),
    ("InvalidInstanceCreditSpecification.DuplicateInstanceId", INVALID),
    ("InvalidInstanceID",                           CONFLICT),
    ("InvalidInstanceID.NotLinkable",               CONFLICT),
    ("InvalidInterface.IpAddressLimitExceeded",     INVALID),
    ("InvalidPlacementGroup.Unknown",               NOT_FOUND),
    ("InvalidQueryParameter",                       Failed),
    ("InvalidRange",                                Words(Kind::RangeNotSatisfiable)),
    ("InvalidReservedInstancesId",                  NOT_FOUND),
    ("InvalidReservedInstancesOfferingId",          NOT_FOUND),
    ("InvalidScheduledInstance",                    NOT_FOUND),
    ("InvalidSecurity",                             Credentials),
    ("InvalidSecurity.RequestHasExpired",           Credentials),
    ("InvalidTargetArn.Unknown",                    NOT_FOUND),
    ("InvalidToken",                                Credentials),
    ("InvalidTrafficMirrorTargetNoFound",           NOT_FOUND),
    ("InvalidVpnConnectionID",                      NOT_FOUND),
    ("LegacySecurityGroup",                         CONFLICT),
    ("LimitExceededException",                      THROTTLED),
    ("LimitPriceExceeded",                          INVALID),
    ("LogDestinationPermissionIssue",               Role),
    ("MalformedQueryString",                        Failed),
    ("MissingAction",                               Failed),
    ("MissingAuthenticationToken",                  Credentials),
    ("NonEBSInstance",                              CONFLICT),
    ("NotAuthorized",                               Role),
    ("NotExportable",                               CONFLICT),
    ("NotImplemented",                              INVALID),
    ("NotSignedUp",                                 ACCOUNT),
    ("OperationAborted",                            CONFLICT),
    ("OperationNotPermitted",                       CONFLICT),
    ("OptInRequired",                               INVALID),
    ("PendingVerification",                         CAPACITY),
    ("PreconditionFailed",                          Words(Kind::PreconditionFailed)),
    ("PriorRequestNotComplete",                     THROTTLED),
    ("PrivateIpAddressLimitExceeded",               INVALID),
    ("ProvisionedThroughputExceededException",      THROTTLED),
    ("ReplayedRequest",                             Credentials),
    ("RequestExpired",                              Credentials),
    ("RequestLimitExceeded",                        THROTTLED),
    ("RequestResourceCountExceeded",                INVALID),
    ("RequestThrottled",                            THROTTLED),
    ("RequestThrottledException",                   THROTTLED),
    ("RequestTimeout",                              Words(Kind::Unreachable)),
    ("RequestTimeTooSkewed",                        Credentials),
    ("ReservedInstancesUnavailable",                CAPACITY),
    ("ResourceCountExceeded",                       INVALID),
    ("RetryableError",                              Failed),
    ("ScheduledInstanceSlotNotOpen",                CONFLICT),
    ("ScheduledInstanceSlotUnavailable",            CAPACITY),
    ("SecurityGroupsPerInstanceLimitExceeded",      INVALID),
    ("SecurityGroupsPerInterfaceLimitExceeded",     INVALID),
    ("ServerInternal",                              Failed),
    ("ServiceUnavailable",                          CAPACITY),
    ("SignatureDoesNotMatch",                       Credentials),
    ("SlowDown",                                    THROTTLED),
    ("SnapshotCreationPerVolumeRateExceeded",       THROTTLED),
    ("SpotMaxPriceTooLow",                          CAPACITY),
    ("TagLimitExceeded",                            INVALID),
    ("TagPolicyViolation",                          INVALID),
    ("TargetCapacityLimitExceededException",        INVALID),
    ("TemporaryRedirect",                           CAPACITY),
    ("ThrottledException",                          THROTTLED),
    ("Throttling",                                  THROTTLED),
    ("ThrottlingException",                         THROTTLED),
    ("TooManyBuckets",                              CAPACITY),
    ("TooManyRequestsException",                    THROTTLED),
    ("TransactionInProgressException",              THROTTLED),
    ("UnauthorizedOperation",                       Role),
    ("Unavailable",                                 CAPACITY),
    ("UnavailableHostRequirements",                 CAPACITY),
    ("UnfulfillableCapacity",                       CAPACITY),
    ("UnknownParameter",                            Failed),
    ("UnrecognizedClientException",                 Credentials),
    ("UnsupportedHibernationConfiguration",         CONFLICT),
    ("UnsupportedProtocol",                         Failed),
    ("UpdateLimitExceeded",                         THROTTLED),
    ("XAmzContentSHA256Mismatch",                   Failed),
];

/// Codes that say that the token of a session is invalid, or that it has expired. EC2 answers
/// `RequestExpired` to one that has expired. `AuthFailure` does not say so much: EC2 also answers
/// it in a region that the account has not enabled.
const INVALID_TOKEN: [&str; 7] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "RequestExpired",
    "UnrecognizedClientException",
];

/// Whether the code says that the token of a session is invalid or has expired.
pub fn refuses_token(code: &str) -> bool {
    INVALID_TOKEN.contains(&code)
}

/// The kind of an error code of AWS, as far as the code alone says it.
pub fn kind(code: &str, http_status: u16) -> Kind {
    meaning(code, http_status).kind()
}

/// The meaning of a code. A code that is not in the table is classified by AWS's naming rules, else
/// by the HTTP status of the response.
fn meaning(code: &str, http_status: u16) -> Meaning {
    let code = code.trim();
    let code = code.strip_prefix("Client.").or_else(|| code.strip_prefix("Server.")).unwrap_or(code);
    if let Some((_, meaning)) = CODES.iter().find(|(known, _)| *known == code) {
        return *meaning;
    }
    let any = |parts: &[&str]| parts.iter().any(|part| code.contains(part));
    if code.ends_with("NotFound") || code.ends_with("NotFoundException") || code.starts_with("NoSuch") {
        NOT_FOUND
    } else if code.starts_with("Insufficient") || code.contains("Exceeded") {
        CAPACITY
    } else if any(&["Duplicate", "InUse", "Already", "State", "Conflict", "InProgress"]) {
        CONFLICT
    } else if code.starts_with("KMS.") {
        ACCOUNT
    } else {
        match http_status {
            500.. => Failed,
            401 | 403 => Refused,
            409 => CONFLICT,
            _ => INVALID,
        }
    }
}

/// The meaning of a code together with AWS's message: some codes are used for unlike errors.
fn meaning_with_message(action: &str, code: &str, message: &str, http_status: u16) -> Meaning {
    let says = |parts: &[&str]| parts.iter().any(|part| message.to_ascii_lowercase().contains(part));
    match code {
        // The caller's image, address or resource.
        "AuthFailure"
            if says(&["not authorized for ", "belong to you", "not own", "access the specified resource"])
                && !says(&["credential"]) =>
        {
            INVALID
        }
        "AuthFailure" | "UnauthorizedOperation" if says(&["not authorized to perform:"]) => Role,
        "UnauthorizedOperation" if says(&["managed by", "operator"]) => INVALID,
        "UnauthorizedOperation" if says(&["declarative polic"]) => ACCOUNT,
        // A launch of a new instance is in no state.
        "UnsupportedOperation" if action != "ec2:RunInstances" => CONFLICT,
        _ => meaning(code, http_status),
    }
}

/// Translates an error response of AWS. `action` is the IAM action of the call, such as
/// `ec2:StartInstances`.
pub fn service_error(action: &str, code: &str, message: &str, http_status: u16) -> Error {
    let meaning = meaning_with_message(action, code, message, http_status);
    let message = match meaning {
        Role => {
            let denied = denied_action(code, message);
            let action = denied.as_deref().unwrap_or(action);
            format!("AWS refused {action} to this function's execution role ({code})")
        }
        Credentials => format!("AWS did not accept this function's credentials for {action} ({code})"),
        Failed => format!("AWS failed to carry out {action} ({code})"),
        Refused if message.is_empty() => format!("AWS refused {action} ({code})"),
        Refused => format!("AWS refused {action} ({code}): {}", redact(message)),
        Words(_) if message.is_empty() => format!("AWS answered {code} to {action}"),
        Words(_) => redact(message),
    };
    Error::new(meaning.kind(), code.to_owned(), message)
}

/// The error of a launch whose image is a reference to a parameter, without AWS's message if the
/// parameter is at fault: a parameter may be a secret, and EC2's message may repeat its value. The
/// cause in the log has it.
pub fn without_parameter(error: Error) -> Error {
    let message = error.message.to_ascii_lowercase();
    let says = ["ssm", "systems manager", "parameter store", "aws:ec2:image"].iter().any(|word| message.contains(word));
    let code = |start: &str| error.code.starts_with(start);
    let of_the_role = message.contains("this function's execution role");
    if of_the_role || !(says || code("Ssm") || code("SSM") || code("InvalidAMI")) {
        return error;
    }
    let message = format!("EC2 could not take the image from the Systems Manager parameter ({})", error.code);
    Error { message, ..error }
}

/// The IAM action that AWS's message names as denied. It may be another than that of the call.
fn denied_action(code: &str, message: &str) -> Option<String> {
    #[expect(clippy::expect_used, reason = "a constant pattern; a test compiles it")]
    static DENIED: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"not authorized to perform:? +([a-z0-9-]{1,32}:[A-Za-z]{1,64})\b").expect("a constant pattern")
    });
    if code == "AuthFailure.ServiceLinkedRoleCreationNotPermitted" {
        return Some("iam:CreateServiceLinkedRole".to_owned());
    }
    Some(DENIED.captures(message)?.get(1)?.as_str().to_owned())
}

/// The code in an error response of EC2 or S3.
pub(crate) fn error_code(body: &[u8]) -> Option<String> {
    xml_element(body, "Code")
}

/// The text of the first element of this name in an XML document.
pub(crate) fn xml_element(body: &[u8], name: &str) -> Option<String> {
    let body = String::from_utf8_lossy(body);
    let (_, text) = body.split_once(&format!("<{name}>"))?;
    Some(text.split_once(&format!("</{name}>"))?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_has_no_code_twice() {
        for pair in CODES.windows(2) {
            assert!(pair[0].0.to_lowercase() < pair[1].0.to_lowercase(), "{} and {}", pair[0].0, pair[1].0);
        }
    }
}
