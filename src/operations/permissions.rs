//! What the caller may do to instances, by limits and policies. AWS is asked for their description
//! only.

use super::list::with_instances;
use super::paging::{DESCRIBE_INSTANCES, InstancePages, Pages};
use super::reboot::RebootInstances;
use super::resolve::resolve_instances;
use super::start::StartInstances;
use super::stop::StopInstances;
use super::terminate::TerminateInstances;
use super::{Context, Operation, Outcome, Target};
use crate::authz::{Authorizer, Decision, Detail};
use crate::error::Error;
use crate::model::{Action, Instance, InstanceQuery, InstanceRef, Region, Shutdown};

/// Finds out which changes of state the caller may make, for each instance.
#[derive(Debug)]
pub struct CheckPermissions {
    /// The instances' region.
    pub region: Region,
    /// The instances; at least one.
    pub instances: Vec<InstanceRef>,
}

/// The permissions of the caller on an instance.
#[derive(Debug, PartialEq, Eq)]
pub struct Permissions {
    /// The instance's ID.
    pub instance_id: String,
    /// The names of the actions that are permitted.
    pub permitted: Vec<&'static str>,
    /// The names of the actions that are refused, each with the reason.
    pub refused: Vec<(&'static str, String)>,
}

/// The changes of state, each as it is without further parameters. Whether it may be forced is
/// another question.
const CHANGES: [(Action, Detail<'static>); 4] = [
    (StartInstances::ACTION, Detail::None),
    (StopInstances::ACTION, Detail::Shutdown(Shutdown { force: false, hibernate: false, skip_os_shutdown: false })),
    (RebootInstances::ACTION, Detail::None),
    (
        TerminateInstances::ACTION,
        Detail::Shutdown(Shutdown { force: false, hibernate: false, skip_os_shutdown: false }),
    ),
];

impl Operation for CheckPermissions {
    const ACTION: Action = DESCRIBE_INSTANCES;
    type Output = Vec<Permissions>;

    fn target(&self) -> Target {
        Target::instances(&self.region, &self.instances)
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let authorizer = cx.authorizer(Self::ACTION, &self.region);
        cx.decide(|decision| authorizer.list(decision))?;
        let ids = resolve_instances(cx, &authorizer, &self.instances).await?;
        let query = with_instances(&InstanceQuery::default(), &ids);
        let mut pages = Pages::new(InstancePages { ec2: cx.ec2, authorizer, query: &query });
        let (mut found, mut request_id) = (Vec::new(), None);
        while let Some(page) = pages.next().await? {
            let instances = page.value.iter().flat_map(|reservation| &reservation.instances);
            found.extend(instances.map(|instance| permissions(&authorizer, instance)));
            request_id = page.request_id;
        }
        Ok(Outcome::done(found, request_id))
    }
}

fn permissions(authorizer: &Authorizer<'_>, instance: &Instance) -> Permissions {
    let (mut permitted, mut refused) = (Vec::new(), Vec::new());
    for (action, detail) in CHANGES {
        match (Authorizer { action, ..*authorizer }).instance(instance, detail, &mut Decision::default()) {
            Ok(()) => permitted.push(action.name),
            Err(error) => refused.push((action.name, error.message)),
        }
    }
    Permissions { instance_id: instance.instance_id.clone(), permitted, refused }
}
