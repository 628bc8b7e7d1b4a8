//! Cedar authorization: policies in [Cedar](https://www.cedarpolicy.com), in the vocabulary of
//! `policies/schema.cedarschema`. Only this folder names `cedar_policy`.

use super::check;
use super::tag_keys::TagKeys;
use crate::auth::Caller;
use crate::model::{AccountId, Attribute, Instance, Launch, LaunchOptions, Placement, Region, Schedule, Shutdown};
use cedar_policy::{
    ActionConstraint, Authorizer, Context, Decision, Effect, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    Policy, PolicySet, PrincipalConstraint, Request, RestrictedExpression, Schema,
};
use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::net::IpAddr;

/// The tag with the name of the caller who launched the instance. Every launch sets it.
pub const OWNER_TAG: &str = "ec2-control-api:caller";

/// The schema in Cedar's JSON form, written by the build script.
const SCHEMA: &str = include_str!(concat!(env!("OUT_DIR"), "/schema.json"));

/// A deployment's policies.
pub struct Policies {
    pub(super) policies: PolicySet,
    pub(super) authorizer: Authorizer,
    pub(super) types: Types,
    /// Whether a policy uses the context. Making Cedar's IP address takes as long as a decision.
    uses_context: bool,
    /// Whether a policy uses the account. Those can't decide if its number is not known.
    uses_account: bool,
    /// The keys of the tags that policies read.
    pub(super) tag_keys: TagKeys,
}

/// The names of the schema's types, parsed once: parsing one takes longer than a decision.
pub(super) struct Types {
    action: EntityTypeName,
    caller: EntityTypeName,
    group: EntityTypeName,
    region: EntityTypeName,
    pub(super) instance: EntityTypeName,
    launch: EntityTypeName,
    bucket: EntityTypeName,
    schedule: EntityTypeName,
}

impl Types {
    fn new() -> Result<Self, cedar_policy::ParseErrors> {
        Ok(Self {
            action: "Action".parse()?,
            caller: "Caller".parse()?,
            group: "Group".parse()?,
            region: "Region".parse()?,
            instance: "Instance".parse()?,
            launch: "Launch".parse()?,
            bucket: "Bucket".parse()?,
            schedule: "Schedule".parse()?,
        })
    }

    fn principal(&self, caller: &Caller) -> EntityUid {
        uid(&self.caller, &caller.name)
    }

    pub(super) fn action(&self, name: &str) -> EntityUid {
        uid(&self.action, name)
    }
}

/// A request to the policies.
#[derive(Clone, Copy, Debug)]
pub struct AuthzRequest<'a> {
    /// The principal.
    pub caller: &'a Caller,
    /// The caller's IP address, as API Gateway says.
    pub source_ip: Option<IpAddr>,
    /// The action: the name of an AWS operation.
    pub action: &'static str,
    /// How the action is done.
    pub detail: Detail<'a>,
    /// The account of the resource; `None`: not known.
    pub account: Option<&'a AccountId>,
    /// The region of the resource.
    pub region: &'a Region,
    /// The resource.
    pub resource: Resource<'a>,
}

/// How an action is done: what its context has beside that of every action.
#[derive(Clone, Copy, Debug)]
pub enum Detail<'a> {
    /// Nothing.
    None,
    /// The attribute that ModifyInstanceAttribute sets, with its new value.
    Attribute(&'a Attribute),
    /// How a stop or a termination shuts the instance down.
    Shutdown(Shutdown),
}

/// The resource of a request.
#[derive(Clone, Copy, Debug)]
pub enum Resource<'a> {
    /// An instance.
    Instance(&'a Instance),
    /// A launch: the instances do not exist yet.
    Launch(&'a Launch),
    /// A bucket of this name.
    Bucket(&'a str),
    /// A schedule.
    Schedule(&'a Schedule),
    /// The request's region: the resource of a list.
    Region,
}

/// The response of the policies.
#[derive(Debug, PartialEq, Eq)]
pub struct AuthzResponse {
    /// Whether the request is permitted.
    pub permitted: bool,
    /// The policies that determined it: those that permit it or those that forbid it. Empty if no
    /// policy permits it.
    pub determining_policies: Vec<String>,
    /// Evaluation errors. Nothing is permitted then: the policy that failed could have forbidden
    /// it.
    pub problem: Option<String>,
}

impl Policies {
    /// Parses a policy set and validates it against the schema.
    ///
    /// # Errors
    /// One line for each problem.
    pub fn parse(text: &str) -> Result<Self, String> {
        let policies = check::policy_set(text, schema()?)?;
        let types = Types::new().map_err(|error| error.to_string())?;
        Ok(Self {
            tag_keys: TagKeys::of(&policies),
            policies,
            authorizer: Authorizer::new(),
            types,
            uses_context: text.contains("context"),
            uses_account: text.contains("account"),
        })
    }

    /// Whether some policy could permit the caller this action, on whatever resource: one that
    /// permits something, and whose scope has the caller and the action.
    pub fn could_permit(&self, caller: &Caller, action: &str) -> bool {
        self.in_scope(caller, action).any(|policy| policy.effect() == Effect::Permit)
    }

    /// The policies whose scope has the caller and the action: no other one can apply.
    pub(super) fn in_scope(&self, caller: &Caller, action: &str) -> impl Iterator<Item = &Policy> {
        let principal = self.types.principal(caller);
        let action = self.types.action(action);
        let groups: Vec<_> = caller.groups.iter().map(|name| uid(&self.types.group, name)).collect();
        self.policies.policies().filter(move |policy| {
            let is_in = |group: &EntityUid| *group == principal || groups.contains(group);
            let has_caller = match policy.principal_constraint() {
                PrincipalConstraint::Any => true,
                PrincipalConstraint::Eq(only) => only == principal,
                PrincipalConstraint::Is(entity_type) => entity_type == self.types.caller,
                PrincipalConstraint::In(group) => is_in(&group),
                PrincipalConstraint::IsIn(entity_type, group) => entity_type == self.types.caller && is_in(&group),
            };
            has_caller
                && match policy.action_constraint() {
                    ActionConstraint::Any => true,
                    ActionConstraint::Eq(only) => only == action,
                    ActionConstraint::In(actions) => actions.contains(&action),
                }
        })
    }

    /// The context of a request.
    pub(super) fn context(&self, asked: &AuthzRequest<'_>) -> Result<Context, Box<dyn Error>> {
        if self.uses_context { context(asked) } else { Ok(Context::empty()) }
    }

    /// Refuses to decide by an account that is not known: a policy that forbids an account would
    /// not apply.
    pub(super) fn known_account(&self, asked: &AuthzRequest<'_>) -> Result<(), Box<dyn Error>> {
        match asked.account {
            None if self.uses_account => Err("policies use the account, and the function's own is not known".into()),
            _ => Ok(()),
        }
    }

    /// Decides on a request.
    pub fn decide(&self, asked: &AuthzRequest<'_>) -> AuthzResponse {
        let context = self.known_account(asked).and_then(|()| self.context(asked));
        let built = context.and_then(|context| cedar_request(&self.types, &self.tag_keys, asked, context, None));
        let (request, entities) = match built {
            Ok(built) => built,
            Err(problem) => {
                return AuthzResponse {
                    permitted: false,
                    determining_policies: Vec::new(),
                    problem: Some(problem.to_string()),
                };
            }
        };
        let response = self.authorizer.is_authorized(&request, &self.policies, &entities);
        let problems: Vec<_> = response.diagnostics().errors().map(ToString::to_string).collect();
        let mut determining_policies: Vec<_> = response.diagnostics().reason().map(ToString::to_string).collect();
        determining_policies.sort_unstable();
        AuthzResponse {
            permitted: response.decision() == Decision::Allow && problems.is_empty(),
            determining_policies,
            problem: (!problems.is_empty()).then(|| problems.join("; ")),
        }
    }
}

fn schema() -> Result<Schema, String> {
    Schema::from_json_str(SCHEMA).map_err(|error| error.to_string())
}

/// The request in Cedar's terms. With a schema, Cedar checks the vocabulary: tests do that once for
/// all, since the vocabulary is the same for every request.
fn cedar_request(
    types: &Types,
    tag_keys: &TagKeys,
    asked: &AuthzRequest<'_>,
    context: Context,
    schema: Option<&Schema>,
) -> Result<(Request, Entities), Box<dyn Error>> {
    let principal = principal(types, asked.caller)?;
    let region_uid = uid(&types.region, asked.region.as_str());
    let region = || ("region", text(asked.region.as_str()));
    let account = || ("account", account(asked));
    let resource = match asked.resource {
        Resource::Region => Entity::new(region_uid, attribute_map([region(), account()]), HashSet::new())?,
        Resource::Bucket(name) => Entity::new(uid(&types.bucket, name), attribute_map([account()]), HashSet::new())?,
        Resource::Instance(described) => instance(types, tag_keys, described, asked)?,
        Resource::Schedule(schedule) => {
            let attributes = schedule_attributes(schedule, [region(), account()]);
            Entity::new(uid(&types.schedule, schedule.name.as_str()), attributes, HashSet::from([region_uid]))?
        }
        Resource::Launch(launch) => {
            let attributes = launch_attributes(launch, [region(), account()]);
            let tags = launch.options.tags.iter().map(|tag| (tag.key.clone(), text(&tag.value)));
            Entity::new_with_tags(uid(&types.launch, "launch"), attributes, [region_uid], tags)?
        }
    };

    let request = Request::new(principal.uid(), types.action(asked.action), resource.uid(), context, schema)?;
    let entities = Entities::from_entities([principal, resource], schema)?;
    Ok((request, entities))
}

/// The caller as an entity.
pub(super) fn principal(types: &Types, caller: &Caller) -> Result<Entity, Box<dyn Error>> {
    let groups = caller.groups.iter().map(|name| uid(&types.group, name)).collect();
    let attributes =
        [("name", text(&caller.name)), ("groups", texts(&caller.groups)), ("scopes", texts(&caller.scopes))];
    Ok(Entity::new(types.principal(caller), attribute_map(attributes), groups)?)
}

/// An instance as an entity. It has the tags that policies read: making the others takes longer
/// than the decision.
pub(super) fn instance(
    types: &Types,
    tag_keys: &TagKeys,
    instance: &Instance,
    asked: &AuthzRequest<'_>,
) -> Result<Entity, Box<dyn Error>> {
    let region = asked.region;
    let mut attributes = attribute_map([
        ("region", text(region.as_str())),
        ("account", account(asked)),
        ("instanceType", text(instance.instance_type.as_deref().unwrap_or_default())),
        ("state", text(instance.state.name.as_deref().unwrap_or_default())),
        ("keyName", text(instance.key_name.as_deref().unwrap_or_default())),
    ]);
    if let Some(tag) = instance.tags.iter().find(|tag| tag.key == OWNER_TAG) {
        attributes.insert("owner".to_owned(), text(&tag.value));
    }
    let read = instance.tags.iter().filter(|tag| tag_keys.contain(&tag.key));
    let tags = read.map(|tag| (tag.key.clone(), text(&tag.value)));
    let parents = [uid(&types.region, region.as_str())];
    Ok(Entity::new_with_tags(uid(&types.instance, &instance.instance_id), attributes, parents, tags)?)
}

/// The attributes of a launch. Every field of it is one of them: no field is left out by `..`, so
/// that a new one does not compile until it is here.
fn launch_attributes(
    launch: &Launch,
    place: [(&str, RestrictedExpression); 2],
) -> HashMap<String, RestrictedExpression> {
    let Launch {
        template,
        image_id,
        instance_type,
        // `count` is what the launch may come to.
        min_count: _,
        max_count,
        subnet_id,
        spot,
        http_tokens,
        options,
    } = launch;
    let LaunchOptions {
        key_name,
        security_group_ids,
        security_groups,
        instance_profile,
        user_data,
        placement: Placement { zone, group_name },
        shutdown_behavior,
        ebs_optimized,
        // They are entity tags.
        tags: _,
    } = options;
    let groups = security_group_ids.iter().map(|id| id.as_str()).chain(security_groups.iter().map(String::as_str));
    let mut attributes = attribute_map(place);
    attributes.extend(attribute_map([
        ("imageId", text(image_id.as_str())),
        ("instanceType", text(instance_type.as_str())),
        ("count", RestrictedExpression::new_long((*max_count).into())),
        ("keyName", text(key_name.as_deref().unwrap_or_default())),
        ("securityGroups", RestrictedExpression::new_set(groups.map(text))),
        ("hasUserData", RestrictedExpression::new_bool(user_data.is_some())),
        ("httpTokens", text(http_tokens.as_str())),
        ("spot", text(spot.as_str())),
    ]));
    let optional = [
        ("launchTemplate", template.as_ref().map(|template| text(template.id.as_str()))),
        ("launchTemplateVersion", template.as_ref().map(|template| RestrictedExpression::new_long(template.version))),
        ("subnetId", subnet_id.as_ref().map(|id| text(id.as_str()))),
        ("instanceProfile", instance_profile.as_ref().map(|name| text(name.as_str()))),
        ("zone", zone.as_ref().map(|zone| text(zone.as_str()))),
        ("placementGroup", group_name.as_deref().map(text)),
        ("shutdownBehavior", shutdown_behavior.map(|behavior| text(behavior.as_str()))),
        ("ebsOptimized", ebs_optimized.map(RestrictedExpression::new_bool)),
    ];
    attributes.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    attributes
}

/// The attributes of a schedule.
fn schedule_attributes(
    schedule: &Schedule,
    place: [(&str, RestrictedExpression); 2],
) -> HashMap<String, RestrictedExpression> {
    let definition = &schedule.definition;
    let actions = definition.actions().map(|action| text(action.as_str()));
    let mut attributes = attribute_map(place);
    attributes.extend(attribute_map([
        ("owner", text(&definition.owner.name)),
        ("ownerAuthentication", text(definition.owner.authentication.as_str())),
        ("actions", RestrictedExpression::new_set(actions)),
    ]));
    attributes
}

/// The account of the resource. It is empty only where no policy uses it.
fn account(asked: &AuthzRequest<'_>) -> RestrictedExpression {
    text(asked.account.map_or("", AccountId::as_str))
}

fn context(asked: &AuthzRequest<'_>) -> Result<Context, Box<dyn Error>> {
    let schedule = asked.caller.schedule.as_deref();
    let authentication = schedule.map_or(asked.caller.authentication.as_str(), |_| "schedule");
    let mut context = attribute_map([("authentication", text(authentication))]);
    // Cedar does not parse IPv4 addresses in the form of IPv6.
    let source_ip = asked.source_ip.map(|ip| RestrictedExpression::new_ip(ip.to_canonical().to_string()));
    context.extend(source_ip.map(|ip| ("sourceIp".to_owned(), ip)));
    context.extend(schedule.map(|name| ("schedule".to_owned(), text(name))));
    match asked.detail {
        Detail::None => {}
        Detail::Attribute(attribute) => {
            context.insert("attribute".to_owned(), text(attribute.name()));
            context.extend(attribute.value().map(|value| ("value".to_owned(), text(&value))));
        }
        Detail::Shutdown(Shutdown { force, hibernate, skip_os_shutdown }) => {
            let flags = [("force", force), ("hibernate", hibernate), ("skipOsShutdown", skip_os_shutdown)];
            context.extend(flags.map(|(name, flag)| (name.to_owned(), RestrictedExpression::new_bool(flag))));
        }
    }
    Ok(Context::from_pairs(context)?)
}

fn uid(entity_type: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(entity_type.clone(), EntityId::new(id))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn texts(values: &[String]) -> RestrictedExpression {
    RestrictedExpression::new_set(values.iter().map(|value| text(value)))
}

fn attribute_map<const N: usize>(values: [(&str, RestrictedExpression); N]) -> HashMap<String, RestrictedExpression> {
    values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests;
