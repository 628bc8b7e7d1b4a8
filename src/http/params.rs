//! The parameters of a request: one set of names from the query string and the body, and readers
//! that check a value against its declaration. An error names the parameter.

use super::body::BodyParams;
use super::param_info::ParamInfo;
use super::spelling::{normalize, parse_boolean};
use crate::error::Error;
use lambda_http::aws_lambda_events::query_map::QueryMap;
use serde_json::Value;
use std::borrow::Cow;

/// The names under which old clients send AWS credentials. The values are never read.
const CREDENTIALS: [&str; 4] =
    ["aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_security_token"];

/// The JSON member that may hold the caller's API key.
const API_KEY: &str = "api_key";

/// AWS's limit on the number of tags.
pub const MAX_TAGS: usize = 50;

/// Where a parameter was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The query string.
    Query,
    /// The body.
    Body,
}

#[derive(Debug)]
struct Given {
    name: String,
    value: Value,
    source: Source,
}

impl Given {
    fn is_empty_text(&self) -> bool {
        self.value.as_str().is_some_and(str::is_empty)
    }
}

/// All parameters of a request.
#[derive(Debug, Default)]
pub struct Params {
    given: Vec<Given>,
    /// The first problem that does not depend on the route. The rest is read: it may hold the key.
    problem: Option<Error>,
    /// The JSON member `api_key`, if it is a string. It is not among the parameters.
    pub api_key: Option<String>,
    /// Whether the caller has passed AWS credentials.
    pub credentials: bool,
}

impl Params {
    /// Collects the parameters of the query string and of a body.
    pub fn read(query: Option<&QueryMap>, body: Result<BodyParams, Error>) -> Self {
        let mut params = Self::default();
        for (name, value) in query.into_iter().flat_map(QueryMap::iter) {
            params.insert(name.to_owned(), Value::String(value.to_owned()), Source::Query);
        }
        // A QueryMap has no order of names; the values of one name are in the order of the request.
        params.given.sort_by(|a, b| a.name.cmp(&b.name));
        match body {
            Ok(body) => {
                for (name, value) in body.members {
                    match value {
                        value if name == API_KEY && body.may_hold_key => {
                            params.api_key = value.as_str().map(str::to_owned);
                        }
                        value => params.insert(name, value, Source::Body),
                    }
                }
            }
            Err(error) => params.problem = Some(error),
        }
        params
    }

    /// Checks what does not depend on the route.
    ///
    /// # Errors
    /// The body does not parse, a name or a value is not UTF-8, or a dry run is asked for in
    /// another place.
    pub fn check(&self) -> Result<(), Error> {
        self.problem.clone().map_or(Ok(()), Err)
    }

    fn insert(&mut self, name: String, value: Value, source: Source) {
        if CREDENTIALS.contains(&name.as_str()) {
            self.credentials = true;
            return;
        }
        match normalize(name, value) {
            Ok(Some((name, value))) => self.given.push(Given { name, value, source }),
            Ok(None) => {}
            Err(error) => self.problem = self.problem.take().or(Some(error)),
        }
    }

    /// The names of parameters that `known` does not have, and where they were given.
    pub fn unknown<'a>(&'a self, known: &'a [ParamInfo]) -> impl Iterator<Item = (&'a str, Source)> {
        let unknown = |given: &&Given| !known.iter().any(|parameter| parameter.has_name(&given.name));
        self.given.iter().filter(unknown).map(|given| (given.name.as_str(), given.source))
    }

    /// Whether a value was given under exactly this name.
    pub fn is_given_as(&self, name: &str) -> bool {
        self.given.iter().any(|given| given.name == name && !given.is_empty_text())
    }

    /// Whether the parameter is given with an empty text or an empty array.
    pub fn is_given_empty(&self, parameter: &ParamInfo) -> bool {
        let is_empty = |given: &Given| given.is_empty_text() || given.value == Value::Array(Vec::new());
        self.given.iter().any(|given| parameter.has_name(&given.name) && is_empty(given))
    }

    /// Whether the parameter is given with an array without items.
    pub fn is_empty_array(&self, parameter: &ParamInfo) -> bool {
        let empty = Value::Array(Vec::new());
        self.given.iter().any(|given| parameter.has_name(&given.name) && given.value == empty)
    }

    /// The parameter's values in the order given. An empty text counts as not given.
    fn values<'a>(&'a self, parameter: &ParamInfo) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        let parameter = *parameter;
        let given = self.given.iter().filter(move |given| parameter.has_name(&given.name) && !given.is_empty_text());
        given.map(|given| (given.name.as_str(), &given.value))
    }

    /// The parameter's only value, with the name that it was given under. Two different values are
    /// an error.
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

    /// A text, without white space around it unless the parameter keeps that.
    ///
    /// # Errors
    /// Another type, a second value, more characters than the parameter takes, or control
    /// characters other than white space.
    pub fn text(&self, parameter: &ParamInfo) -> Result<Option<&str>, Error> {
        let text = self.raw(parameter)?.map(|text| if parameter.verbatim { text } else { text.trim() });
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
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
    /// Another type, an empty item, an item that is not one of the parameter's values, or too many
    /// items.
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
                    values.iter().filter_map(Value::as_str).map(str::trim).collect()
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
        for given in self.given.iter().filter(|given| parameter.has_name(&given.name)) {
            let name = given.name.as_str();
            let key = name.strip_prefix("tag:").filter(|key| !key.is_empty());
            let key = key.ok_or_else(|| Error::invalid(parameter.name, "needs a tag's key after the colon"))?;
            // A client that writes a list with brackets means the key before them.
            let key = key.strip_suffix("[]").filter(|key| !key.is_empty()).unwrap_or(key);
            let text = given.value.as_str().ok_or_else(|| Error::invalid(name.to_owned(), "must be a string"))?;
            if key.trim() != key || text.trim() != text {
                return Err(Error::invalid(name.to_owned(), "must not begin or end with white space"));
            }
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

fn printable<'a>(name: &str, text: &'a str) -> Result<&'a str, Error> {
    match text.chars().any(|c| c.is_control() && !c.is_ascii_whitespace()) {
        false => Ok(text),
        true => Err(Error::invalid(Cow::Owned(name.to_owned()), "has a control character")),
    }
}

#[cfg(test)]
mod tests;
