//! X-Ray subsegments: one UDP datagram to Lambda's daemon for each call to AWS of a sampled
//! request.
//!
//! The daemon's protocol is supported until 2027-02-25; OpenTelemetry follows it. Only this file
//! knows the protocol. The SDK itself sends the trace header with each call.

use serde::Serialize;
use serde_with::skip_serializing_none;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A finished call to AWS.
#[derive(Debug)]
pub(crate) struct FinishedCall<'a> {
    pub(crate) service: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) region: Option<&'a str>,
    pub(crate) start: SystemTime,
    /// Its length, measured with the monotonic clock.
    pub(crate) duration: Duration,
    /// The HTTP status of the last attempt, if it was answered.
    pub(crate) status: Option<u16>,
    pub(crate) request_id: Option<&'a str>,
    pub(crate) retries: u32,
    pub(crate) throttled: bool,
    pub(crate) succeeded: bool,
}

/// The X-Ray trace of an invocation.
#[derive(Debug)]
pub struct Trace {
    daemon: SocketAddr,
    id: String,
    parent: String,
}

impl Trace {
    /// The trace of an invocation; `None` if it is not sampled. `header` is Lambda's, such as
    /// `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`
    /// (<https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>).
    /// `daemon` is the address that the daemon listens on.
    pub fn sampled(header: Option<&str>, daemon: Option<SocketAddr>) -> Option<Self> {
        let header = header?;
        let part = |name: &str| {
            let mut parts = header.split(';').filter_map(|part| part.trim().split_once('='));
            parts.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
        };
        (part("Sampled")? == "1").then_some(())?;
        Some(Self { daemon: daemon?, id: part("Root")?, parent: part("Parent")? })
    }

    /// Sends a subsegment to the X-Ray daemon.
    pub(crate) fn send(&self, call: &FinishedCall<'_>) {
        let start_time = call.start.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let client_error = call.throttled || call.status.is_some_and(|status| (400..500).contains(&status));
        let subsegment = Subsegment {
            name: call.service,
            id: format!("{:016x}", fastrand::u64(..)),
            trace_id: &self.id,
            parent_id: &self.parent,
            kind: "subsegment",
            namespace: "aws",
            start_time,
            end_time: start_time + call.duration.as_secs_f64(),
            http: call.status.map(|status| Http { response: Response { status } }),
            aws: Aws {
                operation: call.operation,
                region: call.region,
                request_id: call.request_id,
                retries: call.retries,
            },
            error: client_error,
            throttle: call.throttled,
            fault: !client_error && !call.succeeded,
        };
        let Ok(json) = serde_json::to_string(&subsegment) else { return };
        let any = match self.daemon {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        // A local datagram is sent at once or not at all. No request waits for it or fails without
        // it.
        let _sent = UdpSocket::bind(any).and_then(|socket| {
            socket.set_nonblocking(true)?;
            socket.send_to(format!("{HEADER}\n{json}").as_bytes(), self.daemon)
        });
    }
}

/// The header of each datagram:
/// <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html>.
const HEADER: &str = r#"{"format":"json","version":1}"#;

/// A subsegment document:
/// <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html>. It has no
/// parameters and no output of the call.
#[skip_serializing_none]
#[derive(Serialize)]
struct Subsegment<'a> {
    name: &'a str,
    id: String,
    trace_id: &'a str,
    parent_id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    namespace: &'static str,
    start_time: f64,
    end_time: f64,
    http: Option<Http>,
    aws: Aws<'a>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    error: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    throttle: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    fault: bool,
}

#[derive(Serialize)]
struct Http {
    response: Response,
}

#[derive(Serialize)]
struct Response {
    status: u16,
}

#[skip_serializing_none]
#[derive(Serialize)]
struct Aws<'a> {
    operation: &'a str,
    region: Option<&'a str>,
    request_id: Option<&'a str>,
    retries: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_sampled_only_if_the_header_says_so_and_the_daemon_is_known() {
        let daemon = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 2000)));
        let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:2:0";
        let trace = Trace::sampled(Some(header), daemon).unwrap();
        assert_eq!(
            (trace.id.as_str(), trace.parent.as_str()),
            ("1-5759e988-bd862e3fe1be46a994272793", "53995c3f42cd8ad8")
        );
        assert!(Trace::sampled(Some(header), None).is_none() && Trace::sampled(None, daemon).is_none());
        for header in
            ["", ";;=", "Sampled=1", "Root=1-2-3;Parent=4", "Root=1-2-3;Parent=4;Sampled=0", "Root=1-2-3;Sampled=1"]
        {
            assert!(Trace::sampled(Some(header), daemon).is_none(), "{header}");
        }
    }
}
