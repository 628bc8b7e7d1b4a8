//! Actions of schedules: the second function, and `POST /schedules/{name}/run`. The tests' clock is
//! at 2016-02-16T18:04:09.006739Z, a Tuesday.

use crate::support::xml::{assumed, change, changed, describe, instance, rebooted, refusal, tagged, throttled};
use crate::support::{
    A, B, Function, HttpApiEvent, IMAGE, REGION, Response, SCHEDULE_TARGET, SERVICE, moto_client, no_schedule,
    own_region, policy_file, schedule_deleted, schedule_written, scheduler_response, sha256,
};
use lambda_runtime::Diagnostic;
use serde_json::{Value, json};
use std::sync::OnceLock;

/// The tests' minute, for which actions are planned.
const NOW: &str = "2016-02-16T18:04:00Z";

/// A schedule of an instance, with these members.
fn body(region: &str, id: &str, members: &Value) -> Value {
    let mut body = json!({"region_name": region, "instance_id": id});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body
}

/// The region in moto of all tests here.
fn region() -> &'static str {
    static REGION: OnceLock<&str> = OnceLock::new();
    REGION.get_or_init(own_region)
}

/// Launches an instance in moto. Returns its ID.
async fn launch() -> String {
    let call = moto_client(region()).run_instances().image_id(IMAGE).min_count(1).max_count(1);
    call.send().await.unwrap().instances()[0].instance_id().unwrap().to_owned()
}

/// A function with an instance in moto, and the schedule `s` of it.
async fn scheduled(members: &Value) -> (Function, &'static str, String) {
    let function = Function::with_schedules(&[]).await;
    let (region, id) = (region(), launch().await);
    let made = function.put_json("/schedules/s", &body(region, &id, members)).await;
    assert_eq!(made.status, 201, "{made:?}");
    forget(&function);
    (function, region, id)
}

/// Forgets the requests and log lines so far.
fn forget(function: &Function) {
    function.wire.requests();
    function.log_lines();
}

async fn state(region: &str, id: &str) -> String {
    let described = moto_client(region).describe_instances().instance_ids(id).send().await.unwrap();
    let state = described.reservations()[0].instances()[0].state().unwrap();
    state.name().unwrap().as_str().to_owned()
}

async fn tag(region: &str, id: &str, key: &str, value: &str) {
    let tag = aws_sdk_ec2::types::Tag::builder().key(key).value(value).build();
    moto_client(region).create_tags().resources(id).tags(tag).send().await.unwrap();
}

/// The calls that change something.
fn changes(function: &Function) -> Vec<String> {
    let requests = function.wire.requests();
    let call = |request: &crate::support::RecordedRequest| match request.action().as_str() {
        "" => request.schedule_call(),
        action => action.to_owned(),
    };
    let calls = requests.iter().map(call);
    calls.filter(|call| !call.starts_with("GET ") && !call.starts_with("Describe")).collect()
}

fn refusal_code(fired: &Result<String, Diagnostic>) -> &str {
    &fired.as_ref().unwrap_err().error_type
}

/// Scheduler's answer to GetSchedule for an action of the schedule `s` of `demo`.
fn entry(action: &str, time: &str, members: &Value) -> Response {
    let mut stored = json!({
        "owner": {"authentication": "key", "name": "demo"}, "updated": "2016-02-16T12:00:00Z",
        "region_name": REGION, "force": false, "skip_os_shutdown": false,
    });
    stored[action] = json!(time);
    stored.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let name = format!("s.{action}");
    let input = json!({"schedule": name, "scheduled_time": "<aws.scheduler.scheduled-time>", "stored": stored});
    scheduler_response(&json!({
        "Name": name, "GroupName": "tests", "ScheduleExpression": time, "ScheduleExpressionTimezone": "UTC",
        "State": "ENABLED", "ActionAfterCompletion": "NONE",
        "Target": {"Arn": SCHEDULE_TARGET, "RoleArn": "arn:aws:iam::123456789012:role/scheduler",
                   "Input": input.to_string()},
    }))
}

fn nightly(action: &str) -> Response {
    entry(action, "18:04", &json!({"instance_id": [A]}))
}

fn running(id: &str) -> crate::support::xml::Instance {
    instance(id).state("running")
}

#[tokio::test]
async fn action_happens_as_its_owner_with_one_line_for_the_audit() {
    let (function, region, id) = scheduled(&json!({"start": "08:00", "stop": "18:04"})).await;
    assert_eq!(function.fire("s.stop").await.unwrap(), "Done");
    assert_eq!(state(region, &id).await, "stopped");
    assert_eq!(changes(&function), ["StopInstances"]);
    let line = function.measured_line();
    for (member, value) in [
        ("level", json!("INFO")),
        ("caller", json!("demo")),
        ("authentication", json!("key")),
        ("schedule", json!("s.stop")),
        ("scheduled_time", json!(NOW)),
        ("action", json!("StopInstances")),
        ("dialect", json!("schedules")),
        ("operation", json!("fire")),
        ("region", json!(region)),
        ("instance_ids", json!([id])),
        ("changed", json!([id])),
        ("decision", json!("allow")),
        ("message", json!("Done")),
        ("status", json!(200)),
    ] {
        assert_eq!(line[member], value, "{member}: {line}");
    }
    for member in ["method", "source_ip", "code", "ScheduledFailures", "Requests"] {
        assert_eq!(line[member], Value::Null, "{member}: {line}");
    }
    assert!(line["Latency"].is_number() && line["AwsCalls"].is_number(), "{line}");
    function.fire("s.start").await.unwrap();
    assert_eq!(state(region, &id).await, "running");
}

#[tokio::test]
async fn forged_event_makes_a_schedule_do_its_own_action_and_nothing_else() {
    let (function, region, id) = scheduled(&json!({"stop": "20:00"})).await;
    let other = launch().await;
    let forged = json!({
        "schedule": "s.stop", "scheduled_time": NOW, "action": "terminate", "instance_id": other,
        "owner": {"authentication": "key", "name": "admin"}, "region_name": "us-west-2",
        "stored": {"terminate": NOW, "instance_id": [other], "owner": {"authentication": "key", "name": "admin"}},
    });
    forget(&function);
    function.fire_event(&forged).await.unwrap();
    assert_eq!(changes(&function), ["StopInstances"]);
    assert_eq!((state(region, &id).await.as_str(), state(region, &other).await.as_str()), ("stopped", "running"));
    // An action that the schedule does not have, and one of no schedule.
    forget(&function);
    for name in ["s.terminate", "other.stop"] {
        let done = function.fire(name).await.unwrap();
        assert_eq!(done, "The schedule was deleted in the meantime: nothing was done");
    }
    assert_eq!(changes(&function), [""; 0]);
}

#[tokio::test]
async fn second_function_refuses_every_event_that_is_not_of_a_schedule() {
    let function = Function::without_aws(&[]).await;
    let api = HttpApiEvent::new("POST", "/ec2/terminate?region_name=us-east-1&instance_id=i-abba916a").key().json();
    let rest = json!({"httpMethod": "GET", "path": "/ec2/list", "requestContext": {"stage": "prod"}, "headers": {}});
    let rule =
        json!({"version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}});
    let with = |schedule: Value, time: Value| json!({"schedule": schedule, "scheduled_time": time});
    for event in [
        api,
        rest,
        rule,
        json!({}),
        json!([]),
        json!("s.stop"),
        Value::Null,
        json!([with(json!("s.stop"), json!(NOW))]),
        json!({"Records": [with(json!("s.stop"), json!(NOW))]}),
        json!({"schedule": "s.stop"}),
        json!({"scheduled_time": NOW}),
        with(json!(["s.stop"]), json!(NOW)),
        with(json!("s"), json!(NOW)),
        with(json!("s.modify"), json!(NOW)),
        with(json!("../s.stop"), json!(NOW)),
        with(json!("a/b.stop"), json!(NOW)),
        with(json!(""), json!(NOW)),
        with(json!("s.stop"), json!("<aws.scheduler.scheduled-time>")),
        with(json!("s.stop"), json!("yesterday")),
        with(json!("s.stop"), json!(1_455_645_840)),
    ] {
        let fired = function.fire_event(&event).await;
        assert_eq!(refusal_code(&fired), "MalformedEvent", "{event}");
        let line = function.measured_line();
        assert_eq!((&line["level"], &line["ScheduledFailures"]), (&json!("ERROR"), &json!(1)), "{line}");
        assert_eq!((&line["code"], &line["status"]), (&json!("MalformedEvent"), &json!(400)), "{line}");
    }
    function.assert_no_calls();
}

#[tokio::test]
async fn function_behind_the_api_refuses_every_event_of_scheduler() {
    let function = Function::with_schedules(&[]).await;
    let region = region();
    let id = launch().await;
    function.put_json("/schedules/s", &body(region, &id, &json!({"stop": "18:04"}))).await;
    forget(&function);
    let own = json!({"schedule": "s.stop", "scheduled_time": NOW});
    let with_stored = json!({"schedule": "s.stop", "scheduled_time": NOW, "stored": {"owner": {"name": "demo"}}});
    let rule =
        json!({"version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events", "detail": own});
    let universal = json!({"InstanceIds": [id]});
    for event in [own, with_stored, rule, universal, json!("s.stop"), json!([1])] {
        let answer = function.invoke(&event).await;
        assert!((400..500).contains(&answer.status), "{event}: {answer:?}");
    }
    function.assert_no_calls();
    assert_eq!(state(region, &id).await, "running");
}

#[tokio::test]
async fn time_too_far_from_the_planned_one_is_refused() {
    let (function, region, id) = scheduled(&json!({"stop": "18:04"})).await;
    for time in ["2016-02-16T17:49:08Z", "2016-02-16T18:19:10Z", "2016-02-15T18:04:00Z", "2017-02-16T18:04:00Z"] {
        let fired = function.fire_event(&json!({"schedule": "s.stop", "scheduled_time": time})).await;
        assert_eq!(refusal_code(&fired), "StaleEvent", "{time}");
        let line = function.measured_line();
        let declared = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        assert!(declared.contains(&json!({"Name": "ScheduledFailures", "Unit": "Count"})), "{line}");
        assert_eq!(line["service"], SERVICE);
        assert_eq!((&line["level"], &line["ScheduledFailures"]), (&json!("ERROR"), &json!(1)), "{line}");
    }
    function.assert_no_calls();
    assert_eq!(state(region, &id).await, "running");
    for time in ["2016-02-16T17:49:09Z", "2016-02-16T18:19:09Z"] {
        function.fire_event(&json!({"schedule": "s.stop", "scheduled_time": time})).await.unwrap();
    }
    assert_eq!(state(region, &id).await, "stopped");
}

#[tokio::test]
async fn owner_who_is_no_longer_let_in_is_refused() {
    let (function, region, id) = scheduled(&json!({"stop": "18:04"})).await;
    let other_key = format!("bob={}", sha256("key of bob"));
    for variables in
        [[("API_KEYS", other_key.as_str())], [("AUTHENTICATION", "jwt")], [("ALLOWED_REGIONS", "us-east-1")]]
    {
        let later = function.with_other_variables(&variables).await;
        let fired = later.fire("s.stop").await;
        let code = if variables[0].0 == "ALLOWED_REGIONS" { "RegionNotAllowed" } else { "OwnerNotAccepted" };
        assert_eq!(refusal_code(&fired), code, "{variables:?}");
        let line = later.measured_line();
        assert_eq!(
            (&line["level"], &line["status"], &line["decision"]),
            (&json!("ERROR"), &json!(403), &json!("deny"))
        );
        assert_eq!((&line["ScheduledFailures"], &line["caller"]), (&json!(1), &json!("demo")), "{line}");
        assert_eq!(changes(&later), [""; 0]);
    }
    assert_eq!(state(region, &id).await, "running");
    // A new key of the same name is the same caller.
    let rotated = format!("demo={}", sha256("another key"));
    function.with_other_variables(&[("API_KEYS", &rotated)]).await.fire("s.stop").await.unwrap();
    assert_eq!(state(region, &id).await, "stopped");
}

#[tokio::test]
async fn policies_decide_at_the_time_of_the_action_and_know_the_schedule() {
    let (function, region, id) = scheduled(&json!({"stop": "18:04"})).await;
    for (policies, groups, permitted) in [
        ("permit (principal, action, resource);", "", true),
        ("permit (principal, action, resource) when { context.authentication == \"key\" };", "", false),
        ("permit (principal, action, resource) when { context.authentication == \"schedule\" };", "", true),
        ("permit (principal, action, resource) when { context has schedule && context.schedule == \"s\" };", "", true),
        ("permit (principal, action, resource) when { context has sourceIp };", "", false),
        ("permit (principal in Group::\"ops\", action, resource);", "", false),
        ("permit (principal in Group::\"ops\", action, resource);", "demo=ops", true),
        ("permit (principal in Group::\"ops\", action, resource);", "bob=ops", false),
        ("permit (principal == Caller::\"scheduler.amazonaws.com\", action, resource);", "", false),
        ("permit (principal, action == Action::\"StopInstances\", resource) when { context.force };", "", false),
    ] {
        let file = policy_file(policies);
        let later = function.with_other_variables(&[("POLICY_FILE", &file), ("CALLER_GROUPS", groups)]).await;
        let fired = later.fire("s.stop").await;
        assert_eq!(fired.is_ok(), permitted, "{policies} {groups}: {fired:?}");
        assert_eq!(changes(&later).len(), usize::from(permitted), "{policies}");
        let line = later.measured_line();
        assert_eq!(line["decision"], if permitted { "allow" } else { "deny" }, "{line}");
        assert_eq!(line["ScheduledFailures"], if permitted { Value::Null } else { json!(1) });
    }
    assert_eq!(state(region, &id).await, "stopped");
}

#[tokio::test]
async fn protected_instance_is_refused() {
    let (function, region, id) = scheduled(&json!({"stop": "18:04"})).await;
    tag(region, &id, "keep", "").await;
    let later = function.with_other_variables(&[("PROTECTED_TAG", "keep")]).await;
    assert_eq!(refusal_code(&later.fire("s.stop").await), "ProtectedInstance");
    assert_eq!(later.measured_line()["failed"], json!({id.as_str(): "ProtectedInstance"}));
    assert_eq!(state(region, &id).await, "running");
}

#[tokio::test]
async fn owners_by_token_and_by_iam_act_for_90_days_with_the_groups_of_the_token_or_the_configuration() {
    let file = policy_file("permit (principal in Group::\"ops\", action, resource);");
    let stored = |authentication: &str, name: &str, groups: Value, updated: &str| {
        let owner = json!({"authentication": authentication, "name": name, "groups": groups});
        entry("stop", "18:04", &json!({"instance_id": [A], "owner": owner, "updated": updated}))
    };
    let (recent, old) = ("2015-11-18T18:04:09Z", "2015-11-18T18:04:08Z");
    let arn = "arn:aws:iam::123456789012:role/night";
    for (authentication, name, groups, updated, configured, permitted) in [
        ("jwt", "alice", json!(["ops"]), recent, "", true),
        ("jwt", "alice", json!(["ops"]), old, "", false),
        ("jwt", "alice", json!([]), recent, "", false),
        ("jwt", "alice", json!([]), recent, "alice=ops", true),
        ("iam", arn, json!([]), recent, &format!("{arn}=ops"), true),
        ("iam", arn, json!([]), old, &format!("{arn}=ops"), false),
        // Groups of others than token holders are those of now.
        ("iam", arn, json!(["ops"]), recent, "", false),
        ("key", "demo", json!(["ops"]), recent, "", false),
        // A key is looked up, however old the schedule is.
        ("key", "demo", json!([]), "2014-01-01T00:00:00Z", "demo=ops", true),
        // The subject of a token is no key of the same name.
        ("key", "alice", json!([]), recent, "alice=ops", false),
    ] {
        let variables = [("POLICY_FILE", file.as_str()), ("CALLER_GROUPS", configured)];
        let responses = [
            stored(authentication, name, groups, updated),
            describe([running(A)]),
            changed("StopInstances", [change(A).states("running", "stopping")]),
        ];
        let function = Function::with_canned_schedules(&variables, responses).await;
        let fired = function.fire("s.stop").await;
        assert_eq!(fired.is_ok(), permitted, "{authentication} {name} {updated} {configured}: {fired:?}");
        assert_eq!(changes(&function).len(), usize::from(permitted));
    }
}

#[tokio::test]
async fn three_deliveries_leave_what_one_leaves() {
    for (action, end) in [("stop", "stopped"), ("start", "running"), ("terminate", "terminated")] {
        let (function, region, id) = scheduled(&json!({action: "18:04"})).await;
        for _ in 0..3 {
            function.fire(&format!("s.{action}")).await.unwrap();
            assert_eq!(state(region, &id).await, end);
        }
    }
    // By tag, the instances to which the action still applies are fewer.
    let function = Function::with_schedules(&[]).await;
    let region = region();
    let id = launch().await;
    tag(region, &id, "of", &id).await;
    let schedule = json!({"terminate": "18:04", "region_name": region, "tag:of": id, "expect": 1});
    assert_eq!(function.put_json("/schedules/s", &schedule).await.status, 201);
    for _ in 0..3 {
        function.fire("s.terminate").await.unwrap();
    }
    assert_eq!(state(region, &id).await, "terminated");
}

#[tokio::test]
async fn more_instances_than_expected_are_left_alone() {
    let function = Function::with_schedules(&[]).await;
    let region = region();
    let ids = [launch().await, launch().await];
    for id in &ids {
        tag(region, id, "of", &ids[0]).await;
    }
    let schedule = json!({"terminate": "18:04", "region_name": region, "tag:of": ids[0], "expect": 1});
    function.put_json("/schedules/s", &schedule).await;
    forget(&function);
    assert_eq!(refusal_code(&function.fire("s.terminate").await), "UnexpectedCount");
    assert_eq!(changes(&function), [""; 0]);
}

#[tokio::test]
async fn reboot_is_marked_and_not_repeated() {
    let (function, region, id) = scheduled(&json!({"reboot": "18:04"})).await;
    for _ in 0..3 {
        function.fire("s.reboot").await.unwrap();
    }
    assert_eq!(changes(&function), ["CreateTags", "RebootInstances"]);
    let described = moto_client(region).describe_instances().instance_ids(&id).send().await.unwrap();
    let tags = described.reservations()[0].instances()[0].tags().to_vec();
    let mark = tags.iter().find(|tag| tag.key() == Some("ec2-control-api:rebooted")).unwrap();
    assert_eq!(mark.value(), Some("s 2016-02-16T18:04:00Z"));
    // The next time is another reboot.
    function.fire_event(&json!({"schedule": "s.reboot", "scheduled_time": "2016-02-16T18:05:00Z"})).await.unwrap();
    assert_eq!(changes(&function), ["CreateTags", "RebootInstances"]);
}

#[tokio::test]
async fn reboot_that_fails_because_of_ec2_is_visible_but_not_repeated() {
    let responses = [nightly("reboot"), describe([running(A)]), tagged(), refusal("InternalError", "No.").status(500)];
    let function = Function::with_canned_schedules(&[], responses).await;
    let done = function.fire("s.reboot").await.unwrap();
    assert!(done.starts_with("A reboot is not repeated. "), "{done}");
    let line = function.measured_line();
    assert_eq!((&line["level"], &line["ScheduledFailures"]), (&json!("ERROR"), &json!(1)), "{line}");
    // A second delivery finds the mark.
    let marked = running(A).tag("ec2-control-api:rebooted", "s 2016-02-16T18:04:00Z");
    let function = Function::with_canned_schedules(&[], [nightly("reboot"), describe([marked])]).await;
    assert_eq!(function.fire("s.reboot").await.unwrap(), "Done");
    // The mark of another firing does not count; nothing is rebooted that could not be marked.
    let marked = running(A).tag("ec2-control-api:rebooted", "s 2016-02-15T18:04:00Z");
    let responses = [nightly("reboot"), describe([marked]), refusal("TagLimitExceeded", "Too many.")];
    let function = Function::with_canned_schedules(&[], responses).await;
    assert_eq!(refusal_code(&function.fire("s.reboot").await), "TagLimitExceeded");
    assert_eq!(changes(&function), ["CreateTags"]);
    // A refusal is repeated: it does nothing.
    let missing = [nightly("reboot"), describe([])];
    let function = Function::with_canned_schedules(&[], missing).await;
    assert_eq!(refusal_code(&function.fire("s.reboot").await), "InvalidInstanceID.NotFound");
}

#[tokio::test]
async fn reboot_that_fails_after_a_mark_is_visible_but_not_repeated() {
    let both = || entry("reboot", "18:04", &json!({"instance_id": [A, B]}));
    let refused = || refusal("IncorrectInstanceState", &format!("The instance '{B}' is not in a state for this."));
    let visible = |function: &Function, code: &str| {
        let line = function.measured_line();
        assert_eq!((&line["level"], &line["ScheduledFailures"]), (&json!("ERROR"), &json!(1)), "{line}");
        assert_eq!((&line["changed"], &line["failed"]), (&json!([A]), &json!({B: code})), "{line}");
    };
    let responses = [both(), describe([running(A), running(B)]), tagged(), refused(), rebooted()];
    let function = Function::with_canned_schedules(&[], responses).await;
    let done = function.fire("s.reboot").await.unwrap();
    assert!(done.starts_with("A reboot is not repeated. 1 of the instances failed: "), "{done}");
    assert_eq!(changes(&function), ["CreateTags", "RebootInstances", "RebootInstances"]);
    visible(&function, "IncorrectInstanceState");
    // All of them.
    let responses = [nightly("reboot"), describe([running(A)]), tagged(), refusal("IncorrectInstanceState", "No.")];
    let function = Function::with_canned_schedules(&[], responses).await;
    assert!(function.fire("s.reboot").await.unwrap().starts_with("A reboot is not repeated. "));
    // A second delivery reboots nothing.
    let marked = |id| running(id).tag("ec2-control-api:rebooted", "s 2016-02-16T18:04:00Z");
    let function = Function::with_canned_schedules(&[], [both(), describe([marked(A), marked(B)])]).await;
    assert_eq!(function.fire("s.reboot").await.unwrap(), "Done");
    assert_eq!(changes(&function), [""; 0]);
    // One is missing, and the other is rebooted.
    let function = Function::with_canned_schedules(&[], [both(), describe([running(A)]), tagged(), rebooted()]).await;
    let done = function.fire("s.reboot").await.unwrap();
    let missing = format!("1 of the instances failed: There is no instance {B}");
    assert_eq!(done, format!("A reboot is not repeated. {missing}"));
    visible(&function, "InvalidInstanceID.NotFound");
}

#[tokio::test]
async fn instance_that_can_not_be_marked_is_not_rebooted_and_the_others_are() {
    let both = entry("reboot", "18:04", &json!({"instance_id": [A, B]}));
    let full = refusal("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.");
    // Both, then the first half: the refusal is about the other.
    let found = describe([running(A), running(B)]);
    let responses = [both, found, full, tagged(), rebooted()];
    let function = Function::with_canned_schedules(&[], responses).await;
    let done = function.fire("s.reboot").await.unwrap();
    assert!(done.starts_with("A reboot is not repeated. 1 of the instances failed: "), "{done}");
    let requests = function.wire.requests();
    let reboot = requests.last().unwrap();
    assert_eq!(reboot.action(), "RebootInstances");
    assert!(reboot.form().contains(&format!("InstanceId.1={A}")), "{reboot:?}");
    assert!(!reboot.form().iter().any(|line| line.contains(B)), "{reboot:?}");
    let line = function.measured_line();
    assert_eq!((&line["changed"], &line["failed"]), (&json!([A]), &json!({B: "TagLimitExceeded"})), "{line}");
}

#[tokio::test]
async fn skipped_days_are_whole_days_in_the_zone_of_the_schedule_at_the_planned_time() {
    // 2016-02-16T18:04Z is the 17th in Tokyo and the 16th in Berlin.
    for (zone, skip, acts) in [
        ("Europe/Berlin", "2016-02-16", false),
        ("Europe/Berlin", "2016-02-17", true),
        ("Asia/Tokyo", "2016-02-16", true),
        ("Asia/Tokyo", "2016-02-17", false),
        ("UTC", "2016-02-10/2016-02-16", false),
        ("UTC", "2016-02-17/2016-02-20", true),
    ] {
        let schedule = json!({"instance_id": [A], "timezone": zone, "skip": [skip]});
        let stopping = changed("StopInstances", [change(A).states("running", "stopping")]);
        let responses = [entry("stop", "18:04", &schedule), describe([running(A)]), stopping];
        let function = Function::with_canned_schedules(&[], responses).await;
        let done = function.fire("s.stop").await.unwrap();
        assert_eq!(changes(&function).len(), usize::from(acts), "{zone} {skip}: {done}");
        assert_eq!(done.starts_with("Nothing was done: the schedule skips 2016-02-1"), !acts, "{done}");
        assert_eq!(function.measured_line()["ScheduledFailures"], Value::Null);
    }
    // The planned day counts, not that of the delivery.
    let schedule = json!({"instance_id": [A], "timezone": "Etc/GMT-6", "skip": ["2016-02-16"]});
    let function = Function::with_canned_schedules(&[], [entry("stop", "23:58", &schedule)]).await;
    let late = json!({"schedule": "s.stop", "scheduled_time": "2016-02-16T17:58:00Z"});
    assert!(function.fire_event(&late).await.unwrap().contains("skips 2016-02-16"));
}

#[tokio::test]
async fn one_time_action_is_deleted_after_success_and_kept_after_failure() {
    let (function, region, id) = scheduled(&json!({"stop": "at(2016-02-16T18:05:00)"})).await;
    let stranger = function.with_other_variables(&[("API_KEYS", &format!("bob={}", sha256("b")))]).await;
    let planned = json!({"schedule": "s.stop", "scheduled_time": "2016-02-16T18:05:00Z"});
    assert_eq!(refusal_code(&stranger.fire_event(&planned).await), "OwnerNotAccepted");
    assert_eq!(function.get("/schedules/s").await.status, 200);
    forget(&function);
    function.fire_event(&planned).await.unwrap();
    assert_eq!(changes(&function), ["StopInstances", "DELETE /schedules/s.stop"]);
    assert_eq!(state(region, &id).await, "stopped");
    assert_eq!(function.get("/schedules/s").await.status, 404);
    // Another delivery finds nothing.
    assert!(function.fire("s.stop").await.unwrap().contains("deleted in the meantime"));
}

#[tokio::test]
async fn one_time_action_that_was_replaced_while_it_acted_is_kept() {
    let at = "at(2016-02-16T18:04:00)";
    let once = || entry("stop", at, &json!({"instance_id": [A]}));
    let stopping = || changed("StopInstances", [change(A).states("running", "stopping")]);
    let replaced = entry("stop", "at(2016-03-01T00:00:00)", &json!({"instance_id": [A]}));
    for (now, changed) in [
        (once(), &["StopInstances", "DELETE /schedules/s.stop"][..]),
        (replaced, &["StopInstances"]),
        (no_schedule(), &["StopInstances"]),
    ] {
        let responses = [once(), describe([running(A)]), stopping(), now, schedule_deleted()];
        let function = Function::with_canned_schedules(&[], responses).await;
        function.fire("s.stop").await.unwrap();
        assert_eq!(changes(&function), changed);
    }
}

#[tokio::test]
async fn one_time_action_that_was_replaced_between_two_attempts_happens_at_its_new_time_only() {
    let (function, region, id) = scheduled(&json!({"stop": "at(2016-02-16T18:05:00)"})).await;
    let planned = json!({"schedule": "s.stop", "scheduled_time": "2016-02-16T18:05:00Z"});
    let stranger = function.with_other_variables(&[("API_KEYS", &format!("bob={}", sha256("b")))]).await;
    assert!(stranger.fire_event(&planned).await.is_err());
    let tomorrow = json!({"stop": "at(2016-02-17T19:05:00)", "timezone": "Europe/Berlin"});
    assert_eq!(function.put_json("/schedules/s", &body(region, &id, &tomorrow)).await.status, 200);
    forget(&function);
    let done = function.fire_event(&planned).await.unwrap();
    assert_eq!(done, "The schedule was replaced in the meantime: nothing was done");
    assert_eq!(changes(&function), [""; 0]);
    let line = function.measured_line();
    assert_eq!((&line["level"], &line["schedule"]), (&json!("INFO"), &json!("s.stop")), "{line}");
    assert_eq!(state(region, &id).await, "running");
    assert_eq!(function.get("/schedules/s").await.json()["stop"], "at(2016-02-17T19:05:00)");
    // Its own time is that of its zone.
    let today = json!({"stop": "at(2016-02-16T19:05:00)", "timezone": "Europe/Berlin"});
    assert_eq!(function.put_json("/schedules/s", &body(region, &id, &today)).await.status, 200);
    assert_eq!(function.fire_event(&planned).await.unwrap(), "Done");
    assert_eq!(state(region, &id).await, "stopped");
}

#[tokio::test]
async fn end_of_instances_that_are_gone_is_over() {
    for action in ["stop", "terminate"] {
        let once = entry(action, "at(2016-02-16T18:04:00)", &json!({"instance_id": [A]}));
        let responses = [once.clone(), describe([]), once, schedule_deleted()];
        let function = Function::with_canned_schedules(&[], responses).await;
        function.fire(&format!("s.{action}")).await.unwrap();
        assert_eq!(changes(&function), [format!("DELETE /schedules/s.{action}")]);
        // A schedule that comes back says that its instance is missing.
        let function = Function::with_canned_schedules(&[], [nightly(action), describe([])]).await;
        let fired = function.fire(&format!("s.{action}")).await;
        assert_eq!(refusal_code(&fired), "InvalidInstanceID.NotFound");
    }
}

#[tokio::test]
async fn end_of_an_instance_whose_name_nobody_has_or_may_see_has_failed_and_is_kept() {
    let named = || running(A).tag("Name", "web");
    let blind = policy_file("permit (principal, action == Action::\"StopInstances\", resource);");
    for (variables, found) in [(vec![], describe([])), (vec![("POLICY_FILE", blind.as_str())], describe([named()]))] {
        let once = entry("stop", "at(2016-02-16T18:04:00)", &json!({"instance_id": ["web"]}));
        let function = Function::with_canned_schedules(&variables, [once, found]).await;
        let fired = function.fire("s.stop").await;
        assert_eq!(refusal_code(&fired), "InvalidInstanceID.NotFound", "{variables:?}");
        assert_eq!(changes(&function), [""; 0]);
        assert_eq!(function.measured_line()["failed"], json!({"web": "InvalidInstanceID.NotFound"}));
    }
    // Another instance, given by its ID, is stopped; the one with the name may run on.
    let once = entry("stop", "at(2016-02-16T18:04:00)", &json!({"instance_id": [A, "web"]}));
    let stopping = changed("StopInstances", [change(A).states("running", "stopping")]);
    let function = Function::with_canned_schedules(&[], [once, describe([]), describe([running(A)]), stopping]).await;
    assert_eq!(refusal_code(&function.fire("s.stop").await), "InvalidInstanceID.NotFound");
    assert_eq!(changes(&function), ["StopInstances"]);
}

#[tokio::test]
async fn end_of_a_launch_finds_its_instances_by_the_client_tokens() {
    let launched = json!({"client_tokens": ["token-1", "token-2"]});
    let once = entry("terminate", "at(2016-02-16T18:04:00)", &launched);
    let ending = changed("TerminateInstances", [change(A).states("running", "shutting-down")]);
    let responses =
        [once.clone(), describe([running(A)]), describe([running(A)]), ending, once.clone(), schedule_deleted()];
    let function = Function::with_canned_schedules(&[], responses).await;
    function.fire("s.terminate").await.unwrap();
    let form = function.wire.requests()[1].form();
    for line in ["Filter.1.Name=client-token", "Filter.1.Value.1=token-1", "Filter.1.Value.2=token-2"] {
        assert!(form.contains(&line.to_owned()), "{form:#?}");
    }
    // A launch that has launched nothing.
    let function = Function::with_canned_schedules(&[], [once.clone(), describe([]), once, schedule_deleted()]).await;
    function.fire("s.terminate").await.unwrap();
    assert_eq!(changes(&function), ["DELETE /schedules/s.terminate"]);
}

#[tokio::test]
async fn kept_instance_has_its_end_although_another_fails_at_every_attempt() {
    let kept = || running(A).tag("ec2-control-api:keep-until", "2016-02-17T09:00:30+00:00");
    let protected = || refusal("OperationNotPermitted", &format!("The instance '{B}' may not be terminated."));
    let fire = async |minute: &str, then: Vec<Response>| {
        let once = entry("terminate", &format!("at(2016-02-16T{minute}:00)"), &json!({"instance_id": [A, B]}));
        let mut responses = vec![once.clone(), describe([kept(), running(B)]), protected()];
        if !then.is_empty() {
            responses.push(once);
        }
        let function = Function::with_canned_schedules(&[], responses.into_iter().chain(then)).await;
        let event = json!({"schedule": "s.terminate", "scheduled_time": format!("2016-02-16T{minute}:00Z")});
        let fired = function.fire_event(&event).await;
        assert_eq!(refusal_code(&fired), "OperationNotPermitted");
        (function, fired.unwrap_err().error_message)
    };
    // Another attempt follows.
    let (function, _) = fire("18:04", Vec::new()).await;
    assert_eq!(changes(&function), ["TerminateInstances"]);
    // The last one.
    let (function, _) = fire("18:01", vec![schedule_written()]).await;
    let update = function.wire.requests().pop().unwrap();
    assert_eq!(update.schedule_call(), "PUT /schedules/s.terminate");
    // The one that failed does not wait until the other is kept no longer.
    assert_eq!(update.json()["ScheduleExpression"], "at(2016-02-16T19:05:00)");
    let input: Value = serde_json::from_str(update.json()["Target"]["Input"].as_str().unwrap()).unwrap();
    assert_eq!(input["stored"]["instance_id"], json!([A, B]));
    assert_eq!(function.measured_line()["ScheduledFailures"], 1);
    let (_, message) = fire("18:01", vec![refusal("ValidationException", "No.")]).await;
    assert!(message.contains("The kept instances have no end any more: "), "{message}");
    // The event of the old time finds the new entry.
    let later = entry("terminate", "at(2016-02-17T09:01:00)", &json!({"instance_id": [A, B]}));
    let function = Function::with_canned_schedules(&[], [later]).await;
    assert!(function.fire("s.terminate").await.unwrap().contains("replaced in the meantime"));
}

#[tokio::test]
async fn one_time_stop_of_an_instance_that_is_terminated_is_over() {
    for state in ["shutting-down", "terminated"] {
        for action in ["stop", "terminate"] {
            let once = entry(action, "at(2016-02-16T18:04:00)", &json!({"instance_id": [A]}));
            let responses = [once.clone(), describe([instance(A).state(state)]), once, schedule_deleted()];
            let function = Function::with_canned_schedules(&[], responses).await;
            assert_eq!(function.fire(&format!("s.{action}")).await.unwrap(), "Done");
            assert_eq!(changes(&function), [format!("DELETE /schedules/s.{action}")]);
        }
    }
    // A schedule that comes back says that its instance is not there any more.
    let refused = refusal("IncorrectInstanceState", "This instance is not in a state from which it can be stopped.");
    let responses = [nightly("stop"), describe([instance(A).state("terminated")]), refused];
    let function = Function::with_canned_schedules(&[], responses).await;
    assert_eq!(refusal_code(&function.fire("s.stop").await), "IncorrectInstanceState");
}

#[tokio::test]
async fn end_that_leaves_out_a_kept_instance_is_made_anew_for_that_time() {
    let until = "2016-02-17T09:00:30+00:00";
    let kept = || running(A).tag("ec2-control-api:keep-until", until);
    let once = entry("terminate", "at(2016-02-16T18:04:00)", &json!({"instance_id": [A]}));
    let responses = [once.clone(), describe([kept()]), once, schedule_written()];
    let function = Function::with_canned_schedules(&[], responses).await;
    function.fire("s.terminate").await.unwrap();
    let update = function.wire.requests().pop().unwrap();
    assert_eq!(update.schedule_call(), "PUT /schedules/s.terminate");
    let body = update.json();
    assert_eq!(body["ScheduleExpression"], "at(2016-02-17T09:01:00)");
    assert_eq!((&body["ScheduleExpressionTimezone"], &body["State"]), (&json!("UTC"), &json!("ENABLED")));
    let input: Value = serde_json::from_str(body["Target"]["Input"].as_str().unwrap()).unwrap();
    assert_eq!(input["stored"]["terminate"], "at(2016-02-17T09:01:00)");
    assert_eq!(input["stored"]["owner"], json!({"authentication": "key", "name": "demo"}));
    assert_eq!(function.measured_line()["kept"], json!({A: until}));
    assert_eq!(input["stored"]["instance_id"], json!([A]));
    // One of several: the first that is no longer kept is next, and what is done is done.
    let tag = "ec2-control-api:keep-until";
    let found = [
        running(A).tag(tag, "2016-02-18T09:00:00+00:00"),
        running(B).tag(tag, "2016-02-17T09:00:00+00:00"),
        running("i-abba916c"),
    ];
    let once = entry("terminate", "at(2016-02-16T18:04:00)", &json!({"client_tokens": ["token-1", "token-2"]}));
    let stopped = changed("TerminateInstances", [change("i-abba916c").states("running", "shutting-down")]);
    let responses = [once.clone(), describe(found.clone()), describe(found), stopped, once, schedule_written()];
    let function = Function::with_canned_schedules(&[], responses).await;
    function.fire("s.terminate").await.unwrap();
    let body = function.wire.requests().pop().unwrap().json();
    assert_eq!(body["ScheduleExpression"], "at(2016-02-17T09:01:00)");
    let input: Value = serde_json::from_str(body["Target"]["Input"].as_str().unwrap()).unwrap();
    assert_eq!((&input["stored"]["instance_id"], &input["stored"]["client_tokens"]), (&json!([A, B]), &Value::Null));
    // A schedule that comes back just leaves it out; a start does not care.
    let function = Function::with_canned_schedules(&[], [nightly("stop"), describe([kept()])]).await;
    assert_eq!(function.fire("s.stop").await.unwrap(), "Done");
    let starting = changed("StartInstances", [change(A).states("stopped", "pending")]);
    let function = Function::with_canned_schedules(&[], [nightly("start"), starting]).await;
    function.fire("s.start").await.unwrap();
}

#[tokio::test]
async fn schedule_that_is_replaced_disabled_or_deleted_in_between_acts_as_the_one_that_is_there() {
    let (function, region, id) = scheduled(&json!({"stop": "18:04"})).await;
    let other = launch().await;
    function.post("/schedules/s/disable").await;
    forget(&function);
    let done = function.fire("s.stop").await.unwrap();
    assert_eq!(done, "The schedule was disabled in the meantime: nothing was done");
    assert_eq!(changes(&function), [""; 0]);
    function.put_json("/schedules/s", &body(region, &other, &json!({"stop": "20:00"}))).await;
    function.fire("s.stop").await.unwrap();
    assert_eq!((state(region, &id).await.as_str(), state(region, &other).await.as_str()), ("running", "stopped"));
    function.delete("/schedules/s").await;
    forget(&function);
    assert!(function.fire("s.stop").await.unwrap().contains("deleted in the meantime"));
    assert_eq!(function.measured_line()["level"], "INFO");
}

#[tokio::test]
async fn what_ec2_is_to_blame_for_fails_the_invocation_and_a_repetition_succeeds() {
    let capacity = || refusal("InsufficientInstanceCapacity", "No capacity.").status(500);
    for (failure, code) in [(throttled(), "RequestLimitExceeded"), (capacity(), "InsufficientInstanceCapacity")] {
        let failures = std::iter::repeat_n(failure, 5);
        let function = Function::with_canned_schedules(&[], std::iter::once(nightly("start")).chain(failures)).await;
        assert_eq!(refusal_code(&function.fire("s.start").await), code);
        let line = function.measured_line();
        assert_eq!((&line["level"], &line["ScheduledFailures"]), (&json!("ERROR"), &json!(1)), "{line}");
        assert_eq!(line["failed"], json!({A: code}), "{line}");
    }
    let starting = changed("StartInstances", [change(A).states("stopped", "pending")]);
    let function = Function::with_canned_schedules(&[], [nightly("start"), starting]).await;
    function.fire("s.start").await.unwrap();
    // Scheduler itself may fail, too.
    let function = Function::with_canned_schedules(&[], [refusal("X", "No.").status(500)]).await;
    assert!(function.fire("s.start").await.is_err());
}

#[tokio::test]
async fn action_in_another_account_is_done_with_the_role_of_that_account_in_the_owners_name() {
    let there = || entry("stop", "18:04", &json!({"instance_id": [A], "account": "111122223333"}));
    let stopping = changed("StopInstances", [change(A).states("running", "stopping")]);
    let accounts = [("ACCOUNTS", "blue=arn:aws:iam::111122223333:role/blue")];
    let responses = [there(), assumed("AKIDBLUE", "2099-01-01T00:00:00Z"), describe([running(A)]), stopping];
    let function = Function::with_canned_schedules(&accounts, responses).await;
    function.fire("s.stop").await.unwrap();
    let requests = function.wire.requests();
    let [get, assume, _, stop] = requests.as_slice() else { panic!("{requests:#?}") };
    assert!(get.headers["authorization"].contains("AKIDTEST"));
    assert!(assume.form().contains(&"RoleArn=arn:aws:iam::111122223333:role/blue".to_owned()));
    assert!(assume.form().contains(&"RoleSessionName=demo".to_owned()));
    assert!(stop.action() == "StopInstances" && stop.headers["authorization"].contains("AKIDBLUE"));
    assert_eq!(function.measured_line()["account"], "111122223333");
    // The deployment no longer has the account.
    for accounts in ["", "red=arn:aws:iam::444455556666:role/red"] {
        let function = Function::with_canned_schedules(&[("ACCOUNTS", accounts)], [there()]).await;
        assert_eq!(refusal_code(&function.fire("s.stop").await), "AccountNotAllowed");
        assert_eq!(function.wire.requests().len(), 1);
    }
}

#[tokio::test]
async fn schedule_of_another_program_is_refused() {
    let foreign = |input: &str| {
        scheduler_response(&json!({
            "Name": "s.stop", "ScheduleExpression": "rate(1 day)", "State": "ENABLED",
            "Target": {"Arn": SCHEDULE_TARGET, "RoleArn": "arn:aws:iam::123456789012:role/x", "Input": input},
        }))
    };
    for input in ["", "{}", "{\"schedule\": \"s.stop\", \"scheduled_time\": \"now\"}"] {
        let function = Function::with_canned_schedules(&[], [foreign(input)]).await;
        assert_eq!(refusal_code(&function.fire("s.stop").await), "UnreadableSchedule");
    }
}

// ------------------------------------------------------------------------------------------ run

#[tokio::test]
async fn caller_runs_an_action_of_his_schedule_now() {
    let (function, region, id) = scheduled(&json!({"stop": "20:00", "reboot": "rate(7 days)"})).await;
    let answer = function.post("/schedules/s/run?action=reboot").await;
    answer.is(200, &json!([{"InstanceId": id}]));
    assert_eq!(changes(&function), ["CreateTags", "RebootInstances"]);
    let answer = function.post("/schedules/s/run?action=stop").await;
    assert_eq!((answer.status, &answer.json()[0]["InstanceId"]), (200, &json!(id)), "{answer:?}");
    assert_eq!(answer.json()[0]["PreviousState"]["Name"], "running");
    assert_eq!(state(region, &id).await, "stopped");
    let line: Value = serde_json::from_str(&function.log_lines().pop().unwrap()).unwrap();
    assert_eq!((&line["action"], &line["schedule"]), (&json!("RunSchedule"), &json!("s.stop")), "{line}");
    assert_eq!((&line["caller"], &line["changed"]), (&json!("demo"), &json!([id])), "{line}");
    // Whether it is enabled or not.
    function.post("/schedules/s/disable").await;
    assert_eq!(function.post("/schedules/s/run?action=stop").await.status, 200);

    let refused = function.post("/schedules/s/run?action=start").await;
    refused.refuses(400, "InvalidParameterValue", "action must be an action of the schedule: stop, reboot");
    assert_eq!(function.post("/schedules/s/run?action=modify").await.status, 400);
    assert_eq!(function.post("/schedules/s/run").await.status, 400);
    assert_eq!(function.post("/schedules/other/run?action=stop").await.status, 404);
    assert_eq!(function.post("/schedules/s/run?action=stop&force=true").await.status, 400);
}

#[tokio::test]
async fn dry_run_of_an_action_asks_policies_and_ec2_and_changes_nothing() {
    let (function, region, id) = scheduled(&json!({"stop": "18:04", "reboot": "18:04"})).await;
    for action in ["stop", "reboot"] {
        let answer = function.post(&format!("/schedules/s/run?action={action}&dry_run=true")).await;
        assert_eq!((answer.status, &answer.json()["DryRun"]), (200, &json!(true)), "{answer:?}");
    }
    assert!(!changes(&function).contains(&"CreateTags".to_owned()));
    assert_eq!(state(region, &id).await, "running");
    let protected = function.with_other_variables(&[("PROTECTED_TAG", "keep")]).await;
    tag(region, &id, "keep", "").await;
    let refused = protected.post("/schedules/s/run?action=stop&dry_run=true").await;
    assert_eq!(refused.status, 403, "{refused:?}");
}

#[tokio::test]
async fn run_does_what_can_be_done() {
    let kept = || entry("stop", "18:04", &json!({"instance_id": [A, B]}));
    let missing = || [no_schedule(), kept(), no_schedule(), no_schedule()];
    let stopping = changed("StopInstances", [change(A).states("running", "stopping")]);
    let responses = missing().into_iter().chain([describe([running(A)]), stopping]);
    let function = Function::with_canned_schedules(&[], responses).await;
    let answer = function.post("/schedules/s/run?action=stop").await;
    assert_eq!(answer.status, 207, "{answer:?}");
    assert_eq!(answer.json()[1]["Error"]["Code"], "InvalidInstanceID.NotFound");
    let function = Function::with_canned_schedules(&[], missing().into_iter().chain([describe([])])).await;
    assert_eq!(function.post("/schedules/s/run?action=stop").await.status, 404);
    // A day that is skipped, and an instance that is kept.
    let skipped = entry("stop", "18:04", &json!({"instance_id": [A], "skip": ["2016-02-16"]}));
    let function = Function::with_canned_schedules(&[], [no_schedule(), skipped, no_schedule(), no_schedule()]).await;
    let answer = function.post("/schedules/s/run?action=stop").await;
    answer.is(200, &json!([]));
    assert!(answer.headers["warning"].contains("the schedule skips 2016-02-16"), "{answer:?}");
}

#[tokio::test]
async fn other_callers_run_a_schedule_only_if_policies_permit_it_and_it_acts_as_its_owner() {
    let (function, region, id) = scheduled(&json!({"stop": "18:04"})).await;
    let keys = format!("demo={},bob={}", sha256("local-only-key"), sha256("key of bob"));
    let run = || HttpApiEvent::new("POST", "/schedules/s/run?action=stop").header("x-api-key", "key of bob");
    let shared = function.with_other_variables(&[("API_KEYS", &keys)]).await;
    let refused = shared.send(run()).await;
    refused.refuses(403, "Forbidden", "RunSchedule of s is not permitted: another caller is its owner");
    // bob may run it, and may stop nothing himself; the owner may.
    let file = policy_file(
        "permit (principal == Caller::\"bob\", action == Action::\"RunSchedule\", resource);
         permit (principal == Caller::\"demo\", action == Action::\"StopInstances\", resource);",
    );
    let permitted = function.with_other_variables(&[("API_KEYS", &keys), ("POLICY_FILE", &file)]).await;
    assert_eq!(permitted.send(run()).await.status, 200);
    assert_eq!(state(region, &id).await, "stopped");
    // The owner may no longer.
    let file = policy_file("permit (principal == Caller::\"bob\", action, resource);");
    let refused = function.with_other_variables(&[("API_KEYS", &keys), ("POLICY_FILE", &file)]).await;
    assert_eq!(refused.send(run()).await.status, 403);
}
