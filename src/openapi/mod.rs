//! The OpenAPI document of a deployment, made of the tables and types that serve its requests: the
//! route tables, the types of the bodies, and the errors as their dialects encode them. Nothing is
//! said here that a table says.
//!
//! It shows which dialects and authentication methods the deployment has, and no other
//! configuration.

#![expect(clippy::indexing_slicing, reason = "of JSON objects that are made here, from tables")]

mod errors;
mod parameters;

use crate::auth::Authentication;
use crate::config::Config;
use crate::dialects::common::STOP_AFTER;
use crate::http::param_info::{ParamInfo, ParamKind};
use crate::http::reply::Reply;
use crate::http::route::{Api, BodyUse, Content, Dialect, Response, Route, UnknownUse};
use crate::http::static_file::StaticFile;
use crate::http::status::error_reply;
use errors::{errors, launches, meaning, takes_body};
use parameters::{TAG_NAME, bytes, description, example, in_query, schema, segment, segments, text_schema};
use schemars::SchemaGenerator;
use schemars::generate::{Contract, SchemaSettings};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The version of the specification.
pub const VERSION: &str = "3.1.0";

/// The document as a file. It is made at its first request and kept.
pub fn file<'a>(api: &'a Api, config: &Config) -> &'a StaticFile {
    api.openapi.get_or_init(|| StaticFile::new("application/json", text(api, config).as_bytes()))
}

/// The document as JSON text.
pub fn text(api: &Api, config: &Config) -> String {
    document(api, config).to_string()
}

/// What applies to all routes.
const DESCRIPTION: &str = "\
Launches, lists, starts, stops, reboots, inspects, modifies and terminates EC2 instances, and keeps a few things in S3.

**Parameters.** Where a request has a body of parameters, it is a JSON object, a form or `multipart/form-data` without files, plain \
or with gzip; each of them may come in the query string instead. A body without a Content-Type is read as JSON, and another type is 415. \
A `GET` takes the query string. A list may also be one text, comma-separated, or `name[]` repeated; a number may also be a text, and a \
boolean one of `true`, `1`, `yes`, `on`, `false`, `0`, `no`, `off`. White space around an ID or a name does not count. The same \
parameter given twice with different values is refused, and so is a parameter that a route does not take. AWS credentials (`aws_access_key_id`, `aws_secret_access_key`) \
are ignored, and the header `warning` says so.

**Paths.** A trailing slash is optional. `HEAD` answers as `GET`, without the body. An unknown path is 404; a known path with \
another method is 405, and the header `allow` says which it takes. `OPTIONS` of a known path is 204 with `allow`, without a key.

**Errors.** They have the form of their dialect. API Gateway answers some requests by itself (`{\"message\": \"...\"}`): what it \
does not authenticate, what is too large for it, or too much at once.";

/// All headers of responses: the name, the purpose and an example.
const HEADERS: &[(&str, &str, &str)] = &[
    ("x-request-id", "The ID of the request; its log line has the same.", "8f5e8b6c-0f4d-4a3c-9d6e-2b1a7c9e4f10"),
    ("warning", "Warnings, if there are any.", "299 - \"AWS credentials in a request are ignored: stop sending them\""),
    ("cache-control", "How long the response may be cached.", "no-store"),
    ("x-content-type-options", "Browsers must not guess another type.", "nosniff"),
    ("content-encoding", "Set if the response is compressed.", "gzip"),
    ("vary", "The request headers that the response depends on.", "accept, accept-encoding"),
    (
        "access-control-allow-origin",
        "The origin whose pages may read the response, if `CORS_ORIGINS` names it.",
        "https://app.example.com",
    ),
    ("access-control-expose-headers", "The headers that those pages may read.", "x-next-token, x-request-id"),
    ("x-next-token", "The `next_token` for the rest of the list, if there is more.", "~MW9ETXRnK3BsY2s"),
    ("x-schedule", "The schedule that ends the instances, if one was asked for.", "end-0123456789abcdef0123"),
    ("x-error-code", "A code for programs: AWS's own, or one of this function.", "IncorrectInstanceState"),
    ("www-authenticate", "A key or token is needed.", "Bearer"),
    ("retry-after", "How many seconds to wait before another attempt.", "2"),
    (
        "location",
        "A URL that answers with the object.",
        "https://demo-notes.s3.us-east-1.amazonaws.com/hello.txt?X-Amz-...",
    ),
    ("etag", "The tag of the object, or of the document.", "\"ed076287532e86365e841e92bfc50d8c\""),
    ("last-modified", "When the object was stored.", "Mon, 02 Mar 2026 09:00:00 GMT"),
    ("content-length", "The object's length in bytes, in a response to `HEAD`.", "12"),
    ("content-range", "The range of bytes in the body.", "bytes 0-4/12"),
    ("accept-ranges", "`Range` is supported.", "bytes"),
    ("content-disposition", "How browsers show the object, as it was stored.", "attachment"),
    ("content-language", "The object's language, as it was stored.", "en"),
    ("x-amz-checksum-crc32", "A checksum of the object.", "y/U6HA=="),
    ("x-amz-checksum-crc32c", "A checksum of the object.", "4waSgw=="),
    ("x-amz-checksum-crc64nvme", "A checksum of the object.", "rosUhgp5mIg="),
    ("x-amz-checksum-md5", "A checksum of the object.", "JfnnlDI7RTiF9RgfG2JNCw=="),
    ("x-amz-checksum-sha1", "A checksum of the object.", "98O8HYCOBHMqWWdZZYFcZ8aTF38="),
    ("x-amz-checksum-sha256", "A checksum of the object.", "FeKw08M4keuwzQjUTUqMQQ1k5Ye0BO3Yg3aG5dBHlSs="),
    ("x-amz-checksum-sha512", "A checksum of the object.", "mQuIrv..."),
    ("x-amz-checksum-type", "Whether the checksum is of the whole object.", "FULL_OBJECT"),
    ("x-amz-checksum-xxhash128", "A checksum of the object.", "..."),
    ("x-amz-checksum-xxhash3", "A checksum of the object.", "..."),
    ("x-amz-checksum-xxhash64", "A checksum of the object.", "..."),
    ("content-security-policy", "Restricts what the object or page does in a browser.", "sandbox"),
    ("cross-origin-opener-policy", "Isolates the page from pages of other sites.", "same-origin"),
    ("referrer-policy", "Browsers send no referrer.", "no-referrer"),
    ("x-frame-options", "The page cannot be framed.", "DENY"),
];

/// The headers of every response.
const COMMON_HEADERS: [&str; 8] = [
    "x-request-id",
    "warning",
    "cache-control",
    "x-content-type-options",
    "content-encoding",
    "vary",
    "access-control-allow-origin",
    "access-control-expose-headers",
];

/// The document.
fn document(api: &Api, config: &Config) -> Value {
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
    for dialect in api.dialects.iter().filter(|dialect| (dialect.enabled)(config)) {
        tags.push(json!({"name": dialect.name, "description": dialect.summary}));
        for route in dialect.routes.iter().filter(|route| route.is_enabled(config)) {
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

/// The components that operations refer to.
struct Components {
    schemas: SchemaGenerator,
    /// The schemas of request bodies.
    bodies: Map<String, Value>,
    /// The error responses, by name.
    errors: BTreeMap<String, Value>,
    /// The names of the headers that occur.
    headers: BTreeSet<&'static str>,
}

impl Components {
    fn operation(&mut self, dialect: &'static Dialect, route: &'static Route, method: &str) -> Value {
        let id = format!("{}-{}", dialect.name, route.name);
        let in_body = takes_body(route) && ["POST", "PUT"].contains(&method);
        let mut about = Vec::new();
        let mut parameters: Vec<_> = match in_body {
            true => Vec::new(),
            false => route.parameters.iter().map(in_query).collect(),
        };
        // A start with an end makes that once.
        if launches(route) || route.declares(STOP_AFTER) {
            parameters.push(idempotency_key());
        }
        let mut operation = json!({
            "operationId": if route.methods.len() > 1 { format!("{id}-{}", method.to_ascii_lowercase()) } else { id.clone() },
            "tags": [dialect.name],
            "summary": route.summary,
            "responses": self.responses(dialect, route),
        });
        if in_body {
            // Generated clients send a body; a required parameter can be declared in one place
            // only.
            about.push("Parameters may also come in the query string, all of them or some.".to_owned());
            operation["requestBody"] = self.parameters_body(&id, dialect, route.parameters);
        } else if route.body == BodyUse::Content && method == "PUT" {
            // No */* beside it: client generators do not support it.
            let description = "The content. Every type is taken: send the Content-Type that it is to come back with.";
            let content = json!({"application/octet-stream": {"schema": bytes()}});
            operation["requestBody"] = json!({"description": description, "content": content});
        }
        let iam_actions = route.iam_actions();
        if !iam_actions.is_empty() {
            about.push(format!("AWS actions that it may take: `{}`.", iam_actions.join("`, `")));
        }
        if !about.is_empty() {
            operation["description"] = about.join("\n\n").into();
        }
        if !parameters.is_empty() {
            operation["parameters"] = parameters.into();
        }
        if route.is_public() {
            operation["security"] = json!([]);
        }
        operation
    }

    /// A body of parameters: a JSON object. A form is not listed beside it: clients that are
    /// generated for two media types of one schema send one with the header of the other.
    fn parameters_body(&mut self, id: &str, dialect: &Dialect, parameters: &[ParamInfo]) -> Value {
        let (tags, named): (Vec<&ParamInfo>, Vec<&ParamInfo>) =
            parameters.iter().partition(|parameter| parameter.kind == ParamKind::Tag);
        let property = |parameter: &&ParamInfo| {
            let mut schema = schema(parameter);
            schema["description"] = description(parameter).into();
            (parameter.name.to_owned(), schema)
        };
        let properties: Map<_, _> = named.iter().map(property).collect();
        let required: Vec<_> = named.iter().filter(|parameter| parameter.required).collect();
        let example: Map<_, _> =
            required.iter().map(|parameter| (parameter.name.to_owned(), example(parameter))).collect();
        let mut body = json!({"type": "object", "properties": properties});
        if dialect.unknown_parameters == UnknownUse::Refuse {
            match tags.is_empty() {
                true => body["additionalProperties"] = false.into(),
                // Generated clients drop tags if `additionalProperties` is false.
                false => {
                    let names: Vec<_> = named.iter().map(|parameter| parameter.name).collect();
                    body["propertyNames"] = json!({"anyOf": [{"enum": names}, {"pattern": TAG_NAME}]});
                }
            }
        }
        if !required.is_empty() {
            body["required"] = required.iter().map(|parameter| parameter.name).collect();
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
        let mut by_status: BTreeMap<u16, Vec<&Response>> = BTreeMap::new();
        for response in route.responses {
            by_status.entry(response.status).or_default().push(response);
        }
        let good = by_status.into_iter().map(|(status, responses)| (status.to_string(), self.response(&responses)));
        let mut responses: BTreeMap<_, _> = good.collect();
        for error in errors(dialect, route) {
            let reply: Reply = error_reply(dialect, Some(route), &error);
            let name = format!("{}-{}", dialect.name, reply.status);
            let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
            let body_schema = (dialect.error_body)(&mut self.schemas);
            let headers = self.headers(COMMON_HEADERS.into_iter().chain(reply.headers.iter().map(|(name, _)| *name)));
            let response = self.errors.entry(name.clone()).or_insert_with(|| {
                json!({
                    "description": "",
                    "headers": {},
                    "content": {"application/json": {"schema": body_schema, "examples": {}}},
                })
            });
            let (known, more) = (response["description"].as_str().unwrap_or_default(), meaning(error.kind));
            if !known.contains(more) {
                response["description"] = [known, more].join(" ").trim_start().into();
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

    /// The possible responses of one status.
    fn response(&mut self, responses: &[&Response]) -> Value {
        let (mut schemas, mut examples, mut any_type, mut csv) = (Vec::new(), Map::new(), false, false);
        let mut texts = Vec::new();
        for response in responses {
            match response.body {
                Content::Empty => {}
                Content::Bytes => any_type = true,
                Content::Text(media_type) => texts.push(media_type),
                Content::Json(schema, example) | Content::List(schema, example) => {
                    csv |= matches!(response.body, Content::List(..));
                    let schema = json!(schema(&mut self.schemas));
                    if !schemas.contains(&schema) {
                        schemas.push(schema);
                    }
                    let name = format!("example-{}", examples.len() + 1);
                    examples.insert(name, json!({"summary": response.summary, "value": example()}));
                }
            }
        }
        let mut content = Map::new();
        if any_type {
            content.insert("application/octet-stream".to_owned(), json!({"schema": bytes()}));
            content.insert("*/*".to_owned(), json!({"schema": {}}));
            // Bytes may be JSON as well.
            schemas.push(json!({"description": "An object that is JSON itself."}));
        }
        let schema = match schemas.as_slice() {
            [] => Value::Null,
            [schema] => schema.clone(),
            _ if any_type => json!({"anyOf": schemas}),
            _ => json!({"oneOf": schemas}),
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
        let more = responses.iter().flat_map(|response| response.headers.iter().copied());
        let summaries: Vec<_> = responses.iter().map(|response| response.summary).collect();
        let mut response = json!({"description": summaries.join(" "), "headers": self.headers(COMMON_HEADERS.into_iter().chain(more))});
        if !content.is_empty() {
            response["content"] = content.into();
        }
        response
    }

    /// References to headers. The headers are added to the components.
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

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// A header common to all dialects.
fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key", "in": "header",
        "description": "A key of the caller's choice: a launch that is sent twice under it happens once, and the end of a launch or a start is made once.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!#-~]+$"}, "example": "order-4711",
    })
}

/// The authentication methods that count.
fn security_schemes(only: Option<Authentication>) -> Map<String, Value> {
    let key = |place: &str, name: &str, about: &str| json!({"type": "apiKey", "in": place, "name": name, "description": about});
    let counts = |method| only.is_none_or(|only| only == method);
    let mut schemes = Map::new();
    let mut scheme = |name: &str, scheme| schemes.insert(name.to_owned(), scheme);
    if counts(Authentication::Key) {
        let about = "An API key of this deployment. A JSON body of `POST` and `PUT` may hold it as `api_key`; no query string may.";
        scheme("api-key", key("header", "x-api-key", about));
        scheme("api-key-underscore", key("header", "api_key", "An API key of this deployment."));
        scheme("api-key-hyphen", key("header", "api-key", "An API key of this deployment."));
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
