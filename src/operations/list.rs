//! Lists of instances in a region, and of objects in a bucket.

use super::paging::{
    DESCRIBE_INSTANCES, FanOut, Filled, InstancePages, List, ObjectPages, PageSink, fill, fill_visible,
};
use super::resolve::resolve_instances;
use super::{Completed, Context, Operation, Outcome, Target};
use crate::error::Error;
use crate::model::{
    Action, Effect, Filter, InstanceId, InstanceQuery, InstanceRef, ObjectInfo, ObjectQuery, Region, Reservation,
};
use tokio::time::Instant;

/// Lists the instances of a region: all that fit into the sink, or the page that the query asks
/// for.
#[derive(Debug)]
pub struct ListInstances<K> {
    /// The region.
    pub region: Region,
    /// Only these; none: all.
    pub instances: Vec<InstanceRef>,
    /// The filters and the page.
    pub query: InstanceQuery,
    /// Where the list goes.
    pub sink: K,
}

impl<K: PageSink<Item = Reservation>> Operation for ListInstances<K> {
    const ACTION: Action = DESCRIBE_INSTANCES;
    type Output = List<K>;

    fn target(&self) -> Target {
        Target::instances(&self.region, &self.instances)
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let authorizer = cx.authorizer(Self::ACTION, &self.region);
        cx.decide(|decision| authorizer.list(decision))?;
        let query = with_instances(&self.query, &resolve_instances(cx, &authorizer, &self.instances).await?);
        let source = InstancePages { ec2: cx.ec2, authorizer, query: &query };
        list(fill_instances(&source, self.sink.empty(), cx.deadline, None).await)
    }
}

/// Lists the objects of a bucket: all that fit into the sink, or the page that the query asks for.
#[derive(Debug)]
pub struct ListObjects<K> {
    /// The bucket's region.
    pub region: Region,
    /// The bucket, the prefix and the page.
    pub query: ObjectQuery,
    /// Where the list goes.
    pub sink: K,
}

impl<K: PageSink<Item = ObjectInfo>> Operation for ListObjects<K> {
    const ACTION: Action = Action { name: "ListObjectsV2", effect: Effect::Read, iam: &["s3:ListBucket"] };
    type Output = List<K>;

    fn target(&self) -> Target {
        Target { bucket: Some(self.query.bucket.to_string()), ..Target::region(&self.region) }
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let authorizer = cx.authorizer(Self::ACTION, &self.region);
        cx.decide(|decision| authorizer.bucket(self.query.bucket.as_str(), decision))?;
        let source = ObjectPages { s3: cx.s3, region: &self.region, query: &self.query };
        list(fill(&source, self.sink.empty(), cx.deadline, None).await)
    }
}

/// Puts the instances of a region that the caller can see into the sink.
pub(super) async fn fill_instances<K: PageSink<Item = Reservation>>(
    source: &InstancePages<'_>,
    sink: K,
    deadline: Instant,
    fan_out: Option<&FanOut>,
) -> Result<Filled<K>, Error> {
    match source.authorizer.policies {
        Some(_) => fill_visible(source, sink, fan_out).await,
        None => fill(source, sink, deadline, fan_out).await,
    }
}

fn list<K>(filled: Result<Filled<K>, Error>) -> Result<Outcome<List<K>>, Error> {
    let Filled { sink, next_token, request_id } = filled?;
    Ok(Outcome::Done(Completed::new(List { sink, next_token }, request_id)))
}

/// The query, limited to these instances if there are any. It is limited by a filter:
/// DescribeInstances' own list of IDs can't be paged, and fails if one of them does not exist.
pub(super) fn with_instances(query: &InstanceQuery, ids: &[InstanceId]) -> InstanceQuery {
    let mut query = query.clone();
    if !ids.is_empty() {
        query.filters.push(Filter::exactly("instance-id", ids.iter().map(InstanceId::as_str)));
    }
    query
}
