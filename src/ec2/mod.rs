//! EC2 in this project's own words: identifiers that are valid by construction, what goes in and what comes out.
//!
//! Nothing here knows HTTP, and nothing here knows the SDK: [`aws`] is the only file that does.

pub mod aws;
pub mod errors;
mod ids;
mod types;

pub use ids::{
    ImageId, InstanceId, InstanceName, InstanceRef, InstanceType, Partition, Region, SecurityGroupId, Zone, resource_id,
};
pub use types::{
    Attribute, Change, Filter, Instance, LONGEST_TAG_VALUE, Launch, MOST_FILTER_VALUES, Page, Placement, Query,
    Reservation, SecurityGroup, ShutdownBehavior, State, StateChange, Tag,
};
