//! The only file that names `aws_sdk_s3`: our types in, one S3 call, our types out.

use super::{Bucket, BucketInfo, Object, ObjectInfo, ObjectKey, ObjectPage, ObjectQuery, PresignedMethod};
use crate::ec2::Region;
use crate::error::{Error, Kind};
use crate::sdk::{Answer, Clients, Doubt, failure, moment};
use crate::trace::{Watch, waiting};
use aws_config::SdkConfig;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::operation::RequestId;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use std::time::Duration;

/// How long a presigned URL is good. The role's own credentials may end it earlier.
pub const PRESIGNED_FOR: Duration = Duration::from_secs(900);

/// The region whose CreateBucket takes no location, and succeeds again for a bucket that the account has already.
const US_EAST_1: &str = "us-east-1";

/// S3 in every region.
pub struct S3 {
    config: SdkConfig,
    endpoint: Option<String>,
    clients: Clients<aws_sdk_s3::Client>,
}

type Result<T> = std::result::Result<Answer<T>, Error>;

/// What a download turned out to be.
pub enum Download {
    /// The object.
    Object(Object),
    /// An object that is larger than asked for; nothing of it was read.
    TooLarge,
}

impl S3 {
    /// `config` has credentials, timeouts and retries; its region is not used. `endpoint` is an emulator's address.
    pub fn new(config: SdkConfig, endpoint: Option<String>) -> Self {
        Self { config, endpoint, clients: Clients::default() }
    }

    fn client(&self, region: &Region) -> aws_sdk_s3::Client {
        self.clients.of(region, |region| {
            let mut config = aws_sdk_s3::config::Builder::from(&self.config);
            config.set_endpoint_url(self.endpoint.clone());
            // An emulator has one host name for all buckets.
            config.set_force_path_style(Some(self.endpoint.is_some()));
            aws_sdk_s3::Client::from_conf(config.region(region).interceptor(Watch).build())
        })
    }

    /// Lists the account's buckets whose names begin with `prefix`.
    ///
    /// # Errors
    /// What S3 refuses, or that it can't be reached.
    pub async fn list_buckets(&self, region: &Region, prefix: &str) -> Result<Vec<BucketInfo>> {
        let client = self.client(region);
        let (mut buckets, mut token) = (Vec::new(), None);
        loop {
            let sent = client.list_buckets().prefix(prefix).set_continuation_token(token).send().await;
            let output = sent.map_err(|error| failure("s3:ListAllMyBuckets", &error))?;
            let request_id = output.request_id().map(str::to_owned);
            for bucket in output.buckets.unwrap_or_default() {
                let name = bucket.name.unwrap_or_default();
                if name.starts_with(prefix) {
                    buckets.push(BucketInfo { name, creation_date: bucket.creation_date.and_then(moment) });
                }
            }
            token = output.continuation_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(Answer { value: buckets, request_id });
            }
        }
    }

    /// Creates a bucket in the region.
    ///
    /// # Errors
    /// [`Kind::Conflict`] when the name is taken, by this account too; what S3 refuses, or that it can't be reached.
    pub async fn create_bucket(&self, region: &Region, bucket: &Bucket) -> Result<()> {
        let client = self.client(region);
        let mut call = client.create_bucket().bucket(bucket.as_str());
        if region.as_str() == US_EAST_1 {
            // Here alone S3 answers 200 for a bucket that the account has already, for the sake of old clients.
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
        let doubt = Doubt::default();
        let sent = call.customize().interceptor(doubt.clone()).config_override(once()).send().await;
        let output = sent.map_err(|error| doubt.about(failure("s3:CreateBucket", &error)))?;
        Ok(Answer { request_id: output.request_id().map(str::to_owned), value: () })
    }

    /// Deletes an empty bucket.
    ///
    /// # Errors
    /// What S3 refuses, or that it can't be reached.
    pub async fn delete_bucket(&self, region: &Region, bucket: &Bucket) -> Result<()> {
        let call = self.client(region).delete_bucket().bucket(bucket.as_str());
        let doubt = Doubt::default();
        let sent = call.customize().interceptor(doubt.clone()).config_override(once()).send().await;
        let output = sent.map_err(|error| doubt.about(failure("s3:DeleteBucket", &error)))?;
        Ok(Answer { request_id: output.request_id().map(str::to_owned), value: () })
    }

    /// Lists objects: one page.
    ///
    /// # Errors
    /// What S3 refuses, or that it can't be reached.
    pub async fn list_objects(&self, region: &Region, query: &ObjectQuery) -> Result<ObjectPage> {
        let sent = self
            .client(region)
            .list_objects_v2()
            .bucket(query.bucket.as_str())
            .set_prefix(query.prefix.clone())
            .set_max_keys(query.max_results.and_then(|it| i32::try_from(it).ok()))
            .set_continuation_token(query.next_token.clone())
            .send()
            .await;
        let output = sent.map_err(|error| failure("s3:ListBucket", &error))?;
        let request_id = output.request_id().map(str::to_owned);
        let object = |it: aws_sdk_s3::types::Object| ObjectInfo {
            key: it.key.unwrap_or_default(),
            size: it.size,
            last_modified: it.last_modified.and_then(moment),
        };
        let objects = output.contents.unwrap_or_default().into_iter().map(object).collect();
        Ok(Answer { value: ObjectPage { objects, next_token: output.next_continuation_token }, request_id })
    }

    /// Stores an object, over one of the same key.
    ///
    /// # Errors
    /// What S3 refuses, or that it can't be reached.
    pub async fn put_object(&self, region: &Region, bucket: &Bucket, key: &ObjectKey, object: &Object) -> Result<()> {
        let doubt = Doubt::default();
        let sent = self
            .client(region)
            .put_object()
            .bucket(bucket.as_str())
            .key(key.as_str())
            .set_content_type(object.content_type.clone())
            .body(ByteStream::from(object.content.clone()))
            .customize()
            .interceptor(doubt.clone())
            .send()
            .await;
        let output = sent.map_err(|error| doubt.about(failure("s3:PutObject", &error)))?;
        Ok(Answer { request_id: output.request_id().map(str::to_owned), value: () })
    }

    /// Reads an object of at most `largest` bytes.
    ///
    /// # Errors
    /// What S3 refuses, or that it can't be reached.
    pub async fn get_object(
        &self,
        region: &Region,
        bucket: &Bucket,
        key: &ObjectKey,
        largest: usize,
    ) -> Result<Download> {
        let action = "s3:GetObject";
        let sent = self.client(region).get_object().bucket(bucket.as_str()).key(key.as_str()).send().await;
        let output = sent.map_err(|error| failure(action, &error))?;
        let request_id = output.request_id().map(str::to_owned);
        let length = output.content_length.and_then(|length| usize::try_from(length).ok());
        if length.is_none_or(|length| length > largest) {
            return Ok(Answer { value: Download::TooLarge, request_id });
        }
        let _waiting = waiting(); // the call as the SDK sees it ends where the body begins
        let content = output.body.collect().await.map_err(|error| {
            let message = format!("AWS's answer to {action} did not arrive whole");
            let error = Error::new(Kind::Unreachable, "IncompleteAnswer", message).caused_by(error.to_string());
            Error { by_aws: true, aws_request_id: request_id.clone(), ..error }
        })?;
        let object = Object { content: content.to_vec(), content_type: output.content_type, etag: output.e_tag };
        Ok(Answer { value: Download::Object(object), request_id })
    }

    /// Deletes an object, whether there is one or not.
    ///
    /// # Errors
    /// What S3 refuses, or that it can't be reached.
    pub async fn delete_object(&self, region: &Region, bucket: &Bucket, key: &ObjectKey) -> Result<()> {
        let doubt = Doubt::default();
        let call = self.client(region).delete_object().bucket(bucket.as_str()).key(key.as_str());
        let sent = call.customize().interceptor(doubt.clone()).send().await;
        let output = sent.map_err(|error| doubt.about(failure("s3:DeleteObject", &error)))?;
        Ok(Answer { request_id: output.request_id().map(str::to_owned), value: () })
    }

    /// Makes a URL by which its holder may put or get the object for [`PRESIGNED_FOR`]. S3 is not asked.
    ///
    /// # Errors
    /// There are no credentials to sign with.
    pub async fn presign(
        &self,
        region: &Region,
        method: PresignedMethod,
        bucket: &Bucket,
        key: &ObjectKey,
    ) -> std::result::Result<String, Error> {
        let client = self.client(region);
        let expiry = PresigningConfig::expires_in(PRESIGNED_FOR).map_err(|error| Error::internal(error.to_string()))?;
        let request = match method {
            PresignedMethod::Get => {
                let call = client.get_object().bucket(bucket.as_str()).key(key.as_str());
                call.presigned(expiry).await.map_err(|error| failure("s3:GetObject", &error))?
            }
            PresignedMethod::Put => {
                let call = client.put_object().bucket(bucket.as_str()).key(key.as_str());
                call.presigned(expiry).await.map_err(|error| failure("s3:PutObject", &error))?
            }
        };
        Ok(request.uri().to_owned())
    }
}

/// One attempt only: what answers differently the second time must not be repeated behind the caller's back. A bucket whose
/// creation was not answered would be "taken" at the next attempt, and one that was deleted "not there".
fn once() -> aws_sdk_s3::config::Builder {
    aws_sdk_s3::config::Builder::new().retry_config(RetryConfig::disabled())
}
