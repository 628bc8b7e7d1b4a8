//! Lists of rows with named members, of which a caller may choose some: one table of columns for JSON and CSV.

use crate::ec2::{Region, SecurityGroup, Tag};
use crate::error::Error;
use crate::http::params::Parameter;
use crate::http::route::Input;
use crate::listing::Write;
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A member of a row.
#[derive(Debug)]
pub struct Column<T> {
    /// Its name.
    pub name: &'static str,
    /// What it says, in one sentence.
    pub summary: &'static str,
    /// Finds its value in an item of this region.
    pub of: for<'a> fn(&'a T, &'a Region) -> Cell<'a>,
}

/// The value of a member.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Cell<'a> {
    Nothing,
    Text(Cow<'a, str>),
    Number(i64),
    Groups(&'a [SecurityGroup]),
    Tags(&'a [Tag]),
}

impl<'a> From<Option<&'a str>> for Cell<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Nothing, |text| Self::Text(Cow::Borrowed(text)))
    }
}

impl From<Option<String>> for Cell<'_> {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Nothing, |text| Self::Text(Cow::Owned(text)))
    }
}

/// In JSON: `null`, texts, numbers, an array of `{"GroupId", "GroupName"}`, an object of tags.
impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Groups(groups) => serializer.collect_seq(groups.iter().map(super::ec2::Boto3Group::from)),
            Self::Tags(tags) => {
                // A JSON object in a fixed order.
                let tags: BTreeMap<_, _> = tags.iter().map(|tag| (&tag.key, &tag.value)).collect();
                serializer.collect_map(tags)
            }
        }
    }
}

impl Cell<'_> {
    /// In CSV: several group IDs and tags (`key=value`) are separated by a semicolon.
    fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Nothing => Cow::Borrowed(""),
            Self::Text(text) => formula_free(text),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Groups(groups) => {
                let ids: Vec<_> = groups.iter().filter_map(|it| it.group_id.as_deref()).collect();
                Cow::Owned(ids.join(";"))
            }
            Self::Tags(tags) => {
                let tags: Vec<_> = tags.iter().map(|tag| format!("{}={}", tag.key, tag.value)).collect();
                Cow::Owned(formula_free(&tags.join(";")).into_owned())
            }
        }
    }
}

/// A text that no spreadsheet takes for a formula: names and tags are whatever somebody has made of them
/// (<https://owasp.org/www-community/attacks/CSV_Injection>).
fn formula_free(text: &str) -> Cow<'_, str> {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => Cow::Owned(format!("'{text}")),
        false => Cow::Borrowed(text),
    }
}

/// A row as a JSON object.
struct Row<'a, T: 'static> {
    columns: &'a [&'static Column<T>],
    item: &'a T,
    region: &'a Region,
}

impl<T> Serialize for Row<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.columns.len()))?;
        for column in self.columns {
            map.serialize_entry(column.name, &(column.of)(self.item, self.region))?;
        }
        map.end()
    }
}

/// The columns that a list shows, and how.
#[derive(Debug)]
pub struct Table<T: 'static> {
    columns: Vec<&'static Column<T>>,
    csv: bool,
}

impl<T> Table<T> {
    /// These columns, as CSV if the caller prefers that.
    pub fn new(columns: impl IntoIterator<Item = &'static Column<T>>, csv: bool) -> Self {
        Self { columns: columns.into_iter().collect(), csv }
    }

    /// The columns that the parameter names, in its order; `default` if it names none.
    ///
    /// # Errors
    /// There is no such column.
    pub fn chosen(
        input: &Input<'_>,
        parameter: &'static Parameter,
        columns: &'static [Column<T>],
        default: Vec<&'static Column<T>>,
    ) -> Result<Self, Error> {
        let wrong = || {
            let names: Vec<_> = columns.iter().map(|it| it.name).collect();
            Error::invalid(parameter.name, format!("must be of {}", names.join(", ")))
        };
        let find = |name: &str| columns.iter().find(|it| it.name == name).ok_or_else(wrong);
        let asked = input.params.list(parameter, columns.len())?;
        let chosen = asked.into_iter().map(find).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::new(if chosen.is_empty() { default } else { chosen }, input.prefers_csv()))
    }

    /// Writes a page's items with it. `items_of` says which items of the table an item of the page has.
    pub fn write<P: 'static>(self, items_of: fn(&P) -> &[T]) -> Write<P> {
        if self.csv {
            let header = self.lines(|lines| lines.write_record(self.columns.iter().map(|it| it.name)));
            let header = String::from_utf8(header).unwrap_or_default();
            Write::csv(header, move |page, region, rows| {
                let lines = self.lines(|lines| {
                    let mut items = page.iter().flat_map(items_of);
                    items.try_for_each(|item| {
                        let cells: Vec<_> = self.columns.iter().map(|it| (it.of)(item, region)).collect();
                        lines.write_record(cells.iter().map(|cell| cell.text().into_owned()))
                    })
                });
                rows.push_lines(&lines);
            })
        } else {
            Write::json(move |page, region, rows| {
                for item in page.iter().flat_map(items_of) {
                    rows.push(&Row { columns: &self.columns, item, region });
                }
            })
        }
    }

    /// All items at once.
    pub fn whole(self, items: &[T], region: &Region) -> String {
        self.write(std::slice::from_ref).whole(items, region)
    }

    /// CSV as RFC 4180 has it. Writing to memory does not fail, and every line has as many cells as the header.
    fn lines(&self, write: impl FnOnce(&mut csv::Writer<Vec<u8>>) -> csv::Result<()>) -> Vec<u8> {
        let mut lines = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        match write(&mut lines) {
            Ok(()) => lines.into_inner().unwrap_or_default(),
            Err(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_never_a_formula() {
        static COLUMNS: [Column<Tag>; 2] = [
            Column { name: "key", summary: "", of: |it, _| Some(it.key.as_str()).into() },
            Column { name: "value", summary: "", of: |it, _| Some(it.value.as_str()).into() },
        ];
        let tag = |key: &str, value: &str| Tag { key: key.to_owned(), value: value.to_owned() };
        let tags = [tag("a,b", "say \"hi\"\n"), tag("=HYPERLINK(1)", "-2"), tag("", "é")];
        let region = Region::parse("us-east-1").unwrap();
        let csv = Table::new(&COLUMNS, true).whole(&tags, &region);
        assert_eq!(csv, "key,value\r\n\"a,b\",\"say \"\"hi\"\"\n\"\r\n'=HYPERLINK(1),'-2\r\n,é\r\n");
        let json = Table::new(&COLUMNS, false).whole(&tags[2..], &region);
        assert_eq!(json, r#"[{"key":"","value":"é"}]"#);
    }
}
