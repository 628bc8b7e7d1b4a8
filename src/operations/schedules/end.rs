//! Ends: what is launched or started with an end has a one-time schedule that stops or terminates
//! it, made before it runs. So nothing runs without its end.

use super::entries::{KeptSchedule, entry, find_entries};
use super::list::has_room;
use super::{CREATE_SCHEDULE, authorizer, owner, scheduler};
use crate::aws::scheduler::{ScheduledEntry, Scheduler};
use crate::error::{Error, Kind};
use crate::model::{
    Definition, End, EndAction, Filter, Hibernation, InstanceId, InstanceQuery, InstanceRef, Region, Schedule,
    ScheduleFields, ScheduleName, ScheduledAction, ScheduledInstances, Timetable, at_expression, timestamp,
};
use crate::operations::stop::StopInstances;
use crate::operations::terminate::TerminateInstances;
use crate::operations::{Completed, Context, Operation as _, Outcome, within};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use tokio::time::Instant;

/// An end that stands.
pub(in crate::operations) struct StandingEnd {
    schedule: Schedule,
    action: ScheduledAction,
    /// Whether this request has made it. Otherwise an earlier one has, under the same idempotency
    /// key.
    is_new: bool,
    warning: Option<String>,
}

/// What an end is of.
#[derive(Clone, Copy, Debug)]
pub(in crate::operations) enum Ended {
    /// A launch.
    Launch,
    /// A start.
    Start,
}

/// An end that comes so soon may find nothing of a launch that is only just made: EC2 takes a while
/// to list instances.
const LISTING_DELAY: SignedDuration = SignedDuration::from_mins(1);

/// The part of the deadline that is kept to remove an end whose answer was lost.
const REMOVAL_BUDGET: Duration = Duration::from_secs(4);

/// The part of the deadline that is kept to say what became of an end.
const REPORT_BUDGET: Duration = Duration::from_millis(250);

/// When an end must have been written: the rest of the time is kept to remove it, but not more than
/// half.
fn write_deadline(cx: &Context<'_>) -> Instant {
    let now = Instant::now();
    let left = cx.deadline.saturating_duration_since(now);
    now + left.saturating_sub(REMOVAL_BUDGET).max(left / 2)
}

/// When every other call about an end must have been answered.
fn report_deadline(cx: &Context<'_>) -> Instant {
    cx.deadline.checked_sub(REPORT_BUDGET).unwrap_or(cx.deadline)
}

/// Authorizes the end and makes it. `None` in a dry run, which makes none.
///
/// # Errors
/// It is not permitted, or can't be made. What it is to end must not be launched or started then;
/// [`Error::outcome_unknown`] is not set.
pub(in crate::operations) async fn make_end(
    cx: &Context<'_>,
    end: End,
    region: &Region,
    instances: ScheduledInstances,
) -> Result<Option<StandingEnd>, Error> {
    let schedule = schedule(cx, end, region, instances)?;
    let ending = match end.action {
        EndAction::Stop => StopInstances::ACTION,
        EndAction::Terminate => TerminateInstances::ACTION,
    };
    cx.decide(|decision| cx.authorizer(ending, region).possible("instances at their end", decision))?;
    cx.decide(|decision| authorizer(cx, CREATE_SCHEDULE, &schedule).schedule(&schedule, decision))?;
    Box::pin(find_or_make(cx, end, schedule)).await.map_err(|error| {
        let error = Error { outcome_unknown: false, ..error };
        let message = error.message.trim_end_matches('.');
        let message = format!("{message}. Nothing runs without its end: nothing was done");
        if error.by_aws { Error { message, ..error } } else { error }
    })
}

/// The schedule of an end.
fn schedule(cx: &Context<'_>, end: End, region: &Region, instances: ScheduledInstances) -> Result<Schedule, Error> {
    let parameter = end.action.parameter();
    let updated = timestamp(cx.now);
    let time = end.time(updated).ok_or_else(|| Error::invalid(parameter, "must end before the year 10000"))?;
    let definition = Definition {
        owner: owner(cx),
        updated,
        timetable: one_time(end.action.scheduled(), time)?,
        region: region.clone(),
        account: cx.account.other.map(|account| account.id.clone()),
        instances,
        expect: None,
        hibernation: Hibernation::Never,
        force: false,
        skip_os_shutdown: false,
        description: None,
    };
    if definition.acts_until().is_some_and(|until| until < time) {
        let problem = "must be less than 90 days for callers by IAM or a token, who can't be looked up later";
        return Err(Error::invalid(parameter, problem));
    }
    let ended = match definition.instances {
        ScheduledInstances::Launched(_) => Ended::Launch,
        ScheduledInstances::Named(_) | ScheduledInstances::Tagged(_) => Ended::Start,
    };
    Ok(Schedule { name: name(cx, ended)?, enabled: true, definition })
}

/// The name of the request's end. Under one idempotency key, that of a start is not that of a
/// launch.
fn name(cx: &Context<'_>, ended: Ended) -> Result<ScheduleName, Error> {
    let name = match ended {
        Ended::Start if cx.has_idempotency_key => ScheduleName::of_end(&format!("start {}", cx.client_token)),
        Ended::Start | Ended::Launch => ScheduleName::of_end(cx.client_token),
    };
    name.ok_or_else(|| Error::internal("the name of an end is malformed"))
}

/// The timetable of one action at one time.
fn one_time(action: ScheduledAction, time: Timestamp) -> Result<Timetable, Error> {
    let at = at_expression(time);
    let actions = &[(action, at.as_str())];
    let timetable = Timetable::read(&ScheduleFields { actions, ..ScheduleFields::default() });
    timetable.map_err(|(field, problem)| Error::internal(format!("{field} {problem}: {at}")))
}

/// Says after an unknown outcome which end there would be.
pub(in crate::operations) fn end_hint(cx: &Context<'_>, ended: Ended) -> String {
    name(cx, ended).map(|name| format!("Its end is the schedule {name}")).unwrap_or_default()
}

/// The entry of the end in Scheduler's group.
fn end_entry(cx: &Context<'_>, schedule: &Schedule, action: ScheduledAction) -> Result<ScheduledEntry, Error> {
    entry(cx, schedule, action).ok_or_else(|| Error::internal("an end without its time"))
}

/// Reads the end of this name.
async fn read(cx: &Context<'_>, name: &ScheduleName) -> Result<Option<KeptSchedule>, Error> {
    find_entries(cx, name, [ScheduledAction::Stop, ScheduledAction::Terminate]).await
}

/// The end of an earlier request under the same idempotency key, else a new one.
async fn find_or_make(cx: &Context<'_>, end: End, wanted: Schedule) -> Result<Option<StandingEnd>, Error> {
    let kept = match cx.has_idempotency_key {
        true => cx.before_change(Box::pin(read(cx, &wanted.name))).await?,
        false => None,
    };
    if let Some(kept) = kept {
        let standing = take_over(cx, end, kept, wanted).await?;
        return Ok((!cx.dry_run).then_some(standing));
    }
    has_room(cx).await?;
    if cx.dry_run {
        return Ok(None);
    }
    make(cx, end, wanted).await.map(Some)
}

/// Makes the end. One whose answer was lost is removed, unless another request may need it.
///
/// # Errors
/// It can't be made; the message names one that may stand.
async fn make(cx: &Context<'_>, end: End, wanted: Schedule) -> Result<StandingEnd, Error> {
    let scheduler = scheduler(cx)?;
    let action = end.action.scheduled();
    let entry = end_entry(cx, &wanted, action)?;
    record(cx, Some(&wanted));
    match within(write_deadline(cx), Box::pin(scheduler.create(&entry))).await {
        Ok(_) => Ok(StandingEnd { schedule: wanted, action, is_new: true, warning: None }),
        // Another request under the same key, or an attempt of this one whose response was lost.
        Err(error) if error.kind == Kind::Conflict => {
            let kept = cx.before_change(Box::pin(read(cx, &wanted.name))).await;
            let kept = kept.map_err(|error| name_remaining(&wanted, error))?;
            record(cx, None);
            take_over(cx, end, kept.ok_or(error)?, wanted).await
        }
        // Another request under the same key may need it.
        Err(error) if error.outcome_unknown && cx.has_idempotency_key => Err(name_remaining(&wanted, error)),
        Err(error) if error.outcome_unknown => {
            if delete(cx, scheduler, &wanted, action).await {
                record(cx, None);
                return Err(error);
            }
            Err(name_remaining(&wanted, error))
        }
        Err(error) => {
            record(cx, None);
            Err(error)
        }
    }
}

/// Records for the log the end that stands, or may stand.
fn record(cx: &Context<'_>, end: Option<&Schedule>) {
    cx.record(|audit| audit.end = end.map(|end| end.name.to_string()));
}

/// Deletes an end. Returns whether it is gone.
async fn delete(cx: &Context<'_>, scheduler: &Scheduler, end: &Schedule, action: ScheduledAction) -> bool {
    let name = action.scheduled_name(&end.name);
    let deleted = within(report_deadline(cx), Box::pin(scheduler.delete(&name))).await;
    deleted.err().is_none_or(|error| error.kind == Kind::NotFound)
}

/// Names an end that could not be removed in the error of what it was to end. The end of a launch
/// needs no deletion: it goes by client tokens, and no instance has them after a failed launch.
fn name_remaining(end: &Schedule, error: Error) -> Error {
    match end.definition.instances {
        ScheduledInstances::Launched(_) => error,
        _ => {
            let message = error.message.trim_end_matches('.');
            Error { message: format!("{message}. The end {} may still stand: delete it", end.name), ..error }
        }
    }
}

/// Takes over the end that stands under the name of the wanted one: it stays as it is.
///
/// # Errors
/// It is not the end of the same launch.
async fn take_over(cx: &Context<'_>, end: End, kept: KeptSchedule, wanted: Schedule) -> Result<StandingEnd, Error> {
    let action = end.action.scheduled();
    let (standing, new) = (&kept.schedule.definition, &wanted.definition);
    if (standing.owner.authentication, &standing.owner.name) != (new.owner.authentication, &new.owner.name) {
        let message = format!("There is a schedule {} already, of another caller", wanted.name);
        return Err(Error::new(Kind::Conflict, "ScheduleExists", message));
    }
    let covers = match (&standing.instances, &new.instances) {
        (ScheduledInstances::Launched(standing), ScheduledInstances::Launched(new)) => {
            new.iter().all(|token| standing.contains(token))
        }
        // It was made anew for instances that were kept: they have been launched.
        (ScheduledInstances::Named(_), ScheduledInstances::Launched(_)) => true,
        (standing, new) => standing == new,
    };
    let same_place = standing.region == new.region && standing.account == new.account;
    let time = standing.timetable.time(action).filter(|_| covers && same_place);
    let Some(time) = time else {
        let message = "Another launch was sent under the same Idempotency-Key, with another end";
        return Err(Error::new(Kind::IdempotencyMismatch, "IdempotentParameterMismatch", message));
    };
    let soon = timestamp(cx.now).saturating_add(LISTING_DELAY).unwrap_or(Timestamp::MAX);
    let is_over = time.expression.has_passed(&standing.timetable.timezone, soon);
    // What it was made for was never launched, or is started again: nothing runs without its end.
    let is_start = matches!(new.instances, ScheduledInstances::Named(_));
    if is_over && !cx.dry_run && (is_start || !has_instances(cx, standing).await?) {
        record(cx, Some(&wanted));
        let entry = end_entry(cx, &wanted, action)?;
        within(write_deadline(cx), Box::pin(scheduler(cx)?.update(&entry))).await?;
        return Ok(StandingEnd { schedule: wanted, action, is_new: true, warning: None });
    }
    let same_time = end.time(standing.updated).map(at_expression).is_some_and(|expected| expected == time.given);
    let warning = format!("the end {} stays at {}: an earlier request has made it", wanted.name, time.given);
    let warning = (!same_time).then_some(warning);
    // Without a key, nobody else has the token.
    Ok(StandingEnd { schedule: kept.schedule, action, is_new: !cx.has_idempotency_key, warning })
}

/// Whether EC2 lists instances that the end is about.
async fn has_instances(cx: &Context<'_>, end: &Definition) -> Result<bool, Error> {
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
    pub(in crate::operations) async fn settle<T>(
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
        completed.warnings.extend(self.warning);
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
    pub(in crate::operations) async fn narrow(&mut self, cx: &Context<'_>, ids: Vec<InstanceId>) {
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
            self.warning =
                Some(format!("the end {name} may also be one of instances that were not started: {problem}"));
        }
    }
}
