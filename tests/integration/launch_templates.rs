//! Launches from a launch template: it is read, completes the request, and is decided on.

use crate::support::xml::{default_vpc, instance, launch_template, launched, refusal, security_groups};
use crate::support::{A, Function, HttpApiEvent, IMAGE, PERMIT_ALL, Wire, moto_client, own_region};
use aws_sdk_ec2::types::RequestLaunchTemplateData;
use serde_json::json;

const CREATE: &str = "/ec2/create?region_name=eu-west-1";
const ID: &str = "lt-0123456789abcdef0";

/// Members of a template.
const DATA: &str = "<imageId>ami-0000000a</imageId><instanceType>t3.small</instanceType><keyName>ops</keyName>\
    <securityGroupIdSet><item>sg-0000000a</item></securityGroupIdSet>\
    <userData>aGVsbG8=</userData><ebsOptimized>true</ebsOptimized>\
    <instanceInitiatedShutdownBehavior>terminate</instanceInitiatedShutdownBehavior>\
    <iamInstanceProfile><arn>arn:aws:iam::123456789012:instance-profile/ci/web</arn></iamInstanceProfile>\
    <placement><availabilityZone>eu-west-1b</availabilityZone><groupName>near</groupName></placement>\
    <metadataOptions><httpTokens>optional</httpTokens><httpPutResponseHopLimit>2</httpPutResponseHopLimit></metadataOptions>\
    <tagSpecificationSet><item><resourceType>instance</resourceType>\
    <tagSet><item><key>team</key><value>blue</value></item></tagSet></item></tagSpecificationSet>\
    <monitoring><enabled>true</enabled></monitoring>\
    <blockDeviceMappingSet><item><deviceName>/dev/sda1</deviceName></item></blockDeviceMappingSet>";

const PROFILES: (&str, &str) = ("INSTANCE_PROFILES", "web");

#[tokio::test]
async fn template_is_read_pinned_and_completes_the_request() {
    for (reference, sent_reference, version) in [
        ("web", "LaunchTemplateName=web", "$Default"),
        ("web:7", "LaunchTemplateName=web", "7"),
        ("lt-0123456789ABCDEF0:$Latest", "LaunchTemplateId=lt-0123456789abcdef0", "$Latest"),
    ] {
        let function =
            Function::with_variables(&[PROFILES], [launch_template(ID, 3, DATA), launched([instance(A)])]).await;
        let answer = function.post(&format!("{CREATE}&LaunchTemplate={reference}")).await;
        assert_eq!((answer.status, &answer.json()["InstanceId"]), (200, &json!(A)), "{answer:?}");
        let requests = function.wire.requests();
        let looked = requests[0].form();
        assert_eq!(requests[0].action(), "DescribeLaunchTemplateVersions");
        for line in [sent_reference.to_owned(), format!("LaunchTemplateVersion.1={version}")] {
            assert!(looked.contains(&line), "{line}: {looked:?}");
        }
        let tag = |n: usize| {
            [format!("TagSpecification.{n}.Tag.1.Key=team"), format!("TagSpecification.{n}.Tag.1.Value=blue")]
        };
        let mut expected: Vec<String> = [
            "Action=RunInstances",
            "EbsOptimized=true",
            "ImageId=ami-0000000a",
            "InstanceInitiatedShutdownBehavior=terminate",
            "InstanceType=t3.small",
            "KeyName=ops",
            &format!("LaunchTemplate.LaunchTemplateId={ID}"),
            "LaunchTemplate.Version=3",
            "MaxCount=1",
            "MetadataOptions.HttpPutResponseHopLimit=2",
            "MinCount=1",
            "SecurityGroupId.1=sg-0000000a",
            "UserData=aGVsbG8=",
            "Version=2016-11-15",
        ]
        .map(str::to_owned)
        .into();
        expected.extend([tag(1), tag(2)].concat());
        expected.sort();
        // The profile and the placement are the template's own.
        assert_eq!(requests[1].launch(), expected);
        let line = function.log_line();
        let logged = (&line["requested_launch_template"], &line["launch_template"], &line["image_id"]);
        let requested = if reference == "web" { "web:$Default" } else { reference };
        let requested = requested.replace("ABCDEF", "abcdef");
        assert_eq!(logged, (&json!(requested), &json!(format!("{ID}:3")), &json!(null)), "{line}");
    }
}

#[tokio::test]
async fn request_comes_before_the_template_and_the_template_before_the_defaults() {
    let template = launch_template(ID, 1, "<keyName>ops</keyName>");
    let function = Function::canned([template, launched([instance(A)])]).await;
    assert_eq!(function.post(&format!("{CREATE}&LaunchTemplate=web")).await.status, 200);
    let form = function.wire.requests()[1].form();
    for line in ["KeyName=ops".to_owned(), "InstanceType=t3.micro".to_owned(), format!("ImageId={IMAGE}")] {
        assert!(form.contains(&line), "{line}: {form:?}");
    }

    let variables = [("INSTANCE_PROFILES", "web,ci")];
    let function = Function::with_variables(&variables, [launch_template(ID, 1, DATA), launched([instance(A)])]).await;
    let own = "ImageId=ami-0000000b&InstanceType=m5.large&KeyName=own&SecurityGroupId=sg-0000000b&UserData=x\
               &InstanceProfile=ci&spot=only&tag:team=red&SubnetId=subnet-0000000b&MaxCount=2";
    assert_eq!(function.post(&format!("{CREATE}&LaunchTemplate=web&{own}")).await.status, 200);
    let form = function.wire.requests()[1].form();
    for line in [
        "ImageId=ami-0000000b",
        "InstanceType=m5.large",
        "KeyName=own",
        "SecurityGroupId.1=sg-0000000b",
        "UserData=eA==",
        "IamInstanceProfile.Name=ci",
        "InstanceMarketOptions.MarketType=spot",
        "TagSpecification.1.Tag.1.Value=red",
        "SubnetId=subnet-0000000b",
        "MaxCount=2",
        "MetadataOptions.HttpTokens=required",
    ] {
        assert!(form.contains(&line.to_owned()), "{line}: {form:?}");
    }
    assert!(!form.iter().any(|line| line.starts_with("SecurityGroupId.2") || line.ends_with("=blue")), "{form:?}");
}

#[tokio::test]
async fn names_of_groups_replace_the_ids_of_a_template() {
    let responses = [
        launch_template(ID, 1, DATA),
        default_vpc(),
        security_groups([("sg-0000000d", "own")]),
        launched([instance(A)]),
    ];
    let function = Function::with_variables(&[PROFILES], responses).await;
    assert_eq!(function.post(&format!("{CREATE}&LaunchTemplate=web&security_groups=own")).await.status, 200);
    let form = function.wire.requests()[3].form();
    let groups: Vec<_> = form.iter().filter(|line| line.starts_with("SecurityGroup")).collect();
    assert_eq!(groups, ["SecurityGroupId.1=sg-0000000d"]);
}

#[tokio::test]
async fn limits_hold_for_the_members_of_a_template() {
    for (variables, error, message) in [
        (vec![], "InstanceProfileNotAllowed", "This deployment allows no instance profiles"),
        (
            vec![PROFILES, ("ALLOWED_INSTANCE_TYPES", "t3.micro")],
            "InstanceTypeNotAllowed",
            "This deployment allows the instance types t3.micro, not t3.small",
        ),
        (vec![PROFILES, ("RESERVED_TAGS", "team")], "ReservedTag", "This deployment lets no caller set the tag team"),
    ] {
        let function = Function::with_variables(&variables, [launch_template(ID, 1, DATA)]).await;
        function.post(&format!("{CREATE}&LaunchTemplate=web")).await.refuses(403, error, message);
        assert_eq!(function.wire.actions(), ["DescribeLaunchTemplateVersions"]);
    }
}

#[tokio::test]
async fn policies_decide_on_the_members_of_a_template() {
    for condition in [
        "resource.imageId == \"ami-0000000a\"",
        "resource.instanceType == \"t3.small\"",
        "resource.keyName == \"ops\"",
        "resource.securityGroups.contains(\"sg-0000000a\")",
        "resource.hasUserData",
        "resource has ebsOptimized && resource.ebsOptimized",
        "resource has shutdownBehavior && resource.shutdownBehavior == \"terminate\"",
        "resource has instanceProfile && resource.instanceProfile == \"web\"",
        "resource has zone && resource.zone == \"eu-west-1b\"",
        "resource has placementGroup && resource.placementGroup == \"near\"",
        "resource.hasTag(\"team\") && resource.getTag(\"team\") == \"blue\"",
        "resource has launchTemplate && resource.launchTemplate == \"lt-0123456789abcdef0\"",
        "resource has launchTemplateVersion && resource.launchTemplateVersion == 1",
    ] {
        let policies = format!("{PERMIT_ALL} forbid(principal, action, resource is Launch) when {{ {condition} }};");
        let function = Function::with_policies(&policies, &[PROFILES], [launch_template(ID, 1, DATA)]).await;
        let answer = function.post(&format!("{CREATE}&LaunchTemplate=web")).await;
        assert_eq!(answer.status, 403, "{condition}: {answer:?}");
        assert_eq!(function.wire.actions(), ["DescribeLaunchTemplateVersions"], "{condition}");
    }
    let spot = "<instanceMarketOptions><marketType>spot</marketType></instanceMarketOptions>";
    let policies =
        format!("{PERMIT_ALL} forbid(principal, action, resource is Launch) when {{ resource.spot == \"only\" }};");
    let responses = [launch_template(ID, 1, spot), default_vpc(), security_groups([("sg-0000000c", "default")])];
    let function = Function::with_policies(&policies, &[], responses).await;
    assert_eq!(function.post(&format!("{CREATE}&LaunchTemplate=web")).await.status, 403);
    // Whoever may launch nothing learns nothing of templates.
    let function =
        Function::with_policies("permit(principal, action == Action::\"StartInstances\", resource);", &[], []).await;
    assert_eq!(function.post(&format!("{CREATE}&LaunchTemplate=web")).await.status, 403);
    function.assert_no_calls();
}

#[tokio::test]
async fn spot_of_a_template_is_a_spot_launch_and_is_not_sent_again() {
    let spot = "<instanceMarketOptions><marketType>spot</marketType></instanceMarketOptions>";
    let function = Function::canned([launch_template(ID, 1, spot), launched([instance(A)])]).await;
    assert_eq!(function.post(&format!("{CREATE}&LaunchTemplate=web")).await.status, 200);
    let form = function.wire.requests()[1].form();
    assert!(!form.iter().any(|line| line.starts_with("InstanceMarketOptions")), "{form:?}");
    let function = Function::canned([launch_template(ID, 1, spot)]).await;
    let answer = function.post(&format!("{CREATE}&LaunchTemplate=web&spot=prefer")).await;
    let message = "spot can't be prefer where the launch template asks for spot instances";
    answer.refuses(400, "InvalidParameterValue", message);
}

#[tokio::test]
async fn template_with_a_member_that_policies_cannot_see_is_refused_by_the_members_name() {
    for (data, problem) in [
        (
            "<networkInterfaceSet><item><deviceIndex>0</deviceIndex></item></networkInterfaceSet>",
            "it has NetworkInterfaces: give SubnetId and security groups instead",
        ),
        (
            "<instanceRequirements><vCpuCount><min>1</min></vCpuCount></instanceRequirements>",
            "it has InstanceRequirements: give InstanceType instead",
        ),
        ("<placement><hostId>h-1</hostId></placement>", "it has Placement.HostId"),
        ("<imageId>resolve:ssm:/own/parameter</imageId>", "its ImageId is not one that a request may have"),
        (
            "<tagSpecificationSet><item><resourceType>instance</resourceType><tagSet><item>\
             <key>ec2-control-api:caller</key><value>x</value></item></tagSet></item></tagSpecificationSet>",
            "it sets the tag ec2-control-api:caller, as only this function does",
        ),
    ] {
        let function = Function::canned([launch_template(ID, 1, data)]).await;
        let message = format!("LaunchTemplate web:$Default is not taken: {problem}");
        let answer = function.post(&format!("{CREATE}&LaunchTemplate=web")).await;
        answer.refuses(400, "InvalidParameterValue", &message);
        assert_eq!(function.wire.actions(), ["DescribeLaunchTemplateVersions"]);
    }
}

#[tokio::test]
async fn missing_template_or_version_is_404() {
    for code in ["InvalidLaunchTemplateName.NotFoundException", "InvalidLaunchTemplateId.VersionNotFound"] {
        let function = Function::canned([refusal(code, "It does not exist")]).await;
        let answer = function.post(&format!("{CREATE}&LaunchTemplate=web:9")).await;
        answer.refuses(404, code, "It does not exist");
    }
}

#[tokio::test]
async fn invalid_reference_to_a_template_is_refused_without_a_call_to_aws() {
    let function = Function::without_aws(&[]).await;
    let message = "LaunchTemplate must be a launch template's name or ID (lt-...), and a colon with a version number, \
                   $Default or $Latest if it is not the default version";
    for reference in ["lt-123", "ab", "web:", "web:0", "web:01", "web:-1", "web:$latest", "web:1:2", "a%20b%20c", "é$é"]
    {
        let answer = function.post(&format!("{CREATE}&LaunchTemplate={reference}")).await;
        answer.refuses(400, "InvalidParameterValue", message);
    }
    let answer = function.post(&format!("{CREATE}&LaunchTemplat=web&image_id=ami-0000000a")).await;
    let message = "LaunchTemplat is not a parameter here: the nearest that this route takes is LaunchTemplate";
    answer.refuses(400, "UnknownParameter", message);
}

#[tokio::test]
async fn instance_is_launched_from_a_template_of_moto() {
    let region = own_region();
    let function = Function::new(Wire::to_moto().await, &[]).await;
    let group = function.prepare(region).await;
    let data = RequestLaunchTemplateData::builder();
    let data = data.instance_type("t3.small".into()).key_name("demo").security_group_ids(&group).build();
    let create = moto_client(region).create_launch_template().launch_template_name("runner");
    create.launch_template_data(data).send().await.unwrap();
    let event = HttpApiEvent::new("POST", &format!("/ec2/create?region_name={region}&LaunchTemplate=runner:1&tag:a=b"));
    let launched = function.send(event.key()).await;
    assert_eq!(launched.status, 200, "{launched:?}");
    let launched = launched.json();
    assert_eq!((&launched["InstanceType"], &launched["KeyName"]), (&json!("t3.small"), &json!("demo")), "{launched}");
    assert_eq!(launched["SecurityGroups"][0]["GroupId"], json!(group), "{launched}");
}
