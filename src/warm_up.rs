//! Warm-up: work of the first request that is done while the sandbox starts. Lambda gives a start
//! the speed of a whole core, whatever the function's memory size; a request of a function of
//! 128 MB gets a fourteenth of a core.
//!
//! It handles one request for a list of instances, from the event to the response, with an [`App`]
//! of its own. The HTTP client connects to EC2 in the default region and leaves the connection for
//! the first request, but sends only `GET /ping`, unsigned: nothing appears in CloudTrail. EC2's
//! response is made up (`aws/warm_up_client.rs`).

use crate::app::App;
use crate::aws::accounts::Accounts;
use crate::aws::ec2::Ec2;
use crate::aws::s3::S3;
use crate::aws::sdk::SdkConfig;
use crate::aws::warm_up_client::warm_up_config;
use crate::config::Config;
use crate::invocation::invoke;
use crate::metrics::ColdStart;
use crate::model::InstanceQuery;
use crate::routes;
use futures_util::FutureExt as _;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use time::OffsetDateTime;

/// How long a start waits for an EC2 that can't be reached.
const WARM_UP_TIMEOUT: Duration = Duration::from_millis(250);

/// The key of the warm-up's caller. Only the warm-up's own configuration has it.
const KEY: &str = "warm-up";

/// Handles the warm-up request. A failure has no consequences.
pub async fn run(config: &Config, sdk: &SdkConfig) {
    let Some((sdk, ping)) = warm_up_config(sdk) else { return };
    let ec2 = Ec2::new(sdk.clone(), config.endpoints.ec2.clone());
    let warm_up = async {
        // The connection is opened first: what its round trips take is the time of the other work.
        let _empty = ec2.describe_instances(&config.regions.default, &InstanceQuery::default()).await;
        list(config, sdk, ec2).await;
        ping.answered().await;
    };
    let _done = tokio::time::timeout(WARM_UP_TIMEOUT, AssertUnwindSafe(warm_up).catch_unwind()).await;
}

/// Handles a request for a list, from the event to the response.
async fn list(config: &Config, sdk: SdkConfig, ec2: Ec2) {
    let region = config.regions.default.as_str();
    let keys = format!("warm-up={}", hex::encode(Sha256::digest(KEY)));
    let own = Config::read(|name| match name {
        "API_KEYS" => Some(keys.clone()),
        "AWS_REGION" => Some(region.to_owned()),
        _ => None,
    });
    let event = json!({
        "version": "2.0",
        "rawPath": "/ec2/list",
        "rawQueryString": format!("region_name={region}"),
        "headers": {"x-api-key": KEY},
        "requestContext": {"apiId": "", "stage": "$default", "http": {"method": "GET", "path": "/ec2/list"}},
        "isBase64Encoded": false,
    });
    let (Ok(own), Ok(event)) = (own, serde_json::from_value(event)) else { return };
    let app = App {
        accounts: Accounts::new(sdk.clone(), &own),
        config: own,
        policies: None,
        ec2,
        s3: S3::new(sdk, None),
        scheduler: None,
        clock: OffsetDateTime::now_utc,
        api: routes::api(),
        cold_start: ColdStart::default(),
        log: Box::new(|_| ()),
    };
    let answer = invoke(&app, LambdaEvent::new(event, Context::default())).await;
    let _json = serde_json::to_vec(&answer);
}
