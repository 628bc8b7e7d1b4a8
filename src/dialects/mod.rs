//! The HTTP dialects. Each file has the same four parts in the same order: route table, decode, encode, tests.

pub mod ec2;
pub mod instance;
pub mod meta;
pub mod regions;
pub mod s3;
pub mod table;
pub mod v1;

use crate::ec2::{Instance, LONGEST_TAG_VALUE, Region, SecurityGroup, SecurityGroupId, State, Tag};
use crate::error::Error;
use crate::http::params::{Parameter, Type, parameters};
use crate::http::route::{Answer, Dialect, Input};
use crate::operation::OWN_TAGS;
use crate::policy::Action;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

/// Every dialect. A new one is one file and one line here; `meta` is the last.
pub const DIALECTS: &[&Dialect] =
    &[&ec2::DIALECT, &instance::DIALECT, &v1::DIALECT, &s3::DIALECT, &regions::DIALECT, &meta::DIALECT];

/// Every route that changes something has it. A constant of its own, since it is read for all of them in one place.
pub const DRY_RUN: &Parameter = &Parameter {
    name: "dry_run",
    aliases: &["DryRun"], // and whatever else reads like it: params.rs
    kind: Type::Boolean,
    summary: "true to learn whether it would be carried out, without doing it.",
    example: "true",
    ..Parameter::ANY
};

/// Every route that starts, stops, terminates or launches has it. Read in one place, too.
pub const WAIT: &Parameter = &Parameter {
    name: "wait",
    kind: Type::Integer,
    range: (0, LONGEST_WAIT),
    summary: "Seconds to wait until the instances run, or have stopped; at most what is left of the invocation.",
    example: "20",
    ..Parameter::ANY
};

/// The longest that may be asked for, in seconds: Lambda's own limit. What is left of an invocation is less.
const LONGEST_WAIT: u32 = 900;

/// What stands for all regions where a list takes it, and in the log.
pub const ALL_REGIONS: &str = "all";

parameters! {
    LAUNCH_TAG = "tag:KEY", Tag, false,
        "A tag of the instances and their volumes, from the start.",
        longest: LONGEST_TAG_VALUE, example: "blue";
}

/// The IAM actions of a launch.
const LAUNCH_ACTIONS: &[&str] = &["ec2:RunInstances", "ec2:CreateTags", "ec2:DescribeInstances", "ssm:GetParameters"];

/// EC2 takes at most this many IDs in a call, and launches fewer
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html>).
const MOST_INSTANCES: u32 = 1000;

/// More security groups than an instance can have.
const MOST_GROUPS: usize = 100;

/// What a list may have beside its rows.
const LIST_HEADERS: &[&str] = &["x-next-token"];

/// The region of a parameter; the deployment's default where it is not required and not given.
fn region(input: &Input<'_>, parameter: &'static Parameter) -> Result<Region, Error> {
    let allowed = |name: &str| input.config.regions.allow(name);
    let region = input.params.parsed(parameter, "a region that this deployment allows", allowed)?;
    match region {
        None if parameter.required => Err(Error::missing(parameter.name)),
        region => Ok(region.unwrap_or_else(|| input.config.regions.default.clone())),
    }
}

/// EC2's limits, less the two tags that every launch gets:
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>.
const MOST_TAGS: usize = 48;
const LONGEST_TAG_KEY: usize = 128;

/// The tags that a launch asks for.
fn launch_tags(input: &Input<'_>) -> Result<Vec<Tag>, Error> {
    let given = input.params.tags(LAUNCH_TAG)?;
    if given.len() > MOST_TAGS {
        return Err(Error::invalid(LAUNCH_TAG.name, format!("can be given for at most {MOST_TAGS} keys")));
    }
    let tag = |(key, values): (&str, Vec<&str>)| {
        let wrong = |problem: &str| Error::invalid(format!("tag:{key}"), problem);
        let [value] = values.as_slice() else { return Err(wrong("is given twice")) };
        let reserved = |prefix: &str| key.get(..prefix.len()).is_some_and(|it| it.eq_ignore_ascii_case(prefix));
        match () {
            () if reserved("aws:") => Err(wrong("is a key that AWS keeps to itself")),
            () if reserved(OWN_TAGS) => Err(wrong("is a key that this function sets itself")),
            () if key.chars().count() > LONGEST_TAG_KEY => Err(wrong("has a key of more than 128 characters")),
            () if value.chars().count() > LONGEST_TAG_VALUE => Err(wrong("has more than 256 characters")),
            () => Ok(Tag { key: key.to_owned(), value: (*value).to_owned() }),
        }
    };
    given.into_iter().map(tag).collect()
}

/// What is said of a change that was tried only.
fn tried(action: Action, by_aws: bool) -> String {
    let who = if by_aws { "This deployment and AWS" } else { "This deployment (AWS can't be asked)" };
    format!("Dry run: {who} would permit {action}. Nothing was done.")
}

/// What is said of a change that was tried only, under boto3's name for that.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct DryRun {
    /// Always true.
    dry_run: bool,
    /// Who would permit it.
    message: String,
}

impl DryRun {
    fn new(action: Action, by_aws: bool) -> Self {
        Self { dry_run: true, message: tried(action, by_aws) }
    }
}

/// The answer to a dry run of what changes instances.
const TRIED: Answer = tried_answer(|| json!(DryRun::new(Action::StopInstances, true)));

/// The answer to a dry run of a launch.
const TRIED_LAUNCH: Answer = tried_answer(|| json!(DryRun::new(Action::RunInstances, true)));

const fn tried_answer(example: fn() -> Value) -> Answer {
    Answer::json::<DryRun>(200, "A dry run: it would be permitted, and nothing was done.", example)
}

/// Security groups, by ID and by name: what begins with `sg-` is an ID.
fn security_groups(
    parameter: &'static Parameter,
    groups: &[&str],
) -> Result<(Vec<SecurityGroupId>, Vec<String>), Error> {
    let (ids, names): (Vec<&str>, Vec<&str>) = groups.iter().partition(|group| group.starts_with("sg-"));
    Ok((security_group_ids(parameter, &ids)?, names.into_iter().map(str::to_owned).collect()))
}

/// Security groups by ID.
fn security_group_ids(parameter: &'static Parameter, ids: &[&str]) -> Result<Vec<SecurityGroupId>, Error> {
    let wrong = || Error::invalid(parameter.name, "must be a security group's ID: sg- and 8 or 17 hex digits");
    ids.iter().map(|id| SecurityGroupId::parse(id).ok_or_else(wrong)).collect()
}

/// The answer to an outcome that the dialect's own decoding never leads to.
fn unexpected(outcome: &crate::operation::Outcome) -> crate::http::Reply {
    debug_assert!(false, "no route of this dialect leads to {outcome:?}");
    crate::http::Reply::empty(500)
}

/// Instances by ID or name.
fn instances(input: &Input<'_>, parameter: &'static Parameter) -> Result<Vec<crate::ec2::InstanceRef>, Error> {
    let wrong = || {
        let problem = "must be an instance's ID, i- and 8 or 17 hex digits, or its name, which does not begin with i-";
        Error::invalid(parameter.name, problem)
    };
    let parse = |text| crate::ec2::InstanceRef::parse(text).ok_or_else(wrong);
    input.params.list(parameter)?.into_iter().map(parse).collect()
}

/// A list, JSON or CSV, and in a header where the rest of it begins.
fn listed(text: String, csv: bool, next_token: Option<String>) -> crate::http::Reply {
    let reply = crate::http::Reply { status: 200, headers: Vec::new(), body: text.into() }.with("vary", "accept");
    let reply = if csv { reply.with("content-type", "text/csv; charset=utf-8; header=present") } else { reply };
    next_token.into_iter().fold(reply, |reply, token| reply.with("x-next-token", token))
}

/// RFC 3339 in UTC, to the millisecond: `2012-10-29T10:51:24.000Z`.
fn rfc3339_milliseconds(it: OffsetDateTime) -> String {
    let it = it.to_offset(time::UtcOffset::UTC);
    let (year, month, day) = (it.year(), u8::from(it.month()), it.day());
    let (hour, minute, second, millisecond) = (it.hour(), it.minute(), it.second(), it.millisecond());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
}

/// An instance to show in documentation: the one of all examples.
fn sample_instance() -> Instance {
    let text = |text: &str| Some(text.to_owned());
    Instance {
        instance_id: "i-0123456789abcdef0".to_owned(),
        image_id: text("ami-0123456789abcdef0"),
        instance_type: text("t3.micro"),
        key_name: text("demo"),
        launch_time: sample_time(),
        availability_zone: text("us-east-1b"),
        tenancy: text("default"),
        monitoring: text("disabled"),
        private_dns_name: text("ip-10-0-1-23.ec2.internal"),
        private_ip_address: text("10.0.1.23"),
        public_dns_name: text("ec2-203-0-113-25.compute-1.amazonaws.com"),
        public_ip_address: text("203.0.113.25"),
        state: sample_state(16, "running"),
        subnet_id: text("subnet-0123456789abcdef0"),
        vpc_id: text("vpc-0123456789abcdef0"),
        architecture: text("x86_64"),
        ami_launch_index: Some(0),
        ebs_optimized: Some(false),
        ena_support: Some(true),
        hypervisor: text("xen"),
        root_device_name: text("/dev/sda1"),
        root_device_type: text("ebs"),
        security_groups: vec![SecurityGroup { group_id: text("sg-0123456789abcdef0"), group_name: text("web") }],
        source_dest_check: Some(true),
        tags: vec![Tag { key: "team".to_owned(), value: "blue".to_owned() }],
        virtualization_type: text("hvm"),
        ..Instance::default()
    }
}

fn sample_time() -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(1_772_442_000).ok()
}

fn sample_state(code: u8, name: &str) -> State {
    State { code: Some(code), name: Some(name.to_owned()) }
}
