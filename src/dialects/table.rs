//! Lists of rows with named members, of which a caller may choose some: one table of columns for JSON and CSV.

use super::ec2::Boto3Group;
use crate::ec2::{Region, SecurityGroup, Tag};
use crate::error::Error;
use crate::http::params::Parameter;
use crate::http::route::Input;
use crate::listing::Write;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A member of a row.
#[derive(Debug)]
pub struct Column<T: 'static> {
    /// Its name.
    pub name: &'static str,
    /// What it says, in one sentence.
    pub summary: &'static str,
    /// What it holds, and how that is found in an item.
    pub of: Of<T>,
}

/// The names of columns.
pub const fn names<T, const N: usize>(columns: &[Column<T>; N]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut n = 0;
    while n < N {
        #[expect(clippy::indexing_slicing, reason = "both are N long")]
        (names[n] = columns[n].name);
        n += 1;
    }
    names
}

/// What a member holds, and how that is found in an item. What AWS does not have is `null` in JSON, and nothing in CSV.
#[derive(Debug)]
pub enum Of<T: 'static> {
    /// Text, of an item of that region.
    Text(for<'a> fn(&'a T, &'a Region) -> Option<&'a str>),
    /// A time, as RFC 3339 has it.
    Time(fn(&T) -> Option<String>),
    /// A whole number.
    Number(fn(&T) -> Option<i64>),
    /// Security groups. In CSV: their IDs, separated by semicolons.
    Groups(fn(&T) -> &[SecurityGroup]),
    /// Tags. In CSV: `key=value`, separated by semicolons.
    Tags(fn(&T) -> &[Tag]),
}

/// A member of an item of that region.
struct Cell<'a, T: 'static> {
    of: &'a Of<T>,
    item: &'a T,
    region: &'a Region,
}

impl<T> Serialize for Cell<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.of {
            Of::Text(of) => of(self.item, self.region).serialize(serializer),
            Of::Time(of) => of(self.item).serialize(serializer),
            Of::Number(of) => of(self.item).serialize(serializer),
            Of::Groups(of) => serializer.collect_seq(of(self.item).iter().map(Boto3Group::from)),
            Of::Tags(of) => serializer.collect_map(in_order(of(self.item))),
        }
    }
}

impl<'a, T> Cell<'a, T> {
    fn text(&self) -> Cow<'a, str> {
        match self.of {
            Of::Text(of) => of(self.item, self.region).map_or(Cow::Borrowed(""), formula_free),
            Of::Time(of) => Cow::Owned(of(self.item).unwrap_or_default()),
            Of::Number(of) => of(self.item).map_or(Cow::Borrowed(""), |number| Cow::Owned(number.to_string())),
            Of::Groups(of) => {
                let ids: Vec<_> = of(self.item).iter().filter_map(|it| it.group_id.as_deref()).collect();
                Cow::Owned(ids.join(";"))
            }
            Of::Tags(of) => {
                let tags: Vec<_> =
                    in_order(of(self.item)).iter().map(|(key, value)| format!("{key}={value}")).collect();
                Cow::Owned(formula_free(&tags.join(";")).into_owned())
            }
        }
    }
}

/// EC2 has tags in no order: the same tags are to be the same text.
fn in_order(tags: &[Tag]) -> BTreeMap<&str, &str> {
    tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())).collect()
}

/// The form of an array of rows, of which the first so many members are always there.
pub fn form<T>(name: &'static str, columns: &[Column<T>], always: usize, generator: &mut SchemaGenerator) -> Schema {
    let member = |column: &Column<T>| {
        let mut schema = match column.of {
            Of::Text(_) => json_schema!({"type": ["string", "null"]}),
            Of::Time(_) => json_schema!({"type": ["string", "null"], "format": "date-time"}),
            Of::Number(_) => json_schema!({"type": ["integer", "null"]}),
            Of::Groups(_) => generator.subschema_for::<Vec<Boto3Group<'_>>>(),
            Of::Tags(_) => json_schema!({"type": "object", "additionalProperties": {"type": "string"}}),
        };
        schema.insert("description".to_owned(), column.summary.into());
        (column.name.to_owned(), schema.to_value())
    };
    let properties: Map<_, _> = columns.iter().map(member).collect();
    let required: Vec<_> = columns.iter().take(always).map(|it| it.name).collect();
    let row = json!({"type": "object", "properties": properties, "required": required});
    generator.definitions_mut().insert(name.to_owned(), row);
    json_schema!({"type": "array", "items": {"$ref": format!("#/components/schemas/{name}")}})
}

/// A list of one row of these columns.
pub fn example<T>(columns: &'static [Column<T>], item: &T) -> Value {
    let columns: Vec<_> = columns.iter().collect();
    match Region::parse("us-east-1") {
        Some(region) => json!([Row { columns: &columns, item, region: &region }]),
        None => json!([]),
    }
}

/// A text that no spreadsheet takes for a formula: names and tags are whatever somebody has made of them
/// (<https://owasp.org/www-community/attacks/CSV_Injection>).
fn formula_free(text: &str) -> Cow<'_, str> {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
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
            map.serialize_entry(column.name, &Cell { of: &column.of, item: self.item, region: self.region })?;
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

    /// The columns that the parameter names, in its order; `default` if it names none. As CSV if the caller prefers that.
    ///
    /// # Errors
    /// There is no such column.
    pub fn chosen(
        input: &Input<'_>,
        parameter: &'static Parameter,
        columns: &'static [Column<T>],
        default: Vec<&'static Column<T>>,
        csv: bool,
    ) -> Result<Self, Error> {
        // The parameter takes no other names than those of the columns.
        let find = |name: &str| columns.iter().find(|it| it.name == name);
        let chosen: Vec<_> = input.params.list(parameter)?.into_iter().filter_map(find).collect();
        Ok(Self::new(if chosen.is_empty() { default } else { chosen }, csv))
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
                        let cell = |it: &&'static Column<T>| Cell { of: &it.of, item, region }.text().into_owned();
                        lines.write_record(self.columns.iter().map(cell))
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
            Column { name: "key", summary: "", of: Of::Text(|it, _| Some(&it.key)) },
            Column { name: "value", summary: "", of: Of::Text(|it, _| Some(&it.value)) },
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
