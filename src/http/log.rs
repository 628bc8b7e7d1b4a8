//! The one line of JSON that every request leaves in the log. For a change it is the audit record, too: who attempted what, from
//! where, what was decided and why, and what AWS said. CloudWatch makes metrics of it, too.

use super::auth::Caller;
use super::metrics::Metrics;
use crate::error::{Error, Kind};
use crate::gate::Decision;
use crate::operation::Target;
use crate::policy::Action;
use serde::Serialize;
use std::collections::BTreeSet;

/// What is logged of a request. Never parameters, keys, credentials, user data or content.
#[derive(Debug, Default, Serialize)]
pub struct Line<'a> {
    /// `INFO`, `WARN` for what the caller got wrong, `ERROR` for what the caller did not.
    pub level: &'static str,
    /// The function's name.
    pub service: &'a str,
    /// Lambda's ID of the invocation; the caller has it in the header `x-request-id`.
    pub request_id: &'a str,
    /// Where the request came from, as API Gateway says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<&'a str>,
    /// Who called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// The name of the session, if a role called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// How that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication: Option<&'static str>,
    /// The HTTP method.
    pub method: &'a str,
    /// The route's path with its placeholders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<&'static str>,
    /// Which dialect the route belongs to.
    pub dialect: &'static str,
    /// The route's operation.
    pub operation: &'static str,
    /// Where the operation works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The AWS operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// Whether it was to be tried only.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// What it is done to; the instances that were launched, too.
    #[serde(flatten)]
    pub target: Target,
    /// What makes a launch that is sent twice happen once: the tag `ec2-control-api:request` of what was launched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
    /// `allow` or `deny`; not there if it did not get as far as that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<&'static str>,
    /// The policies that decided, or the variable that limits it.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub decided_by: BTreeSet<String>,
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
    /// What kind of error it was.
    #[serde(skip)]
    pub kind: Option<Kind>,
    /// How long it took, and what there is to count.
    #[serde(flatten)]
    pub metrics: Metrics,
}

impl Line<'_> {
    /// Takes over who called.
    pub fn called_by(&mut self, caller: &Caller) {
        self.authentication = Some(caller.authentication.as_str());
        self.caller = Some(caller.name.clone());
        self.session.clone_from(&caller.session);
    }

    /// Takes over what was decided.
    pub fn decided(&mut self, decision: Decision) {
        self.decision = decision.permitted.map(|permitted| if permitted { "allow" } else { "deny" });
        self.decided_by = decision.by;
        let known = &mut self.target.instance_ids;
        let new: Vec<_> = decision.instances.into_iter().map(String::from).filter(|id| !known.contains(id)).collect();
        known.extend(new);
    }

    /// Takes over what the log is to know of an error.
    pub fn failed(&mut self, error: &Error) {
        self.kind = Some(error.kind);
        self.code = Some(error.code.clone().into_owned());
        self.message = Some(error.message.clone());
        self.cause = error.cause.clone();
        if error.aws_request_id.is_some() {
            self.aws_request_id.clone_from(&error.aws_request_id);
        }
    }
}
