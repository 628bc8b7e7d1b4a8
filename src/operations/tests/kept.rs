//! Stops and terminations that leave out instances that are kept. The clock is at 1970-01-01.

use super::*;
use crate::model::{Hibernation, Selection, Tag, Tagged, isoformat};

const C: &str = "i-abba916c";

/// A description of running instances: ID and until when each is kept.
fn kept(instances: &[(&str, Option<&str>)]) -> Recorded {
    let tag = |key: &str, value: &str| format!("<item><key>{key}</key><value>{value}</value></item>");
    let item = |(id, until): &(&str, Option<&str>)| {
        let tags =
            tag("team", "blue") + &until.map(|until| tag("ec2-control-api:keep-until", until)).unwrap_or_default();
        format!(
            "<item><instancesSet><item><instanceId>{id}</instanceId><instanceState><code>16</code><name>running</name>\
             </instanceState><tagSet>{tags}</tagSet></item></instancesSet></item>"
        )
    };
    let items: String = instances.iter().map(item).collect();
    ok(format!("<DescribeInstancesResponse><reservationSet>{items}</reservationSet></DescribeInstancesResponse>"))
}

fn changed(action: &str, ids: &[&str]) -> Recorded {
    let items: String = ids.iter().map(|id| format!("<item><instanceId>{id}</instanceId></item>")).collect();
    ok(format!("<{action}Response><instancesSet>{items}</instancesSet></{action}Response>"))
}

/// These instances at a firing, and the same by a tag.
fn firings(ids: &[&str], partial: bool) -> [Targets; 2] {
    let tagged = Tagged { tags: vec![Tag { key: "team".to_owned(), value: "blue".to_owned() }], expect: None };
    let by_tag = Targets { selection: Selection::Tagged(tagged), ..targets(&[]) };
    [targets(ids), by_tag].map(|targets| Targets { partial, leave_out_kept: true, ..targets })
}

fn instances<T>(results: &[InstanceResult<T>]) -> Vec<&str> {
    results.iter().map(|result| result.instance.as_str()).collect()
}

#[tokio::test]
async fn firing_leaves_out_instances_that_are_kept_and_says_until_when() {
    let found = [(A, Some("1970-01-01T00:00:01Z")), (B, Some("1970-01-01T00:00:00Z")), (C, None)];
    for partial in [true, false] {
        for targets in firings(&[A, B, C], partial) {
            let bench = Bench::new([kept(&found), changed("StopInstances", &[B, C])]);
            let cx = bench.context(Duration::from_secs(20));
            let stopped = done(execute(&StopInstances::plain(targets), &cx).await).unwrap();
            assert_eq!(instances(&stopped.output), [B, C]);
            assert!(stopped.output.iter().all(|result| result.change.is_ok()));
            let body = bench.replay.requests().pop().unwrap();
            assert!(body.contains(&format!("InstanceId.1={B}&InstanceId.2={C}")) && !body.contains(A), "{body}");
            let audit = cx.audit.lock().unwrap();
            let times: Vec<_> = audit.kept.iter().map(|(id, until)| (id.as_str(), isoformat(*until))).collect();
            assert_eq!(times, [(A, "1970-01-01T00:00:01+00:00".to_owned())]);
            let logged = serde_json::to_value(&*audit).unwrap();
            assert_eq!(logged["kept"], serde_json::json!({A: "1970-01-01T00:00:01+00:00"}));
        }
    }
}

#[tokio::test]
async fn firing_with_only_kept_instances_changes_nothing_and_answers_none() {
    let found = [(A, Some("2026-11-27T00:00:00+01:00"))];
    for partial in [true, false] {
        for targets in firings(&[A], partial) {
            let bench = Bench::new([kept(&found)]);
            let operation = TerminateInstances { targets, shutdown: Shutdown::default() };
            assert_eq!(instances(&bench.run(operation).await.unwrap().output), [""; 0]);
            assert_eq!(bench.replay.requests().len(), 1);
        }
        for targets in firings(&[A], partial) {
            let bench = Bench::new([kept(&found)]);
            let stop = StopInstances { hibernation: Hibernation::Prefer, ..StopInstances::plain(targets) };
            assert_eq!(instances(&bench.run(stop).await.unwrap().output), [""; 0]);
        }
    }
}

#[tokio::test]
async fn kept_instance_that_is_protected_has_its_error_at_a_firing() {
    let bench = Bench::with_variables([kept(&[(A, Some("2026-11-27T00:00:00Z"))])], &[("PROTECTED_TAG", "team=blue")]);
    let [by_id, _] = firings(&[A], true);
    let refused = bench.run(StopInstances::plain(by_id)).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Forbidden);
}

#[tokio::test]
async fn caller_stops_instances_that_are_kept() {
    let bench = Bench::new([changed("StopInstances", &[A])]);
    let stopped = bench.run(StopInstances::plain(targets(&[A]))).await.unwrap();
    assert_eq!(instances(&stopped.output), [A]);
}
