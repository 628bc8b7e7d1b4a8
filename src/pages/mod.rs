//! The pages: the console at `/`, and the API reference at `/docs`. `build.rs` inlines their files,
//! compresses them and computes their digests. Their requests are relative, so they work behind any
//! stage or path.

use crate::http::static_file::StaticFile;
use std::borrow::Cow;

// CONSOLE and DOCS.
include!(concat!(env!("OUT_DIR"), "/pages.rs"));
