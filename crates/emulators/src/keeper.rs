//! Keeps what an emulator must remember: in memory, and on disk where a folder is given.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The memory of one emulator. A change is on disk before the emulator answers, as a real vendor's would be.
pub struct Keeper<T> {
    book: Mutex<T>,
    file: Option<PathBuf>,
}

impl<T: Serialize + DeserializeOwned + Default> Keeper<T> {
    /// Takes up what `name` remembered in `folder`, or starts empty. An unreadable memory starts empty too: it is a sandbox.
    pub fn open(folder: Option<&Path>, name: &str) -> Self {
        let file = folder.map(|folder| folder.join(format!("{name}.json")));
        let kept = file.as_ref().and_then(|file| std::fs::read(file).ok());
        let book = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Self { book: Mutex::new(book), file }
    }

    /// Looks at the memory.
    pub fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.book.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the memory, and writes it down before returning.
    pub fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut book);
        if let Some(file) = &self.file
            && let Err(fault) = write_down(file, &*book)
        {
            tracing::error!(file = %file.display(), %fault, "the sandbox could not write down what it sold");
        }
        result
    }
}

/// Writes beside, then renames: a process killed in between leaves the old memory whole.
fn write_down<T: Serialize>(file: &Path, book: &T) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let beside = file.with_extension("new");
    let mut out = std::io::BufWriter::new(std::fs::File::create(&beside)?);
    serde_json::to_writer(&mut out, book)?;
    out.flush()?;
    std::fs::rename(beside, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_remembered_is_there_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        Keeper::<Vec<u32>>::open(Some(folder.path()), "x").change(|book| book.push(7));
        assert_eq!(Keeper::<Vec<u32>>::open(Some(folder.path()), "x").read(Clone::clone), [7]);
    }
}
