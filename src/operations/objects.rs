//! Stores, reads and deletes objects, and presigns URLs for them.

use super::buckets::authorize_bucket;
use super::{Context, Operation, Outcome, Target};
use crate::aws::s3::Download;
use crate::error::Error;
use crate::model::{Action, Bucket, Effect, Object, ObjectHeaders, ObjectKey, ObjectResponse, PresignedMethod, Region};

/// The bucket and the key of an object.
#[derive(Clone, Debug)]
pub struct ObjectName {
    /// The bucket's region.
    pub region: Region,
    /// The bucket.
    pub bucket: Bucket,
    /// The key.
    pub key: ObjectKey,
}

impl ObjectName {
    fn target(&self) -> Target {
        Target {
            bucket: Some(self.bucket.to_string()),
            key: Some(self.key.as_str().to_owned()),
            ..Target::region(&self.region)
        }
    }

    /// What was downloaded, or a URL to it if it is too large. The conditions are part of the URL.
    async fn or_url(
        &self,
        cx: &Context<'_>,
        download: Download,
        headers: &ObjectHeaders,
    ) -> Result<ObjectOrUrl, Error> {
        Ok(match download {
            Download::Object(object) => ObjectOrUrl::Object(object),
            Download::NotModified(headers) => ObjectOrUrl::NotModified(headers),
            Download::TooLarge => {
                let Self { region, bucket, key } = self;
                ObjectOrUrl::Url(cx.s3.presign(region, PresignedMethod::Get, bucket, key, headers).await?)
            }
        })
    }
}

/// Stores an object.
#[derive(Debug)]
pub struct PutObject {
    /// Its name.
    pub name: ObjectName,
    /// Its content.
    pub object: Object,
}

/// Reads an object.
#[derive(Debug)]
pub struct GetObject {
    /// Its name.
    pub name: ObjectName,
    /// Conditions and a range.
    pub headers: ObjectHeaders,
    /// The greatest size that is read, in bytes. A larger object gets a URL.
    pub max_size: usize,
}

/// Reads the headers of an object.
#[derive(Debug)]
pub struct HeadObject {
    /// Its name.
    pub name: ObjectName,
    /// Conditions and a range.
    pub headers: ObjectHeaders,
}

/// Deletes an object. Succeeds if the object does not exist.
#[derive(Debug)]
pub struct DeleteObject {
    /// Its name.
    pub name: ObjectName,
    /// Conditions.
    pub headers: ObjectHeaders,
}

/// Presigns a URL to get an object.
#[derive(Debug)]
pub struct PresignGetObject {
    /// Its name.
    pub name: ObjectName,
    /// Headers that the holder of the URL has to send.
    pub headers: ObjectHeaders,
}

/// Presigns a URL to put an object.
#[derive(Debug)]
pub struct PresignPutObject {
    /// Its name.
    pub name: ObjectName,
    /// Headers that the holder of the URL has to send.
    pub headers: ObjectHeaders,
}

/// An object that was read, or where to read it.
#[derive(Debug)]
pub enum ObjectOrUrl {
    /// The object, or its headers.
    Object(ObjectResponse),
    /// The caller has it already: the headers of that response.
    NotModified(ObjectHeaders),
    /// It is too large; a presigned URL.
    Url(String),
}

const PUT_OBJECT: Action = Action { name: "PutObject", effect: Effect::Write, iam: &["s3:PutObject"] };
const GET_OBJECT: Action = Action { name: "GetObject", effect: Effect::Read, iam: &["s3:GetObject", "s3:ListBucket"] };

impl Operation for PutObject {
    const ACTION: Action = PUT_OBJECT;
    type Output = ObjectHeaders;

    fn target(&self) -> Target {
        self.name.target()
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<ObjectHeaders>, Error> {
        let ObjectName { region, bucket, key } = &self.name;
        if let Some(dry_run) = authorize_bucket(Self::ACTION, cx, region, bucket)? {
            return Ok(Outcome::DryRun(dry_run));
        }
        let stored = cx.s3.put_object(region, bucket, key, &self.object).await?;
        Ok(Outcome::done(stored.value, stored.request_id))
    }
}

impl Operation for GetObject {
    const ACTION: Action = GET_OBJECT;
    type Output = ObjectOrUrl;

    fn target(&self) -> Target {
        self.name.target()
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<ObjectOrUrl>, Error> {
        let ObjectName { region, bucket, key } = &self.name;
        authorize_bucket(Self::ACTION, cx, region, bucket)?;
        let download = cx.s3.get_object(region, bucket, key, &self.headers, self.max_size).await?;
        Ok(Outcome::done(self.name.or_url(cx, download.value, &self.headers).await?, download.request_id))
    }
}

impl Operation for HeadObject {
    const ACTION: Action = GET_OBJECT;
    type Output = ObjectOrUrl;

    fn target(&self) -> Target {
        self.name.target()
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<ObjectOrUrl>, Error> {
        let ObjectName { region, bucket, key } = &self.name;
        authorize_bucket(Self::ACTION, cx, region, bucket)?;
        let download = cx.s3.head_object(region, bucket, key, &self.headers).await?;
        Ok(Outcome::done(self.name.or_url(cx, download.value, &self.headers).await?, download.request_id))
    }
}

impl Operation for DeleteObject {
    const ACTION: Action = Action { name: "DeleteObject", effect: Effect::Write, iam: &["s3:DeleteObject"] };
    type Output = ();

    fn target(&self) -> Target {
        self.name.target()
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<()>, Error> {
        let ObjectName { region, bucket, key } = &self.name;
        if let Some(dry_run) = authorize_bucket(Self::ACTION, cx, region, bucket)? {
            return Ok(Outcome::DryRun(dry_run));
        }
        let deleted = cx.s3.delete_object(region, bucket, key, &self.headers).await?;
        Ok(Outcome::done((), deleted.request_id))
    }
}

impl Operation for PresignGetObject {
    const ACTION: Action = GET_OBJECT;
    type Output = String;

    fn target(&self) -> Target {
        self.name.target()
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<String>, Error> {
        let ObjectName { region, bucket, key } = &self.name;
        authorize_bucket(Self::ACTION, cx, region, bucket)?;
        Ok(Outcome::done(cx.s3.presign(region, PresignedMethod::Get, bucket, key, &self.headers).await?, None))
    }
}

impl Operation for PresignPutObject {
    const ACTION: Action = PUT_OBJECT;
    type Output = String;

    fn target(&self) -> Target {
        self.name.target()
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<String>, Error> {
        let ObjectName { region, bucket, key } = &self.name;
        if let Some(dry_run) = authorize_bucket(Self::ACTION, cx, region, bucket)? {
            return Ok(Outcome::DryRun(dry_run));
        }
        Ok(Outcome::done(cx.s3.presign(region, PresignedMethod::Put, bucket, key, &self.headers).await?, None))
    }
}
