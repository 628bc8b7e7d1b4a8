//! Lists schedules.

use super::entries::{StoredSchedule, find_entries};
use super::{GET_SCHEDULE, account_of, authorizer, owner, scheduler};
use crate::authz::Resource;
use crate::aws::scheduler::Scheduler;
use crate::error::{Error, Kind};
use crate::model::{AccountId, Action, Definition, Owner, Place, Region, ScheduleName, split_scheduled_name};
use crate::operations::paging::{Fit, List, PageSink};
use crate::operations::{ALL_REGIONS, Context, Operation, Outcome, Target};
use futures_util::StreamExt as _;
use futures_util::stream;
use std::collections::{BTreeMap, BTreeSet};

/// The minimum and the maximum size of a page of schedules.
pub const SCHEDULE_PAGE_SIZES: (u32, u32) = (1, 1000);

/// How many schedules are read side by side: Scheduler's list has no details.
const MAX_PARALLEL_READS: usize = 8;

/// Lists the schedules that the caller can see, by name.
#[derive(Debug)]
pub struct ListSchedules<K> {
    /// Only schedules of instances in this account; `None`: all.
    pub account: Option<AccountId>,
    /// Only schedules of instances in this region; `None`: all.
    pub region: Option<Region>,
    /// The greatest number of schedules; `None`: all that fit.
    pub max_results: Option<u32>,
    /// The name after which the list goes on.
    pub after: Option<ScheduleName>,
    /// Where they go.
    pub sink: K,
}

impl<K: PageSink<Item = StoredSchedule>> Operation for ListSchedules<K> {
    const ACTION: Action = Action { iam: &["scheduler:ListSchedules", "scheduler:GetSchedule"], ..GET_SCHEDULE };
    type Output = List<K>;

    fn target(&self) -> Target {
        let region = self.region.as_ref().map_or(ALL_REGIONS, Region::as_str);
        Target { region: Some(region.to_owned()), ..Target::default() }
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<List<K>>, Error> {
        let region = self.region.as_ref().unwrap_or(&cx.config.regions.default);
        cx.decide(|decision| cx.authorizer(GET_SCHEDULE, region).list(decision))?;
        let listed = scheduler(cx)?.list(None).await?;
        let mut names: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (name, action) in listed.value.iter().filter_map(|name| split_scheduled_name(name)) {
            names.entry(name).or_default().insert(action);
        }
        let after = |(name, _): &(ScheduleName, _)| self.after.as_ref().is_none_or(|after| name > after);
        let mut reads = stream::iter(names.into_iter().filter(after).map(async |(name, actions)| {
            let entries = find_entries(cx, &name, actions).await?;
            // `None`: it is of another program, or was deleted since.
            Ok::<_, Error>(StoredSchedule::new(&name, entries))
        }))
        .buffered(MAX_PARALLEL_READS);
        let mut list = List { sink: self.sink.empty(), next_token: None };
        let (mut left, mut last) = (self.max_results, None);
        while let Some(kept) = reads.next().await {
            let Some(kept) = kept?.filter(|kept| self.includes(cx, kept)) else { continue };
            // Only another schedule that the caller can see makes another page.
            if left == Some(0) {
                list.next_token = last;
                break;
            }
            let Definition { region, account, .. } = &kept.schedule.definition;
            let place = Place { account: account.as_ref(), region };
            match list.sink.push(std::slice::from_ref(&kept), place) {
                Fit::Rejected if last.is_none() => {
                    return Err(Error::internal("a schedule does not fit in a response"));
                }
                Fit::Rejected => {
                    list.next_token = last;
                    break;
                }
                Fit::Full => left = Some(0),
                Fit::Room => left = left.map(|left| left - 1),
            }
            last = Some(kept.schedule.name.to_string());
        }
        Ok(Outcome::done(list, listed.request_id))
    }
}

impl<K> ListSchedules<K> {
    /// Whether the schedule is asked for, and the caller can see it.
    fn includes(&self, cx: &Context<'_>, kept: &StoredSchedule) -> bool {
        let schedule = &kept.schedule;
        let in_account = self.account.as_ref().is_none_or(|asked| account_of(cx, schedule) == Some(asked));
        let in_region = self.region.as_ref().is_none_or(|asked| schedule.definition.region == *asked);
        in_account && in_region && authorizer(cx, GET_SCHEDULE, schedule).can_see(Resource::Schedule(schedule))
    }
}

/// Refuses one schedule too many of the caller.
///
/// # Errors
/// The caller has as many as the deployment allows, or they can't be counted.
pub(super) async fn has_room(cx: &Context<'_>) -> Result<(), Error> {
    let max = cx.config.schedules.as_ref().map_or(0, |schedules| schedules.max);
    let owner = owner(cx);
    let count = Box::pin(count_of_owner(scheduler(cx)?, &owner, max));
    if cx.before_change(count).await? < max {
        return Ok(());
    }
    cx.decide(|decision| {
        decision.permitted = Some(false);
        decision.determining_policies = ["MAX_SCHEDULES".to_owned()].into();
    });
    let message = format!("This deployment keeps at most {max} schedules of one caller");
    Err(Error::new(Kind::Forbidden, "TooManySchedules", message))
}

/// Counts the schedules of an owner, at least up to `max`. They are read only if there are so many
/// schedules of all owners.
async fn count_of_owner(scheduler: &Scheduler, owner: &Owner, max: usize) -> Result<usize, Error> {
    let listed = scheduler.list(None).await?.value;
    // One entry of each: every one has the owner.
    let entries: BTreeMap<_, _> =
        listed.iter().filter_map(|entry| Some((split_scheduled_name(entry)?.0, entry))).collect();
    if entries.len() < max {
        return Ok(entries.len());
    }
    let is_owned = async |entry: &String| match scheduler.get(entry).await {
        Ok(kept) => {
            let kept = Definition::from_message(&kept.value.input);
            let same = |kept: &Owner| kept.name == owner.name && kept.authentication == owner.authentication;
            Ok(kept.is_some_and(|definition| same(&definition.owner)))
        }
        Err(error) if error.kind == Kind::NotFound => Ok(false),
        Err(error) => Err(error),
    };
    let mut reads = stream::iter(entries.into_values().map(is_owned)).buffered(MAX_PARALLEL_READS);
    let mut count = 0;
    while let Some(owned) = reads.next().await {
        count += usize::from(owned?);
        if count >= max {
            break;
        }
    }
    Ok(count)
}
