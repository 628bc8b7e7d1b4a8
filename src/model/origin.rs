//! Origins of web pages.

use std::fmt;

/// The origin of a web page as browsers send it (RFC 6454): `https://app.example.com`, without a
/// path, in lower case, without the default port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Parses an origin.
    pub fn parse(text: &str) -> Option<Self> {
        let (authority, default_port) = match text.split_once("://")? {
            ("https", authority) => (authority, "443"),
            ("http", authority) => (authority, "80"),
            _ => return None,
        };
        let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
        let label = |label: &str| {
            let valid = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
            !label.is_empty() && label.bytes().all(valid)
        };
        let port_is_valid = port
            .is_none_or(|port| port != default_port && !port.starts_with(['0', '+']) && port.parse::<u16>().is_ok());
        (host.split('.').all(label) && port_is_valid).then(|| Self(text.to_owned()))
    }

    /// Whether the header `Origin` has this value.
    pub fn is(&self, header: &[u8]) -> bool {
        self.0.as_bytes() == header
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_origins_as_browsers_send_them() {
        for text in ["https://app.example.com", "http://localhost:8080", "http://127.0.0.1:3000", "https://x:8443"] {
            assert_eq!(Origin::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn err_wildcards_paths_and_other_forms() {
        for text in [
            "",
            "*",
            "null",
            "https://*",
            "https://*.example.com",
            "app.example.com",
            "https://app.example.com/",
            "https://app.example.com/x",
            "https://App.example.com",
            "https://app.example.com:443",
            "http://localhost:80",
            "http://localhost:",
            "http://localhost:0x1",
            "http://localhost:65536",
            "https://",
            "https://a..b",
            "https://user@a.b",
            "file://",
            "ftp://a.b",
            "https://a b",
        ] {
            assert_eq!(Origin::parse(text), None, "{text}");
        }
    }
}
