//! Subsegments for X-Ray: datagrams to a socket in the place of Lambda's daemon.

use crate::metrics::is_valid;
use crate::start::Sandbox;
use crate::support::xml::{describe, pong, refusal, response, throttled};
use crate::support::{AWS_REQUEST_ID, Function, HttpApiEvent, SERVICE, Wire};
use serde_json::{Value, json};
use std::net::UdpSocket;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SAMPLED: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a87bd80c:0";
const LIST: &str = "/ec2/list?region_name=eu-west-1&tag:secret=s3cr3t";

/// A daemon, and a function that reports to it.
async fn traced(wire: Wire, header: Option<&str>) -> (UdpSocket, Function) {
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    daemon.set_nonblocking(true).unwrap();
    let address = daemon.local_addr().unwrap().to_string();
    let mut function = Function::new(wire, &[("AWS_XRAY_DAEMON_ADDRESS", &address)]).await;
    function.trace = header.map(str::to_owned);
    (daemon, function)
}

/// Takes the subsegments that the daemon has received. A datagram on loopback arrives at once.
fn subsegments(daemon: &UdpSocket) -> Vec<Value> {
    let mut buffer = [0; 65_536];
    let mut documents = Vec::new();
    while let Ok(length) = daemon.recv(&mut buffer) {
        let text = str::from_utf8(&buffer[..length]).unwrap();
        let (header, document) = text.split_once('\n').unwrap();
        assert_eq!(header, r#"{"format":"json","version":1}"#);
        assert!(!text.contains("secret") && !text.contains("s3cr3t"), "{text}");
        documents.push(serde_json::from_str(document).unwrap());
    }
    documents
}

/// Removes ID and times, and asserts their form and the duration.
fn without_times(mut document: Value, took: std::ops::Range<f64>) -> Value {
    let mut take = |name: &str| document.as_object_mut().unwrap().remove(name).unwrap();
    let (id, start, end) = (take("id"), take("start_time").as_f64().unwrap(), take("end_time").as_f64().unwrap());
    let id = id.as_str().unwrap();
    assert!(id.len() == 16 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)), "{id}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    assert!(now - 60.0 < start && end <= now + 0.1 && took.contains(&(end - start)), "{start} {end} {now}");
    document
}

/// The whole subsegment of a DescribeInstances call, with these members.
fn subsegment(more: Value) -> Value {
    let mut document = json!({
        "name": "EC2", "trace_id": "1-5759e988-bd862e3fe1be46a994272793", "parent_id": "53995c3f42cd8ad8", "type": "subsegment",
        "namespace": "aws", "http": {"response": {"status": 200}},
        "aws": {"operation": "DescribeInstances", "region": "eu-west-1", "request_id": AWS_REQUEST_ID, "retries": 0},
    });
    for (name, value) in more.as_object().unwrap() {
        document[name] = value.clone();
    }
    document
}

#[tokio::test]
async fn call_of_a_sampled_request_is_one_subsegment() {
    let (daemon, function) = traced(Wire::slow([describe([])], Duration::from_millis(100)).await, Some(SAMPLED)).await;
    assert_eq!(function.get(LIST).await.status, 200);
    let [document] = subsegments(&daemon).try_into().unwrap();
    assert_eq!(without_times(document, 0.1..20.0), subsegment(json!({})));
}

#[tokio::test]
async fn throttled_call_is_one_subsegment_with_its_retries() {
    let (daemon, function) = traced(Wire::canned(vec![throttled(); 3]).await, Some(SAMPLED)).await;
    assert_eq!(function.get(LIST).await.status, 429);
    let [document] = subsegments(&daemon).try_into().unwrap();
    let aws =
        json!({"operation": "DescribeInstances", "region": "eu-west-1", "request_id": AWS_REQUEST_ID, "retries": 2});
    let expected = json!({"http": {"response": {"status": 503}}, "aws": aws, "error": true, "throttle": true});
    assert_eq!(without_times(document, 0.0..20.0), subsegment(expected));
}

#[tokio::test]
async fn refused_call_is_an_error_and_malformed_response_is_a_fault() {
    let missing = refusal("InvalidInstanceID.NotFound", "No.");
    for (response, flag) in [(missing, "error"), (response(200, "not XML"), "fault")] {
        let status = response.status;
        let (daemon, function) = traced(Wire::canned([response]).await, Some(SAMPLED)).await;
        function.get(LIST).await;
        let [document] = subsegments(&daemon).try_into().unwrap();
        let expected = subsegment(json!({"http": {"response": {"status": status}}, flag: true}));
        assert_eq!(without_times(document, 0.0..20.0), expected);
    }
}

#[tokio::test]
async fn abandoned_call_is_a_fault_without_a_response() {
    let (daemon, function) = traced(Wire::silent().await, Some(SAMPLED)).await;
    let list = HttpApiEvent::new("GET", LIST).key().json();
    assert_eq!(function.invoke_within(&list, Duration::from_millis(2_400)).await.status, 504);
    let [document] = subsegments(&daemon).try_into().unwrap();
    let aws = json!({"operation": "DescribeInstances", "region": "eu-west-1", "retries": 0});
    let mut expected = subsegment(json!({"aws": aws, "fault": true}));
    expected.as_object_mut().unwrap().remove("http");
    assert_eq!(without_times(document, 0.3..20.0), expected);
}

#[tokio::test]
async fn every_call_of_a_request_is_traced_and_presigning_is_not() {
    let (daemon, function) = traced(Wire::canned([describe([]), response(200, "hello")]).await, Some(SAMPLED)).await;
    function.get(LIST).await;
    function.get("/s3/demo-b/k?region_name=eu-west-1").await;
    let calls = subsegments(&daemon);
    assert_eq!(calls.iter().map(|call| &call["name"]).collect::<Vec<_>>(), ["EC2", "S3"]);
    assert_eq!(calls[1]["aws"]["operation"], "GetObject");
    assert_ne!(calls[0]["id"], calls[1]["id"]);
    assert_eq!(function.get("/s3/demo-b/k?presign=1").await.status, 200);
    assert_eq!(subsegments(&daemon), [] as [Value; 0]);
}

#[tokio::test]
async fn unsampled_request_is_not_traced() {
    let not = SAMPLED.replace("Sampled=1", "Sampled=0");
    for header in [None, Some(not.as_str()), Some("Sampled=1"), Some("\0;=;")] {
        let (daemon, function) = traced(Wire::canned([describe([])]).await, header).await;
        assert_eq!(function.get(LIST).await.status, 200);
        assert_eq!(subsegments(&daemon), [] as [Value; 0]);
    }
}

#[tokio::test]
async fn request_succeeds_without_an_xray_daemon() {
    for address in ["127.0.0.1:1", "nowhere"] {
        let wire = Wire::canned([describe([])]).await;
        let mut function = Function::new(wire, &[("AWS_XRAY_DAEMON_ADDRESS", address)]).await;
        function.trace = Some(SAMPLED.to_owned());
        assert_eq!(function.get(LIST).await.status, 200);
    }
}

#[tokio::test]
async fn lambda_process_is_measured_and_propagates_the_trace() {
    let wire = Wire::canned([pong(), describe([]), describe([])]).await;
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    daemon.set_nonblocking(true).unwrap();
    let address = daemon.local_addr().unwrap().to_string();
    let sandbox = Sandbox::start(&wire.url, &[("AWS_XRAY_DAEMON_ADDRESS", &address)]).await;
    for trace in [Some(SAMPLED), None] {
        let answer = sandbox.invoke(HttpApiEvent::new("GET", LIST).key(), trace).await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
    }
    let lines = sandbox.stop();
    let [first, second] = lines.as_slice() else { panic!("{lines:?}") };
    is_valid(first);
    is_valid(second);
    assert_eq!((&first["service"], &first["ColdStart"], second.get("ColdStart")), (&json!(SERVICE), &json!(1), None));
    assert!(first["InitDuration"].as_f64().unwrap() > 0.0, "{first}");
    let headers: Vec<_> =
        wire.requests().into_iter().map(|call| call.headers.get("x-amzn-trace-id").cloned()).collect();
    assert_eq!(headers, [None, Some(SAMPLED.to_owned()), None]);
    assert_eq!(subsegments(&daemon).len(), 1);
}
