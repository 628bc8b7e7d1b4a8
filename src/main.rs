//! The Lambda function's entry: read the configuration, then serve.

use ec2_control_api::{App, run};

#[tokio::main(flavor = "current_thread")] // Lambda gives a sandbox one request at a time
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let app = App::from_env().await.inspect_err(|error| {
        #[expect(clippy::print_stderr, reason = "there is no request to log for")]
        {
            eprintln!("cannot start: {error}");
        }
    })?;
    run(app).await
}
