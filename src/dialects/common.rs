//! What several dialects share: parameters, times, dry runs, lists and the sample instance.

use crate::error::{Error, Kind};
use crate::http::param::{Param, Tags};
use crate::http::reply::Reply;
use crate::http::route::{Input, Response};
use crate::http::rows::Rows;
use crate::http::spelling;
use crate::model::{
    AccountRef, Action, End, EndAction, FromText, Hibernation, Instance, Lifetime, MAX_TAG_VALUE_LEN, Region,
    SecurityGroup, SecurityGroupId, SecurityGroupRef, Shutdown, State, Tag, is_invisible,
};
use crate::operations::DryRun;
use crate::operations::Operation as _;
use crate::operations::launch::{OWN_TAGS, RunInstances};
use crate::operations::paging::List;
use crate::operations::stop::StopInstances;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use time::format_description::BorrowedFormatItem;
use time::{OffsetDateTime, UtcOffset};

/// Every route that changes something declares it. The handler reads it.
pub const DRY_RUN: Param<bool> =
    Param::optional(spelling::DRY_RUN, "true to learn whether it would be carried out, without doing it.")
        .aliases(&["DryRun"]);

/// Every route of instances and regions declares it, except those of `/instance`. The handler reads
/// it.
pub const ACCOUNT: Param<AccountRef> = Param::optional(
    "account",
    "Another account of this deployment, by its name or its 12 digits; the function's own if not given.",
);

/// The same on routes that can list all accounts.
pub(super) const ACCOUNT_OR_ALL: Param<AccountRef> = Param::optional(
    "account",
    "Another account of this deployment, by its name or its 12 digits, or all for each of them and the function's own; the function's own alone if not given.",
);

/// Every route that starts, stops, terminates or launches declares it. The handler reads it.
pub const WAIT: Param<u32> = Param::optional(
    "wait",
    "Seconds to wait until the instances run, or have stopped; at most what is left of the invocation.",
)
.range((0, MAX_WAIT))
.example("20");

/// Of a stop and of a termination.
pub(super) const FORCE: Param<bool> = Param::optional(
    "force",
    "EC2 tries a graceful shutdown of the instance first, then forces it; false if not given.",
)
.aliases(&["Force"])
.example("false");

/// Of a stop.
pub(super) const HIBERNATE: Param<Hibernation> = Param::optional(
    "hibernate",
    "true to hibernate, or prefer: an instance that can't is stopped, with a Warning; false if not given.",
)
.aliases(&["Hibernate"]);

/// Of a stop and of a termination.
pub(super) const SKIP_OS_SHUTDOWN: Param<bool> = Param::optional(
    "skip_os_shutdown",
    "true not to ask the operating system to shut down, which may lose data; false if not given.",
)
.aliases(&["SkipOsShutdown"])
.example("false");

/// Of a launch and of a start.
pub const STOP_AFTER: Param<Lifetime> = Param::optional(
    "stop_after",
    "Stop the instances after this time, 5 minutes to 365 days: a schedule is made before they run, and x-schedule names it.",
)
.aliases(&["StopAfter"]);

/// Of a launch and of a start.
pub(super) const TERMINATE_AFTER: Param<Lifetime> =
    Param::optional("terminate_after", "The same, but terminate them. Not with stop_after.")
        .aliases(&["TerminateAfter"]);

/// The headers of a response to a launch or a start.
pub(super) const END_HEADERS: &[&str] = &["x-schedule"];

/// The end that a launch or a start asks for.
pub(super) fn end(input: &Input<'_>) -> Result<Option<End>, Error> {
    let (stop, terminate) = (input.optional(STOP_AFTER)?, input.optional(TERMINATE_AFTER)?);
    let (action, after) = match (stop, terminate) {
        (None, None) => return Ok(None),
        (Some(after), None) => (EndAction::Stop, after),
        (None, Some(after)) => (EndAction::Terminate, after),
        (Some(_), Some(_)) => {
            let message = "stop_after and terminate_after can't be given together";
            return Err(Error::new(Kind::Invalid, "InvalidParameterCombination", message));
        }
    };
    if input.config.schedules.is_none() {
        return Err(Error::invalid(action.parameter(), "can't be given: this deployment has no schedules"));
    }
    Ok(Some(End { action, after }))
}

/// The shutdown that a termination asks for.
pub(super) fn shutdown(input: &Input<'_>) -> Result<Shutdown, Error> {
    let force = input.optional(FORCE)?.unwrap_or_default();
    let skip_os_shutdown = input.optional(SKIP_OS_SHUTDOWN)?.unwrap_or_default();
    Ok(Shutdown { force, hibernate: false, skip_os_shutdown })
}

/// The greatest `wait`, in seconds: Lambda's limit on an invocation.
const MAX_WAIT: u32 = 900;

/// The tags of a launch.
pub(super) const LAUNCH_TAG: Param<Tags> =
    Param::optional("tag:KEY", "A tag of the instances and their volumes, from the start.")
        .max_len(MAX_TAG_VALUE_LEN)
        .pattern(spelling::VISIBLE_TRIMMED);

/// EC2's limit on the IDs of one call, and more than it launches at once
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html>).
pub(super) const MAX_INSTANCES: u32 = 1000;

/// More security groups than an instance can have.
pub(super) const MAX_GROUPS: usize = 100;

/// The headers that a list may have.
pub(super) const LIST_HEADERS: &[&str] = &["x-next-token"];

/// The region of a parameter; the deployment's default region if it may be left out.
pub(super) fn region(input: &Input<'_>, param: Param<Region>) -> Result<Region, Error> {
    let regions = &input.config.regions;
    match input.optional(param)? {
        Some(region) if regions.allows(&region) => Ok(region),
        Some(_) => Err(Error::invalid(param.info.name, "must be a region that this deployment allows")),
        None if param.info.required => Err(Error::missing(param.info.name)),
        None => Ok(regions.default.clone()),
    }
}

/// EC2's limits on tags, less the two tags that every launch gets:
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>.
const MAX_LAUNCH_TAGS: usize = 48;
const MAX_TAG_KEY_LEN: usize = 128;

/// The tags that a launch asks for.
pub(super) fn launch_tags(input: &Input<'_>) -> Result<Vec<Tag>, Error> {
    let given = input.optional(LAUNCH_TAG)?.map(|tags| tags.0).unwrap_or_default();
    if given.len() > MAX_LAUNCH_TAGS {
        let problem = format!("can be given for at most {MAX_LAUNCH_TAGS} keys");
        return Err(Error::invalid(LAUNCH_TAG.info.name, problem));
    }
    let tag = |given: (String, Vec<String>)| {
        let tag = one_tag(given)?;
        let invalid = |problem: &str| Error::invalid(format!("tag:{}", tag.key), problem);
        let start = |prefix: &str| tag.key.get(..prefix.len());
        let reserved = |prefix: &str| start(prefix).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        match () {
            () if reserved("aws:") => Err(invalid("is a key that AWS keeps to itself")),
            () if reserved(OWN_TAGS) => Err(invalid("is a key that this function sets itself")),
            () if tag.key.chars().chain(tag.value.chars()).any(is_invisible) => {
                Err(invalid("has an invisible character"))
            }
            () => Ok(tag),
        }
    };
    given.into_iter().map(tag).collect()
}

/// A `tag:KEY` that is given once, within EC2's limits.
pub(super) fn one_tag((key, values): (String, Vec<String>)) -> Result<Tag, Error> {
    let invalid = |problem: &str| Error::invalid(format!("tag:{key}"), problem);
    let [value] = values.as_slice() else { return Err(invalid("is given twice")) };
    match () {
        () if key.chars().count() > MAX_TAG_KEY_LEN => Err(invalid("has a key of more than 128 characters")),
        () if value.chars().count() > MAX_TAG_VALUE_LEN => Err(invalid("has more than 256 characters")),
        () => Ok(Tag { value: value.clone(), key }),
    }
}

/// Splits security groups into IDs and names.
pub(super) fn split_groups(groups: Vec<SecurityGroupRef>) -> (Vec<SecurityGroupId>, Vec<String>) {
    let (mut ids, mut names) = (Vec::new(), Vec::new());
    for group in groups {
        match group {
            SecurityGroupRef::Id(id) => ids.push(id),
            SecurityGroupRef::Name(name) => names.push(name),
        }
    }
    (ids, names)
}

/// Dry-run message.
pub(super) fn dry_run_message(action: Action, checked_by_aws: bool) -> String {
    let by = if checked_by_aws { "This deployment and AWS" } else { "This deployment (AWS can't be asked)" };
    format!("Dry run: {by} would permit {action}. Nothing was done.")
}

/// A dry run, under boto3's name for it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "DryRun")]
pub(super) struct DryRunBody {
    /// Always true.
    dry_run: bool,
    /// Who would permit the change.
    message: String,
}

impl DryRunBody {
    pub(super) fn new(action: Action, checked_by_aws: bool) -> Self {
        Self { dry_run: true, message: dry_run_message(action, checked_by_aws) }
    }
}

/// Encodes a dry run that succeeded.
pub fn encode_dry_run(dry_run: &DryRun) -> Reply {
    Reply::json(200, &DryRunBody::new(dry_run.action, dry_run.checked_by_aws))
}

/// The response to a dry run of a change of instances.
pub(super) const DRY_RUN_OK: Response = dry_run_response(|| json!(DryRunBody::new(StopInstances::ACTION, true)));

/// The response to a dry run of a launch.
pub(super) const DRY_RUN_LAUNCH_OK: Response = dry_run_response(|| json!(DryRunBody::new(RunInstances::ACTION, true)));

pub(super) const fn dry_run_response(example: fn() -> Value) -> Response {
    Response::json::<DryRunBody>(200, "A dry run: it would be permitted, and nothing was done.", example)
}

/// A token of AWS, in characters that a URL takes as they are. Most of AWS's tokens have others,
/// such as `+`, which a query turns into a blank.
pub(super) struct PageToken(pub(super) String);

impl PageToken {
    /// The first character of an encoded token. No token of AWS begins with it.
    const ENCODED: char = '~';

    fn encode(token: &str) -> String {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        if token.bytes().all(unreserved) {
            return token.to_owned();
        }
        format!("{}{}", Self::ENCODED, BASE64_URL_SAFE_NO_PAD.encode(token))
    }
}

impl FromText for PageToken {
    const PATTERN: &'static str = "";
    const EXPECTED: &'static str = "what an earlier answer's header x-next-token says";
    const EXAMPLE: &'static str = "";

    /// Decodes a token. One that is not encoded is AWS's own, as answers had it in earlier
    /// versions.
    fn from_text(text: &str) -> Option<Self> {
        let Some(encoded) = text.strip_prefix(Self::ENCODED) else { return Some(Self(text.replace(' ', "+"))) };
        String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(encoded).ok()?).ok().map(Self)
    }
}

/// Encodes a list, with the token of its rest in a header.
pub(super) fn encode_list<T>(csv: bool) -> impl FnOnce(List<Rows<T>>) -> Reply + Send + 'static {
    move |list| {
        let reply = encode_rows(list.sink.finish(), csv);
        list.next_token.into_iter().fold(reply, |reply, token| reply.with("x-next-token", PageToken::encode(&token)))
    }
}

/// Encodes the text of a list.
pub(super) fn encode_rows(text: String, csv: bool) -> Reply {
    let reply = Reply { status: 200, headers: Vec::new(), body: text.into() }.with("vary", "accept");
    if csv { reply.with("content-type", "text/csv; charset=utf-8; header=present") } else { reply }
}

/// The time in UTC. Formatting fails for years above 9999 only, which AWS does not send.
pub(super) fn format_utc(time: OffsetDateTime, format: &[BorrowedFormatItem<'_>]) -> String {
    time.to_offset(UtcOffset::UTC).format(format).unwrap_or_default()
}

/// The instance of all examples in the documentation.
pub(super) fn sample_instance() -> Instance {
    let text = |text: &str| Some(text.to_owned());
    Instance {
        instance_id: "i-0123456789abcdef0".to_owned(),
        image_id: text("ami-0123456789abcdef0"),
        instance_type: text("t3.micro"),
        key_name: text("demo"),
        launch_time: sample_time(),
        availability_zone: text("us-east-1b"),
        private_dns_name: text("ip-10-0-1-23.ec2.internal"),
        private_ip_address: text("10.0.1.23"),
        public_dns_name: text("ec2-203-0-113-25.compute-1.amazonaws.com"),
        public_ip_address: text("203.0.113.25"),
        state: sample_state(16, "running"),
        subnet_id: text("subnet-0123456789abcdef0"),
        vpc_id: text("vpc-0123456789abcdef0"),
        architecture: text("x86_64"),
        security_groups: vec![SecurityGroup { group_id: text("sg-0123456789abcdef0"), group_name: text("web") }],
        tags: vec![Tag { key: "team".to_owned(), value: "blue".to_owned() }],
        ..Instance::default()
    }
}

pub(super) fn sample_time() -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(1_772_442_000).ok()
}

pub(super) fn sample_state(code: u8, name: &str) -> State {
    State { code: Some(code), name: Some(name.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_url_safe_characters_and_lead_back_to_those_of_aws() {
        for token in ["more", "1oDMtg+plck/9z==", "eu-west-1:a:b=", "~x", "é %2B", "a b", ""] {
            let encoded = PageToken::encode(token);
            assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)), "{encoded}");
            assert_eq!(PageToken::from_text(&encoded).unwrap().0, token);
        }
        assert_eq!(PageToken::encode("eyJ2IjoiMiIs"), "eyJ2IjoiMiIs");
    }

    #[test]
    fn tokens_of_earlier_versions_are_taken_and_damaged_ones_are_not() {
        for (text, token) in [("a+b/c==", "a+b/c=="), ("a b/c==", "a+b/c=="), ("eu-west-1:x", "eu-west-1:x")] {
            assert_eq!(PageToken::from_text(text).unwrap().0, token);
        }
        for text in ["~%", "~a", "~_w"] {
            assert!(PageToken::from_text(text).is_none(), "{text}");
        }
    }
}
