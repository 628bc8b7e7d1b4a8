//! An end that stands: what becomes of it when its launch or start is over.

use super::entries::{StoredSchedule, entry, find_of_actions};
use super::scheduler;
use crate::aws::scheduler::{ScheduledEntry, Scheduler};
use crate::error::{Error, Kind};
use crate::model::{
    Definition, Filter, InstanceId, InstanceQuery, InstanceRef, Schedule, ScheduleName, ScheduledAction,
    ScheduledInstances,
};
use crate::operations::{Completed, Context, Outcome, within};
use std::time::Duration;
use tokio::time::Instant;

/// An end that stands.
pub(in crate::operations) struct StandingEnd {
    pub(super) schedule: Schedule,
    pub(super) action: ScheduledAction,
    /// Whether this request has made it. Otherwise an earlier one has, under the same idempotency
    /// key.
    pub(super) is_new: bool,
    pub(super) warnings: Vec<String>,
}

/// The part of the deadline that is kept to remove an end whose answer was lost.
const REMOVAL_BUDGET: Duration = Duration::from_secs(4);

/// The part of the deadline that is kept to say what became of an end.
const REPORT_BUDGET: Duration = Duration::from_millis(250);

/// When an end must have been written: the rest of the time is kept to remove it, but not more than
/// half.
pub(super) fn write_deadline(cx: &Context<'_>) -> Instant {
    let now = Instant::now();
    let left = cx.deadline.saturating_duration_since(now);
    now + left.saturating_sub(REMOVAL_BUDGET).max(left / 2)
}

/// When every other call about an end must have been answered.
fn report_deadline(cx: &Context<'_>) -> Instant {
    cx.deadline.checked_sub(REPORT_BUDGET).unwrap_or(cx.deadline)
}

/// The entry of the end in Scheduler's group.
pub(super) fn end_entry(
    cx: &Context<'_>,
    schedule: &Schedule,
    action: ScheduledAction,
) -> Result<ScheduledEntry, Error> {
    entry(cx, schedule, action).ok_or_else(|| Error::internal("an end without its time"))
}

/// Reads the end of this name.
pub(super) async fn read(cx: &Context<'_>, name: &ScheduleName) -> Result<Option<StoredSchedule>, Error> {
    find_of_actions(cx, name, [ScheduledAction::Stop, ScheduledAction::Terminate]).await
}

/// Records for the log the end that stands, or may stand.
pub(super) fn record(cx: &Context<'_>, end: Option<&Schedule>) {
    cx.record(|audit| audit.end = end.map(|end| end.name.to_string()));
}

/// Deletes an end. Returns whether it is gone.
pub(super) async fn delete(cx: &Context<'_>, scheduler: &Scheduler, end: &Schedule, action: ScheduledAction) -> bool {
    let name = action.scheduled_name(&end.name);
    let deleted = within(report_deadline(cx), Box::pin(scheduler.delete(&name))).await;
    deleted.err().is_none_or(|error| error.kind == Kind::NotFound)
}

/// Names an end that could not be removed in the error of what it was to end. The end of a launch
/// needs no deletion: it goes by client tokens, and no instance has them after a failed launch.
pub(super) fn name_remaining(end: &Schedule, error: Error) -> Error {
    match end.definition.instances {
        ScheduledInstances::Launched(_) => error,
        _ => {
            let message = error.message.trim_end_matches('.');
            Error { message: format!("{message}. The end {} may still stand: delete it", end.name), ..error }
        }
    }
}

/// Whether EC2 lists instances that the end is about.
pub(super) async fn has_instances(cx: &Context<'_>, end: &Definition) -> Result<bool, Error> {
    let ScheduledInstances::Launched(tokens) = &end.instances else { return Ok(true) };
    let filters = vec![Filter::exactly("client-token", tokens.iter().map(String::as_str))];
    let query = InstanceQuery { filters, ..InstanceQuery::default() };
    let page = cx.ec2.describe_instances(&end.region, &query).await?;
    Ok(page.value.into_instances().any(|instance| !instance.state.has_ended()))
}

impl StandingEnd {
    /// Names the end in the outcome of what it ends, and makes sure that it stands. After a failure
    /// that is certain, removes it.
    ///
    /// # Errors
    /// That of the outcome.
    pub(super) async fn settle<T>(
        self,
        cx: &Context<'_>,
        outcome: Result<Outcome<T>, Error>,
    ) -> Result<Outcome<T>, Error> {
        match outcome {
            Ok(Outcome::Done(completed)) => Ok(Outcome::Done(self.stand(cx, completed).await)),
            Ok(dry_run) => Ok(dry_run),
            Err(error) => {
                if error.outcome_unknown {
                    record(cx, Some(&self.schedule));
                    return Err(error);
                }
                if self.remove(cx, &error).await {
                    record(cx, None);
                    return Err(error);
                }
                record(cx, Some(&self.schedule));
                Err(name_remaining(&self.schedule, error))
            }
        }
    }

    /// Names the end. One that another request has made is looked for once more: that request may
    /// have failed, and removed it.
    async fn stand<T>(self, cx: &Context<'_>, mut completed: Completed<T>) -> Completed<T> {
        if !self.is_new
            && let Err(error) = within(report_deadline(cx), Box::pin(self.make_again_if_gone(cx))).await
        {
            let message = format!("The end {} may be gone: {}", self.schedule.name, error.message);
            completed.incomplete = Some(Error { message, ..error });
        }
        record(cx, Some(&self.schedule));
        completed.warnings.extend(self.warnings);
        Completed { end: Some(self.schedule.name), ..completed }
    }

    async fn make_again_if_gone(&self, cx: &Context<'_>) -> Result<(), Error> {
        if read(cx, &self.schedule.name).await?.is_some() {
            return Ok(());
        }
        match scheduler(cx)?.create(&end_entry(cx, &self.schedule, self.action)?).await {
            Err(error) if error.kind != Kind::Conflict => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes the end after a failure, if this request has made it and nothing else may need it.
    /// Returns false if it could not be removed.
    async fn remove(&self, cx: &Context<'_>, error: &Error) -> bool {
        // Something else was launched under the token.
        if !self.is_new || error.kind == Kind::IdempotencyMismatch {
            return true;
        }
        // Another request under the same key may have launched.
        if cx.has_idempotency_key {
            match within(report_deadline(cx), Box::pin(has_instances(cx, &self.schedule.definition))).await {
                Ok(true) => return true,
                Ok(false) => {}
                Err(_) => return false,
            }
        }
        match scheduler(cx) {
            Ok(scheduler) => delete(cx, scheduler, &self.schedule, self.action).await,
            Err(_) => false,
        }
    }

    /// Makes the end one of these instances only: the others were not started. A failure is a
    /// warning.
    pub(super) async fn narrow(&mut self, cx: &Context<'_>, ids: Vec<InstanceId>) {
        let named = ScheduledInstances::Named(ids.into_iter().map(InstanceRef::Id).collect());
        if self.schedule.definition.instances == named {
            return;
        }
        let all = std::mem::replace(&mut self.schedule.definition.instances, named);
        let updated = within(
            report_deadline(cx),
            Box::pin(async { scheduler(cx)?.update(&end_entry(cx, &self.schedule, self.action)?).await }),
        );
        if let Err(error) = updated.await {
            self.schedule.definition.instances = all;
            let name = &self.schedule.name;
            let problem = error.message;
            self.warnings.push(format!("the end {name} may also be one of instances that were not started: {problem}"));
        }
    }
}
