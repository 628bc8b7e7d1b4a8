//! StartInstances.

use super::change_state::authorized_ids;
use super::wait::{Goal, wait_for};
use super::{Completed, Context, Operation, Outcome, Target, dry_run_outcome};
use crate::authz::Detail;
use crate::error::Error;
use crate::model::{Action, Effect, InstanceRef, Region, StateChange};

/// Starts instances.
#[derive(Debug)]
pub struct StartInstances {
    /// Their region.
    pub region: Region,
    /// The instances; at least one.
    pub instances: Vec<InstanceRef>,
}

impl Operation for StartInstances {
    const ACTION: Action =
        Action { name: "StartInstances", effect: Effect::Write, iam: &["ec2:StartInstances", "ec2:DescribeInstances"] };
    type Output = Vec<StateChange>;

    fn target(&self) -> Target {
        Target::instances(&self.region, &self.instances)
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let ids = authorized_ids(Self::ACTION, cx, &self.region, &self.instances, &[Detail::None]).await?;
        let sent = cx.ec2.start_instances(&self.region, &ids, cx.dry_run).await;
        dry_run_outcome(Self::ACTION, cx, sent, |changes| changes)
    }

    async fn follow_up(&self, cx: &Context<'_>, completed: &mut Completed<Self::Output>) {
        wait_for(Goal::RUNNING, cx, &self.region, completed).await;
    }
}
