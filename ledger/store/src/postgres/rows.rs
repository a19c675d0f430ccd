//! Reads columns as our types, and writes values as Postgres has them. What can't be read is said with column and reason.

use std::{fmt::Display, str::FromStr};

use ledger_contract::{RowHash, Timestamp};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{
    Decode, Encode, Postgres as Driver, Row, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgHasArrayType, PgRow, PgTypeInfo, PgValueRef},
    types::{Json, Uuid, chrono},
};

use crate::error::StoreError;

/// 2000-01-01, where Postgres counts from, in Unix milliseconds.
const EPOCH_MS: i64 = 946_684_800_000;

/// A `timestamptz`. Milliseconds here, microseconds there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time(pub Timestamp);

impl Type<Driver> for Time {
    fn type_info() -> PgTypeInfo {
        <chrono::DateTime<chrono::Utc> as Type<Driver>>::type_info()
    }
}

impl PgHasArrayType for Time {
    fn array_type_info() -> PgTypeInfo {
        <chrono::DateTime<chrono::Utc> as PgHasArrayType>::array_type_info()
    }
}

impl Encode<'_, Driver> for Time {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        // A time beyond what Postgres knows is refused there, as out of range.
        let micros = self.0.0.saturating_sub(EPOCH_MS).saturating_mul(1_000);
        Encode::<Driver>::encode(micros, buffer)
    }
}

impl Decode<'_, Driver> for Time {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        let micros = <i64 as Decode<Driver>>::decode(value)?;
        Ok(Self(Timestamp(micros.div_euclid(1_000).saturating_add(EPOCH_MS))))
    }
}

/// The columns of one row.
pub(super) struct Columns<'r>(pub &'r PgRow);

impl Columns<'_> {
    pub fn id<T: From<Uuid>>(&self, column: &str) -> Result<T, StoreError> {
        Ok(self.0.try_get::<Uuid, _>(column)?.into())
    }

    pub fn opt_id<T: From<Uuid>>(&self, column: &str) -> Result<Option<T>, StoreError> {
        Ok(self.0.try_get::<Option<Uuid>, _>(column)?.map(Into::into))
    }

    pub fn opt_hash(&self, column: &str) -> Result<Option<RowHash>, StoreError> {
        let Some(bytes) = self.0.try_get::<Option<&[u8]>, _>(column)? else { return Ok(None) };
        bytes.try_into().map(|hash| Some(RowHash(hash))).map_err(|_| corrupt(column, &"of bytes", &"not a hash"))
    }

    pub fn hash(&self, column: &str) -> Result<RowHash, StoreError> {
        self.opt_hash(column)?.ok_or_else(|| corrupt(column, &"of bytes", &"missing"))
    }

    pub fn text(&self, column: &str) -> Result<String, StoreError> {
        Ok(self.0.try_get(column)?)
    }

    pub fn opt_text(&self, column: &str) -> Result<Option<String>, StoreError> {
        Ok(self.0.try_get(column)?)
    }

    pub fn int(&self, column: &str) -> Result<i64, StoreError> {
        Ok(self.0.try_get(column)?)
    }

    pub fn opt_int(&self, column: &str) -> Result<Option<i64>, StoreError> {
        Ok(self.0.try_get(column)?)
    }

    /// A number of a narrower type.
    pub fn number<T: TryFrom<i64>>(&self, column: &str) -> Result<T, StoreError> {
        let number = self.int(column)?;
        T::try_from(number).map_err(|_| corrupt(column, &number, &"out of range"))
    }

    pub fn flag(&self, column: &str) -> Result<bool, StoreError> {
        Ok(self.0.try_get(column)?)
    }

    pub fn time(&self, column: &str) -> Result<Timestamp, StoreError> {
        Ok(self.0.try_get::<Time, _>(column)?.0)
    }

    pub fn opt_time(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.0.try_get::<Option<Time>, _>(column)?.map(|time| time.0))
    }

    /// A name of a closed list.
    pub fn parse<T: FromStr<Err: Display>>(&self, column: &str) -> Result<T, StoreError> {
        let text: &str = self.0.try_get(column)?;
        text.parse().map_err(|error| corrupt(column, &text, &error))
    }

    pub fn opt_parse<T: FromStr<Err: Display>>(&self, column: &str) -> Result<Option<T>, StoreError> {
        let Some(text) = self.0.try_get::<Option<&str>, _>(column)? else { return Ok(None) };
        text.parse().map(Some).map_err(|error| corrupt(column, &text, &error))
    }

    pub fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        self.opt_json(column)?.ok_or_else(|| corrupt(column, &"of JSON", &"missing"))
    }

    pub fn opt_json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, StoreError> {
        let value: Option<Json<T>> = self.0.try_get(column).map_err(|_| {
            // What is in the column stays out of the message: customers wrote it.
            corrupt(column, &"of JSON", &"not of its shape")
        })?;
        Ok(value.map(|Json(value)| value))
    }

    /// A value that is written by its name in JSON.
    pub fn opt_name<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, StoreError> {
        let Some(text) = self.opt_text(column)? else { return Ok(None) };
        let name = serde_json::Value::String(text.clone());
        serde_json::from_value(name).map(Some).map_err(|_| corrupt(column, &text, &"unknown name"))
    }
}

/// One column of many rows, as a statement's array.
pub(super) fn column<'r, R, C>(rows: &'r [R], value: impl Fn(&'r R) -> C) -> Vec<C> {
    rows.iter().map(value).collect()
}

/// The same for values as JSON text. A value of ours always has one: `None` would be refused by the column.
pub(super) fn json_column<'r, R, V: Serialize + 'r>(
    rows: &'r [R],
    value: impl Fn(&'r R) -> Option<&'r V>,
) -> Vec<Option<String>> {
    rows.iter().map(|row| value(row).and_then(|value| serde_json::to_string(value).ok())).collect()
}

fn corrupt(column: &str, value: &dyn Display, reason: &dyn Display) -> StoreError {
    StoreError::Corrupt(format!("column {column}, value {value}: {reason}"))
}
