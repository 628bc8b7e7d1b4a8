//! The entry point of the Lambda function.

use ec2_control_api::startup::{failure_line, from_env, panic_message, run};
use std::fmt::Display;
use std::panic::PanicHookInfo;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")] // a sandbox handles one request at a time
async fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
        let place = panic.location().map(|place| place as &dyn Display);
        log_failure(&panic_message(panic.payload(), place));
    }));
    let result = match from_env().await {
        // On the heap: the future has the function's parts.
        Ok(app) => Box::pin(run(app)).await.map_err(|error| format!("Lambda's runtime API failed: {error}")),
        Err(error) => Err(format!("startup failed: {error}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            log_failure(&problem);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "there is no request to log for")]
fn log_failure(message: &str) {
    eprintln!("{}", failure_line(message));
}
