//! What is about the function itself: its health, the console at `/`, the API reference at `/docs`. None of it holds data or
//! needs a key. It comes last of the dialects: what no other has is looked for here.

use crate::error::{Error, Kind};
use crate::http::Reply;
use crate::http::document::Document;
use crate::http::route::{BodyUse, Call, Dialect, Input, Route};
use crate::operation::{Operation, Outcome};
use crate::pages;
use serde_json::json;

/// The dialect.
pub const DIALECT: Dialect =
    Dialect { name: "meta", prefix: "", enabled: |_| true, routes: ROUTES, encode, error: super::ec2::error };

const ROUTES: &[Route] = &[
    Route {
        methods: &["GET"],
        path: "/health",
        operation: "health",
        summary: "Says that the function is there, and its version.",
        parameters: &[],
        body: BodyUse::Content,
        actions: &[],
        open: true,
        decode: |input| Ok(call(input, Operation::Health)),
    },
    Route {
        methods: &["GET"],
        path: "/",
        operation: "console",
        summary: "Shows the console: a page that lists, starts, stops, reboots and terminates instances.",
        parameters: &[],
        body: BodyUse::Content,
        actions: &[],
        open: true,
        decode: |input| Ok(document(input, &pages::CONSOLE)),
    },
    Route {
        methods: &["GET"],
        path: "/docs",
        operation: "docs",
        summary: "Shows the API reference.",
        parameters: &[],
        body: BodyUse::Content,
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
        actions: &[],
        open: true,
        decode: docs_file,
    },
];

fn call(input: &Input<'_>, operation: Operation) -> Call {
    Call::new(input.config.regions.default.clone(), operation)
}

fn document(input: &Input<'_>, document: &'static Document) -> Call {
    call(input, Operation::Document(document.negotiate(input.headers)))
}

fn docs_file(input: &Input<'_>) -> Result<Call, Error> {
    let file = pages::asset(input.segment("file"));
    let file = file.ok_or_else(|| Error::new(Kind::NotFound, "NotFound", "There is nothing at this path"))?;
    Ok(document(input, file))
}

fn encode(call: Call, _outcome: Outcome) -> Reply {
    match call.operation {
        Operation::Document(negotiated) => negotiated.reply(),
        _ => Reply::json(200, &json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")})),
    }
}
