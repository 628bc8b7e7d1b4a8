//! Who may do what to which machine: policies in [Cedar](https://www.cedarpolicy.com), in the vocabulary of
//! `policies/schema.cedarschema`. The only module that names `cedar_policy`.

mod check;

use crate::ec2::{Instance, Launch, Region};
use crate::http::auth::Caller;
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression, Schema,
};
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// The tag that every launch sets: who launched it.
pub const OWNER_TAG: &str = "ec2-control-api:caller";

/// The schema, as the build script has written it down.
const SCHEMA: &str = include_str!(concat!(env!("OUT_DIR"), "/schema.json"));

/// What is done: an AWS operation, and the action of that name in policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names are AWS's")]
pub enum Action {
    DescribeInstances,
    StartInstances,
    StopInstances,
    RebootInstances,
    TerminateInstances,
    ModifyInstanceAttribute,
    RunInstances,
    ListBuckets,
    CreateBucket,
    DeleteBucket,
    ListObjectsV2,
    GetObject,
    PutObject,
    DeleteObject,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Action {
    /// Whether nothing is different afterwards.
    pub fn reads(self) -> bool {
        matches!(self, Self::DescribeInstances | Self::ListBuckets | Self::ListObjectsV2 | Self::GetObject)
    }
}

/// A deployment's policies.
pub struct Policies {
    policies: PolicySet,
    authorizer: Authorizer,
    types: Types,
    /// Whether some policy asks for the context. Making an IP address of Cedar's takes as long as deciding.
    read_context: bool,
}

/// The names of the schema's types: reading one takes longer than deciding.
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

/// A question to the policies.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// From where, as API Gateway says.
    pub source_ip: Option<IpAddr>,
    /// To do what.
    pub action: Action,
    /// To which attribute, if it is a ModifyInstanceAttribute.
    pub attribute: Option<&'static str>,
    /// In which region.
    pub region: &'a Region,
    /// To what.
    pub resource: Resource<'a>,
}

/// What something is to be done to.
#[derive(Clone, Copy, Debug)]
pub enum Resource<'a> {
    /// To an instance.
    Instance(&'a Instance),
    /// To nothing yet: it is to be launched.
    Launch(&'a Launch),
    /// To a bucket of this name.
    Bucket(&'a str),
    /// To nothing in particular: what is there in a region is to be listed.
    Region,
}

/// What the policies say.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is permitted.
    pub permitted: bool,
    /// The policies that decided: those that permit it, or those that forbid it. None where nothing permits it.
    pub policies: Vec<String>,
    /// What went wrong while they were evaluated. Then nothing is permitted: a policy that can't be evaluated could have
    /// forbidden it.
    pub problem: Option<String>,
}

impl Policies {
    /// Reads a policy set and holds it against the schema.
    ///
    /// # Errors
    /// A line for each thing that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let policies = check::policy_set(text, schema()?)?;
        let types = Types::new().map_err(|error| error.to_string())?;
        Ok(Self { policies, authorizer: Authorizer::new(), types, read_context: text.contains("context") })
    }

    /// Whether the policies permit it.
    pub fn decide(&self, question: &Question<'_>) -> Verdict {
        let (request, entities) = match cedar(&self.types, question, self.read_context, None) {
            Ok(asked) => asked,
            Err(problem) => {
                return Verdict { permitted: false, policies: Vec::new(), problem: Some(problem.to_string()) };
            }
        };
        let response = self.authorizer.is_authorized(&request, &self.policies, &entities);
        let problems: Vec<_> = response.diagnostics().errors().map(ToString::to_string).collect();
        let mut policies: Vec<_> = response.diagnostics().reason().map(ToString::to_string).collect();
        policies.sort_unstable();
        Verdict {
            permitted: response.decision() == Decision::Allow && problems.is_empty(),
            policies,
            problem: (!problems.is_empty()).then(|| problems.join("; ")),
        }
    }
}

fn schema() -> Result<Schema, String> {
    Schema::from_json_str(SCHEMA).map_err(|error| error.to_string())
}

/// The question in Cedar's terms. A schema makes Cedar check that the vocabulary is the schema's: for tests, since what is
/// made here does not depend on what a caller sends.
fn cedar(
    types: &Types,
    asked: &Question<'_>,
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
    let principal = Entity::new(caller.clone(), named(attributes), groups)?;

    let region_uid = uid(&types.region, asked.region.as_str());
    let region = || ("region", text(asked.region.as_str()));
    let resource = match asked.resource {
        Resource::Region => Entity::new(region_uid, named([region()]), HashSet::new())?,
        Resource::Bucket(name) => Entity::new(uid(&types.bucket, name), HashMap::new(), HashSet::new())?,
        Resource::Instance(it) => {
            let mut attributes = named([
                region(),
                ("instanceType", text(it.instance_type.as_deref().unwrap_or_default())),
                ("state", text(it.state.name.as_deref().unwrap_or_default())),
                ("keyName", text(it.key_name.as_deref().unwrap_or_default())),
            ]);
            if let Some(tag) = it.tags.iter().find(|tag| tag.key == OWNER_TAG) {
                attributes.insert("owner".to_owned(), text(&tag.value));
            }
            let tags = it.tags.iter().map(|tag| (tag.key.clone(), text(&tag.value)));
            Entity::new_with_tags(uid(&types.instance, &it.instance_id), attributes, [region_uid], tags)?
        }
        Resource::Launch(it) => {
            let groups: Vec<_> = it.security_group_ids.iter().map(|id| id.as_str()).collect();
            let groups = groups.into_iter().chain(it.security_groups.iter().map(String::as_str));
            let attributes = named([
                region(),
                ("imageId", text(it.image_id.as_str())),
                ("instanceType", text(it.instance_type.as_str())),
                ("count", RestrictedExpression::new_long(it.max_count.into())),
                ("keyName", text(it.key_name.as_deref().unwrap_or_default())),
                ("securityGroups", RestrictedExpression::new_set(groups.map(text))),
            ]);
            let tags = it.tags.iter().map(|tag| (tag.key.clone(), text(&tag.value)));
            Entity::new_with_tags(uid(&types.launch, "launch"), attributes, [region_uid], tags)?
        }
    };

    let context = if with_context { context(asked)? } else { Context::empty() };
    let request = Request::new(caller, uid(&types.action, &asked.action.to_string()), resource.uid(), context, schema)?;
    let entities = Entities::from_entities([principal, resource], schema)?;
    Ok((request, entities))
}

fn context(asked: &Question<'_>) -> Result<Context, Box<dyn Error>> {
    // Cedar does not read IPv4 addresses in the form of IPv6.
    let source_ip = asked.source_ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical().to_string();
    let mut context = named([
        ("authentication", text(asked.caller.authentication.as_str())),
        ("sourceIp", RestrictedExpression::new_ip(source_ip)),
    ]);
    if let Some(attribute) = asked.attribute {
        context.insert("attribute".to_owned(), text(attribute));
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

fn named<const N: usize>(values: [(&str, RestrictedExpression); N]) -> HashMap<String, RestrictedExpression> {
    values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ec2::{ImageId, InstanceType, Placement, State, Tag};
    use crate::http::auth::Authentication;

    const ACTIONS: [(Action, &str); 14] = [
        (Action::DescribeInstances, "region instance"),
        (Action::StartInstances, "instance"),
        (Action::StopInstances, "instance"),
        (Action::RebootInstances, "instance"),
        (Action::TerminateInstances, "instance"),
        (Action::ModifyInstanceAttribute, "instance"),
        (Action::RunInstances, "launch"),
        (Action::ListBuckets, "region bucket"),
        (Action::CreateBucket, "bucket"),
        (Action::DeleteBucket, "bucket"),
        (Action::ListObjectsV2, "bucket"),
        (Action::PutObject, "bucket"),
        (Action::GetObject, "bucket"),
        (Action::DeleteObject, "bucket"),
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
            tags: tags(),
        }
    }

    fn instance() -> Instance {
        let state = State { code: Some(16), name: Some("running".to_owned()) };
        Instance { instance_id: "i-abba916a".to_owned(), state, tags: tags(), ..Instance::default() }
    }

    fn ask(policies: &str, action: Action, resource: Resource<'_>) -> Verdict {
        let (caller, region) = (caller(), Region::parse("eu-west-1").unwrap());
        let source_ip = Some("::ffff:203.0.113.10".parse().unwrap());
        let question = Question { caller: &caller, source_ip, action, attribute: None, region: &region, resource };
        Policies::parse(policies).unwrap().decide(&question)
    }

    #[test]
    fn what_is_asked_is_in_the_words_of_the_schema() {
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
                let attribute = (action == Action::ModifyInstanceAttribute).then_some("userData");
                for source_ip in [None, Some("2001:db8::1".parse().unwrap())] {
                    let asked = Question { caller: &caller, source_ip, action, attribute, region: &region, resource };
                    if let Err(problem) = cedar(&types, &asked, true, Some(&schema)) {
                        panic!("{action}: {problem}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_question_that_cannot_be_evaluated_permits_nothing() {
        let overflows = "@id(\"most\") forbid (principal, action == Action::\"RunInstances\", resource)\n\
            when { resource.count * 9223372036854775807 > 5 };\n@id(\"all\") permit (principal, action, resource);";
        let verdict = ask(overflows, Action::RunInstances, Resource::Launch(&launch()));
        assert!(!verdict.permitted);
        assert!(verdict.problem.unwrap().contains("overflow"), "the log says what went wrong");
        assert!(ask(overflows, Action::StopInstances, Resource::Instance(&instance())).permitted);
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
            let verdict = ask(policy, Action::StopInstances, Resource::Instance(&instance()));
            assert_eq!((verdict.permitted, verdict.problem), (permitted, None), "{policy}");
        }
    }

    #[test]
    fn the_policies_that_decide_are_known_by_their_ids() {
        let two = "@id(\"yes\") permit (principal, action, resource);\npermit (principal, action, resource);\n\
            @id(\"no\") forbid (principal, action == Action::\"StopInstances\", resource);";
        let decided = |action| ask(two, action, Resource::Instance(&instance())).policies;
        assert_eq!(decided(Action::StartInstances), ["policy1", "yes"]);
        assert_eq!(decided(Action::StopInstances), ["no"]);
        assert_eq!(ask("", Action::StopInstances, Resource::Instance(&instance())).policies, [""; 0]);
    }
}
