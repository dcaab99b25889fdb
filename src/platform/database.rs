//! The database: one pool and one set of migrations for SQLite and PostgreSQL.
//!
//! Owns opening, creating and migrating. What the tables mean is `governance`'s business. Queries are
//! written once, in SQL that both understand (`migrations/README.md`).

use crate::platform::settings::without_password;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AnyPool, ConnectOptions as _, SqlSafeStr as _};
use std::fs::OpenOptions;
use std::future::Future;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

const MIGRATIONS: [(i64, &str, &str); 4] = [
    (1, "answers", include_str!("../../migrations/0001_answers.sql")),
    (2, "feedback", include_str!("../../migrations/0002_feedback.sql")),
    (3, "used_tokens", include_str!("../../migrations/0003_used_tokens.sql")),
    (4, "card_handles", include_str!("../../migrations/0004_card_handles.sql")),
];

/// How long to wait for a connection before a call fails.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the database cannot be used. No message holds a password.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("the file of database `{url}` cannot be made or opened: {reason}")]
    File { url: String, reason: String },
    #[error("database `{url}` cannot be opened: {reason}")]
    Open { url: String, reason: String },
    #[error("the tables of database `{url}` cannot be brought up to date: {reason}")]
    Migrate { url: String, reason: String },
    #[error("the database did not answer: {0}")]
    Query(#[from] sqlx::Error),
    #[error("the task that asked the database ended early")]
    Interrupted,
}

/// An open, migrated database. Clones share one pool.
#[derive(Clone)]
pub struct Database {
    pool: AnyPool,
    runtime: tokio::runtime::Handle,
}

impl Database {
    /// Opens `url` (`sqlite:PATH`, made when missing with its folder, or `postgres://…`) and migrates it.
    /// Its connections live on the runtime of the caller.
    pub async fn open(url: &str) -> Result<Self, DatabaseError> {
        sqlx::any::install_default_drivers();
        let shown = without_password(url);
        let (address, sqlite) = match sqlite_path(url) {
            Some(path) => {
                let fail =
                    |error: std::io::Error| DatabaseError::File { url: shown.clone(), reason: error.to_string() };
                make_file(path).map_err(fail)?;
                (format!("sqlite:{}?mode=rwc", path.replace('%', "%25")), true)
            }
            None => (url.to_string(), false),
        };
        let fail = |error: sqlx::Error| DatabaseError::Open { url: shown.clone(), reason: error.to_string() };
        let options = AnyConnectOptions::from_str(&address).map_err(fail)?.disable_statement_logging();
        let pool = pool_options(sqlite).connect_with(options).await.map_err(fail)?;
        migrate(&pool, sqlite)
            .await
            .map_err(|error| DatabaseError::Migrate { url: shown.clone(), reason: error.to_string() })?;
        Ok(Self { pool, runtime: tokio::runtime::Handle::current() })
    }

    /// Runs a query to its end on the database's own runtime, even when the caller leaves: a connection must
    /// not depend on a web worker that may stop first, and a row once begun is written whole.
    pub async fn run<T, E, F>(&self, query: impl FnOnce(AnyPool) -> F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let done = self.runtime.spawn(query(self.pool.clone())).await;
        done.unwrap_or_else(|_| Err(DatabaseError::Interrupted.into()))
    }

    /// Asks for nothing, to see whether the database answers.
    pub async fn is_alive(&self) -> bool {
        let asked = self.run(|pool| async move {
            sqlx::query("select 1").execute(&pool).await.map_err(DatabaseError::from)?;
            Ok::<_, DatabaseError>(())
        });
        asked.await.is_ok()
    }

    /// Finishes what is running and closes every connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// The file of a SQLite address.
fn sqlite_path(url: &str) -> Option<&str> {
    let path = url.strip_prefix("sqlite:")?;
    Some(path.strip_prefix("//").unwrap_or(path))
}

/// The file with its folder. It holds what was said of patients: a new one is its owner's alone, and SQLite gives the files
/// beside it the same mode. One that is there stays as its operators made it.
fn make_file(path: &str) -> std::io::Result<()> {
    if let Some(folder) = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// SQLite has one writer: a queue for one connection is fairer than writers that wait for a lock. Its log is
/// written ahead, so that another process reads while we write, and each commit reaches the disk.
fn pool_options(sqlite: bool) -> AnyPoolOptions {
    let options = AnyPoolOptions::new().acquire_timeout(PATIENCE);
    if !sqlite {
        return options.max_connections(8);
    }
    options.max_connections(1).after_connect(|connection, _| {
        Box::pin(async move {
            for pragma in ["pragma journal_mode = wal", "pragma synchronous = full", "pragma busy_timeout = 5000"] {
                sqlx::query(pragma).execute(&mut *connection).await?;
            }
            Ok(())
        })
    })
}

/// Brings the tables up to date. PostgreSQL lets one process at a time do so. SQLite has no such lock: of several
/// that start together all but one fail, each because another did at least one step, so that a try for each step
/// and one more is enough.
async fn migrate(pool: &AnyPool, sqlite: bool) -> Result<(), MigrateError> {
    let migrator = migrator();
    for _ in MIGRATIONS.iter().filter(|_| sqlite) {
        if migrator.run(pool).await.is_ok() {
            return Ok(());
        }
    }
    migrator.run(pool).await
}

fn migrator() -> Migrator {
    let migrations = MIGRATIONS.iter().map(|&(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_missing_file_is_made_with_its_folder_and_opens_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a/b 100%/prodrome.sqlite");
        let url = format!("sqlite:{}", path.display());
        for _ in 0..2 {
            let database = Database::open(&url).await.expect("open");
            assert!(database.is_alive().await);
            database.close().await;
        }
        #[cfg(unix)]
        for name in std::fs::read_dir(path.parent().expect("a folder")).expect("files") {
            let mode = std::os::unix::fs::PermissionsExt::mode(
                &name.expect("a file").metadata().expect("facts").permissions(),
            );
            assert_eq!(mode & 0o077, 0, "nobody but the owner may read it");
        }
        assert!(path.exists());
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.sqlite");
        std::fs::write(&path, "this is no database, whatever its name says".repeat(40)).expect("written");
        assert!(Database::open(&format!("sqlite:{}", path.display())).await.is_err());
    }
}
