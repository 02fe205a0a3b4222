//! The store of OCTO bookings on SQL. The statements are the same for both databases.

use async_trait::async_trait;
use octo_facade::store::{BookingDetails, BookingFilter, BookingStore, StoredBooking};
use secrecy::ExposeSecret as _;

use crate::codec::{decode_json, encode_json, to_nanos, unreadable};
use crate::credential_cipher::Ciphertext;
use crate::rows::order_key;
use crate::sql::{SqlRow, SqlValue};
use crate::store::SqlStore;
use domain::{BookingUuid, StoreError};

const COLUMNS: &str = "scope, uuid, order_key, order_number, source, product, visit_day, reseller_reference, request_hash, is_held, \
    version, created_at, key_id, sealed";

/// Returns the location of the encrypted parts of a booking, which is the associated data of their encryption.
fn location(scope: &str, uuid: &BookingUuid) -> String {
    format!("octo booking {uuid} of {scope}")
}

impl SqlStore {
    fn decode_booking(&self, row: &SqlRow) -> Result<StoredBooking, StoreError> {
        let (scope, uuid) = (row.text("scope")?, row.text("uuid")?);
        let uuid = BookingUuid::parse(&uuid).ok_or_else(|| unreadable("the uuid of a booking"))?;
        let sealed = Ciphertext { key_id: row.text("key_id")?, bytes: row.bytes("sealed")? };
        let details = self.cipher.decrypt(&location(&scope, &uuid), &sealed)?;
        let details: BookingDetails = decode_json(details.expose_secret())?;
        let day = row.opt_text("visit_day")?.map(|day| day.parse().map_err(|_| unreadable("the day of a visit")));
        Ok(StoredBooking {
            scope,
            uuid,
            order: order_key(&row.text("order_key")?)?,
            number: row.text("order_number")?,
            source: row.text("source")?,
            product: row.text("product")?,
            visit_day: day.transpose()?,
            reseller_reference: row.opt_text("reseller_reference")?,
            request_hash: row.text("request_hash")?,
            is_held: row.bool("is_held")?,
            version: row.unsigned("version")?,
            created_at: row.time("created_at")?,
            details,
        })
    }

    fn seal_booking(&self, booking: &StoredBooking) -> Result<Ciphertext, StoreError> {
        self.cipher.encrypt(&location(&booking.scope, &booking.uuid), &encode_json(&booking.details)?)
    }
}

/// Returns the conditions of a filter and their values.
fn conditions(scope: &str, filter: &BookingFilter) -> (String, Vec<SqlValue>) {
    let mut values: Vec<SqlValue> = vec![scope.into(), filter.source.as_str().into()];
    let mut sql = "scope = $1 AND source = $2".to_owned();
    let days = filter.days.map(|(from, to)| (from.to_string(), to.to_string()));
    let parts = [
        ("reseller_reference =", filter.reseller_reference.as_deref()),
        ("order_number =", filter.number.as_deref()),
        ("product =", filter.product.as_deref()),
        ("visit_day >=", days.as_ref().map(|(from, _)| from.as_str())),
        ("visit_day <=", days.as_ref().map(|(_, to)| to.as_str())),
    ];
    for (condition, wanted) in parts {
        if let Some(wanted) = wanted {
            values.push(wanted.into());
            sql.push_str(&format!(" AND {condition} ${}", values.len()));
        }
    }
    (sql, values)
}

#[async_trait]
impl BookingStore for SqlStore {
    async fn find_booking(&self, scope: &str, uuid: BookingUuid) -> Result<Option<StoredBooking>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM octo_bookings WHERE scope = $1 AND uuid = $2");
        let row = self.first_row(&sql, vec![scope.into(), uuid.to_string().into()]).await?;
        row.map(|row| self.decode_booking(&row)).transpose()
    }

    async fn insert_booking(&self, booking: &StoredBooking) -> Result<(), StoreError> {
        let sealed = self.seal_booking(booking)?;
        let sql = format!(
            "INSERT INTO octo_bookings ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
            ON CONFLICT (scope, uuid) DO NOTHING"
        );
        let values: Vec<SqlValue> = vec![
            booking.scope.as_str().into(),
            booking.uuid.to_string().into(),
            booking.order.to_string().into(),
            booking.number.as_str().into(),
            booking.source.as_str().into(),
            booking.product.as_str().into(),
            booking.visit_day.map(|day| day.to_string()).into(),
            booking.reseller_reference.as_deref().into(),
            booking.request_hash.as_str().into(),
            booking.is_held.into(),
            booking.version.into(),
            to_nanos(booking.created_at).into(),
            sealed.key_id.into(),
            sealed.bytes.into(),
        ];
        match self.execute_one(&sql, values).await? {
            0 => Err(StoreError::KeyTaken),
            _ => Ok(()),
        }
    }

    async fn replace_booking(&self, booking: &StoredBooking) -> Result<(), StoreError> {
        let sealed = self.seal_booking(booking)?;
        let sql = "UPDATE octo_bookings SET reseller_reference = $4, is_held = $5, version = version + 1, key_id = $6, sealed = $7, \
            order_key = $8, order_number = $9, product = $10, visit_day = $11, request_hash = $12 WHERE scope = $1 AND uuid = $2 AND version = $3";
        let values: Vec<SqlValue> = vec![
            booking.scope.as_str().into(),
            booking.uuid.to_string().into(),
            booking.version.into(),
            booking.reseller_reference.as_deref().into(),
            booking.is_held.into(),
            sealed.key_id.into(),
            sealed.bytes.into(),
            booking.order.to_string().into(),
            booking.number.as_str().into(),
            booking.product.as_str().into(),
            booking.visit_day.map(|day| day.to_string()).into(),
            booking.request_hash.as_str().into(),
        ];
        match self.execute_one(sql, values).await? {
            0 => Err(StoreError::Outdated),
            _ => Ok(()),
        }
    }

    async fn list_bookings(
        &self,
        scope: &str,
        filter: &BookingFilter,
        limit: usize,
    ) -> Result<Vec<StoredBooking>, StoreError> {
        let (conditions, mut values) = conditions(scope, filter);
        values.push(limit.into());
        let sql = format!(
            "SELECT {COLUMNS} FROM octo_bookings WHERE {conditions} ORDER BY created_at DESC, uuid LIMIT ${}",
            values.len()
        );
        let rows = self.database.fetch_once(&sql, values).await?;
        rows.iter().map(|row| self.decode_booking(row)).collect()
    }
}
