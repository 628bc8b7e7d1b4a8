//! Resolves names of instances to IDs, and authorizes an action on each instance before anything
//! happens to any of them.

use super::paging::{DESCRIBE_INSTANCES, InstancePages, Pages};
use super::{Context, instance_not_found};
use crate::authz::{Authorizer, Decision, Detail};
use crate::aws::sdk::AwsOutput;
use crate::error::{Error, Kind};
use crate::model::{Filter, Instance, InstanceId, InstanceName, InstanceQuery, InstanceRef, MAX_FILTER_VALUES, Region};
use std::collections::HashSet;

/// The IDs of the instances, each once, in the order asked for.
///
/// A name stands for the only instance with that name among those that the caller can see.
/// Instances that are terminated, or about to be, do not count: their replacement may have the same
/// name.
///
/// # Errors
/// No policy could permit the action: [`Kind::Forbidden`]. No instance has a name, or several have
/// it: [`Kind::NotFound`], [`Kind::Conflict`].
pub(super) async fn resolve_instances(
    cx: &Context<'_>,
    authorizer: &Authorizer<'_>,
    instances: &[InstanceRef],
) -> Result<Vec<InstanceId>, Error> {
    let resolved = resolve_each(cx, authorizer, instances, Lookup::UntilAmbiguous).await?;
    let ids = resolved.into_iter().map(|(_, id)| id).collect::<Result<Vec<_>, _>>()?;
    cx.decide(|decision| decision.instances.clone_from(&ids));
    Ok(ids)
}

/// How far names are looked up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lookup {
    /// Until the first name is found to be ambiguous: one error fails all.
    UntilAmbiguous,
    /// All names.
    Complete,
}

/// The same, with an error for each name that stands for no instance, or for several. The text is
/// the ID; without one, the name.
///
/// # Errors
/// No policy could permit the action, or the names can't be looked up.
pub(super) async fn resolve_each(
    cx: &Context<'_>,
    authorizer: &Authorizer<'_>,
    instances: &[InstanceRef],
    lookup: Lookup,
) -> Result<Vec<(String, Result<InstanceId, Error>)>, Error> {
    if let Some(first) = instances.first() {
        cx.decide(|decision| authorizer.possible(first.as_str(), decision))?;
    }
    let name = |instance: &InstanceRef| match instance {
        InstanceRef::Name(name) => Some(name.clone()),
        InstanceRef::Id(_) => None,
    };
    let names: Vec<_> = instances.iter().filter_map(name).collect();
    if names.len() > MAX_NAMES {
        return Err(Error::invalid("instance_id", format!("has more than {MAX_NAMES} names: give IDs instead")));
    }
    let candidates = match names.as_slice() {
        [] => Vec::new(),
        names => cx.before_change(Box::pin(find_candidates(cx, authorizer, names, lookup))).await?,
    };
    let mut resolved: Vec<(String, Result<InstanceId, Error>)> = Vec::with_capacity(instances.len());
    let mut seen = HashSet::new();
    for instance in instances {
        let (text, id) = match instance {
            InstanceRef::Id(id) => (id.to_string(), Ok(id.clone())),
            InstanceRef::Name(name) => match resolve_unique(name, &candidates) {
                Ok(id) => (id.to_string(), Ok(id)),
                Err(error) => (name.to_string(), Err(error)),
            },
        };
        if seen.insert(text.clone()) {
            resolved.push((text, id));
        }
    }
    Ok(resolved)
}

/// The ID of one instance.
///
/// # Errors
/// Those of [`resolve_instances`].
pub(super) async fn resolve_instance(
    cx: &Context<'_>,
    authorizer: &Authorizer<'_>,
    instance: &InstanceRef,
) -> Result<InstanceId, Error> {
    cx.decide(|decision| authorizer.possible(instance.as_str(), decision))?;
    let id = match instance {
        InstanceRef::Id(id) => id.clone(),
        InstanceRef::Name(name) => {
            let lookup = find_candidates(cx, authorizer, std::slice::from_ref(name), Lookup::UntilAmbiguous);
            resolve_unique(name, &cx.before_change(Box::pin(lookup)).await?)?
        }
    };
    cx.decide(|decision| decision.instances = vec![id.clone()]);
    Ok(id)
}

/// An instance with one of the names.
struct NameCandidate {
    name: String,
    instance_id: String,
    state: String,
}

/// The states of instances whose names count.
const NAMED_STATES: [&str; 4] = ["pending", "running", "stopping", "stopped"];

/// The greatest number of names: what one call of DescribeInstances takes beside the states.
const MAX_NAMES: usize = MAX_FILTER_VALUES - NAMED_STATES.len();

/// The greatest number of candidates that an error lists.
const MAX_CANDIDATES: usize = 10;

/// Finds the instances that have one of these names: all of them, or more of the first name than an
/// error lists. So the error depends on the instances that the caller can see, not on EC2's pages.
async fn find_candidates(
    cx: &Context<'_>,
    authorizer: &Authorizer<'_>,
    names: &[InstanceName],
    lookup: Lookup,
) -> Result<Vec<NameCandidate>, Error> {
    let filter = Filter::exactly("tag:Name", names.iter().map(InstanceName::as_str));
    let filters = vec![filter, Filter::exactly("instance-state-name", NAMED_STATES)];
    let query = InstanceQuery { filters, ..InstanceQuery::default() };
    let authorizer = Authorizer { action: DESCRIBE_INSTANCES, ..*authorizer };
    let mut pages = Pages::new(InstancePages { ec2: cx.ec2, authorizer, query: &query });
    let mut candidates = Vec::new();
    let mut first_name_candidates = 0;
    while (lookup == Lookup::Complete || first_name_candidates <= MAX_CANDIDATES)
        && let Some(page) = pages.next().await?
    {
        for instance in page.value.into_iter().flat_map(|reservation| reservation.instances) {
            let Some(name) = instance.name().map(str::to_owned) else { continue };
            if names.iter().any(|asked| asked.as_str() == name) {
                first_name_candidates += usize::from(names.first().is_some_and(|first| first.as_str() == name));
                let state = instance.state.name.unwrap_or_default();
                candidates.push(NameCandidate { name, instance_id: instance.instance_id, state });
            }
        }
    }
    Ok(candidates)
}

/// The only candidate with this name.
fn resolve_unique(name: &InstanceName, candidates: &[NameCandidate]) -> Result<InstanceId, Error> {
    let candidates: Vec<_> = candidates.iter().filter(|candidate| candidate.name == name.as_str()).collect();
    match candidates.as_slice() {
        [] => {
            Err(Error::new(Kind::NotFound, "InvalidInstanceID.NotFound", format!("There is no instance named {name}")))
        }
        [candidate] => InstanceId::parse(&candidate.instance_id)
            .ok_or_else(|| Error::internal("EC2 returned a malformed instance ID")),
        several => {
            let describe = |candidate: &&NameCandidate| format!("{} ({})", candidate.instance_id, candidate.state);
            let list: Vec<_> = several.iter().take(MAX_CANDIDATES).map(describe).collect();
            let (list, count) = match several.len() {
                count if count <= MAX_CANDIDATES => (list.join(", "), count.to_string()),
                _ => (format!("{}, ...", list.join(", ")), format!("More than {MAX_CANDIDATES}")),
            };
            let message = format!("{count} instances are named {name}: {list}. Give an ID instead");
            Err(Error::new(Kind::Conflict, "AmbiguousInstanceName", message))
        }
    }
}

/// Authorizes the action on each of the instances, with every detail.
///
/// # Errors
/// It is not permitted on one of them, or one of them does not exist.
pub(super) async fn authorize_instances(
    cx: &Context<'_>,
    authorizer: &Authorizer<'_>,
    ids: &[InstanceId],
    details: &[Detail<'_>],
) -> Result<(), Error> {
    if !authorizer.depends_on_instances() {
        cx.decide(|decision| decision.permitted = Some(true));
        return Ok(());
    }
    let described = cx.before_change(Box::pin(describe(cx, authorizer.region, ids, false))).await?.value;
    authorize_described(cx, authorizer, ids, &described, details)
}

/// The same for instances that are described already.
pub(super) fn authorize_described(
    cx: &Context<'_>,
    authorizer: &Authorizer<'_>,
    ids: &[InstanceId],
    described: &[Instance],
    details: &[Detail<'_>],
) -> Result<(), Error> {
    ids.iter().try_for_each(|id| cx.decide(|decision| authorize_one(authorizer, id, described, details, decision)))
}

/// The same for one instance.
pub(super) fn authorize_one(
    authorizer: &Authorizer<'_>,
    id: &InstanceId,
    described: &[Instance],
    details: &[Detail<'_>],
    decision: &mut Decision,
) -> Result<(), Error> {
    let instance = described.iter().find(|instance| instance.instance_id == id.as_str());
    let instance = instance.ok_or_else(|| instance_not_found(id))?;
    details.iter().try_for_each(|detail| authorizer.instance(instance, *detail, decision))
}

/// Describes instances by their IDs, with all that EC2 answers if `details`.
///
/// # Errors
/// One of them does not exist, or no usable response.
pub(super) async fn describe(
    cx: &Context<'_>,
    region: &Region,
    ids: &[InstanceId],
    details: bool,
) -> Result<AwsOutput<Vec<Instance>>, Error> {
    let query = InstanceQuery { instance_ids: ids.to_vec(), details, ..InstanceQuery::default() };
    let page = cx.ec2.describe_instances(region, &query).await?;
    Ok(AwsOutput { value: page.value.into_instances().collect(), request_id: page.request_id })
}
