//! What goes to EC2 and what comes back.

use super::{ImageId, InstanceId, InstanceType, SecurityGroupId, Zone};
use time::OffsetDateTime;

/// A launch: the arguments of
/// [RunInstances](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html).
#[derive(Clone, Debug, PartialEq)]
pub struct Launch {
    /// The image, or the parameter that names it.
    pub image_id: ImageId,
    /// The type of every instance.
    pub instance_type: InstanceType,
    /// EC2 launches this many or none.
    pub min_count: u32,
    /// EC2 launches as many as it can up to this.
    pub max_count: u32,
    /// The SSH key pair.
    pub key_name: Option<String>,
    /// Security groups by ID.
    pub security_group_ids: Vec<SecurityGroupId>,
    /// Security groups of the default VPC by name.
    pub security_groups: Vec<String>,
    /// What the instance reads at its first boot, as it is: EC2 gets it base64-encoded.
    pub user_data: Option<Vec<u8>>,
    /// Where.
    pub placement: Placement,
    /// What a shutdown from inside the instance does.
    pub shutdown_behavior: Option<ShutdownBehavior>,
    /// Dedicated throughput to EBS.
    pub ebs_optimized: Option<bool>,
    /// The tags of the instances and their volumes.
    pub tags: Vec<Tag>,
}

/// Where an instance is, or is to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Placement {
    /// The zone to launch in. An instance's own zone is text: EC2 may name zones that we would not accept.
    pub zone: Option<Zone>,
    /// The placement group.
    pub group_name: Option<String>,
}

/// What a shutdown from inside the instance does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ShutdownBehavior {
    Stop,
    Terminate,
}

impl ShutdownBehavior {
    /// Every value, in EC2's words.
    pub const NAMES: [&str; 2] = ["stop", "terminate"];

    /// Reads EC2's word for it.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "stop" => Some(Self::Stop),
            "terminate" => Some(Self::Terminate),
            _ => None,
        }
    }

    /// EC2's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Terminate => "terminate",
        }
    }
}

/// A change of an instance's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Change {
    Start,
    Stop { force: bool },
    Reboot,
    Terminate { force: bool },
}

/// An attribute of an instance with its new value: what
/// [ModifyInstanceAttribute](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html) takes.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are EC2's")]
pub enum Attribute {
    InstanceType(InstanceType),
    Kernel(String),
    Ramdisk(String),
    UserData(Vec<u8>),
    DisableApiTermination(bool),
    DisableApiStop(bool),
    InstanceInitiatedShutdownBehavior(ShutdownBehavior),
    SourceDestCheck(bool),
    GroupSet(Vec<SecurityGroupId>),
    EbsOptimized(bool),
    SriovNetSupport(String),
    EnaSupport(bool),
}

impl Attribute {
    /// Its name, as EC2 spells it in an
    /// [InstanceAttribute](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceAttribute.html).
    pub fn name(&self) -> &'static str {
        match self {
            Self::InstanceType(_) => "instanceType",
            Self::Kernel(_) => "kernel",
            Self::Ramdisk(_) => "ramdisk",
            Self::UserData(_) => "userData",
            Self::DisableApiTermination(_) => "disableApiTermination",
            Self::DisableApiStop(_) => "disableApiStop",
            Self::InstanceInitiatedShutdownBehavior(_) => "instanceInitiatedShutdownBehavior",
            Self::SourceDestCheck(_) => "sourceDestCheck",
            Self::GroupSet(_) => "groupSet",
            Self::EbsOptimized(_) => "ebsOptimized",
            Self::SriovNetSupport(_) => "sriovNetSupport",
            Self::EnaSupport(_) => "enaSupport",
        }
    }
}

/// Which instances to describe.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// These, or an error when one of them does not exist. Not together with [`Query::max_results`].
    pub instance_ids: Vec<InstanceId>,
    /// Those that match every filter.
    pub filters: Vec<Filter>,
    /// The largest page to answer with; EC2 takes 5 to 1,000.
    pub max_results: Option<u32>,
    /// Where an earlier page ended.
    pub next_token: Option<String>,
}

/// One filter of
/// [DescribeInstances](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html): the value named
/// `name` is one of `values`.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are EC2's")]
pub struct Filter {
    pub name: String,
    pub values: Vec<String>,
}

impl Filter {
    /// A filter for exactly these values: `*`, `?` and backslashes in them are those characters and nothing else
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html#advanced-filtering>).
    pub fn exactly<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Self {
        let escaped = |value: &str| {
            let mut text = String::with_capacity(value.len());
            for c in value.chars() {
                if matches!(c, '*' | '?' | '\\') {
                    text.push('\\');
                }
                text.push(c);
            }
            text
        };
        Self { name: name.to_owned(), values: values.into_iter().map(escaped).collect() }
    }
}

/// EC2 takes at most this many values in all filters of a call together.
pub const MOST_FILTER_VALUES: usize = 200;

/// A page of a description, and where the next begins.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Page {
    pub reservations: Vec<Reservation>,
    pub next_token: Option<String>,
}

/// The instances of one launch.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are EC2's")]
pub struct Reservation {
    pub reservation_id: Option<String>,
    pub owner_id: Option<String>,
    pub requester_id: Option<String>,
    pub instances: Vec<Instance>,
}

/// An instance as EC2 describes it. What EC2 leaves out, or leaves empty, is `None`.
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
    pub tenancy: Option<String>,
    pub monitoring: Option<String>,
    pub platform: Option<String>,
    pub private_dns_name: Option<String>,
    pub private_ip_address: Option<String>,
    pub public_dns_name: Option<String>,
    pub public_ip_address: Option<String>,
    pub state: State,
    pub state_transition_reason: Option<String>,
    pub subnet_id: Option<String>,
    pub vpc_id: Option<String>,
    pub architecture: Option<String>,
    pub ami_launch_index: Option<i32>,
    pub client_token: Option<String>,
    pub ebs_optimized: Option<bool>,
    pub ena_support: Option<bool>,
    pub hypervisor: Option<String>,
    pub root_device_name: Option<String>,
    pub root_device_type: Option<String>,
    pub security_groups: Vec<SecurityGroup>,
    pub source_dest_check: Option<bool>,
    pub tags: Vec<Tag>,
    pub virtualization_type: Option<String>,
}

impl Instance {
    /// What people call it: its tag `Name`.
    pub fn name(&self) -> Option<&str> {
        let tag = self.tags.iter().find(|tag| tag.key == "Name")?;
        Some(tag.value.as_str())
    }
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
pub const LONGEST_TAG_VALUE: usize = 256;

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
    /// The low byte of EC2's code: 0, 16, 32, 48, 64 or 80. The high byte is EC2's own business
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html>).
    pub code: Option<u8>,
    /// `pending`, `running`, `shutting-down`, `terminated`, `stopping` or `stopped`.
    pub name: Option<String>,
}

impl State {
    /// The names of all states, in the order of their codes.
    pub const NAMES: [&str; 6] = ["pending", "running", "shutting-down", "terminated", "stopping", "stopped"];
}

/// What a change of state did to one instance.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are EC2's")]
pub struct StateChange {
    pub instance_id: String,
    pub current: State,
    pub previous: State,
}
