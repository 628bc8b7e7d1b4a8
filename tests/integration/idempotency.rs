//! Idempotent launches: the client token, and the header `Idempotency-Key`.

use crate::support::xml::{describe, instance, launched, refusal};
use crate::support::{A, Function, HttpApiEvent, REQUEST_ID};
use serde_json::{Value, json};

const CREATE: &str = "/ec2/create?region_name=eu-west-1&image_id=ami-abba916a";

fn launch(key: Option<&str>) -> Value {
    let event = HttpApiEvent::new("POST", CREATE).key();
    key.into_iter().fold(event, |event, key| event.header("idempotency-key", key)).json()
}

/// Launches. Returns the client token that was sent.
async fn token(event: &Value) -> String {
    let function = Function::canned([launched([instance(A)])]).await;
    let answer = function.invoke(event).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let form = function.wire.only_request().form();
    let token = form.iter().find_map(|line| line.strip_prefix("ClientToken=")).unwrap().to_owned();
    assert!(form.contains(&format!("TagSpecification.1.Tag.2.Value={token}")), "the tag is the token: {form:?}");
    assert_eq!(function.log_line()["client_token"], token);
    token
}

#[tokio::test]
async fn client_token_depends_on_caller_and_idempotency_key() {
    let (one, other) = (token(&launch(Some("order-1"))).await, token(&launch(Some("order-2"))).await);
    assert_eq!(one.len(), 64);
    assert_eq!(
        one,
        token(&launch(Some("order-1"))).await,
        "the same key gives the same token, whatever the request ID"
    );
    assert_eq!(one, token(&launch(Some("\"order-1\""))).await, "the draft's syntax has quotes");
    assert_ne!(one, other);
    assert_eq!(token(&launch(None)).await, REQUEST_ID);
    let mut by_role = launch(Some("order-1"));
    by_role["requestContext"]["authorizer"] = json!({"iam": {"userArn": "arn:aws:iam::123456789012:user/demo"}});
    let function = Function::canned([launched([instance(A)])]).await;
    assert_eq!(function.invoke(&by_role).await.status, 200);
    assert!(
        !function.wire.only_request().form().contains(&format!("ClientToken={one}")),
        "the token depends on the caller"
    );
    // The token is the same in every dialect.
    let function = Function::canned([launched([instance(A)])]).await;
    let path = "/v1/launch?ami=ami-abba916a&instance_type=t3.micro";
    let event = HttpApiEvent::new("PUT", path).key().header("idempotency-key", "order-1").json();
    assert_eq!(function.invoke(&event).await.status, 200);
    assert!(function.wire.only_request().form().contains(&format!("ClientToken={one}")));
}

#[tokio::test]
async fn different_launch_with_the_same_idempotency_key_is_422() {
    let function = Function::canned([refusal("IdempotentParameterMismatch", "m")]).await;
    function.invoke(&launch(Some("order-1"))).await.refuses(422, "IdempotentParameterMismatch", "m");
}

#[tokio::test]
async fn malformed_idempotency_key_is_refused() {
    let function = Function::without_aws(&[]).await;
    let message = "Idempotency-Key must be one key of 1 to 64 ASCII characters, without quotes inside";
    for key in ["", "\"\"", &"k".repeat(65), "schlüssel", "a\tb", "a\"b", "\"a"] {
        function.invoke(&launch(Some(key))).await.refuses(400, "InvalidParameterValue", message);
    }
    function.assert_no_calls();
    // Requests that launch nothing ignore the header.
    let function = Function::canned([describe([])]).await;
    let event = HttpApiEvent::new("GET", "/ec2/list?region_name=us-east-1").key().header("idempotency-key", "").json();
    function.invoke(&event).await.is(200, &json!([]));
}
