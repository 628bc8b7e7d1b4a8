//! The log: one line of JSON for each request, and for each action of a schedule. For a change it
//! is the audit record: the caller, his address, the change, the decision with its reason, and
//! AWS's response. CloudWatch reads the metrics from it.
//!
//! The texts of a caller are bounded in a line, and are never an API key. A key may be anywhere by
//! mistake: in the place of an instance's ID, or in the path.

use crate::auth::{ApiKeys, Caller};
use crate::authz::Decision;
use crate::error::{Error, Kind};
use crate::metrics::Metrics;
use crate::model::Action;
use crate::operations::Target;
use crate::operations::audit::Audit;
use serde::Serialize;
use serde_json::{Map, Value};
use serde_with::skip_serializing_none;
use std::collections::BTreeSet;

/// The log line of a request. It never has keys, credentials, user data, content or other
/// parameters.
#[skip_serializing_none]
#[derive(Debug, Default, Serialize)]
pub struct RequestLog<'a> {
    /// When the request ended: RFC 3339 in UTC, with milliseconds.
    pub timestamp: String,
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
    /// The time for which an action of a schedule was planned.
    pub scheduled_time: Option<String>,
    /// The HTTP method; empty for an action of a schedule.
    #[serde(skip_serializing_if = "str::is_empty")]
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
    /// The client token of a launch: the tag `ec2-control-api:request` of its instances. Of a start
    /// with an end: what the end is named by.
    pub client_token: Option<String>,
    /// `allow` or `deny`; missing if nothing was decided.
    pub decision: Option<&'static str>,
    /// The determining policies, or the variable that sets the limit.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub decided_by: BTreeSet<String>,
    /// What became of the parts of the operation.
    #[serde(flatten)]
    pub audit: Audit,
    /// AWS's request ID of the last call.
    pub aws_request_id: Option<String>,
    /// The code of the error: AWS's, or one of this function.
    pub code: Option<String>,
    /// The message of the error, as the caller gets it; what became of an action of a schedule.
    pub message: Option<String>,
    /// The cause of the error. The caller does not get it.
    pub cause: Option<String>,
    /// The configured keys that the request presents. Not logged.
    #[serde(skip)]
    pub keys: Vec<String>,
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

    /// The line: without configured keys, and with bounded members.
    pub fn to_line(&self, configured: &ApiKeys) -> String {
        let Ok(Value::Object(mut members)) = serde_json::to_value(self) else { return String::new() };
        remove_keys(&mut members, &self.keys, configured);
        bound(&mut members);
        Value::Object(members).to_string()
    }
}

/// The longest text of a line, in bytes of JSON.
const MAX_TEXT_BYTES: usize = 2 * 1024;

/// The longest list of a line, in bytes of JSON: the IDs of 1,000 instances fit.
const MAX_LIST_BYTES: usize = 32 * 1024;

/// The length of all texts and lists of a line together, in bytes of JSON. CloudWatch Logs takes at
/// least 256 KB in one event.
const MAX_LINE_BYTES: usize = 96 * 1024;

/// Shortens texts and lists, each and all together. Numbers and the metrics are never long.
fn bound(members: &mut Map<String, Value>) {
    let mut left = MAX_LINE_BYTES;
    for value in members.values_mut() {
        match value {
            Value::String(text) => *text = shorten(text, left.min(MAX_TEXT_BYTES)),
            Value::Array(items) => shorten_list(items, left.min(MAX_LIST_BYTES)),
            _ => continue,
        }
        left = left.saturating_sub(json_len(value));
    }
}

/// A text of at most `max` bytes of JSON: the first part of a longer one, and how much is left out.
fn shorten(text: &str, max: usize) -> String {
    if json_len(text) <= max {
        return text.to_owned();
    }
    let mut left = max.saturating_sub(r#""... (4294967296 more bytes)""#.len());
    let mut short = String::new();
    for c in text.chars() {
        // Without its quotes.
        let Some(rest) = left.checked_sub(json_len(&c).saturating_sub(2)) else { break };
        left = rest;
        short.push(c);
    }
    let more = text.len() - short.len();
    short.push_str(&format!("... ({more} more bytes)"));
    short
}

/// Keeps the first items that fit into `max` bytes of JSON, and says how many are left out.
fn shorten_list(items: &mut Vec<Value>, max: usize) {
    let mut left = max.saturating_sub(r#"["... and 4294967296 more"]"#.len());
    let mut kept = 0;
    for item in items.iter_mut() {
        if let Value::String(text) = item {
            *text = shorten(text, MAX_TEXT_BYTES);
        }
        let Some(rest) = left.checked_sub(json_len(item) + ",".len()) else { break };
        left = rest;
        kept += 1;
    }
    let more = items.len() - kept;
    if more > 0 {
        items.truncate(kept);
        items.push(format!("... and {more} more").into());
    }
}

/// The length in JSON, in bytes.
fn json_len(value: &(impl Serialize + ?Sized)) -> usize {
    serde_json::to_vec(value).map_or(0, |json| json.len())
}

/// The shortest key that is looked for inside of texts. A shorter one may be a part of any word.
const MIN_KEY_LEN: usize = 8;

/// The members with names of this function, AWS and HTTP only.
const OWN_MEMBERS: [&str; 8] =
    ["timestamp", "level", "service", "authentication", "method", "route", "dialect", "operation"];

/// Replaces keys in the texts of a line: those that the request presents wherever they are, and
/// configured ones that are a text, or a word of it.
fn remove_keys(members: &mut Map<String, Value>, presented: &[String], configured: &ApiKeys) {
    if configured.is_empty() {
        return;
    }
    let mut texts: Vec<&mut String> = Vec::new();
    for (name, value) in members.iter_mut() {
        let values = match value {
            Value::Array(items) => items.as_mut_slice(),
            value => std::slice::from_mut(value),
        };
        if !OWN_MEMBERS.contains(&name.as_str()) {
            texts.extend(values.iter_mut().filter_map(|value| match value {
                Value::String(text) => Some(text),
                _ => None,
            }));
        }
    }
    let mut keys: Vec<String> = presented.iter().filter(|key| key.len() >= MIN_KEY_LEN).cloned().collect();
    // Each once: looking a key up takes a digest.
    let candidates: BTreeSet<&str> = texts.iter().flat_map(|text| words(text)).collect();
    keys.extend(candidates.into_iter().filter(|word| configured.name_of(word.as_bytes()).is_some()).map(str::to_owned));
    // The longest first: one may be a part of another.
    keys.sort_by_key(|key| std::cmp::Reverse(key.len()));
    for text in texts {
        for key in keys.iter().filter(|key| !key.is_empty()) {
            if text.contains(key.as_str()) {
                *text = text.replace(key.as_str(), "[key]");
            }
        }
    }
}

/// The text, and the parts of it that may be a key: between white space, without punctuation at
/// their ends, and between separators.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let punctuation = |c: char| ",.:;'\"()[]".contains(c);
    let separators = |c: char| c.is_whitespace() || "/,:;=&?'\"()[]".contains(c);
    let between_blanks = text.split_whitespace().flat_map(move |word| [word, word.trim_matches(punctuation)]);
    let words = between_blanks.chain(text.split(separators)).filter(|word| word.len() >= MIN_KEY_LEN);
    std::iter::once(text).chain(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest as _, Sha256};

    fn keys(keys: &[&str]) -> ApiKeys {
        let pairs: Vec<_> = keys.iter().map(|key| format!("x={}", hex::encode(Sha256::digest(key)))).collect();
        ApiKeys::parse(&pairs.join(",")).unwrap()
    }

    fn parse(line: &str) -> Value {
        serde_json::from_str(line).unwrap()
    }

    /// A log with this text in each of its members, and `count` times in its lists.
    fn log(text: &str, count: usize) -> RequestLog<'_> {
        let (some, many) = (Some(text.to_owned()), vec![text.to_owned(); count]);
        let target = Target {
            account: some.clone(),
            region: some.clone(),
            instance_names: many.clone(),
            instance_tags: many.clone(),
            instance_ids: many,
            attribute: None,
            launch_template: some.clone(),
            image_id: some.clone(),
            instance_type: some.clone(),
            max_count: Some(u32::MAX),
            bucket: some.clone(),
            key: some.clone(),
            schedule: some.clone(),
        };
        RequestLog {
            service: text,
            request_id: text,
            source_ip: Some(text),
            caller: some.clone(),
            session: some.clone(),
            method: text,
            target,
            client_token: some.clone(),
            decided_by: (0..count).map(|n| format!("{n} {text}")).collect(),
            aws_request_id: some.clone(),
            code: some.clone(),
            message: some.clone(),
            cause: some,
            ..RequestLog::default()
        }
    }

    #[test]
    fn line_is_bounded_in_each_member_and_in_all() {
        for text in ["x".repeat(9_000), "\u{1}".repeat(3_000), "\"\\".repeat(3_000), "é🦀".repeat(3_000)] {
            let line = log(&text, 1_000).to_line(&ApiKeys::default());
            assert!(line.len() < MAX_LINE_BYTES + 4 * 1024, "{}", line.len());
            let line = parse(&line);
            for (name, value) in line.as_object().unwrap() {
                let max = if value.is_array() { MAX_LIST_BYTES } else { MAX_TEXT_BYTES };
                assert!(json_len(value) <= max, "{name}: {}", json_len(value));
            }
            let session = line["session"].as_str().unwrap();
            assert!(session.starts_with(&text.chars().take(100).collect::<String>()), "{session}");
            assert!(session.ends_with(" more bytes)"), "{session}");
        }
    }

    #[test]
    fn line_of_the_largest_change_has_all_ids() {
        let ids: Vec<_> = (0..1_000).map(|n| format!("i-{n:017x}")).collect();
        let target = Target { instance_ids: ids.clone(), ..Target::default() };
        let line = RequestLog { target, ..RequestLog::default() }.to_line(&keys(&["some key"]));
        assert_eq!(parse(&line)["instance_ids"], serde_json::json!(ids));
        let target = Target { instance_names: vec!["n".repeat(256); 200], ..Target::default() };
        let line = parse(&RequestLog { target, ..RequestLog::default() }.to_line(&ApiKeys::default()));
        let names = line["instance_names"].as_array().unwrap();
        assert_eq!(names.last().unwrap(), &format!("... and {} more", 200 - (names.len() - 1)));
    }

    #[test]
    fn configured_key_is_in_no_member() {
        let (key, other) = ("s3cr3t-Value", "a/b+c= d");
        for (before, after) in [
            ("", ""),
            ("There is no instance named ", " (region x)"),
            ("1 instances are named ", ": i-abba916a"),
            ("/ec2/", "/x"),
            ("a=", "&b"),
            ("\"", "\""),
            ("(", ")."),
        ] {
            let text = format!("{before}{key}{after}");
            let log = RequestLog { service: "", method: "", ..log(&text, 2) };
            let line = log.to_line(&keys(&[key, other]));
            assert!(!line.contains(key) && line.contains("[key]"), "{text}: {line}");
        }
        let line = |caller: &str, message: &str, presented: &[&str]| {
            let keys_of_request = presented.iter().map(|key| (*key).to_owned()).collect();
            let (caller, message) = (Some(caller.to_owned()), Some(message.to_owned()));
            let log = RequestLog { keys: keys_of_request, caller, message, ..RequestLog::default() };
            let line = parse(&log.to_line(&keys(&[key, other])));
            (line["caller"].as_str().unwrap().to_owned(), line["message"].as_str().unwrap().to_owned())
        };
        // A key with separators in it is found where it is the whole text, and then everywhere.
        assert_eq!(line(other, &format!("No {other}!"), &[]), ("[key]".to_owned(), "No [key]!".to_owned()));
        // One that the request presents is found inside of words, too.
        assert_eq!(line("a", &format!("web{key}web"), &[key]), ("a".to_owned(), "web[key]web".to_owned()));
        assert_eq!(line("s3cr3t-Valu", "", &[key]).0, "s3cr3t-Valu");
    }
}
