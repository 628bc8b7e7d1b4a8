//! `/accounts`: the accounts that callers may name. Its errors are those of `/ec2`.

use super::boto3::{ERROR_BODY, encode_error};
use super::common::encode_dry_run;
use crate::http::call::call;
use crate::http::reply::Reply;
use crate::http::route::{BodyUse, Dialect, Handler, Response, Route, UnknownUse};
use crate::model::AccountName;
use crate::operations::Operation as _;
use crate::operations::list_accounts::{ListAccounts, ListedAccount};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

// ---------------------------------------------------------------------------------------- routes

/// The dialect.
pub const DIALECT: Dialect = Dialect {
    name: "accounts",
    summary: "The accounts in which callers may work.",
    prefix: "/accounts",
    enabled: |_| true,
    routes: &[Route {
        methods: &["GET"],
        path: "/accounts",
        name: "list",
        summary: "Lists the accounts of the deployment, the function's own first. AWS is not asked.",
        parameters: &[],
        body: BodyUse::Parameters,
        responses: &[Response::json::<Vec<Row<'_>>>(200, "The accounts.", || {
            json!([Row { name: None, id: "123456789012" }, Row { name: Some("sandbox"), id: "111122223333" },])
        })],
        handler: Handler::Authenticated {
            actions: &[ListAccounts::ACTION],
            decode: |_| {
                call(ListAccounts, |accounts| Reply::json(200, &accounts.iter().map(Row::from).collect::<Vec<_>>()))
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

/// An account.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Account")]
struct Row<'a> {
    /// Its name in this deployment; null for the function's own account.
    name: Option<&'a str>,
    /// Its number: 12 digits.
    id: &'a str,
}

impl<'a> From<&'a ListedAccount> for Row<'a> {
    fn from(account: &'a ListedAccount) -> Self {
        Self { name: account.name.as_ref().map(AccountName::as_str), id: account.id.as_str() }
    }
}
