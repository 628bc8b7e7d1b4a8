//! Calls on the wire: the exact form that goes to EC2, and EC2's answers and errors coming back.

use crate::support::xml::{change, changed, describe, rebooted, refusal, response, throttled};
use crate::support::{A, AWS_REQUEST_ID, B, Function, KEY, REQUEST_ID, own_region};
use aws_credential_types::Credentials;
use aws_credential_types::credential_fn::provide_credentials_fn;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

#[tokio::test]
async fn change_of_several_instances_is_one_call_and_keeps_their_order() {
    let two = [change(B).states("stopped", "pending"), change(A).states("stopped", "pending")];
    for (action, sent) in [("start", "StartInstances"), ("stop", "StopInstances"), ("terminate", "TerminateInstances")]
    {
        let function = Function::canned([changed(sent, two.clone())]).await;
        let row = |id: &str| json!({"InstanceId": id, "CurrentState": {"Code": 0, "Name": "pending"}, "PreviousState": {"Code": 80, "Name": "stopped"}});
        let path = format!("/ec2/{action}?region_name=eu-west-1&instance_ids=i-abba916a,i-abba916b,i-abba916a");
        function.post(&path).await.is(200, &json!([row(A), row(B)]));
        let form = function.wire.only_request().form();
        let expected =
            [&format!("Action={sent}"), "InstanceId.1=i-abba916a", "InstanceId.2=i-abba916b", "Version=2016-11-15"];
        assert_eq!(form, expected);
    }
}

#[tokio::test]
async fn state_code_is_the_low_byte_of_ec2s() {
    let change = change(A).states_with_codes((272, "running"), (64, "stopping"));
    let function = Function::canned([changed("StopInstances", [change])]).await;
    function.stop(A).await.is(
        200,
        &json!({"InstanceId": "i-abba916a", "CurrentState": {"Code": 64, "Name": "stopping"}, "PreviousState": {"Code": 16, "Name": "running"}}),
    );
}

#[tokio::test]
async fn reboot_returns_the_ids() {
    let function = Function::canned([rebooted(), rebooted()]).await;
    function.reboot(A).await.is(200, &json!({"InstanceId": "i-abba916a"}));
    assert_eq!(
        function.wire.only_request().form(),
        ["Action=RebootInstances", "InstanceId.1=i-abba916a", "Version=2016-11-15"]
    );
    function
        .reboot(&format!("{A}&instance_id={B}"))
        .await
        .is(200, &json!([{"InstanceId": "i-abba916a"}, {"InstanceId": "i-abba916b"}]));
}

#[tokio::test]
async fn each_error_code_of_ec2_has_its_status() {
    let refused = "AWS refused ec2:StartInstances to this function's execution role";
    for (status, code, message, expected_status, expected_message) in [
        (400, "InvalidParameterValue", "Value (x) is invalid", 400, "Value (x) is invalid".to_owned()),
        (400, "InvalidInstanceID.Malformed", "Invalid id", 400, "Invalid id".to_owned()),
        (
            400,
            "InvalidInstanceID.NotFound",
            "The instance ID 'i-1' does not exist",
            404,
            "The instance ID 'i-1' does not exist (region eu-west-1)".to_owned(),
        ),
        (
            400,
            "IncorrectInstanceState",
            "not in a state from which it can be started",
            409,
            "not in a state from which it can be started".to_owned(),
        ),
        (
            400,
            "OperationNotPermitted",
            "Modify its 'disableApiTermination'",
            409,
            "Modify its 'disableApiTermination'".to_owned(),
        ),
        (400, "InstanceLimitExceeded", "Account 123456789012 is full", 503, "Account [account] is full".to_owned()),
        (
            403,
            "UnauthorizedOperation",
            "User: arn:aws:sts::123456789012:assumed-role/x/y may not",
            502,
            format!("{refused} (UnauthorizedOperation)"),
        ),
        (
            401,
            "AuthFailure",
            "AWS was not able to validate the provided access credentials",
            502,
            "AWS did not accept this function's credentials for ec2:StartInstances (AuthFailure)".to_owned(),
        ),
    ] {
        let function = Function::canned([refusal(code, message).status(status)]).await;
        let answer = function.start(A).await;
        answer.refuses(expected_status, code, &expected_message);
        assert_eq!(answer.headers["x-request-id"], REQUEST_ID);
        let line = function.log_line();
        assert_eq!(line["code"], code);
        assert_eq!(line["aws_request_id"], AWS_REQUEST_ID);
        assert!(line["cause"].as_str().unwrap().contains(message), "{line}");
        assert_eq!(function.wire.requests().len(), 1);
    }
}

#[tokio::test]
async fn throttled_call_is_retried_and_then_429_with_retry_after() {
    let function = Function::canned(vec![throttled(); 3]).await;
    let answer = function.start(A).await;
    answer.refuses(429, "RequestLimitExceeded", "Request limit exceeded.");
    assert_eq!(answer.headers["retry-after"], "2");
    assert_eq!(function.wire.requests().len(), 3);
}

#[tokio::test]
async fn insufficient_capacity_is_503_with_the_code_of_ec2() {
    let full = refusal("InsufficientInstanceCapacity", "There is no Spot capacity").status(500);
    let function = Function::canned(vec![full; 3]).await;
    let answer = function.start(A).await;
    answer.refuses(503, "InsufficientInstanceCapacity", "There is no Spot capacity");
}

#[tokio::test]
async fn malformed_response_is_502_without_details() {
    for body in ["<html>secret proxy</html>", "", "<Response>", "not xml at all"] {
        let function = Function::canned([response(400, body)]).await;
        let answer = function.start(A).await;
        let message = "AWS answered ec2:StartInstances with something that is not an answer";
        answer.refuses(502, "UnreadableAnswer", message);
    }
}

#[tokio::test]
async fn closed_connection_is_504() {
    let function = Function::canned([]).await;
    let answer = function.start(A).await;
    answer.refuses(
        504,
        "EndpointUnreachable",
        "AWS could not be reached for ec2:StartInstances: what was asked for may have happened or not",
    );
}

#[tokio::test]
async fn client_of_each_region_is_created_once_and_signs_for_it() {
    let function = Function::canned(vec![describe([]); 3]).await;
    let other = own_region();
    for region in ["us-east-1", other, "us-east-1"] {
        function.list(region).await.is(200, &json!([]));
        let request = function.wire.only_request();
        assert_eq!(request.region(), region);
        let text = format!("{request:?}");
        assert!(!text.contains(KEY), "the caller's key was sent to AWS: {text}");
    }
}

#[tokio::test]
async fn expired_credentials_are_refreshed() {
    let mut function = Function::canned([describe([]), describe([])]).await;
    // Each call gets new credentials, which expire at once.
    let next = Arc::new(AtomicUsize::new(0));
    let provider = provide_credentials_fn(move || {
        let (n, expiry) = (next.fetch_add(1, Ordering::Relaxed), SystemTime::now() + Duration::from_secs(1));
        async move { Ok(Credentials::new(format!("AKID{n}"), "testing", None, Some(expiry), "tests")) }
    });
    function.set_credentials_provider(provider);
    for n in 0..2 {
        function.list("eu-west-1").await.is(200, &json!([]));
        let request = function.wire.only_request();
        assert!(request.headers["authorization"].contains(&format!("Credential=AKID{n}/")), "{request:?}");
        assert!(!request.headers["authorization"].contains(KEY));
    }
}
