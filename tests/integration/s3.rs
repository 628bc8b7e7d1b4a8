//! `/s3` against moto, and its input validation.

use crate::support::xml::{response, s3_refusal};
use crate::support::{Answer, Function, HttpApiEvent, file};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A bucket that no other test uses.
async fn bucket(function: &Function, name: &str) -> String {
    let path = format!("/s3/demo-{name}");
    function.put(&path).await.is(201, &json!({"name": format!("demo-{name}")}));
    function.wire.requests();
    path
}

/// Stores bytes, which API Gateway passes on in base64.
async fn put(function: &Function, path: &str, content_type: &str, content: &[u8]) -> Answer {
    let event = HttpApiEvent::new("PUT", path).key().body(content_type, &BASE64_STANDARD.encode(content));
    function.send(event.set("/isBase64Encoded", json!(true))).await
}

fn content(answer: &Answer) -> Vec<u8> {
    assert!(answer.base64, "{answer:?}");
    BASE64_STANDARD.decode(&answer.body).unwrap()
}

/// An event of a REST API. Its path is percent-encoded, as sent.
fn rest(method: &str, path: &str) -> Value {
    let mut event: Value = serde_json::from_str(&file("events/s3-get-object-rest.json")).unwrap();
    event["httpMethod"] = json!(method);
    event["path"] = json!(path);
    event["body"] = if method == "PUT" { json!("x") } else { Value::Null };
    event["isBase64Encoded"] = json!(false);
    event
}

#[tokio::test]
async fn bucket_and_objects_are_created_listed_and_deleted() {
    let function = Function::with_moto().await;
    let path = bucket(&function, "story").await;
    let answer = function.put(&path).await;
    answer.refuses(409, "BucketAlreadyOwnedByYou", "The bucket demo-story exists already");

    let buckets = function.get("/s3/").await.json();
    let ours = buckets.as_array().unwrap().iter().find(|bucket| bucket["name"] == "demo-story").unwrap();
    assert!(ours["creation_date"].as_str().unwrap().ends_with('Z'), "{ours}");
    assert!(buckets.as_array().unwrap().iter().all(|bucket| bucket["name"].as_str().unwrap().starts_with("demo-")));

    function.get(&path).await.is(200, &json!([]));
    let object = format!("{path}/hello2.txt");
    put(&function, &object, "text/plain; charset=utf-8", b"Hello World!").await.is(201, &json!({"name": "hello2.txt"}));
    let answer = function.get(&object).await;
    assert_eq!((answer.status, content(&answer).as_slice()), (200, &b"Hello World!"[..]));
    assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(answer.headers["content-security-policy"], "sandbox");
    assert!(answer.headers["etag"].starts_with('"'));

    let listed = function.get(&path).await.json();
    assert_eq!((&listed[0]["name"], &listed[0]["size"]), (&json!("hello2.txt"), &json!(12)));
    assert!(listed[0]["last_modified"].as_str().unwrap().ends_with('Z'), "{listed}");

    let answer = function.delete(&path).await;
    assert_eq!((answer.status, &answer.json()["Error"]), (409, &json!("BucketNotEmpty")));
    for _ in 0..2 {
        let answer = function.delete(&object).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    }
    let answer = function.get(&object).await;
    assert_eq!((answer.status, &answer.json()["Error"]), (404, &json!("NoSuchKey")));
    let answer = function.delete(&path).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    let answer = function.get(&path).await;
    assert_eq!((answer.status, &answer.json()["Error"]), (404, &json!("NoSuchBucket")));
}

#[tokio::test]
async fn bucket_is_created_in_the_requested_region() {
    let function = Function::with_moto().await;
    let path = "/s3/demo-elsewhere?region_name=eu-west-1";
    assert_eq!(function.put(path).await.status, 201);
    let request = function.wire.only_request();
    assert_eq!(request.region(), "eu-west-1");
    assert!(String::from_utf8_lossy(&request.body).contains("<LocationConstraint>eu-west-1</LocationConstraint>"));
    let answer = function.put(path).await;
    assert_eq!((answer.status, &answer.json()["Error"]), (409, &json!("BucketAlreadyOwnedByYou")));
}

#[tokio::test]
async fn object_keys_are_preserved_by_both_kinds_of_api() {
    let function = Function::with_moto().await;
    let path = bucket(&function, "keys").await;
    let long = "k".repeat(1024);
    let keys = [
        "plain",
        "a/b/c",
        "a b",
        "a+b",
        "%2F",
        "100%",
        "%41",
        "é/ü",
        "🦀",
        "a//b",
        "a/",
        "?#&=",
        "\"<>\\^`{}|",
        "~!*'();:@$,[]",
        "...",
        long.as_str(),
    ];
    for key in keys {
        // An HTTP API decodes the path, a REST API passes it on as sent. Both read the same keys.
        let decoded =
            |method: &str| HttpApiEvent::new(method, "/").key().set("/rawPath", json!(format!("{path}/{key}")));
        let encoded = |method: &str| rest(method, &format!("{path}/{}", utf8_percent_encode(key, NON_ALPHANUMERIC)));
        function.send(decoded("PUT").body("text/plain", "http")).await.is(201, &json!({"name": key}));
        assert_eq!(content(&function.invoke(&encoded("GET")).await), b"http", "{key}");
        function.invoke(&encoded("PUT")).await.is(201, &json!({"name": key}));
        assert_eq!(content(&function.send(decoded("GET")).await), b"x", "{key}");
    }
    let mut expected = keys.map(str::to_owned);
    expected.sort();
    let listed = function.get(&path).await.json();
    let listed: Vec<_> = listed.as_array().unwrap().iter().map(|object| object["name"].as_str().unwrap()).collect();
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn bodies_are_preserved_byte_for_byte() {
    let function = Function::with_moto().await;
    let path = bucket(&function, "bodies").await;
    let every_byte: Vec<u8> = (0..=255).collect();
    let large = vec![0xa5; 4_600_000];
    for (key, content_type, bytes) in [
        ("empty", "application/x-custom", &b""[..]),
        ("binary", "application/x-custom", &every_byte),
        ("no-text", "text/plain; charset=utf-8", &every_byte),
        ("json", "application/json", b"{\"api_key\": [1"),
        ("large", "application/x-custom", &large),
    ] {
        let object = format!("{path}/{key}");
        assert_eq!(put(&function, &object, content_type, bytes).await.status, 201, "{key}");
        let answer = function.get(&object).await;
        assert_eq!(answer.status, 200, "{key}");
        assert!(content(&answer) == bytes, "{key} differs");
        assert_eq!(answer.headers["content-type"], content_type);
    }
    // API Gateway passes text on as text.
    let event = HttpApiEvent::new("PUT", &format!("{path}/text")).key().body("text/plain", "añb\r\n");
    assert_eq!(function.send(event).await.status, 201);
    assert_eq!(content(&function.get(&format!("{path}/text")).await), "añb\r\n".as_bytes());
    let head = function.head(&format!("{path}/text")).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

/// Sends a request to a presigned URL, as curl would. Returns status and body.
async fn by_url(method: &str, url: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let (authority, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(authority).await.unwrap();
    let head = format!("{method} /{path} HTTP/1.1\r\nhost: {authority}\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let status = String::from_utf8_lossy(&answer).split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer[end + 4..].to_vec())
}

#[tokio::test]
async fn large_objects_are_transferred_by_presigned_url() {
    let function = Function::with_moto().await;
    let path = bucket(&function, "presigned").await;
    let object = format!("{path}/big/file 1.bin");
    let answer = function.put(&format!("{object}?presign=1")).await.json();
    assert_eq!((&answer["method"], &answer["expires_in"]), (&json!("PUT"), &json!(900)));
    function.assert_no_calls();
    let url = answer["url"].as_str().unwrap();
    assert!(url.contains("/demo-presigned/big/file%201.bin?") && url.contains("X-Amz-Signature="), "{url}");
    let bytes = vec![7; 5_000_000];
    assert_eq!(by_url("PUT", url, &bytes).await.0, 200);

    let answer = function.get(&object).await;
    assert_eq!((answer.status, answer.body.as_str()), (307, ""), "{answer:?}");
    let (status, body) = by_url("GET", &answer.headers["location"], b"").await;
    assert!((status, &body) == (200, &bytes));

    let answer = function.get(&format!("{object}?presign=true")).await.json();
    assert_eq!(answer["method"], "GET");
    assert!(by_url("GET", answer["url"].as_str().unwrap(), b"").await.1 == bytes);
}

#[tokio::test]
async fn objects_are_listed_by_prefix_and_by_page() {
    let function = Function::with_moto().await;
    let path = bucket(&function, "pages").await;
    for key in ["a/1", "a/2", "a/3", "b/1"] {
        put(&function, &format!("{path}/{key}"), "text/plain", b"x").await;
    }
    let names = |answer: &Answer| -> Vec<String> {
        answer.json().as_array().unwrap().iter().map(|object| object["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&function.get(&path).await), ["a/1", "a/2", "a/3", "b/1"]);
    let first = function.get(&format!("{path}?prefix=a/&max_results=2")).await;
    assert_eq!(names(&first), ["a/1", "a/2"]);
    let token = &first.headers["x-next-token"];
    let second = function.get(&format!("{path}?prefix=a/&max_results=2&next_token={token}")).await;
    assert_eq!(names(&second), ["a/3"]);
    assert_eq!(second.headers.get("x-next-token"), None);
}

#[tokio::test]
async fn invalid_input_is_refused_by_parameter_name_without_a_call_to_aws() {
    let function = Function::without_aws(&[]).await;
    let name = "bucket must have 3 to 63 lower-case letters, digits, hyphens and single dots, and begin and end with none of the latter";
    let prefix = "bucket must begin with demo-";
    let region = "region_name must be a region that this deployment allows";
    let long = format!("/s3/demo-x/{}", "k".repeat(1025));
    for (method, path, message) in [
        ("GET", "/s3?region_name=derp", region),
        ("GET", "/s3/demo-x?region_name=x.evil.example/", region),
        ("PUT", "/s3/demo-x/k?region_name=cn-north-1", region),
        ("PUT", "/s3/other", prefix),
        ("DELETE", "/s3/other", prefix),
        ("GET", "/s3/other/key", prefix),
        ("GET", "/s3/other/key?presign=1", prefix),
        ("PUT", "/s3/other/key?presign=1", prefix),
        ("PUT", "/s3/Demo-x", name),
        ("PUT", "/s3/demo-", name),
        ("PUT", "/s3/demo-..x", name),
        ("PUT", "/s3/demo-x%20y", name),
        ("PUT", "/s3/demo-x/../..", "key must not have . or .. between slashes"),
        ("GET", "/s3/demo-x/a/./b", "key must not have . or .. between slashes"),
        ("GET", "/s3/demo-x/a\u{0}b", "key must not have control characters"),
        ("GET", &long, "key must not have more than 1024 bytes"),
        ("GET", "/s3/demo-x/k?presign=maybe", "presign must be true or false"),
        ("GET", "/s3/demo-x?max_results=0", "max_results must be a whole number from 1 to 1000"),
        ("GET", "/s3/demo-x?max_results=1001", "max_results must be a whole number from 1 to 1000"),
    ] {
        function.call(method, path).await.refuses(400, "InvalidParameterValue", message);
    }
    // A body of parameters counts as in the other dialects.
    for path in ["/s3", "/s3/demo-x", "/s3/demo-x/k"] {
        for (body, code, message) in [
            (json!({"region_name": "derp"}), "InvalidParameterValue", region),
            (json!({"versionId": "1"}), "UnknownParameter", "versionId is not a parameter here"),
        ] {
            let answer = function.send(HttpApiEvent::new("GET", path).key().json_body(&body)).await;
            assert_eq!((answer.status, &answer.json()["Error"]), (400, &json!(code)), "{path} {body}: {answer:?}");
            assert!(answer.body.contains(message), "{path} {body}: {answer:?}");
        }
    }
    let answer = function.post("/s3/demo-x").await;
    assert_eq!((answer.status, answer.headers["allow"].as_str()), (405, "DELETE, GET, HEAD, OPTIONS, PUT"));
    function.assert_no_calls();
}

#[tokio::test]
async fn without_a_bucket_prefix_every_s3_route_is_404() {
    let function = Function::with_variables(&[("BUCKET_PREFIX", "")], []).await;
    for (method, path) in [("GET", "/s3"), ("PUT", "/s3/demo-x"), ("GET", "/s3/demo-x/key"), ("POST", "/s3/x")] {
        function.call(method, path).await.refuses(404, "NotFound", "There is nothing at this path");
    }
    function.assert_no_calls();
}

#[tokio::test]
async fn errors_of_s3_keep_their_codes() {
    for (status, code, message, expected) in [
        (409, "BucketAlreadyExists", "The requested bucket name is not available", 409),
        (503, "SlowDown", "Please reduce your request rate", 429),
        (403, "AccessDenied", "Access Denied", 502),
        (301, "PermanentRedirect", "The bucket must be addressed using the specified endpoint", 400),
    ] {
        let function = Function::canned(vec![s3_refusal(status, code, message); 3]).await;
        let answer = function.put("/s3/demo-x?region_name=eu-west-1").await;
        assert_eq!((answer.status, &answer.json()["Error"]), (expected, &json!(code)), "{answer:?}");
    }
}

#[tokio::test]
async fn body_with_the_content_type_of_a_form_is_stored_unchanged() {
    // Not with moto, which parses a form and stores nothing.
    let function = Function::canned([response(200, "")]).await;
    let answer = put(&function, "/s3/demo-x/k", "application/x-www-form-urlencoded", b"Hello World! \xff").await;
    answer.is(201, &json!({"name": "k"}));
    let request = function.wire.only_request();
    assert_eq!((request.method.as_str(), request.path.as_str()), ("PUT", "/demo-x/k?x-id=PutObject"));
    assert_eq!(request.body, b"Hello World! \xff");
    assert_eq!(request.headers["content-type"], "application/x-www-form-urlencoded");
}

#[tokio::test]
async fn contents_of_objects_are_never_logged() {
    let function = Function::with_moto().await;
    let path = bucket(&function, "quiet").await;
    put(&function, &format!("{path}/s"), "text/plain", b"top-secret-content").await;
    function.get(&format!("{path}/s")).await;
    assert!(!function.log_lines().join("").contains("top-secret"));
}
