//! Changes of all instances with certain tags.

use crate::support::xml::{Instance, change, changed, describe, instance, rebooted, refusal, started, stopped};
use crate::support::{A, B, Function, PERMIT_ALL, REGION, Response, own_region};
use serde_json::{Value, json};

fn tagged(id: &str, state: &str) -> Instance {
    instance(id).state(state).tag("env", "test").tag("team", "blue")
}

fn both() -> Response {
    describe([tagged(A, "running"), tagged(B, "pending")])
}

fn path(action: &str, query: &str) -> String {
    format!("/ec2/{action}?region_name={REGION}&{query}")
}

#[tokio::test]
async fn change_by_tag_is_one_list_and_one_call() {
    let stop =
        changed("StopInstances", [change(A).states("running", "stopping"), change(B).states("pending", "stopping")]);
    for function in [
        Function::canned([both(), stop.clone()]).await,
        // With policies, the list is the description that they decide on.
        Function::with_policies(PERMIT_ALL, &[], [both(), stop.clone()]).await,
    ] {
        let answer = function.post(&path("stop", "tag:env=test&tag:team=blue&expect=2")).await;
        let row = |id: &str, code: u8, previous: &str| {
            json!({
                "InstanceId": id,
                "CurrentState": {"Code": 64, "Name": "stopping"},
                "PreviousState": {"Code": code, "Name": previous},
            })
        };
        answer.is(200, &json!([row(A, 16, "running"), row(B, 0, "pending")]));
        let [list, stop] = &function.wire.requests()[..] else { panic!("not two requests") };
        let filters = [
            "Filter.1.Name=tag:env",
            "Filter.1.Value.1=test",
            "Filter.2.Name=tag:team",
            "Filter.2.Value.1=blue",
            "Filter.3.Name=instance-state-name",
            "Filter.3.Value.1=pending",
            "Filter.3.Value.2=running",
        ];
        assert_eq!(list.form()[1..8], filters);
        assert_eq!(stop.form()[..3], ["Action=StopInstances", "InstanceId.1=i-abba916a", "InstanceId.2=i-abba916b"]);
        let line = function.log_line();
        assert_eq!(line["instance_tags"], json!(["env=test", "team=blue"]), "{line}");
        assert_eq!((&line["instance_ids"], &line["decision"]), (&json!([A, B]), &json!("allow")), "{line}");
    }
}

#[tokio::test]
async fn change_by_tag_is_about_the_instances_that_it_applies_to() {
    for (action, query, states) in [
        ("start", "", &["stopped"][..]),
        ("stop", "", &["pending", "running"]),
        ("reboot", "", &["running"]),
        ("terminate", "&expect=0", &["pending", "running", "stopping", "stopped"]),
    ] {
        let function = Function::canned([describe([])]).await;
        function.post(&path(action, &format!("tag:env=test{query}"))).await.is(200, &json!([]));
        let form = function.wire.only_request().form();
        let asked: Vec<_> = form.iter().filter_map(|line| line.strip_prefix("Filter.2.Value.")).collect();
        let states: Vec<_> = states.iter().enumerate().map(|(n, state)| format!("{}={state}", n + 1)).collect();
        assert_eq!(asked, states, "{action}");
    }
}

#[tokio::test]
async fn change_of_one_instance_by_tag_is_an_array() {
    let function = Function::canned([describe([tagged(A, "running")]), rebooted()]).await;
    function.post(&path("reboot", "tag:env=test")).await.is(200, &json!([{"InstanceId": A}]));
    let function = Function::canned([describe([tagged(A, "stopped")]), started(A)]).await;
    let body = json!({"region_name": REGION, "tag:env": "test", "expect": 1});
    assert_eq!(function.post_json("/ec2/start", &body).await.json()[0]["InstanceId"], A);
}

#[tokio::test]
async fn another_number_of_instances_than_expected_is_409_and_nothing_happens() {
    for (action, expect) in [("terminate", 1), ("terminate", 0), ("stop", 3), ("start", 1000)] {
        let function = Function::canned([both()]).await;
        let answer = function.post(&path(action, &format!("tag:env=test&expect={expect}"))).await;
        let message = format!("These tags mean 2 instances, not {expect}: nothing was done");
        answer.refuses(409, "UnexpectedCount", &message);
        assert_eq!(function.wire.actions(), ["DescribeInstances"]);
    }
    let function = Function::canned([both()]).await;
    let answer = function.post(&path("stop", "tag:env=test&expect=3&dry_run=true")).await;
    let message = "Dry run: this would fail. These tags mean 2 instances, not 3: nothing was done";
    answer.refuses(409, "UnexpectedCount", message);
}

#[tokio::test]
async fn more_than_a_thousand_instances_by_tag_are_400() {
    let page = |count: usize| describe((0..count).map(|n| tagged(&format!("i-{n:08x}"), "running")));
    let function = Function::canned([page(1000).next_token("more"), page(1)]).await;
    let answer = function.post(&path("stop", "tag:env=test")).await;
    let message = "tag:KEY means more than 1000 instances: add another tag";
    answer.refuses(400, "InvalidParameterValue", message);
    assert_eq!(function.wire.actions(), ["DescribeInstances"; 2]);
}

#[tokio::test]
async fn values_of_tags_are_exact() {
    // EC2's filter is told that these are no wildcards; what it answers is compared again.
    let other = instance(B).state("running").tag("env", "te-st");
    let found = describe([instance(A).state("running").tag("env", "te*st?"), other]);
    let function = Function::canned([found, stopped(A)]).await;
    let answer = function.post(&path("stop", "tag:env=te*st%3F")).await;
    assert_eq!((answer.status, answer.json().as_array().unwrap().len()), (200, 1), "{answer:?}");
    let requests = function.wire.requests();
    assert!(requests[0].form().contains(&"Filter.1.Value.1=te\\*st\\?".to_owned()), "{:?}", requests[0].form());
    assert!(!requests[1].form().contains(&format!("InstanceId.2={B}")));
}

#[tokio::test]
async fn one_forbidden_instance_fails_the_change_by_tag() {
    let policies = r#"
        permit(principal, action, resource);
        forbid(principal, action == Action::"StopInstances", resource) when { resource.state == "pending" };
    "#;
    let function = Function::with_policies(policies, &[], [both()]).await;
    let answer = function.post(&path("stop", "tag:env=test")).await;
    let message = format!("The policy of this deployment does not permit StopInstances of {B}");
    answer.refuses(403, "Forbidden", &message);
    let function = Function::with_variables(&[("PROTECTED_TAG", "team=blue")], [both()]).await;
    assert_eq!(function.post(&path("terminate", "tag:env=test&expect=2")).await.status, 403);
    assert_eq!(function.wire.actions(), ["DescribeInstances"]);
}

#[tokio::test]
async fn caller_without_any_right_makes_no_call_by_tag() {
    let policies = r#"permit(principal, action == Action::"DescribeInstances", resource);"#;
    let function = Function::with_policies(policies, &[], []).await;
    for query in ["tag:env=test", "tag:env=test&partial=true"] {
        let message = "The policy of this deployment does not permit StopInstances of instances with these tags";
        function.post(&path("stop", query)).await.refuses(403, "Forbidden", message);
    }
    function.assert_no_calls();
}

#[tokio::test]
async fn invalid_selection_is_refused_without_a_call_to_aws() {
    let function = Function::without_aws(&[]).await;
    let long = "k".repeat(129);
    let combination = "instance_id and tag:KEY can't be given together";
    for (action, query, code, message) in [
        ("stop", format!("instance_id={A}&tag:env=test"), "InvalidParameterCombination", combination),
        ("stop", "instance_id=&tag:env=test".to_owned(), "InvalidParameterCombination", combination),
        (
            "stop",
            format!("instance_id={A}&expect=1"),
            "InvalidParameterValue",
            "expect can be given only where instances are given by tag:KEY",
        ),
        ("stop", "expect=1".to_owned(), "MissingParameter", "instance_id or tag:KEY is required"),
        (
            "stop",
            "tag:env=test&expect=-1".to_owned(),
            "InvalidParameterValue",
            "expect must be a whole number from 0 to 1000",
        ),
        (
            "stop",
            "tag:env=test&expect=1001".to_owned(),
            "InvalidParameterValue",
            "expect must be a whole number from 0 to 1000",
        ),
        ("stop", "tag:env=test&tag:env=test".to_owned(), "InvalidParameterValue", "tag:env is given twice"),
        ("stop", "tag:env=a&tag:env=b".to_owned(), "InvalidParameterValue", "tag:env is given twice"),
        ("stop", "tag:=b".to_owned(), "InvalidParameterValue", "tag:KEY needs a tag's key after the colon"),
        (
            "stop",
            format!("tag:{long}=b"),
            "InvalidParameterValue",
            &format!("tag:{long} has a key of more than 128 characters"),
        ),
        (
            "terminate",
            "tag:env=test".to_owned(),
            "MissingParameter",
            "expect is required where instances are terminated by tag:KEY",
        ),
    ] {
        function.post(&path(action, &query)).await.refuses(400, code, message);
    }
    for body in [json!({"instance_ids": [], "tag:env": "test"}), json!({"instance_ids": []}), json!({"tag:env": ["a"]})]
    {
        let Value::Object(mut body) = body else { panic!("not an object") };
        body.insert("region_name".to_owned(), json!(REGION));
        assert_eq!(function.post_json("/ec2/stop", &json!(body)).await.status, 400, "{body:?}");
    }
    function.assert_no_calls();
}

#[tokio::test]
async fn dry_run_by_tag_asks_ec2_only_if_it_is_about_an_instance() {
    let permitted = refusal("DryRunOperation", "Request would have succeeded, but DryRun flag is set.").status(412);
    let function = Function::canned([both(), permitted]).await;
    let answer = function.post(&path("stop", "tag:env=test&dry_run=true")).await;
    assert_eq!((answer.status, &answer.json()["DryRun"]), (200, &json!(true)));
    let function = Function::canned([describe([])]).await;
    let answer = function.post(&path("stop", "tag:env=test&dry_run=true")).await;
    assert_eq!((answer.status, &answer.json()["DryRun"]), (200, &json!(true)));
    assert_eq!(function.wire.actions(), ["DescribeInstances"]);
}

#[tokio::test]
async fn instances_are_stopped_started_and_terminated_by_tag_in_moto() {
    let function = Function::with_moto().await;
    let region = own_region();
    let group = function.prepare(region).await;
    let base = format!("region_name={region}&KeyName=demo&SecurityGroupId={group}&MinCount=2");
    assert_eq!(function.post(&format!("/ec2/create?{base}&tag:env=evening")).await.status, 200);
    assert_eq!(function.post(&format!("/ec2/create?{base}&tag:env=even*")).await.status, 200);
    for (action, query) in [("stop", ""), ("start", ""), ("reboot", ""), ("terminate", "&expect=2")] {
        let answer = function.post(&format!("/ec2/{action}?region_name={region}&tag:env=evening{query}")).await;
        assert_eq!((answer.status, answer.json().as_array().unwrap().len()), (200, 2), "{action}: {answer:?}");
    }
    let answer = function.post(&format!("/ec2/stop?region_name={region}&tag:env=evening")).await;
    answer.is(200, &json!([]));
    let answer = function.post(&format!("/ec2/stop?region_name={region}&tag:env=even*")).await;
    assert_eq!(answer.json().as_array().unwrap().len(), 2, "{answer:?}");
}
