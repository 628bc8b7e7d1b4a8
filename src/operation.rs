//! What the function can do, whoever asks in whatever dialect, and the rules that are common to all.

use crate::App;
use crate::ec2::{Change, Instance, InstanceId, Launch, Page, Query, Region, Reservation, StateChange, Tag};
use crate::error::Error;
use serde::Serialize;

/// Something to do.
#[derive(Debug)]
pub enum Operation {
    /// Nothing: say that the function is there.
    Health,
    /// Launch instances.
    Launch(Launch),
    /// Change the state of instances with one call, and then set a tag on them.
    Change {
        /// What to do to them.
        change: Change,
        /// To these; at least one.
        instance_ids: Vec<InstanceId>,
        /// What to set afterwards.
        tag: Option<Tag>,
    },
    /// List instances: all that fit in one answer, or a page if the query says how large.
    List {
        /// Which.
        query: Query,
        /// Writes them as elements of a JSON array.
        write: WriteRows,
    },
}

/// Writes reservations as elements of a JSON array.
pub type WriteRows = fn(&[Reservation], &mut Rows);

/// What came of an operation.
#[derive(Debug)]
pub enum Outcome {
    /// The function is there.
    Health,
    /// These instances were launched.
    Launched(Vec<Instance>),
    /// The state of these instances has changed, in the order asked for.
    Changed(Vec<StateChange>),
    /// These instances are rebooting.
    Rebooted(Vec<InstanceId>),
    /// A JSON array.
    Listed {
        /// The array.
        json: String,
        /// Where the rest begins, if there is more.
        next_token: Option<String>,
    },
}

/// What came of an operation that was carried out.
#[derive(Debug)]
pub struct Done {
    /// What came of it.
    pub outcome: Outcome,
    /// AWS's ID of the last call.
    pub aws_request_id: Option<String>,
    /// What failed after the change itself had happened: the caller is warned of it, not refused.
    pub incomplete: Option<Error>,
}

impl Operation {
    /// The instances that it names.
    pub fn instance_ids(&self) -> impl Iterator<Item = &str> {
        let ids: &[InstanceId] = match self {
            Self::Change { instance_ids, .. } => instance_ids,
            Self::List { query, .. } => &query.instance_ids,
            Self::Health | Self::Launch(_) => &[],
        };
        ids.iter().map(InstanceId::as_str)
    }
}

impl Outcome {
    /// The instances that were launched.
    pub fn launched_ids(&self) -> impl Iterator<Item = &str> {
        let instances: &[Instance] = match self {
            Self::Launched(instances) => instances,
            _ => &[],
        };
        instances.iter().map(|instance| instance.instance_id.as_str())
    }
}

/// Carries out an operation. `client_token` makes a launch that is sent twice happen once.
///
/// # Errors
/// That AWS refuses or can't be reached: then nothing has changed, unless the error says that it is not known.
pub async fn execute(app: &App, region: &Region, operation: &Operation, client_token: &str) -> Result<Done, Error> {
    let done = |outcome, aws_request_id| Ok(Done { outcome, aws_request_id, incomplete: None });
    match operation {
        Operation::Health => done(Outcome::Health, None),
        Operation::Launch(launch) => {
            let answer = app.ec2.run_instances(region, launch, client_token).await?;
            done(Outcome::Launched(answer.value.instances), answer.request_id)
        }
        Operation::Change { change, instance_ids, tag } => {
            let answer = app.ec2.change(region, *change, instance_ids).await?;
            let outcome = match change {
                Change::Reboot => Outcome::Rebooted(instance_ids.clone()),
                _ => Outcome::Changed(answer.value),
            };
            let incomplete = match tag {
                Some(tag) => app.ec2.create_tags(region, instance_ids, std::slice::from_ref(tag)).await.err(),
                None => None,
            };
            Ok(Done { outcome, aws_request_id: answer.request_id, incomplete })
        }
        Operation::List { query, write } => list(app, region, query, *write).await,
    }
}

/// The smallest page that EC2 can be asked for, and the largest
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>).
pub const PAGE_SIZES: (u32, u32) = (5, 1000);

/// Lists page by page until everything is there or the answer is full. Nothing is dropped: what does not fit begins at the
/// token.
async fn list(app: &App, region: &Region, query: &Query, write: WriteRows) -> Result<Done, Error> {
    let mut rows = Rows::default();
    let mut query = query.clone();
    let one_page = query.max_results.is_some();
    let mut size = query.max_results.unwrap_or(PAGE_SIZES.1);
    loop {
        query.max_results = Some(size);
        let answer = app.ec2.describe_instances(region, &query).await?;
        let Page { reservations, next_token } = answer.value;
        let before = rows.mark();
        write(&reservations, &mut rows);
        let fits = rows.weight() <= LARGEST_ANSWER;
        if fits {
            query.next_token = next_token;
        } else {
            rows.cut(before);
        }
        let full = !fits && !rows.is_empty();
        if full || (fits && (one_page || query.next_token.is_none())) {
            let outcome = Outcome::Listed { json: rows.finish(), next_token: query.next_token };
            return Ok(Done { outcome, aws_request_id: answer.request_id, incomplete: None });
        }
        if !fits {
            // Not even one page fits into an empty answer: a smaller one does.
            size /= 2;
            if size < PAGE_SIZES.0 {
                return Err(Error::internal("the smallest page of instances does not fit in an answer"));
            }
        }
    }
}

/// The largest list in an answer, in bytes as the answer counts them: Lambda's limit of 6 MB
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>) less room for headers and the like.
pub const LARGEST_ANSWER: usize = 6 * 1024 * 1024 - 64 * 1024;

/// The elements of a JSON array, written once, with their weight in Lambda's answer.
///
/// Lambda's answer is JSON that has this JSON in it as a string, where every quote and backslash takes two bytes.
#[derive(Debug, Default)]
pub struct Rows {
    json: Vec<u8>,
    escapes: usize,
}

/// An end of [`Rows`] to go back to.
struct Mark(usize, usize);

impl Rows {
    /// Adds an element.
    pub fn push(&mut self, row: &impl Serialize) {
        let start = self.json.len();
        if start > 0 {
            self.json.push(b',');
        }
        if serde_json::to_writer(&mut self.json, row).is_err() {
            // Writing to memory fails for maps with keys that are no strings only, and no row has one.
            self.json.truncate(start);
        }
        self.escapes += self.json.iter().skip(start).filter(|b| matches!(b, b'"' | b'\\')).count();
    }

    fn weight(&self) -> usize {
        self.json.len() + self.escapes
    }

    fn is_empty(&self) -> bool {
        self.json.is_empty()
    }

    fn mark(&self) -> Mark {
        Mark(self.json.len(), self.escapes)
    }

    fn cut(&mut self, Mark(len, escapes): Mark) {
        self.json.truncate(len);
        self.escapes = escapes;
    }

    fn finish(mut self) -> String {
        self.json.insert(0, b'[');
        self.json.push(b']');
        // serde_json writes UTF-8.
        String::from_utf8(self.json).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_an_array_and_weigh_what_lambda_counts() {
        let mut rows = Rows::default();
        rows.push(&serde_json::json!({"a": "x\"y"}));
        let mark = rows.mark();
        rows.push(&"dropped");
        rows.cut(mark);
        rows.push(&7);
        let weight = rows.weight();
        let json = rows.finish();
        assert_eq!(json, r#"[{"a":"x\"y"},7]"#);
        let in_answer = serde_json::to_string(&json).unwrap();
        assert_eq!(weight, in_answer.len() - r#""[]""#.len());
        assert_eq!(Rows::default().finish(), "[]");
    }
}
