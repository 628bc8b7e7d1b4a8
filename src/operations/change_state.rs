//! Carries out a change of state: on all instances by one EC2 call, or on those where it succeeds.

use super::partial::change_each;
use super::selection::{Found, authorized_each, authorized_ids, permitted};
use super::state_call::{InstanceResult, StateCall};
use super::wait::HasState;
use super::{Completed, Context, DryRun, Outcome, dry_run_outcome};
use crate::authz::Detail;
use crate::error::Error;
use crate::model::{Action, Instance, InstanceId, State, StateChange, StateReason, Targets};

/// Carries out the change on the targets: on all of them or, with `partial`, on those where it
/// succeeds. By tag, only instances in one of the `states` are meant.
///
/// # Errors
/// It is not permitted, or EC2 refuses it; with `partial`, for every instance.
pub(super) async fn change_state<C: StateCall>(
    action: Action,
    cx: &Context<'_>,
    targets: &Targets,
    states: &[&str],
    details: &[Detail<'_>],
    call: &C,
) -> Result<Outcome<Vec<InstanceResult<C::Item>>>, Error> {
    let found = find(action, cx, targets, states, details).await?;
    if targets.partial {
        let (results, request_id) = change_each(cx, call, found).await;
        return partial_outcome(action, cx, results, request_id);
    }
    change_all(action, cx, &permitted(&found), call).await
}

/// The targets, after the change of each was authorized. Without `partial`, all may be changed.
///
/// # Errors
/// It is not permitted, or the targets can't be found; with `partial`, only the latter.
pub(super) async fn find(
    action: Action,
    cx: &Context<'_>,
    targets: &Targets,
    states: &[&str],
    details: &[Detail<'_>],
) -> Result<Vec<Found>, Error> {
    if targets.partial {
        return authorized_each(action, cx, targets, states, details).await;
    }
    let ids = authorized_ids(action, cx, targets, states, details).await?;
    Ok(ids.into_iter().map(|id| (id.to_string(), Ok(id))).collect())
}

/// Carries out the change on all instances by one call.
///
/// # Errors
/// EC2 refuses it.
pub(super) async fn change_all<C: StateCall>(
    action: Action,
    cx: &Context<'_>,
    ids: &[InstanceId],
    call: &C,
) -> Result<Outcome<Vec<InstanceResult<C::Item>>>, Error> {
    if ids.is_empty() {
        return Ok(no_instances(action, cx));
    }
    let sent = call.send(cx, ids).await;
    dry_run_outcome(action, cx, sent, |items| results(ids, items))
}

/// The outcome of a change where what can be done is done.
///
/// # Errors
/// The first error, if nothing was changed.
pub(super) fn partial_outcome<T>(
    action: Action,
    cx: &Context<'_>,
    mut results: Vec<InstanceResult<T>>,
    request_id: Option<String>,
) -> Result<Outcome<Vec<InstanceResult<T>>>, Error> {
    if results.is_empty() {
        return Ok(no_instances(action, cx));
    }
    for InstanceResult { instance, change } in &results {
        if let Err(error) = change {
            cx.record(|audit| audit.fail(instance, error));
        }
    }
    if let Some(first) = first_of_only_errors(&results) {
        return Err(first.clone());
    }
    if cx.dry_run && results.iter().all(|result| result.change.is_ok()) {
        return Ok(Outcome::DryRun(DryRun { action, checked_by_aws: true, aws_request_id: request_id }));
    }
    for error in results.iter_mut().filter_map(|result| result.change.as_mut().err()) {
        *error = cx.account.explain(error.clone());
        if error.outcome_unknown {
            error.message += ": what was asked for may have happened or not";
        }
    }
    Ok(Outcome::Done(Completed::new(results, request_id)))
}

/// The first error, if there are only errors.
fn first_of_only_errors<T>(results: &[InstanceResult<T>]) -> Option<&Error> {
    let mut errors = results.iter().map(|result| result.change.as_ref().err());
    let first = errors.next().flatten()?;
    errors.all(|error| error.is_some()).then_some(first)
}

/// The results of a call that EC2 has accepted.
pub(super) fn results<T>(ids: &[InstanceId], items: Vec<T>) -> Vec<InstanceResult<T>> {
    let result = |(id, item): (&InstanceId, T)| InstanceResult { instance: id.to_string(), change: Ok(Some(item)) };
    ids.iter().zip(items).map(result).collect()
}

/// The changes that have happened.
pub(super) fn changed<T>(results: &mut [InstanceResult<T>]) -> Vec<&mut T> {
    results.iter_mut().filter_map(|result| result.change.as_mut().ok()?.as_mut()).collect()
}

/// The outcome of a change that is about no instance: EC2 takes no empty list.
pub(super) fn no_instances<T>(action: Action, cx: &Context<'_>) -> Outcome<Vec<T>> {
    match cx.dry_run {
        true => Outcome::DryRun(DryRun { action, checked_by_aws: false, aws_request_id: None }),
        false => Outcome::done(Vec::new(), None),
    }
}

impl HasState for StateChange {
    const HAS_DETAILS: bool = false;

    fn instance_id(&self) -> &str {
        &self.instance_id
    }

    fn state(&self) -> &State {
        &self.current
    }

    fn update(&mut self, described: Instance) {
        self.current = described.state;
    }

    fn give_up(&mut self, reason: Option<StateReason>) {
        self.state_reason = reason;
    }
}
