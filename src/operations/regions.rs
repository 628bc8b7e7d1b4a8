//! The regions that the deployment allows, and how many instances there are in each of them.

use super::paging::{
    DESCRIBE_INSTANCES, FanOut, Fit, InstancePages, PageSink, deadline_with_margin, fill, too_many_to_count,
};
use super::places::{Scope, at, each_place, in_turn};
use super::{Completed, Context, Operation, Outcome, Target, within};
use crate::error::Error;
use crate::model::{AccountId, Action, InstanceQuery, Place, Region, Reservation};
use futures_util::stream::StreamExt as _;
use std::collections::BTreeMap;
use tokio::time::Instant;

/// Counts the instances of each region that the caller can see. Several regions are listed at the
/// same time.
#[derive(Debug)]
pub struct CountInstances {
    /// The accounts and regions.
    pub scope: Scope,
}

/// The number of instances in each state in a region, or why they could not be counted.
#[derive(Debug)]
pub struct RegionInstances {
    /// The account; `None`: the function's own, whose number is not known.
    pub account: Option<AccountId>,
    /// The region.
    pub region: Region,
    /// The number of instances, by the name of their state.
    pub by_state: Result<BTreeMap<String, usize>, Error>,
}

impl Operation for CountInstances {
    const ACTION: Action = Action { iam: &["ec2:DescribeRegions", "ec2:DescribeInstances"], ..DESCRIBE_INSTANCES };
    type Output = Vec<RegionInstances>;

    fn is_for_all_accounts(&self) -> bool {
        self.scope.all_accounts
    }

    fn target(&self) -> Target {
        self.scope.target()
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let authorizer = cx.authorizer(Self::ACTION, &cx.config.regions.default);
        let places = self.scope.places(cx, authorizer, None).await?;
        let fan_out = FanOut::new();
        let deadline = deadline_with_margin(cx.deadline);
        let query = InstanceQuery::default();
        let counts = each_place(cx, &places).map(async |(ec2, account, region)| {
            let source = InstancePages { ec2: &ec2, authorizer: at(authorizer, account, region), query: &query };
            let by_state = within(deadline, count(&source, deadline, &fan_out)).await;
            let failed = |error: &Error| self.scope.explain(cx, account, Some(region), error.clone());
            let incomplete = by_state.as_ref().err().map(failed);
            let by_state = by_state.map_err(|error| account.about_its_role(error));
            (RegionInstances { account: account.id.clone(), region: region.clone(), by_state }, incomplete)
        });
        let counts: Vec<_> = in_turn(counts).collect().await;
        let (regions, mut failed): (Vec<_>, Vec<_>) = counts.into_iter().unzip();
        let incomplete = failed.iter_mut().find_map(Option::take);
        Ok(Outcome::Done(Completed { incomplete, ..Completed::new(regions, None) }))
    }
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

    fn fork(&self, count: usize) -> impl Iterator<Item = Self> + Send {
        (0..count).map(|_| Self::default())
    }

    fn push(&mut self, page: &[Reservation], _place: Place<'_>) -> Fit {
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
