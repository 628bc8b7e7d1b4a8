//! The sample events of `events/`, replayed against moto: the same files that people invoke by hand.

use crate::support::{Answer, Function, IMAGE, KEY, NO_INSTANCE, file, root};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::Value;

/// Placeholders of the sample events.
const SECURITY_GROUP: &str = "sg-0123456789abcdef0";
const SAMPLE_IMAGE: &str = "ami-0123456789abcdef0";

/// The names of all sample events.
pub fn names() -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(root().join("events"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// A sample event with real IDs in place of its placeholders, in its body too.
fn event(name: &str, group: &str, instance: &str) -> Value {
    let fill =
        |text: &str| text.replace(SECURITY_GROUP, group).replace(NO_INSTANCE, instance).replace(SAMPLE_IMAGE, IMAGE);
    let mut event: Value = serde_json::from_str(&fill(&file(&format!("events/{name}.json")))).unwrap();
    if event["isBase64Encoded"] == true {
        let body = BASE64_STANDARD.decode(event["body"].as_str().unwrap()).unwrap();
        if let Ok(text) = String::from_utf8(body) {
            event["body"] = Value::String(BASE64_STANDARD.encode(fill(&text)));
        }
    }
    event
}

#[tokio::test]
async fn the_events_of_ec2_are_one_story() {
    let function = Function::with_moto().await;
    // The region of every event; no other test works in it.
    let group = function.prepare("us-east-1").await;
    let launched = function.invoke(&event("ec2-create", &group, NO_INSTANCE)).await;
    assert_eq!(launched.status, 200, "{launched:?}");
    let instance = launched.json()["InstanceId"].as_str().unwrap().to_owned();
    let replay = async |name: &str| -> Answer {
        let answer = function.invoke(&event(name, &group, &instance)).await;
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        answer
    };
    replay("health").await;
    for list in ["ec2-list", "ec2-list-rest"] {
        assert_eq!(replay(list).await.json()[0]["id"], instance, "{list}");
    }
    assert_eq!(replay("ec2-reservations").await.json()[0]["Instances"][0]["InstanceId"], instance);
    assert_eq!(replay("ec2-stop").await.json()["CurrentState"]["Name"], "stopping");
    let started = replay("ec2-start").await;
    assert_eq!(started.json()["CurrentState"]["Name"], "pending");
    assert!(started.headers["warning"].contains("credentials"), "the event passes some: {started:?}");
    replay("ec2-start-rest").await;
    assert_eq!(replay("ec2-reboot").await.json()["InstanceId"], instance);
    assert_eq!(replay("ec2-terminate").await.json()["CurrentState"]["Name"], "shutting-down");
}

#[test]
fn every_event_uses_the_one_local_key_and_only_placeholders() {
    for name in names() {
        let text = file(&format!("events/{name}.json"));
        assert!(name == "health" || text.contains(KEY), "{name}");
        for id in ["i-", "sg-", "ami-"] {
            for (at, _) in text.match_indices(&format!("{id}0")) {
                assert!(text[at..].starts_with(&format!("{id}0123456789abcdef0")), "{name}: {}", &text[at..at + 20]);
            }
        }
    }
}
