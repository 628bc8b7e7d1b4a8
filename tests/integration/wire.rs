//! The SDK adapter on the wire: the exact form that goes to EC2, and EC2's answers coming back.

use crate::support::{AWS_REQUEST_ID, Function, KEY, REQUEST_ID, own_region};
use serde_json::json;

fn error(code: &str, message: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Errors><Error><Code>{code}</Code><Message>{message}</Message>\
         </Error></Errors><RequestID>{AWS_REQUEST_ID}</RequestID></Response>"
    )
}

fn changes(items: &[(&str, u16, &str, u16, &str)]) -> String {
    let items: String = items
        .iter()
        .map(|(id, now, now_name, before, before_name)| {
            format!(
                "<item><instanceId>{id}</instanceId><currentState><code>{now}</code><name>{now_name}</name></currentState>\
                 <previousState><code>{before}</code><name>{before_name}</name></previousState></item>"
            )
        })
        .collect();
    format!("<StartInstancesResponse><instancesSet>{items}</instancesSet></StartInstancesResponse>")
}

fn reservation(instances: &str) -> String {
    format!(
        "<RunInstancesResponse><reservationId>r-1</reservationId><ownerId>123456789012</ownerId>\
         <instancesSet>{instances}</instancesSet></RunInstancesResponse>"
    )
}

const RUN: &str = "/ec2/create?region_name=eu-west-1";

#[tokio::test]
async fn a_launch_sends_every_argument_and_the_invocations_id_as_client_token() {
    let function =
        Function::canned(&[(200, &reservation("<item><instanceId>i-abba916a</instanceId></item><item/>"))]).await;
    let answer = function
        .call_json(
            "POST",
            "/ec2/create",
            &json!({
                "region_name": "eu-west-1", "KeyName": "demo", "SecurityGroupId": "sg-0123456789abcdef0",
                "ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.small", "MinCount": 2, "MaxCount": 3,
            }),
        )
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = function.wire.only();
    assert_eq!(seen.region(), "eu-west-1");
    assert_eq!(
        seen.form(),
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
async fn botos_run_instances_needs_no_more_than_the_image() {
    let function = Function::canned(&[(200, &reservation("<item/>")), (200, &reservation("<item/>"))]).await;
    function.call("POST", &format!("{RUN}&image_id=ami-abba916a")).await;
    assert_eq!(
        function.wire.only().launch(),
        [
            "Action=RunInstances",
            "ImageId=ami-abba916a",
            "InstanceType=t3.micro",
            "MaxCount=1",
            "MinCount=1",
            "Version=2016-11-15",
        ]
    );
    let path = format!("{RUN}&image_id=ami-abba916a&key_name=k&instance_type=m1.small&security_groups=web,sg-abba916a");
    function.call("POST", &path).await;
    let form = function.wire.only().form();
    for line in ["KeyName=k", "InstanceType=m1.small", "SecurityGroup.1=web", "SecurityGroupId.1=sg-abba916a"] {
        assert!(form.contains(&line.to_owned()), "{line}: {form:?}");
    }
}

#[tokio::test]
async fn the_default_image_is_canonicals_parameter_for_the_current_lts() {
    let wire = crate::support::Wire::canned(&[(200, &reservation("<item/>"))]).await;
    let function = Function::new(wire, &[("DEFAULT_IMAGE", "")]).await;
    function.call("POST", &format!("{RUN}&KeyName=demo&SecurityGroupId=sg-abba916a")).await;
    let image =
        "ImageId=resolve:ssm:/aws/service/canonical/ubuntu/server/26.04/stable/current/amd64/hvm/ebs-gp3/ami-id";
    assert!(function.wire.only().form().contains(&image.to_owned()));
}

#[tokio::test]
async fn a_launched_instance_is_described_as_boto3_does_it() {
    let instance = "<item><instanceId>i-abba916a</instanceId><imageId>ami-abba916a</imageId>\
        <instanceState><code>0</code><name>pending</name></instanceState><privateDnsName>ip-10-0-0-1.ec2.internal</privateDnsName>\
        <dnsName/><reason/><keyName>demo</keyName><amiLaunchIndex>0</amiLaunchIndex><instanceType>t3.micro</instanceType>\
        <launchTime>2016-02-16T18:04:09.000Z</launchTime><placement><availabilityZone>eu-west-1a</availabilityZone><groupName/>\
        <tenancy>default</tenancy></placement><monitoring><state>disabled</state></monitoring><subnetId>subnet-1</subnetId>\
        <vpcId>vpc-1</vpcId><privateIpAddress>10.0.0.1</privateIpAddress><sourceDestCheck>true</sourceDestCheck>\
        <groupSet><item><groupId>sg-abba916a</groupId><groupName>web</groupName></item></groupSet><architecture>x86_64</architecture>\
        <rootDeviceType>ebs</rootDeviceType><rootDeviceName>/dev/sda1</rootDeviceName><virtualizationType>hvm</virtualizationType>\
        <clientToken>t</clientToken><tagSet><item><key>team</key><value>blue</value></item></tagSet><hypervisor>xen</hypervisor>\
        <ebsOptimized>false</ebsOptimized><enaSupport>true</enaSupport></item>";
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
    let two = format!("{instance}{}", instance.replace("<instanceId>i-abba916a", "<instanceId>i-abba916b"));
    let function = Function::canned(&[(200, &reservation(instance)), (200, &reservation(&two))]).await;
    let path = format!("{RUN}&KeyName=demo&SecurityGroupId=sg-abba916a");
    function.call("POST", &path).await.is(200, &expected("i-abba916a"));
    function
        .call("POST", &format!("{path}&MaxCount=2"))
        .await
        .is(200, &json!([expected("i-abba916a"), expected("i-abba916b")]));
    let lines = function.log_lines();
    assert!(lines[1].contains(r#""instance_ids":["i-abba916a","i-abba916b"]"#), "{lines:?}");
    assert!(lines[1].contains(AWS_REQUEST_ID), "{lines:?}");
}

#[tokio::test]
async fn changes_send_the_ids_in_one_call_and_answer_in_the_order_asked() {
    let two = changes(&[("i-abba916b", 0, "pending", 80, "stopped"), ("i-abba916a", 0, "pending", 80, "stopped")]);
    for (action, sent) in [("start", "StartInstances"), ("stop", "StopInstances"), ("terminate", "TerminateInstances")]
    {
        let body = two.replace("StartInstances", sent);
        let function = Function::canned(&[(200, &body)]).await;
        let change = |id: &str| json!({"InstanceId": id, "CurrentState": {"Code": 0, "Name": "pending"}, "PreviousState": {"Code": 80, "Name": "stopped"}});
        let path = format!("/ec2/{action}?region_name=eu-west-1&instance_ids=i-abba916a,i-abba916b,i-abba916a");
        function.call("POST", &path).await.is(200, &json!([change("i-abba916a"), change("i-abba916b")]));
        let form = function.wire.only().form();
        let expected =
            [&format!("Action={sent}"), "InstanceId.1=i-abba916a", "InstanceId.2=i-abba916b", "Version=2016-11-15"];
        assert_eq!(form, expected);
    }
}

#[tokio::test]
async fn a_state_is_ec2s_low_byte() {
    let body = changes(&[("i-abba916a", 64, "stopping", 272, "running")]).replace("StartInstances", "StopInstances");
    let function = Function::canned(&[(200, &body)]).await;
    function.call("POST", "/ec2/stop?region_name=eu-west-1&instance_id=i-abba916a").await.is(
        200,
        &json!({"InstanceId": "i-abba916a", "CurrentState": {"Code": 64, "Name": "stopping"}, "PreviousState": {"Code": 16, "Name": "running"}}),
    );
}

#[tokio::test]
async fn a_reboot_answers_with_the_ids() {
    let body = "<RebootInstancesResponse><return>true</return></RebootInstancesResponse>";
    let function = Function::canned(&[(200, body), (200, body)]).await;
    let path = "/ec2/reboot?region_name=eu-west-1&instance_id=i-abba916a";
    function.call("POST", path).await.is(200, &json!({"InstanceId": "i-abba916a"}));
    assert_eq!(
        function.wire.only().form(),
        ["Action=RebootInstances", "InstanceId.1=i-abba916a", "Version=2016-11-15"]
    );
    let path = format!("{path}&instance_id=i-abba916b");
    function.call("POST", &path).await.is(200, &json!([{"InstanceId": "i-abba916a"}, {"InstanceId": "i-abba916b"}]));
}

#[tokio::test]
async fn each_row_of_the_error_table_comes_back_as_its_status() {
    let refused = "AWS refused ec2:StartInstances to this function's execution role";
    for (status, code, message, expected, told) in [
        (400, "InvalidParameterValue", "Value (x) is invalid", 400, "Value (x) is invalid".to_owned()),
        (400, "InvalidInstanceID.Malformed", "Invalid id", 400, "Invalid id".to_owned()),
        (
            400,
            "InvalidInstanceID.NotFound",
            "The instance ID 'i-1' does not exist",
            404,
            "The instance ID 'i-1' does not exist".to_owned(),
        ),
        (
            400,
            "IncorrectInstanceState",
            "not in a state from which it can be started",
            409,
            "not in a state from which it can be started".to_owned(),
        ),
        (
            400,
            "OperationNotPermitted",
            "Modify its 'disableApiTermination'",
            409,
            "Modify its 'disableApiTermination'".to_owned(),
        ),
        (400, "InstanceLimitExceeded", "Account 123456789012 is full", 503, "Account [account] is full".to_owned()),
        (
            403,
            "UnauthorizedOperation",
            "User: arn:aws:sts::123456789012:assumed-role/x/y may not",
            502,
            format!("{refused} (UnauthorizedOperation)"),
        ),
        (
            401,
            "AuthFailure",
            "AWS was not able to validate the provided access credentials",
            502,
            format!("{refused} (AuthFailure)"),
        ),
    ] {
        let function = Function::canned(&[(status, &error(code, message))]).await;
        let answer = function.call("POST", "/ec2/start?region_name=eu-west-1&instance_id=i-abba916a").await;
        answer.refuses(expected, code, &told);
        assert_eq!(answer.headers["x-request-id"], REQUEST_ID);
        let line = function.log_line();
        assert_eq!(line["code"], code);
        assert_eq!(line["aws_request_id"], AWS_REQUEST_ID);
        assert!(line["cause"].as_str().unwrap().contains(message), "{line}");
        assert_eq!(function.wire.seen().len(), 1);
    }
}

#[tokio::test]
async fn throttling_is_retried_and_then_429_with_retry_after() {
    let body = error("RequestLimitExceeded", "Request limit exceeded.");
    let function = Function::canned(&[(503, &body), (503, &body), (503, &body)]).await;
    let answer = function.call("POST", "/ec2/start?region_name=eu-west-1&instance_id=i-abba916a").await;
    answer.refuses(429, "RequestLimitExceeded", "Request limit exceeded.");
    assert_eq!(answer.headers["retry-after"], "2");
    assert_eq!(function.wire.seen().len(), 3);
}

#[tokio::test]
async fn no_capacity_is_503_with_ec2s_code() {
    let body = error("InsufficientInstanceCapacity", "There is no Spot capacity");
    let function = Function::canned(&[(500, &body), (500, &body), (500, &body)]).await;
    let answer = function.call("POST", "/ec2/start?region_name=eu-west-1&instance_id=i-abba916a").await;
    answer.refuses(503, "InsufficientInstanceCapacity", "There is no Spot capacity");
}

#[tokio::test]
async fn a_launch_that_is_retried_keeps_its_client_token() {
    let body = error("InternalError", "An internal error has occurred");
    let launched = reservation("<item><instanceId>i-abba916a</instanceId></item>");
    let function = Function::canned(&[(500, &body), (200, &launched)]).await;
    let answer = function.call("POST", &format!("{RUN}&image_id=ami-abba916a")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = function.wire.seen();
    assert_eq!(seen.len(), 2);
    for request in seen {
        assert!(request.form().contains(&format!("ClientToken={REQUEST_ID}")));
    }
}

#[tokio::test]
async fn what_is_no_answer_is_502_and_says_nothing_of_it() {
    for body in ["<html>secret proxy</html>", "", "<Response>", "not xml at all"] {
        let function = Function::canned(&[(400, body)]).await;
        let answer = function.call("POST", "/ec2/start?region_name=eu-west-1&instance_id=i-abba916a").await;
        let message = "AWS answered ec2:StartInstances with something that is not an answer";
        answer.refuses(502, "UnreadableAnswer", message);
    }
}

#[tokio::test]
async fn an_endpoint_that_cuts_the_connection_is_504() {
    let function = Function::canned(&[]).await;
    let answer = function.call("POST", "/ec2/start?region_name=eu-west-1&instance_id=i-abba916a").await;
    answer.refuses(
        504,
        "EndpointUnreachable",
        "AWS could not be reached for ec2:StartInstances: what was asked for may have happened or not",
    );
}

#[tokio::test]
async fn a_list_sends_its_filters_and_pages_until_all_is_there() {
    let page = |id: &str, token: &str| {
        format!(
            "<DescribeInstancesResponse><reservationSet><item><reservationId>r</reservationId><instancesSet>\
             <item><instanceId>{id}</instanceId></item></instancesSet></item></reservationSet>{token}</DescribeInstancesResponse>"
        )
    };
    let first = page("i-abba916a", "<nextToken>more</nextToken>");
    let function = Function::canned(&[(200, &first), (200, &page("i-abba916b", ""))]).await;
    // The original crashed on an instance without these, such as a terminated one.
    let bare = |id: &str| {
        json!({
            "id": id, "instance-type": null, "instance-state": null, "private-ip": null, "key-name": null,
            "image-id": null, "vpc-id": null, "subnet-id": null, "security-group-ids": [],
        })
    };
    let path =
        "/ec2/list?region_name=eu-west-1&state=running,stopped&tag:team=blue&tag:team=red&instance_id=i-abba916a";
    let answer = function.call("GET", path).await;
    answer.is(200, &json!([bare("i-abba916a"), bare("i-abba916b")]));
    assert_eq!(answer.headers.get("x-next-token"), None);
    let seen = function.wire.seen();
    let mut expected = vec![
        "Action=DescribeInstances",
        "Filter.1.Name=instance-state-name",
        "Filter.1.Value.1=running",
        "Filter.1.Value.2=stopped",
        "Filter.2.Name=tag:team",
        "Filter.2.Value.1=blue",
        "Filter.2.Value.2=red",
        "Filter.3.Name=instance-id",
        "Filter.3.Value.1=i-abba916a",
        "MaxResults=1000",
        "Version=2016-11-15",
    ];
    assert_eq!(seen[0].form(), expected);
    expected.insert(10, "NextToken=more");
    assert_eq!(seen[1].form(), expected);
}

#[tokio::test]
async fn a_page_by_hand_is_one_call_and_its_token_is_a_header() {
    let body = "<DescribeInstancesResponse><reservationSet/><nextToken>more</nextToken></DescribeInstancesResponse>";
    let function = Function::canned(&[(200, body)]).await;
    let answer = function.call("GET", "/ec2/list?region_name=eu-west-1&max_results=5&next_token=start").await;
    answer.is(200, &json!([]));
    assert_eq!(answer.headers["x-next-token"], "more");
    let form = function.wire.only().form();
    assert_eq!(form, ["Action=DescribeInstances", "MaxResults=5", "NextToken=start", "Version=2016-11-15"]);
}

#[tokio::test]
async fn a_list_that_does_not_fit_stops_at_a_page_and_says_where_the_rest_begins() {
    // Pages of 1,000 instances with names as long as EC2 takes them: the answer is full after some of them.
    let key = "k".repeat(255);
    let page = |number: u32| {
        let item = |i: u32| {
            format!("<item><instanceId>i-{:08x}</instanceId><keyName>{key}</keyName></item>", number * 1000 + i)
        };
        let items: String = (0..1000).map(item).collect();
        format!(
            "<DescribeInstancesResponse><reservationSet><item><instancesSet>{items}</instancesSet></item></reservationSet>\
             <nextToken>after-{number}</nextToken></DescribeInstancesResponse>"
        )
    };
    let pages: Vec<String> = (0..16).map(page).collect();
    let answers: Vec<(u16, &str)> = pages.iter().map(|page| (200, page.as_str())).collect();
    let function = Function::canned(&answers).await;
    let answer = function.call("GET", "/ec2/list?region_name=eu-west-1").await;
    assert_eq!(answer.status, 200);
    let instances = answer.json();
    let instances = instances.as_array().unwrap();
    assert_eq!(instances.len() % 1000, 0);
    let last = instances.len() / 1000 - 1;
    assert_eq!(answer.headers["x-next-token"], format!("after-{last}"));
    assert_eq!(instances.last().unwrap()["id"], format!("i-{:08x}", last * 1000 + 999));
    let in_answer = serde_json::to_string(&answer.body).unwrap().len();
    assert!((5_000_000..6_291_556).contains(&in_answer), "{in_answer}");
    assert_eq!(function.wire.seen().len(), last + 2);
}

#[tokio::test]
async fn a_first_page_that_does_not_fit_is_asked_for_again_smaller() {
    let tags: String = (0..50)
        .map(|i| format!("<item><key>{i}{}</key><value>{}</value></item>", "k".repeat(120), "v".repeat(256)))
        .collect();
    let page = |count: u32| {
        let item = |i: u32| format!("<item><instanceId>i-{i:08x}</instanceId><tagSet>{tags}</tagSet></item>");
        let items: String = (0..count).map(item).collect();
        format!(
            "<DescribeInstancesResponse><reservationSet><item><instancesSet>{items}</instancesSet></item></reservationSet>\
             <nextToken>next</nextToken></DescribeInstancesResponse>"
        )
    };
    let (large, half, quarter) = (page(1000), page(500), page(250));
    let function = Function::canned(&[(200, &large), (200, &half), (200, &quarter), (200, &quarter)]).await;
    let answer = function.call("GET", "/ec2/reservations?region_name=eu-west-1").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()[0]["Instances"].as_array().unwrap().len(), 250);
    assert_eq!(answer.headers["x-next-token"], "next");
    let sizes: Vec<_> =
        function.wire.seen().iter().map(|it| it.form().into_iter().find(|it| it.starts_with("MaxResults"))).collect();
    let expected = ["MaxResults=1000", "MaxResults=500", "MaxResults=250", "MaxResults=250"];
    assert_eq!(sizes, expected.map(|it| Some(it.to_owned())));
}

#[tokio::test]
async fn clients_of_a_region_are_made_once_and_sign_for_it() {
    let empty = "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>";
    let function = Function::canned(&[(200, empty), (200, empty), (200, empty)]).await;
    let other = own_region();
    for region in ["us-east-1", other, "us-east-1"] {
        function.call("GET", &format!("/ec2/list?region_name={region}")).await.is(200, &json!([]));
        let seen = function.wire.only();
        assert_eq!(seen.region(), region);
        let text = format!("{seen:?}");
        assert!(!text.contains(KEY), "the caller's key went to AWS: {text}");
    }
}
