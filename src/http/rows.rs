//! The rows of a list, encoded once: the elements of a JSON array, or lines of CSV.
//!
//! Only this file knows Lambda's limit of 6 MB, and how a list is written.

use crate::model::Place;
use crate::operations::paging::{Fit, PageSink};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The largest list in a response, in bytes as the response counts them: Lambda's limit of 6 MB
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>) less room for
/// headers.
pub const MAX_RESPONSE_BYTES: usize = 6 * 1024 * 1024 - 64 * 1024;

/// The largest object in a response, in bytes: base64 makes four bytes of three.
pub const MAX_OBJECT_BYTES: usize = MAX_RESPONSE_BYTES / 4 * 3;

/// Encodes the items of a page, which are at this place.
type EncodeItems<T> = dyn Fn(&[T], Place<'_>, &mut RowBuffer) + Send + Sync;

/// A list of `T`, as the client wants it.
pub struct Rows<T> {
    encode: Arc<EncodeItems<T>>,
    buffer: RowBuffer,
    share: Share,
}

impl<T> Rows<T> {
    /// The elements of a JSON array.
    pub fn json(encode: impl Fn(&[T], Place<'_>, &mut RowBuffer) + Send + Sync + 'static) -> Self {
        Self { encode: Arc::new(encode), buffer: RowBuffer::new(None), share: Share::whole() }
    }

    /// Lines of CSV below this header line.
    pub fn csv(header: &str, encode: impl Fn(&[T], Place<'_>, &mut RowBuffer) + Send + Sync + 'static) -> Self {
        Self { encode: Arc::new(encode), buffer: RowBuffer::new(Some(header.into())), share: Share::whole() }
    }

    /// Empty rows of the same form.
    fn with_share(&self, share: Share) -> Self {
        Self { encode: Arc::clone(&self.encode), buffer: RowBuffer::new(self.buffer.csv_header.clone()), share }
    }

    /// Encodes all items at once.
    pub fn encode_all(mut self, items: &[T], place: Place<'_>) -> String {
        (self.encode)(items, place, &mut self.buffer);
        self.finish()
    }

    /// The whole array, or all lines with the header.
    pub fn finish(self) -> String {
        self.buffer.finish()
    }
}

impl<T> fmt::Debug for Rows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("csv_header", &self.buffer.csv_header).finish_non_exhaustive()
    }
}

impl<T: Send + 'static> PageSink for Rows<T> {
    type Item = T;

    fn empty(&self) -> Self {
        self.with_share(Share::whole())
    }

    fn fork(&self, count: usize) -> impl Iterator<Item = Self> + Send {
        Share::split(count).map(|share| self.with_share(share))
    }

    fn push(&mut self, page: &[T], place: Place<'_>) -> Fit {
        let (checkpoint, len_before) = (self.buffer.checkpoint(), self.buffer.encoded_len());
        (self.encode)(page, place, &mut self.buffer);
        if self.buffer.encoded_len() > MAX_RESPONSE_BYTES {
            self.buffer.truncate(checkpoint);
            return Fit::Rejected;
        }
        if self.share.use_up(self.buffer.encoded_len() - len_before) { Fit::Full } else { Fit::Room }
    }

    fn append(&mut self, other: Self) -> Fit {
        let checkpoint = self.buffer.checkpoint();
        self.buffer.append(other.buffer);
        if self.buffer.encoded_len() > MAX_RESPONSE_BYTES {
            self.buffer.truncate(checkpoint);
            return Fit::Rejected;
        }
        Fit::Room
    }

    fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }
}

/// The share of one of several lists in the capacity of a response. A list is full once it and
/// those before it fill the response: what comes after it does not count.
struct Share {
    /// The encoded length of each list, in the order of the response.
    used: Arc<[AtomicUsize]>,
    index: usize,
}

impl Share {
    /// The share of a list that is alone.
    fn whole() -> Self {
        Self { used: Arc::new([AtomicUsize::new(0)]), index: 0 }
    }

    fn split(count: usize) -> impl Iterator<Item = Self> {
        let used: Arc<[AtomicUsize]> = (0..count).map(|_| AtomicUsize::new(0)).collect();
        (0..count).map(move |index| Self { used: Arc::clone(&used), index })
    }

    /// Adds to the length of this list. Whether the response is full at its end.
    fn use_up(&self, len: usize) -> bool {
        if let Some(used) = self.used.get(self.index) {
            used.fetch_add(len, Ordering::Relaxed);
        }
        let this_and_before = self.used.iter().take(self.index + 1);
        this_and_before.map(|used| used.load(Ordering::Relaxed)).sum::<usize>() >= MAX_RESPONSE_BYTES
    }
}

/// Encoded rows, with their length in Lambda's response. That is JSON with this text in it as a
/// string, where a quote, a backslash or the end of a line takes two bytes.
#[derive(Debug, Default)]
pub struct RowBuffer {
    text: Vec<u8>,
    escapes: usize,
    csv_header: Option<Arc<str>>,
}

/// The capacity that a buffer begins with, in bytes: a short list fits.
const INITIAL_CAPACITY: usize = 1024;

/// An end of a buffer to return to.
struct Checkpoint(usize, usize);

impl RowBuffer {
    fn new(csv_header: Option<Arc<str>>) -> Self {
        Self { csv_header, text: Vec::with_capacity(INITIAL_CAPACITY), ..Self::default() }
    }

    /// Adds an element of the array.
    pub fn push(&mut self, row: &impl Serialize) {
        let start = self.text.len();
        self.separate();
        if serde_json::to_writer(&mut self.text, row).is_err() {
            // Serialization to memory fails for maps with keys that are not strings; no row has
            // one.
            self.text.truncate(start);
        }
        self.count_escapes(start);
    }

    /// Adds lines of CSV, with their ends.
    pub fn push_lines(&mut self, lines: &[u8]) {
        let start = self.text.len();
        self.text.extend_from_slice(lines);
        self.count_escapes(start);
    }

    fn append(&mut self, other: Self) {
        if !other.is_empty() {
            let start = self.text.len();
            self.separate();
            self.text.extend_from_slice(&other.text);
            self.count_escapes(start);
        }
    }

    fn separate(&mut self) {
        if self.csv_header.is_none() && !self.text.is_empty() {
            self.text.push(b',');
        }
    }

    fn count_escapes(&mut self, start: usize) {
        // Other control characters become \u00XX.
        let escape = |byte: &u8| match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 1,
            0..0x20 => 5,
            _ => 0,
        };
        self.escapes += self.text.iter().skip(start).map(escape).sum::<usize>();
    }

    fn encoded_len(&self) -> usize {
        self.text.len() + self.escapes
    }

    fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint(self.text.len(), self.escapes)
    }

    fn truncate(&mut self, Checkpoint(len, escapes): Checkpoint) {
        self.text.truncate(len);
        self.escapes = escapes;
    }

    fn finish(self) -> String {
        let (before, after) = match &self.csv_header {
            Some(header) => (&**header, ""),
            None => ("[", "]"),
        };
        // Both serde_json and the CSV writer write UTF-8.
        [before, &String::from_utf8(self.text).unwrap_or_default(), after].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_an_array_with_the_length_that_lambda_counts() {
        let mut rows = RowBuffer::default();
        rows.push(&serde_json::json!({"a": "x\"y"}));
        let checkpoint = rows.checkpoint();
        rows.push(&"dropped");
        rows.truncate(checkpoint);
        let mut others = RowBuffer::default();
        others.push(&7);
        others.push(&"\u{1}");
        rows.append(others);
        rows.append(RowBuffer::default());
        let len = rows.encoded_len();
        let json = rows.finish();
        assert_eq!(json, "[{\"a\":\"x\\\"y\"},7,\"\\u0001\"]");
        let in_response = serde_json::to_string(&json).unwrap();
        assert_eq!(len, in_response.len() - r#""[]""#.len());
        assert_eq!(RowBuffer::default().finish(), "[]");
    }

    #[test]
    fn csv_lines_follow_their_header_and_have_the_length_that_lambda_counts() {
        let mut rows = RowBuffer::new(Some("a\r\n".into()));
        rows.push_lines(b"\"x, y\"\r\n");
        let mut others = RowBuffer::new(Some("a\r\n".into()));
        others.push_lines(b"\tz\x01\r\n");
        rows.append(others);
        let len = rows.encoded_len();
        let csv = rows.finish();
        assert_eq!(csv, "a\r\n\"x, y\"\r\n\tz\u{1}\r\n");
        let in_response = serde_json::to_string(&csv).unwrap();
        assert_eq!(len, in_response.len() - r#""a\r\n""#.len());
    }

    #[test]
    fn a_list_is_full_by_the_lists_before_it_and_never_by_those_after_it() {
        let shares: Vec<_> = Share::split(3).collect();
        assert!(!shares[2].use_up(MAX_RESPONSE_BYTES - 1));
        assert!(!shares[0].use_up(10));
        assert!(shares[2].use_up(1));
        assert!(!shares[1].use_up(MAX_RESPONSE_BYTES - 11));
        assert!(shares[1].use_up(1));
    }
}
