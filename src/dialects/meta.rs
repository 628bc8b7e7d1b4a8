//! What is about the function itself: whether it is there, what it takes, and the pages that people see. It holds no data and needs
//! no key.

use crate::error::{Error, Kind};
use crate::http::Reply;
use crate::http::document::Document;
use crate::http::params::parameters;
use crate::http::route::{Answer, BodyUse, Call, Content, Dialect, Input, Route};
use crate::openapi;
use crate::operation::{Operation, Outcome};
use crate::pages;
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
            answers: &[
                Answer::json::<OpenApi>(
                    200,
                    "The document.",
                    || json!({"openapi": openapi::VERSION, "info": {"title": "...", "version": HEALTH.version}, "paths": {}}),
                )
                .with(DOCUMENT_HEADERS),
                UNCHANGED,
            ],
            actions: &[],
            open: true,
            decode: |input| Ok(document(input, openapi::of(input.config))),
        },
        Route {
            methods: &["GET"],
            path: "/",
            operation: "console",
            summary: "Shows the console: a page that lists, starts, stops, reboots and terminates instances.",
            parameters: &[],
            body: BodyUse::Content,
            answers: &[text("The page.", "text/html"), UNCHANGED],
            actions: &[],
            open: true,
            decode: |input| Ok(document(input, &pages::CONSOLE)),
        },
        Route {
            methods: &["GET"],
            path: "/docs",
            operation: "docs",
            summary: "Shows the API reference: a page that reads openapi.json.",
            parameters: &[],
            body: BodyUse::Content,
            answers: &[text("The page.", "text/html"), UNCHANGED],
            actions: &[],
            open: true,
            decode: |input| Ok(document(input, &pages::DOCS)),
        },
        Route {
            methods: &["GET"],
            path: "/docs/{file}",
            operation: "docs-file",
            summary: "Answers with a file of the viewer that shows the API reference.",
            parameters: &[],
            body: BodyUse::Content,
            answers: &[text("A style sheet.", "text/css"), text("A script.", "text/javascript"), UNCHANGED],
            actions: &[],
            open: true,
            decode: docs_file,
        },
    ],
    segments: &[FILE],
    encode,
    error: super::ec2::error,
    error_body: super::ec2::ERROR_BODY,
};

/// What every document has.
const DOCUMENT_HEADERS: &[&str] =
    &["etag", "content-security-policy", "cross-origin-opener-policy", "referrer-policy", "x-frame-options"];

const UNCHANGED: Answer = Answer::empty(304, "The caller has it already.").with(DOCUMENT_HEADERS);

/// A document that is a text.
const fn text(summary: &'static str, media_type: &'static str) -> Answer {
    Answer { status: 200, summary, body: Content::Text(media_type), headers: DOCUMENT_HEADERS }
}

parameters! {
    FILE = "file", Text, true,
        "The file's name, as the page has it.",
        pattern: pages::ASSET_PATTERN, example: "swagger-ui-5.32.6.css";
}

// ---------------------------------------------------------------------------------------------------------------- decode

fn call(input: &Input<'_>, operation: Operation) -> Call {
    Call::new(input.config.regions.default.clone(), operation)
}

fn document(input: &Input<'_>, document: &Document) -> Call {
    call(input, Operation::Document(document.reply(input.headers)))
}

fn docs_file(input: &Input<'_>) -> Result<Call, Error> {
    let file = pages::asset(input.segment(FILE.name));
    let file = file.ok_or_else(|| Error::new(Kind::NotFound, "NotFound", "There is nothing at this path"))?;
    Ok(document(input, file))
}

// ---------------------------------------------------------------------------------------------------------------- encode

fn encode(call: Call, _outcome: Outcome) -> Reply {
    match call.operation {
        Operation::Document(reply) => reply,
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
