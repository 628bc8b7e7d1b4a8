//! Reads the caller's identity from a request: an API key that this function checks, or an identity
//! that API Gateway has checked.

use super::gateway::Gateway;
use super::lenient::scalar;
use crate::auth::{Authentication, Caller, Callers};
use crate::error::{Error, Kind};
use crate::model::Region;
use lambda_http::http::HeaderMap;
use lambda_http::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use serde_json::{Map, Value};

/// Authenticates the caller of a request.
///
/// An identity that API Gateway has checked comes first: API Gateway puts it there after checking,
/// and no caller can. Otherwise one of the presented keys must be configured. `key_in_body` is the
/// JSON member `api_key`, where a body may hold a key.
///
/// If one method is configured, identities of other methods are ignored. So whoever may invoke the
/// function directly and makes up the request context does not get past a deployment with keys.
///
/// # Errors
/// [`Kind::Unauthenticated`]: the same for no key, an unknown key and no configuration.
pub fn authenticate(
    callers: &Callers,
    gateway: &Gateway,
    headers: &HeaderMap,
    key_in_body: Option<&str>,
) -> Result<Caller, Error> {
    let counts = |caller: &Caller| callers.accept(caller.authentication);
    let by_gateway = gateway_identity(gateway, callers.groups_claim.as_deref()).filter(counts);
    let by_key = || key_identity(callers, gateway, headers, key_in_body).filter(counts);
    let caller = by_gateway.or_else(by_key);
    let mut caller = caller.ok_or_else(|| Error::new(Kind::Unauthenticated, "InvalidApiKey", "Invalid api key"))?;
    let configured: Vec<_> = callers.groups_of(&caller.name).map(str::to_owned).collect();
    caller.groups.extend(configured);
    Ok(caller)
}

/// The most values of one header that are compared with the keys.
const MAX_VALUES: usize = 4;

/// The keys that a request presents, configured or not: at most [`MAX_VALUES`] of each place. Those
/// of cookies are apart: they count only for requests of this site.
fn presented_keys<'a>(
    headers: &'a HeaderMap,
    key_in_body: Option<&'a str>,
) -> (impl Iterator<Item = &'a [u8]>, impl Iterator<Item = &'a [u8]>) {
    let in_headers = ["x-api-key", "api_key", "api-key"].into_iter().flat_map(|name| values(headers, name));
    let bearer = values(headers, AUTHORIZATION.as_str()).filter_map(bearer_token);
    let cookies = headers.get_all(COOKIE).into_iter().flat_map(|value| key_cookies(value.as_bytes()));
    (in_headers.chain(bearer).chain(key_in_body.map(str::as_bytes)), cookies.take(MAX_VALUES))
}

/// The configured keys that a request presents, as text: they must not get into the log.
pub fn configured_keys(callers: &Callers, headers: &HeaderMap, key_in_body: Option<&str>) -> Vec<String> {
    let (keys, cookies) = presented_keys(headers, key_in_body);
    let configured = keys.chain(cookies).filter(|key| callers.keys.name_of(key).is_some());
    configured.map(|key| String::from_utf8_lossy(key).into_owned()).collect()
}

fn key_identity(
    callers: &Callers,
    gateway: &Gateway,
    headers: &HeaderMap,
    key_in_body: Option<&str>,
) -> Option<Caller> {
    let (keys, cookies) = presented_keys(headers, key_in_body);
    let cookies = (!is_cross_site(gateway, headers)).then_some(cookies);
    let mut presented = keys.chain(cookies.into_iter().flatten());
    let name = presented.find_map(|key| callers.keys.name_of(key))?;
    Some(Caller::new(name, Authentication::Key))
}

/// The values of a header, and the parts of those that have commas: an HTTP API joins the values of
/// a header that comes twice by commas.
fn values<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a [u8]> {
    let whole = || headers.get_all(name).into_iter().map(|value| value.as_bytes());
    let parts = whole().flat_map(|value| value.split(|b| *b == b',')).map(<[u8]>::trim_ascii);
    whole().take(MAX_VALUES).chain(parts.take(MAX_VALUES))
}

fn bearer_token(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

fn key_cookies(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let cookies = value.split(|b| *b == b';').filter_map(|pair| pair.trim_ascii().strip_prefix(b"api_key="));
    // The quotes do not belong to the value (RFC 6265, section 4.1.1).
    cookies.map(|value| value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value))
}

/// Whether a page of another site has caused the request, by any of the two headers that say so. A
/// browser attaches cookies to such requests, too. Not every browser sends both headers.
fn is_cross_site(gateway: &Gateway, headers: &HeaderMap) -> bool {
    let sites = headers.get_all("sec-fetch-site");
    let own_host = |origin: &[u8]| {
        let (scheme, host) = split_origin(origin);
        let default_port: &[u8] = if scheme == b"https" { b":443" } else { b":80" };
        let hosts = headers.get(HOST).map(|host| host.as_bytes()).into_iter();
        let mut hosts = hosts.chain(gateway.domain_name.as_deref().map(str::as_bytes));
        !host.is_empty() && hosts.any(|own| own.strip_suffix(default_port).unwrap_or(own).eq_ignore_ascii_case(host))
    };
    sites.into_iter().any(|site| site != "same-origin" && site != "none")
        || headers.get_all(ORIGIN).into_iter().any(|origin| !own_host(origin.as_bytes()))
}

/// Scheme and host of an origin; both are empty if it has none.
fn split_origin(origin: &[u8]) -> (&[u8], &[u8]) {
    let at = origin.windows(3).position(|separator| separator == b"://");
    at.and_then(|at| Some((origin.get(..at)?, origin.get(at + 3..)?))).unwrap_or_default()
}

/// The identity that API Gateway's own IAM or JWT authorizer found
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>,
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>).
fn gateway_identity(gateway: &Gateway, groups_claim: Option<&str>) -> Option<Caller> {
    token_identity(&gateway.claims, groups_claim).or_else(|| arn_identity(gateway.user_arn.as_deref()?))
}

/// The subject of a token, or its client if it has no subject.
///
/// Groups are those of `groups_claim`, or else of `cognito:groups` in a token of Cognito: another
/// issuer may let users choose a claim of that name.
fn token_identity(claims: &Map<String, Value>, groups_claim: Option<&str>) -> Option<Caller> {
    let text = |name: &str| claims.get(name).and_then(scalar).filter(|value| !value.is_empty());
    let cognito_groups = || text("iss").is_some_and(|issuer| is_cognito(&issuer)).then_some("cognito:groups");
    let groups = groups_claim.or_else(cognito_groups).and_then(|name| claims.get(name)).map(items);
    // The one is a text by RFC 9068, section 2.2.3; the other a list (Okta) or a text (Entra).
    let mut scopes = claims.get("scope").map(words).unwrap_or_default();
    let scp = claims.get("scp").map(items).unwrap_or_default();
    scopes.extend(scp.iter().flat_map(|scope| scope.split_whitespace()).map(str::to_owned));
    let caller = Caller::new(text("sub").or_else(|| text("client_id"))?, Authentication::Jwt);
    Some(Caller { groups: groups.unwrap_or_default(), scopes, ..caller })
}

/// The items of a claim that is a list.
///
/// API Gateway turns a list into text: `[a b]`. It is split at its spaces, so an item must not have
/// any: Cognito's groups have none, and scopes neither (RFC 6749, section 3.3). Text without
/// brackets is one item. An emulator may pass a list as it is.
fn items(claim: &Value) -> Vec<String> {
    if let Value::Array(items) = claim {
        return items.iter().filter_map(scalar).collect();
    }
    let text = scalar(claim).unwrap_or_default();
    match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(list) => list.split_whitespace().map(str::to_owned).collect(),
        None => Some(text.trim().to_owned()).filter(|text| !text.is_empty()).into_iter().collect(),
    }
}

/// The words of a claim that is a text. A bracket belongs to the word: a scope may have any.
fn words(claim: &Value) -> Vec<String> {
    match claim {
        Value::Array(items) => items.iter().filter_map(scalar).collect(),
        text => scalar(text).unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
    }
}

/// Whether this is the issuer of a user pool of Cognito, of any of its two forms
/// (<https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_IssuerConfigurationType.html>).
fn is_cognito(issuer: &str) -> bool {
    let region = || {
        let (host, pool) = issuer.strip_prefix("https://")?.split_once('/')?;
        let host = host.strip_prefix("issuer-").unwrap_or(host).strip_prefix("cognito-idp.")?;
        let domains = [".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu"];
        let region = domains.iter().find_map(|domain| host.strip_suffix(domain))?;
        (!pool.is_empty()).then(|| Region::parse(region)).flatten()
    };
    region().is_some()
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
        authenticate(&callers, &Gateway::default(), &map, key_in_body).ok().map(|caller| caller.name)
    }

    #[test]
    fn a_key_is_accepted_in_every_documented_place() {
        assert_eq!(name(&[("x-api-key", "old")], None).as_deref(), Some("ops"));
        assert_eq!(name(&[("api_key", "new")], None).as_deref(), Some("ops"));
        assert_eq!(name(&[("api-key", "new")], None).as_deref(), Some("ops"));
        assert_eq!(name(&[("authorization", "Bearer ci key")], None).as_deref(), Some("ci"));
        assert_eq!(name(&[("authorization", "bearer  new")], None).as_deref(), Some("ops"));
        assert_eq!(name(&[("cookie", "a=b; api_key=ci key; c=d")], None).as_deref(), Some("ci"));
        assert_eq!(name(&[("cookie", "api_key=\"ci key\"")], None).as_deref(), Some("ci"));
        assert_eq!(name(&[], Some("ci key")).as_deref(), Some("ci"));
    }

    #[test]
    fn a_header_that_comes_twice_counts_if_one_of_its_first_four_values_does() {
        for header in ["x-api-key", "api_key", "api-key"] {
            for values in [vec!["wrong", "old"], vec!["wrong,old"], vec!["old , wrong"], vec!["a,b", "c, old"]] {
                let headers: Vec<_> = values.iter().map(|value| (header, *value)).collect();
                assert_eq!(name(&headers, None).as_deref(), Some("ops"), "{header}: {values:?}");
            }
            for values in [vec!["a,b,c,d,old"], vec!["a", "b", "c", "d", "old"], vec!["a,b", "c,d", "e,old"]] {
                let headers: Vec<_> = values.iter().map(|value| (header, *value)).collect();
                assert_eq!(name(&headers, None), None, "{header}: {values:?}");
            }
        }
        for value in ["Basic abc, Bearer old", "Bearer wrong,bearer old"] {
            assert_eq!(name(&[("authorization", value)], None).as_deref(), Some("ops"), "{value}");
        }
        for value in ["Basic abc, old", "Bearer a,Bearer b,Bearer c,Bearer d,Bearer old"] {
            assert_eq!(name(&[("authorization", value)], None), None, "{value}");
        }
        let cookies = "api_key=a; api_key=b; api_key=c; api_key=d; api_key=old";
        assert_eq!(name(&[("cookie", cookies)], None), None);
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
        let cookie = |origin: &str, host: &str, site: Option<&str>| {
            let mut headers = vec![("cookie", "api_key=ci key"), ("origin", origin), ("host", host)];
            headers.extend(site.map(|site| ("sec-fetch-site", site)));
            name(&headers, None)
        };
        for site in [None, Some("none"), Some("same-origin")] {
            for (origin, host) in [
                ("https://api.example.com", "api.example.com"),
                ("https://api.example.com", "API.example.com:443"),
                ("http://localhost:9000", "localhost:9000"),
            ] {
                assert_eq!(cookie(origin, host, site).as_deref(), Some("ci"), "{origin} {host} {site:?}");
            }
            for (origin, host) in [
                ("https://evil.example", "api.example.com"),
                ("https://evil.example/api.example.com", "api.example.com"),
                ("https://api.example.com.evil.example", "api.example.com"),
                ("https://api.example.com:8443", "api.example.com"),
                ("null", "api.example.com"),
                ("null", ""),
                ("", "api.example.com"),
                ("api.example.com", "api.example.com"),
            ] {
                assert_eq!(cookie(origin, host, site), None, "{origin} {host} {site:?}");
            }
        }
        assert_eq!(cookie("https://api.example.com", "api.example.com", Some("cross-site")), None);
        let twice = [
            ("cookie", "api_key=ci key"),
            ("host", "api.example.com"),
            ("origin", "https://api.example.com"),
            ("origin", "https://evil.example"),
        ];
        assert_eq!(name(&twice, None), None);
    }

    #[test]
    fn a_cookie_counts_for_the_domain_name_that_the_gateway_says() {
        let callers = Callers { keys: keys(), ..Callers::default() };
        let gateway = Gateway { domain_name: Some("api.example.com".to_owned()), ..Gateway::default() };
        for (origin, counts) in [("https://api.example.com", true), ("https://evil.example", false)] {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, "api_key=ci key".parse().unwrap());
            headers.insert(ORIGIN, origin.parse().unwrap());
            assert_eq!(authenticate(&callers, &gateway, &headers, None).is_ok(), counts, "{origin}");
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
        assert!(ApiKeys::parse(" ").unwrap().is_empty());
        for key in [None, Some(""), Some("old")] {
            let error = authenticate(&Callers::default(), &Gateway::default(), &HeaderMap::new(), key).unwrap_err();
            assert_eq!((error.kind, error.message.as_str()), (Kind::Unauthenticated, "Invalid api key"));
        }
    }

    fn signed(user_arn: &str) -> Gateway {
        Gateway { user_arn: Some(user_arn.to_owned()), ..Gateway::default() }
    }

    fn with_token(claims: Value) -> Gateway {
        Gateway { claims: claims.as_object().unwrap().clone(), ..Gateway::default() }
    }

    #[test]
    fn an_identity_that_the_gateway_checked_is_the_caller() {
        let user = gateway_identity(&signed("arn:aws:iam::123456789012:user/alice"), None).unwrap();
        assert_eq!(user, Caller::new("arn:aws:iam::123456789012:user/alice", Authentication::Iam));
        let caller = |claims| gateway_identity(&with_token(claims), None);
        assert_eq!(caller(json!({"sub": "alice"})).unwrap(), Caller::new("alice", Authentication::Jwt));
        assert_eq!(caller(json!({"sub": "", "client_id": "robot"})).unwrap().name, "robot");
        assert_eq!(caller(json!({"sub": 4711, "exp": 1_591_111_111, "email_verified": true})).unwrap().name, "4711");
        for unauthenticated in [json!({}), json!({"sub": null}), json!({"sub": {}, "client_id": ["x"]})] {
            assert_eq!(caller(unauthenticated.clone()), None, "{unauthenticated}");
        }
        assert_eq!(gateway_identity(&signed(""), None), None);
        assert_eq!(gateway_identity(&Gateway::default(), None), None);
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

    const COGNITO: &str = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_1a2b3c4d5";

    #[test]
    fn groups_are_those_of_cognito_or_of_the_configured_claim() {
        let groups = |issuer: &str, claim: Option<&str>| {
            let claims = json!({
                "sub": "a", "iss": issuer, "cognito:groups": "[blue ops]", "https://example.com/groups": "[red]",
                "department": "not admin", "roles": ["on call", 1, {}], "empty": "[]",
            });
            token_identity(claims.as_object().unwrap(), claim).unwrap().groups
        };
        for cognito in [
            COGNITO,
            "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x",
            "https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_x",
        ] {
            assert_eq!(groups(cognito, None), ["blue", "ops"], "{cognito}");
        }
        for other in [
            "",
            "https://idp.example",
            "https://idp.example/cognito-idp.us-east-1.amazonaws.com/x",
            "https://cognito-idp.us-east-1.amazonaws.com.example/x",
            "https://cognito-idp.us-east-1.amazonaws.com",
            "https://cognito-idp.us-east-1.amazonaws.com/",
            "https://cognito-idp.us-east-1.example.amazonaws.com/x",
            "https://x.cognito-idp.us-east-1.amazonaws.com/x",
            "https://a@cognito-idp.us-east-1.amazonaws.com/x",
            "http://cognito-idp.us-east-1.amazonaws.com/x",
        ] {
            assert_eq!(groups(other, None), [""; 0], "{other}");
            assert_eq!(groups(other, Some("cognito:groups")), ["blue", "ops"], "{other}");
        }
        for (claim, expected) in [
            ("https://example.com/groups", vec!["red"]),
            ("department", vec!["not admin"]),
            ("roles", vec!["on call", "1"]),
            ("empty", vec![]),
            ("missing", vec![]),
        ] {
            assert_eq!(groups(COGNITO, Some(claim)), expected, "{claim}");
        }
    }

    #[test]
    fn brackets_are_taken_off_lists_only() {
        let caller = |claims| gateway_identity(&with_token(claims), None).unwrap();
        let scopes = |claims| caller(claims).scopes;
        assert_eq!(scopes(json!({"sub": "a", "scope": "ec2/read ec2/write"})), ["ec2/read", "ec2/write"]);
        assert_eq!(scopes(json!({"sub": "a", "scope": "[ec2/write]"})), ["[ec2/write]"]);
        assert_eq!(scopes(json!({"sub": "a", "scope": "[a b]"})), ["[a", "b]"]);
        assert_eq!(scopes(json!({"sub": "a", "scope": ["read", 1, {}]})), ["read", "1"]);
        for (scp, expected) in [
            (json!("[read write]"), vec!["read", "write"]),
            (json!("read write"), vec!["read", "write"]),
            (json!(["read", "write"]), vec!["read", "write"]),
            (json!("[]"), vec![]),
            (json!("[read"), vec!["[read"]),
        ] {
            assert_eq!(scopes(json!({"sub": "a", "scp": scp})), expected, "{scp}");
        }
        let groups = caller(json!({"sub": "a", "iss": COGNITO, "cognito:groups": "[a[b] c]"})).groups;
        assert_eq!(groups, ["a[b]", "c"]);
    }

    #[test]
    fn configured_groups_are_the_callers_own() {
        let groups = parse_groups("ops=blue, ci=red,ops=on-call,arn:aws:iam::1:role/a=b=red").unwrap();
        assert_eq!(groups.last().unwrap(), &("arn:aws:iam::1:role/a=b".to_owned(), "red".to_owned()));
        let callers = Callers { keys: keys(), groups, ..Callers::default() };
        let caller = authenticate(&callers, &Gateway::default(), &HeaderMap::new(), Some("old")).unwrap();
        assert_eq!(caller.groups, ["blue", "on-call"]);
        for text in ["ops", "ops=", "=blue", "ops=blue,red", "ops=blue,", "ops=blue,,ci=red", "ops = blue", "ops= blue"]
        {
            assert!(parse_groups(text).unwrap_err().starts_with("entry "), "{text}");
        }
    }

    #[test]
    fn if_one_method_is_configured_other_identities_are_ignored() {
        let (none, token, role) =
            (Gateway::default(), with_token(json!({"sub": "alice"})), signed("arn:aws:iam::1:user/bob"));
        let contexts = [(&none, None), (&token, None), (&role, None), (&token, Some("old"))];
        for (only, expected) in [
            (None, [None, Some("alice"), Some("arn:aws:iam::1:user/bob"), Some("alice")]),
            (Some(Authentication::Key), [None, None, None, Some("ops")]),
            (Some(Authentication::Iam), [None, None, Some("arn:aws:iam::1:user/bob"), None]),
            (Some(Authentication::Jwt), [None, Some("alice"), None, Some("alice")]),
        ] {
            let callers = Callers { only, keys: keys(), ..Callers::default() };
            let names = contexts.map(|(gateway, key)| {
                authenticate(&callers, gateway, &HeaderMap::new(), key).ok().map(|caller| caller.name)
            });
            assert_eq!(names.each_ref().map(Option::as_deref), expected, "{only:?}");
        }
    }
}
