//! Which connections a call may use.
//!
//! Lambda freezes the sandbox between invocations, and a connection may die meanwhile: the call
//! after the freeze fails. The SDK repeats it, but a reboot must not be repeated, and neither must
//! the creation or deletion of a bucket. Timers do not help: the monotonic clock may stand still
//! during a freeze, and the HTTP client counts by it.

use aws_sdk_ec2::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The longest time that a connection is idle and used again.
///
/// AWS does not document when its servers close idle connections. S3 does so after 20 s
/// (<https://github.com/awslabs/aws-sdk-android-samples/issues/250>), or earlier
/// (<https://github.com/aws/aws-sdk-kotlin/issues/1214>). A call that meets a closed connection is
/// repeated, unless it is sent once.
pub(super) const MAX_IDLE: Duration = Duration::from_secs(10);

/// The greatest number of hosts whose last calls are known.
const MAX_HOSTS: usize = 64;

tokio::task_local! {
    /// Set in calls that use a connection of their own.
    static SENT_ONCE: ();
}

/// Makes the calls of the future on connections of their own: for calls that are sent once. Calls
/// of spawned tasks are not affected.
pub(super) async fn sent_once<T>(future: impl Future<Output = T>) -> T {
    SENT_ONCE.scope((), future).await
}

/// An HTTP client that never uses a connection to a host again after [`MAX_IDLE`] without a call to
/// it, by the wall clock `now`. `make` makes a client that keeps the given number of idle
/// connections to each host.
pub(super) fn client<N, M>(now: N, make: M) -> SharedHttpClient
where
    N: Fn() -> SystemTime + Send + Sync + 'static,
    M: Fn(usize) -> SharedHttpClient + Send + Sync + 'static,
{
    let pool = Mutex::new(Pool { client: make(usize::MAX), last_calls: HashMap::new() });
    let connections = Connections { unpooled: make(0), pool, now: Box::new(now), make: Box::new(make) };
    SharedHttpClient::new(Client(Arc::new(connections)))
}

struct Connections {
    /// Keeps no connection.
    unpooled: SharedHttpClient,
    pool: Mutex<Pool>,
    now: Box<dyn Fn() -> SystemTime + Send + Sync>,
    make: Box<dyn Fn(usize) -> SharedHttpClient + Send + Sync>,
}

/// A client with its connections.
struct Pool {
    client: SharedHttpClient,
    /// The time of the last call to each host.
    last_calls: HashMap<String, SystemTime>,
}

impl Connections {
    /// The client for a call to this host.
    fn client(&self, host: &str) -> SharedHttpClient {
        if SENT_ONCE.try_with(|()| ()).is_ok() {
            return self.unpooled.clone();
        }
        let now = (self.now)();
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back counts as a long time.
        let recent = |last: &SystemTime| now.duration_since(*last).is_ok_and(|idle| idle <= MAX_IDLE);
        let usable = match pool.last_calls.get(host) {
            Some(last) => recent(last),
            None => pool.last_calls.len() < MAX_HOSTS,
        };
        if !usable {
            *pool = Pool { client: (self.make)(usize::MAX), last_calls: HashMap::new() };
        }
        pool.last_calls.insert(host.to_owned(), now);
        pool.client.clone()
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").finish_non_exhaustive()
    }
}

/// Chooses a client for each call.
#[derive(Debug)]
struct Client(Arc<Connections>);

impl HttpClient for Client {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            connections: Arc::clone(&self.0),
            settings: settings.clone(),
            components: components.clone(),
        })
    }
}

/// The host of a URL, with its port.
pub(super) fn host_of(url: &str) -> &str {
    url.split('/').nth(2).unwrap_or_default()
}

/// Chooses a client for each call: only the request says which host is called.
#[derive(Debug)]
struct Connector {
    connections: Arc<Connections>,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.connections.client(host_of(request.uri()));
        client.http_connector(&self.settings, &self.components).call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::Client as Ec2Client;
    use aws_sdk_ec2::config::retry::RetryConfig;
    use aws_sdk_ec2::config::{BehaviorVersion, Config, Credentials, Region};
    use aws_smithy_http_client::{Builder, ConnectorBuilder};
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicU64, Ordering};

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 64\r\n\r\n\
        <DescribeRegionsResponse><regionInfo/></DescribeRegionsResponse>";

    /// The address of an EC2 that answers one request on each connection. The next request finds
    /// the connection closed, as after a freeze.
    fn server() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    if stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {
                        stream.write_all(ANSWER).unwrap();
                        let _next = stream.read(&mut [0; 4096]);
                    }
                });
            }
        });
        address
    }

    /// A client that makes one attempt, and its clock in seconds.
    fn ec2() -> (Ec2Client, Arc<AtomicU64>) {
        let clock = Arc::new(AtomicU64::new(1_700_000_000));
        let seconds = Arc::clone(&clock);
        let now = move || SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.load(Ordering::Relaxed));
        let http = client(now, |max_idle| {
            Builder::new().build_with_connector_fn(move |_, _| {
                ConnectorBuilder::default().pool_max_idle_per_host(max_idle).build_http()
            })
        });
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("AKIDTEST", "testing", None, None, "tests"))
            .retry_config(RetryConfig::disabled())
            .http_client(http)
            .endpoint_url(server());
        (Ec2Client::from_conf(config.build()), clock)
    }

    async fn succeeds(ec2: &Ec2Client) -> bool {
        ec2.describe_regions().send().await.is_ok()
    }

    #[tokio::test]
    async fn idle_connection_is_dropped_after_ten_seconds_by_the_wall_clock() {
        let (ec2, clock) = ec2();
        assert!(succeeds(&ec2).await);
        clock.fetch_add(11, Ordering::Relaxed);
        assert!(succeeds(&ec2).await, "a new connection");
        clock.fetch_sub(1, Ordering::Relaxed);
        assert!(succeeds(&ec2).await, "a clock that was set back says nothing");
        clock.fetch_add(10, Ordering::Relaxed);
        assert!(!succeeds(&ec2).await, "the same connection, which has died");
    }

    #[tokio::test]
    async fn call_that_is_sent_once_uses_no_connection_of_an_earlier_call() {
        let (ec2, _) = ec2();
        assert!(succeeds(&ec2).await);
        assert!(sent_once(succeeds(&ec2)).await);
        assert!(sent_once(succeeds(&ec2)).await, "nor does it leave one");
        assert!(!succeeds(&ec2).await);
    }
}
