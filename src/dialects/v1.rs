//! `/v1/*`: the dialect of the Launch & Provision Internal API.
//!
//! Its document knows the statuses 200, 400, 404 and 408 only; 401, 403 and 405 come before any action.

use crate::ec2::{
    Attribute, Change, ImageId, Instance, InstanceRef, InstanceType, Launch, Placement, Region, ShutdownBehavior, Zone,
    resource_id,
};
use crate::error::{Error, Kind};
use crate::http::Reply;
use crate::http::params::{Parameter, parameters};
use crate::http::route::{Answer, BodyUse, Call, Dialect, Input, Route};
use crate::operation::{Operation, Outcome};
use crate::policy::Action;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

// ---------------------------------------------------------------------------------------------------------------- routes

/// The dialect.
pub const DIALECT: Dialect = Dialect {
    name: "v1",
    summary: "Instances, for clients of Launch & Provision. Every error that AWS is the reason of is 404 or 408.",
    prefix: "/v1",
    enabled: |_| true,
    routes: ROUTES,
    segments: &[ID, FIELD],
    encode,
    error,
    error_body: |_| json_schema!({"type": "string", "description": "What went wrong, beginning with the document's words."}),
};

const ROUTES: &[Route] = &[
    Route {
        methods: &["PUT"],
        path: "/v1/launch",
        operation: LAUNCH,
        summary: "Launches instances, with the document's defaults.",
        parameters: &[
            AMI,
            INSTANCE_TYPE,
            MIN_COUNT,
            MAX_COUNT,
            KEY_NAME,
            SECURITY_GROUPS,
            USER_DATA,
            PLACEMENT,
            PLACEMENT_GROUP,
            SHUTDOWN_BEHAVIOR,
            EBS_OPTIMIZED,
            REGION,
            super::LAUNCH_TAG,
            super::WAIT,
            super::DRY_RUN,
        ],
        body: BodyUse::Parameters,
        answers: &[
            Answer::json::<Vec<String>>(200, "The IDs of the instances.", || json!(["i-0123456789abcdef0"])),
            TRIED,
        ],
        actions: super::LAUNCH_ACTIONS,
        open: false,
        decode: launch,
    },
    Route {
        methods: &["PUT"],
        path: "/v1/{id}/start",
        operation: "start",
        summary: "Starts an instance.",
        parameters: &[REGION, super::WAIT, super::DRY_RUN],
        body: BodyUse::Parameters,
        answers: CHANGED,
        actions: &["ec2:StartInstances", "ec2:DescribeInstances"],
        open: false,
        decode: |input| change(input, Change::Start),
    },
    Route {
        methods: &["PUT"],
        path: "/v1/{id}/reboot",
        operation: "reboot",
        summary: "Reboots an instance.",
        parameters: &[REGION, super::DRY_RUN],
        body: BodyUse::Parameters,
        answers: CHANGED,
        actions: &["ec2:RebootInstances", "ec2:DescribeInstances"],
        open: false,
        decode: |input| change(input, Change::Reboot),
    },
    Route {
        methods: &["PUT"],
        path: "/v1/{id}/stop",
        operation: "stop",
        summary: "Stops an instance.",
        parameters: &[REGION, FORCE, super::WAIT, super::DRY_RUN],
        body: BodyUse::Parameters,
        answers: CHANGED,
        actions: &["ec2:StopInstances", "ec2:DescribeInstances"],
        open: false,
        decode: |input| change(input, Change::Stop { force: force(input)? }),
    },
    Route {
        methods: &["PUT"],
        path: "/v1/{id}/terminate",
        operation: "terminate",
        summary: "Terminates an instance.",
        parameters: &[REGION, FORCE, super::WAIT, super::DRY_RUN],
        body: BodyUse::Parameters,
        answers: CHANGED,
        actions: &["ec2:TerminateInstances", "ec2:DescribeInstances"],
        open: false,
        decode: |input| change(input, Change::Terminate { force: force(input)? }),
    },
    Route {
        methods: &["GET"],
        path: "/v1/{id}/attributes",
        operation: "attributes",
        summary: "Shows an instance's 13 fields, or those of `filter`.",
        parameters: &[REGION, FILTER],
        body: BodyUse::Parameters,
        answers: &[Answer::json::<Fields>(200, "The fields.", || shown(&super::sample_instance(), &[]))],
        actions: &["ec2:DescribeInstances"],
        open: false,
        decode: attributes,
    },
    Route {
        methods: &["GET"],
        path: "/v1/{id}/attributes/{field}",
        operation: "attribute",
        summary: "Shows one field of an instance.",
        parameters: &[REGION],
        body: BodyUse::Parameters,
        answers: &[Answer::json::<Fields>(200, "The field.", || shown(&super::sample_instance(), &["state"]))],
        actions: &["ec2:DescribeInstances"],
        open: false,
        decode: attribute,
    },
    Route {
        methods: &["PUT"],
        path: "/v1/{id}/modify",
        operation: "modify",
        summary: "Gives an attribute of an instance a new value.",
        parameters: &[REGION, ATTRIBUTE, VALUE, super::DRY_RUN],
        body: BodyUse::Parameters,
        answers: CHANGED,
        actions: &["ec2:ModifyInstanceAttribute", "ec2:DescribeInstances"],
        open: false,
        decode: modify,
    },
];

const CHANGED: &[Answer] = &[Answer::json::<String>(200, "EC2 has accepted it.", || json!(MODIFIED)), TRIED];

/// The answer to a dry run of what changes an instance.
const TRIED: Answer = tried(|| json!(super::tried(Action::StopInstances, true)));

const fn tried(example: fn() -> Value) -> Answer {
    Answer::json::<String>(200, "A dry run: it would be permitted, and nothing was done.", example)
}

/// The operation whose failures have words of their own.
const LAUNCH: &str = "launch";

parameters! {
    ID = "id", Text, true,
        "The instance's ID, or its name if no other has it.",
        pattern: InstanceRef::PATTERN, example: "i-0123456789abcdef0";
    FIELD = "field", Text, true,
        "The field.",
        values: &FIELD_NAMES, example: "state";
    AMI = "ami" / "image_id", Text, true,
        "The image: an AMI ID, or resolve:ssm: and a parameter's name.",
        pattern: ImageId::PATTERN, example: "ami-0123456789abcdef0";
    INSTANCE_TYPE = "instance_type", Text, true,
        "The instance type, such as t3.micro.",
        pattern: InstanceType::PATTERN, longest: 64, example: "t3.micro";
    MIN_COUNT = "min_count", Integer, false,
        "Launch this many or none; 1 if not given.",
        range: (1, super::MOST_INSTANCES), example: "1";
    MAX_COUNT = "max_count", Integer, false,
        "Launch up to this many; 1 if not given.",
        range: (1, super::MOST_INSTANCES), example: "2";
    KEY_NAME = "key_name", Text, false,
        "The SSH key pair; the deployment's default if not given.",
        longest: 255, example: "demo";
    SECURITY_GROUPS = "security_groups", List, false,
        "Security groups: IDs (sg-...) or names; the deployment's default if not given.",
        most: super::MOST_GROUPS, example: "web";
    USER_DATA = "user_data", Text, false,
        "What the instance reads at its first boot, as text of at most 16 KiB.",
        longest: LARGEST_USER_DATA, example: "#!/bin/sh\necho hello";
    PLACEMENT = "placement", Text, false,
        "The Availability Zone, which decides the region; the deployment's default if not given.",
        pattern: Zone::PATTERN, longest: 64, example: "us-east-1b";
    PLACEMENT_GROUP = "placement_group", Text, false,
        "The placement group's name.",
        longest: 255, example: "cluster";
    SHUTDOWN_BEHAVIOR = "instance_initiated_shutdown_behavior", Text, false,
        "What a shutdown from inside does: stop or terminate; the deployment's default if not given.",
        values: &ShutdownBehavior::NAMES, example: "stop";
    EBS_OPTIMIZED = "ebs_optimized", Boolean, false,
        "Dedicated throughput to EBS; the deployment's default if not given.",
        example: "true";
    REGION = "region" / "region_name", Text, false,
        "The region; the deployment's default if not given.",
        pattern: Region::PATTERN, example: "us-east-1";
    FORCE = "force", Boolean, false,
        "Without a clean shutdown of the instance; false if not given.",
        example: "false";
    FILTER = "filter", List, false,
        "The fields to show, comma-separated; all if not given.",
        values: &FIELD_NAMES, most: FIELDS.len(), example: "state";
    ATTRIBUTE = "attribute", Text, true,
        "The attribute, in boto's spelling (instanceType) or in snake case (instance_type).",
        values: &ATTRIBUTE_NAMES, example: "instanceType";
    VALUE = "value", Any, true,
        "Its new value: text, true or false, or a list of security group IDs for groupSet.",
        most: super::MOST_GROUPS, example: "t3.small";
}

/// EC2's limit, in bytes: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html>.
const LARGEST_USER_DATA: usize = 16 * 1024;

// ---------------------------------------------------------------------------------------------------------------- decode

/// A malformed ID never named an instance.
fn instance(input: &Input<'_>) -> Result<InstanceRef, Error> {
    let wrong = || Error::new(Kind::NotFound, "InvalidInstanceID.Malformed", InstanceRef::WRONG);
    InstanceRef::parse(input.segment(ID.name)).ok_or_else(wrong)
}

fn force(input: &Input<'_>) -> Result<bool, Error> {
    Ok(input.params.boolean(FORCE)?.unwrap_or(false))
}

fn change(input: &Input<'_>, change: Change) -> Result<Call, Error> {
    let instances = vec![instance(input)?];
    Ok(Call::new(super::region(input, REGION)?, Operation::Change { change, instances, tag: None }))
}

fn launch(input: &Input<'_>) -> Result<Call, Error> {
    let (params, defaults) = (&input.params, &input.config.launch);
    let image_id = params.parsed(AMI, "an AMI ID (ami-...), or resolve:ssm: and a parameter's name", ImageId::parse)?;
    let image_id = image_id.ok_or_else(|| Error::missing(AMI.name))?;
    let instance_type = params.parsed(INSTANCE_TYPE, "an instance type such as t3.micro", InstanceType::parse)?;
    let instance_type = instance_type.ok_or_else(|| Error::missing(INSTANCE_TYPE.name))?;
    let min_count = params.integer(MIN_COUNT)?.unwrap_or(1);
    let max_count = params.integer(MAX_COUNT)?.unwrap_or(1);
    if min_count > max_count {
        return Err(Error::invalid(MIN_COUNT.name, format!("must not be more than max_count, which is {max_count}")));
    }
    let mut groups = params.list(SECURITY_GROUPS)?;
    if groups.is_empty() {
        groups.extend(defaults.security_groups.iter().map(String::as_str));
    }
    let (security_group_ids, security_groups) = super::security_groups(SECURITY_GROUPS, &groups)?;
    let user_data = params.raw(USER_DATA)?.map(|text| user_data(USER_DATA, text)).transpose()?;
    let zone = params.parsed(PLACEMENT, "an Availability Zone such as us-east-1b", Zone::parse)?;
    let zone = zone.unwrap_or_else(|| defaults.placement.clone());
    let region = zone.region();
    if !input.config.regions.allows(&region) {
        return Err(Error::invalid(PLACEMENT.name, "is in a region that this deployment does not allow"));
    }
    // It is a parameter of every other action here: in vain, it would mean a launch somewhere else than meant.
    if params.text(REGION)?.is_some_and(|name| name != region.as_str()) {
        return Err(Error::invalid(REGION.name, format!("must be that of placement, {region}")));
    }
    let behavior = params.parsed(SHUTDOWN_BEHAVIOR, "stop or terminate", ShutdownBehavior::parse)?;
    let launch = Launch {
        image_id,
        instance_type,
        min_count,
        max_count,
        key_name: Some(params.text(KEY_NAME)?.unwrap_or(&defaults.key_name).to_owned()),
        security_group_ids,
        security_groups,
        user_data,
        placement: Placement { zone: Some(zone), group_name: params.text(PLACEMENT_GROUP)?.map(str::to_owned) },
        shutdown_behavior: Some(behavior.unwrap_or(defaults.shutdown_behavior)),
        ebs_optimized: Some(params.boolean(EBS_OPTIMIZED)?.unwrap_or(defaults.ebs_optimized)),
        tags: super::launch_tags(input)?,
    };
    Ok(Call::new(region, Operation::Launch(launch)))
}

fn user_data(parameter: &'static Parameter, text: &str) -> Result<Vec<u8>, Error> {
    match text.len() {
        0..=LARGEST_USER_DATA => Ok(text.as_bytes().to_vec()),
        _ => Err(Error::invalid(parameter.name, format!("has more than {LARGEST_USER_DATA} bytes"))),
    }
}

fn attributes(input: &Input<'_>) -> Result<Call, Error> {
    let instance = instance(input)?;
    let asked = input.params.list(FILTER)?;
    let fields = asked.into_iter().map(|field| known(FILTER.name, field)).collect::<Result<_, _>>()?;
    Ok(Call { fields, ..Call::new(super::region(input, REGION)?, Operation::Describe(instance)) })
}

fn attribute(input: &Input<'_>) -> Result<Call, Error> {
    let instance = instance(input)?;
    let fields = vec![known(FIELD.name, input.segment(FIELD.name))?];
    Ok(Call { fields, ..Call::new(super::region(input, REGION)?, Operation::Describe(instance)) })
}

fn known(parameter: &'static str, field: &str) -> Result<&'static str, Error> {
    let found = FIELD_NAMES.into_iter().find(|name| *name == field);
    found.ok_or_else(|| Error::invalid(parameter, format!("must be of {}", FIELD_NAMES.join(", "))))
}

/// Reads an attribute's new value.
type ReadAttribute = fn(&Input<'_>) -> Result<Attribute, Error>;

/// Every attribute in boto's spelling.
const ATTRIBUTES: [(&str, ReadAttribute); 12] = [
    ("instanceType", |it| {
        Ok(Attribute::InstanceType(value(it, "an instance type such as t3.micro", InstanceType::parse)?))
    }),
    ("kernel", |it| Ok(Attribute::Kernel(value(it, "a kernel's ID (aki-...)", |text| resource_id("aki-", text))?))),
    ("ramdisk", |it| Ok(Attribute::Ramdisk(value(it, "a RAM disk's ID (ari-...)", |text| resource_id("ari-", text))?))),
    ("userData", |it| {
        let text = it.params.raw(VALUE)?.ok_or_else(|| Error::missing(VALUE.name))?;
        Ok(Attribute::UserData(user_data(VALUE, text)?))
    }),
    ("disableApiTermination", |it| Ok(Attribute::DisableApiTermination(truth(it)?))),
    ("instanceInitiatedShutdownBehavior", |it| {
        let behavior = value(it, "stop or terminate", ShutdownBehavior::parse)?;
        Ok(Attribute::InstanceInitiatedShutdownBehavior(behavior))
    }),
    ("sourceDestCheck", |it| Ok(Attribute::SourceDestCheck(truth(it)?))),
    ("groupSet", |it| {
        let ids = it.params.list(VALUE)?;
        if ids.is_empty() {
            return Err(Error::missing(VALUE.name));
        }
        Ok(Attribute::GroupSet(super::security_group_ids(VALUE, &ids)?))
    }),
    ("ebsOptimized", |it| Ok(Attribute::EbsOptimized(truth(it)?))),
    // The only value that EC2 knows.
    ("sriovNetSupport", |it| {
        Ok(Attribute::SriovNetSupport(value(it, "simple", |text| (text == "simple").then(|| text.to_owned()))?))
    }),
    ("enaSupport", |it| Ok(Attribute::EnaSupport(truth(it)?))),
    ("disableApiStop", |it| Ok(Attribute::DisableApiStop(truth(it)?))),
];

const ATTRIBUTE_NAMES: [&str; ATTRIBUTES.len()] = names(&ATTRIBUTES);

fn modify(input: &Input<'_>) -> Result<Call, Error> {
    let instance = instance(input)?;
    let asked = input.params.required(ATTRIBUTE)?;
    let found = ATTRIBUTES.iter().find(|(name, _)| *name == asked || snake_case(name) == asked);
    let names = || ATTRIBUTE_NAMES.join(", ");
    let (_, read) = found.ok_or_else(|| Error::invalid(ATTRIBUTE.name, format!("must be one of {}", names())))?;
    Ok(Call::new(super::region(input, REGION)?, Operation::Modify(instance, read(input)?)))
}

fn value<T>(input: &Input<'_>, expected: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, Error> {
    input.params.parsed(VALUE, expected, parse)?.ok_or_else(|| Error::missing(VALUE.name))
}

fn truth(input: &Input<'_>) -> Result<bool, Error> {
    input.params.boolean(VALUE)?.ok_or_else(|| Error::missing(VALUE.name))
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

// ---------------------------------------------------------------------------------------------------------------- encode

fn encode(call: Call, outcome: Outcome) -> Reply {
    match outcome {
        Outcome::Launched(instances) => {
            Reply::json(200, &instances.iter().map(|it| it.instance_id.as_str()).collect::<Vec<_>>())
        }
        Outcome::Changed(_) | Outcome::Rebooted(_) | Outcome::Modified => Reply::json(200, &MODIFIED),
        Outcome::Tried { action, by_aws } => Reply::json(200, &super::tried(action, by_aws)),
        Outcome::Described(instance) => Reply::json(200, &shown(&instance, &call.fields)),
        other => super::unexpected(&other),
    }
}

const MODIFIED: &str = "Instance modification succeeded";

/// Those fields of an instance; all if none is named.
fn shown(instance: &Instance, fields: &[&str]) -> Value {
    let shown = FIELDS.iter().filter(|(name, _)| fields.is_empty() || fields.contains(name));
    shown.map(|(name, (_, of))| ((*name).to_owned(), of(instance))).collect::<Map<_, _>>().into()
}

/// The form of such fields.
struct Fields;

impl JsonSchema for Fields {
    fn schema_name() -> Cow<'static, str> {
        "InstanceFields".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        let form = |form: &str| match form {
            "date-time" => json!({"type": ["string", "null"], "format": form}),
            form => json!({"type": [form, "null"]}),
        };
        let properties: Map<_, _> = FIELDS.iter().map(|(name, (of, _))| ((*name).to_owned(), form(of))).collect();
        json_schema!({
            "type": "object", "description": "Fields of an instance. What EC2 does not have is null.",
            "properties": properties, "additionalProperties": false,
        })
    }
}

/// Finds a field's value.
type Field = fn(&Instance) -> Value;

/// The document's fields, in its order, and what each is if it is not null.
const FIELDS: [(&str, (&str, Field)); 13] = [
    ("id", ("string", |it| json!(it.instance_id))),
    ("public_dns_name", ("string", |it| json!(it.public_dns_name))),
    ("private_dns_name", ("string", |it| json!(it.private_dns_name))),
    ("state", ("string", |it| json!(it.state.name))),
    ("state_code", ("integer", |it| json!(it.state.code))),
    ("key_name", ("string", |it| json!(it.key_name))),
    ("instance_type", ("string", |it| json!(it.instance_type))),
    ("launch_time", ("date-time", |it| json!(it.launch_time.map(super::rfc3339_milliseconds)))),
    ("image_id", ("string", |it| json!(it.image_id))),
    ("placement", ("string", |it| json!(it.availability_zone))),
    ("placement_group", ("string", |it| json!(it.placement_group))),
    ("private_ip_address", ("string", |it| json!(it.private_ip_address))),
    ("ip_address", ("string", |it| json!(it.public_ip_address))),
];

const FIELD_NAMES: [&str; FIELDS.len()] = names(&FIELDS);

/// The first column of a table.
const fn names<T, const N: usize>(table: &[(&'static str, T); N]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut i = 0;
    while i < N {
        #[expect(clippy::indexing_slicing, reason = "both are N long")]
        (names[i] = table[i].0);
        i += 1;
    }
    names
}

/// A JSON string that begins with the document's text for the status; the code goes into `x-error-code`.
fn error(error: &Error, status: u16, route: Option<&Route>) -> Reply {
    let launching = route.is_some_and(|route| route.operation == LAUNCH);
    let no_instance = error.code.starts_with("InvalidInstanceID.") && !launching;
    let (status, text) = match error.kind {
        _ if no_instance => (404, "Instance ID not found"),
        Kind::Unauthenticated | Kind::Forbidden | Kind::MethodNotAllowed => (status, ""),
        // No such path.
        Kind::NotFound if !error.by_aws => (404, ""),
        // A conflict of ours is a name that several instances have: not 404, lest somebody launches one more.
        Kind::Invalid | Kind::TooLarge | Kind::Conflict if !error.by_aws => (400, "Required arguments not provided"),
        _ if launching => (408, "Error while running via EC2 API"),
        _ => (408, "Error while modifying via EC2 API"),
    };
    let body = if text.is_empty() { error.message.clone() } else { format!("{text}: {}", error.message) };
    Reply::json(status, &body).with("x-error-code", error.code.clone())
}

// ----------------------------------------------------------------------------------------------------------------- tests

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_known_in_snake_case_too() {
        assert_eq!(snake_case("instanceInitiatedShutdownBehavior"), "instance_initiated_shutdown_behavior");
        assert_eq!(snake_case("kernel"), "kernel");
    }
}
