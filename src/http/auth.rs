//! Who is calling: an API key that this function checks, or an identity that API Gateway has already checked.

use crate::error::{Error, Kind};
use lambda_http::aws_lambda_events::apigw::ApiGatewayRequestAuthorizer;
use lambda_http::http::HeaderMap;
use lambda_http::http::header::{AUTHORIZATION, COOKIE};
use lambda_http::request::RequestContext;
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// Who is calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The key's name, the role's or user's ARN, or the token's subject.
    pub name: String,
    /// How that is known.
    pub authentication: Authentication,
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
    /// The word for it in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Iam => "iam",
            Self::Jwt => "jwt",
        }
    }
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

/// Who is calling.
///
/// An identity in the request context comes first: API Gateway puts it there after checking, and no caller can. Otherwise
/// any one of the presented keys must be configured; `in_body` is the JSON member `api_key`, which the caller of this
/// function has looked up where a body counts.
///
/// # Errors
/// [`Kind::Unauthenticated`], the same for no key, an unknown one and no configuration.
pub fn authenticate(
    keys: &ApiKeys,
    context: Option<&RequestContext>,
    headers: &HeaderMap,
    in_body: Option<&str>,
) -> Result<Caller, Error> {
    if let Some(caller) = context.and_then(by_gateway) {
        return Ok(caller);
    }
    let values = |name: &str| headers.get_all(name).into_iter().map(|value| value.as_bytes()).collect::<Vec<_>>();
    let mut presented = values("x-api-key");
    presented.extend(values("api_key"));
    presented.extend(headers.get_all(AUTHORIZATION).into_iter().filter_map(|value| bearer(value.as_bytes())));
    presented.extend(headers.get_all(COOKIE).into_iter().flat_map(|value| cookies(value.as_bytes())));
    presented.extend(in_body.map(str::as_bytes));
    let name = presented.into_iter().find_map(|key| keys.name_of(key));
    let name = name.ok_or_else(|| Error::new(Kind::Unauthenticated, "InvalidApiKey", "Invalid api key"))?;
    Ok(Caller { name: name.to_owned(), authentication: Authentication::Key })
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
    let filled = |name: Option<&String>| name.filter(|name| !name.is_empty()).cloned();
    let jwt = |authorizer: &ApiGatewayRequestAuthorizer| {
        let claims = &authorizer.jwt.as_ref()?.claims;
        let name = filled(claims.get("sub")).or_else(|| filled(claims.get("client_id")))?;
        Some(Caller { name, authentication: Authentication::Jwt })
    };
    let iam = |arn: Option<&String>| Some(Caller { name: filled(arn)?, authentication: Authentication::Iam });
    match context {
        RequestContext::ApiGatewayV2(context) => {
            let authorizer = context.authorizer.as_ref()?;
            jwt(authorizer).or_else(|| iam(authorizer.iam.as_ref()?.user_arn.as_ref()))
        }
        RequestContext::ApiGatewayV1(context) => iam(context.identity.user_arn.as_ref()),
        _ => None,
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
        authenticate(&keys(), None, &map, in_body).ok().map(|caller| caller.name)
    }

    fn by_context(context: serde_json::Value) -> Option<Caller> {
        by_gateway(&RequestContext::ApiGatewayV2(serde_json::from_value(context).unwrap()))
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
        let none = ApiKeys::parse(" , ").unwrap();
        assert!(none.is_empty());
        for key in [None, Some(""), Some("old")] {
            let error = authenticate(&none, None, &HeaderMap::new(), key).unwrap_err();
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
        ] {
            let error = ApiKeys::parse(&text).unwrap_err();
            assert!(error.starts_with("entry ") && !error.contains(&digest), "{text}: {error}");
        }
    }

    #[test]
    fn keys_are_never_printed() {
        assert_eq!(format!("{:?}", keys()), r#"["ops", "ops", "ci"]"#);
    }

    #[test]
    fn the_gateways_identity_is_the_caller() {
        let http =
            json!({"method": "GET", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "203.0.113.10", "userAgent": "x"});
        let caller = |authorizer| by_context(json!({"http": http, "authorizer": authorizer}));
        let iam = caller(json!({"iam": {"userArn": "arn:aws:sts::123456789012:assumed-role/ci/x"}})).unwrap();
        assert_eq!(iam.authentication, Authentication::Iam);
        assert_eq!(iam.name, "arn:aws:sts::123456789012:assumed-role/ci/x");
        let jwt = caller(json!({"jwt": {"claims": {"sub": "alice"}, "scopes": null}})).unwrap();
        assert_eq!(jwt, Caller { name: "alice".into(), authentication: Authentication::Jwt });
        let client = caller(json!({"jwt": {"claims": {"sub": "", "client_id": "robot"}}})).unwrap();
        assert_eq!(client.name, "robot");
        for nobody in [json!(null), json!({}), json!({"jwt": {"claims": {}}}), json!({"iam": {"userArn": ""}})] {
            assert_eq!(caller(nobody.clone()), None, "{nobody}");
        }
    }
}
