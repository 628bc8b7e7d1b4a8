//! Faults on a real socket: whatever happens between the function and AWS, the caller is answered in time, by this function,
//! and truthfully; and nothing is launched twice.

use crate::support::{Answer, Event2, Fault, Function, IMAGE, KEY, REQUEST_ID, Seen, Wire, own_region};
use aws_credential_types::Credentials;
use aws_credential_types::credential_fn::provide_credentials_fn;
use serde_json::{Value, json};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

/// What the invocation is given, as in the template; the gateway gives up two seconds later.
const TIME: Duration = Duration::from_secs(28);
const ID: &str = "i-abba916a";

macro_rules! refusal {
    ($code:literal) => {
        concat!("<Response><Errors><Error><Code>", $code, "</Code><Message>m</Message></Error></Errors></Response>")
    };
}

/// What an operation does, as far as faults make a difference.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Read,
    /// A change whose answer says something that the caller is told.
    Change,
    /// A change whose answer says nothing but that it has happened.
    Silently,
    /// The same, and not to be repeated.
    Once,
    Launch,
}
use Does::{Change, Launch, Once, Read, Silently};

/// Every operation: `ID`, `REGION` and `BUCKET` are filled in.
const OPERATIONS: &[(Does, &str, &str)] = &[
    (Launch, "POST", "/ec2/create?region_name=REGION&image_id=ami-1e749f67"),
    (Change, "POST", "/ec2/start?region_name=REGION&instance_id=ID"),
    (Change, "POST", "/ec2/stop?region_name=REGION&instance_id=ID"),
    (Once, "POST", "/ec2/reboot?region_name=REGION&instance_id=ID"),
    (Silently, "PUT", "/v1/ID/modify?region=REGION&attribute=disableApiTermination&value=false"),
    (Read, "GET", "/instance/REGION/ID"),
    (Read, "GET", "/ec2/list?region_name=REGION"),
    (Change, "POST", "/ec2/terminate?region_name=REGION&instance_id=ID"),
    (Read, "GET", "/s3?region_name=REGION"),
    (Read, "GET", "/s3/demo-faults?region_name=REGION"),
    (Silently, "PUT", "/s3/demo-faults/k?region_name=REGION"),
    (Read, "GET", "/s3/demo-faults/got?region_name=REGION"),
    (Silently, "DELETE", "/s3/demo-faults/deleted?region_name=REGION"),
    (Once, "PUT", "/s3/demo-new-N?region_name=REGION"),
    (Once, "DELETE", "/s3/demo-gone-N?region_name=REGION"),
];

/// What a caller is told of a fault that lasts.
struct Told {
    status: u64,
    code: &'static str,
    /// Whether a change may have happened all the same.
    uncertain: bool,
    /// How often AWS is asked.
    attempts: usize,
}

const fn told(status: u64, code: &'static str, uncertain: bool, attempts: usize) -> Option<Told> {
    Some(Told { status, code, uncertain, attempts })
}

/// Every fault: what comes of it if it lasts (`None`: nothing), and whether it is survived if it happens once.
const FAULTS: &[(Fault, Option<Told>, bool)] = &[
    (Fault::Late(Duration::from_millis(300)), None, true),
    (Fault::Cut, told(504, "EndpointUnreachable", true, 3), true),
    (Fault::CutAfter, told(504, "EndpointUnreachable", true, 3), true),
    (Fault::Reset, told(504, "EndpointUnreachable", true, 3), true),
    // Half a refusal is one: where this lasts, moto has nothing to do it to.
    (Fault::Truncated, told(502, "UnreadableAnswer", false, 3), true),
    (Fault::Garbled, told(502, "UnreadableAnswer", true, 1), false),
    (Fault::Silent, told(504, "RequestTimeout", true, 2), true),
    (Fault::Answer(200, ""), told(502, "UnreadableAnswer", true, 1), false),
    (Fault::Answer(200, "<html>Welcome</html>"), told(502, "UnreadableAnswer", true, 1), false),
    (Fault::Answer(502, "<html>Bad gateway</html>"), told(502, "UnreadableAnswer", true, 3), true),
    (Fault::Answer(500, refusal!("InternalError")), told(502, "InternalError", true, 3), true),
    (Fault::Answer(503, refusal!("Unavailable")), told(503, "Unavailable", false, 3), true),
    (Fault::Answer(503, refusal!("RequestLimitExceeded")), told(429, "RequestLimitExceeded", false, 3), true),
    (
        Fault::Answer(500, refusal!("InsufficientInstanceCapacity")),
        told(503, "InsufficientInstanceCapacity", false, 3),
        true,
    ),
    (Fault::Answer(400, refusal!("RequestExpired")), told(502, "RequestExpired", false, 1), false),
    (Fault::Answer(403, refusal!("UnauthorizedOperation")), told(502, "UnauthorizedOperation", false, 1), false),
];

/// A region of its own for each use: the SDK has an allowance of retries for each.
fn region() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap());
    format!("zz-{}{}{}-1", letter(n / 676), letter(n / 26), letter(n))
}

/// Runs them side by side.
async fn all<F: Future<Output = ()>>(futures: impl Iterator<Item = F>) {
    let mut futures: Vec<Pin<Box<F>>> = futures.map(Box::pin).collect();
    poll_fn(|context| {
        futures.retain_mut(|it| it.as_mut().poll(context).is_pending());
        if futures.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Sends one request through a fault, and asserts on what holds of every one.
async fn through(fault: Fault, times: usize, method: &str, path: &str) -> (Answer, Vec<Seen>) {
    let function = Function::new(Wire::faulty(fault, times).await, &[]).await;
    let began = Instant::now();
    let answer = function.invoke_within(&Event2::new(method, path).key().json(), TIME).await;
    assert!(began.elapsed() < TIME, "{fault:?} {method} {path} took {:?}", began.elapsed());
    assert_eq!(answer.headers["x-request-id"], REQUEST_ID);
    assert_eq!(function.log_line()["status"], answer.status);
    let seen = function.wire.seen();
    let launches: Vec<_> = seen.iter().filter(|it| it.action() == "RunInstances").map(Seen::form).collect();
    assert!(
        launches.iter().all(|launch| *launch == launches[0]),
        "a launch that is repeated is the same: {launches:#?}"
    );
    assert!(launches.iter().all(|launch| launch.contains(&format!("ClientToken={REQUEST_ID}"))));
    (answer, seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_that_lasts_is_told_in_time_and_truthfully_for_every_operation() {
    // moto has nothing in these regions: what it garbles there would be refusals.
    let lasting = FAULTS.iter().filter(|(fault, ..)| !matches!(fault, Fault::Garbled));
    let cells = lasting.filter_map(|(fault, told, _)| Some((fault, told.as_ref()?)));
    let cells = cells.flat_map(|(fault, told)| OPERATIONS.iter().map(move |operation| (fault, told, operation)));
    all(cells.map(async |(fault, told, (does, method, path))| {
        let region = region();
        let path = path.replace("REGION", &region).replace("ID", ID).replace("demo-faults", "demo-nothing");
        let path = path.replace("-N", &format!("-{region}"));
        let cell = format!("{fault:?} {method} {path}");
        let (answer, seen) = through(*fault, usize::MAX, method, &path).await;
        let bytes = path.contains("/got");

        // What says nothing but "done" is done whatever else comes with it; and an object may be anything.
        let done = matches!(fault, Fault::Answer(200, _)) && (matches!(does, Silently | Once) || bytes);
        if done || (matches!(fault, Fault::Truncated) && path.contains("demo-new")) {
            assert!([200, 201, 204].contains(&answer.status), "{cell}: {answer:?}");
            return;
        }
        if path.starts_with("/v1") {
            assert_eq!(
                (answer.status, answer.headers["x-error-code"].as_str()),
                (408, told.code),
                "{cell}: {answer:?}"
            );
        } else {
            assert_eq!(answer.status, told.status, "{cell}: {answer:?}");
            let body = answer.json();
            let code = if path.starts_with("/instance") { &body["errors"][0]["id"] } else { &body["Error"] };
            assert_eq!(code, told.code, "{cell}: {answer:?}");
        }
        assert_eq!(answer.headers.contains_key("retry-after"), told.status == 429, "{cell}");
        let doubt = "what was asked for may have happened or not";
        assert_eq!(answer.body.contains(doubt), told.uncertain && *does != Read, "{cell}: {answer:?}");
        let (looks, tries): (Vec<_>, Vec<_>) =
            seen.iter().partition(|it| *does == Launch && it.action() == "DescribeInstances");
        let attempts = if *does == Once { 1 } else { told.attempts };
        // After two attempts of twelve seconds there may be time for the beginning of a third.
        let most = attempts + usize::from(matches!(fault, Fault::Silent) && *does != Once);
        assert!((attempts..=most).contains(&tries.len()), "{cell}: {answer:?}");
        // A launch whose answer is lost is looked for by its token.
        assert_eq!(!looks.is_empty(), *does == Launch && told.uncertain, "{cell}");
        for look in looks {
            assert!(look.form().contains(&format!("Filter.1.Value.1={REQUEST_ID}")), "{:?}", look.form());
        }
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_that_happens_once_is_survived_by_every_operation_or_told() {
    let function = Function::with_moto().await;
    assert_eq!(function.call("PUT", "/s3/demo-faults").await.status, 201);
    let regions = [own_region(), own_region(), own_region(), own_region()];
    let faults = FAULTS.iter().enumerate().zip(regions.iter().cycle());
    all(faults.map(async |((n, (fault, told, survived)), region)| {
        let function = Function::with_moto().await;
        let create = format!("/ec2/create?region_name={region}&image_id={IMAGE}");
        let id = function.call("POST", &create).await.json()["InstanceId"].as_str().unwrap().to_owned();
        let put = Event2::new("PUT", "/s3/demo-faults/got").key().body("text/plain", "some content");
        assert_eq!(function.invoke(&put.json()).await.status, 201);
        let gone = format!("/s3/demo-gone-{n}?region_name={region}");
        assert_eq!(function.call("PUT", &gone).await.status, 201);
        // All at once, on one instance: moto knows no wrong states.
        let (id, told, lasts) = (id.as_str(), told.as_ref(), told.is_some());
        all(OPERATIONS.iter().map(async |(does, method, path)| {
            let path = path.replace("REGION", if path.starts_with("/s3/demo-faults") { "us-east-1" } else { region });
            let path = path.replace("-N", &format!("-{n}"));
            let path = path.replace("ID", id);
            let cell = format!("{fault:?} once {method} {path}");
            let (answer, seen) = through(*fault, 1, method, &path).await;
            // What says nothing but "done" is done; and in S3 it says so before its body.
            let silently = matches!(does, Silently | Once);
            let no_matter = match fault {
                Fault::Garbled | Fault::Answer(200, _) => silently || path.contains("/got"),
                Fault::Truncated => silently && path.starts_with("/s3"),
                _ => false,
            };
            if path.contains("/got") && matches!(fault, Fault::Truncated | Fault::Garbled) {
                // An object is read after the answer has begun: nothing repeats it. Its checksum tells that it is not whole.
                answer.refuses(504, "IncompleteAnswer", "AWS's answer to s3:GetObject did not arrive whole");
                return;
            }
            let told = told.filter(|_| !(no_matter || *survived && *does != Once));
            match told {
                None => {
                    assert!([200, 201, 204].contains(&answer.status), "{cell}: {answer:?}");
                    let attempts = if !lasts || no_matter { 1 } else { 2 };
                    assert_eq!(seen.len(), attempts, "{cell}");
                }
                // moto can't be asked for a client token: it stays a doubt here.
                Some(told) if *does == Launch && told.uncertain => {
                    assert!(answer.body.contains("may have happened or not"), "{cell}: {answer:?}");
                }
                Some(told) => {
                    let status = if path.starts_with("/v1") { 408 } else { told.status };
                    assert_eq!((answer.status, seen.len()), (status, 1), "{cell}: {answer:?}");
                }
            }
        }))
        .await;
    }))
    .await;
}

// ------------------------------------------------------------------------------------------------------------- once only

const LAUNCHED: &str = "<RunInstancesResponse><instancesSet><item><instanceId>i-abba916a</instanceId></item></instancesSet>\
    </RunInstancesResponse>";
const DESCRIBED: &str = "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>i-abba916a</instanceId>\
    </item></instancesSet></item></reservationSet></DescribeInstancesResponse>";
const NOTHING: &str = "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>";
const CREATE: &str = "/ec2/create?region_name=eu-west-1&image_id=ami-abba916a";

#[tokio::test]
async fn a_launch_whose_answer_is_lost_is_found_by_its_token_and_reported_as_done() {
    for lost in [(200, ""), (200, "<RunInstancesResponse>garb"), (502, "<html>Bad gateway</html>")] {
        let attempts = if lost.0 == 200 { 1 } else { 3 };
        let mut answers = vec![lost; attempts];
        // EC2 shows it a little later.
        answers.extend([(200, NOTHING), (200, DESCRIBED)]);
        let function = Function::canned(&answers).await;
        let answer = function.call("POST", &CREATE.replace("eu-west-1", &region())).await;
        assert_eq!((answer.status, &answer.json()["InstanceId"]), (200, &json!(ID)), "{lost:?}: {answer:?}");
        let seen = function.wire.seen();
        assert_eq!(seen.iter().filter(|it| it.action() == "RunInstances").count(), attempts);
        let look = seen.last().unwrap().form();
        for line in
            ["Action=DescribeInstances", "Filter.1.Name=client-token", &format!("Filter.1.Value.1={REQUEST_ID}")]
        {
            assert!(look.contains(&line.to_owned()), "{look:?}");
        }
        assert_eq!(function.log_line()["instance_ids"], json!([ID]));
    }
}

#[tokio::test]
async fn a_launch_is_done_when_as_many_as_were_asked_for_are_there() {
    let none = "<RunInstancesResponse><instancesSet/></RunInstancesResponse>";
    let function = Function::canned(&[(200, none), (200, DESCRIBED)]).await;
    let answer = function.call("POST", CREATE).await;
    assert_eq!((answer.status, &answer.json()["InstanceId"]), (200, &json!(ID)), "{answer:?}");
    let function =
        Function::canned(&[(200, none), (200, DESCRIBED), (200, DESCRIBED), (200, DESCRIBED), (200, DESCRIBED)]).await;
    let answer = function.call("POST", &format!("{CREATE}&MinCount=2")).await;
    assert_eq!(answer.status, 502, "one is not two: {answer:?}");
    assert!(answer.body.contains("may have happened or not"), "{answer:?}");
}

#[tokio::test]
async fn what_an_earlier_attempt_may_have_done_is_in_doubt_whatever_the_last_one_is_told() {
    let throttled = refusal!("RequestLimitExceeded");
    for (method, path, status) in [
        ("POST", "/ec2/terminate?region_name=REGION&instance_id=i-abba916a", 429),
        ("PUT", "/v1/i-abba916a/modify?region=REGION&attribute=enaSupport&value=true", 408),
        ("PUT", "/s3/demo-x/k?region_name=REGION", 429),
    ] {
        let throttled = if path.starts_with("/s3") {
            "<Error><Code>SlowDown</Code><Message>m</Message></Error>"
        } else {
            throttled
        };
        let function = Function::canned(&[(502, "<html>Bad gateway</html>"), (503, throttled), (503, throttled)]).await;
        let answer = function.call(method, &path.replace("REGION", &region())).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(answer.body.contains("what was asked for may have happened or not"), "{path}: {answer:?}");
        assert_eq!(function.wire.seen().len(), 3);
        // Refused three times is refused.
        let function = Function::canned(&[(503, throttled); 3]).await;
        let answer = function.call(method, &path.replace("REGION", &region())).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(!answer.body.contains("may have happened"), "{path}: {answer:?}");
    }
    // A launch is found.
    let answers = [(502, "<html>Bad gateway</html>"), (503, throttled), (503, throttled), (200, DESCRIBED)];
    let function = Function::canned(&answers).await;
    let answer = function.call("POST", &CREATE.replace("eu-west-1", &region())).await;
    assert_eq!((answer.status, &answer.json()["InstanceId"]), (200, &json!(ID)), "{answer:?}");
}

#[tokio::test]
async fn an_earlier_launch_under_the_same_key_is_not_this_one() {
    let other = DESCRIBED.replace("</instanceId>", "</instanceId><instanceType>m5.large</instanceType>");
    let ended = state(48, "terminated");
    for found in [other, ended] {
        let function = Function::canned(&[(200, ""), (200, &found)]).await;
        let answer = function.call("POST", CREATE).await;
        assert_eq!(answer.status, 502, "{answer:?}");
        assert!(answer.body.contains("may have happened or not"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_termination_that_one_of_several_instances_stops_is_in_doubt() {
    let refused = refusal!("OperationNotPermitted");
    let function = Function::canned(&[(400, refused), (400, refused)]).await;
    let terminate = "/ec2/terminate?region_name=eu-west-1&instance_id=i-abba916a";
    let doubt = "m: what was asked for may have happened or not";
    function.call("POST", &format!("{terminate},i-abba916b")).await.refuses(409, "OperationNotPermitted", doubt);
    function.call("POST", terminate).await.refuses(409, "OperationNotPermitted", "m");
}

#[tokio::test]
async fn what_fails_before_a_change_is_no_doubt_about_it() {
    let html = "<html>Bad gateway</html>";
    let function =
        Function::governed(Wire::canned(&[(502, html); 3]).await, "permit (principal, action, resource);", &[]).await;
    let answer = function.call("POST", &format!("/ec2/stop?region_name={}&instance_id={ID}", region())).await;
    let message = "AWS answered ec2:DescribeInstances with something that is not an answer";
    answer.refuses(502, "UnreadableAnswer", message);
}

#[tokio::test]
async fn a_refused_launch_is_not_looked_for() {
    let refused = refusal!("InvalidParameterValue");
    let function = Function::canned(&[(400, refused)]).await;
    function.call("POST", CREATE).await.refuses(400, "InvalidParameterValue", "m");
    assert_eq!(function.wire.seen().len(), 1);
}

#[tokio::test]
async fn nothing_listening_is_no_doubt() {
    let function = Function::alone(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")]).await;
    let path = format!("/ec2/stop?region_name={}&instance_id={ID}", region());
    function.call("POST", &path).await.refuses(
        504,
        "EndpointUnreachable",
        "AWS could not be reached for ec2:StopInstances",
    );
}

fn launch(key: Option<&str>) -> Value {
    let event = Event2::new("POST", CREATE).key();
    key.into_iter().fold(event, |event, key| event.header("idempotency-key", key)).json()
}

/// The client token that a launch is sent with.
async fn token(event: &Value) -> String {
    let function = Function::canned(&[(200, LAUNCHED)]).await;
    let answer = function.invoke(event).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let form = function.wire.only().form();
    let token = form.iter().find_map(|line| line.strip_prefix("ClientToken=")).unwrap().to_owned();
    assert!(form.contains(&format!("TagSpecification.1.Tag.2.Value={token}")), "the tag is the token: {form:?}");
    assert_eq!(function.log_line()["client_token"], token);
    token
}

#[tokio::test]
async fn an_idempotency_key_is_the_launchs_client_token_and_the_callers_own() {
    let (one, other) = (token(&launch(Some("order-1"))).await, token(&launch(Some("order-2"))).await);
    assert_eq!(one.len(), 64);
    assert_eq!(one, token(&launch(Some("order-1"))).await, "the same key is the same token, whatever the request's ID");
    assert_eq!(one, token(&launch(Some("\"order-1\""))).await, "the draft's form has quotes");
    assert_ne!(one, other);
    assert_eq!(token(&launch(None)).await, REQUEST_ID);
    let mut by_role = launch(Some("order-1"));
    by_role["requestContext"]["authorizer"] = json!({"iam": {"userArn": "arn:aws:iam::123456789012:user/demo"}});
    let function = Function::canned(&[(200, LAUNCHED)]).await;
    assert_eq!(function.invoke(&by_role).await.status, 200);
    assert!(
        !function.wire.only().form().contains(&format!("ClientToken={one}")),
        "another caller's key is another key"
    );
    // In every dialect.
    let function = Function::canned(&[(200, LAUNCHED)]).await;
    let path = "/v1/launch?ami=ami-abba916a&instance_type=t3.micro";
    let event = Event2::new("PUT", path).key().header("idempotency-key", "order-1").json();
    assert_eq!(function.invoke(&event).await.status, 200);
    assert!(function.wire.only().form().contains(&format!("ClientToken={one}")));
}

#[tokio::test]
async fn another_launch_under_the_same_key_is_422() {
    let mismatch = refusal!("IdempotentParameterMismatch");
    let function = Function::canned(&[(400, mismatch)]).await;
    function.invoke(&launch(Some("order-1"))).await.refuses(422, "IdempotentParameterMismatch", "m");
}

#[tokio::test]
async fn an_idempotency_key_that_is_none_is_refused() {
    let function = Function::alone(&[]).await;
    let message = "Idempotency-Key must be one key of 1 to 64 ASCII characters";
    for key in ["", "\"\"", &"k".repeat(65), "schlüssel", "a\tb"] {
        function.invoke(&launch(Some(key))).await.refuses(400, "InvalidParameterValue", message);
    }
    function.quiet();
    // Where nothing is launched it is of no use, and does no harm.
    let function = Function::canned(&[(200, NOTHING)]).await;
    let event = Event2::new("GET", "/ec2/list?region_name=us-east-1").key().header("idempotency-key", "").json();
    function.invoke(&event).await.is(200, &json!([]));
}

// ---------------------------------------------------------------------------------------------------------------- waiting

fn state(code: u8, name: &str) -> String {
    DESCRIBED.replace(
        "</instanceId>",
        &format!("</instanceId><instanceState><code>{code}</code><name>{name}</name></instanceState>"),
    )
}

fn changed(action: &str, code: u8, name: &str) -> String {
    format!(
        "<{action}InstancesResponse><instancesSet><item><instanceId>{ID}</instanceId><currentState><code>{code}</code>\
         <name>{name}</name></currentState><previousState><code>16</code><name>running</name></previousState></item>\
         </instancesSet></{action}InstancesResponse>"
    )
}

#[tokio::test]
async fn a_change_waits_for_the_state_that_it_leads_to() {
    for (path, action, now, before, then) in [
        ("stop", "Stop", (64, "stopping"), (64, "stopping"), (80, "stopped")),
        ("start", "Start", (0, "pending"), (0, "pending"), (16, "running")),
        ("terminate", "Terminate", (32, "shutting-down"), (16, "running"), (48, "terminated")),
    ] {
        let (changed, before, then) =
            (changed(action, now.0, now.1), state(before.0, before.1), (state(then.0, then.1), then));
        let function = Function::canned(&[
            (200, &changed),
            (200, &before),
            (400, refusal!("InvalidInstanceID.NotFound")),
            (200, &then.0),
        ])
        .await;
        let answer =
            function.call("POST", &format!("/ec2/{path}?region_name=eu-west-1&instance_id={ID}&wait=20")).await;
        let states = json!({
            "InstanceId": ID, "CurrentState": {"Code": then.1.0, "Name": then.1.1}, "PreviousState": {"Code": 16, "Name": "running"},
        });
        answer.is(200, &states);
        assert_eq!(answer.headers.get("warning"), None);
        assert_eq!(function.wire.seen().len(), 4, "{path}");
    }
}

#[tokio::test]
async fn a_launch_waits_until_its_instances_run_and_answers_in_every_dialect() {
    let launched = LAUNCHED
        .replace("</instanceId>", "</instanceId><instanceState><code>0</code><name>pending</name></instanceState>");
    let running = state(16, "running");
    let function = Function::canned(&[(200, &launched), (200, &running)]).await;
    let answer = function.call("POST", &format!("{CREATE}&wait=5")).await;
    assert_eq!(answer.json()["State"], json!({"Code": 16, "Name": "running"}));
    let function = Function::canned(&[(200, &launched), (200, &running)]).await;
    let path = "/v1/launch?ami=ami-abba916a&instance_type=t3.micro&wait=5";
    function.call("PUT", path).await.is(200, &json!([ID]));
    assert_eq!(function.wire.seen().len(), 2);
    let tagged = "<CreateTagsResponse><return>true</return></CreateTagsResponse>";
    let function =
        Function::canned(&[(200, &changed("Stop", 64, "stopping")), (200, tagged), (200, &state(80, "stopped"))]).await;
    let answer = function.call("POST", &format!("/instance/eu-west-1/{ID}/stop?wait=5")).await;
    assert_eq!((answer.status, answer.headers.get("warning")), (204, None));
}

#[tokio::test]
async fn a_wait_that_is_too_short_is_no_error_but_says_so() {
    let function = Function::canned(&[
        (200, &changed("Stop", 64, "stopping")),
        (200, &state(64, "stopping")),
        (200, &state(64, "stopping")),
    ])
    .await;
    let answer = function.call("POST", &format!("/ec2/stop?region_name=eu-west-1&instance_id={ID}&wait=1")).await;
    assert_eq!((answer.status, &answer.json()["CurrentState"]["Name"]), (200, &json!("stopping")));
    assert_eq!(answer.headers["warning"], format!("299 - \"1 of 1 not stopped: {ID} stopping\""));
    // What is left of the invocation counts, not what is asked for; and what can't be asked is no failure, either.
    let function = Function::canned(&[(200, &changed("Stop", 64, "stopping")), (0, "")]).await;
    let event = Event2::new("POST", &format!("/ec2/stop?region_name=eu-west-1&instance_id={ID}&wait=900")).key().json();
    let began = Instant::now();
    let answer = function.invoke_within(&event, Duration::from_secs(3)).await;
    assert!(began.elapsed() < Duration::from_secs(3));
    assert_eq!(
        (answer.status, answer.headers["warning"].as_str()),
        (200, &*format!("299 - \"1 of 1 not stopped: {ID} stopping\""))
    );
    for wait in ["-1", "901", "soon", "1.5"] {
        let answer =
            function.call("POST", &format!("/ec2/stop?region_name=eu-west-1&instance_id={ID}&wait={wait}")).await;
        answer.refuses(400, "InvalidParameterValue", "wait must be a whole number from 0 to 900");
    }
}

// ------------------------------------------------------------------------------------------------------------------- time

#[tokio::test]
async fn a_list_that_takes_too_long_ends_with_a_token_instead_of_an_error() {
    let page = DESCRIBED.replace("</reservationSet>", "</reservationSet><nextToken>more</nextToken>");
    let wire = Wire::slow(&[(200, &page), (200, &page)], Duration::from_secs(1)).await;
    let function = Function::new(wire, &[]).await;
    // One second is kept for the answer: when the first page has come there is no time for another.
    let event = Event2::new("GET", "/ec2/list?region_name=eu-west-1").key().json();
    let answer = function.invoke_within(&event, Duration::from_millis(3500)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json().as_array().unwrap().len(), 1);
    assert_eq!(answer.headers.get("x-next-token").map(String::as_str), Some("more"));
}

#[tokio::test]
async fn credentials_that_expire_in_between_are_refreshed() {
    let mut function = Function::canned(&[(200, NOTHING), (200, NOTHING)]).await;
    // New ones each time, which are as good as expired.
    let next = Arc::new(AtomicUsize::new(0));
    let provider = provide_credentials_fn(move || {
        let (n, expiry) = (next.fetch_add(1, Ordering::Relaxed), SystemTime::now() + Duration::from_secs(1));
        async move { Ok(Credentials::new(format!("AKID{n}"), "testing", None, Some(expiry), "tests")) }
    });
    function.set_credentials_provider(provider);
    for n in 0..2 {
        function.call("GET", "/ec2/list?region_name=eu-west-1").await.is(200, &json!([]));
        let seen = function.wire.only();
        assert!(seen.headers["authorization"].contains(&format!("Credential=AKID{n}/")), "{seen:?}");
        assert!(!seen.headers["authorization"].contains(KEY));
    }
}
