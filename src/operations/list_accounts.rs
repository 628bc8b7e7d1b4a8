//! The accounts of the deployment.

use super::{Context, Operation, Outcome};
use crate::authz::{Authorizer, Resource};
use crate::error::Error;
use crate::model::{AccountId, AccountName, Action, Effect};

/// Lists the accounts that the caller may use. AWS is not asked.
#[derive(Debug)]
pub struct ListAccounts;

/// An account of the deployment.
#[derive(Debug)]
pub struct ListedAccount {
    /// Its name in this deployment; `None` for the function's own.
    pub name: Option<AccountName>,
    /// Its number.
    pub id: AccountId,
}

impl Operation for ListAccounts {
    /// The name of the operation of AWS Organizations.
    const ACTION: Action = Action { name: "ListAccounts", effect: Effect::Read, iam: &[] };
    type Output = Vec<ListedAccount>;

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let authorizer = cx.authorizer(Self::ACTION, &cx.config.regions.default);
        let all = cx.account.and_others(cx.config).into_iter().filter_map(|account| {
            Some(ListedAccount { name: account.other.map(|other| other.name.clone()), id: account.id? })
        });
        let may_use =
            |account: &ListedAccount| Authorizer { account: Some(&account.id), ..authorizer }.can_see(Resource::Region);
        let accounts: Vec<_> = all.filter(may_use).collect();
        // The decision that is logged is the first one.
        let account = accounts.first().map(|account| &account.id).or(authorizer.account);
        cx.decide(|decision| Authorizer { account, ..authorizer }.list(decision))?;
        Ok(Outcome::done(accounts, None))
    }
}
