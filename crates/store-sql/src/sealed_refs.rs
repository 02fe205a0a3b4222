//! Encryption of the vendors' references of legs and tickets. Some admit a visitor, as a serial that is the barcode, or open an
//! order, as a secret id, and no statement searches for one, so all of them are encrypted.

use crate::codec::{StoredRef, decode_json, decode_refs, encode_json, encode_refs};
use crate::credential_cipher::{Ciphertext, CredentialCipher};
use crate::repeat::repeat;
use crate::sql::{SqlRow, SqlValue};
use crate::store::SqlStore;
use domain::{ExternalRef, StoreError};
use secrecy::ExposeSecret as _;

/// The column `refs` of an encrypted row. No earlier version can parse it, so none continues an order without its references.
pub(crate) const NO_PLAINTEXT: &str = "";

/// Number of rows that are encrypted in one transaction.
const BATCH_SIZE: usize = 500;

/// Table with references.
#[derive(Clone, Copy)]
pub(crate) enum RefsTable {
    /// References of legs.
    Legs,
    /// References of tickets.
    Tickets,
}

impl RefsTable {
    fn name(self) -> &'static str {
        match self {
            Self::Legs => "legs",
            Self::Tickets => "tickets",
        }
    }

    /// Returns the location of the references of a row, which is the associated data of their encryption.
    fn location(self, key: &str, number: usize) -> String {
        match self {
            Self::Legs => format!("order {key}, leg {number}, references"),
            Self::Tickets => format!("order {key}, ticket {number}, references"),
        }
    }

    /// Encrypts the references of a row.
    pub(crate) fn encrypt(
        self,
        cipher: &CredentialCipher,
        (key, number): (&str, usize),
        refs: &[ExternalRef],
    ) -> Result<Ciphertext, StoreError> {
        cipher.encrypt(&self.location(key, number), &encode_json(&encode_refs(refs))?)
    }

    /// Decrypts the references of a row with the columns `order_key`, `number`, `refs`, `refs_key_id` and `refs_sealed`. A row
    /// of an earlier version is not encrypted.
    pub(crate) fn decrypt(self, cipher: &CredentialCipher, row: &SqlRow) -> Result<Vec<ExternalRef>, StoreError> {
        let stored: Vec<StoredRef> = match (row.opt_text("refs_key_id")?, row.opt_bytes("refs_sealed")?) {
            (Some(key_id), Some(bytes)) => {
                let location = self.location(&row.text("order_key")?, row.index("number")?);
                decode_json(cipher.decrypt(&location, &Ciphertext { key_id, bytes })?.expose_secret())?
            }
            _ => row.json("refs")?,
        };
        Ok(decode_refs(stored))
    }
}

impl SqlStore {
    /// Encrypts the references that an earlier version stored in plaintext, and removes their remnants from the file.
    pub(crate) async fn encrypt_plaintext_refs(&self) -> Result<(), StoreError> {
        for table in [RefsTable::Legs, RefsTable::Tickets] {
            while self.encrypt_batch(table).await? {}
        }
        self.database.erase_remnants().await
    }

    /// Encrypts a batch of rows. Returns false if none is left, or another replica is encrypting the rest.
    async fn encrypt_batch(&self, table: RefsTable) -> Result<bool, StoreError> {
        let name = table.name();
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            let sql = format!(
                "SELECT order_key, number, refs FROM {name} WHERE refs_sealed IS NULL ORDER BY order_key, number LIMIT $1"
            );
            let rows = transaction.fetch_all(&sql, vec![BATCH_SIZE.into()]).await?;
            let mut encrypted = 0;
            for row in &rows {
                let (key, number, plaintext) = (row.text("order_key")?, row.index("number")?, row.text("refs")?);
                let sealed = self.cipher.encrypt(&table.location(&key, number), &plaintext)?;
                // The plaintext is compared, because a replica of an earlier version may have changed it since.
                let sql = format!(
                    "UPDATE {name} SET refs = $3, refs_key_id = $4, refs_sealed = $5 \
                    WHERE order_key = $1 AND number = $2 AND refs_sealed IS NULL AND refs = $6"
                );
                let values: Vec<SqlValue> = vec![
                    key.as_str().into(),
                    number.into(),
                    NO_PLAINTEXT.into(),
                    sealed.key_id.into(),
                    sealed.bytes.into(),
                    plaintext.as_str().into(),
                ];
                encrypted += transaction.execute(&sql, values).await?;
            }
            transaction.commit().await?;
            Ok(encrypted > 0 && rows.len() == BATCH_SIZE)
        })
        .await
    }
}
