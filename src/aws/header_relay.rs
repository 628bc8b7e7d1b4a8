//! Headers that pass between a caller and S3 as they are.

use crate::model::{CHECKSUM_HEADERS, ObjectHeaders};
use aws_sdk_s3::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use std::sync::{Arc, Mutex, PoisonError};

/// The headers of S3's responses that callers get, besides those of checksums.
const PASSED_ON: [&str; 11] = [
    "accept-ranges",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-range",
    "content-type",
    "etag",
    "last-modified",
    "x-amz-checksum-type",
];

/// Sends headers along with a call, where they are signed, and keeps those of its response.
#[derive(Clone, Debug, Default)]
pub(super) struct HeaderRelay {
    sent: ObjectHeaders,
    received: Arc<Mutex<(u16, ObjectHeaders)>>,
}

impl HeaderRelay {
    /// Sends these headers.
    pub(super) fn new(sent: ObjectHeaders) -> Self {
        Self { sent, ..Self::default() }
    }

    /// The status and the headers of the last response; 0 if there was none.
    pub(super) fn received(&self) -> (u16, ObjectHeaders) {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Intercept for HeaderRelay {
    fn name(&self) -> &'static str {
        "HeaderRelay"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        for (name, value) in &self.sent {
            context.request_mut().headers_mut().try_insert(*name, value.clone())?;
        }
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let value = |name: &&'static str| Some((*name, response.headers().get(*name)?.to_owned()));
        let headers = PASSED_ON.iter().chain(&CHECKSUM_HEADERS).filter_map(value).collect();
        *self.received.lock().unwrap_or_else(PoisonError::into_inner) = (response.status().as_u16(), headers);
        Ok(())
    }
}
