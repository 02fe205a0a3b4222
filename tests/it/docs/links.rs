//! Links, anchors and paths: each target exists.

use std::collections::BTreeSet;
use std::path::Path;

use crate::docs::{pages, prose, read, report, root, words};

/// Returns the relative targets of the links and images of a page.
fn targets(page: &str) -> Vec<String> {
    let text = prose(page);
    let parts = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    parts.map(|(target, _)| target.to_owned()).filter(|target| !target.contains("://")).collect()
}

/// Returns the anchors of a page's headings.
fn anchors(page: &str) -> BTreeSet<String> {
    let text = prose(page);
    let headings = text
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')));
    let slug = |heading: &str| {
        let kept = heading.to_lowercase().replace(' ', "-");
        kept.chars().filter(|letter| letter.is_alphanumeric() || "-_".contains(*letter)).collect()
    };
    headings.map(slug).collect()
}

#[test]
fn every_link_leads_to_an_existing_file_and_heading() {
    let mut broken = Vec::new();
    for (name, page) in pages() {
        let folder = Path::new(&name).parent().expect("a folder").to_owned();
        for target in targets(&page) {
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let file = if path.is_empty() { root().join(&name) } else { root().join(&folder).join(path) };
            if !file.exists() {
                broken.push(format!("{name}: {target}: no such file"));
            } else if !anchor.is_empty() {
                let there = std::fs::read_to_string(&file).expect("a page");
                if !anchors(&there).contains(anchor) {
                    broken.push(format!("{name}: {target}: no such heading"));
                }
            }
        }
    }
    report(&broken);
}

#[test]
fn every_page_is_reachable_from_the_readme() {
    let pages = pages();
    let mut reached: BTreeSet<String> = BTreeSet::new();
    let mut next = vec!["README.md".to_owned()];
    while let Some(name) = next.pop() {
        let Some(page) = pages.get(&name).filter(|_| reached.insert(name.clone())) else { continue };
        let folder = Path::new(&name).parent().expect("a folder");
        for target in targets(page) {
            let path = target.split('#').next().expect("a path");
            let file = root().join(folder).join(path).canonicalize();
            let inside =
                file.ok().and_then(|file| file.strip_prefix(root()).map(|file| file.display().to_string()).ok());
            next.extend(inside);
        }
    }
    let missing: Vec<String> = pages.keys().filter(|name| !reached.contains(*name)).cloned().collect();
    report(&missing);
}

#[test]
fn paths_and_make_targets_on_a_page_exist() {
    let rooms: BTreeSet<String> = std::fs::read_dir(root())
        .expect("the root")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    let makefile = read("Makefile");
    let mut broken = Vec::new();
    for (name, page) in pages() {
        for word in words(&page) {
            let first = word.split('/').next().expect("a part");
            let is_path = word.contains('/') && !word.contains([' ', '*', '<', '{', '…']) && rooms.contains(first);
            if is_path && !word.contains("NAME") && !root().join(&word).exists() {
                broken.push(format!("{name}: `{word}`: no such path"));
            }
            if let Some(target) = word.strip_prefix("make ").and_then(|rest| rest.split(' ').next())
                && !makefile.contains(&format!("\n{target}:"))
            {
                broken.push(format!("{name}: `{word}`: no such target"));
            }
        }
    }
    report(&broken);
}
