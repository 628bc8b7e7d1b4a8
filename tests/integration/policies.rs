//! Cedar policies in every dialect.

use crate::support::xml::{Instance, buckets, describe, instance, launched, response, stopped, terminated};
use crate::support::{
    A, AWS_REQUEST_ID, Answer, B, Function, HttpApiEvent, PERMIT_ALL, REQUEST_ID, Response, SERVICE, file, policy_file,
    root,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;

/// A running instance.
fn running(id: &str) -> Instance {
    instance(id).instance_type("t3.micro").with("keyName", "demo").state("running")
}

/// A running instance of a team.
fn of_team(id: &str, team: &str) -> Instance {
    running(id).tag("team", team)
}

/// The function with policies; its caller is in the group `blue`.
async fn governed(policies: &str, responses: impl IntoIterator<Item = Response>) -> Function {
    Function::with_policies(policies, &[("CALLER_GROUPS", "demo=blue")], responses).await
}

fn example(name: &str) -> String {
    file(&format!("policies/examples/{name}.cedar"))
}

#[tokio::test]
async fn example_teams_permits_start_and_stop_of_the_teams_own_instances_only() {
    let (ours, theirs) = (describe([of_team(A, "blue")]), describe([of_team(A, "red")]));
    let untagged = describe([running(A).tag("Team", "blue").tag("Name", "blue")]);
    let function = governed(&example("teams"), [ours.clone(), stopped(A)]).await;
    assert_eq!(function.stop(A).await.status, 200);
    assert_eq!(function.wire.actions(), ["DescribeInstances", "StopInstances"]);
    let line = function.log_line();
    assert_eq!((&line["decision"], &line["decided_by"]), (&json!("allow"), &json!(["teams-start-and-stop-their-own"])));

    for described in [theirs, untagged] {
        let function = governed(&example("teams"), [described]).await;
        let message = "The policy of this deployment does not permit StopInstances of i-abba916a";
        function.stop(A).await.refuses(403, "Forbidden", message);
        assert_eq!(function.wire.actions(), ["DescribeInstances"], "nothing was changed");
        let line = function.log_line();
        assert_eq!((&line["decision"], &line["action"]), (&json!("deny"), &json!("StopInstances")));
        assert_eq!((&line["level"], &line["code"]), (&json!("WARN"), &json!("Forbidden")));
        assert_eq!(line.get("decided_by"), None, "no policy forbids it: none permits it");
    }
    let function = governed(&example("teams"), [ours]).await;
    assert_eq!(function.terminate(A).await.status, 403);
    let create = "/ec2/create?region_name=eu-west-1&image_id=ami-abba916a&SecurityGroupId=sg-01234567&tag:team=blue";
    let message = "The policy of this deployment does not permit RunInstances of a launch like this";
    function.post(create).await.refuses(403, "Forbidden", message);
    function.assert_no_calls();
}

#[tokio::test]
async fn example_production_forbids_termination_of_production() {
    for (env, status) in [("production", 403), ("test", 200)] {
        let described = describe([running(A).tag("env", env)]);
        let function = governed(&example("production"), [described, terminated(A)]).await;
        let answer = function.terminate(A).await;
        assert_eq!(answer.status, status, "{env}");
        let by = if status == 200 { "everything" } else { "nobody-terminates-production" };
        assert_eq!(function.log_line()["decided_by"], json!([by]));
    }
}

#[tokio::test]
async fn example_small_launches_limits_type_count_and_region() {
    let function = governed(&example("small-launches"), [launched([instance(A)])]).await;
    let base = "/ec2/create?image_id=ami-abba916a&SecurityGroupId=sg-01234567";
    for denied in [
        "&region_name=eu-west-1&InstanceType=m5.large",
        "&region_name=eu-west-2&InstanceType=t3.small",
        "&region_name=eu-west-1&InstanceType=t3.small&MaxCount=6",
    ] {
        assert_eq!(function.post(&format!("{base}{denied}")).await.status, 403, "{denied}");
    }
    function.assert_no_calls();
    function.log_lines();
    let allowed = format!("{base}&region_name=eu-west-1&InstanceType=t3.small&MaxCount=5");
    assert_eq!(function.post(&allowed).await.status, 200);
    assert_eq!(function.wire.actions(), ["RunInstances"]);
    let line = function.log_line();
    assert_eq!(line["decided_by"], json!(["small-launches-in-two-regions"]));
    for (member, value) in [
        ("action", json!("RunInstances")),
        ("image_id", json!("ami-abba916a")),
        ("instance_type", json!("t3.small")),
        ("max_count", json!(5)),
        ("instance_ids", json!([A])),
    ] {
        assert_eq!(line[member], value, "{member}");
    }
    // A modification can't exceed the limit of a launch.
    let function = governed(&example("small-launches"), [describe([running(A)])]).await;
    let modify = format!("/v1/{A}/modify?attribute=instanceType&value=m5.large");
    assert_eq!(function.put(&modify).await.status, 403);
    assert_eq!(function.wire.actions(), ["DescribeInstances"]);
}

#[tokio::test]
async fn policy_sees_whether_a_launch_requires_imdsv2() {
    let policy =
        "permit (principal, action, resource) when { resource is Launch && resource.httpTokens == \"required\" };";
    let path = "/ec2/create?region_name=eu-west-1&image_id=ami-abba916a&SecurityGroupId=sg-01234567";
    for (setting, status, calls) in [("required", 200, 1), ("optional", 403, 0)] {
        let variables = [("LAUNCH_HTTP_TOKENS", setting)];
        let function = Function::with_policies(policy, &variables, [launched([instance(A)])]).await;
        assert_eq!(function.post(path).await.status, status, "{setting}");
        assert_eq!(function.wire.requests().len(), calls);
    }
}

#[tokio::test]
async fn one_forbidden_instance_fails_the_whole_request_before_any_change() {
    let both = describe([of_team(A, "blue"), of_team(B, "red")]);
    for ids in [format!("{A},{B}"), format!("{B},{A}")] {
        let function = governed(&example("teams"), [both.clone()]).await;
        let answer = function.stop(&ids).await;
        let message = "The policy of this deployment does not permit StopInstances of i-abba916b";
        answer.refuses(403, "Forbidden", message);
        assert_eq!(function.wire.actions(), ["DescribeInstances"]);
    }
    // An instance that EC2 does not describe can't be permitted.
    let function = governed(&example("teams"), [describe([of_team(A, "blue")])]).await;
    let answer = function.stop(&format!("{A},{B}")).await;
    answer.refuses(404, "InvalidInstanceID.NotFound", "There is no instance i-abba916b (region eu-west-1)");
    assert_eq!(function.wire.actions(), ["DescribeInstances"]);
}

#[tokio::test]
async fn caller_without_any_right_to_an_action_makes_no_call_to_aws() {
    let reader = "@id(\"read\") permit (principal, action == Action::\"DescribeInstances\", resource);";
    let bob = "@id(\"bob\") permit (principal == Caller::\"bob\", action, resource);";
    for (method, path, action, target) in [
        ("POST", "/ec2/stop?region_name=eu-west-1&instance_id=web", "StopInstances", "web".to_owned()),
        ("POST", &format!("/ec2/terminate?region_name=eu-west-1&instance_id={A}"), "TerminateInstances", A.to_owned()),
        (
            "POST",
            "/ec2/create?region_name=eu-west-1&image_id=ami-0123456789abcdef0&security_groups=web",
            "RunInstances",
            "a launch like this".to_owned(),
        ),
    ] {
        let function = governed(&format!("{reader}\n{bob}"), []).await;
        let answer = function.call(method, path).await;
        let message = format!("The policy of this deployment does not permit {action} of {target}");
        answer.refuses(403, "Forbidden", &message);
        function.assert_no_calls();
        assert_eq!(function.log_line()["decision"], "deny");
    }
}

#[tokio::test]
async fn every_dialect_is_authorized_alike_and_has_its_own_error_body() {
    let message = |action: &str| format!("The policy of this deployment does not permit {action} of {A}");
    let described = describe([running(A)]);
    let denied = async |method: &str, path: String| -> (Answer, Vec<String>) {
        let policies = "permit (principal, action, resource); forbid (principal, action, resource);";
        let function = governed(policies, [described.clone()]).await;
        (function.call(method, &path).await, function.wire.actions())
    };
    for (action, operation) in [("start", "StartInstances"), ("stop", "StopInstances"), ("reboot", "RebootInstances")] {
        let (answer, requests) = denied("PUT", format!("/instance/eu-west-1/{A}/{action}")).await;
        answer.is(403, &json!({"errors": [{"id": "Forbidden", "title": message(operation)}]}));
        assert_eq!(requests, ["DescribeInstances"]);
        let (answer, requests) = denied("PUT", format!("/v1/{A}/{action}")).await;
        answer.is(403, &json!(message(operation)));
        assert_eq!((answer.headers["x-error-code"].as_str(), requests.len()), ("Forbidden", 1));
        let (answer, requests) = denied("POST", format!("/ec2/{action}?region_name=eu-west-1&instance_id={A}")).await;
        answer.refuses(403, "Forbidden", &message(operation));
        assert_eq!(requests, ["DescribeInstances"]);
    }
    let (answer, _) = denied("GET", format!("/v1/{A}/attributes")).await;
    answer.is(403, &json!(message("DescribeInstances")));
    let (answer, _) = denied("GET", format!("/instance/eu-west-1/{A}")).await;
    answer.is(403, &json!({"errors": [{"id": "Forbidden", "title": message("DescribeInstances")}]}));
    let (answer, requests) =
        denied("PUT", "/v1/launch?ami=ami-abba916a&instance_type=t3.micro&security_groups=sg-01234567".to_owned())
            .await;
    answer.is(403, &json!("The policy of this deployment does not permit RunInstances of a launch like this"));
    assert_eq!(requests, [""; 0]);
}

#[tokio::test]
async fn list_shows_visible_instances_only() {
    let own = "permit (principal, action == Action::\"DescribeInstances\", resource == Region::\"eu-west-1\");\n\
        permit (principal, action == Action::\"DescribeInstances\", resource is Instance)\n\
        when { resource.hasTag(\"team\") && principal.groups.contains(resource.getTag(\"team\")) };";
    let all = describe([of_team(A, "blue"), of_team(B, "red")]);
    let function = governed(own, vec![all; 3]).await;
    let listed = function.list("eu-west-1").await.json();
    assert_eq!(listed.as_array().unwrap().iter().map(|row| &row["id"]).collect::<Vec<_>>(), [A]);
    let listed = function.get("/ec2/reservations?region_name=eu-west-1").await.json();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed[0]["Instances"][0]["InstanceId"], A);
    assert_eq!(function.wire.actions(), ["DescribeInstances"; 2]);
    // The permit does not include other regions.
    let message = "The policy of this deployment does not permit DescribeInstances of eu-west-2";
    function.list("eu-west-2").await.refuses(403, "Forbidden", message);
    function.assert_no_calls();
}

#[tokio::test]
async fn permit_of_a_region_includes_its_instances_and_launches() {
    let region = "permit (principal, action, resource in Region::\"eu-west-1\");";
    let one = describe([running(A)]);
    let function = governed(region, [one.clone(), one, stopped(A), launched([instance(A)])]).await;
    assert_eq!(function.list("eu-west-1").await.json()[0]["id"], A);
    assert_eq!(function.list("eu-west-2").await.status, 403);
    assert_eq!(function.stop(A).await.status, 200);
    let create =
        |region: &str| format!("/ec2/create?image_id=ami-abba916a&SecurityGroupId=sg-01234567&region_name={region}");
    assert_eq!(function.post(&create("eu-west-1")).await.status, 200);
    assert_eq!(function.post(&create("us-east-1")).await.status, 403);
}

#[tokio::test]
async fn policies_see_name_groups_authentication_and_address_of_the_caller() {
    let path = "/ec2/list?region_name=eu-west-1";
    for (policy, status) in [
        ("permit (principal == Caller::\"demo\", action, resource);", 200),
        ("permit (principal == Caller::\"other\", action, resource);", 403),
        ("permit (principal in Group::\"blue\", action, resource);", 200),
        ("permit (principal in Group::\"red\", action, resource);", 403),
        ("permit (principal, action, resource) when { context.authentication == \"key\" };", 200),
        ("permit (principal, action, resource) when { context.authentication == \"iam\" };", 403),
        (
            "permit (principal, action, resource) when { context has sourceIp && context.sourceIp.isInRange(ip(\"203.0.113.0/24\")) };",
            200,
        ),
        (
            "permit (principal, action, resource) when { context has sourceIp && context.sourceIp.isInRange(ip(\"10.0.0.0/8\")) };",
            403,
        ),
        ("", 403),
    ] {
        let function = governed(policy, [describe([])]).await;
        assert_eq!(function.get(path).await.status, status, "{policy}");
    }
    let permit_role = "permit (principal == Caller::\"arn:aws:iam::123456789012:role/ci\", action, resource) \
        when { principal.scopes.isEmpty() };";
    let function = governed(permit_role, [describe([])]).await;
    let arn = "arn:aws:sts::123456789012:assumed-role/ci/alice";
    let event = HttpApiEvent::new("GET", path).set("/requestContext/authorizer", json!({"iam": {"userArn": arn}}));
    assert_eq!(function.send(event).await.status, 200);
    let permit_scope = "permit (principal, action, resource) when { principal.scopes.contains(\"ec2/read\") };";
    let function = governed(permit_scope, [describe([])]).await;
    let claims = json!({"jwt": {"claims": {"sub": "alice", "scope": "openid ec2/read"}}});
    let event = HttpApiEvent::new("GET", path).set("/requestContext/authorizer", claims);
    assert_eq!(function.send(event).await.status, 200);
    assert_eq!(function.get(path).await.status, 403);
}

#[tokio::test]
async fn owner_of_an_instance_is_the_caller_that_launched_it() {
    let own = "permit (principal, action, resource) when { resource has owner && resource.owner == principal.name };";
    let own = own.replace("resource)", "resource is Instance)");
    for (owner, status) in [("demo", 200), ("other", 403)] {
        let one = describe([running(A).tag("ec2-control-api:caller", owner)]);
        let function = governed(&own, [one, stopped(A)]).await;
        let answer = function.stop(A).await;
        assert_eq!(answer.status, status, "{owner}");
    }
}

#[tokio::test]
async fn policies_apply_to_buckets_and_objects() {
    let policy = "permit (principal, action in [Action::\"ListBuckets\", Action::\"GetObject\"], resource)\n\
        unless { resource == Bucket::\"demo-b\" };";
    let buckets = buckets([("demo-a", None), ("demo-b", None)]);
    let function = governed(policy, [buckets, response(200, "content")]).await;
    function.get("/s3").await.is(200, &json!([{"name": "demo-a", "creation_date": null}]));
    assert_eq!(function.get("/s3/demo-a/k").await.status, 200);
    assert_eq!(function.wire.requests().len(), 2);
    for (method, path, action) in [
        ("GET", "/s3/demo-b/k", "GetObject"),
        ("GET", "/s3/demo-b/k?presign=1", "GetObject"),
        ("PUT", "/s3/demo-a/k", "PutObject"),
        ("PUT", "/s3/demo-a/k?presign=1", "PutObject"),
        ("DELETE", "/s3/demo-a/k", "DeleteObject"),
        ("DELETE", "/s3/demo-a", "DeleteBucket"),
        ("PUT", "/s3/demo-a", "CreateBucket"),
        ("GET", "/s3/demo-a", "ListObjectsV2"),
    ] {
        let bucket = path.split('/').nth(2).unwrap();
        let message = format!("The policy of this deployment does not permit {action} of {bucket}");
        function.call(method, path).await.refuses(403, "Forbidden", &message);
    }
    function.assert_no_calls();
    let lines = function.log_lines();
    let line: Value = serde_json::from_str(&lines[4]).unwrap();
    assert_eq!((&line["action"], &line["bucket"], &line["key"]), (&json!("PutObject"), &json!("demo-a"), &json!("k")));
}

#[test]
fn invalid_policy_stops_the_start_and_is_reported_with_its_line() {
    for (policy, problem) in [
        (format!("{PERMIT_ALL}\n\npermit (principal, action, resource"), "line 3: unexpected end of input"),
        ("permit (principal, action == Action::\"stop\", resource);".into(), "line 1: "),
        (
            format!(
                "{PERMIT_ALL}\npermit (principal, action == Action::\"StopInstances\", resource)\nwhen {{ resource.tag == \"x\" }};"
            ),
            "line 3: ",
        ),
        ("permit (principal == ?principal, action, resource);".into(), "a template"),
        // This policy would never apply.
        (
            "forbid (principal, action == Action::\"TerminateInstances\", resource is Launch);".into(),
            "policy is impossible",
        ),
        (format!("@id(\"x\")\n{PERMIT_ALL}\n@id(\"x\")\n{PERMIT_ALL}"), "duplicate"),
    ] {
        let file = policy_file(&policy);
        let output = Command::new(env!("CARGO_BIN_EXE_bootstrap"))
            .env_clear()
            .envs([("AWS_REGION", "us-east-1"), ("POLICY_FILE", file.as_str())])
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        let line: Value = serde_json::from_str(&stderr).unwrap();
        assert_eq!((stderr.lines().count(), &line["level"]), (1, &json!("ERROR")), "{stderr}");
        let message = line["message"].as_str().unwrap();
        assert!(message.starts_with("startup failed: environment variable POLICY_FILE: "), "{stderr}");
        assert!(message.contains(&file) && message.contains(problem), "{policy}: {stderr}");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_bootstrap"))
        .env_clear()
        .envs([("AWS_REGION", "us-east-1"), ("POLICY_FILE", "/nowhere.cedar")])
        .output()
        .unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("POLICY_FILE: /nowhere.cedar: No such file"));
}

#[test]
fn every_example_policy_is_in_the_readme_and_tested() {
    let names: BTreeSet<_> = std::fs::read_dir(root().join("policies/examples"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["production.cedar", "small-launches.cedar", "teams.cedar"]);
    for name in ["production", "small-launches", "teams"] {
        assert!(file("README.md").contains(&format!("policies/examples/{name}.cedar")), "{name}");
    }
}

#[tokio::test]
async fn each_change_logs_one_audit_line() {
    let function = governed(PERMIT_ALL, [describe([running(A)]), stopped(A)]).await;
    function.stop(A).await;
    assert_eq!(
        function.log_line(),
        json!({
            "level": "INFO", "service": SERVICE, "request_id": REQUEST_ID, "source_ip": "203.0.113.10", "caller": "demo",
            "authentication": "key", "method": "POST", "route": "/ec2/stop", "dialect": "ec2", "operation": "stop",
            "region": "eu-west-1", "action": "StopInstances", "instance_ids": [A], "decision": "allow",
            "decided_by": ["policy0"], "aws_request_id": AWS_REQUEST_ID, "status": 200,
        })
    );
}

#[tokio::test]
async fn account_in_policies_is_that_of_the_function() {
    let policies = r#"@id("here") permit (principal, action, resource) when { resource.account == "123456789012" };"#;
    let mut function =
        governed(policies, [describe([running(A), running(B)]), describe([running(A)]), stopped(A)]).await;
    assert_eq!(function.list("eu-west-1").await.json().as_array().unwrap().len(), 2);
    assert_eq!(function.log_line()["decided_by"], json!(["here"]));
    assert_eq!(function.stop(A).await.status, 200);
    function.log_lines();
    function.wire.requests();
    // An emulator passes no ARN: the account is that of the event, if it has one.
    function.arn = "function-arn".to_owned();
    let refused = "The policy of this deployment does not permit DescribeInstances of eu-west-1";
    let unknown = json!("policies use the account, and the function's own is not known");
    for (account, cause) in [(json!("111122223333"), Value::Null), (Value::Null, unknown)] {
        let event = HttpApiEvent::new("GET", "/ec2/list?region_name=eu-west-1").key();
        let answer = function.send(event.set("/requestContext/accountId", account)).await;
        answer.refuses(403, "Forbidden", refused);
        assert_eq!(function.log_line()["cause"], cause);
        function.assert_no_calls();
    }
}
