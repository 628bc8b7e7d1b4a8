//! The function itself: its health, its description and its pages. None of it holds data, so all of
//! it is public.

use crate::dialects::boto3::{ERROR_BODY, encode_error};
use crate::dialects::common::encode_dry_run;
use crate::http::reply::Reply;
use crate::http::route::{BodyUse, Content, Dialect, Handler, Response, Route, UnknownUse};
use crate::openapi;
use crate::pages;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

// ---------------------------------------------------------------------------------------- routes

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
            name: "health",
            summary: "Says that the function is there, and its version.",
            parameters: &[],
            body: BodyUse::Content,
            responses: &[Response::json::<Health>(200, "It is there.", || json!(HEALTH))],
            handler: Handler::Public(|_| Ok(Reply::json(200, &HEALTH))),
        },
        Route {
            methods: &["GET"],
            path: "/openapi.json",
            name: "openapi",
            summary: "Describes every route of this deployment as an OpenAPI 3.1 document.",
            parameters: &[],
            body: BodyUse::Content,
            responses: &[
                Response::json::<OpenApi>(
                    200,
                    "The document.",
                    || json!({"openapi": openapi::VERSION, "info": {"title": "...", "version": HEALTH.version}, "paths": {}}),
                )
                .with(FILE_HEADERS),
                NOT_MODIFIED,
            ],
            handler: Handler::Page(|input| openapi::file(input.api, input.config).reply(input.headers)),
        },
        Route {
            methods: &["GET"],
            path: "/",
            name: "console",
            summary: "Shows the console: a page that launches, lists, starts, stops, reboots and terminates instances.",
            parameters: &[],
            body: BodyUse::Content,
            responses: &[text("The page.", "text/html"), NOT_MODIFIED],
            handler: Handler::Page(|input| pages::CONSOLE.reply(input.headers)),
        },
        Route {
            methods: &["GET"],
            path: "/docs",
            name: "docs",
            summary: "Shows the API reference: a page that reads openapi.json.",
            parameters: &[],
            body: BodyUse::Content,
            responses: &[text("The page.", "text/html"), NOT_MODIFIED],
            handler: Handler::Page(|input| pages::DOCS.reply(input.headers)),
        },
    ],
    unknown_parameters: UnknownUse::Ignore,
    ignored_parameters: &[],
    region_parameter: "region",
    segments: &[],
    dry_run: encode_dry_run,
    error: encode_error,
    error_body: ERROR_BODY,
};

/// The headers of every file.
const FILE_HEADERS: &[&str] =
    &["etag", "content-security-policy", "cross-origin-opener-policy", "referrer-policy", "x-frame-options"];

const NOT_MODIFIED: Response = Response::empty(304, "The caller has it already.").with(FILE_HEADERS);

/// A file of text.
const fn text(summary: &'static str, media_type: &'static str) -> Response {
    Response { status: 200, summary, body: Content::Text(media_type), headers: FILE_HEADERS }
}

/// The health of the function.
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
#[expect(dead_code, reason = "only its schema is used")]
struct OpenApi {
    openapi: String,
    info: serde_json::Map<String, serde_json::Value>,
    paths: serde_json::Map<String, serde_json::Value>,
}
