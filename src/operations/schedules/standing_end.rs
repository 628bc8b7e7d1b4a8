//! An end that stands: what becomes of it when its launch or start is over.

use super::entries::{StoredSchedule, entry, find_of_actions};
use super::scheduler;
use crate::aws::scheduler::{ScheduledEntry, Scheduler};
use crate::error::{Error, Kind};
use crate::model::{
    Definition, Filter, Instance, InstanceId, InstanceQuery, InstanceRef, Schedule, ScheduleName, ScheduledAction,
    ScheduledInstances,
};
use crate::operations::{Completed, Context, Outcome, within};
use std::time::Duration;
use tokio::time::Instant;

/// An end that stands.
pub(in crate::operations) struct StandingEnd {
    pub(super) schedule: Schedule,
    pub(super) action: ScheduledAction,
    pub(super) origin: Origin,
    pub(super) warnings: Vec<String>,
}

/// Where an end comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// This request has made it.
    Created,
    /// This request has moved one of an earlier request under the same idempotency key, which had
    /// nothing to end any more.
    Moved,
    /// An earlier request under the same idempotency key has made it.
    Taken,
}

/// What became of an end that was to be removed.
enum Removal {
    /// It is gone, or is another request's.
    Gone,
    /// It stays: another request under the same idempotency key may need it.
    InUse,
    /// It may stand.
    Failed,
}

/// What the deletion of an end has found.
pub(super) enum Deletion {
    /// It is deleted.
    Done,
    /// There is none of the name.
    NotThere,
    /// It may stand.
    Failed,
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

/// Deletes an end.
pub(super) async fn delete(
    cx: &Context<'_>,
    scheduler: &Scheduler,
    end: &Schedule,
    action: ScheduledAction,
) -> Deletion {
    let name = action.scheduled_name(&end.name);
    match within(report_deadline(cx), Box::pin(scheduler.delete(&name))).await {
        Ok(_) => Deletion::Done,
        Err(error) if error.kind == Kind::NotFound => Deletion::NotThere,
        Err(_) => Deletion::Failed,
    }
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

/// Whether EC2 lists instances that the end is about, and that are as asked for. Names may be those
/// of others by now: with one among them the answer is yes.
pub(super) async fn has_instances(
    cx: &Context<'_>,
    end: &Definition,
    are_as_asked: impl Fn(&Instance) -> bool,
) -> Result<bool, Error> {
    let filter = match &end.instances {
        ScheduledInstances::Launched(tokens) => {
            Some(Filter::exactly("client-token", tokens.iter().map(String::as_str)))
        }
        ScheduledInstances::Named(named) => {
            let id = |named: &InstanceRef| match named {
                InstanceRef::Id(id) => Some(id.to_string()),
                InstanceRef::Name(_) => None,
            };
            let ids = named.iter().map(id).collect::<Option<Vec<_>>>();
            ids.map(|ids| Filter::exactly("instance-id", ids.iter().map(String::as_str)))
        }
        ScheduledInstances::Tagged(_) => None,
    };
    let Some(filter) = filter else { return Ok(true) };
    let query = InstanceQuery { filters: vec![filter], ..InstanceQuery::default() };
    let page = cx.ec2.describe_instances(&end.region, &query).await?;
    Ok(page.value.into_instances().any(|instance| are_as_asked(&instance)))
}

/// Whether an instance can still be ended.
pub(super) fn exists(instance: &Instance) -> bool {
    !instance.state.has_ended()
}

/// Whether an instance runs, or will.
fn runs(instance: &Instance) -> bool {
    matches!(instance.state.name.as_deref(), Some("pending" | "running"))
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
                let removal = self.remove(cx, &error).await;
                record(cx, Some(&self.schedule).filter(|_| !matches!(removal, Removal::Gone)));
                match removal {
                    Removal::Gone => Err(error),
                    Removal::InUse if matches!(self.schedule.definition.instances, ScheduledInstances::Launched(_)) => {
                        let message = error.message.trim_end_matches('.');
                        let stands = "stands: this Idempotency-Key has launched instances that it ends";
                        Err(Error { message: format!("{message}. The end {} {stands}", self.schedule.name), ..error })
                    }
                    Removal::InUse | Removal::Failed => Err(name_remaining(&self.schedule, error)),
                }
            }
        }
    }

    /// Names the end. Under an idempotency key it is looked for once more: another request may have
    /// failed, and removed it.
    async fn stand<T>(self, cx: &Context<'_>, mut completed: Completed<T>) -> Completed<T> {
        if (cx.has_idempotency_key || self.origin == Origin::Taken)
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
    async fn remove(&self, cx: &Context<'_>, error: &Error) -> Removal {
        let is_mismatch = error.kind == Kind::IdempotencyMismatch;
        match self.origin {
            Origin::Taken => return Removal::Gone,
            // What was launched under the token may need it.
            Origin::Moved if is_mismatch => return Removal::InUse,
            // What was launched under the token never had an end: this one must not be its.
            Origin::Created if is_mismatch => {}
            // Another request under the same key may have launched, or started.
            Origin::Created | Origin::Moved if cx.has_idempotency_key => {
                let may_need_it = match self.schedule.definition.instances {
                    ScheduledInstances::Launched(_) => exists,
                    ScheduledInstances::Named(_) | ScheduledInstances::Tagged(_) => runs,
                };
                let looked = has_instances(cx, &self.schedule.definition, may_need_it);
                match within(report_deadline(cx), Box::pin(looked)).await {
                    Ok(true) => return Removal::InUse,
                    Ok(false) => {}
                    Err(_) => return Removal::Failed,
                }
            }
            Origin::Created | Origin::Moved => {}
        }
        let Ok(scheduler) = scheduler(cx) else { return Removal::Failed };
        match delete(cx, scheduler, &self.schedule, self.action).await {
            Deletion::Done | Deletion::NotThere => Removal::Gone,
            Deletion::Failed => Removal::Failed,
        }
    }

    /// Makes the end one of these instances only: the others were not started. A failure is a
    /// warning. One that an earlier request has made may be of the others, too, and stays.
    pub(super) async fn narrow(&mut self, cx: &Context<'_>, ids: Vec<InstanceId>) {
        if self.origin == Origin::Taken {
            return;
        }
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
