//! The entries of a schedule in Scheduler's group, and the schedule that they make.

use super::{account_of, authorizer, schedule_not_found, scheduler};
use crate::aws::scheduler::ScheduledEntry;
use crate::error::{Error, Kind};
use crate::model::{AccountId, Action, Definition, Schedule, ScheduleName, ScheduledAction, timestamp};
use crate::operations::Context;
use futures_util::future::try_join_all;
use jiff::Timestamp;

/// A schedule as Scheduler keeps it.
#[derive(Clone, Debug)]
pub struct StoredSchedule {
    /// The schedule, by the entry that was written last.
    pub schedule: Schedule,
    /// The actions whose entries do not say the same, or are missing: a change of the schedule has
    /// failed half-way.
    pub incomplete: Vec<ScheduledAction>,
    /// The entries, each with its action.
    pub(super) entries: Vec<(ScheduledAction, ScheduledEntry)>,
}

impl StoredSchedule {
    /// The schedule of these entries; `None` if this function did not write them.
    pub(super) fn new(name: &ScheduleName, entries: Vec<(ScheduledAction, ScheduledEntry)>) -> Option<Self> {
        let read = |(action, entry): &(_, ScheduledEntry)| Some((*action, Definition::from_message(&entry.input)?));
        let definitions: Vec<(ScheduledAction, Definition)> = entries.iter().filter_map(read).collect();
        let newest = definitions.iter().map(|(_, definition)| definition).max_by_key(|definition| definition.updated);
        let definition = newest?.clone();
        // It may act, if one of its entries does.
        let enabled = entries.iter().any(|(_, entry)| entry.enabled);
        let same = |action: ScheduledAction| {
            let kept = definitions.iter().any(|(other, kept)| *other == action && *kept == definition);
            kept && entries.iter().any(|(other, entry)| *other == action && entry.enabled == enabled)
        };
        let is_complete = |action: ScheduledAction| {
            let has_entry = entries.iter().any(|(other, _)| *other == action);
            if definition.timetable.time(action).is_some() { same(action) } else { !has_entry }
        };
        let incomplete = ScheduledAction::ALL.into_iter().filter(|action| !is_complete(*action)).collect();
        Some(Self { schedule: Schedule { name: name.clone(), enabled, definition }, incomplete, entries })
    }

    /// The entry of an action.
    pub(super) fn entry(&self, action: ScheduledAction) -> Option<&ScheduledEntry> {
        self.entries.iter().find(|(other, _)| *other == action).map(|(_, entry)| entry)
    }
}

/// The error of a name whose entries have another form.
fn unreadable(name: &ScheduleName) -> Error {
    let message = format!("The schedule {name} is of another program, or of another version of this function");
    Error::new(Kind::Conflict, "UnreadableSchedule", message)
}

/// Reads a schedule; `None` if there is none of the name.
///
/// # Errors
/// Scheduler's refusal, or no usable response; this function did not write the schedule.
pub(super) async fn find(cx: &Context<'_>, name: &ScheduleName) -> Result<Option<StoredSchedule>, Error> {
    find_of_actions(cx, name, ScheduledAction::ALL).await
}

/// The same where only these actions can have entries.
pub(super) async fn find_of_actions(
    cx: &Context<'_>,
    name: &ScheduleName,
    actions: impl IntoIterator<Item = ScheduledAction>,
) -> Result<Option<StoredSchedule>, Error> {
    let entries = find_entries(cx, name, actions).await?;
    if entries.is_empty() {
        return Ok(None);
    }
    StoredSchedule::new(name, entries).map(Some).ok_or_else(|| unreadable(name))
}

/// Reads the entries of a schedule's actions.
pub(super) async fn find_entries(
    cx: &Context<'_>,
    name: &ScheduleName,
    actions: impl IntoIterator<Item = ScheduledAction>,
) -> Result<Vec<(ScheduledAction, ScheduledEntry)>, Error> {
    let scheduler = scheduler(cx)?;
    let get = async |action: ScheduledAction| match scheduler.get(&action.scheduled_name(name)).await {
        Ok(entry) => Ok(Some((action, entry.value))),
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    let found = try_join_all(actions.into_iter().map(get)).await?;
    Ok(found.into_iter().flatten().collect())
}

/// Reads a schedule, authorizes the action on it, and checks that its instances are in this account
/// if one is given.
///
/// # Errors
/// [`Kind::NotFound`], [`Kind::Forbidden`]; those of [`find`].
pub(super) async fn read(
    cx: &Context<'_>,
    action: Action,
    name: &ScheduleName,
    account: Option<&AccountId>,
) -> Result<StoredSchedule, Error> {
    let region = &cx.config.regions.default;
    cx.decide(|decision| cx.authorizer(action, region).possible(name.as_str(), decision))?;
    let kept = cx.before_change(Box::pin(find(cx, name))).await?.ok_or_else(|| schedule_not_found(name))?;
    let schedule = &kept.schedule;
    // First: what is hidden from the caller is the same in every account.
    cx.decide(|decision| authorizer(cx, action, schedule).schedule(schedule, decision))?;
    if account.is_some_and(|account| account_of(cx, schedule) != Some(account)) {
        return Err(schedule_not_found(name));
    }
    Ok(kept)
}

/// The entry of one of the schedule's actions; `None` if it does not have the action.
pub(super) fn entry(cx: &Context<'_>, schedule: &Schedule, action: ScheduledAction) -> Option<ScheduledEntry> {
    let Schedule { name, enabled, definition } = schedule;
    let timetable = &definition.timetable;
    Some(ScheduledEntry {
        name: action.scheduled_name(name),
        expression: timetable.time(action)?.expression.to_string(),
        timezone: timetable.timezone.as_str().to_owned(),
        start: still_to_come(cx, timetable.start()),
        end: timetable.end(),
        enabled: *enabled,
        input: definition.to_message(name, action),
    })
}

/// The time from which an entry happens, unless it has passed: Scheduler takes times in the future.
pub(super) fn still_to_come(cx: &Context<'_>, start: Option<Timestamp>) -> Option<Timestamp> {
    start.filter(|start| *start > timestamp(cx.now))
}
