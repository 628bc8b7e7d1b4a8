//! AWS operations as policies, the log and IAM know them.

use serde::{Serialize, Serializer};
use std::fmt;

/// The effect of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Reads only.
    Read,
    /// Changes something. It can be asked for as a dry run.
    Write,
    /// Changes something that `PROTECTED_TAG` protects: refused for an instance with that tag.
    ProtectedWrite,
}

/// An AWS operation as policies, the log and IAM know it. Each operation declares its own.
#[derive(Clone, Copy, Debug)]
pub struct Action {
    /// AWS's name of the operation, such as `StartInstances`.
    pub name: &'static str,
    /// Whether it reads or writes.
    pub effect: Effect,
    /// The IAM actions that it may call.
    pub iam: &'static [&'static str],
}

impl Action {
    /// Whether something is different afterwards.
    pub fn writes(self) -> bool {
        self.effect != Effect::Read
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}
