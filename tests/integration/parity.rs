//! The same operation through every dialect that has it is the same request to EC2.

use crate::support::{Function, Seen};

const ID: &str = "i-abba916a";

async fn sent(method: &str, path: &str, answer: &str, calls: usize) -> Vec<String> {
    let function = Function::canned(&vec![(200, answer); calls]).await;
    let reply = function.call(method, path).await;
    assert!([200, 204].contains(&reply.status), "{path}: {reply:?}");
    let seen = function.wire.seen();
    assert_eq!(seen.len(), calls, "{path}");
    let Seen { method, path, .. } = &seen[0];
    assert_eq!((method.as_str(), path.as_str()), ("POST", "/"));
    assert_eq!(seen[0].region(), "us-east-1");
    seen[0].form()
}

#[tokio::test]
async fn changes_are_the_same_in_every_dialect() {
    for (action, name) in [("start", "Start"), ("stop", "Stop"), ("reboot", "Reboot"), ("terminate", "Terminate")] {
        let answer = &format!(
            "<{name}InstancesResponse><instancesSet><item><instanceId>i-abba916a</instanceId></item></instancesSet></{name}InstancesResponse>"
        );
        let ec2 = sent("POST", &format!("/ec2/{action}?region_name=us-east-1&instance_id={ID}"), answer, 1).await;
        let v1 = sent("PUT", &format!("/v1/{ID}/{action}"), answer, 1).await;
        assert_eq!(v1, ec2, "{action}");
        if action != "terminate" {
            // workwork's tag is its own second call.
            let path = format!("/instance/us-east-1/{ID}/{action}");
            let instance = sent("POST", &path, answer, 2).await;
            assert_eq!(instance, ec2, "{action}");
        }
    }
}

#[tokio::test]
async fn descriptions_of_one_instance_are_the_same() {
    let answer = "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>i-abba916a</instanceId></item>\
        </instancesSet></item></reservationSet></DescribeInstancesResponse>";
    let instance = sent("GET", &format!("/instance/us-east-1/{ID}"), answer, 1).await;
    for path in
        [format!("/v1/{ID}/attributes"), format!("/v1/{ID}/attributes/state"), format!("/v1/{ID}/attributes?filter=id")]
    {
        assert_eq!(sent("GET", &path, answer, 1).await, instance, "{path}");
    }
    let list = sent("GET", "/ec2/list?region_name=us-east-1", answer, 1).await;
    assert_eq!(sent("GET", "/ec2/reservations?region_name=us-east-1", answer, 1).await, list);
}

#[tokio::test]
async fn launches_differ_in_the_documents_defaults_only() {
    let answer = "<RunInstancesResponse><instancesSet><item/><item/></instancesSet></RunInstancesResponse>";
    let common = "instance_type=t3.small&min_count=2&max_count=3&key_name=k&security_groups=web,sg-abba916a";
    let ec2 =
        sent("POST", &format!("/ec2/create?region_name=us-east-1&image_id=ami-abba916a&{common}"), answer, 1).await;
    let mut v1 = sent("PUT", &format!("/v1/launch?ami=ami-abba916a&{common}"), answer, 1).await;
    v1.retain(|line| {
        !["EbsOptimized=", "InstanceInitiatedShutdownBehavior=", "Placement."].iter().any(|it| line.starts_with(it))
    });
    assert_eq!(v1, ec2);
}
