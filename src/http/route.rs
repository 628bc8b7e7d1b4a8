//! Routes: what a dialect's table says of each, and how a request finds its own.

use super::Reply;
use super::params::{Parameter, Params};
use crate::config::Config;
use crate::ec2::Region;
use crate::error::Error;
use crate::operation::{Operation, Outcome};
use lambda_http::http::header::HeaderName;
use lambda_http::http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;
use time::OffsetDateTime;

/// An HTTP dialect: its routes, and how it writes what came of them. One file in [`dialects`](crate::dialects) each.
pub struct Dialect {
    /// Its name in the log.
    pub name: &'static str,
    /// Whose dialect it is, in one sentence.
    pub summary: &'static str,
    /// The first segment of its paths, with the slash. Empty: it has whatever the dialects before it do not have.
    pub prefix: &'static str,
    /// Whether the deployment has it at all.
    pub enabled: fn(&Config) -> bool,
    /// Its routes.
    pub routes: &'static [Route],
    /// The named segments of its paths.
    pub segments: &'static [&'static Parameter],
    /// Writes what came of an operation.
    pub encode: fn(Call, Outcome) -> Reply,
    /// Writes an error, of that route if one was found. The status is that of the common table; a dialect whose document
    /// has fewer narrows it.
    pub error: fn(&Error, u16, Option<&Route>) -> Reply,
    /// The form of the bodies that `error` writes.
    pub error_body: Form,
}

/// One row of a dialect's route table: everything that code, tests and documentation need to know of a route.
pub struct Route {
    /// The methods that it takes. `GET` takes `HEAD` too.
    pub methods: &'static [&'static str],
    /// Its path: `{name}` is one segment, a final `{name...}` is all that is left, slashes included.
    pub path: &'static str,
    /// Its name in the log, and of its sample event.
    pub operation: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// The parameters that it reads.
    pub parameters: &'static [&'static Parameter],
    /// What its body is.
    pub body: BodyUse,
    /// How it answers when all goes well. What can go wrong is the same for all ([`openapi`](crate::openapi)).
    pub answers: &'static [Answer],
    /// The IAM actions that it may call.
    pub actions: &'static [&'static str],
    /// Whether anyone may call it. Only for what holds no data.
    pub open: bool,
    /// Makes an operation of a request, or says what is wrong with it.
    pub decode: fn(&Input<'_>) -> Result<Call, Error>,
}

/// What the body of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyUse {
    /// Parameters, as a JSON object or a form.
    Parameters,
    /// Content, to be stored as it is.
    Content,
}

/// One way in which a route answers when all goes well.
#[derive(Clone, Copy)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// What it says, in one sentence.
    pub summary: &'static str,
    /// What its body is.
    pub body: Content,
    /// The headers that it has, or may have, beyond those of every answer.
    pub headers: &'static [&'static str],
}

/// The form of a JSON value; types of their own are named, and said once.
pub type Form = fn(&mut SchemaGenerator) -> Schema;

/// What the body of an answer is.
#[derive(Clone, Copy)]
pub enum Content {
    /// There is none.
    Nothing,
    /// Bytes of any type.
    Bytes,
    /// Text of that media type.
    Text(&'static str),
    /// JSON of that form, such as this.
    Json(Form, fn() -> Value),
    /// The same, or CSV for those who prefer it.
    List(Form, fn() -> Value),
}

impl Answer {
    /// No body.
    pub const fn empty(status: u16, summary: &'static str) -> Self {
        Self { status, summary, body: Content::Nothing, headers: &[] }
    }

    /// A `T` as JSON, such as the example.
    pub const fn json<T: JsonSchema>(status: u16, summary: &'static str, example: fn() -> Value) -> Self {
        let form: Form = SchemaGenerator::subschema_for::<T>;
        Self { status, summary, body: Content::Json(form, example), headers: &[] }
    }

    /// A list as JSON of that form, such as the example, or as CSV.
    pub const fn list(status: u16, summary: &'static str, form: Form, example: fn() -> Value) -> Self {
        Self { status, summary, body: Content::List(form, example), headers: &[] }
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
    /// The time of the request.
    pub now: OffsetDateTime,
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
    /// A named segment of the path; empty if the route has none of that name.
    pub fn segment(&self, name: &str) -> &str {
        self.path.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// A header's value, if it is text.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        super::header(self.headers, name)
    }
}

/// A decoded request: what to do, where, and how the caller wants to see it.
pub struct Call {
    /// Where.
    pub region: Region,
    /// What.
    pub operation: Operation,
    /// Which fields of the outcome to show; empty: all.
    pub fields: Vec<&'static str>,
    /// Whether a list is to be CSV.
    pub csv: bool,
}

impl Call {
    /// That operation there, shown whole.
    pub fn new(region: Region, operation: Operation) -> Self {
        Self { region, operation, fields: Vec::new(), csv: false }
    }
}

/// Where a path leads.
pub enum Found<'a> {
    /// To this route.
    Route(&'static Dialect, &'static Route, Vec<(&'static str, String)>),
    /// To routes of other methods: these.
    OtherMethods(&'static Dialect, Vec<&'static str>),
    /// Nowhere. The dialect is that of the path's first segment, if there is one.
    Nothing(Option<&'a Dialect>),
}

/// Finds the route of a request.
pub fn find(dialects: &'static [&'static Dialect], config: &Config, method: &Method, path: &str) -> Found<'static> {
    let Some(dialect) = dialects.iter().find(|it| {
        let rest = path.strip_prefix(it.prefix);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) && (it.enabled)(config)
    }) else {
        return Found::Nothing(None);
    };
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    let mut others = Vec::new();
    for route in dialect.routes {
        let Some(segments) = capture(route.path, path) else { continue };
        if route.methods.contains(&method) {
            return Found::Route(dialect, route, segments);
        }
        others.extend_from_slice(route.methods);
    }
    if others.is_empty() {
        return Found::Nothing(Some(dialect));
    }
    if others.contains(&"GET") {
        others.push("HEAD");
    }
    others.sort_unstable();
    others.dedup();
    Found::OtherMethods(dialect, others)
}

/// The named segments of `path` if it is of the form `pattern`. One trailing slash is optional.
fn capture(pattern: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    if pattern == "/" {
        return (path == pattern).then(Vec::new);
    }
    let decode = |text: &str| percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned());
    let mut captured = Vec::new();
    let mut rest = path.strip_prefix('/')?;
    let mut wanted = pattern.strip_prefix('/')?.split('/').peekable();
    while let Some(segment) = wanted.next() {
        let name = segment.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
        if let Some(name) = name.and_then(|name| name.strip_suffix("...")) {
            captured.push((name, decode(rest).filter(|rest| !rest.is_empty())?));
            return Some(captured);
        }
        let (found, left) = rest.split_once('/').map_or((rest, None), |(found, left)| (found, Some(left)));
        match name {
            Some(name) => captured.push((name, decode(found).filter(|found| !found.is_empty())?)),
            None if found == segment => {}
            None => return None,
        }
        rest = match (left, wanted.peek()) {
            (Some(left), _) => left,
            (None, None) => "",
            (None, Some(_)) => return None,
        };
    }
    rest.is_empty().then_some(captured)
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
    fn ok_a_rest_keeps_its_slashes() {
        assert_eq!(captured("/s3/{b}/{k...}", "/s3/x/a/b%2Fc//").as_deref(), Some("b=x k=a/b/c//"));
        assert_eq!(captured("/s3/{b}/{k...}", "/s3/x//a").as_deref(), Some("b=x k=/a"));
    }

    #[test]
    fn err_other_paths_do_not_match() {
        for path in [
            "",
            "/",
            "ec2/list",
            "/ec2",
            "/ec2/lis",
            "/ec2/list/x",
            "/ec2//list",
            "//ec2/list",
            "/ec2/list//",
            "/EC2/list",
        ] {
            assert_eq!(captured("/ec2/list", path), None, "{path}");
        }
        assert_eq!(captured("/", "//"), None);
        assert_eq!(captured("/", ""), None);
        assert_eq!(captured("/instance/{r}/{i}", "/instance//b"), None);
        assert_eq!(captured("/instance/{r}/{i}", "/instance/a/%ff"), None);
        assert_eq!(captured("/s3/{b}/{k...}", "/s3/x"), None);
        assert_eq!(captured("/s3/{b}/{k...}", "/s3/x/"), None);
    }
}
