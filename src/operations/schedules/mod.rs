//! Schedules: EventBridge Scheduler keeps each action of one as an entry of its own.

mod changes;
pub mod delete;
pub mod entries;
pub mod get;
pub mod list;
pub mod put;
pub mod set_state;

use super::Context;
use crate::auth::Caller;
use crate::authz::Authorizer;
use crate::aws::scheduler::Scheduler;
use crate::error::{Error, Kind};
use crate::model::{AccountId, Action, Effect, Owner, Schedule, ScheduleName};

/// The action of everything that only reads schedules.
pub const GET_SCHEDULE: Action = Action { name: "GetSchedule", effect: Effect::Read, iam: &["scheduler:GetSchedule"] };

/// The action of a schedule's first definition.
pub const CREATE_SCHEDULE: Action = Action {
    name: "CreateSchedule",
    effect: Effect::Write,
    iam: &[
        "scheduler:CreateSchedule",
        "scheduler:GetSchedule",
        "scheduler:ListSchedules",
        // To undo what was made, if the rest fails.
        "scheduler:DeleteSchedule",
        "iam:PassRole",
    ],
};

/// The action of every other change of a schedule.
pub const UPDATE_SCHEDULE: Action = Action {
    name: "UpdateSchedule",
    effect: Effect::Write,
    iam: &["scheduler:UpdateSchedule", "scheduler:GetSchedule", "iam:PassRole"],
};

/// Scheduler.
///
/// # Errors
/// The deployment has no schedules. Its routes are off then.
fn scheduler<'a>(cx: &Context<'a>) -> Result<&'a Scheduler, Error> {
    cx.scheduler.ok_or_else(|| Error::internal("this deployment has no schedule group"))
}

/// The authorizer of an action on this schedule: in its region and its account.
fn authorizer<'a>(cx: &'a Context<'_>, action: Action, schedule: &'a Schedule) -> Authorizer<'a> {
    let account = account_of(cx, schedule);
    Authorizer { account, ..cx.authorizer(action, &schedule.definition.region) }
}

/// The account of the schedule's instances.
fn account_of<'a>(cx: &'a Context<'_>, schedule: &'a Schedule) -> Option<&'a AccountId> {
    let own = cx.config.schedules.as_ref().map(|schedules| &schedules.account);
    schedule.definition.account.as_ref().or(own)
}

/// The owner of what this caller writes.
fn owner(caller: &Caller) -> Owner {
    let Caller { name, authentication, groups, scopes, .. } = caller;
    Owner { authentication: *authentication, name: name.clone(), groups: groups.clone(), scopes: scopes.clone() }
}

fn schedule_not_found(name: &ScheduleName) -> Error {
    Error::new(Kind::NotFound, "ScheduleNotFound", format!("There is no schedule {name}"))
}
