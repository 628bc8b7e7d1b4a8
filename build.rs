//! Checks every policy in `policies/` against the schema, and fails the build if one does not fit.
//! Writes the schema as JSON, which the function reads at startup in little more than half of the
//! time that Cedar's own syntax takes. Makes the HTML pages of `src/pages`.

use cedar_policy::{Schema, SchemaFragment};
use std::error::Error;
use std::fs::{read_dir, read_to_string, write};
use std::path::Path;

#[path = "src/authz/check.rs"]
mod check;
#[path = "src/pages/build.rs"]
mod pages;

const SCHEMA: &str = "policies/schema.cedarschema";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=policies");
    println!("cargo::rerun-if-changed=src/authz/check.rs");
    let text = read_to_string(SCHEMA)?;
    let (fragment, _) = SchemaFragment::from_cedarschema_str(&text).map_err(|error| format!("{SCHEMA}: {error}"))?;
    let out = std::env::var("OUT_DIR")?;
    let out = Path::new(&out);
    write(out.join("schema.json"), fragment.to_json_string()?)?;
    pages::write_pages(out)?;
    let schema: Schema = fragment.try_into()?;
    validate(Path::new("policies"), &schema)
}

/// Validates every policy set of a folder.
fn validate(folder: &Path, schema: &Schema) -> Result<(), Box<dyn Error>> {
    for entry in read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            validate(&path, schema)?;
        } else if path.extension().is_some_and(|extension| extension == "cedar") {
            let checked = check::policy_set(&read_to_string(&path)?, schema.clone());
            checked.map_err(|problems| format!("{}:\n{problems}", path.display()))?;
        }
    }
    Ok(())
}
