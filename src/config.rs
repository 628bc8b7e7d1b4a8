//! The configuration: the environment variables of the function, read once, at cold start.
//!
//! An invalid value stops the function there and names the variable. A deployment that starts is
//! configured.

mod schedules;
mod variables;

use crate::auth::{ApiKeys, Authentication, Callers, parse_groups};
use crate::authz::{InstanceProfiles, InstanceTypes, Limits, ModifiableAttributes, Policies, ProtectedTag};
use crate::model::{
    Accounts, FromText as _, HttpTokens, ImageId, InstanceType, Origin, Region, SecurityGroupRef, ShutdownBehavior,
    Zone, is_invisible, list_items, list_words,
};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

pub use schedules::Schedules;
use variables::{
    ACCOUNTS, ACCOUNTS_EXTERNAL_ID, ALLOWED_INSTANCE_TYPES, ALLOWED_REGIONS, API_KEYS, AUTHENTICATION, BASE_PATH,
    BUCKET_PREFIX, CALLER_GROUPS, CORS_ORIGINS, DEFAULT_IMAGE, DEFAULT_INSTANCE_TYPE, DEFAULT_REGION,
    INSTANCE_PROFILES, JWT_GROUPS_CLAIM, LAUNCH_EBS_OPTIMIZED, LAUNCH_HTTP_TOKENS, LAUNCH_KEY_NAME, LAUNCH_PLACEMENT,
    LAUNCH_SECURITY_GROUPS, LAUNCH_SHUTDOWN_BEHAVIOR, MAX_INSTANCES_PER_LAUNCH, MAX_SCHEDULES, MODIFIABLE_ATTRIBUTES,
    PAGES, POLICY_FILE, PROTECTED_TAG, RESERVED_TAGS, SCHEDULE_GROUP, SCHEDULE_QUEUE, SCHEDULE_ROLE, SCHEDULE_TARGET,
    SERVES, UNKNOWN_PARAMETERS,
};
pub use variables::{VARIABLES, Variable};

/// The configuration.
#[derive(Debug)]
pub struct Config {
    /// The callers and the authentication methods.
    pub callers: Callers,
    /// The limits for all callers.
    pub limits: Limits,
    /// The policy file, if policies are configured.
    pub policy_file: Option<PathBuf>,
    /// The other accounts, each with the role that is assumed there.
    pub accounts: Accounts,
    /// The external ID for those roles.
    pub accounts_external_id: Option<String>,
    /// Where schedules are kept; `None`: the deployment has none.
    pub schedules: Option<Schedules>,
    /// What the function serves.
    pub serves: Serves,
    /// What becomes of parameters that a route does not take.
    pub unknown_parameters: UnknownParameters,
    /// The regions that callers may name.
    pub regions: Regions,
    /// The image of `/ec2/create`.
    pub default_image: ImageId,
    /// The instance type of `/ec2/create`.
    pub default_instance_type: InstanceType,
    /// The defaults of `/v1/launch`.
    pub launch: LaunchDefaults,
    /// Whether instances of every launch refuse IMDSv1.
    pub http_tokens: HttpTokens,
    /// The prefix of the names of all buckets of `/s3`; `None` turns `/s3` off.
    pub bucket_prefix: Option<String>,
    /// The base path of a custom domain: `/` and segments, without a slash at the end.
    pub base_path: Option<String>,
    /// Whether the function serves its pages and documents.
    pub pages: bool,
    /// The origins whose pages may read responses.
    pub cors_origins: Vec<Origin>,
    /// Endpoint overrides.
    pub endpoints: Endpoints,
    /// The trust store for calls to AWS.
    pub trust_store: TrustStore,
    /// The address of the X-Ray daemon, which Lambda sets (`AWS_XRAY_DAEMON_ADDRESS`). An invalid
    /// address disables tracing.
    pub xray_daemon: Option<SocketAddr>,
}

/// The regions that callers may name.
#[derive(Debug)]
pub struct Regions {
    /// The region of requests that name none.
    pub default: Region,
    /// `None`: every region of the default region's partition.
    allowed: Option<Vec<Region>>,
}

impl Regions {
    /// Parses the name of a region that the deployment allows.
    pub fn allow(&self, name: &str) -> Option<Region> {
        let region = Region::parse(name)?;
        self.allows(&region).then_some(region)
    }

    /// The regions that the deployment allows, with the default one; `None`: all of its partition.
    pub fn listed(&self) -> Option<&[Region]> {
        self.allowed.as_deref()
    }

    /// Whether the deployment allows the region.
    pub fn allows(&self, region: &Region) -> bool {
        match &self.allowed {
            Some(allowed) => allowed.contains(region),
            None => region.partition() == self.default.partition(),
        }
    }
}

/// Endpoint overrides from the SDK's standard variables. They are read here and not by the SDK: it
/// fails every call if a variable is empty, and a template can't leave a variable out.
#[derive(Debug, Default)]
pub struct Endpoints {
    /// The URL of an emulator of EC2
    /// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>).
    pub ec2: Option<String>,
    /// The URL of an emulator of S3.
    pub s3: Option<String>,
    /// The URL of an emulator of STS.
    pub sts: Option<String>,
    /// The URL of an emulator of EventBridge Scheduler.
    pub scheduler: Option<String>,
    /// Whether to use AWS's FIPS 140 endpoints
    /// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-endpoints.html>).
    pub fips: bool,
    /// Whether to use AWS's endpoints with IPv6.
    pub dual_stack: bool,
}

impl Endpoints {
    /// Whether no call can reach AWS: EC2, and S3 if it is called, are overridden by hosts that are
    /// not AWS's own. The host of a VPC endpoint is AWS's.
    fn are_emulators(&self, calls_s3: bool) -> bool {
        let is_emulator = |url: &Option<String>| url.as_deref().is_some_and(|url| !is_host_of_aws(url));
        is_emulator(&self.ec2) && (!calls_s3 || is_emulator(&self.s3))
    }
}

/// Whether the URL leads to a host of AWS.
fn is_host_of_aws(url: &str) -> bool {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let (_, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let host = host.split(':').next().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    ["amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "aws", "ic.gov", "sgov.gov", "adc-e.uk"]
        .iter()
        .any(|domain| host.strip_suffix(domain).is_some_and(|name| name.is_empty() || name.ends_with('.')))
}

/// What the function serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    /// Requests from API Gateway.
    Api,
    /// Events from EventBridge Scheduler.
    Schedules,
}

/// What becomes of parameters that a route does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownParameters {
    /// The request is refused.
    Refuse,
    /// They are ignored with a warning, unless a change has one that resembles a parameter of the
    /// route.
    Warn,
}

/// Which certificates are trusted for calls to AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustStore {
    /// Amazon's roots, with the system's roots as fallback.
    Amazon,
    /// The system's roots: `SSL_CERT_FILE` or `SSL_CERT_DIR` is set.
    System,
}

/// The defaults of `/v1/launch`.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names are the parameters'")]
pub struct LaunchDefaults {
    pub key_name: String,
    pub security_groups: Vec<SecurityGroupRef>,
    pub placement: Zone,
    pub shutdown_behavior: ShutdownBehavior,
    pub ebs_optimized: bool,
}

/// An invalid variable.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The variable's name.
    pub variable: &'static str,
    /// The problem, without the value: a value may be a secret.
    pub problem: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "environment variable {}: {}", self.variable, self.problem)
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads the configuration. `lookup` returns the value of an environment variable. An empty
    /// value counts as unset: a template can't leave a variable out.
    ///
    /// # Errors
    /// The first invalid variable.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let set = |name: &str| lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let text = |variable: &Variable| set(variable.name).unwrap_or_else(|| variable.default.to_owned());
        let problem = |variable: &'static Variable| {
            move |problem: &str| ConfigError { variable: variable.name, problem: problem.to_owned() }
        };

        let own_region = set(DEFAULT_REGION.name)
            .or_else(|| set("AWS_REGION"))
            .ok_or_else(|| problem(DEFAULT_REGION)("is not set, and neither is AWS_REGION"))?;
        let default = Region::parse(&own_region).ok_or_else(|| problem(DEFAULT_REGION)("is not a region"))?;
        let allowed = match text(ALLOWED_REGIONS).as_str() {
            "*" => None,
            list => {
                let parse = |(i, name): (usize, &str)| {
                    let invalid = || problem(ALLOWED_REGIONS)(&format!("entry {} is not a region", i + 1));
                    Region::parse(name).ok_or_else(invalid)
                };
                let names = list_words(list).map_err(|error| problem(ALLOWED_REGIONS)(&error))?;
                Some(names.into_iter().enumerate().map(parse).collect::<Result<Vec<_>, _>>()?)
            }
        };
        let regions = Regions { default, allowed };
        if !regions.allows(&regions.default) {
            return Err(problem(ALLOWED_REGIONS)(&format!("does not hold the default region {}", regions.default)));
        }

        let bucket_prefix = match set(BUCKET_PREFIX.name) {
            Some(prefix) if !is_bucket_prefix(&prefix) => {
                let invalid =
                    "is not how a bucket's name can begin, leaves no room for the rest, or does not end in a hyphen";
                return Err(problem(BUCKET_PREFIX)(invalid));
            }
            prefix => prefix,
        };

        let endpoint = |variable: &'static str| {
            let url = [variable, "AWS_ENDPOINT_URL"].iter().find_map(|name| set(name));
            let invalid = || ConfigError { variable, problem: "is not a URL".to_owned() };
            let valid = |url: &String| url.starts_with("http://") || url.starts_with("https://");
            url.map(|url| if valid(&url) { Ok(url) } else { Err(invalid()) }).transpose()
        };

        let flag = |variable: &'static str| match set(variable) {
            Some(value) => (value.to_ascii_lowercase().parse())
                .map_err(|_| ConfigError { variable, problem: "is neither true nor false".to_owned() }),
            None => Ok(false),
        };

        let endpoints = Endpoints {
            ec2: endpoint("AWS_ENDPOINT_URL_EC2")?,
            s3: endpoint("AWS_ENDPOINT_URL_S3")?,
            sts: endpoint("AWS_ENDPOINT_URL_STS")?,
            scheduler: endpoint("AWS_ENDPOINT_URL_SCHEDULER")?,
            fips: flag("AWS_USE_FIPS_ENDPOINT")?,
            dual_stack: flag("AWS_USE_DUALSTACK_ENDPOINT")?,
        };

        let trust_store = match (lookup("SSL_CERT_FILE").as_deref().map(str::trim), set("SSL_CERT_DIR")) {
            // The TLS library would take this for a file without certificates.
            (Some(""), _) => {
                let problem = "is empty, which means a trust store without certificates: leave it out".to_owned();
                return Err(ConfigError { variable: "SSL_CERT_FILE", problem });
            }
            (None, None) => TrustStore::Amazon,
            _ => TrustStore::System,
        };

        let invalid = |variable, what: &'static str| move || problem(variable)(what);
        let keys = ApiKeys::parse(&text(API_KEYS)).map_err(|error| problem(API_KEYS)(&error))?;
        if !endpoints.are_emulators(bucket_prefix.is_some())
            && let Some(index) = keys.position_of_well_known()
        {
            let what = "has the digest of a key that everybody knows: empty, of an example, or a usual word";
            return Err(problem(API_KEYS)(&format!("entry {} {what}. It counts with an emulator only", index + 1)));
        }
        let callers = Callers {
            only: (set(AUTHENTICATION.name).map(|name| Authentication::parse(&name)))
                .map(|method| method.ok_or_else(invalid(AUTHENTICATION, "is none of key, iam, jwt")))
                .transpose()?,
            keys,
            groups: parse_groups(&text(CALLER_GROUPS)).map_err(|error| problem(CALLER_GROUPS)(&error))?,
            groups_claim: match set(JWT_GROUPS_CLAIM.name) {
                Some(name) if name.contains(|c: char| c.is_whitespace() || is_invisible(c)) => {
                    return Err(problem(JWT_GROUPS_CLAIM)("is not the name of one claim"));
                }
                name => name,
            },
        };
        let reserved_tags = list_items(&text(RESERVED_TAGS)).map(|keys| keys.into_iter().map(str::to_owned).collect());
        let limits = Limits {
            reserved_tags: reserved_tags.map_err(|error| problem(RESERVED_TAGS)(&error))?,
            instance_types: (set(ALLOWED_INSTANCE_TYPES.name).map(|list| InstanceTypes::parse(&list)))
                .transpose()
                .map_err(|error| problem(ALLOWED_INSTANCE_TYPES)(&error))?,
            instance_profiles: (set(INSTANCE_PROFILES.name).map(|list| InstanceProfiles::parse(&list)))
                .transpose()
                .map_err(|error| problem(INSTANCE_PROFILES)(&error))?,
            max_instances_per_launch: (set(MAX_INSTANCES_PER_LAUNCH.name)
                .map(|count| count.parse().ok().filter(|count| *count > 0)))
            .map(|count| count.ok_or_else(invalid(MAX_INSTANCES_PER_LAUNCH, "is not a whole number from 1")))
            .transpose()?,
            protected_tag: (set(PROTECTED_TAG.name).map(|tag| ProtectedTag::parse(&tag)))
                .map(|tag| {
                    tag.ok_or_else(invalid(
                        PROTECTED_TAG,
                        "is neither a tag's key nor key=value, without white space around them",
                    ))
                })
                .transpose()?,
            modifiable_attributes: ModifiableAttributes::parse(&text(MODIFIABLE_ATTRIBUTES))
                .map_err(|error| problem(MODIFIABLE_ATTRIBUTES)(&error))?,
        };

        let accounts = match text(ACCOUNTS) {
            path if path.starts_with('/') => read_lines(&path).map_err(|error| problem(ACCOUNTS)(&error))?,
            list => list,
        };
        let accounts = Accounts::parse(&accounts, regions.default.partition());

        let arn = |variable: &'static Variable, service| {
            let value = set(variable.name).ok_or_else(|| problem(variable)("is not set, but SCHEDULE_GROUP is"))?;
            let invalid = || problem(variable)(&format!("is not an ARN of {service}"));
            if Schedules::is_arn(&value, service) { Ok(value) } else { Err(invalid()) }
        };
        let schedules = match set(SCHEDULE_GROUP.name) {
            None => None,
            Some(group) if !Schedules::is_group(&group) => {
                return Err(problem(SCHEDULE_GROUP)("is not the name of a schedule group"));
            }
            Some(group) => {
                let target = arn(SCHEDULE_TARGET, "lambda")?;
                let (region, account) = Schedules::place(&target)
                    .ok_or_else(|| problem(SCHEDULE_TARGET)("is not the ARN of a function in a region"))?;
                let role = arn(SCHEDULE_ROLE, "iam")?;
                let queue = set(SCHEDULE_QUEUE.name).map(|_| arn(SCHEDULE_QUEUE, "sqs")).transpose()?;
                let max = text(MAX_SCHEDULES).parse().map_err(|_| problem(MAX_SCHEDULES)("is not a whole number"))?;
                Some(Schedules { group, region, account, role, target, queue, max })
            }
        };
        let serves = match text(SERVES).as_str() {
            "api" => Serves::Api,
            "schedules" if schedules.is_some() => Serves::Schedules,
            "schedules" => return Err(problem(SERVES)("is schedules without SCHEDULE_GROUP")),
            _ => return Err(problem(SERVES)("is neither api nor schedules")),
        };

        Ok(Self {
            callers,
            limits,
            schedules,
            serves,
            accounts: accounts.map_err(|error| problem(ACCOUNTS)(&error))?,
            accounts_external_id: match set(ACCOUNTS_EXTERNAL_ID.name) {
                Some(id) if !is_external_id(&id) => {
                    return Err(problem(ACCOUNTS_EXTERNAL_ID)("is not an external ID as STS takes it"));
                }
                id => id,
            },
            policy_file: set(POLICY_FILE.name).map(PathBuf::from),
            unknown_parameters: match text(UNKNOWN_PARAMETERS).as_str() {
                "refuse" => UnknownParameters::Refuse,
                "warn" => UnknownParameters::Warn,
                _ => return Err(problem(UNKNOWN_PARAMETERS)("is neither refuse nor warn")),
            },
            default_image: ImageId::parse(&text(DEFAULT_IMAGE)).ok_or_else(|| {
                problem(DEFAULT_IMAGE)("is neither an AMI ID nor resolve:ssm: and a parameter's name")
            })?,
            default_instance_type: InstanceType::parse(&text(DEFAULT_INSTANCE_TYPE))
                .ok_or_else(|| problem(DEFAULT_INSTANCE_TYPE)("is not an instance type"))?,
            launch: LaunchDefaults {
                key_name: text(LAUNCH_KEY_NAME),
                security_groups: list_items(&text(LAUNCH_SECURITY_GROUPS))
                    .map_err(|error| problem(LAUNCH_SECURITY_GROUPS)(&error))?
                    .into_iter()
                    .map(SecurityGroupRef::from_text)
                    .collect::<Option<_>>()
                    .ok_or_else(|| problem(LAUNCH_SECURITY_GROUPS)("has an invalid security group ID"))?,
                placement: Zone::parse(&text(LAUNCH_PLACEMENT))
                    .ok_or_else(|| problem(LAUNCH_PLACEMENT)("is not an Availability Zone"))?,
                shutdown_behavior: ShutdownBehavior::parse(&text(LAUNCH_SHUTDOWN_BEHAVIOR))
                    .ok_or_else(|| problem(LAUNCH_SHUTDOWN_BEHAVIOR)("is neither stop nor terminate"))?,
                ebs_optimized: (text(LAUNCH_EBS_OPTIMIZED).parse())
                    .map_err(|_| problem(LAUNCH_EBS_OPTIMIZED)("is neither true nor false"))?,
            },
            http_tokens: HttpTokens::parse(&text(LAUNCH_HTTP_TOKENS))
                .ok_or_else(|| problem(LAUNCH_HTTP_TOKENS)("is neither required nor optional"))?,
            bucket_prefix,
            base_path: match set(BASE_PATH.name) {
                Some(path) if !is_base_path(&path) => {
                    return Err(problem(BASE_PATH)("is not one path such as /api, without a slash at its end"));
                }
                path => path,
            },
            pages: (text(PAGES).parse()).map_err(|_| problem(PAGES)("is neither true nor false"))?,
            cors_origins: list_words(&text(CORS_ORIGINS))
                .map_err(|error| problem(CORS_ORIGINS)(&error))?
                .into_iter()
                .map(Origin::parse)
                .collect::<Option<_>>()
                .ok_or_else(invalid(CORS_ORIGINS, "is not origins such as https://app.example.com, comma-separated"))?,
            endpoints,
            trust_store,
            xray_daemon: set("AWS_XRAY_DAEMON_ADDRESS").and_then(|address| address.parse().ok()),
            regions,
        })
    }
}

impl Config {
    /// Reads the policy file, if one is configured.
    ///
    /// # Errors
    /// The file can't be read, or its policies do not fit the schema.
    pub fn read_policies(&self) -> Result<Option<Policies>, ConfigError> {
        let invalid = |problem| ConfigError { variable: POLICY_FILE.name, problem };
        let Some(path) = &self.policy_file else { return Ok(None) };
        let text = std::fs::read_to_string(path).map_err(|error| invalid(format!("{}: {error}", path.display())))?;
        let policies =
            Policies::parse(&text).map_err(|problems| invalid(format!("{}:\n{problems}", path.display())))?;
        Ok(Some(policies))
    }
}

/// Whether S3 allows names that begin like this, with at least three of the 63 characters left. The
/// hyphen at the end keeps `demo` from matching `democracy`.
fn is_bucket_prefix(text: &str) -> bool {
    let valid = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    text.len() <= 60
        && text.bytes().all(valid)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with('-')
}

/// The lines of a file as one list, without empty lines and lines that begin with `#`.
fn read_lines(path: &str) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.collect::<Vec<_>>().join(","))
}

/// Whether STS takes it
/// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>).
fn is_external_id(text: &str) -> bool {
    let valid = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&b);
    (2..=1224).contains(&text.len()) && text.bytes().all(valid)
}

/// Whether this is the base path of a custom domain: `/` and segments.
fn is_base_path(text: &str) -> bool {
    let segment = |segment: &str| {
        let valid = |b: u8| b.is_ascii_alphanumeric() || b"-_.~$!'()*+;:@".contains(&b);
        !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(valid)
    };
    text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(segment))
}

#[cfg(test)]
mod tests;
