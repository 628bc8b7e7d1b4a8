//! `/v1/{id}/modify`: the attributes that ModifyInstanceAttribute takes, in boto's spelling.

use crate::error::Error;
use crate::http::param::{AnyValue, Given, Param, ParamValue};
use crate::http::param_info::{ParamInfo, ParamKind};
use crate::http::params::Params;
use crate::http::route::Input;
use crate::model::{
    Attribute, DeleteOnTermination, FromText, InstanceType, SecurityGroupId, ShutdownBehavior, UserData, resource_id,
};

/// The attribute.
pub(super) const ATTRIBUTE: Param<AttributeName> =
    Param::required("attribute", "The attribute: instanceType as in boto, InstanceType, or instance_type.");

/// Its new value.
pub(super) const VALUE: Param<AnyValue> =
    Param::required("value", "Its new value: text, true or false; base64 for userData, empty to clear it; a list of group IDs for groupSet, of /dev/sda1=false (delete on termination) for blockDeviceMapping.")
        .max_items(super::common::MAX_GROUPS)
        .example("t3.small");

/// The attribute with its new value.
pub(super) fn attribute(input: &Input<'_>) -> Result<Attribute, Error> {
    (input.required(ATTRIBUTE)?.read)(input)
}

/// An attribute, and how its value is read.
pub(super) struct AttributeName {
    read: ReadAttribute,
}

type ReadAttribute = fn(&Input<'_>) -> Result<Attribute, Error>;

impl FromText for AttributeName {
    const PATTERN: &'static str = "";
    const EXPECTED: &'static str = "";
    const EXAMPLE: &'static str = "instanceType";
    const VALUES: &'static [&'static str] = &names(&ATTRIBUTES);

    fn from_text(text: &str) -> Option<Self> {
        let capitalized = |name: &str| name.eq_ignore_ascii_case(text) && name.get(1..) == text.get(1..);
        let attribute = ATTRIBUTES.iter().find(|(name, _)| capitalized(name) || snake_case(name) == text);
        attribute.map(|(_, read)| Self { read: *read })
    }
}

/// All attributes.
const ATTRIBUTES: [(&str, ReadAttribute); 13] = [
    ("instanceType", |input| Ok(Attribute::InstanceType(value::<InstanceType>(input)?))),
    ("kernel", |input| Ok(Attribute::Kernel(value::<KernelId>(input)?.0))),
    ("ramdisk", |input| Ok(Attribute::Ramdisk(value::<RamdiskId>(input)?.0))),
    ("userData", |input| Ok(Attribute::UserData(user_data(input)?))),
    ("disableApiTermination", |input| Ok(Attribute::DisableApiTermination(value(input)?))),
    ("instanceInitiatedShutdownBehavior", |input| {
        Ok(Attribute::InstanceInitiatedShutdownBehavior(value::<ShutdownBehavior>(input)?))
    }),
    ("sourceDestCheck", |input| Ok(Attribute::SourceDestCheck(value(input)?))),
    ("groupSet", |input| Ok(Attribute::GroupSet(value::<Vec<SecurityGroupId>>(input)?))),
    ("ebsOptimized", |input| Ok(Attribute::EbsOptimized(value(input)?))),
    ("sriovNetSupport", |input| Ok(Attribute::SriovNetSupport(value::<SriovNetSupport>(input)?.0))),
    ("enaSupport", |input| Ok(Attribute::EnaSupport(value(input)?))),
    ("disableApiStop", |input| Ok(Attribute::DisableApiStop(value(input)?))),
    ("blockDeviceMapping", |input| Ok(Attribute::BlockDeviceMapping(value::<Vec<DeleteOnTermination>>(input)?))),
];

/// The new value as a `T`.
fn value<T: ParamValue>(input: &Input<'_>) -> Result<T, Error> {
    match input.given(VALUE.of::<T>())? {
        Given::Value(value) => Ok(value),
        Given::Absent | Given::Empty => Err(Error::missing(VALUE.info.name)),
    }
}

/// New user data; empty to clear it.
fn user_data(input: &Input<'_>) -> Result<UserData, Error> {
    match input.given(VALUE.of::<Base64UserData>())? {
        Given::Value(Base64UserData(user_data)) => Ok(user_data),
        Given::Empty => Ok(UserData::default()),
        Given::Absent => Err(Error::missing(VALUE.info.name)),
    }
}

/// User data in base64, as boto and EC2 have it.
struct Base64UserData(UserData);

impl ParamValue for Base64UserData {
    const KIND: ParamKind = ParamKind::Text;

    fn read(params: &Params, info: &ParamInfo) -> Result<Option<Self>, Error> {
        let Some(text) = params.raw(info)? else { return Ok(None) };
        let invalid = |problem: String| Error::invalid(info.name, problem);
        let not_base64 = || invalid("must be base64 for userData".to_owned());
        let bytes = UserData::decode_base64(text).ok_or_else(not_base64)?;
        let user_data = UserData::new(&bytes);
        let too_large = || invalid(format!("has more than {} bytes", UserData::MAX_BYTES));
        user_data.map(|user_data| Some(Self(user_data))).ok_or_else(too_large)
    }
}

/// The first column of a table.
const fn names<T, const N: usize>(table: &[(&'static str, T); N]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut i = 0;
    while i < N {
        #[expect(clippy::indexing_slicing, reason = "both are N long")]
        (names[i] = table[i].0);
        i += 1;
    }
    names
}

/// A kernel's ID.
struct KernelId(String);

impl FromText for KernelId {
    const PATTERN: &'static str = "";
    const EXPECTED: &'static str = "a kernel's ID (aki-...)";
    const EXAMPLE: &'static str = "";

    fn from_text(text: &str) -> Option<Self> {
        resource_id("aki-", text).map(Self)
    }
}

/// A RAM disk's ID.
struct RamdiskId(String);

impl FromText for RamdiskId {
    const PATTERN: &'static str = "";
    const EXPECTED: &'static str = "a RAM disk's ID (ari-...)";
    const EXAMPLE: &'static str = "";

    fn from_text(text: &str) -> Option<Self> {
        resource_id("ari-", text).map(Self)
    }
}

/// The only value that EC2 has for it.
struct SriovNetSupport(String);

impl FromText for SriovNetSupport {
    const PATTERN: &'static str = "";
    const EXPECTED: &'static str = "simple";
    const EXAMPLE: &'static str = "";

    fn from_text(text: &str) -> Option<Self> {
        (text == "simple").then(|| Self(text.to_owned()))
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_have_names_in_snake_case_too() {
        assert_eq!(snake_case("instanceInitiatedShutdownBehavior"), "instance_initiated_shutdown_behavior");
        assert_eq!(snake_case("kernel"), "kernel");
        for (name, _) in ATTRIBUTES {
            let capitalized = name.get(..1).unwrap().to_uppercase() + name.get(1..).unwrap();
            for spelling in [name, &capitalized, &snake_case(name)] {
                assert!(AttributeName::from_text(spelling).is_some(), "{spelling}");
            }
            let upper = name.to_uppercase();
            assert!(AttributeName::from_text(&upper).is_none(), "{upper}");
        }
    }
}
