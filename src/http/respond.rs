//! Turns a reply into a response.

use super::reply::{JSON, Reply};
use lambda_http::http::StatusCode;
use lambda_http::http::header::{HeaderName, HeaderValue};
use lambda_http::{Body, Response};

/// Adds the headers that every response has: the type, the request ID, the warnings.
pub fn add_common_headers(reply: Reply, request_id: &str, warnings: &[String]) -> Response<Body> {
    let mut response = Response::new(reply.body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = matches!(response.body(), Body::Text(_)).then(|| ("content-type", JSON.to_owned()));
    let warnings: Vec<_> = warnings.iter().map(|text| format!("299 - \"{}\"", quoted_text(text))).collect();
    let headers = json
        .into_iter()
        .chain([
            ("cache-control", "no-store".to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
            ("x-request-id", request_id.to_owned()),
        ])
        .chain((!warnings.is_empty()).then(|| ("warning", warnings.join(", "))))
        .chain(reply.headers);
    for (name, value) in headers {
        // Invalid values do not come from this function.
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// Text that is valid in a quoted string of a header.
fn quoted_text(text: &str) -> String {
    text.chars()
        .take(512)
        .map(|c| if c.is_ascii_graphic() && !"\"\\".contains(c) || c == ' ' { c } else { '?' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_a_caller_cannot_break_out_of_a_header() {
        assert_eq!(quoted_text("a\"b\\c\r\nd: é"), "a?b?c??d: ?");
        assert_eq!(quoted_text(&"x".repeat(9999)).len(), 512);
    }
}
