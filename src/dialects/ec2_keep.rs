//! `POST /ec2/keep`.

use super::boto3::SAMPLE_ID;
use super::common::{self, ACCOUNT, DRY_RUN, DryRunBody, MAX_INSTANCES, dry_run_response, sample_time};
use super::ec2_params::{INSTANCE_NAMES, REGION_NAME};
use crate::error::Error;
use crate::http::call::{Decoded, call};
use crate::http::param::{Given, Param};
use crate::http::reply::Reply;
use crate::http::route::{BodyUse, Handler, Input, Response, Route};
use crate::model::{InstanceId, InstanceRef, KeepUntil, isoformat};
use crate::operations::Operation as _;
use crate::operations::keep::KeepInstances;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

pub(super) const KEEP: Route = Route {
    methods: &["POST"],
    path: "/ec2/keep",
    name: "keep",
    summary: "Keeps instances until a time: schedules and ends do not stop or terminate them before.",
    parameters: &[REGION_NAME.info, ACCOUNT.info, INSTANCE_ID.info, UNTIL.info, DRY_RUN.info],
    body: BodyUse::Parameters,
    responses: &[
        Response::json::<Vec<KeptInstance<'_>>>(200, "The instances, in the order asked for.", || {
            json!([KeptInstance { instance_id: SAMPLE_ID.instance_id, keep_until: sample_time().map(isoformat) }])
        }),
        dry_run_response(|| json!(DryRunBody::new(KeepInstances::ACTION, true))),
    ],
    handler: Handler::Authenticated { actions: &[KeepInstances::ACTION], decode: keep },
};

const INSTANCE_ID: Param<Vec<InstanceRef>> = Param::required(
    "instance_id",
    "The instance's ID, or its name if no other has it; or several: comma-separated, repeated, or a JSON array.",
)
.aliases(INSTANCE_NAMES)
.max_items(MAX_INSTANCES as usize);

const UNTIL: Param<KeepUntil> = Param::required(
    "until",
    "A time by RFC 3339 with its offset, or a duration such as 90m, 8h or 7d; at most 30 days ahead. Empty: no longer.",
);

fn keep(input: &Input<'_>) -> Decoded {
    let region = common::region(input, REGION_NAME)?;
    let instances = input.required(INSTANCE_ID)?;
    let name = UNTIL.info.name;
    let until = match input.given(UNTIL)? {
        Given::Absent => return Err(Error::missing(name)),
        Given::Empty => None,
        Given::Value(until) => Some(until.time(input.now).map_err(|problem| Error::invalid(name, problem))?),
    };
    call(KeepInstances { region, instances, until }, move |ids| {
        let keep_until = until.map(isoformat);
        let kept = |id: &InstanceId| json!(KeptInstance { instance_id: id.as_str(), keep_until: keep_until.clone() });
        Reply::json(200, &ids.iter().map(kept).collect::<Vec<_>>())
    })
}

/// An instance, and until when it is kept.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "KeptInstance")]
struct KeptInstance<'a> {
    instance_id: &'a str,
    /// RFC 3339 in UTC; null: it is kept no longer.
    #[schemars(extend("format" = "date-time"))]
    keep_until: Option<String>,
}
