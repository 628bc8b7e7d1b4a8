//! Bodies of parameters: a JSON object, a form or multipart/form-data, each of them with or without
//! gzip.

use super::members::Members;
use super::multipart;
use super::spelling::{is_dry_run, mentions_dry_run};
use crate::error::{Error, Kind};
use flate2::read::GzDecoder;
use percent_encoding::percent_decode;
use serde_json::Value;
use std::borrow::Cow;
use std::io::Read as _;

/// The largest body of parameters, in bytes: 1,000 instance IDs or 16 KiB of user data fit many
/// times.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// The largest body after gzip is unpacked, in bytes: Lambda's limit on a request.
const MAX_UNPACKED_BYTES: u64 = 6 * 1024 * 1024;

/// A body as it was sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawBody<'a> {
    /// The header `Content-Type`.
    pub content_type: Option<&'a str>,
    /// The header `Content-Encoding`.
    pub content_encoding: Option<&'a str>,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// The parameters of a body.
#[derive(Debug, Default)]
pub struct BodyParams {
    /// Names and values, in their order. Duplicates are kept.
    pub members: Vec<(String, Value)>,
    /// Whether it is a JSON object without gzip: only such a body may hold an API key.
    pub may_hold_key: bool,
}

impl RawBody<'_> {
    /// Parses the body.
    ///
    /// # Errors
    /// The body is too large, of another type, or does not parse.
    pub fn parse(&self) -> Result<BodyParams, Error> {
        if self.bytes.len() > MAX_BODY_BYTES {
            return Err(too_large(MAX_BODY_BYTES));
        }
        if self.bytes.trim_ascii().is_empty() {
            return Ok(BodyParams::default());
        }
        let (bytes, gzip) = self.unpack()?;
        let bytes = without_byte_order_mark(&bytes);
        let content_type = self.content_type.unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let text = |(name, value)| (name, Value::String(value));
        match essence.as_str() {
            "application/x-www-form-urlencoded" if bytes.trim_ascii_start().starts_with(b"{") => {
                let problem = "looks like JSON, but its Content-Type says form: send Content-Type: application/json";
                Err(Error::malformed(problem))
            }
            "application/x-www-form-urlencoded" => {
                let pairs = form_urlencoded::parse(bytes).into_owned();
                Ok(BodyParams { members: pairs.map(text).collect(), may_hold_key: false })
            }
            "multipart/form-data" => {
                let parts = multipart::parse(content_type, bytes)?;
                Ok(BodyParams { members: parts.into_iter().map(text).collect(), may_hold_key: false })
            }
            "" | "application/json" | "text/json" => Ok(BodyParams { members: json(bytes)?, may_hold_key: !gzip }),
            json_suffix if json_suffix.starts_with("application/") && json_suffix.ends_with("+json") => {
                Ok(BodyParams { members: json(bytes)?, may_hold_key: !gzip })
            }
            _ => Err(unsupported(
                "is none of the types that are taken: application/json, application/x-www-form-urlencoded, multipart/form-data",
            )),
        }
    }

    /// Parses a body that need not have parameters: one that is neither a JSON object nor a form
    /// has none.
    ///
    /// # Errors
    /// The body is too large or can't be unpacked; or it does not parse, and mentions a dry run.
    pub fn parse_if_readable(&self) -> Result<BodyParams, Error> {
        let error = match self.parse() {
            Ok(params) if params.members.iter().any(hides_dry_run) => {
                return Err(Error::malformed("mentions a dry run where none is read"));
            }
            Ok(params) => return Ok(params),
            Err(error) if error.kind == Kind::TooLarge => return Err(error),
            Err(error) => error,
        };
        // What can't be unpacked may ask for a dry run.
        let (bytes, gzip) = self.unpack()?;
        let bytes = without_byte_order_mark(&bytes);
        if let Ok(members) = json(bytes) {
            return Ok(BodyParams { members, may_hold_key: !gzip });
        }
        let decoded: Cow<'_, [u8]> = percent_decode(bytes).into();
        let mentions_dry_run = [bytes, &decoded].iter().any(|bytes| mentions_dry_run(&String::from_utf8_lossy(bytes)));
        // Packed bytes, whatever the headers say, may mention one, too.
        let packed = bytes.starts_with(GZIP_MAGIC);
        if mentions_dry_run || packed { Err(error) } else { Ok(BodyParams::default()) }
    }

    /// The bytes without gzip, and whether they were sent with it.
    fn unpack(&self) -> Result<(Cow<'_, [u8]>, bool), Error> {
        let encoding = self.content_encoding.unwrap_or_default().trim().to_ascii_lowercase();
        match encoding.as_str() {
            "" | "identity" => return Ok((self.bytes.into(), false)),
            "gzip" | "x-gzip" => {}
            _ => return Err(unsupported("has a Content-Encoding that is not taken: send it plain or with gzip")),
        }
        // A REST API unpacks a body and leaves the header.
        if !self.bytes.starts_with(GZIP_MAGIC) {
            return Ok((self.bytes.into(), true));
        }
        let mut unpacked = Vec::new();
        let read = GzDecoder::new(self.bytes).take(MAX_UNPACKED_BYTES + 1).read_to_end(&mut unpacked);
        match read {
            Ok(_) if unpacked.len() as u64 > MAX_UNPACKED_BYTES => Err(too_large(MAX_UNPACKED_BYTES as usize)),
            Ok(_) => Ok((unpacked.into(), true)),
            Err(_) => Err(Error::malformed("is not gzip, as its Content-Encoding says")),
        }
    }
}

/// The first bytes of gzip.
const GZIP_MAGIC: &[u8] = b"\x1f\x8b";

/// Whether a parameter mentions a dry run, but is none: in a longer name, such as JSON that was
/// sent as a form, or in JSON as a value.
fn hides_dry_run((name, value): &(String, Value)) -> bool {
    let in_name = mentions_dry_run(name) && !is_dry_run(name);
    let in_value = |text: &str| text.trim_start().starts_with(['{', '[']) && mentions_dry_run(text);
    in_name || value.as_str().is_some_and(in_value)
}

/// Some editors and .NET write a byte order mark.
fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn json(bytes: &[u8]) -> Result<Vec<(String, Value)>, Error> {
    if bytes.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let members = serde_json::from_slice(bytes).map(|Members(members)| members);
    members.map_err(|error| {
        let problem = match error.classify() {
            serde_json::error::Category::Data => "is not a JSON object".to_owned(),
            serde_json::error::Category::Eof => "is JSON that ends too early".to_owned(),
            _ => format!("is not JSON: line {}, column {}", error.line(), error.column()),
        };
        // The error itself is not logged: it quotes the body.
        Error::malformed(problem)
    })
}

fn too_large(max: usize) -> Error {
    let message = format!("The request body is larger than {max} bytes");
    Error::new(Kind::TooLarge, "RequestEntityTooLarge", message)
}

fn unsupported(problem: &str) -> Error {
    Error::new(Kind::UnsupportedMediaType, "UnsupportedMediaType", format!("The request body {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    const JSON: &str = r#"{"a": "x"}"#;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn parse(content_type: Option<&str>, content_encoding: Option<&str>, bytes: &[u8]) -> Result<BodyParams, Error> {
        RawBody { content_type, content_encoding, bytes }.parse()
    }

    #[test]
    fn ok_json_under_any_of_its_types_and_with_a_byte_order_mark() {
        for content_type in [None, Some("application/json; charset=utf-8"), Some("application/vnd.x+JSON")] {
            for bytes in [JSON.to_owned(), format!("\u{feff}{JSON}")] {
                let body = parse(content_type, None, bytes.as_bytes()).unwrap();
                assert_eq!(body.members, [("a".to_owned(), Value::from("x"))], "{content_type:?}");
                assert!(body.may_hold_key);
            }
        }
    }

    #[test]
    fn ok_gzip_is_unpacked_unless_the_gateway_did_it() {
        for bytes in [gzip(JSON.as_bytes()), JSON.into()] {
            let body = parse(None, Some("GZIP"), &bytes).unwrap();
            assert_eq!(body.members.len(), 1);
            assert!(!body.may_hold_key);
        }
        let form = parse(Some("application/x-www-form-urlencoded"), Some("gzip"), &gzip(b"a=x")).unwrap();
        assert_eq!(form.members, [("a".to_owned(), Value::from("x"))]);
    }

    #[test]
    fn err_gzip_is_bounded_and_must_be_whole() {
        let bomb = gzip(&vec![b' '; 7 * 1024 * 1024]);
        assert!(bomb.len() < MAX_BODY_BYTES);
        assert_eq!(parse(None, Some("gzip"), &bomb).unwrap_err().kind, Kind::TooLarge);
        let whole = gzip(JSON.as_bytes());
        let error = parse(None, Some("gzip"), &whole[..whole.len() - 4]).unwrap_err();
        assert_eq!(error.message, "The request body is not gzip, as its Content-Encoding says");
    }

    #[test]
    fn err_another_type_or_encoding_is_unsupported() {
        for content_type in ["text/plain", "application/xml", "application/octet-stream", "json"] {
            assert_eq!(parse(Some(content_type), None, b"{}").unwrap_err().kind, Kind::UnsupportedMediaType);
            assert!(parse(Some(content_type), None, b" ").unwrap().members.is_empty());
        }
        assert_eq!(parse(None, Some("br"), b"{}").unwrap_err().kind, Kind::UnsupportedMediaType);
    }

    #[test]
    fn ok_an_optional_body_is_passed_over_unless_it_mentions_a_dry_run() {
        let read = |content_type, content_encoding, bytes: &[u8]| {
            RawBody { content_type, content_encoding, bytes }.parse_if_readable().map(|body| body.members.len())
        };
        for bytes in ["hello", "[1]", "{", "{\"a\": "] {
            assert_eq!(read(None, None, bytes.as_bytes()).ok(), Some(0), "{bytes}");
            assert_eq!(read(None, Some("gzip"), &gzip(bytes.as_bytes())).ok(), Some(0), "{bytes}");
        }
        for content_type in ["text/plain", "application/x-www-form-urlencoded"] {
            assert_eq!(read(Some(content_type), None, JSON.as_bytes()).ok(), Some(1));
            assert_eq!(read(Some(content_type), Some("gzip"), &gzip(JSON.as_bytes())).ok(), Some(1));
        }
        for bytes in ["{\"dry_run\": true", "Dry-Run: true", "x dry%5Frun=1"] {
            for content_type in [None, Some("text/plain")] {
                assert!(read(content_type, None, bytes.as_bytes()).is_err(), "{bytes}");
                assert!(read(content_type, Some("gzip"), &gzip(bytes.as_bytes())).is_err(), "{bytes}");
            }
        }
        let form = Some("application/x-www-form-urlencoded");
        for bytes in ["%7B%22dry_run%22%3A+true%7D=", "options=%7B%22dry_run%22%3Atrue%7D", "x=1&my.dry_run.x=1"] {
            assert!(read(form, None, bytes.as_bytes()).is_err(), "{bytes}");
        }
        assert!(read(None, None, br#"{"options": "{\"dry_run\": true}"}"#).is_err());
        assert_eq!(read(form, None, b"dry_run=true&x=dry").ok(), Some(2));
        // Whether these ask for a dry run can't be known.
        assert!(read(Some("application/gzip"), None, &gzip(b"{\"dry_run\": true}")).is_err());
        assert!(read(Some("text/plain"), Some("br"), b"\x0b\x02\x80").is_err());
        assert!(read(Some("text/plain"), Some("gzip"), b"\x1f\x8b").is_err());
    }
}
