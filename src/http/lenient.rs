//! Deserialization of JSON whose members may have another type than expected.

use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Deserializes a member; the default if it has another type.
///
/// # Errors
/// The text is not JSON.
pub fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    let json = <&RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(json.get()).unwrap_or_default())
}

/// Deserializes a member that is an object; the default if it has another type.
///
/// # Errors
/// The text is not JSON.
pub fn object<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    <&RawValue>::deserialize(deserializer).map(object_from)
}

/// Parses an object; the default if the JSON has another type. A derived type alone would take an
/// array for an object whose members have no names.
pub fn object_from<'de, T: Deserialize<'de> + Default>(json: &'de RawValue) -> T {
    let object = json.get().starts_with('{').then(|| serde_json::from_str(json.get()));
    object.and_then(Result::ok).unwrap_or_default()
}

/// The members of an object, each with its texts: of a string, a number or a boolean one, of an
/// array those of its items, of `null` none. `None`: a member that has no texts.
pub fn texts(json: &RawValue) -> Option<BTreeMap<String, Option<Vec<String>>>> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(json.get()).ok()?;
    Some(members.into_iter().map(|(name, value)| (name, texts_of(value))).collect())
}

fn texts_of(json: &RawValue) -> Option<Vec<String>> {
    // Nearly all are of these two types.
    if let Ok(text) = serde_json::from_str(json.get()) {
        return Some(vec![text]);
    }
    if let Ok(texts) = serde_json::from_str(json.get()) {
        return Some(texts);
    }
    let values = match serde_json::from_str(json.get()).ok()? {
        Value::Null => vec![],
        Value::Array(values) => values,
        value => vec![value],
    };
    values.iter().filter(|value| !value.is_null()).map(scalar).collect()
}

/// The text of a string, a number or a boolean.
pub fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_member_has_the_texts_of_its_scalars() {
        for (json, expected) in [
            (json!("a"), Some(vec!["a"])),
            (json!(["a", "b"]), Some(vec!["a", "b"])),
            (json!(["a", 1, true, null]), Some(vec!["a", "1", "true"])),
            (json!(0.5), Some(vec!["0.5"])),
            (json!([]), Some(vec![])),
            (json!(null), Some(vec![])),
            (json!({}), None),
            (json!(["a", []]), None),
        ] {
            let text = json!({"x": json}).to_string();
            let members = texts(serde_json::from_str(&text).unwrap()).unwrap();
            assert_eq!(
                members["x"].as_ref().map(|texts| texts.iter().map(String::as_str).collect()),
                expected,
                "{json}"
            );
        }
        assert_eq!(texts(serde_json::from_str("[]").unwrap()), None);
    }
}
