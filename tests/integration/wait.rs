//! `wait=SECONDS`: responses that wait for the state that a change leads to.

use crate::support::xml::{Instance, change, changed, describe, instance, launched, no_response, refusal, tagged};
use crate::support::{A, Function, HttpApiEvent, Response};
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
