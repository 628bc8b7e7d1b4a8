//! The JSON of a schedule.

use super::common::sample_time;
use crate::http::schema::without_null;
use crate::model::{
    Authentication, Definition, FromText as _, Hibernation, Owner, Region, Schedule, ScheduleFields, ScheduleName,
    ScheduledAction, ScheduledInstances, Tag, Timetable, timestamp,
};
use crate::operations::schedules::entries::StoredSchedule;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use serde_with::skip_serializing_none;
use std::collections::BTreeMap;

/// A schedule. A PUT takes it, without `owner`, `updated` and `acts_until`.
#[skip_serializing_none]
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Schedule", transform = without_null)]
pub(super) struct ScheduleBody<'a> {
    name: &'a str,
    /// When the instances start: `HH:MM`, `cron(...)`, `rate(...)` or `at(...)`.
    start: Option<&'a str>,
    stop: Option<&'a str>,
    reboot: Option<&'a str>,
    terminate: Option<&'a str>,
    /// The days of the times `HH:MM`.
    days: Option<&'a str>,
    timezone: &'a str,
    start_date: Option<String>,
    end_date: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    skip: Vec<String>,
    region_name: &'a str,
    /// The number of another account.
    account: Option<&'a str>,
    instance_id: Option<Vec<&'a str>>,
    /// The tags that the instances have, as `tag:KEY`.
    #[serde(flatten)]
    tags: BTreeMap<String, &'a str>,
    /// Of the end of a launch: the client tokens under which its instances were launched.
    client_tokens: Option<&'a [String]>,
    expect: Option<u32>,
    hibernate: Option<HibernateBody>,
    force: Option<bool>,
    skip_os_shutdown: Option<bool>,
    enabled: bool,
    description: Option<&'a str>,
    owner: OwnerBody<'a>,
    /// When it was last written.
    #[schemars(extend("format" = "date-time"))]
    updated: String,
    /// When it stops acting unless it is written again: its owner can't be looked up then.
    #[schemars(extend("format" = "date-time"))]
    acts_until: Option<String>,
    /// The actions that a failed change has left missing or different. Write the schedule again, or
    /// delete it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    incomplete: Vec<&'static str>,
}

/// Whether a stop hibernates.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum HibernateBody {
    Always(bool),
    Prefer(&'static str),
}

/// The caller as whom a schedule acts.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ScheduleOwner")]
struct OwnerBody<'a> {
    /// `key`, `iam` or `jwt`.
    authentication: &'static str,
    name: &'a str,
}

impl<'a> ScheduleBody<'a> {
    pub(super) fn of(schedule: &'a Schedule, incomplete: &[ScheduledAction]) -> Self {
        let Definition { owner, updated, timetable, region, account, instances, .. } = &schedule.definition;
        let definition = &schedule.definition;
        let time = |action| timetable.time(action).map(|time| time.given.as_str());
        let (mut named, mut tags, mut client_tokens) = (None, BTreeMap::new(), None);
        match instances {
            ScheduledInstances::Named(instances) => {
                named = Some(instances.iter().map(|instance| instance.as_str()).collect());
            }
            ScheduledInstances::Tagged(tagged) => {
                tags = tagged.iter().map(|tag| (format!("tag:{}", tag.key), tag.value.as_str())).collect();
            }
            ScheduledInstances::Launched(tokens) => client_tokens = Some(tokens.as_slice()),
        }
        Self {
            name: schedule.name.as_str(),
            start: time(ScheduledAction::Start),
            stop: time(ScheduledAction::Stop),
            reboot: time(ScheduledAction::Reboot),
            terminate: time(ScheduledAction::Terminate),
            days: timetable.days.as_ref().map(|days| days.as_str()),
            timezone: timetable.timezone.as_str(),
            start_date: timetable.start_date.map(|date| date.to_string()),
            end_date: timetable.end_date.map(|date| date.to_string()),
            skip: timetable.skip.intervals().iter().map(ToString::to_string).collect(),
            region_name: region.as_str(),
            account: account.as_ref().map(|account| account.as_str()),
            instance_id: named,
            tags,
            client_tokens,
            expect: definition.expect,
            hibernate: match definition.hibernation {
                Hibernation::Never => None,
                Hibernation::Always => Some(HibernateBody::Always(true)),
                Hibernation::Prefer => Some(HibernateBody::Prefer("prefer")),
            },
            force: definition.force.then_some(true),
            skip_os_shutdown: definition.skip_os_shutdown.then_some(true),
            enabled: schedule.enabled,
            description: definition.description.as_deref(),
            owner: OwnerBody { authentication: owner.authentication.as_str(), name: &owner.name },
            updated: updated.to_string(),
            acts_until: definition.acts_until().map(|time| time.to_string()),
            incomplete: incomplete.iter().map(|action| action.as_str()).collect(),
        }
    }
}

impl<'a> From<&'a StoredSchedule> for ScheduleBody<'a> {
    fn from(kept: &'a StoredSchedule) -> Self {
        Self::of(&kept.schedule, &kept.incomplete)
    }
}

/// The schedule of examples.
fn sample_schedule() -> Option<Schedule> {
    let fields = ScheduleFields {
        actions: &[(ScheduledAction::Start, "08:00"), (ScheduledAction::Stop, "19:00")],
        days: Some("MON-FRI"),
        timezone: Some("Europe/Berlin"),
        skip: &["2026-12-24/2026-12-26"],
        ..ScheduleFields::default()
    };
    Some(Schedule {
        name: ScheduleName::from_text(ScheduleName::EXAMPLE)?,
        enabled: true,
        definition: Definition {
            owner: Owner {
                authentication: Authentication::Key,
                name: "demo".to_owned(),
                groups: Vec::new(),
                scopes: Vec::new(),
            },
            updated: timestamp(sample_time()?),
            timetable: Timetable::read(&fields).ok()?,
            region: Region::parse("us-east-1")?,
            account: None,
            instances: ScheduledInstances::Tagged(vec![Tag { key: "team".to_owned(), value: "blue".to_owned() }]),
            expect: None,
            hibernation: Hibernation::Never,
            force: false,
            skip_os_shutdown: false,
            description: Some("Office hours".to_owned()),
        },
    })
}

/// The same as JSON.
pub(super) fn example() -> Value {
    json!(sample_schedule().as_ref().map(|schedule| ScheduleBody::of(schedule, &[])))
}
