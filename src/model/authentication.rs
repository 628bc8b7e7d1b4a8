//! How a caller is authenticated.

/// Authentication method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// An API key, checked by this function.
    Key,
    /// A SigV4 signature, checked by API Gateway.
    Iam,
    /// A JWT, checked by API Gateway.
    Jwt,
}

impl Authentication {
    /// The name of the method in the configuration, the log and policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Iam => "iam",
            Self::Jwt => "jwt",
        }
    }

    /// Parses the name of a method.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Key, Self::Iam, Self::Jwt].into_iter().find(|method| method.as_str() == text)
    }
}
