//! A dialect's response, without the headers that every response has.

use lambda_http::Body;
use lambda_http::http::{HeaderMap, HeaderName};
use serde::Serialize;

/// The Content-Type of a text body without another type.
pub const JSON: &str = "application/json";

/// A response without the headers that every response has.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body; a text is JSON unless a header says otherwise.
    pub body: Body,
}

impl Reply {
    /// A JSON body.
    pub fn json(status: u16, value: &impl Serialize) -> Self {
        match serde_json::to_string(value) {
            Ok(json) => Self { status, headers: Vec::new(), body: Body::Text(json) },
            // Serialization fails for maps with keys that are not strings; no type here has one.
            Err(_) => Self::empty(500),
        }
    }

    /// No body.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::Empty }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The value of a request header, if it is text.
pub fn header_value<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
