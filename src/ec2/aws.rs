//! The only file that names `aws_sdk_ec2`: our types in, one EC2 call, our types out.

use super::{
    Attribute, Change, Instance, InstanceId, Launch, Page, Query, Region, Reservation, SecurityGroup, State,
    StateChange, Tag,
};
use crate::error::Error;
use crate::sdk::{Answer, Clients, Doubt, failure, moment, unreadable};
use crate::trace::Watch;
use aws_config::SdkConfig;
use aws_sdk_ec2::config::retry::RetryConfig;
use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types as sdk;
use base64::prelude::{BASE64_STANDARD, Engine as _};

/// EC2 in every region.
pub struct Ec2 {
    config: SdkConfig,
    endpoint: Option<String>,
    clients: Clients<aws_sdk_ec2::Client>,
}

type Result<T> = std::result::Result<Answer<T>, Error>;

impl Ec2 {
    /// `config` has credentials, timeouts and retries; its region is not used. `endpoint` is an emulator's address.
    pub fn new(config: SdkConfig, endpoint: Option<String>) -> Self {
        Self { config, endpoint, clients: Clients::default() }
    }

    fn client(&self, region: &Region) -> aws_sdk_ec2::Client {
        self.clients.of(region, |region| {
            let mut config = aws_sdk_ec2::config::Builder::from(&self.config);
            config.set_endpoint_url(self.endpoint.clone());
            aws_sdk_ec2::Client::from_conf(config.region(region).interceptor(Watch).build())
        })
    }

    /// Launches instances, whose metadata can be had by IMDSv2 only: IMDSv1 hands credentials to whoever makes the instance
    /// send a request
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html>).
    ///
    /// `client_token` makes a repetition of the same launch answer with the same instances: the SDK's own retries send it again
    /// (<https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>).
    ///
    /// # Errors
    /// What EC2 refuses, or that it can't be reached. A dry run always ends in an error: `DryRunOperation` if all is well.
    pub async fn run_instances(
        &self,
        region: &Region,
        launch: &Launch,
        client_token: &str,
        dry_run: bool,
    ) -> Result<Reservation> {
        let zone = launch.placement.zone.as_ref().map(|zone| zone.as_str().to_owned());
        let group = launch.placement.group_name.clone();
        let placement = (zone.is_some() || group.is_some())
            .then(|| sdk::Placement::builder().set_availability_zone(zone).set_group_name(group).build());
        let doubt = Doubt::default();
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
            .set_user_data(launch.user_data.as_ref().map(|data| BASE64_STANDARD.encode(data)))
            .set_placement(placement)
            .set_instance_initiated_shutdown_behavior(launch.shutdown_behavior.map(|it| it.as_str().into()))
            .set_ebs_optimized(launch.ebs_optimized)
            .metadata_options(
                sdk::InstanceMetadataOptionsRequest::builder().http_tokens(sdk::HttpTokensState::Required).build(),
            )
            .set_tag_specifications(tag_specifications(&launch.tags))
            .client_token(client_token)
            .set_dry_run(dry_run.then_some(true))
            .customize()
            .interceptor(doubt.clone())
            .send()
            .await;
        let output = sent.map_err(|error| doubt.about(failure("ec2:RunInstances", &error)))?;
        if output.instances().len() < launch.min_count as usize {
            return Err(unreadable("ec2:RunInstances"));
        }
        Ok(Answer {
            request_id: output.request_id().map(str::to_owned),
            value: Reservation {
                reservation_id: output.reservation_id,
                owner_id: output.owner_id,
                requester_id: output.requester_id,
                instances: output.instances.unwrap_or_default().into_iter().map(instance).collect(),
            },
        })
    }

    /// Describes instances: one page.
    ///
    /// # Errors
    /// What EC2 refuses, or that it can't be reached.
    pub async fn describe_instances(&self, region: &Region, query: &Query) -> Result<Page> {
        let filter = |it: &super::Filter| sdk::Filter::builder().name(&it.name).set_values(texts(&it.values)).build();
        let filters: Vec<_> = query.filters.iter().map(filter).collect();
        let sent = self
            .client(region)
            .describe_instances()
            .set_instance_ids(texts(&query.instance_ids))
            .set_filters((!filters.is_empty()).then_some(filters))
            .set_max_results(query.max_results.map(count))
            .set_next_token(query.next_token.clone())
            .send()
            .await;
        let output = sent.map_err(|error| failure("ec2:DescribeInstances", &error))?;
        Ok(Answer {
            request_id: output.request_id().map(str::to_owned),
            value: Page {
                reservations: output.reservations.unwrap_or_default().into_iter().map(reservation).collect(),
                next_token: filled(output.next_token),
            },
        })
    }

    /// The regions that the account has enabled.
    ///
    /// # Errors
    /// What EC2 refuses, or that it can't be reached.
    pub async fn describe_regions(&self, region: &Region) -> Result<Vec<Region>> {
        let sent = self.client(region).describe_regions().send().await;
        let output = sent.map_err(|error| failure("ec2:DescribeRegions", &error))?;
        let request_id = output.request_id().map(str::to_owned);
        let mut regions: Vec<_> =
            output.regions().iter().filter_map(|it| Region::parse(it.region_name().unwrap_or_default())).collect();
        regions.sort_unstable();
        Ok(Answer { value: regions, request_id })
    }

    /// Starts, stops, reboots or terminates instances with one call. The answer is in the order asked for. A reboot has no states
    /// to answer with. All of them or none, but for a termination that a protected instance stops: those of other zones are
    /// terminated all the same (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html>).
    ///
    /// # Errors
    /// What EC2 refuses, or that it can't be reached. A dry run always ends in an error: `DryRunOperation` if all is well.
    pub async fn change(
        &self,
        region: &Region,
        change: Change,
        ids: &[InstanceId],
        dry_run: bool,
    ) -> Result<Vec<StateChange>> {
        let client = self.client(region);
        let (ids, dry_run, doubt) = (texts(ids), dry_run.then_some(true), Doubt::default());
        let (action, mut changes, request_id) = match change {
            Change::Start => {
                let call = client.start_instances().set_instance_ids(ids.clone()).set_dry_run(dry_run);
                let sent = call.customize().interceptor(doubt.clone()).send().await;
                let output = sent.map_err(|error| doubt.about(failure("ec2:StartInstances", &error)))?;
                let request_id = output.request_id().map(str::to_owned);
                ("ec2:StartInstances", output.starting_instances.unwrap_or_default(), request_id)
            }
            Change::Stop { force } => {
                let call = client.stop_instances().set_instance_ids(ids.clone()).set_dry_run(dry_run);
                let call = call.set_force(force.then_some(true));
                let sent = call.customize().interceptor(doubt.clone()).send().await;
                let output = sent.map_err(|error| doubt.about(failure("ec2:StopInstances", &error)))?;
                let request_id = output.request_id().map(str::to_owned);
                ("ec2:StopInstances", output.stopping_instances.unwrap_or_default(), request_id)
            }
            Change::Terminate { force } => {
                let call = client.terminate_instances().set_instance_ids(ids.clone()).set_dry_run(dry_run);
                let call = call.set_force(force.then_some(true));
                let sent = call.customize().interceptor(doubt.clone()).send().await;
                let output = sent.map_err(|error| doubt.about(failure("ec2:TerminateInstances", &error)))?;
                let request_id = output.request_id().map(str::to_owned);
                ("ec2:TerminateInstances", output.terminating_instances.unwrap_or_default(), request_id)
            }
            Change::Reboot => {
                let call = client.reboot_instances().set_instance_ids(ids.clone()).set_dry_run(dry_run);
                // Once: the others change nothing the second time, but an instance that is told again boots again.
                let once = aws_sdk_ec2::config::Builder::new().retry_config(RetryConfig::disabled());
                let sent = call.customize().interceptor(doubt.clone()).config_override(once).send().await;
                let output = sent.map_err(|error| doubt.about(failure("ec2:RebootInstances", &error)))?;
                return Ok(Answer { request_id: output.request_id().map(str::to_owned), value: Vec::new() });
            }
        };
        let asked = ids.unwrap_or_default();
        changes.sort_by_key(|it| asked.iter().position(|id| Some(id.as_str()) == it.instance_id()));
        if changes.len() != asked.len() {
            return Err(unreadable(action));
        }
        Ok(Answer { request_id, value: changes.into_iter().map(state_change).collect() })
    }

    /// Sets tags on an instance, over those of the same keys.
    ///
    /// # Errors
    /// What EC2 refuses, or that it can't be reached.
    pub async fn create_tags(&self, region: &Region, ids: &[InstanceId], tags: &[Tag]) -> Result<()> {
        let tags = Some(tags.iter().map(sdk_tag).collect());
        let sent = self.client(region).create_tags().set_resources(texts(ids)).set_tags(tags).send().await;
        let output = sent.map_err(|error| failure("ec2:CreateTags", &error))?;
        Ok(Answer { request_id: output.request_id().map(str::to_owned), value: () })
    }

    /// Gives one attribute of an instance a new value.
    ///
    /// # Errors
    /// What EC2 refuses, or that it can't be reached. A dry run always ends in an error: `DryRunOperation` if all is well.
    pub async fn modify(&self, region: &Region, id: &InstanceId, attribute: &Attribute, dry_run: bool) -> Result<()> {
        let text = |value: &str| sdk::AttributeValue::builder().value(value).build();
        let flag = |value: &bool| sdk::AttributeBooleanValue::builder().value(*value).build();
        let call = self.client(region).modify_instance_attribute().instance_id(id.as_str());
        let call = call.set_dry_run(dry_run.then_some(true));
        let call = match attribute {
            Attribute::InstanceType(value) => call.instance_type(text(value.as_str())),
            Attribute::Kernel(value) => call.kernel(text(value)),
            Attribute::Ramdisk(value) => call.ramdisk(text(value)),
            Attribute::UserData(value) => {
                call.user_data(sdk::SecureBlobAttributeValue::builder().value(Blob::new(value.as_slice())).build())
            }
            Attribute::DisableApiTermination(value) => call.disable_api_termination(flag(value)),
            Attribute::DisableApiStop(value) => call.disable_api_stop(flag(value)),
            Attribute::InstanceInitiatedShutdownBehavior(value) => {
                call.instance_initiated_shutdown_behavior(text(value.as_str()))
            }
            Attribute::SourceDestCheck(value) => call.source_dest_check(flag(value)),
            Attribute::GroupSet(ids) => call.set_groups(texts(ids)),
            Attribute::EbsOptimized(value) => call.ebs_optimized(flag(value)),
            Attribute::SriovNetSupport(value) => call.sriov_net_support(text(value)),
            Attribute::EnaSupport(value) => call.ena_support(flag(value)),
        };
        let doubt = Doubt::default();
        let sent = call.customize().interceptor(doubt.clone()).send().await;
        let output = sent.map_err(|error| doubt.about(failure("ec2:ModifyInstanceAttribute", &error)))?;
        Ok(Answer { request_id: output.request_id().map(str::to_owned), value: () })
    }
}

fn sdk_tag(it: &Tag) -> sdk::Tag {
    sdk::Tag::builder().key(&it.key).value(&it.value).build()
}

/// The same tags for the instances and for their volumes, which may live longer.
fn tag_specifications(tags: &[Tag]) -> Option<Vec<sdk::TagSpecification>> {
    let of = |resource| {
        let tags = Some(tags.iter().map(sdk_tag).collect());
        sdk::TagSpecification::builder().resource_type(resource).set_tags(tags).build()
    };
    (!tags.is_empty()).then(|| [sdk::ResourceType::Instance, sdk::ResourceType::Volume].map(of).to_vec())
}

/// A count is at most what EC2's own limits allow, far below `i32::MAX`.
fn count(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// EC2 wants no empty lists.
fn texts<T: Clone + Into<String>>(items: &[T]) -> Option<Vec<String>> {
    (!items.is_empty()).then(|| items.iter().cloned().map(Into::into).collect())
}

/// EC2 leaves a value out or sends it empty; both mean that there is none.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn state(it: Option<sdk::InstanceState>) -> State {
    it.map_or_else(State::default, |it| State {
        code: it.code.and_then(|code| u8::try_from(code & 0xff).ok()),
        name: it.name.map(|name| name.as_str().to_owned()),
    })
}

fn state_change(it: sdk::InstanceStateChange) -> StateChange {
    StateChange {
        instance_id: it.instance_id.unwrap_or_default(),
        current: state(it.current_state),
        previous: state(it.previous_state),
    }
}

fn reservation(it: sdk::Reservation) -> Reservation {
    Reservation {
        reservation_id: it.reservation_id,
        owner_id: it.owner_id,
        requester_id: it.requester_id,
        instances: it.instances.unwrap_or_default().into_iter().map(instance).collect(),
    }
}

fn instance(it: sdk::Instance) -> Instance {
    let placement = it.placement.unwrap_or_else(|| sdk::Placement::builder().build());
    let group = |it: sdk::GroupIdentifier| SecurityGroup { group_id: it.group_id, group_name: it.group_name };
    let tag = |it: sdk::Tag| Tag { key: it.key.unwrap_or_default(), value: it.value.unwrap_or_default() };
    Instance {
        instance_id: it.instance_id.unwrap_or_default(),
        image_id: filled(it.image_id),
        instance_type: it.instance_type.map(|it| it.as_str().to_owned()),
        key_name: filled(it.key_name),
        launch_time: it.launch_time.and_then(moment),
        availability_zone: filled(placement.availability_zone),
        placement_group: filled(placement.group_name),
        tenancy: placement.tenancy.map(|it| it.as_str().to_owned()),
        monitoring: it.monitoring.and_then(|it| it.state).map(|it| it.as_str().to_owned()),
        platform: it.platform.map(|it| it.as_str().to_owned()),
        private_dns_name: filled(it.private_dns_name),
        private_ip_address: filled(it.private_ip_address),
        public_dns_name: filled(it.public_dns_name),
        public_ip_address: filled(it.public_ip_address),
        state: state(it.state),
        state_transition_reason: filled(it.state_transition_reason),
        subnet_id: filled(it.subnet_id),
        vpc_id: filled(it.vpc_id),
        architecture: it.architecture.map(|it| it.as_str().to_owned()),
        ami_launch_index: it.ami_launch_index,
        client_token: filled(it.client_token),
        ebs_optimized: it.ebs_optimized,
        ena_support: it.ena_support,
        hypervisor: it.hypervisor.map(|it| it.as_str().to_owned()),
        root_device_name: filled(it.root_device_name),
        root_device_type: it.root_device_type.map(|it| it.as_str().to_owned()),
        security_groups: it.security_groups.unwrap_or_default().into_iter().map(group).collect(),
        source_dest_check: it.source_dest_check,
        tags: it.tags.unwrap_or_default().into_iter().map(tag).collect(),
        virtualization_type: it.virtualization_type.map(|it| it.as_str().to_owned()),
    }
}
