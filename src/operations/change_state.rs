//! What the changes of state have in common. Each of them is one EC2 call for all instances.

use super::wait::HasState;
use super::{Context, DryRun, Outcome};
use crate::error::Error;
use crate::model::{Action, Instance, InstanceId, State, StateChange, StateReason};
use std::collections::HashSet;

/// The outcome of a change that is about no instance: EC2 takes no empty list.
pub(super) fn no_instances<T>(action: Action, cx: &Context<'_>) -> Outcome<Vec<T>> {
    match cx.dry_run {
        true => Outcome::DryRun(DryRun { action, checked_by_aws: false, aws_request_id: None }),
        false => Outcome::done(Vec::new(), None),
    }
}

/// Those of the instances that EC2's error names.
pub(super) fn ids_in_message(ids: &[InstanceId], error: &Error) -> Vec<InstanceId> {
    let words = error.message.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let words: HashSet<_> = words.collect();
    ids.iter().filter(|id| words.contains(id.as_str())).cloned().collect()
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
