//! The log: one line of JSON for each request. For a change it is the audit record: the caller, his
//! address, the change, the decision with its reason, and AWS's response. CloudWatch reads the
//! metrics from it.

use crate::auth::Caller;
use crate::authz::Decision;
use crate::error::{Error, Kind};
use crate::metrics::Metrics;
use crate::model::Action;
use crate::operations::Target;
use serde::Serialize;
use serde_with::skip_serializing_none;
use std::collections::BTreeSet;

/// The log line of a request. It never has keys, credentials, user data, content or other
/// parameters.
#[skip_serializing_none]
#[derive(Debug, Default, Serialize)]
pub struct RequestLog<'a> {
    /// `INFO`; `WARN` for an error of the caller, or a change that is incomplete; `ERROR` for other
    /// errors.
    pub level: &'static str,
    /// The function's name.
    pub service: &'a str,
    /// Lambda's ID of the invocation; the caller gets it in the header `x-request-id`.
    pub request_id: &'a str,
    /// The caller's IP address, as API Gateway says.
    pub source_ip: Option<&'a str>,
    /// The caller's name.
    pub caller: Option<String>,
    /// The session name, if the caller is an assumed role.
    pub session: Option<String>,
    /// The authentication method.
    pub authentication: Option<&'static str>,
    /// The HTTP method.
    pub method: &'a str,
    /// The route's path with its placeholders.
    pub route: Option<&'static str>,
    /// The dialect of the route.
    pub dialect: &'static str,
    /// The name of the route.
    pub operation: &'static str,
    /// The AWS operation.
    pub action: Option<Action>,
    /// Whether it is a dry run.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// What it names, and the instances that were launched.
    #[serde(flatten)]
    pub target: Target,
    /// The client token of a launch: the tag `ec2-control-api:request` of its instances.
    pub client_token: Option<String>,
    /// `allow` or `deny`; missing if nothing was decided.
    pub decision: Option<&'static str>,
    /// The determining policies, or the variable that sets the limit.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub decided_by: BTreeSet<String>,
    /// AWS's request ID of the last call.
    pub aws_request_id: Option<String>,
    /// The code of the error: AWS's, or one of this function.
    pub code: Option<String>,
    /// The message of the error, as the caller gets it.
    pub message: Option<String>,
    /// The cause of the error. The caller does not get it.
    pub cause: Option<String>,
    /// The warnings for the caller. Not logged: they may repeat parameters.
    #[serde(skip)]
    pub warnings: Vec<String>,
    /// The status of the response.
    pub status: u16,
    /// The kind of the error.
    #[serde(skip)]
    pub kind: Option<Kind>,
    /// The metrics.
    #[serde(flatten)]
    pub metrics: Metrics,
}

impl RequestLog<'_> {
    /// Sets the caller.
    pub fn set_caller(&mut self, caller: &Caller) {
        self.authentication = Some(caller.authentication.as_str());
        self.caller = Some(caller.name.clone());
        self.session.clone_from(&caller.session);
    }

    /// Sets the decision.
    pub fn set_decision(&mut self, decision: Decision) {
        self.decision = decision.permitted.map(|permitted| if permitted { "allow" } else { "deny" });
        self.decided_by = decision.determining_policies;
        let known = &mut self.target.instance_ids;
        let new: Vec<_> = decision.instances.into_iter().map(String::from).filter(|id| !known.contains(id)).collect();
        known.extend(new);
    }

    /// Sets the error.
    pub fn set_error(&mut self, error: &Error) {
        self.kind = Some(error.kind);
        self.code = Some(error.code.clone().into_owned());
        self.message = Some(error.message.clone());
        self.cause = error.cause.clone();
        if error.aws_request_id.is_some() {
            self.aws_request_id.clone_from(&error.aws_request_id);
        }
    }
}
