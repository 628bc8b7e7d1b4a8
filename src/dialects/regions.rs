//! `/regions`: the regions that callers may name, with the number of instances in each. Its errors
//! are those of `/ec2`.

use super::boto3::{ERROR_BODY, encode_error};
use super::common::{ACCOUNT_OR_ALL, encode_dry_run};
use crate::http::call::{Decoded, call};
use crate::http::reply::Reply;
use crate::http::route::{BodyUse, Dialect, Handler, Input, Response, Route, UnknownUse};
use crate::model::{AccountId, AccountRef};
use crate::operations::Operation as _;
use crate::operations::places::Scope;
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
        parameters: &[ACCOUNT_OR_ALL.info],
        body: BodyUse::Parameters,
        responses: &[Response::json::<Vec<Row<'_>>>(200, "The regions.", example)],
        handler: Handler::Authenticated { actions: &[CountInstances::ACTION], decode },
    }],
    unknown_parameters: UnknownUse::Refuse,
    ignored_parameters: &[],
    region_parameter: "region",
    segments: &[],
    dry_run: encode_dry_run,
    error: encode_error,
    error_body: ERROR_BODY,
};

// ---------------------------------------------------------------------------------------- decode

fn decode(input: &Input<'_>) -> Decoded {
    let all_accounts = input.optional(ACCOUNT_OR_ALL)? == Some(AccountRef::All);
    let scope = Scope { all_accounts, region: None };
    call(CountInstances { scope }, move |regions| {
        let row = |region| Row::new(region, all_accounts);
        Reply::json(200, &regions.iter().map(row).collect::<Vec<_>>())
    })
}

// ---------------------------------------------------------------------------------------- encode

/// A region: how many instances of each state it has, or why that can't be said.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RegionInstances")]
struct Row<'a> {
    /// Its account, 12 digits, where all accounts are meant; null if it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<Option<&'a str>>,
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

impl<'a> Row<'a> {
    fn new(region: &'a RegionInstances, with_account: bool) -> Self {
        let account = with_account.then(|| region.account.as_ref().map(AccountId::as_str));
        let error = region.by_state.as_ref().err();
        let error = error.map(|error| Problem { message: &error.message, error: &error.code });
        Self { account, name: region.region.as_str(), instances: region.by_state.as_ref().ok(), error }
    }
}

fn example() -> Value {
    let instances = BTreeMap::from([("running".to_owned(), 2), ("stopped".to_owned(), 1)]);
    let error = Problem { message: "AWS did not answer in time", error: "RequestTimeout" };
    json!([
        Row { account: None, name: "eu-west-1", instances: Some(&instances), error: None },
        Row { account: None, name: "us-east-1", instances: None, error: Some(error) },
    ])
}
