//! Declarations of parameters: a row of a route's parameters, with the Rust type of the value.

use super::param_info::{ParamInfo, ParamKind};
use super::params::Params;
use super::spelling::parse_boolean;
use crate::error::Error;
use crate::model::{FromText, Hibernation, UserData};
use serde_json::Value;
use std::borrow::Cow;
use std::marker::PhantomData;

/// A parameter of a route, with the Rust type of its value.
pub struct Param<T> {
    /// All that does not depend on the type.
    pub info: ParamInfo,
    value: PhantomData<fn() -> T>,
}

impl<T> Clone for Param<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Param<T> {}

impl<T: ParamValue> Param<T> {
    /// A parameter that must be given.
    pub const fn required(name: &'static str, summary: &'static str) -> Self {
        let mut param = Self::optional(name, summary);
        param.info.required = true;
        param
    }

    /// A parameter that may be left out.
    pub const fn optional(name: &'static str, summary: &'static str) -> Self {
        let info = ParamInfo {
            name,
            aliases: &[],
            kind: T::KIND,
            required: false,
            summary,
            values: T::VALUES,
            pattern: T::PATTERN,
            range: (0, u32::MAX),
            max_items: usize::MAX,
            skip_empty_items: false,
            max_len: T::MAX_LEN,
            verbatim: false,
            example: T::EXAMPLE,
        };
        Self { info, value: PhantomData }
    }

    /// The same parameter with a value of another type.
    pub const fn of<U>(self) -> Param<U> {
        Param { info: self.info, value: PhantomData }
    }

    /// The same with other names.
    #[must_use]
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.info.aliases = aliases;
        self
    }

    /// The same with the least and the greatest number.
    #[must_use]
    pub const fn range(mut self, range: (u32, u32)) -> Self {
        self.info.range = range;
        self
    }

    /// The same with the greatest number of items.
    #[must_use]
    pub const fn max_items(mut self, max_items: usize) -> Self {
        self.info.max_items = max_items;
        self
    }

    /// The same list, whose empty items are passed over.
    #[must_use]
    pub const fn skip_empty_items(mut self) -> Self {
        self.info.skip_empty_items = true;
        self
    }

    /// The same with the greatest length, in characters.
    #[must_use]
    pub const fn max_len(mut self, max_len: usize) -> Self {
        self.info.max_len = max_len;
        self
    }

    /// The same with white space around a text kept.
    #[must_use]
    pub const fn verbatim(mut self) -> Self {
        self.info.verbatim = true;
        self
    }

    /// The same with another pattern, for documentation.
    #[must_use]
    pub const fn pattern(mut self, pattern: &'static str) -> Self {
        self.info.pattern = pattern;
        self
    }

    /// The same with another example.
    #[must_use]
    pub const fn example(mut self, example: &'static str) -> Self {
        self.info.example = example;
        self
    }
}

/// A parameter whose empty value means none, and not the default.
#[derive(Debug, PartialEq, Eq)]
pub enum Given<T> {
    /// It is not given.
    Absent,
    /// It is given without a value.
    Empty,
    /// It is given with this value.
    Value(T),
}

impl<T> Given<T> {
    /// The value; the default if the parameter is not given, none if it is given empty.
    pub fn or(self, default: impl FnOnce() -> T) -> Option<T> {
        match self {
            Self::Absent => Some(default()),
            Self::Empty => None,
            Self::Value(value) => Some(value),
        }
    }
}

/// The type of a parameter's value.
pub trait ParamValue: Sized {
    /// What the parameter holds.
    const KIND: ParamKind;
    /// The form as a regular expression, for documentation.
    const PATTERN: &'static str = "";
    /// The only values; empty: any.
    const VALUES: &'static [&'static str] = &[];
    /// A value to show.
    const EXAMPLE: &'static str = "";
    /// The greatest length of a text, in characters.
    const MAX_LEN: usize = usize::MAX;

    /// Reads the value; `None` if it is not given.
    ///
    /// # Errors
    /// The value is invalid.
    fn read(params: &Params, info: &ParamInfo) -> Result<Option<Self>, Error>;
}

impl<T: FromText> ParamValue for T {
    const KIND: ParamKind = ParamKind::Text;
    const PATTERN: &'static str = T::PATTERN;
    const VALUES: &'static [&'static str] = T::VALUES;
    const EXAMPLE: &'static str = T::EXAMPLE;
    const MAX_LEN: usize = T::MAX_LEN;

    fn read(params: &Params, info: &ParamInfo) -> Result<Option<Self>, Error> {
        let Some(text) = params.text(info)? else { return Ok(None) };
        T::from_text(text).map(Some).ok_or_else(|| Error::invalid(info.name, format!("must be {}", expected::<T>())))
    }
}

impl<T: FromText> ParamValue for Vec<T> {
    const KIND: ParamKind = ParamKind::List;
    const PATTERN: &'static str = T::PATTERN;
    const VALUES: &'static [&'static str] = T::VALUES;
    const EXAMPLE: &'static str = T::EXAMPLE;
    const MAX_LEN: usize = T::MAX_LEN;

    fn read(params: &Params, info: &ParamInfo) -> Result<Option<Self>, Error> {
        let items = params.list(info)?;
        let parse = |text: &str| {
            T::from_text(text).ok_or_else(|| match T::VALUES {
                [] => Error::invalid(info.name, format!("must be {}", expected::<T>())),
                values => Error::invalid(info.name, format!("must be of {}", values.join(", "))),
            })
        };
        let items = items.into_iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        Ok(Some(items).filter(|items| !items.is_empty()))
    }
}

/// The expected form in words.
fn expected<T: FromText>() -> Cow<'static, str> {
    match T::EXPECTED {
        "" => Cow::Owned(format!("one of {}", T::VALUES.join(", "))),
        expected => Cow::Borrowed(expected),
    }
}

impl ParamValue for String {
    const KIND: ParamKind = ParamKind::Text;

    fn read(params: &Params, info: &ParamInfo) -> Result<Option<Self>, Error> {
        Ok(params.text(info)?.map(str::to_owned))
    }
}

impl ParamValue for u32 {
    const KIND: ParamKind = ParamKind::Integer;

    fn read(params: &Params, info: &ParamInfo) -> Result<Option<Self>, Error> {
        params.integer(info)
    }
}

impl ParamValue for bool {
    const KIND: ParamKind = ParamKind::Boolean;
    const EXAMPLE: &'static str = "true";

    fn read(params: &Params, info: &ParamInfo) -> Result<Option<Self>, Error> {
        params.boolean(info)
    }
}

impl ParamValue for Hibernation {
    const KIND: ParamKind = ParamKind::Text;
    const VALUES: &'static [&'static str] = &["true", "false", "prefer"];
    const EXAMPLE: &'static str = "prefer";

    fn read(params: &Params, info: &ParamInfo) -> Result<Option<Self>, Error> {
        let Some((name, value)) = params.value(info)? else { return Ok(None) };
        let flag = |flag| if flag { Self::Always } else { Self::Never };
        let hibernation = match value {
            Value::Bool(boolean) => Some(flag(*boolean)),
            Value::String(text) if text.trim() == "prefer" => Some(Self::Prefer),
            Value::String(text) => parse_boolean(text.trim()).map(flag),
            _ => None,
        };
        hibernation.map(Some).ok_or_else(|| Error::invalid(name.to_owned(), "must be true, false or prefer"))
    }
}

/// The `tag:KEY` parameters: each key with all of its values.
#[derive(Debug)]
pub struct Tags(pub Vec<(String, Vec<String>)>);

impl ParamValue for Tags {
    const KIND: ParamKind = ParamKind::Tag;
    const EXAMPLE: &'static str = "blue";

    fn read(params: &Params, info: &ParamInfo) -> Result<Option<Self>, Error> {
        let owned = |(key, values): (&str, Vec<&str>)| {
            (key.to_owned(), values.into_iter().map(str::to_owned).collect::<Vec<_>>())
        };
        Ok(Some(Self(params.tags(info)?.into_iter().map(owned).collect())))
    }
}

/// A value of any kind; another parameter decides which. Read it with [`Param::of`].
#[derive(Debug)]
pub struct AnyValue;

impl ParamValue for AnyValue {
    const KIND: ParamKind = ParamKind::Any;

    fn read(params: &Params, info: &ParamInfo) -> Result<Option<Self>, Error> {
        Ok(params.value(info)?.map(|_| Self))
    }
}

impl ParamValue for UserData {
    const KIND: ParamKind = ParamKind::Text;
    const EXAMPLE: &'static str = "#!/bin/sh\necho hello";
    const MAX_LEN: usize = UserData::MAX_BYTES;

    fn read(params: &Params, info: &ParamInfo) -> Result<Option<Self>, Error> {
        let Some(text) = params.raw(info)? else { return Ok(None) };
        let too_large = || Error::invalid(info.name, format!("has more than {} bytes", Self::MAX_BYTES));
        UserData::new(text.as_bytes()).map(Some).ok_or_else(too_large)
    }
}
