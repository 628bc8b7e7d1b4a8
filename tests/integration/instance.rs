//! `/instance`: statuses, bodies, order of checks and the tag `start_time`.

use crate::support::{Event2, Function, KEY, NO_INSTANCE, REQUEST_ID, own_region};
use serde_json::{Value, json};
use std::time::Duration;

/// The clock of the tests, as the tag has it.
const NOW: &str = "2016-02-16T18:04:09.006739";

const STARTED: &str = "<StartInstancesResponse><instancesSet><item><instanceId>i-abba916a</instanceId></item></instancesSet></StartInstancesResponse>";
const STOPPED: &str = "<StopInstancesResponse><instancesSet><item><instanceId>i-abba916a</instanceId></item></instancesSet></StopInstancesResponse>";
const REBOOTED: &str = "<RebootInstancesResponse><return>true</return></RebootInstancesResponse>";
const TAGGED: &str = "<CreateTagsResponse><return>true</return></CreateTagsResponse>";

fn errors(id: &str, title: &str) -> Value {
    json!({"errors": [{"id": id, "title": title}]})
}

#[tokio::test]
async fn an_instance_is_started_stopped_rebooted_and_shown() {
    let function = Function::with_moto().await;
    let region = own_region();
    let id = function.launch(region).await;
    let path = format!("/instance/{region}/{id}");

    let shown = function.call("GET", &path).await.json();
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
        let shown = function.call("GET", &format!("{path}/")).await.json();
        let mut tags = launched_by.clone();
        tags["start_time"] = json!(start_time);
        assert_eq!(shown["tags"], tags, "{action}");
    }
}

#[tokio::test]
async fn each_action_is_one_call_and_then_its_tag() {
    for (action, answer, sent, start_time) in [
        ("start", STARTED, "StartInstances", NOW),
        ("stop", STOPPED, "StopInstances", ""),
        ("reboot", REBOOTED, "RebootInstances", NOW),
    ] {
        let function = Function::canned(&[(200, answer), (200, TAGGED)]).await;
        let answer = function.call("POST", &format!("/instance/eu-west-1/i-abba916a/{action}/")).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""));
        let seen = function.wire.seen();
        assert!(seen.iter().all(|it| it.region() == "eu-west-1"));
        assert_eq!(seen[0].form(), [&format!("Action={sent}"), "InstanceId.1=i-abba916a", "Version=2016-11-15"]);
        let tag = format!("Tag.1.Value={start_time}");
        let expected =
            ["Action=CreateTags", "ResourceId.1=i-abba916a", "Tag.1.Key=start_time", &tag, "Version=2016-11-15"];
        assert_eq!(seen[1].form(), expected);
    }
}

#[tokio::test]
async fn a_tag_that_fails_is_warned_of_and_the_change_still_happened() {
    let refusal = "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>User: \
        arn:aws:sts::123456789012:assumed-role/x/y may not</Message></Error></Errors></Response>";
    let function = Function::canned(&[(200, STARTED), (403, refusal)]).await;
    let answer = function.call("POST", "/instance/eu-west-1/i-abba916a/start").await;
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
async fn a_tag_that_is_never_answered_is_warned_of_in_time_and_the_change_still_happened() {
    let function = Function::canned(&[(200, STARTED), (0, "")]).await;
    let event = Event2::new("POST", "/instance/eu-west-1/i-abba916a/start").key().json();
    let answer = function.invoke_within(&event, Duration::from_secs(2)).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    let warning = "299 - \"AWS did not answer in time\"";
    assert_eq!(answer.headers["warning"], warning);
    // A change that is never answered itself is 504 in time.
    let function = Function::canned(&[(0, "")]).await;
    let answer = function.invoke_within(&event, Duration::from_secs(2)).await;
    let title = "AWS did not answer in time: what was asked for may have happened or not";
    answer.is(504, &errors("RequestTimeout", title));
    assert_eq!(function.log_line()["level"], "ERROR");
}

#[tokio::test]
async fn a_change_that_is_refused_sets_no_tag() {
    let refusal = "<Response><Errors><Error><Code>IncorrectInstanceState</Code><Message>not in a state from which it can be \
        started</Message></Error></Errors></Response>";
    let function = Function::canned(&[(400, refusal)]).await;
    let answer = function.call("POST", "/instance/eu-west-1/i-abba916a/start").await;
    answer.is(409, &errors("IncorrectInstanceState", "not in a state from which it can be started"));
    assert_eq!(function.wire.seen().len(), 1);
}

#[tokio::test]
async fn what_ec2_does_not_have_is_null_and_every_tag_is_there() {
    let body = "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>i-abba916a</instanceId><dnsName/>\
        <instanceType>t2.nano</instanceType><instanceState><code>80</code><name>stopped</name></instanceState><tagSet>\
        <item><key>Name</key><value>default</value></item><item><key>start_time</key><value/></item></tagSet></item>\
        </instancesSet></item></reservationSet></DescribeInstancesResponse>";
    let function = Function::canned(&[(200, body)]).await;
    function.call("GET", "/instance/us-west-2/i-abba916a/").await.is(
        200,
        &json!({
            "public_dns_name": null, "public_ip_address": null, "state": "stopped",
            "tags": {"Name": "default", "start_time": ""}, "type": "t2.nano",
        }),
    );
    let form = function.wire.only().form();
    assert_eq!(form, ["Action=DescribeInstances", "InstanceId.1=i-abba916a", "Version=2016-11-15"]);
}

#[tokio::test]
async fn key_region_action_and_instance_are_checked_in_that_order() {
    let function = Function::alone(&[]).await;
    let no_key = function.invoke(&Event2::new("POST", "/instance/derp/i-xyz/explode").json()).await;
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
        function.call("POST", path).await.is(status, &errors(id, title));
    }
    for (path, status, id, title) in [
        ("/instance/derp/i-xyz", 422, "region", "Invalid region"),
        ("/instance/us-east-1/i-xyz/", 404, "instance_id", "instance_id not found"),
        (&format!("/instance/us-east-1/i-{}", "a".repeat(10_000 - 40)), 404, "instance_id", "instance_id not found"),
        ("/instance/us-east-1", 404, "NotFound", "There is nothing at this path"),
    ] {
        function.call("GET", path).await.is(status, &errors(id, title));
    }
    let answer = function.call("GET", "/instance/us-east-1/i-abba916a/start").await;
    assert_eq!((answer.status, answer.headers["allow"].as_str()), (405, "POST, PUT"));
    answer.is(405, &errors("MethodNotAllowed", "This path takes POST, PUT"));
    function.quiet();
}

#[tokio::test]
async fn the_key_may_be_a_json_member_and_a_bad_body_is_refused() {
    let function = Function::canned(&[(200, STARTED), (200, TAGGED)]).await;
    let start = || Event2::new("PUT", "/instance/us-east-1/i-abba916a/start/");
    let body = json!({"api_key": KEY}).to_string();
    assert_eq!(function.invoke(&start().body("application/json", &body).json()).await.status, 204);
    assert_eq!(function.wire.seen().len(), 2);
    for (body, title) in [
        ("[]", "The request body is not a JSON object"),
        ("{\"api_key\": ", "The request body is JSON that ends too early"),
    ] {
        let answer = function.invoke(&start().body("application/json", body).json()).await;
        answer.is(401, &errors("api_key", "Invalid api key"));
        let answer = function.invoke(&start().key().body("application/json", body).json()).await;
        answer.is(400, &errors("MalformedRequest", title));
    }
    function.quiet();
}

#[tokio::test]
async fn an_instance_that_is_not_there_is_404() {
    let function = Function::with_moto().await;
    for (method, action) in [("GET", ""), ("POST", "/start"), ("POST", "/stop"), ("PUT", "/reboot/")] {
        let answer = function.call(method, &format!("/instance/us-west-2/{NO_INSTANCE}{action}")).await;
        answer.is(404, &errors("instance_id", "instance_id not found"));
    }
    // A page with no instance on it means the same.
    let function =
        Function::canned(&[(200, "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>")]).await;
    let answer = function.call("GET", "/instance/us-west-2/i-abba916a").await;
    answer.is(404, &errors("instance_id", "instance_id not found"));
}
