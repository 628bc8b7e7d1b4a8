//! The second function: an event of EventBridge Scheduler in, an action of a schedule done.
//!
//! Of the event it believes two members, the name of the schedule and the time for which it was
//! planned. A forged event can at most make a schedule do its own action, as its owner; a one-time
//! action only for its own time.

use crate::app::App;
use crate::auth::{Authentication, Caller};
use crate::authz::Decision;
use crate::aws::call_stats::CallStats;
use crate::aws::xray::Trace;
use crate::error::{Error, Kind};
use crate::http::invoked::time_left;
use crate::http::status::status;
use crate::metrics::{self, Metrics};
use crate::model::{ScheduleName, ScheduledAction, rfc3339_milliseconds, split_scheduled_name, timestamp};
use crate::operations::Context;
use crate::operations::account::TargetAccount;
use crate::operations::schedules::act::logged_owner;
use crate::operations::schedules::firing::{Firing, is_transient};
use crate::request_log::RequestLog;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;
use tokio::time::Instant;

/// How far from its planned time an action may happen: Lambda's attempts are over by then. An older
/// event must not act by surprise, when somebody sends it again.
const MAX_DELAY: SignedDuration = SignedDuration::from_mins(15);

/// The name of the second function's route in the log.
const OPERATION: &str = "fire";

/// Handles one event, with one log line. Its result says in a few words what became of it.
///
/// # Errors
/// The action failed or was refused. A reboot that failed because of AWS, or after an instance was
/// marked for it, is no error here, so that Lambda does not repeat it: a repetition would find the
/// marks and call it done. Log and metrics show it like all others.
pub async fn fire(app: &App, event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
    let started = Instant::now();
    let LambdaEvent { payload, context } = event;
    let service = Some(context.env_config.function_name.as_str()).filter(|name| !name.is_empty());
    let mut log = RequestLog {
        service: service.unwrap_or(metrics::NAMESPACE),
        request_id: &context.request_id,
        dialect: "schedules",
        operation: OPERATION,
        ..RequestLog::default()
    };
    let calls = CallStats::new(Trace::sampled(context.xray_trace_id.as_deref(), app.config.xray_daemon));
    let now = (app.clock)();
    let (mut is_reboot, mut result) = (false, Err(Error::internal("the event was not handled")));
    let handled = async {
        result = match planned(&payload, now) {
            Ok(planned) => {
                is_reboot = planned.action == ScheduledAction::Reboot;
                carry_out(app, &planned, &context, now, &mut log).await
            }
            Err(error) => Err(error),
        };
    };
    calls.scope(handled).await;
    log.level = "INFO";
    log.status = 200;
    match &result {
        Ok(done) => {
            log.message = Some(done.clone());
            if log.code.is_some() {
                log.level = "WARN";
            }
        }
        Err(error) => {
            log.set_error(error);
            log.level = "ERROR";
            log.status = status(error.kind);
        }
    }
    let ended = (app.clock)();
    log.timestamp = rfc3339_milliseconds(ended);
    let failed = result.as_ref().err().map(|error| error.kind);
    log.metrics = Metrics::of_firing(ended, failed, started.elapsed(), &calls, &app.cold_start);
    (app.log)(&log.to_line(&app.config.callers.keys));
    match result {
        Ok(done) => Ok(json!({"message": done})),
        Err(error) if is_reboot && (log.audit.marked || is_transient(&error)) => {
            Ok(json!({"message": format!("A reboot is not repeated. {}", error.message)}))
        }
        // Lambda repeats it, and then puts the event and these texts into the queue of failures.
        Err(error) => Err(Diagnostic { error_type: error.code.into_owned(), error_message: error.message }),
    }
}

/// What an event asks for.
struct Planned {
    name: ScheduleName,
    action: ScheduledAction,
    time: Timestamp,
}

/// Reads the two members of an event that count, and checks the time.
///
/// # Errors
/// The event is not of a schedule of this function, or its time is too far away.
fn planned(event: &Value, now: OffsetDateTime) -> Result<Planned, Error> {
    let malformed = || {
        let message = "This is not an event of a schedule: this function takes no other events";
        Error::new(Kind::Invalid, "MalformedEvent", message)
    };
    let text = |name: &str| event.as_object()?.get(name)?.as_str();
    let (name, action) = text("schedule").and_then(split_scheduled_name).ok_or_else(malformed)?;
    let time: Timestamp = text("scheduled_time").and_then(|time| time.parse().ok()).ok_or_else(malformed)?;
    if timestamp(now).duration_since(time).abs() > MAX_DELAY {
        let entry = action.scheduled_name(&name);
        let message = format!("{entry} was planned for {time}, more than 15 minutes from now: nothing was done");
        return Err(Error::new(Kind::Conflict, "StaleEvent", message));
    }
    Ok(Planned { name, action, time })
}

/// Does what Scheduler now keeps under the name.
async fn carry_out(
    app: &App,
    planned: &Planned,
    invoked: &lambda_runtime::Context,
    now: OffsetDateTime,
    log: &mut RequestLog<'_>,
) -> Result<String, Error> {
    let Planned { name, action, time } = planned;
    log.target.schedule = Some(action.scheduled_name(name));
    log.scheduled_time = Some(time.to_string());
    // The action itself is authorized for the owner: this caller has no rights.
    let scheduler = Caller::new("scheduler.amazonaws.com", Authentication::Iam);
    let deadline = Some(invoked.deadline());
    let cx = Context {
        config: &app.config,
        policies: app.policies.as_ref(),
        ec2: &app.ec2,
        own_ec2: &app.ec2,
        accounts: &app.accounts,
        s3: &app.s3,
        scheduler: app.scheduler.as_ref(),
        now,
        caller: &scheduler,
        source_ip: None,
        account: TargetAccount::default(),
        region_parameter: "region_name",
        client_token: &invoked.request_id,
        has_idempotency_key: false,
        dry_run: false,
        wait: Duration::ZERO,
        deadline: Instant::now() + time_left(deadline, SystemTime::now()),
        decision: Mutex::new(Decision::default()),
        audit: Mutex::default(),
    };
    let Some(firing) = Firing::read(&cx, name, *action).await? else {
        return Ok("The schedule was deleted in the meantime: nothing was done".to_owned());
    };
    log.set_caller(&logged_owner(&firing.schedule));
    log.target = firing.target();
    log.action = Some(firing.aws_action());
    if !firing.schedule.enabled {
        return Ok("The schedule was disabled in the meantime: nothing was done".to_owned());
    }
    if !firing.can_be_planned_for(*time) {
        return Ok("The schedule was replaced in the meantime: nothing was done".to_owned());
    }
    let done = firing.carry_out(&cx, *time).await;
    log.audit = cx.audit.into_inner().unwrap_or_else(PoisonError::into_inner);
    log.set_decision(cx.decision.into_inner().unwrap_or_else(PoisonError::into_inner));
    let done = done?;
    log.aws_request_id = done.aws_request_id;
    let mut said = done.warnings;
    if let Some(error) = &done.incomplete {
        log.set_error(error);
        said.push(error.message.clone());
    }
    Ok(if said.is_empty() { "Done".to_owned() } else { said.join(". ") })
}
