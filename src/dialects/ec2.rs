//! `/ec2/*`: the dialect of python-boto3-api (Flask and boto3), and what boto's tutorial does with EC2.
//!
//! Parameters come from the query string, a JSON object or a form. Instances are described as boto3 does it.

use super::table::{self, Column, Of, Table};
use crate::ec2::{
    Change, Filter, ImageId, Instance, InstanceRef, InstanceType, Launch, MOST_FILTER_VALUES, Placement, Query, Region,
    Reservation, SecurityGroup, SecurityGroupId, State, StateChange, Tag,
};
use crate::error::Error;
use crate::http::Reply;
use crate::http::negotiate::prefers_csv;
use crate::http::params::{Parameter, parameters};
use crate::http::route::{Answer, BodyUse, Call, Dialect, Form, Input, Route};
use crate::listing::{INSTANCE_PAGE_SIZES, Rows, Write};
use crate::openapi::without_null;
use crate::operation::{Operation, Outcome, Permissions};
use crate::policy::Action;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use time::OffsetDateTime;

// ---------------------------------------------------------------------------------------------------------------- routes

/// The dialect.
pub const DIALECT: Dialect = Dialect {
    name: "ec2",
    summary: "Instances, for clients of python-boto3-api and of boto.",
    prefix: "/ec2",
    enabled: |_| true,
    routes: ROUTES,
    segments: &[],
    encode,
    error,
    error_body: ERROR_BODY,
};

const ROUTES: &[Route] = &[
    Route {
        methods: &["POST"],
        path: "/ec2/create",
        operation: "create",
        summary: "Launches instances: Ubuntu on a t3.micro unless told otherwise.",
        parameters: &[
            REGION_NAME,
            KEY_NAME,
            SECURITY_GROUP_ID,
            IMAGE_ID,
            INSTANCE_TYPE,
            SECURITY_GROUPS,
            MIN_COUNT,
            MAX_COUNT,
            super::LAUNCH_TAG,
            super::WAIT,
            super::DRY_RUN,
        ],
        body: BodyUse::Parameters,
        answers: &[
            Answer::json::<Boto3Instance<'_>>(200, "The instance.", instance),
            Answer::json::<Vec<Boto3Instance<'_>>>(200, "Several instances, if it was not one.", || {
                json!([instance()])
            }),
            super::TRIED_LAUNCH,
        ],
        actions: super::LAUNCH_ACTIONS,
        open: false,
        decode: create,
    },
    Route {
        methods: &["GET"],
        path: "/ec2/list",
        operation: "list",
        summary: "Lists the instances of a region, or of all (`region_name=all`): nine members each, or those of `fields`.",
        parameters: &[REGION_NAME_OR_ALL, STATE, TAG, INSTANCE_ID_FILTER, FIELDS, MAX_RESULTS, NEXT_TOKEN],
        body: BodyUse::Parameters,
        answers: &[Answer::list(200, "The instances.", instances_form, || {
            table::example(&MEMBERS[..DOCUMENTED_MEMBERS], &super::sample_instance())
        })
        .with(super::LIST_HEADERS)],
        actions: &["ec2:DescribeInstances", "ec2:DescribeRegions"],
        open: false,
        decode: flat_list,
    },
    Route {
        methods: &["GET"],
        path: "/ec2/reservations",
        operation: "reservations",
        summary: "Lists the instances of a region as boto's get_all_reservations does.",
        parameters: &[REGION_NAME, STATE, TAG, INSTANCE_ID_FILTER, MAX_RESULTS, NEXT_TOKEN],
        body: BodyUse::Parameters,
        answers: &[Answer::json::<Vec<Boto3Reservation<'_>>>(
            200,
            "The reservations, each with its instances.",
            || {
                let id = Some("r-0123456789abcdef0".to_owned());
                let instances = vec![super::sample_instance()];
                let owner_id = Some("123456789012".to_owned());
                json!([Boto3Reservation::from(&Reservation {
                    reservation_id: id,
                    owner_id,
                    requester_id: None,
                    instances
                })])
            },
        )
        .with(super::LIST_HEADERS)],
        actions: &["ec2:DescribeInstances"],
        open: false,
        decode: |input| list(input, false, Write::json(reservation_rows)),
    },
    Route {
        methods: &["GET"],
        path: "/ec2/permissions",
        operation: "permissions",
        summary: "Says which changes of state the deployment permits the caller, for each instance.",
        parameters: &[REGION_NAME, INSTANCE_IDS],
        body: BodyUse::Parameters,
        answers: &[Answer::json::<Vec<Boto3Permissions<'_>>>(
            200,
            "What is permitted, for each instance that the caller may see.",
            || {
                let reason = "The policy of this deployment does not permit TerminateInstances of i-0123456789abcdef0";
                json!([Boto3Permissions {
                    id: SAMPLE_ID.instance_id,
                    permitted: &[Action::StartInstances, Action::StopInstances, Action::RebootInstances],
                    refused: BTreeMap::from([(Action::TerminateInstances.to_string(), reason)]),
                }])
            },
        )],
        actions: &["ec2:DescribeInstances"],
        open: false,
        decode: |input| {
            let region = super::region(input, REGION_NAME)?;
            let instances = super::instances(input, INSTANCE_IDS)?;
            if instances.is_empty() {
                return Err(Error::missing(INSTANCE_IDS.name));
            }
            Ok(Call::new(region, Operation::Permissions(instances)))
        },
    },
    Route {
        methods: &["POST"],
        path: "/ec2/start",
        operation: "start",
        summary: "Starts instances.",
        parameters: CHANGE,
        body: BodyUse::Parameters,
        answers: CHANGED,
        actions: &["ec2:StartInstances", "ec2:DescribeInstances"],
        open: false,
        decode: |input| change(input, Change::Start),
    },
    Route {
        methods: &["POST"],
        path: "/ec2/stop",
        operation: "stop",
        summary: "Stops instances.",
        parameters: CHANGE,
        body: BodyUse::Parameters,
        answers: CHANGED,
        actions: &["ec2:StopInstances", "ec2:DescribeInstances"],
        open: false,
        decode: |input| change(input, Change::Stop { force: false }),
    },
    Route {
        methods: &["POST"],
        path: "/ec2/reboot",
        operation: "reboot",
        summary: "Reboots instances.",
        parameters: REBOOT,
        body: BodyUse::Parameters,
        answers: &[
            Answer::json::<Boto3Id<'_>>(200, "The instance is rebooting.", || json!(SAMPLE_ID)),
            Answer::json::<Vec<Boto3Id<'_>>>(200, "Several instances, in the order asked for.", || json!([SAMPLE_ID])),
            super::TRIED,
        ],
        actions: &["ec2:RebootInstances", "ec2:DescribeInstances"],
        open: false,
        decode: |input| change(input, Change::Reboot),
    },
    Route {
        methods: &["POST"],
        path: "/ec2/terminate",
        operation: "terminate",
        summary: "Terminates instances.",
        parameters: CHANGE,
        body: BodyUse::Parameters,
        answers: CHANGED,
        actions: &["ec2:TerminateInstances", "ec2:DescribeInstances"],
        open: false,
        decode: |input| change(input, Change::Terminate { force: false }),
    },
];

const CHANGED: &[Answer] = &[
    Answer::json::<Boto3Change<'_>>(200, "How the state of the instance has changed.", state_change),
    Answer::json::<Vec<Boto3Change<'_>>>(200, "Several instances, in the order asked for.", || json!([state_change()])),
    super::TRIED,
];

const CHANGE: &[&Parameter] = &[REGION_NAME, INSTANCE_ID, super::WAIT, super::DRY_RUN];
const REBOOT: &[&Parameter] = &[REGION_NAME, INSTANCE_ID, super::DRY_RUN];

/// [`Region::PATTERN`], or all.
const REGION_OR_ALL: &str = "^(all|[a-z]{2,4}(-[a-z]{1,12}){1,2}-[0-9]{1,2})$";

parameters! {
    REGION_NAME = "region_name", Text, true,
        "The region, such as us-east-1.",
        pattern: Region::PATTERN, example: "us-east-1";
    REGION_NAME_OR_ALL = "region_name", Text, true,
        "The region, such as us-east-1, or all for every region that the deployment allows.",
        pattern: REGION_OR_ALL, example: "us-east-1";
    KEY_NAME = "KeyName" / "key_name", Text, true,
        "The SSH key pair. Optional where `image_id` is given (boto's run_instances).",
        longest: 255, example: "demo";
    SECURITY_GROUP_ID = "SecurityGroupId" / "SecurityGroupIds" / "security_group_ids", List, true,
        "The security group's ID. Optional where `image_id` is given (boto's run_instances).",
        pattern: SecurityGroupId::PATTERN, most: super::MOST_GROUPS, example: "sg-0123456789abcdef0";
    IMAGE_ID = "ImageId" / "image_id", Text, false,
        "The image, instead of the deployment's default: an AMI ID, or resolve:ssm: and a parameter's name.",
        pattern: ImageId::PATTERN, example: "ami-0123456789abcdef0";
    INSTANCE_TYPE = "InstanceType" / "instance_type", Text, false,
        "The instance type, instead of the deployment's default.",
        pattern: InstanceType::PATTERN, longest: 64, example: "t3.micro";
    SECURITY_GROUPS = "security_groups" / "SecurityGroups", List, false,
        "Security groups by name, as in boto's run_instances; what starts with sg- is an ID.",
        most: super::MOST_GROUPS, example: "web";
    MIN_COUNT = "MinCount" / "min_count", Integer, false,
        "Launch this many or none; 1 if not given.",
        range: (1, super::MOST_INSTANCES), example: "1";
    MAX_COUNT = "MaxCount" / "max_count", Integer, false,
        "Launch up to this many; MinCount if not given.",
        range: (1, super::MOST_INSTANCES), example: "2";
    INSTANCE_ID = "instance_id" / "InstanceId" / "instance_ids" / "InstanceIds", List, true,
        "The instance's ID, or its name if no other has it; or several: comma-separated, repeated, or a JSON array. One call for all.",
        pattern: InstanceRef::PATTERN, most: super::MOST_INSTANCES as usize, example: "i-0123456789abcdef0";
    INSTANCE_IDS = "instance_id" / "InstanceId" / "instance_ids" / "InstanceIds", List, true,
        "The instances, by ID or name, up to 200.",
        pattern: InstanceRef::PATTERN, most: MOST_FILTER_VALUES, example: "i-0123456789abcdef0";
    INSTANCE_ID_FILTER = "instance_id" / "InstanceId" / "instance_ids" / "InstanceIds", List, false,
        "Only these instances, by ID or name, up to 200.",
        pattern: InstanceRef::PATTERN, most: MOST_FILTER_VALUES, example: "i-0123456789abcdef0";
    STATE = "state", List, false,
        "Only instances in one of these states: pending, running, shutting-down, terminated, stopping, stopped.",
        values: &State::NAMES, most: State::NAMES.len(), example: "running";
    TAG = "tag:KEY", Tag, false,
        "Only instances whose tag KEY has this value; repeated: one of these values. EC2's wildcards * and ? work.",
        example: "blue";
    FIELDS = "fields", List, false,
        "The members of each row, instead of the nine, in this order.",
        values: &MEMBER_NAMES, most: MEMBERS.len(), example: "name";
    MAX_RESULTS = "max_results", Integer, false,
        "One page of at most this many, 5 to 1000, instead of all that fits.",
        range: INSTANCE_PAGE_SIZES, example: "100";
    NEXT_TOKEN = "next_token", Text, false,
        "Go on where an earlier answer's header x-next-token says.";
}

// ---------------------------------------------------------------------------------------------------------------- decode

fn create(input: &Input<'_>) -> Result<Call, Error> {
    let params = &input.params;
    let region = super::region(input, REGION_NAME)?;
    // boto's run_instances('<ami-id>') needs no more than the image.
    let boto = params.spelled("image_id");
    let key_name = params.text(KEY_NAME)?.map(str::to_owned);
    if key_name.is_none() && !boto {
        return Err(Error::missing(KEY_NAME.name));
    }
    let mut security_group_ids = super::security_group_ids(SECURITY_GROUP_ID, &params.list(SECURITY_GROUP_ID)?)?;
    let (more_ids, security_groups) = super::security_groups(SECURITY_GROUPS, &params.list(SECURITY_GROUPS)?)?;
    security_group_ids.extend(more_ids);
    if security_group_ids.is_empty() && !boto {
        return Err(Error::missing(SECURITY_GROUP_ID.name));
    }
    let image_id =
        params.parsed(IMAGE_ID, "an AMI ID (ami-...), or resolve:ssm: and a parameter's name", ImageId::parse)?;
    let instance_type = params.parsed(INSTANCE_TYPE, "an instance type such as t3.micro", InstanceType::parse)?;
    let min_count = params.integer(MIN_COUNT)?.unwrap_or(1);
    let max_count = params.integer(MAX_COUNT)?.unwrap_or(min_count);
    if min_count > max_count {
        return Err(Error::invalid(MAX_COUNT.name, "must not be less than MinCount"));
    }
    let launch = Launch {
        image_id: image_id.unwrap_or_else(|| input.config.default_image.clone()),
        instance_type: instance_type.unwrap_or_else(|| input.config.default_instance_type.clone()),
        min_count,
        max_count,
        key_name,
        security_group_ids,
        security_groups,
        user_data: None,
        placement: Placement::default(),
        shutdown_behavior: None,
        ebs_optimized: None,
        tags: super::launch_tags(input)?,
    };
    Ok(Call::new(region, Operation::Launch(launch)))
}

fn change(input: &Input<'_>, change: Change) -> Result<Call, Error> {
    let region = super::region(input, REGION_NAME)?;
    let instances = super::instances(input, INSTANCE_ID)?;
    if instances.is_empty() {
        return Err(Error::missing(INSTANCE_ID.name));
    }
    Ok(Call::new(region, Operation::Change { change, instances, tag: None }))
}

fn flat_list(input: &Input<'_>) -> Result<Call, Error> {
    let everywhere = input.params.text(REGION_NAME_OR_ALL)? == Some(super::ALL_REGIONS);
    // Where there are several regions, a row without its own is of little use.
    let region = MEMBERS.iter().filter(|it| everywhere && it.name == "region");
    let default = region.chain(MEMBERS.iter().take(DOCUMENTED_MEMBERS)).collect();
    let csv = prefers_csv(input.headers);
    let table = Table::chosen(input, FIELDS, &MEMBERS, default, csv)?;
    let write = table.write(|reservation: &Reservation| &reservation.instances);
    Ok(Call { csv, ..list(input, everywhere, write)? })
}

fn list(input: &Input<'_>, everywhere: bool, write: Write<Reservation>) -> Result<Call, Error> {
    let params = &input.params;
    let region = if everywhere { input.config.regions.default.clone() } else { super::region(input, REGION_NAME)? };
    let mut filters = Vec::new();
    let mut filter = |name: String, values: Vec<String>| {
        if !values.is_empty() {
            filters.push(Filter { name, values });
        }
    };
    let states = params.list(STATE)?;
    filter("instance-state-name".to_owned(), states.into_iter().map(str::to_owned).collect());
    for (key, values) in params.tags(TAG)? {
        filter(format!("tag:{key}"), values.into_iter().map(str::to_owned).collect());
    }
    let instances = super::instances(input, INSTANCE_ID_FILTER)?;
    if everywhere && instances.iter().any(|it| matches!(it, InstanceRef::Name(_))) {
        return Err(Error::invalid(INSTANCE_ID_FILTER.name, "must be an ID where region_name is all: use tag:Name"));
    }
    // EC2's own answer would name none of the caller's parameters.
    let values: usize = filters.iter().map(|it| it.values.len()).sum();
    if values + instances.len() > MOST_FILTER_VALUES {
        let parameter = if instances.is_empty() { TAG.name } else { INSTANCE_ID_FILTER.name };
        let problem = format!("and the other filters have more than {MOST_FILTER_VALUES} values together");
        return Err(Error::invalid(parameter, problem));
    }
    let max_results = params.integer(MAX_RESULTS)?;
    if everywhere && max_results.is_some() {
        return Err(Error::invalid(MAX_RESULTS.name, "can't be given where region_name is all"));
    }
    let next_token = params.text(NEXT_TOKEN)?.map(str::to_owned);
    let query = Query { instance_ids: Vec::new(), filters, max_results, next_token };
    Ok(Call::new(region, Operation::List { everywhere, instances, query, write }))
}

// ---------------------------------------------------------------------------------------------------------------- encode

fn encode(call: Call, outcome: Outcome) -> Reply {
    match outcome {
        Outcome::Launched(instances) => one_or_all(instances.iter().map(Boto3Instance::from).collect()),
        Outcome::Changed(changes) => one_or_all(changes.iter().map(Boto3Change::from).collect()),
        Outcome::Rebooted(ids) => one_or_all(ids.iter().map(|id| Boto3Id { instance_id: id.as_str() }).collect()),
        Outcome::Tried { action, by_aws } => Reply::json(200, &super::DryRun::new(action, by_aws)),
        Outcome::Listed { text, next_token } => super::listed(text, call.csv, next_token),
        Outcome::Permissions(permissions) => {
            Reply::json(200, &permissions.iter().map(Boto3Permissions::from).collect::<Vec<_>>())
        }
        other => super::unexpected(&other),
    }
}

/// One: the bare object. Several: an array.
fn one_or_all<T: Serialize>(items: Vec<T>) -> Reply {
    match items.as_slice() {
        [item] => Reply::json(200, item),
        items => Reply::json(200, &items),
    }
}

/// `{"Message", "Error"}`, with the common statuses.
pub fn error(error: &Error, status: u16, _route: Option<&Route>) -> Reply {
    Reply::json(status, &ErrorBody { message: &error.message, error: &error.code })
}

/// The form of that body.
pub const ERROR_BODY: Form = SchemaGenerator::subschema_for::<ErrorBody<'_>>;

/// What went wrong.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "Error")]
struct ErrorBody<'a> {
    /// A sentence for people.
    message: &'a str,
    /// A code for programs: AWS's own, or one of this function in the same style.
    error: &'a str,
}

fn reservation_rows(reservations: &[Reservation], _: &Region, rows: &mut Rows) {
    for reservation in reservations {
        rows.push(&Boto3Reservation::from(reservation));
    }
}

/// How many of [`MEMBERS`] a row of `/ec2/list` has unless asked for others: those of the document.
const DOCUMENTED_MEMBERS: usize = 9;

/// Every member that a row of `/ec2/list` can have; what EC2 does not have is `null`.
#[rustfmt::skip]
const MEMBERS: [Column<Instance>; 19] = [
    Column { name: "id", summary: "The instance's ID.", of: Of::Text(|it, _| Some(&it.instance_id)) },
    Column { name: "instance-type", summary: "Its type.", of: Of::Text(|it, _| it.instance_type.as_deref()) },
    Column { name: "instance-state", summary: "Its state.", of: Of::Text(|it, _| it.state.name.as_deref()) },
    Column { name: "private-ip", summary: "Its private IPv4 address.", of: Of::Text(|it, _| it.private_ip_address.as_deref()) },
    Column { name: "key-name", summary: "Its SSH key pair.", of: Of::Text(|it, _| it.key_name.as_deref()) },
    Column { name: "image-id", summary: "Its image.", of: Of::Text(|it, _| it.image_id.as_deref()) },
    Column { name: "vpc-id", summary: "Its VPC.", of: Of::Text(|it, _| it.vpc_id.as_deref()) },
    Column { name: "subnet-id", summary: "Its subnet.", of: Of::Text(|it, _| it.subnet_id.as_deref()) },
    Column { name: "security-group-ids", summary: "Its security groups.", of: Of::Groups(|it| &it.security_groups) },
    Column { name: "name", summary: "Its name: the tag Name.", of: Of::Text(|it, _| it.name()) },
    Column { name: "region", summary: "Its region.", of: Of::Text(|_, region| Some(region.as_str())) },
    Column { name: "availability-zone", summary: "Its Availability Zone.", of: Of::Text(|it, _| it.availability_zone.as_deref()) },
    Column { name: "public-ip", summary: "Its public IPv4 address.", of: Of::Text(|it, _| it.public_ip_address.as_deref()) },
    Column { name: "public-dns-name", summary: "Its public DNS name.", of: Of::Text(|it, _| it.public_dns_name.as_deref()) },
    Column { name: "private-dns-name", summary: "Its private DNS name.", of: Of::Text(|it, _| it.private_dns_name.as_deref()) },
    Column { name: "launch-time", summary: "When it was started last: RFC 3339.", of: Of::Time(|it| it.launch_time.map(rfc3339)) },
    Column { name: "architecture", summary: "The architecture of its image.", of: Of::Text(|it, _| it.architecture.as_deref()) },
    Column { name: "platform", summary: "`windows`, or nothing.", of: Of::Text(|it, _| it.platform.as_deref()) },
    Column { name: "tags", summary: "All of its tags.", of: Of::Tags(|it| &it.tags) },
];

/// The names of [`MEMBERS`].
const MEMBER_NAMES: [&str; 19] = table::names(&MEMBERS);

/// Rows of [`MEMBERS`]: which of them, the caller says.
fn instances_form(generator: &mut SchemaGenerator) -> Schema {
    table::form("ListedInstance", &MEMBERS, 0, generator)
}

/// A reservation as boto3's `describe_instances` has it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "Reservation", transform = without_null)]
struct Boto3Reservation<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    reservation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requester_id: Option<&'a str>,
    instances: Vec<Boto3Instance<'a>>,
}

impl<'a> From<&'a Reservation> for Boto3Reservation<'a> {
    fn from(it: &'a Reservation) -> Self {
        Self {
            reservation_id: it.reservation_id.as_deref(),
            owner_id: it.owner_id.as_deref(),
            requester_id: it.requester_id.as_deref(),
            instances: it.instances.iter().map(Boto3Instance::from).collect(),
        }
    }
}

/// An instance as boto3 describes it: what EC2 leaves out is left out, but for the names and addresses of the documents,
/// which boto3 has as empty texts.
/// (<https://boto3.amazonaws.com/v1/documentation/api/latest/reference/services/ec2/client/describe_instances.html>)
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "Instance", transform = without_null)]
struct Boto3Instance<'a> {
    instance_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    launch_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ami_launch_index: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    architecture: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ebs_optimized: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ena_support: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hypervisor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    monitoring: Option<Boto3Monitoring<'a>>,
    placement: Boto3Placement<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<&'a str>,
    private_dns_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_ip_address: Option<&'a str>,
    public_dns_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_ip_address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root_device_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root_device_type: Option<&'a str>,
    security_groups: Vec<Boto3Group<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_dest_check: Option<bool>,
    state: Boto3State<'a>,
    state_transition_reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subnet_id: Option<&'a str>,
    tags: Vec<Boto3Tag<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    virtualization_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_id: Option<&'a str>,
}

impl<'a> From<&'a Instance> for Boto3Instance<'a> {
    fn from(it: &'a Instance) -> Self {
        Self {
            instance_id: &it.instance_id,
            image_id: it.image_id.as_deref(),
            instance_type: it.instance_type.as_deref(),
            key_name: it.key_name.as_deref(),
            launch_time: it.launch_time.map(rfc3339),
            ami_launch_index: it.ami_launch_index,
            architecture: it.architecture.as_deref(),
            client_token: it.client_token.as_deref(),
            ebs_optimized: it.ebs_optimized,
            ena_support: it.ena_support,
            hypervisor: it.hypervisor.as_deref(),
            monitoring: it.monitoring.as_deref().map(|state| Boto3Monitoring { state }),
            placement: Boto3Placement {
                availability_zone: it.availability_zone.as_deref(),
                group_name: it.placement_group.as_deref().unwrap_or_default(),
                tenancy: it.tenancy.as_deref(),
            },
            platform: it.platform.as_deref(),
            private_dns_name: it.private_dns_name.as_deref().unwrap_or_default(),
            private_ip_address: it.private_ip_address.as_deref(),
            public_dns_name: it.public_dns_name.as_deref().unwrap_or_default(),
            public_ip_address: it.public_ip_address.as_deref(),
            root_device_name: it.root_device_name.as_deref(),
            root_device_type: it.root_device_type.as_deref(),
            security_groups: it.security_groups.iter().map(Boto3Group::from).collect(),
            source_dest_check: it.source_dest_check,
            state: Boto3State::from(&it.state),
            state_transition_reason: it.state_transition_reason.as_deref().unwrap_or_default(),
            subnet_id: it.subnet_id.as_deref(),
            tags: it.tags.iter().map(|Tag { key, value }| Boto3Tag { key, value }).collect(),
            virtualization_type: it.virtualization_type.as_deref(),
            vpc_id: it.vpc_id.as_deref(),
        }
    }
}

/// Whether CloudWatch gets detailed metrics.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "Monitoring")]
struct Boto3Monitoring<'a> {
    state: &'a str,
}

/// Where the instance is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "Placement", transform = without_null)]
struct Boto3Placement<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    availability_zone: Option<&'a str>,
    group_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenancy: Option<&'a str>,
}

/// A security group.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "SecurityGroup")]
pub(super) struct Boto3Group<'a> {
    group_id: Option<&'a str>,
    group_name: Option<&'a str>,
}

impl<'a> From<&'a SecurityGroup> for Boto3Group<'a> {
    fn from(it: &'a SecurityGroup) -> Self {
        Self { group_id: it.group_id.as_deref(), group_name: it.group_name.as_deref() }
    }
}

/// A tag.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "Tag")]
struct Boto3Tag<'a> {
    key: &'a str,
    value: &'a str,
}

/// An instance's state.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "State")]
struct Boto3State<'a> {
    code: Option<u8>,
    name: Option<&'a str>,
}

impl<'a> From<&'a State> for Boto3State<'a> {
    fn from(it: &'a State) -> Self {
        Self { code: it.code, name: it.name.as_deref() }
    }
}

/// An instance's ID.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "RebootedInstance")]
struct Boto3Id<'a> {
    instance_id: &'a str,
}

const SAMPLE_ID: Boto3Id<'_> = Boto3Id { instance_id: "i-0123456789abcdef0" };

fn instance() -> Value {
    json!(Boto3Instance::from(&super::sample_instance()))
}

fn state_change() -> Value {
    json!(Boto3Change::from(&StateChange {
        instance_id: SAMPLE_ID.instance_id.to_owned(),
        current: super::sample_state(64, "stopping"),
        previous: super::sample_state(16, "running"),
    }))
}

/// What a change did to an instance's state.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "StateChange")]
struct Boto3Change<'a> {
    instance_id: &'a str,
    current_state: Boto3State<'a>,
    previous_state: Boto3State<'a>,
}

impl<'a> From<&'a StateChange> for Boto3Change<'a> {
    fn from(it: &'a StateChange) -> Self {
        Self {
            instance_id: &it.instance_id,
            current_state: Boto3State::from(&it.current),
            previous_state: Boto3State::from(&it.previous),
        }
    }
}

/// What limits and policies permit the caller to do to an instance, and why not the rest.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Permissions")]
struct Boto3Permissions<'a> {
    /// The instance.
    id: &'a str,
    /// The actions that are permitted.
    #[schemars(with = "Vec<String>")]
    permitted: &'a [Action],
    /// The others, each with the reason.
    refused: BTreeMap<String, &'a str>,
}

impl<'a> From<&'a Permissions> for Boto3Permissions<'a> {
    fn from(it: &'a Permissions) -> Self {
        let refused = it.refused.iter().map(|(action, reason)| (action.to_string(), reason.as_str())).collect();
        Self { id: &it.instance_id, permitted: &it.permitted, refused }
    }
}

/// RFC 3339 in UTC, with the offset that boto3's `isoformat()` writes. EC2 knows launch times to the second.
fn rfc3339(it: OffsetDateTime) -> String {
    let (date, time) = (it.date(), it.time());
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+00:00")
}

// ----------------------------------------------------------------------------------------------------------------- tests

#[cfg(test)]
mod tests {
    use super::*;

    fn body(reply: &Reply) -> String {
        String::from_utf8(reply.body.to_vec()).unwrap()
    }

    #[test]
    fn one_is_bare_and_several_are_an_array() {
        assert_eq!(body(&one_or_all(vec![7])), "7");
        assert_eq!(body(&one_or_all(vec![7, 8])), "[7,8]");
        assert_eq!(body(&one_or_all(Vec::<u8>::new())), "[]");
    }

    #[test]
    fn a_launch_time_is_that_of_boto3s_isoformat() {
        let time = OffsetDateTime::from_unix_timestamp(1_455_645_849).unwrap();
        assert_eq!(rfc3339(time), "2016-02-16T18:04:09+00:00");
    }

    #[test]
    fn an_instance_of_which_ec2_says_nothing_is_listed_with_nulls() {
        let region = Region::parse("us-east-1").unwrap();
        let table = Table::new(&MEMBERS[..DOCUMENTED_MEMBERS], false);
        assert_eq!(
            table.whole(&[Instance::default()], &region),
            "[{\"id\":\"\",\"instance-type\":null,\"instance-state\":null,\"private-ip\":null,\"key-name\":null,\"image-id\":null,\
             \"vpc-id\":null,\"subnet-id\":null,\"security-group-ids\":[]}]"
        );
    }
}
