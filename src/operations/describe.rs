//! DescribeInstances for one instance.

use super::paging::DESCRIBE_INSTANCES;
use super::resolve::{describe, resolve_instance};
use super::{Context, Operation, Outcome, Target, instance_not_found};
use crate::authz::Detail;
use crate::error::Error;
use crate::model::{Action, Instance, InstanceRef, Region};

/// Describes one instance.
#[derive(Debug)]
pub struct DescribeInstance {
    /// Its region.
    pub region: Region,
    /// The instance.
    pub instance: InstanceRef,
}

impl Operation for DescribeInstance {
    const ACTION: Action = DESCRIBE_INSTANCES;
    type Output = Instance;

    fn target(&self) -> Target {
        Target::instances(&self.region, std::slice::from_ref(&self.instance))
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Instance>, Error> {
        let authorizer = cx.authorizer(Self::ACTION, &self.region);
        let id = resolve_instance(cx, &authorizer, &self.instance).await?;
        let described = describe(cx, &self.region, std::slice::from_ref(&id), false).await?;
        let instance = described.value.into_iter().next().ok_or_else(|| instance_not_found(&id))?;
        cx.decide(|decision| authorizer.instance(&instance, Detail::None, decision))?;
        Ok(Outcome::done(instance, described.request_id))
    }
}
