//! Changes of instances: of their state and of their attributes.

use super::ids::{InstanceType, SecurityGroupId};
use super::instance::{State, StateReason};
use super::launch_values::{ShutdownBehavior, UserData};
use super::text::FromText;

/// An attribute of an instance with its new value, as
/// [ModifyInstanceAttribute](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html)
/// takes it.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are EC2's")]
pub enum Attribute {
    InstanceType(InstanceType),
    Kernel(String),
    Ramdisk(String),
    UserData(UserData),
    DisableApiTermination(bool),
    DisableApiStop(bool),
    InstanceInitiatedShutdownBehavior(ShutdownBehavior),
    SourceDestCheck(bool),
    GroupSet(Vec<SecurityGroupId>),
    EbsOptimized(bool),
    SriovNetSupport(String),
    EnaSupport(bool),
    BlockDeviceMapping(Vec<DeleteOnTermination>),
}

/// Whether the volume of a device is deleted with the instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteOnTermination {
    /// The device's name, such as `/dev/sda1`.
    pub device_name: String,
    /// Whether its volume is deleted.
    pub delete: bool,
}

impl FromText for DeleteOnTermination {
    const PATTERN: &'static str = "";
    const EXPECTED: &'static str = "a device with =true or =false (delete on termination), such as /dev/sda1=false";
    const EXAMPLE: &'static str = "/dev/sda1=false";

    /// boto's form. A device alone means true, as in boto.
    fn from_text(text: &str) -> Option<Self> {
        let (device_name, delete) = match text.split_once('=') {
            None => (text, true),
            Some((device_name, "true")) => (device_name, true),
            Some((device_name, "false")) => (device_name, false),
            Some(_) => return None,
        };
        (!device_name.is_empty()).then(|| Self { device_name: device_name.to_owned(), delete })
    }
}

impl Attribute {
    /// The names of all attributes.
    pub const NAMES: [&'static str; 13] = [
        "instanceType",
        "kernel",
        "ramdisk",
        "userData",
        "disableApiTermination",
        "disableApiStop",
        "instanceInitiatedShutdownBehavior",
        "sourceDestCheck",
        "groupSet",
        "ebsOptimized",
        "sriovNetSupport",
        "enaSupport",
        "blockDeviceMapping",
    ];

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
            Self::BlockDeviceMapping(_) => "blockDeviceMapping",
        }
    }

    /// Its new value as one text: items of a list are sorted, and joined by commas. User data has
    /// none: it may hold secrets.
    pub fn value(&self) -> Option<String> {
        let joined = |mut items: Vec<String>| {
            items.sort_unstable();
            items.join(",")
        };
        match self {
            Self::UserData(_) => None,
            Self::InstanceType(value) => Some(value.to_string()),
            Self::Kernel(value) | Self::Ramdisk(value) | Self::SriovNetSupport(value) => Some(value.clone()),
            Self::DisableApiTermination(value)
            | Self::DisableApiStop(value)
            | Self::SourceDestCheck(value)
            | Self::EbsOptimized(value)
            | Self::EnaSupport(value) => Some(value.to_string()),
            Self::InstanceInitiatedShutdownBehavior(value) => Some(value.as_str().to_owned()),
            Self::GroupSet(ids) => Some(joined(ids.iter().map(|id| id.as_str().to_owned()).collect())),
            Self::BlockDeviceMapping(devices) => {
                let text = |device: &DeleteOnTermination| format!("{}={}", device.device_name, device.delete);
                Some(joined(devices.iter().map(text).collect()))
            }
        }
    }
}

/// How instances are shut down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shutdown {
    /// EC2 goes on without a clean shutdown.
    pub force: bool,
    /// The memory is saved, and restored at the next start.
    pub hibernate: bool,
    /// The operating system is not asked to shut down.
    pub skip_os_shutdown: bool,
}

/// Whether instances hibernate when they are stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hibernation {
    /// They do not.
    #[default]
    Never,
    /// They do; EC2 refuses the stop if one of them can't.
    Always,
    /// Those that can; the others are stopped.
    Prefer,
}

/// How the state of one instance has changed.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are EC2's")]
pub struct StateChange {
    pub instance_id: String,
    pub current: State,
    pub previous: State,
    /// Why the instance does not reach the state that the change leads to. Only a caller who waits
    /// learns of it.
    pub state_reason: Option<StateReason>,
}
