//! The whole API. A new dialect is one file in `dialects/` and one line here.

use crate::dialects::{accounts, ec2, instance, regions, s3, schedules, v1};
use crate::http::route::{Api, Dialect};
use crate::meta;
use std::sync::OnceLock;

/// All dialects. The first whose prefix matches a path is asked.
pub const DIALECTS: &[&Dialect] = &[
    &ec2::DIALECT,       // /ec2/*       python-boto3-api, and boto's tutorial
    &instance::DIALECT,  // /instance/*  workwork
    &v1::DIALECT,        // /v1/*        Launch & Provision
    &s3::DIALECT,        // /s3/*        boto's tutorial; only with a BUCKET_PREFIX
    &schedules::DIALECT, // /schedules   only with a SCHEDULE_GROUP
    &regions::DIALECT,   // /regions
    &accounts::DIALECT,  // /accounts
    &meta::DIALECT,      // /health, /openapi.json, /docs, and the console at /
];

/// The API of a process.
pub fn api() -> Api {
    Api { dialects: DIALECTS, openapi: OnceLock::new() }
}
