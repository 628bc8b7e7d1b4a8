//! Declarations of parameters without their Rust types: for the readers and for the documentation.

/// What a parameter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// Text. In a JSON body: a string.
    Text,
    /// A whole number. In a JSON body: a number, or a string of digits.
    Integer,
    /// `true`, `1`, `yes`, `on`, or `false`, `0`, `no`, `off`, in any case. In a JSON body also the
    /// two literals.
    Boolean,
    /// Several texts: comma-separated, or the parameter repeated, or in a JSON body an array of
    /// strings.
    List,
    /// Text with a name of the caller's choice: `tag:KEY`.
    Tag,
    /// Any of the above; another parameter decides which.
    Any,
}

/// A parameter without its Rust type: what its documentation shows and its reader checks.
#[derive(Clone, Copy, Debug)]
pub struct ParamInfo {
    /// The name in error messages and in the documentation.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// What it holds.
    pub kind: ParamKind,
    /// Whether it must be given.
    pub required: bool,
    /// What it is for, in one sentence.
    pub summary: &'static str,
    /// The only values (of a list: items); empty: any.
    pub values: &'static [&'static str],
    /// The form of its values as a regular expression, for documentation. The reader is stricter.
    pub pattern: &'static str,
    /// The least and the greatest number.
    pub range: (u32, u32),
    /// The greatest number of items of a list.
    pub max_items: usize,
    /// Whether empty items of a list are passed over; otherwise they are an error.
    pub skip_empty_items: bool,
    /// The greatest length of a text, in characters.
    pub max_len: usize,
    /// Whether white space around a text belongs to it.
    pub verbatim: bool,
    /// A value to show (of a list: an item), if one is valid everywhere.
    pub example: &'static str,
}

impl ParamInfo {
    /// Whether it can be given under this name.
    pub fn has_name(&self, name: &str) -> bool {
        match self.kind {
            ParamKind::Tag => name.starts_with("tag:"),
            // Clients write the items of a list as `name[]=a&name[]=b`.
            ParamKind::List => self.is_spelled(name.strip_suffix("[]").unwrap_or(name)),
            _ => self.is_spelled(name),
        }
    }

    fn is_spelled(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }
}
