//! AWS accounts.

use super::text::text_type;

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

#[cfg(test)]
mod tests {
    use super::*;

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
