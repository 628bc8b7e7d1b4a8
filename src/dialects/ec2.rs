//! `/ec2/*`: the dialect of python-boto3-api (Flask and boto3), and the EC2 part of boto's
//! tutorial.
//!
//! Parameters come from the query string or the body. Instances are described as boto3 does it.

use super::boto3::{Boto3Permissions, Boto3Reservation, ERROR_BODY, SAMPLE_ID, encode_error, sample_boto3_instance};
use super::columns::{DOCUMENTED_MEMBERS, MEMBERS, documented_members, list_schema, table};
use super::common::{
    self, ACCOUNT, ACCOUNT_OR_ALL, LIST_HEADERS, encode_dry_run, encode_list, sample_instance, sample_time,
};
use super::ec2_changes::{REBOOT, START, STOP, TERMINATE};
use super::ec2_create::CREATE;
use super::ec2_keep::KEEP;
use super::ec2_params::{
    FIELDS, INSTANCE_ID_FILTER, INSTANCE_IDS, MAX_RESULTS, NEXT_TOKEN, REGION_NAME, REGION_NAME_OR_ALL, RegionOrAll,
    STATE, TAG,
};
use crate::error::Error;
use crate::http::call::{Decoded, call};
use crate::http::columns::example_rows;
use crate::http::negotiate::prefers_csv;
use crate::http::param::Param;
use crate::http::reply::Reply;
use crate::http::route::{BodyUse, Dialect, Handler, Input, Response, Route, UnknownUse};
use crate::http::rows::Rows;
use crate::model::{
    AccountRef, Filter, Instance, InstanceId, InstanceQuery, InstanceRef, MAX_FILTER_VALUES, Reservation, isoformat,
};
use crate::operations::Operation as _;
use crate::operations::console_output::GetConsoleOutput;
use crate::operations::limits::{DeploymentLimits, GetLimits};
use crate::operations::list::ListInstances;
use crate::operations::list_everywhere::ListInstancesEverywhere;
use crate::operations::paging::DESCRIBE_INSTANCES;
use crate::operations::permissions::CheckPermissions;
use crate::operations::places::Scope;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;

// ---------------------------------------------------------------------------------------- routes

/// The dialect.
pub const DIALECT: Dialect = Dialect {
    name: "ec2",
    summary: "Instances, for clients of python-boto3-api and of boto.",
    prefix: "/ec2",
    enabled: |_| true,
    routes: ROUTES,
    unknown_parameters: UnknownUse::Refuse,
    ignored_parameters: &[],
    region_parameter: REGION_NAME.info.name,
    segments: &[],
    dry_run: encode_dry_run,
    error: encode_error,
    error_body: ERROR_BODY,
};

const ROUTES: &[Route] = &[
    CREATE,
    Route {
        methods: &["GET"],
        path: "/ec2/list",
        name: "list",
        summary: "Lists the instances of a region, or of all (`region_name=all`), in an account, or in all (`account=all`): nine members each, or those of `fields`.",
        parameters: &[
            REGION_NAME_OR_ALL.info,
            ACCOUNT_OR_ALL.info,
            STATE.info,
            TAG.info,
            INSTANCE_ID_FILTER.info,
            FIELDS.info,
            MAX_RESULTS.info,
            NEXT_TOKEN.info,
        ],
        body: BodyUse::Parameters,
        responses: &[Response::list(200, "The instances.", list_schema, || {
            example_rows(&MEMBERS[..DOCUMENTED_MEMBERS], &sample_instance())
        })
        .with(LIST_HEADERS)],
        handler: Handler::Authenticated {
            actions: &[ListInstancesEverywhere::<Rows<Reservation>>::ACTION],
            decode: list,
        },
    },
    Route {
        methods: &["GET"],
        path: "/ec2/reservations",
        name: "reservations",
        summary: "Lists the instances of a region, in an account or in all, as boto's get_all_reservations does.",
        parameters: &[
            REGION_NAME.info,
            ACCOUNT_OR_ALL.info,
            STATE.info,
            TAG.info,
            INSTANCE_ID_FILTER.info,
            MAX_RESULTS.info,
            NEXT_TOKEN.info,
        ],
        body: BodyUse::Parameters,
        responses: &[Response::json::<Vec<Boto3Reservation<'_>>>(
            200,
            "The reservations, each with its instances.",
            || {
                json!([Boto3Reservation::from(&Reservation {
                    reservation_id: Some("r-0123456789abcdef0".to_owned()),
                    owner_id: Some("123456789012".to_owned()),
                    requester_id: None,
                    groups: Vec::new(),
                    instances: vec![Instance { details: Some(sample_boto3_instance()), ..sample_instance() }],
                })])
            },
        )
        .with(LIST_HEADERS)],
        handler: Handler::Authenticated { actions: &[DESCRIBE_INSTANCES], decode: reservations },
    },
    Route {
        methods: &["GET"],
        path: "/ec2/permissions",
        name: "permissions",
        summary: "Says which changes of state the deployment permits the caller, for each instance.",
        parameters: &[REGION_NAME.info, ACCOUNT.info, INSTANCE_IDS.info],
        body: BodyUse::Parameters,
        responses: &[Response::json::<Vec<Boto3Permissions<'_>>>(
            200,
            "What is permitted, for each instance that the caller may see.",
            || {
                let reason = "The policy of this deployment does not permit TerminateInstances of i-0123456789abcdef0";
                json!([Boto3Permissions {
                    id: SAMPLE_ID.instance_id,
                    permitted: &["StartInstances", "StopInstances", "RebootInstances"],
                    refused: BTreeMap::from([("TerminateInstances", reason)]),
                }])
            },
        )],
        handler: Handler::Authenticated { actions: &[DESCRIBE_INSTANCES], decode: permissions },
    },
    Route {
        methods: &["GET"],
        path: "/ec2/limits",
        name: "limits",
        summary: "Shows the limits that hold for every caller, and the defaults of launches. AWS is not asked.",
        parameters: &[],
        body: BodyUse::Parameters,
        responses: &[Response::json::<Boto3Limits<'_>>(200, "The limits and the defaults.", || {
            json!(Boto3Limits {
                instance_types: Some(&["t3.*".to_owned(), "t4g.micro".to_owned()]),
                max_instances_per_launch: Some(10),
                instance_profiles: &["web".to_owned()],
                modifiable_attributes: &["instanceType", "disableApiTermination"],
                reserved_tags: &["team".to_owned()],
                default_region: "us-east-1",
                default_image_id: "ami-0123456789abcdef0",
                default_instance_type: "t3.micro",
            })
        })],
        handler: Handler::Authenticated {
            actions: &[GetLimits::ACTION],
            decode: |_| call(GetLimits, |limits| Reply::json(200, &Boto3Limits::from(&limits))),
        },
    },
    Route {
        methods: &["GET"],
        path: "/ec2/console-output",
        name: "console-output",
        summary: "Shows the console output of an instance: the latest on Nitro, else that of its last start or stop.",
        parameters: &[REGION_NAME.info, ACCOUNT.info, ONE_INSTANCE_ID.info],
        body: BodyUse::Parameters,
        responses: &[Response::json::<Boto3ConsoleOutput<'_>>(200, "The console output.", || {
            json!(Boto3ConsoleOutput {
                instance_id: SAMPLE_ID.instance_id,
                timestamp: sample_time().map(isoformat),
                output: Some("[    0.000000] Linux version 6.8.0\n"),
            })
        })],
        handler: Handler::Authenticated { actions: &[GetConsoleOutput::ACTION], decode: console_output },
    },
    START,
    STOP,
    REBOOT,
    TERMINATE,
    KEEP,
];

// ---------------------------------------------------------------------------------------- decode

fn list(input: &Input<'_>) -> Decoded {
    let csv = prefers_csv(input.headers);
    let chosen = input.list(FIELDS)?.into_iter().map(|member| member.0);
    let all_accounts = names_all_accounts(input)?;
    let region = match input.required(REGION_NAME_OR_ALL)? {
        RegionOrAll::One(region) if !input.config.regions.allows(&region) => {
            return Err(Error::invalid(REGION_NAME.info.name, "must be a region that this deployment allows"));
        }
        RegionOrAll::One(region) => Some(region),
        RegionOrAll::All => None,
    };
    // Rows of several accounts or regions are of little use without them.
    let places = [("account", all_accounts), ("region", region.is_none())];
    let places = places.into_iter().filter(|(_, is_added)| *is_added);
    let places = places.filter_map(|(name, _)| MEMBERS.iter().find(|member| member.name == name));
    let sink = table(chosen, places.chain(documented_members()).collect(), csv, input.now);
    list_call(Scope { all_accounts, region }, query(input)?, sink, csv)
}

fn reservations(input: &Input<'_>) -> Decoded {
    let region = common::region(input, REGION_NAME)?;
    let (instances, query) = query(input)?;
    let query = InstanceQuery { details: true, ..query };
    let sink = Rows::json(|reservations: &[Reservation], _, rows| {
        for reservation in reservations {
            rows.push(&Boto3Reservation::from(reservation));
        }
    });
    let scope = Scope { all_accounts: names_all_accounts(input)?, region: Some(region) };
    list_call(scope, (instances, query), sink, false)
}

fn names_all_accounts(input: &Input<'_>) -> Result<bool, Error> {
    Ok(input.optional(ACCOUNT_OR_ALL)? == Some(AccountRef::All))
}

/// A list of one region, or of several regions or accounts.
fn list_call(
    scope: Scope,
    (instances, query): (Vec<InstanceRef>, InstanceQuery),
    sink: Rows<Reservation>,
    csv: bool,
) -> Decoded {
    let parameter = match scope {
        Scope { all_accounts: true, .. } => ACCOUNT_OR_ALL.info.name,
        Scope { region: None, .. } => REGION_NAME.info.name,
        Scope { region: Some(region), .. } => {
            return call(ListInstances { region, instances, query, sink }, encode_list(csv));
        }
    };
    let id = |instance| match instance {
        InstanceRef::Id(id) => Ok(id),
        InstanceRef::Name(_) => {
            let problem = format!("must be an ID where {parameter} is all: use tag:Name");
            Err(Error::invalid(INSTANCE_ID_FILTER.info.name, problem))
        }
    };
    let instances = instances.into_iter().map(id).collect::<Result<Vec<InstanceId>, _>>()?;
    if query.max_results.is_some() {
        let problem = format!("can't be given where {parameter} is all");
        return Err(Error::invalid(MAX_RESULTS.info.name, problem));
    }
    call(ListInstancesEverywhere { scope, instances, query, sink }, encode_list(csv))
}

fn permissions(input: &Input<'_>) -> Decoded {
    let region = common::region(input, REGION_NAME)?;
    call(CheckPermissions { region, instances: input.required(INSTANCE_IDS)? }, |permissions| {
        Reply::json(200, &permissions.iter().map(Boto3Permissions::from).collect::<Vec<_>>())
    })
}

fn console_output(input: &Input<'_>) -> Decoded {
    let region = common::region(input, REGION_NAME)?;
    call(GetConsoleOutput { region, instance: input.required(ONE_INSTANCE_ID)? }, |(id, output)| {
        let timestamp = output.timestamp.map(isoformat);
        Reply::json(200, &Boto3ConsoleOutput { instance_id: id.as_str(), timestamp, output: output.text.as_deref() })
    })
}

/// The instances and the query of a list.
fn query(input: &Input<'_>) -> Result<(Vec<InstanceRef>, InstanceQuery), Error> {
    let mut filters = Vec::new();
    let mut filter = |name: String, values: Vec<String>| {
        if !values.is_empty() {
            filters.push(Filter { name, values });
        }
    };
    let states = input.list(STATE)?.into_iter().map(|state| state.0).collect();
    filter("instance-state-name".to_owned(), states);
    for (key, values) in input.optional(TAG)?.map(|tags| tags.0).unwrap_or_default() {
        filter(format!("tag:{key}"), values);
    }
    let instances = input.list(INSTANCE_ID_FILTER)?;
    // EC2's own error would not name the caller's parameter.
    let values: usize = filters.iter().map(|filter| filter.values.len()).sum();
    if values + instances.len() > MAX_FILTER_VALUES {
        let parameter = if instances.is_empty() { TAG.info.name } else { INSTANCE_ID_FILTER.info.name };
        let problem = format!("and the other filters have more than {MAX_FILTER_VALUES} values together");
        return Err(Error::invalid(parameter, problem));
    }
    let (max_results, next_token) = (input.optional(MAX_RESULTS)?, input.optional(NEXT_TOKEN)?.map(|token| token.0));
    Ok((instances, InstanceQuery { filters, max_results, next_token, ..InstanceQuery::default() }))
}

// ---------------------------------------------------------------------------------------- encode

/// The limits that hold for every caller, and the defaults of launches. Policies may permit less.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "Limits")]
struct Boto3Limits<'a> {
    /// The instance types that may be launched or changed to, with * for any characters; null: all.
    instance_types: Option<&'a [String]>,
    /// The most instances of one launch; null: as many as EC2 permits.
    max_instances_per_launch: Option<u32>,
    /// The instance profiles that a launch may have, with * for any characters.
    instance_profiles: &'a [String],
    /// The attributes that may be modified.
    modifiable_attributes: &'a [&'a str],
    /// The keys of tags that no caller sets.
    reserved_tags: &'a [String],
    /// The region of requests that need none, and name none.
    default_region: &'a str,
    /// The image of a launch that names none, and has none from a launch template: an AMI ID, or
    /// `resolve:ssm:` and a parameter's name.
    default_image_id: &'a str,
    /// The instance type of a launch that names none, and has none from a launch template.
    default_instance_type: &'a str,
}

impl<'a> From<&'a DeploymentLimits> for Boto3Limits<'a> {
    fn from(limits: &'a DeploymentLimits) -> Self {
        Self {
            instance_types: limits.instance_types.as_deref(),
            max_instances_per_launch: limits.max_instances_per_launch,
            instance_profiles: &limits.instance_profiles,
            modifiable_attributes: &limits.modifiable_attributes,
            reserved_tags: &limits.reserved_tags,
            default_region: limits.default_region.as_str(),
            default_image_id: limits.default_image.as_str(),
            default_instance_type: limits.default_instance_type.as_str(),
        }
    }
}

/// The console output of an instance. What EC2 does not have yet is null.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "ConsoleOutput")]
struct Boto3ConsoleOutput<'a> {
    instance_id: &'a str,
    /// When EC2 has read it last.
    #[schemars(extend("format" = "date-time"))]
    timestamp: Option<String>,
    /// The text, decoded.
    output: Option<&'a str>,
}

const ONE_INSTANCE_ID: Param<InstanceRef> =
    Param::required("instance_id", "The instance's ID, or its name if no other has it.").aliases(&["InstanceId"]);
