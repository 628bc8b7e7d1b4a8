//! HTTP at the edge: one handler, the one table of statuses, and the tools that dialects decode and encode with.

pub mod auth;
pub mod document;
pub mod event;
pub mod log;
pub mod metrics;
pub mod negotiate;
pub mod params;
pub mod route;

use crate::App;
use crate::dialects::{ALL_REGIONS, DIALECTS, DRY_RUN, WAIT};
use crate::error::{Error, Kind};
use crate::gate::Decision;
use crate::operation::{self, Asked, Operation};
use crate::trace::{Calls, Trace};
use auth::Caller;
use flate2::Compression;
use lambda_http::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use lambda_http::http::{Method, StatusCode};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt, Response};
use log::Line;
use metrics::Metrics;
use params::{LARGEST_BODY, Params};
use route::{BodyUse, Dialect, Found, Input, Route, find};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::time::{Duration, Instant, SystemTime};

/// Kept back of an invocation's time to write the answer and the log line.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// The time that a request gets where no invocation says how much is left.
const DEFAULT_TIME: Duration = Duration::from_secs(25);

/// The status of each kind of error. A dialect whose document knows fewer narrows them itself.
fn status(kind: Kind) -> u16 {
    match kind {
        Kind::Invalid => 400,
        Kind::Unauthenticated => 401,
        Kind::Forbidden => 403,
        Kind::NotFound => 404,
        Kind::MethodNotAllowed => 405,
        Kind::Conflict => 409,
        Kind::TooLarge => 413,
        Kind::Mismatch => 422,
        Kind::Throttled => 429,
        Kind::Internal => 500,
        Kind::Upstream => 502,
        Kind::Capacity => 503,
        Kind::Unreachable => 504,
    }
}

/// What a dialect answers with.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Headers beyond those that every answer has.
    pub headers: Vec<(&'static str, String)>,
    /// The body; text is JSON unless a header says otherwise.
    pub body: Body,
}

impl Reply {
    /// A body of JSON.
    pub fn json(status: u16, value: &impl Serialize) -> Self {
        match serde_json::to_string(value) {
            Ok(json) => Self { status, headers: Vec::new(), body: Body::Text(json) },
            // No type here has a map with keys that are no strings, the only thing that JSON can't have.
            Err(_) => Self::empty(500),
        }
    }

    /// No body.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::Empty }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// Answers a request. Never fails and never panics: whatever goes wrong is an answer in the dialect of the request's path.
pub async fn handle(app: &App, request: Request) -> Response<Body> {
    let started = Instant::now();
    let context = request.lambda_context_ref();
    let request_id = context.map_or("", |context| context.request_id.as_str());
    let gateway = request.request_context_ref();
    let service = context.map(|context| context.env_config.function_name.as_str()).filter(|name| !name.is_empty());
    let mut line = Line {
        service: service.unwrap_or(metrics::NAMESPACE),
        request_id,
        source_ip: gateway.and_then(source_ip),
        method: request.method().as_str(),
        dialect: metrics::NONE,
        operation: metrics::NONE,
        ..Line::default()
    };

    let header = context.and_then(|context| context.xray_trace_id.as_deref());
    let calls = Calls::new(Trace::sampled(header, app.config.xray_daemon));
    let reply = calls.of(answer(app, &request, gateway, &mut line)).await;
    line.status = reply.status;
    line.level = match reply.status {
        500.. => "ERROR",
        400.. => "WARN",
        _ if line.cause.is_some() => "WARN",
        _ => "INFO",
    };
    line.metrics = Metrics::of((app.clock)(), line.kind, reply.status, started.elapsed(), &calls, &app.boot);
    (app.log)(&serde_json::to_string(&line).unwrap_or_default());
    let warnings = std::mem::take(&mut line.warnings);
    let reply = compressed(reply, request.headers(), gateway);
    let mut response = respond(reply, request_id, &warnings);
    if request.method() == Method::HEAD {
        // The headers are those of GET.
        *response.body_mut() = Body::Empty;
    }
    response
}

/// Finds the route and lets it answer, or says that there is none.
async fn answer(app: &App, request: &Request, gateway: Option<&RequestContext>, line: &mut Line<'_>) -> Reply {
    let path = request.raw_http_path();
    let mut found = Found::Nothing(None);
    for candidate in paths(path, gateway).into_iter().flatten() {
        found = find(DIALECTS, &app.config, request.method(), candidate);
        if !matches!(found, Found::Nothing(_)) {
            break;
        }
    }
    let (dialect, route, result) = match found {
        Found::Route(dialect, route, segments) => {
            line.dialect = dialect.name;
            line.operation = route.operation;
            line.route = Some(route.path);
            (dialect, Some(route), serve(app, request, gateway, line, dialect, route, segments).await)
        }
        Found::OtherMethods(dialect, allow) => {
            let message = format!("This path takes {}", allow.join(", "));
            let error = Error { allow, ..Error::new(Kind::MethodNotAllowed, "MethodNotAllowed", message) };
            (dialect, None, Err(error))
        }
        Found::Nothing(dialect) => {
            let error = match path {
                "" => {
                    Error::new(Kind::Invalid, "MalformedRequest", "This is not a request that API Gateway would send")
                }
                _ => Error::new(Kind::NotFound, "NotFound", "There is nothing at this path"),
            };
            (dialect.unwrap_or(&crate::dialects::ec2::DIALECT), None, Err(error))
        }
    };
    result.unwrap_or_else(|error| {
        line.failed(&error);
        refuse(dialect, route, &error)
    })
}

/// The path to look for, and the one to look for when that leads nowhere.
///
/// A REST API's path comes without the stage; an HTTP API's comes with it unless the stage is `$default`, or a custom domain
/// maps it away.
fn paths<'a>(path: &'a str, gateway: Option<&RequestContext>) -> [Option<&'a str>; 2] {
    let (stage, first) = match gateway {
        Some(RequestContext::ApiGatewayV2(context)) => (context.stage.as_deref(), true),
        Some(RequestContext::ApiGatewayV1(context)) => (context.stage.as_deref(), false),
        _ => (None, false),
    };
    let stage = stage.filter(|stage| !stage.is_empty());
    let rest = stage.and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage));
    let rest = rest.map(|rest| if rest.is_empty() { "/" } else { rest }).filter(|rest| rest.starts_with('/'));
    if first && rest.is_some() { [rest, Some(path)] } else { [Some(path), rest] }
}

/// Authenticates, decodes, executes, encodes.
async fn serve(
    app: &App,
    request: &Request,
    gateway: Option<&RequestContext>,
    line: &mut Line<'_>,
    dialect: &Dialect,
    route: &Route,
    path: Vec<(&'static str, String)>,
) -> Result<Reply, Error> {
    let params = read_params(request, route);
    if params.as_ref().is_ok_and(|params| params.credentials) {
        line.warnings.push("AWS credentials in a request are ignored: stop sending them".to_owned());
    }
    let caller = if route.open {
        None
    } else {
        let counts = request.method() == Method::POST || request.method() == Method::PUT;
        let in_body = params.as_ref().ok().and_then(|params| params.api_key.as_deref()).filter(|_| counts);
        Some(app.config.callers.authenticate(gateway, request.headers(), in_body)?)
    };
    if let Some(caller) = &caller {
        line.called_by(caller);
    }
    let params = params?;
    let unknown: Vec<_> = params.unknown(route.parameters).take(8).collect();
    if !unknown.is_empty() {
        line.warnings.push(format!("unknown parameters are ignored: {}", unknown.join(" ")));
    }
    // Read here for all dialects: what they do does not depend on how it is asked for.
    let dry_run = params.boolean(DRY_RUN)?.unwrap_or(false);
    let wait = Duration::from_secs(params.integer(WAIT)?.unwrap_or(0).into());

    let body: &[u8] = request.body();
    let input = Input { config: &app.config, now: (app.clock)(), path, params, headers: request.headers(), body };
    let call = (route.decode)(&input)?;
    let everywhere = matches!(call.operation, Operation::Regions | Operation::List { everywhere: true, .. });
    line.region = Some(if everywhere { ALL_REGIONS.to_owned() } else { call.region.to_string() });
    line.action = call.operation.action();
    line.target = call.operation.target();
    line.dry_run = dry_run && call.operation.changes();

    let left = time_left(request.lambda_context_ref().map(lambda_http::Context::deadline), SystemTime::now());
    let client_token = match (&caller, &call.operation) {
        (Some(caller), Operation::Launch(_)) => Some(client_token(request.headers(), caller, line.request_id)?),
        _ => None,
    };
    line.client_token.clone_from(&client_token);
    let asked = Asked {
        caller: caller.as_ref(),
        source_ip: line.source_ip.and_then(|text| text.parse().ok()),
        client_token: client_token.as_deref().unwrap_or(line.request_id),
        dry_run: line.dry_run,
        wait,
        deadline: Instant::now() + left,
    };
    let mut decision = Decision::default();
    let done = operation::execute(app, &asked, &call.region, &call.operation, &mut decision).await;
    line.decided(decision);
    let done = done?;
    line.aws_request_id = done.aws_request_id;
    line.target.instance_ids.extend(done.outcome.launched_ids().map(str::to_owned));
    line.warnings.extend(done.notes);
    if let Some(failed) = &done.incomplete {
        line.failed(failed);
        line.warnings.push(failed.message.clone());
    }
    Ok((dialect.encode)(call, done.outcome))
}

fn read_params(request: &Request, route: &Route) -> Result<Params, Error> {
    let query = request.query_string_parameters_ref();
    let body: &[u8] = request.body();
    match route.body {
        BodyUse::Content => Params::read(query, None, b""),
        BodyUse::Parameters if body.len() > LARGEST_BODY => {
            let message = format!("The request body is larger than {LARGEST_BODY} bytes");
            Err(Error::new(Kind::TooLarge, "RequestEntityTooLarge", message))
        }
        BodyUse::Parameters => Params::read(query, header(request.headers(), &CONTENT_TYPE), body),
    }
}

/// A header's value, if it is text.
fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A digest as it is written everywhere.
pub(crate) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is left of the invocation for AWS to answer. cargo-lambda's emulator knows no deadlines: its are in the year 1970.
fn time_left(deadline: Option<SystemTime>, now: SystemTime) -> Duration {
    let left = deadline.and_then(|deadline| deadline.duration_since(now).ok());
    left.map_or(DEFAULT_TIME, |left| left.saturating_sub(ANSWER_TIME))
}

/// What makes a launch that is sent twice happen once: the invocation's ID, or where the caller has sent one, the header
/// Idempotency-Key, which is the caller's own: no other caller's launch has the same token.
/// <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>
fn client_token(headers: &HeaderMap, caller: &Caller, request_id: &str) -> Result<String, Error> {
    const HEADER: &str = "Idempotency-Key";
    let mut keys = headers.get_all(HEADER).into_iter().map(HeaderValue::as_bytes);
    let Some(key) = keys.next() else { return Ok(request_id.to_owned()) };
    // The draft's form is a quoted string; most clients leave the quotes out.
    let bare = key.strip_prefix(b"\"").and_then(|key| key.strip_suffix(b"\"")).unwrap_or(key);
    let valid = (1..=64).contains(&bare.len()) && bare.iter().all(|b| matches!(b, b' '..=b'~'));
    if !valid || keys.any(|other| other != key) {
        return Err(Error::invalid(HEADER, "must be one key of 1 to 64 ASCII characters"));
    }
    let mut digest = Sha256::new();
    for part in [caller.authentication.as_str().as_bytes(), caller.name.as_bytes(), bare] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    // 64 characters, as long as EC2 takes.
    Ok(hex(&digest.finalize()))
}

fn source_ip(context: &RequestContext) -> Option<&str> {
    match context {
        RequestContext::ApiGatewayV2(context) => context.http.source_ip.as_deref(),
        RequestContext::ApiGatewayV1(context) => context.identity.source_ip.as_deref(),
        _ => None,
    }
}

/// The answer to what went wrong.
pub(crate) fn refuse(dialect: &Dialect, route: Option<&Route>, error: &Error) -> Reply {
    let mut reply = (dialect.error)(error, status(error.kind), route);
    match error.kind {
        Kind::MethodNotAllowed => reply.headers.push(("allow", error.allow.join(", "))),
        Kind::Unauthenticated => reply.headers.push(("www-authenticate", "Bearer".to_owned())),
        Kind::Throttled => reply.headers.push(("retry-after", "2".to_owned())),
        _ => {}
    }
    reply
}

/// An answer that is shorter than this, in bytes, fits in one packet with its headers: compressed, it would be there no sooner.
const WORTH_COMPRESSING: usize = 1024;

/// Compresses a long text for who takes that.
///
/// A REST API would pass on the base64 in which Lambda has it, but for the types of media that its `binaryMediaTypes` name
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-payload-encodings.html>): it can compress by itself.
fn compressed(mut reply: Reply, headers: &HeaderMap, gateway: Option<&RequestContext>) -> Reply {
    let Body::Text(text) = &reply.body else { return reply };
    if text.len() < WORTH_COMPRESSING || !matches!(gateway, Some(RequestContext::ApiGatewayV2(_))) {
        return reply;
    }
    let gzip = negotiate::takes_gzip(headers).then(|| negotiate::gzip(text.as_bytes(), Compression::fast()));
    // In base64 it is longer by a third: what is as good as random would be longer than before.
    let gzip = gzip.filter(|gzip| gzip.len() / 3 * 4 + 4 < text.len());
    match reply.headers.iter_mut().find(|(name, _)| *name == "vary") {
        Some((_, vary)) if vary.contains("accept-encoding") => {}
        Some((_, vary)) => vary.push_str(", accept-encoding"),
        None => reply.headers.push(("vary", "accept-encoding".to_owned())),
    }
    let Some(gzip) = gzip else { return reply };
    if !reply.headers.iter().any(|(name, _)| *name == "content-type") {
        reply.headers.push(("content-type", JSON.to_owned()));
    }
    Reply { body: Body::Binary(gzip), ..reply }.with("content-encoding", "gzip")
}

/// The type of a text that says of no other.
const JSON: &str = "application/json";

/// Adds what every answer has.
fn respond(reply: Reply, request_id: &str, warnings: &[String]) -> Response<Body> {
    let mut response = Response::new(reply.body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = matches!(response.body(), Body::Text(_)).then(|| ("content-type", JSON.to_owned()));
    let warnings: Vec<_> = warnings.iter().map(|text| format!("299 - \"{}\"", header_text(text))).collect();
    let headers = json
        .into_iter()
        .chain([
            ("cache-control", "no-store".to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
            ("x-request-id", request_id.to_owned()),
        ])
        .chain((!warnings.is_empty()).then(|| ("warning", warnings.join(", "))))
        .chain(reply.headers);
    for (name, value) in headers {
        // A value that can't be a header's is nothing that this function wrote.
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// Text that may stand in a quoted string of a header.
fn header_text(text: &str) -> String {
    text.chars()
        .take(512)
        .map(|c| if c.is_ascii_graphic() && !"\"\\".contains(c) || c == ' ' { c } else { '?' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::aws_lambda_events::apigw::{ApiGatewayProxyRequestContext, ApiGatewayV2httpRequestContext};

    fn v2(stage: &str) -> RequestContext {
        let mut context = ApiGatewayV2httpRequestContext::default();
        context.stage = Some(stage.to_owned());
        RequestContext::ApiGatewayV2(context)
    }

    fn v1(stage: &str) -> RequestContext {
        let mut context = ApiGatewayProxyRequestContext::default();
        context.stage = Some(stage.to_owned());
        RequestContext::ApiGatewayV1(context)
    }

    #[test]
    fn a_stage_never_reaches_the_router() {
        assert_eq!(paths("/ec2/list", None), [Some("/ec2/list"), None]);
        assert_eq!(paths("/ec2/list", Some(&v2("$default"))), [Some("/ec2/list"), None]);
        assert_eq!(paths("/prod/ec2/list", Some(&v2("prod"))), [Some("/ec2/list"), Some("/prod/ec2/list")]);
        assert_eq!(paths("/prod", Some(&v2("prod"))), [Some("/"), Some("/prod")]);
        assert_eq!(paths("/production/list", Some(&v2("prod"))), [Some("/production/list"), None]);
        assert_eq!(paths("/v1/launch", Some(&v1("v1"))), [Some("/v1/launch"), Some("/launch")]);
        assert_eq!(paths("/v1/launch", Some(&v1(""))), [Some("/v1/launch"), None]);
    }

    #[test]
    fn the_time_left_keeps_some_to_answer_and_a_deadline_that_has_passed_is_none() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let at = |seconds| Some(now + Duration::from_secs(seconds));
        assert_eq!(time_left(at(28), now), Duration::from_secs(27));
        assert_eq!(time_left(at(0), now), Duration::ZERO);
        assert_eq!(time_left(Some(SystemTime::UNIX_EPOCH + Duration::from_secs(600)), now), DEFAULT_TIME);
        assert_eq!(time_left(None, now), DEFAULT_TIME);
    }

    #[test]
    fn text_from_a_caller_cannot_break_out_of_a_header() {
        assert_eq!(header_text("a\"b\\c\r\nd: é"), "a?b?c??d: ?");
        assert_eq!(header_text(&"x".repeat(9999)).len(), 512);
    }
}
