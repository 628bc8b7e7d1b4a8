//! The operations on AWS. Each is a type with its output. A file has one operation, or a close
//! family: the lists, the buckets, the objects.
//!
//! An operation knows nothing of HTTP and of dialects: it authorizes itself, calls AWS and returns
//! its output. [`execute`] adds the common rest: the deadline, and the words of an error after a
//! dry run or after a change whose response was lost.

pub mod account;
pub mod audit;
pub mod buckets;
mod change_state;
pub mod console_output;
pub mod describe;
pub mod keep;
pub mod launch;
mod launch_attempts;
pub mod limits;
pub mod list;
pub mod list_accounts;
pub mod list_everywhere;
pub mod modify;
pub mod objects;
pub mod paging;
mod partial;
pub mod permissions;
mod place_token;
pub mod places;
pub mod reboot;
mod region_check;
pub mod regions;
pub mod resolve;
pub mod schedules;
mod selection;
pub mod start;
pub mod state_call;
pub mod stop;
pub mod terminate;
#[cfg(test)]
mod tests;
mod wait;
pub mod with_tag;

use crate::auth::Caller;
use crate::authz::{Authorizer, Decision, Policies};
use crate::aws::accounts::Accounts;
use crate::aws::ec2::Ec2;
use crate::aws::s3::S3;
use crate::aws::scheduler::Scheduler;
use crate::aws::sdk::AwsOutput;
use crate::config::Config;
use crate::error::{Error, Kind};
use crate::model::{Action, InstanceId, InstanceRef, Region, ScheduleName, Selection, Tag, Targets};
use account::TargetAccount;
use audit::Audit;
use region_check::RegionCheck;
use serde::Serialize;
use serde_with::skip_serializing_none;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::Instant;

/// An operation: its input, as a caller has asked for it.
pub trait Operation: Send + Sync + 'static {
    /// The AWS operation that it is authorized and logged as.
    const ACTION: Action;
    /// What it returns.
    type Output: Send;

    /// Whether it is about all accounts of the deployment, and not about the one of the context.
    fn is_for_all_accounts(&self) -> bool {
        false
    }

    /// Whether an idempotency key counts: a launch happens once under it, and an end is made once.
    fn is_idempotent_by_key(&self) -> bool {
        false
    }

    /// The region and the resources that it names, for the log.
    fn target(&self) -> Target {
        Target::default()
    }

    /// Authorizes the operation and carries it out.
    ///
    /// # Errors
    /// It is not permitted, AWS refuses it, or AWS can't be reached. Nothing has changed then,
    /// unless [`Error::outcome_unknown`] is set.
    fn run(&self, cx: &Context<'_>) -> impl Future<Output = Result<Outcome<Self::Output>, Error>> + Send;

    /// Continues after a change that has happened: sets a tag or waits. A failure here is no
    /// failure of the operation; it is recorded in `completed`.
    fn follow_up(
        &self,
        _cx: &Context<'_>,
        _completed: &mut Completed<Self::Output>,
    ) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// How to find out whether a change with an unknown outcome has happened; completes an error
    /// message.
    fn recovery_hint(&self, _cx: &Context<'_>) -> Option<String> {
        None
    }
}

/// The context of a request: its caller, its options, and the clients of AWS.
pub struct Context<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The policies, if there are any.
    pub policies: Option<&'a Policies>,
    /// EC2 in that account.
    pub ec2: &'a Ec2,
    /// EC2 in the function's own account.
    pub own_ec2: &'a Ec2,
    /// EC2 in other accounts.
    pub accounts: &'a Accounts,
    /// S3.
    pub s3: &'a S3,
    /// EventBridge Scheduler; `None`: the deployment has no schedules.
    pub scheduler: Option<&'a Scheduler>,
    /// The time of the request.
    pub now: OffsetDateTime,
    /// The caller.
    pub caller: &'a Caller,
    /// The caller's IP address, as API Gateway says.
    pub source_ip: Option<IpAddr>,
    /// The account of the resources.
    pub account: TargetAccount<'a>,
    /// The name of the parameter for the region, as the caller knows it.
    pub region_parameter: &'static str,
    /// The client token of a launch: EC2 launches once under it. The end of a launch or a start has
    /// its name from it.
    pub client_token: &'a str,
    /// Whether the client token is that of an idempotency key: the request may be a repetition.
    pub has_idempotency_key: bool,
    /// Whether a change is to be checked only.
    pub dry_run: bool,
    /// How long to wait for the state that a change leads to.
    pub wait: Duration,
    /// When the response is due.
    pub deadline: Instant,
    /// The decision so far.
    pub decision: Mutex<Decision>,
    /// What was done so far.
    pub audit: Mutex<Audit>,
}

impl<'a> Context<'a> {
    /// The authorizer of an action in a region.
    pub fn authorizer(&'a self, action: Action, region: &'a Region) -> Authorizer<'a> {
        let Self { policies, caller, source_ip, .. } = *self;
        let account = self.account.id.as_ref();
        Authorizer { limits: &self.config.limits, policies, caller, source_ip, action, account, region }
    }

    fn region_check(&self, deadline: Instant) -> RegionCheck<'_> {
        RegionCheck { accounts: self.accounts, caller: self.caller, default: &self.config.regions.default, deadline }
    }

    /// Updates the decision.
    pub fn decide<T>(&self, decide: impl FnOnce(&mut Decision) -> T) -> T {
        decide(&mut self.decision.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Records what was done.
    pub fn record(&self, record: impl FnOnce(&mut Audit)) {
        record(&mut self.audit.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits for the future until the deadline.
    pub async fn within_deadline<T>(&self, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        within(self.deadline, future).await
    }

    /// Waits until the deadline for a call that comes before a change: however it ends, nothing has
    /// been changed yet.
    pub async fn before_change<T>(&self, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.within_deadline(future).await.map_err(|error| Error { outcome_unknown: false, ..error })
    }
}

/// Waits for a call to AWS until the deadline.
///
/// # Errors
/// The call's own error, or a time-out with an unknown outcome.
pub async fn within<T>(deadline: Instant, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout_at(deadline, future).await.unwrap_or_else(|_| {
        let error = Error::new(Kind::Unreachable, "RequestTimeout", "AWS did not answer in time");
        let error = error.caused_by("the deadline of the request has passed");
        Err(Error { by_aws: true, outcome_unknown: true, ..error })
    })
}

/// How an operation ended.
#[derive(Debug)]
pub enum Outcome<T> {
    /// It was carried out.
    Done(Completed<T>),
    /// It was a dry run, and it would be carried out. Nothing was done.
    DryRun(DryRun),
}

/// An operation that was carried out.
#[derive(Debug)]
pub struct Completed<T> {
    /// Its output.
    pub output: T,
    /// AWS's request ID of the last call.
    pub aws_request_id: Option<String>,
    /// A failure after the change itself had happened: the caller gets a warning, not an error.
    pub incomplete: Option<Error>,
    /// Warnings for the caller.
    pub warnings: Vec<String>,
    /// The schedule that ends what was launched or started.
    pub end: Option<ScheduleName>,
}

/// A dry run that succeeded.
#[derive(Debug)]
pub struct DryRun {
    /// The AWS operation.
    pub action: Action,
    /// Whether AWS has checked it, too. S3 has no dry runs.
    pub checked_by_aws: bool,
    /// AWS's request ID of the check.
    pub aws_request_id: Option<String>,
}

impl<T> Completed<T> {
    /// A completed operation without warnings.
    pub fn new(output: T, aws_request_id: Option<String>) -> Self {
        Self { output, aws_request_id, incomplete: None, warnings: Vec::new(), end: None }
    }
}

impl<T> Outcome<T> {
    /// A completed operation without warnings.
    pub fn done(output: T, aws_request_id: Option<String>) -> Self {
        Self::Done(Completed::new(output, aws_request_id))
    }
}

/// Executes an operation within the deadline.
///
/// # Errors
/// Those of [`Operation::run`].
pub async fn execute<O: Operation>(operation: &O, cx: &Context<'_>) -> Result<Outcome<O::Output>, Error> {
    // On the heap: these futures are large, and are moved several times.
    let outcome = match cx.within_deadline(Box::pin(operation.run(cx))).await {
        Err(error) => {
            let region = operation.target().region.and_then(|region| Region::parse(&region));
            let error = explain_region(error, region.as_ref(), cx).await;
            Err(explain_refused_credentials(error, region.as_ref(), cx).await)
        }
        outcome => outcome,
    };
    let mut outcome = match outcome.map_err(|error| cx.account.explain(error)) {
        Err(error) if cx.dry_run => return Err(explain_dry_run_failure(error)),
        Err(error) if error.outcome_unknown && O::ACTION.writes() => {
            let hint = operation.recovery_hint(cx).map(|hint| format!(". {hint}")).unwrap_or_default();
            let message = format!("{}: what was asked for may have happened or not{hint}", error.message);
            return Err(Error { message, ..error });
        }
        outcome => outcome?,
    };
    if let Outcome::Done(completed) = &mut outcome {
        Box::pin(operation.follow_up(cx, completed)).await;
        completed.incomplete = completed.incomplete.take().map(|error| cx.account.explain(error));
    }
    Ok(outcome)
}

/// Says in which region an instance was not found, or that there is no such region.
///
/// A region that does not exist has no host that could say so. So a region that can't be reached is
/// looked up in the list of regions, and only then: most requests name one that exists.
async fn explain_region(error: Error, region: Option<&Region>, cx: &Context<'_>) -> Error {
    let Some(region) = region else { return error };
    if error.code == "InvalidInstanceID.NotFound" {
        return Error { message: format!("{} (region {region})", error.message), ..error };
    }
    let default = &cx.config.regions.default;
    if error.code != "EndpointUnreachable" || error.outcome_unknown || region == default {
        return error;
    }
    match cx.within_deadline(Box::pin(cx.ec2.describe_regions(default))).await {
        Ok(regions) if !regions.value.contains(region) => {
            Error { cause: error.cause, aws_request_id: regions.request_id, ..unlisted_region(region, cx) }
        }
        _ => error,
    }
}

/// Says that another account has not enabled the region, if that is why EC2 refused the credentials
/// of the account's role. Credentials that are invalid are not kept.
async fn explain_refused_credentials(error: Error, region: Option<&Region>, cx: &Context<'_>) -> Error {
    let region = region.unwrap_or(&cx.config.regions.default);
    let check = cx.region_check(cx.deadline);
    if cx.account.other.is_none() || !check.is_not_enabled(cx.ec2, &cx.account, region, &error).await {
        return error;
    }
    let Error { cause, aws_request_id, .. } = error;
    Error { cause, aws_request_id, by_aws: true, ..unlisted_region(region, cx) }
}

fn unlisted_region(region: &Region, cx: &Context<'_>) -> Error {
    let problem = format!("must name a region that exists and is enabled; EC2 does not list {region}");
    Error::invalid(cx.region_parameter, problem)
}

/// The outcome of a change that was sent to EC2, or of its dry run: EC2 answers a dry run with an
/// error that says whether it would succeed
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonParameters.html>).
fn dry_run_outcome<T, U>(
    action: Action,
    cx: &Context<'_>,
    sent: Result<AwsOutput<T>, Error>,
    output: impl FnOnce(T) -> U,
) -> Result<Outcome<U>, Error> {
    match sent {
        Ok(_) if cx.dry_run => Err(Error::internal(format!("AWS carried out a dry run of {action}"))),
        Ok(sent) => Ok(Outcome::done(output(sent.value), sent.request_id)),
        Err(error) if cx.dry_run && error.code == "DryRunOperation" => {
            Ok(Outcome::DryRun(DryRun { action, checked_by_aws: true, aws_request_id: error.aws_request_id }))
        }
        Err(error) => Err(error),
    }
}

/// Says in the message of a failed dry run who would refuse the change.
fn explain_dry_run_failure(error: Error) -> Error {
    let explanation = match error.kind {
        Kind::Forbidden => "this deployment would refuse this",
        // AWS did not say whether it would refuse the change.
        Kind::Internal | Kind::Throttled | Kind::Unreachable => return error,
        _ if error.outcome_unknown || ["Unavailable", "ServiceUnavailable"].contains(&&*error.code) => return error,
        _ if !error.by_aws => "this would fail",
        _ => "AWS would refuse this",
    };
    Error { message: format!("Dry run: {explanation}. {}", error.message), ..error }
}

/// The region in the log of an operation that works in all regions.
pub const ALL_REGIONS: &str = "all";

/// The account in the log of an operation that works in all accounts.
pub const ALL_ACCOUNTS: &str = "all";

/// What an operation names, for the log.
#[skip_serializing_none]
#[derive(Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the names are AWS's")]
pub struct Target {
    /// The account, if the request names one.
    pub account: Option<String>,
    pub region: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub instance_names: Vec<String>,
    /// The tags that instances are selected by, as `key=value`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub instance_tags: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub instance_ids: Vec<String>,
    pub attribute: Option<&'static str>,
    /// The launch template as the caller names it.
    #[serde(rename = "requested_launch_template")]
    pub launch_template: Option<String>,
    pub image_id: Option<String>,
    pub instance_type: Option<String>,
    pub max_count: Option<u32>,
    pub bucket: Option<String>,
    pub key: Option<String>,
    pub schedule: Option<String>,
}

impl Target {
    /// A region.
    pub fn region(region: &Region) -> Self {
        Self { region: Some(region.to_string()), ..Self::default() }
    }

    /// The instances of a change of state.
    pub fn targets(targets: &Targets) -> Self {
        match &targets.selection {
            Selection::Named(instances) => Self::instances(&targets.region, instances),
            Selection::Tagged(tagged) => {
                let text = |tag: &Tag| format!("{}={}", tag.key, tag.value);
                let instance_tags = tagged.tags.iter().map(text).collect();
                Self { instance_tags, ..Self::region(&targets.region) }
            }
        }
    }

    /// Instances in a region.
    pub fn instances(region: &Region, instances: &[InstanceRef]) -> Self {
        let mut target = Self::region(region);
        for instance in instances {
            match instance {
                InstanceRef::Id(id) => target.instance_ids.push(id.to_string()),
                InstanceRef::Name(name) => target.instance_names.push(name.to_string()),
            }
        }
        target
    }
}

/// The error for an instance that EC2 does not know.
fn instance_not_found(id: &InstanceId) -> Error {
    Error::new(Kind::NotFound, "InvalidInstanceID.NotFound", format!("There is no instance {id}"))
}
