//! Idempotency keys.

use crate::auth::Caller;
use crate::error::Error;
use crate::model::AccountId;
use lambda_http::http::HeaderMap;
use lambda_http::http::header::HeaderValue;
use sha2::{Digest as _, Sha256};

/// The client token of a launch: made of the caller, the header `Idempotency-Key` and the other
/// account, so that launches of other callers and in other accounts never have the same token; else
/// the invocation's ID.
/// <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>
///
/// # Errors
/// The header is not one key of 1 to 64 ASCII characters, without quotes inside.
pub fn client_token(
    headers: &HeaderMap,
    caller: &Caller,
    other_account: Option<&AccountId>,
    request_id: &str,
) -> Result<String, Error> {
    const HEADER: &str = "Idempotency-Key";
    let mut keys = headers.get_all(HEADER).into_iter().map(HeaderValue::as_bytes);
    let Some(key) = keys.next() else { return Ok(request_id.to_owned()) };
    // The draft has a quoted string; most clients leave the quotes out.
    let bare = key.strip_prefix(b"\"").and_then(|key| key.strip_suffix(b"\"")).unwrap_or(key);
    let valid = (1..=64).contains(&bare.len()) && bare.iter().all(|b| matches!(b, b' '..=b'~') && *b != b'"');
    if !valid || keys.any(|other| other != key) {
        return Err(Error::invalid(HEADER, "must be one key of 1 to 64 ASCII characters, without quotes inside"));
    }
    let mut digest = Sha256::new();
    let account = other_account.map(|account| account.as_str().as_bytes());
    let parts = [caller.authentication.as_str().as_bytes(), caller.name.as_bytes(), bare];
    for part in parts.into_iter().chain(account) {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    // 64 characters: EC2's limit.
    Ok(hex::encode(digest.finalize()))
}
