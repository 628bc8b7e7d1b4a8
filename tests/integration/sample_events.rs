//! The sample events of `events/`: each is the skeleton of an HTTP API event with the path, query,
//! headers and body of its own.
//!
//! The test compares them with the skeleton. `UPDATE=1 cargo test --test integration generated`
//! writes them, and makes an event for each route that has none.

use crate::generated::check;
use crate::support::{KEY, root};
use ec2_control_api::http::param_info::{ParamInfo, ParamKind};
use ec2_control_api::http::route::{BodyUse, Dialect, Route};
use ec2_control_api::routes::DIALECTS;
use serde_json::{Map, Value, json};

/// What an event has of its own.
struct Own {
    method: String,
    path: String,
    query: String,
    /// Its headers beyond those of every event.
    headers: Map<String, Value>,
    body: Value,
    base64: bool,
    trace_id: Value,
    request_id: Value,
    time: Value,
    time_epoch: Value,
}

const DOMAIN: &str = "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com";

/// The headers of every event, with their values; none of them is an event's own.
const COMMON_HEADERS: [(&str, &str); 5] = [
    ("host", DOMAIN),
    ("x-forwarded-for", "203.0.113.10"),
    ("x-forwarded-port", "443"),
    ("x-forwarded-proto", "https"),
    ("x-amzn-trace-id", ""),
];

impl Own {
    /// What an event of the file has of its own.
    fn of_event(event: &Value) -> Self {
        let context = &event["requestContext"];
        let mut headers = event["headers"].as_object().unwrap().clone();
        headers.retain(|name, _| !COMMON_HEADERS.iter().any(|(common, _)| common == name));
        Self {
            method: context["http"]["method"].as_str().unwrap().to_owned(),
            path: event["rawPath"].as_str().unwrap().to_owned(),
            query: event["rawQueryString"].as_str().unwrap().to_owned(),
            headers,
            body: event["body"].clone(),
            base64: event["isBase64Encoded"].as_bool().unwrap(),
            trace_id: event["headers"]["x-amzn-trace-id"].clone(),
            request_id: context["requestId"].clone(),
            time: context["time"].clone(),
            time_epoch: context["timeEpoch"].clone(),
        }
    }

    /// A request of a route with the examples of its required parameters.
    fn of_route(dialect: &Dialect, route: &Route) -> Self {
        let mut path = route.path.replace("...}", "}");
        for segment in dialect.segments {
            path = path.replace(&format!("{{{}}}", segment.name), segment.example);
        }
        let example = |parameter: &ParamInfo| match parameter.kind {
            ParamKind::Tag => format!("tag:team={}", parameter.example),
            _ => format!("{}={}", parameter.name, parameter.example),
        };
        let required = route.parameters.iter().filter(|parameter| parameter.required);
        let mut headers = json!({"accept": "*/*", "user-agent": "curl/8.5.0"});
        if !route.is_public() {
            headers["x-api-key"] = json!(KEY);
        }
        if route.methods[0] != "GET" && route.body == BodyUse::Parameters {
            headers["content-length"] = json!("0");
        }
        Self {
            method: route.methods[0].to_owned(),
            path,
            query: required.map(example).collect::<Vec<_>>().join("&"),
            headers: headers.as_object().unwrap().clone(),
            body: Value::Null,
            base64: false,
            trace_id: json!("Root=1-69a551a9-70fe571cfb2d8563f5d49caf"),
            request_id: json!("xcDQKo3HkRMe+u4="),
            time: json!("02/Mar/2026:09:00:25 +0000"),
            time_epoch: json!(1_772_442_025_613_u64),
        }
    }

    /// The whole event.
    fn event(&self) -> Value {
        let mut headers = self.headers.clone();
        headers.extend(COMMON_HEADERS.map(|(name, value)| (name.to_owned(), json!(value))));
        headers.insert("x-amzn-trace-id".to_owned(), self.trace_id.clone());
        headers.sort_keys();
        let mut event = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": self.path,
            "rawQueryString": self.query,
            "headers": headers,
        });
        // API Gateway joins the values of a repeated parameter.
        let mut parameters: Map<String, Value> = Map::new();
        for (name, value) in form_urlencoded::parse(self.query.as_bytes()) {
            let joined = parameters.get(&*name).and_then(Value::as_str).map(|before| format!("{before},{value}"));
            parameters.insert(name.into_owned(), json!(joined.unwrap_or_else(|| value.into_owned())));
        }
        if !parameters.is_empty() {
            event["queryStringParameters"] = parameters.into();
        }
        event["requestContext"] = json!({
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": DOMAIN,
            "domainPrefix": "a1b2c3d4e5",
            "http": {
                "method": self.method,
                "path": self.path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.10",
                "userAgent": self.headers["user-agent"],
            },
            "requestId": self.request_id,
            "routeKey": "$default",
            "stage": "$default",
            "time": self.time,
            "timeEpoch": self.time_epoch,
        });
        if !self.body.is_null() {
            event["body"] = self.body.clone();
        }
        event["isBase64Encoded"] = json!(self.base64);
        event
    }
}

#[test]
fn generated_sample_events_have_the_skeleton_of_an_http_api_event() {
    for dialect in DIALECTS {
        for route in dialect.routes {
            let name =
                if dialect.name == "meta" { route.name.to_owned() } else { format!("{}-{}", dialect.name, route.name) };
            let path = format!("events/{name}.json");
            let own = match std::fs::read_to_string(root().join(&path)) {
                Ok(text) => Own::of_event(&serde_json::from_str(&text).unwrap()),
                Err(_) if crate::events::names().iter().any(|other| leads_to(other, route)) => continue,
                Err(_) => Own::of_route(dialect, route),
            };
            check(&path, &(serde_json::to_string_pretty(&own.event()).unwrap() + "\n"));
        }
    }
}

/// Whether a sample event of another name is one of the route: the routes of
/// `/instance/.../{action}`.
fn leads_to(name: &str, route: &Route) -> bool {
    route.path.ends_with("{action}") && name.starts_with("instance-")
}
