//! The OpenAPI document. Every response of every other test is checked against it.

use crate::support::{Answer, Function, HttpApiEvent, KEY, SCHEDULE_ROLE, SCHEDULE_TARGET};
use ec2_control_api::config::Config;
use ec2_control_api::http::route::{RouteMatch, find};
use ec2_control_api::routes::{DIALECTS, api};
use jsonschema::Validator;
use lambda_http::http::Method;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex};

/// A configuration with these variables and a region.
fn config(variables: &[(&str, &str)]) -> Config {
    let value = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Config::read(|name| value(name).or_else(|| (name == "AWS_REGION").then(|| "us-east-1".to_owned()))).unwrap()
}

fn document(variables: &[(&str, &str)]) -> Value {
    serde_json::from_str(&ec2_control_api::openapi::text(&api(), &config(variables))).unwrap()
}

/// The document of a deployment with `/s3` and `/schedules`.
static WHOLE: LazyLock<Value> = LazyLock::new(|| document(&WITH_EVERYTHING));

const WITH_EVERYTHING: [(&str, &str); 4] = [
    ("BUCKET_PREFIX", "demo-"),
    ("SCHEDULE_GROUP", "tests"),
    ("SCHEDULE_ROLE", SCHEDULE_ROLE),
    ("SCHEDULE_TARGET", SCHEDULE_TARGET),
];

/// The target of a reference, or the value itself.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => {
            let target = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
            target.unwrap_or_else(|| panic!("{reference} leads nowhere"))
        }
        None => value,
    }
}

/// A validator of a schema that may refer to the document's components.
fn validator(document: &Value, schema: &Value) -> Validator {
    let mut schema = schema.clone();
    schema["components"] = document["components"].clone();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn assert_valid(validator: &Validator, value: &Value, context: &str) {
    let errors: Vec<_> =
        validator.iter_errors(value).map(|error| format!("{} at {}", error, error.instance_path())).collect();
    assert!(errors.is_empty(), "{context}: {value} is not of the documented form: {errors:#?}");
}

/// Asserts that the document describes the response to an event: its status, headers and body.
#[track_caller]
pub fn check(config: &Config, event: &Value, answer: &Answer) {
    static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let (method, path) = match event["version"] == "2.0" {
        true => (&event["requestContext"]["http"]["method"], &event["rawPath"]),
        false => (&event["httpMethod"], &event["path"]),
    };
    let (Some(method), Some(path)) = (method.as_str(), path.as_str()) else { return };
    let Ok(method) = Method::from_bytes(method.as_bytes()) else { return };
    let RouteMatch::Found(_, route, _) = find(DIALECTS, config, &method, path) else { return };

    // `GET` includes `HEAD`, unless there is a route of its own.
    let answers_as_get = method == Method::HEAD && !route.methods.contains(&"HEAD");
    let verb = if answers_as_get { "get".to_owned() } else { method.as_str().to_ascii_lowercase() };
    let operation = &WHOLE["paths"][route.path.replace("...}", "}")][&verb];
    let context = format!("{verb} {} answered {}", route.path, answer.status);
    let response = resolved(&WHOLE, &operation["responses"][answer.status.to_string()]);
    assert!(response.is_object(), "{context}, which is not documented: {answer:?}");
    for name in answer.headers.keys().filter(|name| *name != "content-type") {
        assert!(response["headers"][name].is_object(), "{context} with {name}, which is not documented");
    }
    if method == Method::HEAD {
        return;
    }
    assert_eq!(answer.headers.contains_key("content-type"), response["content"].is_object(), "{context}: {answer:?}");
    let is = |media_type: &str| answer.headers.get("content-type").is_some_and(|value| value.starts_with(media_type));
    assert!(
        !is("text/csv") || response["content"]["text/csv"].is_object(),
        "{context} with CSV, which is not documented"
    );
    let json = is("application/json");
    if json && !answer.base64 {
        let schema = &response["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{context} with JSON, which is not documented");
        let known = VALIDATORS.lock().unwrap().get(&context).cloned();
        let validator = known.unwrap_or_else(|| {
            let made = Arc::new(validator(&WHOLE, schema));
            VALIDATORS.lock().unwrap().insert(context.clone(), Arc::clone(&made));
            made
        });
        assert_valid(&validator, &answer.json(), &context);
    }
}

/// Every operation, with its path and method.
fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter().filter(|(method, _)| *method != "parameters");
        operations.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

#[test]
fn every_route_is_documented_with_a_unique_operation_id() {
    let documented: BTreeSet<_> =
        operations(&WHOLE).map(|(path, method, _)| format!("{} {path}", method.to_ascii_uppercase())).collect();
    let routes = DIALECTS.iter().flat_map(|dialect| dialect.routes);
    let expected: BTreeSet<_> = routes
        .flat_map(|route| route.methods.iter().map(|method| format!("{method} {}", route.path.replace("...}", "}"))))
        .collect();
    assert_eq!(documented, expected);
    let mut names = BTreeSet::new();
    for (path, method, operation) in operations(&WHOLE) {
        assert!(names.insert(operation["operationId"].as_str().unwrap()), "{method} {path}");
        let named = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
        let documented = WHOLE["paths"][path]["parameters"].as_array().into_iter().flatten();
        assert!(documented.map(|parameter| parameter["name"].as_str().unwrap()).eq(named), "the segments of {path}");
        let good = operation["responses"].as_object().unwrap().keys().any(|status| status.starts_with('2'));
        assert!(good, "{method} {path}");
    }
    assert!(
        ["ec2-create", "instance-action-post", "instance-action-put", "s3-put-object", "meta-openapi"]
            .iter()
            .all(|name| names.contains(name))
    );
}

#[test]
fn every_reference_resolves_and_every_component_is_used() {
    fn collect<'a>(value: &'a Value, references: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(members) => {
                references.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| collect(member, references));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
            _ => {}
        }
    }
    for document in [&*WHOLE, &document(&[])] {
        let mut references = BTreeSet::new();
        collect(document, &mut references);
        let mut components = BTreeSet::new();
        for kind in ["schemas", "responses", "headers"] {
            let names = document["components"][kind].as_object().unwrap().keys();
            components.extend(names.map(|name| format!("#/components/{kind}/{name}")));
        }
        for reference in &references {
            resolved(document, &json!({ "$ref": reference }));
        }
        let unused: Vec<_> = components.iter().filter(|name| !references.contains(name.as_str())).collect();
        assert!(unused.is_empty(), "{unused:?}");
    }
}

#[test]
fn every_example_is_valid_under_its_schema() {
    let mut count = 0;
    let mut valid = |schema: &Value, example: &Value, context: String| {
        assert!(!example.is_null(), "{context} has no example");
        assert_valid(&validator(&WHOLE, schema), example, &context);
        count += 1;
    };
    for (path, method, operation) in operations(&WHOLE) {
        let path_parameters = WHOLE["paths"][path]["parameters"].as_array().into_iter().flatten();
        for parameter in path_parameters.chain(operation["parameters"].as_array().into_iter().flatten()) {
            if parameter["name"] == "next_token" {
                continue; // none is good for anyone else
            }
            valid(&parameter["schema"], &parameter["example"], format!("{} of {method} {path}", parameter["name"]));
        }
        for (media_type, content) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
            if content["example"].is_object() {
                valid(&content["schema"], &content["example"], format!("{media_type} of {method} {path}"));
            }
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            let content = &resolved(&WHOLE, response)["content"]["application/json"];
            for (name, example) in content["examples"].as_object().into_iter().flatten() {
                valid(&content["schema"], &example["value"], format!("{name} of {status} of {method} {path}"));
            }
        }
    }
    assert!(count > 200, "{count}");
}

#[test]
fn document_depends_on_authentication_and_s3_and_shows_no_configuration() {
    let schemes = |variables: &[(&str, &str)]| -> Vec<String> {
        let document = document(variables);
        let required = document["security"].as_array().unwrap().iter();
        let required: Vec<_> = required.flat_map(|scheme| scheme.as_object().unwrap().keys().cloned()).collect();
        let known: Vec<_> = document["components"]["securitySchemes"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(required, known);
        known
    };
    let keys = ["api-key", "api-key-underscore", "api-key-hyphen", "api-key-cookie", "api-key-bearer"];
    assert_eq!(schemes(&[("AUTHENTICATION", "key")]), keys);
    assert_eq!(schemes(&[("AUTHENTICATION", "iam")]), ["iam"]);
    assert_eq!(schemes(&[("AUTHENTICATION", "jwt")]), ["jwt"]);
    assert_eq!(schemes(&[]), [&keys[..], &["iam", "jwt"]].concat());

    let without = document(&[]);
    assert!(without["paths"].as_object().unwrap().keys().all(|path| !path.starts_with("/s3")));
    let without_pages = document(&[("PAGES", "false")]);
    let paths: Vec<_> = without_pages["paths"].as_object().unwrap().keys().collect();
    assert!(
        paths.iter().all(|path| *path == "/health"
            || DIALECTS.iter().any(|dialect| { !dialect.prefix.is_empty() && path.starts_with(dialect.prefix) })),
        "{paths:?}"
    );
    let digest = "0123456789abcdef".repeat(4);
    let text = ec2_control_api::openapi::text(
        &api(),
        &config(&[
            ("API_KEYS", &format!("secretcaller={digest}")),
            ("CALLER_GROUPS", "secretcaller=secretgroup"),
            ("ALLOWED_REGIONS", "us-east-1,xx-secret-1"),
            ("ALLOWED_INSTANCE_TYPES", "secret.*"),
            ("PROTECTED_TAG", "secrettag"),
            ("DEFAULT_IMAGE", "resolve:ssm:secretimage"),
            ("DEFAULT_INSTANCE_TYPE", "secret.large"),
            ("LAUNCH_KEY_NAME", "secretkey"),
            ("LAUNCH_SECURITY_GROUPS", "secretgroup"),
            ("BUCKET_PREFIX", "secret-"),
            ("POLICY_FILE", "secret.cedar"),
        ]),
    )
    .to_owned();
    assert!(!text.contains("secretcaller") && !text.contains(&digest));
    assert_eq!(text, WHOLE_TEXT.as_str(), "a document depends on the ways to authenticate and on /s3 only");
}

#[test]
fn undocumented_response_fails_a_test() {
    let event = HttpApiEvent::new("GET", "/health").json();
    let headers =
        |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), "application/json".to_owned())).collect();
    let answer =
        |status, names, body: &str| Answer { status, headers: headers(names), body: body.to_owned(), base64: false };
    let ok = r#"{"status": "ok", "version": "1"}"#;
    let known = &["content-type", "x-request-id"];
    check(&config(&[]), &event, &answer(200, known, ok));
    for wrong in [
        answer(201, known, ok),
        answer(200, &["content-type", "x-other"], ok),
        answer(200, known, r#"{"status": "ok"}"#),
        answer(200, known, "[]"),
        answer(200, &["x-request-id"], ""),
    ] {
        let checked = std::panic::catch_unwind(|| check(&config(&[]), &event, &wrong));
        assert!(checked.is_err(), "{wrong:?}");
    }
}

static WHOLE_TEXT: LazyLock<String> =
    LazyLock::new(|| ec2_control_api::openapi::text(&api(), &config(&[("BUCKET_PREFIX", "demo-")])));

#[tokio::test]
async fn openapi_document_is_public_and_constant() {
    let function = Function::without_aws(&[("AUTHENTICATION", "jwt")]).await;
    let answer = function.send(HttpApiEvent::new("GET", "/openapi.json")).await;
    assert_eq!((answer.status, &answer.json()["openapi"]), (200, &json!(ec2_control_api::openapi::VERSION)));
    assert_eq!(answer.json()["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert!(!answer.body.contains(KEY));
    let again = function.get("/openapi.json/").await;
    assert_eq!(again.body, answer.body);
    let head = function.head("/openapi.json").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(function.post("/openapi.json").await.status, 405);
    function.assert_no_calls();
}
