//! An HTTP client in place of EC2 and S3: it counts the calls and invents the responses.

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use std::sync::{Arc, Mutex, PoisonError};

/// The responses of AWS, selected by the first byte of an input: its low three bits are the kind,
/// the next four the variant, the highest the configuration of the function.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    choice: u8,
    bytes: Arc<[u8]>,
}

impl Answers {
    pub(crate) fn new(choice: u8, bytes: &[u8]) -> Self {
        Self { choice, bytes: bytes.get(..4096).unwrap_or(bytes).into() }
    }

    /// This body, with the status 200.
    pub(crate) fn page(body: &[u8]) -> Self {
        Self { choice: 3, bytes: body.into() }
    }

    /// Whether the function with policies gets the event.
    pub(crate) fn governed(&self) -> bool {
        self.choice & 0x80 != 0
    }

    fn variant(&self) -> usize {
        usize::from(self.choice >> 3 & 0xf)
    }

    /// The input as text that is valid in XML.
    fn text(&self) -> String {
        let mut xml = String::new();
        for c in String::from_utf8_lossy(&self.bytes).chars().take(300) {
            match c {
                '<' => xml.push_str("&lt;"),
                '&' => xml.push_str("&amp;"),
                c if c.is_control() => {}
                c => xml.push(c),
            }
        }
        xml
    }
}

/// The responses of AWS, and the number of calls since they were set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Aws(Arc<Mutex<(Answers, usize)>>);

impl Aws {
    pub(crate) fn answer_with(&self, answers: Answers) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (answers, 0);
    }

    pub(crate) fn calls(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    pub(crate) fn client(self) -> SharedHttpClient {
        http_client_fn(move |_, _| SharedHttpConnector::new(self.clone()))
    }
}

impl HttpConnector for Aws {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.1 += 1;
        let (answers, calls) = (state.0.clone(), state.1);
        drop(state);
        // Requests are signed with the role's credentials: they go to AWS only.
        let host = request.uri().strip_prefix("https://").and_then(|rest| rest.split(['/', '?', '#']).next());
        let name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
        let ours = host.is_some_and(|host| host.ends_with(".amazonaws.com") && host.bytes().all(name));
        assert!(ours, "a call to {}", request.uri());
        HttpConnectorFuture::ready(answer(&request, &answers, calls))
    }
}

type Answer = Result<HttpResponse, ConnectorError>;

fn answer(request: &HttpRequest, answers: &Answers, calls: usize) -> Answer {
    const CODES: [(u16, &str); 16] = [
        (400, "InvalidInstanceID.NotFound"),
        (403, "UnauthorizedOperation"),
        (400, "IncorrectInstanceState"),
        (503, "RequestLimitExceeded"),
        (400, "InvalidParameterValue"),
        (500, "InternalError"),
        (404, "NoSuchBucket"),
        (404, "NoSuchKey"),
        (409, "BucketNotEmpty"),
        (301, "PermanentRedirect"),
        (412, "DryRunOperation"),
        (400, "InsufficientInstanceCapacity"),
        (503, "SlowDown"),
        (400, ""),
        (200, "InternalError"),
        (599, "&#0;"),
    ];
    let text = answers.text();
    match answers.choice & 7 {
        1 => right(request, answers, "x", (calls < 4).then_some(text.as_str())),
        2 => {
            let (status, code) = CODES[answers.variant()];
            error(request, status, code, &text)
        }
        3 => respond([200, 404, 500, 204][answers.variant() % 4], &[], answers.bytes.to_vec()),
        4 => respond(200, &[], Vec::new()),
        5 => respond([400, 403, 404, 500, 503, 304, 101, 999][answers.variant() % 8], &[], Vec::new()),
        6 if answers.variant() == 0 => Err(ConnectorError::io("no connection".into())),
        6 => Err(ConnectorError::timeout("too late".into())),
        7 => right(request, answers, &text, None),
        _ => right(request, answers, "demo", None),
    }
}

/// A successful response of the service, with a text of the input in its fields.
fn right(request: &HttpRequest, answers: &Answers, text: &str, token: Option<&str>) -> Answer {
    let xml = |xml: String| respond(200, &[("content-type", "text/xml")], xml.into_bytes());
    let token = |name: &str| token.map(|token| format!("<{name}>{token}</{name}>")).unwrap_or_default();
    let form = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
    let fields = || form.split('&').filter_map(|pair| pair.split_once('='));
    if let Some((_, action)) = fields().find(|(name, _)| *name == "Action") {
        if form.contains("DryRun=true") {
            return error(request, 412, "DryRunOperation", text);
        }
        let ids: Vec<_> = fields().filter(|(name, _)| name.starts_with("InstanceId")).map(|(_, id)| id).collect();
        let ids = if ids.is_empty() { vec!["i-0123456789abcdef0"] } else { ids };
        let names = [(16, "running"), (80, "stopped"), (0, "pending"), (48, "terminated"), (-1, text)];
        let (code, name) = names[answers.variant() % names.len()];
        let state = format!("<code>{code}</code><name>{name}</name>");
        let items: String = ids
            .iter()
            .map(|id| {
                format!(
                    "<item><instanceId>{id}</instanceId><imageId>{text}</imageId><instanceType>t3.{text}</instanceType>\
                     <instanceState>{state}</instanceState><currentState>{state}</currentState>\
                     <previousState>{state}</previousState><launchTime>2016-02-16T18:04:09.000Z</launchTime>\
                     <placement><availabilityZone>us-east-1b</availabilityZone></placement><keyName>{text}</keyName>\
                     <tagSet><item><key>{text}</key><value>{text}</value></item><item><key>keep</key></item></tagSet>\
                     <groupSet><item><groupId>sg-1</groupId><groupName>{text}</groupName></item></groupSet></item>"
                )
            })
            .collect();
        return xml(format!(
            "<{action}Response><requestId>r</requestId><return>true</return><instancesSet>{items}</instancesSet>\
             <reservationSet><item><reservationId>r-1</reservationId><instancesSet>{items}</instancesSet></item>\
             </reservationSet>{}</{action}Response>",
            token("nextToken")
        ));
    }
    let uri = request.uri();
    match request.method() {
        "GET" if uri.contains("list-type=2") => xml(format!(
            "<ListBucketResult><Contents><Key>{text}</Key><Size>3</Size><LastModified>2016-02-16T18:04:09Z</LastModified>\
             </Contents>{}</ListBucketResult>",
            token("NextContinuationToken")
        )),
        "GET" if uri.contains("x-id=ListBuckets") => xml(format!(
            "<ListAllMyBucketsResult><Buckets><Bucket><Name>demo-{text}</Name><CreationDate>2016-02-16T18:04:09Z\
             </CreationDate></Bucket></Buckets>{}</ListAllMyBucketsResult>",
            token("ContinuationToken")
        )),
        "GET" => {
            let length = match answers.variant() % 4 {
                0 => "9999999".to_owned(),
                1 => "-1".to_owned(),
                _ => answers.bytes.len().to_string(),
            };
            let headers = [("content-type", text), ("content-length", &length), ("etag", text)];
            respond(200, &headers, answers.bytes.to_vec())
        }
        "HEAD" => respond(404, &[], Vec::new()),
        _ => respond(200, &[], Vec::new()),
    }
}

fn error(request: &HttpRequest, status: u16, code: &str, message: &str) -> Answer {
    let error = format!("<Code>{code}</Code><Message>{message}</Message>");
    let body = match request.uri().starts_with("https://ec2.") {
        true => format!("<Response><Errors><Error>{error}</Error></Errors><RequestID>r</RequestID></Response>"),
        false => format!("<Error>{error}<RequestId>r</RequestId></Error>"),
    };
    respond(status, &[("content-type", "text/xml")], body.into_bytes())
}

fn respond(status: u16, headers: &[(&'static str, &str)], body: Vec<u8>) -> Answer {
    let status = status.try_into().map_err(|_| ConnectorError::other("no status".into(), None))?;
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    for (name, value) in headers {
        let _ = response.headers_mut().try_insert(*name, (*value).to_owned());
    }
    let _ = response.headers_mut().try_insert("x-amzn-requestid", "e0a4dba9-8ac0-4e52-ac71-e6a2f4a7c8f4");
    Ok(response)
}
