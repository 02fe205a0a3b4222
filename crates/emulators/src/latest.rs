//! The latest value of a function, kept because every request of an emulator needs it.

use std::sync::Arc;

use parking_lot::Mutex;

/// The value of the latest key. Another key replaces it.
pub(crate) struct Latest<K, T>(Mutex<Option<(K, Arc<T>)>>);

impl<K, T> Default for Latest<K, T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<K: PartialEq, T> Latest<K, T> {
    /// Returns the value of `key`, computed if the latest key was another one.
    pub(crate) fn get(&self, key: K, compute: impl FnOnce() -> T) -> Arc<T> {
        let mut latest = self.0.lock();
        match &*latest {
            Some((latest_key, value)) if *latest_key == key => Arc::clone(value),
            _ => {
                let value = Arc::new(compute());
                *latest = Some((key, Arc::clone(&value)));
                value
            }
        }
    }
}
