//! Schedules: the fields that say when, and the text in which Scheduler keeps a definition.

use ec2_control_api::model::{
    Authentication, Definition, FromText as _, Hibernation, InstanceRef, MAX_DESCRIPTION_LEN, Owner, Region,
    ScheduleFields, ScheduleName, ScheduledAction, ScheduledInstances, Tag, Timetable, check_stored_text,
};
use std::collections::BTreeMap;

/// Reads the fields of a schedule: a name and a value on each line.
///
/// # Panics
/// A panic of the parser; an expression with other characters than Scheduler takes, or one that is
/// another when it is parsed again; a definition that is another after it was kept; or a kept text
/// with more of Scheduler's context attributes than its own.
pub fn schedule(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let given: BTreeMap<_, _> = text.lines().filter_map(|line| line.split_once(' ')).collect();
    let field = |name: &str| given.get(name).copied();
    let times = ScheduledAction::ALL.into_iter().filter_map(|action| Some((action, field(action.as_str())?)));
    let actions: Vec<_> = times.collect();
    let skip: Vec<_> = field("skip").into_iter().flat_map(|list| list.split(',')).collect();
    let fields = ScheduleFields {
        actions: &actions,
        days: field("days"),
        timezone: field("timezone"),
        start_date: field("start_date"),
        end_date: field("end_date"),
        skip: &skip,
    };
    let Ok(now) = "2026-11-26T12:00:00Z".parse() else { return };
    let Ok(timetable) = Timetable::parse(&fields, now) else { return };
    for time in &timetable.actions {
        let expression = time.expression.to_string();
        let taken = |b: u8| b.is_ascii_alphanumeric() || b" ,-*?/#():".contains(&b);
        assert!(expression.bytes().all(taken) && expression.len() <= 256, "{expression:?}");
        let fields = ScheduleFields { actions: &[(time.action, &expression)], ..ScheduleFields::default() };
        let again = Timetable::read(&fields).unwrap_or_else(|problem| panic!("{expression}: {problem:?}"));
        assert_eq!(again.actions.first().map(|time| time.expression.to_string()), Some(expression));
    }
    let _start_and_end = (timetable.start(), timetable.end(), timetable.skips(now));
    keep(timetable, field("text").unwrap_or_default());
}

/// Keeps a definition with this text in it, and reads it again.
fn keep(timetable: Timetable, text: &str) {
    let (Some(name), Some(region)) = (ScheduleName::from_text("x"), Region::parse("us-east-1")) else { return };
    if check_stored_text(text, MAX_DESCRIPTION_LEN).is_err() {
        return;
    }
    let instances = match InstanceRef::parse(text) {
        Some(instance) => ScheduledInstances::Named(vec![instance]),
        None => ScheduledInstances::Tagged(vec![Tag { key: text.to_owned(), value: text.to_owned() }]),
    };
    let owner =
        Owner { authentication: Authentication::Jwt, name: "alice".to_owned(), groups: Vec::new(), scopes: Vec::new() };
    let definition = Definition {
        owner,
        updated: jiff::Timestamp::UNIX_EPOCH,
        timetable,
        region,
        account: None,
        instances,
        expect: None,
        hibernation: Hibernation::Never,
        force: false,
        skip_os_shutdown: false,
        description: Some(text.to_owned()),
    };
    for action in definition.actions() {
        let message = definition.to_message(&name, action);
        assert_eq!(message.to_ascii_lowercase().matches("<aws.scheduler.").count(), 1, "{message}");
        assert_eq!(Definition::from_message(&message).as_ref(), Some(&definition), "{message}");
    }
}
