//! An invocation: an event in, API Gateway's form of the response out.

use crate::app::App;
use crate::aws::call_stats::CallStats;
use crate::dialects::ec2;
use crate::error::{Error, Kind};
use crate::handler::handle;
use crate::http::event::Event;
use crate::http::gateway::{Gateway, Payload};
use crate::http::respond::add_common_headers;
use crate::http::status::error_reply;
use crate::metrics::{self, Metrics};
use crate::model::rfc3339_milliseconds;
use crate::request_log::RequestLog;
use futures_util::FutureExt as _;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayV2httpResponse};
use lambda_http::http::HeaderMap;
use lambda_http::{Body, RequestExt as _, Response};
use lambda_runtime::LambdaEvent;
use serde::Serialize;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::time::Instant;

/// API Gateway's form of a response. `lambda_http` is not asked for it: it would decode a body as
/// text by its Content-Type, and replace bytes that are not valid. An object must come back byte
/// for byte.
#[derive(Serialize)]
#[serde(untagged)]
enum ApiResponse {
    V1(ApiGatewayProxyResponse),
    V2(ApiGatewayV2httpResponse),
}

/// Handles one invocation. Whatever the event is, there is one response and one log line.
pub async fn invoke(app: &App, event: LambdaEvent<Event>) -> impl Serialize + use<> {
    let (started, request_id) = (Instant::now(), event.context.request_id.clone());
    let handled = async {
        let request = event.payload.into_request().with_lambda_context(event.context);
        let payload = request.extensions().get().map(|gateway: &Gateway| gateway.payload);
        (payload.unwrap_or_default(), handle(app, request).await)
    };
    let handled = AssertUnwindSafe(handled).catch_unwind().await;
    // A REST API takes this form, too.
    let (payload, response) =
        handled.unwrap_or_else(|_| (Payload::V2, panic_response(app, &request_id, started.elapsed())));
    api_response(payload, response)
}

/// Answers and logs a request whose handling has panicked. The message of the panic is in the log
/// already.
fn panic_response(app: &App, request_id: &str, time: Duration) -> Response<Body> {
    let error = Error::new(Kind::Internal, "InternalError", "The function failed: see its log");
    let reply = error_reply(&ec2::DIALECT, None, &error);
    let now = (app.clock)();
    let mut log = RequestLog {
        level: "ERROR",
        service: metrics::NAMESPACE,
        request_id,
        dialect: metrics::NONE,
        operation: metrics::NONE,
        status: reply.status,
        timestamp: rfc3339_milliseconds(now),
        metrics: Metrics::new(now, Some(error.kind), reply.status, time, &CallStats::new(None), &app.cold_start),
        ..RequestLog::default()
    };
    log.set_error(&error);
    (app.log)(&log.to_line(&app.config.callers.keys));
    add_common_headers(reply, request_id, &[])
}

fn api_response(payload: Payload, response: Response<Body>) -> ApiResponse {
    let (parts, body) = response.into_parts();
    let status_code = parts.status.as_u16().into();
    let is_base64_encoded = matches!(body, Body::Binary(_));
    let body = (!matches!(body, Body::Empty)).then_some(body);
    match payload {
        Payload::V1 => {
            let mut response = ApiGatewayProxyResponse::default();
            response.status_code = status_code;
            // The gateway would send a header twice that is in both members.
            response.headers = HeaderMap::new();
            response.multi_value_headers = parts.headers;
            response.body = body;
            response.is_base64_encoded = is_base64_encoded;
            ApiResponse::V1(response)
        }
        Payload::V2 => {
            let mut response = ApiGatewayV2httpResponse::default();
            response.status_code = status_code;
            response.headers = parts.headers;
            response.body = body;
            response.is_base64_encoded = is_base64_encoded;
            ApiResponse::V2(response)
        }
    }
}
