//! `wait=SECONDS`: responses that wait for the state that a change leads to.

use crate::support::xml::{Instance, change, changed, describe, instance, launched, no_response, refusal, tagged};
use crate::support::{A, B, Function, HttpApiEvent, Response};
use serde_json::json;
use std::time::{Duration, Instant};

const CREATE: &str = "/ec2/create?region_name=eu-west-1&image_id=ami-abba916a";

fn in_state(state: &str) -> Instance {
    instance(A).state(state)
}

/// A stop that has begun.
fn stopping() -> Response {
    changed("StopInstances", [change(A).states("running", "stopping")])
}

#[tokio::test]
async fn change_waits_for_its_target_state() {
    for (path, action, changed_to, described_as, (code, state)) in [
        ("stop", "StopInstances", "stopping", "stopping", (80, "stopped")),
        ("start", "StartInstances", "pending", "pending", (16, "running")),
        ("terminate", "TerminateInstances", "shutting-down", "running", (48, "terminated")),
    ] {
        let function = Function::canned([
            changed(action, [change(A).states("running", changed_to)]),
            describe([in_state(described_as)]),
            refusal("InvalidInstanceID.NotFound", "m"),
            describe([in_state(state)]),
        ])
        .await;
        let answer = function.post(&format!("/ec2/{path}?region_name=eu-west-1&instance_id={A}&wait=20")).await;
        let states = json!({
            "InstanceId": A, "CurrentState": {"Code": code, "Name": state},
            "PreviousState": {"Code": 16, "Name": "running"},
        });
        answer.is(200, &states);
        assert_eq!(answer.headers.get("warning"), None);
        assert_eq!(function.wire.requests().len(), 4, "{path}");
    }
}

#[tokio::test]
async fn launch_waits_for_running_instances_in_every_dialect() {
    let responses = [launched([in_state("pending")]), describe([in_state("running")])];
    let function = Function::canned(responses.clone()).await;
    let answer = function.post(&format!("{CREATE}&wait=5")).await;
    assert_eq!(answer.json()["State"], json!({"Code": 16, "Name": "running"}));
    let function = Function::canned(responses).await;
    let path = "/v1/launch?ami=ami-abba916a&instance_type=t3.micro&wait=5";
    function.put(path).await.is(200, &json!([A]));
    assert_eq!(function.wire.requests().len(), 2);
    let function = Function::canned([stopping(), tagged(), describe([in_state("stopped")])]).await;
    let answer = function.post(&format!("/instance/eu-west-1/{A}/stop?wait=5")).await;
    assert_eq!((answer.status, answer.headers.get("warning")), (204, None));
}

#[tokio::test]
async fn launch_that_waits_answers_with_the_last_description_only() {
    let launching = |id| instance(id).state("pending").with("dnsName", "").with("privateIpAddress", "10.0.0.5");
    let described = |id, address: &str| {
        instance(id)
            .state("running")
            .instance_type("t3.micro")
            .with("privateIpAddress", "10.0.0.6")
            .with("ipAddress", address)
            .with("dnsName", format!("ec2-{}.compute-1.amazonaws.com", address.replace('.', "-")))
            .tag("Name", "web")
    };
    let function = Function::canned([
        launched([launching(A), launching(B)]),
        describe([described(B, "203.0.113.26"), launching(A)]),
        describe([described(A, "203.0.113.25"), described(B, "203.0.113.27")]),
    ])
    .await;
    let answer = function.post(&format!("{CREATE}&MaxCount=2&wait=12")).await;
    assert_eq!((answer.status, answer.headers.get("warning")), (200, None));
    let instances = answer.json();
    for (n, id, address, name) in [
        (0, A, "203.0.113.25", "ec2-203-0-113-25.compute-1.amazonaws.com"),
        (1, B, "203.0.113.27", "ec2-203-0-113-27.compute-1.amazonaws.com"),
    ] {
        let instance = &instances[n];
        assert_eq!(instance["InstanceId"], id);
        assert_eq!(instance["State"], json!({"Code": 16, "Name": "running"}));
        assert_eq!(instance["PublicIpAddress"], address);
        assert_eq!(instance["PublicDnsName"], name);
        assert_eq!(instance["PrivateIpAddress"], "10.0.0.6");
        assert_eq!(instance["Tags"], json!([{"Key": "Name", "Value": "web"}]));
    }
    assert_eq!(function.wire.requests().len(), 3);
}

#[tokio::test]
async fn launch_whose_wait_expires_answers_with_the_last_description() {
    let described = instance(A).state("pending").with("privateIpAddress", "10.0.0.6");
    let launching = instance(A).state("pending").with("keyName", "demo");
    let function =
        Function::canned([launched([launching]), describe([described.clone()]), describe([described])]).await;
    let answer = function.post(&format!("{CREATE}&wait=1")).await;
    assert_eq!((answer.status, &answer.json()["PrivateIpAddress"]), (200, &json!("10.0.0.6")));
    assert_eq!(answer.headers["warning"], format!("299 - \"1 of 1 not running: {A} pending\""));
}

#[tokio::test]
async fn expired_wait_is_a_warning() {
    let function =
        Function::canned([stopping(), describe([in_state("stopping")]), describe([in_state("stopping")])]).await;
    let answer = function.stop(&format!("{A}&wait=1")).await;
    assert_eq!((answer.status, &answer.json()["CurrentState"]["Name"]), (200, &json!("stopping")));
    assert_eq!(answer.headers["warning"], format!("299 - \"1 of 1 not stopped: {A} stopping\""));
    // The rest of the invocation limits the wait; and a state that can't be read is no failure.
    let function = Function::canned([stopping(), no_response()]).await;
    let event =
        HttpApiEvent::new("POST", &format!("/ec2/stop?region_name=eu-west-1&instance_id={A}&wait=900")).key().json();
    let began = Instant::now();
    let answer = function.invoke_within(&event, Duration::from_secs(3)).await;
    assert!(began.elapsed() < Duration::from_secs(3));
    assert_eq!(
        (answer.status, answer.headers["warning"].as_str()),
        (200, &*format!("299 - \"1 of 1 not stopped: {A} stopping\""))
    );
    for wait in ["-1", "901", "soon", "1.5"] {
        let answer = function.stop(&format!("{A}&wait={wait}")).await;
        answer.refuses(400, "InvalidParameterValue", "wait must be a whole number from 0 to 900");
    }
}

const REASON: &str = "<code>Server.InsufficientInstanceCapacity</code><message>Server.InsufficientInstanceCapacity: \
                      Insufficient capacity for arn:aws:ec2:eu-west-1:123456789012:instance/i-1</message>";

fn fallen_back() -> Instance {
    in_state("stopped").with("stateReason", REASON)
}

/// A start of an instance that was stopped.
fn starting() -> Response {
    changed("StartInstances", [change(A).states("stopped", "pending")])
}

#[tokio::test]
async fn wait_for_a_start_that_falls_back_ends_with_the_reason_of_ec2() {
    let stale = || in_state("stopped");
    for looks in [
        vec![in_state("pending"), fallen_back()],
        vec![stale(), fallen_back()],
        vec![stale(), in_state("pending"), fallen_back()],
    ] {
        let count = looks.len();
        let looks = looks.into_iter().map(|look| describe([look]));
        let function = Function::canned([starting()].into_iter().chain(looks)).await;
        let answer = function.post(&format!("/ec2/start?region_name=eu-west-1&instance_id={A}&wait=60")).await;
        answer.is(
            200,
            &json!({
                "InstanceId": A, "CurrentState": {"Code": 80, "Name": "stopped"},
                "PreviousState": {"Code": 80, "Name": "stopped"},
                "StateReason": {
                    "Code": "Server.InsufficientInstanceCapacity",
                    "Message": "Server.InsufficientInstanceCapacity: Insufficient capacity for [ARN]",
                },
            }),
        );
        let warning = format!("299 - \"1 of 1 not running: {A} stopped (Server.InsufficientInstanceCapacity)\"");
        assert_eq!(answer.headers["warning"], warning);
        assert_eq!(function.wire.requests().len(), 1 + count);
    }
}

#[tokio::test]
async fn wait_for_a_launch_that_ends_is_over_at_once() {
    let ended = || instance(A).state("shutting-down").with("stateReason", "<code>Client.InternalError</code>");
    let function = Function::canned([launched([in_state("pending")]), describe([ended()])]).await;
    let answer = function.post(&format!("{CREATE}&wait=60")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["StateReason"], json!({"Code": "Client.InternalError"}));
    let warning = format!("299 - \"1 of 1 not running: {A} shutting-down (Client.InternalError)\"");
    assert_eq!(answer.headers["warning"], warning);
    // In /instance and /v1 the warning alone says why.
    let function = Function::canned([starting(), tagged(), describe([ended()])]).await;
    let answer = function.post(&format!("/instance/eu-west-1/{A}/start?wait=60")).await;
    assert_eq!((answer.status, &answer.headers["warning"]), (204, &warning));
}

#[tokio::test]
async fn wait_for_a_stop_ends_once_somebody_has_terminated_or_started_the_instance() {
    for looks in [vec![in_state("shutting-down")], vec![in_state("running"), in_state("stopping"), in_state("running")]]
    {
        let count = looks.len();
        let looks = looks.into_iter().map(|look| describe([look]));
        let function = Function::canned([stopping()].into_iter().chain(looks)).await;
        let answer = function.stop(&format!("{A}&wait=60")).await;
        assert_eq!(answer.status, 200);
        assert!(answer.headers["warning"].starts_with("299 - \"1 of 1 not stopped: "));
        assert_eq!(function.wire.requests().len(), 1 + count);
    }
}

#[tokio::test]
async fn wait_for_several_goes_on_while_one_can_get_there() {
    let pending = || instance(B).state("pending");
    let function = Function::canned([
        changed("StartInstances", [change(A).states("stopped", "pending"), change(B).states("stopped", "pending")]),
        describe([in_state("pending"), pending()]),
        describe([fallen_back(), pending()]),
        describe([fallen_back(), instance(B).state("running")]),
    ])
    .await;
    let answer = function.post(&format!("/ec2/start?region_name=eu-west-1&instance_id={A},{B}&wait=60")).await;
    let body = answer.json();
    assert_eq!(body[0]["StateReason"]["Code"], "Server.InsufficientInstanceCapacity");
    assert_eq!(body[1]["CurrentState"]["Name"], "running");
    assert_eq!(body[1].get("StateReason"), None);
    let warning = format!("299 - \"1 of 2 not running: {A} stopped (Server.InsufficientInstanceCapacity)\"");
    assert_eq!(answer.headers["warning"], warning);
}
