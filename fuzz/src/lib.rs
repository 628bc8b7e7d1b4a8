//! What is fuzzed: one function for each target, which panics when something does not hold. `fuzz_targets/` gives them to
//! libFuzzer, `tests/smoke.rs` runs them on fixed inputs.

mod apps;
mod aws;
mod event;

use apps::{Apps, KEY};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use ec2_control_api::auth::{Authentication, Caller};
use ec2_control_api::authz::{AuthzRequest, Policies, Resource};
use ec2_control_api::http::event::Event;
use ec2_control_api::http::param::{Param, Tags};
use ec2_control_api::http::param_info::{ParamInfo, ParamKind};
use ec2_control_api::http::params::Params;
use ec2_control_api::http::route::{Dialect, RouteMatch, find};
use ec2_control_api::model::{InstanceRef, Region};
use ec2_control_api::routes::DIALECTS;
use lambda_http::http::{HeaderName, HeaderValue, Method};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt::Write as _;

/// An event through the whole function: JSON as it is, anything else as an HTTP request that API Gateway hands over. The
/// first byte says what AWS answers, if it is asked; JSON that begins with its brace gets what is right.
///
/// # Panics
/// The function panics, its answer or its log line is none, or AWS is called for someone who is not authenticated.
pub fn invoke(data: &[u8]) {
    let (answers, rest) = match data {
        [b'{', ..] | [] => (0, data),
        [first, rest @ ..] => (*first, rest),
    };
    let (json, with_key) = match serde_json::from_slice::<Event>(rest) {
        Ok(_) => (String::from_utf8_lossy(rest), false),
        Err(_) => {
            let (event, with_key) = event::of(rest);
            (Cow::Owned(event.to_string()), with_key)
        }
    };
    let answers = aws::Answers::new(answers, rest);
    Apps::with(|apps| {
        let closed = apps.invoke(&apps.closed, &json, &answers);
        check(&closed.answer, &json);
        assert_eq!(closed.calls, 0, "nobody is authenticated, but AWS was called: {json}");
        let status = closed.answer["statusCode"].as_u64().unwrap_or_default();
        let routes = || DIALECTS.iter().flat_map(|dialect| dialect.routes);
        let open = [200, 304].contains(&status)
            && routes().any(|route| route.is_public() && closed.line["route"] == route.path);
        let open = open || (status == 204 && closed.line["method"] == "OPTIONS");
        assert!(open || (400..=499).contains(&status), "{status} for nobody: {json}");

        let known = apps.invoke(if answers.governed() { &apps.governed } else { &apps.open }, &json, &answers);
        check(&known.answer, &json);
        assert!(known.calls == 0 || presents_something(&json), "AWS was called for a caller without a key: {json}");
        if with_key {
            assert_ne!(known.answer["statusCode"], 401, "the right key was refused: {json}");
        }
    });
}

/// Calls with the key that lead to a route: deeper than [`invoke`] gets with the same time. The first byte says what AWS
/// answers, then whether it is an event of a REST API, and the rest is what `event::routed` reads.
///
/// # Panics
/// The function panics, or its answer or its log line is none.
pub fn routes(data: &[u8]) {
    let [answers, flags, rest @ ..] = data else { return };
    let (event, _) = event::of(&[&[flags & 1 | 0x24], rest].concat());
    let (event, answers) = (event.to_string(), aws::Answers::new(*answers, rest));
    Apps::with(|apps| {
        let known = apps.invoke(if answers.governed() { &apps.governed } else { &apps.open }, &event, &answers);
        check(&known.answer, &event);
        assert_ne!(known.answer["statusCode"], 401, "the right key was refused: {event}");
    });
}

/// Whether the answer is one that API Gateway takes.
fn check(answer: &Value, event: &str) {
    let context = || format!("{answer} to {event}");
    let status = answer["statusCode"].as_u64().unwrap_or_default();
    assert!((100..=599).contains(&status), "status: {}", context());
    let text = match &answer["body"] {
        Value::Null => "",
        Value::String(text) => text,
        _ => panic!("a body that is no string: {}", context()),
    };
    let base64 = answer["isBase64Encoded"].as_bool();
    let base64 = base64.unwrap_or_else(|| panic!("no isBase64Encoded: {}", context()));
    assert!(!base64 || BASE64_STANDARD.decode(text).is_ok(), "base64: {}", context());
    let mut seen = Vec::new();
    for member in ["headers", "multiValueHeaders"] {
        for (name, values) in answer[member].as_object().into_iter().flatten() {
            assert!(HeaderName::from_bytes(name.as_bytes()).is_ok(), "header {name}: {}", context());
            let values = values.as_array().map_or(std::slice::from_ref(values), Vec::as_slice);
            for value in values {
                let text = value.as_str().unwrap_or_else(|| panic!("header {name}: {}", context()));
                assert!(HeaderValue::from_str(text).is_ok(), "header {name}: {}", context());
                seen.push((name.to_ascii_lowercase(), text));
            }
        }
    }
    let header = |wanted: &str| seen.iter().find(|(name, _)| name == wanted).map(|(_, value)| *value);
    assert_eq!(header("x-request-id"), Some(apps::REQUEST_ID), "{}", context());
    assert_eq!(header("x-content-type-options"), Some("nosniff"), "{}", context());
    if !base64 && !text.is_empty() && header("content-type") == Some("application/json") {
        assert!(serde_json::from_str::<Value>(text).is_ok(), "JSON: {}", context());
    }
}

/// Whether an event holds the key, or what an authorizer says of an identity, anywhere at all: more than what counts.
fn presents_something(event: &str) -> bool {
    let has = |text: &str| text.contains(KEY) || matches!(text, "userArn" | "sub" | "client_id");
    let inside = |text: &str| has(text) || texts(text).any(|text| has(&text));
    texts(event).any(|text| {
        let decoded = BASE64_STANDARD.decode(text.as_ref()).unwrap_or_default();
        inside(&text) || inside(&String::from_utf8_lossy(&decoded))
    })
}

/// The strings of a JSON text, those of members that come twice included.
fn texts(json: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let mut rest = json;
    std::iter::from_fn(move || {
        let (_, literal) = rest.split_once('"')?;
        let mut escaped = false;
        let end = literal.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let (literal, after) = literal.split_at(end.unwrap_or(literal.len()));
        rest = after.get(1..).unwrap_or_default();
        Some(serde_json::from_str(&format!("\"{literal}\"")).map_or(Cow::Borrowed(literal), Cow::Owned))
    })
}

/// Parameters: a content type, a query string and a body, a line each (the body is all that is left).
///
/// # Panics
/// A reader panics, or reads something that it must refuse.
pub fn params(data: &[u8]) {
    const ALL: &[ParamInfo] = &[
        Param::<String>::optional("KeyName", "").aliases(&["key_name", "MinCount"]).info,
        Param::<u32>::optional("MaxCount", "").aliases(&["count"]).range((1, 1000)).info,
        Param::<bool>::optional("force", "").aliases(&["Force"]).info,
        Param::<Vec<InstanceRef>>::optional("instance_id", "")
            .aliases(&["instance_ids", "InstanceId"])
            .max_items(10)
            .info,
        Param::<Tags>::optional("tag:KEY", "").info,
    ];

    let mut lines = data.splitn(3, |b| *b == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (content_type, query, body) = (String::from_utf8_lossy(line()), String::from_utf8_lossy(line()), line());
    let content_type = Some(&*content_type).filter(|it| !it.is_empty());
    let query = query.parse().unwrap_or_default();
    let Ok(params) = Params::read(Some(&query), content_type, body) else { return };

    for parameter in ALL {
        let printable = |text: &str| !text.contains(|c: char| c.is_control() && !c.is_ascii_whitespace());
        let raw = params.raw(parameter);
        if let Ok(text) = params.text(parameter) {
            assert_eq!(raw.ok(), Some(text), "{params:?}");
            assert!(text.is_none_or(|text| !text.is_empty() && printable(text)), "{params:?}");
        }
        if let Ok(Some(number)) = params.integer(parameter) {
            assert!((1..=1000).contains(&number), "{params:?}");
        }
        let _ = params.boolean(parameter);
        if let Ok(items) = params.list(parameter) {
            assert!(items.len() <= 10 && items.iter().all(|it| !it.is_empty() && printable(it)), "{params:?}");
            assert!((1..items.len()).all(|i| !items[..i].contains(&items[i])), "{params:?}");
        }
        if let (ParamKind::Tag, Ok(tags)) = (parameter.kind, params.tags(parameter)) {
            assert!(tags.len() <= 50, "{params:?}");
            assert!(tags.iter().all(|(key, values)| !key.is_empty() && printable(key) && !values.is_empty()));
        }
        let _ = params.is_given_as(parameter.name);
    }
    for name in params.unknown(ALL) {
        assert!(!ALL.iter().any(|known| known.name == name || known.aliases.contains(&name)), "{params:?}");
        assert!(!name.starts_with("aws_secret_access_key") || name.len() > 21, "{params:?}");
    }
    assert!(params.unknown(ALL).count() <= params.unknown(&[]).count());
}

/// A method, a space, a path. A route that is found is found again by its pattern with the captured segments in it, every
/// byte of them encoded; one that takes other methods is found by each of them.
///
/// # Panics
/// That does not hold.
pub fn router(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (method, path) = text.split_once(' ').unwrap_or(("GET", &text));
    let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
    let config = apps::config(&[]);
    match find(DIALECTS, &config, &method, path) {
        RouteMatch::Found(dialect, route, segments) => {
            assert!(begins_with(path, dialect), "{path}: {}", route.path);
            let mut again = route.path.to_owned();
            for (name, value) in &segments {
                let encoded = value.bytes().fold(String::new(), |mut text, byte| {
                    let _ = write!(text, "%{byte:02X}");
                    text
                });
                again = again.replace(&format!("{{{name}}}"), &encoded).replace(&format!("{{{name}...}}"), &encoded);
            }
            let RouteMatch::Found(_, found, same) = find(DIALECTS, &config, &method, &again) else {
                panic!("{method} {path} leads to {}, but {again} leads nowhere", route.path);
            };
            assert_eq!((found.name, found.path, same), (route.name, route.path, segments), "{path}: {again}");
        }
        RouteMatch::Options(methods) => assert!(methods.len() > 1, "{path}: {methods:?}"),
        RouteMatch::MethodNotAllowed(_, methods) => {
            assert!(!methods.is_empty() && !methods.contains(&method.as_str()), "{method} {path}: {methods:?}");
            for method in methods.into_iter().filter(|method| *method != "OPTIONS") {
                let method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
                let found = find(DIALECTS, &config, &method, path);
                assert!(matches!(found, RouteMatch::Found(..)), "{method} {path}");
            }
        }
        RouteMatch::NotFound(dialect) => {
            assert!(dialect.is_none_or(|dialect| begins_with(path, dialect)), "{path}");
        }
    }
}

/// Whether a path begins with the prefix of a dialect, after one slash or several.
fn begins_with(path: &str, dialect: &Dialect) -> bool {
    format!("/{}", path.trim_start_matches('/')).starts_with(dialect.prefix)
}

/// A file of policies. One that is read can be asked.
///
/// # Panics
/// Reading or asking panics.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(policies) = Policies::parse(text) else { return };
    let Some(region) = Region::parse("us-east-1") else { return };
    let caller = Caller {
        name: "demo".to_owned(),
        authentication: Authentication::Jwt,
        session: None,
        groups: vec!["ops".to_owned(), String::new()],
        scopes: vec!["\"".to_owned()],
    };
    for (action, resource) in [("DescribeInstances", Resource::Region), ("PutObject", Resource::Bucket("demo-\u{0}\""))]
    {
        let source_ip = Some(std::net::Ipv6Addr::LOCALHOST.into());
        let question = AuthzRequest { caller: &caller, source_ip, action, attribute: None, region: &region, resource };
        let verdict = policies.decide(&question);
        assert!(
            !verdict.permitted || (!verdict.determining_policies.is_empty() && verdict.problem.is_none()),
            "{verdict:?}: {text}"
        );
    }
}
