//! Compression of responses.

use super::gateway::Payload;
use super::negotiate;
use super::reply::{JSON, Reply};
use flate2::Compression;
use lambda_http::Body;
use lambda_http::http::header::HeaderMap;

/// The minimum size of a compressed text, in bytes: a shorter one fits into one packet with its
/// headers.
const MIN_COMPRESS_BYTES: usize = 1024;

/// Gzips large text bodies if the client accepts it.
///
/// A REST API would return the base64 text that Lambda has, except for the media types of its
/// `binaryMediaTypes`
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-payload-encodings.html>).
/// It can compress by itself.
pub fn compress(mut reply: Reply, headers: &HeaderMap, payload: Payload) -> Reply {
    let Body::Text(text) = &reply.body else { return reply };
    if text.len() < MIN_COMPRESS_BYTES || payload != Payload::V2 {
        return reply;
    }
    let gzip = negotiate::accepts_gzip(headers).then(|| negotiate::gzip(text.as_bytes(), Compression::fast()));
    // Base64 makes it longer by a third: random text would be longer than before.
    let gzip = gzip.filter(|gzip| base64::encoded_len(gzip.len(), true).is_some_and(|len| len < text.len()));
    match reply.headers.iter_mut().find(|(name, _)| *name == "vary") {
        Some((_, vary)) if vary.contains("accept-encoding") => {}
        Some((_, vary)) => vary.push_str(", accept-encoding"),
        None => reply.headers.push(("vary", "accept-encoding".to_owned())),
    }
    let Some(gzip) = gzip else { return reply };
    if !reply.headers.iter().any(|(name, _)| *name == "content-type") {
        reply.headers.push(("content-type", JSON.to_owned()));
    }
    Reply { body: Body::Binary(gzip), ..reply }.with("content-encoding", "gzip")
}
