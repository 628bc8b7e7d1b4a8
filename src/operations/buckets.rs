//! Lists, creates and deletes buckets.

use super::{Context, DryRun, Operation, Outcome, Target};
use crate::authz::Resource;
use crate::error::Error;
use crate::model::{Action, Bucket, BucketInfo, Effect, Region};

/// Lists the buckets of the deployment's prefix that the caller can see.
#[derive(Debug)]
pub struct ListBuckets {
    /// The region of the endpoint that is asked.
    pub region: Region,
    /// The deployment's prefix.
    pub prefix: String,
}

impl Operation for ListBuckets {
    const ACTION: Action = Action { name: "ListBuckets", effect: Effect::Read, iam: &["s3:ListAllMyBuckets"] };
    type Output = Vec<BucketInfo>;

    fn target(&self) -> Target {
        Target::region(&self.region)
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let authorizer = cx.authorizer(Self::ACTION, &self.region);
        cx.decide(|decision| authorizer.list(decision))?;
        let mut buckets = cx.s3.list_buckets(&self.region, &self.prefix).await?;
        buckets.value.retain(|bucket| authorizer.can_see(Resource::Bucket(&bucket.name)));
        Ok(Outcome::done(buckets.value, buckets.request_id))
    }
}

/// Creates a bucket.
#[derive(Debug)]
pub struct CreateBucket {
    /// Its region.
    pub region: Region,
    /// Its name.
    pub bucket: Bucket,
}

impl Operation for CreateBucket {
    const ACTION: Action =
        Action { name: "CreateBucket", effect: Effect::Write, iam: &["s3:CreateBucket", "s3:ListBucket"] };
    type Output = ();

    fn target(&self) -> Target {
        bucket_target(&self.region, &self.bucket)
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<()>, Error> {
        if let Some(dry_run) = authorize_bucket(Self::ACTION, cx, &self.region, &self.bucket)? {
            return Ok(Outcome::DryRun(dry_run));
        }
        let created = cx.s3.create_bucket(&self.region, &self.bucket).await?;
        Ok(Outcome::done((), created.request_id))
    }
}

/// Deletes an empty bucket.
#[derive(Debug)]
pub struct DeleteBucket {
    /// Its region.
    pub region: Region,
    /// Its name.
    pub bucket: Bucket,
}

impl Operation for DeleteBucket {
    const ACTION: Action = Action { name: "DeleteBucket", effect: Effect::Write, iam: &["s3:DeleteBucket"] };
    type Output = ();

    fn target(&self) -> Target {
        bucket_target(&self.region, &self.bucket)
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<()>, Error> {
        if let Some(dry_run) = authorize_bucket(Self::ACTION, cx, &self.region, &self.bucket)? {
            return Ok(Outcome::DryRun(dry_run));
        }
        let deleted = cx.s3.delete_bucket(&self.region, &self.bucket).await?;
        Ok(Outcome::done((), deleted.request_id))
    }
}

fn bucket_target(region: &Region, bucket: &Bucket) -> Target {
    Target { bucket: Some(bucket.to_string()), ..Target::region(region) }
}

/// Authorizes an action on a bucket, or on an object in it. The result is the outcome of a dry run,
/// if the caller asks for one: S3 has none.
pub(super) fn authorize_bucket(
    action: Action,
    cx: &Context<'_>,
    region: &Region,
    bucket: &Bucket,
) -> Result<Option<DryRun>, Error> {
    let authorizer = cx.authorizer(action, region);
    cx.decide(|decision| authorizer.bucket(bucket.as_str(), decision))?;
    Ok(cx.dry_run.then_some(DryRun { action, checked_by_aws: false, aws_request_id: None }))
}
