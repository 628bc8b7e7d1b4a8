//! Reading parameters: unknown ones, spellings, and the forms of a body.

use crate::support::xml::{describe, instance, launched, refusal, started, stopped, tagged, terminated};
use crate::support::{A, Answer, Function, HttpApiEvent, KEY, REGION, Response};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use std::io::Write as _;

const S3: (&str, &str) = ("BUCKET_PREFIX", "demo-");

fn unknown(name: &str, rest: &str) -> String {
    format!("{name} is not a parameter here: {rest}")
}

fn nearest(name: &str, nearest: &str) -> String {
    unknown(name, &format!("the nearest that this route takes is {nearest}"))
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A POST or PUT with the key and a body of bytes.
fn bytes(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> HttpApiEvent {
    let event = HttpApiEvent::new(method, path).key();
    let event = headers.iter().fold(event, |event, (name, value)| event.header(name, value));
    event.set("/body", json!(BASE64_STANDARD.encode(body))).set("/isBase64Encoded", json!(true))
}

/// A form as browsers write it.
fn multipart(parts: &[(&str, &str)]) -> String {
    let part = |(name, text): &(&str, &str)| {
        format!("------x7\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    parts.iter().map(part).collect::<String>() + "------x7--\r\n"
}

const MULTIPART: &str = "multipart/form-data; boundary=----x7";

fn instance_error(answer: &Answer, status: u64, id: &str, title: &str) {
    answer.is(status, &json!({"errors": [{"id": id, "title": title}]}));
    assert_eq!(answer.headers.get("warning"), None);
}

#[tokio::test]
async fn unknown_parameter_is_refused_and_the_nearest_one_named() {
    let function = Function::without_aws(&[S3]).await;
    for (method, path, name, near) in [
        ("GET", "/ec2/list?region_name=us-east-1&stat=running", "stat", "state"),
        ("GET", "/ec2/list?region_name=us-east-1&tags:team=blue", "tags:team", "tag:KEY"),
        ("GET", "/ec2/list?region=us-east-1", "region", "region_name"),
        ("POST", "/ec2/create?region_name=us-east-1&MaxCont=2", "MaxCont", "MaxCount"),
        ("POST", "/ec2/stop?region_name=us-east-1&instance_id=i-abba916a&wiat=5", "wiat", "wait"),
        ("GET", "/s3/demo-x?max-keys=5", "max-keys", "max_results"),
        ("DELETE", "/s3/demo-x/k?DryRunn=1", "DryRunn", "dry_run"),
        ("POST", "/ec2/stop?region_name=us-east-1&instance_id[0]=i-abba916a", "instance_id[0]", "instance_id"),
        ("POST", "/ec2/reboot?region_name[]=us-east-1&instance_id=i-abba916a", "region_name[]", "region_name"),
    ] {
        let answer = function.call(method, path).await;
        answer.refuses(400, "UnknownParameter", &nearest(name, near));
        assert_eq!(answer.headers.get("warning"), None);
    }
    function.get("/regions?x=1").await.refuses(400, "UnknownParameter", &nearest("x", "account"));
    let answer = function.put("/v1/i-abba916a/terminate?forced=true").await;
    answer.is(400, &json!(format!("Required arguments not provided: {}", nearest("forced", "force"))));
    assert_eq!(answer.headers["x-error-code"], "UnknownParameter");
    let body = json!({"region_name": REGION, "instance_id": A, "hibernat": true});
    let answer = function.post_json("/ec2/stop", &body).await;
    assert_eq!((answer.status, answer.json()["Error"].clone()), (400, json!("UnknownParameter")));
    let form = format!("region_name={REGION}&instance_id={A}&Wait_=5");
    let answer = function.send(HttpApiEvent::new("POST", "/ec2/stop").key().form_body(&form)).await;
    answer.refuses(400, "UnknownParameter", &nearest("Wait_", "wait"));
    function.assert_no_calls();
}

#[tokio::test]
async fn sub_resource_of_s3_is_refused() {
    let function = Function::without_aws(&[S3]).await;
    for (method, path, name) in [
        ("DELETE", "/s3/demo-x/k?versionId=old", "versionId"),
        ("GET", "/s3/demo-x/k?versionId=old", "versionId"),
        ("PUT", "/s3/demo-x/k?partNumber=1&uploadId=x", "partNumber"),
        ("PUT", "/s3/demo-x?acl", "acl"),
        ("GET", "/s3/demo-x?policy", "policy"),
        ("DELETE", "/s3/demo-x?policy=", "policy"),
        ("PUT", "/s3/demo-x?region=eu-west-1", "region"),
        ("GET", "/s3?X-Amz-Signature=x", "X-Amz-Signature"),
    ] {
        let answer = function.call(method, path).await;
        assert_eq!((answer.status, answer.json()["Error"].clone()), (400, json!("UnknownParameter")), "{path}");
        let message = answer.json()["Message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(&format!("{name} is not a parameter here: ")), "{message}");
    }
    function.assert_no_calls();
}

#[tokio::test]
async fn caller_is_authenticated_before_unknown_parameters_are_refused() {
    let function = Function::without_aws(&[S3]).await;
    for path in ["/ec2/list?x=1", "/regions?x=1", "/s3?x=1", "/ec2/list?api_key=local-only-key"] {
        let answer = function.send(HttpApiEvent::new("GET", path)).await;
        answer.refuses(401, "InvalidApiKey", "Invalid api key");
    }
    let answer = function.get(&format!("/ec2/list?region_name=us-east-1&api_key={KEY}")).await;
    let message = unknown("api_key", "an API key belongs in the header x-api-key");
    answer.refuses(400, "UnknownParameter", &message);
    // The key of a JSON body counts, whatever else is in the body.
    let body = json!({"api_key": KEY, "options": {"dry_run": true}});
    let answer = function.send(HttpApiEvent::new("POST", "/ec2/stop").json_body(&body)).await;
    answer.refuses(400, "UnknownParameter", "options holds dry_run, which must be a parameter of its own");
    function.assert_no_calls();
}

#[tokio::test]
async fn exceptions_from_the_refusal_of_unknown_parameters_hold() {
    let function = Function::canned(vec![describe([]); 3]).await;
    let list = "/ec2/list?region_name=us-east-1";
    let answer = function.get(&format!("{list}&_=1455645849&_cache=x")).await;
    answer.is(200, &json!([]));
    assert_eq!(answer.headers.get("warning"), None);
    let signed = HttpApiEvent::new("GET", &format!("{list}&X-Amz-Signature=x&x-amz-date=y"));
    let arn = json!({"iam": {"userArn": "arn:aws:iam::123456789012:user/alice"}});
    function.send(signed.set("/requestContext/authorizer", arn)).await.is(200, &json!([]));
    let answer = function.get(&format!("{list}&X-Amz-Date=y")).await;
    assert_eq!((answer.status, answer.json()["Error"].clone()), (400, json!("UnknownParameter")));

    let function = Function::canned([stopped(A)]).await;
    let answer = function.put(&format!("/v1/{A}/stop?key=k&token=s3cr3t")).await;
    answer.is(200, &json!("Instance modification succeeded"));
    assert_eq!(answer.headers["warning"], "299 - \"key and token are ignored: this function takes an API key\"");
    assert!(!function.log_lines().join("").contains("s3cr3t"));
    let function = Function::without_aws(&[]).await;
    for (path, name) in [("stop?key=k", "key"), ("start?token=t", "token")] {
        let answer = function.put(&format!("/v1/{A}/{path}")).await;
        assert_eq!((answer.status, answer.headers["x-error-code"].as_str()), (400, "UnknownParameter"), "{name}");
    }
    // Documents ignore all parameters.
    for path in ["/health?x=1&dry_run=maybe", "/openapi.json?%ff=%ff", "/?_=1"] {
        let answer = function.get(path).await;
        assert_eq!((answer.status, answer.headers.get("warning")), (200, None), "{path}");
    }
    function.assert_no_calls();
}

#[tokio::test]
async fn instance_routes_refuse_unknown_parameters_of_the_query_only() {
    let function = Function::canned([started(A), tagged()]).await;
    let path = format!("/instance/{REGION}/{A}/start");
    let body = json!({"reason": "x", "api_key": KEY});
    let answer = function.send(HttpApiEvent::new("POST", &path).json_body(&body)).await;
    assert_eq!((answer.status, answer.headers.get("warning")), (204, None), "{answer:?}");

    let function = Function::without_aws(&[]).await;
    let answer = function.post(&format!("{path}?forse=true")).await;
    assert_eq!((answer.status, answer.json()["errors"][0]["id"].clone()), (400, json!("UnknownParameter")));
    let answer = function.get(&format!("/instance/{REGION}/{A}?region=x")).await;
    instance_error(&answer, 400, "UnknownParameter", &unknown("region", "this route takes none"));
    // The documented order: the path first.
    let answer = function.post(&format!("/instance/derp/{A}/start?x=1")).await;
    instance_error(&answer, 422, "region", "Invalid region");
    function.assert_no_calls();
}

#[tokio::test]
async fn body_of_an_instance_route_that_is_no_object_is_passed_over() {
    let path = format!("/instance/{REGION}/{A}/start");
    for (content_type, body) in [
        ("application/json", "[]"),
        ("application/json", "{\"a\": "),
        ("text/plain", "hello"),
        ("application/x-www-form-urlencoded", "{\"a\": 1}"),
        ("multipart/form-data", "x"),
    ] {
        let function = Function::canned([started(A), tagged()]).await;
        let answer = function.send(HttpApiEvent::new("PUT", &path).key().body(content_type, body)).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{body}: {answer:?}");
        assert_eq!(function.wire.actions(), ["StartInstances", "CreateTags"]);
    }
    // Not if it asks for a dry run.
    let function = Function::without_aws(&[]).await;
    for (content_type, body) in [
        ("application/json", "{\"dry_run\": true"),
        ("text/plain", "dry-run: yes"),
        ("application/json", "{\"options\": {\"DryRun\": true}}"),
        ("application/json", "{\"dry_run\": null}"),
        ("application/x-www-form-urlencoded", "%7B%22dry_run%22%3A+true%7D="),
        ("application/x-www-form-urlencoded", "options=%7B%22dry_run%22%3Atrue%7D"),
    ] {
        let answer = function.send(HttpApiEvent::new("PUT", &path).key().body(content_type, body)).await;
        assert!([400, 415].contains(&answer.status), "{body}: {answer:?}");
        let headers = [("content-type", content_type), ("content-encoding", "gzip")];
        let answer = function.send(bytes("PUT", &path, &headers, &gzip(body))).await;
        assert!([400, 415].contains(&answer.status), "{body} with gzip: {answer:?}");
    }
    // Nor if that can't be known.
    for (encoding, body) in [("br", gzip("{\"dry_run\": true}")), ("gzip", gzip("{\"dry_run\": true}")[..20].to_vec())]
    {
        let headers = [("content-type", "text/plain"), ("content-encoding", encoding)];
        let answer = function.send(bytes("PUT", &path, &headers, &body)).await;
        assert!([400, 415].contains(&answer.status), "{encoding}: {answer:?}");
    }
    function.assert_no_calls();
}

#[tokio::test]
async fn dry_run_in_a_body_of_an_instance_route_is_one_under_any_type_and_packing() {
    let path = format!("/instance/{REGION}/{A}/stop");
    for content_type in ["application/json", "application/x-www-form-urlencoded", "text/plain"] {
        let would_succeed = refusal("DryRunOperation", "Request would have succeeded, but DryRun flag is set.");
        let function = Function::canned([would_succeed.clone().status(412), would_succeed.status(412)]).await;
        let event = bytes("POST", &path, &[("content-type", content_type)], b"{\"dry_run\": true}");
        let plain = function.send(event).await;
        let headers = [("content-type", content_type), ("content-encoding", "gzip")];
        let packed = function.send(bytes("POST", &path, &headers, &gzip("{\"dry_run\": true}"))).await;
        for answer in [plain, packed] {
            assert_eq!((answer.status, &answer.json()["DryRun"]), (200, &json!(true)), "{content_type}: {answer:?}");
        }
        assert_eq!(function.wire.actions(), ["StopInstances", "StopInstances"]);
        for request in function.wire.requests() {
            assert!(request.form().contains(&"DryRun=true".to_owned()), "{content_type}: {request:?}");
        }
    }
}

#[tokio::test]
async fn wait_for_a_reboot_is_refused() {
    let function = Function::without_aws(&[]).await;
    let answer = function.post(&format!("/instance/{REGION}/{A}/reboot?wait=5")).await;
    let title = "wait can't be given for a reboot";
    answer.is(400, &json!({"errors": [{"id": "InvalidParameterValue", "title": title}]}));
    function.assert_no_calls();
}

#[tokio::test]
async fn dry_run_in_any_spelling_is_one_or_is_refused() {
    let spellings = ["dry_run[]=true", "dryRun=1", "DRY-RUN=yes", "_dry_run=on", "dry%20run=", "Dry.Run=TRUE"];
    for spelling in spellings {
        for (method, path) in [
            ("POST", format!("/ec2/terminate?region_name={REGION}&instance_id={A}&{spelling}")),
            ("PUT", format!("/v1/{A}/terminate?region={REGION}&{spelling}")),
            ("POST", format!("/instance/{REGION}/{A}/stop?{spelling}")),
        ] {
            let function = Function::canned([dry_run_success()]).await;
            let answer = function.call(method, &path).await;
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
            let form = function.wire.only_request().form();
            assert!(form.contains(&"DryRun=true".to_owned()), "{path}: {form:?}");
        }
    }
    let function = Function::without_aws(&[("UNKNOWN_PARAMETERS", "warn")]).await;
    let stop = |more: &str| format!("/ec2/terminate?region_name={REGION}&instance_id={A}&{more}");
    for more in ["options[dry_run]=true", "opts.dryRun=true", "dry_run[0]=true", "dry_run=maybe"] {
        assert_eq!(function.post(&stop(more)).await.status, 400, "{more}");
    }
    let base = json!({"region_name": REGION, "instance_id": A});
    for more in [
        json!({"options": {"dry_run": true}}),
        json!({"options": [{"DryRun": false}]}),
        json!({"dry_run": null}),
        json!({"dry_run": 1}),
        json!({"dry_run": [true]}),
    ] {
        let mut body = base.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(function.post_json("/ec2/terminate", &body).await.status, 400, "{body}");
    }
    // The function's own account is not the one that is meant.
    let s3 = Function::without_aws(&[("UNKNOWN_PARAMETERS", "warn"), S3]).await;
    let answer = s3.put("/s3/demo-x?account=sandbox").await;
    assert_eq!((answer.status, answer.json()["Error"].clone()), (400, json!("UnknownParameter")), "{answer:?}");
    // A read has no dry run.
    let answer = function.get("/ec2/list?region_name=us-east-1&dry_run=true").await;
    assert_eq!((answer.status, answer.json()["Error"].clone()), (400, json!("UnknownParameter")));
    function.assert_no_calls();
}

/// EC2's answer to a dry run that would succeed.
fn dry_run_success() -> Response {
    refusal("DryRunOperation", "Request would have succeeded, but DryRun flag is set.").status(412)
}

#[tokio::test]
async fn unknown_parameters_are_dropped_with_a_warning_where_the_deployment_says_so() {
    let warn = [("UNKNOWN_PARAMETERS", "warn"), S3];
    let function = Function::with_variables(&warn, vec![describe([]), stopped(A)]).await;
    let answer = function.get("/ec2/list?region_name=us-east-1&stat=running&x%0d%0ay=1").await;
    answer.is(200, &json!([]));
    assert_eq!(answer.headers["warning"], "299 - \"unknown parameters are ignored: stat x??y\"");
    let answer = function.stop(&format!("{A}&comment=maintenance")).await;
    assert_eq!(answer.headers["warning"], "299 - \"unknown parameters are ignored: comment\"");
    // A change is not made without a parameter that resembles one of its own.
    let function = Function::without_aws(&warn).await;
    for (method, path, name, near) in [
        ("POST", format!("/ec2/stop?region_name={REGION}&instance_id={A}&Wait[]=5"), "Wait[]", "wait"),
        ("POST", format!("/ec2/stop?region_name={REGION}&instance_id={A}&wiat=5"), "wiat", "wait"),
        ("POST", "/ec2/create?region_name=us-east-1&Max-Count=5".to_owned(), "Max-Count", "MaxCount"),
        ("POST", "/ec2/create?region_name=us-east-1&tag[team]=x".to_owned(), "tag[team]", "tag:KEY"),
        ("DELETE", "/s3/demo-x?regionName=eu-west-1".to_owned(), "regionName", "region_name"),
    ] {
        function.call(method, &path).await.refuses(400, "UnknownParameter", &nearest(name, near));
    }
    function.assert_no_calls();
}

#[tokio::test]
async fn brackets_after_the_name_of_a_list_are_read() {
    let function = Function::canned([describe([])]).await;
    function.get("/ec2/list?region_name=us-east-1&state[]=stopped&state[]=running").await.is(200, &json!([]));
    let form = function.wire.only_request().form();
    let filters: Vec<_> = form.iter().filter(|line| line.starts_with("Filter.1")).collect();
    assert_eq!(filters, ["Filter.1.Name=instance-state-name", "Filter.1.Value.1=stopped", "Filter.1.Value.2=running"]);

    let function = Function::canned([launched([instance(A)])]).await;
    let path = "/v1/launch?ami=ami-0123456789abcdef0&instance_type=t3.micro&security_groups[]=private";
    function.put(path).await.is(200, &json!([A]));
    let form = function.wire.only_request().launch();
    let groups: Vec<_> = form.iter().filter(|line| line.starts_with("SecurityGroup")).collect();
    assert_eq!(groups, ["SecurityGroup.1=private"]);

    let function = Function::canned([terminated(A)]).await;
    let body = json!({"region_name": REGION, "instance_ids[]": [A]});
    assert_eq!(function.post_json("/ec2/terminate", &body).await.status, 200);
}

#[tokio::test]
async fn white_space_around_ids_and_names_is_trimmed_but_never_in_tags() {
    let function = Function::canned(vec![stopped(A); 3]).await;
    let body = json!({"region_name": format!(" {REGION}"), "instance_ids": [format!("{A} "), format!("\t{A}")]});
    assert_eq!(function.post_json("/ec2/stop", &body).await.json()["InstanceId"], A);
    assert_eq!(function.post(&format!("/ec2/stop?region_name={REGION}%20&instance_id=%20{A}")).await.status, 200);
    // An HTTP API decodes the path.
    let answer = function.put(&format!("/v1/ {A}/stop?region=%20{REGION}")).await;
    answer.is(200, &json!("Instance modification succeeded"));
    for request in function.wire.requests() {
        assert!(request.form().contains(&format!("InstanceId.1={A}")), "{request:?}");
        assert_eq!(request.region(), REGION);
    }
    let function = Function::without_aws(&[]).await;
    for (tag, name) in [("tag:team=blue%20", "tag:team"), ("tag:%20team=blue", "tag: team")] {
        let path = format!("/ec2/create?region_name={REGION}&image_id=ami-12345678&{tag}");
        let message = format!("{name} must not begin or end with white space");
        function.post(&path).await.refuses(400, "InvalidParameterValue", &message);
    }
    function.assert_no_calls();
}

#[tokio::test]
async fn booleans_in_text_are_words_or_digits() {
    for (text, dry_run) in [("1", true), ("Yes", true), ("ON", true), ("0", false), ("no", false), ("off", false)] {
        let answer = if dry_run { dry_run_success() } else { stopped(A) };
        let function = Function::canned([answer]).await;
        assert_eq!(function.stop(&format!("{A}&dry_run={text}")).await.status, 200, "{text}");
        assert_eq!(function.wire.only_request().form().contains(&"DryRun=true".to_owned()), dry_run, "{text}");
    }
    let function = Function::without_aws(&[]).await;
    let answer = function.put(&format!("/v1/{A}/stop?force=2")).await;
    answer.is(400, &json!("Required arguments not provided: force must be true or false"));
    let answer = function.put_json(&format!("/v1/{A}/stop"), &json!({"force": 1})).await;
    answer.is(400, &json!("Required arguments not provided: force must be true or false"));
    function.assert_no_calls();
}

#[tokio::test]
async fn every_form_of_a_body_is_read() {
    let parameters = json!({"region_name": REGION, "instance_id": A}).to_string();
    let form = format!("region_name={REGION}&instance_id={A}");
    let parts = multipart(&[("region_name", REGION), ("instance_id", A)]);
    let (json_type, form_type) = ("application/json", "application/x-www-form-urlencoded");
    for (content_type, encoding, body) in [
        ("", "", parameters.clone().into_bytes()),
        (json_type, "", format!("\u{feff}{parameters}").into_bytes()),
        (form_type, "", form.clone().into_bytes()),
        (MULTIPART, "", parts.clone().into_bytes()),
        (json_type, "gzip", gzip(&parameters)),
        (json_type, "gzip", parameters.clone().into_bytes()), // unpacked by the gateway
        (form_type, "gzip", gzip(&form)),
        (MULTIPART, "gzip", gzip(&parts)),
    ] {
        let function = Function::canned([stopped(A)]).await;
        let headers = [("content-type", content_type), ("content-encoding", encoding)];
        let headers: Vec<_> = headers.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let answer = function.send(bytes("POST", "/ec2/stop", &headers, &body)).await;
        assert_eq!((answer.status, answer.json()["InstanceId"].clone()), (200, json!(A)), "{headers:?}: {answer:?}");
    }
}

#[tokio::test]
async fn body_of_another_type_is_415_and_a_file_is_400() {
    let function = Function::without_aws(&[]).await;
    let types = "The request body is none of the types that are taken: application/json, application/x-www-form-urlencoded, multipart/form-data";
    for content_type in ["text/plain", "application/xml; charset=utf-8", "application/octet-stream"] {
        let event = HttpApiEvent::new("POST", "/ec2/stop").key().body(content_type, "{}");
        function.send(event).await.refuses(415, "UnsupportedMediaType", types);
        let event = HttpApiEvent::new("PUT", "/v1/launch").key().body(content_type, "{}");
        let answer = function.send(event).await;
        answer.is(415, &json!(types));
        assert_eq!(answer.headers["x-error-code"], "UnsupportedMediaType");
    }
    let encoded = bytes("POST", "/ec2/stop", &[("content-encoding", "br")], b"{}");
    let message = "The request body has a Content-Encoding that is not taken: send it plain or with gzip";
    function.send(encoded).await.refuses(415, "UnsupportedMediaType", message);
    let file = multipart(&[("script\"; filename=\"a.sh", "echo")]);
    let event = HttpApiEvent::new("POST", "/ec2/create").key().body(MULTIPART, &file);
    let message = "script is a file: only text is taken in multipart/form-data";
    function.send(event).await.refuses(400, "InvalidParameterValue", message);
    let large = bytes("POST", "/ec2/stop", &[("content-encoding", "gzip")], &gzip(&" ".repeat(7 * 1024 * 1024)));
    let answer = function.send(large).await;
    answer.refuses(413, "RequestEntityTooLarge", "The request body is larger than 6291456 bytes");
    function.assert_no_calls();
}

#[tokio::test]
async fn key_is_read_of_plain_json_only() {
    let function = Function::without_aws(&[]).await;
    let body = json!({"api_key": KEY, "region_name": REGION}).to_string();
    let parts = multipart(&[("api_key", KEY), ("region_name", REGION)]);
    for (headers, body) in [
        (&[("content-encoding", "gzip")], gzip(&body)),
        (&[("content-encoding", "gzip")], body.clone().into_bytes()),
        (&[("content-type", MULTIPART)], parts.into_bytes()),
    ] {
        let event = bytes("POST", "/ec2/stop", headers, &body).set("/headers/x-api-key", json!("wrong"));
        function.send(event).await.refuses(401, "InvalidApiKey", "Invalid api key");
    }
    let event = HttpApiEvent::new("POST", "/ec2/stop").body("application/json", &body);
    function.send(event).await.refuses(400, "MissingParameter", "instance_id or tag:KEY is required");
    function.assert_no_calls();
}
