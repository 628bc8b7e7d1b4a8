//! Unit tests of operations over replayed responses. They take as long as the pauses of the code:
//! tokio's paused clock needs a feature of tokio that would make Cargo build the SDK twice.

mod kept;

use super::account::TargetAccount;
use super::describe::DescribeInstance;
use super::launch::RunInstances;
use super::partial::change_each;
use super::selection::Found;
use super::start::StartInstances;
use super::state_call::{InstanceResult, StateCall};
use super::stop::StopInstances;
use super::terminate::TerminateInstances;
use super::{Completed, Context, Operation, Outcome, execute};
use crate::auth::{Authentication, Caller};
use crate::authz::Decision;
use crate::aws::accounts::Accounts;
use crate::aws::ec2::Ec2;
use crate::aws::replay::{Recorded, Replay, ok, refusal};
use crate::aws::s3::S3;
use crate::aws::sdk::AwsOutput;
use crate::config::Config;
use crate::error::{Error, Kind};
use crate::model::{
    HttpTokens, ImageId, InstanceId, InstanceRef, InstanceType, LaunchOptions, LaunchRequest, Region, Shutdown,
    StateChange, Targets,
};
use std::sync::Mutex;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::Instant;

const A: &str = "i-abba916a";
const B: &str = "i-abba916b";

/// What an operation runs in, and the responses that it gets.
struct Bench {
    config: Config,
    caller: Caller,
    replay: Replay,
    clients: (Ec2, S3),
    accounts: Accounts,
}

impl Bench {
    fn new(responses: impl IntoIterator<Item = Recorded>) -> Self {
        Self::with_variables(responses, &[])
    }

    fn with_variables(responses: impl IntoIterator<Item = Recorded>, variables: &[(&str, &str)]) -> Self {
        let value = |name: &str| match name {
            "AWS_REGION" => Some("us-east-1".to_owned()),
            _ => variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()),
        };
        let replay = Replay::new(responses);
        let config = Config::read(value).unwrap();
        Self {
            accounts: replay.accounts(&config),
            config,
            caller: Caller::new("demo", Authentication::Key),
            clients: replay.clients(),
            replay,
        }
    }

    fn context(&self, time: Duration) -> Context<'_> {
        Context {
            config: &self.config,
            policies: None,
            ec2: &self.clients.0,
            own_ec2: &self.clients.0,
            accounts: &self.accounts,
            s3: &self.clients.1,
            scheduler: None,
            now: OffsetDateTime::UNIX_EPOCH,
            caller: &self.caller,
            source_ip: None,
            account: TargetAccount::default(),
            region_parameter: "region",
            client_token: "token-1",
            has_idempotency_key: false,
            dry_run: false,
            wait: Duration::ZERO,
            deadline: Instant::now() + time,
            decision: Mutex::new(Decision::default()),
            audit: Mutex::default(),
        }
    }

    async fn run<O: Operation>(&self, operation: O) -> Result<Completed<O::Output>, Error> {
        done(execute(&operation, &self.context(Duration::from_secs(20))).await)
    }

    async fn wait<O: Operation>(&self, operation: O, wait: u64, time: u64) -> Completed<O::Output> {
        let context = Context { wait: Duration::from_secs(wait), ..self.context(Duration::from_secs(time)) };
        done(execute(&operation, &context).await).unwrap()
    }

    async fn dry_run<O: Operation>(&self, operation: O) -> Result<Outcome<O::Output>, Error> {
        execute(&operation, &Context { dry_run: true, ..self.context(Duration::from_secs(20)) }).await
    }
}

fn done<T>(outcome: Result<Outcome<T>, Error>) -> Result<Completed<T>, Error> {
    match outcome? {
        Outcome::Done(completed) => Ok(completed),
        Outcome::DryRun(_) => panic!("a dry run that nobody asked for"),
    }
}

fn region() -> Region {
    Region::parse("eu-west-1").unwrap()
}

fn targets(names: &[&str]) -> Targets {
    Targets::all(region(), names.iter().map(|name| InstanceRef::parse(name).unwrap()).collect())
}

fn start(names: &[&str]) -> StartInstances {
    StartInstances { targets: targets(names), end: None }
}

fn launch(max_count: u32) -> RunInstances {
    let request = LaunchRequest {
        template: None,
        image_id: None,
        instance_types: Vec::new(),
        subnet_ids: Vec::new(),
        min_count: 1,
        max_count,
        spot: None,
        http_tokens: HttpTokens::Required,
        options: LaunchOptions::default(),
        default_image: ImageId::parse("ami-abba916a").unwrap(),
        default_instance_type: InstanceType::parse("t3.micro").unwrap(),
    };
    RunInstances { region: region(), request, end: None }
}

/// A description of instances: ID, state and name.
fn described(instances: &[(&str, &str, &str)]) -> Recorded {
    let item = |(id, state, name): &(&str, &str, &str)| {
        format!(
            "<item><instancesSet><item><instanceId>{id}</instanceId><instanceType>t3.micro</instanceType>\
             <instanceState><code>16</code><name>{state}</name></instanceState>\
             <tagSet><item><key>Name</key><value>{name}</value></item></tagSet></item></instancesSet></item>"
        )
    };
    let items: String = instances.iter().map(item).collect();
    ok(format!("<DescribeInstancesResponse><reservationSet>{items}</reservationSet></DescribeInstancesResponse>"))
}

/// The response to a change of states.
fn changed(action: &str, ids: &[&str], state: &str) -> Recorded {
    let item = |id: &&str| {
        format!(
            "<item><instanceId>{id}</instanceId><currentState><name>{state}</name></currentState>\
             <previousState><name>x</name></previousState></item>"
        )
    };
    let items: String = ids.iter().map(item).collect();
    ok(format!("<{action}Response><instancesSet>{items}</instancesSet></{action}Response>"))
}

// ------------------------------------------------------------------------------------- resolution

#[tokio::test]
async fn name_resolves_to_the_only_instance_that_has_it() {
    let bench = Bench::new([described(&[(A, "stopped", "web")]), changed("StartInstances", &[A], "pending")]);
    let completed = bench.run(start(&["web"])).await.unwrap();
    assert_eq!(completed.output[0].instance, A);
    let requests = bench.replay.requests();
    assert!(requests[0].contains("Filter.1.Name=tag%3AName&Filter.1.Value.1=web"), "{requests:?}");
    assert!(requests[1].contains("InstanceId.1=i-abba916a"), "{requests:?}");
}

#[tokio::test]
async fn ids_and_names_of_the_same_instance_resolve_to_one_id_in_the_order_asked_for() {
    let bench = Bench::new([
        described(&[(A, "stopped", "web"), (B, "stopped", "db")]),
        changed("StartInstances", &[A, B], "pending"),
    ]);
    let completed = bench.run(start(&["db", A, "web"])).await.unwrap();
    let ids: Vec<_> = completed.output.iter().map(|result| result.instance.as_str()).collect();
    assert_eq!(ids, [B, A]);
}

#[tokio::test]
async fn ambiguous_or_unknown_name_is_an_error_and_nothing_is_changed() {
    for (found, kind, code, message) in [
        (
            described(&[(A, "running", "web"), (B, "stopped", "web")]),
            Kind::Conflict,
            "AmbiguousInstanceName",
            "2 instances are named web: i-abba916a (running), i-abba916b (stopped). Give an ID instead",
        ),
        (
            described(&[]),
            Kind::NotFound,
            "InvalidInstanceID.NotFound",
            "There is no instance named web (region eu-west-1)",
        ),
        // EC2 ignores case where a filter has wildcards.
        (
            described(&[(A, "running", "Web")]),
            Kind::NotFound,
            "InvalidInstanceID.NotFound",
            "There is no instance named web (region eu-west-1)",
        ),
    ] {
        let bench = Bench::new([found]);
        let error = bench.run(start(&["web"])).await.unwrap_err();
        assert_eq!((error.kind, &*error.code, error.message.as_str()), (kind, code, message));
        assert!(!error.outcome_unknown);
        assert_eq!(bench.replay.actions(), ["DescribeInstances"]);
    }
}

#[tokio::test]
async fn failed_name_lookup_leaves_no_doubt_whether_something_changed() {
    let bench = Bench::new([Recorded::Cut]);
    let error = bench.run(start(&["web"])).await.unwrap_err();
    assert_eq!((error.kind, error.outcome_unknown), (Kind::Unreachable, false));
    assert_eq!(error.message, "AWS could not be reached for ec2:DescribeInstances");
}

#[tokio::test]
async fn malformed_instance_id_of_ec2_is_an_internal_error() {
    let bench = Bench::new([described(&[("x", "running", "web")])]);
    let operation = DescribeInstance { region: region(), instance: InstanceRef::parse("web").unwrap() };
    assert_eq!(bench.run(operation).await.unwrap_err().kind, Kind::Internal);
}

// ---------------------------------------------------------------------------------------- partial

/// EC2 with instances that it refuses to change: a call fails as a whole.
struct Refusing {
    bad: Vec<InstanceId>,
    /// Whether its error names the first of them.
    names: bool,
    calls: Mutex<usize>,
}

/// Instances that may be changed.
fn permitted(ids: &[InstanceId]) -> Vec<Found> {
    ids.iter().map(|id| (id.to_string(), Ok(id.clone()))).collect()
}

impl StateCall for Refusing {
    type Item = InstanceId;

    async fn send(&self, _: &Context<'_>, ids: &[InstanceId]) -> Result<AwsOutput<Vec<InstanceId>>, Error> {
        *self.calls.lock().unwrap() += 1;
        let Some(bad) = ids.iter().find(|id| self.bad.contains(id)) else {
            return Ok(AwsOutput { value: ids.to_vec(), request_id: None });
        };
        let message = if self.names { format!("The instance '{bad}' is bad") } else { "One is bad".to_owned() };
        Err(Error { by_aws: true, ..Error::new(Kind::Conflict, "IncorrectInstanceState", message) })
    }
}

#[tokio::test]
async fn instances_that_ec2_refuses_are_found_with_few_calls() {
    let bench = Bench::new([]);
    let context = bench.context(Duration::from_secs(20));
    let all: Vec<_> = (0..12).map(|n| InstanceId::parse(&format!("i-{n:08x}")).unwrap()).collect();
    for count in 1..=all.len() {
        let ids = &all[..count];
        for subset in (0..1_usize << count).filter(|subset| count < 9 || subset % 37 == 0) {
            let is_bad = |n: usize| subset >> n & 1 == 1;
            let bad: Vec<_> = (0..count).filter(|n| is_bad(*n)).map(|n| ids[n].clone()).collect();
            for names in [true, false] {
                let call = Refusing { bad: bad.clone(), names, calls: Mutex::new(0) };
                let (results, _) = change_each(&context, &call, permitted(ids)).await;
                for (n, result) in results.iter().enumerate() {
                    match &result.change {
                        Ok(id) => assert_eq!((id.as_ref(), is_bad(n)), (Some(&ids[n]), false)),
                        Err(error) => assert!(is_bad(n), "{error}"),
                    }
                }
                let halvings = count.next_power_of_two().ilog2() as usize;
                let max = bad.len() * if names { 1 } else { 1 + halvings } + 1;
                let calls = *call.calls.lock().unwrap();
                assert!(calls <= max, "{calls} calls, not {max}, for {} bad of {count}", bad.len());
            }
        }
    }
}

#[tokio::test]
async fn instances_are_not_tried_after_the_deadline() {
    let bench = Bench::new([]);
    let context = bench.context(Duration::from_millis(200));
    let ids = [A, B].map(|id| InstanceId::parse(id).unwrap());
    let call = Refusing { bad: Vec::new(), names: true, calls: Mutex::new(0) };
    let (results, _) = change_each(&context, &call, permitted(&ids)).await;
    assert_eq!((*call.calls.lock().unwrap(), results.len()), (0, 2));
    for result in results {
        let error = result.change.unwrap_err();
        assert_eq!((&*error.code, error.outcome_unknown), ("RequestTimeout", false), "{error}");
    }
}

// ------------------------------------------------------------------------------------------- wait

/// The state of an instance after a change.
fn state(result: &InstanceResult<StateChange>) -> Option<&str> {
    result.change.as_ref().ok()?.as_ref()?.current.name.as_deref()
}

#[tokio::test]
async fn wait_ends_as_soon_as_all_instances_have_reached_the_state() {
    let bench = Bench::new([
        changed("StartInstances", &[A, B], "pending"),
        described(&[(A, "running", "a"), (B, "pending", "b")]),
        described(&[(A, "running", "a"), (B, "running", "b")]),
    ]);
    let started = Instant::now();
    let completed = bench.wait(start(&[A, B]), 60, 80).await;
    let states: Vec<_> = completed.output.iter().map(state).collect();
    assert_eq!((states, completed.warnings), (vec![Some("running"); 2], vec![]));
    assert_eq!(bench.replay.actions().len(), 3, "no look after the last one");
    assert!(started.elapsed() < Duration::from_secs(15), "two pauses, not the whole wait: {:?}", started.elapsed());
}

#[tokio::test]
async fn wait_ends_without_the_state_at_its_time_and_warns() {
    let pending = || described(&[(A, "pending", "a")]);
    let bench = Bench::new([changed("StartInstances", &[A], "pending"), pending(), pending()]);
    let completed = bench.wait(start(&[A]), 1, 20).await;
    assert_eq!(completed.warnings, ["1 of 1 not running: i-abba916a pending"]);
    assert!(completed.incomplete.is_none());
}

#[tokio::test]
async fn wait_ends_at_the_deadline_even_if_ec2_is_silent() {
    let bench = Bench::new([changed("StopInstances", &[A], "stopping"), Recorded::Silence]);
    let operation = StopInstances::plain(targets(&[A]));
    let started = Instant::now();
    let completed = bench.wait(operation, 60, 2).await;
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!(completed.warnings, ["1 of 1 not stopped: i-abba916a stopping"]);
}

#[tokio::test]
async fn wait_gives_up_on_a_terminated_instance_and_survives_a_failed_look() {
    let bench = Bench::new([
        changed("StartInstances", &[A], "pending"),
        refusal(503, "RequestLimitExceeded"),
        described(&[(A, "terminated", "a")]),
    ]);
    let completed = bench.wait(start(&[A]), 60, 80).await;
    assert_eq!(completed.warnings, ["1 of 1 not running: i-abba916a terminated"]);
    assert_eq!(bench.replay.actions().len(), 3);
}

// ------------------------------------------------------------------- launches without answer

#[tokio::test]
async fn launch_with_a_lost_response_is_found_by_its_client_token() {
    let bench = Bench::new([Recorded::Cut, described(&[]), described(&[(A, "pending", "")])]);
    let completed = bench.run(launch(1)).await.unwrap();
    assert_eq!(completed.output[0].instance_id, A);
    let requests = bench.replay.requests();
    assert_eq!(requests.iter().filter(|request| request.contains("Action=RunInstances")).count(), 1);
    assert!(requests[1].contains("Filter.1.Name=client-token&Filter.1.Value.1=token-1"), "{requests:?}");
}

#[tokio::test]
async fn launch_without_an_answer_is_looked_for_before_the_deadline() {
    let bench = Bench::new([Recorded::Silence, described(&[(A, "pending", "")])]);
    let started = Instant::now();
    let outcome = execute(&launch(1), &bench.context(Duration::from_secs(4))).await;
    assert_eq!(done(outcome).unwrap().output[0].instance_id, A);
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

#[tokio::test]
async fn incomplete_launch_is_accepted_once_it_is_unchanged_between_two_looks() {
    let one = || described(&[(A, "pending", "")]);
    let bench = Bench::new([Recorded::Cut, one(), one()]);
    assert_eq!(bench.run(launch(3)).await.unwrap().output.len(), 1);
    assert_eq!(bench.replay.actions().len(), 3);
}

#[tokio::test]
async fn launch_that_is_not_found_is_an_error_with_its_tag() {
    let bench = Bench::new([Recorded::Cut, described(&[]), described(&[]), described(&[]), described(&[])]);
    let error = bench.run(launch(1)).await.unwrap_err();
    assert!(error.outcome_unknown);
    assert_eq!(
        error.message,
        "AWS could not be reached for ec2:RunInstances: what was asked for may have happened or not. What it \
         launched has the tag ec2-control-api:request=token-1"
    );
}

#[tokio::test]
async fn earlier_launch_under_the_same_token_is_not_taken_for_this_one() {
    let bench = Bench::new([Recorded::Cut, described(&[(A, "terminated", "")])]);
    assert!(bench.run(launch(1)).await.unwrap_err().outcome_unknown);
}

// --------------------------------------------------------------------------------------- dry runs

#[tokio::test]
async fn dry_run_says_who_would_refuse_the_change() {
    for (response, kind, message) in [
        (refusal(400, "IncorrectInstanceState"), Kind::Conflict, "Dry run: AWS would refuse this. m"),
        (refusal(503, "RequestLimitExceeded"), Kind::Throttled, "m"),
        (refusal(503, "Unavailable"), Kind::Capacity, "m"),
        (Recorded::Cut, Kind::Unreachable, "AWS could not be reached for ec2:StartInstances"),
    ] {
        let bench = Bench::new([response]);
        let error = bench.dry_run(start(&[A])).await.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (kind, message));
    }
    let bench = Bench::with_variables([], &[("MAX_INSTANCES_PER_LAUNCH", "1")]);
    let error = bench.dry_run(launch(2)).await.unwrap_err();
    assert_eq!(
        error.message,
        "Dry run: this deployment would refuse this. This deployment launches at most 1 instances at once, not 2"
    );
    let bench = Bench::new([described(&[])]);
    let error = bench.dry_run(start(&["web"])).await.unwrap_err();
    assert_eq!(error.message, "Dry run: this would fail. There is no instance named web (region eu-west-1)");
}

#[tokio::test]
async fn dry_run_succeeds_if_ec2_says_so_and_fails_if_ec2_carries_it_out() {
    let bench = Bench::new([refusal(412, "DryRunOperation")]);
    let outcome = bench.dry_run(start(&[A])).await.unwrap();
    assert!(matches!(outcome, Outcome::DryRun(dry_run) if dry_run.checked_by_aws));
    assert!(bench.replay.requests()[0].contains("DryRun=true"));
    let bench = Bench::new([changed("StartInstances", &[A], "pending")]);
    assert_eq!(bench.dry_run(start(&[A])).await.unwrap_err().kind, Kind::Internal);
}

#[tokio::test]
async fn refused_termination_of_several_instances_may_have_happened_in_other_zones() {
    let terminate = |ids: &[&str]| TerminateInstances { targets: targets(ids), shutdown: Shutdown::default() };
    let bench = Bench::new([refusal(400, "OperationNotPermitted")]);
    let error = bench.run(terminate(&[A, B])).await.unwrap_err();
    assert_eq!((error.kind, error.outcome_unknown), (Kind::Conflict, true));
    let bench = Bench::new([refusal(400, "OperationNotPermitted")]);
    assert!(!bench.run(terminate(&[A])).await.unwrap_err().outcome_unknown);
}

#[tokio::test]
async fn region_that_has_no_host_is_looked_up_and_refused_if_ec2_does_not_list_it() {
    let listed = |names: &[&str]| {
        let names: String = names.iter().map(|name| format!("<item><regionName>{name}</regionName></item>")).collect();
        ok(format!("<DescribeRegionsResponse><regionInfo>{names}</regionInfo></DescribeRegionsResponse>"))
    };
    // A change, too: without a connection nothing was sent.
    let bench = Bench::new([Recorded::Unreachable, listed(&["us-east-1"])]);
    let error = bench.run(start(&[A])).await.unwrap_err();
    assert_eq!((error.kind, error.parameter.as_deref(), error.by_aws), (Kind::Invalid, Some("region"), false));
    assert_eq!(error.message, "region must name a region that exists and is enabled; EC2 does not list eu-west-1");
    assert!(error.cause.is_some());
    assert_eq!(bench.replay.actions(), ["StartInstances", "DescribeRegions"]);

    // EC2 lists it, or can't be asked: the region is not at fault.
    for answer in [listed(&["eu-west-1", "us-east-1"]), refusal(403, "UnauthorizedOperation"), Recorded::Unreachable] {
        let bench = Bench::new([Recorded::Unreachable, answer]);
        let error = bench.run(start(&[A])).await.unwrap_err();
        assert_eq!((error.kind, &*error.code), (Kind::Unreachable, "EndpointUnreachable"));
        assert_eq!(error.message, "AWS could not be reached for ec2:StartInstances");
        assert_eq!(bench.replay.actions(), ["StartInstances", "DescribeRegions"]);
    }

    // A connection that is cut was one: there is such a region, and the change may have happened.
    let bench = Bench::new([Recorded::Cut]);
    bench.run(start(&[A])).await.unwrap_err();
    assert_eq!(bench.replay.actions(), ["StartInstances"]);
}
