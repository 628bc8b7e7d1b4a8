//! What makes the API handy for people: names in place of IDs, all regions at once, chosen members, CSV, permissions.

use crate::support::{Event2, Function, Wire, own_region, refusal};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};

const A: &str = "i-abba916a";
const B: &str = "i-abba916b";
const STARTED: &str = "<StartInstancesResponse><instancesSet><item><instanceId>i-abba916a</instanceId><currentState><code>0</code>\
    <name>pending</name></currentState><previousState><code>80</code><name>stopped</name></previousState></item></instancesSet>\
    </StartInstancesResponse>";
const REBOOTED: &str = "<RebootInstancesResponse><return>true</return></RebootInstancesResponse>";
const EVERYTHING: &str = "permit (principal, action, resource);";

/// What EC2 describes: instances, each with a state and a name, and where the rest begins.
fn described(instances: &[(&str, &str, &str)], next_token: &str) -> String {
    let item = |(id, state, name): &(&str, &str, &str)| {
        format!(
            "<item><instancesSet><item><instanceId>{id}</instanceId><instanceType>t3.micro</instanceType><instanceState><code>16</code>\
             <name>{state}</name></instanceState><tagSet><item><key>Name</key><value>{name}</value></item></tagSet></item>\
             </instancesSet></item>"
        )
    };
    let items: String = instances.iter().map(item).collect();
    format!(
        "<DescribeInstancesResponse><reservationSet>{items}</reservationSet><nextToken>{next_token}</nextToken>\
         </DescribeInstancesResponse>"
    )
}

fn regions(names: &[&str]) -> String {
    let item = |name: &&str| format!("<item><regionName>{name}</regionName></item>");
    let items: String = names.iter().map(item).collect();
    format!("<DescribeRegionsResponse><regionInfo>{items}</regionInfo></DescribeRegionsResponse>")
}

// ----------------------------------------------------------------------------------------------------------------- names

#[tokio::test]
async fn a_name_stands_for_the_only_instance_that_has_it_in_every_dialect() {
    let found = described(&[(A, "stopped", "web")], "");
    let row = json!({"InstanceId": A, "CurrentState": {"Code": 0, "Name": "pending"}, "PreviousState": {"Code": 80, "Name": "stopped"}});
    let lookup = [
        "Action=DescribeInstances",
        "Filter.1.Name=tag:Name",
        "Filter.1.Value.1=web",
        "Filter.2.Name=instance-state-name",
        "Filter.2.Value.1=pending",
        "Filter.2.Value.2=running",
        "Filter.2.Value.3=stopping",
        "Filter.2.Value.4=stopped",
        "MaxResults=1000",
        "Version=2016-11-15",
    ];
    let function = Function::canned(&[(200, &found), (200, STARTED)]).await;
    function.call("POST", "/ec2/start?region_name=eu-west-1&instance_id=web").await.is(200, &row);
    let seen = function.wire.seen();
    assert_eq!((seen[0].form(), seen[0].region()), (lookup.map(str::to_owned).to_vec(), "eu-west-1"));
    assert_eq!(seen[1].form(), ["Action=StartInstances", "InstanceId.1=i-abba916a", "Version=2016-11-15"]);
    let line = function.log_line();
    assert_eq!((&line["instance_names"], &line["instance_ids"]), (&json!(["web"]), &json!([A])), "{line}");

    let function = Function::canned(&[(200, &found), (200, STARTED)]).await;
    function.call("PUT", "/v1/web/start?region=eu-west-1").await.is(200, &json!("Instance modification succeeded"));
    assert_eq!(function.wire.seen()[1].form()[1], "InstanceId.1=i-abba916a");

    let tagged = "<CreateTagsResponse><return>true</return></CreateTagsResponse>";
    let function = Function::canned(&[(200, &found), (200, STARTED), (200, tagged)]).await;
    assert_eq!(function.call("POST", "/instance/eu-west-1/web/start").await.status, 204);
    let seen = function.wire.seen();
    assert!(seen[2].form().contains(&"ResourceId.1=i-abba916a".to_owned()), "{seen:?}");
}

#[tokio::test]
async fn ids_and_names_may_be_mixed_and_the_same_instance_counts_once() {
    let found = described(&[(A, "running", "web"), (B, "running", "db, old")], "");
    let function = Function::canned(&[(200, &found), (200, REBOOTED)]).await;
    let body = json!({"region_name": "eu-west-1", "instance_ids": ["db, old", A, "web"]});
    let answer = function.call_json("POST", "/ec2/reboot", &body).await;
    answer.is(200, &json!([{"InstanceId": B}, {"InstanceId": A}]));
    let seen = function.wire.seen();
    assert_eq!(seen.len(), 2, "one look-up for all names");
    let form = seen[1].form();
    assert_eq!(form[..3], ["Action=RebootInstances", "InstanceId.1=i-abba916b", "InstanceId.2=i-abba916a"]);
}

#[tokio::test]
async fn a_name_that_several_instances_have_is_a_conflict_that_names_them_and_nothing_happens() {
    let found = described(&[(A, "running", "web"), (B, "stopped", "web")], "");
    let candidates = "2 instances are named web: i-abba916a (running), i-abba916b (stopped). Give an ID instead";
    let function = Function::canned(&[(200, &found)]).await;
    let answer = function.call("POST", "/ec2/terminate?region_name=eu-west-1&instance_id=web").await;
    answer.refuses(409, "AmbiguousInstanceName", candidates);
    assert_eq!(function.wire.only().action(), "DescribeInstances");

    let function = Function::canned(&[(200, &found)]).await;
    let errors = json!({"errors": [{"id": "AmbiguousInstanceName", "title": candidates}]});
    function.call("POST", "/instance/eu-west-1/web/stop").await.is(409, &errors);
    assert_eq!(function.wire.only().action(), "DescribeInstances");

    let function = Function::canned(&[(200, &found)]).await;
    let answer = function.call("PUT", "/v1/web/stop").await;
    answer.is(400, &json!(format!("Required arguments not provided: {candidates}")));
    assert_eq!(answer.headers["x-error-code"], "AmbiguousInstanceName");
    assert_eq!(function.wire.only().action(), "DescribeInstances");
}

#[tokio::test]
async fn a_name_that_very_many_instances_have_is_not_looked_up_to_the_end() {
    let ids: Vec<_> = (0..1000).map(|n| format!("i-{n:08x}")).collect();
    let many: Vec<_> = ids.iter().map(|id| (id.as_str(), "running", "web")).collect();
    let page = described(&many, "more");
    let function = Function::canned(&[(200, &page)]).await;
    let answer = function.call("POST", "/ec2/stop?region_name=eu-west-1&instance_id=web").await;
    let first: Vec<_> = ids.iter().take(10).map(|id| format!("{id} (running)")).collect();
    let message = format!("More than 10 instances are named web: {}, .... Give an ID instead", first.join(", "));
    answer.refuses(409, "AmbiguousInstanceName", &message);
    assert_eq!(function.wire.only().action(), "DescribeInstances");
}

#[tokio::test]
async fn a_dry_run_by_a_name_says_what_would_happen_and_does_not_blame_aws() {
    let nothing = described(&[], "");
    let function = Function::canned(&[(200, &nothing)]).await;
    let answer = function.call("POST", "/ec2/stop?region_name=eu-west-1&instance_id=web&dry_run").await;
    answer.refuses(404, "InvalidInstanceID.NotFound", "Dry run: this would fail. There is no instance named web");
    let found = described(&[(A, "stopped", "web")], "");
    let would = refusal("DryRunOperation", "Request would have succeeded, but DryRun flag is set.");
    let function = Function::canned(&[(200, &found), (412, &would)]).await;
    let answer = function.call("POST", "/ec2/start?region_name=eu-west-1&instance_id=web&dry_run").await;
    assert_eq!((answer.status, &answer.json()["DryRun"]), (200, &json!(true)));
    assert!(function.wire.seen()[1].form().contains(&"InstanceId.1=i-abba916a".to_owned()));
}

#[tokio::test]
async fn a_name_that_no_instance_has_is_not_found() {
    let nothing = described(&[], "");
    let function = Function::canned(&[(200, &nothing)]).await;
    let answer = function.call("POST", "/ec2/stop?region_name=eu-west-1&instance_id=web").await;
    answer.refuses(404, "InvalidInstanceID.NotFound", "There is no instance named web");
    assert_eq!(function.wire.only().action(), "DescribeInstances");
    // EC2 compares without case where a filter has wildcards; names are what they are.
    let other = described(&[(A, "running", "Web")], "");
    let function = Function::canned(&[(200, &other)]).await;
    assert_eq!(function.call("PUT", "/v1/web/stop").await.status, 404);
    assert_eq!(function.wire.only().action(), "DescribeInstances");
}

#[tokio::test]
async fn a_wildcard_in_a_name_is_a_character() {
    let found = described(&[(A, "running", "*")], "");
    let function = Function::canned(&[(200, &found), (200, REBOOTED)]).await;
    function.call("POST", "/ec2/reboot?region_name=eu-west-1&instance_id=*").await.is(200, &json!({"InstanceId": A}));
    assert_eq!(function.wire.seen()[0].form()[2], "Filter.1.Value.1=\\*");
    let function = Function::canned(&[(200, &found)]).await;
    assert_eq!(function.call("POST", "/ec2/reboot?region_name=eu-west-1&instance_id=a%5C%3F").await.status, 404);
    assert_eq!(function.wire.only().form()[2], "Filter.1.Value.1=a\\\\\\?");
}

#[tokio::test]
async fn a_name_is_looked_up_among_what_the_caller_may_see() {
    let policies = r#"permit (principal, action, resource is Instance) when { resource.state == "stopped" };"#;
    let found = described(&[(A, "stopped", "web"), (B, "running", "web")], "");
    let again = described(&[(A, "stopped", "web")], "");
    let function =
        Function::governed(Wire::canned(&[(200, &found), (200, &again), (200, STARTED)]).await, policies, &[]).await;
    let start = "/ec2/start?region_name=eu-west-1&instance_id=web";
    assert_eq!(function.call("POST", start).await.json()["InstanceId"], A);
    let hidden = described(&[(B, "running", "web")], "");
    let function = Function::governed(Wire::canned(&[(200, &hidden)]).await, policies, &[]).await;
    function.call("POST", start).await.refuses(404, "InvalidInstanceID.NotFound", "There is no instance named web");
}

#[tokio::test]
async fn a_lookup_that_fails_is_a_failure_of_which_nothing_is_in_doubt() {
    let function = Function::canned(&[(403, &refusal("UnauthorizedOperation", "no"))]).await;
    let answer = function.call("POST", "/ec2/stop?region_name=eu-west-1&instance_id=web").await;
    let message = "AWS refused ec2:DescribeInstances to this function's execution role (UnauthorizedOperation)";
    answer.refuses(502, "UnauthorizedOperation", message);
}

#[tokio::test]
async fn a_name_works_from_launch_to_termination() {
    let function = Function::with_moto().await;
    let region = own_region();
    let group = function.prepare(region).await;
    let launch = format!("/ec2/create?region_name={region}&KeyName=demo&SecurityGroupId={group}&tag:Name=web%201");
    let id = function.call("POST", &launch).await.json()["InstanceId"].as_str().unwrap().to_owned();
    let shown = function.call("GET", &format!("/v1/web 1/attributes/id?region={region}")).await;
    shown.is(200, &json!({"id": id}));
    assert_eq!(function.call("GET", &format!("/instance/{region}/web 1/")).await.json()["state"], "running");
    let listed =
        function.call("GET", &format!("/ec2/list?region_name={region}&instance_id=web%201&fields=id,name")).await;
    listed.is(200, &json!([{"id": id, "name": "web 1"}]));
    let second = function.call("POST", &launch).await.json()["InstanceId"].as_str().unwrap().to_owned();
    let stop = format!("/ec2/stop?region_name={region}&instance_id=web%201");
    assert_eq!(function.call("POST", &stop).await.status, 409);
    let end = format!("/ec2/terminate?region_name={region}&instance_id={second}");
    assert_eq!(function.call("POST", &end).await.status, 200);
    assert_eq!(function.call("POST", &stop).await.json()["InstanceId"], id, "what is terminated has lost its name");
}

// --------------------------------------------------------------------------------------------------------- all regions

#[tokio::test]
async fn regions_lists_what_is_there_in_each_allowed_region() {
    let all = regions(&["us-east-1", "eu-west-1", "ap-south-1"]);
    let (two, one) =
        (described(&[(A, "running", "a"), (B, "running", "b")], "more"), described(&[(A, "stopped", "c")], ""));
    // The second region is asked while the first one's second page is.
    let function = Function::new(
        Wire::canned(&[(200, &all), (200, &two), (200, &two), (200, &one), (200, &one)]).await,
        &[("ALLOWED_REGIONS", "us-east-1,eu-west-1,eu-west-2")],
    )
    .await;
    let answer = function.call("GET", "/regions").await;
    let counts = json!({"running": 2, "stopped": 1});
    answer.is(200, &json!([{"name": "eu-west-1", "instances": counts}, {"name": "us-east-1", "instances": counts}]));
    let line = function.log_line();
    assert_eq!((&line["region"], &line["action"]), (&json!("all"), &json!("DescribeInstances")), "{line}");
}

#[tokio::test]
async fn a_region_that_fails_is_listed_with_its_error() {
    let denied = refusal("UnauthorizedOperation", "User: arn:aws:iam::123456789012:role/x");
    let function = Function::canned(&[(200, &regions(&["us-east-1"])), (403, &denied)]).await;
    let message = "AWS refused ec2:DescribeInstances to this function's execution role (UnauthorizedOperation)";
    let error = json!({"Message": message, "Error": "UnauthorizedOperation"});
    let answer = function.call("GET", "/regions").await;
    answer.is(200, &json!([{"name": "us-east-1", "instances": null, "error": error}]));
    assert_eq!(answer.headers["warning"], format!("299 - \"us-east-1: {message}\""));
    let line = function.measured_line();
    assert_eq!(
        (&line["level"], &line["code"], &line["status"]),
        (&json!("WARN"), &json!("UnauthorizedOperation"), &json!(200))
    );
    assert_eq!((&line["message"], &line["Upstream"]), (&json!(format!("us-east-1: {message}")), &json!(1)));
    assert!(line["cause"].as_str().unwrap().contains("arn:aws:iam"), "{line}");
}

#[tokio::test]
async fn all_regions_are_asked_side_by_side() {
    let names: Vec<_> = (1..=9).map(|n| format!("us-east-{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut answers = vec![(200, regions(&names))];
    answers.resize(10, (200, described(&[(A, "running", "a")], "")));
    let answers: Vec<_> = answers.iter().map(|(status, body)| (*status, body.as_str())).collect();
    let function = Function::new(Wire::slow(&answers, Duration::from_millis(500)).await, &[]).await;
    let started = Instant::now();
    let answer = function.call("GET", "/ec2/list?region_name=all&fields=region,id").await;
    let elapsed = started.elapsed();
    let rows: Vec<_> = names.iter().map(|name| json!({"region": name, "id": A})).collect();
    answer.is(200, &json!(rows));
    assert!(elapsed < Duration::from_millis(4000), "two round trips of 500 ms, not ten: {elapsed:?}");
    let mut asked: Vec<_> = function.wire.seen().iter().skip(1).map(|it| it.region().to_owned()).collect();
    asked.sort();
    assert_eq!(asked, names);
}

#[tokio::test]
async fn a_list_of_all_regions_has_the_region_of_each_row_beside_the_documented_members() {
    let function =
        Function::canned(&[(200, &regions(&["eu-west-1"])), (200, &described(&[(A, "running", "a")], ""))]).await;
    let row = json!([{
        "region": "eu-west-1", "id": A, "instance-type": "t3.micro", "instance-state": "running", "private-ip": null, "key-name": null,
        "image-id": null, "vpc-id": null, "subnet-id": null, "security-group-ids": [],
    }]);
    let answer = function.call("GET", "/ec2/list?region_name=all&state=running&tag:Name=a").await;
    answer.is(200, &row);
    let form = function.wire.seen().remove(1).form();
    assert!(
        form.contains(&"Filter.1.Value.1=running".to_owned()) && form.contains(&"Filter.2.Name=tag:Name".to_owned())
    );
}

#[tokio::test]
async fn a_list_of_all_regions_has_the_instances_that_are_asked_for_and_no_other() {
    let found = described(&[(A, "running", "a")], "");
    let function = Function::canned(&[(200, &regions(&["eu-west-1"])), (200, &found)]).await;
    let answer = function.call("GET", &format!("/ec2/list?region_name=all&fields=id&instance_id={A}")).await;
    answer.is(200, &json!([{"id": A}]));
    let form = function.wire.seen().remove(1).form();
    assert_eq!(form[1..3], ["Filter.1.Name=instance-id", "Filter.1.Value.1=i-abba916a"]);
    assert_eq!(function.log_line()["instance_ids"], json!([A]));
}

#[tokio::test]
async fn a_list_of_all_regions_fails_where_one_of_them_does_and_names_it() {
    let down = refusal("RequestLimitExceeded", "Slow down.");
    let mut answers = vec![(200, regions(&["eu-west-1"]))];
    answers.resize(5, (503, down));
    let answers: Vec<_> = answers.iter().map(|(status, body)| (*status, body.as_str())).collect();
    let function = Function::canned(&answers).await;
    let answer = function.call("GET", "/ec2/list?region_name=all").await;
    answer.refuses(429, "RequestLimitExceeded", "eu-west-1: Slow down.");
}

#[tokio::test]
async fn a_list_of_all_regions_goes_on_where_it_was_full() {
    // Three pages of about 3.4 MB each, in two regions.
    let tags = "x".repeat(3400);
    let instances: Vec<_> = (0..1000).map(|n| (format!("i-{n:08x}"), "running", tags.as_str())).collect();
    let instances: Vec<_> = instances.iter().map(|(id, state, name)| (id.as_str(), *state, *name)).collect();
    let (page, last) = (described(&instances, "MORE"), described(&instances, ""));
    let both = regions(&["eu-west-1", "us-east-1"]);
    let list = "/ec2/list?region_name=all&fields=region,id,name";

    let function = Function::canned(&[(200, &regions(&["eu-west-1"])), (200, &page), (200, &last)]).await;
    let answer = function.call("GET", list).await;
    assert_eq!(answer.json().as_array().unwrap().len(), 1000);
    assert_eq!(answer.headers["x-next-token"], "eu-west-1:MORE");

    let function = Function::canned(&[(200, &both), (200, &last)]).await;
    let answer = function.call("GET", &format!("{list}&next_token=us-east-1:MORE")).await;
    assert_eq!((answer.json()[0]["region"].clone(), answer.headers.get("x-next-token")), (json!("us-east-1"), None));
    let seen = function.wire.seen();
    assert_eq!((seen.len(), seen[1].region()), (2, "us-east-1"), "what has been listed is not asked for again");
    assert!(seen[1].form().contains(&"NextToken=MORE".to_owned()));

    let function = Function::canned(&[(200, &both), (200, &last), (200, &last)]).await;
    let answer = function.call("GET", list).await;
    assert_eq!((answer.json()[999]["region"].clone(), answer.json().get(1000)), (json!("eu-west-1"), None));
    assert_eq!(answer.headers["x-next-token"], "us-east-1:");
}

#[tokio::test]
async fn what_policies_hide_is_in_no_list_of_regions() {
    let policies = r#"permit (principal, action == Action::"DescribeInstances", resource in Region::"eu-west-1");"#;
    let (all, one) = (regions(&["us-east-1", "eu-west-1"]), described(&[(A, "running", "a")], ""));
    let expected = json!([{"name": "eu-west-1", "instances": {"running": 1}}]);
    let function = Function::governed(Wire::canned(&[(200, &all), (200, &one)]).await, policies, &[]).await;
    function.call("GET", "/regions").await.is(200, &expected);
    let function = Function::governed(Wire::canned(&[(200, &all), (200, &one)]).await, policies, &[]).await;
    let answer = function.call("GET", "/ec2/list?region_name=all&fields=id,region").await;
    answer.is(200, &json!([{"id": A, "region": "eu-west-1"}]));

    let function = Function::governed(Wire::canned(&[(200, &all)]).await, "", &[]).await;
    let message = "The policy of this deployment does not permit DescribeInstances of us-east-1";
    function.call("GET", "/regions").await.refuses(403, "Forbidden", message);
    assert_eq!(function.log_line()["decision"], "deny");
}

#[tokio::test]
async fn what_makes_no_sense_for_all_regions_is_refused_before_aws_is_asked() {
    let function = Function::alone(&[]).await;
    for (query, message) in [
        ("max_results=5", "max_results can't be given where region_name is all"),
        ("instance_id=web", "instance_id must be an ID where region_name is all: use tag:Name"),
        ("fields=id,price", "fields must be of id, instance-type, "),
        ("next_token=abc", "next_token is not where a list of all regions ended"),
        ("next_token=x.evil.example/:abc", "next_token is not where a list of all regions ended"),
    ] {
        let answer = function.call("GET", &format!("/ec2/list?region_name=all&{query}")).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.json()["Message"].as_str().unwrap().starts_with(message), "{answer:?}");
    }
    let answer = function.call("POST", &format!("/ec2/stop?region_name=all&instance_id={A}")).await;
    answer.refuses(400, "InvalidParameterValue", "region_name must be a region that this deployment allows");
    function.quiet();
}

// --------------------------------------------------------------------------------------------------------- members, CSV

#[tokio::test]
async fn filters_that_ec2_would_not_take_together_are_refused_by_name() {
    let function = Function::alone(&[]).await;
    let ids: Vec<_> = (0..200).map(|n| format!("i-{n:08x}")).collect();
    let list = format!("/ec2/list?region_name=eu-west-1&state=running&instance_id={}", ids.join(","));
    let message = "instance_id and the other filters have more than 200 values together";
    function.call("GET", &list).await.refuses(400, "InvalidParameterValue", message);
    function.quiet();
}

#[tokio::test]
async fn fields_chooses_the_members_and_their_order() {
    let function = Function::with_moto().await;
    let region = own_region();
    let id = function.launch(region).await;
    let fields = "tags,launch-time,name,public-ip,availability-zone,architecture,platform,id,id";
    let answer = function.call("GET", &format!("/ec2/list?region_name={region}&fields={fields}")).await;
    let row = answer.json()[0].clone();
    let tags = json!({"ec2-control-api:caller": "demo", "ec2-control-api:request": crate::support::REQUEST_ID});
    assert_eq!((&row["tags"], &row["name"], &row["id"]), (&tags, &json!(null), &json!(id)));
    assert!(row["launch-time"].as_str().unwrap().ends_with("+00:00"), "{row}");
    let order = ["tags", "launch-time", "name", "public-ip", "availability-zone", "architecture", "platform", "id"];
    let found: Vec<_> = order.iter().map(|name| answer.body.find(&format!("\"{name}\":")).unwrap()).collect();
    assert!(found.is_sorted(), "{}", answer.body);
    assert_eq!(row.as_object().unwrap().len(), order.len());
}

#[tokio::test]
async fn a_list_is_csv_for_those_who_prefer_it() {
    let hostile = described(&[(A, "running", "=cmd|'/c calc'!A1"), (B, "stopped", "a \"b\", c")], "");
    let function = Function::canned(&[(200, &hostile)]).await;
    let list = "/ec2/list?region_name=eu-west-1&fields=id,name,instance-state,private-ip,security-group-ids,tags";
    let event = Event2::new("GET", list).key().header("accept", "text/csv");
    let answer = function.invoke(&event.json()).await;
    assert_eq!(
        answer.body,
        "id,name,instance-state,private-ip,security-group-ids,tags\r\n\
         i-abba916a,'=cmd|'/c calc'!A1,running,,,Name==cmd|'/c calc'!A1\r\n\
         i-abba916b,\"a \"\"b\"\", c\",stopped,,,\"Name=a \"\"b\"\", c\"\r\n"
    );
    assert_eq!((answer.status, answer.base64), (200, false));
    assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8; header=present");
    assert_eq!(answer.headers["vary"], "accept");

    let nothing = described(&[], "");
    let function = Function::canned(&[(200, &nothing)]).await;
    let event = Event2::new("GET", "/ec2/list?region_name=eu-west-1").key().header("accept", "text/csv");
    let answer = function.invoke(&event.json()).await;
    let header = "id,instance-type,instance-state,private-ip,key-name,image-id,vpc-id,subnet-id,security-group-ids\r\n";
    assert_eq!(answer.body, header, "the header is there even if nothing else is");
}

#[tokio::test]
async fn lists_of_s3_are_csv_for_those_who_prefer_it() {
    let buckets = "<ListAllMyBucketsResult><Buckets><Bucket><Name>demo-1</Name><CreationDate>2016-02-16T18:04:09.000Z</CreationDate>\
                   </Bucket></Buckets></ListAllMyBucketsResult>";
    let objects = "<ListBucketResult><Contents><Key>a,b</Key><Size>12</Size><LastModified>2016-02-16T18:04:09.000Z</LastModified>\
                   </Contents></ListBucketResult>";
    let function = Function::canned(&[(200, buckets), (200, objects)]).await;
    for (path, lines) in [
        ("/s3", "name,creation_date\r\ndemo-1,2016-02-16T18:04:09.000Z\r\n"),
        ("/s3/demo-1", "name,size,last_modified\r\n\"a,b\",12,2016-02-16T18:04:09.000Z\r\n"),
    ] {
        let event = Event2::new("GET", path).key().header("accept", "text/csv");
        let answer = function.invoke(&event.json()).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, lines));
        assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8; header=present");
    }
}

#[tokio::test]
async fn a_long_answer_is_compressed_for_those_who_take_that() {
    let ids: Vec<_> = (0..40).map(|n| format!("i-abba91{n:02}")).collect();
    let instances: Vec<_> = ids.iter().map(|id| (id.as_str(), "running", "web")).collect();
    let found = described(&instances, "");
    let function = Function::canned(&vec![(200, found.as_str()); 10]).await;
    let list = |method| Event2::new(method, "/ec2/list?region_name=eu-west-1").key();
    let plain = function.invoke(&list("GET").json()).await;
    assert_eq!((plain.status, plain.base64, plain.json().as_array().unwrap().len()), (200, false, 40));
    assert_eq!(
        (plain.headers["vary"].as_str(), plain.headers.get("content-encoding")),
        ("accept, accept-encoding", None)
    );

    let gzip = |method| list(method).header("accept-encoding", "gzip, deflate, br");
    let answer = function.invoke(&gzip("GET").json()).await;
    assert_eq!((answer.status, answer.base64, answer.unpacked()), (200, true, plain.body.clone()));
    let mut headers = plain.headers.clone();
    headers.insert("content-encoding".to_owned(), "gzip".to_owned());
    assert_eq!(answer.headers, headers);
    assert!(answer.body.len() * 4 < plain.body.len(), "{} {}", answer.body.len(), plain.body.len());
    let head = function.invoke(&gzip("HEAD").json()).await;
    assert_eq!((head.body.as_str(), &head.headers), ("", &headers));

    let csv = function.invoke(&gzip("GET").header("accept", "text/csv").json()).await;
    assert!(csv.unpacked().starts_with("id,instance-type,"));
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8; header=present");

    // Nobody asks for it, or API Gateway would hand on the base64.
    let refused = function.invoke(&list("GET").header("accept-encoding", "gzip;q=0, br").json()).await;
    assert_eq!((refused.base64, &refused.body), (false, &plain.body));
    let mut rest: Value = serde_json::from_str(include_str!("../../events/ec2-list-rest.json")).unwrap();
    rest["multiValueHeaders"]["accept-encoding"] = json!(["gzip"]);
    rest["headers"]["accept-encoding"] = json!("gzip");
    let rest = function.invoke(&rest).await;
    assert_eq!((rest.status, rest.base64, &rest.body), (200, false, &plain.body));
}

#[tokio::test]
async fn what_is_as_good_as_random_is_not_made_longer_by_compressing_it() {
    let mut random = String::new();
    for n in 0..40_u32 {
        random += &BASE64_STANDARD.encode(Sha256::digest(n.to_be_bytes()));
    }
    let objects =
        format!("<ListBucketResult><Contents><Key>{random}</Key><Size>12</Size></Contents></ListBucketResult>");
    let function = Function::canned(&[(200, &objects)]).await;
    let event = Event2::new("GET", "/s3/demo-1").key().header("accept-encoding", "gzip");
    let answer = function.invoke(&event.json()).await;
    assert_eq!(
        (answer.status, answer.base64, answer.headers["vary"].as_str()),
        (200, false, "accept, accept-encoding")
    );
    assert_eq!(answer.json()[0]["name"], random.as_str());
}

#[tokio::test]
async fn a_short_answer_stays_as_it_is() {
    let found = described(&[(A, "running", "web")], "");
    let function = Function::canned(&[(200, &found)]).await;
    let event = Event2::new("GET", "/ec2/list?region_name=eu-west-1").key().header("accept-encoding", "gzip");
    let answer = function.invoke(&event.json()).await;
    assert_eq!((answer.base64, answer.headers["vary"].as_str()), (false, "accept"));
    assert_eq!(answer.headers.get("content-encoding"), None);
}

// ----------------------------------------------------------------------------------------------------------- permissions

#[tokio::test]
async fn permissions_say_what_limits_and_policies_permit_and_why_not_the_rest() {
    let policies = r#"@id("all") permit (principal, action, resource);
        @id("keep") forbid (principal, action == Action::"TerminateInstances", resource) when { resource.state == "running" };"#;
    let found = described(&[(A, "running", "a"), (B, "stopped", "keep")], "");
    let limits = [("PROTECTED_TAG", "Name=keep")];
    let function = Function::governed(Wire::canned(&[(200, &found)]).await, policies, &limits).await;
    let answer = function.call("GET", &format!("/ec2/permissions?region_name=eu-west-1&instance_id={A},{B}")).await;
    let policy = "The policy of this deployment does not permit TerminateInstances of i-abba916a";
    let tag = |action: &str| format!("{action} of i-abba916b is not permitted: a tag protects it");
    answer.is(
        200,
        &json!([
            {"id": A, "permitted": ["StartInstances", "StopInstances", "RebootInstances"], "refused": {"TerminateInstances": policy}},
            {"id": B, "permitted": ["StartInstances", "RebootInstances"],
             "refused": {"StopInstances": tag("StopInstances"), "TerminateInstances": tag("TerminateInstances")}},
        ]),
    );
    assert_eq!(function.wire.only().action(), "DescribeInstances");
    assert_eq!(function.log_line()["decision"], "allow");
}

#[tokio::test]
async fn permissions_are_said_of_what_the_caller_may_see_and_of_nothing_else() {
    let found = described(&[(A, "running", "a"), (B, "stopped", "b")], "");
    let policies = r#"permit (principal, action == Action::"DescribeInstances", resource) when { resource is Region || resource.state == "running" };"#;
    let function = Function::governed(Wire::canned(&[(200, &found)]).await, policies, &[]).await;
    let both = format!("/ec2/permissions?region_name=eu-west-1&instance_id={A},{B}");
    let answer = function.call("GET", &both).await.json();
    assert_eq!((&answer[0]["id"], &answer[0]["permitted"], answer.get(1)), (&json!(A), &json!([]), None));
    let function = Function::governed(Wire::canned(&[]).await, "", &[]).await;
    assert_eq!(function.call("GET", &both).await.status, 403);
    let none = function.call("GET", "/ec2/permissions?region_name=eu-west-1").await;
    none.refuses(400, "MissingParameter", "instance_id is required");
    function.quiet();
    let everything = Function::governed(Wire::canned(&[(200, &found)]).await, EVERYTHING, &[]).await;
    let answer = everything.call("GET", &both).await.json();
    assert_eq!(answer[1]["refused"], json!({}));
}
