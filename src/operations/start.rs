//! StartInstances.

use super::change_state::{change_state, changed};
use super::state_call::{InstanceResult, StateCall};
use super::wait::{Goal, wait_for};
use super::{Completed, Context, Operation, Outcome, Target};
use crate::authz::Detail;
use crate::aws::sdk::AwsOutput;
use crate::error::Error;
use crate::model::{Action, Effect, InstanceId, StateChange, Targets};

/// Starts instances.
#[derive(Debug)]
pub struct StartInstances {
    /// The instances.
    pub targets: Targets,
}

/// The states of instances that are started by tag.
const STATES: [&str; 1] = ["stopped"];

impl StateCall for StartInstances {
    type Item = StateChange;

    async fn send(&self, cx: &Context<'_>, ids: &[InstanceId]) -> Result<AwsOutput<Vec<StateChange>>, Error> {
        cx.ec2.start_instances(&self.targets.region, ids, cx.dry_run).await
    }
}

impl Operation for StartInstances {
    const ACTION: Action =
        Action { name: "StartInstances", effect: Effect::Write, iam: &["ec2:StartInstances", "ec2:DescribeInstances"] };
    type Output = Vec<InstanceResult<StateChange>>;

    fn target(&self) -> Target {
        Target::targets(&self.targets)
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        change_state(Self::ACTION, cx, &self.targets, &STATES, &[Detail::None], self).await
    }

    async fn follow_up(&self, cx: &Context<'_>, completed: &mut Completed<Self::Output>) {
        let warning = wait_for(Goal::RUNNING, cx, &self.targets.region, changed(&mut completed.output)).await;
        completed.warnings.extend(warning);
    }
}
