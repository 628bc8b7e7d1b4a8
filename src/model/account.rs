//! AWS accounts: their numbers and names, and the roles that the function assumes in them.

use super::list::list_words;
use super::region::{Partition, Region};
use super::text::{FromText, text_type};

text_type! {
    /// The number of an AWS account: 12 digits.
    AccountId
}

impl AccountId {
    /// Parses the number of an account.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())).then(|| Self(text.to_owned()))
    }

    /// The account in an ARN, which is its fifth part.
    pub fn of_arn(arn: &str) -> Option<Self> {
        if !arn.starts_with("arn:") {
            return None;
        }
        Self::parse(arn.split(':').nth(4)?)
    }
}

text_type! {
    /// The name that the deployment gives to an account.
    AccountName
}

impl AccountName {
    /// Parses a name: a letter, then letters, digits, `_`, `.` and `-`, at most 64. So a name is no
    /// number of an account, and no ARN. `all` means all accounts.
    pub fn parse(text: &str) -> Option<Self> {
        let valid = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        let is_name = text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.len() <= 64
            && text.bytes().all(valid)
            && !text.eq_ignore_ascii_case(AccountRef::ALL);
        is_name.then(|| Self(text.to_owned()))
    }
}

/// An account as callers name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountRef {
    /// By its number.
    Id(AccountId),
    /// By its name in this deployment.
    Name(AccountName),
    /// All accounts of the deployment.
    All,
}

impl AccountRef {
    const ALL: &'static str = "all";
}

impl FromText for AccountRef {
    const PATTERN: &'static str = "^([0-9]{12}|[A-Za-z][A-Za-z0-9_.-]{0,63})$";
    const EXPECTED: &'static str = "the name or the 12 digits of an account of this deployment";
    const EXAMPLE: &'static str = "sandbox";

    fn from_text(text: &str) -> Option<Self> {
        if text == Self::ALL {
            return Some(Self::All);
        }
        AccountId::parse(text).map(Self::Id).or_else(|| AccountName::parse(text).map(Self::Name))
    }
}

/// An account, with the role that the function assumes there. Only the configuration makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name in this deployment.
    pub name: AccountName,
    /// Its number.
    pub id: AccountId,
    /// The ARN of the role.
    pub role_arn: String,
}

/// Where resources are.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The account; `None`: the function's own, whose number is not known.
    pub account: Option<&'a AccountId>,
    /// The region.
    pub region: &'a Region,
}

/// The accounts of a deployment.
#[derive(Debug, Default)]
pub struct Accounts(Vec<Account>);

impl Accounts {
    /// Parses comma-separated `name=role-arn` pairs.
    ///
    /// # Errors
    /// The problem in words, without the value.
    pub fn parse(text: &str, partition: Partition) -> Result<Self, String> {
        let mut accounts: Vec<Account> = Vec::new();
        for (i, entry) in list_words(text)?.into_iter().enumerate() {
            let problem = |problem: &str| format!("entry {} {problem}", i + 1);
            let (name, role_arn) = entry.split_once('=').ok_or_else(|| problem("is not name=role-arn"))?;
            let name = AccountName::parse(name).ok_or_else(|| problem("does not begin with an account's name"))?;
            let (of, id) = parse_role_arn(role_arn).ok_or_else(|| problem("does not end with the ARN of a role"))?;
            if of != partition.as_str() {
                return Err(problem("is a role of another partition"));
            }
            if accounts.iter().any(|other| other.name == name) {
                return Err(problem("has the name of an earlier entry"));
            }
            if accounts.iter().any(|other| other.id == id) {
                return Err(problem("is a role in the account of an earlier entry"));
            }
            accounts.push(Account { name, id, role_arn: role_arn.to_owned() });
        }
        Ok(Self(accounts))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them, in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Account> {
        self.0.iter()
    }
}

/// The partition and the account of a role's ARN: `arn:aws:iam::123456789012:role/path/name`
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>).
fn parse_role_arn(arn: &str) -> Option<(&str, AccountId)> {
    let (partition, rest) = arn.strip_prefix("arn:")?.split_once(":iam::")?;
    let (id, role) = rest.split_once(":role/")?;
    let (path, name) = role.rsplit_once('/').unwrap_or(("", role));
    let valid = |b: u8| b.is_ascii_alphanumeric() || b"_+=.@-".contains(&b);
    let is_role = (1..=64).contains(&name.len())
        && path.len() <= 510
        && name.bytes().all(valid)
        && path.bytes().all(|b| b == b'/' || b.is_ascii_graphic());
    Some((partition, AccountId::parse(id)?)).filter(|_| is_role)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLUE: &str = "blue=arn:aws:iam::111122223333:role/ec2-control-api";

    #[test]
    fn ok_accounts_are_pairs_of_a_name_and_a_role() {
        let red = "Red_1.x-y=arn:aws:iam::444455556666:role/a/b/c+=.@-_1";
        let accounts = Accounts::parse(&format!("{BLUE} , {red}"), Partition::Aws).unwrap();
        let text = |account: &Account| format!("{} {} {}", account.name, account.id, account.role_arn);
        assert_eq!(
            accounts.iter().map(text).collect::<Vec<_>>(),
            [
                "blue 111122223333 arn:aws:iam::111122223333:role/ec2-control-api",
                "Red_1.x-y 444455556666 arn:aws:iam::444455556666:role/a/b/c+=.@-_1"
            ]
        );
        assert!(Accounts::parse("", Partition::Aws).unwrap().is_empty());
        let china = "cn=arn:aws-cn:iam::111122223333:role/x";
        assert!(Accounts::parse(china, Partition::China).is_ok());
    }

    #[test]
    fn err_accounts_that_cannot_be_right_have_a_problem_without_the_value() {
        for (text, problem) in [
            ("blue", "entry 1 is not name=role-arn"),
            ("=arn:aws:iam::111122223333:role/x", "entry 1 does not begin with an account's name"),
            ("all=arn:aws:iam::111122223333:role/x", "entry 1 does not begin with an account's name"),
            ("123456789012=arn:aws:iam::111122223333:role/x", "entry 1 does not begin with an account's name"),
            ("a:b=arn:aws:iam::111122223333:role/x", "entry 1 does not begin with an account's name"),
            ("blue=111122223333", "entry 1 does not end with the ARN of a role"),
            ("blue=arn:aws:iam::11112222333:role/x", "entry 1 does not end with the ARN of a role"),
            ("blue=arn:aws:iam::111122223333:user/x", "entry 1 does not end with the ARN of a role"),
            ("blue=arn:aws:iam::111122223333:role/", "entry 1 does not end with the ARN of a role"),
            ("blue=arn:aws:iam::111122223333:role/*", "entry 1 does not end with the ARN of a role"),
            ("blue=arn:aws-cn:iam::111122223333:role/x", "entry 1 is a role of another partition"),
            ("blue = arn:aws:iam::111122223333:role/x", "entry 1 has white space inside"),
            (&format!("{BLUE},"), "entry 2 is empty"),
            (&format!("{BLUE},blue=arn:aws:iam::444455556666:role/x"), "entry 2 has the name of an earlier entry"),
            (
                &format!("{BLUE},red=arn:aws:iam::111122223333:role/x"),
                "entry 2 is a role in the account of an earlier entry",
            ),
        ] {
            assert_eq!(Accounts::parse(text, Partition::Aws).unwrap_err(), problem, "{text}");
        }
    }

    #[test]
    fn ok_callers_name_an_account_by_name_or_number() {
        let parse = |text| AccountRef::from_text(text);
        assert_eq!(parse("111122223333"), AccountId::parse("111122223333").map(AccountRef::Id));
        assert_eq!(parse("blue"), AccountName::parse("blue").map(AccountRef::Name));
        assert_eq!(parse("all"), Some(AccountRef::All));
        for text in ["", "11112222333", "1blue", "All", "a:b", "a/b", "arn:aws:iam::111122223333:role/x", "é", "a b"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn ok_an_arn_names_its_account() {
        let account = AccountId::of_arn("arn:aws:lambda:us-east-1:123456789012:function:api:live");
        assert_eq!(account.unwrap().as_str(), "123456789012");
    }

    #[test]
    fn err_anything_else_is_no_account() {
        for text in ["", "12345678901", "1234567890123", "12345678901a", " 12345678901", "１２３４５６７８９０１２"]
        {
            assert_eq!(AccountId::parse(text), None, "{text:?}");
        }
        for arn in ["", "function-arn", "123456789012", "arn:aws:s3:::demo", "x:aws:lambda:us-east-1:123456789012:x"] {
            assert_eq!(AccountId::of_arn(arn), None, "{arn:?}");
        }
    }
}
