//! The format of a recording: one JSON file for each exchange, and one that lists the sources.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Version of the format. Another one cannot be read.
const FORMAT: u32 = 1;
/// Name of the file that lists the sources.
const INDEX: &str = "recording.json";

/// One masked exchange. Fields are in alphabetical order, as they are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Operation within the path, for SOAP: the method in the envelope.
    pub action: String,
    /// Body of the response.
    pub body: SampleBody,
    /// Time until the response was complete, in milliseconds.
    pub duration_ms: u64,
    /// Kind of error if there was no response.
    pub error: Option<String>,
    /// Response headers that are kept.
    pub headers: BTreeMap<String, String>,
    /// HTTP method.
    pub method: String,
    /// Operation of the port.
    pub operation: String,
    /// Path with pseudonyms.
    pub path: String,
    /// Path with placeholders for masked segments.
    pub path_template: String,
    /// Query parameters.
    pub query: Vec<(String, String)>,
    /// Body of the request.
    pub request_body: SampleBody,
    /// Names of the request's headers.
    pub request_headers: Vec<String>,
    /// Name of the source.
    pub source: String,
    /// HTTP status; none without a response.
    pub status: Option<u16>,
}

/// A masked body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SampleBody {
    /// No body.
    Empty,
    /// JSON.
    Json(Value),
    /// XML.
    Xml(String),
    /// Other text.
    Text(String),
    /// Bytes that are not text, of which only the number is recorded.
    Binary(u64),
    /// A body that is larger than a sample may be, of which only the size is recorded.
    TooLarge(u64),
}

impl SampleBody {
    /// Returns the body as it is sent; `None` if it was not recorded.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Empty => Some(Vec::new()),
            Self::Json(value) => Some(value.to_string().into_bytes()),
            Self::Xml(text) | Self::Text(text) => Some(text.clone().into_bytes()),
            Self::Binary(_) | Self::TooLarge(_) => None,
        }
    }
}

/// A source of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedSource {
    /// Path of the base URL, masked like every path.
    pub base_path: String,
    /// Name of the source or channel in the configuration.
    pub name: String,
    /// Vendor or app in the configuration.
    pub vendor: String,
}

/// Content of the file that lists the sources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingIndex {
    format: u32,
    /// Time of the start, in RFC 3339.
    pub recorded_at: String,
    /// Sources and delivery channels.
    pub sources: Vec<RecordedSource>,
}

impl RecordingIndex {
    /// Creates the list.
    pub fn new(recorded_at: String, sources: Vec<RecordedSource>) -> Self {
        Self { format: FORMAT, recorded_at, sources }
    }

    /// Writes the list into the folder of a recording.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        write_private(&folder.join(INDEX), &pretty(self)?)
    }
}

/// Error of reading a recording.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// A file or the folder cannot be read.
    #[error("{}: {error}", path.display())]
    Io {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        error: io::Error,
    },
    /// A file is not a part of a recording.
    #[error("{}: not a file of a recording: {error}", path.display())]
    Format {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        error: serde_json::Error,
    },
    /// The recording was written by another version.
    #[error("the recording has format {0}, this version reads {FORMAT}")]
    OtherFormat(u32),
}

/// A recording, read from its folder.
#[derive(Debug)]
pub struct Recording {
    /// Its sources.
    pub index: RecordingIndex,
    /// Its samples in the order of their recording, each with the name of its file.
    pub samples: Vec<(String, Sample)>,
}

impl Recording {
    /// Reads all files of a folder.
    pub fn read(folder: &Path) -> Result<Self, RecordingError> {
        let index: RecordingIndex = read_json(&folder.join(INDEX))?;
        if index.format != FORMAT {
            return Err(RecordingError::OtherFormat(index.format));
        }
        let unreadable = |error| RecordingError::Io { path: folder.to_owned(), error };
        let mut names = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
            if name.ends_with(".json") && name != INDEX {
                names.push(name);
            }
        }
        names.sort_unstable();
        let sample = |name: String| Ok((name.clone(), read_json(&folder.join(name))?));
        Ok(Self { index, samples: names.into_iter().map(sample).collect::<Result<_, _>>()? })
    }

    /// Returns the samples of a source.
    pub fn samples_of(&self, source: &str) -> impl Iterator<Item = &(String, Sample)> {
        self.samples.iter().filter(move |(_, sample)| sample.source == source)
    }
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, RecordingError> {
    let text = fs::read_to_string(path).map_err(|error| RecordingError::Io { path: path.to_owned(), error })?;
    serde_json::from_str(&text).map_err(|error| RecordingError::Format { path: path.to_owned(), error })
}

/// Writes a file of a recording, for its owner only: masked data is still data of customers.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(bytes)
}

/// Writes a value as indented JSON with a line break at the end.
pub(crate) fn pretty(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}
