//! Instances as EC2 describes them.

use super::message::AwsMessage;
use serde_json::Value;
use time::OffsetDateTime;

/// The instances of one launch.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are EC2's")]
pub struct Reservation {
    pub reservation_id: Option<String>,
    pub owner_id: Option<String>,
    pub requester_id: Option<String>,
    pub groups: Vec<SecurityGroup>,
    pub instances: Vec<Instance>,
}

impl Reservation {
    /// Whether this and another are parts of one reservation.
    pub fn is_part_of(&self, other: &Self) -> bool {
        self.reservation_id.is_some() && self.reservation_id == other.reservation_id
    }
}

/// An instance as EC2 describes it: the members that this function itself reads. A member that EC2
/// leaves out is `None`; an empty one is empty.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are EC2's")]
pub struct Instance {
    pub instance_id: String,
    pub image_id: Option<String>,
    pub instance_type: Option<String>,
    pub key_name: Option<String>,
    pub launch_time: Option<OffsetDateTime>,
    pub availability_zone: Option<String>,
    pub placement_group: Option<String>,
    pub platform: Option<String>,
    pub private_dns_name: Option<String>,
    pub private_ip_address: Option<String>,
    pub public_dns_name: Option<String>,
    pub public_ip_address: Option<String>,
    pub state: State,
    pub state_reason: Option<StateReason>,
    /// The idempotency token of its launch.
    pub client_token: Option<String>,
    /// `spot`, `scheduled` or `capacity-block`; `None` is on demand.
    pub lifecycle: Option<String>,
    /// The AWS service that manages the instance.
    pub operator: Option<String>,
    /// Whether it was launched with hibernation.
    pub can_hibernate: bool,
    pub ipv6_addresses: Vec<String>,
    pub subnet_id: Option<String>,
    pub vpc_id: Option<String>,
    pub architecture: Option<String>,
    pub security_groups: Vec<SecurityGroup>,
    pub tags: Vec<Tag>,
    /// All that EC2 answers, members that are not above included, as a JSON object with boto3's
    /// names; only where the query asks for it ([`super::InstanceQuery::details`]).
    pub details: Option<Value>,
}

impl Instance {
    /// The value of its tag `Name`.
    pub fn name(&self) -> Option<&str> {
        let tag = self.tags.iter().find(|tag| tag.key == "Name")?;
        Some(tag.value.as_str())
    }
}

/// The text; `None` if EC2 leaves it out or leaves it empty.
pub fn non_empty(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

/// A security group that an instance has.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are EC2's")]
pub struct SecurityGroup {
    pub group_id: Option<String>,
    pub group_name: Option<String>,
}

/// EC2's limit on a tag's value, in characters:
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>.
pub const MAX_TAG_VALUE_LEN: usize = 256;

/// A tag.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are EC2's")]
pub struct Tag {
    pub key: String,
    pub value: String,
}

/// An instance's state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The low byte of EC2's code: 0, 16, 32, 48, 64 or 80. The high byte is internal to EC2
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html>).
    pub code: Option<u8>,
    /// `pending`, `running`, `shutting-down`, `terminated`, `stopping` or `stopped`.
    pub name: Option<String>,
}

impl State {
    /// The names of all states, in the order of their codes.
    pub const NAMES: [&str; 6] = ["pending", "running", "shutting-down", "terminated", "stopping", "stopped"];

    /// Whether the instance is terminated, or about to be.
    pub fn has_ended(&self) -> bool {
        ["shutting-down", "terminated"].contains(&self.name.as_deref().unwrap_or_default())
    }
}

/// Why an instance is in its state
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html>).
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are EC2's")]
pub struct StateReason {
    pub code: Option<String>,
    pub message: Option<AwsMessage>,
}
