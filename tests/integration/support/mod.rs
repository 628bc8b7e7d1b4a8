//! Helpers of the tests. Only this folder, `drift.rs` and `openapi.rs` use modules of the function.

mod answer;
mod event;
mod function;
mod moto;
mod parsers;
mod requests;
mod routes;
mod schedules;
mod wire;
pub mod xml;

pub use answer::Answer;
pub use ec2_control_api::metrics::{DIMENSIONS, METRICS, NAMESPACE};
pub use ec2_control_api::openapi::VERSION as OPENAPI_VERSION;
pub use event::HttpApiEvent;
pub use function::{Function, moto_client, policy_file};
pub use moto::{IMAGE, own_region};
pub use routes::{Route, routes};
pub use schedules::{
    SCHEDULE_ROLE, SCHEDULE_TARGET, no_schedule, own_group, schedule_deleted, schedule_variables, schedule_written,
    scheduler_refusal, scheduler_response,
};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
pub use wire::{Fault, RecordedRequest, Wire};
pub use xml::Response;

/// The API key of the tests, of `make run` and of the sample events.
pub const KEY: &str = "local-only-key";

/// A SHA-256 digest in hexadecimal: configured keys and entity tags have this form.
pub fn sha256(content: impl AsRef<[u8]>) -> String {
    hex::encode(Sha256::digest(content))
}
/// The request ID of every invocation: the client token of every launch.
pub const REQUEST_ID: &str = "8f5e8b6c-0f4d-4a3c-9d6e-2b1a7c9e4f10";
/// The region of most tests on the wire.
pub const REGION: &str = "eu-west-1";
/// An instance of tests on the wire, and another one.
pub const A: &str = "i-abba916a";
pub const B: &str = "i-abba916b";
/// A policy that permits everything.
pub const PERMIT_ALL: &str = "permit (principal, action, resource);";
/// The function's name.
pub const SERVICE: &str = "ec2-control-api-tests";
/// AWS's ID of every canned response.
pub const AWS_REQUEST_ID: &str = "59dbff89-35bd-4eac-99ed-be587EXAMPLE";
/// The ID of no instance.
pub const NO_INSTANCE: &str = "i-0123456789abcdef0";

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Reads a file of the repository.
pub fn file(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The Rust files of a folder of the repository and of the folders in it.
pub fn rust_files(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    files_of(folder, &["rs"])
}

/// The files with one of these extensions, in a folder of the repository and in the folders in it.
pub fn files_of(folder: impl AsRef<Path>, extensions: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(root().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_of(path, extensions));
        } else if path.extension().is_some_and(|extension| extensions.iter().any(|known| extension == *known)) {
            files.push(path);
        }
    }
    files
}
