//! The pages of the documentation: their links lead somewhere, and their prose fits.

use crate::support::{file, files_of, root};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// The paths of all pages, relative to the repository.
fn pages() -> Vec<String> {
    let mut pages = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"].map(str::to_owned).to_vec();
    for entry in std::fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            pages.push(format!("docs/{name}"));
        }
    }
    pages.sort();
    pages
}

/// The lines of a page with their numbers, without fenced code.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(n, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((n + 1, line))
    })
}

/// The targets of a line's links and images.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

/// The text of a heading without its markup: links become their text.
fn plain(heading: &str) -> String {
    let mut text = String::new();
    for (i, part) in heading.split("](").enumerate() {
        text += if i == 0 { part } else { part.split_once(')').map_or(part, |(_, rest)| rest) };
    }
    text.replace(['[', ']', '`', '*'], "")
}

/// The anchor that GitHub gives to the first heading of that text.
fn slug(heading: &str) -> String {
    let kept = plain(heading).trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The anchors of a page. The second heading of the same text gets `-1`, and so on.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let headings = prose(text).filter_map(|(_, line)| {
        let heading = line.trim_start_matches('#');
        let level = line.len() - heading.len();
        (1..=6).contains(&level).then(|| heading.strip_prefix(' ')).flatten()
    });
    let anchor = |heading| {
        let slug = slug(heading);
        let count = seen.entry(slug.clone()).or_default();
        *count += 1;
        if *count == 1 { slug } else { format!("{slug}-{}", *count - 1) }
    };
    headings.map(anchor).collect()
}

/// The path without `.` and `..`.
fn normalized(path: &Path) -> PathBuf {
    let mut normalized = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => assert!(normalized.pop(), "{} leaves the repository", path.display()),
            Component::CurDir => {}
            component => normalized.push(component),
        }
    }
    normalized
}

/// The problem of a link of a page; `None` if it leads somewhere.
fn problem(page: &str, target: &str) -> Option<String> {
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let path = if path.is_empty() { PathBuf::from(page) } else { normalized(&Path::new(page).parent()?.join(path)) };
    if !root().join(&path).exists() {
        return Some(format!("there is no {}", path.display()));
    }
    let anchor = anchor?;
    let found =
        path.extension().is_some_and(|extension| extension == "md") && anchors(&file(path.to_str()?)).contains(anchor);
    (!found).then(|| format!("{} has no heading #{anchor}", path.display()))
}

#[test]
fn links_of_every_page_lead_to_files_and_headings_that_exist() {
    let (mut count, mut problems) = (0, Vec::new());
    for page in pages() {
        for (n, line) in prose(&file(&page)) {
            for target in targets(line).filter(|target| !target.contains("://") && !target.starts_with("mailto:")) {
                count += 1;
                problems.extend(problem(&page, target).map(|problem| format!("{page}:{n}: {target}: {problem}")));
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
    assert!(count > 100, "only {count} links were found");
}

#[test]
fn links_of_the_readme_lead_to_every_page() {
    let readme = file("README.md");
    let linked: BTreeSet<_> = prose(&readme).flat_map(|(_, line)| targets(line)).collect();
    let missing: Vec<_> = pages().into_iter().filter(|page| page != "README.md" && !linked.contains(&**page)).collect();
    assert!(missing.is_empty(), "README.md does not link to {missing:?}");
}

#[test]
fn links_use_the_anchors_that_github_makes() {
    let text =
        "# One\n## `/ec2`\n### From Launch & Provision (`/v1`)\n## What's [this](x.md)?\n## One\n```\n# no\n```\n#no\n";
    let expected = ["ec2", "from-launch--provision-v1", "one", "one-1", "whats-this"];
    assert_eq!(anchors(text).into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(targets("a [b](c.md#d) and ![e](f.png)").collect::<Vec<_>>(), ["c.md#d", "f.png"]);
    assert_eq!(problem("docs/api.md", "../nowhere.md").unwrap(), "there is no nowhere.md");
    assert_eq!(problem("docs/api.md", "#nothing").unwrap(), "docs/api.md has no heading #nothing");
}

#[test]
fn readme_has_at_most_200_lines() {
    assert!(file("README.md").lines().count() <= 200);
}

#[test]
fn prose_of_every_page_has_at_most_100_columns() {
    let mut long = Vec::new();
    for page in pages() {
        for (n, line) in prose(&file(&page)) {
            let exempt = line.starts_with('|') || line.starts_with("![") || line.contains("](http");
            if !exempt && line.chars().count() > 100 {
                long.push(format!("{page}:{n}"));
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn comments_of_every_source_file_have_at_most_100_columns() {
    let folders = ["src", "tests", "fuzz", "benches", "tools", "policies"];
    let extensions = ["rs", "py", "js", "mjs", "css", "toml", "cedar", "sh"];
    let mut files =
        ["Cargo.toml", ".cargo/config.toml", "Makefile", "template.yaml"].map(|name| root().join(name)).to_vec();
    files.extend(folders.iter().flat_map(|folder| files_of(folder, &extensions)));
    assert!(files.len() > 150, "{}", files.len());
    let mut long = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        for (n, line) in text.lines().enumerate() {
            let comment = ["//", "# ", "* "].iter().any(|mark| line.trim_start().starts_with(mark));
            if comment && line.chars().count() > 100 && !line.contains("https://") {
                long.push(format!("{}:{}", path.display(), n + 1));
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}
