//! RunInstances: what is launched, and whether it is permitted. `launch_attempts` sends it.

use super::launch_attempts::{attempts, find_earlier, try_in_order};
use super::wait::{Goal, wait_for};
use super::{Completed, Context, Operation, Outcome, Target};
use crate::auth::Caller;
use crate::authz::OWNER_TAG;
use crate::error::{Error, Kind};
use crate::model::{
    Action, Effect, Instance, InstanceId, Launch, MAX_TAG_VALUE_LEN, Region, SecurityGroupId, SubnetId, Tag,
};
use std::collections::HashMap;

/// The prefix of the tags that this function sets. Callers can't set such tags.
pub const OWN_TAGS: &str = "ec2-control-api:";

/// The tag with the client token of the launch.
const REQUEST_TAG: &str = "ec2-control-api:request";

/// Launches instances.
#[derive(Debug)]
pub struct RunInstances {
    /// Their region.
    pub region: Region,
    /// The launch as the caller asks for it: at least one. The next one is tried where EC2 has no
    /// capacity for one.
    pub launches: Vec<Launch>,
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
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
            "iam:PassRole",
            "ssm:GetParameters",
        ],
    };
    const IS_IDEMPOTENT_BY_KEY: bool = true;
    type Output = Vec<Instance>;

    fn target(&self) -> Target {
        let mut instance_types: Vec<_> = self.launches.iter().map(|launch| launch.instance_type.as_str()).collect();
        instance_types.dedup();
        let first = self.launches.first();
        Target {
            image_id: first.map(|launch| launch.image_id.to_string()),
            instance_type: Some(instance_types.join(",")),
            max_count: first.map(|launch| launch.max_count),
            ..Target::region(&self.region)
        }
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let authorizer = cx.authorizer(Self::ACTION, &self.region);
        for launch in &self.launches {
            cx.decide(|decision| authorizer.launch_limits(launch, decision))?;
        }
        cx.decide(|decision| authorizer.possible("a launch like this", decision))?;
        let mut launches = match cx.policies {
            Some(_) => with_group_ids(cx, &self.region, &self.launches).await?,
            None => self.launches.clone(),
        };
        // Each of them is permitted before the first is tried.
        for launch in &mut launches {
            cx.decide(|decision| authorizer.launch(launch, decision))?;
            launch.tags = with_own_tags(&launch.tags, cx.caller, cx.client_token);
        }
        let attempts = attempts(&launches, cx.client_token);
        if cx.has_idempotency_key && !cx.dry_run && attempts.len() > 1 {
            let earlier = cx.before_change(Box::pin(find_earlier(cx, &self.region, &attempts))).await?;
            if let Some(earlier) = earlier {
                return Ok(Outcome::Done(earlier));
            }
        }
        try_in_order(Self::ACTION, cx, &self.region, &attempts).await
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

/// The launches as policies see them and EC2 gets them: their security groups are IDs, whatever the
/// caller wrote. A launch without groups gets the default group of its VPC, as from EC2 itself.
///
/// # Errors
/// There is no default VPC, a subnet does not exist, or a VPC has no group of that name.
async fn with_group_ids(cx: &Context<'_>, region: &Region, launches: &[Launch]) -> Result<Vec<Launch>, Error> {
    // They differ in type and subnet only.
    let Some(first) = launches.first() else { return Ok(Vec::new()) };
    let mut names = first.security_groups.clone();
    if names.is_empty() && first.security_group_ids.is_empty() {
        names.push(DEFAULT_GROUP.to_owned());
    }
    if names.is_empty() {
        return Ok(launches.to_vec());
    }
    let mut subnets: Vec<_> = launches.iter().filter_map(|launch| launch.subnet_id.clone()).collect();
    subnets.sort_unstable();
    subnets.dedup();
    let vpcs: HashMap<_, _> = match subnets.is_empty() {
        true => HashMap::new(),
        false => {
            let described = cx.before_change(Box::pin(cx.ec2.describe_subnets(region, &subnets))).await?;
            described.value.into_iter().collect()
        }
    };
    let mut ids_by_vpc: HashMap<Option<&String>, Vec<SecurityGroupId>> = HashMap::new();
    let mut with_ids = Vec::with_capacity(launches.len());
    for launch in launches {
        let vpc = match &launch.subnet_id {
            Some(subnet) => Some(vpcs.get(subnet).ok_or_else(|| subnet_not_found(subnet))?),
            None => None,
        };
        let ids = match ids_by_vpc.get(&vpc) {
            Some(ids) => ids.clone(),
            None => {
                let ids = group_ids(cx, region, vpc, &names).await?;
                ids_by_vpc.insert(vpc, ids.clone());
                ids
            }
        };
        let mut launch = Launch { security_groups: Vec::new(), ..launch.clone() };
        for id in ids {
            if !launch.security_group_ids.contains(&id) {
                launch.security_group_ids.push(id);
            }
        }
        with_ids.push(launch);
    }
    Ok(with_ids)
}

fn subnet_not_found(id: &SubnetId) -> Error {
    Error::new(Kind::NotFound, "InvalidSubnetID.NotFound", format!("There is no subnet {id}"))
}

/// The IDs of the security groups with these names, in a VPC or in the default one.
async fn group_ids(
    cx: &Context<'_>,
    region: &Region,
    vpc_id: Option<&String>,
    names: &[String],
) -> Result<Vec<SecurityGroupId>, Error> {
    let (vpc_id, vpc) = match vpc_id {
        Some(vpc_id) => (vpc_id.clone(), "VPC of the subnet"),
        None => {
            let vpc_id = cx.before_change(Box::pin(cx.ec2.default_vpc(region))).await?.value;
            let missing = || {
                let message = "There is no default VPC: give IDs of security groups";
                Error::new(Kind::Invalid, "VPCIdNotSpecified", message)
            };
            (vpc_id.ok_or_else(missing)?, "default VPC")
        }
    };
    let groups = cx.before_change(Box::pin(cx.ec2.describe_security_groups(region, &vpc_id, names))).await?.value;
    let id = |name: &String| {
        let group = groups.iter().find(|group| group.group_name.as_deref() == Some(name.as_str()));
        group.and_then(|group| SecurityGroupId::parse(group.group_id.as_deref()?)).ok_or_else(|| {
            let message = format!("The security group {name} does not exist in the {vpc}");
            Error::new(Kind::NotFound, "InvalidGroup.NotFound", message)
        })
    };
    names.iter().map(id).collect()
}

/// The caller's tags, and the tags with the caller's name and the client token.
fn with_own_tags(tags: &[Tag], caller: &Caller, client_token: &str) -> Vec<Tag> {
    let own_tags = [(OWNER_TAG, caller.name.as_str()), (REQUEST_TAG, client_token)]
        .map(|(key, value)| Tag { key: key.to_owned(), value: value.chars().take(MAX_TAG_VALUE_LEN).collect() });
    tags.iter().cloned().chain(own_tags).collect()
}
