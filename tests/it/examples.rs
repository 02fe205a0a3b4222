//! The ready operations of GraphiQL, read as the files that the page carries.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use async_graphql_parser::parse_query;
use async_graphql_parser::types::DocumentOperations;

/// The variables that the page knows how to fill (`values` in `web/src/examples.ts`).
const FILLED: &[&str] = &["from", "to", "key", "lines", "entities", "order", "quote"];

/// Name and text of every example, in the order of the page.
pub fn all() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/src/examples");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the folder of the examples")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "graphql"))
        .collect();
    files.sort();
    assert!(files.len() >= 6, "the guided set is there");
    files
        .into_iter()
        .map(|path| {
            let name = path.file_stem().expect("a name").display().to_string();
            (name, fs::read_to_string(&path).expect("text"))
        })
        .collect()
}

#[test]
fn each_example_opens_with_a_title_and_holds_one_named_operation() {
    let mut names = BTreeSet::new();
    for (file, text) in all() {
        let title = text.lines().next().and_then(|line| line.strip_prefix("# "));
        assert!(title.is_some_and(|title| (5..60).contains(&title.len())), "{file}: the first line is a title");

        let document = parse_query(&text).unwrap_or_else(|why| panic!("{file}: {why}"));
        let DocumentOperations::Multiple(operations) = document.operations else {
            panic!("{file}: the operation has no name, so its tab would have none");
        };
        assert_eq!(operations.len(), 1, "{file}: one operation, so that the button runs it without asking which");
        for (name, operation) in operations {
            assert!(names.insert(name.to_string()), "{file}: {name} is there already");
            for variable in &operation.node.variable_definitions {
                let variable = variable.node.name.node.as_str();
                assert!(FILLED.contains(&variable), "{file}: nothing fills ${variable}");
            }
        }
    }
}

#[test]
fn the_page_fills_the_variables_that_this_test_knows() {
    let page = include_str!("../../web/src/examples.ts");
    for name in FILLED {
        assert!(page.contains(&format!("  {name}: () => ")), "web/src/examples.ts does not fill ${name}");
    }
}
