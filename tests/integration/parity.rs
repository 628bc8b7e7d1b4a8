//! The same operation in different dialects is the same request to EC2.

use crate::support::xml::{Response, change, changed, describe, instance, instance_without_id, launched};
use crate::support::{A, Function, RecordedRequest};

async fn sent(method: &str, path: &str, response: &Response, calls: usize) -> Vec<String> {
    let function = Function::canned(vec![response.clone(); calls]).await;
    let answer = function.call(method, path).await;
    assert!([200, 204].contains(&answer.status), "{path}: {answer:?}");
    let requests = function.wire.requests();
    assert_eq!(requests.len(), calls, "{path}");
    let RecordedRequest { method, path, .. } = &requests[0];
    assert_eq!((method.as_str(), path.as_str()), ("POST", "/"));
    assert_eq!(requests[0].region(), "us-east-1");
    requests[0].form()
}

#[tokio::test]
async fn changes_are_the_same_in_every_dialect() {
    for (action, name) in [
        ("start", "StartInstances"),
        ("stop", "StopInstances"),
        ("reboot", "RebootInstances"),
        ("terminate", "TerminateInstances"),
    ] {
        let response = changed(name, [change(A)]);
        let ec2 = sent("POST", &format!("/ec2/{action}?region_name=us-east-1&instance_id={A}"), &response, 1).await;
        let v1 = sent("PUT", &format!("/v1/{A}/{action}"), &response, 1).await;
        assert_eq!(v1, ec2, "{action}");
        if action != "terminate" {
            // The tag `start_time` is a second call.
            let path = format!("/instance/us-east-1/{A}/{action}");
            let instance = sent("POST", &path, &response, 2).await;
            assert_eq!(instance, ec2, "{action}");
        }
    }
}

#[tokio::test]
async fn descriptions_of_one_instance_are_the_same_in_every_dialect() {
    let response = describe([instance(A)]);
    let instance = sent("GET", &format!("/instance/us-east-1/{A}"), &response, 1).await;
    for path in
        [format!("/v1/{A}/attributes"), format!("/v1/{A}/attributes/state"), format!("/v1/{A}/attributes?filter=id")]
    {
        assert_eq!(sent("GET", &path, &response, 1).await, instance, "{path}");
    }
    let list = sent("GET", "/ec2/list?region_name=us-east-1", &response, 1).await;
    assert_eq!(sent("GET", "/ec2/reservations?region_name=us-east-1", &response, 1).await, list);
}

#[tokio::test]
async fn launches_of_dialects_differ_in_documented_defaults_only() {
    let response = launched([instance_without_id(), instance_without_id()]);
    let common = "instance_type=t3.small&min_count=2&max_count=3&key_name=k&security_groups=web,sg-abba916a";
    let ec2 =
        sent("POST", &format!("/ec2/create?region_name=us-east-1&image_id=ami-abba916a&{common}"), &response, 1).await;
    let mut v1 = sent("PUT", &format!("/v1/launch?ami=ami-abba916a&{common}"), &response, 1).await;
    v1.retain(|line| {
        !["EbsOptimized=", "InstanceInitiatedShutdownBehavior=", "Placement."]
            .iter()
            .any(|parameter| line.starts_with(parameter))
    });
    assert_eq!(v1, ec2);
}
