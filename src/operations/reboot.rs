//! RebootInstances.

use super::change_state::change_state;
use super::state_call::{InstanceResult, StateCall};
use super::{Context, Operation, Outcome, Target};
use crate::authz::Detail;
use crate::aws::sdk::AwsOutput;
use crate::error::Error;
use crate::model::{Action, Effect, InstanceId, Targets};

/// Reboots instances.
#[derive(Debug)]
pub struct RebootInstances {
    /// The instances.
    pub targets: Targets,
}

/// The states of instances that are rebooted by tag.
pub(super) const STATES: [&str; 1] = ["running"];

impl StateCall for RebootInstances {
    type Item = InstanceId;

    async fn send(&self, cx: &Context<'_>, ids: &[InstanceId]) -> Result<AwsOutput<Vec<InstanceId>>, Error> {
        let sent = cx.ec2.reboot_instances(&self.targets.region, ids, cx.dry_run).await?;
        Ok(AwsOutput { value: ids.to_vec(), request_id: sent.request_id })
    }
}

impl Operation for RebootInstances {
    const ACTION: Action = Action {
        name: "RebootInstances",
        effect: Effect::Write,
        iam: &["ec2:RebootInstances", "ec2:DescribeInstances"],
    };
    type Output = Vec<InstanceResult<InstanceId>>;

    fn target(&self) -> Target {
        Target::targets(&self.targets)
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        change_state(Self::ACTION, cx, &self.targets, &STATES, &[Detail::None], self).await
    }
}
