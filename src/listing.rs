//! Lists: page by page until everything is there or the answer is full, in one region or in all of them side by side.

use crate::App;
use crate::ec2::{Page, Query, Region, Reservation};
use crate::error::{Error, Kind};
use crate::gate::{Decision, Gate};
use crate::operation::{Done, Outcome, within};
use crate::policy::Resource;
use crate::s3::{ObjectInfo, ObjectQuery};
use crate::sdk::Answer;
use futures_util::future::join_all;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Writes the items of a page, which are in this region.
type WriteItems<T> = Box<dyn Fn(&[T], &Region, &mut Rows) + Send + Sync>;

/// How a list is written: as a JSON array, or as CSV below this header.
pub struct Write<T> {
    csv_header: Option<String>,
    items: WriteItems<T>,
}

impl<T> Write<T> {
    /// As the elements of a JSON array.
    pub fn json(items: impl Fn(&[T], &Region, &mut Rows) + Send + Sync + 'static) -> Self {
        Self { csv_header: None, items: Box::new(items) }
    }

    /// As lines below this one.
    pub fn csv(header: String, items: impl Fn(&[T], &Region, &mut Rows) + Send + Sync + 'static) -> Self {
        Self { csv_header: Some(header), items: Box::new(items) }
    }

    /// All of what is there, in one go.
    pub fn whole(&self, items: &[T], region: &Region) -> String {
        let mut rows = Rows::new(self.csv_header.clone());
        (self.items)(items, region, &mut rows);
        rows.finish()
    }
}

impl<T> fmt::Debug for Write<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Write").field("csv_header", &self.csv_header).finish_non_exhaustive()
    }
}

/// Something that AWS lists page by page.
pub(crate) trait Source: Sync {
    /// What is listed.
    type Item: Send;
    /// The smallest page that can be asked for, and the largest.
    const SIZES: (u32, u32);
    /// Where it is listed.
    fn region(&self) -> &Region;
    /// The size of the only page, if the caller pages by hand, and where it begins.
    fn wanted(&self) -> (Option<u32>, Option<String>);
    /// A page that begins at the token, and where the next begins.
    fn page(&self, size: u32, next_token: Option<String>) -> impl Future<Output = FetchedPage<Self::Item>> + Send;
}

type FetchedPage<T> = Result<Answer<(Vec<T>, Option<String>)>, Error>;

/// The instances of a region that the caller may see.
pub(crate) struct Instances<'a> {
    pub(crate) app: &'a App,
    pub(crate) gate: Gate<'a>,
    pub(crate) query: &'a Query,
}

/// The smallest page of instances, and the largest
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>).
pub const INSTANCE_PAGE_SIZES: (u32, u32) = (5, 1000);

impl Source for Instances<'_> {
    type Item = Reservation;
    const SIZES: (u32, u32) = INSTANCE_PAGE_SIZES;

    fn region(&self) -> &Region {
        self.gate.region
    }

    fn wanted(&self) -> (Option<u32>, Option<String>) {
        (self.query.max_results, self.query.next_token.clone())
    }

    async fn page(&self, size: u32, next_token: Option<String>) -> FetchedPage<Reservation> {
        let query = Query { max_results: Some(size), next_token, ..self.query.clone() };
        let answer = self.app.ec2.describe_instances(self.gate.region, &query).await?;
        let Page { mut reservations, next_token } = answer.value;
        if self.gate.policies.is_some() {
            for reservation in &mut reservations {
                reservation.instances.retain(|instance| self.gate.shows(Resource::Instance(instance)));
            }
            reservations.retain(|reservation| !reservation.instances.is_empty());
        }
        Ok(Answer { value: (reservations, next_token), request_id: answer.request_id })
    }
}

/// The objects of a bucket.
pub(crate) struct Objects<'a> {
    pub(crate) app: &'a App,
    pub(crate) region: &'a Region,
    pub(crate) query: &'a ObjectQuery,
}

/// The smallest page of objects, and the largest
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>).
pub const OBJECT_PAGE_SIZES: (u32, u32) = (1, 1000);

impl Source for Objects<'_> {
    type Item = ObjectInfo;
    const SIZES: (u32, u32) = OBJECT_PAGE_SIZES;

    fn region(&self) -> &Region {
        self.region
    }

    fn wanted(&self) -> (Option<u32>, Option<String>) {
        (self.query.max_results, self.query.next_token.clone())
    }

    async fn page(&self, size: u32, next_token: Option<String>) -> FetchedPage<ObjectInfo> {
        let query = ObjectQuery { max_results: Some(size), next_token, ..self.query.clone() };
        let answer = self.app.s3.list_objects(self.region, &query).await?;
        Ok(Answer { value: (answer.value.objects, answer.value.next_token), request_id: answer.request_id })
    }
}

/// The pages of a list, one after the other.
pub(crate) struct Pages<S> {
    source: S,
    /// Where the next page begins; `None` after the last one.
    next_token: Option<Option<String>>,
}

impl<S: Source> Pages<S> {
    /// All pages, from the first one.
    pub(crate) fn of(source: S) -> Self {
        Self { source, next_token: Some(None) }
    }

    /// The next page, if there is one.
    ///
    /// # Errors
    /// What AWS refuses, or that it can't be reached.
    pub(crate) async fn next(&mut self) -> Result<Option<Answer<Vec<S::Item>>>, Error> {
        let Some(next_token) = self.next_token.take() else { return Ok(None) };
        let Answer { value: (items, after), request_id } = self.source.page(S::SIZES.1, next_token).await?;
        self.next_token = after.map(Some);
        Ok(Some(Answer { value: items, request_id }))
    }
}

/// Lists page by page until everything is there, the answer is full, or the time is nearly over. Nothing is dropped: what does
/// not fit begins at the token.
///
/// # Errors
/// What AWS refuses, or that it can't be reached.
pub(crate) async fn list<S: Source>(source: &S, write: &Write<S::Item>, deadline: Instant) -> Result<Done, Error> {
    Ok(pages(source, write, deadline, None).await?.done())
}

/// What has been listed of something.
struct Listed {
    rows: Rows,
    next_token: Option<String>,
    request_id: Option<String>,
}

impl Listed {
    fn done(self) -> Done {
        let outcome = Outcome::Listed { text: self.rows.finish(), next_token: self.next_token };
        Done::new(outcome, self.request_id)
    }
}

/// Several lists that are made side by side, for one answer.
struct Together {
    /// The weight of each, in the order of the answer.
    written: Vec<AtomicUsize>,
    /// Who has a turn may ask for a large page. Memory is for some of them at a time, not for one of each region.
    turns: Semaphore,
}

impl Together {
    /// The first page of each: most regions have no more than that.
    const FIRST_PAGE: u32 = 200;
    /// So many large pages are held at once.
    const TURNS: usize = 4;

    fn new(lists: usize) -> Self {
        Self { written: (0..lists).map(|_| AtomicUsize::new(0)).collect(), turns: Semaphore::new(Self::TURNS) }
    }

    /// Adds to the weight of a list, and says whether the answer is full at its end.
    fn fills(&self, list: usize, weight: usize) -> bool {
        if let Some(written) = self.written.get(list) {
            written.fetch_add(weight, Ordering::Relaxed);
        }
        let before_and_this = self.written.iter().take(list + 1);
        before_and_this.map(|written| written.load(Ordering::Relaxed)).sum::<usize>() >= LARGEST_ANSWER
    }
}

/// `together` says of which lists this is one, and the how manieth.
async fn pages<S: Source>(
    source: &S,
    write: &Write<S::Item>,
    deadline: Instant,
    together: Option<(&Together, usize)>,
) -> Result<Listed, Error> {
    let mut rows = Rows::new(write.csv_header.clone());
    let (smallest, largest) = S::SIZES;
    let (one_page, mut next_token) = source.wanted();
    let mut size = one_page.unwrap_or(if together.is_some() { Together::FIRST_PAGE } else { largest });
    loop {
        // No semaphore is ever closed here.
        let turn = match together {
            Some((together, _)) if size > Together::FIRST_PAGE => together.turns.acquire().await.ok(),
            _ => None,
        };
        let asked = Instant::now();
        let Answer { value: (items, after), request_id } = source.page(size, next_token.clone()).await?;
        // What has been listed so far is worth more than a time-out.
        let late = Instant::now() + asked.elapsed() * 2 > deadline;
        let (before, weight) = (rows.mark(), rows.weight());
        (write.items)(&items, source.region(), &mut rows);
        drop((items, turn));
        let fits = rows.weight() <= LARGEST_ANSWER;
        let mut full = false;
        if fits {
            next_token = after;
            full |= together.is_some_and(|(together, list)| together.fills(list, rows.weight() - weight));
        } else {
            rows.cut(before);
            full |= !rows.is_empty();
        }
        if full || (fits && (one_page.is_some() || next_token.is_none() || late)) {
            return Ok(Listed { rows, next_token, request_id });
        }
        if fits {
            // After a first page that was small because there are many.
            size = if together.is_some() && size == Together::FIRST_PAGE { largest } else { size };
        } else {
            // Not even one page fits into an empty answer: a smaller one does.
            size /= 2;
            if size < smallest {
                return Err(Error::internal("the smallest page does not fit in an answer"));
            }
        }
    }
}

/// The regions that the account has, the deployment allows, and the caller may list.
async fn allowed(app: &App, gate: &Gate<'_>, decision: &mut Decision) -> Result<Vec<Region>, Error> {
    let mut regions = app.ec2.describe_regions(&app.config.regions.default).await?.value;
    regions.retain(|region| app.config.regions.allows(region) && Gate { region, ..*gate }.shows(Resource::Region));
    // The first of them says by which policy; where there is none, the default region does.
    Gate { region: regions.first().unwrap_or(gate.region), ..*gate }.list(decision)?;
    Ok(regions)
}

/// Kept back of the time for all regions, so that one that does not answer can be named.
const TIME_TO_NAME: Duration = Duration::from_millis(250);

fn leaving_time_to_name(deadline: Instant) -> Instant {
    deadline.checked_sub(TIME_TO_NAME).unwrap_or(deadline)
}

/// Says of an error in which region it was.
pub(crate) fn in_region(region: &Region) -> impl Fn(Error) -> Error {
    move |error| Error { message: format!("{region}: {}", error.message), ..error }
}

/// Lists the instances of all regions, in the order of the regions' names: as many as fit in one answer. The regions are asked
/// side by side, each until it and those before it fill the answer.
///
/// # Errors
/// What AWS refuses in one of the regions, or that it can't be reached there.
pub(crate) async fn everywhere(
    app: &App,
    gate: &Gate<'_>,
    query: &Query,
    write: &Write<Reservation>,
    deadline: Instant,
    decision: &mut Decision,
) -> Result<Done, Error> {
    let begin = query.next_token.as_deref().map(RegionToken::parse).transpose()?;
    let mut regions = allowed(app, gate, decision).await?;
    regions.retain(|region| begin.as_ref().is_none_or(|begin| *region >= begin.region));

    let together = Together::new(regions.len());
    let deadline = leaving_time_to_name(deadline);
    let listed = regions.iter().enumerate().map(async |(n, region)| {
        let next_token = begin.as_ref().filter(|begin| begin.region == *region).and_then(|begin| begin.token.clone());
        let query = Query { next_token, ..query.clone() };
        let source = Instances { app, gate: Gate { region, ..*gate }, query: &query };
        let pages = pages(&source, write, deadline, Some((&together, n)));
        within(deadline, pages).await.map_err(in_region(region))
    });
    let listed = join_all(listed).await;

    let mut all = Listed { rows: Rows::new(write.csv_header.clone()), next_token: None, request_id: None };
    for (region, listed) in regions.iter().zip(listed) {
        let Listed { rows, next_token, request_id } = listed?;
        all.request_id = request_id;
        let before = all.rows.mark();
        all.rows.append(rows);
        if all.rows.weight() > LARGEST_ANSWER {
            // Never the first one, which fits by itself: it begins at its beginning.
            all.rows.cut(before);
            all.next_token = Some(RegionToken { region: region.clone(), token: None }.to_string());
            break;
        }
        if next_token.is_some() {
            all.next_token = Some(RegionToken { region: region.clone(), token: next_token }.to_string());
            break;
        }
    }
    Ok(all.done())
}

/// Where a list of all regions goes on: in a region, at a token of EC2's or from its beginning.
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

/// How many instances of each state there are in a region, or why that can't be said.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RegionInstances {
    pub region: Region,
    pub by_state: Result<BTreeMap<String, usize>, Error>,
}

/// Counts the instances of all regions that the caller may see, side by side.
///
/// # Errors
/// That the regions themselves can't be had.
pub(crate) async fn regions(
    app: &App,
    gate: &Gate<'_>,
    deadline: Instant,
    decision: &mut Decision,
) -> Result<Vec<RegionInstances>, Error> {
    let regions = allowed(app, gate, decision).await?;
    let together = Together::new(regions.len());
    let deadline = leaving_time_to_name(deadline);
    let counted = regions.into_iter().enumerate().map(async |(n, region)| {
        let source = Instances { app, gate: Gate { region: &region, ..*gate }, query: &Query::default() };
        let by_state = within(deadline, count(&source, deadline, (&together, n))).await;
        RegionInstances { region, by_state }
    });
    Ok(join_all(counted).await)
}

async fn count(
    source: &Instances<'_>,
    deadline: Instant,
    together: (&Together, usize),
) -> Result<BTreeMap<String, usize>, Error> {
    let counts = Arc::new(Mutex::new(BTreeMap::new()));
    // A list of no rows: it is never full.
    let by_state = Arc::clone(&counts);
    let write = Write::json(move |page: &[Reservation], _, _| {
        let mut by_state = by_state.lock().unwrap_or_else(PoisonError::into_inner);
        for instance in page.iter().flat_map(|it| &it.instances) {
            let state = instance.state.name.as_deref().unwrap_or("unknown");
            *by_state.entry(state.to_owned()).or_default() += 1;
        }
    });
    let listed = pages(source, &write, deadline, Some(together)).await?;
    if listed.next_token.is_some() {
        let message = "There are more instances than can be counted in time";
        return Err(Error::new(Kind::Unreachable, "RequestTimeout", message));
    }
    let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut *counts))
}

/// The largest list in an answer, in bytes as the answer counts them: Lambda's limit of 6 MB
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>) less room for headers and the like.
pub const LARGEST_ANSWER: usize = 6 * 1024 * 1024 - 64 * 1024;

/// The largest object in an answer, in bytes: base64 makes four of three.
pub const LARGEST_OBJECT: usize = LARGEST_ANSWER / 4 * 3;

/// The rows of a list, written once, with their weight in Lambda's answer: the elements of a JSON array, or lines of CSV.
///
/// Lambda's answer is JSON that has this text in it as a string, where a quote, a backslash or the end of a line takes two bytes.
#[derive(Debug, Default)]
pub struct Rows {
    text: Vec<u8>,
    escapes: usize,
    csv_header: Option<String>,
}

/// Where a list begins to grow from, in bytes: a short one fits.
const ROOM: usize = 1024;

/// An end of [`Rows`] to go back to.
struct Mark(usize, usize);

impl Rows {
    fn new(csv_header: Option<String>) -> Self {
        Self { csv_header, text: Vec::with_capacity(ROOM), ..Self::default() }
    }

    /// Adds an element of the array.
    pub fn push(&mut self, row: &impl Serialize) {
        let start = self.text.len();
        self.separate();
        if serde_json::to_writer(&mut self.text, row).is_err() {
            // Writing to memory fails for maps with keys that are no strings only, and no row has one.
            self.text.truncate(start);
        }
        self.weigh(start);
    }

    /// Adds lines of CSV, with their ends.
    pub fn push_lines(&mut self, lines: &[u8]) {
        let start = self.text.len();
        self.text.extend_from_slice(lines);
        self.weigh(start);
    }

    /// Adds all rows of others.
    fn append(&mut self, others: Self) {
        if !others.is_empty() {
            let start = self.text.len();
            self.separate();
            self.text.extend_from_slice(&others.text);
            self.weigh(start);
        }
    }

    fn separate(&mut self) {
        if self.csv_header.is_none() && !self.text.is_empty() {
            self.text.push(b',');
        }
    }

    fn weigh(&mut self, start: usize) {
        // Other control characters become \u00XX.
        let escape = |byte: &u8| match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 1,
            0..0x20 => 5,
            _ => 0,
        };
        self.escapes += self.text.iter().skip(start).map(escape).sum::<usize>();
    }

    fn weight(&self) -> usize {
        self.text.len() + self.escapes
    }

    fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    fn mark(&self) -> Mark {
        Mark(self.text.len(), self.escapes)
    }

    fn cut(&mut self, Mark(len, escapes): Mark) {
        self.text.truncate(len);
        self.escapes = escapes;
    }

    /// The whole array, or all lines with the header.
    pub fn finish(self) -> String {
        let (before, after) = match &self.csv_header {
            Some(header) => (header.as_str(), ""),
            None => ("[", "]"),
        };
        // Both serde_json and the CSV writer write UTF-8.
        [before, &String::from_utf8(self.text).unwrap_or_default(), after].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_an_array_and_weigh_what_lambda_counts() {
        let mut rows = Rows::default();
        rows.push(&serde_json::json!({"a": "x\"y"}));
        let mark = rows.mark();
        rows.push(&"dropped");
        rows.cut(mark);
        let mut others = Rows::default();
        others.push(&7);
        others.push(&"\u{1}");
        rows.append(others);
        rows.append(Rows::default());
        let weight = rows.weight();
        let json = rows.finish();
        assert_eq!(json, "[{\"a\":\"x\\\"y\"},7,\"\\u0001\"]");
        let in_answer = serde_json::to_string(&json).unwrap();
        assert_eq!(weight, in_answer.len() - r#""[]""#.len());
        assert_eq!(Rows::default().finish(), "[]");
    }

    #[test]
    fn lines_stand_below_their_header_and_weigh_what_lambda_counts() {
        let mut rows = Rows::new(Some("a\r\n".to_owned()));
        rows.push_lines(b"\"x, y\"\r\n");
        let mut others = Rows::new(Some("a\r\n".to_owned()));
        others.push_lines(b"\tz\x01\r\n");
        rows.append(others);
        let weight = rows.weight();
        let csv = rows.finish();
        assert_eq!(csv, "a\r\n\"x, y\"\r\n\tz\u{1}\r\n");
        let in_answer = serde_json::to_string(&csv).unwrap();
        assert_eq!(weight, in_answer.len() - r#""a\r\n""#.len());
    }

    #[test]
    fn a_list_is_full_by_what_comes_before_it_and_never_by_what_comes_after() {
        let together = Together::new(3);
        assert!(!together.fills(2, LARGEST_ANSWER - 1));
        assert!(!together.fills(0, 10));
        assert!(together.fills(2, 1));
        assert!(!together.fills(1, LARGEST_ANSWER - 11));
        assert!(together.fills(1, 1));
    }

    #[test]
    fn a_token_of_all_regions_says_where_to_go_on() {
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
