//! What API Gateway says of a request beside the request itself.

use super::lenient::scalar;
use crate::model::AccountId;
use serde_json::{Map, Value};

/// What API Gateway says of a request beside the request itself. No caller can write it.
#[derive(Clone, Debug, Default)]
pub struct Gateway {
    /// The format of the event.
    pub payload: Payload,
    /// The account of the API, as far as the event has it.
    pub account: Option<AccountId>,
    /// The stage.
    pub stage: Option<String>,
    /// The host that the request was sent to.
    pub domain_name: Option<String>,
    /// The caller's IP address.
    pub source_ip: Option<String>,
    /// The ARN of the caller whose signature the gateway has checked.
    pub user_arn: Option<String>,
    /// The claims of the token that the gateway has checked.
    pub claims: Map<String, Value>,
}

/// The format of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Payload {
    /// Payload 1.0: REST APIs.
    V1,
    /// Payload 2.0: HTTP APIs and function URLs.
    #[default]
    V2,
}

/// The paths to look for: the first that leads somewhere counts.
///
/// The path of a REST API has no stage. The path of an HTTP API begins with the stage, unless it is
/// `$default` or a custom domain removes it. Behind a custom domain it begins with the base path of
/// the mapping, which only the deployment knows.
pub fn paths<'a>(path: &'a str, gateway: &Gateway, base_path: Option<&str>) -> impl Iterator<Item = &'a str> {
    let stage = gateway.stage.as_deref().filter(|stage| !stage.is_empty());
    let without_stage = stage.and_then(|stage| without_prefix(path.strip_prefix('/')?, stage));
    let without_base = base_path.and_then(|base| without_prefix(path, base));
    let order = match gateway.payload {
        Payload::V2 => [without_base, without_stage, Some(path)],
        Payload::V1 => [without_base, Some(path), without_stage],
    };
    order.into_iter().flatten()
}

/// What follows a prefix of whole segments.
fn without_prefix<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    match path.strip_prefix(prefix)? {
        "" => Some("/"),
        rest => rest.starts_with('/').then_some(rest),
    }
}

/// The path of a REST API without the base path of its custom domain: what stands before the
/// event's `resource` with its parameters filled in.
pub fn without_base_path<'a>(path: &'a str, resource: &str, parameters: &Map<String, Value>) -> &'a str {
    let filled = resource.split('/').map(|segment| {
        let name = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}'));
        let value = name.and_then(|name| parameters.get(name.strip_suffix('+').unwrap_or(name)));
        value.and_then(scalar).unwrap_or_else(|| segment.to_owned())
    });
    let filled = filled.collect::<Vec<_>>().join("/");
    let wanted = filled.trim_matches('/');
    if wanted.is_empty() {
        return "/";
    }
    let decode = |text: &'a str| percent_encoding::percent_decode_str(text).decode_utf8_lossy();
    // The end of the path is decoded only if it is not the same text.
    let starts = || path.match_indices('/').map(|(at, _)| path.split_at(at).1);
    let same = starts().find(|rest| rest.trim_matches('/') == wanted);
    same.or_else(|| starts().find(|rest| decode(rest).trim_matches('/') == wanted)).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn candidates(path: &'static str, payload: Payload, stage: &str, base_path: Option<&str>) -> Vec<&'static str> {
        let gateway = Gateway { payload, stage: Some(stage.to_owned()), ..Gateway::default() };
        paths(path, &gateway, base_path).collect()
    }

    #[test]
    fn a_stage_never_reaches_the_router() {
        let http = |path, stage| candidates(path, Payload::V2, stage, None);
        assert_eq!(http("/ec2/list", "$default"), ["/ec2/list"]);
        assert_eq!(http("/prod/ec2/list", "prod"), ["/ec2/list", "/prod/ec2/list"]);
        assert_eq!(http("/prod", "prod"), ["/", "/prod"]);
        assert_eq!(http("/production/list", "prod"), ["/production/list"]);
        let rest = |path, stage| candidates(path, Payload::V1, stage, None);
        assert_eq!(rest("/v1/launch", "v1"), ["/v1/launch", "/launch"]);
        assert_eq!(rest("/v1/launch", ""), ["/v1/launch"]);
    }

    #[test]
    fn a_configured_base_path_never_reaches_the_router() {
        let http = |path, base| candidates(path, Payload::V2, "$default", Some(base));
        assert_eq!(http("/api/ec2/list", "/api"), ["/ec2/list", "/api/ec2/list"]);
        assert_eq!(http("/api", "/api"), ["/", "/api"]);
        assert_eq!(http("/a/b/health", "/a/b"), ["/health", "/a/b/health"]);
        assert_eq!(http("/apis/health", "/api"), ["/apis/health"]);
        assert_eq!(http("/health", "/api"), ["/health"]);
        assert_eq!(http("/v1/v1/launch", "/v1"), ["/v1/launch", "/v1/v1/launch"]);
    }

    #[test]
    fn the_base_path_of_a_rest_api_is_what_stands_before_its_resource() {
        let proxy =
            |path, proxy: &str| without_base_path(path, "/{proxy+}", json!({"proxy": proxy}).as_object().unwrap());
        assert_eq!(proxy("/ping1/ec2/list", "ec2/list"), "/ec2/list");
        assert_eq!(proxy("/ping1/ec2/list/", "ec2/list"), "/ec2/list/");
        assert_eq!(proxy("/a/b/ec2/list", "ec2/list"), "/ec2/list");
        assert_eq!(proxy("/ec2/list", "ec2/list"), "/ec2/list");
        assert_eq!(proxy("/s3/s3/b/k", "s3/b/k"), "/s3/b/k");
        assert_eq!(proxy("/api/s3/b/a%20b%2Fc", "s3/b/a b/c"), "/s3/b/a%20b%2Fc");
        assert_eq!(proxy("/api/s3/b/a%20b%2Fc", "s3/b/a%20b%2Fc"), "/s3/b/a%20b%2Fc");
        assert_eq!(proxy("/api/s3/b/k//", "s3/b/k//"), "/s3/b/k//");
        assert_eq!(proxy("/api/ec2/list", "other"), "/api/ec2/list");
        let other =
            |path, resource, parameters: Value| without_base_path(path, resource, parameters.as_object().unwrap());
        assert_eq!(other("/ping1", "/", json!({})), "/");
        assert_eq!(other("/ping1/", "/", json!({})), "/");
        assert_eq!(other("/ping1/ec2/list", "/ec2/list", json!({})), "/ec2/list");
        let parameters = json!({"region": "us-east-1", "id": "i-0123456789abcdef0"});
        let path = "/x/instance/us-east-1/i-0123456789abcdef0/start";
        assert_eq!(
            other(path, "/instance/{region}/{id}/start", parameters),
            "/instance/us-east-1/i-0123456789abcdef0/start"
        );
        assert_eq!(other("/x/ec2/list", "/{proxy+}", json!({"proxy": ["ec2/list"]})), "/x/ec2/list");
    }
}
