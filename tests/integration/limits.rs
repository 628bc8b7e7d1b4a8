//! Limits of a deployment: instance types, instances per launch, the protected tag.

use crate::support::xml::{describe, instance, launched, modified, started, stopped};
use crate::support::{A, Function, HttpApiEvent};
use serde_json::{Value, json};

#[tokio::test]
async fn allowed_instance_types_limit_launches_and_modifications_in_every_dialect() {
    let variables = [("ALLOWED_INSTANCE_TYPES", "t3.*,t4g.micro")];
    let function = Function::without_aws(&variables).await;
    let message = |name: &str| format!("This deployment allows the instance types t3.*,t4g.micro, not {name}");
    let create = "/ec2/create?region_name=us-east-1&image_id=ami-abba916a&InstanceType=m5.large";
    function.post(create).await.refuses(403, "InstanceTypeNotAllowed", &message("m5.large"));
    let answer = function.put("/v1/launch?ami=ami-abba916a&instance_type=t4g.small").await;
    answer.is(403, &json!(message("t4g.small")));
    assert_eq!(answer.headers["x-error-code"], "InstanceTypeNotAllowed");
    let modify = format!("/v1/{A}/modify?attribute=instanceType&value=p5.48xlarge");
    function.put(&modify).await.is(403, &json!(message("p5.48xlarge")));
    function.assert_no_calls();
    for line in function.log_lines() {
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["decision"], &line["decided_by"]), (&json!("deny"), &json!(["ALLOWED_INSTANCE_TYPES"])));
    }
    let function = Function::with_variables(&variables, [launched([instance(A)]), modified()]).await;
    assert_eq!(function.post(&create.replace("m5.large", "t3.2xlarge")).await.status, 200);
    assert_eq!(function.put(&modify.replace("p5.48xlarge", "t4g.micro")).await.status, 200);
}

#[tokio::test]
async fn instances_per_launch_are_limited() {
    let variables = [("MAX_INSTANCES_PER_LAUNCH", "3")];
    let function = Function::with_variables(&variables, [launched([instance(A)])]).await;
    let message = "This deployment launches at most 3 instances at once, not 4";
    let create = "/ec2/create?region_name=us-east-1&image_id=ami-abba916a";
    function.post(&format!("{create}&MaxCount=4")).await.refuses(403, "TooManyInstances", message);
    let launch = "/v1/launch?ami=ami-abba916a&instance_type=t3.micro&max_count=4";
    function.put(launch).await.is(403, &json!(message));
    function.assert_no_calls();
    assert_eq!(function.post(&format!("{create}&MaxCount=3")).await.status, 200);
}

#[tokio::test]
async fn protected_instance_is_never_stopped_terminated_or_modified_in_any_dialect() {
    let protected = describe([instance(A).state("running").tag("env", "production")]);
    let message = |action: &str| format!("{action} of {A} is not permitted: a tag protects it");
    for (method, path, action) in [
        ("POST", format!("/ec2/stop?region_name=us-east-1&instance_id={A}"), "StopInstances"),
        ("POST", format!("/ec2/terminate?region_name=us-east-1&instance_id={A}"), "TerminateInstances"),
        ("POST", format!("/instance/us-east-1/{A}/stop"), "StopInstances"),
        ("PUT", format!("/v1/{A}/stop?force=true"), "StopInstances"),
        ("PUT", format!("/v1/{A}/terminate"), "TerminateInstances"),
        ("PUT", format!("/v1/{A}/modify?attribute=userData&value=eA=="), "ModifyInstanceAttribute"),
    ] {
        for tag in ["env", "env=production"] {
            let variables = [("PROTECTED_TAG", tag), ("MODIFIABLE_ATTRIBUTES", "*")];
            let function = Function::with_variables(&variables, [protected.clone()]).await;
            let answer = function.call(method, &path).await;
            assert_eq!(answer.status, 403, "{path}: {answer:?}");
            assert!(answer.body.contains(&message(action)), "{answer:?}");
            assert_eq!(function.wire.actions(), ["DescribeInstances"]);
            assert_eq!(function.log_line()["decided_by"], json!(["PROTECTED_TAG"]));
        }
    }
    // Unprotected instances may be stopped. Harmless actions need no look at the tags.
    let variables = [("PROTECTED_TAG", "env=test")];
    let function = Function::with_variables(&variables, [protected, stopped(A)]).await;
    assert_eq!(function.stop(A).await.status, 200);
    let function = Function::with_variables(&[("PROTECTED_TAG", "env")], [started(A)]).await;
    assert_eq!(function.start(A).await.status, 200);
    assert_eq!(function.wire.actions(), ["StartInstances"]);
}

#[tokio::test]
async fn reserved_tags_are_set_by_no_launch_in_any_dialect() {
    let variables = [("RESERVED_TAGS", "team, cost centre"), ("PROTECTED_TAG", "env=production")];
    let function = Function::with_variables(&variables, [launched([instance(A)])]).await;
    let launches = [
        ("POST", "/ec2/create?region_name=eu-west-1&image_id=ami-abba916a"),
        ("PUT", "/v1/launch?ami=ami-abba916a&instance_type=t3.micro"),
    ];
    for (key, variable) in [
        ("team", "RESERVED_TAGS"),
        ("Team", "RESERVED_TAGS"),
        ("cost%20centre", "RESERVED_TAGS"),
        ("env", "PROTECTED_TAG"),
        ("ENV", "PROTECTED_TAG"),
    ] {
        for (method, path) in launches {
            for dry_run in ["", "&dry_run=true"] {
                let answer = function.call(method, &format!("{path}&tag:a=b&tag:{key}=x{dry_run}")).await;
                assert_eq!((answer.status, answer.headers.contains_key("x-error-code")), (403, method == "PUT"));
                let key = key.replace("%20", " ");
                assert!(
                    answer.body.contains(&format!("This deployment lets no caller set the tag {key}")),
                    "{answer:?}"
                );
                let line = function.log_line();
                assert_eq!((&line["decision"], &line["decided_by"]), (&json!("deny"), &json!([variable])));
            }
        }
    }
    function.assert_no_calls();
    let (method, path) = launches[0];
    assert_eq!(function.call(method, &format!("{path}&tag:teams=blue&tag:environment=production")).await.status, 200);
}

#[tokio::test]
async fn attributes_that_the_deployment_does_not_list_are_modified_in_no_spelling() {
    let values = [
        ("instanceType", "t3.small"),
        ("kernel", "aki-abba916a"),
        ("ramdisk", "ari-abba916a"),
        ("userData", "eA=="),
        ("disableApiTermination", "true"),
        ("disableApiStop", "true"),
        ("instanceInitiatedShutdownBehavior", "stop"),
        ("sourceDestCheck", "true"),
        ("groupSet", "sg-abba916a"),
        ("ebsOptimized", "true"),
        ("sriovNetSupport", "simple"),
        ("enaSupport", "true"),
        ("blockDeviceMapping", "/dev/sda1"),
    ];
    let path = |(name, value): (&str, &str)| format!("/v1/{A}/modify?attribute={name}&value={value}");
    let message = |name: &str| format!("This deployment does not permit changes of the attribute {name}");
    // Unless it lists them itself: all but two.
    let function = Function::canned(vec![modified(); 11]).await;
    for (name, value) in values {
        let answer = function.put(&path((name, value))).await;
        match name {
            "userData" | "groupSet" => answer.is(403, &json!(message(name))),
            _ => answer.is(200, &json!("Instance modification succeeded")),
        };
    }
    for (listed, _) in values {
        let function = Function::with_variables(&[("MODIFIABLE_ATTRIBUTES", listed)], [modified()]).await;
        for (name, value) in values.into_iter().filter(|(name, _)| *name != listed) {
            for spelling in [name.to_owned(), name[..1].to_uppercase() + &name[1..]] {
                let answer = function.put(&path((&spelling, value))).await;
                answer.is(403, &json!(message(name)));
                assert_eq!(answer.headers["x-error-code"], "AttributeNotAllowed");
            }
        }
        function.assert_no_calls();
        for line in function.log_lines() {
            assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["decided_by"], json!(["MODIFIABLE_ATTRIBUTES"]));
        }
        let (_, value) = values.into_iter().find(|(name, _)| *name == listed).unwrap();
        function.put(&path((listed, value))).await.is(200, &json!("Instance modification succeeded"));
    }
}

#[tokio::test]
async fn limits_and_defaults_are_shown_without_a_call_to_aws() {
    let function = Function::without_aws(&[
        ("ALLOWED_INSTANCE_TYPES", "t3.*, t4g.micro"),
        ("MAX_INSTANCES_PER_LAUNCH", "3"),
        ("INSTANCE_PROFILES", "web,ci-*"),
        ("MODIFIABLE_ATTRIBUTES", "instanceType"),
        ("RESERVED_TAGS", "team"),
        ("PROTECTED_TAG", "env=production"),
        ("DEFAULT_IMAGE", "ami-abba916a"),
        ("DEFAULT_INSTANCE_TYPE", "t4g.micro"),
    ])
    .await;
    let limits = json!({
        "InstanceTypes": ["t3.*", "t4g.micro"],
        "MaxInstancesPerLaunch": 3,
        "InstanceProfiles": ["web", "ci-*"],
        "ModifiableAttributes": ["instanceType"],
        "ReservedTags": ["team", "env"],
        "DefaultRegion": "us-east-1",
        "DefaultImageId": "ami-abba916a",
        "DefaultInstanceType": "t4g.micro",
    });
    function.get("/ec2/limits").await.is(200, &limits);
    let line = function.log_line();
    assert_eq!((&line["action"], &line["decision"]), (&json!("GetLimits"), &json!("allow")), "{line}");
    let message = "region_name is not a parameter here: this route takes none";
    function.get("/ec2/limits?region_name=us-east-1").await.refuses(400, "UnknownParameter", message);
    function.assert_no_calls();
}

#[tokio::test]
async fn limits_that_are_not_set_are_null_or_empty() {
    let function = Function::without_aws(&[]).await;
    let answer = function.get("/ec2/limits").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let limits: Value = serde_json::from_str(&answer.body).unwrap();
    for (name, value) in [
        ("InstanceTypes", Value::Null),
        ("MaxInstancesPerLaunch", Value::Null),
        ("InstanceProfiles", json!([])),
        ("ReservedTags", json!([])),
        ("DefaultInstanceType", json!("t3.micro")),
    ] {
        assert_eq!(limits[name], value, "{name}");
    }
    assert_eq!(function.send(HttpApiEvent::new("GET", "/ec2/limits")).await.status, 401);
}

#[tokio::test]
async fn limits_need_the_permission_for_them() {
    let policies = r#"permit (principal, action == Action::"RunInstances", resource);"#;
    let function = Function::with_policies(policies, &[], []).await;
    let message = "The policy of this deployment does not permit GetLimits of us-east-1";
    function.get("/ec2/limits").await.refuses(403, "Forbidden", message);
    let policies = r#"permit (principal, action == Action::"GetLimits", resource);"#;
    let function = Function::with_policies(policies, &[], []).await;
    assert_eq!(function.get("/ec2/limits").await.status, 200);
}
