//! HTTP: a toolbox that dialects decode requests and encode responses with. The tools do not depend
//! on this file.

pub mod authenticate;
pub mod body;
pub mod call;
pub mod columns;
pub mod compress;
pub mod cors;
pub mod event;
pub mod gateway;
pub mod idempotency;
pub mod invoked;
pub mod lenient;
pub mod members;
pub mod multipart;
pub mod negotiate;
pub mod param;
pub mod param_info;
pub mod params;
pub mod reply;
pub mod respond;
pub mod route;
pub mod rows;
pub mod schema;
pub mod spelling;
pub mod static_file;
pub mod status;
pub mod unknown;
