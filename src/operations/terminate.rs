//! TerminateInstances.

use super::change_state::no_instances;
use super::selection::authorized_ids;
use super::wait::{Goal, wait_for};
use super::{Completed, Context, Operation, Outcome, Target, dry_run_outcome};
use crate::authz::Detail;
use crate::error::{Error, Kind};
use crate::model::{Action, Effect, Region, Selection, Shutdown, StateChange};

/// Terminates instances.
#[derive(Debug)]
pub struct TerminateInstances {
    /// Their region.
    pub region: Region,
    /// The instances.
    pub instances: Selection,
    /// How they are shut down. EC2 does not hibernate them.
    pub shutdown: Shutdown,
}

/// The states of instances that are terminated by tag.
const STATES: [&str; 4] = ["pending", "running", "stopping", "stopped"];

impl Operation for TerminateInstances {
    const ACTION: Action = Action {
        name: "TerminateInstances",
        effect: Effect::ProtectedWrite,
        iam: &["ec2:TerminateInstances", "ec2:DescribeInstances"],
    };
    type Output = Vec<StateChange>;

    fn target(&self) -> Target {
        Target::selection(&self.region, &self.instances)
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let details = [Detail::Shutdown(self.shutdown)];
        let selection = &self.instances;
        let ids = authorized_ids(Self::ACTION, cx, &self.region, selection, &STATES, &details).await?;
        if ids.is_empty() {
            return Ok(no_instances(Self::ACTION, cx));
        }
        let mut sent = cx.ec2.terminate_instances(&self.region, &ids, self.shutdown, cx.dry_run).await;
        if let ([_, _, ..], Err(refused)) = (ids.as_slice(), &mut sent) {
            // A protected instance saves the instances of its own zone only.
            refused.outcome_unknown |= refused.kind == Kind::Conflict && !cx.dry_run;
        }
        dry_run_outcome(Self::ACTION, cx, sent, |changes| changes)
    }

    async fn follow_up(&self, cx: &Context<'_>, completed: &mut Completed<Self::Output>) {
        wait_for(Goal::TERMINATED, cx, &self.region, completed).await;
    }
}
