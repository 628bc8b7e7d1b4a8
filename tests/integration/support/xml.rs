//! Responses of AWS, by builders: only what a test sets is in the XML.

use super::AWS_REQUEST_ID;
use std::fmt::{self, Display};

/// A response of AWS. The status 0 is no response at all, ever; 1 is a cut connection.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Response {
    /// The same response with another status.
    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// The same response with one more header.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The same list with the token of its next page.
    pub fn next_token(mut self, token: &str) -> Self {
        let end = self.body.rfind("</").unwrap();
        self.body.insert_str(end, &format!("<nextToken>{token}</nextToken>"));
        self
    }
}

/// A response with any body.
pub fn response(status: u16, body: impl Into<String>) -> Response {
    Response { status, headers: Vec::new(), body: body.into() }
}

/// The connection is cut in the place of a response.
pub fn cut() -> Response {
    response(1, "")
}

/// A request that is never answered.
pub fn no_response() -> Response {
    response(0, "")
}

fn item(content: impl Display) -> String {
    format!("<item>{content}</item>")
}

/// An element with this content, which may be XML.
pub fn element(name: &str, content: impl Display) -> String {
    format!("<{name}>{content}</{name}>")
}

fn document(action: &str, content: impl Display) -> Response {
    response(200, element(&format!("{action}Response"), content))
}

fn state(code: u16, name: &str) -> String {
    element("code", code) + &element("name", name)
}

/// EC2's code of an instance's state.
fn state_code(name: &str) -> u16 {
    match name {
        "pending" => 0,
        "running" => 16,
        "shutting-down" => 32,
        "terminated" => 48,
        "stopping" => 64,
        "stopped" => 80,
        _ => panic!("EC2 has no state {name}"),
    }
}

/// An instance in a list or in the answer to a launch.
#[derive(Clone, Default)]
pub struct Instance {
    elements: String,
    tags: String,
}

/// An instance with this ID and nothing else.
pub fn instance(id: &str) -> Instance {
    instance_without_id().with("instanceId", id)
}

/// An instance without any member, not even its ID.
pub fn instance_without_id() -> Instance {
    Instance::default()
}

impl Instance {
    /// The instance with an element of this name, whose content may be XML.
    pub fn with(mut self, name: &str, content: impl Display) -> Self {
        self.elements += &element(name, content);
        self
    }

    /// The instance in this state.
    pub fn state(self, name: &str) -> Self {
        self.state_with_code(state_code(name), name)
    }

    /// The instance in this state, with a code that may have more than its low byte.
    pub fn state_with_code(self, code: u16, name: &str) -> Self {
        self.with("instanceState", state(code, name))
    }

    pub fn instance_type(self, name: &str) -> Self {
        self.with("instanceType", name)
    }

    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags += &item(element("key", key) + &element("value", value));
        self
    }
}

impl Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.elements)?;
        if self.tags.is_empty() { Ok(()) } else { f.write_str(&element("tagSet", &self.tags)) }
    }
}

fn instances_set(instances: impl IntoIterator<Item = Instance>) -> String {
    element("instancesSet", instances.into_iter().map(item).collect::<String>())
}

fn describe_reservations(reservations: &str) -> Response {
    document("DescribeInstances", element("reservationSet", reservations))
}

/// A page of DescribeInstances: each instance is in a reservation of its own.
pub fn describe(instances: impl IntoIterator<Item = Instance>) -> Response {
    let reservation = |instance| item(instances_set([instance]));
    describe_reservations(&instances.into_iter().map(reservation).collect::<String>())
}

/// A page of DescribeInstances with one reservation.
pub fn describe_reservation(instances: impl IntoIterator<Item = Instance>) -> Response {
    describe_in_reservations([("r-1".to_owned(), instances.into_iter().collect())])
}

/// A page of DescribeInstances with these reservations: the ID and the instances of each.
pub fn describe_in_reservations(reservations: impl IntoIterator<Item = (String, Vec<Instance>)>) -> Response {
    let reservation = |(id, instances)| item(element("reservationId", id) + &instances_set(instances));
    describe_reservations(&reservations.into_iter().map(reservation).collect::<String>())
}

/// The region's default VPC.
pub fn default_vpc() -> Response {
    document("DescribeVpcs", element("vpcSet", item(element("vpcId", "vpc-1"))))
}

/// A region without a default VPC.
pub fn no_vpc() -> Response {
    document("DescribeVpcs", element("vpcSet", ""))
}

/// Subnets: the ID and the VPC of each.
pub fn subnets<'a>(subnets: impl IntoIterator<Item = (&'a str, &'a str)>) -> Response {
    let subnet = |(id, vpc): (&str, &str)| item(element("subnetId", id) + &element("vpcId", vpc));
    document("DescribeSubnets", element("subnetSet", subnets.into_iter().map(subnet).collect::<String>()))
}

/// Security groups: the ID and the name of each.
pub fn security_groups<'a>(groups: impl IntoIterator<Item = (&'a str, &'a str)>) -> Response {
    let group = |(id, name): (&str, &str)| item(element("groupId", id) + &element("groupName", name));
    document("DescribeSecurityGroups", element("securityGroupInfo", groups.into_iter().map(group).collect::<String>()))
}

/// A version of a launch template, with these members.
pub fn launch_template(id: &str, version: u32, data: &str) -> Response {
    let version =
        element("launchTemplateId", id) + &element("versionNumber", version) + &element("launchTemplateData", data);
    document("DescribeLaunchTemplateVersions", element("launchTemplateVersionSet", item(version)))
}

/// The answer to RunInstances.
pub fn launched(instances: impl IntoIterator<Item = Instance>) -> Response {
    let owner = element("reservationId", "r-1") + &element("ownerId", "123456789012");
    document("RunInstances", owner + &instances_set(instances))
}

/// A change of an instance's state.
#[derive(Clone)]
pub struct StateChange(String);

/// A change without states.
pub fn change(id: &str) -> StateChange {
    StateChange(element("instanceId", id))
}

impl StateChange {
    /// The change with the states before and after it.
    pub fn states(self, previous: &str, current: &str) -> Self {
        self.states_with_codes((state_code(previous), previous), (state_code(current), current))
    }

    /// The change with states whose codes may have more than their low byte.
    pub fn states_with_codes(self, previous: (u16, &str), current: (u16, &str)) -> Self {
        let current = element("currentState", state(current.0, current.1));
        let previous = element("previousState", state(previous.0, previous.1));
        Self(self.0 + &current + &previous)
    }
}

/// The answer to StartInstances, StopInstances or TerminateInstances.
pub fn changed(action: &str, changes: impl IntoIterator<Item = StateChange>) -> Response {
    let changes: String = changes.into_iter().map(|change| item(change.0)).collect();
    document(action, element("instancesSet", changes))
}

/// StartInstances of one instance.
pub fn started(id: &str) -> Response {
    changed("StartInstances", [change(id)])
}

/// StopInstances of one instance.
pub fn stopped(id: &str) -> Response {
    changed("StopInstances", [change(id)])
}

/// TerminateInstances of one instance.
pub fn terminated(id: &str) -> Response {
    changed("TerminateInstances", [change(id)])
}

/// The answer to an action that returns nothing.
pub fn done(action: &str) -> Response {
    document(action, element("return", true))
}

pub fn rebooted() -> Response {
    done("RebootInstances")
}

pub fn tagged() -> Response {
    done("CreateTags")
}

pub fn modified() -> Response {
    done("ModifyInstanceAttribute")
}

/// The answer to DescribeRegions.
pub fn regions(names: &[&str]) -> Response {
    let regions: String = names.iter().map(|name| item(element("regionName", name))).collect();
    document("DescribeRegions", element("regionInfo", regions))
}

/// EC2's answer to a ping.
pub fn pong() -> Response {
    response(200, "healthy: 127.0.0.1")
}

/// An error of EC2, with the status 400.
pub fn refusal(code: &str, message: &str) -> Response {
    let error = element("Error", element("Code", code) + &element("Message", message));
    let content = element("Errors", error) + &element("RequestID", AWS_REQUEST_ID);
    response(400, format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{}", element("Response", content)))
}

/// Throttling by EC2.
pub fn throttled() -> Response {
    refusal("RequestLimitExceeded", "Request limit exceeded.").status(503)
}

/// EC2's refusal to the execution role.
pub fn unauthorized() -> Response {
    refusal("UnauthorizedOperation", "No.").status(403)
}

/// The answer to AssumeRole: credentials that end at this time.
pub fn assumed(access_key: &str, end: &str) -> Response {
    let credentials = element("AccessKeyId", access_key)
        + &element("SecretAccessKey", "-")
        + &element("SessionToken", format!("token of {access_key}"))
        + &element("Expiration", end);
    let result = element("AssumeRoleResult", element("Credentials", credentials));
    response(200, element("AssumeRoleResponse", result))
}

/// An error of STS.
pub fn sts_refusal(status: u16, code: &str, message: &str) -> Response {
    let error = element("Type", "Sender") + &element("Code", code) + &element("Message", message);
    response(status, element("ErrorResponse", element("Error", error) + &element("RequestId", AWS_REQUEST_ID)))
}

/// An error of S3.
pub fn s3_refusal(status: u16, code: &str, message: &str) -> Response {
    response(status, element("Error", element("Code", code) + &element("Message", message)))
}

/// The answer to ListBuckets: names, with dates of creation where there are any.
pub fn buckets<'a>(buckets: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Response {
    let bucket = |(name, date): (&str, Option<&str>)| {
        let date = date.map(|date| element("CreationDate", date)).unwrap_or_default();
        element("Bucket", element("Name", name) + &date)
    };
    let buckets: String = buckets.into_iter().map(bucket).collect();
    response(200, element("ListAllMyBucketsResult", element("Buckets", buckets)))
}

/// The answer to ListObjectsV2: one object of 12 bytes, with its date if there is one.
pub fn object(key: &str, date: Option<&str>) -> Response {
    let date = date.map(|date| element("LastModified", date)).unwrap_or_default();
    let content = element("Contents", element("Key", key) + &element("Size", 12) + &date);
    response(200, element("ListBucketResult", content))
}
