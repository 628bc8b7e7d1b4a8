//! The one error type of all layers.
//!
//! Inner layers say *what kind* of failure it is; only [`http`](crate::http) knows which status that is, and only a
//! dialect knows how its documented error body looks.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::{fmt, io, iter};

/// What went wrong, in terms of who can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request is malformed or has an invalid value.
    Invalid,
    /// No API key, or none that is configured.
    Unauthenticated,
    /// The caller is known, but may not do this.
    Forbidden,
    /// No such route, instance, image, bucket, ...
    NotFound,
    /// The path is known, the method is not.
    MethodNotAllowed,
    /// The request is fine, but the resource's state does not allow it.
    Conflict,
    /// The request repeats an earlier one's key, but not the request.
    Mismatch,
    /// The body is larger than the route takes.
    TooLarge,
    /// AWS asks to slow down.
    Throttled,
    /// A fault of this function.
    Internal,
    /// AWS refused the function's role, or answered with something that can't be read: not the caller's fault.
    Upstream,
    /// AWS has no capacity, or the account's quota is used up.
    Capacity,
    /// AWS could not be reached, or did not answer in time.
    Unreachable,
}

/// A failure, with what the caller is told and what only the log is told.
#[derive(Clone, Debug)]
pub struct Error {
    /// Who can do something about it.
    pub kind: Kind,
    /// A stable code for programs: AWS's own error code, or one of ours in the same style.
    pub code: Cow<'static, str>,
    /// A sentence for people. Never holds ARNs, account IDs, credentials or SDK debug text.
    pub message: String,
    /// The parameter at fault, if it is one.
    pub parameter: Option<Cow<'static, str>>,
    /// For the log only: the untouched cause.
    pub cause: Option<String>,
    /// Whether AWS was asked: what AWS refuses and what is refused before AWS is asked are told apart by some dialects.
    pub by_aws: bool,
    /// The request ID that AWS gave the failed call.
    pub aws_request_id: Option<String>,
    /// Whether what was asked for may have happened all the same: the answer was lost, not the request.
    pub uncertain: bool,
    /// For [`Kind::MethodNotAllowed`]: the methods that the path has.
    pub allow: Vec<&'static str>,
}

impl Error {
    /// An error of that kind, with nothing but a code and a message.
    pub fn new(kind: Kind, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: code.into(),
            message: message.into(),
            parameter: None,
            cause: None,
            by_aws: false,
            aws_request_id: None,
            uncertain: false,
            allow: Vec::new(),
        }
    }

    /// A value that the parameter does not take. `problem` completes the sentence that begins with the parameter's name.
    pub fn invalid(parameter: impl Into<Cow<'static, str>>, problem: impl fmt::Display) -> Self {
        let parameter = parameter.into();
        Self {
            message: format!("{parameter} {problem}"),
            parameter: Some(parameter),
            ..Self::new(Kind::Invalid, "InvalidParameterValue", "")
        }
    }

    /// A required parameter that is not there.
    pub fn missing(parameter: &'static str) -> Self {
        Self {
            parameter: Some(parameter.into()),
            ..Self::new(Kind::Invalid, "MissingParameter", format!("{parameter} is required"))
        }
    }

    /// A body that can't be read as parameters.
    pub fn malformed(problem: impl fmt::Display) -> Self {
        Self::new(Kind::Invalid, "MalformedRequest", format!("The request body {problem}"))
    }

    /// A fault of this function: the caller is told no more than that.
    pub fn internal(cause: impl Into<String>) -> Self {
        Self::new(Kind::Internal, "InternalError", "The function failed to handle the request").caused_by(cause)
    }

    /// The same error with its cause, which goes to the log only.
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

/// Somebody else's error, what it was caused by, and so on.
pub(crate) fn levels<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    iter::successors(Some(error), |&error| match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        // Its own source is the source of what is in it.
        Some(inner) => Some(inner),
        None => error.source(),
    })
}
