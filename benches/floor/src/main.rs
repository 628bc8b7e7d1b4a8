//! The floor: what `GET /ec2/list` costs on these crates when nothing else is done. No keys, no routes, no limits, no log, no
//! metrics; the SDK as it comes.

use aws_config::BehaviorVersion;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{GroupIdentifier, Instance};
use lambda_http::{Error, Request, Response, run, service_fn};
use serde::Serialize;

// One thread, as the function has: a thread pool would only be more to start.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let client = &Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await);
    run(service_fn(|_: Request| list(client))).await
}

/// All instances, page by page, in the bytes in which the function answers.
async fn list(client: &Client) -> Result<Response<String>, Error> {
    let mut rows = Vec::new();
    let mut pages = client.describe_instances().into_paginator().page_size(1000).send();
    while let Some(page) = pages.try_next().await? {
        let reservations = page.reservations.unwrap_or_default();
        rows.extend(reservations.into_iter().flat_map(|it| it.instances.unwrap_or_default()).map(Row::from));
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
    fn from(it: Instance) -> Self {
        let group = |it: GroupIdentifier| Group { group_id: it.group_id, group_name: it.group_name };
        Self {
            id: it.instance_id,
            instance_type: it.instance_type.map(|it| it.as_str().to_owned()),
            instance_state: it.state.and_then(|it| it.name).map(|it| it.as_str().to_owned()),
            private_ip: it.private_ip_address,
            key_name: it.key_name,
            image_id: it.image_id,
            vpc_id: it.vpc_id,
            subnet_id: it.subnet_id,
            security_group_ids: it.security_groups.unwrap_or_default().into_iter().map(group).collect(),
        }
    }
}
