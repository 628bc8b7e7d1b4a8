//! Lists on the wire: filters, pages, tokens, and lists that are too large or too slow.

use crate::support::xml::{describe, describe_reservation, instance};
use crate::support::{A, B, Function, HttpApiEvent, Wire};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn list_sends_its_filters_and_reads_every_page() {
    let first = describe([instance(A)]).next_token("more");
    let function = Function::canned([first, describe([instance(B)])]).await;
    // The original crashed on an instance without these, such as a terminated one.
    let bare = |id: &str| {
        json!({
            "id": id, "instance-type": null, "instance-state": null, "private-ip": null, "key-name": null,
            "image-id": null, "vpc-id": null, "subnet-id": null, "security-group-ids": [],
        })
    };
    let path =
        "/ec2/list?region_name=eu-west-1&state=running,stopped&tag:team=blue&tag:team=red&instance_id=i-abba916a";
    let answer = function.get(path).await;
    answer.is(200, &json!([bare(A), bare(B)]));
    assert_eq!(answer.headers.get("x-next-token"), None);
    let requests = function.wire.requests();
    let mut expected = vec![
        "Action=DescribeInstances",
        "Filter.1.Name=instance-state-name",
        "Filter.1.Value.1=running",
        "Filter.1.Value.2=stopped",
        "Filter.2.Name=tag:team",
        "Filter.2.Value.1=blue",
        "Filter.2.Value.2=red",
        "Filter.3.Name=instance-id",
        "Filter.3.Value.1=i-abba916a",
        "MaxResults=1000",
        "Version=2016-11-15",
    ];
    assert_eq!(requests[0].form(), expected);
    expected.insert(10, "NextToken=more");
    assert_eq!(requests[1].form(), expected);
}

#[tokio::test]
async fn page_with_max_results_is_one_call_and_its_token_is_a_header() {
    let function = Function::canned([describe([]).next_token("more")]).await;
    let answer = function.get("/ec2/list?region_name=eu-west-1&max_results=5&next_token=start").await;
    answer.is(200, &json!([]));
    assert_eq!(answer.headers["x-next-token"], "more");
    let form = function.wire.only_request().form();
    assert_eq!(form, ["Action=DescribeInstances", "MaxResults=5", "NextToken=start", "Version=2016-11-15"]);
}

#[tokio::test]
async fn list_that_exceeds_the_response_limit_ends_at_a_page_with_a_token() {
    // Pages of 1,000 instances with key names of maximum length: a few of them fill the response.
    let key = "k".repeat(255);
    let page = |number: u32| {
        let id = |i: u32| format!("i-{:08x}", number * 1000 + i);
        let instances = (0..1000).map(|i| instance(&id(i)).with("keyName", &key));
        describe_reservation(instances).next_token(&format!("after-{number}"))
    };
    let function = Function::canned((0..16).map(page)).await;
    let answer = function.list("eu-west-1").await;
    assert_eq!(answer.status, 200);
    let instances = answer.json();
    let instances = instances.as_array().unwrap();
    assert_eq!(instances.len() % 1000, 0);
    let last = instances.len() / 1000 - 1;
    assert_eq!(answer.headers["x-next-token"], format!("after-{last}"));
    assert_eq!(instances.last().unwrap()["id"], format!("i-{:08x}", last * 1000 + 999));
    let in_answer = serde_json::to_string(&answer.body).unwrap().len();
    assert!((5_000_000..6_291_556).contains(&in_answer), "{in_answer}");
    assert_eq!(function.wire.requests().len(), last + 2);
}

#[tokio::test]
async fn first_page_that_exceeds_the_response_limit_is_requested_again_smaller() {
    let (key, value) = ("k".repeat(120), "v".repeat(256));
    let tagged = |id: &str| (0..50).fold(instance(id), |instance, i| instance.tag(&format!("{i}{key}"), &value));
    let page = |count: u32| describe_reservation((0..count).map(|i| tagged(&format!("i-{i:08x}")))).next_token("next");
    let function = Function::canned([page(1000), page(500), page(250), page(250)]).await;
    let answer = function.get("/ec2/reservations?region_name=eu-west-1").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()[0]["Instances"].as_array().unwrap().len(), 250);
    assert_eq!(answer.headers["x-next-token"], "next");
    let requests = function.wire.requests();
    let size = |line: &String| line.starts_with("MaxResults");
    let sizes: Vec<_> = requests.iter().map(|request| request.form().into_iter().find(size)).collect();
    let expected = ["MaxResults=1000", "MaxResults=500", "MaxResults=250", "MaxResults=250"];
    assert_eq!(sizes, expected.map(|size| Some(size.to_owned())));
}

#[tokio::test]
async fn slow_list_ends_with_a_token_before_the_deadline() {
    let page = describe([instance(A)]).next_token("more");
    let wire = Wire::slow(vec![page; 2], Duration::from_secs(1)).await;
    let function = Function::new(wire, &[]).await;
    // One second is reserved for the response: after the first page there is no time for another.
    let event = HttpApiEvent::new("GET", "/ec2/list?region_name=eu-west-1").key().json();
    let answer = function.invoke_within(&event, Duration::from_millis(3500)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json().as_array().unwrap().len(), 1);
    assert_eq!(answer.headers.get("x-next-token").map(String::as_str), Some("more"));
}
