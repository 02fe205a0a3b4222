//! The command line: arguments, serve, drain.

fn main() {}
