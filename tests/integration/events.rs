//! The sample events of `events/`, replayed against moto: the same files that people invoke by hand.

use crate::support::{Answer, Function, IMAGE, KEY, NO_INSTANCE, OPENAPI_VERSION, REQUEST_ID, file, root};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Placeholders of the sample events.
const SECURITY_GROUP: &str = "sg-0123456789abcdef0";
const SAMPLE_IMAGE: &str = "ami-0123456789abcdef0";

/// The events that need no key.
const OPEN: [&str; 6] = ["health", "openapi", "console", "console-rest", "docs", "docs-file"];

/// The clock of the tests, as the tag `start_time` has it.
const NOW: &str = "2016-02-16T18:04:09.006739";

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
    // The image first: its ID ends like an instance's.
    let fill =
        |text: &str| text.replace(SAMPLE_IMAGE, IMAGE).replace(SECURITY_GROUP, group).replace(NO_INSTANCE, instance);
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
async fn sample_events_are_one_story() {
    let function = Function::with_moto().await;
    // The region of every event; no other test works in it.
    let group = function.prepare("us-east-1").await;
    let mut told = BTreeSet::new();
    let mut replay = async |name: &'static str, instance: &str, status: u64| -> Answer {
        told.insert(name.to_owned());
        let answer = function.invoke(&event(name, &group, instance)).await;
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        answer
    };

    assert_eq!(replay("health", "", 200).await.json()["status"], "ok");
    assert_eq!(replay("openapi", "", 200).await.json()["openapi"], OPENAPI_VERSION);
    for page in OPEN.iter().skip(2) {
        let answer = replay(page, "", 200).await;
        assert!(answer.base64 && answer.headers["content-encoding"] == "gzip", "{page}: {:?}", answer.headers);
    }
    let launched = replay("ec2-create", "", 200).await.json();
    let id = launched["InstanceId"].as_str().unwrap();
    for list in ["ec2-list", "ec2-list-rest"] {
        assert_eq!(replay(list, id, 200).await.json()[0]["id"], id, "{list}");
    }
    assert_eq!(replay("ec2-reservations", id, 200).await.json()[0]["Instances"][0]["InstanceId"], id);
    let changes = ["StartInstances", "StopInstances", "RebootInstances", "TerminateInstances"];
    let permissions = json!([{"id": id, "permitted": changes, "refused": {}}]);
    replay("ec2-permissions", id, 200).await.is(200, &permissions);
    let regions = replay("regions-list", "", 200).await.json();
    let here = regions.as_array().unwrap().iter().find(|it| it["name"] == "us-east-1");
    assert_eq!(here.unwrap()["instances"], json!({"running": 1}));
    assert_eq!(replay("ec2-stop", id, 200).await.json()["CurrentState"]["Name"], "stopping");
    let started = replay("ec2-start", id, 200).await;
    assert_eq!(started.json()["CurrentState"]["Name"], "pending");
    assert!(started.headers["warning"].contains("credentials"), "the event passes some: {started:?}");
    assert_eq!(replay("ec2-start-rest", id, 200).await.json()["InstanceId"], id);
    assert_eq!(replay("ec2-reboot", id, 200).await.json(), json!({"InstanceId": id}));

    for (action, start_time) in
        [("instance-stop", ""), ("instance-start", NOW), ("instance-stop", ""), ("instance-reboot", NOW)]
    {
        assert_eq!(replay(action, id, 204).await.body, "");
        for describe in ["instance-describe", "instance-describe-rest"] {
            let shown = replay(describe, id, 200).await.json();
            let tags = json!({
                "ec2-control-api:caller": "demo", "ec2-control-api:request": REQUEST_ID, "start_time": start_time,
            });
            assert_eq!(shown["tags"], tags, "{describe} after {action}");
        }
    }

    for change in ["v1-stop", "v1-start", "v1-reboot", "v1-modify"] {
        replay(change, id, 200).await.is(200, &json!("Instance modification succeeded"));
    }
    assert_eq!(replay("v1-attributes", id, 200).await.json()["id"], id);
    assert_eq!(replay("v1-attribute", id, 200).await.json().as_object().unwrap().len(), 1);
    assert_eq!(replay("ec2-terminate", id, 200).await.json()["CurrentState"]["Name"], "shutting-down");
    let launched = replay("v1-launch", "", 200).await.json();
    replay("v1-terminate", launched[0].as_str().unwrap(), 200).await;

    replay("s3-create-bucket", "", 201).await.is(201, &json!({"name": "demo-bucket"}));
    let buckets = replay("s3-list-buckets", "", 200).await.json();
    assert!(buckets.as_array().unwrap().iter().any(|it| it["name"] == "demo-bucket"));
    replay("s3-put-object", "", 201).await.is(201, &json!({"name": "hello/wörld 1.txt"}));
    assert_eq!(replay("s3-list-objects", "", 200).await.json()[0]["name"], "hello/wörld 1.txt");
    let stored = event("s3-put-object", "", "");
    for get in ["s3-get-object", "s3-get-object-rest"] {
        let answer = replay(get, "", 200).await;
        assert_eq!((answer.base64, json!(answer.body)), (true, stored["body"].clone()), "{get}");
    }
    assert_eq!(replay("s3-delete-object", "", 204).await.body, "");
    assert_eq!(replay("s3-delete-bucket", "", 204).await.body, "");

    assert_eq!(told.into_iter().collect::<Vec<_>>(), names(), "every file of events/ is part of the story");
}

#[test]
fn every_event_uses_the_local_key_and_placeholders_only() {
    for name in names() {
        let text = file(&format!("events/{name}.json"));
        assert!(OPEN.contains(&name.as_str()) != text.contains(KEY), "{name}");
        for id in ["i-", "sg-", "ami-"] {
            for (at, _) in text.match_indices(&format!("{id}0")) {
                assert!(text[at..].starts_with(&format!("{id}0123456789abcdef0")), "{name}: {}", &text[at..at + 20]);
            }
        }
    }
}
