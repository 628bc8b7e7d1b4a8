//! What CloudFormation makes of the template: which resources exist for which parameters, in which
//! order, and which deployments the rules refuse.

use crate::support::file;
use ec2_control_api::config::VARIABLES;
use ec2_control_api::routes::DIALECTS;
use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A deployment of the template with these parameters, others with their defaults, in us-east-1.
struct Deployment {
    template: Value,
    parameters: BTreeMap<String, Value>,
}

impl Deployment {
    fn new(given: &[(&str, &str)]) -> Self {
        Self::of("template.yaml", given)
    }

    /// The role of another account.
    fn account(given: &[(&str, &str)]) -> Self {
        Self::of("deploy/account-role.yaml", given)
    }

    fn of(path: &str, given: &[(&str, &str)]) -> Self {
        let text = file(path);
        let template = json_of(&Yaml::load_from_str(&text).unwrap()[0]);
        let declared = template["Parameters"].as_object().unwrap();
        for (name, _) in given {
            assert!(declared.contains_key(*name), "there is no parameter {name}");
        }
        let value = |(name, declared): (&String, &Value)| {
            let given = given.iter().find(|(given, _)| given == name).map(|(_, value)| json!(value));
            let value = given.unwrap_or_else(|| declared["Default"].clone());
            let value = match declared["Type"].as_str().unwrap() {
                "CommaDelimitedList" => value.as_str().unwrap().split(',').collect(),
                _ => value,
            };
            (name.clone(), value)
        };
        let parameters = declared.iter().map(value).collect();
        Self { template, parameters }
    }

    /// The value of an expression of CloudFormation. References to resources stay as they are.
    fn value(&self, expression: &Value) -> Value {
        let object = match expression {
            Value::Array(items) => return items.iter().map(|item| self.value(item)).collect(),
            Value::Object(object) => object,
            other => return other.clone(),
        };
        let only = object.iter().next().filter(|_| object.len() == 1);
        let Some((function, argument)) = only else {
            let value = |(name, value): (&String, &Value)| (name.clone(), self.value(value));
            return object.iter().map(value).filter(|(_, value)| *value != NO_VALUE).collect::<Map<_, _>>().into();
        };
        let arguments = |i: usize| self.value(&argument[i]);
        let all = || argument.as_array().unwrap().iter().map(|argument| self.value(argument));
        let list = |value: Value| value.as_array().unwrap_or_else(|| panic!("{expression} has no list")).clone();
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{expression} has no text")).to_owned();
        match function.as_str() {
            "Ref" if argument == "AWS::Region" => json!("us-east-1"),
            "Ref" if argument == "AWS::NoValue" => NO_VALUE,
            "Ref" => self.parameters.get(argument.as_str().unwrap()).unwrap_or(expression).clone(),
            "Condition" if argument.is_string() => self.value(&self.template["Conditions"][argument.as_str().unwrap()]),
            "Fn::Equals" => json!(arguments(0) == arguments(1)),
            "Fn::Not" => json!(arguments(0) == json!(false)),
            "Fn::And" => json!(all().all(|value| value == json!(true))),
            "Fn::Or" => json!(all().any(|value| value == json!(true))),
            "Fn::Contains" => json!(list(arguments(0)).contains(&arguments(1))),
            "Fn::EachMemberIn" => json!(list(arguments(0)).iter().all(|item| list(arguments(1)).contains(item))),
            "Fn::If" => {
                let holds = self.value(&json!({"Condition": argument[0]})) == json!(true);
                arguments(if holds { 1 } else { 2 })
            }
            "Fn::Join" => json!(list(arguments(1)).iter().map(text).collect::<Vec<_>>().join(&text(&arguments(0)))),
            "Fn::Split" => text(&arguments(1)).split(&text(&arguments(0))).collect(),
            _ => json!({function: self.value(argument)}),
        }
    }

    /// The resources that exist, with their values.
    fn resources(&self) -> BTreeMap<String, Value> {
        let all = self.template["Resources"].as_object().unwrap().iter();
        let exists = |resource: &Value| {
            resource["Condition"].is_null() || self.value(&json!({"Condition": resource["Condition"]})) == json!(true)
        };
        all.filter(|(_, resource)| exists(resource))
            .map(|(name, resource)| (name.clone(), self.value(resource)))
            .collect()
    }

    /// Why CloudFormation refuses the deployment, by the template's rules.
    fn refusals(&self) -> Vec<String> {
        let mut refusals = Vec::new();
        for rule in self.template["Rules"].as_object().unwrap().values() {
            if !rule["RuleCondition"].is_null() && self.value(&rule["RuleCondition"]) == json!(false) {
                continue;
            }
            let failed =
                rule["Assertions"].as_array().unwrap().iter().filter(|one| self.value(&one["Assert"]) != json!(true));
            refusals.extend(failed.map(|one| one["AssertDescription"].as_str().unwrap().to_owned()));
        }
        refusals
    }
}

/// What leaves a property out.
const NO_VALUE: Value = Value::Null;

/// The same as JSON: `!Ref x` is `{"Ref": "x"}`, as CloudFormation reads it.
fn json_of(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::FloatingPoint(value)) => json!(value.0),
        Yaml::Value(Scalar::String(value)) => json!(value),
        Yaml::Sequence(items) => items.iter().map(json_of).collect(),
        Yaml::Mapping(members) => {
            let member = |(name, value)| (json_of(name).as_str().unwrap().to_owned(), json_of(value));
            members.iter().map(member).collect::<Map<_, _>>().into()
        }
        Yaml::Tagged(tag, value) => match tag.suffix.as_str() {
            name @ ("Ref" | "Condition") => json!({name: json_of(value)}),
            name => json!({format!("Fn::{name}"): json_of(value)}),
        },
        other => panic!("{other:?}"),
    }
}

/// The names of resources that a value refers to, by Ref, GetAtt and Sub.
fn references(value: &Value, resources: &BTreeMap<String, Value>) -> BTreeSet<String> {
    let all = |text: &Value, named: &dyn Fn(&str, &str) -> bool| -> BTreeSet<String> {
        let text = text.as_str().or_else(|| text[0].as_str()).unwrap_or_default();
        resources.keys().filter(|name| named(text, name)).cloned().collect()
    };
    match value {
        Value::Array(items) => items.iter().flat_map(|item| references(item, resources)).collect(),
        Value::Object(members) => {
            let of_member = |(function, argument): (&String, &Value)| match function.as_str() {
                "Ref" => all(argument, &|text, name| text == name),
                "Fn::GetAtt" => all(argument, &|text, name| text.split('.').next() == Some(name)),
                "Fn::Sub" => all(argument, &|text, name| {
                    text.contains(&format!("${{{name}}}")) || text.contains(&format!("${{{name}."))
                }),
                _ => references(argument, resources),
            };
            members.iter().flat_map(of_member).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// Everything that exists before a resource.
fn before(name: &str, resources: &BTreeMap<String, Value>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![name.to_owned()];
    while let Some(name) = open.pop() {
        let resource = &resources[&name];
        let value = json!([resource["Properties"], resource["Metadata"], {"Ref": resource["DependsOn"]}]);
        open.extend(references(&value, resources).into_iter().filter(|other| found.insert(other.clone())));
    }
    found
}

fn of_type<'a>(resources: &'a BTreeMap<String, Value>, kind: &str) -> Vec<(&'a String, &'a Value)> {
    resources.iter().filter(|(_, resource)| resource["Type"] == format!("AWS::ApiGatewayV2::{kind}")).collect()
}

const JWT: [(&str, &str); 3] =
    [("Authentication", "jwt"), ("JwtIssuer", "https://issuer.example"), ("JwtAudience", "one,two")];

#[test]
fn routes_authorizer_and_stage_are_made_one_after_the_other() {
    for pages in ["true", "false"] {
        for authentication in [&JWT[..], &[("Authentication", "key")]] {
            let resources = Deployment::new(&[&[("Pages", pages)], authentication].concat()).resources();
            let kinds = ["Route", "Authorizer", "Stage"];
            let parts: Vec<_> = kinds.iter().flat_map(|kind| of_type(&resources, kind)).map(|(name, _)| name).collect();
            let mut order: Vec<_> = parts.iter().map(|name| (before(name, &resources), *name)).collect();
            order.sort_by_key(|(before, _)| before.iter().filter(|name| parts.contains(name)).count());
            for (i, (before, name)) in order.iter().enumerate() {
                let others = parts.iter().filter(|name| before.contains(**name)).count();
                assert_eq!(others, i, "{name} waits for {before:?}: pages {pages}, {authentication:?}");
            }
            assert_eq!(order.last().unwrap().1, "Stage");
            assert_eq!(resources.contains_key("TokenAuthorizer"), authentication == JWT);
        }
    }
}

#[test]
fn nothing_waits_for_a_resource_that_may_not_exist() {
    let deployment = Deployment::new(&[]);
    let all = deployment.template["Resources"].as_object().unwrap();
    for (name, resource) in all {
        if let Some(other) = resource["DependsOn"].as_str() {
            let condition = &all[other]["Condition"];
            assert!(condition.is_null() || *condition == resource["Condition"], "{name} waits for {other}");
        }
    }
}

#[test]
fn public_routes_are_those_of_the_function_and_documents_have_a_throttle_of_their_own() {
    let public = DIALECTS.iter().flat_map(|dialect| dialect.routes).filter(|route| route.is_public());
    // API Gateway's name of a rest of the path.
    let public: BTreeSet<_> = public.map(|route| format!("GET {}", route.path.replace("{file}", "{proxy+}"))).collect();
    for pages in ["true", "false"] {
        let resources = Deployment::new(&[("Pages", pages)]).resources();
        let routes = of_type(&resources, "Route");
        let keys: BTreeSet<_> =
            routes.iter().map(|(_, route)| route["Properties"]["RouteKey"].as_str().unwrap()).collect();
        let get: BTreeSet<_> = keys.iter().filter(|key| key.starts_with("GET ")).copied().collect();
        let stage = &resources["Stage"]["Properties"];
        let throttled: BTreeSet<_> = stage["RouteSettings"].as_object().unwrap().keys().map(String::as_str).collect();
        let documents: BTreeSet<_> = get.iter().filter(|key| **key != "GET /health").copied().collect();
        assert_eq!(throttled, documents);
        assert_eq!(documents.is_empty(), pages == "false");
        if pages == "true" {
            assert_eq!(get, public.iter().map(String::as_str).collect());
        }
        for settings in stage["RouteSettings"].as_object().unwrap().values() {
            assert!(
                settings["ThrottlingRateLimit"].as_u64()
                    < stage["DefaultRouteSettings"]["ThrottlingRateLimit"].as_u64()
            );
        }
    }
}

#[test]
fn deployment_by_tokens_needs_issuer_and_audience() {
    let refusals = |given: &[_]| Deployment::new(&[given, &[("AllowEverything", "true")]].concat()).refusals();
    assert_eq!(refusals(&JWT), [""; 0]);
    assert_eq!(refusals(&JWT[..2]), ["Authentication=jwt needs JwtAudience"]);
    let both = ["Authentication=jwt needs JwtIssuer", "Authentication=jwt needs JwtAudience"];
    assert_eq!(refusals(&JWT[..1]), both);
}

#[test]
fn role_launches_only_with_imdsv2_unless_the_deployment_says_otherwise() {
    let statement = |tokens| {
        let resources = Deployment::new(&[("LaunchHttpTokens", tokens)]).resources();
        let policy = resources.get("OnlyLaunchesWithTokens")?;
        assert_eq!(policy["Properties"]["Roles"], json!([{"Ref": "ExecutionRole"}]));
        Some(policy["Properties"]["PolicyDocument"]["Statement"][0].clone())
    };
    let denied = statement("required").unwrap();
    assert_eq!((&denied["Effect"], &denied["Action"]), (&json!("Deny"), &json!("ec2:RunInstances")));
    assert_eq!(denied["Condition"], json!({"StringNotEquals": {"ec2:MetadataHttpTokens": "required"}}));
    assert_eq!(statement("optional"), None);
}

#[test]
fn traces_can_be_turned_off() {
    for tracing in ["Active", "PassThrough"] {
        let resources = Deployment::new(&[("Tracing", tracing)]).resources();
        assert_eq!(resources["Ec2ControlApi"]["Properties"]["Tracing"], tracing);
    }
    assert_eq!(Deployment::new(&[]).parameters["Tracing"], "Active");
}

#[test]
fn deployment_without_policies_or_a_managed_tag_must_say_so() {
    let refusals = |given: &[(&str, &str)]| Deployment::new(given).refusals();
    let refusal = "Give PolicyFile or ManagedTagKey, or AllowEverything=true if each caller may change every instance";
    assert_eq!(refusals(&[]), [refusal]);
    assert_eq!(refusals(&[("AllowEverything", "false"), ("ProtectedTag", "keep")]), [refusal]);
    for limited in [("PolicyFile", "production.cedar"), ("ManagedTagKey", "managed"), ("AllowEverything", "true")] {
        assert_eq!(refusals(&[limited]), [""; 0], "{limited:?}");
    }
}

#[test]
fn deployment_whose_allowed_regions_lack_the_default_region_is_refused() {
    let refused = |allowed, default| {
        let given = [("AllowEverything", "true"), ("AllowedRegions", allowed), ("DefaultRegion", default)];
        let refusals = Deployment::new(&given).refusals();
        let known = "AllowedRegions must have the default region (DefaultRegion, or the region of this stack)";
        assert!(refusals.iter().all(|refusal| refusal == known), "{refusals:?}");
        !refusals.is_empty()
    };
    // The stack is in us-east-1.
    for (allowed, default) in [
        ("*", ""),
        ("*", "eu-west-1"),
        ("us-east-1", ""),
        ("eu-west-1,us-east-1", ""),
        ("us-east-1,eu-west-1", "eu-west-1"),
        ("eu-west-1", "eu-west-1"),
    ] {
        assert!(!refused(allowed, default), "{allowed} {default}");
    }
    for (allowed, default) in
        [("eu-west-1", ""), ("us-east-1", "eu-west-1"), ("us-east-1,us-west-2", "eu-west-1"), ("*,eu-west-1", "")]
    {
        assert!(refused(allowed, default), "{allowed} {default}");
    }
}

#[test]
fn function_and_role_have_the_same_allowed_regions() {
    for (allowed, list) in [("*", json!(["*"])), ("us-east-1,eu-west-1", json!(["us-east-1", "eu-west-1"]))] {
        let resources = Deployment::new(&[("AllowedRegions", allowed)]).resources();
        let variables = &resources["Ec2ControlApi"]["Properties"]["Environment"]["Variables"];
        assert_eq!(variables["ALLOWED_REGIONS"], allowed);
        let policies = resources["ExecutionRole"]["Properties"]["Policies"].as_array().unwrap();
        let ec2 = policies.iter().find(|policy| policy["PolicyName"] == "ec2").unwrap();
        for statement in ec2["PolicyDocument"]["Statement"].as_array().unwrap() {
            if statement["Sid"] != "ResolveUbuntuImage" {
                assert_eq!(statement["Condition"]["StringLike"]["aws:RequestedRegion"], list, "{statement}");
            }
        }
    }
}

#[test]
fn role_modifies_only_the_attributes_that_the_function_modifies() {
    let modifiable = VARIABLES.iter().find(|variable| variable.name == "MODIFIABLE_ATTRIBUTES").unwrap();
    let names: Vec<_> = modifiable.default.split(',').collect();
    assert!(names.contains(&"instanceType") && !names.contains(&"userData") && !names.contains(&"groupSet"));
    assert_eq!(Deployment::new(&[]).parameters["ModifiableAttributes"], json!(names));
    for (given, attributes, groups) in [
        (modifiable.default, json!(names), false),
        ("kernel", json!(["kernel"]), false),
        ("kernel,groupSet", json!(["GroupId", "kernel", "groupSet"]), true),
        ("groupSet", json!(["GroupId", "groupSet"]), true),
        ("userData", json!(["userData"]), false),
        ("*", Value::Null, true),
    ] {
        let resources = Deployment::new(&[("ModifiableAttributes", given)]).resources();
        let variables = &resources["Ec2ControlApi"]["Properties"]["Environment"]["Variables"];
        assert_eq!(variables["MODIFIABLE_ATTRIBUTES"], given);
        let statement = statement(&resources, "ec2:ModifyInstanceAttribute");
        assert_eq!(statement["Sid"], "ModifyInstances");
        assert_eq!(statement["Condition"]["StringEqualsIgnoreCaseIfExists"]["ec2:Attribute"], attributes, "{given}");
        assert_eq!(statement["Condition"]["StringLike"]["aws:RequestedRegion"], json!(["*"]));
        assert_eq!(resources.contains_key("GroupRights"), groups, "{given}");
    }
}

/// The statement of the execution role that allows an action.
fn statement(resources: &BTreeMap<String, Value>, action: &str) -> Value {
    let policies = resources["ExecutionRole"]["Properties"]["Policies"].as_array().unwrap();
    let statements = policies.iter().flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap());
    let allows = |statement: &&Value| match &statement["Action"] {
        Value::Array(actions) => actions.iter().any(|allowed| allowed == action),
        allowed => allowed == action,
    };
    let found: Vec<_> = statements.filter(allows).collect();
    let [statement] = found[..] else { panic!("{found:?}") };
    statement.clone()
}

#[test]
fn tokens_need_the_scopes_that_the_deployment_lists() {
    let scopes = |given: &str| {
        let resources = Deployment::new(&[&JWT[..], &[("JwtScopes", given)]].concat()).resources();
        resources["DefaultRoute"]["Properties"]["AuthorizationScopes"].clone()
    };
    assert_eq!(scopes(""), NO_VALUE);
    assert_eq!(scopes("ec2,api/write"), json!(["ec2", "api/write"]));
    let refusals = Deployment::new(&[("JwtScopes", "ec2"), ("AllowEverything", "true")]).refusals();
    assert_eq!(refusals, ["JwtScopes needs Authentication=jwt"]);
}

#[test]
fn concurrency_is_reserved_and_logs_are_encrypted_where_the_deployment_says_so() {
    let key = "arn:aws:kms:us-east-1:123456789012:key/abc";
    let resources = Deployment::new(&[("ReservedConcurrency", "10"), ("LogKeyArn", key)]).resources();
    assert_eq!(resources["Ec2ControlApi"]["Properties"]["ReservedConcurrentExecutions"], "10");
    let defaults = Deployment::new(&[]).resources();
    assert_eq!(defaults["Ec2ControlApi"]["Properties"]["ReservedConcurrentExecutions"], NO_VALUE);
    let groups = resources.iter().filter(|(_, resource)| resource["Type"] == "AWS::Logs::LogGroup");
    let names: Vec<_> = groups.map(|(name, group)| (name, &group["Properties"]["KmsKeyId"])).collect();
    assert_eq!(names, [(&"AccessLogs".to_owned(), &json!(key)), (&"FunctionLogs".to_owned(), &json!(key))]);
    for (name, _) in names {
        assert_eq!(defaults[name]["Properties"]["KmsKeyId"], NO_VALUE);
    }
}

#[test]
fn dashboard_has_the_console_of_the_partition() {
    let mut deployment = Deployment::new(&[]);
    for (partition, host) in [
        ("aws", "console.aws.amazon.com"),
        ("aws-cn", "console.amazonaws.cn"),
        ("aws-us-gov", "console.amazonaws-us-gov.com"),
    ] {
        deployment.parameters.insert("AWS::Partition".to_owned(), json!(partition));
        let url = deployment.value(&deployment.template["Outputs"]["DashboardUrl"]["Value"]);
        assert_eq!(url["Fn::Sub"][1]["Console"], host, "{url}");
    }
}

/// The statements of a role on EC2 and on the roles of instances, by their names. A policy that is
/// text is one statement.
fn statements(resources: &BTreeMap<String, Value>, role: &str) -> BTreeMap<String, Value> {
    let own = resources[role]["Properties"]["Policies"].as_array().unwrap().iter();
    let attached = resources.values().filter(|resource| {
        let roles = resource["Properties"]["Roles"].as_array();
        resource["Type"] == "AWS::IAM::Policy" && roles.is_some_and(|roles| roles.contains(&json!({"Ref": role})))
    });
    let policies = own.chain(attached.map(|resource| &resource["Properties"]));
    let statements = policies.flat_map(|policy| match &policy["PolicyDocument"]["Statement"] {
        Value::Array(statements) => {
            statements.iter().map(|one| (one["Sid"].as_str().unwrap().to_owned(), one.clone())).collect()
        }
        _ => vec![(policy["PolicyName"].as_str().unwrap().to_owned(), policy["PolicyDocument"].clone())],
    });
    let of_the_function = ["logs:", "xray:", "s3:", "sts:", "scheduler", "sqs:"];
    statements
        .filter(|(_, statement)| !of_the_function.iter().any(|service| statement.to_string().contains(service)))
        .collect()
}

#[test]
fn role_of_another_account_may_what_the_role_of_the_function_may() {
    const TRUST: [(&str, &str); 2] =
        [("FunctionRoleArn", "arn:aws:iam::123456789012:role/api"), ("ExternalId", "example")];
    let mut compared = BTreeSet::new();
    for given in [
        vec![],
        vec![("AllowedRegions", "us-east-1,eu-west-1"), ("LaunchHttpTokens", "optional")],
        vec![("ModifiableAttributes", "kernel,groupSet"), ("ManagedTagKey", "managed"), ("ManagedTagValue", "yes")],
        vec![("ModifiableAttributes", "*"), ("InstanceProfileRoles", "arn:aws:iam::111122223333:role/web")],
    ] {
        let function = statements(&Deployment::new(&given).resources(), "ExecutionRole");
        let there: Vec<_> = given.iter().copied().chain(TRUST).collect();
        let account = statements(&Deployment::account(&there).resources(), "AccountRole");
        assert_eq!(function, account, "{given:?}");
        compared.extend(function.into_keys());
    }
    for sid in [
        "Describe",
        "LaunchInstances",
        "ChangeSecurityGroupsOfInstances",
        "PassRolesToInstances",
        "only-managed-instances",
        "OnlyLaunchesWithTokens",
    ] {
        assert!(compared.contains(sid), "{compared:?}");
    }
    // The parameters of rights are the same, with the same defaults and patterns.
    let (own, other) = (Deployment::new(&[]).template, Deployment::account(&[]).template);
    for (name, declared) in other["Parameters"].as_object().unwrap() {
        let own_parameters = ["FunctionRoleArn", "ScheduleRunnerRoleArn", "RoleName", "ExternalId", "OrganizationId"];
        if !own_parameters.contains(&name.as_str()) {
            assert_eq!(*declared, own["Parameters"][name], "{name}");
        }
    }
    assert_eq!(other["Parameters"]["RoleName"]["Default"], own["Parameters"]["AccountRole"]["Default"]);
}

#[test]
fn role_of_another_account_trusts_the_functions_alone() {
    let function = ("FunctionRoleArn", "arn:aws:iam::123456789012:role/api");
    let runner = ("ScheduleRunnerRoleArn", "arn:aws:iam::123456789012:role/schedules");
    let (id, organization) = (("ExternalId", "example"), ("OrganizationId", "o-exampleorgid"));
    for (given, condition) in [
        (vec![function, id], json!({"sts:ExternalId": "example"})),
        (vec![function, organization], json!({"aws:PrincipalOrgID": "o-exampleorgid"})),
        (
            vec![function, id, organization],
            json!({"sts:ExternalId": "example", "aws:PrincipalOrgID": "o-exampleorgid"}),
        ),
    ] {
        let deployment = Deployment::account(&given);
        assert_eq!(deployment.refusals(), [""; 0]);
        let trust = &deployment.resources()["AccountRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"];
        assert_eq!(
            *trust,
            json!([{
                "Sid": "OnlyTheFunctions", "Effect": "Allow", "Principal": {"AWS": function.1},
                "Action": "sts:AssumeRole", "Condition": {"StringEquals": condition},
            }])
        );
        let with_schedules = Deployment::account(&[&given[..], &[runner]].concat()).resources();
        let trust = &with_schedules["AccountRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"];
        assert_eq!(trust[0]["Principal"], json!({"AWS": [function.1, runner.1]}));
        assert_eq!((&trust[0]["Condition"]["StringEquals"], &trust[1]), (&condition, &Value::Null));
    }
    assert_eq!(Deployment::account(&[function]).refusals(), ["Give ExternalId or OrganizationId"]);
}

#[test]
fn role_may_assume_the_configured_roles_only() {
    assert!(!Deployment::new(&[]).resources().contains_key("AccountRights"));
    let accounts = "blue=arn:aws:iam::111122223333:role/ec2-control-api-account";
    let deployment = Deployment::new(&[("Accounts", accounts), ("AccountsExternalId", "example")]);
    let resources = deployment.resources();
    let rights = &resources["AccountRights"]["Properties"];
    assert_eq!(rights["Roles"], json!([{"Ref": "ExecutionRole"}]));
    let statement = &rights["PolicyDocument"]["Statement"];
    assert_eq!((&statement[0]["Action"], &statement[1]), (&json!("sts:AssumeRole"), &Value::Null));
    let resource = json!({"Fn::Sub": "arn:${AWS::Partition}:iam::*:role/${AccountRole}"});
    assert_eq!(statement[0]["Resource"], resource);
    let variables = &resources["Ec2ControlApi"]["Properties"]["Environment"]["Variables"];
    assert_eq!((&variables["ACCOUNTS"], &variables["ACCOUNTS_EXTERNAL_ID"]), (&json!(accounts), &json!("example")));
    let role =
        regex_lite::Regex::new(deployment.template["Parameters"]["AccountRole"]["AllowedPattern"].as_str().unwrap());
    let role = role.unwrap();
    assert!(role.is_match("ec2-control-api-account") && role.is_match("path/name"));
    assert!(!role.is_match("*") && !role.is_match("a*") && !role.is_match("a?") && !role.is_match("/a"));
}

/// The resources of a deployment with schedules.
fn with_schedules(given: &[(&str, &str)]) -> BTreeMap<String, Value> {
    Deployment::new(&[&[("Schedules", "true")], given].concat()).resources()
}

/// The ARN of the second function, by its fixed name.
const RUNNER_ARN: &str =
    "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}-schedules";

#[test]
fn deployment_without_schedules_has_nothing_of_them() {
    let resources = Deployment::new(&[]).resources();
    let of_schedules = |name: &&String| name.starts_with("Schedule");
    assert_eq!(resources.keys().filter(of_schedules).count(), 0, "{:?}", resources.keys());
    let variables = &resources["Ec2ControlApi"]["Properties"]["Environment"]["Variables"];
    for name in ["SCHEDULE_GROUP", "SCHEDULE_ROLE", "SCHEDULE_TARGET", "SCHEDULE_QUEUE"] {
        assert_eq!(variables[name], "", "{name}");
    }
    assert_eq!(variables["SERVES"], "api");
    let all = Deployment::new(&[]).template;
    for (name, output) in all["Outputs"].as_object().unwrap() {
        assert_eq!(output["Condition"] == "HasSchedules", name.starts_with("Schedule"), "{name}");
    }
}

#[test]
fn second_function_is_the_first_with_another_role_and_no_way_in() {
    for given in [&[][..], &[("PolicyFile", "production.cedar"), ("ProtectedTag", "keep"), ("Architecture", "x86_64")]]
    {
        let resources = with_schedules(given);
        let (first, second) = (&resources["Ec2ControlApi"], &resources["ScheduleRunner"]);
        assert_eq!(first["Metadata"], second["Metadata"]);
        let (first, second) = (&first["Properties"], &second["Properties"]);
        for property in ["CodeUri", "Handler", "Runtime", "Architectures", "MemorySize", "Layers", "Tracing"] {
            assert_eq!(first[property], second[property], "{property}");
        }
        assert_eq!(second["Role"], json!({"Fn::GetAtt": "ScheduleRunnerRole.Arn"}));
        assert_eq!(second["LoggingConfig"]["LogGroup"], json!({"Ref": "ScheduleLogs"}));
        // No API, no URL, no permission for another service.
        for property in ["Events", "FunctionUrlConfig", "AutoPublishAlias"] {
            assert_eq!(second[property], Value::Null, "{property}");
        }
        let permissions = resources.values().filter(|resource| resource["Type"] == "AWS::Lambda::Permission");
        let invoked: Vec<_> = permissions.map(|permission| &permission["Properties"]["FunctionName"]).collect();
        assert_eq!(invoked, [&json!({"Ref": "Ec2ControlApi"})]);
        let integrations = of_type(&resources, "Integration");
        assert!(integrations.iter().all(|(_, one)| !one.to_string().contains("ScheduleRunner")), "{integrations:?}");

        // What decides is configured alike; what only the API needs is left out.
        let (first, second) = (&first["Environment"]["Variables"], &second["Environment"]["Variables"]);
        let second = second.as_object().unwrap();
        for (name, value) in second {
            match name.as_str() {
                "SERVES" => assert_eq!(value, "schedules"),
                "SCHEDULE_TARGET" => assert_eq!(*value, json!({"Fn::Sub": RUNNER_ARN})),
                _ => assert_eq!(*value, first[name], "{name}"),
            }
        }
        for name in ["AUTHENTICATION", "API_KEYS", "CALLER_GROUPS", "PROTECTED_TAG", "POLICY_FILE", "ALLOWED_REGIONS"] {
            assert!(second.contains_key(name), "{name}");
        }
        for name in ["DEFAULT_REGION", "ACCOUNTS", "ACCOUNTS_EXTERNAL_ID", "SCHEDULE_GROUP", "SCHEDULE_ROLE"] {
            assert!(second.contains_key(name), "{name}");
        }
    }
}

#[test]
fn scheduler_alone_may_invoke_the_second_function_and_for_schedules_of_the_group_only() {
    let resources = with_schedules(&[]);
    let role = &resources["SchedulerRole"]["Properties"];
    assert_eq!(
        role["AssumeRolePolicyDocument"]["Statement"],
        json!([{
            "Sid": "OnlySchedulesOfTheGroup", "Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {
                "aws:SourceAccount": {"Ref": "AWS::AccountId"},
                "aws:SourceArn": {"Fn::GetAtt": "ScheduleGroup.Arn"},
            }},
        }])
    );
    let policies = role["Policies"].as_array().unwrap();
    let [policy] = &policies[..] else { panic!("{policies:?}") };
    let statements = policy["PolicyDocument"]["Statement"].as_array().unwrap();
    let may: Vec<_> = statements.iter().map(|statement| (&statement["Action"], &statement["Resource"])).collect();
    assert_eq!(
        may,
        [
            (&json!("lambda:InvokeFunction"), &json!({"Fn::Sub": RUNNER_ARN})),
            (&json!("sqs:SendMessage"), &json!({"Fn::GetAtt": "ScheduleFailures.Arn"})),
        ]
    );
    // The name in that ARN is the function's.
    let name = &resources["ScheduleRunner"]["Properties"]["FunctionName"];
    assert_eq!(*name, json!({"Fn::Sub": "${AWS::StackName}-schedules"}));
    // No other resource has anything to do with invoking it.
    let invokers: Vec<_> = resources
        .iter()
        .filter(|(_, resource)| resource.to_string().contains("lambda:Invoke"))
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(invokers, ["InvokePermission", "SchedulerRole"]);
}

#[test]
fn api_writes_schedules_of_its_group_and_passes_one_role_to_scheduler() {
    let schedules = "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule/${ScheduleGroup}/*";
    let resources = with_schedules(&[]);
    let rights = &resources["ScheduleRights"]["Properties"];
    assert_eq!(rights["Roles"], json!([{"Ref": "ExecutionRole"}]));
    let [write, list, pass] = &rights["PolicyDocument"]["Statement"].as_array().unwrap()[..] else { panic!() };
    let actions = ["CreateSchedule", "DeleteSchedule", "GetSchedule", "UpdateSchedule"];
    assert_eq!(write["Action"], json!(actions.map(|action| format!("scheduler:{action}"))));
    assert_eq!(write["Resource"], json!({"Fn::Sub": schedules}));
    assert_eq!((&list["Action"], &list["Resource"]), (&json!("scheduler:ListSchedules"), &json!("*")));
    assert_eq!(
        (&pass["Action"], &pass["Resource"], &pass["Condition"]),
        (
            &json!("iam:PassRole"),
            &json!({"Fn::GetAtt": "SchedulerRole.Arn"}),
            &json!({"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}),
        )
    );
    let variables = &resources["Ec2ControlApi"]["Properties"]["Environment"]["Variables"];
    for (name, value) in [
        ("SCHEDULE_GROUP", json!({"Ref": "ScheduleGroup"})),
        ("SCHEDULE_ROLE", json!({"Fn::GetAtt": "SchedulerRole.Arn"})),
        ("SCHEDULE_TARGET", json!({"Fn::GetAtt": "ScheduleRunner.Arn"})),
        ("SCHEDULE_QUEUE", json!({"Fn::GetAtt": "ScheduleFailures.Arn"})),
    ] {
        assert_eq!(variables[name], value, "{name}");
    }
}

#[test]
fn role_of_the_second_function_may_less_than_that_of_the_first() {
    for given in [
        vec![],
        vec![("AllowedRegions", "us-east-1,eu-west-1")],
        vec![("ManagedTagKey", "managed"), ("ManagedTagValue", "yes")],
    ] {
        let resources = with_schedules(&given);
        let (first, second) = (statements(&resources, "ExecutionRole"), statements(&resources, "ScheduleRunnerRole"));
        assert_eq!(second["ChangeInstances"], first["ChangeInstances"]);
        assert_eq!(second.get("only-managed-instances"), first.get("only-managed-instances"));
        assert_eq!(second["Describe"]["Action"], json!(["ec2:DescribeInstances", "ec2:DescribeRegions"]));
        assert_eq!(second["Describe"]["Condition"], first["Describe"]["Condition"]);
        // Both mark reboots of schedules; the first sets the start time, too.
        let tags = |statement: &Value| statement["Condition"]["ForAllValues:StringEquals"]["aws:TagKeys"].clone();
        assert_eq!(tags(&second["TagReboots"]), "ec2-control-api:rebooted");
        assert_eq!(tags(&first["TagStartTimeAndReboots"]), json!(["start_time", "ec2-control-api:rebooted"]));
        for statement in [&second["TagReboots"], &first["TagStartTimeAndReboots"]] {
            assert_eq!(statement["Condition"]["Null"], json!({"aws:TagKeys": "false"}));
        }
        let known = ["ChangeInstances", "Describe", "TagReboots", "only-managed-instances"];
        assert!(second.keys().all(|sid| known.contains(&sid.as_str())), "{second:?}");
    }
    let accounts = "blue=arn:aws:iam::111122223333:role/ec2-control-api-account";
    let resources = with_schedules(&[("Accounts", accounts)]);
    let both = json!([{"Ref": "ExecutionRole"}, {"Ref": "ScheduleRunnerRole"}]);
    assert_eq!(resources["AccountRights"]["Properties"]["Roles"], both);
    // It reads schedules of the group, and deletes or moves those that are done; it makes none.
    let policies = resources["ScheduleRunnerRole"]["Properties"]["Policies"].as_array().unwrap();
    let schedules = policies.iter().find(|policy| policy["PolicyName"] == "schedules").unwrap();
    let [read, pass, keep] = &schedules["PolicyDocument"]["Statement"].as_array().unwrap()[..] else { panic!() };
    assert_eq!(
        read["Action"],
        json!(["scheduler:DeleteSchedule", "scheduler:GetSchedule", "scheduler:UpdateSchedule"])
    );
    assert_eq!(pass, &resources["ScheduleRights"]["Properties"]["PolicyDocument"]["Statement"][2]);
    assert_eq!(
        (&keep["Action"], &keep["Resource"]),
        (&json!("sqs:SendMessage"), &json!({"Fn::GetAtt": "ScheduleFailures.Arn"}),)
    );
}

#[test]
fn what_fails_is_tried_three_times_within_the_time_in_which_it_counts_and_then_kept() {
    let resources = with_schedules(&[]);
    let runner = &resources["ScheduleRunner"]["Properties"];
    assert_eq!(
        runner["EventInvokeConfig"],
        json!({
            "MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 900,
            "DestinationConfig": {"OnFailure": {
                "Type": "SQS", "Destination": {"Fn::GetAtt": "ScheduleFailures.Arn"},
            }},
        })
    );
    // Lambda waits a minute before the second attempt, and two before the third.
    let last_attempt = 2 * runner["Timeout"].as_u64().unwrap() + 60 + 120;
    assert!(last_attempt < 900, "{last_attempt}");
    let queue = &resources["ScheduleFailures"]["Properties"];
    assert_eq!((&queue["SqsManagedSseEnabled"], &queue["MessageRetentionPeriod"]), (&json!(true), &json!(1_209_600)));
    let alarm = |name: &str| resources[name]["Properties"].clone();
    assert_eq!(alarm("ScheduledFailuresAlarm")["Dimensions"][0]["Value"], json!({"Ref": "ScheduleRunner"}));
    let queue_name = json!({"Fn::GetAtt": "ScheduleFailures.QueueName"});
    assert_eq!(alarm("ScheduleQueueAlarm")["Dimensions"][0]["Value"], queue_name);
    for name in ["ScheduledFailuresAlarm", "ScheduleQueueAlarm"] {
        assert_eq!(alarm(name)["Threshold"], 1);
    }
}

#[test]
fn no_resource_needs_itself() {
    for schedules in ["true", "false"] {
        for policies in ["", "production.cedar"] {
            let resources = Deployment::new(&[("Schedules", schedules), ("PolicyFile", policies)]).resources();
            for name in resources.keys() {
                assert!(!before(name, &resources).contains(name), "{name} needs itself");
            }
        }
    }
}
