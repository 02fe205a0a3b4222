//! Stores an emulator's state in memory and, if a folder is configured, in a JSON file.

use std::io::Write;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// State of one emulator. A change is on disk before the emulator responds, like a real vendor's.
pub(crate) struct JsonStore<T> {
    state: Mutex<T>,
    file: Option<PathBuf>,
}

impl<T: Serialize + DeserializeOwned + Default> JsonStore<T> {
    /// Loads the state of `name` from `folder`. A missing or unreadable file gives an empty state.
    pub(crate) fn open(folder: Option<&Path>, name: &str) -> Self {
        let file = folder.map(|folder| folder.join(format!("{name}.json")));
        let saved = file.as_ref().and_then(|file| std::fs::read(file).ok());
        let state = saved.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Self { state: Mutex::new(state), file }
    }

    /// Reads the state.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        read(&self.state.lock())
    }

    /// Changes the state and saves it before returning.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut state = self.state.lock();
        let result = change(&mut state);
        if let Some(file) = &self.file
            && let Err(error) = write_atomically(file, &*state)
        {
            tracing::error!(file = %file.display(), %error, "cannot save the state of the emulator");
        }
        result
    }
}

/// Writes a temporary file and renames it, so that a killed process leaves the previous state intact.
fn write_atomically<T: Serialize>(file: &Path, state: &T) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let temporary = file.with_extension("new");
    let mut out = std::io::BufWriter::new(std::fs::File::create(&temporary)?);
    serde_json::to_writer(&mut out, state)?;
    out.flush()?;
    std::fs::rename(temporary, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_survives_a_restart() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        JsonStore::<Vec<u32>>::open(Some(folder.path()), "x").update(|state| state.push(7));
        assert_eq!(JsonStore::<Vec<u32>>::open(Some(folder.path()), "x").read(Clone::clone), [7]);
    }
}
