//! Documents: answers that are the same for everybody, such as pages. Kept compressed, answered with an entity tag, so that a
//! client that has a document already gets 304 instead of it.

use super::Reply;
use flate2::Compression;
use flate2::write::{GzDecoder, GzEncoder};
use lambda_http::Body;
use lambda_http::http::HeaderMap;
use lambda_http::http::header::{ACCEPT_ENCODING, HeaderName, HeaderValue, IF_NONE_MATCH};
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use std::io::{Error, Write as _};

/// A document. Those of [`pages`](crate::pages) are made by the build; one that is known only at run time is made once
/// and kept.
#[derive(Debug)]
pub struct Document {
    /// Its Content-Type.
    pub content_type: &'static str,
    /// Its Content-Security-Policy.
    pub policy: &'static str,
    /// For how long a client may keep it.
    pub caching: Caching,
    /// The SHA-256 of its content, in hex.
    pub digest: Cow<'static, str>,
    /// Its content, compressed by gzip.
    pub gzip: Cow<'static, [u8]>,
}

/// For how long a client may keep a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// As long as it asks each time whether the document is still the same.
    Revalidate,
    /// For good: the path has its version in it.
    Immutable,
}

/// The policy of a document that is not a page.
pub const NO_PAGE: &str = "default-src 'none'; frame-ancestors 'none'";

impl Document {
    /// A document that is no page, made at run time.
    pub fn new(content_type: &'static str, content: &[u8]) -> Self {
        let digest = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        // Writing to memory does not fail.
        let gzip = encoder.write_all(content).and_then(|()| encoder.finish()).unwrap_or_default();
        Self {
            content_type,
            policy: NO_PAGE,
            caching: Caching::Revalidate,
            digest: Cow::Owned(digest),
            gzip: Cow::Owned(gzip),
        }
    }

    /// Its content, as it was before it was compressed.
    fn content(&self) -> Result<Vec<u8>, Error> {
        let mut decoder = GzDecoder::new(Vec::new());
        decoder.write_all(&self.gzip)?;
        decoder.finish()
    }

    /// The answer to a client that has sent these headers.
    pub fn reply(&self, headers: &HeaderMap) -> Reply {
        let gzip = takes_gzip(headers);
        // What is not the same bytes has not the same strong tag.
        let etag = format!("\"{}{}\"", self.digest, if gzip { "-gzip" } else { "" });
        let reply = if has(headers, &etag) {
            Reply::empty(304)
        } else {
            let body = if gzip { Some(Body::Binary(self.gzip.to_vec())) } else { self.content().ok().map(text) };
            // The build, or `new`, has compressed it: there is nothing in it that can't be read.
            let Some(body) = body else { return Reply::empty(500) };
            let reply = Reply { status: 200, headers: Vec::new(), body }.with("content-type", self.content_type);
            if gzip { reply.with("content-encoding", "gzip") } else { reply }
        };
        let cache_control = match self.caching {
            Caching::Revalidate => "no-cache",
            Caching::Immutable => "public, max-age=31536000, immutable",
        };
        reply
            .with("etag", etag)
            .with("cache-control", cache_control)
            .with("vary", "accept-encoding")
            .with("content-security-policy", self.policy)
            .with("cross-origin-opener-policy", "same-origin")
            .with("referrer-policy", "no-referrer")
            .with("x-frame-options", "DENY")
    }
}

/// Text where it is text: then it needs no base64 on its way through API Gateway.
fn text(content: Vec<u8>) -> Body {
    String::from_utf8(content).map_or_else(|other| Body::Binary(other.into_bytes()), Body::Text)
}

/// The values of a header that is a list, however many lines it has.
fn list(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| HeaderValue::to_str(line).ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// Whether a client takes gzip at least as gladly as plain bytes: <https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3>.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let (mut gzip, mut any, mut identity) = (None, None, None);
    for item in list(headers, ACCEPT_ENCODING) {
        let (coding, parameter) = item.split_once(';').unwrap_or((item, ""));
        let weight = match parameter.trim().split_once('=') {
            Some((name, weight)) if name.trim().eq_ignore_ascii_case("q") => weight.trim().parse().unwrap_or(0.0),
            _ => 1.0,
        };
        match coding.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => gzip = Some(weight),
            "*" => any = Some(weight),
            "identity" => identity = Some(weight),
            _ => {}
        }
    }
    let gzip: f32 = gzip.or(any).unwrap_or(0.0);
    gzip > 0.0 && identity.is_none_or(|identity| gzip >= identity)
}

/// Whether a client says that it has what that tag stands for. Weak comparison:
/// <https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2>.
fn has(headers: &HeaderMap, etag: &str) -> bool {
    list(headers, IF_NONE_MATCH).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), HeaderValue::from_str(line).unwrap())).collect()
    }

    #[test]
    fn gzip_is_for_who_takes_it_and_not_for_who_would_rather_have_plain_bytes() {
        for lines in [
            &["gzip"][..],
            &["gzip, deflate, br, zstd"],
            &["br", "gzip"],
            &["x-GZIP"],
            &["gzip;q=0.1"],
            &["gzip ; Q = 0.5, identity;q=0.5"],
            &["*"],
            &["identity;q=0, *;q=0.2"],
        ] {
            assert!(takes_gzip(&headers(ACCEPT_ENCODING, lines)), "{lines:?}");
        }
        for lines in [
            &[][..],
            &[""],
            &["br"],
            &["identity"],
            &["gzip;q=0"],
            &["gzip;q=0.000, *"],
            &["*;q=0"],
            &["gzip;q=0.5, identity"],
            &["gzip;q=x"],
            &["gzip;q=-1"],
            &["gzip;q=NaN"],
            &["gzipped"],
        ] {
            assert!(!takes_gzip(&headers(ACCEPT_ENCODING, lines)), "{lines:?}");
        }
    }

    #[test]
    fn a_tag_is_compared_weakly_and_may_be_one_of_many() {
        for lines in [&["\"a\""][..], &["W/\"a\""], &["\"b\", \"a\""], &["\"b\",W/\"a\" "], &["\"b\"", "\"a\""], &["*"]]
        {
            assert!(has(&headers(IF_NONE_MATCH, lines), "\"a\""), "{lines:?}");
        }
        for lines in [&[][..], &[""], &["a"], &["\"A\""], &["w/\"a\""], &["\"b\""], &["\"a-gzip\""]] {
            assert!(!has(&headers(IF_NONE_MATCH, lines), "\"a\""), "{lines:?}");
        }
    }

    #[test]
    fn a_document_made_at_run_time_is_answered_as_one_of_the_build() {
        let made = Document::new("application/json", b"{\"a\": [1, 2]}");
        let plain = made.reply(&HeaderMap::new());
        assert_eq!((plain.status, plain.body), (200, Body::Text("{\"a\": [1, 2]}".to_owned())));
        let gzip = made.reply(&headers(ACCEPT_ENCODING, &["gzip"]));
        assert!(matches!(&gzip.body, Body::Binary(bytes) if bytes.starts_with(&[0x1f, 0x8b])));
        let tag = |reply: &Reply| reply.headers.iter().find(|(name, _)| *name == "etag").unwrap().1.clone();
        let again = made.reply(&headers(IF_NONE_MATCH, &[&format!("\"{}\"", made.digest)]));
        assert_eq!((again.status, again.body), (304, Body::Empty));
        assert_eq!(tag(&gzip), format!("\"{}-gzip\"", made.digest));
    }
}
