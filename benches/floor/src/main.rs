//! The floor of `make bench`: the least code that answers `GET /ec2/list` with these crates,
//! without authentication, routes, limits, log and metrics.

use aws_config::BehaviorVersion;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{GroupIdentifier, Instance};
use lambda_http::{Error, Request, Response, run, service_fn};
use serde::Serialize;

// One thread, as in the function: a thread pool would lengthen the start.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let client = &Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await);
    run(service_fn(|_: Request| list(client))).await
}

/// Returns all instances, in the same bytes as the function.
async fn list(client: &Client) -> Result<Response<String>, Error> {
    let mut rows = Vec::new();
    let mut pages = client.describe_instances().into_paginator().page_size(1000).send();
    while let Some(page) = pages.try_next().await? {
        let reservations = page.reservations.unwrap_or_default();
        rows.extend(
            reservations.into_iter().flat_map(|reservation| reservation.instances.unwrap_or_default()).map(Row::from),
        );
    }
    Ok(Response::builder().header("content-type", "application/json").body(serde_json::to_string(&rows)?)?)
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Row {
    id: Option<String>,
    instance_type: Option<String>,
    instance_state: Option<String>,
    private_ip: Option<String>,
    key_name: Option<String>,
    image_id: Option<String>,
    vpc_id: Option<String>,
    subnet_id: Option<String>,
    security_group_ids: Vec<Group>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Group {
    group_id: Option<String>,
    group_name: Option<String>,
}

impl From<Instance> for Row {
    fn from(instance: Instance) -> Self {
        let group = |group: GroupIdentifier| Group { group_id: group.group_id, group_name: group.group_name };
        Self {
            id: instance.instance_id,
            instance_type: instance.instance_type.map(|kind| kind.as_str().to_owned()),
            instance_state: instance.state.and_then(|state| state.name).map(|name| name.as_str().to_owned()),
            private_ip: instance.private_ip_address,
            key_name: instance.key_name,
            image_id: instance.image_id,
            vpc_id: instance.vpc_id,
            subnet_id: instance.subnet_id,
            security_group_ids: instance.security_groups.unwrap_or_default().into_iter().map(group).collect(),
        }
    }
}
