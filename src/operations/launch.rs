//! RunInstances: what is launched, and whether it is permitted. `launch_attempts` sends it.

use super::launch_attempts::{Attempts, find_earlier, try_in_order};
use super::schedules::end::{Ended, end_hint, make_end};
use super::wait::{Goal, wait_for};
use super::{Completed, Context, Operation, Outcome, Target};
use crate::auth::Caller;
use crate::authz::OWNER_TAG;
use crate::error::{Error, Kind};
use crate::model::{
    Action, Effect, End, EndAction, Instance, InstanceId, InstanceType, LaunchRequest, LaunchTemplate,
    LaunchTemplateRef, Launches, MAX_TAG_VALUE_LEN, Region, ScheduledInstances, SecurityGroupId, Spot, SubnetId, Tag,
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
    /// The launch as the caller asks for it.
    pub request: LaunchRequest,
    /// When they end by themselves.
    pub end: Option<End>,
}

impl Operation for RunInstances {
    const ACTION: Action = Action {
        name: "RunInstances",
        effect: Effect::Write,
        iam: &[
            "ec2:RunInstances",
            "ec2:CreateTags",
            "ec2:DescribeInstances",
            "ec2:DescribeLaunchTemplateVersions",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
            "iam:PassRole",
            "scheduler:CreateSchedule",
            "scheduler:DeleteSchedule",
            "scheduler:GetSchedule",
            "scheduler:ListSchedules",
            "scheduler:UpdateSchedule",
            "ssm:GetParameters",
        ],
    };
    type Output = Vec<Instance>;

    fn is_idempotent_by_key(&self) -> bool {
        true
    }

    fn target(&self) -> Target {
        let request = &self.request;
        // A template comes before the defaults, and is not read yet.
        let (default_image, default_type) = match &request.template {
            Some(_) => (None, None),
            None => (Some(&request.default_image), Some(request.default_instance_type.to_string())),
        };
        let types: Vec<_> = request.instance_types.iter().map(InstanceType::as_str).collect();
        Target {
            launch_template: request.template.as_ref().map(ToString::to_string),
            image_id: request.image_id.as_ref().or(default_image).map(ToString::to_string),
            instance_type: if types.is_empty() { default_type } else { Some(types.join(",")) },
            max_count: Some(request.max_count),
            ..Target::region(&self.region)
        }
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let authorizer = cx.authorizer(Self::ACTION, &self.region);
        let possible = || cx.decide(|decision| authorizer.possible("a launch like this", decision));
        let template = match &self.request.template {
            Some(reference) => {
                possible()?;
                Some(self.read_template(cx, reference).await?)
            }
            None => None,
        };
        let mut launches = self.request.launches(template.as_ref());
        for launch in launches.iter() {
            cx.decide(|decision| authorizer.launch_limits(launch, decision))?;
        }
        possible()?;
        // Names would be joined with the IDs of the template.
        let replaces_ids = !self.request.options.security_groups.is_empty()
            && template.as_ref().is_some_and(|template| !template.data.options.security_group_ids.is_empty());
        if cx.policies.is_some() || replaces_ids {
            use_group_ids(cx, &self.region, &mut launches).await?;
        }
        // Each of them is permitted before the first is tried.
        for launch in launches.iter_mut() {
            cx.decide(|decision| authorizer.launch(launch, decision))?;
            launch.options.tags = with_own_tags(&launch.options.tags, cx.caller, cx.client_token);
        }
        if let Some(End { action: EndAction::Stop, .. }) = self.end
            && launches.iter().any(|launch| launch.spot != Spot::Never)
        {
            let problem = "can't be given for spot instances, which EC2 only terminates: use terminate_after";
            return Err(Error::invalid(EndAction::Stop.parameter(), problem));
        }
        let attempts = Attempts::new(&launches, cx.client_token);
        let earlier = self.earlier(cx, &attempts).await?;
        let end = match self.end {
            Some(end) => {
                let launched = ScheduledInstances::Launched(attempts.client_tokens());
                Some(Box::pin(make_end(cx, end, &self.region, launched, earlier.is_some())).await?)
            }
            None => None,
        };
        let outcome = match earlier {
            Some(earlier) => Ok(Outcome::Done(earlier)),
            None => try_in_order(Self::ACTION, cx, &self.region, &attempts).await,
        };
        match end {
            Some(end) => Box::pin(end.settle(cx, outcome)).await,
            None => outcome,
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
        let end = self.end.map(|_| format!(". {}", end_hint(cx, Ended::Launch))).unwrap_or_default();
        Some(format!("What it launched has the tag {REQUEST_TAG}={}{end}", cx.client_token))
    }
}

impl RunInstances {
    /// What an earlier request under the same idempotency key has launched, if EC2 itself does not
    /// find that, or if it has an end.
    async fn earlier(
        &self,
        cx: &Context<'_>,
        attempts: &Attempts<'_>,
    ) -> Result<Option<Completed<Vec<Instance>>>, Error> {
        if !cx.has_idempotency_key || cx.dry_run || !(attempts.are_several() || self.end.is_some()) {
            return Ok(None);
        }
        cx.before_change(Box::pin(find_earlier(cx, &self.region, attempts))).await
    }

    /// Reads the launch template.
    ///
    /// # Errors
    /// It does not exist, or is not taken.
    async fn read_template(&self, cx: &Context<'_>, reference: &LaunchTemplateRef) -> Result<LaunchTemplate, Error> {
        let read = Box::pin(cx.ec2.describe_launch_template(&self.region, reference));
        let template = cx.before_change(read).await?.value;
        cx.record(|audit| audit.launch_template = Some(format!("{}:{}", template.id, template.version)));
        if template.data.is_spot && self.request.spot == Some(Spot::Prefer) {
            return Err(Error::invalid("spot", "can't be prefer where the launch template asks for spot instances"));
        }
        let own_tag = template.data.options.tags.iter().find(|tag| tag.key.to_ascii_lowercase().starts_with(OWN_TAGS));
        if let Some(Tag { key, .. }) = own_tag {
            let problem = format!("{reference} is not taken: it sets the tag {key}, as only this function does");
            return Err(Error::invalid("LaunchTemplate", problem));
        }
        Ok(template)
    }
}

/// The name of the security group that EC2 gives to a launch without one: every VPC has it.
const DEFAULT_GROUP: &str = "default";

/// Makes the launches what policies see and EC2 gets: their security groups are IDs, whatever the
/// caller wrote. A launch without groups gets the default group of its VPC, as from EC2 itself.
///
/// # Errors
/// There is no default VPC, a subnet does not exist, or a VPC has no group of that name.
async fn use_group_ids(cx: &Context<'_>, region: &Region, launches: &mut Launches) -> Result<(), Error> {
    // They differ in type and subnet only.
    let first = &launches.first;
    let mut names = first.options.security_groups.clone();
    if names.is_empty() && first.options.security_group_ids.is_empty() {
        names.push(DEFAULT_GROUP.to_owned());
    }
    if names.is_empty() {
        return Ok(());
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
    for launch in launches.iter_mut() {
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
        launch.options.security_groups.clear();
        for id in ids {
            if !launch.options.security_group_ids.contains(&id) {
                launch.options.security_group_ids.push(id);
            }
        }
    }
    Ok(())
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
