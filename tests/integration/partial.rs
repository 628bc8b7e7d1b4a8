//! Changes of several instances, where what can be done is done.

use crate::support::xml::{
    Instance, change, changed, describe, instance, rebooted, refusal, response, stopped, terminated, throttled,
    unauthorized,
};
use crate::support::{A, Answer, B, Function, NO_INSTANCE, REGION, Response, own_region};
use serde_json::{Value, json};

const C: &str = "i-abba916c";
const D: &str = "i-abba916d";

fn path(action: &str, query: &str) -> String {
    format!("/ec2/{action}?region_name={REGION}&{query}&partial=true")
}

fn stopping(ids: &[&str]) -> Response {
    changed("StopInstances", ids.iter().map(|id| change(id).states("running", "stopping")))
}

fn wrong_state(message: &str) -> Response {
    refusal("IncorrectInstanceState", message)
}

fn named(id: &str) -> String {
    format!("The instance '{id}' is not in a state from which it can be stopped.")
}

fn running(id: &str) -> Instance {
    instance(id).state("running")
}

/// What became of each instance: the code of its error, or nothing.
fn codes(answer: &Answer) -> Vec<(String, Option<String>)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let code = |item: &Value| (text(&item["InstanceId"]).unwrap(), text(&item["Error"]["Code"]));
    answer.json().as_array().unwrap().iter().map(code).collect()
}

fn expected(codes: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
    codes.iter().map(|(id, code)| ((*id).to_owned(), code.map(str::to_owned))).collect()
}

/// The instances of each call that stops.
fn calls(function: &Function) -> Vec<String> {
    let requests = function.wire.requests();
    let ids = |form: Vec<String>| {
        let ids = form.iter().filter_map(|line| Some(line.strip_prefix("InstanceId.")?.split_once('=')?.1.to_owned()));
        ids.collect::<Vec<_>>().join(" ")
    };
    requests
        .iter()
        .filter(|request| request.action() != "DescribeInstances")
        .map(|request| ids(request.form()))
        .collect()
}

#[tokio::test]
async fn change_that_ec2_accepts_is_one_call_and_an_array() {
    let function = Function::canned([stopped(A)]).await;
    let answer = function.post(&path("stop", &format!("instance_id={A}"))).await;
    assert_eq!((answer.status, answer.json().as_array().unwrap().len()), (200, 1), "{answer:?}");
    let function = Function::canned([rebooted()]).await;
    let answer = function.post(&path("reboot", &format!("instance_id={B},{A},{B}"))).await;
    answer.is(200, &json!([{"InstanceId": B}, {"InstanceId": A}]));
    let line = function.log_line();
    assert_eq!(
        (&line["changed"], line.get("failed"), &line["level"]),
        (&json!([B, A]), None, &json!("INFO")),
        "{line}"
    );
}

#[tokio::test]
async fn instance_that_ec2_names_stands_in_its_place_with_its_error_and_the_others_are_changed() {
    let missing = refusal("InvalidInstanceID.NotFound", &format!("The instance IDs '{C}, {D}' do not exist"));
    let function = Function::canned([missing, wrong_state(&named(A)), stopping(&[B])]).await;
    let answer = function.post(&path("stop", &format!("instance_id={A},{B},{C},{D}"))).await;
    let failure =
        |id: &str, code: &str, message: &str| json!({"InstanceId": id, "Error": {"Code": code, "Message": message}});
    let missing =
        |id: &str| failure(id, "InvalidInstanceID.NotFound", &format!("The instance IDs '{C}, {D}' do not exist"));
    answer.is(207, &json!([
        failure(A, "IncorrectInstanceState", &named(A)),
        {"InstanceId": B, "CurrentState": {"Code": 64, "Name": "stopping"}, "PreviousState": {"Code": 16, "Name": "running"}},
        missing(C),
        missing(D),
    ]));
    assert_eq!(calls(&function), [format!("{A} {B} {C} {D}"), format!("{A} {B}"), B.to_owned()]);
    let line = function.log_line();
    assert_eq!(line["changed"], json!([B]), "{line}");
    let failed = json!({A: "IncorrectInstanceState", C: "InvalidInstanceID.NotFound", D: "InvalidInstanceID.NotFound"});
    assert_eq!((&line["failed"], &line["level"], &line["status"]), (&failed, &json!("WARN"), &json!(207)), "{line}");
}

#[tokio::test]
async fn instance_that_ec2_does_not_name_is_found_by_halving() {
    // C is bad: all, the first half, then one of the second half.
    let responses = [wrong_state("m"), stopping(&[A, B]), wrong_state("m"), stopping(&[D])];
    let function = Function::canned(responses).await;
    let answer = function.post(&path("stop", &format!("instance_id={A},{B},{C},{D}"))).await;
    assert_eq!(answer.status, 207);
    let code = Some("IncorrectInstanceState");
    assert_eq!(codes(&answer), expected(&[(A, None), (B, None), (C, code), (D, None)]));
    assert_eq!(calls(&function), [format!("{A} {B} {C} {D}"), format!("{A} {B}"), C.to_owned(), D.to_owned()]);
    // A role that may change instances with some tag only is refused without a name.
    let function = Function::canned([unauthorized(), stopping(&[A])]).await;
    let answer = function.post(&path("stop", &format!("instance_id={A},{B}"))).await;
    assert_eq!(codes(&answer), expected(&[(A, None), (B, Some("UnauthorizedOperation"))]));
    // The last one is known by elimination.
    assert_eq!(calls(&function), [format!("{A} {B}"), A.to_owned()]);
}

#[tokio::test]
async fn change_that_fails_for_every_instance_has_the_status_and_the_body_of_the_first_error() {
    let function = Function::canned([wrong_state(&named(B)), refusal("InvalidInstanceID.NotFound", "m")]).await;
    let answer = function.post(&path("stop", &format!("instance_id={A},{B}"))).await;
    answer.refuses(404, "InvalidInstanceID.NotFound", "m (region eu-west-1)");
    let line = function.log_line();
    let failed = json!({A: "InvalidInstanceID.NotFound", B: "IncorrectInstanceState"});
    assert_eq!((&line["failed"], line.get("changed")), (&failed, None), "{line}");
}

#[tokio::test]
async fn error_that_is_about_no_instance_ends_the_change() {
    let function = Function::canned([wrong_state(&named(A)), throttled(), throttled(), throttled()]).await;
    let answer = function.post(&path("stop", &format!("instance_id={A},{B},{C}"))).await;
    answer.refuses(409, "IncorrectInstanceState", &named(A));
    let line = function.log_line();
    let failed = json!({A: "IncorrectInstanceState", B: "RequestLimitExceeded", C: "RequestLimitExceeded"});
    assert_eq!(line["failed"], failed, "{line}");
    // Some were changed before.
    let expired = refusal("RequestExpired", "m");
    let function = Function::canned([wrong_state("m"), stopping(&[A]), wrong_state("m"), expired]).await;
    let answer = function.post(&path("stop", &format!("instance_id={A},{B},{C}"))).await;
    let code = Some("IncorrectInstanceState");
    assert_eq!(codes(&answer), expected(&[(A, None), (B, code), (C, Some("RequestExpired"))]), "{answer:?}");
}

#[tokio::test]
async fn lost_response_leaves_the_outcome_of_its_instances_unknown() {
    let function = Function::canned([wrong_state("m"), stopping(&[A]), response(200, "")]).await;
    let answer = function.post(&path("stop", &format!("instance_id={A},{B},{C},{D}"))).await;
    assert_eq!(answer.status, 502, "the first half was lost: {answer:?}");
    let function = Function::canned([wrong_state("m"), stopping(&[A, B]), response(200, "")]).await;
    let answer = function.post(&path("stop", &format!("instance_id={A},{B},{C},{D}"))).await;
    let message = |n: usize| answer.json()[n]["Error"]["Message"].as_str().unwrap().to_owned();
    assert_eq!(answer.status, 207);
    assert!(message(2).contains("may have happened or not"), "{answer:?}");
    assert!(message(3).starts_with("Not tried: ") && !message(3).contains("may have happened"), "{answer:?}");
}

#[tokio::test]
async fn termination_that_ec2_carries_out_in_some_zones_is_told_apart_by_instance() {
    let protected = || refusal("OperationNotPermitted", "The instance may not be terminated");
    let function = Function::canned([protected(), terminated(A)]).await;
    let answer = function.post(&path("terminate", &format!("instance_id={A},{B}"))).await;
    assert_eq!(codes(&answer), expected(&[(A, None), (B, Some("OperationNotPermitted"))]));
    assert!(!answer.body.contains("may have happened"), "{answer:?}");
    // Without the second call, A may be terminated.
    let function = Function::canned([protected(), refusal("RequestExpired", "m")]).await;
    let answer = function.post(&path("terminate", &format!("instance_id={A},{B}"))).await;
    let message = "AWS did not accept this function's credentials for ec2:TerminateInstances (RequestExpired): \
        what was asked for may have happened or not";
    answer.refuses(502, "RequestExpired", message);
}

#[tokio::test]
async fn forbidden_protected_missing_and_ambiguous_instances_stand_in_their_places() {
    let policies = r#"
        permit(principal, action, resource);
        @id("no-red") forbid(principal, action == Action::"StopInstances", resource)
        when { resource.hasTag("team") && resource.getTag("team") == "red" };
    "#;
    let described = describe([running(A).tag("team", "red"), running(B).tag("keep", "yes"), running(C)]);
    let names = describe([
        running("i-00000001").tag("Name", "web"),
        running("i-00000002").tag("Name", "web"),
        running(C).tag("Name", "db"),
    ]);
    let variables = [("PROTECTED_TAG", "keep")];
    let function = Function::with_policies(policies, &variables, [names, described, stopping(&[C])]).await;
    let answer = function.post(&path("stop", &format!("instance_id={A},{B},web,none,{NO_INSTANCE},db"))).await;
    assert_eq!(answer.status, 207, "{answer:?}");
    assert_eq!(
        codes(&answer),
        expected(&[
            (A, Some("Forbidden")),
            (B, Some("ProtectedInstance")),
            ("web", Some("AmbiguousInstanceName")),
            ("none", Some("InvalidInstanceID.NotFound")),
            (NO_INSTANCE, Some("InvalidInstanceID.NotFound")),
            (C, None),
        ])
    );
    let requests = function.wire.requests();
    let actions: Vec<_> = requests.iter().map(|request| request.action()).collect();
    assert_eq!(actions, ["DescribeInstances", "DescribeInstances", "StopInstances"], "one description of all");
    assert!(requests[1].form().contains(&"Filter.1.Name=instance-id".to_owned()), "{:?}", requests[1].form());
    let line = function.log_line();
    assert_eq!((&line["decision"], &line["changed"]), (&json!("allow"), &json!([C])), "{line}");
    assert!(line["decided_by"].as_array().unwrap().contains(&json!("no-red")), "{line}");
    // Nothing is permitted: EC2 is not asked to change anything.
    let function = Function::with_policies(policies, &variables, [describe([running(A).tag("team", "red")])]).await;
    let answer = function.post(&path("stop", &format!("instance_id={A},{NO_INSTANCE}"))).await;
    answer.refuses(403, "Forbidden", &format!("The policy of this deployment does not permit StopInstances of {A}"));
    assert_eq!(function.log_line()["decision"], "deny");
}

#[tokio::test]
async fn partial_change_by_tag_uses_one_list_and_expects_the_number_that_is_meant() {
    let found = || describe([running(A).tag("env", "test"), running(B).tag("env", "test").tag("keep", "")]);
    let variables = [("PROTECTED_TAG", "keep")];
    let function = Function::with_variables(&variables, [found(), stopping(&[A])]).await;
    let answer = function.post(&path("stop", "tag:env=test&expect=2")).await;
    assert_eq!(codes(&answer), expected(&[(A, None), (B, Some("ProtectedInstance"))]));
    assert_eq!(function.wire.actions(), ["DescribeInstances", "StopInstances"]);
    let function = Function::with_variables(&variables, [found()]).await;
    assert_eq!(function.post(&path("stop", "tag:env=test&expect=1")).await.status, 409);
    let function = Function::canned([describe([])]).await;
    function.post(&path("stop", "tag:env=test")).await.is(200, &json!([]));
}

#[tokio::test]
async fn partial_dry_run_says_which_instances_would_be_changed() {
    let permitted = || refusal("DryRunOperation", "Request would have succeeded, but DryRun flag is set.").status(412);
    let function = Function::canned([wrong_state(&named(B)), permitted()]).await;
    let answer = function.post(&path("stop", &format!("instance_id={A},{B}&dry_run=true"))).await;
    let failure = json!({"Code": "IncorrectInstanceState", "Message": named(B)});
    answer.is(207, &json!([{"InstanceId": A, "DryRun": true}, {"InstanceId": B, "Error": failure}]));
    let function = Function::canned([permitted()]).await;
    let answer = function.post(&path("stop", &format!("instance_id={A},{B}&dry_run=true"))).await;
    assert_eq!((answer.status, &answer.json()["DryRun"]), (200, &json!(true)), "{answer:?}");
    let function = Function::canned([wrong_state("m")]).await;
    let answer = function.post(&path("stop", &format!("instance_id={A}&dry_run=true"))).await;
    answer.refuses(409, "IncorrectInstanceState", "Dry run: AWS would refuse this. m");
}

#[tokio::test]
async fn partial_stop_that_prefers_hibernation_stops_those_that_can_not() {
    let unable = refusal("UnsupportedHibernationConfiguration", &format!("The instance '{B}' can't hibernate"));
    let responses = [unable, wrong_state(&named(C)), stopping(&[A]), stopping(&[B])];
    let function = Function::canned(responses).await;
    let answer = function.post(&path("stop", &format!("instance_id={A},{B},{C}&hibernate=prefer"))).await;
    assert_eq!(codes(&answer), expected(&[(A, None), (B, None), (C, Some("IncorrectInstanceState"))]));
    assert!(
        answer.headers["warning"].contains(&format!("1 of 3 can not hibernate and are stopped: {B}")),
        "{answer:?}"
    );
    assert_eq!(calls(&function)[2..], [A, B]);
    let line = function.log_line();
    assert_eq!((&line["changed"], &line["failed"]), (&json!([A, B]), &json!({C: "IncorrectInstanceState"})), "{line}");
}

#[tokio::test]
async fn wait_is_for_the_instances_that_were_changed() {
    let described = describe([instance(A).state("stopped")]);
    let function = Function::canned([wrong_state(&named(B)), stopping(&[A]), described]).await;
    let answer = function.post(&path("stop", &format!("instance_id={A},{B}&wait=20"))).await;
    assert_eq!((&answer.json()[0]["CurrentState"]["Name"], answer.headers.get("warning")), (&json!("stopped"), None));
    let form = function.wire.requests()[2].form();
    assert!(form.contains(&format!("InstanceId.1={A}")) && !form.iter().any(|line| line.ends_with(B)), "{form:?}");
}

#[tokio::test]
async fn partial_is_true_or_false() {
    let function = Function::without_aws(&[]).await;
    let answer = function.stop(&format!("{A}&partial=maybe")).await;
    answer.refuses(400, "InvalidParameterValue", "partial must be true or false");
    function.assert_no_calls();
}

#[tokio::test]
async fn missing_instance_is_left_out_in_moto() {
    let function = Function::with_moto().await;
    let region = own_region();
    let id = function.launch(region).await;
    for action in ["stop", "start", "reboot", "terminate"] {
        let path = format!("/ec2/{action}?region_name={region}&instance_id={NO_INSTANCE},{id}&partial=true");
        let answer = function.post(&path).await;
        assert_eq!(answer.status, 207, "{action}: {answer:?}");
        assert_eq!(codes(&answer), expected(&[(NO_INSTANCE, Some("InvalidInstanceID.NotFound")), (&id, None)]));
    }
}
