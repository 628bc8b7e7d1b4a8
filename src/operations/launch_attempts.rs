//! Sends a launch, in one attempt or in several: for each type, subnet and market in turn, as long
//! as EC2 has no capacity. A launch whose response was lost is looked for by its client token.

use super::{Completed, Context, Outcome, dry_run_outcome, within};
use crate::aws::ec2_launch::{LaunchAttempt, NO_CAPACITY};
use crate::error::{Error, Kind};
use crate::model::{Action, Filter, Instance, InstanceQuery, Launch, Launches, Region, Spot, non_empty};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::time::Duration;
use tokio::time::Instant;

/// One RunInstances call.
pub(super) struct Attempt<'a> {
    launch: &'a Launch,
    /// Whether it launches spot instances.
    spot: bool,
    /// EC2 launches once under it.
    client_token: String,
}

impl fmt::Display for Attempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.launch.instance_type.as_str())?;
        if let Some(subnet) = &self.launch.subnet_id {
            write!(f, " in {subnet}")?;
        }
        f.write_str(match (self.launch.spot, self.spot) {
            (Spot::Never, _) => "",
            (_, true) => " (spot)",
            (_, false) => " (on demand)",
        })
    }
}

/// The attempts of a launch, in order.
pub(super) struct Attempts<'a> {
    first: Attempt<'a>,
    others: Vec<Attempt<'a>>,
}

impl<'a> Attempts<'a> {
    /// All launches, and then all on demand where spot instances are preferred only.
    pub(super) fn new(launches: &'a Launches, client_token: &str) -> Self {
        let is_spot = |launch: &Launch| launch.spot != Spot::Never;
        let spot = launches.others.iter().map(|launch| (launch, is_spot(launch)));
        let on_demand = launches.iter().filter(|launch| launch.spot == Spot::Prefer).map(|launch| (launch, false));
        let attempt = |(n, (launch, spot))| Attempt { launch, spot, client_token: attempt_token(client_token, n + 1) };
        let first = &launches.first;
        Self {
            first: Attempt { launch: first, spot: is_spot(first), client_token: attempt_token(client_token, 0) },
            others: spot.chain(on_demand).enumerate().map(attempt).collect(),
        }
    }

    /// Whether there are several.
    pub(super) fn are_several(&self) -> bool {
        !self.others.is_empty()
    }

    /// The client token of each.
    pub(super) fn client_tokens(&self) -> Vec<String> {
        self.iter().map(|attempt| attempt.client_token.clone()).collect()
    }

    fn iter(&self) -> impl Iterator<Item = &Attempt<'a>> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

/// The client token of the attempt with this number. That of the first is the request's own.
fn attempt_token(client_token: &str, number: usize) -> String {
    match number {
        0 => client_token.to_owned(),
        // 64 characters: EC2's limit.
        number => hex::encode(Sha256::digest(format!("{client_token}/{number}"))),
    }
}

/// Tries one after the other until EC2 launches. Each has its share of the time that is left.
///
/// # Errors
/// The first error that is no lack of capacity, or one that names every attempt.
pub(super) async fn try_in_order(
    action: Action,
    cx: &Context<'_>,
    region: &Region,
    attempts: &Attempts<'_>,
) -> Result<Outcome<Vec<Instance>>, Error> {
    let mut refusals: Vec<String> = Vec::new();
    let (mut attempt, mut others) = (&attempts.first, attempts.others.iter());
    loop {
        let deadline = send_deadline(cx.deadline, others.len() + 1);
        let has_alternatives = attempts.are_several();
        let sent = Box::pin(try_once(action, cx, region, attempt, has_alternatives, deadline)).await;
        if !has_alternatives {
            return sent;
        }
        let code = sent.as_ref().map_or_else(|error| &*error.code, |_| "OK");
        cx.record(|audit| audit.attempts.push(format!("{attempt}: {code}")));
        let refused = match sent {
            Err(error) if !error.outcome_unknown && NO_CAPACITY.contains(&&*error.code) => error,
            sent => return sent,
        };
        refusals.push(format!("{attempt}: {} ({})", refused.message, refused.code));
        let Some(next) = others.next() else {
            let message = format!("EC2 has no capacity for any of {}: {}", refusals.len(), refusals.join("; "));
            return Err(Error { kind: Kind::Capacity, message, ..refused });
        };
        attempt = next;
    }
}

/// Sends one attempt. If its response is lost, looks for what it has launched.
async fn try_once(
    action: Action,
    cx: &Context<'_>,
    region: &Region,
    attempt: &Attempt<'_>,
    has_alternatives: bool,
    deadline: Instant,
) -> Result<Outcome<Vec<Instance>>, Error> {
    let Attempt { launch, spot, client_token } = attempt;
    let to_send = LaunchAttempt { launch, spot: *spot, client_token, has_alternatives };
    let sent = cx.ec2.run_instances(region, to_send, cx.dry_run);
    match within(deadline, sent).await {
        Err(lost) if lost.outcome_unknown && !cx.dry_run => {
            let found = cx.within_deadline(find_launched(cx, region, attempt)).await;
            found.ok().flatten().map(Outcome::Done).ok_or(lost)
        }
        sent => dry_run_outcome(action, cx, sent, |reservation| reservation.instances),
    }
}

/// The part of the deadline that is kept to look for a launch whose response was lost.
const RECOVERY_BUDGET: Duration = Duration::from_secs(4);

/// When a launch must have been answered, if this many attempts are left. For the last one, not
/// before half of the time has passed.
fn send_deadline(deadline: Instant, attempts: usize) -> Instant {
    let now = Instant::now();
    let left = deadline.saturating_duration_since(now);
    let attempts = u32::try_from(attempts).unwrap_or(u32::MAX).max(1);
    now + left.saturating_sub(RECOVERY_BUDGET).max(left / 2) / attempts
}

/// Finds what an earlier request under the same idempotency key has launched, by any attempt: EC2
/// itself remembers only the attempt that has launched.
///
/// # Errors
/// EC2 can't be asked, it launched something else, or all of it is terminated.
pub(super) async fn find_earlier(
    cx: &Context<'_>,
    region: &Region,
    attempts: &Attempts<'_>,
) -> Result<Option<Completed<Vec<Instance>>>, Error> {
    let tokens = attempts.iter().map(|attempt| attempt.client_token.as_str());
    let filters = vec![Filter::exactly("client-token", tokens)];
    let query = InstanceQuery { filters, details: true, ..InstanceQuery::default() };
    let page = cx.ec2.describe_instances(region, &query).await?;
    let found: Vec<_> = page.value.into_instances().collect();
    if found.is_empty() {
        return Ok(None);
    }
    if !found.iter().all(|instance| attempts.iter().any(|attempt| may_be_of(instance, attempt.launch))) {
        let message = "Another launch was sent under the same Idempotency-Key";
        return Err(Error::new(Kind::IdempotencyMismatch, "IdempotentParameterMismatch", message));
    }
    let (ended, launched): (Vec<_>, Vec<_>) = found.into_iter().partition(|instance| instance.state.has_ended());
    if let (Some(first), true) = (ended.first(), launched.is_empty()) {
        let message = format!("{} was launched under the same Idempotency-Key, and is terminated", first.instance_id);
        return Err(Error::new(Kind::Conflict, "IdempotentInstanceTerminated", message));
    }
    Ok(Some(Completed::new(launched, page.request_id)))
}

/// Whether an instance may be of this launch: an idempotency key may have been used for an earlier,
/// different launch.
fn may_be_of(instance: &Instance, launch: &Launch) -> bool {
    let is_of_image = |id: &str| launch.image_id.is_parameter() || id == launch.image_id.as_str();
    let zone = launch.options.placement.zone.as_ref();
    instance.instance_type.as_deref().is_none_or(|name| name == launch.instance_type.as_str())
        && non_empty(&instance.image_id).is_none_or(is_of_image)
        && non_empty(&instance.key_name).is_none_or(|name| Some(name) == launch.options.key_name.as_deref())
        && non_empty(&instance.availability_zone).is_none_or(|found| zone.is_none_or(|zone| found == zone.as_str()))
        && non_empty(&instance.subnet_id)
            .is_none_or(|found| launch.subnet_id.as_ref().is_none_or(|subnet| found == subnet.as_str()))
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
    attempt: &Attempt<'_>,
) -> Result<Option<Completed<Vec<Instance>>>, Error> {
    const PAUSES_MS: [u64; 4] = [0, 500, 1000, 1500];
    let launch = attempt.launch;
    let filters = vec![Filter::exactly("client-token", [attempt.client_token.as_str()])];
    let query = InstanceQuery { filters, details: true, ..InstanceQuery::default() };
    // RunInstances is idempotent for each zone: under the same token, another zone is another
    // launch.
    let in_zone = |instance: &Instance| {
        let found = non_empty(&instance.availability_zone);
        launch.options.placement.zone.as_ref().is_none_or(|zone| found.is_none_or(|found| found == zone.as_str()))
    };
    let mut previous_count = 0;
    for pause in PAUSES_MS.map(Duration::from_millis) {
        tokio::time::sleep(pause).await;
        let Ok(page) = cx.ec2.describe_instances(region, &query).await else { continue };
        let found: Vec<_> = page.value.into_instances().filter(in_zone).collect();
        let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
        if !found.iter().all(|instance| may_be_of(instance, launch) && !instance.state.has_ended()) {
            return Ok(None);
        }
        if count >= launch.max_count || (count >= launch.min_count && count == previous_count) {
            return Ok(Some(Completed::new(found, page.request_id)));
        }
        previous_count = count;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_shared_among_the_attempts_that_are_left() {
        let share = |seconds, attempts| {
            let now = Instant::now();
            send_deadline(now + Duration::from_secs(seconds), attempts) - now
        };
        let is_about = |time: Duration, seconds: f32| (time.as_secs_f32() - seconds).abs() < 0.1;
        assert!(is_about(share(24, 1), 20.0) && is_about(share(24, 4), 5.0) && is_about(share(4, 2), 1.0));
    }
}
