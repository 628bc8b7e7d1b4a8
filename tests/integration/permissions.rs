//! `GET /ec2/permissions`: the changes that a caller may make to instances.

use crate::support::xml::{describe, instance};
use crate::support::{A, B, Function, PERMIT_ALL};
use serde_json::json;

#[tokio::test]
async fn permissions_list_permitted_actions_and_the_reason_of_each_refusal() {
    let policies = r#"@id("all") permit (principal, action, resource);
        @id("keep") forbid (principal, action == Action::"TerminateInstances", resource)
        when { resource.state == "running" };"#;
    let found = describe([
        instance(A).instance_type("t3.micro").state("running").tag("Name", "a"),
        instance(B).instance_type("t3.micro").state("stopped").tag("Name", "keep"),
    ]);
    let function = Function::with_policies(policies, &[("PROTECTED_TAG", "Name=keep")], [found]).await;
    let answer = function.get(&format!("/ec2/permissions?region_name=eu-west-1&instance_id={A},{B}")).await;
    let policy = "The policy of this deployment does not permit TerminateInstances of i-abba916a";
    let tag = |action: &str| format!("{action} of i-abba916b is not permitted: a tag protects it");
    answer.is(
        200,
        &json!([
            {"id": A, "permitted": ["StartInstances", "StopInstances", "RebootInstances"], "refused": {"TerminateInstances": policy}},
            {"id": B, "permitted": ["StartInstances", "RebootInstances"],
             "refused": {"StopInstances": tag("StopInstances"), "TerminateInstances": tag("TerminateInstances")}},
        ]),
    );
    assert_eq!(function.wire.only_request().action(), "DescribeInstances");
    assert_eq!(function.log_line()["decision"], "allow");
}

#[tokio::test]
async fn permissions_cover_visible_instances_only() {
    let found = describe([
        instance(A).instance_type("t3.micro").state("running").tag("Name", "a"),
        instance(B).instance_type("t3.micro").state("stopped").tag("Name", "b"),
    ]);
    let policies = r#"permit (principal, action == Action::"DescribeInstances", resource)
        when { resource is Region || resource.state == "running" };"#;
    let function = Function::with_policies(policies, &[], [found.clone()]).await;
    let both = format!("/ec2/permissions?region_name=eu-west-1&instance_id={A},{B}");
    let answer = function.get(&both).await.json();
    assert_eq!((&answer[0]["id"], &answer[0]["permitted"], answer.get(1)), (&json!(A), &json!([]), None));
    let function = Function::with_policies("", &[], []).await;
    assert_eq!(function.get(&both).await.status, 403);
    let without_id = function.get("/ec2/permissions?region_name=eu-west-1").await;
    without_id.refuses(400, "MissingParameter", "instance_id is required");
    function.assert_no_calls();
    let function = Function::with_policies(PERMIT_ALL, &[], [found]).await;
    let answer = function.get(&both).await.json();
    assert_eq!(answer[1]["refused"], json!({}));
}
