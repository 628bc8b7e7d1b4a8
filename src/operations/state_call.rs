//! One EC2 call that changes the state of several instances, and what becomes of each.

use super::Context;
use crate::aws::sdk::AwsOutput;
use crate::error::Error;
use crate::model::InstanceId;
use std::collections::HashSet;

/// What became of one instance of a change.
#[derive(Debug)]
pub struct InstanceResult<T> {
    /// The instance's ID; the name that the caller gave, if it stands for no instance.
    pub instance: String,
    /// The change, or `None` in a dry run that would succeed; or why it was not changed, which is
    /// possible only where what can be done is done.
    pub change: Result<Option<T>, Error>,
}

/// A change of the state of instances: one EC2 call for several.
pub(super) trait StateCall: Sync {
    /// What EC2 answers for each instance.
    type Item: Send;
    /// Whether EC2 may change some of the instances although it refuses the call.
    const CHANGES_SOME: bool = false;

    /// Whether a success changes the state of instances, for the log.
    const IS_CHANGE: bool = true;

    /// Sends the call. The output is in the order of `ids`.
    fn send(
        &self,
        cx: &Context<'_>,
        ids: &[InstanceId],
    ) -> impl Future<Output = Result<AwsOutput<Vec<Self::Item>>, Error>> + Send;
}

/// Those of the instances that EC2's error names.
pub(super) fn ids_in_message(ids: &[InstanceId], error: &Error) -> Vec<InstanceId> {
    let words = error.message.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let words: HashSet<_> = words.collect();
    ids.iter().filter(|id| words.contains(id.as_str())).cloned().collect()
}
