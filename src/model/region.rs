//! Regions and zones: their names become parts of host names, so they are valid by construction.

use super::text::{FromText, text_type};

text_type! {
    /// The name of a region, such as `us-east-1`.
    ///
    /// It becomes part of the host name that signed requests go to. So it has lower-case words,
    /// hyphens and a final number only.
    Region
}

text_type! {
    /// An Availability Zone, Local Zone or Wavelength Zone: a region's name and a suffix
    /// (`us-east-1b`, `us-west-2-lax-1a`, `us-east-1-wl1-bos-wlz-1`).
    Zone
}

impl Region {
    /// Parses a region's name. That it is well formed does not say that the region exists.
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

impl FromText for Region {
    const PATTERN: &'static str = "^[a-z]{2,4}(-[a-z]{1,12}){1,2}-[0-9]{1,2}$";
    const EXPECTED: &'static str = "a region that this deployment allows";
    const EXAMPLE: &'static str = "us-east-1";

    fn from_text(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

impl Zone {
    /// Parses a zone's name.
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

impl FromText for Zone {
    const PATTERN: &'static str = "^[a-z]{2,4}(-[a-z]{1,12}){1,2}-[0-9]{1,2}([a-z]|-[a-z0-9-]+)$";
    const EXPECTED: &'static str = "an Availability Zone such as us-east-1b";
    const EXAMPLE: &'static str = "us-east-1b";
    const MAX_LEN: usize = 64;

    fn from_text(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

/// A partition: a group of regions with accounts of its own. A role of one partition has no rights
/// in another.
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

impl Partition {
    /// Its name in ARNs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::China => "aws-cn",
            Self::UsGov => "aws-us-gov",
            Self::Iso => "aws-iso",
            Self::IsoB => "aws-iso-b",
            Self::IsoE => "aws-iso-e",
            Self::IsoF => "aws-iso-f",
            Self::EuSovereign => "aws-eusc",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn err_anything_else_is_not_a_zone() {
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
