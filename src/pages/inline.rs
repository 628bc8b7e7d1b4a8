//! Inlines the style sheets and scripts of a page into its HTML, when the function is built.

use std::collections::HashMap;
use std::error::Error;
use std::fs::read_to_string;
use std::path::{Path, PathBuf};

const STYLES: (&str, &str) = ("<link rel=\"stylesheet\" href=\"", "\">");
const SCRIPT: (&str, &str) = ("<script type=\"module\" src=\"", "\"></script>");

/// Returns the page `path` with its style sheets and its scripts inlined.
pub(crate) fn inline(path: &str) -> Result<String, Box<dyn Error>> {
    let path = Path::new(path);
    let page = read(path)?;
    let page = replace_references(&page, STYLES, |name| {
        Ok(format!("<style>\n{}</style>", read(&path.with_file_name(name))?))
    })?;
    let page = page.replace("</style>\n<style>\n", ""); // one element for all
    replace_references(&page, SCRIPT, |name| {
        let mut bundle = Bundle::default();
        bundle.add(&path.with_file_name(name))?;
        Ok(format!("<script>\n\"use strict\";\n{}</script>", bundle.script))
    })
}

/// Replaces each file name between `open` and `close`, and these, with what `content` returns.
fn replace_references(
    page: &str,
    (open, close): (&str, &str),
    content: impl Fn(&str) -> Result<String, Box<dyn Error>>,
) -> Result<String, Box<dyn Error>> {
    let mut parts = page.split(open);
    let mut replaced = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, after) = part.split_once(close).ok_or_else(|| format!("{open} without {close}"))?;
        replaced += &content(name)?;
        replaced += after;
    }
    Ok(replaced)
}

/// One script of a module and all that it imports, in the order in which a browser would run them.
/// They share one scope: top-level names must be unique, and an import can't rename.
#[derive(Default)]
struct Bundle {
    script: String,
    /// Whether each module is complete. An import of an incomplete module is a cycle.
    modules: HashMap<PathBuf, bool>,
    /// The module of each top-level name.
    names: HashMap<String, PathBuf>,
}

impl Bundle {
    /// Adds a module, after the modules that it imports.
    fn add(&mut self, path: &Path) -> Result<(), Box<dyn Error>> {
        match self.modules.get(path) {
            Some(true) => return Ok(()),
            Some(false) => return Err(format!("{} is part of an import cycle", path.display()).into()),
            None => self.modules.insert(path.to_owned(), false),
        };
        let source = read(path)?;
        let mut own = String::new();
        let mut lines = source.lines();
        while let Some(line) = lines.next() {
            if line.starts_with("import ") {
                let mut import = line.to_owned();
                while !import.ends_with(';') {
                    import += lines.next().ok_or("an import is not closed")?;
                }
                self.add(&imported(path, &import)?)?;
            } else if line != "// @ts-check" {
                let line = line.strip_prefix("export ").unwrap_or(line);
                self.declare(line, path)?;
                own += line;
                own.push('\n');
            }
        }
        self.script += own.trim_start();
        self.script.push('\n');
        self.modules.insert(path.to_owned(), true);
        Ok(())
    }

    /// Records the name that a top-level line declares. Refuses a name that is declared twice.
    fn declare(&mut self, line: &str, path: &Path) -> Result<(), Box<dyn Error>> {
        if ["default ", "{", "* "].iter().any(|form| line.starts_with(form)) {
            return Err(format!("{}: only declarations can be exported: {line}", path.display()).into());
        }
        let line = line.strip_prefix("async ").unwrap_or(line);
        let Some(rest) = ["function ", "class ", "const ", "let "].iter().find_map(|word| line.strip_prefix(word))
        else {
            return Ok(());
        };
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || "_$".contains(*c)).collect();
        match self.names.insert(name.clone(), path.to_owned()) {
            Some(other) => Err(format!("{} and {} both declare {name}", other.display(), path.display()).into()),
            None => Ok(()),
        }
    }
}

/// Returns the path of the module in `import { name } from "./module.js";` or
/// `import "./module.js";`.
fn imported(path: &Path, import: &str) -> Result<PathBuf, Box<dyn Error>> {
    let unsupported = || format!("{}: unsupported import: {import}", path.display());
    let (names, module) = match import.strip_prefix("import \"./") {
        Some(module) => ("import {}", module),
        None => import.split_once(" from \"./").ok_or_else(unsupported)?,
    };
    let module = module.strip_suffix("\";").ok_or_else(unsupported)?;
    if !names.starts_with("import {") || names.contains(" as ") {
        return Err(unsupported().into());
    }
    Ok(path.with_file_name(module))
}

/// Reads a file. Cargo builds again when it changes.
fn read(path: &Path) -> Result<String, Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", path.display());
    Ok(read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?)
}
