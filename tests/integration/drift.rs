//! Sample events and template agree with the route table and the table of variables.

use crate::support::{file, rust_files, schedule_variables};
use ec2_control_api::config::VARIABLES;
use ec2_control_api::http::route::{Route, RouteMatch, find};
use ec2_control_api::routes::DIALECTS;
use lambda_http::http::Method;
use serde_json::Value;
use std::collections::BTreeSet;

fn routes() -> impl Iterator<Item = &'static Route> {
    DIALECTS.iter().flat_map(|dialect| dialect.routes)
}

#[test]
fn routes_are_unique_and_begin_with_the_prefix_of_their_dialect() {
    let mut seen = BTreeSet::new();
    for dialect in DIALECTS {
        assert!(dialect.summary.ends_with('.'), "{}", dialect.name);
        for route in dialect.routes {
            assert!(route.responses.iter().any(|response| response.status < 300), "{}", route.path);
            assert!(route.responses.iter().all(|response| response.summary.ends_with('.')), "{}", route.path);
            assert!(route.path.starts_with(dialect.prefix), "{}", route.path);
            assert!(route.summary.ends_with('.'), "{}", route.path);
            for method in route.methods {
                assert!(seen.insert((route.path, method)), "{method} {} is there twice", route.path);
            }
            for (i, parameter) in route.parameters.iter().enumerate() {
                assert!(parameter.summary.ends_with('.'), "{} of {}", parameter.name, route.path);
                let others = &route.parameters[..i];
                let taken = |name: &str| others.iter().any(|other| other.name == name || other.aliases.contains(&name));
                assert!(
                    !taken(parameter.name) && !parameter.aliases.iter().any(|alias| taken(alias)),
                    "{}",
                    parameter.name
                );
            }
        }
    }
}

#[test]
fn the_template_passes_every_variable_that_the_function_reads_and_no_other() {
    let template = file("template.yaml");
    let environment = template.split("      Environment:\n").nth(1).unwrap();
    let names: BTreeSet<_> = environment
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with("          ") || line.trim().is_empty())
        .filter_map(|line| line.trim().split_once(':'))
        .map(|(name, _)| name)
        .filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .collect();
    let mut expected: BTreeSet<_> = VARIABLES.iter().map(|variable| variable.name).collect();
    // A variable of the SDK: the address of an emulator.
    expected.insert("AWS_ENDPOINT_URL");
    assert_eq!(names, expected);
}

#[test]
fn the_role_allows_the_iam_actions_of_the_routes_and_no_other() {
    // An action is a list item or a value of `Action:` in the statements that allow. The one that
    // denies repeats some.
    let template = file("template.yaml");
    let mut allowed = BTreeSet::new();
    let mut effect = "";
    for line in template.lines().map(|line| line.split(" #").next().unwrap_or_default().trim()) {
        if let Some(value) = line.strip_prefix("Effect: ") {
            effect = value;
        }
        let action = line.strip_prefix("Action: ").or_else(|| line.strip_prefix("- ")).unwrap_or_default();
        if effect == "Allow"
            && ["ec2:", "s3:", "ssm:", "iam:", "scheduler:"].iter().any(|service| action.starts_with(service))
        {
            allowed.insert(action);
        }
    }
    let needed: BTreeSet<_> = routes().flat_map(Route::iam_actions).collect();
    assert_eq!(allowed, needed);
}

#[test]
fn every_route_has_a_sample_event() {
    let config = ec2_control_api::config::Config::read(|name| match name {
        "AWS_REGION" => Some("us-east-1".into()),
        "BUCKET_PREFIX" => Some("demo-".into()),
        _ => schedule_variables("demo").into_iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()),
    });
    let config = config.unwrap();
    let mut led_to = BTreeSet::new();
    for name in crate::events::names() {
        let event: Value = serde_json::from_str(&file(&format!("events/{name}.json"))).unwrap();
        let rest = event["version"] != "2.0";
        let (method, path) = match rest {
            true => (&event["httpMethod"], &event["path"]),
            false => (&event["requestContext"]["http"]["method"], &event["rawPath"]),
        };
        let method = Method::from_bytes(method.as_str().unwrap().as_bytes()).unwrap();
        match find(DIALECTS, &config, &method, path.as_str().unwrap()) {
            RouteMatch::Found(dialect, route, _) => {
                assert!(name.starts_with(dialect.name) || dialect.name == "meta", "{name} leads to {}", route.path);
                led_to.insert(format!("{} {}", dialect.name, route.name));
            }
            RouteMatch::Options(_) => {}
            _ => panic!("events/{name}.json leads nowhere: {method} {path}"),
        }
    }
    let all: BTreeSet<_> = DIALECTS
        .iter()
        .flat_map(|dialect| dialect.routes.iter().map(|route| format!("{} {}", dialect.name, route.name)))
        .collect();
    assert_eq!(led_to, all);
}

#[test]
fn the_schema_of_the_policies_has_the_actions_of_the_routes_and_no_other() {
    let schema = file("policies/schema.cedarschema");
    let actions = schema.split("\naction ").skip(1).map(|rest| rest.split("appliesTo").next().unwrap());
    let known: BTreeSet<_> = actions.flat_map(|names| names.split(',').map(str::trim)).collect();
    let used: BTreeSet<_> = routes().flat_map(Route::actions).map(|action| action.name).collect();
    assert_eq!(known, used);
}

#[test]
fn every_test_named_in_the_threat_model_exists() {
    let files = ["src", "tests/integration"].into_iter().flat_map(rust_files);
    let sources: String = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let page = file("docs/threat-model.md");
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| threat")).collect();
    assert!(rows.len() > 15, "{rows:?}");
    for row in rows {
        let tests = row.rsplit('|').nth(1).unwrap();
        let names: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test: {row}");
        for name in names {
            assert!(sources.contains(&format!("fn {name}()")), "there is no test {name}");
        }
    }
}
