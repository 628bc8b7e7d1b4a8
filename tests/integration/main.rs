//! API Gateway events through the whole function to a moto server over HTTP, and calls on the wire.
//!
//! One binary, because linking the SDK takes longer than running every test in it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails so"
)]
#![expect(unreachable_pub, reason = "nothing outside a test binary can reach it anyway")]

mod accounts;
mod all_accounts;
mod ambiguity;
mod by_tag;
mod canonical;
mod capacity;
mod common;
mod compression;
mod console_output;
mod cors;
mod csv;
mod drift;
mod dry_run;
mod ec2;
mod ends;
mod error_codes;
mod events;
mod faults;
mod firing;
mod gateway;
mod generated;
mod hidden;
mod idempotency;
mod instance;
mod keep;
mod launch;
mod launch_templates;
mod layers;
mod limits;
mod links;
mod list_accounts;
mod lists;
mod metrics;
mod names;
mod openapi;
mod pages;
mod parameters;
mod parity;
mod partial;
mod permissions;
mod policies;
mod regions;
mod s3;
mod s3_headers;
mod sample_events;
mod schedules;
mod secrets;
mod shutdown;
mod start;
mod support;
mod template;
mod tokens;
mod trace;
mod v1;
mod wait;
mod wire;
