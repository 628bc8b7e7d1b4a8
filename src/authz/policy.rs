//! Cedar authorization: policies in [Cedar](https://www.cedarpolicy.com), in the vocabulary of
//! `policies/schema.cedarschema`. Only this folder names `cedar_policy`.

use super::check;
use crate::auth::Caller;
use crate::model::{Attribute, Instance, Launch, Placement, Region, Shutdown};
use cedar_policy::{
    ActionConstraint, Authorizer, Context, Decision, Effect, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    PolicySet, PrincipalConstraint, Request, RestrictedExpression, Schema,
};
use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};

/// The tag with the name of the caller who launched the instance. Every launch sets it.
pub const OWNER_TAG: &str = "ec2-control-api:caller";

/// The schema in Cedar's JSON form, written by the build script.
const SCHEMA: &str = include_str!(concat!(env!("OUT_DIR"), "/schema.json"));

/// A deployment's policies.
pub struct Policies {
    policies: PolicySet,
    authorizer: Authorizer,
    types: Types,
    /// Whether a policy uses the context. Making Cedar's IP address takes as long as a decision.
    uses_context: bool,
}

/// The names of the schema's types, parsed once: parsing one takes longer than a decision.
struct Types {
    action: EntityTypeName,
    caller: EntityTypeName,
    group: EntityTypeName,
    region: EntityTypeName,
    instance: EntityTypeName,
    launch: EntityTypeName,
    bucket: EntityTypeName,
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
        })
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
        Ok(Self { policies, authorizer: Authorizer::new(), types, uses_context: text.contains("context") })
    }

    /// Whether some policy could permit the caller this action, on whatever resource: one that
    /// permits something, and whose scope has the caller and the action.
    pub fn could_permit(&self, caller: &Caller, action: &str) -> bool {
        let principal = uid(&self.types.caller, &caller.name);
        let action = uid(&self.types.action, action);
        let is_in = |group: &EntityUid| {
            *group == principal || caller.groups.iter().any(|name| uid(&self.types.group, name) == *group)
        };
        self.policies.policies().filter(|policy| policy.effect() == Effect::Permit).any(|policy| {
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

    /// Decides on a request.
    pub fn decide(&self, asked: &AuthzRequest<'_>) -> AuthzResponse {
        let (request, entities) = match cedar_request(&self.types, asked, self.uses_context, None) {
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
    asked: &AuthzRequest<'_>,
    with_context: bool,
    schema: Option<&Schema>,
) -> Result<(Request, Entities), Box<dyn Error>> {
    let caller = uid(&types.caller, &asked.caller.name);
    let groups: HashSet<_> = asked.caller.groups.iter().map(|name| uid(&types.group, name)).collect();
    let attributes = [
        ("name", text(&asked.caller.name)),
        ("groups", texts(&asked.caller.groups)),
        ("scopes", texts(&asked.caller.scopes)),
    ];
    let principal = Entity::new(caller.clone(), attribute_map(attributes), groups)?;

    let region_uid = uid(&types.region, asked.region.as_str());
    let region = || ("region", text(asked.region.as_str()));
    let resource = match asked.resource {
        Resource::Region => Entity::new(region_uid, attribute_map([region()]), HashSet::new())?,
        Resource::Bucket(name) => Entity::new(uid(&types.bucket, name), HashMap::new(), HashSet::new())?,
        Resource::Instance(instance) => {
            let mut attributes = attribute_map([
                region(),
                ("instanceType", text(instance.instance_type.as_deref().unwrap_or_default())),
                ("state", text(instance.state.name.as_deref().unwrap_or_default())),
                ("keyName", text(instance.key_name.as_deref().unwrap_or_default())),
            ]);
            if let Some(tag) = instance.tags.iter().find(|tag| tag.key == OWNER_TAG) {
                attributes.insert("owner".to_owned(), text(&tag.value));
            }
            let tags = instance.tags.iter().map(|tag| (tag.key.clone(), text(&tag.value)));
            Entity::new_with_tags(uid(&types.instance, &instance.instance_id), attributes, [region_uid], tags)?
        }
        Resource::Launch(launch) => {
            let attributes = launch_attributes(launch, region());
            let tags = launch.tags.iter().map(|tag| (tag.key.clone(), text(&tag.value)));
            Entity::new_with_tags(uid(&types.launch, "launch"), attributes, [region_uid], tags)?
        }
    };

    let context = if with_context { context(asked)? } else { Context::empty() };
    let request = Request::new(caller, uid(&types.action, asked.action), resource.uid(), context, schema)?;
    let entities = Entities::from_entities([principal, resource], schema)?;
    Ok((request, entities))
}

/// The attributes of a launch. Every field that is sent to EC2 is one of them: no field is left out
/// by `..`, so that a new one does not compile until it is here.
fn launch_attributes(launch: &Launch, region: (&str, RestrictedExpression)) -> HashMap<String, RestrictedExpression> {
    let Launch {
        image_id,
        instance_type,
        // `count` is what the launch may come to.
        min_count: _,
        max_count,
        key_name,
        security_group_ids,
        security_groups,
        user_data,
        placement: Placement { zone, group_name },
        shutdown_behavior,
        ebs_optimized,
        http_tokens,
        // They are entity tags.
        tags: _,
    } = launch;
    let groups = security_group_ids.iter().map(|id| id.as_str()).chain(security_groups.iter().map(String::as_str));
    let mut attributes = attribute_map([
        region,
        ("imageId", text(image_id.as_str())),
        ("instanceType", text(instance_type.as_str())),
        ("count", RestrictedExpression::new_long((*max_count).into())),
        ("keyName", text(key_name.as_deref().unwrap_or_default())),
        ("securityGroups", RestrictedExpression::new_set(groups.map(text))),
        ("hasUserData", RestrictedExpression::new_bool(user_data.is_some())),
        ("httpTokens", text(http_tokens.as_str())),
    ]);
    let optional = [
        ("zone", zone.as_ref().map(|zone| text(zone.as_str()))),
        ("placementGroup", group_name.as_deref().map(text)),
        ("shutdownBehavior", shutdown_behavior.map(|behavior| text(behavior.as_str()))),
        ("ebsOptimized", ebs_optimized.map(RestrictedExpression::new_bool)),
    ];
    attributes.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    attributes
}

fn context(asked: &AuthzRequest<'_>) -> Result<Context, Box<dyn Error>> {
    // Cedar does not parse IPv4 addresses in the form of IPv6.
    let source_ip = asked.source_ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical().to_string();
    let mut context = attribute_map([
        ("authentication", text(asked.caller.authentication.as_str())),
        ("sourceIp", RestrictedExpression::new_ip(source_ip)),
    ]);
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
mod tests {
    use super::*;
    use crate::auth::Authentication;
    use crate::model::{HttpTokens, ImageId, InstanceType, ShutdownBehavior, State, Tag, Zone};
    use std::collections::BTreeSet;

    const ACTIONS: [(&str, &str); 15] = [
        ("DescribeInstances", "region instance"),
        ("StartInstances", "instance"),
        ("StopInstances", "instance"),
        ("RebootInstances", "instance"),
        ("TerminateInstances", "instance"),
        ("ModifyInstanceAttribute", "instance"),
        ("GetConsoleOutput", "instance"),
        ("RunInstances", "launch"),
        ("ListBuckets", "region bucket"),
        ("CreateBucket", "bucket"),
        ("DeleteBucket", "bucket"),
        ("ListObjectsV2", "bucket"),
        ("PutObject", "bucket"),
        ("GetObject", "bucket"),
        ("DeleteObject", "bucket"),
    ];

    fn caller() -> Caller {
        Caller {
            name: "alice \"the\" ops\\🦀".to_owned(),
            authentication: Authentication::Jwt,
            session: None,
            groups: vec!["blue".to_owned()],
            scopes: vec!["read".to_owned()],
        }
    }

    fn tags() -> Vec<Tag> {
        vec![
            Tag { key: OWNER_TAG.to_owned(), value: "bob".to_owned() },
            Tag { key: "a \"quoted\" key".to_owned(), value: "é\n\\".to_owned() },
        ]
    }

    fn launch() -> Launch {
        Launch {
            image_id: ImageId::parse("resolve:ssm:/x").unwrap(),
            instance_type: InstanceType::parse("t3.micro").unwrap(),
            min_count: 1,
            max_count: 3,
            key_name: None,
            security_group_ids: Vec::new(),
            security_groups: vec!["web".to_owned()],
            user_data: None,
            placement: Placement::default(),
            shutdown_behavior: None,
            ebs_optimized: None,
            http_tokens: HttpTokens::Required,
            tags: tags(),
        }
    }

    fn instance() -> Instance {
        let state = State { code: Some(16), name: Some("running".to_owned()) };
        Instance { instance_id: "i-abba916a".to_owned(), state, tags: tags(), ..Instance::default() }
    }

    fn detail(action: &str) -> Detail<'static> {
        match action {
            "ModifyInstanceAttribute" => Detail::Attribute(&Attribute::EbsOptimized(true)),
            "StopInstances" | "TerminateInstances" => Detail::Shutdown(Shutdown::default()),
            _ => Detail::None,
        }
    }

    fn ask(policies: &str, action: &'static str, resource: Resource<'_>) -> AuthzResponse {
        let (caller, region) = (caller(), Region::parse("eu-west-1").unwrap());
        let source_ip = Some("::ffff:203.0.113.10".parse().unwrap());
        let detail = detail(action);
        let request = AuthzRequest { caller: &caller, source_ip, action, detail, region: &region, resource };
        Policies::parse(policies).unwrap().decide(&request)
    }

    #[test]
    fn every_request_fits_the_schema() {
        let (schema, types) = (schema().unwrap(), Types::new().unwrap());
        let (caller, region, instance, launch) = (caller(), Region::parse("eu-west-1").unwrap(), instance(), launch());
        for (action, resources) in ACTIONS {
            for resource in resources.split(' ') {
                let resource = match resource {
                    "region" => Resource::Region,
                    "bucket" => Resource::Bucket("demo-1"),
                    "launch" => Resource::Launch(&launch),
                    _ => Resource::Instance(&instance),
                };
                let detail = detail(action);
                for source_ip in [None, Some("2001:db8::1".parse().unwrap())] {
                    let asked = AuthzRequest { caller: &caller, source_ip, action, detail, region: &region, resource };
                    if let Err(problem) = cedar_request(&types, &asked, true, Some(&schema)) {
                        panic!("{action}: {problem}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_field_of_a_launch_is_in_the_schema() {
        let launch = Launch {
            placement: Placement { zone: Zone::parse("eu-west-1a"), group_name: Some("hpc".to_owned()) },
            shutdown_behavior: Some(ShutdownBehavior::Stop),
            ebs_optimized: Some(true),
            ..launch()
        };
        let built: BTreeSet<_> = launch_attributes(&launch, ("region", text("eu-west-1"))).into_keys().collect();
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        let declared = &schema[""]["entityTypes"]["Launch"]["shape"]["attributes"];
        let declared: BTreeSet<_> = declared.as_object().unwrap().keys().cloned().collect();
        assert_eq!(built, declared);
    }

    #[test]
    fn scope_of_a_policy_tells_whether_it_could_permit_an_action() {
        let name = r#""alice \"the\" ops\\🦀""#;
        for (effect, principal, action, could) in [
            ("permit", "principal".to_owned(), "action", true),
            ("permit", format!("principal == Caller::{name}"), "action", true),
            ("permit", format!("principal in Caller::{name}"), "action", true),
            ("permit", r#"principal in Group::"blue""#.to_owned(), "action", true),
            ("permit", r#"principal is Caller in Group::"blue""#.to_owned(), "action", true),
            ("permit", "principal is Caller".to_owned(), r#"action == Action::"StopInstances""#, true),
            (
                "permit",
                "principal".to_owned(),
                r#"action in [Action::"StartInstances", Action::"StopInstances"]"#,
                true,
            ),
            ("permit", r#"principal == Caller::"bob""#.to_owned(), "action", false),
            ("permit", r#"principal in Group::"red""#.to_owned(), "action", false),
            ("permit", r#"principal is Caller in Group::"red""#.to_owned(), "action", false),
            ("permit", "principal".to_owned(), r#"action == Action::"StartInstances""#, false),
            ("permit", "principal".to_owned(), r#"action in [Action::"StartInstances"]"#, false),
            ("forbid", "principal".to_owned(), "action", false),
        ] {
            let policy = format!("@id(\"one\") {effect} ({principal}, {action}, resource);");
            let policies = Policies::parse(&policy).unwrap();
            assert_eq!(policies.could_permit(&caller(), "StopInstances"), could, "{policy}");
            // The policy has no condition: its decision is the same.
            let permitted = ask(&policy, "StopInstances", Resource::Instance(&instance())).permitted;
            assert_eq!(permitted, could, "{policy}");
        }
    }

    #[test]
    fn a_policy_that_fails_to_evaluate_permits_nothing() {
        let overflows = "@id(\"most\") forbid (principal, action == Action::\"RunInstances\", resource)\n\
            when { resource.count * 9223372036854775807 > 5 };\n@id(\"all\") permit (principal, action, resource);";
        let response = ask(overflows, "RunInstances", Resource::Launch(&launch()));
        assert!(!response.permitted);
        assert!(response.problem.unwrap().contains("overflow"), "the log says what went wrong");
        assert!(ask(overflows, "StopInstances", Resource::Instance(&instance())).permitted);
    }

    #[test]
    fn names_and_tags_are_compared_as_they_are() {
        for (policy, permitted) in [
            (r#"permit (principal == Caller::"alice \"the\" ops\\🦀", action, resource);"#, true),
            (r#"permit (principal in Group::"blue", action, resource);"#, true),
            (
                r#"permit (principal, action, resource is Instance) when { resource.hasTag("a \"quoted\" key") && resource.getTag("a \"quoted\" key") == "é\n\\" };"#,
                true,
            ),
            (
                r#"permit (principal, action, resource is Instance) when { resource has owner && resource.owner == "bob" && resource.owner != principal.name };"#,
                true,
            ),
            (
                r#"permit (principal, action, resource is Instance) when { resource.keyName == "" && resource.state == "running" };"#,
                true,
            ),
            (r#"permit (principal, action, resource) when { context.sourceIp == ip("203.0.113.10") };"#, true),
            (r#"permit (principal, action, resource) when { principal.scopes.contains("write") };"#, false),
            (r#"permit (principal, action, resource == Instance::"i-abba916b");"#, false),
        ] {
            let response = ask(policy, "StopInstances", Resource::Instance(&instance()));
            assert_eq!((response.permitted, response.problem), (permitted, None), "{policy}");
        }
    }

    #[test]
    fn determining_policies_are_named_by_their_ids() {
        let two = "@id(\"yes\") permit (principal, action, resource);\npermit (principal, action, resource);\n\
            @id(\"no\") forbid (principal, action == Action::\"StopInstances\", resource);";
        let decided = |action| ask(two, action, Resource::Instance(&instance())).determining_policies;
        assert_eq!(decided("StartInstances"), ["policy1", "yes"]);
        assert_eq!(decided("StopInstances"), ["no"]);
        assert_eq!(ask("", "StopInstances", Resource::Instance(&instance())).determining_policies, [""; 0]);
    }
}
