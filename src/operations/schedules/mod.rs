//! Schedules: EventBridge Scheduler keeps each action of one as an entry of its own.

pub mod act;
mod acting_owner;
mod changes;
pub mod delete;
pub mod end;
pub mod entries;
pub mod firing;
pub mod get;
pub mod list;
pub mod marked_reboot;
pub mod put;
mod repeated_end;
pub mod run;
pub mod set_state;
mod standing_end;

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

/// The action of a caller who lets a schedule act now. What it then does is authorized for its
/// owner.
pub const RUN_SCHEDULE: Action = Action {
    name: "RunSchedule",
    effect: Effect::Write,
    iam: &[
        "scheduler:GetSchedule",
        "ec2:DescribeInstances",
        "ec2:StartInstances",
        "ec2:StopInstances",
        "ec2:RebootInstances",
        "ec2:TerminateInstances",
        "ec2:CreateTags",
    ],
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

/// The owner of what the caller of the context writes. Only groups and scopes of a token are kept:
/// those of the configuration are looked up when the schedule acts.
fn owner(cx: &Context<'_>) -> Owner {
    let Caller { name, authentication, groups, scopes, .. } = cx.caller;
    let is_configured = |group: &String| cx.config.callers.groups_of(name).any(|configured| configured == group);
    let groups = groups.iter().filter(|group| !is_configured(group)).cloned().collect();
    Owner { authentication: *authentication, name: name.clone(), groups, scopes: scopes.clone() }
}

fn schedule_not_found(name: &ScheduleName) -> Error {
    Error::new(Kind::NotFound, "ScheduleNotFound", format!("There is no schedule {name}"))
}
