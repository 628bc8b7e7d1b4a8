//! StartInstances.

use super::change_state::no_instances;
use super::selection::authorized_ids;
use super::wait::{Goal, wait_for};
use super::{Completed, Context, Operation, Outcome, Target, dry_run_outcome};
use crate::authz::Detail;
use crate::error::Error;
use crate::model::{Action, Effect, Region, Selection, StateChange};

/// Starts instances.
#[derive(Debug)]
pub struct StartInstances {
    /// Their region.
    pub region: Region,
    /// The instances.
    pub instances: Selection,
}

/// The states of instances that are started by tag.
const STATES: [&str; 1] = ["stopped"];

impl Operation for StartInstances {
    const ACTION: Action =
        Action { name: "StartInstances", effect: Effect::Write, iam: &["ec2:StartInstances", "ec2:DescribeInstances"] };
    type Output = Vec<StateChange>;

    fn target(&self) -> Target {
        Target::selection(&self.region, &self.instances)
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let selection = &self.instances;
        let ids = authorized_ids(Self::ACTION, cx, &self.region, selection, &STATES, &[Detail::None]).await?;
        if ids.is_empty() {
            return Ok(no_instances(Self::ACTION, cx));
        }
        let sent = cx.ec2.start_instances(&self.region, &ids, cx.dry_run).await;
        dry_run_outcome(Self::ACTION, cx, sent, |changes| changes)
    }

    async fn follow_up(&self, cx: &Context<'_>, completed: &mut Completed<Self::Output>) {
        wait_for(Goal::RUNNING, cx, &self.region, completed).await;
    }
}
