//! The environment variables of the function: names, defaults and purposes.

/// Canonical's public parameter for its current Ubuntu LTS
/// (<https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/>). An AMI ID is
/// valid in one region only, this name is valid in all.
const UBUNTU: &str = "resolve:ssm:/aws/service/canonical/ubuntu/server/26.04/stable/current/amd64/hvm/ebs-gp3/ami-id";

/// An environment variable.
#[derive(Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The value if it is unset or empty.
    pub default: &'static str,
    /// Its purpose, in one sentence.
    pub summary: &'static str,
}

macro_rules! variables {
    ($($ident:ident = $name:literal, $default:expr, $summary:literal;)*) => {
        $(pub(super) const $ident: &Variable = &Variable { name: $name, default: $default, summary: $summary };)*
        /// Every variable of the function; the SDK's own variables are not among them. Tests hold
        /// documentation and template against this table.
        pub const VARIABLES: &[&Variable] = &[$($ident),*];
    };
}

variables! {
    AUTHENTICATION = "AUTHENTICATION", "",
        "The only authentication method that counts: `key`, `iam` or `jwt`. Unset: an identity that API Gateway has checked, else a key.";
    API_KEYS = "API_KEYS", "",
        "Comma-separated `name=digest`: the callers, each with the SHA-256 of a key in hex. Unset: no key is accepted.";
    CALLER_GROUPS = "CALLER_GROUPS", "",
        "Comma-separated `caller=group`: the groups of callers, for policies. A caller may have several groups.";
    JWT_GROUPS_CLAIM = "JWT_GROUPS_CLAIM", "",
        "The claim of a token that has the caller's groups, whose names must have no spaces. Unset: `cognito:groups`, in tokens of Cognito only.";
    ALLOWED_REGIONS = "ALLOWED_REGIONS", "*",
        "Comma-separated regions that callers may name; `*` is every region in the partition of `DEFAULT_REGION`.";
    DEFAULT_REGION = "DEFAULT_REGION", "",
        "The region of requests to `/s3` that name none (`/v1` has that of `LAUNCH_PLACEMENT`). Its partition is the one that `*` in `ALLOWED_REGIONS` means. Unset: the function's own (`AWS_REGION`).";
    ALLOWED_INSTANCE_TYPES = "ALLOWED_INSTANCE_TYPES", "",
        "Comma-separated instance types that may be launched or changed to, with `*` for any characters: `t3.*,t4g.*`. Unset: all.";
    MAX_INSTANCES_PER_LAUNCH = "MAX_INSTANCES_PER_LAUNCH", "",
        "The greatest number of instances in one launch. Unset: EC2's own limit.";
    MODIFIABLE_ATTRIBUTES = "MODIFIABLE_ATTRIBUTES",
        "instanceType,kernel,ramdisk,disableApiTermination,disableApiStop,instanceInitiatedShutdownBehavior,sourceDestCheck,ebsOptimized,sriovNetSupport,enaSupport,blockDeviceMapping",
        "Comma-separated attributes that `/v1/{id}/modify` may change, or `*` for all. The default leaves out `userData` and `groupSet`: who may change them can run anything as root on a machine, or open its network.";
    INSTANCE_PROFILES = "INSTANCE_PROFILES", "",
        "Comma-separated names of instance profiles that launches may have, with `*` for any characters: `web,ci-*`. Unset: none.";
    PROTECTED_TAG = "PROTECTED_TAG", "",
        "`key` or `key=value`: an instance with this tag is never stopped, terminated or modified. No caller sets a tag with this key.";
    RESERVED_TAGS = "RESERVED_TAGS", "",
        "Comma-separated keys of tags that no caller sets, in any case of their letters: tags on which policies, billing or other programs rely.";
    POLICY_FILE = "POLICY_FILE", "",
        "A file of Cedar policies. Unset: every authenticated caller may do what the role may do.";
    ACCOUNTS = "ACCOUNTS", "",
        "Comma-separated `name=role-arn`: the other accounts that callers may name by `account`, each with the role that the function assumes there. Or the path of a file with one of them a line, such as `/opt/accounts.txt`. Unset: none.";
    ACCOUNTS_EXTERNAL_ID = "ACCOUNTS_EXTERNAL_ID", "",
        "The external ID that the function gives to STS when it assumes a role of `ACCOUNTS`. Unset: none.";
    SCHEDULE_GROUP = "SCHEDULE_GROUP", "",
        "The schedule group of EventBridge Scheduler that has the schedules of this deployment. Unset: `/schedules` is off.";
    SCHEDULE_ROLE = "SCHEDULE_ROLE", "",
        "The ARN of the role with which Scheduler calls `SCHEDULE_TARGET`. Required with `SCHEDULE_GROUP`.";
    SCHEDULE_TARGET = "SCHEDULE_TARGET", "",
        "The ARN of the function that carries schedules out: this package with `SERVES=schedules`. Its region is that of the schedule group. Required with `SCHEDULE_GROUP`.";
    SCHEDULE_QUEUE = "SCHEDULE_QUEUE", "",
        "The ARN of the queue that gets what Scheduler can't hand over. Unset: it is lost.";
    MAX_SCHEDULES = "MAX_SCHEDULES", "100",
        "The greatest number of schedules of one caller, the ends of launches among them.";
    SERVES = "SERVES", "api",
        "What the function serves: `api`, requests from API Gateway; or `schedules`, events from EventBridge Scheduler and nothing else.";
    UNKNOWN_PARAMETERS = "UNKNOWN_PARAMETERS", "refuse",
        "`refuse`, or `warn`: parameters that a route does not take are dropped with a `Warning`, but not from a change if they resemble one that it takes.";
    DEFAULT_IMAGE = "DEFAULT_IMAGE", UBUNTU,
        "The image of `/ec2/create`: an AMI ID, or `resolve:ssm:` and the name of any parameter. Callers may name public parameters (`/aws/service/...`) only.";
    DEFAULT_INSTANCE_TYPE = "DEFAULT_INSTANCE_TYPE", "t3.micro",
        "The instance type of `/ec2/create`.";
    LAUNCH_KEY_NAME = "LAUNCH_KEY_NAME", "scalacity_dev1",
        "The key pair of `/v1/launch`.";
    LAUNCH_SECURITY_GROUPS = "LAUNCH_SECURITY_GROUPS", "SSH",
        "The security groups of `/v1/launch`, comma-separated: IDs (`sg-...`) or names.";
    LAUNCH_PLACEMENT = "LAUNCH_PLACEMENT", "us-east-1b",
        "The zone of `/v1/launch`; its region is that of all requests to `/v1` that name none.";
    LAUNCH_SHUTDOWN_BEHAVIOR = "LAUNCH_SHUTDOWN_BEHAVIOR", "terminate",
        "What a shutdown from inside an instance of `/v1/launch` does: `stop` or `terminate`.";
    LAUNCH_EBS_OPTIMIZED = "LAUNCH_EBS_OPTIMIZED", "false",
        "Whether instances of `/v1/launch` are EBS-optimized: `true` or `false`.";
    LAUNCH_HTTP_TOKENS = "LAUNCH_HTTP_TOKENS", "required",
        "Whether every launch requires IMDSv2: `required`, or `optional` for images that know IMDSv1 only, which exposes the instance's credentials to server-side request forgery.";
    BUCKET_PREFIX = "BUCKET_PREFIX", "",
        "The prefix of the names of all buckets of `/s3`, with a hyphen at its end. Unset: `/s3` is off.";
    BASE_PATH = "BASE_PATH", "",
        "The base path of a custom domain's mapping to an HTTP API, such as `/api`: it is removed from paths. A REST API needs none.";
    PAGES = "PAGES", "true",
        "Whether the function serves the console, the API reference and the OpenAPI document: `true` or `false`.";
    CORS_ORIGINS = "CORS_ORIGINS", "",
        "Comma-separated origins whose pages may read responses, such as `https://app.example.com`. Unset: none (no CORS).";
}
