//! `/regions`: the regions that callers may name, with the number of instances in each. Its errors
//! are those of `/ec2`.

use super::boto3::{ERROR_BODY, encode_error};
use super::common::{ACCOUNT, encode_dry_run};
use crate::http::call::call;
use crate::http::reply::Reply;
use crate::http::route::{BodyUse, Dialect, Handler, Response, Route, UnknownUse};
use crate::operations::Operation as _;
use crate::operations::regions::{CountInstances, RegionInstances};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

// ---------------------------------------------------------------------------------------- routes

/// The dialect.
pub const DIALECT: Dialect = Dialect {
    name: "regions",
    summary: "Where callers may work.",
    prefix: "/regions",
    enabled: |_| true,
    routes: &[Route {
        methods: &["GET"],
        path: "/regions",
        name: "list",
        summary: "Lists the regions that the deployment allows, with how many instances of each state they have.",
        parameters: &[ACCOUNT.info],
        body: BodyUse::Parameters,
        responses: &[Response::json::<Vec<Row<'_>>>(200, "The regions.", example)],
        handler: Handler::Authenticated {
            actions: &[CountInstances::ACTION],
            decode: |_| {
                call(CountInstances, |regions| Reply::json(200, &regions.iter().map(Row::from).collect::<Vec<_>>()))
            },
        },
    }],
    unknown_parameters: UnknownUse::Refuse,
    ignored_parameters: &[],
    region_parameter: "region",
    segments: &[],
    dry_run: encode_dry_run,
    error: encode_error,
    error_body: ERROR_BODY,
};

// ---------------------------------------------------------------------------------------- encode

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
    fn from(region: &'a RegionInstances) -> Self {
        let error = region.by_state.as_ref().err();
        let error = error.map(|error| Problem { message: &error.message, error: &error.code });
        Self { name: region.region.as_str(), instances: region.by_state.as_ref().ok(), error }
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
