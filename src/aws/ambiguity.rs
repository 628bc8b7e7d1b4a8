//! Whether a change may have taken effect although its response was lost.

use super::errors;
use super::tls;
use crate::error::{Error, Kind, error_chain};
use aws_sdk_ec2::config::interceptors::FinalizerInterceptorContextRef;
use aws_sdk_ec2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ec2::error::BoxError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Records whether any attempt may have taken effect without a usable response.
///
/// The SDK returns the error of the last attempt only. If that one was refused, an earlier attempt
/// may still have succeeded.
#[derive(Clone, Debug, Default)]
pub(crate) struct AmbiguousOutcome(Arc<AtomicBool>);

impl AmbiguousOutcome {
    /// Marks the error if the outcome of any attempt is unknown.
    pub(crate) fn mark(&self, error: Error) -> Error {
        Error { outcome_unknown: error.outcome_unknown || self.0.load(Ordering::Relaxed), ..error }
    }
}

impl Intercept for AmbiguousOutcome {
    fn name(&self) -> &'static str {
        "AmbiguousOutcome"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Err(error)) = context.output_or_error() else { return Ok(()) };
        let unknown = match context.response() {
            None => !never_sent(error),
            Some(response) => {
                let status = response.status().as_u16();
                match errors::error_code(response.body().bytes().unwrap_or_default()) {
                    Some(code) => status >= 500 && errors::kind(&code, status) == Kind::Upstream,
                    None => !(400..500).contains(&status),
                }
            }
        };
        self.0.fetch_or(unknown, Ordering::Relaxed);
        Ok(())
    }
}

/// The message of hyper's client where it gets no connection: the host has no address, does not
/// answer in time, or refuses the connection. The type of that error is not public here.
pub(crate) const NO_CONNECTION: &str = "client error (Connect)";

/// Whether there were no credentials or no connection, or the server's certificate was refused.
/// Nothing was sent then.
fn never_sent(error: &(dyn std::error::Error + 'static)) -> bool {
    let refused = |level: &(dyn std::error::Error + 'static)| {
        let error = level.downcast_ref::<std::io::Error>();
        error.is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
    };
    // Our own error: there were no credentials to sign the request with.
    error_chain(error).any(|level| refused(level) || level.is::<Error>() || level.to_string() == NO_CONNECTION)
        || tls::certificate_refused(error)
}
