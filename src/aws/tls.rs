//! The HTTP client for all calls to AWS, and its trust store: Amazon's roots, with the system's
//! roots as fallback.
//!
//! Loading all roots of a system takes longer than the rest of a cold start. AWS recommends its
//! five roots for a trust store of one's own, and recommends against pinning
//! (<https://www.amazontrust.com/repository/>). So Amazon's roots come first, and the function
//! still works if AWS presents a certificate of another authority.

use super::connections;
use crate::config::TrustStore;
use crate::error::error_chain;
use aws_sdk_ec2::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore as Roots};
use aws_smithy_http_client::{Builder, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

/// Amazon's root certificates.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon-roots.pem");

/// HTTP client for all AWS calls. Honours `HTTPS_PROXY` and `NO_PROXY`. `system_roots` are the
/// system's root certificates, which are loaded at their first use.
pub(crate) fn client(trust_store: TrustStore, system_roots: Roots) -> SharedHttpClient {
    let system = client_with_roots(system_roots);
    match trust_store {
        TrustStore::System => system,
        TrustStore::Amazon => {
            let amazon = client_with_roots(Roots::empty().with_pem_certificate(AMAZON_ROOTS));
            SharedHttpClient::new(FallbackClient { amazon, system, use_system_roots: Arc::default() })
        }
    }
}

/// The SDK's own client with these root certificates.
fn client_with_roots(roots: Roots) -> SharedHttpClient {
    // Building a context fails for other TLS implementations only; the default has the system's
    // roots.
    let context = TlsContext::builder().with_trust_store(roots).build().unwrap_or_default();
    connections::client(SystemTime::now, move |max_idle| {
        let context = context.clone();
        Builder::new().build_with_connector_fn(move |settings, components| {
            let mut connector = ConnectorBuilder::default()
                .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
                .tls_context(context.clone())
                .proxy_config(ProxyConfig::from_env())
                .pool_max_idle_per_host(max_idle)
                .pool_idle_timeout(connections::MAX_IDLE);
            connector.set_connector_settings(settings.cloned());
            connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
            connector.build()
        })
    })
}

/// Trusts Amazon's roots until a certificate is refused, and the system's roots from then on.
#[derive(Debug)]
struct FallbackClient {
    amazon: SharedHttpClient,
    system: SharedHttpClient,
    /// Set once a certificate was refused.
    use_system_roots: Arc<AtomicBool>,
}

impl HttpClient for FallbackClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        if self.use_system_roots.load(Ordering::Relaxed) {
            return self.system.http_connector(settings, components);
        }
        let connector = self.amazon.http_connector(settings, components);
        SharedHttpConnector::new(FallbackConnector { connector, use_system_roots: Arc::clone(&self.use_system_roots) })
    }
}

/// Notices refused certificates. The SDK retries the call by itself: nothing was sent.
#[derive(Debug)]
struct FallbackConnector {
    connector: SharedHttpConnector,
    use_system_roots: Arc<AtomicBool>,
}

impl HttpConnector for FallbackConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let response = self.connector.call(request);
        let use_system_roots = Arc::clone(&self.use_system_roots);
        HttpConnectorFuture::new(async move {
            let response = response.await;
            if response.as_ref().is_err_and(|error| certificate_refused(error)) {
                use_system_roots.store(true, Ordering::Relaxed);
            }
            response
        })
    }
}

/// Whether the server's certificate was refused, for any reason: an unknown issuer may be hidden by
/// another problem on the way to that issuer.
pub(crate) fn certificate_refused(error: &(dyn Error + 'static)) -> bool {
    error_chain(error).any(|level| matches!(level.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::Client;
    use aws_sdk_ec2::config::retry::RetryConfig;
    use aws_sdk_ec2::config::{BehaviorVersion, Config, Credentials, Region};
    use aws_sdk_ec2::error::DisplayErrorContext;
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ServerConfig, ServerConnection, Stream};
    use sha2::{Digest as _, Sha256};
    use std::io::{self, Read as _, Write as _};
    use std::net::TcpListener;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 64\r\nconnection: close\r\n\r\n\
        <DescribeRegionsResponse><regionInfo/></DescribeRegionsResponse>";

    /// A self-signed certificate. Made with `openssl req -x509 -newkey ec -pkeyopt
    /// ec_paramgen_curve:P-256 -nodes -days 36500 -subj /CN=localhost -addext
    /// subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE`.
    const CERTIFICATE: &[u8] = include_bytes!("../../tests/tls/certificate.pem");
    const KEY: &[u8] = include_bytes!("../../tests/tls/key.pem");

    /// The address of an EC2 with that certificate.
    fn server() -> String {
        let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
        let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = Arc::new(config.with_single_cert(vec![certificate], key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, mut tls) = (stream.unwrap(), ServerConnection::new(Arc::clone(&config)).unwrap());
                let mut stream = Stream::new(&mut tls, &mut stream);
                // A client that refuses the certificate has closed the connection.
                if stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {
                    stream.write_all(ANSWER).unwrap();
                }
            }
        });
        address
    }

    /// Calls EC2 with a client that makes up to `attempts` attempts.
    async fn call(url: &str, trust_store: TrustStore, system: Roots, attempts: u32) -> Result<(), String> {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("AKIDTEST", "testing", None, None, "tests"))
            .retry_config(RetryConfig::standard().with_max_attempts(attempts))
            .http_client(client(trust_store, system))
            .endpoint_url(url);
        let answer = Client::from_conf(config.build()).describe_regions().send().await;
        answer.map(drop).map_err(|error| DisplayErrorContext(error).to_string())
    }

    fn issuer() -> Roots {
        Roots::empty().with_pem_certificate(CERTIFICATE)
    }

    fn other_roots() -> Roots {
        Roots::empty().with_pem_certificate(AMAZON_ROOTS)
    }

    #[tokio::test]
    async fn the_systems_roots_are_used_once_a_certificate_of_another_authority_is_presented() {
        let url = server();
        assert_eq!(call(&url, TrustStore::Amazon, issuer(), 2).await, Ok(()));
        let refused = call(&url, TrustStore::Amazon, issuer(), 1).await;
        assert!(refused.is_err_and(|error| error.contains("UnknownIssuer")), "AWS's own come first");
        assert_eq!(call(&url, TrustStore::System, issuer(), 1).await, Ok(()));
    }

    #[tokio::test]
    async fn a_certificate_of_an_unknown_authority_is_refused_with_every_trust_store() {
        let url = server();
        for trust_store in [TrustStore::Amazon, TrustStore::System] {
            let refused = call(&url, trust_store, other_roots(), 3).await;
            assert!(refused.is_err_and(|error| error.contains("UnknownIssuer")));
        }
    }

    #[tokio::test]
    async fn a_certificate_for_another_host_name_is_refused() {
        let url = server().replace("localhost", "127.0.0.1");
        for trust_store in [TrustStore::Amazon, TrustStore::System] {
            let refused = call(&url, trust_store, issuer(), 3).await;
            assert!(refused.is_err_and(|error| error.contains("NotValidForName")));
        }
    }

    #[test]
    fn any_refused_certificate_switches_to_the_systems_roots() {
        use rustls::CertificateError::{Expired, UnknownIssuer};
        for certificate in [UnknownIssuer, Expired] {
            let error = rustls::Error::InvalidCertificate(certificate);
            assert!(certificate_refused(&io::Error::other(io::Error::new(io::ErrorKind::InvalidData, error))));
        }
        assert!(!certificate_refused(&rustls::Error::HandshakeNotComplete));
        assert!(!certificate_refused(&io::Error::from(io::ErrorKind::ConnectionRefused)));
    }

    #[test]
    fn each_amazon_root_has_the_digest_that_stands_beside_it() {
        let text = str::from_utf8(AMAZON_ROOTS).unwrap();
        let (mut certificates, mut digest) = (0, "");
        for part in text.split("-----BEGIN CERTIFICATE-----") {
            if let Some((base64, _)) = part.split_once("-----END CERTIFICATE-----") {
                let der = BASE64_STANDARD.decode(base64.replace('\n', "")).unwrap();
                assert_eq!(hex::encode(Sha256::digest(der)), digest);
                certificates += 1;
            }
            digest = part.trim_end().lines().last().unwrap_or_default();
        }
        assert_eq!(certificates, 5);
    }
}
