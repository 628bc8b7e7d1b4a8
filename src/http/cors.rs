//! Cross-origin resource sharing (<https://fetch.spec.whatwg.org/#http-cors-protocol>): pages of
//! the configured origins may read responses. They get no cookies: the header for credentials is
//! never sent.

use super::reply::Reply;
use crate::model::{CHECKSUM_HEADERS, Origin};
use lambda_http::http::HeaderMap;
use lambda_http::http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};

/// The request headers that this function reads, beyond checksums and those that every page may
/// send.
const REQUEST_HEADERS: &str = "api-key, api_key, authorization, cache-control, content-disposition, content-encoding, \
    content-md5, content-type, idempotency-key, if-match, if-modified-since, if-none-match, if-unmodified-since, range, \
    x-amz-checksum-mode, x-amz-content-sha256, x-amz-date, x-amz-security-token, x-api-key";

/// The response headers that a page may read, beyond those that every page may.
const EXPOSED_HEADERS: &str = "x-next-token, x-request-id, x-error-code, x-schedule, warning";

/// How long a browser may keep the answer to a preflight, in seconds. Chromium keeps none longer.
const MAX_AGE: &str = "7200";

/// The request headers that pages of the configured origins may send.
pub fn request_headers() -> String {
    format!("{REQUEST_HEADERS}, {}", CHECKSUM_HEADERS.join(", "))
}

/// Answers `OPTIONS` of a known path, a preflight included.
pub fn options_reply(allow: String, origins: &[Origin], headers: &HeaderMap) -> Reply {
    let reply = Reply::empty(204);
    if !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) || allowed_origin(origins, headers).is_none() {
        return reply.with("allow", allow);
    }
    reply
        .with("access-control-allow-methods", allow.as_str())
        .with("access-control-allow-headers", request_headers())
        .with("access-control-max-age", MAX_AGE)
        .with("allow", allow)
}

/// Adds the headers by which a browser lets a page of a configured origin read the response.
pub fn add_cors_headers(mut reply: Reply, origins: &[Origin], headers: &HeaderMap) -> Reply {
    if origins.is_empty() {
        return reply;
    }
    // Also without an origin: a cache must not hand this response to a page.
    match reply.headers.iter_mut().find(|(name, _)| *name == "vary") {
        Some((_, vary)) => vary.push_str(", origin"),
        None => reply.headers.push(("vary", "origin".to_owned())),
    }
    match allowed_origin(origins, headers) {
        Some(origin) => reply
            .with("access-control-allow-origin", origin.to_string())
            .with("access-control-expose-headers", EXPOSED_HEADERS),
        None => reply,
    }
}

/// The configured origin whose page sends the request.
fn allowed_origin<'a>(origins: &'a [Origin], headers: &HeaderMap) -> Option<&'a Origin> {
    let mut values = headers.get_all(ORIGIN).into_iter();
    match (values.next(), values.next()) {
        (Some(value), None) => origins.iter().find(|origin| origin.is(value.as_bytes())),
        _ => None,
    }
}
