//! `GET /ec2/console-output`.

use crate::support::xml::{Response, describe, instance, refusal, response};
use crate::support::{A, Function, RecordedRequest};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::json;

const PATH: &str = "/ec2/console-output?region_name=eu-west-1&instance_id=i-abba916a";

fn output(text: &str) -> Response {
    let output = BASE64_STANDARD.encode(text);
    response(
        200,
        format!(
            "<GetConsoleOutputResponse><instanceId>{A}</instanceId><timestamp>2026-03-02T09:00:00.000Z</timestamp>\
             <output>{output}</output></GetConsoleOutputResponse>"
        ),
    )
}

#[tokio::test]
async fn latest_console_output_is_decoded() {
    let function = Function::canned([output("[    0.0] Linux\nlogin: \u{e9}")]).await;
    let answer = function.get(PATH).await;
    answer.is(
        200,
        &json!({"InstanceId": A, "Timestamp": "2026-03-02T09:00:00+00:00", "Output": "[    0.0] Linux\nlogin: \u{e9}"}),
    );
    let form = function.wire.only_request().form();
    assert_eq!(form, ["Action=GetConsoleOutput", "InstanceId=i-abba916a", "Latest=true", "Version=2016-11-15"]);
    let line = function.log_line();
    assert_eq!((&line["action"], &line["instance_ids"]), (&json!("GetConsoleOutput"), &json!([A])), "{line}");
}

#[tokio::test]
async fn instance_without_nitro_has_the_output_of_its_last_transition() {
    let unsupported = refusal("UnsupportedOperation", "This instance type does not support it.");
    let function = Function::canned([unsupported, output("boot")]).await;
    assert_eq!(function.get(PATH).await.json()["Output"], "boot");
    let forms: Vec<_> = function.wire.requests().iter().map(RecordedRequest::form).collect();
    assert_eq!(forms[1], ["Action=GetConsoleOutput", "InstanceId=i-abba916a", "Version=2016-11-15"]);
}

#[tokio::test]
async fn missing_console_output_is_null() {
    let empty = format!("<GetConsoleOutputResponse><instanceId>{A}</instanceId></GetConsoleOutputResponse>");
    let function = Function::canned([response(200, empty)]).await;
    function.get(PATH).await.is(200, &json!({"InstanceId": A, "Timestamp": null, "Output": null}));
}

#[tokio::test]
async fn console_output_is_authorized_by_its_own_action() {
    let policies = r#"permit (principal, action == Action::"GetConsoleOutput", resource)
        when { resource.hasTag("team") && resource.getTag("team") == "blue" };"#;
    let found = |team: &str| describe([instance(A).state("running").tag("team", team)]);
    let function = Function::with_policies(policies, &[], [found("blue"), output("x")]).await;
    assert_eq!(function.get(PATH).await.status, 200);
    let function = Function::with_policies(policies, &[], [found("red")]).await;
    let message = "The policy of this deployment does not permit GetConsoleOutput of i-abba916a";
    function.get(PATH).await.refuses(403, "Forbidden", message);
    assert_eq!(function.wire.only_request().action(), "DescribeInstances");
}

#[tokio::test]
async fn malformed_console_output_is_502_and_bad_input_never_reaches_ec2() {
    let malformed = "<GetConsoleOutputResponse><output>%</output></GetConsoleOutputResponse>";
    let function = Function::canned([response(200, malformed)]).await;
    let message = "AWS answered ec2:GetConsoleOutput with something that is not an answer";
    function.get(PATH).await.refuses(502, "UnreadableAnswer", message);
    let function = Function::without_aws(&[]).await;
    let missing = function.get("/ec2/console-output?region_name=eu-west-1").await;
    missing.refuses(400, "MissingParameter", "instance_id is required");
    let malformed = function.get("/ec2/console-output?region_name=eu-west-1&instance_id=i-xyz").await;
    assert_eq!(malformed.status, 400, "{malformed:?}");
    function.assert_no_calls();
}
