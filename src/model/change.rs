//! Changes of instances: of their state and of their attributes.

use super::ids::{InstanceType, SecurityGroupId};
use super::instance::State;
use super::launch::{ShutdownBehavior, UserData};

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

/// How the state of one instance has changed.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are EC2's")]
pub struct StateChange {
    pub instance_id: String,
    pub current: State,
    pub previous: State,
}
