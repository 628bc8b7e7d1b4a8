//! What the adapters of EC2 and S3 have in common. Both SDKs re-export the same runtime; it is named here by EC2's.

use crate::config::Config;
use crate::ec2::{Region, errors};
use crate::error::{Error, Kind, levels};
use crate::tls;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_ec2::config::interceptors::FinalizerInterceptorContextRef;
use aws_sdk_ec2::config::{ConfigBag, Intercept, Region as SdkRegion, RuntimeComponents};
use aws_sdk_ec2::config::{SharedCredentialsProvider, StalledStreamProtectionConfig};
use aws_sdk_ec2::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::primitives::DateTime;
use aws_smithy_http_client::tls::TrustStore;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use time::OffsetDateTime;

/// How the SDK is configured: the role's credentials, and an attempt's timeouts. That all attempts end before API Gateway gives up
/// after 29 seconds is the business of [`operation`](crate::operation), which knows how much time there is: each timer more
/// is a system call more.
///
/// Lambda hands the role's credentials over in the environment
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>). `aws_config`'s own loader would prepare for five more
/// places where there might be some, and bring the clients for them along.
pub fn config(config: &Config) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(12))
        .build();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(SdkRegion::new(config.regions.default.as_str().to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .http_client(tls::client(config.trust, TrustStore::default()))
        .use_fips(config.endpoints.fips)
        .use_dual_stack(config.endpoints.dual_stack)
        .timeout_config(timeouts)
        // The timeouts end what stalls, and the time of the request does.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
}

/// More regions than AWS has. Where all are allowed, a caller can name any number that there are not.
const MOST_CLIENTS: usize = 64;

/// One client a region: made when the region is first asked for, and kept with its connections.
pub(crate) struct Clients<C>(Mutex<HashMap<Region, C>>);

impl<C> Default for Clients<C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<C: Clone> Clients<C> {
    /// The client of the region.
    pub(crate) fn of(&self, region: &Region, make: impl FnOnce(SdkRegion) -> C) -> C {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= MOST_CLIENTS && !clients.contains_key(region) {
            clients.clear();
        }
        let make = || make(SdkRegion::new(region.as_str().to_owned()));
        clients.entry(region.clone()).or_insert_with(make).clone()
    }
}

/// What AWS answered, and the ID under which AWS knows the call.
#[derive(Debug)]
pub struct Answer<T> {
    /// The answer.
    pub value: T,
    /// AWS's request ID, for the log.
    pub request_id: Option<String>,
}

/// What the SDK says went wrong, in our words.
pub(crate) fn failure<E>(action: &'static str, error: &SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    SdkError<E>: RequestId,
{
    let ours = match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            match answer.err().code() {
                Some(code) => errors::refused(action, code, answer.err().message().unwrap_or_default(), status),
                None => unreadable(action),
            }
        }
        SdkError::ResponseError(_) => unreadable(action),
        SdkError::TimeoutError(_) => {
            Error::new(Kind::Unreachable, "RequestTimeout", format!("AWS did not answer {action} in time"))
        }
        // What is neither, and not transient, did not get as far as a connection: no credentials, say.
        SdkError::DispatchFailure(it) if it.is_timeout() || it.is_io() || it.as_other().is_some() => {
            Error::new(Kind::Unreachable, "EndpointUnreachable", format!("AWS could not be reached for {action}"))
        }
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) | _ => {
            Error::new(Kind::Upstream, "RequestNotSent", format!("{action} could not be sent to AWS"))
        }
    };
    let mut ours = ours.caused_by(cause(error));
    ours.by_aws = true;
    ours.uncertain = matches!(error, SdkError::TimeoutError(_));
    ours.aws_request_id = error.request_id().map(str::to_owned);
    ours
}

/// Whether some attempt of a change may have done it: its answer was lost, or is none. Only the last attempt's error gets to the
/// caller of the SDK, and a refusal of that says nothing of the one before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Doubt(Arc<AtomicBool>);

impl Doubt {
    /// The error with what is known of all attempts.
    pub(crate) fn about(&self, error: Error) -> Error {
        Error { uncertain: error.uncertain || self.0.load(Ordering::Relaxed), ..error }
    }
}

impl Intercept for Doubt {
    fn name(&self) -> &'static str {
        "Doubt"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Err(error)) = context.output_or_error() else { return Ok(()) };
        let doubt = match context.response() {
            None => !nothing_listened(error),
            Some(response) => {
                let status = response.status().as_u16();
                match error_code(response.body().bytes().unwrap_or_default()) {
                    Some(code) => status >= 500 && errors::kind(&code, status) == Kind::Upstream,
                    None => !(400..500).contains(&status),
                }
            }
        };
        self.0.fetch_or(doubt, Ordering::Relaxed);
        Ok(())
    }
}

/// The code in an error of EC2 or S3.
pub(crate) fn error_code(body: &[u8]) -> Option<String> {
    let body = String::from_utf8_lossy(body);
    let (_, code) = body.split_once("<Code>")?;
    Some(code.split_once("</Code>")?.0.to_owned())
}

/// Whether there was no connection, because nobody listens or the certificate is not believed: then nothing was sent, either.
fn nothing_listened(error: &(dyn std::error::Error + 'static)) -> bool {
    levels(error)
        .filter_map(|level| level.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
        || tls::refused(error)
}

/// What the log is told: what the SDK says went wrong at each level, and AWS's own words. Never the answer itself, which the SDK
/// would print, too: it may be a page of somebody's tags, or hold the role's own token.
fn cause<E>(error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let mut levels = vec![error.to_string()];
    let mut level: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(error) = level {
        levels.push(error.to_string());
        level = error.source();
    }
    if let Some(message) = error.as_service_error().and_then(ProvideErrorMetadata::message) {
        levels.push(message.to_owned());
    }
    levels.join(": ").chars().take(LONGEST_CAUSE).collect()
}

/// In characters: what anybody reads of it.
const LONGEST_CAUSE: usize = 2000;

/// An answer that does not say what it should.
pub(crate) fn unreadable(action: &str) -> Error {
    let message = format!("AWS answered {action} with something that is not an answer");
    Error { by_aws: true, uncertain: true, ..Error::new(Kind::Upstream, "UnreadableAnswer", message) }
}

/// A time of the SDK. None that AWS sends is out of range.
pub(crate) fn moment(it: DateTime) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(it.as_nanos()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_kept_but_not_for_any_number_of_regions() {
        let clients = Clients::default();
        let mut made = 0;
        let mut name = |region: &str| {
            clients.of(&Region::parse(region).unwrap(), |region| {
                made += 1;
                region
            });
            assert!(clients.0.lock().unwrap().len() <= MOST_CLIENTS);
            made
        };
        assert_eq!((name("us-east-1"), name("us-east-1"), name("eu-west-1")), (1, 1, 2));
        let letters = ('a'..='z').flat_map(|a| ('a'..='z').map(move |b| format!("us-{a}{b}-1")));
        assert_eq!(letters.map(|region| name(&region)).last(), Some(2 + 26 * 26));
    }
}
