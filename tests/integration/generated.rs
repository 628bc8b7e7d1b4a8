//! The generated parts of docs/: the tables of routes, parameters, variables and metrics, and
//! openapi.json.
//!
//! The tests compare them with the code. `UPDATE=1 cargo test --test integration generated` writes
//! them.

use crate::support::{file, root, schedule_variables};
use ec2_control_api::config::{Config, VARIABLES};
use ec2_control_api::http::param_info::{ParamInfo, ParamKind};
use ec2_control_api::metrics::METRICS;
use ec2_control_api::routes::{DIALECTS, api};
use serde_json::Value;
use std::collections::BTreeMap;

/// The files with generated tables.
const PAGES: [&str; 3] = ["docs/api.md", "docs/configuration.md", "docs/operations.md"];

const OPENAPI: &str = "docs/openapi.json";

// ------------------------------------------------------------------ routes and parameters

/// A dialect, with the path segments and parameters of its routes, each once.
struct Dialect {
    name: &'static str,
    routes: Vec<Route>,
    parameters: Vec<ParameterRow>,
}

struct Route {
    /// Its name in the log.
    operation: &'static str,
    /// Methods and path, as in a request line.
    request: String,
    summary: &'static str,
    /// The names of its parameters, and whether each is required.
    parameters: Vec<(&'static str, bool)>,
}

struct ParameterRow {
    /// The name; in braces if it is a segment of the path.
    name: String,
    aliases: &'static [&'static str],
    kind: String,
    summary: &'static str,
    /// The operations that take it.
    operations: Vec<&'static str>,
}

fn dialects() -> Vec<Dialect> {
    let dialect = |dialect: &&ec2_control_api::http::route::Dialect| {
        let route = |route: &ec2_control_api::http::route::Route| Route {
            operation: route.name,
            request: format!("{} {}", route.methods.join(", "), route.path),
            summary: route.summary,
            parameters: route.parameters.iter().map(|parameter| (parameter.name, parameter.required)).collect(),
        };
        let mut parameters = Vec::new();
        for route in dialect.routes {
            for segment in dialect.segments {
                let row = parameter_row(segment, true);
                if route.path.replace("...", "").contains(&row.name) {
                    add(&mut parameters, row, route.name);
                }
            }
        }
        for route in dialect.routes {
            for parameter in route.parameters {
                add(&mut parameters, parameter_row(parameter, false), route.name);
            }
        }
        Dialect { name: dialect.name, routes: dialect.routes.iter().map(route).collect(), parameters }
    };
    DIALECTS.iter().map(dialect).collect()
}

/// Adds an operation to the same row, or the row after the last one of its name.
fn add(rows: &mut Vec<ParameterRow>, row: ParameterRow, operation: &'static str) {
    let same = rows.iter_mut().find(|other| (&other.name, other.summary) == (&row.name, row.summary));
    if let Some(same) = same {
        return same.operations.push(operation);
    }
    let after = rows.iter().rposition(|other| other.name == row.name).map_or(rows.len(), |last| last + 1);
    rows.insert(after, ParameterRow { operations: vec![operation], ..row });
}

fn parameter_row(parameter: &ParamInfo, in_path: bool) -> ParameterRow {
    let kind = match parameter.kind {
        ParamKind::Text => "text".to_owned(),
        ParamKind::Integer => format!("whole number, {} to {}", parameter.range.0, parameter.range.1),
        ParamKind::Boolean => "boolean".to_owned(),
        ParamKind::List => "list".to_owned(),
        ParamKind::Tag => "tag".to_owned(),
        ParamKind::Any => "any".to_owned(),
    };
    let name = if in_path { format!("{{{}}}", parameter.name) } else { parameter.name.to_owned() };
    ParameterRow { name, aliases: parameter.aliases, kind, summary: parameter.summary, operations: Vec::new() }
}

/// Each variable's name, default and summary.
fn variables() -> Vec<[&'static str; 3]> {
    VARIABLES.iter().map(|variable| [variable.name, variable.default, variable.summary]).collect()
}

/// Each metric's name, unit and summary.
fn metrics() -> Vec<[&'static str; 3]> {
    METRICS.iter().map(|metric| [metric.name, metric.unit, metric.summary]).collect()
}

/// The OpenAPI document of a deployment with everything on.
fn openapi() -> String {
    let variable = |name: &str| match name {
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "BUCKET_PREFIX" => Some("demo-".to_owned()),
        _ => {
            schedule_variables("demo").into_iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
        }
    };
    ec2_control_api::openapi::text(&api(), &Config::read(variable).unwrap())
}

// ------------------------------------------------------------------ tables

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}

/// A Markdown table.
fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let line = |cells: [String; N]| format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
    let mut table = line(header.map(str::to_owned)) + &format!("|{}\n", "---|".repeat(N));
    table.extend(rows.into_iter().map(line));
    table
}

fn route_table(dialect: &Dialect) -> String {
    let row = |route: &Route| {
        let parameter =
            |(name, required): &(&str, bool)| format!("{}{}", code(name), if *required { " (required)" } else { "" });
        let parameters: Vec<_> = route.parameters.iter().map(parameter).collect();
        [code(&route.request), route.summary.to_owned(), parameters.join(", ")]
    };
    table(["route", "does", "parameters"], dialect.routes.iter().map(row))
}

fn parameter_table(dialect: &Dialect) -> String {
    let row = |parameter: &ParameterRow| {
        let aliases: Vec<_> = parameter.aliases.iter().map(|alias| code(alias)).collect();
        let everywhere = dialect.routes.iter().all(|route| parameter.operations.contains(&route.operation));
        let operations = if everywhere { "all".to_owned() } else { parameter.operations.join(", ") };
        let (kind, summary) = (parameter.kind.clone(), parameter.summary.to_owned());
        [code(&parameter.name), aliases.join(", "), kind, operations, summary]
    };
    table(["parameter", "other spellings", "type", "of", "description"], dialect.parameters.iter().map(row))
}

/// The content of every generated section, by the name in its marker.
fn sections() -> BTreeMap<String, String> {
    let mut sections = BTreeMap::new();
    for dialect in dialects() {
        sections.insert(format!("routes {}", dialect.name), route_table(&dialect));
        if !dialect.parameters.is_empty() {
            sections.insert(format!("parameters {}", dialect.name), parameter_table(&dialect));
        }
    }
    let rows = variables().into_iter().map(|[name, default, summary]| [code(name), code(default), summary.to_owned()]);
    sections.insert("variables".to_owned(), table(["variable", "default", "description"], rows));
    let rows = metrics().into_iter().map(|[name, unit, summary]| [code(name), unit.to_owned(), summary.to_owned()]);
    sections.insert("metrics".to_owned(), table(["metric", "unit", "description"], rows));
    sections
}

/// The page with its sections written anew. Removes these from `sections`.
fn rewritten(page: &str, text: &str, sections: &mut BTreeMap<String, String>) -> String {
    let mut rewritten = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        rewritten += line;
        rewritten.push('\n');
        let name = line.strip_prefix("<!-- generated: ").and_then(|rest| rest.strip_suffix(" -->"));
        if let Some(name) = name {
            let section = sections.remove(name);
            rewritten += &section.unwrap_or_else(|| panic!("{page} has an unknown section, or one twice: {name}"));
            let end = lines.find(|line| *line == "<!-- end -->");
            rewritten += end.unwrap_or_else(|| panic!("{page} has no end of {name}"));
            rewritten.push('\n');
        }
    }
    rewritten
}

/// Compares a file with the expected text, or writes it if the environment has `UPDATE=1`.
pub fn check(path: &str, expected: &str) {
    if std::env::var("UPDATE").is_ok_and(|value| value == "1") {
        return std::fs::write(root().join(path), expected).unwrap();
    }
    let found = std::fs::read_to_string(root().join(path)).unwrap_or_default();
    if found != expected {
        let line = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
        let line = line.unwrap_or_else(|| found.lines().count().min(expected.lines().count()));
        panic!(
            "{path} differs from the code in line {}: `UPDATE=1 cargo test --test integration generated` writes it\n\
             is:        {}\nshould be: {}",
            line + 1,
            found.lines().nth(line).unwrap_or_default(),
            expected.lines().nth(line).unwrap_or_default(),
        );
    }
}

// ------------------------------------------------------------------ tests

#[test]
fn generated_tables_are_those_of_the_code() {
    let mut sections = sections();
    for page in PAGES {
        check(page, &rewritten(page, &file(page), &mut sections));
    }
    assert!(sections.is_empty(), "no page has the sections {:?}", sections.keys());
}

#[test]
fn generated_openapi_document_is_that_of_the_code() {
    let document: Value = serde_json::from_str(&openapi()).unwrap();
    check(OPENAPI, &(serde_json::to_string_pretty(&document).unwrap() + "\n"));
}
