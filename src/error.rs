//! The error type of all layers.
//!
//! An [`Error`] says who can do something about a failure: its [`Kind`]. It has no HTTP status and
//! no body. The table in `http/status.rs` gives each kind its status, and each dialect writes the
//! body that its document describes.
//!
//! An error has two messages. `message` is for the caller: it never holds ARNs, account IDs,
//! credentials or debug output of the SDK. `cause` is for the log only.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::{fmt, io, iter};

/// The kind of a failure: who can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request is malformed or has an invalid value.
    Invalid,
    /// No valid API key, token or signature.
    Unauthenticated,
    /// The caller is known, but is not permitted to do this.
    Forbidden,
    /// No such route, instance, image, bucket, ...
    NotFound,
    /// The path is known, the method is not.
    MethodNotAllowed,
    /// The resource's state does not allow it.
    Conflict,
    /// A condition of the request, such as `If-Match`, does not hold.
    PreconditionFailed,
    /// The body is larger than the route takes.
    TooLarge,
    /// The body has a type or an encoding that the route does not take.
    UnsupportedMediaType,
    /// The object has no bytes in the range of the request.
    RangeNotSatisfiable,
    /// Idempotency key reused with different parameters.
    IdempotencyMismatch,
    /// AWS asks to slow down.
    Throttled,
    /// A bug in this function.
    Internal,
    /// AWS refused the execution role, or sent a malformed response: not the caller's fault.
    Upstream,
    /// AWS has no capacity, or the account's quota is used up.
    Capacity,
    /// AWS could not be reached, or did not answer in time.
    Unreachable,
}

/// A failure: the message for the caller and the cause for the log.
#[derive(Clone, Debug)]
pub struct Error {
    /// Who can do something about it.
    pub kind: Kind,
    /// A stable code for programs: AWS's error code, or one of this function in the same style.
    pub code: Cow<'static, str>,
    /// A sentence for people. Never holds ARNs, account IDs, credentials or SDK debug text.
    pub message: String,
    /// The parameter at fault, if a parameter is at fault.
    pub parameter: Option<Cow<'static, str>>,
    /// The full cause. For the log only.
    pub cause: Option<String>,
    /// Whether the failure comes from a call to AWS. Some dialects have other statuses for those.
    pub by_aws: bool,
    /// The account that a call to AWS was about.
    pub account: ErrorAccount,
    /// AWS's request ID of the failed call.
    pub aws_request_id: Option<String>,
    /// Whether the change may have taken effect although it is reported as failed: the response was
    /// lost, not the request.
    pub outcome_unknown: bool,
}

/// The account that an error of AWS is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorAccount {
    /// That of the request.
    #[default]
    Requested,
    /// The function's own, whatever the request names.
    Own,
    /// The message names it already.
    Named,
}

impl Error {
    /// An error with a kind, a code and a message only.
    pub fn new(kind: Kind, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: code.into(),
            message: message.into(),
            parameter: None,
            cause: None,
            by_aws: false,
            account: ErrorAccount::Requested,
            aws_request_id: None,
            outcome_unknown: false,
        }
    }

    /// An invalid value of a parameter. `problem` completes the sentence that begins with the
    /// parameter's name.
    pub fn invalid(parameter: impl Into<Cow<'static, str>>, problem: impl fmt::Display) -> Self {
        let parameter = parameter.into();
        Self {
            message: format!("{parameter} {problem}"),
            parameter: Some(parameter),
            ..Self::new(Kind::Invalid, "InvalidParameterValue", "")
        }
    }

    /// A required parameter is missing.
    pub fn missing(parameter: &'static str) -> Self {
        Self {
            parameter: Some(parameter.into()),
            ..Self::new(Kind::Invalid, "MissingParameter", format!("{parameter} is required"))
        }
    }

    /// A request body that can't be parsed as parameters.
    pub fn malformed(problem: impl fmt::Display) -> Self {
        Self::new(Kind::Invalid, "MalformedRequest", format!("The request body {problem}"))
    }

    /// A bug in this function. The caller gets no details.
    pub fn internal(cause: impl Into<String>) -> Self {
        Self::new(Kind::Internal, "InternalError", "The function failed to handle the request").caused_by(cause)
    }

    /// The same error with a cause for the log.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}

/// The error and its chain of sources, including the errors wrapped in an [`io::Error`].
pub(crate) fn error_chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    iter::successors(Some(error), |&error| match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        // Its `source()` skips the wrapped error.
        Some(inner) => Some(inner),
        None => error.source(),
    })
}
