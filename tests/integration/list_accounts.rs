//! `GET /accounts`: the accounts of the deployment that the caller may use.

use crate::support::{Function, HttpApiEvent, policy_file};
use serde_json::{Value, json};

const ACCOUNTS: &str = "blue=arn:aws:iam::444455556666:role/ec2-control-api-account,\
                        home=arn:aws:iam::123456789012:role/ec2-control-api-account,\
                        red=arn:aws:iam::111122223333:role/ec2-control-api-account";

#[tokio::test]
async fn accounts_are_listed_in_the_order_of_the_configuration_with_the_functions_own_first() {
    let function = Function::without_aws(&[("ACCOUNTS", ACCOUNTS)]).await;
    let accounts = json!([
        {"name": null, "id": "123456789012"},
        {"name": "blue", "id": "444455556666"},
        {"name": "red", "id": "111122223333"},
    ]);
    function.get("/accounts").await.is(200, &accounts);
    let line = function.log_line();
    assert_eq!(
        (&line["action"], &line["dialect"], &line["account"]),
        (&json!("ListAccounts"), &json!("accounts"), &Value::Null),
        "{line}"
    );
    function.get("/accounts?account=blue").await.refuses(
        400,
        "UnknownParameter",
        "account is not a parameter here: this route takes none",
    );
    function.assert_no_calls();
}

#[tokio::test]
async fn deployment_without_other_accounts_lists_its_own() {
    let function = Function::without_aws(&[]).await;
    function.get("/accounts").await.is(200, &json!([{"name": null, "id": "123456789012"}]));
    let event = HttpApiEvent::new("GET", "/accounts");
    assert_eq!(function.send(event).await.status, 401);
}

#[tokio::test]
async fn own_account_whose_number_is_not_known_is_not_listed() {
    let mut function = Function::without_aws(&[("ACCOUNTS", "red=arn:aws:iam::111122223333:role/x")]).await;
    function.arn.clear();
    let event = HttpApiEvent::new("GET", "/accounts").key().set("/requestContext/accountId", Value::Null);
    function.send(event).await.is(200, &json!([{"name": "red", "id": "111122223333"}]));
}

#[tokio::test]
async fn accounts_that_the_policies_hide_are_not_listed() {
    let of = |account: &str| {
        format!(
            "permit (principal, action == Action::\"ListAccounts\", resource) when {{ resource.account == \"{account}\" }};"
        )
    };
    let file = policy_file(&of("111122223333"));
    let function = Function::without_aws(&[("ACCOUNTS", ACCOUNTS), ("POLICY_FILE", &file)]).await;
    function.get("/accounts").await.is(200, &json!([{"name": "red", "id": "111122223333"}]));
    let line = function.log_line();
    assert_eq!((&line["decision"], &line["decided_by"]), (&json!("allow"), &json!(["policy0"])), "{line}");

    let file = policy_file(&of("999999999999"));
    let function = Function::without_aws(&[("ACCOUNTS", ACCOUNTS), ("POLICY_FILE", &file)]).await;
    let message = "The policy of this deployment does not permit ListAccounts of us-east-1";
    function.get("/accounts").await.refuses(403, "Forbidden", message);
    assert_eq!(function.log_line()["decision"], "deny");
}
