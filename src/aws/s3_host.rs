//! The host of a call to S3: a bucket's name becomes part of it, and some names lead elsewhere.

use super::connections::host_of;
use crate::model::Region;
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;

/// Fails a call whose host is not S3's own in the region, before the call is signed.
///
/// The SDK sends requests for buckets with some endings to access points, Outposts and directory
/// buckets. [`crate::model::Bucket`] refuses those that are known. This holds for a later SDK, too.
#[derive(Debug)]
pub(super) enum OwnHost {
    /// The host of an emulator, with its port.
    Emulator(String),
    /// The beginnings of S3's host names in a region.
    Service([String; 4]),
}

impl OwnHost {
    /// `endpoint` is the URL of an emulator.
    pub(super) fn new(region: &Region, endpoint: Option<&str>) -> Self {
        let name = |name: &str| format!("{name}.{region}.");
        match endpoint {
            Some(endpoint) => Self::Emulator(host_of(endpoint).to_owned()),
            None => Self::Service(["s3", "s3-fips", "s3.dualstack", "s3-fips.dualstack"].map(name)),
        }
    }

    fn allows(&self, host: &str) -> bool {
        let names = match self {
            Self::Emulator(emulator) => return host == emulator,
            Self::Service(names) => names,
        };
        let is_service = |host: &str| names.iter().any(|name| host.starts_with(name));
        // A bucket with a dot in its name is in the path.
        is_service(host) || host.split_once('.').is_some_and(|(_, rest)| is_service(rest))
    }
}

impl Intercept for OwnHost {
    fn name(&self) -> &'static str {
        "OwnHost"
    }

    fn read_before_signing(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let host = host_of(context.request().uri());
        if self.allows(host) { Ok(()) } else { Err(format!("{host} is not S3 in this region").into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::replay::{Replay, ok};

    #[test]
    fn host_of_s3_in_the_region_is_allowed_and_no_other() {
        let region = Region::parse("eu-west-1").unwrap();
        let own = OwnHost::new(&region, None);
        for host in [
            "s3.eu-west-1.amazonaws.com",
            "demo-a.s3.eu-west-1.amazonaws.com",
            "demo-a.s3-fips.dualstack.eu-west-1.amazonaws.com",
            "s3.dualstack.eu-west-1.api.aws",
        ] {
            assert!(own.allows(host), "{host}");
        }
        for host in [
            "s3.amazonaws.com",
            "demo-a.s3.us-east-1.amazonaws.com",
            "a.b.s3.eu-west-1.amazonaws.com",
            "demo-a--euw1-az1--x-s3.s3express-euw1-az1.eu-west-1.amazonaws.com",
            "demo-a.s3-accesspoint.eu-west-1.amazonaws.com",
            "demo-a.op-1.s3-outposts.eu-west-1.amazonaws.com",
            "demo-a.accesspoint.s3-global.amazonaws.com",
            "evil.example",
            "",
        ] {
            assert!(!own.allows(host), "{host}");
        }
        let emulator = OwnHost::new(&region, Some("http://127.0.0.1:5000/"));
        assert!(emulator.allows("127.0.0.1:5000") && !emulator.allows("s3.eu-west-1.amazonaws.com"));
    }

    #[tokio::test]
    async fn bucket_that_leads_to_another_host_is_not_called() {
        let region = Region::parse("us-east-1").unwrap();
        for (bucket, called) in [
            ("demo-a", true),
            ("demo-a--use1-az4--x-s3", false),
            ("demo-a--use1-az4--xa-s3", false),
            ("demo-accessp-o0b1d075431d83bebde8xz5w8ijx1qzlbp3i3kuse10--op-s3", false),
        ] {
            let replay = Replay::new([ok("")]);
            let (_, s3) = replay.clients();
            let client = s3.client(&region);
            let sent = client.head_bucket().bucket(bucket).send().await;
            let _failed = client.get_object().bucket(bucket).key("k").send().await;
            assert_eq!(sent.is_ok(), called, "{bucket}: {sent:?}");
            assert_eq!(replay.requests().is_empty(), !called, "{bucket}");
        }
    }
}
