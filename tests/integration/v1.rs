//! `/v1`: documented defaults, statuses and texts, the 13 fields and every attribute.

use crate::support::xml::{change, changed, describe, instance, launched, modified, rebooted, refusal, throttled};
use crate::support::{A, B, Function, HttpApiEvent, IMAGE, NO_INSTANCE, own_region};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};

const DONE: &str = "Instance modification succeeded";

#[tokio::test]
async fn an_instance_is_launched_stopped_started_modified_shown_and_terminated() {
    let function = Function::with_moto().await;
    let region = own_region();
    let group = function.prepare(region).await;
    let body = json!({
        "ami": IMAGE, "instance_type": "t3.micro", "key_name": "demo", "security_groups": [group],
        "placement": format!("{region}a"), "user_data": "#!/bin/sh\necho é\n", "min_count": 2, "max_count": 2,
    });
    let launched = function.put_json("/v1/launch/", &body).await;
    assert_eq!(launched.status, 200, "{launched:?}");
    let launched = launched.json();
    assert_eq!(launched.as_array().unwrap().len(), 2);
    let id = launched[0].as_str().unwrap();
    let at = |path: &str| format!("/v1/{id}/{path}?region={region}");

    for path in ["stop", "start", "reboot", "stop"] {
        function.put(&at(path)).await.is(200, &json!(DONE));
    }
    let modify = format!("{}&attribute=instance_type&value=t3.small", at("modify"));
    function.put(&modify).await.is(200, &json!(DONE));

    let shown = function.get(&at("attributes")).await.json();
    let mut names: Vec<_> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    let mut fields = [
        "id",
        "public_dns_name",
        "private_dns_name",
        "state",
        "state_code",
        "key_name",
        "instance_type",
        "launch_time",
        "image_id",
        "placement",
        "placement_group",
        "private_ip_address",
        "ip_address",
    ];
    names.sort_unstable();
    fields.sort_unstable();
    assert_eq!(names, fields);
    assert_eq!(shown["id"], id);
    assert_eq!((&shown["state"], &shown["state_code"]), (&json!("stopped"), &json!(80)));
    assert_eq!(shown["instance_type"], "t3.small");
    assert_eq!(shown["placement"], format!("{region}a"));
    function
        .get(&format!("{}&filter=state,id", at("attributes")))
        .await
        .is(200, &json!({"id": id, "state": "stopped"}));
    function.get(&at("attributes/state_code")).await.is(200, &json!({"state_code": 80}));

    function.put(&at("terminate")).await.is(200, &json!(DONE));
    function.get(&at("attributes/state")).await.is(200, &json!({"state": "terminated"}));
}

#[tokio::test]
async fn launch_has_the_documented_defaults() {
    let function = Function::canned([launched([instance(A), instance(B)])]).await;
    let answer = function.put("/v1/launch?ami=ami-abba916a&instance_type=t1.micro").await;
    answer.is(200, &json!(["i-abba916a", "i-abba916b"]));
    let request = function.wire.only_request();
    assert_eq!(request.region(), "us-east-1");
    assert_eq!(
        request.launch(),
        [
            "Action=RunInstances",
            "EbsOptimized=false",
            "ImageId=ami-abba916a",
            "InstanceInitiatedShutdownBehavior=terminate",
            "InstanceType=t1.micro",
            "KeyName=scalacity_dev1",
            "MaxCount=1",
            "MinCount=1",
            "Placement.AvailabilityZone=us-east-1b",
            "SecurityGroup.1=SSH",
            "Version=2016-11-15",
        ]
    );
}

#[tokio::test]
async fn launch_defaults_are_configurable() {
    let variables = [
        ("LAUNCH_KEY_NAME", "mine"),
        ("LAUNCH_SECURITY_GROUPS", "web,sg-abba916a"),
        ("LAUNCH_PLACEMENT", "eu-west-1c"),
        ("LAUNCH_SHUTDOWN_BEHAVIOR", "stop"),
        ("LAUNCH_EBS_OPTIMIZED", "true"),
    ];
    let function = Function::with_variables(&variables, [launched([instance(A), instance(B)])]).await;
    assert_eq!(function.put("/v1/launch?image_id=ami-abba916a&instance_type=t3.micro").await.status, 200);
    let request = function.wire.only_request();
    assert_eq!(request.region(), "eu-west-1");
    let form = request.form();
    for line in [
        "KeyName=mine",
        "SecurityGroup.1=web",
        "SecurityGroupId.1=sg-abba916a",
        "Placement.AvailabilityZone=eu-west-1c",
        "InstanceInitiatedShutdownBehavior=stop",
        "EbsOptimized=true",
    ] {
        assert!(form.contains(&line.to_owned()), "{line}: {form:?}");
    }
}

#[tokio::test]
async fn launch_accepts_every_documented_parameter() {
    let function = Function::canned([launched([instance(A), instance(B)])]).await;
    let user_data = format!("é\0{}", "x".repeat(16 * 1024 - 3));
    let body = json!({
        "ami": "ami-abba916a", "instance_type": "t3.micro", "min_count": 2, "max_count": 3, "key_name": "k",
        "security_groups": ["web", "sg-abba916a"], "user_data": user_data, "placement": "us-west-2b",
        "placement_group": "close", "instance_initiated_shutdown_behavior": "stop", "ebs_optimized": true,
    });
    assert_eq!(function.put_json("/v1/launch", &body).await.status, 200);
    let request = function.wire.only_request();
    assert_eq!(request.region(), "us-west-2");
    assert_eq!(
        request.launch(),
        [
            "Action=RunInstances",
            "EbsOptimized=true",
            "ImageId=ami-abba916a",
            "InstanceInitiatedShutdownBehavior=stop",
            "InstanceType=t3.micro",
            "KeyName=k",
            "MaxCount=3",
            "MinCount=2",
            "Placement.AvailabilityZone=us-west-2b",
            "Placement.GroupName=close",
            "SecurityGroup.1=web",
            "SecurityGroupId.1=sg-abba916a",
            &format!("UserData={}", BASE64_STANDARD.encode(&user_data)),
            "Version=2016-11-15",
        ]
    );
    assert!(!function.log_lines().join("").contains("xxxx"), "user data is logged");
}

#[tokio::test]
async fn stop_and_terminate_accept_force_and_use_the_default_region() {
    for (action, sent) in [("stop", "StopInstances"), ("terminate", "TerminateInstances")] {
        for (query, force) in [("", None), ("?force=false", None), ("?force=True", Some("Force=true"))] {
            let function = Function::canned([changed(sent, [change(A)])]).await;
            function.put(&format!("/v1/i-abba916a/{action}{query}")).await.is(200, &json!(DONE));
            let request = function.wire.only_request();
            assert_eq!(request.region(), "us-east-1");
            let action = format!("Action={sent}");
            let mut expected = vec![action.as_str()];
            expected.extend(force);
            expected.extend(["InstanceId.1=i-abba916a", "Version=2016-11-15"]);
            assert_eq!(request.form(), expected);
        }
    }
}

#[tokio::test]
async fn every_attribute_is_modified_in_every_spelling() {
    let script = BASE64_STANDARD.encode("#!/bin/sh\n");
    let devices = ["/dev/sda1=false", "xvdf=true", "/dev/sdb"];
    for (camel, snake, value, sent) in [
        ("instanceType", "instance_type", json!("t3.small"), vec!["InstanceType.Value=t3.small".to_owned()]),
        ("kernel", "kernel", json!("aki-abba916a"), vec!["Kernel.Value=aki-abba916a".to_owned()]),
        ("ramdisk", "ramdisk", json!("ari-abba916a"), vec!["Ramdisk.Value=ari-abba916a".to_owned()]),
        ("userData", "user_data", json!(script), vec![format!("UserData.Value={script}")]),
        (
            "disableApiTermination",
            "disable_api_termination",
            json!(true),
            vec!["DisableApiTermination.Value=true".to_owned()],
        ),
        ("disableApiStop", "disable_api_stop", json!("false"), vec!["DisableApiStop.Value=false".to_owned()]),
        (
            "instanceInitiatedShutdownBehavior",
            "instance_initiated_shutdown_behavior",
            json!("stop"),
            vec!["InstanceInitiatedShutdownBehavior.Value=stop".to_owned()],
        ),
        ("sourceDestCheck", "source_dest_check", json!("false"), vec!["SourceDestCheck.Value=false".to_owned()]),
        (
            "groupSet",
            "group_set",
            json!(["sg-abba916a", "sg-abba916b"]),
            vec!["GroupId.1=sg-abba916a".to_owned(), "GroupId.2=sg-abba916b".to_owned()],
        ),
        ("ebsOptimized", "ebs_optimized", json!("True"), vec!["EbsOptimized.Value=true".to_owned()]),
        ("sriovNetSupport", "sriov_net_support", json!("simple"), vec!["SriovNetSupport.Value=simple".to_owned()]),
        ("enaSupport", "ena_support", json!(true), vec!["EnaSupport.Value=true".to_owned()]),
        (
            "blockDeviceMapping",
            "block_device_mapping",
            json!(devices),
            [("1", "/dev/sda1", false), ("2", "xvdf", true), ("3", "/dev/sdb", true)]
                .iter()
                .flat_map(|(n, name, delete)| {
                    let member = format!("BlockDeviceMapping.{n}");
                    [format!("{member}.DeviceName={name}"), format!("{member}.Ebs.DeleteOnTermination={delete}")]
                })
                .collect(),
        ),
    ] {
        let variables = [("MODIFIABLE_ATTRIBUTES", "*")];
        let function = Function::with_variables(&variables, vec![modified(); 3]).await;
        let capitalized = camel[..1].to_uppercase() + &camel[1..];
        for attribute in [camel, snake, &capitalized] {
            let body = json!({"attribute": attribute, "value": value});
            function.put_json("/v1/i-abba916a/modify", &body).await.is(200, &json!(DONE));
            let mut expected = vec!["Action=ModifyInstanceAttribute".to_owned(), "InstanceId=i-abba916a".to_owned()];
            expected.push("Version=2016-11-15".to_owned());
            expected.extend(sent.clone());
            expected.sort();
            assert_eq!(function.wire.only_request().form(), expected, "{attribute}");
        }
    }
}

#[tokio::test]
async fn attributes_are_the_documented_fields_and_missing_values_are_null() {
    let full = instance(A)
        .with("imageId", "ami-abba916a")
        .state_with_code(272, "running")
        .with("privateDnsName", "ip-10-0-0-1.ec2.internal")
        .with("dnsName", "ec2.example")
        .with("keyName", "k")
        .instance_type("t1.micro")
        .with("launchTime", "2012-10-29T10:51:24.000Z")
        .with("placement", "<availabilityZone>us-east-1b</availabilityZone><groupName>close</groupName>")
        .with("privateIpAddress", "10.0.0.1")
        .with("ipAddress", "203.0.113.7");
    let bare = instance(A).with("dnsName", "").with("placement", "<groupName/>");
    let function = Function::canned([describe([full]), describe([bare])]).await;
    function.get("/v1/i-abba916a/attributes").await.is(
        200,
        &json!({
            "id": "i-abba916a", "public_dns_name": "ec2.example", "private_dns_name": "ip-10-0-0-1.ec2.internal",
            "state": "running", "state_code": 16, "key_name": "k", "instance_type": "t1.micro",
            "launch_time": "2012-10-29T10:51:24.000Z", "image_id": "ami-abba916a", "placement": "us-east-1b",
            "placement_group": "close", "private_ip_address": "10.0.0.1", "ip_address": "203.0.113.7",
        }),
    );
    function.get("/v1/i-abba916a/attributes").await.is(
        200,
        &json!({
            "id": "i-abba916a", "public_dns_name": "", "private_dns_name": null, "state": null, "state_code": null,
            "key_name": null, "instance_type": null, "launch_time": null, "image_id": null, "placement": null,
            "placement_group": "", "private_ip_address": null, "ip_address": null,
        }),
    );
}

#[tokio::test]
async fn instance_id_is_another_name_of_the_field_id() {
    let function = Function::canned(vec![describe([instance(A).state("running")]); 6]).await;
    let attributes = format!("/v1/{A}/attributes");
    function.get(&format!("{attributes}/instance_id")).await.is(200, &json!({"instance_id": A}));
    for (filter, expected) in [
        ("instance_id,state", json!({"instance_id": A, "state": "running"})),
        ("state,,id,", json!({"id": A, "state": "running"})),
        (",instance_id", json!({"instance_id": A})),
    ] {
        function.get(&format!("{attributes}?filter={filter}")).await.is(200, &expected);
    }
    for filter in [",", ""] {
        let shown = function.get(&format!("{attributes}?filter={filter}")).await.json();
        let shown = shown.as_object().unwrap();
        assert_eq!((shown.len(), shown.contains_key("instance_id")), (13, false), "{filter:?}");
    }
}

#[tokio::test]
async fn every_action_works_in_the_region_of_launches_unless_another_is_given() {
    let variables = [("DEFAULT_REGION", "us-west-2"), ("LAUNCH_PLACEMENT", "eu-west-1c")];
    let described = || describe([instance(A).state("running")]);
    for (method, path, response) in [
        ("PUT", "start".to_owned(), changed("StartInstances", [change(A)])),
        ("PUT", "stop".to_owned(), changed("StopInstances", [change(A)])),
        ("PUT", "terminate".to_owned(), changed("TerminateInstances", [change(A)])),
        ("PUT", "reboot".to_owned(), rebooted()),
        ("PUT", "modify?attribute=ebsOptimized&value=true".to_owned(), modified()),
        ("GET", "attributes".to_owned(), described()),
        ("GET", "attributes/state".to_owned(), described()),
    ] {
        let function = Function::with_variables(&variables, [response.clone(), response]).await;
        let separator = if path.contains('?') { '&' } else { '?' };
        for (query, region) in [(String::new(), "eu-west-1"), (format!("{separator}region=ap-south-1"), "ap-south-1")] {
            let answer = function.call(method, &format!("/v1/{A}/{path}{query}")).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(function.wire.only_request().region(), region, "{path}");
        }
    }
    let variables = [("ALLOWED_REGIONS", "us-east-1"), ("LAUNCH_PLACEMENT", "eu-west-1c")];
    let function = Function::without_aws(&variables).await;
    let detail = "region is required: this deployment does not allow eu-west-1, the region of LAUNCH_PLACEMENT";
    for path in [format!("{A}/stop"), "launch?ami=ami-abba916a&instance_type=t3.micro&placement=".to_owned()] {
        let answer = function.put(&format!("/v1/{path}")).await;
        answer.is(400, &json!(format!("Required arguments not provided: {detail}")));
    }
    function.assert_no_calls();
}

#[tokio::test]
async fn launch_without_a_zone_is_in_the_region_of_launches_or_the_given_one() {
    let function =
        Function::with_variables(&[("LAUNCH_PLACEMENT", "eu-west-1c")], vec![launched([instance(A)]); 2]).await;
    let launch = "/v1/launch?ami=ami-abba916a&instance_type=t3.micro&placement=";
    for (query, region) in [("", "eu-west-1"), ("&region=us-west-2", "us-west-2")] {
        function.put(&format!("{launch}{query}")).await.is(200, &json!([A]));
        let request = function.wire.only_request();
        assert_eq!(request.region(), region);
        let form = request.form();
        assert!(!form.iter().any(|line| line.starts_with("Placement.")), "{form:?}");
    }
}

#[tokio::test]
async fn empty_parameter_of_a_launch_means_none_and_not_the_default() {
    let none = [
        "Action=RunInstances",
        "ImageId=ami-abba916a",
        "InstanceType=t1.micro",
        "MaxCount=1",
        "MinCount=1",
        "Version=2016-11-15",
    ];
    let names = ["key_name", "security_groups", "placement", "instance_initiated_shutdown_behavior", "ebs_optimized"];
    let query: String = names.iter().map(|name| format!("&{name}=")).collect();
    let function = Function::canned(vec![launched([instance(A)]); 3]).await;
    let launch = "/v1/launch?ami=ami-abba916a&instance_type=t1.micro";
    function.put(&format!("{launch}{query}")).await.is(200, &json!([A]));
    assert_eq!(function.wire.only_request().launch(), none);
    let mut body = json!({"ami": "ami-abba916a", "instance_type": "t1.micro"});
    for name in names {
        body[name] = json!("");
    }
    body["security_groups"] = json!([]);
    function.put_json("/v1/launch", &body).await.is(200, &json!([A]));
    assert_eq!(function.wire.only_request().launch(), none);
    // Null is "not given".
    let body = json!({"ami": "ami-abba916a", "instance_type": "t1.micro", "key_name": null});
    function.put_json("/v1/launch", &body).await.is(200, &json!([A]));
    assert!(function.wire.only_request().launch().contains(&"KeyName=scalacity_dev1".to_owned()));
    let answer = function.put(&format!("{launch}&key_name=&key_name=demo")).await;
    answer.is(400, &json!("Required arguments not provided: key_name is given twice, with different values"));
    function.assert_no_calls();
}

#[tokio::test]
async fn user_data_is_modified_in_base64_and_cleared_by_an_empty_value() {
    let function = Function::with_variables(&[("MODIFIABLE_ATTRIBUTES", "*")], vec![modified(); 4]).await;
    let path = format!("/v1/{A}/modify?attribute=userData&value=");
    let wrapped = "aGVs%0D%0AbG8=%0A";
    for (value, sent) in [("aGVsbG8=", "aGVsbG8="), (wrapped, "aGVsbG8="), ("AP8%2B", "AP8+"), ("", "")] {
        function.put(&format!("{path}{value}")).await.is(200, &json!(DONE));
        let form = function.wire.only_request().form();
        assert!(form.contains(&format!("UserData.Value={sent}")), "{value}: {form:?}");
    }
    // A plus sign of a query is a space: the value would be another one.
    for value in ["hello", "#!/bin/sh", "aGVsbG8", "AP8+", "%20"] {
        let answer = function.put(&format!("{path}{}", value.replace('#', "%23"))).await;
        answer.is(400, &json!("Required arguments not provided: value must be base64 for userData"));
    }
    let answer = function.put(&format!("/v1/{A}/modify?attribute=userData")).await;
    answer.is(400, &json!("Required arguments not provided: value is required"));
    for twice in
        ["userData&value=aGVsbG8=&value=", "instanceType&value=&value=t3.micro", "groupSet&value=&value=sg-abba916a"]
    {
        let answer = function.put(&format!("/v1/{A}/modify?attribute={twice}")).await;
        answer.is(400, &json!("Required arguments not provided: value is given twice, with different values"));
    }
    function.assert_no_calls();
}

#[tokio::test]
async fn missing_instance_is_404_and_names_the_region() {
    let refused = || refusal("InvalidInstanceID.NotFound", "The instance ID 'i-abba916a' does not exist");
    let function = Function::with_variables(&[("LAUNCH_PLACEMENT", "eu-west-1c")], vec![refused(); 2]).await;
    for (query, region) in [("", "eu-west-1"), ("?region=us-west-2", "us-west-2")] {
        let answer = function.put(&format!("/v1/{A}/start{query}")).await;
        let text = format!("Instance ID not found: The instance ID 'i-abba916a' does not exist (region {region})");
        answer.is(404, &json!(text));
    }
    let function = Function::canned([describe([])]).await;
    let answer = function.get("/v1/web/attributes").await;
    answer.is(404, &json!("Instance ID not found: There is no instance named web (region us-east-1)"));
}

#[tokio::test]
async fn invalid_input_is_400_with_the_documented_text_without_a_call_to_aws() {
    let function = Function::without_aws(&[("ALLOWED_REGIONS", "us-east-1,us-west-2")]).await;
    let launch = "ami=ami-abba916a&instance_type=t3.micro";
    let fields = "must be of id, public_dns_name, private_dns_name, state, state_code, key_name, instance_type, launch_time, \
        image_id, placement, placement_group, private_ip_address, ip_address, instance_id";
    let large = "x".repeat(16 * 1024 + 1);
    let modify = |attribute: &str, value: &str| format!("i-abba916a/modify?attribute={attribute}&value={value}");
    for (method, path, detail) in [
        ("PUT", "launch".to_owned(), "ami is required"),
        ("PUT", "launch?ami=ami-abba916a".to_owned(), "instance_type is required"),
        (
            "PUT",
            "launch?ami=ubuntu&instance_type=t3.micro".to_owned(),
            "ami must be an AMI ID (ami-...), or a public parameter of AWS (resolve:ssm:/aws/service/...)",
        ),
        (
            "PUT",
            format!("launch?{launch}&image_id=ami-abba916b"),
            "image_id is the same as ami, but has a different value",
        ),
        ("PUT", format!("launch?{launch}&min_count=3"), "min_count must not be more than max_count, which is 1"),
        ("PUT", format!("launch?{launch}&min_count=0"), "min_count must be a whole number from 1 to 1000"),
        ("PUT", format!("launch?{launch}&max_count=ten"), "max_count must be a whole number from 1 to 1000"),
        ("PUT", format!("launch?{launch}&user_data={large}"), "user_data has more than 16384 bytes"),
        (
            "PUT",
            format!("launch?{launch}&placement=us-east-1"),
            "placement must be an Availability Zone such as us-east-1b",
        ),
        (
            "PUT",
            format!("launch?{launch}&placement=cn-north-1a"),
            "placement is in a region that this deployment does not allow",
        ),
        (
            "PUT",
            format!("launch?{launch}&placement=evil.example/"),
            "placement must be an Availability Zone such as us-east-1b",
        ),
        (
            "PUT",
            format!("launch?{launch}&security_groups=sg-1"),
            "security_groups must be a security group's ID: sg- and 8 or 17 hex digits",
        ),
        ("PUT", format!("launch?{launch}&security_groups=a,,b"), "security_groups has an empty item"),
        ("PUT", format!("launch?{launch}&ebs_optimized=maybe"), "ebs_optimized must be true or false"),
        (
            "PUT",
            format!("launch?{launch}&instance_initiated_shutdown_behavior=explode"),
            "instance_initiated_shutdown_behavior must be stop or terminate",
        ),
        ("PUT", "i-abba916a/start?region=eu-west-1".to_owned(), "region must be a region that this deployment allows"),
        (
            "PUT",
            "i-abba916a/start?region=x.evil.example/".to_owned(),
            "region must be a region that this deployment allows",
        ),
        ("PUT", "i-abba916a/stop?force=maybe".to_owned(), "force must be true or false"),
        ("GET", "i-abba916a/attributes?filter=id,colour".to_owned(), &format!("filter {fields}")),
        ("GET", "i-abba916a/attributes/colour".to_owned(), &format!("field {fields}")),
        ("PUT", "i-abba916a/modify?value=x".to_owned(), "attribute is required"),
        ("PUT", "i-abba916a/modify?attribute=instanceType".to_owned(), "value is required"),
        ("PUT", "i-abba916a/modify?attribute=groupSet".to_owned(), "value is required"),
        ("PUT", "i-abba916a/modify?attribute=ebsOptimized&value=".to_owned(), "value is required"),
        (
            "PUT",
            modify("colour", "red"),
            "attribute must be one of instanceType, kernel, ramdisk, userData, disableApiTermination, \
            instanceInitiatedShutdownBehavior, sourceDestCheck, groupSet, ebsOptimized, sriovNetSupport, enaSupport, disableApiStop, blockDeviceMapping",
        ),
        (
            "PUT",
            modify("INSTANCETYPE", "t3.micro"),
            "attribute must be one of instanceType, kernel, ramdisk, userData, disableApiTermination, \
            instanceInitiatedShutdownBehavior, sourceDestCheck, groupSet, ebsOptimized, sriovNetSupport, enaSupport, disableApiStop, blockDeviceMapping",
        ),
        ("PUT", modify("instanceType", "huge"), "value must be an instance type such as t3.micro"),
        ("PUT", modify("sourceDestCheck", "maybe"), "value must be true or false"),
        (
            "PUT",
            modify("groupSet", "sg-abba916a,web"),
            "value must be a security group's ID: sg- and 8 or 17 hex digits",
        ),
        ("PUT", modify("kernel", "aki-xyz"), "value must be a kernel's ID (aki-...)"),
        ("PUT", modify("ramdisk", "x"), "value must be a RAM disk's ID (ari-...)"),
        ("PUT", modify("sriovNetSupport", "complex"), "value must be simple"),
        ("PUT", modify("userData", &BASE64_STANDARD.encode(&large)), "value has more than 16384 bytes"),
        (
            "PUT",
            modify("blockDeviceMapping", "/dev/sda1=no"),
            "value must be a device with =true or =false (delete on termination), such as /dev/sda1=false",
        ),
        (
            "PUT",
            modify("blockDeviceMapping", "=false"),
            "value must be a device with =true or =false (delete on termination), such as /dev/sda1=false",
        ),
        ("PUT", modify("instanceInitiatedShutdownBehavior", "Stop"), "value must be stop or terminate"),
    ] {
        let answer = function.call(method, &format!("/v1/{path}")).await;
        answer.is(400, &json!(format!("Required arguments not provided: {detail}")));
        let code = if detail.ends_with("is required") { "MissingParameter" } else { "InvalidParameterValue" };
        assert_eq!(answer.headers["x-error-code"], code, "{path}");
    }
    for (body, detail) in [
        ("[1]", "The request body is not a JSON object"),
        ("{\"ami\": \"ami-ab", "The request body is JSON that ends too early"),
        ("{\"ami\": 5}", "ami must be a string"),
        (&format!("{{\"user_data\": \"{}\"}}", "x".repeat(300_000)), "The request body is larger than 262144 bytes"),
    ] {
        let event = HttpApiEvent::new("PUT", "/v1/launch").key().body("application/json", body);
        function.send(event).await.is(400, &json!(format!("Required arguments not provided: {detail}")));
    }
    for path in ["/v1/i-xyz/start", "/v1/i-/stop", "/v1/i-abba916a%00/reboot", "/v1/i-launch/start"] {
        let answer = function.put(path).await;
        assert_eq!(answer.status, 404, "{answer:?}");
        assert!(answer.json().as_str().unwrap().starts_with("Instance ID not found: "), "{answer:?}");
        assert_eq!(answer.headers["x-error-code"], "InvalidInstanceID.Malformed");
    }
    function.assert_no_calls();
}

#[tokio::test]
async fn authentication_and_routing_errors_have_http_statuses() {
    let function = Function::without_aws(&[]).await;
    let answer = function.send(HttpApiEvent::new("PUT", "/v1/launch")).await;
    answer.is(401, &json!("Invalid api key"));
    let answer = function.get("/v1/launch").await;
    answer.is(405, &json!("This path takes OPTIONS, PUT"));
    assert_eq!(answer.headers["allow"], "OPTIONS, PUT");
    function.put("/v1/i-abba916a/explode").await.is(404, &json!("There is nothing at this path"));
    function.assert_no_calls();
}

#[tokio::test]
async fn error_of_ec2_is_404_for_an_unknown_instance_and_408_otherwise() {
    let modifying = "Error while modifying via EC2 API";
    let running = "Error while running via EC2 API";
    let launch = "/v1/launch?ami=ami-abba916a&instance_type=t3.micro";
    let start = "/v1/i-abba916a/start";
    let role = |action: &str| format!("AWS refused {action} to this function's execution role (UnauthorizedOperation)");
    for (path, status, code, message, expected) in [
        (
            start,
            400,
            "InvalidInstanceID.NotFound",
            "The instance ID does not exist",
            (404, "Instance ID not found: The instance ID does not exist (region us-east-1)".to_owned()),
        ),
        (start, 400, "IncorrectInstanceState", "no", (408, format!("{modifying}: no"))),
        (start, 400, "InvalidParameterValue", "no", (408, format!("{modifying}: no"))),
        (start, 403, "UnauthorizedOperation", "no", (408, format!("{modifying}: {}", role("ec2:StartInstances")))),
        (launch, 400, "InvalidAMIID.NotFound", "no", (408, format!("{running}: no"))),
        (launch, 400, "InstanceLimitExceeded", "no", (408, format!("{running}: no"))),
        (launch, 403, "UnauthorizedOperation", "no", (408, format!("{running}: {}", role("ec2:RunInstances")))),
    ] {
        let function = Function::canned([refusal(code, message).status(status)]).await;
        let answer = function.put(path).await;
        answer.is(expected.0, &json!(expected.1));
        assert_eq!(answer.headers["x-error-code"], code);
    }
    // A closed connection is an error of EC2, too.
    let function = Function::canned([]).await;
    function.put(start).await.is(
        408,
        &json!(format!(
            "{modifying}: AWS could not be reached for ec2:StartInstances: what was asked for may have happened or not"
        )),
    );
    let function = Function::canned(vec![throttled(); 3]).await;
    let answer = function.put(start).await;
    answer.is(408, &json!(format!("{modifying}: Request limit exceeded.")));
    assert_eq!(answer.headers["retry-after"], "2");
}

#[tokio::test]
async fn unknown_instance_is_404() {
    let function = Function::with_moto().await;
    for (method, action) in [
        ("PUT", "start"),
        ("PUT", "stop"),
        ("PUT", "terminate"),
        ("PUT", "reboot"),
        ("GET", "attributes"),
        ("GET", "attributes/id"),
    ] {
        let answer = function.call(method, &format!("/v1/{NO_INSTANCE}/{action}?region=us-west-2")).await;
        let Value::String(text) = answer.json() else { panic!("{answer:?}") };
        assert_eq!((answer.status, text.starts_with("Instance ID not found: ")), (404, true), "{text}");
    }
}
