//! What every route has in common: paths, methods, keys, headers, the log.

use crate::support::{AWS_REQUEST_ID, Event2, Function, KEY, REQUEST_ID, SERVICE, routes};
use serde_json::{Value, json};

const NOTHING: (&str, &str) = ("NotFound", "There is nothing at this path");
const EMPTY: &str = "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>";

/// Every route as method and path, with something in place of its placeholders.
fn requests() -> impl Iterator<Item = (&'static str, String, bool)> {
    routes().into_iter().flat_map(|route| {
        let segment = |it: &str| {
            match it {
                "{region}" => "us-east-1",
                "{instance_id}" | "{id}" => crate::support::NO_INSTANCE,
                "{action}" => "start",
                "{field}" => "state",
                "{bucket}" => "demo-bucket",
                "{file}" => crate::pages::FILES[0].0,
                it if it.starts_with('{') => "x",
                it => return it.to_owned(),
            }
            .to_owned()
        };
        let path = route.path.split('/').map(segment).collect::<Vec<_>>().join("/");
        route.methods.iter().map(move |method| (*method, path.clone(), route.public))
    })
}

#[tokio::test]
async fn every_route_but_the_open_ones_refuses_a_call_without_a_key() {
    let function = Function::alone(&[]).await;
    let unconfigured = Function::alone(&[("API_KEYS", "")]).await;
    for (method, path, open) in requests() {
        let event = Event2::new(method, &path);
        let without = function.invoke(&event.json()).await;
        let in_query =
            function.invoke(&Event2::new(method, &format!("{path}?api_key={KEY}&x-api-key={KEY}")).json()).await;
        let nearly = function.invoke(&Event2::new(method, &path).header("x-api-key", "local-only-kez").json()).await;
        let unset = unconfigured.invoke(&Event2::new(method, &path).key().json()).await;
        for answer in [without, in_query, nearly, unset] {
            assert_eq!(answer.status, if open { 200 } else { 401 }, "{method} {path}: {answer:?}");
            assert_eq!(answer.headers.contains_key("www-authenticate"), !open, "{method} {path}");
            assert!(!format!("{answer:?}").contains(KEY));
        }
    }
    function.quiet();
    unconfigured.quiet();
    assert!(!function.log_lines().join("").contains(KEY));
}

#[tokio::test]
async fn a_key_is_taken_from_every_documented_place_and_no_other() {
    let function = Function::canned(&[(200, EMPTY); 5]).await;
    let list = || Event2::new("GET", "/ec2/list?region_name=us-east-1");
    for event in [
        list().header("x-api-key", KEY),
        list().header("api_key", KEY),
        list().header("authorization", &format!("Bearer {KEY}")),
        list().set("/cookies", json!(["a=b", format!("api_key={KEY}")])),
    ] {
        function.invoke(&event.json()).await.is(200, &json!([]));
    }
    let body = json!({"api_key": KEY}).to_string();
    // In a POST the JSON member counts: the request gets as far as its parameters.
    let answer = function.invoke(&Event2::new("POST", "/ec2/start").body("application/json", &body).json()).await;
    answer.refuses(400, "MissingParameter", "region_name is required");
    assert_eq!(answer.headers.get("warning"), None);
    // In a GET and in a form it does not.
    let answer = function.invoke(&list().body("application/json", &body).json()).await;
    answer.refuses(401, "InvalidApiKey", "Invalid api key");
    let form = format!("api_key={KEY}&region_name=us-east-1");
    let event = Event2::new("POST", "/ec2/start").body("application/x-www-form-urlencoded", &form);
    function.invoke(&event.json()).await.refuses(401, "InvalidApiKey", "Invalid api key");
    assert_eq!(function.wire.seen().len(), 4);
}

#[tokio::test]
async fn an_identity_that_the_gateway_has_checked_needs_no_key() {
    let function = Function::new(crate::support::Wire::canned(&[(200, EMPTY); 3]).await, &[("API_KEYS", "")]).await;
    let list = || Event2::new("GET", "/ec2/list?region_name=us-east-1");
    let arn = "arn:aws:sts::123456789012:assumed-role/ci/x";
    let iam = list().set("/requestContext/authorizer", json!({"iam": {"userArn": arn}}));
    function.invoke(&iam.json()).await.is(200, &json!([]));
    let line = function.log_line();
    assert_eq!(
        (&line["caller"], &line["authentication"]),
        (&json!("arn:aws:iam::123456789012:role/ci"), &json!("iam"))
    );
    assert_eq!(line["session"], "x");
    let jwt = list().set("/requestContext/authorizer", json!({"jwt": {"claims": {"sub": "alice"}, "scopes": null}}));
    function.invoke(&jwt.json()).await.is(200, &json!([]));
    let line = function.log_line();
    assert_eq!((&line["caller"], &line["authentication"]), (&json!("alice"), &json!("jwt")));
    let mut rest: Value = serde_json::from_str(&crate::support::file("events/ec2-list-rest.json")).unwrap();
    for headers in ["headers", "multiValueHeaders"] {
        rest[headers].as_object_mut().unwrap().retain(|name, _| !name.eq_ignore_ascii_case("x-api-key"));
    }
    function.invoke(&rest).await.refuses(401, "InvalidApiKey", "Invalid api key");
    rest["requestContext"]["identity"]["userArn"] = json!(arn);
    function.invoke(&rest).await.is(200, &json!([]));
    // A header that says the same is nothing but a header.
    let forged = list().header("x-amzn-iam-user-arn", arn).header("x-amz-requestcontext", "{\"authorizer\": {}}");
    function.invoke(&forged.json()).await.refuses(401, "InvalidApiKey", "Invalid api key");
}

#[tokio::test]
async fn an_unknown_path_is_404_and_a_known_one_with_another_method_405() {
    let function = Function::alone(&[]).await;
    for path in [
        "//",
        "/ec2",
        "/ec2/",
        "/ec2/lists",
        "/ec2/list/x",
        "/EC2/list",
        "/ec2//list",
        "/favicon.ico",
        "/../ec2/list",
        "/ec2x/list",
        "/docs/swagger-ui.css",
        "/docs/../Cargo.toml",
    ] {
        let answer = function.call("GET", path).await;
        answer.refuses(404, NOTHING.0, NOTHING.1);
        assert_eq!(answer.headers.get("allow"), None);
    }
    for (method, path, allow) in [
        ("POST", "/ec2/list", "GET, HEAD"),
        ("DELETE", "/ec2/list/", "GET, HEAD"),
        ("GET", "/ec2/create", "POST"),
        ("HEAD", "/ec2/start", "POST"),
        ("OPTIONS", "/ec2/start", "POST"),
        ("PROPFIND", "/health", "GET, HEAD"),
        ("POST", "/", "GET, HEAD"),
        ("PUT", "/docs", "GET, HEAD"),
    ] {
        let answer = function.call(method, path).await;
        assert_eq!((answer.status, answer.headers["allow"].as_str()), (405, allow), "{method} {path}");
        if method != "HEAD" {
            answer.refuses(405, "MethodNotAllowed", &format!("This path takes {allow}"));
        }
    }
    function.quiet();
}

#[tokio::test]
async fn every_route_answers_with_and_without_a_trailing_slash() {
    let function = Function::alone(&[]).await;
    for (method, path, _) in requests() {
        for path in [path.clone(), format!("{}/", path.trim_end_matches('/'))] {
            let answer = function.invoke(&Event2::new(method, &path).json()).await;
            assert!([200, 401].contains(&answer.status), "{method} {path}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn head_answers_as_get_without_a_body() {
    let function = Function::canned(&[(200, EMPTY)]).await;
    let answer = function.call("HEAD", "/ec2/list?region_name=us-east-1").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(function.wire.only().action(), "DescribeInstances");
    let (head, get) = (function.call("HEAD", "/health").await, function.call("GET", "/health").await);
    assert_eq!((head.status, head.body.as_str(), &head.headers), (200, "", &get.headers));
}

#[tokio::test]
async fn every_answer_has_its_type_the_request_id_and_is_not_to_be_cached_or_sniffed() {
    let function = Function::alone(&[]).await;
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
async fn a_stage_in_an_http_apis_path_never_reaches_the_router() {
    let function = Function::alone(&[]).await;
    let event = Event2::new("GET", "/prod/health").set("/requestContext/stage", json!("prod"));
    assert_eq!(function.invoke(&event.json()).await.status, 200);
    let event = Event2::new("GET", "/health").set("/requestContext/stage", json!("prod"));
    assert_eq!(function.invoke(&event.json()).await.status, 200);
    let event = Event2::new("GET", "/prod/health");
    assert_eq!(function.invoke(&event.json()).await.status, 404);
}

#[tokio::test]
async fn what_is_no_api_gateway_event_is_answered_all_the_same() {
    let function = Function::alone(&[]).await;
    for event in [json!({}), json!([1]), json!("x"), json!({"Records": []}), json!({"version": "2.0", "rawPath": 5})] {
        let message = "This is not a request that API Gateway would send";
        function.invoke(&event).await.refuses(400, "MalformedRequest", message);
    }
}

#[tokio::test]
async fn health_holds_no_data() {
    let function = Function::alone(&[("API_KEYS", "")]).await;
    let expected = json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")});
    function.invoke(&Event2::new("GET", "/health").json()).await.is(200, &expected);
}

#[tokio::test]
async fn each_request_leaves_one_line_that_says_who_did_what_and_how_it_went() {
    let answer = "<StopInstancesResponse><instancesSet><item><instanceId>i-abba916a</instanceId></item></instancesSet></StopInstancesResponse>";
    let function = Function::canned(&[(200, answer)]).await;
    let id = "i-abba916a";
    function.call("POST", &format!("/ec2/stop/?region_name=eu-west-1&instance_id={id}")).await;
    assert_eq!(
        function.log_line(),
        json!({
            "level": "INFO", "service": SERVICE, "request_id": REQUEST_ID, "source_ip": "203.0.113.10", "caller": "demo", "authentication": "key",
            "method": "POST", "route": "/ec2/stop", "dialect": "ec2", "operation": "stop", "region": "eu-west-1",
            "action": "StopInstances", "instance_ids": [id], "decision": "allow", "aws_request_id": AWS_REQUEST_ID, "status": 200,
        })
    );
    function.call("POST", "/ec2/stop?region_name=eu-west-1&instance_id=i-web").await;
    let line = function.log_line();
    assert_eq!(
        (&line["level"], &line["code"], &line["status"]),
        (&json!("WARN"), &json!("InvalidParameterValue"), &json!(400))
    );
    function.call("POST", &format!("/ec2/stop?region_name=eu-west-1&instance_id={id}")).await;
    let line = function.log_line();
    assert_eq!(
        (&line["level"], &line["code"], &line["status"]),
        (&json!("ERROR"), &json!("EndpointUnreachable"), &json!(504))
    );
    assert!(line["cause"].as_str().unwrap().contains("dispatch failure"), "{line}");
}
