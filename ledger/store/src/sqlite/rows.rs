//! Reads columns as our types, and writes values as text. What can't be read is said with column and reason.

use std::{fmt::Display, str::FromStr};

use ledger_contract::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Row, sqlite::SqliteRow};

use crate::error::StoreError;

/// The columns of one row.
pub(super) struct Columns<'r>(pub &'r SqliteRow);

impl Columns<'_> {
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
        Ok(self.int(column)? != 0)
    }

    pub fn time(&self, column: &str) -> Result<Timestamp, StoreError> {
        self.int(column).map(Timestamp)
    }

    pub fn opt_time(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.opt_int(column)?.map(Timestamp))
    }

    /// An id or a name of a closed list.
    pub fn parse<T: FromStr<Err: Display>>(&self, column: &str) -> Result<T, StoreError> {
        let text = self.text(column)?;
        text.parse().map_err(|error| corrupt(column, &text, &error))
    }

    pub fn opt_parse<T: FromStr<Err: Display>>(&self, column: &str) -> Result<Option<T>, StoreError> {
        let Some(text) = self.opt_text(column)? else { return Ok(None) };
        text.parse().map(Some).map_err(|error| corrupt(column, &text, &error))
    }

    pub fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        read_json(column, &self.text(column)?)
    }

    pub fn opt_json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, StoreError> {
        self.opt_text(column)?.map(|text| read_json(column, &text)).transpose()
    }

    /// A value that is written by its name in JSON.
    pub fn opt_name<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, StoreError> {
        let Some(text) = self.opt_text(column)? else { return Ok(None) };
        let name = serde_json::Value::String(text.clone());
        serde_json::from_value(name).map(Some).map_err(|_| corrupt(column, &text, &"unknown name"))
    }
}

/// A value as JSON text, for a JSON column or for `json_each`.
pub(super) fn json_text<T: Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt(format!("a value can't be written: {error}")))
}

/// The same for an optional JSON column.
pub(super) fn opt_json_text<T: Serialize>(value: Option<&T>) -> Result<Option<String>, StoreError> {
    value.map(json_text).transpose()
}

/// What is in the column stays out of the message, parts that serde would quote included: customers wrote it.
fn read_json<T: DeserializeOwned>(column: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| {
        let place = format!("not of its shape at byte {}", error.column());
        corrupt(column, &"of JSON", &place)
    })
}

fn corrupt(column: &str, value: &dyn Display, reason: &dyn Display) -> StoreError {
    StoreError::Corrupt(format!("column {column}, value {value}: {reason}"))
}
