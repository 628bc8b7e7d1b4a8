//! Instances and errors as boto3 and Flask write them, for the dialects that share this form.

use super::common::{format_utc, sample_state};
use crate::error::Error;
use crate::http::columns::SecurityGroupCell;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::schema::{SchemaFn, without_null};
use crate::model::{Instance, Reservation, State, StateChange, Tag};
use crate::operations::permissions::Permissions;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Value, json};
use serde_with::skip_serializing_none;
use std::collections::BTreeMap;
use time::OffsetDateTime;
use time::macros::format_description;

/// Encodes an error: `{"Message", "Error"}`, with the common statuses.
pub fn encode_error(error: &Error, status: u16, _route: Option<&Route>) -> Reply {
    Reply::json(status, &ErrorBody { message: &error.message, error: &error.code })
}

/// The schema of that body.
pub const ERROR_BODY: SchemaFn = SchemaGenerator::subschema_for::<ErrorBody<'_>>;

/// An error.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "Error")]
struct ErrorBody<'a> {
    /// A sentence for people.
    message: &'a str,
    /// A code for programs: AWS's own, or one of this function in the same style.
    error: &'a str,
}

/// A reservation as boto3's `describe_instances` has it.
#[skip_serializing_none]
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "Reservation", transform = without_null)]
pub(super) struct Boto3Reservation<'a> {
    reservation_id: Option<&'a str>,
    owner_id: Option<&'a str>,
    requester_id: Option<&'a str>,
    instances: Vec<Boto3Instance<'a>>,
}

impl<'a> From<&'a Reservation> for Boto3Reservation<'a> {
    fn from(reservation: &'a Reservation) -> Self {
        Self {
            reservation_id: reservation.reservation_id.as_deref(),
            owner_id: reservation.owner_id.as_deref(),
            requester_id: reservation.requester_id.as_deref(),
            instances: reservation.instances.iter().map(Boto3Instance::from).collect(),
        }
    }
}

/// An instance as boto3 describes it. What EC2 leaves out is left out, except for the names that boto3
/// has as empty texts
/// (<https://boto3.amazonaws.com/v1/documentation/api/latest/reference/services/ec2/client/describe_instances.html>).
#[skip_serializing_none]
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "Instance", transform = without_null)]
pub(super) struct Boto3Instance<'a> {
    instance_id: &'a str,
    image_id: Option<&'a str>,
    instance_type: Option<&'a str>,
    key_name: Option<&'a str>,
    #[schemars(extend("format" = "date-time"))]
    launch_time: Option<String>,
    ami_launch_index: Option<i32>,
    architecture: Option<&'a str>,
    client_token: Option<&'a str>,
    ebs_optimized: Option<bool>,
    ena_support: Option<bool>,
    hypervisor: Option<&'a str>,
    monitoring: Option<Boto3Monitoring<'a>>,
    placement: Boto3Placement<'a>,
    platform: Option<&'a str>,
    private_dns_name: &'a str,
    private_ip_address: Option<&'a str>,
    public_dns_name: &'a str,
    public_ip_address: Option<&'a str>,
    root_device_name: Option<&'a str>,
    root_device_type: Option<&'a str>,
    security_groups: Vec<SecurityGroupCell<'a>>,
    source_dest_check: Option<bool>,
    state: Boto3State<'a>,
    state_transition_reason: &'a str,
    subnet_id: Option<&'a str>,
    tags: Vec<Boto3Tag<'a>>,
    virtualization_type: Option<&'a str>,
    vpc_id: Option<&'a str>,
}

impl<'a> From<&'a Instance> for Boto3Instance<'a> {
    fn from(instance: &'a Instance) -> Self {
        Self {
            instance_id: &instance.instance_id,
            image_id: instance.image_id.as_deref(),
            instance_type: instance.instance_type.as_deref(),
            key_name: instance.key_name.as_deref(),
            launch_time: instance.launch_time.map(rfc3339),
            ami_launch_index: instance.ami_launch_index,
            architecture: instance.architecture.as_deref(),
            client_token: instance.client_token.as_deref(),
            ebs_optimized: instance.ebs_optimized,
            ena_support: instance.ena_support,
            hypervisor: instance.hypervisor.as_deref(),
            monitoring: instance.monitoring.as_deref().map(|state| Boto3Monitoring { state }),
            placement: Boto3Placement {
                availability_zone: instance.availability_zone.as_deref(),
                group_name: instance.placement_group.as_deref().unwrap_or_default(),
                tenancy: instance.tenancy.as_deref(),
            },
            platform: instance.platform.as_deref(),
            private_dns_name: instance.private_dns_name.as_deref().unwrap_or_default(),
            private_ip_address: instance.private_ip_address.as_deref(),
            public_dns_name: instance.public_dns_name.as_deref().unwrap_or_default(),
            public_ip_address: instance.public_ip_address.as_deref(),
            root_device_name: instance.root_device_name.as_deref(),
            root_device_type: instance.root_device_type.as_deref(),
            security_groups: instance.security_groups.iter().map(SecurityGroupCell::from).collect(),
            source_dest_check: instance.source_dest_check,
            state: Boto3State::from(&instance.state),
            state_transition_reason: instance.state_transition_reason.as_deref().unwrap_or_default(),
            subnet_id: instance.subnet_id.as_deref(),
            tags: instance.tags.iter().map(|Tag { key, value }| Boto3Tag { key, value }).collect(),
            virtualization_type: instance.virtualization_type.as_deref(),
            vpc_id: instance.vpc_id.as_deref(),
        }
    }
}

/// Whether CloudWatch gets detailed metrics.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "Monitoring")]
pub(super) struct Boto3Monitoring<'a> {
    state: &'a str,
}

/// Where the instance is.
#[skip_serializing_none]
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "Placement", transform = without_null)]
pub(super) struct Boto3Placement<'a> {
    availability_zone: Option<&'a str>,
    group_name: &'a str,
    tenancy: Option<&'a str>,
}

/// A tag.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "Tag")]
pub(super) struct Boto3Tag<'a> {
    key: &'a str,
    value: &'a str,
}

/// An instance's state.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "State")]
pub(super) struct Boto3State<'a> {
    code: Option<u8>,
    name: Option<&'a str>,
}

impl<'a> From<&'a State> for Boto3State<'a> {
    fn from(state: &'a State) -> Self {
        Self { code: state.code, name: state.name.as_deref() }
    }
}

/// An instance's ID.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "RebootedInstance")]
pub(super) struct Boto3Id<'a> {
    pub(super) instance_id: &'a str,
}

/// The instance ID of all examples.
pub(super) const SAMPLE_ID: Boto3Id<'_> = Boto3Id { instance_id: "i-0123456789abcdef0" };

/// The state change of all examples.
pub(super) fn sample_state_change() -> Value {
    json!(Boto3Change::from(&StateChange {
        instance_id: SAMPLE_ID.instance_id.to_owned(),
        current: sample_state(64, "stopping"),
        previous: sample_state(16, "running"),
    }))
}

/// How the state of an instance has changed.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "StateChange")]
pub(super) struct Boto3Change<'a> {
    instance_id: &'a str,
    current_state: Boto3State<'a>,
    previous_state: Boto3State<'a>,
}

impl<'a> From<&'a StateChange> for Boto3Change<'a> {
    fn from(change: &'a StateChange) -> Self {
        Self {
            instance_id: &change.instance_id,
            current_state: Boto3State::from(&change.current),
            previous_state: Boto3State::from(&change.previous),
        }
    }
}

/// The permissions of the caller on an instance, by limits and policies.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Permissions")]
pub(super) struct Boto3Permissions<'a> {
    /// The instance.
    pub(super) id: &'a str,
    /// The actions that are permitted.
    pub(super) permitted: &'a [&'static str],
    /// The others, each with the reason.
    pub(super) refused: BTreeMap<&'a str, &'a str>,
}

impl<'a> From<&'a Permissions> for Boto3Permissions<'a> {
    fn from(permissions: &'a Permissions) -> Self {
        let refused = permissions.refused.iter().map(|(action, reason)| (*action, reason.as_str())).collect();
        Self { id: &permissions.instance_id, permitted: &permissions.permitted, refused }
    }
}

/// RFC 3339 in UTC, with the offset that boto3's `isoformat()` writes. EC2's launch times have no
/// fractions of a second.
pub(super) fn rfc3339(time: OffsetDateTime) -> String {
    format_utc(time, format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]+00:00"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::UtcOffset;

    #[test]
    fn a_launch_time_is_that_of_boto3s_isoformat() {
        let time = OffsetDateTime::from_unix_timestamp(1_455_645_849).unwrap();
        assert_eq!(rfc3339(time), "2016-02-16T18:04:09+00:00");
        assert_eq!(rfc3339(time.to_offset(UtcOffset::from_hms(2, 0, 0).unwrap())), "2016-02-16T18:04:09+00:00");
    }
}
