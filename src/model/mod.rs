//! What the function works with, in AWS's own terms: types that are valid by construction. Nothing
//! here does I/O, and nothing here knows HTTP, the SDK or a dialect.

mod account;
mod action;
mod authentication;
mod bucket;
mod change;
mod end;
mod ids;
mod instance;
mod keep;
mod launch;
mod launch_options;
mod launch_request;
mod launch_template;
mod launch_values;
mod list;
mod message;
mod origin;
mod query;
mod region;
mod schedule;
mod schedule_cron;
mod schedule_dates;
mod schedule_expression;
mod selection;
mod stored_schedule;
mod text;

pub use account::{Account, AccountId, AccountName, AccountRef, Accounts, Place};
pub use action::{Action, Effect};
pub use authentication::Authentication;
pub use bucket::{
    Bucket, BucketInfo, CHECKSUM_HEADERS, Object, ObjectHeaders, ObjectInfo, ObjectKey, ObjectPage, ObjectQuery,
    ObjectResponse, PresignedMethod,
};
pub use change::{Attribute, DeleteOnTermination, Hibernation, Shutdown, StateChange};
pub use end::{End, EndAction, at_expression};
pub use ids::{
    ImageId, InstanceId, InstanceName, InstanceProfileName, InstanceRef, InstanceType, LaunchTemplateId,
    SecurityGroupId, SecurityGroupRef, SubnetId, resource_id,
};
pub use instance::{Instance, MAX_TAG_VALUE_LEN, Reservation, SecurityGroup, State, StateReason, Tag, non_empty};
pub use keep::{KEEP_TAG, KeepUntil};
pub use launch::{HttpTokens, Launch, Spot};
pub use launch_options::LaunchOptions;
pub use launch_request::{LaunchRequest, Launches};
pub use launch_template::{LaunchTemplate, LaunchTemplateData, LaunchTemplateKey, LaunchTemplateRef, MetadataOptions};
pub use launch_values::{Placement, ShutdownBehavior, UserData};
pub use list::{list_items, list_words};
pub use message::{AwsMessage, redact};
pub use origin::Origin;
pub use query::{Filter, InstanceQuery, MAX_FILTER_VALUES, Page};
pub use region::{Partition, Region, Zone};
pub use schedule::{
    ActionTime, MAX_DESCRIPTION_LEN, ScheduleFields, ScheduleName, ScheduledAction, Timetable, check_stored_text,
    split_scheduled_name,
};
pub use schedule_dates::{
    DateInterval, Lifetime, MAX_SKIP_INTERVALS, SkippedDates, TimeZoneName, parse_duration, timestamp,
};
pub use schedule_expression::{Days, Expression};
pub use selection::{Expected, MAX_TAGGED, Selection, Tagged, Targets};
pub use stored_schedule::{Definition, MAX_SCHEDULED_INSTANCES, Owner, Schedule, ScheduledInstances};
pub use text::{FromText, is_invisible, isoformat, parse_rfc3339, rfc3339_milliseconds};
