//! `/instance/*`: the dialect of workwork, which starts, stops and reboots instances and keeps in the tag `start_time` since
//! when each has been running.

use crate::ec2::{Change, Instance, InstanceRef, Region, Tag};
use crate::error::{Error, Kind};
use crate::http::Reply;
use crate::http::params::parameters;
use crate::http::route::{Answer, BodyUse, Call, Dialect, Input, Route};
use crate::operation::{Operation, Outcome};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use time::{OffsetDateTime, UtcOffset};

// ---------------------------------------------------------------------------------------------------------------- routes

/// The dialect.
pub const DIALECT: Dialect = Dialect {
    name: "instance",
    summary: "One instance, for clients of workwork.",
    prefix: "/instance",
    enabled: |_| true,
    routes: ROUTES,
    segments: &[REGION, INSTANCE_ID, ACTION],
    encode,
    error,
    error_body: SchemaGenerator::subschema_for::<Errors<'_>>,
};

const ROUTES: &[Route] = &[
    Route {
        methods: &["POST", "PUT"],
        path: "/instance/{region}/{instance_id}/{action}",
        operation: "action",
        summary: "Does `start`, `stop` or `reboot`, and sets the tag `start_time`.",
        parameters: &[super::WAIT, super::DRY_RUN],
        body: BodyUse::Parameters, // the JSON member api_key
        answers: &[Answer::empty(204, "EC2 has accepted the change."), super::TRIED],
        actions: &[
            "ec2:StartInstances",
            "ec2:StopInstances",
            "ec2:RebootInstances",
            "ec2:CreateTags",
            "ec2:DescribeInstances",
        ],
        open: false,
        decode: action,
    },
    Route {
        methods: &["GET"],
        path: "/instance/{region}/{instance_id}",
        operation: "describe",
        summary: "Shows an instance's DNS name, address, state, tags and type.",
        parameters: &[],
        body: BodyUse::Parameters,
        answers: &[Answer::json::<Description<'_>>(200, "The instance.", || {
            json!(Description::from(&super::sample_instance()))
        })],
        actions: &["ec2:DescribeInstances"],
        open: false,
        decode: describe,
    },
];

parameters! {
    REGION = "region", Text, true,
        "The region, such as us-east-1.",
        pattern: Region::PATTERN, example: "us-east-1";
    INSTANCE_ID = "instance_id", Text, true,
        "The instance's ID, or its name if no other has it.",
        pattern: InstanceRef::PATTERN, example: "i-0123456789abcdef0";
    ACTION = "action", Text, true,
        "What to do; case matters.",
        values: &["start", "stop", "reboot"], example: "stop";
}

// ---------------------------------------------------------------------------------------------------------------- decode

fn region(input: &Input<'_>) -> Result<Region, Error> {
    let wrong = || Error::invalid(REGION.name, "is not a region that this deployment allows");
    input.config.regions.allow(input.segment(REGION.name)).ok_or_else(wrong)
}

fn instance(input: &Input<'_>) -> Result<InstanceRef, Error> {
    let wrong = || Error {
        parameter: Some(INSTANCE_ID.name.into()),
        ..Error::new(Kind::NotFound, "InvalidInstanceID.Malformed", "instance_id not found")
    };
    InstanceRef::parse(input.segment(INSTANCE_ID.name)).ok_or_else(wrong)
}

fn action(input: &Input<'_>) -> Result<Call, Error> {
    // The original checks in this order, and clients see which check fails first.
    let region = region(input)?;
    let (change, start_time) = match input.segment(ACTION.name) {
        "start" => (Change::Start, isoformat(input.now)),
        "reboot" => (Change::Reboot, isoformat(input.now)),
        "stop" => (Change::Stop { force: false }, String::new()),
        _ => return Err(Error::invalid(ACTION.name, format!("is none of {}", ACTION.values.join(", ")))),
    };
    let instances = vec![instance(input)?];
    let tag = Some(Tag { key: "start_time".to_owned(), value: start_time });
    Ok(Call::new(region, Operation::Change { change, instances, tag }))
}

fn describe(input: &Input<'_>) -> Result<Call, Error> {
    Ok(Call::new(region(input)?, Operation::Describe(instance(input)?)))
}

/// What Python's `datetime.utcnow().isoformat()` writes, always with microseconds.
fn isoformat(it: OffsetDateTime) -> String {
    let it = it.to_offset(UtcOffset::UTC);
    let (year, month, day) = (it.year(), u8::from(it.month()), it.day());
    let (hour, minute, second, microsecond) = (it.hour(), it.minute(), it.second(), it.microsecond());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{microsecond:06}")
}

// ---------------------------------------------------------------------------------------------------------------- encode

fn encode(_call: Call, outcome: Outcome) -> Reply {
    match outcome {
        Outcome::Changed(_) | Outcome::Rebooted(_) => Reply::empty(204),
        Outcome::Tried { action, by_aws } => Reply::json(200, &super::DryRun::new(action, by_aws)),
        Outcome::Described(instance) => Reply::json(200, &Description::from(&*instance)),
        other => super::unexpected(&other),
    }
}

/// An instance. What EC2 does not have is null.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "InstanceDescription")]
struct Description<'a> {
    public_dns_name: Option<&'a str>,
    public_ip_address: Option<&'a str>,
    state: Option<&'a str>,
    /// Every tag.
    tags: BTreeMap<&'a str, &'a str>,
    r#type: Option<&'a str>,
}

impl<'a> From<&'a Instance> for Description<'a> {
    fn from(it: &'a Instance) -> Self {
        Self {
            public_dns_name: it.public_dns_name.as_deref(),
            public_ip_address: it.public_ip_address.as_deref(),
            state: it.state.name.as_deref(),
            tags: it.tags.iter().map(|Tag { key, value }| (key.as_str(), value.as_str())).collect(),
            r#type: it.instance_type.as_deref(),
        }
    }
}

/// `{"errors": [{"id", "title"}]}`, with the original's words and statuses for what the original checked.
fn error(error: &Error, status: u16, _route: Option<&Route>) -> Reply {
    let (status, id, title) = match (error.kind, error.parameter.as_deref(), &*error.code) {
        (Kind::Unauthenticated, ..) => (401, "api_key", "Invalid api key"),
        (Kind::Invalid, Some("region"), _) => (422, "region", "Invalid region"),
        (Kind::Invalid, Some("action"), _) => (422, "action", "Invalid action"),
        (_, _, "InvalidInstanceID.NotFound" | "InvalidInstanceID.Malformed") => {
            (404, "instance_id", "instance_id not found")
        }
        (_, _, code) => (status, code, error.message.as_str()),
    };
    Reply::json(status, &Errors { errors: [ErrorItem { id, title }] })
}

/// What went wrong.
#[derive(Serialize, JsonSchema)]
struct Errors<'a> {
    /// One.
    errors: [ErrorItem<'a>; 1],
}

#[derive(Serialize, JsonSchema)]
struct ErrorItem<'a> {
    /// What is wrong: the part of the request, or a code.
    id: &'a str,
    /// A sentence for people.
    title: &'a str,
}

// ----------------------------------------------------------------------------------------------------------------- tests

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_time_is_utc_without_zone_and_with_microseconds() {
        let at = |nanos| isoformat(OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap());
        assert_eq!(at(1_455_645_849_006_739_000), "2016-02-16T18:04:09.006739");
        assert_eq!(at(1_455_645_849_000_000_000), "2016-02-16T18:04:09.000000");
        assert_eq!(at(0), "1970-01-01T00:00:00.000000");
    }
}
