//! All regions at once: `GET /regions`, and lists with `region_name=all`.

use crate::support::xml::{Instance, describe, instance, refusal, regions};
use crate::support::{A, B, Fault, Function, PERMIT_ALL, Response, Wire, policy_file};
use serde_json::json;
use std::time::{Duration, Instant};

/// An instance with a state and a name.
fn named(id: &str, state: &str, name: &str) -> Instance {
    instance(id).instance_type("t3.micro").state(state).tag("Name", name)
}

/// A page with one running instance.
fn one() -> Response {
    describe([named(A, "running", "a")])
}

#[tokio::test]
async fn regions_lists_the_instances_of_each_allowed_region() {
    let all = regions(&["us-east-1", "eu-west-1", "ap-south-1"]);
    let two = describe([named(A, "running", "a"), named(B, "running", "b")]).next_token("more");
    let last = describe([named(A, "stopped", "c")]);
    // The second region is listed while the second page of the first is.
    let responses = [all, two.clone(), two, last.clone(), last];
    let variables = [("ALLOWED_REGIONS", "us-east-1,eu-west-1,eu-west-2")];
    let function = Function::with_variables(&variables, responses).await;
    let answer = function.get("/regions").await;
    let counts = json!({"running": 2, "stopped": 1});
    answer.is(200, &json!([{"name": "eu-west-1", "instances": counts}, {"name": "us-east-1", "instances": counts}]));
    let line = function.log_line();
    assert_eq!((&line["region"], &line["action"]), (&json!("all"), &json!("DescribeInstances")), "{line}");
}

#[tokio::test]
async fn region_that_does_not_exist_is_invalid_in_every_dialect() {
    let problem =
        |name: &str| format!("{name} must name a region that exists and is enabled; EC2 does not list us-east-9");
    let with_region_name = json!({"Message": problem("region_name"), "Error": "InvalidParameterValue"});
    for (path, status, body) in [
        ("/ec2/list?region_name=us-east-9".to_owned(), 400, with_region_name.clone()),
        (format!("/instance/us-east-9/{A}"), 422, json!({"errors": [{"id": "region", "title": "Invalid region"}]})),
        (
            format!("/v1/{A}/attributes?region=us-east-9"),
            400,
            json!(format!("Required arguments not provided: {}", problem("region"))),
        ),
        ("/s3?region_name=us-east-9".to_owned(), 400, with_region_name),
    ] {
        // All attempts of the SDK are cut, as by a network without such a host.
        let function = Function::new(Wire::faulty(Fault::Cut, 3).await, &[]).await;
        function.get(&path).await.is(status, &body);
        let requests = function.wire.requests();
        assert_eq!(requests.len(), 4, "{path}");
        assert_eq!((requests[3].action().as_str(), requests[3].region()), ("DescribeRegions", "us-east-1"));
    }
}

#[tokio::test]
async fn launch_in_a_region_that_does_not_exist_names_the_parameter_of_the_region() {
    for (query, name) in [("placement=us-east-9b", "placement"), ("placement=&region=us-east-9", "region")] {
        // With policies, the first call reads. A launch that was cut may have happened.
        let file = policy_file(PERMIT_ALL);
        let wire = Wire::faulty(Fault::Cut, 3).await;
        let function = Function::new(wire, &[("POLICY_FILE", file.as_str())]).await;
        let answer = function.put(&format!("/v1/launch?ami=ami-12345678&instance_type=t3.micro&{query}")).await;
        let problem = format!("{name} must name a region that exists and is enabled; EC2 does not list us-east-9");
        answer.is(400, &json!(format!("Required arguments not provided: {problem}")));
        assert_eq!(function.wire.actions().last().unwrap(), "DescribeRegions");
    }
}

#[tokio::test]
async fn change_that_finds_no_host_has_not_happened() {
    // No server listens there, and the name resolves nowhere (RFC 6761).
    for url in ["http://127.0.0.1:1", "http://nowhere.invalid"] {
        let function = Function::with_variables(&[("AWS_ENDPOINT_URL", url)], []).await;
        let answer = function.start(A).await;
        answer.refuses(504, "EndpointUnreachable", "AWS could not be reached for ec2:StartInstances");
    }
}

#[tokio::test]
async fn failed_region_is_listed_with_its_error() {
    let denied = refusal("UnauthorizedOperation", "User: arn:aws:iam::123456789012:role/x").status(403);
    let function = Function::canned([regions(&["us-east-1"]), denied]).await;
    let message = "AWS refused ec2:DescribeInstances to this function's execution role (UnauthorizedOperation)";
    let error = json!({"Message": message, "Error": "UnauthorizedOperation"});
    let answer = function.get("/regions").await;
    answer.is(200, &json!([{"name": "us-east-1", "instances": null, "error": error}]));
    assert_eq!(answer.headers["warning"], format!("299 - \"us-east-1: {message}\""));
    let line = function.measured_line();
    assert_eq!(
        (&line["level"], &line["code"], &line["status"]),
        (&json!("WARN"), &json!("UnauthorizedOperation"), &json!(200))
    );
    assert_eq!((&line["message"], &line["Upstream"]), (&json!(format!("us-east-1: {message}")), &json!(1)));
    assert!(line["cause"].as_str().unwrap().contains("arn:aws:iam"), "{line}");
}

#[tokio::test]
async fn all_regions_are_listed_concurrently() {
    let names: Vec<_> = (1..=9).map(|n| format!("us-east-{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut responses = vec![regions(&names)];
    responses.resize(10, one());
    let function = Function::new(Wire::slow(responses, Duration::from_millis(500)).await, &[]).await;
    let started = Instant::now();
    let answer = function.get("/ec2/list?region_name=all&fields=region,id").await;
    let elapsed = started.elapsed();
    let rows: Vec<_> = names.iter().map(|name| json!({"region": name, "id": A})).collect();
    answer.is(200, &json!(rows));
    assert!(elapsed < Duration::from_millis(4000), "two round trips of 500 ms, not ten: {elapsed:?}");
    let requests = function.wire.requests();
    let mut listed: Vec<_> = requests.iter().skip(1).map(|request| request.region().to_owned()).collect();
    listed.sort();
    assert_eq!(listed, names);
}

#[tokio::test]
async fn list_of_all_regions_adds_the_region_to_each_row() {
    let function = Function::canned([regions(&["eu-west-1"]), one()]).await;
    let row = json!([{
        "region": "eu-west-1", "id": A, "instance-type": "t3.micro", "instance-state": "running",
        "private-ip": null, "key-name": null, "image-id": null, "vpc-id": null, "subnet-id": null,
        "security-group-ids": [],
    }]);
    let answer = function.get("/ec2/list?region_name=all&state=running&tag:Name=a").await;
    answer.is(200, &row);
    let form = function.wire.requests().remove(1).form();
    assert!(
        form.contains(&"Filter.1.Value.1=running".to_owned()) && form.contains(&"Filter.2.Name=tag:Name".to_owned())
    );
}

#[tokio::test]
async fn list_of_all_regions_filters_by_instance_id() {
    let function = Function::canned([regions(&["eu-west-1"]), one()]).await;
    let answer = function.get(&format!("/ec2/list?region_name=all&fields=id&instance_id={A}")).await;
    answer.is(200, &json!([{"id": A}]));
    let form = function.wire.requests().remove(1).form();
    assert_eq!(form[1..3], ["Filter.1.Name=instance-id", "Filter.1.Value.1=i-abba916a"]);
    assert_eq!(function.log_line()["instance_ids"], json!([A]));
}

#[tokio::test]
async fn list_of_all_regions_fails_if_one_region_fails_and_names_it() {
    let mut responses = vec![regions(&["eu-west-1"])];
    responses.resize(5, refusal("RequestLimitExceeded", "Slow down.").status(503));
    let function = Function::canned(responses).await;
    let answer = function.list("all").await;
    answer.refuses(429, "RequestLimitExceeded", "eu-west-1: Slow down.");
}

#[tokio::test]
async fn list_of_all_regions_continues_at_its_token() {
    // Three pages of about 3.4 MB each, in two regions.
    let name = "x".repeat(3400);
    let page = || describe((0..1000).map(|n| named(&format!("i-{n:08x}"), "running", &name)));
    let (page, last) = (page().next_token("MORE"), page());
    let both = regions(&["eu-west-1", "us-east-1"]);
    let list = "/ec2/list?region_name=all&fields=region,id,name";

    let function = Function::canned([regions(&["eu-west-1"]), page, last.clone()]).await;
    let answer = function.get(list).await;
    assert_eq!(answer.json().as_array().unwrap().len(), 1000);
    // In base64: eu-west-1:MORE.
    assert_eq!(answer.headers["x-next-token"], "~ZXUtd2VzdC0xOk1PUkU");

    let function = Function::canned([both.clone(), last.clone()]).await;
    let answer = function.get(&format!("{list}&next_token=us-east-1:MORE")).await;
    assert_eq!((answer.json()[0]["region"].clone(), answer.headers.get("x-next-token")), (json!("us-east-1"), None));
    let requests = function.wire.requests();
    assert_eq!((requests.len(), requests[1].region()), (2, "us-east-1"), "no region is listed twice");
    assert!(requests[1].form().contains(&"NextToken=MORE".to_owned()));

    let function = Function::canned([both, last.clone(), last]).await;
    let answer = function.get(list).await;
    assert_eq!((answer.json()[999]["region"].clone(), answer.json().get(1000)), (json!("eu-west-1"), None));
    assert_eq!(answer.headers["x-next-token"], "~dXMtZWFzdC0xOg");
    let function = Function::canned([regions(&["us-east-1"]), describe([])]).await;
    assert_eq!(function.get(&format!("{list}&next_token=~dXMtZWFzdC0xOk1PUkU")).await.status, 200);
    assert!(function.wire.requests()[1].form().contains(&"NextToken=MORE".to_owned()));
}

#[tokio::test]
async fn hidden_regions_are_in_no_list() {
    let policies = r#"permit (principal, action == Action::"DescribeInstances", resource in Region::"eu-west-1");"#;
    let all = regions(&["us-east-1", "eu-west-1"]);
    let expected = json!([{"name": "eu-west-1", "instances": {"running": 1}}]);
    let function = Function::with_policies(policies, &[], [all.clone(), one()]).await;
    function.get("/regions").await.is(200, &expected);
    let function = Function::with_policies(policies, &[], [all.clone(), one()]).await;
    let answer = function.get("/ec2/list?region_name=all&fields=id,region").await;
    answer.is(200, &json!([{"id": A, "region": "eu-west-1"}]));

    let function = Function::with_policies("", &[], [all]).await;
    let message = "The policy of this deployment does not permit DescribeInstances of us-east-1";
    function.get("/regions").await.refuses(403, "Forbidden", message);
    assert_eq!(function.log_line()["decision"], "deny");
}

#[tokio::test]
async fn unsupported_parameters_for_all_regions_are_refused_without_a_call() {
    let function = Function::without_aws(&[]).await;
    for (query, message) in [
        ("max_results=5", "max_results can't be given where region_name is all"),
        ("instance_id=web", "instance_id must be an ID where region_name is all: use tag:Name"),
        ("fields=id,price", "fields must be of id, instance-type, "),
        ("next_token=abc", "next_token is not where a list of all regions ended"),
        ("next_token=x.evil.example/:abc", "next_token is not where a list of all regions ended"),
    ] {
        let answer = function.get(&format!("/ec2/list?region_name=all&{query}")).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.json()["Message"].as_str().unwrap().starts_with(message), "{answer:?}");
    }
    let answer = function.post(&format!("/ec2/stop?region_name=all&instance_id={A}")).await;
    answer.refuses(400, "InvalidParameterValue", "region_name must be a region that this deployment allows");
    function.assert_no_calls();
}
