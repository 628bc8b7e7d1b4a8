//! Launch templates: how callers name them, and what a launch takes from one.

use super::ids::{ImageId, InstanceType, LaunchTemplateId};
use super::launch_options::LaunchOptions;
use super::text::FromText;
use std::fmt;

/// A version of a launch template as a caller names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchTemplateRef {
    /// The template.
    pub template: LaunchTemplateKey,
    /// A number, `$Default` or `$Latest`.
    pub version: String,
}

/// A launch template by its ID or by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum LaunchTemplateKey {
    Id(LaunchTemplateId),
    Name(String),
}

impl FromText for LaunchTemplateRef {
    // Names: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_LaunchTemplate.html
    const PATTERN: &'static str = r"^[A-Za-z0-9()./_-]{3,128}(:([1-9][0-9]{0,17}|\$Default|\$Latest))?$";
    const EXPECTED: &'static str = "a launch template's name or ID (lt-...), and a colon with a version number, $Default or $Latest if it is not the default version";
    const EXAMPLE: &'static str = "web:3";

    /// A text that begins with `lt-` is an ID or an error.
    fn from_text(text: &str) -> Option<Self> {
        let (template, version) = text.split_once(':').unwrap_or((text, "$Default"));
        let is_number = matches!(version.len(), 1..=18)
            && version.bytes().all(|byte| byte.is_ascii_digit())
            && !version.starts_with('0');
        let is_version = is_number || version == "$Default" || version == "$Latest";
        let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"()./_-".contains(&byte);
        let key = match template.starts_with("lt-") {
            true => LaunchTemplateId::parse(template).map(LaunchTemplateKey::Id),
            false => (matches!(template.len(), 3..=128) && template.bytes().all(is_name_byte))
                .then(|| LaunchTemplateKey::Name(template.to_owned())),
        };
        key.filter(|_| is_version).map(|template| Self { template, version: version.to_owned() })
    }
}

impl fmt::Display for LaunchTemplateRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let template = match &self.template {
            LaunchTemplateKey::Id(id) => id.as_str(),
            LaunchTemplateKey::Name(name) => name,
        };
        write!(f, "{template}:{}", self.version)
    }
}

/// One version of a launch template. It never changes.
#[derive(Clone, Debug, PartialEq)]
pub struct LaunchTemplate {
    /// The template's ID.
    pub id: LaunchTemplateId,
    /// The version's number.
    pub version: i64,
    /// The members that limits and policies decide on.
    pub data: LaunchTemplateData,
}

/// The members of a launch template that limits and policies decide on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LaunchTemplateData {
    /// The image, by its ID or by a public parameter.
    pub image_id: Option<ImageId>,
    /// The type.
    pub instance_type: Option<InstanceType>,
    /// Whether the instances are spot instances.
    pub is_spot: bool,
    /// The instance metadata service, but for its tokens.
    pub metadata: MetadataOptions,
    /// The rest.
    pub options: LaunchOptions,
}

/// How an instance's metadata service answers, in EC2's words.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are EC2's")]
pub struct MetadataOptions {
    pub http_endpoint: Option<String>,
    pub http_put_response_hop_limit: Option<i32>,
    pub http_protocol_ipv6: Option<String>,
    pub instance_metadata_tags: Option<String>,
}
