//! Makes or replaces a schedule.

use super::act::aws_action;
use super::changes::{Change, apply, has_time};
use super::entries::{StoredSchedule, entry, find};
use super::list::has_room;
use super::{CREATE_SCHEDULE, UPDATE_SCHEDULE, authorizer, owner};
use crate::authz::Decision;
use crate::error::{Error, Kind};
use crate::model::{
    Action, Definition, Hibernation, Region, Schedule, ScheduleName, ScheduledAction, ScheduledInstances, Timetable,
    timestamp,
};
use crate::operations::{Context, DryRun, Operation, Outcome, Target};

/// Makes a schedule, or replaces it. The caller becomes its owner.
#[derive(Debug)]
pub struct PutSchedule {
    /// Its name.
    pub name: ScheduleName,
    /// Whether its actions happen.
    pub enabled: bool,
    /// When its actions happen.
    pub timetable: Timetable,
    /// The region of its instances.
    pub region: Region,
    /// Its instances.
    pub instances: ScheduledInstances,
    /// How many instances it expects by tag, at most.
    pub expect: Option<u32>,
    /// Whether a stop hibernates.
    pub hibernation: Hibernation,
    /// Whether a stop or a termination is forced.
    pub force: bool,
    /// Whether the operating system is not asked to shut down.
    pub skip_os_shutdown: bool,
    /// A text for people.
    pub description: Option<String>,
}

/// A schedule that was written.
#[derive(Debug)]
pub struct WrittenSchedule {
    /// The schedule.
    pub schedule: Schedule,
    /// Whether it is new.
    pub created: bool,
}

impl Operation for PutSchedule {
    const ACTION: Action = CREATE_SCHEDULE;
    type Output = WrittenSchedule;

    fn target(&self) -> Target {
        Target { schedule: Some(self.name.to_string()), ..Target::region(&self.region) }
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<WrittenSchedule>, Error> {
        let schedule = self.schedule(cx);
        self.possible(cx)?;
        let kept = cx.before_change(Box::pin(find(cx, &self.name))).await?;
        let action = match &kept {
            None => CREATE_SCHEDULE,
            Some(kept) => {
                if !may_change(cx, &kept.schedule) {
                    return Err(self.taken());
                }
                UPDATE_SCHEDULE
            }
        };
        cx.decide(|decision| authorizer(cx, action, &schedule).schedule(&schedule, decision))?;
        if kept.is_none() {
            if self.name.is_of_end() {
                let problem = "must not be a name as ends have it: end- and 20 hexadecimal digits";
                return Err(Error::invalid("name", problem));
            }
            has_room(cx).await?;
        }
        if cx.dry_run {
            return Ok(Outcome::DryRun(DryRun { action, checked_by_aws: false, aws_request_id: None }));
        }
        if !has_time(cx) {
            return Err(Error::new(Kind::Unreachable, "RequestTimeout", "There is no time left to write the schedule"));
        }
        let request_id = apply(cx, &changes(cx, kept.as_ref(), &schedule)).await?;
        Ok(Outcome::done(WrittenSchedule { schedule, created: kept.is_none() }, request_id))
    }

    fn recovery_hint(&self, _: &Context<'_>) -> Option<String> {
        Some(format!("Get the schedule {} to see what stands", self.name))
    }
}

impl PutSchedule {
    /// The schedule as it is to be.
    fn schedule(&self, cx: &Context<'_>) -> Schedule {
        let definition = Definition {
            owner: owner(cx),
            updated: timestamp(cx.now),
            timetable: self.timetable.clone(),
            region: self.region.clone(),
            account: cx.account.other.map(|account| account.id.clone()),
            instances: self.instances.clone(),
            expect: self.expect,
            hibernation: self.hibernation,
            force: self.force,
            skip_os_shutdown: self.skip_os_shutdown,
            description: self.description.clone(),
        };
        Schedule { name: self.name.clone(), enabled: self.enabled, definition }
    }

    /// Refuses a caller who may neither make nor change schedules, or who may never do one of the
    /// actions: the schedule could do nothing in his name.
    fn possible(&self, cx: &Context<'_>) -> Result<(), Error> {
        let possible = |action: Action, target: &str| {
            let authorizer = cx.authorizer(action, &self.region);
            cx.decide(|decision| authorizer.possible(target, decision))
        };
        let name = self.name.as_str();
        possible(UPDATE_SCHEDULE, name).or_else(|_| possible(CREATE_SCHEDULE, name))?;
        self.timetable.actions.iter().try_for_each(|time| possible(aws_action(time.action), "any instance"))
    }

    /// The error of a name that another schedule has, which the caller may not change.
    fn taken(&self) -> Error {
        let message = format!("There is a schedule {} already, which you may not change", self.name);
        Error::new(Kind::Conflict, "ScheduleExists", message)
    }
}

/// Whether the caller may change this schedule.
fn may_change(cx: &Context<'_>, schedule: &Schedule) -> bool {
    let mut decision = Decision::default();
    let permitted = authorizer(cx, UPDATE_SCHEDULE, schedule).schedule(schedule, &mut decision).is_ok();
    cx.decide(|all| *all = decision);
    permitted
}

/// The changes that make the entries those of the schedule.
fn changes(cx: &Context<'_>, kept: Option<&StoredSchedule>, schedule: &Schedule) -> Vec<Change> {
    let change = |action: ScheduledAction| {
        let from = kept.and_then(|kept| kept.entry(action)).cloned();
        match (from, entry(cx, schedule, action)) {
            (None, Some(entry)) => Some(Change::Create(entry)),
            (Some(from), Some(to)) => Some(Change::Update { from, to }),
            (Some(entry), None) => Some(Change::Delete(entry)),
            (None, None) => None,
        }
    };
    ScheduledAction::ALL.into_iter().filter_map(change).collect()
}
