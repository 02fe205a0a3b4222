//! The key file, for installations without a configured encryption key.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::credential_cipher::CredentialKey;

impl CredentialKey {
    /// Reads the key in a file. A missing file is created with a random key, readable by its owner only.
    pub fn load_or_create(file: &Path) -> io::Result<Self> {
        match fs::read(file) {
            Ok(bytes) => match bytes.try_into() {
                Ok(bytes) => Ok(Self::new(bytes)),
                Err(_) => Err(io::Error::other("is not a key: it must contain 32 bytes")),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Self::create(file),
            Err(error) => Err(error),
        }
    }

    /// Generates a random key that is stored nowhere.
    pub fn generate() -> io::Result<Self> {
        Ok(Self::new(random_bytes()?))
    }

    fn create(file: &Path) -> io::Result<Self> {
        let bytes = random_bytes()?;
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?.write_all(&bytes)?;
        Ok(Self::new(bytes))
    }
}

fn random_bytes() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("a key could not be generated"))?;
    Ok(bytes)
}
