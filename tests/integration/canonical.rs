//! Policies decide on the request that is sent to AWS, however the caller writes it.

use crate::support::xml::{
    default_vpc, describe, done, instance, launched, no_vpc, security_groups, stopped, terminated,
};
use crate::support::{A, Function, IMAGE, PERMIT_ALL, Response, Wire, own_region, policy_file};

/// Launches with one group only.
const WEB_ONLY: &str = r#"
    permit(principal, action == Action::"RunInstances", resource)
    when { ["sg-0000000a"].containsAll(resource.securityGroups) };
"#;

/// Launches of both dialects: with these security groups, and with none.
const LAUNCHES: [(&str, &str, &str); 2] = [
    (
        "POST",
        "/ec2/create?region_name=us-east-1&image_id=ami-abba916a&security_groups=",
        "/ec2/create?region_name=us-east-1&image_id=ami-abba916a",
    ),
    (
        "PUT",
        "/v1/launch?ami=ami-abba916a&instance_type=t3.micro&security_groups=",
        "/v1/launch?ami=ami-abba916a&instance_type=t3.micro&security_groups=",
    ),
];

fn groups() -> Response {
    security_groups([("sg-0000000a", "web"), ("sg-0000000b", "admin"), ("sg-0000000c", "default")])
}

async fn governed(policies: &str, responses: impl IntoIterator<Item = Response>) -> Function {
    Function::with_policies(policies, &[], responses).await
}

#[tokio::test]
async fn group_that_is_forbidden_by_id_is_forbidden_by_name_and_as_the_default() {
    for (method, with_groups, without_groups) in LAUNCHES {
        for path in [
            format!("{with_groups}admin"),
            format!("{with_groups}web,admin"),
            format!("{with_groups}sg-0000000a,admin"),
            without_groups.to_owned(),
        ] {
            let function = governed(WEB_ONLY, [default_vpc(), groups()]).await;
            let answer = function.call(method, &path).await;
            assert_eq!(answer.status, 403, "{path}: {answer:?}");
            assert_eq!(function.wire.actions(), ["DescribeVpcs", "DescribeSecurityGroups"], "{path}");
        }
        let function = governed(WEB_ONLY, []).await;
        assert_eq!(function.call(method, &format!("{with_groups}sg-0000000b")).await.status, 403);
        function.assert_no_calls();
    }
}

#[tokio::test]
async fn name_of_a_permitted_group_is_looked_up_and_sent_as_its_id() {
    for (method, with_groups, _) in LAUNCHES {
        let function = governed(WEB_ONLY, [default_vpc(), groups(), launched([instance(A)])]).await;
        let answer = function.call(method, &format!("{with_groups}web")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let [vpcs, looked_up, launch] = &function.wire.requests()[..] else { panic!("not three requests") };
        for line in ["Filter.1.Name=is-default", "Filter.1.Value.1=true"] {
            assert!(vpcs.form().contains(&line.to_owned()), "{:?}", vpcs.form());
        }
        for line in
            ["Filter.1.Name=vpc-id", "Filter.1.Value.1=vpc-1", "Filter.2.Name=group-name", "Filter.2.Value.1=web"]
        {
            assert!(looked_up.form().contains(&line.to_owned()), "{:?}", looked_up.form());
        }
        let groups: Vec<_> = launch.form().into_iter().filter(|line| line.starts_with("SecurityGroup")).collect();
        assert_eq!(groups, ["SecurityGroupId.1=sg-0000000a"]);
    }
}

#[tokio::test]
async fn launch_without_groups_is_decided_and_sent_with_the_default_group() {
    let default_only = WEB_ONLY.replace("sg-0000000a", "sg-0000000c");
    for (method, _, path) in LAUNCHES {
        let function = governed(&default_only, [default_vpc(), groups(), launched([instance(A)])]).await;
        assert_eq!(function.call(method, path).await.status, 200);
        let form = function.wire.requests()[2].form();
        assert!(form.contains(&"SecurityGroupId.1=sg-0000000c".to_owned()), "{form:?}");
    }
}

#[tokio::test]
async fn group_that_cannot_be_looked_up_is_refused() {
    let path = "/ec2/create?region_name=us-east-1&image_id=ami-abba916a&security_groups=nobody";
    let function = governed(WEB_ONLY, [default_vpc(), security_groups([])]).await;
    let message = "The security group nobody does not exist in the default VPC";
    function.post(path).await.refuses(404, "InvalidGroup.NotFound", message);
    let function = governed(WEB_ONLY, [no_vpc()]).await;
    let message = "There is no default VPC: give IDs of security groups";
    function.post(path).await.refuses(400, "VPCIdNotSpecified", message);
}

#[tokio::test]
async fn launch_without_policies_is_one_call_with_the_names() {
    for (method, with_groups, _) in LAUNCHES {
        let function = Function::canned([launched([instance(A)])]).await;
        assert_eq!(function.call(method, &format!("{with_groups}web")).await.status, 200);
        let [launch] = &function.wire.requests()[..] else { panic!("not one request") };
        assert!(launch.form().contains(&"SecurityGroup.1=web".to_owned()), "{:?}", launch.form());
    }
}

#[tokio::test]
async fn every_field_of_a_launch_can_be_forbidden() {
    let base = "/v1/launch?ami=ami-abba916a&instance_type=t3.micro&security_groups=sg-0000000a&placement=";
    for (condition, parameter) in [
        ("resource.hasUserData", "&user_data=x"),
        ("resource has zone", "us-east-1a"),
        ("resource has placementGroup && resource.placementGroup == \"hpc\"", "&placement_group=hpc"),
        (
            "resource has shutdownBehavior && resource.shutdownBehavior == \"terminate\"",
            "&instance_initiated_shutdown_behavior=terminate",
        ),
        ("resource has ebsOptimized && resource.ebsOptimized", "&ebs_optimized=true"),
    ] {
        let policies = format!(
            "permit(principal, action, resource);
             forbid(principal, action == Action::\"RunInstances\", resource) when {{ {condition} }};"
        );
        let function = governed(&policies, []).await;
        assert_eq!(function.put(&format!("{base}{parameter}")).await.status, 403, "{condition}");
        function.assert_no_calls();
        let function = governed(&policies, [launched([instance(A)])]).await;
        let others = "&instance_initiated_shutdown_behavior=stop&ebs_optimized=false";
        assert_eq!(function.put(&format!("{base}{others}")).await.status, 200, "{condition}");
    }
}

#[tokio::test]
async fn policy_sees_the_value_that_an_attribute_is_set_to() {
    let policies = r#"
        permit(principal, action, resource);
        forbid(principal, action == Action::"ModifyInstanceAttribute", resource)
        when { context.attribute == "groupSet" && !(context has value && context.value == "sg-0000000a,sg-0000000b") };
        forbid(principal, action == Action::"ModifyInstanceAttribute", resource)
        when { context.attribute == "userData" && context has value };
    "#;
    for (attribute, value, status) in [
        ("groupSet", "sg-0000000b,sg-0000000a", 200),
        ("groupSet", "sg-0000000c", 403),
        ("groupSet", "sg-0000000a,sg-0000000c", 403),
        ("userData", "aGVsbG8=", 200),
    ] {
        let described = describe([instance(A).state("stopped")]);
        let responses = [described, done("ModifyInstanceAttribute")];
        let function = Function::with_policies(policies, &[("MODIFIABLE_ATTRIBUTES", "*")], responses).await;
        let answer = function.put(&format!("/v1/{A}/modify?attribute={attribute}&value={value}")).await;
        assert_eq!(answer.status, status, "{attribute}={value}: {answer:?}");
        assert_eq!(function.wire.actions().len(), if status == 200 { 2 } else { 1 });
    }
}

#[tokio::test]
async fn policy_sees_how_an_instance_is_shut_down() {
    for (flag, parameter, actions) in [
        ("force", "force", &["stop", "terminate"][..]),
        ("hibernate", "hibernate", &["stop"]),
        ("skipOsShutdown", "skip_os_shutdown", &["stop", "terminate"]),
    ] {
        let policies = format!(
            "permit(principal, action, resource);
             forbid(principal, action in [Action::\"StopInstances\", Action::\"TerminateInstances\"], resource)
             when {{ context.{flag} }};"
        );
        for action in actions {
            for (value, status) in [("true", 403), ("false", 200)] {
                let described = describe([instance(A).state("running")]);
                let response = if *action == "stop" { stopped(A) } else { terminated(A) };
                let function = governed(&policies, [described, response]).await;
                let answer = function.put(&format!("/v1/{A}/{action}?{parameter}={value}")).await;
                assert_eq!(answer.status, status, "{action} {parameter}={value}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn stop_that_prefers_hibernation_needs_the_permission_for_both() {
    for condition in ["context.hibernate", "!context.hibernate"] {
        let policies = format!(
            "permit(principal, action, resource);
             forbid(principal, action == Action::\"StopInstances\", resource) when {{ {condition} }};"
        );
        let function = governed(&policies, [describe([instance(A).state("running")])]).await;
        let answer = function.put(&format!("/v1/{A}/stop?hibernate=prefer")).await;
        assert_eq!(answer.status, 403, "{condition}: {answer:?}");
        assert_eq!(function.wire.actions(), ["DescribeInstances"]);
    }
}

#[tokio::test]
async fn launch_under_policies_finds_its_groups_in_moto() {
    let policies = policy_file(PERMIT_ALL);
    let function = Function::new(Wire::to_moto().await, &[("POLICY_FILE", &policies)]).await;
    let base = format!("/ec2/create?region_name={}&image_id={IMAGE}", own_region());
    for path in [base.clone(), format!("{base}&security_groups=default")] {
        let answer = function.post(&path).await;
        assert_eq!(answer.json()["SecurityGroups"][0]["GroupName"], "default", "{answer:?}");
        assert_eq!(function.wire.actions(), ["DescribeVpcs", "DescribeSecurityGroups", "RunInstances"]);
    }
}
