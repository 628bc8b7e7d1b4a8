//! Compressed responses.

use crate::support::xml::{describe, instance, object};
use crate::support::{A, Function, HttpApiEvent, file};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

#[tokio::test]
async fn large_body_is_compressed_if_the_client_accepts_it() {
    let web = |n| {
        let id = format!("i-abba91{n:02}");
        instance(&id).instance_type("t3.micro").state("running").tag("Name", "web")
    };
    let function = Function::canned(vec![describe((0..40).map(web)); 10]).await;
    let list = |method| HttpApiEvent::new(method, "/ec2/list?region_name=eu-west-1").key();
    let plain = function.send(list("GET")).await;
    assert_eq!((plain.status, plain.base64, plain.json().as_array().unwrap().len()), (200, false, 40));
    assert_eq!(
        (plain.headers["vary"].as_str(), plain.headers.get("content-encoding")),
        ("accept, accept-encoding", None)
    );

    let gzip = |method| list(method).header("accept-encoding", "gzip, deflate, br");
    let answer = function.send(gzip("GET")).await;
    assert_eq!((answer.status, answer.base64, answer.unpacked()), (200, true, plain.body.clone()));
    let mut headers = plain.headers.clone();
    headers.insert("content-encoding".to_owned(), "gzip".to_owned());
    assert_eq!(answer.headers, headers);
    assert!(answer.body.len() * 4 < plain.body.len(), "{} {}", answer.body.len(), plain.body.len());
    let head = function.send(gzip("HEAD")).await;
    assert_eq!((head.body.as_str(), &head.headers), ("", &headers));

    let csv = function.send(gzip("GET").header("accept", "text/csv")).await;
    assert!(csv.unpacked().starts_with("id,instance-type,"));
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8; header=present");

    // The client refuses gzip; and a REST API would pass the base64 on.
    let refused = function.send(list("GET").header("accept-encoding", "gzip;q=0, br")).await;
    assert_eq!((refused.base64, &refused.body), (false, &plain.body));
    let mut rest: Value = serde_json::from_str(&file("events/ec2-list-rest.json")).unwrap();
    rest["multiValueHeaders"]["accept-encoding"] = json!(["gzip"]);
    rest["headers"]["accept-encoding"] = json!("gzip");
    let rest = function.invoke(&rest).await;
    assert_eq!((rest.status, rest.base64, &rest.body), (200, false, &plain.body));
}

#[tokio::test]
async fn incompressible_body_is_sent_uncompressed() {
    let mut random = String::new();
    for n in 0..40_u32 {
        random += &BASE64_STANDARD.encode(Sha256::digest(n.to_be_bytes()));
    }
    let function = Function::canned([object(&random, None)]).await;
    let answer = function.send(HttpApiEvent::new("GET", "/s3/demo-1").key().header("accept-encoding", "gzip")).await;
    assert_eq!(
        (answer.status, answer.base64, answer.headers["vary"].as_str()),
        (200, false, "accept, accept-encoding")
    );
    assert_eq!(answer.json()[0]["name"], random.as_str());
}

#[tokio::test]
async fn small_body_is_sent_uncompressed() {
    let function = Function::canned([describe([instance(A).state("running").tag("Name", "web")])]).await;
    let event = HttpApiEvent::new("GET", "/ec2/list?region_name=eu-west-1").key().header("accept-encoding", "gzip");
    let answer = function.send(event).await;
    assert_eq!((answer.base64, answer.headers["vary"].as_str()), (false, "accept"));
    assert_eq!(answer.headers.get("content-encoding"), None);
}
