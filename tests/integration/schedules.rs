//! `/schedules`: what Scheduler is told, and what callers see.

use crate::support::{
    Answer, Function, HttpApiEvent, SCHEDULE_ROLE, SCHEDULE_TARGET, no_schedule, policy_file, schedule_deleted,
    schedule_written, scheduler_refusal, sha256,
};
use serde_json::{Value, json};

const OFFICE_HOURS: &str = "/schedules/office-hours";

/// The calls of Scheduler so far.
fn calls(function: &Function) -> Vec<String> {
    function.wire.requests().iter().map(|request| request.schedule_call()).collect()
}

fn office_hours() -> Value {
    json!({
        "start": "08:00", "stop": "19:05", "days": "MON-FRI", "timezone": "Europe/Berlin",
        "start_date": "2099-03-01", "end_date": "2099-12-31", "skip": ["2099-12-24/2099-12-26", "2099-10-03"],
        "region_name": "eu-west-1", "tag:team": "blue", "hibernate": "prefer", "description": "Office hours",
    })
}

fn nightly_stop() -> Value {
    json!({"stop": "22:00", "region_name": "eu-west-1", "instance_id": ["i-0123abcd", "web"]})
}

/// The body of an answer about what this body has made.
fn answer_to(name: &str, body: &Value, owner: &str) -> Value {
    let mut answer = body.clone();
    for (member, value) in [
        ("name", json!(name)),
        ("owner", json!({"authentication": "key", "name": owner})),
        ("updated", json!("2016-02-16T18:04:09Z")),
    ] {
        answer[member] = value;
    }
    for (member, value) in [("enabled", json!(true)), ("timezone", json!("UTC"))] {
        if answer[member].is_null() {
            answer[member] = value;
        }
    }
    answer
}

/// Sends a request as the caller with this key.
async fn send_as(function: &Function, key: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let event = HttpApiEvent::new(method, path).header("x-api-key", key);
    let event = match body {
        Some(body) => event.json_body(body),
        None => event,
    };
    function.send(event).await
}

/// Two callers, `demo` and `bob`.
fn two_keys() -> String {
    format!("demo={},bob={}", sha256("local-only-key"), sha256("key of bob"))
}

const BOB: &str = "key of bob";

#[tokio::test]
async fn a_schedule_is_made_shown_replaced_and_deleted() {
    let function = Function::with_schedules(&[]).await;
    function.get(OFFICE_HOURS).await.refuses(404, "ScheduleNotFound", "There is no schedule office-hours");
    function.wire.requests();

    let expected = answer_to("office-hours", &office_hours(), "demo");
    function.put_json(OFFICE_HOURS, &office_hours()).await.is(201, &expected);
    let line = function.log_lines().pop().unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["action"], &line["schedule"]), (&json!("CreateSchedule"), &json!("office-hours")), "{line}");
    let written: Vec<_> = function.wire.requests().into_iter().filter(|request| request.method == "POST").collect();
    assert_eq!(
        written.iter().map(|request| request.schedule_call()).collect::<Vec<_>>(),
        ["POST /schedules/office-hours.start", "POST /schedules/office-hours.stop"]
    );
    let body = written[1].json();
    assert_eq!(body["ScheduleExpression"], "cron(5 19 ? * MON-FRI *)");
    assert_eq!(body["ScheduleExpressionTimezone"], "Europe/Berlin");
    assert_eq!((body["StartDate"].as_f64(), body["EndDate"].as_f64()), (Some(4_076_002_800.0), Some(4_102_441_199.0)));
    assert_eq!((&body["State"], &body["ActionAfterCompletion"]), (&json!("ENABLED"), &json!("NONE")));
    assert_eq!(body["FlexibleTimeWindow"], json!({"Mode": "OFF"}));
    assert_eq!((&body["Target"]["Arn"], &body["Target"]["RoleArn"]), (&json!(SCHEDULE_TARGET), &json!(SCHEDULE_ROLE)));
    let input: Value = serde_json::from_str(body["Target"]["Input"].as_str().unwrap()).unwrap();
    assert_eq!(input["schedule"], "office-hours.stop");
    assert_eq!(input["scheduled_time"], "<aws.scheduler.scheduled-time>");

    function.get(OFFICE_HOURS).await.is(200, &expected);
    function.get("/schedules").await.is(200, &json!([expected]));

    // What is shown can be written again, but for its owner and its time.
    let mut again = expected.clone();
    for member in ["owner", "updated"] {
        let mut with = again.clone();
        with[member] = expected[member].clone();
        let refused = function.put_json(OFFICE_HOURS, &with).await;
        assert!(refused.status == 400 && refused.body.contains(member), "{refused:?}");
        again.as_object_mut().unwrap().remove(member);
    }
    function.put_json(OFFICE_HOURS, &again).await.is(200, &expected);

    function.wire.requests();
    let replaced = answer_to("office-hours", &nightly_stop(), "demo");
    function.put_json(OFFICE_HOURS, &nightly_stop()).await.is(200, &replaced);
    let changes = calls(&function).into_iter().filter(|call| !call.starts_with("GET")).collect::<Vec<_>>();
    assert_eq!(changes, ["DELETE /schedules/office-hours.start", "PUT /schedules/office-hours.stop"]);
    function.get(OFFICE_HOURS).await.is(200, &replaced);

    let deleted = function.delete(OFFICE_HOURS).await;
    assert_eq!((deleted.status, deleted.body.as_str()), (204, ""));
    function.delete(OFFICE_HOURS).await.refuses(404, "ScheduleNotFound", "There is no schedule office-hours");
    function.get("/schedules").await.is(200, &json!([]));
}

#[tokio::test]
async fn a_schedule_is_disabled_and_enabled_with_all_of_its_actions() {
    let function = Function::with_schedules(&[]).await;
    let mut expected = answer_to("office-hours", &office_hours(), "demo");
    function.put_json(OFFICE_HOURS, &office_hours()).await.is(201, &expected);
    function.wire.requests();
    expected["enabled"] = json!(false);
    function.post("/schedules/office-hours/disable").await.is(200, &expected);
    let updates: Vec<_> = function.wire.requests().into_iter().filter(|request| request.method == "PUT").collect();
    assert_eq!(updates.len(), 2);
    for update in &updates {
        let body = update.json();
        assert_eq!((&body["State"], &body["ActionAfterCompletion"]), (&json!("DISABLED"), &json!("NONE")), "{body}");
        assert_eq!(body["ScheduleExpressionTimezone"], "Europe/Berlin");
    }
    function.get(OFFICE_HOURS).await.is(200, &expected);
    // Nothing is left to do.
    function.post("/schedules/office-hours/disable").await.is(200, &expected);
    assert!(calls(&function).iter().all(|call| call.starts_with("GET")));
    expected["enabled"] = json!(true);
    function.post("/schedules/office-hours/enable").await.is(200, &expected);
    function.get(OFFICE_HOURS).await.is(200, &expected);
    function.post("/schedules/other/enable").await.refuses(404, "ScheduleNotFound", "There is no schedule other");
    let mut disabled = nightly_stop();
    disabled["enabled"] = json!(false);
    function.put_json("/schedules/off", &disabled).await.is(201, &answer_to("off", &disabled, "demo"));
}

#[tokio::test]
async fn dry_run_writes_nothing() {
    let function = Function::with_schedules(&[]).await;
    let body = json!({
        "DryRun": true,
        "Message": "Dry run: This deployment (AWS can't be asked) would permit CreateSchedule. Nothing was done.",
    });
    let mut dry = nightly_stop();
    dry["dry_run"] = json!(true);
    function.put_json("/schedules/x", &dry).await.is(200, &body);
    function.put_json("/schedules/x", &nightly_stop()).await.is(201, &answer_to("x", &nightly_stop(), "demo"));
    function.wire.requests();
    assert_eq!(function.put_json("/schedules/x", &dry).await.status, 200);
    assert_eq!(function.delete("/schedules/x?dry_run=true").await.status, 200);
    assert_eq!(function.post("/schedules/x/disable?dry_run=true").await.status, 200);
    assert!(calls(&function).iter().all(|call| call.starts_with("GET")));
    function.get("/schedules/x").await.is(200, &answer_to("x", &nightly_stop(), "demo"));
}

#[tokio::test]
async fn only_the_owner_changes_a_schedule_and_everybody_sees_it() {
    let keys = two_keys();
    let function = Function::with_schedules(&[("API_KEYS", &keys)]).await;
    let expected = answer_to("x", &nightly_stop(), "demo");
    function.put_json("/schedules/x", &nightly_stop()).await.is(201, &expected);
    send_as(&function, BOB, "GET", "/schedules/x", None).await.is(200, &expected);
    send_as(&function, BOB, "GET", "/schedules", None).await.is(200, &json!([expected]));
    function.wire.requests();
    let taken = "There is a schedule x already, which you may not change";
    send_as(&function, BOB, "PUT", "/schedules/x", Some(&office_hours())).await.refuses(409, "ScheduleExists", taken);
    for (method, path, action) in [
        ("DELETE", "/schedules/x", "DeleteSchedule"),
        ("POST", "/schedules/x/disable", "UpdateSchedule"),
        ("POST", "/schedules/x/enable", "UpdateSchedule"),
    ] {
        let message = format!("{action} of x is not permitted: another caller is its owner");
        send_as(&function, BOB, method, path, None).await.refuses(403, "Forbidden", &message);
    }
    assert!(calls(&function).iter().all(|call| call.starts_with("GET")));
    function.get("/schedules/x").await.is(200, &expected);
}

#[tokio::test]
async fn policies_decide_on_the_schedule_as_it_was_and_as_it_will_be() {
    let keys = two_keys();
    let policies = policy_file(
        r#"permit (principal == Caller::"demo", action, resource);
           permit (principal == Caller::"bob", action, resource is Region);
           permit (principal == Caller::"bob", action, resource is Schedule)
           when { !resource.actions.contains("terminate") && resource.region == "eu-west-1" };"#,
    );
    let function = Function::with_schedules(&[("API_KEYS", &keys), ("POLICY_FILE", &policies)]).await;
    let nightly = answer_to("nightly", &nightly_stop(), "demo");
    function.put_json("/schedules/nightly", &nightly_stop()).await.is(201, &nightly);
    let mut ending = nightly_stop();
    ending["terminate"] = json!("23:00");
    assert_eq!(function.put_json("/schedules/ending", &ending).await.status, 201);

    // Who writes becomes the owner.
    let written = send_as(&function, BOB, "PUT", "/schedules/nightly", Some(&office_hours())).await;
    written.is(200, &answer_to("nightly", &office_hours(), "bob"));
    let forbidden = "The policy of this deployment does not permit";
    let message = format!("{forbidden} UpdateSchedule of nightly");
    send_as(&function, BOB, "PUT", "/schedules/nightly", Some(&ending)).await.refuses(403, "Forbidden", &message);
    let message = format!("{forbidden} CreateSchedule of new");
    send_as(&function, BOB, "PUT", "/schedules/new", Some(&ending)).await.refuses(403, "Forbidden", &message);
    // A schedule that the caller may not change tells that it exists, and nothing else.
    let taken = "There is a schedule ending already, which you may not change";
    send_as(&function, BOB, "PUT", "/schedules/ending", Some(&office_hours())).await.refuses(
        409,
        "ScheduleExists",
        taken,
    );
    let message = format!("{forbidden} GetSchedule of ending");
    send_as(&function, BOB, "GET", "/schedules/ending", None).await.refuses(403, "Forbidden", &message);
    let listed = send_as(&function, BOB, "GET", "/schedules?max_results=1", None).await;
    listed.is(200, &json!([answer_to("nightly", &office_hours(), "bob")]));
    assert!(!listed.headers.contains_key("x-next-token"), "{listed:?}");
}

#[tokio::test]
async fn a_caller_without_any_right_learns_nothing_and_makes_no_call() {
    let policies = policy_file(r#"permit (principal, action == Action::"StopInstances", resource);"#);
    let function = Function::with_canned_schedules(&[("POLICY_FILE", &policies)], []).await;
    for (method, path) in
        [("GET", "/schedules"), ("GET", "/schedules/x"), ("DELETE", "/schedules/x"), ("POST", "/schedules/x/enable")]
    {
        let answer = function.call(method, path).await;
        assert_eq!((answer.status, &answer.json()["Error"]), (403, &json!("Forbidden")), "{method} {path}");
    }
    assert_eq!(function.put_json("/schedules/x", &nightly_stop()).await.status, 403);
    function.assert_no_calls();
}

#[tokio::test]
async fn a_list_has_pages_by_name() {
    let function = Function::with_schedules(&[]).await;
    for name in ["b", "a", "c", "a-b"] {
        let path = format!("/schedules/{name}");
        let made = function.put_json(&path, &office_hours()).await;
        assert_eq!(made.status, 201, "{made:?}");
    }
    let mut other = nightly_stop();
    other["region_name"] = json!("us-east-1");
    assert_eq!(function.put_json("/schedules/d", &other).await.status, 201);
    let mut names = Vec::new();
    let mut path = "/schedules?max_results=2&region_name=eu-west-1".to_owned();
    loop {
        let page = function.get(&path).await;
        assert_eq!(page.status, 200, "{page:?}");
        names.push(page.json().as_array().unwrap().iter().map(|one| one["name"].clone()).collect::<Vec<_>>());
        let Some(token) = page.headers.get("x-next-token") else { break };
        path = format!("/schedules?max_results=2&region_name=eu-west-1&next_token={token}");
    }
    assert_eq!(names, [["a", "a-b"], ["b", "c"]]);
    let all = function.get("/schedules").await.json();
    assert_eq!(all.as_array().unwrap().len(), 5);
    function.get("/schedules?next_token=a%20b").await.refuses(
        400,
        "InvalidParameterValue",
        "next_token is not where a list ended",
    );
}

#[tokio::test]
async fn bad_input_names_the_field_and_reaches_nobody() {
    let function = Function::with_canned_schedules(&[], []).await;
    let with = |member: &str, value: Value| {
        let mut body = office_hours();
        body[member] = value;
        body
    };
    let long = "x".repeat(257);
    let many: Vec<_> = (0..101).map(|n| format!("i-{n:08x}")).collect();
    for (body, field) in [
        (json!({}), "start"),
        (with("start", json!("8:00")), "start"),
        (with("start", json!(8)), "start"),
        (with("start", json!("cron(0 8 * * * *)")), "start"),
        (json!({"stop": "at(2016-01-01T00:00:00)", "region_name": "eu-west-1", "instance_id": "web"}), "stop"),
        (with("stop", json!("at(2016-12-01T00:00:00)")), "start_date"),
        (with("days", json!("MON-XYZ")), "days"),
        (with("timezone", json!("Europe/Atlantis")), "timezone"),
        (with("start_date", json!("1.3.2016")), "start_date"),
        (with("end_date", json!("2016-02-15")), "end_date"),
        (with("skip", json!(["2016-12-26/2016-12-24"])), "skip"),
        (with("skip", json!("tomorrow")), "skip"),
        (with("region_name", json!("evil.example.com")), "region_name"),
        (with("region_name", Value::Null), "region_name"),
        (with("account", json!("blue")), "account"),
        (with("instance_id", json!(["i-0123abcd"])), "instance_id and tag:KEY"),
        (with("tag:team", json!(["blue", "red"])), "tag:team"),
        (with("tag:team", json!("<aws.scheduler.execution-id>")), "tag:team"),
        (with("terminate", json!("20:00")), "expect"),
        (with("expect", json!(-1)), "expect"),
        (with("description", json!("<AWS.Scheduler.scheduled-time>")), "description"),
        (with("description", json!(long)), "description"),
        (with("description", json!("a\u{200b}b")), "description"),
        (with("enabled", json!("maybe")), "enabled"),
        (with("hibernate", json!("sometimes")), "hibernate"),
        (with("name", json!("other")), "name"),
        (with("wait", json!(5)), "wait"),
        (with("client_tokens", json!(["x"])), "client_tokens"),
        (json!({"start": "08:00", "region_name": "eu-west-1", "instance_id": "web", "force": true}), "force"),
        (json!({"start": "08:00", "region_name": "eu-west-1", "instance_id": "web", "hibernate": true}), "hibernate"),
        (json!({"start": "08:00", "region_name": "eu-west-1", "instance_id": "web", "expect": 1}), "expect"),
        (json!({"start": "08:00", "region_name": "eu-west-1", "instance_id": []}), "instance_id"),
        (json!({"start": "08:00", "region_name": "eu-west-1", "instance_id": many}), "instance_id"),
        (json!({"start": "08:00", "region_name": "eu-west-1", "instance_id": "<aws.scheduler.x>"}), "instance_id"),
        (json!({"start": "rate(1 day)", "days": "MON", "region_name": "eu-west-1", "instance_id": "web"}), "days"),
    ] {
        let answer = function.put_json(OFFICE_HOURS, &body).await;
        let message = answer.json()["Message"].as_str().unwrap().to_owned();
        assert!(answer.status == 400 && message.contains(field), "{body}: {answer:?}");
    }
    for path in ["/schedules/a.b", "/schedules/a%20b", "/schedules/%C3%A4", &format!("/schedules/{}", "n".repeat(49))] {
        for method in ["GET", "PUT", "DELETE"] {
            let message = "name must be 1 to 48 letters, digits, hyphens and underscores";
            function.call(method, path).await.refuses(400, "InvalidParameterValue", message);
        }
    }
    function.assert_no_calls();
}

#[tokio::test]
async fn without_a_schedule_group_there_is_no_such_path() {
    let function = Function::without_aws(&[("SCHEDULE_GROUP", "")]).await;
    for (method, path) in [("GET", "/schedules"), ("PUT", "/schedules/x"), ("POST", "/schedules/x/enable")] {
        function.call(method, path).await.refuses(404, "NotFound", "There is nothing at this path");
    }
    function.assert_no_calls();
}

#[tokio::test]
async fn an_owner_has_at_most_the_configured_number_of_schedules() {
    let keys = two_keys();
    let function = Function::with_schedules(&[("API_KEYS", &keys), ("MAX_SCHEDULES", "2")]).await;
    for name in ["a", "b"] {
        let path = format!("/schedules/{name}");
        function.put_json(&path, &office_hours()).await.is(201, &answer_to(name, &office_hours(), "demo"));
    }
    let message = "This deployment keeps at most 2 schedules of one caller";
    function.put_json("/schedules/c", &office_hours()).await.refuses(403, "TooManySchedules", message);
    // Replacing makes none more, and other callers have their own number.
    assert_eq!(function.put_json("/schedules/b", &nightly_stop()).await.status, 200);
    let made = send_as(&function, BOB, "PUT", "/schedules/c", Some(&nightly_stop())).await;
    made.is(201, &answer_to("c", &nightly_stop(), "bob"));
}

/// What precedes the changes of a new schedule: four names that do not exist, and an empty list.
fn nothing_there() -> Vec<crate::support::Response> {
    let list = crate::support::scheduler_response(&json!({"Schedules": []}));
    std::iter::repeat_with(no_schedule).take(4).chain([list]).collect()
}

#[tokio::test]
async fn a_put_that_fails_half_way_is_undone() {
    let refusal = scheduler_refusal(400, "ValidationException", "Invalid Schedule Expression.");
    let responses = nothing_there().into_iter().chain([schedule_written(), refusal, schedule_deleted()]);
    let function = Function::with_canned_schedules(&[], responses).await;
    function.put_json(OFFICE_HOURS, &office_hours()).await.refuses(
        400,
        "ValidationException",
        "Invalid Schedule Expression. The schedule is as it was",
    );
    let calls: Vec<_> = calls(&function).split_off(5);
    assert_eq!(
        calls,
        [
            "POST /schedules/office-hours.start",
            "POST /schedules/office-hours.stop",
            "DELETE /schedules/office-hours.start"
        ]
    );
}

#[tokio::test]
async fn a_put_whose_undo_fails_says_what_stands() {
    let refusal = || scheduler_refusal(403, "AccessDeniedException", "no");
    let responses = nothing_there().into_iter().chain([schedule_written(), refusal(), refusal()]);
    let function = Function::with_canned_schedules(&[], responses).await;
    function.put_json(OFFICE_HOURS, &office_hours()).await.refuses(
        502,
        "AccessDeniedException",
        "AWS refused scheduler:CreateSchedule to this function's execution role (AccessDeniedException); \
         what could not be undone: office-hours.start: what was asked for may have happened or not. \
         Get the schedule office-hours to see what stands",
    );
}

#[tokio::test]
async fn a_one_time_schedule_whose_time_has_passed_is_not_enabled() {
    let mut function = Function::with_schedules(&[]).await;
    let once = json!({"stop": "at(2016-02-16T19:00:00)", "region_name": "eu-west-1",
        "instance_id": "i-0123456789abcdef0", "enabled": false});
    assert_eq!(function.put_json("/schedules/once", &once).await.status, 201);
    assert_eq!(function.post("/schedules/once/enable").await.status, 200);
    assert_eq!(function.post("/schedules/once/disable").await.status, 200);
    function.app.clock = || time::OffsetDateTime::from_unix_timestamp(1_455_649_200).unwrap();
    let message = "The time of once has passed: write it anew, or delete it";
    function.post("/schedules/once/enable").await.refuses(409, "ScheduleOver", message);
    assert_eq!(function.get("/schedules/once").await.json()["enabled"], false);
}

/// Scheduler's answer to GetSchedule for the stop of office hours, as another request has written
/// it.
fn stored_stop() -> crate::support::Response {
    let stored = json!({
        "schedule": "office-hours.stop", "scheduled_time": "<aws.scheduler.scheduled-time>",
        "stored": {
            "owner": {"authentication": "key", "name": "demo"}, "updated": "2016-02-16T18:04:09Z",
            "stop": "18:00", "timezone": "UTC", "region_name": "eu-west-1", "instance_id": ["i-0123456789abcdef0"],
            "force": false, "skip_os_shutdown": false,
        },
    });
    crate::support::scheduler_response(&json!({
        "Name": "office-hours.stop", "ScheduleExpression": "cron(0 18 * * ? *)", "ScheduleExpressionTimezone": "UTC",
        "State": "ENABLED", "Target": {"Arn": "a", "RoleArn": "r", "Input": stored.to_string()},
    }))
}

#[tokio::test]
async fn the_undo_of_a_lost_change_deletes_nothing_of_another_request() {
    let lost = std::iter::repeat_with(crate::support::xml::cut).take(3);
    let responses = nothing_there().into_iter().chain(lost).chain([stored_stop()]);
    let function = Function::with_canned_schedules(&[], responses).await;
    let answer = function.put_json(OFFICE_HOURS, &office_hours()).await;
    assert_eq!(answer.status, 504, "{answer:?}");
    let calls = calls(&function).split_off(5);
    assert_eq!(
        calls[..4],
        [vec!["POST /schedules/office-hours.start"; 3], vec!["GET /schedules/office-hours.start"]].concat()
    );
    assert!(!calls.iter().any(|call| call.starts_with("DELETE")), "{calls:?}");
}

#[tokio::test]
async fn a_lost_deletion_that_did_not_happen_leaves_the_schedule_as_it_was() {
    let entry = stored_stop();
    // The four entries are read in any order: they are all the same. As often as the SDK tries, the
    // answer to the first deletion is lost; then its entry can't be made again, since it stands.
    let lost = || std::iter::repeat_with(crate::support::xml::cut).take(3);
    let taken = scheduler_refusal(409, "ConflictException", "Schedule office-hours.stop already exists.");
    let responses = std::iter::repeat_n(entry, 4).chain(lost()).chain([taken]);
    let function = Function::with_canned_schedules(&[], responses).await;
    let answer = function.send(HttpApiEvent::new("DELETE", OFFICE_HOURS).key()).await;
    assert_eq!(answer.status, 504, "{answer:?}");
    let message = answer.json()["Message"].as_str().unwrap().to_owned();
    assert!(message.ends_with(". The schedule is as it was"), "{message}");
    let calls = calls(&function).split_off(4);
    assert_eq!(calls.iter().filter(|call| call.starts_with("DELETE")).count(), 3, "{calls:?}");
    assert!(calls.last().unwrap().starts_with("POST"), "{calls:?}");
}

#[tokio::test]
async fn a_name_that_another_request_takes_at_the_same_time_is_a_conflict() {
    let taken = scheduler_refusal(409, "ConflictException", "Schedule office-hours.start already exists.");
    let function = Function::with_canned_schedules(&[], nothing_there().into_iter().chain([taken])).await;
    function.put_json(OFFICE_HOURS, &office_hours()).await.refuses(
        409,
        "ScheduleExists",
        "Schedule office-hours.start already exists. The schedule is as it was",
    );
    assert_eq!(calls(&function).len(), 6);
}

#[tokio::test]
async fn what_a_failed_change_has_left_is_shown() {
    let function = Function::with_schedules(&[]).await;
    assert_eq!(function.put_json(OFFICE_HOURS, &office_hours()).await.status, 201);
    let scheduler = function.app.scheduler.as_ref().unwrap();
    scheduler.delete("office-hours.start").await.unwrap();
    let mut expected = answer_to("office-hours", &office_hours(), "demo");
    expected["incomplete"] = json!(["start"]);
    function.get(OFFICE_HOURS).await.is(200, &expected);
    function.get("/schedules").await.is(200, &json!([expected]));
    // Writing it again mends it.
    let mended = answer_to("office-hours", &office_hours(), "demo");
    function.put_json(OFFICE_HOURS, &office_hours()).await.is(200, &mended);
    function.get(OFFICE_HOURS).await.is(200, &mended);
}

#[tokio::test]
async fn a_schedule_of_another_program_is_left_alone() {
    let function = Function::with_schedules(&[]).await;
    assert_eq!(function.put_json("/schedules/x", &nightly_stop()).await.status, 201);
    let scheduler = function.app.scheduler.as_ref().unwrap();
    let mut entry = scheduler.get("x.stop").await.unwrap().value;
    entry.input = "{}".to_owned();
    scheduler.update(&entry).await.unwrap();
    let message = "The schedule x is of another program, or of another version of this function";
    function.get("/schedules/x").await.refuses(409, "UnreadableSchedule", message);
    function.put_json("/schedules/x", &nightly_stop()).await.refuses(409, "UnreadableSchedule", message);
    function.delete("/schedules/x").await.refuses(409, "UnreadableSchedule", message);
    function.get("/schedules").await.is(200, &json!([]));
}

#[tokio::test]
async fn a_schedule_that_could_do_nothing_as_its_owner_is_refused() {
    let keys = two_keys();
    let policies = policy_file(
        r#"permit (principal == Caller::"demo", action, resource);
           permit (principal == Caller::"bob", action in [Action::"CreateSchedule", Action::"StopInstances"], resource);"#,
    );
    let function = Function::with_schedules(&[("API_KEYS", &keys), ("POLICY_FILE", &policies)]).await;
    let message = "The policy of this deployment does not permit StartInstances of any instance";
    let refused = send_as(&function, BOB, "PUT", "/schedules/x", Some(&office_hours())).await;
    refused.refuses(403, "Forbidden", message);
    function.assert_no_calls();
    let made = send_as(&function, BOB, "PUT", "/schedules/x", Some(&nightly_stop())).await;
    made.is(201, &answer_to("x", &nightly_stop(), "bob"));
}

#[tokio::test]
async fn a_hidden_schedule_is_the_same_in_every_account() {
    let keys = two_keys();
    let policies = policy_file(
        r#"permit (principal == Caller::"demo", action, resource);
           permit (principal == Caller::"bob", action, resource is Region);
           permit (principal == Caller::"bob", action, resource is Schedule) when { resource.owner == "bob" };"#,
    );
    let accounts = "blue=arn:aws:iam::111122223333:role/ec2-control-api-account";
    let variables = [("API_KEYS", keys.as_str()), ("POLICY_FILE", &policies), ("ACCOUNTS", accounts)];
    let function = Function::with_schedules(&variables).await;
    let mut in_blue = nightly_stop();
    in_blue["account"] = json!("blue");
    let mut expected = answer_to("x", &in_blue, "demo");
    expected["account"] = json!("111122223333");
    function.put_json("/schedules/x", &in_blue).await.is(201, &expected);
    function.get("/schedules/x?account=blue").await.is(200, &expected);
    function.get("/schedules?account=111122223333").await.is(200, &json!([expected]));
    function.get("/schedules?account=123456789012").await.is(200, &json!([]));
    let missing = "There is no schedule x";
    function.get("/schedules/x?account=123456789012").await.refuses(404, "ScheduleNotFound", missing);
    for account in ["", "?account=blue", "?account=123456789012"] {
        let message = "The policy of this deployment does not permit GetSchedule of x";
        let path = format!("/schedules/x{account}");
        send_as(&function, BOB, "GET", &path, None).await.refuses(403, "Forbidden", message);
    }
}

#[tokio::test]
async fn an_error_of_scheduler_is_blamed_on_the_functions_own_role() {
    let accounts = "blue=arn:aws:iam::111122223333:role/ec2-control-api-account";
    let refusal = scheduler_refusal(403, "AccessDeniedException", "no");
    let responses = nothing_there().into_iter().chain([refusal]);
    let function = Function::with_canned_schedules(&[("ACCOUNTS", accounts)], responses).await;
    let mut in_blue = nightly_stop();
    in_blue["account"] = json!("blue");
    function.put_json("/schedules/x", &in_blue).await.refuses(
        502,
        "AccessDeniedException",
        "AWS refused scheduler:CreateSchedule to this function's execution role (AccessDeniedException). \
         The schedule is as it was",
    );
}

#[tokio::test]
async fn a_group_that_scheduler_would_replace_is_in_no_schedule() {
    let claims = json!({"sub": "alice", "iss": "https://issuer", "groups": "<aws.scheduler.execution-id>"});
    let authorizer = json!({"jwt": {"claims": claims, "scopes": null}});
    let function = Function::with_canned_schedules(&[("JWT_GROUPS_CLAIM", "groups")], nothing_there()).await;
    let event = HttpApiEvent::new("PUT", "/schedules/x").json_body(&nightly_stop());
    let answer = function.send(event.set("/requestContext/authorizer", authorizer)).await;
    answer.refuses(
        400,
        "InvalidOwner",
        "Your name, a group or a scope has <aws.scheduler. in it, which no schedule can keep. \
         The schedule is as it was",
    );
    assert!(calls(&function).iter().all(|call| call.starts_with("GET")));
}
