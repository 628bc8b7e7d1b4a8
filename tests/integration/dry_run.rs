//! Dry runs of every change.

use crate::support::xml::{describe, instance, refusal, stopped};
use crate::support::{A, Function, IMAGE, Route, own_region, routes};
use serde_json::json;

/// Every route that changes something, with a valid request.
pub const CHANGES: &[(&str, &str, &str)] = &[
    ("POST", "/ec2/create?region_name=us-east-1&image_id=ami-abba916a", "RunInstances"),
    ("POST", "/ec2/start?region_name=us-east-1&instance_id=i-abba916a", "StartInstances"),
    ("POST", "/ec2/stop?region_name=us-east-1&instance_id=i-abba916a", "StopInstances"),
    ("POST", "/ec2/reboot?region_name=us-east-1&instance_id=i-abba916a", "RebootInstances"),
    ("POST", "/ec2/terminate?region_name=us-east-1&instance_id=i-abba916a", "TerminateInstances"),
    ("POST", "/ec2/keep?region_name=us-east-1&until=8h&instance_id=i-abba916a", "KeepInstances"),
    ("PUT", "/instance/us-east-1/i-abba916a/start?", "StartInstances"),
    ("POST", "/instance/us-east-1/i-abba916a/stop?", "StopInstances"),
    ("POST", "/instance/us-east-1/i-abba916a/reboot?", "RebootInstances"),
    ("PUT", "/v1/launch?ami=ami-abba916a&instance_type=t3.micro", "RunInstances"),
    ("PUT", "/v1/i-abba916a/start?", "StartInstances"),
    ("PUT", "/v1/i-abba916a/stop?", "StopInstances"),
    ("PUT", "/v1/i-abba916a/reboot?", "RebootInstances"),
    ("PUT", "/v1/i-abba916a/terminate?", "TerminateInstances"),
    ("PUT", "/v1/i-abba916a/modify?attribute=instance_type&value=t3.small", "ModifyInstanceAttribute"),
    ("PUT", "/schedules/a?stop=19:00&region_name=us-east-1&instance_id=i-abba916a", "CreateSchedule"),
    ("DELETE", "/schedules/a?", "DeleteSchedule"),
    ("POST", "/schedules/a/enable?", "UpdateSchedule"),
    ("POST", "/schedules/a/disable?", "UpdateSchedule"),
    ("POST", "/schedules/a/run?action=stop", "RunSchedule"),
    ("PUT", "/s3/demo-a?", "CreateBucket"),
    ("DELETE", "/s3/demo-a?", "DeleteBucket"),
    ("PUT", "/s3/demo-a/k?", "PutObject"),
    ("DELETE", "/s3/demo-a/k?", "DeleteObject"),
];

/// The EC2 call of an action.
fn sent(action: &str) -> &str {
    if action == "KeepInstances" { "CreateTags" } else { action }
}

/// The changes that EC2 and S3 carry out. Those of schedules read the schedule first: schedules.rs
/// and firing.rs have their dry runs.
fn changes_of_ec2_and_s3() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    CHANGES.iter().copied().filter(|(_, path, _)| !path.starts_with("/schedules"))
}

#[test]
fn every_route_with_an_effect_supports_dry_run() {
    let reads = |route: &Route| matches!(route.methods, ["GET"] | ["HEAD"]);
    let changing = routes().into_iter().filter(|route| !reads(route)).count();
    for route in routes() {
        let dry_run = route.parameters.contains(&"dry_run");
        assert_eq!(dry_run, !reads(&route), "{}", route.path);
    }
    // `/instance` has three actions on one path.
    assert_eq!(CHANGES.len(), changing + 2, "a route is not in the list of this test");
}

#[tokio::test]
async fn dry_run_checks_policy_and_ec2_and_changes_nothing() {
    let permitted = refusal("DryRunOperation", "Request would have succeeded, but DryRun flag is set.").status(412);
    let refused = refusal("UnauthorizedOperation", "You are not authorized to perform this operation.").status(403);
    for (method, path, action) in changes_of_ec2_and_s3() {
        let path = format!("{path}&dry_run=true");
        let s3 = path.starts_with("/s3");
        let text = match s3 {
            true => format!("Dry run: This deployment (AWS can't be asked) would permit {action}. Nothing was done."),
            false => format!("Dry run: This deployment and AWS would permit {action}. Nothing was done."),
        };
        let body = if path.starts_with("/v1") { json!(text) } else { json!({"DryRun": true, "Message": text}) };
        let function = Function::canned([permitted.clone()]).await;
        function.call(method, &path).await.is(200, &body);
        let requests = function.wire.requests();
        if s3 {
            assert!(requests.is_empty(), "{requests:#?}");
        } else {
            assert_eq!(requests.len(), 1, "{path}: {requests:#?}");
            assert_eq!(requests[0].action(), sent(action));
            assert!(requests[0].form().contains(&"DryRun=true".to_owned()), "{path}: {:?}", requests[0].form());
        }
        let line = function.log_line();
        assert_eq!(
            (&line["dry_run"], &line["decision"], &line["action"]),
            (&json!(true), &json!("allow"), &json!(action))
        );

        let would = "Dry run: AWS would refuse this.";
        if !s3 {
            let function = Function::canned([refused.clone()]).await;
            let answer = function.call(method, &path).await;
            let status = if path.starts_with("/v1") { 408 } else { 502 };
            assert_eq!(answer.status, status, "{path}: {answer:?}");
            assert!(
                answer.body.contains(would) && answer.body.contains(&format!("ec2:{}", sent(action))),
                "{answer:?}"
            );
        }

        let forbid = "forbid (principal, action, resource);";
        let function = Function::with_policies(forbid, &[], [describe([instance(A).state("running")])]).await;
        // A group by its ID: names of groups are looked up before the policies decide.
        let path = path.replace("ami-abba916a", "ami-abba916a&security_groups=sg-01234567");
        let answer = function.call(method, &path).await;
        assert_eq!(answer.status, 403, "{path}: {answer:?}");
        let would = format!(
            "Dry run: this deployment would refuse this. The policy of this deployment does not permit {action}"
        );
        assert!(answer.body.contains(&would), "{path}: {answer:?}");
        assert!(function.wire.actions().iter().all(|action| action == "DescribeInstances"));
    }
}

#[tokio::test]
async fn dry_run_against_moto_changes_nothing() {
    let function = Function::with_moto().await;
    let region = own_region();
    let id = function.launch(region).await;
    for action in ["stop", "terminate", "reboot", "start"] {
        for spelling in
            ["dry_run=true", "DryRun=True", "dryRun=true", "dry-run=true", "DRY_RUN=true", "dryrun", "dry_run="]
        {
            let path = format!("/ec2/{action}?region_name={region}&instance_id={id}&{spelling}");
            let answer = function.post(&path).await;
            assert_eq!((answer.status, &answer.json()["DryRun"]), (200, &json!(true)), "{path}: {answer:?}");
        }
    }
    let body = json!({"region_name": region, "image_id": IMAGE, "dry_run": true});
    assert_eq!(function.post_json("/ec2/create", &body).await.json()["DryRun"], true);
    let answer = function.post(&format!("/instance/{region}/{id}/stop?dry_run=true")).await;
    assert_eq!(answer.json()["DryRun"], true);
    let listed = function.list(region).await.json();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    assert_eq!((&listed[0]["id"], &listed[0]["instance-state"]), (&json!(id), &json!("running")));
    let shown = function.get(&format!("/instance/{region}/{id}")).await.json();
    assert_eq!(shown["tags"].get("start_time"), None);
    for path in ["/s3/demo-never?dry_run=true", "/s3/demo-never/k?dry_run=true"] {
        assert_eq!(function.put(path).await.status, 200);
    }
    let buckets = function.get("/s3").await.json();
    assert!(buckets.as_array().unwrap().iter().all(|bucket| bucket["name"] != "demo-never"), "{buckets}");
}

#[tokio::test]
async fn invalid_dry_run_value_is_refused() {
    let function = Function::without_aws(&[]).await;
    for (method, path, _) in changes_of_ec2_and_s3() {
        let answer = function.call(method, &format!("{path}&dry_run=maybe")).await;
        assert_eq!(answer.status, 400, "{path}: {answer:?}");
        assert!(answer.body.contains("dry_run must be true or false"), "{answer:?}");
    }
    function.assert_no_calls();
    // `false` means no dry run.
    let function = Function::canned([stopped(A)]).await;
    assert_eq!(function.stop(&format!("{A}&dry_run=false")).await.status, 200);
    assert!(!function.wire.only_request().form().iter().any(|line| line.starts_with("DryRun")));
}

#[tokio::test]
async fn dry_run_carried_out_by_aws_is_reported_as_a_failure() {
    let function = Function::canned([stopped(A)]).await;
    let answer = function.stop(&format!("{A}&dry_run=true")).await;
    answer.refuses(500, "InternalError", "The function failed to handle the request");
    assert_eq!(function.log_line()["cause"], "AWS carried out a dry run of StopInstances");
}
