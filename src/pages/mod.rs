//! The pages that people see: the console at `/`, and the API reference at `/docs` with its viewer. `build.rs` compresses them
//! and works out their digests; their requests are relative to where they are, so that any stage or path in front of them does.

use crate::http::document::{Caching, Document};
use std::borrow::Cow;

// CONSOLE, DOCS, and ASSETS with their names.
include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// What the names of the viewer's files are like.
pub const ASSET_PATTERN: &str = "^[a-z-]+-[0-9.]+\\.[a-z]+$";

/// A file of the viewer, if there is one of that name.
pub fn asset(name: &str) -> Option<&'static Document> {
    ASSETS.iter().find(|(known, _)| *known == name).map(|(_, document)| document)
}
