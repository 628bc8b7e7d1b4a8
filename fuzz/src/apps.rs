//! The function under test, in three configurations.

use crate::aws::{Answers, Aws};
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use ec2_control_api::app::App;
use ec2_control_api::authz::Policies;
use ec2_control_api::aws::accounts::Accounts;
use ec2_control_api::aws::ec2::Ec2;
use ec2_control_api::aws::s3::S3;
use ec2_control_api::aws::scheduler::Scheduler;
use ec2_control_api::config::{Config, Endpoints};
use ec2_control_api::http::event::Event;
use ec2_control_api::metrics::ColdStart;
use ec2_control_api::routes::api;
use lambda_runtime::Context;
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;
use tokio::runtime::Runtime;

/// The one key, that of the sample events.
pub(crate) const KEY: &str = "local-only-key";

/// The ID of every invocation.
pub(crate) const REQUEST_ID: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";

/// Longer than an answer that is in memory takes, and with the function's own second all that a
/// wait can take.
const TIME: Duration = Duration::from_millis(1_020);

/// So many events, and the function is made anew: each region that is named has clients of its own,
/// and they stay.
const LIFETIME: usize = 5_000;

/// The function in its configurations, one set a thread.
pub(crate) struct Apps {
    runtime: Runtime,
    /// Without a key that could be right.
    pub(crate) closed: Bench,
    /// With the key, and nothing else.
    pub(crate) open: Bench,
    /// With the key, policies and limits.
    pub(crate) governed: Bench,
}

/// One of them, its log, and its AWS.
pub(crate) struct Bench {
    app: App,
    aws: Aws,
    logged: Arc<Mutex<Vec<String>>>,
}

/// What came of an event.
pub(crate) struct Invoked {
    /// The answer.
    pub(crate) answer: Value,
    /// The line of the log.
    pub(crate) line: Value,
    /// How often AWS was called.
    pub(crate) calls: usize,
}

impl Apps {
    pub(crate) fn with(run: impl FnOnce(&Self)) {
        thread_local! {
            static APPS: RefCell<(usize, Option<Apps>)> = const { RefCell::new((0, None)) };
        }
        APPS.with_borrow_mut(|(events, apps)| {
            *events += 1;
            if *events % LIFETIME == 0 {
                *apps = None;
            }
            run(apps.get_or_insert_with(Self::new));
        });
    }

    fn new() -> Self {
        let limits = [
            ("ALLOWED_INSTANCE_TYPES", "t3.*"),
            ("MAX_INSTANCES_PER_LAUNCH", "5"),
            ("PROTECTED_TAG", "keep"),
            ("CALLER_GROUPS", "demo=ops"),
        ];
        let policies = include_str!("../../policies/examples/production.cedar");
        let policies = Policies::parse(policies).unwrap_or_else(|problems| panic!("{problems}"));
        Self {
            runtime: tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime"),
            closed: Bench::new(&[("API_KEYS", ""), ("AUTHENTICATION", "key")], None),
            open: Bench::new(&[], None),
            governed: Bench::new(&limits, Some(policies)),
        }
    }

    /// Sends an event as Lambda does.
    pub(crate) fn invoke(&self, bench: &Bench, event: &str, answers: &Answers) -> Invoked {
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + TIME;
        let mut context = Context::default();
        context.request_id = REQUEST_ID.to_owned();
        context.deadline = u64::try_from(deadline.as_millis()).unwrap_or_default();
        let event: Event = serde_json::from_str(event).expect("JSON is an event");
        bench.aws.answer_with(answers.clone());
        let invoked = ec2_control_api::invocation::invoke(&bench.app, LambdaEvent::new(event, context));
        let answer = serde_json::to_value(self.runtime.block_on(invoked)).expect("an answer is JSON");
        let lines = std::mem::take(&mut *bench.logged.lock().unwrap_or_else(PoisonError::into_inner));
        let [line] = lines.as_slice() else { panic!("not one line in the log: {lines:?}") };
        assert!(!line.contains(['\n', '\r']), "{line}");
        let line = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in the log: {line}"));
        Invoked { answer, line, calls: bench.aws.calls() }
    }
}

impl Bench {
    fn new(variables: &[(&str, &str)], policies: Option<Policies>) -> Self {
        let aws = Aws::default();
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("AKIDTEST", "-", None, None, "fuzz")))
            .http_client(aws.clone().client())
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        let logged = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&logged);
        let config = config(variables);
        let app = App {
            accounts: Accounts::new(sdk.clone(), &config),
            policies,
            ec2: Ec2::new(sdk.clone(), None),
            scheduler: Scheduler::new(sdk.clone(), &config),
            s3: S3::new(sdk, None),
            config,
            clock: || OffsetDateTime::UNIX_EPOCH,
            api: api(),
            cold_start: ColdStart::default(),
            log: Box::new(move |line| log.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned())),
        };
        Self { app, aws, logged }
    }
}

/// A configuration with everything on.
pub(crate) fn config(variables: &[(&str, &str)]) -> Config {
    let digest: String = Sha256::digest(KEY).iter().map(|byte| format!("{byte:02x}")).collect();
    let keys = format!("demo={digest}");
    // The key of the sample events counts with an emulator only.
    let emulator = ("AWS_ENDPOINT_URL", "http://emulator.invalid");
    let own = [
        ("API_KEYS", keys.as_str()),
        ("AWS_REGION", "us-east-1"),
        ("BUCKET_PREFIX", "demo-"),
        ("SCHEDULE_GROUP", "fuzz"),
        ("SCHEDULE_ROLE", "arn:aws:iam::123456789012:role/scheduler"),
        ("SCHEDULE_TARGET", "arn:aws:lambda:us-east-1:123456789012:function:schedules"),
        emulator,
    ];
    let lookup = |name: &str| {
        let mut all = variables.iter().chain(&own);
        all.find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    let config = Config::read(lookup).unwrap_or_else(|error| panic!("{error}"));
    Config { endpoints: Endpoints::default(), ..config }
}
