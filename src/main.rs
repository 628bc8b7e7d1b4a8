//! The entry point of the Lambda function.

use ec2_control_api::startup::{from_env, run};
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")] // a sandbox handles one request at a time
async fn main() -> ExitCode {
    let result = match from_env().await {
        Ok(app) => run(app).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            #[expect(clippy::print_stderr, reason = "there is no request to log for")]
            {
                eprintln!("startup failed: {problem}");
            }
            ExitCode::FAILURE
        }
    }
}
