//! A launch as a caller asks for it.

use super::ids::{ImageId, InstanceType, SubnetId};
use super::launch::{HttpTokens, Launch, Spot};
use super::launch_options::LaunchOptions;
use super::launch_template::{LaunchTemplate, LaunchTemplateData, LaunchTemplateRef};

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
    /// Whether the instances are spot instances.
    pub spot: Option<Spot>,
    /// Whether the instance metadata service refuses requests of IMDSv1. No template changes it.
    pub http_tokens: HttpTokens,
    /// The rest.
    pub options: LaunchOptions,
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
        let options = self.options.clone().or(&from.options);
        let template_spot = if from.is_spot { Spot::Only } else { Spot::Never };
        let launch = |instance_type: &InstanceType, subnet_id: Option<&SubnetId>| Launch {
            template: template.cloned(),
            image_id: self.image_id.as_ref().or(from.image_id.as_ref()).unwrap_or(&self.default_image).clone(),
            instance_type: instance_type.clone(),
            min_count: self.min_count,
            max_count: self.max_count,
            subnet_id: subnet_id.cloned(),
            spot: self.spot.unwrap_or(template_spot),
            http_tokens: self.http_tokens,
            options: options.clone(),
        };
        let pairs = types.iter().flat_map(|instance_type| subnets.iter().map(move |subnet| (instance_type, *subnet)));
        let first_type = types.first().unwrap_or(own_type);
        Launches {
            first: launch(first_type, subnets.first().copied().flatten()),
            others: pairs.skip(1).map(|(instance_type, subnet)| launch(instance_type, subnet)).collect(),
        }
    }
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
