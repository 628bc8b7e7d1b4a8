//! Skips the content of XML elements by their tags alone. Four fifths of a page of instances are
//! elements that nobody reads: making an event of each of their tags and texts takes most of the
//! time.

use memchr::memchr;

/// The length of an element's content: where its end tag begins. `xml` begins after the start tag.
///
/// `None` if the content may be more than tags and plain text, in ASCII: attributes, references,
/// comments and the like; or if it is incomplete, or its tags do not match. A parser must read it.
pub(super) fn content_len(name: &str, xml: &[u8]) -> Option<usize> {
    let mut open: Vec<&[u8]> = Vec::new();
    let mut at = 0;
    loop {
        let start = at + memchr(b'<', xml.get(at..)?)?;
        let rest = xml.get(start + 1..)?;
        let tag = rest.get(..memchr(b'>', rest)?)?;
        match tag.strip_prefix(b"/") {
            None => {
                let (name, is_empty) = tag.strip_suffix(b"/").map_or((tag, false), |name| (name, true));
                if name.is_empty() || !name.iter().all(u8::is_ascii_alphanumeric) {
                    return None;
                }
                if !is_empty {
                    open.push(name);
                }
            }
            Some(end) => match open.pop() {
                Some(begun) if begun == end => {}
                None if name.as_bytes() == end => return is_plain(xml.get(..start)?).then_some(start),
                _ => return None,
            },
        }
        at = start + tag.len() + 2;
    }
}

/// Whether it is ASCII without references.
fn is_plain(xml: &[u8]) -> bool {
    xml.is_ascii() && memchr(b'&', xml).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_of_tags_and_plain_text_ends_at_the_end_tag() {
        for content in ["", "a", "<b/>", "<b></b>", "a<b>c<d/>e</b>f", "<a>b</a>", "<a><a/></a>\n <c>x > y</c>"] {
            let xml = format!("{content}</a><a>more</a>");
            assert_eq!(content_len("a", xml.as_bytes()), Some(content.len()), "{xml}");
        }
    }

    #[test]
    fn all_other_content_is_left_to_a_parser() {
        for xml in [
            "",
            "</a",
            "<b>",
            "</b>",
            "</a >",
            "<b></c></b></a>",
            "<b c='</a>'/></a>",
            "<b ></b></a>",
            "<!-- </a> --></a>",
            "<![CDATA[</a>]]></a>",
            "<?b?></a>",
            "<></a>",
            "</></a>",
            "&amp;</a>",
            "&</a>",
            "\u{e9}</a>",
        ] {
            assert_eq!(content_len("a", xml.as_bytes()), None, "{xml}");
        }
    }
}
