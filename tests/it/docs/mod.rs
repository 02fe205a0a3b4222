//! Checks the documents against the code: settings, operations, commands, metrics, states, paths, deployment files.

mod commands;
mod deployment;
mod kubernetes;
mod links;
mod metrics;
mod operations;
pub(crate) mod settings;
mod states;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Returns the root of the repository.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// Returns every file below a folder with the given ending: its path from the root and its text.
fn files(folder: &str, ending: &str) -> BTreeMap<String, String> {
    fn walk(folder: &Path, ending: &str, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("the entry can be read").path();
            if path.is_dir() {
                walk(&path, ending, found);
            } else if path.to_string_lossy().ends_with(ending) {
                let name = path.strip_prefix(root()).expect("below the root").display().to_string();
                found.insert(name, fs::read_to_string(&path).expect("text"));
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(&root().join(folder), ending, &mut found);
    assert!(!found.is_empty(), "no {ending} in {folder}");
    found
}

/// Returns every document, by path.
fn pages() -> BTreeMap<String, String> {
    let mut pages = files("docs", ".md");
    for name in ["README.md", "ARCHITECTURE.md", "GLOSSARY.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        pages.insert(name.to_owned(), read(name));
    }
    assert!(pages.len() > 15, "{:?}", pages.keys());
    pages
}

/// A code block: the info string of its fence, and its text.
pub(crate) struct Block<'a> {
    words: &'a str,
    pub(crate) text: String,
}

impl Block<'_> {
    pub(crate) fn is(&self, language: &str) -> bool {
        self.words.split(' ').next() == Some(language)
    }
}

/// Returns the code blocks of a page in order, without the indentation of their fence.
pub(crate) fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut found: Vec<Block<'_>> = Vec::new();
    let mut open = None;
    for line in page.lines() {
        match (open, line.trim_start().strip_prefix("```")) {
            (None, Some(words)) => {
                open = Some(line.len() - line.trim_start().len());
                found.push(Block { words, text: String::new() });
            }
            (Some(_), Some(_)) => open = None,
            (Some(indent), None) => {
                let block = found.last_mut().expect("an open block");
                block.text.push_str(line.get(indent..).unwrap_or_default());
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block of code has no end");
    found
}

/// Returns a page without its code blocks.
fn prose(page: &str) -> String {
    let mut is_code = false;
    let lines = page.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the inline code of a page, outside code blocks.
fn words(page: &str) -> Vec<String> {
    prose(page).lines().flat_map(|line| line.split('`').skip(1).step_by(2).map(str::to_owned)).collect()
}

/// Returns the section of a page below a heading, up to the next heading of the same level.
fn chapter<'a>(page: &'a str, heading: &str) -> &'a str {
    let begin = page.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no chapter {heading:?}"));
    let text = &page[begin + heading.len() + 2..];
    let level = heading.split(' ').next().expect("a level");
    text.find(&format!("\n{level} ")).map_or(text, |end| &text[..end])
}

/// Returns the first column of every table row that starts with inline code.
fn first_cells(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |")).map(|(cell, _)| cell).collect()
}

fn report(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}
