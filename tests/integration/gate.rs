//! The gate: policies, limits, dry runs, what every launch has, and what never gets into a log or an answer.

use crate::support::{
    AWS_REQUEST_ID, Answer, Event2, Function, IMAGE, KEY, Wire, file, own_region, policy_file, refusal, root, routes,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;

const A: &str = "i-abba916a";
const B: &str = "i-abba916b";
const EVERYTHING: &str = "permit (principal, action, resource);";
const STOPPED: &str = "<StopInstancesResponse><instancesSet><item><instanceId>i-abba916a</instanceId></item></instancesSet></StopInstancesResponse>";
const LAUNCHED: &str = "<RunInstancesResponse><instancesSet><item><instanceId>i-abba916a</instanceId></item></instancesSet>\
    </RunInstancesResponse>";

/// What EC2 describes: instances, each with a type, a state and tags.
fn described(instances: &[(&str, &[(&str, &str)])]) -> String {
    let item = |(id, tags): &(&str, &[(&str, &str)])| {
        let tag = |(key, value): &(&str, &str)| format!("<item><key>{key}</key><value>{value}</value></item>");
        format!(
            "<item><instancesSet><item><instanceId>{id}</instanceId><instanceType>t3.micro</instanceType><keyName>demo</keyName>\
             <instanceState><code>16</code><name>running</name></instanceState><tagSet>{}</tagSet></item></instancesSet></item>",
            tags.iter().map(tag).collect::<String>()
        )
    };
    let items: String = instances.iter().map(item).collect();
    format!("<DescribeInstancesResponse><reservationSet>{items}</reservationSet></DescribeInstancesResponse>")
}

async fn governed(answers: &[(u16, &str)], policies: &str) -> Function {
    Function::governed(Wire::canned(answers).await, policies, &[("CALLER_GROUPS", "demo=blue")]).await
}

/// The actions that reached AWS.
fn actions(function: &Function) -> Vec<String> {
    function.wire.seen().iter().map(|it| it.action()).collect()
}

fn example(name: &str) -> String {
    file(&format!("policies/examples/{name}.cedar"))
}

// -------------------------------------------------------------------------------------------------------------- policies

#[tokio::test]
async fn teams_start_and_stop_what_is_tagged_with_their_team_and_nothing_else() {
    let (ours, theirs) = (described(&[(A, &[("team", "blue")])]), described(&[(A, &[("team", "red")])]));
    let untagged = described(&[(A, &[("Team", "blue"), ("Name", "blue")])]);
    let stop = format!("/ec2/stop?region_name=eu-west-1&instance_id={A}");
    let function = governed(&[(200, &ours), (200, STOPPED)], &example("teams")).await;
    assert_eq!(function.call("POST", &stop).await.status, 200);
    assert_eq!(actions(&function), ["DescribeInstances", "StopInstances"]);
    let line = function.log_line();
    assert_eq!((&line["decision"], &line["decided_by"]), (&json!("allow"), &json!(["teams-start-and-stop-their-own"])));

    for described in [&theirs, &untagged] {
        let function = governed(&[(200, described)], &example("teams")).await;
        let message = "The policy of this deployment does not permit StopInstances of i-abba916a";
        function.call("POST", &stop).await.refuses(403, "Forbidden", message);
        assert_eq!(actions(&function), ["DescribeInstances"], "nothing was changed");
        let line = function.log_line();
        assert_eq!((&line["decision"], &line["action"]), (&json!("deny"), &json!("StopInstances")));
        assert_eq!((&line["level"], &line["code"]), (&json!("WARN"), &json!("Forbidden")));
        assert_eq!(line.get("decided_by"), None, "no policy forbids it: none permits it");
    }
    let function = governed(&[(200, &ours)], &example("teams")).await;
    let terminate = format!("/ec2/terminate?region_name=eu-west-1&instance_id={A}");
    assert_eq!(function.call("POST", &terminate).await.status, 403);
    let create = "/ec2/create?region_name=eu-west-1&image_id=ami-abba916a&tag:team=blue";
    let message = "The policy of this deployment does not permit RunInstances of a launch like this";
    function.call("POST", create).await.refuses(403, "Forbidden", message);
    assert_eq!(actions(&function), ["DescribeInstances"]);
}

#[tokio::test]
async fn nobody_terminates_production() {
    for (env, status) in [("production", 403), ("test", 200)] {
        let described = described(&[(A, &[("env", env)])]);
        let terminated = STOPPED.replace("Stop", "Terminate");
        let function = governed(&[(200, &described), (200, &terminated)], &example("production")).await;
        let answer = function.call("POST", &format!("/ec2/terminate?region_name=eu-west-1&instance_id={A}")).await;
        assert_eq!(answer.status, status, "{env}");
        let by = if status == 200 { "everything" } else { "nobody-terminates-production" };
        assert_eq!(function.log_line()["decided_by"], json!([by]));
    }
}

#[tokio::test]
async fn launches_are_small_few_and_in_two_regions() {
    let function = governed(&[(200, LAUNCHED)], &example("small-launches")).await;
    let base = "/ec2/create?image_id=ami-abba916a";
    for denied in [
        "&region_name=eu-west-1&InstanceType=m5.large",
        "&region_name=eu-west-2&InstanceType=t3.small",
        "&region_name=eu-west-1&InstanceType=t3.small&MaxCount=6",
    ] {
        assert_eq!(function.call("POST", &format!("{base}{denied}")).await.status, 403, "{denied}");
    }
    function.quiet();
    function.log_lines();
    let allowed = format!("{base}&region_name=eu-west-1&InstanceType=t3.small&MaxCount=5");
    assert_eq!(function.call("POST", &allowed).await.status, 200);
    assert_eq!(actions(&function), ["RunInstances"]);
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
    // What was launched small does not grow.
    let function = governed(&[(200, &described(&[(A, &[])]))], &example("small-launches")).await;
    let modify = format!("/v1/{A}/modify?attribute=instanceType&value=m5.large");
    assert_eq!(function.call("PUT", &modify).await.status, 403);
    assert_eq!(actions(&function), ["DescribeInstances"]);
}

#[tokio::test]
async fn one_forbidden_instance_fails_the_whole_command_before_anything_happens() {
    let both = described(&[(A, &[("team", "blue")]), (B, &[("team", "red")])]);
    for ids in [format!("{A},{B}"), format!("{B},{A}")] {
        let function = governed(&[(200, &both)], &example("teams")).await;
        let answer = function.call("POST", &format!("/ec2/stop?region_name=eu-west-1&instance_ids={ids}")).await;
        let message = "The policy of this deployment does not permit StopInstances of i-abba916b";
        answer.refuses(403, "Forbidden", message);
        assert_eq!(actions(&function), ["DescribeInstances"]);
    }
    // One of which EC2 says nothing is none that could be permitted.
    let function = governed(&[(200, &described(&[(A, &[("team", "blue")])]))], &example("teams")).await;
    let answer = function.call("POST", &format!("/ec2/stop?region_name=eu-west-1&instance_ids={A},{B}")).await;
    answer.refuses(404, "InvalidInstanceID.NotFound", "There is no instance i-abba916b");
    assert_eq!(actions(&function), ["DescribeInstances"]);
}

#[tokio::test]
async fn every_dialect_has_the_same_gate_and_its_own_words() {
    let message = |action: &str| format!("The policy of this deployment does not permit {action} of {A}");
    let described = described(&[(A, &[])]);
    let denied = async |method: &str, path: String| -> (Answer, Vec<String>) {
        let function = governed(&[(200, &described)], "forbid (principal, action, resource);").await;
        (function.call(method, &path).await, actions(&function))
    };
    for (action, operation) in [("start", "StartInstances"), ("stop", "StopInstances"), ("reboot", "RebootInstances")] {
        let (answer, seen) = denied("PUT", format!("/instance/eu-west-1/{A}/{action}")).await;
        answer.is(403, &json!({"errors": [{"id": "Forbidden", "title": message(operation)}]}));
        assert_eq!(seen, ["DescribeInstances"]);
        let (answer, seen) = denied("PUT", format!("/v1/{A}/{action}")).await;
        answer.is(403, &json!(message(operation)));
        assert_eq!((answer.headers["x-error-code"].as_str(), seen.len()), ("Forbidden", 1));
        let (answer, seen) = denied("POST", format!("/ec2/{action}?region_name=eu-west-1&instance_id={A}")).await;
        answer.refuses(403, "Forbidden", &message(operation));
        assert_eq!(seen, ["DescribeInstances"]);
    }
    let (answer, _) = denied("GET", format!("/v1/{A}/attributes")).await;
    answer.is(403, &json!(message("DescribeInstances")));
    let (answer, _) = denied("GET", format!("/instance/eu-west-1/{A}")).await;
    answer.is(403, &json!({"errors": [{"id": "Forbidden", "title": message("DescribeInstances")}]}));
    let (answer, seen) = denied("PUT", "/v1/launch?ami=ami-abba916a&instance_type=t3.micro".to_owned()).await;
    answer.is(403, &json!("The policy of this deployment does not permit RunInstances of a launch like this"));
    assert_eq!(seen, [""; 0]);
}

#[tokio::test]
async fn a_list_shows_what_the_caller_may_describe_and_nothing_else() {
    let own = "permit (principal, action == Action::\"DescribeInstances\", resource == Region::\"eu-west-1\");\n\
        permit (principal, action == Action::\"DescribeInstances\", resource is Instance)\n\
        when { resource.hasTag(\"team\") && principal.groups.contains(resource.getTag(\"team\")) };";
    let all = described(&[(A, &[("team", "blue")]), (B, &[("team", "red")])]);
    let function = governed(&[(200, &all), (200, &all), (200, &all)], own).await;
    let listed = function.call("GET", "/ec2/list?region_name=eu-west-1").await.json();
    assert_eq!(listed.as_array().unwrap().iter().map(|it| &it["id"]).collect::<Vec<_>>(), [A]);
    let listed = function.call("GET", "/ec2/reservations?region_name=eu-west-1").await.json();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed[0]["Instances"][0]["InstanceId"], A);
    assert_eq!(actions(&function), ["DescribeInstances"; 2]);
    // Another region is another thing to permit.
    let message = "The policy of this deployment does not permit DescribeInstances of eu-west-2";
    function.call("GET", "/ec2/list?region_name=eu-west-2").await.refuses(403, "Forbidden", message);
    function.quiet();
}

#[tokio::test]
async fn a_region_permits_what_is_in_it() {
    let region = "permit (principal, action, resource in Region::\"eu-west-1\");";
    let one = described(&[(A, &[])]);
    let function = governed(&[(200, &one), (200, &one), (200, STOPPED), (200, LAUNCHED)], region).await;
    let list = |region: &str| format!("/ec2/list?region_name={region}");
    assert_eq!(function.call("GET", &list("eu-west-1")).await.json()[0]["id"], A);
    assert_eq!(function.call("GET", &list("eu-west-2")).await.status, 403);
    assert_eq!(function.call("POST", &format!("/ec2/stop?region_name=eu-west-1&instance_id={A}")).await.status, 200);
    let create = |region: &str| format!("/ec2/create?image_id=ami-abba916a&region_name={region}");
    assert_eq!(function.call("POST", &create("eu-west-1")).await.status, 200);
    assert_eq!(function.call("POST", &create("us-east-1")).await.status, 403);
}

#[tokio::test]
async fn policies_know_the_callers_name_groups_way_and_address() {
    let path = "/ec2/list?region_name=eu-west-1";
    for (policy, status) in [
        ("permit (principal == Caller::\"demo\", action, resource);", 200),
        ("permit (principal == Caller::\"other\", action, resource);", 403),
        ("permit (principal in Group::\"blue\", action, resource);", 200),
        ("permit (principal in Group::\"red\", action, resource);", 403),
        ("permit (principal, action, resource) when { context.authentication == \"key\" };", 200),
        ("permit (principal, action, resource) when { context.authentication == \"iam\" };", 403),
        ("permit (principal, action, resource) when { context.sourceIp.isInRange(ip(\"203.0.113.0/24\")) };", 200),
        ("permit (principal, action, resource) when { context.sourceIp.isInRange(ip(\"10.0.0.0/8\")) };", 403),
        ("", 403),
    ] {
        let function = governed(&[(200, &described(&[]))], policy).await;
        assert_eq!(function.call("GET", path).await.status, status, "{policy}");
    }
    let permit_role = "permit (principal == Caller::\"arn:aws:iam::123456789012:role/ci\", action, resource) \
        when { principal.scopes.isEmpty() };";
    let function = governed(&[(200, &described(&[]))], permit_role).await;
    let arn = "arn:aws:sts::123456789012:assumed-role/ci/alice";
    let event = Event2::new("GET", path).set("/requestContext/authorizer", json!({"iam": {"userArn": arn}}));
    assert_eq!(function.invoke(&event.json()).await.status, 200);
    let permit_scope = "permit (principal, action, resource) when { principal.scopes.contains(\"ec2/read\") };";
    let function = governed(&[(200, &described(&[]))], permit_scope).await;
    let claims = json!({"jwt": {"claims": {"sub": "alice", "scope": "openid ec2/read"}}});
    let event = Event2::new("GET", path).set("/requestContext/authorizer", claims);
    assert_eq!(function.invoke(&event.json()).await.status, 200);
    assert_eq!(function.call("GET", path).await.status, 403);
}

#[tokio::test]
async fn who_launched_an_instance_is_its_owner() {
    let own = "permit (principal, action, resource) when { resource has owner && resource.owner == principal.name };";
    let own = own.replace("resource)", "resource is Instance)");
    for (owner, status) in [("demo", 200), ("other", 403)] {
        let one = described(&[(A, &[("ec2-control-api:caller", owner)])]);
        let function = governed(&[(200, &one), (200, STOPPED)], &own).await;
        let answer = function.call("POST", &format!("/ec2/stop?region_name=eu-west-1&instance_id={A}")).await;
        assert_eq!(answer.status, status, "{owner}");
    }
}

#[tokio::test]
async fn buckets_have_policies_too() {
    let policy = "permit (principal, action in [Action::\"ListBuckets\", Action::\"GetObject\"], resource)\n\
        unless { resource == Bucket::\"demo-b\" };";
    let buckets = "<ListAllMyBucketsResult><Buckets><Bucket><Name>demo-a</Name></Bucket><Bucket><Name>demo-b</Name></Bucket>\
        </Buckets></ListAllMyBucketsResult>";
    let function = governed(&[(200, buckets), (200, "content")], policy).await;
    function.call("GET", "/s3").await.is(200, &json!([{"name": "demo-a", "creation_date": null}]));
    assert_eq!(function.call("GET", "/s3/demo-a/k").await.status, 200);
    assert_eq!(function.wire.seen().len(), 2);
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
    function.quiet();
    let lines = function.log_lines();
    let line: Value = serde_json::from_str(&lines[4]).unwrap();
    assert_eq!((&line["action"], &line["bucket"], &line["key"]), (&json!("PutObject"), &json!("demo-a"), &json!("k")));
}

#[test]
fn a_policy_that_does_not_fit_stops_the_function_from_starting_and_says_where() {
    for (policy, problem) in [
        (format!("{EVERYTHING}\n\npermit (principal, action, resource"), "line 3: unexpected end of input"),
        ("permit (principal, action == Action::\"stop\", resource);".into(), "line 1: "),
        (
            format!(
                "{EVERYTHING}\npermit (principal, action == Action::\"StopInstances\", resource)\nwhen {{ resource.tag == \"x\" }};"
            ),
            "line 3: ",
        ),
        ("permit (principal == ?principal, action, resource);".into(), "a template"),
        // It would never forbid anything.
        (
            "forbid (principal, action == Action::\"TerminateInstances\", resource is Launch);".into(),
            "policy is impossible",
        ),
        (format!("@id(\"x\")\n{EVERYTHING}\n@id(\"x\")\n{EVERYTHING}"), "duplicate"),
    ] {
        let file = policy_file(&policy);
        let output = Command::new(env!("CARGO_BIN_EXE_bootstrap"))
            .env_clear()
            .envs([("AWS_REGION", "us-east-1"), ("POLICY_FILE", file.as_str())])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("the function stops: environment variable POLICY_FILE: "), "{said}");
        assert!(said.contains(&file) && said.contains(problem), "{policy}: {said}");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_bootstrap"))
        .env_clear()
        .envs([("AWS_REGION", "us-east-1"), ("POLICY_FILE", "/nowhere.cedar")])
        .output()
        .unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("POLICY_FILE: /nowhere.cedar: No such file"));
}

#[test]
fn every_example_is_shown_in_the_readme_and_tried_here() {
    let names: BTreeSet<_> = std::fs::read_dir(root().join("policies/examples"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["production.cedar", "small-launches.cedar", "teams.cedar"]);
    for name in ["production", "small-launches", "teams"] {
        assert!(file("README.md").contains(&format!("policies/examples/{name}.cedar")), "{name}");
    }
}

// ---------------------------------------------------------------------------------------------------------------- limits

#[tokio::test]
async fn instance_types_are_limited_for_launches_and_for_modifications_of_every_dialect() {
    let function = Function::alone(&[("ALLOWED_INSTANCE_TYPES", "t3.*,t4g.micro")]).await;
    let told = |name: &str| format!("This deployment allows the instance types t3.*,t4g.micro, not {name}");
    let create = "/ec2/create?region_name=us-east-1&image_id=ami-abba916a&InstanceType=m5.large";
    function.call("POST", create).await.refuses(403, "InstanceTypeNotAllowed", &told("m5.large"));
    let answer = function.call("PUT", "/v1/launch?ami=ami-abba916a&instance_type=t4g.small").await;
    answer.is(403, &json!(told("t4g.small")));
    assert_eq!(answer.headers["x-error-code"], "InstanceTypeNotAllowed");
    let modify = format!("/v1/{A}/modify?attribute=instanceType&value=p5.48xlarge");
    function.call("PUT", &modify).await.is(403, &json!(told("p5.48xlarge")));
    function.quiet();
    for line in function.log_lines() {
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["decision"], &line["decided_by"]), (&json!("deny"), &json!(["ALLOWED_INSTANCE_TYPES"])));
    }
    let modified = "<ModifyInstanceAttributeResponse><return>true</return></ModifyInstanceAttributeResponse>";
    let wire = Wire::canned(&[(200, LAUNCHED), (200, modified)]).await;
    let function = Function::new(wire, &[("ALLOWED_INSTANCE_TYPES", "t3.*,t4g.micro")]).await;
    assert_eq!(function.call("POST", &create.replace("m5.large", "t3.2xlarge")).await.status, 200);
    assert_eq!(function.call("PUT", &modify.replace("p5.48xlarge", "t4g.micro")).await.status, 200);
}

#[tokio::test]
async fn a_launch_has_at_most_as_many_instances_as_the_deployment_allows() {
    let wire = Wire::canned(&[(200, LAUNCHED)]).await;
    let function = Function::new(wire, &[("MAX_INSTANCES_PER_LAUNCH", "3")]).await;
    let told = "This deployment launches at most 3 instances at once, not 4";
    let create = "/ec2/create?region_name=us-east-1&image_id=ami-abba916a";
    function.call("POST", &format!("{create}&MaxCount=4")).await.refuses(403, "TooManyInstances", told);
    let launch = "/v1/launch?ami=ami-abba916a&instance_type=t3.micro&max_count=4";
    function.call("PUT", launch).await.is(403, &json!(told));
    function.quiet();
    assert_eq!(function.call("POST", &format!("{create}&MaxCount=3")).await.status, 200);
}

#[tokio::test]
async fn what_has_the_protected_tag_is_never_stopped_terminated_or_modified_by_any_dialect() {
    let protected = described(&[(A, &[("env", "production")])]);
    let told = |action: &str| format!("{action} of {A} is not permitted: a tag protects it");
    for (method, path, action) in [
        ("POST", format!("/ec2/stop?region_name=us-east-1&instance_id={A}"), "StopInstances"),
        ("POST", format!("/ec2/terminate?region_name=us-east-1&instance_id={A}"), "TerminateInstances"),
        ("POST", format!("/instance/us-east-1/{A}/stop"), "StopInstances"),
        ("PUT", format!("/v1/{A}/stop?force=true"), "StopInstances"),
        ("PUT", format!("/v1/{A}/terminate"), "TerminateInstances"),
        ("PUT", format!("/v1/{A}/modify?attribute=userData&value=x"), "ModifyInstanceAttribute"),
    ] {
        for tag in ["env", "env=production"] {
            let function = Function::new(Wire::canned(&[(200, &protected)]).await, &[("PROTECTED_TAG", tag)]).await;
            let answer = function.call(method, &path).await;
            assert_eq!(answer.status, 403, "{path}: {answer:?}");
            assert!(answer.body.contains(&told(action)), "{answer:?}");
            assert_eq!(actions(&function), ["DescribeInstances"]);
            assert_eq!(function.log_line()["decided_by"], json!(["PROTECTED_TAG"]));
        }
    }
    // What is not protected goes its way, and so does what does not harm; the latter without a look at it.
    let wire = Wire::canned(&[(200, &protected), (200, STOPPED)]).await;
    let function = Function::new(wire, &[("PROTECTED_TAG", "env=test")]).await;
    assert_eq!(function.call("POST", &format!("/ec2/stop?region_name=us-east-1&instance_id={A}")).await.status, 200);
    let started = STOPPED.replace("Stop", "Start");
    let function = Function::new(Wire::canned(&[(200, &started)]).await, &[("PROTECTED_TAG", "env")]).await;
    assert_eq!(function.call("POST", &format!("/ec2/start?region_name=us-east-1&instance_id={A}")).await.status, 200);
    assert_eq!(actions(&function), ["StartInstances"]);
}

// -------------------------------------------------------------------------------------------------------------- launches

#[tokio::test]
async fn a_launch_has_the_callers_tags_in_the_same_call() {
    for (method, path) in [
        ("POST", "/ec2/create?region_name=us-east-1&image_id=ami-abba916a&tag:team=blue&tag:Name=web%20%C3%A9"),
        ("PUT", "/v1/launch?ami=ami-abba916a&instance_type=t3.micro&tag:team=blue&tag:Name=web%20%C3%A9"),
    ] {
        let function = Function::canned(&[(200, LAUNCHED)]).await;
        assert_eq!(function.call(method, path).await.status, 200);
        let form = function.wire.only().launch();
        for n in [1, 2] {
            for (i, (key, value)) in [("Name", "web é"), ("team", "blue")].iter().enumerate() {
                let line = |member: &str, text: &str| format!("TagSpecification.{n}.Tag.{}.{member}={text}", i + 1);
                assert!(form.contains(&line("Key", key)) && form.contains(&line("Value", value)), "{key}: {form:#?}");
            }
        }
    }
    let function = Function::canned(&[(200, LAUNCHED)]).await;
    let body = json!({"region_name": "us-east-1", "image_id": "ami-abba916a", "tag:team": "blue"});
    assert_eq!(function.call_json("POST", "/ec2/create", &body).await.status, 200);
    assert!(function.wire.only().form().contains(&"TagSpecification.1.Tag.1.Value=blue".to_owned()));
}

#[tokio::test]
async fn tags_that_are_not_the_callers_to_set_are_refused() {
    let function = Function::alone(&[]).await;
    let long = "k".repeat(129);
    let many: String = (0..49).map(|i| format!("&tag:k{i}=v")).collect();
    for (tags, message) in [
        (
            "&tag:ec2-control-api:caller=root".to_owned(),
            "tag:ec2-control-api:caller is a key that this function sets itself",
        ),
        ("&tag:EC2-Control-API:x=1".into(), "tag:EC2-Control-API:x is a key that this function sets itself"),
        (
            "&tag:aws:cloudformation:stack-name=x".into(),
            "tag:aws:cloudformation:stack-name is a key that AWS keeps to itself",
        ),
        ("&tag:AWS:x=x".into(), "tag:AWS:x is a key that AWS keeps to itself"),
        ("&tag:a=1&tag:a=2".into(), "tag:a is given twice"),
        ("&tag:=1".into(), "tag:KEY needs a tag's key after the colon"),
        (format!("&tag:{long}=1"), &format!("tag:{long} has a key of more than 128 characters")),
        (format!("&tag:a={}", "v".repeat(257)), "tag:a has more than 256 characters"),
        (many, "tag:KEY can be given for at most 48 keys"),
    ] {
        let path = format!("/ec2/create?region_name=us-east-1&image_id=ami-abba916a{tags}");
        function.call("POST", &path).await.refuses(400, "InvalidParameterValue", message);
    }
    function.quiet();
}

// -------------------------------------------------------------------------------------------------------------- dry runs

/// Every route that changes something, with a request that it takes.
const CHANGES: &[(&str, &str, &str)] = &[
    ("POST", "/ec2/create?region_name=us-east-1&image_id=ami-abba916a", "RunInstances"),
    ("POST", "/ec2/start?region_name=us-east-1&instance_id=i-abba916a", "StartInstances"),
    ("POST", "/ec2/stop?region_name=us-east-1&instance_id=i-abba916a", "StopInstances"),
    ("POST", "/ec2/reboot?region_name=us-east-1&instance_id=i-abba916a", "RebootInstances"),
    ("POST", "/ec2/terminate?region_name=us-east-1&instance_id=i-abba916a", "TerminateInstances"),
    ("PUT", "/instance/us-east-1/i-abba916a/start?", "StartInstances"),
    ("POST", "/instance/us-east-1/i-abba916a/stop?", "StopInstances"),
    ("POST", "/instance/us-east-1/i-abba916a/reboot?", "RebootInstances"),
    ("PUT", "/v1/launch?ami=ami-abba916a&instance_type=t3.micro", "RunInstances"),
    ("PUT", "/v1/i-abba916a/start?", "StartInstances"),
    ("PUT", "/v1/i-abba916a/stop?", "StopInstances"),
    ("PUT", "/v1/i-abba916a/reboot?", "RebootInstances"),
    ("PUT", "/v1/i-abba916a/terminate?", "TerminateInstances"),
    ("PUT", "/v1/i-abba916a/modify?attribute=instance_type&value=t3.small", "ModifyInstanceAttribute"),
    ("PUT", "/s3/demo-a?", "CreateBucket"),
    ("DELETE", "/s3/demo-a?", "DeleteBucket"),
    ("PUT", "/s3/demo-a/k?", "PutObject"),
    ("DELETE", "/s3/demo-a/k?", "DeleteObject"),
];

#[test]
fn every_route_that_changes_something_can_be_tried() {
    let changing = routes().into_iter().filter(|route| route.methods != ["GET"]).count();
    for route in routes() {
        let dry_run = route.parameters.contains(&"dry_run");
        assert_eq!(dry_run, route.methods != ["GET"], "{}", route.path);
    }
    // `/instance` has three actions on one path.
    assert_eq!(CHANGES.len(), changing + 2, "a route is not in the list of this test");
}

#[tokio::test]
async fn a_dry_run_asks_the_policy_and_ec2_and_changes_nothing() {
    let yes = refusal("DryRunOperation", "Request would have succeeded, but DryRun flag is set.");
    let no = refusal("UnauthorizedOperation", "You are not authorized to perform this operation.");
    for (method, path, action) in CHANGES {
        let path = format!("{path}&dry_run=true");
        let s3 = path.starts_with("/s3");
        let text = match s3 {
            true => format!("Dry run: This deployment (AWS can't be asked) would permit {action}. Nothing was done."),
            false => format!("Dry run: This deployment and AWS would permit {action}. Nothing was done."),
        };
        let body = if path.starts_with("/v1") { json!(text) } else { json!({"DryRun": true, "Message": text}) };
        let function = Function::canned(&[(412, &yes)]).await;
        function.call(method, &path).await.is(200, &body);
        let seen = function.wire.seen();
        if s3 {
            assert!(seen.is_empty(), "{seen:#?}");
        } else {
            assert_eq!(seen.len(), 1, "{path}: {seen:#?}");
            assert_eq!(seen[0].action(), *action);
            assert!(seen[0].form().contains(&"DryRun=true".to_owned()), "{path}: {:?}", seen[0].form());
        }
        let line = function.log_line();
        assert_eq!(
            (&line["dry_run"], &line["decision"], &line["action"]),
            (&json!(true), &json!("allow"), &json!(action))
        );

        let would = "Dry run: AWS would refuse this.";
        if !s3 {
            let function = Function::canned(&[(403, &no)]).await;
            let answer = function.call(method, &path).await;
            let status = if path.starts_with("/v1") { 408 } else { 502 };
            assert_eq!(answer.status, status, "{path}: {answer:?}");
            assert!(answer.body.contains(would) && answer.body.contains(&format!("ec2:{action}")), "{answer:?}");
        }

        let described = described(&[(A, &[])]);
        let function = governed(&[(200, &described)], "forbid (principal, action, resource);").await;
        let answer = function.call(method, &path).await;
        assert_eq!(answer.status, 403, "{path}: {answer:?}");
        let would = format!(
            "Dry run: this deployment would refuse this. The policy of this deployment does not permit {action}"
        );
        assert!(answer.body.contains(&would), "{path}: {answer:?}");
        assert!(actions(&function).iter().all(|action| action == "DescribeInstances"));
    }
}

#[tokio::test]
async fn a_dry_run_against_moto_changes_nothing() {
    let function = Function::with_moto().await;
    let region = own_region();
    let id = function.launch(region).await;
    for action in ["stop", "terminate", "reboot", "start"] {
        for spelling in
            ["dry_run=true", "DryRun=True", "dryRun=true", "dry-run=true", "DRY_RUN=true", "dryrun", "dry_run="]
        {
            let path = format!("/ec2/{action}?region_name={region}&instance_id={id}&{spelling}");
            let answer = function.call("POST", &path).await;
            assert_eq!((answer.status, &answer.json()["DryRun"]), (200, &json!(true)), "{path}: {answer:?}");
        }
    }
    let body = json!({"region_name": region, "image_id": IMAGE, "dry_run": true});
    assert_eq!(function.call_json("POST", "/ec2/create", &body).await.json()["DryRun"], true);
    let answer = function.call("POST", &format!("/instance/{region}/{id}/stop?dry_run=true")).await;
    assert_eq!(answer.json()["DryRun"], true);
    let listed = function.call("GET", &format!("/ec2/list?region_name={region}")).await.json();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    assert_eq!((&listed[0]["id"], &listed[0]["instance-state"]), (&json!(id), &json!("running")));
    let shown = function.call("GET", &format!("/instance/{region}/{id}")).await.json();
    assert_eq!(shown["tags"].get("start_time"), None);
    for path in ["/s3/demo-never?dry_run=true", "/s3/demo-never/k?dry_run=true"] {
        assert_eq!(function.call("PUT", path).await.status, 200);
    }
    let buckets = function.call("GET", "/s3").await.json();
    assert!(buckets.as_array().unwrap().iter().all(|it| it["name"] != "demo-never"), "{buckets}");
}

#[tokio::test]
async fn a_dry_run_that_is_neither_true_nor_false_is_refused() {
    let function = Function::alone(&[]).await;
    for (method, path, _) in CHANGES {
        let answer = function.call(method, &format!("{path}&dry_run=maybe")).await;
        assert_eq!(answer.status, 400, "{path}: {answer:?}");
        assert!(answer.body.contains("dry_run must be true or false"), "{answer:?}");
    }
    function.quiet();
    // `false` is no dry run.
    let function = Function::canned(&[(200, STOPPED)]).await;
    let path = format!("/ec2/stop?region_name=us-east-1&instance_id={A}&dry_run=false");
    assert_eq!(function.call("POST", &path).await.status, 200);
    assert!(!function.wire.only().form().iter().any(|line| line.starts_with("DryRun")));
}

#[tokio::test]
async fn a_dry_run_that_aws_carries_out_is_never_reported_as_one() {
    let function = Function::canned(&[(200, STOPPED)]).await;
    let path = format!("/ec2/stop?region_name=us-east-1&instance_id={A}&dry_run=true");
    function.call("POST", &path).await.refuses(500, "InternalError", "The function failed to handle the request");
    assert_eq!(function.log_line()["cause"], "AWS carried out a dry run of StopInstances");
}

// --------------------------------------------------------------------------------------------------------------- secrets

#[tokio::test]
async fn no_secret_of_a_caller_gets_into_a_log_line_an_error_or_a_header() {
    const SECRET: &str = "s3cr3t-Value";
    let base64 = {
        use base64::prelude::{BASE64_STANDARD, Engine as _};
        BASE64_STANDARD.encode(SECRET)
    };
    let refused = "<Response><Errors><Error><Code>InvalidParameterValue</Code><Message>That is invalid</Message></Error>\
        </Errors></Response>";
    for (status, body, policies) in [
        (400, refused, None),
        (403, "<html>garbage</html>", None),
        (404, "", None),
        (
            200,
            "<DescribeInstancesResponse/>",
            Some("permit (principal, action, resource) unless { action == Action::\"RunInstances\" };"),
        ),
    ] {
        let file = policies.map(policy_file).unwrap_or_default();
        let function = Function::new(Wire::always(status, body).await, &[("POLICY_FILE", &file)]).await;
        let mut replies = Vec::new();
        let reads = [
            ("GET", "/ec2/list?region_name=us-east-1"),
            ("GET", "/ec2/reservations?region_name=us-east-1"),
            ("GET", "/instance/us-east-1/i-abba916a?"),
            ("GET", "/v1/i-abba916a/attributes?"),
            ("GET", "/v1/i-abba916a/attributes/state?"),
            ("GET", "/s3?"),
            ("GET", "/s3/demo-a?"),
            ("GET", "/s3/demo-a/k?"),
            ("GET", "/health?"),
            ("GET", "/nothing?"),
            ("PATCH", "/ec2/list?"),
        ];
        for (method, path) in CHANGES.iter().map(|(method, path, _)| (*method, *path)).chain(reads) {
            let credentials = format!("{path}&aws_access_key_id={SECRET}&aws_secret_access_key={SECRET}");
            let members = json!({
                "api_key": SECRET, "aws_secret_access_key": SECRET, "user_data": SECRET, "password": SECRET,
                "tag:secret": SECRET, "value": SECRET, "attribute": "userData",
            });
            for event in [
                // Wrong keys in every place.
                Event2::new(method, path).header("x-api-key", SECRET).header("api_key", SECRET),
                Event2::new(method, path).header("authorization", &format!("Bearer {SECRET}")),
                Event2::new(method, path).header("authorization", &format!("AWS4-HMAC-SHA256 Credential={SECRET}")),
                Event2::new(method, path).header("cookie", &format!("api_key={SECRET}; session={SECRET}")),
                Event2::new(method, &format!("{path}&api_key={SECRET}")),
                Event2::new(method, path).body("application/json", &members.to_string()),
                // The right key, and secrets in every other place.
                Event2::new(method, &credentials).key(),
                Event2::new(method, path).key().body("application/json", &members.to_string()),
                Event2::new(method, path).key().body("application/json", &json!(members.to_string()).to_string()),
                Event2::new(method, path).key().body("application/json", &json!(SECRET).to_string()),
                Event2::new(method, path).key().body("application/json", &format!("{{\"user_data\": \"{SECRET}\"")),
                Event2::new(method, path).key().body("application/json", &format!("{{\"user_data\": [\"{SECRET}\"]}}")),
                Event2::new(method, path)
                    .key()
                    .body("application/x-www-form-urlencoded", &format!("user_data={SECRET}&api_key={SECRET}")),
                Event2::new(method, path)
                    .key()
                    .body("application/x-www-form-urlencoded", &format!("user_data={SECRET}%ff")),
                Event2::new(method, path).key().body("text/plain", SECRET),
            ] {
                let answer = function.invoke(&event.json()).await;
                assert_ne!(answer.status, 0);
                replies.push(format!("{method} {path}: {answer:?}"));
            }
        }
        for text in replies.iter().chain(&function.log_lines()) {
            for secret in [SECRET, base64.as_str(), KEY] {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
        }
    }
}

#[tokio::test]
async fn what_aws_answers_stays_out_of_the_log_when_it_cant_be_read() {
    let token = "<Response><Errors><Error><Code>ExpiredToken</Code><Message>The token has expired</Message></Error></Errors>\
        <Token-0>s3cr3t-token</Token-0></Response>";
    let number = "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><amiLaunchIndex>s3cr3t-token</amiLaunchIndex>\
        </item></instancesSet></item></reservationSet></DescribeInstancesResponse>";
    for (status, body) in [(400, token), (200, number), (403, "s3cr3t-token")] {
        let function = Function::canned(&[(status, body); 3]).await;
        let answer = function.call("GET", "/ec2/list?region_name=us-east-1").await;
        assert_eq!(answer.status, 502, "{answer:?}");
        let line = function.log_line();
        assert!(!format!("{line} {answer:?}").contains("s3cr3t"), "{line}");
        assert_eq!(line["level"], "ERROR");
        assert!(line["cause"].as_str().unwrap().len() > 10, "{line}");
    }
}

#[tokio::test]
async fn a_change_leaves_one_line_for_an_audit() {
    let function = governed(&[(200, &described(&[(A, &[])])), (200, STOPPED)], EVERYTHING).await;
    function.call("POST", &format!("/ec2/stop?region_name=eu-west-1&instance_id={A}")).await;
    assert_eq!(
        function.log_line(),
        json!({
            "level": "INFO", "service": crate::support::SERVICE, "request_id": crate::support::REQUEST_ID, "source_ip": "203.0.113.10", "caller": "demo",
            "authentication": "key", "method": "POST", "route": "/ec2/stop", "dialect": "ec2", "operation": "stop",
            "region": "eu-west-1", "action": "StopInstances", "instance_ids": [A], "decision": "allow",
            "decided_by": ["policy0"], "aws_request_id": AWS_REQUEST_ID, "status": 200,
        })
    );
}
