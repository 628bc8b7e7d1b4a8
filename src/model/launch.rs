//! A launch, as it goes to EC2.

use super::ids::{ImageId, InstanceType, SubnetId};
use super::launch_options::LaunchOptions;
use super::launch_template::LaunchTemplate;
use super::text::FromText;

/// A launch: the arguments of
/// [RunInstances](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html).
#[derive(Clone, Debug, PartialEq)]
pub struct Launch {
    /// The launch template that completes the launch: EC2 takes from it what is no member here.
    pub template: Option<LaunchTemplate>,
    /// The image, or the parameter that names it.
    pub image_id: ImageId,
    /// The type of every instance.
    pub instance_type: InstanceType,
    /// EC2 launches this many or none.
    pub min_count: u32,
    /// EC2 launches as many as it can up to this.
    pub max_count: u32,
    /// The subnet; `None`: the default one of the zone.
    pub subnet_id: Option<SubnetId>,
    /// Whether the instances are spot instances.
    pub spot: Spot,
    /// Whether the instance metadata service refuses requests of IMDSv1.
    pub http_tokens: HttpTokens,
    /// The rest.
    pub options: LaunchOptions,
}

/// Whether instances are launched on spare capacity, at a lower price, until EC2 takes them back
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-instances.html>).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spot {
    /// They are not.
    #[default]
    Never,
    /// They are if there is spare capacity, else on demand.
    Prefer,
    /// They are, or nothing is launched.
    Only,
}

impl Spot {
    /// Its name in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Prefer => "prefer",
            Self::Only => "only",
        }
    }
}

impl FromText for Spot {
    const PATTERN: &'static str = "";
    const EXPECTED: &'static str = "only or prefer";
    const EXAMPLE: &'static str = "prefer";
    const VALUES: &'static [&'static str] = &["only", "prefer"];

    fn from_text(text: &str) -> Option<Self> {
        [Self::Only, Self::Prefer].into_iter().find(|spot| spot.as_str() == text)
    }
}

/// Whether requests to the instance metadata service need a session token
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpTokens {
    /// They do: IMDSv2 only. With IMDSv1, a request that an attacker makes the instance send is
    /// enough to steal its credentials.
    Required,
    /// They do not: IMDSv1 and IMDSv2.
    Optional,
}

impl HttpTokens {
    /// Parses EC2's word.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "required" => Some(Self::Required),
            "optional" => Some(Self::Optional),
            _ => None,
        }
    }

    /// EC2's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
        }
    }
}
