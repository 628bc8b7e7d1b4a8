//! The owner of a schedule as he is when it acts.

use crate::auth::Caller;
use crate::config::Config;
use crate::error::{Error, Kind};
use crate::model::{Authentication, Schedule};
use jiff::Timestamp;

/// The owner as the caller of an action of the schedule at this time: by the configuration of now,
/// and by the token with which he wrote the schedule.
///
/// # Errors
/// [`Kind::Forbidden`]: the deployment would not let him in, or he can't be looked up and has
/// written the schedule too long ago.
pub(super) fn acting_owner(config: &Config, schedule: &Schedule, now: Timestamp) -> Result<Caller, Error> {
    let (name, definition) = (&schedule.name, &schedule.definition);
    let owner = &definition.owner;
    let refused = |problem: &str| {
        let message = format!("The schedule {name} can't act: {problem}");
        Err(Error::new(Kind::Forbidden, "OwnerNotAccepted", message))
    };
    let callers = &config.callers;
    if !callers.accept(owner.authentication) {
        return refused("this deployment no longer accepts callers who are authenticated like its owner");
    }
    let (token_groups, scopes) = match owner.authentication {
        Authentication::Key if !callers.keys.has_name(&owner.name) => {
            return refused("its owner has no key any more");
        }
        Authentication::Iam | Authentication::Jwt if definition.acts_until().is_some_and(|until| until < now) => {
            return refused("its owner has to write it again every 90 days");
        }
        Authentication::Jwt => (owner.groups.clone(), owner.scopes.clone()),
        Authentication::Key | Authentication::Iam => (Vec::new(), Vec::new()),
    };
    let groups = token_groups.into_iter().chain(callers.groups_of(&owner.name).map(str::to_owned)).collect();
    let schedule = Some(name.to_string());
    Ok(Caller { groups, scopes, schedule, ..Caller::new(owner.name.clone(), owner.authentication) })
}
