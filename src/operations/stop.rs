//! StopInstances, with or without hibernation.

use super::change_state::{ids_in_message, no_instances};
use super::resolve::describe;
use super::selection::authorized_ids;
use super::wait::{Goal, wait_for};
use super::{Completed, Context, Operation, Outcome, Target, dry_run_outcome};
use crate::authz::Detail;
use crate::aws::sdk::AwsOutput;
use crate::error::Error;
use crate::model::{Action, Effect, Hibernation, InstanceId, Region, Selection, Shutdown, StateChange};

/// Stops instances.
#[derive(Debug)]
pub struct StopInstances {
    /// Their region.
    pub region: Region,
    /// The instances.
    pub instances: Selection,
    /// Whether they hibernate.
    pub hibernation: Hibernation,
    /// Whether to go on without a clean shutdown.
    pub force: bool,
    /// Whether the operating system is not asked to shut down.
    pub skip_os_shutdown: bool,
}

/// The greatest number of instances that a warning lists.
const MAX_LISTED: usize = 8;

impl StopInstances {
    /// A stop as EC2 does it without further parameters.
    pub fn plain(region: Region, instances: Selection) -> Self {
        Self { region, instances, hibernation: Hibernation::Never, force: false, skip_os_shutdown: false }
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

    async fn stop(
        &self,
        cx: &Context<'_>,
        ids: &[InstanceId],
        hibernate: bool,
    ) -> Result<AwsOutput<Vec<StateChange>>, Error> {
        cx.ec2.stop_instances(&self.region, ids, self.shutdown(hibernate), cx.dry_run).await
    }

    /// Hibernates the instances. Stops those that can't hibernate, and warns of them.
    async fn hibernate_or_stop(
        &self,
        cx: &Context<'_>,
        ids: &[InstanceId],
    ) -> Result<Outcome<Vec<StateChange>>, Error> {
        let refused = match self.stop(cx, ids, true).await {
            Err(refused) if cannot_hibernate(&refused) => refused,
            sent => return dry_run_outcome(Self::ACTION, cx, sent, |changes| changes),
        };
        if cx.dry_run {
            return dry_run_outcome(Self::ACTION, cx, self.stop(cx, ids, false).await, |changes| changes);
        }
        let mut unable = self.unable_to_hibernate(cx, ids, &refused).await?;
        let able: Vec<_> = ids.iter().filter(|id| !unable.contains(id)).cloned().collect();
        let mut changes = Vec::new();
        if !able.is_empty() {
            match self.stop(cx, &able, true).await {
                Ok(hibernated) => changes = hibernated.value,
                Err(refused) if cannot_hibernate(&refused) => unable = ids.to_vec(),
                Err(refused) => return Err(refused),
            }
        }
        let stopped = self.stop(cx, &unable, false).await.map_err(|refused| {
            // Some have happened already.
            let outcome_unknown = refused.outcome_unknown || !changes.is_empty();
            Error { outcome_unknown, ..refused }
        })?;
        changes.extend(stopped.value);
        changes.sort_by_key(|change| ids.iter().position(|id| id.as_str() == change.instance_id));
        let listed: Vec<_> = unable.iter().take(MAX_LISTED).map(InstanceId::as_str).collect();
        let (count, total) = (unable.len(), ids.len());
        let warning = format!("{count} of {total} can not hibernate and are stopped: {}", listed.join(", "));
        let completed = Completed::new(changes, stopped.request_id);
        Ok(Outcome::Done(Completed { warnings: vec![warning], ..completed }))
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
        let described = cx.before_change(Box::pin(describe(cx, &self.region, ids, false))).await?.value;
        let can_hibernate = |id: &&InstanceId| {
            described.iter().any(|instance| instance.instance_id == id.as_str() && instance.can_hibernate)
        };
        let unable: Vec<_> = ids.iter().filter(|id| !can_hibernate(id)).cloned().collect();
        Ok(if unable.is_empty() { ids.to_vec() } else { unable })
    }
}

/// Whether EC2 refuses to hibernate, and might stop
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshoot-instance-hibernate.html>).
fn cannot_hibernate(error: &Error) -> bool {
    let says_so = || error.message.to_ascii_lowercase().contains("hibernat");
    error.code == "UnsupportedHibernationConfiguration" || (error.code == "UnsupportedOperation" && says_so())
}

/// The states of instances that are stopped by tag.
const STATES: [&str; 2] = ["pending", "running"];

impl Operation for StopInstances {
    const ACTION: Action = Action {
        name: "StopInstances",
        effect: Effect::ProtectedWrite,
        iam: &["ec2:StopInstances", "ec2:DescribeInstances"],
    };
    type Output = Vec<StateChange>;

    fn target(&self) -> Target {
        Target::selection(&self.region, &self.instances)
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let selection = &self.instances;
        let ids = authorized_ids(Self::ACTION, cx, &self.region, selection, &STATES, &self.details()).await?;
        if ids.is_empty() {
            return Ok(no_instances(Self::ACTION, cx));
        }
        match self.hibernation {
            Hibernation::Prefer => Box::pin(self.hibernate_or_stop(cx, &ids)).await,
            hibernation => {
                let sent = self.stop(cx, &ids, hibernation == Hibernation::Always).await;
                dry_run_outcome(Self::ACTION, cx, sent, |changes| changes)
            }
        }
    }

    async fn follow_up(&self, cx: &Context<'_>, completed: &mut Completed<Self::Output>) {
        wait_for(Goal::STOPPED, cx, &self.region, completed).await;
    }
}
