//! The gate: what a deployment permits, by its limits and by its policies, in one place for all dialects.
//!
//! Limits come first: they hold for every caller. Without policies a caller who is known may do what the role may.

use crate::ec2::{Attribute, Instance, InstanceId, InstanceType, Launch, Region, Tag};
use crate::error::{Error, Kind};
use crate::http::auth::Caller;
use crate::policy::{Action, Policies, Question, Resource};
use regex_lite::Regex;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Limits for those who write no policies.
#[derive(Debug, Default)]
pub struct Limits {
    /// The instance types that may be launched, or be given to an instance; `None`: all.
    pub instance_types: Option<InstanceTypes>,
    /// The most instances that a launch may ask for; `None`: as many as EC2 takes.
    pub instances_per_launch: Option<u32>,
    /// What has this tag is never stopped, terminated or modified.
    pub protected_tag: Option<ProtectedTag>,
}

/// Instance types by name, with `*` for any characters.
#[derive(Debug)]
pub struct InstanceTypes {
    text: String,
    patterns: Vec<Regex>,
}

impl InstanceTypes {
    /// Reads a comma-separated list such as `t3.*,t4g.micro`.
    pub fn parse(text: &str) -> Option<Self> {
        let valid = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.*".contains(&b);
        let pattern = |item: &str| {
            let ok = !item.is_empty() && item.bytes().all(valid);
            ok.then(|| Regex::new(&format!("^{}$", regex_lite::escape(item).replace(r"\*", ".*"))).ok())?
        };
        let patterns = text.split(',').map(str::trim).map(pattern).collect::<Option<Vec<_>>>()?;
        Some(Self { text: text.to_owned(), patterns })
    }

    fn has(&self, instance_type: &InstanceType) -> bool {
        self.patterns.iter().any(|pattern| pattern.is_match(instance_type.as_str()))
    }
}

/// A tag's key, or its key and value.
#[derive(Debug, PartialEq, Eq)]
pub struct ProtectedTag {
    key: String,
    value: Option<String>,
}

impl ProtectedTag {
    /// Reads `key` or `key=value`.
    pub fn parse(text: &str) -> Option<Self> {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key.trim(), Some(value.trim().to_owned())),
            None => (text, None),
        };
        (!key.is_empty()).then(|| Self { key: key.to_owned(), value })
    }

    fn is_on(&self, tags: &[Tag]) -> bool {
        tags.iter().any(|tag| tag.key == self.key && self.value.as_ref().is_none_or(|value| *value == tag.value))
    }
}

/// What was decided of a request, and on what.
#[derive(Debug, Default)]
pub struct Decision {
    /// Whether it is permitted; `None` as long as nothing has been decided.
    pub permitted: Option<bool>,
    /// The policies that decided, or the variable that limits it.
    pub by: BTreeSet<String>,
    /// The instances that it is about, which the caller may have called by name.
    pub instances: Vec<InstanceId>,
}

/// Decides on one request.
#[derive(Clone, Copy)]
pub struct Gate<'a> {
    /// The limits.
    pub limits: &'a Limits,
    /// The policies; `None`: everything is permitted that the limits permit.
    pub policies: Option<&'a Policies>,
    /// Who asks.
    pub caller: &'a Caller,
    /// From where.
    pub source_ip: Option<IpAddr>,
    /// To do what.
    pub action: Action,
    /// In which region.
    pub region: &'a Region,
}

impl Gate<'_> {
    /// Whether a decision depends on what an instance is at the time: then it has to be described before it is changed.
    pub fn depends_on_instances(&self) -> bool {
        self.policies.is_some() || (self.limits.protected_tag.is_some() && self.is_protected_from())
    }

    fn is_protected_from(&self) -> bool {
        use Action::{ModifyInstanceAttribute, StopInstances, TerminateInstances};
        matches!(self.action, StopInstances | TerminateInstances | ModifyInstanceAttribute)
    }

    /// Decides on a launch.
    ///
    /// # Errors
    /// [`Kind::Forbidden`].
    pub fn launch(&self, launch: &Launch, decision: &mut Decision) -> Result<(), Error> {
        self.instance_type(&launch.instance_type, decision)?;
        if let Some(most) = self.limits.instances_per_launch
            && launch.max_count > most
        {
            let message =
                format!("This deployment launches at most {most} instances at once, not {}", launch.max_count);
            return Err(refused(decision, "MAX_INSTANCES_PER_LAUNCH", "TooManyInstances", message));
        }
        self.ask(Resource::Launch(launch), None, "a launch like this", decision)
    }

    /// Decides on something that is to be done to an instance, or to this attribute of it.
    ///
    /// # Errors
    /// [`Kind::Forbidden`].
    pub fn instance(
        &self,
        instance: &Instance,
        attribute: Option<&Attribute>,
        decision: &mut Decision,
    ) -> Result<(), Error> {
        let id = &instance.instance_id;
        let protected = self.limits.protected_tag.as_ref().is_some_and(|tag| tag.is_on(&instance.tags));
        if protected && self.is_protected_from() {
            let message = format!("{} of {id} is not permitted: a tag protects it", self.action);
            return Err(refused(decision, "PROTECTED_TAG", "ProtectedInstance", message));
        }
        self.ask(Resource::Instance(instance), attribute.map(Attribute::name), id, decision)
    }

    /// Decides on a new value of an attribute, before it is known whose.
    ///
    /// # Errors
    /// [`Kind::Forbidden`].
    pub fn attribute(&self, attribute: &Attribute, decision: &mut Decision) -> Result<(), Error> {
        match attribute {
            Attribute::InstanceType(instance_type) => self.instance_type(instance_type, decision),
            _ => Ok(()),
        }
    }

    /// Decides on something that is to be done to a bucket, or to an object in it.
    ///
    /// # Errors
    /// [`Kind::Forbidden`].
    pub fn bucket(&self, name: &str, decision: &mut Decision) -> Result<(), Error> {
        self.ask(Resource::Bucket(name), None, name, decision)
    }

    /// Decides on a list of what is in the region.
    ///
    /// # Errors
    /// [`Kind::Forbidden`].
    pub fn list(&self, decision: &mut Decision) -> Result<(), Error> {
        self.ask(Resource::Region, None, self.region.as_str(), decision)
    }

    /// Whether a list shows the caller this.
    pub fn shows(&self, resource: Resource<'_>) -> bool {
        self.policies.is_none_or(|policies| policies.decide(&self.question(resource, None)).permitted)
    }

    fn instance_type(&self, instance_type: &InstanceType, decision: &mut Decision) -> Result<(), Error> {
        match &self.limits.instance_types {
            Some(allowed) if !allowed.has(instance_type) => {
                let message =
                    format!("This deployment allows the instance types {}, not {instance_type}", allowed.text);
                Err(refused(decision, "ALLOWED_INSTANCE_TYPES", "InstanceTypeNotAllowed", message))
            }
            _ => Ok(()),
        }
    }

    fn ask(
        &self,
        resource: Resource<'_>,
        attribute: Option<&'static str>,
        target: &str,
        decision: &mut Decision,
    ) -> Result<(), Error> {
        let Some(policies) = self.policies else {
            decision.permitted = Some(true);
            return Ok(());
        };
        let verdict = policies.decide(&self.question(resource, attribute));
        if !verdict.permitted {
            // What permitted other instances of the same request does not matter any more.
            decision.permitted = Some(false);
            decision.by = verdict.policies.into_iter().collect();
            let message = format!("The policy of this deployment does not permit {} of {target}", self.action);
            return Err(Error { cause: verdict.problem, ..Error::new(Kind::Forbidden, "Forbidden", message) });
        }
        decision.permitted = Some(true);
        decision.by.extend(verdict.policies);
        Ok(())
    }

    fn question<'a>(&'a self, resource: Resource<'a>, attribute: Option<&'static str>) -> Question<'a> {
        let Self { caller, source_ip, action, region, .. } = *self;
        Question { caller, source_ip, action, attribute, region, resource }
    }
}

fn refused(decision: &mut Decision, variable: &str, code: &'static str, message: String) -> Error {
    decision.permitted = Some(false);
    decision.by = BTreeSet::from([variable.to_owned()]);
    Error::new(Kind::Forbidden, code, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(patterns: &str, instance_type: &str) -> bool {
        InstanceTypes::parse(patterns).unwrap().has(&InstanceType::parse(instance_type).unwrap())
    }

    #[test]
    fn ok_a_star_in_an_instance_type_is_any_characters_and_a_dot_is_a_dot() {
        assert!(allows("t3.*, t4g.micro", "t3.2xlarge"));
        assert!(allows("t3.*,t4g.micro", "t4g.micro"));
        assert!(allows("*", "p5.48xlarge"));
        assert!(allows("*.nano", "t3a.nano"));
        for other in ["t3a.micro", "t4g.micro-x", "xt4g.micro", "t4g.small"] {
            assert!(!allows("t3.*,t4g.micro", other), "{other}");
        }
        assert!(!allows("t3.micro", "t3-micro.x"));
    }

    #[test]
    fn err_what_is_no_pattern_of_instance_types() {
        for text in ["", "t3.*,", ",", "T3.micro", "t3.(a|b)", "t3.micro t4g.micro", "[a]"] {
            assert!(InstanceTypes::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_protected_tag_is_a_key_or_a_key_and_a_value() {
        let tags = [Tag { key: "env".into(), value: "production".into() }];
        let on = |text: &str| ProtectedTag::parse(text).map(|tag| tag.is_on(&tags));
        assert_eq!(on("env"), Some(true));
        assert_eq!(on("env=production"), Some(true));
        assert_eq!(on("env = production"), Some(true));
        for other in ["Env", "env=", "env=prod", "env=production2", "production"] {
            assert_eq!(on(other), Some(false), "{other}");
        }
        assert_eq!(on("=production"), None);
        assert_eq!(on(""), None);
    }
}
