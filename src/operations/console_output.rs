//! GetConsoleOutput.

use super::resolve::{authorize_instances, resolve_instance};
use super::{Context, Operation, Outcome, Target};
use crate::authz::Detail;
use crate::aws::ec2::ConsoleOutput;
use crate::error::Error;
use crate::model::{Action, Effect, InstanceId, InstanceRef, Region};

/// Reads the console output of an instance.
#[derive(Debug)]
pub struct GetConsoleOutput {
    /// The instance's region.
    pub region: Region,
    /// The instance.
    pub instance: InstanceRef,
}

impl Operation for GetConsoleOutput {
    const ACTION: Action = Action {
        name: "GetConsoleOutput",
        effect: Effect::Read,
        iam: &["ec2:GetConsoleOutput", "ec2:DescribeInstances"],
    };
    type Output = (InstanceId, ConsoleOutput);

    fn target(&self) -> Target {
        Target::instances(&self.region, std::slice::from_ref(&self.instance))
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let authorizer = cx.authorizer(Self::ACTION, &self.region);
        let id = resolve_instance(cx, &authorizer, &self.instance).await?;
        authorize_instances(cx, &authorizer, std::slice::from_ref(&id), &[Detail::None]).await?;
        // Only Nitro instances have the latest output. The others have that of the last transition.
        let output = match cx.ec2.get_console_output(&self.region, &id, true).await {
            Err(error) if error.code == "UnsupportedOperation" => {
                cx.ec2.get_console_output(&self.region, &id, false).await?
            }
            output => output?,
        };
        Ok(Outcome::done((id, output.value), output.request_id))
    }
}
