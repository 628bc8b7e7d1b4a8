//! Calls to EventBridge Scheduler, in the deployment's own schedule group.

use super::ambiguity::AmbiguousOutcome;
use super::call_stats::CallInterceptor;
use super::sdk;
use super::sdk::{AwsOutput, malformed_response};
use crate::config::{Config, Schedules};
use crate::error::{Error, ErrorAccount, Kind};
use aws_config::SdkConfig;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::RequestId;
use aws_sdk_scheduler::config::Region as SdkRegion;
use aws_sdk_scheduler::primitives::DateTime;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, ScheduleState,
    Target,
};
use jiff::Timestamp;
use std::sync::OnceLock;

/// The schedules of the deployment's group.
pub struct Scheduler {
    sdk: SdkConfig,
    endpoint: Option<String>,
    group: String,
    region: String,
    role: String,
    target: String,
    queue: Option<String>,
    /// Made at its first use: most requests are about no schedule.
    client: OnceLock<aws_sdk_scheduler::Client>,
}

/// A schedule as Scheduler keeps it: one action of a schedule of this function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledEntry {
    /// Its name in the group.
    pub name: String,
    /// When it happens: `cron(...)`, `rate(...)` or `at(...)`.
    pub expression: String,
    /// The time zone of the expression.
    pub timezone: String,
    /// The time before which it does not happen.
    pub start: Option<Timestamp>,
    /// The time after which it does not happen.
    pub end: Option<Timestamp>,
    /// Whether it happens.
    pub enabled: bool,
    /// The text that Scheduler sends to the target.
    pub input: String,
}

type Result<T> = std::result::Result<AwsOutput<T>, Error>;

/// How often, and for how long, Scheduler tries to hand an event over to Lambda: what is older is
/// refused by the function (<https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html>).
const HAND_OVER_ATTEMPTS: i32 = 5;
const HAND_OVER_SECONDS: i32 = 600;

/// The greatest number of names in one response of ListSchedules.
const PAGE_SIZE: i32 = 100;

impl Scheduler {
    /// Scheduler in the region of the deployment's group; `None` if it has no group.
    pub fn new(sdk: SdkConfig, config: &Config) -> Option<Self> {
        let Schedules { group, region, role, target, queue, .. } = config.schedules.as_ref()?;
        Some(Self {
            sdk,
            endpoint: config.endpoints.scheduler.clone(),
            group: group.clone(),
            region: region.to_string(),
            role: role.clone(),
            target: target.clone(),
            queue: queue.clone(),
            client: OnceLock::new(),
        })
    }

    fn client(&self) -> &aws_sdk_scheduler::Client {
        self.client.get_or_init(|| {
            let mut config = aws_sdk_scheduler::config::Builder::from(&self.sdk);
            config.set_endpoint_url(self.endpoint.clone());
            let config = config.region(SdkRegion::new(self.region.clone())).interceptor(CallInterceptor);
            aws_sdk_scheduler::Client::from_conf(config.build())
        })
    }

    /// Makes a schedule. The SDK's own retries repeat it under one client token.
    ///
    /// # Errors
    /// [`Kind::Conflict`] where the name is taken; Scheduler's refusal, or no usable response.
    pub async fn create(&self, entry: &ScheduledEntry) -> Result<()> {
        let outcome = AmbiguousOutcome::default();
        let call = self
            .client()
            .create_schedule()
            .group_name(&self.group)
            .name(&entry.name)
            .schedule_expression(&entry.expression)
            .schedule_expression_timezone(&entry.timezone)
            .set_start_date(entry.start.map(sdk_time))
            .set_end_date(entry.end.map(sdk_time))
            .state(state(entry))
            .flexible_time_window(exact_time("scheduler:CreateSchedule")?)
            .action_after_completion(ActionAfterCompletion::None)
            .target(self.target("scheduler:CreateSchedule", entry)?);
        let sent = call.customize().interceptor(outcome.clone()).send().await;
        let created = sent.map_err(|error| outcome.mark(of_group(to_error("scheduler:CreateSchedule", &error))))?;
        Ok(AwsOutput { value: (), request_id: created.request_id().map(str::to_owned) })
    }

    /// Replaces a schedule.
    ///
    /// # Errors
    /// [`Kind::NotFound`]; Scheduler's refusal, or no usable response.
    pub async fn update(&self, entry: &ScheduledEntry) -> Result<()> {
        let outcome = AmbiguousOutcome::default();
        let call = self
            .client()
            .update_schedule()
            .group_name(&self.group)
            .name(&entry.name)
            .schedule_expression(&entry.expression)
            .schedule_expression_timezone(&entry.timezone)
            .set_start_date(entry.start.map(sdk_time))
            .set_end_date(entry.end.map(sdk_time))
            .state(state(entry))
            .flexible_time_window(exact_time("scheduler:UpdateSchedule")?)
            .action_after_completion(ActionAfterCompletion::None)
            .target(self.target("scheduler:UpdateSchedule", entry)?);
        let sent = call.customize().interceptor(outcome.clone()).send().await;
        let updated = sent.map_err(|error| outcome.mark(to_error("scheduler:UpdateSchedule", &error)))?;
        Ok(AwsOutput { value: (), request_id: updated.request_id().map(str::to_owned) })
    }

    /// Reads a schedule.
    ///
    /// # Errors
    /// [`Kind::NotFound`]; Scheduler's refusal, or no usable response.
    pub async fn get(&self, name: &str) -> Result<ScheduledEntry> {
        const ACTION: &str = "scheduler:GetSchedule";
        let sent = self.client().get_schedule().group_name(&self.group).name(name).send().await;
        let output = sent.map_err(|error| to_error(ACTION, &error))?;
        let request_id = output.request_id().map(str::to_owned);
        let malformed = || malformed_response(ACTION);
        let target = output.target.ok_or_else(malformed)?;
        let entry = ScheduledEntry {
            name: output.name.ok_or_else(malformed)?,
            expression: output.schedule_expression.ok_or_else(malformed)?,
            timezone: output.schedule_expression_timezone.unwrap_or_else(|| "UTC".to_owned()),
            start: output.start_date.and_then(timestamp),
            end: output.end_date.and_then(timestamp),
            enabled: output.state != Some(ScheduleState::Disabled),
            input: target.input.unwrap_or_default(),
        };
        Ok(AwsOutput { value: entry, request_id })
    }

    /// Deletes a schedule.
    ///
    /// # Errors
    /// [`Kind::NotFound`]; Scheduler's refusal, or no usable response.
    pub async fn delete(&self, name: &str) -> Result<()> {
        let outcome = AmbiguousOutcome::default();
        let call = self.client().delete_schedule().group_name(&self.group).name(name);
        let sent = call.customize().interceptor(outcome.clone()).send().await;
        let deleted = sent.map_err(|error| outcome.mark(to_error("scheduler:DeleteSchedule", &error)))?;
        Ok(AwsOutput { value: (), request_id: deleted.request_id().map(str::to_owned) })
    }

    /// Lists the names of the group's schedules that begin with `prefix`, if one is given.
    ///
    /// # Errors
    /// Scheduler's refusal, or no usable response.
    pub async fn list(&self, prefix: Option<&str>) -> Result<Vec<String>> {
        const ACTION: &str = "scheduler:ListSchedules";
        let (mut names, mut token) = (Vec::new(), None);
        loop {
            let call = self.client().list_schedules().group_name(&self.group).max_results(PAGE_SIZE);
            let call = call.set_name_prefix(prefix.map(str::to_owned)).set_next_token(token);
            let output = call.send().await.map_err(|error| of_group(to_error(ACTION, &error)))?;
            let request_id = output.request_id().map(str::to_owned);
            names.extend(output.schedules.into_iter().filter_map(|schedule| schedule.name));
            token = output.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(AwsOutput { value: names, request_id });
            }
        }
    }

    /// The target of an entry.
    ///
    /// # Errors
    /// Scheduler would replace a part of the input. What callers write is checked before; this is
    /// about their names and groups.
    fn target(&self, action: &str, entry: &ScheduledEntry) -> std::result::Result<Target, Error> {
        if entry.input.to_ascii_lowercase().matches("<aws.scheduler.").count() > 1 {
            let message = "Your name, a group or a scope has <aws.scheduler. in it, which no schedule can keep";
            return Err(Error::new(Kind::Invalid, "InvalidOwner", message));
        }
        let queue = self.queue.as_ref().map(|arn| DeadLetterConfig::builder().arn(arn).build());
        let retries = RetryPolicy::builder()
            .maximum_retry_attempts(HAND_OVER_ATTEMPTS)
            .maximum_event_age_in_seconds(HAND_OVER_SECONDS)
            .build();
        let target = Target::builder().arn(&self.target).role_arn(&self.role).input(&entry.input);
        let target = target.retry_policy(retries).set_dead_letter_config(queue).build();
        target.map_err(|error| Error::internal(format!("{action}: {error}")))
    }
}

/// Translates an error of the SDK. Schedules are in the function's own account, whatever account
/// their instances are in.
fn to_error<E>(action: &'static str, error: &SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    SdkError<E>: RequestId,
{
    Error { account: ErrorAccount::Own, ..sdk::to_error(action, error) }
}

fn exact_time(action: &str) -> std::result::Result<FlexibleTimeWindow, Error> {
    let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build();
    window.map_err(|error| Error::internal(format!("{action}: {error}")))
}

fn state(entry: &ScheduledEntry) -> ScheduleState {
    if entry.enabled { ScheduleState::Enabled } else { ScheduleState::Disabled }
}

/// The error of a call that names no schedule that must exist: what is not found is the group.
fn of_group(error: Error) -> Error {
    match error.kind {
        Kind::NotFound => {
            let message = "The schedule group of this deployment does not exist".to_owned();
            Error { kind: Kind::Upstream, message, ..error }
        }
        _ => error,
    }
}

fn sdk_time(time: Timestamp) -> DateTime {
    DateTime::from_secs(time.as_second())
}

fn timestamp(time: DateTime) -> Option<Timestamp> {
    Timestamp::from_second(time.secs()).ok()
}
