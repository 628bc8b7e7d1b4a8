//! The pages: headers, compression and caching.

use crate::support::{Answer, Function, HttpApiEvent, REQUEST_ID, sha256};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::json;
use sha2::{Digest, Sha256};

const HTML: &str = "text/html; charset=utf-8";

/// Every document. All are pages.
const DOCUMENTS: [&str; 2] = ["/", "/docs"];

/// The encodings in which a document is sent.
const ENCODINGS: [&str; 2] = ["identity", "gzip"];

/// Sends a request without a key.
async fn get(function: &Function, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let event = headers.iter().fold(HttpApiEvent::new(method, path), |event, (name, value)| event.header(name, value));
    function.send(event).await
}

#[tokio::test]
async fn document_is_compressed_if_the_client_accepts_it() {
    let function = Function::without_aws(&[("API_KEYS", "")]).await;
    for path in DOCUMENTS {
        let plain = get(&function, "GET", path, &[]).await;
        let gzip = get(&function, "GET", path, &[("accept-encoding", "br, gzip")]).await;
        let refused = get(&function, "GET", path, &[("accept-encoding", "gzip;q=0")]).await;
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
                ("content-type", HTML),
                ("cache-control", "no-cache"),
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
async fn documents_have_at_most_512_kib() {
    let function = Function::without_aws(&[("BUCKET_PREFIX", "demo-")]).await;
    for path in DOCUMENTS.into_iter().chain(["/openapi.json"]) {
        let plain = get(&function, "GET", path, &[]).await;
        assert!(plain.status == 200 && plain.body.len() <= 512 * 1024, "{path}: {}", plain.body.len());
    }
}

#[tokio::test]
async fn matching_etag_is_answered_with_304() {
    let function = Function::without_aws(&[]).await;
    for path in DOCUMENTS {
        for coding in ENCODINGS {
            let first = get(&function, "GET", path, &[("accept-encoding", coding)]).await;
            let tag = &first.headers["etag"];
            for known in [tag.clone(), format!("W/{tag}"), format!("\"old\", {tag}"), "*".to_owned()] {
                for method in ["GET", "HEAD"] {
                    let headers = [("accept-encoding", coding), ("if-none-match", known.as_str())];
                    let again = get(&function, method, path, &headers).await;
                    assert_eq!((again.status, again.body.as_str()), (304, ""), "{method} {path} {known}");
                    assert_eq!(again.headers.get("content-type"), None);
                    assert_eq!(again.headers.get("content-encoding"), None);
                    for (name, value) in
                        [("etag", tag.as_str()), ("cache-control", "no-cache"), ("vary", "accept-encoding")]
                    {
                        assert_eq!(again.headers[name], value, "{path}");
                    }
                }
            }
            let other = get(&function, "GET", path, &[("accept-encoding", coding), ("if-none-match", "\"old\"")]).await;
            assert_eq!((other.status, other.body), (200, first.body), "{path}");
        }
    }
}

#[tokio::test]
async fn head_of_a_document_has_the_headers_of_get() {
    let function = Function::without_aws(&[]).await;
    for path in DOCUMENTS {
        for coding in ENCODINGS {
            let head = get(&function, "HEAD", path, &[("accept-encoding", coding)]).await;
            let get = get(&function, "GET", path, &[("accept-encoding", coding)]).await;
            assert_eq!((head.status, head.body.as_str()), (200, ""));
            assert_eq!(head.headers, get.headers, "{path}");
        }
    }
}

#[tokio::test]
async fn content_security_policy_allows_the_scripts_of_the_page_only() {
    let function = Function::without_aws(&[]).await;
    for path in DOCUMENTS {
        let answer = get(&function, "GET", path, &[]).await;
        let policy = &answer.headers["content-security-policy"];
        let directives: Vec<_> = policy.split("; ").collect();
        for always in ["default-src 'none'", "frame-ancestors 'none'"] {
            assert!(directives.contains(&always), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{path}: {policy}");
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
        assert!(!policy.contains("script-src 'self'") && !policy.contains("style-src 'self'"), "{path}: {policy}");
        for absolute in ["src=\"/", "href=\"/", "http://", "https://"] {
            assert!(!answer.body.contains(absolute), "{path} is not below a stage's path then: {absolute}");
        }
    }
}

#[tokio::test]
async fn without_pages_their_paths_do_not_exist() {
    let function = Function::without_aws(&[("PAGES", "false")]).await;
    for path in DOCUMENTS.into_iter().chain(["/openapi.json"]) {
        for method in ["GET", "HEAD", "OPTIONS", "POST"] {
            assert_eq!(get(&function, method, path, &[]).await.status, 404, "{method} {path}");
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
