//! The pages: the console at `/`, and the API reference at `/docs` with its viewer. `build.rs`
//! inlines their files, compresses them and computes their digests. Their requests are relative, so
//! they work behind any stage or path.

use crate::http::static_file::{Caching, StaticFile};
use std::borrow::Cow;

// CONSOLE, DOCS, and ASSETS with their names.
include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// The pattern of the names of the viewer's files.
pub const ASSET_PATTERN: &str = "^[a-z-]+-[0-9.]+\\.[a-z]+$";

/// Returns the file of the viewer with this name.
pub fn asset(name: &str) -> Option<&'static StaticFile> {
    ASSETS.iter().find(|(known, _)| *known == name).map(|(_, file)| file)
}
