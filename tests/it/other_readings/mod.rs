//! The other reading of what a vendor's documents leave open: the emulator differs from our assumption. By default nothing is sold
//! twice, no ticket is withheld, no price is wrong; with the setting of the assumption, it works.

mod acme;
mod octo;
mod secutix;
mod ticketing;

use std::io;
use std::sync::{Arc, Mutex};

use domain::{ErrorKind, RefusalReason, VendorError};

use tracing::instrument::WithSubscriber;

use crate::contract::fixture::VendorFixture;

/// Returns the reason of a rejection.
fn reason(error: VendorError) -> RefusalReason {
    match error.kind {
        ErrorKind::Rejected(refusal) => refusal.reason,
        other => panic!("{other:?}"),
    }
}

/// Number of calls whose target contains every part.
fn count_calls(fixture: &VendorFixture, parts: &[&str]) -> usize {
    let calls = fixture.running.stage.log.all();
    calls.iter().filter(|call| parts.iter().all(|part| call.target.contains(part))).count()
}

/// Runs a future and returns its log with its output.
async fn captured_log<T>(run: impl Future<Output = T>) -> (String, T) {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let output = run.with_subscriber(subscriber).await;
    let log = String::from_utf8(lines.0.lock().expect("a lock").clone()).expect("UTF-8");
    (log, output)
}

/// Lines of a log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("a lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
