//! Enables and disables a schedule.

use super::UPDATE_SCHEDULE;
use super::changes::{Change, apply};
use super::entries::{StoredSchedule, read, still_to_come};
use crate::aws::scheduler::ScheduledEntry;
use crate::error::{Error, Kind};
use crate::model::{AccountId, Action, Schedule, ScheduleName, timestamp};
use crate::operations::{Context, DryRun, Operation, Outcome, Target};

/// Enables or disables a schedule. Its owner stays the same.
#[derive(Debug)]
pub struct SetScheduleState {
    /// Its name.
    pub name: ScheduleName,
    /// The account of its instances, if it must be this one.
    pub account: Option<AccountId>,
    /// Whether its actions happen from now on.
    pub enabled: bool,
}

impl Operation for SetScheduleState {
    const ACTION: Action = UPDATE_SCHEDULE;
    type Output = StoredSchedule;

    fn target(&self) -> Target {
        Target { schedule: Some(self.name.to_string()), ..Target::default() }
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<StoredSchedule>, Error> {
        let kept = read(cx, Self::ACTION, &self.name, self.account.as_ref()).await?;
        if self.enabled {
            self.can_happen(cx, &kept)?;
        }
        if cx.dry_run {
            let dry_run = DryRun { action: Self::ACTION, checked_by_aws: false, aws_request_id: None };
            return Ok(Outcome::DryRun(dry_run));
        }
        let differs = |entry: &&ScheduledEntry| entry.enabled != self.enabled;
        let change = |from: &ScheduledEntry| {
            let start = still_to_come(cx, from.start);
            Change::Update { from: from.clone(), to: ScheduledEntry { enabled: self.enabled, start, ..from.clone() } }
        };
        let entries = kept.entries.iter().map(|(_, entry)| entry);
        let changes: Vec<_> = entries.filter(differs).map(change).collect();
        let request_id = apply(cx, &changes).await?;
        let schedule = Schedule { enabled: self.enabled, ..kept.schedule };
        Ok(Outcome::done(StoredSchedule { schedule, ..kept }, request_id))
    }

    fn recovery_hint(&self, _: &Context<'_>) -> Option<String> {
        Some(format!("Get the schedule {} to see what stands", self.name))
    }
}

impl SetScheduleState {
    /// Refuses to enable a schedule that can't act any more: all its times have passed.
    fn can_happen(&self, cx: &Context<'_>, kept: &StoredSchedule) -> Result<(), Error> {
        let timetable = &kept.schedule.definition.timetable;
        let now = timestamp(cx.now);
        if timetable.actions.iter().all(|time| time.expression.has_passed(&timetable.timezone, now)) {
            let message = format!("The time of {} has passed: write it anew, or delete it", self.name);
            return Err(Error::new(Kind::Conflict, "ScheduleOver", message));
        }
        Ok(())
    }
}
