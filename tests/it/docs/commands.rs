//! Commands: every command and option that a page shows exists.

use std::collections::BTreeMap;
use std::process::Command;

use crate::docs::{blocks, pages, report, words};

/// Returns the help text of the binary, or of a command; `None` if the command does not exist.
fn help(command: &str) -> Option<String> {
    let mut binary = Command::new(env!("CARGO_BIN_EXE_ticketgraph"));
    binary.args(Some(command).filter(|command| !command.is_empty())).arg("--help").env_clear();
    let run = binary.output().expect("a run");
    run.status.success().then(|| String::from_utf8_lossy(&run.stdout).into_owned())
}

/// Returns the arguments of every call of the binary that a page shows.
fn calls(page: &str) -> Vec<Vec<String>> {
    let lines = blocks(page)
        .into_iter()
        .filter(|block| block.is("sh"))
        .flat_map(|block| block.text.lines().map(str::to_owned).collect::<Vec<_>>());
    let calls = lines.chain(words(page)).filter_map(|line| {
        let rest = line.strip_prefix("ticketgraph")?.to_owned();
        (rest.is_empty() || rest.starts_with(' ')).then_some(rest)
    });
    calls.map(|rest| rest.split_whitespace().map(str::to_owned).collect()).collect()
}

#[test]
fn every_command_and_option_on_a_page_exists() {
    let mut helps: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut broken = Vec::new();
    let mut seen = 0;
    for (name, page) in pages() {
        for call in calls(&page) {
            let command = call.first().filter(|word| !word.starts_with('-')).cloned().unwrap_or_default();
            let help_text = helps.entry(command.clone()).or_insert_with(|| help(&command));
            let Some(help_text) = help_text else {
                broken.push(format!("{name}: ticketgraph {command}: no such command"));
                continue;
            };
            seen += 1;
            for option in call.iter().filter(|word| word.starts_with("--")) {
                if !help_text.contains(&format!("{option} ")) && !help_text.contains(&format!("{option}\n")) {
                    broken.push(format!("{name}: ticketgraph {}: no such option: {option}", call.join(" ")));
                }
            }
        }
    }
    assert!(seen > 10, "{seen}");
    report(&broken);
}
