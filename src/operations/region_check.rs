//! Regions that another account has not enabled. EC2 there refuses the credentials of the account's
//! role as it refuses invalid ones: `AuthFailure`
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>).

use super::account::TargetAccount;
use crate::auth::Caller;
use crate::aws::accounts::Accounts;
use crate::aws::ec2::Ec2;
use crate::error::{Error, Kind};
use crate::model::Region;
use tokio::time::{Instant, timeout_at};

/// Tells a region that is not enabled from credentials that are invalid.
pub(super) struct RegionCheck<'a> {
    /// Where the credentials are kept.
    pub(super) accounts: &'a Accounts,
    pub(super) caller: &'a Caller,
    /// The region that is asked which regions an account has enabled.
    pub(super) default: &'a Region,
    pub(super) deadline: Instant,
}

impl RegionCheck<'_> {
    /// Whether the account has not enabled the region in which a call ended in the error. The
    /// account is asked for its regions only if EC2 has refused the credentials. Credentials that
    /// are refused in the default region, too, are not kept.
    pub(super) async fn is_not_enabled(
        &self,
        ec2: &Ec2,
        account: &TargetAccount<'_>,
        region: &Region,
        error: &Error,
    ) -> bool {
        if !refuses_credentials(error) {
            return false;
        }
        if region == self.default {
            self.forget_refused(account, error);
            return false;
        }
        match timeout_at(self.deadline, ec2.describe_regions(self.default)).await {
            Ok(Ok(regions)) => !regions.value.contains(region),
            Ok(Err(error)) => {
                self.forget_refused(account, &error);
                false
            }
            Err(_) => false,
        }
    }

    /// Forgets the credentials of the account's role if the error of a call in the default region,
    /// or of STS, says that they are not accepted. The next request assumes the role again.
    pub(super) fn forget_refused(&self, account: &TargetAccount<'_>, error: &Error) {
        let Some(other) = account.other else { return };
        if refuses_credentials(error) {
            self.accounts.forget(other, self.caller);
        } else {
            self.accounts.forget_refused(other, self.caller, error);
        }
    }
}

/// Whether the error says that EC2 accepts the credentials of a call nowhere, or not in its region.
fn refuses_credentials(error: &Error) -> bool {
    error.by_aws && error.kind == Kind::Upstream && error.code == "AuthFailure"
}
