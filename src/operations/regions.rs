//! The regions that the deployment allows, and how many instances there are in each of them.

use super::paging::{
    DESCRIBE_INSTANCES, FanOut, Fit, InstancePages, PageSink, deadline_with_margin, fill, in_region, too_many_to_count,
};
use super::{ALL_REGIONS, Completed, Context, Operation, Outcome, Target, within};
use crate::authz::{Authorizer, Resource};
use crate::error::Error;
use crate::model::{Action, InstanceQuery, Region, Reservation};
use futures_util::future::join_all;
use std::collections::BTreeMap;
use tokio::time::Instant;

/// Counts the instances of each region that the caller can see. The regions are asked in parallel.
#[derive(Debug)]
pub struct CountInstances;

/// The number of instances in each state in a region, or why they could not be counted.
#[derive(Debug)]
pub struct RegionInstances {
    /// The region.
    pub region: Region,
    /// The number of instances, by the name of their state.
    pub by_state: Result<BTreeMap<String, usize>, Error>,
}

impl Operation for CountInstances {
    const ACTION: Action = Action { iam: &["ec2:DescribeRegions", "ec2:DescribeInstances"], ..DESCRIBE_INSTANCES };
    type Output = Vec<RegionInstances>;

    fn target(&self) -> Target {
        Target { region: Some(ALL_REGIONS.to_owned()), ..Target::default() }
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let authorizer = cx.authorizer(Self::ACTION, &cx.config.regions.default);
        let regions = allowed_regions(cx, &authorizer).await?;
        let fan_out = FanOut::new();
        let deadline = deadline_with_margin(cx.deadline);
        let counts = regions.into_iter().map(async |region| {
            let authorizer = Authorizer { region: &region, ..authorizer };
            let source = InstancePages { ec2: cx.ec2, authorizer, query: &InstanceQuery::default() };
            let by_state = within(deadline, count(&source, deadline, &fan_out)).await;
            RegionInstances { region, by_state }
        });
        let regions = join_all(counts).await;
        let failed =
            |counted: &RegionInstances| Some(in_region(&counted.region)(counted.by_state.as_ref().err()?.clone()));
        let incomplete = regions.iter().find_map(failed);
        Ok(Outcome::Done(Completed { incomplete, ..Completed::new(regions, None) }))
    }
}

/// The regions that the account has, the deployment allows, and the caller may list, by name.
///
/// # Errors
/// The caller may list none of them, or EC2 can't be asked.
pub(super) async fn allowed_regions(cx: &Context<'_>, authorizer: &Authorizer<'_>) -> Result<Vec<Region>, Error> {
    let configured = &cx.config.regions;
    let mut regions = cx.ec2.describe_regions(&configured.default).await?.value;
    regions
        .retain(|region| configured.allows(region) && Authorizer { region, ..*authorizer }.can_see(Resource::Region));
    // The decision that is logged is the first region's; the default region's if none is left.
    let region = regions.first().unwrap_or(authorizer.region);
    cx.decide(|decision| Authorizer { region, ..*authorizer }.list(decision))?;
    Ok(regions)
}

async fn count(
    source: &InstancePages<'_>,
    deadline: Instant,
    fan_out: &FanOut,
) -> Result<BTreeMap<String, usize>, Error> {
    let filled = fill(source, StateCounts::default(), deadline, Some(fan_out)).await?;
    match filled.next_token {
        Some(_) => Err(too_many_to_count()),
        None => Ok(filled.sink.0),
    }
}

/// A sink that keeps the number of instances in each state only. It is never full.
#[derive(Debug, Default)]
struct StateCounts(BTreeMap<String, usize>);

impl PageSink for StateCounts {
    type Item = Reservation;

    fn empty(&self) -> Self {
        Self::default()
    }

    fn fork(&self, count: usize) -> Vec<Self> {
        (0..count).map(|_| Self::default()).collect()
    }

    fn push(&mut self, page: &[Reservation], _region: &Region) -> Fit {
        for instance in page.iter().flat_map(|reservation| &reservation.instances) {
            let state = instance.state.name.as_deref().unwrap_or("unknown");
            *self.0.entry(state.to_owned()).or_default() += 1;
        }
        Fit::Room
    }

    fn append(&mut self, other: Self) -> Fit {
        for (state, count) in other.0 {
            *self.0.entry(state).or_default() += count;
        }
        Fit::Room
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
