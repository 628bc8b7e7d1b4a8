//! Lists of instances, in one region or in all of them, and of objects.

use super::paging::{
    DESCRIBE_INSTANCES, FanOut, Filled, Fit, InstancePages, List, ObjectPages, PageSink, deadline_with_margin, fill,
    fill_visible, in_region,
};
use super::regions::allowed_regions;
use super::resolve::resolve_instances;
use super::{ALL_REGIONS, Completed, Context, Operation, Outcome, Target, within};
use crate::authz::Authorizer;
use crate::error::Error;
use crate::model::{
    Action, Effect, Filter, InstanceId, InstanceQuery, InstanceRef, ObjectInfo, ObjectQuery, Region, Reservation,
};
use futures_util::future::join_all;
use std::fmt;
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

/// Lists the instances of all regions, in the order of the regions' names, up to what fits into the
/// sink. The regions are asked in parallel.
#[derive(Debug)]
pub struct ListInstancesEverywhere<K> {
    /// Only these; none: all.
    pub instances: Vec<InstanceId>,
    /// The filters and the token.
    pub query: InstanceQuery,
    /// Where the list goes.
    pub sink: K,
}

impl<K: PageSink<Item = Reservation>> Operation for ListInstancesEverywhere<K> {
    const ACTION: Action = Action { iam: &["ec2:DescribeInstances", "ec2:DescribeRegions"], ..DESCRIBE_INSTANCES };
    type Output = List<K>;

    fn target(&self) -> Target {
        let instance_ids = self.instances.iter().map(ToString::to_string).collect();
        Target { region: Some(ALL_REGIONS.to_owned()), instance_ids, ..Target::default() }
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let query = with_instances(&self.query, &self.instances);
        let start = query.next_token.as_deref().map(RegionToken::parse).transpose()?;
        let authorizer = cx.authorizer(Self::ACTION, &cx.config.regions.default);
        let mut regions = allowed_regions(cx, &authorizer).await?;
        regions.retain(|region| start.as_ref().is_none_or(|start| *region >= start.region));

        let fan_out = FanOut::new();
        let deadline = deadline_with_margin(cx.deadline);
        let lists = regions.iter().zip(self.sink.fork(regions.len())).map(async |(region, sink)| {
            let next_token =
                start.as_ref().filter(|start| start.region == *region).and_then(|start| start.token.clone());
            let query = InstanceQuery { next_token, ..query.clone() };
            let authorizer = Authorizer { region, ..authorizer };
            let source = InstancePages { ec2: cx.ec2, authorizer, query: &query };
            within(deadline, fill_instances(&source, sink, deadline, Some(&fan_out))).await.map_err(in_region(region))
        });
        let lists = join_all(lists).await;

        let (mut all, mut all_next_token, mut last_request_id) = (self.sink.empty(), None, None);
        for (region, filled) in regions.iter().zip(lists) {
            let Filled { sink, next_token, request_id } = filled?;
            last_request_id = request_id;
            if all.append(sink) == Fit::Rejected {
                // Never the first region, whose list fits by itself.
                all_next_token = Some(RegionToken { region: region.clone(), token: None }.to_string());
                break;
            }
            if next_token.is_some() {
                all_next_token = Some(RegionToken { region: region.clone(), token: next_token }.to_string());
                break;
            }
        }
        Ok(Outcome::done(List { sink: all, next_token: all_next_token }, last_request_id))
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
async fn fill_instances<K: PageSink<Item = Reservation>>(
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

/// The token of a list of all regions: a region, and EC2's token there or its beginning.
#[derive(Debug, PartialEq, Eq)]
struct RegionToken {
    region: Region,
    token: Option<String>,
}

impl RegionToken {
    fn parse(text: &str) -> Result<Self, Error> {
        let parts = text.split_once(':').and_then(|(region, token)| Some((Region::parse(region)?, token)));
        let (region, token) =
            parts.ok_or_else(|| Error::invalid("next_token", "is not where a list of all regions ended"))?;
        Ok(Self { region, token: (!token.is_empty()).then(|| token.to_owned()) })
    }
}

impl fmt::Display for RegionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.region, self.token.as_deref().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_all_regions_names_the_region_to_continue_in() {
        for (text, token) in [("eu-west-1:", None), ("eu-west-1:a:b=", Some("a:b="))] {
            let parsed = RegionToken::parse(text).unwrap();
            assert_eq!((parsed.region.as_str(), parsed.token.as_deref()), ("eu-west-1", token));
            assert_eq!(parsed.to_string(), text);
        }
        for text in ["", "x", "eu-west-1", ":x", "x.evil.example/:x"] {
            assert_eq!(RegionToken::parse(text).unwrap_err().parameter.as_deref(), Some("next_token"), "{text}");
        }
    }
}
