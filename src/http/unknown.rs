//! Parameters that a route does not take. One that is dropped turns a filter into the full list and
//! a dry run into a change, so they are refused.

use super::param_info::{ParamInfo, ParamKind};
use super::params::{Params, Source};
use super::route::{Dialect, Route, UnknownUse};
use super::spelling::{fold, mentions_dry_run};
use crate::auth::{Authentication, Caller};
use crate::config::UnknownParameters;
use crate::error::{Error, Kind};

/// The most names in a warning.
const MAX_LISTED: usize = 8;

/// The greatest edit distance of a name that resembles another.
const MAX_DISTANCE: usize = 2;

/// Checks that a route takes every parameter. Returns warnings about those that it may ignore.
///
/// # Errors
/// A parameter that must not be ignored: the error names it and the nearest one.
pub fn check(
    params: &Params,
    dialect: &Dialect,
    route: &Route,
    caller: &Caller,
    mode: UnknownParameters,
) -> Result<Vec<String>, Error> {
    let old = dialect.ignored_parameters;
    let has_old = !old.is_empty() && old.iter().all(|name| params.unknown(&[]).any(|(given, _)| given == *name));
    let changes = route.actions().iter().any(|action| action.writes());
    let mut dropped: Vec<&str> = Vec::new();
    for (name, source) in params.unknown(route.parameters) {
        // The key of a tag is the caller's choice.
        let is_dry_run = !name.starts_with("tag:") && mentions_dry_run(name);
        let signed = source == Source::Query
            && caller.authentication == Authentication::Iam
            && name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("x-amz-"));
        let passed_over = match dialect.unknown_parameters {
            UnknownUse::Ignore => true,
            UnknownUse::RefuseInQuery => source == Source::Body,
            UnknownUse::Refuse => false,
        };
        let excepted = passed_over || signed || name.starts_with('_') || has_old && old.contains(&name);
        if excepted && !is_dry_run {
            continue;
        }
        let nearest = nearest(name, route.parameters);
        let resembles = nearest.is_some_and(|(distance, _)| distance <= MAX_DISTANCE);
        // Without its account, a change would happen in another one.
        let alters_change = changes && (resembles || fold(name) == "account");
        if mode == UnknownParameters::Warn && !is_dry_run && !alters_change {
            if !dropped.contains(&name) {
                dropped.push(name);
            }
            continue;
        }
        return Err(refusal(name, nearest.map(|(_, nearest)| nearest)));
    }
    let mut warnings = Vec::new();
    if has_old {
        warnings.push(format!("{} are ignored: this function takes an API key", old.join(" and ")));
    }
    if !dropped.is_empty() {
        dropped.truncate(MAX_LISTED);
        warnings.push(format!("unknown parameters are ignored: {}", dropped.join(" ")));
    }
    Ok(warnings)
}

fn refusal(name: &str, nearest: Option<&str>) -> Error {
    let rest = match nearest {
        _ if fold(name) == "apikey" => "an API key belongs in the header x-api-key".to_owned(),
        Some(nearest) => format!("the nearest that this route takes is {nearest}"),
        None => "this route takes none".to_owned(),
    };
    // Without the parameter: some dialects answer with a status of their own for `region`.
    Error::new(Kind::Invalid, "UnknownParameter", format!("{name} is not a parameter here: {rest}"))
}

/// The name of a declared parameter that is spelled most alike, with its edit distance.
fn nearest(name: &str, declared: &[ParamInfo]) -> Option<(usize, &'static str)> {
    let folded = fold(name);
    let distance = |info: &ParamInfo, known: &'static str| match info.kind {
        // Any key may follow the colon.
        ParamKind::Tag if folded.starts_with("tag") => (0, known),
        _ => (edit_distance(&folded, &fold(known)), known),
    };
    let names = declared.iter().flat_map(|info| {
        [info.name].into_iter().chain(info.aliases.iter().copied()).map(move |known| distance(info, known))
    });
    names.min_by_key(|(distance, _)| *distance)
}

/// The number of letters to insert, delete or replace (Levenshtein), up to 64 letters of each.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().take(64).enumerate() {
        let mut next = vec![i + 1];
        let mut left = i + 1;
        for (pair, b) in row.windows(2).zip(&b) {
            let [diagonal, above] = pair else { continue };
            left = (diagonal + usize::from(a != *b)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::param::{Param, Tags};
    use super::*;

    #[test]
    fn edit_distance_counts_insertions_deletions_and_replacements() {
        for (a, b, distance) in
            [("", "", 0), ("a", "", 1), ("", "abc", 3), ("force", "froce", 2), ("kitten", "sitting", 3), ("x", "x", 0)]
        {
            assert_eq!(edit_distance(a, b), distance, "{a} {b}");
            assert_eq!(edit_distance(b, a), distance, "{b} {a}");
        }
    }

    #[test]
    fn nearest_name_ignores_case_separators_and_brackets() {
        const DECLARED: &[ParamInfo] = &[
            Param::<String>::optional("region_name", "").info,
            Param::<u32>::optional("MaxCount", "").aliases(&["max_count"]).info,
            Param::<Tags>::optional("tag:KEY", "").info,
        ];
        for (name, expected) in [
            ("RegionName", (0, "region_name")),
            ("_region-name[]", (0, "region_name")),
            ("regoin_name", (2, "region_name")),
            ("MaxCont", (1, "MaxCount")),
            ("region", (4, "region_name")),
            ("Tags:team", (0, "tag:KEY")),
            ("tag[team]", (0, "tag:KEY")),
        ] {
            assert_eq!(nearest(name, DECLARED), Some(expected), "{name}");
        }
        assert_eq!(nearest("x", &[]), None);
    }
}
