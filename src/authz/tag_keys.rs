//! The keys of the tags that policies read.

use cedar_policy::PolicySet;
use serde_json::Value;
use std::collections::BTreeSet;

/// The keys of the tags that a policy set reads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TagKeys {
    /// These and no others.
    Only(BTreeSet<String>),
    /// Perhaps any: a policy computes a key.
    Any,
}

impl TagKeys {
    /// Finds the keys in Cedar's JSON form of the policies
    /// (<https://docs.cedarpolicy.com/policies/json-format.html>).
    pub(super) fn of(policies: &PolicySet) -> Self {
        let mut keys = BTreeSet::new();
        let all_found = policies.policies().all(|policy| policy.to_json().is_ok_and(|json| find(&json, &mut keys)));
        if all_found { Self::Only(keys) } else { Self::Any }
    }

    /// Whether policies may read the tag of this key.
    pub(super) fn contain(&self, key: &str) -> bool {
        match self {
            Self::Only(keys) => keys.contains(key),
            Self::Any => true,
        }
    }
}

/// Adds the keys in this part of a policy. Returns whether each of them is a literal.
fn find(json: &Value, keys: &mut BTreeSet<String>) -> bool {
    match json {
        Value::Object(members) => members.iter().all(|(name, value)| match name.as_str() {
            "hasTag" | "getTag" => match value.pointer("/right/Value") {
                Some(Value::String(key)) => {
                    keys.insert(key.clone());
                    value.get("left").is_some_and(|left| find(left, keys))
                }
                _ => false,
            },
            _ => find(value, keys),
        }),
        Value::Array(items) => items.iter().all(|item| find(item, keys)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(policies: &str) -> TagKeys {
        TagKeys::of(&policies.parse().unwrap())
    }

    fn only(keys: &[&str]) -> TagKeys {
        TagKeys::Only(keys.iter().map(|key| (*key).to_owned()).collect())
    }

    #[test]
    fn keys_are_found_wherever_a_policy_reads_a_tag() {
        assert_eq!(keys("permit (principal, action, resource);"), only(&[]));
        let policies = r#"
            permit (principal, action, resource) when { resource.hasTag("team") && resource.getTag("team") == "blue" };
            forbid (principal, action, resource)
            unless { [1, if resource.hasTag("a \"quoted\" key") then 2 else 3].contains(2) }
            when { {x: !resource.hasTag("hasTag")}.x || principal.groups.contains(resource.getTag("owner")) };"#;
        assert_eq!(keys(policies), only(&["a \"quoted\" key", "hasTag", "owner", "team"]));
    }

    #[test]
    fn a_computed_key_may_be_any() {
        for key in ["principal.name", r#"if true then "a" else "b""#, r#"resource.getTag("a")"#] {
            let policy = format!("permit (principal, action, resource) when {{ resource.hasTag({key}) }};");
            assert_eq!(keys(&policy), TagKeys::Any, "{policy}");
        }
    }
}
