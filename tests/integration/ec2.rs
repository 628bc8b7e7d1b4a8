//! `/ec2` against moto, and its input validation.

use crate::support::{Function, HttpApiEvent, IMAGE, KEY, NO_INSTANCE, own_region};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};

/// Codes of bad input.
const MISSING: &str = "MissingParameter";
const INVALID: &str = "InvalidParameterValue";

#[tokio::test]
async fn an_instance_is_launched_listed_stopped_started_rebooted_and_terminated() {
    let function = Function::with_moto().await;
    let region = own_region();
    let group = function.prepare(region).await;
    let at = |path: &str| format!("/ec2/{path}?region_name={region}");

    function.get(&at("list")).await.is(200, &json!([]));
    function.wire.requests();

    let create = format!("{}&KeyName=demo&SecurityGroupId={group}", at("create"));
    let launched = function.post(&create).await;
    assert_eq!(launched.status, 200, "{launched:?}");
    let launched = launched.json();
    let id = launched["InstanceId"].as_str().unwrap();
    assert_eq!(launched["ImageId"], IMAGE);
    assert_eq!(launched["InstanceType"], "t3.micro");
    assert_eq!(launched["KeyName"], "demo");
    assert_eq!(launched["State"], json!({"Code": 0, "Name": "pending"}));
    assert_eq!(launched["SecurityGroups"], json!([{"GroupId": group, "GroupName": "demo"}]));
    for member in [
        "LaunchTime",
        "Placement",
        "PrivateDnsName",
        "PrivateIpAddress",
        "PublicDnsName",
        "SubnetId",
        "VpcId",
        "Architecture",
        "Tags",
        "EbsOptimized",
        "RootDeviceName",
    ] {
        assert!(launched.get(member).is_some(), "{member}: {launched:#}");
    }
    assert_eq!(function.wire.only_request().action(), "RunInstances");

    let listed = function.get(&at("list")).await.json();
    assert_eq!(
        listed,
        json!([{
            "id": id, "instance-type": "t3.micro", "instance-state": "running",
            "private-ip": launched["PrivateIpAddress"], "key-name": "demo", "image-id": IMAGE,
            "vpc-id": launched["VpcId"], "subnet-id": launched["SubnetId"],
            "security-group-ids": [{"GroupId": group, "GroupName": "demo"}],
        }])
    );
    let reservations = function.get(&at("reservations")).await.json();
    assert_eq!(reservations[0]["Instances"][0]["InstanceId"], id);
    assert_eq!(reservations[0]["Instances"][0]["State"], json!({"Code": 16, "Name": "running"}));
    assert!(reservations[0]["ReservationId"].as_str().unwrap().starts_with("r-"));
    function.wire.requests();

    let change = |now: (u8, &str), before: (u8, &str)| {
        json!({
            "InstanceId": id,
            "CurrentState": {"Code": now.0, "Name": now.1},
            "PreviousState": {"Code": before.0, "Name": before.1},
        })
    };
    let one = |path: &str| format!("{}&instance_id={id}", at(path));
    function.post(&one("stop")).await.is(200, &change((64, "stopping"), (16, "running")));
    function.post(&one("start")).await.is(200, &change((0, "pending"), (80, "stopped")));
    function.post(&one("reboot")).await.is(200, &json!({"InstanceId": id}));
    function.post(&one("terminate")).await.is(200, &change((32, "shutting-down"), (16, "running")));
    assert_eq!(function.wire.actions(), ["StopInstances", "StartInstances", "RebootInstances", "TerminateInstances"]);

    let listed = function.get(&format!("{}&state=terminated", at("list"))).await.json();
    assert_eq!((&listed[0]["id"], &listed[0]["instance-state"]), (&json!(id), &json!("terminated")));
}

#[tokio::test]
async fn parameters_come_from_query_json_or_form_and_base64_bodies_work() {
    let function = Function::with_moto().await;
    let region = own_region();
    let group = function.prepare(region).await;
    let json = json!({"region_name": region, "KeyName": "demo", "SecurityGroupId": group}).to_string();
    let form = format!("region_name={region}&KeyName=demo&SecurityGroupId={group}");
    let event = || HttpApiEvent::new("POST", "/ec2/create/").key();
    let encoded = base64(&json);
    let untyped = event().body("x", &json).json();
    let mut untyped_without_type = untyped.clone();
    untyped_without_type["headers"].as_object_mut().unwrap().remove("content-type");
    for event in [
        event().body("application/json", &json).json(),
        event().form_body(&form).json(),
        event()
            .body("application/x-www-form-urlencoded; charset=utf-8", &base64(&form))
            .set("/isBase64Encoded", json!(true))
            .json(),
        event().body("application/json", &encoded).set("/isBase64Encoded", json!(true)).json(),
        untyped_without_type,
    ] {
        let answer = function.invoke(&event).await;
        assert_eq!(answer.status, 200, "{event:#} {answer:?}");
        assert_eq!(answer.headers.get("warning"), None);
    }
    assert_eq!(function.wire.requests().len(), 5);
}

fn base64(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

#[tokio::test]
async fn several_instances_are_launched_and_changed_with_one_call() {
    let function = Function::with_moto().await;
    let region = own_region();
    let group = function.prepare(region).await;
    let body =
        json!({"region_name": region, "KeyName": "demo", "SecurityGroupId": group, "MinCount": 2, "MaxCount": 2});
    let launched = function.post_json("/ec2/create", &body).await.json();
    let ids: Vec<_> =
        launched.as_array().unwrap().iter().map(|instance| instance["InstanceId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 2);
    function.wire.requests();

    let asked = [ids[1], ids[0]];
    let stopped = function.post_json("/ec2/stop", &json!({"region_name": region, "instance_ids": asked})).await.json();
    let order: Vec<_> =
        stopped.as_array().unwrap().iter().map(|instance| instance["InstanceId"].as_str().unwrap()).collect();
    assert_eq!(order, asked);
    assert_eq!(function.wire.only_request().action(), "StopInstances");

    let path = format!("/ec2/start?region_name={region}&instance_id={}&instance_id={}", ids[0], ids[1]);
    assert_eq!(function.post(&path).await.json().as_array().unwrap().len(), 2);

    let only = function.get(&format!("/ec2/list?region_name={region}&instance_id={}", ids[0])).await.json();
    assert_eq!(only.as_array().unwrap().len(), 1);
    assert_eq!(only[0]["id"], ids[0]);
}

#[tokio::test]
async fn manual_paging_returns_every_instance_once() {
    let function = Function::with_moto().await;
    let region = own_region();
    let group = function.prepare(region).await;
    let mut launched = Vec::new();
    for _ in 0..7 {
        let path = format!("/ec2/create?region_name={region}&KeyName=demo&SecurityGroupId={group}");
        launched.push(function.post(&path).await.json()["InstanceId"].as_str().unwrap().to_owned());
    }
    let ids = |page: &Value| -> Vec<String> {
        page.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    let path = format!("/ec2/list?region_name={region}&max_results=5");
    let first = function.get(&path).await;
    let token = &first.headers["x-next-token"];
    let second = function.get(&format!("{path}&next_token={token}")).await;
    assert_eq!(second.headers.get("x-next-token"), None);
    let mut requests = ids(&first.json());
    assert_eq!(requests.len(), 5);
    requests.extend(ids(&second.json()));
    requests.sort();
    launched.sort();
    assert_eq!(requests, launched);
}

#[tokio::test]
async fn errors_of_ec2_keep_their_codes() {
    let function = Function::with_moto().await;
    let region = own_region();
    let group = function.prepare(region).await;
    let path = format!("/ec2/start?region_name={region}&instance_id={NO_INSTANCE}");
    let message = format!("The instance ID '{NO_INSTANCE}' does not exist (region {region})");
    function.post(&path).await.refuses(404, "InvalidInstanceID.NotFound", &message);
    let line = function.log_line();
    assert_eq!(line["instance_ids"], json!([NO_INSTANCE]));
    assert_eq!(line["level"], "WARN");

    let create = format!("/ec2/create?region_name={region}&SecurityGroupId={group}");
    let answer = function.post(&format!("{create}&KeyName=nobody")).await;
    assert_eq!((answer.status, &answer.json()["Error"]), (404, &json!("InvalidKeyPair.NotFound")));
    let answer = function.post(&format!("{create}&KeyName=demo&ImageId=ami-0123456789abcdef0")).await;
    assert_eq!((answer.status, &answer.json()["Error"]), (404, &json!("InvalidAMIID.NotFound")));
    let answer = function.post(&format!("{create}&KeyName=demo&InstanceType=t3.gigantic")).await;
    assert_eq!((answer.status, &answer.json()["Error"]), (404, &json!("InvalidInstanceType.NotFound")));
}

#[tokio::test]
async fn invalid_input_is_refused_by_parameter_name_without_a_call_to_aws() {
    let function = Function::without_aws(&[]).await;
    let region = "region_name=us-east-1";
    let id = "must be an instance's ID, i- and 8 or 17 hex digits, or its name, which does not begin with i-";
    let long = "a".repeat(10_000);
    let many = vec![NO_INSTANCE; 2000].join(",");
    let place = "must be a region that this deployment allows";
    let create = format!("{region}&KeyName=k&SecurityGroupId=sg-abba916a");
    let whole = "must be a whole number from 1 to 1000";
    for (route, query, code, message) in [
        ("list", String::new(), MISSING, "region_name is required".to_owned()),
        ("list", "region_name=".into(), MISSING, "region_name is required".into()),
        ("list", "region_name=evil.example/".into(), INVALID, format!("region_name {place}")),
        ("list", "region_name=x.evil.example%2F".into(), INVALID, format!("region_name {place}")),
        ("list", "region_name=us-east-1%00".into(), INVALID, "region_name has a control character".into()),
        ("list", "region_name=cn-north-1".into(), INVALID, format!("region_name {place}")),
        ("list", "region_name=derp".into(), INVALID, format!("region_name {place}")),
        (
            "list",
            "region_name=us-east-1&region_name=us-east-2".into(),
            INVALID,
            "region_name is given twice, with different values".into(),
        ),
        (
            "list",
            format!("{region}&state=sleeping"),
            INVALID,
            "state must be of pending, running, shutting-down, terminated, stopping, stopped".into(),
        ),
        (
            "list",
            format!("{region}&max_results=4"),
            INVALID,
            "max_results must be a whole number from 5 to 1000".into(),
        ),
        (
            "list",
            format!("{region}&max_results=1001"),
            INVALID,
            "max_results must be a whole number from 5 to 1000".into(),
        ),
        ("list", format!("{region}&tag:=x"), INVALID, "tag:KEY needs a tag's key after the colon".into()),
        ("list", format!("{region}&instance_id=i-xyz"), INVALID, format!("instance_id {id}")),
        ("list", format!("{region}&state=%ff"), INVALID, "state is not UTF-8".into()),
        ("start", region.into(), MISSING, "instance_id or tag:KEY is required".into()),
        ("start", format!("{region}&instance_id=i-xyz"), INVALID, format!("instance_id {id}")),
        ("start", format!("{region}&instance_id=i-{long}"), INVALID, format!("instance_id {id}")),
        ("start", format!("{region}&instance_id=i-abba916a%00"), INVALID, "instance_id has a control character".into()),
        ("start", format!("{region}&instance_id=,,"), INVALID, "instance_id has an empty item".into()),
        ("start", format!("{region}&instance_id={NO_INSTANCE},i-web"), INVALID, format!("instance_id {id}")),
        ("start", format!("{region}&instance_id={many}"), INVALID, "instance_id has more than 1000 items".into()),
        ("start", format!("{}=x", long), "InvalidParameterName", "A parameter's name is too long".into()),
        ("create", format!("{region}&SecurityGroupId=sg-abba916a"), MISSING, "KeyName is required".into()),
        ("create", format!("{region}&KeyName=k"), MISSING, "SecurityGroupId is required".into()),
        (
            "create",
            format!("{region}&KeyName=k&SecurityGroupId=web"),
            INVALID,
            "SecurityGroupId must be a security group's ID: sg- and 8 or 17 hex digits".into(),
        ),
        (
            "create",
            format!("{create}&security_groups=sg-1"),
            INVALID,
            "security_groups must be a security group's ID: sg- and 8 or 17 hex digits".into(),
        ),
        (
            "create",
            format!("{create}&ImageId=ubuntu"),
            INVALID,
            "ImageId must be an AMI ID (ami-...), or a public parameter of AWS (resolve:ssm:/aws/service/...)".into(),
        ),
        (
            "create",
            format!("{create}&InstanceType=huge"),
            INVALID,
            "InstanceType must be an instance type such as t3.micro".into(),
        ),
        ("create", format!("{create}&MaxCount=0"), INVALID, format!("MaxCount {whole}")),
        ("create", format!("{create}&MaxCount=ten"), INVALID, format!("MaxCount {whole}")),
        ("create", format!("{create}&MaxCount=1001"), INVALID, format!("MaxCount {whole}")),
        (
            "create",
            format!("{create}&MinCount=3&MaxCount=2"),
            INVALID,
            "MaxCount must not be less than MinCount".into(),
        ),
        ("create", format!("{create}&KeyName=other"), INVALID, "KeyName is given twice, with different values".into()),
        (
            "create",
            format!("{region}&SecurityGroupId=sg-abba916a&KeyName={long}"),
            INVALID,
            "KeyName has more than 255 characters".into(),
        ),
    ] {
        let method = if route == "list" { "GET" } else { "POST" };
        let answer = function.call(method, &format!("/ec2/{route}?{query}")).await;
        answer.refuses(400, code, &message);
    }
    function.assert_no_calls();
}

#[tokio::test]
async fn invalid_body_is_refused_without_a_call_to_aws() {
    let function = Function::without_aws(&[]).await;
    let json = "application/json";
    let large = format!("{{\"user_data\": \"{}\"}}", "x".repeat(6_000_000));
    for (content_type, body, status, code, message) in [
        (json, "[1, 2]", 400, "MalformedRequest", "The request body is not a JSON object"),
        (json, "{\"region_name\": \"us-ea", 400, "MalformedRequest", "The request body is JSON that ends too early"),
        (json, "{]", 400, "MalformedRequest", "The request body is not JSON: line 1, column 2"),
        (json, "{\"region_name\": 5}", 400, "InvalidParameterValue", "region_name must be a string"),
        (
            json,
            "{\"region_name\": \"us-east-1\", \"region_name\": \"us-east-2\"}",
            400,
            INVALID,
            "region_name is given twice, with different values",
        ),
        (
            json,
            "{\"region_name\": \"us-east-1\", \"instance_ids\": [1]}",
            400,
            INVALID,
            "instance_ids must be an array of strings",
        ),
        (json, large.as_str(), 413, "RequestEntityTooLarge", "The request body is larger than 262144 bytes"),
        ("application/x-www-form-urlencoded", "region_name=%ff", 400, INVALID, "region_name is not UTF-8"),
        (
            "application/x-www-form-urlencoded",
            "{\"region_name\": 5}",
            400,
            "MalformedRequest",
            "The request body looks like JSON, but its Content-Type says form: send Content-Type: application/json",
        ),
    ] {
        let answer = function.send(HttpApiEvent::new("POST", "/ec2/start").key().body(content_type, body)).await;
        answer.refuses(status, code, message);
    }
    let event =
        HttpApiEvent::new("POST", "/ec2/start").key().body(json, &BASE64_STANDARD.encode(b"{\"a\": \"\xff\xfe\"}"));
    let answer = function.send(event.set("/isBase64Encoded", json!(true))).await;
    answer.refuses(400, "MalformedRequest", "The request body is not JSON: line 1, column 8");
    function.assert_no_calls();
}

#[tokio::test]
async fn credentials_in_a_request_are_ignored_with_a_warning_and_never_logged() {
    let function = Function::with_moto().await;
    let region = own_region();
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let path = format!(
        "/ec2/start?region_name={region}&InstanceId={NO_INSTANCE}&aws_access_key_id=AKIAIOSFODNN7EXAMPLE&aws_secret_access_key={}",
        secret.replace('/', "%2F")
    );
    let answer = function.post(&path).await;
    assert_eq!(answer.status, 404, "{answer:?}");
    let warning = "299 - \"AWS credentials in a request are ignored: stop sending them\"";
    assert_eq!(answer.headers["warning"], warning);
    let request = function.wire.only_request();
    assert!(request.headers["authorization"].contains("Credential=AKIDTEST/"), "{request:?}");
    for text in [format!("{request:?}"), function.log_lines().join("\n"), format!("{answer:?}")] {
        for secret in ["AKIAIOSFODNN7EXAMPLE", secret, KEY] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    let body = json!({"region_name": region, "aws_secret_access_key": secret});
    let answer = function.send(HttpApiEvent::new("GET", "/ec2/list").key().json_body(&body)).await;
    assert_eq!((answer.status, answer.headers["warning"].as_str()), (200, warning));
}
