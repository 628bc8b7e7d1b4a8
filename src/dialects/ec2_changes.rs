//! The routes of `/ec2` that change the state of instances.

use super::boto3::{Boto3Change, Boto3Id, SAMPLE_ID, one_or_array, sample_state_change};
use super::common::{self, DRY_RUN, DRY_RUN_OK, FORCE, HIBERNATE, SKIP_OS_SHUTDOWN, WAIT};
use super::ec2_params::{INSTANCE_ID, REGION_NAME};
use crate::http::call::{Decoded, call};
use crate::http::route::{BodyUse, Handler, Input, Response, Route};
use crate::model::Shutdown;
use crate::operations::Operation as _;
use crate::operations::reboot::RebootInstances;
use crate::operations::start::StartInstances;
use crate::operations::stop::StopInstances;
use crate::operations::terminate::TerminateInstances;
use serde_json::json;

// ---------------------------------------------------------------------------------------- routes

pub(super) const START: Route = Route {
    methods: &["POST"],
    path: "/ec2/start",
    name: "start",
    summary: "Starts instances.",
    parameters: &[REGION_NAME.info, INSTANCE_ID.info, WAIT.info, DRY_RUN.info],
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
    parameters: &[REGION_NAME.info, INSTANCE_ID.info, DRY_RUN.info],
    body: BodyUse::Parameters,
    responses: &[
        Response::json::<Boto3Id<'_>>(200, "The instance is rebooting.", || json!(SAMPLE_ID)),
        Response::json::<Vec<Boto3Id<'_>>>(200, "Several instances, in the order asked for.", || json!([SAMPLE_ID])),
        DRY_RUN_OK,
    ],
    handler: Handler::Authenticated { actions: &[RebootInstances::ACTION], decode: reboot },
};

pub(super) const TERMINATE: Route = Route {
    methods: &["POST"],
    path: "/ec2/terminate",
    name: "terminate",
    summary: "Terminates instances.",
    parameters: &[REGION_NAME.info, INSTANCE_ID.info, FORCE.info, SKIP_OS_SHUTDOWN.info, WAIT.info, DRY_RUN.info],
    body: BodyUse::Parameters,
    responses: CHANGED,
    handler: Handler::Authenticated { actions: &[TerminateInstances::ACTION], decode: terminate },
};

const CHANGED: &[Response] = &[
    Response::json::<Boto3Change<'_>>(200, "How the state of the instance has changed.", sample_state_change),
    Response::json::<Vec<Boto3Change<'_>>>(200, "Several instances, in the order asked for.", || {
        json!([sample_state_change()])
    }),
    DRY_RUN_OK,
];

// ---------------------------------------------------------------------------------------- decode

fn start(input: &Input<'_>) -> Decoded {
    let region = common::region(input, REGION_NAME)?;
    call(StartInstances { region, instances: input.required(INSTANCE_ID)? }, |changes| {
        one_or_array(changes.iter().map(Boto3Change::from).collect())
    })
}

fn stop(input: &Input<'_>) -> Decoded {
    let region = common::region(input, REGION_NAME)?;
    let instances = input.required(INSTANCE_ID)?;
    let Shutdown { force, skip_os_shutdown, .. } = common::shutdown(input)?;
    let hibernation = input.optional(HIBERNATE)?.unwrap_or_default();
    call(StopInstances { region, instances, hibernation, force, skip_os_shutdown }, |changes| {
        one_or_array(changes.iter().map(Boto3Change::from).collect())
    })
}

fn reboot(input: &Input<'_>) -> Decoded {
    let region = common::region(input, REGION_NAME)?;
    call(RebootInstances { region, instances: input.required(INSTANCE_ID)? }, |ids| {
        one_or_array(ids.iter().map(|id| Boto3Id { instance_id: id.as_str() }).collect())
    })
}

fn terminate(input: &Input<'_>) -> Decoded {
    let region = common::region(input, REGION_NAME)?;
    let (instances, shutdown) = (input.required(INSTANCE_ID)?, common::shutdown(input)?);
    call(TerminateInstances { region, instances, shutdown }, |changes| {
        one_or_array(changes.iter().map(Boto3Change::from).collect())
    })
}
