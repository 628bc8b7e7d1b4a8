//! What is about the function itself: whether it is there, and what it takes. It holds no data and needs no key.

use crate::http::Reply;
use crate::http::route::{Answer, BodyUse, Call, Dialect, Input, Route};
use crate::openapi;
use crate::operation::{Operation, Outcome};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

// ---------------------------------------------------------------------------------------------------------------- routes

/// The dialect: the last one, since every path begins with its prefix.
pub const DIALECT: Dialect = Dialect {
    name: "meta",
    summary: "The function itself.",
    prefix: "",
    enabled: |_| true,
    routes: &[
        Route {
            methods: &["GET"],
            path: "/health",
            operation: "health",
            summary: "Says that the function is there, and its version.",
            parameters: &[],
            body: BodyUse::Content,
            answers: &[Answer::json::<Health>(200, "It is there.", || json!(HEALTH))],
            actions: &[],
            open: true,
            decode: |input| Ok(call(input, Operation::Health)),
        },
        Route {
            methods: &["GET"],
            path: "/openapi.json",
            operation: "openapi",
            summary: "Describes every route of this deployment as an OpenAPI 3.1 document.",
            parameters: &[],
            body: BodyUse::Content,
            answers: &[Answer::json::<OpenApi>(
                200,
                "The document.",
                || json!({"openapi": openapi::VERSION, "info": {"title": "...", "version": HEALTH.version}, "paths": {}}),
            )],
            actions: &[],
            open: true,
            decode: |input| Ok(call(input, Operation::Document(openapi::of(input.config).to_owned()))),
        },
    ],
    segments: &[],
    encode,
    error: super::ec2::error,
    error_body: super::ec2::ERROR_BODY,
};

// ---------------------------------------------------------------------------------------------------------------- decode

fn call(input: &Input<'_>, operation: Operation) -> Call {
    Call::new(input.config.regions.default.clone(), operation)
}

// ---------------------------------------------------------------------------------------------------------------- encode

fn encode(call: Call, _outcome: Outcome) -> Reply {
    match call.operation {
        Operation::Document(text) => Reply { status: 200, headers: Vec::new(), body: text.into() },
        _ => Reply::json(200, &HEALTH),
    }
}

/// That the function is there.
#[derive(Serialize, JsonSchema)]
struct Health {
    /// Always `ok`.
    status: &'static str,
    /// The version of the function.
    version: &'static str,
}

const HEALTH: Health = Health { status: "ok", version: env!("CARGO_PKG_VERSION") };

/// An OpenAPI document: <https://spec.openapis.org/oas/v3.1.1.html>.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "the form of a document that is not written by way of it")]
struct OpenApi {
    openapi: String,
    info: serde_json::Map<String, serde_json::Value>,
    paths: serde_json::Map<String, serde_json::Value>,
}
