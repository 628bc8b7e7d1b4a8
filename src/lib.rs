//! EC2 (and a few things in S3) by plain HTTPS calls: an AWS Lambda function behind API Gateway.
//!
//! A request flows through the layers like this:
//!
//! ```text
//! event -> request -> authenticate, match route -> dialect decodes -> authorize -> operation
//!       -> AWS -> output -> its encoder -> response
//! ```
//!
//! Each layer imports only layers before it, and no two modules import each other. So this list is
//! an order to read the code in, from the first line to the last. A test holds it.
//!
//!  0. [`error`]: the error type of all layers; [`model`]: instances, launches, buckets and their
//!     IDs, valid by construction.
//!  1. [`auth`]: who calls.
//!  2. [`authz`]: what callers may do: limits and Cedar policies.
//!  3. [`config`]: the environment variables, read once.
//!  4. [`aws`]: calls to AWS; the only folder that names the SDK.
//!  5. [`operations`]: the operations on AWS, one type for each.
//!  6. [`http`]: a toolbox to decode requests and encode responses.
//!  7. [`dialects`]: the HTTP dialects; each decodes a request into an operation with the encoder
//!     of its output.
//!  8. [`openapi`]: the document that describes the routes.
//!  9. [`pages`], [`meta`]: the console, the documentation and the function's health; [`routes`]:
//!     the whole API on one screen.
//! 10. [`metrics`], [`request_log`]: the log line of a request; [`app`]: the function's parts;
//!     [`handler`]: the life of a request; [`invocation`]: from an event to a response; [`firing`]:
//!     from an event of Scheduler to an action of a schedule.
//! 11. [`warm_up`] and [`startup`]: the cold start and the composition root.

pub mod error;

pub mod model;

pub mod auth;

pub mod authz;

pub mod config;

pub mod aws;

pub mod operations;

pub mod http;

pub mod dialects;

pub mod openapi;

pub mod meta;
pub mod pages;
pub mod routes;

pub mod app;
pub mod firing;
pub mod handler;
pub mod invocation;
pub mod metrics;
pub mod request_log;

pub mod startup;
pub mod warm_up;
