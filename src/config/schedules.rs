//! Where a deployment's schedules are kept, and what they call.

use crate::model::{AccountId, Region};

/// The schedule group of the deployment, and what its schedules call.
#[derive(Debug, PartialEq, Eq)]
pub struct Schedules {
    /// The name of the schedule group.
    pub group: String,
    /// The region of the group: that of the target.
    pub region: Region,
    /// The account of the group: that of the target, so the function's own.
    pub account: AccountId,
    /// The ARN of the role with which Scheduler calls the target.
    pub role: String,
    /// The ARN of the function that carries schedules out.
    pub target: String,
    /// The ARN of the queue for what can't be handed over.
    pub queue: Option<String>,
    /// The greatest number of schedules of one caller.
    pub max: usize,
}

impl Schedules {
    /// Checks the name of a schedule group
    /// (<https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateScheduleGroup.html>).
    pub(super) fn is_group(text: &str) -> bool {
        let valid = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        (1..=64).contains(&text.len()) && text.bytes().all(valid)
    }

    /// Whether the text is an ARN of this service
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>).
    pub(super) fn is_arn(text: &str, service: &str) -> bool {
        let parts: Vec<_> = text.splitn(6, ':').collect();
        let [arn, partition, of, _, account, resource] = parts.as_slice() else { return false };
        let resource_ok = !resource.is_empty() && resource.bytes().all(|b| b.is_ascii_graphic());
        *arn == "arn" && !partition.is_empty() && *of == service && AccountId::parse(account).is_some() && resource_ok
    }

    /// The region and the account in the ARN of a Lambda function.
    pub(super) fn place(target: &str) -> Option<(Region, AccountId)> {
        if !Self::is_arn(target, "lambda") {
            return None;
        }
        Some((Region::parse(target.split(':').nth(3)?)?, AccountId::of_arn(target)?))
    }
}
