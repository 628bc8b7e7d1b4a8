//! `POST /ec2/keep`, and the field `keep-until` of lists.

use crate::support::xml::{describe, done, instance, refusal, tagged};
use crate::support::{A, B, Function, HttpApiEvent, NO_INSTANCE, PERMIT_ALL, REGION, own_region};
use serde_json::{Value, json};

/// The tests' clock is at 2016-02-16T18:04:09.006739Z.
const KEPT: &str = "2016-02-17T02:04:10+00:00";

fn path(query: &str) -> String {
    format!("/ec2/keep?region_name={REGION}&{query}")
}

fn kept(ids: &[&str], until: &Value) -> Value {
    ids.iter().map(|id| json!({"InstanceId": id, "KeepUntil": until})).collect()
}

#[tokio::test]
async fn instances_are_kept_by_a_tag_with_the_time() {
    for (until, time) in [
        ("8h", KEPT),
        ("1m", "2016-02-16T18:05:10+00:00"),
        ("30d", "2016-03-17T18:04:10+00:00"),
        ("2016-02-17T09:00:00Z", "2016-02-17T09:00:00+00:00"),
        ("2016-02-17T09:00:00%2B05:30", "2016-02-17T03:30:00+00:00"),
        ("2016-02-17T09:00:00+05:30", "2016-02-17T03:30:00+00:00"),
        (" 2016-02-17T09:00:00.001Z ", "2016-02-17T09:00:01+00:00"),
    ] {
        let function = Function::canned([tagged()]).await;
        let answer = function.post(&path(&format!("instance_id={A},{B}&until={}", until.replace(' ', "%20")))).await;
        answer.is(200, &kept(&[A, B], &json!(time)));
        let form = function.wire.only_request().form();
        let value = format!("Tag.1.Value={time}");
        assert_eq!(
            form,
            [
                "Action=CreateTags",
                "ResourceId.1=i-abba916a",
                "ResourceId.2=i-abba916b",
                "Tag.1.Key=ec2-control-api:keep-until",
                &value,
                "Version=2016-11-15",
            ]
        );
    }
}

#[tokio::test]
async fn empty_time_keeps_instances_no_longer() {
    let body = |until: &str| json!({"region_name": REGION, "instance_id": [A], "until": until});
    for (query, body) in [("until=".to_owned(), None), (String::new(), Some(body("")))] {
        let function = Function::canned([done("DeleteTags")]).await;
        let answer = match body {
            Some(body) => function.post_json("/ec2/keep", &body).await,
            None => function.post(&path(&format!("instance_id={A}&{query}"))).await,
        };
        answer.is(200, &kept(&[A], &Value::Null));
        let form = function.wire.only_request().form();
        let key = "Tag.1.Key=ec2-control-api:keep-until";
        assert_eq!(form, ["Action=DeleteTags", "ResourceId.1=i-abba916a", key, "Version=2016-11-15"]);
    }
}

#[tokio::test]
async fn time_that_cannot_be_is_400_without_a_call_to_aws() {
    let function = Function::without_aws(&[]).await;
    let form = "until must be a time by RFC 3339 such as 2026-12-24T18:00:00+01:00, a duration such as 90m, 8h or 7d, \
                or empty";
    for (until, message) in [
        ("tomorrow", form),
        ("8", form),
        ("-8h", form),
        ("10y", form),
        ("2016-02-17", form),
        ("2016-02-17T09:00:00", form),
        ("2016-02-17T09:00:00[UTC]", form),
        ("2016-02-17T25:00:00Z", form),
        ("0m", "until must be in the future"),
        ("2016-02-16T18:04:09Z", "until must be in the future"),
        ("2016-02-16T20:04:09%2B02:00", "until must be in the future"),
        ("31d", "until must be at most 30 days ahead"),
        ("999999d", "until must be at most 30 days ahead"),
        ("2016-03-17T18:04:10Z", "until must be at most 30 days ahead"),
        ("8h&until=9h", "until is given twice, with different values"),
        ("8h&until=", "until is given twice, with different values"),
    ] {
        let answer = function.post(&path(&format!("instance_id={A}&until={until}"))).await;
        answer.refuses(400, "InvalidParameterValue", message);
    }
    let number = json!({"region_name": REGION, "instance_id": A, "until": 8});
    function.post_json("/ec2/keep", &number).await.refuses(400, "InvalidParameterValue", "until must be a string");
    for (query, message) in [
        (format!("instance_id={A}"), "until is required"),
        ("until=8h".to_owned(), "instance_id is required"),
        ("until=8h&instance_id=".to_owned(), "instance_id is required"),
        (format!("instance_id={A}&until=%20"), "until is required"),
    ] {
        function.post(&path(&query)).await.refuses(400, "MissingParameter", message);
    }
    for query in ["until=8h&instance_id=i-xyz", "until=8h&tag:team=blue", "until=8h&instance_id=i-abba916a&wait=5"] {
        let answer = function.post(&path(query)).await;
        assert_eq!(answer.status, 400, "{query}: {answer:?}");
    }
    let answer = function.get(&path(&format!("instance_id={A}&until=8h"))).await;
    assert_eq!((answer.status, answer.headers["allow"].as_str()), (405, "OPTIONS, POST"), "{answer:?}");
    function.assert_no_calls();
}

#[tokio::test]
async fn name_is_resolved_and_the_log_has_the_id() {
    let named = instance(A).state("running").tag("Name", "web");
    let function = Function::canned([describe([named]), tagged()]).await;
    function.post(&path("instance_id=web&until=8h")).await.is(200, &kept(&[A], &json!(KEPT)));
    let line = function.log_line();
    let facts = (&line["action"], &line["instance_names"], &line["instance_ids"], &line["status"]);
    assert_eq!(facts, (&json!("KeepInstances"), &json!(["web"]), &json!([A]), &json!(200)), "{line}");
}

#[tokio::test]
async fn every_instance_is_authorized_before_any_is_kept() {
    let policies = r#"permit (principal, action == Action::"KeepInstances", resource)
        when { resource.hasTag("team") && resource.getTag("team") == "blue" };"#;
    let found = |team: &str| {
        describe([instance(A).state("running").tag("team", "blue"), instance(B).state("stopped").tag("team", team)])
    };
    let query = format!("instance_id={A},{B}&until=8h");
    let function = Function::with_policies(policies, &[], [found("blue"), tagged()]).await;
    function.post(&path(&query)).await.is(200, &kept(&[A, B], &json!(KEPT)));
    let function = Function::with_policies(policies, &[], [found("red")]).await;
    let message = "The policy of this deployment does not permit KeepInstances of i-abba916b";
    function.post(&path(&query)).await.refuses(403, "Forbidden", message);
    assert_eq!(function.wire.actions(), ["DescribeInstances"]);
    let other = r#"permit (principal, action == Action::"StopInstances", resource);"#;
    let function = Function::with_policies(other, &[], []).await;
    assert_eq!(function.post(&path(&query)).await.status, 403);
    function.assert_no_calls();
}

#[tokio::test]
async fn protected_instance_can_be_kept() {
    // The tag protects the machine, which stays as it is.
    let function = Function::with_variables(&[("PROTECTED_TAG", "env=production")], [tagged()]).await;
    function.post(&path(&format!("instance_id={A}&until=8h"))).await.is(200, &kept(&[A], &json!(KEPT)));
}

#[tokio::test]
async fn dry_run_keeps_nothing() {
    for (until, action) in [("8h", "CreateTags"), ("", "DeleteTags")] {
        let would_succeed = refusal("DryRunOperation", "Request would have succeeded, but DryRun flag is set.");
        let function = Function::canned([would_succeed.status(412)]).await;
        let answer = function.post(&path(&format!("instance_id={A}&until={until}&dry_run=true"))).await;
        let message = "Dry run: This deployment and AWS would permit KeepInstances. Nothing was done.";
        answer.is(200, &json!({"DryRun": true, "Message": message}));
        let request = function.wire.only_request();
        assert_eq!(request.action(), action);
        assert!(request.form().contains(&"DryRun=true".to_owned()), "{:?}", request.form());
    }
}

#[tokio::test]
async fn refusal_of_ec2_is_the_callers_or_the_roles() {
    let message = format!("The instance ID '{NO_INSTANCE}' does not exist");
    for until in ["8h", ""] {
        let function = Function::canned([refusal("InvalidInstanceID.NotFound", &message)]).await;
        let answer = function.post(&path(&format!("instance_id={NO_INSTANCE}&until={until}"))).await;
        let message = format!("{message} (region {REGION})");
        answer.refuses(404, "InvalidInstanceID.NotFound", &message);
    }
    let full = refusal("TagLimitExceeded", "More than 50 tags for the resource.");
    let function = Function::canned([full]).await;
    assert_eq!(function.post(&path(&format!("instance_id={A}&until=8h"))).await.status, 400);
    for (until, action) in [("8h", "CreateTags"), ("", "DeleteTags")] {
        let unauthorized = refusal("UnauthorizedOperation", "No.").status(403);
        let function = Function::canned([unauthorized]).await;
        let answer = function.post(&path(&format!("instance_id={A}&until={until}"))).await;
        assert_eq!(answer.status, 502, "{answer:?}");
        assert!(answer.json()["Message"].as_str().unwrap().contains(&format!("ec2:{action}")), "{answer:?}");
    }
}

#[tokio::test]
async fn lost_response_says_that_it_may_have_happened() {
    let function = Function::canned([]).await;
    let answer = function.post(&path(&format!("instance_id={A}&until=8h"))).await;
    assert_eq!(answer.status, 504, "{answer:?}");
    let message = answer.json()["Message"].as_str().unwrap().to_owned();
    assert!(message.ends_with("what was asked for may have happened or not"), "{message}");
}

#[tokio::test]
async fn list_shows_until_when_an_instance_is_kept() {
    let kept = |id: &str, until: &str| instance(id).tag("ec2-control-api:keep-until", until);
    let found = [
        kept(A, KEPT),
        kept(B, "2016-02-17T09:00:00+05:30"),
        kept("i-abba9160", "2016-02-16T18:04:09Z"),
        kept("i-abba9161", "tomorrow"),
        instance("i-abba9162"),
    ];
    let fields = format!("/ec2/list?region_name={REGION}&fields=id,keep-until");
    let function = Function::canned([describe(found.clone())]).await;
    function.get(&fields).await.is(
        200,
        &json!([
            {"id": A, "keep-until": KEPT},
            {"id": B, "keep-until": "2016-02-17T03:30:00+00:00"},
            {"id": "i-abba9160", "keep-until": null},
            {"id": "i-abba9161", "keep-until": null},
            {"id": "i-abba9162", "keep-until": null},
        ]),
    );
    let function = Function::with_policies(PERMIT_ALL, &[], [describe([found[0].clone(), found[4].clone()])]).await;
    let event = HttpApiEvent::new("GET", &fields).key().header("accept", "text/csv");
    let answer = function.send(event).await;
    assert_eq!(answer.body, format!("id,keep-until\r\n{A},{KEPT}\r\ni-abba9162,\r\n"));
}

#[tokio::test]
async fn instance_of_moto_is_kept_shown_and_released() {
    let function = Function::with_moto().await;
    let region = own_region();
    let id = function.launch(region).await;
    let shown = async || {
        let list = format!("/ec2/list?region_name={region}&instance_id={id}&fields=keep-until");
        function.get(&list).await.json()[0]["keep-until"].clone()
    };
    assert_eq!(shown().await, Value::Null);
    let keep = |until: &str| format!("/ec2/keep?region_name={region}&instance_id={id}&until={until}");
    function.post(&keep("8h")).await.is(200, &kept(&[&id], &json!(KEPT)));
    assert_eq!(shown().await, KEPT);
    function.post(&keep("2016-02-17T09:00:00Z")).await;
    assert_eq!(shown().await, "2016-02-17T09:00:00+00:00");
    function.post(&keep("")).await.is(200, &kept(&[&id], &Value::Null));
    assert_eq!(shown().await, Value::Null);
    // What is not kept is released, too.
    function.post(&keep("")).await.is(200, &kept(&[&id], &Value::Null));
}
