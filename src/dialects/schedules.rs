//! `/schedules`: start, stop, reboot and terminate instances at certain times. Its errors are those
//! of `/ec2`. Without a schedule group the dialect is off.

use super::boto3::{Boto3Change, Boto3Id, ERROR_BODY, encode_error, sample_failure, sample_state_change};
use super::chosen::{Choice, Chosen};
use super::common::{
    self, ACCOUNT, DRY_RUN, FORCE, HIBERNATE, LIST_HEADERS, PageToken, SKIP_OS_SHUTDOWN, dry_run_response,
    encode_dry_run, encode_list,
};
use super::ec2_changes::{PartialItem, encode_each};
use super::ec2_params::{self, INSTANCE_NAMES, REGION_NAME};
use super::schedule_body::{ScheduleBody, example};
use crate::error::Error;
use crate::http::call::{Decoded, call};
use crate::http::param::{Param, Tags};
use crate::http::reply::Reply;
use crate::http::route::{BodyUse, Dialect, Handler, Input, Response, Route, UnknownUse};
use crate::http::rows::Rows;
use crate::model::{
    AccountId, DateInterval, FromText as _, Hibernation, InstanceId, InstanceRef, MAX_DESCRIPTION_LEN,
    MAX_SCHEDULED_INSTANCES, MAX_SKIP_INTERVALS, MAX_TAG_VALUE_LEN, Region, ScheduleFields, ScheduleName,
    ScheduledAction, ScheduledInstances, Timetable, check_stored_text, timestamp,
};
use crate::operations::Operation as _;
use crate::operations::schedules::act::ActionOutput;
use crate::operations::schedules::delete::DeleteSchedule;
use crate::operations::schedules::entries::StoredSchedule;
use crate::operations::schedules::get::GetSchedule;
use crate::operations::schedules::list::{ListSchedules, SCHEDULE_PAGE_SIZES};
use crate::operations::schedules::put::PutSchedule;
use crate::operations::schedules::run::RunSchedule;
use crate::operations::schedules::set_state::SetScheduleState;
use crate::operations::schedules::{CREATE_SCHEDULE, UPDATE_SCHEDULE};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

// ---------------------------------------------------------------------------------------- routes

/// The dialect.
pub const DIALECT: Dialect = Dialect {
    name: "schedules",
    summary: "When instances start, stop, reboot and end.",
    prefix: "/schedules",
    enabled: |config| config.schedules.is_some(),
    routes: ROUTES,
    unknown_parameters: UnknownUse::Refuse,
    ignored_parameters: &[],
    region_parameter: REGION_NAME.info.name,
    segments: &[NAME.info],
    dry_run: encode_dry_run,
    error: encode_error,
    error_body: ERROR_BODY,
};

const ROUTES: &[Route] = &[
    Route {
        methods: &["GET"],
        path: "/schedules",
        name: "list",
        summary: "Lists the schedules that the caller may see, by name.",
        parameters: &[REGION_NAME_FILTER.info, ACCOUNT.info, MAX_RESULTS.info, NEXT_TOKEN.info],
        body: BodyUse::Parameters,
        responses: &[
            Response::json::<Vec<ScheduleBody<'_>>>(200, "The schedules.", || json!([example()])).with(LIST_HEADERS)
        ],
        handler: Handler::Authenticated { actions: &[ListSchedules::<Rows<StoredSchedule>>::ACTION], decode: list },
    },
    Route {
        methods: &["PUT"],
        path: "/schedules/{name}",
        name: "put",
        summary: "Makes a schedule, or replaces it. The caller becomes its owner: it acts as he may then.",
        parameters: &[
            SAME_NAME.info,
            START.info,
            STOP.info,
            REBOOT.info,
            TERMINATE.info,
            DAYS.info,
            TIMEZONE.info,
            START_DATE.info,
            END_DATE.info,
            SKIP.info,
            REGION_NAME.info,
            ACCOUNT.info,
            INSTANCE_ID.info,
            INSTANCE_TAG.info,
            EXPECT.info,
            HIBERNATE.info,
            FORCE.info,
            SKIP_OS_SHUTDOWN.info,
            ENABLED.info,
            DESCRIPTION.info,
            DRY_RUN.info,
        ],
        body: BodyUse::Parameters,
        responses: &[
            Response::json::<ScheduleBody<'_>>(201, "The schedule is new.", example),
            Response::json::<ScheduleBody<'_>>(200, "The schedule is replaced.", example),
            DRY_RUN_OK,
        ],
        handler: Handler::Authenticated { actions: &[CREATE_SCHEDULE, UPDATE_SCHEDULE], decode: put },
    },
    Route {
        methods: &["GET"],
        path: "/schedules/{name}",
        name: "get",
        summary: "Shows a schedule.",
        parameters: &[ACCOUNT.info],
        body: BodyUse::Parameters,
        responses: &[Response::json::<ScheduleBody<'_>>(200, "The schedule.", example)],
        handler: Handler::Authenticated {
            actions: &[GetSchedule::ACTION],
            decode: |input| {
                call(GetSchedule { name: name(input)?, account: account(input)? }, |kept| {
                    Reply::json(200, &ScheduleBody::from(&kept))
                })
            },
        },
    },
    Route {
        methods: &["DELETE"],
        path: "/schedules/{name}",
        name: "delete",
        summary: "Deletes a schedule.",
        parameters: &[ACCOUNT.info, DRY_RUN.info],
        body: BodyUse::Parameters,
        responses: &[Response::empty(204, "The schedule is gone."), DRY_RUN_OK],
        handler: Handler::Authenticated {
            actions: &[DeleteSchedule::ACTION],
            decode: |input| {
                call(DeleteSchedule { name: name(input)?, account: account(input)? }, |()| Reply::empty(204))
            },
        },
    },
    Route {
        methods: &["POST"],
        path: "/schedules/{name}/enable",
        name: "enable",
        summary: "Lets the actions of a schedule happen again.",
        parameters: &[ACCOUNT.info, DRY_RUN.info],
        body: BodyUse::Parameters,
        responses: &[Response::json::<ScheduleBody<'_>>(200, "The schedule is enabled.", example), DRY_RUN_OK],
        handler: Handler::Authenticated {
            actions: &[SetScheduleState::ACTION],
            decode: |input| set_state(input, true),
        },
    },
    Route {
        methods: &["POST"],
        path: "/schedules/{name}/disable",
        name: "disable",
        summary: "Keeps the actions of a schedule from happening.",
        parameters: &[ACCOUNT.info, DRY_RUN.info],
        body: BodyUse::Parameters,
        responses: &[Response::json::<ScheduleBody<'_>>(200, "The schedule is disabled.", example), DRY_RUN_OK],
        handler: Handler::Authenticated {
            actions: &[SetScheduleState::ACTION],
            decode: |input| set_state(input, false),
        },
    },
    Route {
        methods: &["POST"],
        path: "/schedules/{name}/run",
        name: "run",
        summary: "Does one of a schedule's actions now, as its owner: as if it were time.",
        parameters: &[ACTION.info, ACCOUNT.info, DRY_RUN.info],
        body: BodyUse::Parameters,
        responses: &[
            Response::json::<Vec<ActedItem<'_>>>(
                200,
                "What became of each instance; a reboot has InstanceId only. Instances that are kept are left out.",
                || json!([sample_state_change()]),
            ),
            Response::json::<Vec<PartialItem<'_, ActedItem<'_>>>>(
                207,
                "Some were changed, the others have their errors.",
                || json!([sample_state_change(), sample_failure()]),
            ),
            DRY_RUN_OK,
        ],
        handler: Handler::Authenticated { actions: &[RunSchedule::ACTION], decode: run },
    },
];

const DRY_RUN_OK: Response = dry_run_response(|| json!(common::DryRunBody::new(CREATE_SCHEDULE, false)));

const NAME: Param<ScheduleName> = Param::required("name", "The schedule's name.");
const SAME_NAME: Param<ScheduleName> = Param::optional("name", "The name in the path again, if it is given.");

const ACTION: Param<ScheduledAction> = Param::required("action", "The action, one of the schedule's.");

const START: Param<String> = action_time("start", "When the instances start: HH:MM, cron(...), rate(...) or at(...).");
const STOP: Param<String> = action_time("stop", "When they stop, in the same forms.");
const REBOOT: Param<String> = action_time("reboot", "When they reboot, in the same forms.");
const TERMINATE: Param<String> =
    action_time("terminate", "When they are terminated, in the same forms. By tag:KEY this needs expect.");

const fn action_time(name: &'static str, summary: &'static str) -> Param<String> {
    Param::optional(name, summary)
        .max_len(256)
        .pattern("^(([01][0-9]|2[0-3]):[0-5][0-9]|(cron|rate|at)\\([0-9A-Za-z ,*?/#:-]+\\))$")
        .example("19:00")
}

const DAYS: Param<String> =
    Param::optional("days", "The days of the times HH:MM: MON-FRI, or MON,WED,SAT; every day if not given.")
        .max_len(64)
        .pattern(
            "^(MON|TUE|WED|THU|FRI|SAT|SUN)(-(MON|TUE|WED|THU|FRI|SAT|SUN))?\
             (,(MON|TUE|WED|THU|FRI|SAT|SUN)(-(MON|TUE|WED|THU|FRI|SAT|SUN))?)*$",
        )
        .example("MON-FRI");
const TIMEZONE: Param<String> =
    Param::optional("timezone", "The time zone of all times and dates, of the IANA database; UTC if not given.")
        .max_len(50)
        .example("Europe/Berlin");
const START_DATE: Param<String> = date("start_date", "The first day, in the time zone. Not with at(...).");
const END_DATE: Param<String> = date("end_date", "The last day, in the time zone. Not with at(...).");

const fn date(name: &'static str, summary: &'static str) -> Param<String> {
    Param::optional(name, summary).max_len(10).pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}$").example("2099-12-31")
}

const SKIP: Param<Vec<DateInterval>> = Param::optional(
    "skip",
    "Days on which nothing happens, in the time zone: dates, and intervals such as 2026-12-24/2026-12-26.",
)
.max_items(MAX_SKIP_INTERVALS);
const INSTANCE_ID: Param<Vec<InstanceRef>> = Param::optional(
    "instance_id",
    "The instances, by ID or name, which are looked up each time. Required without tag:KEY.",
)
.aliases(INSTANCE_NAMES)
.max_items(MAX_SCHEDULED_INSTANCES);
const INSTANCE_TAG: Param<Tags> = Param::optional(
    "tag:KEY",
    "Instead of instance_id: all instances whose tag KEY has exactly this value then. Several: all must hold.",
)
.max_len(MAX_TAG_VALUE_LEN);
const EXPECT: Param<u32> = Param::optional(
    "expect",
    "With tag:KEY: how many instances are meant at most. With more, nothing happens. Required to terminate.",
)
.range((0, common::MAX_INSTANCES))
.example("2");
const ENABLED: Param<bool> = Param::optional("enabled", "Whether its actions happen; true if not given.");
const DESCRIPTION: Param<String> =
    Param::optional("description", "A text for people.").max_len(MAX_DESCRIPTION_LEN).example("Office hours");

const REGION_NAME_FILTER: Param<Region> = Param::optional("region_name", "Only schedules of instances in this region.");
const NEXT_TOKEN: Param<PageToken> = ec2_params::NEXT_TOKEN.pattern(ScheduleName::PATTERN);
const MAX_RESULTS: Param<u32> =
    Param::optional("max_results", "One page of at most this many, instead of all that fits.")
        .range(SCHEDULE_PAGE_SIZES)
        .example("100");

// ---------------------------------------------------------------------------------------- decode

fn name(input: &Input<'_>) -> Result<ScheduleName, Error> {
    let invalid = || Error::invalid(NAME.info.name, format!("must be {}", ScheduleName::EXPECTED));
    input.segment(NAME).ok_or_else(invalid)
}

/// The account of the instances; `None`: any.
fn account(input: &Input<'_>) -> Result<Option<AccountId>, Error> {
    Ok(input.optional(ACCOUNT)?.and(input.account.clone()))
}

fn list(input: &Input<'_>) -> Decoded {
    let region = input.optional(REGION_NAME_FILTER)?;
    let account = account(input)?;
    let max_results = input.optional(MAX_RESULTS)?;
    let after = input.optional(NEXT_TOKEN)?.map(|PageToken(token)| {
        let invalid = || Error::invalid(NEXT_TOKEN.info.name, "is not where a list ended");
        ScheduleName::from_text(&token).ok_or_else(invalid)
    });
    let sink = Rows::json(|schedules: &[StoredSchedule], _, rows| {
        for kept in schedules {
            rows.push(&ScheduleBody::from(kept));
        }
    });
    call(ListSchedules { account, region, max_results, after: after.transpose()?, sink }, encode_list(false))
}

/// What an action did with one instance.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum ActedItem<'a> {
    Changed(Boto3Change<'a>),
    Rebooted(Boto3Id<'a>),
}

fn run(input: &Input<'_>) -> Decoded {
    let (name, account, action) = (name(input)?, account(input)?, input.required(ACTION)?);
    call(RunSchedule { name, account, action }, |output| match output {
        ActionOutput::Changed(results) => encode_each(&results, |change| ActedItem::Changed(Boto3Change::from(change))),
        ActionOutput::Rebooted(results) => {
            encode_each(&results, |id: &InstanceId| ActedItem::Rebooted(Boto3Id { instance_id: id.as_str() }))
        }
    })
}

fn set_state(input: &Input<'_>, enabled: bool) -> Decoded {
    call(SetScheduleState { name: name(input)?, account: account(input)?, enabled }, |kept| {
        Reply::json(200, &ScheduleBody::from(&kept))
    })
}

fn put(input: &Input<'_>) -> Decoded {
    let name = name(input)?;
    if input.optional(SAME_NAME)?.is_some_and(|same| same != name) {
        return Err(Error::invalid(SAME_NAME.info.name, "must be the name in the path"));
    }
    let timetable = timetable(input)?;
    let has = |action| timetable.time(action).is_some();
    let (instances, expect) = instances(input, has(ScheduledAction::Terminate))?;
    let hibernation = input.optional(HIBERNATE)?;
    let (force, skip_os_shutdown) = (input.optional(FORCE)?, input.optional(SKIP_OS_SHUTDOWN)?);
    let stops = has(ScheduledAction::Stop);
    let ends = stops || has(ScheduledAction::Terminate);
    for (is_without_effect, param) in [
        (hibernation.is_some_and(|hibernation| hibernation != Hibernation::Never) && !stops, HIBERNATE.info.name),
        (force == Some(true) && !ends, FORCE.info.name),
        (skip_os_shutdown == Some(true) && !ends, SKIP_OS_SHUTDOWN.info.name),
    ] {
        if is_without_effect {
            return Err(Error::invalid(param, "has no effect on the actions of this schedule"));
        }
    }
    let description = input.optional(DESCRIPTION)?;
    if let Some(text) = &description {
        let invalid = |problem| Error::invalid(DESCRIPTION.info.name, problem);
        check_stored_text(text, MAX_DESCRIPTION_LEN).map_err(invalid)?;
    }
    let operation = PutSchedule {
        name,
        enabled: input.optional(ENABLED)?.unwrap_or(true),
        timetable,
        region: common::region(input, REGION_NAME)?,
        instances,
        expect,
        hibernation: hibernation.unwrap_or_default(),
        force: force.unwrap_or_default(),
        skip_os_shutdown: skip_os_shutdown.unwrap_or_default(),
        description,
    };
    call(operation, |written| {
        let status = if written.created { 201 } else { 200 };
        Reply::json(status, &ScheduleBody::of(&written.schedule, &[]))
    })
}

/// The times of the actions.
fn timetable(input: &Input<'_>) -> Result<Timetable, Error> {
    let mut actions = Vec::new();
    for (action, param) in [
        (ScheduledAction::Start, START),
        (ScheduledAction::Stop, STOP),
        (ScheduledAction::Reboot, REBOOT),
        (ScheduledAction::Terminate, TERMINATE),
    ] {
        actions.extend(input.optional(param)?.map(|time| (action, time)));
    }
    let actions: Vec<_> = actions.iter().map(|(action, time)| (*action, time.as_str())).collect();
    let skip: Vec<_> = input.list(SKIP)?.iter().map(ToString::to_string).collect();
    let skip: Vec<_> = skip.iter().map(String::as_str).collect();
    let (days, timezone) = (input.optional(DAYS)?, input.optional(TIMEZONE)?);
    let (start_date, end_date) = (input.optional(START_DATE)?, input.optional(END_DATE)?);
    let fields = ScheduleFields {
        actions: &actions,
        days: days.as_deref(),
        timezone: timezone.as_deref(),
        start_date: start_date.as_deref(),
        end_date: end_date.as_deref(),
        skip: &skip,
    };
    Timetable::parse(&fields, timestamp(input.now)).map_err(|(field, problem)| Error::invalid(field, problem))
}

const CHOICE: Choice = Choice { instance_id: INSTANCE_ID, tag: INSTANCE_TAG, expect: EXPECT };

/// The instances, and how many are expected.
fn instances(input: &Input<'_>, terminates: bool) -> Result<(ScheduledInstances, Option<u32>), Error> {
    let check = |parameter: String, text: &str| {
        check_stored_text(text, usize::MAX).map_err(|problem| Error::invalid(parameter, problem))
    };
    match CHOICE.read(input)? {
        Chosen::Named(named) => {
            for instance in &named {
                check(INSTANCE_ID.info.name.to_owned(), instance.as_str())?;
            }
            Ok((ScheduledInstances::Named(named), None))
        }
        Chosen::Tagged(tags, expect) => {
            if terminates {
                CHOICE.expects_to_terminate(expect.is_some())?;
            }
            for tag in &tags {
                check(format!("tag:{}", tag.key), &tag.key)?;
                check(format!("tag:{}", tag.key), &tag.value)?;
            }
            Ok((ScheduledInstances::Tagged(tags), expect))
        }
    }
}
