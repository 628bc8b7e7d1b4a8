//! The instances of a change, as a caller gives them.

use super::ids::InstanceRef;
use super::instance::Tag;
use super::region::Region;
use std::fmt;

/// The instances of a change of state.
#[derive(Debug)]
pub struct Targets {
    /// Their region.
    pub region: Region,
    /// Which they are.
    pub selection: Selection,
    /// Whether what can be done is done. Otherwise one instance that can't be changed fails the
    /// change, as far as EC2 allows.
    pub partial: bool,
    /// Whether instances that are kept are left out: where schedules and ends stop or terminate.
    pub leave_out_kept: bool,
    /// With `partial` and `leave_out_kept`: whether instances that are terminated, or about to be,
    /// are left out, too: a one-time stop or termination has nothing to do with them.
    pub leave_out_terminated: bool,
}

impl Targets {
    /// All of these instances.
    pub fn all(region: Region, instances: Vec<InstanceRef>) -> Self {
        let selection = Selection::Named(instances);
        Self { region, selection, partial: false, leave_out_kept: false, leave_out_terminated: false }
    }
}

/// Which instances a change is about.
#[derive(Debug)]
pub enum Selection {
    /// These; at least one.
    Named(Vec<InstanceRef>),
    /// Those with certain tags.
    Tagged(Tagged),
}

/// The instances that have all of these tags, that the caller can see, and to which the change
/// applies.
#[derive(Debug)]
pub struct Tagged {
    /// The tags; at least one, each key once.
    pub tags: Vec<Tag>,
    /// How many instances the caller expects. With another number, nothing happens.
    pub expect: Option<Expected>,
}

/// How many instances a caller expects by tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// This number.
    Exactly(u32),
    /// This number or fewer: an action of a schedule that is repeated finds those that are left.
    AtMost(u32),
}

impl Expected {
    /// Whether this is the number of instances that were found.
    pub fn is(self, found: usize) -> bool {
        match self {
            Self::Exactly(number) => found == number as usize,
            Self::AtMost(number) => found <= number as usize,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(number) => write!(f, "{number}"),
            Self::AtMost(number) => write!(f, "at most {number}"),
        }
    }
}

/// The greatest number of instances that one request changes by tag: EC2's limit on the IDs of one
/// call.
pub const MAX_TAGGED: usize = 1000;
