//! Decisions in Cedar's terms.

use super::*;
use crate::auth::Authentication;
use crate::model::{
    Definition, FromText as _, Hibernation, HttpTokens, ImageId, InstanceProfileName, InstanceType, LaunchTemplate,
    LaunchTemplateData, LaunchTemplateId, Owner, ScheduleFields, ScheduleName, ScheduledAction, ScheduledInstances,
    ShutdownBehavior, Spot, State, SubnetId, Tag, Timetable, Zone,
};
use jiff::Timestamp;
use std::collections::BTreeSet;

const ACTIONS: [(&str, &str); 23] = [
    ("DescribeInstances", "region instance"),
    ("ListAccounts", "region"),
    ("GetLimits", "region"),
    ("StartInstances", "instance"),
    ("StopInstances", "instance"),
    ("RebootInstances", "instance"),
    ("TerminateInstances", "instance"),
    ("ModifyInstanceAttribute", "instance"),
    ("GetConsoleOutput", "instance"),
    ("KeepInstances", "instance"),
    ("RunInstances", "launch"),
    ("ListBuckets", "region bucket"),
    ("CreateBucket", "bucket"),
    ("DeleteBucket", "bucket"),
    ("ListObjectsV2", "bucket"),
    ("PutObject", "bucket"),
    ("GetObject", "bucket"),
    ("DeleteObject", "bucket"),
    ("GetSchedule", "region schedule"),
    ("CreateSchedule", "schedule"),
    ("UpdateSchedule", "schedule"),
    ("DeleteSchedule", "schedule"),
    ("RunSchedule", "schedule"),
];

fn caller() -> Caller {
    Caller {
        name: "alice \"the\" ops\\🦀".to_owned(),
        authentication: Authentication::Jwt,
        session: None,
        groups: vec!["blue".to_owned()],
        scopes: vec!["read".to_owned()],
        schedule: None,
    }
}

fn tags() -> Vec<Tag> {
    vec![
        Tag { key: OWNER_TAG.to_owned(), value: "bob".to_owned() },
        Tag { key: "a \"quoted\" key".to_owned(), value: "é\n\\".to_owned() },
    ]
}

fn launch() -> Launch {
    Launch {
        template: None,
        image_id: ImageId::parse("resolve:ssm:/x").unwrap(),
        instance_type: InstanceType::parse("t3.micro").unwrap(),
        min_count: 1,
        max_count: 3,
        subnet_id: None,
        spot: Spot::Never,
        http_tokens: HttpTokens::Required,
        options: LaunchOptions { security_groups: vec!["web".to_owned()], tags: tags(), ..LaunchOptions::default() },
    }
}

fn instance() -> Instance {
    let state = State { code: Some(16), name: Some("running".to_owned()) };
    Instance { instance_id: "i-abba916a".to_owned(), state, tags: tags(), ..Instance::default() }
}

fn schedule() -> Schedule {
    let fields = ScheduleFields { actions: &[(ScheduledAction::Stop, "19:00")], ..ScheduleFields::default() };
    Schedule {
        name: ScheduleName::from_text("office-hours").unwrap(),
        enabled: true,
        definition: Definition {
            owner: Owner {
                authentication: Authentication::Key,
                name: "bob".to_owned(),
                groups: Vec::new(),
                scopes: Vec::new(),
            },
            updated: Timestamp::UNIX_EPOCH,
            timetable: Timetable::read(&fields).unwrap(),
            region: Region::parse("eu-west-1").unwrap(),
            account: None,
            instances: ScheduledInstances::Tagged(tags()),
            expect: None,
            hibernation: Hibernation::Never,
            force: false,
            skip_os_shutdown: false,
            description: None,
        },
    }
}

fn detail(action: &str) -> Detail<'static> {
    match action {
        "ModifyInstanceAttribute" => Detail::Attribute(&Attribute::EbsOptimized(true)),
        "StopInstances" | "TerminateInstances" => Detail::Shutdown(Shutdown::default()),
        _ => Detail::None,
    }
}

fn ask(policies: &str, action: &'static str, resource: Resource<'_>) -> AuthzResponse {
    ask_in(AccountId::parse("123456789012").as_ref(), policies, action, resource)
}

fn ask_in(account: Option<&AccountId>, policies: &str, action: &'static str, resource: Resource<'_>) -> AuthzResponse {
    let (caller, region) = (caller(), Region::parse("eu-west-1").unwrap());
    let source_ip = Some("::ffff:203.0.113.10".parse().unwrap());
    let detail = detail(action);
    let request = AuthzRequest { caller: &caller, source_ip, action, detail, account, region: &region, resource };
    Policies::parse(policies).unwrap().decide(&request)
}

#[test]
fn every_request_fits_the_schema() {
    let (schema, types) = (schema().unwrap(), Types::new().unwrap());
    let (caller, region, instance, launch) = (caller(), Region::parse("eu-west-1").unwrap(), instance(), launch());
    let (account, schedule) = (AccountId::parse("123456789012").unwrap(), schedule());
    let scheduled = Caller { schedule: Some("office-hours".to_owned()), ..caller.clone() };
    for (action, resources) in ACTIONS {
        for resource in resources.split(' ') {
            let resource = match resource {
                "region" => Resource::Region,
                "bucket" => Resource::Bucket("demo-1"),
                "launch" => Resource::Launch(&launch),
                "schedule" => Resource::Schedule(&schedule),
                _ => Resource::Instance(&instance),
            };
            let detail = detail(action);
            for (caller, source_ip) in [(&scheduled, None), (&caller, Some("2001:db8::1".parse().unwrap()))] {
                let (region, account) = (&region, Some(&account));
                let asked = AuthzRequest { caller, source_ip, action, detail, account, region, resource };
                if let Err(problem) = context(&asked)
                    .and_then(|context| cedar_request(&types, &TagKeys::Any, &asked, context, Some(&schema)))
                {
                    panic!("{action}: {problem}");
                }
            }
        }
    }
}

#[test]
fn every_field_of_a_launch_is_in_the_schema() {
    let id = LaunchTemplateId::parse("lt-abba916a").unwrap();
    let launch = Launch {
        template: Some(LaunchTemplate { id, version: 1, data: LaunchTemplateData::default() }),
        subnet_id: SubnetId::parse("subnet-abba916a"),
        options: LaunchOptions {
            placement: Placement { zone: Zone::parse("eu-west-1a"), group_name: Some("hpc".to_owned()) },
            instance_profile: InstanceProfileName::parse("web"),
            shutdown_behavior: Some(ShutdownBehavior::Stop),
            ebs_optimized: Some(true),
            ..launch().options
        },
        ..launch()
    };
    let place = [("region", text("eu-west-1")), ("account", text("123456789012"))];
    let built: BTreeSet<_> = launch_attributes(&launch, place).into_keys().collect();
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let declared = &schema[""]["entityTypes"]["Launch"]["shape"]["attributes"];
    let declared: BTreeSet<_> = declared.as_object().unwrap().keys().cloned().collect();
    assert_eq!(built, declared);
}

#[test]
fn scope_of_a_policy_tells_whether_it_could_permit_an_action() {
    let name = r#""alice \"the\" ops\\🦀""#;
    for (effect, principal, action, could) in [
        ("permit", "principal".to_owned(), "action", true),
        ("permit", format!("principal == Caller::{name}"), "action", true),
        ("permit", format!("principal in Caller::{name}"), "action", true),
        ("permit", r#"principal in Group::"blue""#.to_owned(), "action", true),
        ("permit", r#"principal is Caller in Group::"blue""#.to_owned(), "action", true),
        ("permit", "principal is Caller".to_owned(), r#"action == Action::"StopInstances""#, true),
        ("permit", "principal".to_owned(), r#"action in [Action::"StartInstances", Action::"StopInstances"]"#, true),
        ("permit", r#"principal == Caller::"bob""#.to_owned(), "action", false),
        ("permit", r#"principal in Group::"red""#.to_owned(), "action", false),
        ("permit", r#"principal is Caller in Group::"red""#.to_owned(), "action", false),
        ("permit", "principal".to_owned(), r#"action == Action::"StartInstances""#, false),
        ("permit", "principal".to_owned(), r#"action in [Action::"StartInstances"]"#, false),
        ("forbid", "principal".to_owned(), "action", false),
    ] {
        let policy = format!("@id(\"one\") {effect} ({principal}, {action}, resource);");
        let policies = Policies::parse(&policy).unwrap();
        assert_eq!(policies.could_permit(&caller(), "StopInstances"), could, "{policy}");
        // The policy has no condition: its decision is the same.
        let permitted = ask(&policy, "StopInstances", Resource::Instance(&instance())).permitted;
        assert_eq!(permitted, could, "{policy}");
    }
}

#[test]
fn a_policy_that_fails_to_evaluate_permits_nothing() {
    let overflows = "@id(\"most\") forbid (principal, action == Action::\"RunInstances\", resource)\n\
        when { resource.count * 9223372036854775807 > 5 };\n@id(\"all\") permit (principal, action, resource);";
    let response = ask(overflows, "RunInstances", Resource::Launch(&launch()));
    assert!(!response.permitted);
    assert!(response.problem.unwrap().contains("overflow"), "the log says what went wrong");
    assert!(ask(overflows, "StopInstances", Resource::Instance(&instance())).permitted);
}

#[test]
fn names_and_tags_are_compared_as_they_are() {
    for (policy, permitted) in [
        (r#"permit (principal == Caller::"alice \"the\" ops\\🦀", action, resource);"#, true),
        (r#"permit (principal in Group::"blue", action, resource);"#, true),
        (
            r#"permit (principal, action, resource is Instance) when { resource.hasTag("a \"quoted\" key") && resource.getTag("a \"quoted\" key") == "é\n\\" };"#,
            true,
        ),
        (
            r#"permit (principal, action, resource is Instance) when { resource has owner && resource.owner == "bob" && resource.owner != principal.name };"#,
            true,
        ),
        (
            r#"permit (principal, action, resource is Instance) when { resource.keyName == "" && resource.state == "running" };"#,
            true,
        ),
        (
            r#"permit (principal, action, resource) when { context has sourceIp && context.sourceIp == ip("203.0.113.10") };"#,
            true,
        ),
        (r#"permit (principal, action, resource) when { principal.scopes.contains("write") };"#, false),
        (r#"permit (principal, action, resource == Instance::"i-abba916b");"#, false),
    ] {
        let response = ask(policy, "StopInstances", Resource::Instance(&instance()));
        assert_eq!((response.permitted, response.problem), (permitted, None), "{policy}");
    }
}

#[test]
fn determining_policies_are_named_by_their_ids() {
    let two = "@id(\"yes\") permit (principal, action, resource);\npermit (principal, action, resource);\n\
        @id(\"no\") forbid (principal, action == Action::\"StopInstances\", resource);";
    let decided = |action| ask(two, action, Resource::Instance(&instance())).determining_policies;
    assert_eq!(decided("StartInstances"), ["policy1", "yes"]);
    assert_eq!(decided("StopInstances"), ["no"]);
    assert_eq!(ask("", "StopInstances", Resource::Instance(&instance())).determining_policies, [""; 0]);
}

#[test]
fn every_resource_has_its_account() {
    let (instance, launch) = (instance(), launch());
    let in_account = r#"permit (principal, action, resource) when { resource.account == "123456789012" };"#;
    let not_in_another = r#"permit (principal, action, resource);
        forbid (principal, action, resource) when { resource.account == "111122223333" };"#;
    let (own, other) = (AccountId::parse("123456789012"), AccountId::parse("111122223333"));
    for (action, resource) in [
        ("DescribeInstances", Resource::Region),
        ("StopInstances", Resource::Instance(&instance)),
        ("RunInstances", Resource::Launch(&launch)),
        ("GetObject", Resource::Bucket("demo-1")),
    ] {
        for policies in [in_account, not_in_another] {
            let permitted = |account: Option<&AccountId>| ask_in(account, policies, action, resource).permitted;
            assert!(permitted(own.as_ref()), "{action}: {policies}");
            assert!(!permitted(other.as_ref()), "{action}: {policies}");
            assert!(!permitted(None), "{action}: {policies}");
        }
        // No other policy needs to know it.
        assert!(ask_in(None, "permit (principal, action, resource);", action, resource).permitted, "{action}");
    }
    let problem = ask_in(None, in_account, "StopInstances", Resource::Instance(&instance)).problem;
    assert_eq!(problem.unwrap(), "policies use the account, and the function's own is not known");
}

#[test]
fn a_schedule_that_acts_is_told_from_its_owner_and_has_no_address() {
    let (region, instance) = (Region::parse("eu-west-1").unwrap(), instance());
    let scheduled = Caller { schedule: Some("office-hours".to_owned()), ..caller() };
    let permitted = |policy: &str, caller: &Caller| {
        let asked = AuthzRequest {
            caller,
            source_ip: None,
            action: "StopInstances",
            detail: detail("StopInstances"),
            account: None,
            region: &region,
            resource: Resource::Instance(&instance),
        };
        Policies::parse(policy).unwrap().decide(&asked).permitted
    };
    for (condition, by_schedule, by_request) in [
        (r#"context.authentication == "schedule""#, true, false),
        (r#"context.authentication == "jwt""#, false, true),
        (r#"context has schedule && context.schedule == "office-hours""#, true, false),
        ("context has sourceIp", false, false),
        ("principal has name", true, true),
    ] {
        let policy = format!("permit (principal, action, resource) when {{ {condition} }};");
        assert_eq!(
            (permitted(&policy, &scheduled), permitted(&policy, &caller())),
            (by_schedule, by_request),
            "{policy}"
        );
    }
}

#[test]
fn policies_decide_on_the_owner_and_the_actions_of_a_schedule() {
    let schedule = schedule();
    let permitted = |condition: &str| {
        let policy =
            format!("permit (principal, action == Action::\"UpdateSchedule\", resource) when {{ {condition} }};");
        ask(&policy, "UpdateSchedule", Resource::Schedule(&schedule)).permitted
    };
    for (condition, expected) in [
        (r#"resource.owner == "bob" && resource.ownerAuthentication == "key""#, true),
        ("resource.owner == principal.name", false),
        (r#"resource.actions == ["stop"]"#, true),
        (r#"resource.actions.contains("terminate")"#, false),
        (r#"resource in Region::"eu-west-1" && resource.account == "123456789012""#, true),
    ] {
        assert_eq!(permitted(condition), expected, "{condition}");
    }
}
