//! Ends: what is launched or started with an end has a one-time schedule that stops or terminates
//! it, made before it runs. So nothing runs without its end.

use super::list::has_room;
use super::repeated_end::take_over;
use super::standing_end::{
    Deletion, Origin, StandingEnd, delete, end_entry, name_remaining, read, record, write_deadline,
};
use super::{CREATE_SCHEDULE, authorizer, owner, scheduler};
use crate::error::{Error, Kind};
use crate::model::{
    Definition, End, EndAction, Hibernation, InstanceId, Region, Schedule, ScheduleFields, ScheduleName,
    ScheduledAction, ScheduledInstances, Timetable, at_expression, timestamp,
};
use crate::operations::stop::StopInstances;
use crate::operations::terminate::TerminateInstances;
use crate::operations::{Completed, Context, Operation as _, Outcome, within};
use jiff::Timestamp;

/// What an end is of.
#[derive(Clone, Copy, Debug)]
pub(in crate::operations) enum Ended {
    /// A launch.
    Launch,
    /// A start.
    Start,
}

/// The end of what is about to be launched or started.
pub(in crate::operations) enum PreparedEnd {
    /// It stands.
    Standing(Box<StandingEnd>),
    /// There is none: in a dry run, or for the reason that the warning has.
    None(Option<String>),
}

impl PreparedEnd {
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
        match (self, outcome) {
            (Self::Standing(end), outcome) => end.settle(cx, outcome).await,
            (Self::None(Some(warning)), Ok(Outcome::Done(completed))) => {
                let Completed { mut warnings, .. } = completed;
                warnings.push(warning);
                Ok(Outcome::Done(Completed { warnings, ..completed }))
            }
            (Self::None(_), outcome) => outcome,
        }
    }

    /// Makes the end one of these instances only: the others were not started. A failure is a
    /// warning.
    pub(in crate::operations) async fn narrow(&mut self, cx: &Context<'_>, ids: Vec<InstanceId>) {
        if let Self::Standing(end) = self {
            end.narrow(cx, ids).await;
        }
    }
}

/// Authorizes the end and makes it. A dry run makes none. `launched`: whether EC2 lists what an
/// earlier request under the same idempotency key has launched; if its end is gone, there is none.
///
/// # Errors
/// It is not permitted, or can't be made. What it is to end must not be launched or started then;
/// [`Error::outcome_unknown`] is not set.
pub(in crate::operations) async fn make_end(
    cx: &Context<'_>,
    end: End,
    region: &Region,
    instances: ScheduledInstances,
    launched: bool,
) -> Result<PreparedEnd, Error> {
    let schedule = schedule(cx, end, region, instances)?;
    let ending = match end.action {
        EndAction::Stop => StopInstances::ACTION,
        EndAction::Terminate => TerminateInstances::ACTION,
    };
    cx.decide(|decision| cx.authorizer(ending, region).possible("instances at their end", decision))?;
    cx.decide(|decision| authorizer(cx, CREATE_SCHEDULE, &schedule).schedule(&schedule, decision))?;
    Box::pin(find_or_make(cx, end, schedule, launched)).await.map_err(|error| {
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

/// The end of an earlier request under the same idempotency key, else a new one.
async fn find_or_make(cx: &Context<'_>, end: End, wanted: Schedule, launched: bool) -> Result<PreparedEnd, Error> {
    if cx.has_idempotency_key {
        if let Some(kept) = cx.before_change(Box::pin(read(cx, &wanted.name))).await? {
            let standing = take_over(cx, end, kept, wanted, launched).await?;
            return Ok(if cx.dry_run { PreparedEnd::None(None) } else { PreparedEnd::Standing(Box::new(standing)) });
        }
        if launched {
            let warning = format!(
                "no end: an earlier request under this Idempotency-Key has launched the instances, and its end {} has \
                 acted, was deleted or was not asked for",
                wanted.name
            );
            return Ok(PreparedEnd::None(Some(warning)));
        }
    }
    has_room(cx).await?;
    if cx.dry_run {
        return Ok(PreparedEnd::None(None));
    }
    Ok(PreparedEnd::Standing(Box::new(make(cx, end, wanted).await?)))
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
        Ok(_) => Ok(StandingEnd { schedule: wanted, action, origin: Origin::Created, warnings: Vec::new() }),
        // Another request under the same key, or an attempt of this one whose response was lost.
        Err(error) if error.kind == Kind::Conflict => {
            let kept = cx.before_change(Box::pin(read(cx, &wanted.name))).await;
            let kept = kept.map_err(|error| name_remaining(&wanted, error))?;
            record(cx, None);
            take_over(cx, end, kept.ok_or(error)?, wanted, false).await
        }
        // Another request under the same key may need it.
        Err(error) if error.outcome_unknown && cx.has_idempotency_key => Err(name_remaining(&wanted, error)),
        Err(error) if error.outcome_unknown => {
            let is_launch = matches!(wanted.definition.instances, ScheduledInstances::Launched(_));
            let is_harmless = match delete(cx, scheduler, &wanted, action).await {
                Deletion::Done => true,
                // It may still come. That of a launch has nothing to end then.
                Deletion::NotThere => is_launch,
                Deletion::Failed => false,
            };
            if !is_harmless {
                return Err(name_remaining(&wanted, error));
            }
            record(cx, None);
            Err(error)
        }
        Err(error) => {
            record(cx, None);
            Err(error)
        }
    }
}
