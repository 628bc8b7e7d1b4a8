//! A reboot that is not repeated when the same firing is delivered again.
//!
//! Scheduler and Lambda deliver at least once, and a second reboot is harm done: so each instance
//! is marked with the firing before it is rebooted, and one that has this mark is passed over. If
//! the reboot itself fails after the mark, it does not happen at all. An instance that can't be
//! marked is not rebooted; the others are.

use crate::authz::Detail;
use crate::aws::sdk::AwsOutput;
use crate::error::Error;
use crate::model::{Action, InstanceId, Tag};
use crate::operations::change_state::partial_outcome;
use crate::operations::partial::change_each;
use crate::operations::reboot::{RebootInstances, STATES};
use crate::operations::selection::{Found, authorized_each, describe_existing, permitted};
use crate::operations::state_call::{InstanceResult, StateCall};
use crate::operations::{Context, Operation, Outcome, Target, instance_not_found};

/// The key of the tag that marks an instance.
pub const REBOOTED_TAG: &str = "ec2-control-api:rebooted";

/// Reboots instances that do not have the mark yet, where that can be done.
#[derive(Debug)]
pub struct MarkedReboot {
    /// The reboot.
    pub reboot: RebootInstances,
    /// The firing: its schedule and its time.
    pub mark: String,
}

impl MarkedReboot {
    /// Those of the instances without the mark, with an error for each that does not exist.
    async fn without_mark(&self, cx: &Context<'_>, found: Vec<Found>) -> Result<Vec<Found>, Error> {
        let described = describe_existing(cx, &self.reboot.targets.region, permitted(&found));
        let described = cx.before_change(Box::pin(described)).await?;
        let left = |(text, id): Found| {
            let Ok(id) = id else { return Some((text, id)) };
            match described.iter().find(|instance| instance.instance_id == id.as_str()) {
                None => {
                    let missing = instance_not_found(&id);
                    Some((text, Err(missing)))
                }
                Some(instance) => {
                    let marked = |tag: &Tag| tag.key == REBOOTED_TAG && tag.value == self.mark;
                    (!instance.tags.iter().any(marked)).then_some((text, Ok(id)))
                }
            }
        };
        Ok(found.into_iter().filter_map(left).collect())
    }

    /// Marks the instances, with an error for each that EC2 does not tag: one that has 50 tags.
    async fn mark(&self, cx: &Context<'_>, found: Vec<Found>) -> Vec<Found> {
        let (results, _) = change_each(cx, &Marking(self), found).await;
        let result = |InstanceResult { instance, change }: InstanceResult<InstanceId>| {
            // Whatever became of the mark, the instance is not rebooted.
            let change = change.map_err(|error| Error { outcome_unknown: false, ..error });
            (instance, change.and_then(|id| id.ok_or_else(|| Error::internal("a mark was a dry run"))))
        };
        let found: Vec<_> = results.into_iter().map(result).collect();
        cx.record(|audit| audit.marked = found.iter().any(|(_, id)| id.is_ok()));
        found
    }
}

/// The marking of instances.
struct Marking<'a>(&'a MarkedReboot);

impl StateCall for Marking<'_> {
    type Item = InstanceId;
    const IS_CHANGE: bool = false;

    async fn send(&self, cx: &Context<'_>, ids: &[InstanceId]) -> Result<AwsOutput<Vec<InstanceId>>, Error> {
        let Self(MarkedReboot { reboot, mark }) = self;
        let marks = [Tag { key: REBOOTED_TAG.to_owned(), value: mark.clone() }];
        let sent = cx.ec2.create_tags(&reboot.targets.region, ids, &marks, false).await?;
        Ok(AwsOutput { value: ids.to_vec(), request_id: sent.request_id })
    }
}

impl Operation for MarkedReboot {
    const ACTION: Action =
        Action { iam: &["ec2:RebootInstances", "ec2:DescribeInstances", "ec2:CreateTags"], ..RebootInstances::ACTION };
    type Output = Vec<InstanceResult<InstanceId>>;

    fn target(&self) -> Target {
        Target::targets(&self.reboot.targets)
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let found = authorized_each(Self::ACTION, cx, &self.reboot.targets, &STATES, &[Detail::None]).await?;
        let found = self.without_mark(cx, found).await?;
        let ids = permitted(&found);
        cx.decide(|decision| decision.instances.clone_from(&ids));
        let found = if cx.dry_run { found } else { self.mark(cx, found).await };
        let (results, request_id) = change_each(cx, &self.reboot, found).await;
        partial_outcome(Self::ACTION, cx, results, request_id)
    }
}
