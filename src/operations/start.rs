//! StartInstances.

use super::change_state::{change_all, changed, find, partial_outcome};
use super::partial::change_each;
use super::schedules::end::{Ended, PreparedEnd, end_hint, make_end};
use super::selection::{Found, permitted};
use super::state_call::{InstanceResult, StateCall};
use super::wait::{Goal, wait_for};
use super::{Completed, Context, Operation, Outcome, Target};
use crate::authz::Detail;
use crate::aws::sdk::AwsOutput;
use crate::error::Error;
use crate::model::{Action, Effect, End, InstanceId, InstanceRef, ScheduledInstances, StateChange, Targets};

/// Starts instances.
#[derive(Debug)]
pub struct StartInstances {
    /// The instances.
    pub targets: Targets,
    /// When they end by themselves.
    pub end: Option<End>,
}

/// The states of instances that are started by tag.
const STATES: [&str; 1] = ["stopped"];

type Started = Result<Outcome<Vec<InstanceResult<StateChange>>>, Error>;

impl StateCall for StartInstances {
    type Item = StateChange;

    async fn send(&self, cx: &Context<'_>, ids: &[InstanceId]) -> Result<AwsOutput<Vec<StateChange>>, Error> {
        cx.ec2.start_instances(&self.targets.region, ids, cx.dry_run).await
    }
}

impl Operation for StartInstances {
    const ACTION: Action = Action {
        name: "StartInstances",
        effect: Effect::Write,
        iam: &[
            "ec2:StartInstances",
            "ec2:DescribeInstances",
            "iam:PassRole",
            "scheduler:CreateSchedule",
            "scheduler:DeleteSchedule",
            "scheduler:GetSchedule",
            "scheduler:ListSchedules",
            "scheduler:UpdateSchedule",
        ],
    };
    type Output = Vec<InstanceResult<StateChange>>;

    fn is_idempotent_by_key(&self) -> bool {
        // Its end is made once.
        self.end.is_some()
    }

    fn target(&self) -> Target {
        Target::targets(&self.targets)
    }

    async fn run(&self, cx: &Context<'_>) -> Started {
        let found = find(Self::ACTION, cx, &self.targets, &STATES, &[Detail::None]).await?;
        let ids = permitted(&found);
        let end = match self.end {
            Some(end) if !ids.is_empty() => {
                let started = ScheduledInstances::Named(ids.iter().cloned().map(InstanceRef::Id).collect());
                Some(Box::pin(make_end(cx, end, &self.targets.region, started, false)).await?)
            }
            _ => None,
        };
        if self.targets.partial {
            return Box::pin(self.start_each(cx, found, end)).await;
        }
        let outcome = change_all(Self::ACTION, cx, &ids, self).await;
        match end {
            Some(end) => Box::pin(end.settle(cx, outcome)).await,
            None => outcome,
        }
    }

    async fn follow_up(&self, cx: &Context<'_>, completed: &mut Completed<Self::Output>) {
        let warning = wait_for(Goal::RUNNING, cx, &self.targets.region, changed(&mut completed.output)).await;
        completed.warnings.extend(warning);
    }

    fn recovery_hint(&self, cx: &Context<'_>) -> Option<String> {
        self.end.map(|_| end_hint(cx, Ended::Start))
    }
}

impl StartInstances {
    /// Starts those of the instances that EC2 starts. The end is one of these only.
    async fn start_each(&self, cx: &Context<'_>, found: Vec<Found>, end: Option<PreparedEnd>) -> Started {
        let (results, request_id) = change_each(cx, self, found).await;
        let may_run = |result: &InstanceResult<_>| match &result.change {
            Ok(_) => InstanceId::parse(&result.instance),
            Err(error) if error.outcome_unknown => InstanceId::parse(&result.instance),
            Err(_) => None,
        };
        let ids: Vec<_> = results.iter().filter_map(may_run).collect();
        let in_doubt =
            results.iter().find_map(|result| result.change.as_ref().err().filter(|error| error.outcome_unknown));
        let in_doubt = in_doubt.cloned();
        let outcome = partial_outcome(Self::ACTION, cx, results, request_id);
        match end {
            None => outcome,
            Some(end) if ids.is_empty() => end.settle(cx, outcome).await,
            Some(mut end) => {
                end.narrow(cx, ids).await;
                // Some of them may run, whatever the first error says.
                end.settle(cx, outcome.map_err(|error| in_doubt.unwrap_or(error))).await
            }
        }
    }
}
