//! Instances with every member that EC2 answers, under boto3's names
//! (<https://docs.aws.amazon.com/boto3/latest/reference/services/ec2/client/describe_instances.html>).
//!
//! The SDK's types can't be serialized. So each of them has a counterpart of the same name here,
//! with the same members. A member that EC2 leaves out is left out, and an empty one is empty, as
//! in boto3.

use super::sdk::to_offset_date_time;
use crate::model::{isoformat, redact};
use aws_sdk_ec2::primitives::DateTime;
use aws_sdk_ec2::types as sdk;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;

/// All that EC2 answers about an instance, as a JSON object.
pub(super) fn details(described: sdk::Instance) -> Option<Value> {
    serde_json::to_value(Instance::from(described)).ok()
}

/// A member that is left out if EC2 leaves it out. It is never null.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Optional<T>(Option<T>);

impl<T> Optional<T> {
    fn is_absent(&self) -> bool {
        self.0.is_none()
    }
}

impl<T: JsonSchema> JsonSchema for Optional<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A time by ISO 8601.
#[derive(Debug, Serialize)]
struct Time(String);

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

/// A message of AWS, redacted.
#[derive(Debug, Serialize)]
struct Redacted(String);

impl JsonSchema for Redacted {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Redacted".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

/// The code of a state without its high byte, which is internal to EC2.
#[derive(Debug, Serialize, JsonSchema)]
struct StateCode(u8);

/// Converts a value of the SDK to its counterpart; `None` if it is outside of AWS's documented
/// range.
trait Counterpart<T> {
    fn counterpart(self) -> Option<T>;
}

impl<T: Counterpart<U>, U> Counterpart<Vec<U>> for Vec<T> {
    fn counterpart(self) -> Option<Vec<U>> {
        Some(self.into_iter().filter_map(T::counterpart).collect())
    }
}

impl Counterpart<Time> for DateTime {
    fn counterpart(self) -> Option<Time> {
        to_offset_date_time(self).map(|time| Time(isoformat(time)))
    }
}

impl Counterpart<Redacted> for String {
    fn counterpart(self) -> Option<Redacted> {
        Some(Redacted(redact(&self)))
    }
}

impl Counterpart<StateCode> for i32 {
    fn counterpart(self) -> Option<StateCode> {
        u8::try_from(self & 0xff).ok().map(StateCode)
    }
}

macro_rules! same {
    ($($name:ty),*) => {$(
        impl Counterpart<$name> for $name {
            fn counterpart(self) -> Option<$name> {
                Some(self)
            }
        }
    )*};
}

same! { String, bool, i32 }

/// Enumerations of the SDK: EC2's word, also one that the SDK does not know.
macro_rules! words {
    ($($name:ident)*) => {$(
        impl Counterpart<String> for sdk::$name {
            fn counterpart(self) -> Option<String> {
                Some(self.as_str().to_owned())
            }
        }
    )*};
}

words! {
    AmdSevSnpSpecification ArchitectureValues AttachmentStatus BootModeValues
    CapacityReservationPreference DeviceType HostnameType HttpTokensState HypervisorType
    InstanceAutoRecoveryState InstanceBandwidthWeighting InstanceBootModeValues
    InstanceLifecycleType InstanceMetadataEndpointState InstanceMetadataOptionsState
    InstanceMetadataProtocolState InstanceMetadataTagsState InstanceRebootMigrationState
    InstanceStateName InstanceType MonitoringState NestedVirtualizationSpecification
    NetworkInterfaceStatus PlatformValues ProductCodeValues SecondaryInterfaceStatus
    SecondaryInterfaceType Tenancy VirtualizationType
}

/// Counterparts of the SDK's structures.
macro_rules! structures {
    ($($(#[$doc:meta])* $name:ident { $($(#[$attribute:meta])* $member:ident: $type:ty,)* })*) => {$(
        #[derive(Debug, Serialize, JsonSchema)]
        #[serde(rename_all = "PascalCase")]
        $(#[$doc])*
        pub struct $name {$(
            $(#[$attribute])*
            #[serde(skip_serializing_if = "Optional::is_absent")]
            $member: Optional<$type>,
        )*}

        impl From<sdk::$name> for $name {
            fn from(value: sdk::$name) -> Self {
                Self { $($member: Optional(value.$member.and_then(Counterpart::counterpart)),)* }
            }
        }

        impl Counterpart<$name> for sdk::$name {
            fn counterpart(self) -> Option<$name> {
                Some(self.into())
            }
        }
    )*};
}

structures! {
    /// An instance with all that EC2 answers about it.
    #[schemars(extend("required" = ["InstanceId"]))]
    Instance {
        architecture: String,
        block_device_mappings: Vec<InstanceBlockDeviceMapping>,
        client_token: String,
        ebs_optimized: bool,
        ena_support: bool,
        hypervisor: String,
        iam_instance_profile: IamInstanceProfile,
        instance_lifecycle: String,
        elastic_gpu_associations: Vec<ElasticGpuAssociation>,
        elastic_inference_accelerator_associations: Vec<ElasticInferenceAcceleratorAssociation>,
        network_interfaces: Vec<InstanceNetworkInterface>,
        outpost_arn: String,
        root_device_name: String,
        root_device_type: String,
        security_groups: Vec<GroupIdentifier>,
        source_dest_check: bool,
        spot_instance_request_id: String,
        sriov_net_support: String,
        state_reason: StateReason,
        tags: Vec<Tag>,
        virtualization_type: String,
        cpu_options: CpuOptions,
        capacity_block_id: String,
        capacity_reservation_id: String,
        capacity_reservation_specification: CapacityReservationSpecificationResponse,
        hibernation_options: HibernationOptions,
        licenses: Vec<LicenseConfiguration>,
        metadata_options: InstanceMetadataOptionsResponse,
        enclave_options: EnclaveOptions,
        boot_mode: String,
        platform_details: String,
        usage_operation: String,
        usage_operation_update_time: Time,
        private_dns_name_options: PrivateDnsNameOptionsResponse,
        ipv6_address: String,
        tpm_support: String,
        maintenance_options: InstanceMaintenanceOptions,
        current_instance_boot_mode: String,
        network_performance_options: InstanceNetworkPerformanceOptions,
        operator: OperatorResponse,
        secondary_interfaces: Vec<InstanceSecondaryInterface>,
        instance_id: String,
        image_id: String,
        state: InstanceState,
        private_dns_name: String,
        public_dns_name: String,
        state_transition_reason: String,
        key_name: String,
        ami_launch_index: i32,
        product_codes: Vec<ProductCode>,
        instance_type: String,
        launch_time: Time,
        placement: Placement,
        kernel_id: String,
        ramdisk_id: String,
        platform: String,
        monitoring: Monitoring,
        subnet_id: String,
        vpc_id: String,
        private_ip_address: String,
        public_ip_address: String,
    }
    /// EC2's `InstanceBlockDeviceMapping`.
    InstanceBlockDeviceMapping {
        device_name: String,
        ebs: EbsInstanceBlockDevice,
    }
    /// EC2's `EbsInstanceBlockDevice`.
    EbsInstanceBlockDevice {
        attach_time: Time,
        delete_on_termination: bool,
        status: String,
        volume_id: String,
        associated_resource: String,
        volume_owner_id: String,
        operator: OperatorResponse,
        ebs_card_index: i32,
    }
    /// EC2's `OperatorResponse`.
    OperatorResponse {
        managed: bool,
        principal: String,
        hidden_by_default: bool,
    }
    /// EC2's `IamInstanceProfile`.
    IamInstanceProfile {
        arn: String,
        id: String,
    }
    /// EC2's `ElasticGpuAssociation`.
    ElasticGpuAssociation {
        elastic_gpu_id: String,
        elastic_gpu_association_id: String,
        elastic_gpu_association_state: String,
        elastic_gpu_association_time: String,
    }
    /// EC2's `ElasticInferenceAcceleratorAssociation`.
    ElasticInferenceAcceleratorAssociation {
        elastic_inference_accelerator_arn: String,
        elastic_inference_accelerator_association_id: String,
        elastic_inference_accelerator_association_state: String,
        elastic_inference_accelerator_association_time: Time,
    }
    /// EC2's `InstanceNetworkInterface`.
    InstanceNetworkInterface {
        association: InstanceNetworkInterfaceAssociation,
        attachment: InstanceNetworkInterfaceAttachment,
        description: String,
        groups: Vec<GroupIdentifier>,
        ipv6_addresses: Vec<InstanceIpv6Address>,
        mac_address: String,
        network_interface_id: String,
        owner_id: String,
        private_dns_name: String,
        private_ip_address: String,
        private_ip_addresses: Vec<InstancePrivateIpAddress>,
        source_dest_check: bool,
        status: String,
        subnet_id: String,
        vpc_id: String,
        interface_type: String,
        ipv4_prefixes: Vec<InstanceIpv4Prefix>,
        ipv6_prefixes: Vec<InstanceIpv6Prefix>,
        connection_tracking_configuration: ConnectionTrackingSpecificationResponse,
        operator: OperatorResponse,
    }
    /// EC2's `InstanceNetworkInterfaceAssociation`.
    InstanceNetworkInterfaceAssociation {
        carrier_ip: String,
        customer_owned_ip: String,
        ip_owner_id: String,
        public_dns_name: String,
        public_ip: String,
    }
    /// EC2's `InstanceNetworkInterfaceAttachment`.
    InstanceNetworkInterfaceAttachment {
        attach_time: Time,
        attachment_id: String,
        delete_on_termination: bool,
        device_index: i32,
        status: String,
        network_card_index: i32,
        ena_srd_specification: InstanceAttachmentEnaSrdSpecification,
        ena_queue_count: i32,
    }
    /// EC2's `InstanceAttachmentEnaSrdSpecification`.
    InstanceAttachmentEnaSrdSpecification {
        ena_srd_enabled: bool,
        ena_srd_udp_specification: InstanceAttachmentEnaSrdUdpSpecification,
    }
    /// EC2's `InstanceAttachmentEnaSrdUdpSpecification`.
    InstanceAttachmentEnaSrdUdpSpecification {
        ena_srd_udp_enabled: bool,
    }
    /// A security group, or a group of a launch in EC2-Classic.
    GroupIdentifier {
        group_id: String,
        group_name: String,
    }
    /// EC2's `InstanceIpv6Address`.
    InstanceIpv6Address {
        ipv6_address: String,
        is_primary_ipv6: bool,
    }
    /// EC2's `InstancePrivateIpAddress`.
    InstancePrivateIpAddress {
        association: InstanceNetworkInterfaceAssociation,
        primary: bool,
        private_dns_name: String,
        private_ip_address: String,
    }
    /// EC2's `InstanceIpv4Prefix`.
    InstanceIpv4Prefix {
        ipv4_prefix: String,
    }
    /// EC2's `InstanceIpv6Prefix`.
    InstanceIpv6Prefix {
        ipv6_prefix: String,
    }
    /// EC2's `ConnectionTrackingSpecificationResponse`.
    ConnectionTrackingSpecificationResponse {
        tcp_established_timeout: i32,
        udp_stream_timeout: i32,
        udp_timeout: i32,
    }
    /// EC2's `StateReason`.
    StateReason {
        code: String,
        message: Redacted,
    }
    /// A tag.
    Tag {
        key: String,
        value: String,
    }
    /// EC2's `CpuOptions`.
    CpuOptions {
        core_count: i32,
        threads_per_core: i32,
        amd_sev_snp: String,
        nested_virtualization: String,
    }
    /// EC2's `CapacityReservationSpecificationResponse`.
    CapacityReservationSpecificationResponse {
        capacity_reservation_preference: String,
        capacity_reservation_target: CapacityReservationTargetResponse,
    }
    /// EC2's `CapacityReservationTargetResponse`.
    CapacityReservationTargetResponse {
        capacity_reservation_id: String,
        capacity_reservation_resource_group_arn: String,
    }
    /// EC2's `HibernationOptions`.
    HibernationOptions {
        configured: bool,
    }
    /// EC2's `LicenseConfiguration`.
    LicenseConfiguration {
        license_configuration_arn: String,
    }
    /// EC2's `InstanceMetadataOptionsResponse`.
    InstanceMetadataOptionsResponse {
        state: String,
        http_tokens: String,
        http_put_response_hop_limit: i32,
        http_endpoint: String,
        http_protocol_ipv6: String,
        instance_metadata_tags: String,
    }
    /// EC2's `EnclaveOptions`.
    EnclaveOptions {
        enabled: bool,
    }
    /// EC2's `PrivateDnsNameOptionsResponse`.
    PrivateDnsNameOptionsResponse {
        hostname_type: String,
        enable_resource_name_dns_a_record: bool,
        #[serde(rename = "EnableResourceNameDnsAAAARecord")]
        enable_resource_name_dns_aaaa_record: bool,
    }
    /// EC2's `InstanceMaintenanceOptions`.
    InstanceMaintenanceOptions {
        auto_recovery: String,
        reboot_migration: String,
    }
    /// EC2's `InstanceNetworkPerformanceOptions`.
    InstanceNetworkPerformanceOptions {
        bandwidth_weighting: String,
    }
    /// EC2's `InstanceSecondaryInterface`.
    InstanceSecondaryInterface {
        attachment: InstanceSecondaryInterfaceAttachment,
        mac_address: String,
        secondary_interface_id: String,
        owner_id: String,
        private_ip_addresses: Vec<InstanceSecondaryInterfacePrivateIpAddress>,
        source_dest_check: bool,
        status: String,
        secondary_subnet_id: String,
        secondary_network_id: String,
        interface_type: String,
    }
    /// EC2's `InstanceSecondaryInterfaceAttachment`.
    InstanceSecondaryInterfaceAttachment {
        attach_time: Time,
        attachment_id: String,
        delete_on_termination: bool,
        device_index: i32,
        status: String,
        network_card_index: i32,
    }
    /// EC2's `InstanceSecondaryInterfacePrivateIpAddress`.
    InstanceSecondaryInterfacePrivateIpAddress {
        private_ip_address: String,
    }
    /// The state of the instance.
    InstanceState {
        code: StateCode,
        name: String,
    }
    /// EC2's `ProductCode`.
    ProductCode {
        product_code_id: String,
        product_code_type: String,
    }
    /// Where the instance is.
    Placement {
        availability_zone_id: String,
        affinity: String,
        group_name: String,
        partition_number: i32,
        host_id: String,
        tenancy: String,
        spread_domain: String,
        host_resource_group_arn: String,
        group_id: String,
        availability_zone: String,
    }
    /// Whether CloudWatch gets detailed metrics.
    Monitoring {
        state: String,
    }
}
