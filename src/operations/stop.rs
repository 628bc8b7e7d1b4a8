//! StopInstances, with or without hibernation.

use super::change_state::{change_state, changed, no_instances, partial_outcome, results};
use super::partial::change_each;
use super::resolve::describe;
use super::selection::{authorized_each, authorized_ids, permitted};
use super::state_call::{InstanceResult, StateCall, ids_in_message};
use super::wait::{Goal, wait_for};
use super::{Completed, Context, Operation, Outcome, Target, dry_run_outcome};
use crate::authz::Detail;
use crate::aws::sdk::AwsOutput;
use crate::error::Error;
use crate::model::{Action, Effect, Hibernation, InstanceId, Shutdown, StateChange, Targets};

/// Stops instances.
#[derive(Debug)]
pub struct StopInstances {
    /// The instances.
    pub targets: Targets,
    /// Whether they hibernate.
    pub hibernation: Hibernation,
    /// Whether to go on without a clean shutdown.
    pub force: bool,
    /// Whether the operating system is not asked to shut down.
    pub skip_os_shutdown: bool,
}

/// The states of instances that are stopped by tag.
const STATES: [&str; 2] = ["pending", "running"];

/// A stop of the operation's kind, with or without hibernation.
struct Stop<'a> {
    operation: &'a StopInstances,
    hibernate: bool,
}

impl StateCall for Stop<'_> {
    type Item = StateChange;

    async fn send(&self, cx: &Context<'_>, ids: &[InstanceId]) -> Result<AwsOutput<Vec<StateChange>>, Error> {
        let shutdown = self.operation.shutdown(self.hibernate);
        cx.ec2.stop_instances(&self.operation.targets.region, ids, shutdown, cx.dry_run).await
    }
}

/// The greatest number of instances that a warning lists.
const MAX_LISTED: usize = 8;

impl StopInstances {
    /// A stop as EC2 does it without further parameters.
    pub fn plain(targets: Targets) -> Self {
        Self { targets, hibernation: Hibernation::Never, force: false, skip_os_shutdown: false }
    }

    fn shutdown(&self, hibernate: bool) -> Shutdown {
        Shutdown { force: self.force, hibernate, skip_os_shutdown: self.skip_os_shutdown }
    }

    /// Every way in which the instances may be stopped: the caller must be permitted each.
    fn details(&self) -> Vec<Detail<'static>> {
        let ways: &[bool] = match self.hibernation {
            Hibernation::Never => &[false],
            Hibernation::Always => &[true],
            Hibernation::Prefer => &[true, false],
        };
        ways.iter().map(|hibernate| Detail::Shutdown(self.shutdown(*hibernate))).collect()
    }

    fn stop(&self, hibernate: bool) -> Stop<'_> {
        Stop { operation: self, hibernate }
    }

    /// Hibernates the instances. Stops those that can't hibernate, and warns of them.
    async fn hibernate_or_stop(&self, cx: &Context<'_>) -> Result<Outcome<Vec<InstanceResult<StateChange>>>, Error> {
        if self.targets.partial {
            return self.hibernate_or_stop_each(cx).await;
        }
        let ids = authorized_ids(Self::ACTION, cx, &self.targets, &STATES, &self.details()).await?;
        if ids.is_empty() {
            return Ok(no_instances(Self::ACTION, cx));
        }
        let refused = match self.stop(true).send(cx, &ids).await {
            Err(refused) if cannot_hibernate(&refused) => refused,
            sent => return dry_run_outcome(Self::ACTION, cx, sent, |changes| results(&ids, changes)),
        };
        if cx.dry_run {
            let sent = self.stop(false).send(cx, &ids).await;
            return dry_run_outcome(Self::ACTION, cx, sent, |changes| results(&ids, changes));
        }
        let mut unable = self.unable_to_hibernate(cx, &ids, &refused).await?;
        let able: Vec<_> = ids.iter().filter(|id| !unable.contains(id)).cloned().collect();
        let mut changes = Vec::new();
        if !able.is_empty() {
            match self.stop(true).send(cx, &able).await {
                Ok(hibernated) => {
                    cx.record(|audit| audit.changed.extend(able.iter().map(ToString::to_string)));
                    changes = hibernated.value;
                }
                Err(refused) if cannot_hibernate(&refused) => unable.clone_from(&ids),
                Err(refused) => return Err(refused),
            }
        }
        let stopped = self.stop(false).send(cx, &unable).await.map_err(|refused| {
            if !changes.is_empty() {
                unable.iter().for_each(|id| cx.record(|audit| audit.fail(id.as_str(), &refused)));
            }
            // Some have happened already.
            let outcome_unknown = refused.outcome_unknown || !changes.is_empty();
            Error { outcome_unknown, ..refused }
        })?;
        if !changes.is_empty() {
            cx.record(|audit| audit.changed.extend(unable.iter().map(ToString::to_string)));
        }
        changes.extend(stopped.value);
        changes.sort_by_key(|change| ids.iter().position(|id| id.as_str() == change.instance_id));
        let completed = Completed::new(results(&ids, changes), stopped.request_id);
        Ok(Outcome::Done(Completed { warnings: vec![warning(&unable, ids.len())], ..completed }))
    }

    /// The same where what can be done is done.
    async fn hibernate_or_stop_each(
        &self,
        cx: &Context<'_>,
    ) -> Result<Outcome<Vec<InstanceResult<StateChange>>>, Error> {
        let found = authorized_each(Self::ACTION, cx, &self.targets, &STATES, &self.details()).await?;
        let total = permitted(&found).len();
        let (mut results, mut request_id) = change_each(cx, &self.stop(true), found).await;
        let is_unable = |result: &&InstanceResult<_>| result.change.as_ref().is_err_and(cannot_hibernate);
        let id_of = |result: &InstanceResult<_>| InstanceId::parse(&result.instance);
        let unable: Vec<_> = results.iter().filter(is_unable).filter_map(id_of).collect();
        if !unable.is_empty() {
            let found = unable.iter().map(|id| (id.to_string(), Ok(id.clone()))).collect();
            let (stopped, last_request_id) = change_each(cx, &self.stop(false), found).await;
            request_id = last_request_id.or(request_id);
            let places = results.iter_mut().filter(|result| is_unable(&&**result));
            places.zip(stopped).for_each(|(place, stopped)| *place = stopped);
        }
        let mut outcome = partial_outcome(Self::ACTION, cx, results, request_id)?;
        if let (Outcome::Done(completed), false) = (&mut outcome, unable.is_empty()) {
            completed.warnings.push(warning(&unable, total));
        }
        Ok(outcome)
    }

    /// The instances that can't hibernate: those that EC2 names, else those that are launched
    /// without hibernation, else all.
    async fn unable_to_hibernate(
        &self,
        cx: &Context<'_>,
        ids: &[InstanceId],
        refused: &Error,
    ) -> Result<Vec<InstanceId>, Error> {
        let named = ids_in_message(ids, refused);
        if !named.is_empty() {
            return Ok(named);
        }
        let described = cx.before_change(Box::pin(describe(cx, &self.targets.region, ids, false))).await?.value;
        let can_hibernate = |id: &&InstanceId| {
            described.iter().any(|instance| instance.instance_id == id.as_str() && instance.can_hibernate)
        };
        let unable: Vec<_> = ids.iter().filter(|id| !can_hibernate(id)).cloned().collect();
        Ok(if unable.is_empty() { ids.to_vec() } else { unable })
    }
}

/// Says which instances are stopped although hibernation was preferred.
fn warning(unable: &[InstanceId], total: usize) -> String {
    let listed: Vec<_> = unable.iter().take(MAX_LISTED).map(InstanceId::as_str).collect();
    format!("{} of {total} can not hibernate and are stopped: {}", unable.len(), listed.join(", "))
}

/// Whether EC2 refuses to hibernate, and might stop
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshoot-instance-hibernate.html>).
fn cannot_hibernate(error: &Error) -> bool {
    let says_so = || error.message.to_ascii_lowercase().contains("hibernat");
    error.code == "UnsupportedHibernationConfiguration" || (error.code == "UnsupportedOperation" && says_so())
}

impl Operation for StopInstances {
    const ACTION: Action = Action {
        name: "StopInstances",
        effect: Effect::ProtectedWrite,
        iam: &["ec2:StopInstances", "ec2:DescribeInstances"],
    };
    type Output = Vec<InstanceResult<StateChange>>;

    fn target(&self) -> Target {
        Target::targets(&self.targets)
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        if self.hibernation == Hibernation::Prefer {
            return Box::pin(self.hibernate_or_stop(cx)).await;
        }
        let call = self.stop(self.hibernation == Hibernation::Always);
        change_state(Self::ACTION, cx, &self.targets, &STATES, &self.details(), &call).await
    }

    async fn follow_up(&self, cx: &Context<'_>, completed: &mut Completed<Self::Output>) {
        let warning = wait_for(Goal::STOPPED, cx, &self.targets.region, changed(&mut completed.output)).await;
        completed.warnings.extend(warning);
    }
}
