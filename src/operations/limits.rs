//! What the deployment lets every caller launch and modify, and what a launch has by default.

use super::{Context, Operation, Outcome};
use crate::error::Error;
use crate::model::{Action, Effect, ImageId, InstanceType, Region};

/// Reads the limits that hold for every caller, and the defaults of launches. AWS is not asked.
#[derive(Debug)]
pub struct GetLimits;

/// The limits and the defaults. Policies may permit a caller less.
#[derive(Debug)]
pub struct DeploymentLimits {
    /// The permitted instance types, with `*` for any characters; `None`: all.
    pub instance_types: Option<Vec<String>>,
    /// The permitted instance profiles, with `*` for any characters.
    pub instance_profiles: Vec<String>,
    /// The greatest number of instances of a launch; `None`: EC2's own limit.
    pub max_instances_per_launch: Option<u32>,
    /// The attributes that may be modified.
    pub modifiable_attributes: Vec<&'static str>,
    /// The keys of tags that no caller sets.
    pub reserved_tags: Vec<String>,
    /// The region of requests that name none.
    pub default_region: Region,
    /// The image of a launch that names none, and has none from a launch template.
    pub default_image: ImageId,
    /// The type of a launch that names none, and has none from a launch template.
    pub default_instance_type: InstanceType,
}

impl Operation for GetLimits {
    /// No operation of AWS: the name is this function's own.
    const ACTION: Action = Action { name: "GetLimits", effect: Effect::Read, iam: &[] };
    type Output = DeploymentLimits;

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let authorizer = cx.authorizer(Self::ACTION, &cx.config.regions.default);
        cx.decide(|decision| authorizer.list(decision))?;
        let limits = &cx.config.limits;
        let found = DeploymentLimits {
            instance_types: limits.instance_types.as_ref().map(|types| types.names().map(str::to_owned).collect()),
            instance_profiles: limits
                .instance_profiles
                .iter()
                .flat_map(|profiles| profiles.names())
                .map(str::to_owned)
                .collect(),
            max_instances_per_launch: limits.max_instances_per_launch,
            modifiable_attributes: limits.modifiable_attributes.names().to_vec(),
            reserved_tags: limits.reserved_keys().map(str::to_owned).collect(),
            default_region: cx.config.regions.default.clone(),
            default_image: cx.config.default_image.clone(),
            default_instance_type: cx.config.default_instance_type.clone(),
        };
        Ok(Outcome::done(found, None))
    }
}
