//! `/instance/*`: the dialect of workwork. It starts, stops and reboots instances, and keeps the
//! time of the last start in the tag `start_time`.

use super::common::{DRY_RUN, DRY_RUN_OK, WAIT, encode_dry_run, format_utc, sample_instance};
use crate::error::{Error, Kind};
use crate::http::call::{Decoded, call};
use crate::http::param::Param;
use crate::http::reply::Reply;
use crate::http::route::{BodyUse, Dialect, Handler, Input, Response, Route, UnknownUse};
use crate::model::{FromText, Instance, InstanceRef, Region, Tag, Targets, non_empty};
use crate::operations::Operation as _;
use crate::operations::describe::DescribeInstance;
use crate::operations::reboot::RebootInstances;
use crate::operations::start::StartInstances;
use crate::operations::stop::StopInstances;
use crate::operations::with_tag::WithTag;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use time::OffsetDateTime;
use time::macros::format_description;

// ---------------------------------------------------------------------------------------- routes

/// The dialect.
pub const DIALECT: Dialect = Dialect {
    name: "instance",
    summary: "One instance, for clients of workwork.",
    prefix: "/instance",
    enabled: |_| true,
    routes: ROUTES,
    unknown_parameters: UnknownUse::RefuseInQuery,
    ignored_parameters: &[],
    region_parameter: REGION.info.name,
    segments: &[REGION.info, INSTANCE_ID.info, ACTION.info],
    dry_run: encode_dry_run,
    error: encode_error,
    error_body: SchemaGenerator::subschema_for::<Errors<'_>>,
};

const ROUTES: &[Route] = &[
    Route {
        methods: &["POST", "PUT"],
        path: "/instance/{region}/{instance_id}/{action}",
        name: "action",
        summary: "Does `start`, `stop` or `reboot`, and sets the tag `start_time`.",
        parameters: &[WAIT.info, DRY_RUN.info],
        body: BodyUse::Parameters, // the JSON member api_key
        responses: &[Response::empty(204, "EC2 has accepted the change."), DRY_RUN_OK],
        handler: Handler::Authenticated {
            actions: &[
                WithTag::<StartInstances>::ACTION,
                WithTag::<StopInstances>::ACTION,
                WithTag::<RebootInstances>::ACTION,
            ],
            decode: action,
        },
    },
    Route {
        methods: &["GET"],
        path: "/instance/{region}/{instance_id}",
        name: "describe",
        summary: "Shows an instance's DNS name, address, state, tags and type.",
        parameters: &[],
        body: BodyUse::Parameters,
        responses: &[Response::json::<Description<'_>>(200, "The instance.", || {
            json!(Description::from(&sample_instance()))
        })],
        handler: Handler::Authenticated { actions: &[DescribeInstance::ACTION], decode: describe },
    },
];

const REGION: Param<Region> = Param::required("region", "The region, such as us-east-1.");
const INSTANCE_ID: Param<InstanceRef> =
    Param::required("instance_id", "The instance's ID, or its name if no other has it.");
const ACTION: Param<ActionName> = Param::required("action", "What to do; case matters.");

/// The last segment of the path.
enum ActionName {
    Start,
    Stop,
    Reboot,
}

impl FromText for ActionName {
    const PATTERN: &'static str = "";
    const EXPECTED: &'static str = "";
    const EXAMPLE: &'static str = "stop";
    const VALUES: &'static [&'static str] = &["start", "stop", "reboot"];

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "start" => Some(Self::Start),
            "stop" => Some(Self::Stop),
            "reboot" => Some(Self::Reboot),
            _ => None,
        }
    }
}

// ---------------------------------------------------------------------------------------- decode

fn region(input: &Input<'_>) -> Result<Region, Error> {
    let region = input.segment(REGION).filter(|region| input.config.regions.allows(region));
    region.ok_or_else(|| Error::invalid(REGION.info.name, "is not a region that this deployment allows"))
}

fn instance(input: &Input<'_>) -> Result<InstanceRef, Error> {
    input.segment(INSTANCE_ID).ok_or_else(|| Error {
        parameter: Some(INSTANCE_ID.info.name.into()),
        ..Error::new(Kind::NotFound, "InvalidInstanceID.Malformed", "instance_id not found")
    })
}

fn action(input: &Input<'_>) -> Decoded {
    // The original checks in this order, and clients see which check fails first.
    let region = region(input)?;
    let action = input
        .segment(ACTION)
        .ok_or_else(|| Error::invalid(ACTION.info.name, format!("must be one of {}", ActionName::VALUES.join(", "))))?;
    let targets = Targets::all(region, vec![instance(input)?]);
    let tag = |start_time| Tag { key: "start_time".to_owned(), value: start_time };
    match action {
        ActionName::Start => {
            let change = StartInstances { targets, end: None };
            call(WithTag { change, tag: tag(isoformat(input.now)) }, |_| Reply::empty(204))
        }
        ActionName::Reboot => {
            // A reboot leads to no other state.
            if input.optional(WAIT)?.is_some_and(|wait| wait > 0) {
                return Err(Error::invalid(WAIT.info.name, "can't be given for a reboot"));
            }
            let change = RebootInstances { targets };
            call(WithTag { change, tag: tag(isoformat(input.now)) }, |_| Reply::empty(204))
        }
        ActionName::Stop => {
            let change = StopInstances::plain(targets);
            call(WithTag { change, tag: tag(String::new()) }, |_| Reply::empty(204))
        }
    }
}

fn describe(input: &Input<'_>) -> Decoded {
    let operation = DescribeInstance { region: region(input)?, instance: instance(input)? };
    call(operation, |instance| Reply::json(200, &Description::from(&instance)))
}

/// The text of Python's `datetime.utcnow().isoformat()`, always with microseconds.
fn isoformat(time: OffsetDateTime) -> String {
    format_utc(time, format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]"))
}

// ---------------------------------------------------------------------------------------- encode

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
    fn from(instance: &'a Instance) -> Self {
        Self {
            public_dns_name: non_empty(&instance.public_dns_name),
            public_ip_address: non_empty(&instance.public_ip_address),
            state: instance.state.name.as_deref(),
            tags: instance.tags.iter().map(|Tag { key, value }| (key.as_str(), value.as_str())).collect(),
            r#type: instance.instance_type.as_deref(),
        }
    }
}

/// `{"errors": [{"id", "title"}]}`, with the original's words and statuses where the original has
/// them.
fn encode_error(error: &Error, status: u16, _route: Option<&Route>) -> Reply {
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

/// An error.
#[derive(Serialize, JsonSchema)]
struct Errors<'a> {
    /// One error.
    errors: [ErrorItem<'a>; 1],
}

#[derive(Serialize, JsonSchema)]
struct ErrorItem<'a> {
    /// The part of the request that is wrong, or a code.
    id: &'a str,
    /// A sentence for people.
    title: &'a str,
}

// ----------------------------------------------------------------------------------------- tests

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
