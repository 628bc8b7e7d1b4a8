//! The pages: the console at `/`, and the API reference at `/docs` with its viewer. `build.rs`
//! compresses them and computes their digests. Their requests are relative, so that they work behind
//! any stage or base path.

use crate::http::static_file::{Caching, StaticFile};
use std::borrow::Cow;

// CONSOLE, DOCS, and ASSETS with their names.
include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// The form of the names of the viewer's files, as a regular expression.
pub const ASSET_PATTERN: &str = "^[a-z-]+-[0-9.]+\\.[a-z]+$";

/// The file of the viewer with this name.
pub fn asset(name: &str) -> Option<&'static StaticFile> {
    ASSETS.iter().find(|(known, _)| *known == name).map(|(_, file)| file)
}
