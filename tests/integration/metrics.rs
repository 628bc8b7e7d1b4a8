//! Metrics in the log lines. Dashboard and alarms have these metrics and no others.

use crate::support::xml::{describe, instance, launched, response, stopped, throttled, unauthorized};
use crate::support::{A, DIMENSIONS, Function, HttpApiEvent, KEY, METRICS, NAMESPACE, SERVICE, Wire, file};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

const LIST: &str = "/ec2/list?region_name=us-east-1";
const LAUNCH: &str = "/ec2/create?region_name=us-east-1&KeyName=demo&SecurityGroupId=sg-12345678";

/// Takes the only log line. Returns its dialect and operation, and its counts without `ColdStart`.
fn counted(function: &Function) -> (String, Value) {
    let mut line = function.measured_line();
    is_valid(&line);
    assert_eq!(line["service"], SERVICE);
    let operation = format!("{} {}", line["dialect"].as_str().unwrap(), line["operation"].as_str().unwrap());
    let line = line.as_object_mut().unwrap();
    line.retain(|name, _| {
        METRICS.iter().any(|metric| metric.name == name && metric.unit == "Count") && name != "ColdStart"
    });
    (operation, json!(line))
}

/// Asserts that a line is valid by the schema and the text of AWS's specification:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>.
#[track_caller]
pub fn is_valid(line: &Value) {
    let only = |object: &Value, names: &[&str]| {
        let object = object.as_object().unwrap();
        assert_eq!(
            object.keys().map(String::as_str).collect::<BTreeSet<_>>(),
            names.iter().copied().collect(),
            "{line}"
        );
    };
    let text = |value: &Value, max_len: usize| (1..=max_len).contains(&value.as_str().unwrap().len());
    only(&line["_aws"], &["Timestamp", "CloudWatchMetrics"]);
    assert!(line["_aws"]["Timestamp"].is_u64(), "{line}");
    let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
    assert_eq!(directives.len(), 1, "{line}");
    for directive in directives {
        only(directive, &["Namespace", "Dimensions", "Metrics"]);
        assert!(text(&directive["Namespace"], 1024), "{line}");
        let sets = directive["Dimensions"].as_array().unwrap();
        assert!(!sets.is_empty());
        for set in sets {
            let set = set.as_array().unwrap();
            assert!((1..=30).contains(&set.len()));
            for dimension in set {
                assert!(text(dimension, 250) && text(&line[dimension.as_str().unwrap()], 1024), "{dimension}: {line}");
            }
        }
        let metrics = directive["Metrics"].as_array().unwrap();
        assert!((1..=100).contains(&metrics.len()));
        for metric in metrics {
            only(metric, &["Name", "Unit"]);
            assert!(text(&metric["Name"], 1024));
            assert!(["Count", "Milliseconds"].contains(&metric["Unit"].as_str().unwrap()), "{metric}");
            assert!(line[metric["Name"].as_str().unwrap()].as_f64().unwrap() >= 0.0, "{metric}: {line}");
        }
    }
    assert!(line.to_string().len() < 256 * 1024);
}

#[tokio::test]
async fn launch_is_measured_as_one_request_with_one_call_to_aws() {
    let function = Function::canned([launched([instance(A)])]).await;
    assert_eq!(function.post(LAUNCH).await.status, 200);
    let line = function.measured_line();
    is_valid(&line);
    assert_eq!(
        line["_aws"],
        json!({
            "Timestamp": 1_455_645_849_006_u64,
            "CloudWatchMetrics": [{
                "Namespace": "ec2-control-api",
                "Dimensions": [["service"], ["service", "dialect", "operation"]],
                "Metrics": [
                    {"Name": "Requests", "Unit": "Count"}, {"Name": "Latency", "Unit": "Milliseconds"},
                    {"Name": "AwsLatency", "Unit": "Milliseconds"}, {"Name": "AwsCalls", "Unit": "Count"},
                    {"Name": "ColdStart", "Unit": "Count"}, {"Name": "InitDuration", "Unit": "Milliseconds"},
                ],
            }],
        })
    );
    assert_eq!(
        (&line["service"], &line["dialect"], &line["operation"]),
        (&json!(SERVICE), &json!("ec2"), &json!("create"))
    );
    assert_eq!((&line["Requests"], &line["AwsCalls"]), (&json!(1), &json!(1)));
    let (latency, aws) = (line["Latency"].as_f64().unwrap(), line["AwsLatency"].as_f64().unwrap());
    assert!(0.0 < aws && aws < latency, "{line}");
}

#[tokio::test]
async fn first_request_only_is_a_cold_start() {
    let function = Function::without_aws(&[]).await;
    function.get("/health").await;
    let line = function.measured_line();
    assert_eq!((&line["ColdStart"], &line["InitDuration"]), (&json!(1), &json!(7.0)));
    function.get("/health").await;
    let line = function.measured_line();
    is_valid(&line);
    assert_eq!((line.get("ColdStart"), line.get("InitDuration")), (None, None));
    let names: Vec<_> = line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|metric| &metric["Name"])
        .collect();
    assert_eq!(names, ["Requests", "Latency"]);
}

#[tokio::test]
async fn every_kind_of_failure_has_its_own_metric() {
    let limits = [("ALLOWED_INSTANCE_TYPES", "t4g.*")];
    let empty = vec![describe([])];
    let health = "/health";
    for (responses, variables, method, path, status, operation, counts) in [
        (vec![], &[][..], "GET", health, 200, "meta health", json!({})),
        (empty.clone(), &[], "GET", LIST, 200, "ec2 list", json!({"AwsCalls": 1})),
        // HEAD is measured as the operation of its GET.
        (empty.clone(), &[], "HEAD", LIST, 200, "ec2 list", json!({"AwsCalls": 1})),
        (vec![], &[], "GET", "/ec2/list", 400, "ec2 list", json!({"ClientErrors": 1})),
        (vec![], &[("API_KEYS", "")], "GET", LIST, 401, "ec2 list", json!({"ClientErrors": 1, "Refused": 1})),
        (vec![], &limits, "POST", LAUNCH, 403, "ec2 create", json!({"ClientErrors": 1, "Refused": 1})),
        (
            vec![throttled(); 3],
            &[],
            "GET",
            LIST,
            429,
            "ec2 list",
            json!({"AwsCalls": 1, "ClientErrors": 1, "Throttled": 1}),
        ),
        (
            vec![unauthorized()],
            &[],
            "GET",
            LIST,
            502,
            "ec2 list",
            json!({"AwsCalls": 1, "ServerErrors": 1, "Upstream": 1}),
        ),
        (vec![], &[], "GET", LIST, 504, "ec2 list", json!({"AwsCalls": 1, "ServerErrors": 1, "Unreachable": 1})),
        // The same in a dialect that has no such status.
        (
            vec![],
            &[],
            "GET",
            "/v1/i-abba916a/attributes",
            408,
            "v1 attributes",
            json!({"AwsCalls": 1, "ServerErrors": 1, "Unreachable": 1}),
        ),
        // A request without a route has no dimension that a caller could choose.
        (vec![], &[], "GET", "/no/such/place", 404, "none none", json!({"ClientErrors": 1})),
        (vec![], &[], "GET", "/ec2/no-such-route", 404, "none none", json!({"ClientErrors": 1})),
        (vec![], &[], "PATCH", "/ec2/list", 405, "none none", json!({"ClientErrors": 1})),
        // A URL is signed without a call to S3.
        (vec![], &[], "GET", "/s3/demo-b/k?presign=1", 200, "s3 get-object", json!({})),
    ] {
        let function = Function::with_variables(variables, responses).await;
        let answer = function.call(method, path).await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        let mut expected = counts;
        expected["Requests"] = json!(1);
        assert_eq!(counted(&function), (operation.to_owned(), expected), "{method} {path}");
    }
}

#[tokio::test]
async fn unreadable_event_is_measured() {
    let function = Function::without_aws(&[]).await;
    function.invoke(&json!({"hello": "world"})).await;
    assert_eq!(counted(&function), ("none none".to_owned(), json!({"Requests": 1, "ClientErrors": 1})));
}

#[tokio::test]
async fn change_with_a_failed_tag_is_measured_as_done() {
    let function = Function::canned([stopped(A), unauthorized()]).await;
    assert_eq!(function.post("/instance/us-east-1/i-abba916a/stop").await.status, 204);
    let expected = json!({"Requests": 1, "AwsCalls": 2, "Upstream": 1});
    assert_eq!(counted(&function), ("instance action".to_owned(), expected));
}

#[tokio::test]
async fn aws_latency_includes_every_attempt() {
    let each = Duration::from_millis(200);
    let wire = Wire::slow([throttled(), describe([])], each).await;
    let function = Function::new(wire, &[]).await;
    assert_eq!(function.get(LIST).await.status, 200);
    let line = function.measured_line();
    let (latency, aws) = (line["Latency"].as_f64().unwrap(), line["AwsLatency"].as_f64().unwrap());
    assert!((400.0..=latency).contains(&aws) && latency < 20_000.0, "{line}");
    assert_eq!(line["AwsCalls"], 1);
}

#[tokio::test]
async fn aws_latency_of_an_abandoned_call_ends_at_the_deadline() {
    let function = Function::new(Wire::silent().await, &[]).await;
    let list = HttpApiEvent::new("GET", LIST).key().json();
    assert_eq!(function.invoke_within(&list, Duration::from_millis(2_400)).await.status, 504);
    let line = function.measured_line();
    let (latency, aws) = (line["Latency"].as_f64().unwrap(), line["AwsLatency"].as_f64().unwrap());
    assert!((300.0..=latency).contains(&aws) && latency < 10_000.0, "{line}");
    assert_eq!((&line["AwsCalls"], &line["Unreachable"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn object_download_is_measured_as_one_call() {
    let function = Function::canned([response(200, "hello")]).await;
    assert_eq!(function.get("/s3/demo-b/k").await.status, 200);
    assert_eq!(counted(&function), ("s3 get-object".to_owned(), json!({"Requests": 1, "AwsCalls": 1})));
}

#[tokio::test]
async fn concurrent_requests_are_measured_separately() {
    let function = Function::new(Wire::slow([describe([]), describe([])], Duration::from_millis(100)).await, &[]).await;
    tokio::join!(function.get(LIST), function.get("/health"), function.get(LIST));
    let mut calls: Vec<_> = function
        .log_lines()
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|line| (line["operation"].as_str().unwrap().to_owned(), line["AwsCalls"].as_u64()))
        .collect();
    calls.sort_by(|a, b| a.0.cmp(&b.0));
    let list = || ("list".to_owned(), Some(1));
    assert_eq!(calls, [("health".to_owned(), None), list(), list()]);
}

#[tokio::test]
async fn dimensions_have_no_input_of_a_caller() {
    let function = Function::without_aws(&[]).await;
    let hostile =
        HttpApiEvent::new("GET", "/evil/{}").header("x-api-key", KEY).set("/requestContext/stage", json!("evil"));
    function.send(hostile).await;
    let line = function.measured_line();
    for dimension in DIMENSIONS.iter().copied().flatten() {
        assert!(!line[dimension].as_str().unwrap().contains("evil"), "{line}");
    }
}

/// Whether a metric exists: one of the function, or one of AWS that the template uses.
fn exists(namespace: &str, name: &str, dimensions: &[&str]) -> bool {
    match namespace {
        NAMESPACE => METRICS.iter().any(|metric| metric.name == name) && DIMENSIONS.contains(&dimensions),
        "AWS/Lambda" => {
            let names = ["ConcurrentExecutions", "Duration", "Errors", "Invocations", "Throttles"];
            names.contains(&name) && dimensions == ["FunctionName"]
        }
        "AWS/SQS" => name == "ApproximateNumberOfMessagesVisible" && dimensions == ["QueueName"],
        "AWS/ApiGateway" => ["4xx", "5xx", "Count", "Latency"].contains(&name) && dimensions == ["ApiId"],
        _ => false,
    }
}

#[test]
fn dashboard_shows_every_metric_and_no_other() {
    let template = file("template.yaml");
    let body = template.split("      DashboardBody: !Sub |\n").nth(1).unwrap();
    let body: String = body.lines().take_while(|line| line.starts_with("        ") || line.is_empty()).collect();
    let body: Value = serde_json::from_str(&body).unwrap();
    let mut shown = BTreeSet::new();
    for widget in body["widgets"].as_array().unwrap() {
        for row in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            if let Some(search) = row[0]["expression"].as_str() {
                let (_, name) = search.split_once("MetricName=\"").unwrap();
                let name = name.split('"').next().unwrap();
                let schema = format!("SEARCH('{{\"{NAMESPACE}\",{}}} ", DIMENSIONS[1].join(","));
                assert!(search.starts_with(&schema), "{search}");
                assert!(search.contains("service=\"${Ec2ControlApi}\""), "{search}");
                assert!(exists(NAMESPACE, name, DIMENSIONS[1]), "{search}");
                continue;
            }
            let texts: Vec<_> = row.as_array().unwrap().iter().filter_map(Value::as_str).collect();
            let [namespace, name, dimension, value] = texts.as_slice() else { panic!("{row}") };
            assert!(exists(namespace, name, &[dimension]), "{row}");
            // The second function by its fixed name: it exists only in a deployment with schedules.
            assert!(["${Ec2ControlApi}", "${HttpApi}", "${AWS::StackName}-schedules"].contains(value), "{row}");
            assert_eq!(*value == "${AWS::StackName}-schedules", *name == "ScheduledFailures", "{row}");
            if *namespace == NAMESPACE {
                shown.insert((*name).to_owned());
            }
        }
        if widget["type"] == "log" {
            // Members of a refused request's log line, and CloudWatch's own.
            let query = widget["properties"]["query"].as_str().unwrap();
            let fields = query.split("| fields ").nth(1).unwrap().split(" |").next().unwrap();
            let known = ["@timestamp", "status", "code", "caller", "source_ip", "method", "route", "region", "message"];
            assert!(fields.split(", ").all(|field| known.contains(&field)), "{query}");
        }
    }
    assert_eq!(shown, METRICS.iter().map(|metric| metric.name.to_owned()).collect());
}

#[test]
fn every_alarm_has_an_existing_metric_and_ignores_missing_data() {
    let template = file("template.yaml");
    let alarms: Vec<_> = template.split("    Type: AWS::CloudWatch::Alarm\n").skip(1).collect();
    assert!(alarms.len() >= 5);
    let mut metrics = BTreeSet::new();
    for alarm in alarms {
        let lines: Vec<_> = alarm.lines().take_while(|line| line.starts_with("    ")).collect();
        let value = |name: &str| {
            let found = lines
                .iter()
                .find_map(|line| line.trim().trim_start_matches("- ").strip_prefix(name)?.strip_prefix(": "));
            found.unwrap_or_else(|| panic!("no {name}: {lines:#?}"))
        };
        let dimensions: Vec<_> = lines.iter().filter_map(|line| line.trim().strip_prefix("- Name: ")).collect();
        assert!(exists(value("Namespace"), value("MetricName"), &dimensions), "{lines:#?}");
        assert_eq!(value("TreatMissingData"), "notBreaching");
        let of = match value("MetricName") {
            "ScheduledFailures" => "!Ref ScheduleRunner",
            "ApproximateNumberOfMessagesVisible" => "!GetAtt ScheduleFailures.QueueName",
            _ => "!Ref Ec2ControlApi",
        };
        assert_eq!(value("Value"), of);
        assert_eq!(value("AlarmActions"), "!If [HasAlarmTopic, [!Ref AlarmTopicArn], []]");
        metrics.insert(value("MetricName"));
        // The page has its metric, threshold and description.
        let row = format!("| `{}` | {} | {} |", value("MetricName"), value("Threshold"), value("AlarmDescription"));
        assert!(file("docs/operations.md").contains(&row), "docs/operations.md has no row\n{row}");
    }
    let of_schedules = ["ScheduledFailures", "ApproximateNumberOfMessagesVisible"];
    for needed in ["ServerErrors", "Throttled", "Refused", "Errors", "Throttles"].into_iter().chain(of_schedules) {
        assert!(metrics.contains(needed), "no alarm for {needed}");
    }
}
