//! Pages of a list: from AWS, one after the other, into a sink.
//!
//! An operation knows neither the format of a response nor its size limit: the sink does.

use crate::authz::Authorizer;
use crate::aws::ec2::Ec2;
use crate::aws::s3::S3;
use crate::aws::sdk::AwsOutput;
use crate::error::{Error, Kind};
use crate::model::{
    Action, Effect, InstanceId, InstanceQuery, ObjectInfo, ObjectQuery, Page, Place, Region, Reservation,
};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// The action of everything that only describes instances.
pub const DESCRIBE_INSTANCES: Action =
    Action { name: "DescribeInstances", effect: Effect::Read, iam: &["ec2:DescribeInstances"] };

/// Where the pages of a list go.
pub trait PageSink: Send + Sync + Sized + 'static {
    /// An item of a page.
    type Item: Send;

    /// An empty sink of the same form and capacity.
    fn empty(&self) -> Self;

    /// `count` empty sinks for lists that are made in parallel and are appended to one sink in this
    /// order. Together they have the capacity of one. Each is made when it is taken.
    fn fork(&self, count: usize) -> impl Iterator<Item = Self> + Send;

    /// Adds a page of items at the place.
    fn push(&mut self, page: &[Self::Item], place: Place<'_>) -> Fit;

    /// Adds all that another sink holds.
    fn append(&mut self, other: Self) -> Fit;

    /// Whether it holds nothing yet.
    fn is_empty(&self) -> bool;
}

/// Whether a page fits into a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It was added, and there is room for more.
    Room,
    /// It was added, and the sink is full.
    Full,
    /// It does not fit; nothing of it was added.
    Rejected,
}

/// A list that a caller gets.
#[derive(Debug)]
pub struct List<K> {
    /// The items.
    pub sink: K,
    /// The token of the rest, if there is more.
    pub next_token: Option<String>,
}

/// Something that AWS lists page by page.
pub(super) trait PageSource: Sync {
    /// An item of a page.
    type Item: Send;
    /// The minimum and the maximum size of a page.
    const SIZES: (u32, u32);
    /// Where the items are.
    fn place(&self) -> Place<'_>;
    /// The page that the caller asks for: its size, if he pages himself, and its token.
    fn requested_page(&self) -> (Option<u32>, Option<String>);
    /// Gets the page that begins at the token, and the token of the next page.
    fn page(&self, size: u32, next_token: Option<String>) -> impl Future<Output = SourcePage<Self::Item>> + Send;
}

type SourcePage<T> = Result<AwsOutput<(Vec<T>, Option<String>)>, Error>;

/// The instances of a region that the caller can see.
pub(super) struct InstancePages<'a> {
    pub(super) ec2: &'a Ec2,
    pub(super) authorizer: Authorizer<'a>,
    pub(super) query: &'a InstanceQuery,
}

/// The minimum and the maximum size of a page of instances
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>).
pub const INSTANCE_PAGE_SIZES: (u32, u32) = (5, 1000);

impl PageSource for InstancePages<'_> {
    type Item = Reservation;
    const SIZES: (u32, u32) = INSTANCE_PAGE_SIZES;

    fn place(&self) -> Place<'_> {
        self.authorizer.place()
    }

    fn requested_page(&self) -> (Option<u32>, Option<String>) {
        (self.query.max_results, self.query.next_token.clone())
    }

    async fn page(&self, size: u32, next_token: Option<String>) -> SourcePage<Reservation> {
        let query = InstanceQuery { max_results: Some(size), next_token, ..self.query.clone() };
        let page = self.ec2.describe_instances(self.authorizer.region, &query).await?;
        let Page { mut reservations, next_token } = page.value;
        if self.authorizer.policies.is_some() {
            let instances: Vec<_> = reservations.iter().flat_map(|reservation| &reservation.instances).collect();
            let mut visible = self.authorizer.can_see_each(&instances).into_iter();
            for reservation in &mut reservations {
                reservation.instances.retain(|_| visible.next().unwrap_or(false));
            }
            reservations.retain(|reservation| !reservation.instances.is_empty());
        }
        Ok(AwsOutput { value: (reservations, next_token), request_id: page.request_id })
    }
}

/// The objects of a bucket.
pub(super) struct ObjectPages<'a> {
    pub(super) s3: &'a S3,
    pub(super) region: &'a Region,
    pub(super) query: &'a ObjectQuery,
}

/// The minimum and the maximum size of a page of objects
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>).
pub const OBJECT_PAGE_SIZES: (u32, u32) = (1, 1000);

impl PageSource for ObjectPages<'_> {
    type Item = ObjectInfo;
    const SIZES: (u32, u32) = OBJECT_PAGE_SIZES;

    fn place(&self) -> Place<'_> {
        Place { account: None, region: self.region }
    }

    fn requested_page(&self) -> (Option<u32>, Option<String>) {
        (self.query.max_results, self.query.next_token.clone())
    }

    async fn page(&self, size: u32, next_token: Option<String>) -> SourcePage<ObjectInfo> {
        let query = ObjectQuery { max_results: Some(size), next_token, ..self.query.clone() };
        let page = self.s3.list_objects(self.region, &query).await?;
        Ok(AwsOutput { value: (page.value.objects, page.value.next_token), request_id: page.request_id })
    }
}

/// All pages of a source, one after the other.
pub(super) struct Pages<S> {
    source: S,
    /// The token of the next page; `None` after the last page.
    next_token: Option<Option<String>>,
}

impl<S: PageSource> Pages<S> {
    /// All pages, from the first one.
    pub(super) fn new(source: S) -> Self {
        Self { source, next_token: Some(None) }
    }

    /// The next page; `None` after the last page.
    ///
    /// # Errors
    /// AWS's refusal, or no usable response.
    pub(super) async fn next(&mut self) -> Result<Option<AwsOutput<Vec<S::Item>>>, Error> {
        let Some(next_token) = self.next_token.take() else { return Ok(None) };
        let AwsOutput { value: (items, after), request_id } = self.source.page(S::SIZES.1, next_token).await?;
        self.next_token = after.map(Some);
        Ok(Some(AwsOutput { value: items, request_id }))
    }
}

/// Limits the memory of lists that are made in parallel.
pub(super) struct FanOut {
    /// A permit is needed to request a large page; bounds memory.
    large_pages: Semaphore,
}

impl FanOut {
    /// The size of the first page of each list: most regions have no more instances than that.
    const FIRST_PAGE_SIZE: u32 = 200;
    /// The number of large pages that are held at the same time.
    const MAX_LARGE_PAGES: usize = 4;

    pub(super) fn new() -> Self {
        Self { large_pages: Semaphore::new(Self::MAX_LARGE_PAGES) }
    }

    /// Waits for the permit to hold a page of this size, if it needs one.
    async fn permit(fan_out: Option<&Self>, size: u32) -> Option<SemaphorePermit<'_>> {
        match fan_out {
            // The semaphore is never closed.
            Some(fan_out) if size > Self::FIRST_PAGE_SIZE => fan_out.large_pages.acquire().await.ok(),
            _ => None,
        }
    }
}

/// A list that was put into a sink.
pub(super) struct Filled<K> {
    pub(super) sink: K,
    pub(super) next_token: Option<String>,
    pub(super) request_id: Option<String>,
}

/// Puts page after page into the sink until the list is complete, the sink is full, or the deadline
/// is near. Nothing is dropped: the rest begins at the token.
///
/// # Errors
/// AWS's refusal, or no usable response.
pub(super) async fn fill<S: PageSource, K: PageSink<Item = S::Item>>(
    source: &S,
    mut sink: K,
    deadline: Instant,
    fan_out: Option<&FanOut>,
) -> Result<Filled<K>, Error> {
    let (min_size, max_size) = S::SIZES;
    let (requested_size, mut next_token) = source.requested_page();
    let mut size = requested_size.unwrap_or(if fan_out.is_some() { FanOut::FIRST_PAGE_SIZE } else { max_size });
    loop {
        let permit = FanOut::permit(fan_out, size).await;
        let started = Instant::now();
        let AwsOutput { value: (items, after), request_id } = source.page(size, next_token.clone()).await?;
        // What has been listed so far is worth more than a time-out.
        let late = Instant::now() + started.elapsed() * 2 > deadline;
        let fit = sink.push(&items, source.place());
        drop((items, permit));
        if fit == Fit::Rejected {
            if !sink.is_empty() {
                return Ok(Filled { sink, next_token, request_id });
            }
            // One page does not fit into an empty sink: a smaller one does.
            size /= 2;
            if size < min_size {
                return Err(Error::internal("the smallest page does not fit in a response"));
            }
            continue;
        }
        next_token = after;
        if fit == Fit::Full || requested_size.is_some() || next_token.is_none() || late {
            return Ok(Filled { sink, next_token, request_id });
        }
        if fan_out.is_some() && size == FanOut::FIRST_PAGE_SIZE {
            size = max_size;
        }
    }
}

/// Puts the instances that the caller can see into the sink, until the list is complete, the page
/// that the query asks for is full, or the sink is.
///
/// What the caller gets is a function of the instances that he can see, and of nothing else. So a
/// page ends at an instance, not where EC2's page ends; it has a token only if another instance
/// follows that he can see; and the token is the ID of its last instance, not EC2's token. The next
/// page is read from the list's beginning.
///
/// # Errors
/// AWS's refusal, or no usable response; the token is no instance of the list.
pub(super) async fn fill_visible<K: PageSink<Item = Reservation>>(
    source: &InstancePages<'_>,
    sink: K,
    fan_out: Option<&FanOut>,
) -> Result<Filled<K>, Error> {
    let (max_results, token) = source.requested_page();
    if token.as_deref().is_some_and(|token| InstanceId::parse(token).is_none()) {
        return Err(Error::invalid("next_token", "is not where a list ended"));
    }
    let mut page = VisiblePage { sink, left: max_results, after: token, last: None };
    let (_, max_size) = INSTANCE_PAGE_SIZES;
    let mut size = if fan_out.is_some() || max_results.is_some() { FanOut::FIRST_PAGE_SIZE } else { max_size };
    let mut ec2_token = None;
    // EC2 may split a reservation over two pages.
    let mut split: Option<Reservation> = None;
    loop {
        let permit = FanOut::permit(fan_out, size).await;
        let AwsOutput { value: (reservations, after), request_id } = source.page(size, ec2_token).await?;
        for mut reservation in reservations {
            if let Some(mut first) = split.take() {
                if first.is_part_of(&reservation) {
                    first.instances.append(&mut reservation.instances);
                    reservation = first;
                } else if page.push(first, source.place())? == Fit::Full {
                    return Ok(page.filled(request_id));
                }
            }
            split = Some(reservation);
        }
        drop(permit);
        let Some(after) = after else {
            let full = match split {
                Some(last) => page.push(last, source.place())? == Fit::Full,
                None => false,
            };
            if page.after.is_some() {
                return Err(Error::invalid("next_token", "is no longer in this list: begin without it"));
            }
            if !full {
                page.last = None;
            }
            return Ok(page.filled(request_id));
        };
        (ec2_token, size) = (Some(after), max_size);
    }
}

/// A page of instances that ends at one of them.
struct VisiblePage<K> {
    sink: K,
    /// The number of instances that still fit; `None`: as many as the sink takes.
    left: Option<u32>,
    /// The instance after which the page begins, until it was seen.
    after: Option<String>,
    /// The last instance of the page.
    last: Option<String>,
}

impl<K: PageSink<Item = Reservation>> VisiblePage<K> {
    /// Adds as many as the page has room for. [`Fit::Full`]: not all.
    ///
    /// # Errors
    /// One instance does not fit into an empty sink.
    fn push(&mut self, mut reservation: Reservation, place: Place<'_>) -> Result<Fit, Error> {
        if let Some(after) = &self.after {
            let at = reservation.instances.iter().position(|instance| instance.instance_id == *after);
            let Some(at) = at else { return Ok(Fit::Room) };
            reservation.instances.drain(..=at);
            self.after = None;
        }
        let mut part_size = usize::MAX;
        let mut rest = std::mem::take(&mut reservation.instances);
        while !rest.is_empty() {
            let room = self.left.map_or(usize::MAX, |left| left as usize);
            let after = rest.split_off(part_size.min(room).min(rest.len()));
            reservation.instances = rest;
            let Some(last) = reservation.instances.last() else { return Ok(Fit::Full) };
            let (last, count) = (last.instance_id.clone(), reservation.instances.len());
            match self.sink.push(std::slice::from_ref(&reservation), place) {
                Fit::Rejected if !self.sink.is_empty() => return Ok(Fit::Full),
                Fit::Rejected if count == 1 => {
                    return Err(Error::internal(format!("{last} does not fit in a response")));
                }
                // A part of a reservation fits into an empty sink.
                Fit::Rejected => {
                    part_size = count / 2;
                    rest = std::mem::take(&mut reservation.instances);
                    rest.extend(after);
                    continue;
                }
                Fit::Full => self.left = Some(0),
                Fit::Room => {
                    let count = u32::try_from(count).unwrap_or(u32::MAX);
                    self.left = self.left.map(|left| left.saturating_sub(count));
                }
            }
            self.last = Some(last);
            rest = after;
        }
        Ok(Fit::Room)
    }

    /// The page, with the token of the next one if it has a last instance.
    fn filled(self, request_id: Option<String>) -> Filled<K> {
        Filled { sink: self.sink, next_token: self.last, request_id }
    }
}

/// The part of the deadline that is kept to name the account and region that do not answer.
const ERROR_MARGIN: Duration = Duration::from_millis(250);

/// The deadline of one of several accounts or regions.
pub(super) fn deadline_with_margin(deadline: Instant) -> Instant {
    deadline.checked_sub(ERROR_MARGIN).unwrap_or(deadline)
}

/// Puts the region's name into the error's message.
pub(super) fn in_region(region: &Region) -> impl Fn(Error) -> Error {
    move |error| Error { message: format!("{region}: {}", error.message), ..error }
}

/// The error of a list that takes too long.
pub(super) fn too_many_to_count() -> Error {
    Error::new(Kind::Unreachable, "RequestTimeout", "There are more instances than can be counted in time")
}
