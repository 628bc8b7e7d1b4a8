//! Statistics of a request's calls to AWS, for the metrics and for X-Ray. An interceptor in every
//! client counts and times them.

use super::errors;
use super::xray::{FinishedCall, Trace};
use crate::error::Kind;
use aws_sdk_ec2::config::interceptors::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_ec2::config::{ConfigBag, Intercept, Region as SdkRegion, RuntimeComponents};
use aws_sdk_ec2::error::BoxError;
use aws_sdk_ec2::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

tokio::task_local! {
    /// The statistics of the request that this task handles.
    static STATS: Arc<CallStats>;
}

/// Number and duration of a request's calls to AWS.
#[derive(Debug, Default)]
pub struct CallStats {
    trace: Option<Trace>,
    count: AtomicU64,
    nanoseconds: AtomicU64,
}

impl CallStats {
    /// No calls yet. Each call is sent to the trace, if there is one.
    pub fn new(trace: Option<Trace>) -> Arc<Self> {
        Arc::new(Self { trace, ..Self::default() })
    }

    /// Runs the future; the calls that it makes are counted here. Calls of spawned tasks are not.
    pub async fn scope<T>(self: &Arc<Self>, future: impl Future<Output = T>) -> T {
        STATS.scope(Arc::clone(self), future).await
    }

    /// The number of calls, whatever their outcome. Retries of the SDK do not count.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// The sum of the durations of all calls, also of parallel ones.
    pub fn time(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }
}

/// Adds the time until it is dropped to the statistics. So an abandoned call counts, too.
#[derive(Debug)]
pub(crate) struct CallTimer {
    stats: Arc<CallStats>,
    start: Instant,
}

/// Starts to time a call. `None` outside of a request.
pub(crate) fn start_timer() -> Option<CallTimer> {
    let stats = STATS.try_with(Arc::clone).ok()?;
    Some(CallTimer { stats, start: Instant::now() })
}

impl Drop for CallTimer {
    fn drop(&mut self) {
        let elapsed = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.stats.nanoseconds.fetch_add(elapsed, Ordering::Relaxed);
    }
}

/// Observes every call of a client.
#[derive(Debug)]
pub(crate) struct CallInterceptor;

impl Intercept for CallInterceptor {
    fn name(&self) -> &'static str {
        "CallInterceptor"
    }

    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(timer) = start_timer() else { return Ok(()) };
        let metadata = bag.load::<Metadata>();
        let call = Call {
            service: metadata.map_or_else(String::new, |metadata| metadata.service().to_owned()),
            operation: metadata.map_or_else(String::new, |metadata| metadata.name().to_owned()),
            region: bag.load::<SdkRegion>().map(ToString::to_string),
            start: SystemTime::now(),
            attempts: 0,
            last: Attempt::default(),
            timer,
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
            // A presigned URL: nothing was sent.
            (None, None) => call.attempts = 0,
            (None, _) => {}
            (Some(response), result) => {
                let status = response.status().as_u16();
                // The body of a success is long and has no error code.
                let body = response.body().bytes().filter(|_| status >= 400);
                let code = errors::error_code(body.unwrap_or_default());
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

/// A call in progress. The SDK keeps it for the duration of the call and drops it at its end, also
/// if the call is abandoned.
#[derive(Debug)]
struct Call {
    service: String,
    operation: String,
    region: Option<String>,
    start: SystemTime,
    attempts: u32,
    last: Attempt,
    timer: CallTimer,
}

/// The last attempt. Empty until it is answered.
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
        let stats = &self.timer.stats;
        stats.count.fetch_add(1, Ordering::Relaxed);
        if let Some(trace) = &stats.trace {
            trace.send(&FinishedCall {
                service: &self.service,
                operation: &self.operation,
                region: self.region.as_deref(),
                start: self.start,
                duration: self.timer.start.elapsed(),
                status: self.last.status,
                request_id: self.last.request_id.as_deref(),
                retries: self.attempts - 1,
                throttled: self.last.throttled,
                succeeded: self.last.succeeded,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_times_of_parallel_calls_add_up_and_an_abandoned_call_counts_until_then() {
        let wait = |milliseconds| async move {
            let _timer = start_timer();
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        };
        let stats = CallStats::new(None);
        let work = async {
            tokio::join!(wait(50), wait(50));
            tokio::time::timeout(Duration::from_millis(50), wait(60_000)).await.unwrap_err();
        };
        stats.scope(work).await;
        assert!((Duration::from_millis(150)..Duration::from_secs(20)).contains(&stats.time()), "{stats:?}");
        assert!(start_timer().is_none(), "outside of a request nothing is counted");
    }
}
