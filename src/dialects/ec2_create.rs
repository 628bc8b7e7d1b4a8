//! The route of `/ec2` that launches instances.

use super::boto3::{Boto3Instance, one_or_array, sample_boto3_instance};
use super::common::{
    self, ACCOUNT, DRY_RUN, DRY_RUN_LAUNCH_OK, END_HEADERS, LAUNCH_TAG, MAX_GROUPS, MAX_INSTANCES, STOP_AFTER,
    TERMINATE_AFTER, WAIT, split_groups,
};
use super::ec2_params::REGION_NAME;
use crate::error::Error;
use crate::http::call::{Decoded, call};
use crate::http::param::{Param, ParamValue};
use crate::http::param_info::{ParamInfo, ParamKind};
use crate::http::params::Params;
use crate::http::route::{BodyUse, Handler, Input, Response, Route};
use crate::model::{
    ImageId, InstanceProfileName, InstanceType, LaunchOptions, LaunchRequest, LaunchTemplateRef, SecurityGroupId,
    SecurityGroupRef, Spot, SubnetId, UserData,
};
use crate::operations::Operation as _;
use crate::operations::launch::RunInstances;
use serde_json::json;

pub(super) const CREATE: Route = Route {
    methods: &["POST"],
    path: "/ec2/create",
    name: "create",
    summary: "Launches instances: Ubuntu on a t3.micro unless told otherwise.",
    parameters: &[
        REGION_NAME.info,
        ACCOUNT.info,
        KEY_NAME.info,
        SECURITY_GROUP_ID.info,
        LAUNCH_TEMPLATE.info,
        IMAGE_ID.info,
        INSTANCE_TYPES.info,
        SUBNET_IDS.info,
        SECURITY_GROUPS.info,
        MIN_COUNT.info,
        MAX_COUNT.info,
        USER_DATA.info,
        SPOT.info,
        INSTANCE_PROFILE.info,
        LAUNCH_TAG.info,
        STOP_AFTER.info,
        TERMINATE_AFTER.info,
        WAIT.info,
        DRY_RUN.info,
    ],
    body: BodyUse::Parameters,
    responses: &[
        Response::json::<Boto3Instance>(200, "The instance.", sample_boto3_instance).with(END_HEADERS),
        Response::json::<Vec<Boto3Instance>>(200, "Several instances, if it was not one.", || {
            json!([sample_boto3_instance()])
        })
        .with(END_HEADERS),
        DRY_RUN_LAUNCH_OK,
    ],
    handler: Handler::Authenticated { actions: &[RunInstances::ACTION], decode: create },
};

const KEY_NAME: Param<String> = Param::required(
    "KeyName",
    "The SSH key pair. Optional where `image_id` (boto's run_instances) or `LaunchTemplate` is given.",
)
.aliases(&["key_name"])
.max_len(255)
.example("demo");
const SECURITY_GROUP_ID: Param<Vec<SecurityGroupId>> = Param::required(
    "SecurityGroupId",
    "The security group's ID. Optional where `image_id` (boto's run_instances) or `LaunchTemplate` is given.",
)
.aliases(&["SecurityGroupIds", "security_group_ids"])
.max_items(MAX_GROUPS);
const LAUNCH_TEMPLATE: Param<LaunchTemplateRef> = Param::optional(
    "LaunchTemplate",
    "A launch template: its name or ID, and after a colon its version if it is not the default one. Other parameters come before its members.",
)
.aliases(&["launch_template"]);
const IMAGE_ID: Param<ImageId> = Param::optional(
    "ImageId",
    "The image, instead of the deployment's default: an AMI ID, or a public parameter (resolve:ssm:/aws/service/...).",
)
.aliases(&["image_id"]);
const INSTANCE_TYPES: Param<Choices<InstanceType>> = Param::optional(
    "InstanceType",
    "The instance type, instead of the deployment's default; or several, in the order in which they are tried where EC2 has no capacity.",
)
.aliases(&["instance_type"])
.max_items(MAX_CHOICES);
const SUBNET_IDS: Param<Choices<SubnetId>> =
    Param::optional("SubnetId", "The subnet; or several: each is tried for each type in turn.")
        .aliases(&["subnet_id"])
        .max_items(MAX_CHOICES);
const USER_DATA: Param<UserData> =
    Param::optional("UserData", "What the instance reads at its first boot, as text of at most 16 KiB.")
        .aliases(&["user_data"]);
const SPOT: Param<Spot> =
    Param::optional("spot", "only: spot instances; prefer: on demand if EC2 has no capacity for spot instances.")
        .aliases(&["Spot"]);
const INSTANCE_PROFILE: Param<InstanceProfileName> = Param::optional(
    "InstanceProfile",
    "The name of an instance profile that the deployment allows: software on the instance gets its role.",
)
.aliases(&["instance_profile"]);
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

/// The greatest number of types, and of subnets.
const MAX_CHOICES: usize = 10;

fn create(input: &Input<'_>) -> Decoded {
    let region = common::region(input, REGION_NAME)?;
    let template = input.optional(LAUNCH_TEMPLATE)?;
    // boto's run_instances('<ami-id>') needs the image only.
    let may_lack_parameters = template.is_some() || input.params.is_given_as("image_id");
    let key_name = input.optional(KEY_NAME)?;
    if key_name.is_none() && !may_lack_parameters {
        return Err(Error::missing(KEY_NAME.info.name));
    }
    let mut security_group_ids = input.list(SECURITY_GROUP_ID)?;
    let (more_ids, security_groups) = split_groups(input.list(SECURITY_GROUPS)?);
    security_group_ids.extend(more_ids);
    if security_group_ids.is_empty() && !may_lack_parameters {
        return Err(Error::missing(SECURITY_GROUP_ID.info.name));
    }
    let min_count = input.optional(MIN_COUNT)?.unwrap_or(1);
    let max_count = input.optional(MAX_COUNT)?.unwrap_or(min_count);
    if min_count > max_count {
        return Err(Error::invalid(MAX_COUNT.info.name, "must not be less than MinCount"));
    }
    let request = LaunchRequest {
        template,
        image_id: input.optional(IMAGE_ID)?,
        instance_types: input.optional(INSTANCE_TYPES)?.map(|Choices(types)| types).unwrap_or_default(),
        subnet_ids: input.optional(SUBNET_IDS)?.map(|Choices(ids)| ids).unwrap_or_default(),
        min_count,
        max_count,
        spot: input.optional(SPOT)?,
        http_tokens: input.config.http_tokens,
        options: LaunchOptions {
            key_name,
            security_group_ids,
            security_groups,
            instance_profile: input.optional(INSTANCE_PROFILE)?,
            user_data: input.optional(USER_DATA)?,
            tags: common::launch_tags(input)?,
            ..LaunchOptions::default()
        },
        default_image: input.config.default_image.clone(),
        default_instance_type: input.config.default_instance_type.clone(),
    };
    call(RunInstances { region, request, end: common::end(input)? }, |instances| {
        one_or_array(instances.iter().map(|instance| instance.details.as_ref()).collect())
    })
}

/// Values that are tried in order. An empty array is a mistake, not the default.
struct Choices<T>(Vec<T>);

impl<T> ParamValue for Choices<T>
where
    Vec<T>: ParamValue,
{
    const KIND: ParamKind = Vec::<T>::KIND;
    const PATTERN: &'static str = Vec::<T>::PATTERN;
    const VALUES: &'static [&'static str] = Vec::<T>::VALUES;
    const EXAMPLE: &'static str = Vec::<T>::EXAMPLE;
    const MAX_LEN: usize = Vec::<T>::MAX_LEN;

    fn read(params: &Params, info: &ParamInfo) -> Result<Option<Self>, Error> {
        match Vec::<T>::read(params, info)? {
            None if params.is_empty_array(info) => Err(Error::invalid(info.name, "is an empty list")),
            choices => Ok(choices.map(Self)),
        }
    }
}
