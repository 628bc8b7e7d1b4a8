//! RebootInstances.

use super::change_state::authorized_ids;
use super::{Context, Operation, Outcome, Target, dry_run_outcome};
use crate::authz::Detail;
use crate::error::Error;
use crate::model::{Action, Effect, InstanceId, InstanceRef, Region};

/// Reboots instances.
#[derive(Debug)]
pub struct RebootInstances {
    /// Their region.
    pub region: Region,
    /// The instances; at least one.
    pub instances: Vec<InstanceRef>,
}

impl Operation for RebootInstances {
    const ACTION: Action = Action {
        name: "RebootInstances",
        effect: Effect::Write,
        iam: &["ec2:RebootInstances", "ec2:DescribeInstances"],
    };
    type Output = Vec<InstanceId>;

    fn target(&self) -> Target {
        Target::instances(&self.region, &self.instances)
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let ids = authorized_ids(Self::ACTION, cx, &self.region, &self.instances, &[Detail::None]).await?;
        let sent = cx.ec2.reboot_instances(&self.region, &ids, cx.dry_run).await;
        dry_run_outcome(Self::ACTION, cx, sent, |()| ids)
    }
}
