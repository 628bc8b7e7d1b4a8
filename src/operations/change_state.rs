//! Starts, stops, reboots and terminates instances: one EC2 call for all of them.

use super::resolve::{authorize_instances, resolve_instances};
use super::wait::{Goal, HasState, wait_for};
use super::{Completed, Context, Operation, Outcome, Target, dry_run_outcome};
use crate::authz::Detail;
use crate::error::{Error, Kind};
use crate::model::{Action, Effect, Instance, InstanceId, InstanceRef, Region, State, StateChange, StateReason, Tag};

/// Starts instances.
#[derive(Debug)]
pub struct StartInstances {
    /// Their region.
    pub region: Region,
    /// The instances; at least one.
    pub instances: Vec<InstanceRef>,
}

/// Stops instances.
#[derive(Debug)]
pub struct StopInstances {
    /// Their region.
    pub region: Region,
    /// The instances; at least one.
    pub instances: Vec<InstanceRef>,
    /// Whether to go on without a clean shutdown.
    pub force: bool,
}

/// Reboots instances.
#[derive(Debug)]
pub struct RebootInstances {
    /// Their region.
    pub region: Region,
    /// The instances; at least one.
    pub instances: Vec<InstanceRef>,
}

/// Terminates instances.
#[derive(Debug)]
pub struct TerminateInstances {
    /// Their region.
    pub region: Region,
    /// The instances; at least one.
    pub instances: Vec<InstanceRef>,
    /// Whether to go on without a clean shutdown.
    pub force: bool,
}

impl Operation for StartInstances {
    const ACTION: Action =
        Action { name: "StartInstances", effect: Effect::Write, iam: &["ec2:StartInstances", "ec2:DescribeInstances"] };
    type Output = Vec<StateChange>;

    fn target(&self) -> Target {
        Target::instances(&self.region, &self.instances)
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let ids = authorized_ids(Self::ACTION, cx, &self.region, &self.instances, Detail::None).await?;
        let sent = cx.ec2.start_instances(&self.region, &ids, cx.dry_run).await;
        dry_run_outcome(Self::ACTION, cx, sent, |changes| changes)
    }

    async fn follow_up(&self, cx: &Context<'_>, completed: &mut Completed<Self::Output>) {
        wait_for(Goal::RUNNING, cx, &self.region, completed).await;
    }
}

impl Operation for StopInstances {
    const ACTION: Action = Action {
        name: "StopInstances",
        effect: Effect::ProtectedWrite,
        iam: &["ec2:StopInstances", "ec2:DescribeInstances"],
    };
    type Output = Vec<StateChange>;

    fn target(&self) -> Target {
        Target::instances(&self.region, &self.instances)
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let detail = Detail::Force(self.force);
        let ids = authorized_ids(Self::ACTION, cx, &self.region, &self.instances, detail).await?;
        let sent = cx.ec2.stop_instances(&self.region, &ids, self.force, cx.dry_run).await;
        dry_run_outcome(Self::ACTION, cx, sent, |changes| changes)
    }

    async fn follow_up(&self, cx: &Context<'_>, completed: &mut Completed<Self::Output>) {
        wait_for(Goal::STOPPED, cx, &self.region, completed).await;
    }
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
        let ids = authorized_ids(Self::ACTION, cx, &self.region, &self.instances, Detail::None).await?;
        let sent = cx.ec2.reboot_instances(&self.region, &ids, cx.dry_run).await;
        dry_run_outcome(Self::ACTION, cx, sent, |()| ids)
    }
}

impl Operation for TerminateInstances {
    const ACTION: Action = Action {
        name: "TerminateInstances",
        effect: Effect::ProtectedWrite,
        iam: &["ec2:TerminateInstances", "ec2:DescribeInstances"],
    };
    type Output = Vec<StateChange>;

    fn target(&self) -> Target {
        Target::instances(&self.region, &self.instances)
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let detail = Detail::Force(self.force);
        let ids = authorized_ids(Self::ACTION, cx, &self.region, &self.instances, detail).await?;
        let mut sent = cx.ec2.terminate_instances(&self.region, &ids, self.force, cx.dry_run).await;
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

/// The IDs of the instances, after the action on each of them was authorized.
async fn authorized_ids(
    action: Action,
    cx: &Context<'_>,
    region: &Region,
    instances: &[InstanceRef],
    detail: Detail<'_>,
) -> Result<Vec<InstanceId>, Error> {
    let authorizer = cx.authorizer(action, region);
    let ids = resolve_instances(cx, &authorizer, instances).await?;
    authorize_instances(cx, &authorizer, &ids, detail).await?;
    Ok(ids)
}

impl HasState for StateChange {
    const HAS_DETAILS: bool = false;

    fn instance_id(&self) -> &str {
        &self.instance_id
    }

    fn state(&self) -> &State {
        &self.current
    }

    fn update(&mut self, described: Instance) {
        self.current = described.state;
    }

    fn give_up(&mut self, reason: Option<StateReason>) {
        self.state_reason = reason;
    }
}

/// A change of state that can be followed by a tag.
pub trait Taggable: Operation {
    /// The IAM actions of the change and of the tag.
    const IAM_WITH_TAG: &'static [&'static str];

    /// The region of the instances.
    fn region(&self) -> &Region;
}

impl Taggable for StartInstances {
    const IAM_WITH_TAG: &'static [&'static str] = &["ec2:StartInstances", "ec2:CreateTags", "ec2:DescribeInstances"];

    fn region(&self) -> &Region {
        &self.region
    }
}

impl Taggable for StopInstances {
    const IAM_WITH_TAG: &'static [&'static str] = &["ec2:StopInstances", "ec2:CreateTags", "ec2:DescribeInstances"];

    fn region(&self) -> &Region {
        &self.region
    }
}

impl Taggable for RebootInstances {
    const IAM_WITH_TAG: &'static [&'static str] = &["ec2:RebootInstances", "ec2:CreateTags", "ec2:DescribeInstances"];

    fn region(&self) -> &Region {
        &self.region
    }
}

/// A change of state, and a tag that is set on the instances once EC2 has accepted the change.
#[derive(Debug)]
pub struct WithTag<O> {
    /// The change.
    pub change: O,
    /// The tag.
    pub tag: Tag,
}

impl<O: Taggable> Operation for WithTag<O> {
    const ACTION: Action = Action { iam: O::IAM_WITH_TAG, ..O::ACTION };
    type Output = O::Output;

    fn target(&self) -> Target {
        self.change.target()
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        self.change.run(cx).await
    }

    async fn follow_up(&self, cx: &Context<'_>, completed: &mut Completed<Self::Output>) {
        let ids = cx.decide(|decision| decision.instances.clone());
        let tags = std::slice::from_ref(&self.tag);
        let tagged = cx.within_deadline(Box::pin(cx.ec2.create_tags(self.change.region(), &ids, tags))).await;
        completed.incomplete = tagged.err();
        self.change.follow_up(cx, completed).await;
    }
}
