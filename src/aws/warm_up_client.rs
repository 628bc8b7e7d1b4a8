//! The HTTP client of the warm-up: it opens connections for the first request, and asks EC2 for
//! nothing.

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
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinSet;

/// EC2's response to each call.
const INSTANCE: &str = "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>i-00000000000000000</instanceId>\
    <imageId>ami-00000000</imageId><instanceState><code>16</code><name>running</name></instanceState><instanceType>t3.micro</instanceType>\
    <launchTime>2006-08-25T00:00:00.000Z</launchTime><placement><availabilityZone/></placement><monitoring><state>disabled</state></monitoring>\
    <groupSet><item><groupId>sg-00000000</groupId></item></groupSet><tagSet><item><key>Name</key><value/></item></tagSet></item>\
    </instancesSet></item></reservationSet></DescribeInstancesResponse>";

/// The SDK's configuration with the warm-up's client: its calls are pings. `None` without a client.
pub(crate) fn warm_up_config(sdk: &SdkConfig) -> Option<(SdkConfig, Pings)> {
    let pings = Pings::default();
    let http_client = WarmUpClient { inner: sdk.http_client()?, pings: pings.clone() };
    let sdk = sdk.to_builder().http_client(http_client).retry_config(RetryConfig::disabled()).build();
    Some((sdk, pings))
}

/// In-flight pings; aborted on drop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pings(Arc<Mutex<JoinSet<()>>>);

impl Pings {
    /// Waits until all of them are answered.
    pub(crate) async fn join_all(&self) {
        let pings = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        pings.join_all().await;
    }

    fn spawn(&self, ping: impl Future<Output = ()> + Send + 'static) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).spawn(ping);
    }
}

/// Opens real connections but sends only `GET /ping`; answers every SDK call itself.
#[derive(Debug)]
struct WarmUpClient<T> {
    inner: T,
    pings: Pings,
}

impl HttpClient for WarmUpClient<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(WarmUpClient { inner, pings: self.pings.clone() })
    }
}

impl HttpConnector for WarmUpClient<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut ping = HttpRequest::new(SdkBody::empty());
        if ping.set_uri(format!("{}/ping", request.uri().trim_end_matches('/'))).is_ok() {
            let connector = self.inner.clone();
            // The warm-up goes on in the meantime.
            self.pings.spawn(async move {
                if let Ok(pong) = connector.call(ping).await {
                    // A connection is kept only if the response has been read.
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
