//! The example operations of GraphiQL, read from the files of the page.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use async_graphql_parser::parse_query;
use async_graphql_parser::types::DocumentOperations;

/// The variables that the page fills (`values` in `web/src/graphiql/variables.ts`).
const FILLED: &[&str] = &["from", "to", "key", "lines", "entities", "order", "quote"];

/// Returns the name and the text of every example, in the order of the page.
pub(crate) fn all() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/src/examples");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the examples folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "graphql"))
        .collect();
    files.sort();
    assert!(files.len() >= 6, "the guided examples exist");
    files
        .into_iter()
        .map(|path| {
            let name = path.file_stem().expect("a name").display().to_string();
            (name, fs::read_to_string(&path).expect("text"))
        })
        .collect()
}

#[test]
fn each_example_starts_with_a_title_and_contains_one_named_operation() {
    let mut names = BTreeSet::new();
    for (file, text) in all() {
        let title = text.lines().next().and_then(|line| line.strip_prefix("# "));
        assert!(title.is_some_and(|title| (5..60).contains(&title.len())), "{file}: the first line is a title");

        let document = parse_query(&text).unwrap_or_else(|why| panic!("{file}: {why}"));
        let DocumentOperations::Multiple(operations) = document.operations else {
            panic!("{file}: the operation has no name for its tab");
        };
        assert_eq!(operations.len(), 1, "{file}: one operation, so that the button runs it without a choice");
        for (name, operation) in operations {
            assert!(names.insert(name.to_string()), "{file}: {name} is used twice");
            for variable in &operation.node.variable_definitions {
                let variable = variable.node.name.node.as_str();
                assert!(FILLED.contains(&variable), "{file}: the page does not fill ${variable}");
            }
        }
    }
}

#[test]
fn the_page_fills_the_same_variables_as_this_test() {
    let page = include_str!("../../web/src/graphiql/variables.ts");
    for name in FILLED {
        assert!(page.contains(&format!("  {name}: () => ")), "web/src/graphiql/variables.ts does not fill ${name}");
    }
}
