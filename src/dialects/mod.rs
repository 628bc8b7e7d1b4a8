//! The HTTP dialects: one file each, with a table of routes, their decoders and their encoders. A
//! dialect does not call AWS, and knows no other dialect.

pub mod accounts;
pub mod boto3;
mod chosen;
mod columns;
pub mod common;
pub mod ec2;
mod ec2_changes;
mod ec2_create;
mod ec2_keep;
mod ec2_params;
pub mod instance;
pub mod regions;
pub mod s3;
mod s3_headers;
mod schedule_body;
pub mod schedules;
pub mod v1;
mod v1_attributes;
