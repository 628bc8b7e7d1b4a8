//! A schedule: its definition, and the text in which EventBridge Scheduler keeps that.

use super::account::AccountId;
use super::authentication::Authentication;
use super::change::Hibernation;
use super::ids::InstanceRef;
use super::instance::Tag;
use super::region::Region;
use super::schedule::{ScheduleFields, ScheduleName, ScheduledAction, Timetable};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Its name.
    pub name: ScheduleName,
    /// Whether its actions happen.
    pub enabled: bool,
    /// Everything else.
    pub definition: Definition,
}

/// What a schedule does, when and for whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// The caller as whom it acts.
    pub owner: Owner,
    /// When it was last written.
    pub updated: Timestamp,
    /// When its actions happen.
    pub timetable: Timetable,
    /// The region of its instances.
    pub region: Region,
    /// The account of its instances; `None`: the function's own.
    pub account: Option<AccountId>,
    /// Its instances.
    pub instances: ScheduledInstances,
    /// How many instances it expects by tag, at most.
    pub expect: Option<u32>,
    /// Whether a stop hibernates.
    pub hibernation: Hibernation,
    /// Whether a stop or a termination is forced.
    pub force: bool,
    /// Whether the operating system is not asked to shut down.
    pub skip_os_shutdown: bool,
    /// A text for people.
    pub description: Option<String>,
}

/// The caller who wrote a schedule last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// How the caller was authenticated: a token's subject is never a key of the same name.
    pub authentication: Authentication,
    /// The caller's name.
    pub name: String,
    /// The groups of the caller's token.
    pub groups: Vec<String>,
    /// The scopes of the caller's token.
    pub scopes: Vec<String>,
}

/// How long a schedule acts for an owner who can't be looked up: 90 days.
const OWNER_LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);

impl Definition {
    /// When the schedule stops acting unless it is written again: owners by IAM or token can't be
    /// looked up when it acts. `None`: a key, which can.
    pub fn acts_until(&self) -> Option<Timestamp> {
        match self.owner.authentication {
            Authentication::Key => None,
            Authentication::Iam | Authentication::Jwt => {
                Some(self.updated.checked_add(OWNER_LIFETIME).unwrap_or(Timestamp::MAX))
            }
        }
    }
}

/// The instances of a schedule. They are looked up when it acts.
#[derive(Clone, Debug, PartialEq)]
pub enum ScheduledInstances {
    /// These; at least one.
    Named(Vec<InstanceRef>),
    /// Those that have all of these tags; at least one.
    Tagged(Vec<Tag>),
    /// Those that were launched under one of these client tokens. Only an end of a launch has them.
    Launched(Vec<String>),
}

/// The greatest number of instances that a schedule names.
pub const MAX_SCHEDULED_INSTANCES: usize = 100;

/// The definition as Scheduler keeps it. A member that this version does not know is an error: to
/// ignore it could do more than was asked for.
#[serde_with::skip_serializing_none]
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Stored {
    owner: StoredOwner,
    updated: String,
    start: Option<String>,
    stop: Option<String>,
    reboot: Option<String>,
    terminate: Option<String>,
    days: Option<String>,
    timezone: Option<String>,
    start_date: Option<String>,
    end_date: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    skip: Vec<String>,
    region_name: String,
    account: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    instance_id: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    client_tokens: Vec<String>,
    expect: Option<u32>,
    hibernate: Option<String>,
    force: bool,
    skip_os_shutdown: bool,
    description: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct StoredOwner {
    authentication: String,
    name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
}

/// What Scheduler sends when an action happens: whose turn it is. The function believes these two
/// members only, and reads the definition from Scheduler.
#[derive(Serialize, Deserialize)]
struct Message {
    schedule: String,
    scheduled_time: String,
    stored: Stored,
}

/// What Scheduler replaces by the time for which the action was planned
/// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>).
const SCHEDULED_TIME: &str = "<aws.scheduler.scheduled-time>";

impl Definition {
    /// Its actions, in a fixed order.
    pub fn actions(&self) -> impl Iterator<Item = ScheduledAction> + use<'_> {
        let has = |action: &ScheduledAction| self.timetable.time(*action).is_some();
        ScheduledAction::ALL.into_iter().filter(has)
    }

    /// The message for one action, with the definition in it.
    pub fn to_message(&self, name: &ScheduleName, action: ScheduledAction) -> String {
        let message = Message {
            schedule: action.scheduled_name(name),
            scheduled_time: SCHEDULED_TIME.to_owned(),
            stored: Stored::from(self),
        };
        // A struct of texts and numbers is always JSON.
        serde_json::to_string(&message).unwrap_or_default()
    }

    /// The definition in a message that Scheduler keeps; `None` if this function has not written
    /// it.
    pub fn from_message(message: &str) -> Option<Self> {
        let message: Message = serde_json::from_str(message).ok()?;
        message.stored.definition()
    }
}

impl From<&Definition> for Stored {
    fn from(definition: &Definition) -> Self {
        let Definition {
            owner,
            updated,
            timetable,
            region,
            account,
            instances,
            expect,
            hibernation,
            force,
            skip_os_shutdown,
            description,
        } = definition;
        let time = |action| timetable.time(action).map(|time| time.given.clone());
        let mut stored = Self {
            owner: StoredOwner {
                authentication: owner.authentication.as_str().to_owned(),
                name: owner.name.clone(),
                groups: owner.groups.clone(),
                scopes: owner.scopes.clone(),
            },
            updated: updated.to_string(),
            start: time(ScheduledAction::Start),
            stop: time(ScheduledAction::Stop),
            reboot: time(ScheduledAction::Reboot),
            terminate: time(ScheduledAction::Terminate),
            days: timetable.days.as_ref().map(|days| days.as_str().to_owned()),
            timezone: Some(timetable.timezone.as_str().to_owned()),
            start_date: timetable.start_date.map(|date| date.to_string()),
            end_date: timetable.end_date.map(|date| date.to_string()),
            skip: timetable.skip.intervals().iter().map(ToString::to_string).collect(),
            region_name: region.to_string(),
            account: account.as_ref().map(ToString::to_string),
            expect: *expect,
            hibernate: match hibernation {
                Hibernation::Never => None,
                Hibernation::Always => Some("true".to_owned()),
                Hibernation::Prefer => Some("prefer".to_owned()),
            },
            force: *force,
            skip_os_shutdown: *skip_os_shutdown,
            description: description.clone(),
            ..Self::default()
        };
        match instances {
            ScheduledInstances::Named(named) => {
                stored.instance_id = named.iter().map(|instance| instance.as_str().to_owned()).collect();
            }
            ScheduledInstances::Tagged(tags) => {
                stored.tags = tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect();
            }
            ScheduledInstances::Launched(tokens) => stored.client_tokens.clone_from(tokens),
        }
        stored
    }
}

impl Stored {
    fn definition(self) -> Option<Definition> {
        let times = [
            (ScheduledAction::Start, &self.start),
            (ScheduledAction::Stop, &self.stop),
            (ScheduledAction::Reboot, &self.reboot),
            (ScheduledAction::Terminate, &self.terminate),
        ];
        let actions: Vec<_> = times.iter().filter_map(|(action, time)| Some((*action, time.as_deref()?))).collect();
        let skip: Vec<_> = self.skip.iter().map(String::as_str).collect();
        let fields = ScheduleFields {
            actions: &actions,
            days: self.days.as_deref(),
            timezone: self.timezone.as_deref(),
            start_date: self.start_date.as_deref(),
            end_date: self.end_date.as_deref(),
            skip: &skip,
        };
        let timetable = Timetable::read(&fields).ok()?;
        let instances = match (self.instance_id.as_slice(), self.tags.as_slice(), self.client_tokens.as_slice()) {
            ([_, ..], [], []) => ScheduledInstances::Named(
                self.instance_id.iter().map(|text| InstanceRef::parse(text)).collect::<Option<_>>()?,
            ),
            ([], [_, ..], []) => {
                let tag = |(key, value)| Tag { key, value };
                ScheduledInstances::Tagged(self.tags.into_iter().map(tag).collect())
            }
            ([], [], [_, ..]) => ScheduledInstances::Launched(self.client_tokens),
            _ => return None,
        };
        Some(Definition {
            owner: Owner {
                authentication: Authentication::parse(&self.owner.authentication)?,
                name: self.owner.name,
                groups: self.owner.groups,
                scopes: self.owner.scopes,
            },
            updated: self.updated.parse().ok()?,
            timetable,
            region: Region::parse(&self.region_name)?,
            account: match &self.account {
                Some(account) => Some(AccountId::parse(account)?),
                None => None,
            },
            instances,
            expect: self.expect,
            hibernation: match self.hibernate.as_deref() {
                None => Hibernation::Never,
                Some("true") => Hibernation::Always,
                Some("prefer") => Hibernation::Prefer,
                Some(_) => return None,
            },
            force: self.force,
            skip_os_shutdown: self.skip_os_shutdown,
            description: self.description,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FromText as _;
    use serde_json::{Value, json};

    fn name(text: &str) -> ScheduleName {
        ScheduleName::from_text(text).unwrap()
    }

    fn office_hours() -> Definition {
        let fields = ScheduleFields {
            actions: &[(ScheduledAction::Start, "08:00"), (ScheduledAction::Stop, "cron(5 19 ? * MON-FRI *)")],
            days: Some("MON-FRI"),
            timezone: Some("Europe/Berlin"),
            start_date: Some("2026-12-01"),
            end_date: Some("2027-03-28"),
            skip: &["2026-12-24/2026-12-26"],
        };
        Definition {
            owner: Owner {
                authentication: Authentication::Jwt,
                name: "alice".to_owned(),
                groups: vec!["blue".to_owned()],
                scopes: Vec::new(),
            },
            updated: "2026-11-26T12:00:00Z".parse().unwrap(),
            timetable: Timetable::read(&fields).unwrap(),
            region: Region::parse("eu-west-1").unwrap(),
            account: AccountId::parse("111122223333"),
            instances: ScheduledInstances::Tagged(vec![Tag { key: "team".to_owned(), value: "a<b".to_owned() }]),
            expect: Some(2),
            hibernation: Hibernation::Prefer,
            force: false,
            skip_os_shutdown: true,
            description: Some("Office hours".to_owned()),
        }
    }

    #[test]
    fn a_definition_is_kept_as_it_is() {
        let schedule = name("office-hours");
        for instances in [
            office_hours().instances,
            ScheduledInstances::Named(vec![
                InstanceRef::parse("web").unwrap(),
                InstanceRef::parse("i-0123abcd").unwrap(),
            ]),
            ScheduledInstances::Launched(vec!["token-1".to_owned(), "token-2".to_owned()]),
        ] {
            let definition = Definition { instances, ..office_hours() };
            let message = definition.to_message(&schedule, ScheduledAction::Stop);
            assert_eq!(Definition::from_message(&message).unwrap(), definition, "{message}");
            let message: Value = serde_json::from_str(&message).unwrap();
            assert_eq!(message["schedule"], "office-hours.stop");
            assert_eq!(message["scheduled_time"], "<aws.scheduler.scheduled-time>");
        }
        let actions: Vec<_> = office_hours().actions().map(ScheduledAction::as_str).collect();
        assert_eq!(actions, ["start", "stop"]);
    }

    #[test]
    fn days_begin_and_end_in_the_zone() {
        let timetable = office_hours().timetable;
        assert_eq!(timetable.start().unwrap().to_string(), "2026-11-30T23:00:00Z");
        // The day on which clocks are set forward has 23 hours.
        assert_eq!(timetable.end().unwrap().to_string(), "2027-03-28T21:59:59Z");
    }

    #[test]
    fn schedules_of_people_who_cannot_be_looked_up_act_for_90_days() {
        let definition = office_hours();
        assert_eq!(definition.acts_until().unwrap().to_string(), "2027-02-24T12:00:00Z");
        let owner = Owner { authentication: Authentication::Key, ..definition.owner.clone() };
        assert_eq!(Definition { owner, ..definition }.acts_until(), None);
    }

    #[test]
    fn what_this_function_has_not_written_is_no_definition() {
        let message: Value =
            serde_json::from_str(&office_hours().to_message(&name("x"), ScheduledAction::Stop)).unwrap();
        let with = |pointer: &str, value: Value| {
            let mut message = message.clone();
            let (parent, member) = pointer.rsplit_once('/').unwrap();
            message.pointer_mut(parent).unwrap()[member] = value;
            Definition::from_message(&message.to_string())
        };
        assert!(with("/stored/force", json!(true)).is_some());
        for (pointer, value) in [
            ("/stored/unknown", json!(1)),
            ("/stored/instance_id", json!(["web"])),
            ("/stored/tags", json!([])),
            ("/stored/owner/authentication", json!("root")),
            ("/stored/region_name", json!("evil.example.com")),
            ("/stored/account", json!("blue")),
            ("/stored/timezone", json!("Europe/Atlantis")),
            ("/stored/stop", json!("25:00")),
            ("/stored/updated", json!("yesterday")),
            ("/stored/hibernate", json!("maybe")),
        ] {
            assert_eq!(with(pointer, value), None, "{pointer}");
        }
        for text in ["", "{}", "[]", "null", r#"{"schedule":"x.stop","scheduled_time":"now"}"#] {
            assert_eq!(Definition::from_message(text), None, "{text}");
        }
    }
}
