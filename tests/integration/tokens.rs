//! Tokens of lists: URL-safe, and they lead back to AWS's own.

use crate::support::xml::{describe, instance, response};
use crate::support::{A, Function};

/// A token of S3, from a public report.
const S3_TOKEN: &str = "1oDMtg+plckMHvLSZvcmKg6Gn5QYOEbCY9z/2gPv9gOXdHJRMSuQ/tibeJlExsXSBJwhmPaiDpMOQOF+c/49MmA==";

fn assert_url_safe(token: &str) {
    assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)), "{token}");
}

/// A page of ListObjectsV2 with the token of the next one.
fn objects(token: &str) -> crate::support::Response {
    let more = format!("<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>");
    response(200, format!("<ListBucketResult>{more}<Contents><Key>k</Key><Size>1</Size></Contents></ListBucketResult>"))
}

#[tokio::test]
async fn token_of_objects_is_pasted_into_a_query_as_it_is() {
    let path = "/s3/demo-x?max_results=1";
    let function = Function::canned([objects(S3_TOKEN), objects("")]).await;
    let first = function.get(path).await;
    let token = &first.headers["x-next-token"];
    assert_url_safe(token);
    let second = function.get(&format!("{path}&next_token={token}")).await;
    assert_eq!((second.status, second.headers.get("x-next-token")), (200, None), "an empty token ends a list");
    let sent = function.wire.requests();
    let encoded = S3_TOKEN.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    assert!(sent[1].path.contains(&format!("continuation-token={encoded}")), "{}", sent[1].path);
}

#[tokio::test]
async fn token_of_instances_is_pasted_into_a_query_as_it_is() {
    for path in
        ["/ec2/list?region_name=us-east-1&max_results=5", "/ec2/reservations?region_name=us-east-1&max_results=5"]
    {
        let function = Function::canned([describe([instance(A)]).next_token("a+b/c=="), describe([])]).await;
        let token = function.get(path).await.headers["x-next-token"].clone();
        assert_url_safe(&token);
        assert_eq!(function.get(&format!("{path}&next_token={token}")).await.headers.get("x-next-token"), None);
        let sent = function.wire.requests();
        assert!(sent[1].form().contains(&"NextToken=a+b/c==".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn token_as_aws_wrote_it_is_taken_also_with_a_plus_that_became_a_blank() {
    for given in ["a%2Bb/c==", "a+b/c==", "a%20b/c=="] {
        let function = Function::canned([describe([])]).await;
        let answer = function.get(&format!("/ec2/list?region_name=us-east-1&next_token={given}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(function.wire.only_request().form().contains(&"NextToken=a+b/c==".to_owned()), "{given}");
    }
}

#[tokio::test]
async fn damaged_token_is_refused_without_a_call_to_aws() {
    let function = Function::without_aws(&[]).await;
    let message = "next_token must be what an earlier answer's header x-next-token says";
    for path in [
        "/ec2/list?region_name=us-east-1",
        "/ec2/reservations?region_name=us-east-1",
        "/ec2/list?region_name=all",
        "/s3/demo-x?",
    ] {
        let answer = function.get(&format!("{path}&next_token=~%25")).await;
        answer.refuses(400, "InvalidParameterValue", message);
    }
    function.assert_no_calls();
}
