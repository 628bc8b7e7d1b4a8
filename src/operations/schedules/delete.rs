//! Deletes a schedule.

use super::changes::{Change, apply};
use super::entries::read;
use crate::error::Error;
use crate::model::{AccountId, Action, Effect, ScheduleName};
use crate::operations::{Context, DryRun, Operation, Outcome, Target};

/// Deletes a schedule with all of its actions.
#[derive(Debug)]
pub struct DeleteSchedule {
    /// Its name.
    pub name: ScheduleName,
    /// The account of its instances, if it must be this one.
    pub account: Option<AccountId>,
}

impl Operation for DeleteSchedule {
    const ACTION: Action = Action {
        name: "DeleteSchedule",
        effect: Effect::Write,
        iam: &["scheduler:DeleteSchedule", "scheduler:GetSchedule", "scheduler:CreateSchedule", "iam:PassRole"],
    };
    type Output = ();

    fn target(&self) -> Target {
        Target { schedule: Some(self.name.to_string()), ..Target::default() }
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<()>, Error> {
        let kept = read(cx, Self::ACTION, &self.name, self.account.as_ref()).await?;
        if cx.dry_run {
            let dry_run = DryRun { action: Self::ACTION, checked_by_aws: false, aws_request_id: None };
            return Ok(Outcome::DryRun(dry_run));
        }
        let changes: Vec<_> = kept.entries.into_iter().map(|(_, entry)| Change::Delete(entry)).collect();
        Ok(Outcome::done((), apply(cx, &changes).await?))
    }

    fn recovery_hint(&self, _: &Context<'_>) -> Option<String> {
        Some(format!("Get the schedule {} to see what stands", self.name))
    }
}
