//! What the changes of state have in common. Each of them is one EC2 call for all instances.

use super::Context;
use super::resolve::{authorize_instances, resolve_instances};
use super::wait::HasState;
use crate::authz::Detail;
use crate::error::Error;
use crate::model::{Action, Instance, InstanceId, InstanceRef, Region, State, StateChange, StateReason};
use std::collections::HashSet;

/// The IDs of the instances, after the action on each of them was authorized with every detail.
pub(super) async fn authorized_ids(
    action: Action,
    cx: &Context<'_>,
    region: &Region,
    instances: &[InstanceRef],
    details: &[Detail<'_>],
) -> Result<Vec<InstanceId>, Error> {
    let authorizer = cx.authorizer(action, region);
    let ids = resolve_instances(cx, &authorizer, instances).await?;
    authorize_instances(cx, &authorizer, &ids, details).await?;
    Ok(ids)
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
