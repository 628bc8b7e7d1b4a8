//! Reads the caller's identity from a request: an API key that this function checks, or an identity
//! that API Gateway has checked.

use crate::auth::{Authentication, Caller, Callers};
use crate::error::{Error, Kind};
use lambda_http::http::HeaderMap;
use lambda_http::http::header::{AUTHORIZATION, COOKIE};
use lambda_http::request::RequestContext;
use std::collections::HashMap;

/// Authenticates the caller of a request.
///
/// An identity in the request context comes first: API Gateway puts it there after checking, and no
/// caller can. Otherwise one of the presented keys must be configured. `key_in_body` is the JSON
/// member `api_key`, where a body may hold a key.
///
/// If one method is configured, identities of other methods are ignored. So whoever may invoke the
/// function directly and makes up the request context does not get past a deployment with keys.
///
/// # Errors
/// [`Kind::Unauthenticated`]: the same for no key, an unknown key and no configuration.
pub fn authenticate(
    callers: &Callers,
    context: Option<&RequestContext>,
    headers: &HeaderMap,
    key_in_body: Option<&str>,
) -> Result<Caller, Error> {
    let counts = |caller: &Caller| callers.accept(caller.authentication);
    let by_gateway = context.and_then(gateway_identity).filter(counts);
    let by_key = || key_identity(callers, headers, key_in_body).filter(counts);
    let caller = by_gateway.or_else(by_key);
    let mut caller = caller.ok_or_else(|| Error::new(Kind::Unauthenticated, "InvalidApiKey", "Invalid api key"))?;
    let configured = callers.groups.iter().filter(|(name, _)| *name == caller.name).map(|(_, group)| group.clone());
    caller.groups.extend(configured);
    Ok(caller)
}

fn key_identity(callers: &Callers, headers: &HeaderMap, key_in_body: Option<&str>) -> Option<Caller> {
    let values = |name: &str| headers.get_all(name).into_iter().map(|value| value.as_bytes()).collect::<Vec<_>>();
    let mut presented = values("x-api-key");
    presented.extend(values("api_key"));
    presented.extend(headers.get_all(AUTHORIZATION).into_iter().filter_map(|value| bearer_token(value.as_bytes())));
    // A browser attaches cookies to requests that other sites' pages make, and marks those requests.
    let cross_site = headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    if !cross_site {
        presented.extend(headers.get_all(COOKIE).into_iter().flat_map(|value| key_cookies(value.as_bytes())));
    }
    presented.extend(key_in_body.map(str::as_bytes));
    let name = presented.into_iter().find_map(|key| callers.keys.name_of(key))?;
    Some(Caller::new(name, Authentication::Key))
}

fn bearer_token(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

fn key_cookies(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b';').filter_map(|pair| pair.trim_ascii().strip_prefix(b"api_key="))
}

/// The identity that API Gateway's own IAM or JWT authorizer found
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>,
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>).
fn gateway_identity(context: &RequestContext) -> Option<Caller> {
    match context {
        RequestContext::ApiGatewayV2(context) => {
            let authorizer = context.authorizer.as_ref()?;
            let jwt = authorizer.jwt.as_ref().and_then(|jwt| token_identity(&jwt.claims));
            jwt.or_else(|| arn_identity(authorizer.iam.as_ref()?.user_arn.as_deref()?))
        }
        RequestContext::ApiGatewayV1(context) => arn_identity(context.identity.user_arn.as_deref()?),
        _ => None,
    }
}

/// The subject of a token, or its client if it has no subject.
///
/// API Gateway turns a claim that is an array into text: `[a b]`. That can be split again where no
/// item can have a space: scopes (RFC 6749, section 3.3) and Cognito's groups. Groups of other issuers
/// are not read: "not admin" would become "not" and "admin".
fn token_identity(claims: &HashMap<String, String>) -> Option<Caller> {
    let claim = |name: &str| claims.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let items = |name: &str| {
        let text = claim(name).unwrap_or_default();
        let text = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let mut scopes = items("scope");
    scopes.extend(items("scp"));
    let caller = Caller::new(claim("sub").or_else(|| claim("client_id"))?, Authentication::Jwt);
    Some(Caller { groups: items("cognito:groups"), scopes, ..caller })
}

/// A user or a role. The session of a role has an ARN of its own
/// (`arn:aws:sts::123456789012:assumed-role/name/session`), but the caller is the role. The role's
/// path is not in that ARN, and so it is not in the name here.
fn arn_identity(arn: &str) -> Option<Caller> {
    let assumed_role = || {
        let (partition, rest) = arn.strip_prefix("arn:")?.split_once(":sts::")?;
        let (account, rest) = rest.split_once(":assumed-role/")?;
        let (role, session) = rest.split_once('/')?;
        Some((format!("arn:{partition}:iam::{account}:role/{role}"), session))
    };
    match assumed_role() {
        Some((role, session)) => {
            Some(Caller { session: Some(session.to_owned()), ..Caller::new(role, Authentication::Iam) })
        }
        None => (!arn.is_empty()).then(|| Caller::new(arn, Authentication::Iam)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{ApiKeys, parse_groups};
    use lambda_http::http::HeaderName;
    use serde_json::json;
    use sha2::{Digest as _, Sha256};

    fn keys() -> ApiKeys {
        let digest = |key: &str| hex::encode(Sha256::digest(key));
        let text = format!("ops={},ops={},ci={}", digest("old"), digest("new"), digest("ci key"));
        ApiKeys::parse(&text).unwrap()
    }

    fn name(headers: &[(&'static str, &str)], key_in_body: Option<&str>) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        let callers = Callers { keys: keys(), ..Callers::default() };
        authenticate(&callers, None, &map, key_in_body).ok().map(|caller| caller.name)
    }

    #[test]
    fn a_key_is_accepted_in_every_documented_place() {
        assert_eq!(name(&[("x-api-key", "old")], None).as_deref(), Some("ops"));
        assert_eq!(name(&[("api_key", "new")], None).as_deref(), Some("ops"));
        assert_eq!(name(&[("authorization", "Bearer ci key")], None).as_deref(), Some("ci"));
        assert_eq!(name(&[("authorization", "bearer  new")], None).as_deref(), Some("ops"));
        assert_eq!(name(&[("cookie", "a=b; api_key=ci key; c=d")], None).as_deref(), Some("ci"));
        assert_eq!(name(&[], Some("ci key")).as_deref(), Some("ci"));
    }

    #[test]
    fn one_right_key_among_several_is_enough() {
        let headers = [("authorization", "Basic abc"), ("cookie", "api_key=stale"), ("x-api-key", "new")];
        assert_eq!(name(&headers, None).as_deref(), Some("ops"));
    }

    #[test]
    fn a_cookie_is_ignored_on_requests_from_other_sites() {
        for (site, expected) in
            [("same-origin", Some("ci")), ("none", Some("ci")), ("cross-site", None), ("same-site", None)]
        {
            let headers = [("cookie", "api_key=ci key"), ("sec-fetch-site", site)];
            assert_eq!(name(&headers, None).as_deref(), expected, "{site}");
            let headers = [("x-api-key", "ci key"), ("sec-fetch-site", site)];
            assert_eq!(name(&headers, None).as_deref(), Some("ci"), "{site}");
        }
    }

    #[test]
    fn a_key_that_is_nearly_right_is_wrong() {
        for key in ["", "ol", "old ", "Old", "old\u{e9}", "oldnew", "ops", "old,new"] {
            assert_eq!(name(&[], Some(key)), None, "{key:?}");
        }
        assert_eq!(name(&[("authorization", "old")], None), None);
        assert_eq!(name(&[("authorization", "Basic old")], None), None);
        assert_eq!(name(&[("cookie", "xapi_key=old")], None), None);
        assert_eq!(name(&[], None), None);
    }

    #[test]
    fn the_digest_of_a_key_is_rejected_as_a_key() {
        let digest = hex::encode(Sha256::digest("old"));
        assert_eq!(name(&[("x-api-key", &digest)], None), None);
    }

    #[test]
    fn without_configured_keys_every_key_is_refused() {
        assert!(ApiKeys::parse(" , ").unwrap().is_empty());
        for key in [None, Some(""), Some("old")] {
            let error = authenticate(&Callers::default(), None, &HeaderMap::new(), key).unwrap_err();
            assert_eq!((error.kind, error.message.as_str()), (Kind::Unauthenticated, "Invalid api key"));
        }
    }

    fn gateway(authorizer: serde_json::Value) -> RequestContext {
        let http =
            json!({"method": "GET", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "203.0.113.10", "userAgent": "x"});
        let context = json!({"http": http, "authorizer": authorizer});
        RequestContext::ApiGatewayV2(serde_json::from_value(context).unwrap())
    }

    #[test]
    fn an_identity_that_the_gateway_checked_is_the_caller() {
        let caller = |authorizer| gateway_identity(&gateway(authorizer));
        let user = caller(json!({"iam": {"userArn": "arn:aws:iam::123456789012:user/alice"}})).unwrap();
        assert_eq!(user, Caller::new("arn:aws:iam::123456789012:user/alice", Authentication::Iam));
        let jwt = caller(json!({"jwt": {"claims": {"sub": "alice"}, "scopes": null}})).unwrap();
        assert_eq!(jwt, Caller::new("alice", Authentication::Jwt));
        let client = caller(json!({"jwt": {"claims": {"sub": "", "client_id": "robot"}}})).unwrap();
        assert_eq!(client.name, "robot");
        for unauthenticated in [json!(null), json!({}), json!({"jwt": {"claims": {}}}), json!({"iam": {"userArn": ""}})]
        {
            assert_eq!(caller(unauthenticated.clone()), None, "{unauthenticated}");
        }
    }

    #[test]
    fn a_role_is_the_caller_whatever_its_session_is_called() {
        let role = arn_identity("arn:aws-us-gov:sts::123456789012:assumed-role/ci/alice@example.com").unwrap();
        assert_eq!(role.name, "arn:aws-us-gov:iam::123456789012:role/ci");
        assert_eq!(role.session.as_deref(), Some("alice@example.com"));
        for other in ["arn:aws:sts::123456789012:federated-user/x", "arn:aws:sts::1:assumed-role/ci", "x:sts::y"] {
            assert_eq!(arn_identity(other).unwrap().name, other);
        }
    }

    #[test]
    fn groups_and_scopes_are_read_only_where_items_have_no_spaces() {
        let caller = |claims| gateway_identity(&gateway(json!({"jwt": {"claims": claims}}))).unwrap();
        let alice = caller(json!({"sub": "a", "scope": "ec2/read ec2/write", "cognito:groups": "[blue ops]"}));
        assert_eq!(alice.scopes, ["ec2/read", "ec2/write"]);
        assert_eq!(alice.groups, ["blue", "ops"]);
        let robot = caller(json!({"sub": "a", "scp": "[read]", "cognito:groups": "blue", "groups": "[not admin]"}));
        assert_eq!((robot.scopes, robot.groups), (vec!["read".to_owned()], vec!["blue".to_owned()]));
    }

    #[test]
    fn configured_groups_are_the_callers_own() {
        let groups = parse_groups("ops=blue, ci=red,ops=on-call,arn:aws:iam::1:role/a=b=red").unwrap();
        assert_eq!(groups.last().unwrap(), &("arn:aws:iam::1:role/a=b".to_owned(), "red".to_owned()));
        let callers = Callers { keys: keys(), groups, ..Callers::default() };
        let caller = authenticate(&callers, None, &HeaderMap::new(), Some("old")).unwrap();
        assert_eq!(caller.groups, ["blue", "on-call"]);
        for text in ["ops", "ops=", "=blue", "ops=blue,red"] {
            assert_eq!(parse_groups(text), None, "{text}");
        }
    }

    #[test]
    fn if_one_method_is_configured_other_identities_are_ignored() {
        let token = gateway(json!({"jwt": {"claims": {"sub": "alice"}}}));
        let role = gateway(json!({"iam": {"userArn": "arn:aws:iam::1:user/bob"}}));
        let contexts = [(None, None), (Some(&token), None), (Some(&role), None), (Some(&token), Some("old"))];
        for (only, expected) in [
            (None, [None, Some("alice"), Some("arn:aws:iam::1:user/bob"), Some("alice")]),
            (Some(Authentication::Key), [None, None, None, Some("ops")]),
            (Some(Authentication::Iam), [None, None, Some("arn:aws:iam::1:user/bob"), None]),
            (Some(Authentication::Jwt), [None, Some("alice"), None, Some("alice")]),
        ] {
            let callers = Callers { only, keys: keys(), ..Callers::default() };
            let names = contexts.map(|(context, key)| {
                authenticate(&callers, context, &HeaderMap::new(), key).ok().map(|caller| caller.name)
            });
            assert_eq!(names.each_ref().map(Option::as_deref), expected, "{only:?}");
        }
    }
}
