//! The composition root: makes the function of its environment, and serves invocations.

use crate::app::App;
use crate::aws::accounts::Accounts;
use crate::aws::ec2::Ec2;
use crate::aws::s3::S3;
use crate::aws::scheduler::Scheduler;
use crate::aws::sdk;
use crate::config::{Config, ConfigError, Serves};
use crate::firing::fire;
use crate::invocation::invoke;
use crate::metrics::{ColdStart, NAMESPACE};
use crate::model::rfc3339_milliseconds;
use crate::routes;
use crate::warm_up;
use lambda_http::service_fn;
use serde_json::json;
use std::any::Any;
use std::convert::Infallible;
use std::fmt;
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
    if config.serves == Serves::Api {
        // On the heap: the future has a whole request in it.
        Box::pin(warm_up::run(&config, &sdk)).await;
    }
    let ec2 = Ec2::new(sdk.clone(), config.endpoints.ec2.clone());
    let accounts = Accounts::new(sdk.clone(), &config);
    let scheduler = Scheduler::new(sdk.clone(), &config);
    let s3 = S3::new(sdk, config.endpoints.s3.clone());
    let cold_start = ColdStart::new(started.elapsed());
    let (api, clock) = (routes::api(), OffsetDateTime::now_utc);
    Ok(App { config, policies, ec2, accounts, s3, scheduler, api, clock, cold_start, log })
}

/// Serves invocations, of the API or of schedules as the configuration says, until Lambda stops the
/// sandbox.
///
/// # Errors
/// Lambda's runtime API can't be reached.
pub async fn run(app: App) -> Result<(), lambda_runtime::Error> {
    let app = &app;
    match app.config.serves {
        Serves::Api => {
            lambda_runtime::run(service_fn(|event| async { Ok::<_, Infallible>(invoke(app, event).await) })).await
        }
        Serves::Schedules => lambda_runtime::run(service_fn(|event| fire(app, event))).await,
    }
}

/// The log line of a failure that belongs to no request: one line, even if the message has several.
pub fn failure_line(message: &str) -> String {
    let name = std::env::var("AWS_LAMBDA_FUNCTION_NAME").ok().filter(|name| !name.is_empty());
    let (timestamp, service) = (rfc3339_milliseconds(OffsetDateTime::now_utc()), name.as_deref().unwrap_or(NAMESPACE));
    json!({"timestamp": timestamp, "level": "ERROR", "service": service, "message": message}).to_string()
}

/// The message of a panic, with its place in the code. A formatted text is left out: it may have
/// values of a caller in it.
pub fn panic_message(payload: &dyn Any, place: Option<&dyn fmt::Display>) -> String {
    let text = payload.downcast_ref::<&str>().copied().unwrap_or("a formatted message, which is not logged");
    match place {
        Some(place) => format!("panic at {place}: {text}"),
        None => format!("panic: {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_of_a_panic_has_its_place_but_no_values() {
        let place: &dyn fmt::Display = &"src/x.rs:1:2";
        assert_eq!(panic_message(&"no such thing", Some(place)), "panic at src/x.rs:1:2: no such thing");
        let message = panic_message(&"byte index 1 is out of bounds of `s3cr3t`".to_owned(), Some(place));
        assert_eq!(message, "panic at src/x.rs:1:2: a formatted message, which is not logged");
    }

    #[test]
    fn line_of_a_failure_is_one_line_of_json() {
        let line = failure_line("startup failed:\nline 3: \"x\"");
        assert!(!line.contains('\n'), "{line}");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["level"], &line["message"]), (&json!("ERROR"), &json!("startup failed:\nline 3: \"x\"")));
        let timestamp = line["timestamp"].as_str().unwrap();
        assert!(timestamp.len() == 24 && timestamp.ends_with('Z'), "{timestamp}");
    }
}
