//! Faults on a real socket: whatever happens between the function and AWS, the function answers in
//! time and truthfully, and launches nothing twice.

use crate::support::{A, Answer, Fault, Function, HttpApiEvent, IMAGE, REQUEST_ID, RecordedRequest, Wire, own_region};
use futures_util::{StreamExt as _, stream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The function's timeout, as in the template; API Gateway gives up two seconds later.
const TIMEOUT: Duration = Duration::from_secs(28);

/// What an operation does, as far as faults make a difference.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Effect {
    Read,
    /// A read whose response may be any bytes.
    ReadBytes,
    /// A change whose response has content.
    Change,
    /// A change whose response has no content: the status says that it happened.
    EmptyChange,
    /// The same, and never retried.
    UnretriedChange,
    Launch,
}
use Effect::{Change, EmptyChange, Launch, Read, ReadBytes, UnretriedChange};

impl Effect {
    fn is_read(self) -> bool {
        matches!(self, Read | ReadBytes)
    }

    fn has_content(self) -> bool {
        !matches!(self, EmptyChange | UnretriedChange)
    }
}

/// Every operation: `ID`, `REGION` and `N` are filled in.
const OPERATIONS: &[(Effect, &str, &str)] = &[
    (Launch, "POST", "/ec2/create?region_name=REGION&image_id=ami-1e749f67"),
    (Change, "POST", "/ec2/start?region_name=REGION&instance_id=ID"),
    (Change, "POST", "/ec2/stop?region_name=REGION&instance_id=ID"),
    (Change, "POST", "/ec2/start?region_name=REGION&instance_id=ID&partial=true"),
    (UnretriedChange, "POST", "/ec2/reboot?region_name=REGION&instance_id=ID"),
    (EmptyChange, "PUT", "/v1/ID/modify?region=REGION&attribute=disableApiTermination&value=false"),
    (Read, "GET", "/instance/REGION/ID"),
    (Read, "GET", "/ec2/list?region_name=REGION"),
    (Change, "POST", "/ec2/terminate?region_name=REGION&instance_id=ID"),
    (Read, "GET", "/s3?region_name=REGION"),
    (Read, "GET", "/s3/demo-faults?region_name=REGION"),
    (EmptyChange, "PUT", "/s3/demo-faults/put-N?region_name=REGION"),
    (ReadBytes, "GET", "/s3/demo-faults/got-N?region_name=REGION"),
    (EmptyChange, "DELETE", "/s3/demo-faults/deleted?region_name=REGION"),
    (UnretriedChange, "PUT", "/s3/demo-new-N?region_name=REGION"),
    (UnretriedChange, "DELETE", "/s3/demo-gone-N?region_name=REGION"),
];

/// The error of a request under a permanent fault.
struct Failure {
    status: u64,
    code: &'static str,
    /// Whether a change may have taken effect nevertheless.
    ambiguous: bool,
    /// The number of attempts.
    attempts: usize,
}

const fn failure(status: u64, code: &'static str, ambiguous: bool, attempts: usize) -> Option<Failure> {
    Some(Failure { status, code, ambiguous, attempts })
}

/// Every fault: the error if the fault is permanent (`None`: no error), and whether a retry
/// recovers from a single one.
const FAULTS: &[(Fault, Option<Failure>, bool)] = &[
    (Fault::Late(Duration::from_millis(300)), None, true),
    (Fault::Cut, failure(504, "EndpointUnreachable", true, 3), true),
    (Fault::CutAfter, failure(504, "EndpointUnreachable", true, 3), true),
    (Fault::Reset, failure(504, "EndpointUnreachable", true, 3), true),
    // Half a refusal is still a refusal: while this lasts, moto has nothing to change.
    (Fault::Truncated, failure(502, "UnreadableAnswer", false, 3), true),
    (Fault::Garbled, failure(502, "UnreadableAnswer", true, 1), false),
    (Fault::Silent, failure(504, "RequestTimeout", true, 2), true),
    (Fault::Answer(200, ""), failure(502, "UnreadableAnswer", true, 1), false),
    (Fault::Answer(200, "<html>Welcome</html>"), failure(502, "UnreadableAnswer", true, 1), false),
    (Fault::Answer(502, "<html>Bad gateway</html>"), failure(502, "UnreadableAnswer", true, 3), true),
    (Fault::Refusal(500, "InternalError"), failure(502, "InternalError", true, 3), true),
    (Fault::Refusal(503, "Unavailable"), failure(503, "Unavailable", false, 3), true),
    (Fault::Refusal(503, "RequestLimitExceeded"), failure(429, "RequestLimitExceeded", false, 3), true),
    (Fault::Refusal(500, "InsufficientInstanceCapacity"), failure(503, "InsufficientInstanceCapacity", false, 3), true),
    (Fault::Refusal(400, "RequestExpired"), failure(502, "RequestExpired", false, 1), false),
    (Fault::Refusal(403, "UnauthorizedOperation"), failure(502, "UnauthorizedOperation", false, 1), false),
];

/// A region for one use: the SDK has a retry quota for each region.
pub fn region() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap());
    format!("zz-{}{}{}-1", letter(n / 676), letter(n / 26), letter(n))
}

/// How many requests are sent side by side: each has a server of its own, and an ordinary user may
/// have 1,024 open files.
const MAX_PARALLEL: usize = 60;

/// Runs futures concurrently.
async fn all<F: Future<Output = ()>>(futures: impl Iterator<Item = F>) {
    stream::iter(futures).for_each_concurrent(MAX_PARALLEL, |future| future).await;
}

/// Sends one request through a fault, and asserts what holds for every request.
async fn through(fault: Fault, times: usize, method: &str, path: &str) -> (Answer, Vec<RecordedRequest>) {
    let function = Function::new(Wire::faulty(fault, times).await, &[]).await;
    let began = Instant::now();
    let answer = function.invoke_within(&HttpApiEvent::new(method, path).key().json(), TIMEOUT).await;
    assert!(began.elapsed() < TIMEOUT, "{fault:?} {method} {path} took {:?}", began.elapsed());
    assert_eq!(answer.headers["x-request-id"], REQUEST_ID);
    assert_eq!(function.log_line()["status"], answer.status);
    let requests = function.wire.requests();
    let launches = requests.iter().filter(|request| request.action() == "RunInstances");
    let launches: Vec<_> = launches.map(RecordedRequest::form).collect();
    assert!(launches.iter().all(|launch| *launch == launches[0]), "a retried launch is the same: {launches:#?}");
    assert!(launches.iter().all(|launch| launch.contains(&format!("ClientToken={REQUEST_ID}"))));
    (answer, requests)
}

/// The code of an error, in the words of the path's dialect.
fn error_code(path: &str, answer: &Answer) -> String {
    match path.split('/').nth(1) {
        Some("v1") => answer.headers["x-error-code"].clone(),
        Some("instance") => answer.json()["errors"][0]["id"].as_str().unwrap().to_owned(),
        _ => answer.json()["Error"].as_str().unwrap().to_owned(),
    }
}

/// The status of an error, in the dialect of the path.
fn error_status(path: &str, failure: &Failure) -> u64 {
    if path.starts_with("/v1") { 408 } else { failure.status }
}

#[tokio::test(flavor = "multi_thread")]
async fn permanent_fault_is_reported_in_time_and_truthfully_by_every_operation() {
    // moto has no instances in these regions: it would garble refusals.
    let permanent = FAULTS.iter().filter(|(fault, ..)| !matches!(fault, Fault::Garbled));
    let cells = permanent.filter_map(|(fault, failure, _)| Some((fault, failure.as_ref()?)));
    let cells = cells.flat_map(|(fault, failure)| OPERATIONS.iter().map(move |operation| (fault, failure, operation)));
    all(cells.map(async |(fault, failure, (effect, method, path))| {
        let region = region();
        let path = path.replace("REGION", &region).replace("ID", A).replace("demo-faults", "demo-nothing");
        let path = path.replace("-N", &format!("-{region}"));
        let cell = format!("{fault:?} {method} {path}");
        let (answer, requests) = through(*fault, usize::MAX, method, &path).await;

        // A change without content is done by its status; and an object may be any bytes.
        let done = matches!(fault, Fault::Answer(200, _)) && (!effect.has_content() || *effect == ReadBytes);
        if done || (matches!(fault, Fault::Truncated) && path.contains("demo-new")) {
            assert!([200, 201, 204].contains(&answer.status), "{cell}: {answer:?}");
            return;
        }
        assert_eq!(answer.status, error_status(&path, failure), "{cell}: {answer:?}");
        assert_eq!(error_code(&path, &answer), failure.code, "{cell}: {answer:?}");
        assert_eq!(answer.headers.contains_key("retry-after"), failure.status == 429, "{cell}");
        let unknown = "what was asked for may have happened or not";
        assert_eq!(answer.body.contains(unknown), failure.ambiguous && !effect.is_read(), "{cell}: {answer:?}");
        // A region that can't be reached is looked up, unless a change may have reached it.
        let (regions, requests): (Vec<_>, Vec<_>) =
            requests.into_iter().partition(|request| request.action() == "DescribeRegions");
        assert_eq!(!regions.is_empty(), effect.is_read() && failure.code == "EndpointUnreachable", "{cell}");
        let (lookups, tries): (Vec<_>, Vec<_>) =
            requests.iter().partition(|request| *effect == Launch && request.action() == "DescribeInstances");
        let attempts = if *effect == UnretriedChange { 1 } else { failure.attempts };
        // After two attempts of twelve seconds there may be time for the beginning of a third.
        let most = attempts + usize::from(matches!(fault, Fault::Silent) && *effect != UnretriedChange);
        assert!((attempts..=most).contains(&tries.len()), "{cell}: {answer:?}");
        // A launch without a usable response is looked up by its token.
        assert_eq!(!lookups.is_empty(), *effect == Launch && failure.ambiguous, "{cell}");
        for lookup in lookups {
            assert!(lookup.form().contains(&format!("Filter.1.Value.1={REQUEST_ID}")), "{:?}", lookup.form());
        }
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn single_fault_is_recovered_from_or_reported_by_every_operation() {
    let function = Function::with_moto().await;
    assert_eq!(function.put("/s3/demo-faults").await.status, 201);
    let regions = [own_region(), own_region(), own_region(), own_region()];
    let faults = FAULTS.iter().enumerate().zip(regions.iter().cycle());
    all(faults.map(async |((n, (fault, failure, recovered)), region)| {
        let function = Function::with_moto().await;
        let create = format!("/ec2/create?region_name={region}&image_id={IMAGE}");
        let id = function.post(&create).await.json()["InstanceId"].as_str().unwrap().to_owned();
        let put =
            HttpApiEvent::new("PUT", &format!("/s3/demo-faults/got-{n}")).key().body("text/plain", "some content");
        assert_eq!(function.send(put).await.status, 201);
        let gone = format!("/s3/demo-gone-{n}?region_name={region}");
        assert_eq!(function.put(&gone).await.status, 201);
        // All operations use one instance concurrently: moto accepts a change in any state. Objects
        // have a key for each fault: moto fails if two requests store the same key at once.
        let (id, failure) = (id.as_str(), failure.as_ref());
        all(OPERATIONS.iter().map(async |(effect, method, path)| {
            let path = path.replace("REGION", if path.starts_with("/s3/demo-faults") { "us-east-1" } else { region });
            let path = path.replace("-N", &format!("-{n}"));
            let path = path.replace("ID", id);
            let cell = format!("{fault:?} once {method} {path}");
            let (answer, requests) = through(*fault, 1, method, &path).await;
            if *effect == ReadBytes && matches!(fault, Fault::Truncated | Fault::Garbled) {
                // An object's body comes after the status: no retry. Its checksum does not match.
                answer.refuses(504, "IncompleteAnswer", "AWS's answer to s3:GetObject did not arrive whole");
                return;
            }
            // A change without content is done by its status, which S3 sends before the body.
            let harmless = match fault {
                Fault::Garbled | Fault::Answer(200, _) => !effect.has_content() || *effect == ReadBytes,
                Fault::Truncated => !effect.has_content() && path.starts_with("/s3"),
                _ => false,
            };
            let retried = *recovered && *effect != UnretriedChange;
            match failure.filter(|_| !harmless && !retried) {
                None => {
                    assert!([200, 201, 204].contains(&answer.status), "{cell}: {answer:?}");
                    let attempts = if failure.is_none() || harmless { 1 } else { 2 };
                    assert_eq!(requests.len(), attempts, "{cell}");
                }
                // A launch that has reached moto is found by its client token.
                Some(failure) if *effect == Launch && failure.ambiguous => {
                    let is_unknown = answer.body.contains("may have happened or not");
                    assert!(answer.status == 200 || is_unknown, "{cell}: {answer:?}");
                }
                Some(failure) => {
                    let status = error_status(&path, failure);
                    assert_eq!((answer.status, requests.len()), (status, 1), "{cell}: {answer:?}");
                }
            }
        }))
        .await;
    }))
    .await;
}
