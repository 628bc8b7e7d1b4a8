//! An instance's name in place of its ID: look-up, ambiguity, visibility.

use crate::support::xml::{Instance, change, changed, describe, instance, rebooted, refusal, tagged, unauthorized};
use crate::support::{A, B, Function, Response, own_region};
use serde_json::json;

/// An instance with a state and a name.
fn named(id: &str, state: &str, name: &str) -> Instance {
    instance(id).instance_type("t3.micro").state(state).tag("Name", name)
}

fn started() -> Response {
    changed("StartInstances", [change(A).states("stopped", "pending")])
}

#[tokio::test]
async fn a_name_means_the_only_instance_with_this_name_in_every_dialect() {
    let found = describe([named(A, "stopped", "web")]);
    let row = json!({
        "InstanceId": A,
        "CurrentState": {"Code": 0, "Name": "pending"},
        "PreviousState": {"Code": 80, "Name": "stopped"},
    });
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
    let function = Function::canned([found.clone(), started()]).await;
    function.start("web").await.is(200, &row);
    let requests = function.wire.requests();
    assert_eq!((requests[0].form(), requests[0].region()), (lookup.map(str::to_owned).to_vec(), "eu-west-1"));
    assert_eq!(requests[1].form(), ["Action=StartInstances", "InstanceId.1=i-abba916a", "Version=2016-11-15"]);
    let line = function.log_line();
    assert_eq!((&line["instance_names"], &line["instance_ids"]), (&json!(["web"]), &json!([A])), "{line}");

    let function = Function::canned([found.clone(), started()]).await;
    let answer = function.put("/v1/web/start?region=eu-west-1").await;
    answer.is(200, &json!("Instance modification succeeded"));
    assert_eq!(function.wire.requests()[1].form()[1], "InstanceId.1=i-abba916a");

    let function = Function::canned([found, started(), tagged()]).await;
    assert_eq!(function.post("/instance/eu-west-1/web/start").await.status, 204);
    let requests = function.wire.requests();
    assert!(requests[2].form().contains(&"ResourceId.1=i-abba916a".to_owned()), "{requests:?}");
}

#[tokio::test]
async fn ids_and_names_may_be_mixed_and_duplicates_are_removed() {
    let found = describe([named(A, "running", "web"), named(B, "running", "db, old")]);
    let function = Function::canned([found, rebooted()]).await;
    let body = json!({"region_name": "eu-west-1", "instance_ids": ["db, old", A, "web"]});
    let answer = function.post_json("/ec2/reboot", &body).await;
    answer.is(200, &json!([{"InstanceId": B}, {"InstanceId": A}]));
    let requests = function.wire.requests();
    assert_eq!(requests.len(), 2, "one look-up for all names");
    let form = requests[1].form();
    assert_eq!(form[..3], ["Action=RebootInstances", "InstanceId.1=i-abba916b", "InstanceId.2=i-abba916a"]);
}

#[tokio::test]
async fn ambiguous_name_is_409_with_the_candidates_and_changes_nothing() {
    let found = describe([named(A, "running", "web"), named(B, "stopped", "web")]);
    let candidates = "2 instances are named web: i-abba916a (running), i-abba916b (stopped). Give an ID instead";
    let function = Function::canned([found.clone()]).await;
    function.terminate("web").await.refuses(409, "AmbiguousInstanceName", candidates);
    assert_eq!(function.wire.only_request().action(), "DescribeInstances");

    let function = Function::canned([found.clone()]).await;
    let errors = json!({"errors": [{"id": "AmbiguousInstanceName", "title": candidates}]});
    function.post("/instance/eu-west-1/web/stop").await.is(409, &errors);
    assert_eq!(function.wire.only_request().action(), "DescribeInstances");

    let function = Function::canned([found]).await;
    let answer = function.put("/v1/web/stop").await;
    answer.is(400, &json!(format!("Required arguments not provided: {candidates}")));
    assert_eq!(answer.headers["x-error-code"], "AmbiguousInstanceName");
    assert_eq!(function.wire.only_request().action(), "DescribeInstances");
}

#[tokio::test]
async fn lookup_of_a_very_common_name_stops_early() {
    let ids: Vec<_> = (0..1000).map(|n| format!("i-{n:08x}")).collect();
    let page = describe(ids.iter().map(|id| named(id, "running", "web"))).next_token("more");
    let function = Function::canned([page]).await;
    let answer = function.stop("web").await;
    let first: Vec<_> = ids.iter().take(10).map(|id| format!("{id} (running)")).collect();
    let message = format!("More than 10 instances are named web: {}, .... Give an ID instead", first.join(", "));
    answer.refuses(409, "AmbiguousInstanceName", &message);
    assert_eq!(function.wire.only_request().action(), "DescribeInstances");
}

#[tokio::test]
async fn dry_run_by_name_resolves_the_name_and_does_not_blame_aws() {
    let function = Function::canned([describe([])]).await;
    let message = "Dry run: this would fail. There is no instance named web (region eu-west-1)";
    function.stop("web&dry_run").await.refuses(404, "InvalidInstanceID.NotFound", message);
    let permitted = refusal("DryRunOperation", "Request would have succeeded, but DryRun flag is set.").status(412);
    let function = Function::canned([describe([named(A, "stopped", "web")]), permitted]).await;
    let answer = function.start("web&dry_run").await;
    assert_eq!((answer.status, &answer.json()["DryRun"]), (200, &json!(true)));
    assert!(function.wire.requests()[1].form().contains(&"InstanceId.1=i-abba916a".to_owned()));
}

#[tokio::test]
async fn unknown_name_is_404() {
    let function = Function::canned([describe([])]).await;
    function.stop("web").await.refuses(
        404,
        "InvalidInstanceID.NotFound",
        "There is no instance named web (region eu-west-1)",
    );
    assert_eq!(function.wire.only_request().action(), "DescribeInstances");
    // EC2 ignores case in a filter with wildcards; this function compares exactly.
    let function = Function::canned([describe([named(A, "running", "Web")])]).await;
    assert_eq!(function.put("/v1/web/stop").await.status, 404);
    assert_eq!(function.wire.only_request().action(), "DescribeInstances");
}

#[tokio::test]
async fn wildcards_in_a_name_are_literal() {
    let found = describe([named(A, "running", "*")]);
    let function = Function::canned([found.clone(), rebooted()]).await;
    function.reboot("*").await.is(200, &json!({"InstanceId": A}));
    assert_eq!(function.wire.requests()[0].form()[2], "Filter.1.Value.1=\\*");
    let function = Function::canned([found]).await;
    assert_eq!(function.reboot("a%5C%3F").await.status, 404);
    assert_eq!(function.wire.only_request().form()[2], "Filter.1.Value.1=a\\\\\\?");
}

#[tokio::test]
async fn name_lookup_considers_visible_instances_only() {
    let policies = r#"permit (principal, action, resource is Instance) when { resource.state == "stopped" };"#;
    let found = describe([named(A, "stopped", "web"), named(B, "running", "web")]);
    let again = describe([named(A, "stopped", "web")]);
    let function = Function::with_policies(policies, &[], [found, again, started()]).await;
    assert_eq!(function.start("web").await.json()["InstanceId"], A);
    let function = Function::with_policies(policies, &[], [describe([named(B, "running", "web")])]).await;
    function.start("web").await.refuses(
        404,
        "InvalidInstanceID.NotFound",
        "There is no instance named web (region eu-west-1)",
    );
}

#[tokio::test]
async fn failed_name_lookup_is_not_reported_as_ambiguous() {
    let function = Function::canned([unauthorized()]).await;
    let message = "AWS refused ec2:DescribeInstances to this function's execution role (UnauthorizedOperation)";
    function.stop("web").await.refuses(502, "UnauthorizedOperation", message);
}

#[tokio::test]
async fn a_name_works_from_launch_to_termination() {
    let function = Function::with_moto().await;
    let region = own_region();
    let group = function.prepare(region).await;
    let launch = format!("/ec2/create?region_name={region}&KeyName=demo&SecurityGroupId={group}&tag:Name=web%201");
    let id = function.post(&launch).await.json()["InstanceId"].as_str().unwrap().to_owned();
    let shown = function.get(&format!("/v1/web 1/attributes/id?region={region}")).await;
    shown.is(200, &json!({"id": id}));
    assert_eq!(function.get(&format!("/instance/{region}/web 1/")).await.json()["state"], "running");
    let listed = function.get(&format!("/ec2/list?region_name={region}&instance_id=web%201&fields=id,name")).await;
    listed.is(200, &json!([{"id": id, "name": "web 1"}]));
    let second = function.post(&launch).await.json()["InstanceId"].as_str().unwrap().to_owned();
    let stop = format!("/ec2/stop?region_name={region}&instance_id=web%201");
    assert_eq!(function.post(&stop).await.status, 409);
    let terminate = format!("/ec2/terminate?region_name={region}&instance_id={second}");
    assert_eq!(function.post(&terminate).await.status, 200);
    assert_eq!(function.post(&stop).await.json()["InstanceId"], id, "a terminated instance loses its name");
}
