//! `stop_after` and `terminate_after` of launches and starts: nothing runs without its end.

use crate::support::xml::{
    change, changed, cut, describe, instance, launched, no_response, refusal, started, unauthorized,
};
use crate::support::{
    A, Answer, B, Function, HttpApiEvent, IMAGE, PERMIT_ALL, REGION, REQUEST_ID, Response, no_schedule, policy_file,
    schedule_deleted, schedule_written, scheduler_refusal, scheduler_response, sha256,
};
use serde_json::{Value, json};
use std::time::Duration;

/// The end of every request of these tests: the name comes from the request's ID.
fn end() -> String {
    format!("end-{}", &sha256(format!("end of {REQUEST_ID}"))[..20])
}

/// The tests' clock is at 2016-02-16T18:04:09.006739Z.
const IN_8_HOURS: &str = "at(2016-02-17T02:05:00)";

/// The region of launches in moto, where no other test counts instances. Each test has keys of its
/// own there: moto keeps what was launched under them.
const MOTO_REGION: &str = "ap-northeast-3";

const CREATE: &str = "/ec2/create?region_name=eu-west-1&image_id=ami-abba916a";

fn no_schedules() -> Response {
    scheduler_response(&json!({"Schedules": []}))
}

fn launch() -> Response {
    launched([instance(A).state("pending")])
}

fn no_capacity() -> Response {
    refusal("InsufficientInstanceCapacity", "There is no capacity.")
}

/// The calls of AWS so far: EC2's actions, and Scheduler's methods with what stands for its paths.
fn calls(function: &Function) -> Vec<String> {
    let call = |request: &crate::support::RecordedRequest| match request.path.split('?').next().unwrap() {
        "/" => request.action(),
        "/schedules" => "ListSchedules".to_owned(),
        path => format!("{} {}", request.method, path.replace(&end(), "END")),
    };
    function.wire.requests().iter().map(call).collect()
}

fn name_of(answer: &Answer) -> Option<&str> {
    answer.headers.get("x-schedule").map(String::as_str)
}

async fn keyed(function: &Function, path: &str, key: &str) -> Answer {
    function.send(HttpApiEvent::new("POST", path).key().header("idempotency-key", key)).await
}

// ------------------------------------------------------------------------------------ what is made

#[tokio::test]
async fn launch_has_its_end_before_it_runs() {
    for (dialect, answer_of) in [("ec2", 200), ("v1", 200)] {
        for (parameter, action) in [("stop_after", "stop"), ("terminate_after", "terminate")] {
            let function = Function::with_canned_schedules(&[], [no_schedules(), schedule_written(), launch()]).await;
            let answer = match dialect {
                "ec2" => function.post(&format!("{CREATE}&{parameter}=8h")).await,
                _ => {
                    let path = "/v1/launch?ami=ami-abba916a&instance_type=t3.micro&region=eu-west-1&placement=";
                    function.put(&format!("{path}&{parameter}=8h")).await
                }
            };
            assert_eq!((answer.status, name_of(&answer)), (answer_of, Some(end().as_str())), "{answer:?}");
            let requests = function.wire.requests();
            let made = requests[1].json();
            assert_eq!(requests[1].schedule_call(), format!("POST /schedules/{}.{action}", end()));
            assert_eq!(
                (&made["ScheduleExpression"], &made["ScheduleExpressionTimezone"], &made["State"]),
                (&json!(IN_8_HOURS), &json!("UTC"), &json!("ENABLED"))
            );
            assert_eq!(made["ActionAfterCompletion"], "NONE");
            let stored: Value = serde_json::from_str(made["Target"]["Input"].as_str().unwrap()).unwrap();
            assert_eq!(stored["schedule"], format!("{}.{action}", end()));
            assert_eq!(
                stored["stored"],
                json!({
                    "owner": {"authentication": "key", "name": "demo"}, "updated": "2016-02-16T18:04:09Z",
                    (action): IN_8_HOURS, "timezone": "UTC", "region_name": "eu-west-1",
                    "client_tokens": [REQUEST_ID], "force": false, "skip_os_shutdown": false,
                })
            );
            assert_eq!(requests[2].action(), "RunInstances");
            assert_eq!(function.log_line()["end"], end());
        }
    }
}

#[tokio::test]
async fn start_has_its_end_before_the_instances_run() {
    for by_v1 in [false, true] {
        let responses = [no_schedules(), schedule_written(), started(A)];
        let function = Function::with_canned_schedules(&[], responses).await;
        let answer = match by_v1 {
            false => function.start(&format!("{A}&stop_after=8h")).await,
            true => function.put(&format!("/v1/{A}/start?region={REGION}&stop_after=8h")).await,
        };
        assert_eq!((answer.status, name_of(&answer)), (200, Some(end().as_str())), "{answer:?}");
        let requests = function.wire.requests();
        let made: Value = serde_json::from_str(requests[1].json()["Target"]["Input"].as_str().unwrap()).unwrap();
        let stored = (&made["stored"]["instance_id"], &made["stored"]["stop"], &made["stored"]["client_tokens"]);
        assert_eq!(stored, (&json!([A]), &json!(IN_8_HOURS), &Value::Null));
        assert_eq!(requests[2].action(), "StartInstances");
    }
}

#[tokio::test]
async fn end_of_a_launch_is_about_the_tokens_of_every_attempt() {
    let responses = [no_schedules(), schedule_written(), no_capacity(), launch()];
    let function = Function::with_canned_schedules(&[], responses).await;
    let answer = function.post(&format!("{CREATE}&InstanceType=t3.micro,t4g.micro&terminate_after=2h")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let requests = function.wire.requests();
    let made: Value = serde_json::from_str(requests[1].json()["Target"]["Input"].as_str().unwrap()).unwrap();
    let token = |request: &crate::support::RecordedRequest| {
        let form = request.form();
        form.iter().find_map(|line| line.strip_prefix("ClientToken=").map(str::to_owned)).unwrap()
    };
    assert_eq!(made["stored"]["client_tokens"], json!([token(&requests[2]), token(&requests[3])]));
}

#[tokio::test]
async fn end_is_listed_with_the_schedules() {
    let function = Function::with_schedules(&[]).await;
    let path = format!("/ec2/create?region_name={MOTO_REGION}&image_id={IMAGE}&terminate_after=90m");
    let answer = function.post(&path).await;
    assert_eq!((answer.status, name_of(&answer)), (200, Some(end().as_str())), "{answer:?}");
    let expected = json!({
        "name": end(), "terminate": "at(2016-02-16T19:35:00)", "timezone": "UTC", "region_name": MOTO_REGION,
        "client_tokens": [REQUEST_ID], "enabled": true, "owner": {"authentication": "key", "name": "demo"},
        "updated": "2016-02-16T18:04:09Z",
    });
    function.get("/schedules").await.is(200, &json!([expected]));
    function.get(&format!("/schedules/{}", end())).await.is(200, &expected);
    assert_eq!(function.delete(&format!("/schedules/{}", end())).await.status, 204);
}

#[tokio::test]
async fn change_that_is_about_no_instance_has_no_end() {
    let function = Function::with_canned_schedules(&[], [describe([])]).await;
    let answer = function.post(&format!("/ec2/start?region_name={REGION}&tag:team=blue&stop_after=8h")).await;
    answer.is(200, &json!([]));
    assert_eq!((name_of(&answer), calls(&function)), (None, vec!["DescribeInstances".to_owned()]));
}

#[tokio::test]
async fn dry_run_makes_no_end() {
    let permitted = refusal("DryRunOperation", "Request would have succeeded, but DryRun flag is set.").status(412);
    let function = Function::with_canned_schedules(&[], [no_schedules(), permitted.clone()]).await;
    let answer = function.post(&format!("{CREATE}&terminate_after=8h&dry_run=true")).await;
    assert_eq!((answer.status, name_of(&answer)), (200, None), "{answer:?}");
    assert_eq!(calls(&function), ["ListSchedules", "RunInstances"]);
    let function = Function::with_canned_schedules(&[], [no_schedules(), permitted]).await;
    let answer = function.start(&format!("{A}&terminate_after=8h&dry_run=true")).await;
    assert_eq!((answer.status, name_of(&answer)), (200, None), "{answer:?}");
    assert_eq!(calls(&function), ["ListSchedules", "StartInstances"]);
}

// ------------------------------------------------------------------------------- what is refused

#[tokio::test]
async fn end_that_cannot_be_is_400_without_a_call_to_aws() {
    let function = Function::with_canned_schedules(&[], []).await;
    let form = "must be a duration from 5 minutes to 365 days, such as 90m, 8h or 7d";
    for path in [CREATE, &format!("/ec2/start?region_name={REGION}&instance_id={A}")] {
        for parameter in ["stop_after", "terminate_after"] {
            for value in ["0", "0m", "4m", "366d", "10y", "8", "-8h", "8h30m", "2016-02-17T00:00:00Z"] {
                let answer = function.post(&format!("{path}&{parameter}={value}")).await;
                answer.refuses(400, "InvalidParameterValue", &format!("{parameter} {form}"));
            }
        }
        let message = "stop_after and terminate_after can't be given together";
        let answer = function.post(&format!("{path}&stop_after=8h&terminate_after=9h")).await;
        answer.refuses(400, "InvalidParameterCombination", message);
    }
    for spot in ["only", "prefer"] {
        let answer = function.post(&format!("{CREATE}&spot={spot}&stop_after=8h")).await;
        let message = "stop_after can't be given for spot instances, which EC2 only terminates: use terminate_after";
        answer.refuses(400, "InvalidParameterValue", message);
    }
    function.assert_no_calls();
}

#[tokio::test]
async fn deployment_without_schedules_has_no_ends() {
    let function = Function::without_aws(&[("SCHEDULE_GROUP", "")]).await;
    for (method, path) in [
        ("POST", CREATE.to_owned()),
        ("POST", format!("/ec2/start?region_name={REGION}&instance_id={A}")),
        ("PUT", "/v1/launch?ami=ami-abba916a&instance_type=t3.micro".to_owned()),
        ("PUT", format!("/v1/{A}/start?region={REGION}")),
    ] {
        for parameter in ["stop_after", "terminate_after"] {
            let answer = function.call(method, &format!("{path}&{parameter}=8h")).await;
            let message = format!("{parameter} can't be given: this deployment has no schedules");
            assert!(answer.status == 400 && answer.body.contains(&message), "{answer:?}");
        }
    }
    function.assert_no_calls();
}

#[tokio::test]
async fn caller_who_may_make_no_schedule_or_not_end_instances_launches_nothing() {
    let launches = r#"permit (principal, action == Action::"RunInstances", resource);"#;
    let makes = r#"permit (principal, action == Action::"CreateSchedule", resource);"#;
    let stops = r#"permit (principal, action == Action::"StopInstances", resource);"#;
    let path = format!("{CREATE}&security_groups=sg-01234567&stop_after=8h");
    for (policies, refused) in [
        (format!("{launches}{stops}"), format!("CreateSchedule of {}", end())),
        (format!("{launches}{makes}"), "StopInstances of instances at their end".to_owned()),
        (format!("{makes}{stops}"), "RunInstances of a launch like this".to_owned()),
    ] {
        let file = policy_file(&policies);
        let function = Function::with_canned_schedules(&[("POLICY_FILE", &file)], []).await;
        let message = format!("The policy of this deployment does not permit {refused}");
        function.post(&path).await.refuses(403, "Forbidden", &message);
        function.assert_no_calls();
    }
    for policies in [format!("{launches}{makes}{stops}"), PERMIT_ALL.to_owned()] {
        let file = policy_file(&policies);
        let responses = [no_schedules(), schedule_written(), launch()];
        let function = Function::with_canned_schedules(&[("POLICY_FILE", &file)], responses).await;
        assert_eq!(function.post(&path).await.status, 200);
    }
}

#[tokio::test]
async fn ends_count_as_schedules_of_their_caller() {
    let function = Function::with_schedules(&[("MAX_SCHEDULES", "1")]).await;
    let path = format!("/ec2/create?region_name={MOTO_REGION}&image_id={IMAGE}&terminate_after=90m");
    let first = keyed(&function, &path, "order-6").await;
    assert_eq!(first.status, 200, "{first:?}");
    let message = "This deployment keeps at most 1 schedules of one caller";
    keyed(&function, &path, "order-7").await.refuses(403, "TooManySchedules", message);
    // A repetition makes no second.
    let again = keyed(&function, &path, "order-6").await;
    assert_eq!((again.status, name_of(&again)), (200, name_of(&first)), "{again:?}");
}

#[tokio::test]
async fn caller_by_token_has_ends_of_less_than_90_days() {
    let function =
        Function::with_canned_schedules(&[("AUTHENTICATION", "jwt")], [no_schedules(), schedule_written(), launch()])
            .await;
    let send = async |path: String| {
        let claims = json!({"claims": {"sub": "alice"}, "scopes": null});
        let event = HttpApiEvent::new("POST", &path).set("/requestContext/authorizer", json!({"jwt": claims}));
        function.send(event).await
    };
    let message =
        "terminate_after must be less than 90 days for callers by IAM or a token, who can't be looked up later";
    let answer = send(format!("{CREATE}&terminate_after=90d")).await;
    answer.refuses(400, "InvalidParameterValue", message);
    function.assert_no_calls();
    assert_eq!(send(format!("{CREATE}&terminate_after=89d")).await.status, 200);
}

// -------------------------------------------------------------------------------- what goes wrong

#[tokio::test]
async fn launch_whose_end_cannot_be_made_does_not_happen() {
    let denied = || scheduler_refusal(403, "AccessDeniedException", "No.");
    for (responses, status) in [
        (vec![denied()], 502),
        (vec![no_schedules(), denied()], 502),
        (vec![no_schedules(), scheduler_refusal(402, "ServiceQuotaExceededException", "Too many.")], 503),
    ] {
        for path in [
            format!("{CREATE}&stop_after=8h"),
            format!("/ec2/start?region_name={REGION}&instance_id={A}&stop_after=8h"),
        ] {
            let function = Function::with_canned_schedules(&[], responses.clone()).await;
            let answer = function.post(&path).await;
            assert_eq!((answer.status, name_of(&answer)), (status, None), "{answer:?}");
            let message = answer.json()["Message"].as_str().unwrap().to_owned();
            assert!(message.ends_with("Nothing runs without its end: nothing was done"), "{message}");
            let calls = calls(&function);
            assert!(calls.iter().all(|call| call.contains("chedule")), "{calls:?}");
        }
    }
}

#[tokio::test]
async fn launch_that_fails_removes_its_end() {
    for (refused, status) in
        [(no_capacity(), 503), (unauthorized(), 502), (refusal("InvalidAMIID.NotFound", "No."), 404)]
    {
        let responses = [no_schedules(), schedule_written(), refused, schedule_deleted()];
        let function = Function::with_canned_schedules(&[], responses).await;
        let answer = function.post(&format!("{CREATE}&terminate_after=8h")).await;
        assert_eq!((answer.status, name_of(&answer)), (status, None), "{answer:?}");
        let expected =
            ["ListSchedules", "POST /schedules/END.terminate", "RunInstances", "DELETE /schedules/END.terminate"];
        assert_eq!(calls(&function), expected);
        assert_eq!(function.log_line().get("end"), None);
    }
}

#[tokio::test]
async fn start_that_fails_removes_its_end() {
    let wrong = refusal("IncorrectInstanceState", "m");
    let responses = [no_schedules(), schedule_written(), wrong, schedule_deleted()];
    let function = Function::with_canned_schedules(&[], responses).await;
    assert_eq!(function.start(&format!("{A}&stop_after=8h")).await.status, 409);
    let expected = ["ListSchedules", "POST /schedules/END.stop", "StartInstances", "DELETE /schedules/END.stop"];
    assert_eq!(calls(&function), expected);
}

#[tokio::test]
async fn end_is_of_the_instances_only_that_were_started() {
    let wrong = refusal(
        "IncorrectInstanceState",
        &format!("The instance '{B}' is not in a state from which it can be started."),
    );
    let start_a = changed("StartInstances", [change(A).states("stopped", "pending")]);
    let responses = [no_schedules(), schedule_written(), wrong.clone(), start_a, schedule_written()];
    let function = Function::with_canned_schedules(&[], responses).await;
    let answer = function.start(&format!("{A},{B}&stop_after=8h&partial=true")).await;
    assert_eq!((answer.status, name_of(&answer)), (207, Some(end().as_str())), "{answer:?}");
    let requests = function.wire.requests();
    let stored = |request: &crate::support::RecordedRequest| {
        let message: Value = serde_json::from_str(request.json()["Target"]["Input"].as_str().unwrap()).unwrap();
        message["stored"]["instance_id"].clone()
    };
    assert_eq!(requests[4].schedule_call(), format!("PUT /schedules/{}.stop", end()));
    assert_eq!((stored(&requests[1]), stored(&requests[4])), (json!([A, B]), json!([A])));

    // None was started: there is nothing to end.
    let wrong = refusal(
        "IncorrectInstanceState",
        &format!("The instances '{A}, {B}' are not in a state from which they can be started."),
    );
    let responses = [no_schedules(), schedule_written(), wrong, schedule_deleted()];
    let function = Function::with_canned_schedules(&[], responses).await;
    assert_eq!(function.start(&format!("{A},{B}&stop_after=8h&partial=true")).await.status, 409);
    assert_eq!(calls(&function).last().unwrap(), "DELETE /schedules/END.stop");
}

// ------------------------------------------------------------- the connection is cut at each step

/// As often as the SDK tries.
fn lost() -> [Response; 3] {
    [cut(), cut(), cut()]
}

/// Scheduler's answer to GetSchedule for an end that stands. The two reads of an end, of a stop and
/// of a termination, come in any order, so that both get it.
fn standing(token: &str) -> Response {
    standing_for(&json!({"client_tokens": [token]}), "demo")
}

/// The same of these instances, and of this owner.
fn standing_for(instances: &Value, owner: &str) -> Response {
    let mut stored = json!({
        "schedule": format!("{}.terminate", end()), "scheduled_time": "<aws.scheduler.scheduled-time>",
        "stored": {
            "owner": {"authentication": "key", "name": owner}, "updated": "2016-02-16T18:04:09Z",
            "terminate": IN_8_HOURS, "timezone": "UTC", "region_name": "eu-west-1",
            "force": false, "skip_os_shutdown": false,
        },
    });
    let members = instances.as_object().unwrap().clone();
    stored["stored"].as_object_mut().unwrap().extend(members);
    scheduler_response(&json!({
        "Name": format!("{}.terminate", end()), "ScheduleExpression": IN_8_HOURS,
        "ScheduleExpressionTimezone": "UTC", "State": "ENABLED",
        "Target": {"Arn": "a", "RoleArn": "r", "Input": stored.to_string()},
    }))
}

#[tokio::test]
async fn lost_list_of_schedules_launches_nothing() {
    let function = Function::with_canned_schedules(&[], lost()).await;
    assert_eq!(function.post(&format!("{}&terminate_after=8h", CREATE.replace(REGION, "us-east-1"))).await.status, 504);
    assert_eq!(calls(&function), ["ListSchedules"; 3]);
}

#[tokio::test]
async fn lost_end_launches_nothing_and_is_removed() {
    for path in [
        format!("{}&terminate_after=8h", CREATE.replace(REGION, "us-east-1")),
        format!("/ec2/start?region_name=us-east-1&instance_id={A}&terminate_after=8h"),
    ] {
        let responses = [vec![no_schedules()], lost().to_vec(), vec![schedule_deleted()]].concat();
        let function = Function::with_canned_schedules(&[], responses).await;
        let answer = function.post(&path).await;
        assert_eq!(answer.status, 504, "{answer:?}");
        let message = answer.json()["Message"].as_str().unwrap().to_owned();
        assert!(message.ends_with("Nothing runs without its end: nothing was done"), "{message}");
        let made = "POST /schedules/END.terminate";
        assert_eq!(calls(&function), ["ListSchedules", made, made, made, "DELETE /schedules/END.terminate"]);
    }
}

#[tokio::test]
async fn end_that_is_not_answered_in_time_is_removed_or_named() {
    let launch = format!("{}&terminate_after=8h", CREATE.replace(REGION, "us-east-1"));
    let start = format!("/ec2/start?region_name=us-east-1&instance_id={A}&terminate_after=8h");
    for path in [&launch, &start] {
        for answered in [true, false] {
            let last = if answered { schedule_deleted() } else { no_response() };
            let function = Function::with_canned_schedules(&[], [no_schedules(), no_response(), last]).await;
            let event = HttpApiEvent::new("POST", path).key().json();
            let answer = function.invoke_within(&event, Duration::from_secs(3)).await;
            assert_eq!((answer.status, name_of(&answer)), (504, None), "{answer:?}");
            let expected = ["ListSchedules", "POST /schedules/END.terminate", "DELETE /schedules/END.terminate"];
            assert_eq!(calls(&function), expected);
            let named = format!(". The end {} may still stand: delete it", end());
            let named = if !answered && path == &start { named.as_str() } else { "" };
            let nothing = "Nothing runs without its end: nothing was done";
            let message = format!("AWS did not answer in time{named}. {nothing}");
            assert_eq!(answer.json()["Message"], message);
            let logged = function.log_line().get("end").cloned();
            assert_eq!(logged, (!answered).then(|| json!(end())));
        }
    }
}

#[tokio::test]
async fn partial_start_that_may_have_happened_is_in_doubt_and_names_its_end() {
    let missing = refusal("InvalidInstanceID.NotFound", &format!("The instance ID '{A}' does not exist"));
    let responses = [vec![no_schedules(), schedule_written(), missing], lost().to_vec(), vec![schedule_written()]];
    let function = Function::with_canned_schedules(&[], responses.concat()).await;
    let answer = function.start(&format!("{A},{B}&stop_after=8h&partial=true")).await;
    assert_eq!(answer.status, 504, "{answer:?}");
    let message = answer.json()["Message"].as_str().unwrap().to_owned();
    let in_doubt = format!("what was asked for may have happened or not. Its end is the schedule {}", end());
    assert!(message.ends_with(&in_doubt), "{message}");
    assert_eq!(calls(&function).last().unwrap(), "PUT /schedules/END.stop");
    assert_eq!(function.log_line()["end"], end());
}

#[tokio::test]
async fn end_whose_first_answer_is_lost_is_made_once() {
    let taken = scheduler_refusal(409, "ConflictException", "Schedule exists.");
    let responses = [no_schedules(), cut(), taken, standing(REQUEST_ID), standing(REQUEST_ID), launch()];
    let function = Function::with_canned_schedules(&[], responses).await;
    let answer = function.post(&format!("{CREATE}&terminate_after=8h")).await;
    assert_eq!((answer.status, name_of(&answer)), (200, Some(end().as_str())), "{answer:?}");
    assert_eq!(answer.headers.get("warning"), None, "{answer:?}");
    assert_eq!(calls(&function).iter().filter(|call| *call == "RunInstances").count(), 1);
}

#[tokio::test]
async fn lost_launch_keeps_its_end() {
    let nothing = [describe([]), describe([]), describe([]), describe([])];
    let responses = [vec![no_schedules(), schedule_written()], lost().to_vec(), nothing.to_vec()].concat();
    let function = Function::with_canned_schedules(&[], responses).await;
    let answer = function.post(&format!("{CREATE}&terminate_after=8h")).await;
    assert_eq!(answer.status, 504, "{answer:?}");
    let message = answer.json()["Message"].as_str().unwrap().to_owned();
    assert!(message.ends_with(&format!("Its end is the schedule {}", end())), "{message}");
    let calls = calls(&function);
    assert_eq!(calls[..3], ["ListSchedules", "POST /schedules/END.terminate", "RunInstances"]);
    assert!(!calls.iter().any(|call| call.starts_with("DELETE")), "{calls:?}");

    // It is found by its token.
    let found = describe([instance(A).state("pending")]);
    let responses = [vec![no_schedules(), schedule_written()], lost().to_vec(), vec![found]].concat();
    let function = Function::with_canned_schedules(&[], responses).await;
    let answer = function.post(&format!("{CREATE}&terminate_after=8h")).await;
    assert_eq!((answer.status, name_of(&answer)), (200, Some(end().as_str())), "{answer:?}");
}

#[tokio::test]
async fn lost_start_keeps_its_end() {
    for partial in ["", "&partial=true"] {
        let responses = [vec![no_schedules(), schedule_written()], lost().to_vec()].concat();
        let function = Function::with_canned_schedules(&[], responses).await;
        let answer = function.start(&format!("{A}&stop_after=8h{partial}")).await;
        assert_eq!(answer.status, 504, "{answer:?}");
        let message = answer.json()["Message"].as_str().unwrap().to_owned();
        assert!(message.ends_with(&format!("Its end is the schedule {}", end())), "{message}");
        let calls = calls(&function);
        assert!(!calls.iter().any(|call| call.starts_with("DELETE")), "{calls:?}");
    }
}

#[tokio::test]
async fn lost_removal_of_an_end_is_no_second_launch_and_no_other_error() {
    let responses = [vec![no_schedules(), schedule_written(), no_capacity()], lost().to_vec()].concat();
    let function = Function::with_canned_schedules(&[], responses).await;
    let answer = function.post(&format!("{CREATE}&terminate_after=8h")).await;
    assert_eq!((answer.status, &answer.json()["Error"]), (503, &json!("InsufficientInstanceCapacity")), "{answer:?}");
    let calls = calls(&function);
    assert_eq!(calls.iter().filter(|call| *call == "RunInstances").count(), 1, "{calls:?}");
    // What stands ends nothing: nothing has the token. The log names it.
    assert_eq!(function.log_line()["end"], end());
}

#[tokio::test]
async fn end_of_a_start_that_could_not_be_removed_is_named() {
    let path = format!("/ec2/start?region_name=us-east-1&instance_id={A}&stop_after=8h");
    let message = format!("The end {} may still stand: delete it", end());
    let wrong = refusal("IncorrectInstanceState", "It runs.");
    for (responses, status) in [
        ([vec![no_schedules(), schedule_written(), wrong], lost().to_vec()].concat(), 409),
        ([vec![no_schedules()], lost().to_vec(), lost().to_vec()].concat(), 504),
        // It may still come.
        ([vec![no_schedules()], lost().to_vec(), vec![no_schedule()]].concat(), 504),
    ] {
        let function = Function::with_canned_schedules(&[], responses).await;
        let answer = function.post(&path).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.json()["Message"].as_str().unwrap().contains(&message), "{answer:?}");
    }
}

// ------------------------------------------------------------------- repetitions under one key

/// The end under the header's name, as `GET /schedules/{name}` shows it.
async fn shown(function: &Function, answer: &Answer) -> Value {
    let shown = function.get(&format!("/schedules/{}", name_of(answer).unwrap())).await;
    assert_eq!(shown.status, 200, "{shown:?}");
    shown.json()
}

#[tokio::test]
async fn repetition_under_one_key_makes_no_second_end_and_moves_none() {
    let mut function = Function::with_schedules(&[]).await;
    let path = format!("/ec2/create?region_name={MOTO_REGION}&image_id={IMAGE}&terminate_after=90m");
    let first = keyed(&function, &path, "order-1").await;
    assert_eq!(first.status, 200, "{first:?}");
    let end = shown(&function, &first).await;
    assert_eq!(end["terminate"], "at(2016-02-16T19:35:00)");
    function.app.clock = || at(3600);
    let again = keyed(&function, &path, "order-1").await;
    assert_eq!((again.status, name_of(&again)), (200, name_of(&first)), "{again:?}");
    assert_eq!(again.headers.get("warning"), None, "{again:?}");
    assert_eq!(shown(&function, &again).await, end);
    // Another duration moves it neither, and says so.
    let longer = keyed(&function, &path.replace("90m", "8h"), "order-1").await;
    assert_eq!((longer.status, shown(&function, &longer).await), (200, end), "{longer:?}");
    let warning = format!(
        "the end {} stays at at(2016-02-16T19:35:00): an earlier request has made it",
        name_of(&first).unwrap()
    );
    assert!(longer.headers["warning"].contains(&warning), "{longer:?}");
    let other = keyed(&function, &path, "order-2").await;
    assert_ne!(name_of(&other), name_of(&first));
    assert_eq!(function.get("/schedules").await.json().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn other_launch_under_one_key_with_another_end_is_422() {
    let function = Function::with_schedules(&[]).await;
    let path = format!("/ec2/create?region_name={MOTO_REGION}&image_id={IMAGE}&terminate_after=90m");
    let first = keyed(&function, &path, "order-5").await;
    let end = shown(&function, &first).await;
    function.wire.requests();
    let message = "Another launch was sent under the same Idempotency-Key, with another end";
    for other in [
        path.replace("terminate", "stop"),
        path.replace(MOTO_REGION, "us-west-2"),
        // Its end would be about tokens that the first one does not have.
        format!("{path}&InstanceType=t3.micro,t3.small"),
    ] {
        keyed(&function, &other, "order-5").await.refuses(422, "IdempotentParameterMismatch", message);
    }
    let calls = calls(&function);
    assert!(calls.iter().all(|call| call == "DescribeInstances" || call.starts_with("GET")), "{calls:?}");
    assert_eq!(shown(&function, &first).await, end);
}

#[tokio::test]
async fn caller_makes_no_schedule_with_the_name_of_an_end() {
    let function = Function::with_schedules(&[]).await;
    let body = json!({"stop": "at(2099-01-01T00:00:00)", "region_name": REGION, "instance_id": A});
    let message = "name must not be a name as ends have it: end- and 20 hexadecimal digits";
    let put = function.put_json(&format!("/schedules/{}", end()), &body).await;
    put.refuses(400, "InvalidParameterValue", message);
    assert_eq!(function.put_json("/schedules/end-of-month", &body).await.status, 201);
}

#[tokio::test]
async fn name_of_an_end_that_another_caller_has_taken_launches_nothing() {
    let taken = scheduler_refusal(409, "ConflictException", "Schedule already exists.");
    let of_bob = standing_for(&json!({"instance_id": [A]}), "bob");
    let function = Function::with_canned_schedules(&[], [no_schedules(), taken, of_bob.clone(), of_bob]).await;
    let answer = function.post(&format!("{CREATE}&terminate_after=8h")).await;
    let message = format!("There is a schedule {} already, of another caller", end());
    answer.refuses(409, "ScheduleExists", &message);
    assert!(!calls(&function).contains(&"RunInstances".to_owned()));
}

#[tokio::test]
async fn repeated_start_of_some_that_were_started_leaves_the_end_of_the_others() {
    let both = || standing_stop(&[A, B]);
    let refused = refusal(
        "IncorrectInstanceState",
        &format!("The instance '{B}' is not in a state from which it can be started."),
    );
    let responses = [both(), both(), refused, started(A), both(), both()];
    let function = Function::with_canned_schedules(&[], responses).await;
    let start = format!("/ec2/start?region_name=eu-west-1&instance_id={A},{B}&partial=true&stop_after=8h");
    let answer = keyed(&function, &start, "order-1").await;
    assert_eq!(answer.status, 207, "{answer:?}");
    assert!(function.wire.requests().iter().all(|request| request.method != "PUT"));
}

#[tokio::test]
async fn repeated_start_of_more_than_were_started_has_the_end_of_all() {
    let (one, all) = (|| standing_stop(&[A]), || standing_stop(&[A, B]));
    let both = changed("StartInstances", [change(A), change(B)]);
    let responses = [one(), one(), schedule_written(), both, all(), all()];
    let function = Function::with_canned_schedules(&[], responses).await;
    let start = format!("/ec2/start?region_name=eu-west-1&instance_id={A},{B}&stop_after=8h");
    let answer = keyed(&function, &start, "order-1").await;
    assert_eq!(answer.status, 200, "{answer:?} {:?}", calls(&function));
    let update = function.wire.requests().into_iter().find(|request| request.method == "PUT").unwrap();
    assert_eq!(update.json()["ScheduleExpression"], IN_8_HOURS);
    let input: Value = serde_json::from_str(update.json()["Target"]["Input"].as_str().unwrap()).unwrap();
    assert_eq!(input["stored"]["instance_id"], json!([A, B]));
}

/// The same of a start.
fn standing_stop(ids: &[&str]) -> Response {
    let standing = standing_for(&json!({"instance_id": ids}), "demo");
    Response { body: standing.body.replace("terminate", "stop"), ..standing }
}

#[tokio::test]
async fn end_of_an_earlier_launch_that_has_failed_is_moved_for_the_next() {
    let (standing, path) = (standing(&token().await), format!("{CREATE}&terminate_after=8h"));
    // A launch has failed, and so has the removal of its end, which was made for 02:05:00. Within a
    // minute EC2 may not list what was launched.
    for (clock, moved) in [
        ((|| at(58)) as fn() -> time::OffsetDateTime, None),
        (|| at(120), Some("at(2016-02-17T02:07:00)")),
        (|| at(26_991), Some("at(2016-02-17T09:35:00)")),
        (|| at(28_851), Some("at(2016-02-17T10:06:00)")),
        (|| at(100_000), Some("at(2016-02-18T05:51:00)")),
    ] {
        let responses = match moved {
            Some(_) => vec![
                describe([]),
                standing.clone(),
                standing.clone(),
                describe([]),
                schedule_written(),
                launch(),
                standing.clone(),
                standing.clone(),
            ],
            None => {
                vec![describe([]), standing.clone(), standing.clone(), launch(), standing.clone(), standing.clone()]
            }
        };
        let mut function = Function::with_canned_schedules(&[], responses).await;
        function.app.clock = clock;
        let answer = keyed(&function, &path, "order-1").await;
        assert_eq!((answer.status, answer.headers.get("warning")), (200, None), "{answer:?}");
        let put = function.wire.requests().into_iter().find(|request| request.method == "PUT");
        let expression = put.map(|put| put.json()["ScheduleExpression"].as_str().unwrap().to_owned());
        assert_eq!(expression.as_deref(), moved);
    }
    // What was launched under the key has this end.
    for clock in [(|| at(120)) as fn() -> time::OffsetDateTime, || at(28_851)] {
        let running = describe([instance(A).state("running")]);
        let responses = [running, standing.clone(), standing.clone(), standing.clone(), standing.clone()];
        let mut function = Function::with_canned_schedules(&[], responses).await;
        function.app.clock = clock;
        let answer = keyed(&function, &path, "order-1").await;
        assert_eq!((answer.status, answer.json()["InstanceId"].as_str()), (200, Some(A)), "{answer:?}");
        let is_over = clock() > at(1_000);
        let warning = answer.headers.get("warning").map_or("", String::as_str);
        assert_eq!(warning.contains("is still there, and its time has passed: it has failed"), is_over, "{answer:?}");
        // It is not launched again, and its end stays.
        assert!(!calls(&function).contains(&"RunInstances".to_owned()));
    }
}

#[tokio::test]
async fn repetition_after_the_end_has_acted_or_was_deleted_makes_none_and_says_so() {
    let function = Function::with_schedules(&[]).await;
    let path = format!("/ec2/create?region_name={MOTO_REGION}&image_id={IMAGE}&terminate_after=90m");
    let first = keyed(&function, &path, "order-3").await;
    let name = name_of(&first).unwrap();
    let deleted = function.send(HttpApiEvent::new("DELETE", &format!("/schedules/{name}")).key()).await;
    assert_eq!(deleted.status, 204, "{deleted:?}");
    function.wire.requests();
    let again = keyed(&function, &path, "order-3").await;
    assert_eq!((again.status, name_of(&again)), (200, None), "{again:?}");
    let warning = format!(
        "no end: an earlier request under this Idempotency-Key has launched the instances, and its end {name} has \
         acted, was deleted or was not asked for"
    );
    assert!(again.headers["warning"].contains(&warning), "{again:?}");
    assert!(function.wire.requests().iter().all(|request| !request.schedule_call().starts_with("POST /schedules/")));
    assert_eq!(function.get("/schedules").await.json(), json!([]));
}

#[tokio::test]
async fn launch_under_a_key_whose_instances_are_terminated_is_409_without_an_end() {
    let function = Function::with_canned_schedules(&[], [describe([instance(A).state("terminated")])]).await;
    let answer = keyed(&function, &format!("{CREATE}&terminate_after=8h"), "order-1").await;
    let message = format!("{A} was launched under the same Idempotency-Key, and is terminated");
    answer.refuses(409, "IdempotentInstanceTerminated", &message);
}

#[tokio::test]
async fn launch_into_another_subnet_under_one_key_is_422_and_launches_nothing_without_its_end() {
    let elsewhere = instance(A).state("running").with("subnetId", "subnet-0123456789abcdef0");
    let function = Function::with_canned_schedules(&[], [describe([elsewhere])]).await;
    let path = format!("{CREATE}&SubnetId=subnet-0123456789abcdef1&terminate_after=8h");
    let answer = keyed(&function, &path, "order-1").await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(answer.body.contains("Another launch was sent under the same Idempotency-Key"), "{answer:?}");
}

#[tokio::test]
async fn end_of_kept_instances_that_are_terminated_is_that_of_the_next_launch() {
    let kept = standing_for(&json!({"instance_id": [B]}), "demo");
    let gone = describe([instance(B).state("terminated")]);
    let responses = [describe([]), kept.clone(), kept.clone(), gone, schedule_written(), launch(), kept.clone(), kept];
    let mut function = Function::with_canned_schedules(&[], responses).await;
    function.app.clock = || at(120);
    let answer = keyed(&function, &format!("{CREATE}&terminate_after=8h"), "order-1").await;
    assert_eq!((answer.status, answer.headers.get("warning")), (200, None), "{answer:?}");
    let update = function.wire.requests().into_iter().find(|request| request.method == "PUT").unwrap();
    let input: Value = serde_json::from_str(update.json()["Target"]["Input"].as_str().unwrap()).unwrap();
    assert_eq!(input["stored"]["client_tokens"], json!([token().await]));
}

#[tokio::test]
async fn disabled_end_of_an_earlier_request_stays_disabled_and_is_a_warning() {
    let function = Function::with_schedules(&[]).await;
    let path = format!("/ec2/create?region_name={MOTO_REGION}&image_id={IMAGE}&terminate_after=90m");
    let first = keyed(&function, &path, "order-4").await;
    let name = name_of(&first).unwrap();
    assert_eq!(function.post(&format!("/schedules/{name}/disable")).await.status, 200);
    let again = keyed(&function, &path, "order-4").await;
    assert_eq!((again.status, name_of(&again)), (200, Some(name)), "{again:?}");
    let warning = format!("the end {name} is disabled: nothing ends before somebody enables it");
    assert!(again.headers["warning"].contains(&warning), "{again:?}");
    assert_eq!(shown(&function, &again).await["enabled"], false);
}

/// This many seconds after the clock of the tests.
fn at(seconds: i64) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(1_455_645_849 + seconds).unwrap()
}

/// The token under which the key `order-1` launches.
async fn token() -> String {
    let function = Function::canned([launch()]).await;
    assert_eq!(keyed(&function, CREATE, "order-1").await.status, 200);
    let form = function.wire.only_request().form();
    form.iter().find_map(|line| line.strip_prefix("ClientToken=").map(str::to_owned)).unwrap()
}

#[tokio::test]
async fn end_that_a_failed_request_has_removed_is_made_again_for_a_launch_that_happened() {
    // The end is there before the launch, and is gone after it.
    let standing = standing(&token().await);
    let responses =
        [describe([]), standing.clone(), standing, launch(), no_schedule(), no_schedule(), schedule_written()];
    let function = Function::with_canned_schedules(&[], responses).await;
    let answer = keyed(&function, &format!("{CREATE}&terminate_after=8h"), "order-1").await;
    assert_eq!((answer.status, answer.headers.get("warning")), (200, None), "{answer:?}");
    let last = function.wire.requests().pop().unwrap();
    assert_eq!(last.schedule_call(), format!("POST /schedules/{}.terminate", name_of(&answer).unwrap()));
    assert_eq!(last.json()["ScheduleExpression"], IN_8_HOURS);
}

#[tokio::test]
async fn end_that_may_be_gone_is_a_warning_after_the_launch() {
    let standing = standing(&token().await);
    let denied = scheduler_refusal(403, "AccessDeniedException", "No.");
    let responses = [describe([]), standing.clone(), standing, launch(), denied.clone(), denied];
    let function = Function::with_canned_schedules(&[], responses).await;
    let answer = keyed(&function, &format!("{CREATE}&terminate_after=8h"), "order-1").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let warning = format!("The end {} may be gone", name_of(&answer).unwrap());
    assert!(answer.headers["warning"].contains(&warning), "{answer:?}");
    assert_eq!(function.log_line()["level"], "WARN");
}

#[tokio::test]
async fn failed_launch_under_a_key_removes_its_end_unless_something_was_launched_under_the_key() {
    let running = || describe([instance(A).state("running")]);
    let mismatch = refusal("IdempotentParameterMismatch", "m");
    for (after, removed, in_use) in [
        (vec![no_capacity(), describe([]), schedule_deleted()], true, false),
        (vec![no_capacity(), running()], false, true),
        (vec![no_capacity(), unauthorized()], false, false),
        // What was launched under the key never had an end: this one must not be its.
        (vec![mismatch, schedule_deleted()], true, false),
    ] {
        let before = vec![describe([]), no_schedule(), no_schedule(), no_schedules(), schedule_written()];
        let responses = [before, after].concat();
        let function = Function::with_canned_schedules(&[], responses).await;
        let answer = keyed(&function, &format!("{CREATE}&terminate_after=8h"), "order-1").await;
        assert!([422, 503].contains(&answer.status), "{answer:?}");
        let calls = calls(&function);
        assert_eq!(calls.last().unwrap().starts_with("DELETE"), removed, "{calls:?}");
        assert_eq!(calls.iter().filter(|call| *call == "RunInstances").count(), 1, "{calls:?}");
        let stands = "stands: this Idempotency-Key has launched instances that it ends";
        assert_eq!(answer.body.contains(stands), in_use, "{answer:?}");
        assert_eq!(function.log_line().get("end").is_some(), !removed);
    }
}

#[tokio::test]
async fn end_that_an_earlier_request_has_made_stays_after_a_failure() {
    let standing = standing(&token().await);
    let responses = [describe([]), standing.clone(), standing, no_capacity()];
    let function = Function::with_canned_schedules(&[], responses).await;
    let answer = keyed(&function, &format!("{CREATE}&terminate_after=8h"), "order-1").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(calls(&function).last().unwrap(), "RunInstances");
}

#[tokio::test]
async fn lost_end_under_a_key_stays_for_the_repetition() {
    let responses = [vec![describe([]), no_schedule(), no_schedule(), no_schedules()], lost().to_vec()].concat();
    let function = Function::with_canned_schedules(&[], responses).await;
    let answer = keyed(&function, &format!("{CREATE}&terminate_after=8h"), "order-1").await;
    assert_eq!(answer.status, 504, "{answer:?}");
    let calls = calls(&function);
    assert!(calls.iter().all(|call| !call.starts_with("DELETE") && call != "RunInstances"), "{calls:?}");
}

#[tokio::test]
async fn repeated_start_under_one_key_makes_no_second_end_and_moves_none() {
    let mut function = Function::with_schedules(&[]).await;
    let launched = function.post(&format!("/ec2/create?region_name={MOTO_REGION}&image_id={IMAGE}")).await;
    let id = launched.json()["InstanceId"].as_str().unwrap().to_owned();
    let start = format!("/ec2/start?region_name={MOTO_REGION}&instance_id={id}&stop_after=90m");
    let first = keyed(&function, &start, "order-1").await;
    assert_eq!(first.status, 200, "{first:?}");
    let end = shown(&function, &first).await;
    assert_eq!(end["stop"], "at(2016-02-16T19:35:00)");
    function.app.clock = || at(3600);
    let again = keyed(&function, &start, "order-1").await;
    assert_eq!((again.status, name_of(&again)), (200, name_of(&first)), "{again:?}");
    assert_eq!(shown(&function, &again).await, end);
    // Its time has passed: nothing runs without its end.
    function.app.clock = || at(7200);
    let later = keyed(&function, &start, "order-1").await;
    assert_eq!((later.status, name_of(&later)), (200, name_of(&first)), "{later:?}");
    assert_eq!(shown(&function, &later).await["stop"], "at(2016-02-16T21:35:00)");
    // Other keys, and launches, have ends of their own.
    let other = keyed(&function, &start, "order-2").await;
    assert_ne!(name_of(&other), name_of(&first));
    let without = function.post(&start).await;
    assert_ne!(name_of(&without), name_of(&first));
}
