//! The members of a launch that a request and a launch template have alike.

use super::ids::{InstanceProfileName, SecurityGroupId};
use super::instance::Tag;
use super::launch_values::{Placement, ShutdownBehavior, UserData};

/// The members of a launch that a request and a launch template have alike, each of which may be
/// left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LaunchOptions {
    /// The SSH key pair.
    pub key_name: Option<String>,
    /// Security groups by ID.
    pub security_group_ids: Vec<SecurityGroupId>,
    /// Security groups of the default VPC by name. No template has any.
    pub security_groups: Vec<String>,
    /// The instance profile, by its name: its role is that of the software on the instances.
    pub instance_profile: Option<InstanceProfileName>,
    /// What the instance runs at its first boot, before the base64 encoding that EC2 takes.
    pub user_data: Option<UserData>,
    /// The zone and the placement group.
    pub placement: Placement,
    /// What a shutdown from inside the instance does.
    pub shutdown_behavior: Option<ShutdownBehavior>,
    /// Dedicated throughput to EBS.
    pub ebs_optimized: Option<bool>,
    /// The tags of the instances and their volumes.
    pub tags: Vec<Tag>,
}

impl LaunchOptions {
    /// The same, with the template's members where there are none. Tags are those of both, with one
    /// of each key.
    #[must_use]
    pub fn or(self, template: &Self) -> Self {
        let has_groups = !self.security_group_ids.is_empty() || !self.security_groups.is_empty();
        let has_placement = self.placement != Placement::default();
        let more_tags = template.tags.iter().filter(|tag| !self.tags.iter().any(|given| given.key == tag.key));
        let tags = self.tags.iter().chain(more_tags).cloned().collect();
        Self {
            key_name: self.key_name.or_else(|| template.key_name.clone()),
            security_group_ids: if has_groups { self.security_group_ids } else { template.security_group_ids.clone() },
            security_groups: self.security_groups,
            instance_profile: self.instance_profile.or_else(|| template.instance_profile.clone()),
            user_data: self.user_data.or_else(|| template.user_data.clone()),
            placement: if has_placement { self.placement } else { template.placement.clone() },
            shutdown_behavior: self.shutdown_behavior.or(template.shutdown_behavior),
            ebs_optimized: self.ebs_optimized.or(template.ebs_optimized),
            tags,
        }
    }
}
