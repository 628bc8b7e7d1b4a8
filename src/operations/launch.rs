//! RunInstances, once: a launch whose response was lost is looked for by its client token.

use super::wait::{Goal, wait_for};
use super::{Completed, Context, Operation, Outcome, Target, dry_run_outcome, within};
use crate::auth::Caller;
use crate::authz::OWNER_TAG;
use crate::error::{Error, Kind};
use crate::model::{
    Action, Effect, Filter, Instance, InstanceId, InstanceQuery, Launch, MAX_TAG_VALUE_LEN, Region, SecurityGroupId,
    Tag, non_empty,
};
use std::time::Duration;
use tokio::time::Instant;

/// The prefix of the tags that this function sets. Callers can't set such tags.
pub const OWN_TAGS: &str = "ec2-control-api:";

/// The tag with the client token of the launch.
const REQUEST_TAG: &str = "ec2-control-api:request";

/// Launches instances.
#[derive(Debug)]
pub struct RunInstances {
    /// Their region.
    pub region: Region,
    /// The launch as the caller asks for it.
    pub launch: Launch,
}

impl Operation for RunInstances {
    const ACTION: Action = Action {
        name: "RunInstances",
        effect: Effect::Write,
        iam: &[
            "ec2:RunInstances",
            "ec2:CreateTags",
            "ec2:DescribeInstances",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeVpcs",
            "ssm:GetParameters",
        ],
    };
    const IS_IDEMPOTENT_BY_KEY: bool = true;
    type Output = Vec<Instance>;

    fn target(&self) -> Target {
        Target {
            image_id: Some(self.launch.image_id.to_string()),
            instance_type: Some(self.launch.instance_type.to_string()),
            max_count: Some(self.launch.max_count),
            ..Target::region(&self.region)
        }
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let authorizer = cx.authorizer(Self::ACTION, &self.region);
        cx.decide(|decision| authorizer.launch_limits(&self.launch, decision))?;
        cx.decide(|decision| authorizer.possible("a launch like this", decision))?;
        let launch = match cx.policies {
            Some(_) => with_group_ids(cx, &self.region, &self.launch).await?,
            None => self.launch.clone(),
        };
        cx.decide(|decision| authorizer.launch(&launch, decision))?;
        let token = cx.client_token;
        let launch = Launch { tags: with_own_tags(&launch.tags, cx.caller, token), ..launch };
        let sent = cx.ec2.run_instances(&self.region, &launch, token, cx.dry_run);
        match within(send_deadline(cx.deadline), sent).await {
            Err(lost) if lost.outcome_unknown && !cx.dry_run => {
                let found = cx.within_deadline(find_launched(cx, &self.region, &launch)).await;
                found.ok().flatten().map(Outcome::Done).ok_or(lost)
            }
            sent => dry_run_outcome(Self::ACTION, cx, sent, |reservation| reservation.instances),
        }
    }

    async fn follow_up(&self, cx: &Context<'_>, completed: &mut Completed<Self::Output>) {
        let ids = completed.output.iter().filter_map(|instance| InstanceId::parse(&instance.instance_id));
        cx.decide(|decision| decision.instances.extend(ids));
        let launched = completed.output.iter_mut().collect();
        let warning = wait_for(Goal::RUNNING, cx, &self.region, launched).await;
        completed.warnings.extend(warning);
    }

    fn recovery_hint(&self, cx: &Context<'_>) -> Option<String> {
        // No instance has the tag yet, but one may appear.
        Some(format!("What it launched has the tag {REQUEST_TAG}={}", cx.client_token))
    }
}

/// The name of the security group that EC2 gives to a launch without one: every VPC has it.
const DEFAULT_GROUP: &str = "default";

/// The launch as policies see it and EC2 gets it: its security groups are IDs, whatever the caller
/// wrote. A launch without groups gets the default group of the default VPC, as from EC2 itself.
///
/// # Errors
/// There is no default VPC, or it has no group of that name.
async fn with_group_ids(cx: &Context<'_>, region: &Region, launch: &Launch) -> Result<Launch, Error> {
    let mut launch = launch.clone();
    let mut names = std::mem::take(&mut launch.security_groups);
    if names.is_empty() && launch.security_group_ids.is_empty() {
        names.push(DEFAULT_GROUP.to_owned());
    }
    if names.is_empty() {
        return Ok(launch);
    }
    let vpc_id = cx.before_change(Box::pin(cx.ec2.default_vpc(region))).await?.value;
    let vpc_id = vpc_id.ok_or_else(|| {
        Error::new(Kind::Invalid, "VPCIdNotSpecified", "There is no default VPC: give IDs of security groups")
    })?;
    let groups = cx.before_change(Box::pin(cx.ec2.describe_security_groups(region, &vpc_id, &names))).await?.value;
    for name in names {
        let group = groups.iter().find(|group| group.group_name.as_deref() == Some(name.as_str()));
        let group_id = group.and_then(|group| SecurityGroupId::parse(group.group_id.as_deref()?));
        let group_id = group_id.ok_or_else(|| {
            let message = format!("The security group {name} does not exist in the default VPC");
            Error::new(Kind::NotFound, "InvalidGroup.NotFound", message)
        })?;
        if !launch.security_group_ids.contains(&group_id) {
            launch.security_group_ids.push(group_id);
        }
    }
    Ok(launch)
}

/// The part of the deadline that is kept to look for a launch whose response was lost.
const RECOVERY_BUDGET: Duration = Duration::from_secs(4);

/// When a launch must have been answered: not before half of the time has passed.
fn send_deadline(deadline: Instant) -> Instant {
    let now = Instant::now();
    let left = deadline.saturating_duration_since(now);
    now + left.saturating_sub(RECOVERY_BUDGET).max(left / 2)
}

/// Looks for the instances of a launch whose response was lost, by its client token.
///
/// EC2 may take seconds to show them, one sooner than another. Accepts the result once it is
/// complete or unchanged between two polls.
///
/// # Errors
/// None: a failed look is repeated.
async fn find_launched(
    cx: &Context<'_>,
    region: &Region,
    launch: &Launch,
) -> Result<Option<Completed<Vec<Instance>>>, Error> {
    const PAUSES_MS: [u64; 4] = [0, 500, 1000, 1500];
    let filters = vec![Filter { name: "client-token".to_owned(), values: vec![cx.client_token.to_owned()] }];
    let query = InstanceQuery { filters, details: true, ..InstanceQuery::default() };
    // An idempotency key may have been used for an earlier, different launch.
    let same_launch = |instance: &Instance| {
        let state = instance.state.name.as_deref().unwrap_or_default();
        instance.instance_type.as_deref().is_none_or(|name| name == launch.instance_type.as_str())
            && non_empty(&instance.key_name).is_none_or(|name| Some(name) == launch.key_name.as_deref())
            && !["shutting-down", "terminated"].contains(&state)
    };
    // RunInstances is idempotent for each zone: under the same token, another zone is another
    // launch.
    let in_zone = |instance: &Instance| {
        let found = non_empty(&instance.availability_zone);
        launch.placement.zone.as_ref().is_none_or(|zone| found.is_none_or(|found| found == zone.as_str()))
    };
    let mut previous_count = 0;
    for pause in PAUSES_MS.map(Duration::from_millis) {
        tokio::time::sleep(pause).await;
        let Ok(page) = cx.ec2.describe_instances(region, &query).await else { continue };
        let found = page.value.reservations.into_iter().flat_map(|reservation| reservation.instances);
        let found: Vec<_> = found.filter(in_zone).collect();
        let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
        if !found.iter().all(same_launch) {
            return Ok(None);
        }
        if count >= launch.max_count || (count >= launch.min_count && count == previous_count) {
            return Ok(Some(Completed::new(found, page.request_id)));
        }
        previous_count = count;
    }
    Ok(None)
}

/// The caller's tags, and the tags with the caller's name and the client token.
fn with_own_tags(tags: &[Tag], caller: &Caller, client_token: &str) -> Vec<Tag> {
    let own_tags = [(OWNER_TAG, caller.name.as_str()), (REQUEST_TAG, client_token)]
        .map(|(key, value)| Tag { key: key.to_owned(), value: value.chars().take(MAX_TAG_VALUE_LEN).collect() });
    tags.iter().cloned().chain(own_tags).collect()
}
