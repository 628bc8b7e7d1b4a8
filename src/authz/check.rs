//! Parses a policy set and validates it against the schema: in the build script, and when the
//! function starts.

use cedar_policy::{PolicyId, PolicySet, Schema, ValidationMode, ValidationWarning, Validator};
use miette::Diagnostic;

/// Parses a policy set. The ID of a policy is its annotation `@id("...")`, else `policy0`,
/// `policy1`, ...
///
/// # Errors
/// One line for each problem: a syntax error, a type error, or an ID that is used twice. A policy
/// that can never apply is an error too, although Cedar only warns: it forbids nothing.
pub(super) fn policy_set(text: &str, schema: Schema) -> Result<PolicySet, String> {
    let lines = |problems: Vec<String>| problems.join("\n");
    let parsed: PolicySet = text.parse().map_err(|errors: cedar_policy::ParseErrors| {
        lines(errors.iter().map(|error| format!("{}{error}", place(text, error))).collect())
    })?;
    if let Some(template) = parsed.templates().next() {
        return Err(format!("{}: a template; templates are not supported", template.id()));
    }
    let named = parsed.policies().map(|policy| match policy.annotation("id") {
        Some(name) if !name.is_empty() => policy.new_id(PolicyId::new(name)),
        _ => policy.clone(),
    });
    let policies = PolicySet::from_policies(named).map_err(|error| error.to_string())?;
    let result = Validator::new(schema).validate(&policies, ValidationMode::Strict);
    let errors = result.validation_errors().map(|error| format!("{}{error}", place(text, error)));
    let never =
        result.validation_warnings().filter(|warning| matches!(warning, ValidationWarning::ImpossiblePolicy(_)));
    let problems: Vec<_> = errors.chain(never.map(|warning| format!("{}{warning}", place(text, warning)))).collect();
    if problems.is_empty() { Ok(policies) } else { Err(lines(problems)) }
}

/// The line of an error, as `line 7: `.
fn place(text: &str, error: &dyn Diagnostic) -> String {
    let label = error.labels().and_then(|mut labels| labels.next());
    let line = |offset| 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
    label.map_or_else(String::new, |label| format!("line {}: ", line(label.offset())))
}
