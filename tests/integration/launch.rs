//! Launches on the wire: the exact form of RunInstances, its defaults and tags, and the answer.

use crate::support::xml::{
    Instance, describe, describe_reservation, instance, instance_without_id, launched, refusal, response,
};
use crate::support::{A, AWS_REQUEST_ID, B, Function, REQUEST_ID};
use serde_json::{Value, json};

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
async fn callers_name_public_parameters_as_images_only() {
    let function = Function::canned([launched([instance(A)])]).await;
    for parameter in ["/golden-ami", "db-password", "/aws/service/", "/aws/reference/secretsmanager/x"] {
        let create = format!("/ec2/create?region_name=us-east-1&image_id=resolve:ssm:{parameter}");
        let message =
            "image_id must be an AMI ID (ami-...), or a public parameter of AWS (resolve:ssm:/aws/service/...)";
        let answer = function.post(&create).await;
        answer.refuses(400, "InvalidParameterValue", &message.replace("image_id", "ImageId"));
        let launch = format!("/v1/launch?ami=resolve:ssm:{parameter}&instance_type=t3.micro");
        assert_eq!(function.put(&launch).await.status, 400);
    }
    function.assert_no_calls();
    let create = "/ec2/create?region_name=us-east-1&image_id=resolve:ssm:/aws/service/ami-amazon-linux-latest/x";
    assert_eq!(function.post(create).await.status, 200);
}

#[tokio::test]
async fn error_of_an_image_parameter_is_not_passed_on() {
    let secret = "s3cr3t-Value";
    let answers = [
        refusal("SsmInvalidParameter", &format!("Unsupported data type of {secret}")),
        refusal("SsmAccessDenied", &format!("No access to {secret}")).status(403),
        refusal("InvalidAMIID.Malformed", &format!("Invalid id: \"{secret}\" (expecting \"ami-...\")")),
        refusal("InvalidParameterValue", &format!("The SSM parameter has the value {secret}")),
    ];
    for answer in answers {
        let variables = [("DEFAULT_IMAGE", "resolve:ssm:/own/image")];
        let function = Function::with_variables(&variables, [answer.clone(), answer]).await;
        let of_parameter = function.post(&format!("{CREATE}&KeyName=demo&SecurityGroupId=sg-abba916a")).await;
        assert!(of_parameter.body.contains("EC2 could not take the image from the Systems Manager parameter"));
        assert!(!format!("{of_parameter:?}").contains(secret), "{of_parameter:?}");
        assert!(function.log_line()["cause"].as_str().unwrap().contains(secret), "the operator sees it");
        let of_image = function.post(&format!("{CREATE}&image_id=ami-abba916a")).await;
        assert!(of_image.body.contains(secret), "{of_image:?}");
    }
    // The role's missing right is named.
    let denied =
        refusal("UnauthorizedOperation", "You are not authorized to perform: ssm:GetParameters on x").status(403);
    let function = Function::with_variables(&[("DEFAULT_IMAGE", "resolve:ssm:/own/image")], [denied]).await;
    let answer = function.post(&format!("{CREATE}&KeyName=demo&SecurityGroupId=sg-abba916a")).await;
    assert!(answer.body.contains("AWS refused ssm:GetParameters to this function's execution role"), "{answer:?}");
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

/// An instance with many members in EC2's XML, and the same in boto3's form.
fn whole_instance() -> (Instance, Value) {
    let item = |content: &str| format!("<item>{content}</item>");
    let time = "2016-02-16T18:04:09.000Z";
    let association = "<publicIp>203.0.113.25</publicIp><publicDnsName/><ipOwnerId>amazon</ipOwnerId>";
    let interface = format!(
        "<networkInterfaceId>eni-1</networkInterfaceId><subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId><description/>\
         <ownerId>123456789012</ownerId><status>in-use</status><macAddress>02:00:00:00:00:01</macAddress>\
         <privateIpAddress>10.0.0.1</privateIpAddress><sourceDestCheck>true</sourceDestCheck>\
         <groupSet><item><groupId>sg-1</groupId><groupName>web</groupName></item></groupSet>\
         <attachment><attachmentId>eni-attach-1</attachmentId><deviceIndex>0</deviceIndex><status>attaching</status>\
         <attachTime>{time}</attachTime><deleteOnTermination>true</deleteOnTermination>\
         <networkCardIndex>0</networkCardIndex></attachment><association>{association}</association>\
         <privateIpAddressesSet><item><privateIpAddress>10.0.0.1</privateIpAddress><primary>true</primary></item>\
         </privateIpAddressesSet><ipv6AddressesSet><item><ipv6Address>2001:db8::1</ipv6Address>\
         <isPrimaryIpv6>false</isPrimaryIpv6></item></ipv6AddressesSet><interfaceType>interface</interfaceType>"
    );
    let volume = format!(
        "<deviceName>/dev/sda1</deviceName><ebs><volumeId>vol-1</volumeId><status>attaching</status>\
         <attachTime>{time}</attachTime><deleteOnTermination>true</deleteOnTermination></ebs>"
    );
    let placement = "<availabilityZone>eu-west-1a</availabilityZone><availabilityZoneId>euw1-az1</availabilityZoneId>\
         <groupName/><tenancy>host</tenancy><hostId>h-1</hostId><affinity>default</affinity>\
         <partitionNumber>2</partitionNumber>";
    let options = "<enableResourceNameDnsARecord>true</enableResourceNameDnsARecord>\
         <enableResourceNameDnsAAAARecord>false</enableResourceNameDnsAAAARecord><hostnameType>ip-name</hostnameType>";
    let metadata = "<state>pending</state><httpTokens>required</httpTokens><httpPutResponseHopLimit>2</httpPutResponseHopLimit>\
         <httpEndpoint>enabled</httpEndpoint><httpProtocolIpv6>disabled</httpProtocolIpv6>\
         <instanceMetadataTags>disabled</instanceMetadataTags>";
    let reservation = "<capacityReservationPreference>open</capacityReservationPreference>";
    let instance = instance(A)
        .state_with_code(272, "running")
        .with("reason", "")
        .with("dnsName", "")
        .with("launchTime", time)
        .with("usageOperationUpdateTime", "2016-02-16T18:04:09.120Z")
        .with("stateReason", "<code>pending</code><message>pending</message>")
        .with("productCodes", item("<productCode>abc</productCode><type>marketplace</type>"))
        .with("placement", placement)
        .with("blockDeviceMapping", item(&volume))
        .with("networkInterfaceSet", item(&interface))
        .with("iamInstanceProfile", "<arn>arn:aws:iam::123456789012:instance-profile/web</arn><id>AIPA1</id>")
        .with("instanceLifecycle", "spot")
        .with("spotInstanceRequestId", "sir-1")
        .with("elasticGpuAssociationSet", item("<elasticGpuId>egpu-1</elasticGpuId>"))
        .with("sriovNetSupport", "simple")
        .with("kernelId", "aki-1")
        .with("ramdiskId", "ari-1")
        .with("outpostArn", "arn:aws:outposts:eu-west-1:123456789012:outpost/op-1")
        .with("platform", "windows")
        .with("platformDetails", "Windows")
        .with("usageOperation", "RunInstances:0002")
        .with("bootMode", "uefi")
        .with("currentInstanceBootMode", "uefi")
        .with("ipv6Address", "2001:db8::1")
        .with("tpmSupport", "v2.0")
        .with("operator", "<managed>true</managed><principal>eks.amazonaws.com</principal>")
        .with("cpuOptions", "<coreCount>1</coreCount><threadsPerCore>2</threadsPerCore><amdSevSnp>enabled</amdSevSnp>")
        .with("capacityReservationId", "cr-1")
        .with("capacityReservationSpecification", reservation)
        .with("hibernationOptions", "<configured>false</configured>")
        .with("enclaveOptions", "<enabled>false</enabled>")
        .with("licenseSet", item("<licenseConfigurationArn>arn:aws:license-manager:1</licenseConfigurationArn>"))
        .with("metadataOptions", metadata)
        .with("maintenanceOptions", "<autoRecovery>default</autoRecovery><rebootMigration>default</rebootMigration>")
        .with("privateDnsNameOptions", options)
        .with("networkPerformanceOptions", "<bandwidthWeighting>default</bandwidthWeighting>")
        // A word that no SDK knows yet.
        .with("architecture", "quantum");
    let at = "2016-02-16T18:04:09+00:00";
    let described = json!({
        "InstanceId": A, "State": {"Code": 16, "Name": "running"}, "StateTransitionReason": "", "PublicDnsName": "",
        "LaunchTime": at, "UsageOperationUpdateTime": "2016-02-16T18:04:09.120000+00:00",
        "StateReason": {"Code": "pending", "Message": "pending"},
        "ProductCodes": [{"ProductCodeId": "abc", "ProductCodeType": "marketplace"}],
        "Placement": {
            "AvailabilityZone": "eu-west-1a", "AvailabilityZoneId": "euw1-az1", "GroupName": "", "Tenancy": "host",
            "HostId": "h-1", "Affinity": "default", "PartitionNumber": 2,
        },
        "BlockDeviceMappings": [{
            "DeviceName": "/dev/sda1",
            "Ebs": {"VolumeId": "vol-1", "Status": "attaching", "AttachTime": at, "DeleteOnTermination": true},
        }],
        "NetworkInterfaces": [{
            "NetworkInterfaceId": "eni-1", "SubnetId": "subnet-1", "VpcId": "vpc-1", "Description": "",
            "OwnerId": "123456789012", "Status": "in-use", "MacAddress": "02:00:00:00:00:01",
            "PrivateIpAddress": "10.0.0.1", "SourceDestCheck": true, "InterfaceType": "interface",
            "Groups": [{"GroupId": "sg-1", "GroupName": "web"}],
            "Attachment": {
                "AttachmentId": "eni-attach-1", "DeviceIndex": 0, "Status": "attaching", "AttachTime": at,
                "DeleteOnTermination": true, "NetworkCardIndex": 0,
            },
            "Association": {"PublicIp": "203.0.113.25", "PublicDnsName": "", "IpOwnerId": "amazon"},
            "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.1", "Primary": true}],
            "Ipv6Addresses": [{"Ipv6Address": "2001:db8::1", "IsPrimaryIpv6": false}],
        }],
        "IamInstanceProfile": {"Arn": "arn:aws:iam::123456789012:instance-profile/web", "Id": "AIPA1"},
        "InstanceLifecycle": "spot", "SpotInstanceRequestId": "sir-1",
        "ElasticGpuAssociations": [{"ElasticGpuId": "egpu-1"}], "SriovNetSupport": "simple", "KernelId": "aki-1",
        "RamdiskId": "ari-1", "OutpostArn": "arn:aws:outposts:eu-west-1:123456789012:outpost/op-1",
        "Platform": "windows", "PlatformDetails": "Windows", "UsageOperation": "RunInstances:0002",
        "BootMode": "uefi", "CurrentInstanceBootMode": "uefi", "Ipv6Address": "2001:db8::1", "TpmSupport": "v2.0",
        "Operator": {"Managed": true, "Principal": "eks.amazonaws.com"},
        "CpuOptions": {"CoreCount": 1, "ThreadsPerCore": 2, "AmdSevSnp": "enabled"}, "CapacityReservationId": "cr-1",
        "CapacityReservationSpecification": {"CapacityReservationPreference": "open"},
        "HibernationOptions": {"Configured": false}, "EnclaveOptions": {"Enabled": false},
        "Licenses": [{"LicenseConfigurationArn": "arn:aws:license-manager:1"}],
        "MetadataOptions": {
            "State": "pending", "HttpTokens": "required", "HttpPutResponseHopLimit": 2, "HttpEndpoint": "enabled",
            "HttpProtocolIpv6": "disabled", "InstanceMetadataTags": "disabled",
        },
        "MaintenanceOptions": {"AutoRecovery": "default", "RebootMigration": "default"},
        "PrivateDnsNameOptions": {
            "EnableResourceNameDnsARecord": true, "EnableResourceNameDnsAAAARecord": false, "HostnameType": "ip-name",
        },
        "NetworkPerformanceOptions": {"BandwidthWeighting": "default"}, "Architecture": "quantum",
    });
    (instance, described)
}

#[tokio::test]
async fn every_member_that_ec2_answers_is_there_in_the_form_of_boto3() {
    let (instance, described) = whole_instance();
    let function = Function::canned([launched([instance.clone()]), describe_reservation([instance])]).await;
    function.post(&format!("{CREATE}&image_id=ami-abba916a")).await.is(200, &described);
    let reservation = json!([{"ReservationId": "r-1", "Groups": [], "Instances": [described]}]);
    function.get("/ec2/reservations?region_name=eu-west-1").await.is(200, &reservation);
}

#[tokio::test]
async fn launch_that_waits_or_was_lost_answers_every_member() {
    let (instance, described) = whole_instance();
    let pending = crate::support::xml::instance(A).state("pending");
    let function = Function::canned([launched([pending]), describe([instance.clone()])]).await;
    function.post(&format!("{CREATE}&image_id=ami-abba916a&wait=5")).await.is(200, &described);
    let lost = response(200, "");
    let function = Function::canned([lost, describe([instance])]).await;
    let answer = function.post(&format!("{CREATE}&image_id=ami-abba916a")).await;
    answer.is(200, &described);
}

#[tokio::test]
async fn what_ec2_leaves_empty_is_empty_and_what_it_leaves_out_is_left_out() {
    let bare = instance(A)
        .with("keyName", "")
        .with("dnsName", "")
        .with("privateDnsName", "")
        .with("blockDeviceMapping", "")
        .with("productCodes", "")
        .with("groupSet", "")
        .with("placement", "<groupName/>");
    let described = json!({
        "InstanceId": A, "KeyName": "", "PublicDnsName": "", "PrivateDnsName": "", "BlockDeviceMappings": [],
        "ProductCodes": [], "SecurityGroups": [], "Placement": {"GroupName": ""},
    });
    let function = Function::canned([launched([bare.clone()]), describe_reservation([bare])]).await;
    function.post(&format!("{CREATE}&image_id=ami-abba916a")).await.is(200, &described);
    let answer = function.get("/ec2/reservations?region_name=eu-west-1").await;
    answer.is(200, &json!([{"ReservationId": "r-1", "Groups": [], "Instances": [described]}]));
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
        (
            "&tag:ec2-control-api:keep-until=2030-01-01T00:00:00Z".to_owned(),
            "tag:ec2-control-api:keep-until is a key that this function sets itself",
        ),
        ("&tag:EC2-Control-API:x=1".into(), "tag:EC2-Control-API:x is a key that this function sets itself"),
        (
            "&tag:aws:cloudformation:stack-name=x".into(),
            "tag:aws:cloudformation:stack-name is a key that AWS keeps to itself",
        ),
        ("&tag:AWS:x=x".into(), "tag:AWS:x is a key that AWS keeps to itself"),
        ("&tag:a=1&tag:a=2".into(), "tag:a is given twice"),
        ("&tag:a%20=1".into(), "tag:a  must not begin or end with white space"),
        ("&tag:a=%c2%a01".into(), "tag:a must not begin or end with white space"),
        ("&tag:a=b%e2%80%8bc".into(), "tag:a has an invisible character"),
        ("&tag:team%ef%bb%bf=blue".into(), "tag:team\u{feff} has an invisible character"),
        ("&tag:a=%e2%80%aeb".into(), "tag:a has an invisible character"),
        ("&tag:a=b%0ac".into(), "tag:a has an invisible character"),
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
