//! What the clients of EC2 and S3 have in common. Both SDKs re-export the same runtime; this file
//! uses EC2's names.

use super::errors;
use super::lru::Lru;
use super::tls;
use crate::config::Config;
use crate::error::{Error, Kind, error_chain};
use crate::model::Region;
use aws_config::BehaviorVersion;
pub use aws_config::SdkConfig;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_ec2::config::{Region as SdkRegion, SharedCredentialsProvider, StalledStreamProtectionConfig};
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::primitives::DateTime;
use aws_smithy_http_client::tls::TrustStore as SystemRoots;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use time::OffsetDateTime;

/// Configures the SDK: the role's credentials and the timeouts of one attempt.
///
/// There is no timeout for all attempts together: the operation knows how much of the invocation is
/// left, and each timer is a system call.
///
/// Lambda passes the role's credentials in environment variables
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>). `aws_config`'s
/// loader would prepare five more credential sources, with their HTTP clients.
pub fn config(config: &Config) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(12))
        .build();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(SdkRegion::new(config.regions.default.as_str().to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .http_client(tls::client(config.trust_store, SystemRoots::default()))
        .use_fips(config.endpoints.fips)
        .use_dual_stack(config.endpoints.dual_stack)
        .timeout_config(timeouts)
        // The timeouts above and the request's deadline end a stalled stream.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
}

/// The greatest number of clients that are kept: more than AWS has regions. Where all regions are
/// allowed, callers can name any number of regions that do not exist.
const MAX_CLIENTS: usize = 64;

/// One client for each region, with its connections: made at the first use of the region.
pub(crate) struct Clients<C>(Mutex<Lru<Region, C>>);

impl<C: Clone> Default for Clients<C> {
    fn default() -> Self {
        Self(Mutex::new(Lru::new(MAX_CLIENTS)))
    }
}

impl<C: Clone> Clients<C> {
    /// The client of the region. `make` makes it.
    pub(crate) fn get(&self, region: &Region, make: impl FnOnce(SdkRegion) -> C) -> C {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        clients.get(region.clone(), || make(SdkRegion::new(region.as_str().to_owned())))
    }
}

/// The output of a call to AWS.
#[derive(Debug)]
pub struct AwsOutput<T> {
    /// The output.
    pub value: T,
    /// AWS's request ID, for the log.
    pub request_id: Option<String>,
}

/// Translates an error of the SDK. `action` is the IAM action of the call.
pub(crate) fn to_error<E>(action: &'static str, error: &SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    SdkError<E>: RequestId,
{
    // The credentials of another account's role, which are fetched when a call is signed.
    if let Some(error) = error_chain(error).find_map(<dyn std::error::Error>::downcast_ref::<Error>) {
        return error.clone();
    }
    let translated = match error {
        SdkError::ServiceError(response) => {
            let status = response.raw().status().as_u16();
            match response.err().code() {
                Some(code) => errors::service_error(action, code, response.err().message().unwrap_or_default(), status),
                None => malformed_response(action),
            }
        }
        SdkError::ResponseError(_) => malformed_response(action),
        SdkError::TimeoutError(_) => {
            Error::new(Kind::Unreachable, "RequestTimeout", format!("AWS did not answer {action} in time"))
        }
        // Any other dispatch failure happens before a connection is made, such as missing
        // credentials.
        SdkError::DispatchFailure(failure)
            if failure.is_timeout() || failure.is_io() || failure.as_other().is_some() =>
        {
            Error::new(Kind::Unreachable, "EndpointUnreachable", format!("AWS could not be reached for {action}"))
        }
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) | _ => {
            Error::new(Kind::Upstream, "RequestNotSent", format!("{action} could not be sent to AWS"))
        }
    };
    let mut translated = translated.caused_by(cause(error));
    translated.by_aws = true;
    translated.outcome_unknown = matches!(error, SdkError::TimeoutError(_));
    translated.aws_request_id = error.request_id().map(str::to_owned);
    translated
}

/// The greatest length of a logged cause, in characters.
const MAX_CAUSE_LEN: usize = 2000;

/// The cause for the log: the message of each level, and AWS's own message. Never the response
/// itself, which the SDK's debug output has: it may be a page of tags or hold the role's session
/// token.
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
    levels.join(": ").chars().take(MAX_CAUSE_LEN).collect()
}

/// The error for a response that lacks a required member.
pub(crate) fn malformed_response(action: &str) -> Error {
    let message = format!("AWS answered {action} with something that is not an answer");
    Error { by_aws: true, outcome_unknown: true, ..Error::new(Kind::Upstream, "UnreadableAnswer", message) }
}

/// Converts the SDK's timestamp. AWS sends none that is out of range.
pub(crate) fn to_offset_date_time(timestamp: DateTime) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(timestamp.as_nanos()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_kept_but_not_for_any_number_of_regions() {
        let clients = Clients::default();
        let mut made = 0;
        let mut name = |region: &str| {
            clients.get(&Region::parse(region).unwrap(), |region| {
                made += 1;
                region
            });
            assert!(clients.0.lock().unwrap().len() <= MAX_CLIENTS);
            made
        };
        assert_eq!((name("us-east-1"), name("us-east-1"), name("eu-west-1")), (1, 1, 2));
        let letters = ('a'..='z').flat_map(|a| ('a'..='z').map(move |b| format!("us-{a}{b}-1")));
        assert_eq!(letters.map(|region| name(&region)).last(), Some(2 + 26 * 26));
    }
}
