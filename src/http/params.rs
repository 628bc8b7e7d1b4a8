//! The parameters of a request: one set of names from the query string and the body, and readers that
//! check a value against its declaration. An error names the parameter.

use super::members::Members;
use super::param_info::ParamInfo;
use crate::error::{Error, Kind};
use lambda_http::aws_lambda_events::query_map::QueryMap;
use serde_json::Value;
use std::borrow::Cow;

/// The names under which old clients send AWS credentials. The values are never read.
const CREDENTIALS: [&str; 4] =
    ["aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_security_token"];

/// The parameter for a dry run. Other spellings count, too.
const DRY_RUN: &str = "dry_run";

fn is_dry_run(name: &str) -> bool {
    let letters = name.bytes().filter(|byte| !b"-_ .".contains(byte)).map(|byte| byte.to_ascii_lowercase());
    letters.eq(*b"dryrun")
}

/// The JSON member that may hold the caller's API key.
const API_KEY: &str = "api_key";

/// The largest body of parameters, in bytes: 1,000 instance IDs or 16 KiB of user data fit many times.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// The longest name of a parameter, in bytes: `tag:` and a tag's key of 128 characters.
const MAX_NAME_LEN: usize = 4 + 4 * 128;

/// AWS's limit on the number of tags.
pub const MAX_TAGS: usize = 50;

/// All parameters of a request.
#[derive(Debug, Default)]
pub struct Params {
    given: Vec<(String, Value)>,
    /// The JSON member `api_key`, if it is a string. It is not among the parameters.
    pub api_key: Option<String>,
    /// Whether the caller has passed AWS credentials.
    pub credentials: bool,
}

impl Params {
    /// Parses the query string, and a body that is a JSON object or a form.
    ///
    /// # Errors
    /// The body is neither, or a value is not UTF-8.
    pub fn read(query: Option<&QueryMap>, content_type: Option<&str>, body: &[u8]) -> Result<Self, Error> {
        let mut params = Self::default();
        for (name, value) in query.into_iter().flat_map(QueryMap::iter) {
            params.insert(name.to_owned(), Value::String(value.to_owned()))?;
        }
        // A QueryMap has no order of names; the values of one name are in the order of the request.
        params.given.sort_by(|(a, _), (b, _)| a.cmp(b));
        if body.trim_ascii().is_empty() {
            return Ok(params);
        }
        let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            if body.trim_ascii_start().starts_with(b"{") {
                let problem = "looks like JSON, but its Content-Type says form: send Content-Type: application/json";
                return Err(Error::malformed(problem));
            }
            for (name, value) in form_urlencoded::parse(body) {
                params.insert(name.into_owned(), Value::String(value.into_owned()))?;
            }
            return Ok(params);
        }
        let Members(members) = serde_json::from_slice(body).map_err(|error| {
            let problem = match error.classify() {
                serde_json::error::Category::Data => "is not a JSON object".to_owned(),
                serde_json::error::Category::Eof => "is JSON that ends too early".to_owned(),
                _ => format!("is not JSON: line {}, column {}", error.line(), error.column()),
            };
            // The error itself is not logged: it quotes the body.
            Error::malformed(problem)
        })?;
        for (name, value) in members {
            match (name.as_str(), value) {
                (_, Value::Null) => {}
                (API_KEY, value) => params.api_key = value.as_str().map(str::to_owned),
                (_, value) => params.insert(name, value)?,
            }
        }
        Ok(params)
    }

    fn insert(&mut self, name: String, value: Value) -> Result<(), Error> {
        if CREDENTIALS.contains(&name.as_str()) {
            self.credentials = true;
            return Ok(());
        }
        if name.len() > MAX_NAME_LEN {
            return Err(Error::new(Kind::Invalid, "InvalidParameterName", "A parameter's name is too long"));
        }
        // A misspelled dry run must not be a real change. A dry run without a value is asked for.
        if is_dry_run(&name) {
            let value = if value.as_str() == Some("") { Value::Bool(true) } else { value };
            self.given.push((DRY_RUN.to_owned(), value));
            return Ok(());
        }
        // Decoding has replaced bytes that are not UTF-8 by U+FFFD.
        let garbled = |text: &str| text.contains(char::REPLACEMENT_CHARACTER);
        if garbled(&name) || value.as_str().is_some_and(garbled) {
            return Err(Error::invalid(name, "is not UTF-8"));
        }
        self.given.push((name, value));
        Ok(())
    }

    /// The names of parameters that `known` does not have.
    pub fn unknown<'a>(&'a self, known: &'a [ParamInfo]) -> impl Iterator<Item = &'a str> {
        self.given
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| !known.iter().any(|parameter| parameter.has_name(name)))
    }

    /// Whether a value was given under exactly this name.
    pub fn is_given_as(&self, name: &str) -> bool {
        self.given.iter().any(|(given, value)| given == name && !value.as_str().is_some_and(str::is_empty))
    }

    /// Whether the parameter is given with an empty text or an empty array.
    pub fn is_given_empty(&self, parameter: &ParamInfo) -> bool {
        let empty = |value: &Value| value.as_str().is_some_and(str::is_empty) || *value == Value::Array(Vec::new());
        self.given.iter().any(|(name, value)| parameter.has_name(name) && empty(value))
    }

    /// The parameter's values in the order given. An empty text counts as not given.
    fn values<'a>(&'a self, parameter: &ParamInfo) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        let parameter = *parameter;
        let given = self
            .given
            .iter()
            .filter(move |(name, value)| parameter.has_name(name) && *value != Value::String(String::new()));
        given.map(|(name, value)| (name.as_str(), value))
    }

    /// The parameter's only value, with the name that it was given under. Two different values are an
    /// error.
    pub(super) fn value(&self, parameter: &ParamInfo) -> Result<Option<(&str, &Value)>, Error> {
        let mut values = self.values(parameter);
        let Some(first) = values.next() else { return Ok(None) };
        match values.find(|(_, other)| *other != first.1) {
            None => Ok(Some(first)),
            Some((name, _)) if name == first.0 => {
                Err(Error::invalid(name.to_owned(), "is given twice, with different values"))
            }
            Some((name, _)) => {
                Err(Error::invalid(name.to_owned(), format!("is the same as {}, but has a different value", first.0)))
            }
        }
    }

    /// A text, as it was given.
    ///
    /// # Errors
    /// Another type, a second value, more characters than the parameter takes, or control characters other than white space.
    pub fn text(&self, parameter: &ParamInfo) -> Result<Option<&str>, Error> {
        let Some(text) = self.raw(parameter)? else { return Ok(None) };
        match parameter.max_len {
            max_len if text.chars().count() > max_len => {
                Err(Error::invalid(parameter.name, format!("has more than {max_len} characters")))
            }
            _ => printable(parameter.name, text).map(Some),
        }
    }

    /// A text with any characters.
    ///
    /// # Errors
    /// Another type, or a second value.
    pub fn raw(&self, parameter: &ParamInfo) -> Result<Option<&str>, Error> {
        let Some((name, value)) = self.value(parameter)? else { return Ok(None) };
        value.as_str().map(Some).ok_or_else(|| Error::invalid(name.to_owned(), "must be a string"))
    }

    /// A whole number in the parameter's range.
    ///
    /// # Errors
    /// Another value, or a second value.
    pub fn integer(&self, parameter: &ParamInfo) -> Result<Option<u32>, Error> {
        let (min, max) = parameter.range;
        let Some((name, value)) = self.value(parameter)? else { return Ok(None) };
        let number = match value {
            // 20.0 is whole, too, and an integer of JSON Schema.
            Value::Number(number) => {
                let text = number.to_string();
                text.strip_suffix(".0").unwrap_or(&text).parse().ok()
            }
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let valid = number.filter(|number| (min..=max).contains(number));
        valid
            .map(Some)
            .ok_or_else(|| Error::invalid(name.to_owned(), format!("must be a whole number from {min} to {max}")))
    }

    /// A boolean.
    ///
    /// # Errors
    /// Another value, or a second value.
    pub fn boolean(&self, parameter: &ParamInfo) -> Result<Option<bool>, Error> {
        let Some((name, value)) = self.value(parameter)? else { return Ok(None) };
        let boolean = match value {
            Value::Bool(boolean) => Some(*boolean),
            Value::String(text) => parse_boolean(text),
            _ => None,
        };
        boolean.map(Some).ok_or_else(|| Error::invalid(name.to_owned(), "must be true or false"))
    }

    /// Several texts, in the order given, each once.
    ///
    /// # Errors
    /// Another type, an empty item, an item that is not one of the parameter's values, or too many items.
    pub fn list(&self, parameter: &ParamInfo) -> Result<Vec<&str>, Error> {
        let max_items = parameter.max_items;
        let mut items: Vec<&str> = Vec::new();
        for (name, value) in self.values(parameter) {
            let texts: Vec<&str> = match value {
                Value::String(text) => text.split(',').map(str::trim).collect(),
                Value::Array(values) => {
                    let text = |value: &'_ Value| value.as_str().is_some();
                    if !values.iter().all(text) {
                        return Err(Error::invalid(name.to_owned(), "must be an array of strings"));
                    }
                    values.iter().filter_map(Value::as_str).collect()
                }
                _ => return Err(Error::invalid(name.to_owned(), "must be a string or an array of strings")),
            };
            for text in texts {
                if text.is_empty() && parameter.skip_empty_items {
                    continue;
                }
                if text.is_empty() {
                    return Err(Error::invalid(name.to_owned(), "has an empty item"));
                }
                if !parameter.values.is_empty() && !parameter.values.contains(&text) {
                    return Err(Error::invalid(name.to_owned(), format!("must be of {}", parameter.values.join(", "))));
                }
                items.push(printable(name, text)?);
            }
            if items.len() > max_items {
                return Err(Error::invalid(name.to_owned(), format!("has more than {max_items} items")));
            }
        }
        let mut seen = std::collections::HashSet::new();
        items.retain(|item| seen.insert(*item));
        Ok(items)
    }

    /// The `tag:KEY` parameters: each key with all of its values.
    ///
    /// # Errors
    /// An empty key, too many keys, or a value that is not a text.
    pub fn tags(&self, parameter: &ParamInfo) -> Result<Vec<(&str, Vec<&str>)>, Error> {
        let mut tags: Vec<(&str, Vec<&str>)> = Vec::new();
        // An empty text counts as given: a tag may be empty.
        for (name, value) in self.given.iter().filter(|(name, _)| parameter.has_name(name)) {
            let key = name.strip_prefix("tag:").filter(|key| !key.is_empty());
            let key = key.ok_or_else(|| Error::invalid(parameter.name, "needs a tag's key after the colon"))?;
            let text = value.as_str().ok_or_else(|| Error::invalid(name.to_owned(), "must be a string"))?;
            match tags.iter_mut().find(|(known, _)| *known == key) {
                Some((_, values)) => values.push(printable(name, text)?),
                None => tags.push((printable(name, key)?, vec![printable(name, text)?])),
            }
            if tags.len() > MAX_TAGS {
                return Err(Error::invalid(parameter.name, format!("is given for more than {MAX_TAGS} keys")));
            }
        }
        Ok(tags)
    }
}

/// Parses a boolean, as JSON, shells and Python write it.
pub fn parse_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// The form of text without control characters other than white space, for documentation.
pub const PRINTABLE: &str = r"^[^\u0000-\u0008\u000b\u000e-\u001f\u007f-\u009f\ufffd]*$";

/// The form of an item of a list that can be written comma-separated.
pub const PRINTABLE_ITEM: &str = r"^[^,\s\u0000-\u0008\u000b\u000e-\u001f\u007f-\u009f\ufffd]+( [^,\s\u0000-\u0008\u000b\u000e-\u001f\u007f-\u009f\ufffd]+)*$";

fn printable<'a>(name: &str, text: &'a str) -> Result<&'a str, Error> {
    match text.chars().any(|c| c.is_control() && !c.is_ascii_whitespace()) {
        false => Ok(text),
        true => Err(Error::invalid(Cow::Owned(name.to_owned()), "has a control character")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::param::{Param, Tags};
    use super::*;
    use crate::model::FromText;
    use std::fmt;

    /// An item of any form.
    struct Item;

    impl FromText for Item {
        const PATTERN: &'static str = "";
        const EXPECTED: &'static str = "an item";
        const EXAMPLE: &'static str = "";

        fn from_text(_: &str) -> Option<Self> {
            Some(Self)
        }
    }

    const NAME: ParamInfo = Param::<String>::required("KeyName", "").aliases(&["key_name"]).info;
    const COUNT: ParamInfo = Param::<u32>::optional("MaxCount", "").range((1, 1000)).info;
    const FORCE: ParamInfo = Param::<bool>::optional("force", "").info;
    const IDS: ParamInfo = Param::<Vec<Item>>::optional("instance_id", "").aliases(&["instance_ids"]).max_items(4).info;
    const TAG: ParamInfo = Param::<Tags>::optional("tag:KEY", "").info;
    const FORM: Option<&str> = Some("application/x-www-form-urlencoded; charset=utf-8");

    fn query(text: &str) -> Params {
        Params::read(Some(&text.parse().unwrap()), None, b"").unwrap()
    }

    fn json(text: &str) -> Params {
        Params::read(None, None, text.as_bytes()).unwrap()
    }

    fn message<T: fmt::Debug>(result: Result<T, Error>) -> String {
        result.unwrap_err().message
    }

    #[test]
    fn ok_the_same_parameter_from_query_form_and_json() {
        let form = Params::read(None, FORM, b"KeyName=a+b%26c&x=").unwrap();
        for params in [query("KeyName=a+b%26c"), form, json(r#"{"KeyName": "a b&c"}"#)] {
            assert_eq!(params.text(&NAME).unwrap(), Some("a b&c"));
        }
        assert_eq!(query("key_name=x").text(&NAME).unwrap(), Some("x"));
    }

    #[test]
    fn ok_no_body_is_no_parameters() {
        for body in ["", "  \r\n", "{}", r#"{"KeyName": null}"#, r#"{"KeyName": ""}"#] {
            assert_eq!(json(body).text(&NAME).unwrap(), None, "{body}");
            assert_eq!(json(body).text(&NAME).unwrap(), None);
        }
    }

    #[test]
    fn err_a_body_that_is_no_object_says_what_it_is() {
        let read = |content_type, body: &[u8]| message(Params::read(None, content_type, body));
        assert_eq!(read(None, b"[1]"), "The request body is not a JSON object");
        assert_eq!(read(None, b"\"x\""), "The request body is not a JSON object");
        assert_eq!(read(None, b"{\"a\": "), "The request body is JSON that ends too early");
        assert_eq!(read(Some("text/plain"), b"a=b"), "The request body is not JSON: line 1, column 1");
        assert_eq!(read(None, b"{\"a\": \"\xff\"}"), "The request body is not JSON: line 1, column 8");
        assert_eq!(read(None, "[".repeat(200_000).as_bytes()), "The request body is not a JSON object");
        assert!(
            read(None, format!("{{\"a\":{}", "[".repeat(200_000)).as_bytes())
                .starts_with("The request body is not JSON")
        );
        assert!(read(FORM, b" {\"a\": 1}").contains("Content-Type: application/json"));
        assert_eq!(read(FORM, b"KeyName=%ff"), "KeyName is not UTF-8");
        assert_eq!(message(Params::read(Some(&"KeyName=%ff".parse().unwrap()), None, b"")), "KeyName is not UTF-8");
    }

    #[test]
    fn err_two_values_for_one_parameter_even_in_two_spellings() {
        assert_eq!(query("KeyName=a&KeyName=a").text(&NAME).unwrap(), Some("a"));
        assert_eq!(message(query("KeyName=a&KeyName=b").text(&NAME)), "KeyName is given twice, with different values");
        assert_eq!(
            message(query("KeyName=a&key_name=b").text(&NAME)),
            "key_name is the same as KeyName, but has a different value"
        );
        assert_eq!(
            message(json(r#"{"KeyName": "a", "KeyName": "b"}"#).text(&NAME)),
            "KeyName is given twice, with different values"
        );
        let both = Params::read(Some(&"KeyName=a".parse().unwrap()), None, br#"{"KeyName": "b"}"#).unwrap();
        assert_eq!(message(both.text(&NAME)), "KeyName is given twice, with different values");
    }

    #[test]
    fn err_a_wrong_type_names_the_parameter() {
        assert_eq!(message(json(r#"{"KeyName": 5}"#).text(&NAME)), "KeyName must be a string");
        assert_eq!(message(json(r#"{"KeyName": ["a"]}"#).text(&NAME)), "KeyName must be a string");
        assert_eq!(message(query("KeyName=a%00b").text(&NAME)), "KeyName has a control character");
        for count in ["0", "ten", "-1", "1.5", "1e1", "99999999999999999999", "+ 1"] {
            let error = message(query(&format!("MaxCount={count}")).integer(&COUNT));
            assert_eq!(error, "MaxCount must be a whole number from 1 to 1000", "{count}");
        }
        for count in ["0", "1.5", "-1", "true", "[1]", "{}", "1e99"] {
            let error = message(json(&format!(r#"{{"MaxCount": {count}}}"#)).integer(&COUNT));
            assert_eq!(error, "MaxCount must be a whole number from 1 to 1000", "{count}");
        }
        for force in ["maybe", "1", "yes", "truee"] {
            assert_eq!(message(query(&format!("force={force}")).boolean(&FORCE)), "force must be true or false");
        }
        assert_eq!(message(json(r#"{"force": 1}"#).boolean(&FORCE)), "force must be true or false");
        assert_eq!(
            message(json(r#"{"instance_id": 1}"#).list(&IDS)),
            "instance_id must be a string or an array of strings"
        );
        assert_eq!(
            message(json(r#"{"instance_ids": ["a", 1]}"#).list(&IDS)),
            "instance_ids must be an array of strings"
        );
    }

    #[test]
    fn err_a_text_with_too_many_characters() {
        const SHORT: ParamInfo = Param::<String>::optional("KeyName", "").max_len(3).info;
        assert_eq!(query("KeyName=%C3%A9%C3%A9%C3%A9").text(&SHORT).unwrap(), Some("ééé"));
        assert_eq!(message(query("KeyName=abcd").text(&SHORT)), "KeyName has more than 3 characters");
    }

    #[test]
    fn ok_numbers_and_booleans() {
        assert_eq!(query("MaxCount=7").integer(&COUNT).unwrap(), Some(7));
        assert_eq!(json(r#"{"MaxCount": 7}"#).integer(&COUNT).unwrap(), Some(7));
        assert_eq!(json(r#"{"MaxCount": 7.0}"#).integer(&COUNT).unwrap(), Some(7));
        assert_eq!(json(r#"{"MaxCount": "7"}"#).integer(&COUNT).unwrap(), Some(7));
        assert_eq!(query("force=True").boolean(&FORCE).unwrap(), Some(true));
        assert_eq!(json(r#"{"force": false}"#).boolean(&FORCE).unwrap(), Some(false));
        assert_eq!(query("").boolean(&FORCE).unwrap(), None);
    }

    #[test]
    fn ok_lists_are_commas_repetitions_or_arrays() {
        for params in [
            query("instance_id=a,b&instance_id=c"),
            query("instance_ids=c&instance_id=a,b"),
            json(r#"{"instance_ids": ["a", "b", "c", "a"]}"#),
            json(r#"{"instance_id": "a, b,c"}"#),
        ] {
            assert_eq!(params.list(&IDS).ok().map(|items| items.join(" ")).unwrap_or_default(), "a b c", "{params:?}");
        }
    }

    #[test]
    fn err_lists_with_holes_or_too_long() {
        assert_eq!(message(query("instance_id=,,").list(&IDS)), "instance_id has an empty item");
        assert_eq!(message(json(r#"{"instance_ids": [""]}"#).list(&IDS)), "instance_ids has an empty item");
        assert_eq!(message(query("instance_id=a,b,c,d,e").list(&IDS)), "instance_id has more than 4 items");
    }

    #[test]
    fn ok_tags_collect_the_values_of_a_key() {
        let params = query("tag:team=blue&tag:env=&tag:team=red%2Cgreen");
        assert_eq!(params.tags(&TAG).unwrap(), [("env", vec![""]), ("team", vec!["blue", "red,green"])]);
        assert_eq!(message(query("tag:=x").tags(&TAG)), "tag:KEY needs a tag's key after the colon");
        assert_eq!(message(json(r#"{"tag:a": 1}"#).tags(&TAG)), "tag:a must be a string");
    }

    #[test]
    fn credentials_are_dropped_and_noticed() {
        let params = query("aws_access_key_id=AKIAIOSFODNN7EXAMPLE&aws_secret_access_key=s3cr3t&KeyName=a");
        assert!(params.credentials);
        assert!(!format!("{params:?}").contains("AKIA") && !format!("{params:?}").contains("s3cr3t"));
        assert!(json(r#"{"aws_secret_access_key": 5}"#).credentials);
        assert!(!query("KeyName=a").credentials);
    }

    #[test]
    fn a_key_is_read_from_json_and_never_from_the_query_string() {
        let params = json(r#"{"api_key": "k", "KeyName": "a"}"#);
        assert_eq!(params.api_key.as_deref(), Some("k"));
        assert_eq!(params.unknown(&[NAME]).count(), 0);
        assert_eq!(query("api_key=k").api_key, None);
        assert_eq!(json(r#"{"api_key": ["k"]}"#).api_key, None);
    }

    #[test]
    fn unknown_names_are_listed() {
        let params = query("KeyName=a&MaxCont=5&tag:x=y");
        assert_eq!(params.unknown(&[NAME, COUNT]).collect::<Vec<_>>(), ["MaxCont", "tag:x"]);
        assert_eq!(params.unknown(&[NAME, TAG]).collect::<Vec<_>>(), ["MaxCont"]);
    }
}
