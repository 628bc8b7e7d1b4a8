//! The values of some members of a launch, or of a launch template.

use super::region::Zone;
use super::text::FromText;
use base64::prelude::{BASE64_STANDARD, Engine as _};

/// Where instances are launched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Placement {
    /// The zone; `None`: EC2 chooses.
    pub zone: Option<Zone>,
    /// The placement group.
    pub group_name: Option<String>,
}

/// What a shutdown from inside the instance does to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ShutdownBehavior {
    Stop,
    Terminate,
}

impl ShutdownBehavior {
    /// Every value, in EC2's words.
    pub const NAMES: [&str; 2] = ["stop", "terminate"];

    /// Parses EC2's word.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "stop" => Some(Self::Stop),
            "terminate" => Some(Self::Terminate),
            _ => None,
        }
    }

    /// EC2's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Terminate => "terminate",
        }
    }
}

impl FromText for ShutdownBehavior {
    const PATTERN: &'static str = "";
    const EXPECTED: &'static str = "stop or terminate";
    const EXAMPLE: &'static str = "stop";
    const VALUES: &'static [&'static str] = &Self::NAMES;

    fn from_text(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

/// The user data of an instance, before the base64 encoding that EC2 takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserData(Vec<u8>);

impl UserData {
    /// EC2's limit, in bytes:
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html>.
    pub const MAX_BYTES: usize = 16 * 1024;

    /// User data of these bytes; `None` if there are too many.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() <= Self::MAX_BYTES).then(|| Self(bytes.to_vec()))
    }

    /// The bytes of user data in base64, whose lines may be broken; `None` if it is not base64.
    pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
        BASE64_STANDARD.decode(text.replace(['\r', '\n'], "")).ok()
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
