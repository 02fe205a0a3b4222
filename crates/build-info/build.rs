//! Finds the commit and its date: from the environment, or from the repository.

#![expect(clippy::disallowed_methods, reason = "a build script has no configuration")]

use std::process::Command;

fn main() {
    for (name, arguments) in [
        ("TICKETGRAPH_COMMIT", &["rev-parse", "--short=12", "HEAD"][..]),
        ("TICKETGRAPH_COMMIT_DATE", &["log", "-1", "--format=%cd", "--date=short"]),
    ] {
        println!("cargo::rerun-if-env-changed={name}");
        let given = std::env::var(name).ok().filter(|value| !value.is_empty());
        let value = given.or_else(|| git(arguments)).unwrap_or_else(|| "unknown".to_owned());
        println!("cargo::rustc-env={name}={value}");
    }
    // The log of HEAD changes with every commit and checkout.
    let log = git(&["rev-parse", "--path-format=absolute", "--git-path", "logs/HEAD"]);
    println!("cargo::rerun-if-changed={}", log.unwrap_or_else(|| "build.rs".to_owned()));
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned()).filter(|text| !text.is_empty())
}
