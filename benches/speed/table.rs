//! The table of results: each row a ratio or a count, with its target.

/// Rows.
#[derive(Default)]
pub(crate) struct Table(Vec<[String; 4]>);

impl Table {
    /// Adds a row and prints it.
    #[expect(clippy::print_stdout, reason = "it is what a benchmark is for")]
    pub(crate) fn row(&mut self, what: &str, found: impl Into<String>, wanted: &str, note: impl Into<String>) {
        let row = [what.to_owned(), found.into(), wanted.to_owned(), note.into()];
        println!("| {} |", row.join(" | "));
        self.0.push(row);
    }

    /// Starts the table.
    #[expect(clippy::print_stdout, reason = "it is what a benchmark is for")]
    pub(crate) fn begin() -> Self {
        println!("| scenario | found | wanted | note |\n| --- | --- | --- | --- |");
        Self::default()
    }
}
