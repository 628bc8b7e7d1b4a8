//! The OpenAPI document of a deployment, made of what serves its requests: the routes' tables, the types that answers are
//! written with, and the errors as their dialects write them. Nothing is said here that a table says.
//!
//! It shows what the deployment has, `/s3` and the ways to authenticate, and nothing of what it is configured with.

#![expect(
    clippy::indexing_slicing,
    reason = "of JSON objects that are made here, of tables; nothing that a caller sends gets here"
)]

use crate::config::Config;
use crate::dialects::{DIALECTS, DRY_RUN};
use crate::ec2::InstanceRef;
use crate::error::{Error, Kind};
use crate::http::auth::Authentication;
use crate::http::document::Document;
use crate::http::params::{MOST_TAGS, PRINTABLE, PRINTABLE_ITEM, Parameter, Type};
use crate::http::refuse;
use crate::http::route::{Answer, BodyUse, Content, Dialect, Route};
use schemars::generate::{Contract, SchemaSettings};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The version of the specification.
pub const VERSION: &str = "3.1.0";

/// The document. It is made at the first request, and kept.
pub fn of(config: &Config) -> &Document {
    config.openapi.get_or_init(|| Document::new("application/json", text(config).as_bytes()))
}

/// What is in it.
pub fn text(config: &Config) -> String {
    document(config).to_string()
}

/// What applies to all routes.
const DESCRIPTION: &str = "\
Launches, lists, starts, stops, reboots, inspects, modifies and terminates EC2 instances, and keeps a few things in S3.

**Parameters.** Where a request has a body of parameters, it is a JSON object or a form; each of them may come in the query string \
instead, and a request without a Content-Type is read as JSON. A `GET` takes the query string. A list may also be one text, \
comma-separated; a number or a truth value may also be a text. The same parameter given twice with different values is refused. \
Parameters that a route does not know are ignored, and logged. AWS credentials (`aws_access_key_id`, `aws_secret_access_key`) \
are ignored, and the header `warning` says so.

**Paths.** A trailing slash is optional. `HEAD` answers as `GET`, without the body. An unknown path is 404; a known path with \
another method is 405, and the header `allow` says which it takes.

**Errors.** They have the form of their dialect. API Gateway answers some requests by itself (`{\"message\": \"...\"}`): what it \
does not authenticate, what is too large for it, or too much at once.";

/// Every header of an answer: its name, what it is for, and the form of its value.
const HEADERS: &[(&str, &str, &str)] = &[
    ("x-request-id", "The ID of the request; its log line has the same.", "8f5e8b6c-0f4d-4a3c-9d6e-2b1a7c9e4f10"),
    (
        "warning",
        "What the caller should know besides, if there is something.",
        "299 - \"unknown parameters are ignored: x\"",
    ),
    ("cache-control", "What may be kept.", "no-store"),
    ("x-content-type-options", "That the body is of no other type than it says.", "nosniff"),
    ("content-encoding", "That the answer is compressed: it is long, and `Accept-Encoding` takes that.", "gzip"),
    ("vary", "Which headers of the request choose the form of the answer.", "accept, accept-encoding"),
    (
        "x-next-token",
        "Where the rest of the list begins, if there is more: the next request's `next_token`.",
        "eyJ2IjoiMiIs...",
    ),
    ("x-error-code", "A code for programs: AWS's own, or one of this function.", "IncorrectInstanceState"),
    ("www-authenticate", "That a key or token is needed.", "Bearer"),
    ("retry-after", "How many seconds to wait before another attempt.", "2"),
    (
        "location",
        "A URL that answers with the object.",
        "https://demo-notes.s3.us-east-1.amazonaws.com/hello.txt?X-Amz-...",
    ),
    ("etag", "The tag of the object, or of the document.", "\"ed076287532e86365e841e92bfc50d8c\""),
    ("content-security-policy", "What the object or page may do in a browser.", "sandbox"),
    ("cross-origin-opener-policy", "That other sites' pages get no hold of it.", "same-origin"),
    ("referrer-policy", "That no other site learns of it.", "no-referrer"),
    ("x-frame-options", "That it is shown in no other page.", "DENY"),
];

/// Those of every answer.
const EVERY_ANSWER: [&str; 6] =
    ["x-request-id", "warning", "cache-control", "x-content-type-options", "content-encoding", "vary"];

/// What an error says, whatever its status is.
fn meaning(kind: Kind) -> &'static str {
    match kind {
        Kind::Invalid => "The request is malformed, or a value is not taken.",
        Kind::Unauthenticated => "No key, token or signature that counts; nothing has happened.",
        Kind::Forbidden => "The deployment's limits or policies do not permit it; nothing has happened.",
        Kind::NotFound => "What the request names does not exist.",
        Kind::MethodNotAllowed => "The path takes other methods.",
        Kind::Conflict => "The state of what the request names does not allow it, or several instances have the name.",
        Kind::TooLarge => "The body is too large.",
        Kind::Mismatch => "Another launch was sent under the same `Idempotency-Key`.",
        Kind::Throttled => "AWS asks to slow down.",
        Kind::Internal => "The function failed.",
        Kind::Upstream => "AWS refused the function's role, failed, or gave an answer that can't be read.",
        Kind::Capacity => "AWS has no capacity, or a quota is used up.",
        Kind::Unreachable => "AWS did not answer in time: what was asked for may have happened or not.",
    }
}

/// Something that is so of a route.
type Rule = fn(&Route) -> bool;

/// What goes wrong before AWS is asked: where it can, what it is, and an example. Another method is no error of a route.
const BEFORE_AWS: &[(Rule, Kind, &str, &str)] = &[
    (|_| true, Kind::Invalid, "InvalidParameterValue", "dry_run must be true or false"),
    (takes_body, Kind::TooLarge, "RequestEntityTooLarge", "The request body is too large"),
    (|it| !it.open, Kind::Unauthenticated, "InvalidApiKey", "Invalid api key"),
    (|it| !it.open, Kind::Forbidden, "Forbidden", "The policy of this deployment does not permit this"),
];

/// What AWS answers, or why it does not, in the same form. What AWS can say to anything is possible wherever it is asked.
#[rustfmt::skip]
const BY_AWS: &[(Rule, Kind, &str, &str)] = &[
    (|_| true, Kind::Invalid, "InvalidParameterCombination", "The parameter can't be used together with another one"),
    (in_s3, Kind::NotFound, "NoSuchBucket", "The specified bucket does not exist"),
    (launches, Kind::NotFound, "InvalidKeyPair.NotFound", "The key pair 'demo' does not exist"),
    (|it| !in_s3(it) && changes(it), Kind::Conflict, "IncorrectInstanceState", "The instance 'i-0123456789abcdef0' is not in a state for this"),
    (|it| in_s3(it) && changes(it), Kind::Conflict, "OperationAborted", "A conflicting operation is in progress on this resource"),
    (|it| calls(it, "s3:GetObject"), Kind::Conflict, "InvalidObjectState", "The operation is not valid for the object's storage class"),
    (|it| calls(it, "s3:PutObject"), Kind::TooLarge, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size"),
    (launches, Kind::Mismatch, "IdempotentParameterMismatch", "The same client token was used for another launch"),
    (|_| true, Kind::Throttled, "RequestLimitExceeded", "Request limit exceeded"),
    (|_| true, Kind::Internal, "InternalError", "The function failed to handle the request"),
    (|_| true, Kind::Upstream, "UnauthorizedOperation", "AWS refused this to this function's execution role (UnauthorizedOperation)"),
    (|_| true, Kind::Capacity, "ServiceUnavailable", "The service is unavailable. Please try again shortly"),
    (|_| true, Kind::Unreachable, "RequestTimeout", "AWS did not answer in time"),
];

fn calls(route: &Route, action: &str) -> bool {
    route.actions.contains(&action)
}

fn launches(route: &Route) -> bool {
    calls(route, "ec2:RunInstances")
}

fn in_s3(route: &Route) -> bool {
    route.actions.iter().any(|action| action.starts_with("s3:"))
}

fn changes(route: &Route) -> bool {
    route.parameters.iter().any(|it| it.name == DRY_RUN.name)
}

fn takes_body(route: &Route) -> bool {
    route.body == BodyUse::Parameters
}

/// An example of every error that a route can answer with.
fn errors(dialect: &Dialect, route: &Route) -> Vec<Error> {
    let of = |table: &[(Rule, Kind, &'static str, &str)], by_aws| -> Vec<Error> {
        let rows = table.iter().filter(|(rule, ..)| rule(route));
        rows.map(|(_, kind, code, message)| Error { by_aws, ..Error::new(*kind, *code, *message) }).collect()
    };
    let mut errors = of(BEFORE_AWS, false);
    let segments = segments(dialect, route);
    errors.extend(segments.iter().map(|segment| match segment.pattern {
        InstanceRef::PATTERN => Error::new(Kind::NotFound, "InvalidInstanceID.Malformed", InstanceRef::WRONG),
        crate::pages::ASSET_PATTERN => Error::new(Kind::NotFound, "NotFound", "There is nothing at this path"),
        _ => Error::invalid(segment.name, "is none that this deployment takes"),
    }));
    // In its path or by a parameter: both take names, too.
    if segments.iter().chain(route.parameters).any(|it| it.pattern == InstanceRef::PATTERN) {
        let message = "2 instances are named web: i-abba916a (running), i-abba916b (stopped). Give an ID instead";
        errors.push(Error::new(Kind::Conflict, "AmbiguousInstanceName", message));
        let message = "The instance ID 'i-0123456789abcdef0' does not exist";
        let unknown = Error::new(Kind::NotFound, "InvalidInstanceID.NotFound", message);
        errors.push(Error { by_aws: true, ..unknown });
    }
    if !route.actions.is_empty() {
        errors.extend(of(BY_AWS, true));
    }
    errors
}

/// The document as JSON.
fn document(config: &Config) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.contract = Contract::Serialize;
        settings.meta_schema = None;
    });
    let mut components = Components {
        schemas: settings.into_generator(),
        bodies: Map::new(),
        errors: BTreeMap::new(),
        headers: BTreeSet::new(),
    };
    let mut paths = Map::new();
    let mut tags = Vec::new();
    for dialect in DIALECTS.iter().filter(|dialect| (dialect.enabled)(config)) {
        tags.push(json!({"name": dialect.name, "description": dialect.summary}));
        for route in dialect.routes {
            let path = paths.entry(route.path.replace("...}", "}")).or_insert_with(|| json!({}));
            let segments: Vec<_> = segments(dialect, route).into_iter().map(segment).collect();
            if !segments.is_empty() {
                path["parameters"] = segments.into();
            }
            for method in route.methods {
                path[method.to_ascii_lowercase()] = components.operation(dialect, route, method);
            }
        }
    }
    let schemes = security_schemes(config.callers.only);
    let mut document = json!({
        "openapi": VERSION,
        "info": {
            "title": env!("CARGO_PKG_NAME"),
            "summary": env!("CARGO_PKG_DESCRIPTION"),
            "description": DESCRIPTION,
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": env!("CARGO_PKG_LICENSE"), "identifier": env!("CARGO_PKG_LICENSE")},
        },
        // Relative to this document, so that it is right behind a stage's prefix, too.
        "servers": [{"url": ".", "description": "Where this document is"}],
        "tags": tags,
        "security": schemes.keys().map(|name| json!({name: []})).collect::<Vec<_>>(),
        "paths": paths,
    });
    document["components"] = components.finish();
    document["components"]["securitySchemes"] = schemes.into();
    document
}

/// What operations refer to.
struct Components {
    schemas: SchemaGenerator,
    /// The forms of requests' bodies.
    bodies: Map<String, Value>,
    /// The answers that are errors, by name.
    errors: BTreeMap<String, Value>,
    /// The headers of answers, by name.
    headers: BTreeSet<&'static str>,
}

impl Components {
    fn operation(&mut self, dialect: &'static Dialect, route: &'static Route, method: &str) -> Value {
        let id = format!("{}-{}", dialect.name, route.operation);
        let in_body = takes_body(route) && ["POST", "PUT"].contains(&method);
        let mut about = Vec::new();
        let mut parameters: Vec<_> = match in_body {
            true => Vec::new(),
            false => route.parameters.iter().map(|it| in_query(it)).collect(),
        };
        if launches(route) {
            parameters.push(idempotency_key());
        }
        let mut operation = json!({
            "operationId": if route.methods.len() > 1 { format!("{id}-{}", method.to_ascii_lowercase()) } else { id.clone() },
            "tags": [dialect.name],
            "summary": route.summary,
            "responses": self.responses(dialect, route),
        });
        if in_body {
            // Generated clients send a body; where a required parameter is can be said once only.
            about.push("Parameters may also come in the query string, all of them or some.".to_owned());
            operation["requestBody"] = self.parameters_body(&id, route.parameters);
        } else if route.body == BodyUse::Content && method == "PUT" {
            // Not */* beside it: generators of clients know no such body.
            let description = "The content. Every type is taken: send the Content-Type that it is to come back with.";
            let content = json!({"application/octet-stream": {"schema": bytes()}});
            operation["requestBody"] = json!({"description": description, "content": content});
        }
        if !route.actions.is_empty() {
            about.push(format!("AWS actions that it may take: `{}`.", route.actions.join("`, `")));
        }
        if !about.is_empty() {
            operation["description"] = about.join("\n\n").into();
        }
        if !parameters.is_empty() {
            operation["parameters"] = parameters.into();
        }
        if route.open {
            operation["security"] = json!([]);
        }
        operation
    }

    /// A JSON object. A form of the same members is not listed beside it: clients that are generated for two media types of one
    /// schema send the one with the header of the other.
    fn parameters_body(&mut self, id: &str, parameters: &[&Parameter]) -> Value {
        let (tags, named): (Vec<&Parameter>, Vec<&Parameter>) =
            parameters.iter().partition(|parameter| parameter.kind == Type::Tag);
        let property = |it: &&Parameter| {
            let mut schema = schema(it);
            schema["description"] = description(it).into();
            (it.name.to_owned(), schema)
        };
        let properties: Map<_, _> = named.iter().map(property).collect();
        let required: Vec<_> = named.iter().filter(|it| it.required).collect();
        let example: Map<_, _> = required.iter().map(|it| (it.name.to_owned(), example(it))).collect();
        let mut body = json!({"type": "object", "properties": properties});
        if !required.is_empty() {
            body["required"] = required.iter().map(|it| it.name).collect();
        }
        for tag in tags {
            let mut value = text_schema(tag);
            value["description"] = tag.summary.into();
            body["patternProperties"] = json!({TAG_NAME: value});
        }
        let name = format!("{}Parameters", id.split('-').map(capitalized).collect::<String>());
        let mut content = json!({"schema": {"$ref": format!("#/components/schemas/{name}")}});
        if !required.is_empty() {
            content["example"] = example.into();
        }
        self.bodies.insert(name, body);
        json!({
            "required": !required.is_empty(),
            "content": {"application/json": content},
        })
    }

    fn responses(&mut self, dialect: &'static Dialect, route: &'static Route) -> BTreeMap<String, Value> {
        let mut by_status: BTreeMap<u16, Vec<&Answer>> = BTreeMap::new();
        for answer in route.answers {
            by_status.entry(answer.status).or_default().push(answer);
        }
        let good = by_status.into_iter().map(|(status, answers)| (status.to_string(), self.response(&answers)));
        let mut responses: BTreeMap<_, _> = good.collect();
        for error in errors(dialect, route) {
            let reply = refuse(dialect, Some(route), &error);
            let name = format!("{}-{}", dialect.name, reply.status);
            let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
            let form = (dialect.error_body)(&mut self.schemas);
            let headers = self.headers(EVERY_ANSWER.into_iter().chain(reply.headers.iter().map(|(name, _)| *name)));
            let response = self.errors.entry(name.clone()).or_insert_with(|| {
                json!({
                    "description": "",
                    "headers": {},
                    "content": {"application/json": {"schema": form, "examples": {}}},
                })
            });
            let (told, more) = (response["description"].as_str().unwrap_or_default(), meaning(error.kind));
            if !told.contains(more) {
                response["description"] = [told, more].join(" ").trim_start().into();
            }
            for (name, header) in headers {
                response["headers"][name] = header;
            }
            let name_of_example = error.parameter.as_ref().unwrap_or(&error.code);
            response["content"]["application/json"]["examples"][&**name_of_example] = json!({"value": body});
            responses.insert(reply.status.to_string(), json!({"$ref": format!("#/components/responses/{name}")}));
        }
        responses
    }

    /// Answers of one status, each of which is possible.
    fn response(&mut self, answers: &[&Answer]) -> Value {
        let (mut forms, mut examples, mut any_type, mut csv) = (Vec::new(), Map::new(), false, false);
        let mut texts = Vec::new();
        for answer in answers {
            match answer.body {
                Content::Nothing => {}
                Content::Bytes => any_type = true,
                Content::Text(media_type) => texts.push(media_type),
                Content::Json(form, example) | Content::List(form, example) => {
                    csv |= matches!(answer.body, Content::List(..));
                    let form = json!(form(&mut self.schemas));
                    if !forms.contains(&form) {
                        forms.push(form);
                    }
                    let name = format!("example-{}", examples.len() + 1);
                    examples.insert(name, json!({"summary": answer.summary, "value": example()}));
                }
            }
        }
        let mut content = Map::new();
        if any_type {
            content.insert("application/octet-stream".to_owned(), json!({"schema": bytes()}));
            content.insert("*/*".to_owned(), json!({"schema": {}}));
            // Bytes may be JSON as well.
            forms.push(json!({"description": "An object that is JSON itself."}));
        }
        let schema = match forms.as_slice() {
            [] => Value::Null,
            [form] => form.clone(),
            _ if any_type => json!({"anyOf": forms}),
            _ => json!({"oneOf": forms}),
        };
        if !examples.is_empty() {
            content.insert("application/json".to_owned(), json!({"schema": schema, "examples": examples}));
        }
        for media_type in texts {
            content.insert(media_type.to_owned(), json!({"schema": {"type": "string"}}));
        }
        if csv {
            let about = "RFC 4180, with a header, where `Accept` prefers it.";
            content.insert("text/csv".to_owned(), json!({"schema": {"type": "string", "description": about}}));
        }
        let more = answers.iter().flat_map(|answer| answer.headers.iter().copied());
        let summaries: Vec<_> = answers.iter().map(|answer| answer.summary).collect();
        let mut response =
            json!({"description": summaries.join(" "), "headers": self.headers(EVERY_ANSWER.into_iter().chain(more))});
        if !content.is_empty() {
            response["content"] = content.into();
        }
        response
    }

    /// References to headers, which are shown for it.
    fn headers(&mut self, names: impl Iterator<Item = &'static str>) -> Map<String, Value> {
        names
            .map(|name| {
                self.headers.insert(name);
                (name.to_owned(), json!({"$ref": format!("#/components/headers/{name}")}))
            })
            .collect()
    }

    fn finish(mut self) -> Value {
        let mut schemas = self.schemas.take_definitions(true);
        schemas.append(&mut self.bodies);
        let header = |(name, summary, example): &(&str, &str, &str)| {
            ((*name).to_owned(), json!({"description": summary, "schema": {"type": "string"}, "example": example}))
        };
        let headers: Map<_, _> = HEADERS.iter().filter(|(name, ..)| self.headers.contains(name)).map(header).collect();
        json!({"schemas": schemas, "responses": self.errors, "headers": headers})
    }
}

/// For types whose optional members serde leaves out when they are `None`: none of them is ever null.
pub fn without_null(schema: &mut Schema) {
    let required = schema.get("required").cloned().unwrap_or_default();
    let required = |name: &str| required.as_array().is_some_and(|names| names.iter().any(|it| it == name));
    let members = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (_, member) in members.into_iter().flatten().filter(|(name, _)| !required(name)) {
        // Either {"type": [x, "null"]} or {"anyOf": [x, {"type": "null"}]}.
        for (keyword, null) in [("type", json!("null")), ("anyOf", json!({"type": "null"}))] {
            let choices = member.get_mut(keyword).and_then(Value::as_array_mut);
            let Some(choices) = choices else { continue };
            choices.retain(|choice| *choice != null);
            if let ("type", [only]) = (keyword, choices.as_slice()) {
                let only = only.clone();
                member["type"] = only;
            } else if let [only] = choices.as_slice() {
                *member = only.clone();
            }
        }
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// The parameters in a route's path, in its order.
fn segments(dialect: &Dialect, route: &Route) -> Vec<&'static Parameter> {
    let name = |segment: &'static str| Some(segment.strip_prefix('{')?.strip_suffix('}')?.trim_end_matches('.'));
    let find = |name| dialect.segments.iter().copied().find(|segment| segment.name == name);
    route.path.split('/').filter_map(name).filter_map(find).collect()
}

fn segment(parameter: &Parameter) -> Value {
    json!({
        "name": parameter.name, "in": "path", "required": true, "description": description(parameter),
        "schema": schema(parameter), "example": example(parameter),
    })
}

fn in_query(parameter: &Parameter) -> Value {
    let mut query = json!({
        "name": parameter.name, "in": "query", "description": description(parameter), "schema": schema(parameter),
    });
    if !parameter.example.is_empty() {
        query["example"] = example(parameter);
    }
    if parameter.required {
        query["required"] = true.into();
    }
    match parameter.kind {
        // Comma-separated; one by one is taken, too.
        Type::List => {
            query["style"] = "form".into();
            query["explode"] = false.into();
        }
        // An object in this style is its members: `?tag:team=blue&tag:env=test`.
        Type::Tag => {
            query["style"] = "form".into();
            query["explode"] = true.into();
        }
        _ => {}
    }
    query
}

fn description(parameter: &Parameter) -> String {
    match parameter.aliases {
        [] => parameter.summary.to_owned(),
        aliases => format!("{} Also spelled `{}`.", parameter.summary, aliases.join("`, `")),
    }
}

/// The form of a parameter's value in JSON.
fn schema(parameter: &Parameter) -> Value {
    let text = text_schema(parameter);
    match parameter.kind {
        Type::Text => text,
        Type::Integer => {
            json!({"type": "integer", "minimum": parameter.range.0, "maximum": parameter.range.1})
        }
        Type::Boolean => json!({"type": "boolean"}),
        Type::List => {
            let mut list = json!({"type": "array", "items": text, "maxItems": parameter.most});
            if parameter.required {
                list["minItems"] = 1.into();
            }
            list
        }
        Type::Tag => {
            json!({"type": "object", "propertyNames": {"pattern": TAG_NAME}, "additionalProperties": text, "maxProperties": MOST_TAGS})
        }
        Type::Any => {
            let list = json!({"type": "array", "items": {"type": "string"}, "maxItems": parameter.most});
            json!({"anyOf": [{"type": "string", "minLength": 1}, {"type": "boolean"}, list]})
        }
    }
}

fn bytes() -> Value {
    json!({"type": "string", "format": "binary"})
}

fn text_schema(parameter: &Parameter) -> Value {
    let mut text = json!({"type": "string"});
    if !parameter.values.is_empty() {
        text["enum"] = parameter.values.into();
        return text;
    }
    let printable = if parameter.kind == Type::List { PRINTABLE_ITEM } else { PRINTABLE };
    text["pattern"] = if parameter.pattern.is_empty() { printable } else { parameter.pattern }.into();
    if parameter.longest < usize::MAX {
        text["maxLength"] = parameter.longest.into();
    }
    if parameter.required {
        text["minLength"] = 1.into();
    }
    text
}

fn example(parameter: &Parameter) -> Value {
    let text = parameter.example;
    match parameter.kind {
        Type::Integer | Type::Boolean => serde_json::from_str(text).unwrap_or_default(),
        Type::List => json!([text]),
        Type::Tag => json!({"tag:team": text}),
        Type::Text | Type::Any => text.into(),
    }
}

/// The names of `tag:KEY`.
const TAG_NAME: &str = "^tag:[^\\u0000-\\u001f\\u007f-\\u009f\\ufffd]{1,128}$";

/// A header, not a parameter of the tables: it is none of a dialect.
fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key", "in": "header",
        "description": "A key of the caller's choice: a launch that is sent twice under it happens once.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!#-~]+$"}, "example": "order-4711",
    })
}

/// The ways to authenticate that count.
fn security_schemes(only: Option<Authentication>) -> Map<String, Value> {
    let key = |place: &str, name: &str, about: &str| json!({"type": "apiKey", "in": place, "name": name, "description": about});
    let counts = |way| only.is_none_or(|only| only == way);
    let mut schemes = Map::new();
    let mut scheme = |name: &str, scheme| schemes.insert(name.to_owned(), scheme);
    if counts(Authentication::Key) {
        let about = "An API key of this deployment. A JSON body of `POST` and `PUT` may hold it as `api_key`; no query string may.";
        scheme("api-key", key("header", "x-api-key", about));
        scheme("api-key-underscore", key("header", "api_key", "An API key of this deployment."));
        scheme(
            "api-key-cookie",
            key("cookie", "api_key", "An API key of this deployment. Not from the pages of other sites."),
        );
        let about = "An API key of this deployment as a bearer token.";
        scheme("api-key-bearer", json!({"type": "http", "scheme": "bearer", "description": about}));
    }
    if counts(Authentication::Iam) {
        let mut signature =
            key("header", "Authorization", "A signature (SigV4) of AWS credentials, checked by API Gateway.");
        signature["x-amazon-apigateway-authtype"] = "awsSigv4".into();
        scheme("iam", signature);
    }
    if counts(Authentication::Jwt) {
        let about = "A token of the deployment's issuer, checked by API Gateway.";
        scheme("jwt", json!({"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": about}));
    }
    schemes
}
