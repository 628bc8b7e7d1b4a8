//! Identifiers. Each can be made only by parsing, so whoever holds one holds a valid one.

use super::LONGEST_TAG_VALUE;
use std::fmt;

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The identifier as AWS writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

text_type! {
    /// `i-` and 8 or 17 hex digits
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html>).
    InstanceId
}

text_type! {
    /// What people call an instance: the value of its tag `Name`, 1 to 256 characters. What begins like an ID is none.
    InstanceName
}

text_type! {
    /// `sg-` and 8 or 17 hex digits.
    SecurityGroupId
}

text_type! {
    /// `ami-` and 8 or 17 hex digits, or `resolve:ssm:` and the name of a Systems Manager parameter that holds one
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-systems-manager-parameter-to-find-AMI.html>).
    ImageId
}

text_type! {
    /// A family and a size, such as `t3.micro` or `u-6tb1.112xlarge`. Whether EC2 has it is EC2's to say.
    InstanceType
}

text_type! {
    /// The name of a region, such as `us-east-1`.
    ///
    /// It becomes part of the host name that signed requests go to, so it holds nothing but lower-case words, hyphens and
    /// a final number.
    Region
}

text_type! {
    /// An Availability Zone, Local Zone or Wavelength Zone: a region's name and what comes after it
    /// (`us-east-1b`, `us-west-2-lax-1a`, `us-east-1-wl1-bos-wlz-1`).
    Zone
}

impl InstanceId {
    /// The form of it, for documentation: what is of this form is one, and nothing else is.
    pub const PATTERN: &str = "^i-([0-9a-fA-F]{8}|[0-9a-fA-F]{17})$";

    /// Reads an instance ID. Hex digits may be upper case; EC2 writes them in lower case, and so does the result.
    pub fn parse(text: &str) -> Option<Self> {
        resource_id("i-", text).map(Self)
    }
}

impl InstanceName {
    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        let ok = (1..=LONGEST_TAG_VALUE).contains(&text.chars().count())
            && !text.starts_with("i-")
            && !text.chars().any(char::is_control);
        ok.then(|| Self(text.to_owned()))
    }
}

/// An instance that a caller means: by its ID, or by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum InstanceRef {
    Id(InstanceId),
    Name(InstanceName),
}

impl InstanceRef {
    /// The form of it, for documentation: an ID, or a name that can stand among others with commas between them.
    pub const PATTERN: &str = "^(i-([0-9a-fA-F]{8}|[0-9a-fA-F]{17})|i|[^i,\\s\\u0000-\\u001f\\u007f-\\u009f\\ufffd]|\
        (i[^-,\\u0000-\\u001f\\u007f-\\u009f\\ufffd]|\
        [^i,\\s\\u0000-\\u001f\\u007f-\\u009f\\ufffd][^,\\u0000-\\u001f\\u007f-\\u009f\\ufffd])\
        ([^,\\u0000-\\u001f\\u007f-\\u009f\\ufffd]{0,253}[^,\\s\\u0000-\\u001f\\u007f-\\u009f\\ufffd])?)$";

    /// What is told to whoever gives something that is neither.
    pub const WRONG: &str = "An instance's ID is i- and 8 or 17 hex digits, its name does not begin with i-";

    /// Reads an ID or a name. What begins with `i-` is an ID or nothing: a mistyped ID never becomes a name.
    pub fn parse(text: &str) -> Option<Self> {
        InstanceId::parse(text).map(Self::Id).or_else(|| InstanceName::parse(text).map(Self::Name))
    }
}

impl SecurityGroupId {
    /// The form of it, for documentation.
    pub const PATTERN: &str = "^sg-([0-9a-fA-F]{8}|[0-9a-fA-F]{17})$";

    /// Reads a security group ID.
    pub fn parse(text: &str) -> Option<Self> {
        resource_id("sg-", text).map(Self)
    }
}

impl ImageId {
    /// The form of it, for documentation.
    pub const PATTERN: &str = "^(ami-([0-9a-fA-F]{8}|[0-9a-fA-F]{17})|resolve:ssm:[A-Za-z0-9/._:-]{1,1024})$";

    /// Reads an image ID or a reference to a Systems Manager parameter.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(parameter) = text.strip_prefix("resolve:ssm:") {
            let valid = |b: u8| b.is_ascii_alphanumeric() || b"/._-:".contains(&b);
            let ok = (1..=1024).contains(&parameter.len()) && parameter.bytes().all(valid);
            return ok.then(|| Self(text.to_owned()));
        }
        resource_id("ami-", text).map(Self)
    }
}

impl InstanceType {
    /// The form of it, for documentation, but for its length of at most 64 characters.
    pub const PATTERN: &str = "^[a-z0-9-]+\\.[a-z0-9-]+$";

    /// Reads an instance type.
    pub fn parse(text: &str) -> Option<Self> {
        let part =
            |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let (family, size) = text.split_once('.')?;
        (text.len() <= 64 && part(family) && part(size)).then(|| Self(text.to_owned()))
    }
}

impl Region {
    /// The form of it, for documentation.
    pub const PATTERN: &str = "^[a-z]{2,4}(-[a-z]{1,12}){1,2}-[0-9]{1,2}$";

    /// Reads a region's name. That it is well formed does not say that the region exists.
    pub fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split('-').collect();
        let [first, middle @ .., last] = words.as_slice() else { return None };
        let letters = |w: &&str| (1..=12).contains(&w.len()) && w.bytes().all(|b| b.is_ascii_lowercase());
        let ok = (2..=4).contains(&first.len())
            && letters(first)
            && (1..=2).contains(&middle.len())
            && middle.iter().all(letters)
            && (1..=2).contains(&last.len())
            && last.bytes().all(|b| b.is_ascii_digit());
        ok.then(|| Self(text.to_owned()))
    }

    /// The partition that a region of this name is in
    /// (<https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>).
    pub fn partition(&self) -> Partition {
        let mut words = self.0.split('-');
        match (words.next().unwrap_or_default(), words.next().unwrap_or_default()) {
            ("cn", _) => Partition::China,
            ("us", "gov") => Partition::UsGov,
            ("us", "iso") => Partition::Iso,
            ("us", "isob") => Partition::IsoB,
            ("eu", "isoe") => Partition::IsoE,
            ("us", "isof") => Partition::IsoF,
            ("eusc", _) => Partition::EuSovereign,
            _ => Partition::Aws,
        }
    }
}

impl Zone {
    /// The form of it, for documentation, but for its length of at most 64 characters.
    pub const PATTERN: &str = "^[a-z]{2,4}(-[a-z]{1,12}){1,2}-[0-9]{1,2}([a-z]|-[a-z0-9-]+)$";

    /// Reads a zone's name.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.get(Self::region_len(text)?..)?;
        let ok = match rest.strip_prefix('-') {
            Some(local) => {
                !local.is_empty()
                    && text.len() <= 64
                    && local.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            }
            None => rest.len() == 1 && rest.bytes().all(|b| b.is_ascii_lowercase()),
        };
        ok.then(|| Self(text.to_owned()))
    }

    /// The region that the zone is in.
    pub fn region(&self) -> Region {
        let len = Self::region_len(&self.0).unwrap_or_default();
        Region(self.0.get(..len).unwrap_or_default().to_owned())
    }

    /// A zone's name begins with its region's: up to the first digits.
    fn region_len(text: &str) -> Option<usize> {
        let digit = text.find(|c: char| c.is_ascii_digit())?;
        let digits = text.get(digit..)?.bytes().take_while(u8::is_ascii_digit).count();
        Region::parse(text.get(..digit + digits)?).map(|region| region.0.len())
    }
}

/// The groups of regions that share no accounts: a role of one can do nothing in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Partition {
    Aws,
    China,
    UsGov,
    Iso,
    IsoB,
    IsoE,
    IsoF,
    EuSovereign,
}

/// Reads an ID that has no type of its own here: `prefix` and 8 or 17 hex digits.
pub fn resource_id(prefix: &str, text: &str) -> Option<String> {
    let digits = text.strip_prefix(prefix)?;
    let ok = matches!(digits.len(), 8 | 17) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    ok.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_patterns_take_what_the_parsers_take() {
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
            assert_eq!(matches(ImageId::PATTERN), ImageId::parse(text).is_some(), "{text:?}");
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
    fn ok_what_does_not_begin_like_an_id_is_a_name() {
        assert_eq!(InstanceRef::parse("i-ABBA916A"), InstanceId::parse("i-abba916a").map(InstanceRef::Id));
        for name in ["web", "web 1", "*", "I-abba916a", "ami-abba916a", "🦀", &"é".repeat(256)] {
            assert!(matches!(InstanceRef::parse(name), Some(InstanceRef::Name(it)) if it.as_str() == name), "{name}");
        }
    }

    #[test]
    fn the_documented_pattern_of_a_name_is_that_of_one_that_can_stand_in_a_list() {
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
    fn err_what_begins_like_an_id_is_never_a_name() {
        for text in ["", "i-", "i-web", "i-abba916", "i-abba916a ", "a\nb", "\0", &"é".repeat(257)] {
            assert_eq!(InstanceRef::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn err_anything_else_is_no_instance_id() {
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
    fn err_anything_else_is_no_image() {
        for text in
            ["", "ami-", "ubuntu", "resolve:ssm:", "resolve:ssm:a b", "resolve:http://x", "ami-12c6146b,ami-12c6146b"]
        {
            assert_eq!(ImageId::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn ok_instance_types_are_a_family_and_a_size() {
        for text in ["t3.micro", "u-6tb1.112xlarge", "c7gn.metal-48xl", "m1.small"] {
            assert!(InstanceType::parse(text).is_some(), "{text}");
        }
    }

    #[test]
    fn err_anything_else_is_no_instance_type() {
        for text in
            ["", "t3", "t3.", ".micro", "t3.micro.x", "T3.micro", "t3.mi cro", &format!("t3.{}", "x".repeat(80))]
        {
            assert_eq!(InstanceType::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn ok_regions_of_every_partition_are_known_as_such() {
        for (text, partition) in [
            ("us-east-1", Partition::Aws),
            ("ap-southeast-5", Partition::Aws),
            ("mx-central-1", Partition::Aws),
            ("cn-north-1", Partition::China),
            ("us-gov-west-1", Partition::UsGov),
            ("us-iso-east-1", Partition::Iso),
            ("us-isob-east-1", Partition::IsoB),
            ("eu-isoe-west-1", Partition::IsoE),
            ("us-isof-south-1", Partition::IsoF),
            ("eusc-de-east-1", Partition::EuSovereign),
        ] {
            assert_eq!(Region::parse(text).unwrap().partition(), partition, "{text}");
        }
    }

    #[test]
    fn err_hostile_regions_never_become_a_host_name() {
        for text in [
            "",
            "derp",
            "us-east",
            "us-east-",
            "-east-1",
            "us--1",
            "us-east-1.",
            "us-east-1a",
            "US-EAST-1",
            "us-east-100",
            "evil.example/",
            "x.evil.example/",
            "us-east-1.evil.example",
            "us-east-1@evil",
            "us-east-1#",
            "us-east-1\0",
            "us-east-1\n",
            "us-east-1 ",
            "us-east-1/..",
            "us-east-１",
            "all",
        ] {
            assert_eq!(Region::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn ok_zones_know_their_region() {
        for (text, region) in [
            ("us-east-1b", "us-east-1"),
            ("us-gov-west-1a", "us-gov-west-1"),
            ("us-west-2-lax-1a", "us-west-2"),
            ("us-east-1-wl1-bos-wlz-1", "us-east-1"),
        ] {
            assert_eq!(Zone::parse(text).unwrap().region().as_str(), region, "{text}");
        }
    }

    #[test]
    fn err_anything_else_is_no_zone() {
        for text in [
            "",
            "b",
            "us-east-1",
            "us-east-1-",
            "us-east-1ab",
            "us-east-1B",
            "us-east-1.evil",
            "us-east-1b/",
            "évil-1a",
        ] {
            assert_eq!(Zone::parse(text), None, "{text:?}");
        }
    }
}
