//! Why the database can't be used at the moment, in words that anybody may read.

use std::fmt;

use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;

use super::StoreError;

/// What is the matter with the database as a whole. It ends by itself once its cause does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// There is no room for what is to be written.
    DiskFull,
    /// It can be read, but not written: its files, their folder or the server are read-only, or the disk fails.
    Unwritable,
    /// Its file is not what SQLite wrote.
    Damaged,
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outage::DiskFull => "the disk of the database is full",
            Outage::Unwritable => "the database can't be written",
            Outage::Damaged => "the file of the database is damaged",
        })
    }
}

impl StoreError {
    /// What is the matter with the whole database, where this error tells.
    pub fn outage(&self) -> Option<Outage> {
        match self {
            StoreError::ReadOnly => Some(Outage::Unwritable),
            StoreError::Group(shared) => shared.outage(),
            StoreError::Database(sqlx::Error::Database(error)) => {
                let error = error.as_ref();
                if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
                    return of_postgres(error.code());
                }
                let code = error.try_downcast_ref::<SqliteError>().and_then(|_| error.code())?;
                of_sqlite(code.parse().ok()?)
            }
            _ => None,
        }
    }
}

/// By SQLSTATE (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn of_postgres(code: &str) -> Option<Outage> {
    match code {
        "53100" => Some(Outage::DiskFull),
        "25006" | "58030" => Some(Outage::Unwritable),
        _ => None,
    }
}

/// By result code (<https://sqlite.org/rescode.html>), of which the lowest byte is the primary one.
fn of_sqlite(code: u32) -> Option<Outage> {
    match code & 0xff {
        // SQLITE_FULL
        13 => Some(Outage::DiskFull),
        // SQLITE_PERM, SQLITE_READONLY, SQLITE_IOERR, SQLITE_CANTOPEN
        3 | 8 | 10 | 14 => Some(Outage::Unwritable),
        // SQLITE_CORRUPT, SQLITE_NOTADB
        11 | 26 => Some(Outage::Damaged),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extended_codes_are_read_by_their_primary_one() {
        // SQLITE_IOERR_WRITE, SQLITE_READONLY_DBMOVED, SQLITE_CORRUPT_INDEX, SQLITE_BUSY_SNAPSHOT
        for (code, outage) in [
            (778, Some(Outage::Unwritable)),
            (1032, Some(Outage::Unwritable)),
            (779, Some(Outage::Damaged)),
            (517, None),
        ] {
            assert_eq!(of_sqlite(code), outage, "{code}");
        }
    }

    #[test]
    fn what_several_requests_shared_is_told_to_each() {
        let shared = StoreError::Group(std::sync::Arc::new(StoreError::ReadOnly));
        assert_eq!(shared.outage(), Some(Outage::Unwritable));
        assert_eq!(StoreError::Closed.outage(), None);
    }
}
