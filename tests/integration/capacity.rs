//! Launches that try types, subnets and markets in order, and what else a launch may say.

use crate::faults::region;
use crate::support::xml::{describe, instance, launched, refusal, response, security_groups, subnets};
use crate::support::{A, Answer, B, Function, HttpApiEvent, PERMIT_ALL, REQUEST_ID, Response};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const CREATE: &str = "/ec2/create?region_name=eu-west-1&image_id=ami-abba916a&security_groups=sg-0000000a";
const S1: &str = "subnet-00000001";
const S2: &str = "subnet-00000002";

fn no_capacity() -> Response {
    refusal("InsufficientInstanceCapacity", "There is no capacity")
}

fn create(query: &str, key: Option<&str>) -> Value {
    let event = HttpApiEvent::new("POST", &format!("{CREATE}&{query}")).key();
    key.into_iter().fold(event, |event, key| event.header("idempotency-key", key)).json()
}

/// A member of each RunInstances call.
fn sent(function: &Function, name: &str) -> Vec<Option<String>> {
    let prefix = format!("{name}=");
    let launches = function.wire.requests().into_iter().filter(|request| request.action() == "RunInstances");
    let value = |form: Vec<String>| form.iter().find_map(|line| line.strip_prefix(&prefix).map(str::to_owned));
    launches.map(|request| value(request.form())).collect()
}

/// Type, subnet and market of each RunInstances call.
fn pairs(function: &Function) -> Vec<String> {
    let launches = function.wire.requests().into_iter().filter(|request| request.action() == "RunInstances");
    let pair = |form: Vec<String>| {
        let value = |name: &str| form.iter().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        let parts = ["InstanceType=", "SubnetId=", "InstanceMarketOptions.MarketType="].map(value);
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    };
    launches.map(|request| pair(request.form())).collect()
}

#[track_caller]
fn assert_launched(answer: &Answer, id: &str) {
    assert_eq!((answer.status, &answer.json()["InstanceId"]), (200, &json!(id)), "{answer:?}");
}

#[tokio::test]
async fn pairs_are_tried_in_order_while_ec2_has_no_capacity() {
    let query = format!("InstanceType=t3.micro,t3a.micro&SubnetId={S1},{S2}");
    let all =
        [("t3.micro", S1), ("t3.micro", S2), ("t3a.micro", S1), ("t3a.micro", S2)].map(|(t, s)| format!("{t} {s}"));
    for code in [
        "InsufficientInstanceCapacity",
        "Unsupported",
        "InsufficientFreeAddressesInSubnet",
        "SpotMaxPriceTooLow",
        "MaxSpotInstanceCountExceeded",
    ] {
        let responses = vec![refusal(code, "m"), refusal(code, "m"), refusal(code, "m"), launched([instance(A)])];
        let function = Function::canned(responses).await;
        assert_launched(&function.invoke(&create(&query, None)).await, A);
        assert_eq!(pairs(&function), all, "{code}");
        let line = function.log_line();
        let attempts: Vec<_> = [S1, S2].iter().map(|subnet| format!("t3.micro in {subnet}: {code}")).collect();
        let attempts =
            json!([attempts[0], attempts[1], format!("t3a.micro in {S1}: {code}"), format!("t3a.micro in {S2}: OK")]);
        assert_eq!((&line["attempts"], &line["instance_type"]), (&attempts, &json!("t3.micro,t3a.micro")), "{line}");
    }
    // A JSON body has lists as arrays.
    let function = Function::canned([no_capacity(), launched([instance(A)])]).await;
    let body =
        json!({"region_name": "eu-west-1", "image_id": "ami-abba916a", "InstanceType": ["t3.micro", "t3.small"]});
    assert_launched(&function.post_json("/ec2/create", &body).await, A);
    assert_eq!(pairs(&function), ["t3.micro", "t3.small"]);
}

#[tokio::test]
async fn pair_without_capacity_is_tried_once_although_ec2_answers_500() {
    let full = || no_capacity().status(500);
    let function = Function::canned([full(), launched([instance(A)])]).await;
    assert_launched(&function.invoke(&create("InstanceType=t3.micro,t3.small", None)).await, A);
    assert_eq!(pairs(&function), ["t3.micro", "t3.small"]);
    // There is time to repeat the only pair.
    let function = Function::canned([full(), launched([instance(A)])]).await;
    assert_launched(&function.invoke(&create("InstanceType=t3.micro", None)).await, A);
    assert_eq!(pairs(&function), ["t3.micro", "t3.micro"]);
}

#[tokio::test]
async fn other_error_ends_the_attempts() {
    for (code, status) in [
        ("InvalidParameterValue", 400),
        ("VcpuLimitExceeded", 503),
        ("InvalidSubnetID.NotFound", 404),
        ("UnauthorizedOperation", 502),
    ] {
        let function = Function::canned([no_capacity(), refusal(code, "m")]).await;
        let answer = function.invoke(&create("InstanceType=t3.micro,t3.small,t3.large", None)).await;
        assert_eq!((answer.status, &answer.json()["Error"]), (status, &json!(code)), "{answer:?}");
        assert_eq!(pairs(&function), ["t3.micro", "t3.small"]);
    }
}

#[tokio::test]
async fn launch_without_capacity_for_any_pair_names_each() {
    let responses = [no_capacity(), refusal("Unsupported", "Not in this zone")];
    let function = Function::canned(responses).await;
    let answer = function.invoke(&create("InstanceType=t3.micro,t3.small", None)).await;
    let message = "EC2 has no capacity for any of 2: t3.micro: There is no capacity (InsufficientInstanceCapacity); \
        t3.small: Not in this zone (Unsupported)";
    answer.refuses(503, "Unsupported", message);
    // With one pair, it is EC2's own error, as before.
    let function = Function::canned([refusal("Unsupported", "m")]).await;
    function.invoke(&create("InstanceType=t3.micro", None)).await.refuses(400, "Unsupported", "m");
    assert_eq!(function.log_line().get("attempts"), None);
}

#[tokio::test]
async fn spot_instances_are_launched_and_on_demand_ones_where_spot_is_preferred_only() {
    let function = Function::canned([launched([instance(A)])]).await;
    assert_launched(&function.invoke(&create("spot=only", None)).await, A);
    assert_eq!(pairs(&function), ["t3.micro spot"]);
    let function = Function::canned([no_capacity()]).await;
    let answer = function.invoke(&create("spot=only", None)).await;
    answer.refuses(503, "InsufficientInstanceCapacity", "There is no capacity");

    let function = Function::canned([launched([instance(A)])]).await;
    assert_launched(&function.invoke(&create("spot=prefer&InstanceType=t3.micro,t3.small", None)).await, A);
    assert_eq!(pairs(&function), ["t3.micro spot"]);
    let too_low = refusal("SpotMaxPriceTooLow", "m");
    let function = Function::canned([no_capacity(), too_low, no_capacity(), launched([instance(A)])]).await;
    assert_launched(&function.invoke(&create("spot=prefer&InstanceType=t3.micro,t3.small", None)).await, A);
    assert_eq!(pairs(&function), ["t3.micro spot", "t3.small spot", "t3.micro", "t3.small"]);
    assert_eq!(function.log_line()["attempts"][3], "t3.small (on demand): OK");
}

#[tokio::test]
async fn stop_of_a_one_time_spot_instance_is_409_with_what_ec2_says() {
    let message = format!(
        "You can't stop the Spot Instance '{A}' because it is associated with a one-time Spot Instance request."
    );
    let function = Function::canned([refusal("UnsupportedOperation", &message)]).await;
    function.stop(A).await.refuses(409, "UnsupportedOperation", &message);
}

#[tokio::test]
async fn every_attempt_has_a_client_token_of_its_own_and_the_tag_of_the_request() {
    let function = Function::canned([no_capacity(), no_capacity(), launched([instance(A)])]).await;
    assert_launched(&function.invoke(&create("InstanceType=t3.micro,t3.small,t3.large", None)).await, A);
    let requests = function.wire.requests();
    let tokens: BTreeSet<_> = requests
        .iter()
        .map(|request| {
            request.form().iter().find_map(|line| line.strip_prefix("ClientToken=").map(str::to_owned)).unwrap()
        })
        .collect();
    assert_eq!(tokens.len(), 3);
    assert!(tokens.contains(REQUEST_ID) && tokens.iter().all(|token| token.len() <= 64), "{tokens:?}");
    for request in requests {
        assert!(
            request.form().contains(&format!("TagSpecification.1.Tag.2.Value={REQUEST_ID}")),
            "{:?}",
            request.form()
        );
    }
}

#[tokio::test]
async fn repeated_launch_finds_what_a_later_pair_has_launched_and_launches_no_more() {
    let event = create("InstanceType=t3.micro,t3.small", Some("order-1"));
    let function =
        Function::canned([describe([]), no_capacity(), launched([instance(A).instance_type("t3.small")])]).await;
    assert_launched(&function.invoke(&event).await, A);
    let tokens: Vec<_> = sent(&function, "ClientToken").into_iter().flatten().collect();
    assert_eq!(tokens.len(), 2);
    // Now the first pair has capacity.
    let earlier = instance(A).instance_type("t3.small").state("running");
    let function = Function::canned([describe([earlier]), launched([instance(B)])]).await;
    assert_launched(&function.invoke(&event).await, A);
    let look = function.wire.only_request();
    assert_eq!(look.action(), "DescribeInstances");
    for (n, token) in tokens.iter().enumerate() {
        assert!(look.form().contains(&format!("Filter.1.Value.{}={token}", n + 1)), "{:?}", look.form());
    }
    assert_eq!(function.log_line()["instance_ids"], json!([A]));
}

#[tokio::test]
async fn launch_under_a_used_idempotency_key_is_refused_where_it_can_not_be_the_same() {
    let event = create("InstanceType=t3.micro,t3.small", Some("order-1"));
    let function = Function::canned([describe([instance(A).instance_type("m5.large").state("running")])]).await;
    let message = "Another launch was sent under the same Idempotency-Key";
    function.invoke(&event).await.refuses(422, "IdempotentParameterMismatch", message);
    let function = Function::canned([describe([instance(A).state("terminated")])]).await;
    let message = format!("{A} was launched under the same Idempotency-Key, and is terminated");
    function.invoke(&event).await.refuses(409, "IdempotentInstanceTerminated", &message);
    // What can't be looked up may have been launched.
    let function = Function::canned([refusal("UnauthorizedOperation", "m").status(403)]).await;
    assert_eq!(function.invoke(&event).await.status, 502);
    assert_eq!(function.wire.actions(), ["DescribeInstances"]);
}

#[tokio::test]
async fn launch_whose_response_is_lost_in_any_attempt_is_found_and_not_launched_again() {
    let types = ["t3.micro", "t3.small", "t3.large"];
    let query = format!("InstanceType={}", types.join(","));
    for (lost, lost_type) in types.iter().enumerate() {
        let path = format!("{CREATE}&{query}").replace("eu-west-1", &region());
        let event = HttpApiEvent::new("POST", &path).key().header("idempotency-key", "order-1").json();
        let begin = |last: Vec<Response>| {
            let refused = vec![no_capacity(); lost];
            [describe([])].into_iter().chain(refused).chain([response(200, "")]).chain(last).collect::<Vec<_>>()
        };
        // It is found by the token of this attempt.
        let found = instance(A).instance_type(lost_type).state("pending");
        let function = Function::canned(begin(vec![describe([found.clone()])])).await;
        assert_launched(&function.invoke(&event).await, A);
        let requests = function.wire.requests();
        let launches = requests.iter().filter(|request| request.action() == "RunInstances").count();
        assert_eq!(launches, lost + 1, "no pair after the one that may have launched");
        let token = |name: &str, n: usize| {
            let form = requests[n].form();
            form.iter().find_map(|line| line.strip_prefix(name).map(str::to_owned)).unwrap()
        };
        assert_eq!(token("ClientToken=", lost + 1), token("Filter.1.Value.1=", lost + 2));
        // It is not found in time: the outcome is unknown, and the repetition finds it.
        let function = Function::canned(begin(vec![describe([]); 4])).await;
        let answer = function.invoke(&event).await;
        assert_eq!(answer.status, 502, "{answer:?}");
        assert!(answer.body.contains("may have happened or not. What it launched has the tag"), "{answer:?}");
        let launches = function.wire.actions().iter().filter(|action| *action == "RunInstances").count();
        assert_eq!(launches, lost + 1);
        let function = Function::canned([describe([found])]).await;
        assert_launched(&function.invoke(&event).await, A);
        assert_eq!(function.wire.actions(), ["DescribeInstances"]);
    }
}

#[tokio::test]
async fn every_pair_is_permitted_before_the_first_is_tried() {
    let function = Function::with_variables(&[("ALLOWED_INSTANCE_TYPES", "t3.*")], []).await;
    let answer = function.invoke(&create("InstanceType=t3.micro,m5.large", None)).await;
    assert_eq!((answer.status, &answer.json()["Error"]), (403, &json!("InstanceTypeNotAllowed")), "{answer:?}");
    function.assert_no_calls();
    for condition in
        ["resource.instanceType == \"t3.small\"", "resource has subnetId && resource.subnetId == \"subnet-00000002\""]
    {
        let policies = format!("{PERMIT_ALL} forbid(principal, action, resource is Launch) when {{ {condition} }};");
        let function = Function::with_policies(&policies, &[], []).await;
        let query = format!("InstanceType=t3.micro,t3.small&SubnetId={S1},{S2}");
        assert_eq!(function.invoke(&create(&query, None)).await.status, 403, "{condition}");
        function.assert_no_calls();
    }
}

#[tokio::test]
async fn options_of_a_launch_are_sent_and_can_be_forbidden() {
    let profiles = [("INSTANCE_PROFILES", "web,ci-*")];
    for (query, line, condition) in [
        (format!("SubnetId={S1}"), format!("SubnetId={S1}"), "resource has subnetId"),
        (format!("subnet_id={S1}"), format!("SubnetId={S1}"), "resource has subnetId"),
        ("UserData=hello".to_owned(), "UserData=aGVsbG8=".to_owned(), "resource.hasUserData"),
        ("spot=only".to_owned(), "InstanceMarketOptions.MarketType=spot".to_owned(), "resource.spot == \"only\""),
        ("Spot=prefer".to_owned(), "InstanceMarketOptions.MarketType=spot".to_owned(), "resource.spot == \"prefer\""),
        (
            "InstanceProfile=ci-runner".to_owned(),
            "IamInstanceProfile.Name=ci-runner".to_owned(),
            "resource has instanceProfile && resource.instanceProfile == \"ci-runner\"",
        ),
    ] {
        let function = Function::with_variables(&profiles, [launched([instance(A)])]).await;
        assert_launched(&function.invoke(&create(&query, None)).await, A);
        let form = function.wire.only_request().form();
        assert!(form.contains(&line), "{query}: {form:?}");
        let policies = format!("{PERMIT_ALL} forbid(principal, action, resource is Launch) when {{ {condition} }};");
        let function = Function::with_policies(&policies, &profiles, []).await;
        assert_eq!(function.invoke(&create(&query, None)).await.status, 403, "{query}");
        function.assert_no_calls();
        let function = Function::with_policies(&policies, &profiles, [launched([instance(A)])]).await;
        assert_launched(&function.invoke(&create("", None)).await, A);
    }
}

#[tokio::test]
async fn instance_profile_must_be_named_by_the_deployment() {
    for (profiles, message) in [
        (&[][..], "This deployment allows no instance profiles"),
        (&[("INSTANCE_PROFILES", "web,ci-*")], "This deployment allows the instance profiles web,ci-*, not admin"),
    ] {
        let function = Function::with_variables(profiles, []).await;
        let answer = function.invoke(&create("InstanceProfile=admin", None)).await;
        answer.refuses(403, "InstanceProfileNotAllowed", message);
        assert_eq!(function.log_line()["decided_by"], json!(["INSTANCE_PROFILES"]));
        function.assert_no_calls();
    }
}

#[tokio::test]
async fn names_of_groups_are_those_of_the_subnets_vpc_under_policies() {
    let create = CREATE.replace("sg-0000000a", "web");
    let path = format!("{create}&SubnetId={S1},{S2}&InstanceType=t3.micro,t3.small");
    let described = || subnets([(S1, "vpc-1"), (S2, "vpc-2")]);
    let web = |id| security_groups([(id, "web")]);
    let responses = [described(), web("sg-0000000a"), web("sg-0000000b"), no_capacity(), launched([instance(A)])];
    let function = Function::with_policies(PERMIT_ALL, &[], responses).await;
    assert_launched(&function.post(&path).await, A);
    let requests = function.wire.requests();
    let actions: Vec<_> = requests.iter().map(|request| request.action()).collect();
    let looks = ["DescribeSubnets", "DescribeSecurityGroups", "DescribeSecurityGroups"];
    assert_eq!(actions, [&looks[..], &["RunInstances"; 2]].concat(), "one look for each VPC");
    assert!(requests[4].form().contains(&"SecurityGroupId.1=sg-0000000b".to_owned()), "{:?}", requests[4].form());
    // A group of one VPC only, a subnet that EC2 does not show, and one that does not exist.
    let function =
        Function::with_policies(PERMIT_ALL, &[], [described(), web("sg-0000000a"), security_groups([])]).await;
    let message = "The security group web does not exist in the VPC of the subnet";
    function.post(&path).await.refuses(404, "InvalidGroup.NotFound", message);
    let function = Function::with_policies(PERMIT_ALL, &[], [subnets([(S1, "vpc-1")]), web("sg-0000000a")]).await;
    function.post(&path).await.refuses(404, "InvalidSubnetID.NotFound", &format!("There is no subnet {S2}"));
    let missing = refusal("InvalidSubnetID.NotFound", "The subnet ID does not exist");
    let function = Function::with_policies(PERMIT_ALL, &[], [missing]).await;
    function.post(&path).await.refuses(404, "InvalidSubnetID.NotFound", "The subnet ID does not exist");
    // Without policies, EC2 decides.
    let other_vpc = refusal("InvalidParameter", "Security group and subnet belong to different networks.");
    let function = Function::canned([other_vpc]).await;
    let answer = function.post(&format!("{CREATE}&SubnetId={S1}")).await;
    answer.refuses(400, "InvalidParameter", "Security group and subnet belong to different networks.");
}

#[tokio::test]
async fn invalid_launch_option_is_refused_without_a_call_to_aws() {
    let function = Function::without_aws(&[("INSTANCE_PROFILES", "*")]).await;
    let long = "x".repeat(16 * 1024 + 1);
    let many = (0..11).map(|n| format!("t3.x{n}")).collect::<Vec<_>>().join(",");
    for (query, message) in [
        ("spot=yes".to_owned(), "spot must be only or prefer"),
        ("spot=true".to_owned(), "spot must be only or prefer"),
        ("SubnetId=default".to_owned(), "SubnetId must be a subnet's ID: subnet- and 8 or 17 hex digits"),
        ("InstanceType=t3.micro,,".to_owned(), "InstanceType has an empty item"),
        (format!("InstanceType={many}"), "InstanceType has more than 10 items"),
        (
            "InstanceProfile=arn:aws:iam::123456789012:instance-profile/x".to_owned(),
            "InstanceProfile must be the name of an instance profile, not its ARN",
        ),
        (format!("UserData={long}"), "UserData has more than 16384 bytes"),
    ] {
        let answer = function.invoke(&create(&query, None)).await;
        answer.refuses(400, "InvalidParameterValue", message);
    }
    for name in ["InstanceType", "SubnetId"] {
        let body = json!({"region_name": "eu-west-1", "image_id": "ami-abba916a", name: []});
        let answer = function.post_json("/ec2/create", &body).await;
        answer.refuses(400, "InvalidParameterValue", &format!("{name} is an empty list"));
    }
    function.assert_no_calls();
}
