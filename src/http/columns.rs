//! Lists of rows with named members. A client may choose some of them: one table of columns for
//! JSON, CSV and the JSON Schema.

use super::rows::Rows;
use crate::model::{AccountId, FromText as _, Place, Region, SecurityGroup, Tag, is_invisible};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// A member of a row.
#[derive(Debug)]
pub struct Column<T: 'static> {
    /// Its name.
    pub name: &'static str,
    /// What it holds, in one sentence.
    pub summary: &'static str,
    /// How its value is read from an item.
    pub accessor: Accessor<T>,
}

/// How the value of a column is read from an item. A missing value is `null` in JSON and empty in
/// CSV.
#[derive(Debug)]
pub enum Accessor<T: 'static> {
    /// Text, of an item of that region.
    Text(for<'a> fn(&'a T, &'a Region) -> Option<&'a str>),
    /// A time by RFC 3339.
    Time(fn(&T) -> Option<String>),
    /// A time by RFC 3339 that depends on the time of the list.
    TimeAt(fn(&T, OffsetDateTime) -> Option<String>),
    /// A whole number.
    Number(fn(&T) -> Option<i64>),
    /// Texts. In CSV: separated by semicolons.
    Texts(fn(&T) -> &[String]),
    /// Security groups. In CSV: their IDs, separated by semicolons.
    Groups(fn(&T) -> &[SecurityGroup]),
    /// Tags. In CSV: `key=value`, separated by semicolons.
    Tags(fn(&T) -> &[Tag]),
    /// The account.
    Account,
}

/// The names of columns.
pub const fn column_names<T, const N: usize>(columns: &[Column<T>; N]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut n = 0;
    while n < N {
        #[expect(clippy::indexing_slicing, reason = "both are N long")]
        (names[n] = columns[n].name);
        n += 1;
    }
    names
}

/// A security group as boto3 writes it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "SecurityGroup")]
pub struct SecurityGroupCell<'a> {
    group_id: Option<&'a str>,
    group_name: Option<&'a str>,
}

impl<'a> From<&'a SecurityGroup> for SecurityGroupCell<'a> {
    fn from(group: &'a SecurityGroup) -> Self {
        Self { group_id: group.group_id.as_deref(), group_name: group.group_name.as_deref() }
    }
}

/// The value of a column for an item at that place.
struct Cell<'a, T: 'static> {
    accessor: &'a Accessor<T>,
    item: &'a T,
    place: Place<'a>,
    now: OffsetDateTime,
}

impl<T> Serialize for Cell<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.accessor {
            Accessor::Text(read) => read(self.item, self.place.region).serialize(serializer),
            Accessor::Time(read) => read(self.item).serialize(serializer),
            Accessor::TimeAt(read) => read(self.item, self.now).serialize(serializer),
            Accessor::Number(read) => read(self.item).serialize(serializer),
            Accessor::Texts(read) => read(self.item).serialize(serializer),
            Accessor::Groups(read) => serializer.collect_seq(read(self.item).iter().map(SecurityGroupCell::from)),
            Accessor::Tags(read) => serializer.collect_map(sorted_tags(read(self.item))),
            Accessor::Account => self.place.account.map(AccountId::as_str).serialize(serializer),
        }
    }
}

impl<'a, T> Cell<'a, T> {
    /// The value in CSV.
    fn text(&self) -> Cow<'a, str> {
        match self.accessor {
            Accessor::Text(read) => read(self.item, self.place.region).map_or(Cow::Borrowed(""), escape_formula),
            Accessor::Time(read) => Cow::Owned(read(self.item).unwrap_or_default()),
            Accessor::TimeAt(read) => Cow::Owned(read(self.item, self.now).unwrap_or_default()),
            Accessor::Account => Cow::Borrowed(self.place.account.map_or("", AccountId::as_str)),
            Accessor::Number(read) => {
                read(self.item).map_or(Cow::Borrowed(""), |number| Cow::Owned(number.to_string()))
            }
            Accessor::Texts(read) => Cow::Owned(escape_formula(&read(self.item).join(";")).into_owned()),
            Accessor::Groups(read) => {
                let ids: Vec<_> = read(self.item).iter().filter_map(|group| group.group_id.as_deref()).collect();
                Cow::Owned(ids.join(";"))
            }
            Accessor::Tags(read) => {
                let tags: Vec<_> =
                    sorted_tags(read(self.item)).iter().map(|(key, value)| format!("{key}={value}")).collect();
                Cow::Owned(escape_formula(&tags.join(";")).into_owned())
            }
        }
    }
}

/// EC2 has tags in no order: equal tags must become equal text.
fn sorted_tags(tags: &[Tag]) -> BTreeMap<&str, &str> {
    tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())).collect()
}

/// The characters that begin a formula, in both widths.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// A text that no spreadsheet evaluates as a formula: anyone may write names and tags
/// (<https://owasp.org/www-community/attacks/CSV_Injection>).
///
/// A quote comes before each character that could begin a formula: at the start of the cell, and
/// after each character that a spreadsheet may take for the start of another cell. Where `;` or a
/// tab separates cells, as in many locales, the quotes around a cell of ours protect nothing.
fn escape_formula(text: &str) -> Cow<'_, str> {
    let begins_a_cell = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ';' | ',' | '"');
    let (mut escaped, mut copied, mut at_begin) = (String::new(), 0, true);
    for (i, c) in text.char_indices() {
        // Spreadsheets differ in what they make of a cell that begins with a tab or the end of a
        // line.
        if at_begin && (FORMULA.contains(&c) || (i == 0 && c.is_control())) {
            escaped.push_str(text.get(copied..i).unwrap_or_default());
            escaped.push('\'');
            copied = i;
        }
        at_begin = begins_a_cell(c) || (at_begin && is_invisible(c));
    }
    if escaped.is_empty() {
        return Cow::Borrowed(text);
    }
    escaped.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(escaped)
}

/// The schemas of the columns, by name.
pub fn column_schemas<T>(columns: &[Column<T>], generator: &mut SchemaGenerator) -> Map<String, Value> {
    let member = |column: &Column<T>| {
        let mut schema = match column.accessor {
            Accessor::Text(_) | Accessor::Account => json_schema!({"type": ["string", "null"]}),
            Accessor::Time(_) | Accessor::TimeAt(_) => {
                json_schema!({"type": ["string", "null"], "format": "date-time"})
            }
            Accessor::Number(_) => json_schema!({"type": ["integer", "null"]}),
            Accessor::Texts(_) => json_schema!({"type": "array", "items": {"type": "string"}}),
            Accessor::Groups(_) => generator.subschema_for::<Vec<SecurityGroupCell<'_>>>(),
            Accessor::Tags(_) => json_schema!({"type": "object", "additionalProperties": {"type": "string"}}),
        };
        schema.insert("description".to_owned(), column.summary.into());
        (column.name.to_owned(), schema.to_value())
    };
    columns.iter().map(member).collect()
}

/// The schema of an array of rows. The first `required` columns are in every row.
pub fn rows_schema<T>(
    name: &'static str,
    columns: &[Column<T>],
    required: usize,
    generator: &mut SchemaGenerator,
) -> Schema {
    let properties = column_schemas(columns, generator);
    let required: Vec<_> = columns.iter().take(required).map(|column| column.name).collect();
    let row = json!({"type": "object", "properties": properties, "required": required});
    generator.definitions_mut().insert(name.to_owned(), row);
    json_schema!({"type": "array", "items": {"$ref": format!("#/components/schemas/{name}")}})
}

/// An example of a list: one row of these columns.
pub fn example_rows<T>(columns: &'static [Column<T>], item: &T) -> Value {
    let columns: Vec<_> = columns.iter().collect();
    match Region::parse(Region::EXAMPLE) {
        Some(region) => {
            let place = Place { account: None, region: &region };
            json!([Row { columns: &columns, item, place, now: NO_TIME }])
        }
        None => json!([]),
    }
}

/// A row as a JSON object.
pub struct Row<'a, T: 'static> {
    /// Its columns.
    pub columns: &'a [&'static Column<T>],
    /// The item.
    pub item: &'a T,
    /// Where the item is.
    pub place: Place<'a>,
    /// The time of the list, for [`Accessor::TimeAt`].
    pub now: OffsetDateTime,
}

/// The time of rows that do not depend on it.
pub const NO_TIME: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

impl<T> Serialize for Row<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.columns.len()))?;
        for column in self.columns {
            let Self { item, place, now, .. } = *self;
            let cell = Cell { accessor: &column.accessor, item, place, now };
            map.serialize_entry(column.name, &cell)?;
        }
        map.end()
    }
}

/// The columns of a list, and its format.
#[derive(Debug)]
pub struct Table<T: 'static> {
    columns: Vec<&'static Column<T>>,
    csv: bool,
    now: OffsetDateTime,
}

impl<T> Table<T> {
    /// A table of these columns, in CSV or JSON.
    pub fn new(columns: impl IntoIterator<Item = &'static Column<T>>, csv: bool) -> Self {
        Self { columns: columns.into_iter().collect(), csv, now: NO_TIME }
    }

    /// The same at this time.
    #[must_use]
    pub fn at(self, now: OffsetDateTime) -> Self {
        Self { now, ..self }
    }

    /// The rows of pages of `P`. `items_of` returns the items of the table that an item of a page
    /// has.
    pub fn rows<P: 'static>(self, items_of: fn(&P) -> &[T]) -> Rows<P> {
        if self.csv {
            let header = csv_lines(|lines| lines.write_record(self.columns.iter().map(|column| column.name)));
            let header = String::from_utf8(header).unwrap_or_default();
            Rows::csv(&header, move |page, place, rows| {
                let lines = csv_lines(|lines| {
                    let mut items = page.iter().flat_map(items_of);
                    items.try_for_each(|item| {
                        let cell = |column: &&'static Column<T>| {
                            Cell { accessor: &column.accessor, item, place, now: self.now }.text().into_owned()
                        };
                        lines.write_record(self.columns.iter().map(cell))
                    })
                });
                rows.push_lines(&lines);
            })
        } else {
            Rows::json(move |page, place, rows| {
                for item in page.iter().flat_map(items_of) {
                    rows.push(&Row { columns: &self.columns, item, place, now: self.now });
                }
            })
        }
    }

    /// Encodes all items at once.
    pub fn encode_all(self, items: &[T], place: Place<'_>) -> String {
        self.rows(std::slice::from_ref).encode_all(items, place)
    }
}

/// CSV by RFC 4180. Writing to memory does not fail, and every line has as many cells as the
/// header.
fn csv_lines(write: impl FnOnce(&mut csv::Writer<Vec<u8>>) -> csv::Result<()>) -> Vec<u8> {
    let mut lines = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    match write(&mut lines) {
        Ok(()) => lines.into_inner().unwrap_or_default(),
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_cells_are_quoted_and_never_a_formula() {
        static COLUMNS: [Column<Tag>; 2] = [
            Column { name: "key", summary: "", accessor: Accessor::Text(|tag, _| Some(&tag.key)) },
            Column { name: "value", summary: "", accessor: Accessor::Text(|tag, _| Some(&tag.value)) },
        ];
        let tag = |key: &str, value: &str| Tag { key: key.to_owned(), value: value.to_owned() };
        let tags = [tag("a,b", "say \"hi\"\n"), tag("=HYPERLINK(1)", "-2"), tag("", "é")];
        let region = Region::parse("us-east-1").unwrap();
        let csv = Table::new(&COLUMNS, true).encode_all(&tags, Place { account: None, region: &region });
        assert_eq!(csv, "key,value\r\n\"a,b\",\"say \"\"hi\"\"\n\"\r\n'=HYPERLINK(1),'-2\r\n,é\r\n");
        let json = Table::new(&COLUMNS, false).encode_all(&tags[2..], Place { account: None, region: &region });
        assert_eq!(json, r#"[{"key":"","value":"é"}]"#);
    }

    #[test]
    fn no_part_of_a_csv_cell_is_a_formula_whatever_separates_cells() {
        for formula in FORMULA {
            let cell = format!("{formula}1");
            assert_eq!(escape_formula(&cell), format!("'{cell}"));
            for separator in [";", "\t", "\n", "\r", "\r\n", " ", "\u{a0}", ",", "\"", ";\"", ";;", "\u{b}"] {
                let text = format!("a{separator}{cell}b{separator}{cell}");
                assert_eq!(escape_formula(&text), format!("a{separator}'{cell}b{separator}'{cell}"), "{separator:?}");
            }
            for inside in
                [format!("a{formula}1"), format!("a;b{formula}1"), format!("a '{formula}1"), format!("é{formula}1")]
            {
                assert_eq!(escape_formula(&inside), inside);
            }
        }
        assert_eq!(escape_formula("==1"), "'==1");
        assert_eq!(escape_formula("\u{feff}=1;\u{200b}=1"), "\u{feff}'=1;\u{200b}'=1");
        for start in ["\t", "\r", "\n"] {
            assert_eq!(escape_formula(&format!("{start}a")), format!("'{start}a"));
            assert_eq!(escape_formula(&format!("{start}=1")), format!("'{start}'=1"));
        }
        for harmless in
            ["", "i-abba916a", "User initiated (2016-02-16 18:04:09 GMT)", "a@b.example", "team=blue;env=test"]
        {
            assert!(matches!(escape_formula(harmless), Cow::Borrowed(text) if text == harmless), "{harmless:?}");
        }
    }
}
