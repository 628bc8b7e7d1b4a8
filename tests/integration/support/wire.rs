//! A server on a real socket in the place of AWS. It records requests, and answers them or passes
//! them on to moto.

use super::moto::{self, moto_port};
use super::parsers::assert_parsers_agree;
use super::xml::{self, Response};
use super::{AWS_REQUEST_ID, REQUEST_ID};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A request that reached the server.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    /// The client's address.
    pub connection: SocketAddr,
}

impl RecordedRequest {
    /// The form of an EC2 call as sorted `Name=value` lines, decoded.
    pub fn form(&self) -> Vec<String> {
        let pairs = form_urlencoded::parse(&self.body).map(|(name, value)| format!("{name}={value}"));
        let mut lines: Vec<_> = pairs.collect();
        lines.sort();
        lines
    }

    /// The form of a launch without the lines of every launch, whose presence it asserts.
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
            let at = form.iter().position(|other| *other == line);
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

/// Makes the response to a request, and says how long it takes.
type Responder = dyn Fn(&RecordedRequest) -> (Duration, Response) + Send + Sync;

/// How the server treats requests.
#[derive(Clone)]
pub enum Behavior {
    /// Passes every request on to moto.
    Moto,
    /// Sends these responses one after the other, each after a delay; then cuts the connection.
    Canned(Arc<Mutex<VecDeque<Response>>>, Duration),
    /// Sends the same response to every request.
    Always(Response),
    /// Sends the response that this makes.
    Answering(Arc<Responder>),
    /// Applies a fault to this many requests, and passes the others on to moto.
    Faulty(Fault, Arc<AtomicUsize>),
}

/// A fault of a request on its way to AWS, or of the response on its way back.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// moto's response is delayed.
    Late(Duration),
    /// The connection is closed before the request reaches moto.
    Cut,
    /// The connection is closed after moto has carried out the request.
    CutAfter,
    /// The connection is reset.
    Reset,
    /// Half of the body of moto's response is delivered.
    Truncated,
    /// moto's response is delivered with wrong characters in its body.
    Garbled,
    /// The connection stays open without a response.
    Silent,
    /// Something other than AWS answers with this status and body.
    Answer(u16, &'static str),
    /// AWS answers with an error of this status and code.
    Refusal(u16, &'static str),
}

/// A server that records requests, and answers them or passes them on to moto.
pub struct Wire {
    pub url: String,
    log: Arc<Log>,
}

/// What the server has seen.
#[derive(Default)]
struct Log {
    recorded: Mutex<Vec<RecordedRequest>>,
    /// The number of requests that are not answered yet, and the greatest so far.
    in_flight: Mutex<(usize, usize)>,
}

/// A request that is not answered yet.
struct InFlight(Arc<Log>);

impl InFlight {
    fn new(log: &Arc<Log>) -> Self {
        let (now, most) = &mut *log.in_flight.lock().unwrap();
        *now += 1;
        *most = (*most).max(*now);
        Self(Arc::clone(log))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.lock().unwrap().0 -= 1;
    }
}

impl Wire {
    pub async fn to_moto() -> Self {
        moto_port();
        Self::start(Behavior::Moto).await
    }

    pub async fn canned(responses: impl IntoIterator<Item = Response>) -> Self {
        Self::slow(responses, Duration::ZERO).await
    }

    pub async fn slow(responses: impl IntoIterator<Item = Response>, each: Duration) -> Self {
        let responses = responses.into_iter().collect();
        Self::start(Behavior::Canned(Arc::new(Mutex::new(responses)), each)).await
    }

    /// A server that never answers.
    pub async fn silent() -> Self {
        Self::always(xml::no_response()).await
    }

    pub async fn faulty(fault: Fault, times: usize) -> Self {
        moto_port();
        Self::start(Behavior::Faulty(fault, Arc::new(AtomicUsize::new(times)))).await
    }

    pub async fn always(response: Response) -> Self {
        Self::start(Behavior::Always(response)).await
    }

    /// A server that makes each response of its request, after a time.
    pub async fn answering(answer: impl Fn(&RecordedRequest) -> (Duration, Response) + Send + Sync + 'static) -> Self {
        Self::start(Behavior::Answering(Arc::new(answer))).await
    }

    async fn start(behavior: Behavior) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let log = Arc::new(Log::default());
        let server_log = Arc::clone(&log);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, behavior.clone(), Arc::clone(&server_log)));
            }
        });
        Self { url, log }
    }

    /// The greatest number of requests that waited for their responses at the same time.
    pub fn max_in_flight(&self) -> usize {
        self.log.in_flight.lock().unwrap().1
    }

    /// Takes the requests that have been recorded so far.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        std::mem::take(&mut *self.log.recorded.lock().unwrap())
    }

    /// Takes the recorded requests, as EC2 actions.
    pub fn actions(&self) -> Vec<String> {
        self.requests().iter().map(RecordedRequest::action).collect()
    }

    /// Takes the only request that has been recorded.
    pub fn only_request(&self) -> RecordedRequest {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:#?}");
        requests.remove(0)
    }
}

/// Every page of instances of every test is the same by both parsers. (A long one would take the
/// time of the test.)
async fn check_page(response: &str) {
    let root = "<DescribeInstancesResponse";
    let content = response.find(root).and_then(|start| response.get(start..));
    if let Some(page) = content.filter(|page| page.len() < 1 << 20) {
        assert_parsers_agree(page).await;
    }
}

async fn serve(mut stream: TcpStream, behavior: Behavior, log: Arc<Log>) -> Option<()> {
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
        let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        while buffer.len() < head_end + length {
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        }
        let request: Vec<u8> = buffer.drain(..head_end + length).collect();
        let body = request[head_end..].to_vec();
        let s3 = (method.as_str(), path.as_str()) != ("POST", "/");
        let recorded = RecordedRequest { method, path, headers, body, connection };
        log.recorded.lock().unwrap().push(recorded.clone());
        let in_flight = InFlight::new(&log);
        let fault = match &behavior {
            Behavior::Faulty(fault, times) => {
                let left = times.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |times| times.checked_sub(1));
                left.is_ok().then_some(*fault)
            }
            _ => None,
        };
        let Response { status, headers, body } = match (&behavior, fault) {
            (Behavior::Canned(responses, each), _) => {
                let response = responses.lock().unwrap().pop_front()?;
                tokio::time::sleep(*each).await;
                response
            }
            (Behavior::Always(response), _) => response.clone(),
            (Behavior::Answering(answer), _) => {
                let (time, response) = answer(&recorded);
                tokio::time::sleep(time).await;
                response
            }
            (_, Some(Fault::Refusal(status, code))) if s3 => xml::s3_refusal(status, code, "m"),
            (_, Some(Fault::Refusal(status, code))) => xml::refusal(code, "m").status(status),
            (_, Some(Fault::Answer(status, body))) => xml::response(status, body),
            (_, Some(Fault::Silent)) => xml::no_response(),
            (_, Some(Fault::Cut)) => return None,
            (_, Some(Fault::Reset)) => {
                stream.set_zero_linger().unwrap();
                return None;
            }
            (Behavior::Moto | Behavior::Faulty(..), _) => {
                if let Some(Fault::Late(time)) = fault {
                    tokio::time::sleep(time).await;
                }
                let mut answer = moto::answer(&head, &request[head_end..]).await?;
                match fault {
                    Some(Fault::CutAfter) => return None,
                    Some(Fault::Truncated | Fault::Garbled) => {
                        let body = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
                        match fault {
                            Some(Fault::Truncated) => answer.truncate(body + (answer.len() - body) / 2),
                            _ => answer[body..].iter_mut().step_by(3).for_each(|byte| *byte = b'<'),
                        }
                    }
                    _ => {}
                }
                if fault.is_none() {
                    check_page(str::from_utf8(&answer).unwrap_or_default()).await;
                }
                stream.write_all(&answer).await.ok()?;
                return None;
            }
        };
        match status {
            0 => return std::future::pending().await,
            1 => return None,
            _ => {}
        }
        let own = |name: &str| headers.iter().any(|(own, _)| *own == name);
        let mut head = format!("HTTP/1.1 {status} X\r\nx-amzn-requestid: {AWS_REQUEST_ID}\r\n");
        for (name, value) in &headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !own("content-type") {
            head += "content-type: text/xml\r\n";
        }
        // The response to HEAD says the length of a body that does not follow.
        if !own("content-length") {
            head += &format!("content-length: {}\r\n", body.len());
        }
        if status == 200 {
            check_page(&body).await;
        }
        let answer = format!("{head}\r\n{body}");
        drop(in_flight);
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}
