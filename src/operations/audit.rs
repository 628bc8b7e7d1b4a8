//! What became of the parts of an operation, for the log.

use crate::error::Error;
use crate::model::isoformat;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// What became of the parts of an operation. A request that ends at its deadline has what was done
/// until then.
#[derive(Debug, Default, Serialize)]
pub struct Audit {
    /// Where some of several instances may fail: those that were changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// The others, by ID or name: the code of each error.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub failed: BTreeMap<String, String>,
    /// Instances that were left out since they are kept: until when each is.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", serialize_with = "times")]
    pub kept: BTreeMap<String, OffsetDateTime>,
    /// Whether an instance was marked for a reboot.
    #[serde(skip)]
    pub marked: bool,
    /// The schedule that ends what was launched or started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// The launch template of a launch: its ID and the number of the version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub launch_template: Option<String>,
    /// Where a launch may take several attempts: each, with the code of its error, or OK.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<String>,
}

impl Audit {
    /// Records that an instance was not changed.
    pub fn fail(&mut self, instance: &str, error: &Error) {
        self.failed.insert(instance.to_owned(), error.code.clone().into_owned());
    }
}

fn times<S: Serializer>(times: &BTreeMap<String, OffsetDateTime>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(times.iter().map(|(id, time)| (id, isoformat(*time))))
}
