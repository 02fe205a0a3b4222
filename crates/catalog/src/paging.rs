//! Limits of lists: page sizes and ranges of days.

use jiff::civil::Date;

use crate::error::InvalidArgument;

/// Default number of rows in a page.
pub const DEFAULT_PAGE_SIZE: usize = 20;
/// Largest number of rows in a page.
pub const MAX_PAGE_SIZE: usize = 100;
/// Largest number of days in a range.
pub const MAX_RANGE_DAYS: i32 = 366;

/// Number of rows in a page: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PageSize(usize);

impl PageSize {
    /// Validates the argument `first`. `None` means [`DEFAULT_PAGE_SIZE`].
    pub fn new(first: Option<i32>) -> Result<Self, InvalidArgument> {
        match first.map(usize::try_from) {
            None => Ok(Self(DEFAULT_PAGE_SIZE)),
            Some(Ok(rows @ 1..=MAX_PAGE_SIZE)) => Ok(Self(rows)),
            Some(_) => Err(InvalidArgument::new("first", format!("between 1 and {MAX_PAGE_SIZE}"))),
        }
    }

    /// The number of rows.
    pub fn rows(self) -> usize {
        self.0
    }
}

/// A range of at most 366 days, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DayRange {
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
}

impl DayRange {
    /// Creates a range. Rejects a reversed range and one of more than [`MAX_RANGE_DAYS`], naming the argument `to`.
    pub fn new(from: Date, to: Date) -> Result<Self, InvalidArgument> {
        validate_day_range("to", from, to)?;
        Ok(Self { from, to })
    }
}

/// Rejects a reversed range of days and one that is too long, naming `argument` (the later of the two).
pub(super) fn validate_day_range(argument: &'static str, from: Date, to: Date) -> Result<(), InvalidArgument> {
    if to < from {
        return Err(InvalidArgument::new(argument, "on or after `from`"));
    }
    let days = from.until(to).map_or(i32::MAX, |span| span.get_days()).saturating_add(1);
    if days > MAX_RANGE_DAYS {
        return Err(InvalidArgument::new(argument, format!("at most {MAX_RANGE_DAYS} days from `from`")));
    }
    Ok(())
}
