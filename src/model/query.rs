//! What DescribeInstances is asked, and a page of its answer.

use super::ids::InstanceId;
use super::instance::{Instance, Reservation};

/// Which instances to describe.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InstanceQuery {
    /// These; EC2 refuses the call if one of them does not exist. Not together with
    /// [`InstanceQuery::max_results`].
    pub instance_ids: Vec<InstanceId>,
    /// Only instances that match every filter.
    pub filters: Vec<Filter>,
    /// The size of the page; EC2 takes 5 to 1,000.
    pub max_results: Option<u32>,
    /// The token of an earlier page; `None`: from the beginning.
    pub next_token: Option<String>,
    /// Whether each instance is to have its [`super::Instance::details`]. Most lists show none of
    /// them, and would pay for them with each of thousands of instances.
    pub details: bool,
}

/// One filter of
/// [DescribeInstances](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html):
/// matches if the field `name` has one of the `values`.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are EC2's")]
pub struct Filter {
    pub name: String,
    pub values: Vec<String>,
}

impl Filter {
    /// A filter for exactly these values: `*`, `?` and backslashes are escaped
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html#advanced-filtering>).
    pub fn exactly<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Self {
        let escaped = |value: &str| {
            let mut text = String::with_capacity(value.len());
            for c in value.chars() {
                if matches!(c, '*' | '?' | '\\') {
                    text.push('\\');
                }
                text.push(c);
            }
            text
        };
        Self { name: name.to_owned(), values: values.into_iter().map(escaped).collect() }
    }
}

/// EC2's limit on the number of values in all filters of one call.
pub const MAX_FILTER_VALUES: usize = 200;

/// A page of instances, and the token of the next page.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Page {
    pub reservations: Vec<Reservation>,
    pub next_token: Option<String>,
}

impl Page {
    /// The instances of all reservations.
    pub fn into_instances(self) -> impl Iterator<Item = Instance> {
        self.reservations.into_iter().flat_map(|reservation| reservation.instances)
    }
}
