//! What Lambda says of an invocation: the time that is left, and the function's account.

use super::gateway::Gateway;
use crate::model::AccountId;
use lambda_http::Context;
use std::time::{Duration, SystemTime};

/// The part of an invocation's time that is kept to write the response and the log line.
const RESPONSE_BUDGET: Duration = Duration::from_secs(1);

/// The time for a request if the invocation has no deadline.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(25);

/// The time that is left for AWS to answer. cargo-lambda's emulator has deadlines in the year 1970.
pub fn time_left(deadline: Option<SystemTime>, now: SystemTime) -> Duration {
    let left = deadline.and_then(|deadline| deadline.duration_since(now).ok());
    left.map_or(DEFAULT_TIMEOUT, |left| left.saturating_sub(RESPONSE_BUDGET))
}

/// The number of the function's own account: that in the ARN which Lambda has invoked. An emulator
/// may have none; then that of the event, which is the API's.
pub fn own_account(context: Option<&Context>, gateway: &Gateway) -> Option<AccountId> {
    let invoked = context.and_then(|context| AccountId::of_arn(&context.invoked_function_arn));
    invoked.or_else(|| gateway.account.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_keeps_a_budget_for_the_response_and_ignores_a_deadline_in_the_past() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let at = |seconds| Some(now + Duration::from_secs(seconds));
        assert_eq!(time_left(at(28), now), Duration::from_secs(27));
        assert_eq!(time_left(at(0), now), Duration::ZERO);
        assert_eq!(time_left(Some(SystemTime::UNIX_EPOCH + Duration::from_secs(600)), now), DEFAULT_TIMEOUT);
        assert_eq!(time_left(None, now), DEFAULT_TIMEOUT);
    }

    #[test]
    fn own_account_is_that_of_the_function_not_that_of_the_api() {
        let gateway = Gateway { account: AccountId::parse("111122223333"), ..Gateway::default() };
        let mut context = Context::default();
        let of = |context: &Context| own_account(Some(context), &gateway).map(String::from);
        assert_eq!(of(&context).as_deref(), Some("111122223333"));
        context.invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:api".to_owned();
        assert_eq!(of(&context).as_deref(), Some("123456789012"));
        assert_eq!(own_account(None, &Gateway::default()), None);
    }
}
