//! Lists of instances in several regions and accounts.

use super::account::TargetAccount;
use super::list::{fill_instances, with_instances};
use super::paging::{DESCRIBE_INSTANCES, FanOut, Filled, Fit, InstancePages, List, PageSink, deadline_with_margin};
use super::place_token::PlaceToken;
use super::places::{MAX_LISTS, Scope, at, each_place, in_turn};
use super::{Completed, Context, Operation, Outcome, Target, within};
use crate::error::Error;
use crate::model::{Action, InstanceId, InstanceQuery, Region, Reservation};
use futures_util::stream::StreamExt as _;
use std::time::Duration;
use tokio::time::Instant;

/// A list that has less time does not begin, if there are others before it.
const MIN_LIST_TIME: Duration = Duration::from_secs(2);

/// Lists the instances of several regions and accounts, up to what fits into the sink: the accounts
/// in the order of the configuration, the function's own first, and the regions of each by name.
/// Several of them are listed at the same time.
#[derive(Debug)]
pub struct ListInstancesEverywhere<K> {
    /// The accounts and regions.
    pub scope: Scope,
    /// Only these; none: all.
    pub instances: Vec<InstanceId>,
    /// The filters and the token.
    pub query: InstanceQuery,
    /// Where the list goes.
    pub sink: K,
}

impl<K: PageSink<Item = Reservation>> Operation for ListInstancesEverywhere<K> {
    const ACTION: Action = Action { iam: &["ec2:DescribeInstances", "ec2:DescribeRegions"], ..DESCRIBE_INSTANCES };
    type Output = List<K>;

    fn is_for_all_accounts(&self) -> bool {
        self.scope.all_accounts
    }

    fn target(&self) -> Target {
        Target { instance_ids: self.instances.iter().map(ToString::to_string).collect(), ..self.scope.target() }
    }

    async fn run(&self, cx: &Context<'_>) -> Result<Outcome<Self::Output>, Error> {
        let scope = &self.scope;
        let query = with_instances(&self.query, &self.instances);
        let parse = |token| PlaceToken::parse(token, scope.all_accounts);
        let start = query.next_token.as_deref().map(parse).transpose()?;
        if let (Some(start), Some(region)) = (&start, &scope.region)
            && start.region != *region
        {
            return Err(PlaceToken::invalid(scope.all_accounts));
        }
        let region = scope.region.as_ref().unwrap_or(&cx.config.regions.default);
        let authorizer = cx.authorizer(Self::ACTION, region);
        let places = scope.places(cx, authorizer, start.as_ref()).await?;

        let fan_out = FanOut::new();
        let deadline = deadline_with_margin(cx.deadline);
        let forks = self.sink.fork(places.iter().map(|place| place.regions.len()).sum());
        let lists = each_place(cx, &places).zip(forks).enumerate().map(async |(n, ((ec2, account, region), sink))| {
            // What has been listed so far is worth more than a time-out.
            if n >= MAX_LISTS && Instant::now() + MIN_LIST_TIME > deadline {
                return (account, region, Ok(Listed::Late));
            }
            let next_token = start.as_ref().and_then(|start| start.token_at(account, region));
            let query = InstanceQuery { next_token, ..query.clone() };
            let source = InstancePages { ec2: &ec2, authorizer: at(authorizer, account, region), query: &query };
            let filled = within(deadline, fill_instances(&source, sink, deadline, Some(&fan_out))).await;
            let listed = match filled {
                Ok(filled) => Ok(Listed::Filled(filled)),
                Err(error) if scope.lacks_region(cx, &ec2, account, &error).await => Ok(Listed::NotEnabled),
                Err(error) => Err(scope.explain(cx, account, Some(region), error)),
            };
            (account, region, listed)
        });
        let mut lists = in_turn(lists);

        let (mut all, mut all_next_token, mut last_request_id) = (self.sink.empty(), None, None);
        let mut left_out = Vec::new();
        while let Some((account, region, listed)) = lists.next().await {
            let token = |token| PlaceToken::new(scope.all_accounts, account, region, token).to_string();
            let Filled { sink, next_token, request_id } = match listed? {
                Listed::Filled(filled) => filled,
                Listed::NotEnabled => {
                    left_out.push(account);
                    continue;
                }
                Listed::Late => {
                    all_next_token = Some(token(None));
                    break;
                }
            };
            last_request_id = request_id;
            if all.append(sink) == Fit::Rejected {
                // Never the first list, which fits by itself.
                all_next_token = Some(token(None));
                break;
            }
            if next_token.is_some() {
                all_next_token = Some(token(next_token));
                break;
            }
        }
        let list = List { sink: all, next_token: all_next_token };
        let warnings = not_enabled_warning(region, &left_out).into_iter().collect();
        Ok(Outcome::Done(Completed { warnings, ..Completed::new(list, last_request_id) }))
    }
}

/// How the list of an account and region ended.
enum Listed<K> {
    Filled(Filled<K>),
    /// The account has not enabled the region, so it has no instances there.
    NotEnabled,
    /// It did not begin: the deadline is near.
    Late,
}

/// The greatest number of accounts that the warning names: all headers of a response through API
/// Gateway have at most 10 KB
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>).
const MAX_NAMED_ACCOUNTS: usize = 20;

/// Says which accounts have not enabled the region.
fn not_enabled_warning(region: &Region, accounts: &[&TargetAccount<'_>]) -> Option<String> {
    let named = accounts.iter().take(MAX_NAMED_ACCOUNTS);
    let names: Vec<_> = named.map(|account| account.other.map_or("own account", |other| other.name.as_str())).collect();
    let more = match accounts.len().saturating_sub(MAX_NAMED_ACCOUNTS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!names.is_empty()).then(|| format!("{region} is not enabled in: {}{more}", names.join(", ")))
}
