//! Headers of `/s3` that condition, verify or describe: honoured or refused, never dropped.

use crate::support::xml::{response, s3_refusal};
use crate::support::{Answer, Function, HttpApiEvent};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};

const OBJECT: &str = "/s3/demo-x/k";

/// A request with these headers, and a body of text if there is one.
async fn send(function: &Function, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Answer {
    let event = HttpApiEvent::new(method, path).key();
    let event = headers.iter().fold(event, |event, (name, value)| event.header(name, value));
    function
        .send(match body {
            Some(body) => event.body("text/plain", body),
            None => event,
        })
        .await
}

fn content(answer: &Answer) -> Vec<u8> {
    BASE64_STANDARD.decode(&answer.body).unwrap()
}

/// moto with an object of ten bytes. Returns its path and its ETag.
async fn stored(name: &str) -> (Function, String, String) {
    let function = Function::with_moto().await;
    let bucket = format!("/s3/demo-{name}");
    assert_eq!(function.put(&bucket).await.status, 201);
    let object = format!("{bucket}/k");
    let answer = send(&function, "PUT", &object, &[], Some("0123456789")).await;
    answer.is(201, &json!({"name": "k"}));
    let etag = answer.headers["etag"].clone();
    (function, object, etag)
}

#[tokio::test]
async fn condition_that_does_not_hold_leaves_the_object_as_it_is() {
    let (function, object, etag) = stored("conditions").await;
    let message = "At least one of the pre-conditions you specified did not hold";
    for (name, value) in [("If-None-Match", "*"), ("If-Match", "\"0\"")] {
        let answer = send(&function, "PUT", &object, &[(name, value)], Some("OVERWRITTEN")).await;
        answer.refuses(412, "PreconditionFailed", message);
    }
    assert_eq!(content(&function.get(&object).await), b"0123456789");
    let answer = send(&function, "PUT", &object, &[("If-Match", &etag)], Some("new")).await;
    answer.is(201, &json!({"name": "k"}));
    assert_eq!(content(&function.get(&object).await), b"new");
}

#[tokio::test]
async fn object_that_the_caller_has_already_is_304() {
    let (function, object, etag) = stored("unchanged").await;
    for method in ["GET", "HEAD"] {
        let answer = send(&function, method, &object, &[("If-None-Match", &etag)], None).await;
        assert_eq!((answer.status, answer.body.as_str()), (304, ""), "{answer:?}");
        let answer = send(&function, method, &object, &[("If-None-Match", "\"0\"")], None).await;
        assert_eq!((answer.status, &answer.headers["etag"]), (200, &etag));
        let answer = send(&function, method, &object, &[("If-Match", "\"0\"")], None).await;
        assert_eq!(answer.status, 412, "{answer:?}");
    }
}

#[tokio::test]
async fn head_tells_the_length_without_reading_the_object() {
    let (function, object, etag) = stored("head").await;
    function.wire.requests();
    let answer = function.head(&object).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(answer.headers["content-length"], "10");
    assert_eq!(answer.headers["content-type"], "text/plain");
    assert_eq!(answer.headers["etag"], etag);
    assert!(answer.headers["last-modified"].ends_with(" GMT"), "{answer:?}");
    assert_eq!(function.wire.only_request().method, "HEAD");
    assert_eq!(function.head(&format!("{object}-missing")).await.status, 404);
}

#[tokio::test]
async fn range_is_206_with_those_bytes() {
    let (function, object, _) = stored("range").await;
    let answer = send(&function, "GET", &object, &[("Range", "bytes=2-4")], None).await;
    assert_eq!((answer.status, content(&answer).as_slice()), (206, &b"234"[..]));
    assert_eq!(answer.headers["content-range"], "bytes 2-4/10");
    let answer = send(&function, "GET", &object, &[("Range", "bytes=20-30")], None).await;
    assert_eq!((answer.status, &answer.json()["Error"]), (416, &json!("InvalidRange")));
}

#[tokio::test]
async fn range_beyond_the_object_is_416_with_its_size() {
    let body = "<Error><Code>InvalidRange</Code><Message>The requested range is not satisfiable</Message>\
                <RangeRequested>bytes=20-30</RangeRequested><ActualObjectSize>10</ActualObjectSize></Error>";
    let function = Function::canned([response(416, body)]).await;
    let answer = send(&function, "GET", OBJECT, &[("Range", "bytes=20-30")], None).await;
    answer.refuses(416, "InvalidRange", "The requested range is not satisfiable: the object has 10 bytes");
}

#[tokio::test]
async fn headers_of_each_method_reach_s3_as_they_came() {
    let date = "Mon, 02 Mar 2026 09:00:00 GMT";
    let read: &[(&str, &str)] = &[
        ("if-match", "\"a\", \"b\""),
        ("if-none-match", "\"c\""),
        ("if-modified-since", date),
        ("if-unmodified-since", date),
        ("range", "bytes=0-4"),
        ("x-amz-checksum-mode", "ENABLED"),
    ];
    let described: &[(&str, &str)] = &[
        ("content-encoding", "br"),
        ("content-disposition", "attachment; filename=\"k\""),
        ("cache-control", "max-age=60"),
        ("content-language", "en, de"),
        ("content-md5", "XUFAKrxLKna5cZ2REBfFkg=="),
        ("if-none-match", "*"),
    ];
    for (method, headers, body) in [
        ("GET", read, None),
        ("HEAD", read, None),
        ("PUT", described, Some("hello")),
        ("DELETE", &[("if-match", "\"a\"")], None),
    ] {
        let function = Function::canned([response(200, "").header("etag", "\"a\"")]).await;
        let answer = send(&function, method, OBJECT, headers, body).await;
        assert!(answer.status < 300, "{answer:?}");
        let request = function.wire.only_request();
        assert_eq!(request.method, method);
        let signed = &request.headers["authorization"];
        for (name, value) in headers {
            assert_eq!(&request.headers[*name], value, "{method}");
            assert!(signed.contains(name), "{method} {name} is not signed: {signed}");
        }
    }
}

#[tokio::test]
async fn checksum_of_the_caller_takes_the_place_of_the_sdks() {
    for (name, value) in [
        ("x-amz-checksum-sha256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="),
        ("x-amz-checksum-crc32c", "mnG7TA=="),
    ] {
        let function = Function::canned([response(200, "").header(name, value)]).await;
        let answer = send(&function, "PUT", OBJECT, &[(name, value)], Some("hello")).await;
        assert_eq!((answer.status, answer.headers[name].as_str()), (201, value));
        let request = function.wire.only_request();
        let sent: Vec<_> = request.headers.iter().filter(|(name, _)| name.starts_with("x-amz-checksum-")).collect();
        assert_eq!(sent, [(&name.to_owned(), &value.to_owned())]);
        assert_eq!(request.body, b"hello");
    }
    for code in ["BadDigest", "InvalidDigest"] {
        let message = "The Content-MD5 you specified did not match what we received.";
        let function = Function::canned([s3_refusal(400, code, message)]).await;
        let answer = send(&function, "PUT", OBJECT, &[("Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA==")], Some("x")).await;
        answer.refuses(400, code, message);
    }
}

#[tokio::test]
async fn how_to_read_an_object_comes_back_with_it() {
    let kept = [
        ("content-encoding", "gzip"),
        ("content-disposition", "attachment"),
        ("content-language", "en"),
        ("cache-control", "private, max-age=60"),
        ("content-type", "text/plain"),
        ("etag", "\"a\""),
        ("last-modified", "Mon, 02 Mar 2026 09:00:00 GMT"),
        ("accept-ranges", "bytes"),
    ];
    for method in ["GET", "HEAD"] {
        let s3 = kept.iter().fold(response(200, "x"), |response, (name, value)| response.header(name, value));
        let s3 = if method == "HEAD" { response_without_body(s3, 1) } else { s3 };
        let function = Function::canned([s3]).await;
        let answer = function.call(method, OBJECT).await;
        assert_eq!(answer.status, 200);
        for (name, value) in kept {
            assert_eq!(answer.headers[name], value, "{method}");
        }
        assert_eq!(answer.headers["vary"], "authorization, cookie, x-api-key, api_key, api-key");
        assert_eq!(answer.headers.get("content-length").map(String::as_str), (method == "HEAD").then_some("1"));
    }
}

/// The response to HEAD: the length is that of a body that does not follow.
fn response_without_body(response: crate::support::Response, length: usize) -> crate::support::Response {
    let response = response.header("content-length", &length.to_string());
    crate::support::Response { body: String::new(), ..response }
}

#[tokio::test]
async fn body_that_the_gateway_has_unpacked_is_not_stored_as_packed() {
    let gzip = BASE64_STANDARD.decode("H4sIAAAAAAACA8tIzcnJV8gAkQBApi0BCwAAAA==").unwrap();
    for (content, expected) in [(gzip.as_slice(), Some("gzip")), (b"hello hello", None)] {
        let function = Function::canned([response(200, "")]).await;
        let event = HttpApiEvent::new("PUT", OBJECT).key().header("content-encoding", "gzip");
        let event = event.body("text/plain", &BASE64_STANDARD.encode(content)).set("/isBase64Encoded", json!(true));
        assert_eq!(function.send(event).await.status, 201);
        let request = function.wire.only_request();
        assert_eq!(
            (request.headers.get("content-encoding").map(String::as_str), request.body.as_slice()),
            (expected, content)
        );
    }
}

#[tokio::test]
async fn header_that_cannot_be_honoured_is_refused_by_name_without_a_call_to_aws() {
    let function = Function::without_aws(&[]).await;
    let dropped = |name: &str| format!("{name} is a header that this route does not pass on to S3");
    for (method, path, name, value) in [
        ("PUT", OBJECT, "x-amz-copy-source", "/demo-x/other"),
        ("PUT", OBJECT, "x-amz-acl", "public-read"),
        ("PUT", OBJECT, "x-amz-meta-a", "b"),
        ("PUT", OBJECT, "x-amz-checksum-unheard-of", "b"),
        ("PUT", OBJECT, "x-amz-server-side-encryption", "aws:kms"),
        ("PUT", OBJECT, "content-range", "bytes 0-1/2"),
        ("PUT", OBJECT, "if-unmodified-since", "Mon, 02 Mar 2026 09:00:00 GMT"),
        ("PUT", "/s3/demo-x/k?presign=1", "x-amz-acl", "public-read"),
        ("GET", OBJECT, "if-range", "\"a\""),
        ("GET", OBJECT, "x-amz-server-side-encryption-customer-key", "k"),
        ("GET", "/s3/demo-x/k?presign=1", "x-amz-request-payer", "requester"),
        ("HEAD", OBJECT, "if-range", "\"a\""),
        ("DELETE", OBJECT, "if-none-match", "*"),
        ("DELETE", OBJECT, "x-amz-bypass-governance-retention", "true"),
        ("DELETE", OBJECT, "x-amz-mfa", "1 2"),
        ("PUT", "/s3/demo-x", "x-amz-acl", "public-read"),
        ("PUT", "/s3/demo-x", "if-none-match", "*"),
        ("DELETE", "/s3/demo-x", "if-match", "\"a\""),
        ("DELETE", "/s3/demo-x", "x-amz-expected-bucket-owner", "123456789012"),
        ("GET", "/s3/demo-x", "if-none-match", "\"a\""),
        ("GET", "/s3", "x-amz-date", "20260302T090000Z"),
    ] {
        let answer = send(&function, method, path, &[(name, value)], None).await;
        match method {
            "HEAD" => assert_eq!(answer.status, 400),
            _ => drop(answer.refuses(400, "InvalidParameterValue", &dropped(name))),
        }
    }
    let answer = send(&function, "PUT", OBJECT, &[("Content-Encoding", "aws-chunked")], Some("0\r\n\r\n")).await;
    answer.refuses(400, "InvalidParameterValue", "content-encoding must not be aws-chunked");
    function.assert_no_calls();
}

#[tokio::test]
async fn headers_of_a_signature_and_of_the_gateway_are_no_instructions() {
    let headers = [
        ("authorization", "AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=y"),
        ("x-amz-date", "20260302T090000Z"),
        ("x-amz-security-token", "t"),
        ("x-amz-content-sha256", "e3b0"),
        ("x-amzn-trace-id", "Root=1-1-1"),
        ("x-amz-cf-id", "c"),
    ];
    let function = Function::canned([response(200, "")]).await;
    let answer = send(&function, "PUT", OBJECT, &headers, Some("x")).await;
    answer.is(201, &json!({"name": "k"}));
    let request = function.wire.only_request();
    assert!(!request.headers["authorization"].contains("Credential=x"), "{request:?}");
    assert_ne!(request.headers["x-amz-content-sha256"], "e3b0");
    let streaming = [headers[0], ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")];
    let answer = send(&function, "PUT", OBJECT, &streaming, Some("x")).await;
    let message = "x-amz-content-sha256 must not announce a body in signed chunks";
    answer.refuses(400, "InvalidParameterValue", message);
}

/// The headers that a presigned URL asks for.
fn signed_headers(url: &str) -> Vec<String> {
    let (_, rest) = url.split_once("X-Amz-SignedHeaders=").unwrap();
    rest.split('&').next().unwrap().split("%3B").map(str::to_owned).collect()
}

#[tokio::test]
async fn presigned_url_asks_for_the_conditions_of_its_request() {
    let function = Function::without_aws(&[]).await;
    let presigned = format!("{OBJECT}?presign=1");
    let plain = function.get(&presigned).await.json();
    assert_eq!(signed_headers(plain["url"].as_str().unwrap()), ["host"]);
    assert_eq!(plain.get("headers"), None);
    for (method, headers) in [
        ("GET", json!({"if-match": "\"a\"", "range": "bytes=0-1"})),
        ("PUT", json!({"content-md5": "XUFAKrxLKna5cZ2REBfFkg==", "if-none-match": "*"})),
        ("PUT", json!({"content-encoding": "gzip", "x-amz-checksum-crc32": "y/U6HA=="})),
    ] {
        let given: Vec<_> =
            headers.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
        let answer = send(&function, method, &presigned, &given, None).await.json();
        assert_eq!((&answer["method"], &answer["headers"]), (&json!(method), &headers));
        let mut expected: Vec<_> =
            given.iter().map(|(name, _)| (*name).to_owned()).chain(["host".to_owned()]).collect();
        expected.sort();
        assert_eq!(signed_headers(answer["url"].as_str().unwrap()), expected);
    }
    function.assert_no_calls();
}

#[tokio::test]
async fn redirect_to_a_large_object_keeps_the_conditions() {
    let function = Function::canned([response_without_body(response(200, ""), 9_999_999)]).await;
    let answer = send(&function, "GET", OBJECT, &[("If-Match", "\"a\"")], None).await;
    assert_eq!((answer.status, answer.body.as_str()), (307, ""));
    assert_eq!(signed_headers(&answer.headers["location"]), ["host", "if-match"]);
    assert_eq!(function.wire.only_request().headers["if-match"], "\"a\"");
}

#[tokio::test]
async fn bucket_in_another_region_is_named_with_the_parameter() {
    let message = "The bucket is in the region eu-west-1: give region_name=eu-west-1";
    let words = "The bucket you are attempting to access must be addressed using the specified endpoint.";
    let redirect = s3_refusal(301, "PermanentRedirect", words).header("x-amz-bucket-region", "eu-west-1");
    for (method, path) in
        [("GET", "/s3/demo-x"), ("GET", OBJECT), ("PUT", OBJECT), ("DELETE", OBJECT), ("DELETE", "/s3/demo-x")]
    {
        let function = Function::canned([redirect.clone()]).await;
        function.call(method, path).await.refuses(400, "PermanentRedirect", message);
    }
    let malformed = response(
        400,
        "<Error><Code>AuthorizationHeaderMalformed</Code><Message>The region 'us-east-1' is wrong</Message><Region>eu-west-1</Region></Error>",
    );
    let function = Function::canned([malformed]).await;
    function.get(OBJECT).await.refuses(400, "AuthorizationHeaderMalformed", message);
    for status in [301, 400] {
        let empty = response(status, "").header("x-amz-bucket-region", "eu-west-1");
        let function = Function::canned([empty]).await;
        let answer = function.head(OBJECT).await;
        assert_eq!((answer.status, answer.body.as_str()), (400, ""));
        assert_eq!(function.log_line()["message"], json!(message), "{status}");
    }
    for region in ["x.evil.example/", "us-east-1", ""] {
        let function =
            Function::canned([s3_refusal(301, "PermanentRedirect", words).header("x-amz-bucket-region", region)]).await;
        let expected = format!("{}. Give the bucket's region as region_name", words.trim_end_matches('.'));
        function.get(OBJECT).await.refuses(400, "PermanentRedirect", &expected);
    }
}

#[tokio::test]
async fn statuses_of_head_without_a_body_are_those_of_get() {
    for (s3, expected) in [(403, 502), (404, 404), (412, 412), (416, 416), (503, 429)] {
        let function = Function::canned(vec![response(s3, ""); 3]).await;
        let answer = function.head(OBJECT).await;
        assert_eq!((answer.status, answer.body.as_str()), (expected, ""), "{s3}");
        let line: Value = function.log_line();
        assert_eq!((&line["operation"], &line["status"]), (&json!("head-object"), &json!(expected)));
    }
}
