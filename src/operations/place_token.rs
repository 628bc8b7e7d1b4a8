//! The token of a list of several accounts or regions: where its rest begins.

use super::account::TargetAccount;
use crate::error::Error;
use crate::model::Region;
use std::fmt;

/// Where a list goes on: a region, in one of all accounts if the list is one of them, and EC2's
/// token there or the beginning.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PlaceToken {
    /// The account's name, empty for the function's own; `None` in a list of one account.
    pub(super) account: Option<String>,
    pub(super) region: Region,
    pub(super) token: Option<String>,
}

impl PlaceToken {
    /// Parses the token of a list of all accounts, or of all regions of one.
    ///
    /// # Errors
    /// It is not the token of such a list.
    pub(super) fn parse(text: &str, all_accounts: bool) -> Result<Self, Error> {
        let parts = text.split_once(':').and_then(|(place, token)| {
            let (account, region) = match all_accounts {
                true => place.split_once('/').map(|(account, region)| (Some(account.to_owned()), region))?,
                false => (None, place),
            };
            Some((account, Region::parse(region)?, token))
        });
        let (account, region, token) = parts.ok_or_else(|| Self::invalid(all_accounts))?;
        Ok(Self { account, region, token: (!token.is_empty()).then(|| token.to_owned()) })
    }

    /// The token of the rest that begins in this region of one of all accounts, or of the account.
    pub(super) fn new(all_accounts: bool, account: &TargetAccount<'_>, region: &Region, token: Option<String>) -> Self {
        Self { account: all_accounts.then(|| account.name().to_owned()), region: region.clone(), token }
    }

    /// EC2's token, if the list begins with it at this place.
    pub(super) fn token_at(&self, account: &TargetAccount<'_>, region: &Region) -> Option<String> {
        let is_here = self.region == *region && self.account.as_deref().is_none_or(|name| name == account.name());
        self.token.clone().filter(|_| is_here)
    }

    /// The error of a token that is not one of the list.
    pub(super) fn invalid(all_accounts: bool) -> Error {
        let of = if all_accounts { "accounts" } else { "regions" };
        Error::invalid("next_token", format!("is not where a list of all {of} ended"))
    }
}

impl fmt::Display for PlaceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(account) = &self.account {
            write!(f, "{account}/")?;
        }
        write!(f, "{}:{}", self.region, self.token.as_deref().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_all_regions_names_the_region_to_continue_in() {
        for (text, token) in [("eu-west-1:", None), ("eu-west-1:a:b=", Some("a:b="))] {
            let parsed = PlaceToken::parse(text, false).unwrap();
            assert_eq!((parsed.region.as_str(), parsed.token.as_deref()), ("eu-west-1", token));
            assert_eq!(parsed.to_string(), text);
        }
        for text in ["", "x", "eu-west-1", ":x", "x.evil.example/:x", "blue/eu-west-1:x"] {
            let error = PlaceToken::parse(text, false).unwrap_err();
            assert_eq!(error.parameter.as_deref(), Some("next_token"), "{text}");
        }
    }

    #[test]
    fn a_token_of_all_accounts_names_the_account_too() {
        for (text, account, token) in [("/eu-west-1:", "", None), ("blue/eu-west-1:a/b:c", "blue", Some("a/b:c"))] {
            let parsed = PlaceToken::parse(text, true).unwrap();
            assert_eq!((parsed.account.as_deref(), parsed.token.as_deref()), (Some(account), token));
            assert_eq!(parsed.to_string(), text);
        }
        for text in ["", "eu-west-1:", "blue:x", "blue/:x", "blue/x.evil.example:x", "blue/eu-west-1"] {
            let error = PlaceToken::parse(text, true).unwrap_err();
            assert_eq!(error.parameter.as_deref(), Some("next_token"), "{text}");
        }
    }
}
