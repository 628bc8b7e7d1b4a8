//! Changes of several entries in Scheduler's group, of which all happen or none.
//!
//! Scheduler changes one entry at a time. If one change fails, those before it are undone.

use super::entries::still_to_come;
use super::scheduler;
use crate::aws::scheduler::{ScheduledEntry, Scheduler};
use crate::error::{Error, Kind};
use crate::operations::{Context, within};
use std::time::Duration;
use tokio::time::Instant;

/// A change of one entry.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// It is made.
    Create(ScheduledEntry),
    /// It is replaced.
    Update { from: ScheduledEntry, to: ScheduledEntry },
    /// It is deleted.
    Delete(ScheduledEntry),
}

/// The part of the deadline that is kept to undo changes.
const UNDO_BUDGET: Duration = Duration::from_secs(4);

/// Carries out the changes, in their order. Returns AWS's request ID of the last one.
///
/// # Errors
/// A change failed. Nothing is different, unless [`Error::outcome_unknown`] is set: an undo has
/// failed, too.
pub(super) async fn apply(cx: &Context<'_>, changes: &[Change]) -> Result<Option<String>, Error> {
    let scheduler = scheduler(cx)?;
    let deadline = cx.deadline.checked_sub(UNDO_BUDGET).unwrap_or(cx.deadline);
    let mut request_id = None;
    for (i, change) in changes.iter().enumerate() {
        match within(deadline, Box::pin(change.send(scheduler))).await {
            Ok(id) => request_id = id,
            Err(error) => {
                // A change whose response was lost may have happened.
                let happened = if error.outcome_unknown { i + 1 } else { i };
                let done = changes.get(..happened).unwrap_or_default();
                return Err(undo(cx, scheduler, done, error).await);
            }
        }
    }
    Ok(request_id)
}

/// Undoes changes, the last one first, and says in the error whether that has succeeded.
async fn undo(cx: &Context<'_>, scheduler: &Scheduler, done: &[Change], error: Error) -> Error {
    let mut left = Vec::new();
    for change in done.iter().rev() {
        // Another request may have made the entry, and not the change whose response was lost.
        let is_lost = error.outcome_unknown && done.last().is_some_and(|last| std::ptr::eq(last, change));
        if is_lost && within(cx.deadline, Box::pin(change.is_of_another(scheduler))).await.is_ok_and(|is| is) {
            continue;
        }
        let undone = within(cx.deadline, Box::pin(change.inverse(cx).send(scheduler))).await;
        if undone.is_err_and(|error| !change.is_undone_by(&error)) {
            left.push(change.entry().name.clone());
        }
    }
    let error = match error.kind {
        Kind::Conflict => Error { code: "ScheduleExists".into(), ..error },
        // Another request has deleted the entry that was to be replaced.
        Kind::NotFound => Error { kind: Kind::Conflict, code: "ScheduleChanged".into(), ..error },
        _ => error,
    };
    if left.is_empty() {
        let message = format!("{}. The schedule is as it was", error.message.trim_end_matches('.'));
        return Error { outcome_unknown: false, message, ..error };
    }
    left.reverse();
    let message = format!("{}; what could not be undone: {}", error.message, left.join(", "));
    Error { outcome_unknown: true, message, ..error }
}

impl Change {
    fn entry(&self) -> &ScheduledEntry {
        match self {
            Self::Create(entry) | Self::Delete(entry) | Self::Update { to: entry, .. } => entry,
        }
    }

    fn inverse(&self, cx: &Context<'_>) -> Self {
        let now = |entry: &ScheduledEntry| ScheduledEntry { start: still_to_come(cx, entry.start), ..entry.clone() };
        match self {
            Self::Create(entry) => Self::Delete(entry.clone()),
            Self::Delete(entry) => Self::Create(now(entry)),
            Self::Update { from, to } => Self::Update { from: to.clone(), to: now(from) },
        }
    }

    /// Whether the entry to be made is there, but with what another request has written.
    async fn is_of_another(&self, scheduler: &Scheduler) -> Result<bool, Error> {
        match self {
            Self::Create(entry) => Ok(scheduler.get(&entry.name).await?.value.input != entry.input),
            Self::Update { .. } | Self::Delete(_) => Ok(false),
        }
    }

    /// Whether a refused undo means that there is nothing to undo: the entry is not there, or, for
    /// a deletion that did not happen, still is.
    fn is_undone_by(&self, refusal: &Error) -> bool {
        match self {
            Self::Create(_) | Self::Update { .. } => refusal.kind == Kind::NotFound,
            Self::Delete(_) => refusal.kind == Kind::Conflict,
        }
    }

    async fn send(&self, scheduler: &Scheduler) -> Result<Option<String>, Error> {
        let sent = match self {
            Self::Create(entry) => scheduler.create(entry).await,
            Self::Update { to, .. } => scheduler.update(to).await,
            Self::Delete(entry) => match scheduler.delete(&entry.name).await {
                Err(error) if error.kind == Kind::NotFound => return Ok(error.aws_request_id),
                sent => sent,
            },
        };
        Ok(sent?.request_id)
    }
}

/// Whether there is time for changes and for undoing them.
pub(super) fn has_time(cx: &Context<'_>) -> bool {
    Instant::now() + UNDO_BUDGET < cx.deadline
}
