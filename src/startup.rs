//! The composition root: makes the function of its environment, and serves invocations.

use crate::app::App;
use crate::aws::ec2::Ec2;
use crate::aws::s3::S3;
use crate::aws::sdk;
use crate::config::{Config, ConfigError};
use crate::invocation::invoke;
use crate::metrics::ColdStart;
use crate::routes;
use crate::warm_up;
use lambda_http::service_fn;
use std::convert::Infallible;
use std::time::Instant;
use time::OffsetDateTime;

/// The function as Lambda runs it: configured by the environment, logging to standard output.
///
/// # Errors
/// The first invalid environment variable; the policy file is one of them.
pub async fn from_env() -> Result<App, ConfigError> {
    let started = Instant::now();
    let config = Config::read(|name| std::env::var(name).ok())?;
    let policies = config.read_policies()?;
    #[expect(clippy::print_stdout, reason = "this is the log")]
    let log = Box::new(|line: &str| println!("{line}"));
    let sdk = sdk::config(&config);
    warm_up::run(&config, &sdk).await;
    let ec2 = Ec2::new(sdk.clone(), config.endpoints.ec2.clone());
    let s3 = S3::new(sdk, config.endpoints.s3.clone());
    let cold_start = ColdStart::new(started.elapsed());
    Ok(App { config, policies, ec2, s3, api: routes::api(), clock: OffsetDateTime::now_utc, cold_start, log })
}

/// Serves invocations until Lambda stops the sandbox.
///
/// # Errors
/// Lambda's runtime API can't be reached.
pub async fn run(app: App) -> Result<(), lambda_runtime::Error> {
    let app = &app;
    lambda_runtime::run(service_fn(|event| async { Ok::<_, Infallible>(invoke(app, event).await) })).await
}
