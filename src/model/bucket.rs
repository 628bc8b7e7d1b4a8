//! Buckets and objects of S3.

use std::fmt;
use time::OffsetDateTime;

/// Suffixes of access points, Outposts and the like, whose requests the SDK sends to other hosts.
const RESERVED_SUFFIXES: [&str; 7] = ["--x-s3", "--xa-s3", "-s3alias", "--ol-s3", "--op-s3", "--table-s3", ".mrap"];

/// Prefixes that S3 reserves.
const RESERVED_PREFIXES: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];

/// A bucket that the deployment allows: its name has the deployment's prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket(String);

impl Bucket {
    /// The form of a name, for documentation; the parser is stricter.
    pub const PATTERN: &str = "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$";

    /// Parses a bucket's name by S3's rules
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>).
    ///
    /// # Errors
    /// The problem, as the end of a sentence that begins with the parameter's name.
    pub fn parse(text: &str, prefix: &str) -> Result<Self, String> {
        let valid = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let (first, last) = (text.bytes().next(), text.bytes().next_back());
        if !(3..=63).contains(&text.len())
            || !text.bytes().all(valid)
            || !edge(first)
            || !edge(last)
            || text.contains("..")
        {
            return Err("must have 3 to 63 lower-case letters, digits, hyphens and single dots, and begin and end with none of \
                        the latter"
                .to_owned());
        }
        if RESERVED_SUFFIXES.iter().any(|suffix| text.ends_with(suffix)) {
            return Err("must not have an ending that S3 keeps to itself".to_owned());
        }
        if RESERVED_PREFIXES.iter().any(|prefix| text.starts_with(prefix)) {
            return Err("must not have a beginning that S3 keeps to itself".to_owned());
        }
        match text.starts_with(prefix) {
            true => Ok(Self(text.to_owned())),
            false => Err(format!("must begin with {prefix}")),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An object's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// The form of a key, for documentation; the parser is stricter.
    pub const PATTERN: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f\\ufffd-\\uffff]+$";

    /// Parses a key of 1 to 1,024 bytes
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>).
    ///
    /// # Errors
    /// The problem, as the end of a sentence that begins with the parameter's name. Control
    /// characters do not survive S3's XML, and proxies resolve the path segments `.` and `..`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "" => Err("must not be empty"),
            _ if text.len() > 1024 => Err("must not have more than 1024 bytes"),
            _ if text.contains(|c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}')) => {
                Err("must not have control characters")
            }
            _ if text.contains(char::REPLACEMENT_CHARACTER) => Err("must be UTF-8"),
            _ if text.split('/').any(|segment| matches!(segment, "." | "..")) => {
                Err("must not have . or .. between slashes")
            }
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A bucket in a list.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are S3's")]
pub struct BucketInfo {
    pub name: String,
    pub creation_date: Option<OffsetDateTime>,
}

/// An object in a list.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are S3's")]
pub struct ObjectInfo {
    pub key: String,
    pub size: Option<i64>,
    pub last_modified: Option<OffsetDateTime>,
}

/// A page of objects, and the token of the next page.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ObjectPage {
    pub objects: Vec<ObjectInfo>,
    pub next_token: Option<String>,
}

/// The objects to list.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are S3's")]
pub struct ObjectQuery {
    pub bucket: Bucket,
    pub prefix: Option<String>,
    pub max_results: Option<u32>,
    pub next_token: Option<String>,
}

/// Headers of a request for an object that go to S3 as they came, or of S3's response. The names
/// are in lower case.
pub type ObjectHeaders = Vec<(&'static str, String)>;

/// The headers with a checksum of an object
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>).
pub const CHECKSUM_HEADERS: [&str; 10] = [
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-md5",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
    "x-amz-checksum-sha512",
    "x-amz-checksum-xxhash128",
    "x-amz-checksum-xxhash3",
    "x-amz-checksum-xxhash64",
];

/// An object to store.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Object {
    pub content: Vec<u8>,
    pub content_type: Option<String>,
    pub headers: ObjectHeaders,
}

/// S3's response for an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObjectResponse {
    /// 200, or 206 for a range.
    pub status: u16,
    /// Its headers, as far as they are passed on.
    pub headers: ObjectHeaders,
    /// The object's bytes; empty if only the headers were asked for.
    pub content: Vec<u8>,
}

/// The HTTP method of a presigned URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum PresignedMethod {
    Get,
    Put,
}

impl PresignedMethod {
    /// The HTTP method.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_buckets_have_the_prefix_and_a_name_of_s3() {
        for name in ["demo-1", "demo-a.b-c", &format!("demo-{}", "x".repeat(58))] {
            assert_eq!(Bucket::parse(name, "demo-").unwrap().as_str(), name);
        }
    }

    #[test]
    fn err_buckets_of_others_and_names_that_s3_refuses() {
        assert_eq!(Bucket::parse("other-1", "demo-").unwrap_err(), "must begin with demo-");
        for name in [
            "demo-a--use1-az4--x-s3",
            "demo-a--use1-az4--xa-s3",
            "demo-a-s3alias",
            "demo-a--ol-s3",
            "demo-a--op-s3",
            "demo-a--table-s3",
            "demo-a.mrap",
        ] {
            let problem = "must not have an ending that S3 keeps to itself";
            assert_eq!(Bucket::parse(name, "demo-").unwrap_err(), problem, "{name}");
        }
        for name in ["xn--a", "sthree-a", "sthree-configurator-a", "amzn-s3-demo-a"] {
            let problem = "must not have a beginning that S3 keeps to itself";
            assert_eq!(Bucket::parse(name, "").unwrap_err(), problem, "{name}");
        }
        let long = format!("demo-{}", "x".repeat(59));
        for name in ["", "de", "demo-", "Demo-1", "demo-a..b", "demo_1", "demo-1/", "demo-é", "demo-1.", &long] {
            assert!(Bucket::parse(name, "demo-").unwrap_err().starts_with("must have 3 to 63"), "{name}");
        }
    }

    #[test]
    fn ok_keys_are_any_text_of_up_to_1024_bytes() {
        for key in ["a", "a/b c", "%2F", "+", "🦀", "/", "a//b", "...", &"é".repeat(512)] {
            assert_eq!(ObjectKey::parse(key).unwrap().as_str(), key);
        }
    }

    #[test]
    fn err_keys_that_would_not_come_back_as_they_went_in() {
        for key in ["", "../..", "a/./b", ".", "a/..", "a\nb", "\0", "\u{fffd}", "\u{ffff}", &"é".repeat(513)] {
            assert!(ObjectKey::parse(key).is_err(), "{key:?}");
        }
    }
}
