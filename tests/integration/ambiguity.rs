//! Ambiguous outcomes: whether a change whose response is lost may have taken effect.

use crate::faults::region;
use crate::support::xml::{describe, element, instance, launched, rebooted, refusal, response, s3_refusal};
use crate::support::{A, B, Function, PERMIT_ALL, REQUEST_ID, Response};
use serde_json::json;

const CREATE: &str = "/ec2/create?region_name=eu-west-1&image_id=ami-abba916a";
const UNKNOWN: &str = "what was asked for may have happened or not";

fn bad_gateway() -> Response {
    response(502, "<html>Bad gateway</html>")
}

#[tokio::test]
async fn launch_with_a_lost_response_is_found_by_its_token_and_reported_as_done() {
    for (lost, attempts) in
        [(response(200, ""), 1), (response(200, "<RunInstancesResponse>garb"), 1), (bad_gateway(), 3)]
    {
        let mut responses = vec![lost.clone(); attempts];
        // EC2 lists a new instance after a delay.
        responses.extend([describe([]), describe([instance(A)])]);
        let function = Function::canned(responses).await;
        let answer = function.post(&CREATE.replace("eu-west-1", &region())).await;
        assert_eq!((answer.status, &answer.json()["InstanceId"]), (200, &json!(A)), "{lost:?}: {answer:?}");
        let requests = function.wire.requests();
        assert_eq!(requests.iter().filter(|request| request.action() == "RunInstances").count(), attempts);
        let look = requests.last().unwrap().form();
        for line in
            ["Action=DescribeInstances", "Filter.1.Name=client-token", &format!("Filter.1.Value.1={REQUEST_ID}")]
        {
            assert!(look.contains(&line.to_owned()), "{look:?}");
        }
        assert_eq!(function.log_line()["instance_ids"], json!([A]));
    }
}

#[tokio::test]
async fn recovered_launch_is_complete_when_min_count_instances_exist() {
    let function = Function::canned([launched([]), describe([instance(A)])]).await;
    let answer = function.post(CREATE).await;
    assert_eq!((answer.status, &answer.json()["InstanceId"]), (200, &json!(A)), "{answer:?}");
    let mut responses = vec![launched([])];
    responses.resize(5, describe([instance(A)]));
    let function = Function::canned(responses).await;
    let answer = function.post(&format!("{CREATE}&MinCount=2")).await;
    assert_eq!(answer.status, 502, "one is not two: {answer:?}");
    assert!(answer.body.contains("may have happened or not"), "{answer:?}");
}

#[tokio::test]
async fn ambiguous_attempt_keeps_the_outcome_unknown_after_later_refusals() {
    let throttled = refusal("RequestLimitExceeded", "m").status(503);
    let slow_down = s3_refusal(503, "SlowDown", "m");
    for (method, path, throttled, status) in [
        ("POST", "/ec2/terminate?region_name=REGION&instance_id=i-abba916a", &throttled, 429),
        ("PUT", "/v1/i-abba916a/modify?region=REGION&attribute=enaSupport&value=true", &throttled, 408),
        ("PUT", "/s3/demo-x/k?region_name=REGION", &slow_down, 429),
    ] {
        let function = Function::canned([bad_gateway(), throttled.clone(), throttled.clone()]).await;
        let answer = function.call(method, &path.replace("REGION", &region())).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(answer.body.contains(UNKNOWN), "{path}: {answer:?}");
        assert_eq!(function.wire.requests().len(), 3);
        // Three refusals leave no doubt.
        let function = Function::canned(vec![throttled.clone(); 3]).await;
        let answer = function.call(method, &path.replace("REGION", &region())).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(!answer.body.contains("may have happened"), "{path}: {answer:?}");
    }
    // A launch is found by its token.
    let responses = [bad_gateway(), throttled.clone(), throttled, describe([instance(A)])];
    let function = Function::canned(responses).await;
    let answer = function.post(&CREATE.replace("eu-west-1", &region())).await;
    assert_eq!((answer.status, &answer.json()["InstanceId"]), (200, &json!(A)), "{answer:?}");
}

#[tokio::test]
async fn earlier_launch_with_the_same_token_is_not_reported_as_this_one() {
    for found in [instance(A).instance_type("m5.large"), instance(A).state("terminated")] {
        let function = Function::canned([response(200, ""), describe([found])]).await;
        let answer = function.post(CREATE).await;
        assert_eq!(answer.status, 502, "{answer:?}");
        assert!(answer.body.contains("may have happened or not"), "{answer:?}");
    }
}

#[tokio::test]
async fn lost_launch_in_a_zone_is_not_found_in_another_zone() {
    let zone = |name: &str| element("availabilityZone", name);
    let (b, c) = (instance(A).with("placement", zone("us-east-1b")), instance(B).with("placement", zone("us-east-1c")));
    // RunInstances is idempotent for each zone: both may have the same token.
    let path = "/v1/launch?ami=ami-abba916a&instance_type=t3.micro&placement=us-east-1c";
    let function = Function::canned([launched([]), describe([b.clone()]), describe([b.clone(), c])]).await;
    let answer = function.call("PUT", path).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.contains(B) && !answer.body.contains(A), "{answer:?}");
    let mut responses = vec![launched([])];
    responses.resize(5, describe([b]));
    let answer = Function::canned(responses).await.call("PUT", path).await;
    assert!(answer.status >= 400 && answer.body.contains(UNKNOWN), "{answer:?}");
}

#[tokio::test]
async fn refused_termination_of_several_instances_has_an_unknown_outcome() {
    let function = Function::canned(vec![refusal("OperationNotPermitted", "m"); 2]).await;
    let unknown = "m: what was asked for may have happened or not";
    function.terminate(&format!("{A},{B}")).await.refuses(409, "OperationNotPermitted", unknown);
    function.terminate(A).await.refuses(409, "OperationNotPermitted", "m");
}

#[tokio::test]
async fn failure_before_a_change_is_not_reported_as_ambiguous() {
    let function = Function::with_policies(PERMIT_ALL, &[], vec![bad_gateway(); 3]).await;
    let answer = function.post(&format!("/ec2/stop?region_name={}&instance_id={A}", region())).await;
    let message = "AWS answered ec2:DescribeInstances with something that is not an answer";
    answer.refuses(502, "UnreadableAnswer", message);
}

#[tokio::test]
async fn refused_launch_is_not_looked_up() {
    let function = Function::canned([refusal("InvalidParameterValue", "m")]).await;
    function.post(CREATE).await.refuses(400, "InvalidParameterValue", "m");
    assert_eq!(function.wire.requests().len(), 1);
}

#[tokio::test]
async fn refused_connection_is_not_reported_as_ambiguous() {
    let function = Function::without_aws(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")]).await;
    let path = format!("/ec2/stop?region_name={}&instance_id={A}", region());
    function.post(&path).await.refuses(504, "EndpointUnreachable", "AWS could not be reached for ec2:StopInstances");
}

#[tokio::test]
async fn reboot_and_changes_of_buckets_use_connections_of_their_own() {
    let reboot = format!("/ec2/reboot?region_name=eu-west-1&instance_id={A}");
    for (method, path, response) in [
        ("POST", reboot.as_str(), rebooted()),
        ("PUT", "/s3/demo-x?region_name=eu-west-1", response(200, "")),
        ("DELETE", "/s3/demo-x?region_name=eu-west-1", response(204, "")),
    ] {
        let function = Function::canned([describe([]), response.clone(), response, describe([])]).await;
        for (method, path) in [("GET", "/ec2/list?region_name=eu-west-1"), (method, path), (method, path)] {
            let answer = function.call(method, path).await;
            assert!(answer.status < 300, "{path}: {answer:?}");
        }
        function.call("GET", "/ec2/list?region_name=eu-west-1").await;
        let connections: Vec<_> = function.wire.requests().iter().map(|request| request.connection).collect();
        let [first, once, again, last] = connections[..] else { panic!("{path}: {connections:?}") };
        assert_eq!(first, last, "{path}");
        assert!(once != first && again != first && once != again, "{path}: {connections:?}");
    }
}
