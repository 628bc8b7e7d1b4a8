//! Request headers of `/s3` that condition, verify or describe. Each is passed on to S3 or refused:
//! a condition that is dropped is how an object is overwritten.

use crate::error::Error;
use crate::model::{CHECKSUM_HEADERS, ObjectHeaders};
use lambda_http::http::HeaderMap;
use lambda_http::http::header::{AUTHORIZATION, HeaderValue};

/// What a request does with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Read,
    Store,
    Delete,
    /// It is about no object.
    Other,
}

impl Purpose {
    /// The headers that S3 takes for it.
    fn taken(self) -> impl Iterator<Item = &'static str> {
        let (headers, checksums): (&[&str], &[&str]) = match self {
            Self::Read => (
                &[
                    "if-match",
                    "if-modified-since",
                    "if-none-match",
                    "if-unmodified-since",
                    "range",
                    "x-amz-checksum-mode",
                ],
                &[],
            ),
            Self::Store => (
                &[
                    "cache-control",
                    CONTENT_ENCODING,
                    "content-disposition",
                    "content-language",
                    "content-md5",
                    "if-match",
                    "if-none-match",
                ],
                &CHECKSUM_HEADERS,
            ),
            Self::Delete => (&["if-match"], &[]),
            Self::Other => (&[], &[]),
        };
        headers.iter().chain(checksums).copied()
    }
}

const CONTENT_ENCODING: &str = "content-encoding";

/// Headers that change the effect of a request. Where they are not passed on, they are refused.
const CONDITIONS: [&str; 8] = [
    "content-md5",
    "content-range",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "range",
];

/// Headers of a signature of the request (SigV4), which API Gateway checks.
const SIGNATURE_HEADERS: [&str; 3] = ["x-amz-content-sha256", "x-amz-date", "x-amz-security-token"];

/// Added by CloudFront to each request.
const CLOUDFRONT_HEADER: &str = "x-amz-cf-id";

/// The headers to pass on to S3.
///
/// # Errors
/// A header that can't be honoured, by its name.
pub(super) fn relayed_headers(headers: &HeaderMap, purpose: Purpose) -> Result<ObjectHeaders, Error> {
    let mut names: Vec<_> = headers.keys().map(|name| name.as_str().to_owned()).collect();
    names.sort_unstable();
    let is_signed = headers.get_all(AUTHORIZATION).iter().any(|value| value.as_bytes().starts_with(b"AWS4-"));
    let mut relayed = Vec::new();
    for name in names {
        let values: Vec<_> = headers.get_all(&name).iter().map(HeaderValue::as_bytes).collect();
        if let Some(taken) = purpose.taken().find(|taken| *taken == name) {
            relayed.push((taken, text(taken, &values)?));
        } else if SIGNATURE_HEADERS.contains(&name.as_str()) && is_signed {
            if values.iter().any(|value| value.starts_with(b"STREAMING-")) {
                return Err(Error::invalid(name, "must not announce a body in signed chunks"));
            }
        } else if CONDITIONS.contains(&name.as_str()) || name.starts_with("x-amz-") && name != CLOUDFRONT_HEADER {
            return Err(Error::invalid(name, "is a header that this route does not pass on to S3"));
        }
    }
    Ok(relayed)
}

/// The value of a header; several values become one list.
fn text(name: &'static str, values: &[&[u8]]) -> Result<String, Error> {
    let texts: Option<Vec<_>> = values.iter().map(|value| std::str::from_utf8(value).ok()).collect();
    let text = texts.map(|texts| texts.join(", ")).filter(|text| text.is_ascii() && !text.trim().is_empty());
    text.ok_or_else(|| Error::invalid(name, "must be a text of ASCII characters"))
}

/// Makes `Content-Encoding` say how this content is encoded. A REST API unpacks a body, but leaves
/// the header as it was
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-enable-compression.html>).
///
/// # Errors
/// The body is framed in chunks, which would be stored as content.
pub(super) fn correct_encoding(headers: &mut ObjectHeaders, content: &[u8]) -> Result<(), Error> {
    let Some(at) = headers.iter().position(|(name, _)| *name == CONTENT_ENCODING) else { return Ok(()) };
    let (_, value) = headers.swap_remove(at);
    let mut encodings: Vec<_> = value.split(',').map(str::trim).filter(|encoding| !encoding.is_empty()).collect();
    if encodings.iter().any(|encoding| encoding.eq_ignore_ascii_case("aws-chunked")) {
        return Err(Error::invalid(CONTENT_ENCODING, "must not be aws-chunked"));
    }
    let unpacked = encodings.last().is_some_and(|outermost| match outermost.to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => !content.starts_with(&[0x1f, 0x8b]),
        "deflate" => !is_zlib(content),
        _ => false,
    });
    if unpacked {
        encodings.pop();
    }
    if !encodings.is_empty() {
        headers.push((CONTENT_ENCODING, encodings.join(", ")));
    }
    Ok(())
}

/// Whether the content begins as the zlib format does (RFC 1950, section 2.2).
fn is_zlib(content: &[u8]) -> bool {
    matches!(content, [method, flags, ..] if method & 15 == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::cors::request_headers;

    #[test]
    fn pages_of_permitted_origins_may_send_every_header_that_is_passed_on_to_s3() {
        let permitted = request_headers();
        // Every page may send it: https://fetch.spec.whatwg.org/#cors-safelisted-request-header
        let safelisted = "content-language";
        for purpose in [Purpose::Read, Purpose::Store, Purpose::Delete, Purpose::Other] {
            for name in purpose.taken().chain(SIGNATURE_HEADERS) {
                assert!(name == safelisted || permitted.split(", ").any(|known| known == name), "{name}");
            }
        }
    }

    fn encoding_of(value: &str, content: &[u8]) -> Option<String> {
        let mut headers = vec![(CONTENT_ENCODING, value.to_owned())];
        correct_encoding(&mut headers, content).unwrap();
        headers.pop().map(|(_, value)| value)
    }

    #[test]
    fn content_encoding_is_that_of_the_bytes() {
        let (gzip, zlib, text): (&[u8], &[u8], &[u8]) = (&[0x1f, 0x8b, 8], &[0x78, 0x9c, 1], b"text");
        for (value, content, expected) in [
            ("gzip", gzip, Some("gzip")),
            ("GZIP", gzip, Some("GZIP")),
            ("gzip", text, None),
            ("gzip", b"", None),
            ("deflate", zlib, Some("deflate")),
            ("deflate", text, None),
            ("br, gzip", text, Some("br")),
            ("br", text, Some("br")),
            ("identity", text, Some("identity")),
        ] {
            assert_eq!(encoding_of(value, content).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn every_condition_is_passed_on_or_refused_by_every_purpose() {
        for purpose in [Purpose::Read, Purpose::Store, Purpose::Delete, Purpose::Other] {
            for name in CONDITIONS.into_iter().chain(["x-amz-acl", "x-amz-copy-source", "x-amz-date"]) {
                let mut headers = HeaderMap::new();
                headers.insert(name, HeaderValue::from_static("x"));
                let relayed = relayed_headers(&headers, purpose);
                let passed_on =
                    relayed.as_ref().is_ok_and(|relayed| relayed.iter().any(|(relayed, _)| *relayed == name));
                let refused = relayed.as_ref().is_err_and(|error| error.parameter.as_deref() == Some(name));
                assert!(passed_on ^ refused, "{purpose:?} {name}: {relayed:?}");
            }
        }
    }

    #[test]
    fn several_values_become_one_and_values_that_are_no_text_are_refused() {
        let mut headers = HeaderMap::new();
        headers.append("if-none-match", HeaderValue::from_static("\"a\""));
        headers.append("if-none-match", HeaderValue::from_static("\"b\""));
        let relayed = relayed_headers(&headers, Purpose::Read).unwrap();
        assert_eq!(relayed, [("if-none-match", "\"a\", \"b\"".to_owned())]);
        for value in [&b""[..], b" ", b"\xff", "é".as_bytes()] {
            let mut headers = HeaderMap::new();
            headers.insert("if-match", HeaderValue::from_bytes(value).unwrap());
            let error = relayed_headers(&headers, Purpose::Read).unwrap_err();
            assert_eq!(error.message, "if-match must be a text of ASCII characters");
        }
    }
}
