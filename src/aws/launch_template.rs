//! Reads launch templates. The members that limits and policies decide on become our types. The
//! others are left to EC2 if they give no power, and refused otherwise.

use super::ec2::{Ec2, Result};
use super::sdk::{AwsOutput, malformed_response, to_error};
use crate::error::{Error, Kind};
use crate::model::{
    FromText as _, ImageId, InstanceProfileName, InstanceType, LaunchOptions, LaunchTemplate, LaunchTemplateData,
    LaunchTemplateId, LaunchTemplateKey, LaunchTemplateRef, MetadataOptions, Placement, Region, SecurityGroupId,
    ShutdownBehavior, Tag, UserData, Zone,
};
use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::types as sdk;

impl Ec2 {
    /// Reads one version of a launch template.
    ///
    /// # Errors
    /// EC2's refusal, for example of a template or a version that does not exist, or no usable
    /// response; [`Kind::Invalid`] if the template has a member that this function does not take.
    pub async fn describe_launch_template(
        &self,
        region: &Region,
        reference: &LaunchTemplateRef,
    ) -> Result<LaunchTemplate> {
        let call = self.client(region).describe_launch_template_versions().versions(&reference.version);
        let call = match &reference.template {
            LaunchTemplateKey::Id(id) => call.launch_template_id(id.as_str()),
            LaunchTemplateKey::Name(name) => call.launch_template_name(name),
        };
        let action = "ec2:DescribeLaunchTemplateVersions";
        let output = call.send().await.map_err(|error| to_error(action, &error))?;
        let request_id = output.request_id().map(str::to_owned);
        let version = output.launch_template_versions.unwrap_or_default().into_iter().next();
        let version = version.ok_or_else(|| {
            let message = format!("There is no launch template {reference}");
            Error::new(Kind::NotFound, "InvalidLaunchTemplateId.VersionNotFound", message)
        })?;
        let id = version.launch_template_id.as_deref().and_then(LaunchTemplateId::parse);
        let (Some(id), Some(number)) = (id, version.version_number) else { return Err(malformed_response(action)) };
        let data = match version.launch_template_data {
            Some(data) => read(data).map_err(|problem| refused(reference, &problem))?,
            None => LaunchTemplateData::default(),
        };
        Ok(AwsOutput { value: LaunchTemplate { id, version: number, data }, request_id })
    }
}

/// The error of a template that is not taken.
fn refused(reference: &LaunchTemplateRef, problem: &str) -> Error {
    Error::invalid("LaunchTemplate", format!("{reference} is not taken: {problem}"))
}

/// A part of a template, or the reason to refuse it, with the member in EC2's spelling.
type ReadResult<T> = std::result::Result<T, String>;

/// Refuses a member that is set.
fn refuse<T>(name: &str, member: Option<T>) -> ReadResult<()> {
    match member {
        Some(_) => Err(format!("it has {name}")),
        None => Ok(()),
    }
}

/// A member as our type.
fn parse<T>(name: &str, member: Option<String>, parse: impl Fn(&str) -> Option<T>) -> ReadResult<Option<T>> {
    let Some(text) = member.filter(|text| !text.is_empty()) else { return Ok(None) };
    parse(&text).map(Some).ok_or_else(|| format!("its {name} is not one that a request may have"))
}

/// The members that limits and policies decide on. Every other one that gives a power is refused. A
/// test fails if a new version of the SDK knows another member.
fn read(data: sdk::ResponseLaunchTemplateData) -> ReadResult<LaunchTemplateData> {
    refuse("KernelId", data.kernel_id)?;
    refuse("RamDiskId", data.ram_disk_id)?;
    refuse("NetworkInterfaces: give SubnetId and security groups instead", non_empty(data.network_interfaces))?;
    refuse("SecondaryInterfaces", non_empty(data.secondary_interfaces))?;
    refuse("InstanceRequirements: give InstanceType instead", data.instance_requirements)?;
    refuse("ElasticGpuSpecifications", non_empty(data.elastic_gpu_specifications))?;
    refuse("ElasticInferenceAccelerators", non_empty(data.elastic_inference_accelerators))?;
    let volumes = data.block_device_mappings.unwrap_or_default();
    let snapshot = volumes.into_iter().find_map(|volume| volume.ebs?.snapshot_id);
    refuse("BlockDeviceMappings with a SnapshotId: the disk of another machine", snapshot)?;
    let reservation = data.capacity_reservation_specification;
    refuse("a CapacityReservationTarget", reservation.and_then(|options| options.capacity_reservation_target))?;
    refuse("LicenseSpecifications", non_empty(data.license_specifications))?;
    refuse("EnclaveOptions", data.enclave_options.filter(|options| options.enabled != Some(false)))?;
    refuse("Operator", data.operator.filter(|operator| operator.managed == Some(true)))?;
    refuse("NetworkPerformanceOptions", data.network_performance_options)?;
    refuse("SecurityGroups: give SecurityGroupIds instead", non_empty(data.security_groups))?;
    // Taken by EC2 from the template, and in no policy: volumes, monitoring, protection from
    // termination and stop, CPU credits and options, hibernation, host names, recovery.
    let groups = data.security_group_ids.unwrap_or_default().into_iter();
    let groups = groups.map(|id| SecurityGroupId::parse(&id).ok_or_else(|| "its SecurityGroupIds are none".to_owned()));
    let text = |value: &str| Some(value.to_owned());
    let options = LaunchOptions {
        key_name: parse("KeyName", data.key_name, text)?,
        security_group_ids: groups.collect::<ReadResult<_>>()?,
        security_groups: Vec::new(),
        instance_profile: data.iam_instance_profile.map(instance_profile).transpose()?.flatten(),
        user_data: parse("UserData", data.user_data, user_data)?,
        placement: data.placement.map(placement).transpose()?.unwrap_or_default(),
        shutdown_behavior: parse(
            "InstanceInitiatedShutdownBehavior",
            data.instance_initiated_shutdown_behavior.map(|behavior| behavior.to_string()),
            ShutdownBehavior::parse,
        )?,
        ebs_optimized: data.ebs_optimized,
        tags: tags(data.tag_specifications.unwrap_or_default())?,
    };
    Ok(LaunchTemplateData {
        image_id: parse("ImageId", data.image_id, ImageId::from_text)?,
        instance_type: parse("InstanceType", data.instance_type.map(|name| name.to_string()), InstanceType::parse)?,
        is_spot: data.instance_market_options.map(is_spot).transpose()?.unwrap_or_default(),
        metadata: data.metadata_options.map(metadata).unwrap_or_default(),
        options,
    })
}

/// A list, unless it is empty: that says nothing.
fn non_empty<T>(list: Option<Vec<T>>) -> Option<Vec<T>> {
    list.filter(|list| !list.is_empty())
}

fn user_data(text: &str) -> Option<UserData> {
    UserData::new(&UserData::decode_base64(text)?)
}

/// Whether the instances are spot instances. EC2 has further purchasing options, and persistent
/// requests, which launch again.
fn is_spot(options: sdk::LaunchTemplateInstanceMarketOptions) -> ReadResult<bool> {
    let market = match (options.market_type, &options.spot_options) {
        (Some(market), _) => market,
        (None, None) => return Ok(false),
        (None, Some(_)) => return Err("its InstanceMarketOptions have no MarketType".to_owned()),
    };
    if market != sdk::MarketType::Spot {
        return Err(format!("its InstanceMarketOptions have MarketType {market}"));
    }
    let Some(spot) = options.spot_options else { return Ok(true) };
    let is_one_time = spot.spot_instance_type.is_none_or(|kind| kind == sdk::SpotInstanceType::OneTime);
    let ends = spot
        .instance_interruption_behavior
        .is_none_or(|behavior| behavior == sdk::InstanceInterruptionBehavior::Terminate);
    match (is_one_time && ends, spot.valid_until, spot.block_duration_minutes) {
        (true, None, None | Some(0)) => Ok(true),
        _ => Err("its spot instances are not one-time ones that end when EC2 takes them back".to_owned()),
    }
}

/// The profile's name. EC2 takes it by its ARN, too, whose last part is the name.
fn instance_profile(
    profile: sdk::LaunchTemplateIamInstanceProfileSpecification,
) -> ReadResult<Option<InstanceProfileName>> {
    let of_arn = |arn: String| arn.rsplit('/').next().map(str::to_owned);
    let name = profile.name.filter(|name| !name.is_empty()).or_else(|| profile.arn.and_then(of_arn));
    parse("IamInstanceProfile", name, InstanceProfileName::parse)
}

fn placement(placement: sdk::LaunchTemplatePlacement) -> ReadResult<Placement> {
    refuse("Placement.AvailabilityZoneId", placement.availability_zone_id)?;
    refuse("Placement.Affinity", placement.affinity)?;
    refuse("Placement.HostId", placement.host_id)?;
    refuse("Placement.Tenancy", placement.tenancy.filter(|tenancy| *tenancy != sdk::Tenancy::Default))?;
    refuse("Placement.SpreadDomain", placement.spread_domain)?;
    refuse("Placement.HostResourceGroupArn", placement.host_resource_group_arn)?;
    refuse("Placement.PartitionNumber", placement.partition_number.filter(|number| *number != 0))?;
    refuse("Placement.GroupId: give its name instead", placement.group_id)?;
    Ok(Placement {
        zone: parse("Placement.AvailabilityZone", placement.availability_zone, Zone::parse)?,
        group_name: placement.group_name.filter(|name| !name.is_empty()),
    })
}

fn metadata(options: sdk::LaunchTemplateInstanceMetadataOptions) -> MetadataOptions {
    MetadataOptions {
        http_endpoint: options.http_endpoint.map(|state| state.to_string()),
        http_put_response_hop_limit: options.http_put_response_hop_limit,
        http_protocol_ipv6: options.http_protocol_ipv6.map(|state| state.to_string()),
        instance_metadata_tags: options.instance_metadata_tags.map(|state| state.to_string()),
    }
}

/// The tags of the instances. Every launch gives its volumes the same tags.
fn tags(specifications: Vec<sdk::LaunchTemplateTagSpecification>) -> ReadResult<Vec<Tag>> {
    let (mut tags, mut of_volumes) = (Vec::new(), Vec::new());
    for specification in specifications {
        let list = match specification.resource_type {
            Some(sdk::ResourceType::Instance) => &mut tags,
            Some(sdk::ResourceType::Volume) => &mut of_volumes,
            other => {
                let other = other.map(|resource| resource.to_string()).unwrap_or_default();
                return Err(format!("its TagSpecifications have the ResourceType {other}"));
            }
        };
        let tag = |tag: sdk::Tag| Tag { key: tag.key.unwrap_or_default(), value: tag.value.unwrap_or_default() };
        list.extend(specification.tags.unwrap_or_default().into_iter().map(tag));
    }
    match of_volumes.iter().all(|tag| tags.contains(tag)) {
        true => Ok(tags),
        false => Err("its TagSpecifications give volumes tags that the instances do not have".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The members that are read, refused or left to EC2. A member that the SDK adds is none of
    /// them.
    const MEMBERS: [&str; 34] = [
        "kernel_id",
        "ebs_optimized",
        "iam_instance_profile",
        "block_device_mappings",
        "network_interfaces",
        "image_id",
        "instance_type",
        "key_name",
        "monitoring",
        "placement",
        "ram_disk_id",
        "disable_api_termination",
        "instance_initiated_shutdown_behavior",
        "user_data",
        "tag_specifications",
        "elastic_gpu_specifications",
        "elastic_inference_accelerators",
        "security_group_ids",
        "security_groups",
        "instance_market_options",
        "credit_specification",
        "cpu_options",
        "capacity_reservation_specification",
        "license_specifications",
        "hibernation_options",
        "metadata_options",
        "enclave_options",
        "instance_requirements",
        "private_dns_name_options",
        "maintenance_options",
        "disable_api_stop",
        "operator",
        "network_performance_options",
        "secondary_interfaces",
    ];

    #[test]
    fn every_member_that_the_sdk_knows_is_read_refused_or_left_to_ec2() {
        let printed = format!("{:?}", sdk::ResponseLaunchTemplateData::builder().build());
        let members = printed.split_once('{').unwrap().1.trim_end_matches(" }").split(", ");
        let members: Vec<_> = members.map(|member| member.split(':').next().unwrap().trim()).collect();
        let unknown: Vec<_> = members.iter().filter(|member| !MEMBERS.contains(member)).collect();
        assert!(members.len() > 30 && unknown.is_empty(), "{unknown:?} in {printed}");
    }

    #[test]
    fn member_that_policies_cannot_see_is_refused_by_name() {
        let data = sdk::ResponseLaunchTemplateData::builder;
        let host = sdk::LaunchTemplatePlacement::builder().host_id("h-1").build();
        let dedicated = sdk::LaunchTemplatePlacement::builder().tenancy(sdk::Tenancy::Dedicated).build();
        let persistent =
            sdk::LaunchTemplateSpotMarketOptions::builder().spot_instance_type(sdk::SpotInstanceType::Persistent);
        let spot = sdk::LaunchTemplateInstanceMarketOptions::builder().market_type(sdk::MarketType::Spot);
        let no_market =
            sdk::LaunchTemplateInstanceMarketOptions::builder().spot_options(persistent.clone().build()).build();
        let tag = sdk::Tag::builder().key("a").value("b").build();
        let of = |kind| sdk::LaunchTemplateTagSpecification::builder().resource_type(kind).tags(tag.clone()).build();
        let ebs = sdk::LaunchTemplateEbsBlockDevice::builder().snapshot_id("snap-1").build();
        let volume = sdk::LaunchTemplateBlockDeviceMapping::builder().device_name("/dev/sdb").ebs(ebs).build();
        for (data, problem) in [
            (data().kernel_id("aki-1"), "it has KernelId"),
            (
                data().block_device_mappings(volume),
                "it has BlockDeviceMappings with a SnapshotId: the disk of another machine",
            ),
            (data().placement(host), "it has Placement.HostId"),
            (data().placement(dedicated), "it has Placement.Tenancy"),
            (data().image_id("resolve:ssm:/own/image"), "its ImageId is not one that a request may have"),
            (data().instance_market_options(no_market), "its InstanceMarketOptions have no MarketType"),
            (data().user_data("no base64"), "its UserData is not one that a request may have"),
            (data().security_groups("web"), "it has SecurityGroups: give SecurityGroupIds instead"),
            (
                data().instance_market_options(spot.spot_options(persistent.build()).build()),
                "its spot instances are not one-time ones that end when EC2 takes them back",
            ),
            (
                data().tag_specifications(of(sdk::ResourceType::Volume)),
                "its TagSpecifications give volumes tags that the instances do not have",
            ),
            (
                data().tag_specifications(of(sdk::ResourceType::NetworkInterface)),
                "its TagSpecifications have the ResourceType network-interface",
            ),
        ] {
            assert_eq!(read(data.build()).unwrap_err(), problem);
        }
    }

    #[test]
    fn profile_by_its_arn_is_its_name() {
        let arn = "arn:aws:iam::123456789012:instance-profile/ci/runner";
        let profile = sdk::LaunchTemplateIamInstanceProfileSpecification::builder().arn(arn).build();
        let data = read(sdk::ResponseLaunchTemplateData::builder().iam_instance_profile(profile).build()).unwrap();
        assert_eq!(data.options.instance_profile, InstanceProfileName::parse("runner"));
    }
}
