//! Who calls: the caller's identity, and the configuration that callers are checked against.
//!
//! How an identity is read from a request is in `http/authenticate.rs`.

mod keys;
mod well_known;

pub use crate::model::Authentication;
use crate::model::list_words;
pub use keys::ApiKeys;

/// An authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The key's name, the ARN of the role or user, or the token's subject.
    pub name: String,
    /// The authentication method.
    pub authentication: Authentication,
    /// The session name, if the caller is an assumed role: often a person's name.
    pub session: Option<String>,
    /// The groups of the caller, from the configuration or from the token.
    pub groups: Vec<String>,
    /// The scopes of the token.
    pub scopes: Vec<String>,
    /// The schedule that acts for the caller; `None`: the caller has sent the request.
    pub schedule: Option<String>,
}

impl Caller {
    /// A caller without session, groups and scopes.
    pub fn new(name: impl Into<String>, authentication: Authentication) -> Self {
        Self {
            name: name.into(),
            authentication,
            session: None,
            groups: Vec::new(),
            scopes: Vec::new(),
            schedule: None,
        }
    }
}

/// The configuration that callers are checked against.
#[derive(Debug, Default)]
pub struct Callers {
    /// If one method is configured, identities of other methods are ignored. `None`: an identity
    /// that API Gateway has checked, else an API key.
    pub only: Option<Authentication>,
    /// The API keys.
    pub keys: ApiKeys,
    /// Pairs of a caller's name and one of that caller's groups.
    pub groups: Vec<(String, String)>,
    /// The claim of a token that has the groups; `None`: `cognito:groups` in tokens of Cognito.
    pub groups_claim: Option<String>,
}

impl Callers {
    /// Whether identities of this method count.
    pub fn accept(&self, method: Authentication) -> bool {
        self.only.is_none_or(|only| only == method)
    }

    /// The configured groups of the caller of this name.
    pub fn groups_of(&self, name: &str) -> impl Iterator<Item = &str> {
        self.groups.iter().filter(move |(known, _)| known == name).map(|(_, group)| group.as_str())
    }
}

/// Parses comma-separated `caller=group` pairs. A caller may be an ARN, which has colons, slashes
/// and perhaps `=`; a group has no `=`.
///
/// # Errors
/// The problem in words, without the value.
pub fn parse_groups(text: &str) -> Result<Vec<(String, String)>, String> {
    let pair = |(i, pair): (usize, &str)| match pair.rsplit_once('=') {
        Some((caller, group)) if !caller.is_empty() && !group.is_empty() => Ok((caller.to_owned(), group.to_owned())),
        _ => Err(format!("entry {} is not caller=group", i + 1)),
    };
    list_words(text)?.into_iter().enumerate().map(pair).collect()
}
