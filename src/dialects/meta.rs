//! `/health`: whether the function is there. It holds no data and needs no key.

use crate::error::Error;
use crate::http::Reply;
use crate::http::route::{BodyUse, Call, Dialect, Input, Route};
use crate::operation::{Operation, Outcome};
use serde_json::json;

/// The dialect.
pub const DIALECT: Dialect = Dialect {
    name: "meta",
    prefix: "/health",
    enabled: |_| true,
    routes: &[Route {
        methods: &["GET"],
        path: "/health",
        operation: "health",
        summary: "Says that the function is there, and its version.",
        parameters: &[],
        body: BodyUse::Content,
        actions: &[],
        open: true,
        decode: health,
    }],
    encode,
    error: super::ec2::error,
};

fn health(input: &Input<'_>) -> Result<Call, Error> {
    Ok(Call::new(input.config.regions.default.clone(), Operation::Health))
}

fn encode(_call: Call, _outcome: Outcome) -> Reply {
    Reply::json(200, &json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}))
}
