//! Responses of the function to API Gateway.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Read as _;

/// A response of the function, as API Gateway reads it.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u64,
    pub headers: BTreeMap<String, String>,
    pub body: String,
    pub base64: bool,
}

impl Answer {
    /// Decompresses a body of text.
    pub fn unpacked(&self) -> String {
        assert!(self.base64, "{self:?}");
        let bytes = BASE64_STANDARD.decode(&self.body).unwrap();
        let mut text = String::new();
        GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
        text
    }

    pub fn json(&self) -> Value {
        assert_eq!(self.headers.get("content-type").map(String::as_str), Some("application/json"), "{self:?}");
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts status and whole body.
    #[track_caller]
    pub fn is(&self, status: u64, body: &Value) -> &Self {
        assert_eq!((self.status, &self.json()), (status, body), "{self:?}");
        self
    }

    /// Asserts status, code and message of an error in the form of `/ec2`.
    #[track_caller]
    pub fn refuses(&self, status: u64, code: &str, message: &str) -> &Self {
        self.is(status, &json!({"Message": message, "Error": code}))
    }
}
