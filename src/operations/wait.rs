//! Waits for the state that a change leads to.

use super::resolve::describe;
use super::{Completed, Context};
use crate::model::{Instance, InstanceId, Region, State};
use std::time::Duration;
use tokio::time::Instant;

/// An item of an output that follows an instance while the caller waits.
pub(super) trait HasState: Send {
    /// Whether it has the instance's details.
    const HAS_DETAILS: bool;
    /// The instance's ID.
    fn instance_id(&self) -> &str;
    /// The instance's state as last described.
    fn state(&self) -> &State;
    /// Takes over all that the item says of the instance from a later description.
    fn update(&mut self, described: Instance);
}

impl HasState for Instance {
    const HAS_DETAILS: bool = true;

    fn instance_id(&self) -> &str {
        &self.instance_id
    }

    fn state(&self) -> &State {
        &self.state
    }

    fn update(&mut self, described: Instance) {
        // The whole instance: an address belongs to the state that it was described with.
        *self = described;
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
    while Instant::now() < until && !items.iter().all(|item| settled(item.state())) {
        tokio::time::sleep_until(until.min(Instant::now() + pause)).await;
        pause = (pause * 2).min(MAX_PAUSE);
        // A failed look is repeated: the change itself has happened.
        let Ok(Ok(described)) = tokio::time::timeout_at(until, describe(cx, region, &ids, T::HAS_DETAILS)).await else {
            continue;
        };
        for found in described.value {
            if let Some(item) = items.iter_mut().find(|item| item.instance_id() == found.instance_id) {
                item.update(found);
            }
        }
    }
    let total = items.len();
    let mut elsewhere = Vec::new();
    for item in items.iter() {
        let state = item.state().name.as_deref();
        if state != Some(goal) {
            elsewhere.push(format!("{} {}", item.instance_id(), state.unwrap_or("unknown")));
        }
    }
    if !elsewhere.is_empty() {
        let count = elsewhere.len();
        elsewhere.truncate(MAX_LISTED);
        completed.warnings.push(format!("{count} of {total} not {goal}: {}", elsewhere.join(", ")));
    }
}
