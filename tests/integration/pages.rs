//! The pages: headers, compression and caching.

use crate::support::{Answer, Function, HttpApiEvent, REQUEST_ID, sha256};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::json;
use sha2::{Digest, Sha256};

const HTML: &str = "text/html; charset=utf-8";

/// The files of the viewer, and their types.
pub const FILES: [(&str, &str); 2] = [
    ("swagger-ui-5.32.6.css", "text/css; charset=utf-8"),
    ("swagger-ui-bundle-5.32.6.js", "text/javascript; charset=utf-8"),
];

/// Every document: path, content type and cache control.
fn documents() -> Vec<(String, &'static str, &'static str)> {
    let mut all = vec![("/".to_owned(), HTML, "no-cache"), ("/docs".to_owned(), HTML, "no-cache")];
    let for_good = "public, max-age=31536000, immutable";
    all.extend(FILES.map(|(name, content_type)| (format!("/docs/{name}"), content_type, for_good)));
    all
}

/// The document that is too large to be sent without compression.
const LARGE: &str = "/docs/swagger-ui-bundle-5.32.6.js";

/// The encodings in which a document is sent.
fn encodings(path: &str) -> &'static [&'static str] {
    if path == LARGE { &["gzip"] } else { &["identity", "gzip"] }
}

/// Sends a request without a key.
async fn get(function: &Function, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let event = headers.iter().fold(HttpApiEvent::new(method, path), |event, (name, value)| event.header(name, value));
    function.send(event).await
}

#[tokio::test]
async fn document_is_compressed_if_the_client_accepts_it() {
    let function = Function::without_aws(&[("API_KEYS", "")]).await;
    for (path, content_type, cache_control) in documents().into_iter().filter(|(path, ..)| path != LARGE) {
        let plain = get(&function, "GET", &path, &[]).await;
        let gzip = get(&function, "GET", &path, &[("accept-encoding", "br, gzip")]).await;
        let refused = get(&function, "GET", &path, &[("accept-encoding", "gzip;q=0")]).await;
        assert_eq!((plain.status, gzip.status, refused.status), (200, 200, 200), "{path}");
        assert!(!plain.base64, "text needs no base64");
        assert_eq!((&plain.body, &plain.headers), (&refused.body, &refused.headers), "{path}");
        assert!(gzip.unpacked() == plain.body, "{path}");
        let digest = sha256(&plain.body);
        assert_eq!(plain.headers["etag"], format!("\"{digest}\""), "{path}");
        assert_eq!(gzip.headers["etag"], format!("\"{digest}-gzip\""), "{path}");
        assert_eq!(plain.headers.get("content-encoding"), None);
        assert_eq!(gzip.headers["content-encoding"], "gzip");
        for answer in [plain, gzip] {
            for (name, value) in [
                ("content-type", content_type),
                ("cache-control", cache_control),
                ("vary", "accept-encoding"),
                ("x-content-type-options", "nosniff"),
                ("cross-origin-opener-policy", "same-origin"),
                ("referrer-policy", "no-referrer"),
                ("x-frame-options", "DENY"),
                ("x-request-id", REQUEST_ID),
            ] {
                assert_eq!(answer.headers[name], value, "{name} of {path}");
            }
            assert_eq!(answer.headers.get("warning"), None);
        }
    }
    function.assert_no_calls();
}

#[tokio::test]
async fn large_document_is_sent_to_clients_that_accept_gzip_only() {
    let function = Function::without_aws(&[]).await;
    let large = |text: &str| text.len() > 512 * 1024;
    let gzip = [("accept-encoding", "gzip")];
    let viewer = get(&function, "GET", LARGE, &gzip).await;
    assert_eq!((viewer.status, viewer.headers["content-type"].as_str()), (200, FILES[1].1));
    assert!(large(&viewer.unpacked()));
    assert_eq!(viewer.headers["etag"], format!("\"{}-gzip\"", sha256(viewer.unpacked())));
    for headers in [&[][..], &[("accept-encoding", "identity")], &[("accept-encoding", "gzip;q=0, br")]] {
        let message = "This document is served with gzip only: accept it (curl --compressed)";
        get(&function, "GET", LARGE, headers).await.refuses(406, "NotAcceptable", message);
        let head = get(&function, "HEAD", LARGE, headers).await;
        assert_eq!((head.status, head.body.as_str()), (406, ""));
    }
    let others = documents().into_iter().map(|(path, ..)| path).filter(|path| path != LARGE);
    for path in others.chain(["/openapi.json".to_owned()]) {
        let plain = get(&function, "GET", &path, &[]).await;
        assert!(plain.status == 200 && !large(&plain.body), "{path} is large: {}", plain.body.len());
    }
}

#[tokio::test]
async fn matching_etag_is_answered_with_304() {
    let function = Function::without_aws(&[]).await;
    for (path, _, cache_control) in documents() {
        for &coding in encodings(&path) {
            let first = get(&function, "GET", &path, &[("accept-encoding", coding)]).await;
            let tag = &first.headers["etag"];
            for known in [tag.clone(), format!("W/{tag}"), format!("\"old\", {tag}"), "*".to_owned()] {
                for method in ["GET", "HEAD"] {
                    let headers = [("accept-encoding", coding), ("if-none-match", known.as_str())];
                    let again = get(&function, method, &path, &headers).await;
                    assert_eq!((again.status, again.body.as_str()), (304, ""), "{method} {path} {known}");
                    assert_eq!(again.headers.get("content-type"), None);
                    assert_eq!(again.headers.get("content-encoding"), None);
                    for (name, value) in
                        [("etag", tag.as_str()), ("cache-control", cache_control), ("vary", "accept-encoding")]
                    {
                        assert_eq!(again.headers[name], value, "{path}");
                    }
                }
            }
            let other =
                get(&function, "GET", &path, &[("accept-encoding", coding), ("if-none-match", "\"old\"")]).await;
            assert_eq!((other.status, other.body), (200, first.body), "{path}");
        }
    }
}

#[tokio::test]
async fn head_of_a_document_has_the_headers_of_get() {
    let function = Function::without_aws(&[]).await;
    for (path, ..) in documents() {
        for &coding in encodings(&path) {
            let head = get(&function, "HEAD", &path, &[("accept-encoding", coding)]).await;
            let get = get(&function, "GET", &path, &[("accept-encoding", coding)]).await;
            assert_eq!((head.status, head.body.as_str()), (200, ""));
            assert_eq!(head.headers, get.headers, "{path}");
        }
    }
}

#[tokio::test]
async fn content_security_policy_allows_the_scripts_of_the_page_only() {
    let function = Function::without_aws(&[]).await;
    for (path, content_type, _) in documents() {
        let answer = get(&function, "GET", &path, &[("accept-encoding", encodings(&path)[0])]).await;
        let policy = &answer.headers["content-security-policy"];
        let directives: Vec<_> = policy.split("; ").collect();
        for always in ["default-src 'none'", "frame-ancestors 'none'"] {
            assert!(directives.contains(&always), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{path}: {policy}");
        if content_type != HTML {
            assert_eq!(directives.len(), 2, "{path}: {policy}");
            continue;
        }
        for element in ["script", "style"] {
            let [_, inline] = answer.body.split(&format!("<{element}>")).collect::<Vec<_>>()[..] else {
                panic!("{path} has one {element}")
            };
            let digest = Sha256::digest(inline.split(&format!("</{element}>")).next().unwrap());
            let source = format!("'sha256-{}'", BASE64_STANDARD.encode(digest));
            let directive =
                directives.iter().find(|directive| directive.starts_with(&format!("{element}-src "))).unwrap();
            assert!(directive.ends_with(&source), "{path}: {policy} has no {source}");
        }
        // The console has its script inline; the API reference loads its viewer.
        assert_eq!(policy.contains("script-src 'self'"), path == "/docs");
        for absolute in ["src=\"/", "href=\"/", "http://", "https://"] {
            assert!(!answer.body.contains(absolute), "{path} is not below a stage's path then: {absolute}");
        }
    }
}

#[tokio::test]
async fn without_pages_their_paths_do_not_exist() {
    let function = Function::without_aws(&[("PAGES", "false")]).await;
    let documents = documents().into_iter().map(|(path, ..)| path).chain(["/openapi.json".to_owned()]);
    for path in documents {
        for method in ["GET", "HEAD", "OPTIONS", "POST"] {
            assert_eq!(get(&function, method, &path, &[]).await.status, 404, "{method} {path}");
        }
    }
    assert_eq!(get(&function, "GET", "/health", &[]).await.status, 200);
}

#[tokio::test]
async fn pages_are_served_behind_a_stage() {
    let function = Function::without_aws(&[]).await;
    for path in ["/prod", "/prod/", "/prod/docs", "/prod/docs/"] {
        let event = HttpApiEvent::new("GET", path).set("/requestContext/stage", json!("prod"));
        assert_eq!(function.send(event).await.status, 200, "{path}");
    }
}
