//! The function: its configuration, its clients and its routes.

use crate::authz::Policies;
use crate::aws::accounts::Accounts;
use crate::aws::ec2::Ec2;
use crate::aws::s3::S3;
use crate::aws::scheduler::Scheduler;
use crate::config::Config;
use crate::http::route::Api;
use crate::metrics::ColdStart;
use time::OffsetDateTime;

/// The function: its configuration and its clients.
pub struct App {
    /// The configuration.
    pub config: Config,
    /// The policies; `None`: every caller has all rights of the role.
    pub policies: Option<Policies>,
    /// EC2.
    pub ec2: Ec2,
    /// EC2 in other accounts.
    pub accounts: Accounts,
    /// S3.
    pub s3: S3,
    /// EventBridge Scheduler; `None`: the deployment has no schedules.
    pub scheduler: Option<Scheduler>,
    /// All routes.
    pub api: Api,
    /// Returns the current time.
    pub clock: fn() -> OffsetDateTime,
    /// The duration of the cold start.
    pub cold_start: ColdStart,
    /// Writes one line of JSON for each request.
    pub log: Box<dyn Fn(&str) + Send + Sync>,
}
