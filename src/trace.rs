//! What a request's calls of AWS take: one interceptor in every client counts and times them for the metrics, and tells X-Ray of
//! each if the request is sampled. The trace's header on the calls themselves is the SDK's own doing.

use crate::ec2::errors;
use crate::error::Kind;
use crate::sdk::error_code;
use aws_sdk_ec2::config::interceptors::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_ec2::config::{ConfigBag, Intercept, Region as SdkRegion, RuntimeComponents};
use aws_sdk_ec2::error::BoxError;
use aws_sdk_ec2::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use serde::Serialize;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

tokio::task_local! {
    /// What the request of this task has called so far.
    static CALLS: Arc<Calls>;
}

/// What a request has called so far.
#[derive(Debug, Default)]
pub struct Calls {
    trace: Option<Trace>,
    count: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Calls {
    /// None yet. They are reported to the trace, if there is one.
    pub fn new(trace: Option<Trace>) -> Arc<Self> {
        Arc::new(Self { trace, ..Self::default() })
    }

    /// Does a request's work; what it calls counts here. What it spawns does not.
    pub async fn of<T>(self: &Arc<Self>, work: impl Future<Output = T>) -> T {
        CALLS.scope(Arc::clone(self), work).await
    }

    /// How many calls there were, whatever came of them, and however often the SDK tried.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// How long AWS was waited for. What was called side by side counts side by side.
    pub fn time(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }
}

/// Adds up the time until it is dropped: also that of a call that is given up.
#[derive(Debug)]
pub(crate) struct Waiting {
    calls: Arc<Calls>,
    since: Instant,
}

/// AWS is waited for from now on. `None` where there is no request to count it for.
pub(crate) fn waiting() -> Option<Waiting> {
    let calls = CALLS.try_with(Arc::clone).ok()?;
    Some(Waiting { calls, since: Instant::now() })
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let waited = u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.calls.nanoseconds.fetch_add(waited, Ordering::Relaxed);
    }
}

/// Sees every call of a client.
#[derive(Debug)]
pub(crate) struct Watch;

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(waiting) = waiting() else { return Ok(()) };
        let metadata = bag.load::<Metadata>();
        let call = Call {
            service: metadata.map_or_else(String::new, |it| it.service().to_owned()),
            operation: metadata.map_or_else(String::new, |it| it.name().to_owned()),
            region: bag.load::<SdkRegion>().map(ToString::to_string),
            began: SystemTime::now(),
            attempts: 0,
            last: Attempt::default(),
            waiting,
        };
        bag.interceptor_state().store_put(call);
        Ok(())
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(call) = bag.get_mut_from_interceptor_state::<Call>() {
            call.attempts += 1;
            call.last = Attempt::default();
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(call) = bag.get_mut_from_interceptor_state::<Call>() else { return Ok(()) };
        match (context.response(), context.output_or_error()) {
            // A URL was signed, and nothing sent.
            (None, None) => call.attempts = 0,
            (None, _) => {}
            (Some(response), result) => {
                let status = response.status().as_u16();
                // A page of instances is not searched for what it does not hold.
                let body = response.body().bytes().filter(|_| status >= 400);
                let code = error_code(body.unwrap_or_default());
                call.last = Attempt {
                    status: Some(status),
                    request_id: response.request_id().map(str::to_owned),
                    throttled: code.is_some_and(|code| errors::kind(&code, status) == Kind::Throttled),
                    succeeded: matches!(result, Some(Ok(_))),
                };
            }
        }
        Ok(())
    }
}

/// A call. The SDK keeps it as long as the call takes, so its end is that of the call, also if the call is given up.
#[derive(Debug)]
struct Call {
    service: String,
    operation: String,
    region: Option<String>,
    began: SystemTime,
    attempts: u32,
    last: Attempt,
    waiting: Waiting,
}

/// What came of the last attempt; nothing as long as there is no answer.
#[derive(Debug, Default)]
struct Attempt {
    status: Option<u16>,
    request_id: Option<String>,
    throttled: bool,
    succeeded: bool,
}

impl Storable for Call {
    type Storer = StoreReplace<Self>;
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.attempts == 0 {
            return;
        }
        let calls = &self.waiting.calls;
        calls.count.fetch_add(1, Ordering::Relaxed);
        if let Some(trace) = &calls.trace {
            trace.report(self);
        }
    }
}

/// The trace that X-Ray records of an invocation.
#[derive(Debug)]
pub struct Trace {
    daemon: SocketAddr,
    id: String,
    parent: String,
}

impl Trace {
    /// The trace of an invocation, if it is to be recorded. `header` is Lambda's, such as
    /// `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`
    /// (<https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>); `daemon` is where
    /// Lambda listens for what it is told.
    pub fn sampled(header: Option<&str>, daemon: Option<SocketAddr>) -> Option<Self> {
        let header = header?;
        let part = |name: &str| {
            let mut parts = header.split(';').filter_map(|part| part.trim().split_once('='));
            parts.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
        };
        (part("Sampled")? == "1").then_some(())?;
        Some(Self { daemon: daemon?, id: part("Root")?, parent: part("Parent")? })
    }

    /// Tells of a call.
    fn report(&self, call: &Call) {
        let seconds = |it: SystemTime| it.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let Attempt { status, throttled, succeeded, .. } = call.last;
        let client_error = throttled || status.is_some_and(|status| (400..500).contains(&status));
        let subsegment = Subsegment {
            name: &call.service,
            id: format!("{:016x}", fastrand::u64(..)),
            trace_id: &self.id,
            parent_id: &self.parent,
            kind: "subsegment",
            namespace: "aws",
            start_time: seconds(call.began),
            // By the clock that never goes back.
            end_time: seconds(call.began) + call.waiting.since.elapsed().as_secs_f64(),
            http: status.map(|status| Http { response: Response { status } }),
            aws: Aws {
                operation: &call.operation,
                region: call.region.as_deref(),
                request_id: call.last.request_id.as_deref(),
                retries: call.attempts - 1,
            },
            error: client_error,
            throttle: throttled,
            fault: !client_error && !succeeded,
        };
        let Ok(json) = serde_json::to_string(&subsegment) else { return };
        let any = match self.daemon {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        // A datagram within this machine goes at once or not at all: no request waits for it, or fails without it.
        let _sent = UdpSocket::bind(any).and_then(|socket| {
            socket.set_nonblocking(true)?;
            socket.send_to(format!("{HEADER}\n{json}").as_bytes(), self.daemon)
        });
    }
}

/// What each datagram begins with: <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html>.
const HEADER: &str = r#"{"format":"json","version":1}"#;

/// X-Ray's document of a call: <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html>. Never what the
/// call was given or answered.
#[derive(Serialize)]
struct Subsegment<'a> {
    name: &'a str,
    id: String,
    trace_id: &'a str,
    parent_id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    namespace: &'static str,
    start_time: f64,
    end_time: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<Http>,
    aws: Aws<'a>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    error: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    throttle: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    fault: bool,
}

#[derive(Serialize)]
struct Http {
    response: Response,
}

#[derive(Serialize)]
struct Response {
    status: u16,
}

#[derive(Serialize)]
struct Aws<'a> {
    operation: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    retries: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_waited_for_side_by_side_adds_up_and_what_is_given_up_counts_until_then() {
        let wait = |milliseconds| async move {
            let _waiting = waiting();
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        };
        let calls = Calls::new(None);
        let work = async {
            tokio::join!(wait(50), wait(50));
            tokio::time::timeout(Duration::from_millis(50), wait(60_000)).await.unwrap_err();
        };
        calls.of(work).await;
        assert!((Duration::from_millis(150)..Duration::from_secs(20)).contains(&calls.time()), "{calls:?}");
        assert!(waiting().is_none(), "nobody asks any more");
    }

    #[test]
    fn a_trace_is_one_that_is_sampled_and_has_somebody_to_tell() {
        let daemon = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 2000)));
        let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:2:0";
        let trace = Trace::sampled(Some(header), daemon).unwrap();
        assert_eq!(
            (trace.id.as_str(), trace.parent.as_str()),
            ("1-5759e988-bd862e3fe1be46a994272793", "53995c3f42cd8ad8")
        );
        assert!(Trace::sampled(Some(header), None).is_none() && Trace::sampled(None, daemon).is_none());
        for header in
            ["", ";;=", "Sampled=1", "Root=1-2-3;Parent=4", "Root=1-2-3;Parent=4;Sampled=0", "Root=1-2-3;Sampled=1"]
        {
            assert!(Trace::sampled(Some(header), daemon).is_none(), "{header}");
        }
    }
}
