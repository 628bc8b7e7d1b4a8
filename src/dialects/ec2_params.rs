//! The parameters of `/ec2`.

use super::columns::{MEMBERS, Member};
use super::common::{MAX_INSTANCES, PageToken};
use crate::http::param::{Param, Tags};
use crate::model::{FromText, InstanceRef, MAX_FILTER_VALUES, MAX_TAG_VALUE_LEN, Region, State};
use crate::operations::paging::INSTANCE_PAGE_SIZES;

pub(super) const REGION_NAME: Param<Region> = Param::required("region_name", "The region, such as us-east-1.");
pub(super) const REGION_NAME_OR_ALL: Param<RegionOrAll> = Param::required(
    "region_name",
    "The region, such as us-east-1, or all for every region that the deployment allows.",
);
pub(super) const INSTANCE_NAMES: &[&str] = &["InstanceId", "instance_ids", "InstanceIds"];
pub(super) const INSTANCE_ID: Param<Vec<InstanceRef>> = Param::optional(
    "instance_id",
    "The instance's ID, or its name if no other has it; or several: comma-separated, repeated, or a JSON array. One call for all. Required without tag:KEY.",
)
.aliases(INSTANCE_NAMES)
.max_items(MAX_INSTANCES as usize);
pub(super) const INSTANCE_TAG: Param<Tags> = Param::optional(
    "tag:KEY",
    "Instead of instance_id: all instances whose tag KEY has exactly this value and to which the change applies, up to 1,000. Several: all must hold.",
)
.max_len(MAX_TAG_VALUE_LEN);
pub(super) const PARTIAL: Param<bool> = Param::optional(
    "partial",
    "true to change the instances that can be changed: the others stand in the array with their errors (207).",
)
.aliases(&["Partial"]);
pub(super) const EXPECT: Param<u32> =
    Param::optional("expect", "With tag:KEY: how many instances are meant. With another number nothing happens (409).")
        .range((0, MAX_INSTANCES))
        .example("2");
pub(super) const EXPECT_TO_TERMINATE: Param<u32> = Param::optional(
    "expect",
    "How many instances are meant; required with tag:KEY. With another number nothing happens (409).",
)
.range((0, MAX_INSTANCES))
.example("2");
pub(super) const INSTANCE_IDS: Param<Vec<InstanceRef>> =
    Param::required("instance_id", "The instances, by ID or name, up to 200.")
        .aliases(INSTANCE_NAMES)
        .max_items(MAX_FILTER_VALUES);
pub(super) const INSTANCE_ID_FILTER: Param<Vec<InstanceRef>> =
    Param::optional("instance_id", "Only these instances, by ID or name, up to 200.")
        .aliases(INSTANCE_NAMES)
        .max_items(MAX_FILTER_VALUES);
pub(super) const STATE: Param<Vec<StateName>> = Param::optional(
    "state",
    "Only instances in one of these states: pending, running, shutting-down, terminated, stopping, stopped.",
)
.max_items(State::NAMES.len());
pub(super) const TAG: Param<Tags> = Param::optional(
    "tag:KEY",
    "Only instances whose tag KEY has this value; repeated: one of these values. EC2's wildcards * and ? work.",
);
pub(super) const FIELDS: Param<Vec<Member>> =
    Param::optional("fields", "The members of each row, instead of the nine, in this order.").max_items(MEMBERS.len());
pub(super) const MAX_RESULTS: Param<u32> =
    Param::optional("max_results", "One page of at most this many, 5 to 1000, instead of all that fits.")
        .range(INSTANCE_PAGE_SIZES)
        .example("100");
pub(super) const NEXT_TOKEN: Param<PageToken> =
    Param::optional("next_token", "Go on where an earlier answer's header x-next-token says.");

/// A region, or all that the deployment allows.
#[derive(Debug)]
pub(super) enum RegionOrAll {
    One(Region),
    All,
}

impl FromText for RegionOrAll {
    const PATTERN: &'static str = "^(all|[a-z]{2,4}(-[a-z]{1,12}){1,2}-[0-9]{1,2})$";
    const EXPECTED: &'static str = Region::EXPECTED;
    const EXAMPLE: &'static str = Region::EXAMPLE;

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "all" => Some(Self::All),
            region => Region::parse(region).map(Self::One),
        }
    }
}

/// The name of a state.
pub(super) struct StateName(pub(super) String);

impl FromText for StateName {
    const PATTERN: &'static str = "";
    const EXPECTED: &'static str = "";
    const EXAMPLE: &'static str = "running";
    const VALUES: &'static [&'static str] = &State::NAMES;

    fn from_text(text: &str) -> Option<Self> {
        Self::VALUES.contains(&text).then(|| Self(text.to_owned()))
    }
}
