//! Makes documents of the pages, when the function is built: compressed, with their digests. The
//! policy of a page permits its own scripts and styles and no others.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use std::error::Error;
use std::fs::write;
use std::io::{Cursor, Read as _, Write as _};
use std::path::Path;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

mod inline;

use inline::inline;

/// The files of the viewer: stem, extension, content type.
const VIEWER: [(&str, &str, &str); 2] =
    [("swagger-ui", "css", "text/css; charset=utf-8"), ("swagger-ui-bundle", "js", "text/javascript; charset=utf-8")];

/// Writes `pages.rs`, which `src/pages/mod.rs` includes.
pub(crate) fn write_pages(out: &Path) -> Result<(), Box<dyn Error>> {
    for source in ["build", "inline"] {
        println!("cargo::rerun-if-changed=src/pages/{source}.rs");
    }
    let mut docs = inline("src/pages/docs/docs.html")?;
    let mut zip = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    let folder =
        zip.file_names().next().ok_or("the viewer is empty")??.split('/').next().unwrap_or_default().to_owned();
    let version = folder.strip_prefix("swagger-ui-").ok_or("the viewer has no version")?;
    docs = docs.replace("{version}", version);
    let mut assets = Vec::new();
    for (stem, extension, content_type) in VIEWER {
        let mut content = Vec::new();
        zip.by_name(&format!("{folder}/dist/{stem}.{extension}"))?.read_to_end(&mut content)?;
        // Clients cache a name forever, so each version has its own.
        let name = format!("{stem}-{version}.{extension}");
        docs = docs.replace(&format!("{stem}.{extension}"), &name);
        let policy = "default-src 'none'; frame-ancestors 'none'";
        assets.push(format!("({name:?}, {})", document(out, &name, &content, content_type, policy, "Immutable")?));
    }
    let console = inline("src/pages/console/console.html")?;
    let mut pages = String::new();
    for (name, page, allowed) in [
        ("CONSOLE", &console, "connect-src 'self'; img-src data:"),
        // The viewer's style sheet contains its icons as data: URLs.
        ("DOCS", &docs, "connect-src 'self'; img-src data:; style-src 'self'; script-src 'self'"),
    ] {
        let policy = policy(page, allowed)?;
        let document = document(out, name, page.as_bytes(), "text/html; charset=utf-8", &policy, "Revalidate")?;
        pages += &format!("/// A page.\npub static {name}: StaticFile = {document};\n");
    }
    pages += &format!(
        "/// The files of the viewer, under their names.\npub static ASSETS: &[(&str, StaticFile)] = &[{}];\n",
        assets.join(",\n")
    );
    Ok(write(out.join("pages.rs"), pages)?)
}

/// Compresses a document. Returns it as a Rust expression.
fn document(
    out: &Path,
    name: &str,
    content: &[u8],
    content_type: &str,
    policy: &str,
    caching: &str,
) -> Result<String, Box<dyn Error>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    write(out.join(format!("{name}.gz")), encoder.finish()?)?;
    let digest = hex::encode(Sha256::digest(content));
    Ok(format!(
        "StaticFile {{ content_type: {content_type:?}, policy: {policy:?}, caching: Caching::{caching}, \
         len: {}, digest: Cow::Borrowed({digest:?}), gzip: Cow::Borrowed(include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.gz\"))) }}",
        content.len()
    ))
}

/// Returns the policy of a page: the digests of its inline scripts and styles, and the directives
/// `allowed`.
fn policy(page: &str, allowed: &str) -> Result<String, Box<dyn Error>> {
    let mut directives: Vec<String> = vec!["default-src 'none'".to_owned()];
    directives.extend(allowed.split("; ").map(str::to_owned));
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
