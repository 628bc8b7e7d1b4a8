//! The process that Lambda starts, and its warm-up before the first request.

use crate::support::xml::{describe, pong};
use crate::support::{HttpApiEvent, KEY, SERVICE, Wire, no_schedule, schedule_variables, sha256};
use serde_json::{Value, json};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const LIST: &str = "/ec2/list?region_name=us-east-1";

/// A process of the function, and Lambda's Runtime API around it.
pub struct Sandbox {
    runtime: TcpListener,
    function: Child,
}

impl Sandbox {
    /// Starts the function with EC2 at this address.
    pub async fn start(endpoint: &str, variables: &[(&str, &str)]) -> Self {
        let runtime = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let function = Command::new(env!("CARGO_BIN_EXE_bootstrap"))
            .env_clear()
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", runtime.local_addr().unwrap().to_string().as_str()),
                ("AWS_LAMBDA_FUNCTION_NAME", SERVICE),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_REGION", "us-east-1"),
                ("AWS_ACCESS_KEY_ID", "AKIDTEST"),
                ("AWS_SECRET_ACCESS_KEY", "testing"),
                ("AWS_ENDPOINT_URL", endpoint),
                ("API_KEYS", &format!("demo={}", sha256(KEY))),
            ])
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self { runtime, function }
    }

    /// Invokes the function. Returns its response to the event.
    pub async fn invoke(&self, event: HttpApiEvent, trace: Option<&str>) -> Value {
        let trace = trace.map(|trace| format!("lambda-runtime-trace-id: {trace}\r\n")).unwrap_or_default();
        let deadline = (SystemTime::now() + Duration::from_secs(28)).duration_since(UNIX_EPOCH).unwrap().as_millis();
        let headers = format!("lambda-runtime-aws-request-id: r\r\nlambda-runtime-deadline-ms: {deadline}\r\n{trace}");
        let asked = self.answer(&headers, &event.json().to_string()).await;
        assert!(asked.starts_with("GET /2018-06-01/runtime/invocation/next "), "{asked}");
        let answered = self.answer("", "").await;
        assert!(answered.starts_with("POST /2018-06-01/runtime/invocation/r/response "), "{answered}");
        let (_, body) = answered.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(&body[body.find('{').unwrap()..=body.rfind('}').unwrap()]).unwrap()
    }

    /// Invokes the function with any event. Returns the path and the body of its report.
    pub async fn report(&self, event: &Value) -> (String, String) {
        let deadline = (SystemTime::now() + Duration::from_secs(28)).duration_since(UNIX_EPOCH).unwrap().as_millis();
        let headers = format!("lambda-runtime-aws-request-id: r\r\nlambda-runtime-deadline-ms: {deadline}\r\n");
        self.answer(&headers, &event.to_string()).await;
        let report = self.answer("", "").await;
        let (head, body) = report.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned())
    }

    /// Answers one request of the function to the Runtime API. Returns the request.
    async fn answer(&self, headers: &str, body: &str) -> String {
        let (mut stream, _) = self.runtime.accept().await.unwrap();
        let mut request = Vec::new();
        let whole = |request: &[u8]| {
            let text = String::from_utf8_lossy(request);
            let (head, body) = text.split_once("\r\n\r\n")?;
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
            (if chunked { body.ends_with("0\r\n\r\n") } else { body.len() >= length.unwrap_or(0) }).then_some(())
        };
        while whole(&request).is_none() {
            assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
        }
        let length = body.len();
        let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        String::from_utf8(request).unwrap()
    }

    /// Stops the function. Returns its log.
    pub fn stop(mut self) -> Vec<Value> {
        self.function.kill().unwrap();
        let output = String::from_utf8(self.function.wait_with_output().unwrap().stdout).unwrap();
        output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[tokio::test]
async fn warm_up_opens_the_connection_of_the_first_request_and_sends_a_ping_only() {
    // The status of the ping does not matter.
    for status in [200, 404, 503] {
        let wire = Wire::canned([pong().status(status), describe([])]).await;
        let sandbox = Sandbox::start(&wire.url, &[]).await;
        let answer = sandbox.invoke(HttpApiEvent::new("GET", LIST).key(), None).await;
        assert_eq!((&answer["statusCode"], &answer["body"]), (&json!(200), &json!("[]")));
        assert_eq!(sandbox.stop().len(), 1, "nothing is logged but the request");
        let requests = wire.requests();
        let [ping, call] = requests.as_slice() else { panic!("{requests:#?}") };
        assert_eq!((ping.method.as_str(), ping.path.as_str(), ping.body.as_slice()), ("GET", "/ping", &b""[..]));
        assert_eq!(ping.headers.keys().collect::<Vec<_>>(), ["host"], "no credentials, no signature");
        assert_eq!((call.action().as_str(), call.connection), ("DescribeInstances", ping.connection));
    }
}

#[tokio::test]
async fn second_function_fails_the_invocation_of_a_refused_event_and_opens_no_connection_at_its_start() {
    let wire = Wire::canned([no_schedule()]).await;
    let mut variables = schedule_variables("tests").to_vec();
    variables.push(("SERVES", "schedules"));
    let sandbox = Sandbox::start(&wire.url, &variables).await;
    let (path, body) = sandbox.report(&HttpApiEvent::new("GET", LIST).key().json()).await;
    assert_eq!(path, "/2018-06-01/runtime/invocation/r/error");
    assert!(body.contains("MalformedEvent") && body.contains("takes no other events"), "{body}");
    assert_eq!(wire.requests().len(), 0);
    let now = jiff::Timestamp::now().to_string();
    let (path, body) = sandbox.report(&json!({"schedule": "s.stop", "scheduled_time": now})).await;
    assert_eq!(path, "/2018-06-01/runtime/invocation/r/response", "{body}");
    assert_eq!(wire.only_request().schedule_call(), "GET /schedules/s.stop");
    assert_eq!(sandbox.stop().len(), 2);
}

#[tokio::test]
async fn warm_up_without_a_response_ends_after_its_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    for (endpoint, longest) in [(silent.as_str(), 2_000.0), ("http://127.0.0.1:1", 2_000.0)] {
        let sandbox = Sandbox::start(endpoint, &[]).await;
        let answer = sandbox.invoke(HttpApiEvent::new("GET", "/health"), None).await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
        let log = sandbox.stop();
        // Without the warm-up's own timeout: 3 s for a connection, 12 s for a response.
        assert!(log[0]["InitDuration"].as_f64().unwrap() < longest, "{log:?}");
    }
}

#[tokio::test]
async fn warm_up_key_is_rejected() {
    let wire = Wire::canned([pong()]).await;
    let sandbox = Sandbox::start(&wire.url, &[]).await;
    let event = HttpApiEvent::new("GET", LIST).header("x-api-key", "warm-up");
    let answer = sandbox.invoke(event, None).await;
    assert_eq!(answer["statusCode"], 401, "{answer}");
    sandbox.stop();
    assert_eq!(wire.requests().len(), 1);
}

#[tokio::test]
async fn aws_is_called_through_the_proxy_of_the_environment() {
    let wire = Wire::canned([pong(), describe([])]).await;
    let sandbox = Sandbox::start("http://ec2.example", &[("HTTP_PROXY", &wire.url)]).await;
    let answer = sandbox.invoke(HttpApiEvent::new("GET", LIST).key(), None).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    sandbox.stop();
    let asked: Vec<_> =
        wire.requests().into_iter().map(|call| (call.method, call.path, call.headers["host"].clone())).collect();
    let ec2 = |method: &str, path: &str| (method.to_owned(), path.to_owned(), "ec2.example".to_owned());
    assert_eq!(asked, [ec2("GET", "http://ec2.example/ping"), ec2("POST", "http://ec2.example/")]);
}
