//! Launches on the wire: the exact form of RunInstances, its defaults and tags, and the answer.

use crate::support::xml::{instance, instance_without_id, launched, refusal};
use crate::support::{A, AWS_REQUEST_ID, B, Function, REQUEST_ID};
use serde_json::json;

const CREATE: &str = "/ec2/create?region_name=eu-west-1";

#[tokio::test]
async fn launch_sends_every_argument_and_the_request_id_as_client_token() {
    let function = Function::canned([launched([instance(A), instance_without_id()])]).await;
    let answer = function
        .post_json(
            "/ec2/create",
            &json!({
                "region_name": "eu-west-1", "KeyName": "demo", "SecurityGroupId": "sg-0123456789abcdef0",
                "ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.small", "MinCount": 2, "MaxCount": 3,
            }),
        )
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let request = function.wire.only_request();
    assert_eq!(request.region(), "eu-west-1");
    assert_eq!(
        request.form(),
        [
            "Action=RunInstances",
            &format!("ClientToken={REQUEST_ID}"),
            "ImageId=ami-0123456789abcdef0",
            "InstanceType=t3.small",
            "KeyName=demo",
            "MaxCount=3",
            "MetadataOptions.HttpTokens=required",
            "MinCount=2",
            "SecurityGroupId.1=sg-0123456789abcdef0",
            "TagSpecification.1.ResourceType=instance",
            "TagSpecification.1.Tag.1.Key=ec2-control-api:caller",
            "TagSpecification.1.Tag.1.Value=demo",
            "TagSpecification.1.Tag.2.Key=ec2-control-api:request",
            &format!("TagSpecification.1.Tag.2.Value={REQUEST_ID}"),
            "TagSpecification.2.ResourceType=volume",
            "TagSpecification.2.Tag.1.Key=ec2-control-api:caller",
            "TagSpecification.2.Tag.1.Value=demo",
            "TagSpecification.2.Tag.2.Key=ec2-control-api:request",
            &format!("TagSpecification.2.Tag.2.Value={REQUEST_ID}"),
            "Version=2016-11-15",
        ]
    );
}

#[tokio::test]
async fn every_launch_requires_imdsv2_unless_the_deployment_says_otherwise() {
    for (setting, sent) in [("", "required"), ("required", "required"), ("optional", "optional")] {
        let variables = [("LAUNCH_HTTP_TOKENS", setting)];
        let function = Function::with_variables(&variables, vec![launched([instance(A)]); 2]).await;
        for (method, path) in [
            ("POST", format!("{CREATE}&image_id=ami-abba916a")),
            ("PUT", "/v1/launch?ami=ami-abba916a&instance_type=t3.micro".to_owned()),
        ] {
            assert_eq!(function.call(method, &path).await.status, 200);
            let form = function.wire.only_request().form();
            assert!(form.contains(&format!("MetadataOptions.HttpTokens={sent}")), "{form:?}");
        }
    }
}

#[tokio::test]
async fn run_instances_in_boto3_form_requires_the_image_only() {
    let function = Function::canned(vec![launched([instance_without_id()]); 2]).await;
    function.post(&format!("{CREATE}&image_id=ami-abba916a")).await;
    assert_eq!(
        function.wire.only_request().launch(),
        [
            "Action=RunInstances",
            "ImageId=ami-abba916a",
            "InstanceType=t3.micro",
            "MaxCount=1",
            "MinCount=1",
            "Version=2016-11-15",
        ]
    );
    let path =
        format!("{CREATE}&image_id=ami-abba916a&key_name=k&instance_type=m1.small&security_groups=web,sg-abba916a");
    function.post(&path).await;
    let form = function.wire.only_request().form();
    for line in ["KeyName=k", "InstanceType=m1.small", "SecurityGroup.1=web", "SecurityGroupId.1=sg-abba916a"] {
        assert!(form.contains(&line.to_owned()), "{line}: {form:?}");
    }
}

#[tokio::test]
async fn default_image_is_the_ssm_parameter_of_the_current_ubuntu_lts() {
    let response = launched([instance_without_id()]);
    let function = Function::with_variables(&[("DEFAULT_IMAGE", "")], [response]).await;
    function.post(&format!("{CREATE}&KeyName=demo&SecurityGroupId=sg-abba916a")).await;
    let image =
        "ImageId=resolve:ssm:/aws/service/canonical/ubuntu/server/26.04/stable/current/amd64/hvm/ebs-gp3/ami-id";
    assert!(function.wire.only_request().form().contains(&image.to_owned()));
}

#[tokio::test]
async fn launched_instance_has_the_form_of_boto3() {
    let full = |id: &str| {
        instance(id)
            .with("imageId", "ami-abba916a")
            .state("pending")
            .with("privateDnsName", "ip-10-0-0-1.ec2.internal")
            .with("dnsName", "")
            .with("reason", "")
            .with("keyName", "demo")
            .with("amiLaunchIndex", "0")
            .instance_type("t3.micro")
            .with("launchTime", "2016-02-16T18:04:09.000Z")
            .with("placement", "<availabilityZone>eu-west-1a</availabilityZone><groupName/><tenancy>default</tenancy>")
            .with("monitoring", "<state>disabled</state>")
            .with("subnetId", "subnet-1")
            .with("vpcId", "vpc-1")
            .with("privateIpAddress", "10.0.0.1")
            .with("sourceDestCheck", "true")
            .with("groupSet", "<item><groupId>sg-abba916a</groupId><groupName>web</groupName></item>")
            .with("architecture", "x86_64")
            .with("rootDeviceType", "ebs")
            .with("rootDeviceName", "/dev/sda1")
            .with("virtualizationType", "hvm")
            .with("clientToken", "t")
            .tag("team", "blue")
            .with("hypervisor", "xen")
            .with("ebsOptimized", "false")
            .with("enaSupport", "true")
    };
    let expected = |id: &str| {
        json!({
            "InstanceId": id, "ImageId": "ami-abba916a", "InstanceType": "t3.micro", "KeyName": "demo",
            "LaunchTime": "2016-02-16T18:04:09+00:00", "AmiLaunchIndex": 0, "Architecture": "x86_64", "ClientToken": "t",
            "EbsOptimized": false, "EnaSupport": true, "Hypervisor": "xen", "Monitoring": {"State": "disabled"},
            "Placement": {"AvailabilityZone": "eu-west-1a", "GroupName": "", "Tenancy": "default"},
            "PrivateDnsName": "ip-10-0-0-1.ec2.internal", "PrivateIpAddress": "10.0.0.1", "PublicDnsName": "",
            "RootDeviceName": "/dev/sda1", "RootDeviceType": "ebs",
            "SecurityGroups": [{"GroupId": "sg-abba916a", "GroupName": "web"}], "SourceDestCheck": true,
            "State": {"Code": 0, "Name": "pending"}, "StateTransitionReason": "", "SubnetId": "subnet-1",
            "Tags": [{"Key": "team", "Value": "blue"}], "VirtualizationType": "hvm", "VpcId": "vpc-1",
        })
    };
    let function = Function::canned([launched([full(A)]), launched([full(A), full(B)])]).await;
    let path = format!("{CREATE}&KeyName=demo&SecurityGroupId=sg-abba916a");
    function.post(&path).await.is(200, &expected(A));
    function.post(&format!("{path}&MaxCount=2")).await.is(200, &json!([expected(A), expected(B)]));
    let lines = function.log_lines();
    assert!(lines[1].contains(r#""instance_ids":["i-abba916a","i-abba916b"]"#), "{lines:?}");
    assert!(lines[1].contains(AWS_REQUEST_ID), "{lines:?}");
}

#[tokio::test]
async fn retried_launch_keeps_its_client_token() {
    let failure = refusal("InternalError", "An internal error has occurred").status(500);
    let function = Function::canned([failure, launched([instance(A)])]).await;
    let answer = function.post(&format!("{CREATE}&image_id=ami-abba916a")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let requests = function.wire.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert!(request.form().contains(&format!("ClientToken={REQUEST_ID}")));
    }
}

#[tokio::test]
async fn tags_of_the_caller_are_set_by_the_launch_itself() {
    for (method, path) in [
        ("POST", "/ec2/create?region_name=us-east-1&image_id=ami-abba916a&tag:team=blue&tag:Name=web%20%C3%A9"),
        ("PUT", "/v1/launch?ami=ami-abba916a&instance_type=t3.micro&tag:team=blue&tag:Name=web%20%C3%A9"),
    ] {
        let function = Function::canned([launched([instance(A)])]).await;
        assert_eq!(function.call(method, path).await.status, 200);
        let form = function.wire.only_request().launch();
        for n in [1, 2] {
            for (i, (key, value)) in [("Name", "web é"), ("team", "blue")].iter().enumerate() {
                let line = |member: &str, text: &str| format!("TagSpecification.{n}.Tag.{}.{member}={text}", i + 1);
                assert!(form.contains(&line("Key", key)) && form.contains(&line("Value", value)), "{key}: {form:#?}");
            }
        }
    }
    let function = Function::canned([launched([instance(A)])]).await;
    let body = json!({"region_name": "us-east-1", "image_id": "ami-abba916a", "tag:team": "blue"});
    assert_eq!(function.post_json("/ec2/create", &body).await.status, 200);
    assert!(function.wire.only_request().form().contains(&"TagSpecification.1.Tag.1.Value=blue".to_owned()));
}

#[tokio::test]
async fn reserved_and_invalid_tags_are_refused() {
    let function = Function::without_aws(&[]).await;
    let long = "k".repeat(129);
    let many: String = (0..49).map(|i| format!("&tag:k{i}=v")).collect();
    for (tags, message) in [
        (
            "&tag:ec2-control-api:caller=root".to_owned(),
            "tag:ec2-control-api:caller is a key that this function sets itself",
        ),
        ("&tag:EC2-Control-API:x=1".into(), "tag:EC2-Control-API:x is a key that this function sets itself"),
        (
            "&tag:aws:cloudformation:stack-name=x".into(),
            "tag:aws:cloudformation:stack-name is a key that AWS keeps to itself",
        ),
        ("&tag:AWS:x=x".into(), "tag:AWS:x is a key that AWS keeps to itself"),
        ("&tag:a=1&tag:a=2".into(), "tag:a is given twice"),
        ("&tag:=1".into(), "tag:KEY needs a tag's key after the colon"),
        (format!("&tag:{long}=1"), &format!("tag:{long} has a key of more than 128 characters")),
        (format!("&tag:a={}", "v".repeat(257)), "tag:a has more than 256 characters"),
        (many, "tag:KEY can be given for at most 48 keys"),
    ] {
        let path = format!("/ec2/create?region_name=us-east-1&image_id=ami-abba916a{tags}");
        function.post(&path).await.refuses(400, "InvalidParameterValue", message);
    }
    function.assert_no_calls();
}
