//! Other accounts: their roles, which STS lets the function assume, and EC2 with the credentials of
//! each.
//!
//! A role is assumed when a call is signed, and not before: a request that is refused makes no
//! call. There is one set of credentials for each account and caller, since a session has the
//! caller's name. Which role is assumed comes from the configuration alone.

use super::call_stats::CallInterceptor;
use super::ec2::Ec2;
use super::errors::refuses_token;
use super::lru::Lru;
use super::sdk::{malformed_response, to_error};
use crate::auth::Caller;
use crate::config::{Config, Regions};
use crate::error::{Error, ErrorAccount, Kind};
use crate::model::{Account, AccountId, Region};
use aws_config::SdkConfig;
use aws_config::identity::IdentityCache;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex as AsyncMutex;

/// The IAM action of the call.
const ASSUME_ROLE: &str = "sts:AssumeRole";

/// The greatest number of sets of credentials that are kept; twice the number of accounts if that
/// is more, so that a list of all accounts does not push out its own.
const MAX_SESSIONS: usize = 256;

/// The greatest number of accounts and callers whose clients of EC2, one for each region, are kept.
const MAX_CLIENT_SETS: usize = 16;

/// How long before their end credentials are replaced: no request takes longer.
const EXPIRY_MARGIN: Duration = Duration::from_mins(5);

/// The time of all attempts to assume a role: less than one attempt of the call that needs it.
const ASSUME_ROLE_TIMEOUT: Duration = Duration::from_secs(8);

/// The time of one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);

/// The accounts in which the function assumes a role.
pub struct Accounts {
    sdk: SdkConfig,
    ec2_endpoint: Option<String>,
    sts_endpoint: Option<String>,
    external_id: Option<String>,
    session_policy: Option<String>,
    /// Made at its first use: most deployments have no other accounts.
    sts: OnceLock<aws_sdk_sts::Client>,
    sessions: Mutex<Lru<SessionKey, RoleCredentials>>,
    clients: Mutex<Lru<SessionKey, Arc<Ec2>>>,
}

/// What makes credentials another set: the account, and the caller with his authentication method.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SessionKey {
    account: AccountId,
    authentication: &'static str,
    caller: String,
}

impl SessionKey {
    fn new(account: &Account, caller: &Caller) -> Self {
        let (authentication, caller) = (caller.authentication.as_str(), caller.name.clone());
        Self { account: account.id.clone(), authentication, caller }
    }
}

impl Accounts {
    /// `sdk` has the credentials of the execution role.
    pub fn new(sdk: SdkConfig, config: &Config) -> Self {
        Self {
            sdk,
            ec2_endpoint: config.endpoints.ec2.clone(),
            sts_endpoint: config.endpoints.sts.clone(),
            external_id: config.accounts_external_id.clone(),
            session_policy: session_policy(&config.regions),
            sts: OnceLock::new(),
            sessions: Mutex::new(Lru::new(MAX_SESSIONS.max(2 * config.accounts.len()))),
            clients: Mutex::new(Lru::new(MAX_CLIENT_SETS)),
        }
    }

    /// EC2 in the account, with the credentials of its role for this caller.
    pub fn ec2(&self, account: &Account, caller: &Caller) -> Arc<Ec2> {
        let key = SessionKey::new(account, caller);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.get(key.clone(), || Arc::new(self.new_ec2(account, key)))
    }

    /// The same for one use: its clients are not kept, its credentials are. A list of all accounts
    /// would push out the clients of all other requests, and find none of its own.
    pub fn ec2_for_one_use(&self, account: &Account, caller: &Caller) -> Ec2 {
        self.new_ec2(account, SessionKey::new(account, caller))
    }

    fn new_ec2(&self, account: &Account, key: SessionKey) -> Ec2 {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let caller = key.caller.clone();
        let credentials = sessions.get(key, || self.session(account, &caller));
        let sdk = self.sdk.to_builder().credentials_provider(SharedCredentialsProvider::new(credentials));
        // The credentials are kept here: the SDK's cache would belong to one region.
        let sdk = sdk.identity_cache(IdentityCache::no_cache()).build();
        Ec2::new(sdk, self.ec2_endpoint.clone())
    }

    /// Forgets the credentials for this caller if the error says that their token is invalid or has
    /// expired: the role may have been made anew. The next request assumes it again.
    pub fn forget_refused(&self, account: &Account, caller: &Caller, error: &Error) {
        let by_role = error.by_aws && error.account != ErrorAccount::Own;
        if by_role && error.kind == Kind::Upstream && refuses_token(&error.code) {
            self.forget(account, caller);
        }
    }

    /// Forgets the credentials of the account's role for this caller.
    pub fn forget(&self, account: &Account, caller: &Caller) {
        let key = SessionKey::new(account, caller);
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    fn session(&self, account: &Account, caller: &str) -> RoleCredentials {
        RoleCredentials(Arc::new(Session {
            sts: self.sts.get_or_init(|| self.sts_client()).clone(),
            role_arn: account.role_arn.clone(),
            name: session_name(caller),
            external_id: self.external_id.clone(),
            policy: self.session_policy.clone(),
            credentials: AsyncMutex::new(None),
        }))
    }

    fn sts_client(&self) -> aws_sdk_sts::Client {
        let mut config = aws_sdk_sts::config::Builder::from(&self.sdk);
        config.set_endpoint_url(self.sts_endpoint.clone());
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(3))
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(ASSUME_ROLE_TIMEOUT)
            .build();
        aws_sdk_sts::Client::from_conf(config.timeout_config(timeouts).interceptor(CallInterceptor).build())
    }
}

/// The credentials of a role for one caller.
#[derive(Clone, Debug)]
struct RoleCredentials(Arc<Session>);

#[derive(Debug)]
struct Session {
    sts: aws_sdk_sts::Client,
    role_arn: String,
    name: String,
    external_id: Option<String>,
    policy: Option<String>,
    /// Locked while the role is assumed: calls at the same time wait for one set.
    credentials: AsyncMutex<Option<Credentials>>,
}

impl ProvideCredentials for RoleCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.0.credentials().await.map_err(CredentialsError::provider_error) })
    }
}

impl Session {
    async fn credentials(&self) -> Result<Credentials, Error> {
        let mut kept = self.credentials.lock().await;
        if let Some(credentials) = kept.as_ref().filter(|credentials| is_fresh(credentials, SystemTime::now())) {
            return Ok(credentials.clone());
        }
        let credentials = self.assume_role().await?;
        *kept = Some(credentials.clone());
        Ok(credentials)
    }

    async fn assume_role(&self) -> Result<Credentials, Error> {
        let call = self.sts.assume_role().role_arn(&self.role_arn).role_session_name(&self.name);
        let call = call.set_external_id(self.external_id.clone()).set_policy(self.policy.clone());
        let sent = call.send().await;
        let output = sent.map_err(|error| not_assumed(to_error(ASSUME_ROLE, &error)))?;
        let credentials = output.credentials.ok_or_else(|| not_assumed(malformed_response(ASSUME_ROLE)))?;
        Ok(Credentials::new(
            credentials.access_key_id,
            credentials.secret_access_key,
            Some(credentials.session_token),
            SystemTime::try_from(credentials.expiration).ok(),
            "AssumeRole",
        ))
    }
}

/// The policy that limits a session to the regions of `ALLOWED_REGIONS`, whatever the role may
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session>).
/// Services behind EC2, such as the one that resolves an image's parameter, are left to the role.
fn session_policy(regions: &Regions) -> Option<String> {
    let regions: Vec<_> = regions.listed()?.iter().map(Region::as_str).collect();
    let in_regions = json!({"StringEquals": {"aws:RequestedRegion": regions}});
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "ec2:*", "Resource": "*", "Condition": in_regions},
            {"Effect": "Allow", "NotAction": "ec2:*", "Resource": "*"},
        ],
    });
    Some(policy.to_string())
}

/// Whether the credentials last for a request that begins now.
fn is_fresh(credentials: &Credentials, now: SystemTime) -> bool {
    credentials.expiry().is_some_and(|end| end > now + EXPIRY_MARGIN)
}

/// The error of a role that can't be assumed. Nothing of it is the caller's fault, and no call was
/// sent with the role.
fn not_assumed(error: Error) -> Error {
    let error = Error { outcome_unknown: false, ..error };
    match error.kind {
        Kind::Throttled | Kind::Unreachable => {
            Error { message: format!("The role can't be assumed: {}", error.message), ..error }
        }
        _ => {
            let message = format!(
                "The role can't be assumed ({}): it does not exist, does not trust this function, or this \
                 function may not assume it",
                error.code
            );
            Error { kind: Kind::Upstream, message, ..error }
        }
    }
}

/// The name of a caller's session: 2 to 64 characters of those that STS takes
/// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>). A name that has to be
/// changed, or that looks as if it had been, ends in a digest of the caller's name: no two names
/// have the same.
fn session_name(caller: &str) -> String {
    const DIGEST_LEN: usize = 16;
    let valid = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    let has_digest = caller.rsplit_once('=').is_some_and(|(_, end)| {
        end.len() == DIGEST_LEN && end.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    });
    if (2..=64).contains(&caller.len()) && caller.chars().all(valid) && !has_digest {
        return caller.to_owned();
    }
    let digest = hex::encode(Sha256::digest(caller));
    let start = caller.chars().map(|c| if valid(c) { c } else { '-' }).take(64 - 1 - DIGEST_LEN);
    format!("{}={}", start.collect::<String>(), digest.get(..DIGEST_LEN).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn session_has_the_callers_name_in_characters_of_sts_and_no_two_callers_the_same() {
        assert_eq!(session_name("alice@example.com"), "alice@example.com");
        let long = "a".repeat(65);
        let callers = [
            "a",
            "",
            "é",
            "alice bob",
            "alice-bob",
            "alice/bob",
            "arn:aws:iam::123456789012:user/demo",
            "arn:aws:iam::123456789012:user-demo",
            &long,
            &format!("{long}b"),
            &session_name("alice bob"),
            &session_name(&session_name("alice bob")),
        ]
        .map(str::to_owned);
        let names: BTreeSet<_> = callers.iter().map(|caller| session_name(caller)).collect();
        assert_eq!(names.len(), callers.len(), "{names:?}");
        for name in names {
            assert!((2..=64).contains(&name.len()), "{name}");
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)), "{name}");
        }
        assert!(session_name("alice bob").starts_with("alice-bob="));
    }

    #[test]
    fn credentials_are_replaced_five_minutes_before_their_end() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let ends_in =
            |seconds| Credentials::new("AKIDTEST", "-", None, Some(now + Duration::from_secs(seconds)), "tests");
        assert!(is_fresh(&ends_in(301), now));
        assert!(!is_fresh(&ends_in(300), now));
        assert!(!is_fresh(&Credentials::new("AKIDTEST", "-", None, None, "tests"), now));
    }
}
