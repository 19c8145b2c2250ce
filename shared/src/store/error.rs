//! What can go wrong in the store.

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be reached, or has no free connection: try again later.
    #[error("database unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// Another transaction was in the way (deadlock, serialisation, lock time-out): try again.
    #[error("database busy")]
    Busy(#[source] sqlx::Error),
    /// A unique, foreign key or check constraint refused the change.
    #[error("constraint {constraint} refused the change")]
    Conflict {
        /// The constraint's name, or the database's message where it gives no name.
        constraint: String,
        /// What kind it was.
        kind: ConstraintKind,
    },
    /// A query that must give one row gave none.
    #[error("row not found")]
    NotFound,
    /// A stored value could not be read as what it must be.
    #[error("stored data is inconsistent")]
    Corrupt(#[source] sqlx::Error),
    /// A migration failed.
    #[error("migration failed")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// Anything else the driver says.
    #[error("database error")]
    Driver(#[source] sqlx::Error),
}

/// What kind of constraint refused a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConstraintKind {
    /// The row exists.
    Unique,
    /// The row that it points to does not exist.
    ForeignKey,
    /// A value is not allowed.
    Check,
}

impl Error {
    /// Whether the refusal came from a constraint, so that the statement itself must not be repeated.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Error::Conflict { .. })
    }

    /// Whether the row existed already.
    pub fn is_unique(&self) -> bool {
        matches!(self, Error::Conflict { kind: ConstraintKind::Unique, .. })
    }

    /// Whether the same call may well succeed a moment later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Error::Unavailable(_) | Error::Busy(_))
    }
}

impl From<sqlx::Error> for Error {
    fn from(e: sqlx::Error) -> Self {
        use sqlx::error::ErrorKind;
        match &e {
            sqlx::Error::RowNotFound => Error::NotFound,
            sqlx::Error::Migrate(_) => match e {
                sqlx::Error::Migrate(e) => Error::Migrate(*e),
                e => Error::Driver(e),
            },
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                Error::Unavailable(e)
            }
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Error::Corrupt(e),
            sqlx::Error::Database(d) => {
                let kind = match d.kind() {
                    ErrorKind::UniqueViolation => Some(ConstraintKind::Unique),
                    ErrorKind::ForeignKeyViolation => Some(ConstraintKind::ForeignKey),
                    ErrorKind::CheckViolation | ErrorKind::NotNullViolation => Some(ConstraintKind::Check),
                    _ => None,
                };
                if let Some(kind) = kind {
                    let constraint = d.constraint().unwrap_or(d.message()).to_owned();
                    return Error::Conflict { constraint, kind };
                }
                match d.code().as_deref() {
                    // PostgreSQL: serialization failure, deadlock, lock not available. SQLite: BUSY, LOCKED.
                    Some("40001" | "40P01" | "55P03" | "5" | "6" | "517" | "261") => Error::Busy(e),
                    // PostgreSQL: shutting down, starting up, connection limits; SQLite: disk full, I/O error.
                    Some("57P01" | "57P02" | "57P03" | "53300" | "53100" | "08006" | "08003" | "13" | "10") => {
                        Error::Unavailable(e)
                    }
                    _ => Error::Driver(e),
                }
            }
            _ => Error::Driver(e),
        }
    }
}
