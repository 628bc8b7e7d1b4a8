//! An HTTP client for unit tests: it records the requests, and answers from a list. It waits by
//! tokio's clock, which a test can pause.

use super::accounts::Accounts;
use super::ambiguity::NO_CONNECTION;
use super::ec2::Ec2;
use super::s3::S3;
use crate::config::Config;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ec2::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A recorded answer.
#[derive(Clone, Debug)]
pub(crate) enum Recorded {
    /// A response of this status and body, after this time.
    Response(Duration, u16, String),
    /// The connection is cut.
    Cut,
    /// There is no connection.
    Unreachable,
    /// Nothing, ever.
    Silence,
}

/// A response of status 200 without delay.
pub(crate) fn ok(body: impl Into<String>) -> Recorded {
    Recorded::Response(Duration::ZERO, 200, body.into())
}

/// An error response of EC2.
pub(crate) fn refusal(status: u16, code: &str) -> Recorded {
    let body = format!("<Response><Errors><Error><Code>{code}</Code><Message>m</Message></Error></Errors></Response>");
    Recorded::Response(Duration::ZERO, status, body)
}

/// Replays recorded answers, in order. After the last one, the connection is cut.
#[derive(Clone, Debug)]
pub(crate) struct Replay {
    answers: Arc<Mutex<VecDeque<Recorded>>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Replay {
    pub(crate) fn new(answers: impl IntoIterator<Item = Recorded>) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), requests: Arc::default() }
    }

    /// The bodies of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }

    /// The actions of the requests so far.
    pub(crate) fn actions(&self) -> Vec<String> {
        let action = |body: String| {
            let (_, rest) = body.split_once("Action=").unwrap();
            rest.split('&').next().unwrap().to_owned()
        };
        self.requests().into_iter().map(action).collect()
    }

    /// Clients of EC2 and S3 over these answers. Each call is sent once.
    pub(crate) fn clients(&self) -> (Ec2, S3) {
        let sdk = self.sdk();
        (Ec2::new(sdk.clone(), None), S3::new(sdk, None))
    }

    /// Other accounts over these answers.
    pub(crate) fn accounts(&self, config: &Config) -> Accounts {
        Accounts::new(self.sdk(), config)
    }

    fn sdk(&self) -> SdkConfig {
        let replay = self.clone();
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("AKIDTEST", "-", None, None, "-")))
            .http_client(http_client_fn(move |_, _| SharedHttpConnector::new(replay.clone())))
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build()
    }
}

impl HttpConnector for Replay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().unwrap_or_default();
        self.requests.lock().unwrap().push(String::from_utf8(body.to_vec()).unwrap());
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or(Recorded::Cut);
        HttpConnectorFuture::new(async move {
            match answer {
                Recorded::Response(delay, status, body) => {
                    tokio::time::sleep(delay).await;
                    Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body)))
                }
                Recorded::Unreachable => Err(ConnectorError::io(NO_CONNECTION.into())),
                Recorded::Cut => Err(ConnectorError::io("the connection was cut".into())),
                Recorded::Silence => std::future::pending().await,
            }
        })
    }
}
