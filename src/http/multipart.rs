//! `multipart/form-data` (RFC 7578), as browsers, curl and HTTP clients write it: text parts only.
//!
//! The crate `multer` reads streams of files in any character encoding, with `futures`,
//! `encoding_rs` and a lock that spins. Here the whole body is in memory, and all text is UTF-8.

use crate::error::Error;

/// The greatest number of parts.
const MAX_PARTS: usize = 2_000;

/// The longest boundary (RFC 2046, section 5.1.1).
const MAX_BOUNDARY_LEN: usize = 70;

/// Parses a body of text parts: the name and the text of each, in their order.
///
/// # Errors
/// The content type has no boundary, the body is not such a form, or a part is a file.
pub fn parse(content_type: &str, body: &[u8]) -> Result<Vec<(String, String)>, Error> {
    let boundary = parameter(content_type, "boundary").filter(|text| (1..=MAX_BOUNDARY_LEN).contains(&text.len()));
    let boundary = boundary.ok_or_else(|| malformed("its Content-Type has no boundary"))?;
    let delimiter = format!("\r\n--{boundary}");
    let delimiter = delimiter.as_bytes();
    // The first delimiter may be at the very start. What stands before it is not part of the form.
    let first = delimiter.get(2..).unwrap_or_default();
    let mut rest = match body.strip_prefix(first) {
        Some(rest) => rest,
        None => split(body, delimiter).ok_or_else(|| malformed("its boundary does not occur"))?.1,
    };
    let mut parts = Vec::new();
    while !rest.starts_with(b"--") {
        let (padding, after) = split(rest, b"\r\n").ok_or_else(|| malformed("it ends too early"))?;
        if !padding.trim_ascii().is_empty() {
            return Err(malformed("its boundary is part of a longer line"));
        }
        // The line break before the next delimiter belongs to the delimiter. A part may have no
        // header.
        let (part, next) = split(after, delimiter).ok_or_else(|| malformed("it ends too early"))?;
        if parts.len() == MAX_PARTS {
            return Err(malformed("it has too many parts"));
        }
        parts.push(text_part(part)?);
        rest = next;
    }
    Ok(parts)
}

/// The name and the text of a part.
fn text_part(part: &[u8]) -> Result<(String, String), Error> {
    let (headers, content) = split(part, b"\r\n\r\n").ok_or_else(|| malformed("a part has no name"))?;
    let headers = String::from_utf8_lossy(headers);
    let header = |wanted: &str| {
        headers.split("\r\n").find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case(wanted).then_some(value.trim())
        })
    };
    let disposition = header("content-disposition").unwrap_or_default();
    let name = parameter(disposition, "name").ok_or_else(|| malformed("a part has no name"))?;
    // Browsers write a quotation mark and line breaks so
    // (<https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data>).
    let name = name.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n");
    let is_file = parameter(disposition, "filename").or_else(|| parameter(disposition, "filename*")).is_some();
    let media_type = header("content-type").map_or("text/plain", |value| value.split(';').next().unwrap_or_default());
    if is_file || !media_type.trim().eq_ignore_ascii_case("text/plain") {
        return Err(Error::invalid(name, "is a file: only text is taken in multipart/form-data"));
    }
    let encoding = header("content-transfer-encoding").unwrap_or("8bit");
    if !["7bit", "8bit", "binary"].iter().any(|plain| encoding.eq_ignore_ascii_case(plain)) {
        return Err(Error::invalid(name, "has a Content-Transfer-Encoding that is not taken"));
    }
    Ok((name, String::from_utf8_lossy(content).into_owned()))
}

/// The value of a parameter of a header: `name="a; b"` or `name=a`.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    let mut rest = header.split_once(';')?.1;
    loop {
        let (name, after) = rest.split_once('=')?;
        // A parameter without a value stands before this one.
        let name = name.rsplit(';').next().unwrap_or_default().trim();
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let (value, next) = after.split_once(';').unwrap_or((after, ""));
                (value.trim_end().to_owned(), next)
            }
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = next;
    }
}

/// A quoted text without its opening quotation mark: its value, and what follows.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            // Only these two are escaped: a path of Windows has backslashes of its own.
            '\\' if chars.as_str().starts_with(['"', '\\']) => value.extend(chars.next()),
            c => value.push(c),
        }
    }
}

fn split<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(separator.len()).position(|window| window == separator)?;
    Some((bytes.get(..at)?, bytes.get(at + separator.len()..)?))
}

fn malformed(problem: &str) -> Error {
    Error::malformed(format!("is not multipart/form-data: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=b";

    fn read(body: &str) -> Vec<(String, String)> {
        parse(TYPE, body.as_bytes()).unwrap()
    }

    fn problem(content_type: &str, body: &str) -> String {
        parse(content_type, body.as_bytes()).unwrap_err().message
    }

    fn part(headers: &str, text: &str) -> String {
        format!("--b\r\n{headers}\r\n\r\n{text}\r\n")
    }

    #[test]
    fn ok_text_parts_are_read_byte_for_byte() {
        let name = |name: &str| format!("Content-Disposition: form-data; name={name}");
        let body = part(&name("\"a\""), " x\r\n--c ") + &part(&name("b"), "") + "--b--\r\n";
        let expected = [("a".to_owned(), " x\r\n--c ".to_owned()), ("b".to_owned(), String::new())];
        assert_eq!(read(&body), expected);
        assert_eq!(read(&format!("preamble\r\n{body}epilogue")), expected);
        assert_eq!(read("--b--"), []);
        let names = part(&name("\"%22q\\\"; x\""), "1") + &part(&name("\"tag:\u{e9}\""), "\u{e9}") + "--b--";
        assert_eq!(read(&names), [("\"q\"; x".to_owned(), "1".to_owned()), ("tag:é".to_owned(), "é".to_owned())]);
    }

    #[test]
    fn ok_headers_have_any_case_and_a_boundary_may_be_quoted() {
        let body = "--b=c\r\ncontent-type: Text/Plain; charset=utf-8\r\nCONTENT-DISPOSITION:form-data;NAME=a\r\n\r\nx\r\n--b=c--";
        let content_type = "multipart/form-data; charset=utf-8; boundary=\"b=c\"";
        assert_eq!(parse(content_type, body.as_bytes()).unwrap(), [("a".to_owned(), "x".to_owned())]);
    }

    #[test]
    fn err_a_file_is_named() {
        for headers in [
            "Content-Disposition: form-data; name=\"f\"; filename=\"a;b.txt\"",
            "Content-Disposition: form-data; name=\"f\"; filename=\"\"",
            "Content-Disposition: form-data; name=\"f\"; filename*=UTF-8''x",
            "Content-Disposition: form-data; name=\"f\"\r\nContent-Type: application/json",
        ] {
            let body = part(headers, "x") + "--b--";
            assert_eq!(problem(TYPE, &body), "f is a file: only text is taken in multipart/form-data", "{headers}");
        }
    }

    #[test]
    fn err_a_broken_form_says_what_is_wrong() {
        let ok = part("Content-Disposition: form-data; name=a", "x");
        for (content_type, body, expected) in [
            ("multipart/form-data", ok.as_str(), "its Content-Type has no boundary"),
            ("multipart/form-data; boundary=\"\"", &ok, "its Content-Type has no boundary"),
            (TYPE, "a=b", "its boundary does not occur"),
            (TYPE, &ok, "it ends too early"),
            (TYPE, "--b", "it ends too early"),
            (TYPE, "--bc\r\n\r\n--b--", "its boundary is part of a longer line"),
            (TYPE, "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--", "a part has no name"),
            (TYPE, "--b\r\nx\r\n--b--", "a part has no name"),
            (TYPE, &(ok.repeat(MAX_PARTS + 1) + "--b--"), "it has too many parts"),
        ] {
            let expected = format!("The request body is not multipart/form-data: {expected}");
            assert_eq!(problem(content_type, body), expected);
        }
    }
}
