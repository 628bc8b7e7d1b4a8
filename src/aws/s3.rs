//! Calls to S3: one method for each operation.

use super::ambiguity::AmbiguousOutcome;
use super::call_stats::{CallInterceptor, start_timer};
use super::connections::sent_once;
use super::header_relay::HeaderRelay;
use super::s3_errors::to_s3_error;
use super::s3_host::OwnHost;
use super::sdk::{AwsOutput, Clients, to_offset_date_time};
use crate::error::{Error, Kind};
use crate::model::{
    Bucket, BucketInfo, CHECKSUM_HEADERS, Object, ObjectHeaders, ObjectInfo, ObjectKey, ObjectPage, ObjectQuery,
    ObjectResponse, PresignedMethod, Region,
};
use aws_config::SdkConfig;
use aws_sdk_s3::config::RequestChecksumCalculation;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::RequestId;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use std::time::Duration;

/// The lifetime of a presigned URL. It ends earlier if the role's credentials do.
pub const PRESIGNED_FOR: Duration = Duration::from_secs(900);

/// The region whose CreateBucket takes no location, and succeeds for a bucket that the account has.
const US_EAST_1: &str = "us-east-1";

/// S3 in every region.
pub struct S3 {
    config: SdkConfig,
    endpoint: Option<String>,
    clients: Clients<aws_sdk_s3::Client>,
}

type Result<T> = std::result::Result<AwsOutput<T>, Error>;

/// The result of a download.
pub enum Download {
    /// The object, or the range of it that was asked for.
    Object(ObjectResponse),
    /// The caller has it already, by a condition of the request.
    NotModified(ObjectHeaders),
    /// The object is larger than the given limit; it was not read.
    TooLarge,
}

impl S3 {
    /// `config` has credentials, timeouts and retries; its region is not used. `endpoint` is the
    /// URL of an emulator.
    pub fn new(config: SdkConfig, endpoint: Option<String>) -> Self {
        Self { config, endpoint, clients: Clients::default() }
    }

    pub(super) fn client(&self, region: &Region) -> aws_sdk_s3::Client {
        self.clients.get(region, |sdk_region| {
            let mut config = aws_sdk_s3::config::Builder::from(&self.config);
            config.set_endpoint_url(self.endpoint.clone());
            // An emulator has one host name for all buckets.
            config.set_force_path_style(Some(self.endpoint.is_some()));
            // Sessions are for directory buckets, which are refused.
            config.set_disable_s3_express_session_auth(Some(true));
            let own_host = OwnHost::new(region, self.endpoint.as_deref());
            let config = config.region(sdk_region).interceptor(CallInterceptor).interceptor(own_host);
            aws_sdk_s3::Client::from_conf(config.build())
        })
    }

    /// Lists the account's buckets whose names begin with `prefix`.
    ///
    /// # Errors
    /// S3's refusal, or no usable response.
    pub async fn list_buckets(&self, region: &Region, prefix: &str) -> Result<Vec<BucketInfo>> {
        let client = self.client(region);
        let (mut buckets, mut token) = (Vec::new(), None);
        loop {
            let sent = client.list_buckets().prefix(prefix).set_continuation_token(token).send().await;
            let output = sent.map_err(|error| to_s3_error("s3:ListAllMyBuckets", region, &error))?;
            let request_id = output.request_id().map(str::to_owned);
            for bucket in output.buckets.unwrap_or_default() {
                let name = bucket.name.unwrap_or_default();
                if name.starts_with(prefix) {
                    buckets
                        .push(BucketInfo { name, creation_date: bucket.creation_date.and_then(to_offset_date_time) });
                }
            }
            token = output.continuation_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(AwsOutput { value: buckets, request_id });
            }
        }
    }

    /// Creates a bucket in the region.
    ///
    /// # Errors
    /// [`Kind::Conflict`] when the name is taken, by this account too; S3's refusal, or no usable
    /// response.
    pub async fn create_bucket(&self, region: &Region, bucket: &Bucket) -> Result<()> {
        let client = self.client(region);
        let mut call = client.create_bucket().bucket(bucket.as_str());
        if region.as_str() == US_EAST_1 {
            // Only here S3 answers 200 for a bucket that the account has.
            // https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
            if client.head_bucket().bucket(bucket.as_str()).send().await.is_ok() {
                let message = format!("The bucket {bucket} exists already");
                return Err(Error { by_aws: true, ..Error::new(Kind::Conflict, "BucketAlreadyOwnedByYou", message) });
            }
        } else {
            let location = BucketLocationConstraint::from(region.as_str());
            call = call.create_bucket_configuration(
                CreateBucketConfiguration::builder().location_constraint(location).build(),
            );
        }
        let outcome = AmbiguousOutcome::default();
        let call = call.customize().interceptor(outcome.clone()).config_override(once());
        let sent = sent_once(call.send()).await;
        let output = sent.map_err(|error| outcome.mark(to_s3_error("s3:CreateBucket", region, &error)))?;
        Ok(AwsOutput { request_id: output.request_id().map(str::to_owned), value: () })
    }

    /// Deletes an empty bucket.
    ///
    /// # Errors
    /// S3's refusal, or no usable response.
    pub async fn delete_bucket(&self, region: &Region, bucket: &Bucket) -> Result<()> {
        let call = self.client(region).delete_bucket().bucket(bucket.as_str());
        let outcome = AmbiguousOutcome::default();
        let call = call.customize().interceptor(outcome.clone()).config_override(once());
        let sent = sent_once(call.send()).await;
        let output = sent.map_err(|error| outcome.mark(to_s3_error("s3:DeleteBucket", region, &error)))?;
        Ok(AwsOutput { request_id: output.request_id().map(str::to_owned), value: () })
    }

    /// Lists one page of objects.
    ///
    /// # Errors
    /// S3's refusal, or no usable response.
    pub async fn list_objects(&self, region: &Region, query: &ObjectQuery) -> Result<ObjectPage> {
        let sent = self
            .client(region)
            .list_objects_v2()
            .bucket(query.bucket.as_str())
            .set_prefix(query.prefix.clone())
            .set_max_keys(query.max_results.and_then(|max| i32::try_from(max).ok()))
            .set_continuation_token(query.next_token.clone())
            .send()
            .await;
        let output = sent.map_err(|error| to_s3_error("s3:ListBucket", region, &error))?;
        let request_id = output.request_id().map(str::to_owned);
        let object = |object: aws_sdk_s3::types::Object| ObjectInfo {
            key: object.key.unwrap_or_default(),
            size: object.size,
            last_modified: object.last_modified.and_then(to_offset_date_time),
        };
        let objects = output.contents.unwrap_or_default().into_iter().map(object).collect();
        let next_token = output.next_continuation_token.filter(|token| !token.is_empty());
        Ok(AwsOutput { value: ObjectPage { objects, next_token }, request_id })
    }

    /// Stores an object, over an object of the same key unless a condition forbids it. Returns the
    /// headers of the response.
    ///
    /// # Errors
    /// S3's refusal, or no usable response.
    pub async fn put_object(
        &self,
        region: &Region,
        bucket: &Bucket,
        key: &ObjectKey,
        object: &Object,
    ) -> Result<ObjectHeaders> {
        let (outcome, relay) = (AmbiguousOutcome::default(), HeaderRelay::new(object.headers.clone()));
        let mut config = aws_sdk_s3::config::Builder::new();
        if object.headers.iter().any(|(name, _)| CHECKSUM_HEADERS.contains(name)) {
            // S3 takes one checksum: the caller's instead of the SDK's.
            config = config.request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
        }
        let sent = self
            .client(region)
            .put_object()
            .bucket(bucket.as_str())
            .key(key.as_str())
            .set_content_type(object.content_type.clone())
            .body(ByteStream::from(object.content.clone()))
            .customize()
            .config_override(config)
            .interceptor(outcome.clone())
            .interceptor(relay.clone())
            .send()
            .await;
        let output = sent.map_err(|error| outcome.mark(to_s3_error("s3:PutObject", region, &error)))?;
        Ok(AwsOutput { request_id: output.request_id().map(str::to_owned), value: relay.received().1 })
    }

    /// Reads an object of at most `max_size` bytes. `headers` are conditions and a range.
    ///
    /// # Errors
    /// S3's refusal, or no usable response.
    pub async fn get_object(
        &self,
        region: &Region,
        bucket: &Bucket,
        key: &ObjectKey,
        headers: &ObjectHeaders,
        max_size: usize,
    ) -> Result<Download> {
        let action = "s3:GetObject";
        let relay = HeaderRelay::new(headers.clone());
        let call = self.client(region).get_object().bucket(bucket.as_str()).key(key.as_str());
        let sent = call.customize().interceptor(relay.clone()).send().await;
        let (status, headers) = relay.received();
        let output = match sent {
            Err(error) if is_not_modified(&error) => {
                let request_id = error.request_id().map(str::to_owned);
                return Ok(AwsOutput { value: Download::NotModified(headers), request_id });
            }
            sent => sent.map_err(|error| to_s3_error(action, region, &error))?,
        };
        let request_id = output.request_id().map(str::to_owned);
        let length = output.content_length.and_then(|length| usize::try_from(length).ok());
        if length.is_none_or(|length| length > max_size) {
            return Ok(AwsOutput { value: Download::TooLarge, request_id });
        }
        let _timer = start_timer(); // for the SDK, the call ends where the body begins
        let content = output.body.collect().await.map_err(|error| {
            let message = format!("AWS's answer to {action} did not arrive whole");
            let error = Error::new(Kind::Unreachable, "IncompleteAnswer", message).caused_by(error.to_string());
            Error { by_aws: true, aws_request_id: request_id.clone(), ..error }
        })?;
        let object = ObjectResponse { status, headers, content: content.to_vec() };
        Ok(AwsOutput { value: Download::Object(object), request_id })
    }

    /// Reads the headers of an object, of any size. `headers` are conditions and a range.
    ///
    /// # Errors
    /// S3's refusal, or no usable response.
    pub async fn head_object(
        &self,
        region: &Region,
        bucket: &Bucket,
        key: &ObjectKey,
        headers: &ObjectHeaders,
    ) -> Result<Download> {
        let relay = HeaderRelay::new(headers.clone());
        let call = self.client(region).head_object().bucket(bucket.as_str()).key(key.as_str());
        let sent = call.customize().interceptor(relay.clone()).send().await;
        let (status, headers) = relay.received();
        match sent {
            Err(error) if is_not_modified(&error) => {
                let request_id = error.request_id().map(str::to_owned);
                Ok(AwsOutput { value: Download::NotModified(headers), request_id })
            }
            Err(error) => Err(to_s3_error("s3:GetObject", region, &error)),
            Ok(output) => {
                let object = ObjectResponse { status, headers, content: Vec::new() };
                let request_id = output.request_id().map(str::to_owned);
                Ok(AwsOutput { value: Download::Object(object), request_id })
            }
        }
    }

    /// Deletes an object, if the conditions in `headers` hold. Succeeds if the object does not
    /// exist.
    ///
    /// # Errors
    /// S3's refusal, or no usable response.
    pub async fn delete_object(
        &self,
        region: &Region,
        bucket: &Bucket,
        key: &ObjectKey,
        headers: &ObjectHeaders,
    ) -> Result<()> {
        let (outcome, relay) = (AmbiguousOutcome::default(), HeaderRelay::new(headers.clone()));
        let call = self.client(region).delete_object().bucket(bucket.as_str()).key(key.as_str());
        let sent = call.customize().interceptor(outcome.clone()).interceptor(relay).send().await;
        let output = sent.map_err(|error| outcome.mark(to_s3_error("s3:DeleteObject", region, &error)))?;
        Ok(AwsOutput { request_id: output.request_id().map(str::to_owned), value: () })
    }

    /// Presigns a URL whose holder may put or get the object for [`PRESIGNED_FOR`]. The headers are
    /// part of the signature: who uses the URL has to send them. Calls nothing.
    ///
    /// # Errors
    /// There are no credentials.
    pub async fn presign(
        &self,
        region: &Region,
        method: PresignedMethod,
        bucket: &Bucket,
        key: &ObjectKey,
        headers: &ObjectHeaders,
    ) -> std::result::Result<String, Error> {
        let client = self.client(region);
        let relay = HeaderRelay::new(headers.clone());
        let expiry = PresigningConfig::expires_in(PRESIGNED_FOR).map_err(|error| Error::internal(error.to_string()))?;
        let request = match method {
            PresignedMethod::Get => {
                let call = client.get_object().bucket(bucket.as_str()).key(key.as_str());
                let presigned = call.customize().interceptor(relay).presigned(expiry).await;
                presigned.map_err(|error| to_s3_error("s3:GetObject", region, &error))?
            }
            PresignedMethod::Put => {
                let call = client.put_object().bucket(bucket.as_str()).key(key.as_str());
                let presigned = call.customize().interceptor(relay).presigned(expiry).await;
                presigned.map_err(|error| to_s3_error("s3:PutObject", region, &error))?
            }
        };
        Ok(request.uri().to_owned())
    }
}

/// Whether S3 answered 304: to the SDK that is an error.
fn is_not_modified<E>(error: &SdkError<E>) -> bool {
    error.raw_response().is_some_and(|response| response.status().as_u16() == 304)
}

/// One attempt only. After a lost response, a second attempt to create a bucket would find it
/// taken, and a second attempt to delete it would not find it.
fn once() -> aws_sdk_s3::config::Builder {
    aws_sdk_s3::config::Builder::new().retry_config(RetryConfig::disabled())
}
