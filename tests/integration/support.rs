//! What the tests share: the moto server, a recorder in front of it, and the function to send events to.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ec2_control_api::App;
use ec2_control_api::config::Config;
use ec2_control_api::ec2::aws::Ec2;
use ec2_control_api::http::event::Event;
use ec2_control_api::http::metrics::{Boot, METRICS};
use ec2_control_api::s3::aws::S3;
use flate2::read::GzDecoder;
use lambda_http::lambda_runtime::{self, Context, LambdaEvent};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The key that the tests' function knows, the same as that of `make run` and of the sample events.
pub const KEY: &str = "local-only-key";

/// A SHA-256 digest in hexadecimal, as keys are configured and entity tags written.
pub fn sha256(content: impl AsRef<[u8]>) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}
/// The ID of every invocation, and so the client token of every launch.
pub const REQUEST_ID: &str = "8f5e8b6c-0f4d-4a3c-9d6e-2b1a7c9e4f10";
/// The function's name.
pub const SERVICE: &str = "ec2-control-api-tests";
/// AWS's ID of every canned answer.
pub const AWS_REQUEST_ID: &str = "59dbff89-35bd-4eac-99ed-be587EXAMPLE";
/// An instance ID that no server has given out.
pub const NO_INSTANCE: &str = "i-0123456789abcdef0";

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository.
pub fn file(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The port of the one moto server of this test run.
#[expect(clippy::zombie_processes, reason = "it outlives every test, and ends with this process")]
fn moto_port() -> u16 {
    static PORT: OnceLock<u16> = OnceLock::new();
    *PORT.get_or_init(|| {
        let python = std::env::var_os("MOTO_PYTHON").map_or_else(|| root().join(".venv/bin/python"), PathBuf::from);
        let mut child = Command::new(&python)
            .arg(root().join("tests/local_moto.py"))
            .envs([
                ("MOTO_ENABLE_KEYPAIR_VALIDATION", "true"),
                ("MOTO_ENABLE_AMI_VALIDATION", "true"),
                ("MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION", "true"),
                ("MOTO_ALLOW_NONEXISTENT_REGION", "true"), // faults.rs: the SDK has an allowance of retries for each region
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start ({error}): `make test` installs it", python.display()));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        // The server ends when this process does: it waits for the end of its standard input.
        std::mem::forget(child.stdin.take());
        line.trim().parse().unwrap_or_else(|_| panic!("moto printed {line:?} instead of its port"))
    })
}

/// A request that reached "AWS".
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    /// Where the connection came from.
    pub connection: SocketAddr,
}

impl Seen {
    /// The EC2 call's form as sorted `Name=value` lines, decoded.
    pub fn form(&self) -> Vec<String> {
        let pairs = form_urlencoded::parse(&self.body).map(|(name, value)| format!("{name}={value}"));
        let mut lines: Vec<_> = pairs.collect();
        lines.sort();
        lines
    }

    /// The form of a launch without what every launch has: asserts that, too.
    pub fn launch(&self) -> Vec<String> {
        let mut form = self.form();
        let mut always = vec![format!("ClientToken={REQUEST_ID}"), "MetadataOptions.HttpTokens=required".to_owned()];
        for (n, resource) in [(1, "instance"), (2, "volume")] {
            always.push(format!("TagSpecification.{n}.ResourceType={resource}"));
            for (key, value) in [("caller", "demo"), ("request", REQUEST_ID)] {
                // The caller's own tags come first.
                let tag = |line: &String| {
                    let (name, found) = line.split_once('=')?;
                    let ours = name.starts_with(&format!("TagSpecification.{n}."))
                        && found == format!("ec2-control-api:{key}");
                    ours.then(|| name.strip_suffix(".Key").unwrap().to_owned())
                };
                let tag = form.iter().find_map(tag).unwrap_or_else(|| panic!("no {resource} tag {key}: {form:#?}"));
                always.extend([format!("{tag}.Key=ec2-control-api:{key}"), format!("{tag}.Value={value}")]);
            }
        }
        for line in always {
            let at = form.iter().position(|it| *it == line);
            form.remove(at.unwrap_or_else(|| panic!("no {line}: {form:#?}")));
        }
        form
    }

    /// The EC2 action.
    pub fn action(&self) -> String {
        let action = form_urlencoded::parse(&self.body).find(|(name, _)| name == "Action");
        action.map(|(_, value)| value.into_owned()).unwrap_or_default()
    }

    /// The region that the request is signed for.
    pub fn region(&self) -> &str {
        self.headers["authorization"].split('/').nth(2).unwrap()
    }
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub enum Behavior {
    /// Passes it on to moto.
    Moto,
    /// Answers these, one after the other, each so late; then cuts the connection. A status of 0 is no answer at all, ever.
    Canned(Arc<Mutex<VecDeque<(u16, String)>>>, Duration),
    /// Answers this, again and again.
    Always(u16, &'static str),
    /// Does this to so many requests, and lets moto answer the others.
    Faulty(Fault, Arc<AtomicUsize>),
}

/// What can happen to a request on its way to AWS, or to the answer on its way back.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// moto answers later than usual.
    Late(Duration),
    /// The connection ends before the request gets to moto.
    Cut,
    /// The connection ends when moto has done what was asked for.
    CutAfter,
    /// The connection is reset.
    Reset,
    /// Half of the body of moto's answer gets through.
    Truncated,
    /// moto's answer gets through with other characters in its body.
    Garbled,
    /// The connection stays open, and nothing comes.
    Silent,
    /// Something else than moto answers this.
    Answer(u16, &'static str),
}

/// A server on a real socket that records what reaches it, and answers itself or lets moto answer.
pub struct Wire {
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Wire {
    pub async fn to_moto() -> Self {
        moto_port();
        Self::start(Behavior::Moto).await
    }

    pub async fn canned(answers: &[(u16, &str)]) -> Self {
        Self::slow(answers, Duration::ZERO).await
    }

    pub async fn slow(answers: &[(u16, &str)], each: Duration) -> Self {
        let answers = answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
        Self::start(Behavior::Canned(Arc::new(Mutex::new(answers)), each)).await
    }

    pub async fn faulty(fault: Fault, times: usize) -> Self {
        moto_port();
        Self::start(Behavior::Faulty(fault, Arc::new(AtomicUsize::new(times)))).await
    }

    pub async fn always(status: u16, body: &'static str) -> Self {
        Self::start(Behavior::Always(status, body)).await
    }

    async fn start(behavior: Behavior) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, behavior.clone(), Arc::clone(&log)));
            }
        });
        Self { url, seen }
    }

    /// Takes out what has been recorded so far.
    pub fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    /// Takes out the only request that has been recorded.
    pub fn only(&self) -> Seen {
        let mut seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:#?}");
        seen.remove(0)
    }
}

async fn serve(mut stream: TcpStream, behavior: Behavior, log: Arc<Mutex<Vec<Seen>>>) -> Option<()> {
    let connection = stream.peer_addr().ok()?;
    let mut buffer = Vec::new();
    loop {
        let head_end = loop {
            if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        };
        let head = String::from_utf8(buffer[..head_end].to_vec()).ok()?;
        let mut lines = head.lines();
        let mut first = lines.next()?.split(' ');
        let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
        let headers: BTreeMap<_, _> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length: usize = headers.get("content-length").map_or(0, |it| it.parse().unwrap());
        while buffer.len() < head_end + length {
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        }
        let request: Vec<u8> = buffer.drain(..head_end + length).collect();
        let body = request[head_end..].to_vec();
        let s3 = (method.as_str(), path.as_str()) != ("POST", "/");
        log.lock().unwrap().push(Seen { method, path, headers, body, connection });
        let fault = match &behavior {
            Behavior::Faulty(fault, times) => {
                let left = times.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |times| times.checked_sub(1));
                left.is_ok().then_some(*fault)
            }
            _ => None,
        };
        let (status, body) = match (&behavior, fault) {
            (Behavior::Canned(answers, each), _) => {
                let answer = answers.lock().unwrap().pop_front()?;
                tokio::time::sleep(*each).await;
                answer
            }
            (Behavior::Always(status, body), _) => (*status, (*body).to_owned()),
            // S3 has no list of errors around the one.
            (_, Some(Fault::Answer(status, body))) if s3 => {
                let inner =
                    body.strip_prefix("<Response><Errors>").and_then(|it| it.strip_suffix("</Errors></Response>"));
                (status, inner.unwrap_or(body).to_owned())
            }
            (_, Some(Fault::Answer(status, body))) => (status, body.to_owned()),
            (_, Some(Fault::Silent)) => (0, String::new()),
            (_, Some(Fault::Cut)) => return None,
            (_, Some(Fault::Reset)) => {
                stream.set_zero_linger().unwrap();
                return None;
            }
            (Behavior::Moto | Behavior::Faulty(..), _) => {
                if let Some(Fault::Late(time)) = fault {
                    tokio::time::sleep(time).await;
                }
                let mut answer = by_moto(&head, &request[head_end..]).await?;
                match fault {
                    Some(Fault::CutAfter) => return None,
                    Some(Fault::Truncated | Fault::Garbled) => {
                        let body = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
                        match fault {
                            Some(Fault::Truncated) => answer.truncate(body + (answer.len() - body) / 2),
                            _ => answer[body..].iter_mut().step_by(3).for_each(|byte| *byte = b'<'),
                        }
                    }
                    _ => {}
                }
                stream.write_all(&answer).await.ok()?;
                return None;
            }
        };
        if status == 0 {
            return std::future::pending().await;
        }
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: text/xml\r\nx-amzn-requestid: {AWS_REQUEST_ID}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}

/// What moto answers, to the last byte.
async fn by_moto(head: &str, body: &[u8]) -> Option<Vec<u8>> {
    let mut moto = TcpStream::connect(("127.0.0.1", moto_port())).await.ok()?;
    let once = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    moto.write_all(once.as_bytes()).await.ok()?;
    moto.write_all(body).await.ok()?;
    let mut answer = Vec::new();
    moto.read_to_end(&mut answer).await.ok()?;
    Some(answer)
}

/// A region that no other test of this run uses: moto keeps what is in it.
pub fn own_region() -> &'static str {
    const REGIONS: [&str; 23] = [
        "us-east-2",
        "us-west-1",
        "us-west-2",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "eu-central-1",
        "eu-north-1",
        "eu-south-1",
        "ap-east-1",
        "ap-south-1",
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-southeast-1",
        "ap-southeast-2",
        "sa-east-1",
        "ca-central-1",
        "ca-west-1",
        "af-south-1",
        "me-south-1",
        "me-central-1",
        "eu-central-2",
        "eu-south-2",
    ];
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    REGIONS[NEXT.fetch_add(1, Ordering::Relaxed)]
}

/// A file with these policies.
pub fn policy_file(policies: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("{}-{}.cedar", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, policies).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The function under test.
pub struct Function {
    pub app: App,
    pub wire: Wire,
    /// The trace's header that Lambda hands over with each invocation.
    pub trace: Option<String>,
    logged: Arc<Mutex<Vec<String>>>,
}

impl Function {
    /// With moto behind it.
    pub async fn with_moto() -> Self {
        Self::new(Wire::to_moto().await, &[]).await
    }

    /// With canned answers behind it.
    pub async fn canned(answers: &[(u16, &str)]) -> Self {
        Self::new(Wire::canned(answers).await, &[]).await
    }

    /// With nothing behind it: a call to AWS fails the test that asserts on [`Function::quiet`].
    pub async fn alone(variables: &[(&str, &str)]) -> Self {
        Self::new(Wire::canned(&[]).await, variables).await
    }

    /// With policies.
    pub async fn governed(wire: Wire, policies: &str, variables: &[(&str, &str)]) -> Self {
        let file = policy_file(policies);
        let mut all = vec![("POLICY_FILE", file.as_str())];
        all.extend(variables);
        Self::new(wire, &all).await
    }

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
            own.extend(variables);
            own.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        });
        let config = config.unwrap();
        let credentials = aws_sdk_ec2::config::Credentials::new("AKIDTEST", "testing", None, None, "tests");
        let sdk = ec2_control_api::sdk::config(&config)
            .into_builder()
            .credentials_provider(aws_sdk_ec2::config::SharedCredentialsProvider::new(credentials))
            .build();
        let logged = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&logged);
        let app = App {
            policies: config.read_policies().unwrap(),
            ec2: Ec2::new(sdk.clone(), config.endpoints.ec2.clone()),
            s3: S3::new(sdk, config.endpoints.s3.clone()),
            config,
            clock: || OffsetDateTime::from_unix_timestamp_nanos(1_455_645_849_006_739_000).unwrap(),
            boot: Boot::took(Duration::from_millis(7)),
            log: Box::new(move |line| log.lock().unwrap().push(line.to_owned())),
        };
        Self { app, wire, trace: None, logged }
    }

    /// Sends an event as Lambda does, and reads the answer as API Gateway does.
    pub async fn invoke(&self, event: &Value) -> Answer {
        self.invoke_within(event, Duration::from_secs(28)).await
    }

    /// Sends an event with that much time for the invocation.
    pub async fn invoke_within(&self, event: &Value, time: Duration) -> Answer {
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + time;
        let mut context = Context::default();
        context.request_id = REQUEST_ID.to_owned();
        context.env_config =
            Arc::new(lambda_runtime::Config { function_name: SERVICE.to_owned(), ..lambda_runtime::Config::default() });
        context.xray_trace_id = self.trace.clone();
        context.deadline = u64::try_from(deadline.as_millis()).unwrap();
        let sent = event.clone();
        let event: Event = serde_json::from_str(&event.to_string()).unwrap();
        let response = ec2_control_api::invoke(&self.app, LambdaEvent::new(event, context)).await;
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

    /// Sends a request with the right key.
    pub async fn call(&self, method: &str, path_and_query: &str) -> Answer {
        self.invoke(&Event2::new(method, path_and_query).key().json()).await
    }

    /// Sends a request with the right key and a JSON body.
    pub async fn call_json(&self, method: &str, path_and_query: &str, body: &Value) -> Answer {
        self.invoke(&Event2::new(method, path_and_query).key().body("application/json", &body.to_string()).json()).await
    }

    /// Asserts that nothing has been sent to AWS.
    pub fn quiet(&self) {
        let seen = self.wire.seen();
        assert!(seen.is_empty(), "{seen:#?}");
    }

    /// Takes out the only log line so far, without what is in it for the metrics.
    pub fn log_line(&self) -> Value {
        let mut line = self.measured_line();
        let measured = |name: &String| name == "_aws" || METRICS.iter().any(|metric| metric.name == name);
        line.as_object_mut().unwrap().retain(|name, _| !measured(name));
        line
    }

    /// Takes out the only log line so far, all of it.
    pub fn measured_line(&self) -> Value {
        let mut lines = std::mem::take(&mut *self.logged.lock().unwrap());
        assert_eq!(lines.len(), 1, "{lines:#?}");
        serde_json::from_str(&lines.remove(0)).unwrap()
    }

    /// Takes out every log line so far.
    pub fn log_lines(&self) -> Vec<String> {
        std::mem::take(&mut *self.logged.lock().unwrap())
    }

    /// Launches an instance in moto, by the function.
    pub async fn launch(&self, region: &str) -> String {
        let group = self.prepare(region).await;
        let path = format!("/ec2/create?region_name={region}&KeyName=demo&SecurityGroupId={group}");
        let launched = self.call("POST", &path).await;
        self.wire.seen();
        launched.json()["InstanceId"].as_str().unwrap().to_owned()
    }

    /// Makes what a launch needs in moto: the key pair `demo` and a security group, whose ID is the result.
    pub async fn prepare(&self, region: &str) -> String {
        let credentials = aws_sdk_ec2::config::Credentials::new("AKIDTEST", "testing", None, None, "tests");
        let config = aws_sdk_ec2::Config::builder()
            .behavior_version(aws_sdk_ec2::config::BehaviorVersion::latest())
            .region(aws_sdk_ec2::config::Region::new(region.to_owned()))
            .credentials_provider(credentials)
            .endpoint_url(format!("http://127.0.0.1:{}", moto_port()))
            .build();
        let client = aws_sdk_ec2::Client::from_conf(config);
        client.create_key_pair().key_name("demo").send().await.unwrap();
        let group = client.create_security_group().group_name("demo").description("demo").send().await.unwrap();
        group.group_id.unwrap()
    }
}

/// An error of EC2.
pub fn refusal(code: &str, message: &str) -> String {
    format!("<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>")
}

/// An image that moto knows in every region.
pub const IMAGE: &str = "ami-1e749f67";

/// What API Gateway gets.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u64,
    pub headers: BTreeMap<String, String>,
    pub body: String,
    pub base64: bool,
}

impl Answer {
    /// The text that is compressed in it.
    pub fn unpacked(&self) -> String {
        assert!(self.base64, "{self:?}");
        let bytes = BASE64_STANDARD.decode(&self.body).unwrap();
        let mut text = String::new();
        GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
        text
    }

    pub fn json(&self) -> Value {
        assert_eq!(self.headers.get("content-type").map(String::as_str), Some("application/json"), "{self:?}");
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts on status and whole body.
    #[track_caller]
    pub fn is(&self, status: u64, body: &Value) -> &Self {
        assert_eq!((self.status, &self.json()), (status, body), "{self:?}");
        self
    }

    /// Asserts on the whole error of `/ec2` and its like.
    #[track_caller]
    pub fn refuses(&self, status: u64, code: &str, message: &str) -> &Self {
        self.is(status, &json!({"Message": message, "Error": code}))
    }
}

/// An HTTP API event (payload 2.0).
pub struct Event2(Value);

impl Event2 {
    pub fn new(method: &str, path_and_query: &str) -> Self {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        Self(json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
            "headers": {"host": "x.execute-api.us-east-1.amazonaws.com", "user-agent": "tests"},
            "requestContext": {
                "accountId": "123456789012", "apiId": "x", "domainName": "x.execute-api.us-east-1.amazonaws.com",
                "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.10", "userAgent": "tests"},
                "requestId": "g", "routeKey": "$default", "stage": "$default", "time": "16/Feb/2016:18:04:09 +0000",
                "timeEpoch": 1_455_645_849_006_u64,
            },
            "isBase64Encoded": false,
        }))
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.0["headers"][name] = json!(value);
        self
    }

    pub fn key(self) -> Self {
        self.header("x-api-key", KEY)
    }

    pub fn body(mut self, content_type: &str, body: &str) -> Self {
        self.0["body"] = json!(body);
        self.header("content-type", content_type)
    }

    pub fn set(mut self, pointer: &str, value: Value) -> Self {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        self.0.pointer_mut(parent).unwrap()[name] = value;
        self
    }

    pub fn json(self) -> Value {
        self.0
    }
}
