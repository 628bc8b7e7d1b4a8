//! The one grammar of all variables that hold a list.

use super::text::is_invisible;

/// The items of a list: separated by commas, without the white space around them. An empty text has
/// no items. A comma too many may stand where an item was forgotten, so an empty item is an error.
/// Items may have blanks inside, as names of security groups and keys of tags do.
///
/// # Errors
/// The problem in words, without the text: it may be a secret.
pub fn list_items(text: &str) -> Result<Vec<&str>, String> {
    items(text, |c| is_invisible(c).then_some("an invisible character"))
}

/// The items of a list that have no white space inside, such as `name=value`. White space around
/// the `=` would belong to a name that no caller has.
///
/// # Errors
/// As [`list_items`].
pub fn list_words(text: &str) -> Result<Vec<&str>, String> {
    let white_space = |c: char| c.is_whitespace().then_some("white space");
    items(text, |c| white_space(c).or_else(|| is_invisible(c).then_some("an invisible character")))
}

fn items(text: &str, forbidden: impl Fn(char) -> Option<&'static str>) -> Result<Vec<&str>, String> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let item = |(i, item): (usize, &'_ str)| match item.chars().find_map(&forbidden) {
        _ if item.is_empty() => Err(format!("entry {} is empty", i + 1)),
        Some(what) => Err(format!("entry {} has {what} inside", i + 1)),
        None => Ok(()),
    };
    let items: Vec<_> = text.split(',').map(str::trim).collect();
    items.iter().copied().enumerate().try_for_each(item)?;
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_white_space_around_items_does_not_count() {
        assert_eq!(list_items(" a b,\n c ").unwrap(), ["a b", "c"]);
        assert_eq!(list_words("a , b\t,c=d").unwrap(), ["a", "b", "c=d"]);
        for empty in ["", " ", "\n"] {
            assert_eq!((list_items(empty), list_words(empty)), (Ok(vec![]), Ok(vec![])));
        }
    }

    #[test]
    fn err_an_empty_item_is_not_skipped() {
        for (text, entry) in [(",", 1), ("a,", 2), (",a", 1), ("a,,b", 2), ("a, ,b", 2), (" , ", 1)] {
            let problem = Err(format!("entry {entry} is empty"));
            assert_eq!((list_items(text), list_words(text)), (problem.clone(), problem), "{text:?}");
        }
    }

    #[test]
    fn err_white_space_in_a_word() {
        for text in ["a,b c", "a,b = c", "a,b= c", "a,b =c", "a,b\tc", "a,b\u{a0}c", "a,b\u{2003}c"] {
            assert_eq!(list_words(text), Err("entry 2 has white space inside".to_owned()), "{text:?}");
        }
        for text in ["a,b\u{7}c", "a,b\u{200b}"] {
            let problem = Err("entry 2 has an invisible character inside".to_owned());
            assert_eq!((list_items(text), list_words(text)), (problem.clone(), problem));
        }
    }
}
