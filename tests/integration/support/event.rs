//! Events of API Gateway.

use super::KEY;
use serde_json::{Value, json};

/// An HTTP API event (payload 2.0).
pub struct HttpApiEvent(Value);

impl HttpApiEvent {
    pub fn new(method: &str, path_and_query: &str) -> Self {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        Self(json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
            "headers": {"host": "x.execute-api.us-east-1.amazonaws.com", "user-agent": "tests"},
            "requestContext": {
                "accountId": "123456789012", "apiId": "x", "domainName": "x.execute-api.us-east-1.amazonaws.com",
                "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.10", "userAgent": "tests"},
                "requestId": "g", "routeKey": "$default", "stage": "$default", "time": "16/Feb/2016:18:04:09 +0000",
                "timeEpoch": 1_455_645_849_006_u64,
            },
            "isBase64Encoded": false,
        }))
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.0["headers"][name] = json!(value);
        self
    }

    pub fn key(self) -> Self {
        self.header("x-api-key", KEY)
    }

    pub fn body(mut self, content_type: &str, body: &str) -> Self {
        self.0["body"] = json!(body);
        self.header("content-type", content_type)
    }

    pub fn json_body(self, body: &Value) -> Self {
        self.body("application/json", &body.to_string())
    }

    pub fn form_body(self, body: &str) -> Self {
        self.body("application/x-www-form-urlencoded", body)
    }

    /// Sets the member that a JSON pointer names.
    pub fn set(mut self, pointer: &str, value: Value) -> Self {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        self.0.pointer_mut(parent).unwrap()[name] = value;
        self
    }

    pub fn json(self) -> Value {
        self.0
    }
}
