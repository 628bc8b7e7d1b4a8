//! What the function can do, whoever asks in whatever dialect, and the rules that are common to all.

use crate::App;
use crate::ec2::{
    Attribute, Change, Filter, Instance, InstanceId, InstanceName, InstanceRef, LONGEST_TAG_VALUE, Launch,
    MOST_FILTER_VALUES, Query, Region, Reservation, State, StateChange, Tag,
};
use crate::error::{Error, Kind};
use crate::gate::{Decision, Gate};
use crate::http::Reply;
use crate::http::auth::Caller;
use crate::listing::{self, Instances, LARGEST_OBJECT, Objects, RegionInstances, Write};
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
    /// Nothing: answer with a document, in the form that this caller takes.
    Document(Reply),
    /// Launch instances.
    Launch(Launch),
    /// Change the state of instances with one call, and then set a tag on them.
    Change {
        /// What to do to them.
        change: Change,
        /// To these; at least one.
        instances: Vec<InstanceRef>,
        /// What to set afterwards.
        tag: Option<Tag>,
    },
    /// Describe one instance.
    Describe(InstanceRef),
    /// Give one attribute of an instance a new value.
    Modify(InstanceRef, Attribute),
    /// List instances: all that fit in one answer, or a page if the query says how large.
    List {
        /// In every region that the deployment allows.
        everywhere: bool,
        /// Only these; none: all.
        instances: Vec<InstanceRef>,
        /// Which.
        query: Query,
        /// How.
        write: Write<Reservation>,
    },
    /// Say what the caller may do to these instances.
    Permissions(Vec<InstanceRef>),
    /// Say how many instances there are in each region.
    Regions,
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
        /// How.
        write: Write<ObjectInfo>,
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
    /// A list.
    Listed {
        /// As it was to be written.
        text: String,
        /// Where the rest begins, if there is more.
        next_token: Option<String>,
    },
    /// This is what the caller may do.
    Permissions(Vec<Permissions>),
    /// This is what there is.
    Regions(Vec<RegionInstances>),
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

/// What a caller may do to an instance, as far as limits and policies say it: AWS is not asked.
#[derive(Debug, PartialEq, Eq)]
pub struct Permissions {
    /// The instance.
    pub instance_id: String,
    /// What is permitted.
    pub permitted: Vec<Action>,
    /// What is not, and why.
    pub refused: Vec<(Action, String)>,
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
    pub(crate) fn new(outcome: Outcome, aws_request_id: Option<String>) -> Self {
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
            Self::Describe(_) | Self::List { .. } | Self::Permissions(_) | Self::Regions => Action::DescribeInstances,
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
        match self {
            Self::Health | Self::Regions | Self::Document(_) | Self::ListBuckets(_) => Target::default(),
            Self::Launch(launch) => Target {
                image_id: Some(launch.image_id.to_string()),
                instance_type: Some(launch.instance_type.to_string()),
                max_count: Some(launch.max_count),
                ..Target::default()
            },
            Self::Change { instances, .. } | Self::List { instances, .. } | Self::Permissions(instances) => {
                Target::instances(instances)
            }
            Self::Describe(instance) => Target::instances(std::slice::from_ref(instance)),
            Self::Modify(instance, attribute) => {
                Target { attribute: Some(attribute.name()), ..Target::instances(std::slice::from_ref(instance)) }
            }
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
    pub instance_names: Vec<String>,
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

impl Target {
    fn instances(instances: &[InstanceRef]) -> Self {
        let mut target = Self::default();
        for instance in instances {
            match instance {
                InstanceRef::Id(id) => target.instance_ids.push(id.to_string()),
                InstanceRef::Name(name) => target.instance_names.push(name.to_string()),
            }
        }
        target
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
    // On the heap: it has room for every operation, and is handed on many times.
    let done = within(asked.deadline, Box::pin(carry_out(app, asked, region, operation, decision))).await;
    let mut done = match done {
        Err(error) if asked.dry_run && operation.changes() => return Err(tried_in_vain(error)),
        Err(error) if error.uncertain && operation.changes() => return Err(uncertain(error, asked, operation)),
        done => done?,
    };
    // From here on the change has happened: whatever becomes of the tag, this is no failure.
    if let Operation::Change { tag: Some(tag), .. } = operation
        && !asked.dry_run
    {
        let (ids, tags) = (&decision.instances, std::slice::from_ref(tag));
        done.incomplete = within(asked.deadline, Box::pin(app.ec2.create_tags(region, ids, tags))).await.err();
    }
    if !asked.wait.is_zero() && !asked.dry_run {
        Box::pin(wait(app, asked, region, operation, &mut done)).await;
    }
    Ok(done)
}

/// What AWS answers before the deadline.
pub(crate) async fn within<T>(deadline: Instant, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout_at(deadline.into(), answer).await.unwrap_or_else(|_| {
        let error = Error::new(Kind::Unreachable, "RequestTimeout", "AWS did not answer in time");
        let error = error.caused_by("the time of the request was over");
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
        Operation::Change { change, instances, .. } => {
            let ids = identify(app, asked, &gate, instances, decision).await?;
            permit_instances(app, asked, &gate, &ids, None, decision).await?;
            let mut sent = app.ec2.change(region, *change, &ids, dry_run).await;
            if let (Change::Terminate { .. }, [_, _, ..], Err(refused)) = (change, ids.as_slice(), &mut sent) {
                // A protected instance saves those of its own zone only.
                refused.uncertain |= refused.kind == Kind::Conflict && !dry_run;
            }
            sent_or_tried(action, dry_run, sent, |changes| match change {
                Change::Reboot => Outcome::Rebooted(ids),
                _ => Outcome::Changed(changes),
            })
        }
        Operation::Modify(instance, attribute) => {
            gate.attribute(attribute, decision)?;
            let id = identify_one(app, asked, &gate, instance, decision).await?;
            permit_instances(app, asked, &gate, std::slice::from_ref(&id), Some(attribute), decision).await?;
            let sent = app.ec2.modify(region, &id, attribute, dry_run).await;
            sent_or_tried(action, dry_run, sent, |()| Outcome::Modified)
        }
        Operation::Describe(instance) => {
            let id = identify_one(app, asked, &gate, instance, decision).await?;
            let answer = describe(app, region, std::slice::from_ref(&id)).await?;
            let instance = answer.value.into_iter().next().ok_or_else(|| no_instance(&id))?;
            gate.instance(&instance, None, decision)?;
            Ok(Done::new(Outcome::Described(Box::new(instance)), answer.request_id))
        }
        Operation::List { everywhere: true, instances, query, write } => {
            // There are no names among them: nothing is looked up.
            let query = with_instances(query, &identify(app, asked, &gate, instances, decision).await?);
            Box::pin(listing::everywhere(app, &gate, &query, write, asked.deadline, decision)).await
        }
        Operation::List { instances, query, write, .. } => {
            gate.list(decision)?;
            let query = with_instances(query, &identify(app, asked, &gate, instances, decision).await?);
            listing::list(&Instances { app, gate, query: &query }, write, asked.deadline).await
        }
        Operation::Permissions(instances) => {
            gate.list(decision)?;
            let query = with_instances(&Query::default(), &identify(app, asked, &gate, instances, decision).await?);
            let mut pages = listing::Pages::of(Instances { app, gate, query: &query });
            let (mut found, mut request_id) = (Vec::new(), None);
            while let Some(page) = pages.next().await? {
                found.extend(page.value.iter().flat_map(|it| &it.instances).map(|it| permissions(&gate, it)));
                request_id = page.request_id;
            }
            Ok(Done::new(Outcome::Permissions(found), request_id))
        }
        Operation::Regions => {
            let regions = Box::pin(listing::regions(app, &gate, asked.deadline, decision)).await?;
            let failed =
                regions.iter().find_map(|it| Some(listing::in_region(&it.region)(it.by_state.as_ref().err()?.clone())));
            Ok(Done { incomplete: failed, ..Done::new(Outcome::Regions(regions), None) })
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
            return listing::list(&Objects { app, region, query }, write, asked.deadline).await;
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
    let what = match error.kind {
        Kind::Forbidden => "this deployment would refuse this",
        // That AWS can't say is no refusal.
        Kind::Internal | Kind::Throttled | Kind::Unreachable => return error,
        _ if error.uncertain || ["Unavailable", "ServiceUnavailable"].contains(&&*error.code) => return error,
        _ if !error.by_aws => "this would fail",
        _ => "AWS would refuse this",
    };
    Error { message: format!("Dry run: {what}. {}", error.message), ..error }
}

/// The instances that are meant, each once, in the order asked for. A name is that of the only instance that has it, among those
/// that the caller may see. One that is terminated, or about to be, has lost its name: what replaces it may be called the same.
///
/// # Errors
/// No instance has a name, or several have it: [`Kind::NotFound`], [`Kind::Conflict`].
async fn identify(
    app: &App,
    asked: &Asked<'_>,
    gate: &Gate<'_>,
    instances: &[InstanceRef],
    decision: &mut Decision,
) -> Result<Vec<InstanceId>, Error> {
    let name = |it: &'_ InstanceRef| if let InstanceRef::Name(name) = it { Some(name.clone()) } else { None };
    let names: Vec<_> = instances.iter().filter_map(name).collect();
    let named = if names.is_empty() {
        Vec::new()
    } else {
        let named = within(asked.deadline, Box::pin(find_named(app, gate, &names))).await;
        // Whatever becomes of this, nothing has been changed yet.
        named.map_err(|error| Error { uncertain: false, ..error })?
    };
    let mut ids = Vec::with_capacity(instances.len());
    for instance in instances {
        let id = match instance {
            InstanceRef::Id(id) => id.clone(),
            InstanceRef::Name(name) => only(name, &named)?,
        };
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    decision.instances.clone_from(&ids);
    Ok(ids)
}

async fn identify_one(
    app: &App,
    asked: &Asked<'_>,
    gate: &Gate<'_>,
    instance: &InstanceRef,
    decision: &mut Decision,
) -> Result<InstanceId, Error> {
    let ids = identify(app, asked, gate, std::slice::from_ref(instance), decision).await?;
    ids.into_iter().next().ok_or_else(|| Error::internal("an instance that is none"))
}

/// What has to be known of an instance to tell whether it is the one that is meant.
struct Named {
    name: String,
    instance_id: String,
    state: String,
}

/// The most candidates that an error names.
const MOST_CANDIDATES: usize = 10;

/// The instances that have one of these names and are there to stay: all of them, or more than anybody wants to read.
async fn find_named(app: &App, gate: &Gate<'_>, names: &[InstanceName]) -> Result<Vec<Named>, Error> {
    const STATES: [&str; 4] = ["pending", "running", "stopping", "stopped"];
    let mut found = Vec::new();
    for names in names.chunks(MOST_FILTER_VALUES - STATES.len()) {
        let filter = Filter::exactly("tag:Name", names.iter().map(InstanceName::as_str));
        let filters = vec![filter, Filter::exactly("instance-state-name", STATES)];
        let query = Query { filters, ..Query::default() };
        let gate = Gate { action: Action::DescribeInstances, ..*gate };
        let mut pages = listing::Pages::of(Instances { app, gate, query: &query });
        while found.len() <= names.len() * MOST_CANDIDATES
            && let Some(page) = pages.next().await?
        {
            for it in page.value.into_iter().flat_map(|it| it.instances) {
                let Some(name) = it.name().map(str::to_owned) else { continue };
                if names.iter().any(|asked| asked.as_str() == name) {
                    found.push(Named { name, instance_id: it.instance_id, state: it.state.name.unwrap_or_default() });
                }
            }
        }
    }
    Ok(found)
}

fn only(name: &InstanceName, named: &[Named]) -> Result<InstanceId, Error> {
    let candidates: Vec<_> = named.iter().filter(|it| it.name == name.as_str()).collect();
    match candidates.as_slice() {
        [] => {
            Err(Error::new(Kind::NotFound, "InvalidInstanceID.NotFound", format!("There is no instance named {name}")))
        }
        [one] => InstanceId::parse(&one.instance_id).ok_or_else(|| Error::internal("EC2 named an ID that is none")),
        several => {
            let one = |it: &&Named| format!("{} ({})", it.instance_id, it.state);
            let which: Vec<_> = several.iter().take(MOST_CANDIDATES).map(one).collect();
            let (which, count) = match several.len() {
                count if count <= MOST_CANDIDATES => (which.join(", "), count.to_string()),
                _ => (format!("{}, ...", which.join(", ")), format!("More than {MOST_CANDIDATES}")),
            };
            let message = format!("{count} instances are named {name}: {which}. Give an ID instead");
            Err(Error::new(Kind::Conflict, "AmbiguousInstanceName", message))
        }
    }
}

/// The query, for these instances only if there are any. A filter, not DescribeInstances' own list of IDs: that can't be paged,
/// and fails when one of them is gone.
fn with_instances(query: &Query, ids: &[InstanceId]) -> Query {
    let mut query = query.clone();
    if !ids.is_empty() {
        query.filters.push(Filter::exactly("instance-id", ids.iter().map(InstanceId::as_str)));
    }
    query
}

/// What limits and policies say of each change of an instance's state.
fn permissions(gate: &Gate<'_>, instance: &Instance) -> Permissions {
    let (mut permitted, mut refused) = (Vec::new(), Vec::new());
    for action in [Action::StartInstances, Action::StopInstances, Action::RebootInstances, Action::TerminateInstances] {
        match (Gate { action, ..*gate }).instance(instance, None, &mut Decision::default()) {
            Ok(()) => permitted.push(action),
            Err(error) => refused.push((action, error.message)),
        }
    }
    Permissions { instance_id: instance.instance_id.clone(), permitted, refused }
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
