//! What the first request would otherwise wait for, done while the sandbox starts: that happens at the speed of a whole core
//! whatever the function's memory size, while a request of a function of 128 MB gets a fourteenth of one.
//!
//! A list of instances is rehearsed, from the event to the answer, by an [`App`] of its own. Its HTTP client connects to the EC2
//! of the default region and leaves the connection for the first request, but all that it sends there is `GET /ping`, unsigned:
//! EC2 is asked for nothing, and nothing is in CloudTrail. The instance that is listed is [`INSTANCE`].

use crate::config::{Config, ConfigError};
use crate::ec2::aws::Ec2;
use crate::http::hex;
use crate::http::metrics::Boot;
use crate::s3::aws::S3;
use crate::{App, invoke};
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_ec2::config::{HttpClient, RuntimeComponents};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use lambda_http::{Context, lambda_runtime::LambdaEvent};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use time::OffsetDateTime;

/// How long a start may take longer because EC2 can't be reached.
const LONGEST: Duration = Duration::from_millis(250);

/// The key of the rehearsal's caller. No other configuration than the rehearsal's own knows it.
const KEY: &str = "rehearsal";

/// What EC2 answers the rehearsal.
const INSTANCE: &str = "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>i-00000000000000000</instanceId>\
    <imageId>ami-00000000</imageId><instanceState><code>16</code><name>running</name></instanceState><instanceType>t3.micro</instanceType>\
    <launchTime>2006-08-25T00:00:00.000Z</launchTime><placement><availabilityZone/></placement><monitoring><state>disabled</state></monitoring>\
    <groupSet><item><groupId>sg-00000000</groupId></item></groupSet><tagSet><item><key>Name</key><value/></item></tagSet></item>\
    </instancesSet></item></reservationSet></DescribeInstancesResponse>";

/// Rehearses a request. Whatever comes of it, the function can do without.
///
/// # Errors
/// None: the rehearsal's configuration is one that can be read.
pub(crate) async fn up(config: &Config, sdk: &SdkConfig) -> Result<(), ConfigError> {
    let Some(http_client) = sdk.http_client() else { return Ok(()) };
    let region = config.regions.default.as_str();
    let keys = format!("rehearsal={}", hex(&Sha256::digest(KEY)));
    let own = Config::read(|name| match name {
        "API_KEYS" => Some(keys.clone()),
        "AWS_REGION" => Some(region.to_owned()),
        _ => None,
    })?;
    let sdk = sdk.to_builder().http_client(Rehearsing(http_client)).retry_config(RetryConfig::disabled()).build();
    let app = App {
        config: own,
        policies: None,
        ec2: Ec2::new(sdk.clone(), config.endpoints.ec2.clone()),
        s3: S3::new(sdk, None),
        clock: OffsetDateTime::now_utc,
        boot: Boot::default(),
        log: Box::new(|_| ()),
    };
    let event = json!({
        "version": "2.0",
        "rawPath": "/ec2/list",
        "rawQueryString": format!("region_name={region}"),
        "headers": {"x-api-key": KEY},
        "requestContext": {"apiId": "", "stage": "$default", "http": {"method": "GET", "path": "/ec2/list"}},
        "isBase64Encoded": false,
    });
    if let Ok(event) = serde_json::from_value(event) {
        let answer = tokio::time::timeout(LONGEST, invoke(&app, LambdaEvent::new(event, Context::default()))).await;
        let _json = answer.map(|answer| serde_json::to_vec(&answer));
    }
    Ok(())
}

/// The client of all calls, with its connections, to which nothing is sent that means anything.
#[derive(Debug)]
struct Rehearsing<T>(T);

impl HttpClient for Rehearsing<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Rehearsing(self.0.http_connector(settings, components)))
    }
}

impl HttpConnector for Rehearsing<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connector = self.0.clone();
        HttpConnectorFuture::new(async move {
            let mut ping = HttpRequest::new(SdkBody::empty());
            let origin = request.uri().trim_end_matches('/');
            if ping.set_uri(format!("{origin}/ping")).is_ok()
                && let Ok(pong) = connector.call(ping).await
            {
                // A connection whose answer has not been read is not kept.
                let _read = ByteStream::new(pong.into_body()).collect().await;
            }
            let ok = StatusCode::try_from(200).map_err(|error| ConnectorError::other(error.into(), None))?;
            Ok(HttpResponse::new(ok, SdkBody::from(INSTANCE)))
        })
    }
}
