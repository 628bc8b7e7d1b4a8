//! The status of each kind of error, and the reply to an error.

use super::reply::Reply;
use super::route::{Dialect, Route};
use crate::error::{Error, Kind};

/// The status of an error. A dialect whose document has fewer statuses narrows it.
pub fn status(kind: Kind) -> u16 {
    match kind {
        Kind::Invalid => 400,
        Kind::Unauthenticated => 401,
        Kind::Forbidden => 403,
        Kind::NotFound => 404,
        Kind::MethodNotAllowed => 405,
        Kind::Conflict => 409,
        Kind::PreconditionFailed => 412,
        Kind::TooLarge => 413,
        Kind::UnsupportedMediaType => 415,
        Kind::RangeNotSatisfiable => 416,
        Kind::IdempotencyMismatch => 422,
        Kind::Throttled => 429,
        Kind::Internal => 500,
        Kind::Upstream => 502,
        Kind::Capacity => 503,
        Kind::Unreachable => 504,
    }
}

/// Encodes an error in the dialect of the request.
pub fn error_reply(dialect: &Dialect, route: Option<&Route>, error: &Error) -> Reply {
    let reply = (dialect.error)(error, status(error.kind), route);
    match error.kind {
        Kind::Unauthenticated => reply.with("www-authenticate", "Bearer"),
        Kind::Throttled => reply.with("retry-after", "2"),
        _ => reply,
    }
}
