//! The metrics of a request: members of its line in the log, which CloudWatch makes metrics of because the line says so, in the
//! [Embedded Metric Format](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
//! Nothing is sent, queued or flushed. A metric costs by the hour in which it has values, so what did not happen has none.

use super::status;
use crate::error::Kind;
use crate::trace::Calls;
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use time::OffsetDateTime;

/// Where CloudWatch keeps the metrics.
pub const NAMESPACE: &str = "ec2-control-api";

/// What the metrics are told apart by: members of the line that hold names of ours, never anything of a caller. All of a
/// function's requests together, and those of each operation.
pub const DIMENSIONS: &[&[&str]] = &[&["service"], &["service", "dialect", "operation"]];

/// The dialect and the operation of a request that leads to no route.
pub const NONE: &str = "none";

/// A metric.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Metric {
    /// Its name, in CloudWatch and in the line.
    pub name: &'static str,
    /// CloudWatch's name of its unit.
    pub unit: &'static str,
    /// What it is, in one sentence.
    #[serde(skip)]
    pub summary: &'static str,
}

macro_rules! metrics {
    ($($ident:ident = $name:literal, $unit:literal, $summary:literal;)*) => {
        $(const $ident: &Metric = &Metric { name: $name, unit: $unit, summary: $summary };)*
        /// Every metric. README and template are tested against it.
        pub const METRICS: &[&Metric] = &[$($ident),*];
    };
}

metrics! {
    REQUESTS = "Requests", "Count",
        "Requests that got to the function, `GET /health` included.";
    LATENCY = "Latency", "Milliseconds",
        "From the start of the handler to the answer.";
    AWS_LATENCY = "AwsLatency", "Milliseconds",
        "The part of it that went by in calls of EC2 and S3, with the SDK's retries and their pauses; the sum if there were several.";
    AWS_CALLS = "AwsCalls", "Count",
        "Those calls, each once however often it was tried.";
    CLIENT_ERRORS = "ClientErrors", "Count",
        "Requests that failed with 4xx, by the table of errors (`/v1` may have answered otherwise).";
    SERVER_ERRORS = "ServerErrors", "Count",
        "Requests that failed with 5xx, likewise.";
    REFUSED = "Refused", "Count",
        "Of the 4xx: callers that are nobody (401) or may not do it (403).";
    THROTTLED = "Throttled", "Count",
        "AWS asked to slow down, and went on doing so when the SDK tried again: a 429, or a success with a `Warning`.";
    UPSTREAM = "Upstream", "Count",
        "AWS refused the role, failed, or could not be understood: a 502, or a success with a `Warning`.";
    UNREACHABLE = "Unreachable", "Count",
        "AWS could not be reached, or did not answer in time: a 504, or a success with a `Warning`.";
    COLD_START = "ColdStart", "Count",
        "First requests of a new sandbox.";
    INIT = "InitDuration", "Milliseconds",
        "What the function itself did in the cold start before that request: configuration, policies, clients, a connection to EC2.";
}

/// What a metric says.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Value {
    Count(u64),
    Milliseconds(f64),
}

/// How the process came to be.
#[derive(Debug, Default)]
pub struct Boot(Mutex<Option<Duration>>);

impl Boot {
    /// It took that long, and nothing has been served yet.
    pub fn took(time: Duration) -> Self {
        Self(Mutex::new(Some(time)))
    }

    /// How long it took, for the first who asks.
    fn first(&self) -> Option<Duration> {
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
    /// What there is to say of a request: when it was answered, what it failed of if it did, the answer's status, how long it and
    /// its calls of AWS took, and how the process came to be.
    pub fn of(
        now: OffsetDateTime,
        failed: Option<Kind>,
        answered: u16,
        latency: Duration,
        calls: &Calls,
        boot: &Boot,
    ) -> Self {
        let mut values = vec![(REQUESTS, Value::Count(1)), (LATENCY, milliseconds(latency))];
        if calls.count() > 0 {
            values.extend([(AWS_LATENCY, milliseconds(calls.time())), (AWS_CALLS, Value::Count(calls.count()))]);
        }
        // What failed after the change itself had happened is answered as a success.
        let status = if answered < 400 { answered } else { failed.map_or(answered, status) };
        let errors = match status {
            500.. => Some(SERVER_ERRORS),
            400.. => Some(CLIENT_ERRORS),
            _ => None,
        };
        let kind = match failed {
            Some(Kind::Unauthenticated | Kind::Forbidden) => Some(REFUSED),
            Some(Kind::Throttled) => Some(THROTTLED),
            Some(Kind::Upstream) => Some(UPSTREAM),
            Some(Kind::Unreachable) => Some(UNREACHABLE),
            _ => None,
        };
        values.extend(errors.into_iter().chain(kind).map(|metric| (metric, Value::Count(1))));
        if let Some(took) = boot.first() {
            values.extend([(COLD_START, Value::Count(1)), (INIT, milliseconds(took))]);
        }
        Self { timestamp: now.unix_timestamp() * 1_000 + i64::from(now.millisecond()), values }
    }
}

/// To the microsecond.
fn milliseconds(it: Duration) -> Value {
    Value::Milliseconds((it.as_secs_f64() * 1e6).round() / 1e3)
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

/// What makes metrics of members of the line.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    timestamp: i64,
    cloud_watch_metrics: [Directive; 1],
}

/// Which members are metrics.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: &'static [&'static [&'static str]],
    metrics: Vec<&'static Metric>,
}
