//! The HTTP dialects. Each file has the same four parts in the same order: route table, decode, encode, tests.

pub mod ec2;
pub mod meta;

use crate::http::route::Dialect;

/// Every dialect. A new one is one file and one line here.
pub const DIALECTS: &[&Dialect] = &[&ec2::DIALECT, &meta::DIALECT];

/// The answer to an outcome that the dialect's own decoding never leads to.
fn unexpected(outcome: &crate::operation::Outcome) -> crate::http::Reply {
    debug_assert!(false, "no route of this dialect leads to {outcome:?}");
    crate::http::Reply::empty(500)
}
