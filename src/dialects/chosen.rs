//! The instances of a request: by ID or name, or by tag.

use super::common::one_tag;
use crate::error::{Error, Kind};
use crate::http::param::{Given, Param, Tags};
use crate::http::route::Input;
use crate::model::{InstanceRef, Tag};

/// The parameters that choose instances.
pub(super) struct Choice {
    /// Their IDs or names.
    pub(super) instance_id: Param<Vec<InstanceRef>>,
    /// Instead: tags that they have.
    pub(super) tag: Param<Tags>,
    /// By tag: how many are expected.
    pub(super) expect: Param<u32>,
}

/// The instances that a request chooses.
pub(super) enum Chosen {
    /// These; at least one.
    Named(Vec<InstanceRef>),
    /// Those that have all of these tags, and how many are expected.
    Tagged(Vec<Tag>, Option<u32>),
}

impl Choice {
    /// Reads the choice.
    pub(super) fn read(&self, input: &Input<'_>) -> Result<Chosen, Error> {
        let named = input.given(self.instance_id)?;
        let tags = input.optional(self.tag)?.map(|tags| tags.0).unwrap_or_default();
        let tags = tags.into_iter().map(one_tag).collect::<Result<Vec<_>, _>>()?;
        let expect = input.optional(self.expect)?;
        match (named, tags.is_empty()) {
            // An empty list is a mistake of the caller's script: by tag alone, more would be meant.
            (Given::Empty | Given::Value(_), false) => {
                let message = "instance_id and tag:KEY can't be given together";
                Err(Error::new(Kind::Invalid, "InvalidParameterCombination", message))
            }
            (Given::Absent | Given::Empty, true) => {
                Err(Error { message: "instance_id or tag:KEY is required".to_owned(), ..Error::missing("instance_id") })
            }
            (Given::Value(_), true) if expect.is_some() => {
                let problem = "can be given only where instances are given by tag:KEY";
                Err(Error::invalid(self.expect.info.name, problem))
            }
            (Given::Value(named), true) => Ok(Chosen::Named(named)),
            (Given::Absent, false) => Ok(Chosen::Tagged(tags, expect)),
        }
    }

    /// Demands how many instances are expected, where instances chosen by tag are terminated.
    pub(super) fn expects_to_terminate(&self, is_given: bool) -> Result<(), Error> {
        if is_given {
            return Ok(());
        }
        let message = "expect is required where instances are terminated by tag:KEY".to_owned();
        Err(Error { message, ..Error::missing(self.expect.info.name) })
    }
}
