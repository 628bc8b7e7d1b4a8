//! Makes documents of the pages, when the function is built: compressed, with their digests. The
//! policy of a page permits its own scripts and styles and no others.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use std::error::Error;
use std::fs::write;
use std::io::Write as _;
use std::path::Path;

mod inline;

use inline::inline;

/// Writes `pages.rs`, which `src/pages/mod.rs` includes.
pub(crate) fn write_pages(out: &Path) -> Result<(), Box<dyn Error>> {
    for source in ["build", "inline"] {
        println!("cargo::rerun-if-changed=src/pages/{source}.rs");
    }
    let mut pages = String::new();
    for name in ["console", "docs"] {
        let page = inline(&format!("src/pages/{name}/{name}.html"))?;
        let document = document(out, name, &page)?;
        pages += &format!("/// A page.\npub static {}: StaticFile = {document};\n", name.to_uppercase());
    }
    Ok(write(out.join("pages.rs"), pages)?)
}

/// Compresses a page. Returns it as a Rust expression.
fn document(out: &Path, name: &str, page: &str) -> Result<String, Box<dyn Error>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(page.as_bytes())?;
    write(out.join(format!("{name}.gz")), encoder.finish()?)?;
    let (policy, digest) = (policy(page)?, hex::encode(Sha256::digest(page)));
    Ok(format!(
        "StaticFile {{ content_type: \"text/html; charset=utf-8\", policy: {policy:?}, \
         digest: Cow::Borrowed({digest:?}), gzip: Cow::Borrowed(include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.gz\"))) }}"
    ))
}

/// Returns the policy of a page: it may run its own scripts and styles, and call this API.
fn policy(page: &str) -> Result<String, Box<dyn Error>> {
    let mut directives = ["default-src 'none'", "connect-src 'self'", "img-src data:"].map(str::to_owned).to_vec();
    for element in ["script", "style"] {
        let (open, close) = (format!("<{element}>"), format!("</{element}>"));
        for part in page.split(&open).skip(1) {
            let (inline, _) = part.split_once(&close).ok_or_else(|| format!("{open} without {close}"))?;
            let source = format!(" 'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(inline)));
            let name = format!("{element}-src");
            match directives.iter_mut().find(|directive| directive.starts_with(&name)) {
                Some(directive) => directive.push_str(&source),
                None => directives.push(name + &source),
            }
        }
    }
    directives.extend(["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"].map(str::to_owned));
    Ok(directives.join("; "))
}
