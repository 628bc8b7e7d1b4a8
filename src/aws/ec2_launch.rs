//! Calls to EC2 around a launch.

use super::ambiguity::AmbiguousOutcome;
use super::ec2::{Ec2, Result, count, group, instance, sdk_tag, set, texts};
use super::errors::without_parameter;
use super::sdk::{AwsOutput, malformed_response, to_error};
use crate::model::{
    InstanceProfileName, Launch, LaunchTemplate, MetadataOptions, Placement, Region, Reservation, SecurityGroup,
    SubnetId, Tag,
};
use aws_sdk_ec2::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_ec2::error::ProvideErrorMetadata as _;
use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::operation::run_instances::RunInstancesError;
use aws_sdk_ec2::types as sdk;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::RetryClassifierPriority;
use base64::prelude::{BASE64_STANDARD, Engine as _};

/// EC2's codes for a lack of capacity, for which another type, subnet or market may do.
pub const NO_CAPACITY: [&str; 5] = [
    "InsufficientFreeAddressesInSubnet",
    "InsufficientInstanceCapacity",
    "MaxSpotInstanceCountExceeded",
    "SpotMaxPriceTooLow",
    // A zone without the type.
    "Unsupported",
];

/// One attempt of a launch.
#[derive(Clone, Copy, Debug)]
pub struct LaunchAttempt<'a> {
    /// The launch. Its `spot` is not read.
    pub launch: &'a Launch,
    /// Whether its instances are spot instances.
    pub spot: bool,
    /// EC2 launches once under it.
    pub client_token: &'a str,
    /// Whether other attempts follow where EC2 has no capacity.
    pub has_alternatives: bool,
}

/// Keeps the SDK from repeating an attempt for which there is no capacity. EC2 answers 500, which
/// the SDK takes for a fault that passes.
#[derive(Debug)]
struct NoRetryWithoutCapacity;

impl ClassifyRetry for NoRetryWithoutCapacity {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let error = context.output_or_error().and_then(|outcome| outcome.err()?.as_operation_error());
        let code = error.and_then(|error| error.downcast_ref::<RunInstancesError>()?.code());
        match code {
            Some(code) if NO_CAPACITY.contains(&code) => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "NoRetryWithoutCapacity"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

impl Ec2 {
    /// Launches instances.
    ///
    /// A repeated launch with the same client token returns the same instances; the SDK's own
    /// retries repeat it
    /// (<https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>).
    ///
    /// With a launch template, members with members of their own (profile, market, placement) are
    /// sent if they are not the template's: EC2 takes those from the template, whose version never
    /// changes.
    ///
    /// # Errors
    /// Those of [`Ec2::start_instances`].
    pub async fn run_instances(
        &self,
        region: &Region,
        attempt: LaunchAttempt<'_>,
        dry_run: bool,
    ) -> Result<Reservation> {
        let LaunchAttempt { launch, spot, client_token, has_alternatives } = attempt;
        let mut config = aws_sdk_ec2::config::Builder::new();
        if has_alternatives {
            config = config.retry_classifier(NoRetryWithoutCapacity);
        }
        let options = &launch.options;
        let from = launch.template.as_ref().map(|template| &template.data);
        let own_placement =
            from.is_none_or(|from| from.options.placement != options.placement).then(|| options.placement.clone());
        let Placement { zone, group_name } = own_placement.unwrap_or_default();
        let zone = zone.map(|zone| zone.as_str().to_owned());
        let has_own_profile = from.is_none_or(|from| from.options.instance_profile != options.instance_profile);
        let profile = options.instance_profile.as_ref().filter(|_| has_own_profile);
        let is_own_market = from.is_none_or(|from| !from.is_spot);
        let placement = (zone.is_some() || group_name.is_some())
            .then(|| sdk::Placement::builder().set_availability_zone(zone).set_group_name(group_name).build());
        let outcome = AmbiguousOutcome::default();
        let sent = self
            .client(region)
            .run_instances()
            .set_launch_template(launch.template.as_ref().map(launch_template))
            .image_id(launch.image_id.as_str())
            .instance_type(launch.instance_type.as_str().into())
            .min_count(count(launch.min_count))
            .max_count(count(launch.max_count))
            .set_key_name(options.key_name.clone())
            .set_security_group_ids(texts(&options.security_group_ids))
            .set_security_groups(texts(&options.security_groups))
            .set_subnet_id(launch.subnet_id.clone().map(Into::into))
            .set_instance_market_options((spot && is_own_market).then(spot_market))
            .set_iam_instance_profile(profile.map(instance_profile))
            .set_user_data(options.user_data.as_ref().map(|data| BASE64_STANDARD.encode(data.as_bytes())))
            .set_placement(placement)
            .set_instance_initiated_shutdown_behavior(
                options.shutdown_behavior.map(|behavior| behavior.as_str().into()),
            )
            .set_ebs_optimized(options.ebs_optimized)
            .metadata_options(metadata_options(launch))
            .set_tag_specifications(tag_specifications(&options.tags))
            .client_token(client_token)
            .set_dry_run(set(dry_run))
            .customize()
            .interceptor(outcome.clone())
            .config_override(config)
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

fn launch_template(template: &LaunchTemplate) -> sdk::LaunchTemplateSpecification {
    let builder = sdk::LaunchTemplateSpecification::builder().launch_template_id(template.id.as_str());
    builder.version(template.version.to_string()).build()
}

/// The options of the template, with the deployment's own on tokens.
fn metadata_options(launch: &Launch) -> sdk::InstanceMetadataOptionsRequest {
    let builder = sdk::InstanceMetadataOptionsRequest::builder().http_tokens(launch.http_tokens.as_str().into());
    let Some(template) = &launch.template else { return builder.build() };
    let MetadataOptions { http_endpoint, http_put_response_hop_limit, http_protocol_ipv6, instance_metadata_tags } =
        &template.data.metadata;
    builder
        .set_http_endpoint(http_endpoint.as_deref().map(Into::into))
        .set_http_put_response_hop_limit(*http_put_response_hop_limit)
        .set_http_protocol_ipv6(http_protocol_ipv6.as_deref().map(Into::into))
        .set_instance_metadata_tags(instance_metadata_tags.as_deref().map(Into::into))
        .build()
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
