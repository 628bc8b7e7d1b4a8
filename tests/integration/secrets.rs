//! Secrets never get into a log line, an error or a header.

use crate::dry_run::CHANGES;
use crate::support::xml::{describe, instance_without_id, refusal, response};
use crate::support::{Function, HttpApiEvent, KEY, Wire, policy_file};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::json;

#[tokio::test]
async fn secrets_of_a_caller_are_in_no_log_line_error_or_header() {
    const SECRET: &str = "s3cr3t-Value";
    let base64 = BASE64_STANDARD.encode(SECRET);
    let no_launches = r#"permit (principal, action, resource) unless { action == Action::"RunInstances" };"#;
    for (response, policies) in [
        (refusal("InvalidParameterValue", "That is invalid"), None),
        (response(403, "<html>garbage</html>"), None),
        (response(404, ""), None),
        (response(200, "<DescribeInstancesResponse/>"), Some(no_launches)),
    ] {
        let file = policies.map(policy_file).unwrap_or_default();
        let function = Function::new(Wire::always(response).await, &[("POLICY_FILE", &file)]).await;
        let mut replies = Vec::new();
        let reads = [
            ("GET", "/ec2/list?region_name=us-east-1"),
            ("GET", "/ec2/reservations?region_name=us-east-1"),
            ("GET", "/instance/us-east-1/i-abba916a?"),
            ("GET", "/v1/i-abba916a/attributes?"),
            ("GET", "/v1/i-abba916a/attributes/state?"),
            ("GET", "/s3?"),
            ("GET", "/s3/demo-a?"),
            ("GET", "/s3/demo-a/k?"),
            ("GET", "/health?"),
            ("GET", "/nothing?"),
            ("PATCH", "/ec2/list?"),
        ];
        for (method, path) in CHANGES.iter().map(|(method, path, _)| (*method, *path)).chain(reads) {
            let credentials = format!("{path}&aws_access_key_id={SECRET}&aws_secret_access_key={SECRET}");
            let members = json!({
                "api_key": SECRET, "aws_secret_access_key": SECRET, "user_data": SECRET, "password": SECRET,
                "tag:secret": SECRET, "value": SECRET, "attribute": "userData",
            });
            for event in [
                // Wrong keys in every place.
                HttpApiEvent::new(method, path).header("x-api-key", SECRET).header("api_key", SECRET),
                HttpApiEvent::new(method, path).header("authorization", &format!("Bearer {SECRET}")),
                HttpApiEvent::new(method, path)
                    .header("authorization", &format!("AWS4-HMAC-SHA256 Credential={SECRET}")),
                HttpApiEvent::new(method, path).header("cookie", &format!("api_key={SECRET}; session={SECRET}")),
                HttpApiEvent::new(method, &format!("{path}&api_key={SECRET}")),
                HttpApiEvent::new(method, path).json_body(&members),
                // The right key, and secrets in every other place.
                HttpApiEvent::new(method, &credentials).key(),
                HttpApiEvent::new(method, path).key().json_body(&members),
                HttpApiEvent::new(method, path).key().json_body(&json!(members.to_string())),
                HttpApiEvent::new(method, path).key().json_body(&json!(SECRET)),
                HttpApiEvent::new(method, path)
                    .key()
                    .body("application/json", &format!("{{\"user_data\": \"{SECRET}\"")),
                HttpApiEvent::new(method, path)
                    .key()
                    .body("application/json", &format!("{{\"user_data\": [\"{SECRET}\"]}}")),
                HttpApiEvent::new(method, path).key().form_body(&format!("user_data={SECRET}&api_key={SECRET}")),
                HttpApiEvent::new(method, path).key().form_body(&format!("user_data={SECRET}%ff")),
                HttpApiEvent::new(method, path).key().body("text/plain", SECRET),
            ] {
                let answer = function.send(event).await;
                assert_ne!(answer.status, 0);
                replies.push(format!("{method} {path}: {answer:?}"));
            }
        }
        for text in replies.iter().chain(&function.log_lines()) {
            for secret in [SECRET, base64.as_str(), KEY] {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
        }
    }
}

#[tokio::test]
async fn malformed_response_of_aws_is_not_logged() {
    let token = "<Response><Errors><Error><Code>ExpiredToken</Code><Message>The token has expired</Message></Error></Errors>\
        <Token-0>s3cr3t-token</Token-0></Response>";
    let number = describe([instance_without_id().with("instanceState", "<code>s3cr3t-token</code>")]);
    for malformed in [response(400, token), number, response(403, "s3cr3t-token")] {
        let function = Function::canned(vec![malformed; 3]).await;
        let answer = function.list("us-east-1").await;
        assert_eq!(answer.status, 502, "{answer:?}");
        let line = function.log_line();
        assert!(!format!("{line} {answer:?}").contains("s3cr3t"), "{line}");
        assert_eq!(line["level"], "ERROR");
        assert!(line["cause"].as_str().unwrap().len() > 10, "{line}");
    }
}

#[tokio::test]
async fn key_in_the_place_of_a_name_or_in_the_path_is_not_logged() {
    let function = Function::new(Wire::always(describe([])).await, &[]).await;
    for (method, path) in [
        ("POST", format!("/ec2/stop?region_name=us-east-1&instance_id={KEY}")),
        ("POST", format!("/ec2/stop?region_name=us-east-1&instance_id=web-{KEY}")),
        ("POST", format!("/ec2/create?region_name=us-east-1&image_id=ami-abba916a&{KEY}=1")),
        ("POST", format!("/ec2/create?region_name=us-east-1&image_id=ami-abba916a&tag:{KEY}%0a=1")),
        ("PUT", format!("/v1/{KEY}/start")),
        ("GET", format!("/v1/i-abba916a/attributes/{KEY}")),
        ("PUT", format!("/instance/us-east-1/{KEY}/stop")),
        ("PUT", format!("/instance/{KEY}/i-abba916a/stop")),
        ("GET", format!("/s3/demo-{KEY}/a")),
        ("PUT", format!("/s3/demo-a/a/{KEY}/b")),
        ("GET", format!("/{KEY}")),
    ] {
        for event in [HttpApiEvent::new(method, &path).key(), HttpApiEvent::new(method, &path)] {
            function.send(event).await;
            let line = function.log_lines().concat();
            assert!(line.contains("\"status\":") && !line.contains(KEY), "{method} {path}: {line}");
        }
    }
}

#[tokio::test]
async fn log_line_has_one_timestamp_by_rfc_3339() {
    let function = Function::without_aws(&[]).await;
    function.get("/health").await;
    let line = function.measured_line();
    assert_eq!(line["timestamp"], "2016-02-16T18:04:09.006Z");
    assert_eq!(line["_aws"]["Timestamp"], 1_455_645_849_006_i64, "the same time, in the unit of the metrics");
}
