//! Shows a schedule.

use super::GET_SCHEDULE;
use super::entries::{StoredSchedule, read};
use crate::error::Error;
use crate::model::{AccountId, Action, ScheduleName};
use crate::operations::{Context, Operation, Outcome, Target};

/// Shows a schedule.
#[derive(Debug)]
pub struct GetSchedule {
    /// Its name.
    pub name: ScheduleName,
    /// The account of its instances, if it must be this one.
    pub account: Option<AccountId>,
}

impl Operation for GetSchedule {
    const ACTION: Action = GET_SCHEDULE;
    type Output = StoredSchedule;

    fn target(&self) -> Target {
        Target { schedule: Some(self.name.to_string()), ..Target::default() }
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<StoredSchedule>, Error> {
        let kept = read(cx, GET_SCHEDULE, &self.name, self.account.as_ref()).await?;
        Ok(Outcome::done(kept, None))
    }
}
