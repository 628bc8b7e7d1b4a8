//! The life of a request: match the route, authenticate, decode, execute, log, compress, respond.

use crate::app::App;
use crate::authz::Decision;
use crate::aws::call_stats::CallStats;
use crate::aws::xray::Trace;
use crate::dialects::common::{ACCOUNT, DRY_RUN, WAIT};
use crate::dialects::ec2;
use crate::error::{Error, Kind};
use crate::http::authenticate::{authenticate, configured_keys};
use crate::http::body::{BodyParams, RawBody};
use crate::http::compress::compress;
use crate::http::cors::{add_cors_headers, options_reply};
use crate::http::gateway::{Gateway, paths};
use crate::http::idempotency::client_token;
use crate::http::invoked::{own_account, time_left};
use crate::http::params::Params;
use crate::http::reply::{Reply, header_value};
use crate::http::respond::add_common_headers;
use crate::http::route::{BodyUse, Dialect, Handler, Input, Route, RouteMatch, UnknownUse, find};
use crate::http::status::error_reply;
use crate::http::unknown;
use crate::metrics::{self, Metrics};
use crate::model::{AccountRef, rfc3339_milliseconds};
use crate::operations::account::TargetAccount;
use crate::operations::{ALL_ACCOUNTS, Completed, Context, Outcome};
use crate::request_log::RequestLog;
use lambda_http::http::Method;
use lambda_http::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use lambda_http::{Body, Request, RequestExt, Response};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Handles a request. It never fails: every problem becomes a response in the dialect of the path.
pub async fn handle(app: &App, request: Request) -> Response<Body> {
    let started = Instant::now();
    let context = request.lambda_context_ref();
    let request_id = context.map_or("", |context| context.request_id.as_str());
    let unknown = Gateway::default();
    let gateway = request.extensions().get().unwrap_or(&unknown);
    let service = context.map(|context| context.env_config.function_name.as_str()).filter(|name| !name.is_empty());
    let mut log = RequestLog {
        service: service.unwrap_or(metrics::NAMESPACE),
        request_id,
        source_ip: gateway.source_ip.as_deref(),
        method: request.method().as_str(),
        dialect: metrics::NONE,
        operation: metrics::NONE,
        ..RequestLog::default()
    };

    let trace_header = context.and_then(|context| context.xray_trace_id.as_deref());
    let calls = CallStats::new(Trace::sampled(trace_header, app.config.xray_daemon));
    let reply = calls.scope(respond_to(app, &request, gateway, &mut log)).await;
    log.status = reply.status;
    log.level = match reply.status {
        500.. => "ERROR",
        400.. => "WARN",
        _ if log.cause.is_some() || !log.audit.failed.is_empty() => "WARN",
        _ => "INFO",
    };
    let now = (app.clock)();
    log.timestamp = rfc3339_milliseconds(now);
    log.metrics = Metrics::new(now, log.kind, reply.status, started.elapsed(), &calls, &app.cold_start);
    (app.log)(&log.to_line(&app.config.callers.keys));
    let warnings = std::mem::take(&mut log.warnings);
    let reply = add_cors_headers(reply, &app.config.cors_origins, request.headers());
    let reply = compress(reply, request.headers(), gateway.payload);
    let mut response = add_common_headers(reply, request_id, &warnings);
    if request.method() == Method::HEAD {
        // The headers are those of GET.
        *response.body_mut() = Body::Empty;
    }
    response
}

/// Finds the route and dispatches to it. An error becomes a reply.
async fn respond_to(app: &App, request: &Request, gateway: &Gateway, log: &mut RequestLog<'_>) -> Reply {
    let path = request.raw_http_path();
    let find = |candidate| find(app.api.dialects, &app.config, request.method(), candidate);
    let mut candidates = paths(path, gateway, app.config.base_path.as_deref()).map(find);
    let mut matched = candidates.next().unwrap_or(RouteMatch::NotFound(None));
    if matches!(matched, RouteMatch::NotFound(_)) {
        let other = candidates.find(|other| !matches!(other, RouteMatch::NotFound(_)));
        matched = other.unwrap_or(matched);
    }
    let mut fail = |dialect, route, error: &Error| {
        log.set_error(error);
        error_reply(dialect, route, error)
    };
    match matched {
        RouteMatch::Found(dialect, route, segments) => {
            log.dialect = dialect.name;
            log.operation = route.name;
            log.route = Some(route.path);
            let result = dispatch(app, request, gateway, log, dialect, route, segments).await;
            result.unwrap_or_else(|error| {
                log.set_error(&error);
                error_reply(dialect, Some(route), &error)
            })
        }
        RouteMatch::Options(methods) => options_reply(methods.join(", "), &app.config.cors_origins, request.headers()),
        RouteMatch::MethodNotAllowed(dialect, methods) => {
            let allow = methods.join(", ");
            let message = format!("This path takes {allow}");
            let error = Error::new(Kind::MethodNotAllowed, "MethodNotAllowed", message);
            fail(dialect, None, &error).with("allow", allow)
        }
        RouteMatch::NotFound(dialect) => {
            let error = match path {
                "" => {
                    Error::new(Kind::Invalid, "MalformedRequest", "This is not a request that API Gateway would send")
                }
                _ => Error::new(Kind::NotFound, "NotFound", "There is nothing at this path"),
            };
            fail(dialect.unwrap_or(&ec2::DIALECT), None, &error)
        }
    }
}

/// Authenticates, decodes, executes and encodes.
async fn dispatch(
    app: &App,
    request: &Request,
    gateway: &Gateway,
    log: &mut RequestLog<'_>,
    dialect: &Dialect,
    route: &'static Route,
    path: Vec<(&'static str, String)>,
) -> Result<Reply, Error> {
    let (headers, body): (_, &[u8]) = (request.headers(), request.body());
    let params = read_params(request, dialect, route);
    if params.credentials {
        log.warnings.push("AWS credentials in a request are ignored: stop sending them".to_owned());
    }
    let (config, api, now) = (&app.config, &app.api, (app.clock)());
    let (decode, caller) = match route.handler {
        Handler::Public(respond) | Handler::Page(respond) => {
            return respond(&Input { config, api, route, now, account: None, path, params, headers, body });
        }
        Handler::Authenticated { decode, .. } => {
            let may_hold_key = request.method() == Method::POST || request.method() == Method::PUT;
            let key = params.api_key.as_deref().filter(|_| may_hold_key);
            log.keys = configured_keys(&config.callers, headers, params.api_key.as_deref());
            (decode, authenticate(&config.callers, gateway, headers, key)?)
        }
    };
    log.set_caller(&caller);
    let check = |params: &Params| {
        params.check()?;
        unknown::check(params, dialect, route, &caller, config.unknown_parameters)
    };
    // The original of `/instance` checks the path first.
    let path_first = dialect.unknown_parameters == UnknownUse::RefuseInQuery;
    if !path_first {
        log.warnings.extend(check(&params)?);
    }
    let mut input = Input { config, api, route, now, account: None, path, params, headers, body };
    let context = request.lambda_context_ref();
    let named = input.if_declared(ACCOUNT)?;
    let names_all = named == Some(AccountRef::All);
    let account = TargetAccount::find(config, own_account(context, gateway), named.as_ref())?;
    input.account.clone_from(&account.id);
    let other = account.other.map(|other| app.accounts.ec2(other, &caller));
    let call = decode(&input)?;
    if names_all && !call.is_for_all_accounts() {
        return Err(TargetAccount::not_all());
    }
    if path_first {
        log.warnings.extend(check(&input.params)?);
    }
    // Read here for all dialects. An operation does not depend on how it is asked for.
    let dry_run = input.if_declared(DRY_RUN)?.unwrap_or(false);
    let wait = input.if_declared(WAIT)?.unwrap_or(0);
    log.action = Some(call.action());
    log.target = call.target();
    log.target.account = match names_all {
        true => Some(ALL_ACCOUNTS.to_owned()),
        false => named.and(account.id.as_ref()).map(ToString::to_string),
    };
    log.dry_run = dry_run && call.action().writes();
    if call.is_idempotent_by_key() {
        log.client_token = Some(client_token(headers, &caller, account.other.map(|other| &other.id), log.request_id)?);
    }
    let deadline = context.map(lambda_http::Context::deadline);
    let client_token = log.client_token.clone();
    let cx = Context {
        config,
        policies: app.policies.as_ref(),
        ec2: other.as_deref().unwrap_or(&app.ec2),
        own_ec2: &app.ec2,
        accounts: &app.accounts,
        s3: &app.s3,
        scheduler: app.scheduler.as_ref(),
        now,
        caller: &caller,
        source_ip: log.source_ip.and_then(|text| text.parse().ok()),
        account,
        region_parameter: call.region_parameter().unwrap_or(dialect.region_parameter),
        client_token: client_token.as_deref().unwrap_or(log.request_id),
        has_idempotency_key: log.client_token.as_deref().is_some_and(|token| token != log.request_id),
        dry_run: log.dry_run,
        wait: Duration::from_secs(wait.into()),
        deadline: Instant::now() + time_left(deadline, SystemTime::now()),
        decision: Mutex::new(Decision::default()),
        audit: Mutex::default(),
    };
    let outcome = call.run(&cx).await;
    if let (Err(error), Some(other)) = (&outcome, cx.account.other) {
        app.accounts.forget_refused(other, &caller, error);
    }
    log.audit = cx.audit.into_inner().unwrap_or_else(PoisonError::into_inner);
    log.set_decision(cx.decision.into_inner().unwrap_or_else(PoisonError::into_inner));
    match outcome? {
        Outcome::DryRun(checked) => {
            log.aws_request_id.clone_from(&checked.aws_request_id);
            Ok((dialect.dry_run)(&checked))
        }
        Outcome::Done(Completed { output, aws_request_id, incomplete, warnings, end }) => {
            log.aws_request_id = aws_request_id;
            log.warnings.extend(warnings);
            if let Some(error) = &incomplete {
                log.set_error(error);
                log.warnings.push(error.message.clone());
            }
            Ok(end.into_iter().fold(output, |reply, end| reply.with("x-schedule", end.to_string())))
        }
    }
}

fn read_params(request: &Request, dialect: &Dialect, route: &Route) -> Params {
    let header = |name| header_value(request.headers(), name);
    let (content_type, content_encoding) = (header(&CONTENT_TYPE), header(&CONTENT_ENCODING));
    let body = RawBody { content_type, content_encoding, bytes: request.body() };
    let body = match (route.body, dialect.unknown_parameters) {
        (_, UnknownUse::Ignore) => return Params::default(),
        (BodyUse::Content, _) => Ok(BodyParams::default()),
        (BodyUse::Parameters, UnknownUse::RefuseInQuery) => body.parse_if_readable(),
        (BodyUse::Parameters, UnknownUse::Refuse) => body.parse(),
    };
    Params::read(request.query_string_parameters_ref(), body)
}
