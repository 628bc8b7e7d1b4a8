//! The instances of a change: by ID, by name, or by tag.

use super::Context;
use super::paging::{DESCRIBE_INSTANCES, InstancePages, Pages};
use super::resolve::{authorize_described, authorize_instances, resolve_instances};
use crate::authz::{Authorizer, Detail};
use crate::error::{Error, Kind};
use crate::model::{Action, Filter, Instance, InstanceId, InstanceQuery, MAX_TAGGED, Region, Selection, Tag, Tagged};

/// The IDs of the instances, after the action on each of them was authorized with every detail.
/// By tag, only instances in one of the `states` are meant.
///
/// # Errors
/// A name or the number of instances is not as expected, an instance does not exist, or the action
/// is not permitted on one of them.
pub(super) async fn authorized_ids(
    action: Action,
    cx: &Context<'_>,
    region: &Region,
    selection: &Selection,
    states: &[&str],
    details: &[Detail<'_>],
) -> Result<Vec<InstanceId>, Error> {
    let authorizer = cx.authorizer(action, region);
    match selection {
        Selection::Named(instances) => {
            let ids = resolve_instances(cx, &authorizer, instances).await?;
            authorize_instances(cx, &authorizer, &ids, details).await?;
            Ok(ids)
        }
        Selection::Tagged(tagged) => {
            let found = cx.before_change(Box::pin(find_tagged(cx, &authorizer, tagged, states))).await?;
            let ids: Option<Vec<_>> = found.iter().map(|found| InstanceId::parse(&found.instance_id)).collect();
            let ids = ids.ok_or_else(|| Error::internal("EC2 returned a malformed instance ID"))?;
            cx.decide(|decision| decision.instances.clone_from(&ids));
            authorize_described(cx, &authorizer, &ids, &found, details)?;
            Ok(ids)
        }
    }
}

/// Finds the instances by one list: what it tells is told of instances that the caller can see.
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
        Some(expect) if expect as usize != found.len() => {
            let message = format!("These tags mean {} instances, not {expect}: nothing was done", found.len());
            Err(Error::new(Kind::Conflict, "UnexpectedCount", message))
        }
        _ => Ok(found),
    }
}
