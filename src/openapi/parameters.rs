//! Parameters in the OpenAPI document.

#![expect(clippy::indexing_slicing, reason = "of JSON objects that are made here")]

use crate::http::param_info::{ParamInfo, ParamKind};
use crate::http::params::MAX_TAGS;
use crate::http::route::{Dialect, Route};
use crate::http::spelling::{PRINTABLE, PRINTABLE_ITEM, PRINTABLE_TRIMMED};
use serde_json::{Value, json};

/// The parameters in a route's path, in the order of the path.
pub(super) fn segments(dialect: &Dialect, route: &Route) -> Vec<&'static ParamInfo> {
    let name = |segment: &'static str| Some(segment.strip_prefix('{')?.strip_suffix('}')?.trim_end_matches('.'));
    let find = |name| dialect.segments.iter().find(|segment| segment.name == name);
    route.path.split('/').filter_map(name).filter_map(find).collect()
}

pub(super) fn segment(parameter: &ParamInfo) -> Value {
    json!({
        "name": parameter.name, "in": "path", "required": true, "description": description(parameter),
        "schema": schema(parameter), "example": example(parameter),
    })
}

pub(super) fn in_query(parameter: &ParamInfo) -> Value {
    let mut query = json!({
        "name": parameter.name, "in": "query", "description": description(parameter), "schema": schema(parameter),
    });
    if !parameter.example.is_empty() {
        query["example"] = example(parameter);
    }
    if parameter.required {
        query["required"] = true.into();
    }
    match parameter.kind {
        // Comma-separated; repeated parameters work, too.
        ParamKind::List => {
            query["style"] = "form".into();
            query["explode"] = false.into();
        }
        // In this style an object is written as its members: `?tag:team=blue&tag:env=test`.
        ParamKind::Tag => {
            query["style"] = "form".into();
            query["explode"] = true.into();
        }
        _ => {}
    }
    query
}

pub(super) fn description(parameter: &ParamInfo) -> String {
    match parameter.aliases {
        [] => parameter.summary.to_owned(),
        aliases => format!("{} Also spelled `{}`.", parameter.summary, aliases.join("`, `")),
    }
}

/// The JSON Schema of a parameter's value.
pub(super) fn schema(parameter: &ParamInfo) -> Value {
    let text = text_schema(parameter);
    match parameter.kind {
        ParamKind::Text => text,
        ParamKind::Integer => {
            json!({"type": "integer", "minimum": parameter.range.0, "maximum": parameter.range.1})
        }
        ParamKind::Boolean => json!({"type": "boolean"}),
        ParamKind::List => {
            let mut list = json!({"type": "array", "items": text, "maxItems": parameter.max_items});
            if parameter.required {
                list["minItems"] = 1.into();
            }
            list
        }
        ParamKind::Tag => {
            json!({"type": "object", "propertyNames": {"pattern": TAG_NAME}, "additionalProperties": text, "maxProperties": MAX_TAGS})
        }
        ParamKind::Any => {
            let list = json!({"type": "array", "items": {"type": "string"}, "maxItems": parameter.max_items});
            json!({"anyOf": [{"type": "string", "minLength": 1}, {"type": "boolean"}, list]})
        }
    }
}

pub(super) fn bytes() -> Value {
    json!({"type": "string", "format": "binary"})
}

pub(super) fn text_schema(parameter: &ParamInfo) -> Value {
    let mut text = json!({"type": "string"});
    if parameter.values.contains(&"true") {
        // A boolean in JSON, too. Generators of clients take no values of several types in one
        // list.
        return json!({"anyOf": [{"type": "boolean"}, {"type": "string", "enum": parameter.values}]});
    }
    if !parameter.values.is_empty() {
        text["enum"] = parameter.values.into();
        return text;
    }
    let printable = match parameter.kind {
        ParamKind::List => PRINTABLE_ITEM,
        ParamKind::Tag => PRINTABLE_TRIMMED,
        // White space only is not given.
        _ if parameter.required => PRINTABLE_TRIMMED,
        _ => PRINTABLE,
    };
    text["pattern"] = if parameter.pattern.is_empty() { printable } else { parameter.pattern }.into();
    if parameter.max_len < usize::MAX {
        text["maxLength"] = parameter.max_len.into();
    }
    if parameter.required {
        text["minLength"] = 1.into();
    }
    text
}

pub(super) fn example(parameter: &ParamInfo) -> Value {
    let text = parameter.example;
    match parameter.kind {
        ParamKind::Integer | ParamKind::Boolean => serde_json::from_str(text).unwrap_or_default(),
        ParamKind::List => json!([text]),
        ParamKind::Tag => json!({"tag:team": text}),
        ParamKind::Text | ParamKind::Any => text.into(),
    }
}

/// The names of `tag:KEY`.
pub(super) const TAG_NAME: &str = "^tag:[^\\s\\u0000-\\u001f\\u007f-\\u009f\\ufffd]([^\\u0000-\\u001f\\u007f-\\u009f\\ufffd]{0,126}[^\\s\\u0000-\\u001f\\u007f-\\u009f\\ufffd])?$";
