//! Waits for the state that a change leads to.

use super::Context;
use super::resolve::describe;
use crate::model::{Instance, InstanceId, Region, State, StateReason};
use std::collections::HashMap;
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
    /// Takes over why the instance does not get to the state that the caller waits for.
    fn give_up(&mut self, reason: Option<StateReason>);
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

    fn give_up(&mut self, _: Option<StateReason>) {
        // It is in the description.
    }
}

/// The pause before the first look; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_secs(4);

/// The greatest number of instances that a warning lists: a header has no room for a thousand.
const MAX_LISTED: usize = 8;

/// What the looks have shown of one instance that is not in its goal.
#[derive(Default)]
struct Progress {
    /// Whether some look has shown the state between.
    changing: bool,
    /// The number of looks in a row that have shown the state before the change.
    unchanged: u32,
    /// Whether the goal is out of reach.
    given_up: bool,
    /// Why it is in the state that was seen last.
    reason: Option<StateReason>,
}

impl Progress {
    /// Takes over the states of a look.
    ///
    /// EC2 may show the state before the change for a moment. It counts as a return only once
    /// another look agrees, or after the state between was seen.
    fn look(&mut self, goal: Goal, described: &Instance) {
        let state = described.state.name.as_deref().unwrap_or_default();
        self.changing |= state == goal.between;
        self.unchanged = if state == goal.before { self.unchanged + 1 } else { 0 };
        let returned = state == goal.before && (self.changing || self.unchanged >= goal.looks);
        let ended = described.state.has_ended() && goal.state != "terminated";
        self.given_up = returned || ended;
        self.reason.clone_from(&described.state_reason);
    }
}

/// The state that a change leads to.
#[derive(Clone, Copy)]
pub(super) struct Goal {
    /// The state.
    state: &'static str,
    /// The state before the change, to which an instance may return.
    before: &'static str,
    /// The state between the two.
    between: &'static str,
    /// The number of looks that must agree on a return if none has shown the state between.
    looks: u32,
}

impl Goal {
    /// The goal of a start and of a launch.
    pub(super) const RUNNING: Self = Self { state: "running", before: "stopped", between: "pending", looks: 2 };
    /// The goal of a stop. A shutdown may begin late.
    pub(super) const STOPPED: Self = Self { state: "stopped", before: "running", between: "stopping", looks: u32::MAX };
    /// The goal of a termination, which never returns.
    pub(super) const TERMINATED: Self =
        Self { state: "terminated", before: "", between: "shutting-down", looks: u32::MAX };
}

/// Waits until all instances are in the state `goal` or can't get there, as long as the caller asks
/// for and the deadline allows. Returns a warning if they do not get there: the change itself has
/// happened.
pub(super) async fn wait_for<T: HasState>(
    goal: Goal,
    cx: &Context<'_>,
    region: &Region,
    mut items: Vec<&mut T>,
) -> Option<String> {
    if cx.wait.is_zero() {
        return None;
    }
    let until = cx.deadline.min(Instant::now() + cx.wait);
    let ids: Vec<_> = items.iter().filter_map(|item| InstanceId::parse(item.instance_id())).collect();
    let mut looks: HashMap<String, Progress> = HashMap::new();
    let mut pause = FIRST_PAUSE;
    while Instant::now() < until && !items.iter().all(|item| is_settled(goal, &**item, &looks)) {
        tokio::time::sleep_until(until.min(Instant::now() + pause)).await;
        pause = (pause * 2).min(MAX_PAUSE);
        // A failed look is repeated: the change itself has happened.
        let Ok(Ok(described)) = tokio::time::timeout_at(until, describe(cx, region, &ids, T::HAS_DETAILS)).await else {
            continue;
        };
        for found in described.value {
            if let Some(item) = items.iter_mut().find(|item| item.instance_id() == found.instance_id) {
                let progress = looks.entry(found.instance_id.clone()).or_default();
                progress.look(goal, &found);
                item.update(found);
            }
        }
    }
    let total = items.len();
    let mut elsewhere = Vec::new();
    for item in items.iter_mut() {
        let state = item.state().name.clone();
        if state.as_deref() == Some(goal.state) {
            continue;
        }
        let mut text = format!("{} {}", item.instance_id(), state.as_deref().unwrap_or("unknown"));
        if let Some(progress) = looks.remove(item.instance_id()).filter(|progress| progress.given_up) {
            if let Some(code) = progress.reason.as_ref().and_then(|reason| reason.code.as_deref()) {
                text += &format!(" ({code})");
            }
            item.give_up(progress.reason);
        }
        elsewhere.push(text);
    }
    let count = elsewhere.len();
    elsewhere.truncate(MAX_LISTED);
    (count > 0).then(|| format!("{count} of {total} not {}: {}", goal.state, elsewhere.join(", ")))
}

/// Whether further looks at the instance can show nothing new. `terminated` is final.
fn is_settled(goal: Goal, item: &impl HasState, looks: &HashMap<String, Progress>) -> bool {
    let reached = item.state().name.as_deref().is_some_and(|name| name == goal.state || name == "terminated");
    reached || looks.get(item.instance_id()).is_some_and(|progress| progress.given_up)
}
