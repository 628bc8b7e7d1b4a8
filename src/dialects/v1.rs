//! `/v1/*`: the dialect of the Launch & Provision Internal API.
//!
//! Its document has the statuses 200, 400, 404 and 408 only; 401, 403, 405 and 415 come before any
//! action.

use super::common::{
    self, ACCOUNT, DRY_RUN, END_HEADERS, FORCE, HIBERNATE, LAUNCH_TAG, MAX_GROUPS, MAX_INSTANCES, SKIP_OS_SHUTDOWN,
    STOP_AFTER, TERMINATE_AFTER, WAIT, dry_run_message, sample_instance, split_groups,
};
use super::v1_attributes::{ATTRIBUTE, VALUE, attribute};
use crate::error::{Error, Kind};
use crate::http::call::{Decoded, call, call_in_region_of};
use crate::http::columns::{Accessor, Column, NO_TIME, Row, column_names, column_schemas};
use crate::http::param::Param;
use crate::http::reply::Reply;
use crate::http::route::{BodyUse, Dialect, Handler, Input, Response, Route, UnknownUse};
use crate::model::{
    FromText, ImageId, Instance, InstanceRef, InstanceType, LaunchOptions, LaunchRequest, Place, Placement, Region,
    SecurityGroupRef, Shutdown, ShutdownBehavior, Targets, UserData, Zone, rfc3339_milliseconds,
};
use crate::operations::describe::DescribeInstance;
use crate::operations::launch::RunInstances;
use crate::operations::modify::ModifyInstanceAttribute;
use crate::operations::reboot::RebootInstances;
use crate::operations::start::StartInstances;
use crate::operations::stop::StopInstances;
use crate::operations::terminate::TerminateInstances;
use crate::operations::{DryRun, Operation as _};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};
use std::borrow::Cow;

// ---------------------------------------------------------------------------------------- routes

/// The dialect.
pub const DIALECT: Dialect = Dialect {
    name: "v1",
    summary: "Instances, for clients of Launch & Provision. Errors of AWS are 404 or 408.",
    prefix: "/v1",
    enabled: |_| true,
    routes: ROUTES,
    unknown_parameters: UnknownUse::Refuse,
    ignored_parameters: &["key", "token"],
    region_parameter: REGION.info.name,
    segments: &[ID.info, FIELD.info],
    dry_run: encode_dry_run,
    error: encode_error,
    error_body: |_| json_schema!({"type": "string", "description": "The error; it begins with the document's words."}),
};

const ROUTES: &[Route] = &[
    Route {
        methods: &["PUT"],
        path: "/v1/launch",
        name: LAUNCH,
        summary: "Launches instances, with the document's defaults.",
        parameters: &[
            AMI.info,
            INSTANCE_TYPE.info,
            MIN_COUNT.info,
            MAX_COUNT.info,
            KEY_NAME.info,
            SECURITY_GROUPS.info,
            USER_DATA.info,
            PLACEMENT.info,
            PLACEMENT_GROUP.info,
            SHUTDOWN_BEHAVIOR.info,
            EBS_OPTIMIZED.info,
            REGION.info,
            ACCOUNT.info,
            LAUNCH_TAG.info,
            STOP_AFTER.info,
            TERMINATE_AFTER.info,
            WAIT.info,
            DRY_RUN.info,
        ],
        body: BodyUse::Parameters,
        responses: &[
            Response::json::<Vec<String>>(200, "The IDs of the instances.", || json!(["i-0123456789abcdef0"]))
                .with(END_HEADERS),
            DRY_RUN_OK,
        ],
        handler: Handler::Authenticated { actions: &[RunInstances::ACTION], decode: launch },
    },
    Route {
        methods: &["PUT"],
        path: "/v1/{id}/start",
        name: "start",
        summary: "Starts an instance.",
        parameters: &[REGION.info, ACCOUNT.info, STOP_AFTER.info, TERMINATE_AFTER.info, WAIT.info, DRY_RUN.info],
        body: BodyUse::Parameters,
        responses: STARTED,
        handler: Handler::Authenticated { actions: &[StartInstances::ACTION], decode: start },
    },
    Route {
        methods: &["PUT"],
        path: "/v1/{id}/reboot",
        name: "reboot",
        summary: "Reboots an instance.",
        parameters: &[REGION.info, ACCOUNT.info, DRY_RUN.info],
        body: BodyUse::Parameters,
        responses: CHANGED,
        handler: Handler::Authenticated { actions: &[RebootInstances::ACTION], decode: reboot },
    },
    Route {
        methods: &["PUT"],
        path: "/v1/{id}/stop",
        name: "stop",
        summary: "Stops an instance.",
        parameters: &[
            REGION.info,
            ACCOUNT.info,
            FORCE.info,
            HIBERNATE.info,
            SKIP_OS_SHUTDOWN.info,
            WAIT.info,
            DRY_RUN.info,
        ],
        body: BodyUse::Parameters,
        responses: CHANGED,
        handler: Handler::Authenticated { actions: &[StopInstances::ACTION], decode: stop },
    },
    Route {
        methods: &["PUT"],
        path: "/v1/{id}/terminate",
        name: "terminate",
        summary: "Terminates an instance.",
        parameters: &[REGION.info, ACCOUNT.info, FORCE.info, SKIP_OS_SHUTDOWN.info, WAIT.info, DRY_RUN.info],
        body: BodyUse::Parameters,
        responses: CHANGED,
        handler: Handler::Authenticated { actions: &[TerminateInstances::ACTION], decode: terminate },
    },
    Route {
        methods: &["GET"],
        path: "/v1/{id}/attributes",
        name: "attributes",
        summary: "Shows an instance's 13 fields, or those of `filter`.",
        parameters: &[REGION.info, ACCOUNT.info, FILTER.info],
        body: BodyUse::Parameters,
        responses: &[Response::json::<Fields>(200, "The fields.", || sample_fields(&documented_fields()))],
        handler: Handler::Authenticated { actions: &[DescribeInstance::ACTION], decode: attributes },
    },
    Route {
        methods: &["GET"],
        path: "/v1/{id}/attributes/{field}",
        name: "attribute",
        summary: "Shows one field of an instance.",
        parameters: &[REGION.info, ACCOUNT.info],
        body: BodyUse::Parameters,
        responses: &[Response::json::<Fields>(200, "The field.", || {
            let field: Vec<_> = FIELDS.iter().filter(|field| field.name == "state").collect();
            sample_fields(&field)
        })],
        handler: Handler::Authenticated { actions: &[DescribeInstance::ACTION], decode: single_attribute },
    },
    Route {
        methods: &["PUT"],
        path: "/v1/{id}/modify",
        name: "modify",
        summary: "Gives an attribute of an instance a new value.",
        parameters: &[REGION.info, ACCOUNT.info, ATTRIBUTE.info, VALUE.info, DRY_RUN.info],
        body: BodyUse::Parameters,
        responses: CHANGED,
        handler: Handler::Authenticated { actions: &[ModifyInstanceAttribute::ACTION], decode: modify },
    },
];

const CHANGED: &[Response] = &[ACCEPTED, DRY_RUN_OK];

const STARTED: &[Response] = &[ACCEPTED.with(END_HEADERS), DRY_RUN_OK];

const ACCEPTED: Response = Response::json::<String>(200, "EC2 has accepted it.", || json!(SUCCEEDED));

/// The response to a dry run.
const DRY_RUN_OK: Response =
    Response::json::<String>(200, "A dry run: it would be permitted, and nothing was done.", || {
        json!(dry_run_message(StopInstances::ACTION, true))
    });

/// The route whose errors begin with other words.
const LAUNCH: &str = "launch";

const ID: Param<InstanceRef> = Param::required("id", "The instance's ID, or its name if no other has it.");
const FIELD: Param<Field> = Param::required("field", "The field.");
const AMI: Param<ImageId> =
    Param::required("ami", "The image: an AMI ID, or a public parameter (resolve:ssm:/aws/service/...).")
        .aliases(&["image_id"]);
const INSTANCE_TYPE: Param<InstanceType> = Param::required("instance_type", "The instance type, such as t3.micro.");
const MIN_COUNT: Param<u32> =
    Param::optional("min_count", "Launch this many or none; 1 if not given.").range((1, MAX_INSTANCES)).example("1");
const MAX_COUNT: Param<u32> =
    Param::optional("max_count", "Launch up to this many; 1 if not given.").range((1, MAX_INSTANCES)).example("2");
const KEY_NAME: Param<String> =
    Param::optional("key_name", "The SSH key pair; the deployment's default if not given, none if empty.")
        .max_len(255)
        .example("demo");
const SECURITY_GROUPS: Param<Vec<SecurityGroupRef>> = Param::optional(
    "security_groups",
    "Security groups: IDs (sg-...) or names; the deployment's default if not given, the VPC's if empty.",
)
.max_items(MAX_GROUPS);
const USER_DATA: Param<UserData> =
    Param::optional("user_data", "What the instance reads at its first boot, as text of at most 16 KiB.");
const PLACEMENT: Param<Zone> = Param::optional(
    "placement",
    "The Availability Zone, which decides the region; the deployment's default if not given, any zone of the region if empty.",
);
const PLACEMENT_GROUP: Param<String> =
    Param::optional("placement_group", "The placement group's name.").max_len(255).example("cluster");
const SHUTDOWN_BEHAVIOR: Param<ShutdownBehavior> = Param::optional(
    "instance_initiated_shutdown_behavior",
    "What a shutdown from inside does: stop or terminate; the deployment's default if not given, EC2's if empty.",
);
const EBS_OPTIMIZED: Param<bool> = Param::optional(
    "ebs_optimized",
    "Dedicated throughput to EBS; the deployment's default if not given, EC2's if empty.",
);
const REGION: Param<Region> =
    Param::optional("region", "The region; that of the deployment's LAUNCH_PLACEMENT if not given.")
        .aliases(&["region_name"]);
const FILTER: Param<Vec<Field>> = Param::optional("filter", "The fields to show, comma-separated; all if not given.")
    .max_items(2 * Field::VALUES.len())
    .skip_empty_items();

// ---------------------------------------------------------------------------------------- decode

/// The instance of the path. A malformed ID never named an instance: 404.
fn instance(input: &Input<'_>) -> Result<InstanceRef, Error> {
    let malformed = || Error::new(Kind::NotFound, "InvalidInstanceID.Malformed", InstanceRef::WRONG);
    input.segment(ID).ok_or_else(malformed)
}

/// The region of the request; that of `LAUNCH_PLACEMENT` if it names none: what `launch` launches
/// without a region is found without one.
fn region(input: &Input<'_>) -> Result<Region, Error> {
    if input.optional(REGION)?.is_some() {
        return common::region(input, REGION);
    }
    let region = input.config.launch.placement.region();
    match input.config.regions.allows(&region) {
        true => Ok(region),
        false => {
            let problem =
                format!("is required: this deployment does not allow {region}, the region of LAUNCH_PLACEMENT");
            Err(Error::invalid(REGION.info.name, problem))
        }
    }
}

/// The instance of the path in the region of the request.
fn targets(input: &Input<'_>) -> Result<Targets, Error> {
    let instances = vec![instance(input)?];
    Ok(Targets::all(region(input)?, instances))
}

fn start(input: &Input<'_>) -> Decoded {
    call(StartInstances { targets: targets(input)?, end: common::end(input)? }, |_| succeeded())
}

fn reboot(input: &Input<'_>) -> Decoded {
    call(RebootInstances { targets: targets(input)? }, |_| succeeded())
}

fn stop(input: &Input<'_>) -> Decoded {
    let Shutdown { force, skip_os_shutdown, .. } = common::shutdown(input)?;
    let hibernation = input.optional(HIBERNATE)?.unwrap_or_default();
    let operation = StopInstances { targets: targets(input)?, hibernation, force, skip_os_shutdown };
    call(operation, |_| succeeded())
}

fn terminate(input: &Input<'_>) -> Decoded {
    let shutdown = common::shutdown(input)?;
    call(TerminateInstances { targets: targets(input)?, shutdown }, |_| succeeded())
}

fn launch(input: &Input<'_>) -> Decoded {
    let defaults = &input.config.launch;
    let image_id = input.required(AMI)?;
    let instance_type = input.required(INSTANCE_TYPE)?;
    let min_count = input.optional(MIN_COUNT)?.unwrap_or(1);
    let max_count = input.optional(MAX_COUNT)?.unwrap_or(1);
    if min_count > max_count {
        let problem = format!("must not be more than max_count, which is {max_count}");
        return Err(Error::invalid(MIN_COUNT.info.name, problem));
    }
    let groups = input.given(SECURITY_GROUPS)?.or(|| defaults.security_groups.clone()).unwrap_or_default();
    let (security_group_ids, security_groups) = split_groups(groups);
    let user_data = input.optional(USER_DATA)?;
    let zone = input.given(PLACEMENT)?.or(|| defaults.placement.clone());
    let (region_parameter, region) = match &zone {
        None => (REGION.info.name, region(input)?),
        Some(zone) => {
            let region = zone.region();
            if !input.config.regions.allows(&region) {
                return Err(Error::invalid(PLACEMENT.info.name, "is in a region that this deployment does not allow"));
            }
            // It is a parameter of every other action here. Ignoring it would launch in another
            // region.
            if input.optional(REGION)?.is_some_and(|given| given != region) {
                return Err(Error::invalid(REGION.info.name, format!("must be that of placement, {region}")));
            }
            (PLACEMENT.info.name, region)
        }
    };
    let request = LaunchRequest {
        template: None,
        image_id: Some(image_id),
        instance_types: vec![instance_type],
        subnet_ids: Vec::new(),
        min_count,
        max_count,
        spot: None,
        http_tokens: input.config.http_tokens,
        options: LaunchOptions {
            key_name: input.given(KEY_NAME)?.or(|| defaults.key_name.clone()),
            security_group_ids,
            security_groups,
            instance_profile: None,
            user_data,
            placement: Placement { zone, group_name: input.optional(PLACEMENT_GROUP)? },
            shutdown_behavior: input.given(SHUTDOWN_BEHAVIOR)?.or(|| defaults.shutdown_behavior),
            ebs_optimized: input.given(EBS_OPTIMIZED)?.or(|| defaults.ebs_optimized),
            tags: common::launch_tags(input)?,
        },
        default_image: input.config.default_image.clone(),
        default_instance_type: input.config.default_instance_type.clone(),
    };
    let end = common::end(input)?;
    call_in_region_of(region_parameter, RunInstances { region, request, end }, |instances| {
        Reply::json(200, &instances.iter().map(|instance| instance.instance_id.as_str()).collect::<Vec<_>>())
    })
}

fn attributes(input: &Input<'_>) -> Decoded {
    let instance = instance(input)?;
    let chosen: Vec<_> = input.list(FILTER)?.into_iter().map(|field| field.0).collect();
    // In the document's order, whatever the order of the request.
    let is_chosen = |field: &&Column<Instance>| chosen.iter().any(|chosen| chosen.name == field.name);
    let fields =
        if chosen.is_empty() { documented_fields() } else { FIELDS.iter().filter(is_chosen).collect::<Vec<_>>() };
    describe(input, instance, fields)
}

fn single_attribute(input: &Input<'_>) -> Decoded {
    let instance = instance(input)?;
    let unknown = || Error::invalid(FIELD.info.name, format!("must be of {}", Field::VALUES.join(", ")));
    let field = input.segment(FIELD).ok_or_else(unknown)?;
    describe(input, instance, vec![field.0])
}

fn describe(input: &Input<'_>, instance: InstanceRef, fields: Vec<&'static Column<Instance>>) -> Decoded {
    let region = region(input)?;
    call(DescribeInstance { region: region.clone(), instance }, move |instance| {
        let place = Place { account: None, region: &region };
        Reply::json(200, &Row { columns: &fields, item: &instance, place, now: NO_TIME })
    })
}

fn modify(input: &Input<'_>) -> Decoded {
    let instance = instance(input)?;
    let attribute = attribute(input)?;
    let operation = ModifyInstanceAttribute { region: region(input)?, instance, attribute };
    call(operation, |()| succeeded())
}

// ---------------------------------------------------------------------------------------- encode

const SUCCEEDED: &str = "Instance modification succeeded";

fn succeeded() -> Reply {
    Reply::json(200, &SUCCEEDED)
}

fn encode_dry_run(dry_run: &DryRun) -> Reply {
    Reply::json(200, &dry_run_message(dry_run.action, dry_run.checked_by_aws))
}

/// Those fields of the sample instance, as a JSON object.
fn sample_fields(fields: &[&'static Column<Instance>]) -> Value {
    // No field depends on the region.
    match Region::parse(Region::EXAMPLE) {
        Some(region) => {
            let place = Place { account: None, region: &region };
            json!(Row { columns: fields, item: &sample_instance(), place, now: NO_TIME })
        }
        None => json!({}),
    }
}

/// The document's fields.
fn documented_fields() -> Vec<&'static Column<Instance>> {
    FIELDS.iter().filter(|field| field.name != INSTANCE_ID).collect()
}

/// The schema of such an object.
struct Fields;

impl JsonSchema for Fields {
    fn schema_name() -> Cow<'static, str> {
        "InstanceFields".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object", "description": "Fields of an instance. What EC2 answers empty is empty, what it does not answer is null.",
            "properties": column_schemas(&FIELDS, generator), "additionalProperties": false,
        })
    }
}

/// Another name of the field `id`, which is answered only if it is asked for.
const INSTANCE_ID: &str = "instance_id";

/// The document's fields, in its order, and [`INSTANCE_ID`].
#[rustfmt::skip]
const FIELDS: [Column<Instance>; 14] = [
    Column { name: "id", summary: "Instance ID.", accessor: Accessor::Text(|instance, _| Some(&instance.instance_id)) },
    Column { name: "public_dns_name", summary: "Public FQDN.", accessor: Accessor::Text(|instance, _| instance.public_dns_name.as_deref()) },
    Column { name: "private_dns_name", summary: "Private FQDN.", accessor: Accessor::Text(|instance, _| instance.private_dns_name.as_deref()) },
    Column { name: "state", summary: "The name of its state.", accessor: Accessor::Text(|instance, _| instance.state.name.as_deref()) },
    Column { name: "state_code", summary: "The code of its state: 0, 16, 32, 48, 64 or 80.", accessor: Accessor::Number(|instance| instance.state.code.map(i64::from)) },
    Column { name: "key_name", summary: "SSH key pair.", accessor: Accessor::Text(|instance, _| instance.key_name.as_deref()) },
    Column { name: "instance_type", summary: "Instance type.", accessor: Accessor::Text(|instance, _| instance.instance_type.as_deref()) },
    Column { name: "launch_time", summary: "When it was started last: RFC 3339, UTC, with milliseconds.", accessor: Accessor::Time(|instance| instance.launch_time.map(rfc3339_milliseconds)) },
    Column { name: "image_id", summary: "AMI image ID.", accessor: Accessor::Text(|instance, _| instance.image_id.as_deref()) },
    Column { name: "placement", summary: "Availability Zone.", accessor: Accessor::Text(|instance, _| instance.availability_zone.as_deref()) },
    Column { name: "placement_group", summary: "Placement group.", accessor: Accessor::Text(|instance, _| instance.placement_group.as_deref()) },
    Column { name: "private_ip_address", summary: "EC2's internal IP address.", accessor: Accessor::Text(|instance, _| instance.private_ip_address.as_deref()) },
    Column { name: "ip_address", summary: "Public IP address.", accessor: Accessor::Text(|instance, _| instance.public_ip_address.as_deref()) },
    Column { name: INSTANCE_ID, summary: "Another name of id, shown only if it is asked for.", accessor: Accessor::Text(|instance, _| Some(&instance.instance_id)) },
];

/// A field.
struct Field(&'static Column<Instance>);

impl FromText for Field {
    const PATTERN: &'static str = "";
    const EXPECTED: &'static str = "";
    const EXAMPLE: &'static str = "state";
    const VALUES: &'static [&'static str] = &column_names(&FIELDS);

    fn from_text(text: &str) -> Option<Self> {
        FIELDS.iter().find(|field| field.name == text).map(Self)
    }
}

/// A JSON string that begins with the document's text for the status; the code goes into
/// `x-error-code`.
fn encode_error(error: &Error, status: u16, route: Option<&Route>) -> Reply {
    let launching = route.is_some_and(|route| route.name == LAUNCH);
    let no_instance = error.code.starts_with("InvalidInstanceID.") && !launching;
    let (status, text) = match error.kind {
        _ if no_instance => (404, "Instance ID not found"),
        Kind::Unauthenticated | Kind::Forbidden | Kind::MethodNotAllowed | Kind::UnsupportedMediaType => (status, ""),
        // There is no such path.
        Kind::NotFound if !error.by_aws => (404, ""),
        // A name that several instances have. 404 would invite a duplicate launch.
        Kind::Invalid | Kind::TooLarge | Kind::Conflict if !error.by_aws => (400, "Required arguments not provided"),
        _ if launching => (408, "Error while running via EC2 API"),
        _ => (408, "Error while modifying via EC2 API"),
    };
    let body = if text.is_empty() { error.message.clone() } else { format!("{text}: {}", error.message) };
    Reply::json(status, &body).with("x-error-code", error.code.clone())
}
