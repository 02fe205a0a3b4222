//! The journal of an acceptance run: everything that it has made at the vendor. What is open is in the leftovers file before the
//! vendor is called, so that a run that is killed leaves a list, too.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Serialize;

use domain::ids::StepKey;
use domain::ordering::LegRequest;
use domain::{ExternalRef, OrderKey};

/// State of something that the run has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// A hold was requested; its outcome is unknown.
    Holding,
    /// A hold exists.
    Held,
    /// A check-out was requested; its outcome is unknown.
    Selling,
    /// The check-out of another entry was sent again; the outcome is unknown.
    SellingAgain,
    /// Tickets are sold.
    Sold,
    /// A cancellation was requested; its outcome is unknown.
    Canceling,
    /// Nothing is left.
    Undone,
}

/// Something that the run has made.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub key: OrderKey,
    pub leg: LegRequest,
    pub stage: Stage,
    /// The vendor's references: of the hold, then of the sale.
    pub refs: Vec<ExternalRef>,
    /// References of the hold, by which a lost check-out is looked up.
    pub hold_refs: Vec<ExternalRef>,
    /// First references of the tickets.
    pub tickets: Vec<ExternalRef>,
}

impl Entry {
    /// Creates the entry of a request that was not sent yet.
    pub(super) fn new(key: OrderKey, leg: LegRequest, stage: Stage) -> Self {
        Self { key, leg, stage, refs: Vec::new(), hold_refs: Vec::new(), tickets: Vec::new() }
    }

    /// Returns the idempotency key of a step, derived as those of orders are.
    pub(super) fn step_key(&self, step: &str) -> StepKey {
        self.key.step_key(0, step)
    }
}

/// Something that a person has to undo.
#[derive(Debug, Serialize)]
pub(super) struct Leftover {
    /// Our reference.
    pub reference: String,
    /// State, as far as it is known.
    pub state: Stage,
    /// The vendor's references.
    pub vendor_references: Vec<ExternalRef>,
    /// Performance, under its key with the vendor's ids: a hold may have no reference that anybody could look for.
    pub performance: String,
    /// Instruction for the person.
    pub what_to_do: &'static str,
}

/// Everything that the run has made, and the file of what is open.
pub(super) struct Journal {
    entries: Vec<Entry>,
    file: PathBuf,
}

impl Journal {
    /// Creates an empty journal.
    pub(super) fn new(file: PathBuf) -> Self {
        Self { entries: Vec::new(), file }
    }

    /// Returns the path of the leftovers file.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Adds an entry and returns its number.
    pub(super) fn push(&mut self, entry: Entry) -> std::io::Result<usize> {
        self.entries.push(entry);
        self.save().map(|()| self.entries.len() - 1)
    }

    /// Returns an entry.
    pub(super) fn entry(&self, number: usize) -> &Entry {
        &self.entries[number]
    }

    /// Changes an entry.
    pub(super) fn change(&mut self, number: usize, change: impl FnOnce(&mut Entry)) -> std::io::Result<()> {
        change(&mut self.entries[number]);
        self.save()
    }

    /// Returns the numbers of all entries of which something may be left, the newest first.
    pub(super) fn open_entries(&self) -> Vec<usize> {
        (0..self.entries.len()).rev().filter(|number| self.entries[*number].stage != Stage::Undone).collect()
    }

    /// Returns true if a sale with this first reference is in the journal.
    pub(super) fn has_sale(&self, refs: &[ExternalRef]) -> bool {
        let is_sale = |entry: &&Entry| matches!(entry.stage, Stage::Sold | Stage::Canceling | Stage::Undone);
        self.entries.iter().filter(is_sale).any(|entry| entry.refs.first() == refs.first())
    }

    /// Returns what is left for a person.
    pub(super) fn leftovers(&self) -> Vec<Leftover> {
        let open = self.entries.iter().filter(|entry| entry.stage != Stage::Undone);
        let leftover = |entry: &Entry| Leftover {
            reference: entry.leg.reference.clone(),
            state: entry.stage,
            vendor_references: entry.refs.clone(),
            performance: entry.leg.lines.first().map(|line| line.performance.to_string()).unwrap_or_default(),
            what_to_do: what_to_do(entry.stage),
        };
        open.map(leftover).collect()
    }

    /// Writes what is open, or removes the file if nothing is.
    fn save(&self) -> std::io::Result<()> {
        let leftovers = self.leftovers();
        if leftovers.is_empty() {
            return match std::fs::remove_file(&self.file) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        std::fs::write(&self.file, serde_json::to_vec_pretty(&leftovers)?)
    }
}

fn what_to_do(stage: Stage) -> &'static str {
    match stage {
        Stage::Holding => {
            "look for a hold of this time in the vendor's back office; without a hand it expires by itself"
        }
        Stage::Held => "release the hold in the vendor's back office; without a hand it expires by itself",
        Stage::Selling => "look for a sale with our reference in the vendor's back office, and refund it if it exists",
        Stage::SellingAgain => {
            "the same check-out was sent twice: look for a second sale with our reference, and refund it if it exists"
        }
        Stage::Sold => "refund the sale in the vendor's back office",
        Stage::Canceling => "look in the vendor's back office if the sale was refunded, and refund it if it was not",
        Stage::Undone => "nothing",
    }
}
