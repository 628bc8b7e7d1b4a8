//! `OPTIONS` and cross-origin requests of web pages.

use crate::support::xml::describe;
use crate::support::{Answer, Function, HttpApiEvent, KEY, Wire};
use serde_json::json;

const ORIGIN: &str = "https://app.example.com";
const LIST: &str = "/ec2/list?region_name=us-east-1";

/// The response headers by which a browser decides on the rights of a page.
fn cors_headers(answer: &Answer) -> Vec<(&str, &str)> {
    let cors = answer.headers.iter().filter(|(name, _)| name.starts_with("access-control-"));
    cors.map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn preflight(path: &str, origin: &str) -> HttpApiEvent {
    HttpApiEvent::new("OPTIONS", path)
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,x-api-key")
}

#[tokio::test]
async fn options_of_a_known_path_is_204_with_allow_and_open() {
    let function = Function::without_aws(&[]).await;
    for (path, allow) in [
        ("/ec2/list", "GET, HEAD, OPTIONS"),
        ("/ec2/list/", "GET, HEAD, OPTIONS"),
        ("//ec2//start", "OPTIONS, POST"),
        ("/instance/us-east-1/i-0123456789abcdef0/start", "OPTIONS, POST, PUT"),
        ("/instance/derp/derp", "GET, HEAD, OPTIONS"),
        ("/v1/launch", "OPTIONS, PUT"),
        ("/s3/demo-x", "DELETE, GET, HEAD, OPTIONS, PUT"),
        ("/s3/demo-x/a/b", "DELETE, GET, HEAD, OPTIONS, PUT"),
        ("/regions", "GET, HEAD, OPTIONS"),
        ("/health", "GET, HEAD, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
    ] {
        for event in [HttpApiEvent::new("OPTIONS", path), preflight(path, ORIGIN).key()] {
            let answer = function.send(event).await;
            assert_eq!(
                (answer.status, answer.headers["allow"].as_str(), answer.body.as_str()),
                (204, allow, ""),
                "{path}"
            );
            assert_eq!(cors_headers(&answer), [], "{path}");
            assert_eq!(answer.headers.get("vary"), None, "{path}");
            let line = function.log_line();
            let expected = (&json!("INFO"), &json!("OPTIONS"), &json!(204));
            assert_eq!((&line["level"], &line["method"], &line["status"]), expected, "{path}");
            assert_eq!(line.get("caller"), None, "{path}");
        }
    }
    for path in ["/ec2", "/ec2/lists", "/favicon.ico", "/v1/x/y/z", "/EC2/list"] {
        let answer = function.send(HttpApiEvent::new("OPTIONS", path)).await;
        assert_eq!((answer.status, answer.headers.get("allow")), (404, None), "{path}: {answer:?}");
    }
    // A dialect that is off has no paths.
    let without_s3 = Function::without_aws(&[("BUCKET_PREFIX", "")]).await;
    assert_eq!(without_s3.send(HttpApiEvent::new("OPTIONS", "/s3/demo-x")).await.status, 404);
    function.assert_no_calls();
}

#[tokio::test]
async fn preflight_of_a_configured_origin_is_permitted() {
    let origins = format!("http://localhost:8080, {ORIGIN}");
    let function = Function::without_aws(&[("CORS_ORIGINS", &origins)]).await;
    for origin in [ORIGIN, "http://localhost:8080"] {
        let answer = function.send(preflight("/ec2/start", origin)).await;
        assert_eq!((answer.status, answer.headers["allow"].as_str(), answer.body.as_str()), (204, "OPTIONS, POST", ""));
        assert_eq!(answer.headers["vary"], "origin");
        let headers = answer.headers["access-control-allow-headers"].clone();
        assert_eq!(
            cors_headers(&answer),
            [
                ("access-control-allow-headers", headers.as_str()),
                ("access-control-allow-methods", "OPTIONS, POST"),
                ("access-control-allow-origin", origin),
                ("access-control-expose-headers", "x-next-token, x-request-id, x-error-code, x-schedule, warning"),
                ("access-control-max-age", "7200"),
            ]
        );
        for name in [
            "x-api-key",
            "api-key",
            "authorization",
            "content-type",
            "idempotency-key",
            "if-match",
            "range",
            "x-amz-checksum-mode",
            "x-amz-checksum-md5",
            "x-amz-checksum-sha512",
            "x-amz-checksum-xxhash64",
        ] {
            assert!(headers.split(", ").any(|header| header == name), "{name}: {headers}");
        }
    }
    assert_eq!(function.send(preflight("/ec2/lists", ORIGIN)).await.status, 404);
    function.assert_no_calls();
}

#[tokio::test]
async fn other_origins_are_permitted_nothing() {
    let function = Function::new(Wire::always(describe([])).await, &[("CORS_ORIGINS", ORIGIN)]).await;
    for origin in [
        "null",
        "*",
        "",
        "https://evil.example",
        "https://app.example.com.evil.example",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://APP.example.com",
        "https://app.example.com, https://evil.example",
    ] {
        let answer = function.send(preflight("/ec2/list", origin)).await;
        assert_eq!((answer.status, answer.headers["vary"].as_str()), (204, "origin"), "{origin}");
        assert_eq!(cors_headers(&answer), [], "{origin}");
        let answer = function.send(HttpApiEvent::new("GET", LIST).key().header("origin", origin)).await;
        answer.is(200, &json!([]));
        assert_eq!(cors_headers(&answer), [], "{origin}");
        assert_eq!(answer.headers["vary"], "accept, origin", "{origin}");
    }
    let answer = function.get(LIST).await;
    assert_eq!((cors_headers(&answer), answer.headers["vary"].as_str()), (vec![], "accept, origin"));
}

#[tokio::test]
async fn page_of_a_configured_origin_may_read_every_response() {
    let function = Function::new(Wire::always(describe([])).await, &[("CORS_ORIGINS", ORIGIN)]).await;
    let expected = [
        ("access-control-allow-origin", ORIGIN),
        ("access-control-expose-headers", "x-next-token, x-request-id, x-error-code, x-schedule, warning"),
    ];
    for (event, status) in [
        (HttpApiEvent::new("GET", LIST).key(), 200),
        (HttpApiEvent::new("HEAD", LIST).key(), 200),
        (HttpApiEvent::new("GET", "/health"), 200),
        (HttpApiEvent::new("GET", "/openapi.json").header("accept-encoding", "gzip"), 200),
        (HttpApiEvent::new("GET", "/ec2/list").key(), 400),
        (HttpApiEvent::new("GET", LIST), 401),
        (HttpApiEvent::new("GET", "/x"), 404),
        (HttpApiEvent::new("GET", "/ec2/start").key(), 405),
    ] {
        let answer = function.send(event.header("origin", ORIGIN)).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(cors_headers(&answer), expected, "{answer:?}");
        assert!(answer.headers["vary"].split(", ").any(|name| name == "origin"), "{answer:?}");
    }
}

#[tokio::test]
async fn cookie_never_counts_for_a_page_of_another_origin() {
    let function = Function::without_aws(&[("CORS_ORIGINS", ORIGIN)]).await;
    let event =
        HttpApiEvent::new("GET", LIST).header("origin", ORIGIN).set("/cookies", json!([format!("api_key={KEY}")]));
    let answer = function.send(event).await;
    answer.refuses(401, "InvalidApiKey", "Invalid api key");
    assert_eq!(answer.headers.get("access-control-allow-credentials"), None);
    function.assert_no_calls();
}
