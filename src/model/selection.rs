//! The instances of a change, as a caller gives them.

use super::ids::InstanceRef;
use super::instance::Tag;

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
    /// How many instances the caller expects. With any other number, nothing happens.
    pub expect: Option<u32>,
}

/// The greatest number of instances that one request changes by tag: EC2's limit on the IDs of one
/// call.
pub const MAX_TAGGED: usize = 1000;
