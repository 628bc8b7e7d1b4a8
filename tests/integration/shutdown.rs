//! How instances are shut down: by force, by hibernation, without their operating system.

use crate::support::xml::{change, changed, describe, instance, refusal, stopped, terminated};
use crate::support::{A, B, Function, REGION, Response};
use serde_json::json;

fn unable(message: &str) -> Response {
    refusal("UnsupportedHibernationConfiguration", message)
}

fn both_stopped() -> Response {
    changed("StopInstances", [change(A), change(B)])
}

/// The instances of a StopInstances call, and whether it hibernates them.
fn stops(function: &Function) -> Vec<(Vec<String>, bool)> {
    let requests = function.wire.requests();
    let stops = requests.iter().filter(|request| request.action() == "StopInstances");
    let call = |form: Vec<String>| {
        let ids = form.iter().filter_map(|line| Some(line.strip_prefix("InstanceId.")?.split_once('=')?.1.to_owned()));
        (ids.collect(), form.contains(&"Hibernate=true".to_owned()))
    };
    stops.map(|request| call(request.form())).collect()
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[tokio::test]
async fn options_of_a_shutdown_are_sent_in_both_dialects() {
    for (action, response, parameters, sent) in [
        ("stop", stopped(A), "force=true", vec!["Force=true"]),
        ("stop", stopped(A), "hibernate=true", vec!["Hibernate=true"]),
        ("stop", stopped(A), "Hibernate=1&SkipOsShutdown=yes", vec!["Hibernate=true", "SkipOsShutdown=true"]),
        ("stop", stopped(A), "hibernate=false&force=no", vec![]),
        ("terminate", terminated(A), "Force=true&skip_os_shutdown=true", vec!["Force=true", "SkipOsShutdown=true"]),
        ("terminate", terminated(A), "skip_os_shutdown=false", vec![]),
    ] {
        for (method, path) in [
            ("POST", format!("/ec2/{action}?region_name={REGION}&instance_id={A}&{parameters}")),
            ("PUT", format!("/v1/{A}/{action}?region={REGION}&{parameters}")),
        ] {
            let function = Function::canned([response.clone()]).await;
            assert_eq!(function.call(method, &path).await.status, 200, "{path}");
            let form = function.wire.only_request().form();
            let flags: Vec<_> = form.into_iter().filter(|line| line.ends_with("=true")).collect();
            assert_eq!(flags, sent, "{path}");
        }
    }
    let function = Function::canned([stopped(A)]).await;
    let body = json!({"region_name": REGION, "instance_id": A, "hibernate": true});
    assert_eq!(function.post_json("/ec2/stop", &body).await.status, 200);
    assert_eq!(stops(&function), [(ids(&[A]), true)]);
}

#[tokio::test]
async fn termination_does_not_hibernate() {
    let function = Function::without_aws(&[]).await;
    let answer = function.terminate(&format!("{A}&hibernate=true")).await;
    assert_eq!((answer.status, &answer.json()["Error"]), (400, &json!("UnknownParameter")), "{answer:?}");
    assert_eq!(function.put(&format!("/v1/{A}/terminate?hibernate=prefer")).await.status, 400);
    let answer = function.stop(&format!("{A}&hibernate=maybe")).await;
    answer.refuses(400, "InvalidParameterValue", "hibernate must be true, false or prefer");
    function.assert_no_calls();
}

#[tokio::test]
async fn hibernation_that_ec2_refuses_is_409() {
    let function = Function::canned([unable("The instance can't hibernate")]).await;
    let answer = function.stop(&format!("{A}&hibernate=true")).await;
    answer.refuses(409, "UnsupportedHibernationConfiguration", "The instance can't hibernate");
    assert_eq!(stops(&function), [(ids(&[A]), true)]);
}

#[tokio::test]
async fn instance_that_can_not_hibernate_is_stopped_with_a_warning_where_hibernation_is_preferred() {
    let function = Function::canned([stopped(A)]).await;
    let answer = function.stop(&format!("{A}&hibernate=prefer")).await;
    assert_eq!((answer.status, answer.headers.get("warning")), (200, None));
    assert_eq!(stops(&function), [(ids(&[A]), true)]);

    let not_ready = refusal("UnsupportedOperation", "The instance is not ready to hibernate yet");
    for refused in [unable("No"), not_ready] {
        let function = Function::canned([refused, describe([instance(A)]), stopped(A)]).await;
        let answer = function.stop(&format!("{A}&hibernate=prefer")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let warning = &answer.headers["warning"];
        assert!(warning.contains(&format!("1 of 1 can not hibernate and are stopped: {A}")), "{warning}");
        assert_eq!(stops(&function), [(ids(&[A]), true), (ids(&[A]), false)]);
    }
    // Another refusal is an error.
    let function = Function::canned([refusal("IncorrectInstanceState", "m")]).await;
    function.stop(&format!("{A}&hibernate=prefer")).await.refuses(409, "IncorrectInstanceState", "m");
}

#[tokio::test]
async fn those_of_several_that_can_hibernate_do_and_the_others_are_stopped() {
    let both = format!("{A},{B}&hibernate=prefer");
    let split = [(ids(&[A, B]), true), (ids(&[A]), true), (ids(&[B]), false)];
    // EC2 names the instance.
    let named = unable(&format!("The instance '{B}' is not configured for hibernation"));
    let function = Function::canned([named, stopped(A), stopped(B)]).await;
    let answer = function.stop(&both).await;
    assert_eq!(
        (answer.status, &answer.json()[0]["InstanceId"], &answer.json()[1]["InstanceId"]),
        (200, &json!(A), &json!(B))
    );
    assert_eq!(stops(&function), split);
    // It names none: the description says which.
    let configured = instance(A).with("hibernationOptions", "<configured>true</configured>");
    let described = describe([configured, instance(B)]);
    let function = Function::canned([unable("No"), described.clone(), stopped(A), stopped(B)]).await;
    assert_eq!(function.stop(&both).await.status, 200);
    assert_eq!(stops(&function), split);
    // None can after all.
    let function = Function::canned([unable("No"), described.clone(), unable("No"), both_stopped()]).await;
    let answer = function.stop(&both).await;
    assert!(answer.headers["warning"].contains("2 of 2 can not hibernate"), "{answer:?}");
    assert_eq!(stops(&function)[2], (ids(&[A, B]), false));
    // The second call fails: the first has happened.
    let refused = refusal("IncorrectInstanceState", "m");
    let function = Function::canned([unable("No"), described, stopped(A), refused]).await;
    let message = "m: what was asked for may have happened or not";
    function.stop(&both).await.refuses(409, "IncorrectInstanceState", message);
    let line = function.log_line();
    assert_eq!((&line["changed"], &line["failed"]), (&json!([A]), &json!({B: "IncorrectInstanceState"})), "{line}");
}

#[tokio::test]
async fn dry_run_with_preferred_hibernation_checks_the_stop_too() {
    let permitted = refusal("DryRunOperation", "Request would have succeeded, but DryRun flag is set.").status(412);
    let function = Function::canned([unable("No"), permitted]).await;
    let answer = function.stop(&format!("{A}&hibernate=prefer&dry_run=true")).await;
    assert_eq!((answer.status, &answer.json()["DryRun"]), (200, &json!(true)), "{answer:?}");
    assert_eq!(stops(&function), [(ids(&[A]), true), (ids(&[A]), false)]);
}
