//! The limits of lists: page sizes and ranges of days.

use jiff::civil::Date;

use crate::error::RequestError;

/// Rows of a page when the caller does not say.
pub const USUAL_PAGE: usize = 20;
/// Most rows of a page.
pub const LARGEST_PAGE: usize = 100;
/// Most days that a range may span.
pub const LONGEST_RANGE_DAYS: i32 = 366;

/// How many rows a page has: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PageSize(usize);

impl PageSize {
    /// Takes the argument `first`; absent means [`USUAL_PAGE`].
    pub fn new(first: Option<i32>) -> Result<Self, RequestError> {
        match first.map(usize::try_from) {
            None => Ok(Self(USUAL_PAGE)),
            Some(Ok(rows @ 1..=LARGEST_PAGE)) => Ok(Self(rows)),
            Some(_) => Err(RequestError::new("first", format!("between 1 and {LARGEST_PAGE}"))),
        }
    }

    /// The number of rows.
    pub fn rows(self) -> usize {
        self.0
    }
}

/// Days from the first to the last, both included, at most 366.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DayRange {
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
}

impl DayRange {
    /// Takes two days. Refuses reversed ones and more than [`LONGEST_RANGE_DAYS`], naming the argument `to`.
    pub fn new(from: Date, to: Date) -> Result<Self, RequestError> {
        check_days("to", from, to)?;
        Ok(Self { from, to })
    }
}

/// Refuses reversed days and too many of them, naming `argument` (the later of the two).
pub(super) fn check_days(argument: &'static str, from: Date, to: Date) -> Result<(), RequestError> {
    if to < from {
        return Err(RequestError::new(argument, "on or after `from`"));
    }
    let days = from.until(to).map_or(i32::MAX, |span| span.get_days()).saturating_add(1);
    if days > LONGEST_RANGE_DAYS {
        return Err(RequestError::new(argument, format!("at most {LONGEST_RANGE_DAYS} days from `from`")));
    }
    Ok(())
}
