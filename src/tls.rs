//! Whose certificates are believed when AWS is called: those of AWS's own authorities, and the system's once AWS presents others.
//!
//! To read all authorities of a system takes longer than everything else that a cold start does. AWS recommends its five for
//! a trust store of one's own, and recommends against pinning (<https://www.amazontrust.com/repository/>): so they are where to
//! look first, and nothing depends on AWS keeping to them.

use aws_sdk_ec2::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use std::error::Error;
use std::io;
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

/// The client by which all of AWS is called.
pub(crate) fn client(trust: Trust) -> SharedHttpClient {
    let system = over(TrustStore::default());
    match trust {
        Trust::System => system,
        Trust::Amazon => {
            let amazon = over(TrustStore::empty().with_pem_certificate(AMAZON));
            SharedHttpClient::new(Either { amazon, system, others: Arc::default() })
        }
    }
}

/// A client, which reads its trust store when it is first used.
fn over(trust_store: TrustStore) -> SharedHttpClient {
    // Building a context fails for other implementations of TLS only, and the default is the system's.
    let context = TlsContext::builder().with_trust_store(trust_store).build().unwrap_or_default();
    let builder = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    builder.tls_context(context).build_https()
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
            if answer.as_ref().is_err_and(|error| unknown_issuer(error)) {
                others.store(true, Ordering::Relaxed);
            }
            answer
        })
    }
}

/// Whether a certificate was refused because of who had issued it.
fn unknown_issuer(error: &(dyn Error + 'static)) -> bool {
    let refused = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
    let mut level = Some(error);
    while let Some(error) = level {
        if error.downcast_ref() == Some(&refused) {
            return true;
        }
        level = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            // Its own source is the source of what is in it.
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
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
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 61\r\nconnection: close\r\n\r\n\
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

    /// What comes of a call with so many attempts, by a client with AWS's authorities and this system's.
    async fn called(url: String, system: TrustStore, attempts: u32) -> (Result<(), String>, bool) {
        let (amazon, others) = (over(TrustStore::empty().with_pem_certificate(AMAZON)), Arc::default());
        let either = Either { amazon, system: over(system), others: Arc::clone(&others) };
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("AKIDTEST", "testing", None, None, "tests"))
            .retry_config(RetryConfig::standard().with_max_attempts(attempts))
            .http_client(SharedHttpClient::new(either))
            .endpoint_url(url);
        let answer = Client::from_conf(config.build()).describe_regions().send().await;
        let answer = answer.map(drop).map_err(|error| DisplayErrorContext(error).to_string());
        (answer, others.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn the_systems_authorities_count_once_aws_presents_a_certificate_of_others() {
        let system = TrustStore::empty().with_pem_certificate(CERTIFICATE);
        assert_eq!(called(server(), system, 2).await, (Ok(()), true));
    }

    #[tokio::test]
    async fn a_certificate_of_nobody_is_refused_by_both() {
        let url = server();
        for attempts in [1, 2] {
            let (answer, others) =
                called(url.clone(), TrustStore::empty().with_pem_certificate(AMAZON), attempts).await;
            assert!(answer.is_err_and(|error| error.contains("UnknownIssuer")) && others);
        }
    }

    #[tokio::test]
    async fn what_is_no_certificate_at_all_does_not_change_whom_to_believe() {
        let (answer, others) = called("https://127.0.0.1:1".to_owned(), TrustStore::empty(), 1).await;
        assert!(answer.is_err() && !others);
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
