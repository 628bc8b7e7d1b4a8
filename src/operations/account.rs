//! The account of a request, or all of them.

use crate::config::Config;
use crate::error::{Error, ErrorAccount};
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
    /// it names none, names that, or names all.
    ///
    /// # Errors
    /// The deployment has no such account, or no other account at all.
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
            (AccountRef::All, _) => Ok(Self { id: own, other: None }),
            (AccountRef::Id(id), _) if own.as_ref() == Some(id) => Ok(Self { id: own, other: None }),
            // Its own number and its name mean the same: the execution role.
            (_, Some(account)) if own.as_ref() == Some(&account.id) => Ok(Self { id: own, other: None }),
            (_, Some(account)) => Ok(Self { id: Some(account.id.clone()), other: Some(account) }),
            (_, None) => Err(Error::invalid(PARAMETER, "must be an account of this deployment")),
        }
    }

    /// The error of a request that is about one account and names all.
    pub fn not_all() -> Error {
        Error::invalid(PARAMETER, "can't be all here")
    }

    /// This account, which is the function's own, and all others of the deployment, in the order of
    /// the configuration.
    pub fn and_others(&self, config: &'a Config) -> Vec<Self> {
        let others = config.accounts.iter().filter(|account| self.id.as_ref() != Some(&account.id));
        let others = others.map(|account| Self { id: Some(account.id.clone()), other: Some(account) });
        [self.clone()].into_iter().chain(others).collect()
    }

    /// Its name in this deployment; empty for the function's own.
    pub fn name(&self) -> &'a str {
        self.other.map_or("", |account| account.name.as_str())
    }

    /// Names another account in an error of AWS, which is about that account's role and limits.
    pub fn explain(&self, error: Error) -> Error {
        let is_unnamed = error.by_aws && error.account == ErrorAccount::Requested;
        if self.other.is_some() && is_unnamed { self.named_in(error) } else { error }
    }

    /// Names the account in an error.
    pub fn named_in(&self, error: Error) -> Error {
        let error = self.about_its_role(error);
        let account =
            self.other.map_or_else(|| "own account".to_owned(), |account| format!("account {}", account.name));
        Error { message: format!("{account}: {}", error.message), account: ErrorAccount::Named, ..error }
    }

    /// The error with the account's role in the place of the execution role.
    pub fn about_its_role(&self, error: Error) -> Error {
        if self.other.is_none() {
            return error;
        }
        let message = error.message.replace("this function's execution role", "the account's role");
        let message = message.replace("this function's credentials", "the credentials of the account's role");
        Error { message, ..error }
    }
}
