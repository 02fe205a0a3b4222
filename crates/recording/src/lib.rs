//! Masked recordings of exchanges with vendors, and their replay.
//!
//! A recording is safe to mail: keys, structure, types, statuses and enumerations are kept, values are replaced by pseudonyms.

mod exchange_facts;
mod mask;
mod player;
mod policy;
mod pseudonym;
mod recorder;
mod sample;
mod shape;

pub use mask::{MaskedPath, Masker};
pub use player::{NotRecorded, Player, ReplayRequest};
pub use pseudonym::NoRandomness;
pub use recorder::{RecordError, Recorder, RecordingLimits, RecordingSummary};
pub use sample::{RecordedSource, Recording, RecordingError, RecordingIndex, Sample, SampleBody, write_private};
pub use shape::shape;

#[cfg(test)]
mod tests;
