//! Does an action of a schedule now.

use super::RUN_SCHEDULE;
use super::act::{ActionOutput, act};
use super::entries::read;
use crate::error::Error;
use crate::model::{AccountId, Action, ScheduleName, ScheduledAction, timestamp};
use crate::operations::{Context, Operation, Outcome, Target};

/// Does an action of a schedule now, as its owner, whether the schedule is enabled or not.
#[derive(Debug)]
pub struct RunSchedule {
    /// The schedule's name.
    pub name: ScheduleName,
    /// The account of its instances, if it must be this one.
    pub account: Option<AccountId>,
    /// One of its actions.
    pub action: ScheduledAction,
}

impl Operation for RunSchedule {
    const ACTION: Action = RUN_SCHEDULE;
    type Output = ActionOutput;

    fn target(&self) -> Target {
        Target { schedule: Some(self.action.scheduled_name(&self.name)), ..Target::default() }
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<ActionOutput>, Error> {
        let kept = read(cx, Self::ACTION, &self.name, self.account.as_ref()).await?;
        let schedule = &kept.schedule;
        if schedule.definition.timetable.time(self.action).is_none() {
            let actions: Vec<_> = schedule.definition.actions().map(ScheduledAction::as_str).collect();
            let problem = format!("must be an action of the schedule: {}", actions.join(", "));
            return Err(Error::invalid("action", problem));
        }
        Box::pin(act(cx, schedule, self.action, timestamp(cx.now))).await
    }
}
