//! Reads a Lambda event, whatever a caller made API Gateway put into it.
//!
//! The types of `lambda_http` refuse a whole event for one member of another type, and its
//! conversion to a request panics at some hosts, query strings and bodies. A failed invocation is
//! answered by the gateway, without a log line. So an event is kept as text until the function
//! handles it, and only the members below are read.
//!
//! The members of the request itself (method, path, query, body) have their type, or the event is
//! refused: a request that is read in part could be another request. Any other member of another
//! type counts as absent.

use super::gateway::{Gateway, Payload, without_base_path};
use super::lenient::{object, object_from, or_default, texts};
use crate::model::AccountId;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use lambda_http::aws_lambda_events::query_map::QueryMap;
use lambda_http::http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue};
use lambda_http::http::{Method, Request};
use lambda_http::{Body, RequestExt as _};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The longest path, and the longest query string, in bytes. API Gateway takes 10,240 for the
/// request line and all headers together.
const MAX_PATH_LEN: usize = 10_240;

/// An event of any kind, as text.
#[derive(Debug)]
pub struct Event(Box<RawValue>);

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::deserialize(deserializer).map(Self)
    }
}

impl Event {
    /// The request of an API Gateway event (payload 1.0 or 2.0), with [`Gateway`] as an extension.
    /// The path is encoded. An event of another kind becomes a request without a path, which the
    /// router refuses.
    pub fn into_request(self) -> Request<Body> {
        let event: ApiEvent<'_> = object_from(&self.0);
        event.into_request().unwrap_or_default()
    }
}

/// The members of both payloads that this function reads.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ApiEvent<'a> {
    // Payload 2.0.
    #[serde(deserialize_with = "or_default")]
    raw_path: Option<String>,
    #[serde(borrow)]
    raw_query_string: Option<&'a RawValue>,
    #[serde(deserialize_with = "or_default")]
    cookies: Vec<Value>,
    // Payload 1.0.
    #[serde(deserialize_with = "or_default")]
    http_method: Option<String>,
    #[serde(deserialize_with = "or_default")]
    path: Option<String>,
    #[serde(deserialize_with = "or_default")]
    resource: Option<String>,
    #[serde(deserialize_with = "or_default")]
    path_parameters: Map<String, Value>,
    #[serde(borrow)]
    multi_value_query_string_parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    multi_value_headers: Option<&'a RawValue>,
    // Both.
    #[serde(borrow)]
    query_string_parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    #[serde(borrow)]
    is_base64_encoded: Option<&'a RawValue>,
    #[serde(deserialize_with = "object")]
    request_context: Context,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Context {
    #[serde(deserialize_with = "or_default")]
    account_id: Option<String>,
    #[serde(deserialize_with = "or_default")]
    api_id: Option<String>,
    #[serde(deserialize_with = "or_default")]
    domain_name: Option<String>,
    #[serde(deserialize_with = "or_default")]
    stage: Option<String>,
    #[serde(deserialize_with = "object")]
    authorizer: Authorizer,
    #[serde(deserialize_with = "object")]
    http: Http,
    #[serde(deserialize_with = "object")]
    identity: Identity,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Authorizer {
    #[serde(deserialize_with = "object")]
    jwt: Jwt,
    #[serde(deserialize_with = "object")]
    iam: Identity,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Jwt {
    #[serde(deserialize_with = "or_default")]
    claims: Map<String, Value>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Http {
    #[serde(deserialize_with = "or_default")]
    method: Option<String>,
    #[serde(deserialize_with = "or_default")]
    source_ip: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Identity {
    #[serde(deserialize_with = "or_default")]
    source_ip: Option<String>,
    #[serde(deserialize_with = "or_default")]
    user_arn: Option<String>,
}

impl ApiEvent<'_> {
    /// The request; `None` if its method, path, query or body is missing or malformed.
    fn into_request(self) -> Option<Request<Body>> {
        let query = self.query()?;
        let body = self.body()?;
        let headers = self.headers();
        let Self { request_context: context, http_method, raw_path, path, resource, path_parameters, .. } = self;
        // Only payload 2.0 has this member.
        let payload = if context.http.method.is_some() { Payload::V2 } else { Payload::V1 };
        let (method, path) = match payload {
            Payload::V2 => (context.http.method, raw_path),
            Payload::V1 => (http_method, path),
        };
        let method = Method::from_bytes(method?.as_bytes()).ok()?;
        let path = path.filter(|path| path.starts_with('/') && path.len() <= MAX_PATH_LEN)?;
        let path = match payload {
            Payload::V1 => match resource {
                Some(resource) => without_base_path(&path, &resource, &path_parameters).to_owned(),
                None => path,
            },
            // An HTTP API has decoded the path. REST APIs, function URLs and cargo-lambda's
            // emulator (which has no API ID) have not. The router reads the encoded form.
            Payload::V2 => {
                let function_url = context.domain_name.as_ref().is_some_and(|name| name.contains(".lambda-url."));
                if context.api_id.is_some() && !function_url { path.replace('%', "%25") } else { path }
            }
        };
        let (source_ip, user_arn, claims) = match payload {
            Payload::V2 => (context.http.source_ip, context.authorizer.iam.user_arn, context.authorizer.jwt.claims),
            Payload::V1 => (context.identity.source_ip, context.identity.user_arn, Map::new()),
        };
        let account = context.account_id.as_deref().and_then(AccountId::parse);
        let (stage, domain_name) = (context.stage, context.domain_name);
        let gateway = Gateway { payload, account, stage, domain_name, source_ip, user_arn, claims };
        let mut request = Request::new(body).with_raw_http_path(path).with_query_string_parameters(query);
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        request.extensions_mut().insert(gateway);
        Some(request)
    }

    /// The query parameters. A name without a value has an empty one: `query_map` panics at a name
    /// without any.
    fn query(&self) -> Option<QueryMap> {
        if let Some(query) = member::<String>(self.raw_query_string)? {
            // Never fails: bytes that are not UTF-8 become U+FFFD, which the parameter reader
            // refuses.
            return query.parse().ok();
        }
        let mut query: HashMap<String, Vec<String>> = HashMap::new();
        // Both have all names, but only the first has all values.
        for members in [self.multi_value_query_string_parameters, self.query_string_parameters].into_iter().flatten() {
            for (name, values) in texts(members)? {
                let mut values = values?;
                if values.is_empty() {
                    values.push(String::new());
                }
                query.entry(name).or_insert(values);
            }
        }
        let pairs = query.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
        let len: usize = pairs.map(|(name, value)| name.len() + value.len() + 2).sum();
        (len <= MAX_PATH_LEN).then(|| query.into())
    }

    fn body(&self) -> Option<Body> {
        let Some(body) = member::<String>(self.body)? else { return Some(Body::Empty) };
        match member(self.is_base64_encoded)? {
            Some(true) => BASE64_STANDARD.decode(body).ok().map(Body::Binary),
            _ => Some(Body::Text(body)),
        }
    }

    /// The headers that are valid in HTTP.
    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        // Both have all names, but only the first has all values.
        for members in [self.multi_value_headers, self.headers].into_iter().flatten() {
            let mut added = HeaderMap::new();
            for (name, values) in texts(members).unwrap_or_default() {
                let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { continue };
                if headers.contains_key(&name) {
                    continue;
                }
                for value in values.into_iter().flatten() {
                    append(&mut added, name.clone(), value);
                }
            }
            headers.extend(added);
        }
        for cookie in self.cookies.iter().filter_map(Value::as_str) {
            append(&mut headers, COOKIE, cookie.to_owned());
        }
        headers
    }
}

fn append(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.append(name, value);
    }
}

/// A member that is a `T`, `null` or absent. The outer `None`: it is anything else.
fn member<T: DeserializeOwned>(json: Option<&RawValue>) -> Option<Option<T>> {
    json.map(|json| serde_json::from_str(json.get())).transpose().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(event: &Value) -> Request<Body> {
        let event: Event = serde_json::from_str(&event.to_string()).unwrap();
        event.into_request()
    }

    fn path(event: &Value) -> String {
        request(event).raw_http_path().to_owned()
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
                let headers = json!({"host": host, "x-forwarded-proto": "a b"});
                assert_eq!(path(&v2("/ec2/list", query, headers)), "/ec2/list");
                assert_eq!(path(&v1("/ec2/list", json!({"a": [query]}), json!({"Host": [host]}))), "/ec2/list");
            }
        }
        let request = request(&v2("/ec2/list", "a=<b>&a=c+d", json!({})));
        let query = request.query_string_parameters();
        assert_eq!(query.all("a").unwrap(), ["<b>", "c d"]);
    }

    #[test]
    fn hostile_paths_are_read_without_a_panic() {
        for hostile in ["//[", "/a b", "/%", "/%2F/..", "/é\u{0}", "/\\evil", "/?#", "/:99999/"] {
            assert_eq!(path(&v2(hostile, "", json!({}))), hostile.replace('%', "%25"));
            assert_eq!(path(&v1(hostile, json!({}), json!({}))), hostile);
            let mut event = v1(hostile, json!({}), json!({}));
            (event["resource"], event["pathParameters"]) = (json!(hostile), json!({"proxy": hostile, "": "{"}));
            assert_eq!(path(&event), hostile);
        }
        for hostile in ["", "x", ":99999", &format!("/{}", "a".repeat(MAX_PATH_LEN))] {
            assert_eq!(path(&v2(hostile, "", json!({}))), "");
            assert_eq!(path(&v1(hostile, json!({}), json!({}))), "");
        }
    }

    #[test]
    fn the_path_is_read_in_its_encoded_form_from_every_kind_of_api() {
        let mut event = v2("/s3/demo-x/100% é%41", "", json!({}));
        assert_eq!(path(&event), "/s3/demo-x/100%25 é%2541");
        event["rawPath"] = json!("/s3/demo-x/100%25%20%C3%A9%2541");
        event["requestContext"]["domainName"] = json!("x.lambda-url.us-east-1.on.aws");
        assert_eq!(path(&event), "/s3/demo-x/100%25%20%C3%A9%2541");
        event["requestContext"].as_object_mut().unwrap().remove("apiId");
        event["requestContext"]["domainName"] = json!("localhost");
        assert_eq!(path(&event), "/s3/demo-x/100%25%20%C3%A9%2541");
    }

    #[test]
    fn an_event_whose_body_is_not_valid_base64_is_refused() {
        for body in ["%", "YQ", "YQ==\n", "é"] {
            let mut event = v2("/health", "", json!({}));
            event["body"] = json!(body);
            assert_eq!(path(&event), "/health");
            event["isBase64Encoded"] = json!(true);
            assert_eq!(path(&event), "", "{body}");
            let mut event = v1("/health", json!({}), json!({}));
            (event["body"], event["isBase64Encoded"]) = (json!(body), json!(true));
            assert_eq!(path(&event), "", "{body}");
        }
    }

    #[test]
    fn headers_and_cookies_are_all_kept_if_they_are_valid() {
        let headers =
            json!({"x-name": "a\u{1}", "x-api-key": "k", "x y": "z", "x-é": "z", "x-text": "é", "x-none": []});
        let mut event = v2("/health", "", headers);
        event["cookies"] = json!(["a=b", 5, "c=\n", "api_key=k"]);
        let headers = request(&event).headers().clone();
        let all = |name: &str| headers.get_all(name).into_iter().map(HeaderValue::as_bytes).collect::<Vec<_>>();
        assert_eq!(headers.keys_len(), 3, "{headers:?}");
        assert_eq!((all("x-api-key"), all("x-text")), (vec![&b"k"[..]], vec!["é".as_bytes()]));
        assert_eq!(all("cookie"), [&b"a=b"[..], b"api_key=k"]);
        let mut event = v1("/health", json!({}), json!({"X-Api-Key": ["a", "b", "c\n"], "X-None": []}));
        event["headers"] = json!({"x-api-key": "b", "Accept": "*/*"});
        let headers = request(&event).headers().clone();
        let all = |name: &str| headers.get_all(name).into_iter().map(HeaderValue::as_bytes).collect::<Vec<_>>();
        assert_eq!((all("x-api-key"), all("accept")), (vec![&b"a"[..], b"b"], vec![&b"*/*"[..]]));
    }
}
