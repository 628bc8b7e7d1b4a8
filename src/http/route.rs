//! Routes: one row for each in a dialect's table, and how a request finds its row.

use super::call::Decoded;
use super::param::{Given, Param, ParamValue};
use super::param_info::ParamInfo;
use super::params::Params;
use super::reply::{Reply, header_value};
use super::schema::SchemaFn;
use super::static_file::StaticFile;
use crate::config::Config;
use crate::error::Error;
use crate::model::{AccountId, Action, FromText};
use crate::operations::DryRun;
use lambda_http::http::header::HeaderName;
use lambda_http::http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::Value;
use std::sync::OnceLock;
use time::OffsetDateTime;

/// All dialects, and the OpenAPI document that describes them.
pub struct Api {
    /// The dialects. The first whose prefix matches a path is asked.
    pub dialects: &'static [&'static Dialect],
    /// The OpenAPI document, made at its first request.
    pub openapi: OnceLock<StaticFile>,
}

/// An HTTP dialect: its routes, and the body of its errors and dry runs.
pub struct Dialect {
    /// Its name in the log.
    pub name: &'static str,
    /// The clients that it is for, in one sentence.
    pub summary: &'static str,
    /// The first segment of its paths, with the slash. Empty: all paths that no other dialect has.
    pub prefix: &'static str,
    /// Whether the deployment has it.
    pub enabled: fn(&Config) -> bool,
    /// Its routes.
    pub routes: &'static [Route],
    /// What becomes of parameters that a route does not take.
    pub unknown_parameters: UnknownUse,
    /// Parameters that old clients send together, and that are ignored with a warning.
    pub ignored_parameters: &'static [&'static str],
    /// The name of its parameter for the region.
    pub region_parameter: &'static str,
    /// The named segments of its paths.
    pub segments: &'static [ParamInfo],
    /// Encodes a dry run that succeeded.
    pub dry_run: fn(&DryRun) -> Reply,
    /// Encodes an error; the route is known unless the path or the method is wrong. The status is
    /// that of the common table; a dialect whose document has fewer statuses narrows it.
    pub error: fn(&Error, u16, Option<&Route>) -> Reply,
    /// The schema of the bodies that `error` writes.
    pub error_body: SchemaFn,
}

/// What becomes of parameters that a route does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownUse {
    /// They are refused.
    Refuse,
    /// They are refused in the query string. A body need not have parameters, and is read if it
    /// has.
    RefuseInQuery,
    /// They are ignored, and not even read.
    Ignore,
}

/// A row of a dialect's route table: all that code, tests and documentation need to know of a
/// route.
pub struct Route {
    /// The methods. `GET` includes `HEAD`, unless a route of `HEAD` comes before.
    pub methods: &'static [&'static str],
    /// The path: `{name}` is one segment, a final `{name...}` is the rest with its slashes.
    pub path: &'static str,
    /// Its name in the log, and of its sample event.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// The parameters that it reads.
    pub parameters: &'static [ParamInfo],
    /// What its body is.
    pub body: BodyUse,
    /// The responses of success. The errors follow from the other columns.
    pub responses: &'static [Response],
    /// What handles its requests.
    pub handler: Handler,
}

/// What handles the requests of a route.
pub enum Handler {
    /// Answers anyone. It has no way to AWS.
    Public(fn(&Input<'_>) -> Result<Reply, Error>),
    /// The same, for pages and documents, which a deployment can leave out.
    Page(fn(&Input<'_>) -> Result<Reply, Error>),
    /// Answers authenticated callers.
    Authenticated {
        /// The AWS operations that it may lead to.
        actions: &'static [Action],
        /// Decodes a request.
        decode: fn(&Input<'_>) -> Decoded,
    },
}

impl Route {
    /// Whether it answers callers without authentication.
    pub fn is_public(&self) -> bool {
        matches!(self.handler, Handler::Public(_) | Handler::Page(_))
    }

    /// Whether the deployment has it.
    pub fn is_enabled(&self, config: &Config) -> bool {
        config.pages || !matches!(self.handler, Handler::Page(_))
    }

    /// The AWS operations that it may lead to.
    pub fn actions(&self) -> &'static [Action] {
        match self.handler {
            Handler::Public(_) | Handler::Page(_) => &[],
            Handler::Authenticated { actions, .. } => actions,
        }
    }

    /// The IAM actions that it may call, each once.
    pub fn iam_actions(&self) -> Vec<&'static str> {
        let mut iam_actions = Vec::new();
        for iam_action in self.actions().iter().flat_map(|action| action.iam) {
            if !iam_actions.contains(iam_action) {
                iam_actions.push(*iam_action);
            }
        }
        iam_actions
    }

    /// Whether it declares this parameter.
    pub fn declares<T>(&self, param: Param<T>) -> bool {
        self.parameters.iter().any(|declared| declared.name == param.info.name)
    }
}

/// What the body of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyUse {
    /// Parameters: a JSON object, a form or multipart/form-data.
    Parameters,
    /// Content, which is stored as it is.
    Content,
}

/// A response of success.
#[derive(Clone, Copy)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// What it means, in one sentence.
    pub summary: &'static str,
    /// What its body is.
    pub body: Content,
    /// The headers that it may have, beyond those of every response.
    pub headers: &'static [&'static str],
}

/// The body of a response.
#[derive(Clone, Copy)]
pub enum Content {
    /// No body.
    Empty,
    /// Bytes of any type.
    Bytes,
    /// Text of this media type.
    Text(&'static str),
    /// JSON: its schema and an example.
    Json(SchemaFn, fn() -> Value),
    /// The same, or CSV if the client prefers it.
    List(SchemaFn, fn() -> Value),
}

impl Response {
    /// No body.
    pub const fn empty(status: u16, summary: &'static str) -> Self {
        Self { status, summary, body: Content::Empty, headers: &[] }
    }

    /// A `T` as JSON.
    pub const fn json<T: JsonSchema>(status: u16, summary: &'static str, example: fn() -> Value) -> Self {
        let schema: SchemaFn = SchemaGenerator::subschema_for::<T>;
        Self { status, summary, body: Content::Json(schema, example), headers: &[] }
    }

    /// A list as JSON or CSV.
    pub const fn list(status: u16, summary: &'static str, schema: SchemaFn, example: fn() -> Value) -> Self {
        Self { status, summary, body: Content::List(schema, example), headers: &[] }
    }

    /// The same with headers.
    #[must_use]
    pub const fn with(self, headers: &'static [&'static str]) -> Self {
        Self { headers, ..self }
    }
}

/// What a route decodes.
pub struct Input<'a> {
    /// The deployment's configuration.
    pub config: &'a Config,
    /// All dialects.
    pub api: &'a Api,
    /// The route.
    pub route: &'static Route,
    /// The time of the request.
    pub now: OffsetDateTime,
    /// The account of the request; `None`: it is not known.
    pub account: Option<AccountId>,
    /// The path's named segments, decoded.
    pub path: Vec<(&'static str, String)>,
    /// The parameters.
    pub params: Params,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

impl Input<'_> {
    /// The value of a parameter; `None` if it is not given.
    ///
    /// # Errors
    /// The value is invalid.
    pub fn optional<T: ParamValue>(&self, param: Param<T>) -> Result<Option<T>, Error> {
        debug_assert!(self.route.declares(param), "{} does not declare {}", self.route.path, param.info.name);
        T::read(&self.params, &param.info)
    }

    /// The value of a parameter; `None` if the route does not declare it, or it is not given.
    ///
    /// # Errors
    /// The value is invalid.
    pub fn if_declared<T: ParamValue>(&self, param: Param<T>) -> Result<Option<T>, Error> {
        if self.route.declares(param) { self.optional(param) } else { Ok(None) }
    }

    /// The value of a parameter.
    ///
    /// # Errors
    /// It is not given, or the value is invalid.
    pub fn required<T: ParamValue>(&self, param: Param<T>) -> Result<T, Error> {
        self.optional(param)?.ok_or_else(|| Error::missing(param.info.name))
    }

    /// The items of a list; none if it is not given.
    ///
    /// # Errors
    /// An item is invalid, or there are too many.
    pub fn list<T>(&self, param: Param<Vec<T>>) -> Result<Vec<T>, Error>
    where
        Vec<T>: ParamValue,
    {
        Ok(self.optional(param)?.unwrap_or_default())
    }

    /// The value of a parameter, or whether it is given empty.
    ///
    /// # Errors
    /// The value is invalid, or the parameter is given both empty and with a value.
    pub fn given<T: ParamValue>(&self, param: Param<T>) -> Result<Given<T>, Error> {
        match (self.optional(param)?, self.params.is_given_empty(&param.info)) {
            (None, false) => Ok(Given::Absent),
            (None, true) => Ok(Given::Empty),
            (Some(value), false) => Ok(Given::Value(value)),
            (Some(_), true) => Err(Error::invalid(param.info.name, "is given twice, with different values")),
        }
    }

    /// The value of a named segment of the path, without white space around it; `None` if it is
    /// invalid.
    pub fn segment<T: FromText>(&self, param: Param<T>) -> Option<T> {
        T::from_text(self.segment_text(param).trim())
    }

    /// The text of a named segment of the path; empty if the route has no such segment.
    pub fn segment_text<T>(&self, param: Param<T>) -> &str {
        self.path.iter().find(|(name, _)| *name == param.info.name).map_or("", |(_, value)| value)
    }

    /// The value of a header, if it is text.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        header_value(self.headers, name)
    }
}

/// The route of a request.
pub enum RouteMatch {
    /// A route, and the named segments of the path.
    Found(&'static Dialect, &'static Route, Vec<(&'static str, String)>),
    /// The request asks which methods the path takes: these.
    Options(Vec<&'static str>),
    /// Routes of these other methods.
    MethodNotAllowed(&'static Dialect, Vec<&'static str>),
    /// No route. The dialect is known if the path begins with its prefix.
    NotFound(Option<&'static Dialect>),
}

/// Finds the route of a request.
pub fn find(dialects: &'static [&'static Dialect], config: &Config, method: &Method, path: &str) -> RouteMatch {
    let Some(path) = with_one_slash(path) else { return RouteMatch::NotFound(None) };
    let Some(dialect) = dialects.iter().find(|dialect| {
        let rest = path.strip_prefix(dialect.prefix);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) && (dialect.enabled)(config)
    }) else {
        return RouteMatch::NotFound(None);
    };
    let capture = |route: &'static Route| capture(route.path, path).map(|segments| (route, segments));
    let enabled = dialect.routes.iter().filter(|route| route.is_enabled(config));
    let mut routes: Vec<_> = enabled.filter_map(capture).collect();
    // A key may consist of slashes, which are not doubled ones of the bucket's path then.
    if routes.iter().any(|(route, _)| route.path.ends_with("...}")) {
        routes.retain(|(route, _)| route.path.ends_with("...}"));
    }
    if routes.is_empty() {
        return RouteMatch::NotFound(Some(dialect));
    }
    let position = |method: &str| routes.iter().position(|(route, _)| route.methods.contains(&method));
    let get_for_head = || (method == Method::HEAD).then(|| position("GET")).flatten();
    if let Some(at) = position(method.as_str()).or_else(get_for_head) {
        let (route, segments) = routes.swap_remove(at);
        return RouteMatch::Found(dialect, route, segments);
    }
    let mut methods: Vec<_> = routes.iter().flat_map(|(route, _)| route.methods).copied().collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.push("OPTIONS");
    methods.sort_unstable();
    methods.dedup();
    if method == Method::OPTIONS {
        RouteMatch::Options(methods)
    } else {
        RouteMatch::MethodNotAllowed(dialect, methods)
    }
}

/// The path with one slash at its start; `None` if it has none.
fn with_one_slash(path: &str) -> Option<&str> {
    let slashes = path.len() - path.trim_start_matches('/').len();
    path.get(slashes.checked_sub(1)?..)
}

/// Matches `path` against `pattern` and returns the named segments. A trailing slash is optional,
/// and doubled slashes count as one, except in the rest that a final `{name...}` is.
fn capture(pattern: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned());
    let mut captured = Vec::new();
    let mut rest = path.strip_prefix('/')?;
    for segment in pattern.split('/').filter(|segment| !segment.is_empty()) {
        let name = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}'));
        if let Some(name) = name.and_then(|name| name.strip_suffix("...")) {
            captured.push((name, decode(rest).filter(|rest| !rest.is_empty())?));
            return Some(captured);
        }
        let (found, left) = rest.trim_start_matches('/').split_once('/').unwrap_or((rest.trim_start_matches('/'), ""));
        match name {
            Some(name) => captured.push((name, decode(found).filter(|found| !found.is_empty())?)),
            None if found == segment => {}
            None => return None,
        }
        rest = left;
    }
    rest.trim_start_matches('/').is_empty().then_some(captured)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(pattern: &'static str, path: &str) -> Option<String> {
        let segments = capture(pattern, path)?;
        Some(segments.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn ok_paths_match_with_and_without_a_trailing_slash() {
        assert_eq!(captured("/", "/").as_deref(), Some(""));
        assert_eq!(captured("/ec2/list", "/ec2/list").as_deref(), Some(""));
        assert_eq!(captured("/ec2/list", "/ec2/list/").as_deref(), Some(""));
        assert_eq!(captured("/instance/{r}/{i}", "/instance/a/b%20c/").as_deref(), Some("r=a i=b c"));
        assert_eq!(captured("/s3/{b}", "/s3/x").as_deref(), Some("b=x"));
        assert_eq!(captured("/s3/{b}", "/s3/x/").as_deref(), Some("b=x"));
    }

    #[test]
    fn ok_doubled_slashes_count_as_one() {
        for path in ["/ec2//list", "/ec2/list//", "/ec2///list////"] {
            assert_eq!(captured("/ec2/list", path).as_deref(), Some(""), "{path}");
        }
        assert_eq!(captured("/", "//").as_deref(), Some(""));
        assert_eq!(captured("/instance/{r}/{i}", "/instance//a//b//").as_deref(), Some("r=a i=b"));
        assert_eq!(with_one_slash("//ec2//list"), Some("/ec2//list"));
        assert_eq!(with_one_slash("/"), Some("/"));
        assert_eq!((with_one_slash(""), with_one_slash("ec2/list")), (None, None));
    }

    #[test]
    fn ok_the_last_segment_keeps_its_slashes() {
        assert_eq!(captured("/s3/{b}/{k...}", "/s3/x/a/b%2Fc//").as_deref(), Some("b=x k=a/b/c//"));
        assert_eq!(captured("/s3/{b}/{k...}", "/s3/x//a").as_deref(), Some("b=x k=/a"));
        assert_eq!(captured("/s3/{b}/{k...}", "/s3//x/a//b").as_deref(), Some("b=x k=a//b"));
        assert_eq!(captured("/s3/{b}/{k...}", "/s3/x//").as_deref(), Some("b=x k=/"));
    }

    #[test]
    fn err_other_paths_do_not_match() {
        for path in ["", "/", "ec2/list", "/ec2", "/ec2/lis", "/ec2/list/x", "/EC2/list", "/ec2%2Flist"] {
            assert_eq!(captured("/ec2/list", path), None, "{path}");
        }
        assert_eq!(captured("/", ""), None);
        assert_eq!(captured("/", "/x"), None);
        assert_eq!(captured("/instance/{r}/{i}", "/instance//b"), None);
        assert_eq!(captured("/instance/{r}/{i}", "/instance/a/%ff"), None);
        assert_eq!(captured("/s3/{b}/{k...}", "/s3/x"), None);
        assert_eq!(captured("/s3/{b}/{k...}", "/s3/x/"), None);
    }
}
