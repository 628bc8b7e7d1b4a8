//! Events of API Gateway, as it and its emulators send them: types of members, paths, keys.

use crate::support::xml::{describe, refusal, response};
use crate::support::{A, Function, HttpApiEvent, KEY, REGION, Wire, file};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const LIST: &str = "/ec2/list?region_name=us-east-1";

/// An event of a REST API: `GET /ec2/list` with the key.
fn rest_event() -> Value {
    serde_json::from_str(&file("events/ec2-list-rest.json")).unwrap()
}

/// The same for another request, of any deployment's base path.
fn rest_request(method: &str, path: &str, resource: &str, parameters: Value) -> Value {
    let mut event = rest_event();
    event["httpMethod"] = json!(method);
    event["path"] = json!(path);
    event["resource"] = json!(resource);
    event["pathParameters"] = parameters;
    event
}

fn set(mut event: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    event.pointer_mut(parent).unwrap()[name] = value;
    event
}

/// A function whose every list is empty.
async fn empty_lists(variables: &[(&str, &str)]) -> Function {
    Function::new(Wire::always(describe([])).await, variables).await
}

async fn assert_malformed(function: &Function, event: &Value) {
    let answer = function.invoke(event).await;
    let message = "This is not a request that API Gateway would send";
    answer.refuses(400, "MalformedRequest", message);
    let line = function.log_line();
    assert_eq!(
        (&line["level"], &line["code"], &line["status"]),
        (&json!("WARN"), &json!("MalformedRequest"), &json!(400))
    );
    function.assert_no_calls();
}

fn values_of_all_types() -> Vec<Value> {
    vec![
        json!(null),
        json!(5),
        json!(0.5),
        json!(true),
        json!("x"),
        json!([]),
        json!(["x", 1]),
        json!({}),
        json!({"a": []}),
    ]
}

#[tokio::test]
async fn members_that_nobody_reads_may_have_any_type() {
    let function = empty_lists(&[]).await;
    let http = || HttpApiEvent::new("GET", LIST).key().json();
    let http_members = [
        "/version",
        "/routeKey",
        "/cookies",
        "/stageVariables",
        "/pathParameters",
        "/queryStringParameters",
        "/multiValueHeaders",
        "/resource",
        "/path",
        "/httpMethod",
        "/unheard-of",
        "/requestContext/accountId",
        "/requestContext/apiId",
        "/requestContext/authorizer",
        "/requestContext/domainName",
        "/requestContext/stage",
        "/requestContext/time",
        "/requestContext/timeEpoch",
        "/requestContext/authentication",
        "/requestContext/identity",
        "/requestContext/http/protocol",
        "/requestContext/http/path",
        "/requestContext/http/sourceIp",
        "/requestContext/http/userAgent",
        "/headers/user-agent",
    ];
    let rest_members = [
        "/resource",
        "/pathParameters",
        "/stageVariables",
        "/headers",
        "/version",
        "/cookies",
        "/requestContext/accountId",
        "/requestContext/stage",
        "/requestContext/identity",
        "/requestContext/authorizer",
        "/requestContext/requestTimeEpoch",
        "/requestContext/domainName",
        "/requestContext/identity/sourceIp",
        "/requestContext/identity/userAgent",
        "/multiValueHeaders/accept",
    ];
    let http_events = http_members.iter().map(|member| (http(), member));
    for (event, member) in http_events.chain(rest_members.iter().map(|member| (rest_event(), member))) {
        for value in values_of_all_types() {
            let answer = function.invoke(&set(event.clone(), member, value.clone())).await;
            assert_eq!((answer.status, answer.body.as_str()), (200, "[]"), "{member} = {value}: {answer:?}");
            assert_eq!(function.log_line()["caller"], "demo", "{member} = {value}");
        }
    }
}

#[tokio::test]
async fn claims_may_be_numbers_booleans_and_arrays() {
    let function = empty_lists(&[("API_KEYS", "")]).await;
    let claims = json!({
        "sub": "user-1", "email_verified": true, "exp": 1_591_111_111, "iat": 1_591_100_000.5, "address": {"x": null},
        "scope": ["a", "b"], "cognito:groups": ["blue"], "nothing": null,
    });
    let authorizer = json!({"jwt": {"claims": claims, "scopes": null}});
    let answer = function.send(HttpApiEvent::new("GET", LIST).set("/requestContext/authorizer", authorizer)).await;
    answer.is(200, &json!([]));
    let line = function.log_line();
    assert_eq!((&line["caller"], &line["authentication"]), (&json!("user-1"), &json!("jwt")));
}

#[tokio::test]
async fn members_that_say_what_is_asked_for_are_never_read_in_part() {
    let function = Function::without_aws(&[]).await;
    let stop = format!("/ec2/stop?region_name={REGION}&instance_id={A}");
    let http = HttpApiEvent::new("POST", &stop).key().json_body(&json!({})).json();
    let rest = rest_request("POST", "/ec2/stop", "/{proxy+}", json!({"proxy": "ec2/stop"}));
    for (event, member, values) in [
        (&http, "/rawPath", vec![json!(null), json!(5), json!([]), json!({}), json!(""), json!("x")]),
        (&http, "/requestContext", vec![json!(null), json!(5), json!([]), json!("x")]),
        (&http, "/requestContext/http", vec![json!(null), json!(5), json!([]), json!("x"), json!(["POST"])]),
        (&http, "/requestContext/http/method", vec![json!(null), json!(5), json!([]), json!(""), json!("P OST")]),
        (&http, "/rawQueryString", vec![json!(5), json!(true), json!([]), json!({})]),
        (&http, "/body", vec![json!(5), json!(true), json!([]), json!({"dry_run": true})]),
        (&http, "/isBase64Encoded", vec![json!(5), json!("true"), json!([]), json!(true)]),
        (&rest, "/path", vec![json!(null), json!(5), json!([])]),
        (&rest, "/httpMethod", vec![json!(null), json!(5), json!(["POST"])]),
        (&rest, "/queryStringParameters", vec![json!(5), json!([]), json!("dry_run=true"), json!({"dry_run": {}})]),
        (&rest, "/multiValueQueryStringParameters", vec![json!(5), json!({"dry_run": {}}), json!({"dry_run": [[]]})]),
        (&rest, "/body", vec![json!(5), json!({})]),
    ] {
        for value in values {
            assert_malformed(&function, &set(event.clone(), member, value)).await;
        }
    }
}

#[tokio::test]
async fn query_parameter_without_a_value_has_an_empty_one() {
    let stopped = || refusal("DryRunOperation", "Request would have succeeded, but DryRun flag is set.").status(412);
    let function = Function::canned([stopped(), stopped(), stopped(), stopped()]).await;
    for value in [json!([]), json!(null), json!([null]), json!(true)] {
        let mut event = rest_request("POST", "/ec2/stop", "/{proxy+}", json!({"proxy": "ec2/stop"}));
        event["queryStringParameters"] = json!(null);
        event["multiValueQueryStringParameters"] =
            json!({"region_name": [REGION], "instance_id": [A], "dry_run": value});
        let answer = function.invoke(&event).await;
        assert_eq!((answer.status, &answer.json()["DryRun"]), (200, &json!(true)), "{value}: {answer:?}");
        let request = function.wire.only_request();
        assert!(String::from_utf8(request.body).unwrap().contains("DryRun=true"), "{value}");
    }
    let mut event = rest_event();
    event["queryStringParameters"] = json!(null);
    event["multiValueQueryStringParameters"] = json!({"region_name": []});
    function.invoke(&event).await.refuses(400, "MissingParameter", "region_name is required");
    function.assert_no_calls();
}

#[tokio::test]
async fn http_api_event_needs_no_raw_query_string() {
    let function = empty_lists(&[]).await;
    let mut event = HttpApiEvent::new("GET", "/ec2/list").key().json();
    event.as_object_mut().unwrap().remove("rawQueryString");
    function.invoke(&event).await.refuses(400, "MissingParameter", "region_name is required");
    event["queryStringParameters"] = json!({"region_name": "us-east-1"});
    function.invoke(&event).await.is(200, &json!([]));
    event["rawQueryString"] = json!(null);
    function.invoke(&event).await.is(200, &json!([]));
}

#[tokio::test]
async fn json_that_is_no_event_is_one_response_and_one_log_line() {
    let function = Function::without_aws(&[]).await;
    let deep = (0..100).fold(json!({}), |value, _| json!([value]));
    for event in [
        json!(null),
        json!(5),
        json!(true),
        json!("x"),
        json!([]),
        json!([1]),
        json!({}),
        json!({"Records": []}),
        json!(["/health", "", [], "GET", "/health"]),
        json!({"rawPath": "/health"}),
        json!({"path": "/health"}),
        json!({"version": "2.0", "rawPath": 5}),
        json!({"httpMethod": "GET", "path": deep.clone()}),
        json!({"rawPath": "/health", "requestContext": deep}),
        json!({"httpMethod": "G T", "path": "/health"}),
    ] {
        assert_malformed(&function, &event).await;
    }
    // What is there is enough.
    let event = json!({"httpMethod": "GET", "path": "/health"});
    assert_eq!(function.invoke(&event).await.status, 200);
    let event = json!({"rawPath": "/health", "requestContext": {"http": {"method": "GET"}}});
    assert_eq!(function.invoke(&event).await.status, 200);
}

#[tokio::test]
async fn panic_in_the_handling_is_answered_with_500_and_logged() {
    let mut function = Function::without_aws(&[]).await;
    let lines = Arc::new(Mutex::new(Vec::new()));
    let logged = Arc::clone(&lines);
    function.app.log = Box::new(move |line| {
        let first = logged.lock().unwrap().is_empty();
        logged.lock().unwrap().push(line.to_owned());
        assert!(!first, "the test panics here");
    });
    let answer = function.invoke(&json!({"httpMethod": "GET", "path": "/x"})).await;
    answer.refuses(500, "InternalError", "The function failed: see its log");
    assert_eq!(answer.headers["x-request-id"], crate::support::REQUEST_ID);
    let lines = lines.lock().unwrap();
    let line: Value = serde_json::from_str(&lines[1]).unwrap();
    let expected = (&json!("ERROR"), &json!(500), &json!("InternalError"), &json!(1));
    assert_eq!((&line["level"], &line["status"], &line["code"], &line["ServerErrors"]), expected);
}

#[tokio::test]
async fn doubled_and_trailing_slashes_lead_to_the_same_route() {
    let function = empty_lists(&[]).await;
    for path in ["//ec2/list", "/ec2//list", "/ec2/list//", "///ec2///list///"] {
        function.get(&format!("{path}?region_name=us-east-1")).await.is(200, &json!([]));
        assert_eq!(function.log_line()["route"], "/ec2/list");
        let proxy = path.trim_start_matches('/');
        let event = rest_request("GET", path, "/{proxy+}", json!({"proxy": proxy}));
        function.invoke(&event).await.is(200, &json!([]));
        assert_eq!(function.log_line()["route"], "/ec2/list");
    }
    for (path, route) in
        [("//", "/"), ("//health", "/health"), ("/v1//x//attributes//y/", "/v1/{id}/attributes/{field}")]
    {
        function.get(path).await;
        assert_eq!(function.log_line()["route"], route);
    }
    // Encoded slashes are no slashes.
    assert_eq!(function.get("/%2Fec2/list").await.status, 404);
}

#[tokio::test]
async fn slashes_of_an_objects_key_are_kept() {
    let function = Function::new(Wire::always(response(200, "")).await, &[]).await;
    for (path, sent) in [
        ("/s3/demo-x//a//b//", "/demo-x//a//b//"),
        ("//s3//demo-x/a//b", "/demo-x/a//b"),
        ("/s3/demo-x//", "/demo-x//"),
    ] {
        for method in ["PUT", "DELETE"] {
            let event = rest_request(method, path, "/{proxy+}", json!({"proxy": path.trim_start_matches('/')}));
            function.invoke(&set(event, "/multiValueQueryStringParameters", json!(null))).await;
            let request = function.wire.only_request();
            assert_eq!((request.method.as_str(), request.path.split('?').next()), (method, Some(sent)), "{path}");
        }
    }
}

#[tokio::test]
async fn base_path_of_a_rest_api_is_removed() {
    let function = empty_lists(&[]).await;
    let proxy = |path: &str| json!({"proxy": path});
    for (path, resource, parameters, route) in [
        ("/ping1/ec2/list", "/{proxy+}", proxy("ec2/list"), "/ec2/list"),
        ("/ping1/ec2/list/", "/{proxy+}", proxy("ec2/list"), "/ec2/list"),
        ("/a/b/ec2/list", "/{proxy+}", proxy("ec2/list"), "/ec2/list"),
        ("/ec2/ec2/list", "/{proxy+}", proxy("ec2/list"), "/ec2/list"),
        ("/ping1/ec2/list", "/ec2/list", json!(null), "/ec2/list"),
        ("/ping1/ec2/list", "/ec2/{action}", json!({"action": "list"}), "/ec2/list"),
        ("/ping1/regions", "/{proxy+}", proxy("regions"), "/regions"),
        ("/ping1", "/", json!(null), "/"),
        ("/ping1/health", "/health", json!({}), "/health"),
        ("/v1/v1/x/attributes", "/{proxy+}", proxy("v1/x/attributes"), "/v1/{id}/attributes"),
    ] {
        function.invoke(&rest_request("GET", path, resource, parameters)).await;
        assert_eq!(function.log_line()["route"], route, "{path} {resource}");
    }
    let event = rest_request("GET", "/ping1/ec2/list", "/{proxy+}", proxy("ec2/list"));
    function.invoke(&event).await.is(200, &json!([]));
    let event = rest_request("GET", "/ping1/ec2/lists", "/{proxy+}", proxy("ec2/lists"));
    function.invoke(&event).await.refuses(404, "NotFound", "There is nothing at this path");
    // A key keeps its encoding, whatever the gateway does to the parameter.
    let function = Function::new(Wire::always(response(200, "")).await, &[]).await;
    for parameter in ["s3/demo-x/a%2Fb%20c", "s3/demo-x/a/b c"] {
        let event = rest_request("PUT", "/ping1/s3/demo-x/a%2Fb%20c", "/{proxy+}", proxy(parameter));
        function.invoke(&set(event, "/multiValueQueryStringParameters", json!(null))).await;
        assert_eq!(function.wire.only_request().path.split('?').next(), Some("/demo-x/a/b%20c"), "{parameter}");
    }
}

#[tokio::test]
async fn configured_base_path_of_an_http_api_is_removed() {
    let function = empty_lists(&[("BASE_PATH", "/api/v1")]).await;
    for (path, route) in [
        ("/api/v1/ec2/list", "/ec2/list"),
        ("/api/v1/ec2/list/", "/ec2/list"),
        ("/api/v1//ec2/list", "/ec2/list"),
        ("/api/v1/v1/x/attributes", "/v1/{id}/attributes"),
        ("/api/v1", "/"),
        ("/api/v1/", "/"),
        ("/ec2/list", "/ec2/list"),
        ("/v1/x/attributes", "/v1/{id}/attributes"),
    ] {
        function.get(path).await;
        assert_eq!(function.log_line()["route"], route, "{path}");
    }
    function.get(&format!("/api/v1{LIST}")).await.is(200, &json!([]));
    for path in ["/api/ec2/list", "/api/v12/ec2/list", "/api/v1/api/v1/ec2/list", "/api/v1/ec2/lists"] {
        function.get(path).await.refuses(404, "NotFound", "There is nothing at this path");
    }
    // The error has the form of the dialect behind the base path.
    function.get("/api/v1/v1/x/y").await.is(404, &json!("There is nothing at this path"));
}

#[tokio::test]
async fn key_in_a_header_that_comes_twice_is_accepted_by_every_kind_of_api() {
    let function = empty_lists(&[]).await;
    for header in ["x-api-key", "api_key", "api-key"] {
        for value in [format!("wrong,{KEY}"), format!("{KEY}, wrong"), format!("a,b,c,{KEY}"), KEY.to_owned()] {
            function.send(HttpApiEvent::new("GET", LIST).header(header, &value)).await.is(200, &json!([]));
            assert_eq!(function.log_line()["caller"], "demo");
        }
        let value = format!("a,b,c,d,{KEY}");
        let answer = function.send(HttpApiEvent::new("GET", LIST).header(header, &value)).await;
        answer.refuses(401, "InvalidApiKey", "Invalid api key");
        for (last, values) in [("wrong", json!([KEY, "wrong"])), (KEY, json!(["wrong", KEY])), (KEY, json!([KEY]))] {
            let mut event = rest_event();
            event["headers"] = json!({header.to_ascii_uppercase(): last});
            event["multiValueHeaders"] = json!({header.to_ascii_uppercase(): values});
            function.invoke(&event).await.is(200, &json!([]));
        }
        function.log_lines();
    }
    let event = HttpApiEvent::new("GET", LIST).header("authorization", &format!("Basic abc,Bearer {KEY}"));
    function.send(event).await.is(200, &json!([]));
}

#[tokio::test]
async fn key_in_a_cookie_counts_only_if_no_sign_points_to_another_site() {
    let function = empty_lists(&[]).await;
    let own = "https://x.execute-api.us-east-1.amazonaws.com";
    for (headers, counts) in [
        (vec![], true),
        (vec![("sec-fetch-site", "same-origin")], true),
        (vec![("sec-fetch-site", "none")], true),
        (vec![("origin", own)], true),
        (vec![("origin", own), ("sec-fetch-site", "same-origin")], true),
        (vec![("origin", "https://evil.example")], false),
        (vec![("origin", "https://evil.example"), ("sec-fetch-site", "none")], false),
        (vec![("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")], false),
        (vec![("origin", "null")], false),
        (vec![("origin", own), ("sec-fetch-site", "cross-site")], false),
        (vec![("sec-fetch-site", "same-site")], false),
    ] {
        for cookie in [format!("api_key={KEY}"), format!("api_key=\"{KEY}\"")] {
            let event = HttpApiEvent::new("GET", LIST).set("/cookies", json!(["a=b", cookie]));
            let event = headers.iter().fold(event, |event, (name, value)| event.header(name, value));
            let answer = function.send(event).await;
            assert_eq!(answer.status, if counts { 200 } else { 401 }, "{headers:?}: {answer:?}");
        }
    }
}
