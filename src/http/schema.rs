//! Helpers for JSON Schemas.

use schemars::{Schema, SchemaGenerator};
use serde_json::{Value, json};

/// Makes the schema of a JSON value. Named types go into the generator's definitions.
pub type SchemaFn = fn(&mut SchemaGenerator) -> Schema;

/// Corrects the schema of a type whose optional members are left out when they are `None`: none of
/// them is ever null.
pub fn without_null(schema: &mut Schema) {
    let required = schema.get("required").cloned().unwrap_or_default();
    let required = |name: &str| required.as_array().is_some_and(|names| names.iter().any(|other| other == name));
    let members = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (_, member) in members.into_iter().flatten().filter(|(name, _)| !required(name)) {
        // Either {"type": [x, "null"]} or {"anyOf": [x, {"type": "null"}]}.
        for (keyword, null) in [("type", json!("null")), ("anyOf", json!({"type": "null"}))] {
            let choices = member.get_mut(keyword).and_then(Value::as_array_mut);
            let Some(choices) = choices else { continue };
            choices.retain(|choice| *choice != null);
            if let ("type", [only]) = (keyword, choices.as_slice()) {
                let only = only.clone();
                member["type"] = only;
            } else if let [only] = choices.as_slice() {
                *member = only.clone();
            }
        }
    }
}
