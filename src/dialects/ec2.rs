//! `/ec2/*`: the dialect of python-boto3-api (Flask and boto3), and the EC2 part of boto's tutorial.
//!
//! Parameters come from the query string, a JSON object or a form. Instances are described as boto3
//! does it.

use super::boto3::{
    Boto3Change, Boto3Id, Boto3Instance, Boto3Permissions, Boto3Reservation, ERROR_BODY, SAMPLE_ID, encode_error,
    sample_state_change,
};
use super::columns::{DOCUMENTED_MEMBERS, MEMBERS, Member, documented_members, list_schema, table};
use super::common::{
    self, DRY_RUN, DRY_RUN_LAUNCH_OK, DRY_RUN_OK, LAUNCH_TAG, LIST_HEADERS, MAX_GROUPS, MAX_INSTANCES, PageToken, WAIT,
    encode_dry_run, encode_list, sample_instance, split_groups,
};
use crate::error::Error;
use crate::http::call::{Decoded, call};
use crate::http::columns::example_rows;
use crate::http::negotiate::prefers_csv;
use crate::http::param::{Param, Tags};
use crate::http::param_info::ParamInfo;
use crate::http::reply::Reply;
use crate::http::route::{BodyUse, Dialect, Handler, Input, Response, Route};
use crate::http::rows::Rows;
use crate::model::{
    Filter, FromText, ImageId, InstanceId, InstanceQuery, InstanceRef, InstanceType, Launch, MAX_FILTER_VALUES,
    Placement, Region, Reservation, SecurityGroupId, SecurityGroupRef, State,
};
use crate::operations::Operation as _;
use crate::operations::change_state::{RebootInstances, StartInstances, StopInstances, TerminateInstances};
use crate::operations::launch::RunInstances;
use crate::operations::list::{ListInstances, ListInstancesEverywhere};
use crate::operations::paging::{DESCRIBE_INSTANCES, INSTANCE_PAGE_SIZES};
use crate::operations::permissions::CheckPermissions;
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
    segments: &[],
    dry_run: encode_dry_run,
    error: encode_error,
    error_body: ERROR_BODY,
};

const ROUTES: &[Route] = &[
    Route {
        methods: &["POST"],
        path: "/ec2/create",
        name: "create",
        summary: "Launches instances: Ubuntu on a t3.micro unless told otherwise.",
        parameters: &[
            REGION_NAME.info,
            KEY_NAME.info,
            SECURITY_GROUP_ID.info,
            IMAGE_ID.info,
            INSTANCE_TYPE.info,
            SECURITY_GROUPS.info,
            MIN_COUNT.info,
            MAX_COUNT.info,
            LAUNCH_TAG.info,
            WAIT.info,
            DRY_RUN.info,
        ],
        body: BodyUse::Parameters,
        responses: &[
            Response::json::<Boto3Instance<'_>>(200, "The instance.", || {
                json!(Boto3Instance::from(&sample_instance()))
            }),
            Response::json::<Vec<Boto3Instance<'_>>>(200, "Several instances, if it was not one.", || {
                json!([Boto3Instance::from(&sample_instance())])
            }),
            DRY_RUN_LAUNCH_OK,
        ],
        handler: Handler::Authenticated { actions: &[RunInstances::ACTION], decode: create },
    },
    Route {
        methods: &["GET"],
        path: "/ec2/list",
        name: "list",
        summary: "Lists the instances of a region, or of all (`region_name=all`): nine members each, or those of `fields`.",
        parameters: &[
            REGION_NAME_OR_ALL.info,
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
        summary: "Lists the instances of a region as boto's get_all_reservations does.",
        parameters: &[
            REGION_NAME.info,
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
                    instances: vec![sample_instance()],
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
        parameters: &[REGION_NAME.info, INSTANCE_IDS.info],
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
        methods: &["POST"],
        path: "/ec2/start",
        name: "start",
        summary: "Starts instances.",
        parameters: CHANGE,
        body: BodyUse::Parameters,
        responses: CHANGED,
        handler: Handler::Authenticated { actions: &[StartInstances::ACTION], decode: start },
    },
    Route {
        methods: &["POST"],
        path: "/ec2/stop",
        name: "stop",
        summary: "Stops instances.",
        parameters: CHANGE,
        body: BodyUse::Parameters,
        responses: CHANGED,
        handler: Handler::Authenticated { actions: &[StopInstances::ACTION], decode: stop },
    },
    Route {
        methods: &["POST"],
        path: "/ec2/reboot",
        name: "reboot",
        summary: "Reboots instances.",
        parameters: REBOOT,
        body: BodyUse::Parameters,
        responses: &[
            Response::json::<Boto3Id<'_>>(200, "The instance is rebooting.", || json!(SAMPLE_ID)),
            Response::json::<Vec<Boto3Id<'_>>>(200, "Several instances, in the order asked for.", || {
                json!([SAMPLE_ID])
            }),
            DRY_RUN_OK,
        ],
        handler: Handler::Authenticated { actions: &[RebootInstances::ACTION], decode: reboot },
    },
    Route {
        methods: &["POST"],
        path: "/ec2/terminate",
        name: "terminate",
        summary: "Terminates instances.",
        parameters: CHANGE,
        body: BodyUse::Parameters,
        responses: CHANGED,
        handler: Handler::Authenticated { actions: &[TerminateInstances::ACTION], decode: terminate },
    },
];

const CHANGED: &[Response] = &[
    Response::json::<Boto3Change<'_>>(200, "How the state of the instance has changed.", sample_state_change),
    Response::json::<Vec<Boto3Change<'_>>>(200, "Several instances, in the order asked for.", || {
        json!([sample_state_change()])
    }),
    DRY_RUN_OK,
];

const CHANGE: &[ParamInfo] = &[REGION_NAME.info, INSTANCE_ID.info, WAIT.info, DRY_RUN.info];
const REBOOT: &[ParamInfo] = &[REGION_NAME.info, INSTANCE_ID.info, DRY_RUN.info];

const REGION_NAME: Param<Region> = Param::required("region_name", "The region, such as us-east-1.");
const REGION_NAME_OR_ALL: Param<RegionOrAll> = Param::required(
    "region_name",
    "The region, such as us-east-1, or all for every region that the deployment allows.",
);
const KEY_NAME: Param<String> =
    Param::required("KeyName", "The SSH key pair. Optional where `image_id` is given (boto's run_instances).")
        .aliases(&["key_name"])
        .max_len(255)
        .example("demo");
const SECURITY_GROUP_ID: Param<Vec<SecurityGroupId>> = Param::required(
    "SecurityGroupId",
    "The security group's ID. Optional where `image_id` is given (boto's run_instances).",
)
.aliases(&["SecurityGroupIds", "security_group_ids"])
.max_items(MAX_GROUPS);
const IMAGE_ID: Param<ImageId> = Param::optional(
    "ImageId",
    "The image, instead of the deployment's default: an AMI ID, or resolve:ssm: and a parameter's name.",
)
.aliases(&["image_id"]);
const INSTANCE_TYPE: Param<InstanceType> =
    Param::optional("InstanceType", "The instance type, instead of the deployment's default.")
        .aliases(&["instance_type"]);
const SECURITY_GROUPS: Param<Vec<SecurityGroupRef>> = Param::optional(
    "security_groups",
    "Security groups by name, as in boto's run_instances; what starts with sg- is an ID.",
)
.aliases(&["SecurityGroups"])
.max_items(MAX_GROUPS);
const MIN_COUNT: Param<u32> = Param::optional("MinCount", "Launch this many or none; 1 if not given.")
    .aliases(&["min_count"])
    .range((1, MAX_INSTANCES))
    .example("1");
const MAX_COUNT: Param<u32> = Param::optional("MaxCount", "Launch up to this many; MinCount if not given.")
    .aliases(&["max_count"])
    .range((1, MAX_INSTANCES))
    .example("2");
const INSTANCE_NAMES: &[&str] = &["InstanceId", "instance_ids", "InstanceIds"];
const INSTANCE_ID: Param<Vec<InstanceRef>> = Param::required(
    "instance_id",
    "The instance's ID, or its name if no other has it; or several: comma-separated, repeated, or a JSON array. One call for all.",
)
.aliases(INSTANCE_NAMES)
.max_items(MAX_INSTANCES as usize);
const INSTANCE_IDS: Param<Vec<InstanceRef>> =
    Param::required("instance_id", "The instances, by ID or name, up to 200.")
        .aliases(INSTANCE_NAMES)
        .max_items(MAX_FILTER_VALUES);
const INSTANCE_ID_FILTER: Param<Vec<InstanceRef>> =
    Param::optional("instance_id", "Only these instances, by ID or name, up to 200.")
        .aliases(INSTANCE_NAMES)
        .max_items(MAX_FILTER_VALUES);
const STATE: Param<Vec<StateName>> = Param::optional(
    "state",
    "Only instances in one of these states: pending, running, shutting-down, terminated, stopping, stopped.",
)
.max_items(State::NAMES.len());
const TAG: Param<Tags> = Param::optional(
    "tag:KEY",
    "Only instances whose tag KEY has this value; repeated: one of these values. EC2's wildcards * and ? work.",
);
const FIELDS: Param<Vec<Member>> =
    Param::optional("fields", "The members of each row, instead of the nine, in this order.").max_items(MEMBERS.len());
const MAX_RESULTS: Param<u32> =
    Param::optional("max_results", "One page of at most this many, 5 to 1000, instead of all that fits.")
        .range(INSTANCE_PAGE_SIZES)
        .example("100");
const NEXT_TOKEN: Param<PageToken> =
    Param::optional("next_token", "Go on where an earlier answer's header x-next-token says.");

/// A region, or all that the deployment allows.
#[derive(Debug)]
enum RegionOrAll {
    One(Region),
    All,
}

impl FromText for RegionOrAll {
    const PATTERN: &'static str = "^(all|[a-z]{2,4}(-[a-z]{1,12}){1,2}-[0-9]{1,2})$";
    const EXPECTED: &'static str = Region::EXPECTED;
    const EXAMPLE: &'static str = Region::EXAMPLE;

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "all" => Some(Self::All),
            region => Region::parse(region).map(Self::One),
        }
    }
}

/// The name of a state.
struct StateName(String);

impl FromText for StateName {
    const PATTERN: &'static str = "";
    const EXPECTED: &'static str = "";
    const EXAMPLE: &'static str = "running";
    const VALUES: &'static [&'static str] = &State::NAMES;

    fn from_text(text: &str) -> Option<Self> {
        Self::VALUES.contains(&text).then(|| Self(text.to_owned()))
    }
}

// ---------------------------------------------------------------------------------------- decode

fn create(input: &Input<'_>) -> Decoded {
    let region = common::region(input, REGION_NAME)?;
    // boto's run_instances('<ami-id>') needs the image only.
    let is_boto = input.params.is_given_as("image_id");
    let key_name = input.optional(KEY_NAME)?;
    if key_name.is_none() && !is_boto {
        return Err(Error::missing(KEY_NAME.info.name));
    }
    let mut security_group_ids = input.list(SECURITY_GROUP_ID)?;
    let (more_ids, security_groups) = split_groups(input.list(SECURITY_GROUPS)?);
    security_group_ids.extend(more_ids);
    if security_group_ids.is_empty() && !is_boto {
        return Err(Error::missing(SECURITY_GROUP_ID.info.name));
    }
    let image_id = input.optional(IMAGE_ID)?.unwrap_or_else(|| input.config.default_image.clone());
    let instance_type = input.optional(INSTANCE_TYPE)?.unwrap_or_else(|| input.config.default_instance_type.clone());
    let min_count = input.optional(MIN_COUNT)?.unwrap_or(1);
    let max_count = input.optional(MAX_COUNT)?.unwrap_or(min_count);
    if min_count > max_count {
        return Err(Error::invalid(MAX_COUNT.info.name, "must not be less than MinCount"));
    }
    let launch = Launch {
        image_id,
        instance_type,
        min_count,
        max_count,
        key_name,
        security_group_ids,
        security_groups,
        user_data: None,
        placement: Placement::default(),
        shutdown_behavior: None,
        ebs_optimized: None,
        tags: common::launch_tags(input)?,
    };
    call(RunInstances { region, launch }, |instances| one_or_array(instances.iter().map(Boto3Instance::from).collect()))
}

fn start(input: &Input<'_>) -> Decoded {
    let region = common::region(input, REGION_NAME)?;
    call(StartInstances { region, instances: input.required(INSTANCE_ID)? }, |changes| {
        one_or_array(changes.iter().map(Boto3Change::from).collect())
    })
}

fn stop(input: &Input<'_>) -> Decoded {
    let region = common::region(input, REGION_NAME)?;
    call(StopInstances { region, instances: input.required(INSTANCE_ID)?, force: false }, |changes| {
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
    call(TerminateInstances { region, instances: input.required(INSTANCE_ID)?, force: false }, |changes| {
        one_or_array(changes.iter().map(Boto3Change::from).collect())
    })
}

fn list(input: &Input<'_>) -> Decoded {
    let csv = prefers_csv(input.headers);
    let chosen = input.list(FIELDS)?.into_iter().map(|member| member.0);
    match input.required(REGION_NAME_OR_ALL)? {
        RegionOrAll::One(region) if !input.config.regions.allows(&region) => {
            Err(Error::invalid(REGION_NAME.info.name, "must be a region that this deployment allows"))
        }
        RegionOrAll::One(region) => {
            let sink = table(chosen, documented_members().collect(), csv);
            let (instances, query) = query(input)?;
            call(ListInstances { region, instances, query, sink }, encode_list(csv))
        }
        RegionOrAll::All => {
            // Rows of several regions are of little use without their region.
            let region = MEMBERS.iter().filter(|member| member.name == "region");
            let sink = table(chosen, region.chain(documented_members()).collect(), csv);
            let (instances, query) = query(input)?;
            let id = |instance| match instance {
                InstanceRef::Id(id) => Ok(id),
                InstanceRef::Name(_) => {
                    let problem = "must be an ID where region_name is all: use tag:Name";
                    Err(Error::invalid(INSTANCE_ID_FILTER.info.name, problem))
                }
            };
            let instances = instances.into_iter().map(id).collect::<Result<Vec<InstanceId>, _>>()?;
            if query.max_results.is_some() {
                return Err(Error::invalid(MAX_RESULTS.info.name, "can't be given where region_name is all"));
            }
            call(ListInstancesEverywhere { instances, query, sink }, encode_list(csv))
        }
    }
}

fn reservations(input: &Input<'_>) -> Decoded {
    let region = common::region(input, REGION_NAME)?;
    let (instances, query) = query(input)?;
    let sink = Rows::json(|reservations: &[Reservation], _, rows| {
        for reservation in reservations {
            rows.push(&Boto3Reservation::from(reservation));
        }
    });
    call(ListInstances { region, instances, query, sink }, encode_list(false))
}

fn permissions(input: &Input<'_>) -> Decoded {
    let region = common::region(input, REGION_NAME)?;
    call(CheckPermissions { region, instances: input.required(INSTANCE_IDS)? }, |permissions| {
        Reply::json(200, &permissions.iter().map(Boto3Permissions::from).collect::<Vec<_>>())
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
    let max_results = input.optional(MAX_RESULTS)?;
    let next_token = input.optional(NEXT_TOKEN)?.map(|token| token.0);
    Ok((instances, InstanceQuery { instance_ids: Vec::new(), filters, max_results, next_token }))
}

// ---------------------------------------------------------------------------------------- encode

/// One item: the bare object. Several: an array.
fn one_or_array<T: Serialize>(items: Vec<T>) -> Reply {
    match items.as_slice() {
        [item] => Reply::json(200, item),
        items => Reply::json(200, &items),
    }
}

// ----------------------------------------------------------------------------------------- tests

#[cfg(test)]
mod tests {
    use super::*;

    fn body(reply: &Reply) -> String {
        String::from_utf8(reply.body.to_vec()).unwrap()
    }

    #[test]
    fn one_item_is_a_bare_object_and_several_are_an_array() {
        assert_eq!(body(&one_or_array(vec![7])), "7");
        assert_eq!(body(&one_or_array(vec![7, 8])), "[7,8]");
        assert_eq!(body(&one_or_array(Vec::<u8>::new())), "[]");
    }
}
