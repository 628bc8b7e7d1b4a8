//! All accounts at once: `account=all` on lists and on `/regions`.

use crate::support::xml::{assumed, describe, instance, no_response, refusal, regions, sts_refusal, throttled};
use crate::support::{
    A, Function, HttpApiEvent, PERMIT_ALL, RecordedRequest, Response, Route, SCHEDULE_ROLE, SCHEDULE_TARGET, Wire,
    policy_file, routes,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const OWN: &str = "123456789012";
const BLUE: &str = "111122223333";
const RED: &str = "444455556666";
/// Red comes before blue, and the function's own account is one of them.
const ACCOUNTS: &str = "red=arn:aws:iam::444455556666:role/ec2-control-api-account,\
                        home=arn:aws:iam::123456789012:role/ec2-control-api-account,\
                        blue=arn:aws:iam::111122223333:role/ec2-control-api-account";
const ONE_REGION: &str = "/ec2/list?region_name=eu-west-1&account=all";
const ALL_REGIONS: &str = "/ec2/list?region_name=all&account=all";

/// The end of credentials that outlive every test.
const LATER: &str = "2099-01-01T00:00:00Z";

/// The account whose role a request assumes, or whose credentials it is signed with.
fn account_of(request: &RecordedRequest) -> String {
    let role = request.form().iter().find_map(|line| Some(line.strip_prefix("RoleArn=arn:aws:iam::")?.to_owned()));
    let (_, credential) = request.headers["authorization"].split_once("Credential=").unwrap();
    let account = role.as_deref().or_else(|| credential.strip_prefix("ASIA")).unwrap_or(OWN);
    account[..12].to_owned()
}

/// The ID of the account's only instance in each region.
fn id_in(account: &str) -> String {
    format!("i-{}", &account[..8])
}

/// The answer of an AWS in which every account has two regions, with one instance in each.
fn answer(request: &RecordedRequest) -> Response {
    let account = account_of(request);
    match request.action().as_str() {
        "AssumeRole" => assumed(&format!("ASIA{account}"), LATER),
        "DescribeRegions" => regions(&["us-east-1", "eu-west-1"]),
        "DescribeInstances" => describe([instance(&id_in(&account)).state("running")]),
        action => panic!("{action}"),
    }
}

/// With [`answer`] behind it, but for the requests that `special` answers.
async fn with_accounts(
    variables: &[(&str, &str)],
    special: impl Fn(&RecordedRequest) -> Option<Response> + Send + Sync + 'static,
) -> Function {
    let answer = move |request: &RecordedRequest| (Duration::ZERO, special(request).unwrap_or_else(|| answer(request)));
    let variables: Vec<_> = [("ACCOUNTS", ACCOUNTS)].into_iter().chain(variables.iter().copied()).collect();
    Function::new(Wire::answering(answer).await, &variables).await
}

async fn healthy() -> Function {
    with_accounts(&[], |_| None).await
}

/// Whether a request is this action in that account.
fn is(request: &RecordedRequest, action: &str, account: &str) -> bool {
    request.action() == action && account_of(request) == account
}

/// The requests so far, sorted: each action with its account and the region that it is signed for.
fn calls(function: &Function) -> Vec<String> {
    let call = |request: &RecordedRequest| format!("{} {} {}", account_of(request), request.action(), request.region());
    let mut calls: Vec<_> = function.wire.requests().iter().map(call).collect();
    calls.sort();
    calls
}

fn row(account: &str, region: &str) -> Value {
    json!({"account": account, "region": region, "id": id_in(account)})
}

#[tokio::test]
async fn list_of_all_accounts_has_the_functions_own_first_and_the_account_in_each_row() {
    let function = healthy().await;
    let rest = json!({
        "instance-type": null, "instance-state": "running", "private-ip": null, "key-name": null, "image-id": null,
        "vpc-id": null, "subnet-id": null, "security-group-ids": [],
    });
    let rows = [OWN, RED, BLUE].map(|account| {
        let mut row = rest.clone();
        (row["account"], row["id"]) = (json!(account), json!(id_in(account)));
        row
    });
    function.get(ONE_REGION).await.is(200, &json!(rows));
    assert_eq!(
        calls(&function),
        [
            "111122223333 AssumeRole us-east-1",
            "111122223333 DescribeInstances eu-west-1",
            "123456789012 DescribeInstances eu-west-1",
            "444455556666 AssumeRole us-east-1",
            "444455556666 DescribeInstances eu-west-1",
        ]
    );
    let line = function.log_line();
    assert_eq!((&line["account"], &line["region"]), (&json!("all"), &json!("eu-west-1")), "{line}");
}

#[tokio::test]
async fn list_of_all_accounts_and_regions_is_by_account_and_by_region_within() {
    let function = healthy().await;
    let places =
        [OWN, RED, BLUE].into_iter().flat_map(|account| ["eu-west-1", "us-east-1"].map(|region| (account, region)));
    let rows: Vec<_> = places.clone().map(|(account, region)| row(account, region)).collect();
    function.get(&format!("{ALL_REGIONS}&fields=account,region,id")).await.is(200, &json!(rows));
    let event = HttpApiEvent::new("GET", ALL_REGIONS).key().header("accept", "text/csv");
    let csv = function.send(event).await.body;
    let header = "account,region,id,instance-type,instance-state,private-ip,key-name,image-id,vpc-id,subnet-id,\
                  security-group-ids\r\n";
    let lines = places.map(|(account, region)| format!("{account},{region},{},,running,,,,,,\r\n", id_in(account)));
    assert_eq!(csv, lines.fold(header.to_owned(), |csv, line| csv + &line));
    let calls = calls(&function);
    assert_eq!(calls.iter().filter(|call| call.contains("AssumeRole")).count(), 2, "{calls:?}");
}

#[tokio::test]
async fn reservations_of_all_accounts_are_listed_one_account_after_the_other() {
    let function = healthy().await;
    let answer = function.get("/ec2/reservations?region_name=eu-west-1&account=all").await;
    let ids: Vec<_> =
        answer.json().as_array().unwrap().iter().map(|one| one["Instances"][0]["InstanceId"].clone()).collect();
    assert_eq!((answer.status, ids), (200, [OWN, RED, BLUE].map(|account| json!(id_in(account))).to_vec()));
}

#[tokio::test]
async fn regions_of_all_accounts_have_their_account() {
    let function = healthy().await;
    let count = json!({"running": 1});
    let rows: Vec<_> = [OWN, RED, BLUE]
        .into_iter()
        .flat_map(|account| {
            ["eu-west-1", "us-east-1"].map(|name| json!({"account": account, "name": name, "instances": count}))
        })
        .collect();
    function.get("/regions?account=all").await.is(200, &json!(rows));
    assert_eq!(function.log_line()["account"], "all");
}

#[tokio::test]
async fn region_of_one_of_all_accounts_that_fails_is_listed_with_its_error() {
    let refused = refusal("UnauthorizedOperation", "No.").status(403);
    let in_red = move |request: &RecordedRequest| {
        (is(request, "DescribeInstances", RED) && request.region() == "eu-west-1").then(|| refused.clone())
    };
    let function = with_accounts(&[], in_red).await;
    let answer = function.get("/regions?account=all").await;
    assert_eq!((answer.status, answer.json().as_array().unwrap().len()), (200, 6));
    let message = "AWS refused ec2:DescribeInstances to the account's role (UnauthorizedOperation)";
    let failed = json!({
        "account": RED, "name": "eu-west-1", "instances": null,
        "error": {"Message": message, "Error": "UnauthorizedOperation"},
    });
    assert_eq!(answer.json()[2], failed);
    assert_eq!(answer.headers["warning"], format!("299 - \"account red: eu-west-1: {message}\""));
}

#[tokio::test]
async fn own_account_whose_number_is_not_known_is_listed_with_null() {
    let mut function = healthy().await;
    function.arn.clear();
    let without = |path: &str| HttpApiEvent::new("GET", path).key().set("/requestContext/accountId", Value::Null);
    let answer = function.send(without(&format!("{ONE_REGION}&fields=account"))).await;
    answer.is(200, &json!([{"account": null}, {"account": RED}, {"account": OWN}, {"account": BLUE}]));
    let answer = function.send(without("/regions?account=all")).await;
    assert_eq!((answer.status, &answer.json()[0]["account"]), (200, &Value::Null));
}

#[tokio::test]
async fn all_accounts_are_refused_where_nothing_is_listed() {
    let lists = ["/ec2/list", "/ec2/reservations", "/regions"];
    let takes_account = |route: &&Route| route.parameters.contains(&"account") && !lists.contains(&route.path);
    let variables = [
        ("ACCOUNTS", ACCOUNTS),
        ("SCHEDULE_GROUP", "tests"),
        ("SCHEDULE_ROLE", SCHEDULE_ROLE),
        ("SCHEDULE_TARGET", SCHEDULE_TARGET),
    ];
    let function = Function::without_aws(&variables).await;
    let instance = format!("instance_id={A}");
    let parameters = [
        "region_name=eu-west-1",
        &instance,
        "KeyName=demo",
        "SecurityGroupId=sg-0123456789abcdef0",
        "ami=ami-abba916a",
        "instance_type=t3.micro",
        "attribute=kernel",
        "value=aki-0123456789abcdef0",
        "until=8h",
        "stop=22:00",
        "action=stop",
    ];
    let mut refused = 0;
    for route in routes().iter().filter(takes_account) {
        let path = route.path.replace("{id}", A).replace("{field}", "state").replace("{name}", "nightly");
        let is_declared = |pair: &&&str| route.parameters.contains(&pair.split('=').next().unwrap());
        let query = parameters.iter().filter(is_declared).fold("account=all".to_owned(), |all, one| all + "&" + one);
        for method in route.methods {
            let answer = function.call(method, &format!("{path}?{query}")).await;
            assert_eq!(answer.status, 400, "{method} {path}: {answer:?}");
            assert!(answer.body.contains("account can't be all here"), "{method} {path}: {answer:?}");
            function.assert_no_calls();
            refused += 1;
        }
    }
    assert!(refused > 20, "{refused}");
    let none = Function::without_aws(&[]).await;
    for path in [ONE_REGION, ALL_REGIONS, "/regions?account=all"] {
        let message = "account can't be given: this deployment has no other accounts";
        none.get(path).await.refuses(400, "InvalidParameterValue", message);
    }
    none.assert_no_calls();
}

#[tokio::test]
async fn unsupported_parameters_for_all_accounts_are_refused_without_a_call() {
    let function = Function::without_aws(&[("ACCOUNTS", ACCOUNTS)]).await;
    let no_token = "next_token is not where a list of all accounts ended";
    for (path, query, message) in [
        (ONE_REGION, "max_results=5", "max_results can't be given where account is all"),
        (ALL_REGIONS, "max_results=5", "max_results can't be given where account is all"),
        (ONE_REGION, "instance_id=web", "instance_id must be an ID where account is all: use tag:Name"),
        (
            "/ec2/reservations?region_name=eu-west-1&account=all",
            "max_results=5",
            "max_results can't be given where account is all",
        ),
        (ONE_REGION, "next_token=abc", no_token),
        (ONE_REGION, "next_token=eu-west-1:abc", no_token),
        (ONE_REGION, "next_token=red/us-east-1:", no_token),
        (ONE_REGION, "next_token=green/eu-west-1:", no_token),
        (ALL_REGIONS, "next_token=red/x.evil.example:abc", no_token),
        (
            "/ec2/list?region_name=all",
            "next_token=red/eu-west-1:",
            "next_token is not where a list of all regions ended",
        ),
    ] {
        let answer = function.get(&format!("{path}&{query}")).await;
        answer.refuses(400, "InvalidParameterValue", message);
        function.assert_no_calls();
    }
}

#[tokio::test]
async fn filters_hold_in_all_accounts() {
    let function = healthy().await;
    let answer = function.get(&format!("{ONE_REGION}&instance_id={A}&tag:Name=a&fields=id")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let requests = function.wire.requests();
    let listed: Vec<_> = requests.iter().filter(|request| request.action() == "DescribeInstances").collect();
    assert_eq!(listed.len(), 3);
    for request in listed {
        let form = request.form();
        assert!(form.contains(&format!("Filter.2.Value.1={A}")) && form.contains(&"Filter.1.Name=tag:Name".to_owned()));
    }
}

#[tokio::test]
async fn list_that_fails_in_one_account_fails_the_whole_and_names_account_and_region() {
    for (account, name) in [(OWN, "own account"), (RED, "account red")] {
        for path in [ONE_REGION, ALL_REGIONS] {
            let function = with_accounts(&[], move |request| {
                let is_here = is(request, "DescribeInstances", account) && request.region() == "eu-west-1";
                is_here.then(throttled)
            });
            let function = function.await;
            let answer = function.get(path).await;
            let message = format!("{name}: eu-west-1: Request limit exceeded.");
            answer.refuses(429, "RequestLimitExceeded", &message);
            let line = function.log_line();
            assert_eq!((&line["message"], &line["account"]), (&json!(message), &json!("all")), "{line}");
        }
    }
}

const NOT_ASSUMED: &str = "it does not exist, does not trust this function, or this function may not assume it";

#[tokio::test]
async fn role_that_is_gone_in_one_of_all_accounts_is_502_and_names_the_account() {
    let denied = "User: arn:aws:sts::123456789012:assumed-role/api/x is not authorized";
    for (path, place) in [
        (ONE_REGION, "account blue: eu-west-1"),
        (ALL_REGIONS, "account blue"),
        ("/ec2/reservations?region_name=eu-west-1&account=all", "account blue: eu-west-1"),
        ("/regions?account=all", "account blue"),
    ] {
        let gone = |request: &RecordedRequest| {
            is(request, "AssumeRole", BLUE).then(|| sts_refusal(403, "AccessDenied", denied))
        };
        let function = with_accounts(&[], gone).await;
        let answer = function.get(path).await;
        answer.refuses(
            502,
            "AccessDenied",
            &format!("{place}: The role can't be assumed (AccessDenied): {NOT_ASSUMED}"),
        );
        assert!(!answer.body.contains("arn:") && !answer.body.contains(BLUE), "{answer:?}");
        let line = function.log_line();
        assert!(line["cause"].as_str().unwrap().contains("is not authorized"), "{line}");
    }
}

#[tokio::test]
async fn throttling_by_sts_in_one_of_all_accounts_is_429() {
    let slow_down = |request: &RecordedRequest| {
        is(request, "AssumeRole", RED).then(|| sts_refusal(400, "Throttling", "Rate exceeded"))
    };
    let function = with_accounts(&[], slow_down).await;
    let answer = function.get(ALL_REGIONS).await;
    answer.refuses(429, "Throttling", "account red: The role can't be assumed: Rate exceeded");
    assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
}

#[tokio::test]
async fn list_goes_on_with_new_credentials_where_those_of_an_account_end() {
    let soon = |request: &RecordedRequest| {
        let in_four_minutes =
            OffsetDateTime::from(SystemTime::now() + Duration::from_mins(4)).format(&Rfc3339).unwrap();
        is(request, "AssumeRole", RED).then(|| assumed(&format!("ASIA{RED}"), &in_four_minutes))
    };
    let function = with_accounts(&[], soon).await;
    let answer = function.get(&format!("{ALL_REGIONS}&fields=account,region,id")).await;
    assert_eq!((answer.status, answer.json().as_array().unwrap().len()), (200, 6), "{answer:?}");
    let assumed = |calls: &[String], account: &str| {
        calls.iter().filter(|call| call.starts_with(&format!("{account} AssumeRole"))).count()
    };
    let calls = calls(&function);
    // For its regions, and for the list of each.
    assert_eq!((assumed(&calls, RED), assumed(&calls, BLUE)), (3, 1), "{calls:?}");
}

#[tokio::test]
async fn credentials_that_one_of_all_accounts_does_not_accept_name_it_and_are_not_kept() {
    static REFUSED: AtomicUsize = AtomicUsize::new(0);
    let expired = |request: &RecordedRequest| {
        let is_here = is(request, "DescribeInstances", RED) && request.region() == "us-east-1";
        (is_here && REFUSED.fetch_add(1, Ordering::Relaxed) == 0)
            .then(|| refusal("ExpiredToken", "The security token included in the request is expired").status(401))
    };
    let function = with_accounts(&[], expired).await;
    let answer = function.get(ALL_REGIONS).await;
    assert_eq!(answer.status, 502, "{answer:?}");
    let message = answer.json()["Message"].as_str().unwrap().to_owned();
    let expected = "account red: us-east-1: AWS did not accept the credentials of the account's role";
    assert!(message.starts_with(expected), "{message}");
    function.wire.requests();
    assert_eq!(function.get(ALL_REGIONS).await.status, 200);
    let assumed: Vec<_> = calls(&function).into_iter().filter(|call| call.contains("AssumeRole")).collect();
    assert_eq!(assumed, [format!("{RED} AssumeRole us-east-1")]);
}

/// What EC2 answers in a region that an account has not enabled, and to invalid credentials.
fn refused_credentials() -> Response {
    refusal("AuthFailure", "AWS was not able to validate the provided access credentials").status(401)
}

#[tokio::test]
async fn account_that_has_not_enabled_the_region_is_left_out_with_a_warning() {
    let opt_in = |request: &RecordedRequest| match request.action().as_str() {
        "DescribeRegions" => Some(regions(&["us-east-1"])),
        "DescribeInstances" => (account_of(request) != BLUE).then(refused_credentials),
        _ => None,
    };
    let path = &format!("{ONE_REGION}&fields=account,region,id");
    let function = with_accounts(&[], opt_in).await;
    let answer = function.get(path).await;
    answer.is(200, &json!([row(BLUE, "eu-west-1")]));
    assert_eq!(answer.headers["warning"], "299 - \"eu-west-1 is not enabled in: own account, red\"");
    assert_eq!(
        calls(&function),
        [
            "111122223333 AssumeRole us-east-1",
            "111122223333 DescribeInstances eu-west-1",
            "123456789012 DescribeInstances eu-west-1",
            "123456789012 DescribeRegions us-east-1",
            "444455556666 AssumeRole us-east-1",
            "444455556666 DescribeInstances eu-west-1",
            "444455556666 DescribeRegions us-east-1",
        ]
    );
    assert_eq!(function.log_line()["level"], "INFO");
    // The credentials are valid elsewhere, and are kept.
    function.get(path).await.is(200, &json!([row(BLUE, "eu-west-1")]));
    assert!(!function.wire.actions().contains(&"AssumeRole".to_owned()));
}

#[tokio::test]
async fn warning_about_a_region_names_no_more_accounts_than_headers_hold() {
    let (ids, accounts) = many_accounts();
    let answer = |request: &RecordedRequest| {
        let response = match request.action().as_str() {
            "DescribeRegions" => regions(&["us-east-1"]),
            "DescribeInstances" if account_of(request) != OWN => refused_credentials(),
            _ => answer(request),
        };
        (Duration::ZERO, response)
    };
    let function = Function::new(Wire::answering(answer).await, &[("ACCOUNTS", &accounts)]).await;
    let answer = function.get(&format!("{ONE_REGION}&fields=account,region,id")).await;
    answer.is(200, &json!([row(OWN, "eu-west-1")]));
    let names: Vec<_> = ids.iter().take(20).map(|id| format!("a{id}")).collect();
    let warning = format!("299 - \"eu-west-1 is not enabled in: {} and 29 more\"", names.join(", "));
    assert_eq!(answer.headers["warning"], warning);
}

#[tokio::test]
async fn credentials_that_are_refused_in_an_enabled_region_of_one_of_all_accounts_fail_the_list() {
    let message = "AWS did not accept the credentials of the account's role for ec2:DescribeInstances (AuthFailure)";
    let message = format!("account red: eu-west-1: {message}");
    for (regions_refused, sessions) in [(false, 0), (true, 1)] {
        static LISTS: AtomicUsize = AtomicUsize::new(0);
        LISTS.store(0, Ordering::Relaxed);
        let refused = move |request: &RecordedRequest| {
            let is_first = is(request, "DescribeInstances", RED) && LISTS.fetch_add(1, Ordering::Relaxed) == 0;
            let is_invalid = regions_refused && is(request, "DescribeRegions", RED);
            (is_first || is_invalid).then(refused_credentials)
        };
        let function = with_accounts(&[], refused).await;
        function.get(ONE_REGION).await.refuses(502, "AuthFailure", &message);
        assert!(calls(&function).contains(&format!("{RED} DescribeRegions us-east-1")));
        function.log_line();
        // Credentials are assumed anew only if they are refused where the account has its regions.
        assert_eq!(function.get(ONE_REGION).await.status, 200);
        let assumed = calls(&function).into_iter().filter(|call| call.contains("AssumeRole"));
        assert_eq!(assumed.collect::<Vec<_>>(), vec![format!("{RED} AssumeRole us-east-1"); sessions]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_region_of_one_of_all_accounts_is_504_in_time_and_is_named() {
    let silent = |request: &RecordedRequest| {
        (is(request, "DescribeInstances", RED) && request.region() == "us-east-1").then(no_response)
    };
    let function = with_accounts(&[], silent).await;
    let started = Instant::now();
    let event = HttpApiEvent::new("GET", ALL_REGIONS).key().json();
    let answer = function.invoke_within(&event, Duration::from_secs(4)).await;
    answer.refuses(504, "RequestTimeout", "account red: us-east-1: AWS did not answer in time");
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    function.log_line();
}

#[tokio::test]
async fn accounts_in_which_the_caller_may_list_nothing_are_not_asked_and_tell_nothing() {
    let policies = r#"permit (principal, action, resource) when { resource.account == "111122223333" };"#;
    let file = policy_file(policies);
    let broken =
        |request: &RecordedRequest| is(request, "AssumeRole", RED).then(|| sts_refusal(403, "AccessDenied", "No."));
    let function = with_accounts(&[("POLICY_FILE", &file)], broken).await;
    function.get(&format!("{ONE_REGION}&fields=account,region,id")).await.is(200, &json!([row(BLUE, "eu-west-1")]));
    assert_eq!(calls(&function), ["111122223333 AssumeRole us-east-1", "111122223333 DescribeInstances eu-west-1"]);
    let line = function.log_line();
    assert_eq!((&line["decision"], &line["decided_by"]), (&json!("allow"), &json!(["policy0"])), "{line}");

    let rows = json!([row(BLUE, "eu-west-1"), row(BLUE, "us-east-1")]);
    function.get(&format!("{ALL_REGIONS}&fields=account,region,id")).await.is(200, &rows);
    // The function's own account says which regions there are.
    let requests = function.wire.requests();
    assert!(requests[0].form().contains(&"AllRegions=true".to_owned()), "{requests:?}");
    let others = requests[1..].iter().map(account_of).collect::<Vec<_>>();
    assert_eq!(others, [BLUE; 3]);
    function.log_line();
    let count = json!({"running": 1});
    let rows = ["eu-west-1", "us-east-1"].map(|name| json!({"account": BLUE, "name": name, "instances": count}));
    function.get("/regions?account=all").await.is(200, &json!(rows));
    let hidden = function.get(&format!("{ONE_REGION}&next_token=red/eu-west-1:")).await;
    hidden.refuses(400, "InvalidParameterValue", "next_token is not where a list of all accounts ended");
}

#[tokio::test]
async fn caller_who_may_list_no_account_is_refused_before_a_role_is_assumed() {
    let file = policy_file(r#"permit (principal, action, resource) when { resource.account == "999999999999" };"#);
    let function = with_accounts(&[("POLICY_FILE", &file)], |_| None).await;
    let message = |region: &str| format!("The policy of this deployment does not permit DescribeInstances of {region}");
    function.get(ONE_REGION).await.refuses(403, "Forbidden", &message("eu-west-1"));
    function.assert_no_calls();
    function.get(ALL_REGIONS).await.refuses(403, "Forbidden", &message("us-east-1"));
    assert_eq!(function.wire.actions(), ["DescribeRegions"]);
}

#[tokio::test]
async fn list_of_all_accounts_shows_the_instances_that_the_caller_may_describe() {
    let file = policy_file(&format!(
        r#"{PERMIT_ALL} forbid (principal, action, resource is Instance) when {{ resource.account == "444455556666" && resource.region == "us-east-1" }};"#
    ));
    let function = with_accounts(&[("POLICY_FILE", &file)], |_| None).await;
    let places = [(OWN, "eu-west-1"), (OWN, "us-east-1"), (RED, "eu-west-1"), (BLUE, "eu-west-1"), (BLUE, "us-east-1")];
    let rows: Vec<_> = places.iter().map(|(account, region)| row(account, region)).collect();
    function.get(&format!("{ALL_REGIONS}&fields=account,region,id")).await.is(200, &json!(rows));
}

#[tokio::test]
async fn list_of_all_accounts_continues_at_its_token() {
    // Each page has about 3.4 MB.
    let page = |request: &RecordedRequest| {
        let name = "x".repeat(3400);
        let instances = (0..1000).map(|n| instance(&format!("i-{n:08x}")).tag("Name", &name));
        let more = is(request, "DescribeInstances", BLUE) && !request.form().contains(&"NextToken=MORE".to_owned());
        let page = describe(instances);
        (request.action() == "DescribeInstances").then(|| if more { page.next_token("MORE") } else { page })
    };
    let function = with_accounts(&[], page).await;
    let list = format!("{ONE_REGION}&fields=account,id,name");
    let mut path = list.clone();
    let mut pages = Vec::new();
    for _ in 0..4 {
        let answer = function.get(&path).await;
        assert_eq!(answer.status, 200);
        let rows = answer.json();
        let accounts: Vec<_> =
            rows.as_array().unwrap().iter().map(|row| row["account"].as_str().unwrap().to_owned()).collect();
        let token = answer.headers.get("x-next-token").cloned().unwrap_or_default();
        pages.push((accounts[0].clone(), accounts.len(), token.clone()));
        path = format!("{list}&next_token={token}");
    }
    // In base64: red/eu-west-1:, blue/eu-west-1: and blue/eu-west-1:MORE.
    let expected = [
        (OWN, "~cmVkL2V1LXdlc3QtMTo"),
        (RED, "~Ymx1ZS9ldS13ZXN0LTE6"),
        (BLUE, "~Ymx1ZS9ldS13ZXN0LTE6TU9SRQ"),
        (BLUE, ""),
    ];
    assert_eq!(pages, expected.map(|(account, token)| (account.to_owned(), 1000, token.to_owned())));
}

/// 49 other accounts, and the function's own.
fn many_accounts() -> (Vec<String>, String) {
    let ids: Vec<_> = (1..50).map(|n| format!("{:012}", 200_000_000_000_u64 + n * 1_000_000)).collect();
    let role = |id: &String| format!("a{id}=arn:aws:iam::{id}:role/ec2-control-api-account");
    let accounts = ids.iter().map(role).collect::<Vec<_>>().join(",");
    (ids, accounts)
}

#[tokio::test(flavor = "multi_thread")]
async fn list_of_50_accounts_and_17_regions_has_few_calls_in_flight_and_one_of_sts_for_each() {
    let names: Vec<_> = (1..=17).map(|n| format!("eu-west-{n}")).collect();
    let listed = names.clone();
    let answer = move |request: &RecordedRequest| {
        let response = match request.action().as_str() {
            "DescribeRegions" => regions(&listed.iter().map(String::as_str).collect::<Vec<_>>()),
            _ => answer(request),
        };
        (Duration::from_millis(20), response)
    };
    let (ids, accounts) = many_accounts();
    let function = Function::new(Wire::answering(answer).await, &[("ACCOUNTS", &accounts)]).await;
    let mut names = names;
    names.sort();
    let all = [OWN.to_owned()].into_iter().chain(ids.clone());
    let rows: Vec<_> = all.flat_map(|id| names.clone().into_iter().map(move |region| row(&id, &region))).collect();
    assert_eq!(rows.len(), 850);
    let path = format!("{ALL_REGIONS}&fields=account,region,id");
    function.get(&path).await.is(200, &json!(rows));
    function.log_line();
    let mut calls = BTreeMap::new();
    for request in function.wire.requests() {
        *calls.entry((request.action(), account_of(&request))).or_insert(0) += 1;
    }
    for id in &ids {
        let of = |action: &str| calls.get(&(action.to_owned(), id.clone())).copied();
        assert_eq!([of("AssumeRole"), of("DescribeRegions"), of("DescribeInstances")], [Some(1), Some(1), Some(17)]);
    }
    let most = function.wire.max_in_flight();
    assert!((16..=32).contains(&most), "{most}");
    // The credentials of all accounts are kept.
    function.get(&path).await.is(200, &json!(rows));
    assert!(!function.wire.actions().contains(&"AssumeRole".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn list_for_which_the_time_is_too_short_goes_on_at_its_token() {
    let slow = |request: &RecordedRequest| {
        let time = if request.action() == "DescribeInstances" { 1500 } else { 0 };
        (Duration::from_millis(time), answer(request))
    };
    let (ids, accounts) = many_accounts();
    let function = Function::new(Wire::answering(slow).await, &[("ACCOUNTS", &accounts)]).await;
    let list = format!("{ONE_REGION}&fields=account,region,id");
    let within = async |path: &str| {
        let event = HttpApiEvent::new("GET", path).key().json();
        function.invoke_within(&event, Duration::from_millis(4500)).await
    };
    let rows = [OWN].into_iter().chain(ids.iter().map(String::as_str)).map(|id| row(id, "eu-west-1"));
    let rows: Vec<_> = rows.collect();
    // The lists of a second round would end after the deadline.
    let first = within(&list).await;
    first.is(200, &json!(rows[..32]));
    let rest = within(&format!("{list}&next_token={}", first.headers["x-next-token"])).await;
    rest.is(200, &json!(rows[32..]));
    assert_eq!(rest.headers.get("x-next-token"), None);
}
