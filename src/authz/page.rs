//! One decision for each instance of a page: what is the same for all of them is made once.

use super::policy::{AuthzRequest, OWNER_TAG, Policies, Resource, instance, principal};
use super::tag_keys::TagKeys;
use crate::model::Instance;
use cedar_policy::{Decision, Entities, PolicySet, Request, ResourceConstraint};
use std::collections::HashMap;
use std::error::Error;

impl Policies {
    /// Whether the action is permitted on each of the instances, in their order: the same as one
    /// [`Policies::decide`] for each of them. The resource of `asked` does not count.
    pub fn permit_each(&self, asked: &AuthzRequest<'_>, instances: &[&Instance]) -> Vec<bool> {
        self.permit_page(asked, instances).unwrap_or_else(|_| {
            let resources = instances.iter().map(|instance| Resource::Instance(instance));
            resources.map(|resource| self.decide(&AuthzRequest { resource, ..*asked }).permitted).collect()
        })
    }

    /// [`Policies::permit_each`] with one set of entities and of policies.
    ///
    /// # Errors
    /// The instances do not go together: two have the same ID, or a policy names an instance, whose
    /// attributes it could then read while it decides on another one.
    fn permit_page(&self, asked: &AuthzRequest<'_>, instances: &[&Instance]) -> Result<Vec<bool>, Box<dyn Error>> {
        self.known_account(asked)?;
        let types = &self.types;
        let mut policies = PolicySet::new();
        for policy in self.in_scope(asked.caller, asked.action) {
            if policy.entity_literals().iter().any(|uid| *uid.type_name() == types.instance) {
                return Err("a policy names an instance".into());
            }
            let is_for_instances = match policy.resource_constraint() {
                ResourceConstraint::Is(entity_type) | ResourceConstraint::IsIn(entity_type, _) => {
                    entity_type == types.instance
                }
                _ => true,
            };
            if is_for_instances {
                policies.add(policy.clone())?;
            }
        }
        let principal = principal(types, asked.caller)?;
        let (caller, action, context) = (principal.uid(), types.action(asked.action), self.context(asked)?);
        // Instances that policies can't tell apart get one decision.
        let mut kinds = HashMap::new();
        let mut entities = Vec::new();
        let mut resources = Vec::new();
        let mut kind_of = Vec::with_capacity(instances.len());
        for described in instances {
            let next = resources.len();
            let kind = *kinds.entry(Distinction::new(described, &self.tag_keys)).or_insert(next);
            if kind == next {
                let entity = instance(types, &self.tag_keys, described, asked)?;
                resources.push(entity.uid());
                entities.push(entity);
            }
            kind_of.push(kind);
        }
        entities.push(principal);
        let entities = Entities::from_entities(entities, None)?;
        let decide = |resource| {
            let request = Request::new(caller.clone(), action.clone(), resource, context.clone(), None)?;
            let response = self.authorizer.is_authorized(&request, &policies, &entities);
            // A policy that failed could have forbidden it.
            Ok::<_, Box<dyn Error>>(
                response.decision() == Decision::Allow && response.diagnostics().errors().next().is_none(),
            )
        };
        let decisions = resources.into_iter().map(decide).collect::<Result<Vec<_>, _>>()?;
        Ok(kind_of.into_iter().map(|kind| decisions.get(kind).copied().unwrap_or(false)).collect())
    }
}

/// All that policies can tell two instances of a page apart by, as long as none names an instance:
/// the attributes and the tags that they read. The region and the account are the page's.
#[derive(PartialEq, Eq, Hash)]
struct Distinction<'a> {
    instance_type: Option<&'a str>,
    state: Option<&'a str>,
    key_name: Option<&'a str>,
    owner: Option<&'a str>,
    tags: Vec<(&'a str, &'a str)>,
}

impl<'a> Distinction<'a> {
    fn new(instance: &'a Instance, tag_keys: &TagKeys) -> Self {
        let tags = instance.tags.iter().filter(|tag| tag_keys.contain(&tag.key));
        let mut tags: Vec<_> = tags.map(|tag| (tag.key.as_str(), tag.value.as_str())).collect();
        tags.sort_unstable();
        let owner = instance.tags.iter().find(|tag| tag.key == OWNER_TAG);
        Self {
            instance_type: instance.instance_type.as_deref(),
            state: instance.state.name.as_deref(),
            key_name: instance.key_name.as_deref(),
            owner: owner.map(|tag| tag.value.as_str()),
            tags,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Authentication, Caller};
    use crate::authz::Detail;
    use crate::model::{AccountId, Region, State, Tag};

    /// Sets of policies: with scopes, attributes, tags, context, errors, and names of instances.
    const SETS: [&str; 12] = [
        "",
        "permit (principal, action, resource);",
        r#"permit (principal in Group::"blue", action == Action::"DescribeInstances", resource is Instance) when { resource.state == "running" };
           permit (principal == Caller::"bob", action, resource);
           forbid (principal, action == Action::"StopInstances", resource);"#,
        r#"permit (principal, action, resource is Instance) when { resource.hasTag("team") && resource.getTag("team") == "a" };
           permit (principal, action, resource is Bucket);
           forbid (principal, action, resource is Instance) when { resource has owner && resource.owner != principal.name };"#,
        r#"permit (principal, action, resource);
           forbid (principal, action, resource is Instance) when { resource.hasTag("team") && (if resource.getTag("team") == "b" then 9223372036854775807 + 1 else 1) > 0 && resource.state == "stopped" };"#,
        r#"permit (principal, action, resource) when { context has sourceIp && context.sourceIp.isInRange(ip("203.0.113.0/24")) };
           forbid (principal, action, resource is Instance) when { resource.keyName like "k*1" };"#,
        r#"permit (principal, action, resource in Region::"eu-west-1");"#,
        r#"permit (principal, action, resource is Instance) when { resource.account == "123456789012" };"#,
        r#"permit (principal, action, resource) unless { Instance::"i-1".state == "running" };"#,
        r#"permit (principal, action, resource is Instance) when { resource.hasTag(principal.name) };
           permit (principal, action, resource is Instance) when { resource.hasTag("Name") && resource.hasTag(resource.getTag("Name")) };"#,
        r#"permit (principal, action, resource is Instance) when { resource has owner && resource.owner == principal.name };
           permit (principal, action, resource is Instance) unless { resource.hasTag("Name") || resource.instanceType == "" };"#,
        r#"permit (principal, action, resource == Instance::"i-2");
           forbid (principal, action, resource is Instance in Region::"us-east-1");"#,
    ];

    fn pick<'a>(random: &mut fastrand::Rng, from: &[&'a str]) -> &'a str {
        random.choice(from).copied().unwrap_or_default()
    }

    fn random_instance(random: &mut fastrand::Rng, ids: usize) -> Instance {
        let keys = ["team", "Name", OWNER_TAG, "", "alice", "a"];
        let tags = (0..random.usize(..4)).map(|_| {
            let value = pick(random, &["a", "b", "alice", "\"é\n"]).to_owned();
            Tag { key: pick(random, &keys).to_owned(), value }
        });
        let tags = tags.collect();
        Instance {
            instance_id: format!("i-{}", random.usize(..ids)),
            instance_type: random.bool().then(|| "t3.micro".to_owned()),
            key_name: random.bool().then(|| format!("k{}", random.usize(..3))),
            state: State { code: None, name: Some(pick(random, &["running", "stopped"]).to_owned()) },
            tags,
            ..Instance::default()
        }
    }

    #[test]
    fn a_page_is_decided_on_as_each_of_its_instances() {
        let mut random = fastrand::Rng::with_seed(23);
        let region = Region::parse("eu-west-1").unwrap();
        let account = AccountId::parse("123456789012").unwrap();
        let sets = SETS.map(|set| (set, Policies::parse(set).unwrap()));
        let mut permitted = 0;
        for round in 0..200 {
            let caller = Caller {
                name: pick(&mut random, &["alice", "bob"]).to_owned(),
                authentication: Authentication::Key,
                session: None,
                groups: vec![pick(&mut random, &["blue", "red"]).to_owned()],
                scopes: Vec::new(),
                schedule: None,
            };
            let asked = AuthzRequest {
                caller: &caller,
                source_ip: Some(pick(&mut random, &["203.0.113.10", "198.51.100.1"]).parse().unwrap()),
                action: pick(&mut random, &["DescribeInstances", "DescribeInstances", "RebootInstances"]),
                detail: Detail::None,
                account: Some(&account),
                region: &region,
                resource: Resource::Region,
            };
            // Few IDs: some pages have one twice.
            let instances: Vec<_> = (0..random.usize(..8)).map(|_| random_instance(&mut random, 40)).collect();
            for (set, policies) in &sets {
                let one_by_one: Vec<_> = instances
                    .iter()
                    .map(|instance| policies.decide(&AuthzRequest { resource: Resource::Instance(instance), ..asked }))
                    .map(|response| response.permitted)
                    .collect();
                permitted += one_by_one.iter().filter(|permitted| **permitted).count();
                let page: Vec<_> = instances.iter().collect();
                assert_eq!(policies.permit_each(&asked, &page), one_by_one, "{round}: {set}\n{instances:#?}");
            }
        }
        assert!(permitted > 500, "{permitted}");
    }

    #[test]
    fn a_policy_reads_no_other_instance_of_the_page() {
        let region = Region::parse("eu-west-1").unwrap();
        let caller = Caller {
            name: "alice".to_owned(),
            authentication: Authentication::Key,
            session: None,
            groups: Vec::new(),
            scopes: Vec::new(),
            schedule: None,
        };
        let asked = AuthzRequest {
            caller: &caller,
            source_ip: None,
            action: "DescribeInstances",
            detail: Detail::None,
            account: None,
            region: &region,
            resource: Resource::Region,
        };
        let instance = |id: &str| Instance {
            instance_id: id.to_owned(),
            state: State { code: None, name: Some("running".to_owned()) },
            ..Instance::default()
        };
        let policies =
            Policies::parse(r#"permit (principal, action, resource) when { Instance::"i-1".state == "running" };"#);
        let (first, second) = (instance("i-1"), instance("i-2"));
        assert_eq!(policies.unwrap().permit_each(&asked, &[&first, &second]), [true, false]);
    }
}
