//! The sample events of `events/`, sent to the function as the story of `tests/story.json`.

use crate::support::{
    Answer, Function, IMAGE, KEY, OPENAPI_VERSION, REQUEST_ID, Wire, file, own_group, root, schedule_variables,
};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use regex_lite::Regex;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The clock of the tests, as the tag `start_time` has it.
const NOW: &str = "2016-02-16T18:04:09.006739";

/// The content of `tests/story.json`, which explains its members.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    #[serde(rename = "about")]
    _about: Vec<String>,
    placeholders: BTreeMap<String, String>,
    values: BTreeMap<String, String>,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    event: String,
    status: u64,
    #[serde(default)]
    public: bool,
    #[serde(default)]
    placeholders: BTreeMap<String, String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    has: Option<Value>,
    includes: Option<Vec<Value>>,
    #[serde(default, rename = "alone_in_a_new_account")]
    _alone_in_a_new_account: bool,
    #[serde(default)]
    empty: bool,
    #[serde(default)]
    compressed: bool,
    bytes_of: Option<String>,
}

fn story() -> Story {
    serde_json::from_str(&file("tests/story.json")).unwrap()
}

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

/// The values that are known, and the patterns of all values.
struct Values {
    known: BTreeMap<String, String>,
    patterns: BTreeMap<String, String>,
}

impl Values {
    /// Whether a value matches its pattern and the known value, if there is one. Remembers it.
    fn is(&mut self, name: &str, value: &str) -> bool {
        let pattern = Regex::new(&format!("^(?:{})$", self.patterns[name])).unwrap();
        let known = self.known.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        pattern.is_match(value) && known == value
    }

    /// Whether a body, or a part of one, is as expected. Unless `whole`, objects may have other
    /// members.
    fn fit(&mut self, expected: &Value, actual: &Value, whole: bool) -> bool {
        match (expected, actual) {
            (Value::String(any), _) if any == "*" => true,
            (Value::String(text), Value::String(value)) if text.starts_with('$') => self.is(&text[1..], value),
            (Value::Object(expected), Value::Object(actual)) => {
                (!whole || expected.len() == actual.len())
                    && expected
                        .iter()
                        .all(|(name, member)| actual.get(name).is_some_and(|value| self.fit(member, value, whole)))
            }
            (Value::Array(expected), Value::Array(actual)) => {
                expected.len() == actual.len()
                    && expected.iter().zip(actual).all(|(item, value)| self.fit(item, value, whole))
            }
            _ => expected == actual,
        }
    }

    /// Reads a sample event and replaces its placeholders, in a base64 body, too. Placeholders of
    /// unknown values are kept.
    fn fill(&self, name: &str, placeholders: &BTreeMap<String, String>) -> Value {
        let fill = |text: &str| {
            // An AMI's placeholder ends like an instance's: the order of the names puts it first.
            placeholders.iter().fold(text.to_owned(), |text, (placeholder, name)| {
                let value = self.known.get(name).unwrap_or(placeholder);
                text.replace(placeholder, value)
            })
        };
        let mut event: Value = serde_json::from_str(&fill(&file(&format!("events/{name}.json")))).unwrap();
        if event["isBase64Encoded"] == true {
            let body = BASE64_STANDARD.decode(event["body"].as_str().unwrap()).unwrap();
            if let Ok(text) = String::from_utf8(body) {
                event["body"] = Value::String(BASE64_STANDARD.encode(fill(&text)));
            }
        }
        event
    }

    /// Asserts that a response is the one of a step.
    fn check(&mut self, step: &Step, answer: &Answer) {
        let Step { event, .. } = step;
        assert_eq!(answer.status, step.status, "{event}: {answer:?}");
        for (name, text) in &step.headers {
            assert!(answer.headers[name].contains(text), "{event}: {answer:?}");
        }
        for (expected, whole) in [(&step.body, true), (&step.has, false)] {
            if let Some(expected) = expected {
                assert!(self.fit(expected, &answer.json(), whole), "{event}: not {expected}: {answer:?}");
            }
        }
        for expected in step.includes.iter().flatten() {
            let included = answer.json().as_array().unwrap().iter().any(|item| self.fit(expected, item, true));
            assert!(included, "{event}: no {expected}: {answer:?}");
        }
        if step.empty {
            assert_eq!(answer.body, "", "{event}");
        }
        if step.compressed {
            assert!(answer.base64 && answer.headers["content-encoding"] == "gzip", "{event}: {:?}", answer.headers);
        }
        if let Some(stored) = &step.bytes_of {
            let stored = self.fill(stored, &BTreeMap::new());
            assert_eq!((answer.base64, json!(answer.body)), (true, stored["body"].clone()), "{event}");
        }
    }
}

#[tokio::test]
async fn sample_events_are_one_story() {
    let accounts = [("ACCOUNTS", "sandbox=arn:aws:iam::111122223333:role/ec2-control-api-account")];
    let schedule_group = own_group().await;
    let variables: Vec<_> = accounts.into_iter().chain(schedule_variables(&schedule_group)).collect();
    let function = Function::new(Wire::to_moto().await, &variables).await;
    let story = story();
    // The region of every event; no other test uses it in moto.
    let group = function.prepare("us-east-1").await;
    let mut values = Values { known: BTreeMap::new(), patterns: story.values };
    for (name, value) in
        [("image", IMAGE), ("group", &group), ("request_id", REQUEST_ID), ("start_time", NOW), ("reboot_time", NOW)]
    {
        assert!(values.is(name, value), "{value} does not match the pattern of {name}");
    }
    for step in &story.steps {
        let mut placeholders = story.placeholders.clone();
        placeholders.extend(step.placeholders.clone());
        let answer = function.invoke(&values.fill(&step.event, &placeholders)).await;
        values.check(step, &answer);
    }
    let told: BTreeSet<_> = story.steps.into_iter().map(|step| step.event).collect();
    assert_eq!(told.into_iter().collect::<Vec<_>>(), names(), "every file of events/ is part of the story");
}

#[test]
fn the_story_names_the_version_of_openapi_that_the_document_has() {
    let steps = story().steps;
    let openapi = steps.iter().find(|step| step.event == "openapi").unwrap();
    assert_eq!(openapi.has.as_ref().unwrap()["openapi"], OPENAPI_VERSION);
}

#[test]
fn every_event_uses_the_local_key_and_placeholders_only() {
    let steps = story().steps;
    for name in names() {
        let text = file(&format!("events/{name}.json"));
        let public = steps.iter().any(|step| step.event == name && step.public);
        assert!(public != text.contains(KEY), "{name}");
        for id in ["i-", "sg-", "ami-"] {
            for (at, _) in text.match_indices(&format!("{id}0")) {
                assert!(text[at..].starts_with(&format!("{id}0123456789abcdef0")), "{name}: {}", &text[at..at + 20]);
            }
        }
    }
}
