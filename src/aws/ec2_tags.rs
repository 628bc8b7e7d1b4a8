//! Calls to EC2 that set and remove tags.

use super::ambiguity::AmbiguousOutcome;
use super::ec2::{Ec2, Result, sdk_tag, set, texts};
use super::sdk::{AwsOutput, to_error};
use crate::model::{InstanceId, Region, Tag};
use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::types as sdk;

impl Ec2 {
    /// Sets tags on instances, over tags of the same keys.
    ///
    /// # Errors
    /// Those of [`Ec2::start_instances`].
    pub async fn create_tags(&self, region: &Region, ids: &[InstanceId], tags: &[Tag], dry_run: bool) -> Result<()> {
        let tags = Some(tags.iter().map(sdk_tag).collect());
        let outcome = AmbiguousOutcome::default();
        let call = self.client(region).create_tags().set_resources(texts(ids)).set_tags(tags);
        let sent = call.set_dry_run(set(dry_run)).customize().interceptor(outcome.clone()).send().await;
        let output = sent.map_err(|error| outcome.mark(to_error("ec2:CreateTags", &error)))?;
        Ok(AwsOutput { request_id: output.request_id().map(str::to_owned), value: () })
    }

    /// Removes the tag with this key, whatever its value. Instances without it stay as they are.
    ///
    /// # Errors
    /// Those of [`Ec2::start_instances`].
    pub async fn delete_tag(&self, region: &Region, ids: &[InstanceId], key: &str, dry_run: bool) -> Result<()> {
        let outcome = AmbiguousOutcome::default();
        let call = self.client(region).delete_tags().set_resources(texts(ids));
        let call = call.tags(sdk::Tag::builder().key(key).build()).set_dry_run(set(dry_run));
        let sent = call.customize().interceptor(outcome.clone()).send().await;
        let output = sent.map_err(|error| outcome.mark(to_error("ec2:DeleteTags", &error)))?;
        Ok(AwsOutput { request_id: output.request_id().map(str::to_owned), value: () })
    }
}
