//! CSV texts (RFC 4180): CRLF, quotes where they are needed, and texts that no spreadsheet takes for a formula.

use axum::body::Bytes;
use csv::{Terminator, WriterBuilder};

use crate::gateway::exports::rows::Cell;

/// Byte order mark, by which some spreadsheets recognize UTF-8.
const BOM: &str = "\u{feff}";

/// First characters by which a spreadsheet recognizes a formula (OWASP, "CSV Injection").
const FORMULA_STARTS: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\n'];

/// Those of them that are no white space.
const FORMULA_SIGNS: [char; 4] = ['=', '+', '-', '@'];

/// Characters that separate cells or rows in some spreadsheet.
const SEPARATORS: [char; 5] = [';', ',', '\t', '\r', '\n'];

/// Returns the first record: the names of the columns.
///
/// # Errors
///
/// The writer fails.
pub(super) fn head(columns: &[&str], has_bom: bool) -> Result<Vec<u8>, csv::Error> {
    let mut text = if has_bom { BOM.as_bytes().to_vec() } else { Vec::new() };
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(&mut text);
    writer.write_record(columns)?;
    writer.flush()?;
    drop(writer);
    Ok(text)
}

/// Appends rows to a text, which may be empty.
///
/// # Errors
///
/// The writer fails.
pub(super) fn append(mut text: Vec<u8>, rows: &[Vec<Cell>]) -> Result<Bytes, csv::Error> {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(&mut text);
    for row in rows {
        writer.write_record(row.iter().map(|cell| match cell {
            Cell::Text(text) => defused(text),
            Cell::Value(value) => value.clone(),
        }))?;
    }
    writer.flush()?;
    drop(writer);
    Ok(text.into())
}

/// Puts an apostrophe where a spreadsheet would take a text for a formula: at its beginning, and behind what separates cells in a
/// spreadsheet of another language, such as a semicolon.
fn defused(text: &str) -> String {
    let mut defused = String::with_capacity(text.len() + 1);
    if text.starts_with(FORMULA_STARTS) {
        defused.push('\'');
    }
    let mut is_behind_separator = false;
    for letter in text.chars() {
        if is_behind_separator && FORMULA_SIGNS.contains(&letter) {
            defused.push('\'');
        }
        is_behind_separator = SEPARATORS.contains(&letter);
        defused.push(letter);
    }
    defused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_and_defused_and_numbers_stay_numbers() {
        let text = |text: &str| Cell::Text(text.to_owned());
        let rows = [
            vec![text("a,b"), text("say \"hi\""), text("two\r\nlines")],
            vec![text("=1+1"), text("@x"), text("+49 1")],
            vec![text("\tx"), text("-5"), Cell::Value("-5.00".to_owned())],
            vec![text("\rx"), text("a=b"), text("Zürich")],
            vec![text("x;=1+1"), text("a;b"), text("x\t@y")],
        ];
        let head = head(&["one", "two", "three"], true).expect("a head");
        let written = append(head, &rows).expect("rows");
        assert_eq!(
            std::str::from_utf8(&written),
            Ok(
                "\u{feff}one,two,three\r\n\"a,b\",\"say \"\"hi\"\"\",\"two\r\nlines\"\r\n'=1+1,'@x,'+49 1\r\n'\tx,'-5,-5.00\r\n\"'\rx\",a=b,Zürich\r\nx;'=1+1,a;b,x\t'@y\r\n"
            )
        );
    }
}
