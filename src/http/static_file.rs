//! Files that are the same for every caller, such as pages. They are kept compressed and have an
//! entity tag: a client that has a file gets 304.

use super::negotiate;
use super::reply::Reply;
use crate::error::Error;
use flate2::Compression;
use flate2::write::GzDecoder;
use lambda_http::Body;
use lambda_http::http::HeaderMap;
use lambda_http::http::header::IF_NONE_MATCH;
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use std::io::{self, Write as _};

/// A file. The build makes those of `src/pages`; one that is known at run time only is made once
/// and kept.
#[derive(Debug)]
pub struct StaticFile {
    /// Its Content-Type.
    pub content_type: &'static str,
    /// Its Content-Security-Policy.
    pub policy: &'static str,
    /// The SHA-256 of its content, in hex.
    pub digest: Cow<'static, str>,
    /// Its content, compressed by gzip.
    pub gzip: Cow<'static, [u8]>,
}

/// The Content-Security-Policy of a file that is not a page.
pub const CSP_NONE: &str = "default-src 'none'; frame-ancestors 'none'";

impl StaticFile {
    /// A file that is not a page, made at run time.
    pub fn new(content_type: &'static str, content: &[u8]) -> Self {
        let digest = hex::encode(Sha256::digest(content));
        let gzip = negotiate::gzip(content, Compression::default());
        Self { content_type, policy: CSP_NONE, digest: Cow::Owned(digest), gzip: Cow::Owned(gzip) }
    }

    /// The decompressed content.
    fn content(&self) -> io::Result<Vec<u8>> {
        let mut decoder = GzDecoder::new(Vec::new());
        decoder.write_all(&self.gzip)?;
        decoder.finish()
    }

    /// The reply to a request with these headers.
    ///
    /// # Errors
    /// The compressed content is corrupt.
    pub fn reply(&self, headers: &HeaderMap) -> Result<Reply, Error> {
        let gzip = negotiate::accepts_gzip(headers);
        // A strong ETag differs per encoding (RFC 9110 8.8.3.3).
        let etag = format!("\"{}{}\"", self.digest, if gzip { "-gzip" } else { "" });
        let reply = if matches_etag(headers, &etag) {
            Reply::empty(304)
        } else {
            let body = if gzip { Some(Body::Binary(self.gzip.to_vec())) } else { self.content().ok().map(text) };
            // The build or `new` has compressed it: decompression does not fail.
            let body = body.ok_or_else(|| Error::internal("a document is not gzip"))?;
            let reply = Reply { status: 200, headers: Vec::new(), body }.with("content-type", self.content_type);
            if gzip { reply.with("content-encoding", "gzip") } else { reply }
        };
        Ok(reply
            .with("etag", etag)
            .with("cache-control", "no-cache") // the client asks each time whether it has changed
            .with("vary", "accept-encoding")
            .with("content-security-policy", self.policy)
            .with("cross-origin-opener-policy", "same-origin")
            .with("referrer-policy", "no-referrer")
            .with("x-frame-options", "DENY"))
    }
}

/// A text body if the content is text: it needs no base64 on its way through API Gateway.
fn text(content: Vec<u8>) -> Body {
    String::from_utf8(content).map_or_else(|error| Body::Binary(error.into_bytes()), Body::Text)
}

/// Whether `If-None-Match` has this entity tag. Weak comparison:
/// <https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2>.
fn matches_etag(headers: &HeaderMap, etag: &str) -> bool {
    negotiate::items(headers, IF_NONE_MATCH).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::http::header::{ACCEPT_ENCODING, HeaderName, HeaderValue};

    fn headers(name: HeaderName, lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), HeaderValue::from_str(line).unwrap())).collect()
    }

    #[test]
    fn an_entity_tag_is_compared_weakly_and_may_be_one_of_several() {
        for lines in [&["\"a\""][..], &["W/\"a\""], &["\"b\", \"a\""], &["\"b\",W/\"a\" "], &["\"b\"", "\"a\""], &["*"]]
        {
            assert!(matches_etag(&headers(IF_NONE_MATCH, lines), "\"a\""), "{lines:?}");
        }
        for lines in [&[][..], &[""], &["a"], &["\"A\""], &["w/\"a\""], &["\"b\""], &["\"a-gzip\""]] {
            assert!(!matches_etag(&headers(IF_NONE_MATCH, lines), "\"a\""), "{lines:?}");
        }
    }

    #[test]
    fn file_made_at_run_time_is_served_like_a_compiled_one() {
        let made = StaticFile::new("application/json", b"{\"a\": [1, 2]}");
        let plain = made.reply(&HeaderMap::new()).unwrap();
        assert_eq!((plain.status, plain.body), (200, Body::Text("{\"a\": [1, 2]}".to_owned())));
        let gzip = made.reply(&headers(ACCEPT_ENCODING, &["gzip"])).unwrap();
        assert!(matches!(&gzip.body, Body::Binary(bytes) if bytes.starts_with(&[0x1f, 0x8b])));
        let tag = |reply: &Reply| reply.headers.iter().find(|(name, _)| *name == "etag").unwrap().1.clone();
        let again = made.reply(&headers(IF_NONE_MATCH, &[&format!("\"{}\"", made.digest)])).unwrap();
        assert_eq!((again.status, again.body), (304, Body::Empty));
        assert_eq!(tag(&gzip), format!("\"{}-gzip\"", made.digest));
    }
}
