//! Authorization: whether a caller may do what he asks for, by the deployment's limits and
//! policies.
//!
//! Limits come first and hold for every caller. Without policies, an authenticated caller may do
//! what the execution role may do.

mod check;
mod limits;
mod page;
mod policy;
mod tag_keys;

pub use limits::{InstanceProfiles, InstanceTypes, Limits, ModifiableAttributes, ProtectedTag};
pub use policy::{AuthzRequest, AuthzResponse, Detail, OWNER_TAG, Policies, Resource};

use crate::auth::Caller;
use crate::error::{Error, Kind};
use crate::model::{
    AccountId, Action, Attribute, Effect, Instance, InstanceId, InstanceProfileName, InstanceType, Launch, Place,
    Region, Schedule,
};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The decision on a request, for the log.
#[derive(Debug, Default)]
pub struct Decision {
    /// Whether it is permitted; `None` until something has been decided.
    pub permitted: Option<bool>,
    /// The determining policies, or the variable that sets the limit.
    pub determining_policies: BTreeSet<String>,
    /// The IDs of the instances that it is about; the caller may have given their names.
    pub instances: Vec<InstanceId>,
}

/// Authorizes one action of one caller in one region.
#[derive(Clone, Copy)]
pub struct Authorizer<'a> {
    /// The limits.
    pub limits: &'a Limits,
    /// The policies; `None`: only the limits apply.
    pub policies: Option<&'a Policies>,
    /// The caller.
    pub caller: &'a Caller,
    /// The caller's IP address, as API Gateway says.
    pub source_ip: Option<IpAddr>,
    /// The action.
    pub action: Action,
    /// The account of the resources; `None`: the function's own, whose number is not known.
    pub account: Option<&'a AccountId>,
    /// The region.
    pub region: &'a Region,
}

impl Authorizer<'_> {
    /// Where the resources are.
    pub fn place(&self) -> Place<'_> {
        Place { account: self.account, region: self.region }
    }

    /// Whether the decision depends on the instance: then it is described before it is changed.
    pub fn depends_on_instances(&self) -> bool {
        self.policies.is_some() || (self.limits.protected_tag.is_some() && self.honours_protected_tag())
    }

    fn honours_protected_tag(&self) -> bool {
        self.action.effect == Effect::ProtectedWrite
    }

    /// Refuses the action if no policy could permit it to the caller, whatever its resource. So a
    /// caller without any right makes no call to AWS. `target` names the resource in the message.
    ///
    /// # Errors
    /// [`Kind::Forbidden`].
    pub fn possible(&self, target: &str, decision: &mut Decision) -> Result<(), Error> {
        match self.policies {
            Some(policies) if !policies.could_permit(self.caller, self.action.name) => {
                Err(self.forbidden(target, Vec::new(), decision))
            }
            _ => Ok(()),
        }
    }

    /// Checks the limits on a launch. Its tags are the caller's own.
    ///
    /// # Errors
    /// [`Kind::Forbidden`].
    pub fn launch_limits(&self, launch: &Launch, decision: &mut Decision) -> Result<(), Error> {
        self.instance_type(&launch.instance_type, decision)?;
        if let Some(profile) = &launch.options.instance_profile {
            self.instance_profile(profile, decision)?;
        }
        if let Some(max) = self.limits.max_instances_per_launch
            && launch.max_count > max
        {
            let message = format!("This deployment launches at most {max} instances at once, not {}", launch.max_count);
            return Err(over_limit(decision, "MAX_INSTANCES_PER_LAUNCH", "TooManyInstances", message));
        }
        for tag in &launch.options.tags {
            if let Some(variable) = self.limits.reserves(&tag.key) {
                let message = format!("This deployment lets no caller set the tag {}", tag.key);
                return Err(over_limit(decision, variable, "ReservedTag", message));
            }
        }
        Ok(())
    }

    /// Asks the policies about a launch in its canonical form.
    ///
    /// # Errors
    /// [`Kind::Forbidden`].
    pub fn launch(&self, launch: &Launch, decision: &mut Decision) -> Result<(), Error> {
        self.ask(Resource::Launch(launch), Detail::None, "a launch like this", decision)
    }

    /// Authorizes the action on an instance.
    ///
    /// # Errors
    /// [`Kind::Forbidden`].
    pub fn instance(&self, instance: &Instance, detail: Detail<'_>, decision: &mut Decision) -> Result<(), Error> {
        let id = &instance.instance_id;
        let protected = self.limits.protected_tag.as_ref().is_some_and(|tag| tag.is_on(&instance.tags));
        if protected && self.honours_protected_tag() {
            let message = format!("{} of {id} is not permitted: a tag protects it", self.action);
            return Err(over_limit(decision, "PROTECTED_TAG", "ProtectedInstance", message));
        }
        self.ask(Resource::Instance(instance), detail, id, decision)
    }

    /// Checks the limits on an attribute and its new value, before the instance is known.
    ///
    /// # Errors
    /// [`Kind::Forbidden`].
    pub fn attribute(&self, attribute: &Attribute, decision: &mut Decision) -> Result<(), Error> {
        if !self.limits.modifiable_attributes.contains(attribute) {
            let message = format!("This deployment does not permit changes of the attribute {}", attribute.name());
            return Err(over_limit(decision, "MODIFIABLE_ATTRIBUTES", "AttributeNotAllowed", message));
        }
        match attribute {
            Attribute::InstanceType(instance_type) => self.instance_type(instance_type, decision),
            _ => Ok(()),
        }
    }

    /// Authorizes the action on a bucket, or on an object in it.
    ///
    /// # Errors
    /// [`Kind::Forbidden`].
    pub fn bucket(&self, name: &str, decision: &mut Decision) -> Result<(), Error> {
        self.ask(Resource::Bucket(name), Detail::None, name, decision)
    }

    /// Authorizes the action on a schedule. Without policies its owner alone may change it.
    ///
    /// # Errors
    /// [`Kind::Forbidden`].
    pub fn schedule(&self, schedule: &Schedule, decision: &mut Decision) -> Result<(), Error> {
        let name = schedule.name.as_str();
        let owner = &schedule.definition.owner;
        let is_owner = owner.name == self.caller.name && owner.authentication == self.caller.authentication;
        if self.policies.is_none() && self.action.effect != Effect::Read && !is_owner {
            decision.permitted = Some(false);
            let message = format!("{} of {name} is not permitted: another caller is its owner", self.action);
            return Err(Error::new(Kind::Forbidden, "Forbidden", message));
        }
        self.ask(Resource::Schedule(schedule), Detail::None, name, decision)
    }

    /// Authorizes a list of the region's resources.
    ///
    /// # Errors
    /// [`Kind::Forbidden`].
    pub fn list(&self, decision: &mut Decision) -> Result<(), Error> {
        self.ask(Resource::Region, Detail::None, self.region.as_str(), decision)
    }

    /// Whether the caller can see this in a list.
    pub fn can_see(&self, resource: Resource<'_>) -> bool {
        self.policies.is_none_or(|policies| policies.decide(&self.request(resource, Detail::None)).permitted)
    }

    /// Whether the caller can see each of these instances in a list, in their order.
    pub fn can_see_each(&self, instances: &[&Instance]) -> Vec<bool> {
        let asked = self.request(Resource::Region, Detail::None);
        let all = || vec![true; instances.len()];
        self.policies.map_or_else(all, |policies| policies.permit_each(&asked, instances))
    }

    fn instance_type(&self, instance_type: &InstanceType, decision: &mut Decision) -> Result<(), Error> {
        match &self.limits.instance_types {
            Some(allowed) if !allowed.contains(instance_type) => {
                let message =
                    format!("This deployment allows the instance types {}, not {instance_type}", allowed.text());
                Err(over_limit(decision, "ALLOWED_INSTANCE_TYPES", "InstanceTypeNotAllowed", message))
            }
            _ => Ok(()),
        }
    }

    fn instance_profile(&self, profile: &InstanceProfileName, decision: &mut Decision) -> Result<(), Error> {
        let message = match &self.limits.instance_profiles {
            Some(allowed) if allowed.contains(profile) => return Ok(()),
            Some(allowed) => format!("This deployment allows the instance profiles {}, not {profile}", allowed.text()),
            None => "This deployment allows no instance profiles".to_owned(),
        };
        Err(over_limit(decision, "INSTANCE_PROFILES", "InstanceProfileNotAllowed", message))
    }

    /// Asks the policies. `target` names the resource in the error message.
    fn ask(
        &self,
        resource: Resource<'_>,
        detail: Detail<'_>,
        target: &str,
        decision: &mut Decision,
    ) -> Result<(), Error> {
        let Some(policies) = self.policies else {
            decision.permitted = Some(true);
            return Ok(());
        };
        let response = policies.decide(&self.request(resource, detail));
        if !response.permitted {
            let forbidden = self.forbidden(target, response.determining_policies, decision);
            return Err(Error { cause: response.problem, ..forbidden });
        }
        decision.permitted = Some(true);
        decision.determining_policies.extend(response.determining_policies);
        Ok(())
    }

    fn forbidden(&self, target: &str, determining_policies: Vec<String>, decision: &mut Decision) -> Error {
        // The policies that permit other instances of the same request no longer matter.
        decision.permitted = Some(false);
        decision.determining_policies = determining_policies.into_iter().collect();
        let message = format!("The policy of this deployment does not permit {} of {target}", self.action);
        Error::new(Kind::Forbidden, "Forbidden", message)
    }

    fn request<'a>(&'a self, resource: Resource<'a>, detail: Detail<'a>) -> AuthzRequest<'a> {
        let Self { caller, source_ip, action, account, region, .. } = *self;
        AuthzRequest { caller, source_ip, action: action.name, detail, account, region, resource }
    }
}

fn over_limit(decision: &mut Decision, variable: &str, code: &'static str, message: String) -> Error {
    decision.permitted = Some(false);
    decision.determining_policies = BTreeSet::from([variable.to_owned()]);
    Error::new(Kind::Forbidden, code, message)
}
