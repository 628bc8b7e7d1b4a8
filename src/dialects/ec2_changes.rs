//! The routes of `/ec2` that change the state of instances.

use super::boto3::{
    Boto3Change, Boto3DryRun, Boto3Failure, Boto3Id, SAMPLE_ID, one_or_array, sample_failure, sample_state_change,
};
use super::chosen::{Choice, Chosen};
use super::common::{
    self, ACCOUNT, DRY_RUN, DRY_RUN_OK, END_HEADERS, FORCE, HIBERNATE, SKIP_OS_SHUTDOWN, STOP_AFTER, TERMINATE_AFTER,
    WAIT,
};
use super::ec2_params::{EXPECT, EXPECT_TO_TERMINATE, INSTANCE_ID, INSTANCE_TAG, PARTIAL, REGION_NAME};
use crate::error::Error;
use crate::http::call::{Decoded, call};
use crate::http::reply::Reply;
use crate::http::route::{BodyUse, Handler, Input, Response, Route};
use crate::model::{Expected, InstanceId, Selection, Shutdown, Tagged, Targets};
use crate::operations::Operation as _;
use crate::operations::reboot::RebootInstances;
use crate::operations::start::StartInstances;
use crate::operations::state_call::InstanceResult;
use crate::operations::stop::StopInstances;
use crate::operations::terminate::TerminateInstances;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

// ---------------------------------------------------------------------------------------- routes

pub(super) const START: Route = Route {
    methods: &["POST"],
    path: "/ec2/start",
    name: "start",
    summary: "Starts instances.",
    parameters: &[
        REGION_NAME.info,
        ACCOUNT.info,
        INSTANCE_ID.info,
        INSTANCE_TAG.info,
        EXPECT.info,
        PARTIAL.info,
        STOP_AFTER.info,
        TERMINATE_AFTER.info,
        WAIT.info,
        DRY_RUN.info,
    ],
    body: BodyUse::Parameters,
    responses: STARTED,
    handler: Handler::Authenticated { actions: &[StartInstances::ACTION], decode: start },
};

pub(super) const STOP: Route = Route {
    methods: &["POST"],
    path: "/ec2/stop",
    name: "stop",
    summary: "Stops instances.",
    parameters: &[
        REGION_NAME.info,
        ACCOUNT.info,
        INSTANCE_ID.info,
        INSTANCE_TAG.info,
        EXPECT.info,
        PARTIAL.info,
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
    parameters: &[
        REGION_NAME.info,
        ACCOUNT.info,
        INSTANCE_ID.info,
        INSTANCE_TAG.info,
        EXPECT.info,
        PARTIAL.info,
        DRY_RUN.info,
    ],
    body: BodyUse::Parameters,
    responses: &[
        Response::json::<Boto3Id<'_>>(200, "The instance is rebooting.", || json!(SAMPLE_ID)),
        Response::json::<Vec<Boto3Id<'_>>>(
            200,
            "Several instances, in the order asked for; always an array by tag:KEY and with partial.",
            || json!([SAMPLE_ID]),
        ),
        Response::json::<Vec<PartialItem<'_, Boto3Id<'_>>>>(207, SOME_FAILED, || json!([SAMPLE_ID, sample_failure()])),
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
        ACCOUNT.info,
        INSTANCE_ID.info,
        INSTANCE_TAG.info,
        EXPECT_TO_TERMINATE.info,
        PARTIAL.info,
        FORCE.info,
        SKIP_OS_SHUTDOWN.info,
        WAIT.info,
        DRY_RUN.info,
    ],
    body: BodyUse::Parameters,
    responses: CHANGED,
    handler: Handler::Authenticated { actions: &[TerminateInstances::ACTION], decode: terminate },
};

const ONE_CHANGED: Response =
    Response::json::<Boto3Change<'_>>(200, "How the state of the instance has changed.", sample_state_change);
const SEVERAL_CHANGED: Response = Response::json::<Vec<Boto3Change<'_>>>(
    200,
    "Several instances, in the order asked for; always an array by tag:KEY and with partial.",
    || json!([sample_state_change()]),
);
const SOME_CHANGED: Response = Response::json::<Vec<PartialItem<'_, Boto3Change<'_>>>>(207, SOME_FAILED, || {
    json!([sample_state_change(), sample_failure()])
});

const CHANGED: &[Response] = &[ONE_CHANGED, SEVERAL_CHANGED, SOME_CHANGED, DRY_RUN_OK];

const STARTED: &[Response] =
    &[ONE_CHANGED.with(END_HEADERS), SEVERAL_CHANGED.with(END_HEADERS), SOME_CHANGED.with(END_HEADERS), DRY_RUN_OK];

const SOME_FAILED: &str =
    "With partial: some were changed, the others have their errors. In a dry run: some would be changed.";

// ---------------------------------------------------------------------------------------- decode

/// Reads the instances of a change: by ID or name, or by tag.
fn targets(input: &Input<'_>) -> Result<Targets, Error> {
    let region = common::region(input, REGION_NAME)?;
    let selection = match CHOICE.read(input)? {
        Chosen::Named(named) => Selection::Named(named),
        Chosen::Tagged(tags, expect) => Selection::Tagged(Tagged { tags, expect: expect.map(Expected::Exactly) }),
    };
    let partial = input.optional(PARTIAL)?.unwrap_or_default();
    Ok(Targets { region, selection, partial, leave_out_kept: false, leave_out_terminated: false })
}

const CHOICE: Choice = Choice { instance_id: INSTANCE_ID, tag: INSTANCE_TAG, expect: EXPECT };

fn start(input: &Input<'_>) -> Decoded {
    let targets = targets(input)?;
    let form = Form::of(&targets);
    call(StartInstances { targets, end: common::end(input)? }, move |changes| form.encode(&changes, Boto3Change::from))
}

fn stop(input: &Input<'_>) -> Decoded {
    let targets = targets(input)?;
    let form = Form::of(&targets);
    let Shutdown { force, skip_os_shutdown, .. } = common::shutdown(input)?;
    let hibernation = input.optional(HIBERNATE)?.unwrap_or_default();
    let operation = StopInstances { targets, hibernation, force, skip_os_shutdown };
    call(operation, move |changes| form.encode(&changes, Boto3Change::from))
}

fn reboot(input: &Input<'_>) -> Decoded {
    let targets = targets(input)?;
    let form = Form::of(&targets);
    call(RebootInstances { targets }, move |rebooted| {
        form.encode(&rebooted, |id: &InstanceId| Boto3Id { instance_id: id.as_str() })
    })
}

fn terminate(input: &Input<'_>) -> Decoded {
    let targets = targets(input)?;
    let form = Form::of(&targets);
    if let Selection::Tagged(Tagged { expect, .. }) = &targets.selection {
        CHOICE.expects_to_terminate(expect.is_some())?;
    }
    let shutdown = common::shutdown(input)?;
    call(TerminateInstances { targets, shutdown }, move |changes| form.encode(&changes, Boto3Change::from))
}

// ---------------------------------------------------------------------------------------- encode

/// The form of the response to a change.
#[derive(Clone, Copy)]
enum Form {
    /// An array if there are several instances; one is the bare object.
    OneOrArray,
    /// Always an array.
    Array,
}

impl Form {
    fn of(targets: &Targets) -> Self {
        match targets.selection {
            Selection::Named(_) if !targets.partial => Self::OneOrArray,
            _ => Self::Array,
        }
    }

    fn encode<'a, T, B: Serialize>(self, results: &'a [InstanceResult<T>], item: impl Fn(&'a T) -> B) -> Reply {
        match self {
            Self::OneOrArray => one_or_array(items(results, item)),
            Self::Array => encode_each(results, item),
        }
    }
}

/// Encodes what became of each instance where some may fail.
pub(super) fn encode_each<'a, T, B: Serialize>(results: &'a [InstanceResult<T>], item: impl Fn(&'a T) -> B) -> Reply {
    let failed = results.iter().any(|result| result.change.is_err());
    Reply::json(if failed { 207 } else { 200 }, &items(results, item))
}

fn items<'a, T, B: Serialize>(results: &'a [InstanceResult<T>], item: impl Fn(&'a T) -> B) -> Vec<PartialItem<'a, B>> {
    let encoded = |result: &'a InstanceResult<T>| match &result.change {
        Ok(Some(change)) => PartialItem::Changed(item(change)),
        Ok(None) => PartialItem::DryRun(Boto3DryRun { instance_id: &result.instance, dry_run: true }),
        Err(error) => PartialItem::Failed(Boto3Failure::new(&result.instance, error)),
    };
    results.iter().map(encoded).collect()
}

/// What became of one instance where some may fail.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum PartialItem<'a, T> {
    Changed(T),
    DryRun(Boto3DryRun<'a>),
    Failed(Boto3Failure<'a>),
}
