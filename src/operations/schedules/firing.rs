//! A firing: one action of a schedule whose time has come. What happens is read from Scheduler now,
//! not taken from the event.

use super::act::{act, aws_action};
use super::scheduler;
use crate::aws::scheduler::ScheduledEntry;
use crate::error::{Error, Kind};
use crate::model::{
    Action, Definition, InstanceRef, Schedule, ScheduleFields, ScheduleName, ScheduledAction, ScheduledInstances, Tag,
    Timetable, at_expression, timestamp,
};
use crate::operations::{Completed, Context, Outcome, Target};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How long after the planned time no attempt of Lambda follows any more. It waits 1 minute before
/// the second attempt and 2 before the third, which begins after 3 minutes at the earliest; clocks
/// may differ a little. Until then the entry must stay as it is: a repetition does nothing for one
/// with another time.
const LAST_ATTEMPT: SignedDuration = SignedDuration::from_secs(170);

/// Until an entry that has left out kept instances, and failed for others, happens again.
const RETRY_PAUSE: SignedDuration = SignedDuration::from_hours(1);

/// One action of a schedule, as Scheduler keeps it now.
#[derive(Debug)]
pub struct Firing {
    /// The schedule.
    pub schedule: Schedule,
    /// The action.
    pub action: ScheduledAction,
    entry: ScheduledEntry,
}

impl Firing {
    /// Reads the action from the deployment's group. `None`: the schedule was deleted in between.
    ///
    /// # Errors
    /// Scheduler's refusal, or no usable response; this function did not write the schedule.
    pub async fn read(cx: &Context<'_>, name: &ScheduleName, action: ScheduledAction) -> Result<Option<Self>, Error> {
        let scheduler = scheduler(cx)?;
        let entry_name = action.scheduled_name(name);
        let entry = match cx.before_change(Box::pin(scheduler.get(&entry_name))).await {
            Ok(entry) => entry.value,
            Err(error) if error.kind == Kind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let definition = Definition::from_message(&entry.input);
        let definition = definition.filter(|definition| definition.timetable.time(action).is_some());
        let definition = definition.ok_or_else(|| {
            let message = format!("{entry_name} is of another program, or of another version of this function");
            Error::new(Kind::Conflict, "UnreadableSchedule", message)
        })?;
        let schedule = Schedule { name: name.clone(), enabled: entry.enabled, definition };
        Ok(Some(Self { schedule, action, entry }))
    }

    /// The AWS operation that it is authorized as, for its owner.
    pub fn aws_action(&self) -> Action {
        aws_action(self.action)
    }

    /// What it names, for the log.
    pub fn target(&self) -> Target {
        let definition = &self.schedule.definition;
        let target = match &definition.instances {
            ScheduledInstances::Named(instances) => Target::instances(&definition.region, instances),
            ScheduledInstances::Tagged(tags) => {
                let text = |tag: &Tag| format!("{}={}", tag.key, tag.value);
                Target { instance_tags: tags.iter().map(text).collect(), ..Target::region(&definition.region) }
            }
            ScheduledInstances::Launched(_) => Target::region(&definition.region),
        };
        let account = definition.account.as_ref().map(ToString::to_string);
        Target { account, schedule: Some(self.entry.name.clone()), ..target }
    }

    /// Whether the entry can be the one that was planned for `time`. Otherwise it was replaced in
    /// between, and its own time is another.
    pub fn can_be_planned_for(&self, time: Timestamp) -> bool {
        let Timetable { timezone, .. } = &self.schedule.definition.timetable;
        let own = self.schedule.definition.timetable.time(self.action);
        own.is_some_and(|own| own.expression.can_be_planned_for(timezone, time))
    }

    /// Does the action that was planned for `time`, and deletes its entry if it has no other time.
    ///
    /// # Errors
    /// Those of [`act`]; the first error of an instance, where others were changed. The entry is
    /// kept then. After the last attempt one that has left out kept instances is made anew for
    /// these and for those that failed.
    pub async fn carry_out(&self, cx: &Context<'_>, time: Timestamp) -> Result<Completed<()>, Error> {
        let error = match self.act(cx, time).await {
            Ok(completed) => {
                self.finish(cx, self.later(cx, false)).await?;
                return Ok(completed);
            }
            Err(error) => error,
        };
        let is_last = timestamp(cx.now).duration_since(time) >= LAST_ATTEMPT;
        match self.later(cx, true).filter(|_| is_last) {
            Some(later) => match self.finish(cx, Some(later)).await {
                Ok(()) => Err(error),
                Err(also) => {
                    let message =
                        format!("{}. The kept instances have no end any more: {}", error.message, also.message);
                    Err(Error { message, ..error })
                }
            },
            None => Err(error),
        }
    }

    /// Does the action. That its instances are gone is no failure of an end.
    async fn act(&self, cx: &Context<'_>, time: Timestamp) -> Result<Completed<()>, Error> {
        let acted = Box::pin(act(cx, &self.schedule, self.action, time)).await;
        match acted {
            Ok(Outcome::Done(Completed { output, aws_request_id, incomplete, warnings, end })) => {
                let errors = output.errors();
                if let Some(error) = worst(&errors).filter(|_| !self.is_over(cx)) {
                    let message = format!("{} of the instances failed: {}", errors.len(), error.message);
                    return Err(Error { message, ..error.clone() });
                }
                Ok(Completed { output: (), aws_request_id, incomplete, warnings, end })
            }
            Ok(Outcome::DryRun(_)) => Err(Error::internal("a firing was a dry run")),
            Err(_) if self.is_over(cx) => Ok(Completed::new((), None)),
            Err(error) => Err(error),
        }
    }

    /// Whether the action is the only one of its entry, at one time.
    fn is_one_time(&self) -> bool {
        self.schedule.definition.timetable.time(self.action).is_some_and(|time| time.expression.is_one_time())
    }

    /// Whether an end has nothing left to do: everything that failed is an instance that is gone. A
    /// name that nobody has is no proof of that: the instance may have another name now, or be
    /// hidden from the owner.
    fn is_over(&self, cx: &Context<'_>) -> bool {
        let ends = matches!(self.action, ScheduledAction::Stop | ScheduledAction::Terminate);
        let has_name = match &self.schedule.definition.instances {
            ScheduledInstances::Named(named) => named.iter().any(|named| matches!(named, InstanceRef::Name(_))),
            ScheduledInstances::Tagged(_) => true,
            ScheduledInstances::Launched(_) => false,
        };
        let mut all_gone = false;
        cx.record(|audit| {
            all_gone =
                !audit.failed.is_empty() && audit.failed.values().all(|code| code == "InvalidInstanceID.NotFound");
        });
        ends && self.is_one_time() && !has_name && all_gone
    }

    /// Deletes the entry of a one-time action that is done, or writes the `later` one instead.
    /// Scheduler itself would delete it when it hands the event over, whatever becomes of that.
    async fn finish(&self, cx: &Context<'_>, later: Option<ScheduledEntry>) -> Result<(), Error> {
        if !self.is_one_time() {
            return Ok(());
        }
        let scheduler = scheduler(cx)?;
        match cx.before_change(Box::pin(scheduler.get(&self.entry.name))).await {
            // Replaced in between: that one is still to come.
            Ok(now) if now.value != self.entry => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind == Kind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
        let sent = match later {
            Some(later) => cx.within_deadline(Box::pin(scheduler.update(&later))).await,
            None => cx.within_deadline(Box::pin(scheduler.delete(&self.entry.name))).await,
        };
        match sent {
            Err(error) if error.kind == Kind::NotFound => Ok(()),
            sent => sent.map(|_| ()),
        }
    }

    /// The entry for the instances that were left out, for the time until when the first of them is
    /// kept; `None` if none was left out, or if the schedule has other actions, too. Those that
    /// `failed` may be among them, and are tried again in an hour. The others are done: who starts
    /// them again must not lose them at that time.
    fn later(&self, cx: &Context<'_>, failed: bool) -> Option<ScheduledEntry> {
        let (mut kept, mut left) = (BTreeMap::new(), Vec::new());
        cx.record(|audit| {
            kept.clone_from(&audit.kept);
            left.extend(kept.keys().chain(audit.failed.keys().filter(|_| failed)).cloned());
        });
        let definition = &self.schedule.definition;
        if !self.is_one_time() || definition.actions().count() != 1 {
            return None;
        }
        let has_failed = left.len() > kept.len();
        let until = timestamp(*kept.values().min()?);
        let until = if has_failed { until.min(timestamp(cx.now).saturating_add(RETRY_PAUSE).ok()?) } else { until };
        // Scheduler is exact to the minute.
        let minute = until.as_second().div_euclid(60) + 1;
        let time = at_expression(Timestamp::from_second(minute * 60).ok()?);
        let actions = [(self.action, time.as_str())];
        // No day is skipped: the action was due before.
        let fields = ScheduleFields { actions: &actions, timezone: Some("UTC"), ..Default::default() };
        let timetable = Timetable::read(&fields).ok()?;
        let instances = ScheduledInstances::Named(left.iter().filter_map(|text| InstanceRef::parse(text)).collect());
        let definition = Definition { timetable, instances, expect: None, ..definition.clone() };
        let input = definition.to_message(&self.schedule.name, self.action);
        Some(ScheduledEntry { expression: time, timezone: "UTC".to_owned(), input, ..self.entry.clone() })
    }
}

/// The error that says most: one that a repetition may not have, else the first.
fn worst<'a>(errors: &[&'a Error]) -> Option<&'a Error> {
    errors.iter().find(|error| is_transient(error)).or_else(|| errors.first()).copied()
}

/// Whether AWS is to blame, so that the same action may succeed later.
pub fn is_transient(error: &Error) -> bool {
    let of_aws = [Kind::Throttled, Kind::Unreachable, Kind::Upstream, Kind::Capacity, Kind::Internal];
    error.outcome_unknown || of_aws.contains(&error.kind)
}
