//! Waits for the state that a change leads to.

use super::resolve::describe;
use super::{Completed, Context};
use crate::model::{Instance, InstanceId, Region, State};
use std::time::Duration;
use tokio::time::Instant;

/// An item of an output with the state of an instance.
pub(super) trait HasState: Send {
    /// The instance's ID.
    fn instance_id(&self) -> &str;
    /// Its state, which is updated while the caller waits.
    fn state(&mut self) -> &mut State;
}

impl HasState for Instance {
    fn instance_id(&self) -> &str {
        &self.instance_id
    }

    fn state(&mut self) -> &mut State {
        &mut self.state
    }
}

/// The pause before the first look; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_secs(4);

/// The greatest number of instances that a warning lists: a header has no room for a thousand.
const MAX_LISTED: usize = 8;

/// Waits until all instances are in the state `goal`, as long as the caller asks for and the deadline
/// allows. If they do not get there, the caller gets a warning: the change itself has happened.
pub(super) async fn wait_for<T: HasState>(
    goal: &str,
    cx: &Context<'_>,
    region: &Region,
    completed: &mut Completed<Vec<T>>,
) {
    if cx.wait.is_zero() {
        return;
    }
    let until = cx.deadline.min(Instant::now() + cx.wait);
    let items = &mut completed.output;
    let ids: Vec<_> = items.iter().filter_map(|item| InstanceId::parse(item.instance_id())).collect();
    // `terminated` is final.
    let settled = |state: &State| state.name.as_deref().is_some_and(|name| name == goal || name == "terminated");
    let mut pause = FIRST_PAUSE;
    while Instant::now() < until && !items.iter_mut().all(|item| settled(item.state())) {
        tokio::time::sleep_until(until.min(Instant::now() + pause)).await;
        pause = (pause * 2).min(MAX_PAUSE);
        // A failed look is repeated: the change itself has happened.
        let Ok(Ok(described)) = tokio::time::timeout_at(until, describe(cx, region, &ids)).await else {
            continue;
        };
        for item in items.iter_mut() {
            if let Some(found) = described.value.iter().find(|found| found.instance_id == item.instance_id()) {
                item.state().clone_from(&found.state);
            }
        }
    }
    let total = items.len();
    let mut elsewhere = Vec::new();
    for item in items.iter_mut() {
        let state = item.state().name.clone();
        if state.as_deref() != Some(goal) {
            elsewhere.push(format!("{} {}", item.instance_id(), state.as_deref().unwrap_or("unknown")));
        }
    }
    if !elsewhere.is_empty() {
        let count = elsewhere.len();
        elsewhere.truncate(MAX_LISTED);
        completed.warnings.push(format!("{count} of {total} not {goal}: {}", elsewhere.join(", ")));
    }
}
