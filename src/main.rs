//! The Lambda function's entry: read the configuration, then serve.

use ec2_control_api::{App, run};
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")] // Lambda gives a sandbox one request at a time
async fn main() -> ExitCode {
    let served = match App::from_env().await {
        Ok(app) => run(app).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            #[expect(clippy::print_stderr, reason = "there is no request to log for")]
            {
                eprintln!("the function stops: {problem}");
            }
            ExitCode::FAILURE
        }
    }
}
