//! RebootInstances.

use super::change_state::no_instances;
use super::selection::authorized_ids;
use super::{Context, Operation, Outcome, Target, dry_run_outcome};
use crate::authz::Detail;
use crate::error::Error;
use crate::model::{Action, Effect, InstanceId, Region, Selection};

/// Reboots instances.
#[derive(Debug)]
pub struct RebootInstances {
    /// Their region.
    pub region: Region,
    /// The instances.
    pub instances: Selection,
}

/// The states of instances that are rebooted by tag.
const STATES: [&str; 1] = ["running"];

impl Operation for RebootInstances {
    const ACTION: Action = Action {
        name: "RebootInstances",
        effect: Effect::Write,
        iam: &["ec2:RebootInstances", "ec2:DescribeInstances"],
    };
    type Output = Vec<InstanceId>;

    fn target(&self) -> Target {
        Target::selection(&self.region, &self.instances)
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let selection = &self.instances;
        let ids = authorized_ids(Self::ACTION, cx, &self.region, selection, &STATES, &[Detail::None]).await?;
        if ids.is_empty() {
            return Ok(no_instances(Self::ACTION, cx));
        }
        let sent = cx.ec2.reboot_instances(&self.region, &ids, cx.dry_run).await;
        dry_run_outcome(Self::ACTION, cx, sent, |()| ids)
    }
}
