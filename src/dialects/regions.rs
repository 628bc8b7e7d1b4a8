//! `/regions`: where callers may work, and what there is. In the words of `/ec2`.

use crate::error::Error;
use crate::http::Reply;
use crate::http::route::{Answer, BodyUse, Call, Dialect, Input, Route};
use crate::listing::RegionInstances;
use crate::operation::{Operation, Outcome};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

// ---------------------------------------------------------------------------------------------------------------- routes

/// The dialect.
pub const DIALECT: Dialect = Dialect {
    name: "regions",
    summary: "Where callers may work.",
    prefix: "/regions",
    enabled: |_| true,
    routes: &[Route {
        methods: &["GET"],
        path: "/regions",
        operation: "list",
        summary: "Lists the regions that the deployment allows, with how many instances of each state they have.",
        parameters: &[],
        body: BodyUse::Parameters,
        answers: &[Answer::json::<Vec<Row<'_>>>(200, "The regions.", example)],
        actions: &["ec2:DescribeRegions", "ec2:DescribeInstances"],
        open: false,
        decode: regions,
    }],
    segments: &[],
    encode,
    error: super::ec2::error,
    error_body: super::ec2::ERROR_BODY,
};

// ---------------------------------------------------------------------------------------------------------------- decode

fn regions(input: &Input<'_>) -> Result<Call, Error> {
    Ok(Call::new(input.config.regions.default.clone(), Operation::Regions))
}

// ---------------------------------------------------------------------------------------------------------------- encode

fn encode(_call: Call, outcome: Outcome) -> Reply {
    match outcome {
        Outcome::Regions(regions) => Reply::json(200, &regions.iter().map(Row::from).collect::<Vec<_>>()),
        other => super::unexpected(&other),
    }
}

/// A region: how many instances of each state it has, or why that can't be said.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RegionInstances")]
struct Row<'a> {
    /// The region's name.
    name: &'a str,
    /// How many there are of each state that there is.
    instances: Option<&'a BTreeMap<String, usize>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Problem<'a>>,
}

/// Why the instances of a region can't be counted.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "RegionError")]
struct Problem<'a> {
    message: &'a str,
    error: &'a str,
}

impl<'a> From<&'a RegionInstances> for Row<'a> {
    fn from(it: &'a RegionInstances) -> Self {
        let error = it.by_state.as_ref().err();
        let error = error.map(|error| Problem { message: &error.message, error: &error.code });
        Self { name: it.region.as_str(), instances: it.by_state.as_ref().ok(), error }
    }
}

fn example() -> Value {
    let instances = BTreeMap::from([("running".to_owned(), 2), ("stopped".to_owned(), 1)]);
    let error = Problem { message: "AWS did not answer in time", error: "RequestTimeout" };
    json!([
        Row { name: "eu-west-1", instances: Some(&instances), error: None },
        Row { name: "us-east-1", instances: None, error: Some(error) },
    ])
}
