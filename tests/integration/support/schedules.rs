//! Functions with schedules: a schedule group of their own in moto, or canned responses of
//! Scheduler.

use super::moto::moto_port;
use super::{Function, REQUEST_ID, RecordedRequest, Response, SERVICE, Wire, xml};
use ec2_control_api::firing::fire;
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The function that carries schedules out, and the role with which Scheduler calls it.
pub const SCHEDULE_TARGET: &str = "arn:aws:lambda:us-east-1:123456789012:function:schedules";
pub const SCHEDULE_ROLE: &str = "arn:aws:iam::123456789012:role/scheduler";

/// The variables of a deployment with schedules in this group.
pub fn schedule_variables(group: &str) -> [(&str, &str); 3] {
    [("SCHEDULE_GROUP", group), ("SCHEDULE_ROLE", SCHEDULE_ROLE), ("SCHEDULE_TARGET", SCHEDULE_TARGET)]
}

/// Makes a schedule group in moto that no other test uses. Returns its name.
pub async fn own_group() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let group = format!("tests-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let config = aws_sdk_scheduler::Config::builder()
        .behavior_version(aws_sdk_scheduler::config::BehaviorVersion::latest())
        .region(aws_sdk_scheduler::config::Region::from_static("us-east-1"))
        .credentials_provider(super::function::credentials())
        .endpoint_url(format!("http://127.0.0.1:{}", moto_port()))
        .build();
    let client = aws_sdk_scheduler::Client::from_conf(config);
    client.create_schedule_group().name(&group).send().await.unwrap();
    group
}

impl Function {
    /// With moto behind it, and a schedule group of its own.
    pub async fn with_schedules(variables: &[(&str, &str)]) -> Self {
        let group = own_group().await;
        let variables: Vec<_> = schedule_variables(&group).into_iter().chain(variables.iter().copied()).collect();
        Self::new(Wire::to_moto().await, &variables).await
    }

    /// With canned responses of Scheduler and EC2 behind it.
    pub async fn with_canned_schedules(
        variables: &[(&str, &str)],
        responses: impl IntoIterator<Item = Response>,
    ) -> Self {
        let variables: Vec<_> = schedule_variables("tests").into_iter().chain(variables.iter().copied()).collect();
        Self::with_variables(&variables, responses).await
    }
}

/// A second function: what becomes of an event.
pub type Fired = Result<String, Diagnostic>;

impl Function {
    /// A function of the same deployment and the same schedule group, with other variables.
    pub async fn with_other_variables(&self, variables: &[(&str, &str)]) -> Self {
        let group = &self.app.config.schedules.as_ref().unwrap().group;
        let variables: Vec<_> = schedule_variables(group).into_iter().chain(variables.iter().copied()).collect();
        Self::new(Wire::to_moto().await, &variables).await
    }

    /// Sends an event to the second function, as Lambda does.
    pub async fn fire_event(&self, event: &Value) -> Fired {
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(28);
        let mut context = Context::default();
        context.request_id = REQUEST_ID.to_owned();
        context.env_config =
            Arc::new(lambda_runtime::Config { function_name: SERVICE.to_owned(), ..lambda_runtime::Config::default() });
        context.deadline = u64::try_from(deadline.as_millis()).unwrap();
        let answer = fire(&self.app, LambdaEvent::new(event.clone(), context)).await?;
        Ok(answer["message"].as_str().unwrap().to_owned())
    }

    /// Fires an action of a schedule, such as `office-hours.stop`, at its time: the tests' minute.
    pub async fn fire(&self, name: &str) -> Fired {
        self.fire_event(&json!({"schedule": name, "scheduled_time": "2016-02-16T18:04:00Z"})).await
    }
}

impl RecordedRequest {
    /// A call of Scheduler: its method and its path, without the query.
    pub fn schedule_call(&self) -> String {
        format!("{} {}", self.method, self.path.split('?').next().unwrap_or_default())
    }

    /// The JSON body.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A response of Scheduler.
pub fn scheduler_response(body: &Value) -> Response {
    xml::response(200, body.to_string()).header("content-type", "application/json")
}

/// Scheduler's response to CreateSchedule and UpdateSchedule.
pub fn schedule_written() -> Response {
    scheduler_response(&json!({"ScheduleArn": "arn:aws:scheduler:us-east-1:123456789012:schedule/tests/x"}))
}

/// Scheduler's response to DeleteSchedule.
pub fn schedule_deleted() -> Response {
    scheduler_response(&json!({}))
}

/// Scheduler's refusal.
pub fn scheduler_refusal(status: u16, code: &str, message: &str) -> Response {
    let body = json!({"Message": message});
    xml::response(status, body.to_string()).header("content-type", "application/json").header("x-amzn-errortype", code)
}

/// Scheduler's answer to GetSchedule for a name that it does not have.
pub fn no_schedule() -> Response {
    scheduler_refusal(404, "ResourceNotFoundException", "Schedule does not exist.")
}
