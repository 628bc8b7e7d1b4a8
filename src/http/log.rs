//! The one line of JSON that every request leaves in the log.

use crate::error::Error;
use serde::Serialize;

/// What is logged of a request. Never parameters, keys, credentials, user data or content.
#[derive(Debug, Default, Serialize)]
pub struct Line<'a> {
    /// `INFO`, `WARN` for what the caller got wrong, `ERROR` for what the caller did not.
    pub level: &'static str,
    /// Lambda's ID of the invocation; the caller has it in the header `x-request-id`.
    pub request_id: &'a str,
    /// Where the request came from, as API Gateway says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<&'a str>,
    /// Who called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// How that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication: Option<&'static str>,
    /// The HTTP method.
    pub method: &'a str,
    /// The route's path with its placeholders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<&'static str>,
    /// Which dialect the route belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<&'static str>,
    /// The route's operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<&'static str>,
    /// Where the operation works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The instances that it works on, or has launched.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub instance_ids: Vec<String>,
    /// AWS's ID of the last call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_request_id: Option<String>,
    /// The error's code: AWS's or our own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What the caller was told went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What went wrong inside; the caller does not see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What the caller is warned of. Not logged: it may name what the caller sent.
    #[serde(skip)]
    pub warnings: Vec<String>,
    /// The answer's status.
    pub status: u16,
    /// From the start of the handler to the answer.
    pub milliseconds: f64,
}

impl Line<'_> {
    /// Takes over what the log is to know of an error.
    pub fn failed(&mut self, error: &Error) {
        self.code = Some(error.code.clone().into_owned());
        self.message = Some(error.message.clone());
        self.cause = error.cause.clone();
        if error.aws_request_id.is_some() {
            self.aws_request_id.clone_from(&error.aws_request_id);
        }
    }
}
