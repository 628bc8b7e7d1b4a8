//! Reads the reservations out of a response of DescribeInstances while it arrives.
//!
//! The SDK lets an interceptor change a response's body before it reads it: its own checks of
//! checksums do. This one takes the reservations out and leaves the rest of the page, some hundred
//! bytes, to the SDK, whose connections, timeouts, retries and errors stay as they are.

use super::page_reader::{PageReader, ReadPage};
use crate::model::Reservation;
use aws_sdk_ec2::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_ec2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ec2::error::BoxError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

/// The reservations of a page, or what is wrong with it.
type Outcome = Result<Vec<Reservation>, &'static str>;

/// Takes the reservations out of the response to a call.
#[derive(Clone, Debug, Default)]
pub(super) struct PageInterceptor(Arc<Mutex<Option<Outcome>>>);

impl PageInterceptor {
    /// What was in the last response; `None` if there was none, or only an error.
    pub(super) fn take(&self) -> Option<Outcome> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, outcome: Option<Outcome>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
    }
}

impl Intercept for PageInterceptor {
    fn name(&self) -> &'static str {
        "PageInterceptor"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // An earlier attempt may have begun a page.
        self.put(None);
        let response = context.response_mut();
        if response.status().is_success() {
            let body = std::mem::replace(response.body_mut(), SdkBody::taken());
            let body = PageBody { body, reader: Some(PageReader::default()), interceptor: self.clone() };
            *response.body_mut() = SdkBody::from_body_1_x(body);
        }
        Ok(())
    }
}

/// The body of a page without its reservations. Empty if the page is malformed: the SDK's parser
/// refuses that, as it refuses a malformed page, without a retry.
struct PageBody {
    body: SdkBody,
    /// `None` at the end of the page, and after a problem.
    reader: Option<PageReader>,
    interceptor: PageInterceptor,
}

impl PageBody {
    fn read(&mut self, part: &[u8]) {
        if let Some(Err(problem)) = self.reader.as_mut().map(|reader| reader.read(part)) {
            self.reader = None;
            self.interceptor.put(Some(Err(problem)));
        }
    }

    /// The rest of the page, once.
    fn finish(&mut self) -> Option<Bytes> {
        let (outcome, rest) = match self.reader.take()?.finish() {
            Ok(ReadPage { reservations, rest }) => (Ok(reservations), Some(rest.into())),
            Err(problem) => (Err(problem), None),
        };
        self.interceptor.put(Some(outcome));
        rest
    }
}

impl Body for PageBody {
    type Data = Bytes;
    type Error = aws_smithy_types::body::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        loop {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => {
                    // Trailers say nothing of a page.
                    if let Some(part) = frame.data_ref() {
                        self.read(part);
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(self.finish().map(|rest| Ok(Frame::data(rest)))),
            }
        }
    }
}
