//! A launch as a caller asks for it.

use super::ids::{ImageId, InstanceProfileName, InstanceType, SecurityGroupId, SubnetId};
use super::instance::Tag;
use super::launch::{HttpTokens, Launch, Spot};
use super::launch_template::{LaunchTemplate, LaunchTemplateData, LaunchTemplateRef};
use super::launch_values::{Placement, ShutdownBehavior, UserData};

/// A launch as a caller asks for it, which a launch template and then the deployment's defaults
/// complete.
#[derive(Clone, Debug)]
pub struct LaunchRequest {
    /// The launch template.
    pub template: Option<LaunchTemplateRef>,
    /// The image.
    pub image_id: Option<ImageId>,
    /// The types, in the order in which they are tried.
    pub instance_types: Vec<InstanceType>,
    /// The subnets, each of which is tried for each type.
    pub subnet_ids: Vec<SubnetId>,
    /// EC2 launches this many or none.
    pub min_count: u32,
    /// EC2 launches as many as it can up to this.
    pub max_count: u32,
    /// The SSH key pair.
    pub key_name: Option<String>,
    /// Security groups by ID.
    pub security_group_ids: Vec<SecurityGroupId>,
    /// Security groups by name.
    pub security_groups: Vec<String>,
    /// Whether the instances are spot instances.
    pub spot: Option<Spot>,
    /// The instance profile.
    pub instance_profile: Option<InstanceProfileName>,
    /// What the instance runs at its first boot.
    pub user_data: Option<UserData>,
    /// The zone and the placement group.
    pub placement: Placement,
    /// What a shutdown from inside the instance does.
    pub shutdown_behavior: Option<ShutdownBehavior>,
    /// Dedicated throughput to EBS.
    pub ebs_optimized: Option<bool>,
    /// Whether the instance metadata service refuses requests of IMDSv1. No template changes it.
    pub http_tokens: HttpTokens,
    /// The tags of the instances and their volumes.
    pub tags: Vec<Tag>,
    /// The image, if neither the request nor a template has one.
    pub default_image: ImageId,
    /// The type, if neither the request nor a template has one.
    pub default_instance_type: InstanceType,
}

impl LaunchRequest {
    /// The launches that this means, in the order in which they are tried: for each type, each
    /// subnet. The request comes before the template, and the template before the defaults.
    pub fn launches(&self, template: Option<&LaunchTemplate>) -> Launches {
        let no_data = LaunchTemplateData::default();
        let from = template.map_or(&no_data, |template| &template.data);
        let own_type = from.instance_type.as_ref().unwrap_or(&self.default_instance_type);
        let types = if self.instance_types.is_empty() { std::slice::from_ref(own_type) } else { &self.instance_types };
        let subnets: Vec<_> = match self.subnet_ids.as_slice() {
            [] => vec![None],
            ids => ids.iter().map(Some).collect(),
        };
        let has_groups = !self.security_group_ids.is_empty() || !self.security_groups.is_empty();
        let security_group_ids = if has_groups { &self.security_group_ids } else { &from.security_group_ids };
        let template_spot = if from.is_spot { Spot::Only } else { Spot::Never };
        let launch = |instance_type: &InstanceType, subnet_id: Option<&SubnetId>| Launch {
            template: template.cloned(),
            image_id: self.image_id.as_ref().or(from.image_id.as_ref()).unwrap_or(&self.default_image).clone(),
            instance_type: instance_type.clone(),
            min_count: self.min_count,
            max_count: self.max_count,
            key_name: self.key_name.clone().or_else(|| from.key_name.clone()),
            security_group_ids: security_group_ids.clone(),
            security_groups: self.security_groups.clone(),
            subnet_id: subnet_id.cloned(),
            spot: self.spot.unwrap_or(template_spot),
            instance_profile: self.instance_profile.clone().or_else(|| from.instance_profile.clone()),
            user_data: self.user_data.clone().or_else(|| from.user_data.clone()),
            placement: if template.is_some() { from.placement.clone() } else { self.placement.clone() },
            shutdown_behavior: self.shutdown_behavior.or(from.shutdown_behavior),
            ebs_optimized: self.ebs_optimized.or(from.ebs_optimized),
            http_tokens: self.http_tokens,
            tags: merged_tags(&self.tags, &from.tags),
        };
        let pairs = types.iter().flat_map(|instance_type| subnets.iter().map(move |subnet| (instance_type, *subnet)));
        let first_type = types.first().unwrap_or(own_type);
        Launches {
            first: launch(first_type, subnets.first().copied().flatten()),
            others: pairs.skip(1).map(|(instance_type, subnet)| launch(instance_type, subnet)).collect(),
        }
    }
}

/// The tags of the request, and those of the template whose keys the request does not have.
fn merged_tags(request: &[Tag], template: &[Tag]) -> Vec<Tag> {
    let more = template.iter().filter(|tag| !request.iter().any(|given| given.key == tag.key));
    request.iter().chain(more).cloned().collect()
}

/// One launch, and others that are tried where EC2 has no capacity for it.
#[derive(Clone, Debug)]
pub struct Launches {
    /// The first.
    pub first: Launch,
    /// The others, in order.
    pub others: Vec<Launch>,
}

impl Launches {
    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Launch> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The same, to change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Launch> {
        std::iter::once(&mut self.first).chain(&mut self.others)
    }
}
