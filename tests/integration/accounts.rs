//! Other accounts: the parameter `account`, and the roles that STS lets the function assume.

use crate::support::xml::{
    assumed, describe, instance, launched, refusal, regions, response, started, stopped, sts_refusal, throttled,
    unauthorized,
};
use crate::support::{
    A, Answer, B, Function, HttpApiEvent, RecordedRequest, Response, Route, Wire, policy_file, routes, sha256,
};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const BLUE: &str = "111122223333";
const OWN: &str = "123456789012";
const ROLE: &str = "arn:aws:iam::111122223333:role/ec2-control-api-account";
const ACCOUNTS: &str = "blue=arn:aws:iam::111122223333:role/ec2-control-api-account,\
                        red=arn:aws:iam::444455556666:role/ec2-control-api-account,\
                        home=arn:aws:iam::123456789012:role/ec2-control-api-account";
const LIST: &str = "/ec2/list?region_name=eu-west-1";

/// The end of credentials that outlive every test.
const LATER: &str = "2099-01-01T00:00:00Z";

async fn with_accounts(responses: impl IntoIterator<Item = Response>) -> Function {
    Function::with_variables(&[("ACCOUNTS", ACCOUNTS)], responses).await
}

/// The access key that a request is signed with.
fn access_key(request: &RecordedRequest) -> &str {
    let (_, credential) = request.headers["authorization"].split_once("Credential=").unwrap();
    credential.split('/').next().unwrap()
}

/// The requests so far: each action with its access key.
fn calls(function: &Function) -> Vec<(String, String)> {
    let call = |request: &RecordedRequest| (request.action(), access_key(request).to_owned());
    function.wire.requests().iter().map(call).collect()
}

fn call(action: &str, access_key: &str) -> (String, String) {
    (action.to_owned(), access_key.to_owned())
}

fn one() -> Response {
    describe([instance(A).state("running")])
}

#[tokio::test]
async fn role_is_assumed_once_for_an_account_and_a_caller() {
    let keys = format!("demo={},bob={}", sha256("local-only-key"), sha256("bobs-key"));
    let variables = [("ACCOUNTS", ACCOUNTS), ("API_KEYS", &*keys), ("ACCOUNTS_EXTERNAL_ID", "a:secret/1")];
    let responses = [assumed("ASIADEMO", LATER), one(), one(), assumed("ASIABOB", LATER), one(), one()];
    let function = Function::with_variables(&variables, responses).await;
    assert_eq!(function.get(&format!("{LIST}&account=blue")).await.status, 200);
    assert_eq!(function.log_line()["account"], BLUE);
    let requests = function.wire.requests();
    assert_eq!(
        requests[0].form(),
        [
            "Action=AssumeRole".to_owned(),
            "ExternalId=a:secret/1".to_owned(),
            format!("RoleArn={ROLE}"),
            "RoleSessionName=demo".to_owned(),
            "Version=2011-06-15".to_owned()
        ]
    );
    assert_eq!((access_key(&requests[0]), access_key(&requests[1])), ("AKIDTEST", "ASIADEMO"));
    assert_eq!(requests[1].headers["x-amz-security-token"], "token of ASIADEMO");
    // The same account by its number, in another region.
    let path = format!("/ec2/list?region_name=us-east-1&account={BLUE}");
    assert_eq!(function.get(&path).await.status, 200);
    assert_eq!(calls(&function), [call("DescribeInstances", "ASIADEMO")]);
    // Another caller has credentials of his own.
    let event = || HttpApiEvent::new("GET", &format!("{LIST}&account=blue"));
    assert_eq!(function.send(event().header("x-api-key", "bobs-key")).await.status, 200);
    let requests = function.wire.requests();
    assert!(requests[0].form().contains(&"RoleSessionName=bob".to_owned()), "{:?}", requests[0].form());
    assert_eq!(access_key(&requests[1]), "ASIABOB");
    assert_eq!(function.send(event().key()).await.status, 200);
    assert_eq!(calls(&function), [call("DescribeInstances", "ASIADEMO")]);
}

#[tokio::test]
async fn session_is_limited_to_the_allowed_regions() {
    let variables = [("ACCOUNTS", ACCOUNTS), ("ALLOWED_REGIONS", "eu-west-1,us-east-1")];
    let function = Function::with_variables(&variables, [assumed("ASIADEMO", LATER), one()]).await;
    assert_eq!(function.get(&format!("{LIST}&account=blue")).await.status, 200);
    let form = function.wire.requests()[0].form();
    let policy = form.iter().find_map(|line| line.strip_prefix("Policy=")).unwrap();
    let policy: Value = serde_json::from_str(policy).unwrap();
    let statements = json!([
        {
            "Effect": "Allow", "Action": "ec2:*", "Resource": "*",
            "Condition": {"StringEquals": {"aws:RequestedRegion": ["eu-west-1", "us-east-1"]}},
        },
        {"Effect": "Allow", "NotAction": "ec2:*", "Resource": "*"},
    ]);
    assert_eq!(policy, json!({"Version": "2012-10-17", "Statement": statements}));
}

#[tokio::test]
async fn own_account_needs_no_role() {
    for account in ["", &format!("&account={OWN}"), "&account=home"] {
        let function = with_accounts([one()]).await;
        assert_eq!(function.get(&format!("{LIST}{account}")).await.status, 200);
        assert_eq!(calls(&function), [call("DescribeInstances", "AKIDTEST")], "{account}");
        let expected = if account.is_empty() { Value::Null } else { json!(OWN) };
        assert_eq!(function.log_line()["account"], expected);
    }
}

#[tokio::test]
async fn account_that_the_deployment_does_not_have_is_400_and_is_never_tried() {
    let refuses = async |function: &Function, account: &str, problem: &str| {
        let answer = function.get(&format!("{LIST}&account={account}")).await;
        answer.refuses(400, "InvalidParameterValue", &format!("account {problem}"));
        function.assert_no_calls();
    };
    let none = Function::without_aws(&[]).await;
    for account in ["blue", BLUE, OWN, "all"] {
        refuses(&none, account, "can't be given: this deployment has no other accounts").await;
    }
    let some = with_accounts([]).await;
    for account in ["green", "999999999999", "Blue"] {
        refuses(&some, account, "must be an account of this deployment").await;
    }
    let expected = "must be the name or the 12 digits of an account of this deployment";
    for account in ["11112222333", "a:b", ROLE, "..%2Fblue", "blue%20x", "%2A"] {
        refuses(&some, account, expected).await;
    }
}

#[tokio::test]
async fn every_route_of_instances_schedules_and_regions_knows_the_account() {
    let declaring = |route: &&Route| route.parameters.contains(&"account");
    let all = routes();
    let paths: Vec<_> = all.iter().filter(declaring).map(|route| route.path).collect();
    // The limits are the same for all accounts.
    let expected = |path: &&str| {
        ["/ec2", "/v1", "/schedules", "/regions"].iter().any(|prefix| path.starts_with(prefix))
            && *path != "/ec2/limits"
    };
    let expected: Vec<_> = all.iter().map(|route| route.path).filter(expected).collect();
    assert_eq!(paths, expected);
    let function = with_accounts([]).await;
    for path in [format!("/instance/eu-west-1/{A}?account=blue"), "/s3?account=blue".to_owned()] {
        assert!(function.get(&path).await.status >= 400, "{path}");
        function.assert_no_calls();
    }
}

#[tokio::test]
async fn every_dialect_works_in_another_account() {
    let role = || assumed("ASIADEMO", LATER);
    for (method, path, responses, actions) in [
        (
            "POST",
            format!("/ec2/start?region_name=eu-west-1&instance_id={A}"),
            vec![role(), started(A)],
            "StartInstances",
        ),
        ("PUT", format!("/v1/{A}/stop?region=eu-west-1"), vec![role(), stopped(A)], "StopInstances"),
        (
            "GET",
            "/regions?".to_owned(),
            vec![role(), regions(&["eu-west-1"]), one()],
            "DescribeRegions DescribeInstances",
        ),
    ] {
        let function = with_accounts(responses).await;
        let answer = function.call(method, &format!("{path}&account=blue")).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        let expected = actions.split(' ').map(|action| call(action, "ASIADEMO"));
        let expected: Vec<_> = [call("AssumeRole", "AKIDTEST")].into_iter().chain(expected).collect();
        assert_eq!(calls(&function), expected, "{path}");
        assert_eq!(function.log_line()["account"], BLUE);
    }
}

#[tokio::test]
async fn account_in_a_body_counts_as_in_the_query() {
    let function = with_accounts([assumed("ASIADEMO", LATER), started(A)]).await;
    let body = json!({"region_name": "eu-west-1", "instance_id": A, "account": "blue"});
    assert_eq!(function.post_json("/ec2/start", &body).await.status, 200);
    assert_eq!(calls(&function), [call("AssumeRole", "AKIDTEST"), call("StartInstances", "ASIADEMO")]);
}

#[tokio::test]
async fn policies_decide_by_the_account_before_its_role_is_assumed() {
    let policies = r#"permit (principal, action, resource)
        when { resource.account == "111122223333" };"#;
    let file = policy_file(policies);
    let variables = [("POLICY_FILE", &*file), ("ACCOUNTS", ACCOUNTS)];
    let function = Function::with_variables(&variables, [assumed("ASIADEMO", LATER), one(), one(), started(A)]).await;
    for account in ["", "&account=red"] {
        let refused = "The policy of this deployment does not permit DescribeInstances of eu-west-1";
        function.get(&format!("{LIST}{account}")).await.refuses(403, "Forbidden", refused);
        function.assert_no_calls();
    }
    let listed = function.get(&format!("{LIST}&account=blue")).await;
    assert_eq!(listed.json().as_array().unwrap().len(), 1, "{listed:?}");
    let path = format!("/ec2/start?region_name=eu-west-1&instance_id={A}&account=blue");
    assert_eq!(function.post(&path).await.status, 200);
}

#[tokio::test]
async fn idempotency_key_is_another_one_in_another_account() {
    let path = "/ec2/create?region_name=eu-west-1&image_id=ami-abba916a";
    let mut tokens = Vec::new();
    for account in ["", "&account=blue", "&account=red", "&account=home", "&account=111122223333"] {
        let role = (!["", "&account=home"].contains(&account)).then(|| assumed("ASIADEMO", LATER));
        let function = with_accounts(role.into_iter().chain([launched([instance(A)])])).await;
        let event = HttpApiEvent::new("POST", &format!("{path}{account}")).key().header("idempotency-key", "order-1");
        assert_eq!(function.send(event).await.status, 200);
        let form = function.wire.requests().pop().unwrap().form();
        tokens.push(form.into_iter().find(|line| line.starts_with("ClientToken=")).unwrap());
    }
    let [own, blue, red, home, by_number] = tokens.as_slice() else { panic!("{tokens:?}") };
    assert_eq!((own, blue), (home, by_number));
    assert!(own != blue && blue != red && own != red, "{tokens:?}");
}

#[tokio::test]
async fn credentials_that_end_soon_are_replaced() {
    let in_four_minutes = OffsetDateTime::from(SystemTime::now() + Duration::from_mins(4)).format(&Rfc3339).unwrap();
    let responses = [assumed("ASIAONE", &in_four_minutes), one(), assumed("ASIATWO", LATER), one(), one()];
    let function = with_accounts(responses).await;
    for key in [Some("ASIAONE"), Some("ASIATWO"), None] {
        assert_eq!(function.get(&format!("{LIST}&account=blue")).await.status, 200);
        let mut expected = vec![call("DescribeInstances", key.unwrap_or("ASIATWO"))];
        if key.is_some() {
            expected.insert(0, call("AssumeRole", "AKIDTEST"));
        }
        assert_eq!(calls(&function), expected);
    }
}

const NOT_ASSUMED: &str = "it does not exist, does not trust this function, or this function may not assume it";

#[tokio::test]
async fn role_that_can_not_be_assumed_is_502_and_names_the_account() {
    let denied = format!(
        "User: arn:aws:sts::123456789012:assumed-role/api/x is not authorized to perform: sts:AssumeRole on \
         resource: {ROLE}"
    );
    for (response, code) in [
        (sts_refusal(403, "AccessDenied", &denied), "AccessDenied"),
        (sts_refusal(400, "ValidationError", "1 validation error detected"), "ValidationError"),
        (sts_refusal(403, "ExpiredToken", "The security token included in the request is expired"), "ExpiredToken"),
        (sts_refusal(403, "RegionDisabledException", "STS is not activated"), "RegionDisabledException"),
        (response(200, "<html>Welcome</html>"), "UnreadableAnswer"),
    ] {
        for (method, path) in [
            ("GET", format!("{LIST}&account=blue")),
            ("POST", format!("/ec2/start?region_name=eu-west-1&instance_id={A}&account=blue")),
        ] {
            let function = with_accounts([response.clone()]).await;
            let answer = function.call(method, &path).await;
            let message = format!("account blue: The role can't be assumed ({code}): {NOT_ASSUMED}");
            answer.refuses(502, code, &message);
            assert_eq!(function.wire.actions(), ["AssumeRole"], "{path}");
            let line = function.log_line();
            assert_eq!((&line["level"], &line["account"]), (&json!("ERROR"), &json!(BLUE)), "{line}");
        }
    }
    let function = with_accounts([sts_refusal(403, "AccessDenied", &denied)]).await;
    let answer = function.put(&format!("/v1/{A}/start?region=eu-west-1&account=blue")).await;
    assert_eq!(answer.status, 408, "{answer:?}");
    assert!(!answer.body.contains("arn:") && !answer.body.contains(BLUE), "{answer:?}");
    assert!(function.log_line()["cause"].as_str().unwrap().contains("is not authorized"), "the log has the cause");
}

#[tokio::test]
async fn failed_role_is_tried_again_with_the_next_request() {
    let denied = sts_refusal(403, "AccessDenied", "No.");
    let function = with_accounts([denied, assumed("ASIADEMO", LATER), one()]).await;
    assert_eq!(function.get(&format!("{LIST}&account=blue")).await.status, 502);
    assert_eq!(function.get(&format!("{LIST}&account=blue")).await.status, 200);
}

#[tokio::test]
async fn throttling_by_sts_is_429() {
    let responses = (0..3).map(|_| sts_refusal(400, "Throttling", "Rate exceeded"));
    let function = with_accounts(responses).await;
    let answer = function.post(&format!("/ec2/start?region_name=eu-west-1&instance_id={A}&account=blue")).await;
    answer.refuses(429, "Throttling", "account blue: The role can't be assumed: Rate exceeded");
    assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
    assert_eq!(function.wire.actions(), ["AssumeRole"; 3]);
}

/// Two attempts of four seconds each.
#[tokio::test(flavor = "multi_thread")]
async fn silent_sts_is_504_in_time_and_nothing_is_in_doubt() {
    let function = Function::new(Wire::silent().await, &[("ACCOUNTS", ACCOUNTS)]).await;
    let answer = function.post(&format!("/ec2/start?region_name=eu-west-1&instance_id={A}&account=blue")).await;
    let message = "account blue: The role can't be assumed: AWS did not answer sts:AssumeRole in time";
    answer.refuses(504, "RequestTimeout", message);
    assert!(function.wire.actions().iter().all(|action| action == "AssumeRole"));
}

#[tokio::test]
async fn refusal_of_ec2_names_the_account_and_its_role() {
    let path = format!("/ec2/start?region_name=eu-west-1&instance_id={A}&account=blue");
    for (response, status, code, message) in [
        (
            unauthorized(),
            502,
            "UnauthorizedOperation",
            "account blue: AWS refused ec2:StartInstances to the account's role (UnauthorizedOperation)",
        ),
        (refusal("IncorrectInstanceState", "No."), 409, "IncorrectInstanceState", "account blue: No."),
    ] {
        let function = with_accounts([assumed("ASIADEMO", LATER), response]).await;
        function.post(&path).await.refuses(status, code, message);
    }
    let function = with_accounts([assumed("ASIADEMO", LATER), throttled(), throttled(), throttled()]).await;
    function.post(&path).await.refuses(429, "RequestLimitExceeded", "account blue: Request limit exceeded.");
}

#[tokio::test]
async fn credentials_that_ec2_does_not_accept_are_not_kept() {
    let refused = |code| refusal(code, "The credentials are refused").status(401);
    for code in ["AuthFailure", "ExpiredToken", "InvalidClientTokenId", "RequestExpired"] {
        // `AuthFailure` may also mean that the account has not enabled the region: it is asked.
        let is_asked = code == "AuthFailure";
        let first = [assumed("ASIAONE", LATER), refused(code)];
        let later = [assumed("ASIATWO", LATER), one(), one()];
        let responses = first.into_iter().chain(is_asked.then(|| refused(code))).chain(later);
        let function = with_accounts(responses).await;
        let answer = function.get(&format!("{LIST}&account=blue")).await;
        assert_eq!(answer.status, 502, "{answer:?}");
        let message = answer.json()["Message"].as_str().unwrap().to_owned();
        let expected =
            "account blue: AWS did not accept the credentials of the account's role for ec2:DescribeInstances";
        assert!(message.starts_with(expected), "{message}");
        for _ in 0..2 {
            assert_eq!(function.get(&format!("{LIST}&account=blue")).await.status, 200);
        }
        let mut actions: Vec<_> = calls(&function).into_iter().map(|(action, key)| format!("{action} {key}")).collect();
        if is_asked {
            assert_eq!(actions.remove(2), "DescribeRegions ASIAONE");
        }
        assert_eq!(
            actions,
            [
                "AssumeRole AKIDTEST",
                "DescribeInstances ASIAONE",
                "AssumeRole AKIDTEST",
                "DescribeInstances ASIATWO",
                "DescribeInstances ASIATWO"
            ]
        );
    }
}

#[tokio::test]
async fn region_that_another_account_has_not_enabled_is_400_and_keeps_the_credentials() {
    let refused = || refusal("AuthFailure", "AWS was not able to validate the provided access credentials").status(401);
    let list = format!("{LIST}&account=blue");
    let responses = [assumed("ASIAONE", LATER), refused(), regions(&["us-east-1"]), one()];
    let function = with_accounts(responses).await;
    let message =
        "account blue: region_name must name a region that exists and is enabled; EC2 does not list eu-west-1";
    function.get(&list).await.refuses(400, "InvalidParameterValue", message);
    assert_eq!(function.get(&list).await.status, 200);
    let actions: Vec<_> = calls(&function).into_iter().map(|(action, _)| action).collect();
    assert_eq!(actions, ["AssumeRole", "DescribeInstances", "DescribeRegions", "DescribeInstances"]);

    // A region that is enabled, and that refuses credentials which others accept.
    let function =
        with_accounts([assumed("ASIAONE", LATER), refused(), regions(&["eu-west-1", "us-east-1"]), one()]).await;
    assert_eq!(function.get(&list).await.status, 502);
    assert_eq!(function.get(&list).await.status, 200);
}

#[tokio::test]
async fn signature_that_is_refused_keeps_the_credentials() {
    let refused = refusal("SignatureDoesNotMatch", "No.").status(403);
    let function = with_accounts([assumed("ASIAONE", LATER), refused, one()]).await;
    let list = format!("{LIST}&account=blue");
    assert_eq!((function.get(&list).await.status, function.get(&list).await.status), (502, 200));
}

#[tokio::test]
async fn error_of_an_image_keeps_the_credentials() {
    let image = refusal("AuthFailure", "Not authorized for images: [ami-0000000a]").status(403);
    let function = with_accounts([assumed("ASIADEMO", LATER), image, one()]).await;
    let create = "/ec2/create?region_name=eu-west-1&image_id=ami-0000000a&account=blue";
    assert_eq!(function.post(create).await.status, 400);
    assert_eq!(function.get(&format!("{LIST}&account=blue")).await.status, 200);
    let actions: Vec<_> = calls(&function).into_iter().map(|(action, _)| action).collect();
    assert_eq!(actions, ["AssumeRole", "RunInstances", "DescribeInstances"]);
}

#[tokio::test]
async fn instance_that_the_accounts_role_may_not_change_says_so_where_others_are_changed() {
    let refused = unauthorized();
    let responses = [assumed("ASIADEMO", LATER), refused.clone(), refused, stopped(B)];
    let function = with_accounts(responses).await;
    let path = format!("/ec2/stop?region_name=eu-west-1&instance_id={A},{B}&partial=true&account=blue");
    let answer = function.post(&path).await;
    let error = &answer.json()[0]["Error"];
    let message = "account blue: AWS refused ec2:StopInstances to the account's role (UnauthorizedOperation)";
    assert_eq!(
        (answer.status, error),
        (207, &json!({"Code": "UnauthorizedOperation", "Message": message})),
        "{answer:?}"
    );
}

#[tokio::test]
async fn region_of_another_account_that_fails_is_a_warning_with_the_account() {
    let responses = [assumed("ASIADEMO", LATER), regions(&["eu-west-1"]), unauthorized()];
    let function = with_accounts(responses).await;
    let answer = function.get("/regions?account=blue").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.headers["warning"].contains("account blue: eu-west-1: AWS refused"), "{answer:?}");
}

#[tokio::test]
async fn lists_have_the_account_as_a_field() {
    let function = with_accounts([one(), assumed("ASIADEMO", LATER), one(), one()]).await;
    let path = format!("{LIST}&fields=id,account");
    function.get(&path).await.is(200, &json!([{"id": A, "account": OWN}]));
    function.get(&format!("{path}&account=blue")).await.is(200, &json!([{"id": A, "account": BLUE}]));
    let event = HttpApiEvent::new("GET", &format!("{path}&account=blue")).key().header("accept", "text/csv");
    assert_eq!(function.send(event).await.body, format!("id,account\r\n{A},{BLUE}\r\n"));
    // An emulator may not tell.
    let mut function = Function::canned([one()]).await;
    function.arn.clear();
    let event = HttpApiEvent::new("GET", &path).key().set("/requestContext/accountId", Value::Null);
    function.send(event).await.is(200, &json!([{"id": A, "account": null}]));
}

/// The only instance of an answer.
fn only_id(answer: &Answer) -> String {
    let rows = answer.json();
    assert_eq!(rows.as_array().map(Vec::len), Some(1), "{answer:?}");
    rows[0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn instances_of_one_name_in_two_accounts_are_no_conflict() {
    let variables = [("ACCOUNTS", "blue=arn:aws:iam::222233334444:role/ec2-control-api-account")];
    let function = Function::new(Wire::to_moto().await, &variables).await;
    let region = "ap-southeast-4";
    let create = format!("/ec2/create?region_name={region}&image_id={}&tag:Name=twin", crate::support::IMAGE);
    let own = function.post(&create).await.json()["InstanceId"].as_str().unwrap().to_owned();
    let blue = function.post(&format!("{create}&account=blue")).await.json()["InstanceId"].as_str().unwrap().to_owned();
    assert_ne!(own, blue);
    let list = format!("/ec2/list?region_name={region}&tag:Name=twin&state=running");
    assert_eq!(only_id(&function.get(&list).await), own);
    assert_eq!(only_id(&function.get(&format!("{list}&account=blue")).await), blue);
    let stop = format!("/ec2/stop?region_name={region}&instance_id=twin&account=222233334444");
    assert_eq!(function.post(&stop).await.json()["InstanceId"], json!(blue));
    assert_eq!(only_id(&function.get(&list).await), own);
    let missing = function.post(&format!("/ec2/stop?region_name={region}&instance_id={own}&account=blue")).await;
    assert_eq!(missing.status, 404, "{missing:?}");
}
