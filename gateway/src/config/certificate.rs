//! A certificate that we show: `tls_cert` and `tls_key`, in whichever section.

use std::path::PathBuf;

use super::error::Fault;
use super::table::Table;

/// A chain and its key, PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    pub chain: PathBuf,
    pub key: PathBuf,
}

impl Certificate {
    pub(super) fn read(table: &Table<'_>) -> Result<Option<Self>, Fault> {
        match (table.path_of("tls_cert")?, table.path_of("tls_key")?) {
            (Some(chain), Some(key)) => Ok(Some(Self { chain, key })),
            (None, None) => Ok(None),
            (Some(_), None) | (None, Some(_)) => {
                Err(table.fault("tls_cert", "and tls_key only make sense together"))
            }
        }
    }
}
