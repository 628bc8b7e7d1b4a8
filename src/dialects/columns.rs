//! The members of a row of `/ec2/list`.

use crate::http::columns::{Accessor, Column, Table, column_names, rows_schema};
use crate::http::rows::Rows;
use crate::model::{AwsMessage, FromText, Instance, Reservation, isoformat, non_empty};
use schemars::{Schema, SchemaGenerator};
use time::OffsetDateTime;

/// The number of [`MEMBERS`] that a row of `/ec2/list` has by default: those of the document.
pub(super) const DOCUMENTED_MEMBERS: usize = 9;

/// Those members.
pub(super) fn documented_members() -> impl Iterator<Item = &'static Column<Instance>> {
    MEMBERS.iter().take(DOCUMENTED_MEMBERS)
}

/// The rows of a list: the chosen members, else the default ones.
pub(super) fn table(
    chosen: impl Iterator<Item = &'static Column<Instance>>,
    default: Vec<&'static Column<Instance>>,
    csv: bool,
    now: OffsetDateTime,
) -> Rows<Reservation> {
    let chosen: Vec<_> = chosen.collect();
    let table = Table::new(if chosen.is_empty() { default } else { chosen }, csv).at(now);
    table.rows(|reservation: &Reservation| &reservation.instances)
}

/// All members that a row of `/ec2/list` can have. A value that EC2 does not have is `null`.
#[rustfmt::skip]
pub(super) const MEMBERS: [Column<Instance>; 26] = [
    Column { name: "id", summary: "The instance's ID.", accessor: Accessor::Text(|instance, _| Some(&instance.instance_id)) },
    Column { name: "instance-type", summary: "Its type.", accessor: Accessor::Text(|instance, _| non_empty(&instance.instance_type)) },
    Column { name: "instance-state", summary: "Its state.", accessor: Accessor::Text(|instance, _| instance.state.name.as_deref()) },
    Column { name: "private-ip", summary: "Its private IPv4 address.", accessor: Accessor::Text(|instance, _| non_empty(&instance.private_ip_address)) },
    Column { name: "key-name", summary: "Its SSH key pair.", accessor: Accessor::Text(|instance, _| non_empty(&instance.key_name)) },
    Column { name: "image-id", summary: "Its image.", accessor: Accessor::Text(|instance, _| non_empty(&instance.image_id)) },
    Column { name: "vpc-id", summary: "Its VPC.", accessor: Accessor::Text(|instance, _| non_empty(&instance.vpc_id)) },
    Column { name: "subnet-id", summary: "Its subnet.", accessor: Accessor::Text(|instance, _| non_empty(&instance.subnet_id)) },
    Column { name: "security-group-ids", summary: "Its security groups.", accessor: Accessor::Groups(|instance| &instance.security_groups) },
    Column { name: "name", summary: "Its name: the tag Name.", accessor: Accessor::Text(|instance, _| instance.name()) },
    Column { name: "region", summary: "Its region.", accessor: Accessor::Text(|_, region| Some(region.as_str())) },
    Column { name: "availability-zone", summary: "Its Availability Zone.", accessor: Accessor::Text(|instance, _| non_empty(&instance.availability_zone)) },
    Column { name: "public-ip", summary: "Its public IPv4 address.", accessor: Accessor::Text(|instance, _| non_empty(&instance.public_ip_address)) },
    Column { name: "public-dns-name", summary: "Its public DNS name.", accessor: Accessor::Text(|instance, _| non_empty(&instance.public_dns_name)) },
    Column { name: "private-dns-name", summary: "Its private DNS name.", accessor: Accessor::Text(|instance, _| non_empty(&instance.private_dns_name)) },
    Column { name: "launch-time", summary: "When it was started last: RFC 3339.", accessor: Accessor::Time(|instance| instance.launch_time.map(isoformat)) },
    Column { name: "architecture", summary: "The architecture of its image.", accessor: Accessor::Text(|instance, _| non_empty(&instance.architecture)) },
    Column { name: "platform", summary: "`windows`, or nothing.", accessor: Accessor::Text(|instance, _| non_empty(&instance.platform)) },
    Column { name: "tags", summary: "All of its tags.", accessor: Accessor::Tags(|instance| &instance.tags) },
    Column { name: "state-reason", summary: "Why it is in its state, in EC2's words.", accessor: Accessor::Text(|instance, _| reason(instance)) },
    Column { name: "lifecycle", summary: "`on-demand`, `spot`, `scheduled` or `capacity-block`.", accessor: Accessor::Text(|instance, _| Some(non_empty(&instance.lifecycle).unwrap_or("on-demand"))) },
    Column { name: "operator", summary: "The AWS service that manages it, or nothing.", accessor: Accessor::Text(|instance, _| non_empty(&instance.operator)) },
    Column { name: "keep-until", summary: "Until when schedules and ends leave it out; nothing if they do not.", accessor: Accessor::TimeAt(|instance, now| instance.kept_until(now).map(isoformat)) },
    Column { name: "client-token", summary: "The token of its launch, by which EC2 launches it once; nothing if it had none.", accessor: Accessor::Text(|instance, _| non_empty(&instance.client_token)) },
    Column { name: "ipv6-addresses", summary: "Its IPv6 addresses.", accessor: Accessor::Texts(|instance| &instance.ipv6_addresses) },
    Column { name: "account", summary: "Its AWS account: 12 digits.", accessor: Accessor::Account },
];

/// EC2's message begins with the code.
fn reason(instance: &Instance) -> Option<&str> {
    let reason = instance.state_reason.as_ref()?;
    let message = reason.message.as_ref().map(AwsMessage::as_str).filter(|message| !message.is_empty());
    message.or(non_empty(&reason.code))
}

/// The schema of a list: rows of [`MEMBERS`] that the client chooses.
pub(super) fn list_schema(generator: &mut SchemaGenerator) -> Schema {
    rows_schema("ListedInstance", &MEMBERS, 0, generator)
}

/// A member of a row.
pub(super) struct Member(pub(super) &'static Column<Instance>);

impl FromText for Member {
    const PATTERN: &'static str = "";
    const EXPECTED: &'static str = "";
    const EXAMPLE: &'static str = "name";
    const VALUES: &'static [&'static str] = &column_names(&MEMBERS);

    fn from_text(text: &str) -> Option<Self> {
        MEMBERS.iter().find(|member| member.name == text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Place, Region};

    #[test]
    fn an_instance_without_values_is_listed_with_nulls() {
        let region = Region::parse("us-east-1").unwrap();
        let table = Table::new(documented_members(), false);
        assert_eq!(
            table.encode_all(&[Instance::default()], Place { account: None, region: &region }),
            "[{\"id\":\"\",\"instance-type\":null,\"instance-state\":null,\"private-ip\":null,\"key-name\":null,\"image-id\":null,\
             \"vpc-id\":null,\"subnet-id\":null,\"security-group-ids\":[]}]"
        );
    }
}
