//! What the rows of a list have: chosen fields, and CSV.

use crate::support::xml::{buckets, describe, instance, object};
use crate::support::{A, B, Function, HttpApiEvent, REQUEST_ID, own_region};
use serde_json::json;

const CSV: &str = "text/csv; charset=utf-8; header=present";

#[tokio::test]
async fn too_many_filter_values_are_refused_by_name() {
    let function = Function::without_aws(&[]).await;
    let ids: Vec<_> = (0..200).map(|n| format!("i-{n:08x}")).collect();
    let list = format!("/ec2/list?region_name=eu-west-1&state=running&instance_id={}", ids.join(","));
    let message = "instance_id and the other filters have more than 200 values together";
    function.get(&list).await.refuses(400, "InvalidParameterValue", message);
    function.assert_no_calls();
}

#[tokio::test]
async fn fields_chooses_the_members_and_their_order() {
    let function = Function::with_moto().await;
    let region = own_region();
    let id = function.launch(region).await;
    let fields = "tags,launch-time,name,public-ip,availability-zone,architecture,platform,id,id";
    let answer = function.get(&format!("/ec2/list?region_name={region}&fields={fields}")).await;
    let row = answer.json()[0].clone();
    let tags = json!({"ec2-control-api:caller": "demo", "ec2-control-api:request": REQUEST_ID});
    assert_eq!((&row["tags"], &row["name"], &row["id"]), (&tags, &json!(null), &json!(id)));
    assert!(row["launch-time"].as_str().unwrap().ends_with("+00:00"), "{row}");
    let order = ["tags", "launch-time", "name", "public-ip", "availability-zone", "architecture", "platform", "id"];
    let found: Vec<_> = order.iter().map(|name| answer.body.find(&format!("\"{name}\":")).unwrap()).collect();
    assert!(found.is_sorted(), "{}", answer.body);
    assert_eq!(row.as_object().unwrap().len(), order.len());
}

#[tokio::test]
async fn list_is_csv_if_the_client_prefers_it() {
    let hostile = describe([
        instance(A).state("running").tag("Name", "=cmd|'/c calc'!A1"),
        instance(B).state("stopped").tag("Name", "a \"b\", c"),
    ]);
    let function = Function::canned([hostile]).await;
    let list = "/ec2/list?region_name=eu-west-1&fields=id,name,instance-state,private-ip,security-group-ids,tags";
    let answer = function.send(HttpApiEvent::new("GET", list).key().header("accept", "text/csv")).await;
    assert_eq!(
        answer.body,
        "id,name,instance-state,private-ip,security-group-ids,tags\r\n\
         i-abba916a,'=cmd|'/c calc'!A1,running,,,Name==cmd|'/c calc'!A1\r\n\
         i-abba916b,\"a \"\"b\"\", c\",stopped,,,\"Name=a \"\"b\"\", c\"\r\n"
    );
    assert_eq!((answer.status, answer.base64), (200, false));
    assert_eq!(answer.headers["content-type"], CSV);
    assert_eq!(answer.headers["vary"], "accept");

    let hostile = describe([instance(A).state("running").tag("Name", "x;=1+1").tag("a", "b\t@SUM(A1)")]);
    let function = Function::canned([hostile]).await;
    let list = "/ec2/list?region_name=eu-west-1&fields=name,tags";
    let answer = function.send(HttpApiEvent::new("GET", list).key().header("accept", "text/csv")).await;
    assert_eq!(answer.body, "name,tags\r\nx;'=1+1,Name=x;'=1+1;a=b\t'@SUM(A1)\r\n");

    let function = Function::canned([describe([])]).await;
    let event = HttpApiEvent::new("GET", "/ec2/list?region_name=eu-west-1").key().header("accept", "text/csv");
    let answer = function.send(event).await;
    let header = "id,instance-type,instance-state,private-ip,key-name,image-id,vpc-id,subnet-id,security-group-ids\r\n";
    assert_eq!(answer.body, header, "an empty list has a header, too");
}

#[tokio::test]
async fn lists_of_s3_are_csv_if_the_client_prefers_it() {
    let date = "2016-02-16T18:04:09.000Z";
    let function = Function::canned([buckets([("demo-1", Some(date))]), object("a,b", Some(date))]).await;
    for (path, lines) in [
        ("/s3", "name,creation_date\r\ndemo-1,2016-02-16T18:04:09.000Z\r\n"),
        ("/s3/demo-1", "name,size,last_modified\r\n\"a,b\",12,2016-02-16T18:04:09.000Z\r\n"),
    ] {
        let answer = function.send(HttpApiEvent::new("GET", path).key().header("accept", "text/csv")).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, lines));
        assert_eq!(answer.headers["content-type"], CSV);
    }
}

#[tokio::test]
async fn list_says_why_an_instance_is_stopped_who_manages_it_and_what_launched_it() {
    let fields = "id,state-reason,lifecycle,operator,client-token,ipv6-addresses";
    let stopped = instance(A)
        .state("stopped")
        .with("stateReason", "<code>Client.UserInitiatedShutdown</code><message>Client.UserInitiatedShutdown: User initiated shutdown</message>")
        .with("instanceLifecycle", "spot")
        .with("clientToken", "token-1")
        .with("operator", "<managed>true</managed><principal>eks.amazonaws.com</principal>")
        .with("networkInterfaceSet", "<item><ipv6AddressesSet><item><ipv6Address>2001:db8::1</ipv6Address></item><item><ipv6Address>2001:db8::2</ipv6Address></item></ipv6AddressesSet></item>");
    let page = describe([stopped, instance(B).with("stateReason", "<code>pending</code>").with("clientToken", "")]);
    let function = Function::canned([page.clone(), page]).await;
    let path = format!("/ec2/list?region_name=us-east-1&fields={fields}");
    let rows = json!([
        {
            "id": A, "state-reason": "Client.UserInitiatedShutdown: User initiated shutdown", "lifecycle": "spot",
            "operator": "eks.amazonaws.com", "client-token": "token-1", "ipv6-addresses": ["2001:db8::1", "2001:db8::2"],
        },
        {"id": B, "state-reason": "pending", "lifecycle": "on-demand", "operator": null, "client-token": null, "ipv6-addresses": []},
    ]);
    function.get(&path).await.is(200, &rows);
    let answer = function.send(HttpApiEvent::new("GET", &path).key().header("accept", "text/csv")).await;
    let csv = format!(
        "{fields}\r\n{A},Client.UserInitiatedShutdown: User initiated shutdown,spot,eks.amazonaws.com,token-1,2001:db8::1;2001:db8::2\r\n\
         {B},pending,on-demand,,,\r\n"
    );
    assert_eq!(answer.body, csv);
}

#[tokio::test]
async fn reason_of_a_state_is_shown_without_arns_and_accounts() {
    let reason = "<code>Server.InternalError</code><message>No key arn:aws:kms:us-east-1:123456789012:key/x</message>";
    let page = || describe([instance(A).state("stopped").with("stateReason", reason)]);
    let function = Function::canned([page(), page(), page()]).await;
    let fields = "/ec2/list?region_name=us-east-1&fields=state-reason";
    let csv = function.send(HttpApiEvent::new("GET", fields).key().header("accept", "text/csv")).await;
    let json = function.get(fields).await;
    let boto3 = function.get("/ec2/reservations?region_name=us-east-1").await;
    assert_eq!(boto3.json()[0]["Instances"][0]["StateReason"]["Message"], "No key [ARN]");
    for answer in [csv, json, boto3] {
        assert!(answer.body.contains("No key [ARN]") && !answer.body.contains("123456789012"), "{answer:?}");
    }
}
