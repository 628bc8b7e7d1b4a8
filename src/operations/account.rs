//! The account of a request.

use crate::config::Config;
use crate::error::Error;
use crate::model::{Account, AccountId, AccountRef};

/// The account of a request.
#[derive(Clone, Debug, Default)]
pub struct TargetAccount<'a> {
    /// Its number; `None`: the function's own, whose number is not known.
    pub id: Option<AccountId>,
    /// The configured account whose role is assumed; `None`: the function's own.
    pub other: Option<&'a Account>,
}

/// The parameter, in errors.
const PARAMETER: &str = "account";

impl<'a> TargetAccount<'a> {
    /// The account that the request names, of those that the deployment has; the function's own if
    /// it names none, or names that.
    ///
    /// # Errors
    /// The deployment has no such account, or no other account at all; or the request names all.
    pub fn find(config: &'a Config, own: Option<AccountId>, named: Option<&AccountRef>) -> Result<Self, Error> {
        let Some(named) = named else { return Ok(Self { id: own, other: None }) };
        if config.accounts.is_empty() {
            return Err(Error::invalid(PARAMETER, "can't be given: this deployment has no other accounts"));
        }
        let is_named = |account: &&Account| match named {
            AccountRef::Id(id) => account.id == *id,
            AccountRef::Name(name) => account.name == *name,
            AccountRef::All => false,
        };
        match (named, config.accounts.iter().find(is_named)) {
            (AccountRef::All, _) => Err(Error::invalid(PARAMETER, "can't be all here")),
            (AccountRef::Id(id), _) if own.as_ref() == Some(id) => Ok(Self { id: own, other: None }),
            // Its own number and its name mean the same: the execution role.
            (_, Some(account)) if own.as_ref() == Some(&account.id) => Ok(Self { id: own, other: None }),
            (_, Some(account)) => Ok(Self { id: Some(account.id.clone()), other: Some(account) }),
            (_, None) => Err(Error::invalid(PARAMETER, "must be an account of this deployment")),
        }
    }

    /// Names the account in an error of AWS, which is about that account's role and limits.
    pub fn explain(&self, error: Error) -> Error {
        let Some(account) = self.other.filter(|_| error.by_aws) else { return error };
        let message = error.message.replace("this function's execution role", "the account's role");
        let message = message.replace("this function's credentials", "the credentials of the account's role");
        Error { message: format!("account {}: {message}", account.name), ..error }
    }
}
