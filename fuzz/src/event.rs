//! Makes events of API Gateway from the text of an HTTP request.

use crate::apps::KEY;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use ec2_control_api::http::param_info::{ParamInfo, ParamKind};
use ec2_control_api::http::route::{BodyUse, Route};
use ec2_control_api::routes::DIALECTS;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// Makes the event of a request: a byte of flags, the method, a space, path and query, a line for
/// each header, an empty line, the body. Also returns whether the event has the key where the
/// function reads it.
///
/// The flags, from the lowest bit: an event of a REST API; a base64-encoded body; with the key; a
/// stage in the path; with an identity of IAM; not the text of a request but an input of
/// [`routed`].
pub(crate) fn of(data: &[u8]) -> (Value, bool) {
    let (flags, data) = data.split_first().unwrap_or((&0, data));
    let flag = |bit: u8| flags >> bit & 1 == 1;
    let (rest, in_base64, with_key, staged, known) = (flag(0), flag(1), flag(2), flag(3), flag(4));
    let data = if flag(5) { Cow::Owned(routed(data)) } else { Cow::Borrowed(data) };

    let end = data.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = end.map_or((&*data, &b""[..]), |end| (&data[..end], &data[end + 2..]));
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split('\n');
    let (method, target) = lines.next().unwrap_or_default().split_once(' ').unwrap_or(("GET", &head));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = Map::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        headers.insert(name.to_ascii_lowercase(), json!(value.trim()));
    }
    if with_key {
        headers.insert("x-api-key".to_owned(), json!(KEY));
    }
    let text = std::str::from_utf8(body).ok().filter(|_| !in_base64);
    let body = text.map_or_else(|| BASE64_STANDARD.encode(body), str::to_owned);
    let arn = known.then_some("arn:aws:sts::123456789012:assumed-role/ci/x");
    let stage = if staged { "prod" } else { "$default" };

    let mut event = if rest {
        let mut parameters = Map::new();
        for (name, value) in query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))) {
            let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
            let values = parameters.entry(decode(name)).or_insert_with(|| json!([]));
            values.as_array_mut().into_iter().for_each(|values| values.push(json!(decode(value))));
        }
        let several: Map<_, _> = headers.iter().map(|(name, value)| (name.clone(), json!([value]))).collect();
        json!({
            "resource": "/{proxy+}", "path": path, "httpMethod": method,
            "pathParameters": {"proxy": path.trim_start_matches('/')},
            "headers": headers, "multiValueHeaders": several,
            "queryStringParameters": null, "multiValueQueryStringParameters": parameters,
            "requestContext": {
                "stage": stage, "httpMethod": method, "identity": {"sourceIp": "203.0.113.10", "userArn": arn},
            },
        })
    } else {
        let path = percent_decode_str(path).decode_utf8_lossy();
        let path = if staged { format!("/prod{path}") } else { path.into_owned() };
        let cookies: Vec<_> = headers.remove("cookie").into_iter().collect();
        json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
            "headers": headers, "cookies": cookies,
            "requestContext": {
                "apiId": "x", "stage": stage, "domainName": "x.execute-api.us-east-1.amazonaws.com",
                "authorizer": arn.map(|arn| json!({"iam": {"userArn": arn}})),
                "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.10"},
            },
        })
    };
    event["body"] = json!(body);
    event["isBase64Encoded"] = json!(text.is_none());
    (event, with_key)
}

/// The text of a request to an existing route. The first byte selects the route; the rest of its
/// line has the named segments of the path, separated by spaces. Each further line is a parameter:
/// a byte selects it, the rest is its value (for a tag: key, `=`, value). Empty values and missing
/// required parameters get a valid example. The last line is also the content, if the route takes
/// any.
fn routed(data: &[u8]) -> Vec<u8> {
    let mut lines = data.split(|b| *b == b'\n');
    let (which, segments) = lines.next().and_then(<[u8]>::split_first).unwrap_or((&0, b""));
    let routes: Vec<&Route> = DIALECTS.iter().flat_map(|dialect| dialect.routes).collect();
    let route = routes[usize::from(*which) % routes.len()];
    let mut segments = segments.split(|b| *b == b' ');
    let segment = |pattern: &str| match pattern {
        "{region}" => "us-east-1".to_owned(),
        "{bucket}" => "demo-bucket".to_owned(),
        "{action}" => "start".to_owned(),
        "{field}" => "state".to_owned(),
        "{id}" | "{instance_id}" => "i-0123456789abcdef0".to_owned(),
        _ => "x".to_owned(),
    };
    let fill = |pattern| match pattern {
        fixed if !str::starts_with(fixed, '{') => fixed.to_owned(),
        named => match segments.next().unwrap_or_default() {
            b"" => segment(named),
            given => percent_encode(given, NON_ALPHANUMERIC).to_string(),
        },
    };
    let path = route.path.split('/').map(fill).collect::<Vec<_>>().join("/");

    let (mut given, mut content) = (Vec::new(), &b""[..]);
    for line in lines {
        content = line;
        let Some((which, value)) = line.split_first() else { continue };
        let count = route.parameters.len().max(1);
        let Some(parameter) = route.parameters.get(usize::from(*which) % count) else { continue };
        let names: Vec<_> = [parameter.name].iter().chain(parameter.aliases).copied().collect();
        let name = names[usize::from(*which) / count % names.len()];
        given.push((parameter, name, if value.is_empty() { example(parameter).as_bytes() } else { value }));
    }
    for parameter in route.parameters.iter().filter(|parameter| parameter.required) {
        if !given.iter().any(|(other, ..)| other.name == parameter.name) {
            given.push((parameter, parameter.name, example(parameter).as_bytes()));
        }
    }
    let encode = |text: &[u8]| percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pair = |(parameter, name, value): &(&ParamInfo, &str, &[u8])| match parameter.kind {
        ParamKind::Tag => {
            let at = value.iter().position(|b| *b == b'=').unwrap_or(value.len());
            let (key, value) = value.split_at(at);
            format!("tag:{}={}", encode(key), encode(value.get(1..).unwrap_or_default()))
        }
        _ => format!("{name}={}", encode(value)),
    };
    let pairs = given.iter().map(pair).collect::<Vec<_>>().join("&");

    let method = route.methods[usize::from(*which) / routes.len() % route.methods.len()];
    let mut text = match route.body {
        BodyUse::Parameters if method != "GET" => {
            format!("{method} {path}\ncontent-type: application/x-www-form-urlencoded\n\n{pairs}")
        }
        _ => format!("{method} {path}?{pairs}\n\n"),
    }
    .into_bytes();
    if route.body == BodyUse::Content {
        text.extend_from_slice(content);
    }
    text
}

/// A valid value.
fn example(parameter: &ParamInfo) -> &'static str {
    let name = parameter.name.to_ascii_lowercase();
    let has = |part| name.contains(part);
    match parameter.kind {
        ParamKind::Integer => "5",
        ParamKind::Boolean => "true",
        ParamKind::Tag => "Name=x",
        _ if has("region") => "us-east-1",
        _ if has("instance_id") || has("instanceid") => "i-0123456789abcdef0",
        _ if has("image") => "ami-12345678",
        _ if has("type") => "t3.micro",
        _ if has("group") => "sg-12345678",
        _ if has("attribute") => "instanceType",
        _ => "x",
    }
}
