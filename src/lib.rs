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
//! - [`openapi`]: the document that describes the routes, made of their tables;
//! - [`operation`]: what the function can do, and how it is carried out;
//! - [`listing`]: lists, page by page, in one region or in all of them;
//! - [`gate`], [`policy`]: what the deployment permits, for all dialects;
//! - [`ec2`]: identifiers, what goes in and out, the table of EC2's error codes, and the one file that calls the SDK;
//! - [`s3`]: the same for the few things of S3;
//! - [`sdk`]: what the two have in common;
//! - [`tls`]: whose certificates are believed;
//! - `warm`: what is done before the first request;
//! - [`trace`]: what calls of AWS take, for the metrics and for X-Ray;
//! - [`pages`]: the console and the API reference;
//! - [`error`]: the one error type.

pub mod config;
pub mod dialects;
pub mod ec2;
pub mod error;
pub mod gate;
pub mod http;
pub mod listing;
pub mod openapi;
pub mod operation;
pub mod pages;
pub mod policy;
pub mod s3;
pub mod sdk;
pub mod tls;
pub mod trace;
mod warm;

use config::{Config, ConfigError};
use ec2::aws::Ec2;
use http::event::Event;
use http::metrics::Boot;
use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::tower::ServiceExt as _;
use lambda_http::{Adapter, Body, IntoResponse, Response, service_fn};
use policy::Policies;
use s3::aws::S3;
use serde::Serialize;
use std::convert::Infallible;
use std::future::ready;
use std::pin::Pin;
use std::time::Instant;
use time::OffsetDateTime;

/// The function: what it was configured with and what it reaches AWS by.
pub struct App {
    /// The configuration.
    pub config: Config,
    /// What callers are permitted; `None`: what the role is.
    pub policies: Option<Policies>,
    /// EC2.
    pub ec2: Ec2,
    /// S3.
    pub s3: S3,
    /// What time it is.
    pub clock: fn() -> OffsetDateTime,
    /// How the process came to be.
    pub boot: Boot,
    /// Takes one line of JSON for each request.
    pub log: Box<dyn Fn(&str) + Send + Sync>,
}

impl App {
    /// The function as Lambda runs it: configured by the environment, logging to standard output.
    ///
    /// # Errors
    /// The first environment variable that can't be right, the policy file's included.
    pub async fn from_env() -> Result<Self, ConfigError> {
        let started = Instant::now();
        let config = Config::read(|name| std::env::var(name).ok())?;
        let policies = config.read_policies()?;
        #[expect(clippy::print_stdout, reason = "this is the log")]
        let log = Box::new(|line: &str| println!("{line}"));
        let sdk = sdk::config(&config);
        warm::up(&config, &sdk).await;
        let ec2 = Ec2::new(sdk.clone(), config.endpoints.ec2.clone());
        let s3 = S3::new(sdk, config.endpoints.s3.clone());
        let boot = Boot::took(started.elapsed());
        Ok(Self { config, policies, ec2, s3, clock: OffsetDateTime::now_utc, boot, log })
    }
}

/// A response whose body stays as it is. `lambda_http` would make text of every body whose Content-Type says so, and put other
/// characters where the bytes are not what it says: an object must come back byte for byte.
struct AsItIs(Response<Body>);

impl IntoResponse for AsItIs {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        Box::pin(ready(self.0))
    }
}

/// Answers one invocation: an event in, API Gateway's form of the response out.
pub async fn invoke(app: &App, event: LambdaEvent<Event>) -> impl Serialize + use<> {
    let handler = service_fn(|request| async { Ok::<_, Infallible>(AsItIs(http::handle(app, request).await)) });
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
