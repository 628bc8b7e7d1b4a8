//! Calls to EC2 around a launch.

use super::ambiguity::AmbiguousOutcome;
use super::ec2::{Ec2, Result, count, group, instance, sdk_tag, set, texts};
use super::errors::without_parameter;
use super::sdk::{AwsOutput, malformed_response, to_error};
use crate::model::{InstanceProfileName, Launch, Region, Reservation, SecurityGroup, SubnetId, Tag};
use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::types as sdk;
use base64::prelude::{BASE64_STANDARD, Engine as _};

impl Ec2 {
    /// Launches instances.
    ///
    /// A repeated launch with the same `client_token` returns the same instances; the SDK's own
    /// retries repeat it. `spot` says whether they are spot instances; `launch.spot` is not read
    /// (<https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>).
    ///
    /// # Errors
    /// Those of [`Ec2::start_instances`].
    pub async fn run_instances(
        &self,
        region: &Region,
        launch: &Launch,
        spot: bool,
        client_token: &str,
        dry_run: bool,
    ) -> Result<Reservation> {
        let zone = launch.placement.zone.as_ref().map(|zone| zone.as_str().to_owned());
        let group_name = launch.placement.group_name.clone();
        let placement = (zone.is_some() || group_name.is_some())
            .then(|| sdk::Placement::builder().set_availability_zone(zone).set_group_name(group_name).build());
        let outcome = AmbiguousOutcome::default();
        let sent = self
            .client(region)
            .run_instances()
            .image_id(launch.image_id.as_str())
            .instance_type(launch.instance_type.as_str().into())
            .min_count(count(launch.min_count))
            .max_count(count(launch.max_count))
            .set_key_name(launch.key_name.clone())
            .set_security_group_ids(texts(&launch.security_group_ids))
            .set_security_groups(texts(&launch.security_groups))
            .set_subnet_id(launch.subnet_id.clone().map(Into::into))
            .set_instance_market_options(spot.then(spot_market))
            .set_iam_instance_profile(launch.instance_profile.as_ref().map(instance_profile))
            .set_user_data(launch.user_data.as_ref().map(|data| BASE64_STANDARD.encode(data.as_bytes())))
            .set_placement(placement)
            .set_instance_initiated_shutdown_behavior(launch.shutdown_behavior.map(|behavior| behavior.as_str().into()))
            .set_ebs_optimized(launch.ebs_optimized)
            .metadata_options(
                sdk::InstanceMetadataOptionsRequest::builder().http_tokens(launch.http_tokens.as_str().into()).build(),
            )
            .set_tag_specifications(tag_specifications(&launch.tags))
            .client_token(client_token)
            .set_dry_run(set(dry_run))
            .customize()
            .interceptor(outcome.clone())
            .send()
            .await;
        let output = sent.map_err(|error| {
            let error = outcome.mark(to_error("ec2:RunInstances", &error));
            if launch.image_id.is_parameter() { without_parameter(error) } else { error }
        })?;
        if output.instances().len() < launch.min_count as usize {
            return Err(malformed_response("ec2:RunInstances"));
        }
        Ok(AwsOutput {
            request_id: output.request_id().map(str::to_owned),
            value: Reservation {
                reservation_id: output.reservation_id,
                owner_id: output.owner_id,
                requester_id: output.requester_id,
                groups: output.groups.unwrap_or_default().into_iter().map(group).collect(),
                instances: output.instances.unwrap_or_default().into_iter().map(instance).collect(),
            },
        })
    }

    /// The region's default VPC, if it has one.
    ///
    /// # Errors
    /// EC2's refusal, or no usable response.
    pub async fn default_vpc(&self, region: &Region) -> Result<Option<String>> {
        let filter = sdk::Filter::builder().name("is-default").values("true").build();
        let sent = self.client(region).describe_vpcs().filters(filter).send().await;
        let output = sent.map_err(|error| to_error("ec2:DescribeVpcs", &error))?;
        let vpc_id = output.vpcs().iter().find_map(|vpc| vpc.vpc_id().map(str::to_owned));
        Ok(AwsOutput { request_id: output.request_id().map(str::to_owned), value: vpc_id })
    }

    /// The security groups of a VPC that have one of these names.
    ///
    /// # Errors
    /// EC2's refusal, or no usable response.
    pub async fn describe_security_groups(
        &self,
        region: &Region,
        vpc_id: &str,
        names: &[String],
    ) -> Result<Vec<SecurityGroup>> {
        let filter =
            |name: &str, values: &[String]| sdk::Filter::builder().name(name).set_values(Some(values.to_vec())).build();
        let filters = vec![filter("vpc-id", &[vpc_id.to_owned()]), filter("group-name", names)];
        let sent = self.client(region).describe_security_groups().set_filters(Some(filters)).send().await;
        let output = sent.map_err(|error| to_error("ec2:DescribeSecurityGroups", &error))?;
        let request_id = output.request_id().map(str::to_owned);
        let groups = output.security_groups.unwrap_or_default().into_iter();
        let groups = groups.map(|group| SecurityGroup { group_id: group.group_id, group_name: group.group_name });
        Ok(AwsOutput { value: groups.collect(), request_id })
    }

    /// The VPC of each of the subnets.
    ///
    /// # Errors
    /// EC2's refusal, for example of a subnet that does not exist, or no usable response.
    pub async fn describe_subnets(&self, region: &Region, ids: &[SubnetId]) -> Result<Vec<(SubnetId, String)>> {
        let sent = self.client(region).describe_subnets().set_subnet_ids(texts(ids)).send().await;
        let output = sent.map_err(|error| to_error("ec2:DescribeSubnets", &error))?;
        let vpc = |subnet: &sdk::Subnet| Some((SubnetId::parse(subnet.subnet_id()?)?, subnet.vpc_id()?.to_owned()));
        let value = output.subnets().iter().filter_map(vpc).collect();
        Ok(AwsOutput { request_id: output.request_id().map(str::to_owned), value })
    }
}

/// One-time spot instances, which end when EC2 takes them back.
fn spot_market() -> sdk::InstanceMarketOptionsRequest {
    sdk::InstanceMarketOptionsRequest::builder().market_type(sdk::MarketType::Spot).build()
}

fn instance_profile(name: &InstanceProfileName) -> sdk::IamInstanceProfileSpecification {
    sdk::IamInstanceProfileSpecification::builder().name(name.as_str()).build()
}

/// The same tags for the instances and for their volumes, which may outlive them.
fn tag_specifications(tags: &[Tag]) -> Option<Vec<sdk::TagSpecification>> {
    let of = |resource| {
        let tags = Some(tags.iter().map(sdk_tag).collect());
        sdk::TagSpecification::builder().resource_type(resource).set_tags(tags).build()
    };
    (!tags.is_empty()).then(|| [sdk::ResourceType::Instance, sdk::ResourceType::Volume].map(of).to_vec())
}
