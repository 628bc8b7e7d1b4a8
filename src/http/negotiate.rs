//! Content negotiation: the headers `Accept` and `Accept-Encoding`
//! (<https://www.rfc-editor.org/rfc/rfc9110#name-content-negotiation>).

use flate2::Compression;
use flate2::write::GzEncoder;
use lambda_http::http::HeaderMap;
use lambda_http::http::header::{ACCEPT, ACCEPT_ENCODING, HeaderName, HeaderValue};
use std::io::Write as _;

/// The items of a header that is a list, however many lines it has.
pub fn items(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| HeaderValue::to_str(line).ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// Items with their quality value (`q`, RFC 9110 12.4.2).
fn items_with_quality(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = (&str, f32)> {
    items(headers, name).map(|item| {
        let mut parts = item.split(';').map(str::trim);
        let range = parts.next().unwrap_or_default();
        let quality = |part: &str| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse().unwrap_or(0.0))
        };
        (range, parts.find_map(quality).unwrap_or(1.0))
    })
}

/// The quality value of the last item with one of these names; `None` without such an item.
fn quality(headers: &HeaderMap, header: HeaderName, names: &[&str]) -> Option<f32> {
    let named = |(name, _): &(&str, f32)| names.iter().any(|other| other.eq_ignore_ascii_case(name));
    items_with_quality(headers, header).filter(named).map(|(_, quality)| quality).last()
}

/// Whether the client prefers `text/csv` to JSON: CSV is named, and JSON has no greater quality
/// value, by its name or by a wildcard.
pub fn prefers_csv(headers: &HeaderMap) -> bool {
    let range = |range| quality(headers, ACCEPT, &[range]);
    let csv = range("text/csv").unwrap_or(0.0);
    let json = range("application/json").or_else(|| range("application/*")).or_else(|| range("*/*"));
    csv > 0.0 && csv >= json.unwrap_or(0.0)
}

/// Whether gzip has at least the quality value of plain bytes.
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    let coding = |names: &[&str]| quality(headers, ACCEPT_ENCODING, names);
    let gzip = coding(&["gzip", "x-gzip"]).or_else(|| coding(&["*"])).unwrap_or(0.0);
    gzip > 0.0 && coding(&["identity"]).is_none_or(|identity| gzip >= identity)
}

/// Compresses the content.
pub fn gzip(content: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    // Writing to memory does not fail.
    encoder.write_all(content).and_then(|()| encoder.finish()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), HeaderValue::from_str(line).unwrap())).collect()
    }

    #[test]
    fn gzip_is_accepted_if_its_quality_is_not_below_that_of_plain_bytes() {
        for lines in [
            &["gzip"][..],
            &["gzip, deflate, br, zstd"],
            &["br", "gzip"],
            &["x-GZIP"],
            &["gzip;q=0.1"],
            &["gzip ; Q = 0.5, identity;q=0.5"],
            &["*"],
            &["identity;q=0, *;q=0.2"],
        ] {
            assert!(accepts_gzip(&headers(ACCEPT_ENCODING, lines)), "{lines:?}");
        }
        for lines in [
            &[][..],
            &[""],
            &["br"],
            &["identity"],
            &["gzip;q=0"],
            &["gzip;q=0.000, *"],
            &["*;q=0"],
            &["gzip;q=0.5, identity"],
            &["gzip;q=x"],
            &["gzip;q=-1"],
            &["gzip;q=NaN"],
            &["gzipped"],
        ] {
            assert!(!accepts_gzip(&headers(ACCEPT_ENCODING, lines)), "{lines:?}");
        }
    }

    #[test]
    fn csv_is_preferred_if_it_is_named_with_at_least_the_quality_of_json() {
        let prefers = |accept: &str| prefers_csv(&headers(ACCEPT, &[accept]));
        for accept in
            ["text/csv", "TEXT/CSV;q=0.5", "text/csv; header=present, */*;q=0.1", "application/json;q=0.9, text/csv"]
        {
            assert!(prefers(accept), "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "text/*",
            "text/csv;q=0",
            "text/csv;q=0.5,application/json",
            "text/csvx",
            "text/csv;q=NaN",
            "text/csv;q=0.1, */*",
        ] {
            assert!(!prefers(accept), "{accept}");
        }
        assert!(!prefers_csv(&HeaderMap::new()));
    }
}
