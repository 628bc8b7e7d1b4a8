//! The end of a repetition: an earlier request under the same idempotency key may have made it.

use super::entries::StoredSchedule;
use super::scheduler;
use super::standing_end::{Origin, StandingEnd, end_entry, exists, has_instances, record, write_deadline};
use crate::error::{Error, Kind};
use crate::model::{End, Schedule, ScheduledInstances, at_expression, timestamp};
use crate::operations::{Context, within};
use jiff::{SignedDuration, Timestamp};

/// How long after a launch EC2 may not list its instances yet. An end that comes so soon may find
/// none of them, and that there are none proves nothing.
const LISTING_DELAY: SignedDuration = SignedDuration::from_mins(1);

/// Takes over the end that stands under the name of the wanted one. It stays as it is, unless it
/// has nothing to end any more. `launched`: whether EC2 lists what an earlier request has launched.
///
/// # Errors
/// It is not the end of the same launch or start.
pub(super) async fn take_over(
    cx: &Context<'_>,
    end: End,
    kept: StoredSchedule,
    wanted: Schedule,
    launched: bool,
) -> Result<StandingEnd, Error> {
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
        // Not all of them were started, or some of them are already.
        (ScheduledInstances::Named(standing), ScheduledInstances::Named(new)) => {
            standing.iter().all(|one| new.contains(one)) || new.iter().all(|one| standing.contains(one))
        }
        (standing, new) => standing == new,
    };
    let same_place = standing.region == new.region && standing.account == new.account;
    let time = standing.timetable.time(action).filter(|_| covers && same_place);
    let Some(time) = time else {
        let what = match new.instances {
            ScheduledInstances::Launched(_) => "launch",
            ScheduledInstances::Named(_) | ScheduledInstances::Tagged(_) => "start",
        };
        let message = format!("Another {what} was sent under the same Idempotency-Key, with another end");
        return Err(Error::new(Kind::IdempotencyMismatch, "IdempotentParameterMismatch", message));
    };
    let now = timestamp(cx.now);
    let has_passed_at = |now| time.expression.has_passed(&standing.timetable.timezone, now);
    let is_over = has_passed_at(now);
    let soon = now.saturating_add(LISTING_DELAY).unwrap_or(Timestamp::MAX);
    let is_settled = has_passed_at(soon) || now.duration_since(standing.updated) >= LISTING_DELAY;
    // Nothing runs without its end, nor for a shorter time because an earlier launch has failed.
    let is_unused = match new.instances {
        _ if cx.dry_run => false,
        ScheduledInstances::Launched(_) if !launched && is_settled => !has_instances(cx, standing, exists).await?,
        ScheduledInstances::Launched(_) => false,
        ScheduledInstances::Named(_) | ScheduledInstances::Tagged(_) => is_over,
    };
    if is_unused {
        record(cx, Some(&wanted));
        let entry = end_entry(cx, &wanted, action)?;
        within(write_deadline(cx), Box::pin(scheduler(cx)?.update(&entry))).await?;
        return Ok(StandingEnd { schedule: wanted, action, origin: Origin::Moved, warnings: Vec::new() });
    }
    let same_time = end.time(standing.updated).map(at_expression).is_some_and(|expected| expected == time.given);
    let mut warnings = Vec::new();
    if !same_time {
        warnings.push(format!("the end {} stays at {}: an earlier request has made it", wanted.name, time.given));
    }
    if !kept.schedule.enabled {
        warnings.push(format!("the end {} is disabled: nothing ends before somebody enables it", wanted.name));
    }
    if is_over {
        let problem = "its time has passed: it has failed, or is about to happen";
        warnings.push(format!("the end {} is still there, and {problem}", wanted.name));
    }
    let mut schedule = kept.schedule;
    if let (ScheduledInstances::Named(standing), ScheduledInstances::Named(new)) =
        (&schedule.definition.instances, &new.instances)
        && !new.iter().all(|one| standing.contains(one))
        && !cx.dry_run
    {
        // Those that were not started then are started now.
        schedule.definition.instances = wanted.definition.instances.clone();
        record(cx, Some(&schedule));
        let entry = end_entry(cx, &schedule, action)?;
        within(write_deadline(cx), Box::pin(scheduler(cx)?.update(&entry))).await?;
    }
    // Without a key, nobody else has the token.
    let origin = if cx.has_idempotency_key { Origin::Taken } else { Origin::Created };
    Ok(StandingEnd { schedule, action, origin, warnings })
}
