//! ModifyInstanceAttribute.

use super::resolve::{authorize_instances, resolve_instance};
use super::{Context, Operation, Outcome, Target, dry_run_outcome};
use crate::authz::Detail;
use crate::error::Error;
use crate::model::{Action, Attribute, Effect, InstanceRef, Region};

/// Sets an attribute of an instance.
#[derive(Debug)]
pub struct ModifyInstanceAttribute {
    /// The instance's region.
    pub region: Region,
    /// The instance.
    pub instance: InstanceRef,
    /// The attribute with its new value.
    pub attribute: Attribute,
}

impl Operation for ModifyInstanceAttribute {
    const ACTION: Action = Action {
        name: "ModifyInstanceAttribute",
        effect: Effect::ProtectedWrite,
        iam: &["ec2:ModifyInstanceAttribute", "ec2:DescribeInstances"],
    };
    type Output = ();

    fn target(&self) -> Target {
        let target = Target::instances(&self.region, std::slice::from_ref(&self.instance));
        Target { attribute: Some(self.attribute.name()), ..target }
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<()>, Error> {
        let authorizer = cx.authorizer(Self::ACTION, &self.region);
        cx.decide(|decision| authorizer.attribute(&self.attribute, decision))?;
        let id = resolve_instance(cx, &authorizer, &self.instance).await?;
        authorize_instances(cx, &authorizer, std::slice::from_ref(&id), &[Detail::Attribute(&self.attribute)]).await?;
        let sent = cx.ec2.modify_instance_attribute(&self.region, &id, &self.attribute, cx.dry_run).await;
        dry_run_outcome(Self::ACTION, cx, sent, |()| ())
    }
}
