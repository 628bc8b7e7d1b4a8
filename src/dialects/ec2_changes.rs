//! The routes of `/ec2` that change the state of instances.

use super::boto3::{Boto3Change, Boto3Id, SAMPLE_ID, one_or_array, sample_state_change};
use super::common::{self, DRY_RUN, DRY_RUN_OK, FORCE, HIBERNATE, SKIP_OS_SHUTDOWN, WAIT, one_tag};
use super::ec2_params::{EXPECT, EXPECT_TO_TERMINATE, INSTANCE_ID, INSTANCE_TAG, REGION_NAME};
use crate::error::{Error, Kind};
use crate::http::call::{Decoded, call};
use crate::http::reply::Reply;
use crate::http::route::{BodyUse, Handler, Input, Response, Route};
use crate::model::{Selection, Shutdown, StateChange, Tagged};
use crate::operations::Operation as _;
use crate::operations::reboot::RebootInstances;
use crate::operations::start::StartInstances;
use crate::operations::stop::StopInstances;
use crate::operations::terminate::TerminateInstances;
use serde::Serialize;
use serde_json::json;

// ---------------------------------------------------------------------------------------- routes

pub(super) const START: Route = Route {
    methods: &["POST"],
    path: "/ec2/start",
    name: "start",
    summary: "Starts instances.",
    parameters: &[REGION_NAME.info, INSTANCE_ID.info, INSTANCE_TAG.info, EXPECT.info, WAIT.info, DRY_RUN.info],
    body: BodyUse::Parameters,
    responses: CHANGED,
    handler: Handler::Authenticated { actions: &[StartInstances::ACTION], decode: start },
};

pub(super) const STOP: Route = Route {
    methods: &["POST"],
    path: "/ec2/stop",
    name: "stop",
    summary: "Stops instances.",
    parameters: &[
        REGION_NAME.info,
        INSTANCE_ID.info,
        INSTANCE_TAG.info,
        EXPECT.info,
        FORCE.info,
        HIBERNATE.info,
        SKIP_OS_SHUTDOWN.info,
        WAIT.info,
        DRY_RUN.info,
    ],
    body: BodyUse::Parameters,
    responses: CHANGED,
    handler: Handler::Authenticated { actions: &[StopInstances::ACTION], decode: stop },
};

pub(super) const REBOOT: Route = Route {
    methods: &["POST"],
    path: "/ec2/reboot",
    name: "reboot",
    summary: "Reboots instances.",
    parameters: &[REGION_NAME.info, INSTANCE_ID.info, INSTANCE_TAG.info, EXPECT.info, DRY_RUN.info],
    body: BodyUse::Parameters,
    responses: &[
        Response::json::<Boto3Id<'_>>(200, "The instance is rebooting.", || json!(SAMPLE_ID)),
        Response::json::<Vec<Boto3Id<'_>>>(
            200,
            "Several instances, in the order asked for; always an array by tag:KEY.",
            || json!([SAMPLE_ID]),
        ),
        DRY_RUN_OK,
    ],
    handler: Handler::Authenticated { actions: &[RebootInstances::ACTION], decode: reboot },
};

pub(super) const TERMINATE: Route = Route {
    methods: &["POST"],
    path: "/ec2/terminate",
    name: "terminate",
    summary: "Terminates instances.",
    parameters: &[
        REGION_NAME.info,
        INSTANCE_ID.info,
        INSTANCE_TAG.info,
        EXPECT_TO_TERMINATE.info,
        FORCE.info,
        SKIP_OS_SHUTDOWN.info,
        WAIT.info,
        DRY_RUN.info,
    ],
    body: BodyUse::Parameters,
    responses: CHANGED,
    handler: Handler::Authenticated { actions: &[TerminateInstances::ACTION], decode: terminate },
};

const CHANGED: &[Response] = &[
    Response::json::<Boto3Change<'_>>(200, "How the state of the instance has changed.", sample_state_change),
    Response::json::<Vec<Boto3Change<'_>>>(
        200,
        "Several instances, in the order asked for; always an array by tag:KEY.",
        || json!([sample_state_change()]),
    ),
    DRY_RUN_OK,
];

// ---------------------------------------------------------------------------------------- decode

/// The instances of a change.
struct Instances {
    selection: Selection,
    /// Whether the response is an array, whatever their number.
    is_array: bool,
}

/// Reads the instances of a change: by ID or name, or by tag.
fn instances(input: &Input<'_>) -> Result<Instances, Error> {
    let named = input.list(INSTANCE_ID)?;
    let tags = input.optional(INSTANCE_TAG)?.map(|tags| tags.0).unwrap_or_default();
    let tags = tags.into_iter().map(one_tag).collect::<Result<Vec<_>, _>>()?;
    let expect = input.optional(EXPECT)?;
    // An empty list is a mistake of the caller's script: by tag alone, more would be changed.
    let is_named = !named.is_empty() || input.params.is_given_empty(&INSTANCE_ID.info);
    match (is_named, tags.is_empty()) {
        (true, false) => {
            let message = "instance_id and tag:KEY can't be given together";
            Err(Error::new(Kind::Invalid, "InvalidParameterCombination", message))
        }
        (_, true) if named.is_empty() => {
            Err(Error { message: "instance_id or tag:KEY is required".to_owned(), ..Error::missing("instance_id") })
        }
        (_, true) if expect.is_some() => {
            Err(Error::invalid(EXPECT.info.name, "can be given only where instances are given by tag:KEY"))
        }
        (_, true) => Ok(Instances { selection: Selection::Named(named), is_array: false }),
        (false, false) => Ok(Instances { selection: Selection::Tagged(Tagged { tags, expect }), is_array: true }),
    }
}

fn start(input: &Input<'_>) -> Decoded {
    let region = common::region(input, REGION_NAME)?;
    let Instances { selection: instances, is_array } = instances(input)?;
    call(StartInstances { region, instances }, encode_changes(is_array))
}

fn stop(input: &Input<'_>) -> Decoded {
    let region = common::region(input, REGION_NAME)?;
    let Instances { selection: instances, is_array } = instances(input)?;
    let Shutdown { force, skip_os_shutdown, .. } = common::shutdown(input)?;
    let hibernation = input.optional(HIBERNATE)?.unwrap_or_default();
    call(StopInstances { region, instances, hibernation, force, skip_os_shutdown }, encode_changes(is_array))
}

fn reboot(input: &Input<'_>) -> Decoded {
    let region = common::region(input, REGION_NAME)?;
    let Instances { selection: instances, is_array } = instances(input)?;
    call(RebootInstances { region, instances }, move |ids| {
        encode(ids.iter().map(|id| Boto3Id { instance_id: id.as_str() }).collect(), is_array)
    })
}

fn terminate(input: &Input<'_>) -> Decoded {
    let region = common::region(input, REGION_NAME)?;
    let Instances { selection: instances, is_array } = instances(input)?;
    if let Selection::Tagged(Tagged { expect: None, .. }) = instances {
        let message = "expect is required where instances are terminated by tag:KEY".to_owned();
        return Err(Error { message, ..Error::missing(EXPECT.info.name) });
    }
    let shutdown = common::shutdown(input)?;
    call(TerminateInstances { region, instances, shutdown }, encode_changes(is_array))
}

// ---------------------------------------------------------------------------------------- encode

fn encode_changes(is_array: bool) -> impl FnOnce(Vec<StateChange>) -> Reply + Send + 'static {
    move |changes| encode(changes.iter().map(Boto3Change::from).collect(), is_array)
}

/// By tag always an array; else one item is the bare object.
fn encode<T: Serialize>(items: Vec<T>, is_array: bool) -> Reply {
    if is_array { Reply::json(200, &items) } else { one_or_array(items) }
}
