//! Instances and errors as boto3 and Flask write them, for the dialects that share this form.

use super::common::{sample_state, sample_time};
pub(super) use crate::aws::instance_details::Instance as Boto3Instance;
use crate::error::Error;
use crate::http::columns::SecurityGroupCell;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::schema::{SchemaFn, without_null};
use crate::model::{AwsMessage, Reservation, State, StateChange, isoformat};
use crate::operations::permissions::Permissions;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Value, json};
use serde_with::skip_serializing_none;
use std::collections::BTreeMap;

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

/// One item: the bare object. Several: an array.
pub(super) fn one_or_array<T: Serialize>(items: Vec<T>) -> Reply {
    match items.as_slice() {
        [item] => Reply::json(200, item),
        items => Reply::json(200, &items),
    }
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
    groups: Vec<SecurityGroupCell<'a>>,
    #[schemars(with = "Vec<Boto3Instance>")]
    instances: Vec<Option<&'a Value>>,
}

impl<'a> From<&'a Reservation> for Boto3Reservation<'a> {
    fn from(reservation: &'a Reservation) -> Self {
        Self {
            reservation_id: reservation.reservation_id.as_deref(),
            owner_id: reservation.owner_id.as_deref(),
            requester_id: reservation.requester_id.as_deref(),
            groups: reservation.groups.iter().map(SecurityGroupCell::from).collect(),
            instances: reservation.instances.iter().map(|instance| instance.details.as_ref()).collect(),
        }
    }
}

/// The instance of examples with all that EC2 answers.
pub(super) fn sample_boto3_instance() -> Value {
    json!({
        "InstanceId": SAMPLE_ID.instance_id,
        "ImageId": "ami-0123456789abcdef0",
        "InstanceType": "t3.micro",
        "KeyName": "demo",
        "LaunchTime": sample_time().map(isoformat),
        "State": {"Code": 16, "Name": "running"},
        "StateTransitionReason": "",
        "Placement": {"AvailabilityZone": "us-east-1b", "GroupName": "", "Tenancy": "default"},
        "PrivateDnsName": "ip-10-0-1-23.ec2.internal",
        "PrivateIpAddress": "10.0.1.23",
        "PublicDnsName": "ec2-203-0-113-25.compute-1.amazonaws.com",
        "PublicIpAddress": "203.0.113.25",
        "SubnetId": "subnet-0123456789abcdef0",
        "VpcId": "vpc-0123456789abcdef0",
        "SecurityGroups": [{"GroupId": "sg-0123456789abcdef0", "GroupName": "web"}],
        "BlockDeviceMappings": [{
            "DeviceName": "/dev/sda1",
            "Ebs": {
                "AttachTime": sample_time().map(isoformat), "DeleteOnTermination": true,
                "Status": "attached", "VolumeId": "vol-0123456789abcdef0",
            },
        }],
        "NetworkInterfaces": [{
            "NetworkInterfaceId": "eni-0123456789abcdef0", "Status": "in-use", "PrivateIpAddress": "10.0.1.23",
            "Association": {"PublicIp": "203.0.113.25"},
            "Attachment": {"DeviceIndex": 0, "Status": "attached", "DeleteOnTermination": true},
        }],
        "MetadataOptions": {"State": "applied", "HttpTokens": "required", "HttpEndpoint": "enabled"},
        "Monitoring": {"State": "disabled"},
        "Tags": [{"Key": "team", "Value": "blue"}],
    })
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
        state_reason: None,
    }))
}

/// How the state of an instance has changed.
#[skip_serializing_none]
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "StateChange", transform = without_null)]
pub(super) struct Boto3Change<'a> {
    instance_id: &'a str,
    current_state: Boto3State<'a>,
    previous_state: Boto3State<'a>,
    /// Why the instance does not reach the state that the caller waits for.
    state_reason: Option<Boto3StateReason<'a>>,
}

/// Why an instance is in its state, as EC2 says it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "StateReason")]
struct Boto3StateReason<'a> {
    code: Option<&'a str>,
    message: Option<&'a str>,
}

impl<'a> From<&'a StateChange> for Boto3Change<'a> {
    fn from(change: &'a StateChange) -> Self {
        Self {
            instance_id: &change.instance_id,
            current_state: Boto3State::from(&change.current),
            previous_state: Boto3State::from(&change.previous),
            state_reason: change.state_reason.as_ref().map(|reason| Boto3StateReason {
                code: reason.code.as_deref(),
                message: reason.message.as_ref().map(AwsMessage::as_str),
            }),
        }
    }
}

/// An instance that was not changed, where others were.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "FailedInstance")]
pub(super) struct Boto3Failure<'a> {
    /// Its ID; the name that was given, if that stands for no instance.
    instance_id: &'a str,
    error: Boto3FailureReason<'a>,
}

/// Why an instance was not changed.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "FailureReason")]
struct Boto3FailureReason<'a> {
    /// A code for programs: AWS's own, or one of this function in the same style.
    code: &'a str,
    /// A sentence for people.
    message: &'a str,
}

impl<'a> Boto3Failure<'a> {
    pub(super) fn new(instance_id: &'a str, error: &'a Error) -> Self {
        Self { instance_id, error: Boto3FailureReason { code: &error.code, message: &error.message } }
    }
}

/// The failure of all examples.
pub(super) fn sample_failure() -> Value {
    let message = "The instance 'i-0fedcba9876543210' is not in a state from which it can be stopped.";
    json!(Boto3Failure {
        instance_id: "i-0fedcba9876543210",
        error: Boto3FailureReason { code: "IncorrectInstanceState", message },
    })
}

/// An instance that a dry run would change, where it would not change others.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "DryRunInstance")]
pub(super) struct Boto3DryRun<'a> {
    pub(super) instance_id: &'a str,
    /// Always true.
    pub(super) dry_run: bool,
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

// ----------------------------------------------------------------------------------------- tests

#[cfg(test)]
mod tests {
    use super::*;

    fn body(reply: &Reply) -> String {
        String::from_utf8(reply.body.to_vec()).unwrap()
    }

    #[test]
    fn one_item_is_a_bare_object_and_several_are_an_array() {
        assert_eq!(body(&one_or_array(vec![7])), "7");
        assert_eq!(body(&one_or_array(vec![7, 8])), "[7,8]");
        assert_eq!(body(&one_or_array(Vec::<u8>::new())), "[]");
    }
}
