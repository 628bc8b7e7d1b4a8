//! `/regions`: where callers may work, and what there is. In the words of `/ec2`.

use crate::error::Error;
use crate::http::Reply;
use crate::http::route::{BodyUse, Call, Dialect, Input, Route};
use crate::listing::RegionInstances;
use crate::operation::{Operation, Outcome};
use serde::Serialize;
use std::collections::BTreeMap;

// ---------------------------------------------------------------------------------------------------------------- routes

/// The dialect.
pub const DIALECT: Dialect = Dialect {
    name: "regions",
    prefix: "/regions",
    enabled: |_| true,
    routes: &[Route {
        methods: &["GET"],
        path: "/regions",
        operation: "list",
        summary: "Lists the regions that the deployment allows, with how many instances of each state they have.",
        parameters: &[],
        body: BodyUse::Parameters,
        actions: &["ec2:DescribeRegions", "ec2:DescribeInstances"],
        open: false,
        decode: regions,
    }],
    encode,
    error: super::ec2::error,
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
#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    instances: Option<&'a BTreeMap<String, usize>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Problem<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
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
