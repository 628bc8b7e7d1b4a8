//! What all routes have in common: paths, methods, keys, headers, the log.

use crate::support::xml::{describe, stopped};
use crate::support::{A, AWS_REQUEST_ID, Function, HttpApiEvent, KEY, NO_INSTANCE, REQUEST_ID, SERVICE, file, routes};
use serde_json::{Value, json};

const NOTHING: (&str, &str) = ("NotFound", "There is nothing at this path");

/// A request to every route: method, path, and whether the route is public.
fn requests() -> impl Iterator<Item = (&'static str, String, bool)> {
    routes().into_iter().flat_map(|route| {
        let filled = |segment: &str| {
            match segment {
                "{region}" => "us-east-1",
                "{instance_id}" | "{id}" => NO_INSTANCE,
                "{action}" => "start",
                "{field}" => "state",
                "{bucket}" => "demo-bucket",
                other if other.starts_with('{') => "x",
                other => return other.to_owned(),
            }
            .to_owned()
        };
        let path = route.path.split('/').map(filled).collect::<Vec<_>>().join("/");
        route.methods.iter().map(move |method| (*method, path.clone(), route.public))
    })
}

#[tokio::test]
async fn every_route_except_public_ones_requires_a_key() {
    let function = Function::without_aws(&[]).await;
    let unconfigured = Function::without_aws(&[("API_KEYS", "")]).await;
    for (method, path, public) in requests() {
        let event = HttpApiEvent::new(method, &path);
        let without = function.send(event).await;
        let in_query = function.send(HttpApiEvent::new(method, &format!("{path}?api_key={KEY}&x-api-key={KEY}"))).await;
        let almost_right = function.send(HttpApiEvent::new(method, &path).header("x-api-key", "local-only-kez")).await;
        let unset = unconfigured.invoke(&HttpApiEvent::new(method, &path).key().json()).await;
        for answer in [without, in_query, almost_right, unset] {
            assert_eq!(answer.status, if public { 200 } else { 401 }, "{method} {path}: {answer:?}");
            assert_eq!(answer.headers.contains_key("www-authenticate"), !public, "{method} {path}");
            assert!(!format!("{answer:?}").contains(KEY));
        }
    }
    function.assert_no_calls();
    unconfigured.assert_no_calls();
    assert!(!function.log_lines().join("").contains(KEY));
}

#[tokio::test]
async fn key_is_accepted_in_every_documented_place_and_no_other() {
    let function = Function::canned(vec![describe([]); 5]).await;
    let list = || HttpApiEvent::new("GET", "/ec2/list?region_name=us-east-1");
    for event in [
        list().header("x-api-key", KEY),
        list().header("api_key", KEY),
        list().header("authorization", &format!("Bearer {KEY}")),
        list().set("/cookies", json!(["a=b", format!("api_key={KEY}")])),
    ] {
        function.send(event).await.is(200, &json!([]));
    }
    let body = json!({"api_key": KEY}).to_string();
    // In a POST the JSON member is accepted: the request fails at its parameters.
    let answer = function.send(HttpApiEvent::new("POST", "/ec2/start").body("application/json", &body)).await;
    answer.refuses(400, "MissingParameter", "region_name is required");
    assert_eq!(answer.headers.get("warning"), None);
    // In a GET and in a form it is not.
    let answer = function.send(list().body("application/json", &body)).await;
    answer.refuses(401, "InvalidApiKey", "Invalid api key");
    let form = format!("api_key={KEY}&region_name=us-east-1");
    let event = HttpApiEvent::new("POST", "/ec2/start").form_body(&form);
    function.send(event).await.refuses(401, "InvalidApiKey", "Invalid api key");
    assert_eq!(function.wire.requests().len(), 4);
}

#[tokio::test]
async fn identity_verified_by_the_gateway_needs_no_key() {
    let function = Function::with_variables(&[("API_KEYS", "")], vec![describe([]); 3]).await;
    let list = || HttpApiEvent::new("GET", "/ec2/list?region_name=us-east-1");
    let arn = "arn:aws:sts::123456789012:assumed-role/ci/x";
    let iam = list().set("/requestContext/authorizer", json!({"iam": {"userArn": arn}}));
    function.send(iam).await.is(200, &json!([]));
    let line = function.log_line();
    assert_eq!(
        (&line["caller"], &line["authentication"]),
        (&json!("arn:aws:iam::123456789012:role/ci"), &json!("iam"))
    );
    assert_eq!(line["session"], "x");
    let jwt = list().set("/requestContext/authorizer", json!({"jwt": {"claims": {"sub": "alice"}, "scopes": null}}));
    function.send(jwt).await.is(200, &json!([]));
    let line = function.log_line();
    assert_eq!((&line["caller"], &line["authentication"]), (&json!("alice"), &json!("jwt")));
    let mut rest: Value = serde_json::from_str(&file("events/ec2-list-rest.json")).unwrap();
    for headers in ["headers", "multiValueHeaders"] {
        rest[headers].as_object_mut().unwrap().retain(|name, _| !name.eq_ignore_ascii_case("x-api-key"));
    }
    function.invoke(&rest).await.refuses(401, "InvalidApiKey", "Invalid api key");
    rest["requestContext"]["identity"]["userArn"] = json!(arn);
    function.invoke(&rest).await.is(200, &json!([]));
    // A header with the same content does not authenticate.
    let forged = list().header("x-amzn-iam-user-arn", arn).header("x-amz-requestcontext", "{\"authorizer\": {}}");
    function.send(forged).await.refuses(401, "InvalidApiKey", "Invalid api key");
}

#[tokio::test]
async fn unknown_path_is_404_and_unsupported_method_is_405() {
    let function = Function::without_aws(&[]).await;
    for path in [
        "/ec2",
        "/ec2/",
        "/ec2/lists",
        "/ec2/list/x",
        "/EC2/list",
        "/favicon.ico",
        "/../ec2/list",
        "/ec2x/list",
        "/docs/docs.js",
        "/docs/../Cargo.toml",
    ] {
        let answer = function.get(path).await;
        answer.refuses(404, NOTHING.0, NOTHING.1);
        assert_eq!(answer.headers.get("allow"), None);
    }
    for (method, path, allow) in [
        ("POST", "/ec2/list", "GET, HEAD, OPTIONS"),
        ("DELETE", "/ec2/list/", "GET, HEAD, OPTIONS"),
        ("GET", "/ec2/create", "OPTIONS, POST"),
        ("HEAD", "/ec2/start", "OPTIONS, POST"),
        ("PROPFIND", "/health", "GET, HEAD, OPTIONS"),
        ("POST", "/", "GET, HEAD, OPTIONS"),
        ("PUT", "/docs", "GET, HEAD, OPTIONS"),
    ] {
        let answer = function.call(method, path).await;
        assert_eq!((answer.status, answer.headers["allow"].as_str()), (405, allow), "{method} {path}");
        if method != "HEAD" {
            answer.refuses(405, "MethodNotAllowed", &format!("This path takes {allow}"));
        }
    }
    function.assert_no_calls();
}

#[tokio::test]
async fn every_route_accepts_a_trailing_slash() {
    let function = Function::without_aws(&[]).await;
    for (method, path, _) in requests() {
        for path in [path.clone(), format!("{}/", path.trim_end_matches('/'))] {
            let answer = function.send(HttpApiEvent::new(method, &path)).await;
            assert!([200, 401].contains(&answer.status), "{method} {path}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn head_is_answered_like_get_without_a_body() {
    let function = Function::canned([describe([])]).await;
    let answer = function.head("/ec2/list?region_name=us-east-1").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(function.wire.only_request().action(), "DescribeInstances");
    let (head, get) = (function.head("/health").await, function.get("/health").await);
    assert_eq!((head.status, head.body.as_str(), &head.headers), (200, "", &get.headers));
}

#[tokio::test]
async fn every_response_has_content_type_request_id_no_store_and_nosniff() {
    let function = Function::without_aws(&[]).await;
    for (method, path, status) in
        [("GET", "/health", 200), ("GET", "/ec2/list", 400), ("GET", "/x", 404), ("GET", "/ec2/start", 405)]
    {
        let answer = function.call(method, path).await;
        assert_eq!(answer.status, status);
        for (name, value) in [
            ("content-type", "application/json"),
            ("x-request-id", REQUEST_ID),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(answer.headers[name], value, "{name} of {path}");
        }
        assert!(!answer.base64);
    }
}

#[tokio::test]
async fn stage_in_the_path_of_an_http_api_is_removed_before_routing() {
    let function = Function::without_aws(&[]).await;
    let event = HttpApiEvent::new("GET", "/prod/health").set("/requestContext/stage", json!("prod"));
    assert_eq!(function.send(event).await.status, 200);
    let event = HttpApiEvent::new("GET", "/health").set("/requestContext/stage", json!("prod"));
    assert_eq!(function.send(event).await.status, 200);
    let event = HttpApiEvent::new("GET", "/prod/health");
    assert_eq!(function.send(event).await.status, 404);
}

#[tokio::test]
async fn event_of_another_service_is_answered_with_400() {
    let function = Function::without_aws(&[]).await;
    for event in [json!({}), json!([1]), json!("x"), json!({"Records": []}), json!({"version": "2.0", "rawPath": 5})] {
        let message = "This is not a request that API Gateway would send";
        function.invoke(&event).await.refuses(400, "MalformedRequest", message);
    }
}

#[tokio::test]
async fn health_reports_status_and_version_only() {
    let function = Function::without_aws(&[("API_KEYS", "")]).await;
    let expected = json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")});
    function.send(HttpApiEvent::new("GET", "/health")).await.is(200, &expected);
}

#[tokio::test]
async fn each_request_logs_one_line_with_caller_action_and_outcome() {
    let function = Function::canned([stopped(A)]).await;
    function.post(&format!("/ec2/stop/?region_name=eu-west-1&instance_id={A}")).await;
    assert_eq!(
        function.log_line(),
        json!({
            "level": "INFO", "service": SERVICE, "request_id": REQUEST_ID, "source_ip": "203.0.113.10",
            "caller": "demo", "authentication": "key",
            "method": "POST", "route": "/ec2/stop", "dialect": "ec2", "operation": "stop", "region": "eu-west-1",
            "action": "StopInstances", "instance_ids": [A], "decision": "allow", "aws_request_id": AWS_REQUEST_ID, "status": 200,
        })
    );
    function.stop("i-web").await;
    let line = function.log_line();
    assert_eq!(
        (&line["level"], &line["code"], &line["status"]),
        (&json!("WARN"), &json!("InvalidParameterValue"), &json!(400))
    );
    function.stop(A).await;
    let line = function.log_line();
    assert_eq!(
        (&line["level"], &line["code"], &line["status"]),
        (&json!("ERROR"), &json!("EndpointUnreachable"), &json!(504))
    );
    assert!(line["cause"].as_str().unwrap().contains("dispatch failure"), "{line}");
}
