//! API Gateway events through the real function to a real moto server over HTTP, and single EC2 calls on the wire.
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

mod common;
mod drift;
mod ec2;
mod events;
mod faults;
mod gate;
mod generated;
mod habits;
mod instance;
mod links;
mod metrics;
mod openapi;
mod pages;
mod parity;
mod s3;
mod start;
mod support;
mod trace;
mod v1;
mod wire;
