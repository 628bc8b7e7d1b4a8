//! What the first request would otherwise wait for, done while the sandbox starts: that happens at the speed of a whole core
//! whatever the function's memory size, while a request of a function of 128 MB gets a fourteenth of one.
//!
//! A list of instances is rehearsed, from the event to the answer, by an [`App`] of its own. Its HTTP client connects to the EC2
//! of the default region and leaves the connection for the first request, but all that it sends there is `GET /ping`, unsigned:
//! EC2 is asked for nothing, and nothing is in CloudTrail. The instance that is listed is [`INSTANCE`].

use crate::config::Config;
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
use futures_util::FutureExt as _;
use lambda_http::{Context, lambda_runtime::LambdaEvent};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use time::OffsetDateTime;
use tokio::task::JoinSet;

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
pub(crate) async fn up(config: &Config, sdk: &SdkConfig) {
    let Some(http_client) = sdk.http_client() else { return };
    let region = config.regions.default.as_str();
    let keys = format!("rehearsal={}", hex(&Sha256::digest(KEY)));
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

    let pings = Pings::default();
    let http_client = Rehearsing { inner: http_client, pings: Arc::clone(&pings) };
    let sdk = sdk.to_builder().http_client(http_client).retry_config(RetryConfig::disabled()).build();
    let app = App {
        config: own,
        policies: None,
        ec2: Ec2::new(sdk.clone(), config.endpoints.ec2.clone()),
        s3: S3::new(sdk, None),
        clock: OffsetDateTime::now_utc,
        boot: Boot::default(),
        log: Box::new(|_| ()),
    };
    let rehearsal = async {
        let answer = invoke(&app, LambdaEvent::new(event, Context::default())).await;
        let _json = serde_json::to_vec(&answer);
        let pings = std::mem::take(&mut *pings.lock().unwrap_or_else(PoisonError::into_inner));
        pings.join_all().await;
    };
    let _done = tokio::time::timeout(LONGEST, AssertUnwindSafe(rehearsal).catch_unwind()).await;
}

/// What is under way to EC2. It is given up with whom it belongs to.
type Pings = Arc<Mutex<JoinSet<()>>>;

/// The client of all calls, with its connections, to which nothing is sent that means anything.
#[derive(Debug)]
struct Rehearsing<T> {
    inner: T,
    pings: Pings,
}

impl HttpClient for Rehearsing<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Rehearsing { inner, pings: Arc::clone(&self.pings) })
    }
}

impl HttpConnector for Rehearsing<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut ping = HttpRequest::new(SdkBody::empty());
        if ping.set_uri(format!("{}/ping", request.uri().trim_end_matches('/'))).is_ok() {
            let connector = self.inner.clone();
            // Meanwhile the rehearsal goes on.
            self.pings.lock().unwrap_or_else(PoisonError::into_inner).spawn(async move {
                if let Ok(pong) = connector.call(ping).await {
                    // A connection whose answer has not been read is not kept.
                    let _read = ByteStream::new(pong.into_body()).collect().await;
                }
            });
        }
        HttpConnectorFuture::ready(match StatusCode::try_from(200) {
            Ok(status) => Ok(HttpResponse::new(status, SdkBody::from(INSTANCE))),
            Err(error) => Err(ConnectorError::other(error.into(), None)),
        })
    }
}
