//! What the function can do, whoever asks in whatever dialect, and the rules that are common to all.

use crate::App;
use crate::ec2::{Attribute, Change, Instance, InstanceId, Launch, Query, Region, Reservation, StateChange, Tag};
use crate::error::{Error, Kind};
use crate::s3::aws::Download;
use crate::s3::{Bucket, BucketInfo, Object, ObjectInfo, ObjectKey, ObjectQuery, PresignedMethod};
use crate::sdk::Answer;
use serde::Serialize;
use std::time::Instant;

/// Something to do.
#[derive(Debug)]
pub enum Operation {
    /// Nothing: say that the function is there.
    Health,
    /// Launch instances.
    Launch(Launch),
    /// Change the state of instances with one call, and then set a tag on them.
    Change {
        /// What to do to them.
        change: Change,
        /// To these; at least one.
        instance_ids: Vec<InstanceId>,
        /// What to set afterwards.
        tag: Option<Tag>,
    },
    /// Describe one instance.
    Describe(InstanceId),
    /// Give one attribute of an instance a new value.
    Modify(InstanceId, Attribute),
    /// List instances: all that fit in one answer, or a page if the query says how large.
    List {
        /// Which.
        query: Query,
        /// Writes them as elements of a JSON array.
        write: WriteRows<Reservation>,
    },
    /// List the buckets whose names begin with this.
    ListBuckets(String),
    /// Create a bucket.
    CreateBucket(Bucket),
    /// Delete an empty bucket.
    DeleteBucket(Bucket),
    /// List objects: all that fit in one answer, or a page if the query says how large.
    ListObjects {
        /// Which.
        query: ObjectQuery,
        /// Writes them as elements of a JSON array.
        write: WriteRows<ObjectInfo>,
    },
    /// Store an object.
    PutObject(Bucket, ObjectKey, Object),
    /// Read an object.
    GetObject(Bucket, ObjectKey),
    /// Delete an object.
    DeleteObject(Bucket, ObjectKey),
    /// Make a URL by which its holder may put or get an object.
    Presign(PresignedMethod, Bucket, ObjectKey),
}

/// Writes the items of a page as elements of a JSON array.
pub type WriteRows<T> = fn(&[T], &mut Rows);

/// What came of an operation.
#[derive(Debug)]
pub enum Outcome {
    /// The function is there.
    Health,
    /// These instances were launched.
    Launched(Vec<Instance>),
    /// The state of these instances has changed, in the order asked for.
    Changed(Vec<StateChange>),
    /// These instances are rebooting.
    Rebooted(Vec<InstanceId>),
    /// This is the instance.
    Described(Box<Instance>),
    /// The attribute has its new value.
    Modified,
    /// A JSON array.
    Listed {
        /// The array.
        json: String,
        /// Where the rest begins, if there is more.
        next_token: Option<String>,
    },
    /// These are the buckets.
    Buckets(Vec<BucketInfo>),
    /// The bucket or object is there.
    Stored,
    /// The bucket or object is gone.
    Deleted,
    /// This is the object.
    Object(Object),
    /// The object does not fit in an answer; it can be had at this URL.
    TooLarge {
        /// A presigned URL.
        url: String,
    },
    /// This URL lets its holder put or get an object.
    Presigned {
        /// The URL.
        url: String,
        /// What to do with it.
        method: PresignedMethod,
    },
}

/// What came of an operation that was carried out.
#[derive(Debug)]
pub struct Done {
    /// What came of it.
    pub outcome: Outcome,
    /// AWS's ID of the last call.
    pub aws_request_id: Option<String>,
    /// What failed after the change itself had happened: the caller is warned of it, not refused.
    pub incomplete: Option<Error>,
}

impl Operation {
    /// The instances that it names.
    pub fn instance_ids(&self) -> impl Iterator<Item = &str> {
        let ids: &[InstanceId] = match self {
            Self::Change { instance_ids, .. } => instance_ids,
            Self::Describe(id) | Self::Modify(id, _) => std::slice::from_ref(id),
            Self::List { query, .. } => &query.instance_ids,
            _ => &[],
        };
        ids.iter().map(InstanceId::as_str)
    }
}

impl Outcome {
    /// The instances that were launched.
    pub fn launched_ids(&self) -> impl Iterator<Item = &str> {
        let instances: &[Instance] = match self {
            Self::Launched(instances) => instances,
            _ => &[],
        };
        instances.iter().map(|instance| instance.instance_id.as_str())
    }
}

/// Carries out an operation before the deadline. `client_token` makes a launch that is sent twice happen once.
///
/// # Errors
/// That AWS refuses or can't be reached: then nothing has changed, unless the error says that it is not known.
pub async fn execute(
    app: &App,
    region: &Region,
    operation: &Operation,
    client_token: &str,
    deadline: Instant,
) -> Result<Done, Error> {
    let Operation::Change { change, instance_ids, tag } = operation else {
        return within(deadline, one_step(app, region, operation, client_token)).await;
    };
    let answer = within(deadline, app.ec2.change(region, *change, instance_ids)).await?;
    let outcome = match change {
        Change::Reboot => Outcome::Rebooted(instance_ids.clone()),
        _ => Outcome::Changed(answer.value),
    };
    // From here on the change has happened: whatever becomes of the tag, this is no failure.
    let incomplete = match tag {
        Some(tag) => within(deadline, app.ec2.create_tags(region, instance_ids, std::slice::from_ref(tag))).await.err(),
        None => None,
    };
    Ok(Done { outcome, aws_request_id: answer.request_id, incomplete })
}

/// What AWS answers before the deadline.
async fn within<T>(deadline: Instant, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout_at(deadline.into(), answer).await.unwrap_or_else(|_| {
        let message = "AWS did not answer in time: what was asked for may have happened or not";
        Err(Error { by_aws: true, ..Error::new(Kind::Unreachable, "RequestTimeout", message) })
    })
}

/// Carries out what is done when AWS has answered.
async fn one_step(app: &App, region: &Region, operation: &Operation, client_token: &str) -> Result<Done, Error> {
    let done = |outcome, aws_request_id| Ok(Done { outcome, aws_request_id, incomplete: None });
    match operation {
        Operation::Health => done(Outcome::Health, None),
        // Two steps: `execute` takes them itself.
        Operation::Change { .. } => Err(Error::internal("a change is not one step")),
        Operation::Launch(launch) => {
            let answer = app.ec2.run_instances(region, launch, client_token).await?;
            done(Outcome::Launched(answer.value.instances), answer.request_id)
        }
        Operation::Describe(id) => {
            let query = Query { instance_ids: vec![id.clone()], ..Query::default() };
            let answer = app.ec2.describe_instances(region, &query).await?;
            let instance = answer.value.reservations.into_iter().flat_map(|it| it.instances).next();
            let gone =
                || Error::new(Kind::NotFound, "InvalidInstanceID.NotFound", format!("There is no instance {id}"));
            done(Outcome::Described(Box::new(instance.ok_or_else(gone)?)), answer.request_id)
        }
        Operation::Modify(id, attribute) => {
            let answer = app.ec2.modify(region, id, attribute).await?;
            done(Outcome::Modified, answer.request_id)
        }
        Operation::List { query, write } => {
            let source = Instances { app, region, query };
            list(&source, query.max_results, query.next_token.clone(), *write).await
        }
        Operation::ListBuckets(prefix) => {
            let answer = app.s3.list_buckets(region, prefix).await?;
            done(Outcome::Buckets(answer.value), answer.request_id)
        }
        Operation::CreateBucket(bucket) => {
            let answer = app.s3.create_bucket(region, bucket).await?;
            done(Outcome::Stored, answer.request_id)
        }
        Operation::DeleteBucket(bucket) => {
            let answer = app.s3.delete_bucket(region, bucket).await?;
            done(Outcome::Deleted, answer.request_id)
        }
        Operation::ListObjects { query, write } => {
            let source = Objects { app, region, query };
            list(&source, query.max_results, query.next_token.clone(), *write).await
        }
        Operation::PutObject(bucket, key, object) => {
            let answer = app.s3.put_object(region, bucket, key, object).await?;
            done(Outcome::Stored, answer.request_id)
        }
        Operation::GetObject(bucket, key) => {
            let answer = app.s3.get_object(region, bucket, key, LARGEST_OBJECT).await?;
            let outcome = match answer.value {
                Download::Object(object) => Outcome::Object(object),
                Download::TooLarge => {
                    Outcome::TooLarge { url: app.s3.presign(region, PresignedMethod::Get, bucket, key).await? }
                }
            };
            done(outcome, answer.request_id)
        }
        Operation::DeleteObject(bucket, key) => {
            let answer = app.s3.delete_object(region, bucket, key).await?;
            done(Outcome::Deleted, answer.request_id)
        }
        Operation::Presign(method, bucket, key) => {
            let url = app.s3.presign(region, *method, bucket, key).await?;
            done(Outcome::Presigned { url, method: *method }, None)
        }
    }
}

/// Something that AWS lists page by page.
trait Source {
    /// What is listed.
    type Item;
    /// The smallest page that can be asked for, and the largest.
    const SIZES: (u32, u32);
    /// A page that begins at the token, and where the next begins.
    fn page(&self, size: u32, next_token: Option<String>) -> impl Future<Output = FetchedPage<Self::Item>> + Send;
}

type FetchedPage<T> = Result<Answer<(Vec<T>, Option<String>)>, Error>;

struct Instances<'a> {
    app: &'a App,
    region: &'a Region,
    query: &'a Query,
}

/// The smallest page of instances, and the largest
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>).
pub const INSTANCE_PAGE_SIZES: (u32, u32) = (5, 1000);

impl Source for Instances<'_> {
    type Item = Reservation;
    const SIZES: (u32, u32) = INSTANCE_PAGE_SIZES;

    async fn page(&self, size: u32, next_token: Option<String>) -> FetchedPage<Reservation> {
        let query = Query { max_results: Some(size), next_token, ..self.query.clone() };
        let answer = self.app.ec2.describe_instances(self.region, &query).await?;
        Ok(Answer { value: (answer.value.reservations, answer.value.next_token), request_id: answer.request_id })
    }
}

struct Objects<'a> {
    app: &'a App,
    region: &'a Region,
    query: &'a ObjectQuery,
}

/// The smallest page of objects, and the largest
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>).
pub const OBJECT_PAGE_SIZES: (u32, u32) = (1, 1000);

impl Source for Objects<'_> {
    type Item = ObjectInfo;
    const SIZES: (u32, u32) = OBJECT_PAGE_SIZES;

    async fn page(&self, size: u32, next_token: Option<String>) -> FetchedPage<ObjectInfo> {
        let query = ObjectQuery { max_results: Some(size), next_token, ..self.query.clone() };
        let answer = self.app.s3.list_objects(self.region, &query).await?;
        Ok(Answer { value: (answer.value.objects, answer.value.next_token), request_id: answer.request_id })
    }
}

/// Lists page by page until everything is there or the answer is full. Nothing is dropped: what does not fit begins at the
/// token. `one_page` is the size of the only page if the caller pages by hand.
async fn list<S: Source>(
    source: &S,
    one_page: Option<u32>,
    mut next_token: Option<String>,
    write: WriteRows<S::Item>,
) -> Result<Done, Error> {
    let mut rows = Rows::default();
    let (smallest, largest) = S::SIZES;
    let mut size = one_page.unwrap_or(largest);
    loop {
        let Answer { value: (items, after), request_id } = source.page(size, next_token.clone()).await?;
        let before = rows.mark();
        write(&items, &mut rows);
        let fits = rows.weight() <= LARGEST_ANSWER;
        if fits {
            next_token = after;
        } else {
            rows.cut(before);
        }
        let full = !fits && !rows.is_empty();
        if full || (fits && (one_page.is_some() || next_token.is_none())) {
            let outcome = Outcome::Listed { json: rows.finish(), next_token };
            return Ok(Done { outcome, aws_request_id: request_id, incomplete: None });
        }
        if !fits {
            // Not even one page fits into an empty answer: a smaller one does.
            size /= 2;
            if size < smallest {
                return Err(Error::internal("the smallest page does not fit in an answer"));
            }
        }
    }
}

/// The largest list in an answer, in bytes as the answer counts them: Lambda's limit of 6 MB
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>) less room for headers and the like.
pub const LARGEST_ANSWER: usize = 6 * 1024 * 1024 - 64 * 1024;

/// The largest object in an answer, in bytes: base64 makes four of three.
pub const LARGEST_OBJECT: usize = LARGEST_ANSWER / 4 * 3;

/// The elements of a JSON array, written once, with their weight in Lambda's answer.
///
/// Lambda's answer is JSON that has this JSON in it as a string, where every quote and backslash takes two bytes.
#[derive(Debug, Default)]
pub struct Rows {
    json: Vec<u8>,
    escapes: usize,
}

/// An end of [`Rows`] to go back to.
struct Mark(usize, usize);

impl Rows {
    /// Adds an element.
    pub fn push(&mut self, row: &impl Serialize) {
        let start = self.json.len();
        if start > 0 {
            self.json.push(b',');
        }
        if serde_json::to_writer(&mut self.json, row).is_err() {
            // Writing to memory fails for maps with keys that are no strings only, and no row has one.
            self.json.truncate(start);
        }
        self.escapes += self.json.iter().skip(start).filter(|b| matches!(b, b'"' | b'\\')).count();
    }

    fn weight(&self) -> usize {
        self.json.len() + self.escapes
    }

    fn is_empty(&self) -> bool {
        self.json.is_empty()
    }

    fn mark(&self) -> Mark {
        Mark(self.json.len(), self.escapes)
    }

    fn cut(&mut self, Mark(len, escapes): Mark) {
        self.json.truncate(len);
        self.escapes = escapes;
    }

    /// The whole array.
    pub fn finish(mut self) -> String {
        self.json.insert(0, b'[');
        self.json.push(b']');
        // serde_json writes UTF-8.
        String::from_utf8(self.json).unwrap_or_default()
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
        rows.push(&7);
        let weight = rows.weight();
        let json = rows.finish();
        assert_eq!(json, r#"[{"a":"x\"y"},7]"#);
        let in_answer = serde_json::to_string(&json).unwrap();
        assert_eq!(weight, in_answer.len() - r#""[]""#.len());
        assert_eq!(Rows::default().finish(), "[]");
    }
}
