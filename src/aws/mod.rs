//! Calls to AWS. Only this folder names the `aws_*` crates: our types in, one call, our types out.

pub mod accounts;
pub mod ambiguity;
pub mod call_stats;
mod connections;
pub mod ec2;
pub mod ec2_launch;
mod ec2_tags;
pub mod errors;
mod header_relay;
pub mod instance_details;
mod launch_template;
mod lru;
mod page_interceptor;
mod page_reader;
#[cfg(test)]
pub(crate) mod replay;
pub mod s3;
mod s3_errors;
mod s3_host;
pub mod scheduler;
pub mod sdk;
pub mod tls;
pub(crate) mod warm_up_client;
mod xml_skip;
pub mod xray;
