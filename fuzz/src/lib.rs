//! The fuzz targets: a function for each, which panics if a promise of the code is broken.
//! `fuzz_targets/` runs them under libFuzzer, `tests/smoke.rs` runs them on fixed inputs.

mod apps;
mod aws;
mod event;
mod page;
mod schedule;

pub use schedule::schedule;

use apps::{Apps, KEY};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use ec2_control_api::auth::{Authentication, Caller};
use ec2_control_api::authz::{AuthzRequest, Detail, Policies, Resource};
use ec2_control_api::http::body::RawBody;
use ec2_control_api::http::event::Event;
use ec2_control_api::http::param::{Param, Tags};
use ec2_control_api::http::param_info::{ParamInfo, ParamKind};
use ec2_control_api::http::params::Params;
use ec2_control_api::http::route::{Dialect, RouteMatch, find};
use ec2_control_api::model::{Hibernation, InstanceRef, Region};
use ec2_control_api::routes::DIALECTS;
use lambda_http::http::{HeaderName, HeaderValue, Method};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt::Write as _;

/// Sends an event through the whole function: valid JSON as it is, anything else as an HTTP request
/// in an event of API Gateway. The first byte selects the responses of AWS; an input that starts
/// with `{` gets successful ones.
///
/// # Panics
/// The function panics, its response or its log line is invalid, or AWS is called for a caller who
/// is not authenticated.
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

/// Sends an authenticated request to an existing route, which gets deeper than [`invoke`] in the
/// same time. The first byte selects the responses of AWS, the second whether the event is a REST
/// API's; `event::routed` reads the rest.
///
/// # Panics
/// The function panics, or its response or its log line is invalid.
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

/// Checks that API Gateway would accept the response.
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

/// Whether the event contains the key or an authorizer's identity anywhere, even where the function
/// does not read it.
fn presents_something(event: &str) -> bool {
    let has = |text: &str| text.contains(KEY) || matches!(text, "userArn" | "sub" | "client_id");
    let inside = |text: &str| has(text) || texts(text).any(|text| has(&text));
    texts(event).any(|text| {
        let decoded = BASE64_STANDARD.decode(text.as_ref()).unwrap_or_default();
        inside(&text) || inside(&String::from_utf8_lossy(&decoded))
    })
}

/// The strings of a JSON text, including those of duplicate members.
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

/// Reads parameters. The first line of the input is a content type, the second a query string, the
/// rest a body.
///
/// # Panics
/// Reading panics, or accepts a value that must be refused.
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
        Param::<Hibernation>::optional("hibernate", "").aliases(&["Hibernate"]).info,
    ];

    let mut lines = data.splitn(3, |b| *b == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (content_type, query, body) = (String::from_utf8_lossy(line()), String::from_utf8_lossy(line()), line());
    let content_type = Some(&*content_type).filter(|text| !text.is_empty());
    let query = query.parse().unwrap_or_default();
    let content_encoding = body.starts_with(b"\x1f\x8b").then_some("gzip");
    let body = RawBody { content_type, content_encoding, bytes: body };
    let optional = body.parse_if_readable();
    // Packing and types change nothing: a JSON object is read, whatever its headers say.
    if let (Ok(optional), Ok(json)) = (&optional, RawBody { content_type: None, ..body }.parse()) {
        assert!(body.parse().is_ok() || optional.members == json.members, "{optional:?} {json:?}");
    }
    let params = Params::read(Some(&query), body.parse());
    if params.check().is_err() {
        return;
    }

    for parameter in ALL {
        let printable = |text: &str| !text.contains(|c: char| c.is_control() && !c.is_ascii_whitespace());
        let raw = params.raw(parameter);
        if let Ok(text) = params.text(parameter) {
            let trimmed = raw.ok().flatten().map(str::trim).filter(|text| !text.is_empty());
            assert_eq!(trimmed, text, "{params:?}");
            assert!(text.is_none_or(|text| !text.is_empty() && printable(text)), "{params:?}");
        }
        if let Ok(Some(number)) = params.integer(parameter) {
            assert!((1..=1000).contains(&number), "{params:?}");
        }
        let _ = params.boolean(parameter);
        if let Ok(items) = params.list(parameter) {
            assert!(items.len() <= 10 && items.iter().all(|item| !item.is_empty() && printable(item)), "{params:?}");
            assert!((1..items.len()).all(|i| !items[..i].contains(&items[i])), "{params:?}");
        }
        if let (ParamKind::Tag, Ok(tags)) = (parameter.kind, params.tags(parameter)) {
            assert!(tags.len() <= 50, "{params:?}");
            assert!(tags.iter().all(|(key, values)| !key.is_empty() && printable(key) && !values.is_empty()));
        }
        let _ = params.is_given_as(parameter.name);
    }
    for (name, _) in params.unknown(ALL) {
        assert!(!ALL.iter().any(|known| known.name == name || known.aliases.contains(&name)), "{params:?}");
        assert!(!name.starts_with("aws_secret_access_key") || name.len() > 21, "{params:?}");
    }
    assert!(params.unknown(ALL).count() <= params.unknown(&[]).count());
}

/// Looks up the route of `METHOD /path`. The route's pattern, filled with the captured segments in
/// percent-encoding, must lead to the same route. A path that does not allow the method must allow
/// each of the methods that it names.
///
/// # Panics
/// One of these promises is broken.
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

/// Reads a page of DescribeInstances by the parser of lists and by the SDK's. A first byte `<`
/// begins the page itself, any other one begins choices that make a well-formed page.
///
/// # Panics
/// Reading panics, or a well-formed page is another one by the parser of lists.
pub fn page(data: &[u8]) {
    let made;
    let page = match data {
        [b'<', ..] | [] => data,
        choices => {
            made = page::document(choices);
            made.as_bytes()
        }
    };
    let is_xml = std::str::from_utf8(page).is_ok_and(page::is_well_formed);
    let [list, sdk] = page::Parsers::with(|parsers| parsers.pages(page));
    let context = || format!("{list:?}, but {sdk:?}: {}", String::from_utf8_lossy(page));
    match (&list, &sdk) {
        (Ok(list), Ok(sdk)) => assert!(list == sdk || !is_xml, "{}", context()),
        // Of values that lists do not have, only the SDK's parser says that they are wrong.
        (Ok(_), Err(_)) => {}
        (Err(_), Ok(_)) => assert!(!is_xml, "{}", context()),
        (Err(list), Err(sdk)) => assert_eq!((list.kind, &list.message), (sdk.kind, &sdk.message)),
    }
}

/// Parses a policy file and, if it is valid, evaluates two requests.
///
/// # Panics
/// Parsing or evaluating panics, or a request is permitted without a policy that permits it.
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
        schedule: None,
    };
    for (action, resource) in [("DescribeInstances", Resource::Region), ("PutObject", Resource::Bucket("demo-\u{0}\""))]
    {
        let source_ip = Some(std::net::Ipv6Addr::LOCALHOST.into());
        let question = AuthzRequest {
            caller: &caller,
            source_ip,
            action,
            detail: Detail::None,
            account: None,
            region: &region,
            resource,
        };
        let verdict = policies.decide(&question);
        assert!(
            !verdict.permitted || (!verdict.determining_policies.is_empty() && verdict.problem.is_none()),
            "{verdict:?}: {text}"
        );
    }
}
