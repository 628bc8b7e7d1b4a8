//! Whose certificates are believed when AWS is called: those of AWS's own authorities, and the system's once AWS presents others.
//!
//! To read all authorities of a system takes longer than everything else that a cold start does. AWS recommends its five for
//! a trust store of one's own, and recommends against pinning (<https://www.amazontrust.com/repository/>): so they are where to
//! look first, and nothing depends on AWS keeping to them.

use crate::error::levels;
use aws_sdk_ec2::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// AWS's authorities.
const AMAZON: &[u8] = include_bytes!("amazon-roots.pem");

/// Whose certificates are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// AWS's own authorities, and the system's once AWS presents a certificate of others.
    Amazon,
    /// The system's: those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
    System,
}

/// The client by which all of AWS is called, by a proxy if `HTTPS_PROXY` and its like name one. `system` are the system's authorities.
pub(crate) fn client(trust: Trust, system: TrustStore) -> SharedHttpClient {
    let system = over(system);
    match trust {
        Trust::System => system,
        Trust::Amazon => {
            let amazon = over(TrustStore::empty().with_pem_certificate(AMAZON));
            SharedHttpClient::new(Either { amazon, system, others: Arc::default() })
        }
    }
}

/// The SDK's own client, but for the trust store, which is read when it is first used.
fn over(trust_store: TrustStore) -> SharedHttpClient {
    // Building a context fails for other implementations of TLS only, and the default is the system's.
    let context = TlsContext::builder().with_trust_store(trust_store).build().unwrap_or_default();
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = ConnectorBuilder::default()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(context.clone())
            .proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.build()
    })
}

/// Two clients: one as long as AWS presents certificates of its own authorities.
#[derive(Debug)]
struct Either {
    amazon: SharedHttpClient,
    system: SharedHttpClient,
    /// AWS has presented one of others.
    others: Arc<AtomicBool>,
}

impl HttpClient for Either {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        if self.others.load(Ordering::Relaxed) {
            return self.system.http_connector(settings, components);
        }
        let connector = self.amazon.http_connector(settings, components);
        SharedHttpConnector::new(Amazon { connector, others: Arc::clone(&self.others) })
    }
}

/// Notices when AWS presents a certificate of others. The SDK tries again by itself: nothing was sent.
#[derive(Debug)]
struct Amazon {
    connector: SharedHttpConnector,
    others: Arc<AtomicBool>,
}

impl HttpConnector for Amazon {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.connector.call(request);
        let others = Arc::clone(&self.others);
        HttpConnectorFuture::new(async move {
            let answer = answer.await;
            if answer.as_ref().is_err_and(|error| refused(error)) {
                others.store(true, Ordering::Relaxed);
            }
            answer
        })
    }
}

/// Whether a certificate was refused, for whatever reason: that nobody known has issued it may be hidden by something else that is
/// wrong with a certificate on the way to an authority, which others need not go.
pub(crate) fn refused(error: &(dyn Error + 'static)) -> bool {
    levels(error).any(|level| matches!(level.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))))
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

    /// Of nobody that AWS or a system knows. Made with `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes
    /// -days 36500 -subj /CN=localhost -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE`.
    const CERTIFICATE: &[u8] = include_bytes!("../tests/tls/certificate.pem");
    const KEY: &[u8] = include_bytes!("../tests/tls/key.pem");

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
                // Who refuses the certificate is gone.
                if stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {
                    stream.write_all(ANSWER).unwrap();
                }
            }
        });
        address
    }

    /// What comes of a call with so many attempts, by a client of this system.
    async fn called(url: &str, trust: Trust, system: TrustStore, attempts: u32) -> Result<(), String> {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("AKIDTEST", "testing", None, None, "tests"))
            .retry_config(RetryConfig::standard().with_max_attempts(attempts))
            .http_client(client(trust, system))
            .endpoint_url(url);
        let answer = Client::from_conf(config.build()).describe_regions().send().await;
        answer.map(drop).map_err(|error| DisplayErrorContext(error).to_string())
    }

    fn issuer() -> TrustStore {
        TrustStore::empty().with_pem_certificate(CERTIFICATE)
    }

    fn nobody() -> TrustStore {
        TrustStore::empty().with_pem_certificate(AMAZON)
    }

    #[tokio::test]
    async fn the_systems_authorities_count_once_aws_presents_a_certificate_of_others() {
        let url = server();
        assert_eq!(called(&url, Trust::Amazon, issuer(), 2).await, Ok(()));
        let refused = called(&url, Trust::Amazon, issuer(), 1).await;
        assert!(refused.is_err_and(|error| error.contains("UnknownIssuer")), "AWS's own come first");
        assert_eq!(called(&url, Trust::System, issuer(), 1).await, Ok(()));
    }

    #[tokio::test]
    async fn a_certificate_of_nobody_is_refused_whoever_is_asked() {
        let url = server();
        for trust in [Trust::Amazon, Trust::System] {
            let refused = called(&url, trust, nobody(), 3).await;
            assert!(refused.is_err_and(|error| error.contains("UnknownIssuer")));
        }
    }

    #[tokio::test]
    async fn a_certificate_for_another_name_is_refused_whoever_has_issued_it() {
        let url = server().replace("localhost", "127.0.0.1");
        for trust in [Trust::Amazon, Trust::System] {
            let refused = called(&url, trust, issuer(), 3).await;
            assert!(refused.is_err_and(|error| error.contains("NotValidForName")));
        }
    }

    #[test]
    fn any_certificate_that_is_refused_makes_the_systems_authorities_count() {
        use rustls::CertificateError::{Expired, UnknownIssuer};
        for certificate in [UnknownIssuer, Expired] {
            let error = rustls::Error::InvalidCertificate(certificate);
            assert!(refused(&io::Error::other(io::Error::new(io::ErrorKind::InvalidData, error))));
        }
        assert!(!refused(&rustls::Error::HandshakeNotComplete));
        assert!(!refused(&io::Error::from(io::ErrorKind::ConnectionRefused)));
    }

    #[test]
    fn the_authorities_are_those_whose_digests_stand_beside_them() {
        let text = str::from_utf8(AMAZON).unwrap();
        let (mut certificates, mut digest) = (0, "");
        for part in text.split("-----BEGIN CERTIFICATE-----") {
            if let Some((base64, _)) = part.split_once("-----END CERTIFICATE-----") {
                let der = BASE64_STANDARD.decode(base64.replace('\n', "")).unwrap();
                assert_eq!(crate::http::hex(&Sha256::digest(der)), digest);
                certificates += 1;
            }
            digest = part.trim_end().lines().last().unwrap_or_default();
        }
        assert_eq!(certificates, 5);
    }
}
