//! The layers of `src/`: each file imports only files of earlier layers, and no two modules import
//! each other. `docs/architecture.md` explains the layers.

use crate::support::{file, root, rust_files};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The layers, from the first to the last. A name is a module at the top of `src/`: a file or a
/// folder.
const LAYERS: &[&[&str]] = &[
    &["error", "model"],
    &["auth"],
    &["authz"],
    &["config"],
    &["aws"],
    &["operations"],
    &["http"],
    &["dialects"],
    &["openapi"],
    &["meta", "pages", "routes"],
    &["request_log", "metrics", "app", "handler", "invocation", "firing"],
    &["startup", "warm_up", "lib", "main"],
];

/// A module as its path in the crate: `["aws", "ec2"]`; `["lib"]` for the root.
type Module = Vec<String>;

/// All modules with their source, without comments, texts and unit tests.
fn modules() -> BTreeMap<Module, String> {
    let mut modules = BTreeMap::new();
    collect(&root().join("src"), &mut Vec::new(), &mut modules);
    modules
}

fn collect(folder: &Path, path: &mut Module, modules: &mut BTreeMap<Module, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap().path();
        let name = entry.file_stem().unwrap().to_str().unwrap().to_owned();
        if entry.is_dir() {
            path.push(name);
            collect(&entry, path, modules);
            path.pop();
            continue;
        }
        // The build script's own modules, and the unit tests of a folder.
        let compiled = path.first().is_some_and(|first| first == "pages") && name != "mod";
        if entry.extension().is_none_or(|extension| extension != "rs") || compiled || name == "tests" {
            continue;
        }
        let mut module = path.clone();
        if name != "mod" {
            module.push(name);
        }
        modules.insert(module, code(&std::fs::read_to_string(&entry).unwrap()));
    }
}

/// The source without comments, texts and unit tests.
fn code(source: &str) -> String {
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let mut code = String::new();
    for line in source.lines() {
        // A comment may have a path in it; so may a text.
        let line = line.split("//").next().unwrap();
        code.extend(line.split('"').step_by(2));
        code.push('\n');
    }
    code
}

/// The modules that a module imports, by `crate::`, `super::` and child paths, in `use` items and
/// in code.
fn imports(module: &Module, code: &str, modules: &BTreeMap<Module, String>) -> BTreeSet<Module> {
    let mut imports = BTreeSet::new();
    let mut add = |path: &[&str]| {
        let mut target: Module = Vec::new();
        for name in path {
            target.push((*name).to_owned());
            if !modules.contains_key(&target) {
                target.pop();
                break;
            }
        }
        if !target.is_empty() && target != *module {
            imports.insert(target);
        }
    };
    let items = code.split(';').filter_map(|item| item.rsplit_once("use ").map(|(_, path)| path));
    let used: Vec<String> = items.flat_map(|path| expand(path.trim())).collect();
    let words = code.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    let named = words.filter(|word| word.contains("::")).map(str::to_owned);
    for path in used.into_iter().chain(named) {
        let parts: Vec<&str> = path.split("::").map(str::trim).filter(|part| !part.is_empty()).collect();
        let parent = || module.iter().map(String::as_str);
        match parts.as_slice() {
            ["crate", rest @ ..] => add(rest),
            ["super", ..] => {
                let ups = parts.iter().take_while(|part| **part == "super").count();
                let base = parent().take(module.len().saturating_sub(ups));
                add(&base.chain(parts[ups..].iter().copied()).collect::<Vec<_>>());
            }
            [first, ..] => {
                let child: Vec<&str> = parent().chain([*first]).collect();
                if modules.contains_key(&child.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()) {
                    add(&parent().chain(parts.iter().copied()).collect::<Vec<_>>());
                }
            }
            [] => {}
        }
    }
    imports
}

/// The paths of a `use` item: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(path: &str) -> Vec<String> {
    let Some((prefix, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let inner = rest.trim_end().strip_suffix('}').unwrap_or(rest);
    let (mut paths, mut depth, mut item) = (Vec::new(), 0, String::new());
    for c in inner.chars().chain([',']) {
        match c {
            ',' if depth == 0 => {
                let item = std::mem::take(&mut item);
                if !item.trim().is_empty() {
                    paths.extend(expand(&format!("{prefix}{}", item.trim())));
                }
                continue;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        item.push(c);
    }
    paths
}

fn layer(module: &Module) -> usize {
    let top = module.first().map_or("lib", String::as_str);
    let found = LAYERS.iter().position(|layer| layer.contains(&top));
    found.unwrap_or_else(|| panic!("src/{top} is in no layer: add it to LAYERS"))
}

#[test]
fn every_file_imports_only_earlier_layers() {
    let modules = modules();
    assert!(modules.len() > 40, "the sources were not found: {modules:?}");
    let mut violations = Vec::new();
    for (module, code) in &modules {
        for import in imports(module, code, &modules) {
            let (own, other) = (layer(module), layer(&import));
            if other > own {
                let (module, import) = (module.join("::"), import.join("::"));
                violations.push(format!("{module} (layer {own}) imports {import} (layer {other})"));
            }
        }
    }
    assert_eq!(violations, [""; 0]);
}

#[test]
fn no_module_imports_itself_by_way_of_others() {
    let modules = modules();
    let graph: BTreeMap<_, _> =
        modules.iter().map(|(module, code)| (module.clone(), imports(module, code, &modules))).collect();
    for start in graph.keys() {
        let (mut reached, mut open) = (BTreeSet::new(), graph[start].clone());
        while let Some(module) = open.pop_first() {
            if reached.insert(module.clone()) {
                open.extend(graph[&module].iter().cloned());
            }
        }
        assert!(!reached.contains(start), "{} is in a circle of imports: {reached:?}", start.join("::"));
    }
}

#[test]
fn only_the_folder_aws_names_the_sdk() {
    for (module, code) in modules() {
        let names_sdk = code.contains("aws_sdk_") || code.contains("aws_config") || code.contains("aws_smithy");
        assert!(module.first().is_some_and(|top| top == "aws") || !names_sdk, "{} names the SDK", module.join("::"));
    }
}

#[test]
fn no_source_file_has_more_than_500_lines_and_the_handler_has_less_than_250() {
    for path in rust_files("src") {
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 500, "{} has {lines} lines", path.display());
    }
    assert!(file("src/handler.rs").lines().count() < 250);
}

#[test]
fn the_tour_in_lib_rs_names_every_module_in_the_order_of_the_layers() {
    let source = file("src/lib.rs");
    let declared: Vec<_> = source.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let layers: Vec<_> = declared.iter().map(|name| layer(&vec![(*name).to_owned()])).collect();
    assert!(layers.is_sorted(), "{declared:?}");
    for name in declared {
        assert!(source.contains(&format!("[`{name}`]")), "the tour does not name {name}");
    }
}
