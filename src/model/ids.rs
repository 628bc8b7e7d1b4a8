//! Identifiers. Each is made by parsing only, so every value of these types is valid.

use super::instance::MAX_TAG_VALUE_LEN;
use super::text::{FromText, text_type};

text_type! {
    /// `i-` and 8 or 17 hex digits
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html>).
    InstanceId
}

text_type! {
    /// The name of an instance: the value of its tag `Name`, 1 to 256 characters. A text that
    /// begins with `i-` is never a name.
    InstanceName
}

text_type! {
    /// `sg-` and 8 or 17 hex digits.
    SecurityGroupId
}

text_type! {
    /// `ami-` and 8 or 17 hex digits, or `resolve:ssm:` and the name of a Systems Manager parameter
    /// that holds one
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-systems-manager-parameter-to-find-AMI.html>).
    ImageId
}

text_type! {
    /// A family and a size, such as `t3.micro` or `u-6tb1.112xlarge`. Whether it exists, EC2
    /// decides.
    InstanceType
}

text_type! {
    /// `subnet-` and 8 or 17 hex digits.
    SubnetId
}

text_type! {
    /// `lt-` and 8 or 17 hex digits.
    LaunchTemplateId
}

text_type! {
    /// The name of an instance profile: 1 to 128 letters, digits and `+ = . @ _ -`. IAM also allows
    /// a comma, which would separate names in lists.
    InstanceProfileName
}

/// Implements a type of resource IDs: a prefix, and 8 or 17 hex digits.
macro_rules! resource_id_type {
    ($name:ident, $prefix:literal, $what:literal) => {
        impl $name {
            /// Parses an ID. Hex digits may be upper case; the result has EC2's lower case.
            pub fn parse(text: &str) -> Option<Self> {
                resource_id($prefix, text).map(Self)
            }
        }

        impl FromText for $name {
            const PATTERN: &'static str = concat!("^", $prefix, "([0-9a-fA-F]{8}|[0-9a-fA-F]{17})$");
            const EXPECTED: &'static str = concat!($what, ": ", $prefix, " and 8 or 17 hex digits");
            const EXAMPLE: &'static str = concat!($prefix, "0123456789abcdef0");

            fn from_text(text: &str) -> Option<Self> {
                Self::parse(text)
            }
        }
    };
}

resource_id_type!(InstanceId, "i-", "an instance's ID");
resource_id_type!(SecurityGroupId, "sg-", "a security group's ID");
resource_id_type!(SubnetId, "subnet-", "a subnet's ID");
resource_id_type!(LaunchTemplateId, "lt-", "a launch template's ID");

impl InstanceName {
    /// Parses a name.
    pub fn parse(text: &str) -> Option<Self> {
        let ok = (1..=MAX_TAG_VALUE_LEN).contains(&text.chars().count())
            && !text.starts_with("i-")
            && !text.chars().any(char::is_control);
        ok.then(|| Self(text.to_owned()))
    }
}

/// An instance as a caller names it: by its ID or by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum InstanceRef {
    Id(InstanceId),
    Name(InstanceName),
}

impl InstanceRef {
    /// The error message for a text that is neither.
    pub const WRONG: &str = "An instance's ID is i- and 8 or 17 hex digits, its name does not begin with i-";

    /// Parses an ID or a name. A text that begins with `i-` is an ID or an error: a mistyped ID
    /// never becomes a name.
    pub fn parse(text: &str) -> Option<Self> {
        InstanceId::parse(text).map(Self::Id).or_else(|| InstanceName::parse(text).map(Self::Name))
    }

    /// The ID or the name, as the caller gave it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Id(id) => id.as_str(),
            Self::Name(name) => name.as_str(),
        }
    }
}

impl FromText for InstanceRef {
    const PATTERN: &'static str = "^(i-([0-9a-fA-F]{8}|[0-9a-fA-F]{17})|i|[^i,\\s\\u0000-\\u001f\\u007f-\\u009f\\ufffd]|\
        (i[^-,\\u0000-\\u001f\\u007f-\\u009f\\ufffd]|\
        [^i,\\s\\u0000-\\u001f\\u007f-\\u009f\\ufffd][^,\\u0000-\\u001f\\u007f-\\u009f\\ufffd])\
        ([^,\\u0000-\\u001f\\u007f-\\u009f\\ufffd]{0,253}[^,\\s\\u0000-\\u001f\\u007f-\\u009f\\ufffd])?)$";
    const EXPECTED: &'static str =
        "an instance's ID, i- and 8 or 17 hex digits, or its name, which does not begin with i-";
    const EXAMPLE: &'static str = "i-0123456789abcdef0";

    fn from_text(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

impl InstanceProfileName {
    /// Parses the name of an instance profile.
    pub fn parse(text: &str) -> Option<Self> {
        let valid = |b: u8| b.is_ascii_alphanumeric() || b"+=.@_-".contains(&b);
        ((1..=128).contains(&text.len()) && text.bytes().all(valid)).then(|| Self(text.to_owned()))
    }
}

impl FromText for InstanceProfileName {
    const PATTERN: &'static str = "^[A-Za-z0-9+=.@_-]{1,128}$";
    const EXPECTED: &'static str = "the name of an instance profile, not its ARN";
    const EXAMPLE: &'static str = "web";

    fn from_text(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

/// A security group as a caller names it: by its ID or by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum SecurityGroupRef {
    Id(SecurityGroupId),
    Name(String),
}

impl FromText for SecurityGroupRef {
    const PATTERN: &'static str = "";
    const EXPECTED: &'static str = SecurityGroupId::EXPECTED;
    const EXAMPLE: &'static str = "web";

    /// A text that begins with `sg-` is an ID or an error.
    fn from_text(text: &str) -> Option<Self> {
        match text.starts_with("sg-") {
            true => SecurityGroupId::parse(text).map(Self::Id),
            false => Some(Self::Name(text.to_owned())),
        }
    }
}

impl ImageId {
    /// Parses an image ID or a reference to a Systems Manager parameter, as a deployment may
    /// configure it.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(parameter) = text.strip_prefix(PARAMETER) {
            let valid = |b: u8| b.is_ascii_alphanumeric() || b"/._-:".contains(&b);
            let ok = (1..=1024).contains(&parameter.len()) && parameter.bytes().all(valid);
            return ok.then(|| Self(text.to_owned()));
        }
        resource_id("ami-", text).map(Self)
    }

    /// Whether it is a reference to a parameter.
    pub fn is_parameter(&self) -> bool {
        self.0.starts_with(PARAMETER)
    }
}

/// The prefix of a reference to a Systems Manager parameter, which EC2 resolves.
const PARAMETER: &str = "resolve:ssm:";

/// The path of the parameters that AWS and its partners publish
/// (<https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters.html>).
/// EC2 reads parameters with the rights of the execution role. A parameter of the account may be a
/// secret, and EC2's error would tell its value.
const PUBLIC_PARAMETERS: &str = "/aws/service/";

impl FromText for ImageId {
    const PATTERN: &'static str =
        "^(ami-([0-9a-fA-F]{8}|[0-9a-fA-F]{17})|resolve:ssm:/aws/service/[A-Za-z0-9/._:-]{1,1011})$";
    const EXPECTED: &'static str = "an AMI ID (ami-...), or a public parameter of AWS (resolve:ssm:/aws/service/...)";
    const EXAMPLE: &'static str = "ami-0123456789abcdef0";

    /// Parses an image as a caller may name it: of the parameters only public ones.
    fn from_text(text: &str) -> Option<Self> {
        let may_be_named = match text.strip_prefix(PARAMETER) {
            Some(parameter) => parameter.strip_prefix(PUBLIC_PARAMETERS).is_some_and(|name| !name.is_empty()),
            None => true,
        };
        Self::parse(text).filter(|_| may_be_named)
    }
}

impl InstanceType {
    /// Parses an instance type.
    pub fn parse(text: &str) -> Option<Self> {
        let part =
            |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let (family, size) = text.split_once('.')?;
        (text.len() <= 64 && part(family) && part(size)).then(|| Self(text.to_owned()))
    }
}

impl FromText for InstanceType {
    const PATTERN: &'static str = "^[a-z0-9-]+\\.[a-z0-9-]+$";
    const EXPECTED: &'static str = "an instance type such as t3.micro";
    const EXAMPLE: &'static str = "t3.micro";
    const MAX_LEN: usize = 64;

    fn from_text(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

/// Parses an ID that has no type of its own here: `prefix` and 8 or 17 hex digits. The result is in
/// lower case.
pub fn resource_id(prefix: &str, text: &str) -> Option<String> {
    let digits = text.strip_prefix(prefix)?;
    let ok = matches!(digits.len(), 8 | 17) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    ok.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::super::region::{Region, Zone};
    use super::*;

    #[test]
    fn documented_patterns_match_exactly_what_the_parsers_accept() {
        let long = format!("i-{}", "a".repeat(16));
        for text in [
            "",
            "i-abba916a",
            "i-0123456789ABCDEF0",
            "i-abba916",
            "i-abba916a0",
            "I-abba916a",
            " i-abba916a",
            "i-xyz",
            &long,
            "sg-abba916a",
            "sg-",
            "sg-0123456789abcdef0",
            "sg-0123456789abcdef",
            "ami-12c6146b",
            "ami-",
            "resolve:ssm:/aws/a_b.c:3",
            "resolve:ssm:/aws/service/a_b.c:3",
            "resolve:ssm:/aws/service/",
            "resolve:ssm:",
            "resolve:ssm:a b",
            "ubuntu",
            "ami-12c6146b,ami-12c6146b",
            "t3.micro",
            "u-6tb1.112xlarge",
            "c7gn.metal-48xl",
            "t3",
            "t3.",
            ".micro",
            "t3.micro.x",
            "T3.micro",
            "us-east-1",
            "us-gov-west-1",
            "eusc-de-east-1",
            "us-iso-east-12",
            "us-east",
            "us-east-123",
            "us--1",
            "derp",
            "us-east-1 ",
            "US-east-1",
            "us-east-1b",
            "us-west-2-lax-1a",
            "us-east-1-wl1-bos-wlz-1",
            "us-east-1-",
            "us-east-1ab",
            "us-east-1B",
            "us-east-1.evil",
        ] {
            let matches = |pattern: &str| regex_lite::Regex::new(pattern).unwrap().is_match(text);
            assert_eq!(matches(InstanceId::PATTERN), InstanceId::parse(text).is_some(), "{text:?}");
            assert_eq!(matches(SecurityGroupId::PATTERN), SecurityGroupId::parse(text).is_some(), "{text:?}");
            assert_eq!(matches(ImageId::PATTERN), ImageId::from_text(text).is_some(), "{text:?}");
            assert_eq!(matches(InstanceType::PATTERN), InstanceType::parse(text).is_some(), "{text:?}");
            assert_eq!(matches(Region::PATTERN), Region::parse(text).is_some(), "{text:?}");
            assert_eq!(matches(Zone::PATTERN), Zone::parse(text).is_some(), "{text:?}");
        }
    }

    #[test]
    fn ok_instance_ids_have_8_or_17_hex_digits() {
        for id in ["i-abba916a", "i-0123456789abcdef0"] {
            assert_eq!(InstanceId::parse(id).unwrap().as_str(), id);
        }
        assert_eq!(InstanceId::parse("i-ABBA916A").unwrap().as_str(), "i-abba916a");
    }

    #[test]
    fn ok_a_text_that_does_not_begin_like_an_id_is_a_name() {
        assert_eq!(InstanceRef::parse("i-ABBA916A"), InstanceId::parse("i-abba916a").map(InstanceRef::Id));
        for name in ["web", "web 1", "*", "I-abba916a", "ami-abba916a", "🦀", &"é".repeat(256)] {
            assert!(
                matches!(InstanceRef::parse(name), Some(InstanceRef::Name(parsed)) if parsed.as_str() == name),
                "{name}"
            );
        }
    }

    #[test]
    fn the_documented_pattern_of_a_name_matches_names_that_can_be_items_of_a_list() {
        let pattern = regex_lite::Regex::new(InstanceRef::PATTERN).unwrap();
        for text in [
            "i-abba916a",
            "i-ABBA916A012345678",
            "i",
            "in",
            "web",
            "web 1",
            "ingress-i-1",
            "I-x",
            "é",
            &"é".repeat(256),
        ] {
            assert!(pattern.is_match(text) && InstanceRef::parse(text).is_some(), "{text:?}");
        }
        for text in ["", "i-", "i-web", "i-abba916", "a,b", " a", "a\nb", "\0", "a\u{fffd}", &"é".repeat(257)] {
            assert!(!pattern.is_match(text), "{text:?}");
        }
    }

    #[test]
    fn err_a_text_that_begins_like_an_id_is_never_a_name() {
        for text in ["", "i-", "i-web", "i-abba916", "i-abba916a ", "a\nb", "\0", &"é".repeat(257)] {
            assert_eq!(InstanceRef::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn err_anything_else_is_not_an_instance_id() {
        let long = format!("i-{}", "a".repeat(10_000));
        for text in
            ["", "i-", "i-xyz", "i-abba916", "i-abba916a0", "i-abba916\0", "I-abba916a", " i-abba916a", "é", &long]
        {
            assert_eq!(InstanceId::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn ok_images_are_ids_or_parameters() {
        for id in
            ["ami-12c6146b", "ami-0123456789abcdef0", "resolve:ssm:/aws/service/canonical/ubuntu", "resolve:ssm:x:3"]
        {
            assert!(ImageId::parse(id).is_some(), "{id}");
        }
    }

    #[test]
    fn err_anything_else_is_not_an_image() {
        for text in
            ["", "ami-", "ubuntu", "resolve:ssm:", "resolve:ssm:a b", "resolve:http://x", "ami-12c6146b,ami-12c6146b"]
        {
            assert_eq!(ImageId::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn callers_name_public_parameters_only() {
        for public in ["resolve:ssm:/aws/service/canonical/ubuntu", "resolve:ssm:/aws/service/x:3"] {
            assert!(ImageId::from_text(public).is_some_and(|image| image.is_parameter()), "{public}");
        }
        for own in [
            "resolve:ssm:/golden-ami",
            "resolve:ssm:db-password",
            "resolve:ssm:/aws/service/",
            "resolve:ssm:/aws/services/x",
            "resolve:ssm:/AWS/service/x",
            "resolve:ssm:aws/service/x",
            "resolve:ssm://aws/service/x",
            "resolve:ssm:x:/aws/service/x",
            "resolve:ssm:arn:aws:ssm:us-east-1:123456789012:parameter/aws/service/x",
            "resolve:ssm:/aws/reference/secretsmanager/x",
        ] {
            assert!(ImageId::parse(own).is_some() && ImageId::from_text(own).is_none(), "{own}");
        }
        assert!(ImageId::from_text("ami-12c6146b").is_some_and(|image| !image.is_parameter()));
    }

    #[test]
    fn ok_instance_types_are_a_family_and_a_size() {
        for text in ["t3.micro", "u-6tb1.112xlarge", "c7gn.metal-48xl", "m1.small"] {
            assert!(InstanceType::parse(text).is_some(), "{text}");
        }
    }

    #[test]
    fn err_anything_else_is_not_an_instance_type() {
        for text in
            ["", "t3", "t3.", ".micro", "t3.micro.x", "T3.micro", "t3.mi cro", &format!("t3.{}", "x".repeat(80))]
        {
            assert_eq!(InstanceType::parse(text), None, "{text:?}");
        }
    }
}
