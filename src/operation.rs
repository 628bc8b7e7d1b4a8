//! What the function can do, whoever asks in whatever dialect, and the rules that are common to all.

use crate::App;
use crate::ec2::{
    Attribute, Change, Filter, Instance, InstanceId, LONGEST_TAG_VALUE, Launch, Page, Query, Region, Reservation,
    State, StateChange, Tag,
};
use crate::error::{Error, Kind};
use crate::gate::{Decision, Gate};
use crate::http::auth::Caller;
use crate::policy::{Action, OWNER_TAG, Resource};
use crate::s3::aws::Download;
use crate::s3::{Bucket, BucketInfo, Object, ObjectInfo, ObjectKey, ObjectQuery, PresignedMethod};
use crate::sdk::Answer;
use serde::Serialize;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Something to do.
#[derive(Debug)]
pub enum Operation {
    /// Nothing: say that the function is there.
    Health,
    /// Nothing: show this text, which is the same for all.
    Document(String),
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
    /// The function is there, and that is all there is to do.
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
    /// It would be carried out. Nothing was done.
    Tried {
        /// The AWS operation.
        action: Action,
        /// Whether AWS says so, too: S3 can't be asked.
        by_aws: bool,
    },
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
    /// What the caller should know besides.
    pub notes: Vec<String>,
}

impl Done {
    fn new(outcome: Outcome, aws_request_id: Option<String>) -> Self {
        Self { outcome, aws_request_id, incomplete: None, notes: Vec::new() }
    }
}

impl Operation {
    /// The AWS operation that it is; `None` for what AWS has no part in.
    pub fn action(&self) -> Option<Action> {
        Some(match self {
            Self::Health | Self::Document(_) => return None,
            Self::Launch(_) => Action::RunInstances,
            Self::Change { change: Change::Start, .. } => Action::StartInstances,
            Self::Change { change: Change::Stop { .. }, .. } => Action::StopInstances,
            Self::Change { change: Change::Reboot, .. } => Action::RebootInstances,
            Self::Change { change: Change::Terminate { .. }, .. } => Action::TerminateInstances,
            Self::Describe(_) | Self::List { .. } => Action::DescribeInstances,
            Self::Modify(..) => Action::ModifyInstanceAttribute,
            Self::ListBuckets(_) => Action::ListBuckets,
            Self::CreateBucket(_) => Action::CreateBucket,
            Self::DeleteBucket(_) => Action::DeleteBucket,
            Self::ListObjects { .. } => Action::ListObjectsV2,
            Self::PutObject(..) | Self::Presign(PresignedMethod::Put, ..) => Action::PutObject,
            Self::GetObject(..) | Self::Presign(PresignedMethod::Get, ..) => Action::GetObject,
            Self::DeleteObject(..) => Action::DeleteObject,
        })
    }

    /// Whether something is to be different afterwards: then it can be tried without doing it.
    pub fn changes(&self) -> bool {
        self.action().is_some_and(|action| !action.reads())
    }

    /// What it is done to, for the log.
    pub fn target(&self) -> Target {
        let ids = |ids: &[InstanceId]| ids.iter().map(ToString::to_string).collect();
        match self {
            Self::Health | Self::Document(_) | Self::ListBuckets(_) => Target::default(),
            Self::Launch(launch) => Target {
                image_id: Some(launch.image_id.to_string()),
                instance_type: Some(launch.instance_type.to_string()),
                max_count: Some(launch.max_count),
                ..Target::default()
            },
            Self::Change { instance_ids, .. } => Target { instance_ids: ids(instance_ids), ..Target::default() },
            Self::Describe(id) => Target { instance_ids: vec![id.to_string()], ..Target::default() },
            Self::Modify(id, attribute) => {
                Target { instance_ids: vec![id.to_string()], attribute: Some(attribute.name()), ..Target::default() }
            }
            Self::List { query, .. } => Target { instance_ids: ids(&query.instance_ids), ..Target::default() },
            Self::CreateBucket(bucket)
            | Self::DeleteBucket(bucket)
            | Self::ListObjects { query: ObjectQuery { bucket, .. }, .. } => {
                Target { bucket: Some(bucket.to_string()), ..Target::default() }
            }
            Self::PutObject(bucket, key, _)
            | Self::GetObject(bucket, key)
            | Self::DeleteObject(bucket, key)
            | Self::Presign(_, bucket, key) => {
                Target { bucket: Some(bucket.to_string()), key: Some(key.as_str().to_owned()), ..Target::default() }
            }
        }
    }
}

/// What an operation is done to.
#[derive(Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the names are AWS's")]
pub struct Target {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub instance_ids: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
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

/// Who asks for an operation, and how it is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Who asks; `None` where anyone may.
    pub caller: Option<&'a Caller>,
    /// From where, as API Gateway says.
    pub source_ip: Option<IpAddr>,
    /// What makes a launch that is sent twice happen once.
    pub client_token: &'a str,
    /// Whether a change is to be tried only.
    pub dry_run: bool,
    /// How long to wait for the state that a change leads to.
    pub wait: Duration,
    /// When the answer is due.
    pub deadline: Instant,
}

/// Carries out an operation if the deployment permits it, and tells `decision` whether and why.
///
/// # Errors
/// That it is not permitted, or that AWS refuses or can't be reached: then nothing has changed, unless the error says that it
/// is not known.
pub async fn execute(
    app: &App,
    asked: &Asked<'_>,
    region: &Region,
    operation: &Operation,
    decision: &mut Decision,
) -> Result<Done, Error> {
    let done = within(asked.deadline, carry_out(app, asked, region, operation, decision)).await;
    let mut done = match done {
        Err(error) if asked.dry_run && operation.changes() => return Err(tried_in_vain(error)),
        Err(error) if error.uncertain && operation.changes() => return Err(uncertain(error, asked, operation)),
        done => done?,
    };
    // From here on the change has happened: whatever becomes of the tag, this is no failure.
    if let Operation::Change { instance_ids, tag: Some(tag), .. } = operation
        && !asked.dry_run
    {
        let tags = std::slice::from_ref(tag);
        done.incomplete = within(asked.deadline, app.ec2.create_tags(region, instance_ids, tags)).await.err();
    }
    if !asked.wait.is_zero() && !asked.dry_run {
        wait(app, asked, region, operation, &mut done).await;
    }
    Ok(done)
}

/// What AWS answers before the deadline.
async fn within<T>(deadline: Instant, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout_at(deadline.into(), answer).await.unwrap_or_else(|_| {
        let error = Error::new(Kind::Unreachable, "RequestTimeout", "AWS did not answer in time");
        Err(Error { by_aws: true, uncertain: true, ..error })
    })
}

/// Says of a change whose answer was lost that it is not known whether it happened.
fn uncertain(error: Error, asked: &Asked<'_>, operation: &Operation) -> Error {
    let mut message = format!("{}: what was asked for may have happened or not", error.message);
    if matches!(operation, Operation::Launch(_)) {
        // No instance has it yet, but one may turn up.
        message += &format!(". What it launched has the tag {REQUEST_TAG}={}", asked.client_token);
    }
    Error { message, ..error }
}

/// Asks the gate, and then AWS.
async fn carry_out(
    app: &App,
    asked: &Asked<'_>,
    region: &Region,
    operation: &Operation,
    decision: &mut Decision,
) -> Result<Done, Error> {
    let Some(action) = operation.action() else { return Ok(Done::new(Outcome::Health, None)) };
    // Only what has no part in AWS is open to anyone: this is for the case that a route says otherwise.
    let caller = asked.caller.ok_or_else(|| Error::internal("an operation of AWS on an open route"))?;
    let (limits, policies) = (&app.config.limits, app.policies.as_ref());
    let gate = Gate { limits, policies, caller, source_ip: asked.source_ip, action, region };
    let dry_run = asked.dry_run;
    match operation {
        Operation::Health | Operation::Document(_) => Ok(Done::new(Outcome::Health, None)),
        Operation::Launch(launch) => {
            gate.launch(launch, decision)?;
            let token = asked.client_token;
            let launch = Launch { tags: launch_tags(&launch.tags, caller, token), ..launch.clone() };
            let sent = app.ec2.run_instances(region, &launch, token, dry_run);
            match within(leaving_time_to_look(asked.deadline), sent).await {
                Err(lost) if lost.uncertain && !dry_run => {
                    let found = within(asked.deadline, find_launched(app, region, &launch, token)).await;
                    found.ok().flatten().ok_or(lost)
                }
                sent => sent_or_tried(action, dry_run, sent, |launched| Outcome::Launched(launched.instances)),
            }
        }
        Operation::Change { change, instance_ids, .. } => {
            permit_instances(app, asked, &gate, instance_ids, None, decision).await?;
            let mut sent = app.ec2.change(region, *change, instance_ids, dry_run).await;
            if let (Change::Terminate { .. }, [_, _, ..], Err(refused)) = (change, instance_ids.as_slice(), &mut sent) {
                // A protected instance saves those of its own zone only.
                refused.uncertain |= refused.kind == Kind::Conflict && !dry_run;
            }
            sent_or_tried(action, dry_run, sent, |changes| match change {
                Change::Reboot => Outcome::Rebooted(instance_ids.clone()),
                _ => Outcome::Changed(changes),
            })
        }
        Operation::Modify(id, attribute) => {
            gate.attribute(attribute, decision)?;
            permit_instances(app, asked, &gate, std::slice::from_ref(id), Some(attribute), decision).await?;
            let sent = app.ec2.modify(region, id, attribute, dry_run).await;
            sent_or_tried(action, dry_run, sent, |()| Outcome::Modified)
        }
        Operation::Describe(id) => {
            let answer = describe(app, region, std::slice::from_ref(id)).await?;
            let instance = answer.value.into_iter().next().ok_or_else(|| no_instance(id))?;
            gate.instance(&instance, None, decision)?;
            Ok(Done::new(Outcome::Described(Box::new(instance)), answer.request_id))
        }
        Operation::List { query, write } => {
            gate.list(decision)?;
            let source = Instances { app, gate, query };
            list(&source, query.max_results, query.next_token.clone(), *write, asked.deadline).await
        }
        Operation::ListBuckets(prefix) => {
            gate.list(decision)?;
            let mut answer = app.s3.list_buckets(region, prefix).await?;
            answer.value.retain(|bucket| gate.shows(Resource::Bucket(&bucket.name)));
            Ok(Done::new(Outcome::Buckets(answer.value), answer.request_id))
        }
        Operation::CreateBucket(bucket)
        | Operation::DeleteBucket(bucket)
        | Operation::PutObject(bucket, ..)
        | Operation::GetObject(bucket, _)
        | Operation::DeleteObject(bucket, _)
        | Operation::Presign(_, bucket, _)
        | Operation::ListObjects { query: ObjectQuery { bucket, .. }, .. } => {
            gate.bucket(bucket.as_str(), decision)?;
            if dry_run && operation.changes() {
                return Ok(Done::new(Outcome::Tried { action, by_aws: false }, None));
            }
            in_bucket(app, asked, region, operation).await
        }
    }
}

/// Carries out what is permitted in a bucket.
async fn in_bucket(app: &App, asked: &Asked<'_>, region: &Region, operation: &Operation) -> Result<Done, Error> {
    let s3 = &app.s3;
    let (outcome, aws_request_id) = match operation {
        Operation::CreateBucket(bucket) => (Outcome::Stored, s3.create_bucket(region, bucket).await?.request_id),
        Operation::DeleteBucket(bucket) => (Outcome::Deleted, s3.delete_bucket(region, bucket).await?.request_id),
        Operation::ListObjects { query, write } => {
            let source = Objects { app, region, query };
            return list(&source, query.max_results, query.next_token.clone(), *write, asked.deadline).await;
        }
        Operation::PutObject(bucket, key, object) => {
            (Outcome::Stored, s3.put_object(region, bucket, key, object).await?.request_id)
        }
        Operation::GetObject(bucket, key) => {
            let answer = s3.get_object(region, bucket, key, LARGEST_OBJECT).await?;
            let outcome = match answer.value {
                Download::Object(object) => Outcome::Object(object),
                Download::TooLarge => {
                    Outcome::TooLarge { url: s3.presign(region, PresignedMethod::Get, bucket, key).await? }
                }
            };
            (outcome, answer.request_id)
        }
        Operation::DeleteObject(bucket, key) => {
            (Outcome::Deleted, s3.delete_object(region, bucket, key).await?.request_id)
        }
        Operation::Presign(method, bucket, key) => {
            let url = s3.presign(region, *method, bucket, key).await?;
            (Outcome::Presigned { url, method: *method }, None)
        }
        _ => return Err(Error::internal("an operation that is in no bucket")),
    };
    Ok(Done::new(outcome, aws_request_id))
}

/// Kept back to look for what a launch may have launched, if its answer is lost.
const TIME_TO_LOOK: Duration = Duration::from_secs(4);

/// When a launch must have been answered: not before half of the time has passed.
fn leaving_time_to_look(deadline: Instant) -> Instant {
    let now = Instant::now();
    let left = deadline.saturating_duration_since(now);
    now + left.saturating_sub(TIME_TO_LOOK).max(left / 2)
}

/// Looks for what was launched with a token whose answer was lost. EC2 may take seconds to show it, and one instance sooner than
/// another: what is found twice, or is all that was asked for, is what there is.
///
/// # Errors
/// Never: what can't be asked now may be asked later.
async fn find_launched(app: &App, region: &Region, launch: &Launch, client_token: &str) -> Result<Option<Done>, Error> {
    let filters = vec![Filter { name: "client-token".to_owned(), values: vec![client_token.to_owned()] }];
    let query = Query { filters, ..Query::default() };
    // The caller's own key may be that of an earlier launch, which this one is not.
    let same = |it: &Instance| {
        it.instance_type.as_deref().is_none_or(|it| it == launch.instance_type.as_str())
            && it.key_name.as_ref().is_none_or(|it| Some(it) == launch.key_name.as_ref())
            && !["shutting-down", "terminated"].contains(&it.state.name.as_deref().unwrap_or_default())
    };
    let mut before = 0;
    for pause in [0, 500, 1000, 1500].map(Duration::from_millis) {
        tokio::time::sleep(pause).await;
        let Ok(answer) = app.ec2.describe_instances(region, &query).await else { continue };
        let found: Vec<_> = answer.value.reservations.into_iter().flat_map(|it| it.instances).collect();
        let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
        if !found.iter().all(same) {
            return Ok(None);
        }
        if count >= launch.max_count || (count >= launch.min_count && count == before) {
            return Ok(Some(Done::new(Outcome::Launched(found), answer.request_id)));
        }
        before = count;
    }
    Ok(None)
}

/// Waits for the state that a change leads to, as long as the caller wants to and the invocation allows. That it is not reached
/// is no failure: the caller is told.
async fn wait(app: &App, asked: &Asked<'_>, region: &Region, operation: &Operation, done: &mut Done) {
    let goal = match operation {
        Operation::Launch(_) | Operation::Change { change: Change::Start, .. } => "running",
        Operation::Change { change: Change::Stop { .. }, .. } => "stopped",
        Operation::Change { change: Change::Terminate { .. }, .. } => "terminated",
        _ => return,
    };
    let until = asked.deadline.min(Instant::now() + asked.wait);
    let mut states: Vec<(&str, &mut State)> = match &mut done.outcome {
        Outcome::Launched(instances) => {
            instances.iter_mut().map(|it| (it.instance_id.as_str(), &mut it.state)).collect()
        }
        Outcome::Changed(changes) => changes.iter_mut().map(|it| (it.instance_id.as_str(), &mut it.current)).collect(),
        _ => return,
    };
    let ids: Vec<_> = states.iter().filter_map(|(id, _)| InstanceId::parse(id)).collect();
    // What has ended goes nowhere any more.
    let settled = |state: &State| state.name.as_deref().is_some_and(|name| name == goal || name == "terminated");
    let mut pause = Duration::from_millis(500);
    while Instant::now() < until && !states.iter().all(|(_, state)| settled(state)) {
        tokio::time::sleep_until(until.min(Instant::now() + pause).into()).await;
        pause = (pause * 2).min(Duration::from_secs(4));
        // What can't be asked now may be asked later: the change itself has happened.
        let Ok(Ok(described)) = tokio::time::timeout_at(until.into(), describe(app, region, &ids)).await else {
            continue;
        };
        for (id, state) in &mut states {
            if let Some(found) = described.value.iter().find(|found| found.instance_id == *id) {
                state.clone_from(&found.state);
            }
        }
    }
    let elsewhere: Vec<_> = states.iter().filter(|(_, state)| state.name.as_deref() != Some(goal)).collect();
    if !elsewhere.is_empty() {
        let name = |(id, state): &&(&str, &mut State)| format!("{id} {}", state.name.as_deref().unwrap_or("unknown"));
        // A header has no room for a thousand.
        let names: Vec<_> = elsewhere.iter().take(8).map(name).collect();
        let (count, of) = (elsewhere.len(), states.len());
        done.notes.push(format!("{count} of {of} not {goal}: {}", names.join(", ")));
    }
}

/// What came of a change that was sent to EC2, or of trying it: EC2 answers a dry run with an error that says whether it would
/// have gone well (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonParameters.html>).
fn sent_or_tried<T>(
    action: Action,
    dry_run: bool,
    sent: Result<Answer<T>, Error>,
    outcome: impl FnOnce(T) -> Outcome,
) -> Result<Done, Error> {
    match sent {
        Ok(_) if dry_run => Err(Error::internal(format!("AWS carried out a dry run of {action}"))),
        Ok(answer) => Ok(Done::new(outcome(answer.value), answer.request_id)),
        Err(error) if dry_run && error.code == "DryRunOperation" => {
            Ok(Done::new(Outcome::Tried { action, by_aws: true }, error.aws_request_id))
        }
        Err(error) => Err(error),
    }
}

/// Says who would refuse what was tried.
fn tried_in_vain(error: Error) -> Error {
    let who = match error.kind {
        Kind::Forbidden => "this deployment",
        // That AWS can't say is no refusal.
        Kind::Internal | Kind::Throttled | Kind::Unreachable => return error,
        _ if error.uncertain || ["Unavailable", "ServiceUnavailable"].contains(&&*error.code) => return error,
        _ => "AWS",
    };
    Error { message: format!("Dry run: {who} would refuse this. {}", error.message), ..error }
}

/// Decides on each of the instances before anything happens to any of them.
async fn permit_instances(
    app: &App,
    asked: &Asked<'_>,
    gate: &Gate<'_>,
    ids: &[InstanceId],
    attribute: Option<&Attribute>,
    decision: &mut Decision,
) -> Result<(), Error> {
    if !gate.depends_on_instances() {
        decision.permitted = Some(true);
        return Ok(());
    }
    // Whatever becomes of this, nothing has been changed yet.
    let described = within(asked.deadline, describe(app, gate.region, ids)).await;
    let described = described.map_err(|error| Error { uncertain: false, ..error })?.value;
    for id in ids {
        let instance = described.iter().find(|instance| instance.instance_id == id.as_str());
        gate.instance(instance.ok_or_else(|| no_instance(id))?, attribute, decision)?;
    }
    Ok(())
}

async fn describe(app: &App, region: &Region, ids: &[InstanceId]) -> Result<Answer<Vec<Instance>>, Error> {
    let query = Query { instance_ids: ids.to_vec(), ..Query::default() };
    let answer = app.ec2.describe_instances(region, &query).await?;
    let instances = answer.value.reservations.into_iter().flat_map(|it| it.instances).collect();
    Ok(Answer { value: instances, request_id: answer.request_id })
}

fn no_instance(id: &InstanceId) -> Error {
    Error::new(Kind::NotFound, "InvalidInstanceID.NotFound", format!("There is no instance {id}"))
}

/// What the tags of this function begin with; no caller can set such a tag.
pub const OWN_TAGS: &str = "ec2-control-api:";

/// The tag that says by which request something was launched: the client token of the launch.
const REQUEST_TAG: &str = "ec2-control-api:request";

/// The caller's tags, and those that say who launched by which request.
fn launch_tags(tags: &[Tag], caller: &Caller, client_token: &str) -> Vec<Tag> {
    let own = [(OWNER_TAG, caller.name.as_str()), (REQUEST_TAG, client_token)];
    let own =
        own.map(|(key, value)| Tag { key: key.to_owned(), value: value.chars().take(LONGEST_TAG_VALUE).collect() });
    tags.iter().cloned().chain(own).collect()
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
    gate: Gate<'a>,
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

/// Lists page by page until everything is there, the answer is full, or the time is nearly over. Nothing is dropped: what does
/// not fit begins at the token. `one_page` is the size of the only page if the caller pages by hand.
async fn list<S: Source>(
    source: &S,
    one_page: Option<u32>,
    mut next_token: Option<String>,
    write: WriteRows<S::Item>,
    deadline: Instant,
) -> Result<Done, Error> {
    let mut rows = Rows::default();
    let (smallest, largest) = S::SIZES;
    let mut size = one_page.unwrap_or(largest);
    loop {
        let asked = Instant::now();
        let Answer { value: (items, after), request_id } = source.page(size, next_token.clone()).await?;
        // What has been listed so far is worth more than a time-out.
        let late = Instant::now() + asked.elapsed() * 2 > deadline;
        let before = rows.mark();
        write(&items, &mut rows);
        let fits = rows.weight() <= LARGEST_ANSWER;
        if fits {
            next_token = after;
        } else {
            rows.cut(before);
        }
        let full = !fits && !rows.is_empty();
        if full || (fits && (one_page.is_some() || next_token.is_none() || late)) {
            let outcome = Outcome::Listed { json: rows.finish(), next_token };
            return Ok(Done::new(outcome, request_id));
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
