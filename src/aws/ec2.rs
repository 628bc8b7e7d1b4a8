//! Calls to EC2: one method for each operation.

use super::ambiguity::AmbiguousOutcome;
use super::call_stats::CallInterceptor;
use super::connections::sent_once;
use super::instance_details::details;
use super::page_interceptor::PageInterceptor;
use super::sdk::{AwsOutput, Clients, malformed_response, to_error, to_offset_date_time};
use crate::error::Error;
use crate::model::{
    Attribute, DeleteOnTermination, Filter, Instance, InstanceId, InstanceQuery, Page, Region, Reservation,
    SecurityGroup, Shutdown, State, StateChange, StateReason, Tag,
};
use aws_config::SdkConfig;
use aws_sdk_ec2::config::retry::RetryConfig;
use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types as sdk;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use time::OffsetDateTime;

/// EC2 in every region.
pub struct Ec2 {
    config: SdkConfig,
    endpoint: Option<String>,
    clients: Clients<aws_sdk_ec2::Client>,
}

/// The console output of an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct ConsoleOutput {
    /// When EC2 has read it last.
    pub timestamp: Option<OffsetDateTime>,
    /// The text, decoded; `None` if there is none yet. Bytes that are not UTF-8 become U+FFFD.
    pub text: Option<String>,
}

pub(super) type Result<T> = std::result::Result<AwsOutput<T>, Error>;

impl Ec2 {
    /// `config` has credentials, timeouts and retries; its region is not used. `endpoint` is the
    /// URL of an emulator.
    pub fn new(config: SdkConfig, endpoint: Option<String>) -> Self {
        Self { config, endpoint, clients: Clients::default() }
    }

    pub(super) fn client(&self, region: &Region) -> aws_sdk_ec2::Client {
        self.clients.get(region, |region| {
            let mut config = aws_sdk_ec2::config::Builder::from(&self.config);
            config.set_endpoint_url(self.endpoint.clone());
            aws_sdk_ec2::Client::from_conf(config.region(region).interceptor(CallInterceptor).build())
        })
    }

    /// Describes one page of instances.
    ///
    /// # Errors
    /// EC2's refusal, or no usable response.
    pub async fn describe_instances(&self, region: &Region, query: &InstanceQuery) -> Result<Page> {
        let filter =
            |filter: &Filter| sdk::Filter::builder().name(&filter.name).set_values(texts(&filter.values)).build();
        let filters: Vec<_> = query.filters.iter().map(filter).collect();
        let call = self
            .client(region)
            .describe_instances()
            .set_instance_ids(texts(&query.instance_ids))
            .set_filters((!filters.is_empty()).then_some(filters))
            .set_max_results(query.max_results.map(count))
            .set_next_token(query.next_token.clone());
        let interceptor = PageInterceptor::default();
        let sent = match query.details {
            true => call.send().await,
            false => call.customize().interceptor(interceptor.clone()).send().await,
        };
        let output = sent.map_err(|error| {
            let error = to_error("ec2:DescribeInstances", &error);
            match interceptor.take() {
                Some(Err(problem)) => error.caused_by(format!("the page is malformed: {problem}")),
                _ => error,
            }
        })?;
        let request_id = output.request_id().map(str::to_owned);
        let reservations = if query.details {
            output.reservations.unwrap_or_default().into_iter().map(reservation).collect()
        } else {
            let read = interceptor.take().and_then(std::result::Result::ok);
            read.ok_or_else(|| malformed_response("ec2:DescribeInstances"))?
        };
        Ok(AwsOutput { request_id, value: Page { reservations, next_token: non_empty(output.next_token) } })
    }

    /// Reads the console output of an instance: with `latest` that of now, else that of the last
    /// transition of its state.
    ///
    /// # Errors
    /// EC2's refusal, or no usable response. EC2 refuses `latest` for instances without Nitro.
    pub async fn get_console_output(&self, region: &Region, id: &InstanceId, latest: bool) -> Result<ConsoleOutput> {
        let call = self.client(region).get_console_output().instance_id(id.as_str()).set_latest(set(latest));
        let output = call.send().await.map_err(|error| to_error("ec2:GetConsoleOutput", &error))?;
        let request_id = output.request_id().map(str::to_owned);
        let text = non_empty(output.output).map(|text| BASE64_STANDARD.decode(text.replace(['\r', '\n'], "")));
        let text = text.transpose().map_err(|_| malformed_response("ec2:GetConsoleOutput"))?;
        let text = text.map(|text| String::from_utf8_lossy(&text).into_owned());
        let timestamp = output.timestamp.and_then(to_offset_date_time);
        Ok(AwsOutput { value: ConsoleOutput { timestamp, text }, request_id })
    }

    /// Lists the regions that the account has enabled.
    ///
    /// # Errors
    /// EC2's refusal, or no usable response.
    pub async fn describe_regions(&self, region: &Region) -> Result<Vec<Region>> {
        self.regions(region, false).await
    }

    /// Lists all regions of the partition, also those that the account has not enabled.
    ///
    /// # Errors
    /// EC2's refusal, or no usable response.
    pub async fn describe_all_regions(&self, region: &Region) -> Result<Vec<Region>> {
        self.regions(region, true).await
    }

    async fn regions(&self, region: &Region, all: bool) -> Result<Vec<Region>> {
        let sent = self.client(region).describe_regions().set_all_regions(set(all)).send().await;
        let output = sent.map_err(|error| to_error("ec2:DescribeRegions", &error))?;
        let request_id = output.request_id().map(str::to_owned);
        let mut regions: Vec<_> =
            output.regions().iter().filter_map(|region| Region::parse(region.region_name()?)).collect();
        regions.sort_unstable();
        Ok(AwsOutput { value: regions, request_id })
    }

    /// Starts instances with one call: all of them or none. The output is in the order of `ids`.
    ///
    /// # Errors
    /// EC2's refusal, or no usable response. A dry run always ends in an error: `DryRunOperation`
    /// if it would succeed.
    pub async fn start_instances(
        &self,
        region: &Region,
        ids: &[InstanceId],
        dry_run: bool,
    ) -> Result<Vec<StateChange>> {
        let outcome = AmbiguousOutcome::default();
        let call = self.client(region).start_instances().set_instance_ids(texts(ids)).set_dry_run(set(dry_run));
        let sent = call.customize().interceptor(outcome.clone()).send().await;
        let output = sent.map_err(|error| outcome.mark(to_error("ec2:StartInstances", &error)))?;
        let request_id = output.request_id().map(str::to_owned);
        let changes = state_changes("ec2:StartInstances", ids, output.starting_instances)?;
        Ok(AwsOutput { value: changes, request_id })
    }

    /// Stops instances with one call: all of them or none. The output is in the order of `ids`.
    ///
    /// # Errors
    /// Those of [`Ec2::start_instances`].
    pub async fn stop_instances(
        &self,
        region: &Region,
        ids: &[InstanceId],
        shutdown: Shutdown,
        dry_run: bool,
    ) -> Result<Vec<StateChange>> {
        let outcome = AmbiguousOutcome::default();
        let call = self.client(region).stop_instances().set_instance_ids(texts(ids)).set_dry_run(set(dry_run));
        let call = call.set_force(set(shutdown.force)).set_hibernate(set(shutdown.hibernate));
        let call = call.set_skip_os_shutdown(set(shutdown.skip_os_shutdown));
        let sent = call.customize().interceptor(outcome.clone()).send().await;
        let output = sent.map_err(|error| outcome.mark(to_error("ec2:StopInstances", &error)))?;
        let request_id = output.request_id().map(str::to_owned);
        let changes = state_changes("ec2:StopInstances", ids, output.stopping_instances)?;
        Ok(AwsOutput { value: changes, request_id })
    }

    /// Terminates instances with one call. The output is in the order of `ids`. If one instance is
    /// protected, EC2 refuses the call but terminates the instances of other zones all the same
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html>).
    ///
    /// # Errors
    /// Those of [`Ec2::start_instances`].
    pub async fn terminate_instances(
        &self,
        region: &Region,
        ids: &[InstanceId],
        shutdown: Shutdown,
        dry_run: bool,
    ) -> Result<Vec<StateChange>> {
        let outcome = AmbiguousOutcome::default();
        let call = self.client(region).terminate_instances().set_instance_ids(texts(ids)).set_dry_run(set(dry_run));
        let call = call.set_force(set(shutdown.force)).set_skip_os_shutdown(set(shutdown.skip_os_shutdown));
        let sent = call.customize().interceptor(outcome.clone()).send().await;
        let output = sent.map_err(|error| outcome.mark(to_error("ec2:TerminateInstances", &error)))?;
        let request_id = output.request_id().map(str::to_owned);
        let changes = state_changes("ec2:TerminateInstances", ids, output.terminating_instances)?;
        Ok(AwsOutput { value: changes, request_id })
    }

    /// Reboots instances with one call: all of them or none.
    ///
    /// It is sent once. The other changes have no further effect when they are repeated; a repeated
    /// reboot boots the instance again.
    ///
    /// # Errors
    /// Those of [`Ec2::start_instances`].
    pub async fn reboot_instances(&self, region: &Region, ids: &[InstanceId], dry_run: bool) -> Result<()> {
        let outcome = AmbiguousOutcome::default();
        let call = self.client(region).reboot_instances().set_instance_ids(texts(ids)).set_dry_run(set(dry_run));
        let once = aws_sdk_ec2::config::Builder::new().retry_config(RetryConfig::disabled());
        let call = call.customize().interceptor(outcome.clone()).config_override(once);
        let sent = sent_once(call.send()).await;
        let output = sent.map_err(|error| outcome.mark(to_error("ec2:RebootInstances", &error)))?;
        Ok(AwsOutput { request_id: output.request_id().map(str::to_owned), value: () })
    }

    /// Sets one attribute of an instance.
    ///
    /// # Errors
    /// Those of [`Ec2::start_instances`].
    pub async fn modify_instance_attribute(
        &self,
        region: &Region,
        id: &InstanceId,
        attribute: &Attribute,
        dry_run: bool,
    ) -> Result<()> {
        let text = |value: &str| sdk::AttributeValue::builder().value(value).build();
        let flag = |value: &bool| sdk::AttributeBooleanValue::builder().value(*value).build();
        let call = self.client(region).modify_instance_attribute().instance_id(id.as_str());
        let call = call.set_dry_run(set(dry_run));
        let call = match attribute {
            Attribute::InstanceType(value) => call.instance_type(text(value.as_str())),
            Attribute::Kernel(value) => call.kernel(text(value)),
            Attribute::Ramdisk(value) => call.ramdisk(text(value)),
            Attribute::UserData(value) => {
                call.user_data(sdk::SecureBlobAttributeValue::builder().value(Blob::new(value.as_bytes())).build())
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
            Attribute::BlockDeviceMapping(devices) => {
                call.set_block_device_mappings(Some(devices.iter().map(device).collect()))
            }
        };
        let outcome = AmbiguousOutcome::default();
        let sent = call.customize().interceptor(outcome.clone()).send().await;
        let output = sent.map_err(|error| outcome.mark(to_error("ec2:ModifyInstanceAttribute", &error)))?;
        Ok(AwsOutput { request_id: output.request_id().map(str::to_owned), value: () })
    }
}

fn device(device: &DeleteOnTermination) -> sdk::InstanceBlockDeviceMappingSpecification {
    let ebs = sdk::EbsInstanceBlockDeviceSpecification::builder().delete_on_termination(device.delete).build();
    sdk::InstanceBlockDeviceMappingSpecification::builder().device_name(&device.device_name).ebs(ebs).build()
}

pub(super) fn sdk_tag(tag: &Tag) -> sdk::Tag {
    sdk::Tag::builder().key(&tag.key).value(&tag.value).build()
}

/// Counts are limited far below `i32::MAX`.
pub(super) fn count(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// `Some(true)` or nothing: EC2's default for every flag is false.
pub(super) fn set(flag: bool) -> Option<bool> {
    flag.then_some(true)
}

/// `None` for an empty list: EC2 refuses those.
pub(super) fn texts<T: Clone + Into<String>>(items: &[T]) -> Option<Vec<String>> {
    (!items.is_empty()).then(|| items.iter().cloned().map(Into::into).collect())
}

/// `None` for an empty text: the last page's token is left out or empty.
fn non_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn state(state: Option<sdk::InstanceState>) -> State {
    state.map_or_else(State::default, |state| State {
        code: state.code.and_then(|code| u8::try_from(code & 0xff).ok()),
        name: state.name.map(|name| name.as_str().to_owned()),
    })
}

/// The state changes in the order of `ids`.
fn state_changes(
    action: &str,
    ids: &[InstanceId],
    changes: Option<Vec<sdk::InstanceStateChange>>,
) -> std::result::Result<Vec<StateChange>, Error> {
    let mut changes = changes.unwrap_or_default();
    changes.sort_by_key(|change| ids.iter().position(|id| Some(id.as_str()) == change.instance_id()));
    if changes.len() != ids.len() {
        return Err(malformed_response(action));
    }
    let changes = changes.into_iter().map(|change| StateChange {
        instance_id: change.instance_id.unwrap_or_default(),
        current: state(change.current_state),
        previous: state(change.previous_state),
        state_reason: None,
    });
    Ok(changes.collect())
}

fn reservation(reservation: sdk::Reservation) -> Reservation {
    Reservation {
        reservation_id: reservation.reservation_id,
        owner_id: reservation.owner_id,
        requester_id: reservation.requester_id,
        groups: reservation.groups.unwrap_or_default().into_iter().map(group).collect(),
        instances: reservation.instances.unwrap_or_default().into_iter().map(instance).collect(),
    }
}

fn state_reason(reason: sdk::StateReason) -> StateReason {
    StateReason { code: reason.code, message: reason.message.map(Into::into) }
}

fn ipv6_addresses(interface: sdk::InstanceNetworkInterface) -> Vec<String> {
    let addresses = interface.ipv6_addresses.unwrap_or_default().into_iter();
    addresses.filter_map(|address| address.ipv6_address).collect()
}

pub(super) fn group(group: sdk::GroupIdentifier) -> SecurityGroup {
    SecurityGroup { group_id: group.group_id, group_name: group.group_name }
}

pub(super) fn instance(mut described: sdk::Instance) -> Instance {
    // Every instance has an ID: a member that clients need not look for.
    described.instance_id.get_or_insert_default();
    let details = details(described.clone());
    let placement = described.placement.unwrap_or_else(|| sdk::Placement::builder().build());
    let tag = |tag: sdk::Tag| Tag { key: tag.key.unwrap_or_default(), value: tag.value.unwrap_or_default() };
    Instance {
        instance_id: described.instance_id.unwrap_or_default(),
        image_id: described.image_id,
        instance_type: described.instance_type.map(|value| value.as_str().to_owned()),
        key_name: described.key_name,
        launch_time: described.launch_time.and_then(to_offset_date_time),
        availability_zone: placement.availability_zone,
        placement_group: placement.group_name,
        platform: described.platform.map(|value| value.as_str().to_owned()),
        private_dns_name: described.private_dns_name,
        private_ip_address: described.private_ip_address,
        public_dns_name: described.public_dns_name,
        public_ip_address: described.public_ip_address,
        state: state(described.state),
        state_reason: described.state_reason.map(state_reason),
        client_token: described.client_token,
        lifecycle: described.instance_lifecycle.map(|value| value.as_str().to_owned()),
        operator: described.operator.and_then(|operator| operator.principal),
        can_hibernate: described.hibernation_options.and_then(|options| options.configured).unwrap_or_default(),
        ipv6_addresses: described.network_interfaces.unwrap_or_default().into_iter().flat_map(ipv6_addresses).collect(),
        subnet_id: described.subnet_id,
        vpc_id: described.vpc_id,
        architecture: described.architecture.map(|value| value.as_str().to_owned()),
        security_groups: described.security_groups.unwrap_or_default().into_iter().map(group).collect(),
        tags: described.tags.unwrap_or_default().into_iter().map(tag).collect(),
        details,
    }
}
