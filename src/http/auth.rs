//! Who is calling: an API key that this function checks, or an identity that API Gateway has already checked.

use crate::error::{Error, Kind};
use lambda_http::http::HeaderMap;
use lambda_http::http::header::{AUTHORIZATION, COOKIE};
use lambda_http::request::RequestContext;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// Who is calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The key's name, the role's or user's ARN, or the token's subject.
    pub name: String,
    /// How that is known.
    pub authentication: Authentication,
    /// The name of the session, if a role calls: often a person's.
    pub session: Option<String>,
    /// The groups that the configuration or the token has the caller in.
    pub groups: Vec<String>,
    /// The scopes of the token.
    pub scopes: Vec<String>,
}

impl Caller {
    fn new(name: impl Into<String>, authentication: Authentication) -> Self {
        Self { name: name.into(), authentication, session: None, groups: Vec::new(), scopes: Vec::new() }
    }
}

/// How the caller is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// An API key, checked here.
    Key,
    /// A signature, checked by API Gateway.
    Iam,
    /// A token, checked by API Gateway.
    Jwt,
}

impl Authentication {
    /// The word for it in configuration, log and policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Iam => "iam",
            Self::Jwt => "jwt",
        }
    }

    /// Reads the word for it.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Key, Self::Iam, Self::Jwt].into_iter().find(|it| it.as_str() == text)
    }
}

/// Who may call, and how.
#[derive(Debug, Default)]
pub struct Callers {
    /// The only way that counts. `None`: an identity that API Gateway has checked, or else a key.
    pub only: Option<Authentication>,
    /// The keys.
    pub keys: ApiKeys,
    /// Callers by name, each with one of their groups.
    pub groups: Vec<(String, String)>,
}

/// Reads comma-separated `caller=group` pairs. A caller may be an ARN, which has colons, slashes and perhaps `=`; a group has
/// none of the latter.
pub fn parse_groups(text: &str) -> Option<Vec<(String, String)>> {
    let pair = |pair: &str| {
        let (caller, group) = pair.trim().rsplit_once('=')?;
        let ok = !caller.is_empty() && !group.is_empty();
        ok.then(|| (caller.to_owned(), group.to_owned()))
    };
    text.split(',').filter(|it| !it.trim().is_empty()).map(pair).collect()
}

/// The configured keys: SHA-256 digests only, so that neither configuration nor memory holds a key.
#[derive(Default)]
pub struct ApiKeys(Vec<(String, [u8; 32])>);

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl ApiKeys {
    /// Reads `name=digest` pairs, comma-separated. A name may come twice: that is how its key is rotated.
    ///
    /// # Errors
    /// A sentence that says what is wrong, without repeating the value.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut keys: Vec<(String, [u8; 32])> = Vec::new();
        for (i, pair) in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()).enumerate() {
            let wrong = |problem: &str| format!("entry {} {problem}", i + 1);
            let (name, digest) = pair.split_once('=').ok_or_else(|| wrong("is not name=digest"))?;
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.@".contains(&b)) {
                return Err(wrong("has a name of other characters than letters, digits and -_.@"));
            }
            let digest =
                unhex(digest).ok_or_else(|| wrong("has a digest that is not 64 hex digits (SHA-256 of the key)"))?;
            // What a shell computes of a variable that is not set. Everybody has that key.
            if ["", "\n"].iter().any(|nothing| digest == <[u8; 32]>::from(Sha256::digest(nothing))) {
                return Err(wrong("has the digest of an empty key"));
            }
            if keys.iter().any(|(other, known)| *known == digest && other != name) {
                return Err(wrong("has the digest of another name: a key must say who is calling"));
            }
            keys.push((name.to_owned(), digest));
        }
        Ok(Self(keys))
    }

    /// Whether no key is configured.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The name of the key. Takes as long for a key that is nearly right as for one that is far off: digests are compared
    /// in constant time, and all of them.
    fn name_of(&self, key: &[u8]) -> Option<&str> {
        let presented: [u8; 32] = Sha256::digest(key).into();
        let (mut found, mut index) = (Choice::from(0), 0u32);
        for (i, (_, digest)) in (0u32..).zip(&self.0) {
            let same = digest.ct_eq(&presented);
            index.conditional_assign(&i, same);
            found |= same;
        }
        let (name, _) = self.0.get(usize::try_from(index).ok()?)?;
        bool::from(found).then_some(name.as_str())
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = *pair else { return None };
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}

impl Callers {
    /// Who is calling.
    ///
    /// An identity in the request context comes first: API Gateway puts it there after checking, and no caller can. Otherwise
    /// any one of the presented keys must be configured; `in_body` is the JSON member `api_key`, which the caller of this
    /// function has looked up where a body counts.
    ///
    /// Where only one way counts, what another finds is nothing: whoever may invoke the function directly and so makes up
    /// the context does not get past a deployment with keys.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`], the same for no key, an unknown one and no configuration.
    pub fn authenticate(
        &self,
        context: Option<&RequestContext>,
        headers: &HeaderMap,
        in_body: Option<&str>,
    ) -> Result<Caller, Error> {
        let counts = |way: Authentication| self.only.is_none_or(|only| only == way);
        let by_gateway = context.and_then(by_gateway).filter(|caller| counts(caller.authentication));
        let by_key = || self.by_key(headers, in_body).filter(|caller| counts(caller.authentication));
        let caller = by_gateway.or_else(by_key);
        let mut caller = caller.ok_or_else(|| Error::new(Kind::Unauthenticated, "InvalidApiKey", "Invalid api key"))?;
        let configured = self.groups.iter().filter(|(name, _)| *name == caller.name).map(|(_, group)| group.clone());
        caller.groups.extend(configured);
        Ok(caller)
    }

    fn by_key(&self, headers: &HeaderMap, in_body: Option<&str>) -> Option<Caller> {
        let values = |name: &str| headers.get_all(name).into_iter().map(|value| value.as_bytes()).collect::<Vec<_>>();
        let mut presented = values("x-api-key");
        presented.extend(values("api_key"));
        presented.extend(headers.get_all(AUTHORIZATION).into_iter().filter_map(|value| bearer(value.as_bytes())));
        // A browser sends cookies with what other sites' pages make it send, and says so.
        let by_other_site = headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
        if !by_other_site {
            presented.extend(headers.get_all(COOKIE).into_iter().flat_map(|value| cookies(value.as_bytes())));
        }
        presented.extend(in_body.map(str::as_bytes));
        let name = presented.into_iter().find_map(|key| self.keys.name_of(key))?;
        Some(Caller::new(name, Authentication::Key))
    }
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

fn cookies(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b';').filter_map(|pair| pair.trim_ascii().strip_prefix(b"api_key="))
}

/// The identity that API Gateway's own IAM or JWT authorizer found
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>,
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>).
fn by_gateway(context: &RequestContext) -> Option<Caller> {
    match context {
        RequestContext::ApiGatewayV2(context) => {
            let authorizer = context.authorizer.as_ref()?;
            let jwt = authorizer.jwt.as_ref().and_then(|jwt| by_token(&jwt.claims));
            jwt.or_else(|| by_arn(authorizer.iam.as_ref()?.user_arn.as_deref()?))
        }
        RequestContext::ApiGatewayV1(context) => by_arn(context.identity.user_arn.as_deref()?),
        _ => None,
    }
}

/// The subject of a token, or the client that has it without one. API Gateway makes text of a claim that is an array:
/// `[a b]`. That can be read back where no item can have a space: scopes (RFC 6749, section 3.3) and Cognito's groups. It can't
/// with the groups of other issuers, so those are not read: "not admin" would become "not" and "admin".
fn by_token(claims: &HashMap<String, String>) -> Option<Caller> {
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

/// A user, or a role: its session has an ARN of its own (`arn:aws:sts::123456789012:assumed-role/name/session`), but what may
/// be permitted something is the role. Its path is not in that ARN, and so not in the name here.
fn by_arn(arn: &str) -> Option<Caller> {
    let session = || {
        let (partition, rest) = arn.strip_prefix("arn:")?.split_once(":sts::")?;
        let (account, rest) = rest.split_once(":assumed-role/")?;
        let (role, session) = rest.split_once('/')?;
        Some((format!("arn:{partition}:iam::{account}:role/{role}"), session))
    };
    match session() {
        Some((role, session)) => {
            Some(Caller { session: Some(session.to_owned()), ..Caller::new(role, Authentication::Iam) })
        }
        None => (!arn.is_empty()).then(|| Caller::new(arn, Authentication::Iam)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::http::HeaderName;
    use serde_json::json;

    fn keys() -> ApiKeys {
        let digest = |key: &str| Sha256::digest(key).iter().map(|b| format!("{b:02x}")).collect::<String>();
        let text = format!("ops={},ops={},ci={}", digest("old"), digest("new"), digest("ci key"));
        ApiKeys::parse(&text).unwrap()
    }

    fn name(headers: &[(&'static str, &str)], in_body: Option<&str>) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        let callers = Callers { keys: keys(), ..Callers::default() };
        callers.authenticate(None, &map, in_body).ok().map(|caller| caller.name)
    }

    #[test]
    fn a_key_is_taken_from_every_documented_place() {
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
    fn a_cookie_counts_for_the_own_site_only() {
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
    fn the_digest_itself_is_no_key() {
        let digest: String = Sha256::digest("old").iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(name(&[("x-api-key", &digest)], None), None);
    }

    #[test]
    fn without_configured_keys_every_key_is_refused() {
        assert!(ApiKeys::parse(" , ").unwrap().is_empty());
        for key in [None, Some(""), Some("old")] {
            let error = Callers::default().authenticate(None, &HeaderMap::new(), key).unwrap_err();
            assert_eq!((error.kind, error.message.as_str()), (Kind::Unauthenticated, "Invalid api key"));
        }
    }

    #[test]
    fn err_keys_that_are_not_names_and_digests() {
        let digest = "ab".repeat(32);
        for text in [
            "x".into(),
            "x=".into(),
            format!("={digest}"),
            format!("a b={digest}"),
            format!("x={digest}0"),
            format!("x={}", "zz".repeat(32)),
            format!("x={digest},y={digest}"),
            "x=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".into(),
            "x=01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b".into(),
        ] {
            let error = ApiKeys::parse(&text).unwrap_err();
            assert!(error.starts_with("entry ") && !error.contains(&digest), "{text}: {error}");
        }
    }

    #[test]
    fn keys_are_never_printed() {
        assert_eq!(format!("{:?}", keys()), r#"["ops", "ops", "ci"]"#);
    }

    fn gateway(authorizer: serde_json::Value) -> RequestContext {
        let http =
            json!({"method": "GET", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "203.0.113.10", "userAgent": "x"});
        let context = json!({"http": http, "authorizer": authorizer});
        RequestContext::ApiGatewayV2(serde_json::from_value(context).unwrap())
    }

    #[test]
    fn the_gateways_identity_is_the_caller() {
        let caller = |authorizer| by_gateway(&gateway(authorizer));
        let user = caller(json!({"iam": {"userArn": "arn:aws:iam::123456789012:user/alice"}})).unwrap();
        assert_eq!(user, Caller::new("arn:aws:iam::123456789012:user/alice", Authentication::Iam));
        let jwt = caller(json!({"jwt": {"claims": {"sub": "alice"}, "scopes": null}})).unwrap();
        assert_eq!(jwt, Caller::new("alice", Authentication::Jwt));
        let client = caller(json!({"jwt": {"claims": {"sub": "", "client_id": "robot"}}})).unwrap();
        assert_eq!(client.name, "robot");
        for nobody in [json!(null), json!({}), json!({"jwt": {"claims": {}}}), json!({"iam": {"userArn": ""}})] {
            assert_eq!(caller(nobody.clone()), None, "{nobody}");
        }
    }

    #[test]
    fn a_role_is_the_caller_whatever_its_session_is_called() {
        let role = by_arn("arn:aws-us-gov:sts::123456789012:assumed-role/ci/alice@example.com").unwrap();
        assert_eq!(role.name, "arn:aws-us-gov:iam::123456789012:role/ci");
        assert_eq!(role.session.as_deref(), Some("alice@example.com"));
        for other in ["arn:aws:sts::123456789012:federated-user/x", "arn:aws:sts::1:assumed-role/ci", "x:sts::y"] {
            assert_eq!(by_arn(other).unwrap().name, other);
        }
    }

    #[test]
    fn groups_and_scopes_are_those_that_can_be_told_apart() {
        let caller = |claims| by_gateway(&gateway(json!({"jwt": {"claims": claims}}))).unwrap();
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
        let caller = callers.authenticate(None, &HeaderMap::new(), Some("old")).unwrap();
        assert_eq!(caller.groups, ["blue", "on-call"]);
        for text in ["ops", "ops=", "=blue", "ops=blue,red"] {
            assert_eq!(parse_groups(text), None, "{text}");
        }
    }

    #[test]
    fn where_one_way_counts_what_another_finds_is_nothing() {
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
                callers.authenticate(context, &HeaderMap::new(), key).ok().map(|caller| caller.name)
            });
            assert_eq!(names.each_ref().map(Option::as_deref), expected, "{only:?}");
        }
    }
}
