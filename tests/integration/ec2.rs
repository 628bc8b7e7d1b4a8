//! `/ec2` against moto, and what it refuses without a call to AWS.

use crate::support::{Event2, Function, IMAGE, KEY, NO_INSTANCE, own_region};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};

#[tokio::test]
async fn an_instance_is_launched_listed_stopped_started_rebooted_and_terminated() {
    let function = Function::with_moto().await;
    let region = own_region();
    let group = function.prepare(region).await;
    let at = |path: &str| format!("/ec2/{path}?region_name={region}");

    function.call("GET", &at("list")).await.is(200, &json!([]));
    function.wire.seen();

    let create = format!("{}&KeyName=demo&SecurityGroupId={group}", at("create"));
    let launched = function.call("POST", &create).await;
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
    assert_eq!(function.wire.only().action(), "RunInstances");

    let listed = function.call("GET", &at("list")).await.json();
    assert_eq!(
        listed,
        json!([{
            "id": id, "instance-type": "t3.micro", "instance-state": "running",
            "private-ip": launched["PrivateIpAddress"], "key-name": "demo", "image-id": IMAGE,
            "vpc-id": launched["VpcId"], "subnet-id": launched["SubnetId"],
            "security-group-ids": [{"GroupId": group, "GroupName": "demo"}],
        }])
    );
    let reservations = function.call("GET", &at("reservations")).await.json();
    assert_eq!(reservations[0]["Instances"][0]["InstanceId"], id);
    assert_eq!(reservations[0]["Instances"][0]["State"], json!({"Code": 16, "Name": "running"}));
    assert!(reservations[0]["ReservationId"].as_str().unwrap().starts_with("r-"));
    function.wire.seen();

    let change = |now: (u8, &str), before: (u8, &str)| {
        json!({
            "InstanceId": id,
            "CurrentState": {"Code": now.0, "Name": now.1},
            "PreviousState": {"Code": before.0, "Name": before.1},
        })
    };
    let one = |path: &str| format!("{}&instance_id={id}", at(path));
    function.call("POST", &one("stop")).await.is(200, &change((64, "stopping"), (16, "running")));
    function.call("POST", &one("start")).await.is(200, &change((0, "pending"), (80, "stopped")));
    function.call("POST", &one("reboot")).await.is(200, &json!({"InstanceId": id}));
    function.call("POST", &one("terminate")).await.is(200, &change((32, "shutting-down"), (16, "running")));
    let actions: Vec<_> = function.wire.seen().iter().map(crate::support::Seen::action).collect();
    assert_eq!(actions, ["StopInstances", "StartInstances", "RebootInstances", "TerminateInstances"]);

    let listed = function.call("GET", &format!("{}&state=terminated", at("list"))).await.json();
    assert_eq!((&listed[0]["id"], &listed[0]["instance-state"]), (&json!(id), &json!("terminated")));
}

#[tokio::test]
async fn parameters_come_from_query_json_or_form_and_base64_bodies_work() {
    let function = Function::with_moto().await;
    let region = own_region();
    let group = function.prepare(region).await;
    let json = json!({"region_name": region, "KeyName": "demo", "SecurityGroupId": group}).to_string();
    let form = format!("region_name={region}&KeyName=demo&SecurityGroupId={group}");
    let event = || Event2::new("POST", "/ec2/create/").key();
    let encoded = base64(&json);
    let untyped = event().body("x", &json).json();
    let mut untyped_without_type = untyped.clone();
    untyped_without_type["headers"].as_object_mut().unwrap().remove("content-type");
    for event in [
        event().body("application/json", &json).json(),
        event().body("application/x-www-form-urlencoded", &form).json(),
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
    assert_eq!(function.wire.seen().len(), 5);
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
    let launched = function.call_json("POST", "/ec2/create", &body).await.json();
    let ids: Vec<_> = launched.as_array().unwrap().iter().map(|it| it["InstanceId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 2);
    function.wire.seen();

    let asked = [ids[1], ids[0]];
    let stopped =
        function.call_json("POST", "/ec2/stop", &json!({"region_name": region, "instance_ids": asked})).await.json();
    let order: Vec<_> = stopped.as_array().unwrap().iter().map(|it| it["InstanceId"].as_str().unwrap()).collect();
    assert_eq!(order, asked);
    assert_eq!(function.wire.only().action(), "StopInstances");

    let path = format!("/ec2/start?region_name={region}&instance_id={}&instance_id={}", ids[0], ids[1]);
    assert_eq!(function.call("POST", &path).await.json().as_array().unwrap().len(), 2);

    let only = function.call("GET", &format!("/ec2/list?region_name={region}&instance_id={}", ids[0])).await.json();
    assert_eq!(only.as_array().unwrap().len(), 1);
    assert_eq!(only[0]["id"], ids[0]);
}

#[tokio::test]
async fn a_list_pages_by_hand_without_losing_an_instance() {
    let function = Function::with_moto().await;
    let region = own_region();
    let group = function.prepare(region).await;
    let mut launched = Vec::new();
    for _ in 0..7 {
        let path = format!("/ec2/create?region_name={region}&KeyName=demo&SecurityGroupId={group}");
        launched.push(function.call("POST", &path).await.json()["InstanceId"].as_str().unwrap().to_owned());
    }
    let ids = |page: &Value| -> Vec<String> {
        page.as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
    };
    let path = format!("/ec2/list?region_name={region}&max_results=5");
    let first = function.call("GET", &path).await;
    let token = &first.headers["x-next-token"];
    let second = function.call("GET", &format!("{path}&next_token={token}")).await;
    assert_eq!(second.headers.get("x-next-token"), None);
    let mut seen = ids(&first.json());
    assert_eq!(seen.len(), 5);
    seen.extend(ids(&second.json()));
    seen.sort();
    launched.sort();
    assert_eq!(seen, launched);
}

#[tokio::test]
async fn ec2s_own_refusals_come_back_with_their_codes() {
    let function = Function::with_moto().await;
    let region = own_region();
    let group = function.prepare(region).await;
    let path = format!("/ec2/start?region_name={region}&instance_id={NO_INSTANCE}");
    let message = format!("The instance ID '{NO_INSTANCE}' does not exist");
    function.call("POST", &path).await.refuses(404, "InvalidInstanceID.NotFound", &message);
    let line = function.log_line();
    assert_eq!(line["instance_ids"], json!([NO_INSTANCE]));
    assert_eq!(line["level"], "WARN");

    let create = format!("/ec2/create?region_name={region}&SecurityGroupId={group}");
    let answer = function.call("POST", &format!("{create}&KeyName=nobody")).await;
    assert_eq!((answer.status, &answer.json()["Error"]), (404, &json!("InvalidKeyPair.NotFound")));
    let answer = function.call("POST", &format!("{create}&KeyName=demo&ImageId=ami-0123456789abcdef0")).await;
    assert_eq!((answer.status, &answer.json()["Error"]), (404, &json!("InvalidAMIID.NotFound")));
    let answer = function.call("POST", &format!("{create}&KeyName=demo&InstanceType=t3.gigantic")).await;
    assert_eq!((answer.status, &answer.json()["Error"]), (404, &json!("InvalidInstanceType.NotFound")));
}

#[tokio::test]
async fn bad_input_is_refused_by_name_and_never_reaches_aws() {
    let function = Function::alone(&[]).await;
    let region = "region_name=us-east-1";
    let id = "must be an instance's ID, i- and 8 or 17 hex digits, or its name, which does not begin with i-";
    let long = "a".repeat(10_000);
    let many = vec![NO_INSTANCE; 2000].join(",");
    let place = "must be a region that this deployment allows";
    let create = format!("{region}&KeyName=k&SecurityGroupId=sg-abba916a");
    let whole = "must be a whole number from 1 to 1000";
    for (route, query, message) in [
        ("list", String::new(), "region_name is required".to_owned()),
        ("list", "region_name=".into(), "region_name is required".into()),
        ("list", "region_name=evil.example/".into(), format!("region_name {place}")),
        ("list", "region_name=x.evil.example%2F".into(), format!("region_name {place}")),
        ("list", "region_name=us-east-1%00".into(), "region_name has a control character".into()),
        ("list", "region_name=cn-north-1".into(), format!("region_name {place}")),
        ("list", "region_name=derp".into(), format!("region_name {place}")),
        (
            "list",
            "region_name=us-east-1&region_name=us-east-2".into(),
            "region_name is given twice, with different values".into(),
        ),
        (
            "list",
            format!("{region}&state=sleeping"),
            "state must be of pending, running, shutting-down, terminated, stopping, stopped".into(),
        ),
        ("list", format!("{region}&max_results=4"), "max_results must be a whole number from 5 to 1000".into()),
        ("list", format!("{region}&max_results=1001"), "max_results must be a whole number from 5 to 1000".into()),
        ("list", format!("{region}&tag:=x"), "tag:KEY needs a tag's key after the colon".into()),
        ("list", format!("{region}&instance_id=i-xyz"), format!("instance_id {id}")),
        ("list", format!("{region}&state=%ff"), "state is not UTF-8".into()),
        ("start", region.into(), "instance_id is required".into()),
        ("start", format!("{region}&instance_id=i-xyz"), format!("instance_id {id}")),
        ("start", format!("{region}&instance_id=i-{long}"), format!("instance_id {id}")),
        ("start", format!("{region}&instance_id=i-abba916a%00"), "instance_id has a control character".into()),
        ("start", format!("{region}&instance_id=,,"), "instance_id has an empty item".into()),
        ("start", format!("{region}&instance_id={NO_INSTANCE},i-web"), format!("instance_id {id}")),
        ("start", format!("{region}&instance_id={many}"), "instance_id has more than 1000 items".into()),
        ("start", format!("{}=x", long), "A parameter's name is too long".into()),
        ("create", format!("{region}&SecurityGroupId=sg-abba916a"), "KeyName is required".into()),
        ("create", format!("{region}&KeyName=k"), "SecurityGroupId is required".into()),
        (
            "create",
            format!("{region}&KeyName=k&SecurityGroupId=web"),
            "SecurityGroupId must be a security group's ID: sg- and 8 or 17 hex digits".into(),
        ),
        (
            "create",
            format!("{create}&security_groups=sg-1"),
            "security_groups must be a security group's ID: sg- and 8 or 17 hex digits".into(),
        ),
        (
            "create",
            format!("{create}&ImageId=ubuntu"),
            "ImageId must be an AMI ID (ami-...), or resolve:ssm: and a parameter's name".into(),
        ),
        (
            "create",
            format!("{create}&InstanceType=huge"),
            "InstanceType must be an instance type such as t3.micro".into(),
        ),
        ("create", format!("{create}&MaxCount=0"), format!("MaxCount {whole}")),
        ("create", format!("{create}&MaxCount=ten"), format!("MaxCount {whole}")),
        ("create", format!("{create}&MaxCount=1001"), format!("MaxCount {whole}")),
        ("create", format!("{create}&MinCount=3&MaxCount=2"), "MaxCount must not be less than MinCount".into()),
        ("create", format!("{create}&KeyName=other"), "KeyName is given twice, with different values".into()),
        (
            "create",
            format!("{region}&SecurityGroupId=sg-abba916a&KeyName={long}"),
            "KeyName has more than 255 characters".into(),
        ),
    ] {
        let method = if route == "list" { "GET" } else { "POST" };
        let answer = function.call(method, &format!("/ec2/{route}?{query}")).await;
        assert_eq!((answer.status, &answer.json()["Message"]), (400, &json!(message)), "{route}?{query}");
        let code = answer.json()["Error"].as_str().unwrap().to_owned();
        let expected = match &message {
            it if it.ends_with("is required") => "MissingParameter",
            it if it.starts_with("A parameter's name") => "InvalidParameterName",
            _ => "InvalidParameterValue",
        };
        assert_eq!(code, expected, "{message}");
    }
    function.quiet();
}

#[tokio::test]
async fn a_bad_body_is_refused_and_never_reaches_aws() {
    let function = Function::alone(&[]).await;
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
            "InvalidParameterValue",
            "region_name is given twice, with different values",
        ),
        (
            json,
            "{\"region_name\": \"us-east-1\", \"instance_ids\": [1]}",
            400,
            "InvalidParameterValue",
            "instance_ids must be an array of strings",
        ),
        (json, large.as_str(), 413, "RequestEntityTooLarge", "The request body is larger than 262144 bytes"),
        (
            "application/x-www-form-urlencoded",
            "region_name=%ff",
            400,
            "InvalidParameterValue",
            "region_name is not UTF-8",
        ),
        (
            "application/x-www-form-urlencoded",
            "{\"region_name\": 5}",
            400,
            "MalformedRequest",
            "The request body looks like JSON, but its Content-Type says form: send Content-Type: application/json",
        ),
    ] {
        let answer = function.invoke(&Event2::new("POST", "/ec2/start").key().body(content_type, body).json()).await;
        answer.refuses(status, code, message);
    }
    let event = Event2::new("POST", "/ec2/start").key().body(json, &BASE64_STANDARD.encode(b"{\"a\": \"\xff\xfe\"}"));
    let answer = function.invoke(&event.set("/isBase64Encoded", json!(true)).json()).await;
    answer.refuses(400, "MalformedRequest", "The request body is not JSON: line 1, column 8");
    function.quiet();
}

#[tokio::test]
async fn passed_credentials_are_ignored_warned_of_and_never_logged() {
    let function = Function::with_moto().await;
    let region = own_region();
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let path = format!(
        "/ec2/start?region_name={region}&InstanceId={NO_INSTANCE}&aws_access_key_id=AKIAIOSFODNN7EXAMPLE&aws_secret_access_key={}",
        secret.replace('/', "%2F")
    );
    let answer = function.call("POST", &path).await;
    assert_eq!(answer.status, 404, "{answer:?}");
    let warning = "299 - \"AWS credentials in a request are ignored: stop sending them\"";
    assert_eq!(answer.headers["warning"], warning);
    let seen = function.wire.only();
    assert!(seen.headers["authorization"].contains("Credential=AKIDTEST/"), "{seen:?}");
    for text in [format!("{seen:?}"), function.log_lines().join("\n"), format!("{answer:?}")] {
        for secret in ["AKIAIOSFODNN7EXAMPLE", secret, KEY] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    let body = json!({"region_name": region, "aws_secret_access_key": secret});
    let answer = function
        .invoke(&Event2::new("GET", "/ec2/list").key().body("application/json", &body.to_string()).json())
        .await;
    assert_eq!((answer.status, answer.headers["warning"].as_str()), (200, warning));
}

#[tokio::test]
async fn a_parameter_that_nobody_reads_is_warned_of() {
    let function =
        Function::canned(&[(200, "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>")]).await;
    let answer = function.call("GET", "/ec2/list?region_name=us-east-1&stat=running&x%0d%0ay=1").await;
    answer.is(200, &json!([]));
    assert_eq!(answer.headers["warning"], "299 - \"unknown parameters are ignored: stat x??y\"");
}
