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

/// How often a call lets the ping go on. Where the address of the host is known at once, that is to
/// start connecting, and to send the first bytes.
const STEPS: usize = 2;

/// The SDK's configuration with the warm-up's client: its first call also sends a ping. AWS
/// receives no other request. `None` without a client.
pub(crate) fn warm_up_config(sdk: &SdkConfig) -> Option<(SdkConfig, Ping)> {
    let ping = Ping::default();
    let http_client = WarmUpClient { inner: sdk.http_client()?, ping: ping.clone() };
    let sdk = sdk.to_builder().http_client(http_client).retry_config(RetryConfig::disabled()).build();
    Some((sdk, ping))
}

/// The ping, once it is sent; aborted on drop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ping(Arc<Mutex<JoinSet<()>>>);

impl Ping {
    /// Waits until it is answered.
    pub(crate) async fn answered(&self) {
        let ping = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        ping.join_all().await;
    }

    fn send_once(&self, ping: impl Future<Output = ()> + Send + 'static) {
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.is_empty() {
            sent.spawn(ping);
        }
    }
}

/// Opens a real connection but sends only `GET /ping`; answers every SDK call itself.
#[derive(Debug)]
struct WarmUpClient<T> {
    inner: T,
    ping: Ping,
}

impl HttpClient for WarmUpClient<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(WarmUpClient { inner, ping: self.ping.clone() })
    }
}

impl HttpConnector for WarmUpClient<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut ping = HttpRequest::new(SdkBody::empty());
        if ping.set_uri(format!("{}/ping", request.uri().trim_end_matches('/'))).is_ok() {
            let connector = self.inner.clone();
            // The warm-up goes on in the meantime.
            self.ping.send_once(async move {
                if let Ok(pong) = connector.call(ping).await {
                    // A connection is kept only if the response has been read.
                    let _read = ByteStream::new(pong.into_body()).collect().await;
                }
            });
        }
        HttpConnectorFuture::new(async {
            for _ in 0..STEPS {
                tokio::task::yield_now().await;
            }
            match StatusCode::try_from(200) {
                Ok(status) => Ok(HttpResponse::new(status, SdkBody::from(INSTANCE))),
                Err(error) => Err(ConnectorError::other(error.into(), None)),
            }
        })
    }
}
