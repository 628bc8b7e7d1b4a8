//! The accounts and regions of an operation that is about several of them. Their number is not
//! bounded: what is in flight and in memory at the same time is.

use super::account::TargetAccount;
use super::paging::{deadline_with_margin, in_region};
use super::place_token::PlaceToken;
use super::{ALL_REGIONS, Context, Target, within};
use crate::authz::{Authorizer, Resource};
use crate::aws::ec2::Ec2;
use crate::error::Error;
use crate::model::Region;
use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use std::ops::Deref;
use std::sync::Arc;

/// The greatest number of regions that are listed at the same time, of all accounts together, and
/// of accounts that are asked for their regions.
pub(super) const MAX_LISTS: usize = 32;

/// The accounts and regions that an operation is about.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Whether it is about all accounts of the deployment; else it is about the request's.
    pub all_accounts: bool,
    /// The region; `None`: all that the deployment allows.
    pub region: Option<Region>,
}

/// An account, with the regions of it that are listed, by name.
pub(super) struct AccountRegions<'a> {
    pub(super) account: TargetAccount<'a>,
    pub(super) regions: Vec<Region>,
}

/// EC2 in an account of a [`Scope`].
#[derive(Clone)]
pub(super) enum AccountEc2<'a> {
    /// The request's account.
    Request(&'a Ec2),
    /// Another one. Its clients are dropped with the last clone.
    Other(Arc<Ec2>),
}

impl Deref for AccountEc2<'_> {
    type Target = Ec2;

    fn deref(&self) -> &Ec2 {
        match self {
            Self::Request(ec2) => ec2,
            Self::Other(ec2) => ec2,
        }
    }
}

impl Scope {
    /// The region for the log.
    pub(super) fn target(&self) -> Target {
        let region = self.region.as_ref().map_or_else(|| ALL_REGIONS.to_owned(), ToString::to_string);
        Target { region: Some(region), ..Target::default() }
    }

    /// The accounts in the order of the configuration, the function's own first, each with the
    /// regions that it has enabled, the deployment allows, and the caller may list. They begin
    /// where the token says.
    ///
    /// # Errors
    /// The caller may list none of them, an account can't be asked for its regions, or the token is
    /// of no list of these accounts.
    pub(super) async fn places<'a>(
        &self,
        cx: &'a Context<'a>,
        authorizer: Authorizer<'a>,
        start: Option<&PlaceToken>,
    ) -> Result<Vec<AccountRegions<'a>>, Error> {
        let mut accounts = self.accounts(cx, authorizer).await?;
        if let Some(name) = start.and_then(|start| start.account.as_deref())
            && !accounts.is_empty()
        {
            let at = accounts.iter().position(|account| account.name() == name);
            accounts.drain(..at.ok_or_else(|| PlaceToken::invalid(self.all_accounts))?);
        }
        let deadline = deadline_with_margin(cx.deadline);
        let places = accounts.into_iter().map(async |account| {
            let regions = within(deadline, self.regions(cx, authorizer, &account)).await;
            let regions = regions.map_err(|error| self.explain(cx, &account, None, error))?;
            Ok(AccountRegions { account, regions })
        });
        let mut places: Vec<_> = in_turn(places).try_collect().await?;
        // The decision that is logged is the first one; that on the default region if there is
        // none.
        let first = places.iter().find_map(|place| Some((&place.account, place.regions.first()?)));
        let first = first.map_or(authorizer, |(account, region)| at(authorizer, account, region));
        cx.decide(|decision| first.list(decision))?;
        if let (Some(start), Some(first)) = (start, places.first_mut()) {
            first.regions.retain(|region| *region >= start.region);
        }
        Ok(places)
    }

    /// The accounts, without those in which the caller may list no region: what becomes of them is
    /// none of his business.
    async fn accounts<'a>(
        &self,
        cx: &'a Context<'a>,
        authorizer: Authorizer<'a>,
    ) -> Result<Vec<TargetAccount<'a>>, Error> {
        if !self.all_accounts {
            return Ok(vec![cx.account.clone()]);
        }
        let mut accounts = cx.account.and_others(cx.config);
        if authorizer.policies.is_some() {
            let regions = match &self.region {
                Some(region) => vec![region.clone()],
                None => {
                    let all = cx.ec2.describe_all_regions(&cx.config.regions.default).await;
                    all.map_err(|error| cx.account.named_in(error))?.value
                }
            };
            accounts.retain(|account| regions.iter().any(|region| may_list(cx, authorizer, account, region)));
        }
        Ok(accounts)
    }

    async fn regions(
        &self,
        cx: &Context<'_>,
        authorizer: Authorizer<'_>,
        account: &TargetAccount<'_>,
    ) -> Result<Vec<Region>, Error> {
        if let Some(region) = &self.region {
            return Ok(vec![region.clone()]);
        }
        let mut regions = account_ec2(cx, account).describe_regions(&cx.config.regions.default).await?.value;
        regions.retain(|region| may_list(cx, authorizer, account, region));
        Ok(regions)
    }

    /// Whether a list of one region in all accounts failed in this one since it has not enabled the
    /// region.
    pub(super) async fn lacks_region(
        &self,
        cx: &Context<'_>,
        ec2: &Ec2,
        account: &TargetAccount<'_>,
        error: &Error,
    ) -> bool {
        let Some(region) = self.region.as_ref().filter(|_| self.all_accounts) else { return false };
        let check = cx.region_check(deadline_with_margin(cx.deadline));
        check.is_not_enabled(ec2, account, region, error).await
    }

    /// Names the place in an error. Credentials that AWS does not accept are not kept: after
    /// `AuthFailure` only if the account's regions were asked for.
    pub(super) fn explain(
        &self,
        cx: &Context<'_>,
        account: &TargetAccount<'_>,
        region: Option<&Region>,
        error: Error,
    ) -> Error {
        let error = match region {
            Some(region) => in_region(region)(error),
            None => error,
        };
        if !self.all_accounts {
            return error;
        }
        match (account.other, region) {
            (Some(other), Some(_)) => cx.accounts.forget_refused(other, cx.caller, &error),
            _ => cx.region_check(cx.deadline).forget_refused(account, &error),
        }
        account.named_in(error)
    }
}

/// Each place with its EC2, in their order. The clients of an account are made for its first
/// region, and are dropped after its last one.
pub(super) fn each_place<'a>(
    cx: &'a Context<'a>,
    places: &'a [AccountRegions<'a>],
) -> impl Iterator<Item = (AccountEc2<'a>, &'a TargetAccount<'a>, &'a Region)> + Send {
    places.iter().flat_map(move |AccountRegions { account, regions }| {
        let ec2 = account_ec2(cx, account);
        regions.iter().map(move |region| (ec2.clone(), account, region))
    })
}

/// The outputs of the futures, in their order. At most [`MAX_LISTS`] of them are there at the same
/// time: the iterator makes each when its turn comes.
pub(super) fn in_turn<'a, F: Future<Output: Send> + Send + 'a>(
    futures: impl Iterator<Item = F> + Send + 'a,
) -> BoxStream<'a, F::Output> {
    stream::iter(futures).buffered(MAX_LISTS).boxed()
}

/// EC2 in the account. In an operation on all accounts, that of the context is the function's own.
fn account_ec2<'a>(cx: &Context<'a>, account: &TargetAccount<'_>) -> AccountEc2<'a> {
    match account.other.filter(|_| cx.account.other.is_none()) {
        Some(other) => AccountEc2::Other(Arc::new(cx.accounts.ec2_for_one_use(other, cx.caller))),
        None => AccountEc2::Request(cx.ec2),
    }
}

/// The authorizer at a place.
pub(super) fn at<'a>(authorizer: Authorizer<'a>, account: &'a TargetAccount<'_>, region: &'a Region) -> Authorizer<'a> {
    Authorizer { account: account.id.as_ref(), region, ..authorizer }
}

/// Whether the deployment allows the region, and the caller may list it in the account.
fn may_list(cx: &Context<'_>, authorizer: Authorizer<'_>, account: &TargetAccount<'_>, region: &Region) -> bool {
    cx.config.regions.allows(region) && at(authorizer, account, region).can_see(Resource::Region)
}
