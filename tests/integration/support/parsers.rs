//! The XML of DescribeInstances by both parsers: that of lists, and the SDK's.

use super::REGION;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use ec2_control_api::aws::ec2::Ec2;
use ec2_control_api::error::Error;
use ec2_control_api::model::{InstanceQuery, Page, Region};

/// Answers every call with this body.
#[derive(Clone, Debug)]
struct Body(String);

impl HttpConnector for Body {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let status = 200.try_into().unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(self.0.clone()))))
    }
}

/// Asserts that both parsers give the same page, or the same error.
pub(super) async fn assert_parsers_agree(body: &str) {
    let answer = Body(body.to_owned());
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("AKIDTEST", "-", None, None, "-")))
        .http_client(http_client_fn(move |_, _| SharedHttpConnector::new(answer.clone())))
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    let ec2 = Ec2::new(sdk, None);
    let (of_lists, of_the_sdk) = (page(&ec2, false).await, page(&ec2, true).await);
    match (&of_lists, &of_the_sdk) {
        (Ok(of_lists), Ok(of_the_sdk)) => assert_eq!(of_lists, of_the_sdk, "{body}"),
        (Err(of_lists), Err(of_the_sdk)) => assert_eq!(of_lists.message, of_the_sdk.message, "{body}"),
        _ => panic!("{of_lists:?}, but {of_the_sdk:?}: {body}"),
    }
}

async fn page(ec2: &Ec2, details: bool) -> Result<Page, Error> {
    let query = InstanceQuery { details, ..InstanceQuery::default() };
    let mut page = ec2.describe_instances(&Region::parse(REGION).unwrap(), &query).await?.value;
    for instance in page.reservations.iter_mut().flat_map(|reservation| &mut reservation.instances) {
        assert_eq!(instance.details.is_some(), details);
        instance.details = None;
    }
    Ok(page)
}
