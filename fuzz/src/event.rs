//! Events of API Gateway from the text of an HTTP request.

use crate::apps::KEY;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

/// The event of a request: a byte of flags, the method, a space, path and query, a line for each header, an empty line, the
/// body. Says, too, whether the event has the key where it counts.
///
/// The low bits of the flags: a REST API's; the body base64-encoded; with the key; a stage in the path; with an identity.
pub(crate) fn of(data: &[u8]) -> (Value, bool) {
    let (flags, data) = data.split_first().unwrap_or((&0, data));
    let flag = |bit: u8| flags >> bit & 1 == 1;
    let (rest, in_base64, with_key, staged, known) = (flag(0), flag(1), flag(2), flag(3), flag(4));

    let end = data.windows(2).position(|it| it == b"\n\n");
    let (head, body) = end.map_or((data, &b""[..]), |end| (&data[..end], &data[end + 2..]));
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
