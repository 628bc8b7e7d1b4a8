//! The errors that a route can answer with, each with an example.

use super::parameters::segments;
use crate::dialects::common::DRY_RUN;
use crate::error::{Error, Kind};
use crate::http::route::{BodyUse, Dialect, Route};
use crate::model::{FromText as _, InstanceRef};

/// What an error of this kind means, whatever its status is.
pub(super) fn meaning(kind: Kind) -> &'static str {
    match kind {
        Kind::Invalid => "The request is malformed, or a value is not taken.",
        Kind::Unauthenticated => "No key, token or signature that counts; nothing has happened.",
        Kind::Forbidden => "The deployment's limits or policies do not permit it; nothing has happened.",
        Kind::NotFound => "The route, instance, bucket, object or schedule does not exist.",
        Kind::MethodNotAllowed => "The path takes other methods.",
        Kind::Conflict => {
            "The state of the instance or bucket does not allow it, several instances have the name, or another has the schedule's."
        }
        Kind::PreconditionFailed => "A condition of the request does not hold; nothing has happened.",
        Kind::TooLarge => "The body is too large.",
        Kind::UnsupportedMediaType => "The body has a type or an encoding that is not taken.",
        Kind::RangeNotSatisfiable => "The object has no bytes in that range.",
        Kind::IdempotencyMismatch => "Another launch was sent under the same `Idempotency-Key`.",
        Kind::Throttled => "AWS asks to slow down.",
        Kind::Internal => "The function failed.",
        Kind::Upstream => "AWS refused the function's role, failed, or gave an answer that can't be read.",
        Kind::Capacity => "AWS has no capacity, or a quota is used up.",
        Kind::Unreachable => "AWS did not answer in time: what was asked for may have happened or not.",
    }
}

/// A property of a route.
type Rule = fn(&Route) -> bool;

/// Errors before AWS is asked: on which routes, the kind, and an example. Another method is not an
/// error of a route.
const BEFORE_AWS: &[(Rule, Kind, &str, &str)] = &[
    (|_| true, Kind::Invalid, "InvalidParameterValue", "dry_run must be true or false"),
    (|route| !route.is_public(), Kind::Invalid, "UnknownParameter", "x is not a parameter here: this route takes none"),
    (takes_body, Kind::TooLarge, "RequestEntityTooLarge", "The request body is too large"),
    (
        takes_body,
        Kind::UnsupportedMediaType,
        "UnsupportedMediaType",
        "The request body is none of the types that are taken",
    ),
    (|route| !route.is_public(), Kind::Unauthenticated, "InvalidApiKey", "Invalid api key"),
    (|route| !route.is_public(), Kind::Forbidden, "Forbidden", "The policy of this deployment does not permit this"),
];

/// Errors of AWS, in the same form. Those that AWS can answer to every call are possible wherever
/// it is called.
#[rustfmt::skip]
const BY_AWS: &[(Rule, Kind, &str, &str)] = &[
    (|_| true, Kind::Invalid, "InvalidParameterCombination", "The parameter can't be used together with another one"),
    (launches, Kind::Invalid, "OptInRequired", "In order to use this AWS Marketplace product you need to accept terms and subscribe. To do so please visit https://aws.amazon.com/marketplace/pp?sku=..."),
    (in_s3, Kind::Invalid, "PermanentRedirect", "The bucket is in the region eu-west-1: give region_name=eu-west-1"),
    (in_s3, Kind::NotFound, "NoSuchBucket", "The specified bucket does not exist"),
    (launches, Kind::NotFound, "InvalidKeyPair.NotFound", "The key pair 'demo' does not exist"),
    (|route| !in_s3(route) && !is_schedule_route(route) && changes(route), Kind::Conflict, "IncorrectInstanceState", "The instance 'i-0123456789abcdef0' is not in a state for this"),
    (|route| in_s3(route) && changes(route), Kind::Conflict, "OperationAborted", "A conflicting operation is in progress on this resource"),
    (|route| calls(route, "s3:GetObject"), Kind::Conflict, "InvalidObjectState", "The operation is not valid for the object's storage class"),
    (is_schedule_route, Kind::NotFound, "ScheduleNotFound", "There is no schedule office-hours"),
    (is_schedule_route, Kind::Conflict, "UnreadableSchedule", "The schedule office-hours is of another program, or of another version of this function"),
    (|route| calls(route, "scheduler:UpdateSchedule"), Kind::Conflict, "ScheduleExists", "There is a schedule office-hours already, which you may not change"),
    (is_object_route, Kind::PreconditionFailed, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"),
    (|route| calls(route, "s3:GetObject"), Kind::RangeNotSatisfiable, "InvalidRange", "The requested range is not satisfiable: the object has 12 bytes"),
    (|route| calls(route, "s3:PutObject"), Kind::TooLarge, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size"),
    (launches, Kind::IdempotencyMismatch, "IdempotentParameterMismatch", "The same client token was used for another launch"),
    (|_| true, Kind::Throttled, "RequestLimitExceeded", "Request limit exceeded"),
    (|_| true, Kind::Internal, "InternalError", "The function failed to handle the request"),
    (|_| true, Kind::Upstream, "UnauthorizedOperation", "AWS refused this to this function's execution role (UnauthorizedOperation)"),
    (|_| true, Kind::Capacity, "ServiceUnavailable", "The service is unavailable. Please try again shortly"),
    (|_| true, Kind::Unreachable, "RequestTimeout", "AWS did not answer in time"),
];

fn calls(route: &Route, action: &str) -> bool {
    route.iam_actions().contains(&action)
}

pub(super) fn launches(route: &Route) -> bool {
    calls(route, "ec2:RunInstances")
}

fn is_object_route(route: &Route) -> bool {
    ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"].iter().any(|action| calls(route, action))
}

/// Whether the route is about one schedule.
fn is_schedule_route(route: &Route) -> bool {
    calls(route, "scheduler:GetSchedule") && !calls(route, "scheduler:ListSchedules")
        || calls(route, "scheduler:CreateSchedule")
}

fn in_s3(route: &Route) -> bool {
    route.iam_actions().iter().any(|action| action.starts_with("s3:"))
}

fn changes(route: &Route) -> bool {
    route.declares(DRY_RUN)
}

pub(super) fn takes_body(route: &Route) -> bool {
    route.body == BodyUse::Parameters
}

/// An example of every error that a route can answer with.
pub(super) fn errors(dialect: &Dialect, route: &Route) -> Vec<Error> {
    let examples = |table: &[(Rule, Kind, &'static str, &str)], by_aws| -> Vec<Error> {
        let rows = table.iter().filter(|(rule, ..)| rule(route));
        rows.map(|(_, kind, code, message)| Error { by_aws, ..Error::new(*kind, *code, *message) }).collect()
    };
    let mut errors = examples(BEFORE_AWS, false);
    let segments = segments(dialect, route);
    errors.extend(segments.iter().map(|segment| match segment.pattern {
        InstanceRef::PATTERN => Error::new(Kind::NotFound, "InvalidInstanceID.Malformed", InstanceRef::WRONG),
        _ if route.is_public() => Error::new(Kind::NotFound, "NotFound", "There is nothing at this path"),
        _ => Error::invalid(segment.name, "is none that this deployment takes"),
    }));
    // In the path or in a parameter: both may be names.
    if segments.iter().copied().chain(route.parameters).any(|param| param.pattern == InstanceRef::PATTERN) {
        let message = "2 instances are named web: i-abba916a (running), i-abba916b (stopped). Give an ID instead";
        errors.push(Error::new(Kind::Conflict, "AmbiguousInstanceName", message));
        let message = "The instance ID 'i-0123456789abcdef0' does not exist";
        let unknown = Error::new(Kind::NotFound, "InvalidInstanceID.NotFound", message);
        errors.push(Error { by_aws: true, ..unknown });
    }
    if !route.actions().is_empty() {
        errors.extend(examples(BY_AWS, true));
    }
    errors
}
