//! Reads a Lambda event, whatever a caller made API Gateway put into it.
//!
//! Three things that callers control can fail an invocation in `lambda_http`, and the gateway answers a
//! failed invocation itself: a header with a control character does not deserialize, and a `Host` header
//! or a raw query string that is not a valid part of a URI panics when the URI is built. This function
//! does not use the URI: it reads the path and the parameters from the event. So those parts are removed
//! before `lambda_http` sees them.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::http::header::{HOST, HeaderName, HeaderValue};
use lambda_http::request::LambdaRequest;
use serde::de::{Deserialize, Deserializer};
use serde_json::Value;

/// The longest path, in bytes. API Gateway takes 10,240 for the request line and all headers together.
const MAX_PATH_LEN: usize = 10_240;

/// An API Gateway event (payload 1.0 or 2.0). Any JSON deserializes: if it is not such an event, the
/// result is an event without a path, which no gateway sends and the router refuses.
#[derive(Debug)]
pub struct Event(LambdaRequest);

impl From<Event> for LambdaRequest {
    fn from(event: Event) -> Self {
        event.0
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
        // Most events are of this kind, but `lambda_http` would try payload 1.0 first.
        if let Ok(event) = serde_json::from_str::<ApiGatewayV2httpRequest>(json.get())
            && event.version.as_deref() == Some("2.0")
        {
            return Ok(Self(sanitize(LambdaRequest::ApiGatewayV2(event)).unwrap_or_else(invalid_event)));
        }
        let request = serde_json::from_str(json.get()).or_else(|_| {
            let mut event: Value = serde_json::from_str(json.get())?;
            drop_invalid_headers(&mut event);
            serde_json::from_value(event)
        });
        Ok(Self(request.ok().and_then(sanitize).unwrap_or_else(invalid_event)))
    }
}

fn invalid_event() -> LambdaRequest {
    LambdaRequest::ApiGatewayV2(ApiGatewayV2httpRequest::default())
}

/// Removes the parts that `lambda_http` would build a URI from, except for the path.
fn sanitize(request: LambdaRequest) -> Option<LambdaRequest> {
    let readable =
        |path: &Option<String>| path.as_ref().is_some_and(|path| path.starts_with('/') && path.len() <= MAX_PATH_LEN);
    // `lambda_http` panics on invalid base64; no gateway sends it.
    let decodable = |body: &Option<String>, encoded: bool| {
        !encoded || body.as_ref().is_none_or(|body| BASE64_STANDARD.decode(body).is_ok())
    };
    match request {
        LambdaRequest::ApiGatewayV2(mut event)
            if readable(&event.raw_path) && decodable(&event.body, event.is_base64_encoded) =>
        {
            if let Some(query) = event.raw_query_string.take() {
                // Never fails: bytes that are not UTF-8 become U+FFFD, which the parameter reader refuses.
                event.query_string_parameters = query.parse().unwrap_or_default();
            }
            event.headers.remove(HOST);
            let domain = event.request_context.domain_name.take().unwrap_or_default();
            // An HTTP API has decoded the path. REST APIs, function URLs and cargo-lambda's emulator (which
            // has no API ID) have not. The router reads the encoded form.
            if event.request_context.apiid.is_some() && !domain.contains(".lambda-url.") {
                event.raw_path = event.raw_path.map(|path| path.replace('%', "%25"));
            }
            Some(LambdaRequest::ApiGatewayV2(event))
        }
        LambdaRequest::ApiGatewayV1(mut event)
            if readable(&event.path) && decodable(&event.body, event.is_base64_encoded) =>
        {
            let parameters =
                event.multi_value_query_string_parameters.iter().chain(event.query_string_parameters.iter());
            if parameters.map(|(name, value)| name.len() + value.len() + 2).sum::<usize>() > MAX_PATH_LEN {
                return None;
            }
            event.headers.remove(HOST);
            event.multi_value_headers.remove(HOST);
            event.request_context.domain_name = None;
            Some(LambdaRequest::ApiGatewayV1(event))
        }
        _ => None,
    }
}

/// Removes headers that are not valid in HTTP, so that the rest of the event can be read.
fn drop_invalid_headers(event: &mut Value) {
    for member in ["headers", "multiValueHeaders"] {
        let Some(headers) = event.get_mut(member).and_then(Value::as_object_mut) else { continue };
        headers.retain(|name, value| {
            let readable = |value: &Value| value.as_str().is_some_and(|text| HeaderValue::from_str(text).is_ok());
            let values = match value {
                Value::Array(values) => values.iter().all(readable),
                value => readable(value),
            };
            values && HeaderName::from_bytes(name.as_bytes()).is_ok()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::{Request, RequestExt};
    use serde_json::json;

    fn request(event: &Value) -> Request {
        let event: Event = serde_json::from_value(event.clone()).unwrap();
        LambdaRequest::from(event).into()
    }

    fn v2(path: &str, query: &str, headers: Value) -> Value {
        json!({
            "version": "2.0", "rawPath": path, "rawQueryString": query, "headers": headers, "isBase64Encoded": false,
            "requestContext": {"apiId": "x", "stage": "$default", "domainName": "[", "http": {"method": "GET", "path": path}},
        })
    }

    fn v1(path: &str, query: Value, headers: Value) -> Value {
        json!({
            "httpMethod": "GET", "path": path, "multiValueQueryStringParameters": query, "multiValueHeaders": headers,
            "requestContext": {"stage": "prod", "httpMethod": "GET", "domainName": "a b"}, "isBase64Encoded": false,
        })
    }

    #[test]
    fn hostile_hosts_and_queries_are_read_without_a_panic() {
        let long = "é".repeat(5_000);
        for host in ["[", "a b", "x:99999999", "", "%", "\\", "evil.example"] {
            for query in ["a=<b>&c=\"{}|\\^`", "%zz", "a=\u{e9}", "#", "a=b\u{0}c", long.as_str()] {
                let request = request(&v2("/ec2/list", query, json!({"host": host, "x-forwarded-proto": "a b"})));
                assert_eq!(request.raw_http_path(), "/ec2/list");
                let request = super::tests::request(&v1("/ec2/list", json!({"a": [query]}), json!({"Host": [host]})));
                assert_eq!(request.raw_http_path(), "/ec2/list");
            }
        }
        let request = request(&v2("/ec2/list", "a=<b>&a=c+d", json!({})));
        let query = request.query_string_parameters();
        assert_eq!(query.all("a").unwrap(), ["<b>", "c d"]);
    }

    #[test]
    fn hostile_paths_are_read_without_a_panic() {
        for path in ["//[", "/a b", "/%", "/%2F/..", "/é\u{0}", "/\\evil", "/?#", "/:99999/"] {
            assert_eq!(request(&v2(path, "", json!({}))).raw_http_path(), path.replace('%', "%25"));
            assert_eq!(request(&v1(path, json!({}), json!({}))).raw_http_path(), path);
        }
        for path in ["", "x", ":99999", &format!("/{}", "a".repeat(MAX_PATH_LEN))] {
            assert_eq!(request(&v2(path, "", json!({}))).raw_http_path(), "");
            assert_eq!(request(&v1(path, json!({}), json!({}))).raw_http_path(), "");
        }
    }

    #[test]
    fn the_path_is_read_in_its_encoded_form_from_every_kind_of_api() {
        let mut event = v2("/s3/demo-x/100% é%41", "", json!({}));
        assert_eq!(request(&event).raw_http_path(), "/s3/demo-x/100%25 é%2541");
        event["rawPath"] = json!("/s3/demo-x/100%25%20%C3%A9%2541");
        event["requestContext"]["domainName"] = json!("x.lambda-url.us-east-1.on.aws");
        assert_eq!(request(&event).raw_http_path(), "/s3/demo-x/100%25%20%C3%A9%2541");
        event["requestContext"].as_object_mut().unwrap().remove("apiId");
        event["requestContext"]["domainName"] = json!("localhost");
        assert_eq!(request(&event).raw_http_path(), "/s3/demo-x/100%25%20%C3%A9%2541");
    }

    #[test]
    fn an_event_whose_body_is_not_valid_base64_is_refused() {
        for body in ["%", "YQ", "YQ==\n", "é"] {
            let mut event = v2("/health", "", json!({}));
            event["body"] = json!(body);
            assert_eq!(request(&event).raw_http_path(), "/health");
            event["isBase64Encoded"] = json!(true);
            assert_eq!(request(&event).raw_http_path(), "", "{body}");
            let mut event = v1("/health", json!({}), json!({}));
            (event["body"], event["isBase64Encoded"]) = (json!(body), json!(true));
            assert_eq!(request(&event).raw_http_path(), "", "{body}");
        }
    }

    #[test]
    fn an_invalid_header_is_dropped_and_the_rest_is_read() {
        let request = request(&v2("/health", "", json!({"x-name": "a\u{7f}", "x-api-key": "k", "x y": "z"})));
        assert_eq!(request.raw_http_path(), "/health");
        assert_eq!(request.headers().get("x-api-key").unwrap(), "k");
        assert_eq!(request.headers().get("x-name"), None);
        let headers = json!({"X-Name": ["a\nb"], "X-Api-Key": ["k"]});
        let request = super::tests::request(&v1("/health", json!({}), headers));
        assert_eq!(request.headers().get("x-api-key").unwrap(), "k");
    }

    #[test]
    fn json_that_is_not_an_event_becomes_a_request_without_a_path() {
        for event in
            [json!(null), json!([]), json!({}), json!("x"), json!({"Records": []}), json!({"rawPath": "/health"})]
        {
            assert_eq!(request(&event).raw_http_path(), "", "{event}");
        }
    }
}
