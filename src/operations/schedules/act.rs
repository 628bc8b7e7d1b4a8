//! Does one action of a schedule, as its owner.

use super::RUN_SCHEDULE;
use super::acting_owner::acting_owner;
use super::marked_reboot::MarkedReboot;
use crate::auth::Caller;
use crate::authz::Decision;
use crate::config::Config;
use crate::error::{Error, Kind};
use crate::model::{
    AccountRef, Action, Definition, Expected, Filter, InstanceId, InstanceQuery, InstanceRef, MAX_FILTER_VALUES,
    Region, Schedule, ScheduledAction, ScheduledInstances, Selection, Shutdown, StateChange, Tagged, Targets,
    timestamp,
};
use crate::operations::account::TargetAccount;
use crate::operations::audit::Audit;
use crate::operations::reboot::RebootInstances;
use crate::operations::start::StartInstances;
use crate::operations::state_call::InstanceResult;
use crate::operations::stop::StopInstances;
use crate::operations::terminate::TerminateInstances;
use crate::operations::{Completed, Context, DryRun, Operation, Outcome};
use jiff::Timestamp;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What an action of a schedule did with each instance.
#[derive(Debug)]
pub enum ActionOutput {
    /// A start, a stop or a termination.
    Changed(Vec<InstanceResult<StateChange>>),
    /// A reboot.
    Rebooted(Vec<InstanceResult<InstanceId>>),
}

impl ActionOutput {
    /// The errors of instances.
    pub fn errors(&self) -> Vec<&Error> {
        match self {
            Self::Changed(results) => results.iter().filter_map(|result| result.change.as_ref().err()).collect(),
            Self::Rebooted(results) => results.iter().filter_map(|result| result.change.as_ref().err()).collect(),
        }
    }
}

/// Does an action of the schedule that was planned for `time`, as its owner is now: what can be
/// done is done. Only the deadline and the clients of `cx` count, not its caller. The decision and
/// what was done are recorded in `cx`. On a day that the schedule skips nothing happens.
///
/// # Errors
/// The owner may not do this now; the instances can't be found; nothing was done for any of them.
pub async fn act(
    cx: &Context<'_>,
    schedule: &Schedule,
    action: ScheduledAction,
    time: Timestamp,
) -> Result<Outcome<ActionOutput>, Error> {
    let definition = &schedule.definition;
    if definition.timetable.skips(time) {
        let day = definition.timetable.timezone.date(time);
        return Ok(nothing(cx, vec![format!("Nothing was done: the schedule skips {day}")]));
    }
    let refused = |error| {
        cx.decide(|decision| decision.permitted = Some(false));
        error
    };
    let owner = acting_owner(cx.config, schedule, timestamp(cx.now)).map_err(refused)?;
    let account = account(cx.config, definition).map_err(refused)?;
    if !cx.config.regions.allows(&definition.region) {
        let message = format!("This deployment no longer allows the region {}", definition.region);
        return Err(refused(Error::new(Kind::Forbidden, "RegionNotAllowed", message)));
    }
    let other = account.other.map(|other| cx.accounts.ec2(other, &owner));
    let acting = Context {
        caller: &owner,
        ec2: other.as_deref().unwrap_or(cx.own_ec2),
        account,
        source_ip: None,
        region_parameter: "region_name",
        has_idempotency_key: false,
        wait: Duration::ZERO,
        decision: Mutex::new(Decision::default()),
        audit: Mutex::new(Audit::default()),
        ..*cx
    };
    let done = Box::pin(act_as(&acting, schedule, action, time)).await;
    if let (Err(error), Some(other)) = (&done, acting.account.other) {
        cx.accounts.forget_refused(other, &owner, error);
    }
    let decision = acting.decision.into_inner().unwrap_or_else(PoisonError::into_inner);
    let audit = acting.audit.into_inner().unwrap_or_else(PoisonError::into_inner);
    cx.decide(|all| *all = decision);
    cx.record(|all| *all = audit);
    done
}

/// The AWS operation that an action is authorized as, for its owner.
pub fn aws_action(action: ScheduledAction) -> Action {
    match action {
        ScheduledAction::Start => StartInstances::ACTION,
        ScheduledAction::Stop => StopInstances::ACTION,
        ScheduledAction::Reboot => MarkedReboot::ACTION,
        ScheduledAction::Terminate => TerminateInstances::ACTION,
    }
}

/// The owner's session for the log; the owner may not be accepted any more.
pub fn logged_owner(schedule: &Schedule) -> Caller {
    let owner = &schedule.definition.owner;
    let name = Some(schedule.name.to_string());
    Caller { schedule: name, ..Caller::new(owner.name.clone(), owner.authentication) }
}

/// The account of the schedule's instances, if the deployment still has it.
fn account<'a>(config: &'a Config, definition: &Definition) -> Result<TargetAccount<'a>, Error> {
    let own = config.schedules.as_ref().map(|schedules| schedules.account.clone());
    let named = definition.account.clone().filter(|id| own.as_ref() != Some(id)).map(AccountRef::Id);
    TargetAccount::find(config, own, named.as_ref()).map_err(|_| {
        let message = "This deployment no longer has the account of the schedule";
        Error::new(Kind::Forbidden, "AccountNotAllowed", message)
    })
}

/// Does the action as the caller of the context.
async fn act_as(
    cx: &Context<'_>,
    schedule: &Schedule,
    action: ScheduledAction,
    time: Timestamp,
) -> Result<Outcome<ActionOutput>, Error> {
    let definition = &schedule.definition;
    let selection = match &definition.instances {
        ScheduledInstances::Named(instances) => Selection::Named(instances.clone()),
        ScheduledInstances::Tagged(tags) => {
            Selection::Tagged(Tagged { tags: tags.clone(), expect: definition.expect.map(Expected::AtMost) })
        }
        ScheduledInstances::Launched(tokens) => {
            let launched = cx.before_change(Box::pin(launched(cx, &definition.region, tokens))).await?;
            if launched.is_empty() {
                return Ok(nothing(cx, Vec::new()));
            }
            Selection::Named(launched)
        }
    };
    let leave_out_kept = matches!(action, ScheduledAction::Stop | ScheduledAction::Terminate);
    let is_one_time = definition.timetable.time(action).is_some_and(|time| time.expression.is_one_time());
    let leave_out_terminated = leave_out_kept && is_one_time;
    let region = definition.region.clone();
    let targets = Targets { region, selection, partial: true, leave_out_kept, leave_out_terminated };
    let Definition { force, skip_os_shutdown, hibernation, .. } = *definition;
    match action {
        ScheduledAction::Start => run(cx, StartInstances { targets, end: None }, ActionOutput::Changed).await,
        ScheduledAction::Stop => {
            let stop = StopInstances { targets, hibernation, force, skip_os_shutdown };
            run(cx, stop, ActionOutput::Changed).await
        }
        ScheduledAction::Reboot => {
            let mark = format!("{} {time}", schedule.name);
            run(cx, MarkedReboot { reboot: RebootInstances { targets }, mark }, ActionOutput::Rebooted).await
        }
        ScheduledAction::Terminate => {
            let shutdown = Shutdown { force, hibernate: false, skip_os_shutdown };
            run(cx, TerminateInstances { targets, shutdown }, ActionOutput::Changed).await
        }
    }
}

async fn run<O: Operation>(
    cx: &Context<'_>,
    operation: O,
    output: impl FnOnce(O::Output) -> ActionOutput,
) -> Result<Outcome<ActionOutput>, Error> {
    // Not `execute`: the caller of an action adds its own words to an error.
    let done = cx.within_deadline(Box::pin(operation.run(cx))).await.map_err(|error| cx.account.explain(error))?;
    Ok(match done {
        Outcome::Done(Completed { output: done, aws_request_id, incomplete, warnings, end }) => {
            Outcome::Done(Completed { output: output(done), aws_request_id, incomplete, warnings, end })
        }
        Outcome::DryRun(dry_run) => Outcome::DryRun(dry_run),
    })
}

/// The outcome of an action that is about no instance.
fn nothing(cx: &Context<'_>, warnings: Vec<String>) -> Outcome<ActionOutput> {
    if cx.dry_run {
        return Outcome::DryRun(DryRun { action: RUN_SCHEDULE, checked_by_aws: false, aws_request_id: None });
    }
    Outcome::Done(Completed { warnings, ..Completed::new(ActionOutput::Changed(Vec::new()), None) })
}

/// The states of launched instances that can still be ended.
const STATES: [&str; 4] = ["pending", "running", "stopping", "stopped"];

/// The instances that were launched under one of the client tokens. Nobody can set the token of
/// another's instance, as could be done with a tag.
async fn launched(cx: &Context<'_>, region: &Region, tokens: &[String]) -> Result<Vec<InstanceRef>, Error> {
    let mut found = Vec::new();
    for tokens in tokens.chunks(MAX_FILTER_VALUES - STATES.len()) {
        let tokens = Filter::exactly("client-token", tokens.iter().map(String::as_str));
        let filters = vec![tokens, Filter::exactly("instance-state-name", STATES)];
        let mut query = InstanceQuery { filters, ..InstanceQuery::default() };
        loop {
            let page = cx.ec2.describe_instances(region, &query).await?.value;
            query.next_token.clone_from(&page.next_token);
            let ids = page.into_instances().map(|instance| InstanceId::parse(&instance.instance_id));
            let ids = ids.collect::<Option<Vec<_>>>();
            let ids = ids.ok_or_else(|| Error::internal("EC2 returned a malformed instance ID"))?;
            found.extend(ids.into_iter().map(InstanceRef::Id));
            if query.next_token.is_none() {
                break;
            }
        }
    }
    Ok(found)
}
