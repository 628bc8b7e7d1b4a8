//! `/ec2/keep`: what stops and terminates instances by itself leaves them out until a time.

use super::resolve::{authorize_instances, resolve_instances};
use super::{Context, Operation, Outcome, Target, dry_run_outcome};
use crate::authz::Detail;
use crate::error::Error;
use crate::model::{Action, Effect, InstanceId, InstanceRef, KEEP_TAG, Region, Tag, isoformat};
use time::OffsetDateTime;

/// Keeps instances from firings of schedules and from ends, by a tag.
#[derive(Debug)]
pub struct KeepInstances {
    /// Their region.
    pub region: Region,
    /// The instances; at least one.
    pub instances: Vec<InstanceRef>,
    /// Until when; `None`: no longer.
    pub until: Option<OffsetDateTime>,
}

impl Operation for KeepInstances {
    // The effect is not a protected write: PROTECTED_TAG guards machines, and this changes none. It
    // only makes the function do less to them.
    const ACTION: Action = Action {
        name: "KeepInstances",
        effect: Effect::Write,
        iam: &["ec2:CreateTags", "ec2:DeleteTags", "ec2:DescribeInstances"],
    };
    type Output = Vec<InstanceId>;

    fn target(&self) -> Target {
        Target::instances(&self.region, &self.instances)
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let authorizer = cx.authorizer(Self::ACTION, &self.region);
        let ids = resolve_instances(cx, &authorizer, &self.instances).await?;
        authorize_instances(cx, &authorizer, &ids, &[Detail::None]).await?;
        let sent = match self.until {
            Some(until) => {
                let tag = Tag { key: KEEP_TAG.to_owned(), value: isoformat(until) };
                cx.ec2.create_tags(&self.region, &ids, &[tag], cx.dry_run).await
            }
            None => cx.ec2.delete_tag(&self.region, &ids, KEEP_TAG, cx.dry_run).await,
        };
        dry_run_outcome(Self::ACTION, cx, sent, |()| ids)
    }
}
