//! The function under test: its configuration, its invocations, its log.

use super::moto::{IMAGE, moto_port};
use super::schedules::schedule_variables;
use super::{Answer, KEY, REQUEST_ID, Response, SERVICE, Wire, sha256};
use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use ec2_control_api::app::App;
use ec2_control_api::aws::accounts::Accounts;
use ec2_control_api::aws::ec2::Ec2;
use ec2_control_api::aws::s3::S3;
use ec2_control_api::aws::scheduler::Scheduler;
use ec2_control_api::aws::sdk;
use ec2_control_api::config::Config;
use ec2_control_api::http::event::Event;
use ec2_control_api::invocation::invoke;
use ec2_control_api::metrics::{ColdStart, METRICS};
use ec2_control_api::routes::api;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;

/// Writes policies to a file. Returns its path.
pub fn policy_file(policies: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("{}-{}.cedar", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, policies).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The credentials of every call to AWS.
pub(super) fn credentials() -> Credentials {
    Credentials::new("AKIDTEST", "testing", None, None, "tests")
}

fn sdk_config(config: &Config, provider: impl ProvideCredentials + 'static) -> SdkConfig {
    let provider = SharedCredentialsProvider::new(provider);
    sdk::config(config).into_builder().credentials_provider(provider).build()
}

/// The function under test.
pub struct Function {
    pub app: App,
    pub wire: Wire,
    /// The ARN by which Lambda is invoked.
    pub arn: String,
    /// The trace header that Lambda passes with each invocation.
    pub trace: Option<String>,
    logged: Arc<Mutex<Vec<String>>>,
}

impl Function {
    /// With moto behind it.
    pub async fn with_moto() -> Self {
        Self::new(Wire::to_moto().await, &[]).await
    }

    /// With canned responses of AWS behind it.
    pub async fn canned(responses: impl IntoIterator<Item = Response>) -> Self {
        Self::with_variables(&[], responses).await
    }

    /// With nothing behind it: [`Function::assert_no_calls`] fails after a call to AWS.
    pub async fn without_aws(variables: &[(&str, &str)]) -> Self {
        Self::with_variables(variables, []).await
    }

    /// With environment variables of its own.
    pub async fn with_variables(variables: &[(&str, &str)], responses: impl IntoIterator<Item = Response>) -> Self {
        Self::new(Wire::canned(responses).await, variables).await
    }

    /// With these policies.
    pub async fn with_policies(
        policies: &str,
        variables: &[(&str, &str)],
        responses: impl IntoIterator<Item = Response>,
    ) -> Self {
        let file = policy_file(policies);
        let mut all = vec![("POLICY_FILE", file.as_str())];
        all.extend(variables);
        Self::with_variables(&all, responses).await
    }

    /// With this server in the place of AWS.
    pub async fn new(wire: Wire, variables: &[(&str, &str)]) -> Self {
        let keys = format!("demo={}", sha256(KEY));
        let config = Config::read(|name| {
            let mut own = vec![
                ("API_KEYS", keys.as_str()),
                ("AWS_REGION", "us-east-1"),
                ("BUCKET_PREFIX", "demo-"),
                ("DEFAULT_IMAGE", IMAGE),
                ("AWS_ENDPOINT_URL", &wire.url),
            ];
            own.extend(schedule_variables("tests"));
            own.extend(variables);
            own.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        });
        let config = config.unwrap();
        let sdk = sdk_config(&config, credentials());
        let logged = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&logged);
        let app = App {
            policies: config.read_policies().unwrap(),
            ec2: Ec2::new(sdk.clone(), config.endpoints.ec2.clone()),
            accounts: Accounts::new(sdk.clone(), &config),
            scheduler: Scheduler::new(sdk.clone(), &config),
            s3: S3::new(sdk, config.endpoints.s3.clone()),
            config,
            clock: || OffsetDateTime::from_unix_timestamp_nanos(1_455_645_849_006_739_000).unwrap(),
            api: api(),
            cold_start: ColdStart::new(Duration::from_millis(7)),
            log: Box::new(move |line| log.lock().unwrap().push(line.to_owned())),
        };
        let arn = format!("arn:aws:lambda:us-east-1:123456789012:function:{SERVICE}");
        Self { app, wire, arn, trace: None, logged }
    }

    /// Calls EC2 with credentials of this provider from now on.
    pub fn set_credentials_provider(&mut self, provider: impl ProvideCredentials + 'static) {
        self.app.ec2 = Ec2::new(sdk_config(&self.app.config, provider), Some(self.wire.url.clone()));
    }

    /// Sends an event as Lambda does. Returns the response as API Gateway reads it.
    pub async fn invoke(&self, event: &Value) -> Answer {
        self.invoke_within(event, Duration::from_secs(28)).await
    }

    /// Sends an event, with this much time for the invocation.
    pub async fn invoke_within(&self, event: &Value, time: Duration) -> Answer {
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + time;
        let mut context = Context::default();
        context.request_id = REQUEST_ID.to_owned();
        context.env_config =
            Arc::new(lambda_runtime::Config { function_name: SERVICE.to_owned(), ..lambda_runtime::Config::default() });
        context.invoked_function_arn.clone_from(&self.arn);
        context.xray_trace_id = self.trace.clone();
        context.deadline = u64::try_from(deadline.as_millis()).unwrap();
        let sent = event.clone();
        let event: Event = serde_json::from_str(&event.to_string()).unwrap();
        let response = invoke(&self.app, LambdaEvent::new(event, context)).await;
        let response = serde_json::to_value(&response).unwrap();
        let mut headers = BTreeMap::new();
        for member in ["headers", "multiValueHeaders"] {
            for (name, value) in response[member].as_object().into_iter().flatten() {
                let value = value.as_str().or_else(|| value[0].as_str()).unwrap();
                headers.insert(name.clone(), value.to_owned());
            }
        }
        let answer = Answer {
            status: response["statusCode"].as_u64().unwrap(),
            headers,
            body: response["body"].as_str().unwrap_or_default().to_owned(),
            base64: response["isBase64Encoded"].as_bool().unwrap(),
        };
        crate::openapi::check(&self.app.config, &sent, &answer);
        answer
    }

    /// Asserts that nothing has been sent to AWS.
    pub fn assert_no_calls(&self) {
        let requests = self.wire.requests();
        assert!(requests.is_empty(), "{requests:#?}");
    }

    /// Takes the only log line so far, without its time and metrics.
    pub fn log_line(&self) -> Value {
        let mut line = self.measured_line();
        let measured =
            |name: &String| name == "_aws" || name == "timestamp" || METRICS.iter().any(|metric| metric.name == name);
        line.as_object_mut().unwrap().retain(|name, _| !measured(name));
        line
    }

    /// Takes the only log line so far, with its metrics.
    pub fn measured_line(&self) -> Value {
        let mut lines = std::mem::take(&mut *self.logged.lock().unwrap());
        assert_eq!(lines.len(), 1, "{lines:#?}");
        serde_json::from_str(&lines.remove(0)).unwrap()
    }

    /// Takes every log line so far.
    pub fn log_lines(&self) -> Vec<String> {
        std::mem::take(&mut *self.logged.lock().unwrap())
    }

    /// Launches an instance in moto by the function. Returns its ID.
    pub async fn launch(&self, region: &str) -> String {
        let group = self.prepare(region).await;
        let path = format!("/ec2/create?region_name={region}&KeyName=demo&SecurityGroupId={group}");
        let launched = self.post(&path).await;
        self.wire.requests();
        launched.json()["InstanceId"].as_str().unwrap().to_owned()
    }

    /// Prepares moto for launches: creates the key pair `demo` and a security group. Returns the
    /// group's ID.
    pub async fn prepare(&self, region: &str) -> String {
        let client = moto_client(region);
        client.create_key_pair().key_name("demo").send().await.unwrap();
        let group = client.create_security_group().group_name("demo").description("demo").send().await.unwrap();
        group.group_id.unwrap()
    }
}

/// A client of moto's EC2.
pub fn moto_client(region: &str) -> aws_sdk_ec2::Client {
    let config = aws_sdk_ec2::Config::builder()
        .behavior_version(aws_sdk_ec2::config::BehaviorVersion::latest())
        .region(aws_sdk_ec2::config::Region::new(region.to_owned()))
        .credentials_provider(credentials())
        .endpoint_url(format!("http://127.0.0.1:{}", moto_port()))
        .build();
    aws_sdk_ec2::Client::from_conf(config)
}
