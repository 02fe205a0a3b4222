//! Receives exchanges and writes them, masked and bounded, in a thread of its own.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use http_client::{Exchange, ExchangeObserver};
use parking_lot::Mutex;

use crate::exchange_facts;
use crate::mask::Masker;
use crate::pseudonym::NoRandomness;
use crate::sample::{Sample, SampleBody, pretty, write_private};

/// Response headers that are written.
const KEPT_HEADERS: [&str; 3] = ["content-type", "date", "retry-after"];

/// Bounds of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordingLimits {
    /// Samples of each source, operation, method, path template and status.
    pub samples: usize,
    /// Largest body in bytes. Of a larger one only the size is recorded.
    pub body_bytes: usize,
    /// Bytes of all files.
    pub total_bytes: u64,
    /// Exchanges that wait to be written. With more, further ones are left out.
    pub queue: usize,
}

impl RecordingLimits {
    /// Bounds of a recording beside a running service: a few samples of everything, in little memory.
    pub const BESIDE_SERVICE: Self = Self { samples: 5, body_bytes: 4 << 20, total_bytes: 64 << 20, queue: 64 };
    /// Bounds of a recording of one round of calls, which is to be complete.
    pub const ONE_ROUND: Self = Self { samples: 2000, body_bytes: 32 << 20, total_bytes: 512 << 20, queue: 8192 };
}

/// Error of starting a recording.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The folder holds something: samples of two recordings have different pseudonyms.
    #[error("{}: the folder of a recording must be new or empty", .0.display())]
    NotEmpty(PathBuf),
    /// The folder cannot be written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Path of the folder.
        path: PathBuf,
        /// Reason.
        error: io::Error,
    },
    /// No key for the pseudonyms.
    #[error(transparent)]
    Key(#[from] NoRandomness),
}

/// Result of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordingSummary {
    /// Samples written.
    pub samples: u64,
    /// Exchanges beyond the number of samples, which are left out on purpose.
    pub repeated: u64,
    /// Exchanges left out because the queue or the folder was full, or because a file could not be written.
    pub lost: u64,
}

/// Records exchanges into a folder.
pub struct Recorder {
    masker: Arc<Masker>,
    sender: Mutex<Option<SyncSender<Exchange>>>,
    writer: Mutex<Option<JoinHandle<RecordingSummary>>>,
    rejected: AtomicU64,
}

impl Recorder {
    /// Starts a recording in a new or empty folder.
    pub fn start(folder: &Path, limits: RecordingLimits) -> Result<Arc<Self>, RecordError> {
        let unusable = |error| RecordError::Io { path: folder.to_owned(), error };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
        if fs::read_dir(folder).map_err(unusable)?.next().is_some() {
            return Err(RecordError::NotEmpty(folder.to_owned()));
        }
        let masker = Arc::new(Masker::new()?);
        let (sender, receiver) = sync_channel(limits.queue);
        let files = SampleFiles::new(folder, limits, Arc::clone(&masker));
        let writer =
            thread::Builder::new().name("recording".to_owned()).spawn(|| files.run(receiver)).map_err(unusable)?;
        Ok(Arc::new(Self {
            masker,
            sender: Mutex::new(Some(sender)),
            writer: Mutex::new(Some(writer)),
            rejected: AtomicU64::default(),
        }))
    }

    /// Returns the masker of the recording, for the settings that a replay needs.
    pub fn masker(&self) -> &Masker {
        &self.masker
    }

    /// Ends the recording and waits until everything received is written. Later exchanges are ignored.
    pub fn finish(&self) -> RecordingSummary {
        self.sender.lock().take();
        let written = self.writer.lock().take().and_then(|writer| writer.join().ok()).unwrap_or_default();
        RecordingSummary { lost: written.lost + self.rejected.load(Ordering::Relaxed), ..written }
    }
}

impl ExchangeObserver for Recorder {
    fn observe(&self, exchange: Exchange) {
        if let Some(sender) = self.sender.lock().as_ref()
            && sender.try_send(exchange).is_err()
        {
            self.rejected.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Source, operation, method, path template with action, and status.
type SampleClass = (String, &'static str, String, String, Option<u16>);

/// Writes the files of a recording.
struct SampleFiles {
    folder: PathBuf,
    limits: RecordingLimits,
    masker: Arc<Masker>,
    written: HashMap<SampleClass, usize>,
    total_bytes: u64,
    summary: RecordingSummary,
}

impl SampleFiles {
    fn new(folder: &Path, limits: RecordingLimits, masker: Arc<Masker>) -> Self {
        let (written, summary) = (HashMap::new(), RecordingSummary::default());
        Self { folder: folder.to_owned(), limits, masker, written, total_bytes: 0, summary }
    }

    fn run(mut self, receiver: Receiver<Exchange>) -> RecordingSummary {
        for exchange in receiver {
            self.add(&exchange);
        }
        self.summary
    }

    fn add(&mut self, exchange: &Exchange) {
        let action = exchange_facts::action(&exchange.request_body);
        let template = self.masker.path(&exchange.url, exchange.display_path).template;
        let status = exchange.outcome.as_ref().ok().map(|response| response.status);
        let class = (
            exchange.source.to_string(),
            exchange.operation.name(),
            exchange.method.clone(),
            format!("{template}#{action}"),
            status,
        );
        let count = self.written.entry(class).or_default();
        if *count >= self.limits.samples {
            self.summary.repeated += 1;
            return;
        }
        *count += 1;
        match self.write(&self.sample(exchange, action)) {
            Ok(Some(bytes)) => {
                self.total_bytes += bytes;
                self.summary.samples += 1;
            }
            Ok(None) => self.summary.lost += 1,
            Err(error) => {
                self.summary.lost += 1;
                tracing::warn!(%error, "a sample of a recording cannot be written");
            }
        }
    }

    fn sample(&self, exchange: &Exchange, action: String) -> Sample {
        let path = self.masker.path(&exchange.url, exchange.display_path);
        let response = exchange.outcome.as_ref().ok();
        let headers: BTreeMap<String, String> = KEPT_HEADERS
            .iter()
            .filter_map(|name| {
                let value = response?.header(name)?;
                Some(((*name).to_owned(), self.masker.header(name, value)))
            })
            .collect();
        Sample {
            action,
            body: response.map_or(SampleBody::Empty, |response| self.body(&response.body)),
            duration_ms: u64::try_from(exchange.duration.as_millis()).unwrap_or(u64::MAX),
            error: exchange.outcome.as_ref().err().map(|kind| kind.name().to_owned()),
            headers,
            method: exchange.method.clone(),
            operation: exchange.operation.name().to_owned(),
            path: path.path,
            path_template: path.template,
            query: self.masker.query(&exchange.url),
            request_body: self.body(&exchange.request_body),
            request_headers: exchange.request_headers.clone(),
            source: exchange.source.to_string(),
            status: response.map(|response| response.status),
        }
    }

    fn body(&self, bytes: &[u8]) -> SampleBody {
        if bytes.len() > self.limits.body_bytes {
            return SampleBody::TooLarge(bytes.len() as u64);
        }
        self.masker.body(bytes)
    }

    /// Writes one file. `None` if the recording would become too large.
    fn write(&self, sample: &Sample) -> io::Result<Option<u64>> {
        let text = pretty(sample)?;
        let bytes = text.len() as u64;
        if self.total_bytes + bytes > self.limits.total_bytes {
            return Ok(None);
        }
        let outcome = sample.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        let number = self.summary.samples + 1;
        let name = format!("{number:06}-{}-{}-{outcome}.json", file_name(&sample.source), file_name(&sample.operation));
        write_private(&self.folder.join(name), &text)?;
        Ok(Some(bytes))
    }
}

/// Returns a text that is safe in a file name.
fn file_name(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}
