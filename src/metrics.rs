//! The metrics of a request: members of its log line, in CloudWatch's [Embedded Metric
//! Format](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
//! Nothing is sent, queued or flushed. A metric costs for each hour with values, so events that did
//! not happen have no value.

use crate::aws::call_stats::CallStats;
use crate::error::Kind;
use crate::http::status::status;
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use time::OffsetDateTime;

/// The CloudWatch namespace.
pub const NAMESPACE: &str = "ec2-control-api";

/// CloudWatch dimension sets: all requests of the function, and those of each route. Dimensions are
/// members of the line with names of this function, never with values of a caller.
pub const DIMENSIONS: &[&[&str]] = &[&["service"], &["service", "dialect", "operation"]];

/// The dialect and the route of a request that leads to no route.
pub const NONE: &str = "none";

/// A metric.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Metric {
    /// Its name, in CloudWatch and in the line.
    pub name: &'static str,
    /// CloudWatch's name of its unit.
    pub unit: &'static str,
    /// What it counts, in one sentence.
    #[serde(skip)]
    pub summary: &'static str,
}

macro_rules! metrics {
    ($($ident:ident = $name:literal, $unit:literal, $summary:literal;)*) => {
        $(const $ident: &Metric = &Metric { name: $name, unit: $unit, summary: $summary };)*
        /// All metrics. Tests hold documentation and template against this table.
        pub const METRICS: &[&Metric] = &[$($ident),*];
    };
}

metrics! {
    REQUESTS = "Requests", "Count",
        "Requests that got to the function, `GET /health` included.";
    LATENCY = "Latency", "Milliseconds",
        "From the start of the handler to the answer.";
    AWS_LATENCY = "AwsLatency", "Milliseconds",
        "The part of it that was spent in calls to EC2 and S3, with the SDK's retries and their pauses; the sum of several calls.";
    AWS_CALLS = "AwsCalls", "Count",
        "The number of those calls; retries do not count.";
    CLIENT_ERRORS = "ClientErrors", "Count",
        "Requests that failed with 4xx, by the table of errors (`/v1` may have answered otherwise).";
    SERVER_ERRORS = "ServerErrors", "Count",
        "Requests that failed with 5xx, likewise.";
    REFUSED = "Refused", "Count",
        "Of the 4xx: unauthenticated (401) and forbidden (403) requests.";
    THROTTLED = "Throttled", "Count",
        "AWS throttled a call and all of its retries: a 429, or a success with a `Warning`.";
    UPSTREAM = "Upstream", "Count",
        "AWS refused the role, failed, or sent a malformed response: a 502, or a success with a `Warning`.";
    UNREACHABLE = "Unreachable", "Count",
        "AWS could not be reached, or did not answer in time: a 504, or a success with a `Warning`.";
    SCHEDULED_FAILURES = "ScheduledFailures", "Count",
        "Actions of schedules that failed or were refused, each attempt.";
    COLD_START = "ColdStart", "Count",
        "First requests of a new sandbox.";
    INIT = "InitDuration", "Milliseconds",
        "The function's own part of the cold start: configuration, policies, clients, a connection to EC2.";
}

/// The value of a metric.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Value {
    Count(u64),
    Milliseconds(f64),
}

/// Init duration, reported with the first request.
#[derive(Debug, Default)]
pub struct ColdStart(Mutex<Option<Duration>>);

impl ColdStart {
    /// A cold start of this duration that has not been reported yet.
    pub fn new(time: Duration) -> Self {
        Self(Mutex::new(Some(time)))
    }

    /// The init duration, once.
    fn take(&self) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The metrics of a request.
#[derive(Debug, Default)]
pub struct Metrics {
    timestamp: i64,
    values: Vec<(&'static Metric, Value)>,
}

impl Metrics {
    /// The metrics of a request that ended now. `failed` is the kind of its error, `answered` the
    /// status of its response.
    pub fn new(
        now: OffsetDateTime,
        failed: Option<Kind>,
        answered: u16,
        latency: Duration,
        calls: &CallStats,
        cold_start: &ColdStart,
    ) -> Self {
        let mut values = vec![(REQUESTS, Value::Count(1)), (LATENCY, milliseconds(latency))];
        values.extend(of_calls(calls));
        // A failure after the change itself had happened is answered as a success.
        let status = if answered < 400 { answered } else { failed.map_or(answered, status) };
        let errors = match status {
            500.. => Some(SERVER_ERRORS),
            400.. => Some(CLIENT_ERRORS),
            _ => None,
        };
        values.extend(errors.into_iter().chain(of_kind(failed)).map(|metric| (metric, Value::Count(1))));
        values.extend(of_cold_start(cold_start));
        Self { timestamp: milliseconds_of(now), values }
    }

    /// The metrics of an action of a schedule that ended now. `failed` is the kind of its error.
    pub fn of_firing(
        now: OffsetDateTime,
        failed: Option<Kind>,
        latency: Duration,
        calls: &CallStats,
        cold_start: &ColdStart,
    ) -> Self {
        let mut values = vec![(LATENCY, milliseconds(latency))];
        values.extend(of_calls(calls));
        values.extend(
            failed
                .map(|_| SCHEDULED_FAILURES)
                .into_iter()
                .chain(of_kind(failed))
                .map(|metric| (metric, Value::Count(1))),
        );
        values.extend(of_cold_start(cold_start));
        Self { timestamp: milliseconds_of(now), values }
    }
}

fn of_calls(calls: &CallStats) -> Vec<(&'static Metric, Value)> {
    match calls.count() {
        0 => Vec::new(),
        count => vec![(AWS_LATENCY, milliseconds(calls.time())), (AWS_CALLS, Value::Count(count))],
    }
}

fn of_cold_start(cold_start: &ColdStart) -> Vec<(&'static Metric, Value)> {
    let init = cold_start.take();
    init.map(|init| vec![(COLD_START, Value::Count(1)), (INIT, milliseconds(init))]).unwrap_or_default()
}

fn of_kind(failed: Option<Kind>) -> Option<&'static Metric> {
    match failed {
        Some(Kind::Unauthenticated | Kind::Forbidden) => Some(REFUSED),
        Some(Kind::Throttled) => Some(THROTTLED),
        Some(Kind::Upstream) => Some(UPSTREAM),
        Some(Kind::Unreachable) => Some(UNREACHABLE),
        _ => None,
    }
}

fn milliseconds_of(time: OffsetDateTime) -> i64 {
    time.unix_timestamp() * 1_000 + i64::from(time.millisecond())
}

/// Rounded to the microsecond.
fn milliseconds(duration: Duration) -> Value {
    Value::Milliseconds((duration.as_secs_f64() * 1e6).round() / 1e3)
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (metric, value) in &self.values {
            map.serialize_entry(metric.name, value)?;
        }
        let metrics = self.values.iter().map(|(metric, _)| *metric).collect();
        let directive = Directive { namespace: NAMESPACE, dimensions: DIMENSIONS, metrics };
        map.serialize_entry("_aws", &Metadata { timestamp: self.timestamp, cloud_watch_metrics: [directive] })?;
        map.end()
    }
}

/// The member `_aws`: it declares which members of the line are metrics.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    timestamp: i64,
    cloud_watch_metrics: [Directive; 1],
}

/// The metrics and their dimensions.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: &'static [&'static [&'static str]],
    metrics: Vec<&'static Metric>,
}
