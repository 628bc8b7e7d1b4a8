//! Limits for every caller. No policy can lift them.

use crate::model::{Attribute, InstanceProfileName, InstanceType, Tag, list_words};
use regex_lite::Regex;

/// Limits that hold for every caller, with or without policies.
#[derive(Debug)]
pub struct Limits {
    /// The instance types that may be launched or changed to; `None`: all.
    pub instance_types: Option<InstanceTypes>,
    /// The instance profiles that launches may have; `None`: none.
    pub instance_profiles: Option<InstanceProfiles>,
    /// The greatest `max_count` of a launch; `None`: EC2's own limit.
    pub max_instances_per_launch: Option<u32>,
    /// Instances with this tag are never stopped, terminated or modified. No caller sets its key.
    pub protected_tag: Option<ProtectedTag>,
    /// The keys of tags that no caller sets: decisions of others rest on them.
    pub reserved_tags: Vec<String>,
    /// The attributes of instances that may be modified.
    pub modifiable_attributes: ModifiableAttributes,
}

impl Limits {
    /// The keys of tags that no caller sets: `RESERVED_TAGS`, and that of `PROTECTED_TAG`.
    pub fn reserved_keys(&self) -> impl Iterator<Item = &str> {
        let protected = self.protected_tag.as_ref().map(|tag| &tag.key);
        self.reserved_tags.iter().chain(protected).map(String::as_str)
    }

    /// The variable that keeps callers from setting a tag with this key. In IAM's conditions, keys
    /// that differ in case are the same key
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-resourcetag>).
    pub(super) fn reserves(&self, key: &str) -> Option<&'static str> {
        let is_key = |reserved: &String| reserved.to_lowercase() == key.to_lowercase();
        if self.reserved_tags.iter().any(is_key) {
            return Some("RESERVED_TAGS");
        }
        self.protected_tag.as_ref().is_some_and(|tag| is_key(&tag.key)).then_some("PROTECTED_TAG")
    }
}

/// Instance types by name, with `*` for any characters.
#[derive(Debug)]
pub struct InstanceTypes(NamePatterns);

impl InstanceTypes {
    /// Parses a comma-separated list such as `t3.*,t4g.micro`.
    ///
    /// # Errors
    /// The problem in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let valid = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.*".contains(&b);
        NamePatterns::parse(text, "an instance type", |item| item.bytes().all(valid)).map(Self)
    }

    /// The names as they were configured.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.names()
    }

    pub(super) fn text(&self) -> &str {
        &self.0.text
    }

    pub(super) fn contains(&self, instance_type: &InstanceType) -> bool {
        self.0.contains(instance_type.as_str())
    }
}

/// The names of attributes that may be modified.
#[derive(Debug, PartialEq, Eq)]
pub struct ModifiableAttributes(Vec<&'static str>);

impl ModifiableAttributes {
    /// Parses a comma-separated list of EC2's names, or `*` for all attributes.
    ///
    /// # Errors
    /// The problem in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self(Attribute::NAMES.to_vec()));
        }
        let name = |(i, item): (usize, &str)| {
            let known = Attribute::NAMES.into_iter().find(|name| *name == item);
            known.ok_or_else(|| format!("entry {} is none of {}", i + 1, Attribute::NAMES.join(", ")))
        };
        Ok(Self(list_words(text)?.into_iter().enumerate().map(name).collect::<Result<_, _>>()?))
    }

    /// The names, as EC2 has them.
    pub fn names(&self) -> &[&'static str] {
        &self.0
    }

    pub(super) fn contains(&self, attribute: &Attribute) -> bool {
        self.0.contains(&attribute.name())
    }
}

/// Instance profiles by name, with `*` for any characters.
#[derive(Debug)]
pub struct InstanceProfiles(NamePatterns);

impl InstanceProfiles {
    /// Parses a comma-separated list such as `web,ci-*`.
    ///
    /// # Errors
    /// The problem in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let valid = |item: &str| InstanceProfileName::parse(&item.replace('*', "x")).is_some();
        NamePatterns::parse(text, "an instance profile's name", valid).map(Self)
    }

    /// The names as they were configured.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.names()
    }

    pub(super) fn text(&self) -> &str {
        &self.0.text
    }

    pub(super) fn contains(&self, name: &InstanceProfileName) -> bool {
        self.0.contains(name.as_str())
    }
}

/// Names with `*` for any characters.
#[derive(Debug)]
struct NamePatterns {
    /// The list as it was configured.
    text: String,
    items: Vec<(String, Regex)>,
}

impl NamePatterns {
    /// Parses a comma-separated list. `what` names an item in the error.
    fn parse(text: &str, what: &str, valid: impl Fn(&str) -> bool) -> Result<Self, String> {
        let item = |(i, item): (usize, &str)| {
            let pattern = valid(item).then(|| wildcards(item)).flatten();
            let pattern = pattern.ok_or_else(|| format!("entry {} is not {what}, with * for any characters", i + 1))?;
            Ok((item.to_owned(), pattern))
        };
        let items = list_words(text)?.into_iter().enumerate().map(item).collect::<Result<_, String>>()?;
        Ok(Self { text: text.to_owned(), items })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.items.iter().map(|(name, _)| name.as_str())
    }

    fn contains(&self, name: &str) -> bool {
        self.items.iter().any(|(_, pattern)| pattern.is_match(name))
    }
}

/// The pattern of a text in which `*` stands for any characters.
fn wildcards(text: &str) -> Option<Regex> {
    Regex::new(&format!("^{}$", regex_lite::escape(text).replace(r"\*", ".*"))).ok()
}

/// A tag's key, or its key and value.
#[derive(Debug, PartialEq, Eq)]
pub struct ProtectedTag {
    key: String,
    value: Option<String>,
}

impl ProtectedTag {
    /// Parses `key` or `key=value`, without white space around either: no caller can set a tag that
    /// has it.
    pub fn parse(text: &str) -> Option<Self> {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (text, None),
        };
        let is_trimmed = |text: &str| text.trim() == text;
        let valid = !key.is_empty() && is_trimmed(key) && value.is_none_or(is_trimmed);
        valid.then(|| Self { key: key.to_owned(), value: value.map(str::to_owned) })
    }

    pub(super) fn is_on(&self, tags: &[Tag]) -> bool {
        tags.iter().any(|tag| tag.key == self.key && self.value.as_ref().is_none_or(|value| *value == tag.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(patterns: &str, instance_type: &str) -> bool {
        InstanceTypes::parse(patterns).unwrap().contains(&InstanceType::parse(instance_type).unwrap())
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
    fn err_a_text_that_is_not_a_list_of_instance_type_patterns() {
        for text in ["t3.*,", ",", "t3.*,,t4g.*", "T3.micro", "t3.(a|b)", "t3.micro t4g.micro", "[a]"] {
            assert!(InstanceTypes::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn modifiable_attributes_are_names_of_ec2_or_a_star() {
        let parse = |text: &str| ModifiableAttributes::parse(text).map(|names| names.0);
        assert_eq!(parse("*"), Ok(Attribute::NAMES.to_vec()));
        assert_eq!(parse(" ebsOptimized , kernel"), Ok(vec!["ebsOptimized", "kernel"]));
        for text in ["*,kernel", "kernel,*", "Kernel", "instance_type", "kernel,", "all"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn instance_profiles_are_names_with_stars() {
        let allows = |patterns: &str, name: &str| {
            InstanceProfiles::parse(patterns).unwrap().contains(&InstanceProfileName::parse(name).unwrap())
        };
        assert!(allows("web,ci-*", "web") && allows("web,ci-*", "ci-runner") && allows("*", "a+b=c@d_e.f"));
        assert!(!allows("web,ci-*", "web2") && !allows("web,ci-*", "xci-runner") && !allows("a.b", "axb"));
        for text in ["web,", "a b", "arn:aws:iam::123456789012:instance-profile/x", "a/b"] {
            assert!(InstanceProfiles::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_protected_tag_is_a_key_or_a_key_and_a_value() {
        let tags = [Tag { key: "env".into(), value: "production".into() }];
        let on = |text: &str| ProtectedTag::parse(text).map(|tag| tag.is_on(&tags));
        assert_eq!(on("env"), Some(true));
        assert_eq!(on("env=production"), Some(true));
        for other in ["Env", "env=", "env=prod", "env=production2", "production"] {
            assert_eq!(on(other), Some(false), "{other}");
        }
        for invalid in ["", "=production", "env = production", "env= production", " env", "env=production "] {
            assert_eq!(on(invalid), None, "{invalid:?}");
        }
    }
}
