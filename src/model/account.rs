//! AWS accounts.

use super::text::text_type;

text_type! {
    /// The number of an AWS account: 12 digits
    /// (<https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html>).
    AccountId
}

impl AccountId {
    /// Parses a number.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| Self(text.to_owned()))
    }

    /// The account in an ARN: its fifth part.
    pub fn of_arn(arn: &str) -> Option<Self> {
        Self::parse(arn.split(':').nth(4)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_of_an_arn_is_its_fifth_part() {
        let of = |arn: &str| AccountId::of_arn(arn).map(String::from);
        assert_eq!(of("arn:aws:lambda:us-east-1:123456789012:function:api:live").as_deref(), Some("123456789012"));
        for arn in [
            "",
            "function-arn",
            "arn:aws:lambda:us-east-1::function:api",
            "arn:aws:lambda:us-east-1:12345:function:api",
        ] {
            assert_eq!(of(arn), None, "{arn}");
        }
    }
}
