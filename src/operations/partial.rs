//! Changes of several instances, where what can be done is done.
//!
//! EC2 refuses a whole call because of one instance. The instances that its error names are left
//! out of the next call. If it names none, halving finds one of them.

use super::selection::{Found, permitted};
use super::state_call::{InstanceResult, StateCall, ids_in_message};
use super::{Context, within};
use crate::error::{Error, Kind};
use crate::model::InstanceId;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// What became of one instance: the change, or `None` in a dry run that would succeed.
pub(super) type Change<T> = Result<Option<T>, Error>;

/// The part of the deadline that is kept to report what was done.
const REPORT_BUDGET: Duration = Duration::from_millis(250);

/// Changes every instance that EC2 changes, of those that may be changed: by one call if it refuses
/// none, else by at most `bad * (1 + log2 n) + 1` calls. Returns what became of each instance, in
/// the order of `found`, and AWS's request ID of the last call that succeeded.
pub(super) async fn change_each<C: StateCall>(
    cx: &Context<'_>,
    call: &C,
    found: Vec<Found>,
) -> (Vec<InstanceResult<C::Item>>, Option<String>) {
    let deadline = cx.deadline.checked_sub(REPORT_BUDGET).unwrap_or(cx.deadline);
    // Instances that were not tried yet.
    let mut pending = permitted(&found);
    let mut each = Each { cx, call, deadline, changes: HashMap::new(), refused: false, request_id: None };
    while !pending.is_empty() {
        let group = std::mem::take(&mut pending);
        let Err(error) = each.send(&group).await else { break };
        if let Err(error) = each.isolate(group, error, &mut pending).await {
            each.give_up(&pending, &error);
            break;
        }
    }
    let Each { mut changes, request_id, .. } = each;
    let mut change_of = |id: InstanceId| changes.remove(id.as_str()).unwrap_or_else(|| Err(no_time_left()));
    let result = |(instance, id): Found| InstanceResult { instance, change: id.and_then(&mut change_of) };
    (found.into_iter().map(result).collect(), request_id)
}

/// The error of an instance that no call has reached.
fn no_time_left() -> Error {
    Error::new(Kind::Unreachable, "RequestTimeout", "There was no time left for this instance")
}

struct Each<'a, C: StateCall> {
    cx: &'a Context<'a>,
    call: &'a C,
    deadline: Instant,
    /// What became of each instance so far, by its ID.
    changes: HashMap<String, Change<C::Item>>,
    /// Whether EC2 has refused a call that may have changed some of its instances.
    refused: bool,
    request_id: Option<String>,
}

impl<C: StateCall> Each<'_, C> {
    /// Sends one call, and records its success.
    async fn send(&mut self, group: &[InstanceId]) -> Result<(), Error> {
        if Instant::now() >= self.deadline {
            return Err(no_time_left());
        }
        let sent = within(self.deadline, Box::pin(self.call.send(self.cx, group))).await;
        let items: Vec<Option<_>> = match sent {
            Ok(_) if self.cx.dry_run => return Err(Error::internal("AWS carried out a dry run")),
            Ok(sent) => {
                self.request_id = sent.request_id;
                let changed = group.iter().filter(|_| C::IS_CHANGE).map(ToString::to_string);
                self.cx.record(|audit| audit.changed.extend(changed));
                sent.value.into_iter().map(Some).collect()
            }
            Err(error) if self.cx.dry_run && error.code == "DryRunOperation" => group.iter().map(|_| None).collect(),
            Err(error) => return Err(error),
        };
        self.changes.extend(group.iter().map(ToString::to_string).zip(items.into_iter().map(Ok)));
        Ok(())
    }

    /// Finds an instance that makes EC2 refuse the group, and records the error. Instances whose
    /// result is still unknown are `pending`.
    ///
    /// # Errors
    /// An error that is about no instance: no further call would help.
    async fn isolate(
        &mut self,
        group: Vec<InstanceId>,
        error: Error,
        pending: &mut Vec<InstanceId>,
    ) -> Result<(), Error> {
        let mut suspects = VecDeque::from(group);
        let mut error = error;
        loop {
            if !is_about_instances(&error) {
                self.fail(suspects.make_contiguous(), &error);
                return Err(error);
            }
            self.refused |= C::CHANGES_SOME && error.kind == Kind::Conflict && !self.cx.dry_run;
            let named = ids_in_message(suspects.make_contiguous(), &error);
            if !named.is_empty() || suspects.len() == 1 {
                let bad = if named.is_empty() { suspects.drain(..).collect() } else { named };
                self.fail(&bad, &error);
                pending.extend(suspects.into_iter().filter(|id| !bad.contains(id)));
                return Ok(());
            }
            let right = suspects.split_off(suspects.len() / 2);
            match self.send(suspects.make_contiguous()).await {
                // The error is about the others.
                Ok(()) => suspects = right,
                Err(other) => {
                    pending.extend(right);
                    error = other;
                }
            }
        }
    }

    fn fail(&mut self, ids: &[InstanceId], error: &Error) {
        for id in ids {
            let outcome_unknown = error.outcome_unknown || (self.refused && !is_about_instances(error));
            self.changes.insert(id.to_string(), Err(Error { outcome_unknown, ..error.clone() }));
        }
    }

    /// Records the error for instances that were not tried because of it.
    fn give_up(&mut self, ids: &[InstanceId], error: &Error) {
        let error = Error { outcome_unknown: false, message: format!("Not tried: {}", error.message), ..error.clone() };
        self.fail(ids, &error);
    }
}

/// Whether EC2 may accept the same call for other instances.
fn is_about_instances(error: &Error) -> bool {
    let unavailable = ["Unavailable", "ServiceUnavailable", "PendingVerification"].contains(&&*error.code);
    match error.kind {
        _ if error.outcome_unknown || !error.by_aws => false,
        Kind::Invalid | Kind::Forbidden | Kind::NotFound | Kind::Conflict => true,
        Kind::Capacity => !unavailable,
        // The role's permission may depend on an instance's tags.
        _ => error.code == "UnauthorizedOperation",
    }
}
