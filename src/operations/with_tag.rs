//! A change of state that is followed by a tag.

use super::reboot::RebootInstances;
use super::start::StartInstances;
use super::stop::StopInstances;
use super::{Completed, Context, Operation, Outcome, Target};
use crate::error::Error;
use crate::model::{Action, Region, Tag};

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
        &self.targets.region
    }
}

impl Taggable for StopInstances {
    const IAM_WITH_TAG: &'static [&'static str] = &["ec2:StopInstances", "ec2:CreateTags", "ec2:DescribeInstances"];

    fn region(&self) -> &Region {
        &self.targets.region
    }
}

impl Taggable for RebootInstances {
    const IAM_WITH_TAG: &'static [&'static str] = &["ec2:RebootInstances", "ec2:CreateTags", "ec2:DescribeInstances"];

    fn region(&self) -> &Region {
        &self.targets.region
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
        let tagged = cx.within_deadline(Box::pin(cx.ec2.create_tags(self.change.region(), &ids, tags, false))).await;
        completed.incomplete = tagged.err();
        self.change.follow_up(cx, completed).await;
    }
}
