//! `/instance`: statuses, bodies, order of checks and the tag `start_time`.

use crate::support::xml::{describe, instance, no_response, rebooted, refusal, started, stopped, tagged};
use crate::support::{A, Function, HttpApiEvent, KEY, NO_INSTANCE, REQUEST_ID, own_region};
use serde_json::{Value, json};
use std::time::Duration;

/// The clock of the tests, as the tag `start_time` has it.
const NOW: &str = "2016-02-16T18:04:09.006739";

fn errors(id: &str, title: &str) -> Value {
    json!({"errors": [{"id": id, "title": title}]})
}

#[tokio::test]
async fn an_instance_is_started_stopped_rebooted_and_shown() {
    let function = Function::with_moto().await;
    let region = own_region();
    let id = function.launch(region).await;
    let path = format!("/instance/{region}/{id}");

    let shown = function.get(&path).await.json();
    assert_eq!(shown["state"], "running");
    assert_eq!(shown["type"], "t3.micro");
    let launched_by = json!({"ec2-control-api:caller": "demo", "ec2-control-api:request": REQUEST_ID});
    assert_eq!(shown["tags"], launched_by);
    assert!(shown["public_ip_address"].is_string() && shown["public_dns_name"].is_string(), "{shown}");
    assert_eq!(shown.as_object().unwrap().len(), 5);

    for (method, action, slash, start_time) in
        [("POST", "stop", "/", ""), ("PUT", "start", "", NOW), ("POST", "stop", "", ""), ("PUT", "reboot", "/", NOW)]
    {
        let answer = function.call(method, &format!("{path}/{action}{slash}")).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{answer:?}");
        assert_eq!(answer.headers.get("content-type"), None);
        assert_eq!(answer.headers.get("warning"), None);
        let shown = function.get(&format!("{path}/")).await.json();
        let mut tags = launched_by.clone();
        tags["start_time"] = json!(start_time);
        assert_eq!(shown["tags"], tags, "{action}");
    }
}

#[tokio::test]
async fn each_action_is_one_call_followed_by_its_tag() {
    for (action, answer, sent, start_time) in [
        ("start", started(A), "StartInstances", NOW),
        ("stop", stopped(A), "StopInstances", ""),
        ("reboot", rebooted(), "RebootInstances", NOW),
    ] {
        let function = Function::canned([answer, tagged()]).await;
        let answer = function.post(&format!("/instance/eu-west-1/i-abba916a/{action}/")).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""));
        let requests = function.wire.requests();
        assert!(requests.iter().all(|request| request.region() == "eu-west-1"));
        assert_eq!(requests[0].form(), [&format!("Action={sent}"), "InstanceId.1=i-abba916a", "Version=2016-11-15"]);
        let tag = format!("Tag.1.Value={start_time}");
        let expected =
            ["Action=CreateTags", "ResourceId.1=i-abba916a", "Tag.1.Key=start_time", &tag, "Version=2016-11-15"];
        assert_eq!(requests[1].form(), expected);
    }
}

#[tokio::test]
async fn failed_tag_is_a_warning_and_the_change_is_reported_as_done() {
    let refusal = refusal("UnauthorizedOperation", "User: arn:aws:sts::123456789012:assumed-role/x/y may not");
    let function = Function::canned([started(A), refusal.status(403)]).await;
    let answer = function.post("/instance/eu-west-1/i-abba916a/start").await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    let warning = "299 - \"AWS refused ec2:CreateTags to this function's execution role (UnauthorizedOperation)\"";
    assert_eq!(answer.headers["warning"], warning);
    let line = function.log_line();
    assert_eq!(
        (&line["level"], &line["code"], &line["status"]),
        (&json!("WARN"), &json!("UnauthorizedOperation"), &json!(204))
    );
}

#[tokio::test]
async fn unanswered_tag_is_a_warning_before_the_deadline_and_the_change_is_reported_as_done() {
    let function = Function::canned([started(A), no_response()]).await;
    let event = HttpApiEvent::new("POST", "/instance/eu-west-1/i-abba916a/start").key().json();
    let answer = function.invoke_within(&event, Duration::from_secs(2)).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    let warning = "299 - \"AWS did not answer in time\"";
    assert_eq!(answer.headers["warning"], warning);
    // An unanswered change is 504 before the deadline.
    let function = Function::canned([no_response()]).await;
    let answer = function.invoke_within(&event, Duration::from_secs(2)).await;
    let title = "AWS did not answer in time: what was asked for may have happened or not";
    answer.is(504, &errors("RequestTimeout", title));
    assert_eq!(function.log_line()["level"], "ERROR");
}

#[tokio::test]
async fn refused_change_sets_no_tag() {
    let refusal = refusal("IncorrectInstanceState", "not in a state from which it can be started");
    let function = Function::canned([refusal]).await;
    let answer = function.post("/instance/eu-west-1/i-abba916a/start").await;
    answer.is(409, &errors("IncorrectInstanceState", "not in a state from which it can be started"));
    assert_eq!(function.wire.requests().len(), 1);
}

#[tokio::test]
async fn missing_values_are_null_and_every_tag_is_listed() {
    let stopped = instance(A).with("dnsName", "").instance_type("t2.nano").state("stopped");
    let body = describe([stopped.tag("Name", "default").tag("start_time", "")]);
    let function = Function::canned([body]).await;
    function.get("/instance/us-west-2/i-abba916a/").await.is(
        200,
        &json!({
            "public_dns_name": null, "public_ip_address": null, "state": "stopped",
            "tags": {"Name": "default", "start_time": ""}, "type": "t2.nano",
        }),
    );
    let form = function.wire.only_request().form();
    assert_eq!(form, ["Action=DescribeInstances", "InstanceId.1=i-abba916a", "Version=2016-11-15"]);
}

#[tokio::test]
async fn key_region_action_and_instance_are_checked_in_that_order() {
    let function = Function::without_aws(&[]).await;
    let no_key = function.send(HttpApiEvent::new("POST", "/instance/derp/i-xyz/explode")).await;
    no_key.is(401, &errors("api_key", "Invalid api key"));
    for (path, status, id, title) in [
        ("/instance/derp/i-xyz/explode", 422, "region", "Invalid region"),
        ("/instance/x.evil.example%2F/i-abba916a/start", 422, "region", "Invalid region"),
        ("/instance/cn-north-1/i-abba916a/start", 422, "region", "Invalid region"),
        ("/instance/us-east-1/i-xyz/explode", 422, "action", "Invalid action"),
        ("/instance/us-east-1/i-abba916a/Start", 422, "action", "Invalid action"),
        ("/instance/us-east-1/i-abba916a/terminate", 422, "action", "Invalid action"),
        ("/instance/us-east-1/i-xyz/start", 404, "instance_id", "instance_id not found"),
        ("/instance/us-east-1/i-abba916a%00/start/", 404, "instance_id", "instance_id not found"),
        ("/instance/us-east-1/nothing/here/at-all", 404, "NotFound", "There is nothing at this path"),
    ] {
        function.post(path).await.is(status, &errors(id, title));
        // Whatever else is wrong with the request.
        for query in ["?wait=x", "?dry_run=maybe", "?force=true", "?wait=1&wait=2"] {
            function.post(&format!("{path}{query}")).await.is(status, &errors(id, title));
        }
        for body in [r#"{"dry_run": }"#, r#"{"wait": "x"}"#] {
            let event = HttpApiEvent::new("POST", path).key().body("application/json", body);
            function.send(event).await.is(status, &errors(id, title));
        }
    }
    for (path, status, id, title) in [
        ("/instance/derp/i-xyz", 422, "region", "Invalid region"),
        ("/instance/us-east-1/i-xyz/", 404, "instance_id", "instance_id not found"),
        (&format!("/instance/us-east-1/i-{}", "a".repeat(10_000 - 40)), 404, "instance_id", "instance_id not found"),
        ("/instance/us-east-1", 404, "NotFound", "There is nothing at this path"),
    ] {
        function.get(path).await.is(status, &errors(id, title));
    }
    let answer = function.get("/instance/us-east-1/i-abba916a/start").await;
    assert_eq!((answer.status, answer.headers["allow"].as_str()), (405, "OPTIONS, POST, PUT"));
    answer.is(405, &errors("MethodNotAllowed", "This path takes OPTIONS, POST, PUT"));
    function.assert_no_calls();
}

#[tokio::test]
async fn key_in_a_json_body_is_accepted_and_invalid_body_has_none() {
    let function = Function::canned([started(A), tagged()]).await;
    let start = || HttpApiEvent::new("PUT", "/instance/us-east-1/i-abba916a/start/");
    let body = json!({"api_key": KEY}).to_string();
    assert_eq!(function.send(start().body("application/json", &body)).await.status, 204);
    assert_eq!(function.wire.requests().len(), 2);
    for body in ["[]", "{\"api_key\": "] {
        let answer = function.send(start().body("application/json", body)).await;
        answer.is(401, &errors("api_key", "Invalid api key"));
    }
    function.assert_no_calls();
}

#[tokio::test]
async fn unknown_instance_is_404() {
    let function = Function::with_moto().await;
    for (method, action) in [("GET", ""), ("POST", "/start"), ("POST", "/stop"), ("PUT", "/reboot/")] {
        let answer = function.call(method, &format!("/instance/us-west-2/{NO_INSTANCE}{action}")).await;
        answer.is(404, &errors("instance_id", "instance_id not found"));
    }
    // So is an empty page.
    let function = Function::canned([describe([])]).await;
    let answer = function.get("/instance/us-west-2/i-abba916a").await;
    answer.is(404, &errors("instance_id", "instance_id not found"));
}
