//! The instances of a change: by ID, by name, or by tag.

use super::Context;
use super::list::with_instances;
use super::paging::{DESCRIBE_INSTANCES, InstancePages, Pages};
use super::resolve::{
    Lookup, authorize_described, authorize_instances, authorize_one, describe, resolve_each, resolve_instances,
};
use super::state_call::ids_in_message;
use crate::authz::{Authorizer, Decision, Detail};
use crate::error::{Error, Kind};
use crate::model::{
    Action, Filter, Instance, InstanceId, InstanceQuery, MAX_FILTER_VALUES, MAX_TAGGED, Region, Selection, Tag, Tagged,
    Targets,
};
use std::collections::{BTreeMap, HashSet};

/// An instance that is meant: its ID or the caller's name for it, and its ID if it may be changed.
pub(super) type Found = (String, Result<InstanceId, Error>);

/// The IDs of the instances that may be changed.
pub(super) fn permitted(found: &[Found]) -> Vec<InstanceId> {
    found.iter().filter_map(|(_, id)| id.as_ref().ok().cloned()).collect()
}

/// The IDs of the instances, after the action on each of them was authorized with every detail.
/// By tag, only instances in one of the `states` are meant.
///
/// # Errors
/// A name or the number of instances is not as expected, an instance does not exist, or the action
/// is not permitted on one of them.
pub(super) async fn authorized_ids(
    action: Action,
    cx: &Context<'_>,
    targets: &Targets,
    states: &[&str],
    details: &[Detail<'_>],
) -> Result<Vec<InstanceId>, Error> {
    let authorizer = cx.authorizer(action, &targets.region);
    match &targets.selection {
        Selection::Named(instances) => {
            let ids = resolve_instances(cx, &authorizer, instances).await?;
            if !targets.leave_out_kept {
                authorize_instances(cx, &authorizer, &ids, details).await?;
                return Ok(ids);
            }
            let described = cx.before_change(Box::pin(describe(cx, &targets.region, &ids, false))).await?.value;
            authorize_described(cx, &authorizer, &ids, &described, details)?;
            Ok(without_kept(cx, ids, &described))
        }
        Selection::Tagged(tagged) => {
            let (ids, described) = tagged_ids(cx, &authorizer, tagged, states).await?;
            authorize_described(cx, &authorizer, &ids, &described, details)?;
            Ok(if targets.leave_out_kept { without_kept(cx, ids, &described) } else { ids })
        }
    }
}

/// The same, with an error for each instance that may not be changed.
///
/// # Errors
/// The number of instances is not as expected, or they can't be described.
pub(super) async fn authorized_each(
    action: Action,
    cx: &Context<'_>,
    targets: &Targets,
    states: &[&str],
    details: &[Detail<'_>],
) -> Result<Vec<Found>, Error> {
    let authorizer = cx.authorizer(action, &targets.region);
    let (mut found, described) = match &targets.selection {
        Selection::Named(instances) => {
            let found = resolve_each(cx, &authorizer, instances, Lookup::Complete).await?;
            let ids = permitted(&found);
            cx.decide(|decision| decision.instances.clone_from(&ids));
            if !authorizer.depends_on_instances() && !targets.leave_out_kept {
                cx.decide(|decision| decision.permitted = Some(true));
                return Ok(found);
            }
            let described = cx.before_change(Box::pin(describe_existing(cx, &targets.region, ids))).await?;
            (found, described)
        }
        Selection::Tagged(tagged) => {
            let (ids, described) = tagged_ids(cx, &authorizer, tagged, states).await?;
            (ids.into_iter().map(|id| (id.to_string(), Ok(id))).collect(), described)
        }
    };
    let mut decision = Decision { permitted: None, ..Decision::default() };
    for (_, id) in &mut found {
        let Ok(instance) = id.clone() else { continue };
        let mut one = Decision::default();
        let authorized = authorize_one(&authorizer, &instance, &described, details, &mut one);
        decision.permitted = decision.permitted.max(one.permitted);
        decision.determining_policies.append(&mut one.determining_policies);
        if let Err(error) = authorized {
            *id = Err(error);
        }
    }
    cx.decide(|all| {
        all.permitted = decision.permitted;
        all.determining_policies = decision.determining_policies;
    });
    if targets.leave_out_terminated {
        let is_terminated = |id: &InstanceId| {
            let instance = described.iter().find(|instance| instance.instance_id == id.as_str());
            let state = instance.and_then(|instance| instance.state.name.as_deref());
            state.is_some_and(|state| ["shutting-down", "terminated"].contains(&state))
        };
        found.retain(|(_, id)| !id.as_ref().is_ok_and(is_terminated));
    }
    if targets.leave_out_kept {
        let rest: HashSet<_> = without_kept(cx, permitted(&found), &described).into_iter().collect();
        found.retain(|(_, id)| id.as_ref().map_or(true, |id| rest.contains(id)));
    }
    Ok(found)
}

/// Those of the instances that are not kept. Records the others.
fn without_kept(cx: &Context<'_>, ids: Vec<InstanceId>, described: &[Instance]) -> Vec<InstanceId> {
    let until = |instance: &Instance| Some((instance.instance_id.clone(), instance.kept_until(cx.now)?));
    let mut kept: BTreeMap<_, _> = described.iter().filter_map(until).collect();
    let (left_out, rest): (Vec<_>, Vec<_>) = ids.into_iter().partition(|id| kept.contains_key(id.as_str()));
    // One that may not be changed has its error instead.
    kept.retain(|id, _| left_out.iter().any(|left_out| left_out.as_str() == id));
    cx.decide(|decision| decision.instances.clone_from(&rest));
    cx.record(|audit| audit.kept = kept);
    rest
}

/// The instances with the tags: their IDs and their descriptions.
async fn tagged_ids(
    cx: &Context<'_>,
    authorizer: &Authorizer<'_>,
    tagged: &Tagged,
    states: &[&str],
) -> Result<(Vec<InstanceId>, Vec<Instance>), Error> {
    cx.decide(|decision| authorizer.possible("instances with these tags", decision))?;
    let described = cx.before_change(Box::pin(find_tagged(cx, authorizer, tagged, states))).await?;
    let ids: Option<Vec<_>> = described.iter().map(|found| InstanceId::parse(&found.instance_id)).collect();
    let ids = ids.ok_or_else(|| Error::internal("EC2 returned a malformed instance ID"))?;
    cx.decide(|decision| decision.instances.clone_from(&ids));
    Ok((ids, described))
}

/// Describes those of the instances that exist: by one call, if they fit into a filter.
pub(super) async fn describe_existing(
    cx: &Context<'_>,
    region: &Region,
    mut ids: Vec<InstanceId>,
) -> Result<Vec<Instance>, Error> {
    // An empty filter would mean every instance.
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    if ids.len() <= MAX_FILTER_VALUES {
        let query = with_instances(&InstanceQuery::default(), &ids);
        return Ok(cx.ec2.describe_instances(region, &query).await?.value.into_instances().collect());
    }
    loop {
        match describe(cx, region, &ids, false).await {
            Ok(described) => return Ok(described.value),
            Err(error) => {
                let missing = ids_in_message(&ids, &error);
                if error.kind != Kind::NotFound || missing.is_empty() || missing.len() == ids.len() {
                    return Err(error);
                }
                ids.retain(|id| !missing.contains(id));
            }
        }
    }
}

/// Finds the instances by one list, among those that the caller can see.
///
/// # Errors
/// There are too many, or not as many as expected.
async fn find_tagged(
    cx: &Context<'_>,
    authorizer: &Authorizer<'_>,
    tagged: &Tagged,
    states: &[&str],
) -> Result<Vec<Instance>, Error> {
    let filter = |tag: &Tag| Filter::exactly(&format!("tag:{}", tag.key), [tag.value.as_str()]);
    let mut filters: Vec<_> = tagged.tags.iter().map(filter).collect();
    filters.push(Filter::exactly("instance-state-name", states.iter().copied()));
    let query = InstanceQuery { filters, ..InstanceQuery::default() };
    let authorizer = Authorizer { action: DESCRIBE_INSTANCES, ..*authorizer };
    let mut pages = Pages::new(InstancePages { ec2: cx.ec2, authorizer, query: &query });
    let mut found = Vec::new();
    while let Some(page) = pages.next().await? {
        let instances = page.value.into_iter().flat_map(|reservation| reservation.instances);
        // EC2's filter is an exact one; what is changed does not depend on that.
        found.extend(instances.filter(|instance| tagged.tags.iter().all(|tag| instance.tags.contains(tag))));
        if found.len() > MAX_TAGGED {
            return Err(Error::invalid("tag:KEY", format!("means more than {MAX_TAGGED} instances: add another tag")));
        }
    }
    match tagged.expect {
        Some(expect) if !expect.is(found.len()) => {
            let message = format!("These tags mean {} instances, not {expect}: nothing was done", found.len());
            Err(Error::new(Kind::Conflict, "UnexpectedCount", message))
        }
        _ => Ok(found),
    }
}
