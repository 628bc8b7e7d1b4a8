//! EC2 (and a few things in S3) by plain HTTPS calls: an AWS Lambda function behind API Gateway.
//!
//! Data flows one way:
//!
//! ```text
//! event -> request -> caller, route -> dialect decodes -> operation -> EC2 -> outcome -> dialect encodes -> response
//! ```
//!
//! The modules, in reading order:
//!
//! - [`config`]: what a deployment can set;
//! - [`http`]: the handler, who is calling, which route, which parameters, the table of statuses;
//! - [`dialects`]: one file each, with a table of routes, their decoding and their encoding;
//! - [`operation`]: what the function can do, and the rules that are common to all dialects;
//! - [`ec2`]: identifiers, what goes in and out, the table of EC2's error codes, and the one file that calls the SDK;
//! - [`error`]: the one error type.

pub mod config;
pub mod dialects;
pub mod ec2;
pub mod error;
pub mod http;
pub mod operation;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader};
use config::{Config, ConfigError};
use ec2::aws::Ec2;
use http::event::Event;
use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::tower::ServiceExt as _;
use lambda_http::{Adapter, service_fn};
use serde::Serialize;
use std::convert::Infallible;
use std::time::Duration;
use time::OffsetDateTime;

/// The function: what it was configured with and what it reaches AWS by.
pub struct App {
    /// The configuration.
    pub config: Config,
    /// EC2.
    pub ec2: Ec2,
    /// What time it is.
    pub clock: fn() -> OffsetDateTime,
    /// Takes one line of JSON for each request.
    pub log: Box<dyn Fn(&str) + Send + Sync>,
}

impl App {
    /// The function as Lambda runs it: configured by the environment, logging to standard output.
    ///
    /// # Errors
    /// The first environment variable that can't be right.
    pub async fn from_env() -> Result<Self, ConfigError> {
        let config = Config::read(|name| std::env::var(name).ok())?;
        #[expect(clippy::print_stdout, reason = "this is the log")]
        let log = Box::new(|line: &str| println!("{line}"));
        let ec2 = Ec2::new(sdk_config().load().await, config.endpoints.ec2.clone());
        Ok(Self { config, ec2, clock: OffsetDateTime::now_utc, log })
    }
}

/// How the SDK is configured: the role's credentials, and timeouts that end well before API Gateway gives up after 29 seconds.
pub fn sdk_config() -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(12))
        .operation_timeout(Duration::from_secs(24))
        .build();
    aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts)
}

/// Answers one invocation: an event in, API Gateway's form of the response out.
pub async fn invoke(app: &App, event: LambdaEvent<Event>) -> impl Serialize + use<> {
    let handler = service_fn(|request| async { Ok::<_, Infallible>(http::handle(app, request).await) });
    let event = LambdaEvent::new(event.payload.into(), event.context);
    match Adapter::from(handler).oneshot(event).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Serves invocations until Lambda stops the sandbox.
///
/// # Errors
/// Lambda's runtime API can't be reached.
pub async fn run(app: App) -> Result<(), lambda_runtime::Error> {
    let app = &app;
    lambda_runtime::run(service_fn(|event| async { Ok::<_, Infallible>(invoke(app, event).await) })).await
}
