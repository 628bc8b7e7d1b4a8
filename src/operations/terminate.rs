//! TerminateInstances.

use super::change_state::{change_state, changed};
use super::state_call::{InstanceResult, StateCall};
use super::wait::{Goal, wait_for};
use super::{Completed, Context, Operation, Outcome, Target};
use crate::authz::Detail;
use crate::aws::sdk::AwsOutput;
use crate::error::{Error, Kind};
use crate::model::{Action, Effect, InstanceId, Shutdown, StateChange, Targets};

/// Terminates instances.
#[derive(Debug)]
pub struct TerminateInstances {
    /// The instances.
    pub targets: Targets,
    /// How they are shut down. EC2 does not hibernate them.
    pub shutdown: Shutdown,
}

/// The states of instances that are terminated by tag.
const STATES: [&str; 4] = ["pending", "running", "stopping", "stopped"];

impl StateCall for TerminateInstances {
    type Item = StateChange;
    // A protected instance saves the instances of its own zone only.
    const CHANGES_SOME: bool = true;

    async fn send(&self, cx: &Context<'_>, ids: &[InstanceId]) -> Result<AwsOutput<Vec<StateChange>>, Error> {
        cx.ec2.terminate_instances(&self.targets.region, ids, self.shutdown, cx.dry_run).await
    }
}

impl Operation for TerminateInstances {
    const ACTION: Action = Action {
        name: "TerminateInstances",
        effect: Effect::ProtectedWrite,
        iam: &["ec2:TerminateInstances", "ec2:DescribeInstances"],
    };
    type Output = Vec<InstanceResult<StateChange>>;

    fn target(&self) -> Target {
        Target::targets(&self.targets)
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let details = [Detail::Shutdown(self.shutdown)];
        let outcome = change_state(Self::ACTION, cx, &self.targets, &STATES, &details, self).await;
        outcome.map_err(|mut refused| {
            let several = cx.decide(|decision| decision.instances.len() > 1);
            let is_partial = refused.by_aws && refused.kind == Kind::Conflict && several && !self.targets.partial;
            refused.outcome_unknown |= is_partial && !cx.dry_run;
            refused
        })
    }

    async fn follow_up(&self, cx: &Context<'_>, completed: &mut Completed<Self::Output>) {
        let warning = wait_for(Goal::TERMINATED, cx, &self.targets.region, changed(&mut completed.output)).await;
        completed.warnings.extend(warning);
    }
}
