//! An invocation: an event in, API Gateway's form of the response out.

use crate::app::App;
use crate::handler;
use crate::http::event::Event;
use lambda_http::tower::ServiceExt as _;
use lambda_http::{Adapter, Body, IntoResponse, Response, service_fn};
use lambda_runtime::LambdaEvent;
use serde::Serialize;
use std::convert::Infallible;
use std::future::ready;
use std::pin::Pin;

/// Keeps `lambda_http` from re-encoding the body: it would decode a body as text by its Content-Type, and
/// replace bytes that are not valid. An object must come back byte for byte.
struct RawResponse(Response<Body>);

impl IntoResponse for RawResponse {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        Box::pin(ready(self.0))
    }
}

/// Handles one invocation: an event in, API Gateway's form of the response out.
pub async fn invoke(app: &App, event: LambdaEvent<Event>) -> impl Serialize + use<> {
    let handler = service_fn(|request| async { Ok::<_, Infallible>(RawResponse(handler::handle(app, request).await)) });
    let event = LambdaEvent::new(event.payload.into(), event.context);
    match Adapter::from(handler).oneshot(event).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
