//! The HTTP dialects. Each file has the same four parts in the same order: route table, decode, encode, tests.

pub mod ec2;
pub mod instance;
pub mod meta;
pub mod s3;
pub mod v1;

use crate::http::route::Dialect;

/// Every dialect. A new one is one file and one line here.
pub const DIALECTS: &[&Dialect] = &[&ec2::DIALECT, &instance::DIALECT, &v1::DIALECT, &s3::DIALECT, &meta::DIALECT];

/// The answer to an outcome that the dialect's own decoding never leads to.
fn unexpected(outcome: &crate::operation::Outcome) -> crate::http::Reply {
    debug_assert!(false, "no route of this dialect leads to {outcome:?}");
    crate::http::Reply::empty(500)
}

/// A list, and in a header where the rest of it begins.
fn listed(json: String, next_token: Option<String>) -> crate::http::Reply {
    let reply = crate::http::Reply { status: 200, headers: Vec::new(), body: json.into() };
    next_token.into_iter().fold(reply, |reply, token| reply.with("x-next-token", token))
}

/// RFC 3339 in UTC, to the millisecond: `2012-10-29T10:51:24.000Z`.
fn rfc3339_milliseconds(it: time::OffsetDateTime) -> String {
    let it = it.to_offset(time::UtcOffset::UTC);
    let (year, month, day) = (it.year(), u8::from(it.month()), it.day());
    let (hour, minute, second, millisecond) = (it.hour(), it.minute(), it.second(), it.millisecond());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
}
