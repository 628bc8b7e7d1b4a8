//! Reads a policy set and holds it against the schema. The function does so when it starts, the build script before that.

use cedar_policy::{PolicyId, PolicySet, Schema, ValidationMode, ValidationWarning, Validator};
use miette::Diagnostic;

/// Reads a policy set. Each policy is known by its annotation `@id("...")`, or as `policy0`, `policy1`, ...
///
/// # Errors
/// A line for each thing that is wrong: what does not parse, does not fit the schema, or has another's name. So is what Cedar
/// only warns of: a policy that can never apply. It does not forbid what it was written to forbid.
pub(crate) fn policy_set(text: &str, schema: Schema) -> Result<PolicySet, String> {
    let lines = |problems: Vec<String>| problems.join("\n");
    let parsed: PolicySet = text.parse().map_err(|errors: cedar_policy::ParseErrors| {
        lines(errors.iter().map(|error| format!("{}{error}", place(text, error))).collect())
    })?;
    if let Some(template) = parsed.templates().next() {
        return Err(format!("{}: a template; there is nothing here that could fill it in", template.id()));
    }
    let named = parsed.policies().map(|policy| match policy.annotation("id") {
        Some(name) if !name.is_empty() => policy.new_id(PolicyId::new(name)),
        _ => policy.clone(),
    });
    let policies = PolicySet::from_policies(named).map_err(|error| error.to_string())?;
    let result = Validator::new(schema).validate(&policies, ValidationMode::Strict);
    let errors = result.validation_errors().map(|error| format!("{}{error}", place(text, error)));
    let never = result.validation_warnings().filter(|it| matches!(it, ValidationWarning::ImpossiblePolicy(_)));
    let wrong: Vec<_> = errors.chain(never.map(|warning| format!("{}{warning}", place(text, warning)))).collect();
    if wrong.is_empty() { Ok(policies) } else { Err(lines(wrong)) }
}

/// The line that an error is about, as `line 7: `.
fn place(text: &str, error: &dyn Diagnostic) -> String {
    let label = error.labels().and_then(|mut labels| labels.next());
    let line = |offset| 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
    label.map_or_else(String::new, |label| format!("line {}: ", line(label.offset())))
}
