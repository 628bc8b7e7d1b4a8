use super::*;
use regex_lite::Regex;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let own = [("AWS_REGION", "us-east-1")];
    Config::read(|name| {
        let found = variables.iter().rev().chain(&own).find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn an_empty_environment_gives_the_documented_defaults() {
    let config = read(&[]).unwrap();
    assert!(config.callers.keys.is_empty() && config.callers.groups.is_empty() && config.callers.only.is_none());
    assert_eq!(config.callers.groups_claim, None);
    let limits = config.limits;
    assert!(limits.instance_types.is_none() && limits.protected_tag.is_none() && limits.reserved_tags.is_empty());
    assert_eq!((limits.max_instances_per_launch, config.policy_file), (None, None));
    assert_eq!(config.unknown_parameters, UnknownParameters::Refuse);
    assert_eq!(config.regions.default.as_str(), "us-east-1");
    assert!(config.default_image.as_str().starts_with("resolve:ssm:/aws/service/canonical/ubuntu/server/"));
    assert_eq!(config.default_instance_type.as_str(), "t3.micro");
    assert_eq!(config.launch.key_name, "scalacity_dev1");
    assert_eq!(config.launch.security_groups, [SecurityGroupRef::Name("SSH".to_owned())]);
    assert_eq!(config.launch.placement.as_str(), "us-east-1b");
    assert_eq!(config.launch.shutdown_behavior, ShutdownBehavior::Terminate);
    assert!(!config.launch.ebs_optimized);
    assert_eq!(config.http_tokens, HttpTokens::Required);
    assert_eq!(config.bucket_prefix, None);
    assert!(config.pages);
    assert_eq!(config.endpoints.ec2, None);
    assert_eq!(config.endpoints.s3, None);
}

#[test]
fn an_emulator_is_configured_by_the_sdks_own_variables() {
    let all = ("AWS_ENDPOINT_URL", "http://127.0.0.1:5000");
    let one = ("AWS_ENDPOINT_URL_S3", "https://s3.example");
    let config = read(&[all, one]).unwrap();
    assert_eq!(config.endpoints.ec2.as_deref(), Some(all.1));
    assert_eq!(config.endpoints.s3.as_deref(), Some(one.1));
    assert_eq!(read(&[("AWS_ENDPOINT_URL", "localhost:5000")]).unwrap_err().variable, "AWS_ENDPOINT_URL_EC2");
}

const SCHEDULES: [(&str, &str); 3] = [
    ("SCHEDULE_GROUP", "ec2-control-api"),
    ("SCHEDULE_ROLE", "arn:aws:iam::123456789012:role/scheduler"),
    ("SCHEDULE_TARGET", "arn:aws:lambda:eu-west-1:123456789012:function:schedules"),
];

#[test]
fn schedules_are_in_the_region_and_account_of_their_target() {
    assert_eq!((read(&[]).unwrap().schedules, read(&[]).unwrap().serves), (None, Serves::Api));
    let schedules = read(&SCHEDULES).unwrap().schedules.unwrap();
    assert_eq!((schedules.region.as_str(), schedules.account.as_str()), ("eu-west-1", "123456789012"));
    assert_eq!((schedules.group.as_str(), schedules.queue, schedules.max), ("ec2-control-api", None, 100));
    let config = read(&[&SCHEDULES[..], &[("SERVES", "schedules")]].concat()).unwrap();
    assert_eq!(config.serves, Serves::Schedules);
}

#[test]
fn schedules_that_cannot_work_stop_the_start() {
    for (variable, value, problem) in [
        ("SCHEDULE_GROUP", "a/b", "is not the name of a schedule group"),
        ("SCHEDULE_ROLE", "", "is not set, but SCHEDULE_GROUP is"),
        ("SCHEDULE_ROLE", "scheduler", "is not an ARN of iam"),
        ("SCHEDULE_TARGET", "", "is not set, but SCHEDULE_GROUP is"),
        ("SCHEDULE_TARGET", "arn:aws:sqs:eu-west-1:123456789012:queue", "is not an ARN of lambda"),
        ("SCHEDULE_TARGET", "arn:aws:lambda::123456789012:function:x", "is not the ARN of a function in a region"),
        ("SCHEDULE_QUEUE", "https://sqs.eu-west-1.amazonaws.com/123456789012/queue", "is not an ARN of sqs"),
        ("MAX_SCHEDULES", "many", "is not a whole number"),
        ("SERVES", "everything", "is neither api nor schedules"),
    ] {
        let error = read(&[&SCHEDULES[..], &[(variable, value)]].concat()).unwrap_err();
        assert_eq!((error.variable, error.problem.as_str()), (variable, problem));
    }
    let error = read(&[("SERVES", "schedules")]).unwrap_err();
    assert_eq!((error.variable, error.problem.as_str()), ("SERVES", "is schedules without SCHEDULE_GROUP"));
}

fn key(key: &str) -> String {
    format!("demo={}", hex::encode(Sha256::digest(key)))
}

#[test]
fn keys_that_everybody_knows_count_with_an_emulator_only() {
    let emulator = ("AWS_ENDPOINT_URL", "http://host.docker.internal:5555");
    for known in ["", "\n", " ", "local-only-key", "secret", "Password", "changeme", "test\n"] {
        let keys = key(known);
        let error = read(&[("API_KEYS", &keys)]).unwrap_err();
        assert_eq!(error.variable, "API_KEYS", "{known:?}");
        assert!(error.problem.starts_with("entry 1 has the digest of a key that everybody knows"), "{error}");
        assert!(!error.problem.contains(keys.trim_start_matches("demo=")), "{error}");
        assert!(read(&[("API_KEYS", &keys), emulator]).is_ok(), "{known:?}");
    }
    assert!(read(&[("API_KEYS", &key("a key that nobody knows"))]).is_ok());
}

/// The keys in the documentation and in the sample events.
fn example_keys() -> BTreeSet<String> {
    let mut files = vec!["README.md".to_owned()];
    for folder in ["docs", "events"] {
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let texts = names.filter(|name| name.ends_with(".md") || name.ends_with(".json"));
        files.extend(texts.map(|name| format!("{folder}/{name}")));
    }
    let key = Regex::new(r#"(\bx-api-key|\bapi_key| KEY)\\?"?[=:]\s*(\[\s*)?\\?"?([A-Za-z0-9_-]+)"#).unwrap();
    let keys = |file: String| {
        let text = std::fs::read_to_string(file).unwrap();
        key.captures_iter(&text).map(|found| found[3].to_owned()).collect::<Vec<_>>()
    };
    files.into_iter().flat_map(keys).collect()
}

#[test]
fn keys_of_the_examples_never_lead_to_aws() {
    let keys = example_keys();
    assert!(keys.contains("local-only-key"), "{keys:?}");
    for example in keys {
        assert!(read(&[("API_KEYS", &key(&example))]).is_err(), "{example} is the key of an example");
    }
    let local: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string("tools/local-env.json").unwrap()).unwrap();
    let keys = local["Parameters"]["API_KEYS"].as_str().unwrap();
    assert_eq!(read(&[("API_KEYS", keys)]).unwrap_err().variable, "API_KEYS");
}

#[test]
fn a_key_that_everybody_knows_never_leads_to_aws() {
    let keys = key("local-only-key");
    let starts = |variables: &[(&str, &str)]| {
        let mut all = vec![("API_KEYS", keys.as_str())];
        all.extend(variables);
        read(&all).is_ok()
    };
    let (ec2, s3) = (("AWS_ENDPOINT_URL_EC2", "http://127.0.0.1:5555"), ("AWS_ENDPOINT_URL_S3", "http://[::1]:5555"));
    let buckets = ("BUCKET_PREFIX", "demo-");
    for emulated in [&[ec2][..], &[ec2, s3, buckets]] {
        assert!(starts(emulated), "{emulated:?}");
    }
    for reaches_aws in [&[s3][..], &[ec2, buckets], &[s3, buckets]] {
        assert!(!starts(reaches_aws), "{reaches_aws:?}");
    }
    // A VPC endpoint is no emulator.
    for url in [
        "https://vpce-0123-abcd.ec2.us-east-1.vpce.amazonaws.com",
        "https://EC2.us-east-1.amazonaws.com./",
        "https://ec2.cn-north-1.amazonaws.com.cn:443",
        "https://ec2.us-east-1.api.aws",
        "https://127.0.0.1@ec2.us-east-1.amazonaws.com/127.0.0.1",
    ] {
        assert!(!starts(&[("AWS_ENDPOINT_URL", url)]), "{url}");
    }
    for url in ["http://amazonaws.com.emulator.example", "http://notamazonaws.com:1/", "http://moto/amazonaws.com"] {
        assert!(starts(&[("AWS_ENDPOINT_URL", url)]), "{url}");
    }
}

#[test]
fn endpoints_and_trust_store_follow_the_sdks_own_variables() {
    let read = |variable| read(&[(variable, "True")]).unwrap();
    let (fips, dual_stack) = (read("AWS_USE_FIPS_ENDPOINT").endpoints, read("AWS_USE_DUALSTACK_ENDPOINT").endpoints);
    assert_eq!((fips.fips, fips.dual_stack), (true, false));
    assert_eq!((dual_stack.fips, dual_stack.dual_stack), (false, true));
    assert_eq!(read("SSL_CERT_FILE").trust_store, TrustStore::System);
    assert_eq!(read("SSL_CERT_DIR").trust_store, TrustStore::System);
    assert_eq!(read("AWS_CA_BUNDLE").trust_store, TrustStore::Amazon);
}

#[test]
fn an_empty_variable_is_an_unset_one() {
    let config = read(&[("DEFAULT_REGION", ""), ("BUCKET_PREFIX", " "), ("AWS_ENDPOINT_URL", "")]).unwrap();
    assert_eq!(config.regions.default.as_str(), "us-east-1");
    assert_eq!(config.bucket_prefix, None);
    assert_eq!(config.endpoints.ec2, None);
}

#[test]
fn a_star_allows_the_regions_of_the_own_partition_only() {
    let regions = read(&[]).unwrap().regions;
    assert_eq!(regions.allow("ap-southeast-2").unwrap().as_str(), "ap-southeast-2");
    for other in ["cn-north-1", "us-gov-west-1", "derp", "x.evil.example/"] {
        assert_eq!(regions.allow(other), None, "{other}");
    }
    let regions = read(&[("AWS_REGION", "cn-north-1")]).unwrap().regions;
    assert!(regions.allow("cn-northwest-1").is_some());
    assert_eq!(regions.allow("us-east-1"), None);
}

#[test]
fn a_list_allows_the_regions_in_it_only() {
    let regions = read(&[("ALLOWED_REGIONS", "us-east-1, eu-west-1")]).unwrap().regions;
    assert!(regions.allow("eu-west-1").is_some());
    assert_eq!(regions.allow("eu-west-2"), None);
}

#[test]
fn an_invalid_value_is_refused_and_names_its_variable() {
    for (variable, value) in [
        ("API_KEYS", "demo"),
        ("API_KEYS", "demo=abc"),
        ("AUTHENTICATION", "none"),
        ("CALLER_GROUPS", "alice"),
        ("JWT_GROUPS_CLAIM", "groups roles"),
        ("ALLOWED_INSTANCE_TYPES", "t3.micro;t3.small"),
        ("MAX_INSTANCES_PER_LAUNCH", "0"),
        ("MAX_INSTANCES_PER_LAUNCH", "many"),
        ("MODIFIABLE_ATTRIBUTES", "kernel,user_data"),
        ("MODIFIABLE_ATTRIBUTES", "kernel,*"),
        ("PROTECTED_TAG", "=x"),
        ("ALLOWED_REGIONS", "us-east-1,derp"),
        ("ALLOWED_REGIONS", "eu-west-1"),
        ("DEFAULT_REGION", "derp"),
        ("UNKNOWN_PARAMETERS", "ignore"),
        ("DEFAULT_IMAGE", "ubuntu"),
        ("DEFAULT_INSTANCE_TYPE", "big"),
        ("LAUNCH_PLACEMENT", "us-east-1"),
        ("LAUNCH_SHUTDOWN_BEHAVIOR", "explode"),
        ("LAUNCH_EBS_OPTIMIZED", "yes"),
        ("LAUNCH_HTTP_TOKENS", "v1"),
        ("BUCKET_PREFIX", "Demo-"),
        ("BUCKET_PREFIX", "-demo-"),
        ("BUCKET_PREFIX", "demo"),
        ("BASE_PATH", "/"),
        ("BASE_PATH", "api"),
        ("BASE_PATH", "/api/"),
        ("BASE_PATH", "/a//b"),
        ("BASE_PATH", "/a,/b"),
        ("BASE_PATH", "/.."),
        ("PAGES", "no"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "null"),
        ("CORS_ORIGINS", "https://a.example,"),
        ("CORS_ORIGINS", "https://a.example,,https://b.example"),
        ("CORS_ORIGINS", "https://a.example,*"),
        ("CORS_ORIGINS", "https://a.example/"),
        ("CORS_ORIGINS", "https://*.example"),
        ("CORS_ORIGINS", "https://a.example https://b.example"),
        ("AWS_USE_FIPS_ENDPOINT", "yes"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "1"),
        ("SSL_CERT_FILE", ""),
    ] {
        let error = read(&[(variable, value)]).err().unwrap_or_else(|| panic!("{variable}={value} was taken"));
        assert_eq!(error.variable, variable, "{error}");
        assert!(error.to_string().starts_with(&format!("environment variable {variable}: ")), "{error}");
    }
    let error = Config::read(|_| None).unwrap_err();
    assert_eq!(error.variable, "DEFAULT_REGION");
}

/// Two valid items of each variable that holds a list.
fn list_variables() -> impl Iterator<Item = (&'static str, String, String)> {
    let lists = VARIABLES.iter().filter(|variable| variable.summary.to_lowercase().contains("comma-separated"));
    lists.map(|variable| {
        let (one, other) = match variable.name {
            "API_KEYS" => return ("API_KEYS", key("some key"), key("another key")),
            "CALLER_GROUPS" => ("alice=blue", "bob=red"),
            "ACCOUNTS" => ("blue=arn:aws:iam::111122223333:role/x", "red=arn:aws:iam::444455556666:role/x"),
            "ALLOWED_REGIONS" => ("us-east-1", "eu-west-1"),
            "ALLOWED_INSTANCE_TYPES" => ("t3.*", "t4g.micro"),
            "MODIFIABLE_ATTRIBUTES" => ("kernel", "ebsOptimized"),
            "LAUNCH_SECURITY_GROUPS" => ("web", "all hosts"),
            "INSTANCE_PROFILES" => ("web", "ci-*"),
            "RESERVED_TAGS" => ("team", "cost centre"),
            "CORS_ORIGINS" => ("https://a.example", "https://b.example"),
            name => panic!("two items of {name}, please"),
        };
        (variable.name, one.to_owned(), other.to_owned())
    })
}

#[test]
fn every_list_has_one_strict_grammar() {
    assert!(list_variables().count() >= 7);
    for (variable, one, other) in list_variables() {
        for valid in [one.clone(), format!(" {one} ,\n{other}\t")] {
            assert!(read(&[(variable, &valid)]).is_ok(), "{variable}={valid}");
        }
        let mut invalid = vec![
            ",".to_owned(),
            format!("{one},"),
            format!(",{one}"),
            format!("{one},,{other}"),
            format!("{one}, ,{other}"),
            format!("{one},{other}\u{7}{other}"),
            format!("{one},{other}\u{200b}"),
        ];
        if let Some((name, value)) = other.split_once('=') {
            let spaced = [(" =", ""), ("= ", ""), (" = ", ""), ("=", " "), ("=\u{a0}", "")];
            invalid.extend(spaced.map(|(equals, inside)| format!("{one},{name}{inside}{name}{equals}{value}")));
        }
        if !other.contains(' ') {
            invalid.push(format!("{one} {other}"));
        }
        for invalid in invalid {
            let error = read(&[(variable, &invalid)]).err().unwrap_or_else(|| panic!("{variable}={invalid:?}"));
            assert_eq!(error.variable, variable, "{error}");
        }
    }
}

#[test]
fn every_variable_has_a_name_of_its_own_and_a_summary() {
    for (i, variable) in VARIABLES.iter().enumerate() {
        assert!(variable.summary.ends_with('.'), "{}", variable.name);
        assert!(VARIABLES[..i].iter().all(|other| other.name != variable.name), "{}", variable.name);
    }
}

#[test]
fn accounts_come_from_the_variable_or_from_a_file() {
    const LIST: &str = "blue=arn:aws:iam::111122223333:role/x,red=arn:aws:iam::444455556666:role/x";
    let names = |config: Config| config.accounts.iter().map(|account| account.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(read(&[("ACCOUNTS", LIST)]).unwrap()), ["blue", "red"]);
    let path = std::env::temp_dir().join(format!("ec2-control-api-accounts-{}.txt", std::process::id()));
    std::fs::write(&path, format!("# two accounts\n\n  {}\r\n", LIST.replace(',', "\n"))).unwrap();
    assert_eq!(names(read(&[("ACCOUNTS", path.to_str().unwrap())]).unwrap()), ["blue", "red"]);
    std::fs::remove_file(&path).unwrap();
    let gone = read(&[("ACCOUNTS", path.to_str().unwrap())]).unwrap_err();
    assert_eq!(gone.variable, "ACCOUNTS");

    for (variables, variable, problem) in [
        ([("ACCOUNTS", "blue=x"), ("", "")], "ACCOUNTS", "entry 1 does not end with the ARN of a role"),
        ([("ACCOUNTS", LIST), ("DEFAULT_REGION", "cn-north-1")], "ACCOUNTS", "entry 1 is a role of another partition"),
        (
            [("ACCOUNTS", LIST), ("ACCOUNTS_EXTERNAL_ID", "a b")],
            "ACCOUNTS_EXTERNAL_ID",
            "is not an external ID as STS takes it",
        ),
    ] {
        let error = read(&variables).unwrap_err();
        assert_eq!((error.variable, &*error.problem), (variable, problem));
    }
}
