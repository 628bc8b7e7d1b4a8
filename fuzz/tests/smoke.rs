//! Runs the fuzz targets on fixed inputs: the sample events, the seeds, and mutations of both.

use ec2_control_api::routes::DIALECTS;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const MUTATIONS: usize = 2_000;

/// Texts that a mutation inserts.
const PARTS: &[&[u8]] = &[
    b"local-only-key",
    b"/ec2/list",
    b"/v1/launch",
    b"/s3/demo-x/",
    b"/instance/us-east-1/i-0123456789abcdef0/",
    b"region_name=us-east-1",
    b"&dry_run=true",
    b"&wait=900",
    b"&tag:a=b",
    b"{key...}",
    b"%",
    b"%2F",
    b"%ff",
    b"\0",
    b"\xff\xfe",
    b"\r\n",
    b"\n\n",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"\\u00e9",
    b"%C3%A9",
    "\u{e9}".as_bytes(),
    "\u{1f600}".as_bytes(),
    b"null",
    b"[]",
    b"//",
    b"OPTIONS",
    b"https://evil.example",
    b",local-only-key",
    b"{}",
    b"-1",
    b"18446744073709551616",
    b"\"isBase64Encoded\": true,",
    b"\"userArn\": \"x\",",
    b"permit (principal, action, resource);",
    b"((((((((((((((((",
    b"cron(0 8 ? * MON#2 *)",
    b"at(2099-12-31T23:59:59)",
    b"<aws.scheduler.scheduled-time>",
    b"timezone Africa/Casablanca",
    "\u{202e}\u{fffd}\u{e9}".as_bytes(),
];

/// Xorshift, with a fixed seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end.max(1)
    }

    fn mutate(&mut self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let mut input = inputs[self.below(inputs.len())].clone();
        // A mutation of its bytes would rarely leave valid JSON.
        if let Ok(mut event) = serde_json::from_slice(&input)
            && self.below(8) > 0
        {
            (0..=self.below(3)).for_each(|_| self.mutate_value(&mut event));
            return event.to_string().into_bytes();
        }
        for _ in 0..=self.below(4) {
            let start = self.below(input.len() + 1);
            let end = (start + self.below(24)).min(input.len());
            match self.below(6) {
                0 if start < input.len() => input[start] = self.below(256) as u8,
                1 => drop(input.drain(start..end)),
                2 => {
                    let again = input[start..end].to_vec();
                    input.splice(start..start, again);
                }
                3 => input.truncate(start),
                4 => {
                    let other = &inputs[self.below(inputs.len())];
                    let from = self.below(other.len() + 1);
                    input.splice(start.., other[from..].iter().copied());
                }
                _ => drop(input.splice(start..end, PARTS[self.below(PARTS.len())].iter().copied())),
            }
        }
        input
    }

    /// Changes a value somewhere in this one, or all of it.
    fn mutate_value(&mut self, value: &mut Value) {
        let (count, stay) = (value.as_object().map_or(0, serde_json::Map::len), self.below(24) == 0);
        let part = String::from_utf8_lossy(PARTS[self.below(PARTS.len())]).into_owned();
        match value {
            Value::Object(members) if count > 0 && !stay => {
                let at = self.below(count);
                if self.below(16) == 0 {
                    let name = members.keys().nth(at).cloned().unwrap_or_default();
                    members.remove(&name);
                    return;
                }
                members.values_mut().skip(at).take(1).for_each(|value| self.mutate_value(value));
            }
            Value::Array(values) if !values.is_empty() && !stay => {
                let at = self.below(values.len());
                self.mutate_value(&mut values[at]);
            }
            Value::String(text) if self.below(4) > 0 => {
                let mut at = self.below(text.len() + 1);
                while !text.is_char_boundary(at) {
                    at -= 1;
                }
                match self.below(3) {
                    0 => text.truncate(at),
                    1 => text.insert_str(at, &part),
                    _ => text.replace_range(at.., &part),
                }
            }
            Value::Bool(truth) if !stay => *truth = !*truth,
            value => {
                *value =
                    [json!(null), json!(-1), json!([]), json!({part.as_str(): 1}), json!(part)][self.below(5)].take()
            }
        }
    }
}

fn inputs() -> Vec<Vec<u8>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut inputs = vec![Vec::new()];
    let folders = ["../events", "seeds", "../policies/examples", "../tests/responses"];
    for folder in folders.map(|folder| fuzz.join(folder)) {
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        inputs.extend(files.iter().map(|file| fs::read(file).unwrap()));
    }
    // Each route with each of its parameters, in the form that `routed` of src/event.rs reads.
    let routes = DIALECTS.iter().flat_map(|dialect| dialect.routes);
    for (route, which) in routes.zip(0..) {
        let parameters = (0..route.parameters.len()).flat_map(|which| [b'\n', u8::try_from(which).unwrap()]);
        inputs.extend(
            [b'0', b'7', 0xb0].map(|answers| [answers, b'd', which].into_iter().chain(parameters.clone()).collect()),
        );
    }
    inputs
}

/// Runs a target on all inputs, and prints the input if it panics.
fn run_on_all_inputs(target: fn(&[u8])) {
    struct Given<'a>(&'a [u8]);

    impl Drop for Given<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("input: b\"{}\"", self.0.escape_ascii());
            }
        }
    }

    let inputs = inputs();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mutations: Vec<_> = (0..MUTATIONS).map(|_| random.mutate(&inputs)).collect();
    for input in inputs.iter().chain(&mutations) {
        let given = Given(input);
        target(given.0);
    }
}

#[test]
fn any_event_gets_a_response_and_reaches_aws_only_with_authentication() {
    run_on_all_inputs(ec2_control_api_fuzz::invoke);
}

#[test]
fn any_authenticated_request_to_a_route_gets_a_response() {
    run_on_all_inputs(ec2_control_api_fuzz::routes);
}

#[test]
fn any_parameters_are_read_or_refused_as_declared() {
    run_on_all_inputs(ec2_control_api_fuzz::params);
}

#[test]
fn any_path_of_a_route_leads_there_again_with_its_segments_encoded() {
    run_on_all_inputs(ec2_control_api_fuzz::router);
}

#[test]
fn any_text_is_read_as_a_policy_file_without_a_panic() {
    run_on_all_inputs(ec2_control_api_fuzz::policy);
}

#[test]
fn any_schedule_is_refused_or_kept_as_it_is() {
    run_on_all_inputs(ec2_control_api_fuzz::schedule);
}

#[test]
fn any_page_is_the_same_by_both_parsers_or_is_not_xml() {
    run_on_all_inputs(ec2_control_api_fuzz::page);
}
